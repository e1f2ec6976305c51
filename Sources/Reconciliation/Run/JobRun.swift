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

/// What the operator allows beyond the job file, for one invocation.
public struct Permissions: Hashable, Sendable {
    public var allow: [Job.LimitKey: Int] = [:]
    public var acceptTargetChange = false
    public var acceptScopeChange = false
    public var acceptSourceChange = false
    /// Names or source ids of records whose account carries another mark by now and is this job's all the same.
    public var acceptTakeback: Set<String> = []
    /// Names or source ids of records whose refused operations are tried at once, or `all`.
    public var retry: Set<String> = []
    /// Objects that are let go to the records of their names: `user:NAME`, `group:NAME`, each with the target's id behind a space where it is
    /// given.
    public var acceptAssociation: Set<String> = []
    /// Whether an empty ledger is meant where the target cannot be listed.
    public var firstRun = false
    public var knownConflictsAreFine = false
    /// Whether what an undo restored is the source's again.
    public var release = false
    /// Seconds after which a saved plan is too old to be applied.
    public var maxAge = 86400.0
    public init() {}
}

/// One job on its way: read both sides, plan, judge, apply. The steps are separate, so that the plans of all jobs of an
/// invocation are judged before the first of them writes.
///
/// `@unchecked Sendable`: an invocation hands a run to one task at a time, and looks at it again when that task has ended.
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
    private let paced: Paced
    private let gate: Stoppable
    private let traced: Traced
    private let witness = ClockWitness()
    /// What speaks against this machine's clock; nil while nothing does.
    private(set) var clockDoubt: String?
    private var isClockJudged = false
    private static let trustedEnd = "last end by a clock that nothing contradicts"
    let shared: SharedSource
    let command: String
    private let claims: Bool
    /// Requests that the source cost while this job was read.
    private var sourceRequests = 0
    private var scope: EffectiveScope?

    var target: SCIMTarget?
    var sourceReading: Reading?
    var targetReading: Reading?
    var count: SourceCount?
    var gateCounts = Gate.Counts()
    /// The stored plan; nil until there is one.
    public internal(set) var plan: Int64?
    /// Why nothing may be written: limits and alike, in words.
    public internal(set) var breaches: [String] = []
    private var holdsScopeLeavers = false
    /// Links whose mark stands under another id, and that were not moved there, by kind.
    var unmoved: [ResourceKind: Int] = [:]
    private var departing = Departing()
    /// Of what the operator lets go, what this plan associates.
    private(set) var usedAssociations: Set<String> = []
    /// Why the source's size is not believed.
    private(set) var sizeHold: String?
    private var heldByScope = 0
    /// Linked objects that bear temporary values, as this run read them.
    private var temporaries: [(kind: Int, source: String, text: String)] = []
    /// Of these, those that still do at the end.
    private(set) var standingTemporaries = 0
    private var isApplied = false
    var hasApplied: Bool { isApplied }
    /// The plan that this one takes back; what it writes then stays until its source record changes.
    var undone: Int64?
    /// Whether the target's failures ended the sending.
    private(set) var isCutShort = false
    public internal(set) var failure: JobFailure?
    /// Things to tell beside the summary, one line each.
    public internal(set) var notes: [String] = []
    /// What lets a held run go if it is meant, as it is typed: `--allow users.disable=20`.
    var lettingGo: Set<String> = []
    /// Of these, what is told also on a quiet night.
    var urgent: [String] = []
    /// Whether the target was written to while an interrupted run was settled.
    private(set) var hasSettled = false

    /// - Parameter ledger: the job's ledger, whose lock the caller holds.
    /// - Parameter pool: the sources of the invocation.
    /// - Parameter claims: whether the target becomes this job's in the state folder.
    public init(job: Job, ledger: Ledger, command: String, label: String?, permissions: Permissions, surroundings: Surroundings, pool: SourcePool, claims: Bool = true) throws {
        self.claims = claims
        guard let profile = Profile.named(job.target.platform) else { throw JobFailure(.jobFile, "\(job.target.platform) is not served") }
        self.job = job
        self.ledger = ledger
        self.command = command
        self.permissions = permissions
        self.surroundings = surroundings
        self.profile = profile
        tables = Dictionary(ResourceKind.allCases.map { ($0, MappingTable(kind: $0, job: job, profile: profile)) }) { first, _ in first }
        var transport = surroundings.transport
        if let tls = job.target.tls, let base = URLParts(job.target.baseURL) {
            transport = TLSBound(transport, files: TLSFiles(authority: tls.authority, certificate: tls.certificate, key: tls.key), authority: base.authority)
        }
        traced = Traced(transport, time: surroundings.time, log: surroundings.log, witness: witness)
        let stack = ClientStack(surroundings: surroundings, counted: traced)
        gate = stack.gate
        paced = stack.paced(job.pace, settled: try ledger.fact(Self.settledPace).flatMap { Double($0) })
        let dialect = Dialect()
        dialect.restore(try ledger.fact(Self.ways))
        connection = SCIMConnection(
            base: try stack.url(job.target.baseURL), client: try stack.authorized(job.target.authorization, paced, job.pace, dialect), mediaType: job.target.mediaType ?? profile.mediaType,
            endsWithSlash: job.target.trailingSlash, dialect: dialect)
        shared = pool.source(of: job)
        try ledger.check(binding: "source", shared.directory().identity)
        try ledger.check(binding: "target", "\(connection.base)") { URLParts($0)?.canonical ?? $0 }
        if let owner = try Self.registry(ledger)?.owner(of: Self.targetDigest(job, ledger, surroundings)), owner != job.name { throw Self.owned(connection, by: owner) }
        started = surroundings.time.timestamp()
        id = try ledger.beginRun(command: command, label: label, started: started)
        log("run started", ["command": "\(command)", "schema": .stringConvertible(Ledger.schemaVersion)])
    }

    // MARK: events

    /// One event of this run in the log, so that a run can be followed.
    private func log(_ event: Logger.Message, _ metadata: Logger.Metadata = [:]) {
        surroundings.log.info(event, metadata: metadata.merging(["job": "\(job.name)", "run": .stringConvertible(id)]) { first, _ in first })
    }

    private func log(_ operation: PlannedOperation) {
        var metadata: Logger.Metadata = [
            "op": "p\(operation.plan)-\(operation.seq)", "action": "\(operation.verb.rawValue)", "kind": "\(operation.kind == 0 ? "user" : "group")", "name": "\(operation.name)",
            "status": "\(operation.status.rawValue)",
        ]
        if let id = operation.sourceID { metadata["source_id"] = "\(id)" }
        if let id = operation.targetID { metadata["target_id"] = "\(id)" }
        if operation.status != .done { metadata["reason"] = "\(operation.reason)" }
        log("operation", metadata)
    }

    /// The rate at which the target let an earlier run pass.
    private static let settledPace = "pace"

    /// Requests sent so far, to both sides.
    public var requests: Int { traced.requests + sourceRequests }

    /// The numbers of this run so far, but for its operations.
    var figures: RunFigures {
        var figures = RunFigures()
        figures.began = started
        figures.seconds = max(0, surroundings.time.wall() - (Time.seconds(started) ?? surroundings.time.wall()))
        figures.requests = requests
        figures.retries = traced.retries
        figures.throttled = traced.throttled
        figures.survivors = targetReading?.survivors
        (figures.leaversWaiting, figures.nextLeaver, figures.leaversWithAccess) = departing.figures(isHeld: !breaches.isEmpty)
        if plan != nil { figures.add(gateCounts, job, allowed: permissions.allow) }
        if let count, sourceReading?.incomplete == nil { (figures.users, figures.groups, figures.memberships) = (count.users, count.groups, count.memberships) }
        figures.ledgerBytes = ledger.path.flatMap { path in
            let sizes = ["", "-wal"].compactMap { (try? FileManager.default.attributesOfItem(atPath: path + $0))?[.size] as? Int }
            return sizes.isEmpty ? nil : sizes.reduce(0, +)
        }
        figures.credentialEnds = job.target.expires
        return figures
    }

    private static func owned(_ connection: SCIMConnection, by owner: String) -> JobFailure { owned("\(connection.base)", by: owner) }

    static func owned(_ target: String, by owner: String) -> JobFailure {
        JobFailure(
            .jobFile,
            "the target \(target) belongs to the job \(owner) of this state folder, and two jobs would undo each other's work; give them one job, another --state folder, or, if that job is no more, remove its ledger; if it is this one under its old name, rename its ledger from \(owner).sqlite to the new name"
        )
    }

    static func targetDigest(_ job: Job, _ ledger: Ledger, _ surroundings: Surroundings) throws -> String {
        try digest(job, folder: ledger.path.map { ($0 as NSString).deletingLastPathComponent }, environment: surroundings.environment)
    }

    /// What one target is: its address, in one spelling, and where the credential chooses the tenant, the credential, under a key that never
    /// leaves the state folder. `target.tenant` says it where the credential changes.
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
            text += " " + Digest.hexadecimal(Digest.hmacSHA256(key: try TargetRegistry(folder: folder).key(), Array(identity.utf8)))
        }
        return Digest.hexadecimal(text)
    }

    private static func registry(_ ledger: Ledger) -> TargetRegistry? { ledger.path.map { TargetRegistry(folder: ($0 as NSString).deletingLastPathComponent) } }

    var pushed: [ResourceKind] {
        let groups = (job.target.capabilities.groups ?? profile.takesGroups) && job.fullPush.contains(.groups)
        return (job.fullPush.contains(.users) ? [.user] : []) + (groups ? [.group] : [])
    }

    /// Digest of what a plan depends on beside the two sides.
    var inputs: String {
        var text = "\(job.target) \(EffectiveScope.words(job.source.scope)) \(existingText) \(job.leavers) \(job.exclusiveMemberships)"
        text += job.fullPush.map(\.rawValue).sorted().joined(separator: ",")
        for kind in Job.Kind.allCases {
            text += (job.operations[kind] ?? []).map(\.rawValue).sorted().joined(separator: ",") + (job.protect[kind] ?? []).joined(separator: ",")
        }
        text += mappingText
        text += profile.canonical
        return Digest.hexadecimal(text)
    }

    private var existingText: String {
        let existing = job.existing
        let accepted = Job.Kind.allCases.map { kind in (existing.accept[kind] ?? [:]).map { "\($0)=\($1)" }.sorted().joined(separator: ",") }
        return "\(Job.Kind.allCases.map { existing.rule($0).rawValue }) \(existing.associateDisabled) \(existing.harmlessRoles.sorted()) \(accepted) \(existing.decline.sorted())"
    }

    private var mappingText: String { ResourceKind.allCases.flatMap { tables[$0]?.attributes ?? [] }.map { "\($0)" }.joined() }

    /// Digest of how source records become attributes.
    private var mapping: String { Digest.hexadecimal(mappingText) }

    // MARK: planning

    /// Reads both sides and stores a plan. What keeps it from that is in `failure`.
    public func prepare() async { await prepare { try await makePlan() } }

    /// Stores a plan that takes back what a run did. What keeps it from that is in `failure`.
    func prepare(undoing run: Int64) async { await prepare { try await makeUndo(of: run) } }

    private func prepare(_ make: () async throws -> Void) async {
        do {
            try await make()
        } catch let error as JobFailure {
            failure = error
        } catch let error as LedgerError {
            failure = JobFailure(error)
        } catch let error as SCIMFailure {
            failure = JobFailure(error, side: "target")
        } catch let error as DirectoryFailure {
            failure = JobFailure(error)
        } catch is CancellationError {
            failure = JobFailure(.interrupted, "stopped")
        } catch {
            failure = JobFailure(.internalError, "\(error)")
        }
        if let signal = surroundings.stop.signal, failure?.exit == .interrupted { failure = JobFailure(.stopped(by: signal), "stopped by a signal while planning; no operation of this run was sent") }
    }

    /// Asks the target what it can do, and settles what an interrupted run left.
    func openTarget() async throws -> SCIMTarget {
        let capabilities = try await connection.capabilities(of: profile, overrides: CapabilityOverrides(job.target.capabilities))
        let target = SCIMTarget(connection: connection, profile: profile, capabilities: capabilities)
        self.target = target
        try await settleInterrupted(target)
        return target
    }

    /// Of two records with one address the platform would refuse the second, one night this one and one night that one: neither gets it, and who
    /// has it keeps it.
    private func leaveOutSharedAddresses() throws {
        guard profile.hasUniqueMails, pushed.contains(.user), let table = tables[.user], let attribute = table.attribute(Policy.mail) else { return }
        for shared in try ledger.sharedValues(kind: ResourceKind.user.rawValue, attribute: Policy.mail) {
            let (body, digest) = table.without(Policy.mail, shared.body)
            try ledger.restage(
                kind: ResourceKind.user.rawValue, source: shared.id, body: body, digest: digest,
                flaw: "\(Policy.mail): \(shared.value) is also that of \(shared.rival), and \(profile.displayName) wants each address once; correct one of the two in the source",
                lacksWhatIsNeeded: attribute.isRequired)
        }
    }

    /// Puts the drafts in their order, counts them for the gate, and stores them as this run's plan.
    func store(inputs: String) throws {
        try Ordering(ledger: ledger).arrange()
        try countForGate()
        let hash = PlanDigest(inputs: inputs)
        plan = try ledger.storePlan(run: id, created: surroundings.time.timestamp(), inputs: inputs, digest: { hash.add($0) }, finish: { hash.value })
        if let plan { log("plan made", ["plan": .stringConvertible(plan), "digest": "\(PlanDigest.shown(hash.value))", "operations": .stringConvertible(try ledger.plannedCount(plan: plan))]) }
    }

    private func makePlan() async throws {
        try refuseUnmeantFirstRun()
        let target = try await openTarget()
        try ledger.attachScratch()
        let baseline = try ledger.lastRun(isBaseline: true)
        let reader = SourceReader(
            ledger: ledger, job: job, shared: shared, tables: tables, kinds: pushed, hasActiveFlag: profile.hasActiveFlag, now: surroundings.time.wall(), permissions: permissions, baseline: baseline,
            spent: { self.sourceRequests += $0 }, progress: progress)
        let result = try await reader.read()
        try beat()
        let source = result.reading
        let scope = result.scope
        sourceReading = source
        self.scope = scope
        notes += source.notes
        count = try ledger.sourceCount()
        noteDisk()
        log(
            "source read",
            [
                "users": .stringConvertible(count?.users ?? 0), "groups": .stringConvertible(count?.groups ?? 0), "memberships": .stringConvertible(count?.memberships ?? 0),
                "complete": .stringConvertible(source.incomplete == nil), "requests": .stringConvertible(sourceRequests),
            ])
        var targetReading = try await TargetReader(ledger: ledger, target: target, tables: tables, readBack: job.target.readBack, now: surroundings.time.wall(), progress: progress).read(pushed)
        targetReading.incomplete = try sinceWhen(targetReading.incomplete)
        if profile.listing != .none {
            let findings = try await UnseenObjects(
                ledger: ledger, target: target, tables: tables, incomplete: targetReading.incomplete, acceptsTargetChange: permissions.acceptTargetChange
            ).ask(pushed)
            if pushed.contains(.group) { try ledger.dropUncertainMembers() }
            targetReading.notes += findings.notes
            targetReading.unseenAccounts = findings.unseen
            unmoved = findings.unmoved
            for kind in pushed {
                let survivors = try ledger.linkSurvivors(kind: kind.rawValue)
                if !survivors.active.isEmpty {
                    targetReading.survivors += survivors.active.count
                    notes.append(
                        "\(counted(survivors.active.count, kind.singular)) that this job deleted still stand, and are active: \(survivors.active.prefix(5).joined(separator: ", "))\(survivors.active.count > 5 ? ", …" : ""); the target accepts a delete and does nothing, and they are dealt with as leavers once more"
                    )
                }
                // What stands inactive is told once.
                let fact = "survivors told: \(kind.plural)"
                let told = String(survivors.inactive.count)
                if try !survivors.inactive.isEmpty && ledger.fact(fact) != told {
                    let line = "\(counted(survivors.inactive.count, kind.singular)) that this job deleted still stand, inactive: this target keeps them"
                    notes.append(line)
                    urgent.append(line)
                    try ledger.learn(fact, told)
                }
            }
        }
        notes += targetReading.notes
        self.targetReading = targetReading
        log("target read", ["complete": .stringConvertible(targetReading.incomplete == nil), "requests": .stringConvertible(traced.requests)])
        try beat()
        if targetReading.unverified > 0 {
            notes.append("not verified: \(targetReading.unverified); \(profile.displayName) cannot be listed, so what was last written is compared and drift is not seen")
        }
        if targetReading.unverifiedMembers > 0, targetReading.unverified == 0 {
            notes.append("not verified: \(counted(targetReading.unverifiedMembers, "membership")), which the target does not show")
        }
        try ledger.bind("source", shared.directory().identity)
        try ledger.bind("target", "\(connection.base)")
        // A region's address is that of many tenants: the copies of one job must not pass for another's.
        if try ledger.fact(Ledger.jobFact) != job.name { try ledger.learn(Ledger.jobFact, job.name) }
        if claims, let owner = try Self.registry(ledger)?.claim(Self.targetDigest(job, ledger, surroundings), for: job.name) { throw Self.owned(connection, by: owner) }
        try ledger.recordHistory(run: id, source: source.incomplete == nil, target: targetReading.incomplete == nil, kinds: pushed.map(\.rawValue))
        if profile.listing != .none, targetReading.incomplete == nil, let found = try ledger.correctOrigins(), !found.isEmpty {
            let some = found.prefix(10).map { "\($0.name) (\($0.sourceID)): \($0.reason)" }.joined(separator: "; ")
            notes.append(
                "\(counted(found.count, "link")) of the version before called created, and there before: called found from now on, and never deleted unless leavers.associated says delete: \(some)\(found.count > 10 ? "; …" : ""). rollcall ledger origins shows all, and sets right what was made here after all"
            )
        }
        try ledger.releaseKeptMembers()
        let today = String(surroundings.time.timestamp().prefix(10))
        // The digests that the history now has were made with this mapping.
        if try ledger.fact("mapping") != mapping { try ledger.learn("mapping", mapping) }
        if !permissions.release { try ledger.holdRestored(isComplete: source.incomplete == nil, mapping: mapping) }
        try judgeClock()
        try ledger.countDepartures(
            day: today, isComplete: source.incomplete == nil && clockDoubt == nil, kinds: pushed.map(\.rawValue), countsDisabled: job.leavers.disabledAsLeaver && !profile.hasActiveFlag)

        if !job.asksSource, source.incomplete == nil, clockDoubt == nil { try ledger.countUnconfirmed(kinds: pushed.map(\.rawValue), day: today) }

        let differences = Differences(tables: tables, notKept: try notKept(targetReading))
        try ledger.define { kind, desired, actual, sent, read in
            !differences.changes(ResourceKind(rawValue: kind) ?? .user, desired: desired, actual: actual, sent: sent, read: read).isEmpty
        }
        try ledger.define(isProtected: { [tables] kind, name in tables[ResourceKind(rawValue: kind) ?? .user]?.isProtected(name) ?? false })
        let kinds = pushed
        let mayRename = Set(
            kinds.filter { (job.operations[$0 == .user ? .users : .groups]?.contains(.update) ?? false) && !(profile.immutable[$0]?.contains($0.nameAttribute) ?? false) }.map(\.rawValue))
        try leaveOutSharedAddresses()
        try ledger.classify(kinds: kinds.map(\.rawValue), mayRename: mayRename)

        if kinds.contains(.group), try ledger.fact(Ledger.restoredFact) != nil { try ledger.keepMembersOfKnownGroups() }

        temporaries = try ledger.temporaryValues(kinds: kinds.map(\.rawValue)).filter { TemporaryValue.isOne($0.text) }

        holdsScopeLeavers = reader.isChanged(scope) && !permissions.acceptScopeChange
        if let baseline { sizeHold = try judgeShrink(since: baseline, except: result.lossByScope) }
        var policy = Policy(
            job: job, profile: profile, differences: differences, incompleteSource: source.incomplete, incompleteTarget: targetReading.incomplete, holdsScopeLeavers: holdsScopeLeavers,
            sizeHold: sizeHold,
            takesBack: permissions.acceptTakeback, isClockDoubtful: clockDoubt != nil, now: surroundings.time.wall(),
            associations: Associations(
                tables: tables, accepted: permissions.acceptAssociation,
                showsMembers: kinds.contains(.group) && (target.showsMembers || targetReading.membersAreWhole), unseenGroups: Set(targetReading.unseenGroups.map(\.id))))
        try ledger.forEachLeaverMail { policy.leaverMails[folded($0)] = $1 }
        policy.activityIsShown = try profile.listing != .none && kinds.contains(.user) && ledger.activityIsShown()
        for kind in kinds { policy.sharedAccounts[kind] = try ledger.sharedAccounts(kind: kind.rawValue) }
        let linkedOnly = kinds.contains(.group) && !kinds.contains(.user) ? [ResourceKind.user.rawValue] : []
        var namesakes = 0
        var associated: [SituationRow] = []
        try ledger.draft(includesDisabled: !profile.hasActiveFlag, asksForMembers: policy.needsEmptying, linkedOnly: linkedOnly) { row in
            let decision = policy.decide(row)
            departing.add(decision.drafts, hasBegun: row.leftSince != nil)
            if decision.drafts.contains(where: { $0.heldBy == Policy.namesake }) { namesakes += 1 }
            if row.situation == .existing, decision.outlook == .present { associated.append(row) }
            return decision
        }
        for row in associated { try note(association: row) }
        usedAssociations = Set(permissions.acceptAssociation.filter { accepted in associated.contains { Associations.names($0).contains { accepted == $0 || accepted.hasPrefix($0 + " ") } } })
        if namesakes > 0, !job.existing.isSaid, try ledger.fact(Self.toldOfMatching) == nil {
            notes.append(
                "\(counted(namesakes, "namesake")) held: more than the name has to agree before what is there becomes a record's.\(baseline == nil ? " “existing: associate” lets the name be enough" : " Until this version the name was enough, which “existing: associate” still says")"
            )
            try ledger.learn(Self.toldOfMatching, "told")
        }
        try putOffRefused(memberships: false)
        if !permissions.retry.isEmpty, command != "plan" { try ledger.forgetLosses(ofGroups: permissions.retry.contains("all") ? nil : permissions.retry) }
        try holdLosing(memberships: false)
        try holdGiving(Job.LimitKey.ofGiving.filter { !$0.countsMemberships })
        if kinds.contains(.group) {
            try ledger.holdRestoredGroups()
            try ledger.hold(unseenGroups: targetReading.unseenGroups.map(\.id))
            for (group, why) in targetReading.unseenGroups { notes.append("the group \(group) cannot be looked at (\(why)): nobody comes into it or leaves it") }
            let permitted = job.operations[.groups]?.contains(.update) ?? false
            let exception = permitted ? "" : "; held: operations.groups does not list update"
            let draftMemberships = { [ledger, job, profile, sizeHold] in
                try ledger.draftMemberships(
                    chunk: target.memberChunk, isExclusive: job.exclusiveMemberships, emptiesGroups: profile.deletion.groupsMustBeEmpty,
                    freesLeavers: profile.deletion.usersMustLeaveGroups, addWave: Wave.addMembers, removeWave: Wave.removeMembers,
                    addHeldBy: permitted ? nil : "operations", removeHeldBy: source.incomplete != nil ? "source incomplete" : sizeHold != nil ? Policy.size : permitted ? nil : "operations",
                    addReason: "members in the source, not on the target\(exception)",
                    removeReason: "members on the target, not in the source\((source.incomplete ?? sizeHold).map { "; held: \($0)" } ?? exception)")
            }
            var unproven = try await reader.proveGroups(draftMemberships)
            let repeated = target.showsMembers && profile.listing != .none ? try ledger.groupsWithRepeatedAdditions() : []
            if !repeated.isEmpty {
                var more = Reading()
                let targetReader = TargetReader(ledger: ledger, target: target, tables: tables, readBack: job.target.readBack, now: surroundings.time.wall(), progress: progress)
                if try await targetReader.askForGroups(repeated, isRepeated: true, &more) {
                    try ledger.dropMembershipDrafts()
                    unproven = try await reader.proveGroups(draftMemberships)
                }
                notes += more.notes
            }
            try putOffRefused(memberships: true)
            try holdLosing(memberships: true)
            for (group, why) in unproven { try ledger.holdRemovals(fromGroup: group, by: "group unproven", reason: why) }
            try holdGiving([.membershipsAdd])
            let nested = try ledger.nestingGroups()
            if nested > 0 { notes.append("\(counted(nested, "linked group")) with groups among the members, which are left alone") }
            let notOurs = try ledger.membershipsNotOurs()
            if notOurs > 0, !job.exclusiveMemberships { notes.append(counted(notOurs, "membership") + " of linked groups not ours, left alone (memberships: exclusive removes such)") }
        }
        try noteUnknownNames()
        try store(inputs: inputs)
        try judgeMissing()
        heldByScope = try ledger.drafts(heldBy: "scope change")
        if heldByScope > 0 {
            notes.append(
                "the scope changed since the last applied run, from \(baseline?.scope ?? "") to \(scope.text): \(counted(heldByScope, "leaver")) held until --accept-scope-change")
        }
        let gate = Gate(allowed: permissions.allow)
        let exceeded = gate.judge(job: job, gateCounts)
        breaches += exceeded.map(\.description)
        lettingGo.formUnion(exceeded.map(\.words))
        let noted = try ledger.notedRecords(limit: 3)
        if noted.count > 0 { notes.append(counted(noted.count, "source record") + " without a clear status, and active is left alone: \(noted.examples.joined(separator: "; "))") }
    }

    /// A name that somebody wrote down and that is no record's does nothing: a slip, or a record that is gone.
    private func noteUnknownNames() throws {
        let said: [(String, Set<String>)] = [
            ("--retry", permissions.retry.subtracting(["all"])), ("--accept-takeback", permissions.acceptTakeback), ("existing: { decline }", job.existing.decline),
            ("existing: { accept }", Set(job.existing.accept.values.flatMap(\.keys))),
        ]
        for (what, names) in said {
            let unknown = try ledger.unknown(names.sorted())
            if !unknown.isEmpty { notes.append("\(what) names what is no record's name or source id: \(unknown.prefix(5).joined(separator: ", "))\(unknown.count > 5 ? ", …" : "")") }
        }
    }

    private static let toldOfMatching = "existing: matching told"

    /// Keeps which object the operator let go, so that a run that was broken off asks nobody again.
    private func note(association row: SituationRow) throws {
        guard command != "plan", let source = row.sourceID, let target = row.targetID, row.acceptedTarget != target else { return }
        let kind = ResourceKind(rawValue: row.kind) ?? .user
        let isLetGo = [row.sourceName, source].compactMap { $0 }.contains { permissions.acceptAssociation.contains("\(kind.singular):\($0)") }
        if isLetGo { try ledger.learn(Ledger.acceptedAssociation(row.kind, source), target) }
    }

    /// The time that is believed: of a clock in doubt, the last end that nobody doubts.
    func believedNow() throws -> Double {
        guard clockDoubt != nil, let end = try ledger.fact(Self.trustedEnd).flatMap({ Time.seconds($0) }) else { return surroundings.time.wall() }
        return end
    }

    /// The clock has witnesses: the end of the last run that nobody doubts, and what the servers say. After seven runs on different days that
    /// agree with each other, it counts again.
    private func judgeClock() throws {
        let now = surroundings.time.wall()
        var doubt: String?
        if let last = try ledger.fact(Self.trustedEnd), let end = Time.seconds(last), now < end - 1 { doubt = "it shows \(surroundings.time.timestamp()), and an earlier run ended at \(last)" }
        isClockJudged = true
        if doubt == nil, let offset = witness.offset, abs(offset) > 3600 {
            doubt = "it is \(abs(offset) < 2 * 86400 ? "\(Int(abs(offset) / 60)) minutes" : "\(Int(abs(offset) / 86400)) days") \(offset > 0 ? "ahead of" : "behind") the target's"
        }
        guard let doubt else { return }
        try ledger.setDoubtful(run: id)
        let doubtful = try ledger.doubtfulDays()
        if doubtful.days > 7, doubtful.inOrder {
            notes.append("this machine's clock was in doubt in \(doubtful.days - 1) runs that agree with each other (\(doubt)): it counts again")
            try ledger.endDoubt(run: id)
            return
        }
        clockDoubt = doubt
        notes.append("this machine's clock is in doubt (\(doubt)): no term begins, goes on or ends in this run")
    }

    /// What is wrong with the target's list, with the day since when something is.
    private func sinceWhen(_ incomplete: String?) throws -> String? {
        guard let incomplete else {
            try ledger.unlearn(Self.incompleteSince)
            return nil
        }
        let today = String(surroundings.time.timestamp().prefix(10))
        guard let since = try ledger.fact(Self.incompleteSince) else {
            try ledger.learn(Self.incompleteSince, today)
            return incomplete
        }
        return since == today ? incomplete : "\(incomplete); it has not been whole since \(since)"
    }

    private static let incompleteSince = "target incomplete since"

    private func settleInterrupted(_ target: SCIMTarget) async throws {
        let open = try ledger.unsettled()
        guard !open.isEmpty else { return }
        guard command != "plan" else {
            notes.append("an interrupted run left \(counted(open.count, "operation")) whose outcome is unknown; the next run settles them first")
            return
        }
        let applier = Applier(
            ledger: ledger, run: id, target: target, tables: tables, concurrency: job.pace.concurrency, attempts: surroundings.retry.attempts, stop: surroundings.stop,
            now: surroundings.time.wall, progress: { [progress] sent, _ in progress("operations of an interrupted run settled", sent) })
        applier.noHandMade = job.target.noHandMade
        applier.isExclusive = job.exclusiveMemberships
        try await applier.settle(open)
        if let fatal = applier.fatal { throw JobFailure(fatal, side: "target") }
        if applier.breaker.isOpen { throw JobFailure(.unreachable, "target: fails again and again while what an interrupted run left is settled: \(applier.breaker.reason)") }
        notes.append("settled \(counted(open.count, "operation")) of an interrupted run")
        hasSettled = true
        notes += applier.verification.report
    }

    /// Attributes that were written and that no object of the target has ever shown: left out, and said once.
    private func notKept(_ reading: Reading) throws -> [ResourceKind: Set<String>] {
        var result: [ResourceKind: Set<String>] = [:]
        for kind in pushed {
            for attribute in tables[kind]?.attributes ?? [] where !attribute.isCritical || attribute.name == "externalId" {
                let isMissing = try reading.carried[kind]?[attribute.name] ?? 0 == 0 && ledger.wasNeverReadBack(kind: kind.rawValue, path: attribute.name)
                // Once may be a mishap: it takes two applied runs that sent it.
                let (isNotKept, isNews) = try ledger.setNotKept(kind: kind.rawValue, path: attribute.name, run: isMissing ? id : nil)
                if isNotKept { result[kind, default: []].insert(attribute.name) }
                if isNews {
                    let line = "the target does not keep \(kind.singular) \(attribute.name): it is left out from now on"
                    notes.append(line)
                    urgent.append(line)
                }
            }
        }
        return result
    }

    /// Requests that an update costs on this target.
    var requestsPerUpdate: Int { target?.requestsPerUpdate ?? 1 }

    // MARK: applying

    /// Sends the plan and verifies it.
    public func apply() async {
        guard let plan, let target, failure == nil, breaches.isEmpty else { return }
        if let signal = surroundings.stop.signal {
            failure = JobFailure(.stopped(by: signal), "stopped by a signal before the first write")
            return
        }
        do {
            try ledger.setPlan(plan, state: "applying")
            try beginToLookBack()
            gate.finishWhatBegins()
            // Before the first write, so that a run between a killed undo and its repetition takes nothing back.
            if let undone { try ledger.restrain(plan: plan, undone: undone) } else { try ledger.releaseRestored(mapping: mapping) }
            let total = try ledger.plannedCount(plan: plan)
            let applier = Applier(
                ledger: ledger, run: id, target: target, tables: tables, concurrency: job.pace.concurrency, looksFirst: undone != nil || targetReading?.incomplete != nil,
                looksBefore: profile.listing == .none || targetReading?.unverified ?? 0 > 0, attempts: surroundings.retry.attempts,
                pause: { [time = surroundings.time] in await time.sleep(time.monotonic() + $0) }, stop: surroundings.stop,
                tick: { try self.beat() }, now: surroundings.time.wall,
                progress: { [surroundings, traced, name = job.name] sent, failed in
                    surroundings.progress(RunProgress(job: name, what: "operations sent", count: sent, total: total, failed: failed, retried: traced.retries))
                })
            if surroundings.log.logLevel <= .info { applier.settled = { self.log($0) } }
            applier.retry = permissions.retry
            applier.noHandMade = job.target.noHandMade
            applier.isExclusive = job.exclusiveMemberships
            applier.knownRefusals = try knownRefusals()
            for kind in pushed where try targetReading?.carried[kind]?["externalId"] ?? 0 > 0 || ledger.keepsMarks(kind: kind.rawValue) { applier.verification.keepsMarks.insert(kind) }
            for (kind, counts) in targetReading?.carried ?? [:] { applier.verification.carried.formUnion(counts.keys.map { "\(kind.singular) \($0)" }) }
            try await applier.apply(plan: plan)
            notes += applier.verification.report
            for (kind, path) in applier.verification.missing { try ledger.noteSentInVain(kind: kind.rawValue, path: path) }
            if let fatal = applier.fatal {
                failure = JobFailure(fatal, side: "target")
                try ledger.setPlan(plan, state: "stopped")
            } else if !applier.cuts.isEmpty, surroundings.stop.signal == nil {
                isCutShort = true
                try ledger.setPlan(plan, state: "stopped")
                notes += applier.cuts
                notes.append(unsent(try ledger.plannedCount(plan: plan)))
            } else if let signal = surroundings.stop.signal {
                let unsent = try ledger.plannedCount(plan: plan)
                failure = JobFailure(
                    .stopped(by: signal), "stopped by a signal: what was under way is finished; \(unsent == 0 ? "all was sent, and not verified to its end" : self.unsent(unsent))")
                notes += applier.cuts
                try ledger.setPlan(plan, state: "stopped")
            } else {
                isApplied = true
                try countRefusals()
                try ledger.setPlan(plan, state: "applied")
                let unsent = try ledger.plannedCount(plan: plan)
                if unsent > 0 { notes.append(self.unsent(unsent)) }
            }
        } catch let error as LedgerError {
            failure = JobFailure(error)
        } catch {
            failure = JobFailure(.internalError, "\(error)")
        }
    }

    /// Tells of temporary values that stand on the target since an earlier night, and that this run did not end.
    private func noteTemporaries() {
        var open: [String] = []
        for (kind, source, text) in temporaries {
            let operations = plan.flatMap { try? ledger.operations(plan: $0, kind: kind, source: source) } ?? []
            if !isApplied || operations.isEmpty || operations.contains(where: { $0.verb != .none && $0.status != .done }) { open.append("\(source) (\(text))") }
        }
        guard !open.isEmpty else { return }
        standingTemporaries = open.count
        notes.append(
            "\(counted(open.count, "record")) whose object bears a temporary value of a ring that could not be closed: \(open.prefix(5).joined(separator: ", "))\(open.count > 5 ? ", …" : "")")
    }

    /// What becomes of operations that were not sent.
    private func unsent(_ count: Int) -> String { "\(counted(count, "operation")) not sent, \(undone == nil ? "the next run plans them anew" : "until the same undo is said again")" }

    // MARK: finishing

    /// Tells of progress, and that this run is alive.
    var progress: @Sendable (String, Int) -> Void {
        { what, count in
            self.surroundings.progress(RunProgress(job: self.job.name, what: what, count: count, total: nil))
            try? self.beat()
        }
    }

    private func beat() throws { try ledger.beat(now: surroundings.time.wall()) }

    /// Completes the run's record and says how it went.
    public func finish() async throws -> JobReport {
        // What a changed scope holds waits for its acceptance, and with it all that later runs are measured against.
        if isApplied, clockDoubt == nil, sizeHold == nil, let sourceReading, sourceReading.incomplete == nil { try ledger.recordDepartures(now: surroundings.time.timestamp()) }
        if isClockJudged, clockDoubt == nil { try ledger.learn(Self.trustedEnd, surroundings.time.timestamp()) }
        let isBaseline = isApplied && sizeHold == nil && sourceReading.map { $0.incomplete == nil } ?? false && heldByScope == 0
        if isBaseline { try endRestoring() }
        noteTemporaries()
        try noteWays()
        notes += departing.notes(isHeld: !breaches.isEmpty)
        noteExpiry()
        var report = try JobReport.make(self, requests: requests, isApplied: isApplied, source: sourceReading?.incomplete, target: targetReading?.incomplete, pace: job.pace)
        // No flag hides that access may remain, or that the clock is wrong.
        let isOpen = targetReading.map { !$0.unseenAccounts.isEmpty || !$0.unseenGroups.isEmpty || $0.survivors > 0 } ?? false || clockDoubt != nil || standingTemporaries > 0
        if permissions.knownConflictsAreFine, report.exit == .recordsFailed, !isCutShort, !isOpen, let plan {
            var isKnown = true
            var conflicts: [PlannedOperation] = []
            try ledger.forEachOperation(plan: plan) { if JobReport.needsAttention($0) { conflicts.append($0) } }
            // Whoever must lose access and keeps it is told every night.
            if conflicts.contains(where: { $0.heldBy == Policy.keepsAccess }) { isKnown = false }
            for operation in conflicts where isKnown { isKnown = try [.conflict, .held].contains(operation.status) && ledger.wasReported(operation) }
            if isKnown { report.exit = .inStep }
        }
        if let rate = await paced.settledRate { try ledger.learn(Self.settledPace, String(rate)) } else { try ledger.unlearn(Self.settledPace) }
        var words = permissions.allow.map { "\($0.key.rawValue)=\($0.value)" }.sorted()
        if permissions.release { words.append("release") }
        if permissions.acceptSourceChange { words.append("accept-source-change") }
        if permissions.acceptScopeChange { words.append("accept-scope-change") }
        if permissions.acceptTargetChange { words.append("accept-target-change") }
        words += permissions.acceptAssociation.sorted().map { "accept-association=\($0.replacingOccurrences(of: " ", with: "+"))" }
        // An override is history: with it stands who said it.
        let user = ["SUDO_USER", "USER", "LOGNAME"].lazy.compactMap { self.surroundings.environment[$0] }.first { !$0.isEmpty }
        if !words.isEmpty, let user { words.append("by=\(user)") }
        let allowed = words.isEmpty ? nil : words.joined(separator: " ")
        try ledger.finishRun(
            id, finished: surroundings.time.timestamp(), exit: report.exit.rawValue,
            summary: ([report.headline] + (breaches + [sizeHold].compactMap { $0 }).map { "Held: \($0)." } + [failure?.description].compactMap { $0 }).joined(separator: " "),
            sourceComplete: sourceReading.map { $0.incomplete == nil },
            targetComplete: targetReading.map { $0.incomplete == nil }, isBaseline: isBaseline, count: count, scope: scope?.text ?? "", allowed: allowed, requests: requests)
        log(
            "run finished",
            [
                "exit": .stringConvertible(report.exit.rawValue), "headline": "\(report.headline)", "requests": .stringConvertible(requests),
                "seconds": .stringConvertible(report.figures.seconds),
            ])
        if let plan, command != "plan", undone == nil { try ledger.recordTroubles(plan: plan, run: id, day: String(surroundings.time.timestamp().prefix(10))) }
        if isApplied, let plan { try ledger.forgetNotes(plan: plan) }
        return report
    }

    /// Tells when the target's credential ends, a month before it does.
    private func noteExpiry() {
        guard let day = job.target.expires, let end = Time.seconds("\(day)T00:00:00Z") else { return }
        let days = Int(((end - surroundings.time.wall()) / 86400).rounded(.down))
        guard days < 30 else { return }
        let line =
            days < 0
            ? "the target's credential ended on \(day), as target.expires says; when a new one is in place, correct target.expires"
            : "the target's credential ends on \(day), in \(counted(days, "day")): make a new one in the platform's console, put it where target.authorization refers to, and correct target.expires"
        notes.append(line)
        urgent.append(line)
    }

    /// Bytes of scratch files, history and journal that a run needs for each user and each membership: measured with 20,000 users and 200,000 memberships,
    /// and rounded up. The copy of the ledger comes on top.
    private static let bytesPerUser = 2000, bytesPerMembership = 100

    /// Tells when the disk has less room than this run may need, before it is full in the middle of it.
    private func noteDisk() {
        guard let path = ledger.path, let count, let free = surroundings.freeBytes((path as NSString).deletingLastPathComponent) else { return }
        let ledgerBytes = ["", "-wal"].reduce(0) { $0 + (((try? FileManager.default.attributesOfItem(atPath: path + $1))?[.size] as? Int) ?? 0) }
        let need = ledgerBytes + count.users * Self.bytesPerUser + count.memberships * Self.bytesPerMembership
        guard free < need else { return }
        let line = "the disk of \(path) has \(free >> 20) MB free, and this run may need \(max(1, need >> 20)) MB for its scratch files, its journal and the copy of the ledger: make space"
        notes.append(line)
        urgent.append(line)
    }

    private static let ways = "ways of the target"

    /// Tells how the target does things in its own way, and keeps it for the next run.
    private func noteWays() throws {
        notes += connection.dialect.report("target")
        let memory = connection.dialect.memory
        if memory != "{}", try ledger.fact(Self.ways) != memory { try ledger.learn(Self.ways, memory) }
    }

    /// As long as something that carries our mark waits to be linked in a ledger that was put back from a copy, it may be what was
    /// associated since the copy.
    private func endRestoring() throws {
        guard try ledger.fact(Ledger.restoredFact) != nil else { return }
        let seesAll = profile.listing != .none && targetReading?.incomplete == nil && targetReading?.unverified == 0
        if try ledger.hasUnlinkedMarks(kinds: pushed.map(\.rawValue), seesAll: seesAll) {
            notes.append("this ledger was restored from a copy: until all that carries this job's mark is linked, what is found by it counts as associated, and is not deleted")
        } else {
            try ledger.unlearn(Ledger.restoredFact)
        }
    }

    /// Lets go of this run's reads. After it, reports of unmanaged objects are no longer possible.
    public func close() { try? ledger.detachScratch() }
}

extension CapabilityOverrides {
    init(_ overrides: Job.CapabilityOverrides) {
        self.init(patch: overrides.patch, filter: overrides.filter, cursor: overrides.cursor, etag: overrides.etag, pageSize: overrides.pageSize)
    }
}
