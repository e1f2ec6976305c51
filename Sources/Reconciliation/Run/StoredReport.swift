import Ledger

extension JobReport {
    /// A plan, or what became of it, as the ledger has it: without a network, and the same at any time.
    ///
    /// - Parameter detail: how many rows it holds.
    public static func stored(_ job: String, _ plan: Ledger.PlanInfo, in ledger: Ledger, detail: Detail) throws -> JobReport {
        let run = try ledger.run(plan.run)
        let isPlan = run?.command == "plan" || run?.command == "check"
        var report = JobReport(
            job: job, plan: plan.id, exit: run?.exit.flatMap { ExitCode(rawValue: $0) } ?? .inStep, headline: run?.summary ?? "Run \(plan.run) has not come to its end.", notes: [], requests: 0)
        report.isResult = !isPlan
        report.digest = plan.shownDigest
        report.planned = plan.created
        var rows = ReportRows(detail, run: plan.run, isWriting: !isPlan)
        try ledger.forEachOperation(plan: plan.id) { rows.add($0) }
        report.sections = rows.sections(ledger, limits: []) { operation in (try? ledger.troubleSince(operation, run: plan.run)).flatMap { $0 }.map { "run \($0.run) of \($0.day)" } }
        report.notes = ["plan \(plan.id) (\(plan.shownDigest)) of run \(plan.run), made \(plan.created): \(plan.state)"]
        return report
    }
}
