import Planning
import SCIM
import Testing

/// The decisions, one line each: a record's situation, what the job permits, what the platform can do, what was proven,
/// and what comes of it. A line reads: what is done (`verb status by-what-it-is-held`, several with `+`), then the
/// record's standing for memberships after the arrow.
@Suite struct PolicyTests {
    private static let now = 1_795_503_012.0  // 2026-11-24

    /// A user of the source as the target should have it, and as it has it.
    private static func row(
        _ situation: Situation, _ kind: ResourceKind = .user, _ change: (inout SituationRow) -> Void = { _ in }
    ) -> SituationRow {
        var row = SituationRow(kind: kind, situation: situation)
        row.sourceID = "id_ada"
        row.sourceName = "ada"
        row.desiredKey = "ada"
        row.desired =
            kind == .user
            ? #"{"active":true,"displayName":"Ada","externalId":"id_ada","userName":"ada"}"# : #"{"displayName":"ada"}"#
        row.desiredActive = kind == .user ? true : nil
        switch situation {
        case .absent, .missing, .unacceptable: break
        default:
            row.targetID = "t1"
            row.targetName = "ada"
            row.actual =
                kind == .user
                ? #"{"active":true,"displayName":"Ada","externalId":"id_ada","userName":"ada"}"#
                : #"{"displayName":"ada"}"#
            row.actualActive = kind == .user ? true : nil
            row.actualKey = "ada"
        }
        switch situation {
        case .inStep, .changed, .missing, .leaver, .gone, .taken, .returned:
            row.isLinked = true
            row.origin = .created
            row.status = situation == .returned ? .disabled : .active
        default: break
        }
        if situation == .leaver || situation == .gone {
            row.desired = nil
            row.desiredActive = nil
            row.sourceName = nil
            row.leftSince = "2026-10-01T00:00:00Z"
            row.leftDays = 9
        }
        change(&row)
        return row
    }

    private struct World {
        var terms = PlanTerms()
        var platform = PlatformTraits(displayName: "Example Cloud")
        var found = Findings(now: PolicyTests.now)
        var accepted: Set<String> = []
    }

    private static let attributes: [ResourceKind: [ComparedAttribute]] = [
        .user: ["active", "displayName", "emails[work]", "externalId", "userName"].compactMap { name in
            AttributePath(name).map {
                ComparedAttribute(
                    name: name, path: $0, isCritical: ["active", "externalId", "userName"].contains(name))
            }
        },
        .group: ["displayName"].compactMap { name in
            AttributePath(name).map { ComparedAttribute(name: name, path: $0, isCritical: true) }
        },
    ]

    private static func decided(_ row: SituationRow, _ change: (inout World) -> Void = { _ in }) -> String {
        var world = World()
        change(&world)
        let policy = Policy(
            terms: world.terms, platform: world.platform, differences: Differences(attributes: attributes),
            found: world.found,
            associations: Associations(userAttributes: attributes[.user]?.map(\.name) ?? [], accepted: world.accepted))
        let (drafts, outlook) = policy.decide(row)
        let words = drafts.map { draft in
            [draft.verb == .none ? "–" : draft.verb.rawValue, draft.status.rawValue, draft.heldBy?.rawValue].compactMap
            { $0 }.joined(separator: " ")
        }
        return (words.isEmpty ? "nothing" : words.joined(separator: " + ")) + " → " + (outlook?.rawValue ?? "none")
    }

    private static let disabled = #"{"active":false,"displayName":"Ada","externalId":"id_ada","userName":"ada"}"#
    private static let renamed = #"{"active":true,"displayName":"Ada","externalId":"id_ada","userName":"ada2"}"#
    private static let wrongName = #"{"active":true,"displayName":"Someone","externalId":"id_ada","userName":"ada"}"#
    private static let unmarked =
        #"{"active":true,"displayName":"Ada","emails[work]":"ada@corp.example","userName":"ada"}"#
    private static let withMail =
        #"{"active":true,"displayName":"Ada","emails[work]":"ada@corp.example","externalId":"id_ada","userName":"ada"}"#

    private static func withoutSource(_ world: inout World) { world.found.incompleteSource = "a page was lost" }
    private static func permitting(_ permissions: Set<Permission>) -> (inout World) -> Void {
        { $0.terms.operations[.user] = permissions }
    }

