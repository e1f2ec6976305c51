import Emulation
import Foundation
import HTTP
import JSON
import Reconciliation
import Rehearsal
import SCIM
import Simulation
import Testing

/// R36, 4.9: what a target refuses, or says that it did, night after night.
extension LossTests {
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

    @Test(
        """
        4.9: seats are said with 402, 403, 409 or 429, and end the creates; a 429 that speaks of requests ends \
        the side
        """,
        arguments: [
            (402, "pay first"), (403, "the licence is used up"), (409, "no seats left"), (429, "user limit hit"),
        ])
    func seatsByStatus(status: Int, words: String) async throws {
        let world = try World(job: World.job(Self.generous)) { request, _ in
            guard request.head.method == .post else { return nil }
            return .answered(
                EmulatedResponse(status: status, body: Array(#"{"status":"\#(status)","detail":"\#(words)"}"#.utf8)))
        }
        world.directory.people = (1...4).map { .named("person\($0)") }
        let result = try await world.run()
        #expect(
            result.report.exit == .recordsFailed
                && result.report.details.contains { $0.contains("no more users are made tonight") },
            "\(result.report.details)")
        #expect(SCIMError(status: 429, detail: "API quota exceeded: too many requests").speaksOfRequests)
    }

    @Test("4.9: a name that speaks of a quota is no quota, whatever words the refusal repeats")
    func quotaInAName() async throws {
        let names: Set = ["quota.limit", "seat.one", "seat.two", "seat.three"]
        let world = try World(job: World.job(Self.generous)) { request, _ in
            guard request.head.method == .post,
                let name = (try? JSONValue(parsing: request.body))?["userName"]?.string, names.contains(name)
            else { return nil }
            return .answered(
                EmulatedResponse(
                    status: 403,
                    body: Array(#"{"status":"403","detail":"the user name \#(name) is not allowed here"}"#.utf8)))
        }
        world.directory.people = [
            .named("quota.limit"), .named("seat.one"), .named("seat.two"), .named("seat.three"), .named("bo"),
        ]
        let result = try await world.run()
        #expect(
            world.user("bo") != nil && !result.report.details.contains { $0.contains("no more users") },
            "\(result.report.details)")
    }
}
