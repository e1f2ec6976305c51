import Foundation
import JSON
import Ledger
import Planning
import Provisioning
import SCIM
import SCIMTransport

/// Members that come into a group and leave it, also where a server refuses some of them.
extension Sender {
    /// Adds or removes members; when the target refuses them together, by halves, so that one bad member does not keep
    /// the others out, or in.
    func changeMembers(of group: String, _ members: [String], isAdding: Bool, _ care: GroupCare?)
        async throws(SCIMFailure) -> Performed
    {
        if !isAdding, let care, care.isOneByOne, members.count > 1 {
            return try await removeOneByOne(group, members, care)
        }
        do {
            return .done(id: group, resource: try await send(group, members, isAdding, care).resource)
        } catch {
            guard case .rejected = error, !error.wasNeverSent, members.count > 1 else { throw error }
        }
        return try await byHalves(group, members, isAdding, care)
    }

    private func send(_ group: String, _ part: [String], _ isAdding: Bool, _ care: GroupCare?)
        async throws(SCIMFailure) -> SCIMTarget.Written
    {
        try await target.changeMembers(
            of: group, add: isAdding ? part : [], remove: isAdding ? [] : part, members: care?.put)
    }

    /// Where this target has lost members over removals: each is looked at, and the first loss ends them.
    private func removeOneByOne(_ group: String, _ members: [String], _ care: GroupCare)
        async throws(SCIMFailure) -> Performed
    {
        var stays = Set(care.stays).union(members)
        var last: Performed = .done(id: group, resource: nil)
        var refused: Set<String> = []
        var reason = ""
        var hasTaken = false
        for member in members {
            do {
                let written = try await send(group, [member], false, care)
                hasTaken = true
                stays.remove(member)
                var own = care
                own.stays = Array(stays)
                last = await compared(.done(id: group, resource: written.resource), group, own)
                if case .lost = last { return last }
            } catch {
                // What keeps one back keeps all of them back.
                if error.wasNeverSent, !hasTaken { throw error }
                guard case .rejected = error else {
                    if hasTaken {
                        return error.isFatal
                            ? .fatal(error, isOpen: true)
                            : .unknown("a part of the members was removed; then: \(error)")
                    }
                    throw error
                }
                refused.insert(member)
                reason = "\(error)"
            }
        }
        if refused.isEmpty { return last }
        return .partly(
            refused: refused,
            """
            the target refuses to remove \(refused.count) of \(members.count) members, such as \
            \(refused.min() ?? ""), and removed the others: \(reason)
            """
        )
    }

    private func byHalves(_ group: String, _ members: [String], _ isAdding: Bool, _ care: GroupCare?)
        async throws(SCIMFailure) -> Performed
    {
        var refused: [String] = []
        var reason = ""
        var hasTaken = false
        var pending = [Array(members[..<(members.count / 2)]), Array(members[(members.count / 2)...])]
        while let part = pending.popLast() {
            do {
                _ = try await send(group, part, isAdding, care)
                hasTaken = true
            } catch {
                guard case .rejected = error else {
                    // Not “not done”: a part of it was.
                    if hasTaken, error.isFatal { return .fatal(error, isOpen: true) }
                    if hasTaken {
                        return .unknown("a part of the members was \(isAdding ? "added" : "removed"); then: \(error)")
                    }
                    throw error
                }
                reason = "\(error)"
                if part.count == 1 {
                    refused += part
                } else {
                    pending += [Array(part[..<(part.count / 2)]), Array(part[(part.count / 2)...])]
                }
            }
        }
        return refused.isEmpty
            ? .done(id: group, resource: nil)
            : .partly(
                refused: Set(refused),
                """
                the target refuses to \(isAdding ? "add" : "remove") \(refused.count) of \(members.count) \
                members, such as \(refused[0]), and \(isAdding ? "took" : "removed") the others: \(reason)
                """
            )
    }
}
