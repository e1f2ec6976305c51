import Emulation
import HTTP
import JSON
import Jobs
import Ledger
import Rehearsal
import SCIM
import Simulation
import Testing

@testable import Reconciliation

/// R14–R17: leavers go in two phases, and only on proof. Each invocation of a world is a day later than the one before.
@Suite struct LeaverTests {
    private static let generous =
        """
        limits: { source.shrink: none, users.delete: none, users.disable: none, users.clear: none, groups.delete: \
        none, memberships.remove: none }
        """

    private func world(
        _ leavers: String, fault: @escaping @Sendable (OutgoingRequest, Int) -> InProcessClient.Fault? = { _, _ in nil }
    ) async throws -> World {
        let world = try World(job: World.job("leavers: \(leavers)\n" + Self.generous), fault: fault)
        world.directory.people = [.named("ada"), .named("bo"), .named("chen")]
        world.directory.teams = [
            Team(id: "group_1", name: "Ops", members: ["user_ada", "user_bo"]),
            Team(id: "group_2", name: "Dev", members: ["user_chen"]),
        ]
        try await world.run()
        return world
    }

    private func leave(_ world: World) {
        world.directory.people.removeAll { $0.id == "user_bo" }
        if !world.directory.teams.isEmpty { world.directory.teams[0].members.remove("user_bo") }
    }

