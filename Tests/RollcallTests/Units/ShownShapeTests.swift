import Emulation
import Foundation
import HTTP
import HTTPTypes
import JSON
import Planning
import Provisioning
import Reconciliation
import Rehearsal
import SCIM
import SCIMTransport
import Simulation
import Testing

/// Shapes in which servers show resources, and what must not follow from them: 12 and 13 A, D, by their numbers.
@Suite struct ShownShapeTests {
    private func read<Value>(_ text: String, _ take: (ShownResource) -> Value) throws -> Value {
        try JSONParser().parse(text) { take(ShownResource($0)) }
    }

    @Test("13 A: core attributes half at the top and half under the core schema are one resource")
    func mixed() throws {
        let text = #"""
            {"id":"1","userName":"ada","urn:ietf:params:scim:schemas:core:2.0:User":{"active":"False",
            "externalId":"e1","emails":[{"value":"a@corp.example"}]}}
            """#
        let shown = try read(text) { ($0.id, $0.text("userName"), $0.externalID, $0.access) }
        #expect(shown.0 == "1" && shown.1 == "ada" && shown.2 == "e1" && shown.3 == .active(false))
        let mail = try #require(AttributePath("emails[work]"))
        #expect(try read(text) { mail.text(in: $0) } == "a@corp.example")
    }

    @Test("13 A: names in another case are the same names")
    func otherCase() throws {
        let text = #"""
            {"ID":"1","UserName":"ada","EXTERNALID":7,"Active":true,
            "Emails":[{"Type":"WORK","Value":"a@x.example"}]}
            """#
        let shown = try read(text) { ($0.id, $0.text("userName"), $0.externalID, $0.access) }
        #expect(shown.0 == "1" && shown.1 == "ada" && shown.2 == "7" && shown.3 == .active(true))
        let mail = try #require(AttributePath("emails[work]"))
        #expect(try read(text) { mail.text(in: $0) } == "a@x.example")
    }

    @Test("13 A: one address that stands in the place of a list is that address, and ids may be numbers")
    func singles() throws {
        let text = #"""
            {"id":7,"emails":{"type":"work","value":"a@x.example"},"members":[{"value":8},9],
            "phoneNumbers":"+86 1"}
            """#
        let mail = try #require(AttributePath("emails[work]"))
        let phone = try #require(AttributePath("phoneNumbers[work]"))
        #expect(try read(text) { mail.text(in: $0) } == "a@x.example")
        #expect(try read(text) { phone.text(in: $0) } == "+86 1")
        #expect(try read(text) { $0.id } == "7" && read(text) { $0.members?.users } == ["8", "9"])
    }

    @Test("1.8: a member whose $ref leads to Groups is a group, whatever it is called; others are users")
    func nestedByReference() throws {
        let text = #"""
            {"id":"g","members":[{"value":"1","$ref":"https://x.example/v2/Groups/1"},
            {"value":"2","$ref":"https://x.example/v2/Users/2"},{"value":"3"}]}
            """#
        let members = try #require(try read(text) { $0.members })
        #expect(members.groups == ["1"] && members.users == ["2", "3"])
    }

    @Test("R38: an id “”, “.” or “..” of a list is none, and neither is a member's", arguments: ["", ".", ".."])
    func ids(id: String) throws {
        #expect(try read(#"{"id":"\#(id)"}"#) { $0.id } == nil)
        let members = try #require(try read(#"{"id":"g","members":[{"value":"\#(id)"},{"value":"2"}]}"#) { $0.members })
        #expect(members.users == ["2"])
    }

    @Test("R38: an account without an id that a list shows is never asked for, changed or deleted")
    func withoutID() async throws {
        let world = try World(
            job: World.job(
                """
                leavers: { disable: immediately, delete: immediately }
                limits: { source.shrink: none, users.disable: none, users.delete: none }
                """)
        ) { request, _ in
            guard request.head.method == .get, (request.head.path ?? "").contains("/Users?") else { return nil }
            return .altered { answer in
                var answer = answer
                let text = String(decoding: answer.body, as: UTF8.self)
                answer.body = Array(
                    text.replacingOccurrences(
                        of: #""Resources":[{"#,
                        with: #""Resources":[{"id":"..","userName":"ghost","externalId":"user_ghost"},{"#
                    ).utf8)
                return answer
            }
        }
        world.directory.people = [.named("ada"), .named("bo")]
        try world.plant(.user, ["userName": "somebody", "externalId": "elsewhere"])
        let first = try await world.run()
        #expect(world.user("ada") != nil, "\(first.report.headline) \(first.report.details)")
        world.directory.people.removeLast()
        _ = try await world.run()
        let paths = world.client.service.counters.keys
        #expect(!paths.contains { $0.hasSuffix("/Users/") || $0.contains("..") }, "\(paths)")
        #expect(world.user("ada") != nil)
    }

    @Test("13 D: addresses that another reader would read otherwise are none")
    func addresses() {
        for text in ["http://127..0.0.1/v2", "https://a..example/v2", "https://x.example:99999/v2"] {
            #expect(URLParts(text) == nil, "\(text)")
        }
        #expect(URLParts("https://X.example./v2//")?.canonical == URLParts("https://x.example/v2")?.canonical)
    }

    @Test("13 B: an answer 501 to a PATCH is one that PATCH is not served, as 405 is", arguments: [405, 501])
    func notServed(status: Int) async throws {
        let world = try World { request, _ in
            request.head.method == .patch ? .answered(EmulatedResponse(status: status)) : nil
        }
        world.directory.people = [.named("ada"), .named("bo"), .named("carol")]
        _ = try await world.run()
        for index in 0..<3 { world.directory.people[index].displayName = "Another \(index)" }
        _ = try await world.run()
        for _ in 0..<2
        where !world.documents(.user).allSatisfy({ $0["displayName"]?.string?.hasPrefix("Another") ?? false }) {
            _ = try await world.run()
        }
        #expect(world.documents(.user).allSatisfy { $0["displayName"]?.string?.hasPrefix("Another") ?? false })
    }

    @Test("13 A: a web page in the place of discovery is no obstacle where the job says what the server can do")
    func capabilitiesByHand() async throws {
        for status in [200, 500, 503, 401] {
            let world = try World(
                job: World.job("").replacingOccurrences(
                    of: "platform: generic", with: "platform: generic\n  capabilities: { patch: true, filter: true }")
            ) { request, _ in
                (request.head.path ?? "").contains("ServiceProviderConfig")
                    ? .answered(EmulatedResponse(status: status, body: Array("<html>hello</html>".utf8))) : nil
            }
            world.directory.people = [.named("ada")]
            #expect(try await world.run().report.exit == .inStep, "\(status)")
            #expect(world.user("ada") != nil)
        }
    }

    @Test("1.6: a group whose name is that of a right is held, though its members agree")
    func groupOfARight() async throws {
        let world = try World(job: World.job("existing: matching"))
        world.directory.people = [.named("zoe")]
        world.directory.teams = [Team(id: "g", name: "Administrators", members: ["user_zoe"])]
        let zoe = try world.plant(
            .user, ["userName": "zoe", "emails": [["value": "zoe@corp.example", "type": "work"]]])
        try world.plant(.group, ["displayName": "Administrators", "members": [["value": .string(zoe)]]])
        let result = try await world.run()
        let row = try #require(result.operations.first { $0.name == "Administrators" })
        #expect(row.status == .held && row.reason.contains("“administrators”"), "\(row.reason)")
        world.directory.people = []
        #expect(world.members("Administrators") == ["zoe"])
    }

    @Test("1.6: a limit of no association stops no disabling")
    func limitOfAssociations() async throws {
        let world = try World(
            job: World.job(
                "existing: associate\nlimits: { source.shrink: none, users.disable: none, users.associate: 0 }"))
        world.directory.people = [.named("ada"), .named("bo")]
        try await world.run()
        try world.plant(.user, ["userName": "zoe"])
        world.directory.people[1].status = "disabled"
        world.directory.people.append(.named("zoe"))
        let result = try await world.run()
        #expect(
            world.user("bo")?["active"] == false && world.user("zoe")?["externalId"] == nil, "\(result.report.details)")
    }

    @Test("13 B: a redirect that adds a slash at another origin or path is not followed with the credential")
    func redirectsElsewhere() async throws {
        for place in ["https://other.example/v2/Users/", "http://scim.example/v2/Users/", "/v3/Users/"] {
            let client = ScriptedClient([.status(308, ["Location": place], ""), .status(200, [:], "{}")])
            let connection = SCIMConnection(base: try #require(URLParts("https://scim.example/v2")), client: client)
            await #expect(throws: SCIMFailure.self, "\(place)") { _ = try await connection.send(.get, "/Users") }
            #expect(client.requests.count == 1)
        }
    }

    @Test("3.2: 400 and 416 behind the last record are an end", arguments: [400, 416])
    func refusedEnd(status: Int) async throws {
        let world = try World { request, _ in
            let path = request.head.path ?? ""
            guard request.head.method == .get, let mark = path.range(of: "startIndex="),
                let place = Int(path[mark.upperBound...].prefix { $0.isNumber }), place > 3
            else { return nil }
            return .answered(EmulatedResponse(status: status, body: Array(#"{"detail":"startIndex"}"#.utf8)))
        }
        world.client.change { $0.options.habits = [.noTotals] }
        world.directory.people = [.named("ada"), .named("bo"), .named("carol")]
        _ = try await world.run()
        #expect(try await world.run().report.exit == .inStep)
    }
}
