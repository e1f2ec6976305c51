import Emulation
import Foundation
import HTTP
import JSON
import Reconciliation
import Rehearsal
import SCIM
import Simulation
import Testing

/// R33: writes whose parts have different fates. Root 4 of what foreign servers taught, by its numbers.
@Suite struct PartsTests {
    private func settled(
        _ people: Int, _ habits: Set<Habit>,
        extra: String =
            "limits: { source.shrink: none, users.disable: none, users.delete: none, memberships.remove: none }"
    ) async throws
        -> World
    {
        let world = try World(job: World.job(extra))
        world.directory.people = (1...people).map { .named("person\($0)") }
        world.directory.teams = [Team(id: "group_ops", name: "ops", members: Set(world.directory.people.map(\.id)))]
        #expect(try await world.run().report.exit == .inStep)
        world.client.change { $0.options.habits = habits }
        return world
    }

    /// A server that refuses a telephone number, in words of its own.
    private func withoutPhones(_ words: String) throws -> World {
        try World { request, _ in
            guard [.post, .patch].contains(request.head.method),
                String(decoding: request.body, as: UTF8.self).contains("13800000001")
            else { return nil }
            return .answered(
                EmulatedResponse(status: 400, body: Array(#"{"status":"400","detail":"\#(words)"}"#.utf8)))
        }
    }

    @Test(
        "R33: an attribute that is refused keeps no account from being made, with all the others, and is named",
        arguments: ["phoneNumbers: not a number of this country", "Validation failed"])
    func created(words: String) async throws {
        let world = try withoutPhones(words)
        world.directory.people = [.named("ada"), .named("bo")]
        world.directory.people[0].phone = "13800000001"
        world.directory.teams = [Team(id: "g", name: "ops", members: ["user_ada", "user_bo"])]
        let result = try await world.run()
        let ada = try #require(world.user("ada"))
        // Where the words name no attribute, it is made with the least, and the next night sends the others.
        let isNamed = words.contains("phone")
        #expect((ada["emails"]?.array?.isEmpty == false) == isNamed, "\(ada)")
        #expect(world.members("ops") == ["ada", "bo"])
        let row = try #require(result.operations.first { $0.name == "ada" })
        #expect(
            row.status == .failed && row.reason.hasPrefix("made, without")
                && row.reason.contains(isNamed ? "phoneNumbers[work]" : "attributes"),
            "\(row.reason)")
        #expect(result.report.exit == .recordsFailed)
        // It is the same account, and nothing but the number is tried again.
        if !isNamed { try await world.run() }
        let again = try await world.run()
        #expect(world.documents(.user).count == 2)
        #expect(
            world.user("ada")?["emails"]?.array?.isEmpty == false && world.user("ada")?["name"]?["familyName"] != nil)
        #expect(
            again.operations.allSatisfy {
                $0.verb != .create && $0.fields.allSatisfy { $0.path == "phoneNumbers[work]" }
            },
            "\(again.operations)")
    }

    @Test("R33: a create whose name is refused fails as one, and leaves nothing")
    func refusedName() async throws {
        var options = ServiceOptions()
        options.refused = ["ada"]
        let world = try World(options: options)
        world.directory.people = [.named("ada"), .named("bo")]
        let result = try await world.run()
        #expect(world.user("ada") == nil && world.user("bo") != nil)
        #expect(result.operations.first { $0.name == "ada" }?.status == .failed)
    }

    @Test("4.1: a disabling does not wait for a rename that is refused, nor for an address")
    func disabling() async throws {
        let world = try await settled(3, [.refusesWholePatch])
        world.directory.people[0].username = "renamed"
        world.directory.people[0].email = "new@corp.example"
        world.directory.people[0].status = "disabled"
        let result = try await world.run()
        #expect(world.user("person1")?["active"] == false)
        #expect(result.report.exit == .recordsFailed)
    }

