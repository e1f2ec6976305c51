import Emulation
import Foundation
import HTTP
import HTTPTypes
import JSON
import Reconciliation
import SCIM
import Simulation

/// Answers of every emulated service whose numbers, lengths and dates were turned to extremes: whatever comes, a job
/// ends with an exit code, and the process goes on.
package enum Hostile {
    package struct Outcome: Sendable {
        package var runs = 0
        /// Answers that jobs read, and documents that readers were given.
        package var answers = 0
        package var broken: [String] = []

        package init() {}
    }

    private static let numbers = [
        "0", "-1", "1", "2147483648", "4294967296", "9007199254740993", "9223372036854775807", "-9223372036854775808",
        "9223372036854775808", "18446744073709551616", "1e308", "-1e308", "1e-320",
        "0.1",
        "99999999999999999999999999999999999999",
    ]
    private static let texts = [
        "", ".", "..", "/", "\u{0}", "\u{1b}[2J", "\u{202e}", "9223372036854775807", "-9223372036854775808",
        "0x7fffffffffffffff", "2026-01-01T9223372036854775807:00:00Z",
        "9999-12-31T23:59:60Z", "0000-00-00T00:00:00Z", "-999999999-01-01T00:00:00Z", "1970-01-01T00:00:00+9999",
        "Sun, 99 Nov 99999999999999999999 99:99:99 GMT", "null", "true", "\u{feff}",
        "urn:ietf:params:scim:schemas:core:2.0:User", "https://127.0.0.1/../..", "%2e%2e",
    ]

    /// What stands in every answer that is turned: the dice, and what was answered.
    ///
    /// `@unchecked Sendable`: the seeded executor runs all of a simulation on one thread.
    fileprivate final class Mischief: @unchecked Sendable {
        var dice: SeededGenerator
        var answers = 0
        var corpus: [[UInt8]] = []
        init(seed: UInt64) { dice = SeededGenerator(seed: seed) }
    }

    /// A document with some of its leaves turned to extremes.
    static func spoiled(_ body: [UInt8], _ dice: inout SeededGenerator) -> [UInt8] {
        guard let document = try? JSONValue(parsing: body) else {
            // Cut, or said again and again.
            return dice.next() % 2 == 0 ? Array(body.prefix(body.count / 2)) : body + body
        }
        // One leaf in so many.
        let rarity = [2, 5, 20].randomElement(using: &dice) ?? 5
        let most = rarity * 6
        // A number of any size can be written as text alone.
        let mark = "\u{2}number\u{3}"
        func turn(_ value: JSONValue, _ dice: inout SeededGenerator, depth: Int) -> JSONValue {
            if Int.random(in: 0..<most, using: &dice) == 0 {
                return [
                    JSONValue.null, .array([]), .object([:]), .bool(true), .array([value, value]),
                    .array(Array(repeating: value, count: depth < 2 ? 40 : 2)),
                ].randomElement(using: &dice) ?? .null
            }
            switch value {
            case .object(let members):
                var copy: [String: JSONValue] = [:]
                // In an order that does not depend on the process.
                for name in members.keys.sorted() { copy[name] = turn(members[name] ?? .null, &dice, depth: depth + 1) }
                return .object(copy)
            case .array(let elements): return .array(elements.map { turn($0, &dice, depth: depth + 1) })
            default:
                guard Int.random(in: 0..<rarity, using: &dice) == 0 else { return value }
                switch Int.random(in: 0..<4, using: &dice) {
                case 0: return .string(mark + (numbers.randomElement(using: &dice) ?? "0") + mark)
                case 1: return .string(texts.randomElement(using: &dice) ?? "")
                case 2:
                    return .string(
                        String(repeating: "9", count: [19, 20, 300, 9000].randomElement(using: &dice) ?? 19))
                default: return .string((value.string ?? "") + (texts.randomElement(using: &dice) ?? ""))
                }
            }
        }
        let escaped = JSONValue.string(mark).canonical.dropFirst().dropLast()
        let text = turn(document, &dice, depth: 0).canonical
        return Array(text.replacing("\"" + escaped, with: "").replacing(escaped + "\"", with: "").utf8)
    }

    private static func spoiled(_ response: EmulatedResponse, _ dice: inout SeededGenerator) -> EmulatedResponse {
        var copy = response
        copy.body = spoiled(response.body, &dice)
        switch Int.random(in: 0..<12, using: &dice) {
        case 0: copy.status = [200, 201, 204, 299, 404, 409, 429, 500].randomElement(using: &dice) ?? 200
        case 1:
            copy.headers.append(
                (
                    "Retry-After",
                    ["99999999999999999999", "-1", "0", "Sun, 99 Nov 99999999999999999999 99:99:99 GMT"].randomElement(
                        using: &dice) ?? "0"
                ))
        case 2:
            copy.headers =
                copy.headers.filter { $0.name != "Date" } + [("Date", "Thu, 01 Jan 9999999999999999999 00:00:00 GMT")]
        case 3:
            let text = texts.randomElement(using: &dice) ?? ""
            let id = text.filter { $0.isASCII && !$0.isWhitespace && $0 != "\u{0}" && $0 != "\u{1b}" }
            copy.headers.removeAll { $0.name == "Location" }
            copy.headers.append(("Location", "https://scim.example/v2/Users/\(id)"))
        case 4: copy.headers.append(("x-acs-retry-after", "9223372036854775807"))
        default: break
        }
        return copy
    }

    /// One world whose servers answer so, three days; and each answer once more, turned in other ways, for the readers
    /// alone.
    package static func trial(seed: UInt64, readings: Int = 30) throws -> Outcome {
        let executor = SeededExecutor(seed: seed)
        return try executor.run { try await trial(seed, readings, VirtualTime(executor)) }
    }

    private static func trial(_ seed: UInt64, _ readings: Int, _ clock: VirtualTime) async throws -> Outcome {
        var outcome = Outcome()
        let platform = Platform.all[Int(seed % UInt64(Platform.all.count))]
        let mischief = Mischief(seed: seed &* 6_364_136_223_846_793_005 &+ 1)
        let world = try platform.world(Platform.deleting, seed: seed, clock: clock) { _, number in
            guard Int.random(in: 0..<3, using: &mischief.dice) == 0 else { return nil }
            return .altered { answer in
                if !answer.body.isEmpty, mischief.corpus.count < 60 { mischief.corpus.append(answer.body) }
                mischief.answers += 1
                return spoiled(answer, &mischief.dice)
            }
        }
        var own = SeededGenerator(seed: seed)
        world.directory.people = (0..<6).map { .named("person\($0)") }
        world.directory.people[0].phone = "13800000001"
        if platform.hasGroups {
            world.directory.teams = [Team(id: "group_ops", name: "ops", members: ["user_person0", "user_person1"])]
        }
        if platform.name == "generic", seed % 3 != 0 {
            if seed % 3 == 1 {
                var source = ServiceOptions()
                source.maxResults = 3
                world.serveDirectory(source)
            } else {
                try world.serveIDaaS()
            }
        }
        for day in 0..<3 {
            await outcome.live(world, day)
            if world.directory.people.count > 2 {
                world.directory.people.remove(at: Int.random(in: 0..<world.directory.people.count, using: &own))
            }
            world.directory.people.append(.named("newcomer\(day)"))
        }
        outcome.read(mischief, readings)
        return outcome
    }

    /// An answer that a server which nobody here wrote has given, as `record.py` writes it: one JSON object a line.
    private struct Recorded {
        var request: String
        var response: EmulatedResponse

        init?(_ line: Substring) {
            guard let value = try? JSONValue(parsing: Array(line.utf8)), let method = value["method"]?.string,
                let path = value["path"]?.string, let status = value["status"]?.integer
            else {
                return nil
            }
            request = "\(method) \(path)"
            let headers = (value["headers"]?.object ?? [:]).sorted { $0.key < $1.key }.compactMap { name, value in
                value.string.map { (name: name, value: $0) }
            }
            response = EmulatedResponse(
                status: Int(status), headers: headers, body: Array((value["body"]?.string ?? "").utf8))
        }
    }

    /// The days of a recording once more, with some answers turned: each request gets the next answer that the server
    /// gave to its like, and where there was none, the like of its kind. Ends with an exit code, whatever comes.
    package static func replay(_ recording: String, seed: UInt64, readings: Int = 5) throws -> Outcome {
        let executor = SeededExecutor(seed: seed)
        return try executor.run { try await replay(recording, seed, readings, VirtualTime(executor)) }
    }

    private static func replay(_ recording: String, _ seed: UInt64, _ readings: Int, _ clock: VirtualTime) async throws
        -> Outcome
    {
        let recorded = recording.split(separator: "\n").compactMap(Recorded.init)
        let mischief = Mischief(seed: seed &* 6_364_136_223_846_793_005 &+ 3)
        mischief.corpus = recorded.map(\.response.body).filter { !$0.isEmpty }
        let given = Dictionary(grouping: recorded, by: \.request).mapValues { $0.map(\.response) }
        let likes = Dictionary(grouping: recorded, by: { Self.alike($0.request) }).mapValues { $0.map(\.response) }
        let world = try World(job: World.job(Platform.deleting), seed: seed, clock: clock) { request, number in
            let path = (request.head.path ?? "").dropFirst("/scim/v2".count)
            let name = "\(request.head.method.rawValue) \(path)"
            guard let answers = given[name] ?? likes[Self.alike(name)] else {
                return .answered(EmulatedResponse(status: 404))
            }
            mischief.answers += 1
            let answer = answers[number % answers.count]
            return .answered(
                Int.random(in: 0..<3, using: &mischief.dice) == 0 ? spoiled(answer, &mischief.dice) : answer)
        }
        var outcome = Outcome()
        for day in 0..<3 {
            world.directory.people = (0..<5).filter { day == 0 || $0 != 3 }.map { .named("person\($0)") }
            world.directory.teams = [
                Team(
                    id: "g0", name: day == 0 ? "Team 0" : "Team 0 renamed",
                    members: ["user_person0", day == 0 ? "user_person1" : "user_person2"])
            ]
            await outcome.live(world, day)
        }
        outcome.read(mischief, readings)
        return outcome
    }

    /// A request without its ids and its query.
    private static func alike(_ request: String) -> String {
        let path = request.prefix { $0 != "?" }
        return path.filter { $0 == "/" }.count > 1
            ? path.prefix(upTo: path.lastIndex(of: "/") ?? path.endIndex) + "/…" : String(path)
    }

    /// Gives a document to everything that reads what comes from outside.
    fileprivate static func read(_ body: [UInt8]) {
        _ = SCIMError(status: 400, body: body)
        _ = SCIMError.statusOf(body)
        let dialect = Dialect()
        let parser = JSONParser()
        _ = try? parser.parse(body) { root in
            judge(ShownResource(root, dialect))
            try ListPage(root) { judge(ShownResource($0, dialect)) }
        }
        var splitter = DocumentSplitter()
        try? splitter.feed(body) { _ in }
        for text in texts {
            _ = (
                HTTPDate.seconds(text), Timestamp.seconds(text), RetryPolicy.retryAfter(text, now: 0),
                ResourceID.inLocation(text)
            )
        }
    }

    private static func judge(_ resource: ShownResource) {
        _ = (
            resource.id, resource.externalID, resource.access, resource.members,
            resource.created.flatMap { Timestamp.seconds($0) }
        )
        for path in [
            "emails[work]", "name.familyName", "userName", "phoneNumbers[work]",
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department",
        ] {
            guard let path = AttributePath(path) else { continue }
            _ = path.value(in: resource)
            var document = resource.document
            path.set("x", in: &document)
            path.set(nil, in: &document)
        }
    }
}

