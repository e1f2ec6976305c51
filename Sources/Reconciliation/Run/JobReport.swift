import Jobs
import Ledger
import SCIM
import Planning

/// How a job went: the numbers of its plan, its exit code, and what to tell beside them.
public struct JobReport: Sendable {
    public var job: String
    public var plan: Int64?
    public var exit: ExitCode
    /// The one line that scripts look for: a plan's numbers, or what a run has come to.
    public var headline: String
    /// What is told of single records, in the order in which it matters.
    public var sections: [ReportSection] = []
    /// Further lines: what the numbers hold, notes, breaches.
    public var notes: [String]
    /// Records that somebody must look at, each by itself.
    public var attention: [String] = []
    public var requests: Int
    public var figures = RunFigures()
    /// What tells the plan from every other, `d:` and hexadecimal digits; nil without one.
    public var digest: String?
    /// When the plan was made, `2026-01-31T02:00:00Z`.
    public var planned: String?
    /// What holds the run, told right behind the headline.
    public var holds: [String] = []
    /// What lets it go if it is meant, as it is typed.
    public var lettingGo: [String] = []
    /// Of the notes, what is to be told also on a quiet night: it is told once, or soon too late.
    public var urgent: [String] = []
    /// Whether the job has written, or would have: a result, and no plan.
    public var isResult = false

    public init(job: String, plan: Int64?, exit: ExitCode, headline: String, notes: [String], requests: Int) {
        self.job = job
        self.plan = plan
        self.exit = exit
        self.headline = headline
        self.notes = notes
        self.requests = requests
    }

    /// All lines beside the headline, one record each.
    public var details: [String] {
        sections.filter { [.notSent, .takesAway, .held].contains($0.kind) }.flatMap { section in
            let title = section.title.prefix(1).lowercased() + section.title.dropFirst()
            let rest = section.count - section.rows.count
            // What is held without an operation is told among the records that somebody must look at.
            return section.rows.filter { $0.mark != .attention }.map { "\(title): \($0.what) \($0.whom): \($0.detail)" }
                + (rest > 0 ? ["… and \(rest) more, in the CSV"] : [])
        } + notes + holds + attention
    }

    /// In one word how a run went; nil for a plan.
    public var verdict: Verdict? {
        guard isResult else { return nil }
        return switch exit {
        case .inStep, .pending: .ok
        case .recordsFailed, .sourceIncomplete: .attention
        // A source that shrank holds what takes away, and lets the rest go on.
        case .held where figures.hasWritten: .attention
        case .held, .stale: .held
        default: .failed
        }
    }

    public enum Verdict: String, Hashable, Sendable, CaseIterable {
        case ok = "OK", attention = "ATTENTION", held = "HELD", failed = "FAILED"
    }

    /// The report of a job that came to no plan.
    ///
    /// - Parameter began: when it was tried, `2026-01-31T02:00:00Z`.
    ///
    /// - Parameter isResult: whether it was to write.
    public static func withoutPlan(
        _ job: String, _ exit: ExitCode, _ notes: [String], began: String, isResult: Bool = false
    ) -> JobReport {
        let headline =
            exit == .stale
            ? "The saved plan is not applied, and no account was changed."
            : "There is no plan, and no account was changed."
        var report = JobReport(job: job, plan: nil, exit: exit, headline: headline, notes: notes, requests: 0)
        report.isResult = isResult
        report.figures.began = began
        return report
    }

