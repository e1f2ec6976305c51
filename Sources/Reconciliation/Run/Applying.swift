import Directory
import Foundation
import HTTP
import Jobs
import JSON
import Ledger
import Logging
import Provisioning
import SCIM
import SCIMTransport

/// Sending what the plan says.
extension JobRun {
    /// Sends the plan and verifies it.
    public func apply() async {
        guard let plan, let target, failure == nil, breaches.isEmpty else { return }
        if let signal = surroundings.stop.signal {
            failure = JobFailure(.stopped(by: signal), "stopped by a signal before the first write")
            return
        }
        do {
            try ledger.setPlan(plan, state: .applying)
            try beginToLookBack()
            gate.finishWhatBegins()
            // Before the first write, so that a run between a killed undo and its repetition takes nothing back.
            if let undone {
                try ledger.restrain(plan: plan, undone: undone)
            } else {
                try ledger.releaseRestored(mapping: mapping)
            }
            let applier = try applier(plan, target)
            try await applier.apply(plan: plan)
            notes += applier.verification.report
            for (kind, path) in applier.verification.missing { try ledger.noteSentInVain(kind: kind, path: path) }
            try conclude(plan, applier)
        } catch let error as LedgerError {
            failure = JobFailure(error, of: job)
        } catch {
            failure = JobFailure(.internalError, "\(error)")
        }
    }

    private func applier(_ plan: Int64, _ target: SCIMTarget) throws -> Applier {
        let total = try ledger.plannedCount(plan: plan)
        let applier = Applier(
            ledger: ledger, run: id, target: target, tables: tables, concurrency: job.pace.concurrency,
            looksFirst: undone != nil || targetReading?.incomplete != nil,
            looksBefore: profile.listing == .none || targetReading?.unverified ?? 0 > 0,
            attempts: surroundings.retry.attempts,
            pause: { [time = surroundings.time] in await time.sleep(time.monotonic() + $0) },
            stop: surroundings.stop,
            tick: { try self.beat() }, now: surroundings.time.wall,
            progress: { [surroundings, traced, name = job.name] sent, failed in
                surroundings.progress(
                    RunProgress(
                        job: name, what: "operations sent", count: sent, total: total, failed: failed,
                        retried: traced.retries))
            })
        if surroundings.log.logLevel <= .info { applier.settled = { self.log($0) } }
        applier.retry = permissions.retry
        applier.noHandMade = job.target.noHandMade
        applier.isExclusive = job.exclusiveMemberships
        applier.knownRefusals = try knownRefusals()
        for kind in pushed
        where try targetReading?.carried[kind]?["externalId"] ?? 0 > 0 || ledger.keepsMarks(kind: kind) {
            applier.verification.keepsMarks.insert(kind)
        }
        for (kind, counts) in targetReading?.carried ?? [:] {
            applier.verification.carried.formUnion(counts.keys.map { "\(kind.singular) \($0)" })
        }
        return applier
    }

    /// Records how the sending ended.
    private func conclude(_ plan: Int64, _ applier: Applier) throws {
        if let fatal = applier.fatal {
            failure = JobFailure(fatal, side: "target")
            try ledger.setPlan(plan, state: .stopped)
        } else if !applier.cuts.isEmpty, surroundings.stop.signal == nil {
            isCutShort = true
            try ledger.setPlan(plan, state: .stopped)
            notes += applier.cuts
            notes.append(unsent(try ledger.plannedCount(plan: plan)))
        } else if let signal = surroundings.stop.signal {
            let unsent = try ledger.plannedCount(plan: plan)
            failure = JobFailure(
                .stopped(by: signal),
                """
                stopped by a signal: what was under way is finished; \
                \(unsent == 0 ? "all was sent, and not verified to its end" : self.unsent(unsent))
                """
            )
            notes += applier.cuts
            try ledger.setPlan(plan, state: .stopped)
        } else {
            isApplied = true
            try countRefusals()
            try ledger.setPlan(plan, state: .applied)
            let unsent = try ledger.plannedCount(plan: plan)
            if unsent > 0 { notes.append(self.unsent(unsent)) }
        }
    }

    /// Tells of temporary values that stand on the target since an earlier night, and that this run did not end.
    func noteTemporaries() {
        var open: [String] = []
        for (kind, source, text) in temporaries {
            let operations = plan.flatMap { try? ledger.operations(plan: $0, kind: kind, source: source) } ?? []
            if !isApplied || operations.isEmpty
                || operations.contains(where: { $0.verb != .none && $0.status != .done })
            {
                open.append("\(source) (\(text))")
            }
        }
        guard !open.isEmpty else { return }
        standingTemporaries = open.count
        notes.append(
            """
            \(counted(open.count, "record")) whose object bears a temporary value of a ring that could not be \
            closed: \(open.prefix(5).joined(separator: ", "))\(open.count > 5 ? ", …" : "")
            """
        )
    }

    /// What becomes of operations that were not sent.
    func unsent(_ count: Int) -> String {
        """
        \(counted(count, "operation")) not sent, \
        \(undone == nil ? "the next run plans them anew" : "until the same undo is said again")
        """
    }
}
