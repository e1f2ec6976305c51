import JSON
import Ledger
import Provisioning
import SCIM
import SCIMTransport
import Planning

/// Looking at what the target did with writes that it answered without a document.
extension Applier {
    /// Looks at what the target did with writes that it answered without a document, each as it comes by.
    func readBack() async throws {
        // Nothing of such a target is verified, and the report says so; what it answers to a write is all that it
        // shows.
        if target.profile.listing == .none { return }
        do {
            for kind in ResourceKind.allCases { try await readBack(kind) }
        } catch let failure as SCIMFailure {
            if failure.isFatal, !failure.isOfThePage {
                fatal = failure
            } else {
                verification.notes.append("what was written could not be read back: \(failure)")
            }
        } catch let error as JSONSyntaxError {
            verification.notes.append("what was written could not be read back: \(error)")
        }
    }

    private func readBack(_ kind: ResourceKind) async throws {
        var open = Dictionary(grouping: verification.silent.filter { $0.kind == kind }, by: \.id)
        guard !open.isEmpty, let table = tables[kind] else { return }
        func taking(isByID: Bool) -> (ShownResource) throws -> Void {
            { resource in
                guard let actual = table.actual(resource), let entries = open[actual.id] else { return }
                // A list may leave a field out; what that means is asked by id.
                if !isByID, actual.active == nil, try entries.contains(where: self.mayBeOmitted) { return }
                open[actual.id] = nil
                for entry in entries {
                    try self.judge(entry, kind, table, actual, members: Set(resource.members?.users ?? []))
                }
            }
        }
        let listShowsAll =
            try target.profile.listCap == nil && kind == .user
            || ledger.fact("members") == Profile.MemberReading.inList.rawValue
        var closed: [String: SCIMFailure] = [:]
        var isAnyUnfound = false
        func readByID(_ ids: [String]) async throws {
            for id in ids.sorted(by: { $0.utf8.lexicographicallyPrecedes($1.utf8) }) {
                do {
                    try target.connection.read(try await target.get(kind, id), taking(isByID: true))
                } catch let failure as SCIMFailure {
                    switch failure {
                    case .notFound: isAnyUnfound = true
                    // One object may be closed to SCIM where the credential is good.
                    case .forbidden: closed[id] = failure
                    default: throw failure
                    }
                }
            }
        }
        // Many are cheaper as a list; and a list may show what nobody may look at by its id, or what is not found by
        // it, as a look may what a list leaves out.
        let isFew = open.count <= Self.readsByID || !listShowsAll
        if isFew {
            try await readByID(Array(open.keys))
        } else if let one = try open.first(where: { try $0.value.contains(where: mayBeOmitted) })?.key {
            // What a missing field means is asked once by id; the list tells of the others then.
            try await readByID([one])
        }
        if !open.isEmpty, listShowsAll, !isFew || !closed.isEmpty || isAnyUnfound {
            _ = try await target.list(kind, taking(isByID: false))
        }
        // A list that leaves out most of what was written is no list that a look at each would mend.
        if !isFew, open.count <= Self.mostReadsByID { try await readByID(Array(open.keys)) }
        if closed.count >= Breaker.limit, !listShowsAll, let ailment = await target.ailment() { throw ailment }
        for entry in open.values.flatMap({ $0 }) where !entry.isMembership || closed[entry.id] != nil {
            guard let operation = try ledger.operation(plan: entry.plan, seq: entry.seq) else { continue }
            let why = closed[entry.id].map { ", which lets nobody look: \($0)" } ?? " afterwards"
            try ledger.settle(
                operation,
                Outcome(status: .failed, reason: "written, but not shown by the target\(why)", mayBeDone: true),
                run: run)
        }
    }

    /// Up to this many objects are read by id; beyond, the list is cheaper.
    static let readsByID = 20
    /// So many are asked for by id at the most, where the list did not show them.
    static let mostReadsByID = 500

