import Foundation
import JSON
import Testing

@Suite struct CommandTests {
    @Test(
        "a wrong token is 77, a closed port 69, an empty directory 5, a cut one 5, a missing one 69, an unset secret 78"
    )
    func exits() throws {
        let server = try ServerProcess.sandbox()
        defer { server.stop() }
        let place = try Workplace()
        try place.writeJob(server.base)
        try place.write("directory.json", Workplace.directory(8))
        #expect(try place.rollcall("run", "job.yaml", token: "wrong").exit == 77)
        #expect(try place.rollcall("run", "job.yaml").exit == 0)

        for empty in ["{\"users\":[],\"groups\":[]}", "{}", "", String(Workplace.directory(8).dropLast(40)), "[1,2"] {
            try place.write("directory.json", empty)
            let result = try place.rollcall("run", "job.yaml")
            #expect(result.exit == 5, "\(empty.prefix(40)): \(result.everything)")
        }
        try FileManager.default.removeItem(at: place.folder.appendingPathComponent("directory.json"))
        let missing = try place.rollcall("run", "job.yaml")
        #expect(missing.exit == 69 && missing.output.contains("directory.json"))
        try place.write("directory.json", Workplace.directory(8))
        let intact = try place.rollcall("plan", "job.yaml")
        #expect(intact.exit == 0 && intact.output.hasPrefix("No changes. 9 in step."), "\(intact.everything)")

        try place.writeJob(server.base, authorization: "{ key: \"${NOT_SET_ANYWHERE}\" }")
        let unset = try place.rollcall("run", "job.yaml")
        #expect(unset.exit == 78 && unset.everything.contains("NOT_SET_ANYWHERE"))
        try place.writeJob(server.base)
        server.stop()
        let closed = try place.rollcall("plan", "job.yaml")
        #expect(closed.exit == 69, "\(closed.everything)")
        #expect(try place.rollcall("plan", "--allow", "users.delete", "job.yaml").exit == 64)
        #expect(try place.rollcall("plan").exit == 64)
    }

