import Emulation
import Foundation
import HTTP
import JSON
import Ledger
import Rehearsal
import SCIM
import Simulation
import Testing

@testable import Reconciliation

/// What went wrong once, or could have: each of these worlds did harm to an earlier version, or would to a careless
/// one.
@Suite struct WorstNightTests {
    private static let generous =
        """
        limits: { source.shrink: none, users.delete: none, users.disable: none, users.clear: none, groups.delete: \
        none, memberships.remove: none }
        """

    private func body(_ request: OutgoingRequest) -> String { String(decoding: request.body, as: UTF8.self) }

    @Test("R11, R22: a delete of unknown outcome is not sent again when its person is back")
    func deleteIsJudgedAnew() async throws {
        let fails = Switch()
        let world = try World(
            job: World.job("leavers: { disable: immediately, delete: immediately }\n" + Self.generous)
        ) { request, _ in
            fails.isOn && request.head.method == .delete ? .answered(EmulatedResponse(status: 500)) : nil
        }
        world.directory.people = [.named("ada"), .named("bo")]
        try await world.run()
        let id = try #require(world.user("bo")?["id"]?.string)
        world.directory.people.removeLast()
        fails.isOn = true
        let night = try await world.run()
        #expect(night.report.exit == .recordsFailed)
        // Whatever the 500 means, the account has no access.
        #expect(world.user("bo")?["active"] == false)
        fails.isOn = false
        world.directory.people.append(.named("bo"))
        #expect(try await world.run().report.exit == .inStep)
        #expect(world.user("bo")?["id"]?.string == id)
        #expect(world.client.service.counters["DELETE /Users"] == nil)
        // The same with a source that cannot be believed.
        world.directory.people.removeLast()
        fails.isOn = true
        try await world.run()
        fails.isOn = false
        world.directory.people = []
        #expect(try await world.run().report.exit == .sourceIncomplete)
        #expect(world.user("bo") != nil)
    }

