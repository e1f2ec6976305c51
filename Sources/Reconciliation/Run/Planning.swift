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

/// From two sides to a stored plan.
extension JobRun {
    /// Reads both sides and stores a plan. What keeps it from that is in `failure`.
    public func prepare() async { await prepare { try await makePlan() } }

    /// Stores a plan that takes back what a run did. What keeps it from that is in `failure`.
    func prepare(undoing run: Int64) async { await prepare { try await makeUndo(of: run) } }

    func prepare(_ make: () async throws -> Void) async {
        do {
            try await make()
        } catch let error as JobFailure {
            failure = error
        } catch let error as LedgerError {
            failure = JobFailure(error)
        } catch let error as SCIMFailure {
            failure = JobFailure(error, side: "target")
        } catch let error as DirectoryFailure {
            failure = JobFailure(error)
        } catch is CancellationError {
            failure = JobFailure(.interrupted, "stopped")
        } catch {
            failure = JobFailure(.internalError, "\(error)")
        }
        if let signal = surroundings.stop.signal, failure?.exit == .interrupted {
            failure = JobFailure(
                .stopped(by: signal), "stopped by a signal while planning; no operation of this run was sent")
        }
    }

    /// Asks the target what it can do, and settles what an interrupted run left.
    func openTarget() async throws -> SCIMTarget {
        let capabilities = try await connection.capabilities(
            of: profile, overrides: CapabilityOverrides(job.target.capabilities))
        let target = SCIMTarget(connection: connection, profile: profile, capabilities: capabilities)
        self.target = target
        try await settleInterrupted(target)
        return target
    }

    /// Of two records with one address the platform would refuse the second, one night this one and one night that one:
    /// neither gets it, and who has it keeps it.
    func leaveOutSharedAddresses() throws {
        guard profile.hasUniqueMails, pushed.contains(.user), let table = tables[.user],
            let attribute = table.attribute(Policy.mail)
        else { return }
        for shared in try ledger.sharedValues(kind: .user, attribute: Policy.mail) {
            let (body, digest) = table.without(Policy.mail, shared.body)
            try ledger.restage(
                kind: .user, source: shared.id, body: body, digest: digest,
                flaw:
                    """
                    \(Policy.mail): \(shared.value) is also that of \(shared.rival), and \(profile.displayName) \
                    wants each address once; correct one of the two in the source
                    """,
                lacksWhatIsNeeded: attribute.isRequired)
        }
    }

    /// Puts the drafts in their order, counts them for the gate, and stores them as this run's plan.
    func store(inputs: String) throws {
        try Ordering(ledger: ledger).arrange()
        try countForGate()
        let hash = PlanDigest(inputs: inputs)
        plan = try ledger.storePlan(
            run: id, created: surroundings.timestamp, inputs: inputs, digest: { hash.add($0) }, finish: { hash.value })
        if let plan {
            log(
                "plan made",
                [
                    "plan": .stringConvertible(plan), "digest": "\(PlanDigest.shown(hash.value))",
                    "operations": .stringConvertible(try ledger.plannedCount(plan: plan)),
                ])
        }
    }

