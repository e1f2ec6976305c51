import HTTP
import JSON
import Ledger
import Provisioning
import SCIM
import SCIMTransport
import Planning

/// Sends a stored plan, wave by wave: each operation is journaled before it leaves and settled when its answer is here.
///
/// The ledger is touched by the caller's task alone; only requests run side by side.
final class Applier {
    let ledger: Ledger
    let run: Int64
    let target: SCIMTarget
    let tables: [ResourceKind: MappingTable]
    let sender: Sender
    let concurrency: Int
    /// Told how many operations are sent, and how many of them failed.
    let progress: @Sendable (_ sent: Int, _ failed: Int) -> Void

    /// What was left unsent because the target failed, in words.
    var cuts: [String] = []
    /// What stopped the sending before the plan's end.
    var fatal: SCIMFailure?
    /// Opens when the target, and not a record, fails again and again.
    var breaker = Breaker()
    let stop: StopRequest
    /// Called in each commit.
    let tick: () throws -> Void
    /// Seconds since 1970.
    let now: () -> Double
    /// Accounts whose record's values were overwritten by another record's create, with the record they are linked to.
    var putBacks: [(kind: ResourceKind, id: String, source: String, shown: [UInt8]?)] = []
    /// Creates that were answered as if the account had been there, before this target showed what a new one looks
    /// like: source ids and names.
    var doubtfulCreates: [ResourceKind: [(source: String, name: String)]] = [:]
    /// Objects that creates of this run were answered with.
    var linkedHere: Set<String> = []
    var verification = Verification()
    var sent = 0
    private var failures = 0
    /// Told of each operation once it is settled; nil where nobody listens.
    var settled: ((PlannedOperation) -> Void)?
    /// Operations that have failed in the same way for long, as `kind verb source`.
    var knownRefusals: Set<String> = []
    /// Second halves of renames that failed: what their first halves wrote is taken back.
    var rollbacks: [PlannedOperation] = []
    /// Kinds of which the target makes no more, with its words; and how many refusals of that kind came in a row.
    private(set) var full: [ResourceKind: String] = [:]
    private var fullInARow: [ResourceKind: Int] = [:]
    private static let mostFullInARow = 3
    /// Accounts that this run has deleted or disabled: a server may take them out of their groups by itself.
    var departed: Set<String> = []
    /// Names or source ids of records whose changes are tried at once, or `all`.
    var retry: Set<String> = []
    /// Whether nobody makes accounts on the target by hand.
    var noHandMade = false
    /// Whether a group is sent as a whole, so that nobody else's members are kept.
    var isExclusive = false
    /// Members that this run has taken out of groups, or is about to.
    var removedInRun: [String: Set<String>] = [:]
    /// Digest of what a loss of members depends on.
    let careKey: String

    init(
        ledger: Ledger, run: Int64, target: SCIMTarget, tables: [ResourceKind: MappingTable], concurrency: Int,
        looksFirst: Bool = false, looksBefore: Bool = false,
        attempts: Int = 2, pause: @escaping @Sendable (Double) async -> Void = { _ in },
        stop: StopRequest = StopRequest(), tick: @escaping () throws -> Void = {}, now: @escaping () -> Double,
        progress: @escaping @Sendable (_ sent: Int, _ failed: Int) -> Void
    ) {
        self.ledger = ledger
        self.run = run
        self.target = target
        self.tables = tables
        self.concurrency = concurrency
        self.progress = progress
        self.stop = stop
        self.tick = tick
        self.now = now
        sender = Sender(
            target: target, tables: tables, attempts: attempts, looksFirst: looksFirst, looksBefore: looksBefore,
            pause: pause)
        careKey = Self.careKey(target)
    }

    /// Operations of a wave that are held in memory at once.
    static let batch = 500

