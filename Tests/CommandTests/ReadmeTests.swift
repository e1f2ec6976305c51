import Foundation
import Testing

/// The README is run as it is written: its directory, its job, its commands.
@Suite struct ReadmeTests {
    private static let text = (try? String(contentsOf: Program.repository.appendingPathComponent("README.md"), encoding: .utf8)) ?? ""

    /// The bodies of the fenced blocks of a language, without their indentation.
    private static func blocks(_ language: String) -> [String] {
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

    private static let keys = ["ALIBABA_CLOUD_ACCESS_KEY_ID": "try", "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "try-me", "ALIBABA_CLOUD_SECURITY_TOKEN": ""]

    @Test("the first real job works as the README tells it, with its exit codes")
    func firstJob() throws {
        let server = try ServerProcess.sandbox(
            ["--directory", Program.repository.appendingPathComponent("jobs/demo/directory.json").path], token: "try-me", environment: Self.keys)
        defer { server.stop() }
        // The sandbox is started there as it is here.
        let console = Self.blocks("console").joined()
        #expect(console.contains("rollcall-sandbox --port 8480 --directory jobs/demo/directory.json") && console.contains("SANDBOX_TOKEN=try-me"))
        for (name, value) in Self.keys where !value.isEmpty { #expect(console.contains("\(name)=\(value)")) }
        let place = try Workplace()
        let job = try #require(Self.blocks("yaml").first)
        #expect(job.contains("http://127.0.0.1:8480/scim/v2"))
        try place.write("nightly.yaml", job.replacingOccurrences(of: "http://127.0.0.1:8480", with: server.origin))
        var commands = Self.blocks("sh").flatMap { $0.components(separatedBy: "\n") }.filter { $0.hasPrefix("rollcall ") }
        #expect(commands.count == 9)
        commands.insert("rollcall apply nightly.yaml", at: 5)
        for command in commands {
            let halves = command.components(separatedBy: "#")
            let words = halves[0].split(separator: " ").map(String.init)
            let wanted = halves.count > 1 ? halves[1].split(separator: " ").dropFirst().first.flatMap { Int32($0.filter(\.isNumber)) } : 0
            let result = try Program.rollcall(Array(words.dropFirst()), environment: Self.keys.merging(["SCIM_TOKEN": "try-me"]) { $1 }, in: place.folder)
            #expect(result.exit == wanted, "\(command): \(result.everything)")
        }
        #expect(try place.read("plan.csv").contains("ada"))
    }

    @Test("the directory file of the README is a source")
    func directoryFile() throws {
        let server = try ServerProcess.sandbox()
        defer { server.stop() }
        let place = try Workplace()
        try place.write("directory.json", try #require(Self.blocks("json").first))
        try place.writeJob(server.base)
        let result = try place.rollcall("plan", "job.yaml")
        #expect(result.exit == 2 && result.output.hasPrefix("Plan: 3 to create, 1 to change"), "\(result.everything)")
    }

    @Test("the sample output is what the demo prints")
    func sample() throws {
        let golden = String(decoding: try Data(contentsOf: Program.repository.appendingPathComponent("Tests/CommandTests/Golden/demo.txt")), as: UTF8.self)
        let block = try #require(Self.blocks("").first)
        for line in block.components(separatedBy: "\n").dropFirst() {
            #expect(golden.contains(line.replacingOccurrences(of: "jobs/nightly.yaml", with: "sandbox.yaml").trimmingCharacters(in: .whitespaces)), "\(line)")
        }
    }

    @Test("every make target and every file that the README names is there, and the example job is good")
    func names() throws {
        let makefile = String(decoding: try Data(contentsOf: Program.repository.appendingPathComponent("Makefile")), as: UTF8.self)
        for target in ["setup", "build", "demo", "test", "bench", "simulate", "kills", "lint", "format", "help"] { #expect(makefile.contains("\n\(target):"), "\(target)") }
        #expect(FileManager.default.fileExists(atPath: Program.repository.appendingPathComponent("jobs/example.yaml").path))
        // Its target is nowhere: reaching it is all that can fail. The proxy is a closed port here, so that nothing leaves this machine.
        let result = try Program.rollcall(["check", "jobs/example.yaml"], environment: ["TARGET_SCIM_TOKEN": "x", "https_proxy": "http://127.0.0.1:9", "no_proxy": ""], in: Program.repository)
        #expect(result.exit == 69, "\(result.everything)")
        #expect(result.output.contains("job: example-nightly"))
    }

    @Test("the table of exit codes is the one in the help")
    func exits() throws {
        let help = try Program.rollcall(["--help"]).output
        for code in ["0", "2", "3", "4", "5", "6", "64", "69", "70", "74", "75", "77", "78", "130", "143"] {
            #expect(Self.text.contains("| \(code) |") || Self.text.contains("| \(code),") || Self.text.contains(", \(code) |"), "\(code)")
            #expect(help.contains("\(code) ") || help.contains("/\(code)"), "\(code)")
        }
    }
}
