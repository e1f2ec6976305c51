import Jobs
import JSON
import Ledger
import Provisioning
import SCIM
import SCIMTransport
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
                run \(run) of \(job.name) is unknown, or wrote nothing; “\(typed("status"))” names the last \
                runs that wrote
                """
            )
        }
        let target = try await openTarget()
        try refuseTouched(since: done.id, run)
        try ledger.attachScratch()
        let reading = try await TargetReader(
            ledger: ledger, target: target, tables: tables, readBack: job.target.readBack,
            now: surroundings.time.wall(), progress: progress
        ).read(pushed)
        targetReading = reading
        if let incomplete = reading.incomplete ?? reading.closedGroups {
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
        var undoing = Undoing(
            ledger: ledger, run: run, plan: done.id, profile: profile, tables: tables, memberChunk: target.memberChunk,
            kinds: pushed,
            operations: [.user: job.operations[.user] ?? [], .group: job.operations[.group] ?? []])
        try await seekTouched(&undoing, target)
        try ledger.recordHistory(run: id, source: false, target: true, kinds: pushed)
        try ledger.indexTarget()
        try undoing.draft()
        notes += undoing.notes
        noteEnabled(undoing.enabled)
        undone = done.id
        try store(inputs: Digest.hexadecimal("undo \(run) \(inputs)"))
        try judgeMissing()
        breaches += Gate(allowed: permissions.allow).judge(
            job: job.name, limits: job.limits, gateCounts, LimitKey.ofOperations
        ).map { breach in
            var breach = breach
            // An undo is taken back whole, or not at all.
            lettingGo.insert("--allow \(breach.key)=\(breach.count)")
            breach.remedy = "nothing is written; if this is meant, say --allow \(breach.key)=\(breach.count)"
            return breach.description
        }
    }

    private func noteEnabled(_ count: Int) {
        guard count > 0 else { return }
        notes.append(
            """
            Enabled again: \(counted(count, "account")). They keep access until the source record changes, or until \
            “\(typed("run", "--release"))”
            """
        )
    }

    private func refuseTouched(since plan: Int64, _ run: Int64) throws {
        let touched = try ledger.touchedSince(plan: plan, exceptUndoOf: run)
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
    }

    /// Questions of one undo at the most; what is not asked for is not taken back, and told.
    private static let mostQuestions = 2000

    /// Asks for what the run wrote and the list does not show, by its id: some lists leave out every account that is
    /// not active, and those are what an undo is about. One object that cannot be looked at keeps no other from being
    /// taken back.
    private func seekTouched(_ undoing: inout Undoing, _ target: SCIMTarget) async throws {
        guard profile.listing != .none else { return }
        var asked: Set<String> = []
        var failedInARow = 0
        var last = 0
        while case let batch = try ledger.operations(plan: undoing.plan, after: last, limit: Undoing.batch),
            let end = batch.last
        {
            last = end.seq
            for operation in batch where pushed.contains(operation.kind) && undoing.mayTakeBack(operation) {
                let kind = operation.kind
                guard let source = operation.sourceID, let table = tables[kind] else { continue }
                let given = operation.verb == .dissociate ? operation.targetID : nil
                guard let id = try ledger.link(kind: kind, source: source)?.targetID ?? given,
                    try ledger.staged(kind: kind, target: id) == nil, asked.insert("\(kind) \(id)").inserted
                else { continue }
                guard asked.count <= Self.mostQuestions else {
                    undoing.closed["\(kind) \(id)"] = "the list does not show it, and too many are to be asked for"
                    continue
                }
                do {
                    undoing.closed["\(kind) \(id)"] = try await look(kind, id, table, target)
                    failedInARow = 0
                } catch let failure as SCIMFailure {
                    failedInARow += 1
                    // It is the target that fails, or the credential, and no object.
                    if failure.endsAtOnce && !failure.isForbidden || failedInARow >= Breaker.limit {
                        throw JobFailure(failure, side: "target")
                    }
                    undoing.closed["\(kind) \(id)"] = "the list does not show it, and a look fails: \(failure)"
                }
            }
        }
    }

    /// Stages an object that is there; why nothing can be said of it where another thing came than was asked for.
    private func look(_ kind: ResourceKind, _ id: String, _ table: MappingTable, _ target: SCIMTarget) async throws
        -> String?
    {
        do {
            let body = try await target.get(kind, id)
            let (actual, members) = try target.connection.read(body) {
                (table.actual($0), $0.members?.users ?? [])
            }
            guard let actual, actual.id == id else { return "another object came when \(id) was asked for" }
            _ = try ledger.stage(target: [TargetReader.staged(kind, actual, table)])
            if kind == .group, target.showsMembers { try ledger.stage(targetMembers: members, of: id) }
            return nil
        } catch SCIMFailure.notFound {
            return nil
        } catch SCIMFailure.unsupported {
            // The platform answers no reads by id: its list is all that there is to believe.
            return nil
        } catch let error as JSONSyntaxError {
            return "the list does not show it, and what a look brings cannot be read: \(error)"
        }
    }
}
