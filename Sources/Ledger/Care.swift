import Foundation
import GRDB

/// Looking after a ledger: checks, and copies that stand alone.
extension Ledger {
    /// What is wrong with this ledger, in words; empty when all is well. Reads every page.
    public func verify() throws -> [String] {
        try read { db in
            var findings = try String.fetchAll(db, sql: "PRAGMA integrity_check(20)").filter { $0 != "ok" }
            if !findings.isEmpty { return findings }
            func count(_ what: String, _ sql: String) throws {
                let number = try Int.fetchOne(db, sql: sql) ?? 0
                if number > 0 { findings.append("\(number) \(what)") }
            }
            try count(
                "links name a record or an object that the ledger does not know",
                """
                SELECT count(*) FROM links l WHERE NOT EXISTS (SELECT 1 FROM ids i WHERE i.n = l.source)
                    OR NOT EXISTS (SELECT 1 FROM ids i WHERE i.n = l.target)
                """
            )
            try count(
                "operations belong to no plan",
                "SELECT count(*) FROM operations o WHERE NOT EXISTS (SELECT 1 FROM plans p WHERE p.id = o.plan)")
            try count(
                "records have two current versions",
                """
                SELECT count(*) FROM (SELECT 1 FROM versions WHERE last_run IS NULL GROUP BY space, n
                    HAVING count(*) > 1)
                """
            )
            try count(
                "intervals of the history end before they begin",
                "SELECT count(*) FROM versions WHERE last_run IS NOT NULL AND last_run < first_run - 1")
            return findings
        }
    }

    /// Writes a checked copy: under another name first, so that what bears the name is whole.
    public func backUp(to destination: String) throws {
        let partial = "\(destination).part-\(ProcessInfo.processInfo.processIdentifier)"
        do { try Self.write(queue, to: partial) } catch let error as DatabaseError {
            unlink(partial)
            throw LedgerError(error, path: partial)
        }
        let findings = try Self.findings(inCopy: partial)
        guard findings.isEmpty else {
            unlink(partial)
            throw LedgerError.io("the copy \(partial) is not good: \(findings.joined(separator: "; "))")
        }
        guard rename(partial, destination) == 0 else {
            throw LedgerError.io("cannot name the copy \(destination): \(String(cString: strerror(errno)))")
        }
    }

    /// Writes what a database holds into a new file that stands alone: without a log beside it, and without a holder.
    static func write(_ source: DatabaseQueue, to path: String) throws {
        // Never a folder, and never what a link leads to.
        unlink(path)
        let descriptor = open(path, O_CREAT | O_EXCL | O_RDWR, 0o600)
        guard descriptor >= 0 else {
            throw LedgerError.io("cannot create \(path): \(String(cString: strerror(errno)))")
        }
        close(descriptor)
        let copy = try openFile(path)
        try source.backup(to: copy)
        try copy.writeWithoutTransaction { db in
            try db.execute(sql: "PRAGMA journal_mode = DELETE")
            try db.execute(sql: "DELETE FROM learned WHERE key = 'holder'")
        }
        try copy.close()
    }

    /// What is wrong with a file that should be the copy of a ledger.
    public static func findings(inCopy path: String) throws -> [String] {
        do {
            let queue = try openFile(path, readOnly: true)
            defer { try? queue.close() }
            return try queue.read { db in
                guard try Int.fetchOne(db, sql: "PRAGMA application_id") == Schema.applicationID else {
                    return ["it is no Rollcall ledger"]
                }
                guard try Int.fetchOne(db, sql: "PRAGMA user_version") ?? 0 <= schemaVersion else {
                    return ["it was written by a newer rollcall"]
                }
                return try String.fetchAll(db, sql: "PRAGMA integrity_check(5)").filter { $0 != "ok" } + strangers(db)
            }
        } catch let error as DatabaseError where error.resultCode.primaryResultCode == .SQLITE_BUSY {
            // Another program has it; that says nothing of the copy.
            throw LedgerError(error, path: path)
        } catch let error as DatabaseError {
            return ["it cannot be read: \(error.message ?? "SQLite error \(error.resultCode.rawValue)")"]
        }
    }

    /// What another hand has put into a ledger: a trigger would write what no run has written.
    private static func strangers(_ db: Database) throws -> [String] {
        let own = try DatabaseQueue()
        try migrate(own, path: "memory")
        let tables = try own.read {
            try Set(String.fetchAll($0, sql: "SELECT name FROM sqlite_schema WHERE type = 'table'"))
        }
        let found = try Row.fetchAll(
            db,
            sql: "SELECT type, name FROM sqlite_schema WHERE type IN ('table', 'trigger', 'view') ORDER BY type, name")
        return found.compactMap { row -> String? in
            let (type, name): (String, String) = (row[0], row[1])
            // SQLite's own, and those of a program that replicates it.
            if type == "table", tables.contains(name) || name.hasPrefix("sqlite_") || name.hasPrefix("_litestream") {
                return nil
            }
            return "it has a \(type) “\(name)” that no version of rollcall makes"
        }
    }
}
