import Foundation
import GRDB
import SCIM

/// One read of a source, in a scratch file of its own, for all the jobs that read that source: as it came, before any
/// mapping.
///
/// A ledger attaches it for reading (`Ledger.attach(snapshot:)`). The file goes with the object.
public final class Snapshot {
    /// A record as it came.
    public struct Record: Hashable, Sendable {
        /// 0 user, 1 group.
        public var kind: ResourceKind
        public var id: String
        /// Its fields as canonical JSON.
        public var fields: String
        public var problem: String?
        public var place: String

        public init(kind: ResourceKind, id: String, fields: String, problem: String?, place: String) {
            self.kind = kind
            self.id = id
            self.fields = fields
            self.problem = problem
            self.place = place
        }
    }

    /// How a record stood to those that came before it.
    public enum Arrival: Sendable { case new, repeated, contradicting }

    let path: String
    private let queue: DatabaseQueue
    private var isReading = false
    private var numbers = IDNumbers()
    private let work = WorkCount.ofSnapshots

    /// - Parameter path: where the scratch file is made; nil for a place among the system's temporary files.
    public init(path: String?) throws {
        var descriptor: Int32
        if let path {
            try? FileManager.default.removeItem(atPath: path)
            descriptor = open(path, O_CREAT | O_EXCL | O_RDWR, 0o600)
            self.path = path
        } else {
            var template = Array(
                (NSTemporaryDirectory() + "/rollcall-snapshot-" + String(repeating: "X", count: 6)).utf8CString)
            descriptor = mkstemp(&template)
            self.path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        }
        guard descriptor >= 0 else {
            throw LedgerError.io("cannot create \(self.path): \(String(cString: strerror(errno)))")
        }
        close(descriptor)
        var configuration = Configuration()
        configuration.label = "snapshot"
        // One transaction spans a whole read: a commit for each record would be most of the work.
        configuration.allowsUnsafeTransactions = true
        configuration.prepareDatabase { db in
            try db.execute(sql: "PRAGMA journal_mode = OFF")
            try db.execute(sql: "PRAGMA synchronous = OFF")
            try db.execute(sql: "PRAGMA cache_size = -4000")
            try db.execute(sql: "PRAGMA max_page_count = \(Scratch.mostBytes / Scratch.pageSize)")
        }
        do {
            queue = try DatabaseQueue(path: self.path, configuration: configuration)
            try queue.writeWithoutTransaction { db in
                try db.execute(sql: Self.schema)
                work?.watch(db)
            }
        } catch let error as DatabaseError {
            throw LedgerError(scratch: error, path: self.path)
        }
    }

    deinit {
        try? queue.close()
        try? FileManager.default.removeItem(atPath: path)
    }

    private static let schema = """
        CREATE TABLE ids (n INTEGER PRIMARY KEY, kind INTEGER NOT NULL, id TEXT NOT NULL, UNIQUE (kind, id));
        CREATE TABLE records (n INTEGER PRIMARY KEY, fields TEXT NOT NULL, problem TEXT, place TEXT NOT NULL);
        CREATE TABLE units (id TEXT PRIMARY KEY, name TEXT, parent TEXT) WITHOUT ROWID;
        CREATE TABLE user_units (usr INTEGER NOT NULL, unit TEXT NOT NULL, PRIMARY KEY (usr, unit)) WITHOUT ROWID;
        CREATE INDEX user_units_by_unit ON user_units (unit, usr);
        CREATE TABLE members (grp INTEGER NOT NULL, usr INTEGER NOT NULL, PRIMARY KEY (grp, usr)) WITHOUT ROWID;
        -- In how many pages a group's members came; a group that is not here came in one piece.
        CREATE TABLE group_pages (grp INTEGER PRIMARY KEY, pages INTEGER NOT NULL);
        """

    private func access<Value>(_ body: (Database) throws -> Value) throws -> Value {
        do { return try queue.writeWithoutTransaction(body) } catch let error as DatabaseError {
            throw LedgerError(scratch: error, path: path)
        }
    }

    package func mostPages() throws -> Int { try access { try Int.fetchOne($0, sql: "PRAGMA max_page_count") ?? 0 } }

    /// Lets the file grow to a number of pages and no further, as a full disk does.
    package func limit(pages: Int) throws { try access { try $0.execute(sql: "PRAGMA max_page_count = \(pages)") } }

    // MARK: taking a read

    /// Forgets what is there and begins to take a read.
    public func begin() throws {
        try seal()
        numbers.forget()
        try access { db in
            try db.execute(sql: "BEGIN")
            for table in ["ids", "records", "units", "user_units", "members", "group_pages"] {
                try db.execute(sql: "DELETE FROM \(table)")
            }
        }
        isReading = true
    }

