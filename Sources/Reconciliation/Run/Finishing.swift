import Directory
import Foundation
import HTTP
import Jobs
import JSON
import Ledger
import Logging
import Provisioning
import SCIM
import SCIMTransport
import Planning

/// What a run leaves behind, and how it is told.
extension JobRun {
    /// Tells of progress, and that this run is alive.
    var progress: @Sendable (String, Int) -> Void {
        { what, count in
            self.surroundings.progress(RunProgress(job: self.job.name, what: what, count: count, total: nil))
            try? self.beat()
        }
    }

    func beat() throws { try ledger.beat(now: surroundings.time.wall()) }

    /// Completes the run's record and says how it went.
    public func finish() async throws -> JobReport {
        // What a changed scope holds waits for its acceptance, and with it all that later runs are measured against.
        if isApplied, clockDoubt == nil, sizeHold == nil, let sourceReading, sourceReading.incomplete == nil {
            try ledger.recordDepartures(now: surroundings.timestamp)
        }
        if isClockJudged, clockDoubt == nil { try ledger.learn(Self.trustedEnd, surroundings.timestamp) }
        let isBaseline =
            isApplied && sizeHold == nil && sourceReading.map { $0.incomplete == nil } ?? false && heldByScope == 0
        if isBaseline { try endRestoring() }
        noteTemporaries()
        try noteWays()
        notes += departing.notes(isHeld: !breaches.isEmpty)
        noteEndings()
        var report = try JobReport.make(
            self, requests: requests, isApplied: isApplied, source: sourceReading?.incomplete,
            target: targetReading?.incomplete, pace: job.pace)
        // No flag hides that access may remain, or that the clock is wrong.
        let isOpen =
            targetReading.map { !$0.unseenAccounts.isEmpty || !$0.unseenGroups.isEmpty || $0.survivors > 0 } ?? false
            || clockDoubt != nil || standingTemporaries > 0 || strays > 0
        if permissions.knownConflictsAreFine, report.exit == .recordsFailed, !isCutShort, !isOpen, try allIsKnown() {
            report.exit = .inStep
        }
        if let rate = await paced.settledRate {
            try ledger.learn(Self.settledPace, String(rate))
        } else {
            try ledger.unlearn(Self.settledPace)
        }
        try ledger.finishRun(
            id, finished: surroundings.timestamp, exit: report.exit.rawValue,
            summary: ([report.headline] + (breaches + [sizeHold].compactMap { $0 }).map { "Held: \($0)." }
                + [failure?.description].compactMap { $0 }).joined(separator: " "),
            sourceComplete: sourceReading.map { $0.incomplete == nil },
            targetComplete: targetReading.map { $0.incomplete == nil }, isBaseline: isBaseline, count: count,
            scope: scope?.text ?? "", allowed: letPass, requests: requests)
        log(
            "run finished",
            [
                "exit": .stringConvertible(report.exit.rawValue), "headline": "\(report.headline)",
                "requests": .stringConvertible(requests),
                "seconds": .stringConvertible(report.figures.seconds),
            ])
        if let plan, command != "plan", undone == nil {
            try ledger.recordTroubles(plan: plan, run: id, day: surroundings.today)
        }
        if isApplied, let plan { try ledger.forgetNotes(plan: plan) }
        return report
    }

    /// Whether every conflict and hold was told by an earlier run. Whoever must lose access and keeps it is told every
    /// night.
    private func allIsKnown() throws -> Bool {
        guard let plan else { return false }
        var conflicts: [PlannedOperation] = []
        try ledger.forEachOperation(plan: plan) { if $0.needsAttention { conflicts.append($0) } }
        return try conflicts.allSatisfy {
            try $0.heldBy != .keepsAccess && [.conflict, .held].contains($0.status) && ledger.wasReported($0)
        }
    }

    /// What this run was let do beyond its job, and by whom: an override is history; nil for none.
    private var letPass: String? {
        var words = permissions.allow.map { "\($0.key.rawValue)=\($0.value)" }.sorted()
        if permissions.release { words.append("release") }
        if permissions.acceptSourceChange { words.append("accept-source-change") }
        if permissions.acceptScopeChange { words.append("accept-scope-change") }
        if permissions.acceptTargetChange { words.append("accept-target-change") }
        words += permissions.acceptAssociation.sorted().map {
            "accept-association=\($0.replacingOccurrences(of: " ", with: "+"))"
        }
        let user = ["SUDO_USER", "USER", "LOGNAME"].lazy.compactMap { self.surroundings.environment[$0] }.first {
            !$0.isEmpty
        }
        if !words.isEmpty, let user { words.append("by=\(user)") }
        return words.isEmpty ? nil : words.joined(separator: " ")
    }

    /// Bytes of scratch files, history and journal that a run needs for each user and each membership: measured with
    /// 20,000 users and 200,000 memberships, and rounded up. The copy of the ledger comes on top.
    static let bytesPerUser = 2000, bytesPerMembership = 100

    /// Tells when the disk has less room than this run may need, before it is full in the middle of it.
    func noteDisk() {
        guard let path = ledger.path, let count,
            let free = surroundings.freeBytes((path as NSString).deletingLastPathComponent)
        else { return }
        let ledgerBytes = ["", "-wal"].reduce(0) {
            $0 + (((try? FileManager.default.attributesOfItem(atPath: path + $1))?[.size] as? Int) ?? 0)
        }
        let need = ledgerBytes + count.users * Self.bytesPerUser + count.memberships * Self.bytesPerMembership
        guard free < need else { return }
        let line =
            """
            the disk of \(path) has \(free >> 20) MB free, and this run may need \(max(1, need >> 20)) MB for its \
            scratch files, its journal and the copy of the ledger: make space
            """
        notes.append(line)
        urgent.append(line)
    }

    static let ways = "ways of the target"

    /// Tells how the target does things in its own way, and keeps it for the next run.
    func noteWays() throws {
        notes += connection.dialect.report("target")
        let memory = connection.dialect.memory
        if memory != "{}", try ledger.fact(Self.ways) != memory { try ledger.learn(Self.ways, memory) }
    }

    /// As long as something that carries our mark waits to be linked in a ledger that was put back from a copy, it may
    /// be what was associated since the copy.
    func endRestoring() throws {
        // Of groups that were not read nothing can be said.
        guard closedGroups == nil, try ledger.fact(Ledger.restoredFact) != nil else { return }
        let seesAll = profile.listing != .none && targetReading?.incomplete == nil && targetReading?.unverified == 0
        if try ledger.hasUnlinkedMarks(kinds: pushed, seesAll: seesAll) {
            notes.append(
                """
                this ledger was restored from a copy: until all that carries this job's mark is linked, what is \
                found by it counts as associated, and is not deleted
                """
            )
        } else {
            try ledger.unlearn(Ledger.restoredFact)
        }
    }

    /// Lets go of this run's reads. After it, reports of unmanaged objects are no longer possible.
    public func close() { try? ledger.detachScratch() }
}
