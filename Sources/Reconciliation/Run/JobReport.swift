import Jobs
import Ledger
import SCIM

/// How a job went: the numbers of its plan, its exit code, and what to tell beside them.
public struct JobReport: Sendable {
    public var job: String
    public var plan: Int64?
    public var exit: ExitCode
    /// The one line that scripts look for.
    public var headline: String
    /// Further lines: what the numbers hold, notes, breaches.
    public var details: [String]
    public var requests: Int
    public var figures = RunFigures()

    /// The report of a job that came to no plan.
    ///
    /// - Parameter began: when it was tried, `2026-01-31T02:00:00Z`.
    public static func withoutPlan(_ job: String, _ exit: ExitCode, _ details: [String], began: String) -> JobReport {
        var report = JobReport(job: job, plan: nil, exit: exit, headline: "No plan.", details: details, requests: 0)
        report.figures.began = began
        return report
    }

    /// Whether a row means that a record is not as its source wants it, for a reason that somebody must look at.
    static func needsAttention(_ operation: PlannedOperation) -> Bool { needsAttention(operation.situation, operation.status, heldBy: operation.heldBy) }

    private static func needsAttention(_ situation: Situation, _ status: OperationStatus, heldBy: String?) -> Bool {
        switch status {
        case .failed, .conflict, .sent: true
        case .held:
            [
                "ambiguous", "collision", "unacceptable", "existing.disabled", Policy.namesake, JobRun.putOff, Gate.giving, Policy.unconfirmed, Applier.losses, Policy.attribute, "recycled e-mail",
                "shared account",
                "not restorable", "target incomplete", "group unproven",
                "scope change",
            ].contains(
                heldBy)
        case .skipped: true
        case .planned, .done, .noted: false
        }
    }

    static func make(_ run: JobRun, requests: Int, isApplied: Bool, source: String?, target: String?, pace: Job.PaceSettings) throws -> JobReport {
        var report = JobReport(job: run.job.name, plan: run.plan, exit: .inStep, headline: "", details: [], requests: requests)
        report.figures = run.figures
        guard let plan = run.plan else {
            report.exit = run.failure?.exit ?? .internalError
            report.headline = "No plan."
            report.details = [run.failure?.description ?? ""]
            return report
        }
        var numbers = Numbers()
        var takings = Takings()
        let ledger = run.ledger
        try ledger.forEachOperation(plan: plan) {
            numbers.add($0, requestsPerUpdate: run.requestsPerUpdate)
            report.figures.add($0)
            takings.add($0)
        }
        let situations = try ledger.situationCounts()
        let inStep = situations.filter { $0.situation == .inStep }.reduce(0) { $0 + $1.count }
        report.figures.inStep = inStep
        let unmanaged = situations.filter { $0.situation == .unmanaged }.reduce(0) { $0 + $1.count }

        let isQuiet = numbers.changes == 0 && numbers.held == 0 && numbers.conflicts == 0
        if isQuiet {
            report.headline = source == nil ? "No changes. \(inStep) in step." : "No changes for certain: the source was not read completely. \(inStep) in step."
        } else {
            report.headline =
                "Plan: \(numbers.create) to create, \(numbers.change) to change, \(numbers.delete) to delete, \(numbers.held) held, \(numbers.conflicts) conflict\(numbers.conflicts == 1 ? "" : "s"); \(inStep) in step."
            let seconds = Int((Double(numbers.requests) / pace.requestsPerSecond).rounded(.up))
            report.headline += " Forecast: \(numbers.requests) request\(numbers.requests == 1 ? "" : "s"), \(seconds < 120 ? "\(seconds) s" : "\((seconds + 30) / 60) min")."
        }
        report.details += numbers.breakdown
        report.details += takings.told(ledger)
        if unmanaged > 0 { report.details.append(counted(unmanaged, "object") + " of the target not ours, left alone") }
        if numbers.done + numbers.failed + numbers.skipped + numbers.unknown > 0 {
            var line = "Applied as run \(run.id): \(numbers.done) done, \(numbers.failed) failed, \(numbers.skipped) skipped"
            if numbers.unknown > 0 { line += ", \(numbers.unknown) of unknown outcome" }
            report.details.append("\(line); \(requests) requests in all.")
        }
        report.details += run.notes
        report.details += numbers.toldRecords
        if let source { report.details.append("source incomplete: \(source); nothing is taken away from anybody") }
        if let target { report.details.append("target incomplete: \(target); “missing” is not believed") }
        report.details += run.breaches.map { "held: \($0)" }
        if let failure = run.failure { report.details.append(failure.description) }

        var exits: [ExitCode] = [.inStep]
        if run.isCutShort { exits.append(.recordsFailed) }
        if numbers.planned > 0, !isApplied, !run.isCutShort, run.failure == nil { exits.append(.pending) }
        if numbers.attention > 0, isApplied || numbers.planned == 0 { exits.append(.recordsFailed) }
        let unseen = run.targetReading?.unseenAccounts ?? []
        for (name, why) in unseen.prefix(10) { report.details.append("must lose access, and could not be looked at: user or group \(name): \(why)") }
        if unseen.count > 10 { report.details.append("… and \(unseen.count - 10) more that could not be looked at") }
        if run.standingTemporaries > 0 { exits.append(.recordsFailed) }
        if run.clockDoubt != nil { exits.append(.recordsFailed) }
        if run.targetReading?.survivors ?? 0 > 0 { exits.append(.recordsFailed) }
        if !unseen.isEmpty || !(run.targetReading?.unseenGroups.isEmpty ?? true) { exits.append(.recordsFailed) }
        if let held = run.sizeHold {
            report.details.append("held: \(held)")
            exits.append(.held)
        }
        if !run.breaches.isEmpty { exits.append(.held) }
        if source != nil { exits.append(.sourceIncomplete) }
        if let failure = run.failure { exits.append(failure.exit) }
        report.exit = exits.max() ?? .inStep
        return report
    }