    /// Ends taking a read; only then can ledgers see it.
    public func seal() throws {
        guard isReading else { return }
        isReading = false
        numbers.forget()
        try access { try $0.execute(sql: "COMMIT") }
    }

    private func intern(_ db: Database, _ kind: ResourceKind, _ id: String) throws -> Int64 {
        let id = Ledger.withoutNUL(id)
        if let n = try Int64.fetchOne(
            db.cachedStatement(sql: "SELECT n FROM ids WHERE kind = ? AND id = ?"), arguments: [kind, id])
        {
            return n
        }
        try db.cachedStatement(sql: "INSERT INTO ids (kind, id) VALUES (?, ?)").execute(arguments: [kind, id])
        return db.lastInsertedRowID
    }

    public func add(_ record: Record) throws -> Arrival {
        try access { db in
            let n = try intern(db, record.kind, record.id)
            try db.cachedStatement(sql: "INSERT OR IGNORE INTO records (n, fields, problem, place) VALUES (?, ?, ?, ?)")
                .execute(arguments: [n, record.fields, record.problem, record.place])
            if db.changesCount == 1 { return .new }
            let known = try Row.fetchOne(
                db.cachedStatement(sql: "SELECT fields, problem FROM records WHERE n = ?"), arguments: [n])
            if let known, known[0] as String == record.fields, known[1] as String? == record.problem {
                return .repeated
            }
            // Whichever of them is meant, what the other says must not be written to its account.
            var doubtful = record
            doubtful.problem = "two records of the source have this id, with different contents; keep one of them"
            try put(db, n, doubtful)
            return .contradicting
        }
    }

    /// Puts a fuller record in the place of one that came.
    public func replace(_ record: Record) throws {
        try access { try put($0, intern($0, record.kind, record.id), record) }
    }

    private func put(_ db: Database, _ n: Int64, _ record: Record) throws {
        try db.cachedStatement(sql: "INSERT OR REPLACE INTO records (n, fields, problem, place) VALUES (?, ?, ?, ?)")
            .execute(arguments: [n, record.fields, record.problem, record.place])
    }

    /// Returns how many of the members had not come before.
    public func add(members: [String], of group: String) throws -> Int {
        try access { db in
            let grp = try intern(db, .group, group)
            let list = IDNumbers.list(
                try members.map { member in try numbers.number(0, member) { try intern(db, .user, member) } })
            try db.cachedStatement(sql: "INSERT OR IGNORE INTO members (grp, usr) SELECT ?, value FROM json_each(?)")
                .execute(arguments: [grp, list])
            return db.changesCount
        }
    }

    public func add(unit id: String, name: String?, parent: String?) throws {
        try access {
            try $0.cachedStatement(sql: "INSERT OR REPLACE INTO units (id, name, parent) VALUES (?, ?, ?)").execute(
                arguments: [id, name, parent])
        }
    }

    /// False when the user was in the unit already.
    public func place(user: String, inUnit unit: String) throws -> Bool {
        try access { db in
            try db.cachedStatement(sql: "INSERT OR IGNORE INTO user_units (usr, unit) VALUES (?, ?)").execute(
                arguments: [intern(db, .user, user), unit])
            return db.changesCount == 1
        }
    }

    public func displace(user: String, fromUnit unit: String) throws {
        try access {
            try $0.execute(
                sql: "DELETE FROM user_units WHERE usr = ? AND unit = ?", arguments: [intern($0, .user, user), unit])
        }
    }

    public func note(pages: Int, ofGroup group: String) throws {
        try access {
            try $0.execute(
                sql: "INSERT OR REPLACE INTO group_pages (grp, pages) VALUES (?, ?)",
                arguments: [intern($0, .group, group), pages])
        }
    }

    /// Puts other members in the place of a group's: what a second reading found.
    public func replace(members: [String], of group: String) throws {
        try access { db in
            try db.execute(sql: "DELETE FROM members WHERE grp = ?", arguments: [intern(db, .group, group)])
        }
        _ = try add(members: members, of: group)
    }

    // MARK: asking

