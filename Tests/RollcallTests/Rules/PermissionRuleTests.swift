import Planning
import Emulation
import Foundation
import JSON
import Jobs
import Ledger
import Rehearsal
import SCIM
import Simulation
import Testing

@testable import Reconciliation

/// R24 to R27: limits, scope and permission.
extension RuleTests {
    @Test("R24: limits count against links and what the plan links; five pass while they are at most half of the base")
    func r24() {
        #expect(Gate.allowance(.percent(5), base: 100) == 5)
        #expect(Gate.allowance(.percent(5), base: 1000) == 50)
        #expect(Gate.allowance(.percent(5), base: 10) == 5)
        #expect(Gate.allowance(.percent(5), base: 9) == 0)
        #expect(Gate.allowance(.percent(10), base: 39) == 5)
        #expect(Gate.allowance(.percent(0), base: 1000) == 0)
        #expect(Gate.allowance(.count(0), base: 1000) == 0)
        #expect(Gate.allowance(.unlimited, base: 1) == nil)
    }

    @Test("R24: a limit holds everything, says count, base, percent and flag, and --allow raises it for one run")
    func r24hold() async throws {
        let world = try World(job: World.job("limits: { source.shrink: none, users.disable: 10% }"))
        world.directory.people = crowd(60)
        try await world.run()
        world.directory.people.removeFirst(8)
        world.directory.people.append(.named("newcomer"))
        let plan = try await world.plan()
        #expect(plan.report.exit == .held)
        let run = try await world.run()
        #expect(run.report.exit == .held)
        #expect(world.user("newcomer") == nil)
        #expect(
            run.report.details.contains {
                $0.contains("users.disable: 8 planned (13.1 % of 61), limit 10 % = 6")
                    && $0.contains("--allow users.disable=8")
            })
        #expect(run.operations.allSatisfy { $0.status == .held && $0.heldBy == .limit })
        world.permissions.allow = [.usersDisable: 7]
        #expect(try await world.run().report.exit == .held)
        world.permissions.allow = [.usersDisable: 8]
        #expect(try await world.run().report.exit == .inStep)
        #expect(world.user("newcomer") != nil)
    }

    @Test("R24: over several jobs people are counted once, by the strictest percentage")
    func r24invocation() throws {
        func job(_ limit: String) throws -> Job {
            try Job.read(
                text: World.job("limits: { source.shrink: none, users.delete: \(limit) }"), path: "w.yaml",
                vocabulary: .current)
        }
        func entry(_ limit: String, _ planned: some Sequence<String>, _ managed: [String]) throws -> Gate.Entry {
            let planned = Array(planned)
            return Gate.Entry(
                name: "w", limits: try job(limit).limits,
                counts: Gate.Counts(counts: [.usersDelete: planned.count], bases: [.usersDelete: managed.count]),
                planned: { _ in planned },
                managed: { _ in managed })
        }
        let people = (0..<100).map { "user_\($0)" }
        let gate = Gate(allowed: [:])
        // One leaver on two targets is one leaver.
        #expect(
            try gate.judge(jobs: [entry("6%", people.prefix(6), people), entry("50%", people.prefix(6), people)])
                .isEmpty)
        // None alone exceeds its limit; together they take nine people of a hundred.
        let different = [try entry("6%", people[0..<5], people), try entry("50%", people[5..<9], people)]
        #expect(different.allSatisfy { gate.judge(job: $0.name, limits: $0.limits, $0.counts).isEmpty })
        #expect(try gate.judge(jobs: different).map(\.count) == [9])
        #expect(try Gate(allowed: [.usersDelete: 9]).judge(jobs: different).isEmpty)
    }

    @Test("R25: disabling by status and by leaving are one count, and associations can be limited")
    func r25() async throws {
        let world = try World(job: World.job("limits: { source.shrink: none, users.disable: 3, users.associate: 1 }"))
        try world.plant(.user, ["userName": "person0"])
        try world.plant(.user, ["userName": "person1"])
        world.directory.people = crowd(10)
        #expect(try await world.run().report.details.contains { $0.contains("users.associate: 2 planned") })
        world.permissions.allow = [.usersAssociate: 2]
        #expect(try await world.run().report.exit == .inStep)
        world.permissions.allow = [:]
        world.directory.people.removeLast(2)
        world.directory.people[4].status = "disabled"
        world.directory.people[5].status = "disabled"
        let held = try await world.run()
        #expect(held.report.exit == .held)
        #expect(held.report.details.contains { $0.contains("users.disable: 4 planned") })
    }

    @Test("R26: scope by groups; an unknown group is incomplete; a changed scope holds its leavers until accepted")
    func r26() async throws {
        func job(_ groups: String) -> String {
            World.job(
                "limits: { source.shrink: none, users.disable: none, memberships.remove: none, groups.delete: none }"
            ).replacingOccurrences(
                of: "path: directory.json", with: "path: directory.json, scope: { groups: \(groups) }")
        }
        let world = try World(job: job("[group_1, group_2]"))
        world.directory.people = crowd(4)
        world.directory.teams = [
            Team(id: "group_1", name: "Ops", members: ["user_person0", "user_person1"]),
            Team(id: "group_2", name: "Dev", members: ["user_person2"]),
            Team(id: "group_3", name: "Else", members: ["user_person3"]),
        ]
        #expect(try await world.run().report.exit == .inStep)
        #expect(Set(world.documents(.user).compactMap { $0["userName"]?.string }) == ["person0", "person1", "person2"])
        #expect(Set(world.documents(.group).compactMap { $0["displayName"]?.string }) == ["Ops", "Dev"])

        world.jobText = job("[group_1]")
        for _ in 1...2 {
            let held = try await world.run()
            #expect(held.operations.first { $0.name == "person2" }?.heldBy == .scopeChange)
            #expect(world.user("person2")?["active"] == true)
        }
        world.permissions.acceptScopeChange = true
        try await world.run()
        #expect(world.user("person2")?["active"] == false)
        world.permissions.acceptScopeChange = false
        #expect(try await world.plan().planned.isEmpty)

        world.jobText = job("[group_1, group_gone]")
        #expect(try await world.run().report.exit == .sourceIncomplete)
    }

    @Test("R26: scope by organizational units takes their descendants along")
    func r26units() async throws {
        let world = try World(
            job: World.job("").replacingOccurrences(
                of: "path: directory.json", with: "path: directory.json, scope: { organizationalUnits: [ou_top] }"))
        let document = """
            {"organizationalUnits": [{"organizationalUnitId": "ou_top"}, {"organizationalUnitId": "ou_low", \
            "parentId": "ou_top"}, {"organizationalUnitId": "ou_other"}],
             "users": [{"userId": "u1", "username": "ada", "status": "enabled", "organizationalUnits": \
             [{"organizationalUnitId": "ou_low"}]},
                       {"userId": "u2", "username": "bo", "status": "enabled", "organizationalUnits": ["ou_other"]}], \
                       "groups": []}
            """
        let result = try await world.plan(document: document)
        #expect(result.planned.map(\.name) == ["ada"])
    }

    @Test("R27: what operations do not permit is listed and held; a kind outside fullPush keeps its links")
    func r27() async throws {
        let world = try World(
            job: World.job(
                """
                operations: { users: [create], groups: [create, update] }\nlimits: { source.shrink: none, \
                memberships.remove: none }
                """
            ))
        world.directory.people = crowd(4)
        world.directory.teams = [Team(id: "group_1", name: "Ops", members: ["user_person0"])]
        try await world.run()
        world.directory.people[0].displayName = "Changed"
        world.directory.people.removeLast()
        let result = try await world.run()
        #expect(result.operation(.update, "person0")?.heldBy == .operations)
        #expect(
            result.operation(.disable, "person3")?.heldBy == .operations
                || result.operations.contains { $0.verb == .disable && $0.heldBy == .operations })
        #expect(world.user("person0")?["displayName"] == "Person0 Example")
        #expect(result.report.exit == .inStep)

        world.jobText = World.job("fullPush: [groups]\nlimits: { source.shrink: none, memberships.remove: none }")
        world.directory.people = crowd(2)
        world.directory.teams[0].members = ["user_person0", "user_person1"]
        let groups = try await world.run()
        #expect(groups.operations.allSatisfy { $0.kind == .group })
        #expect(world.members("Ops") == ["person0", "person1"])
        #expect(try world.ledger.linkCount(kind: .user) == 4)
        #expect(world.user("person3")?["active"] == true)
    }
}
