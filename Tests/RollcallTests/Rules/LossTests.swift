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
    private static let generous =
        "limits: { source.shrink: none, users.disable: none, users.delete: none, memberships.remove: none }"

    /// - Parameter hasPatch: false for a server that takes objects only as a whole.
    private func settled(
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

    @Test(
        """
        4.8: a server that does not keep externalId has its groups filled on the first day, and after two runs \
        nothing is sent in vain
        """
    )
    func markNotKept() async throws {
        let world = try World(
            job: World.job(Self.generous),
            options: {
                var options = ServiceOptions(); options.habits = [.dropsExternalID]; return options
            }())
        world.directory.people = [.named("ada"), .named("bo")]
        world.directory.teams = [Team(id: "group_ops", name: "Ops", members: ["user_ada", "user_bo"])]
        #expect(try await world.run().report.exit == .inStep)
        #expect(world.members("Ops") == ["ada", "bo"])
        _ = try await world.run()
        let third = try await world.plan()
        #expect(third.report.headline.hasPrefix("No changes."), "\(third.report.headline) \(third.report.details)")
        world.directory.people.append(.named("carol"))
        world.directory.people[0].status = "disabled"
        #expect(try await world.run().report.exit == .inStep)
        #expect(world.user("ada")?["active"] == false && world.documents(.user).count == 3)
    }

    @Test(
        """
        R36, 4.7: what is refused in the same way three times is tried at growing distances, and at once when the \
        record changes or somebody says so
        """
    )
    func growing() async throws {
        let posts = Counter()
        let isBad = Switch()
        isBad.isOn = true
        let world = try World(job: World.job(Self.generous)) { request, _ in
            guard isBad.isOn, request.head.method == .post, request.head.path?.hasSuffix("/Users") ?? false,
                String(decoding: request.body, as: UTF8.self).contains("bo@corp")
            else { return nil }
            _ = posts.next()
            return .answered(
                EmulatedResponse(
                    status: 500, headers: [("Content-Type", "application/scim+json")],
                    body: Array("{\"detail\":\"a trigger failed\"}".utf8)))
        }
        world.directory.people = [.named("ada"), .named("bo"), .named("carol")]
        var tried: [Int] = []
        var last = 0
        for night in 1...16 {
            let result = try await world.run()
            let now = posts.next()
            if now - last > 1 { tried.append(night) }
            last = now
            #expect(result.report.exit == .recordsFailed, "night \(night)")
            if night == 3 {
                #expect(
                    result.operations.contains { $0.reason.contains("the same in 3 runs since") },
                    "\(result.operations.map { $0.reason })")
            }
            if night == 5 {
                #expect(
                    result.operations.contains { $0.heldBy == .putOff && $0.reason.contains("tried again on") },
                    "\(result.operations.map { $0.reason })")
            }
        }
        #expect(tried == [1, 2, 3, 4, 6, 10], "\(tried)")
        #expect(world.user("carol") != nil)
        isBad.isOn = false
        world.permissions.retry = ["bo"]
        #expect(try await world.run().report.exit == .inStep)
        #expect(world.user("bo") != nil)
    }

    @Test("R36: what takes access away is tried every night, however often it was refused")
    func takesNightly() async throws {
        let attempts = Counter()
        let isRefused = Switch()
        let world = try World(job: World.job(Self.generous)) { request, _ in
            guard isRefused.isOn, request.head.method == .patch else { return nil }
            _ = attempts.next()
            return .answered(EmulatedResponse(status: 500))
        }
        world.directory.people = [.named("ada"), .named("bo")]
        try await world.run()
        isRefused.isOn = true
        world.directory.people[1].status = "disabled"
        for _ in 1...6 { #expect(try await world.run().report.exit == .recordsFailed) }
        #expect(attempts.next() >= 7)
    }

    @Test(
        """
        4.7: objects that cannot be deleted, night after night with 500, open no breaker once that is known: the \
        others are dealt with
        """
    )
    func deterministic() async throws {
        let world = try await settled(
            60,
            extra: Self.generous
                + "\nleavers: { delete: immediately }\npace: { requestsPerSecond: 1000, concurrency: 1 }")
        let night = try World(world, at: try world.moment()) { request, _ in
            request.head.method == .delete && (request.head.path?.contains("/Users/") ?? false)
                ? .answered(EmulatedResponse(status: 500)) : nil
        }
        night.directory.people.removeLast(30)
        let gone = Set(world.directory.people.suffix(30).map(\.id))
        night.directory.teams[0].members.subtract(gone)
        for _ in 1...5 { _ = try await night.run() }
        #expect(night.documents(.user).filter { $0["active"] == true }.count == 30)
    }

    @Test("a write that is echoed and not stored is called done once at the most", arguments: [true, false])
    func echoes(isAccess: Bool) async throws {
        let world = try await settled(4, habits: [.echoes])
        if isAccess {
            world.directory.people[0].status = "disabled"
        } else {
            world.directory.people[0].displayName = "Another Name"
        }
        if !isAccess { _ = try await world.run() }
        // The first change of access of all is looked at: an answer may only repeat what was sent.
        for night in (isAccess ? 1 : 2)...3 {
            let result = try await world.run()
            #expect(result.report.exit == .recordsFailed, "night \(night): \(result.report.details)")
            #expect(
                result.operations.contains { $0.reason.contains("did not apply") },
                "night \(night): \(result.operations.map { $0.reason })")
        }
    }

    @Test("a member that was taken and is never shown is taken out when it is to go")
    func hiddenMember() async throws {
        var options = ServiceOptions()
        options.habits = [.showsSomeMembers]
        let world = try World(job: World.job(Self.generous), options: options)
        world.directory.people = (1...5).map { .named("person\($0)") }
        world.directory.teams = [Team(id: "group_all", name: "all", members: Set(world.directory.people.map(\.id)))]
        #expect(try await world.run().report.exit == .recordsFailed)
        #expect(world.members("all").count == 5)
        world.directory.teams[0].members.remove("user_person5")
        _ = try await world.run()
        #expect(world.members("all") == ["person1", "person2", "person3", "person4"])
        #expect(try await world.run().operations.filter { $0.verb == .removeMembers }.isEmpty)
    }

    @Test("an answer that shows the old document is looked at before it is blamed")
    func oldDocument() async throws {
        let before = Recorder()
        let world = try World(job: World.job(Self.generous)) { request, _ in
            guard request.head.method == .patch, let old = before.all.last else { return nil }
            return .processed(
                EmulatedResponse(
                    status: 200, headers: [("Content-Type", "application/scim+json")], body: Array(old.utf8)))
        }
        world.directory.people = [.named("ada"), .named("bo")]
        try await world.run()
        before.add(try #require(world.user("ada")).canonical)
        world.directory.people[0].status = "disabled"
        let result = try await world.run()
        #expect(result.report.exit == .inStep && world.user("ada")?["active"] == false, "\(result.report.details)")
        #expect(try await world.run().report.headline.hasPrefix("No changes."))
    }

    @Test("a held run does not say that anybody's term runs, unless it does")
    func heldTerm() async throws {
        let world = try await settled(
            20, extra: "limits: { source.shrink: none, users.disable: 2, memberships.remove: none }")
        for name in ["user_person2", "user_person3", "user_person4"] { world.directory.teams[0].members.remove(name) }
        world.directory.people.removeSubrange(1...3)
        for _ in 1...2 {
            let held = try await world.run()
            #expect(
                held.report.exit == .held
                    && !held.report.details.contains { $0.contains("waiting for the end of the term") },
                "\(held.report.details)")
        }
        world.permissions.allow = [.usersDisable: 3]
        let done = try await world.run()
        #expect(
            done.report.exit == .inStep
                && done.report.details.contains { $0.contains("3 leavers waiting for the end of the term") },
            "\(done.report.details)")
    }

    @Test("4.9: a seat limit ends the creates of that kind for the night, and nothing else")
    func seats() async throws {
        let world = try await settled(5, habits: [.seats])
        world.jobText += "\npace: { requestsPerSecond: 100, concurrency: 1 }"
        world.directory.people += (6...20).map { .named("person\($0)") }
        world.directory.people[0].displayName = "Another Name"
        world.directory.teams[0].members.remove("user_person2")
        let before = world.client.service.counters["POST /Users"] ?? 0
        let result = try await world.run()
        #expect((world.client.service.counters["POST /Users"] ?? 0) - before == 4, "\(result.report.details)")
        #expect(
            result.report.exit == .recordsFailed
                && result.report.details.contains {
                    $0.contains("no more users are made tonight") && $0.contains("seats")
                }, "\(result.report.details)")
        #expect(world.user("person1")?["displayName"] == "Another Name" && !world.members("team0").contains("person2"))
    }

    @Test("4.9: a name that speaks of a quota is no quota")
    func quotaInAName() async throws {
        var options = ServiceOptions()
        options.refused = ["quota.limit", "seat.one", "seat.two", "seat.three"]
        let world = try World(job: World.job(Self.generous), options: options)
        world.directory.people = [
            .named("quota.limit"), .named("seat.one"), .named("seat.two"), .named("seat.three"), .named("bo"),
        ]
        let result = try await world.run()
        #expect(
            world.user("bo") != nil && !result.report.details.contains { $0.contains("no more users") },
            "\(result.report.details)")
    }
}
