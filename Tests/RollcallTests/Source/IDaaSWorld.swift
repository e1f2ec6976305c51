import Directory
import Emulation
import Foundation
import HTTP
import JSON
import Jobs
import Ledger
import Logging
import Provisioning
import Rehearsal
import SCIM
import Simulation

@testable import Reconciliation
import Planning

/// Which of IDaaS' two APIs a world reads, and how the management API pages its users.
enum Reader: String, CaseIterable, Sendable {
    case byToken, byNumber, application

    var kind: String { self == .application ? "idaas-application" : "idaas" }
}

/// Worlds whose directory is an emulated IDaaS.
enum IDaaS {
    static let application = "app_m3kq7tzr5yx2nvbcd4wphfa6ue"

    /// A company of people in three units and two teams.
    static func company(_ people: Int = 24, teamSize: Int = 11) -> IDaaSDirectory {
        var directory = IDaaSDirectory()
        for (id, name, parent) in [("ou_dev", "R&D", nil), ("ou_lab", "Lab", "ou_dev"), ("ou_ops", "Operations", nil)]
            as [(String, String, String?)]
        {
            var unit: JSONValue = ["organizationalUnitId": .string(id), "organizationalUnitName": .string(name)]
            if let parent { unit["parentId"] = .string(parent) }
            directory.put(unit: unit)
        }
        for number in 0..<people { directory.put(user: person(number)) }
        directory.put(group: team("group_a", "Team A", 0..<min(teamSize, people)))
        directory.put(group: team("group_b", "Team B", max(0, people - 3)..<people))
        return directory
    }

    static func person(_ number: Int, unit: String? = nil) -> JSONValue {
        let id = "user_\(padded(number))"
        return [
            "userId": .string(id), "username": .string("person\(padded(number))"),
            "displayName": .string(number % 4 == 0 ? "欧阳\(number)" : "Person \(number)"),
            "email": .string("Person.\(padded(number))@Corp.example"), "phoneRegion": "86",
            "phoneNumber": .string("1380000\(padded(number))"), "status": "enabled",
            "organizationalUnits": [.string(unit ?? ["ou_dev", "ou_lab", "ou_ops"][number % 3])],
            "customFields": ["employee_no": .string("\(1000 + number)")],
        ]
    }

    static func padded(_ number: Int) -> String {
        String(repeating: "0", count: max(0, 5 - String(number).count)) + String(number)
    }

    static func team(_ id: String, _ name: String, _ members: Range<Int>) -> JSONValue {
        [
            "groupId": .string(id), "groupName": .string(name),
            "members": .array(members.map { .string("user_\(padded($0))") }),
        ]
    }

    static func options(_ reader: Reader = .byToken, page: Int = 5) -> IDaaSOptions {
        var options = IDaaSOptions()
        options.accessKeys = ["LTAI5tTEST": "the-secret"]
        options.applications = [application: IDaaSApplicationSettings(secret: "CSsecret")]
        options.pagesUsersByToken = reader == .byToken
        options.mostPerPage = page
        return options
    }

    static let environment = [
        "KEY_ID": "LTAI5tTEST", "KEY_SECRET": "the-secret", "APP_SECRET": "CSsecret", "TOKEN": "correct horse",
    ]
    static let generous =
        """
        limits: { users.delete: none, users.disable: none, users.clear: none, groups.delete: none, \
        memberships.remove: none, source.shrink: none }
        """

    static func job(
        _ reader: Reader = .byToken, name: String = "world", source: String = "", _ extra: String = generous
    ) -> String {
        let client = "client: { secret: \"${APP_SECRET}\" }"
        let accessKey = "accessKey: { id: \"${KEY_ID}\", secret: \"${KEY_SECRET}\" }"
        return """
            job: \(name)
            source:
              kind: \(reader.kind)
              endpoint: http://127.0.0.1:1
              instance: \(IDaaSOptions().instance)
              \(reader == .application ? "application: \(application)\n  \(client)" : accessKey)
              pace: { requestsPerSecond: 1000, concurrency: 5 }
            \(source)
            target:
              platform: generic
              baseURL: http://127.0.0.1:1/scim/v2
              authorization: { key: "${TOKEN}" }
            \(extra)
            """
    }

    static func world(
        _ reader: Reader = .byToken, _ extra: String = generous, source: String = "",
        directory: IDaaSDirectory = company(), page: Int = 5
    ) throws -> World {
        let world = try World(
            job: job(reader, source: source, extra),
            idaas: IDaaSService(directory: directory, options: options(reader, page: page)))
        world.environment = environment
        return world
    }

    /// One read into a snapshot, without a job.
    static func snapshot(
        _ reader: Reader, source: String = "", extra: String = "", directory: IDaaSDirectory, page: Int = 5
    ) async throws -> [String] {
        let clock = VirtualTime()
        let client = InProcessClient(
            Landscape(
                target: SCIMService(),
                directory: IDaaSService(directory: directory, options: options(reader, page: page))), time: clock.time)
        let job = try Job.read(text: job(reader, source: source, extra), path: "world.yaml", vocabulary: .current)
        let surroundings = Surroundings(
            time: clock.time, environment: environment, log: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
            transport: client)
        let (snapshot, evidence) = try await SourcePool([job], surroundings: surroundings).source(of: job).read(
            path: nil)
        guard evidence.violations.isEmpty else { return evidence.violations }
        var lines: [String] = []
        try snapshot.forEachLine { lines.append($0) }
        return lines
    }
}

extension World.Result {
    /// What takes something away, planned or done.
    var takingAway: [PlannedOperation] {
        operations.filter { [.planned, .done, .sent, .failed].contains($0.status) }.filter { operation in
            [.delete, .disable, .removeMembers].contains(operation.verb)
                || operation.fields.contains { $0.after == nil || $0.path == "active" && $0.after == "false" }
        }
    }

    var told: String { ([report.headline] + report.details).joined(separator: "\n") }
}
