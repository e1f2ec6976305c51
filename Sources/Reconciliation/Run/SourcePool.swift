import Directory
import HTTP
import Jobs
import JSON
import Ledger
import SCIM
import SCIMTransport

/// The sources of an invocation: jobs that name the same source share one read of it, at the union of what they want.
public final class SourcePool {
    private let surroundings: Surroundings
    private var shared: [Job.Source: SharedSource] = [:]

    /// - Parameter jobs: all jobs of the invocation.
    public init(_ jobs: [Job], surroundings: Surroundings) {
        self.surroundings = surroundings
        for job in jobs {
            let source = shared[job.source.origin] ?? SharedSource(job.source.origin, surroundings)
            source.expect(job)
            shared[job.source.origin] = source
        }
    }

    func source(of job: Job) -> SharedSource {
        shared[job.source.origin] ?? SharedSource(job.source.origin, surroundings)
    }
}

/// One source and the read of it that its jobs share.
///
/// `@unchecked Sendable`: jobs that are planned side by side take turns (`alone`); before that the pool alone knows it.
final class SharedSource: @unchecked Sendable {
    private let turn = Turn()
    private let origin: Job.Source
    private let surroundings: Surroundings
    private let counted: Traced
    private var jobs: [Job] = []
    private var opened: (any DirectorySource)?
    private var own: DirectoryScope??
    private var findings: [String: Finding] = [:]
    private var units: [String: DirectoryUnit?] = [:]
    private var failure: DirectoryFailure?

    /// The read, once there is one.
    private(set) var snapshot: Snapshot?
    private(set) var evidence: ReadEvidence?
    /// Whether the read was to bring every user.
    private(set) var coversAllUsers = false
    /// How many whole reads in a row were complete.
    private(set) var completeReads = 0

    /// Reads that follow an incomplete one, at the most.
    private static let rereads = 3

    init(_ origin: Job.Source, _ surroundings: Surroundings) {
        self.origin = origin
        self.surroundings = surroundings
        counted = Traced(surroundings.transport, time: surroundings.time, log: surroundings.log)
    }

    /// Says that a job will want this source.
    func expect(_ job: Job) { jobs.append(job) }

    /// Requests sent to the source so far.
    var requests: Int { counted.requests }

    /// Does something while no other job does: what a job reads from the source belongs together.
    ///
    /// - Parameter spent: told how many requests it cost.
    func alone<Value>(spent: (Int) -> Void, _ body: () async throws -> Value) async rethrows -> Value {
        await turn.take()
        let before = requests
        func end() async {
            spent(requests - before)
            await turn.give()
        }
        do {
            let value = try await body()
            await end()
            return value
        } catch {
            await end()
            throw error
        }
    }

    /// The source's reader; made at its first use, since its credential may be missing.
    func directory() throws -> any DirectorySource {
        if let opened { return opened }
        let source =
            try surroundings.sourceOverride
            ?? SourceConnections(surroundings: surroundings, counted: counted).source(origin)
        opened = source
        return source
    }

    /// The scope that the source keeps to by itself.
    func ownScope() async throws -> DirectoryScope? {
        if let own { return own }
        let scope = try await directory().ownScope()
        own = .some(scope)
        return scope
    }

    // MARK: reading

    /// The shared read: made when the first job asks. Throws `DirectoryFailure` and `LedgerError`.
    ///
    /// A read that broke a rule is repeated, since what moves while it is read may stand still the next time.
    ///
    /// - Parameter path: where its file is made; nil for a temporary place.
    /// - Parameter progress: told what is read and how much of it, by the job that reads.
    func read(path: String?, progress: @escaping @Sendable (String, Int) -> Void = { _, _ in }) async throws -> (
        snapshot: Snapshot, evidence: ReadEvidence
    ) {
        // What kept one job from the source keeps its siblings from it.
        if let failure { throw failure }
        if let snapshot, let evidence { return (snapshot, evidence) }
        let made = try Snapshot(path: path)
        snapshot = made
        for attempt in 0...Self.rereads {
            let evidence = try await readOnce(made, progress)
            if evidence.violations.isEmpty || !evidence.mayPass || attempt == Self.rereads { return (made, evidence) }
            surroundings.log.notice(
                "the source moved while it was read, or a page was lost: reading again",
                metadata: ["rules": "\(evidence.violations.joined(separator: "; "))"])
        }
        return (made, evidence ?? ReadEvidence(statement: ""))
    }

    /// Reads the whole source once more, in the place of what was read.
    func readAgain(progress: @escaping @Sendable (String, Int) -> Void) async throws -> ReadEvidence {
        guard let snapshot else { return try await read(path: nil, progress: progress).evidence }
        return try await readOnce(snapshot, progress)
    }

