import SCIM

/// A limit that a plan exceeds: nothing is written then.
public struct LimitBreach: Hashable, Sendable, CustomStringConvertible {
    public var key: String
    public var count: Int
    public var base: Int
    public var limit: Limit
    public var allowed: Int
    /// The job, or nil when the invocation as a whole exceeds it.
    public var job: String?
    public var remedy: String
    /// Of the count, what this run plans, where the rest is of the last seven days.
    public var ofThisRun: Int?

    /// What lets exactly this go, as it is typed.
    public var words: String { "--allow \(key)=\(ofThisRun ?? count)" }

    public var description: String {
        let percent =
            base > 0 ? " (\((Double(count) * 1000 / Double(base)).rounded() / 10) % of \(base))" : " (of \(base))"
        return
            """
            \(job.map { $0 + ": " } ?? "all jobs together: ")\(key): \
            \(ofThisRun.map { "\($0) planned, \(count) with those of the last seven days" } ?? "\(count) planned")\
            \(percent), limit \(limit.comes(to: allowed)); \(remedy)
            """
    }
}

/// Judges a plan against the limits, before the first write and in dry runs alike.
package struct Gate: Sendable {
    /// Operations below which a percentage does not bite, while they are at most half of the base.
    package static let floor = 5

    /// What one job's plan counts under each limit key, and the base of percentages.
    package struct Counts: Sendable {
        package var counts: [LimitKey: Int] = [:]
        package var bases: [LimitKey: Int] = [:]
        /// The same with what the last seven days have taken; no entry where that is no question.
        package var looksBack: [LimitKey: (count: Int, base: Int)] = [:]

        package init(counts: [LimitKey: Int] = [:], bases: [LimitKey: Int] = [:]) {
            self.counts = counts
            self.bases = bases
        }
    }

    /// A job among others. The source records behind its counts are asked for only where they matter: over several
    /// jobs, people are counted once.
    package struct Entry {
        package var name: String
        package var limits: [LimitKey: Limit]
        package var counts: Counts
        /// The source ids that the plan counts under a key.
        package var planned: (LimitKey) throws -> [String]
        /// The source ids that are managed, or will be.
        package var managed: (LimitKey) throws -> [String]

        package init(
            name: String, limits: [LimitKey: Limit], counts: Counts, planned: @escaping (LimitKey) throws -> [String],
            managed: @escaping (LimitKey) throws -> [String]
        ) {
            self.name = name
            self.limits = limits
            self.counts = counts
            self.planned = planned
            self.managed = managed
        }
    }

    /// The numbers that the operator allows for this invocation.
    package let allowed: [LimitKey: Int]

    package init(allowed: [LimitKey: Int]) { self.allowed = allowed }

    /// How many operations a limit lets pass; nil for any number.
    package static func allowance(_ limit: Limit, base: Int) -> Int? {
        switch limit {
        case .unlimited: return nil
        case .count(let number): return number
        case .percent(let percent):
            let share = Int((Double(base) * percent / 100).rounded(.down))
            // Five of a directory of a hundred are no accident; five of six may be.
            return percent > 0 && Double(floor) <= Double(base) / 2 ? max(share, floor) : share
        }
    }

    package func judge(
        job name: String, limits: [LimitKey: Limit], _ counts: Counts, _ keys: [LimitKey] = LimitKey.ofTaking
    ) -> [LimitBreach] {
        keys.compactMap { key in
            let limit = allowed[key].map { Limit.count($0) } ?? limits[key] ?? .unlimited
            let planned = counts.counts[key] ?? 0
            if let breach = breach(key, count: planned, base: counts.bases[key] ?? 0, limit: limit, job: name) {
                return breach
            }
            // A little every night is as much as all in one.
            guard allowed[key] == nil, planned > 0, let week = counts.looksBack[key],
                var breach = breach(key, count: week.count, base: week.base, limit: limit, job: name)
            else { return nil }
            breach.ofThisRun = planned
            breach.remedy =
                """
                nothing is written; if this is meant, say --allow \(key.rawValue)=\(planned), or limits: { \
                window: run }
                """
            return breach
        }
    }

    /// Judges the invocation: distinct source records over all its jobs, by the strictest percentage of any of them.
    package func judge(jobs: [Entry], _ keys: [LimitKey] = LimitKey.ofTaking) throws -> [LimitBreach] {
        guard jobs.count > 1 else { return [] }
        return try keys.compactMap { key in
            let sum = jobs.reduce(0) { $0 + ($1.counts.counts[key] ?? 0) }
            let percentages = jobs.compactMap { entry -> Double? in
                if case .percent(let number)? = entry.limits[key] { number } else { nil }
            }
            let limit = allowed[key].map { Limit.count($0) } ?? percentages.min().map { .percent($0) } ?? .unlimited
            guard sum > 0, limit != .unlimited else { return nil }
            let isCountedTwice = key.countsMemberships
            let count = isCountedTwice ? sum : Set(try jobs.flatMap { try $0.planned(key) }).count
            let base =
                isCountedTwice
                ? jobs.reduce(0) { $0 + ($1.counts.bases[key] ?? 0) }
                : Set(try jobs.flatMap { try $0.managed(key) }).count
            return breach(key, count: count, base: base, limit: limit, job: nil)
        }
    }

    private func breach(_ key: LimitKey, count: Int, base: Int, limit: Limit, job: String?) -> LimitBreach? {
        guard count > 0, let most = Self.allowance(limit, base: base), count > most else { return nil }
        let what = key.isOfTaking ? "nothing is written" : "all of them are held, and the rest goes on"
        return LimitBreach(
            key: key.rawValue, count: count, base: base, limit: limit, allowed: most, job: job,
            remedy: "\(what); if this is meant, say --allow \(key.rawValue)=\(count)")
    }
}

extension LimitKey {
    /// The keys that count a plan's operations; the rest judge the source.
    package static let ofOperations = allCases.filter { $0 != .sourceShrink }

    /// Keys that count what is taken from somebody: their excess holds everything. That of the others holds what they
    /// count.
    package static let ofTaking: [LimitKey] = ofOperations.filter(\.isOfTaking)
    package static let ofGiving: [LimitKey] = ofOperations.filter { !$0.isOfTaking }

    package var isOfTaking: Bool {
        switch self {
        case .usersClear, .usersDisable, .usersDelete, .groupsDelete, .membershipsRemove, .sourceShrink: true
        case .usersCreate, .usersUpdate, .usersAssociate, .groupsCreate, .groupsUpdate, .groupsAssociate,
            .membershipsAdd:
            false
        }
    }

    package var countsMemberships: Bool { self == .membershipsAdd || self == .membershipsRemove }

    /// The kind and verbs that a key counts.
    package var counted: (kind: ResourceKind, verbs: [Verb]) {
        switch self {
        case .usersCreate: (.user, [.create])
        case .usersUpdate: (.user, [.update])
        case .usersAssociate: (.user, [.associate, .dissociate])
        case .usersClear: (.user, [.update, .associate, .dissociate, .disable])
        case .usersDisable: (.user, [.disable])
        case .usersDelete: (.user, [.delete])
        case .groupsCreate: (.group, [.create])
        case .groupsUpdate: (.group, [.update])
        case .groupsAssociate: (.group, [.associate, .dissociate])
        case .groupsDelete: (.group, [.delete])
        case .membershipsAdd: (.group, [.addMembers])
        case .membershipsRemove: (.group, [.removeMembers])
        case .sourceShrink: (.user, [])
        }
    }
}
