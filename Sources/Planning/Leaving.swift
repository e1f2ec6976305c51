import JSON
import SCIM

/// What becomes of records that leave, and of those that are out where the platform cannot disable.
extension Policy {
    func leaver(_ kind: ResourceKind, _ row: SituationRow) -> Decision {
        let why = row.departure ?? (row.isOutOfScope ? "left the job's scope" : "no longer in the source")
        return leaving(kind, row, why)
    }

    /// When something becomes of a leaver, seen from today.
    enum Term: Equatable {
        case due
        /// On that day.
        case later(String)
        case never

        var day: String? { if case .later(let day) = self { day } else { nil } }
    }

    /// Days without a complete read do not count, so a term also waits until absence was seen on enough of them.
    static let leastDays = 3

    func term(_ when: Leavers.When, _ row: SituationRow) -> Term {
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

    /// What is decided of a record that is to leave.
    private struct Departure {
        let why: String
        let delete: Term
        let disable: Term
        /// What keeps its object from being deleted.
        let obstacle: String?
        /// Whether it is kept for ever, since it was associated and not created.
        let isKept: Bool
        let isHeldByScope: Bool
        let isHeldBySize: Bool
        /// Whether the leaving itself is not believed or not permitted yet: then no clock runs, and no membership ends.
        let isHeld: Bool
    }

    private func departure(_ kind: ResourceKind, _ row: SituationRow, _ why: String) -> Departure {
        let isHeldByScope = found.holdsScopeLeavers && (row.isOutOfScope || row.isAbsentByScope)
        let isKept = !(row.origin?.isOurs ?? false) && !terms.leavers.deleteAssociated
        // What was deleted once has had its term.
        let isDue = row.isSurvivor && terms.leavers.delete != .never
        let hasFlag = kind == .user && platform.hasActiveFlag
        // Whoever was asked for and is gone leaves, whatever the size of the rest.
        let isHeldBySize = found.sizeHold != nil && !row.isConfirmedGone
        return Departure(
            why: why, delete: isKept ? .never : isDue ? .due : term(terms.leavers.delete, row),
            disable: hasFlag ? isDue ? .due : term(terms.leavers.disable, row) : .never,
            obstacle: row.hasMembers || !terms.fullPush.contains(.group) ? obstacle(kind) : nil, isKept: isKept,
            isHeldByScope: isHeldByScope, isHeldBySize: isHeldBySize,
            isHeld: found.incompleteSource != nil || isHeldBySize || isHeldByScope || row.isUnconfirmed
                || !permits(kind, .delete))
    }

    private static func disabling(_ row: SituationRow) -> FieldChange {
        FieldChange(path: "active", before: row.actualActive.map { $0 ? "true" : "false" }, after: "false")
    }

    /// What becomes of a record that is to leave, for the reason given.
    func leaving(_ kind: ResourceKind, _ row: SituationRow, _ why: String) -> Decision {
        let departure = departure(kind, row, why)
        let (delete, obstacle) = (departure.delete, departure.obstacle)
        var draft: Draft
        // What cannot be deleted is disabled; once that is done, the delete is listed as what it waits for.
        if delete == .due, obstacle == nil || departure.disable != .due || row.actualActive == false {
            let since = row.leftSince.map { " (left by \($0.prefix(10)))" } ?? ""
            draft = Draft(
                wave: Wave.delete(kind), verb: .delete, status: .planned,
                reason: "\(why); leavers.delete: \(terms.leavers.delete)\(since)", name: name(row))
            if let obstacle { draft.hold(.operations, obstacle) }
            // Delete, or disable if that is refused.
            if kind == .user, platform.hasActiveFlag, row.actualActive != false { draft.fields = [Self.disabling(row)] }
        } else if departure.disable == .due {
            let outlook =
                delete == .due
                ? obstacle.map { "; not deleted: \($0)" } ?? "" : delete.day.map { "; to be deleted on \($0)" } ?? ""
            if row.actualActive == false {
                // Nothing is left to disable; its memberships end on the same conditions as if there were.
                guard !departure.isHeld, let day = delete.day else { return ([], departure.isHeld ? .held : .leaving) }
                var note = report(row, .noted, "\(why); disabled\(outlook)")
                note.due = day
                return ([note], .leaving)
            }
            draft = Draft(
                wave: Wave.disableUsers, verb: .disable, status: .planned,
                reason: "\(why); leavers.disable: \(terms.leavers.disable)\(outlook)", fields: [Self.disabling(row)],
                name: name(row))
            draft.due = delete.day
        } else {
            return waiting(kind, row, departure)
        }
        hold(&draft, row, departure)
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

    /// A leaver of whom nothing is due yet.
    private func waiting(_ kind: ResourceKind, _ row: SituationRow, _ departure: Departure) -> Decision {
        let delete = departure.delete
        // Whatever comes first ends the access; days compare as text.
        let day = [departure.disable.day, delete.day].compactMap { $0 }.min()
        let hasAccess = kind == .user && row.actualActive != false
        let access = hasAccess ? "; has access until \(day ?? "somebody ends it")" : ""
        let term =
            departure.isKept
            ? "was associated, not created, so it is kept"
            : delete.day.map { "kept until \($0)" } ?? "kept: leavers.delete: \(terms.leavers.delete)"
        var note = report(row, .noted, "\(departure.why); \(term)\(access)")
        if !departure.isHeld { note.due = day }
        note.keepsAccess = hasAccess
        let hasFlag = kind == .user && platform.hasActiveFlag
        return ([note], departure.isHeld || hasFlag || kind == .group ? .held : .leaving)
    }

    private func hold(_ draft: inout Draft, _ row: SituationRow, _ departure: Departure) {
        if let incompleteSource = found.incompleteSource {
            draft.hold(.sourceIncomplete, incompleteSource)
        } else if departure.isHeldBySize, let sizeHold = found.sizeHold {
            draft.hold(.sourceSize, sizeHold)
        } else if row.isUnconfirmed {
            draft.hold(.unconfirmed, "\(row.departure ?? "the source cannot be asked for it")")
        } else if departure.isHeldByScope {
            draft.hold(
                .scopeChange, "the scope changed since the last applied run; --accept-scope-change lets its leavers go")
        }
    }

    /// Whether a delete may need a change of groups that the job does not permit.
    package var needsEmptying: Bool {
        (platform.usersMustLeaveGroups || platform.groupsMustBeEmpty)
            && !(terms.fullPush.contains(.group) && permits(.group, .update))
    }

    /// Why something that is in a group, or has members, cannot be deleted; nil where it can.
    func obstacle(_ kind: ResourceKind) -> String? {
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
    func disabledWithoutFlag(_ kind: ResourceKind, _ row: SituationRow) -> Decision? {
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
    func disabling(_ kind: ResourceKind, _ row: SituationRow) -> [Draft] {
        guard kind == .user, platform.hasActiveFlag, row.isLinked, row.targetID != nil, row.desiredActive == false,
            row.actual != nil, row.actualActive != false
        else { return [] }
        return [
            disable(
                kind, row,
                [FieldChange(path: "active", before: row.actualActive.map { $0 ? "true" : "false" }, after: "false")],
                reason: Self.disabledInSource)
        ]
    }
}