    private static let table: [(line: String, wanted: String, got: String)] = [
        // R8, R12: what the source has and the target has not is made; an incomplete source takes nothing away, and
        // gives.
        ("absent", "create planned → present", decided(row(.absent))),
        ("absent, create not permitted", "create held operations → held", decided(row(.absent), permitting([.update]))),
        ("absent, source incomplete", "create planned → present", decided(row(.absent), withoutSource)),
        (
            "absent, source much smaller than before", "create held source size → held",
            decided(row(.absent)) { $0.found.sizeHold = "half of it is gone" }
        ),
        ("absent, disabled in the source", "– noted → held", decided(row(.absent) { $0.desiredActive = false })),
        (
            "absent, the address is a leaver's", "– held recycled e-mail → held",
            decided(row(.absent) { $0.desired = withMail }) { $0.found.leaverMails = ["ada@corp.example": "bo"] }
        ),
        (
            "absent, its create was answered with another's account", "– held shared account → held",
            decided(row(.absent)) { $0.found.sharedAccounts = [.user: ["id_ada": "id_bo"]] }
        ),
        // R1, R4: what is there becomes ours by evidence.
        ("known by its mark, in step", "link planned → present", decided(row(.known))),
        ("known by its mark, differs", "update planned → present", decided(row(.known) { $0.actual = wrongName })),
        (
            "known, differs, update not permitted", "update held operations → held",
            decided(row(.known) { $0.actual = wrongName }, permitting([.create]))
        ),
        (
            "existing, the address agrees", "associate planned → present",
            decided(row(.existing) { ($0.desired, $0.actual, $0.mails) = (withMail, unmarked, "\nada@corp.example\n") })
        ),
        (
            "existing, only the name agrees", "– held existing.matching → held",
            decided(row(.existing) { ($0.actual) = #"{"active":true,"userName":"ada"}"# })
        ),
        (
            "existing, let go by the operator", "associate planned → present",
            decided(row(.existing) { ($0.actual) = #"{"active":true,"userName":"ada"}"# }) {
                $0.accepted = ["user:ada"]
            }
        ),
        (
            "existing, shows a right", "– held existing.matching → held",
            decided(
                row(.existing) {
                    ($0.desired, $0.actual, $0.mails, $0.rights) = (
                        withMail, unmarked, "\nada@corp.example\n", "roles: owner"
                    )
                })
        ),
        (
            "existing, existing: conflict", "– conflict → held",
            decided(row(.existing) { $0.desired = withMail }) { $0.terms.existing.rules = [.user: .conflict] }
        ),
        (
            "existing, existing: associate", "associate planned → present",
            decided(row(.existing) { $0.actual = #"{"active":true,"userName":"ada"}"# }) {
                $0.terms.existing.rules = [.user: .associate]
            }
        ),
        ("existing, declined", "– noted → held", decided(row(.existing)) { $0.terms.existing.decline = ["ada"] }),
        (
            "existing, disabled on the target", "– held existing.disabled → held",
            decided(row(.existing) { $0.actualActive = false })
        ),
        (
            "existing, disabled in the source", "associate planned + disable planned → present",
            decided(
                row(.existing) {
                    ($0.desired, $0.desiredActive, $0.actual) = (
                        disabled, false, #"{"active":true,"displayName":"Ada","userName":"ada"}"#
                    )
                }
            ) {
                $0.terms.existing.rules = [.user: .associate]
            }
        ),
        (
            "existing, the platform takes over by itself", "– conflict → held",
            decided(row(.existing)) { $0.platform.namesakes = .overwrite }
        ),
        (
            "foreign: another owner's mark", "– conflict → held",
            decided(row(.foreign) { $0.nameMatchExternalID = "another" })
        ),
        (
            "ambiguous", "– held ambiguous → held",
            decided(row(.ambiguous) { ($0.externalIDMatch, $0.nameMatch) = ("t1", "t2") })
        ),
        // R9, R33: a change of access is an operation of its own, and first.
        ("in step", "nothing → present", decided(row(.inStep))),
        ("changed", "update planned → present", decided(row(.changed) { $0.actual = wrongName })),
        (
            "changed, disabled in the source", "disable planned → present",
            decided(row(.changed) { ($0.desired, $0.desiredActive) = (disabled, false) })
        ),
        (
            "changed, disabled and renamed", "disable planned + update planned → present",
            decided(
                row(.changed) {
                    ($0.desired, $0.desiredActive) = (
                        #"{"active":false,"displayName":"Ada B","externalId":"id_ada","userName":"ada"}"#, false
                    )
                })
        ),
        (
            "changed, disabled, source incomplete", "disable held source incomplete → present",
            decided(row(.changed) { ($0.desired, $0.desiredActive) = (disabled, false) }, withoutSource)
        ),
        (
            "changed, a value is taken away, source incomplete", "update held source incomplete → present",
            decided(
                row(.changed) {
                    ($0.desired, $0.actual) = (
                        #"{"active":true,"displayName":null,"externalId":"id_ada","userName":"ada"}"#, $0.actual
                    )
                }, withoutSource)
        ),
        (
            "changed, what the platform never changes", "– held immutable → present",
            decided(row(.changed) { $0.desired = renamed }) { $0.platform.immutable = [.user: ["userName"]] }
        ),
        (
            "changed, to a protected name", "– held protect → present",
            decided(row(.changed) { ($0.desired, $0.desiredKey, $0.isNameProtected) = (renamed, "ada2", true) })
        ),
        (
            "returned", "update planned → present",
            decided(row(.returned) { ($0.actual, $0.actualActive) = (disabled, false) })
        ),
        ("returned, in step", "link planned → present", decided(row(.returned))),
        // R7: what cannot be read holds the record, never its disabling.
        (
            "unacceptable", "– held unacceptable → held",
            decided(row(.unacceptable) { $0.problem = "userName: has no value" })
        ),
        (
            "unacceptable, linked and disabled", "disable planned + – held unacceptable → held",
            decided(
                row(.unacceptable) {
                    ($0.problem, $0.isLinked, $0.targetID, $0.desiredActive, $0.actual, $0.actualActive) = (
                        "x", true, "t1", false, "{}", true
                    )
                })
        ),
        ("collision", "– held collision → held", decided(row(.collision) { $0.rival = "id_bo" })),
        (
            "an attribute that cannot be sent", "update planned + – held attribute → present",
            decided(row(.changed) { ($0.actual, $0.flaw) = (wrongName, "phoneNumbers: no number") })
        ),
        // R17, R32: not seen is a question.
        (
            "missing, the target says that it is gone", "create planned → present",
            decided(row(.missing) { $0.isGoneFromTarget = true })
        ),
        ("missing, not known to be gone", "create held target incomplete → held", decided(row(.missing))),
        (
            "missing, disabled in the source", "unlink planned → held",
            decided(row(.missing) { ($0.isGoneFromTarget, $0.desiredActive) = (true, false) })
        ),
        ("gone from both", "unlink planned → none", decided(row(.gone) { $0.isGoneFromTarget = true })),
        (
            "gone from both, source incomplete", "nothing → held",
            decided(row(.gone) { $0.isGoneFromTarget = true }, withoutSource)
        ),
        ("gone from the source, the target was not asked", "nothing → held", decided(row(.gone))),
        // R13, R16, R18: leaving.
        (
            "leaver: deleted when its term is over", "delete planned → leaving",
            decided(row(.leaver)) { $0.terms.leavers.delete = .days(30) }
        ),
        (
            "leaver: the term runs, disabled at once", "disable planned → leaving",
            decided(row(.leaver) { $0.leftSince = "2026-11-20T00:00:00Z" })
        ),
        (
            "leaver: the term runs, disabled already", "– noted → leaving",
            decided(row(.leaver) { ($0.leftSince, $0.actualActive) = ("2026-11-20T00:00:00Z", false) })
        ),
        ("leaver: seen absent on too few days", "disable planned → leaving", decided(row(.leaver) { $0.leftDays = 1 })),
        (
            "leaver: the clock is in doubt", "disable planned → leaving",
            decided(row(.leaver)) { $0.found.isClockDoubtful = true }
        ),
        (
            "leaver: associated, so never deleted", "disable planned → leaving",
            decided(row(.leaver) { $0.origin = .associated })
        ),
        ("leaver: found, so never deleted", "disable planned → leaving", decided(row(.leaver) { $0.origin = .found })),
        (
            "leaver: associated, deleteAssociated", "delete planned → leaving",
            decided(row(.leaver) { $0.origin = .associated }) { $0.terms.leavers.deleteAssociated = true }
        ),
        (
            "leaver: never disabled, never deleted", "– noted → held",
            decided(row(.leaver)) { ($0.terms.leavers.disable, $0.terms.leavers.delete) = (.never, .never) }
        ),
        ("leaver: source incomplete", "delete held source incomplete → held", decided(row(.leaver), withoutSource)),
        (
            "leaver: nobody could be asked", "delete held unconfirmed absence → held",
            decided(row(.leaver) { $0.isUnconfirmed = true })
        ),
        (
            "leaver: by a changed scope", "delete held scope change → held",
            decided(row(.leaver) { $0.isOutOfScope = true }) { $0.found.holdsScopeLeavers = true }
        ),
        (
            "leaver: delete not permitted", "delete held operations → held",
            decided(row(.leaver), permitting([.create, .update]))
        ),
        (
            "leaver: the source shrank", "delete held source size → held",
            decided(row(.leaver)) { $0.found.sizeHold = "half is gone" }
        ),
        (
            "leaver: the source shrank, and it was asked for", "delete planned → leaving",
            decided(row(.leaver) { $0.isConfirmedGone = true }) { $0.found.sizeHold = "half is gone" }
        ),
        (
            "leaver: no active flag, the term runs", "– noted → leaving",
            decided(row(.leaver) { $0.leftSince = "2026-11-20T00:00:00Z" }) { $0.platform.hasActiveFlag = false }
        ),
        (
            "leaver: in a group of a platform that keeps members", "disable planned → leaving",
            decided(row(.leaver) { $0.hasMembers = true }) {
                $0.platform.usersMustLeaveGroups = true
                $0.terms.fullPush = [.user]
            }
        ),
        (
            "leaver: deleted before, and it still stands", "disable planned + delete planned → leaving",
            decided(row(.leaver) { $0.isSurvivor = true })
        ),
        // R1, R9, R20: protected, taken, restored.
        ("protected", "– held protect → held", decided(row(.protected))),
        ("taken: another mark, wanted", "– conflict → held", decided(row(.taken) { $0.targetExternalID = "another" })),
        (
            "taken, and the source lets it in no more", "– conflict keeps access → held",
            decided(row(.taken) { ($0.targetExternalID, $0.desiredActive) = ("another", false) })
        ),
        (
            "taken, taken back by the operator", "update planned → present",
            decided(
                row(.taken) {
                    ($0.targetExternalID, $0.actual) = (
                        "another", #"{"active":true,"displayName":"Ada","externalId":"another","userName":"ada"}"#
                    )
                }
            ) {
                $0.found.takesBack = ["ada"]
            }
        ),
        (
            "restored by an undo", "– held undo → held",
            decided(row(.changed) { ($0.actual, $0.isRestored) = (wrongName, true) })
        ),
        (
            "disabled in the source, the platform cannot", "– noted → present",
            decided(row(.inStep) { $0.isDisabled = true }) { $0.platform.hasActiveFlag = false }
        ),
        (
            "disabled in the source, the platform cannot: leaves", "delete planned → leaving",
            decided(
                row(.inStep) {
                    ($0.isDisabled, $0.leftSince, $0.leftDays) = (true, "2026-10-01T00:00:00Z", 9)
                }
            ) {
                $0.platform.hasActiveFlag = false
                $0.terms.leavers.disabledAsLeaver = true
            }
        ),
        ("not ours", "nothing → none", decided(row(.unmanaged))),
        // Groups.
        ("a group, absent", "create planned → present", decided(row(.absent, .group))),
        (
            "a group that left, its members may not be removed", "delete held operations → held",
            decided(row(.leaver, .group) { $0.hasMembers = true }) {
                $0.platform.groupsMustBeEmpty = true
                $0.terms.operations[.group] = [.create, .delete]
            }
        ),
        ("a group that left", "delete planned → leaving", decided(row(.leaver, .group))),
    ]

    @Test(
        "every situation, under each permission and proof that matters to it, comes to what the table says",
        arguments: table.indices)
    func decisions(_ index: Int) {
        #expect(Self.table[index].got == Self.table[index].wanted, "\(Self.table[index].line)")
    }

    @Test("the table has every situation, and every hold that policy can name")
    func everySituation() {
        let holds: Set<HoldReason> = Set(HoldReason.allCases).subtracting([
            // Of what is judged elsewhere: names among one another, groups, limits, refusals, an undo's own.
            .keptName, .groupUnproven, .giving, .limit, .putOff, .losses, .notRestorable,
        ])
        for hold in holds { #expect(Self.table.contains { $0.wanted.contains(" \(hold.rawValue)") }, "\(hold)") }
        #expect(Set(Self.table.map(\.line)).count == Self.table.count)
    }
}
