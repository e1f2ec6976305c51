import JSON
import Ledger
import Provisioning
import SCIM
import SCIMTransport
import Planning

/// What an answer means for the journal and for the link.
extension Applier {
    func record(
        _ operation: PlannedOperation, _ performed: Performed, leftOut: [Int: String], members: [String],
        targetID: String? = nil, care: GroupCare? = nil
    ) throws {
        if case .kept(let inner) = performed {
            try noteKept(operation, care)
            if operation.verb == .delete, try ledger.fact(Self.deletesAreDone(operation.kind)) == nil {
                try ledger.learn(Self.deletesAreDone(operation.kind), "a look after a delete has shown it")
            }
            return try record(operation, inner, leftOut: leftOut, members: members, targetID: targetID, care: care)
        }
        let kind = operation.kind
        // What fails night after night in the same way says nothing of the target's health.
        if !knownRefusals.contains("\(operation.kind) \(operation.verb) \(operation.sourceID ?? "")") {
            breaker.note(performed)
        }
        if operation.verb == .create {
            if case .full(let why) = performed { note(full: why, kind) } else { note(full: nil, kind) }
        }
        switch performed {
        case .kept: break
        case .done(let id, let resource):
            try recordDone(
                operation, try place(operation, id, else: targetID), resource, members: members, leftOut: leftOut)
        case .writtenInParts(let id, let resource, let refused, let why):
            var taken = operation
            taken.fields.removeAll { refused.contains($0.path) }
            try recordWrite(
                taken, kind, id: try place(operation, id, else: targetID), resource: resource,
                origin: try origin(of: operation))
            noteRollback(operation, refused: refused)
            try ledger.settle(
                operation, Outcome(status: .failed, reason: why + temporaryName(operation), mayBeDone: true), run: run)
        case .full(let why):
            try ledger.settle(
                operation, Outcome(status: .failed, reason: "the target has no room for it: \(why)", fate: .noRoom),
                run: run)
        case .lost(let resource, let missing):
            guard let id = targetID else { return }
            if operation.verb == .addMembers || operation.verb == .removeMembers {
                try recordMembers(operation, group: id, members: members, resource: resource, leftOut: leftOut)
            } else {
                try recordWrite(operation, kind, id: id, resource: resource, origin: try origin(of: operation))
            }
            try recordLoss(operation, group: id, missing: missing)
        case .created(let written): try recordCreate(operation, kind, written)
        case .createdInParts(let written, let refused, let why):
            try recordCreateInParts(operation, kind, written, refused: refused, why)
        case .partly(let refused, let why):
            try recordPartly(operation, targetID, members, refused: refused, why, leftOut: leftOut)
        case .found(let id, let resource, let byMark, let afterOurs):
            try recordFound(operation, kind, id: id, resource: resource, byMark: byMark, afterOurs: afterOurs)
        case .disabledInstead(let resource, let why):
            guard let id = targetID else { return }
            departed.insert(id)
            try recordWrite(operation, kind, id: id, resource: resource, origin: try origin(of: operation))
            // Disabled, and not what was planned: the delete is tried again.
            try ledger.settle(operation, Outcome(status: .failed, reason: why, mayBeDone: true), run: run)
        case .gone: try recordGone(operation, targetID)
        case .failed(let why, let failure):
            noteRollback(operation)
            if failure != .doubtful {
                let spares = failure == .withheld || care?.isHiding == true
                try forgetUncertain(operation, targetID, members, spares ? care?.earlier : nil)
            }
            try ledger.settle(
                operation,
                Outcome(
                    status: .failed, reason: why + temporaryName(operation), leftOut: leftOut,
                    mayBeDone: failure == .doubtful, fate: failure == .withheld ? .withheld : nil), run: run)
        case .conflict(let why) where operation.unit != nil:
            noteRollback(operation)
            try ledger.settle(operation, Outcome(status: .failed, reason: why + temporaryName(operation)), run: run)
        case .conflict(let why):
            try ledger.settle(
                operation, Outcome(status: operation.verb == .create ? .conflict : .failed, reason: why), run: run)
        case .unknown(let why):
            // Stays “sent” in the journal: the next run begins by settling it.
            try doubt(operation)
            try ledger.append(reason: "; the outcome is not known: \(why)", plan: operation.plan, seq: operation.seq)
            verification.unknown.append("\(operation.name): \(why)")
        case .fatal(let failure, let isOpen):
            if fatal == nil, failure.endsAtOnce { fatal = failure }
            // What certainly was not done is planned anew by the next run, from what it reads; what is open stays in
            // the journal.
            if !isOpen {
                try forgetUncertain(operation, targetID, members, care?.isHiding == true ? care?.earlier : nil)
                try ledger.settle(operation, Outcome(status: .failed, reason: "not done: \(failure)"), run: run)
            }
        }
    }

    /// Where an object is that an answer showed under another id: there, unless another record is linked to that.
    private func place(_ operation: PlannedOperation, _ id: String, else known: String?) throws -> String {
        guard let known, id != known else { return id }
        if try otherHolder(operation, id) != nil { return known }
        // Nobody is to be found in a group under the old one.
        departed.insert(known)
        return id
    }

