import Jobs
import Ledger
import Provisioning

/// Makes a ledger anew from what both sides show: for a ledger that was lost, on a target that can be listed.
public enum Rebuilding {
    /// Links whatever carries the externalId of a source record. Returns how many links there are. Throws `JobFailure`.
    public static func rebuild(_ job: Job, _ ledger: Ledger, surroundings: Surroundings) async throws -> Int {
        guard let profile = Profile.named(job.target.platform) else { throw JobFailure(.jobFile, "\(job.target.platform) is not served") }
        guard profile.listing != .none else {
            throw JobFailure(
                .jobFile,
                "\(profile.displayName) cannot be listed, so a ledger cannot be made from it; restore a copy (rollcall ledger restore), or begin anew with --first-run: a create of what is there already is then a \(profile.existing == .overwrite ? "take-over" : "conflict, looked up by externalId")"
            )
        }
        let run = try JobRun(
            job: job, ledger: ledger, command: "plan", label: "rebuild", permissions: Permissions(), surroundings: surroundings, pool: SourcePool([job], surroundings: surroundings), claims: false)
        await run.prepare()
        if let failure = run.failure { throw failure }
        let count = try run.linkKnown()
        _ = try await run.finish()
        run.close()
        return count
    }
}