    @Test("law 2: where two records of one id say different things, neither is written to its account")
    func twoOfOneID() async throws {
        let world = try World(job: World.job(Self.generous))
        world.directory.people = [.named("ada"), .named("bo")]
        world.directory.teams = [Team(id: "group_1", name: "Ops", members: ["user_ada"])]
        try await world.run()
        let before = Trial.story(world)
        var cy = Person.named("cy")
        cy.id = "user_ada"
        world.directory.people.append(cy)
        world.directory.teams.append(Team(id: "group_1", name: "Other", members: ["user_bo"]))
        let night = try await world.run()
        #expect(night.report.exit == .sourceIncomplete, "\(night.report.details)")
        #expect(
            night.operations.filter { $0.situation == .unacceptable && $0.reason.contains("have this id") }.count == 2)
        #expect(Trial.story(world) == before)
    }

    @Test("a target that answers one record with 500 every night is told every night, and the journal does not grow")
    func steadyFailure() async throws {
        let world = try World { request, _ in
            request.head.method == .patch && String(decoding: request.body, as: UTF8.self).contains("Changed")
                ? .answered(EmulatedResponse(status: 500)) : nil
        }
        world.directory.people = [.named("ada"), .named("bo")]
        try await world.run()
        world.directory.people[0].displayName = "Changed"
        for _ in 1...3 {
            #expect(try await world.run().report.exit == .recordsFailed)
            #expect(try world.ledger.unsettled().count == 1)
        }
    }

    @Test("R13: a group that is associated keeps its members also where the list does not show them")
    func hiddenMembers() async throws {
        var options = ServiceOptions()
        options.listsWithoutMembers = true
        let world = try World(job: World.job(Self.generous), options: options)
        world.directory.people = [.named("ada"), .named("bo")]
        world.directory.teams = [Team(id: "group_1", name: "Ops", members: ["user_ada"])]
        let ids = try ["ada", "bo"].map {
            try world.plant(.user, ["userName": .string($0), "externalId": .string("user_\($0)")])
        }
        try world.plant(.group, ["displayName": "Ops", "members": .array(ids.map { ["value": .string($0)] })])
        for _ in 1...3 {
            try await world.run()
            #expect(world.members("Ops") == ["ada", "bo"])
        }
        #expect(try await world.plan().report.headline.hasPrefix("No changes."))
        // What the job itself added goes when the source says so.
        world.directory.people.append(.named("chen"))
        world.directory.teams[0].members = ["user_ada", "user_chen"]
        try await world.run()
        world.directory.teams[0].members = ["user_ada"]
        try await world.run()
        #expect(world.members("Ops") == ["ada", "bo"])
    }

    @Test("law 5, R13: an account whose association failed keeps its memberships")
    func failedAssociation() async throws {
        let world = try World(job: World.job(Self.generous)) { request, _ in
            request.head.method == .patch && (request.head.path ?? "").contains("/Users/")
                ? .answered(EmulatedResponse(status: 400, body: Array("{\"detail\":\"no\"}".utf8))) : nil
        }
        world.directory.people = [.named("ada")]
        world.directory.teams = [Team(id: "group_1", name: "Ops", members: ["user_ada"])]
        try await world.run()
        let bo = try world.plant(.user, ["userName": "bo"])
        let ops = try #require(world.group("Ops")?["id"]?.string)
        try world.client.change {
            try $0.meddle(.group, ops) {
                $0["members"] = .array(($0["members"]?.array ?? []) + [["value": .string(bo)]])
            }
        }
        world.directory.people.append(.named("bo"))
        let result = try await world.run()
        #expect(result.operation(.associate, "bo")?.status == .failed)
        #expect(world.members("Ops") == ["ada", "bo"])
    }

    @Test("law 7: one member that the target refuses does not keep the others out")
    func refusedMember() async throws {
        let world = try World { request, _ in
            let text = String(decoding: request.body, as: UTF8.self)
            return request.head.method == .patch && text.contains("\"members\"") && text.contains("000000000003\"")
                ? .answered(EmulatedResponse(status: 400)) : nil
        }
        world.directory.people = (0..<8).map { .named("person\($0)") }
        world.directory.teams = [Team(id: "group_1", name: "Ops", members: Set(world.directory.people.map(\.id)))]
        let result = try await world.run()
        #expect(result.report.exit == .recordsFailed)
        #expect(world.members("Ops").count == 7)
        #expect(result.operation(.addMembers, "Ops")?.reason.contains("refuses to add 1 of 8 members") == true)
    }

    @Test("an account that was made beside the run is not taken for what was to be written")
    func madeBeside() async throws {
        let hidden = Switch()
        hidden.isOn = true
        let world = try World { request, _ in
            // The list does not show it yet; the POST meets it.
            guard hidden.isOn, request.head.method == .get, (request.head.path ?? "").contains("/Users?startIndex")
            else { return nil }
            return .answered(EmulatedResponse(status: 200, body: Array("{\"totalResults\":0,\"Resources\":[]}".utf8)))
        }
        try world.plant(.user, ["userName": "ada", "externalId": "user_ada", "displayName": "Stale", "active": false])
        world.directory.people = [.named("ada")]
        #expect(try await world.run().operation(.create, "ada")?.reason.contains("found by its externalId") == true)
        hidden.isOn = false
        try await world.run()
        #expect(world.user("ada")?["active"] == true)
        #expect(world.user("ada")?["displayName"] == "Ada Example")
        #expect(try await world.plan().report.headline.hasPrefix("No changes."))
    }

    @Test("R26: the hold of a changed scope also keeps the memberships of accounts that are disabled already")
    func scopeOfDisabled() async throws {
        func job(_ groups: String) -> String {
            World.job(Self.generous).replacingOccurrences(
                of: "path: directory.json", with: "path: directory.json, scope: { groups: \(groups) }")
        }
        let world = try World(job: job("[group_1, group_2]"))
        world.directory.people = [.named("ada"), .named("bo")]
        world.directory.teams = [
            Team(id: "group_1", name: "Ops", members: ["user_ada", "user_bo"]),
            Team(id: "group_2", name: "Dev", members: ["user_bo"]),
        ]
        try await world.run()
        world.directory.people[1].status = "disabled"
        try await world.run()
        #expect(world.user("bo")?["active"] == false)
        // bo is now in scope through group_2 alone, and then group_2 leaves the scope.
        world.directory.teams[0].members = ["user_ada"]
        try await world.run()
        world.jobText = job("[group_1]")
        try await world.run()
        #expect(world.members("Dev") == ["bo"])
    }

    @Test("law 1: a leaver is disabled once, also where active is not mapped")
    func unmappedActive() async throws {
        let world = try World(job: World.job("mapping: { active: null }\n" + Self.generous))
        world.directory.people = [.named("ada"), .named("bo")]
        try world.plant(.user, ["userName": "bo", "active": false])
        let first = try await world.run()
        #expect(first.operations.first { $0.name == "bo" }?.heldBy == .disabledNamesake)
        world.directory.people = [.named("bo")]
        try await world.run()
        #expect(world.user("ada")?["active"] == false)
        #expect(try await world.plan().planned.isEmpty)
    }

    @Test("a target that gives out its ids anew does not confuse the ledger")
    func reusedIDs() async throws {
        let world = try World()
        world.directory.people = [.named("ada"), .named("bo")]
        try await world.run()
        world.client.change { $0 = SCIMService(options: $0.options) }
        world.directory.people = [.named("aa"), .named("ada"), .named("bo")]
        world.permissions.acceptTargetChange = true
        #expect(try await world.run().report.exit == .inStep)
        #expect(Set(world.documents(.user).compactMap { $0["userName"]?.string }) == ["aa", "ada", "bo"])
        #expect(try await world.plan().report.headline.hasPrefix("No changes. 3 in step."))
    }

    @Test("law 8: a token that the server repeats in an error reaches no message")
    func echo() async throws {
        let world = try World { request, _ in
            let header = request.head.headerFields[.authorization] ?? ""
            return request.head.method == .post
                ? .answered(
                    EmulatedResponse(status: 400, body: Array("{\"detail\":\"bad request, sent with \(header)\"}".utf8))
                ) : nil
        }
        world.directory.people = [.named("ada")]
        let result = try await world.run()
        #expect(result.operation(.create, "ada")?.reason.contains("sent with Bearer ***") == true)
        #expect(!result.report.details.joined().contains("correct horse"))
    }

    @Test("R18: with an incomplete list of the target, what seems absent is looked for before it is created")
    func looksFirst() async throws {
        var options = ServiceOptions()
        options.uniqueGroupNames = false
        let isShort = Switch()
        let world = try World(job: World.job(Self.generous), options: options) { request, _ in
            guard isShort.isOn, request.head.method == .get, (request.head.path ?? "").contains("/Groups?startIndex")
            else { return nil }
            return .answered(EmulatedResponse(status: 200, body: Array("{\"totalResults\":2,\"Resources\":[]}".utf8)))
        }
        world.directory.people = [.named("ada")]
        world.directory.teams = [
            Team(id: "group_1", name: "Ops", members: []), Team(id: "group_2", name: "Dev", members: []),
        ]
        try world.plant(.group, ["displayName": "Ops", "externalId": "group_1"])
        isShort.isOn = true
        try await world.run()
        #expect(world.documents(.group).compactMap { $0["displayName"]?.string }.sorted() == ["Dev", "Ops"])
    }

    /// A picture without ids: who is there with which values, and who is in which group.
    private func story(_ world: World) -> [String] {
        let names = Dictionary(world.documents(.user).map { ($0["id"]?.string ?? "", $0["userName"]?.string ?? "") }) {
            first, _ in first
        }
        return (world.documents(.user) + world.documents(.group)).map { document in
            var document = document
            for name in ["id", "meta", "groups"] { document[name] = nil }
            let members = (document["members"]?.array ?? []).compactMap { $0["value"]?.string.map { names[$0] ?? "?" } }
            document["members"] = .array(members.sorted().map { .string($0) })
            return document.canonical
        }.sorted()
    }

    @Test(
        "law 4, in small: cut off at any request, before or after it arrives, the next run reaches the same end",
        arguments: [true, false])
    func cutAnywhere(arrives: Bool) async throws {
        func world(cutAt: Int?, _ isWhole: Switch) throws -> World {
            let counter = Counter()
            let world = try World(
                job: World.job("leavers: { disable: immediately, delete: immediately }\n" + Self.generous)
            ) { _, _ in
                guard let cutAt, !isWhole.isOn else { return nil }
                let number = counter.next()
                return number < cutAt ? nil : number == cutAt && arrives ? .answerLost : .notSent
            }
            world.directory.people = [.named("ada"), .named("bo"), .named("chen"), .named("dara")]
            world.directory.teams = [
                Team(id: "group_1", name: "Ops", members: ["user_ada", "user_chen"]),
                Team(id: "group_2", name: "Dev", members: ["user_dara"]),
            ]
            return world
        }
        func prepare(_ world: World, _ isWhole: Switch) async throws {
            isWhole.isOn = true
            try world.plant(.user, ["userName": "eve", "title": "not ours"])
            try await world.run()
            // A day with everything in it: a create, an association, a change, a rename ring, a disabling, leavers,
            // memberships.
            try world.plant(.user, ["userName": "fay", "displayName": "Was here"])
            world.directory.people = [
                .named("bo", id: "user_ada"), .named("ada", id: "user_bo"), .named("chen", status: "disabled"),
                .named("fay"), .named("newcomer"),
            ]
            world.directory.teams = [
                Team(id: "group_1", name: "Ops renamed", members: ["user_bo", "user_fay", "user_newcomer"]),
                Team(id: "group_3", name: "New", members: ["user_ada"]),
            ]
            isWhole.isOn = false
        }
        let calm = Switch()
        let unbroken = try world(cutAt: nil, calm)
        try await prepare(unbroken, calm)
        let before = unbroken.client.service.requests
        #expect(try await unbroken.run().report.exit == .inStep)
        let requests = unbroken.client.service.requests - before
        let expected = story(unbroken)
        #expect(requests > 12)
        for cut in 1...requests {
            let isWhole = Switch()
            let broken = try world(cutAt: cut, isWhole)
            try await prepare(broken, isWhole)
            _ = try await broken.run()
            isWhole.isOn = true
            let exit = try await broken.run().report.exit
            #expect(exit == .inStep, "cut at \(cut)")
            #expect(story(broken) == expected, "cut at \(cut)")
            #expect(try await broken.plan().report.headline.hasPrefix("No changes."), "cut at \(cut)")
        }
    }

    @Test(
        """
        R16: what a restored ledger finds by its mark may have been associated since the copy: it is disabled \
        when due, and never deleted
        """
    )
    func restored() async throws {
        let world = try World(
            job: World.job(
                """
                leavers: { disable: immediately, delete: immediately }\nlimits: { users.delete: none, \
                users.disable: none, source.shrink: none, memberships.remove: none }
                """
            ))
        world.directory.people = [.named("ada"), .named("bo")]
        world.directory.teams = [Team(id: "group_1", name: "Ops", members: ["user_ada"])]
        try world.plant(.user, ["userName": "guest"])
        let copy = try world.moment()
        try await world.run()
        // Bo was there before, and somebody else's guest in the group as well.
        let guest = world.user("guest")?["id"]?.string ?? ""
        let group = try #require(world.group("Ops")?["id"]?.string)
        try world.client.change {
            try $0.meddle(.group, group) {
                $0["members"] = .array(($0["members"]?.array ?? []) + [["value": .string(guest)]])
            }
        }
        let later = try World(
            world, at: World.Moment(ledger: copy.ledger, landscape: try world.moment().landscape, now: copy.now + 1))
        later.directory = world.directory
        try later.ledger.learn(Ledger.restoredFact, "2026-11-24T02:15:00Z")
        #expect(try await later.run().report.exit == .inStep)
        #expect(try later.ledger.link(kind: .user, source: "user_bo")?.origin == .associated)
        #expect(later.members("Ops").contains("guest"))
        later.directory.people.removeAll { $0.id == "user_bo" }
        try await later.run()
        #expect(later.user("bo")?["active"] == false)
        // Once nothing that carries our mark waits any more, what is found by its mark is ours again.
        #expect(try later.ledger.fact(Ledger.restoredFact) == nil)
        try later.ledger.learn(Ledger.restoredFact, "2026-11-24T02:15:00Z")
        try later.plant(.user, ["userName": "chen", "externalId": "user_chen"])
        later.directory.people += [.named("chen"), .named("Chen")]
        later.directory.people[later.directory.people.count - 1].id = "user_chen2"
        try await later.run()
        #expect(
            try later.ledger.fact(Ledger.restoredFact) != nil,
            "held by a collision, and perhaps associated since the copy")
        later.directory.people.removeLast()
        try await later.run()
        #expect(try later.ledger.link(kind: .user, source: "user_chen")?.origin == .associated)
        #expect(try later.ledger.fact(Ledger.restoredFact) == nil)
    }
}
