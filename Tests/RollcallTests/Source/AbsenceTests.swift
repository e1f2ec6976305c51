import Emulation
import Foundation
import HTTP
import JSON
import Reconciliation
import Rehearsal
import SCIM
import Simulation
import Testing

/// R32 on the side of the source: what a list does not show is a question. Root 2, by its numbers.
@Suite struct AbsenceTests {
    private static let generous =
        "limits: { source.shrink: none, users.disable: none, users.delete: none, memberships.remove: none }"

    private func scim(_ people: Int, options: ServiceOptions = ServiceOptions(), extra: String = generous) async throws
        -> World
    {
        let world = try World(job: World.job(extra))
        world.directory.people = (1...people).map { .named("person\($0)") }
        world.directory.teams = [
            Team(id: "group_all", name: "all", members: Set(world.directory.people.map(\.id))),
            Team(id: "group_two", name: "two", members: ["user_person1", "user_person2"]),
        ]
        world.serveDirectory(options)
        #expect(try await world.run().report.exit == .inStep)
        return world
    }

    @Test(
        "2.1: a complete-looking list that leaves out more than two hundred live people disables none of them",
        arguments: ["scim", "idaas", "application"])
    func leftOut(source: String) async throws {
        let hidden = Set((1...1200).filter { [3, 7].contains($0 % 10) }.map { "user_person\($0)" })
        let world: World
        if source == "scim" {
            var options = ServiceOptions()
            options.maxResults = 2000
            world = try World(job: World.job(Self.generous))
            world.directory.people = (1...1200).map { .named("person\($0)") }
            world.serveDirectory(options)
            #expect(try await world.run().report.exit == .inStep)
            options.leftOut = hidden
            world.sourceOptions = options
        } else {
            world = try IDaaS.world(
                source == "idaas" ? .byToken : .application, directory: IDaaS.company(1200), page: 100)
            #expect(try await world.run().report.exit == .inStep)
            world.client.changeDirectory { service in
                for number in 0..<1200 where [3, 7].contains(number % 10) {
                    service.options.leftOut.insert("user_\(IDaaS.padded(number))")
                }
            }
        }
        let result = try await world.run()
        #expect(world.documents(.user).allSatisfy { $0["active"] == true } && world.documents(.user).count == 1200)
        #expect(result.report.exit == .sourceIncomplete, "\(result.report.details.prefix(4))")
        #expect(
            result.report.details.contains { $0.contains("left out of the list of users") },
            "\(result.report.details.prefix(4))")
    }

    @Test("2.1: above two thousand a sample is asked for, and what is there disables nobody")
    func leftOutInThousands() async throws {
        var options = ServiceOptions()
        options.maxResults = 10_000
        let world = try World(job: World.job(Self.generous))
        world.directory.people = (1...4300).map { .named("person\($0)") }
        world.serveDirectory(options)
        #expect(try await world.run().report.exit == .inStep)
        options.leftOut = Set((1...2100).map { "user_person\($0)" })
        world.sourceOptions = options
        let before = world.source?.counters["GET /Users/{id}"] ?? 0
        let result = try await world.run()
        #expect(result.report.exit == .sourceIncomplete, "\(result.report.details.prefix(4))")
        #expect(world.documents(.user).allSatisfy { $0["active"] == true })
        #expect((world.source?.counters["GET /Users/{id}"] ?? 0) - before <= 400)
    }

    @Test(
        "3.1: a list of IDaaS whose tokens never end is ended, and nobody is taken for gone", arguments: [false, true])
    func endlessTokens(isEmpty: Bool) async throws {
        let isOn = Switch()
        let number = Counter()
        let pages = Recorder()
        let world = try World(
            job: IDaaS.job(),
            idaas: IDaaSService(directory: IDaaS.company(24), options: IDaaS.options(page: 5))
        ) { request, _ in
            guard isOn.isOn, let path = request.head.path, path.contains("MaxResults="), !path.contains("GroupId=")
            else { return nil }
            let isFirst = !path.contains("NextToken=")
            return .altered { answer in
                if isFirst { pages.add(String(decoding: answer.body, as: UTF8.self)) }
                // What a token of its own is answered with: the first page again, or nobody.
                guard let page = pages.all.last, var again = try? JSONValue(parsing: Array(page.utf8)) else {
                    return answer
                }
                again["NextToken"] = .string("token\(number.next())")
                if !isFirst, isEmpty { again["Users"] = [] }
                var answer = answer
                answer.status = 200
                answer.body = again.canonicalBytes
                return answer
            }
        }
        world.environment = IDaaS.environment
        #expect(try await world.run().report.exit == .inStep)
        isOn.isOn = true
        let result = try await world.run()
        #expect(result.report.exit == .sourceIncomplete, "\(result.report.details)")
        #expect(world.documents(.user).allSatisfy { $0["active"] == true })
        // Five in a page: a thousand more than there can be, and no further, in each of the readings.
        #expect(number.next() < (isEmpty ? 20 : 900), "\(number.next())")
    }

    @Test("2.2: a source that finds nothing by its id is not believed", arguments: [1, 5])
    func findsNothing(gone: Int) async throws {
        let isBlind = Switch()
        let world = try World(job: World.job(Self.generous)) { request, _ in
            guard isBlind.isOn, let path = request.head.path,
                path.hasPrefix("/directory/Users/") || path.hasPrefix("/directory/Groups/")
            else { return nil }
            return .answered(
                EmulatedResponse(
                    status: 404, headers: [("Content-Type", "application/scim+json")], body: Array("{}".utf8)))
        }
        world.directory.people = (1...20).map { .named("person\($0)") }
        world.directory.teams = [Team(id: "group_two", name: "two", members: ["user_person1", "user_person2"])]
        world.serveDirectory()
        #expect(try await world.run().report.exit == .inStep)
        isBlind.isOn = true
        world.directory.people.removeLast(gone)
        let result = try await world.run()
        #expect(
            result.report.exit == .sourceIncomplete && world.documents(.user).allSatisfy { $0["active"] == true },
            "\(result.report.details)")
        #expect(
            result.report.details.contains {
                $0.contains("which the list has just shown: such an answer is not believed")
            }, "\(result.report.details)")
        isBlind.isOn = false
        #expect(try await world.run().report.exit == .inStep)
        #expect(world.documents(.user).filter { $0["active"] == false }.count == gone)
    }

    @Test("R32: a source that cannot be asked is believed after complete reads on three days")
    func threeDays() async throws {
        let world = try await scim(20)
        world.jobText = world.jobText.replacingOccurrences(of: "kind: scim,", with: "kind: scim, lookUps: none,")
        world.directory.people.removeLast()
        world.directory.teams[0].members.remove("user_person20")
        for night in 1...3 {
            let result = try await world.run()
            #expect((world.user("person20")?["active"] == false) == (night == 3), "night \(night)")
            if night < 3 {
                #expect(
                    result.report.exit == .recordsFailed
                        && result.report.details.contains { $0.contains("source.lookUps: none") },
                    "\(result.report.details)")
            }
        }
        #expect(world.source?.counters["GET /Users"] ?? 0 < 12)
    }

    @Test(
        "2.6: a SCIM source whose list cuts members off: nobody is removed, a mover is, and somebody who comes is seen",
        arguments: [false, true])
    func cutMembers(fromTheBeginning: Bool) async throws {
        var options = ServiceOptions()
        if fromTheBeginning { options.habits = [.cutsMembers] }
        let world = try await scim(8, options: options)
        #expect(world.members("all").count == 8)
        options.habits = [.cutsMembers]
        world.sourceOptions = options
        #expect(try await world.run().report.exit == .inStep)
        #expect(world.members("all").count == 8)
        world.directory.people.append(.named("person9"))
        world.directory.teams[0].members.insert("user_person9")
        world.directory.teams[0].members.remove("user_person5")
        let result = try await world.run()
        #expect(result.report.exit == .inStep, "\(result.report.details)")
        #expect(
            world.members("all") == [
                "person1", "person2", "person3", "person4", "person6", "person7", "person8", "person9",
            ])
    }

    @Test(
        """
        2.6: a target whose list cuts members off: a mover leaves, nothing is added twice, and a quiet night asks \
        only for what was cut
        """
    )
    func cutOnTarget() async throws {
        var options = ServiceOptions()
        options.habits = [.cutsMembers]
        let world = try World(job: World.job(Self.generous), options: options)
        world.directory.people = (1...8).map { .named("person\($0)") }
        world.directory.teams = [
            Team(id: "group_all", name: "all", members: Set(world.directory.people.map(\.id))),
            Team(id: "group_two", name: "two", members: ["user_person1", "user_person2"]),
        ]
        #expect(try await world.run().report.exit == .inStep)
        var additions = 0
        for _ in 1...3 { additions += try await world.run().operations.filter { $0.verb == .addMembers }.count }
        #expect(additions == 0)
        world.directory.teams[0].members.remove("user_person7")
        #expect(try await world.run().report.exit == .inStep)
        #expect(!world.members("all").contains("person7") && world.members("all").count == 7)
        let before = world.client.service.counters["GET /Groups"] ?? 0
        let quiet = try await world.run()
        #expect(quiet.report.headline.hasPrefix("No changes."), "\(quiet.report.headline)")
        #expect((world.client.service.counters["GET /Groups"] ?? 0) - before == 2)
    }

    @Test(
        """
        2.6: a group that shows fewer by its id than in the list, or cannot be read by it, removes nobody and \
        stops nobody's disabling
        """,
        arguments: [404, 500, 200])
    func fewerByID(status: Int) async throws {
        let isOdd = Switch()
        let world = try World(job: World.job(Self.generous)) { request, _ in
            guard isOdd.isOn, request.head.path?.hasPrefix("/directory/Groups/") ?? false else { return nil }
            if status != 200 {
                return .answered(
                    EmulatedResponse(
                        status: status, headers: [("Content-Type", "application/scim+json")], body: Array("{}".utf8)))
            }
            return .altered { response in
                var response = response
                guard var document = try? JSONValue(parsing: response.body) else { return response }
                document["members"] = nil
                response.body = document.canonicalBytes
                return response
            }
        }
        world.directory.people = (1...6).map { .named("person\($0)") }
        world.directory.teams = [
            Team(id: "group_all", name: "all", members: Set(world.directory.people.map(\.id))),
            Team(id: "group_two", name: "two", members: ["user_person1", "user_person2"]),
        ]
        world.serveDirectory()
        #expect(try await world.run().report.exit == .inStep)
        isOdd.isOn = true
        world.directory.teams[1].members.remove("user_person2")
        world.directory.people[5].status = "disabled"
        let result = try await world.run()
        #expect(
            world.members("two") == ["person1", "person2"] && world.members("all").count == 6,
            "\(result.report.details)")
        #expect(world.user("person6")?["active"] == false, "\(result.report.details)")
        #expect(result.report.exit == .recordsFailed, "\(result.report.details)")
    }

    @Test("where lists show all, three quiet nights ask for no group, a hundred members or not")
    func quiet() async throws {
        let world = try await scim(100)
        _ = try await world.run()
        let before = (world.client.service.counters["GET /Groups"] ?? 0, world.source?.counters["GET /Groups"] ?? 0)
        for _ in 1...3 { #expect(try await world.run().report.headline.hasPrefix("No changes.")) }
        #expect(
            (world.client.service.counters["GET /Groups"] ?? 0) - before.0 == 3
                && (world.source?.counters["GET /Groups"] ?? 0) - before.1 == 3)
    }
}
