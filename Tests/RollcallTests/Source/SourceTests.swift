import Directory
import Emulation
import Foundation
import HTTP
import JSON
import Jobs
import Ledger
import Logging
import Rehearsal
import SCIM
import Simulation
import Testing

@testable import Reconciliation

/// IDaaS as the source: what is read, what it costs, and what a scope means.
@Suite struct SourceTests {
    // MARK: the same directory

    @Test("both APIs, both ways of paging, and a file give the same snapshot, byte for byte", arguments: [1, 7, 100])
    func equality(page: Int) async throws {
        let directory = IDaaS.company(30)
        let byToken = try await IDaaS.snapshot(.byToken, directory: directory, page: page)
        #expect(byToken.count == 30 + 2 + 14)
        #expect(try await IDaaS.snapshot(.byNumber, directory: directory, page: page) == byToken)
        #expect(try await IDaaS.snapshot(.application, directory: directory, page: page) == byToken)
    }

    @Test("with details, and by unit, the two APIs agree as well")
    func equalityOfDetails() async throws {
        let details = "mapping: { title: { from: customFields.employee_no }, locale: { from: organizationalUnitName } }"
        let directory = IDaaS.company(12)
        let whole = try await IDaaS.snapshot(.byToken, extra: details, directory: directory)
        #expect(
            whole.contains {
                $0.contains("\"customFields.employee_no\":\"1003\"")
                    && $0.contains("\"organizationalUnitName\":\"R&D\"")
            })
        // The language is a field of the management API alone.
        func known(_ lines: [String]) -> [String] {
            lines.map { $0.replacing(#/"preferredLanguage":"[^"]*",?/#, with: "") }
        }
        #expect(known(try await IDaaS.snapshot(.application, extra: details, directory: directory)) == known(whole))
        let scope = "  scope: { organizationalUnits: [ou_dev], groups: [group_b] }"
        let scoped = try await IDaaS.snapshot(.byNumber, source: scope, directory: directory)
        #expect(scoped.contains { $0.hasPrefix("in unit ou_lab: user_") })
        #expect(try await IDaaS.snapshot(.application, source: scope, directory: directory) == scoped)
    }

    @Test("absent, null and empty are one, and a calling code may be a number")
    func variants() async throws {
        var plain = IDaaS.options(page: 100)
        plain.variesRecords = false
        var directory = IDaaS.company(40)
        for id in directory.userOrder.prefix(20) {
            directory.change(user: id) { user in
                for field in ["displayName", "email", "phoneNumber", "phoneRegion"] { user[field] = nil }
            }
        }
        let clock = VirtualTime()
        var pictures: [[String]] = []
        for options in [plain, IDaaS.options(page: 100)] {
            let client = InProcessClient(
                Landscape(target: SCIMService(), directory: IDaaSService(directory: directory, options: options)),
                time: clock.time)
            let job = try Job.read(text: IDaaS.job(), path: "world.yaml", vocabulary: .current)
            let surroundings = Surroundings(
                time: clock.time, environment: IDaaS.environment,
                log: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, transport: client)
            let (snapshot, evidence) = try await SourcePool([job], surroundings: surroundings).source(of: job).read(
                path: nil)
            #expect(evidence.violations.isEmpty)
            var lines: [String] = []
            try snapshot.forEachLine { lines.append($0) }
            pictures.append(lines)
        }
        #expect(pictures[0] == pictures[1])
    }

    // MARK: what it costs

    @Test(
        "a read costs a request for each page of users, of groups, and of each group's members",
        arguments: Reader.allCases)
    func cost(reader: Reader) async throws {
        var directory = IDaaS.company(1234, teamSize: 250)
        for number in 0..<120 {
            directory.put(group: IDaaS.team("group_c\(number)", "Team \(number)", 0..<(number % 7 == 0 ? 0 : number)))
        }
        let world = try IDaaS.world(reader, directory: directory, page: 100)
        #expect(try await world.plan().report.exit == .pending)
        let pages = directory.members.values.reduce(0) { $0 + max(1, ($1.count + 99) / 100) }
        let counters = world.client.directory?.counters ?? [:]
        var expected = (1234 + 99) / 100 + (directory.groupOrder.count + 99) / 100 + pages
        // An application asks for its token and its scope.
        if reader == .application { expected += 2 }
        #expect(counters.values.reduce(0, +) == expected, "\(counters)")
    }

    @Test("fields that lists do not carry cost a request for each user, and only then")
    func details() async throws {
        let world = try IDaaS.world(.byToken, "mapping: { title: { from: customFields.employee_no } }")
        let result = try await world.run()
        #expect(result.report.exit == .inStep, "\(result.told)")
        #expect(world.user("person00003")?["title"] == "1003")
        #expect(world.client.directory?.counters["GetUser"] == 24)
        #expect(try await world.plan().report.headline.hasPrefix("No changes."))
    }

    @Test("jobs of one invocation that read the same source read it once, at the union of what they want")
    func shared() async throws {
        let clock = VirtualTime()
        let client = InProcessClient(
            Landscape(
                target: SCIMService(),
                directory: IDaaSService(directory: IDaaS.company(), options: IDaaS.options(page: 100))),
            time: clock.time)
        let surroundings = Surroundings(
            time: clock.time, environment: IDaaS.environment,
            log: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, transport: client)
        let texts = [
            IDaaS.job(name: "one"), IDaaS.job(name: "two", source: "  scope: { organizationalUnits: [ou_ops] }"),
            IDaaS.job(name: "three", source: "  scope: { groups: [group_b] }"),
        ]
        let jobs = try texts.map { try Job.read(text: $0, path: "job.yaml", vocabulary: .current) }
        var creates: [String: Int] = [:]
        let reports = try await Invocation(.plan, surroundings: surroundings).execute(
            try jobs.map { ($0, try Ledger()) }
        ) { run in
            guard let plan = run.plan else { return }
            try run.ledger.forEachOperation(plan: plan) {
                if $0.verb == .create { creates["\(run.job.name) \($0.kind)", default: 0] += 1 }
            }
        }
        #expect(reports.allSatisfy { $0.exit == .pending }, "\(reports)")
        #expect(creates == ["one user": 24, "one group": 2, "two user": 8, "three user": 3, "three group": 1])
        let counters = client.directory?.counters ?? [:]
        #expect(
            counters == ["ListUsers": 2, "ListOrganizationalUnits": 1, "ListGroups": 1, "ListUsersForGroup": 2],
            "\(counters)")
    }

