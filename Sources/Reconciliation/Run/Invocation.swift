import HTTP
import Jobs
import Ledger
import Planning
import SCIM

/// One call of `plan`, `run` or `apply`: plans every job, judges all plans together, and only then lets any of them
/// write.
public struct Invocation {
    public enum Command: Sendable {
        case plan
        case run
        /// Applies a saved plan: the one of that number, or the newest; of that digest, where one is given.
        case apply(Int64?, digest: String? = nil)
        /// Takes back what a run did; `writes` is false for a look at the plan.
        case undo(run: Int64, writes: Bool)

        /// The run that is taken back.
        var undone: Int64? { if case .undo(let run, _) = self { run } else { nil } }

        /// Whether the target may be written to.
        public var writes: Bool {
            switch self {
            case .plan, .undo(_, writes: false): false
            default: true
            }
        }

        var word: String {
            switch self {
            case .plan: "plan"
            case .run: "run"
            case .apply: "apply"
            case .undo(_, let writes): writes ? "undo" : "plan"
            }
        }
    }

    public let command: Command
    public let permissions: Permissions
    public let label: String?
    public let surroundings: Surroundings

    public init(
        _ command: Command, permissions: Permissions = Permissions(), label: String? = nil, surroundings: Surroundings
    ) {
        self.command = command
        self.permissions = permissions
        self.label = label
        self.surroundings = surroundings
    }

    /// A job with its ledger, whose lock the caller holds.
    public typealias Entry = (job: Job, ledger: Ledger)

    /// The report of a job that could not begin.
    private func refused(_ job: Job, _ exit: ExitCode, _ why: String) -> JobReport {
        .withoutPlan(
            job.name, exit,
            [why]
                + (exit == .jobFile
                    ? job.missingSecrets(environment: surroundings.environment).filter { !why.contains($0) } : []),
            began: surroundings.timestamp,
            isResult: command.writes)
    }

    /// - Parameter inspect: called for each job that has a plan, while its reads are still at hand: for the CSV.
    public func execute(_ entries: [Entry], inspect: (JobRun) throws -> Void = { _ in }) async throws -> [JobReport] {
        var (runs, reports) = try begin(entries)
        // Side by side: each target has its own pace, and one that fails does not stop the others.
        let undone = command.undone
        await withTaskGroup(of: Void.self) { group in
            for (run, _) in runs {
                group.addTask { if let undone { await run.prepare(undoing: undone) } else { await run.prepare() } }
            }
        }
        for (run, basis) in runs {
            if let basis, run.failure == nil, let why = try run.staleness(of: basis) {
                run.refuse(JobFailure(.stale, why), forgetting: true)
            }
        }
        try judge(runs.map(\.run))
        if command.writes {
            await withTaskGroup(of: Void.self) { group in
                for (run, _) in runs { group.addTask { await run.apply() } }
            }
            // The plan that was looked at says what became of it.
            for (run, basis) in runs where run.hasApplied {
                if let basis { try? run.ledger.setPlan(basis.id, state: .appliedByRun(run.id)) }
            }
        }
        for (run, _) in runs { reports.append(try await finish(run, inspect)) }
        return reports
    }

    /// A run that has begun, and the saved plan that it is to apply.
    private typealias Begun = (run: JobRun, basis: Ledger.PlanInfo?)

    /// Opens each job; those that cannot begin have their report already.
    private func begin(_ entries: [Entry]) throws -> ([Begun], [JobReport]) {
        let pool = SourcePool(entries.map(\.job), surroundings: surroundings)
        var begun: [Begun] = []
        var reports: [JobReport] = []
        var owners: [String: String] = [:]
        for entry in entries {
            do {
                // Of two jobs on one target the first stays, in the order given.
                let target = try JobRun.targetDigest(entry.job, entry.ledger, surroundings)
                if let owner = owners[target], entry.ledger.path != nil {
                    throw JobRun.owned(entry.job.target.baseURL, by: owner)
                }
                owners[target] = entry.job.name
                let basis = try basis(entry.job, entry.ledger)
                let run = try JobRun(
                    job: entry.job, ledger: entry.ledger, command: command.word,
                    label: command.undone.map(String.init) ?? label, permissions: permissions,
                    surroundings: surroundings, pool: pool)
                begun.append((run, basis))
            } catch let error as JobFailure {
                reports.append(refused(entry.job, error.exit, error.description))
            } catch let error as LedgerError {
                let exit: ExitCode =
                    if case .boundElsewhere = error { .jobFile } else if case .otherHost = error { .locked } else {
                        .ledger
                    }
                reports.append(refused(entry.job, exit, error.told(job: entry.job.file)))
            }
        }
        return (begun, reports)
    }