extension Hostile.Outcome {
    /// One day of a job: whatever came, it ends with an exit code.
    fileprivate mutating func live(_ world: World, _ day: Int) async {
        do {
            let result = try await world.run()
            runs += 1
            if result.report.exit == .internalError {
                broken.append("day \(day): an internal error: \(result.report.details)")
            }
        } catch { broken.append("day \(day): \(error)") }
    }

    /// Counts the answers that jobs read, and gives each once more, turned in other ways, to the readers alone.
    fileprivate mutating func read(_ mischief: Hostile.Mischief, _ readings: Int) {
        answers = mischief.answers
        for body in mischief.corpus {
            for _ in 0..<readings {
                Hostile.read(Hostile.spoiled(body, &mischief.dice))
                answers += 1
            }
        }
    }
}

extension World {
    /// Puts the directory behind an emulated IDaaS, and the job with it.
    fileprivate func serveIDaaS() throws {
        var directory = IDaaSDirectory()
        directory.put(unit: ["organizationalUnitId": "ou_dev", "organizationalUnitName": "R&D"])
        for person in self.directory.people {
            var user: JSONValue = [
                "userId": .string(person.id), "username": .string(person.username ?? ""), "status": "enabled",
                "organizationalUnits": ["ou_dev"],
            ]
            if let email = person.email { user["email"] = .string(email) }
            if let name = person.displayName { user["displayName"] = .string(name) }
            directory.put(user: user)
        }
        for team in self.directory.teams {
            directory.put(group: [
                "groupId": .string(team.id), "groupName": .string(team.name),
                "members": .array(team.members.sorted().map { .string($0) }),
            ])
        }
        var options = IDaaSOptions()
        options.accessKeys = ["LTAI5tTEST": "the-secret"]
        options.mostPerPage = 2
        let service = IDaaSService(directory: directory, options: options)
        client.changeLandscape { $0.directory = service }
        environment = ["KEY_ID": "LTAI5tTEST", "KEY_SECRET": "the-secret"]
        jobText = jobText.replacingOccurrences(
            of: "source: { kind: file, path: directory.json }",
            with:
                """
                source: { kind: idaas, endpoint: \"http://127.0.0.1:1\", instance: \(options.instance), \
                accessKey: { id: \"${KEY_ID}\", secret: \"${KEY_SECRET}\" } }
                """
        )
    }
}