    func apply(plan: Int64) async throws {
        var last = 0
        while isGoing {
            let start = last
            // The operations of a wave may run side by side; what the next wave needs (new ids) is settled before it is
            // read.
            let count = try await send { wave in
                let batch = try self.ledger.nextPlanned(plan: plan, after: last, limit: Self.batch)
                guard let end = batch.last, wave == nil || wave == end.wave else { return [] }
                last = end.seq
                return batch
            }
            guard breaker.isOpen else {
                if count == 0 { break }
                continue
            }
            // Where the target still answers, it may be the records, or one kind of request. The others of the wave are
            // tried; if all of them fail as well, the rest of it waits and the next waves go on, so that records that
            // cannot be made keep nobody from being disabled.
            let ailment = await target.ailment()
            if ailment == nil, breaker.triesOn() {
                last = start
                continue
            }
            if let ailment {
                if ailment.endsAtOnce { fatal = ailment }
                cuts.append(
                    """
                    stopped: \(Breaker.limit) requests in a row failed for a reason that is the target's and no \
                    record's (\(breaker.reason))
                    """
                )
                break
            }
            let wave = try ledger.operation(plan: plan, seq: last)?.wave ?? 0
            verification.notes.append(
                """
                the rest of a kind waits: \(Breaker.limit * (Breaker.patience + 1)) requests in a row failed \
                though the target answers others (\(breaker.reason))
                """
            )
            breaker = Breaker()
            last = try ledger.lastOperation(plan: plan, wave: wave) ?? last
        }
        if isGoing { try await rollBack() }
        if isGoing { try await putBack() }
        if isGoing { try await readBack() }
    }

    /// Gives accounts the values of their own records back, which the target has overwritten in answer to another
    /// record's create.
    private func putBack() async throws {
        for (kind, id, source, shown) in putBacks {
            guard let link = try ledger.link(kind: kind, source: source), let table = tables[kind] else { continue }
            let sent = Body.values(link.sent)
            let isDisabled = try isDisabled(source, link)
            do {
                let body: [UInt8] = if let shown { shown } else { try await target.get(kind, id) }
                let found = Body.values(try? target.connection.read(body) { table.actual($0)?.body })
                let changes = table.attributes.compactMap { attribute -> SCIMTarget.Change? in
                    guard let value = sent[attribute.name],
                        !table.isEqual(attribute.name, value, found[attribute.name] ?? .null)
                    else { return nil }
                    return SCIMTarget.Change(
                        path: attribute.path, value: value.isNull ? nil : value,
                        replacesValue: !(found[attribute.name] ?? .null).isNull)
                }
                _ = try await target.update(kind, id, changes, isDisabled: isDisabled)
                verification.notes.append(
                    "the values of \(source) were put back on \(id), which the target had given to another record")
            } catch {
                if error.endsAtOnce { fatal = error }
                verification.notes.append(
                    """
                    the values of \(source) could not be put back on \(id), which the target gave to another \
                    record: \(error)
                    """
                )
            }
        }
    }

    /// Whether more may be sent.
    var isGoing: Bool { fatal == nil && !breaker.isOpen && !stop.isRequested }

    struct Ready: Sendable {
        let operation: PlannedOperation
        let targetID: String?
        let members: [(position: Int, id: String)]
        let leftOut: [Int: String]
        var mark: String?
        var care: GroupCare?
        var isDisabled = false
        var looksAfterDelete = false

        func performed(by sender: Sender) async -> Performed {
            await sender.perform(
                operation, targetID: targetID, members: members.map(\.id), mark: mark, care: care,
                isDisabled: isDisabled, looksAfterDelete: looksAfterDelete)
        }
    }

    /// Counts refusals of creates that say that nothing more fits.
    func note(full why: String?, _ kind: ResourceKind) {
        guard let why else { return fullInARow[kind] = 0 }
        fullInARow[kind, default: 0] += 1
        guard fullInARow[kind] == Self.mostFullInARow, full[kind] == nil else { return }
        full[kind] = why
        verification.notes.append(
            """
            no more \(kind.plural) are made tonight: the target refused \(Self.mostFullInARow) in a row and says \
            that there is no room for more (\(why)); all else goes on
            """
        )
    }