    @Test("throttling is waited for, and a bearer token that expires in the middle is renewed")
    func throttledAndExpired() async throws {
        for reader in Reader.allCases {
            let world = try IDaaS.world(reader)
            world.client.changeDirectory { service in
                service.options.throttlesEvery = 4
                service.options.throttleMilliseconds = 2500
                service.options.tokenLife = 3
            }
            let start = world.clock.time.wall()
            let result = try await world.run()
            #expect(result.report.exit == .inStep, "\(result.told)")
            #expect(world.clock.time.wall() - start > 86400 + 6)
        }
        let world = try IDaaS.world(.application)
        world.client.changeDirectory { $0.options.faults = [IDaaSFault(.expiredToken, .users, page: 3)] }
        #expect(try await world.run().report.exit == .inStep)
        #expect(world.client.directory?.counters["dev.GenerateToken"] == 2)
    }

    @Test(
        """
        a hiccup is no lost night: a group that goes while it is read, one 500, one cut look-up, a throttled \
        token request
        """
    )
    func hiccups() async throws {
        for fault in [
            IDaaSFault(.serverError, .users, page: 2), IDaaSFault(.truncated, .lookUps, page: 1),
            IDaaSFault(.serverError, .lookUps, page: 2), IDaaSFault(.throttled, .users, page: 1),
            IDaaSFault(.truncated, .users, page: 1), IDaaSFault(.expiredToken, .users, page: 2),
        ] {
            let world = try IDaaS.world(.byToken, "mapping: { title: { from: customFields.employee_no } }")
            world.client.changeDirectory { $0.options.faults = [fault] }
            let result = try await world.run()
            #expect(result.report.exit == .inStep, "\(fault): \(result.told)")
        }
        let counter = Counter()
        let vanishing = try World(
            job: IDaaS.job(), idaas: IDaaSService(directory: IDaaS.company(), options: IDaaS.options()),
            fault: { request, _ in
                guard request.head.path?.contains("GroupId=group_b") == true, counter.next() == 1 else { return nil }
                return .answered(
                    EmulatedResponse(
                        status: 404, body: Array(#"{"Code":"ResourceNotFound.Group","Message":"gone"}"#.utf8)))
            })
        vanishing.environment = IDaaS.environment
        let vanished = try await vanishing.run()
        #expect(vanished.report.exit == .inStep && counter.next() > 2, "\(vanished.told)")
        let application = try IDaaS.world(.application)
        application.client.changeDirectory { service in
            service.options.throttlesEvery = 2
            // The next request is the token's, and it is the second of two.
            _ = service.handle(EmulatedRequest(method: "GET", path: "/"))
        }
        let result = try await application.run()
        #expect(result.report.exit == .inStep, "\(result.told)")
    }

    @Test("a job's own mistake in its scope, and its wish for a unit alone, are not its neighbours'")
    func isolation() async throws {
        let clock = VirtualTime()
        var options = IDaaS.options(page: 100)
        options.unitListsAreDeep = true
        let client = InProcessClient(
            Landscape(target: SCIMService(), directory: IDaaSService(directory: IDaaS.company(), options: options)),
            time: clock.time)
        let surroundings = Surroundings(
            time: clock.time, environment: IDaaS.environment,
            log: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, transport: client)
        let scopes = ["ou_dev]", "ou_dev], recursive: false", "ou_none]"]
        let jobs = try scopes.enumerated().map {
            try Job.read(
                text: IDaaS.job(name: "job\($0.offset)", source: "  scope: { organizationalUnits: [\($0.element) }"),
                path: "job.yaml", vocabulary: .current)
        }
        var creates: [String: Int] = [:]
        let reports = try await Invocation(.plan, surroundings: surroundings).execute(
            try jobs.map { ($0, try Ledger()) }
        ) { run in
            guard let plan = run.plan else { return }
            try run.ledger.forEachOperation(plan: plan) {
                if $0.verb == .create { creates[run.job.name, default: 0] += 1 }
            }
        }
        #expect(reports.map(\.exit) == [.pending, .pending, .sourceIncomplete], "\(reports)")
        #expect(creates == ["job0": 16, "job1": 8])
    }

    // MARK: refusals

    @Test("each refusal has its own message with the remedy, and exit 77 or 69")
    func refusals() async throws {
        func told(_ reader: Reader, source: String = "", _ harm: (World) -> Void) async throws -> (
            exit: ExitCode, text: String
        ) {
            let world = try IDaaS.world(reader, source: source)
            harm(world)
            let result = try await world.run()
            #expect(!result.told.contains("the-secret") && !result.told.contains("CSsecret"))
            return (result.report.exit, result.told)
        }
        var (exit, text) = try await told(.byToken) { $0.environment["KEY_SECRET"] = "wrong" }
        #expect(exit == .credentials && text.contains("check source.accessKey.secret"), "\(text)")
        (exit, text) = try await told(.byToken) { $0.environment["KEY_ID"] = "LTAIunknown" }
        #expect(exit == .credentials && text.contains("unknown or disabled"), "\(text)")
        (exit, text) = try await told(.byToken) {
            $0.client.changeDirectory { $0.options.deniedActions = ["ListUsersForGroup"] }
        }
        #expect(exit == .credentials && text.contains("eiam:ListUsersForGroup"), "\(text)")
        (exit, text) = try await told(.byToken) { $0.client.changeDirectory { $0.options.clockOffset = 3600 } }
        #expect(exit == .credentials && text.contains("60 min ahead"), "\(text)")
        (exit, text) = try await told(.byToken) { $0.client.changeDirectory { $0.options.instance = "idaas_other" } }
        #expect(exit == .unreachable && text.contains("check source.instance"), "\(text)")
        (exit, text) = try await told(.byToken) {
            $0.client.changeDirectory { $0.options.securityTokens = ["LTAI5tTEST": "needed"] }
        }
        #expect(exit == .credentials && text.contains("STS token"), "\(text)")
        (exit, text) = try await told(.application) { $0.environment["APP_SECRET"] = "wrong" }
        #expect(
            exit == .credentials && text.contains("invalid_client") && text.contains("check source.client"), "\(text)")
        (exit, text) = try await told(.application) {
            $0.client.changeDirectory { $0.options.applications[IDaaS.application]?.isAPIEnabled = false }
        }
        #expect(exit == .credentials && text.contains("open its API in the IDaaS console"), "\(text)")
        (exit, text) = try await told(.application) {
            $0.client.changeDirectory { $0.options.applications[IDaaS.application]?.isEnabled = false }
        }
        #expect(exit == .credentials && text.contains("the application is disabled"), "\(text)")
        (exit, text) = try await told(.application) {
            $0.client.changeDirectory { $0.options.applications[IDaaS.application]?.grantScopes = [] }
        }
        #expect(exit == .credentials && text.contains("urn:alibaba:idaas:scope:user:read_all"), "\(text)")
        (exit, text) = try await told(.application) { $0.client.changeDirectory { $0.options.applications = [:] } }
        #expect(exit == .unreachable && text.contains("check source.application"), "\(text)")
        (exit, text) = try await told(.application, source: "  scope: { organizationalUnits: [ou_ops] }") { world in
            world.client.changeDirectory { $0.options.applications[IDaaS.application]?.units = ["ou_dev"] }
        }
        #expect(exit == .credentials && text.contains("add it to the application's provisioning scope"), "\(text)")
        (exit, text) = try await told(.byToken, source: "  scope: { organizationalUnits: [ou_none] }") { _ in }
        #expect(exit == .sourceIncomplete && text.contains("ou_none"), "\(text)")
    }

    @Test("a service that refuses pages of 100, or cuts them down, is dealt with or named")
    func pageSizes() async throws {
        let world = try IDaaS.world(.byNumber, page: 3)
        #expect(try await world.run().report.exit == .inStep)
        let strict = try IDaaS.world(.byNumber, page: 50)
        strict.client.changeDirectory { $0.options.refusesLargePages = true }
        let result = try await strict.run()
        #expect(
            result.report.exit == .sourceIncomplete && result.told.contains("InvalidParameter.PageSize"),
            "\(result.told)")
    }

    @Test("check shows how the job differs from IDaaS' own push")
    func provisioning() async throws {
        let world = try IDaaS.world(.byToken)
        world.client.changeDirectory { directory in
            directory.options.applications[IDaaS.application]?.pushes = [
                world.clock.time.wall() - 7200, world.clock.time.wall() - 30 * 86400,
            ]
            directory.options.applications[IDaaS.application]?.mapping = [
                "externalId": "user.userId", "displayName": "user.nickname", "userName": "ToLower(user.username)",
                "title": "user.title",
            ]
        }
        let job = try Job.read(
            text: IDaaS.job(source: "  application: \(IDaaS.application)", "operations: { users: [create, update] }"),
            path: "job.yaml", vocabulary: .current)
        let surroundings = Surroundings(
            time: world.clock.time, environment: IDaaS.environment,
            log: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, transport: world.client)
        let run = try JobRun(
            job: job, ledger: try Ledger(), command: "check", label: nil, permissions: Permissions(),
            surroundings: surroundings, pool: SourcePool([job], surroundings: surroundings))
        let lines = await run.check()
        #expect(run.failure == nil)
        let text = lines.joined(separator: "\n")
        #expect(text.contains("IDaaS pushes to https://target.example/scim/v2"))
        #expect(text.contains("delete of users: IDaaS does, the job does not"))
        #expect(text.contains("full push of groups: IDaaS does not have it, the job has it"))
        #expect(!text.contains("create of users"))
        #expect(text.contains("IDaaS pushed 2 h ago (success, 3 users written): there are two writers"), "\(text)")
        #expect(text.contains("differs: displayName: IDaaS sends nickname, the job displayName"), "\(text)")
        #expect(
            text.contains("to compare by hand: userName: IDaaS sends ToLower(user.username)")
                && text.contains("title: IDaaS sends user.title, the job does not send it"), "\(text)")
        #expect(!text.contains("externalId: IDaaS"))
    }
}
