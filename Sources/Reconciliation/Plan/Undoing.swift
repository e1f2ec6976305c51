import JSON
import Jobs
import Ledger
import Provisioning
import SCIM
import Planning

/// Turns what a run did into the operations that take it back: against what the target shows now, so that what somebody
/// has changed since stays, and what is restored already costs nothing.
struct Undoing {
    let ledger: Ledger
    let run: Int64
    let plan: Int64
    let profile: Profile
    let tables: [ResourceKind: MappingTable]
    let memberChunk: Int
    /// The kinds that the job pushes: others were not read.
    let kinds: [ResourceKind]
    /// Which changes the job may make.
    let operations: [ResourceKind: Set<Permission>]

    /// What cannot be brought back, or only under another id; for the summary.
    var notes: [String] = []
    var recreated = 0
    /// Accounts that this undo enables.
    var enabled = 0
    /// Temporary names of renames in two halves, by unit; canonical JSON.
    var between: [Int: Set<String>] = [:]
    /// Groups that this undo deletes, by source id: their memberships end with them.
    var ended: Set<String> = []
    /// The group that was looked at last, and who is in it.
    var looked: (group: String, members: Set<String>)?
    /// Objects that no list shows and no look either, by kind and id, with the reason: they are left as they are.
    var closed: [String: String] = [:]
    /// Names that this undo frees, by kind.
    var freed: Set<String> = []

    init(
        ledger: Ledger, run: Int64, plan: Int64, profile: Profile, tables: [ResourceKind: MappingTable],
        memberChunk: Int, kinds: [ResourceKind],
        operations: [ResourceKind: Set<Permission>]
    ) {
        self.kinds = kinds
        self.operations = operations
        self.ledger = ledger
        self.run = run
        self.plan = plan
        self.profile = profile
        self.tables = tables
        self.memberChunk = memberChunk
    }

    mutating func draft() throws {
        var failed = 0
        // What frees a name comes before what may take it. Read in pieces: a run may have done as much as the directory
        // is large.
        for isDeleting in [false, true] {
            var last = 0
            while case let batch = try ledger.operations(plan: plan, after: last, limit: Self.batch),
                let end = batch.last
            {
                last = end.seq
                for operation in batch where isDeleting == (operation.verb == .delete) {
                    if !counts(operation) {
                        if operation.status == .failed { failed += 1 }
                    } else if let whole = try joined(operation) {
                        try draft(whole)
                    }
                }
            }
        }
        if failed > 0 {
            notes.append("\(counted(failed, "operation")) of run \(run) had failed, so there is nothing to take back")
        }
        if recreated > 0 { notes.append("\(counted(recreated, "deleted object")) created again, each under a new id") }
    }

    static let batch = 500

    /// Whether an operation may have changed something. What the target refused was not done, and what is like that by
    /// now is somebody else's work. A look at an undo settles nothing, and so finds what was sent without an answer.
    func counts(_ operation: PlannedOperation) -> Bool {
        operation.status == .done || operation.status == .sent || operation.status == .failed && operation.mayBeDone
    }

    /// Whether an operation is one of those that an undo looks at.
    func mayTakeBack(_ operation: PlannedOperation) -> Bool {
        ![.none, .link, .unlink].contains(operation.verb) && counts(operation)
    }

    /// An operation together with what belongs to it, or nil where it belongs to another: of a rename in two halves the
    /// whole counts, from what was before the first to what is after the last; whoever was disabled and given up is
    /// taken up and enabled again.
    mutating func joined(_ operation: PlannedOperation) throws -> PlannedOperation? {
        if let unit = operation.unit {
            let parts = try ledger.operations(plan: plan, unit: unit).filter(counts)
            guard var whole = parts.first, whole.seq == operation.seq else { return nil }
            for field in parts.dropFirst().flatMap(\.fields) {
                guard let place = whole.fields.firstIndex(where: { $0.path == field.path }) else {
                    whole.fields.append(field)
                    continue
                }
                if let name = whole.fields[place].after { between[unit, default: []].insert(name) }
                whole.fields[place].after = field.after
            }
            // As sure as its least sure half.
            if let open = parts.first(where: { $0.status != .done }) { whole.status = open.status }
            return whole
        }
        guard [.disable, .dissociate].contains(operation.verb), let source = operation.sourceID else {
            return operation
        }
        let parts = try ledger.operations(plan: plan, kind: operation.kind, source: source).filter {
            counts($0) && [.disable, .dissociate].contains($0.verb)
        }
        guard parts.count > 1, parts.contains(where: { $0.verb == .dissociate }) else { return operation }
        guard operation.verb == .dissociate else { return nil }
        var whole = operation
        whole.fields = parts.flatMap(\.fields)
        if let open = parts.first(where: { $0.status != .done }) { whole.status = open.status }
        return whole
    }

