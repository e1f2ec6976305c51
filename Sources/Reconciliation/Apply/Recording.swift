import JSON
import Ledger
import Planning
import Provisioning
import SCIM
import SCIMTransport

/// What a write means for the link: what was sent, what was shown, and what did not stay.
extension Applier {
    /// Records an attribute write: the link, and what the answer shows of it.
    func recordWrite(
        _ operation: PlannedOperation, _ kind: ResourceKind, id: String, resource: [UInt8]?, origin: LinkOrigin,
        isFound: Bool = false, foundBy: String = "externalId"
    ) throws {
        guard let source = operation.sourceID, let table = tables[kind] else { return }
        let previous = try ledger.link(kind: operation.kind, source: source)
        let tries = try tries(operation)
        let read = resource.flatMap { try? target.connection.read($0) { table.actual($0) } }
        let isBelieved =
            try isFound || resource == nil
            || isBelieved(read, operation, kind, table, sent: previous?.sent, tries: tries)
        let resource = isBelieved ? resource : nil
        let actual = try isBelieved ? read.map { try understood($0, kind, table, operation, isLook: false) } : nil
        let desired = try ledger.desired(kind: operation.kind, source: source)
        var link = link(operation, table, id: id, origin: origin, previous, desired, actual, isFound: isFound)
        if try staysDisabled(operation, table, previous, actual) { link.status = .disabled }
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
        let enables = operation.fields.last { $0.path == "active" }?.after == "true"
        let isInactive = isFound && kind == .user && enables && actual?.active == false
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

    /// Whether the answer to a write may be believed; else only a look shows what became of the write.
    ///
    /// - Parameter read: what the answer shows; nil where nobody can read it.
    private func isBelieved(
        _ read: MappingTable.Actual?, _ operation: PlannedOperation, _ kind: ResourceKind, _ table: MappingTable,
        sent: String?, tries: [String: Int]
    ) throws -> Bool {
        guard target.profile.listing != .none else { return true }
        if operation.verb == .create { return read.map { showsWhatWasSent($0, operation) } ?? true }
        // A value that was sent before, and answered as if it were stored, is looked at.
        let before = Body.values(sent)
        let isRepeated =
            !tries.isEmpty
            || operation.fields.contains { field in
                field.after != nil && before[field.path]?.canonical == field.after
            }
        // The first change of access that a target takes is looked at as well: an answer may only repeat what was sent.
        let isUntried =
            try kind == .user && operation.fields.contains { $0.path == "active" }
            && ledger.fact(Self.accessIsStored) == nil
        if isRepeated || isUntried { return false }
        guard let read else { return true }
        // Where nothing but its name tells whose an object is, the answer to a rename is looked at: what was echoed and
        // not stored would make it a stranger's by the next night.
        let isRenamed = operation.fields.contains { $0.path == kind.nameAttribute && $0.after != nil }
        if isRenamed, read.externalID == nil, target.profile.capabilities == nil { return false }
        // An answer that shows what was there before may be older than the write: it is looked at before it is blamed.
        let shown = try understood(read, kind, table, operation, isLook: false)
        var probe = verification
        return probe.compare(operation, kind, table, with: shown, tries: tries).complaint == nil
    }

    /// Whether the answer to a create shows anything of what was sent beside the name and the mark: one that does not
    /// is no resource, and says nothing of what became of it.
    private func showsWhatWasSent(_ read: MappingTable.Actual, _ operation: PlannedOperation) -> Bool {
        let sent = operation.fields.filter {
            $0.after != nil && ![operation.kind.nameAttribute, "externalId"].contains($0.path)
        }
        guard !sent.isEmpty else { return true }
        let shown = Body.values(read.body)
        return sent.contains { shown[$0.path].map { !$0.isNull } ?? false }
    }

    /// What is known of an object after a write.
    private func link(
        _ operation: PlannedOperation, _ table: MappingTable, id: String, origin: LinkOrigin, _ previous: LinkState?,
        _ desired: Ledger.DesiredRecord?, _ actual: MappingTable.Actual?, isFound: Bool
    ) -> LinkState {
        let values = Dictionary(operation.fields.map { ($0.path, $0.after) }) { _, last in last }
        func text(_ path: String) -> String? {
            values[path].flatMap { $0 }.flatMap { try? JSONValue(parsing: Array($0.utf8)).string }
        }
        let isLeaver = operation.situation == .leaver
        let nameAttribute = operation.kind.nameAttribute
        // What moved to another id under our hands keeps how it came to us, where the name agrees as well.
        let hasMoved =
            [.update, .disable].contains(operation.verb) && !isFound && previous != nil && previous?.targetID != id
        let name = text(nameAttribute).map(folded) ?? previous?.matchKey
        let origin =
            previous?.targetID == id || hasMoved && actual?.matchKey == name
            ? previous?.origin ?? origin : hasMoved ? .associated : origin
        // Of a leaver, and after a restart, there is no desired record: the link then keeps what it knows.
        var link = LinkState(
            kind: operation.kind, sourceID: operation.sourceID ?? "", targetID: id,
            origin: origin,
            status: isLeaver ? .disabled : .active,
            // What was found bears its own name, which may be an older one.
            externalID: (isFound ? actual?.externalID : nil) ?? text("externalId") ?? previous?.externalID
                // What was recognised by its mark carries it, whatever this write is about.
                ?? (operation.situation == .known ? desired?.externalID : nil),
            matchKey: (isFound ? actual?.matchKey : nil) ?? text(nameAttribute).map(folded)
                ?? previous?.matchKey ?? folded(operation.name),
            sent: isFound
                ? nil : sentBody(operation, table, desired: desired?.body, previous: previous?.sent, actual: actual),
            sentDigest: nil, read: actual?.body,
            readDigest: isFound ? nil : actual?.digest)
        adoptDecorations(&link, operation, table, actual)
        // The digests stand for the whole record: only where all of it was sent.
        if let desired, link.sent == desired.body { link.sentDigest = desired.digest }
        if isLeaver { link.readDigest = nil }
        return link
    }

    /// Knows an object by the name and the mark that the target makes of those that were sent.
    func adoptDecorations(
        _ link: inout LinkState, _ operation: PlannedOperation, _ table: MappingTable, _ actual: MappingTable.Actual?
    ) {
        guard let actual else { return }
        let shown = Body.values(actual.body)
        for field in operation.fields {
            guard let sent = field.after.flatMap({ try? JSONValue(parsing: Array($0.utf8)) }),
                let found = shown[field.path], !table.isEqual(field.path, sent, found),
                table.attribute(field.path)?.compared.isDecoration(of: sent, found) ?? false
            else { continue }
            if field.path == "externalId" { link.externalID = actual.externalID }
            if field.path == operation.kind.nameAttribute { link.matchKey = actual.matchKey }
        }
    }

    /// Whether an account whose record is back is still disabled by this job: where the job does not map that, or the
    /// enabling came to nothing.
    private func staysDisabled(
        _ operation: PlannedOperation, _ table: MappingTable, _ previous: LinkState?, _ actual: MappingTable.Actual?
    ) throws -> Bool {
        guard operation.situation == .returned, !operation.fields.contains(where: { $0.path == "active" }),
            previous?.status == .disabled, actual?.active != true
        else { return false }
        if table.attribute("active") == nil { return true }
        // Nobody can tell whether it is let in again.
        if try ledger.isStatusUnreadable(source: operation.sourceID ?? "") { return true }
        return try ledger.operations(plan: operation.plan, kind: operation.kind, source: operation.sourceID ?? "")
            .contains { $0.status != .done && $0.fields.contains { $0.enables } }
    }

    /// How often each attribute was accepted with this very value before, and not applied; none for a new value.
    func tries(_ operation: PlannedOperation) throws -> [String: Int] {
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

    func triesKey(_ operation: PlannedOperation, _ path: String) -> String? {
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
    func isRestoredLedger() throws -> Bool { try ledger.fact(Ledger.restoredFact) != nil }

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
            try noteHiding(group, operation.verb, isHidden: complaint != nil)
        }
        if notesMembers, complaint == nil {
            try ledger.note(
                group: group, added: operation.verb == .addMembers ? members : [],
                removed: operation.verb == .removeMembers ? members : [])
        }
        // What was taken and is not shown may be in all the same: it is taken out when it is to go.
        if complaint != nil, operation.verb == .addMembers {
            try ledger.note(group: group, added: members, removed: [], isCertain: false, wasLookedAt: true)
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
