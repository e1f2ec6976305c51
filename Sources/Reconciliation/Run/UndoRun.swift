import Jobs
import JSON
import Ledger
import Provisioning
import SCIM
import Planning

/// `undo`: a plan that takes back what a run did, through the same gate and journal as any other.
extension JobRun {
    /// Stores a plan that takes back what a run did.
    func makeUndo(of run: Int64) async throws {
        try refuseUnmeantFirstRun()
        guard let done = try ledger.appliedPlan(ofRun: run) else {
            throw JobFailure(
                .usage,
                """
                run \(run) of \(job.name) is unknown, or wrote nothing; “rollcall status” names the last runs \
                that wrote
                """
            )
        }
        let target = try await openTarget()
        let touched = try ledger.touchedSince(plan: done.id, exceptUndoOf: run)
        guard touched.isEmpty else {
            let some = touched.prefix(10).map { "\($0.name) (run \($0.run))" }.joined(separator: ", ")
            throw JobFailure(
                .stale,
                """
                later runs touched the same objects, and an undo of run \(run) would undo that too: \(some)\
                \(touched.count > 10 ? ", and \(touched.count - 10) more" : ""); undo those runs first
                """
            )
        }
        try ledger.attachScratch()
        let reading = try await TargetReader(
            ledger: ledger, target: target, tables: tables, readBack: job.target.readBack,
            now: surroundings.time.wall(), progress: progress
        ).read(pushed)
        targetReading = reading
        if let incomplete = reading.incomplete {
            throw JobFailure(
                .unreachable,
                "target: its list is not complete (\(incomplete)), and an undo changes only what it can see")
        }
        if reading.unverified > 0 {
            notes.append(
                """
                not verified: \(reading.unverified); \(profile.displayName) cannot be listed, so what was last \
                written stands for what is there
                """
            )
        }
        try ledger.recordHistory(run: id, source: false, target: true, kinds: pushed)
        var undoing = Undoing(
            ledger: ledger, run: run, plan: done.id, profile: profile, tables: tables, memberChunk: target.memberChunk,
            kinds: pushed,
            operations: [.user: job.operations[.user] ?? [], .group: job.operations[.group] ?? []])
        try ledger.indexTarget()
        try undoing.draft()
        notes += undoing.notes
        undone = done.id
        try store(inputs: Digest.hexadecimal("undo \(run) \(inputs)"))
        try judgeMissing()
        breaches += Gate(allowed: permissions.allow).judge(
            job: job.name, limits: job.limits, gateCounts, LimitKey.ofOperations
        ).map { breach in
            var breach = breach
            // An undo is taken back whole, or not at all.
            breach.remedy = "nothing is written; if this is meant, say --allow \(breach.key)=\(breach.count)"
            return breach.description
        }
    }
}
