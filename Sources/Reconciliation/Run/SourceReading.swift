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
    static let mostConfirmed = 2000
    /// Of more, a sample is asked for, and the whole list must be complete twice in a row.
    static let sample = 400
    /// Days on which complete reads must not show a record of a source that cannot be asked.
    static let leastDays = 3

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

    func stageAndConfirm() async throws -> Result {
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
        let emptied = try judgeEmptied(loss)
        violations += try judgeSize() + emptied
        let reading = Reading(
            incomplete: violations.isEmpty ? nil : violations.joined(separator: "; "), statement: evidence.statement,
            isEmptied: !emptied.isEmpty && violations.count == emptied.count, notes: evidence.notes)
        return Result(reading: reading, scope: scope, lossByScope: loss)
    }

    /// Whether the scope is another than the last applied run's.
    func isChanged(_ scope: EffectiveScope) -> Bool { baseline?.scope.map { $0 != scope.text } ?? false }

    func stage(_ scope: EffectiveScope, _ evidence: ReadEvidence) throws -> [String] {
        var violations = evidence.violations
        let listed = Set(scope.selection.groups ?? [])
        try ledger.stageSnapshot {
            // Whoever is in scope through a group alone is not out of it since the group cannot be read.
            if let problem = $0.problem, $0.kind == .group, listed.contains($0.id) {
                violations.append("source.scope lists the group \($0.id), which cannot be read: \(problem)")
            }
            return try staged(Self.record($0))
        }
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

    static func record(_ stored: Snapshot.Record) throws -> DirectoryRecord {
        let fields = try JSONValue(parsing: Array(stored.fields.utf8)).object ?? [:]
        var record = DirectoryRecord(
            kind: stored.kind, id: stored.id, fields: fields.compactMapValues(\.string), place: stored.place,
            problem: stored.problem)
        record.unreadable = Set(fields.filter { $0.value.array != nil }.keys)
        return record
    }

    func staged(_ record: DirectoryRecord) throws -> StagedSource {
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

    /// An empty read is never “nobody”.
    private func judgeSize() throws -> [String] {
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
        return violations
    }

    /// A source without any group or membership where there were some, unless that is accepted.
    private func judgeEmptied(_ loss: SourceCount) throws -> [String] {
        guard kinds.contains(.group), let before = baseline?.count, !permissions.acceptSourceChange else { return [] }
        let size = try ledger.sourceCount()
        return [
            ("group", size.groups, before.groups, loss.groups),
            ("membership", size.memberships, before.memberships, loss.memberships),
        ].filter { _, now, before, loss in now == 0 && before > loss }.map { what, _, before, _ in
            """
            the source has no \(what), but had \(before) in the last applied run; --accept-source-change takes it as \
            meant
            """
        }
    }

    // MARK: who is missing

    enum Doubts {
        /// Nothing more can be found out; what was found speaks against the read.
        case settled([String])
        /// Only another whole read can tell.
        case readAgain
    }

    /// Whether leaving can have any consequence for a kind: only then is somebody asked for by name.
    func mayTakeAway(_ kind: ResourceKind) -> Bool {
        job.leavers.delete != .never || kind == .user && (job.leavers.disable != .never || !hasActiveFlag)
    }

    /// Asks by name for linked records that are not in this read, or not in the scope any more, before a plan calls
    /// them leavers.
    func confirmAbsences(_ scope: EffectiveScope, isLast: Bool) async throws -> Doubts {
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
            if let end = try await confirm(kind, missing, source, scope, isLast: isLast, &found) { return end }
        }
        return .settled(found)
    }

    /// So many doubts are told; one is enough to believe no absence.
    private static let mostDoubts = 5

    /// Asks for those of one kind; nil where the next kind is to be asked for.
    private func confirm(
        _ kind: ResourceKind, _ missing: [Ledger.MissingRecord], _ source: any DirectorySource, _ scope: EffectiveScope,
        isLast: Bool, _ found: inout [String]
    ) async throws -> Doubts? {
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
            if found.count >= Self.mostDoubts { return .settled(found) }
        }
        if !hidden.isEmpty {
            try ledger.note(
                absent: hidden, kind: kind, reason: "no longer in the application's provisioning scope, or gone",
                isByScope: isChanged(scope))
        }
        return nil
    }

    /// Leavers that left before this moment may be deleted now, disabled as they are.
    var dueSince: String? {
        if case .days(let days) = job.leavers.delete { Timestamp.text(now - Double(days) * 86400) } else { nil }
    }

    func judge(
        _ kind: ResourceKind, _ id: String, _ isRead: Bool, _ source: any DirectorySource, _ hidden: inout [String]
    ) throws -> [String] {
        if isRead { return ["\(id) is in the list of \(kind.plural), and is not found when it is asked for by name"] }
        if source.tellsGoneFromHidden { try ledger.note(goneSource: id, kind: kind) } else { hidden.append(id) }
        return []
    }

    /// Some of many, the same ones for the same baseline, and spread over all of them.
    static func chosen(_ all: [(id: String, isRead: Bool)], _ count: Int) -> [(id: String, isRead: Bool)] {
        Array(
            all.map { (entry: $0, order: Digest.hexadecimal($0.id)) }.sorted { $0.order < $1.order }.prefix(count).map(
                \.entry))
    }

    /// Asks for many at once, where the source has such a question, each time with a witness that is there. Returns
    /// those that are not.
    func absentTogether(_ kind: ResourceKind, _ ids: [String]) async throws -> Set<String> {
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
    func witness(_ kind: ResourceKind) async throws -> String? {
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
    func waitForDays(_ kind: ResourceKind, _ missing: [String]) throws {
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
}
