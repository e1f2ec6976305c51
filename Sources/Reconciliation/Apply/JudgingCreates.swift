import JSON
import Ledger
import Planning
import Provisioning
import SCIM

/// Whose an account is that a create brought about, or found.
extension Applier {
    /// Judges the answer to a create: it may be another record's account, or one that was there before.
    func recordCreate(_ operation: PlannedOperation, _ kind: ResourceKind, _ written: SCIMTarget.Written) throws {
        guard let id = written.id, let source = operation.sourceID else { return }
        // An id that is given out anew, while the list does not show what was linked to it, is that of a new account.
        let isNew =
            try written.status == 201 && written.age == .fresh && target.profile.listing != .none
            && !isStaged(operation.kind, id) && !linkedHere.contains(id)
        linkedHere.insert(id)
        if !isNew, let holder = try otherHolder(operation, id) {
            try ledger.note(kind: operation.kind, source: source, sharesAccountOf: holder)
            putBacks.append((kind, id, holder, written.resource))
            let reason =
                """
                shares an account with \(holder): the target answered this create with \(id), which is linked to \
                \(holder); it is not tried again until one of the two records changes
                """
            return try ledger.settle(operation, Outcome(status: .conflict, reason: reason, mayBeDone: true), run: run)
        }
        let there = try ledger.staged(kind: operation.kind, target: id)
        // An address alone says that something is there, and nothing of whose it is.
        if let there, written.resource == nil, !isOf(operation, there.body, there.externalID) {
            let name = Body.values(there.body)[kind.nameAttribute]?.string ?? id
            // Should it turn up with our mark, the server has merged the two, and it was there before.
            try ledger.learn(Self.wasThere(kind, id), source)
            let reason =
                """
                the target answered this create with the address of \(name) (\(id)), which was there before and has \
                neither this record's externalId nor its name: nothing is linked, and the next run looks what it made
                """
            return try ledger.settle(operation, Outcome(status: .conflict, reason: reason, mayBeDone: true), run: run)
        }
        if let there, there.isProtected {
            let name = Body.values(there.body)[kind.nameAttribute]?.string ?? id
            try ledger.note(kind: operation.kind, source: source, sharesAccountOf: "the protected \(name)")
            let reason =
                """
                the target answered this create with \(name), which matches a protect pattern, and may have written \
                this record's values there: look at it; it does not become this record's, and the create is not \
                tried again until the record changes
                """
            return try ledger.settle(operation, Outcome(status: .conflict, reason: reason, mayBeDone: true), run: run)
        }
        if target.profile.existing == .overwrite { return try recordOverwrite(operation, kind, written, id) }
        let fresh = "creates tell their age: \(kind.singular)"
        if written.status == 201, written.age == .fresh, try ledger.fact(fresh) == nil {
            try ledger.learn(fresh, "201 with the time of the request")
            // What came before this answer is judged by it as well.
            for (earlier, name) in doubtfulCreates.removeValue(forKey: kind) ?? [] {
                try ledger.correct(origin: .takenOver, kind: kind, source: earlier)
                verification.takenOver.append(name)
            }
        }
        // On a server that never tells, an older time is no evidence: it may be its way of writing times.
        let isDoubtful = written.status == 200 || written.age == .older
        let wasThere = try isStaged(operation.kind, id) || isDoubtful && ledger.fact(fresh) != nil
        if isDoubtful, !wasThere { doubtfulCreates[kind, default: []].append((source, operation.name)) }
        try recordWrite(
            operation, kind, id: id, resource: written.resource,
            origin: wasThere ? .takenOver : try origin(of: operation))
        if wasThere { verification.takenOver.append(operation.name) }
    }

    /// Known of an object that was there before a create was answered with its address.
    static func wasThere(_ kind: ResourceKind, _ id: String) -> String { "was there: \(kind.singular) \(id)" }

    /// Whether what is there shows that it is the record's of a create.
    private func isOf(_ operation: PlannedOperation, _ body: String, _ mark: String?) -> Bool {
        func sent(_ path: String) -> String? {
            operation.fields.first { $0.path == path }?.after.flatMap {
                try? JSONValue(parsing: Array($0.utf8)).string
            }
        }
        let name = operation.kind.nameAttribute
        if let mark { return mark == sent("externalId") }
        return Body.values(body)[name]?.string.map(folded) == sent(name).map(folded)
    }

