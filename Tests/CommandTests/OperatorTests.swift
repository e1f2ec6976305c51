import Foundation
import Testing

/// The programs in an operator's hands, where something is not as it should be.
@Suite struct OperatorTests {
    private func stage(_ count: Int) throws -> (ServerProcess, Workplace) {
        let server = try ServerProcess.sandbox()
        let place = try Workplace()
        try place.write("directory.json", Workplace.directory(count))
        try place.writeJob(server.base, extra: "")
        return (server, place)
    }

    @Test("a ledger whose index tells otherwise than its rows is refused before the first request, with what to type")
    func damagedIndex() throws {
        let (server, place) = try stage(20)
        defer { server.stop() }
        #expect(try place.rollcall("run", "job.yaml").exit == 0)
        let damage = Process()
        damage.executableURL = URL(fileURLWithPath: "/usr/bin/python3")
        damage.currentDirectoryURL = place.folder
        // Two links change places in the table, and not in its index.
        damage.arguments = [
            "-c",
            """
            import sqlite3
            def opened():
                base = sqlite3.connect('snapshots/test.sqlite')
                base.execute('pragma writable_schema = on')
                return base
            base = opened()
            base.execute('pragma wal_checkpoint(truncate)')
            index = base.execute("select * from sqlite_master where name = 'links_by_target'").fetchone()
            base.execute("delete from sqlite_master where name = 'links_by_target'")
            base.commit(); base.close()
            base = opened()
            pairs = 'select source, target from links where kind = 0 order by source limit 2'
            one, two = base.execute(pairs).fetchall()
            for source, target in [(one[0], two[1]), (two[0], one[1])]:
                base.execute('update links set target = ? where kind = 0 and source = ?', (target, source))
            base.execute('insert into sqlite_master values (?, ?, ?, ?, ?)', index)
            base.commit(); base.close()
            """,
        ]
        try damage.run()
        damage.waitUntilExit()
        #expect(damage.terminationStatus == 0)
        let run = try place.rollcall("run", "job.yaml")
        #expect(
            run.exit == 74 && run.error.contains("rollcall ledger restore job.yaml"), "\(run.everything)")
    }

    @Test("an empty ledger beside copies that know accounts is not forgotten with them")
    func forgetBesideCopies() throws {
        let (server, place) = try stage(8)
        defer { server.stop() }
        #expect(try place.rollcall("run", "job.yaml").exit == 0)
        for end in ["", "-wal", "-shm"] {
            try? FileManager.default.removeItem(at: place.folder.appendingPathComponent("snapshots/test.sqlite\(end)"))
        }
        _ = try place.rollcall("plan", "job.yaml")
        let forget = try place.rollcall("ledger", "forget", "job.yaml", "--yes", "test")
        #expect(forget.exit == 3 && forget.error.contains("knows 8 users"), "\(forget.everything)")
        #expect(
            try !FileManager.default.contentsOfDirectory(
                atPath: place.folder.appendingPathComponent("snapshots/copies").path
            ).isEmpty)
    }

    @Test("a CSV that cannot be written to its end is 74 in the first line, the numbers, the status and the exit alike")
    func oneResult() throws {
        let (server, place) = try stage(8)
        defer { server.stop() }
        let run = try place.rollcall("run", "job.yaml", "--csv", "/dev/full", "--metrics", "numbers.prom")
        #expect(run.exit == 74 && run.output.hasPrefix("FAILED. Run 1: 9 created"), "\(run.everything)")
        #expect(try place.read("numbers.prom").contains("rollcall_exit_code{rollcall_job=\"test\"} 74"))
        #expect(try place.rollcall("status", "job.yaml").output.contains("exit 74"))
        #expect(try place.rollcall("run", "job.yaml").output.hasPrefix("OK. No changes."))
    }

    @Test("of two commands over the same jobs in another order, one does its work")
    func lockOrder() throws {
        let (server, place) = try stage(4)
        defer { server.stop() }
        let job = try place.read("job.yaml")
        for name in ["a", "b"] {
            try place.write("\(name).yaml", job.replacingOccurrences(of: "job: test", with: "job: \(name)"))
        }
        for _ in 0..<3 {
            let processes = try [["a.yaml", "b.yaml"], ["b.yaml", "a.yaml"]].map { jobs in
                let process = Process()
                process.executableURL = Program.products.appendingPathComponent("rollcall")
                process.arguments = ["plan"] + jobs
                process.currentDirectoryURL = place.folder
                process.environment = ProcessInfo.processInfo.environment.merging(["SANDBOX_TOKEN": Workplace.token]) {
                    _, new in new
                }
                process.standardOutput = FileHandle.nullDevice
                process.standardError = FileHandle.nullDevice
                try process.run()
                return process
            }
            for process in processes { process.waitUntilExit() }
            #expect(processes.contains { $0.terminationStatus != 75 }, "\(processes.map(\.terminationStatus))")
        }
    }

    @Test("a path that a scheduler would read in its own way is refused by name")
    func plainPaths() throws {
        let (server, place) = try stage(1)
        defer { server.stop() }
        for name in ["a b.yaml", "a%b.yaml", "a\"b.yaml"] {
            try place.write(name, try place.read("job.yaml"))
            for format in ["cron", "systemd"] {
                let schedule = try place.rollcall("schedule", "--format", format, name)
                #expect(schedule.exit == 64 && schedule.error.contains("a scheduler reads"), "\(schedule.everything)")
            }
        }
        #expect(try place.rollcall("schedule", "--format", "systemd", "job.yaml").exit == 0)
    }

    @Test("a held run tells known rows once under --quiet, and its first line each night")
    func quietHold() throws {
        let (server, place) = try stage(30)
        defer { server.stop() }
        #expect(try place.rollcall("run", "job.yaml").exit == 0)
        try place.write("directory.json", Workplace.directory(20))
        let first = try place.rollcall("run", "job.yaml", "--quiet")
        #expect(first.exit == 4 && first.output.contains("  - disable "), "\(first.everything)")
        let second = try place.rollcall("run", "job.yaml", "--quiet")
        #expect(
            second.exit == 4 && !second.output.contains("  - disable ")
                && second.output.contains("that were told before")
                && second.output.hasPrefix("HELD. "), "\(second.everything)")
    }

    @Test("what a killed copy left is removed by the next one, and an undo that finds nothing undoes nothing")
    func leftovers() throws {
        let (server, place) = try stage(6)
        defer { server.stop() }
        #expect(try place.rollcall("run", "job.yaml").exit == 0)
        let left = place.folder.appendingPathComponent("snapshots/copies/test.20260101T000000Z-000001.sqlite.part-77")
        try Data("half".utf8).write(to: left)
        try place.write("directory.json", Workplace.directory(7))
        #expect(try place.rollcall("run", "job.yaml").exit == 0)
        #expect(!FileManager.default.fileExists(atPath: left.path))
        #expect(
            try place.rollcall("undo", "job.yaml", "2", "--allow", "users.delete=1", "--allow", "memberships.remove=1")
                .exit == 0)
        _ = try place.rollcall("undo", "job.yaml", "2")
        let status = try place.rollcall("status", "job.yaml").output
        #expect(status.contains("undone since by run 3"), "\(status)")
    }

    @Test("what holds one job of a command holds all, and one whole command lets them go")
    func heldTogether() throws {
        let (one, place) = try stage(30)
        defer { one.stop() }
        let other = try ServerProcess.sandbox()
        defer { other.stop() }
        let job = try place.read("job.yaml")
        try place.write(
            "b.yaml",
            job.replacingOccurrences(of: "job: test", with: "job: b").replacingOccurrences(
                of: one.base, with: other.base))
        #expect(try place.rollcall("run", "job.yaml", "b.yaml").exit == 0)
        try place.write("directory.json", Workplace.directory(24))
        let held = try place.rollcall("run", "job.yaml", "b.yaml")
        let commands = held.output.split(separator: "\n").filter { $0.contains("If this is meant: rollcall ") }
        #expect(held.exit == 4 && commands.count == 1, "\(held.everything)")
        let words = try #require(commands.first?.components(separatedBy: "rollcall ").last).split(separator: " ")
        #expect(words.prefix(3) == ["run", "job.yaml", "b.yaml"])
        let done = try Program.rollcall(
            words.map { String($0) }, environment: ["SANDBOX_TOKEN": Workplace.token], in: place.folder)
        #expect(done.exit == 0, "\(words) \(done.everything)")
    }
}
