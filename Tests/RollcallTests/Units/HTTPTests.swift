import Foundation
import HTTP
import HTTPTypes
import JSON
import Logging
import Simulation
import Synchronization
import Testing
import SCIM
import SCIMTransport

/// Answers from a script, and remembers what it was asked.
final class ScriptedClient: HTTPClient {
    enum Step: Sendable {
        case status(Int, [String: String] = [:], String = "")
        case fail(TransportError)
    }

    private let state: Mutex<(steps: [Step], requests: [OutgoingRequest])>
    private let time: Time?

    init(_ steps: [Step], time: Time? = nil) {
        state = Mutex((steps, []))
        self.time = time
    }

    var requests: [OutgoingRequest] { state.withLock { $0.requests } }

    func send(_ request: OutgoingRequest) async throws(TransportError) -> IncomingResponse {
        let step = state.withLock { state in
            state.requests.append(request)
            return state.steps.count > 1 ? state.steps.removeFirst() : state.steps[0]
        }
        switch step {
        case .fail(let error): throw error
        case .status(let code, let headers, let body):
            var fields = HTTPFields()
            for (name, value) in headers { if let name = HTTPField.Name(name) { fields[name] = value } }
            return IncomingResponse(
                head: HTTPResponse(status: .init(code: code), headerFields: fields), body: Array(body.utf8))
        }
    }
}

@Suite struct HTTPTests {
    private let log = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    private func request(_ method: HTTPRequest.Method) -> OutgoingRequest {
        OutgoingRequest(
            head: HTTPRequest(method: method, scheme: "https", authority: "scim.example", path: "/Users"),
            body: method == .get ? [] : [1])
    }

