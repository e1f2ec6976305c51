import Directory
import Foundation
import HTTP
import Jobs
import JSON
import Ledger
import Logging
import Provisioning
import SCIM
import SCIMTransport
import Planning

/// One job on its way: read both sides, plan, judge, apply. The steps are separate, so that the plans of all jobs of an
/// invocation are judged before the first of them writes.
///
/// `@unchecked Sendable`: an invocation hands a run to one task at a time, and looks at it again when that task has
/// ended.
public final class JobRun: @unchecked Sendable {
    public let job: Job
    public let ledger: Ledger
    public let id: Int64
    let started: String
    let surroundings: Surroundings
    let permissions: Permissions
    let profile: Profile
    let tables: [ResourceKind: MappingTable]
    let connection: SCIMConnection
    let paced: Paced
    let gate: Stoppable
    let traced: Traced
    let witness = Witness()
    /// What speaks against this machine's clock; nil while nothing does.
    var clockDoubt: String?
    var isClockJudged = false
    static let trustedEnd = "last end by a clock that nothing contradicts"
    let shared: SharedSource
    let command: String
    let claims: Bool
    /// Requests that the source cost while this job was read.
    var sourceRequests = 0
    var scope: EffectiveScope?

    var target: SCIMTarget?
    var sourceReading: Reading?
    var targetReading: Reading?
    var count: SourceCount?
    var gateCounts = Gate.Counts()
    /// The stored plan; nil until there is one.
    public internal(set) var plan: Int64?
    /// Why nothing may be written: limits and alike, in words.
    public internal(set) var breaches: [String] = []
    var holdsScopeLeavers = false
    /// Links whose mark stands under another id, and that were not moved there, by kind.
    var unmoved: [ResourceKind: Int] = [:]
    var departing = Departing()
    /// Of what the operator lets go, what this plan associates.
    var usedAssociations: Set<String> = []
    /// Why this run leaves groups alone: they could not be read, and users could.
    var closedGroups: String?
    /// Active accounts with a mark of ours that are linked to none, and that the source lets nobody have.
    var strays = 0
    /// Why the source's size is not believed.
    var sizeHold: String?
    var heldByScope = 0
    /// Linked objects that bear temporary values, as this run read them.
    var temporaries: [(kind: ResourceKind, source: String, text: String)] = []
    /// Of these, those that still do at the end.
    var standingTemporaries = 0
    var isApplied = false
    var hasApplied: Bool { isApplied }
    /// The plan that this one takes back; what it writes then stays until its source record changes.
    var undone: Int64?
    /// Whether the target's failures ended the sending.
    var isCutShort = false
    public internal(set) var failure: JobFailure?
    /// Things to tell beside the summary, one line each.
    public internal(set) var notes: [String] = []
    /// What lets a held run go if it is meant, as it is typed: `--allow users.disable=20`.
    var lettingGo: Set<String> = []
    /// Memberships of linked groups whose member is not linked; nil where nobody has counted them.
    var strangers: Int?
    /// Of these, what is told also on a quiet night.
    var urgent: [String] = []
    /// Whether the target was written to while an interrupted run was settled.
    var hasSettled = false

    /// A whole command about this job, as an operator types it.
    func typed(_ doing: String, _ rest: String = "") -> String {
        Ledger.command(doing, job.file, at: ledger.path, rest)
    }

