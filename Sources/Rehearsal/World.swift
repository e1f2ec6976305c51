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

import Reconciliation
import Planning

/// A user of a test directory.
package struct Person: Hashable {
    package var id: String
    package var username: String?
    package var displayName: String?
    package var email: String?
    package var phone: String?
    /// enabled, disabled, something else, or nothing.
    package var status: String?

    package init(id: String, username: String?, displayName: String?, email: String?, phone: String?, status: String?) {
        self.id = id
        self.username = username
        self.displayName = displayName
        self.email = email
        self.phone = phone
        self.status = status
    }

    /// As a SCIM server has it: of the status, it only knows active and not.
    package var resource: JSONValue {
        var document: JSONValue = ["schemas": [.string(ResourceKind.user.schema)]]
        if let username { document["userName"] = .string(username) }
        if let displayName { document["displayName"] = .string(displayName) }
        if let email { document["emails"] = [["value": .string(email), "type": "work"]] }
        if let status, status != "locked" { document["active"] = .bool(status == "enabled") }
        return document
    }

    package var json: JSONValue {
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

package struct Team: Hashable {
    package var id: String
    package var name: String
    package var members: Set<String>

    package init(id: String, name: String, members: Set<String>) {
        self.id = id
        self.name = name
        self.members = members
    }

    /// As a SCIM server has it.
    package var resource: JSONValue {
        var document: JSONValue = ["schemas": [.string(ResourceKind.group.schema)], "displayName": .string(name)]
        if !members.isEmpty {
            document["members"] = .array(members.sorted().map { ["value": .string($0), "type": "User"] })
        }
        return document
    }

    package var json: JSONValue {
        ["groupId": .string(id), "groupName": .string(name), "members": .array(members.sorted().map { .string($0) })]
    }
}

/// The directory side of a test: what the source file says.
package struct TestDirectory: Hashable {
    package var people: [Person] = []
    package var teams: [Team] = []

    package init() {}

    package func document(shuffledBy generator: SeededGenerator? = nil) -> [UInt8] {
        var people = people
        var teams = teams
        if var generator {
            people.shuffle(using: &generator)
            teams.shuffle(using: &generator)
        }
        let document: JSONValue = ["users": .array(people.map(\.json)), "groups": .array(teams.map(\.json))]
        return document.canonicalBytes
    }

    package func person(_ id: String) -> Person? { people.first { $0.id == id } }
}

/// One job between a directory and an emulated server, with a ledger in memory and a virtual clock.
package final class World {
    package var directory = TestDirectory()
    /// A directory document in the place of `directory`, as it stands.
    package var given: String?
    package let client: InProcessClient
    package let clock: VirtualTime
    package let ledger: Ledger
    package var jobText: String
    package var permissions = Permissions()
    package var shuffle: SeededGenerator?
    /// Makes a source of another kind from the directory; nil for a file.
    package var otherSource: ((TestDirectory) -> any DirectorySource)?
    /// The server that shows the directory over SCIM; nil for a file.
    package var sourceOptions: ServiceOptions?
    package var environment: [String: String] = [:]
    package var stop = StopRequest()
    package var retry = RetryPolicy(attempts: 3, base: 0.1)
    /// Bytes that are free where the ledger is; nil for enough.
    package var freeBytes: Int?

    package init(
        job: String = World.job(), options: ServiceOptions = ServiceOptions(), idaas: IDaaSService? = nil,
        seed: UInt64 = 1, ledger: Ledger? = nil, clock: VirtualTime? = nil,
        fault: @escaping @Sendable (OutgoingRequest, Int) -> InProcessClient.Fault? = { _, _ in nil }
    ) throws {
        self.clock = clock ?? VirtualTime(seed: seed)
        client = InProcessClient(
            Landscape(target: SCIMService(options: options), directory: idaas), time: self.clock.time, fault: fault)
        self.ledger = try ledger ?? Ledger()
        jobText = job
    }

    /// A world that goes on from a moment of another one.
    ///
    /// - Parameter gap: seconds that pass before it does.
    package init(
        _ other: World, at moment: Moment, gap: Double = 0,
        fault: @escaping @Sendable (OutgoingRequest, Int) -> InProcessClient.Fault? = { _, _ in nil }
    ) throws {
        clock = other.clock.another(showing: moment.now + gap)
        client = InProcessClient(moment.landscape, time: clock.time, fault: fault)
        ledger = try moment.ledger.copy()
        directory = other.directory
        jobText = other.jobText
        sourceOptions = other.sourceOptions
        permissions = other.permissions
        environment = other.environment
    }

    /// All that a killed run leaves behind: the ledger and the other side.
    package struct Moment {
        package let ledger: Ledger
        package let landscape: Landscape
        package let now: Double

        package init(ledger: Ledger, landscape: Landscape, now: Double) {
            self.ledger = ledger
            self.landscape = landscape
            self.now = now
        }
    }

    /// Reads the directory over SCIM from a server with these options.
    package func serveDirectory(_ options: ServiceOptions = ServiceOptions()) {
        sourceOptions = options
        jobText = Self.overSCIM(jobText)
    }

    private static func overSCIM(_ job: String) -> String {
        job.replacingOccurrences(
            of: "source: { kind: file, path: directory.json }",
            with:
                """
                source: { kind: scim, baseURL: \"http://127.0.0.1:1/directory\", authorization: { key: \
                \"${TOKEN}\" } }
                """
        )
    }

    /// Brings the directory's server in step with `directory`; its memory of habits stays.
    private func refreshDirectory(_ options: ServiceOptions) {
        let (people, teams, now) = (directory.people, directory.teams, clock.now)
        client.changeLandscape { landscape in
            var service = landscape.platforms["/directory"] ?? SCIMService(prefix: "/directory", options: options)
            service.options = options
            for (kind, ids) in [(ResourceKind.user, Set(people.map(\.id))), (.group, Set(teams.map(\.id)))] {
                for id in service.store[kind]?.order ?? [] where !ids.contains(id) { service.remove(kind, id) }
            }
            func put(_ kind: ResourceKind, _ id: String, _ document: JSONValue) {
                guard service.store[kind]?[id]?.document != document else { return }
                service.remove(kind, id)
                service.put(kind, id, document, created: now)
            }
            for person in people { put(.user, person.id, person.resource) }
            for team in teams { put(.group, team.id, team.resource) }
            landscape.platforms["/directory"] = service
        }
    }

    /// The directory's server as it stands.
    package var source: SCIMService? { client.landscape.platforms["/directory"] }

    package func moment() throws -> Moment {
        Moment(ledger: try ledger.copy(), landscape: client.landscape, now: clock.now)
    }

    /// - Parameter existing: what becomes of namesakes unless `extra` says it: most worlds are about what follows an
    ///   association. nil for the default.
    package static func job(
        _ extra: String =
            """
        limits: { users.delete: none, users.disable: none, users.clear: none, groups.delete: none, \
        memberships.remove: none, source.shrink: none }
        """,
        existing: String? = "associate"
    ) -> String {
        """
        job: world
        source: { kind: file, path: directory.json }
        target:
          platform: generic
          baseURL: http://127.0.0.1:1/scim/v2
          authorization: { key: "${TOKEN}" }
        \(extra)\(existing.flatMap { extra.contains("existing:") ? nil : "\nexisting: \($0)" } ?? "")
        """
    }

    /// What one invocation brought about.
    package struct Result {
        package var report: JobReport
        package var operations: [PlannedOperation]

        package func operation(_ verb: Verb, _ name: String) -> PlannedOperation? {
            operations.first { $0.verb == verb && $0.name == name }
        }
        package func situation(_ name: String) -> Situation? { operations.first { $0.name == name }?.situation }
        package var planned: [PlannedOperation] { operations.filter { $0.status == .planned } }
    }

    package func invoke(_ command: Invocation.Command, document: String? = nil) async throws -> Result {
        let document = (document ?? given).map { Array($0.utf8) } ?? directory.document(shuffledBy: shuffle)
        if let sourceOptions { refreshDirectory(sourceOptions) }
        let source: (any DirectorySource)? =
            otherSource?(directory)
            ?? (jobText.contains("kind: file") ? FileSource(name: "directory.json") { document } : nil)
        var log = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        log.logLevel = .critical
        var surroundings = Surroundings(
            time: clock.time, environment: ["TOKEN": "correct horse"].merging(environment) { _, new in new }, log: log,
            transport: client, retry: retry,
            sourceOverride: source)
        surroundings.stop = stop
        let free = freeBytes
        surroundings.freeBytes = { _ in free }
        let job = try Job.read(text: jobText, path: "world.yaml", vocabulary: .current)
        let invocation = Invocation(command, permissions: permissions, surroundings: surroundings)
        var operations: [PlannedOperation] = []
        let reports = try await invocation.execute([(job, ledger)]) { run in
            guard let plan = run.plan else { return }
            try run.ledger.forEachOperation(plan: plan) { operations.append($0) }
        }
        if ProcessInfo.processInfo.environment["ROLLCALL_TELL"] != nil {
            print(
                """
                ——— \(command), habits \(client.service.options.habits.map(\.rawValue).sorted()): \
                \(reports[0].exit) \(reports[0].headline)
                """
            )
            for operation in operations { print("  \(PlanDigest.line(operation)) — \(operation.reason)") }
            for kind in ResourceKind.allCases {
                for document in documents(kind) { print("  then: \(document.canonical)") }
            }
        }
        clock.advance(by: 86400)
        return Result(report: reports[0], operations: operations)
    }

    @discardableResult package func run() async throws -> Result { try await invoke(.run) }
    @discardableResult package func plan() async throws -> Result { try await invoke(.plan) }
    /// Plans from a directory document as it stands.
    package func plan(document: String) async throws -> Result { try await invoke(.plan, document: document) }

    // MARK: the target side

    package func documents(_ kind: ResourceKind) -> [JSONValue] { client.service.documents(kind) }
    package func user(_ name: String) -> JSONValue? { documents(.user).first { $0["userName"]?.string == name } }
    package func group(_ name: String) -> JSONValue? { documents(.group).first { $0["displayName"]?.string == name } }

    package func members(_ group: String) -> Set<String> {
        let names = Dictionary(documents(.user).map { ($0["id"]?.string ?? "", $0["userName"]?.string ?? "") }) {
            first, _ in first
        }
        // As the server holds them, whether or not it shows them.
        let stored = self.group(group)?["id"]?.string.flatMap {
            client.service.store[.group]?[$0]?.document["members"]?.array
        }
        return Set((stored ?? []).compactMap { $0["value"]?.string.map { names[$0] ?? $0 } })
    }

    @discardableResult
    package func plant(_ kind: ResourceKind, _ document: JSONValue) throws -> String {
        try client.change { try $0.plant(kind, document, now: 1_700_000_000) }
    }
}

extension Person {
    /// An ordinary person.
    package static func named(
        _ username: String, id: String? = nil, displayName: String? = nil, status: String? = "enabled"
    ) -> Person {
        Person(
            id: id ?? "user_\(username)", username: username,
            displayName: displayName ?? "\(username.capitalized) Example", email: "\(username)@corp.example",
            phone: nil, status: status)
    }
}