    static func make(
        _ run: JobRun, requests: Int, isApplied: Bool, source: String?, target: String?, pace: Job.PaceSettings
    ) throws -> JobReport {
        var report = JobReport(
            job: run.job.name, plan: run.plan, exit: .inStep, headline: "", notes: [], requests: requests)
        report.figures = run.figures
        report.isResult = run.command != "plan" && run.command != "check"
        report.lettingGo = run.lettingGo.sorted()
        guard let plan = run.plan else {
            report.exit = run.failure?.exit ?? .internalError
            report.headline =
                run.hasSettled
                ? "There is no plan; what an interrupted run left open is settled."
                : report.exit == .stale
                    ? "The saved plan is not applied, and no account was changed."
                    : "There is no plan, and no account was changed."
            report.notes = [run.failure?.description ?? ""] + run.notes
            return report
        }
        var numbers = Numbers()
        let ledger = run.ledger
        var rows = ReportRows(
            run.surroundings.detail, run: run.id, isWriting: report.isResult,
            since: try ledger.troublesSince(run: run.id))
        try ledger.forEachOperation(plan: plan) {
            numbers.add($0, requestsPerUpdate: run.requestsPerUpdate)
            report.figures.add($0)
            rows.add($0)
        }
        let situations = try ledger.situationCounts()
        let inStep = situations.filter { $0.situation == .inStep }.reduce(0) { $0 + $1.count }
        report.figures.inStep = inStep
        let unmanaged = situations.filter { $0.situation == .unmanaged }.reduce(0) { $0 + $1.count }
        if let info = try ledger.plan(plan) {
            (report.digest, report.planned) = (PlanDigest.shown(info.digest), info.created)
        }
        report.sections = rows.sections(ledger, limits: report.figures.limitsOfTaking)
        report.urgent = run.urgent

        try report.headline(run, numbers, plan, inStep: inStep, source: source, pace: pace)
        report.notes += numbers.breakdown(isResult: report.isResult)
        if unmanaged > 0 {
            report.notes.append("Not changed: \(counted(unmanaged, "object")) of the target not linked to this job")
        }
        report.notes += run.notes
        report.attention += numbers.toldRecords
        if let source { report.notes.append("source incomplete: \(source); nothing is taken away from anybody") }
        if let target { report.notes.append("target incomplete: \(target); “missing” is not believed") }
        report.holds += run.breaches.map { "held: \($0)" }
        if let held = run.sizeHold { report.holds.append("held: \(held)") }
        if let failure = run.failure { report.notes.append(failure.description) }
        let unseen = run.targetReading?.unseenAccounts ?? []
        for (name, why) in unseen.prefix(10) {
            report.notes.append("must lose access, and could not be looked at: user or group \(name): \(why)")
        }
        if unseen.count > 10 { report.notes.append("… and \(unseen.count - 10) more that could not be looked at") }
        report.exit = exit(run, numbers, isApplied: isApplied, isWhole: source == nil)
        return report
    }

    private mutating func headline(
        _ run: JobRun, _ numbers: Numbers, _ plan: Int64, inStep: Int, source: String?, pace: Job.PaceSettings
    ) throws {
        if numbers.changes == 0, numbers.held == 0, numbers.conflicts == 0 {
            headline =
                run.undone != nil
                ? "No changes."
                : source == nil
                    ? "No changes. \(inStep) in step."
                    : "No changes for certain: the source was not read completely. \(inStep) in step."
        } else {
            let now = run.undone == nil ? try run.ledger.inStep(after: plan) : nil
            figures.inStep = now ?? inStep
            headline =
                isResult
                ? numbers.result(run, inStep: now, requests: requests, seconds: figures.seconds)
                : numbers.intent(run, plan, inStep: now ?? inStep, pace: pace)
        }
    }

    /// The gravest of what a run ends with.
    private static func exit(_ run: JobRun, _ numbers: Numbers, isApplied: Bool, isWhole: Bool) -> ExitCode {
        var exits: [ExitCode] = [.inStep]
        if numbers.planned > 0, !isApplied, !run.isCutShort, run.failure == nil { exits.append(.pending) }
        let reading = run.targetReading
        let needsSomebody =
            run.isCutShort || numbers.attention > 0 && (isApplied || numbers.planned == 0)
            || run.standingTemporaries > 0 || run.clockDoubt != nil || reading?.survivors ?? 0 > 0 || run.strays > 0
            || !(reading?.unseenAccounts.isEmpty ?? true) || !(reading?.unseenGroups.isEmpty ?? true)
        if needsSomebody { exits.append(.recordsFailed) }
        if run.sizeHold != nil || !run.breaches.isEmpty { exits.append(.held) }
        if !isWhole { exits.append(.sourceIncomplete) }
        if run.closedGroups != nil { exits.append(.unreachable) }
        if let failure = run.failure { exits.append(failure.exit) }
        return exits.max() ?? .inStep
    }