    /// An account as it is meant: a target may leave `active` out of those that are not. That is found out at a look at
    /// one that was disabled with success, had the field before, and has it not any more, while every one that is let
    /// in has it.
    func understood(
        _ actual: MappingTable.Actual, _ kind: ResourceKind, _ table: MappingTable, _ operation: PlannedOperation,
        isLook: Bool
    ) throws -> MappingTable.Actual {
        guard kind == .user, actual.active == nil, let field = operation.fields.first(where: { $0.path == "active" }),
            field.after == "false", operation.verb != .create
        else { return actual }
        let dialect = target.connection.dialect
        if !dialect.has(.omitsInactive) {
            guard isLook, field.before == "true", try ledger.showsActivity() else { return actual }
            dialect.note(.omitsInactive)
        }
        var copy = actual
        copy.active = false
        (copy.body, copy.digest) = table.inactive(actual.body)
        return copy
    }

    /// Whether an account that shows no `active` may show so that it is not active, which this target has not yet been
    /// seen to mean.
    private func mayBeOmitted(_ entry: Verification.Silent) throws -> Bool {
        guard entry.kind == .user, !target.connection.dialect.has(.omitsInactive),
            let operation = try ledger.operation(plan: entry.plan, seq: entry.seq)
        else { return false }
        return operation.fields.contains { $0.path == "active" && $0.after == "false" }
    }

    func judge(
        _ entry: Verification.Silent, _ kind: ResourceKind, _ table: MappingTable, _ shown: MappingTable.Actual,
        members: Set<String>
    ) throws {
        guard var operation = try ledger.operation(plan: entry.plan, seq: entry.seq) else { return }
        operation.fields.removeAll { !entry.paths.contains($0.path) }
        if entry.isMembership {
            // A group without `members` is an empty one here: it was asked for by its id, or its list shows members.
            let sent = operation.members.filter { $0.status == nil }.compactMap(\.targetID)
            let complaint = Verification.complaint(operation.verb, sent, present: members)
            try noteHiding(entry.id, operation.verb, isHidden: complaint != nil)
            if let complaint {
                if operation.verb == .addMembers {
                    try ledger.note(
                        group: entry.id, added: sent.filter { !members.contains($0) }, removed: [], isCertain: false,
                        wasLookedAt: true)
                }
                try ledger.settle(operation, Outcome(status: .failed, reason: complaint, mayBeDone: true), run: run)
            }
            return
        }
        let actual = try understood(shown, kind, table, operation, isLook: true)
        guard let source = operation.sourceID, var link = try ledger.link(kind: kind, source: source),
            link.targetID == entry.id
        else {
            // Unlinked meanwhile, by a delete that may have done nothing either.
            if operation.verb == .disable, operation.status == .done, actual.active != false {
                try ledger.settle(
                    operation,
                    Outcome(
                        status: .failed,
                        reason: "the target accepted active = false and shows true; it did not apply the change",
                        mayBeDone: true), run: run)
            }
            return
        }
        let judgement = try judge(operation, kind, table, actual, entry.tries)
        let complaint = judgement.complaint
        if kind == .user, complaint == nil, operation.fields.contains(where: { $0.path == "active" }),
            try ledger.fact(Self.accessIsStored) == nil
        {
            try ledger.learn(Self.accessIsStored, "a look after a change has shown it")
        }
        let desired = try ledger.desired(kind: kind, source: source)
        link.read = actual.body
        judgement.correct(&link, kind, actual, operation.situation)
        if let table = tables[kind] { adoptDecorations(&link, operation, table, actual) }
        link.readDigest =
            complaint == nil && link.status == .active && table.agreesOnCriticals(desired?.body, actual.body)
            ? actual.digest : nil
        // A delete that became a disabling is not done, whatever is shown, and neither is what was refused in part.
        let isDone = complaint == nil && operation.status != .failed
        try ledger.settle(
            operation,
            Outcome(status: isDone ? .done : .failed, reason: complaint, link: .set(link), mayBeDone: !isDone), run: run
        )
    }
}
