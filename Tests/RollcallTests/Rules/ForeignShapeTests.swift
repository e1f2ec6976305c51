import Curl
import Emulation
import Foundation
import GRDB
import HTTP
import HTTPTypes
import JSON
import Rehearsal
import SCIM
import Simulation
import Testing

@testable import Ledger

/// Shapes, signs and answers that no suite had seen go wrong: 13, by its letters.
@Suite struct ForeignShapeTests {
    @Test(
        "13 D2: an address that libcurl reads as another number is not sent to",
        arguments: ["2130706433", "0177.0.0.1", "0x7f.1", "127.1"])
    func otherReading(host: String) async throws {
        let server = try LoopbackServer { _ in
            .bytes(Array("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok".utf8), closes: false)
        }
        defer { server.stop() }
        #expect(URLParts("https://\(host):1/v2") != nil, "URLParts lets it pass")
        let request = OutgoingRequest(
            head: HTTPRequest(method: .get, scheme: "http", authority: "\(host):\(server.port)", path: "/"),
            connectTimeout: 2, totalTimeout: 5)
        await #expect(throws: TransportError.self) { _ = try await CurlClient(userAgent: "x").send(request) }
        #expect(server.requests.isEmpty)
    }

    @Test(
        "13 D6: a user name with signs that turn or hide others makes no account",
        arguments: ["a\u{202E}da", "a\u{200B}da", "a\u{9B}da"])
    func userName(name: String) async throws {
        let world = try World()
        world.directory.people = [.named("x"), .named("bo")]
        world.directory.people[0].username = name
        let night = try await world.run()
        #expect(world.documents(.user).count == 1 && night.report.exit == .recordsFailed, "\(night.report.headline)")
    }

    @Test("13 D6: a group name with signs that turn or hide others makes no group")
    func groupName() async throws {
        let world = try World()
        world.directory.people = [.named("bo")]
        world.directory.teams = [Team(id: "g", name: "O\u{202E}ps", members: ["user_bo"])]
        _ = try await world.run()
        #expect(world.documents(.group).isEmpty)
    }

