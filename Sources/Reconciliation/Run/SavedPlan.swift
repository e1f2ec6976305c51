import HTTP
import Ledger

/// A plan that was made before: whether it may still be applied, and what becomes of one that was only made to be compared.
extension JobRun {
    /// Why the saved plan of that number cannot be applied now; nil when the world is as it was.
    public func staleness(of saved: Ledger.PlanInfo) throws -> String? {
        guard let plan, let current = try ledger.plan(plan) else { return nil }
        if let created = Time.seconds(saved.created), surroundings.time.wall() - created > permissions.maxAge {
            return "plan \(saved.id) of \(saved.created) is older than \(Int(permissions.maxAge / 3600)) hours; plan again, or raise --max-age"
        }
        if current.inputs != saved.inputs { return "plan \(saved.id) was made with another job file or another version of the platform's profile; plan again" }
        guard current.digest != saved.digest else { return nil }
        var before: [String] = []
        try ledger.forEachOperation(plan: saved.id) { before.append(PlanDigest.line($0)) }
        var now: [String] = []
        try ledger.forEachOperation(plan: plan) { now.append(PlanDigest.line($0)) }
        let (old, new) = (Set(before), Set(now))
        func brief(_ line: String) -> String { line.split(separator: " [").first.map(String.init) ?? line }
        let moved = before.filter { !new.contains($0) }.map { "no longer wanted: \(brief($0))" } + now.filter { !old.contains($0) }.map { "not in it: \(brief($0))" }
        return
            "plan \(saved.id) of \(saved.created) is stale, the world moved on (\(moved.prefix(5).joined(separator: "; "))\(moved.count > 5 ? "; and \(moved.count - 5) more" : "")); plan again (if it was planned with --release or an --accept flag, say that here as well)"
    }

    /// Refuses to go on. A plan that was made only to be compared is forgotten.
    func refuse(_ why: JobFailure, forgetting: Bool) {
        failure = why
        if forgetting, let plan {
            try? ledger.remove(plan: plan)
            self.plan = nil
        }
    }

    /// Forgets a plan that was made to be looked at only.
    func forgetPlan() throws { if let plan { try ledger.remove(plan: plan) } }
}
