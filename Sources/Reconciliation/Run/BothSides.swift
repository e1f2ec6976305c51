import Directory
import Foundation
import HTTP
import JSON
import Jobs
import Ledger
import Logging
import Planning
import Provisioning
import SCIM
import SCIMTransport

/// Reading both sides, and what is kept of it whatever the plan will be.
extension JobRun {
    func readBoth(_ opened: Opened) async throws -> BothRead {
        let reader = SourceReader(
            ledger: ledger, job: job, shared: shared, tables: tables, kinds: pushed,
            hasActiveFlag: profile.hasActiveFlag, now: surroundings.time.wall(), permissions: permissions,
            baseline: opened.baseline,
            spent: { self.sourceRequests += $0 }, progress: progress)
        let result = try await reader.read()
        try beat()
        sourceReading = result.reading
        if result.reading.isEmptied { lettingGo.insert("--accept-source-change") }
        scope = result.scope
        notes += result.reading.notes
        count = try ledger.sourceCount()
        noteDisk()
        log(
            "source read",
            [
                "users": .stringConvertible(count?.users ?? 0), "groups": .stringConvertible(count?.groups ?? 0),
                "memberships": .stringConvertible(count?.memberships ?? 0),
                "complete": .stringConvertible(result.reading.incomplete == nil),
                "requests": .stringConvertible(sourceRequests),
            ])
        let targetReading = try await readTarget(opened.target)
        return BothRead(
            target: opened.target, baseline: opened.baseline, reader: reader, scope: result.scope,
            lossByScope: result.lossByScope, source: result.reading, targetReading: targetReading)
    }

    private func readTarget(_ target: SCIMTarget) async throws -> Reading {
        var targetReading = try await TargetReader(
            ledger: ledger, target: target, tables: tables, readBack: job.target.readBack,
            now: surroundings.time.wall(), progress: progress
        ).read(pushed)
        targetReading.incomplete = try sinceWhen(targetReading.incomplete)
        if let why = targetReading.closedGroups {
            closedGroups = why
            let line =
                "groups and memberships are left alone tonight, and users are done: the groups cannot be read: \(why)"
            notes.append(line)
            urgent.append(line)
        }
        if profile.listing != .none {
            let findings = try await UnseenObjects(
                ledger: ledger, target: target, tables: tables, incomplete: targetReading.incomplete,
                acceptsTargetChange: permissions.acceptTargetChange
            ).ask(pushed)
            if pushed.contains(.group) { try ledger.dropUncertainMembers() }
            targetReading.notes += findings.notes
            targetReading.unseenAccounts = findings.unseen
            unmoved = findings.unmoved
            try tellSurvivors(&targetReading)
        }
        notes += targetReading.notes
        self.targetReading = targetReading
        log(
            "target read",
            [
                "complete": .stringConvertible(targetReading.incomplete == nil),
                "requests": .stringConvertible(traced.requests),
            ])
        try beat()
        noteUnverified(targetReading)
        return targetReading
    }

    /// Tells of what this job deleted and still stands.
    private func tellSurvivors(_ targetReading: inout Reading) throws {
        for kind in pushed {
            let survivors = try ledger.linkSurvivors(kind: kind)
            if !survivors.active.isEmpty {
                targetReading.survivors += survivors.active.count
                notes.append(
                    """
                    \(counted(survivors.active.count, kind.singular)) that this job deleted still stand, and \
                    are active: \(survivors.active.prefix(5).joined(separator: ", "))\
                    \(survivors.active.count > 5 ? ", …" : ""); the target accepts a delete and does nothing, \
                    and they are dealt with as leavers once more
                    """
                )
            }
            // What stands inactive is told once.
            let fact = "survivors told: \(kind.plural)"
            let told = String(survivors.inactive.count)
            if try !survivors.inactive.isEmpty && ledger.fact(fact) != told {
                let line =
                    """
                    \(counted(survivors.inactive.count, kind.singular)) that this job deleted still stand, \
                    inactive: this target keeps them
                    """
                notes.append(line)
                urgent.append(line)
                try ledger.learn(fact, told)
            }
        }
    }

    private func noteUnverified(_ targetReading: Reading) {
        if targetReading.unverified > 0 {
            notes.append(
                """
                not verified: \(targetReading.unverified); \(profile.displayName) cannot be listed, so what was \
                last written is compared and drift is not seen
                """
            )
        }
        if targetReading.unverifiedMembers > 0, targetReading.unverified == 0 {
            notes.append(
                """
                not verified: \(counted(targetReading.unverifiedMembers, "membership")), which the target does \
                not show
                """
            )
        }
    }

