import Emulation
import Foundation
import HTTP
import HTTPTypes
import JSON
import Logging
import Reconciliation
import Rehearsal
import SCIM
import SCIMTransport
import Simulation
import Synchronization
import Testing

@testable import Ledger

/// R34: every walk ends. Root 3 of what foreign servers taught, by its numbers.
@Suite struct WalkTests {
    /// A world in step, of people and a group; small pages.
    private func settled(
        _ people: Int, page: Int = 4,
        extra: String =
            "limits: { source.shrink: none, users.disable: none, users.delete: none, memberships.remove: none }"
    ) async throws -> World {
        var options = ServiceOptions()
        options.maxResults = page
        let world = try World(job: World.job(extra), options: options)
        world.directory.people = (1...people).map { .named("person\($0)") }
        world.directory.teams = [
            Team(id: "group_ops", name: "ops", members: Set(world.directory.people.prefix(3).map(\.id)))
        ]
        #expect(try await world.run().report.exit == .inStep)
        return world
    }

    private static func connection(_ client: any HTTPClient) throws -> SCIMConnection {
        SCIMConnection(base: try #require(URLParts("https://scim.example/v2")), client: client)
    }

    private func turnOn(_ habits: Set<Habit>, _ world: World) { world.client.change { $0.options.habits = habits } }

    @Test(
        """
        3.1: a server that ignores startIndex ends the walk, is told, and whoever is disabled in the source loses \
        access all the same
        """,
        arguments: [4, 10])
    func ignoresStartIndex(people: Int) async throws {
        let world = try await settled(people)
        turnOn([.ignoresStartIndex], world)
        world.directory.people[people - 1].status = "disabled"
        let before = world.client.sent
        let result = try await world.run()
        #expect(world.client.sent - before < 30)
        #expect(world.user("person\(people)")?["active"] == false)
        #expect(
            result.report.details.contains { $0.contains("nobody can tell") || $0.contains("brings nothing new") },
            "\(result.report.details)")
        // Nobody is made twice because of what it does not show.
        #expect(world.documents(.user).count == people)
    }

