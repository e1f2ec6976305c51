import Foundation
import JSON
import Ledger
import Provisioning
import SCIM
import Planning

/// R35: a change of a group that loses members who had to stay is noticed, and not repeated.
extension Applier {

    /// Whether what is written to members must be remembered: where nothing shows it, or where a group is only ever
    /// sent as a whole.
    var notesMembers: Bool { target.profile.memberReading.contains(.ledger) || !target.patches(.group) }

    static func careKey(_ target: SCIMTarget) -> String {
        Digest.hexadecimal("\(target.profile.canonical) \(target.capabilities) \(target.patches(.group))")
    }

    private static func verb(_ operation: PlannedOperation) -> Verb {
        [.addMembers, .removeMembers].contains(operation.verb) ? operation.verb : .update
    }

    /// Learned of a group that did not show a member whom it had just taken.
    private static func hidingFact(_ group: String) -> String { Ledger.hidingFact + group }

    /// Remembers of a group that is only ever sent as a whole whether it shows whom it has just taken.
    func noteHiding(_ group: String, _ verb: Verb, isHidden: Bool) throws {
        guard verb == .addMembers, !target.patches(.group) else { return }
        let fact = Self.hidingFact(group)
        if isHidden { try ledger.learn(fact, "a member was taken and not shown") } else { try ledger.unlearn(fact) }
    }

    static func lossFact(_ verb: Verb, _ group: String) -> String { "loses members: \(verb): \(group)" }
    private static func trustFact(_ verb: Verb) -> String { "keeps members: \(verb)" }

    /// What must be true of a group's members around a change; nil where nobody can look. The vendors whose deltas are
    /// documented show nothing.
    func care(_ operation: PlannedOperation, group: String, adding: [String] = [], removing: [String] = []) throws
        -> GroupCare?
    {
        guard target.showsMembers else { return nil }
        let verb = Self.verb(operation)
        let leaving = departed.union(removing)
        var care = GroupCare()
        if operation.verb == .removeMembers { removedInRun[group, default: []].formUnion(removing) }
        care.isOneByOne = try verb == .removeMembers && ledger.losses(verb, key: careKey) > 0
        // After the last piece of a change only: a list of members for each would be the square of the group.
        if target.patches(.group), !care.isOneByOne, try ledger.hasMore(operation) { return nil }
        care.stays = try
            (ledger.stagedMembers(ofGroup: group) + ledger.addedMembers(plan: operation.plan, group: group)).filter {
                !leaving.contains($0) && !removedInRun[group, default: []].contains($0)
            }
        if !target.patches(.group) {
            // What this job has made holds what it has put in.
            let isMade =
                try operation.sourceID.flatMap { try ledger.link(kind: .group, source: $0) }?.origin == .created
            care.isHiding = try ledger.fact(Self.hidingFact(group)) != nil
            let mayHide = try care.isHiding || !isMade && ledger.fact("members") == nil
            let unseen = Set(try ledger.unseenMembers(ofGroup: group))
            care.earlier = unseen
            // What a group did not show when it was put in is in it all the same, as others may be; elsewhere what is
            // added now was taken out by other hands, or never arrived.
            care.put = .init(
                known: Set(care.stays).union(unseen.subtracting(leaving)).subtracting(care.isHiding ? [] : adding),
                isExclusive: isExclusive, mayHide: mayHide)
        }
        // Answers that show the members cost nothing; else each kind of change is looked at until the target has shown
        // that it keeps them.
        care.looksAfterwards = !care.stays.isEmpty
        care.mayTrust = try ledger.fact(Self.trustFact(verb)) == careKey && !care.isOneByOne
        return care
    }

