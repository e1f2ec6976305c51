import Curl
import Emulation
import Foundation
import HTTP
import HTTPTypes
import JSON
import SCIM
import SCIMTransport
import Simulation
import Testing

@Suite struct CurlTests {
    private let client = CurlClient(userAgent: "rollcall-tests/1")

    private func request(
        _ server: LoopbackServer, _ method: HTTPRequest.Method = .get, body: String = "", path: String = "/"
    ) -> OutgoingRequest {
        OutgoingRequest(
            head: HTTPRequest(method: method, scheme: "http", authority: "127.0.0.1:\(server.port)", path: path),
            body: Array(body.utf8), connectTimeout: 2, totalTimeout: 5)
    }

    private static func ok(_ body: String = "ok", closes: Bool = false, status: String = "200 OK", extra: String = "")
        -> LoopbackServer.Reply
    {
        .bytes(
            Array("HTTP/1.1 \(status)\r\nContent-Length: \(body.utf8.count)\r\n\(extra)\r\n\(body)".utf8),
            closes: closes)
    }

    @Test("a POST on a reused connection that closes without an answer is delivered once, and its outcome is unknown")
    func neverResent() async throws {
        let server = try LoopbackServer { seen in seen.head.hasPrefix("POST") ? .hangUp : Self.ok() }
        defer { server.stop() }
        for method in [HTTPRequest.Method.get, .get] { _ = try await client.send(request(server, method)) }
        for _ in 0..<3 {
            _ = try await client.send(request(server))
            do {
                _ = try await client.send(request(server, .post, body: "{\"userName\":\"ada\"}"))
                Issue.record("the answer came from nowhere")
            } catch {
                guard case .outcomeUnknown = error else {
                    Issue.record("expected an unknown outcome, got \(error)")
                    continue
                }
            }
        }
        let posts = server.requests.filter { $0.head.hasPrefix("POST") }
        #expect(posts.count == 3)
        // The case that libcurl would repeat: the connection had served a request before.
        #expect(
            posts.allSatisfy { post in
                server.requests.contains { $0.connection == post.connection && $0.head.hasPrefix("GET") }
            })
    }

    @Test("13 D2: dots in a path are sent as they stand")
    func dots() async throws {
        let server = try LoopbackServer { _ in Self.ok() }
        defer { server.stop() }
        var dotted = request(server)
        dotted.head.path = "/scim/v2/Users/../Groups/./1"
        _ = try await client.send(dotted)
        #expect(server.requests.first?.head.hasPrefix("GET /scim/v2/Users/../Groups/./1 ") == true)
    }

    @Test("13 D2: what libcurl would read as another place than the one that was judged is not sent")
    func otherPlace() async throws {
        let server = try LoopbackServer { _ in Self.ok() }
        let other = try LoopbackServer { _ in Self.ok() }
        defer {
            server.stop()
            other.stop()
        }
        for path in ["@127.0.0.1:\(other.port)/Users", ":x@127.0.0.1:\(other.port)/"] {
            do {
                _ = try await client.send(request(server, path: path))
                Issue.record("\(path) was sent")
            } catch {
                guard case .refused(let why) = error else {
                    Issue.record("\(path): \(error)")
                    continue
                }
                #expect(why.contains("another place"))
            }
        }
        #expect(server.requests.isEmpty && other.requests.isEmpty)
    }

    @Test("13 D8: a request of which libcurl does not take a part is not sent without it")
    func refusedOption() async throws {
        let server = try LoopbackServer { _ in Self.ok() }
        defer { server.stop() }
        // libcurl takes no text of more than eight million bytes.
        let client = CurlClient(userAgent: String(repeating: "x", count: 8_000_001))
        do {
            _ = try await client.send(request(server))
            Issue.record("it was sent")
        } catch {
            #expect("\(error)".contains("does not take what this request needs"), "\(error)")
        }
        #expect(server.requests.isEmpty)
    }

    @Test("connections are kept from one burst to the next; a delete has one of its own, which is not kept")
    func bursts() async throws {
        let server = try LoopbackServer { _ in Self.ok() }
        defer { server.stop() }
        func burst() async throws {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<24 { group.addTask { _ = try await client.send(request(server)) } }
                try await group.waitForAll()
            }
        }
        try await burst()
        let first = Set(server.requests.map(\.connection)).count
        // One request alone between two bursts closes none of the others.
        for _ in 0..<3 {
            _ = try await client.send(request(server))
            try await burst()
        }
        let all = Set(server.requests.map(\.connection)).count
        #expect(all <= max(first, 24), "\(first), then \(all)")
        for _ in 0..<3 { _ = try await client.send(request(server, .delete)) }
        _ = try await client.send(request(server))
        let deletes = server.requests.filter { $0.head.hasPrefix("DELETE") }.map(\.connection)
        #expect(Set(deletes).count == 3)
        #expect(server.requests.allSatisfy { $0.head.hasPrefix("DELETE") || !deletes.contains($0.connection) })
    }

    @Test("connections are kept, and every request names its agent")
    func keepAlive() async throws {
        let server = try LoopbackServer { _ in Self.ok() }
        defer { server.stop() }
        for _ in 0..<5 { #expect(try await client.send(request(server)).status == 200) }
        #expect(Set(server.requests.map(\.connection)).count == 1)
        #expect(server.requests.allSatisfy { $0.head.contains("User-Agent: rollcall-tests/1") })
    }

    @Test("a redirect is an answer: the credential goes nowhere else")
    func redirects() async throws {
        let other = try LoopbackServer { _ in Self.ok() }
        let server = try LoopbackServer { _ in Self.ok("", status: "302 Found", extra: "Location: \(other.base)/\r\n") }
        defer {
            server.stop()
            other.stop()
        }
        var redirected = request(server)
        redirected.head.headerFields[.authorization] = "Bearer x"
        #expect(try await client.send(redirected).status == 302)
        #expect(other.requests.isEmpty)
    }

    @Test("too large, too slow, refused and misdirected each have their own error")
    func errors() async throws {
        let server = try LoopbackServer { seen in
            seen.head.contains("/slow") ? .silence(3) : Self.ok(String(repeating: "x", count: 5000))
        }
        defer { server.stop() }
        var large = request(server)
        large.responseLimit = 4999
        await #expect(throws: TransportError.tooLarge(limit: 4999)) { try await client.send(large) }
        large.responseLimit = 5000
        #expect(try await client.send(large).body.count == 5000)
        var slow = request(server, path: "/slow")
        slow.totalTimeout = 0.3
        do {
            _ = try await client.send(slow)
            Issue.record("answered")
        } catch { #expect({ if case .timedOut = error { true } else { false } }(), "\(error)") }
        let closed = try LoopbackServer { _ in .hangUp }
        closed.stop()
        do {
            _ = try await client.send(request(closed))
            Issue.record("answered")
        } catch { #expect({ if case .notSent = error { true } else { false } }(), "\(error)") }
    }

    @Test("cancelling the task stops the transfer")
    func cancellation() async throws {
        // Many tests share the cores, so that a moment may last: what counts is that nothing waits for the timeout.
        let server = try LoopbackServer { _ in .silence(400) }
        defer { server.stop() }
        let began = ContinuousClock.now
        var slow = request(server)
        slow.totalTimeout = 400
        let task = Task { [client, slow] in try await client.send(slow) }
        try await Task.sleep(for: .milliseconds(150))
        task.cancel()
        await #expect(throws: TransportError.cancelled) { try await task.value }
        #expect(ContinuousClock.now - began < .seconds(300))
        let early = Task { [client, slow] in
            withUnsafeCurrentTask { $0?.cancel() }
            return try await client.send(slow)
        }
        await #expect(throws: TransportError.cancelled) { try await early.value }
    }

    @Test("the curl client and the in-process client tell the same of the same server")
    func contract() async throws {
        var options = ServiceOptions()
        options.tokens = ["key"]
        options.maxResults = 3
        let service = SCIMService(options: options)
        let server = try LoopbackServer.emulating(service)
        defer { server.stop() }
        var stories: [[String]] = []
        let overCurl: any HTTPClient = client
        let inProcess: any HTTPClient = InProcessClient(service, time: VirtualTime(start: 1_790_000_000).time)
        for transport in [overCurl, inProcess] {
            var story: [String] = []
            let base = try #require(URLParts("\(server.base)/scim/v2"))
            let connection = SCIMConnection(base: base, client: Authorized(transport, tokens: FixedKey(Secret("key"))))
            let bare = SCIMConnection(base: base, client: transport)
            for name in ["ada", "bo", "ADA", "çelik", "d d"] {
                do {
                    let answer = try await connection.send(
                        .post, "/Users", body: ["schemas": [.string(SchemaURN.user)], "userName": .string(name)])
                    story.append(
                        "\(answer.status) \(answer.location ?? "") \(String(decoding: answer.body, as: UTF8.self))")
                } catch { story.append("\(error)") }
            }
            var seen: [String] = []
            let evidence = try await connection.list("/Users", paging: .index, pageSize: 2) {
                seen.append($0.text("userName") ?? "")
            }
            story.append("\(seen) \(evidence)")
            let found = try await connection.send(
                .get, "/Users", query: [("filter", Filter.equal("userName", "ÇELIK"))])
            story.append(String(decoding: found.body, as: UTF8.self))
            for (method, path) in [(HTTPRequest.Method.delete, "/Users/none"), (.get, "/Nowhere"), (.put, "/Users")] {
                do { story.append("\(try await connection.send(method, path).status)") } catch {
                    story.append("\(error)")
                }
            }
            do { story.append("\(try await bare.send(.get, "/Users").status)") } catch { story.append("\(error)") }
            stories.append(story)
        }
        #expect(stories[0] == stories[1])
        #expect(stories[0].count == 11)
    }
}