    @Test("3.1: a server that starts again past the end is walked to its end, and its list is whole")
    func restarts() async throws {
        let world = try await settled(4)
        turnOn([.restartsPastEnd], world)
        let quiet = try await world.plan()
        #expect(
            quiet.report.headline.hasPrefix("No changes.") && quiet.report.exit == .inStep,
            "\(quiet.report.headline) \(quiet.report.details)")
    }

    @Test("3.1: cursors that never end, and a list without totals that never ends, end")
    func endless() async throws {
        for hasTotal in [false, true] {
            let client = EndlessClient(total: hasTotal ? 500 : nil)
            let connection = try Self.connection(client)
            var seen = 0
            let evidence = try await connection.list("/Users", paging: .cursor, pageSize: 100) { _ in seen += 1 }
            #expect(!evidence.isComplete && client.count < 130, "\(client.count)")
        }
        let empty = EndlessClient(total: nil, perPage: 0)
        #expect(try await !Self.connection(empty).list("/Users", paging: .cursor, pageSize: 100) { _ in }.isComplete)
        #expect(empty.count == 11)
    }

    @Test(
        "3.2: what is refused or fails past the end is the end; 404 for an empty list of groups is an empty list",
        arguments: [Habit.refusesPastEnd, .failsPastEnd, .missingWhenEmpty])
    func pastTheEnd(_ habit: Habit) async throws {
        let world = try await settled(4)
        if habit == .missingWhenEmpty {
            let world = try World()
            world.client.change { $0.options.habits = [habit] }
            world.directory.people = [.named("ada")]
            try world.plant(.user, ["userName": "other"])
            #expect(try await world.run().report.exit == .inStep)
            #expect(world.client.service.met[habit] ?? 0 > 0)
            return
        }
        turnOn([habit], world)
        world.directory.people[0].displayName = "Another Name"
        let result = try await world.run()
        #expect(result.report.exit == .inStep, "\(result.report.details)")
        #expect(world.client.service.met[habit] ?? 0 > 0)
        #expect(try await world.plan().report.headline.hasPrefix("No changes."))
    }

    @Test("3.3: a page that drops one record makes the list incomplete, says since when, and the rest goes on")
    func dropped() async throws {
        let world = try await settled(10)
        turnOn([.pageDropsOne], world)
        world.directory.people[9].status = "disabled"
        let hidden = try #require(world.client.service.victim(.user))
        let name = try #require(world.documents(.user).first { $0["id"]?.string == hidden }?["userName"]?.string)
        let index = try #require(world.directory.people.firstIndex { $0.username == name })
        world.directory.people[index].status = "disabled"
        let result = try await world.run()
        // Also the account that the list never shows is disabled.
        #expect(world.user(name)?["active"] == false && world.user("person10")?["active"] == false)
        #expect(result.report.details.contains { $0.contains("were declared") }, "\(result.report.details)")
        let next = try await world.plan()
        #expect(
            next.report.details.contains { $0.contains("it has not been whole since 2026-") }, "\(next.report.details)")
        #expect(next.planned.isEmpty)
    }

    @Test("3.3: pages without an order are asked for sorted, once, and that is remembered")
    func unsorted() async throws {
        let world = try await settled(10)
        turnOn([.unsortedPages], world)
        world.directory.people[0].displayName = "Another Name"
        #expect(try await world.run().report.exit == .inStep)
        let before = world.client.sent
        let quiet = try await world.plan()
        #expect(
            quiet.report.headline.hasPrefix("No changes.") && quiet.report.exit == .inStep, "\(quiet.report.details)")
        // Three pages of users, one of groups, and the capabilities.
        #expect(world.client.sent - before == 5)
    }

    @Test("3.4: one record that makes its page fail is passed over and named; the others are disabled")
    func bad() async throws {
        let world = try await settled(10, page: 8)
        turnOn([.badRecord], world)
        world.directory.people[9].status = "disabled"
        let before = world.client.sent
        let result = try await world.run()
        #expect(world.user("person10")?["active"] == false)
        #expect(result.report.details.contains { $0.contains("makes its page fail") }, "\(result.report.details)")
        #expect(world.client.sent - before < 60)
    }

    @Test("3.4: groups whose list fails are listed without members, and each is asked for by its id")
    func longGroup() async throws {
        let world = try await settled(10)
        world.directory.teams[0].members.insert("user_person9")
        #expect(try await world.run().report.exit == .inStep)
        turnOn([.longGroupFails], world)
        world.directory.teams[0].members.remove("user_person1")
        let result = try await world.run()
        #expect(result.report.exit == .inStep, "\(result.report.details)")
        #expect(world.members("ops") == ["person2", "person3", "person9"])
    }

    @Test("3.5: a target that answers nothing but 503 is given up after the patience, and the other job's work is done")
    func patience() async throws {
        let time = VirtualTime()
        let client = ScriptedClient(Array(repeating: .status(503, ["Retry-After": "50"], ""), count: 200))
        var policy = RetryPolicy(attempts: 100, base: 0.5)
        policy.patience = 600
        let retrying = Retrying(
            client, policy: policy, time: time.time, log: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        let start = time.now
        let answer = try await retrying.send(
            OutgoingRequest(head: .init(method: .get, scheme: "https", authority: "scim.example", path: "/Users")))
        #expect(answer.status == 503)
        #expect(time.now - start < 610 && time.now - start > 400)
        // From then on each request is tried once.
        _ = try await retrying.send(
            OutgoingRequest(head: .init(method: .get, scheme: "https", authority: "scim.example", path: "/Users")))
        #expect(time.now - start < 620)
    }

    @Test("1.9: a server that ignores filters is read as a list before anything is made again")
    func ignoredFilter() async throws {
        let lost = Switch()
        var options = ServiceOptions()
        options.maxResults = 3
        options.habits = [.ignoresFilters]
        options.uniqueUserNames = false
        let world = try World(options: options) { request, _ in
            guard lost.isOn, request.head.method == .post,
                String(decoding: request.body, as: UTF8.self).contains("person9")
            else { return nil }
            return .answerLost
        }
        world.directory.people = (1...8).map { .named("person\($0)") }
        try await world.run()
        lost.isOn = true
        world.directory.people.append(.named("person9"))
        _ = try await world.run()
        _ = try await world.run()
        #expect(world.documents(.user).filter { $0["userName"] == "person9" }.count == 1)
    }

    @Test("4.7: a filter that fails does not keep a killed run from going on")
    func failingFilter() async throws {
        let lost = Switch()
        var options = ServiceOptions()
        options.habits = [.failsOnExternalID]
        let world = try World(options: options) { request, _ in
            guard lost.isOn, request.head.method == .post else { return nil }
            return .answerLost
        }
        world.directory.people = [.named("ada")]
        try await world.run()
        world.directory.people.append(.named("bo"))
        lost.isOn = true
        _ = try await world.run()
        lost.isOn = false
        let result = try await world.run()
        #expect(result.report.exit == .inStep, "\(result.report.details)")
        #expect(world.documents(.user).count == 2)
    }
}

/// A server whose list has no end: new records and a new cursor for ever.
private final class EndlessClient: HTTPClient {
    private let number = Mutex(0)
    private let total: Int?
    private let perPage: Int

    init(total: Int?, perPage: Int = 100) {
        self.total = total
        self.perPage = perPage
    }

    var count: Int { number.withLock { $0 } }

    func send(_ request: OutgoingRequest) async throws(TransportError) -> IncomingResponse {
        let page = number.withLock { number in
            number += 1
            return number
        }
        let resources = (0..<perPage).map { "{\"id\":\"\(page)-\($0)\"}" }.joined(separator: ",")
        let body =
            "{\(total.map { "\"totalResults\":\($0)," } ?? "")\"nextCursor\":\"c\(page)\",\"Resources\":[\(resources)]}"
        return IncomingResponse(head: HTTPResponse(status: .ok), body: Array(body.utf8))
    }
}
