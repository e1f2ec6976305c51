import HTTP
import JSON
import Ledger
import Provisioning
import SCIM
import SCIMTransport

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
    let progress: @Sendable (String, Int) -> Void

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
    var verification = Verification()
    var sent = 0

    init(
        ledger: Ledger, run: Int64, target: SCIMTarget, tables: [ResourceKind: MappingTable], concurrency: Int, looksFirst: Bool = false, looksBefore: Bool = false,
        attempts: Int = 2, stop: StopRequest = StopRequest(), tick: @escaping () throws -> Void = {}, now: @escaping () -> Double, progress: @escaping @Sendable (String, Int) -> Void
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
        sender = Sender(target: target, tables: tables, attempts: attempts, looksFirst: looksFirst, looksBefore: looksBefore)
    }

    /// Operations of a wave that are held in memory at once.
    static let batch = 500

    func apply(plan: Int64) async throws {
        var last = 0
        while isGoing {
            let start = last
            // The operations of a wave may run side by side; what the next wave needs (new ids) is settled before it is read.
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
            // Where the target still answers, it may be the records, or one kind of request. The others of the wave are tried; if all
            // of them fail as well, the rest of it waits and the next waves go on, so that records that cannot be made keep nobody
            // from being disabled.
            let ailment = await target.ailment()
            if ailment == nil, breaker.triesOn() {
                last = start
                continue
            }
            if let ailment {
                if ailment.endsAtOnce { fatal = ailment }
                cuts.append("stopped: \(Breaker.limit) requests in a row failed for a reason that is the target's and no record's (\(breaker.reason))")
                break
            }
            let wave = try ledger.operation(plan: plan, seq: last)?.wave ?? 0
            verification.notes.append("the rest of a kind waits: \(Breaker.limit * (Breaker.patience + 1)) requests in a row failed though the target answers others (\(breaker.reason))")
            breaker = Breaker()
            last = try ledger.lastOperation(plan: plan, wave: wave) ?? last
        }
        if isGoing { try await putBack() }
        if isGoing { try await readBack() }
    }

    /// Gives accounts the values of their own records back, which the target has overwritten in answer to another record's create.
    private func putBack() async throws {
        for (kind, id, source, shown) in putBacks {
            guard let link = try ledger.link(kind: kind.rawValue, source: source), let table = tables[kind] else { continue }
            let sent = MappingTable.values(link.sent)
            do {
                let body: [UInt8] = if let shown { shown } else { try await target.get(kind, id) }
                let found = MappingTable.values(try? JSONParser().parse(body) { table.actual($0)?.body })
                let changes = table.attributes.compactMap { attribute -> SCIMTarget.Change? in
                    guard let value = sent[attribute.name], !table.isEqual(attribute.name, value, found[attribute.name] ?? .null) else { return nil }
                    return SCIMTarget.Change(path: attribute.path, value: value.isNull ? nil : value, replacesValue: !(found[attribute.name] ?? .null).isNull)
                }
                _ = try await target.update(kind, id, changes)
                verification.notes.append("the values of \(source) were put back on \(id), which the target had given to another record")
            } catch {
                if error.endsAtOnce { fatal = error }
                verification.notes.append("the values of \(source) could not be put back on \(id), which the target gave to another record: \(error)")
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
    }

    func send(_ operations: [PlannedOperation]) async throws {
        var rest = [operations]
        _ = try await send { _ in rest.popLast() ?? [] }
    }

    /// Sends the operations of one wave, fetched batch by batch until a batch is empty. Returns how many there were.
    ///
    /// The journal is committed in groups, without a timer: whatever was answered while the last commit and its requests were
    /// under way is settled in the next transaction, together with the marks of those that leave next. A request leaves only
    /// after the commit that marks it as sent.
    ///
    /// - Parameter fetch: gives more of the wave that it is told; told nil, of the next one.
    func send(_ fetch: (Int?) throws -> [PlannedOperation]) async throws -> Int {
        var waiting = try fetch(nil)
        guard let wave = waiting.first?.wave else { return 0 }
        var count = 0
        var isLast = false
        // Two writes to one object never run side by side: with GET and PUT the later would undo the earlier.
        var busy: Set<String> = []
        func key(_ operation: PlannedOperation) -> String { "\(operation.kind) \(operation.sourceID ?? operation.targetID ?? "")" }
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
                        try record(ready.operation, performed, leftOut: ready.leftOut, members: ready.members.map(\.id), targetID: ready.targetID)
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
                if !arrived.isEmpty { progress("operations sent", sent) }
                inFlight += leaving.count
                for ready in leaving {
                    group.addTask {
                        answers.put((ready, await sender.perform(ready.operation, targetID: ready.targetID, members: ready.members.map(\.id), mark: ready.mark)))
                    }
                }
                arrived = inFlight > 0 ? await answers.take() : []
                inFlight -= arrived.count
            } while inFlight > 0 || !arrived.isEmpty
        }
        return count
    }

    /// Resolves ids and journals the operation as sent; nil when it needs no request.
    func prepare(_ given: PlannedOperation) throws -> Ready? {
        var operation = given
        operation.sentAt = now()
        let link = try operation.sourceID.flatMap { try ledger.link(kind: operation.kind, source: $0) }
        switch operation.verb {
        case .none, .link, .unlink: return nil
        case .create:
            try ledger.markSent([operation], now: now())
            return Ready(operation: operation, targetID: nil, members: [], leftOut: [:])
        case .addMembers, .removeMembers:
            var members: [(position: Int, id: String)] = []
            var leftOut: [Int: String] = [:]
            for member in operation.members {
                // Whose account could not be made or made ours keeps its memberships, and gets no new ones. An attribute that was refused is
                // no reason: the account is ours all the same.
                if let id = member.targetID {
                    members.append((member.position, id))
                } else {
                    leftOut[member.position] = "\(member.sourceID ?? "the member") has no account of ours"
                }
            }
            guard let group = link?.targetID else {
                try ledger.settle(operation, Outcome(status: .skipped, reason: "the group could not be made, or made ours"), run: run)
                return nil
            }
            guard !members.isEmpty else {
                try ledger.settle(operation, Outcome(status: .skipped, reason: "none of the members has an account of ours", leftOut: leftOut), run: run)
                return nil
            }
            if operation.verb == .addMembers, target.profile.memberReading.contains(.ledger) {
                try ledger.note(group: group, added: members.map(\.id), removed: [], isCertain: false)
            }
            try ledger.markSent([operation], now: now())
            return Ready(operation: operation, targetID: group, members: members, leftOut: leftOut)
        case .update, .associate, .dissociate, .disable, .delete:
            try ledger.markSent([operation], now: now())
            // A link that this plan made a moment ago is newer than what the plan was drawn from.
            return Ready(operation: operation, targetID: link?.targetID ?? operation.targetID, members: [], leftOut: [:], mark: link?.externalID)
        }
    }

    /// What becomes of an operation that is the ledger's alone: a link that is made or dropped.
    func localOutcome(_ operation: PlannedOperation) throws -> Outcome {
        guard operation.verb == .link else { return Outcome(status: .done, link: .drop(hasTombstone: false)) }
        guard let source = operation.sourceID, let id = operation.targetID, let desired = try ledger.desired(kind: operation.kind, source: source) else {
            return Outcome(status: .skipped, reason: "the record is not at hand any more")
        }
        let origin = try ledger.link(kind: operation.kind, source: source)?.origin ?? origin(of: operation)
        return Outcome(
            status: .done,
            link: .set(
                LinkState(
                    kind: operation.kind, sourceID: source, targetID: id, origin: origin, externalID: desired.externalID, matchKey: desired.matchKey, sent: desired.body,
                    sentDigest: desired.digest, read: nil, readDigest: nil)))
    }
}
