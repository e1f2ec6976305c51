import Ledger

/// What is known of a job, in a few lines.
public enum StatusReport {
    public static func lines(_ job: String, _ ledger: Ledger) throws -> [String] {
        var lines = ["\(job): no run has finished yet"]
        if let last = try ledger.lastRun(isBaseline: false) {
            lines = ["\(job): run \(last.id) (\(last.command)\(last.label.map { ", \($0)" } ?? "")) of \(last.started), exit \(last.exit ?? 0): \(last.summary ?? "")"]
        }
        if let baseline = try ledger.lastRun(isBaseline: true) {
            lines.append("  last applied: run \(baseline.id) of \(baseline.started), source \(baseline.count.users) users, \(baseline.count.groups) groups, \(baseline.count.memberships) memberships")
        } else {
            lines.append("  nothing has been applied yet")
        }
        lines.append("  linked: \(try ledger.linkCount(kind: 0)) users, \(try ledger.linkCount(kind: 1)) groups")
        if let plan = try ledger.plan(nil) { lines.append("  newest plan: \(plan.id) of \(plan.created), \(plan.state)") }
        let open = try ledger.unsettled().count
        if open > 0 { lines.append("  \(open) operations of an interrupted run await settling; the next run begins with them") }
        return lines
    }
}
