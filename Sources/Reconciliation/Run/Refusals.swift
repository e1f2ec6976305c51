import HTTP
import JSON
import Ledger
import Provisioning
import SCIM
import Planning

/// R36: what fails in the same way in three applied runs is a refusal. What gives is then tried at growing distances,
/// what takes something away every night.
extension JobRun {
    private static let leastRuns = 3
    /// Days until the next attempt, after the third failure, the fourth …
    private static let distances = [1, 2, 4, 7]

    /// What was, or would be, sent: equal for equal attempts at an equal target.
    private func value(_ fields: [FieldChange], _ members: [String]) -> String {
        let text =
            fields.map { "\($0.path)=\($0.after ?? "")" }.sorted().joined(separator: " ") + " "
            + members.sorted().joined(separator: ",")
        return Digest.hexadecimal("\(text) \(profile.canonical) \(target.map { "\($0.capabilities)" } ?? "")")
    }

    private func value(of operation: PlannedOperation) -> String {
        value(operation.fields, operation.members.map { $0.sourceID ?? $0.targetID ?? "" })
    }

    private static func takes(_ verb: Verb, _ fields: [FieldChange]) -> Bool {
        switch verb {
        case .disable, .delete, .removeMembers, .dissociate: true
        default: fields.contains { $0.after == nil || $0.path == "active" && $0.after == "false" }
        }
    }

    /// Holds the drafts that a refusal puts off to a later day.
    ///
    /// - Parameter memberships: whether the drafts of memberships are meant, or those of records.
    func putOffRefused(memberships: Bool) throws {
        let today = surroundings.today
        // No distance is longer: a later day was written by a clock that was wrong.
        let latest = String(Timestamp.text(surroundings.time.wall() + 8 * 86400).prefix(10))
        for failure in try ledger.failures(leastRuns: Self.leastRuns)
        where (failure.verb == .addMembers) == memberships && failure.next > today && failure.next <= latest {
            for draft in try ledger.plannedDrafts(kind: failure.kind, source: failure.sourceID, verb: failure.verb) {
                guard !Self.takes(draft.verb, draft.fields),
                    permissions.retry.isDisjoint(with: ["all", draft.name, draft.sourceID])
                else { continue }
                guard failure.value == value(draft.fields, memberships ? try ledger.members(ofDraft: draft.draft) : [])
                else { continue }
                try ledger.hold(
                    draft: draft.draft, by: .putOff,
                    reason:
                        """
                        refused in the same way in \(failure.runs) runs since \(failure.since) (\(failure.said)); \
                        tried again on \(failure.next), when the record changes, or with \
                        \(shellOption("--retry", PlannedOperation.word(draft.name, draft.sourceID)))
                        """
                )
            }
        }
    }

    /// R35: holds changes of groups whose like has lost members.
    func holdLosing(memberships: Bool) throws {
        guard let target, pushed.contains(.group) else { return }
        let key = Applier.careKey(target)
        let verb = memberships ? Verb.addMembers : .update
        let losses = try ledger.losses(verb, key: key)
        guard losses > 0, !permissions.retry.contains("all") else { return }
        try ledger.forEachPlannedDraft(kind: .group, verbs: memberships ? [.addMembers] : [.update, .associate]) {
            draft in
            guard permissions.retry.isDisjoint(with: [draft.name, draft.sourceID]),
                let link = try ledger.link(kind: .group, source: draft.sourceID)
            else { return }
            guard try losses > 1 || ledger.fact(Applier.lossFact(verb, link.targetID)) == key else { return }
            try ledger.hold(
                draft: draft.draft, by: .losses,
                reason:
                    """
                    this target has lost members of a group over such a change; \
                    \(shellOption("--retry", PlannedOperation.word(draft.name, draft.sourceID))) tries again
                    """
            )
        }
    }

    /// Operations that failed in the same way again and again, whatever the target answers: they say nothing of its
    /// health.
    func knownRefusals() throws -> Set<String> {
        Set(try ledger.failures(leastRuns: Self.leastRuns).map { "\($0.kind) \($0.verb) \($0.sourceID)" })
    }

    /// Counts what this run's operations came to. Called once all is settled.
    func countRefusals() throws {
        // By a clock that is in doubt, nothing is put off.
        guard let plan, undone == nil, clockDoubt == nil else { return }
        let today = surroundings.today
        let hasFailures = try ledger.hasFailures
        var failed: [PlannedOperation] = []
        var done: [PlannedOperation] = []
        try ledger.forEachOperation(plan: plan) { operation in
            guard operation.verb != .none, operation.sourceID != nil,
                operation.unit == nil || operation.unit == operation.seq
            else { return }
            switch operation.status {
            // A target that is full says nothing of the record.
            case .failed where operation.fate == .noRoom: break
            // Nor does what this program did not send: what keeps it back may be known tomorrow, and looking costs
            // nothing.
            case .failed where operation.fate == .withheld: break
            case .failed, .sent: failed.append(operation)
            case .conflict: failed.append(operation)
            case .done where hasFailures: done.append(operation)
            default: break
            }
        }
        for operation in done {
            guard let source = operation.sourceID else { continue }
            try ledger.forgetFailure(
                kind: operation.kind, source: source, verb: operation.verb, value: value(of: operation))
        }
        if hasFailures {
            try ledger.forgetFailures(before: String(Timestamp.text(surroundings.time.wall() - 30 * 86400).prefix(10)))
        }
        for operation in failed {
            guard let source = operation.sourceID else { continue }
            let value = value(of: operation)
            let said = Self.essence(operation.reason)
            let before = try ledger.failure(kind: operation.kind, source: source, verb: operation.verb, value: value)
            let isSame = before?.said == said
            let runs = isSame ? (before?.runs ?? 0) + 1 : 1
            let since = isSame ? before?.since ?? today : today
            var next = today
            if runs >= Self.leastRuns {
                let days = Self.distances[min(runs - Self.leastRuns, Self.distances.count - 1)]
                next = String(Timestamp.text(surroundings.time.wall() + Double(days) * 86400).prefix(10))
                let outlook =
                    Self.takes(operation.verb, operation.fields) ? "tried every night" : "tried again on \(next)"
                try ledger.append(
                    reason: "; the same in \(runs) runs since \(since): a refusal, \(outlook)", plan: operation.plan,
                    seq: operation.seq)
            }
            try ledger.keep(
                Ledger.Failure(
                    kind: operation.kind, sourceID: source, verb: operation.verb, value: value, said: said, runs: runs,
                    since: since, next: next))
        }
    }

    /// How a target refused something: the status where it is named, else the words before the first colon that hold no
    /// number.
    private static func essence(_ reason: String) -> String {
        if let found = reason.firstMatch(of: #/(?:status|answered) (\d{3})/#) { return "status \(found.1)" }
        let words = reason.prefix { $0 != ":" && $0 != ";" && $0 != "“" }.split(separator: " ").filter {
            !$0.contains(where: \.isNumber)
        }
        return String(words.joined(separator: " ").prefix(80))
    }
}
