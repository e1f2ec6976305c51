import Foundation
import JSON
import Testing

/// What a run tells beside the terminal, and to whom: metrics, a ping, a program; and secrets that come from elsewhere
/// than a variable.
@Suite struct TellingTests {
    /// A server that writes the paths it is asked for into a file.
    private static let listener = """
        import http.server, sys
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                open(sys.argv[1], "a").write(self.path + "\\n")
                self.send_response(200); self.send_header("Content-Length", "0"); self.end_headers()
            def log_message(self, *arguments): pass
        server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
        print("READY base=http://127.0.0.1:%d" % server.server_port, flush=True)
        server.serve_forever()
        """

    @Test(
        """
        14 B, C: a folder of jobs: each line has its job, one table, --only; metrics, the ping and the program \
        after it tell the same; --max-age finds the job that did not run
        """
    )
    func folder() throws {
        let one = try ServerProcess.sandbox()
        defer { one.stop() }
        let two = try ServerProcess.sandbox()
        defer { two.stop() }
        let place = try Workplace()
        try place.write("jobs.d/directory.json", Workplace.directory(3))
        for (name, server) in [("east", one), ("west", two)] {
            try place.writeJob(server.base, extra: "after: [sh, -c, \"cat >> told-\(name).json\"]")
            try place.write(
                "jobs.d/\(name).yaml",
                try place.read("job.yaml").replacingOccurrences(of: "job: test", with: "job: \(name)"))
        }
        try place.write("jobs.d/notes.txt", "no job")
        let heard = place.folder.appendingPathComponent("heard").path
        let pinged = try ServerProcess(URL(fileURLWithPath: "/usr/bin/env"), ["python3", "-c", Self.listener, heard])
        defer { pinged.stop() }
        func rollcall(_ arguments: String...) throws -> Program.Result {
            try Program.rollcall(
                arguments,
                environment: [
                    "SANDBOX_TOKEN": Workplace.token, "PING_URL": pinged.base + "/check/4f1c", "USER": "ines",
                ], in: place.folder)
        }
        let first = try rollcall("run", "jobs.d", "--metrics", "rollcall.prom", "--ping", "${PING_URL}")
        #expect(first.exit == 0, "\(first.everything)")
        let lines = first.output.split(separator: "\n").map(String.init)
        #expect(
            lines.contains { $0.hasPrefix("east: OK. Run 1: ") }
                && lines.contains { $0.hasPrefix("west: OK. Run 1: ") }, "\(first.output)")
        #expect(
            lines.suffix(3).first?.hasPrefix("job   exit  in step  create") == true
                && lines.suffix(2).allSatisfy { $0.hasPrefix("east") || $0.hasPrefix("west") }, "\(first.output)")
        #expect(try place.read("heard") == "/check/4f1c/start\n/check/4f1c/0\n")
        #expect(!first.everything.contains("4f1c"))
        let metrics = try place.read("rollcall.prom")
        for sample in [
            "rollcall_exit_code{rollcall_job=\"east\"} 0",
            "rollcall_operations{rollcall_job=\"west\",verb=\"create\",status=\"done\"} 4",
            "rollcall_limit_used{rollcall_job=\"east\",limit=\"users.delete\",window=\"run\"} 0",
            "rollcall_source_users{rollcall_job=\"west\"} 3",
            "rollcall_last_success_timestamp_seconds{rollcall_job=\"east\"} ",
        ] { #expect(metrics.contains(sample), "\(sample) is not in\n\(metrics)") }
        #expect(!metrics.contains("person"), "nobody is named")
        let told = try JSONValue(parsing: Array(try place.read("told-east.json").utf8))
        #expect(
            told["job"] == "east" && told["exit"] == 0 && told["figures"]?["operations"]?["create"]?["done"] == 4,
            "\(told)")
        // Nothing to do, of one of them.
        let second = try rollcall("run", "jobs.d", "--only", "west", "--label", "by hand", "--allow", "users.delete=7")
        #expect(second.exit == 0 && second.output.hasPrefix("OK. No changes."), "\(second.everything)")
        #expect(
            try rollcall("plan", "jobs.d", "--only", "north").error.contains(
                "no job has that name; there are east, west"))
        let same = try rollcall("run", "jobs.d", "--csv", "both", "--metrics", "./both")
        #expect(same.exit == 64 && same.error.contains("--csv and --metrics name one file"), "\(same.everything)")
        let status = try rollcall("status", "--max-age", "26h")
        #expect(status.exit == 0 && status.output.contains("users.delete=7 by=ines, “by hand”"), "\(status.everything)")
        let late = try rollcall("status", "jobs.d", "--max-age", "0.000001h")
        #expect(late.exit == 3 && late.error.contains("overdue: east: last applied 2"), "\(late.everything)")
        try place.write(
            "jobs.d/north.yaml", try place.read("job.yaml").replacingOccurrences(of: "job: test", with: "job: north"))
        #expect(try rollcall("status", "jobs.d", "--max-age", "26h").error.contains("overdue: north: never applied"))
        // What it tells fails alone: the run is as good as it was.
        try place.write(
            "jobs.d/west.yaml",
            try place.read("jobs.d/west.yaml").replacingOccurrences(
                of: "cat >> told-west.json", with: "echo no robot is there >&2; exit 7"))
        let deaf = try rollcall("run", "jobs.d/west.yaml", "--ping", "file:nowhere")
        #expect(
            deaf.exit == 0 && deaf.error.contains("west: after: sh ended with 7: no robot is there")
                && deaf.error.contains("ping: the secret file"), "\(deaf.everything)")
    }

    @Test(
        """
        14 B: a secret may be what systemd loads or what a program prints; the program runs without a shell, and \
        not from a job file that others may write
        """
    )
    func secrets() throws {
        let server = try ServerProcess.sandbox()
        defer { server.stop() }
        let place = try Workplace()
        try place.write("directory.json", Workplace.directory(2))
        try place.write("loaded/target", Workplace.token + "\n")
        try place.writeJob(server.base, authorization: "{ key: \"credential:target\" }")
        func plan(_ environment: [String: String] = [:]) throws -> Program.Result {
            try Program.rollcall(["plan", "job.yaml"], environment: environment, in: place.folder)
        }
        #expect(try plan(["CREDENTIALS_DIRECTORY": place.folder.appendingPathComponent("loaded").path]).exit == 2)
        let unset = try plan()
        #expect(
            unset.exit == 78 && unset.error.contains("LoadCredential=target:PATH")
                || unset.everything.contains("LoadCredential=target:PATH"), "\(unset.everything)")
        try place.writeJob(server.base, authorization: "{ key: { command: [printf, \"%s\", \"\(Workplace.token)\"] } }")
        let printed = try plan()
        #expect(printed.exit == 2, "\(printed.everything)")
        #expect(try !Program.rollcall(["check", "job.yaml"], in: place.folder).everything.contains(Workplace.token))
        chmod(place.folder.appendingPathComponent("job.yaml").path, 0o666)
        let refused = try plan()
        #expect(refused.exit == 78 && refused.everything.contains("is not run: the job file"), "\(refused.everything)")
        chmod(place.folder.appendingPathComponent("job.yaml").path, 0o644)
        try place.writeJob(server.base, authorization: "{ key: { command: [sh, -c, \"echo sealed >&2; exit 2\"] } }")
        #expect(try plan().everything.contains("command: sh: sh ended with 2: sealed"))
    }

    @Test(
        """
        14: no secret in what a run tells: a loaded one, a printed one, the ping's address, in metrics, to the \
        program after it, in the log, the ledger and its copies
        """
    )
    func canary() throws {
        let secret = "Canary/\(UInt32.random(in: 1_000_000...9_999_999))+7f3a=xyz"
        let server = try ServerProcess.sandbox(token: secret)
        defer { server.stop() }
        let place = try Workplace()
        try place.write("directory.json", Workplace.directory(3))
        try place.write("loaded/target", secret + "\n")
        try place.write(
            "loaded/ping", "https://127.0.0.1:9/\(secret.replacingOccurrences(of: "+", with: "%2B"))/hook\n")
        var told = ""
        for reference in ["\"credential:target\"", "{ command: [cat, loaded/target] }"] {
            try place.writeJob(
                server.base, authorization: "{ key: \(reference) }",
                extra: """
                    after: [sh, -c, "cat > told.json; env > told.env; ls -l /proc/self/fd > told.fds; ulimit -c \
                    > told.core"]
                    """)
            for command in [
                ["check"], ["plan", "--csv", "plan.csv"],
                [
                    "run", "--csv", "run.csv", "--metrics", "rollcall.prom", "--ping", "credential:ping",
                    "--log-format", "json",
                ],
                ["status", "--max-age", "26h"],
            ] {
                let result = try Program.rollcall(
                    command + ["--log-level", "trace", "job.yaml"],
                    environment: ["CREDENTIALS_DIRECTORY": place.folder.appendingPathComponent("loaded").path],
                    in: place.folder)
                #expect([0, 2].contains(result.exit), "\(command): \(result.everything)")
                told += result.everything
            }
            #expect(told.contains("ping: https://127.0.0.1:9"), "the ping was tried, and failed")
        }
        var haystack = Data(told.utf8)
        let files =
            FileManager.default.enumerator(at: place.folder, includingPropertiesForKeys: [.isRegularFileKey])?
            .compactMap { $0 as? URL } ?? []
        for file in files
        where !file.path.contains("/loaded/")
            && (try? file.resourceValues(forKeys: [.isRegularFileKey]).isRegularFile) == true
        { haystack.append(try Data(contentsOf: file)) }
        for name in ["told.json", "rollcall.prom", "test.sqlite", "run.csv"] {
            #expect(files.contains { $0.lastPathComponent == name }, "\(name)")
        }
        #expect(files.contains { $0.path.contains("/copies/") })
        // No core dump holds them either: what a run begins has the run's own bound.
        #expect(try place.read("told.core") == "0\n")
        let forms = [
            secret, secret.replacingOccurrences(of: "/", with: "\\/"),
            secret.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? secret,
            Data(secret.utf8).base64EncodedString(), "Canary",
        ]
        for form in forms { #expect(haystack.range(of: Data(form.utf8)) == nil, "\(form)") }
    }

    @Test("16 E: every secret that is missing is named at once, by check and by plan")
    func missingSecrets() throws {
        let place = try Workplace()
        try place.write(
            "job.yaml",
            """
            job: test
            source: { kind: scim, baseURL: "http://127.0.0.1:9/scim/v2", authorization: { key: \
            "${ROLLCALL_TEST_NOWHERE}" } }
            target:
              platform: generic
              baseURL: http://127.0.0.1:9/scim/v2
              authorization: { oauth: { tokenURL: "http://127.0.0.1:9/token", clientID: rollcall, clientSecret: \
              "file:nowhere" } }
            """)
        for command in ["check", "plan"] {
            let result = try place.rollcall(command, "job.yaml")
            #expect(
                result.exit == 78 && result.everything.contains("ROLLCALL_TEST_NOWHERE is not set")
                    && result.everything.contains("nowhere is not there"), "\(command): \(result.everything)")
        }
    }

    /// A robot as the three services document theirs: it checks the signature, and says in the body of a 200 what it
    /// thinks of it.
    private static let robot = """
        import base64, hashlib, hmac, http.server, json, sys, time, urllib.parse
        key = "SECrobot"
        class Robot(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                url = urllib.parse.urlparse(self.path); query = dict(urllib.parse.parse_qsl(url.query))
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                sign = lambda k, m: base64.b64encode(hmac.new(k.encode(), m.encode(), hashlib.sha256).digest()).decode()
                answer = {"errcode": 310000, "errmsg": "sign not match"}
                if url.path == "/dingtalk":
                    stamp = query.get("timestamp", "")
                    if len(stamp) == 13 and abs(int(stamp) / 1000 - time.time()) < 60 and query.get("sign") == \
                    sign(key, stamp + "\\n" + key) and query.get("access_token") == "t": answer = {"errcode": 0}
                elif url.path == "/feishu":
                    stamp = body.get("timestamp", "")
                    answer = {"code": 0} if len(stamp) == 10 and body.get("sign") == sign(stamp + "\\n" + key, "") \
                    else {"code": 19021, "msg": "sign match fail"}
                elif url.path == "/wecom":
                    answer = {"errcode": 0} if len(body["markdown"]["content"].encode()) <= 4096 else {"errcode": \
                    40058, "errmsg": "content too long"}
                open(sys.argv[1], "a").write(json.dumps(body, ensure_ascii=False) + "\\n")
                data = json.dumps(answer).encode()
                self.send_response(200); self.send_header("Content-Length", str(len(data))); self.end_headers(); \
                self.wfile.write(data)
            def log_message(self, *arguments): pass
        server = http.server.HTTPServer(("127.0.0.1", 0), Robot)
        print("READY base=http://127.0.0.1:%d" % server.server_port, flush=True)
        server.serve_forever()
        """

    @Test(
        """
        14 B: three robots, each signed as its service wants it, and mail: counts, ten lines, no address, no \
        telephone number; a refusal in the body is a failure
        """
    )
    func robots() throws {
        let place = try Workplace()
        let heard = place.folder.appendingPathComponent("heard").path
        let robot = try ServerProcess(URL(fileURLWithPath: "/usr/bin/env"), ["python3", "-c", Self.robot, heard])
        defer { robot.stop() }
        let details = (0..<40).map {
            """
            held: user 名字\($0) (user_\($0)): emails[work]: person\($0)@corp.example is also that of user_1, +86 \
            138 0000 0000
            """
        }
        let result: JSONValue = [
            "job": "nightly", "exit": 3,
            "headline": "Plan: 1 to create, 0 to change, 0 to delete, 40 held, 0 conflicts; 7 in step.",
            "details": .array(details.map { .string($0) }),
            "csv": "/var/tmp/run.csv",
        ]
        try place.write("result.json", result.canonical)
        func tell(_ kind: String, _ more: String = "", secret: String = "SECrobot") throws -> Program.Result {
            try place.write(
                "credentials/robot-url", robot.base + "/\(kind)" + (kind == "dingtalk" ? "?access_token=t" : "") + "\n")
            try place.write("credentials/robot-secret", secret)
            return try Program.run(
                URL(fileURLWithPath: "/bin/sh"),
                ["-c", "'\(Program.repository.path)/deploy/after/tell' \(kind) \(more) < result.json"],
                environment: [
                    "CREDENTIALS_DIRECTORY": place.folder.appendingPathComponent("credentials").path,
                    "PATH": "\(place.folder.path):/usr/local/bin:/usr/bin:/bin",
                ], in: place.folder)
        }
        for kind in ["dingtalk", "feishu", "wecom"] {
            let told = try tell(kind)
            #expect(told.exit == 0, "\(kind): \(told.everything)")
            let refused = try tell(kind, secret: "SECother")
            #expect(
                kind == "wecom" ? refused.exit == 0 : refused.exit == 1 && refused.error.contains("did not take it"),
                "\(kind): \(refused.everything)")
            #expect(!refused.everything.contains("SECother") && !refused.everything.contains("access_token"))
        }
        // Mail: what sendmail is given.
        try place.write("sendmail", "#!/bin/sh\ncat > mail.txt\n")
        chmod(place.folder.appendingPathComponent("sendmail").path, 0o755)
        #expect(try tell("mail", "ops@corp.example").exit == 0)
        // Its body is base64 or quoted, since it holds Han characters.
        let decoded = try Program.run(
            URL(fileURLWithPath: "/usr/bin/env"),
            [
                "python3", "-c",
                """
                import email, email.policy; print(email.message_from_binary_file(open('mail.txt', 'rb'), \
                policy=email.policy.default).get_content())
                """,
            ],
            in: place.folder)
        for text in [try place.read("heard"), decoded.output] {
            #expect(
                text.contains("nightly: exit 3") && text.contains("and 30 more") && text.contains("/var/tmp/run.csv")
                    && text.contains("名字9"), "\(text.prefix(400))")
            #expect(!text.contains("corp.example") && !text.contains("138 0000") && !text.contains("名字10"))
        }
    }
}