    @Test(
        "left out, a leaver is disabled at once, listed with its day every night, and deleted when 30 days have passed")
    func twoPhases() async throws {
        let world = try World(job: World.job(Self.generous))
        world.directory.people = [.named("ada"), .named("bo")]
        try await world.run()
        leave(world)
        let first = try await world.run()
        #expect(
            first.operation(.disable, "bo")?.reason.contains("to be deleted on 2026-10-22") == true,
            "\(first.operation(.disable, "bo")?.reason ?? "")")
        let id = world.user("bo")?["id"]?.string
        for day in 1..<30 {
            let night = try await world.run()
            #expect(night.report.headline.hasPrefix("No changes."), "day \(day)")
            #expect(
                night.operations.contains {
                    $0.name == "bo" && $0.status == .noted && $0.reason.contains("to be deleted on 2026-10-22")
                }, "day \(day)")
            #expect(
                night.report.details.contains {
                    $0.contains("1 leaver waiting for the end of the term, the next on 2026-10-22 (bo)")
                })
            #expect(world.user("bo")?["id"]?.string == id)
        }
        #expect(try await world.run().operation(.delete, "bo")?.status == .done)
        #expect(world.user("bo") == nil)
        #expect(try await world.plan().report.headline.hasPrefix("No changes."))
    }

    @Test("who comes back has the same account again, and the next leaving counts from its own day")
    func comesBack() async throws {
        let world = try await world("{ disable: immediately, delete: 5d }")
        let id = world.user("bo")?["id"]?.string
        leave(world)
        for _ in 1...3 { try await world.run() }
        world.directory.people.append(.named("bo"))
        try await world.run()
        #expect(world.user("bo")?["id"]?.string == id)
        #expect(world.user("bo")?["active"] == true)
        leave(world)
        for _ in 1...5 { try await world.run() }
        #expect(world.user("bo") != nil)
        try await world.run()
        #expect(world.user("bo") == nil)
    }

    @Test("also a dry run that sees somebody again ends the term")
    func seenByPlan() async throws {
        let world = try await world("{ disable: immediately, delete: 3d }")
        leave(world)
        for _ in 1...3 { try await world.run() }
        world.directory.people.append(.named("bo"))
        try await world.plan()
        leave(world)
        try await world.run()
        #expect(world.user("bo") != nil)
    }

    @Test("the term waits for three days with a complete read, however long the job did not run")
    func threeDays() async throws {
        let world = try await world("{ disable: immediately, delete: 1d }")
        leave(world)
        try await world.run()
        world.clock.advance(by: 60 * 86400)
        #expect(try await world.run().operation(.delete, "bo") == nil)
        // An incomplete read counts for nothing.
        let people = world.directory.people
        world.directory.people = []
        #expect(try await world.run().report.exit == .sourceIncomplete)
        world.directory.people = people
        // Neither does a second one on the same day.
        world.clock.advance(by: -2 * 86400 + 3600)
        #expect(try await world.run().operation(.delete, "bo") == nil)
        world.clock.advance(by: 2 * 86400)
        #expect(try await world.run().operation(.delete, "bo")?.status == .done)
    }

    @Test("a dry run, a held run and a held scope start no clock")
    func clock() async throws {
        let world = try await world("{ disable: immediately, delete: 3d }")
        leave(world)
        for _ in 1...5 { try await world.plan() }
        world.jobText = world.jobText.replacingOccurrences(of: "users.disable: none", with: "users.disable: 0")
        for _ in 1...5 { #expect(try await world.run().report.exit == .held) }
        world.jobText = world.jobText.replacingOccurrences(of: "users.disable: 0", with: "users.disable: none")
        for _ in 1...3 {
            try await world.run()
            #expect(world.user("bo") != nil)
        }
        try await world.run()
        #expect(world.user("bo") == nil)
    }

    @Test("R15: disable never, and a number of days for disabling: access is told until the day")
    func access() async throws {
        let world = try await world("{ disable: never, delete: 4d }")
        leave(world)
        let night = try await world.run()
        #expect(
            night.operations.contains { $0.name == "bo" && $0.reason.contains("has access until 2026-09-26") },
            "\(night.operations.map(\.reason))")
        #expect(night.report.details.contains { $0.contains("1 leaver with access") })
        #expect(world.members("Ops") == ["ada", "bo"])
        for _ in 1...4 { try await world.run() }
        #expect(world.user("bo") == nil)

        let slow = try await self.world("{ disable: 3d, delete: 6d }")
        leave(slow)
        for _ in 1...3 { try await slow.run() }
        #expect(slow.user("bo")?["active"] == true)
        try await slow.run()
        #expect(slow.user("bo")?["active"] == false)
        for _ in 1...2 { try await slow.run() }
        #expect(slow.user("bo") != nil)
        try await slow.run()
        #expect(slow.user("bo") == nil)
    }

    @Test("R15: without an active flag memberships end at once, and the account on its day")
    func withoutFlag() async throws {
        let platform = try #require(Platform.all.first { $0.name == "volcengine-identity-center" })
        let world = try platform.world(Platform.generous + "\nleavers: { delete: 3d }")
        world.directory.people = [.named("ada"), .named("bo")]
        world.directory.teams = [Team(id: "group_1", name: "ops", members: ["user_ada", "user_bo"])]
        try await world.run()
        leave(world)
        let night = try await world.run()
        #expect(world.members("ops") == ["ada"])
        #expect(night.operations.contains { $0.name == "bo" && $0.reason.contains("has access until") })
        for _ in 1...3 { try await world.run() }
        #expect(world.user("bo") == nil)
    }

    @Test("R14: a group that left is listed with its day and deleted by the same term; R16: who was associated is kept")
    func groupsAndAssociated() async throws {
        let world = try World(job: World.job("leavers: { disable: immediately, delete: 3d }\n" + Self.generous))
        try world.plant(.user, ["userName": "bo"])
        world.directory.people = [.named("ada"), .named("bo")]
        world.directory.teams = [
            Team(id: "group_1", name: "Ops", members: ["user_ada"]), Team(id: "group_2", name: "Dev", members: []),
        ]
        try await world.run()
        leave(world)
        world.directory.teams.removeLast()
        let night = try await world.run()
        #expect(
            night.operations.contains { $0.name == "Dev" && $0.reason.contains("kept until 2026-09-25") },
            "\(night.operations.map(\.reason))")
        for _ in 1...6 { try await world.run() }
        #expect(world.group("Dev") == nil)
        #expect(world.user("bo")?["active"] == false)
    }

    @Test("a new person with a leaver's name or address is held, and both are named")
    func recycled() async throws {
        let world = try await world("{ disable: immediately, delete: 30d }")
        leave(world)
        try await world.run()
        world.directory.people += [
            .named("bo", id: "user_new"),
            Person(
                id: "user_mail", username: "dara", displayName: "Dara", email: "BO@corp.example", phone: nil,
                status: "enabled"),
        ]
        let night = try await world.run()
        #expect(night.report.exit == .recordsFailed)
        #expect(night.operations.contains { $0.sourceID == "user_new" && $0.reason.contains("user_bo") })
        #expect(
            night.operations.contains {
                $0.sourceID == "user_mail" && $0.heldBy == .recycledMail && $0.reason.contains("user_bo")
            })
        #expect(world.user("dara") == nil)
        #expect(world.user("bo")?["active"] == false)
        // Nor where the account is there already, and would get the address.
        try world.plant(.user, ["userName": "dara", "displayName": "Was here"])
        let next = try await world.run()
        #expect(
            next.operations.contains { $0.sourceID == "user_mail" && $0.heldBy == .recycledMail },
            "\(next.operations.map(\.reason))")
        #expect(world.user("dara")?["emails"] == nil)
    }

    @Test(
        """
        who comes back to a source without statuses is enabled again: this job disabled the account, and nobody's \
        status did
        """
    )
    func withoutStatus() async throws {
        let world = try World(job: World.job(Self.generous))
        world.directory.people = ["ada", "bo", "chen"].map { .named($0, status: nil) }
        try await world.run()
        world.directory.people.removeLast(2)
        try await world.run()
        #expect(world.user("bo")?["active"] == false && world.user("chen")?["active"] == false)
        world.directory.people += [.named("bo", status: nil), .named("chen", status: "on leave")]
        try await world.run()
        #expect(world.user("bo")?["active"] == true)
        #expect(world.user("chen")?["active"] == false, "a status that nobody knows decides nothing")
    }

    @Test("the job file takes a number of days, and says what it takes otherwise")
    func words() throws {
        for (text, term) in [("7d", "7d"), ("7", "7d"), ("never", "never"), ("immediately", "immediately")] {
            let disabling = try Job.read(
                text: World.job("leavers: { disable: \(text), delete: never }"), path: "world.yaml",
                vocabulary: .current)
            let deleting = try Job.read(
                text: World.job("leavers: { delete: \(text) }"), path: "world.yaml", vocabulary: .current)
            #expect("\(disabling.leavers.disable) \(deleting.leavers.delete)" == "\(term) \(term)")
        }
        // What would never happen is no policy.
        #expect(throws: JobFileError.self) {
            try Job.read(
                text: World.job("leavers: { disable: 30d, delete: 7d }"), path: "world.yaml", vocabulary: .current)
        }
        #expect(throws: JobFileError.self) {
            try Job.read(
                text: World.job("existing: conflict").replacingOccurrences(
                    of: "platform: generic", with: "platform: cloudsso"), path: "world.yaml", vocabulary: .current)
        }
        for text in ["0d", "-1", "soon", "1.5d", "4000d"] {
            #expect(throws: JobFileError.self) {
                try Job.read(text: World.job("leavers: { delete: \(text) }"), path: "world.yaml", vocabulary: .current)
            }
        }
    }

    @Test("R40: a new ledger tells of active accounts whose mark no record has, once, and of no other owner's")
    func orphans() async throws {
        for hasOurs in [true, false] {
            let world = try World(job: World.job())
            world.directory.people = [.named("ada"), .named("bo")]
            if hasOurs { try world.plant(.user, ["userName": "ada", "externalId": "user_ada", "active": true]) }
            try world.plant(.user, ["userName": "zed", "externalId": "user_zed", "active": true])
            try world.plant(.user, ["userName": "off", "externalId": "user_off", "active": false])
            let first = try await world.run()
            let told = first.report.details.contains { $0.contains("this ledger is new") && $0.contains("(zed)") }
            #expect(told == hasOurs, "\(first.report.details)")
            #expect(try await !world.run().report.details.contains { $0.contains("this ledger is new") })
        }
    }

}

