import Foundation
import JSON
import Planning
import Testing

/// Every command that a message prints can be typed as it stands: 16, show 3.
@Suite(.serialized) struct PastedCommandTests {
    @Test(
        """
        16 A, B: a command that a plan or a hold prints can be typed as it stands, also where the state folder's \
        name has a blank
        """
    )
    func pasted() throws {
        let stage = try Stage()
        defer { stage.server.stop() }
        let plan = try stage.place.rollcall("plan", "--state", "my state", "job.yaml")
        let apply = try #require(stage.commands(in: plan.output).first)
        #expect(apply.contains("--digest d:") && apply.contains("--state 'my state'"), "\(plan.everything)")
        let applied = try stage.type(apply)
        #expect(applied.exit == 0 && applied.output.hasPrefix("OK. Run 2: 6 created"), "\(applied.everything)")
        try stage.write(people: 1...3)
        let held = try stage.place.rollcall("run", "--state", "my state", "job.yaml")
        #expect(
            held.exit == 4 && held.output.hasPrefix("HELD. Run 3 wrote nothing, and no account was changed"),
            "\(held.everything)")
        #expect(
            held.output.contains("Held, and not written:") && held.output.contains("  - disable Person 4 (person4)")
                && held.output.contains("users.disable: 3 in this run, at most 1"), "\(held.output)")
        let words = try #require(stage.commands(in: held.output).first { $0.hasPrefix("rollcall run ") })
        let status = try stage.place.rollcall("status", "--state", "my state")
        #expect(status.output.contains("held: disable Person 4 (person4)"), "\(status.output)")
        let let_go = try stage.type(words)
        #expect(let_go.exit == 0 && let_go.output.contains("3 disabled"), "\(let_go.everything)")
        #expect(
            try stage.place.rollcall("status", "--state", "my state").output.contains(
                "leavers that wait: 3, the next person4 on "), "\(status.output)")
        // Another plan than the one that was looked at is refused.
        try stage.write(people: 1...3, named: "Changed")
        _ = try stage.place.rollcall("plan", "--state", "my state", "job.yaml")
        let other = try stage.place.rollcall(
            "apply", "--state", "my state", "job.yaml", "--digest", "d:0123456789abcdef")
        #expect(other.exit == 6 && other.output.contains("no account was changed"), "\(other.everything)")
    }

    /// Types the one command of an output that holds some words.
    private func paste(_ words: String, from output: Program.Result, _ stage: Stage, exit: Int32) throws
        -> Program.Result
    {
        let command = try #require(
            stage.commands(in: output.everything).first { $0.contains(words) }, "\(words): \(output.everything)")
        let typed = try stage.type(command)
        #expect(typed.exit == exit, "\(command): \(typed.everything)")
        return typed
    }

    @Test("16 3: what an option lets go is told with the whole command, and the command does it")
    func options() throws {
        let seed = try Workplace()
        try seed.write(
            "seed.json",
            #"{"users": [{"userName": "person1", "displayName": "Somebody Else", "active": true}]}"#)
        let stage = try Stage(
            ["--seed", seed.folder.appendingPathComponent("seed.json").path],
            extra: "limits: { source.shrink: none, users.create: 3 }")
        defer { stage.server.stop() }
        try stage.write(people: 1...6, groups: [["groupId": "g1", "groupName": "ops", "members": ["user_2"]]])
        // A namesake of which more than the name should agree, and a limit on what is given.
        let plan = try stage.place.rollcall("plan", "job.yaml")
        let linked = try paste("--accept-association user:person1", from: plan, stage, exit: 2)
        #expect(linked.output.contains("associate Person 1 (person1)"), "\(linked.output)")
        let run = try paste("--allow users.create=5", from: plan, stage, exit: 3)
        #expect(run.output.contains("6 created"), "\(run.output)")
        let again = try paste("--accept-association user:person1", from: run, stage, exit: 0)
        #expect(again.output.contains("1 changed"), "\(again.output)")
        // A source that lost its groups.
        try stage.write(people: 1...6)
        let emptied = try stage.place.rollcall("run", "job.yaml")
        #expect(emptied.exit == 5, "\(emptied.everything)")
        // An id that begins with a dash is a value all the same.
        #expect(shellOption("--retry", "-7") == "--retry=-7" && shellOption("--retry", "a b") == "--retry 'a b'")
        let dashed = try stage.place.rollcall("plan", shellOption("--retry", "-7"), "job.yaml")
        #expect(dashed.output.contains("is no record's name or source id: -7"), "\(dashed.everything)")
        let meant = try paste("--accept-source-change", from: emptied, stage, exit: 0)
        #expect(!meant.output.contains("source incomplete"), "\(meant.output)")
        // A scope that grew smaller.
        try stage.place.writeJob(stage.server.base, extra: "limits: { source.shrink: none, users.disable: none }")
        let job = try stage.place.read("job.yaml")
        try stage.place.write(
            "job.yaml",
            job.replacingOccurrences(
                of: "directory.json }", with: "directory.json, scope: { organizationalUnits: [works] } }"))
        let narrower = try stage.place.rollcall("run", "job.yaml")
        let left = try paste("--accept-scope-change", from: narrower, stage, exit: 0)
        #expect(left.output.contains("3 disabled"), "\(left.output)")
        // What an undo gave back stays, until it is released.
        let runs = try stage.place.rollcall("status", "job.yaml").output
        let number = try #require(runs.firstMatch(of: #/wrote: run (\d+) /#)?.output.1)
        #expect(try stage.place.rollcall("undo", "job.yaml", String(number)).exit == 0)
        let restored = try stage.place.rollcall("plan", "job.yaml")
        let released = try paste("--release", from: restored, stage, exit: 2)
        #expect(released.output.contains("3 to disable"), "\(released.output)")
        // More rows than are shown.
        let few = try stage.place.rollcall("plan", "--detail", "none", "--release", "job.yaml")
        let all = try paste("--detail all", from: few, stage, exit: 0)
        #expect(all.output.contains("disable Person 5 (person5)"), "\(all.output)")
    }

    @Test("16 3: a first run that may be none is told with the whole command")
    func firstRun() throws {
        let stage = try Stage()
        defer { stage.server.stop() }
        #expect(try stage.place.rollcall("run", "--copies", "2", "job.yaml").exit == 0)
        for name in ["", "-wal", "-shm"] {
            try? FileManager.default.removeItem(
                at: stage.place.folder.appendingPathComponent("snapshots/test.sqlite\(name)"))
        }
        let refused = try stage.place.rollcall("run", "job.yaml")
        #expect(refused.exit == 78, "\(refused.everything)")
        _ = try paste("ledger restore", from: refused, stage, exit: 0)
        #expect(try stage.place.rollcall("run", "job.yaml").output.contains("6 in step"))
        try FileManager.default.removeItem(
            at: stage.place.folder.appendingPathComponent("snapshots/test.sqlite"))
        let anew = try paste("--first-run", from: try stage.place.rollcall("run", "job.yaml"), stage, exit: 0)
        #expect(anew.output.contains("6 in step"), "\(anew.output)")
    }
}
