import Directory
import Jobs
import JSON
import Ledger
import SCIM

/// Stages a job's share of the source: maps each record, marks the scope, and judges whether the read may be believed.
struct SourceReader {
    let ledger: Ledger
    let job: Job
    let shared: SharedSource
    let tables: [ResourceKind: MappingTable]
    let kinds: [ResourceKind]
    let now: Double
    let permissions: Permissions
    /// The last run that was applied on a complete read.
    let baseline: Ledger.RunRecord?

    /// Missing users that are asked for by name; of more, the whole list must be complete twice in a row.
    private static let mostConfirmed = 200

    func read() async throws -> (reading: Reading, scope: EffectiveScope) {
        let scope = EffectiveScope(job, own: try await shared.ownScope())
        try ledger.set(baseline: baseline?.id)
        var (snapshot, evidence) = try await shared.read(path: ledger.snapshotPath)
        try ledger.attach(snapshot: snapshot)
        var violations: [String] = []
        // The second round follows a whole read more, which the first found necessary.
        for isLast in [false, true] {
            violations = try stage(scope, evidence)
            guard violations.isEmpty else { break }
            let doubts = try await confirmAbsences(scope, isLast: isLast)
            if case .settled(let found) = doubts {
                violations += found
                break
            }
            evidence = try await shared.readAgain()
        }
        violations += try judgeSize(scope)
        let reading = Reading(incomplete: violations.isEmpty ? nil : violations.joined(separator: "; "), statement: evidence.statement, notes: evidence.notes)
        return (reading, scope)
    }

    /// Whether the scope is another than the last applied run's.
    func isChanged(_ scope: EffectiveScope) -> Bool { baseline?.scope.map { $0 != scope.text } ?? false }

    private func stage(_ scope: EffectiveScope, _ evidence: ReadEvidence) throws -> [String] {
        try ledger.stageSnapshot { try staged(Self.record($0)) }
        var violations = evidence.violations
        let unknown = try ledger.apply(scope: scope.selection).filter { id in !violations.contains { $0.contains(id) } }
        if !unknown.isEmpty { violations.append("source.scope lists \(unknown.joined(separator: ", ")), which the source does not have; correct the scope") }
        return violations
    }

    private static func record(_ stored: Snapshot.Record) throws -> DirectoryRecord {
        let fields = try JSONValue(parsing: Array(stored.fields.utf8)).object ?? [:]
        return DirectoryRecord(kind: ResourceKind(rawValue: stored.kind) ?? .user, id: stored.id, fields: fields.compactMapValues(\.string), place: stored.place, problem: stored.problem)
    }

    private func staged(_ record: DirectoryRecord) throws -> StagedSource {
        guard let table = tables[record.kind] else { preconditionFailure("no mapping for \(record.kind)") }
        let desired = table.desired(record, now: now)
        return StagedSource(
            kind: record.kind.rawValue, id: record.id, externalID: desired.externalID, name: desired.name, matchKey: desired.matchKey, body: desired.body, digest: desired.digest,
            active: desired.active, problem: desired.problem, note: desired.note, place: record.place, isProtected: table.isProtected(desired.name),
            isDisabled: record.kind == .user && MappingTable.isDisabled(record, now: now))
    }

    // MARK: size

    /// An empty read is never “nobody”, and neither is one without any group or membership where there were some.
    private func judgeSize(_ scope: EffectiveScope) throws -> [String] {
        let size = try ledger.sourceCount()
        var violations: [String] = []
        if size.users == 0 { violations.append("the source has no user in scope; an empty read is never “nobody”") }
        guard kinds.contains(.group), let before = baseline?.count, !permissions.acceptSourceChange, !(isChanged(scope) && permissions.acceptScopeChange) else { return violations }
        // A scope without any group has none, and its change is judged by itself.
        let selection = scope.selection
        guard selection.groups.map({ !$0.isEmpty }) ?? (selection.allGroups || selection.units == nil) else { return violations }
        let flag = "--accept-source-change takes it as meant"
        if size.groups == 0, before.groups > 0 { violations.append("the source has no group, but had \(before.groups) in the last applied run; \(flag)") }
        if size.memberships == 0, before.memberships > 0 { violations.append("the source has no membership, but had \(before.memberships) in the last applied run; \(flag)") }
        return violations
    }

