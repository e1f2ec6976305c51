import Foundation
import GRDB
import HTTP
import Jobs
import Testing

@testable import Ledger
import Planning
import SCIM

/// Copies, restoring, migration, and who may have a ledger.
@Suite struct CareTests {
    private func withFolder<Value>(_ body: (String) throws -> Value) throws -> Value {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("rollcall-care-\(UUID().uuidString)")
            .path
        try FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        defer { try? FileManager.default.removeItem(atPath: folder) }
        return try body(folder)
    }

    private func mode(_ path: String) -> Int {
        (try? FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int) ?? 0
    }

    @Test("copies are checked, private, whole by themselves, and only the last few are kept")
    func copies() throws {
        try withFolder { folder in
            let path = folder + "/nightly.sqlite"
            let ledger = try Ledger(path: path)
            // What knows nothing takes no better copy's place.
            #expect(try ledger.keepCopy(now: "2026-11-20T02:15:00Z", run: 0, keep: 3) == nil)
            for run in 1...5 {
                let id = try ledger.beginRun(command: "run", label: "number \(run)", started: "2026-11-24T02:15:00Z")
                try ledger.finishRun(
                    id, finished: "2026-11-24T02:16:00Z", exit: 0, summary: "fine", sourceComplete: true,
                    targetComplete: true, isBaseline: true, count: nil, scope: "", allowed: nil, requests: 1)
                _ = try ledger.keepCopy(now: "2026-11-2\(run)T02:15:00Z", run: id, keep: 3)
            }
            let copies = Ledger.copies(of: path, now: "2026-12-01T00:00:00Z")
            #expect(
                copies.map { ($0 as NSString).lastPathComponent } == [
                    "nightly.20261125T021500Z-000005.sqlite", "nightly.20261124T021500Z-000004.sqlite",
                    "nightly.20261123T021500Z-000003.sqlite",
                ])
            #expect(copies.allSatisfy { mode($0) == 0o600 })
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder + "/copies").count == 3)
            #expect(try Ledger.findings(inCopy: copies[0]).isEmpty)
            // Another job's copies are its own.
            #expect(Ledger.copies(of: folder + "/night.sqlite", now: "2026-12-01T00:00:00Z").isEmpty)
            #expect(try ledger.keepCopy(now: "2026-11-29T02:15:00Z", run: 9, keep: 0) == nil)
        }
    }

    @Test("a full disk is said to be full, then and afterwards, and the ledger is not called damaged")
    func fullDisk() throws {
        try withFolder { folder in
            let ledger = try Ledger(path: folder + "/nightly.sqlite")
            try ledger.attachScratch()
            // The scratch file has no journal: what a full disk leaves of it may read as damaged.
            try ledger.perform { try $0.execute(sql: "PRAGMA scratch.max_page_count = 24") }
            func stage() throws {
                for part in 0..<200 {
                    _ = try ledger.stage(
                        source: (0..<20).map {
                            StagedSource(
                                kind: .user, id: "user_\(part)_\($0)", externalID: nil, name: "n",
                                matchKey: "n\(part)_\($0)", body: "{}", digest: [1], active: true, problem: nil,
                                note: nil,
                                place: "line 1",
                                isProtected: false)
                        })
                }
            }
            for _ in 1...3 {
                let error = #expect(throws: LedgerError.self) { try stage() }
                #expect("\(try #require(error))".contains("is full"), "\(error.map { "\($0)" } ?? "")")
            }
            // Whatever still can be asked of it is answered, or the disk is named again.
            do { _ = try ledger.sourceCount() } catch { #expect("\(error)".contains("is full"), "\(error)") }
            #expect(try ledger.verify().isEmpty)
        }
        try withFolder { folder in
            let snapshot = try Snapshot(path: folder + "/nightly.sqlite.source")
            try snapshot.limit(pages: 6)
            try snapshot.begin()
            let error = #expect(throws: LedgerError.self) {
                for number in 0..<2000 {
                    _ = try snapshot.add(
                        Snapshot.Record(
                            kind: .user, id: "user_\(number)", fields: String(repeating: "x", count: 200), problem: nil,
                            place: ""))
                }
            }
            #expect("\(try #require(error))".contains("is full"))
        }
    }

    @Test("D7: a scratch file that has grown to its bound is named as such, and not as a full disk")
    func scratchBound() throws {
        try withFolder { folder in
            let path = folder + "/nightly.sqlite.source"
            #expect(FileManager.default.createFile(atPath: path, contents: nil))
            // A file of this length without its content.
            truncate(path, off_t(Scratch.mostBytes))
            let full = DatabaseError(resultCode: .SQLITE_FULL)
            #expect("\(LedgerError(scratch: full, path: path))".contains("has reached 64 GiB"))
            truncate(path, off_t(Scratch.mostBytes / 2))
            #expect("\(LedgerError(scratch: full, path: path))".contains("is full"))
            // The files themselves are opened with the bound.
            let snapshot = try Snapshot(path: path)
            #expect(try snapshot.mostPages() == Scratch.mostBytes / 4096)
        }
    }

    @Test("a damaged ledger is found, and a copy takes its place; the old one is set aside")
    func restore() throws {
        try withFolder { folder in
            let path = folder + "/nightly.sqlite"
            let copy: String
            do {
                let ledger = try Ledger(path: path)
                _ = try ledger.beginRun(command: "run", label: "kept", started: "2026-11-24T02:15:00Z")
                try ledger.finishRun(
                    1, finished: "2026-11-24T02:16:00Z", exit: 0, summary: "fine", sourceComplete: true,
                    targetComplete: true, isBaseline: true, count: nil, scope: "", allowed: nil, requests: 1)
                #expect(try ledger.verify().isEmpty)
                copy = try #require(try ledger.keepCopy(now: "2026-11-24T02:15:00Z", run: 1, keep: 3))
            }
            let size = try #require(try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int)
            let handle = try #require(FileHandle(forUpdatingAtPath: path))
            try handle.seek(toOffset: UInt64(size / 2))
            try handle.write(contentsOf: Data(repeating: 0x5A, count: size / 4))
            try handle.close()
            #expect(throws: LedgerError.self) {
                let ledger = try Ledger(path: path)
                let findings = try ledger.verify()
                if !findings.isEmpty { throw LedgerError.corrupt(path) }
            }
            let aside = try #require(try Ledger.restore(path, from: copy, now: "2026-11-25T08:00:00Z"))
            #expect(FileManager.default.fileExists(atPath: aside))
            // A second time in the same second takes nothing's place either.
            let another = try #require(try Ledger.restore(path, from: copy, now: "2026-11-25T08:00:00Z"))
            #expect(another != aside)
            #expect([aside, another, path].allSatisfy { FileManager.default.fileExists(atPath: $0) })
            let restored = try Ledger(path: path)
            #expect(try restored.verify().isEmpty)
            #expect(try restored.lastRun(isBaseline: true)?.label == "kept")
            // What is no ledger is never put in its place.
            try Data("hello".utf8).write(to: URL(fileURLWithPath: folder + "/other"))
            #expect(throws: LedgerError.self) {
                try Ledger.restore(path, from: folder + "/other", now: "2026-11-25T08:00:00Z")
            }
            #expect(FileManager.default.fileExists(atPath: path))
        }
    }

    @Test(
        "13 D5: a copy with a trigger, a view or a table of another hand is not put back, and the ledger stays",
        arguments: [
            "CREATE TRIGGER sly AFTER INSERT ON runs BEGIN DELETE FROM links; END", "CREATE VIEW sly AS SELECT 1",
            "CREATE TABLE sly (secret TEXT)",
        ])
    func strangersInCopies(statement: String) throws {
        try withFolder { folder in
            let path = folder + "/nightly.sqlite"
            do { try Ledger(path: path).backUp(to: folder + "/copy") }
            #expect(throws: Never.self) {
                try Ledger.restore(path, from: folder + "/copy", now: "2026-11-25T08:00:00Z")
            }
            let before = try Data(contentsOf: URL(fileURLWithPath: path))
            do {
                let queue = try DatabaseQueue(path: folder + "/copy")
                try queue.write { try $0.execute(sql: statement) }
            }
            do {
                _ = try Ledger.restore(path, from: folder + "/copy", now: "2026-11-25T08:00:00Z")
                Issue.record("it was put back")
            } catch { #expect("\(error)".contains("sly"), "\(error)") }
            #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == before)
        }
    }

    @Test("numbers of runs that were given since a copy, or may have been, are not given again after it was put back")
    func numbers() throws {
        try withFolder { folder in
            let path = folder + "/nightly.sqlite"
            func begin() throws -> Int64 {
                try Ledger(path: path).beginRun(command: "run", label: nil, started: "2026-11-24T02:15:00Z")
            }
            _ = try begin()
            try Ledger(path: path).backUp(to: folder + "/copy")
            for _ in 1...2 { _ = try begin() }
            _ = try Ledger.restore(path, from: folder + "/copy", now: "2026-11-25T08:00:00Z")
            #expect(try begin() == 4)
            // Also not when it was the wrong copy, and nothing ran in between.
            for _ in 1...2 { _ = try Ledger.restore(path, from: folder + "/copy", now: "2026-11-25T08:00:00Z") }
            #expect(try begin() == 5)
            try Data(repeating: 0x5A, count: 4096).write(to: URL(fileURLWithPath: path))
            _ = try Ledger.restore(path, from: folder + "/copy", now: "2026-11-25T08:00:00Z")
            #expect(try begin() == 1002)
            _ = try Ledger.restore(path, from: folder + "/copy", now: "2026-11-25T08:00:00Z")
            #expect(try begin() == 1003)
        }
    }

    @Test("a copy with a stamp in the future is a wrong clock's: it rotates nothing out, and is not the newest")
    func wrongClock() throws {
        try withFolder { folder in
            let path = folder + "/nightly.sqlite"
            let ledger = try Ledger(path: path)
            let id = try ledger.beginRun(command: "run", label: nil, started: "2026-11-24T02:15:00Z")
            try ledger.finishRun(
                id, finished: "2026-11-24T02:16:00Z", exit: 0, summary: "fine", sourceComplete: true,
                targetComplete: true, isBaseline: true, count: nil, scope: "", allowed: nil, requests: 1)
            for year in 2030...2032 { _ = try ledger.keepCopy(now: "\(year)-01-01T00:00:00Z", run: id, keep: 3) }
            var kept: [String] = []
            for day in 1...3 {
                kept.insert(
                    try #require(try ledger.keepCopy(now: "2026-11-2\(day)T00:00:00Z", run: id, keep: 3)), at: 0)
            }
            #expect(Ledger.copies(of: path, now: "2026-11-24T00:00:00Z") == kept)
            // Nothing but the copy itself is written, whatever lies beside it.
            try FileManager.default.createDirectory(atPath: folder + "/mine.part", withIntermediateDirectories: false)
            try ledger.backUp(to: folder + "/mine")
            #expect(FileManager.default.fileExists(atPath: folder + "/mine.part"))
        }
    }

    @Test("what a killed run left in the log beside a ledger comes back with it")
    func log() throws {
        try withFolder { folder in
            let path = folder + "/nightly.sqlite", killed = folder + "/killed.sqlite"
            do {
                let ledger = try Ledger(path: path)
                try ledger.learn("what was written last", "still here")
                // As a kill leaves it: nothing is carried over into the file.
                for end in ["", "-wal"] { try FileManager.default.copyItem(atPath: path + end, toPath: killed + end) }
            }
            _ = try Ledger.restore(path, from: killed, now: "2026-11-25T08:00:00Z")
            #expect(try Ledger(path: path).fact("what was written last") == "still here")
        }
    }

    @Test("a rebuilt ledger takes over what a readable old one knows, and else deletes nobody for certain")
    func adopt() throws {
        func ledger(origin: LinkOrigin) throws -> Ledger {
            let ledger = try Ledger()
            let run = try ledger.beginRun(command: "run", label: nil, started: "2026-11-24T02:15:00Z")
            try ledger.attachScratch()
            try ledger.define { _, _, _, _, _ in false }
            for (kind, source, target) in [(ResourceKind.user, "user_ada", "t-ada"), (.group, "group_1", "t-ops")] {
                _ = try ledger.stage(source: [
                    StagedSource(
                        kind: kind, id: source, externalID: source, name: source, matchKey: source, body: "{}",
                        digest: [], active: nil, problem: nil, note: nil, place: "", isProtected: false,
                        isDisabled: false)
                ])
                try ledger.classify(kinds: ResourceKind.allCases, mayRename: [])
                try ledger.draft { _ in
                    ([Draft(wave: 1, verb: .link, status: .planned, reason: "", name: "x")], .present)
                }
                let plan = try ledger.storePlan(
                    run: run, created: "2026-11-24T02:15:00Z", inputs: "", digest: { _ in }, finish: { "" })
                let operation = try #require(try ledger.nextPlanned(plan: plan, after: 0, limit: 1).first)
                let link = LinkState(
                    kind: kind, sourceID: source, targetID: target, origin: origin, externalID: source,
                    matchKey: source, sent: nil, sentDigest: nil, read: nil, readDigest: nil)
                try ledger.settle(operation, Outcome(status: .done, link: .set(link)), run: run)
            }
            return ledger
        }
        let old = try ledger(origin: .created), new = try ledger(origin: .associated)
        #expect(try new.link(kind: .user, source: "user_ada")?.origin == .associated)
        #expect(try new.adopt(old) == 2)
        #expect(try new.link(kind: .user, source: "user_ada")?.origin == .created)
        #expect(try new.link(kind: .group, source: "group_1")?.origin == .created)
    }

    @Test("an interrupted migration leaves the old file as it was")
    func migration() throws {
        try withFolder { folder in
            let path = folder + "/old.sqlite"
            let queue = try DatabaseQueue(path: path)
            try Ledger.migrate(queue, path: path, migrations: [Schema.migrations[0]])
            func picture() throws -> [String] {
                try queue.read {
                    try String.fetchAll($0, sql: "SELECT coalesce(sql, name) FROM sqlite_schema ORDER BY name") + [
                        String(Int.fetchOne($0, sql: "PRAGMA user_version") ?? 0)
                    ]
                }
            }
            let before = try picture()
            #expect(throws: (any Error).self) {
                try Ledger.migrate(
                    queue, path: path,
                    migrations: Schema.migrations + ["CREATE TABLE half (a); INSERT INTO nowhere VALUES (1);"])
            }
            #expect(try picture() == before)
            try Ledger.migrate(queue, path: path, migrations: Schema.migrations)
            #expect(try queue.read { try Int.fetchOne($0, sql: "PRAGMA user_version") } == Schema.migrations.count)
        }
    }

    @Test("a second host is refused while the first gives signs of life, and not after it")
    func hosts() throws {
        let ledger = try Ledger()
        let one = Ledger.Holder(host: "one", boot: "boot-1"), two = Ledger.Holder(host: "two", boot: "boot-2")
        try ledger.take(one, now: 1_790_000_000)
        #expect(throws: LedgerError.self) { try ledger.copy().take(two, now: 1_790_000_600) }
        // The same kernel has the same locks, and the same host may have been started anew.
        try ledger.copy().take(Ledger.Holder(host: "container", boot: "boot-1"), now: 1_790_000_600)
        try ledger.copy().take(Ledger.Holder(host: "one", boot: "boot-9"), now: 1_790_000_600)
        try ledger.copy().take(two, now: 1_790_000_600, insists: true)
        try ledger.copy().take(two, now: 1_790_004_000)
        try ledger.beat(now: 1_790_003_000)
        #expect(throws: LedgerError.self) { try ledger.copy().take(two, now: 1_790_004_000) }
        try ledger.letGo()
        try ledger.copy().take(two, now: 1_790_004_000)
    }

    @Test("what lies under the ledger's or the lock's name and leads elsewhere is refused")
    func links() throws {
        try withFolder { folder in
            try FileManager.default.createSymbolicLink(
                atPath: folder + "/evil.sqlite", withDestinationPath: folder + "/elsewhere")
            #expect(throws: LedgerError.self) { try Ledger(path: folder + "/evil.sqlite") }
            #expect(!FileManager.default.fileExists(atPath: folder + "/elsewhere"))
            try FileManager.default.createSymbolicLink(
                atPath: folder + "/evil.lock", withDestinationPath: folder + "/elsewhere")
            #expect(throws: LedgerError.self) { try JobLock(path: folder + "/evil.lock", holder: "me") }
            #expect(!FileManager.default.fileExists(atPath: folder + "/elsewhere"))
        }
    }

    @Test("a secret file that others can read is told")
    func secrets() throws {
        try withFolder { folder in
            let path = folder + "/token"
            FileManager.default.createFile(
                atPath: path, contents: Data("x".utf8), attributes: [.posixPermissions: 0o644])
            #expect(SecretReference("file:\(path)", folder: ".")?.concern?.contains("chmod 600 \(path)") == true)
            try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
            #expect(SecretReference("file:\(path)", folder: ".")?.concern == nil)
        }
    }

    @Test("together is one transaction: all of it, or nothing")
    func together() throws {
        let ledger = try Ledger()
        var commits = 0
        ledger.committed = { commits += 1 }
        try ledger.together {
            try ledger.learn("a", "1")
            try ledger.learn("b", "2")
            #expect(try ledger.fact("a") == "1")
        }
        #expect(commits == 1)
        #expect(throws: LedgerError.self) {
            try ledger.together {
                try ledger.learn("a", "3")
                throw LedgerError.io("no")
            }
        }
        #expect(try ledger.fact("a") == "1" && ledger.fact("b") == "2")
    }

    @Test("who lost the ledger to another host notices, and does not take it back")
    func lost() throws {
        try withFolder { folder in
            let here = try Ledger(path: folder + "/a.sqlite"), there = try Ledger(path: folder + "/a.sqlite")
            try here.take(Ledger.Holder(host: "north", boot: "1"), now: 1000)
            try here.beat(now: 1100)
            try there.take(Ledger.Holder(host: "south", boot: "2"), now: 1110, insists: true)
            // Also where the first sign was somebody's who lets errors be.
            try? here.beat(now: 1200)
            #expect(throws: LedgerError.self) { try here.beat(now: 1201) }
            try here.letGo()
            #expect(try there.fact("holder")?.hasPrefix("south") == true)
            try there.beat(now: 1300)
        }
    }

    @Test("R21: one target is one, however it is spelled")
    func spellings() throws {
        let canonical = try #require(URLParts("https://scim.example/v2")).canonical
        for text in ["https://SCIM.example/v2/", "https://scim.example:443//v2", "https://scim.example./v2"] {
            #expect(try #require(URLParts(text)).canonical == canonical, "\(text)")
        }
        #expect(
            URLParts("http://localhost:8480/scim/v2")?.canonical
                == URLParts("http://127.0.0.1:8480/scim//v2")?.canonical)
        #expect(URLParts("https://scim.example:8443/v2")?.canonical != canonical)
    }
}
