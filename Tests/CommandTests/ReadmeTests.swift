import Foundation
import Testing

/// The README is run as it is written: its directory, its job, its commands.
@Suite struct ReadmeTests {
    private static func page(_ name: String) -> String {
        (try? String(contentsOf: Program.repository.appendingPathComponent(name), encoding: .utf8)) ?? ""
    }
    private static let text = page("README.md")
    private static let pages =
        (try? FileManager.default.contentsOfDirectory(atPath: Program.repository.appendingPathComponent("docs").path))?
        .filter { $0.hasSuffix(".md") }.sorted().map { "docs/\($0)" } ?? []

    /// The bodies of the fenced blocks of a language, without their indentation.
    private static func blocks(_ language: String, in text: String = text) -> [String] {
        var blocks: [String] = []
        var current: [String]?
        for line in text.components(separatedBy: "\n") {
            let bare = line.trimmingCharacters(in: .whitespaces)
            if let body = current {
                if bare == "```" {
                    let indent = body.filter { !$0.isEmpty }.map { $0.prefix { $0 == " " }.count }.min() ?? 0
                    blocks.append(body.map { String($0.dropFirst(indent)) }.joined(separator: "\n"))
                    current = nil
                } else {
                    current?.append(line)
                }
            } else if bare == "```\(language)" {
                current = []
            }
        }
        return blocks
    }

    private static let keys = [
        "ALIBABA_CLOUD_ACCESS_KEY_ID": "try", "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "try-me",
        "ALIBABA_CLOUD_SECURITY_TOKEN": "",
    ]

    @Test("the first real job works as the README tells it, with its exit codes")
    func firstJob() throws {
        let server = try ServerProcess.sandbox(
            ["--directory", Program.repository.appendingPathComponent("jobs/demo/directory.json").path],
            token: "try-me", environment: Self.keys)
        defer { server.stop() }
        // The sandbox is started there as it is here.
        let console = Self.blocks("console").joined()
        #expect(
            console.contains("rollcall-sandbox --port 8480 --directory jobs/demo/directory.json")
                && console.contains("SANDBOX_TOKEN=try-me"))
        for (name, value) in Self.keys where !value.isEmpty { #expect(console.contains("\(name)=\(value)")) }
        let place = try Workplace()
        let job = try #require(Self.blocks("yaml").first)
        #expect(job.contains("http://127.0.0.1:8480/scim/v2"))
        try place.write("nightly.yaml", job.replacingOccurrences(of: "http://127.0.0.1:8480", with: server.origin))
        // First the README's, in their order; then those of every page of docs, in the same folder.
        func commands(of page: String) -> [String] {
            Self.blocks("sh", in: page).flatMap { $0.components(separatedBy: "\n") }.filter {
                $0.hasPrefix("rollcall ")
            }
        }
        var all = commands(of: Self.text)
        #expect(all.count == 6)
        all.insert("rollcall apply nightly.yaml", at: 5)
        let last = ["docs/recovery.md", "docs/ledger.md"]
        let further = Self.pages.filter { !last.contains($0) }.flatMap { commands(of: Self.page($0)) }
        #expect(further.count == 3)
        all += further + last.flatMap { commands(of: Self.page($0)) }
        #expect(all.count == 15)
        // What is a shell's and not run here is named: make, apt, and the shell's own words.
        let others = ([Self.text] + Self.pages.map { Self.page($0) }).flatMap { Self.blocks("sh", in: $0) }.flatMap {
            $0.components(separatedBy: "\n")
        }.filter {
            !$0.hasPrefix("rollcall ") && !$0.isEmpty
        }
        #expect(
            others.allSatisfy { $0.hasPrefix("make ") || $0.hasPrefix("export ") } && others.count == 3, "\(others)")
        for command in all {
            let halves = command.components(separatedBy: "#")
            let words = halves[0].split(separator: " ").map(String.init)
            let wanted = halves.count > 1 ? halves[1].firstMatch(of: #/exit (\d+)/#).flatMap { Int32($0.1) } ?? 0 : 0
            let result = try Program.rollcall(
                Array(words.dropFirst()), environment: Self.keys.merging(["SCIM_TOKEN": "try-me"]) { $1 },
                in: place.folder)
            #expect(result.exit == wanted, "\(command): \(result.everything)")
        }
        #expect(try place.read("plan.csv").contains("ada"))
    }