    /// What is wrong with the target's list, with the day since when something is.
    func sinceWhen(_ incomplete: String?) throws -> String? {
        guard let incomplete else {
            try ledger.unlearn(Self.incompleteSince)
            return nil
        }
        let today = surroundings.today
        guard let since = try ledger.fact(Self.incompleteSince) else {
            try ledger.learn(Self.incompleteSince, today)
            return incomplete
        }
        return since == today ? incomplete : "\(incomplete); it has not been whole since \(since)"
    }

    static let incompleteSince = "target incomplete since"

    /// What of a read is kept whatever the plan will be: whose sides these are, their history, and how long records
    /// have not been there.
    func remember(_ read: BothRead) throws {
        let (source, targetReading) = (read.source, read.targetReading)
        try ledger.bind("source", shared.directory().identity)
        try ledger.bind("target", "\(connection.base)")
        // A region's address is that of many tenants: the copies of one job must not pass for another's.
        if try ledger.fact(Ledger.jobFact) != job.name { try ledger.learn(Ledger.jobFact, job.name) }
        if claims,
            let owner = try Self.registry(ledger)?.claim(Self.targetDigest(job, ledger, surroundings), for: job.name)
        {
            throw Self.owned(connection, by: owner)
        }
        try ledger.recordHistory(
            run: id, source: source.incomplete == nil, target: targetReading.incomplete == nil, kinds: pushed)
        if profile.listing != .none, targetReading.incomplete == nil, closedGroups == nil { try correctOrigins() }
        try ledger.releaseKeptMembers()
        let today = surroundings.today
        // The digests that the history now has were made with this mapping.
        if try ledger.fact("mapping") != mapping { try ledger.learn("mapping", mapping) }
        if !permissions.release { try ledger.holdRestored(isComplete: source.incomplete == nil, mapping: mapping) }
        try judgeClock()
        try ledger.countDepartures(
            day: today, isComplete: source.incomplete == nil && clockDoubt == nil, kinds: pushed,
            countsDisabled: job.leavers.disabledAsLeaver && !profile.hasActiveFlag)

        if !job.asksSource, source.incomplete == nil, clockDoubt == nil {
            try ledger.countUnconfirmed(kinds: pushed, day: today)
        }
    }

    /// Sets right what an older version called created.
    private func correctOrigins() throws {
        guard let found = try ledger.correctOrigins(), !found.isEmpty else { return }
        let some = found.prefix(10).map { "\($0.name) (\($0.sourceID)): \($0.reason)" }.joined(separator: "; ")
        notes.append(
            """
            \(counted(found.count, "link")) of the version before called created, and there before: called \
            found from now on, and never deleted unless leavers.associated says delete: \(some)\
            \(found.count > 10 ? "; …" : ""). “\(typed("ledger origins"))” shows all, and sets right what was \
            made here after all
            """
        )
    }

    /// The time that is believed: of a clock in doubt, the last end that nobody doubts.
    func believedNow() throws -> Double {
        guard clockDoubt != nil, let end = try ledger.fact(Self.trustedEnd).flatMap({ Timestamp.seconds($0) }) else {
            return surroundings.time.wall()
        }
        return end
    }

    /// The clock has witnesses: the end of the last run that nobody doubts, and what the servers say. After seven runs
    /// on different days that agree with each other, it counts again.
    func judgeClock() throws {
        let now = surroundings.time.wall()
        var doubt: String?
        if let last = try ledger.fact(Self.trustedEnd), let end = Timestamp.seconds(last), now < end - 1 {
            doubt = "it shows \(surroundings.timestamp), and an earlier run ended at \(last)"
        }
        isClockJudged = true
        if doubt == nil, let offset = witness.offset, abs(offset) > 3600 {
            let size = abs(offset)
            let words = size < 2 * 86400 ? "\(Int(size / 60)) minutes" : "\(Int(size / 86400)) days"
            doubt = "it is \(words) \(offset > 0 ? "ahead of" : "behind") the target's"
        }
        guard let doubt else { return }
        try ledger.setDoubtful(run: id)
        let doubtful = try ledger.doubtfulDays()
        if doubtful.days > 7, doubtful.inOrder {
            notes.append(
                """
                this machine's clock was in doubt in \(doubtful.days - 1) runs that agree with each other (\
                \(doubt)): it counts again
                """
            )
            try ledger.endDoubt(run: id)
            return
        }
        clockDoubt = doubt
        notes.append("this machine's clock is in doubt (\(doubt)): no term begins, goes on or ends in this run")
    }
}
