import Foundation
import HTTP
import JSON
import Jobs
import Reconciliation
import Rehearsal
import Reporting
import SCIM
import Simulation
import Testing

/// Hostile input from seeds: whatever comes, the answer is a value or an error, and never a crash. `ROLLCALL_SEED=n`
/// replays one.
@Suite struct FuzzTests {
    private static let seeds: [UInt64] =
        ProcessInfo.processInfo.environment["ROLLCALL_SEED"].flatMap { UInt64($0) }.map { [$0] } ?? Array(1...1500)

    /// A good text with something done to it: bytes turned, cut out, repeated, put elsewhere, or strange ones put in.
    private static func spoiled(_ text: String, _ dice: inout SeededGenerator) -> [UInt8] {
        var bytes = Array(text.utf8)
        let strange: [[UInt8]] = [
            [0], [0xFF], [0xC3], [0xED, 0xA0, 0x80], Array("\\u0000".utf8), Array("\\ud800".utf8), Array("{{{{".utf8),
            Array("]".utf8), Array("\"".utf8), Array("1e999".utf8), Array("-".utf8),
            Array("\r\n".utf8), Array(": ".utf8), Array("&a *a".utf8), Array("!!python".utf8),
            Array(String(repeating: "[", count: 3000).utf8), Array("\u{202E}".utf8),
            Array("99999999999999999999".utf8),
        ]
        for _ in 0..<Int.random(in: 1...4, using: &dice) {
            guard !bytes.isEmpty else { break }
            let place = Int.random(in: 0..<bytes.count, using: &dice)
            let length = min(Int.random(in: 1...20, using: &dice), bytes.count - place)
            switch Int.random(in: 0..<5, using: &dice) {
            case 0: bytes[place] = UInt8.random(in: 0...255, using: &dice)
            case 1: bytes.removeSubrange(place..<place + length)
            case 2: bytes.insert(contentsOf: bytes[place..<place + length], at: place)
            case 3: bytes.insert(contentsOf: strange.randomElement(using: &dice) ?? [], at: place)
            default: bytes = Array(bytes.prefix(place))
            }
        }
        return bytes
    }

