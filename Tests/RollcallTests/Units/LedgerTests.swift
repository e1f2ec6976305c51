import Foundation
import GRDB
import Testing

@testable import Ledger

@Suite struct LedgerTests {
    private func folder() throws -> URL {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
            "rollcall-\(ProcessInfo.processInfo.globallyUniqueString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        return folder
    }

    /// Facts that can hold together, and the situation of each by the words of the rules, written out once more by
    /// hand.
    @Test("every row of the truth table falls into exactly one situation")
    func truthTable() throws {
        let ledger = try Ledger()
        try ledger.attachScratch()
        var rows = 0
        try ledger.write { db in
            for bits in 0..<(1 << 12) {
                func bit(_ position: Int) -> Bool { bits >> position & 1 == 1 }
                let (linked, inSource, onTarget, protected, otherMark) = (bit(0), bit(1), bit(2), bit(3), bit(4))
                let (collision, unacceptable, disabledLeaver, differs, extLinked, nameMarked, alike) = (
                    bit(5), bit(6), bit(7), bit(8), bit(9), bit(10), bit(11)
                )
                for ext in 0...2 {
                    for name in 0...2 {
                        for sameTarget in [true, false] {
                            // Candidates exist for unlinked records alone; what is neither linked nor in the source is
                            // on the target.
                            if linked, ext > 0 || name > 0 || alike { continue }
                            if !linked, !inSource, !onTarget { continue }
                            let extTarget: Int? = ext > 0 ? 1 : nil
                            let nameTarget: Int? = name > 0 ? (sameTarget ? 1 : 2) : nil
                            try db.execute(sql: "DELETE FROM scratch.facts")
                            try db.execute(
                                sql:
                                    """
                                    INSERT INTO scratch.facts (kind, source, target, ext_target, name_target,
                                        alike_target, linked, in_source, on_target, protected, other_mark,
                                        collision, unacceptable, disabled_leaver, differs, ext_count, ext_linked,
                                        name_count, name_marked) VALUES (0, 1, 1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,
                                        ?, ?, ?, ?, ?)
                                    """,
                                arguments: [
                                    extTarget, nameTarget, alike ? 3 : nil as Int?, linked, inSource, onTarget,
                                    protected, otherMark, collision, unacceptable, disabledLeaver, differs, ext,
                                    extLinked,
                                    name, nameMarked,
                                ])
                            let found = try String.fetchAll(
                                db, sql: "SELECT \(Ledger.situationCase) FROM scratch.facts")
                            let expected: String
                            if protected {
                                expected = "protected"
                            } else if linked, onTarget, otherMark {
                                expected = "taken"
                            } else if linked, !inSource {
                                expected = onTarget ? "leaver" : "gone"
                            } else if !inSource {
                                expected = "unmanaged"
                            } else if collision {
                                expected = "collision"
                            } else if unacceptable {
                                expected = "unacceptable"
                            } else if linked {
                                expected =
                                    !onTarget
                                    ? "missing" : disabledLeaver ? "returned" : differs ? "changed" : "in step"
                            } else if ext == 2 || extLinked {
                                expected = "ambiguous"
                            } else if ext == 1 {
                                expected = name > 0 && !sameTarget ? "ambiguous" : "known"
                            } else if name == 2 {
                                expected = "ambiguous"
                            } else if name == 1 {
                                expected = nameMarked ? "foreign" : "existing"
                            } else if alike {
                                expected = "ambiguous"
                            } else {
                                expected = "absent"
                            }
                            if found != [expected] {
                                Issue.record("\(bits) ext \(ext) name \(name): \(found), expected \(expected)")
                            }
                            rows += 1
                        }
                    }
                }
            }
        }
        #expect(rows > 10_000)
    }

