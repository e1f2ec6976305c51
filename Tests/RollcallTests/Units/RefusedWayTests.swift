import Directory
import Emulation
import Foundation
import HTTP
import HTTPTypes
import JSON
import Jobs
import Ledger
import Provisioning
import Reconciliation
import Rehearsal
import SCIM
import SCIMTransport
import Simulation
import Testing

/// 13 A, B and D, where a condition decides: what is believed of a server that says little, what proves a way of it,
/// and what is never taken from outside.
@Suite struct RefusedWayTests {
    private func target(_ client: ScriptedClient) throws -> SCIMTarget {
        SCIMTarget(
            connection: SCIMConnection(base: try #require(URLParts("https://scim.example/v2")), client: client),
            profile: .generic, capabilities: Capabilities(pageSize: 10))
    }

    private func world(_ options: ServiceOptions = ServiceOptions(), _ count: Int = 3) throws -> World {
        let world = try World(options: options)
        world.directory.people = (0..<count).map { .named("person\($0)") }
        return world
    }

    // MARK: active that is absent

    @Test("13 A: active that is left out means false only for an account that this job has disabled")
    func absentActive() async throws {
        var options = ServiceOptions()
        options.habits = [.omitsInactive]
        let world = try world(options)
        try await world.run()
        // Disabled by hand: nobody here has seen what the field's absence means, so it is no proof of anything.
        let ada = try #require(world.user("person0")?["id"]?.string)
        world.client.change { service in
            guard var stored = service.store[.user]?[ada] else { return }
            stored.document["active"] = .bool(false)
            service.remove(.user, ada)
            service.put(.user, ada, stored.document, created: stored.created)
        }
        let night = try await world.run()
        #expect(
            night.operations.contains { $0.name == "person0" && $0.fields.contains { $0.path == "active" } },
            "what is not known to be active is enabled: \(night.report.details)")
        #expect(world.user("person0")?["active"] == true)
        // Ours: answered with success, the field was there before, and every account that is let in has it.
        world.directory.people[1].status = "disabled"
        #expect(try await world.run().report.exit == .inStep)
        let quiet = try await world.run()
        #expect(quiet.report.headline.hasPrefix("No changes."), "\(quiet.report.headline)")
    }

