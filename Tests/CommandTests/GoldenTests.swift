import Foundation
import Testing

/// Whatever a person reads is held by a file that is reviewed as a diff. `ROLLCALL_GOLDEN=write` writes them anew.
@Suite struct GoldenTests {
    private func compare(_ text: String, _ name: String) throws {
        let file = Program.repository.appendingPathComponent("Tests/CommandTests/Golden/\(name)")
        if ProcessInfo.processInfo.environment["ROLLCALL_GOLDEN"] == "write" { try Data(text.utf8).write(to: file) }
        let golden = String(decoding: try Data(contentsOf: file), as: UTF8.self)
        #expect(text == golden, "\(name) differs; if the change is meant, ROLLCALL_GOLDEN=write writes the files anew")
    }

    @Test(
        "help and the platform table",
        arguments: [
            [], ["plan"], ["apply"], ["run"], ["undo"], ["ledger"], ["ledger", "restore"], ["check"], ["status"],
            ["platforms"], ["init"],
        ])
    func help(command: [String]) throws {
        let result = try Program.rollcall(command + ["--help"])
        #expect(result.exit == 0)
        try compare(result.output, "help\(command.map { "-" + $0 }.joined()).txt")
        if command == ["platforms"] { try compare(try Program.rollcall(command).output, "platforms.txt") }
    }

    @Test(
        "init prints the example job of each platform",
        arguments: [
            "ram", "cloudsso", "huawei-identity-center", "tencent-identity-center", "volcengine-identity-center",
            "aws-identity-center", "generic",
        ])
    func examples(platform: String) throws {
        let result = try Program.rollcall(["init", platform])
        #expect(result.exit == 0)
        try compare(result.output, "../../../jobs/examples/\(platform).yaml")
    }

    @Test(
        "a platform without SCIM, and one that nobody knows, are refused with what to use",
        arguments: ["huawei-iam", "tencent-cam", "volcengine-iam", "aws-iam", "okta"])
    func refused(platform: String) throws {
        let made = try Program.rollcall(["init", platform])
        #expect(made.exit == 78 && made.error.contains("use ") && made.output.isEmpty, "\(made.everything)")
        let place = try Workplace()
        try place.writeJob("http://127.0.0.1:9/scim/v2")
        try place.write(
            "job.yaml",
            try place.read("job.yaml").replacingOccurrences(of: "platform: generic", with: "platform: \(platform)"))
        for command in ["check", "plan", "run"] {
            let result = try place.rollcall(command, "job.yaml")
            #expect(result.exit == 78 && result.error.contains("use "), "\(result.everything)")
        }
    }

