import Foundation
import JSON
import Testing

/// What the program says can be followed, pasted and shown again: 16.
@Suite(.serialized) struct SeenCommandTests {
    @Test(
        """
        16 C, D: show gives the table of a run again, byte for byte, without a network; a ledger is forgotten \
        only when it is meant and nobody would keep access
        """
    )
    func again() throws {
        let stage = try Stage()
        defer { stage.server.stop() }
        #expect(try stage.place.rollcall("run", "--csv", "run.csv", "job.yaml").exit == 0)
        try stage.write(people: 1...6, named: "Changed")
        #expect(try stage.place.rollcall("run", "job.yaml").exit == 0)
        stage.server.stop()
        let shown = try stage.place.rollcall("show", "job.yaml", "--run", "1", "--csv", "again.csv")
        #expect(
            shown.exit == 0 && shown.output.contains("  + user Person 1 (person1): person1@corp.example"),
            "\(shown.everything)")
        let table = try stage.place.read("run.csv")
        #expect(
            try table == stage.place.read("again.csv") && table.contains(",Person 1,person1,person1@corp.example,")
                && table.hasPrefix("\u{FEFF}plan,digest,op,risk,what,"))
        #expect(try stage.place.rollcall("show", "job.yaml", "--run", "9").exit == 64)
        let look = try stage.place.rollcall("ledger", "forget", "job.yaml")
        #expect(
            look.exit == 0 && look.output.contains("6 users and 0 groups linked") && look.output.contains("--yes test"),
            "\(look.everything)")
        #expect(try stage.place.rollcall("ledger", "forget", "job.yaml", "--yes", "another").exit == 64)
        let paste = try #require(stage.commands(in: look.output).first?.components(separatedBy: " removes").first)
        #expect(try stage.type(paste).exit == 0)
        #expect(
            try FileManager.default.contentsOfDirectory(
                atPath: stage.place.folder.appendingPathComponent("snapshots").path
            ).filter { $0.hasPrefix("test.sqlite") } == [])
    }

    @Test("16 5: a plan that was approved and applied is shown again after eleven nights of other plans, byte for byte")
    func approved() throws {
        let stage = try Stage()
        defer { stage.server.stop() }
        #expect(try stage.place.rollcall("plan", "--csv", "approved.csv", "job.yaml").exit == 2)
        #expect(try stage.place.rollcall("apply", "--plan", "1", "job.yaml").exit == 0)
        for night in 1...11 {
            try stage.write(people: 1...6, named: "Night \(night)")
            #expect(try stage.place.rollcall("plan", "job.yaml").exit == 2)
            #expect(try stage.place.rollcall(night % 2 == 0 ? "run" : "apply", "job.yaml").exit == 0)
        }
        let shown = try stage.place.rollcall("show", "job.yaml", "--plan", "1", "--csv", "again.csv")
        #expect(shown.exit == 0, "\(shown.everything)")
        #expect(try stage.place.read("again.csv") == stage.place.read("approved.csv"))
    }

    @Test("16 D: a ledger that knows a leaver with access is not forgotten")
    func leaver() throws {
        let stage = try Stage()
        defer { stage.server.stop() }
        #expect(try stage.place.rollcall("run", "job.yaml").exit == 0)
        try stage.write(people: 1...3)
        #expect(try stage.place.rollcall("run", "job.yaml").exit == 4)
        let forget = try stage.place.rollcall("ledger", "forget", "job.yaml", "--yes", "test")
        #expect(
            forget.exit == 3
                && forget.error.contains("3 accounts (person4, person5, person6) should be ended and stand"),
            "\(forget.everything)")
        #expect(try stage.place.rollcall("plan", "job.yaml").exit == 4)
        #expect(try stage.place.rollcall("ledger", "forget", "job.yaml", "--yes", "test", "--accept-access").exit == 0)
    }

    @Test("16 E: the log is one event a line with sorted keys and numbers as numbers, and a run can be followed")
    func events() throws {
        let stage = try Stage()
        defer { stage.server.stop() }
        let run = try stage.place.rollcall("run", "--log-format", "json", "--log-level", "info", "job.yaml")
        let events = try run.error.split(separator: "\n").map { try JSONValue(parsing: Array($0.utf8)) }
        #expect(
            events.compactMap { $0["message"]?.string }.filter { $0 != "operation" && !$0.contains("request") } == [
                "run started", "source read", "target read", "plan made", "run finished",
            ],
            "\(run.error)")
        let operations = events.filter { $0["message"] == "operation" }
        #expect(
            operations.count == 6
                && operations.allSatisfy {
                    $0["action"] == "create" && $0["status"] == "done" && $0["run"]?.integer == 1 && $0["job"] == "test"
                })
        #expect(
            events.last?["exit"]?.integer == 0
                && events.first { $0["message"] == "source read" }?["users"]?.integer == 6
                && events.first { $0["message"] == "source read" }?["complete"] == true)
        for line in run.error.split(separator: "\n") {
            #expect(try JSONValue(parsing: Array(line.utf8)).canonical == String(line))
        }
    }

    @Test("16 E: what is nearly a command, a flag or a limit is told what it may be")
    func near() throws {
        let place = try Workplace()
        for (arguments, hint) in [
            (["pln", "job.yaml"], "did you mean “plan”?"),
            (["plan", "--cvs", "x", "job.yaml"], "Did you mean '--csv'?"),
            (["run", "--allow", "users.disabl=5", "job.yaml"], "did you mean users.disable?"),
        ] {
            let result = try Program.rollcall(arguments, in: place.folder)
            #expect(result.exit == 64 && result.error.contains(hint), "\(result.everything)")
        }
        #expect(try Program.rollcall(["--version"], in: place.folder).output.contains("ledger schema"))
    }

    @Test(
        """
        16 E: check tells its verdict first; --offline wants no secret and no network; a second job on one target \
        is refused as a plan refuses it
        """
    )
    func check() throws {
        let stage = try Stage()
        defer { stage.server.stop() }
        let good = try stage.place.rollcall("check", "job.yaml")
        #expect(
            good.exit == 0 && good.output.hasPrefix("test: good.\n  target: reached")
                && good.output.contains("one page of users and one of groups read"), "\(good.everything)")
        try stage.place.write(
            "second.yaml", try stage.place.read("job.yaml").replacingOccurrences(of: "job: test", with: "job: second"))
        let twice = try stage.place.rollcall("check", "job.yaml", "second.yaml")
        #expect(twice.exit == 78 && twice.error.contains("belongs to the job test"), "\(twice.everything)")
        #expect(try stage.place.rollcall("run", "job.yaml").exit == 0)
        #expect(try stage.place.rollcall("check", "second.yaml").exit == 78)
        stage.server.stop()
        let offline = try Program.rollcall(
            ["check", "--offline", "job.yaml"], environment: ["SANDBOX_TOKEN": ""], in: stage.place.folder)
        #expect(
            offline.exit == 0 && offline.output.hasPrefix("test: good, as far as the file tells."),
            "\(offline.everything)")
    }

    @Test("16 A: --quiet says nothing on a night that needs nobody, and colour is for terminals")
    func quiet() throws {
        let stage = try Stage()
        defer { stage.server.stop() }
        #expect(try stage.place.rollcall("run", "--quiet", "job.yaml").everything.isEmpty)
        try stage.write(people: 1...3)
        let held = try stage.place.rollcall("run", "--quiet", "--color", "always", "job.yaml")
        #expect(held.exit == 4 && held.output.contains("\u{1B}[33mHELD\u{1B}[0m"), "\(held.everything)")
        #expect(try !stage.place.rollcall("run", "job.yaml").output.contains("\u{1B}"))
        #expect(
            try stage.place.rollcall("run", "--detail", "none", "job.yaml").output.contains(
                "… and 3 more: rollcall show job.yaml --plan 4 --detail all"))
    }

    @Test("13 D8: check and ledger rebuild send nothing to an address that is another than the ledger knows")
    func editedAddress() throws {
        let stage = try Stage()
        defer { stage.server.stop() }
        #expect(try stage.place.rollcall("run", "job.yaml", "--state", "s").exit == 0)
        #expect(try stage.place.rollcall("check", "job.yaml", "--state", "s").exit == 0)
        // Nobody listens there: a request would end with another code.
        try stage.place.writeJob("http://127.0.0.1:9/scim/v2")
        for command in [["check"], ["ledger", "rebuild"]] {
            let result = try Program.rollcall(
                command + ["job.yaml", "--state", "s"], environment: ["SANDBOX_TOKEN": Workplace.token],
                in: stage.place.folder)
            #expect(
                result.exit == 74 && result.error.contains("belongs to the target \(stage.server.base)"),
                "\(command): \(result.everything)")
        }
    }

    @Test("13 A: ids of a directory file may be numbers, of users, members, units and what a unit is below")
    func numericIDs() throws {
        let stage = try Stage()
        defer { stage.server.stop() }
        try stage.place.write(
            "directory.json",
            #"""
            {"organizationalUnits": [{"organizationalUnitId": 10}, {"organizationalUnitId": 11, "parentId": 10}],
             "users": [{"userId": 12345678901234567890, "username": "ada", "displayName": "Ada", "status": "enabled",
                        "organizationalUnits": [11]},
                       {"userId": 2, "username": "bo", "displayName": "Bo", "status": "enabled",
                        "organizationalUnits": [12]}],
             "groups": [{"groupId": 7, "groupName": "ops", "members": [12345678901234567890, 2]}]}
            """#)
        let plan = try stage.place.rollcall("plan", "job.yaml", "--csv", "plan.csv")
        let csv = try stage.place.read("plan.csv")
        #expect(plan.exit == 2 && csv.contains("12345678901234567890"), "\(plan.everything)")
        #expect(csv.components(separatedBy: "add member").count - 1 >= 2, "\(csv)")
    }

    @Test("13 D6: what a name holds beside letters is shown in the log as what it is, in text and in JSON")
    func logs() throws {
        let stage = try Stage()
        defer { stage.server.stop() }
        try stage.place.write(
            "directory.json",
            (["users": [["userId": "u1", "username": "ada\u{202E}x\u{7F}", "displayName": "Ada", "status": "enabled"]]]
                as JSONValue).canonical)
        for format in ["text", "json"] {
            let run = try stage.place.rollcall("run", "job.yaml", "--log-level", "info", "--log-format", format)
            #expect(!run.error.isEmpty)
            for scalar in ["\u{202E}", "\u{7F}"] { #expect(!run.everything.contains(scalar), "\(format)") }
        }
    }

    @Test(
        "13 D5: no output is written over a source, a job file or a hard link to one, nor through a link; it is renamed"
    )
    func outputs() throws {
        let stage = try Stage()
        defer { stage.server.stop() }
        let folder = stage.place.folder
        func path(_ name: String) -> String { folder.appendingPathComponent(name).path }
        try FileManager.default.linkItem(atPath: path("job.yaml"), toPath: path("hard-job"))
        try FileManager.default.linkItem(atPath: path("directory.json"), toPath: path("hard-source"))
        try stage.place.write("elsewhere", "mine")
        try FileManager.default.createSymbolicLink(atPath: path("link"), withDestinationPath: path("elsewhere"))
        let before = try ["job.yaml", "directory.json", "elsewhere"].map { try stage.place.read($0) }
        for name in ["job.yaml", "directory.json", "hard-job", "hard-source", "link"] {
            let result = try stage.place.rollcall("plan", "job.yaml", "--csv", name)
            #expect(result.exit != 2 && result.error.contains("nothing was done"), "\(name): \(result.everything)")
            let metrics = try stage.place.rollcall("plan", "job.yaml", "--metrics", name)
            #expect(metrics.everything.contains("no numbers are written"), "\(name): \(metrics.everything)")
        }
        #expect(try ["job.yaml", "directory.json", "elsewhere"].map { try stage.place.read($0) } == before)
        // What is there is another file afterwards: a reader of the old one has all of it.
        try stage.place.write("plan.csv", "old")
        let number = try FileManager.default.attributesOfItem(atPath: path("plan.csv"))[.systemFileNumber] as? Int
        #expect(try stage.place.rollcall("plan", "job.yaml", "--csv", "plan.csv").exit == 2)
        let now = try FileManager.default.attributesOfItem(atPath: path("plan.csv"))[.systemFileNumber] as? Int
        #expect(number != nil && now != number)
        let left = try FileManager.default.contentsOfDirectory(atPath: folder.path)
        #expect(!left.contains { $0.contains(".partial") }, "\(left)")
    }

    @Test("13 D4: what goes to this machine in plain http passes no proxy, whatever the environment names")
    func noProxy() throws {
        let stage = try Stage()
        defer { stage.server.stop() }
        // Nobody listens there.
        let proxy = "http://127.0.0.1:9"
        let plan = try stage.place.rollcall(
            "plan", "job.yaml", environment: ["http_proxy": proxy, "all_proxy": proxy, "ALL_PROXY": proxy])
        #expect(plan.exit == 2, "\(plan.everything)")
    }

    @Test("16 D: a job names its state folder, from wherever it is run, and jobs that name two are not run together")
    func stateOfJob() throws {
        let server = try ServerProcess.sandbox()
        defer { server.stop() }
        let place = try Workplace()
        try place.write("jobs/directory.json", Workplace.directory(3))
        try place.writeJob(server.base, extra: "state: ../ledgers")
        try place.write("jobs/one.yaml", try place.read("job.yaml"))
        let plan = try place.rollcall("plan", "jobs/one.yaml", environment: ["ROLLCALL_STATE": "elsewhere"])
        #expect(plan.exit == 2 && !plan.output.contains("--state"), "\(plan.everything)")
        let run = try Program.rollcall(
            ["run", "one.yaml"], environment: ["SANDBOX_TOKEN": Workplace.token],
            in: place.folder.appendingPathComponent("jobs"))
        #expect(run.exit == 0, "\(run.everything)")
        let there = FileManager.default
        #expect(there.fileExists(atPath: place.folder.appendingPathComponent("ledgers/test.sqlite").path))
        #expect(!there.fileExists(atPath: place.folder.appendingPathComponent("elsewhere").path))
        let status = try place.rollcall("status", "jobs/one.yaml")
        #expect(status.exit == 0 && status.output.contains("4 created"), "\(status.everything)")
        let schedule = try place.rollcall("schedule", "--format", "cron", "jobs/one.yaml")
        #expect(
            schedule.output.contains("--state \(place.folder.resolvingSymlinksInPath().path)/ledgers"),
            "\(schedule.everything)")
        let units = try place.rollcall("schedule", "--format", "systemd", "jobs/one.yaml").output
        #expect(units.contains("rollcall-watch.service.d/test.conf\n[Service]\nReadWritePaths="), "\(units)")
        // However it is spelled, and from whichever folder: it is one.
        try place.write(
            "other/three.yaml",
            try place.read("job.yaml").replacingOccurrences(of: "job: test", with: "job: three").replacingOccurrences(
                of: "state: ../ledgers", with: "state: ../other/../ledgers/"))
        try place.write("other/directory.json", Workplace.directory(3))
        let spelled = try place.rollcall("status", "jobs/one.yaml", "./other/three.yaml")
        #expect(!spelled.error.contains("share one state folder"), "\(spelled.everything)")
        // What is said behind the command counts more; two folders are not one.
        #expect(try place.rollcall("status", "--state", "elsewhere", "jobs/one.yaml").exit != 0)
        try place.write(
            "jobs/two.yaml",
            try place.read("job.yaml").replacingOccurrences(of: "job: test", with: "job: two").replacingOccurrences(
                of: "state: ../ledgers", with: ""))
        // A look at what is known needs no common folder.
        try place.write("snapshots/empty", "")
        let seen = try place.rollcall("status", "jobs")
        #expect(seen.output.contains("test: run 2") && seen.output.contains("two: never run"), "\(seen.everything)")
        let both = try place.rollcall("plan", "jobs")
        #expect(both.exit == 78 && both.error.contains("share one state folder"), "\(both.everything)")
    }

    @Test("14: check tells of a ledger of an older version, looks at both sides, and sends nothing elsewhere")
    func checkOfOlder() throws {
        let server = try ServerProcess.sandbox()
        defer { server.stop() }
        let place = try Workplace()
        try place.write("directory.json", Workplace.directory(3))
        try place.writeJob(server.base)
        #expect(try place.rollcall("run", "job.yaml").exit == 0)
        let ledger = place.folder.appendingPathComponent("snapshots/test.sqlite").path
        let aged = try Program.run(
            URL(fileURLWithPath: "/usr/bin/env"),
            [
                "python3", "-c",
                "import sqlite3, sys; sqlite3.connect(sys.argv[1]).execute('PRAGMA user_version = 9')", ledger,
            ])
        #expect(aged.exit == 0, "\(aged.everything)")
        let check = try place.rollcall("check", "job.yaml")
        #expect(check.exit == 0 && check.output.contains("of an older version"), "\(check.everything)")
        try place.write(
            "job.yaml", try place.read("job.yaml").replacingOccurrences(of: server.base, with: server.base + "/other"))
        let elsewhere = try place.rollcall("check", "job.yaml")
        #expect(elsewhere.exit != 0 && elsewhere.error.contains("belongs to the target"), "\(elsewhere.everything)")
    }
}
