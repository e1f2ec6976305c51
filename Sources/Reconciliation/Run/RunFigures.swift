import Jobs
import Ledger
import Planning

/// The numbers of a run, for monitoring and for programs that are run after it. Nobody is named in it.
public struct RunFigures: Codable, Hashable, Sendable {
    /// When it began, `2026-01-31T02:00:00Z`.
    public var began = ""
    public var seconds = 0.0
    public var requests = 0
    /// Requests that were sent again, and answers 429 or 503.
    public var retries = 0
    public var throttled = 0
    public var inStep = 0
    /// By what is done and what became of it: `create`, `done`.
    public var operations: [String: [String: Int]] = [:]
    /// By what holds them.
    public var held: [String: Int] = [:]
    public var conflicts = 0
    public var failed = 0
    /// Accounts that still stand after their deletion was accepted; nil where the target was not read.
    public var survivors: Int?
    /// Leavers whose term runs, and the day on which the next one ends.
    public var leaversWaiting = 0
    public var nextLeaver: String?
    /// Leavers that have access until then.
    public var leaversWithAccess = 0
    public var limits: [String: Use] = [:]
    /// The source in scope; nil where it was not read to its end.
    public var users: Int?
    public var groups: Int?
    public var memberships: Int?
    public var ledgerBytes: Int?
    /// The day on which the target's credential ends.
    public var credentialEnds: String?
    /// When the first of the certificates ends by which this job and its target know each other, in seconds since 1970.
    public var certificateEnds: Double?

    /// What a limit counted, and what it allows; nil for no bound.
    public struct Use: Codable, Hashable, Sendable {
        public var run = 0
        public var week: Int?
        public var allowed: Int?
        /// Of a percentage, of how many it is: `10 % of 17, 5 at least`.
        public var share: String?

        var bound: String {
            guard let allowed else { return "no limit" }
            return "at most \(allowed)\(share.map { " (\($0))" } ?? "")"
        }
    }

    /// Whether anything was done on the target.
    public var hasWritten: Bool {
        operations.contains { !["link", "unlink"].contains($0.key) && $0.value["done"] ?? 0 > 0 }
    }

    /// Lines of the limits on what is taken away that are used: `users.disable: 3 in this run; 4 with those of the last
    /// seven days, at most 5`.
    var limitsOfTaking: [String] {
        limits.sorted { $0.key < $1.key }.compactMap { name, use in
            guard use.run > 0, let key = LimitKey(rawValue: name), !LimitKey.ofGiving.contains(key) else { return nil }
            let week = use.week.flatMap { $0 > use.run ? "; \($0) with those of the last seven days" : nil } ?? ""
            return "\(name): \(use.run) in this run\(week), \(use.bound)"
        }
    }

    mutating func add(_ operation: PlannedOperation) {
        if operation.status == .held { held[(operation.heldBy ?? .limit).rawValue, default: 0] += 1 }
        if operation.status == .conflict { conflicts += 1 }
        if operation.status == .failed { failed += 1 }
        // Both halves of a rename by way of a temporary name are one change.
        guard operation.verb != .none, operation.unit == nil || operation.unit == operation.seq else { return }
        let count = [.addMembers, .removeMembers].contains(operation.verb) ? max(1, operation.members.count) : 1
        operations[operation.verb.description, default: [:]][operation.status.description, default: 0] += count
    }

    mutating func add(_ counts: Gate.Counts, _ job: Job, allowed: [LimitKey: Int]) {
        for key in LimitKey.ofOperations {
            let limit = allowed[key].map { Limit.count($0) } ?? job.limits[key] ?? .unlimited
            let base = counts.bases[key] ?? 0
            limits[key.rawValue] = Use(
                run: counts.counts[key] ?? 0, week: counts.looksBack[key]?.count,
                allowed: Gate.allowance(limit, base: base), share: limit.share(of: base))
        }
    }
}