    @Test("4.1: somebody who comes back is enabled, whatever else is refused; active alone is what some platforms take")
    func enabling() async throws {
        for habit in [Habit.refusesWholePatch, .refusesActiveWithOthers] {
            let world = try await settled(3, [habit])
            world.directory.people[0].status = "disabled"
            _ = try await world.run()
            #expect(world.user("person1")?["active"] == false)
            world.directory.people[0].status = "enabled"
            if habit == .refusesWholePatch {
                world.directory.people[0].username = "renamed"
            } else {
                world.directory.people[0].displayName = "Another Name"
            }
            let result = try await world.run()
            #expect(world.user("person1")?["active"] == true, "\(habit): \(result.report.details)")
            if habit == .refusesActiveWithOthers { #expect(result.report.exit == .inStep) }
        }
    }

    @Test(
        """
        R28, 4.3: a name that a leaver's account keeps is not asked for; the rest of the record goes on, and so \
        does what waits for the name behind it
        """
    )
    func keptName() async throws {
        let world = try World(
            job: World.job(
                """
                leavers: { disable: immediately, delete: never }\nlimits: { source.shrink: none, users.disable: \
                none, users.delete: none, memberships.remove: none }
                """
            ))
        world.directory.people = ["gone", "second", "third"].map { .named($0) }
        #expect(try await world.run().report.exit == .inStep)
        world.directory.people.removeFirst()
        world.directory.people[0].username = "gone"
        world.directory.people[0].displayName = "Another Name"
        world.directory.people[1].username = "second"
        world.directory.people.append(.named("fourth"))
        world.directory.people[2].username = "third"
        let plan = try await world.plan()
        let held = plan.operations.filter { $0.status == .held || $0.status == .conflict }
        #expect(
            Set(held.compactMap(\.sourceID)) == ["user_second", "user_third", "user_fourth"], "\(plan.report.details)")
        #expect(
            held.contains {
                $0.sourceID == "user_second" && $0.reason.contains("linked to user_gone")
                    && $0.reason.contains("rename or delete")
            }, "\(held.map(\.reason))")
        let result = try await world.run()
        #expect(!result.operations.contains { $0.status == .failed }, "\(result.report.details)")
        #expect(world.user("second")?["displayName"] == "Another Name")
        #expect(world.user("gone")?["active"] == false)
        #expect(
            Set(["gone", "second", "third"].compactMap { world.user($0)?["externalId"]?.string }) == [
                "user_gone", "user_second", "user_third",
            ])
    }

    @Test("13 D7: a value of more than 8 KiB is left out and named; a name of that length holds its record")
    func longValues() async throws {
        let world = try World(job: World.job())
        world.directory.people = ["ada", "bo"].map { .named($0) }
        world.directory.people[0].displayName = String(repeating: "界", count: 3000)
        world.directory.people[1].username = String(repeating: "b", count: 9000)
        let result = try await world.run()
        #expect(
            world.user("ada")?["displayName"] == nil && world.user("ada") != nil && world.documents(.user).count == 1)
        #expect(
            result.operations.contains { $0.reason.contains("displayName: has 9000 bytes") }
                && result.operations.contains { $0.reason.contains("userName: has 9000 bytes") },
            "\(result.report.details)")
    }

    @Test("4.2: a refused rename does not stop the person's memberships, removals included")
    func memberships() async throws {
        let world = try await settled(4, [.refusesWholePatch])
        world.directory.people[0].username = "renamed"
        world.directory.teams[0].members.remove("user_person1")
        world.directory.teams.append(Team(id: "group_new", name: "new", members: ["user_person1"]))
        let result = try await world.run()
        #expect(world.members("ops") == ["person2", "person3", "person4"])
        #expect(world.members("new") == ["person1"])
        #expect(!result.operations.contains { $0.reason.contains("none of the members") })
    }

    @Test("4.6: one member that may not be removed keeps none of the others in")
    func removals() async throws {
        let world = try await settled(8, [.oneMemberRefusesAll])
        let victim = try #require(world.client.service.victim(.user))
        let name = try #require(world.documents(.user).first { $0["id"]?.string == victim }?["userName"]?.string)
        world.directory.teams[0].members = ["user_person8", "user_person7"]
        let result = try await world.run()
        #expect(world.members("ops") == ["person7", "person8", name])
        #expect(result.report.exit == .recordsFailed)
        #expect(
            result.operations.contains { $0.verb == .removeMembers && $0.reason.contains("refuses to remove 1 of") },
            "\(result.operations.map { $0.reason })")
    }
}
