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

/// What a target of another hand than the emulator does, one night or several: 12, by its numbers.
@Suite struct ForeignTargetTests {
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

    @Test("12, 1.3: groups that bear other ids after a restore are known by their marks, and none is made twice")
    func groupsUnderOtherIDs() async throws {
        var options = ServiceOptions()
        options.uniqueGroupNames = false
        let world = try await settled(4, teams: 10, options)
        world.client.change { service in
            for document in service.documents(.group)
            where ["team3", "team4"].contains(document["displayName"]?.string ?? "") {
                guard let id = document["id"]?.string, let stored = service.store[.group]?[id] else { continue }
                service.remove(.group, id)
                service.put(.group, "9" + id.dropFirst(), stored.document, created: stored.created)
            }
        }
        let result = try await world.run()
        #expect(world.documents(.group).count == 10 && result.report.exit == .inStep, "\(result.report.details)")
    }

    @Test(
        "12, 2.3: an account that the list does not show and that may not be looked at is neither gone nor made again")
    func notToBeLookedAt() async throws {
        var options = ServiceOptions()
        options.uniqueUserNames = false
        let world = try await settled(20, options)
        let hidden = try #require(world.user("person7")?["id"]?.string)
        world.client.change { $0.options.leftOut = [hidden] }
        let night = try World(world, at: try world.moment()) { request, _ in
            request.head.method == .get && request.head.path?.hasSuffix("/\(hidden)") ?? false
                ? .answered(EmulatedResponse(status: 403)) : nil
        }
        for _ in 1...2 { _ = try await night.run() }
        // The object itself, which the list does not show, and nobody beside it.
        #expect(night.client.service.store[.user]?.order.count == 20)
    }

