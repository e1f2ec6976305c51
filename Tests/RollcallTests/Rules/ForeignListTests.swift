import Directory
import Emulation
import Foundation
import HTTP
import JSON
import Jobs
import Logging
import Planning
import Reconciliation
import Rehearsal
import SCIM
import Simulation
import Testing

@testable import Ledger

/// Lists and members as servers of another hand show them: 12, by its numbers.
@Suite struct ForeignListTests {
    private static let generous = """
        limits: { source.shrink: none, users.disable: none, users.delete: none, groups.delete: none, \
        memberships.remove: none }
        """

    private func settled(
        _ people: Int, teams: Int = 1, _ options: ServiceOptions = ServiceOptions(), extra: String = generous,
        fault: @escaping @Sendable (OutgoingRequest, Int) -> InProcessClient.Fault? = { _, _ in nil }
    ) async throws -> World {
        let world = try World(job: World.job(extra), options: options, fault: fault)
        world.directory.people = (1...people).map { .named("person\($0)") }
        world.directory.teams = (0..<teams).map {
            Team(
                id: "group_\($0)", name: "team\($0)", members: Set(world.directory.people.prefix(people - 1).map(\.id)))
        }
        #expect(try await world.run().report.exit == .inStep)
        return world
    }

    @Test(
        "12, 2.6: where the list cuts one group off, no addition is repeated from the second night on"
    )
    func repeatedAdditions() async throws {
        let world = try await settled(9, teams: 2)
        let night = try World(world, at: try world.moment()) { request, _ in
            guard request.head.method == .get, request.head.path?.contains("/Groups?") ?? false else { return nil }
            return .altered { response in
                var response = response
                guard var document = try? JSONValue(parsing: response.body) else { return response }
                document["Resources"] = .array(
                    (document["Resources"]?.array ?? []).map { group in
                        var group = group
                        // Of one group the list shows five of seven, of the other all eight.
                        if group["displayName"] == "team0" {
                            group["members"] = .array(Array((group["members"]?.array ?? []).prefix(5)))
                        }
                        return group
                    })
                response.body = document.canonicalBytes
                return response
            }
        }
        var counts: [Int] = []
        for _ in 1...4 { counts.append(try await night.run().operations.filter { $0.verb == .addMembers }.count) }
        #expect(counts[1...].allSatisfy { $0 == 0 }, "\(counts)")
    }