    /// - Parameter ledger: the job's ledger, whose lock the caller holds.
    /// - Parameter pool: the sources of the invocation.
    /// - Parameter claims: whether the target becomes this job's in the state folder.
    public init(
        job: Job, ledger: Ledger, command: String, label: String?, permissions: Permissions, surroundings: Surroundings,
        pool: SourcePool, claims: Bool = true
    ) throws {
        self.claims = claims
        guard let profile = Profile.named(job.target.platform) else {
            throw JobFailure(.jobFile, "\(job.target.platform) is not served")
        }
        self.job = job
        self.ledger = ledger
        self.command = command
        self.permissions = permissions
        self.surroundings = surroundings
        self.profile = profile
        tables = Dictionary(ResourceKind.allCases.map { ($0, MappingTable(kind: $0, job: job, profile: profile)) }) {
            first, _ in first
        }
        var transport = surroundings.transport
        if let files = job.target.tlsFiles, let base = URLParts(job.target.baseURL) {
            transport = TLSBound(transport, files: files, authority: base.authority)
        }
        traced = Traced(transport, time: surroundings.time, log: surroundings.log, witness: witness)
        let stack = ClientStack(surroundings: surroundings, counted: traced)
        gate = stack.gate
        paced = stack.paced(job.pace, settled: try ledger.fact(Self.settledPace).flatMap { Double($0) })
        let dialect = Dialect(given: job.target.capabilities.ways)
        dialect.restore(try ledger.fact(Self.ways))
        connection = SCIMConnection(
            base: try stack.url(job.target.baseURL),
            client: try stack.authorized(job.target.authorization, paced, job.pace, dialect),
            mediaType: job.target.mediaType ?? profile.mediaType,
            endsWithSlash: job.target.trailingSlash, dialect: dialect)
        shared = pool.source(of: job)
        try ledger.check(binding: "source", shared.directory().identity)
        try ledger.check(binding: "target", "\(connection.base)") { URLParts($0)?.canonical ?? $0 }
        if let owner = try Self.registry(ledger)?.owner(of: Self.targetDigest(job, ledger, surroundings)),
            owner != job.name
        {
            throw Self.owned(connection, by: owner)
        }
        started = surroundings.timestamp
        id = try ledger.beginRun(command: command, label: label, started: started)
        log("run started", ["command": "\(command)", "schema": .stringConvertible(Ledger.schemaVersion)])
    }

    // MARK: events

    /// One event of this run in the log, so that a run can be followed.
    func log(_ event: Logger.Message, _ metadata: Logger.Metadata = [:]) {
        surroundings.log.info(
            event,
            metadata: metadata.merging(["job": "\(job.name)", "run": .stringConvertible(id)]) { first, _ in first })
    }

    func log(_ operation: PlannedOperation) {
        var metadata: Logger.Metadata = [
            "op": "p\(operation.plan)-\(operation.seq)", "action": "\(operation.verb)",
            "kind": "\(operation.kind.singular)", "name": "\(operation.name)",
            "status": "\(operation.status)",
        ]
        if let id = operation.sourceID { metadata["source_id"] = "\(id)" }
        if let id = operation.targetID { metadata["target_id"] = "\(id)" }
        if operation.status != .done { metadata["reason"] = "\(operation.reason)" }
        log("operation", metadata)
    }

    /// The rate at which the target let an earlier run pass.
    static let settledPace = "pace"

    /// Requests sent so far, to both sides.
    public var requests: Int { traced.requests + sourceRequests }

    /// The numbers of this run so far, but for its operations.
    var figures: RunFigures {
        var figures = RunFigures()
        figures.began = started
        figures.seconds = max(0, surroundings.time.wall() - (Timestamp.seconds(started) ?? surroundings.time.wall()))
        figures.requests = requests
        figures.retries = traced.retries
        figures.throttled = traced.throttled
        figures.survivors = targetReading?.survivors
        (figures.leaversWaiting, figures.nextLeaver, figures.leaversWithAccess) = departing.figures(
            isHeld: !breaches.isEmpty)
        if plan != nil { figures.add(gateCounts, job, allowed: permissions.allow) }
        if let count, sourceReading?.incomplete == nil {
            (figures.users, figures.groups, figures.memberships) = (count.users, count.groups, count.memberships)
        }
        figures.ledgerBytes = ledger.path.flatMap { path in
            let sizes = ["", "-wal"].compactMap {
                (try? FileManager.default.attributesOfItem(atPath: path + $0))?[.size] as? Int
            }
            return sizes.isEmpty ? nil : sizes.reduce(0, +)
        }
        figures.credentialEnds = job.target.expires
        figures.certificateEnds = certificates.map(\.end).min()
        return figures
    }