    private static let resource =
        #"""
        {"schemas":["urn:ietf:params:scim:api:messages:2.0:ListResponse"],"totalResults":2,"itemsPerPage":2,\#
        "startIndex":1,"Resources":[{"id":"1","userName":"ada","active":true,\#
        "emails":[{"value":"ada@corp.example","type":"work","primary":true}],"name":{"givenName":"Ada"},\#
        "n":1.5e3},{"id":2,"members":[{"value":"x"}]}]}
        """#

    @Test("JSON: what is taken is read the same again; what is refused is refused with words")
    func json() throws {
        for seed in Self.seeds {
            var dice = SeededGenerator(seed: seed)
            let bytes = Self.spoiled(Self.resource, &dice)
            guard let value = try? JSONValue(parsing: bytes) else { continue }
            #expect(try JSONValue(parsing: value.canonicalBytes) == value, "seed \(seed)")
            // Whatever the splitter hands out of the same bytes is a document of its own, or is refused with words.
            var splitter = DocumentSplitter()
            var elements: [[UInt8]] = []
            try? splitter.feed(bytes) { elements.append($0.bytes) }
            for element in elements {
                do { _ = try JSONValue(parsing: element) } catch {
                    #expect(!"\(error)".isEmpty && error is JSONSyntaxError, "seed \(seed)")
                }
            }
        }
    }

    @Test(
        "13: what foreign servers once answered, with some answers turned, ends in exit codes",
        arguments: ["strict", "cursor", "minimal", "django", "old", "flask", "glue"])
    func recorded(server: String) throws {
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("Fixtures/answers/\(server).jsonl")
        let text = try String(contentsOf: file, encoding: .utf8)
        for seed in UInt64(1)...3 {
            let outcome = try Hostile.replay(text, seed: seed, readings: 1)
            #expect(outcome.broken.isEmpty && outcome.runs == 3 && outcome.answers > 30, "seed \(seed): \(outcome)")
        }
    }

    @Test("SCIM: lists, errors, paths, filters and records of hostile servers")
    func scim() {
        let parser = JSONParser()
        for seed in Self.seeds {
            var dice = SeededGenerator(seed: seed)
            let bytes = Self.spoiled(Self.resource, &dice)
            var seen = 0
            _ = try? parser.parse(bytes) { root in
                try ListPage(root) { view in
                    seen += 1
                    _ = AttributePath("emails[work]")?.value(in: ShownResource(view))
                    _ = AttributePath("name.givenName")?.value(in: ShownResource(view))
                    _ = AttributePath("urn:x:2.0:User:a")?.value(in: ShownResource(view))
                }
            }
            #expect(seen <= bytes.count, "seed \(seed)")
            #expect(
                SCIMError(
                    status: 400, body: Self.spoiled(#"{"detail":"no","scimType":"uniqueness","status":"409"}"#, &dice)
                ).detail.utf8.count < 3000, "seed \(seed)")
            let filter = String(
                decoding: Self.spoiled(
                    #"userName eq "a\"b" and not (emails[type eq "work"].value co "x" or id pr)"#, &dice), as: UTF8.self
            )
            _ = try? Filter(parsing: filter)
            if let path = AttributePath(String(decoding: Self.spoiled("emails[work]", &dice), as: UTF8.self)) {
                var resource: JSONValue = ["emails": [["value": "a"]], "name": "flat"]
                path.set("x", in: &resource)
                #expect(AttributePath(path.description) == path, "seed \(seed): \(path)")
            }
            // A value can never end its string and go on as filter.
            let value = String(decoding: Self.spoiled(#"ada" or userName pr or id eq "\"#, &dice), as: UTF8.self)
            let parsed = try? Filter(parsing: Filter.equal("userName", value))
            // An empty value is none.
            #expect(
                parsed?.matches(["userName": .string(value)], isCaseExact: { _ in true }) == !value.isEmpty,
                "seed \(seed): \(value)")
            #expect(
                parsed?.matches(["userName": "somebody"], isCaseExact: { _ in true }) == (value == "somebody"),
                "seed \(seed): \(value)")
        }
    }

    @Test("job files: a job, or every mistake with its place")
    func jobs() {
        let text = """
            job: nightly
            source: { kind: idaas, region: cn-hangzhou, instance: idaas_x, accessKey: { id: "${A}", secret: "${B}" }, \
            scope: { organizationalUnits: [ou_1], groups: all } }
            target:
              platform: generic
              baseURL: https://scim.target.example/v2
              authorization: { oauth: { tokenURL: "https://login.target.example/t", clientID: a, clientSecret: "${C}" \
              } }
            fullPush: [users, groups]
            mapping: { userName: { template: "{username}@corp.example" }, "name.familyName": { from: displayName, \
            part: family } }
            leavers: { disable: immediately, delete: 30d }
            limits: { users.delete: 5%, groups.delete: none }
            pace: { requestsPerSecond: 10, concurrency: 5 }
            """
        for seed in Self.seeds {
            var dice = SeededGenerator(seed: seed)
            do {
                let job = try Job.read(
                    text: String(decoding: Self.spoiled(text, &dice), as: UTF8.self), path: "job.yaml",
                    vocabulary: .current)
                #expect(!job.name.isEmpty && !job.name.contains("/"), "seed \(seed)")
            } catch let error as JobFileError {
                #expect(!error.diagnostics.isEmpty, "seed \(seed)")
            } catch {
                Issue.record("seed \(seed): \(error)")
            }
        }
    }

    @Test("CSV: a row is read back as it was written, by somebody else's rules, and no cell begins a formula")
    func csv() {
        for seed in Self.seeds {
            var dice = SeededGenerator(seed: seed)
            let cells = (0..<4).map { _ in
                String(
                    decoding: Self.spoiled(
                        ["=cmd|' /C calc'!A0", "a,\"b\"\r\nc", "+1", "欧阳,敏", "@x", " \t-1"].randomElement(using: &dice)
                            ?? "", &dice), as: UTF8.self)
            }
            let row = Self.read(CSVReport.line(cells))
            #expect(row.count == cells.count, "seed \(seed): \(cells)")
            for (cell, written) in zip(row, cells) {
                // What nobody sees is written out, and apostrophes are all that is added.
                #expect(
                    cell.replacing("'", with: "") == written.visibleLines.replacing("'", with: ""),
                    "seed \(seed): \(cell)")
                for part in cell.unicodeScalars.split(whereSeparator: { $0 == ";" || $0 == "\t" }) {
                    #expect(!"=+-@".unicodeScalars.contains(part.first ?? "a"), "seed \(seed): \(cell)")
                }
                #expect(!"=+-@\t\r".unicodeScalars.contains(cell.unicodeScalars.first ?? "a"), "seed \(seed): \(cell)")
            }
        }
    }

    /// RFC 4180, one row, read scalar by scalar.
    private static func read(_ line: String) -> [String] {
        var cells: [String] = []
        var cell = String.UnicodeScalarView()
        var isQuoted = false
        var scalars = Array(line.unicodeScalars)[...]
        while let scalar = scalars.popFirst() {
            if isQuoted {
                if scalar == "\"", scalars.first == "\"" {
                    cell.append("\"")
                    scalars = scalars.dropFirst()
                } else if scalar == "\"" {
                    isQuoted = false
                } else {
                    cell.append(scalar)
                }
            } else if scalar == "\"", cell.isEmpty {
                isQuoted = true
            } else if scalar == "," {
                cells.append(String(cell))
                cell = String.UnicodeScalarView()
            } else if scalar == "\r", scalars.first == "\n", scalars.count == 1 {
                break
            } else {
                cell.append(scalar)
            }
        }
        return cells + [String(cell)]
    }

    @Test(
        "no URL, token or secret can write a header line of its own",
        arguments: ["\r\nX-Evil: 1", "\nX-Evil: 1", "\u{0}", "\u{7F}"])
    func headers(_ evil: String) {
        #expect(URLParts("https://scim.target.example/v2\(evil)") == nil)
        #expect(URLParts("https://scim.target.example\(evil)/v2") == nil)
        #expect(throws: (any Error).self) {
            try SecretReference("${T}", folder: ".")?.resolve(environment: ["T": "good\(evil)bad"])
        }
    }
}
