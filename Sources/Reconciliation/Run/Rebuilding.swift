import Jobs
import Ledger
import Provisioning
import Planning
import SCIM

/// Makes a ledger anew from what both sides show: for a ledger that was lost, on a target that can be listed.
public enum Rebuilding {
    /// Links whatever carries the externalId of a source record. Returns how many links there are. Throws `JobFailure`.
    public static func rebuild(_ job: Job, _ ledger: Ledger, surroundings: Surroundings) async throws -> Int {
        guard let profile = Profile.named(job.target.platform) else {
            throw JobFailure(.jobFile, "\(job.target.platform) is not served")
        }
        guard profile.listing != .none else {
            throw JobFailure(
                .jobFile,
                """
                \(profile.displayName) cannot be listed, so a ledger cannot be made from it; restore a copy \
                (\(Ledger.command("ledger restore", job.file, at: ledger.path))), or begin anew with \
                --first-run: a create of what is there already is then a \
                \(profile.existing == .overwrite ? "take-over" : "conflict, looked up by externalId")
                """
            )
        }
        let run = try JobRun(
            job: job, ledger: ledger, command: "plan", label: "rebuild", permissions: Permissions(),
            surroundings: surroundings, pool: SourcePool([job], surroundings: surroundings), claims: false)
        await run.prepare()
        if let failure = run.failure { throw failure }
        if let why = run.closedGroups { throw JobFailure(.unreachable, "target: the groups cannot be read: \(why)") }
        let count = try run.linkKnown()
        _ = try await run.finish()
        run.close()
        return count
    }
}

extension JobRun {
    /// Links what the plan knows by its mark, and writes nothing to the target. Returns how many links there are.
    func linkKnown() throws -> Int {
        guard let plan else { return 0 }
        var known: [PlannedOperation] = []
        try ledger.forEachOperation(plan: plan) { if $0.situation == .known, $0.verb != .none { known.append($0) } }
        try ledger.together {
            for operation in known {
                guard let source = operation.sourceID, let target = operation.targetID,
                    let desired = try ledger.desired(kind: operation.kind, source: source),
                    let shown = try ledger.staged(kind: operation.kind, target: target)
                else { continue }
                let link = LinkState(
                    kind: operation.kind, sourceID: source, targetID: target, origin: .associated,
                    externalID: desired.externalID, matchKey: desired.matchKey, sent: nil, sentDigest: nil,
                    read: shown.body,
                    readDigest: nil)
                try ledger.settle(
                    operation,
                    Outcome(
                        status: .done, reason: "linked by its externalId; differences are the next run's",
                        link: .set(link)), run: id)
            }
            // Who is in a group now and not in the source may have been there before it was ours.
            try ledger.keepUnlistedMembers()
        }
        return try ResourceKind.allCases.reduce(0) { try $0 + ledger.linkCount(kind: $1) }
    }
}