    @Test("16 D: a first try that came to no plan leaves no ledger, and a job that has run keeps its own")
    func firstTry() throws {
        let server = try ServerProcess.sandbox()
        defer { server.stop() }
        let place = try Workplace()
        try place.write("directory.json", Workplace.directory(2))
        try place.writeJob(server.base)
        let refused = try place.rollcall("run", "job.yaml", token: "wrong")
        #expect(refused.exit == 77 && !refused.output.contains("This ledger is new"), "\(refused.everything)")
        #expect(
            try !FileManager.default.contentsOfDirectory(atPath: place.folder.appendingPathComponent("snapshots").path)
                .contains { $0.hasPrefix("test") })
        #expect(try place.rollcall("status").output.hasPrefix("No ledger"))
        #expect(try place.rollcall("run", "job.yaml").exit == 0)
        #expect(try place.rollcall("run", "job.yaml", token: "wrong").exit == 77)
        #expect(try place.rollcall("plan", "job.yaml").output.hasPrefix("No changes."))
    }

    @Test("a ledger that is pointed to another target is refused, and a damaged one too")
    func ledger() throws {
        let server = try ServerProcess.sandbox()
        let other = try ServerProcess.sandbox()
        defer {
            server.stop()
            other.stop()
        }
        let place = try Workplace()
        try place.write("directory.json", Workplace.directory(3))
        try place.writeJob(server.base)
        #expect(try place.rollcall("run", "job.yaml").exit == 0)
        try place.writeJob(other.base)
        let elsewhere = try place.rollcall("run", "job.yaml")
        #expect(
            elsewhere.exit == 78 && elsewhere.everything.contains(server.base)
                && elsewhere.everything.contains(other.base))
        try place.write(
            "snapshots/test.sqlite",
            "this is no ledger, and it is long enough to be looked at as one, whatever else it may be")
        #expect(try place.rollcall("run", "job.yaml").exit == 74)
    }

    @Test(
        """
        a target belongs to one job of a state folder: a second job on it is refused and names the first, until \
        that is gone
        """
    )
    func oneOwner() throws {
        let server = try ServerProcess.sandbox()
        defer { server.stop() }
        let place = try Workplace()
        try place.write("directory.json", Workplace.directory(3))
        try place.writeJob(server.base)
        #expect(try place.rollcall("run", "job.yaml").exit == 0)
        try place.write(
            "other.yaml", try place.read("job.yaml").replacingOccurrences(of: "job: test", with: "job: other"))
        let other = try place.rollcall("plan", "other.yaml")
        #expect(other.exit == 78 && other.everything.contains("belongs to the job test"), "\(other.everything)")
        #expect(try place.rollcall("plan", "--state", "elsewhere", "other.yaml").exit == 2)
        try FileManager.default.removeItem(at: place.folder.appendingPathComponent("snapshots/test.sqlite"))
        #expect(try place.rollcall("run", "other.yaml").exit == 0)
        #expect(try place.rollcall("run", "job.yaml").exit == 78)
    }

    @Test("a saved plan is applied exactly, and refused with what moved when the world went on")
    func apply() throws {
        let server = try ServerProcess.sandbox()
        defer { server.stop() }
        let place = try Workplace()
        try place.writeJob(server.base)
        try place.write("directory.json", Workplace.directory(5))
        #expect(try place.rollcall("apply", "job.yaml").exit == 6)
        #expect(try place.rollcall("plan", "job.yaml").exit == 2)
        try place.write("directory.json", Workplace.directory(6))
        let stale = try place.rollcall("apply", "job.yaml", "--plan", "1")
        #expect(stale.exit == 6 && stale.output.contains("person5"), "\(stale.everything)")
        try place.write("directory.json", Workplace.directory(5))
        let applied = try place.rollcall("apply", "job.yaml", "--plan", "1")
        #expect(applied.exit == 0, "\(applied.everything)")
        #expect(try place.rollcall("plan", "job.yaml").exit == 0)
        #expect(try place.rollcall("apply", "job.yaml", "--plan", "1").exit == 6)
        try place.writeJob(server.base, extra: "leavers: { disable: never }")
        try place.write("directory.json", Workplace.directory(7))
        #expect(try place.rollcall("plan", "job.yaml").exit == 2)
        try place.writeJob(server.base)
        let otherJob = try place.rollcall("apply", "job.yaml")
        #expect(otherJob.exit == 6 && otherJob.output.contains("another job file"), "\(otherJob.everything)")
    }

    @Test("a SCIM server can be the directory: its users and groups reach the target, and its leavers leave")
    func scimSource() throws {
        let seed = Program.repository.appendingPathComponent("jobs/demo/seed.json").path
        let source = try ServerProcess.sandbox(["--seed", seed, "--page-size", "2"])
        let target = try ServerProcess.sandbox()
        defer {
            source.stop()
            target.stop()
        }
        let place = try Workplace()
        func job(_ scope: String) -> String {
            """
            job: test
            source:
              kind: scim
              baseURL: \(source.base)
              authorization: { key: "${SANDBOX_TOKEN}" }
              \(scope)
            target:
              platform: generic
              baseURL: \(target.base)
              authorization: { key: "${SANDBOX_TOKEN}" }
            """
        }
        try place.write("job.yaml", job(""))
        let first = try place.rollcall("run", "job.yaml")
        #expect(first.exit == 0 && first.output.hasPrefix("OK. Run 1: 4 created, 1 changed"), "\(first.everything)")
        let quiet = try place.rollcall("plan", "--csv", "-", "job.yaml")
        #expect(quiet.exit == 0 && quiet.error.contains("No changes. 4 in step."), "\(quiet.everything)")
        try place.write("job.yaml", job("scope: { groups: [no_such_group] }"))
        let lost = try place.rollcall("run", "job.yaml")
        #expect(lost.exit == 5 && lost.output.contains("no_such_group"), "\(lost.everything)")
        source.stop()
        try place.write("job.yaml", job(""))
        #expect(try place.rollcall("run", "job.yaml").exit == 69)
    }

    @Test("law 9: two processes make the same plan of the same inputs, byte for byte")
    func reproducible() throws {
        let server = try ServerProcess.sandbox([
            "--seed", Program.repository.appendingPathComponent("jobs/demo/seed.json").path,
        ])
        defer { server.stop() }
        let place = try Workplace()
        try place.writeJob(server.base)
        try place.write(
            "directory.json",
            String(
                decoding: try Data(contentsOf: Program.repository.appendingPathComponent("jobs/demo/directory.json")),
                as: UTF8.self))
        var plans: Set<String> = []
        for number in 1...4 {
            #expect(try place.rollcall("plan", "--state", "state\(number)", "--csv", "plan.csv", "job.yaml").exit == 2)
            plans.insert(timeless(try place.read("plan.csv")))
        }
        #expect(plans.count == 1)
        // Into a pipe without the mark that spreadsheets need in a file.
        #expect(
            timeless("\u{FEFF}" + (try place.rollcall("plan", "--state", "state9", "--csv", "-", "job.yaml").output))
                == plans.first)
        // Until when it may be applied is all that differs.
        func timeless(_ text: String) -> String { text.replacing(#/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/#, with: "TIME") }
    }

    @Test(
        "no secret is in the ledger, the CSV, the log at its most verbose, or an error",
        arguments: ["key", "form", "query", "basic"])
    func secrets(way: String) throws {
        let secret = "S3cr3t-\(way)-9f81c2"
        let isOAuth = way != "key"
        let server = try ServerProcess.sandbox(
            isOAuth ? ["--client", "rollcall-client"] : [], token: isOAuth ? "" : secret,
            environment: ["SANDBOX_CLIENT_SECRET": secret])
        defer { server.stop() }
        let place = try Workplace()
        let login = server.base.replacingOccurrences(of: "/scim/v2", with: "/oauth/token")
        try place.write("directory.json", Workplace.directory(4))
        try place.writeJob(
            server.base,
            authorization: isOAuth
                ? """
                { oauth: { tokenURL: \"\(login)\", clientID: rollcall-client, clientSecret: \"${THE_SECRET}\", \
                placement: \(way) } }
                """
                : "{ key: \"${THE_SECRET}\" }")
        var told = ""
        for (arguments, exit, value) in [
            (["check"], 0, secret), (["plan", "--csv", "plan.csv"], 2, secret),
            (["run", "--csv", "run.csv", "--log-format", "json"], 0, secret), (["run"], 77, secret + "-wrong"),
        ] {
            let result = try Program.rollcall(
                arguments + ["--log-level", "trace", "job.yaml"], environment: ["THE_SECRET": value], in: place.folder)
            #expect(result.exit == Int32(exit), "\(arguments): \(result.everything)")
            told += result.everything
        }
        #expect(told.contains("request"))
        let files =
            FileManager.default.enumerator(at: place.folder, includingPropertiesForKeys: [.isRegularFileKey])?
            .compactMap { $0 as? URL } ?? []
        #expect(files.contains { $0.lastPathComponent == "test.sqlite" })
        var haystack = Data(told.utf8)
        for file in files where (try? file.resourceValues(forKeys: [.isRegularFileKey]).isRegularFile) == true {
            haystack.append(try Data(contentsOf: file))
        }
        // As it stands, percent-encoded, and inside Basic; and no token that was issued for it.
        for needle in [secret, "S3cr3t", Data("rollcall-client:\(secret)".utf8).base64EncodedString(), "issued-1-"] {
            #expect(haystack.range(of: Data(needle.utf8)) == nil, "\(needle)")
        }
    }

    @Test(
        """
        Alibaba Cloud's own SDKs read the sandbox's IDaaS, both APIs and both ways of paging, and are refused \
        where they should be
        """
    )
    func officialSDKs() throws {
        let directory = Program.repository.appendingPathComponent("jobs/demo/directory.json").path
        let keys = [
            "ALIBABA_CLOUD_ACCESS_KEY_ID": "LTAI5tTEST", "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "s3cret",
            "ALIBABA_CLOUD_SECURITY_TOKEN": "", "SANDBOX_APPLICATION_SECRET": "CSsecret",
        ]
        for token in ["", "CAISsts"] {
            let keys = keys.merging(["ALIBABA_CLOUD_SECURITY_TOKEN": token]) { $1 }
            let server = try ServerProcess.sandbox(["--directory", directory], environment: keys)
            defer { server.stop() }
            let result = try Program.run(
                URL(fileURLWithPath: "/bin/bash"),
                [
                    Program.foreign.appendingPathComponent("sdk.sh").path, "--endpoint",
                    server.origin.replacingOccurrences(of: "http://", with: ""), "--instance-id",
                    "idaas_k3mq7tzr5yx2nvbcd4wphfa6ue", "--application-id", "app_m3kq7tzr5yx2nvbcd4wphfa6ue",
                    "--client-secret", "CSsecret", "--page-size", "7", "--details", "--negative",
                ], environment: keys, seconds: 300)
            #expect(result.exit == 0, "\(result.everything.suffix(3000))")
            let report = try JSONValue(parsing: Array(result.output.utf8))
            #expect(report["problems"]?.array?.isEmpty == true)
            #expect(
                report["management"]?["users"]?.array?.count == 24 && report["developer"]?["users"]?.array?.count == 24)
            #expect(
                report["management"]?["user_details"]?.array?.count == 24
                    && report["developer"]?["members"]?.object?.count == 4)
            #expect(report["negative"]?.object?.count == 8, "\(report["negative"]?.canonical ?? "")")
        }
    }

    private static let idaasKeys = [
        "ALIBABA_CLOUD_ACCESS_KEY_ID": "LTAI5tTEST", "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "V3rySecret-81",
        "SANDBOX_APPLICATION_SECRET": "CSV3rySecret-82",
    ]

    private func idaasJob(_ server: ServerProcess, _ kind: String) -> String {
        let client = "client: { secret: \"${SANDBOX_APPLICATION_SECRET}\" }"
        return """
            job: test
            source:
              kind: \(kind)
              endpoint: \(server.origin)
              instance: idaas_k3mq7tzr5yx2nvbcd4wphfa6ue
              \(kind == "idaas" ? "" : "application: app_m3kq7tzr5yx2nvbcd4wphfa6ue\n  \(client)")
              pace: { requestsPerSecond: 1000, concurrency: 5 }
            target:
              platform: generic
              baseURL: \(server.base)
              authorization: { key: "${SANDBOX_TOKEN}" }
            pace: { requestsPerSecond: 1000, concurrency: 5 }
            """
    }

    @Test(
        "IDaaS over HTTP: in step, a lost page is exit 5, a wrong secret 77, and no secret is anywhere",
        arguments: ["idaas", "idaas-application"])
    func idaas(kind: String) throws {
        let directory = Program.repository.appendingPathComponent("jobs/demo/directory.json").path
        let server = try ServerProcess.sandbox(
            ["--directory", directory, "--directory-page-size", "5"], environment: Self.idaasKeys)
        let broken = try ServerProcess.sandbox(
            ["--directory", directory, "--directory-page-size", "5", "--fault", "lostPage:users:2:99"],
            environment: Self.idaasKeys)
        defer {
            server.stop()
            broken.stop()
        }
        let place = try Workplace()
        try place.write("job.yaml", idaasJob(server, kind))
        var told = ""
        func rollcall(_ arguments: String..., keys: [String: String] = [:]) throws -> Program.Result {
            let environment = ["SANDBOX_TOKEN": Workplace.token].merging(Self.idaasKeys) { $1 }.merging(keys) { $1 }
            let result = try Program.rollcall(
                arguments + ["--log-level", "trace", "job.yaml"], environment: environment, in: place.folder)
            told += result.everything
            return result
        }
        #expect(try rollcall("check").exit == 0)
        let first = try rollcall("run", "--csv", "run.csv")
        #expect(first.exit == 0 && first.output.hasPrefix("OK. Run 1: 27 created"), "\(first.everything)")
        #expect(try rollcall("plan").output.hasPrefix("No changes. 27 in step."))
        let wrong = try rollcall(
            "run",
            keys: [
                "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "V3rySecret-wrong",
                "SANDBOX_APPLICATION_SECRET": "CSV3rySecret-wrong",
            ])
        #expect(wrong.exit == 77, "\(wrong.everything)")
        try place.write("job.yaml", idaasJob(broken, kind))
        try FileManager.default.removeItem(at: place.folder.appendingPathComponent("snapshots"))
        let lost = try rollcall("run")
        #expect(lost.exit == 5 && lost.output.contains("users, page 2: is empty"), "\(lost.everything)")
        let files =
            FileManager.default.enumerator(at: place.folder, includingPropertiesForKeys: [.isRegularFileKey])?
            .compactMap { $0 as? URL } ?? []
        #expect(
            !files.contains { $0.lastPathComponent.hasSuffix(".source") || $0.lastPathComponent.hasSuffix(".scratch") })
        var haystack = Data(told.utf8)
        for file in files where (try? file.resourceValues(forKeys: [.isRegularFileKey]).isRegularFile) == true {
            haystack.append(try Data(contentsOf: file))
        }
        for needle in ["V3rySecret", "Signature=", "access_token"] {
            #expect(haystack.range(of: Data(needle.utf8)) == nil, "\(needle)")
        }
    }

    @Test("the sandbox satisfies two conformance testers that nobody here wrote")
    func conformance() throws {
        let server = try ServerProcess.sandbox()
        defer { server.stop() }
        let result = try Program.run(
            URL(fileURLWithPath: "/bin/bash"),
            [Program.foreign.appendingPathComponent("conformance.sh").path, server.base, Workplace.token], seconds: 400)
        #expect(result.exit == 0, "\(result.everything)")
        #expect(result.output.contains("scim2-tester:") && result.output.contains("scim-sanity:"))
    }
}
