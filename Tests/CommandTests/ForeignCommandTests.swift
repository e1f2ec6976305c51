import Foundation
import JSON
import Testing

/// Files, signs and bounds of the machine that no suite had seen go wrong: 13, by its letters.
@Suite(.serialized) struct ForeignCommandTests {
    @Test(
        "13 D6: a sign that turns others is shown as what it is, on the terminal and in the log",
        arguments: ["text", "json"])
    func bidiAlone(format: String) throws {
        let stage = try Stage()
        defer { stage.server.stop() }
        try stage.place.write(
            "directory.json",
            ([
                "users": [
                    ["userId": "u1", "username": "ada\u{202E}x", "displayName": "Ada", "status": "enabled"],
                    ["userId": "u2", "username": "bo", "displayName": "Bo", "status": "enabled"],
                ]
            ] as JSONValue).canonical)
        let run = try stage.place.rollcall("run", "job.yaml", "--log-level", "info", "--log-format", format)
        #expect(!run.error.contains("\u{202E}"), "log")
        #expect(!run.output.contains("\u{202E}"), "terminal")
        #expect(run.everything.contains("\\u202e"), "\(run.everything)")
    }
    @Test("13 D6: what a job file or a path holds beside letters is shown as what it is")
    func messages() throws {
        let stage = try Stage()
        defer { stage.server.stop() }
        try stage.place.write("job2.yaml", try stage.place.read("job.yaml") + "\nx\u{202E}y: 1\n")
        let check = try stage.place.rollcall("check", "job2.yaml")
        #expect(check.exit == 78)
        try stage.place.write("to\u{202E}ken", Workplace.token)
        chmod(stage.place.folder.appendingPathComponent("to\u{202E}ken").path, 0o644)
        try stage.place.write(
            "job3.yaml",
            try stage.place.read("job.yaml").replacingOccurrences(
                of: "key: \"${SANDBOX_TOKEN}\"", with: "key: \"file:to\u{202E}ken\""))
        for format in ["text", "json"] {
            let plan = try stage.place.rollcall("plan", "job3.yaml", "--log-level", "info", "--log-format", format)
            #expect(plan.error.contains("chmod 600"), "\(plan.everything)")
            #expect(!plan.everything.contains("\u{202E}"), "\(format)")
        }
    }
    @Test("13 A: units of a directory file may be numbers, of users and of what a unit is below")
    func numericUnits() throws {
        let stage = try Stage()
        defer { stage.server.stop() }
        try stage.place.write(
            "directory.json",
            #"""
            {"organizationalUnits": [{"organizationalUnitId": 10}, {"organizationalUnitId": 11, "parentId": 10}],
             "users": [{"userId": 1, "username": "ada", "displayName": "Ada", "status": "enabled",
              "organizationalUnits": [11]},
                       {"userId": 2, "username": "bo", "displayName": "Bo", "status": "enabled",
              "organizationalUnits": [12]}],
             "groups": []}
            """#)
        let text = try stage.place.read("job.yaml")
        try stage.place.write(
            "job.yaml",
            text.replacingOccurrences(
                of: "path: directory.json", with: "path: directory.json, scope: { organizationalUnits: [\"10\"] }"))
        let plan = try stage.place.rollcall("plan", "job.yaml", "--csv", "plan.csv")
        let csv = try stage.place.read("plan.csv")
        #expect(csv.contains("ada") && !csv.contains("bo"), "\(plan.everything) \(csv)")
    }
    @Test("13 D5: a job file that a group may write is not run from")
    func groupBits() throws {
        let stage = try Stage()
        defer { stage.server.stop() }
        let job = stage.place.folder.appendingPathComponent("job.yaml").path
        chmod(job, 0o664)
        // Where nobody may give it to another group, its own will do.
        _ = chown(job, getuid(), 65534)
        let run = try stage.place.rollcall("run", "job.yaml")
        #expect(run.exit == 74 && run.error.contains("chmod g-w"), "\(run.everything)")
    }
    @Test("13 D5: a job file in a folder that everybody may write to is not run from")
    func folderOfJob() throws {
        let stage = try Stage()
        defer { stage.server.stop() }
        chmod(stage.place.folder.path, 0o777)
        let run = try stage.place.rollcall("run", "job.yaml")
        #expect(run.exit == 74 && run.error.contains("the folder of the job file"), "\(run.everything)")
        chmod(stage.place.folder.path, 0o700)
    }
    @Test("13 D5: no output goes over a hard link to a ledger, among the ledgers, or over a source")
    func hardLedger() throws {
        let stage = try Stage()
        defer { stage.server.stop() }
        #expect(try stage.place.rollcall("run", "job.yaml").exit == 0)
        let folder = stage.place.folder
        try FileManager.default.linkItem(
            at: folder.appendingPathComponent("snapshots/test.sqlite"), to: folder.appendingPathComponent("other"))
        let plan = try stage.place.rollcall("plan", "job.yaml", "--csv", "other")
        #expect(plan.exit == 64, "\(plan.everything)")
        let inside = try stage.place.rollcall("plan", "job.yaml", "--csv", "snapshots/new.csv")
        #expect(inside.exit == 64, "\(inside.everything)")
        let backup = try stage.place.rollcall("ledger", "backup", "job.yaml", "--to", "directory.json")
        #expect(backup.exit == 74, "\(backup.everything)")
    }
    @Test("13 D8: where core dumps are allowed, none is made while secrets are in memory")
    func core() throws {
        let stage = try Stage(extra: "limits: { source.shrink: none }\nafter: [sh, -c, \"ulimit -c > told.core\"]")
        defer { stage.server.stop() }
        let path = Program.products.appendingPathComponent("rollcall").path
        let run = try Program.run(
            URL(fileURLWithPath: "/bin/sh"), ["-c", "ulimit -c unlimited; '\(path)' run job.yaml"],
            environment: ["SANDBOX_TOKEN": Workplace.token], in: stage.place.folder)
        #expect(run.exit == 0, "\(run.everything)")
        #expect(try stage.place.read("told.core") == "0\n")
    }
}
