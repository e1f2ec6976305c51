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
            if operation.verb == .delete, try ledger.fact(Self.deletesAreDone) == nil {
                try ledger.learn(Self.deletesAreDone, "a look after a delete has shown it")
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
                try recordWrite(operation, kind, id: id, resource: resource, origin: try origin(of: operation))
            }
        case .writtenInParts(let id, let resource, let refused, let why):
            var taken = operation
            taken.fields.removeAll { refused.contains($0.path) }
            try recordWrite(taken, kind, id: id, resource: resource, origin: try origin(of: operation))
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
        case .partly(let refused, let why):
            if notesMembers, let targetID {
                let changed = members.filter { !refused.contains($0) }
                // What was refused to come in is not there; what was refused to go still is.
                if operation.verb == .addMembers {
                    try ledger.note(group: targetID, added: changed, removed: Array(refused))
                } else {
                    try ledger.note(group: targetID, added: [], removed: changed)
                }
            }
            try ledger.settle(
                operation, Outcome(status: .failed, reason: why, leftOut: leftOut, mayBeDone: true), run: run)
        case .found(let id, let resource, let byMark, let afterOurs):
            try recordFound(operation, kind, id: id, resource: resource, byMark: byMark, afterOurs: afterOurs)
        case .disabledInstead(let resource, let why):
            guard let id = targetID else { return }
            departed.insert(id)
            try recordWrite(operation, kind, id: id, resource: resource, origin: try origin(of: operation))
            // Disabled, and not what was planned: the delete is tried again.
            try ledger.settle(operation, Outcome(status: .failed, reason: why, mayBeDone: true), run: run)
        case .gone:
            if operation.verb == .delete {
                try ledger.settle(
                    operation,
                    Outcome(
                        status: .done, reason: "was gone already", link: .drop(hasTombstone: false),
                        fate: .goneAlready),
                    run: run)
            } else {
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
        case .failed(let why, let kind):
            noteRollback(operation)
            if kind != .doubtful, operation.verb == .addMembers, notesMembers, let targetID {
                try ledger.forgetUncertain(group: targetID, members: members)
            }
            try ledger.settle(
                operation,
                Outcome(
                    status: .failed, reason: why + temporaryName(operation), leftOut: leftOut,
                    mayBeDone: kind == .doubtful, fate: kind == .withheld ? .withheld : nil), run: run)
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
                if operation.verb == .addMembers, notesMembers, let targetID {
                    try ledger.forgetUncertain(group: targetID, members: members)
                }
                try ledger.settle(operation, Outcome(status: .failed, reason: "not done: \(failure)"), run: run)
            }
        }
    }

    /// Judges the answer to a create: it may be another record's account, or one that was there before.
    private func recordCreate(_ operation: PlannedOperation, _ kind: ResourceKind, _ written: SCIMTarget.Written) throws
    {
        guard let id = written.id, let source = operation.sourceID else { return }
        if let holder = try otherHolder(operation, id) {
            try ledger.note(kind: operation.kind, source: source, sharesAccountOf: holder)
            putBacks.append((kind, id, holder, written.resource))
            let reason =
                """
                shares an account with \(holder): the target answered this create with \(id), which is linked to \
                \(holder); it is not tried again until one of the two records changes
                """
            return try ledger.settle(operation, Outcome(status: .conflict, reason: reason, mayBeDone: true), run: run)
        }
        if target.profile.existing == .overwrite { return try recordOverwrite(operation, kind, written, id) }
        let fresh = "creates tell their age: \(kind.singular)"
        if written.status == 201, written.age == .fresh, try ledger.fact(fresh) == nil {
            try ledger.learn(fresh, "201 with the time of the request")
        }
        // On a server that never tells, an older time is no evidence: it may be its way of writing times.
        let wasThere =
            try isStaged(operation.kind, id)
            || (written.status == 200 || written.age == .older) && ledger.fact(fresh) != nil
        try recordWrite(
            operation, kind, id: id, resource: written.resource,
            origin: wasThere ? .takenOver : try origin(of: operation))
        if wasThere { verification.takenOver.append(operation.name) }
    }

    /// Where a create takes over, a fresh time says that the account is new only of a server that has shown an older
    /// one once.
    private func recordOverwrite(
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
    private func otherHolder(_ operation: PlannedOperation, _ id: String) throws -> String? {
        guard let holder = try ledger.holder(kind: operation.kind, target: id), holder != operation.sourceID,
            try !ledger.isAbsent(target: id, kind: operation.kind)
        else { return nil }
        return holder
    }

    private func isStaged(_ kind: ResourceKind, _ id: String) throws -> Bool {
        try ledger.staged(kind: kind, target: id) != nil
    }

    /// Judges what was found where an account was to be made: by our mark it is what an earlier POST of ours, or IDaaS'
    /// own push, made. A name alone is no evidence, unless the target keeps no marks, never showed the object before,
    /// and it was made when the POST was sent.
    private func recordFound(
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
        let origin: LinkOrigin =
            try isDoubtful
            ? .takenOver : operation.status == .sent || isMadeNow ? .created : isRestoredLedger() ? .associated : .known
        try recordWrite(operation, kind, id: id, resource: resource, origin: origin, isFound: true)
    }

    /// Known once a look after a change of access has shown it.
    static let accessIsStored = "access is stored"

    /// Known once a look after a delete has shown that the account is gone.
    static let deletesAreDone = "deletes are done"

    /// Whether a delete is looked at: it takes the access of an account that still has it, and no delete of this target
    /// was seen to be done.
    func looksAfterDelete(_ operation: PlannedOperation) throws -> Bool {
        guard operation.verb == .delete, operation.kind == .user, !operation.fields.isEmpty,
            target.profile.listing != .none
        else { return false }
        return try ledger.fact(Self.deletesAreDone) == nil
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
    private func noteRollback(_ operation: PlannedOperation, refused: Set<String>? = nil) {
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
        case .known: try isRestoredLedger() ? .associated : .known
        default: .created
        }
    }

    /// Records an attribute write: the link, and what the answer shows of it.
    func recordWrite(
        _ operation: PlannedOperation, _ kind: ResourceKind, id: String, resource: [UInt8]?, origin: LinkOrigin,
        isFound: Bool = false, foundBy: String = "externalId"
    ) throws {
        guard let source = operation.sourceID, let table = tables[kind] else { return }
        let previous = try ledger.link(kind: operation.kind, source: source)
        let desired = try ledger.desired(kind: operation.kind, source: source)
        // A value that was sent before, and answered as if it were stored, is not believed on an answer alone: it is
        // looked at.
        let before = Body.values(previous?.sent)
        let tries = try tries(operation)
        let isRepeated =
            operation.verb != .create && !isFound
            && (!tries.isEmpty
                || operation.fields.contains { field in
                    field.after != nil && before[field.path]?.canonical == field.after
                })
        // The first change of access that a target takes is looked at as well: an answer may only repeat what was sent.
        let isUntried =
            try operation.verb != .create && !isFound && kind == .user
            && operation.fields.contains { $0.path == "active" } && ledger.fact(Self.accessIsStored) == nil
        let mayLook = target.profile.listing != .none && operation.verb != .create && !isFound
        var resource = mayLook && (isRepeated || isUntried) ? nil : resource
        // An answer that shows what was there before may be older than the write: it is looked at before it is blamed.
        if mayLook, let answer = resource, let read = try? target.connection.read(answer, { table.actual($0) }) {
            let shown = try understood(read, kind, table, operation, isLook: false)
            var probe = verification
            if probe.compare(operation, kind, table, with: shown, tries: tries).complaint != nil { resource = nil }
        }
        let actual = try resource.flatMap { try? target.connection.read($0) { table.actual($0) } }.map {
            try understood($0, kind, table, operation, isLook: false)
        }
        let values = Dictionary(operation.fields.map { ($0.path, $0.after) }) { _, last in last }
        func text(_ path: String) -> String? {
            values[path].flatMap { $0 }.flatMap { try? JSONValue(parsing: Array($0.utf8)).string }
        }
        let isLeaver = operation.situation == .leaver
        // Of a leaver, and after a restart, there is no desired record: the link then keeps what it knows.
        var link = LinkState(
            kind: operation.kind, sourceID: source, targetID: id,
            origin: previous?.targetID == id ? previous?.origin ?? origin : origin,
            status: isLeaver ? .disabled : .active,
            // What was found bears its own name, which may be an older one.
            externalID: (isFound ? actual?.externalID : nil) ?? text("externalId") ?? previous?.externalID
                // What was recognised by its mark carries it, whatever this write is about.
                ?? (operation.situation == .known ? desired?.externalID : nil),
            matchKey: (isFound ? actual?.matchKey : nil) ?? text(kind.nameAttribute).map(folded) ?? previous?.matchKey
                ?? folded(operation.name),
            sent: isFound
                ? nil : sentBody(operation, table, desired: desired?.body, previous: previous?.sent, actual: actual),
            sentDigest: nil, read: actual?.body,
            readDigest: isFound ? nil : actual?.digest)
        // The digests stand for the whole record: only where all of it was sent.
        if let desired, link.sent == desired.body { link.sentDigest = desired.digest }
        if isLeaver { link.readDigest = nil }
        // Back in the source, and this write does not enable it: where the job does not map that, or the enabling came
        // to nothing, it is still disabled by this job.
        if operation.situation == .returned, values["active"] == nil, previous?.status == .disabled,
            actual?.active != true
        {
            let isRefused = try ledger.operations(plan: operation.plan, kind: operation.kind, source: source).contains {
                other in
                other.status != .done && other.fields.contains { $0.enables }
            }
            if isRefused || table.attribute("active") == nil { link.status = .disabled }
        }
        var judgement = Verification.Judgement()
        if let actual, !isFound { judgement = try judge(operation, kind, table, actual, tries) }
        let complaint = judgement.complaint
        judgement.correct(&link, kind, actual, operation.situation)
        // Identity and access are never taken for granted, whatever else agrees.
        if complaint != nil || !(actual.map { table.agreesOnCriticals(desired?.body, $0.body) } ?? false) {
            link.readDigest = nil
        }
        // The first half of a rename by way of a temporary name is over before anything is read back.
        let isHalf = operation.unit != nil && operation.unit != operation.seq
        if actual == nil, !isHalf, operation.verb != .create || resource == nil {
            verification.silent.append(.init(operation, id: id, tries: tries))
        }
        // What was found is as it was: a record that is let in and whose account is not active is not done yet.
        let isInactive = isFound && kind == .user && values["active"] == "true" && actual?.active == false
        let found =
            """
            found by its \(foundBy) on the target: linked\
            \(isInactive ? "; it is not active, and the next run enables it" : "")
            """
        let isDone = complaint == nil && !isInactive
        try ledger.settle(
            operation,
            Outcome(
                status: isDone ? .done : .failed, reason: isFound ? found : complaint, link: .set(link),
                mayBeDone: !isDone), run: run)
    }

    /// How often each attribute was accepted with this very value before, and not applied; none for a new value.
    private func tries(_ operation: PlannedOperation) throws -> [String: Int] {
        var tries: [String: Int] = [:]
        if operation.verb == .create { return tries }
        for field in operation.fields {
            guard let key = triesKey(operation, field.path),
                let known = try ledger.fact(key)?.split(separator: " ", maxSplits: 1), known.count == 2
            else { continue }
            if known[1] == field.after ?? "null" { tries[field.path] = Int(known[0]) }
        }
        return tries
    }

    private func triesKey(_ operation: PlannedOperation, _ path: String) -> String? {
        operation.sourceID.map { "ignored \(operation.kind.rawValue) \(path) \($0)" }
    }

    /// Compares what was written with what the target shows, and remembers what that teaches of the target.
    func judge(
        _ operation: PlannedOperation, _ kind: ResourceKind, _ table: MappingTable, _ actual: MappingTable.Actual,
        _ tries: [String: Int]
    ) throws -> Verification.Judgement {
        for field in operation.fields where verification.applies["\(kind.singular) \(field.path)"] == nil {
            verification.applies["\(kind.singular) \(field.path)"] =
                try ledger.fact("applies \(kind.singular) \(field.path)") != nil
        }
        if actual.externalID != nil { verification.keepsMarks.insert(kind) }
        let judgement = verification.compare(operation, kind, table, with: actual, tries: tries)
        for path in judgement.applied where verification.applies["\(kind.singular) \(path)"] == false {
            verification.applies["\(kind.singular) \(path)"] = true
            try ledger.learn("applies \(kind.singular) \(path)", "shown as it was sent")
        }
        for field in operation.fields {
            guard let key = triesKey(operation, field.path) else { continue }
            if judgement.ignored.contains(field.path) {
                try ledger.learn(key, "\((tries[field.path] ?? 0) + 1) \(field.after ?? "null")")
            } else if judgement.complaint == nil, tries[field.path] != nil {
                // Not before all is well: what else complains sends this again, and a used-up count must stay used up.
                try ledger.unlearn(key)
            }
        }
        return judgement
    }

    /// Whether this ledger was put back from a copy, and what was done since the copy is not known.
    private func isRestoredLedger() throws -> Bool { try ledger.fact(Ledger.restoredFact) != nil }

    /// What has been sent for a record so far: this operation's values, else what was sent before, else what the target
    /// has already. What is held back is not in it, so that the next run still sees it as different.
    func sentBody(
        _ operation: PlannedOperation, _ table: MappingTable, desired: String?, previous: String?,
        actual: MappingTable.Actual?
    ) -> String? {
        guard let desired else {
            // Of what the source does not have, or was not asked for, only this operation is known.
            var sent = Body.values(previous)
            for field in operation.fields {
                sent[field.path] = field.after.flatMap { try? JSONValue(parsing: Array($0.utf8)) } ?? .null
            }
            return sent.isEmpty ? previous : JSONValue.object(sent).canonical
        }
        let wanted = Body.values(desired)
        let before = Body.values(previous)
        let shown = Body.values(actual?.body)
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

    func recordMembers(
        _ operation: PlannedOperation, group: String, members: [String], resource: [UInt8]?, leftOut: [Int: String]
    ) throws {
        var complaint: String?
        var isSilent = true
        if target.showsMembers, let resource, let present = try? target.connection.read(resource, { $0.members?.users })
        {
            isSilent = false
            complaint = Verification.complaint(operation.verb, members, present: Set(present))
        }
        if notesMembers, complaint == nil {
            try ledger.note(
                group: group, added: operation.verb == .addMembers ? members : [],
                removed: operation.verb == .removeMembers ? members : [])
        }
        // What was taken and is not shown may be in all the same: it is taken out when it is to go.
        if complaint != nil, operation.verb == .addMembers {
            try ledger.note(group: group, added: members, removed: [], isCertain: false)
        }
        if complaint == nil, operation.verb == .removeMembers, !notesMembers {
            try ledger.note(group: group, added: [], removed: members)
        }
        if isSilent, target.showsMembers { verification.silent.append(.init(operation, id: group)) }
        let partial =
            leftOut.isEmpty
            ? nil : "\(leftOut.count) of \(operation.members.count) members left out: they have no account"
        let isDone = complaint == nil && leftOut.isEmpty
        try ledger.settle(
            operation,
            Outcome(
                status: isDone ? .done : .failed, reason: complaint ?? partial, leftOut: leftOut, mayBeDone: !isDone),
            run: run)
    }
}
