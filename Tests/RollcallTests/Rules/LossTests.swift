import Emulation
import Foundation
import HTTP
import JSON
import Reconciliation
import Rehearsal
import SCIM
import Simulation
import Testing

/// R28, R35, R36: what a target does to groups and names beside what it was asked, and what it refuses night after
/// night. Root 4, by its numbers.
@Suite struct LossTests {
    static let generous =
        "limits: { source.shrink: none, users.disable: none, users.delete: none, memberships.remove: none }"

    /// - Parameter hasPatch: false for a server that takes objects only as a whole.
    func settled(
        _ people: Int, teams: Int = 1, habits: Set<Habit> = [], hasPatch: Bool = true, extra: String = generous
    ) async throws -> World {
        var options = ServiceOptions()
        options.patch = hasPatch
        let world = try World(job: World.job(extra), options: options)
        world.directory.people = (1...people).map { .named("person\($0)") }
        world.directory.teams = (0..<teams).map {
            Team(
                id: "group_\($0)", name: "team\($0)", members: Set(world.directory.people.prefix(people - 1).map(\.id)))
        }
        #expect(try await world.run().report.exit == .inStep)
        world.client.change { $0.options.habits = habits }
        return world
    }

    @Test(
        """
        4.4: an addition that replaces the list is noticed in the run, stops for that group, and at a second \
        group for the target
        """,
        arguments: [false, true])
    func addReplaces(isSilent: Bool) async throws {
        let world = try await settled(6, teams: 4, habits: [.addReplaces])
        world.client.change { $0.options.answersPatchWithNoContent = isSilent }
        for team in 0..<4 { world.directory.teams[team].members.insert("user_person6") }
        world.jobText += "\npace: { requestsPerSecond: 100, concurrency: 1 }"
        let result = try await world.run()
        #expect(result.report.exit == .recordsFailed)
        #expect(
            result.operations.filter { $0.verb == .addMembers && $0.reason.contains("that had to stay are gone") }.count
                == 2, "\(result.operations.map { $0.reason })")
        #expect(result.operations.filter { $0.verb == .addMembers && $0.status == .skipped }.count == 2)
        #expect((0..<4).filter { world.members("team\($0)").count == 5 }.count == 2)
        // The next night does no more harm, and says so.
        let before = Picture(world)
        let next = try await world.run()
        #expect(Picture(world) == before && next.report.exit == .recordsFailed)
        #expect(
            next.operations.contains { $0.verb == .addMembers && $0.heldBy == .losses },
            "\(next.operations.map { $0.reason })")
        // Mended: the operator says so.
        world.client.change { $0.options.habits = [] }
        world.permissions.retry = ["all"]
        #expect(try await world.run().report.exit == .inStep)
        #expect((0..<4).allSatisfy { world.members("team\($0)").count == 6 })
    }

    @Test("4.4: a change of a group's name that empties the group is noticed, and not repeated")
    func patchEmpties() async throws {
        let world = try await settled(5, teams: 3, habits: [.patchEmptiesGroup])
        world.jobText += "\npace: { requestsPerSecond: 100, concurrency: 1 }"
        for team in 0..<3 { world.directory.teams[team].name = "renamed\(team)" }
        let result = try await world.run()
        #expect(
            result.report.exit == .recordsFailed && result.report.details.contains { $0.contains("had to stay") },
            "\(result.report.details)")
        #expect(world.members("team2").count == 4)
        // The members come back, and the third group is left alone.
        _ = try await world.run()
        for _ in 1...2 { #expect(try await world.run().report.exit == .recordsFailed) }
        #expect(world.members("renamed0").count == 4 && world.members("team2").count == 4)
    }

    @Test(
        "4.4: a removal that empties the group: nobody is lost in silence, and later removals are looked at one by one")
    func removeClears() async throws {
        let world = try await settled(6, teams: 1, habits: [.removeClears])
        world.directory.teams[0].members.remove("user_person1")
        let result = try await world.run()
        #expect(
            result.report.exit == .recordsFailed
                && result.operations.contains { $0.verb == .removeMembers && $0.reason.contains("4 members") },
            "\(result.operations.map { $0.reason })")
        #expect(try await world.run().report.exit == .inStep)
        #expect(world.members("team0").count == 4)
    }

    @Test("4.6, 16 C: of members that were refused in part, each row of the table says what became of that one")
    func rowsOfParts() async throws {
        let world = try await settled(6, teams: 1, habits: [])
        let victim = try #require(world.client.service.victim(.user))
        world.client.change { $0.options.habits = [.oneMemberRefusesAll] }
        world.directory.teams[0].members = ["user_person5"]
        let result = try await world.run()
        let removal = try #require(result.operations.first { $0.verb == .removeMembers })
        #expect(result.report.exit == .recordsFailed && removal.status == .failed && removal.members.count == 4)
        for member in removal.members {
            #expect(member.status == (member.targetID == victim ? "failed" : "done"), "\(member)")
        }
        #expect(world.members("team0").count == 2)
        // The week counts what went, and an undo takes back only that.
        let undone = try await world.invoke(.undo(run: 2, writes: true))
        #expect(world.members("team0").count == 5, "\(undone.report.details)")
    }

    @Test("R33, R35: where removals go one by one, one that is refused keeps none of the others in")
    func oneByOne() async throws {
        let world = try await settled(8, teams: 1, habits: [.removeClears])
        world.directory.teams[0].members.remove("user_person1")
        _ = try await world.run()
        _ = try await world.run()
        world.client.change { $0.options.habits = [.oneMemberRefusesAll] }
        let victim = try #require(world.client.service.victim(.user))
        let name = try #require(world.documents(.user).first { $0["id"]?.string == victim }?["userName"]?.string)
        world.directory.teams[0].members = ["user_person7", "user_person6"]
        let result = try await world.run()
        #expect(
            world.members("team0") == ["person7", "person6", name] && result.report.exit == .recordsFailed,
            "\(world.members("team0")) \(result.report.details)")
    }

    @Test("4.4: a server that does well is not asked again and again whether it did")
    func trusted() async throws {
        let world = try await settled(6)
        world.client.change { $0.options.answersPatchWithNoContent = true }
        var reads: [Int] = []
        for night in 1...3 {
            if night % 2 == 1 {
                world.directory.teams[0].members.insert("user_person6")
            } else {
                world.directory.teams[0].members.remove("user_person6")
            }
            let before = world.client.service.counters["GET /Groups"] ?? 0
            #expect(try await world.run().report.exit == .inStep)
            reads.append((world.client.service.counters["GET /Groups"] ?? 0) - before)
        }
        // The list, one look after the write; the first time of each kind one more.
        #expect(reads[2] <= reads[0], "\(reads)")
    }

    @Test(
        "4.5: where groups are taken only as a whole and do not show their members, nobody is dropped by a PUT",
        arguments: [Habit.hidesMembers, .showsSomeMembers])
    func putOnly(habit: Habit) async throws {
        let world = try await settled(5, habits: [], hasPatch: false)
        // From the beginning: nothing was ever shown.
        let fresh = try World(
            job: World.job(Self.generous),
            options: {
                var options = ServiceOptions(); options.patch = false; options.habits = [habit]; return options
            }())
        fresh.directory = world.directory
        _ = try await fresh.run()
        let whole = fresh.members("team0")
        #expect(whole.count == 4)
        fresh.directory.teams[0].members.insert("user_person5")
        fresh.directory.teams[0].name = "renamed"
        let result = try await fresh.run()
        let group = fresh.group("team0") == nil ? "renamed" : "team0"
        #expect(fresh.members(group).isSuperset(of: whole), "\(fresh.members(group))")
        #expect(
            result.report.exit == .recordsFailed
                && result.operations.contains { $0.reason.contains("takes groups only as a whole") },
            "\(result.operations.map { $0.reason })")
        // Whose groups are the job's alone may say so.
        fresh.jobText = World.job(Self.generous + "\nmemberships: exclusive")
        _ = try await fresh.run()
        let after = fresh.group("renamed") == nil ? "team0" : "renamed"
        #expect(fresh.members(after).isSuperset(of: whole), "\(fresh.members(after))")
    }

    @Test("4.5: on a server that shows its members, PUT goes on, also after a member was taken out by hand")
    func putShown() async throws {
        let world = try await settled(5, hasPatch: false)
        #expect(try await world.run().report.exit == .inStep)
        let group = try #require(world.group("team0")?["id"]?.string)
        try world.client.change {
            try $0.meddle(.group, group) { $0["members"] = .array(Array(($0["members"]?.array ?? []).prefix(1))) }
        }
        world.directory.teams[0].members.insert("user_person5")
        #expect(try await world.run().report.exit == .inStep)
        #expect(world.members("team0").count == 5)
    }

    @Test("R28, 4.3: two swap user name and address where both are unique", arguments: [true, false])
    func swap(names: Bool) async throws {
        var options = ServiceOptions()
        options.uniqueMails = true
        let world = try World(job: World.job(Self.generous), options: options)
        world.directory.people = [.named("ada"), .named("bo"), .named("carol")]
        try await world.run()
        func exchange() {
            let (ada, bo) = (world.directory.people[0], world.directory.people[1])
            if names {
                (world.directory.people[0].username, world.directory.people[1].username) = (bo.username, ada.username)
            }
            (world.directory.people[0].email, world.directory.people[1].email) = (bo.email, ada.email)
        }
        exchange()
        let result = try await world.run()
        #expect(result.report.exit == .inStep, "\(result.operations.map { $0.reason })")
        let ada = try #require(world.documents(.user).first { $0["externalId"] == "user_ada" })
        #expect(
            ada["emails"]?.array?.first?["value"] == "bo@corp.example"
                && ada["userName"]?.string == (names ? "bo" : "ada"))
        #expect(try await world.plan().report.headline.hasPrefix("No changes."))
        // One of three takes the name of another and the address of a third.
        (world.directory.people[0].username, world.directory.people[1].username, world.directory.people[2].username) = (
            "carol", "ada", "bo"
        )
        (world.directory.people[0].email, world.directory.people[1].email, world.directory.people[2].email) = (
            "ada@corp.example", "carol@corp.example", "bo@corp.example"
        )
        #expect(try await world.run().report.exit == .inStep)
        #expect(try await world.plan().report.headline.hasPrefix("No changes."))
    }

    @Test(
        """
        R28, 4.3: a ring of which one half is refused is rolled back in the same run; what cannot be is told \
        every night
        """
    )
    func rollback() async throws {
        let victim = Recorder()
        let world = try World(job: World.job(Self.generous)) { request, _ in
            guard request.head.method == .patch, let id = victim.all.last, request.head.path?.hasSuffix(id) ?? false,
                !String(decoding: request.body, as: UTF8.self).contains("rollcall-")
            else {
                return nil
            }
            return .answered(
                EmulatedResponse(
                    status: 400, headers: [("Content-Type", "application/scim+json")],
                    body: Array("{\"detail\":\"no\"}".utf8)))
        }
        world.directory.people = [.named("ada"), .named("bo")]
        try await world.run()
        (world.directory.people[0].username, world.directory.people[1].username) = ("bo", "ada")
        // The one that is not opened is refused: both keep their names.
        victim.add(try #require(world.user("bo")?["id"]?.string))
        let result = try await world.run()
        #expect(
            Set(world.documents(.user).compactMap { $0["userName"]?.string }) == ["ada", "bo"],
            "\(world.documents(.user).map { $0["userName"] })")
        #expect(
            result.report.exit == .recordsFailed && result.operations.contains { $0.reason.contains("rolled back") },
            "\(result.operations.map { $0.reason })")
        // The one that is opened is refused with its old name taken: the temporary one stands, and is told every night.
        victim.add(try #require(world.user("ada")?["id"]?.string))
        for night in 1...4 {
            let result = try await world.run()
            #expect(result.report.exit == .recordsFailed)
            if night > 1 {
                #expect(
                    result.report.details.contains { $0.contains("bears a temporary value of a ring") },
                    "night \(night): \(result.report.details)")
            }
        }
        victim.add("nobody")
        world.permissions.retry = ["all"]
        #expect(try await world.run().report.exit == .inStep)
    }

    @Test(
        """
        R33, 4.8: an attribute that is refused keeps none of the others, and a group whose externalId may not be \
        set is ours all the same
        """
    )
    func parts() async throws {
        let world = try await settled(3, habits: [.refusesWholePatch])
        world.directory.people[0].username = "renamed"
        world.directory.people[0].displayName = "Another Name"
        let result = try await world.run()
        #expect(world.user("person1")?["displayName"] == "Another Name")
        #expect(
            result.operations.contains { $0.reason.contains("refuses 1 of") && $0.reason.contains("userName") },
            "\(result.operations.map { $0.reason })")
        let other = try World(
            job: World.job(Self.generous),
            options: {
                var options = ServiceOptions(); options.habits = [.fixedMark]; return options
            }())
        other.directory.people = [.named("ada"), .named("bo")]
        other.directory.teams = [Team(id: "group_ops", name: "Ops", members: ["user_ada", "user_bo"])]
        try other.plant(.group, ["displayName": "Ops"])
        let first = try await other.run()
        #expect(
            first.report.exit == .recordsFailed && other.members("Ops") == ["ada", "bo"],
            "\(first.operations.map { "\($0.verb) \($0.status) \($0.reason) \($0.fields)" })")
        other.directory.teams[0].members.remove("user_bo")
        _ = try await other.run()
        #expect(other.members("Ops") == ["ada"])
    }
}