    /// The saved plan that is to be applied: one that waits, and that is the one that was looked at.
    private func basis(_ job: Job, _ ledger: Ledger) throws -> Ledger.PlanInfo? {
        guard case .apply(let number, let digest) = command else { return nil }
        let found = try ledger.plan(number)
        let typed = { (doing: String, rest: String) in Ledger.command(doing, job.file, at: ledger.path, rest) }
        if let plan = found, let run = try ledger.undone(by: plan) {
            throw JobFailure(
                .stale, "plan \(plan.id) is an undo's, which is made anew each time: \(typed("undo", "\(run)"))")
        }
        guard let plan = found, plan.state == .planned || plan.state == .held else {
            let what = number.map { "plan \($0)" } ?? "the newest plan"
            throw JobFailure(
                .stale,
                found.map { "\(what) is \($0.state) already; to plan again: \(typed("plan", ""))" }
                    ?? "there is no \(number.map { "plan \($0)" } ?? "saved plan"); run “\(typed("plan", ""))” first")
        }
        if let digest, !("d:" + plan.digest).hasPrefix(digest) {
            throw JobFailure(
                .stale,
                """
                plan \(plan.id) has the digest \(PlanDigest.shown(plan.digest)), and \(digest) was \
                asked for: it is not the plan that was looked at
                """
            )
        }
        return plan
    }

    /// Judges all plans together, by the limits of each and of all: what one command runs is held together.
    private func judge(_ runs: [JobRun]) throws {
        let gate = Gate(allowed: permissions.allow)
        let planned = runs.filter { $0.failure == nil && $0.plan != nil }
        for breach in try gate.judge(jobs: planned.map(\.gateEntry), LimitKey.ofGiving) {
            for run in planned { try run.hold(giving: breach) }
        }
        if let first = planned.first { noteNeedless(planned, on: first) }
        let exceeded = try gate.judge(jobs: planned.map(\.gateEntry))
        let together = exceeded.map(\.description)
        for run in planned { run.lettingGo.formUnion(exceeded.map(\.words)) }
        let isHeld = !together.isEmpty || runs.contains { !$0.breaches.isEmpty }
        let held = runs.filter { !$0.breaches.isEmpty }.map(\.job.name).joined(separator: ", ")
        for run in runs where isHeld && run.plan != nil && run.failure == nil {
            try run.hold(
                run.breaches.isEmpty && together.isEmpty
                    ? [
                        """
                        \(held), another job of this invocation, is held by a limit; what one command runs is \
                        held together
                        """
                    ] : together)
        }
    }

    /// Tells of permissions that allow more than there is.
    private func noteNeedless(_ planned: [JobRun], on first: JobRun) {
        for (key, number) in permissions.allow.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
            let count = planned.reduce(0) { $0 + ($1.gateCounts.counts[key] ?? 0) }
            // A number that nobody looks at any more is no limit.
            guard number > 2 * count, key != .sourceShrink else { continue }
            first.notes.append(
                """
                --allow \(key.rawValue)=\(number) is more than twice the \(count) that \
                \(count == 1 ? "is" : "are") planned: say the number that is meant, or leave it out
                """
            )
        }
        let unused = permissions.acceptAssociation.subtracting(planned.flatMap(\.usedAssociations)).sorted()
        guard !unused.isEmpty, command.undone == nil else { return }
        first.notes.append(
            """
            --accept-association names what is not associated in this plan: \
            \(unused.prefix(5).joined(separator: ", "))\(unused.count > 5 ? ", …" : ""); a name is the \
            record's, and behind a space may stand the target's id
            """
        )
    }

    /// Completes a run. A ledger that fails keeps no other job from its report, and from being what later runs are
    /// measured against.
    private func finish(_ run: JobRun, _ inspect: (JobRun) throws -> Void) async throws -> JobReport {
        defer { run.close() }
        do {
            if run.plan != nil { try inspect(run) }
            let report = try await run.finish()
            // A look at an undo leaves no plan that “apply” could take up.
            if case .undo(_, writes: false) = command { try run.forgetPlan() }
            return report
        } catch let error as LedgerError {
            let failure = JobFailure(error, of: run.job)
            let lines = [
                run.failure?.description, failure.description, "what was done is in the journal; the next run reads it",
            ].compactMap { $0 }
            return JobReport(
                job: run.job.name, plan: run.plan,
                exit: max(failure.exit, run.failure?.exit ?? failure.exit),
                headline: "The run could not be recorded to its end.",
                notes: lines,
                requests: run.requests)
        }
    }
}
