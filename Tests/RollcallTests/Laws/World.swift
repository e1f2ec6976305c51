import Directory
import Emulation
import Foundation
import HTTP
import JSON
import Jobs
import Ledger
import Logging
import SCIM
import Simulation

@testable import Reconciliation

/// A user of a test directory.
struct Person: Hashable {
    var id: String
    var username: String?
    var displayName: String?
    var email: String?
    var phone: String?
    /// enabled, disabled, something else, or nothing.
    var status: String?

    var json: JSONValue {
        var value: JSONValue = ["userId": .string(id)]
        if let username { value["username"] = .string(username) }
        if let displayName { value["displayName"] = .string(displayName) }
        if let email { value["email"] = .string(email) }
        if let phone {
            value["phoneNumber"] = .string(phone)
            value["phoneRegion"] = "86"
        }
        if let status { value["status"] = .string(status) }
        return value
    }
}

struct Team: Hashable {
    var id: String
    var name: String
    var members: Set<String>

    var json: JSONValue {
        ["groupId": .string(id), "groupName": .string(name), "members": .array(members.sorted().map { .string($0) })]
    }
}

/// The directory side of a test: what the source file says.
struct TestDirectory: Hashable {
    var people: [Person] = []
    var teams: [Team] = []

    func document(shuffledBy generator: SeededGenerator? = nil) -> [UInt8] {
        var people = people
        var teams = teams
        if var generator {
            people.shuffle(using: &generator)
            teams.shuffle(using: &generator)
        }
        let document: JSONValue = ["users": .array(people.map(\.json)), "groups": .array(teams.map(\.json))]
        return document.canonicalBytes
    }

    func person(_ id: String) -> Person? { people.first { $0.id == id } }
}

/// One job between a directory and an emulated server, with a ledger in memory and a virtual clock.
final class World {
    var directory = TestDirectory()
    let client: InProcessClient
    let clock: VirtualTime
    let ledger: Ledger
    var jobText: String
    var permissions = Permissions()
    var shuffle: SeededGenerator?
    var environment: [String: String] = [:]

    init(
        job: String = World.job(), options: ServiceOptions = ServiceOptions(), idaas: IDaaSService? = nil, seed: UInt64 = 1, ledger: Ledger? = nil,
        fault: @escaping @Sendable (OutgoingRequest, Int) -> InProcessClient.Fault? = { _, _ in nil }
    ) throws {
        clock = VirtualTime(seed: seed)
        client = InProcessClient(Landscape(target: SCIMService(options: options), directory: idaas), time: clock.time, fault: fault)
        self.ledger = try ledger ?? Ledger()
        jobText = job
    }

    static func job(_ extra: String = "limits: { users.delete: none, users.disable: none, users.clear: none, groups.delete: none, memberships.remove: none, source.shrink: none }") -> String {
        """
        job: world
        source: { kind: file, path: directory.json }
        target:
          platform: generic
          baseURL: http://127.0.0.1:1/scim/v2
          authorization: { key: "${TOKEN}" }
        \(extra)
        """
    }

    /// What one invocation brought about.
    struct Result {
        var report: JobReport
        var operations: [PlannedOperation]

        func operation(_ verb: Verb, _ name: String) -> PlannedOperation? { operations.first { $0.verb == verb && $0.name == name } }
        func situation(_ name: String) -> Situation? { operations.first { $0.name == name }?.situation }
        var planned: [PlannedOperation] { operations.filter { $0.status == .planned } }
    }

    func invoke(_ command: Invocation.Command, document given: String? = nil) async throws -> Result {
        let document = given.map { Array($0.utf8) } ?? directory.document(shuffledBy: shuffle)
        let source = jobText.contains("kind: file") ? FileSource(name: "directory.json") { document } : nil
        var log = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        log.logLevel = .critical
        let surroundings = Surroundings(
            time: clock.time, environment: ["TOKEN": "correct horse"].merging(environment) { _, new in new }, log: log, transport: client, retry: RetryPolicy(attempts: 3, base: 0.1),
            sourceOverride: source)
        let job = try Job.read(text: jobText, path: "world.yaml", vocabulary: .current)
        let invocation = Invocation(command, permissions: permissions, surroundings: surroundings)
        var operations: [PlannedOperation] = []
        let reports = try await invocation.execute([(job, ledger)]) { run in
            guard let plan = run.plan else { return }
            try run.ledger.forEachOperation(plan: plan) { operations.append($0) }
        }
        clock.advance(by: 86400)
        return Result(report: reports[0], operations: operations)
    }

    @discardableResult func run() async throws -> Result { try await invoke(.run) }
    @discardableResult func plan() async throws -> Result { try await invoke(.plan) }
    /// Plans from a directory document as it stands.
    func plan(document: String) async throws -> Result { try await invoke(.plan, document: document) }

    // MARK: the target side

    func documents(_ kind: ResourceKind) -> [JSONValue] { client.service.documents(kind) }
    func user(_ name: String) -> JSONValue? { documents(.user).first { $0["userName"]?.string == name } }
    func group(_ name: String) -> JSONValue? { documents(.group).first { $0["displayName"]?.string == name } }

    func members(_ group: String) -> Set<String> {
        let names = Dictionary(documents(.user).map { ($0["id"]?.string ?? "", $0["userName"]?.string ?? "") }) { first, _ in first }
        // As the server holds them, whether or not it shows them.
        let stored = self.group(group)?["id"]?.string.flatMap { client.service.store[.group]?[$0]?.document["members"]?.array }
        return Set((stored ?? []).compactMap { $0["value"]?.string.map { names[$0] ?? $0 } })
    }

    @discardableResult
    func plant(_ kind: ResourceKind, _ document: JSONValue) throws -> String { try client.change { try $0.plant(kind, document, now: 1_700_000_000) } }
}

extension Person {
    /// An ordinary person.
    static func named(_ username: String, id: String? = nil, displayName: String? = nil, status: String? = "enabled") -> Person {
        Person(id: id ?? "user_\(username)", username: username, displayName: displayName ?? "\(username.capitalized) Example", email: "\(username)@corp.example", phone: nil, status: status)
    }
}
