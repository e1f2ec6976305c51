import Emulation
import Foundation
import JSON
import Jobs
import Ledger
import Planning
import Rehearsal
import SCIM
import Simulation
import Testing

@testable import Reconciliation

/// R11 to R22: what is taken away, and what must be proven before it is.
extension RuleTests {
    @Test("R11: nothing is taken away without the proof of a complete read, and the rest goes on")
    func r11() async throws {
        let world = try World(
            job: World.job(
                """
                leavers: { disable: immediately, delete: immediately }\nlimits: { source.shrink: none, \
                users.delete: none, users.clear: none, users.disable: none, memberships.remove: none }
                """
            ))
        world.directory.people = crowd(4)
        world.directory.teams = [Team(id: "group_1", name: "Ops", members: ["user_person0", "user_person1"])]
        try await world.run()
        // A leaver, a disabling, a clearing and a removal, in a read whose members do not resolve.
        world.directory.people.remove(at: 3)
        world.directory.people[0].status = "disabled"
        world.directory.people[1].email = nil
        world.directory.people[2].displayName = "Seen And Changed"
        world.directory.people.append(.named("newcomer"))
        world.directory.teams[0].members = ["user_person0", "user_unknown"]
        let result = try await world.run()
        #expect(result.report.exit == .sourceIncomplete)
        #expect(world.user("person3") != nil)
        #expect(world.user("person0")?["active"] == true)
        #expect(world.user("person1")?["emails"] != nil)
        #expect(world.members("Ops") == ["person0", "person1"])
        #expect(world.user("person2")?["displayName"] == "Seen And Changed")
        #expect(world.user("newcomer") != nil)
        #expect(result.operations.filter { $0.heldBy == .sourceIncomplete }.count == 4)
        #expect(result.report.details.contains { $0.contains("user_unknown") })
        // What was held is not forgotten: the next complete read lets it go, also where half of a record was written.
        world.directory.people[1].displayName = "Half Written"
        #expect(try await world.run().report.exit == .sourceIncomplete)
        #expect(world.user("person1")?["displayName"] == "Half Written" && world.user("person1")?["emails"] != nil)
        world.directory.teams[0].members = ["user_person0"]
        #expect(try await world.run().report.exit == .inStep)
        #expect(
            world.user("person3") == nil && world.user("person0")?["active"] == false
                && world.user("person1")?["emails"] == nil)
        #expect(world.members("Ops") == ["person0"])
    }

    @Test("R12: a hold does not release itself on the second night, and none where there were some is incomplete")
    func r12() async throws {
        let world = try World(job: World.job("leavers: { disable: immediately, delete: immediately }"))
        world.directory.people = crowd(20)
        world.directory.teams = [Team(id: "group_1", name: "Ops", members: ["user_person0"])]
        try await world.run()
        let full = world.directory
        world.directory.people.removeLast(10)
        for _ in 1...3 { #expect(try await world.run().report.exit == .held) }
        #expect(world.documents(.user).count == 20)
        world.directory = full
        world.directory.teams = []
        for _ in 1...3 { #expect(try await world.run().report.exit == .sourceIncomplete) }
        #expect(world.group("Ops") != nil)
        world.directory = full
        world.directory.teams[0].members = []
        for _ in 1...2 { #expect(try await world.run().report.exit == .sourceIncomplete) }
        #expect(world.members("Ops") == ["person0"])
        world.permissions.acceptSourceChange = true
        world.permissions.allow = [.membershipsRemove: 1]
        #expect(try await world.run().report.exit == .inStep)
        #expect(world.members("Ops").isEmpty)
        world.directory.people = []
        #expect(try await world.run().report.exit == .sourceIncomplete)
        #expect(world.documents(.user).count == 20)
    }

    @Test("R13: a held member keeps its memberships, strangers and old members of an associated group stay")
    func r13() async throws {
        let world = try World()
        world.directory.people = [.named("ada"), .named("bo"), .named("chen"), .named("dara")]
        let stranger = try world.plant(.user, ["userName": "zoe"])
        try world.plant(.group, ["displayName": "Old", "members": [["value": .string(stranger)]]])
        world.directory.teams = [
            Team(id: "group_1", name: "Ops", members: ["user_ada", "user_bo", "user_chen"]),
            Team(id: "group_2", name: "Old", members: ["user_dara"]),
        ]
        try await world.run()
        #expect(world.members("Old") == ["zoe", "dara"])
        let ops = try #require(world.group("Ops")?["id"]?.string)
        try world.client.change { service in
            try service.meddle(.group, ops) {
                $0["members"] = .array(($0["members"]?.array ?? []) + [["value": .string(stranger)]])
            }
        }
        // ada and a newcomer now want one name: both are held. bo leaves the group because the source says so.
        world.directory.people.append(.named("ADA", id: "user_twin"))
        world.directory.teams[0].members = ["user_chen"]
        world.directory.teams[1].members = []
        let result = try await world.run()
        #expect(result.situation("ada") == .collision)
        #expect(world.members("Ops") == ["ada", "chen", "zoe"])
        #expect(world.members("Old") == ["zoe"])
        #expect(result.report.details.contains { $0.contains("not from the source") && $0.contains("memberships") })
    }

    @Test("R13: exclusive memberships take strangers out")
    func r13exclusive() async throws {
        let world = try World(
            job: World.job("memberships: exclusive\nlimits: { source.shrink: none, memberships.remove: none }"))
        world.directory.people = [.named("ada")]
        world.directory.teams = [Team(id: "group_1", name: "Ops", members: ["user_ada"])]
        try await world.run()
        let stranger = try world.plant(.user, ["userName": "zoe"])
        let ops = try #require(world.group("Ops")?["id"]?.string)
        try world.client.change {
            try $0.meddle(.group, ops) {
                $0["members"] = .array(($0["members"]?.array ?? []) + [["value": .string(stranger)]])
            }
        }
        try await world.run()
        #expect(world.members("Ops") == ["ada"])
    }

    @Test(
        "R16: an associated account is disabled when it leaves, and deleted only if the job says so",
        arguments: [false, true])
    func r16(deletes: Bool) async throws {
        let world = try World(
            job: World.job(
                """
                leavers: { disable: immediately, delete: immediately\(deletes ? ", associated: delete" : "") \
                }\nlimits: { source.shrink: none, users.delete: none, users.disable: none, memberships.remove: \
                none }
                """
            ))
        world.directory.people = [.named("ada"), .named("bo"), .named("chen")]
        try world.plant(.user, ["userName": "ada"])
        try await world.run()
        world.directory.people = [.named("chen")]
        try await world.run()
        #expect(world.user("bo") == nil)
        #expect((world.user("ada") == nil) == deletes)
        if !deletes { #expect(world.user("ada")?["active"] == false) }
        #expect(try await world.plan().report.headline.hasPrefix("No changes."))
    }

    @Test("R17: a leaver that is gone from the target too is only unlinked, and a hold never delays a disabling")
    func r17() async throws {
        let world = try World()
        world.directory.people = [.named("ada"), .named("bo"), .named("chen")]
        try await world.run()
        let ada = try #require(world.user("ada")?["id"]?.string)
        world.client.change { $0.remove(.user, ada) }
        world.directory.people = [.named("bo", status: "disabled"), .named("chen"), .named("BO", id: "user_twin")]
        let result = try await world.run()
        #expect(result.operations.contains { $0.verb == .unlink && $0.situation == .gone && $0.status == .done })
        #expect(try world.ledger.link(kind: .user, source: "user_ada") == nil)
        #expect(result.situation("bo") == .collision)
        #expect(world.user("bo")?["active"] == false)
    }

    @Test("R18: a target that lost many linked objects holds the job until it is accepted")
    func r18() async throws {
        let world = try World()
        world.directory.people = crowd(12)
        try await world.run()
        let ids = world.documents(.user).prefix(7).compactMap { $0["id"]?.string }
        world.client.change { service in for id in ids { service.remove(.user, id) } }
        for _ in 1...2 {
            let held = try await world.run()
            #expect(held.report.exit == .held)
            #expect(
                held.report.details.contains {
                    $0.contains("target.missing: 7 of 12") && $0.contains("--accept-target-change")
                })
        }
        #expect(world.documents(.user).count == 5)
        world.permissions.acceptTargetChange = true
        #expect(try await world.run().report.exit == .inStep)
        #expect(world.documents(.user).count == 12)
    }

    @Test("R16, R22: an association that was under way when the run was killed is still an association afterwards")
    func r22association() async throws {
        let isDown = Switch()
        isDown.isOn = true
        let world = try World { request, _ in isDown.isOn && request.head.method == .patch ? .answerLost : nil }
        try world.plant(.user, ["userName": "ada"])
        world.directory.people = [.named("ada"), .named("bo")]
        try await world.run()
        isDown.isOn = false
        try await world.run()
        #expect(try world.ledger.link(kind: .user, source: "user_ada")?.origin == .associated)
        #expect(try await world.plan().report.headline.hasPrefix("No changes."))
    }
}
