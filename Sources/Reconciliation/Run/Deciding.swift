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

/// From what was read to drafts: each record gets its situation, and each situation its decision.
extension JobRun {
    func classify(_ read: BothRead) throws -> Classified {
        let differences = Differences(
            attributes: tables.mapValues { $0.attributes.map(\.compared) }, notKept: try notKept(read.targetReading))
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
        try noteOrphans()
        try noteStrays()

        if kinds.contains(.group), try ledger.fact(Ledger.restoredFact) != nil { try ledger.keepMembersOfKnownGroups() }

        temporaries = try ledger.temporaryValues(kinds: kinds).filter { TemporaryValue.isOne($0.text) }
        holdsScopeLeavers = read.reader.isChanged(read.scope) && !permissions.acceptScopeChange
        if let baseline = read.baseline { sizeHold = try judgeShrink(since: baseline, except: read.lossByScope) }
        return Classified(read: read, differences: differences)
    }

    /// A new ledger does not know who has left: accounts with the mark of no record may be leavers of an older one, and
    /// nobody would end their access.
    private func noteOrphans() throws {
        guard pushed.contains(.user), try ledger.lastRun(isBaseline: true) == nil, undone == nil else { return }
        let orphans = try ledger.orphans(5)
        guard orphans.count > 0 else { return }
        let names = orphans.names.joined(separator: ", ") + (orphans.count > orphans.names.count ? ", …" : "")
        let line =
            """
            this ledger is new, and \(counted(orphans.count, "active account")) of the target \
            \(orphans.count == 1 ? "carries" : "carry") an externalId that no record of the source has (\(names)): if \
            an earlier ledger of this job made them, they are leavers that nothing disables any more; put that ledger \
            in the state folder (the old folder, or “\(typed("ledger restore"))”), or end them on the target
            """
        notes.append(line)
        urgent.append(line)
    }

    /// R40: an account that carries our mark and is linked to no record has nobody who ends its access.
    private func noteStrays() throws {
        guard pushed.contains(.user), sourceReading?.incomplete == nil, undone == nil else { return }
        let found = try ledger.strays()
        strays = found.count
        guard strays > 0 else { return }
        let names = found.prefix(5).map { "\($0.name) (\($0.id))" }.joined(separator: ", ") + (strays > 5 ? ", …" : "")
        let line =
            """
            \(counted(strays, "active account")) of the target \(strays == 1 ? "carries" : "carry") the externalId of \
            a record that the source does not let in, and \(strays == 1 ? "is" : "are") linked to none, so that this \
            job ends no access there: \(names); end it on the target
            """
        notes.append(line)
        urgent.append(line)
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

    /// What the decisions rest on, beside the records themselves.
    private func policy(_ classified: Classified) throws -> Policy {
        let read = classified.read
        let kinds = pushed
        var found = Findings(now: surroundings.time.wall())
        found.incompleteSource = read.source.incomplete
        found.incompleteTarget = read.targetReading.incomplete
        found.holdsScopeLeavers = holdsScopeLeavers
        found.sizeHold = sizeHold
        found.takesBack = permissions.acceptTakeback
        found.isClockDoubtful = clockDoubt != nil
        try ledger.forEachLeaverMail { found.leaverMails[folded($0)] = $1 }
        found.activityIsShown = try profile.listing != .none && kinds.contains(.user) && ledger.activityIsShown()
        for kind in kinds { found.sharedAccounts[kind] = try ledger.sharedAccounts(kind: kind) }
        return Policy(
            terms: job.terms, platform: profile.traits, differences: classified.differences, found: found,
            associations: Associations(
                userAttributes: tables[.user]?.attributes.map(\.name) ?? [], accepted: permissions.acceptAssociation,
                showsMembers: kinds.contains(.group)
                    && (read.target.showsMembers || read.targetReading.membersAreWhole),
                unseenGroups: Set(read.targetReading.unseenGroups.map(\.id)), groupsAreClosed: closedGroups != nil))
    }

    /// Decides on every record that is not plainly in step, and holds what may not be tried again, or given, tonight.
    func decide(_ classified: Classified) throws {
        let policy = try policy(classified)
        let kinds = pushed
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
        for row in associated { try note(association: row, policy.associations) }
        usedAssociations = Set(
            permissions.acceptAssociation.filter { accepted in
                associated.contains {
                    Associations.names($0).contains { accepted == $0 || accepted.hasPrefix($0 + " ") }
                }
            })
        try tellOfMatching(namesakes)
        try putOffRefused(memberships: false)
        if !permissions.retry.isEmpty, command != "plan" {
            try ledger.forgetLosses(ofGroups: permissions.retry.contains("all") ? nil : permissions.retry)
        }
        try holdLosing(memberships: false)
        try holdGiving(LimitKey.ofGiving.filter { !$0.countsMemberships })
    }

    private func tellOfMatching(_ namesakes: Int) throws {
        guard namesakes > 0, !job.existing.isSaid, try ledger.fact(Self.toldOfMatching) == nil else { return }
        notes.append(
            """
            \(counted(namesakes, "namesake")) held: more than the name has to agree before what is there becomes \
            a record's. “--accept-association @FILE” lets go those that a file names, one “user:NAME” a line; \
            “existing: associate” lets the name be enough, as before version 0.2
            """)
        try ledger.learn(Self.toldOfMatching, "told")
    }

    static let toldOfMatching = "existing: matching told"

    /// Keeps which object the operator let go, so that a run that was broken off asks nobody again.
    func note(association row: SituationRow, _ associations: Associations) throws {
        guard command != "plan", let source = row.sourceID, let target = row.targetID, row.acceptedTarget != target
        else { return }
        if associations.isLetGo(row) { try ledger.learn(Ledger.acceptedAssociation(row.kind, source), target) }
    }

    /// Decides who comes into groups and who leaves them.
    func decideMemberships(_ classified: Classified) async throws {
        let (target, reader, targetReading) = (
            classified.read.target, classified.read.reader, classified.read.targetReading
        )
        let source = classified.read.source
        try ledger.holdRestoredGroups(wave: Wave.report, reason: Policy.restoredMembers)
        try ledger.hold(unseenGroups: targetReading.unseenGroups.map(\.id))
        for (group, why) in targetReading.unseenGroups {
            notes.append("the group \(group) cannot be looked at (\(why)): nobody comes into it or leaves it")
        }
        let permitted = job.operations[.group]?.contains(.update) ?? false
        let exception = permitted ? "" : "; held: operations.groups does not list update"
        let draftMemberships = { [ledger, job, profile, sizeHold] in
            try ledger.draftMemberships(
                MembershipPolicy(
                    isExclusive: job.exclusiveMemberships, emptiesGroups: profile.deletion.groupsMustBeEmpty,
                    freesLeavers: profile.deletion.usersMustLeaveGroups),
                chunk: target.memberChunk, addWave: Wave.addMembers, removeWave: Wave.removeMembers,
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
        let strangers = try ledger.strangersInGroups()
        self.strangers = strangers
        let notOurs = try strangers + ledger.keptInGroups()
        if notOurs > 0, !job.exclusiveMemberships {
            notes.append(
                counted(notOurs, "membership")
                    + " of linked groups not from the source, not changed (memberships: exclusive removes them)")
        }
    }
}