    // MARK: who is missing

    private enum Doubts {
        /// Nothing more can be found out; what was found speaks against the read.
        case settled([String])
        /// Only another whole read can tell.
        case readAgain
    }

    /// Asks by name for those who were there in the last applied run and are not in this read, before a plan calls them leavers.
    private func confirmAbsences(_ scope: EffectiveScope, isLast: Bool) async throws -> Doubts {
        let source = try shared.directory()
        guard source.hasLookUps else { return .settled([]) }
        var found: [String] = []
        for kind in kinds {
            let missing = try ledger.missingFromSource(kind: kind.rawValue, sinceBaseline: !isChanged(scope), limit: Self.mostConfirmed + 1)
            if missing.count > Self.mostConfirmed {
                if shared.completeReads < 2, !isLast { return .readAgain }
                if isChanged(scope) {
                    let all = try ledger.missingFromSource(kind: kind.rawValue, sinceBaseline: false, limit: Int.max)
                    try ledger.note(absent: all, kind: kind.rawValue, reason: "no longer in what the job reads", isByScope: true)
                }
                continue
            }
            var hidden: [String] = []
            for id in missing {
                switch try await finding(kind, id) {
                case .success(.gone?): if !source.tellsGoneFromHidden { hidden.append(id) }
                case .success(.there(let sighting)?):
                    if try isInside(kind, sighting, scope) {
                        if !isLast { return .readAgain }
                        found.append("the list of \(kind.plural) leaves out \(id), which is there when it is asked for by name")
                    } else {
                        try ledger.stage(outOfScope: try staged(sighting.record), units: sighting.record.units)
                    }
                case .success(nil): break
                case .failure(let why): found.append("\(id) is not in the list of \(kind.plural) any more, and whether it is gone cannot be found out: \(why)")
                }
                if found.count >= 5 { return .settled(found) }
            }
            if !hidden.isEmpty {
                try ledger.note(absent: hidden, kind: kind.rawValue, reason: "no longer in the application's provisioning scope, or gone", isByScope: isChanged(scope))
            }
        }
        return .settled(found)
    }

    /// An answer that says nothing is no reason to stop, and none to believe that somebody is gone.
    private func finding(_ kind: ResourceKind, _ id: String) async throws -> Result<Finding?, DirectoryFailure> {
        do {
            return .success(try await shared.find(kind, id))
        } catch let failure as DirectoryFailure {
            if case .cancelled = failure { throw failure }
            return .failure(failure)
        }
    }

    /// Whether a record that was found by name should have been in the list.
    private func isInside(_ kind: ResourceKind, _ sighting: Sighting, _ scope: EffectiveScope) throws -> Bool {
        let selection = scope.selection
        switch kind {
        case .user:
            if shared.coversAllUsers { return true }
            let resolved = try ledger.resolvedScope()
            return !resolved.units.isDisjoint(with: sighting.record.units) || !resolved.groups.isDisjoint(with: sighting.groups)
        case .group:
            if let listed = selection.groups { return listed.contains(sighting.record.id) }
            return selection.allGroups || selection.units == nil
        }
    }

    // MARK: groups

    /// Reads groups again from which the plan takes members, where their lists were longer than a page, and plans anew until
    /// every such list was read twice alike. Returns the groups whose lists never were, and why.
    ///
    /// - Parameter draft: drafts the memberships from what is staged.
    func proveGroups(_ draft: () throws -> Void) async throws -> [(group: String, why: String)] {
        var proven: [String: String?] = [:]
        try draft()
        for _ in 1...3 {
            let losing = try ledger.groupsLosingMembers().filter { proven[$0] == nil }
            if losing.isEmpty { break }
            for group in losing { proven[group] = .some(try await shared.prove(group: group)) }
            try ledger.restageMembers()
            try ledger.dropMembershipDrafts()
            try draft()
        }
        for group in try ledger.groupsLosingMembers() where proven[group] == nil { proven[group] = "its members were read once only" }
        return proven.compactMap { group, why in why.map { (group, $0) } }.sorted { $0.group.utf8.lexicographicallyPrecedes($1.group.utf8) }
    }
}
