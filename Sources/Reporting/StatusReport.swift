import Ledger
import Reconciliation

/// What is known of a job, in a few lines.
public enum StatusReport {
    /// - Parameter isGoing: whether a run has the ledger just now.
    /// - Parameter screen: knows the commands of the job, where its file is known.
    public static func lines(_ job: String, _ ledger: Ledger, isGoing: Bool = false, _ screen: Screen) throws
        -> [String]
    {
        var lines = try lastRun(job, ledger, isGoing: isGoing)
        lines += try written(ledger, isGoing: isGoing)
        lines.append(
            """
              linked: \(counted(try ledger.linkCount(kind: .user), "user")), \
            \(counted(try ledger.linkCount(kind: .group), "group"))
            """
        )
        let leavers = try ledger.leaversDue(5)
        if leavers.count > 0 {
            let next = leavers.next.map { "\($0.name) on \($0.due)" }.joined(separator: ", ")
            lines.append(
                """
                  leavers that wait: \(leavers.count), the next \(next)\
                \(leavers.count > leavers.next.count ? ", …" : "")
                """
            )
        }
        if let plan = try ledger.plan(nil) { lines += try newest(plan, job, ledger, screen) }
        if isGoing { return lines }
        let open = try ledger.unsettled().count
        if open > 0 {
            lines.append(
                "  \(counted(open, "operation")) of an interrupted run to be settled; the next run begins with them")
        }
        return lines
    }

    private static func lastRun(_ job: String, _ ledger: Ledger, isGoing: Bool) throws -> [String] {
        var lines = ["\(job): no run has finished yet"]
        if let last = try ledger.lastRun(isBaseline: false) {
            lines = [
                """
                \(job): run \(last.id) (\(last.command)\(last.label.map { ", \($0)" } ?? "")) of \(last.started), \
                exit \(last.exit ?? 0): \(last.summary ?? "")
                """
            ]
        }
        if !isGoing, let cut = try ledger.interruptedRun() {
            lines.insert(
                """
                \(job): run \(cut.id) (\(cut.command)) of \(cut.started) did not come to its end: it was killed, \
                or the machine went down; the next run goes on where it was
                """,
                at: 0)
        }
        if let baseline = try ledger.lastRun(isBaseline: true) {
            lines.append(
                """
                  last applied: run \(baseline.id) of \(baseline.started), source \
                \(counted(baseline.count.users, "user")), \(counted(baseline.count.groups, "group")), \
                \(counted(baseline.count.memberships, "membership"))
                """
            )
        } else {
            lines.append("  no run has been applied to its end yet")
        }
        return lines
    }

    /// What the last runs wrote, and what they were allowed.
    private static func written(_ ledger: Ledger, isGoing: Bool) throws -> [String] {
        try ledger.lastWriting(5).map { run in
            let end = run.exit.map { "exit \($0)" } ?? (isGoing ? "going" : "interrupted")
            let undone =
                switch run.undo {
                case .whole(let undo): ", undone since by run \(undo)"
                case .part(let undo): ", undone in part by run \(undo); the same undo once more takes back what can be"
                case nil: ""
                }
            return """
                  wrote: run \(run.id) (\(run.command)\(run.label.map { ", \($0)" } ?? "")) of \(run.started), \
                \(counted(run.done, "operation")) done, \(end)\(undone)
                """
        }
            + ledger.overrides(5).map { override in
                """
                  let pass: run \(override.run) of \(override.started): \(override.words)\
                \(override.label.map { ", “\($0)”" } ?? "")
                """
            }
    }

    /// The newest plan, with what in it needs somebody.
    private static func newest(_ plan: Ledger.PlanInfo, _ job: String, _ ledger: Ledger, _ screen: Screen) throws
        -> [String]
    {
        var lines = ["  newest plan: \(plan.id) (\(plan.shownDigest)) of \(plan.created), \(plan.state)"]
        let report = try JobReport.stored(job, plan, in: ledger, detail: .rows)
        for section in report.sections where section.kind == .needsYou || section.kind == .held {
            let rows = section.rows.prefix(10)
            lines += rows.map { row in
                "  \(section.kind == .needsYou ? "needs you" : "held"): \(row.what) \(row.whom): "
                    + screen.detail(row, plan: plan.id)
            }
            if section.count > rows.count {
                let all = screen.showing?(plan.id) ?? "rollcall show JOB --plan \(plan.id) --detail all"
                lines.append("  … and \(section.count - rows.count) more: \(all)")
            }
        }
        return lines
    }
}