    func send(_ operations: [PlannedOperation]) async throws {
        var rest = [operations]
        _ = try await send { _ in rest.popLast() ?? [] }
    }

    /// Sends the operations of one wave, fetched batch by batch until a batch is empty. Returns how many there were.
    ///
    /// The journal is committed in groups, without a timer: whatever was answered while the last commit and its
    /// requests were under way is settled in the next transaction, together with the marks of those that leave next. A
    /// request leaves only after the commit that marks it as sent.
    ///
    /// - Parameter fetch: gives more of the wave that it is told; told nil, of the next one.
    func send(_ fetch: (Int?) throws -> [PlannedOperation]) async throws -> Int {
        var waiting = try fetch(nil)
        guard let wave = waiting.first?.wave else { return 0 }
        var count = 0
        var isLast = false
        // Two writes to one object never run side by side: with GET and PUT the later would undo the earlier.
        var busy: Set<String> = []
        func key(_ operation: PlannedOperation) -> String {
            "\(operation.kind) \(operation.sourceID ?? operation.targetID ?? "")"
        }
        let answers = Mailbox<(Ready, Performed)>()
        let sender = sender
        // A discarding group: another keeps every finished child until it is asked for, a first sync long.
        try await withThrowingDiscardingTaskGroup { group in
            var arrived: [(Ready, Performed)] = []
            var inFlight = 0
            repeat {
                var leaving: [Ready] = []
                try ledger.together {
                    try tick()
                    for (ready, performed) in arrived {
                        busy.remove(key(ready.operation))
                        try record(ready, performed)
                    }
                    while inFlight + leaving.count < concurrency, isGoing {
                        guard let place = waiting.firstIndex(where: { !busy.contains(key($0)) }) else {
                            // Filled up while requests are under way, so that a batch's end is no pause.
                            guard waiting.isEmpty, !isLast else { break }
                            waiting = try fetch(wave)
                            isLast = waiting.isEmpty
                            continue
                        }
                        let operation = waiting.remove(at: place)
                        count += 1
                        if operation.verb == .link || operation.verb == .unlink {
                            try ledger.settle(operation, try localOutcome(operation), run: run)
                        } else if let ready = try prepare(operation) {
                            busy.insert(key(operation))
                            leaving.append(ready)
                        }
                    }
                }
                sent += arrived.count
                if !arrived.isEmpty { progress(sent, failures) }
                inFlight += leaving.count
                for ready in leaving { group.addTask { answers.put((ready, await ready.performed(by: sender))) } }
                arrived = inFlight > 0 ? await answers.take() : []
                inFlight -= arrived.count
            } while inFlight > 0 || !arrived.isEmpty
        }
        return count
    }

    private func record(_ ready: Ready, _ performed: Performed) throws {
        try record(
            ready.operation, performed, leftOut: ready.leftOut, members: ready.members.map(\.id),
            targetID: ready.targetID, care: ready.care)
        if performed.isFailure { failures += 1 }
        if let settled, let operation = try ledger.operation(plan: ready.operation.plan, seq: ready.operation.seq) {
            settled(operation)
        }
    }

    /// Resolves ids and journals the operation as sent; nil when it needs no request.
    func prepare(_ given: PlannedOperation) throws -> Ready? {
        var operation = given
        operation.sentAt = now()
        let link = try operation.sourceID.flatMap { try ledger.link(kind: operation.kind, source: $0) }
        switch operation.verb {
        case .none, .link, .unlink: return nil
        case .create:
            if let why = full[operation.kind] {
                try ledger.settle(
                    operation,
                    Outcome(status: .skipped, reason: "not sent: the target makes no more of this kind (\(why))"),
                    run: run)
                return nil
            }
            try ledger.markSent([operation], now: now())
            return Ready(operation: operation, targetID: nil, members: [], leftOut: [:])
        case .addMembers, .removeMembers: return try prepareMembers(operation, link)
        case .update, .associate, .dissociate, .disable, .delete: return try prepareWrite(operation, link)
        }
    }