    private struct Numbers {
        var create = 0
        var change = 0
        var delete = 0
        var held = 0
        var heldForSomebody = 0
        var conflicts = 0
        var planned = 0
        var done = 0
        var failed = 0
        var skipped = 0
        var unknown = 0
        var attention = 0
        var requests = 0
        var associations = 0
        var disables = 0
        /// What was done, by what it is.
        var created = 0
        var changed = 0
        var disabled = 0
        var deleted = 0
        var wasAdded = 0
        var wasRemoved = 0
        var wasAssociated = 0
        var links = 0
        var added = 0
        var removed = 0
        var noted = 0
        var failures: [String] = []

        var changes: Int { create + change + disables + delete + links }

        mutating func add(_ operation: PlannedOperation, requestsPerUpdate: Int) {
            if operation.needsAttention { attention += 1 }
            switch operation.status {
            case .noted:
                noted += 1
                return
            case .conflict where operation.verb == .none:
                conflicts += 1
                tell(operation)
                return
            case .held where operation.heldBy == .giving || operation.heldBy == .sourceSize:
                held += 1
                if operation.needsAttention { heldForSomebody += 1 }
                return
            case .held:
                held += 1
                if operation.needsAttention { heldForSomebody += 1 }
                // What a limit or a permission holds is told once, for all of them.
                if operation.verb == .none || operation.needsAttention { tell(operation) }
                return
            case .planned: planned += 1
            case .done: done += 1
            case .failed: failed += 1
            case .skipped: skipped += 1
            case .sent: unknown += 1
            case .conflict: conflicts += 1
            }
            if [.failed, .conflict, .skipped].contains(operation.status) { tell(operation) }
            count(operation, requestsPerUpdate)
        }

        /// Counts what an operation does, and whether it is done.
        private mutating func count(_ operation: PlannedOperation, _ requestsPerUpdate: Int) {
            switch operation.verb {
            case .create:
                create += 1
                requests += 1
                if operation.status == .done { created += 1 }
            case .update, .associate, .dissociate, .disable:
                let ends = operation.verb == .disable || operation.endsAccess
                // Both halves of a rename by way of a temporary name are one change.
                if operation.unit == nil || operation.unit == operation.seq {
                    if ends { disables += 1 } else { change += 1 }
                    if operation.status == .done { if ends { disabled += 1 } else { changed += 1 } }
                }
                requests += requestsPerUpdate
                if operation.verb == .associate {
                    associations += 1
                    if operation.status == .done { wasAssociated += 1 }
                }
            case .delete:
                delete += 1
                requests += 1
                if operation.status == .done { deleted += 1 }
            case .addMembers:
                change += 1
                added += operation.members.count
                requests += requestsPerUpdate
                if operation.status == .done {
                    changed += 1
                    wasAdded += operation.members.count
                }
            case .removeMembers:
                change += 1
                removed += operation.members.count
                requests += requestsPerUpdate
                if operation.status == .done {
                    changed += 1
                    wasRemoved += operation.members.count
                }
            case .link, .unlink: links += 1
            case .none: break
            }
        }

        /// Names a record that somebody must look at; the CSV has all of them.
        private mutating func tell(_ operation: PlannedOperation) {
            let what = operation.verb == .none ? "" : "\(operation.verb) "
            let id = (operation.sourceID ?? operation.targetID).map { " (\($0))" } ?? ""
            let line =
                "\(operation.status): \(what)\(operation.kind.singular) \(operation.name)\(id): \(operation.reason)"
            // Two operations of one record may come to the same.
            if failures.contains(line) { return }
            told += 1
            if told <= Self.mostTold { failures.append(line) }
        }

        private static let mostTold = 20
        private var told = 0

