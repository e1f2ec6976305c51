import Emulation
import Foundation
import HTTP
import HTTPTypes
import JSON
import Provisioning
import Rehearsal
import SCIM
import SCIMTransport
import Simulation
import Testing

/// A: what servers write in their own way is read; B: what they refuse for its form is sent as they want it, once, and
/// remembered.
@Suite struct DialectTests {
    private func world(_ habits: Set<Habit>, _ change: (inout ServiceOptions) -> Void = { _ in }) throws -> World {
        var options = ServiceOptions()
        options.maxResults = 3
        options.habits = habits
        change(&options)
        let world = try World(options: options)
        world.directory.people = (0..<6).map { .named("person\($0)") }
        world.directory.people[0].phone = "13800000001"
        world.directory.teams = [
            Team(id: "group_ops", name: "ops", members: ["user_person0", "user_person1", "user_person2"])
        ]
        return world
    }

    /// A first sync, a day of changes of every kind, and a quiet night, on a server of each way of writing.
    @Test(
        "a directory is brought in step, changed, and at rest on a server of every dialect", arguments: Habit.dialects)
    func everyDialect(_ habit: Habit) async throws {
        let world = try world([habit]) { if habit == .servesNoPut { $0.patch = true } }
        let first = try await world.run()
        let isFoundOutLater = [.servesNoPatch, .servesNoPut].contains(habit)
        #expect(first.report.exit == (isFoundOutLater ? .recordsFailed : .inStep), "\(first.report.details)")
        #expect(
            world.documents(.user).count == 6
                && (isFoundOutLater || world.members("ops") == ["person0", "person1", "person2"]))
        world.directory.people[0].email = "new@corp.example"
        world.directory.people[1].displayName = "Another Name"
        world.directory.people[2].status = "disabled"
        world.directory.people[3].username = "renamed"
        world.directory.people[4].email = "other@corp.example"
        world.directory.teams[0].members = ["user_person0", "user_person4"]
        // A server that serves no PATCH of groups is found out in one night, and obeyed in the next.
        for _ in 0..<4 { try await world.run() }
        let rest = try await world.run()
        #expect(rest.report.exit == .inStep, "\(rest.report.details) \(rest.operations.map(\.reason))")
        #expect(rest.report.headline.hasPrefix("No changes."), "\(rest.report.headline)")
        #expect(world.user("person0")?["emails"]?.array?.map { $0["value"]?.string } == ["new@corp.example"])
        #expect(world.user("person4")?["emails"]?.array?.map { $0["value"]?.string } == ["other@corp.example"])
        #expect(
            world.user("person2")?["active"] == false && world.user("renamed") != nil
                && world.user("person1")?["displayName"] == "Another Name")
        #expect(world.members("ops") == ["person0", "person4"])
        // A way of the server that no answer has shown would prove nothing. Errors come in a test of their own.
        #expect([.errorsElsewhere, .errorsAsSuccess].contains(habit) || world.client.service.met[habit] ?? 0 > 0)
        // Once it is known, a dialect costs nothing more.
        let before = world.client.sent
        try await world.run()
        let plain = try self.world([]) { $0.patch = ![.servesNoPatch].contains(habit) }
        for _ in 0..<6 { try await plain.run() }
        let plainBefore = plain.client.sent
        try await plain.run()
        #expect(
            world.client.sent - before == plain.client.sent - plainBefore,
            "\(world.client.sent - before) requests, \(plain.client.sent - plainBefore) without the dialect")
    }

    @Test("flags that are written as texts are obeyed: PATCH that is not supported is never sent")
    func textFlags() async throws {
        let world = try world([.flagsAsText]) { $0.patch = false }
        try await world.run()
        world.directory.people[0].displayName = "Another Name"
        #expect(try await world.run().report.exit == .inStep)
        #expect(world.user("person0")?["displayName"] == "Another Name")
        let counters = world.client.service.counters
        #expect(!counters.keys.contains { $0.hasPrefix("PATCH") } && counters["PUT /Users"] == 1, "\(counters)")
    }

    @Test(
        "a refusal that says why in another place than detail, or with a status of success, is told with its words",
        arguments: [Habit.errorsElsewhere, .errorsAsSuccess])
    func errorsElsewhere(habit: Habit) async throws {
        let world = try world([habit]) { $0.refused = ["person0"] }
        let result = try await world.run()
        let reason = result.operation(.create, "person0")?.reason ?? ""
        #expect(
            result.report.exit == .recordsFailed && reason.contains("not acceptable here"), "\(result.report.details)")
        #expect(world.client.service.met[habit] ?? 0 > 0 && world.documents(.user).count == 5)
    }

    @Test(
        """
        lists that want a slash say nothing of single resources, and a redirect of a write that was done is not \
        followed
        """
    )
    func slashes() async throws {
        let client = ScriptedClient([
            .status(308, ["Location": "https://scim.example/v2/Users/"], ""),
            .status(200, [:], #"{"Resources":[],"totalResults":0}"#), .status(200, [:], #"{"id":"1"}"#),
            .status(303, ["Location": "/v2/Groups/"], ""),
        ])
        let connection = SCIMConnection(base: try #require(URLParts("https://scim.example/v2")), client: client)
        _ = try await connection.send(.get, "/Users")
        _ = try await connection.send(.get, "/Users/1")
        await #expect(throws: SCIMFailure.self) {
            _ = try await connection.send(.post, "/Groups", body: ["displayName": "ops"])
        }
        #expect(client.requests.map { $0.head.path } == ["/v2/Users", "/v2/Users/", "/v2/Users/1", "/v2/Groups/"])
    }

    @Test("a media type to accept and a slash that are both refused are both found out, in one request")
    func together() async throws {
        let client = ScriptedClient([
            .status(308, ["Location": "/v2/Users/"], ""), .status(406, [:], ""),
            .status(200, [:], #"{"Resources":[],"totalResults":0}"#),
        ])
        let connection = SCIMConnection(base: try #require(URLParts("https://scim.example/v2")), client: client)
        _ = try await connection.send(.get, "/Users")
        #expect(
            client.requests.last?.head.path == "/v2/Users/"
                && client.requests.last?.head.headerFields[.accept] == "application/json")
        #expect(connection.dialect.all == [.acceptsJSONAlone, .trailingSlash])
    }

    @Test("one account that is to lose access does not wait for a second record to prove that PATCH is not served")
    func urgent() async throws {
        let refuses = Switch()
        let world = try World { request, _ in
            refuses.isOn && request.head.method == .patch
                ? .answered(EmulatedResponse(status: 405, body: Array(#"{"detail":"no"}"#.utf8))) : nil
        }
        world.directory.people = (0..<3).map { .named("person\($0)") }
        try await world.run()
        refuses.isOn = true
        world.directory.people[0].status = "disabled"
        let result = try await world.run()
        #expect(result.report.exit == .inStep && world.user("person0")?["active"] == false, "\(result.report.details)")
    }

    @Test(
        """
        B: a PATCH that ends in 500 at two records and is never served makes the report name the key, and no PUT \
        is tried; one that is served says nothing
        """
    )
    func failingPatch() async throws {
        for isAlways in [true, false] {
            let world = try World { request, _ in
                guard request.head.method == .patch, isAlways || request.head.path?.hasSuffix("1") ?? false else {
                    return nil
                }
                return .answered(EmulatedResponse(status: 500))
            }
            world.directory.people = (0..<4).map { .named("person\($0)") }
            try await world.run()
            for index in 0..<3 { world.directory.people[index].displayName = "Another" }
            let result = try await world.run()
            #expect(
                result.report.details.contains {
                    $0.contains("each PATCH of the target ended in a failure")
                        && $0.contains("target.capabilities: { patch: false }")
                } == isAlways,
                "\(result.report.details)")
            #expect(world.client.service.counters["PUT /Users"] == nil)
        }
    }

    @Test(
        "two records that refuse PATCH prove nothing where PUT is not served either, nor where PATCH has worked between"
    )
    func notProven() async throws {
        let refuses = Switch()
        let world = try World { request, _ in
            request.head.method == .put || refuses.isOn && request.head.method == .patch
                ? .answered(EmulatedResponse(status: 405, body: Array(#"{"detail":"no"}"#.utf8))) : nil
        }
        world.directory.people = (0..<4).map { .named("person\($0)") }
        try await world.run()
        refuses.isOn = true
        for index in 0..<2 { world.directory.people[index].displayName = "Another" }
        _ = try await world.run()
        refuses.isOn = false
        world.directory.people[3].status = "disabled"
        let result = try await world.run()
        #expect(
            world.user("person3")?["active"] == false && world.user("person0")?["displayName"] == "Another",
            "\(result.report.details)")
        #expect(result.report.exit == .inStep)
    }

    @Test("a PUT keeps long numbers that nobody mapped as the numbers they are, and knows members in any spelling")
    func putKeeps() async throws {
        let group =
            #"""
            {"id":"g","Members":[{"value":"https://scim.example/v2/Users/a"},\#
            {"value":"https://scim.example/v2/Users/b"}],"urn:x:2.0":{"number":1734567890123456789}}
            """#
        let client = ScriptedClient([.status(200, [:], group), .status(200, [:], #"{"id":"g"}"#)])
        let target = SCIMTarget(
            connection: SCIMConnection(base: try #require(URLParts("https://scim.example/v2")), client: client),
            profile: .generic, capabilities: Capabilities(patch: false, pageSize: 10))
        _ = try await target.changeMembers(
            of: "g", add: ["c"], remove: ["a"], members: MembersOfPut(known: ["b"], isExclusive: false))
        let sent = String(decoding: client.requests[1].body, as: UTF8.self)
        #expect(
            sent.contains(":1734567890123456789}")
                && sent.contains(#""Members":[{"value":"https://scim.example/v2/Users/b"},{"value":"c"}]"#), "\(sent)")
    }

    @Test("reading and writing choose the same of several addresses without a type, and write none beside them")
    func sameChoice() throws {
        let path = try #require(AttributePath("emails[work]"))
        var resource = try JSONValue(parsing: Array(#"{"emails":[{"value":"a"},{"value":"b","primary":"true"}]}"#.utf8))
        #expect(try JSONParser().parse(resource.canonicalBytes) { path.value(in: ShownResource($0)) } == "b")
        path.set("c", in: &resource)
        #expect(resource["emails"]?.array?.map { $0["value"]?.string } == ["a", "c"])
        var plain = try JSONValue(parsing: Array(#"{"emails":["a","b"]}"#.utf8))
        path.set("c", in: &plain)
        #expect(plain == ["emails": ["a", "b"]])
    }

    @Test("a nested group that is written as an address is no user, and ids that are addresses stay whole")
    func nestedAddresses() throws {
        func members(_ text: String) throws -> ShownResource.Members? {
            try JSONParser().parse(text) { ShownResource($0).members }
        }
        #expect(
            try members(#"{"id":"1","members":[{"value":"https://x/Groups/5"},{"value":"https://x/Users/6"}]}"#)
                == .init(users: ["6"], groups: ["5"]))
        #expect(
            try members(#"{"id":"https://x/Groups/1","members":[{"value":"https://x/Users/6"}]}"#)?.users == [
                "https://x/Users/6"
            ])
    }

    @Test("a list whose page size is the server's, and whose total may be the page's length, is walked on")
    func ownPages() async throws {
        let client = ScriptedClient([
            .status(400, [:], ""), .status(200, [:], #"{"totalResults":1,"Resources":[{"id":"a"}]}"#),
            .status(200, [:], #"{"totalResults":1,"Resources":[{"id":"b"}]}"#),
            .status(200, [:], #"{"totalResults":0,"Resources":[]}"#),
        ])
        var seen: [String] = []
        let connection = SCIMConnection(base: try #require(URLParts("https://scim.example/v2")), client: client)
        let evidence = try await connection.list("/Users", paging: .index, pageSize: 100) { seen.append($0.id ?? "") }
        #expect(seen == ["a", "b"] && evidence.isComplete)
        #expect(connection.dialect.has(.pageTotals))
    }

    @Test("once a server's totals are known to be its pages' lengths, its first page is no end")
    func knownPageTotals() async throws {
        let client = ScriptedClient([
            .status(200, [:], #"{"totalResults":1,"Resources":[{"id":"a"}]}"#),
            .status(200, [:], #"{"totalResults":1,"Resources":[{"id":"b"}]}"#),
            .status(200, [:], #"{"totalResults":0,"Resources":[]}"#),
            // It was mended, or another list of it is honest: the totals are those of the list.
            .status(200, [:], #"{"totalResults":3,"Resources":[{"id":"a"}]}"#),
            .status(200, [:], #"{"totalResults":3,"Resources":[{"id":"b"},{"id":"c"}]}"#),
            .status(200, [:], #"{"totalResults":1,"Resources":[{"id":"g"}]}"#),
            .status(200, [:], #"{"totalResults":1,"Resources":[]}"#),
            // One page that declares its length, and nothing behind it.
            .status(200, [:], #"{"totalResults":1,"Resources":[{"id":"g"}]}"#),
            .status(200, [:], #"{"totalResults":0,"Resources":[]}"#),
        ])
        let connection = SCIMConnection(base: try #require(URLParts("https://scim.example/v2")), client: client)
        connection.dialect.note(.pageTotals)
        #expect(try await connection.list("/Users", paging: .index, pageSize: 100) { _ in }.resources == 2)
        let mended = try await connection.list("/Users", paging: .index, pageSize: 100) { _ in }
        #expect(mended.isComplete && mended.resources == 3 && mended.declaredTotal == 3, "\(mended)")
        for declared in [1, nil] {
            let groups = try await connection.list("/Groups", paging: .index, pageSize: 100) { _ in }
            #expect(groups.isComplete && groups.resources == 1 && groups.declaredTotal == declared, "\(groups)")
        }
    }

    @Test("what a server does in its own way is told, and what was found out names the key that says it by hand")
    func told() async throws {
        let world = try world([.nestsCore, .wantsPlainJSON])
        let first = try await world.run()
        #expect(
            first.report.details.contains {
                $0.contains(
                    """
                    the target writes in its own way, and is understood: core attributes stand under their \
                    schema's URN
                    """
                )
            }, "\(first.report.details)")
        #expect(
            first.report.details.contains { $0.contains("target.mediaType: application/json says it by hand") },
            "\(first.report.details)")
        #expect(try await !world.run().report.details.contains { $0.contains("target.mediaType") })
    }

    @Test("a client's secret that the form does not carry is sent as Basic authentication, once")
    func basic() async throws {
        let client = ScriptedClient([
            .status(401, [:], #"{"error":"invalid_client"}"#), .status(200, [:], #"{"access_token":"t"}"#),
            .status(200, [:], #"{"access_token":"u"}"#),
        ])
        let told = Switch()
        let tokens = ClientCredentials(
            .init(
                tokenURL: try #require(URLParts("https://id.example/token")), clientID: "a", clientSecret: Secret("s")),
            client: client, time: VirtualTime().time,
            takesBasicAlone: { told.isOn = true }
        ) { body in
            (try? JSONValue(parsing: body)).flatMap {
                $0["access_token"]?.string.map { .token($0, expiresIn: 60) } ?? .refusal("invalid_client")
            }
        }
        let first = try await tokens.token()
        #expect(first.value == "t" && told.isOn)
        #expect(
            client.requests[1].head.headerFields[.authorization]?.hasPrefix("Basic ") == true
                && client.requests[1].body == Array("grant_type=client_credentials".utf8))
        _ = await tokens.refused(first)
        #expect(try await tokens.token().value == "u" && client.requests.count == 3)
    }
}
