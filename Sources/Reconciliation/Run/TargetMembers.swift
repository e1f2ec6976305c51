import HTTP
import JSON
import Jobs
import Ledger
import Planning
import Provisioning
import SCIM
import SCIMTransport

/// The members of groups, where the list does not show them.
extension TargetReader {
    /// Reads memberships by filter, over the groups or over the users, whichever are fewer requests. The filter over
    /// groups is believed only once it agreed with the other, and given up for good when the platform refuses it.
    func readMembersByFilter(usersAreRead: Bool, _ reading: inout Reading) async throws {
        let known = try ledger.fact("groups.value")
        let (groups, users) = try ledger.membershipReadCost(
            pageSize: target.capabilities.pageSize, usersAreRead: usersAreRead)
        if known != "refused", groups <= users {
            var trust = FilterTrust.refused
            do {
                trust = try await readMembersOfGroups(isProven: known == "agrees", usersAreRead: usersAreRead)
            } catch let failure as SCIMFailure {
                switch failure {
                case .rejected, .unsupported, .notFound: break
                default: throw failure
                }
            }
            if trust == .proven {
                reading.membersAreWhole = true
                return
            }
            if trust == .refused { try ledger.learn("groups.value", "refused") }
            try ledger.forgetStagedMembers()
        }
        var last = Int64(0)
        while case let batch = try ledger.concernedTargets(kind: .user, isRead: usersAreRead, after: last, limit: 500),
            let end = batch.last
        {
            last = end.object
            for user in batch.map(\.id) {
                for group in try await target.ids(.group, filter: Filter.equal("members.value", user)) {
                    try ledger.stage(targetMembers: [user], of: group)
                }
            }
        }
    }

    enum FilterTrust { case proven, unproven, refused }

    /// Unproven: nobody was there to prove the filter by, and an empty answer proves nothing.
    func readMembersOfGroups(isProven: Bool, usersAreRead: Bool) async throws -> FilterTrust {
        var isProven = isProven
        var last = Int64(0)
        while case let batch = try ledger.concernedTargets(kind: .group, isRead: true, after: last, limit: 500),
            let end = batch.last
        {
            last = end.object
            for group in batch.map(\.id) {
                let members = try await target.ids(.user, filter: Filter.equal("groups.value", group))
                if !isProven, let member = members.first {
                    guard try await target.ids(.group, filter: Filter.equal("members.value", member)).contains(group)
                    else { return .refused }
                    if let other = try ledger.concernedTarget(kind: .user, isRead: usersAreRead, exceptAmong: members) {
                        guard
                            try await !target.ids(.group, filter: Filter.equal("members.value", other)).contains(group)
                        else { return .refused }
                        try ledger.learn("groups.value", "agrees")
                        isProven = true
                    }
                }
                try ledger.stage(targetMembers: members, of: group)
            }
        }
        return isProven ? .proven : .unproven
    }
}