    @Test("a ledger file is private, in WAL, and fully synchronous")
    func file() throws {
        let folder = try folder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let path = folder.appendingPathComponent("a.sqlite").path
        let ledger = try Ledger(path: path)
        #expect(try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int == 0o600)
        try ledger.perform { db throws in
            #expect(try String.fetchOne(db, sql: "PRAGMA journal_mode") == "wal")
            #expect(try Int.fetchOne(db, sql: "PRAGMA synchronous") == 2)
        }
        try ledger.attachScratch()
        #expect(try FileManager.default.attributesOfItem(atPath: path + ".scratch")[.posixPermissions] as? Int == 0o600)
        try ledger.detachScratch()
        #expect(!FileManager.default.fileExists(atPath: path + ".scratch"))
    }

    @Test("a newer ledger is refused, an older one migrated, a foreign or damaged file refused with what to do")
    func versions() throws {
        let folder = try folder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let path = folder.appendingPathComponent("a.sqlite").path
        _ = try Ledger(path: path).beginRun(command: "run", label: nil, started: "2026-01-01T00:00:00Z")
        try DatabaseQueue(path: path).write { try $0.execute(sql: "PRAGMA user_version = 99") }
        #expect { try Ledger(path: path) } throws: {
            "\($0)".contains("schema 99") && "\($0)".contains("newer rollcall")
        }

        // Version 0 with our mark is what an interrupted first migration leaves.
        let old = folder.appendingPathComponent("old.sqlite").path
        try DatabaseQueue(path: old).write { try $0.execute(sql: "PRAGMA application_id = \(Schema.applicationID)") }
        let migrated = try Ledger(path: old)
        #expect(try migrated.read { try Int.fetchOne($0, sql: "PRAGMA user_version") } == Ledger.schemaVersion)

        let foreign = folder.appendingPathComponent("foreign.sqlite").path
        try DatabaseQueue(path: foreign).write { try $0.execute(sql: "CREATE TABLE t (x)") }
        #expect { try Ledger(path: foreign) } throws: { "\($0)".contains("not a Rollcall ledger") }
        let text = folder.appendingPathComponent("text.sqlite").path
        try Data(String(repeating: "no database ", count: 100).utf8).write(to: URL(fileURLWithPath: text))
        #expect { try Ledger(path: text) } throws: { "\($0)".contains("not a Rollcall ledger") }

