import HTTP
import JSON
import Ledger
import Planning
import SCIM

/// A plan that was made before: whether it may still be applied, and what becomes of one that was only made to be
/// compared.
extension JobRun {
    /// Why the saved plan of that number cannot be applied now; nil when the world is as it was.
    public func staleness(of saved: Ledger.PlanInfo) throws -> String? {
        guard let plan, let current = try ledger.plan(plan) else { return nil }
        if let created = Timestamp.seconds(saved.created), surroundings.time.wall() - created > permissions.maxAge {
            let age = surroundings.time.wall() - created
            return
                """
                plan \(saved.id) of \(saved.created) is \(Self.duration(age)) old, and at most \
                \(Self.duration(permissions.maxAge)) are allowed; to plan again: \(typed("plan"))
                """
        }
        if current.inputs != saved.inputs {
            return
                """
                plan \(saved.id) was made with another job file or another version of the platform's profile; \
                to plan again: \(typed("plan"))
                """
        }
        guard current.digest != saved.digest else { return nil }
        let moved = try moved(from: saved.id, to: plan)
        // The same operations in another order, such as with what failed meanwhile at the end.
        if moved.isEmpty { return nil }
        return
            """
            plan \(saved.id) of \(saved.created) is stale, the source or the target changed (\
            \(moved.prefix(5).joined(separator: "; "))\(moved.count > 5 ? "; and \(moved.count - 5) more" : "")); \
            plan again (if it was planned with --release or an --accept flag, say that here as well)
            """
    }

    private static func duration(_ seconds: Double) -> String {
        seconds < 120
            ? "\(Int(seconds)) s"
            : seconds < 7200
                ? "\(Int(seconds / 60)) min"
                : seconds < 2 * 86400 ? "\(Int(seconds / 3600)) h" : "\(Int(seconds / 86400)) days"
    }

    /// What two plans do not have in common: of one and the same record, attribute by attribute.
    private func moved(from saved: Int64, to plan: Int64) throws -> [String] {
        var lines: [Int64: [String: Int]] = [:]
        for id in [saved, plan] {
            try ledger.forEachOperation(plan: id) {
                lines[id, default: [:]][Digest.hexadecimal(PlanDigest.text($0)), default: 0] += 1
            }
        }
        func key(_ operation: PlannedOperation) -> String {
            """
            \(operation.verb) \(operation.kind) \(operation.sourceID ?? operation.targetID ?? operation.name) \
            \(operation.unit.map { $0 == operation.seq ? "2" : "1" } ?? "")
            """
        }
        // Beside the lines of both plans, only the operations that differ are held in memory.
        var differing: [Int64: [String: PlannedOperation]] = [:]
        var order: [String] = []
        for (id, other) in [(saved, plan), (plan, saved)] {
            try ledger.forEachOperation(plan: id) { operation in
                let text = Digest.hexadecimal(PlanDigest.text(operation))
                guard lines[other]?[text] != lines[id]?[text] else { return }
                let key = key(operation)
                if differing[saved]?[key] == nil, differing[plan]?[key] == nil { order.append(key) }
                differing[id, default: [:]][key] = operation
            }
        }
        return order.map { key in
            let (before, now) = (differing[saved]?[key], differing[plan]?[key])
            let operation = now ?? before
            let name = "\(operation?.verb.description ?? "") \(operation?.kind.singular ?? "") \(operation?.name ?? "")"
            guard let before else { return "not in it: \(name)" }
            guard let now else { return "no longer wanted: \(name)" }
            let fields = Set((before.fields + now.fields).map(\.path)).sorted().compactMap { path -> String? in
                let (old, new) = (before.fields.first { $0.path == path }, now.fields.first { $0.path == path })
                guard old != new else { return nil }
                func shown(_ value: String?) -> String { value.map { ReportRows.plain($0) ?? "nothing" } ?? "nothing" }
                if let old, let new, old.after == new.after {
                    return "\(path) is \(shown(new.before)) by now, and was \(shown(old.before))"
                }
                return
                    """
                    \(path) would now become \(new.map { shown($0.after) } ?? "what it is"), approved was \
                    \(old.map { shown($0.after) } ?? "what it was")
                    """
            }
            if !fields.isEmpty { return "\(name): \(fields.joined(separator: ", "))" }
            let (gone, come) = (before.members.count, now.members.count)
            if before.status != now.status { return "\(name): it is \(now.status) by now, and was \(before.status)" }
            return gone == come
                ? "\(name): another object, or other members" : "\(name): \(come) members by now, \(gone) were approved"
        }
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