/// R37: the clock has witnesses. Root 5 of what foreign servers taught, by its numbers.
@Suite struct ClockTests {
    private static let job = World.job(
        "limits: { source.shrink: none, users.delete: none, users.disable: none }\nleavers: { delete: 30d }")

    /// A world in step, of whose people one has left, at a clock that is wrong by some seconds against the target's.
    private func wrong(by seconds: Double, from world: World) throws -> World {
        try World(world, at: try world.moment(), gap: seconds) { _, _ in
            .altered { response in
                var response = response
                response.headers = response.headers.map { header in
                    guard header.name == "Date", let shown = HTTPDate.seconds(header.value) else { return header }
                    return (header.name, EmulatedClock.httpDate(shown - seconds))
                }
                return response
            }
        }
    }

    @Test(
        """
        5.1: a night at a dead clock begins, counts and ends no term, and is told; right nights then end it in \
        their time
        """,
        arguments: [-800_000_000.0, 2_000_000_000.0])
    func wrongClock(_ seconds: Double) async throws {
        let world = try World(job: Self.job)
        world.directory.people = [.named("ada"), .named("bo")]
        try await world.run()
        world.directory.people.removeLast()
        let night = try wrong(by: seconds, from: world)
        let result = try await night.run()
        #expect(result.report.exit == .recordsFailed)
        #expect(
            result.report.details.contains { $0.contains("this machine's clock is in doubt") },
            "\(result.report.details)")
        // Access ends all the same.
        #expect(night.user("bo")?["active"] == false)
        // The right clock again, on the ledger that the wrong one wrote.
        let right = try World(night, at: try night.moment(), gap: -seconds)
        for day in 1...29 {
            let result = try await right.run()
            #expect(right.user("bo") != nil, "day \(day)")
            #expect(result.report.exit == .inStep, "day \(day): \(result.report.details)")
        }
        for _ in 1...4 { _ = try await right.run() }
        #expect(right.user("bo") == nil)
    }
}