        let damaged = folder.appendingPathComponent("damaged.sqlite").path
        do {
            let ledger = try Ledger(path: damaged)
            for number in 0..<500 { try ledger.learn("key \(number)", String(repeating: "x", count: 200)) }
            try ledger.perform { _ = try $0.checkpoint(.truncate) }
        }
        var bytes = try Data(contentsOf: URL(fileURLWithPath: damaged))
        for offset in stride(from: 4096 * 3, to: bytes.count, by: 4096) {
            for byte in 0..<64 { bytes[offset + byte] = 0xA5 }
        }
        try bytes.write(to: URL(fileURLWithPath: damaged))
        #expect { try Ledger(path: damaged) } throws: {
            "\($0)".contains("is damaged") && "\($0)".contains("rollcall ledger restore")
        }
    }

    @Test("a ledger belongs to one source and one target")
    func binding() throws {
        let ledger = try Ledger()
        try ledger.bind("target", "https://a.example")
        try ledger.bind("target", "https://a.example")
        try ledger.check(binding: "target", "https://a.example")
        try ledger.check(binding: "source", "anything, while nothing is bound")
        #expect { try ledger.check(binding: "target", "https://b.example") } throws: {
            "\($0)".contains("https://a.example") && "\($0)".contains("https://b.example")
        }
    }

    @Test("the lock names its holder, and is free when the holder is gone")
    func lock() throws {
        let folder = try folder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let path = folder.appendingPathComponent("a.lock").path
        do {
            let lock = try JobLock(path: path, holder: "process 1 on host, since then")
            #expect { try JobLock(path: path, holder: "second") } throws: {
                "\($0)".contains("process 1 on host, since then")
            }
            withExtendedLifetime(lock) {}
        }
        _ = try JobLock(path: path, holder: "third")
    }

    @Test("history keeps versions as intervals, and an incomplete read closes none")
    func history() throws {
        let ledger = try Ledger()
        func record(_ id: String, _ body: String) -> StagedSource {
            StagedSource(
                kind: .user, id: id, externalID: id, name: id, matchKey: id, body: body, digest: Array(body.utf8),
                active: true, problem: nil, note: nil, place: "line 1", isProtected: false)
        }
        func night(_ records: [StagedSource], complete: Bool) throws {
            let run = try ledger.beginRun(command: "run", label: nil, started: "")
            try ledger.attachScratch()
            #expect(try ledger.stage(source: records).isEmpty)
            try ledger.recordHistory(run: run, source: complete, target: true)
            try ledger.detachScratch()
        }
        try night([record("a", "1"), record("b", "1")], complete: true)
        try night([record("a", "2")], complete: false)
        try night([record("a", "2")], complete: true)
        try night([record("a", "2"), record("b", "1")], complete: true)
        let rows = try ledger.read { db in
            try Row.fetchAll(
                db,
                sql:
                    """
                    SELECT i.id, v.body, v.first_run, v.last_run FROM versions v JOIN ids i ON i.n = v.n
                        ORDER BY i.id, v.first_run
                    """
            ).map { row in
                "\(row[0] as String) \(row[1] as String) \(row[2] as Int)–\((row[3] as Int?).map(String.init) ?? "")"
            }
        }
        #expect(rows == ["a 1 1–1", "a 2 2–", "b 1 1–2", "b 1 4–"])
    }

    @Test("an id that comes twice is told")
    func repeated() throws {
        let ledger = try Ledger()
        try ledger.attachScratch()
        let twin = StagedSource(
            kind: .user, id: "a", externalID: "a", name: "a", matchKey: "a", body: "{}", digest: [1], active: nil,
            problem: nil, note: nil, place: "", isProtected: false)
        #expect(try ledger.stage(source: [twin, twin]) == ["a"])
    }

    @Test("17: the digest of members differs for different members, also where counts, sums and squares agree")
    func membersDigest() throws {
        let ledger = try Ledger()
        func digest(_ members: [Int]) throws -> String? {
            try ledger.read { db in
                try String.fetchOne(
                    db,
                    sql: "SELECT members_digest(value) FROM json_each(?)",
                    arguments: ["[\(members.map(String.init).joined(separator: ","))]"])
            }
        }
        #expect(try digest([1, 5, 6]) != digest([2, 3, 7]))
        #expect(try digest([1, 5, 6]) == digest([1, 5, 6]))
        #expect(try digest([]) == digest([]) && digest([1]) != digest([]))
        let groups = try ledger.read { db in
            try String.fetchAll(
                db,
                sql: """
                    SELECT members_digest(usr) FROM (SELECT 1 AS grp, 4 AS usr UNION ALL SELECT 1, 9
                        UNION ALL SELECT 2, 4 UNION ALL SELECT 3, 4 UNION ALL SELECT 3, 9) GROUP BY grp
                    """)
        }
        #expect(groups[0] == groups[2] && groups[0] != groups[1])
    }

    @Test("15: a word that no version knows is told as that, and never taken for another")
    func unknownWord() throws {
        let ledger = try Ledger()
        let run = try ledger.beginRun(command: "run", label: nil, started: "2026-11-24T02:15:00Z")
        try ledger.write {
            try $0.execute(
                sql: """
                    INSERT INTO plans (id, run, created, digest, inputs, state)
                    VALUES (1, ?, '2026-11-24T02:15:00Z', '', '', 'planned');
                    INSERT INTO operations (plan, seq, wave, kind, verb, situation, name, status, reason, fields)
                    VALUES (1, 1, 100, 7, 'create', 'absent', 'ada', 'planned', '', '[]')
                    """, arguments: [run])
        }
        #expect { try ledger.forEachOperation(plan: 1) { _ in } } throws: {
            "\($0)".contains("the ledger holds “7” where a ResourceKind stands")
        }
    }
}
