import Foundation
import HTTP
import Jobs
import Ledger
import Planning
import SCIM

/// What holds a run before its first write: a first run that is none, limits, a source that shrank, a target that is
/// another.
extension JobRun {
    /// A ledger that is not there is no first run where the folder has copies of one; nor on a target that cannot be
    /// listed: it may be another folder's.
    func refuseUnmeantFirstRun() throws {
        guard command != "check", !permissions.firstRun, try ledger.isBlank() else { return }
        if let loss = try ledger.loss(file: job.file, now: surroundings.timestamp).map({
            "\($0); to begin anew, and to forget who is on the way out: \(typed("run", "--first-run"))"
        }) {
            // A look may be had all the same; it says what it is worth.
            if command == "plan" {
                notes.append("\(loss); until then this plan is that of a job that never ran, and is not applied")
            } else {
                throw JobFailure(.jobFile, loss)
            }
            return
        }
        guard profile.listing == .none, command != "plan", command != "undo" else { return }
        lettingGo.insert("--first-run")
        throw JobFailure(
            .jobFile,
            """
            \(profile.displayName) cannot be listed, and the ledger \
            \(ledger.path.map { URL(fileURLWithPath: $0).standardizedFileURL.path } ?? "in memory") knows nothing of \
            it; if this is the first run of the job, say --first-run, else correct --state
            """
        )
    }

    /// Why the source's size is not believed: it lost much of what it had, by the largest that it was in the last seven
    /// days. What rests on absence is then held, and all creates; nil where nothing speaks against it.
    ///
    /// - Parameter loss: what is there less because the scope is another, which is judged by itself.
    func judgeShrink(since baseline: Ledger.RunRecord, except loss: SourceCount) throws -> String? {
        guard let count, sourceReading?.incomplete == nil else { return nil }
        let key = LimitKey.sourceShrink
        let limit = permissions.allow[key].map { Limit.count($0) } ?? job.limits[key] ?? .unlimited
        let largest = try ledger.largestBaseline(since: Timestamp.text(try believedNow() - 7 * 86400), like: baseline)
        let sizes = [
            ("user", largest.users - loss.users, count.users), ("group", largest.groups - loss.groups, count.groups),
            ("membership", largest.memberships - loss.memberships, count.memberships),
        ]
        var findings: [String] = []
        var most = 0
        for (what, before, now) in sizes where what == "user" || pushed.contains(.group) {
            // That there is none any more was accepted as a whole.
            guard before > now, now > 0 || !permissions.acceptSourceChange,
                let allowed = Gate.allowance(limit, base: before), before - now > allowed
            else { continue }
            most = max(most, before - now)
            findings.append(
                """
                \(job.name): source.shrink: the source has \(counted(now, what)) in scope, \(before) in the last \
                applied runs: \(before - now) fewer (\((before - now) * 100 / before) %), limit \
                \(limit.comes(to: allowed)); \
                creates wait, and so does what rests on absence; if this is meant, say --allow source.shrink=\
                \(before - now)
                """
            )
        }
        if most > 0 { lettingGo.insert("--allow \(key.rawValue)=\(most)") }
        return findings.isEmpty ? nil : findings.joined(separator: "; ")
    }

    func countForGate() throws {
        let tally = try ledger.tally()
        var counts = Gate.Counts()
        let memberships = try ledger.managedMemberships(strangers: strangers ?? ledger.strangersInGroups())
        for key in LimitKey.ofOperations {
            let (kind, verbs) = key.counted
            switch key {
            case .usersClear: counts.counts[key] = tally.clearing
            case .membershipsAdd: counts.counts[key] = tally.added
            case .membershipsRemove:
                counts.counts[key] =
                    tally.removed + (profile.deletion.groupsMustBeEmpty ? 0 : try ledger.membershipsEndingWithGroups())
            default: counts.counts[key] = verbs.reduce(0) { $0 + tally.count(kind, $1) }
            }
            counts.bases[key] = try key.countsMemberships ? memberships : ledger.managedBase(kind: kind)
        }
        try lookBack(&counts)
        gateCounts = counts
    }

    private static let countedSince = "limits look back to"