    /// Members without a record, after `last` in the order of their bytes; of the groups given, or of all. The groups
    /// are looked at when `last` is empty.
    public func unknownMembers(of groups: [String]?, after last: String, limit: Int) throws -> [String] {
        try access { db in
            if last.isEmpty {
                try db.execute(
                    sql:
                        """
                        CREATE TEMP TABLE IF NOT EXISTS members_of
                            (usr INTEGER PRIMARY KEY); DELETE FROM temp.members_of
                        """
                )
                if let groups {
                    for group in groups {
                        try db.execute(
                            sql: "INSERT OR IGNORE INTO temp.members_of SELECT usr FROM members WHERE grp = ?",
                            arguments: [intern(db, .group, group)])
                    }
                } else {
                    try db.execute(sql: "INSERT OR IGNORE INTO temp.members_of SELECT usr FROM members")
                }
            }
            return try String.fetchAll(
                db,
                sql: """
                    SELECT i.id FROM ids i WHERE i.kind = 0 AND i.id > ?
                        AND NOT EXISTS (SELECT 1 FROM records r WHERE r.n = i.n)
                    AND EXISTS (SELECT 1 FROM temp.members_of m WHERE m.usr = i.n) ORDER BY i.id LIMIT ?
                    """, arguments: [last, limit])
        }
    }

    public func users(after last: String, limit: Int) throws -> [String] {
        try access { db in
            try String.fetchAll(
                db,
                sql:
                    """
                    SELECT i.id FROM ids i JOIN records r ON r.n = i.n WHERE i.kind = 0 AND i.id > ? ORDER BY i.id
                        LIMIT ?
                    """,
                arguments: [last, limit])
        }
    }

    /// Users that are both in a unit and in one below it, after `last` in the order in which they came.
    public func users(inUnitAndBelow unit: String, after last: String, limit: Int) throws -> [String] {
        try access { db in
            try String.fetchAll(
                db,
                sql: """
                    WITH RECURSIVE below (id) AS (SELECT id FROM units WHERE parent = ?1 UNION SELECT u.id FROM units u
                        JOIN below b ON u.parent = b.id)
                    SELECT i.id FROM user_units a INDEXED BY user_units_by_unit JOIN ids i ON i.n = a.usr
                    WHERE a.unit = ?1 AND a.usr > coalesce((SELECT n FROM ids WHERE kind = 0 AND id = ?2), 0)
                    AND EXISTS (SELECT 1 FROM user_units b WHERE b.usr = a.usr AND b.unit IN (SELECT id FROM below))
                        ORDER BY a.usr LIMIT ?3
                    """, arguments: [unit, last, limit])
        }
    }

    public func members(of group: String) throws -> [String] {
        try access { db in
            try String.fetchAll(
                db,
                sql:
                    """
                    SELECT i.id FROM members m JOIN ids g ON g.n = m.grp AND g.kind = 1 JOIN ids i ON i.n = m.usr
                        WHERE g.id = ? ORDER BY i.id
                    """,
                arguments: [group])
        }
    }

    public func pages(ofGroup group: String) throws -> Int {
        try access { db in
            try Int.fetchOne(
                db, sql: "SELECT p.pages FROM group_pages p JOIN ids g ON g.n = p.grp WHERE g.kind = 1 AND g.id = ?",
                arguments: [group]) ?? 1
        }
    }

    /// Users and groups that came.
    public func count() throws -> (users: Int, groups: Int) {
        try access { db in
            (
                try Int.fetchOne(db, sql: "SELECT count(*) FROM records r JOIN ids i ON i.n = r.n WHERE i.kind = 0")
                    ?? 0,
                try Int.fetchOne(db, sql: "SELECT count(*) FROM records r JOIN ids i ON i.n = r.n WHERE i.kind = 1")
                    ?? 0
            )
        }
    }

    /// The whole snapshot in canonical lines: equal directories give equal lines, whoever was asked and in whatever
    /// order.
    public func forEachLine(_ body: (String) throws -> Void) throws {
        try access { db in
            let records = try Row.fetchCursor(
                db,
                sql:
                    """
                    SELECT i.kind, i.id, r.fields, r.problem FROM records r JOIN ids i ON i.n = r.n
                        ORDER BY i.kind, i.id
                    """
            )
            while let row = try records.next() {
                try body(
                    """
                    \(row[0] as Int == 0 ? "user" : "group") \(row[1] as String) \(row[2] as String)\
                    \((row[3] as String?).map { " problem: \($0)" } ?? "")
                    """
                )
            }
            let units = try Row.fetchCursor(
                db, sql: "SELECT i.id, u.unit FROM user_units u JOIN ids i ON i.n = u.usr ORDER BY i.id, u.unit")
            while let row = try units.next() { try body("in unit \(row[1] as String): \(row[0] as String)") }
            let members = try Row.fetchCursor(
                db,
                sql:
                    """
                    SELECT g.id, i.id FROM members m JOIN ids g ON g.n = m.grp JOIN ids i ON i.n = m.usr
                        ORDER BY g.id, i.id
                    """
            )
            while let row = try members.next() { try body("in group \(row[0] as String): \(row[1] as String)") }
        }
    }
}