    @Test("a read is tried again on 429, 500, 502 to 504 and a lost connection, and no more often than allowed")
    func retriesReads() async throws {
        for step in [
            ScriptedClient.Step.status(429), .status(500), .status(502), .status(503), .status(504),
            .fail(.outcomeUnknown("x")), .fail(.timedOut("x")), .fail(.notSent("x")),
        ] {
            let client = ScriptedClient([step, step, .status(200)])
            let response = try await Retrying(
                client, policy: RetryPolicy(attempts: 3), time: VirtualTime().time, log: log
            ).send(request(.get))
            #expect(response.status == 200)
            #expect(client.requests.count == 3)
        }
        let stubborn = ScriptedClient([.status(503)])
        #expect(
            try await Retrying(stubborn, policy: RetryPolicy(attempts: 4), time: VirtualTime().time, log: log).send(
                request(.get)
            ).status == 503)
        #expect(stubborn.requests.count == 4)
        // “Later”, without a word of when, is waited for while the patience lasts.
        let clock = VirtualTime()
        let throttled = ScriptedClient([ScriptedClient.Step](repeating: .status(429), count: 12) + [.status(200)])
        #expect(try await Retrying(throttled, time: clock.time, log: log).send(request(.get)).status == 200)
        let endless = ScriptedClient([.status(429)])
        let start = clock.now
        #expect(try await Retrying(endless, time: clock.time, log: log).send(request(.get)).status == 429)
        #expect((500...660).contains(clock.now - start), "\(clock.now - start)")
        for status in [400, 403, 404, 409, 501] {
            let client = ScriptedClient([.status(status)])
            _ = try await Retrying(client, time: VirtualTime().time, log: log).send(request(.get))
            #expect(client.requests.count == 1)
        }
    }

    @Test("a POST is sent again only when it certainly was not processed")
    func retriesPOST() async throws {
        for (step, isRepeated) in [
            (ScriptedClient.Step.status(429), true), (.fail(.notSent("x")), true), (.status(502), false),
            (.status(503), false), (.status(504), false),
            (.fail(.outcomeUnknown("x")), false), (.fail(.timedOut("x")), false),
        ] {
            let client = ScriptedClient([step, .status(201)])
            _ = try? await Retrying(client, time: VirtualTime().time, log: log).send(request(.post))
            #expect(client.requests.count == (isRepeated ? 2 : 1), "\(step)")
        }
    }

    @Test(
        "a write whose answer was lost has an unknown outcome, however its later attempts end"
    )
    func doubtIsKept() async throws {
        for (steps, isUnknown) in [
            ([ScriptedClient.Step.fail(.timedOut("x")), .fail(.notSent("refused"))], true),
            ([.status(503), .fail(.notSent("refused"))], true), ([.fail(.notSent("refused"))], false),
        ] {
            let client = ScriptedClient(steps)
            do {
                _ = try await Retrying(
                    client, policy: RetryPolicy(attempts: 3), time: VirtualTime().time, log: log
                ).send(request(.patch))
                Issue.record("an answer came from nowhere")
            } catch {
                if case .outcomeUnknown = error {
                    #expect(isUnknown, "\(error)")
                } else {
                    #expect(!isUnknown, "\(error)")
                }
            }
        }
        for status in [401, 403, 429] {
            let connection = SCIMConnection(
                base: try #require(URLParts("https://scim.example/v2")),
                client: Retrying(
                    ScriptedClient([.fail(.outcomeUnknown("x")), .status(status)]),
                    policy: RetryPolicy(attempts: 2), time: VirtualTime().time, log: log))
            do {
                _ = try await connection.send(.patch, "/Groups/1", body: [:])
                Issue.record("an answer came from nowhere")
            } catch {
                guard case .outcomeUnknown = error else {
                    Issue.record("\(status): \(error)")
                    continue
                }
            }
        }
    }

    @Test("Retry-After is obeyed in seconds and as a date, bounded, and junk is ignored")
    func retryAfter() async throws {
        #expect(RetryPolicy.retryAfter("7", now: 0) == 7)
        #expect(RetryPolicy.retryAfter("Sun, 06 Nov 1994 08:49:37 GMT", now: 784_111_770) == 7)
        #expect(RetryPolicy.retryAfter("Sun, 06 Nov 1994 08:49:37 GMT", now: 784_999_999) == 0)
        for junk in ["", "soon", "-3", "1e9", "Sun, 99 Nov 1994 08:49:37 GMT"] {
            #expect(RetryPolicy.retryAfter(junk, now: 0) == nil, "\(junk)")
        }
        for (field, least, most) in [("5", 5.0, 6.0), ("999999", 60.0, 60.0), ("junk", 0.2, 0.6)] {
            let clock = VirtualTime()
            let start = clock.time.monotonic()
            _ = try await Retrying(
                ScriptedClient([.status(429, ["Retry-After": field]), .status(200)]), time: clock.time, log: log
            ).send(request(.get))
            let waited = clock.time.monotonic() - start
            #expect(waited >= least && waited <= most, "\(field): \(waited)")
        }
    }

    /// A token endpoint that takes its time, and counts.
    private final class SlowTokens: HTTPClient {
        let count = Mutex(0)

        func send(_ request: OutgoingRequest) async throws(TransportError) -> IncomingResponse {
            let number = count.withLock { count in
                count += 1
                return count
            }
            for _ in 0..<20 { await Task.yield() }
            return IncomingResponse(
                head: HTTPResponse(status: .ok), body: Array(#"{"access_token":"t\#(number)","expires_in":60}"#.utf8))
        }
    }

    @Test("requests that run side by side wait for one token, and get the same")
    func oneToken() async throws {
        let client = SlowTokens()
        let tokens = try source(client, .form, VirtualTime().time)
        func all() async throws -> Set<String> {
            try await withThrowingTaskGroup(of: String.self) { group in
                for _ in 0..<5 { group.addTask { try await tokens.token().value } }
                return try await group.reduce(into: []) { $0.insert($1) }
            }
        }
        #expect(try await all() == ["t1"])
        _ = await tokens.refused(Secret("t1"))
        // The others come with the old one, which is given up already.
        _ = await tokens.refused(Secret("t1"))
        #expect(try await all() == ["t2"] && client.count.withLock { $0 } == 2)
    }

    private func source(_ client: any HTTPClient, _ placement: ClientCredentials.Placement, _ time: Time) throws
        -> ClientCredentials
    {
        let url = try #require(URLParts("https://login.example/token"))
        return ClientCredentials(
            .init(tokenURL: url, clientID: "id", clientSecret: Secret("s3cret&="), scope: "scim", placement: placement),
            client: client, time: time
        ) { body in
            try? JSONParser().parse(body) { root in
                root["access_token"]?.string.map {
                    .token($0, expiresIn: root["expires_in"]?.scalarText.flatMap { Double($0) })
                }
            }
        }
    }

    @Test("client credentials go into the form, the query or Basic, as told")
    func placements() async throws {
        for placement in ClientCredentials.Placement.allCases {
            let client = ScriptedClient([.status(200, [:], "{\"access_token\":\"t\",\"expires_in\":\"3600\"}")])
            #expect(try await source(client, placement, VirtualTime().time).token() == Secret("t"))
            let sent = try #require(client.requests.first)
            let body = String(decoding: sent.body, as: UTF8.self)
            let basic = sent.head.headerFields[.authorization]
            #expect(body.contains("client_secret=s3cret%26%3D") == (placement == .form))
            #expect((sent.head.path ?? "").contains("client_secret=s3cret%26%3D") == (placement == .query))
            #expect((basic == "Basic aWQ6czNjcmV0JTI2JTNE") == (placement == .basic))
            #expect(sent.isConfidential && !sent.displayURL.contains("s3cret"))
        }
    }

    @Test(
        "a token is renewed before it expires, once after a 401, and a number or a string tells its life",
        arguments: ["100", "\"100\""])
    func renewal(life: String) async throws {
        let clock = VirtualTime()
        let login = ScriptedClient([
            .status(200, [:], "{\"access_token\":\"one\",\"expires_in\":\(life)}"),
            .status(200, [:], "{\"access_token\":\"two\",\"expires_in\":\(life)}"),
            .status(200, [:], "{\"access_token\":\"three\",\"expires_in\":\(life)}"),
        ])
        let tokens = try source(login, .form, clock.time)
        let api = ScriptedClient([.status(200), .status(200), .status(401), .status(200), .status(401)])
        let client = Authorized(api, tokens: tokens)
        _ = try await client.send(request(.get))
        clock.advance(by: 80)
        _ = try await client.send(request(.get))
        #expect(login.requests.count == 1)
        // 401 in the middle: a new token, the request once more.
        #expect(try await client.send(request(.post)).status == 200)
        #expect(login.requests.count == 2)
        // 401 again and again: one renewal only, then the answer stands.
        #expect(try await client.send(request(.get)).status == 401)
        #expect(login.requests.count == 3)
        #expect(
            api.requests.map { $0.head.headerFields[.authorization] } == [
                "Bearer one", "Bearer one", "Bearer one", "Bearer two", "Bearer two", "Bearer three",
            ])
        clock.advance(by: 95)
        _ = try await tokens.token()
        #expect(login.requests.count == 4)
    }

    @Test("the pace spaces requests and bounds how many are in flight")
    func pace() async throws {
        let clock = VirtualTime()
        let start = clock.time.monotonic()
        let paced = Paced(
            ScriptedClient([.status(200)]), pace: Pace(requestsPerSecond: 10, concurrency: 2), time: clock.time)
        for _ in 0..<21 { _ = try await paced.send(request(.get)) }
        #expect(abs(clock.time.monotonic() - start - 2) < 0.001)

        let gauge = Gauge()
        let crowded = Paced(gauge, pace: Pace(requestsPerSecond: 100_000, concurrency: 3), time: .system)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<40 {
                group.addTask {
                    _ = try await crowded.send(
                        OutgoingRequest(head: HTTPRequest(method: .get, scheme: "https", authority: "x", path: "/")))
                }
            }
            try await group.waitForAll()
        }
        #expect(gauge.most <= 3 && gauge.most >= 2)
    }

    @Test("a secret prints as stars, however it is printed")
    func secrets() {
        let secret = Secret("hunter2")
        var dumped = ""
        dump(secret, to: &dumped)
        #expect(!"\(secret) \(String(reflecting: secret)) \([secret]) \(dumped)".contains("hunter2"))
    }

    @Test("only absolute http URLs of a host are taken, and loopback is told by its address")
    func urls() {
        for bad in [
            "", "scim.example", "ftp://x", "https://", "https://user@host/", "https://h/?q", "https://h/#f",
            "https://h/a b", "https://:80/",
        ] { #expect(URLParts(bad) == nil, "\(bad)") }
        #expect(URLParts("https://H.example:8443/scim/v2//")?.description == "https://h.example:8443/scim/v2")
        for host in ["http://127.0.0.1:1", "http://localhost", "http://[::1]:8"] {
            #expect(URLParts(host)?.isLoopback == true)
        }
        for host in ["http://127.0.0.1.example", "http://10.0.0.1", "http://127.1", "http://localhost.example"] {
            #expect(URLParts(host)?.isLoopback == false)
        }
    }

    @Test("timestamps are right at the turn of months and leap years")
    func timestamps() {
        #expect(Timestamp.text(0) == "1970-01-01T00:00:00Z")
        #expect(Timestamp.text(951_782_399) == "2000-02-28T23:59:59Z")
        #expect(Timestamp.text(951_782_400) == "2000-02-29T00:00:00Z")
        #expect(Timestamp.text(1_795_503_012.9) == "2026-11-24T06:50:12Z")
        #expect(
            Timestamp.text(-.infinity) == "1970-01-01T00:00:00Z" && Timestamp.text(-1e300) == "1601-01-01T00:00:00Z"
                && Timestamp.text(1e300) == "9999-12-31T23:59:59Z")
        for number in stride(from: 0.0, to: 4e11, by: 12_345_678.0) where number < 253_402_300_799 {
            #expect(Timestamp.seconds(Timestamp.text(number)) == number)
        }
        #expect(
            Timestamp.seconds("2026-11-24T06:50:12.987Z") == 1_795_503_012
                && Timestamp.seconds("2016-12-31T23:59:60Z") == 1_483_228_799)
        for junk in [
            "", "2026-02-30T00:00:00Z", "2026-11-24", "2026-11-24T06:50:12", "2026-01-01T9223372036854775807:00:00Z",
            "1969-12-31T23:59:59Z", "2026-13-01T00:00:00Z", "2026-01-01T25:00:00Z", "2026-01-01T24:00:01Z",
            "2026-01-01T00:60:00Z",
            "2026-01-01T00:00:61Z", "2026-00-01T00:00:00Z", "2026-01-00T00:00:00Z",
        ] {
            #expect(Timestamp.seconds(junk) == nil, "\(junk)")
        }
    }

    @Test("16 E: moments in a text are shown as they are in a timezone, with the offset of that day")
    func localTimes() throws {
        let shanghai = try #require(TimeZone(identifier: "Asia/Shanghai"))
        let berlin = try #require(TimeZone(identifier: "Europe/Berlin"))
        #expect(
            Timestamp.local("run 3 of 2026-11-24T06:50:12Z, until 2026-12-31T23:59:59Z", shanghai)
                == "run 3 of 2026-11-24T14:50:12+08:00, until 2027-01-01T07:59:59+08:00")
        #expect(Timestamp.local("2026-07-01T00:00:00Z", berlin) == "2026-07-01T02:00:00+02:00")
        for text in ["", "Zoe", "2026-13-01T00:00:00Z", "on 2026-12-24"] {
            #expect(Timestamp.local(text, shanghai) == text, "\(text)")
        }
    }

    @Test("dates of HTTP are read in all three forms of RFC 9110")
    func dates() {
        for text in ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"] {
            #expect(HTTPDate.seconds(text) == 784_111_777, "\(text)")
        }
        for junk in ["", "20261124", "7", "Sun", "Sun, 32 Nov 1994 08:49:37 GMT"] {
            #expect(HTTPDate.seconds(junk) == nil, "\(junk)")
        }
    }
}

/// Counts how many requests are in flight at once.
final class Gauge: HTTPClient {
    private let state = Mutex((now: 0, most: 0))
    var most: Int { state.withLock { $0.most } }

    func send(_ request: OutgoingRequest) async throws(TransportError) -> IncomingResponse {
        state.withLock { state in
            state.now += 1
            state.most = max(state.most, state.now)
        }
        try? await Task.sleep(for: .milliseconds(2))
        state.withLock { $0.now -= 1 }
        return IncomingResponse(head: HTTPResponse(status: .ok))
    }
}
