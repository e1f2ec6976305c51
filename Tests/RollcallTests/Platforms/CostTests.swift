import Emulation
import Foundation
import HTTP
import JSON
import Jobs
import Ledger
import Rehearsal
import SCIM
import Simulation
import Testing

@testable import Reconciliation

/// What a run costs in requests, at sizes at which it matters.
extension ConformanceTests {
    @Test("AWS: memberships cost a request for each group, not for each user, and drift in them is seen")
    func membershipsByFilter() async throws {
        let platform = Platform(name: "aws-identity-center", rules: .aws)
        let world = try platform.world()
        world.directory.people = people(400)
        world.directory.teams = (0..<10).map { team in
            Team(
                id: "g\(team)", name: "Team-\(team)",
                members: Set((0..<100).map { "user_person\((team * 37 + $0) % 400)" }))
        }
        #expect(try await world.run().report.exit == .inStep)
        func cost(_ body: () async throws -> World.Result) async throws -> (Int, World.Result) {
            let before = world.client.service.requests
            let result = try await body()
            return (world.client.service.requests - before, result)
        }
        // The first reading proves the filter; from then on: pages of users, of groups, and one for each group.
        _ = try await world.plan()
        let (quiet, plan) = try await cost { try await world.plan() }
        #expect(plan.report.headline.hasPrefix("No changes.") && quiet == 4 + 1 + 10, "\(quiet): \(plan.told)")
        let group = try #require(world.group("Team-3")?["id"]?.string)
        let victim = try #require(world.user("person111")?["id"]?.string)
        world.client.change { service in
            try? service.meddle(.group, group) {
                $0["members"] = .array(($0["members"]?.array ?? []).filter { $0["value"]?.string != victim })
            }
        }
        let (_, drift) = try await cost { try await world.run() }
        #expect(drift.operations.contains { $0.verb == .addMembers && $0.members.count == 1 }, "\(drift.told)")
        #expect(try await world.plan().report.headline.hasPrefix("No changes."))
        // A filter that is refused gives way to the one that is proven.
        world.client.change { $0.options.vendor.refusesGroupsFilter = true }
        let (refused, again) = try await cost { try await world.plan() }
        #expect(again.report.headline.hasPrefix("No changes.") && refused > 400, "\(refused): \(again.told)")
    }

    @Test(
        """
        1,000 accounts made by hand, 300 of them under names of the source: each platform does what the product \
        table says
        """,
        arguments: Platform.all)
    func thousand(platform: Platform) async throws {
        let world = try platform.world()
        world.directory.people = people(300)
        for number in 0..<1000 {
            try world.plant(
                .user,
                [
                    "userName": .string("person\(number)"), "displayName": "Made by hand",
                    "name": ["givenName": "Made", "familyName": "by hand"],
                    "emails": [["type": "work", "value": .string("hand\(number)@corp.example"), "primary": true]],
                ])
        }
        let before = Picture(world)
        let result = try await world.run()
        let after = Picture(world)
        let changed = Set(
            before.users.filter { after.users[$0.key] != $0.value }.compactMap { $0.value["userName"]?.string })
        let rules = platform.rules ?? VendorRules()
        let isConflict = !rules.takesOver && (rules.hidesUnmanaged || !rules.writesToUnmanaged)
        #expect(
            changed == (isConflict ? [] : Set((0..<300).map { "person\($0)" })),
            "\(platform.name): \(changed.count); \(result.report.headline)")
        #expect(after.users.count == 1000)
        #expect(result.report.exit == (isConflict ? .recordsFailed : .inStep), "\(result.report.headline)")
        tell(
            platform, "1,000 existing, 300 named alike",
            isConflict ? "300 conflicts" : rules.takesOver ? "300 take-overs" : "300 associations")
    }

    @Test(
        "the same by the default rule: held one by one where nothing but the name agrees, and let go by a list of names"
    )
    func thousandMatched() async throws {
        let platform = Platform(name: "generic", rules: nil)
        let world = try platform.world(Platform.generous + "\nexisting: matching")
        world.directory.people = people(300)
        for number in 0..<1000 {
            try world.plant(
                .user,
                [
                    "userName": .string("person\(number)"),
                    "emails": [["type": "work", "value": .string("hand\(number)@corp.example")]],
                ])
        }
        let before = Picture(world)
        let held = try await world.run()
        #expect(
            held.report.exit == .recordsFailed && held.operations.filter { $0.heldBy == .namesake }.count == 300
                && Picture(world) == before, "\(held.report.headline)")
        world.permissions.acceptAssociation = Set((0..<300).map { "user:person\($0)" })
        let result = try await world.run()
        #expect(
            result.report.exit == .inStep
                && result.operations.filter { $0.verb == .associate && $0.status == .done }.count == 300,
            "\(result.report.headline)")
    }

    @Test("AWS: 10,000 users and 500 groups of 100 cost what the design allows")
    func costOnAWS() async throws {
        let platform = Platform(name: "aws-identity-center", rules: .aws)
        let world = try platform.world()
        world.directory.people = people(10_000)
        world.directory.teams = (0..<500).map { team in
            Team(
                id: "g\(team)", name: "Team-\(team)",
                members: Set((0..<100).map { "user_person\((team * 37 + $0) % 10_000)" }))
        }
        func cost(_ body: () async throws -> World.Result) async throws -> (Int, World.Result) {
            let before = world.client.service.requests
            let result = try await body()
            return (world.client.service.requests - before, result)
        }
        let (first, run) = try await cost { try await world.run() }
        #expect(run.report.exit == .inStep && first <= 11_200, "\(first): \(run.report.headline)")
        let (proving, _) = try await cost { try await world.plan() }
        let (quiet, plan) = try await cost { try await world.plan() }
        #expect(
            plan.report.headline.hasPrefix("No changes.") && quiet <= 610 && proving <= 612,
            "\(proving), \(quiet): \(plan.report.headline)")
        world.directory.teams[0].members.insert("user_person9999")
        let (one, _) = try await cost { try await world.run() }
        #expect(one <= 612, "\(one)")
        print(
            """
            matrix: requests on AWS · first sync \(first) · proving \(proving) · nothing to do \(quiet) · one \
            membership \(one)
            """
        )
    }
}
