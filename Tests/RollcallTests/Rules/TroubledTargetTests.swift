import Directory
import Emulation
import Foundation
import HTTP
import HTTPTypes
import JSON
import Jobs
import Ledger
import Logging
import Rehearsal
import SCIM
import Simulation
import Synchronization
import Testing

@testable import Reconciliation

/// Targets that fail, throttle, or are left in the middle.
@Suite struct TroubledTargetTests {
    @Test("after four times five failures in a row, though the target answers reads, the rest is not sent; exit 3")
    func breaker() async throws {
        let fails = Switch()
        let world = try World(job: World.job("pace: { requestsPerSecond: 100, concurrency: 1 }")) { request, _ in
            fails.isOn && request.head.method == .post ? .answered(EmulatedResponse(status: 503)) : nil
        }
        world.directory.people = (0..<30).map { .named("person\($0)") }
        fails.isOn = true
        let night = try await world.run()
        #expect(night.report.exit == .recordsFailed)
        #expect(night.planned.count == 10)
        #expect(
            night.report.details.contains { $0.contains("20 requests in a row failed") }
                && night.report.details.contains { $0.hasPrefix("10 operations not sent") }, "\(night.report.details)")
        fails.isOn = false
        #expect(try await world.run().report.exit == .inStep)
        #expect(world.documents(.user).count == 30)
        #expect(try await world.plan().report.headline.hasPrefix("No changes."))
    }

    @Test(
        """
        records that the target cannot make stand in nobody's way: the others of the wave are sent, and go first \
        the next night
        """
    )
    func badRecords() async throws {
        let fails = Switch()
        let world = try World(job: World.job("pace: { requestsPerSecond: 100, concurrency: 1 }")) { request, _ in
            fails.isOn && request.head.method == .post && String(decoding: request.body, as: UTF8.self).contains("bad")
                ? .answered(EmulatedResponse(status: 500)) : nil
        }
        fails.isOn = true
        world.directory.people = (0..<7).map { .named("bad\($0)") } + (0..<9).map { .named("good\($0)") }
        #expect(try await world.run().report.exit == .recordsFailed)
        #expect(world.documents(.user).count == 9)
        // So many that the wave is given up before the good ones: they go first the next time.
        world.directory.people += (10..<40).map { .named("bad\($0)") } + (10..<19).map { .named("good\($0)") }
        try await world.run()
        try await world.run()
        #expect(world.documents(.user).count == 18)
    }

    @Test(
        "a credential that may not write, and not read either, is told as such: 77, and not a thousand refused records")
    func forbidden() async throws {
        let fails = Switch()
        let world = try Platform.all.first { $0.name == "cloudsso" }.map { platform in
            try platform.world { _, _ in fails.isOn ? .answered(EmulatedResponse(status: 403)) : nil }
        }
        let target = try #require(world)
        target.directory.people = (0..<30).map { .named("person\($0)") }
        fails.isOn = true
        let night = try await target.run()
        #expect(night.report.exit == .credentials, "\(night.report.details)")
        #expect(night.report.details.contains { $0.contains("synchronization") }, "\(night.report.details)")
        #expect(night.planned.count >= 20)
        fails.isOn = false
        #expect(try await target.run().report.exit == .inStep)
    }

    @Test(
        """
        where the ledger stands for the target, an address whose change got no answer is replaced, and never \
        stands beside the new one
        """,
        arguments: ["cloudsso", "volcengine-identity-center"])
    func oneAddress(name: String) async throws {
        let fails = Switch()
        let platform = try #require(Platform.all.first { $0.name == name })
        let world = try platform.world { request, _ in fails.isOn && request.head.method == .patch ? .answerLost : nil }
        world.directory.people = [.named("ada")]
        try await world.run()
        world.directory.people[0].email = "new@corp.example"
        fails.isOn = true
        try await world.run()
        fails.isOn = false
        world.directory.people[0].email = "newer@corp.example"
        #expect(try await world.run().report.exit == .inStep)
        #expect(
            world.user("ada")?["emails"]?.array?.compactMap { $0["value"]?.string } == ["newer@corp.example"],
            "\(world.user("ada")?["emails"]?.canonical ?? "")")
    }

    /// How a server never comes to an end.
    enum Endless: String, CaseIterable {
        /// 503 to everything, with the wish to be asked again.
        case unavailable
        /// Each list has one more page, each of new resources, and nothing is taken.
        case pages
        /// Each answer takes as long as a request may, and never comes.
        case silent
    }

    @Test(
        """
        3.5: a server that never ends, beside a good job: the good job's work is done, and the whole ends with 69 \
        within the patience
        """,
        arguments: Endless.allCases)
    func endless(_ kind: Endless) async throws {
        var landscape = Landscape(target: SCIMService())
        for path in ["/bad", "/good"] { landscape.platforms[path] = SCIMService(prefix: path) }
        let clock = VirtualTime(seed: 1)
        let client = InProcessClient(landscape, time: clock.time) { request, number in
            let path = request.head.path ?? ""
            guard path.hasPrefix("/bad") else { return nil }
            switch kind {
            case .unavailable: return .answered(EmulatedResponse(status: 503, headers: [("Retry-After", "20")]))
            case .silent:
                var never = EmulatedResponse(status: 200)
                never.delay = 1e9
                return .answered(never)
            case .pages:
                if path.hasSuffix("/ServiceProviderConfig") { return nil }
                guard request.head.method == .get, path.contains("startIndex") else {
                    return .answered(EmulatedResponse(status: 503))
                }
                let resources = (0..<100).map {
                    JSONValue.object([
                        "id": .string("\(number)-\($0)"), "userName": .string("user\(number)-\($0)"),
                        "displayName": .string("group\(number)-\($0)"),
                    ])
                }
                return .answered(
                    EmulatedResponse(
                        status: 200, body: JSONValue.object(["Resources": .array(resources)]).canonicalBytes))
            }
        }
        var directory = TestDirectory()
        directory.people = (0..<20).map { .named("person\($0)") }
        let document = directory.document()
        let jobs = try ["bad", "good"].map { name in
            try Job.read(
                text: World.job("pace: { patience: 600 }").replacingOccurrences(of: "job: world", with: "job: \(name)")
                    .replacingOccurrences(of: "/scim/v2", with: "/\(name)"), path: "\(name).yaml",
                vocabulary: .current)
        }
        let surroundings = Surroundings(
            time: clock.time, environment: ["TOKEN": "correct horse"],
            log: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, transport: client,
            sourceOverride: FileSource(name: "directory.json") { document })
        let start = clock.now
        let reports = try await Invocation(.run, surroundings: surroundings).execute(jobs.map { ($0, try Ledger()) })
        // A list without an end is left, and told; then each record is tried.
        #expect(
            reports.map(\.exit) == [kind == .pages ? .recordsFailed : .unreachable, .inStep], "\(reports[0].details)")
        #expect(client.landscape.platforms["/good"]?.documents(.user).count == 20)
        // The patience, and the one request under way when it ends.
        #expect(clock.now - start < 700, "\(clock.now - start)")
    }

    @Test("a target that is stopped stops no other job of the invocation")
    func others() async throws {
        var landscape = Landscape(target: SCIMService())
        for path in ["/bad", "/good"] { landscape.platforms[path] = SCIMService(prefix: path) }
        let clock = VirtualTime(seed: 1)
        let client = InProcessClient(landscape, time: clock.time) { request, _ in
            request.head.method == .post && (request.head.path ?? "").hasPrefix("/bad")
                ? .answered(EmulatedResponse(status: 503)) : nil
        }
        var directory = TestDirectory()
        directory.people = (0..<20).map { .named("person\($0)") }
        let document = directory.document()
        let jobs = try ["bad", "good"].map { name in
            try Job.read(
                text: World.job("pace: { requestsPerSecond: 100, concurrency: 1 }").replacingOccurrences(
                    of: "job: world", with: "job: \(name)"
                ).replacingOccurrences(of: "/scim/v2", with: "/\(name)"),
                path: "\(name).yaml", vocabulary: .current)
        }
        let surroundings = Surroundings(
            time: clock.time, environment: ["TOKEN": "correct horse"],
            log: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, transport: client,
            retry: RetryPolicy(attempts: 2, base: 0.1),
            sourceOverride: FileSource(name: "directory.json") { document })
        let reports = try await Invocation(.run, surroundings: surroundings).execute(jobs.map { ($0, try Ledger()) })
        #expect(reports.map(\.exit) == [.recordsFailed, .inStep])
        #expect(client.landscape.platforms["/bad"]?.documents(.user).isEmpty == true)
        #expect(client.landscape.platforms["/good"]?.documents(.user).count == 20)
    }

    @Test(
        "records that cannot be made keep nobody from being disabled, and a target that answers nothing is left alone")
    func goesOn() async throws {
        let fails = Switch(), isDead = Switch()
        let world = try World(
            job: World.job(
                "pace: { requestsPerSecond: 100, concurrency: 1 }\nlimits: { users.disable: none, source.shrink: none }"
            )
        ) { request, _ in
            isDead.isOn && request.head.method == .patch
                ? .notSent
                : isDead.isOn && request.head.method == .get && (request.head.path ?? "").hasSuffix("/Users?count=1")
                    ? .notSent
                    : fails.isOn && request.head.method == .post ? .answered(EmulatedResponse(status: 500)) : nil
        }
        world.directory.people = (0..<10).map { .named("person\($0)") }
        try await world.run()
        world.directory.people.removeFirst()
        world.directory.people += (10..<35).map { .named("person\($0)") }
        fails.isOn = true
        let night = try await world.run()
        #expect(night.report.exit == .recordsFailed)
        #expect(world.user("person0")?["active"] == false)
        #expect(night.planned.count == 5)
        // The same night with --known-conflicts-ok is no good night.
        world.permissions.knownConflictsAreFine = true
        #expect(try await world.run().report.exit == .recordsFailed)
        fails.isOn = false
        for index in world.directory.people.indices { world.directory.people[index].displayName = "Another Name" }
        isDead.isOn = true
        let dead = try await world.run()
        #expect(dead.planned.count == 4)
        isDead.isOn = false
        #expect(try await world.run().report.exit == .inStep)
    }

    @Test("failures that concern records never open the breaker")
    func records() async throws {
        let world = try World(job: World.job("pace: { requestsPerSecond: 100, concurrency: 1 }")) { request, _ in
            request.head.method == .post ? .answered(EmulatedResponse(status: 400)) : nil
        }
        world.directory.people = (0..<12).map { .named("person\($0)") }
        let night = try await world.run()
        #expect(night.planned.isEmpty && night.operations.allSatisfy { $0.status == .failed })
    }

    @Test(
        "a stop is orderly: what is under way is finished and settled, the rest is the next run's; exit 143 and 130",
        arguments: [15, 2] as [Int32])
    func stop(signal: Int32) async throws {
        let posts = Counter()
        let stop = StopRequest()
        let world = try World(job: World.job("pace: { requestsPerSecond: 100, concurrency: 3 }")) { request, _ in
            if request.head.method == .post, posts.next() == 4 { stop.request(signal: signal) }
            return nil
        }
        world.stop = stop
        world.directory.people = (0..<20).map { .named("person\($0)") }
        let night = try await world.run()
        #expect(night.report.exit == (signal == 15 ? .terminated : .interrupted))
        let made = world.documents(.user).count
        #expect((4...7).contains(made))
        #expect(night.operations.filter { $0.status == .done }.count == made)
        #expect(try world.ledger.unsettled().isEmpty)
        #expect(
            night.report.details.contains { $0.contains("\(20 - made) operations not sent") }, "\(night.report.details)"
        )
        world.stop = StopRequest()
        #expect(try await world.run().report.exit == .inStep)
        #expect(world.documents(.user).count == 20)
    }

    @Test("a stop while planning writes nothing")
    func stopWhilePlanning() async throws {
        let stop = StopRequest()
        let world = try World { request, _ in
            if request.head.method == .get, (request.head.path ?? "").contains("/Users") { stop.request(signal: 15) }
            return nil
        }
        world.stop = stop
        world.directory.people = [.named("ada")]
        world.directory.teams = [Team(id: "group_1", name: "Ops", members: [])]
        let night = try await world.run()
        #expect(night.report.exit == .terminated)
        #expect(world.documents(.user).isEmpty)
    }

    @Test(
        "the pace halves on 429, once for all that were under way, recovers slowly, and the settled rate is remembered")
    func pace() async throws {
        let executor = SeededExecutor(seed: 1)
        try executor.run {
            let clock = VirtualTime(executor)
            let isThrottling = Switch()
            isThrottling.isOn = true
            // A server that lets four requests a second pass.
            let server = Limited(time: clock.time, limit: 4)
            let paced = Paced(server, pace: Pace(requestsPerSecond: 16, concurrency: 4), time: clock.time)
            let client = Retrying(
                paced, policy: RetryPolicy(attempts: 20, base: 0.1), time: clock.time, log: .init(label: "test"))
            for _ in 0..<200 {
                _ = try? await client.send(
                    OutgoingRequest(head: HTTPRequest(method: .get, scheme: "http", authority: "x", path: "/")))
            }
            let rate = try #require(await paced.settledRate)
            #expect(rate < 10 && rate >= 1)
            // The next run begins at the settled rate.
            let before = clock.now
            let next = Paced(Quiet(), pace: Pace(requestsPerSecond: 16, concurrency: 4), settled: 2, time: clock.time)
            for _ in 0..<11 {
                _ = try? await next.send(
                    OutgoingRequest(head: HTTPRequest(method: .get, scheme: "http", authority: "x", path: "/")))
            }
            #expect(clock.now - before >= 4.9)
            for _ in 0..<2000 {
                _ = try? await next.send(
                    OutgoingRequest(head: HTTPRequest(method: .get, scheme: "http", authority: "x", path: "/")))
            }
            #expect(await next.settledRate == nil)
        }
    }

    /// Answers 429 to whatever comes faster than its limit.
    private final class Limited: HTTPClient {
        private let time: Time
        private let limit: Double
        private let last: Mutex<Double>
        init(time: Time, limit: Double) {
            self.time = time
            self.limit = limit
            last = Mutex(-1)
        }

        func send(_ request: OutgoingRequest) async throws(TransportError) -> IncomingResponse {
            let now = time.monotonic()
            let isEarly = last.withLock { last in
                if now - last < 1 / limit { return true }
                last = now
                return false
            }
            return IncomingResponse(head: HTTPResponse(status: isEarly ? .tooManyRequests : .ok))
        }
    }

    private struct Quiet: HTTPClient {
        func send(_ request: OutgoingRequest) async throws(TransportError) -> IncomingResponse {
            IncomingResponse(head: HTTPResponse(status: .ok))
        }
    }

    @Test("R29: a plan that is older than a day is not applied, unless that is said")
    func age() async throws {
        let world = try World()
        world.directory.people = [.named("ada")]
        try await world.plan()
        world.clock.advance(by: -60)
        let old = try await world.invoke(.apply(1))
        #expect(old.report.exit == .inStep, "a day less a moment: \(old.report.details)")
        world.directory.people.append(.named("bo"))
        try await world.plan()
        world.clock.advance(by: 3600)
        let stale = try await world.invoke(.apply(nil))
        #expect(stale.report.exit == .stale && stale.report.details.joined().contains("at most 24 h are allowed"))
        try await world.plan()
        world.clock.advance(by: 3600)
        world.permissions.maxAge = 2 * 86400
        #expect(try await world.invoke(.apply(nil)).report.exit == .inStep)
    }
}
