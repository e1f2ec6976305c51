import Ledger

extension JobReport {
    /// A plan, or what became of it, as the ledger has it: without a network, and the same at any time.
    ///
    /// - Parameter detail: how many rows it holds.
    public static func stored(_ job: String, _ plan: Ledger.PlanInfo, in ledger: Ledger, detail: Detail) throws
        -> JobReport
    {
        let run = try ledger.run(plan.run)
        let isPlan = run?.command == "plan" || run?.command == "check"
        // A run without an end was killed, or is going: nobody may take it for good.
        let exit = run?.exit.flatMap { ExitCode(rawValue: $0) } ?? .internalError
        var report = JobReport(
            job: job, plan: plan.id, exit: exit,
            headline: run?.summary ?? "Run \(plan.run) did not come to its end, or is going.", notes: [], requests: 0)
        report.isResult = !isPlan && run?.finished != nil
        report.digest = plan.shownDigest
        report.planned = plan.created
        var rows = ReportRows(detail, run: plan.run, isWriting: !isPlan, since: try ledger.troublesSince(run: plan.run))
        try ledger.forEachOperation(plan: plan.id) {
            rows.add($0)
            report.figures.add($0)
        }
        report.sections = rows.sections(ledger, limits: [])
        report.notes = ["plan \(plan.id) (\(plan.shownDigest)) of run \(plan.run), made \(plan.created): \(plan.state)"]
        return report
    }
}