    /// Where a create takes over, a fresh time says that the account is new only of a server that has shown an older
    /// one once.
    func recordOverwrite(
        _ operation: PlannedOperation, _ kind: ResourceKind, _ written: SCIMTarget.Written, _ id: String
    ) throws {
        let tells = "take-overs tell their age: \(kind.singular)"
        if written.age == .older, try ledger.fact(tells) == nil {
            try ledger.learn(tells, "an older time than the request's")
        }
        let isCertain =
            try noHandMade && !isStaged(operation.kind, id) || written.age == .fresh && ledger.fact(tells) != nil
        try recordWrite(
            operation, kind, id: id, resource: written.resource,
            origin: isCertain && written.age != .older ? .created : .takenOver)
        if written.age == .older {
            verification.takenOver.append(operation.name)
        } else if !isCertain {
            verification.perhapsTakenOver += 1
        }
    }

    /// Another record that an object is linked to; nil also where what was linked is not there any more.
    func otherHolder(_ operation: PlannedOperation, _ id: String) throws -> String? {
        guard let holder = try ledger.holder(kind: operation.kind, target: id), holder != operation.sourceID,
            try !ledger.isAbsent(target: id, kind: operation.kind)
        else { return nil }
        return holder
    }

    func isStaged(_ kind: ResourceKind, _ id: String) throws -> Bool {
        try ledger.staged(kind: kind, target: id) != nil
    }

    /// Judges what was found where an account was to be made: by our mark it is what an earlier POST of ours, or IDaaS'
    /// own push, made. A name alone is no evidence, unless the target keeps no marks, never showed the object before,
    /// and it was made when the POST was sent.
    func recordFound(
        _ operation: PlannedOperation, _ kind: ResourceKind, id: String, resource: [UInt8], byMark: Bool,
        afterOurs: Bool
    ) throws {
        if let holder = try otherHolder(operation, id) {
            return try ledger.settle(
                operation,
                Outcome(
                    status: .conflict,
                    reason:
                        """
                        \(id) bears its name or its externalId, and is linked to \(holder): decide on the target \
                        whose it is
                        """
                ), run: run)
        }
        guard byMark else {
            let created = SCIMTarget.created(resource)
            let isOfThatTime = operation.sentAt.flatMap { sent in created.map { abs($0 - sent) <= 600 } } ?? false
            let isKnownOtherwise =
                try ledger.keepsMarks(kind: operation.kind) || ledger.wasListed(kind: operation.kind, target: id)
            guard isOfThatTime, !isKnownOtherwise else {
                let reason =
                    """
                    the outcome of its create is not known, and \(id) bears its name; nothing shows that it is \
                    ours: the next run judges it as \(kind == .user ? "an account" : "a group") that was there
                    """
                return try ledger.settle(
                    operation, Outcome(status: .conflict, reason: reason, mayBeDone: true), run: run)
            }
            return try recordWrite(
                operation, kind, id: id, resource: resource, origin: .found, isFound: true, foundBy: "name")
        }
        // Where a create takes over, what it found may be what an earlier one of ours took.
        let isDoubtful = target.profile.existing == .overwrite && !noHandMade
        // What this run's POST may have left, and is of this very time, was made by it; what is older carried our mark
        // before.
        let isMadeNow = afterOurs && SCIMTarget.created(resource).map { abs(now() - $0) <= 600 } ?? false
        // What a POST of ours may have written its mark on, and is older than that, was there before.
        let wasThere =
            (afterOurs || operation.status == .sent)
            && SCIMTarget.created(resource).map { $0 < (operation.sentAt ?? now()) - 600 } ?? false
        let origin: LinkOrigin =
            try isDoubtful || wasThere
            ? .takenOver : operation.status == .sent || isMadeNow ? .created : isRestoredLedger() ? .associated : .known
        try recordWrite(operation, kind, id: id, resource: resource, origin: origin, isFound: true)
    }

    func recordCreateInParts(
        _ operation: PlannedOperation, _ kind: ResourceKind, _ written: SCIMTarget.Written, refused: Set<String>,
        _ why: String
    ) throws {
        var taken = operation
        taken.fields.removeAll { refused.contains($0.path) }
        try recordCreate(taken, kind, written)
        guard let id = written.id, let source = operation.sourceID,
            try ledger.link(kind: operation.kind, source: source)?.targetID == id
        else { return }
        try ledger.settle(
            operation, Outcome(status: .failed, reason: "made, \(why)", mayBeDone: true), run: run)
    }
}