    /// Whether a change is not sent, since its like has lost members: of this group, or of two others. Settles it then.
    func isStopped(_ operation: PlannedOperation) throws -> Bool {
        let verb = Self.verb(operation)
        // A second half is never stopped: its object bears a temporary name.
        guard operation.kind == .group, operation.verb != .delete, verb != .removeMembers,
            operation.unit == nil || operation.unit != operation.seq,
            retry.isDisjoint(with: ["all", operation.name, operation.sourceID ?? ""]), let source = operation.sourceID,
            let link = try ledger.link(kind: operation.kind, source: source)
        else { return false }
        guard try ledger.fact(Self.lossFact(verb, link.targetID)) == careKey || ledger.losses(verb, key: careKey) > 1
        else { return false }
        try ledger.settle(
            operation,
            Outcome(
                status: .skipped,
                reason:
                    """
                    not sent: this target loses members of a group over such a change; \
                    \(shellOption("--retry", PlannedOperation.word(operation.name, operation.sourceID))) \
                    tries again
                    """
            ), run: run)
        return true
    }

    /// Remembers that a change kept whom it had to keep.
    func noteKept(_ operation: PlannedOperation, _ care: GroupCare?) throws {
        guard let care, !care.mayTrust else { return }
        try ledger.learn(Self.trustFact(Self.verb(operation)), careKey)
    }

    func recordLoss(_ operation: PlannedOperation, group: String, missing: [String]) throws {
        let verb = Self.verb(operation)
        try ledger.learn(Self.lossFact(verb, group), careKey)
        let what =
            """
            \(counted(missing.count, "member")) of \(operation.name) that had to stay \
            \(missing.count == 1 ? "is" : "are") gone, such as \(missing[0]): seen in two reads
            """
        let next =
            verb == .removeMembers
            ? "removals go on there one by one, each looked at"
            : """
            “\(verb)” stops for this group\
            \(try ledger.losses(verb, key: careKey) > 1 ? " and every other one of this target" : ""), until --retry
            """
        verification.notes.append("\(what); \(next)")
        try ledger.settle(
            operation, Outcome(status: .failed, reason: "the target did it, and \(what)", mayBeDone: true), run: run)
    }

    /// Gives back what the first halves of renames took, whose second halves were refused.
    func rollBack() async throws {
        for operation in rollbacks {
            guard isGoing, let unit = operation.unit, let source = operation.sourceID,
                let table = tables[operation.kind],
                var link = try ledger.link(kind: operation.kind, source: source),
                let current = try ledger.operation(plan: operation.plan, seq: operation.seq)
            else { continue }
            guard let first = try ledger.operations(plan: operation.plan, unit: unit).first(where: { $0.seq != unit }),
                first.status == .done
            else { continue }
            let back = first.fields.filter { field in operation.fields.contains { $0.path == field.path } }.map {
                FieldChange(path: $0.path, before: $0.after, after: $0.before)
            }
            guard !back.isEmpty else { continue }
            let kind = operation.kind
            var undoing = operation
            undoing.verb = .update
            undoing.fields = back
            let care = try kind == .group ? self.care(undoing, group: link.targetID) : nil
            let performed = await sender.perform(
                undoing, targetID: link.targetID, members: [], mark: link.externalID, care: care,
                isDisabled: kind == .user ? try isDisabled(operation.sourceID, link) : false)
            guard case .done(_, let resource) = performed else {
                verification.notes.append(
                    """
                    \(operation.name) bears a temporary value, \(back.compactMap(\.before).joined(separator: ", ")), \
                    and could not be given its old one back
                    """
                )
                continue
            }
            link.sent = sentBody(undoing, table, desired: nil, previous: link.sent, actual: nil)
            if let name = back.first(where: { $0.path == kind.nameAttribute })?.after.flatMap({ Policy.foldedText($0) })
            {
                link.matchKey = name
            }
            link.read = resource.flatMap { body in try? target.connection.read(body) { table.actual($0)?.body } } ?? nil
            link.sentDigest = nil
            link.readDigest = nil
            let reason =
                current.reason.components(separatedBy: Applier.temporaryWords)[0]
                + "; rolled back: it bears \(back.compactMap(\.after).joined(separator: ", ")) again"
            try ledger.settle(
                current, Outcome(status: .failed, reason: reason, link: .set(link), mayBeDone: current.mayBeDone),
                run: run)
        }
    }
}
