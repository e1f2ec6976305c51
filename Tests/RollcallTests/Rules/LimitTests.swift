import Foundation
import JSON
import Reconciliation
import Rehearsal
import SCIM
import Testing

/// R24: limits on taking look back over seven days, limits on giving hold what they count. Root 5, by its numbers.
@Suite struct LimitTests {
    private func settled(_ people: Int = 100, _ extra: String = "limits: { source.shrink: none }") async throws -> World
    {
        let world = try World(job: World.job(extra))
        world.directory.people = (1...people).map { .named("person\($0)") }
        world.directory.teams = [Team(id: "group_all", name: "all", members: Set(world.directory.people.map(\.id)))]
        #expect(try await world.run().report.exit == .inStep)
        return world
    }

    private func active(_ world: World) -> Int { world.documents(.user).filter { $0["active"] == true }.count }

    private func leave(_ world: World, _ count: Int) {
        let gone = Set(world.directory.people.suffix(count).map(\.id))
        world.directory.people.removeLast(count)
        world.directory.teams[0].members.subtract(gone)
    }

    @Test(
        """
        5.2: five of a hundred vanish before each of twelve runs: the second is held, and so is every later one \
        of that week
        """
    )
    func slowly() async throws {
        let world = try await settled()
        var exits: [ExitCode] = []
        for _ in 1...12 {
            leave(world, 5)
            exits.append(try await world.run().report.exit)
        }
        #expect(exits[0] == .inStep && exits[1...].allSatisfy { $0 == .held }, "\(exits)")
        #expect(active(world) == 95)
        let held = try await world.plan()
        #expect(
            held.report.details.contains {
                $0.contains("users.disable: 55 planned") && $0.contains("--allow users.disable=")
            }, "\(held.report.details)")
    }

    @Test(
        """
        a little more within seven days is too much, and is not once a week has passed, or where the job looks at \
        one run alone
        """,
        arguments: ["week", "run", "later"])
    func window(what: String) async throws {
        let world = try await settled(100, "limits: { source.shrink: none\(what == "run" ? ", window: run" : "") }")
        leave(world, 4)
        #expect(try await world.run().report.exit == .inStep)
        if what == "later" { world.clock.advance(by: 8 * 86400) }
        leave(world, 4)
        let result = try await world.run()
        #expect(result.report.exit == (what == "week" ? .held : .inStep), "\(result.report.details)")
        if what == "week" {
            #expect(
                result.report.details.contains {
                    $0.contains("users.disable: 4 planned, 8 with those of the last seven days")
                }, "\(result.report.details)")
            // What was let go does not count the next time.
            world.permissions.allow = [.usersDisable: 4]
            #expect(try await world.run().report.exit == .inStep)
            world.permissions.allow = [:]
            leave(world, 1)
            #expect(try await world.run().report.exit == .inStep)
        }
    }

    @Test("whoever is enabled again, or was given back by an undo, counts no more", arguments: [true, false])
    func back(byUndo: Bool) async throws {
        let world = try await settled()
        let before = world.directory
        for index in 0..<5 { world.directory.people[index].status = "disabled" }
        let run = try await world.run()
        if byUndo {
            #expect(
                try await world.invoke(.undo(run: try world.ledger.plan(run.report.plan)?.run ?? 0, writes: true))
                    .report.exit == .inStep)
        }
        world.directory = before
        #expect(try await world.run().report.exit == .inStep)
        for index in 10..<15 { world.directory.people[index].status = "disabled" }
        let result = try await world.run()
        #expect(result.report.exit == .inStep, "\(result.report.details)")
        #expect(active(world) == 95)
    }

    @Test("deletes and removals look back, too")
    func others() async throws {
        let world = try await settled(
            100,
            """
            limits: { source.shrink: none, users.disable: none, users.delete: 5, memberships.remove: 9 \
            }\nleavers: { delete: immediately }
            """
        )
        leave(world, 3)
        #expect(try await world.run().report.exit == .inStep)
        leave(world, 3)
        #expect(
            try await world.run().report.details.contains {
                $0.contains("users.delete: 3 planned, 6 with those of the last seven days")
            })
        let other = try await settled(100, "limits: { source.shrink: none, memberships.remove: 9 }")
        other.directory.teams[0].members.remove("user_person1")
        for number in 2...6 { other.directory.teams[0].members.remove("user_person\(number)") }
        #expect(try await other.run().report.exit == .inStep)
        for number in 7...12 { other.directory.teams[0].members.remove("user_person\(number)") }
        #expect(
            try await other.run().report.details.contains {
                $0.contains("memberships.remove: 6 planned, 12 with those of the last seven days")
            })
    }

    @Test("a limit on giving holds all of what it counts and nothing else, and the run is applied with 3")
    func giving() async throws {
        let world = try await settled(20)
        world.jobText = World.job(
            "limits: { source.shrink: none, users.create: 2, users.disable: none, memberships.add: 1 }")
        world.directory.people += (21...23).map { .named("person\($0)") }
        world.directory.people[0].status = "disabled"
        world.directory.people[1].displayName = "Another Name"
        world.directory.teams.append(
            Team(id: "group_new", name: "new", members: ["user_person2", "user_person3", "user_person21"]))
        let result = try await world.run()
        #expect(result.report.exit == .recordsFailed && world.documents(.user).count == 20)
        #expect(
            world.user("person1")?["active"] == false && world.user("person2")?["displayName"] == "Another Name"
                && world.group("new") != nil)
        #expect(world.members("new").isEmpty)
        #expect(
            result.report.details.contains {
                $0.contains("users.create: 3 planned") && $0.contains("all of them are held, and the rest goes on")
            }, "\(result.report.details)")
        world.permissions.allow = [.usersCreate: 3, .membershipsAdd: 3]
        #expect(try await world.run().report.exit == .inStep)
        #expect(world.members("new").count == 3)
    }

    @Test("5.2: a number that is far beyond what is planned is told, and what was allowed is kept with the run")
    func farBeyond() async throws {
        let world = try await settled(20)
        world.permissions.allow = [.usersDisable: 100_000]
        leave(world, 2)
        let result = try await world.run()
        #expect(
            result.report.details.contains {
                $0.contains("--allow users.disable=100000 is more than twice the 2 that are planned")
            }, "\(result.report.details)")
        world.permissions.allow = [.usersDisable: 2]
        leave(world, 2)
        #expect(try await !world.run().report.details.contains { $0.contains("more than twice") })
    }
}
