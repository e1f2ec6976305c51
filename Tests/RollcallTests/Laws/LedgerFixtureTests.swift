import Planning
import Emulation
import Foundation
import HTTP
import JSON
import Reconciliation
import Rehearsal
import SCIM
import Simulation
import Testing

@testable import Ledger

/// Ledgers that older versions have written, opened, migrated and planned on by this one.
@Suite struct LedgerFixtureTests {
    /// The versions whose ledgers are kept, each with all of the scenarios.
    static let fixtures = ["0.1.0"].flatMap { version in
        scenarios.map { LedgerFixture(version: version, name: $0.name) }
    }

    @Test(
        "the first night on an older version's ledger plans what its night.txt says, and the CHANGELOG names",
        arguments: fixtures)
    func firstNight(_ fixture: LedgerFixture) async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
            "rollcall-fixture-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let world = try fixture.open(folder.appendingPathComponent("world.sqlite").path)
        #expect(try world.ledger.verify().isEmpty)
        let night = try await Self.tell(world.plan())
        if ProcessInfo.processInfo.environment["ROLLCALL_WRITE_NIGHTS"] != nil { try fixture.write("night.txt", night) }
        #expect(try night == fixture.text("night.txt"))
        // Nothing of an older ledger is in the way of an end.
        var last = try await world.run()
        for _ in 1...3 where last.report.exit != .inStep { last = try await world.run() }
        let after = try await world.plan()
        #expect(after.planned.isEmpty, "\(after.planned.map { PlanDigest.line($0) })")
    }

    /// What a night does, in lines without times.
    static func tell(_ result: World.Result) -> String {
        let lines =
            ["\(result.report.exit): \(result.operations.filter { $0.status == .planned }.count) planned"]
            + result.operations.map { "\(PlanDigest.line($0)): \($0.reason)" }
        return lines.joined(separator: "\n") + "\n"
    }

    @Test(
        "the fixtures of a version are written, where that is asked for",
        .enabled(if: ProcessInfo.processInfo.environment["ROLLCALL_WRITE_FIXTURES"] != nil))
    func write() async throws {
        let version = try #require(ProcessInfo.processInfo.environment["ROLLCALL_WRITE_FIXTURES"])
        for scenario in Self.scenarios { try await scenario.make(LedgerFixture(version: version, name: scenario.name)) }
    }

    // MARK: what is kept

    struct Scenario: Sendable {
        let name: String
        let make: @Sendable (LedgerFixture) async throws -> Void
    }

    static let job =
        """
        limits: { source.shrink: none, users.disable: none, groups.delete: none, memberships.remove: none \
        }\nprotect: { users: [\"break-glass*\"] }
        """

    /// Eight people in two groups, in step with a target that had one of them before.
    static func settled(
        _ platform: Platform = Platform.all[0],
        fault: @escaping @Sendable (OutgoingRequest, Int) -> InProcessClient.Fault? = { _, _ in nil }
    ) async throws -> World {
        let world = try platform.world(job, fault: fault)
        for name in ["break-glass-1", "person3"] { try world.plant(.user, platform.stranger(name)) }
        world.directory.people = (1...8).map { .named("person\($0)") }
        let ids = world.directory.people.map(\.id)
        world.directory.teams = [
            Team(id: "group_ops", name: "ops", members: Set(ids.prefix(4))),
            Team(id: "group_dev", name: "dev", members: [ids[3], ids[5], ids[6]]),
        ]
        _ = try await world.run()
        return world
    }

    static func leave(_ id: String, _ world: World) {
        world.directory.people.removeAll { $0.id == id }
        for index in world.directory.teams.indices { world.directory.teams[index].members.remove(id) }
    }

    /// The first moment of a run that a kill would leave and that is as asked for.
    static func killed(_ world: World, where isWanted: (World.Moment) throws -> Bool) async throws -> World.Moment {
        var moments: [World.Moment] = []
        world.ledger.committed = { if let moment = try? world.moment() { moments.append(moment) } }
        _ = try await world.run()
        world.ledger.committed = nil
        return try #require(try moments.first(where: isWanted))
    }

    static let scenarios = [
        Scenario(name: "fresh") { fixture in
            let world = try await settled()
            try fixture.keep(world, at: try world.moment(), platform: "generic")
        },
        Scenario(name: "leavers") { fixture in
            // A user, an associated one and a group in their term, one that was disabled by its status, and one that
            // came back.
            let world = try await settled()
            let back = world.directory
            for id in ["user_person2", "user_person3", "user_person7"] { leave(id, world) }
            world.directory.people[0].status = "disabled"
            world.directory.teams.removeLast()
            _ = try await world.run()
            _ = try await world.run()
            world.directory.people.append(contentsOf: back.people.filter { $0.id == "user_person7" })
            try fixture.keep(world, at: try world.moment(), platform: "generic")
        },
        Scenario(name: "undone") { fixture in
            // A day's changes, taken back: they stay so until their source changes.
            let world = try await settled()
            world.directory.people[1].displayName = "Another Name"
            world.directory.people[4].username = "renamed"
            leave("user_person6", world)
            let day = try await world.run()
            _ = try await world.invoke(.undo(run: try world.ledger.plan(day.report.plan)?.run ?? 0, writes: true))
            try fixture.keep(world, at: try world.moment(), platform: "generic")
        },
        Scenario(name: "killed") { fixture in
            // Killed with requests under way: creates whose outcome the journal does not know; what waits behind them
            // was not sent.
            let world = try await settled()
            world.directory.people += (9...14).map { .named("person\($0)") }
            world.directory.people[0].displayName = "Another Name"
            world.directory.teams[0].members.formUnion(["user_person9", "user_person10"])
            leave("user_person5", world)
            try fixture.keep(
                world,
                at: try await killed(world) { try $0.ledger.unsettled().filter { $0.status == .sent }.count >= 4 },
                platform: "generic")
        },
        Scenario(name: "unlisted") { fixture in
            // A target that cannot be listed: links and written members are all that is known of it; a term is running.
            let world = try await settled(Platform.all[2])
            leave("user_person2", world)
            world.directory.people[3].displayName = "Another Name"
            _ = try await world.run()
            try fixture.keep(world, at: try world.moment(), platform: "cloudsso")
        },
        Scenario(name: "worn") { fixture in
            // What version 0.1.0 got wrong: an account that somebody else made, taken for our own after a lost answer;
            // keys that were folded too widely; a run that was killed over it.
            let first = try Platform.all[0].world(job)
            first.directory.people = [("ada", "ada"), ("weiß", "sharp"), ("kadır", "dotless"), ("ΣΊΣΥΦΟΣ", "sigma")].map
            { .named($0.0, id: "user_\($0.1)") }
            first.directory.teams = [Team(id: "group_street", name: "Straße", members: ["user_ada", "user_sharp"])]
            _ = try await first.run()
            first.directory.people.append(.named("carol"))
            let unanswered = try await killed(first) {
                try $0.ledger.unsettled().contains { $0.name == "carol" }
                    && $0.landscape.target.store[.user]?.count == 4
            }
            let second = try World(first, at: unanswered, gap: 60)
            try second.plant(.user, ["userName": "carol", "displayName": "Carol by hand"])
            _ = try await second.run()
            second.directory.people[0].displayName = "Another Name"
            try fixture.keep(
                second, at: try await killed(second) { try !$0.ledger.unsettled().isEmpty }, platform: "generic")
        },
    ]
}
