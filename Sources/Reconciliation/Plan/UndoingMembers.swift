import JSON
import Jobs
import Ledger
import Planning
import Provisioning
import SCIM

/// Memberships that an undo gives back and takes back.
extension Undoing {
    mutating func members(_ operation: PlannedOperation, verb: Verb) throws {
        guard let source = operation.sourceID, !ended.contains(source) else { return }
        guard let group = try ledger.link(kind: .group, source: source)?.targetID else {
            if try !isBoundUp(operation) { try refuse(.group, operation, "the group is not linked any more") }
            return
        }
        // A long group comes in several operations, one after the other.
        if looked?.group != group { looked = (group, try ledger.stagedMembers(of: group)) }
        let now = looked?.members ?? []
        var wanted: [(source: String?, target: String?)] = []
        for member in operation.members where member.status != "failed" {
            guard let target = member.targetID else {
                if verb == .addMembers {
                    // Whose account is made again in this undo is in no group yet.
                    wanted.append((member.sourceID, nil))
                } else if let target = try givenUp(member.sourceID), now.contains(target) {
                    wanted.append((nil, target))
                }
                continue
            }
            // Where the ledger stands for the target, a removal without an answer may have come through; adding once
            // more does no harm.
            let isOpen = operation.status != .done && verb == .addMembers && profile.memberReading.contains(.ledger)
            if isOpen || now.contains(target) != (verb == .addMembers) {
                wanted.append((member.sourceID, member.sourceID == nil ? target : nil))
            }
        }
        try add(members: wanted, of: operation, verb: verb)
    }

    /// The account of somebody whom the run associated, and who is given up by now: an earlier undo did not come to the
    /// memberships.
    func givenUp(_ source: String?) throws -> String? {
        guard let source else { return nil }
        return try ledger.operations(plan: plan, kind: .user, source: source).first {
            counts($0) && $0.verb == .associate
        }?.targetID
    }

    func add(members: [(source: String?, target: String?)], of operation: PlannedOperation, verb: Verb) throws {
        var rest = members[...]
        while !rest.isEmpty {
            let chunk = Array(rest.prefix(memberChunk))
            rest = rest.dropFirst(memberChunk)
            try ledger.draft(
                Draft(
                    wave: verb == .addMembers ? Wave.addMembers : Wave.removeMembers, verb: verb, status: .planned,
                    reason:
                        """
                        undo of run \
                        \(run): \(verb == .addMembers ? "they were members before" : "they were no members before")
                        """,
                    name: operation.name),
                kind: .group, situation: .changed, source: operation.sourceID, target: operation.targetID,
                members: chunk)
        }
    }

    static func value(_ canonical: String?) -> JSONValue {
        canonical.flatMap { try? JSONValue(parsing: Array($0.utf8)) } ?? .null
    }
}
