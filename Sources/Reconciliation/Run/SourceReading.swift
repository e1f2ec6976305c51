import Directory
import HTTP
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
    /// Whether the target can disable a user.
    let hasActiveFlag: Bool
    let now: Double
    let permissions: Permissions
    /// The last run that was applied on a complete read.
    let baseline: Ledger.RunRecord?
    /// Told how many requests the job's turns at the source cost.
    let spent: (Int) -> Void
    /// Told of each record that is read.
    let progress: @Sendable (String, Int) -> Void

    /// Missing records that are all asked for.
    private static let mostConfirmed = 2000
    /// Of more, a sample is asked for, and the whole list must be complete twice in a row.
    private static let sample = 400
    /// Days on which complete reads must not show a record of a source that cannot be asked.
    private static let leastDays = 3

    /// What a job's share of the source amounts to.
    struct Result {
        var reading: Reading
        var scope: EffectiveScope
        /// What is there less only because the scope is another; nothing while it is the same.
        var lossByScope: SourceCount
    }

    /// Reads, or takes what a sibling has read, and stages it. Only here is the snapshot attached.
    func read() async throws -> Result {
        try await shared.alone(spent: spent) {
            defer { try? ledger.detachSnapshot() }
            return try await stageAndConfirm()
        }
    }

    private func stageAndConfirm() async throws -> Result {
        let scope = EffectiveScope(job, own: try await shared.ownScope())
        try ledger.set(baseline: baseline?.id)
        var (snapshot, evidence) = try await shared.read(path: ledger.snapshotPath, progress: progress)
        try ledger.attach(snapshot: snapshot)
        var violations: [String] = []
        // The second round follows a whole read more, which the first found necessary.
        for isLast in [false, true] {
            violations = try stage(scope, evidence)
            if violations.isEmpty, kinds.contains(.group) { violations += try await askForGroups(scope) }
            guard violations.isEmpty else { break }
            var doubts = try await confirmUnits(scope)
            if doubts.isEmpty || isLast {
                switch try await confirmAbsences(scope, isLast: isLast) {
                case .settled(let found):
                    violations = doubts + found
                    doubts = []
                case .readAgain: doubts = doubts.isEmpty ? ["again"] : doubts
                }
            }
            if doubts.isEmpty { break }
            evidence = try await shared.readAgain(progress: progress)
        }
        let loss = isChanged(scope) ? try ledger.lossByScope(namesGroups: scope.selection.namesGroups) : SourceCount()
        violations += try judgeSize(loss)
        let reading = Reading(
            incomplete: violations.isEmpty ? nil : violations.joined(separator: "; "), statement: evidence.statement,
            notes: evidence.notes)
        return Result(reading: reading, scope: scope, lossByScope: loss)
    }

    /// Whether the scope is another than the last applied run's.
    func isChanged(_ scope: EffectiveScope) -> Bool { baseline?.scope.map { $0 != scope.text } ?? false }

    private func stage(_ scope: EffectiveScope, _ evidence: ReadEvidence) throws -> [String] {
        try ledger.stageSnapshot { try staged(Self.record($0)) }
        var violations = evidence.violations
        // A refused unit or group is a matter of the jobs that list it, not of those that share the read.
        for id in (scope.selection.units ?? []) + (scope.selection.groups ?? []) {
            guard let refusal = evidence.refusals[id] else { continue }
            guard case .broken(let why) = refusal else { throw refusal }
            violations.append(why)
        }
        let unknown = try ledger.apply(scope: scope.selection).filter { evidence.refusals[$0] == nil }
        if !unknown.isEmpty {
            violations.append(
                """
                source.scope lists \(unknown.joined(separator: ", ")), which the source does not have; correct \
                the scope (it takes ids, not names)
                """
            )
        }
        return violations
    }

    private static func record(_ stored: Snapshot.Record) throws -> DirectoryRecord {
        let fields = try JSONValue(parsing: Array(stored.fields.utf8)).object ?? [:]
        return DirectoryRecord(
            kind: stored.kind, id: stored.id, fields: fields.compactMapValues(\.string), place: stored.place,
            problem: stored.problem)
    }

    private func staged(_ record: DirectoryRecord) throws -> StagedSource {
        guard let table = tables[record.kind] else { preconditionFailure("no mapping for \(record.kind)") }
        let desired = table.desired(record, now: now)
        return StagedSource(
            kind: record.kind, id: record.id, externalID: desired.externalID, name: desired.name,
            matchKey: desired.matchKey, body: desired.body, digest: desired.digest,
            active: desired.active, problem: desired.problem, note: desired.note, place: record.place,
            isProtected: table.isProtected(desired.name),
            isDisabled: record.kind == .user && MappingTable.isDisabled(record, now: now),
            flaw: desired.flaws.isEmpty ? nil : desired.flaws.joined(separator: "; "),
            lacksWhatIsNeeded: desired.lacksWhatIsNeeded, isStatusUnreadable: desired.isStatusUnreadable)
    }

    // MARK: size

    /// An empty read is never “nobody”, and neither is one without any group or membership where there were some.
    private func judgeSize(_ loss: SourceCount) throws -> [String] {
        let size = try ledger.sourceCount()
        var violations: [String] = []
        let unreadable = try ledger.unreadableStatuses()
        if unreadable.count > max(5, size.users / 100) {
            violations.append(
                """
                \(unreadable.count) users have a status or an expiry that cannot be read, such as \
                \(unreadable.example): so many are no slip of single records
                """
            )
        }
        if size.users == 0 { violations.append("the source has no user in scope; an empty read is never “nobody”") }
        guard kinds.contains(.group), let before = baseline?.count, !permissions.acceptSourceChange else {
            return violations
        }
        let flag = "--accept-source-change takes it as meant"
        if size.groups == 0, before.groups > loss.groups {
            violations.append("the source has no group, but had \(before.groups) in the last applied run; \(flag)")
        }
        if size.memberships == 0, before.memberships > loss.memberships {
            violations.append(
                "the source has no membership, but had \(before.memberships) in the last applied run; \(flag)")
        }
        return violations
    }

    // MARK: who is missing

    private enum Doubts {
        /// Nothing more can be found out; what was found speaks against the read.
        case settled([String])
        /// Only another whole read can tell.
        case readAgain
    }

    /// Whether leaving can have any consequence for a kind: only then is somebody asked for by name.
    private func mayTakeAway(_ kind: ResourceKind) -> Bool {
        job.leavers.delete != .never || kind == .user && (job.leavers.disable != .never || !hasActiveFlag)
    }

    /// Asks by name for linked records that are not in this read, or not in the scope any more, before a plan calls
    /// them leavers.
    private func confirmAbsences(_ scope: EffectiveScope, isLast: Bool) async throws -> Doubts {
        let source = try shared.directory()
        guard source.hasLookUps else { return .settled([]) }
        var found: [String] = []
        for kind in kinds where mayTakeAway(kind) {
            let all = try ledger.missingFromSource(
                kind: kind, exceptDisabled: scope.selection.isEnabledOnly, dueSince: dueSince, limit: Int.max)
            guard job.asksSource else {
                try waitForDays(kind, all.filter { !$0.isRead }.map(\.id))
                continue
            }
            let most = all.count > Self.mostConfirmed ? Self.sample : Self.mostConfirmed
            let missing = all.count > most ? Self.chosen(all, most) : all
            if all.count > most {
                if shared.completeReads < 2, !isLast { return .readAgain }
                if isChanged(scope) {
                    try ledger.note(
                        absent: all.filter { !$0.isRead }.map(\.id), kind: kind,
                        reason: "no longer in what the job reads", isByScope: true)
                }
            }
            var hidden: [String] = []
            let absent = try await absentTogether(kind, missing.filter { !$0.isRead }.map(\.id))
            var isWitnessed = !absent.isEmpty
            for (id, isRead) in missing {
                let answer: Answer<Finding?> = absent.contains(id) ? .success(.gone) : try await finding(kind, id)
                if case .success(.gone?) = answer, !isWitnessed {
                    // “Not there” is believed of a side that in this read answers for something that is there.
                    guard let doubt = try await witness(kind) else {
                        isWitnessed = true
                        found += try judge(kind, id, isRead, source, &hidden)
                        continue
                    }
                    found.append("\(id) is not in the list of \(kind.plural) any more, and \(doubt)")
                    break
                }
                switch answer {
                case .success(.gone?): found += try judge(kind, id, isRead, source, &hidden)
                case .success(.there(let sighting)?):
                    guard let why = try await insideness(kind, sighting, scope, isRead: isRead) else {
                        if !isRead {
                            try ledger.stage(outOfScope: try staged(sighting.record), units: sighting.record.units)
                        }
                        continue
                    }
                    if !isLast { return .readAgain }
                    found.append("\(id) \(why)")
                case .success(nil): break
                case .failure(let why):
                    found.append(
                        """
                        \(id) is not in the list of \(kind.plural) any more, and whether it is gone cannot be \
                        found out: \(why)
                        """
                    )
                }
                if found.count >= 5 { return .settled(found) }
            }
            if !hidden.isEmpty {
                try ledger.note(
                    absent: hidden, kind: kind, reason: "no longer in the application's provisioning scope, or gone",
                    isByScope: isChanged(scope))
            }
        }
        return .settled(found)
    }

    /// Leavers that left before this moment may be deleted now, disabled as they are.
    private var dueSince: String? {
        if case .days(let days) = job.leavers.delete { Timestamp.text(now - Double(days) * 86400) } else { nil }
    }

    private func judge(
        _ kind: ResourceKind, _ id: String, _ isRead: Bool, _ source: any DirectorySource, _ hidden: inout [String]
    ) throws -> [String] {
        if isRead { return ["\(id) is in the list of \(kind.plural), and is not found when it is asked for by name"] }
        if source.tellsGoneFromHidden { try ledger.note(goneSource: id, kind: kind) } else { hidden.append(id) }
        return []
    }

    /// Some of many, the same ones for the same baseline, and spread over all of them.
    private static func chosen(_ all: [(id: String, isRead: Bool)], _ count: Int) -> [(id: String, isRead: Bool)] {
        Array(
            all.map { (entry: $0, order: Digest.hexadecimal($0.id)) }.sorted { $0.order < $1.order }.prefix(count).map(
                \.entry))
    }

    /// Asks for many at once, where the source has such a question, each time with a witness that is there. Returns
    /// those that are not.
    private func absentTogether(_ kind: ResourceKind, _ ids: [String]) async throws -> Set<String> {
        guard ids.count > 2, let witness = try ledger.shownRecords(kind: kind, limit: 1).first else { return [] }
        var absent: Set<String> = []
        for start in stride(from: 0, to: ids.count, by: 99) {
            let some = Array(ids[start..<min(start + 99, ids.count)])
            do {
                // Whoever is there is looked at alone, to see what it left.
                guard let present = try await shared.present(kind, some + [witness]), present.contains(witness) else {
                    return []
                }
                absent.formUnion(Set(some).subtracting(present))
            } catch let failure as DirectoryFailure {
                if case .cancelled = failure { throw failure }
                return []
            }
        }
        return absent
    }

    /// Why “not there” is not believed; nil once the source has found something that it has just listed.
    private func witness(_ kind: ResourceKind) async throws -> String? {
        var asked: [String] = []
        for other in [kind, kind == .user ? .group : .user] {
            for id in try ledger.shownRecords(kind: other, limit: 3) {
                if case .success(.there?) = try await finding(other, id) { return nil }
                asked.append(id)
            }
        }
        return asked.isEmpty
            ? "nothing is left in the list that the source could be asked for"
            : "neither is \(asked[0]) found by its id, which the list has just shown: such an answer is not believed"
    }

    /// A source that cannot be asked is believed once complete reads on enough days have not shown a record.
    private func waitForDays(_ kind: ResourceKind, _ missing: [String]) throws {
        let day = String(Timestamp.text(now).prefix(10))
        let open = try ledger.unconfirmed(kind: kind, missing, day: day, least: Self.leastDays)
        try ledger.note(
            absent: open, kind: kind,
            reason:
                """
                the source is not asked (source.lookUps: none), and complete reads on \(Self.leastDays) different \
                days have to miss it
                """,
            isByScope: false,
            isUnconfirmed: true)
    }

    /// Units below the scope's that were there at the baseline and are not now are asked for by name: a tree that lacks
    /// one hides everybody in it. Returns what speaks against the tree.
    private func confirmUnits(_ scope: EffectiveScope) async throws -> [String] {
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
    private func above(_ unit: String) async throws -> Answer<[String]?> {
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

    private typealias Answer<Value> = Swift.Result<Value, DirectoryFailure>

    /// An answer that says nothing is no reason to stop, and none to believe that somebody is gone.
    private func finding(_ kind: ResourceKind, _ id: String) async throws -> Answer<Finding?> {
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
    private func insideness(_ kind: ResourceKind, _ sighting: Sighting, _ scope: EffectiveScope, isRead: Bool)
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
    private func memberOf(_ groups: Set<String>, _ user: String) async throws -> String? {
        for group in groups.sorted(by: { $0.utf8.lexicographicallyPrecedes($1.utf8) }) {
            if let why = try await shared.prove(group: group) { return "may be a member of \(group): \(why)" }
            if try shared.snapshot?.members(of: group).contains(user) ?? false {
                return "is left out of the members of \(group), and is in it when that is read again"
            }
        }
        return nil
    }

    // MARK: groups

    /// Asks for groups whose list of members may have been cut off.
    private func askForGroups(_ scope: EffectiveScope) async throws -> [String] {
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
