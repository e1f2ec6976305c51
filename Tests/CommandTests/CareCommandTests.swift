import Foundation
import Testing

/// The programs when something cuts in: a second run, a signal, a kill, a damaged ledger.
@Suite struct CareCommandTests {
    @Test("a second run while one is going is 75 and names the holder")
    func lock() throws {
        let server = try ServerProcess.sandbox()
        defer { server.stop() }
        let place = try Workplace()
        try place.write("directory.json", Workplace.directory(60))
        try place.writeJob(server.base, extra: "")
        // Slow enough to be met.
        let slow = try place.read("job.yaml").replacingOccurrences(
            of: "requestsPerSecond: 2000", with: "requestsPerSecond: 20")
        try place.write("job.yaml", slow)
        let first = Process()
        first.executableURL = Program.products.appendingPathComponent("rollcall")
        first.arguments = ["run", "job.yaml"]
        first.currentDirectoryURL = place.folder
        first.environment = ProcessInfo.processInfo.environment.merging(["SANDBOX_TOKEN": Workplace.token]) { _, new in
            new
        }
        first.standardOutput = FileHandle.nullDevice
        try first.run()
        let lockFile = place.folder.appendingPathComponent("snapshots/test.lock")
        for _ in 0..<200 {
            if let size = try? Data(contentsOf: lockFile).count, size > 0 { break }
            Thread.sleep(forTimeInterval: 0.01)
        }
        let second = try place.rollcall("run", "job.yaml")
        #expect(second.exit == 75)
        #expect(
            second.error.contains("process \(first.processIdentifier) on ")
                && second.error.contains("rollcall run job.yaml"))
        #expect(try place.rollcall("status").output.contains("another run is going"))
        first.waitUntilExit()
        #expect(first.terminationStatus == 0)
        #expect(try place.rollcall("plan", "job.yaml").exit == 0)
    }

    @Test("killed with SIGKILL again and again, it ends in step, and nobody is made twice")
    func killed() throws {
        let server = try ServerProcess.sandbox()
        defer { server.stop() }
        let place = try Workplace()
        try place.write("directory.json", Workplace.directory(150))
        try place.writeJob(server.base)
        let slow = try place.read("job.yaml").replacingOccurrences(
            of: "requestsPerSecond: 2000", with: "requestsPerSecond: 60")
        try place.write("slow.yaml", slow)
        for round in 1...6 {
            let process = Process()
            process.executableURL = Program.products.appendingPathComponent("rollcall")
            process.arguments = ["run", "slow.yaml"]
            process.currentDirectoryURL = place.folder
            process.environment = ProcessInfo.processInfo.environment.merging(["SANDBOX_TOKEN": Workplace.token]) {
                _, new in new
            }
            process.standardOutput = FileHandle.nullDevice
            process.standardError = FileHandle.nullDevice
            try process.run()
            Thread.sleep(forTimeInterval: 0.25 + 0.07 * Double(round))
            kill(process.processIdentifier, SIGKILL)
            for _ in 0..<200 where process.isRunning { Thread.sleep(forTimeInterval: 0.01) }
            #expect(process.terminationReason == .uncaughtSignal, "round \(round) ended before it was killed")
        }
        let last = try place.rollcall("run", "job.yaml")
        #expect(last.exit == 0, "\(last.everything)")
        let quiet = try place.rollcall("plan", "job.yaml")
        #expect(quiet.exit == 0 && quiet.output.hasPrefix("No changes. 151 in step."), "\(quiet.everything)")
        #expect(!quiet.output.contains("not ours"), "\(quiet.output)")
    }

    @Test(
        "another program that reads, checkpoints or locks the ledger is waited for, while planning and while applying",
        arguments: ["reader", "checkpoints", "locks"])
    func beside(_ mode: String) throws {
        let server = try ServerProcess.sandbox()
        defer { server.stop() }
        let place = try Workplace()
        try place.write("directory.json", Workplace.directory(40))
        try place.writeJob(server.base)
        #expect(try place.rollcall("run", "job.yaml").exit == 0)
        try place.write("directory.json", Workplace.directory(400))
        let other = try ServerProcess(
            URL(fileURLWithPath: "/usr/bin/env"),
            [
                "python3", Program.foreign.appendingPathComponent("beside.py").path, mode,
                place.folder.appendingPathComponent("snapshots/test.sqlite").path,
            ])
        defer { other.stop() }
        func times() -> Int { other.output.split(separator: "\n").compactMap { Int($0) }.last ?? 0 }
        for (command, exit) in [("plan", Int32(2)), ("run", 0), ("plan", 0)] {
            // It has the ledger when the command begins, and again before the command ends.
            let before = times()
            for _ in 0..<500 where times() == before { Thread.sleep(forTimeInterval: 0.01) }
            let began = times()
            #expect(began > before)
            let result = try place.rollcall(command, "job.yaml")
            #expect(result.exit == exit, "\(mode): \(result.everything)")
            if command == "run" { #expect(times() > began, "\(mode) did not come in between") }
        }
    }

    @Test("a ledger is replicated by Litestream while runs are going, and the replica is whole")
    func replicated() throws {
        let server = try ServerProcess.sandbox()
        defer { server.stop() }
        let place = try Workplace()
        try place.write("directory.json", Workplace.directory(40))
        try place.writeJob(server.base)
        #expect(try place.rollcall("run", "job.yaml").exit == 0)
        let ledger = place.folder.appendingPathComponent("snapshots/test.sqlite").path
        let replica = place.folder.appendingPathComponent("replica").path
        let other = try ServerProcess(
            URL(fileURLWithPath: "/bin/bash"),
            [Program.foreign.appendingPathComponent("serve.sh").path, "replicate", "0", ledger, replica])
        defer { other.stop() }
        try place.write("directory.json", Workplace.directory(400))
        for (command, exit) in [("plan", Int32(2)), ("run", 0), ("plan", 0)] {
            let result = try place.rollcall(command, "job.yaml")
            #expect(result.exit == exit, "\(result.everything)")
        }
        Thread.sleep(forTimeInterval: 1)
        other.stop()
        let litestream = Program.repository.appendingPathComponent(".build-foreign/litestream/bin/litestream")
        let copy = place.folder.appendingPathComponent("snapshots/copy.sqlite").path
        let restored = try Program.run(litestream, ["restore", "-o", copy, "file://\(replica)"])
        #expect(restored.exit == 0, "\(restored.everything)")
        let check = try Program.run(
            URL(fileURLWithPath: "/usr/bin/env"),
            [
                "python3", "-c",
                """
                import sqlite3,sys; c=sqlite3.connect(sys.argv[1]); print(c.execute('PRAGMA \
                integrity_check').fetchone()[0], c.execute('SELECT count(*) FROM links').fetchone()[0])
                """,
                copy,
            ])
        #expect(check.output == "ok 401\n", "\(check.everything)")
    }

    @Test("a seed replays a simulated night in every process, to the byte")
    func replay() throws {
        let program = Program.products.appendingPathComponent("rollcall-simulate")
        for seed in ["3", "8"] {
            let nights = try (1...2).map { _ in try Program.run(program, ["--trace", seed]) }
            #expect(nights[0].exit == 0 && nights[0].output.split(separator: "\n").count > 20)
            #expect(nights[0].output == nights[1].output, "seed \(seed)")
        }
    }

    @Test(
        """
        13 D5: what another user may write decides nothing: a run refuses it and says what to do, a plan warns; a \
        copy with a trigger is no ledger
        """
    )
    func trust() throws {
        let server = try ServerProcess.sandbox()
        defer { server.stop() }
        let place = try Workplace()
        try place.write("directory.json", Workplace.directory(2))
        try place.write("token", Workplace.token)
        try place.writeJob(server.base, authorization: "{ key: \"file:token\" }")
        func mode(_ file: String, _ bits: Int) throws {
            try FileManager.default.setAttributes(
                [.posixPermissions: bits], ofItemAtPath: place.folder.appendingPathComponent(file).path)
        }
        try mode("token", 0o600)
        #expect(try place.rollcall("run", "job.yaml").exit == 0)
        for (file, good, bad, word) in [
            ("job.yaml", 0o644, 0o666, "the job file"), ("token", 0o600, 0o622, "the secret file"),
            ("snapshots/test.sqlite", 0o600, 0o602, "the ledger"),
            ("snapshots", 0o700, 0o777, "the state folder"),
        ] {
            try mode(file, bad)
            let run = try place.rollcall("run", "job.yaml")
            #expect(
                run.exit == 74 && run.error.contains(word) && run.error.contains("chmod go-w"),
                "\(file): \(run.everything)")
            let plan = try place.rollcall("plan", "job.yaml")
            #expect(
                (file == "snapshots" ? plan.exit == 74 : plan.exit == 0 && plan.error.contains("warning: "))
                    && plan.error.contains(word), "\(file): \(plan.everything)")
            try mode(file, good)
        }
        if geteuid() == 0 {
            // Root's files are everybody's to trust; another user's are not root's.
            let job = place.folder.appendingPathComponent("job.yaml").path
            chown(job, 65534, 65534)
            let run = try place.rollcall("run", "job.yaml")
            #expect(run.exit == 74 && run.error.contains("run as nobody"), "\(run.everything)")
            chown(job, 0, 0)
        }
        #expect(try place.rollcall("ledger", "backup", "job.yaml", "--to", "copy.sqlite").exit == 0)
        let sqlite = try Program.run(
            URL(fileURLWithPath: "/usr/bin/env"),
            [
                "python3", "-c",
                """
                import sqlite3; c = sqlite3.connect('copy.sqlite'); c.execute(\"CREATE TRIGGER t AFTER INSERT ON \
                links BEGIN DELETE FROM links; END\"); c.commit()
                """,
            ], in: place.folder)
        #expect(sqlite.exit == 0, "\(sqlite.error)")
        let restored = try place.rollcall("ledger", "restore", "job.yaml", "--from", "copy.sqlite")
        #expect(restored.exit == 74 && restored.error.contains("trigger “t”"), "\(restored.everything)")
        #expect(try place.rollcall("run", "job.yaml").exit == 0)
    }

    @Test("SIGTERM ends a run in order with 143, and the next one goes on")
    func terminated() throws {
        let server = try ServerProcess.sandbox()
        defer { server.stop() }
        let place = try Workplace()
        try place.write("directory.json", Workplace.directory(80))
        try place.writeJob(server.base)
        try place.write(
            "slow.yaml",
            try place.read("job.yaml").replacingOccurrences(
                of: "requestsPerSecond: 2000", with: "requestsPerSecond: 40"))
        let process = Process()
        // A test's threads may have signals blocked, which a child would inherit.
        process.executableURL = URL(fileURLWithPath: "/usr/bin/python3")
        process.arguments = [
            "-c",
            "import os,signal,sys; signal.pthread_sigmask(signal.SIG_SETMASK, []); os.execv(sys.argv[1], sys.argv[1:])",
            Program.products.appendingPathComponent("rollcall").path, "run",
            "slow.yaml",
        ]
        process.currentDirectoryURL = place.folder
        process.environment = ProcessInfo.processInfo.environment.merging(["SANDBOX_TOKEN": Workplace.token]) {
            _, new in new
        }
        let output = place.folder.appendingPathComponent("out")
        FileManager.default.createFile(atPath: output.path, contents: nil)
        process.standardOutput = try FileHandle(forWritingTo: output)
        process.standardError = FileHandle.nullDevice
        try process.run()
        Thread.sleep(forTimeInterval: 1.3)
        kill(process.processIdentifier, SIGTERM)
        for _ in 0..<1000 where process.isRunning { Thread.sleep(forTimeInterval: 0.01) }
        #expect(process.terminationReason == .exit && process.terminationStatus == 143)
        let said = try place.read("out")
        #expect(said.contains("stopped by a signal"), "\(said)")
        let status = try place.rollcall("status", "job.yaml")
        #expect(!status.output.contains("interrupted run to be settled"), "\(status.everything)")
        #expect(try place.rollcall("run", "job.yaml").exit == 0)
        #expect(try place.rollcall("plan", "job.yaml").output.hasPrefix("No changes. 81 in step."))
    }

    @Test("a run is taken back, its ledger is copied, and a damaged one is restored or rebuilt")
    func care() throws {
        let server = try ServerProcess.sandbox()
        defer { server.stop() }
        let place = try Workplace()
        try place.write("directory.json", Workplace.directory(3))
        try place.writeJob(server.base)
        let run = try place.rollcall("run", "job.yaml")
        #expect(run.exit == 0 && run.output.contains("Run 1: "), "\(run.everything)")
        #expect(try place.rollcall("undo", "job.yaml", "1").exit == 4)
        #expect(
            try place.rollcall(
                "undo", "job.yaml", "1", "--dry-run", "--allow", "users.delete=9", "--allow", "groups.delete=9",
                "--allow", "memberships.remove=9"
            ).exit == 2)
        #expect(try place.rollcall("status", "job.yaml").output.contains("wrote: run 1 (run) of "))
        let looked = try place.rollcall(
            "undo", "job.yaml", "1", "--dry-run", "--csv", "undo.csv", "--allow", "users.delete=9", "--allow",
            "groups.delete=9", "--allow", "memberships.remove=9")
        let rows = try place.read("undo.csv")
        #expect(looked.exit == 2 && rows.contains("undo of run 1"), "\(looked.everything)")
        let undone = try place.rollcall(
            "undo", "job.yaml", "1", "--allow", "users.delete=9", "--allow", "groups.delete=9", "--allow",
            "memberships.remove=9")
        #expect(undone.exit == 0, "\(undone.everything)")
        #expect(try place.rollcall("plan", "job.yaml").output.contains("held"))
        #expect(try place.rollcall("run", "job.yaml", "--release").exit == 0)
        #expect(
            try place.rollcall("ledger", "verify", "job.yaml").output.contains("test: good: 3 users and 1 group linked")
        )
        #expect(
            try FileManager.default.contentsOfDirectory(
                atPath: place.folder.appendingPathComponent("snapshots/copies").path
            ).count == 3)
        #expect(try place.rollcall("ledger", "backup", "job.yaml", "--to", "mine.sqlite").exit == 0)
        // A ledger that is none any more.
        for end in ["-wal", "-shm"] {
            try? FileManager.default.removeItem(at: place.folder.appendingPathComponent("snapshots/test.sqlite\(end)"))
        }
        try place.write(
            "snapshots/test.sqlite",
            "this is no ledger, and it is long enough to be looked at as one, whatever else it may be")
        #expect(try place.rollcall("ledger", "verify", "job.yaml").exit == 74)
        let restored = try place.rollcall("ledger", "restore", "job.yaml")
        #expect(restored.exit == 0 && restored.output.contains("the old one is"), "\(restored.everything)")
        #expect(try place.rollcall("plan", "job.yaml").output.hasPrefix("No changes. 4 in step."))
        let rebuilt = try place.rollcall("ledger", "rebuild", "job.yaml")
        #expect(rebuilt.exit == 0 && rebuilt.output.contains("4 accounts and groups linked"), "\(rebuilt.everything)")
        #expect(try place.rollcall("plan", "job.yaml").output.hasPrefix("No changes. 4 in step."))
        // A ledger of another job takes nobody's place.
        try place.write(
            "other.yaml",
            try place.read("job.yaml").replacingOccurrences(of: "job: test", with: "job: other").replacingOccurrences(
                of: server.base, with: "http://127.0.0.1:9/scim/v2"))
        let foreign = try place.rollcall("ledger", "restore", "other.yaml", "--from", "mine.sqlite")
        #expect(foreign.exit == 74 && foreign.error.contains("is of the job test"), "\(foreign.everything)")
        // A ledger that is lost is no first run, and the copies are not rotated out by what knows nothing.
        for end in ["", "-wal", "-shm"] {
            try? FileManager.default.removeItem(at: place.folder.appendingPathComponent("snapshots/test.sqlite\(end)"))
        }
        for _ in 1...4 {
            let lost = try place.rollcall("run", "job.yaml")
            #expect(
                lost.exit == 78 && lost.error.isEmpty && lost.output.contains("rollcall ledger restore job.yaml"),
                "\(lost.everything)")
        }
        #expect(try place.rollcall("plan", "job.yaml").output.contains("rollcall ledger restore job.yaml"))
        #expect(try place.rollcall("undo", "job.yaml", "1").exit == 78)
        #expect(try place.rollcall("ledger", "verify", "job.yaml").exit == 74)
        for end in ["", "-wal", "-shm"] {
            try? FileManager.default.removeItem(at: place.folder.appendingPathComponent("snapshots/test.sqlite\(end)"))
        }
        #expect(
            try place.rollcall("status", "job.yaml").output.contains("to put it back: rollcall ledger restore job.yaml")
        )
        let back = try place.rollcall("ledger", "restore", "job.yaml")
        #expect(back.exit == 0 && back.output.contains("it knows 3 users and 1 groups"), "\(back.everything)")
        #expect(try place.rollcall("run", "job.yaml").output.hasPrefix("OK. No changes. 4 in step."))
        // What a link leads to is looked at, and not the link.
        try FileManager.default.createSymbolicLink(
            at: place.folder.appendingPathComponent("state"),
            withDestinationURL: place.folder.appendingPathComponent("snapshots"))
        #expect(try place.rollcall("run", "job.yaml", "--state", "state").exit == 0)
        #expect(try place.rollcall("status", "--state", "nowhere").exit == 74)
        // One bad ledger keeps no other from being looked at.
        try place.write(
            "snapshots/another.sqlite",
            "this is no ledger, and it is long enough to be looked at as one, whatever else it may be")
        let all = try place.rollcall("status")
        #expect(all.exit == 74 && all.output.contains("test:") && all.error.contains("another:"), "\(all.everything)")
        // A report takes no ledger's place, and no job file's.
        #expect(try place.rollcall("plan", "job.yaml", "--csv", "job.yaml").exit == 64)
        #expect(try place.rollcall("plan", "job.yaml", "--csv", "snapshots/another.sqlite").exit == 64)
        #expect(try place.rollcall("plan", "job.yaml").exit == 0)
        // Any name is a job's, also one that the state folder uses.
        try place.write(
            "targets.yaml",
            try place.read("job.yaml").replacingOccurrences(of: "job: test", with: "job: targets").replacingOccurrences(
                of: server.base, with: "http://127.0.0.1:9/scim/v2"))
        #expect(try place.rollcall("plan", "targets.yaml").exit == 69)
        // Whoever reads the log may be gone: the run goes on.
        let rollcall = Program.products.appendingPathComponent("rollcall").path
        let unread = try Program.run(
            URL(fileURLWithPath: "/bin/bash"),
            ["-c", "'\(rollcall)' run job.yaml --log-level trace 2>&1 >/dev/null | exec true; exit ${PIPESTATUS[0]}"],
            environment: ["SANDBOX_TOKEN": Workplace.token], in: place.folder)
        #expect(unread.exit == 0, "\(unread.everything)")
        chmod(place.folder.appendingPathComponent("snapshots").path, 0o777)
        #expect(try place.rollcall("plan", "job.yaml").exit == 74)
    }
}
