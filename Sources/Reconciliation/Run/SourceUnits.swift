import Directory
import HTTP
import JSON
import Jobs
import Ledger
import SCIM

/// What the source says of records that left a scope: units, groups, and who is inside.
extension SourceReader {
    /// Units below the scope's that were there at the baseline and are not now are asked for by name: a tree that lacks
    /// one hides everybody in it. Returns what speaks against the tree.
    func confirmUnits(_ scope: EffectiveScope) async throws -> [String] {
        guard job.asksSource, let roots = scope.selection.units, scope.selection.includesUnitsBelow,
            try shared.directory().hasLookUps, mayTakeAway(.user)
        else { return [] }
        var children: [String: [String]] = [:]
        for unit in try ledger.unitsAtBaseline() {
            if let parent = unit.parent { children[parent, default: []].append(unit.id) }
        }
        let present = try ledger.resolvedScope().units
        var open = roots
        var seen: Set<String> = []
        var found: [String] = []
        while let unit = open.popLast() {
            guard seen.insert(unit).inserted, found.count < 5 else { continue }
            open += children[unit] ?? []
            guard !present.contains(unit) else { continue }
            switch try await above(unit) {
            case .success(let path?) where !Set(roots).isDisjoint(with: path):
                found.append(
                    """
                    organizational unit \(unit) is missing from the list of units, and is there when it is asked \
                    for by name
                    """
                )
            case .success: break
            case .failure(let why):
                found.append(
                    """
                    organizational unit \(unit) is not in the list of units any more, and whether it is gone \
                    cannot be found out: \(why)
                    """
                )
            }
        }
        return found
    }

    /// The units above one, itself first; nil for one that does not exist or that the application may not see.
    func above(_ unit: String) async throws -> Answer<[String]?> {
        do {
            guard case let found?? = try await shared.unit(unit), let path = try await shared.ancestry(of: found.id)
            else { return .success(nil) }
            return .success(path)
        } catch let failure as DirectoryFailure {
            switch failure {
            case .cancelled: throw failure
            case .credentials where try !shared.directory().tellsGoneFromHidden: return .success(nil)
            default: return .failure(failure)
            }
        }
    }

    typealias Answer<Value> = Swift.Result<Value, DirectoryFailure>

    /// An answer that says nothing is no reason to stop, and none to believe that somebody is gone.
    func finding(_ kind: ResourceKind, _ id: String) async throws -> Answer<Finding?> {
        do {
            return .success(try await shared.find(kind, id))
        } catch let failure as DirectoryFailure {
            if case .cancelled = failure { throw failure }
            return .failure(failure)
        }
    }

    /// Why a record that was found by name should have been in what was read; nil when it is rightly not.
    ///
    /// - Parameter isRead: whether the record came, only not in the scope.
    func insideness(_ kind: ResourceKind, _ sighting: Sighting, _ scope: EffectiveScope, isRead: Bool)
        async throws -> String?
    {
        let selection = scope.selection
        let leftOut = "is left out of the list of \(kind.plural), and is there when it is asked for by name"
        guard kind == .user else {
            let isWanted =
                selection.groups?.contains(sighting.record.id) ?? (selection.allGroups || selection.units == nil)
            return isWanted ? leftOut : nil
        }
        if !isRead, shared.coversAllUsers { return leftOut }
        let resolved = try ledger.resolvedScope()
        if !resolved.groups.isEmpty {
            if let groups = sighting.groups {
                if !resolved.groups.isDisjoint(with: groups) {
                    return "is left out of the members of its group, and is in it when it is asked for by name"
                }
            } else if let why = try await memberOf(resolved.groups, sighting.record.id) {
                return why
            }
        }
        guard let roots = selection.units else { return nil }
        if sighting.record.units.isEmpty {
            return "does not show its organizational units, so whether it left the scope cannot be found out"
        }
        for unit in sighting.record.units {
            if resolved.units.contains(unit) {
                return
                    "is left out of the users of organizational unit \(unit), and is in it when it is asked for by name"
            }
            guard selection.includesUnitsBelow else { continue }
            switch try await above(unit) {
            case .success(let path?) where !Set(roots).isDisjoint(with: path):
                return
                    "is in organizational unit \(unit), which is below the scope's and missing from the list of units"
            case .success: break
            case .failure(let why):
                return "is in organizational unit \(unit), and where that is cannot be found out: \(why)"
            }
        }
        return nil
    }

    /// Where a user's record does not name its groups, those of the scope are read again.
    func memberOf(_ groups: Set<String>, _ user: String) async throws -> String? {
        for group in groups.sorted(by: { $0.utf8.lexicographicallyPrecedes($1.utf8) }) {
            if let why = try await shared.prove(group: group) { return "may be a member of \(group): \(why)" }
            if try shared.snapshot?.members(of: group).contains(user) ?? false {
                return "is left out of the members of \(group), and is in it when that is read again"
            }
        }
        return nil
    }
}