    mutating func draft(_ operation: PlannedOperation) throws {
        let kind = operation.kind
        if [.none, .link, .unlink].contains(operation.verb) { return }
        guard kinds.contains(kind) else {
            return try refuse(kind, operation, "\(kind.plural) are outside the job's fullPush by now")
        }
        let needed: Permission = operation.verb == .create ? .delete : operation.verb == .delete ? .create : .update
        guard self.operations[kind]?.contains(needed) ?? false else {
            return try refuse(kind, operation, "operations.\(kind.plural) does not list \(needed.rawValue)")
        }
        switch operation.verb {
        case .none, .link, .unlink: break
        case .create: try uncreate(kind, operation)
        case .update, .disable: try restore(kind, operation, verb: .update)
        case .associate: try restore(kind, operation, verb: .dissociate)
        case .dissociate: try restore(kind, operation, verb: .associate)
        case .delete: try recreate(kind, operation)
        case .addMembers: try members(operation, verb: .removeMembers)
        case .removeMembers: try members(operation, verb: .addMembers)
        }
    }

    func refuse(_ kind: ResourceKind, _ operation: PlannedOperation, _ why: String) throws {
        try ledger.draft(
            Draft(
                wave: Wave.report, verb: .none, status: .held, reason: "cannot be restored: \(why)",
                heldBy: .notRestorable, name: operation.name), kind: kind,
            situation: operation.situation,
            source: operation.sourceID, target: operation.targetID)
    }

    /// Why an object is not to be written by this job.
    func objection(
        _ shown: (body: String, active: Bool?, externalID: String?, isProtected: Bool), mark: String?
    ) -> String? {
        if shown.isProtected { return "matches a protect pattern by now" }
        if let found = shown.externalID, let mark, found != mark { return "carries another owner's externalId by now" }
        return nil
    }

    /// Where an object is that is not at its id any more; nil where its mark is nowhere either.
    private func moved(_ kind: ResourceKind, _ id: String, mark: String?) throws -> String? {
        guard let mark, let holder = try ledger.stagedHolder(kind: kind, key: nil, externalID: mark), holder.id != id,
            try ledger.holder(kind: kind, target: holder.id) == nil
        else { return nil }
        return "\(id) is \(holder.id) by now; run the job, which links it there, and undo then"
    }

    /// What others have put into a group since, which ends with it.
    private func strangers(_ kind: ResourceKind, _ group: String) throws -> String {
        // Where a group must be empty first, others keep it from being deleted.
        guard kind == .group, !profile.deletion.groupsMustBeEmpty else { return "" }
        let count = try ledger.stagedMembers(of: group).filter { try ledger.holder(kind: .user, target: $0) == nil }
            .count
        return count == 0 ? "" : "; \(counted(count, "member")) that this job did not put there end with it"
    }

    mutating func uncreate(_ kind: ResourceKind, _ operation: PlannedOperation) throws {
        guard let source = operation.sourceID else { return }
        guard let link = try ledger.link(kind: kind, source: source) else {
            let mark = operation.fields.first { $0.path == "externalId" }.flatMap { Self.value($0.after).string }
            guard operation.status != .done, let mark,
                let holder = try ledger.stagedHolder(kind: kind, key: nil, externalID: mark)
            else { return }
            return try refuse(kind, operation, "nobody can tell whether the run made \(holder.id) or it was there")
        }
        switch link.origin {
        case .takenOver:
            return try refuse(
                kind, operation, "the create took over an account that was there, and what it was before is not known")
        case .created: break
        default:
            // Sent without an answer, and found by its mark: perhaps it was there before.
            try refuse(kind, operation, "nobody can tell whether the run made \(link.targetID) or found it")
            return
        }
        guard let now = try ledger.staged(kind: kind, target: link.targetID) else {
            if let why = try closed["\(kind) \(link.targetID)"] ?? moved(kind, link.targetID, mark: link.externalID) {
                try refuse(kind, operation, why)
            }
            return
        }
        if let why = objection(now, mark: link.externalID) {
            return try refuse(kind, operation, "\(link.targetID) \(why)")
        }
        freed.insert("\(kind.rawValue) \(link.matchKey)")
        if kind == .group, !profile.deletion.groupsMustBeEmpty { ended.insert(source) }
        var draft = Draft(
            wave: Wave.delete(kind), verb: .delete, status: .planned,
            reason: "undo of run \(run): it was created\(try strangers(kind, link.targetID))", name: operation.name)
        draft.frees = link.matchKey
        // Not before it has left its groups, where it must.
        if !profile.deletion.usersMustLeaveGroups {
            draft.freesMail = Body.values(now.body)[Policy.mail].flatMap { Policy.foldedText($0.canonical) }
        }
        try ledger.draft(draft, kind: kind, situation: operation.situation, source: source, target: link.targetID)
    }