    @Test("the demo's jobs for all platforms: one run, and nothing to do in the next")
    func allPlatforms() throws {
        let jobs = Program.repository.appendingPathComponent("jobs/demo")
        let keys = [
            "ALIBABA_CLOUD_ACCESS_KEY_ID": "demo-key", "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "demo-secret",
            "ALIBABA_CLOUD_SECURITY_TOKEN": "", "SANDBOX_TOKEN": "correct horse battery",
        ]
        let server = try ServerProcess.sandbox(
            [
                "--directory", jobs.appendingPathComponent("directory.json").path, "--platforms", "--platform-seed",
                jobs.appendingPathComponent("platforms.json").path,
            ], environment: keys)
        defer { server.stop() }
        let place = try Workplace()
        var names: [String] = []
        for file in try FileManager.default.contentsOfDirectory(at: jobs, includingPropertiesForKeys: nil)
        where file.pathExtension == "yaml" && file.lastPathComponent != "sandbox.yaml" {
            try place.write(
                file.lastPathComponent,
                String(decoding: try Data(contentsOf: file), as: UTF8.self).replacingOccurrences(
                    of: "http://127.0.0.1:8480", with: server.origin))
            names.append(file.lastPathComponent)
        }
        #expect(names.count == 6)
        let first = try Program.rollcall(["run", "--first-run"] + names.sorted(), environment: keys, in: place.folder)
        #expect(first.exit == 0, "\(first.everything)")
        let second = try Program.rollcall(["run"] + names.sorted(), environment: keys, in: place.folder)
        #expect(
            second.exit == 0 && second.output.components(separatedBy: "No changes.").count == 7, "\(second.everything)")
        let csv = try Program.rollcall(["plan", "--csv", "-"] + names.sorted(), environment: keys, in: place.folder)
        #expect(csv.exit == 0)
    }

    @Test("summary and CSV of the demo: plan, run, and in step")
    func demo() throws {
        let jobs = Program.repository.appendingPathComponent("jobs/demo")
        let keys = [
            "ALIBABA_CLOUD_ACCESS_KEY_ID": "demo-key", "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "demo-secret",
            "ALIBABA_CLOUD_SECURITY_TOKEN": "",
        ]
        let server = try ServerProcess.sandbox(
            [
                "--directory", jobs.appendingPathComponent("directory.json").path, "--seed",
                jobs.appendingPathComponent("seed.json").path,
            ], environment: keys)
        defer { server.stop() }
        let place = try Workplace()
        let job = String(decoding: try Data(contentsOf: jobs.appendingPathComponent("sandbox.yaml")), as: UTF8.self)
        try place.write("sandbox.yaml", job.replacingOccurrences(of: "http://127.0.0.1:8480", with: server.origin))
        var story = ""
        for (arguments, exit) in [
            (["plan", "--csv", "plan.csv"], 2), (["run", "--csv", "run.csv", "--label", "first"], 0), (["plan"], 0),
            (["status"], 0),
        ] {
            let result = try Program.rollcall(
                arguments + ["sandbox.yaml"],
                environment: keys.merging(["SANDBOX_TOKEN": "correct horse battery"]) { _, new in new },
                in: place.folder)
            #expect(result.exit == Int32(exit), "\(result.everything)")
            #expect(result.error.isEmpty, "\(result.error)")
            story += "$ rollcall \(arguments.joined(separator: " ")) sandbox.yaml\n\(result.output)\n"
        }
        try compare(Self.timeless(story), "demo.txt")
        try compare(Self.timeless(try place.read("plan.csv")), "demo-plan.csv")
        // What was done is what was planned, with other states.
        let plan = try place.read("plan.csv").components(separatedBy: "\r\n")
        let run = try place.read("run.csv").components(separatedBy: "\r\n")
        #expect(plan.count == run.count)
        #expect(run.dropFirst().filter { !$0.isEmpty }.allSatisfy { $0.contains(",done,") })
    }

    /// Without times, which no two runs share.
    static func timeless(_ text: String) -> String {
        text.replacing(#/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/#, with: "TIME").replacing(
            #/d:[0-9a-f]{16}/#, with: "d:DIGEST"
        ).replacing(#/requests? in \d+ s/#, with: "requests in N s").replacing(
            #/new: .*\/snapshots/#, with: "new: …/snapshots")
    }

    @Test("ten mistakes get ten messages, and exit 78")
    func mistakes() throws {
        let place = try Workplace()
        try place.write(
            "job.yaml",
            """
            job: nightly/aws
            source: { kind: files, path: directory.json }
            target:
              platform: generic
              baseURL: http://scim.example/v2
              authorization: { key: "sk_live_51NzQm" }
              colour: blue
            fullPush: [users, organizationalUnits]
            leavers: { delete: soon }
            limits: { users.delete: a few }
            mapping: { userName: { from: username, lowercase: "yes" } }
            pace: { concurrency: 0 }
            """)
        let result = try place.rollcall("run", "job.yaml")
        #expect(result.exit == 78)
        #expect(result.output.isEmpty)
        #expect(!result.error.contains("sk_live"))
        try compare(result.error, "mistakes.txt")
        let lines = result.error.split(separator: "\n")
        #expect(lines.count == 10)
        #expect(lines.allSatisfy { $0.hasPrefix("job.yaml:") })
        #expect(!FileManager.default.fileExists(atPath: place.folder.appendingPathComponent("snapshots").path))
    }
}