    func makePlan() async throws {
        try refuseUnmeantFirstRun()
        let target = try await openTarget()
        try ledger.attachScratch()
        let baseline = try ledger.lastRun(isBaseline: true)
        let reader = SourceReader(
            ledger: ledger, job: job, shared: shared, tables: tables, kinds: pushed,
            hasActiveFlag: profile.hasActiveFlag, now: surroundings.time.wall(), permissions: permissions,
            baseline: baseline,
            spent: { self.sourceRequests += $0 }, progress: progress)
        let result = try await reader.read()
        try beat()
        let source = result.reading
        let scope = result.scope
        sourceReading = source
        self.scope = scope
        notes += source.notes
        count = try ledger.sourceCount()
        noteDisk()
        log(
            "source read",
            [
                "users": .stringConvertible(count?.users ?? 0), "groups": .stringConvertible(count?.groups ?? 0),
                "memberships": .stringConvertible(count?.memberships ?? 0),
                "complete": .stringConvertible(source.incomplete == nil),
                "requests": .stringConvertible(sourceRequests),
            ])
        var targetReading = try await TargetReader(
            ledger: ledger, target: target, tables: tables, readBack: job.target.readBack,
            now: surroundings.time.wall(), progress: progress
        ).read(pushed)
        targetReading.incomplete = try sinceWhen(targetReading.incomplete)
        if profile.listing != .none {
            let findings = try await UnseenObjects(
                ledger: ledger, target: target, tables: tables, incomplete: targetReading.incomplete,
                acceptsTargetChange: permissions.acceptTargetChange
            ).ask(pushed)
            if pushed.contains(.group) { try ledger.dropUncertainMembers() }
            targetReading.notes += findings.notes
            targetReading.unseenAccounts = findings.unseen
            unmoved = findings.unmoved
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
        notes += targetReading.notes
        self.targetReading = targetReading
        log(
            "target read",
            [
                "complete": .stringConvertible(targetReading.incomplete == nil),
                "requests": .stringConvertible(traced.requests),
            ])
        try beat()
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
        if profile.listing != .none, targetReading.incomplete == nil, let found = try ledger.correctOrigins(),
            !found.isEmpty
        {
            let some = found.prefix(10).map { "\($0.name) (\($0.sourceID)): \($0.reason)" }.joined(separator: "; ")
            notes.append(
                """
                \(counted(found.count, "link")) of the version before called created, and there before: called \
                found from now on, and never deleted unless leavers.associated says delete: \(some)\
                \(found.count > 10 ? "; …" : ""). rollcall ledger origins shows all, and sets right what was made \
                here after all
                """
            )
        }
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

        let differences = Differences(
            attributes: tables.mapValues { $0.attributes.map(\.compared) }, notKept: try notKept(targetReading))
        try ledger.define { kind, desired, actual, sent, read in
            !differences.changes(kind, desired: desired, actual: actual, sent: sent, read: read).isEmpty
        }
        try ledger.define(isProtected: { [tables] kind, name in tables[kind]?.isProtected(name) ?? false })
        let kinds = pushed
        let mayRename = Set(
            kinds.filter {
                (job.operations[$0]?.contains(.update) ?? false)
                    && !(profile.immutable[$0]?.contains($0.nameAttribute) ?? false)
            })
        try leaveOutSharedAddresses()
        try ledger.classify(kinds: kinds, mayRename: mayRename)

        if kinds.contains(.group), try ledger.fact(Ledger.restoredFact) != nil { try ledger.keepMembersOfKnownGroups() }

        temporaries = try ledger.temporaryValues(kinds: kinds).filter { TemporaryValue.isOne($0.text) }

        holdsScopeLeavers = reader.isChanged(scope) && !permissions.acceptScopeChange
        if let baseline { sizeHold = try judgeShrink(since: baseline, except: result.lossByScope) }
        var found = Findings(now: surroundings.time.wall())
        found.incompleteSource = source.incomplete
        found.incompleteTarget = targetReading.incomplete
        found.holdsScopeLeavers = holdsScopeLeavers
        found.sizeHold = sizeHold
        found.takesBack = permissions.acceptTakeback
        found.isClockDoubtful = clockDoubt != nil
        try ledger.forEachLeaverMail { found.leaverMails[folded($0)] = $1 }
        found.activityIsShown = try profile.listing != .none && kinds.contains(.user) && ledger.activityIsShown()
        for kind in kinds { found.sharedAccounts[kind] = try ledger.sharedAccounts(kind: kind) }
        let policy = Policy(
            terms: job.terms, platform: profile.traits, differences: differences, found: found,
            associations: Associations(
                userAttributes: tables[.user]?.attributes.map(\.name) ?? [], accepted: permissions.acceptAssociation,
                showsMembers: kinds.contains(.group) && (target.showsMembers || targetReading.membersAreWhole),
                unseenGroups: Set(targetReading.unseenGroups.map(\.id))))
        let linkedOnly = kinds.contains(.group) && !kinds.contains(.user) ? [ResourceKind.user] : []
        var namesakes = 0
        var associated: [SituationRow] = []
        try ledger.draft(
            includesDisabled: !profile.hasActiveFlag, asksForMembers: policy.needsEmptying, linkedOnly: linkedOnly
        ) { row in
            let decision = policy.decide(row)
            departing.add(decision.drafts, hasBegun: row.leftSince != nil)
            if decision.drafts.contains(where: { $0.heldBy == .namesake }) { namesakes += 1 }
            if row.situation == .existing, decision.outlook == .present { associated.append(row) }
            return decision
        }
        for row in associated { try note(association: row) }
        usedAssociations = Set(
            permissions.acceptAssociation.filter { accepted in
                associated.contains {
                    Associations.names($0).contains { accepted == $0 || accepted.hasPrefix($0 + " ") }
                }
            })
        if namesakes > 0, !job.existing.isSaid, try ledger.fact(Self.toldOfMatching) == nil {
            let advice =
                baseline == nil
                ? "“existing: associate” lets the name be enough"
                : "Until this version the name was enough, which “existing: associate” still says"
            notes.append(
                """
                \(counted(namesakes, "namesake")) held: more than the name has to agree before what is there becomes \
                a record's. \(advice)
                """)
            try ledger.learn(Self.toldOfMatching, "told")
        }
        try putOffRefused(memberships: false)
        if !permissions.retry.isEmpty, command != "plan" {
            try ledger.forgetLosses(ofGroups: permissions.retry.contains("all") ? nil : permissions.retry)
        }
        try holdLosing(memberships: false)
        try holdGiving(LimitKey.ofGiving.filter { !$0.countsMemberships })
        if kinds.contains(.group) {
            try ledger.holdRestoredGroups()
            try ledger.hold(unseenGroups: targetReading.unseenGroups.map(\.id))
            for (group, why) in targetReading.unseenGroups {
                notes.append("the group \(group) cannot be looked at (\(why)): nobody comes into it or leaves it")
            }
            let permitted = job.operations[.group]?.contains(.update) ?? false
            let exception = permitted ? "" : "; held: operations.groups does not list update"
            let draftMemberships = { [ledger, job, profile, sizeHold] in
                try ledger.draftMemberships(
                    chunk: target.memberChunk, isExclusive: job.exclusiveMemberships,
                    emptiesGroups: profile.deletion.groupsMustBeEmpty,
                    freesLeavers: profile.deletion.usersMustLeaveGroups, addWave: Wave.addMembers,
                    removeWave: Wave.removeMembers,
                    addHeldBy: permitted ? nil : .operations,
                    removeHeldBy: source.incomplete != nil
                        ? .sourceIncomplete : sizeHold != nil ? .sourceSize : permitted ? nil : .operations,
                    addReason: "members in the source, not on the target\(exception)",
                    removeReason:
                        """
                        members on the target, not in the source\
                        \((source.incomplete ?? sizeHold).map { "; held: \($0)" } ?? exception)
                        """
                )
            }
            var unproven = try await reader.proveGroups(draftMemberships)
            let repeated =
                target.showsMembers && profile.listing != .none ? try ledger.groupsWithRepeatedAdditions() : []
            if !repeated.isEmpty {
                var more = Reading()
                let targetReader = TargetReader(
                    ledger: ledger, target: target, tables: tables, readBack: job.target.readBack,
                    now: surroundings.time.wall(), progress: progress)
                if try await targetReader.askForGroups(repeated, isRepeated: true, &more) {
                    try ledger.dropMembershipDrafts()
                    unproven = try await reader.proveGroups(draftMemberships)
                }
                notes += more.notes
            }
            try putOffRefused(memberships: true)
            try holdLosing(memberships: true)
            for (group, why) in unproven { try ledger.holdRemovals(fromGroup: group, by: .groupUnproven, reason: why) }
            try holdGiving([.membershipsAdd])
            let nested = try ledger.nestingGroups()
            if nested > 0 {
                notes.append("\(counted(nested, "linked group")) with groups among the members, which are left alone")
            }
            let notOurs = try ledger.membershipsNotOurs()
            if notOurs > 0, !job.exclusiveMemberships {
                notes.append(
                    counted(notOurs, "membership")
                        + " of linked groups not ours, left alone (memberships: exclusive removes such)")
            }
        }
        try noteUnknownNames()
        try store(inputs: inputs)
        try judgeMissing()
        heldByScope = try ledger.drafts(heldBy: .scopeChange)
        if heldByScope > 0 {
            notes.append(
                """
                the scope changed since the last applied run, from \(baseline?.scope ?? "") to \(scope.text): \
                \(counted(heldByScope, "leaver")) held until --accept-scope-change
                """
            )
        }
        let gate = Gate(allowed: permissions.allow)
        let exceeded = gate.judge(job: job.name, limits: job.limits, gateCounts)
        breaches += exceeded.map(\.description)
        lettingGo.formUnion(exceeded.map(\.words))
        let noted = try ledger.notedRecords(limit: 3)
        if noted.count > 0 {
            notes.append(
                counted(noted.count, "source record")
                    + " without a clear status, and active is left alone: \(noted.examples.joined(separator: "; "))")
        }
    }

    /// A name that somebody wrote down and that is no record's does nothing: a slip, or a record that is gone.
    func noteUnknownNames() throws {
        let said: [(String, Set<String>)] = [
            ("--retry", permissions.retry.subtracting(["all"])), ("--accept-takeback", permissions.acceptTakeback),
            ("existing: { decline }", job.existing.decline),
            ("existing: { accept }", Set(job.existing.accept.values.flatMap(\.keys))),
        ]
        for (what, names) in said {
            let unknown = try ledger.unknown(names.sorted())
            if !unknown.isEmpty {
                notes.append(
                    """
                    \(what) names what is no record's name or source id: \(unknown.prefix(5).joined(separator: ", "))\
                    \(unknown.count > 5 ? ", …" : "")
                    """
                )
            }
        }
    }

    static let toldOfMatching = "existing: matching told"

    /// Keeps which object the operator let go, so that a run that was broken off asks nobody again.
    func note(association row: SituationRow) throws {
        guard command != "plan", let source = row.sourceID, let target = row.targetID, row.acceptedTarget != target
        else { return }
        let kind = row.kind
        let isLetGo = [row.sourceName, source].compactMap { $0 }.contains {
            permissions.acceptAssociation.contains("\(kind.singular):\($0)")
        }
        if isLetGo { try ledger.learn(Ledger.acceptedAssociation(row.kind, source), target) }
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

    func settleInterrupted(_ target: SCIMTarget) async throws {
        let open = try ledger.unsettled()
        guard !open.isEmpty else { return }
        guard command != "plan" else {
            notes.append(
                """
                an interrupted run left \(counted(open.count, "operation")) whose outcome is unknown; the next \
                run settles them first
                """
            )
            return
        }
        let applier = Applier(
            ledger: ledger, run: id, target: target, tables: tables, concurrency: job.pace.concurrency,
            attempts: surroundings.retry.attempts, stop: surroundings.stop,
            now: surroundings.time.wall,
            progress: { [progress] sent, _ in progress("operations of an interrupted run settled", sent) })
        applier.noHandMade = job.target.noHandMade
        applier.isExclusive = job.exclusiveMemberships
        try await applier.settle(open)
        if let fatal = applier.fatal { throw JobFailure(fatal, side: "target") }
        if applier.breaker.isOpen {
            throw JobFailure(
                .unreachable,
                "target: fails again and again while what an interrupted run left is settled: \(applier.breaker.reason)"
            )
        }
        notes.append("settled \(counted(open.count, "operation")) of an interrupted run")
        hasSettled = true
        notes += applier.verification.report
    }

    /// Attributes that were written and that no object of the target has ever shown: left out, and said once.
    func notKept(_ reading: Reading) throws -> [ResourceKind: Set<String>] {
        var result: [ResourceKind: Set<String>] = [:]
        for kind in pushed {
            for attribute in tables[kind]?.attributes ?? []
            where !attribute.isCritical || attribute.name == "externalId" {
                let isMissing =
                    try reading.carried[kind]?[attribute.name] ?? 0 == 0
                    && ledger.wasNeverReadBack(kind: kind, path: attribute.name)
                // Once may be a mishap: it takes two applied runs that sent it.
                let (isNotKept, isNews) = try ledger.setNotKept(
                    kind: kind, path: attribute.name, run: isMissing ? id : nil)
                if isNotKept { result[kind, default: []].insert(attribute.name) }
                if isNews {
                    let line = "the target does not keep \(kind.singular) \(attribute.name): it is left out from now on"
                    notes.append(line)
                    urgent.append(line)
                }
            }
        }
        return result
    }

    /// Requests that an update costs on this target.
    var requestsPerUpdate: Int { target?.requestsPerUpdate ?? 1 }
}