    @Test("13 A: discovery that is missing is told with one line")
    func discoveryTold() async throws {
        var options = ServiceOptions()
        options.habits = [.noDiscovery]
        let world = try World(options: options)
        world.directory.people = [.named("ada")]
        let night = try await world.run()
        #expect(
            night.report.details.count { $0.contains("no service provider configuration") } == 1,
            "\(night.report.details)")
    }

    @Test("13 A: an answer to a PATCH without active is no look: what was not stored is failed")
    func patchAnswerIsNoLook() async throws {
        let isOn = Switch()
        let world = try World { request, _ in
            guard isOn.isOn, request.head.method == .patch, let id = request.head.path?.split(separator: "/").last
            else { return nil }
            return .answered(EmulatedResponse(status: 200, body: Array(#"{"id":"\#(id)","userName":"person0"}"#.utf8)))
        }
        world.directory.people = (0..<3).map { .named("person\($0)") }
        _ = try await world.run()
        world.directory.people[1].status = "disabled"
        #expect(try await world.run().report.exit == .inStep)
        isOn.isOn = true
        world.directory.people[0].status = "disabled"
        let night = try await world.run()
        #expect(
            night.operation(.disable, "person0")?.status == .failed,
            "\(night.report.details) \(night.operations.map(\.reason))")
    }

    @Test("13 A: where another account that is let in shows no active either, its absence says nothing")
    func anotherLacksIt() async throws {
        let isOn = Switch()
        let world = try World { request, _ in
            if isOn.isOn, request.head.method == .patch { return .answered(EmulatedResponse(status: 204)) }
            guard isOn.isOn, request.head.method == .get else { return nil }
            return .altered { answer in
                var answer = answer
                guard var page = try? JSONValue(parsing: answer.body) else { return answer }
                func strip(_ one: JSONValue) -> JSONValue {
                    var one = one
                    if ["person0", "person2"].contains(one["userName"]?.string ?? "") { one["active"] = nil }
                    return one
                }
                if let list = page["Resources"]?.array {
                    page["Resources"] = .array(list.map { $0["userName"] == "person2" ? strip($0) : $0 })
                } else {
                    page = strip(page)
                }
                answer.body = page.canonicalBytes
                return answer
            }
        }
        world.directory.people = (0..<3).map { .named("person\($0)") }
        _ = try await world.run()
        isOn.isOn = true
        world.directory.people[0].status = "disabled"
        let night = try await world.run()
        #expect(
            night.operation(.disable, "person0")?.status == .failed,
            "\(night.report.details) \(night.operations.map(\.reason))")
    }

    @Test("13 D7: the ledger's own scratch file has the stated bound")
    func scratchIsBound() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
            "rollcall-scratch-\(UInt64.random(in: 0...UInt64.max))")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let ledger = try Ledger(path: folder.path + "/a.sqlite")
        try ledger.attachScratch()
        #expect(
            try ledger.perform { try Int.fetchOne($0, sql: "PRAGMA scratch.max_page_count") } == Scratch.mostBytes
                / Scratch.pageSize)
    }

    @Test(
        "13 A: a SCIM source whose status nobody can read, or that says no, lets nobody in",
        arguments: ["\"maybe\"", "\"False\"", "0", "[]", "{}"])
    func sourceActive(text: String) async throws {
        let world = try World { request, _ in
            guard request.head.path?.hasPrefix("/directory/Users") == true else { return nil }
            return .altered { answer in
                guard var page = try? JSONValue(parsing: answer.body), let list = page["Resources"]?.array else {
                    return answer
                }
                page["Resources"] = .array(
                    list.map {
                        var one = $0
                        if one["userName"] == "ada",
                            let value = try? JSONValue(parsing: Array(#"{"x":\#(text)}"#.utf8))["x"]
                        {
                            one["active"] = value
                        }
                        return one
                    })
                var answer = answer
                answer.body = page.canonicalBytes
                return answer
            }
        }
        world.serveDirectory()
        world.directory.people = ["ada", "bo"].map { .named($0) }
        let night = try await world.run()
        #expect(world.user("ada") == nil && world.user("bo") != nil, "\(night.report.headline) \(night.report.details)")
        if !["0", "\"False\""].contains(text) { #expect(night.report.exit == .recordsFailed) }
    }

    @Test("13 B: where two records have shown that value paths are refused, a third is not asked")
    func valuePathsRemembered() async throws {
        var options = ServiceOptions()
        options.habits = [.refusesValuePaths]
        let world = try World(options: options)
        world.directory.people = (0..<4).map { .named("person\($0)") }
        _ = try await world.run()
        for index in 0..<2 { world.directory.people[index].email = "new\(index)@corp.example" }
        let told = try await world.run()
        #expect(
            told.report.details.contains { $0.contains("target.capabilities: { valuePaths: false }") },
            "\(told.report.details)")
        let before = world.client.service.met[.refusesValuePaths] ?? 0
        world.directory.people[2].email = "new2@corp.example"
        let night = try await world.run()
        #expect(
            night.report.exit == .inStep && (world.client.service.met[.refusesValuePaths] ?? 0) == before,
            "\(world.client.service.met)")
        #expect(!night.report.details.contains { $0.contains("valuePaths") })
    }

    @Test(
        "13 A: where a platform keeps a single value, the only element is replaced whole, as the primary one",
        arguments: Platform.all.filter { $0.rules?.singleValues ?? false })
    func onlyElement(platform: Platform) async throws {
        let world = try platform.world()
        world.directory.people = [.named("ada")]
        _ = try await world.run()
        let id = try #require(world.documents(.user).first?["id"]?.string)
        world.client.change { service in
            try? service.meddle(.user, id) {
                $0["emails"] = [["type": "other", "value": "old@corp.example", "primary": false]]
            }
        }
        let night = try await world.run()
        let shown = world.documents(.user).first?["emails"]?.array
        #expect(
            shown?.count == 1 && shown?[0]["primary"] == true && shown?[0]["value"] == "ada@corp.example",
            "\(platform) \(shown ?? []) \(night.report.details)")
    }
}
