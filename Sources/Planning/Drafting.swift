import JSON
import SCIM

/// The drafts that a decision is made of: each in its place, permitted or held.
extension Policy {
    func changes(_ kind: ResourceKind, _ row: SituationRow) -> [FieldChange] {
        all(kind, row).filter { !(platform.immutable[kind]?.contains($0.path) ?? false) }
    }

    func all(_ kind: ResourceKind, _ row: SituationRow) -> [FieldChange] {
        differences.changes(
            kind, desired: row.desired ?? "{}", actual: row.actual ?? "{}", sent: row.sent, read: row.read)
    }

    /// Differences in what the platform never changes: reported, never sent, and no reason for a second account.
    func frozen(_ kind: ResourceKind, _ row: SituationRow) -> [Draft] {
        let fields = all(kind, row).filter { platform.immutable[kind]?.contains($0.path) ?? false }
        guard !fields.isEmpty else { return [] }
        var draft = report(
            row, .held,
            """
            \(platform.displayName) never changes \(fields.map(\.path).joined(separator: ", ")); the account \
            keeps what it has
            """,
            heldBy: .immutable)
        draft.fields = fields
        return [draft]
    }

    func isDeclined(_ row: SituationRow) -> Bool {
        !terms.existing.decline.isDisjoint(with: [row.sourceName, row.sourceID].compactMap { $0 })
    }

    package static let mail = "emails[work]"

    static func mailText(_ body: String?) -> String? { Body.values(body)[mail]?.string }

    package static func foldedText(_ canonical: String?) -> String? {
        canonical.flatMap { try? JSONValue(parsing: Array($0.utf8)).string }.map(folded)
    }

    static let disabledInSource = "disabled in the source; not deleted while the source has the record"

    /// The operations that bring attributes in step: one for `active`, one for the rest. What takes something away is
    /// held where the source is not proven complete, and the rest goes on.
    func updates(_ kind: ResourceKind, _ row: SituationRow, _ fields: [FieldChange], reason: String) -> [Draft] {
        let key = kind.nameAttribute
        let renames = row.desiredKey != row.actualKey && fields.contains { $0.path == key }
        func draft(_ fields: [FieldChange]) -> Draft {
            var draft =
                fields.contains(where: \.disables)
                ? disable(kind, row, fields, reason: Self.disabledInSource)
                : Draft(
                    wave: Wave.change(kind), verb: .update, status: .planned, reason: reason, fields: fields,
                    name: name(row))
            if renames, fields.contains(where: { $0.path == key }) {
                draft.takes = row.desiredKey
                draft.frees = row.actualKey
            }
            if let mail = fields.first(where: { $0.path == Self.mail }) {
                draft.takesMail = Self.foldedText(mail.after)
                draft.freesMail = Self.foldedText(mail.before)
            }
            permit(&draft, kind, .update)
            return draft
        }
        // Either way, a change of access is an operation of its own: another attribute that is refused must not keep
        // it.
        let access = kind == .user ? fields.filter { $0.path == "active" } : []
        var rest = kind == .user ? fields.filter { $0.path != "active" } : fields
        var drafts: [Draft] = []
        if !access.isEmpty {
            var change = draft(access)
            if !access.contains(where: \.disables) { change.wave = Wave.enableUsers }
            if let incompleteSource = found.incompleteSource, access.contains(where: \.disables) {
                change.hold(.sourceIncomplete, incompleteSource)
            }
            drafts.append(change)
        }
        if let incompleteSource = found.incompleteSource {
            let cleared = rest.filter { $0.after == nil }
            rest.removeAll { $0.after == nil }
            if !rest.isEmpty { drafts.append(draft(rest)) }
            if !cleared.isEmpty {
                var held = draft(cleared)
                held.hold(.sourceIncomplete, incompleteSource)
                drafts.append(held)
            }
        } else if !rest.isEmpty {
            drafts.append(draft(rest))
        }
        return drafts
    }

    func disable(_ kind: ResourceKind, _ row: SituationRow, _ fields: [FieldChange], reason: String) -> Draft {
        var draft = Draft(
            wave: Wave.disableUsers, verb: .disable, status: .planned, reason: reason, fields: fields, name: name(row))
        if let incompleteSource = found.incompleteSource { draft.hold(.sourceIncomplete, incompleteSource) }
        permit(&draft, kind, .update)
        return draft
    }

    func takeAway(_ draft: inout Draft, _ fields: [FieldChange]) {
        guard let incompleteSource = found.incompleteSource, fields.contains(where: { $0.after == nil }) else { return }
        draft.hold(.sourceIncomplete, incompleteSource)
    }

    func permit(_ draft: inout Draft, _ kind: ResourceKind, _ verb: Permission) {
        guard draft.status == .planned, !permits(kind, verb) else { return }
        draft.hold(.operations, "operations.\(kind.plural) does not list \(verb)")
    }

    func permits(_ kind: ResourceKind, _ verb: Permission) -> Bool {
        terms.operations[kind]?.contains(verb) ?? false
    }

    func report(_ row: SituationRow, _ status: OperationStatus, _ reason: String, heldBy: HoldReason? = nil)
        -> Draft
    {
        Draft(wave: Wave.report, verb: .none, status: status, reason: reason, heldBy: heldBy, name: name(row))
    }

    /// What an object of a kind is called where its id is not at hand.
    static func thing(_ kind: ResourceKind) -> String { kind == .user ? "an account" : "a group" }

    func name(_ row: SituationRow) -> String {
        row.sourceName ?? row.targetName ?? row.sourceID ?? row.targetID ?? ""
    }

    /// Whether all that speaks against a record is an object whose name only looks like its own.
    func isLookAlike(_ row: SituationRow) -> Bool {
        row.externalIDMatch == nil && row.nameMatchKey != nil && row.nameMatchKey != row.desiredKey
    }

    func ambiguity(_ kind: ResourceKind, _ row: SituationRow) -> String {
        if let byID = row.externalIDMatch, let byName = row.nameMatch, byID != byName {
            return "the externalId points to \(byID), the name to \(byName); decide on the target which one it is"
        }
        if let byID = row.externalIDMatch {
            return
                "several \(kind.plural), or one that is linked to another record, carry the externalId; one is \(byID)"
        }
        if let key = row.nameMatchKey, isLookAlike(row) {
            return
                """
                its name looks like that of \(row.nameMatch ?? "an object") (\(key)), which nobody owns; whether \
                they are one, nobody can tell: give the two one spelling, or, if they are two, list the record in \
                existing.decline
                """
        }
        return "several objects bear the name; one is \(row.nameMatch ?? "unknown")"
    }

    func foreignness(_ kind: ResourceKind, _ row: SituationRow) -> String {
        if let holder = row.nameHolder {
            return
                """
                the name is still that of the \(kind.singular) \(row.nameMatch ?? ""), which is linked to \
                \(holder); it is never taken over
                """
        }
        let mark =
            row.nameMatchExternalID.map { "the externalId “\($0)”, which is another owner's" }
            ?? "another owner's externalId"
        return
            """
            the \(kind == .user ? "account" : "group") \(row.nameMatch ?? "of that name") on the target has the name, \
            and carries \(mark); it is never taken over. Clear the externalId on the target, or take \
            \(row.sourceID ?? "the record") out of the job's scope
            """
    }
}

extension Draft {
    package mutating func hold(_ by: HoldReason, _ why: String) {
        status = .held
        heldBy = by
        reason += "; held: \(why)"
        due = nil
        takes = nil
        frees = nil
        takesMail = nil
        freesMail = nil
    }
}