    private func readOnce(_ snapshot: Snapshot, _ progress: @escaping @Sendable (String, Int) -> Void) async throws
        -> ReadEvidence
    {
        let own = try await ownScope()
        var wish = ReadWish()
        for job in jobs { wish.formUnion(Self.wish(of: job, own: own)) }
        findings = [:]
        wholeGroups = [:]
        proven = [:]
        evidence = nil
        let readsBefore = completeReads
        completeReads = 0
        let directory = try directory()
        coversAllUsers = wish.allUsers || directory.readsEverything
        try snapshot.begin()
        let sink = SnapshotSink(snapshot, progress: progress)
        do {
            let evidence = try await directory.read(wish, into: sink)
            try snapshot.seal()
            self.evidence = evidence
            completeReads = evidence.violations.isEmpty ? readsBefore + 1 : 0
            return evidence
        } catch {
            try snapshot.seal()
            failure = error as? DirectoryFailure
            throw error
        }
    }

    /// What a job wants of its source.
    private static func wish(of job: Job, own: DirectoryScope?) -> ReadWish {
        var wish = ReadWish()
        var scope = job.source.scope
        if let own, let narrowed = EffectiveScope.narrowed(scope, to: own, job.source) { scope = narrowed }
        wish.allUsers = scope.hasAllUsers
        let units = Set(scope.organizationalUnits ?? [])
        if scope.isRecursive { wish.units = units } else { wish.unitsAlone = units }
        if case .listed(let groups)? = scope.groups { wish.groupsOfUsers = Set(groups) }
        switch scope.groups {
        case .listed(let groups)?: wish.groups = .listed(Set(groups))
        case .all?: wish.groups = .all
        case nil: wish.groups = job.fullPush.contains(.group) && scope.hasAllUsers ? .all : .none
        }
        let fields = (job.mapping[.user] ?? [:]).values.compactMap { $0 }.flatMap { rule in
            [rule.from].compactMap { $0 } + (rule.template.flatMap { Job.MappingRule.places($0) } ?? [])
        }
        wish.details = fields.contains(where: DirectoryFields.isDetail)
        return wish
    }

    // MARK: single records

    /// Looks a record up, once for all jobs; nil where the source has no look-ups.
    func find(_ kind: ResourceKind, _ id: String) async throws -> Finding? {
        let key = "\(kind.rawValue) \(id)"
        if let known = findings[key] { return known }
        let finding = try await directory().find(kind, id)
        findings[key] = finding
        return finding
    }

    /// Which of some records are there, asked for together.
    func present(_ kind: ResourceKind, _ ids: [String]) async throws -> Set<String>? {
        try await directory().present(kind, ids)
    }

    private var wholeGroups: [String: [String]] = [:]

    /// A group's members by its id, asked for once after each read; nil where a group comes in one piece.
    func members(of group: String) async throws -> (members: [String], violations: [String])? {
        if let known = wholeGroups[group] { return (known, []) }
        guard let answer = try await directory().members(of: group) else { return nil }
        if answer.violations.isEmpty { wholeGroups[group] = answer.members }
        return answer
    }

    /// The units above one, itself first, as far as they can be seen; nil where the source does not tell.
    func ancestry(of unit: String) async throws -> [String]? {
        var path: [String] = []
        var next: String? = unit
        while let id = next, !path.contains(id) {
            path.append(id)
            guard let found = try await self.unit(id) else { return nil }
            next = found?.parent
        }
        return path
    }

    /// A unit by its id, asked for once; see `DirectorySource.find(unit:)`.
    func unit(_ id: String) async throws -> DirectoryUnit?? {
        if let known = units[id] { return .some(known) }
        guard let found = try await directory().find(unit: id) else { return nil }
        units[id] = .some(found)
        return .some(found)
    }

    private var proven: [String: String?] = [:]

    /// Reads a group's members until two readings agree; the newest stays in the snapshot. Returns what speaks against
    /// them:
    /// nil once two readings were alike.
    func prove(group: String) async throws -> String? {
        if let known = proven[group] { return known }
        guard let snapshot else { return nil }
        var why: String?
        // After a read that broke off, what the snapshot holds of the group is no reading.
        var before = evidence == nil ? nil : try snapshot.members(of: group)
        do {
            why = try await compare(group, snapshot, &before)
        } catch let failure as DirectoryFailure {
            if case .cancelled = failure { throw failure }
            // One group that cannot be looked at keeps nobody from losing access elsewhere.
            why = "it cannot be read by its id: \(failure)"
        }
        proven[group] = .some(why)
        return why
    }

    /// Reads a group until two readings agree.
    private func compare(_ group: String, _ snapshot: Snapshot, _ before: inout [String]?) async throws -> String? {
        var why: String? = "its members changed between two readings, again and again"
        for _ in 1...Self.rereads {
            guard let (members, violations) = try await directory().members(of: group) else { return nil }
            if let first = violations.first {
                why = first
                continue
            }
            if before == members { return nil }
            // A list may show less than the group by its id; what shows less than the list is no better witness.
            if try directory().mayCutMembers, let before, let one = Set(before).subtracting(members).min() {
                return "\(one) is in the list of its members, and not in the group by its id"
            }
            try snapshot.replace(members: members, of: group)
            before = members
            why = "its members changed between two readings, again and again"
        }
        return why
    }
}

