import JSON
import Jobs
import Ledger
import Planning
import Provisioning
import SCIM

/// What was deleted is made again, as far as the ledger knows it.
extension Undoing {
    mutating func recreate(_ kind: ResourceKind, _ operation: PlannedOperation) throws {
        guard let source = operation.sourceID, let target = operation.targetID else { return }
        // It is back already: an earlier, interrupted undo made it, or a later run.
        if let link = try ledger.link(kind: kind, source: source),
            let shown = try ledger.staged(kind: kind, target: link.targetID)
        {
            // A delete that was refused, and became a disabling.
            if operation.status == .failed, link.targetID == target, shown.active == false, !operation.fields.isEmpty {
                return try restore(kind, operation, verb: .update)
            }
            // Where the ledger stands for the target, what is linked is not therefore there.
            if operation.status != .done, profile.listing == .none {
                try refuse(kind, operation, "nobody can tell whether its delete came through")
            }
            return
        }
        // Nobody can tell whether it was this run's first attempt or somebody else.
        guard operation.fate != .goneAlready else {
            return try refuse(
                kind, operation, "it was gone when the run's delete arrived; create it again where it is missed")
        }
        // Sent without an answer: where it is still there, the delete did not come through.
        if operation.status != .done, try ledger.staged(kind: kind, target: target) != nil { return }
        guard let body = try ledger.targetVersion(kind: kind, target: target, run: run) else {
            return try refuse(kind, operation, "what it was before is not in the ledger")
        }
        let fields = Self.creation(body)
        var draft = Draft(
            wave: Wave.create(kind), verb: .create, status: .planned,
            reason: "undo of run \(run): it was deleted; created again, its id will be new", fields: fields,
            name: operation.name)
        draft.takes = fields.first { $0.path == kind.nameAttribute }.flatMap { Self.value($0.after).string }.map(folded)
        draft.takesMail = fields.first { $0.path == Policy.mail }.flatMap { Policy.foldedText($0.after) }
        let mark = fields.first { $0.path == "externalId" }.flatMap { Self.value($0.after).string }
        if let holder = try ledger.stagedHolder(kind: kind, key: draft.takes, externalID: mark),
            !freed.contains("\(kind.rawValue) \(holder.key)")
        {
            return try refuse(kind, operation, "its name or externalId is by now that of the object \(holder.id)")
        }
        let isDisabled = fields.contains { $0.disables }
        try ledger.draft(draft, kind: kind, situation: isDisabled ? .leaver : .absent, source: source, target: nil)
        recreated += 1
        if kind == .group { try putBack(membersOf: target, operation) }
    }

    private static func creation(_ body: String) -> [FieldChange] {
        Body.values(body).sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }.compactMap { path, value in
            value.isNull
                ? nil
                : FieldChange(path: path, before: nil, after: Body.undoubted(AttributePath(path), value).canonical)
        }
    }

    /// The members of a group that is created again.
    private mutating func putBack(membersOf target: String, _ operation: PlannedOperation) throws {
        let was = try ledger.targetMembers(of: target, run: run)
        let missing = was.filter { $0.source == nil }.count
        try add(
            members: was.map { (source: $0.source, target: $0.source == nil ? $0.target : nil) }, of: operation,
            verb: .addMembers)
        if missing > 0 {
            notes.append(
                """
                \(counted(missing, "member")) of the group \(operation.name) is not this job's, and is put back \
                as it was
                """
            )
        }
    }
}
