import Emulation
import Foundation
import JSON
import Reconciliation
import Rehearsal
import SCIM
import Planning
import Testing

@testable import Ledger

/// R12, R31, R40: what a smaller source holds, whose an account is where creates take over, and nobody keeps access in
/// silence.
@Suite struct SizeTests {
    private func settled(_ people: Int, _ extra: String = "limits: { users.disable: 15, memberships.remove: none }")
        async throws -> World
    {
        let world = try World(job: World.job(extra))
        world.directory.people = (1...people).map { .named("person\($0)") }
        world.directory.teams = [Team(id: "group_all", name: "all", members: Set(world.directory.people.map(\.id)))]
        #expect(try await world.run().report.exit == .inStep)
        return world
    }

    private func leave(_ world: World, _ count: Int) {
        let gone = Set(world.directory.people.suffix(count).map(\.id))
        world.directory.people.removeLast(count)
        world.directory.teams[0].members.subtract(gone)
    }

    @Test(
        """
        R12: a source that lost a third makes nobody and ends nothing that rests on absence; whoever it shows as \
        disabled is disabled all the same
        """
    )
    func shrunk() async throws {
        let world = try await settled(30)
        leave(world, 10)
        world.directory.people[0].status = "disabled"
        world.directory.people[1].displayName = "Another Name"
        world.directory.people.append(.named("fresh"))
        for _ in 1...2 {
            let result = try await world.run()
            #expect(
                result.report.exit == .held
                    && result.report.details.contains {
                        $0.contains("source.shrink: the source has 21 users in scope, 30")
                    }, "\(result.report.details)")
            #expect(
                world.user("person1")?["active"] == false && world.user("person2")?["displayName"] == "Another Name")
            #expect(
                world.documents(.user).filter { $0["active"] == true }.count == 29 && world.user("fresh") == nil
                    && world.members("all").count == 30)
        }
        // No term has begun for anybody who was held.
        #expect(try await !world.plan().report.details.contains { $0.contains("waiting for the end of the term") })
        world.permissions.allow = [.sourceShrink: 10]
        #expect(try await world.run().report.exit == .inStep)
        #expect(world.user("fresh") != nil && world.user("person30")?["active"] == false)
    }

    @Test(
        """
        R12: size is judged by the largest of seven days: a fifth, lost bit by bit, is a fifth; what was accepted \
        is the new measure
        """
    )
    func bitByBit() async throws {
        let world = try await settled(60, "limits: { users.disable: none, memberships.remove: none }")
        var exits: [ExitCode] = []
        for _ in 1...4 {
            leave(world, 5)
            exits.append(try await world.run().report.exit)
        }
        #expect(exits == [.inStep, .inStep, .held, .held], "\(exits)")
        world.permissions.allow = [.sourceShrink: 20]
        #expect(try await world.run().report.exit == .inStep)
        world.permissions.allow = [:]
        leave(world, 5)
        #expect(try await world.run().report.exit == .inStep)
    }

    @Test("R12: whoever was asked for and is gone leaves, whatever became of the rest")
    func askedFor() async throws {
        let world = try await settled(30, "limits: { users.disable: none, memberships.remove: none }")
        world.serveDirectory()
        // Another source is another ledger.
        let other = try World(job: world.jobText)
        other.directory = world.directory
        other.serveDirectory()
        #expect(try await other.run().report.exit == .inStep)
        leave(other, 10)
        let result = try await other.run()
        #expect(result.report.exit == .held, "\(result.report.details)")
        #expect(other.documents(.user).filter { $0["active"] == false }.count == 10)
    }

    private func overwriting(_ noHandMade: Bool) throws -> World {
        try Platform(name: "cloudsso", rules: .cloudSSO).world(Platform.deleting, noHandMade: noHandMade)
    }

    @Test(
        """
        R31: where a create takes over, what it brings is never deleted until the platform has told one from the \
        other, or the job says that nobody makes accounts by hand
        """
    )
    func takeOvers() async throws {
        for (noHandMade, hasShown, isDeleted) in [(false, false, false), (true, false, true), (false, true, true)] {
            let world = try overwriting(noHandMade)
            if hasShown {
                try world.plant(.user, Platform(name: "cloudsso", rules: .cloudSSO).stranger("first"))
                world.directory.people = [.named("first")]
                _ = try await world.run()
                world.permissions.firstRun = false
            }
            world.directory.people += [.named("ada"), .named("bo"), .named("carol")]
            let result = try await world.run()
            world.permissions.firstRun = false
            #expect(
                result.report.details.contains { $0.contains("this platform does not tell which") }
                    == (!noHandMade && !hasShown), "\(result.report.details)")
            #expect(
                try world.ledger.link(kind: .user, source: "user_bo")?.origin
                    == (isDeleted ? LinkOrigin.created : .takenOver))
            world.directory.people.removeAll { $0.username == "bo" }
            _ = try await world.run()
            #expect((world.user("bo") == nil) == isDeleted)
        }
    }

    @Test(
        """
        origins of older versions are looked at once: what was there before its create is found, and not made; an \
        operator may say otherwise
        """
    )
    func origins() async throws {
        let world = try World(
            job: World.job(
                """
                limits: { source.shrink: none, users.delete: none, users.disable: none }\nleavers: { delete: \
                immediately }
                """
            ))
        world.directory.people = [.named("ada"), .named("bo"), .named("carol"), .named("dana")]
        try await world.run()
        // As an older version left it: one is older than its create, one was settled by a later run.
        let ada = try #require(world.user("ada")?["id"]?.string)
        world.client.change { service in
            guard let stored = service.store[.user]?[ada] else { return }
            service.remove(.user, ada)
            service.put(.user, ada, stored.document, created: stored.created - 86400)
        }
        try world.ledger.write { db in
            try db.execute(sql: "UPDATE operations SET run = run + 1 WHERE name = 'bo'")
            try db.execute(sql: "INSERT INTO learned VALUES ('origins', 'to be looked at')")
        }
        let result = try await world.run()
        #expect(
            result.report.details.contains {
                $0.contains("2 links of the version before") && $0.contains("older than its create")
                    && $0.contains("run 2 found it")
            }, "\(result.report.details)")
        #expect(try await !world.run().report.details.contains { $0.contains("links of the version before") })
        #expect(try world.ledger.origins().map(\.sourceID) == ["user_ada", "user_bo"])
        #expect(try world.ledger.setCreated(["user_bo", "nobody"]) == ["nobody"])
        world.directory.people.removeFirst(3)
        _ = try await world.run()
        #expect(
            Set(world.documents(.user).compactMap { $0["userName"]?.string }) == ["ada", "dana"]
                && world.user("ada")?["active"] == false)
    }

    @Test(
        "R20: on a target that cannot be listed, no ledger is no first run, until somebody says so",
        arguments: Platform.all.filter { !$0.isListed })
    func firstRun(platform: Platform) async throws {
        let world = try platform.world()
        world.directory.people = [.named("ada")]
        world.permissions.firstRun = false
        let refused = try await world.run()
        #expect(refused.report.exit == .jobFile && refused.told.contains("--first-run"), "\(refused.told)")
        #expect(world.documents(.user).isEmpty)
        world.permissions.firstRun = true
        #expect(try await world.run().report.exit == .inStep)
        world.permissions.firstRun = false
        #expect(try await world.run().report.exit == .inStep)
    }
}
