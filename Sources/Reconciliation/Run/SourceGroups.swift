import Directory
import HTTP
import JSON
import Jobs
import Ledger
import SCIM

/// Groups of the source whose lists may be cut, and the proof that removals from them need.
extension SourceReader {
    // MARK: groups

    /// Asks for groups whose list of members may have been cut off.
    func askForGroups(_ scope: EffectiveScope) async throws -> [String] {
        guard try shared.directory().mayCutMembers, job.asksSource else { return [] }
        var kept: Set<String> = []
        var hasMore = false
        for group in try ledger.groupsToAsk(.source) {
            kept.insert(group)
            let answer: (members: [String], violations: [String])?
            do { answer = try await shared.members(of: group) } catch let failure as DirectoryFailure {
                if case .cancelled = failure { throw failure }
                // A list that was once found cut is not believed because nobody could look.
                if try ledger.isCut(.source, group: group) {
                    return ["members of \(group): the list cuts them off, and \(failure)"]
                }
                continue
            }
            guard let (members, violations) = answer else { continue }
            if let violation = violations.first {
                if try ledger.isCut(.source, group: group) {
                    return ["members of \(group): the list cuts them off, and \(violation)"]
                }
                continue
            }
            let listed = Set(try ledger.stagedSourceMembers(ofGroup: group))
            try ledger.noteShownMembers(.source, only: group)
            let isCut = !listed.isSuperset(of: members)
            try ledger.noteCut(.source, group: group, isCut: isCut)
            guard isCut else { continue }
            hasMore = true
            try ledger.restage(members: Set(members).union(listed).sorted(), of: group)
        }
        try ledger.noteShownMembers(.source, except: kept)
        // Whoever is in scope by a group may have come with it.
        if hasMore { _ = try ledger.apply(scope: scope.selection) }
        return []
    }

    /// Reads groups again from which the plan takes members, where their lists were longer than a page, and plans anew
    /// until every such list was read twice alike. Returns the groups whose lists never were, and why.
    ///
    /// - Parameter draft: drafts the memberships from what is staged.
    func proveGroups(_ draft: () throws -> Void) async throws -> [(group: String, why: String)] {
        var proven: [String: String?] = [:]
        try draft()
        if !job.asksSource, try shared.directory().mayCutMembers { return [] }
        for _ in 1...3 {
            let losing = try ledger.groupsLosingMembers().filter { proven[$0] == nil }
            if losing.isEmpty { break }
            for group in losing {
                let (why, members) = try await shared.alone(spent: spent) {
                    try await (shared.prove(group: group), shared.snapshot?.members(of: group))
                }
                proven[group] = .some(why)
                // This group's alone: a sibling may have read the rest once more since this job took its share.
                if why == nil, let members { try ledger.restage(members: members, of: group) }
            }
            try ledger.dropMembershipDrafts()
            try draft()
        }
        for group in try ledger.groupsLosingMembers() where proven[group] == nil {
            proven[group] = "its members were read once only"
        }
        return proven.compactMap { group, why in why.map { (group, $0) } }.sorted {
            $0.group.utf8.lexicographicallyPrecedes($1.group.utf8)
        }
    }
}
