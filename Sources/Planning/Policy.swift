import JSON
import SCIM

/// Decides what is to be done about an object in its situation: the job's will, the platform's abilities and the proofs
/// that were or were not given. Pure: the same row gives the same answer.
package struct Policy: Sendable {
    let terms: PlanTerms
    let platform: PlatformTraits
    let differences: Differences
    let found: Findings
    /// What more than a name has to agree.
    let associations: Associations

    package init(
        terms: PlanTerms, platform: PlatformTraits, differences: Differences, found: Findings,
        associations: Associations
    ) {
        self.terms = terms
        self.platform = platform
        self.differences = differences
        self.found = found
        self.associations = associations
    }

    package typealias Decision = (drafts: [Draft], outlook: Outlook?)

    package func decide(_ row: SituationRow) -> Decision {
        var decision = judge(row)
        if let flaw = row.flaw, row.situation != .unacceptable, row.isLinked || decision.outlook == .present,
            !row.isOutOfScope
        {
            // The rest of the record goes on.
            decision.drafts.append(
                report(
                    row, .held, "\(flaw) (\(row.place ?? "source")): left as it is on the target, and all else goes on",
                    heldBy: .attribute))
        }
        return decision
    }

    private func judge(_ row: SituationRow) -> Decision {
        let kind = row.kind
        if row.isRestored, ![.inStep, .gone, .unmanaged].contains(row.situation) {
            return (
                [
                    report(
                        row, .held, "an undo restored it; it stays so until its source record changes, or --release",
                        heldBy: .restored)
                ], .held
            )
        }
        if let decision = disabledWithoutFlag(kind, row) { return decision }
        switch row.situation {
        case .inStep: return ([], .present)
        case .changed, .returned:
            let drafts = change(kind, row)
            // Who may be somebody else gets into no group, and leaves none.
            return (drafts, drafts.contains { $0.heldBy == .recycledMail } ? .held : .present)
        case .missing: return missing(kind, row)
        case .absent: return absent(kind, row)
        case .known: return known(kind, row)
        case .existing: return existing(kind, row)
        case .leaver: return leaver(kind, row)
        case .gone:
            // Gone is believed only of a source that was seen whole, and of a target that said so when it was asked.
            guard found.incompleteSource == nil, !row.isUnconfirmed, row.isGoneFromTarget else { return ([], .held) }
            return (
                [
                    Draft(
                        wave: Wave.forget, verb: .unlink, status: .planned,
                        reason: "gone from the source and from the target: only the link is dropped", name: name(row))
                ], nil
            )
        case .protected:
            return (
                [report(row, .held, "the name matches a protect pattern; it is never touched", heldBy: .protected)],
                .held
            )
        case .taken:
            let mark =
                row.targetExternalID.map { "now carries the externalId “\($0)”" }
                ?? "lost its externalId and bears a name that this job did not write"
            let names = [row.sourceName, row.targetName, row.sourceID].compactMap { $0 }
            if !found.takesBack.isDisjoint(with: names) {
                if row.desired == nil || row.isOutOfScope { return leaver(kind, row) }
                return (
                    updates(kind, row, changes(kind, row), reason: "taken back: it \(mark)") + frozen(kind, row),
                    .present
                )
            }
            let losesAccess =
                kind == .user && row.actualActive != false
                && (row.desired == nil || row.desiredActive == false || row.isOutOfScope)
            let loses = losesAccess ? "; the source no longer lets it in, and it has access" : ""
            return (
                [
                    report(
                        row, .conflict,
                        """
                        the linked object \(mark): it may belong to somebody else; nothing is written\(loses). If \
                        it is this record's, --accept-takeback \(names.first ?? "")
                        """,
                        heldBy: losesAccess ? .keepsAccess : nil)
                ], .held
            )
        case .ambiguous where isLookAlike(row) && isDeclined(row): return absent(kind, row)
        case .ambiguous: return ([report(row, .held, ambiguity(kind, row), heldBy: .ambiguous)], .held)
        case .foreign: return ([report(row, .conflict, foreignness(kind, row))], .held)
        case .collision:
            let rival = row.rival.map { " (with \($0))" } ?? ""
            return (
                disabling(kind, row) + [
                    report(
                        row, .held,
                        """
                        two source records want the same name or externalId\(rival); correct one of them in the source
                        """,
                        heldBy: .collision)
                ], .held
            )
        case .unacceptable:
            return (
                disabling(kind, row) + [
                    report(
                        row, .held,
                        """
                        \([row.problem, row.flaw].compactMap { $0 }.joined(separator: "; ")) (\
                        \(row.place ?? "source"))
                        """,
                        heldBy: .unacceptable)
                ], .held
            )
        case .unmanaged: return ([], nil)
        }
    }

    // MARK: one situation each

    private func absent(_ kind: ResourceKind, _ row: SituationRow) -> Decision {
        if row.desiredActive == false || row.isDisabled && !platform.hasActiveFlag {
            return ([report(row, .noted, "disabled in the source and without an account: none is created")], .held)
        }
        if let recycled = recycledMail(kind, row, Self.mailText(row.desired)) { return recycled }
        if let shared = sharing(kind, row) { return shared }
        let draft = creation(
            kind, row,
            reason: platform.namesakes == .overwrite
                ? "not known on the target: created, or taken over under the same name"
                : "in the source, not on the target")
        return ([draft], draft.status == .planned ? .present : .held)
    }

    /// What would be made of another record's account once more.
    private func sharing(_ kind: ResourceKind, _ row: SituationRow) -> Decision? {
        guard let other = row.sourceID.flatMap({ found.sharedAccounts[kind]?[$0] }) else { return nil }
        let reason =
            """
            shares an account with \(other): the target answered its create with that account; change one of the \
            two records, such as the e-mail address
            """
        return ([report(row, .held, reason, heldBy: .sharedAccount)], .held)
    }

    /// A new person under a leaver's address may be the same person again, or be let into the other's mail.
    private func recycledMail(_ kind: ResourceKind, _ row: SituationRow, _ mail: String?) -> Decision? {
        guard kind == .user, let mail = mail.map(folded), let holder = found.leaverMails[mail] else { return nil }
        return (
            [
                report(
                    row, .held,
                    """
                    its e-mail address \(mail) is still that of \(holder), a leaver; if it is another person, \
                    give it another address or end that account
                    """,
                    heldBy: .recycledMail)
            ], .held
        )
    }

    /// The same, of an account that is there and would get the address.
    private func recycledMail(_ kind: ResourceKind, _ row: SituationRow, _ fields: [FieldChange]) -> Decision? {
        fields.first { $0.path == Self.mail }.flatMap { recycledMail(kind, row, Self.foldedText($0.after)) }
    }

    private func missing(_ kind: ResourceKind, _ row: SituationRow) -> Decision {
        if row.desiredActive == false || row.isDisabled && !platform.hasActiveFlag, row.isGoneFromTarget {
            return (
                [
                    Draft(
                        wave: Wave.forget, verb: .unlink, status: .planned,
                        reason: "disabled in the source and gone from the target: only the link is dropped",
                        name: name(row))
                ], .held
            )
        }
        if let shared = sharing(kind, row) { return shared }
        if row.lacksWhatIsNeeded {
            return (
                [
                    report(
                        row, .held,
                        """
                        linked, but gone from the target, and no object can be made of it: \(row.flaw ?? "") (\
                        \(row.place ?? "source"))
                        """,
                        heldBy: .unacceptable)
                ], .held
            )
        }
        var draft = creation(kind, row, reason: "linked, but gone from the target: created again")
        if !row.isGoneFromTarget, draft.status == .planned {
            draft.status = .held
            draft.heldBy = .targetIncomplete
            draft.reason =
                found.incompleteTarget.map { "not seen on the target, whose list is not complete (\($0))" }
                ?? "not seen on the target, and the target does not say that it is not there"
        }
        return ([draft], draft.status == .planned ? .present : .held)
    }

    private func creation(_ kind: ResourceKind, _ row: SituationRow, reason: String) -> Draft {
        var draft = Draft(
            wave: Wave.create(kind), verb: .create, status: .planned, reason: reason,
            fields: differences.creation(row.desired ?? "{}"), takes: row.desiredKey, name: name(row))
        draft.takesMail = Self.foldedText(draft.fields.first { $0.path == Self.mail }?.after)
        permit(&draft, kind, .create)
        if let sizeHold = found.sizeHold, draft.status == .planned { draft.hold(.sourceSize, sizeHold) }
        return draft
    }

    private func known(_ kind: ResourceKind, _ row: SituationRow) -> Decision {
        let fields = changes(kind, row)
        if fields.isEmpty {
            return (
                [
                    Draft(
                        wave: Wave.forget, verb: .link, status: .planned,
                        reason: "carries our externalId and is in step: linked", name: name(row))
                ] + frozen(kind, row), .present
            )
        }
        let reason = "carries our externalId: linked and brought in step"
        if let recycled = recycledMail(kind, row, fields) {
            // A hold never delays somebody's own disabling.
            let disabling = fields.filter(\.disables)
            return (recycled.drafts + (disabling.isEmpty ? [] : updates(kind, row, disabling, reason: reason)), .held)
        }
        let drafts = updates(kind, row, fields, reason: reason) + frozen(kind, row)
        // Recognised by our own mark, it is ours even where the change itself is not permitted.
        return (drafts, drafts.contains { $0.status == .planned } ? .present : .held)
    }

    private func existing(_ kind: ResourceKind, _ row: SituationRow) -> Decision {
        let rule = terms.existing.rule(kind)
        let isAccepted = associations.isAccepted(kind, row, terms.existing)
        if isDeclined(row) {
            return (
                [
                    report(
                        row, .noted,
                        """
                        \(Self.thing(kind)) of that name exists, and existing.decline says that it is never this \
                        record's
                        """
                    )
                ], .held
            )
        }
        guard platform.namesakes == .associate, rule != .conflict || isAccepted else {
            let why = platform.namesakes == .associate ? "switched off (existing: conflict)" : "not possible there"
            return (
                [
                    report(
                        row, .conflict, "\(Self.thing(kind)) of that name exists and is not ours; association is \(why)"
                    )
                ], .held
            )
        }
        // Where the others say whether they are active, one that does not may be left out because it is not.
        let isUnclear = kind == .user && platform.hasActiveFlag && row.actualActive == nil && found.activityIsShown
        if row.actualActive == false || isUnclear, row.desiredActive != false, !terms.existing.associateDisabled,
            !isAccepted
        {
            let state = isUnclear ? "does not show if it is active, as others do" : "is disabled"
            return (
                [
                    report(
                        row, .held,
                        """
                        \(Self.thing(kind)) of that name exists and \(state); set existing: {disabled: associate} \
                        to take it, which enables it
                        """,
                        heldBy: .disabledNamesake)
                ], .held
            )
        }
        if rule == .matching, !isAccepted, let doubt = associations.doubt(kind, row) {
            let wayOut =
                "let it go by --accept-association \(kind.singular):\(name(row)), or decline it in existing.decline"
            return (
                [
                    report(
                        row, .held,
                        """
                        \(Self.thing(kind)) of that name exists, and whether it is this record's is not certain: \
                        \(doubt); \(wayOut)
                        """,
                        heldBy: .namesake)
                ], .held
            )
        }
        var fields = changes(kind, row)
        if let recycled = recycledMail(kind, row, fields) { return recycled }
        var drafts: [Draft] = []
        // Associating and disabling are two decisions with two limits.
        if let place = fields.firstIndex(where: \.disables) {
            let field = fields.remove(at: place)
            var disabling = disable(kind, row, [field], reason: "disabled in the source")
            disabling.wave = Wave.disableAssociated
            drafts.append(disabling)
        }
        var draft = Draft(
            wave: Wave.change(kind), verb: .associate, status: .planned,
            reason:
                """
                \(Self.thing(kind)) of that name exists and has no owner: \
                \(isAccepted ? "let go, and " : "")associated
                """,
            fields: fields,
            name: name(row))
        takeAway(&draft, fields)
        permit(&draft, kind, .update)
        let isPlanned = draft.status == .planned
        return ([draft] + (isPlanned ? drafts + frozen(kind, row) : []), isPlanned ? .present : .held)
    }

    private func change(_ kind: ResourceKind, _ row: SituationRow) -> [Draft] {
        var fields = changes(kind, row)
        // A hold of its address stays where the account became ours by another write: until it was sent once, it is new
        // there.
        var held =
            (Body.values(row.sent)[Self.mail] ?? .null).isNull ? recycledMail(kind, row, fields)?.drafts ?? [] : []
        if !held.isEmpty { fields.removeAll { $0.path == Self.mail } }
        if row.isNameProtected, row.desiredKey != row.actualKey,
            fields.contains(where: { $0.path == kind.nameAttribute })
        {
            // A protected name is given to nobody, and keeps nobody from losing access.
            fields.removeAll { $0.path == kind.nameAttribute }
            held.append(
                report(row, .held, "its new name matches a protect pattern, and is not given to it", heldBy: .protected)
            )
        }
        if row.situation == .returned {
            // Disabled as a leaver by this job, and by nobody's status: where the source has no status at all, its
            // return ends that.
            // The same where the job does not map it.
            let isUnmapped = !differences.compares(kind, "active")
            let isSilent = isUnmapped ? !row.isDisabled : row.desiredActive == nil && !row.isStatusUnreadable
            if isSilent, row.status == .disabled, row.actualActive == false {
                fields.append(FieldChange(path: "active", before: "false", after: "true"))
            }
            guard !fields.isEmpty else {
                // Back, and disabled by the source, which is not mapped: it is still this job that has disabled the
                // account.
                if isUnmapped, row.isDisabled, row.actualActive == false { return held }
                // A link that says “in step” would say that the address was sent.
                if !held.isEmpty { return held }
                return [
                    Draft(
                        wave: Wave.forget, verb: .link, status: .planned,
                        reason: "back in the source and in step: no longer a leaver", name: name(row))
                ]
            }
            return updates(kind, row, fields, reason: "back in the source: the same account again") + held
                + frozen(kind, row)
        }
        return (fields.isEmpty ? [] : updates(kind, row, fields, reason: "differs from the source")) + held
            + frozen(kind, row)
    }

    private func leaver(_ kind: ResourceKind, _ row: SituationRow) -> Decision {
        let why = row.departure ?? (row.isOutOfScope ? "left the job's scope" : "no longer in the source")
        return leaving(kind, row, why)
    }

    /// When something becomes of a leaver, seen from today.
    private enum Term: Equatable {
        case due
        /// On that day.
        case later(String)
        case never

        var day: String? { if case .later(let day) = self { day } else { nil } }
    }

    /// Days without a complete read do not count, so a term also waits until absence was seen on enough of them.
    private static let leastDays = 3

    private func term(_ when: Leavers.When, _ row: SituationRow) -> Term {
        func day(_ seconds: Double) -> String { String(Timestamp.text(seconds).prefix(10)) }
        switch when {
        case .immediately: return .due
        case .never: return .never
        case .days(let number):
            let length = Double(number) * 86400
            guard let since = row.leftSince.flatMap({ Timestamp.seconds($0) }) else {
                return .later(day(found.now + length))
            }
            let missing = max(0, Self.leastDays - row.leftDays)
            return found.now >= since + length && missing == 0 && !found.isClockDoubtful
                ? .due : .later(day(max(since + length, found.now + Double(missing) * 86400)))
        }
    }

    /// What becomes of a record that is to leave, for the reason given.
    private func leaving(_ kind: ResourceKind, _ row: SituationRow, _ why: String) -> Decision {
        let isHeldByScope = found.holdsScopeLeavers && (row.isOutOfScope || row.isAbsentByScope)
        let isOurs = row.origin?.isOurs ?? false
        let isKept = !isOurs && !terms.leavers.deleteAssociated
        // What was deleted once has had its term.
        let isDue = row.isSurvivor && terms.leavers.delete != .never
        let delete = isKept ? .never : isDue ? .due : term(terms.leavers.delete, row)
        let hasFlag = kind == .user && platform.hasActiveFlag
        let disable = hasFlag ? isDue ? .due : term(terms.leavers.disable, row) : .never
        let obstacle = row.hasMembers || !terms.fullPush.contains(.group) ? obstacle(kind) : nil
        // Whether the leaving itself is not believed or not permitted yet: then no clock runs, and no membership ends.
        // Whoever was asked for and is gone leaves, whatever the size of the rest.
        let isHeldBySize = found.sizeHold != nil && !row.isConfirmedGone
        let isHeld =
            found.incompleteSource != nil || isHeldBySize || isHeldByScope || row.isUnconfirmed
            || !permits(kind, .delete)
        let since = row.leftSince.map { " (left by \($0.prefix(10)))" } ?? ""
        var draft: Draft
        // What cannot be deleted is disabled; once that is done, the delete is listed as what it waits for.
        if delete == .due, obstacle == nil || disable != .due || row.actualActive == false {
            draft = Draft(
                wave: Wave.delete(kind), verb: .delete, status: .planned,
                reason: "\(why); leavers.delete: \(terms.leavers.delete)\(since)", name: name(row))
            if let obstacle { draft.hold(.operations, obstacle) }
            // Delete, or disable if that is refused.
            if hasFlag, row.actualActive != false {
                draft.fields = [
                    FieldChange(path: "active", before: row.actualActive.map { $0 ? "true" : "false" }, after: "false")
                ]
            }
        } else if disable == .due {
            let outlook =
                delete == .due
                ? obstacle.map { "; not deleted: \($0)" } ?? "" : delete.day.map { "; to be deleted on \($0)" } ?? ""
            if row.actualActive == false {
                // Nothing is left to disable; its memberships end on the same conditions as if there were.
                guard !isHeld, let day = delete.day else { return ([], isHeld ? .held : .leaving) }
                var note = report(row, .noted, "\(why); disabled\(outlook)")
                note.due = day
                return ([note], .leaving)
            }
            let fields = [
                FieldChange(path: "active", before: row.actualActive.map { $0 ? "true" : "false" }, after: "false")
            ]
            draft = Draft(
                wave: Wave.disableUsers, verb: .disable, status: .planned,
                reason: "\(why); leavers.disable: \(terms.leavers.disable)\(outlook)", fields: fields, name: name(row))
            draft.due = delete.day
        } else {
            // Whatever comes first ends the access; days compare as text.
            let day = [disable.day, delete.day].compactMap { $0 }.min()
            let hasAccess = kind == .user && row.actualActive != false
            let access = hasAccess ? "; has access until \(day ?? "somebody ends it")" : ""
            let term =
                isKept
                ? "was associated, not created, so it is kept"
                : delete.day.map { "kept until \($0)" } ?? "kept: leavers.delete: \(terms.leavers.delete)"
            var note = report(row, .noted, "\(why); \(term)\(access)")
            if !isHeld { note.due = day }
            note.keepsAccess = hasAccess
            return ([note], isHeld || hasFlag || kind == .group ? .held : .leaving)
        }
        if let incompleteSource = found.incompleteSource {
            draft.hold(.sourceIncomplete, incompleteSource)
        } else if isHeldBySize, let sizeHold = found.sizeHold {
            draft.hold(.sourceSize, sizeHold)
        } else if row.isUnconfirmed {
            draft.hold(.unconfirmed, "\(row.departure ?? "the source cannot be asked for it")")
        } else if isHeldByScope {
            draft.hold(
                .scopeChange, "the scope changed since the last applied run; --accept-scope-change lets its leavers go")
        }
        permit(&draft, kind, .delete)
        if draft.verb == .delete, draft.status == .planned, row.isSurvivor, !draft.fields.isEmpty {
            // Deleted before, and it still stands: a delete alone may do nothing again.
            let disabling = Draft(
                wave: Wave.disableUsers, verb: .disable, status: .planned,
                reason: "\(why); deleted before, and it still stands and is active", fields: draft.fields,
                name: name(row))
            draft.fields = []
            return ([disabling, draft], .leaving)
        }
        return ([draft], draft.status == .planned ? .leaving : .held)
    }

    /// Whether a delete may need a change of groups that the job does not permit.
    package var needsEmptying: Bool {
        (platform.usersMustLeaveGroups || platform.groupsMustBeEmpty)
            && !(terms.fullPush.contains(.group) && permits(.group, .update))
    }

    /// Why something that is in a group, or has members, cannot be deleted; nil where it can.
    private func obstacle(_ kind: ResourceKind) -> String? {
        guard needsEmptying, kind == .user ? platform.usersMustLeaveGroups : platform.groupsMustBeEmpty else {
            return nil
        }
        let missing =
            terms.fullPush.contains(.group)
            ? "operations.groups does not list update" : "groups are outside the job's fullPush"
        return
            """
            \(platform.displayName) deletes only \(kind == .user ? "who is in no group" : "a group without members"), \
            and \(missing)
            """
    }

    /// What becomes of somebody whom the source disables where the platform cannot: nil where that is no question.
    private func disabledWithoutFlag(_ kind: ResourceKind, _ row: SituationRow) -> Decision? {
        guard kind == .user, !platform.hasActiveFlag, row.isDisabled, row.isLinked, row.targetID != nil,
            [.inStep, .changed].contains(row.situation)
        else { return nil }
        if terms.leavers.disabledAsLeaver {
            return leaving(
                kind, row,
                "disabled in the source, and \(platform.displayName) cannot disable (leavers.disabled: asLeaver)")
        }
        let note = report(
            row, .noted,
            """
            disabled in the source, and access remains: \(platform.displayName) cannot disable an account; \
            leavers: { disabled: asLeaver } lets it leave
            """
        )
        return (row.situation == .changed ? change(kind, row) + [note] : [note], .present)
    }

    /// A hold on a record never delays its own disabling.
    private func disabling(_ kind: ResourceKind, _ row: SituationRow) -> [Draft] {
        guard kind == .user, platform.hasActiveFlag, row.isLinked, row.targetID != nil, row.desiredActive == false,
            row.actual != nil, row.actualActive != false
        else { return [] }
        return [
            disable(
                kind, row,
                [FieldChange(path: "active", before: row.actualActive.map { $0 ? "true" : "false" }, after: "false")],
                reason: "disabled in the source")
        ]
    }

    // MARK: parts

    private func changes(_ kind: ResourceKind, _ row: SituationRow) -> [FieldChange] {
        all(kind, row).filter { !(platform.immutable[kind]?.contains($0.path) ?? false) }
    }

    private func all(_ kind: ResourceKind, _ row: SituationRow) -> [FieldChange] {
        differences.changes(
            kind, desired: row.desired ?? "{}", actual: row.actual ?? "{}", sent: row.sent, read: row.read)
    }

    /// Differences in what the platform never changes: reported, never sent, and no reason for a second account.
    private func frozen(_ kind: ResourceKind, _ row: SituationRow) -> [Draft] {
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

    private func isDeclined(_ row: SituationRow) -> Bool {
        !terms.existing.decline.isDisjoint(with: [row.sourceName, row.sourceID].compactMap { $0 })
    }

    package static let mail = "emails[work]"

    private static func mailText(_ body: String?) -> String? { Body.values(body)[mail]?.string }

    package static func foldedText(_ canonical: String?) -> String? {
        canonical.flatMap { try? JSONValue(parsing: Array($0.utf8)).string }.map(folded)
    }

    /// The operations that bring attributes in step: one for `active`, one for the rest. What takes something away is
    /// held where the source is not proven complete, and the rest goes on.
    private func updates(_ kind: ResourceKind, _ row: SituationRow, _ fields: [FieldChange], reason: String) -> [Draft]
    {
        let key = kind.nameAttribute
        let renames = row.desiredKey != row.actualKey && fields.contains { $0.path == key }
        func draft(_ fields: [FieldChange]) -> Draft {
            var draft =
                fields.contains(where: \.disables)
                ? disable(kind, row, fields, reason: "disabled in the source")
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

    private func disable(_ kind: ResourceKind, _ row: SituationRow, _ fields: [FieldChange], reason: String) -> Draft {
        var draft = Draft(
            wave: Wave.disableUsers, verb: .disable, status: .planned, reason: reason, fields: fields, name: name(row))
        if let incompleteSource = found.incompleteSource { draft.hold(.sourceIncomplete, incompleteSource) }
        permit(&draft, kind, .update)
        return draft
    }

    private func takeAway(_ draft: inout Draft, _ fields: [FieldChange]) {
        guard let incompleteSource = found.incompleteSource, fields.contains(where: { $0.after == nil }) else { return }
        draft.hold(.sourceIncomplete, incompleteSource)
    }

    private func permit(_ draft: inout Draft, _ kind: ResourceKind, _ verb: Permission) {
        guard draft.status == .planned, !permits(kind, verb) else { return }
        draft.hold(.operations, "operations.\(kind.plural) does not list \(verb)")
    }

    private func permits(_ kind: ResourceKind, _ verb: Permission) -> Bool {
        terms.operations[kind]?.contains(verb) ?? false
    }

    private func report(_ row: SituationRow, _ status: OperationStatus, _ reason: String, heldBy: HoldReason? = nil)
        -> Draft
    {
        Draft(wave: Wave.report, verb: .none, status: status, reason: reason, heldBy: heldBy, name: name(row))
    }

    /// What an object of a kind is called where its id is not at hand.
    private static func thing(_ kind: ResourceKind) -> String { kind == .user ? "an account" : "a group" }

    private func name(_ row: SituationRow) -> String {
        row.sourceName ?? row.targetName ?? row.sourceID ?? row.targetID ?? ""
    }

    /// Whether all that speaks against a record is an object whose name only looks like its own.
    private func isLookAlike(_ row: SituationRow) -> Bool {
        row.externalIDMatch == nil && row.nameMatchKey != nil && row.nameMatchKey != row.desiredKey
    }

    private func ambiguity(_ kind: ResourceKind, _ row: SituationRow) -> String {
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

    private func foreignness(_ kind: ResourceKind, _ row: SituationRow) -> String {
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
            \(row.nameMatch ?? Self.thing(kind)) bears the name and carries \(mark); it is never taken over. \
            Clear the externalId there, or take \(row.sourceID ?? "the record") out of the scope
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