    private func prepareMembers(_ operation: PlannedOperation, _ link: LinkState?) throws -> Ready? {
        var members: [(position: Int, id: String)] = []
        var leftOut: [Int: String] = [:]
        for member in operation.members {
            // Whose account could not be made or made ours keeps its memberships, and gets no new ones. An attribute
            // that was refused is no reason: the account is ours all the same.
            if let id = member.targetID {
                members.append((member.position, id))
            } else {
                leftOut[member.position] = "\(member.sourceID ?? "the member") has no account of ours"
            }
        }
        guard let group = link?.targetID else {
            try ledger.settle(
                operation, Outcome(status: .skipped, reason: "the group could not be made, or made ours"), run: run)
            return nil
        }
        guard !members.isEmpty else {
            try ledger.settle(
                operation,
                Outcome(status: .skipped, reason: "none of the members has an account of ours", leftOut: leftOut),
                run: run)
            return nil
        }
        if try isStopped(operation) { return nil }
        let isAdding = operation.verb == .addMembers
        // Before this addition is noted: whoever was put in earlier and was never shown may be in.
        let care = try self.care(
            operation, group: group, adding: isAdding ? members.map(\.id) : [],
            removing: isAdding ? [] : members.map(\.id))
        if isAdding, notesMembers {
            try ledger.note(group: group, added: members.map(\.id), removed: [], isCertain: false)
        }
        try ledger.markSent([operation], now: now())
        return Ready(operation: operation, targetID: group, members: members, leftOut: leftOut, care: care)
    }

    private func prepareWrite(_ operation: PlannedOperation, _ link: LinkState?) throws -> Ready? {
        if try isStopped(operation) { return nil }
        if operation.situation == .existing, link == nil, operation.verb != .associate {
            let object = operation.targetID ?? "the object"
            try ledger.settle(
                operation,
                Outcome(
                    status: .skipped, reason: "not sent: \(object) was not associated, and is not ours to write"),
                run: run)
            return nil
        }
        // A link that this plan made a moment ago is newer than what the plan was drawn from.
        let id = link?.targetID ?? operation.targetID
        let isGroup = operation.kind == .group && operation.verb != .delete
        var care: GroupCare?
        if isGroup, let id { care = try self.care(operation, group: id) }
        try ledger.markSent([operation], now: now())
        return Ready(
            operation: operation, targetID: id, members: [], leftOut: [:], mark: link?.externalID, care: care,
            isDisabled: operation.kind == .user ? try isDisabled(operation.sourceID, link) : false,
            looksAfterDelete: try looksAfterDelete(operation))
    }

    /// Whether an account is to be disabled, or was when it was last written or read.
    func isDisabled(_ source: String?, _ link: LinkState?) throws -> Bool {
        let desired = try source.flatMap { try ledger.desired(kind: .user, source: $0)?.body }
        if Body.values(desired)["active"] == false { return true }
        return [link?.sent, link?.read].lazy.compactMap {
            if case .bool(let active)? = Body.values($0)["active"] { active } else { nil }
        }.first == false
    }

    /// What becomes of an operation that is the ledger's alone: a link that is made or dropped.
    func localOutcome(_ operation: PlannedOperation) throws -> Outcome {
        guard operation.verb == .link else { return Outcome(status: .done, link: .drop(hasTombstone: false)) }
        guard let source = operation.sourceID, let id = operation.targetID,
            let desired = try ledger.desired(kind: operation.kind, source: source)
        else {
            return Outcome(status: .skipped, reason: "the record is not at hand any more")
        }
        let origin = try ledger.link(kind: operation.kind, source: source)?.origin ?? origin(of: operation)
        return Outcome(
            status: .done,
            link: .set(
                LinkState(
                    kind: operation.kind, sourceID: source, targetID: id, origin: origin,
                    externalID: desired.externalID, matchKey: desired.matchKey, sent: desired.body,
                    sentDigest: desired.digest, read: nil, readDigest: nil)))
    }
}
