import Foundation
import HTTP
import HTTPTypes
import JSON
import Provisioning
import SCIM
import SCIMTransport
import Testing

/// Ways of servers, one answer each, where a whole run would not depend on the way: 13 A, B and D.
@Suite struct ServerWayTests {
    private func target(_ client: ScriptedClient, _ capabilities: Capabilities = Capabilities(pageSize: 10)) throws
        -> SCIMTarget
    {
        SCIMTarget(
            connection: SCIMConnection(base: try #require(URLParts("https://scim.example/v2")), client: client),
            profile: .generic, capabilities: capabilities)
    }

    private func change(_ path: String, _ value: JSONValue?, replaces: Bool = true) throws -> SCIMTarget.Change {
        SCIMTarget.Change(path: try #require(AttributePath(path)), value: value, replacesValue: replaces)
    }

    private func sent(_ client: ScriptedClient, _ number: Int) -> String {
        String(decoding: client.requests[number].body, as: UTF8.self)
    }

    @Test(
        """
        13 A: discovery that is refused, missing, a web page or of something else is told as absent, and PATCH is \
        tried
        """,
        arguments: [
            (403, "{}"), (404, ""), (500, ""), (401, ""), (501, ""), (200, "<html>sign in</html>"), (200, "{}"),
            (200, "[1]"),
        ])
    func absentDiscovery(status: Int, body: String) async throws {
        let target = try target(ScriptedClient([.status(status, [:], body)]))
        let found = try await target.connection.capabilities(of: .generic, overrides: CapabilityOverrides())
        #expect(found.patch && found.filter && !found.etag && !found.cursor)
        #expect(target.connection.dialect.has(.noDiscovery))
        let told = target.connection.dialect.report("target")
        #expect(told.count == 1 && told[0].contains(DialectWay.noDiscovery.sentence), "\(told)")
    }

    @Test("13 A: flags of discovery are read as text, and what the job says of the target counts more than they")
    func flags() async throws {
        let text = #"{"patch":{"supported":"false"},"filter":{"supported":"False"},"etag":{"supported":"true"}}"#
        let target = try target(ScriptedClient([.status(200, [:], text)]))
        let found = try await target.connection.capabilities(of: .generic, overrides: CapabilityOverrides())
        #expect(!found.patch && !found.filter && found.etag)
        let said = try await target.connection.capabilities(
            of: .generic, overrides: CapabilityOverrides(patch: true, filter: true, etag: false, pageSize: 7))
        #expect(said.patch && said.filter && !said.etag && said.pageSize == 7)
    }

    @Test(
        "13 A: a list without resources is empty, and one that spells its members in another case is read",
        arguments: [
            (#"{"totalResults":0,"Resources":null}"#, 0), (#"{"totalResults":0}"#, 0),
            (#"{"totalresults":1,"resources":[{"id":"a"}]}"#, 1),
        ])
    func lists(text: String, count: Int) async throws {
        let target = try target(ScriptedClient([.status(200, [:], text)]))
        let evidence = try await target.connection.list("/Users", paging: .index, pageSize: 10) { _ in }
        #expect(evidence.isComplete && evidence.resources == count, "\(evidence)")
    }

    @Test("13 A: an object that a filter shows twice is one, and filters that are refused give way to the list")
    func lookUps() async throws {
        let ada = #"{"id":"1","userName":"ada"}"#
        let name = try #require(AttributePath("userName"))
        let twice = ScriptedClient([.status(200, [:], #"{"totalResults":2,"Resources":[\#(ada),\#(ada)]}"#)])
        #expect(try await target(twice).lookUp(.user, name, "ada") { $0 }.count == 1)
        for status in [400, 403, 404, 500, 501] {
            let client = ScriptedClient([
                .status(status), .status(200, [:], #"{"totalResults":1,"Resources":[\#(ada)]}"#),
            ])
            #expect(try await target(client).lookUp(.user, name, "ada") { $0 }.count == 1, "\(status)")
            #expect(client.requests.last?.head.path?.contains("filter=") == false)
        }
    }

    @Test(
        """
        13 A, D: the id of what was made is read from Location where there is no body, and an id that leads away \
        is none
        """
    )
    func created() async throws {
        let location = ["Location": "https://scim.example/v2/Users/a%2Fb?x=1"]
        let bare = try await target(ScriptedClient([.status(201, location)])).create(
            .user, [change("userName", "ada", replaces: false)])
        #expect(bare.id == "a/b" && bare.resource == nil)
        for id in ["", ".", ".."] {
            let client = ScriptedClient([.status(201, [:], #"{"id":"\#(id)","userName":"ada"}"#)])
            await #expect(throws: SCIMFailure.self, "“\(id)”") {
                try await target(client).create(.user, [change("userName", "ada", replaces: false)])
            }
        }
    }

    @Test(
        """
        13 A, B: a PUT is sent for the version that was shown, in the header or as a number, and without what is \
        read-only
        """,
        arguments: [(#""#, ["ETag": "W/\"7\""], "W/\"7\""), (#","version":8"#, [:], "8")]
            as [(String, [String: String], String)])
    func puts(version: String, headers: [String: String], wanted: String) async throws {
        let shown =
            #"""
            {"id":"1","userName":"ada","groups":[{"value":"g"}],"meta":{"created":"2026-01-01T00:00:00Z"\#
            \#(version)}}
            """#
        let client = ScriptedClient([.status(200, headers, shown), .status(200, [:], shown)])
        let target = try target(client, Capabilities(patch: false, etag: true, pageSize: 10))
        _ = try await target.update(.user, "1", [change("userName", "ada2")], isDisabled: false)
        let put = client.requests[1]
        #expect(put.head.method == .put && put.head.headerFields[.ifMatch] == wanted)
        let body = sent(client, 1)
        #expect(body.contains("ada2") && !body.contains("meta") && !body.contains("groups"), "\(body)")
    }

    @Test("13 B: a group that is replaced sends of its members what is not read-only")
    func groups() async throws {
        let shown = #"""
            {"id":"g","displayName":"ops","members":[{"value":"1","display":"Ada","$ref":"https://x.example/Users/1",
            "type":"User"}]}
            """#
        let client = ScriptedClient([.status(200, [:], shown), .status(200, [:], shown)])
        let target = try target(client, Capabilities(patch: false, pageSize: 10))
        _ = try await target.changeMembers(of: "g", add: ["2"], remove: [])
        let body = sent(client, 1)
        #expect(body.contains(#""value":"1""#) && body.contains(#""value":"2""#), "\(body)")
        #expect(!body.contains("Ada") && !body.contains("$ref"), "\(body)")
    }

    @Test(
        "13 B: a redirect that answers a write is not followed, unless it says that nothing was done",
        arguments: [301, 302, 303, 307, 308])
    func redirectedWrite(status: Int) async throws {
        let client = ScriptedClient([
            .status(status, ["Location": "https://scim.example/v2/Users/"]),
            .status(201, [:], #"{"id":"1","userName":"ada"}"#),
        ])
        let made = try? await target(client).create(.user, [change("userName", "ada", replaces: false)])
        // 302 and 303 may say that it was done, and where the answer stands.
        let isFollowed = status != 302 && status != 303
        #expect((made != nil) == isFollowed && client.requests.count == (isFollowed ? 2 : 1), "\(status)")
    }

    @Test("13 B: where value paths are refused the whole attribute is sent, and the elements that are shown stay in it")
    func wholeValues() async throws {
        let shown =
            #"{"id":"1","emails":[{"value":"a@corp.example","type":"work"},{"value":"h@home.example","type":"home"}]}"#
        let refused = [
            ScriptedClient.Step.status(400, [:], #"{"scimType":"invalidPath"}"#), .status(200, [:], shown),
            .status(200, [:], shown),
        ]
        let client = ScriptedClient(refused + refused)
        let target = try target(client)
        _ = try await target.update(.user, "1", [change("emails[work]", "b@corp.example")], isDisabled: false)
        let last = sent(client, client.requests.count - 1)
        #expect(
            last.contains("b@corp.example") && last.contains("h@home.example") && !last.contains("a@corp.example"),
            "\(client.requests.map { String(decoding: $0.body, as: UTF8.self) })")
        // A second record proves it: it is remembered, and told with the key that says it by hand.
        let dialect = target.connection.dialect
        #expect(!dialect.has(.wholeValues))
        _ = try await target.update(.user, "2", [change("emails[work]", "b@corp.example")], isDisabled: false)
        #expect(dialect.has(.wholeValues) && dialect.memory.contains("wholeValues"))
        #expect(dialect.report("target").contains { $0.contains("valuePaths: false") })
    }

    @Test("13 A: “0” and “1” as text are a status, and URNs are read in any case")
    func readings() throws {
        for (text, access) in [(#""0""#, false), (#""1""#, true), ("0", false), ("1", true)] {
            #expect(
                try JSONParser().parse("{\"id\":\"1\",\"active\":\(text)}") { ShownResource($0).access }
                    == .active(access))
        }
        let nested = #"{"id":"1","URN:ietf:params:scim:schemas:Core:2.0:User":{"userName":"ada","active":"False"}}"#
        try JSONParser().parse(nested) { root in
            let resource = ShownResource(root)
            #expect(resource.text("userName") == "ada" && resource.access == .active(false))
        }
    }
}
