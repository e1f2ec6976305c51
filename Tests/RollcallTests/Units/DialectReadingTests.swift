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

/// How a text, a number, an id and a refusal are read, whatever the dialect.
extension DialectTests {
    @Test("a list of which no user has a userName is refused in one sentence, and nothing is written")
    func nameless() async throws {
        let world = try World { request, _ in
            guard request.head.method == .get, (request.head.path ?? "").contains("/Users") else { return nil }
            return .answered(
                EmulatedResponse(
                    status: 200, body: Array(#"{"totalResults":1,"Resources":[{"id":"1","login":"ada"}]}"#.utf8)))
        }
        world.directory.people = [.named("ada")]
        let result = try await world.run()
        #expect(
            result.report.exit == .unreachable && result.report.details.first?.contains("has a userName") == true,
            "\(result.report.details)")
        #expect(world.documents(.user).isEmpty)
    }

    @Test(
        "a SCIM source: active in any spelling is read, and what cannot be read holds its record",
        arguments: [("\"False\"", "disabled"), ("0", "disabled"), ("\"1\"", "enabled"), ("\"maybe\"", "held")])
    func sourceStatus(_ spelling: String, _ expected: String) throws {
        let access = try JSONParser().parse("{\"id\":\"1\",\"active\":\(spelling)}") { ShownResource($0).access }
        switch expected {
        case "disabled": #expect(access == .active(false))
        case "enabled": #expect(access == .active(true))
        default: #expect(access == .unreadable("maybe"))
        }
    }

    @Test("ids, members and externalIds that are numbers keep their digits, at any size")
    func numbers() throws {
        let text =
            #"""
            {"id":12345678901234567890123,"externalId":9007199254740993,\#
            "members":[{"value":18446744073709551616}],"meta":{"version":90071992547409931}}
            """#
        try JSONParser().parse(text) { root in
            let resource = ShownResource(root)
            #expect(
                resource.id == "12345678901234567890123" && resource.externalID == "9007199254740993"
                    && resource.members?.users == ["18446744073709551616"])
            #expect(root["meta"]?["version"]?.scalarText == "90071992547409931")
        }
        // What is no such integer is read as it was.
        for good in [
            #"["1234567890123456789"]"#, "[0.12345678901234567890]", "[1.0e-3]", "[123456789012345]",
            #"["\"12345678901234567890"]"#,
        ] {
            #expect(throws: Never.self) { try JSONValue(parsing: Array(good.utf8)) }
        }
        for bad in ["[01234567890123456789]", "[1234567890123456789x]", "[-]"] {
            #expect(throws: JSONSyntaxError.self) { try JSONValue(parsing: Array(bad.utf8)) }
        }
    }

    @Test("R38: an empty id, “.” and “..” are no ids, in bodies and in Location")
    func ids() {
        for bad in ["", ".", "..", String(repeating: "a", count: 9000)] { #expect(!ResourceID.isValid(bad)) }
        #expect(ResourceID.inLocation("https://scim.example/v2/Users/a%2Fb?x=1") == "a/b")
        #expect(ResourceID.inLocation("https://scim.example/v2/Users/%2E%2E") == nil)
        #expect(ResourceID.inLocation("/Users/..") == nil)
        #expect(ResourceID.inLocation("https://scim.example/v2/Users/") == nil)
    }

    @Test(
        "the words of an error are found wherever a server puts them",
        arguments: [
            (#"{"detail":"no"}"#, "no"), (#"{"message":"no"}"#, "no"), (#"{"error":{"message":"no"}}"#, "no"),
            (#"{"errorMessage":"no"}"#, "no"), (#"{"errors":["a","b"]}"#, "a; b"),
            (#"{"errors":[{"description":"no"}]}"#, "no"), (#"{"userName":["taken"],"status":400}"#, "userName: taken"),
            ("plain words", "plain words"),
            ("<html><body><h1>Bad</h1> request</body></html>", "Bad request"), (#""no""#, "no"),
            (#"{"Errors":{"email":["bad","worse"]}}"#, "email: bad; worse"),
        ])
    func words(_ body: String, _ expected: String) {
        #expect(SCIMError(status: 400, body: Array(body.utf8)).detail == expected)
    }

    @Test("a refusal without words says so, and the request is named with its query")
    func wordless() async throws {
        #expect("\(SCIMFailure.rejected(SCIMError(status: 400, body: [])))" == "status 400, and gives no reason")
        let client = ScriptedClient([.status(500, [:], "")])
        let connection = SCIMConnection(base: try #require(URLParts("https://scim.example/v2")), client: client)
        do {
            _ = try await connection.send(.get, "/Users", query: [("filter", "userName eq \"ada\"")])
            Issue.record("no failure")
        } catch { #expect("\(error)".contains("/v2/Users?filter=userName eq \"ada\""), "\(error)") }
    }

    @Test(
        "D3: a credential that a server repeats is hidden in whatever spelling, in errors, answers and headers",
        arguments: [
            "s3cr/et+token-1234==", #"s3cr\/et\u002Btoken-1234=\u003d"#, "s3cr%2Fet%2btoken-1234%3D%3D",
            "czNjci9ldCt0b2tlbi0xMjM0PT0=", #"s3cr\\\/et+token-1234=="#, "s3cr&#x2F;et&#43;token-1234==",
            "Bearer s3cr/et+token-1234==", "s3cr&#x2f;et&#x2b;token-1234&#x3d;&#x3d;",
            "s3cr&#047;et&#043;token-1234&#61;&#61;",
            "s3cr&sol;et&plus;token-1234&equals;&equals;",
            "&#115;&#51;&#99;&#114;&#47;&#101;&#116;&#43;&#116;&#111;&#107;en&#45;1234&#61;&#61;",
        ])
    func secrets(_ spelling: String) {
        for status in [200, 400] {
            var response = IncomingResponse(
                head: .init(status: .init(code: status)), body: Array("{\"nextCursor\":\"x\(spelling)y\"}".utf8))
            response.head.headerFields[.location] = "/Users/\(spelling)"
            let shown = response.hiding([Secret("s3cr/et+token-1234==")])
            let text = String(decoding: shown.body, as: UTF8.self) + (shown.head.headerFields[.location] ?? "")
            #expect(text.contains("***") && !text.contains("s3cr") && !text.contains("czNj"), "\(text)")
        }
        // In the alphabet of base64 that stands in addresses.
        let secret = "\u{3F}\u{3E}~~??>>secret"
        let safe = Data(secret.utf8).base64EncodedString().replacingOccurrences(of: "+", with: "-")
            .replacingOccurrences(of: "/", with: "_")
        #expect(safe.contains("_") || safe.contains("-"))
        let inAddress = IncomingResponse(head: .init(status: .badRequest), body: Array("x\(safe)y".utf8))
        #expect(String(decoding: inAddress.hiding([Secret(secret)]).body, as: UTF8.self).contains("***"))
        // In other words of base64, wherever it begins.
        for offset in 0..<3 {
            let text = Data((String(repeating: "k", count: offset) + ":s3cr/et+tok==:x").utf8).base64EncodedString()
            let basic = IncomingResponse(
                head: .init(status: .badRequest),
                body: Array(Data("id:\(PercentEncoding.encode("s3cr/et+tok=="))".utf8).base64EncodedString().utf8))
            #expect(String(decoding: basic.hiding([Secret("s3cr/et+tok==")]).body, as: UTF8.self).contains("***"))
            let shown = IncomingResponse(head: .init(status: .badRequest), body: Array(text.utf8)).hiding([
                Secret("s3cr/et+tok==")
            ])
            #expect(String(decoding: shown.body, as: UTF8.self).contains("***"), "\(text)")
        }
    }
}
