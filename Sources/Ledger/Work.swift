import GRDB
import GRDBSQLite

/// What SQLite does for a ledger, counted in steps of its virtual machine: the same for the same statements and rows on
/// every machine.
///
/// `@unchecked Sendable`: counts on the one thread of control that uses the ledger.
package final class WorkCount: @unchecked Sendable {
    /// Steps by statement, as it is written.
    package private(set) var steps: [String: Int] = [:]

    package init() {}

    /// Counts what the snapshots that are made in a task do.
    @TaskLocal package static var ofSnapshots: WorkCount?

    package var total: Int { steps.values.reduce(0, +) }

    /// Counts what a connection does; it must outlive the connection, or the watching.
    func watch(_ db: Database) {
        // Told of each statement when it ends.
        sqlite3_trace_v2(
            db.sqliteConnection, UInt32(SQLITE_TRACE_PROFILE),
            { _, context, statement, _ in
                if let context, let statement {
                    Unmanaged<WorkCount>.fromOpaque(context).takeUnretainedValue().add(OpaquePointer(statement))
                }
                return 0
            }, Unmanaged.passUnretained(self).toOpaque())
    }

    fileprivate func add(_ statement: OpaquePointer) {
        let number = Int(sqlite3_stmt_status(statement, SQLITE_STMTSTATUS_VM_STEP, 1))
        guard let text = sqlite3_sql(statement) else { return }
        steps[String(cString: text), default: 0] += number
    }
}

extension Ledger {
    /// Counts what SQLite does from now on; nil ends the counting. The count outlives it.
    package func count(_ work: WorkCount?) throws {
        try perform { db in
            if let work { work.watch(db) } else { sqlite3_trace_v2(db.sqliteConnection, 0, nil, nil) }
        }
    }

    /// Makes an index useless: it then bears its name and holds another column, so that whatever names it must walk all
    /// of it.
    package func spoil(index: String, holding columns: String) throws {
        let database = index.hasPrefix("scratch.") ? "scratch." : ""
        guard database.isEmpty || isScratchAttached else { return }
        try perform { db in
            let known = try String.fetchOne(
                db, sql: "SELECT sql FROM \(database)sqlite_schema WHERE type = 'index' AND name = ?",
                arguments: [index.split(separator: ".").last.map(String.init)])
            if known?.hasSuffix("ON \(columns)") ?? false { return }
            try db.execute(sql: "DROP INDEX IF EXISTS \(index); CREATE INDEX \(index) ON \(columns)")
        }
    }
}
