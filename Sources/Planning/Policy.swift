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
    package let associations: Associations

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

    /// Said of a group whose members differ from the source since an undo.
    package static let restoredMembers =
        """
        its members differ from the source: an undo restored them; they stay so until the source's change, or --release
        """

    func judge(_ row: SituationRow) -> Decision {
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
            // Who may be somebody else gets into no group, and leaves none; nor does a leaver of whom nobody can tell
            // whether it is let in again.
            let isHeld =
                drafts.contains { $0.heldBy == .recycledMail }
                || row.situation == .returned && row.isStatusUnreadable
            return (drafts, isHeld ? .held : .present)
        case .missing: return missing(kind, row)
        case .absent: return absent(kind, row)
        case .known: return known(kind, row)
        case .existing: return existing(kind, row)
        case .leaver: return leaver(kind, row)
        case .gone: return gone(row)
        case .protected:
            return (
                [report(row, .held, "the name matches a protect pattern; it is never touched", heldBy: .protected)],
                .held
            )
        case .taken: return taken(kind, row)
        case .ambiguous where isLookAlike(row) && isDeclined(row): return absent(kind, row)
        case .ambiguous: return ([report(row, .held, ambiguity(kind, row), heldBy: .ambiguous)], .held)
        case .foreign: return ([report(row, .conflict, foreignness(kind, row))], .held)
        case .collision:
            let rival = row.rival.map { " (with \($0))" } ?? ""
            let why = "two source records want the same name or externalId\(rival); correct one of them in the source"
            return (disabling(kind, row) + [report(row, .held, why, heldBy: .collision)], .held)
        case .unacceptable:
            let why = [row.problem, row.flaw].compactMap { $0 }.joined(separator: "; ")
            return (
                disabling(kind, row) + [report(row, .held, "\(why) (\(row.place ?? "source"))", heldBy: .unacceptable)],
                .held
            )
        case .unmanaged: return ([], nil)
        }
    }

    // MARK: one situation each

    private func gone(_ row: SituationRow) -> Decision {
        // Gone is believed only of a source that was seen whole, and of a target that said so when it was asked.
        guard found.incompleteSource == nil, !row.isUnconfirmed, row.isGoneFromTarget else { return ([], .held) }
        return (
            [
                Draft(
                    wave: Wave.forget, verb: .unlink, status: .planned,
                    reason: "gone from the source and from the target: only the link is dropped", name: name(row))
            ], nil
        )
    }

    private func taken(_ kind: ResourceKind, _ row: SituationRow) -> Decision {
        let mark =
            row.targetExternalID.map { "now carries the externalId “\($0)”" }
            ?? "lost its externalId and bears a name that this job did not write"
        let names = [row.sourceName, row.targetName, row.sourceID].compactMap { $0 }
        if !found.takesBack.isDisjoint(with: names) {
            if row.desired == nil || row.isOutOfScope { return leaver(kind, row) }
            return (
                updates(kind, row, changes(kind, row), reason: "taken back: it \(mark)") + frozen(kind, row), .present
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
                    it is this record's, \
                    \(shellOption("--accept-takeback", PlannedOperation.word(name(row), row.sourceID)))
                    """,
                    heldBy: losesAccess ? .keepsAccess : nil)
            ], .held
        )
    }

    func absent(_ kind: ResourceKind, _ row: SituationRow) -> Decision {
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
    func sharing(_ kind: ResourceKind, _ row: SituationRow) -> Decision? {
        guard let other = row.sourceID.flatMap({ found.sharedAccounts[kind]?[$0] }) else { return nil }
        let reason =
            """
            shares an account with \(other): the target answered its create with that account; change one of the \
            two records, such as the e-mail address
            """
        return ([report(row, .held, reason, heldBy: .sharedAccount)], .held)
    }

    /// A new person under a leaver's address may be the same person again, or be let into the other's mail.
    func recycledMail(_ kind: ResourceKind, _ row: SituationRow, _ mail: String?) -> Decision? {
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
    func recycledMail(_ kind: ResourceKind, _ row: SituationRow, _ fields: [FieldChange]) -> Decision? {
        fields.first { $0.path == Self.mail }.flatMap { recycledMail(kind, row, Self.foldedText($0.after)) }
    }

    func missing(_ kind: ResourceKind, _ row: SituationRow) -> Decision {
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
        if let replaced = replaced(kind, row) { return replaced }
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

    /// What is gone while an object of its name stands there, which nobody owns, is not made beside or over that one:
    /// the link is dropped, and the next run judges it as one that was there.
    private func replaced(_ kind: ResourceKind, _ row: SituationRow) -> Decision? {
        guard row.isGoneFromTarget, platform.namesakes != .overwrite, let other = row.nameMatch, row.nameHolder == nil,
            !isLookAlike(row)
        else { return nil }
        let why =
            """
            its \(kind == .user ? "account" : "group") is gone from the target, where \(other) has its name now: the \
            next run judges that one as \(Self.thing(kind)) that was there
            """
        return (
            [
                Draft(
                    wave: Wave.forget, verb: .unlink, status: .planned,
                    reason: "gone from the target: only the link is dropped", name: name(row)),
                report(row, .held, why, heldBy: .namesake),
            ], .held
        )
    }

    func creation(_ kind: ResourceKind, _ row: SituationRow, reason: String) -> Draft {
        var draft = Draft(
            wave: Wave.create(kind), verb: .create, status: .planned, reason: reason,
            fields: differences.creation(row.desired ?? "{}"), takes: row.desiredKey, name: name(row))
        draft.takesMail = Self.foldedText(draft.fields.first { $0.path == Self.mail }?.after)
        permit(&draft, kind, .create)
        if let sizeHold = found.sizeHold, draft.status == .planned { draft.hold(.sourceSize, sizeHold) }
        return draft
    }

    func known(_ kind: ResourceKind, _ row: SituationRow) -> Decision {
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

    func existing(_ kind: ResourceKind, _ row: SituationRow) -> Decision {
        let isAccepted = associations.isAccepted(kind, row, terms.existing)
        if let objection = objection(kind, row, isAccepted: isAccepted) { return ([objection], .held) }
        var fields = changes(kind, row)
        if let recycled = recycledMail(kind, row, fields) { return recycled }
        var drafts: [Draft] = []
        // Associating and disabling are two decisions with two limits.
        if let place = fields.firstIndex(where: \.disables) {
            let field = fields.remove(at: place)
            var disabling = disable(kind, row, [field], reason: Self.disabledInSource)
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

    /// What keeps a record from an object of its name; nil where nothing does.
    private func objection(_ kind: ResourceKind, _ row: SituationRow, isAccepted: Bool) -> Draft? {
        let rule = terms.existing.rule(kind)
        if isDeclined(row) {
            return report(
                row, .noted,
                """
                \(Self.thing(kind)) of that name exists, and existing.decline says that it is never this \
                record's
                """
            )
        }
        guard platform.namesakes == .associate, rule != .conflict || isAccepted else {
            let why = platform.namesakes == .associate ? "switched off (existing: conflict)" : "not possible there"
            return report(
                row, .conflict, "\(Self.thing(kind)) of that name exists and is not ours; association is \(why)")
        }
        // Where the others say whether they are active, one that does not may be left out because it is not.
        let isUnclear = kind == .user && platform.hasActiveFlag && row.actualActive == nil && found.activityIsShown
        if row.actualActive == false || isUnclear, row.desiredActive != false, !terms.existing.associateDisabled,
            !isAccepted
        {
            let state = isUnclear ? "does not show if it is active, as others do" : "is disabled"
            return report(
                row, .held,
                """
                \(Self.thing(kind)) of that name exists and \(state); set existing: {disabled: associate} \
                to take it, which enables it
                """,
                heldBy: .disabledNamesake)
        }
        guard rule == .matching, !isAccepted, let doubt = associations.doubt(kind, row) else { return nil }
        let accepted = shellWord("\(kind.singular):\(PlannedOperation.word(name(row), row.sourceID))")
        return report(
            row, .held,
            """
            \(Self.thing(kind)) of that name exists, and it is not certain that it is this record's: \
            \(doubt). To link the two: --accept-association \(accepted); to leave it alone for good: \
            existing.decline in the job
            """,
            heldBy: .namesake)
    }

    func change(_ kind: ResourceKind, _ row: SituationRow) -> [Draft] {
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
            let isSilent = !row.isStatusUnreadable && (isUnmapped ? !row.isDisabled : row.desiredActive == nil)
            if isSilent, row.status == .disabled, row.actualActive == false {
                fields.append(FieldChange(path: "active", before: "false", after: "true"))
            }
            guard !fields.isEmpty else {
                // Back, and nobody can tell whether it is let in: it stays a leaver.
                if row.isStatusUnreadable { return held + frozen(kind, row) }
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
}