        /// The records that were named, and how many were not.
        var toldRecords: [String] {
            told > Self.mostTold ? failures + ["… and \(told - Self.mostTold) more, in the CSV"] : failures
        }

        /// The headline of a plan: what it would do, on whom it waits, and what it costs.
        func intent(_ run: JobRun, _ plan: Int64, inStep: Int, pace: Job.PaceSettings) -> String {
            let more = "\(inStep) in step\(byLimit)\(need)"
            if planned == 0, let hold = Self.hold(run) {
                return "Plan \(plan) is held, and a run would write nothing: \(hold); \(more)."
            }
            let seconds = Int((Double(requests) / pace.requestsPerSecond).rounded(.up))
            let time = seconds < 120 ? "\(seconds) s" : "\((seconds + 30) / 60) min"
            return
                """
                Plan \(plan): \(create) to create, \(change) to change, \(disables) to disable, \(delete) to \
                delete; \(more). \(counted(requests, "request")), about \(time).
                """
        }

        /// What holds a run as a whole; nil for nothing.
        private static func hold(_ run: JobRun) -> String? {
            run.breaches.isEmpty
                ? run.sizeHold.map { _ in "the source's size is not believed" }
                : "a limit holds the whole plan"
        }

        private var byLimit: String { held > heldForSomebody ? "; \(held - heldForSomebody) held" : "" }

        /// The headline of a run: what it did.
        ///
        /// - Parameter inStep: records in step after it; nil where nobody counted.
        func result(_ run: JobRun, inStep: Int?, requests: Int, seconds: Double) -> String {
            let isNothing = done + failed + unknown == 0
            let step = inStep.map { "; \($0) in step" } ?? ""
            let more = step + byLimit
            if isNothing, let hold = Self.hold(run) {
                return "Run \(run.id) wrote nothing, and no account was changed: \(hold)\(more)\(need)."
            }
            // Whatever the source did not show lost nothing.
            let kept =
                run.sourceReading?.incomplete == nil
                ? "" : "; nothing was taken away, since the source was not read completely"
            let unsent = planned > 0 ? "; \(planned) not sent" : ""
            if isNothing { return "Run \(run.id) wrote nothing\(more)\(unsent)\(kept)\(need)." }
            let open =
                (failed > 0 ? "; \(failed) failed" : "") + (unknown > 0 ? "; \(unknown) of unknown outcome" : "")
                + unsent
            let took = seconds < 120 ? "\(Int(seconds.rounded(.up))) s" : "\((Int(seconds) + 30) / 60) min"
            return
                """
                Run \(run.id): \(created) created, \(changed) changed, \(disabled) disabled, \(deleted) deleted\
                \(more)\(open)\(kept)\(need). \(counted(requests, "request")) in \(took).
                """
        }

        private var need: String { attention > 0 ? "; \(attention) need\(attention == 1 ? "s" : "") you" : "" }

        func breakdown(isResult: Bool) -> [String] {
            var parts: [String] = []
            let (associations, added, removed) =
                isResult ? (wasAssociated, wasAdded, wasRemoved) : (associations, added, removed)
            let (associate, add, remove) =
                isResult ? ("associated", "added", "removed") : ("to associate", "to add", "to remove")
            if associations > 0 { parts.append("\(counted(associations, "existing account")) \(associate)") }
            if added > 0 { parts.append("\(counted(added, "membership")) \(add)") }
            if removed > 0 { parts.append("\(counted(removed, "membership")) \(remove)") }
            if links > 0 {
                parts.append(
                    isResult
                        ? "\(links) linked or unlinked without a request"
                        : "\(links) to link or unlink without a request")
            }
            if noted > 0 {
                parts.append(
                    """
                    \(counted(noted, "record")) listed without an operation (disabled and without an account, or a \
                    leaver whose account is kept)
                    """
                )
            }
            return parts.isEmpty ? [] : ["In detail: " + parts.joined(separator: ", ") + "."]
        }
    }
}

/// `1 membership`, `2 memberships`.
package func counted(_ number: Int, _ thing: String) -> String { "\(number) \(thing)\(number == 1 ? "" : "s")" }