    private struct Numbers {
        var create = 0
        var change = 0
        var delete = 0
        var held = 0
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
        var links = 0
        var added = 0
        var removed = 0
        var noted = 0
        var failures: [String] = []

        var changes: Int { create + change + delete + links }

        mutating func add(_ operation: PlannedOperation, requestsPerUpdate: Int) {
            if JobReport.needsAttention(operation) { attention += 1 }
            switch operation.status {
            case .noted:
                noted += 1
                return
            case .conflict where operation.verb == .none:
                conflicts += 1
                tell(operation)
                return
            case .held where operation.heldBy == Gate.giving || operation.heldBy == Policy.size:
                held += 1
                return
            case .held:
                held += 1
                // What a limit or a permission holds is told once, for all of them.
                if operation.verb == .none || JobReport.needsAttention(operation) { tell(operation) }
                return
            case .planned: planned += 1
            case .done: done += 1
            case .failed: failed += 1
            case .skipped: skipped += 1
            case .sent: unknown += 1
            case .conflict: conflicts += 1
            }
            if [.failed, .conflict, .skipped].contains(operation.status) { tell(operation) }
            switch operation.verb {
            case .create:
                create += 1
                requests += 1
            case .update, .associate, .dissociate, .disable:
                // Both halves of a rename by way of a temporary name are one change.
                if operation.unit == nil || operation.unit == operation.seq { change += 1 }
                requests += requestsPerUpdate
                if operation.verb == .associate { associations += 1 }
                if operation.verb == .disable { disables += 1 }
            case .delete:
                delete += 1
                requests += 1
            case .addMembers:
                change += 1
                added += operation.members.count
                requests += requestsPerUpdate
            case .removeMembers:
                change += 1
                removed += operation.members.count
                requests += requestsPerUpdate
            case .link, .unlink: links += 1
            case .none: break
            }
        }

        /// Names a record that somebody must look at; the CSV has all of them.
        private mutating func tell(_ operation: PlannedOperation) {
            let what = operation.verb == .none ? "" : "\(operation.verb.rawValue) "
            let id = (operation.sourceID ?? operation.targetID).map { " (\($0))" } ?? ""
            let line = "\(operation.status.rawValue): \(what)\(operation.kind == 0 ? "user" : "group") \(operation.name)\(id): \(operation.reason)"
            // Two operations of one record may come to the same.
            if failures.contains(line) { return }
            told += 1
            if told <= Self.mostTold { failures.append(line) }
        }

        private static let mostTold = 20
        private var told = 0

        /// The records that were named, and how many were not.
        var toldRecords: [String] { told > Self.mostTold ? failures + ["… and \(told - Self.mostTold) more, in the CSV"] : failures }

        var breakdown: [String] {
            var parts: [String] = []
            if associations > 0 { parts.append(counted(associations, "existing account") + " to associate") }
            if disables > 0 { parts.append("\(disables) to disable") }
            if added > 0 { parts.append(counted(added, "membership") + " to add") }
            if removed > 0 { parts.append(counted(removed, "membership") + " to remove") }
            if links > 0 { parts.append("\(links) to link or unlink without a request") }
            if noted > 0 { parts.append("\(noted) listed without an operation (disabled without an account, or left and kept)") }
            return parts.isEmpty ? [] : ["In detail: " + parts.joined(separator: ", ") + "."]
        }
    }
}

/// `1 membership`, `2 memberships`.
func counted(_ number: Int, _ thing: String) -> String { "\(number) \(thing)\(number == 1 ? "" : "s")" }