    private func recordDone(
        _ operation: PlannedOperation, _ id: String, _ resource: [UInt8]?, members: [String], leftOut: [Int: String]
    ) throws {
        switch operation.verb {
        case .delete:
            departed.insert(id)
            try ledger.settle(operation, Outcome(status: .done, link: .drop(hasTombstone: true)), run: run)
            try ledger.forgetMembers(kind: operation.kind, target: id)
        case .dissociate:
            try ledger.settle(operation, Outcome(status: .done, link: .drop(hasTombstone: false)), run: run)
        case .addMembers, .removeMembers:
            try recordMembers(operation, group: id, members: members, resource: resource, leftOut: leftOut)
        default:
            if operation.verb == .disable { departed.insert(id) }
            try recordWrite(operation, operation.kind, id: id, resource: resource, origin: try origin(of: operation))
        }
    }

    /// Of members that were refused in part, each is told by itself.
    private func recordPartly(
        _ operation: PlannedOperation, _ group: String?, _ members: [String], refused: Set<String>, _ why: String,
        leftOut: [Int: String]
    ) throws {
        if notesMembers, let group {
            let changed = members.filter { !refused.contains($0) }
            // What was refused to come in is not there; what was refused to go still is.
            if operation.verb == .addMembers {
                try ledger.note(group: group, added: changed, removed: Array(refused))
            } else {
                try ledger.note(group: group, added: [], removed: changed)
            }
        }
        var failed = leftOut
        for member in operation.members where member.targetID.map(refused.contains) ?? false {
            failed[member.position] = why
        }
        var outcome = Outcome(status: .failed, reason: why, leftOut: failed, mayBeDone: true)
        outcome.othersAreDone = true
        try ledger.settle(operation, outcome, run: run)
    }

    private func recordGone(_ operation: PlannedOperation, _ targetID: String?) throws {
        if operation.verb == .delete {
            return try ledger.settle(
                operation,
                Outcome(
                    status: .done, reason: "was gone already", link: .drop(hasTombstone: false), fate: .goneAlready),
                run: run)
        }
        // A 404 by id is believed; where there is no list, nothing else would ever tell.
        let isUnlisted =
            target.profile.listing == .none && operation.verb != .addMembers && operation.verb != .removeMembers
        try ledger.settle(
            operation,
            Outcome(
                status: .failed,
                reason:
                    """
                    \(targetID ?? "the object") is gone from the target since it was read; the next run \
                    judges it anew
                    """,
                link: isUnlisted ? .drop(hasTombstone: false) : nil), run: run)
    }

    /// Members that certainly did not come in are not held for possibly in. Where nothing was sent, or the group hides
    /// its members, whoever an earlier run put in may be.
    private func forgetUncertain(
        _ operation: PlannedOperation, _ group: String?, _ members: [String], _ earlier: Set<String>?
    ) throws {
        guard operation.verb == .addMembers, notesMembers, let group else { return }
        try ledger.forgetUncertain(group: group, members: members.filter { earlier?.contains($0) != true })
    }

    /// Known once a look after a change of access has shown it.
    static let accessIsStored = "access is stored"

    /// Known once a look after a delete has shown that the object is gone.
    static func deletesAreDone(_ kind: ResourceKind) -> String {
        kind == .user ? "deletes are done" : "deletes of groups are done"
    }

    /// Whether a delete is looked at: it takes the access of an account that still has it, and no delete of this target
    /// was seen to be done.
    func looksAfterDelete(_ operation: PlannedOperation) throws -> Bool {
        guard operation.verb == .delete, operation.kind == .group || !operation.fields.isEmpty,
            target.profile.listing != .none
        else { return false }
        return try ledger.fact(Self.deletesAreDone(operation.kind)) == nil
    }

    /// Of a target that is not listed, or not to its end, nothing else will tell whether a write arrived: what it wrote
    /// is forgotten, and sent again. Of an element of a multi-valued attribute it stays known that there is one, as the
    /// array of what it was: it is replaced then, and not added beside the first.
    func doubt(_ operation: PlannedOperation) throws {
        guard target.profile.listing == .none || target.profile.listCap != nil,
            [.update, .disable].contains(operation.verb), let source = operation.sourceID
        else { return }
        guard let link = try ledger.link(kind: operation.kind, source: source) else { return }
        var known = Body.values(link.read ?? link.sent)
        for path in operation.fields.map(\.path) {
            known[path] = known[path].flatMap { Body.doubted(AttributePath(path), $0) }
        }
        try ledger.doubt(kind: operation.kind, source: source, known: JSONValue.object(known).canonical)
    }

    /// Said of the second half of a rename that failed: the account must not keep its temporary name unseen.
    func temporaryName(_ operation: PlannedOperation) -> String {
        guard operation.unit == operation.seq,
            let name = operation.fields.first(where: { TemporaryValue.isOne(canonical: $0.before) })?.before
        else { return "" }
        return Self.temporaryWords + name
    }

    static let temporaryWords = "; until the next run it bears the temporary value "

    /// - Parameter refused: the attributes that did not get through; nil for all.
    func noteRollback(_ operation: PlannedOperation, refused: Set<String>? = nil) {
        guard operation.unit == operation.seq else { return }
        var back = operation
        back.fields = operation.fields.filter {
            refused?.contains($0.path) ?? true && TemporaryValue.isOne(canonical: $0.before)
        }
        if !back.fields.isEmpty { rollbacks.append(back) }
    }

    func origin(of operation: PlannedOperation) throws -> LinkOrigin {
        switch operation.situation {
        case .existing: .associated
        case .known:
            try operation.targetID.flatMap { try ledger.fact(Self.wasThere(operation.kind, $0)) } != nil
                ? .takenOver : isRestoredLedger() ? .associated : .known
        default: .created
        }
    }
}
