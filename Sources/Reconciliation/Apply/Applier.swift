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
    private let ledger: Ledger
    private let run: Int64
    private let target: SCIMTarget
    private let tables: [ResourceKind: MappingTable]
    private let sender: Sender
    private let concurrency: Int
    private let progress: @Sendable (String, Int) -> Void

    /// What was left unsent because the target failed, in words.
    private(set) var cuts: [String] = []
    /// What stopped the sending before the plan's end.
    private(set) var fatal: SCIMFailure?
    /// Opens when the target, and not a record, fails again and again.
    private(set) var breaker = Breaker()
    private let stop: StopRequest
    /// Called in each commit.
    private let tick: () throws -> Void
    private(set) var verification = Verification()
    private var sent = 0

    init(
        ledger: Ledger, run: Int64, target: SCIMTarget, tables: [ResourceKind: MappingTable], concurrency: Int, looksFirst: Bool = false, looksBefore: Bool = false,
        attempts: Int = 2, stop: StopRequest = StopRequest(), tick: @escaping () throws -> Void = {}, progress: @escaping @Sendable (String, Int) -> Void
    ) {
        self.ledger = ledger
        self.run = run
        self.target = target
        self.tables = tables
        self.concurrency = concurrency
        self.progress = progress
        self.stop = stop
        self.tick = tick
        sender = Sender(target: target, tables: tables, attempts: attempts, looksFirst: looksFirst, looksBefore: looksBefore)
    }

    /// Operations of a wave that are held in memory at once.
    private static let batch = 500

    func apply(plan: Int64) async throws {
        var last = 0
        while isGoing {
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
            // Where the target still answers, what fails is one kind of request: the rest of it waits, and the others go on, so
            // that five records that cannot be made keep nobody from being disabled.
            let wave = try ledger.operation(plan: plan, seq: last)?.wave ?? 0
            cuts.append("stopped: \(Breaker.limit) requests in a row failed for a reason that is the target's and no record's (\(breaker.reason))")
            guard await target.answers() else { break }
            breaker = Breaker()
            last = try ledger.lastOperation(plan: plan, wave: wave) ?? last
        }
        if isGoing { try await readBack() }
    }

    /// Whether more may be sent.
    private var isGoing: Bool { fatal == nil && !breaker.isOpen && !stop.isRequested }

    /// Settles what a killed run left: operations whose outcome nobody knows, and the rest of a unit that it began.
    ///
    /// What decides whose an account is (a create, an association) is looked for now. Everything else is read with the rest
    /// of the target in a moment and planned anew where it was not done: it is then sent again with this run's proofs, limits
    /// and permissions, and not with those of a night that is over.
    func settle(_ operations: [PlannedOperation]) async throws {
        for operation in operations where isGoing {
            switch (operation.verb, operation.status) {
            case (.create, .sent): try await settleCreate(operation)
            case (.associate, .sent): try await settleAssociation(operation)
            case (_, .sent):
                try doubt(operation)
                try ledger.settle(operation, Outcome(status: .failed, reason: "an interrupted run sent this, and its outcome was not known: planned anew where it is still wanted"), run: run)
            default: try await send([operation])
            }
        }
        if isGoing { try await readBack() }
    }

    private func settleAssociation(_ operation: PlannedOperation) async throws {
        let kind = ResourceKind(rawValue: operation.kind) ?? .user
        guard let id = operation.targetID else { return }
        let outcome: Result<[UInt8], SCIMFailure>
        do { outcome = .success(try await target.get(kind, id)) } catch { outcome = .failure(error) }
        switch outcome {
        case .failure(let failure) where failure.isFatal: fatal = failure
        case .failure(let failure):
            try ledger.settle(operation, Outcome(status: .failed, reason: "an interrupted run sent this association, and the account cannot be read: \(failure)"), run: run)
        case .success(let resource):
            let mark = try? JSONParser().parse(resource) { AttributePath("externalId")?.value(in: $0)?.canonical }
            if let mark, mark == operation.fields.first(where: { $0.path == "externalId" })?.after {
                try recordWrite(operation, kind, id: id, resource: resource, origin: "associated", isFound: true)
            } else {
                try ledger.settle(operation, Outcome(status: .failed, reason: "an interrupted run sent this association, and the account does not carry our mark: planned anew"), run: run)
            }
        }
    }

    private func settleCreate(_ operation: PlannedOperation) async throws {
        let kind = ResourceKind(rawValue: operation.kind) ?? .user
        let found: Performed?
        do {
            found = try await sender.ours(kind, operation.fields, byName: true)
        } catch {
            fatal = error
            return
        }
        if let found {
            try record(operation, found, leftOut: [:], members: [])
        } else {
            try ledger.settle(operation, Outcome(status: .failed, reason: "an interrupted run sent this create, and the target does not show it: planned anew"), run: run)
        }
    }

    private struct Ready: Sendable {
        let operation: PlannedOperation
        let targetID: String?
        let members: [(position: Int, id: String)]
        let leftOut: [Int: String]
        var mark: String?
    }

    private func send(_ operations: [PlannedOperation]) async throws {
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
    private func send(_ fetch: (Int?) throws -> [PlannedOperation]) async throws -> Int {
        var waiting = try fetch(nil)
        guard let wave = waiting.first?.wave else { return 0 }
        var count = 0
        var isLast = false
        // Two writes to one object never run side by side: with GET and PUT the later would undo the earlier.
        var busy: Set<String> = []
        func key(_ operation: PlannedOperation) -> String { "\(operation.kind) \(operation.sourceID ?? operation.targetID ?? "")" }
        let answers = Mailbox<(Ready, Performed)>()
        let sender = sender
        try await withThrowingTaskGroup(of: Void.self) { group in
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
    private func prepare(_ operation: PlannedOperation) throws -> Ready? {
        let link = try operation.sourceID.flatMap { try ledger.link(kind: operation.kind, source: $0) }
        switch operation.verb {
        case .none, .link, .unlink: return nil
        case .create:
            try ledger.markSent([operation])
            return Ready(operation: operation, targetID: nil, members: [], leftOut: [:])
        case .addMembers, .removeMembers:
            var members: [(position: Int, id: String)] = []
            var leftOut: [Int: String] = [:]
            for member in operation.members {
                // Whose account could not be made or made ours keeps its memberships, and gets no new ones.
                if let id = member.targetID, !member.isTroubled {
                    members.append((member.position, id))
                } else {
                    leftOut[member.position] = "\(member.sourceID ?? "the member") has no account of ours, or its own operation failed"
                }
            }
            guard let group = link?.targetID else {
                try ledger.settle(operation, Outcome(status: .skipped, reason: "the group was not created"), run: run)
                return nil
            }
            guard !members.isEmpty else {
                try ledger.settle(operation, Outcome(status: .skipped, reason: "none of the members has an account", leftOut: leftOut), run: run)
                return nil
            }
            if operation.verb == .addMembers, target.profile.memberReading.contains(.ledger) {
                try ledger.note(group: group, added: members.map(\.id), removed: [], isCertain: false)
            }
            try ledger.markSent([operation])
            return Ready(operation: operation, targetID: group, members: members, leftOut: leftOut)
        case .update, .associate, .dissociate, .disable, .delete:
            try ledger.markSent([operation])
            // A link that this plan made a moment ago is newer than what the plan was drawn from.
            return Ready(operation: operation, targetID: link?.targetID ?? operation.targetID, members: [], leftOut: [:], mark: link?.externalID)
        }
    }

    /// What becomes of an operation that is the ledger's alone: a link that is made or dropped.
    private func localOutcome(_ operation: PlannedOperation) throws -> Outcome {
        guard operation.verb == .link else { return Outcome(status: .done, link: .drop(hasTombstone: false)) }
        guard let source = operation.sourceID, let id = operation.targetID, let desired = try ledger.desired(kind: operation.kind, source: source) else {
            return Outcome(status: .skipped, reason: "the record is not at hand any more")
        }
        let origin = try ledger.link(kind: operation.kind, source: source)?.origin ?? "known"
        return Outcome(
            status: .done,
            link: .set(
                LinkState(
                    kind: operation.kind, sourceID: source, targetID: id, origin: origin, externalID: desired.externalID, matchKey: desired.matchKey, sent: desired.body,
                    sentDigest: desired.digest, read: nil, readDigest: nil)))
    }

    // MARK: judging answers

    private func record(_ operation: PlannedOperation, _ performed: Performed, leftOut: [Int: String], members: [String], targetID: String? = nil) throws {
        let kind = ResourceKind(rawValue: operation.kind) ?? .user
        breaker.note(performed)
        switch performed {
        case .done(let id, let resource):
            switch operation.verb {
            case .delete:
                try ledger.settle(operation, Outcome(status: .done, link: .drop(hasTombstone: true)), run: run)
                try ledger.forgetMembers(kind: operation.kind, target: id)
            case .dissociate: try ledger.settle(operation, Outcome(status: .done, link: .drop(hasTombstone: false)), run: run)
            case .addMembers, .removeMembers: try recordMembers(operation, group: id, members: members, resource: resource, leftOut: leftOut)
            default: try recordWrite(operation, kind, id: id, resource: resource, origin: origin(of: operation))
            }
        case .takenOver(let id, _) where try ledger.holder(kind: operation.kind, target: id).map({ $0 != operation.sourceID }) ?? false:
            try ledger.settle(operation, Outcome(status: .conflict, reason: "the create took over \(id), which is linked to another record: decide on the target whose it is"), run: run)
        case .partly(let refused, let why):
            if target.profile.memberReading.contains(.ledger), let targetID {
                try ledger.note(group: targetID, added: members.filter { !refused.contains($0) }, removed: Array(refused))
            }
            try ledger.settle(operation, Outcome(status: .failed, reason: why, leftOut: leftOut), run: run)
        case .takenOver(let id, let resource):
            try recordWrite(operation, kind, id: id, resource: resource, origin: "taken over")
            verification.takenOver.append(operation.name)
        case .found(let id, let resource):
            // Found by our own mark: it is what an earlier POST of ours, or IDaaS' own push, made.
            // Where a create takes over, what it found may be what an earlier one of ours took.
            let isDoubtful = target.profile.existing == .overwrite
            try recordWrite(operation, kind, id: id, resource: resource, origin: isDoubtful ? "taken over" : operation.status == .sent ? "created" : "known", isFound: true)
        case .gone:
            if operation.verb == .delete {
                try ledger.settle(operation, Outcome(status: .done, reason: "was gone already", link: .drop(hasTombstone: false)), run: run)
            } else {
                // A 404 by id is believed; where there is no list, nothing else would ever tell.
                let isUnlisted = target.profile.listing == .none && operation.verb != .addMembers && operation.verb != .removeMembers
                try ledger.settle(
                    operation,
                    Outcome(
                        status: .failed, reason: "\(targetID ?? "the object") is gone from the target since it was read; the next run judges it anew",
                        link: isUnlisted ? .drop(hasTombstone: false) : nil), run: run)
            }
        case .failed(let why): try ledger.settle(operation, Outcome(status: .failed, reason: why + temporaryName(operation), leftOut: leftOut), run: run)
        case .conflict(let why) where operation.unit != nil: try ledger.settle(operation, Outcome(status: .failed, reason: why + temporaryName(operation)), run: run)
        case .conflict(let why): try ledger.settle(operation, Outcome(status: operation.verb == .create ? .conflict : .failed, reason: why), run: run)
        case .unknown(let why):
            // Stays “sent” in the journal: the next run begins by settling it.
            try doubt(operation)
            verification.unknown.append("\(operation.name): \(why)")
        case .fatal(let failure, let isOpen):
            if fatal == nil, failure.endsAtOnce { fatal = failure }
            // What certainly was not done is planned anew by the next run, from what it reads; what is open stays in the journal.
            if !isOpen { try ledger.settle(operation, Outcome(status: .failed, reason: "not done: \(failure)"), run: run) }
        }
    }

    /// Of a target that is not listed, or not to its end, nothing else will tell whether a write arrived.
    private func doubt(_ operation: PlannedOperation) throws {
        guard target.profile.listing == .none || target.profile.listCap != nil, [.update, .disable].contains(operation.verb), let source = operation.sourceID else { return }
        try ledger.doubt(kind: operation.kind, source: source, paths: operation.fields.map(\.path))
    }

    /// Said of the second half of a rename that failed: the account must not keep its temporary name unseen.
    private func temporaryName(_ operation: PlannedOperation) -> String {
        guard operation.unit == operation.seq, let name = operation.fields.first(where: { $0.before?.contains("rollcall-") ?? false })?.before else { return "" }
        return "; until the next run it bears the temporary name \(name)"
    }

    private func origin(of operation: PlannedOperation) -> String {
        switch operation.situation {
        case .existing: "associated"
        case .known: "known"
        default: "created"
        }
    }

    /// Records an attribute write: the link, and what the answer shows of it.
    private func recordWrite(_ operation: PlannedOperation, _ kind: ResourceKind, id: String, resource: [UInt8]?, origin: String, isFound: Bool = false) throws {
        guard let source = operation.sourceID, let table = tables[kind] else { return }
        let previous = try ledger.link(kind: operation.kind, source: source)
        let desired = try ledger.desired(kind: operation.kind, source: source)
        let actual = resource.flatMap { try? JSONParser().parse($0) { table.actual($0) } }
        let values = Dictionary(operation.fields.map { ($0.path, $0.after) }) { _, last in last }
        func text(_ path: String) -> String? { values[path].flatMap { $0 }.flatMap { try? JSONValue(parsing: Array($0.utf8)).string } }
        let isLeaver = operation.situation == .leaver
        // Of a leaver, and after a restart, there is no desired record: the link then keeps what it knows.
        var link = LinkState(
            kind: operation.kind, sourceID: source, targetID: id, origin: previous?.targetID == id ? previous?.origin ?? origin : origin, state: isLeaver ? "disabled" : "active",
            // What was found bears its own name, which may be an older one.
            externalID: (isFound ? actual?.externalID : nil) ?? text("externalId") ?? previous?.externalID,
            matchKey: (isFound ? actual?.matchKey : nil) ?? text(kind.nameAttribute).map(folded) ?? previous?.matchKey ?? folded(operation.name),
            sent: isFound ? nil : sentBody(operation, table, desired: desired?.body, previous: previous?.sent, actual: actual), sentDigest: nil, read: actual?.body,
            readDigest: isFound ? nil : actual?.digest)
        // The digests stand for the whole record: only where all of it was sent.
        if let desired, link.sent == desired.body { link.sentDigest = desired.digest }
        if isLeaver { link.readDigest = nil }
        let before = MappingTable.values(previous?.sent)
        let fresh = Set(operation.fields.filter { field in before[field.path].map { ($0.isNull ? nil : $0.canonical) != field.after } ?? true }.map(\.path))
        let judgement = actual.flatMap { isFound ? nil : verification.compare(operation, kind, table, with: $0, fresh: fresh) } ?? Verification.Judgement()
        let complaint = judgement.complaint
        link.read = judgement.believed(link.read)
        // Identity and access are never taken for granted, whatever else agrees.
        if complaint != nil || !(actual.map { table.agreesOnCriticals(desired?.body, $0.body) } ?? false) { link.readDigest = nil }
        // The first half of a rename by way of a temporary name is over before anything is read back.
        let isHalf = operation.unit != nil && operation.unit != operation.seq
        if actual == nil, !isHalf, operation.verb != .create || resource == nil { verification.silent.append(.init(operation, id: id, fresh: fresh)) }
        let reason = isFound ? "found by its externalId on the target: linked" : complaint
        try ledger.settle(operation, Outcome(status: complaint == nil ? .done : .failed, reason: reason, link: .set(link)), run: run)
    }

    /// What has been sent for a record so far: this operation's values, else what was sent before, else what the target has
    /// already. What is held back is not in it, so that the next run still sees it as different.
    private func sentBody(_ operation: PlannedOperation, _ table: MappingTable, desired: String?, previous: String?, actual: MappingTable.Actual?) -> String? {
        guard let desired else {
            // Of what the source does not have, or was not asked for, only this operation is known.
            var sent = MappingTable.values(previous)
            for field in operation.fields { sent[field.path] = field.after.flatMap { try? JSONValue(parsing: Array($0.utf8)) } ?? .null }
            return sent.isEmpty ? previous : JSONValue.object(sent).canonical
        }
        let wanted = MappingTable.values(desired)
        let before = MappingTable.values(previous)
        let shown = MappingTable.values(actual?.body)
        var sent: [String: JSONValue] = [:]
        for (name, value) in wanted {
            if let field = operation.fields.first(where: { $0.path == name }) {
                sent[name] = field.after.flatMap { try? JSONValue(parsing: Array($0.utf8)) } ?? .null
            } else if let earlier = before[name] {
                sent[name] = earlier
            } else if let there = shown[name], table.isEqual(name, there, value) {
                sent[name] = value
            }
        }
        return JSONValue.object(sent).canonical
    }

    private func recordMembers(_ operation: PlannedOperation, group: String, members: [String], resource: [UInt8]?, leftOut: [Int: String]) throws {
        var complaint: String?
        var isSilent = true
        if target.showsMembers, let resource, let present = try? JSONParser().parse(resource, { view in view.member(ignoringCase: "members") == nil ? nil : TargetReader.members(view) }) {
            isSilent = false
            complaint = Verification.complaint(operation.verb, members, present: Set(present))
        }
        if target.profile.memberReading.contains(.ledger), complaint == nil {
            try ledger.note(group: group, added: operation.verb == .addMembers ? members : [], removed: operation.verb == .removeMembers ? members : [])
        }
        if isSilent, target.showsMembers { verification.silent.append(.init(operation, id: group)) }
        let partial = leftOut.isEmpty ? nil : "\(leftOut.count) of \(operation.members.count) \(Self.leftOutMark): they have no account"
        try ledger.settle(operation, Outcome(status: complaint == nil && leftOut.isEmpty ? .done : .failed, reason: complaint ?? partial, leftOut: leftOut), run: run)
    }

    private static let leftOutMark = "members left out"
    static let partlyMark = "and took the others"

    /// Whether a failed operation has changed something all the same.
    static func wasPartlyDone(_ operation: PlannedOperation) -> Bool {
        operation.status == .failed && (operation.reason.contains(leftOutMark) || operation.reason.contains(partlyMark))
    }

    // MARK: reading back what was not answered

    /// Looks at what the target did with writes that it answered without a document, each as it comes by.
    private func readBack() async throws {
        // Nothing of such a target is verified, and the report says so; what it answers to a write is all that it shows.
        if target.profile.listing == .none { return }
        do {
            for kind in ResourceKind.allCases {
                var open = Dictionary(grouping: verification.silent.filter { $0.kind == kind.rawValue }, by: \.id)
                guard !open.isEmpty, let table = tables[kind] else { continue }
                let take: (JSONView) throws -> Void = { view in
                    guard let actual = table.actual(view), let entries = open.removeValue(forKey: actual.id) else { return }
                    for entry in entries { try self.judge(entry, kind, table, actual, members: Set(TargetReader.members(view))) }
                }
                let listShowsAll = try target.profile.listCap == nil && kind == .user || ledger.fact("members") == Profile.MemberReading.inList.rawValue
                if open.count > Self.readsByID, listShowsAll {
                    _ = try await target.list(kind, take)
                } else {
                    for id in open.keys.sorted(by: { $0.utf8.lexicographicallyPrecedes($1.utf8) }) {
                        do {
                            try JSONParser().parse(try await target.get(kind, id), take)
                        } catch let failure as SCIMFailure {
                            if case .notFound = failure { continue }
                            throw failure
                        }
                    }
                }
                for entry in open.values.flatMap({ $0 }) where !entry.isMembership {
                    guard let operation = try ledger.operation(plan: entry.plan, seq: entry.seq) else { continue }
                    try ledger.settle(operation, Outcome(status: .failed, reason: "written, but not shown by the target afterwards"), run: run)
                }
            }
        } catch let failure as SCIMFailure {
            if failure.isFatal { fatal = failure } else { verification.notes.append("what was written could not be read back: \(failure)") }
        } catch let error as JSONSyntaxError {
            verification.notes.append("what was written could not be read back: \(error)")
        }
    }

    /// Up to this many objects are read by id; beyond, the list is cheaper.
    private static let readsByID = 20

    private func judge(_ entry: Verification.Silent, _ kind: ResourceKind, _ table: MappingTable, _ actual: MappingTable.Actual, members: Set<String>) throws {
        guard let operation = try ledger.operation(plan: entry.plan, seq: entry.seq) else { return }
        if entry.isMembership {
            // A group without `members` is an empty one here: it was asked for by its id, or its list shows members.
            let sent = operation.members.filter { $0.status == nil }.compactMap(\.targetID)
            if let complaint = Verification.complaint(operation.verb, sent, present: members) {
                try ledger.settle(operation, Outcome(status: .failed, reason: complaint), run: run)
            }
            return
        }
        guard let source = operation.sourceID, var link = try ledger.link(kind: kind.rawValue, source: source), link.targetID == entry.id else { return }
        let judgement = verification.compare(operation, kind, table, with: actual, fresh: entry.fresh)
        let complaint = judgement.complaint
        let desired = try ledger.desired(kind: kind.rawValue, source: source)
        link.read = judgement.believed(actual.body)
        link.readDigest = complaint == nil && link.state == "active" && table.agreesOnCriticals(desired?.body, actual.body) ? actual.digest : nil
        try ledger.settle(operation, Outcome(status: complaint == nil ? .done : .failed, reason: complaint, link: .set(link)), run: run)
    }
}