    @Test(
        "12, 4.1: access does not wait for a rename that is refused as forbidden, or that fails",
        arguments: [403, 500], [true, false])
    func accessFirst(status: Int, disables: Bool) async throws {
        let isOn = Switch()
        let world = try World(job: World.job(Self.generous)) { request, _ in
            guard isOn.isOn, request.head.method == .patch,
                String(decoding: request.body, as: UTF8.self).contains("userName")
            else { return nil }
            return .answered(EmulatedResponse(status: status, body: Array(#"{"detail":"no"}"#.utf8)))
        }
        world.directory.people = [.named("ada"), .named("bo")]
        if !disables { world.directory.people[0].status = "enabled" }
        try await world.run()
        if !disables {
            world.directory.people[0].status = "disabled"
            try await world.run()
            #expect(world.user("ada")?["active"] == false)
        }
        isOn.isOn = true
        world.directory.people[0].username = "renamed"
        world.directory.people[0].status = disables ? "disabled" : "enabled"
        let result = try await world.run()
        #expect(
            world.user("ada")?["active"] == .bool(!disables) && result.report.exit == .recordsFailed,
            "\(result.report.details)")
    }

    @Test(
        "12, 4.7: a duplicate that is said with 500, with 400 or in words alone is a conflict with its holder",
        arguments: [
            (500, #"{"detail":"already exists"}"#), (400, #"{"detail":"already exists"}"#),
            (400, #"{"scimType":"uniqueness"}"#),
        ])
    func saidAsDuplicate(status: Int, words: String) async throws {
        let world = try World(job: World.job(Self.generous)) { request, _ in
            guard request.head.method == .post, String(decoding: request.body, as: UTF8.self).contains("\"zoe\"") else {
                return nil
            }
            return .answered(
                EmulatedResponse(status: status, body: Array(words.utf8)))
        }
        world.directory.people = [.named("ada")]
        try await world.run()
        let id = try world.plant(.user, ["userName": "zoe", "externalId": "elsewhere"])
        world.client.change { $0.options.leftOut = [id] }
        world.directory.people.append(.named("zoe"))
        let result = try await world.run()
        let row = try #require(result.operation(.create, "zoe"))
        #expect(row.status == .conflict && row.reason.contains("the name is held by"), "\(row.status) \(row.reason)")
    }

    @Test("12, 4.7: a lost create is settled in the same night though the filter for externalIds fails")
    func filterFailsInTheNight() async throws {
        let lost = Switch()
        var options = ServiceOptions()
        options.habits = [.failsOnExternalID]
        let world = try World(options: options) { request, _ in
            lost.isOn && request.head.method == .post ? .answerLost : nil
        }
        world.directory.people = [.named("ada")]
        try await world.run()
        world.directory.people.append(.named("bo"))
        lost.isOn = true
        let result = try await world.run()
        #expect(
            result.report.exit == .inStep && result.operation(.create, "bo")?.status == .done,
            "\(result.report.details)")
    }

    @Test("12, 4.7: accounts whose changes have failed in the same way for nights open no breaker for the others")
    func knownRefusals() async throws {
        let seen = Recorder()
        let fails = Switch()
        let world = try World(job: World.job(Self.generous + "\npace: { requestsPerSecond: 1000, concurrency: 1 }")) {
            request, _ in
            guard fails.isOn, request.head.method == .patch, let path = request.head.path, path.contains("/Users/")
            else { return nil }
            if !seen.all.contains(path), Set(seen.all).count < 22 { seen.add(path) }
            return seen.all.contains(path) ? .answered(EmulatedResponse(status: 500)) : nil
        }
        world.directory.people = (1...60).map { .named("person\($0)") }
        try await world.run()
        fails.isOn = true
        for index in 0..<30 { world.directory.people[index].status = "disabled" }
        var last = try await world.run()
        for _ in 1...5 { last = try await world.run() }
        #expect(world.documents(.user).filter { $0["active"] == false }.count == 8)
        #expect(last.planned.isEmpty, "\(last.planned.count)")
    }

    @Test(
        "12, 5.1: where no side tells the time, a clock far off is in doubt for seven nights, and then counts again",
        arguments: [true, false])
    func clockWithoutDates(isAhead: Bool) async throws {
        let world = try World(
            job: World.job(
                "limits: { source.shrink: none, users.delete: none, users.disable: none }\nleavers: { delete: 30d }"))
        world.directory.people = [.named("ada"), .named("bo")]
        try await world.run()
        func another(_ from: World, _ gap: Double) throws -> World {
            try World(from, at: try from.moment(), gap: gap) { _, _ in
                .altered { response in
                    var response = response
                    response.headers = response.headers.filter { $0.name != "Date" }
                    return response
                }
            }
        }
        world.directory.people.removeLast()
        if isAhead {
            let night = try another(world, 2_000_000_000)
            _ = try await night.run()
            let right = try another(night, -2_000_000_000)
            var exits: [ExitCode] = []
            for _ in 1...9 { exits.append(try await right.run().report.exit) }
            #expect(exits.prefix(7).allSatisfy { $0 == .recordsFailed }, "\(exits)")
            #expect(exits.suffix(2).allSatisfy { $0 == .inStep }, "\(exits)")
            #expect(right.user("bo") != nil)
        } else {
            let night = try another(world, -800_000_000)
            let result = try await night.run()
            #expect(
                result.report.exit == .recordsFailed
                    && result.report.details.contains { $0.contains("clock is in doubt") }, "\(result.report.details)")
        }
    }

    @Test("12: two jobs on one target with one token in two variables are not run together")
    func oneTokenTwoNames() async throws {
        let platform = try #require(Platform.all.first { $0.name == "tencent-identity-center" })
        let world = try platform.world()
        world.directory.people = [.named("ada")]
        let texts = [
            world.jobText.replacingOccurrences(of: "job: world", with: "job: one"),
            world.jobText.replacingOccurrences(of: "job: world", with: "job: two").replacingOccurrences(
                of: "${TOKEN}", with: "${OTHER}"),
        ]
        let document = world.directory.document()
        var surroundings = Surroundings(
            time: world.clock.time, environment: ["TOKEN": "correct horse", "OTHER": "correct horse"],
            log: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, transport: world.client,
            sourceOverride: FileSource(name: "directory.json") { document })
        surroundings.freeBytes = { _ in nil }
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("rollcall-p-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        var entries: [(Job, Ledger)] = []
        for (name, text) in zip(["one", "two"], texts) {
            entries.append(
                (
                    try Job.read(text: text, path: "\(name).yaml", vocabulary: .current),
                    try Ledger(path: folder.appendingPathComponent("\(name).sqlite").path)
                ))
        }
        let reports = try await Invocation(.run, surroundings: surroundings).execute(entries)
        #expect(reports.first { $0.job == "one" }?.exit == .inStep)
        #expect(reports.first { $0.job == "two" }?.exit == .jobFile)
    }

    @Test("12, 2.5: an account that is found not active is no success; the next night enables it")
    func foundInactive() async throws {
        var options = ServiceOptions()
        options.habits = [.hidesInactive]
        let world = try World(job: World.job(Self.generous), options: options)
        try world.plant(.user, ["userName": "ada", "externalId": "user_ada", "active": false])
        world.directory.people = [.named("ada"), .named("bo")]
        let result = try await world.run()
        #expect(world.user("ada")?["active"] == false)
        #expect(
            result.report.exit == .recordsFailed && result.operation(.create, "ada")?.status == .failed,
            "\(result.operations.map { "\($0.verb) \($0.status) \($0.reason)" })")
        _ = try await world.run()
        #expect(world.user("ada")?["active"] == true)
    }

    @Test("12: of a group that could not be made ours it is not said that it was not created")
    func notMadeOurs() async throws {
        let world = try World(job: World.job(Self.generous)) { request, _ in
            request.head.method == .patch && request.head.path?.contains("/Groups/") ?? false
                ? .answered(EmulatedResponse(status: 409, body: Array(#"{"detail":"no"}"#.utf8))) : nil
        }
        world.directory.people = [.named("ada"), .named("bo")]
        world.directory.teams = [Team(id: "g", name: "ops", members: ["user_ada"])]
        try world.plant(.group, ["displayName": "ops"])
        let result = try await world.run()
        let row = try #require(result.operation(.addMembers, "ops"))
        #expect(
            row.status == .skipped && row.reason.contains("made ours") && !row.reason.contains("not created"),
            "\(row.status) \(row.reason)")
    }

    @Test("13 D1: a ledger that fails at the end of one job keeps no other from its report")
    func ledgerFailsAtTheEnd() async throws {
        let isOver = Switch()
        let world = try World(job: World.job(Self.generous))
        world.directory.people = [.named("ada")]
        let document = world.directory.document()
        var surroundings = Surroundings(
            time: world.clock.time, environment: ["TOKEN": "correct horse"],
            log: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, transport: world.client,
            sourceOverride: FileSource(name: "directory.json") { document })
        surroundings.freeBytes = { _ in nil }
        var entries: [(Job, Ledger)] = []
        for name in ["one", "two"] {
            // Two targets: another port is another one.
            let text = world.jobText.replacingOccurrences(of: "job: world", with: "job: \(name)")
                .replacingOccurrences(of: "127.0.0.1:1/", with: name == "one" ? "127.0.0.1:1/" : "127.0.0.1:2/")
            entries.append((try Job.read(text: text, path: "\(name).yaml", vocabulary: .current), try Ledger()))
        }
        entries[0].1.beforeCommit = { if isOver.isOn { throw LedgerError.full("one.sqlite") } }
        let reports = try await Invocation(.run, surroundings: surroundings).execute(entries) { _ in
            // What the report is made of is there; what is left is to record the end.
            isOver.isOn = true
        }
        #expect(reports.map(\.exit) == [.ledger, .inStep], "\(reports.map(\.headline))")
        #expect(reports[0].headline == "The run could not be recorded to its end.")
        #expect(world.documents(.user).count == 1)
    }

    @Test(
        "13 D1: a token's life that is none, or of no time, is no reason to ask for one with each request",
        arguments: ["-1", "0", "1e300", "9223372036854775807", "\"soon\""])
    func tokenLife(life: String) async throws {
        let tokens = Counter()
        var options = ServiceOptions()
        options.clients = ["client": "correct horse"]
        let world = try World(options: options) { request, _ in
            guard request.head.path == "/oauth/token" else { return nil }
            _ = tokens.next()
            return .altered { answer in
                var answer = answer
                var document = (try? JSONValue(parsing: answer.body)) ?? [:]
                document["expires_in"] = (try? JSONValue(parsing: Array("{\"x\":\(life)}".utf8)))?["x"]
                answer.body = document.canonicalBytes
                return answer
            }
        }
        world.jobText = world.jobText.replacingOccurrences(
            of: "{ key: \"${TOKEN}\" }",
            with: """
                { oauth: { tokenURL: "http://127.0.0.1:1/oauth/token", clientID: client, clientSecret: "${TOKEN}" } }
                """)
        world.directory.people = (1...20).map { .named("person\($0)") }
        #expect(try await world.run().report.exit == .inStep)
        #expect(tokens.next() == 2)
    }

    @Test("13 A: many disablings of which the list shows nothing are looked at one by one, and none is called done")
    func manyDisablings() async throws {
        let isOn = Switch()
        let isWritten = Switch()
        let world = try World(job: World.job(Self.generous)) { request, _ in
            guard isOn.isOn else { return nil }
            if request.head.method == .patch {
                isWritten.isOn = true
                return .answered(EmulatedResponse(status: 204))
            }
            guard isWritten.isOn, request.head.method == .get, request.head.path?.contains("/Users?") ?? false else {
                return nil
            }
            return .altered { answer in
                var answer = answer
                guard var page = try? JSONValue(parsing: answer.body), let list = page["Resources"]?.array else {
                    return answer
                }
                page["Resources"] = .array(
                    list.map { one in
                        var one = one
                        if Int(one["userName"]?.string?.dropFirst(6) ?? "").map({ $0 <= 25 }) ?? false {
                            one["active"] = nil
                        }
                        return one
                    })
                answer.body = page.canonicalBytes
                return answer
            }
        }
        world.directory.people = (1...60).map { .named("person\($0)") }
        #expect(try await world.run().report.exit == .inStep)
        isOn.isOn = true
        for index in 0..<25 { world.directory.people[index].status = "disabled" }
        let result = try await world.run()
        #expect(result.report.exit == .recordsFailed, "\(result.report.headline)")
        #expect(result.operations.filter { $0.verb == .disable && $0.status == .done }.isEmpty)
    }

    @Test(
        "R40: who came into a group by a change whose answer was lost is taken out of it again",
        arguments: ["cloudsso", "volcengine-identity-center", "huawei-identity-center"], [401, 403, 429, 0])
    func lostAddition(name: String, then status: Int) async throws {
        let isOn = Switch()
        let tries = Counter()
        let platform = try #require(Platform.all.first { $0.name == name })
        let world = try platform.world { request, _ in
            guard isOn.isOn, request.head.method == .patch, request.head.path?.contains("/Groups/") ?? false else {
                return nil
            }
            if tries.next() == 1 { return .answerLost }
            return status == 0 ? .notSent : .answered(EmulatedResponse(status: status))
        }
        world.directory.people = ["ada", "bo"].map { .named($0) }
        world.directory.teams = [Team(id: "g", name: "ops", members: ["user_ada"])]
        world.permissions.firstRun = true
        #expect(try await world.run().report.exit == .inStep)
        world.directory.teams[0].members.insert("user_bo")
        isOn.isOn = true
        _ = try await world.run()
        #expect(world.members("ops") == ["ada", "bo"], "the first attempt was processed")
        isOn.isOn = false
        // The record leaves the group before an addition has gone well.
        world.directory.teams[0].members.remove("user_bo")
        for _ in 1...2 { _ = try await world.run() }
        #expect(world.members("ops") == ["ada"], "\(world.members("ops"))")
    }
}