    /// Adds what the last seven days have taken, from the first run of the version that counts it.
    private func lookBack(_ counts: inout Gate.Counts) throws {
        guard job.limitsLookBack, undone == nil, command != "undo" else { return }
        let week = Timestamp.text(try believedNow() - 7 * 86400)
        guard let first = try ledger.fact(Self.countedSince) else { return }
        let since = max(week, first)
        for key in LimitKey.ofTaking where key != .sourceShrink && counts.counts[key] ?? 0 > 0 {
            let (kind, verbs) = key.counted
            if key == .membershipsRemove {
                let past = try ledger.removedMemberships(since: since, notAllowed: key.rawValue)
                if past > 0 {
                    counts.looksBack[key] = ((counts.counts[key] ?? 0) + past, (counts.bases[key] ?? 0) + past)
                }
                continue
            }
            let past = try ledger.taken(
                kind: kind, verbs: verbs, isClearing: key == .usersClear, since: since, notAllowed: key.rawValue)
            guard !past.isEmpty else { continue }
            let all = Set(past).union(
                try ledger.plannedSources(kind: kind, verbs: verbs, isClearing: key == .usersClear))
            let ended = try ledger.taken(kind: kind, verbs: [.delete], isClearing: false, since: since, notAllowed: "")
            counts.looksBack[key] = (all.count, (counts.bases[key] ?? 0) + ended.count)
        }
    }

    /// From now on what is taken counts for seven days.
    func beginToLookBack() throws {
        guard clockDoubt == nil else { return }
        // A moment that has not come is the mark of a clock that was wrong.
        if let known = try ledger.fact(Self.countedSince), known <= started { return }
        try ledger.learn(Self.countedSince, started)
    }

    /// Holds what exceeds a limit on giving: all of what it counts, and nothing else.
    func holdGiving(_ keys: [LimitKey]) throws {
        guard keys.contains(where: { permissions.allow[$0] != nil || job.limits[$0] ?? .unlimited != .unlimited })
        else { return }
        try countForGate()
        let gate = Gate(allowed: permissions.allow)
        for breach in gate.judge(job: job.name, limits: job.limits, gateCounts, keys) {
            guard let key = LimitKey(rawValue: breach.key) else { continue }
            notes.append("held: \(breach)")
            lettingGo.insert(breach.words)
            for verb in key.counted.verbs {
                try ledger.forEachPlannedDraft(kind: key.counted.kind, verbs: [verb]) {
                    try ledger.hold(draft: $0.draft, by: .giving, reason: "\(breach.key): limit \(breach.limit)")
                }
            }
        }
    }

    /// Many links missing at once look like another tenant's key, a restored or an emptied target. Judged for each kind
    /// by itself.
    func judgeMissing() throws {
        guard !permissions.acceptTargetChange else { return }
        let remedy =
            """
            nothing is written. Another credential's tenant, a restored or an emptied target look like this; if \
            it is meant, run with --accept-target-change
            """
        defer { if !breaches.isEmpty { lettingGo.insert("--accept-target-change") } }
        for kind in pushed {
            let (missing, links) = try ledger.missingLinks(kinds: [kind])
            if let count = unmoved[kind] {
                breaches.append(
                    """
                    \(job.name): target.missing: \(count) of \(links) linked \(kind.plural) carry our externalId \
                    under other ids, and only \(links - missing) stand at theirs; \(remedy)
                    """
                )
            } else if targetReading?.incomplete == nil,
                missing > 5 && missing * 10 > links || missing == links && links > 1
            {
                let part = missing == links ? "which is all of them" : "more than 5 and 10 %"
                breaches.append(
                    """
                    \(job.name): target.missing: \(missing) of \(links) linked \(kind.plural) are not on the \
                    target any more, \(part); \(remedy)
                    """
                )
            }
        }
    }

    /// Marks the whole plan as held, for the reasons given.
    public func hold(_ reasons: [String]) throws {
        breaches += reasons
        guard let plan, !breaches.isEmpty else { return }
        try ledger.hold(plan: plan, by: .limit, reason: breaches.joined(separator: "; "))
    }

    /// Holds what all jobs together give too much of.
    func hold(giving breach: LimitBreach) throws {
        guard let plan, let key = LimitKey(rawValue: breach.key), gateCounts.counts[key] ?? 0 > 0 else { return }
        notes.append("held: \(breach)")
        try ledger.hold(
            plan: plan, kind: key.counted.kind, verbs: key.counted.verbs, by: .giving,
            reason: "\(breach.key): limit \(breach.limit) of all jobs together")
    }

    /// What the gate needs to judge several jobs together.
    var gateEntry: Gate.Entry {
        Gate.Entry(
            name: job.name, limits: job.limits, counts: gateCounts,
            planned: { [ledger] key in
                let (kind, verbs) = key.counted
                return try ledger.plannedSources(kind: kind, verbs: verbs, isClearing: key == .usersClear)
            },
            managed: { [ledger] key in
                let kind = key.counted.kind
                return try ledger.linkedSources(kind: kind)
                    + ledger.plannedSources(kind: kind, verbs: [.create, .associate, .link])
            })
    }
}