    mutating func restore(_ kind: ResourceKind, _ operation: PlannedOperation, verb: Verb) throws {
        guard let source = operation.sourceID, let table = tables[kind] else { return }
        let link = try ledger.link(kind: kind, source: source)
        guard let target = link?.targetID ?? (verb == .associate ? operation.targetID : nil) else {
            // Given up already, or together with what else the run did about it.
            if verb == .update, try !isBoundUp(operation) { try refuse(kind, operation, "it is not linked any more") }
            return
        }
        guard let shown = try ledger.staged(kind: kind, target: target) else {
            let why = try closed["\(kind) \(target)"] ?? moved(kind, target, mark: link?.externalID)
            return try refuse(kind, operation, why ?? "it is gone from the target")
        }
        if let why = objection(shown, mark: link?.externalID) { return try refuse(kind, operation, "\(target) \(why)") }
        if let holder = try ledger.holder(kind: kind, target: target), holder != source {
            return try refuse(kind, operation, "\(target) is linked to \(holder) by now")
        }
        var fields = try restorable(kind, operation, shown, table)
        if fields.isEmpty, verb == .update { return }
        let disables = fields.contains { $0.disables }
        // Two decisions: it is disabled again, under the limit of that, and then given up.
        if disables, verb == .dissociate, let place = fields.firstIndex(where: { $0.path == "active" }) {
            try ledger.draft(
                Draft(
                    wave: Wave.disableUsers, verb: .disable, status: .planned,
                    reason: "undo of run \(run): back to what it was", fields: [fields.remove(at: place)],
                    name: operation.name),
                kind: kind, situation: .changed, source: source, target: target)
        }
        var draft = Draft(
            // Given up after its memberships: they are found by its link.
            wave: verb == .dissociate ? Wave.delete(kind) : disables ? Wave.disableUsers : Wave.change(kind),
            verb: disables && verb == .update ? .disable : verb, status: .planned,
            reason: verb == .dissociate
                ? "undo of run \(run): it was associated, and is given up again"
                : "undo of run \(run): back to what it was", fields: fields, name: operation.name)
        if let name = fields.first(where: { $0.path == kind.nameAttribute }) {
            draft.takes = Self.value(name.after).string.map(folded)
            draft.frees = Self.value(name.before).string.map(folded)
            if let name = draft.frees { freed.insert("\(kind.rawValue) \(name)") }
        }
        if verb != .dissociate, let mail = fields.first(where: { $0.path == Policy.mail }) {
            draft.takesMail = Policy.foldedText(mail.after)
            draft.freesMail = Policy.foldedText(mail.before)
        }
        // Enabled again it is no disabled leaver any more; disabled again it may be one.
        let enables = fields.contains { $0.enables }
        if enables { enabled += 1 }
        let situation: Situation =
            verb == .associate
            ? .existing : enables ? .returned : disables && operation.situation == .returned ? .leaver : .changed
        try ledger.draft(draft, kind: kind, situation: situation, source: source, target: target)
    }

    /// What is to be written so that an object is again as it was before an operation; what somebody has changed since,
    /// or the platform does not let change, is told.
    private mutating func restorable(
        _ kind: ResourceKind, _ operation: PlannedOperation,
        _ shown: (body: String, active: Bool?, externalID: String?, isProtected: Bool), _ table: MappingTable
    ) throws -> [FieldChange] {
        let now = Body.values(shown.body)
        var fields: [FieldChange] = []
        var changed: [String] = []
        for field in operation.fields {
            // A flag that was not shown was not false.
            let before = field.before ?? (field.path == "active" ? "true" : nil)
            let path = AttributePath(field.path)
            let known = now[field.path] ?? (field.path == "active" ? shown.active.map { .bool($0) } : nil)
            let current = Body.undoubted(path, known ?? .null)
            // Sent without an answer, and the ledger stands for what is there: whichever of the two it is, it is set to
            // what it was.
            if operation.status != .done, isDoubted(path, known),
                !(profile.immutable[kind]?.contains(field.path) ?? false)
            {
                fields.append(FieldChange(path: field.path, before: field.after, after: before))
                continue
            }
            if table.isEqual(field.path, Self.value(before), current) { continue }
            // The second half of a rename may not have come through.
            let isBetween = operation.unit.flatMap { between[$0] }?.contains(current.canonical) ?? false
            guard isBetween || table.isEqual(field.path, Self.value(field.after), current) else {
                changed.append("\(field.path) is \(current.canonical) by now")
                continue
            }
            if profile.immutable[kind]?.contains(field.path) ?? false {
                changed.append("\(profile.displayName) never changes \(field.path)")
                continue
            }
            fields.append(
                FieldChange(path: field.path, before: current.isNull ? nil : current.canonical, after: before))
        }
        if !changed.isEmpty {
            try refuse(
                kind, operation,
                """
                \(fields.isEmpty ? "" : "not all of it: ")somebody changed it since, or the platform does not let \
                it: \(changed.joined(separator: ", "))
                """
            )
        }
        return fields
    }

    /// Whether the run also made, ended, took or gave up the operation's object: that decides then.
    func isBoundUp(_ operation: PlannedOperation) throws -> Bool {
        guard let source = operation.sourceID else { return false }
        return try ledger.operations(plan: plan, kind: operation.kind, source: source).contains {
            counts($0) && [.create, .delete, .associate, .dissociate].contains($0.verb)
        }
    }

    /// Whether nobody knows what an attribute is, since the ledger is all that tells.
    func isDoubted(_ path: AttributePath?, _ known: JSONValue?) -> Bool {
        guard profile.listing == .none || profile.listCap != nil else { return false }
        return known.map { path?.type != nil && $0.array != nil } ?? true
    }
}