    @Test("the directory file of the README is a source")
    func directoryFile() throws {
        let server = try ServerProcess.sandbox()
        defer { server.stop() }
        let place = try Workplace()
        try place.write("directory.json", try #require(Self.blocks("json", in: Self.page("docs/sources.md")).first))
        try place.writeJob(server.base)
        let result = try place.rollcall("plan", "job.yaml")
        #expect(result.exit == 2 && result.output.hasPrefix("Plan 1: 3 to create, 1 to change"), "\(result.everything)")
    }

    @Test("the sample output is what the demo prints")
    func sample() throws {
        let golden = String(
            decoding: try Data(
                contentsOf: Program.repository.appendingPathComponent("Tests/CommandTests/Golden/demo.txt")),
            as: UTF8.self)
        let block = try #require(Self.blocks("").first)
        for line in block.components(separatedBy: "\n").dropFirst() {
            #expect(
                golden.contains(
                    GoldenTests.timeless(line).replacingOccurrences(of: "jobs/nightly.yaml", with: "sandbox.yaml")
                        .trimmingCharacters(in: .whitespaces)), "\(line)")
        }
    }

    @Test("every make target and every file that the README names is there, and the example job is good")
    func names() throws {
        let makefile = String(
            decoding: try Data(contentsOf: Program.repository.appendingPathComponent("Makefile")), as: UTF8.self)
        for target in ["setup", "build", "demo", "test", "bench", "simulate", "kills", "lint", "format", "help"] {
            #expect(makefile.contains("\n\(target):"), "\(target)")
        }
        #expect(
            FileManager.default.fileExists(atPath: Program.repository.appendingPathComponent("jobs/example.yaml").path))
        // Its target is nowhere: reaching it is all that can fail. The proxy is a closed port here, so that nothing
        // leaves this machine.
        let result = try Program.rollcall(
            ["check", "jobs/example.yaml"],
            environment: ["TARGET_SCIM_TOKEN": "x", "https_proxy": "http://127.0.0.1:9", "no_proxy": ""],
            in: Program.repository)
        #expect(result.exit == 69, "\(result.everything)")
        #expect(result.output.contains("job: example-nightly"))
    }

    @Test("the table of exit codes is the one in the help")
    func exits() throws {
        let help = try Program.rollcall(["--help"]).output
        for code in ["0", "2", "3", "4", "5", "6", "64", "69", "70", "74", "75", "77", "78", "130", "143"] {
            let table = Self.page("docs/recovery.md")
            #expect(
                table.contains("| \(code) |") || table.contains("| \(code),") || table.contains(", \(code) |"),
                "\(code)")
            #expect(help.contains("\(code) ") || help.contains("/\(code)"), "\(code)")
        }
    }

    @Test("the README is short; every page that a page leads to is there, and every page of docs is led to")
    func pages() throws {
        #expect(Self.text.components(separatedBy: "\n").count <= 121)
        var ledTo: Set<String> = []
        for page in ["README.md", "SECURITY.md", "CONTRIBUTING.md"] + Self.pages {
            let folder = (page as NSString).deletingLastPathComponent
            for link in Self.page(page).matches(of: #/\]\(([^)#:]+\.md)\)/#).map({ String($0.1) }) {
                let path = ((folder as NSString).appendingPathComponent(link) as NSString).standardizingPath
                    .replacingOccurrences(of: "docs/../", with: "")
                #expect(
                    FileManager.default.fileExists(atPath: Program.repository.appendingPathComponent(path).path),
                    "\(page) leads to \(link)")
                ledTo.insert(path)
            }
        }
        #expect(Set(Self.pages).subtracting(ledTo).isEmpty)
    }

    @Test("the page of rules has every rule with the name of a test that there is, and every rule that a test names")
    func rules() throws {
        let folder = Program.repository.appendingPathComponent("Tests")
        let files =
            FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil)?.compactMap { $0 as? URL }
            .filter { $0.pathExtension == "swift" } ?? []
        // A long title stands in several lines.
        let sources = try files.map { try String(contentsOf: $0, encoding: .utf8) }.joined()
            .replacing(#/\\\n\s*/#, with: "").replacing(#/"""\n\s*(.*)\n\s*"""/#) { "\"\($0.1)\"" }
        let rows = Self.page("docs/rules.md").matches(of: #/\| R(\d+) \| ([^|]+) \| “([^|]+)” \|/#)
        #expect(rows.map { Int($0.1) } == (1...40).map { $0 })
        for row in rows { #expect(sources.contains("\"\(row.3)\""), "R\(row.1): there is no test “\(row.3)”") }
        let named = Set(
            sources.matches(of: #/@Test\(\s*"([^"]*)"/#).flatMap {
                $0.1.matches(of: #/\bR(\d+)\b/#).compactMap { Int($0.1) }
            })
        #expect(named.isSubset(of: Set(1...40)) && named.count > 35, "\(Set(1...40).subtracting(named).sorted())")
    }

    @Test(
        "the page of the house has every module, with what it imports and no more, and what the package lets it import")
    func architecture() throws {
        let rows = Self.page("docs/architecture.md").matches(of: #/\| `([A-Za-z-]+)` \| [^|]+ \| ([^|]+) \|\n/#).map {
            (String($0.1), $0.2 == "–" ? [] : $0.2.components(separatedBy: ", "))
        }
        let sources = Program.repository.appendingPathComponent("Sources")
        let modules = try FileManager.default.contentsOfDirectory(atPath: sources.path).filter {
            !$0.hasPrefix("C") || $0 == "Curl"
        }
        #expect(Set(rows.map(\.0)) == Set(modules))
        let package = try String(
            contentsOf: Program.repository.appendingPathComponent("Package.swift"), encoding: .utf8)
        for (module, listed) in rows {
            let files =
                FileManager.default.enumerator(
                    at: sources.appendingPathComponent(module), includingPropertiesForKeys: nil)?.compactMap {
                    $0 as? URL
                }.filter { $0.pathExtension == "swift" } ?? []
            let text = try files.map { try String(contentsOf: $0, encoding: .utf8) }.joined(separator: "\n")
            let imported = Set(text.matches(of: #/(?m)^(?:@testable )?import ([A-Za-z]+)$/#).map { String($0.1) })
                .intersection(modules)
            #expect(imported == Set(listed), "\(module) imports \(imported.sorted())")
            // What the package lists for it, directly or by way of one that it lists, is all that it may import.
            let own = try #require(
                package.range(of: "name: \"\(module)\"", options: .backwards).map {
                    package[$0.upperBound...].prefix(400)
                })
            #expect(listed.isEmpty || listed.contains { own.contains("\"\($0)\"") }, "\(module)")
        }
    }

    @Test("every alert that is shipped has its paragraph, and every metric that an alert asks for is written")
    func alerts() throws {
        let alerts = Self.page("deploy/prometheus/rules.yml")
        let operations = Self.page("docs/operations.md")
        let metrics = Self.page("Sources/Reporting/Metrics.swift")
        let names = alerts.matches(of: #/alert: (\w+)/#).map { String($0.1) }
        #expect(names.count == 13)
        for name in names { #expect(operations.contains("**\(name).**"), "\(name)") }
        for metric in Set(alerts.matches(of: #/rollcall_\w+/#).map { String($0.0) }) {
            #expect(metrics.contains("\"\(metric)\""), "\(metric)")
        }
    }
}