    static func owned(_ connection: SCIMConnection, by owner: String) -> JobFailure {
        owned("\(connection.base)", by: owner)
    }

    static func owned(_ target: String, by owner: String) -> JobFailure {
        JobFailure(
            .jobFile,
            """
            the target \(target) belongs to the job \(owner) of this state folder, and two jobs would undo each \
            other's work, from another state folder too; give them one job, or, if that job is no more, remove its \
            ledger; if it is this one under its old name, rename its ledger from \(owner).sqlite to the new name
            """
        )
    }

    static func targetDigest(_ job: Job, _ ledger: Ledger, _ surroundings: Surroundings) throws -> String {
        try digest(
            job, folder: ledger.path.map { ($0 as NSString).deletingLastPathComponent },
            environment: surroundings.environment)
    }

    /// What one target is: its address, in one spelling, and where the credential chooses the tenant, the credential,
    /// under a key that never leaves the state folder. `target.tenant` says it where the credential changes.
    ///
    /// - Parameter folder: the state folder; nil for a ledger in memory.
    static func digest(_ job: Job, folder: String?, environment: [String: String]) throws -> String {
        var text = URLParts(job.target.baseURL)?.canonical ?? job.target.baseURL
        if let tenant = job.target.tenant {
            text += " tenant \(tenant)"
        } else if let folder, Profile.named(job.target.platform)?.credentialChoosesTenant ?? false {
            let identity: String =
                switch job.target.authorization {
                case .key(let reference): (try? reference.resolve(environment: environment)) ?? "\(reference)"
                case .oauth(_, let clientID, _, _, _): clientID
                }
            text +=
                " "
                + Digest.hexadecimal(
                    Digest.hmacSHA256(key: try TargetRegistry(folder: folder).key(), Array(identity.utf8)))
        }
        return Digest.hexadecimal(text)
    }

    static func registry(_ ledger: Ledger) -> TargetRegistry? {
        ledger.path.map { TargetRegistry(folder: ($0 as NSString).deletingLastPathComponent) }
    }

    var pushed: [ResourceKind] {
        let groups =
            closedGroups == nil && (job.target.capabilities.groups ?? profile.takesGroups)
            && job.fullPush.contains(.group)
        return (job.fullPush.contains(.user) ? [.user] : []) + (groups ? [.group] : [])
    }

    /// Digest of what a plan depends on beside the two sides.
    var inputs: String {
        var text =
            """
            \(job.target) \(EffectiveScope.words(job.source.scope)) \(existingText) \(job.leavers) \
            \(job.exclusiveMemberships)
            """
        text += job.fullPush.map(\.plural).sorted().joined(separator: ",")
        for kind in ResourceKind.allCases {
            text +=
                (job.operations[kind] ?? []).map(\.rawValue).sorted().joined(separator: ",")
                + (job.protect[kind] ?? []).joined(separator: ",")
        }
        text += mappingText
        text += profile.canonical
        return Digest.hexadecimal(text)
    }

    var existingText: String {
        let existing = job.existing
        let accepted = ResourceKind.allCases.map { kind in
            (existing.accept[kind] ?? [:]).map { "\($0)=\($1)" }.sorted().joined(separator: ",")
        }
        return
            """
            \(ResourceKind.allCases.map { existing.rule($0).rawValue }) \(existing.associateDisabled) \
            \(existing.harmlessRoles.sorted()) \(accepted) \(existing.decline.sorted())
            """
    }

    var mappingText: String { ResourceKind.allCases.flatMap { tables[$0]?.attributes ?? [] }.map { "\($0)" }.joined() }

    /// Digest of how source records become attributes.
    var mapping: String { Digest.hexadecimal(mappingText) }
}
