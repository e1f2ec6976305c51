import HTTP
import JSON
import Jobs
import Ledger
import Planning
import Provisioning
import SCIM
import SCIMTransport

/// Groups that are asked for by their ids.
extension TargetReader {
    /// Where no group of the list shows a member, either all are empty or the list leaves members out: each is asked
    /// for, unless an earlier run saw members in the list.
    func readMembersByID(_ groups: [String], listShowsMembers: Bool, isBare: Bool, _ reading: inout Reading)
        async throws
    {
        if listShowsMembers, !isBare { return try ledger.learn("members", Profile.MemberReading.inList.rawValue) }
        guard
            try isBare
                || target.profile.memberReading.contains(.byID)
                    && ledger.fact("members") != Profile.MemberReading.inList.rawValue
        else { return }
        var found = false
        for group in groups {
            guard try ledger.concerns(targetGroup: group) else { continue }
            let ids: [String]
            do {
                let (found, nested) = try target.connection.read(try await target.get(.group, group)) {
                    ($0.members?.users ?? [], Rights.ofGroup($0))
                }
                if let nested { try ledger.note(rights: nested, ofGroup: group) }
                ids = found
            } catch let failure as SCIMFailure {
                if case .notFound = failure { continue }
                // One group that cannot be read keeps nobody's account from being disabled.
                guard failure.isOfThePage || failure == .tooLarge || failure.isForbidden,
                    reading.unseenGroups.count < Self.mostUnseen
                else { throw failure }
                reading.unseenGroups.append((group, "\(failure)"))
                continue
            }
            if !ids.isEmpty {
                found = true
                try ledger.stage(targetMembers: ids, of: group)
            }
        }
        if found, !isBare { try ledger.learn("members", Profile.MemberReading.byID.rawValue) }
    }

    /// Asks for groups by their ids: a list may have cut their members off. What the list showed is kept, so that a
    /// quiet night asks nothing.
    /// Returns whether one of them shows others.
    @discardableResult
    func askForGroups(_ groups: [String], isRepeated: Bool = false, _ reading: inout Reading) async throws -> Bool {
        var cut: [String] = []
        var failed: Set<String> = []
        for group in groups {
            let ids: [String]?
            do {
                let (found, nested) = try target.connection.read(try await target.get(.group, group)) {
                    ($0.members?.users, Rights.ofGroup($0))
                }
                if let nested { try ledger.note(rights: nested, ofGroup: group) }
                ids = found
            } catch let failure as SCIMFailure {
                if failure.endsAtOnce, !failure.isForbidden { throw failure }
                failed.insert(group)
                // What was once found cut is not believed to be whole because nobody could look.
                if try ledger.isCut(.target, group: group) {
                    reading.unseenGroups.append((group, "its list of members is cut off, and \(failure)"))
                }
                continue
            } catch let error as JSONSyntaxError {
                failed.insert(group)
                if try ledger.isCut(.target, group: group) {
                    reading.unseenGroups.append((group, "its list of members is cut off, and \(error)"))
                }
                continue
            }
            guard let ids else { continue }
            let listed = Set(try ledger.stagedMembers(ofGroup: group))
            // What shows fewer than the list is no better witness than the list.
            guard !listed.isSuperset(of: ids) else {
                try ledger.noteCut(.target, group: group, isCut: false)
                continue
            }
            if !isRepeated { try ledger.noteShownMembers(.target, only: group) }
            cut.append(group)
            try ledger.noteCut(.target, group: group, isCut: true)
            try ledger.restage(targetMembers: ids, of: group)
        }
        if !isRepeated { try ledger.noteShownMembers(.target, except: failed.union(cut)) }
        if let first = cut.first {
            reading.notes.append(
                """
                the list cuts the members of \(counted(cut.count, "group")) off, such as \(first): each is asked \
                for by its id
                """
            )
        }
        return !cut.isEmpty
    }

    /// Groups that may be closed to a look; with more it is the target that fails.
    static let mostUnseen = 20
}