/// One at a time, in the order of asking.
private actor Turn {
    private var isTaken = false
    private var waiting: [CheckedContinuation<Void, Never>] = []

    func take() async {
        if isTaken { await withCheckedContinuation { waiting.append($0) } } else { isTaken = true }
    }

    func give() {
        if waiting.isEmpty { isTaken = false } else { waiting.removeFirst().resume() }
    }
}

/// Takes what a reader brings into the snapshot.
private final class SnapshotSink: DirectorySink {
    private let snapshot: Snapshot
    private let progress: @Sendable (String, Int) -> Void
    private var count = 0

    init(_ snapshot: Snapshot, progress: @escaping @Sendable (String, Int) -> Void) {
        self.snapshot = snapshot
        self.progress = progress
    }

    func add(_ record: DirectoryRecord) throws -> Arrival {
        count += 1
        progress("source records read", count)
        let arrival = try snapshot.add(stored(record))
        switch arrival {
        case .new, .contradicting: try addParts(record)
        case .repeated: break
        }
        return switch arrival {
        case .new: .new
        case .repeated: .repeated
        case .contradicting: .contradicting
        }
    }

    private func stored(_ record: DirectoryRecord) -> Snapshot.Record {
        Snapshot.Record(
            kind: record.kind, id: record.id,
            // A list stands for a value that cannot be read.
            fields: JSONValue.object(
                record.fields.mapValues { .string($0) }.merging(record.unreadable.map { ($0, []) }) { $1 }
            ).canonical, problem: record.problem,
            place: record.place)
    }

    private func addParts(_ record: DirectoryRecord) throws {
        for unit in record.units { _ = try snapshot.place(user: record.id, inUnit: unit) }
        if !record.members.isEmpty { _ = try snapshot.add(members: record.members, of: record.id) }
    }

    func replace(_ record: DirectoryRecord) throws {
        try snapshot.replace(stored(record))
        try addParts(record)
    }

    func add(members: [String], of group: String) throws -> Int { try snapshot.add(members: members, of: group) }
    func add(_ unit: DirectoryUnit) throws { try snapshot.add(unit: unit.id, name: unit.name, parent: unit.parent) }
    func place(user: String, inUnit unit: String) throws -> Bool { try snapshot.place(user: user, inUnit: unit) }
    func displace(user: String, fromUnit unit: String) throws { try snapshot.displace(user: user, fromUnit: unit) }
    func note(pages: Int, ofGroup group: String) throws { try snapshot.note(pages: pages, ofGroup: group) }
    func unknownMembers(of groups: [String]?, after last: String, limit: Int) throws -> [String] {
        try snapshot.unknownMembers(of: groups, after: last, limit: limit)
    }
    func users(after last: String, limit: Int) throws -> [String] { try snapshot.users(after: last, limit: limit) }
    func users(inUnitAndBelow unit: String, after last: String, limit: Int) throws -> [String] {
        try snapshot.users(inUnitAndBelow: unit, after: last, limit: limit)
    }
}

/// What a job is about, once the source has said what it keeps to by itself.
struct EffectiveScope {
    var selection: ScopeSelection
    /// Equal for equal scopes: compared with the last applied run's.
    var text: String

    init(_ job: Job, own: DirectoryScope?) {
        let scope = own.flatMap { Self.narrowed(job.source.scope, to: $0, job.source) } ?? job.source.scope
        selection = ScopeSelection()
        selection.units = scope.organizationalUnits
        selection.includesUnitsBelow = scope.isRecursive
        selection.isEnabledOnly = scope.isEnabledOnly
        switch scope.groups {
        case .listed(let groups)?: selection.groups = groups
        case .all?: selection.allGroups = true
        case nil: break
        }
        text = Self.words(scope)
        // What an application may see bounds every read through it, without being this job's choice.
        if let own, case .idaasApplication = job.source {
            text += " within \(Self.words(Job.Scope(organizationalUnits: own.units, groups: .listed(own.groups))))"
        }
    }

    /// With an application given, the management API reads what that application is provisioned with.
    static func narrowed(_ scope: Job.Scope, to own: DirectoryScope, _ source: Job.Source) -> Job.Scope? {
        guard case .idaas = source else { return nil }
        return Job.Scope(
            organizationalUnits: own.units, groups: .listed(own.groups), isEnabledOnly: scope.isEnabledOnly)
    }

    static func words(_ scope: Job.Scope) -> String {
        if scope.isEverything { return "everything readable" }
        func list(_ ids: [String]) -> String {
            ids.isEmpty ? "none" : ids.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }.joined(separator: ", ")
        }
        var parts: [String] = []
        if let units = scope.organizationalUnits {
            parts.append("organizational units \(list(units))\(scope.isRecursive ? "" : " without those below")")
        }
        switch scope.groups {
        case .all?: parts.append("all groups")
        case .listed(let groups)?: parts.append("groups \(list(groups))")
        case nil: break
        }
        if scope.isEnabledOnly { parts.append("enabled users only") }
        return parts.joined(separator: "; ")
    }
}