    @Test(
        "12, 3.1, 3.2, 3.4: a SCIM source is read within bounds whatever its list does, and its night ends",
        arguments: [Habit.ignoresStartIndex, .restartsPastEnd, .refusesPastEnd, .failsPastEnd, .badRecord])
    func boundedSource(habit: Habit) async throws {
        let world = try World(
            job: World.job(
                "limits: { source.shrink: none, users.disable: none, users.delete: none, memberships.remove: none }"))
        world.directory.people = (1...200).map { .named("person\($0)") }
        var options = ServiceOptions()
        options.maxResults = 100
        world.serveDirectory(options)
        #expect(try await world.run().report.exit == .inStep)
        options.habits = [habit]
        // One page's worth: what lies past the end is asked for.
        if [.refusesPastEnd, .failsPastEnd, .ignoresStartIndex].contains(habit) {
            world.directory.people.removeLast(100)
        }
        world.sourceOptions = options
        world.directory.people[6].status = "disabled"
        let before = world.source?.counters["GET /Users"] ?? 0
        let result = try await world.run()
        #expect(
            (world.source?.counters["GET /Users"] ?? 0) - before < 250,
            "\((world.source?.counters["GET /Users"] ?? 0) - before)")
        #expect(
            [.refusesPastEnd, .failsPastEnd, .restartsPastEnd].contains(habit)
                ? result.report.exit == .inStep : result.report.exit != .unreachable,
            "\(result.report.exit) \(result.report.details)")
    }

    @Test("12, 3.3: a page that drops one record is told with its number, and what was of no use is not tried again")
    func droppedRecord() async throws {
        var options = ServiceOptions()
        options.maxResults = 4
        let world = try await settled(10, options)
        world.client.change { $0.options.habits = [.pageDropsOne] }
        var costs: [Int] = []
        var told: [String] = []
        for _ in 1...3 {
            let before = world.client.service.counters["GET /Users"] ?? 0
            told = try await world.run().report.details
            costs.append((world.client.service.counters["GET /Users"] ?? 0) - before)
        }
        #expect(told.contains { $0.contains("lacks 1 that its total counts") }, "\(told)")
        #expect(costs[1] < costs[0] && costs[2] == costs[1], "\(costs)")
    }

    @Test("12, 3.4: a SCIM source whose list of groups fails over a long group is read without members, group by group")
    func longGroupOfTheSource() async throws {
        let world = try World(job: World.job(Self.generous))
        world.directory.people = (1...8).map { .named("person\($0)") }
        world.directory.teams = [
            Team(id: "group_all", name: "all", members: Set(world.directory.people.map(\.id))),
            Team(id: "group_two", name: "two", members: ["user_person1", "user_person2"]),
        ]
        world.serveDirectory()
        #expect(try await world.run().report.exit == .inStep)
        var options = ServiceOptions()
        options.habits = [.longGroupFails]
        world.sourceOptions = options
        world.directory.teams[0].members.remove("user_person5")
        world.directory.people[6].status = "disabled"
        let result = try await world.run()
        #expect(result.report.exit == .inStep && world.members("all").count == 7, "\(result.report.details)")
        #expect(world.user("person7")?["active"] == false)
    }

    @Test("12, 4.4: after a removal that emptied the group, members are taken out one by one")
    func oneByOne() async throws {
        let world = try await settled(8)
        world.client.change { $0.options.habits = [.removeClears] }
        world.directory.teams[0].members.remove("user_person1")
        _ = try await world.run()
        _ = try await world.run()
        world.client.change { $0.options.habits = [] }
        for number in 2...4 { world.directory.teams[0].members.remove("user_person\(number)") }
        let before = world.client.service.counters["PATCH /Groups"] ?? 0
        #expect(try await world.run().report.exit == .inStep)
        #expect((world.client.service.counters["PATCH /Groups"] ?? 0) - before == 3)
    }

    @Test("12, 4.5: a group that was there before, and never shows a member, is not sent as a whole")
    func associatedAndHiding() async throws {
        var options = ServiceOptions()
        options.patch = false
        options.habits = [.hidesMembers]
        let world = try World(job: World.job(Self.generous), options: options)
        world.directory.people = (1...3).map { .named("person\($0)") }
        world.directory.teams = [Team(id: "group_0", name: "team0", members: Set(world.directory.people.map(\.id)))]
        let stranger = try world.plant(.user, ["userName": "stranger", "active": true])
        try world.plant(.group, ["displayName": "team0", "members": [["value": .string(stranger)]]])
        for _ in 1...2 { _ = try await world.run() }
        #expect(world.members("team0").contains("stranger"), "\(world.members("team0"))")
    }

    @Test(
        "12, 4.5: who was put by hand into a group that does not show its members stays, in additions and in renames",
        arguments: [true, false], [Habit.hidesMembers, .showsSomeMembers])
    func madeAndHiding(isRename: Bool, habit: Habit) async throws {
        var options = ServiceOptions()
        options.patch = false
        options.habits = [habit]
        let world = try World(job: World.job(Self.generous), options: options)
        world.directory.people = (1...5).map { .named("person\($0)") }
        world.directory.teams = [
            Team(id: "group_0", name: "team0", members: Set(world.directory.people.prefix(4).map(\.id)))
        ]
        _ = try await world.run()
        #expect(world.members("team0").count == 4)
        let stranger = try world.plant(.user, ["userName": "stranger", "active": true])
        let id = try #require(world.group("team0")?["id"]?.string)
        try world.client.change {
            try $0.meddle(.group, id) {
                $0["members"] = .array(($0["members"]?.array ?? []) + [["value": .string(stranger)]])
            }
        }
        if isRename {
            world.directory.teams[0].name = "renamed"
        } else {
            world.directory.teams[0].members.insert("user_person5")
        }
        _ = try await world.run()
        let name = world.group("team0") == nil ? "renamed" : "team0"
        #expect(
            world.members(name).isSuperset(of: ["stranger", "person1", "person2", "person3", "person4"]),
            "\(world.members(name))")
        // Nothing of it is sent, so it is named each night, and the nights that follow lose nobody either.
        for night in 1...3 {
            if night == 2 { world.directory.teams[0].name = "renamed again" }
            let result = try await world.run()
            #expect(result.report.exit == .recordsFailed, "\(night): \(result.report.headline)")
            let bearer = ["team0", "renamed", "renamed again"].first { world.group($0) != nil } ?? ""
            #expect(
                world.members(bearer).isSuperset(of: ["stranger", "person1", "person2", "person3", "person4"]),
                "\(night): \(world.members(bearer))")
        }
        // Whoever leaves the group is out of it, or named while it is in.
        world.directory.teams[0].members.remove("user_person3")
        for _ in 1...2 {
            let result = try await world.run()
            let bearer = ["team0", "renamed", "renamed again"].first { world.group($0) != nil } ?? ""
            #expect(world.members(bearer).contains("stranger"))
            if world.members(bearer).contains("person3") {
                #expect(
                    result.operations.contains {
                        $0.verb == .removeMembers && $0.members.contains { $0.sourceID == "user_person3" }
                    }, "\(result.report.details)")
            }
        }
    }

    @Test("12, 4.5: one look that was older than a write keeps nobody from coming into the group later")
    func staleOnce() async throws {
        let isStale = Switch()
        var options = ServiceOptions()
        options.patch = false
        let world = try World(job: World.job(Self.generous), options: options) { request, _ in
            guard isStale.isOn, let path = request.head.path, path.contains("/Groups/") else { return nil }
            return .altered { answer in
                guard var group = try? JSONValue(parsing: answer.body), let members = group["members"]?.array else {
                    return answer
                }
                group["members"] = .array(Array(members.prefix(4)))
                var answer = answer
                answer.body = group.canonicalBytes
                return answer
            }
        }
        world.directory.people = (1...8).map { .named("person\($0)") }
        world.directory.teams = [
            Team(id: "group_0", name: "team0", members: Set(world.directory.people.prefix(4).map(\.id)))
        ]
        #expect(try await world.run().report.exit == .inStep)
        world.directory.teams[0].members.insert("user_person5")
        isStale.isOn = true
        #expect(try await world.run().report.exit == .recordsFailed)
        isStale.isOn = false
        world.directory.teams[0].members.insert("user_person6")
        #expect(try await world.run().report.exit == .inStep)
        world.directory.teams[0].members.insert("user_person7")
        #expect(try await world.run().report.exit == .inStep)
        #expect(world.members("team0") == Set((1...7).map { "person\($0)" }), "\(world.members("team0"))")
    }

    @Test(
        "12, 3.2: a list of users that is not found where there is none is an empty one"
    )
    func missingUsers() async throws {
        let isOn = Switch()
        isOn.isOn = true
        let world = try World(job: World.job(Self.generous)) { request, _ in
            guard isOn.isOn, request.head.method == .get, let path = request.head.path,
                path.hasPrefix("/scim/v2/Users?") || path.hasPrefix("/scim/v2/Users")
            else { return nil }
            return .answered(EmulatedResponse(status: 404, body: Array(#"{"detail":"no resources"}"#.utf8)))
        }
        world.directory.people = [.named("ada"), .named("bo")]
        let first = try await world.run()
        #expect(first.report.exit == .inStep && world.documents(.user).count == 2, "\(first.report.details)")
        isOn.isOn = false
        #expect(try await world.run().report.headline == "No changes. 2 in step.")
    }

    @Test("12, 3.2: a SCIM source may answer 404 where it has nobody: it is incomplete, and not out of reach")
    func missingUsersInTheSource() async throws {
        let isMissing = Switch()
        let world = try World(job: World.job(Self.generous)) { request, _ in
            guard isMissing.isOn, request.head.path?.hasPrefix("/directory/Users") ?? false else { return nil }
            return .answered(EmulatedResponse(status: 404, body: Array(#"{"detail":"no resources"}"#.utf8)))
        }
        world.serveDirectory()
        isMissing.isOn = true
        let empty = try await world.run()
        // Nobody at all is never believed; it is no server that does not answer.
        #expect(empty.report.exit == .sourceIncomplete, "\(empty.report.headline) \(empty.report.details)")
        isMissing.isOn = false
        world.directory.people = [.named("ada")]
        #expect(try await world.run().report.exit == .inStep)
        isMissing.isOn = true
        #expect(try await world.run().report.exit == .sourceIncomplete)
        #expect(world.user("ada")?["active"] == true)
    }

    @Test("12, 4.5: when the last member that is known leaves a group that hides its members, nobody else is dropped")
    func lastOfAHidingGroup() async throws {
        var options = ServiceOptions()
        options.patch = false
        options.habits = [.hidesMembers]
        let world = try World(job: World.job(Self.generous), options: options)
        world.directory.people = [.named("ada"), .named("bo")]
        world.directory.teams = [
            Team(id: "group_0", name: "team0", members: ["user_ada"]),
            Team(id: "group_1", name: "team1", members: ["user_bo"]),
        ]
        _ = try await world.run()
        let stranger = try world.plant(.user, ["userName": "stranger", "active": true])
        let id = try #require(world.group("team0")?["id"]?.string)
        try world.client.change {
            try $0.meddle(.group, id) {
                $0["members"] = .array(($0["members"]?.array ?? []) + [["value": .string(stranger)]])
            }
        }
        world.directory.teams[0].members.remove("user_ada")
        let result = try await world.run()
        #expect(world.members("team0").contains("stranger"), "\(world.members("team0"))")
        #expect(result.report.exit == .recordsFailed, "\(result.report.headline) \(result.report.details)")
    }
}
