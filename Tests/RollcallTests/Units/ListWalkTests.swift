import HTTP
import JSON
import SCIM
import SCIMTransport
import Testing

@Suite struct ListWalkTests {
    private func walk(_ pages: [String], paging: Paging = .index, size: Int = 2, expected: Int = 0) async throws -> (
        ListEvidence, [String], ScriptedClient
    ) {
        let client = ScriptedClient(pages.map { .status(200, [:], $0) })
        let base = try #require(URLParts("https://scim.example/v2"))
        var seen: [String] = []
        let evidence = try await SCIMConnection(base: base, client: client).list(
            "/Users", paging: paging, pageSize: size, bounds: ListBounds(expected: expected)
        ) {
            seen.append($0.id ?? "")
        }
        return (evidence, seen, client)
    }

    private func page(_ ids: [String], total: Int, next: String? = nil) -> String {
        let resources = ids.map { "{\"id\":\"\($0)\"}" }.joined(separator: ",")
        return
            "{\"totalResults\":\(total),\"Resources\":[\(resources)]\(next.map { ",\"nextCursor\":\"\($0)\"" } ?? "")}"
    }

    @Test("a server that returns fewer than asked is walked to its total")
    func shortPages() async throws {
        let (evidence, seen, client) = try await walk([page(["a"], total: 3), page(["b", "c"], total: 3)], size: 100)
        #expect(seen == ["a", "b", "c"])
        #expect(evidence.isComplete)
        #expect(
            client.requests.map { $0.head.path } == [
                "/v2/Users?startIndex=1&count=100", "/v2/Users?startIndex=2&count=100",
            ])
    }

    @Test("17: pages of heavy resources are as large as fits into 8 MiB, and begin where a page of their size does")
    func weight() async throws {
        let base = try #require(URLParts("https://scim.example/v2"))
        // A hundred kilobytes each: 80 fit, and 50 are a whole part of 100.
        let filler = String(repeating: "x", count: 100_000)
        func page(_ range: Range<Int>) -> ScriptedClient.Step {
            let resources = range.map { "{\"id\":\"\($0)\",\"displayName\":\"\(filler)\"}" }
            return .status(200, [:], "{\"totalResults\":200,\"Resources\":[\(resources.joined(separator: ","))]}")
        }
        func sizes(known: Int, _ pages: [Range<Int>]) async throws -> [String] {
            let client = ScriptedClient(pages.map(page))
            let evidence = try await SCIMConnection(base: base, client: client).list(
                "/Groups", paging: .index, pageSize: 100, bounds: ListBounds(bytesEach: known)
            ) { _ in }
            #expect(evidence.isComplete && evidence.resources == 200 && evidence.bytesEach > 100_000)
            return client.requests.compactMap { $0.head.path?.split(separator: "?").last.map(String.init) }
        }
        #expect(
            try await sizes(known: 0, [0..<100, 100..<150, 150..<200]) == [
                "startIndex=1&count=100", "startIndex=101&count=50", "startIndex=151&count=50",
            ])
        #expect(
            try await sizes(known: 100_100, [0..<50, 50..<100, 100..<150, 150..<200]).allSatisfy {
                $0.hasSuffix("count=50")
            })
        // From a first page that is small for want of knowledge, on to larger ones only where one of those begins.
        #expect(
            try await sizes(known: 400_000, [0..<20, 20..<40, 40..<60, 60..<80, 80..<100, 100..<150, 150..<200]) == [
                "startIndex=1&count=20", "startIndex=21&count=20", "startIndex=41&count=20", "startIndex=61&count=20",
                "startIndex=81&count=20", "startIndex=101&count=50", "startIndex=151&count=50",
            ])
    }

    @Test("17: one heavy group among light ones makes no page smaller the next night")
    func oneHeavy() async throws {
        let base = try #require(URLParts("https://scim.example/v2"))
        func page(_ range: Range<Int>) -> ScriptedClient.Step {
            let resources = range.map {
                "{\"id\":\"\($0)\",\"displayName\":\"\(String(repeating: "x", count: $0 == 7 ? 12 << 20 : 100))\"}"
            }
            return .status(200, [:], "{\"totalResults\":400,\"Resources\":[\(resources.joined(separator: ","))]}")
        }
        var known = 0
        for night in 0..<3 {
            // The first page is what it is; what follows is sized by what resources weigh on an average.
            let pages = [0..<100, 100..<150, 150..<200, 200..<300, 300..<400].map(page)
            let client = ScriptedClient(pages)
            let evidence = try await SCIMConnection(base: base, client: client).list(
                "/Groups", paging: .index, pageSize: 100, bounds: ListBounds(bytesEach: known)
            ) { _ in }
            #expect(evidence.resources == 400 && evidence.isComplete, "night \(night): \(evidence)")
            known = evidence.bytesEach
            #expect(known < ListBounds.mostPageBytes / 100)
            #expect(client.requests.count == 5 && client.requests[0].head.path?.hasSuffix("count=100") == true)
        }
    }

    @Test("cursors are followed until there is none")
    func cursors() async throws {
        let (evidence, seen, client) = try await walk(
            [page(["a", "b"], total: 3, next: "x/y"), page(["c"], total: 3)], paging: .cursor)
        #expect(seen == ["a", "b", "c"])
        #expect(evidence.isComplete)
        #expect(client.requests.last?.head.path == "/v2/Users?cursor=x%2Fy&count=2")
    }

    @Test("R34: a resource that makes its page fail is passed over by its place where the list is walked by cursor")
    func failsBehindCursor() async throws {
        let base = try #require(URLParts("https://scim.example/v2"))
        let fails = ScriptedClient.Step.status(500, [:], "")
        let client = ScriptedClient([
            .status(200, [:], page(["a", "b"], total: 5, next: "2")), fails, fails,
            .status(200, [:], page(["d"], total: 5)), .status(200, [:], page(["e"], total: 5)),
            .status(200, [:], page([], total: 5)),
        ])
        var seen: [String] = []
        let evidence = try await SCIMConnection(base: base, client: client).list("/Users", paging: .cursor, pageSize: 2)
        { seen.append($0.id ?? "") }
        #expect(seen == ["a", "b", "d", "e"])
        #expect(
            evidence.violations.first?.contains("the resource at place 3 makes its page fail") == true,
            "\(evidence.violations)")
        #expect(
            client.requests.map { $0.head.path?.split(separator: "?").last } == [
                "cursor=&count=2", "cursor=2&count=2", "cursor=2&count=1", "startIndex=4&count=1",
                "startIndex=5&count=2", "startIndex=6&count=2",
            ])
    }

    @Test("a total that moves, is not reached or is disproved makes the list incomplete")
    func violations() async throws {
        #expect(try await !walk([page(["a", "b"], total: 4), page(["c"], total: 3), page([], total: 3)]).0.isComplete)
        #expect(try await !walk([page(["a", "b"], total: 4), page(["c"], total: 4), page([], total: 4)]).0.isComplete)
        // The length of the page as the total: told by the further page that a full first page asks for.
        let (evidence, seen, _) = try await walk([
            page(["a", "b"], total: 2), page(["c"], total: 1), page([], total: 0),
        ])
        // Two pages that each declare their own length show what the server's totals are: it is walked to an empty
        // page, as one without totals is.
        #expect(seen == ["a", "b", "c"])
        #expect(evidence.isComplete && evidence.declaredTotal == nil, "\(evidence)")
        // What declares its length twice, and then something else, is not believed; nor is a second page that is empty.
        #expect(
            try await !walk([
                page(["a", "b"], total: 2), page(["c"], total: 1), page(["d"], total: 9), page([], total: 9),
            ]).0.isComplete)
        #expect(try await !walk([page(["a", "b"], total: 2), page([], total: 0)]).0.isComplete)
        // Where only an empty page tells the end, one that comes before what is known to be there is asked for once
        // more.
        let slip = try await walk(
            [
                page(["a", "b"], total: 2), page(["c", "d"], total: 2), page([], total: 0), page(["e"], total: 1),
                page([], total: 0),
            ], expected: 5)
        #expect(slip.1 == ["a", "b", "c", "d", "e"] && slip.0.isComplete)
        let short = try await walk(
            [page(["a", "b"], total: 2), page(["c", "d"], total: 2), page([], total: 0), page([], total: 0)],
            expected: 5)
        #expect(short.1.count == 4 && short.0.isComplete)
        // One whose pages overlap is none of these.
        #expect(
            try await !walk([page(["a", "b"], total: 2), page(["b", "c"], total: 2), page([], total: 0)]).0.isComplete)
        // The same with shorter pages, where more are known to be there.
        #expect(
            try await walk([page(["a"], total: 1), page(["b"], total: 1), page([], total: 0)], size: 9, expected: 2).1
                == ["a", "b"])
    }

    @Test("a page that is too large is asked for again with half the count, down to one")
    func oversized() async throws {
        let base = try #require(URLParts("https://scim.example/v2"))
        let client = ScriptedClient([
            .fail(.tooLarge(limit: 1)), .fail(.tooLarge(limit: 1)), .status(200, [:], page(["a", "b"], total: 3)),
            .fail(.tooLarge(limit: 1)), .status(200, [:], page(["c"], total: 3)),
        ])
        var seen: [String] = []
        let evidence = try await SCIMConnection(base: base, client: client).list("/Users", paging: .index, pageSize: 8)
        { seen.append($0.id ?? "") }
        #expect(seen == ["a", "b", "c"])
        #expect(evidence.isComplete)
        #expect(client.requests.compactMap { $0.head.path?.split(separator: "=").last } == ["8", "4", "2", "2", "1"])
        await #expect(throws: SCIMFailure.tooLarge) {
            _ = try await SCIMConnection(base: base, client: ScriptedClient([.fail(.tooLarge(limit: 1))])).list(
                "/Users", paging: .index, pageSize: 8
            ) { _ in }
        }
    }

    @Test(
        "an answer that is no list is malformed, not empty",
        arguments: ["[]", "{}", "{\"Resources\":{}}", "<html>", "{\"totalResults\":1"])
    func malformed(body: String) async throws {
        await #expect(throws: SCIMFailure.self) { try await walk([body]) }
    }

    @Test(
        "R34: pages of nobody, and totals that grow with each page, are no list without an end",
        arguments: [#"{"Resources":[null]}"#, #"{"Resources":[{}]}"#, #"{"totalResults":0,"Resources":[null]}"#])
    func nobody(body: String) async throws {
        let base = try #require(URLParts("https://scim.example/v2"))
        let client = ScriptedClient([
            .status(200, [:], #"{"Resources":[{"id":"a"},{"id":"b"}]}"#), .status(200, [:], body),
        ])
        let evidence = try await SCIMConnection(base: base, client: client).list("/Users", paging: .index, pageSize: 2)
        { _ in }
        #expect(client.requests.count <= 3 && !evidence.isComplete, "\(client.requests.count) \(evidence)")
    }

    @Test("R34: a total that grows with each page ends the walk")
    func growingTotal() async throws {
        let base = try #require(URLParts("https://scim.example/v2"))
        let steps = (0..<400).map { number in
            ScriptedClient.Step.status(
                200, [:],
                page((0..<100).map { "\(number)-\($0)" }, total: (number + 2) * 100))
        }
        let client = ScriptedClient(steps)
        let evidence = try await SCIMConnection(base: base, client: client).list(
            "/Users", paging: .index, pageSize: 100
        ) { _ in }
        #expect(client.requests.count < 30 && !evidence.isComplete, "\(client.requests.count)")
    }
}