    @Test("13 A: where active was never shown, its absence after a disabling is not called done")
    func neverShown() async throws {
        let world = try World { _, _ in
            .altered { response in
                var copy = response
                copy.body = Array(
                    String(decoding: response.body, as: UTF8.self).replacing("\"active\":true,", with: "")
                        .replacing("\"active\":false,", with: "").utf8)
                return copy
            }
        }
        world.directory.people = (0..<3).map { .named("person\($0)") }
        try await world.run()
        world.directory.people[0].status = "disabled"
        for _ in 1...2 {
            let result = try await world.run()
            #expect(!result.report.details.contains { $0.contains("active is left out") }, "\(result.report.details)")
            #expect(
                result.report.exit == .recordsFailed && result.operation(.disable, "person0")?.status == .failed,
                "\(result.report.details)")
        }
    }

    // MARK: whole attributes

    @Test("13 B: an attribute that would be written whole, and of which nothing is shown, is held and not overwritten")
    func nothingShown() async throws {
        let client = ScriptedClient([
            .status(400, [:], #"{"scimType":"invalidPath"}"#), .status(200, [:], #"{"id":"1","userName":"ada"}"#),
        ])
        let change = SCIMTarget.Change(
            path: try #require(AttributePath("emails[work]")), value: "b@corp.example", replacesValue: true)
        await #expect(throws: SCIMFailure.self) {
            try await target(client).update(.user, "1", [change], isDisabled: false)
        }
        #expect(client.requests.filter { $0.head.method == .patch }.count == 1, "nothing is sent in its place")
    }

    @Test("13 A: a PATCH names only what changes, and an address without a type is replaced where it stands")
    func untyped() async throws {
        var options = ServiceOptions()
        options.habits = [.untypedValues]
        let world = try world(options, 1)
        let bodies = Recorder()
        try await world.run()
        world.directory.people[0].email = "new@corp.example"
        let watched = try World(world, at: world.moment()) { request, _ in
            if request.head.method == .patch { bodies.add(String(decoding: request.body, as: UTF8.self)) }
            return nil
        }
        watched.directory = world.directory
        #expect(try await watched.run().report.exit == .inStep)
        #expect(watched.user("person0")?["emails"]?.array?.count == 1)
        #expect(bodies.all.allSatisfy { !$0.contains("userName") && !$0.contains("displayName") }, "\(bodies.all)")
    }

    // MARK: what proves a way

    @Test("13 B: one record that refuses PATCH proves nothing; a second one does, and a PUT is sent from then on")
    func twoRecords() async throws {
        let world = try World { request, _ in
            request.head.method == .patch && request.head.path?.contains("/Users/") == true
                ? .answered(EmulatedResponse(status: 405, body: Array(#"{"detail":"no PATCH"}"#.utf8))) : nil
        }
        world.directory.people = (0..<4).map { .named("person\($0)") }
        try await world.run()
        world.directory.people[0].displayName = "One Changed"
        let one = try await world.run()
        #expect(one.report.exit == .recordsFailed && world.user("person0")?["displayName"] != "One Changed")
        #expect(world.client.service.counters["PUT /Users"] == nil, "nothing is replaced on the word of one record")
        world.directory.people[1].displayName = "Two Changed"
        for _ in 0..<3 { try await world.run() }
        #expect(
            world.user("person0")?["displayName"] == "One Changed"
                && world.user("person1")?["displayName"] == "Two Changed")
        #expect(try await world.run().report.headline.hasPrefix("No changes."))
    }

    @Test(
        "13 B: what the job says by hand is done from the first request on, and is not told as found out",
        arguments: [
            ("mediaType: application/json", Habit.wantsPlainJSON), ("trailingSlash: true", .redirectsToSlash),
            ("capabilities: { count: false }", .refusesCount),
            ("capabilities: { valuePaths: false }", .refusesValuePaths),
        ])
    func byHand(line: String, habit: Habit) async throws {
        var options = ServiceOptions()
        options.habits = [habit]
        let world = try world(options, 2)
        world.jobText = world.jobText.replacing("  platform: generic", with: "  platform: generic\n  \(line)")
        try await world.run()
        world.directory.people[0].email = "new@corp.example"
        let change = try await world.run()
        #expect(change.report.exit == .inStep, "\(change.report.details)")
        #expect(!change.report.details.contains { $0.contains("found out") }, "\(change.report.details)")
        #expect(world.user("person0")?["emails"]?.array?.map { $0["value"]?.string } == ["new@corp.example"])
        // The server never had to refuse anything.
        #expect(world.client.service.met[habit] ?? 0 == 0, "\(world.client.service.met)")
    }

    @Test("13 B: what was found out wrongly is put right by hand, and is then forgotten")
    func deniedByHand() async throws {
        let world = try world()
        try world.ledger.learn("ways", #"{"noCount":true,"wholeValues":true}"#)
        let dialect = Dialect(given: [.noCount: false])
        dialect.restore(#"{"noCount":true,"wholeValues":true}"#)
        dialect.note(.noCount)
        #expect(!dialect.has(.noCount) && dialect.has(.wholeValues) && !dialect.memory.contains("noCount"))
        let job = try Job.read(
            text: World.job().replacing(
                "  platform: generic", with: "  platform: generic\n  capabilities: { count: true, valuePaths: false }"),
            path: "job.yaml", vocabulary: .current)
        #expect(job.target.capabilities.ways == [.noCount: false, .wholeValues: true])
    }

    // MARK: credentials

    @Test("13 B: a secret that is taken as Basic authentication alone is sent so from then on, in later runs too")
    func basicIsRemembered() async throws {
        let placements = Recorder()
        var options = ServiceOptions()
        options.clients = ["client": "correct horse"]
        let world = try World(options: options) { request, _ in
            guard request.head.path == "/oauth/token" else { return nil }
            let isBasic = request.head.headerFields[.authorization] != nil
            placements.add(isBasic ? "basic" : "form")
            let refusal = EmulatedResponse(status: 401, body: Array(#"{"error":"invalid_client"}"#.utf8))
            return isBasic ? nil : .answered(refusal)
        }
        world.jobText = world.jobText.replacing(
            "{ key: \"${TOKEN}\" }",
            with: """
                { oauth: { tokenURL: "http://127.0.0.1:1/oauth/token", clientID: client, clientSecret: "${TOKEN}" } }
                """)
        world.directory.people = [.named("ada")]
        let first = try await world.run()
        #expect(first.report.exit == .inStep, "\(first.report.details)")
        #expect(first.report.details.contains { $0.contains("placement: basic") }, "\(first.report.details)")
        let second = try await world.run()
        #expect(placements.all == ["form", "basic", "basic"] && second.report.details.isEmpty, "\(placements.all)")
    }

    @Test(
        "13 B: Basic is tried once: where it was taken, form is over; where it was refused too, it is not tried again")
    func basicOnce() async throws {
        let token = #"{"access_token":"t","expires_in":10}"#
        for isTaken in [true, false] {
            let endpoint = ScriptedClient(
                [.status(401), isTaken ? .status(200, [:], token) : .status(401)]
                    + [isTaken ? .status(200, [:], token) : .status(401)])
            let time = VirtualTime()
            let tokens = ClientCredentials(
                .init(
                    tokenURL: try #require(URLParts("https://id.example/token")), clientID: "a",
                    clientSecret: Secret("client-secret-42")), client: endpoint, time: time.time,
                takesBasicAlone: {}
            ) { body in
                (try? JSONValue(parsing: body)).flatMap { $0["access_token"]?.string }.map { .token($0, expiresIn: 10) }
            }
            for _ in 0..<2 {
                let found = try? await tokens.token()
                #expect((found != nil) == isTaken)
                if let found { _ = await tokens.refused(found) }
            }
            let ways = endpoint.requests.map { $0.head.headerFields[.authorization] == nil ? "form" : "basic" }
            #expect(ways == (isTaken ? ["form", "basic", "basic"] : ["form", "basic", "form"]), "\(ways)")
        }
    }

    @Test("13 D3: a token that was given up is hidden when the server repeats it later, and so is a client's secret")
    func earlierToken() async throws {
        let endpoint = ScriptedClient([
            .status(200, [:], #"{"access_token":"first-token-1234567890","expires_in":3600}"#),
            .status(200, [:], #"{"access_token":"other-token-0987654321","expires_in":3600}"#),
        ])
        let tokens = ClientCredentials(
            .init(
                tokenURL: try #require(URLParts("https://id.example/token")), clientID: "a",
                clientSecret: Secret("client-secret-42")), client: endpoint, time: VirtualTime().time
        ) { body in
            (try? JSONValue(parsing: body)).flatMap {
                $0["access_token"]?.string.map { .token($0, expiresIn: 60) } ?? .refusal($0["error"]?.string ?? "")
            }
        }
        let server = ScriptedClient([
            .status(401), .status(400, [:], "was first-token-1234567890, client-secret-42, is other-token-0987654321"),
            .status(400, [:], "was first-token-1234567890"),
        ])
        let client = Authorized(server, tokens: tokens)
        let answer = try await client.send(
            OutgoingRequest(
                head: HTTPRequest(method: .get, scheme: "https", authority: "scim.example", path: "/Users")))
        let text = String(decoding: answer.body, as: UTF8.self)
        #expect(answer.status == 400 && text == "was ***, ***, is ***", "\(text)")
        // Later requests as well, which never bore the first one.
        let later = try await client.send(
            OutgoingRequest(
                head: HTTPRequest(method: .get, scheme: "https", authority: "scim.example", path: "/Users")))
        #expect(String(decoding: later.body, as: UTF8.self) == "was ***")
        // The endpoint's own refusal, which repeats what it was sent.
        let refusing = ClientCredentials(
            .init(
                tokenURL: try #require(URLParts("https://id.example/token")), clientID: "a",
                clientSecret: Secret("client-secret-42")),
            client: ScriptedClient([.status(400, [:], #"{"error":"no client-secret-42"}"#)]), time: VirtualTime().time
        ) { (try? JSONValue(parsing: $0)).map { .refusal($0["error"]?.string ?? "") } }
        do {
            _ = try await refusing.token()
            Issue.record("a token came from nowhere")
        } catch { #expect(!"\(error)".contains("client-secret-42"), "\(error)") }
    }

    // MARK: names and files

    @Test("13 D6: a displayed name that turns or hides its signs is not sent; joiners of a script are no disguise")
    func disguised() async throws {
        let world = try world(ServiceOptions(), 3)
        world.directory.people[0].displayName = "Ada \u{202E}elpmaxE"
        world.directory.people[1].displayName = "Bo\u{200B} Example"
        world.directory.people[2].displayName = "علی\u{200C}رضا"
        world.directory.people.append(.named("person3", displayName: "\u{200F}דנה\u{200F}"))
        let result = try await world.run()
        #expect(world.documents(.user).count == 4 && result.report.exit == .recordsFailed, "\(result.report.details)")
        #expect(world.user("person3")?["displayName"] == "\u{200F}דנה\u{200F}")
        #expect(
            world.user("person0")?["displayName"] == nil && world.user("person1")?["displayName"] == nil
                && world.user("person2")?["displayName"] == "علی\u{200C}رضا")
        let told = result.report.details.joined(separator: "\n") + result.operations.map(\.reason).joined()
        #expect(told.contains("\\u202e") && told.contains("\\u200b"), "\(told)")
    }

    @Test("13 D7: an alias in the place of a key is refused with its line, as an alias of a value is")
    func aliases() {
        for text in ["&a job: x", "job: &a x\n*a : y", "job: x\nsource: &s { kind: file }"] {
            do {
                _ = try Job.read(text: text, path: "job.yaml", vocabulary: .current)
                Issue.record("\(text) was read")
            } catch { #expect("\(error)".contains("anchor or alias"), "\(text): \(error)") }
        }
    }

    @Test("13 D2: an id of the directory that would lead elsewhere in a path is no id", arguments: ["", ".", ".."])
    func sourceIDs(id: String) async throws {
        let world = try world(ServiceOptions(), 3)
        try await world.run()
        world.given =
            """
            {"users":[{"userId":"user_person0","username":"person0","status":"enabled"},
            {"userId":"\(id)","username":"stranger","status":"enabled"}],"groups":[]}
            """
        let result = try await world.run()
        #expect(
            result.report.exit == .sourceIncomplete && result.report.details.contains { $0.contains("userId") },
            "\(result.report.exit) \(result.report.details)")
        #expect(world.documents(.user).count == 3 && world.documents(.user).allSatisfy { $0["active"] == true })
    }
}
