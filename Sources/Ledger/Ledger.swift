import Foundation
import GRDB
import Planning
import SCIM
import GRDBSQLite

/// Everything that one job remembers, in one SQLite file: the history of both sides, links, plans and the journal.
///
/// All calls are synchronous and meant for one thread of control: a run owns its ledger, and the job's lock keeps
/// other processes away. SQL is written here and nowhere else.
public final class Ledger {
    let queue: DatabaseQueue
    /// Where the ledger is; nil for one in memory.
    public let path: String?
    var scratchPath: String?
    /// The transaction that `together` has open; used by its body alone, on the queue's own thread.
    var transaction: Database?
    var holder: Holder?
    /// Set once another host was seen to have taken the ledger.
    var loss: LedgerError?
    var lastBeat = -Double.infinity

    /// Opens the ledger of a job, or creates it with mode 0600. Throws `LedgerError`.
    public init(path: String) throws {
        self.path = path
        let manager = FileManager.default
        try Self.refuseLink(path)
        if !manager.fileExists(atPath: path) {
            // Created before SQLite sees it, so that it is never readable to others, not even for a moment.
            let descriptor = open(path, O_CREAT | O_EXCL | O_RDWR, 0o600)
            guard descriptor >= 0 else {
                throw LedgerError.io("cannot create the ledger \(path): \(String(cString: strerror(errno)))")
            }
            close(descriptor)
        }
        do {
            queue = try DatabaseQueue(path: path, configuration: Self.configuration(isFile: true))
            try Self.migrate(queue, path: path)
        } catch let error as LedgerError {
            throw error
        } catch let error as DatabaseError {
            throw LedgerError(error, path: path)
        }
        chmod(path, 0o600)
    }

    /// A name that leads elsewhere may have been put there by somebody else.
    static func refuseLink(_ path: String) throws {
        var status = stat()
        guard lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFLNK else { return }
        throw LedgerError.io(
            """
            \(path) is a symbolic link, and what is written there could land anywhere; remove it, or name the \
            folder that it leads to with --state
            """
        )
    }

    /// Opens a ledger to be read, also while a run has it: nothing is created, migrated or written. Throws
    /// `LedgerError`.
    public init(reading path: String) throws {
        self.path = path
        try Self.refuseLink(path)
        guard FileManager.default.fileExists(atPath: path) else {
            throw LedgerError.io("there is no ledger \(path); correct --state, or run the job first")
        }
        do {
            // Whatever its journal is: nothing of it is set.
            var configuration = Self.configuration(isFile: false)
            configuration.readonly = true
            queue = try DatabaseQueue(path: path, configuration: configuration)
            let (application, version) = try queue.read {
                (
                    try Int.fetchOne($0, sql: "PRAGMA application_id") ?? 0,
                    try Int.fetchOne($0, sql: "PRAGMA user_version") ?? 0
                )
            }
            guard application == Schema.applicationID else { throw LedgerError.foreign(path) }
            guard version <= Self.schemaVersion else { throw LedgerError.newer(path, version) }
            guard version == Self.schemaVersion else {
                throw LedgerError.older(path)
            }
        } catch let error as DatabaseError {
            throw LedgerError(error, path: path)
        }
    }

    /// A ledger in memory, for tests.
    public init() throws {
        path = nil
        queue = try DatabaseQueue(configuration: Self.configuration(isFile: false))
        try Self.migrate(queue, path: "memory")
    }

    deinit {
        try? detachScratch()
        try? queue.close()
    }

    /// A backup or a replication tool may have the file for a while: it is waited for.
    static let busyMode = Database.BusyMode.timeout(30)

    /// Opens a ledger's file as a file, whatever it holds: to copy it, or to look at it.
    static func openFile(_ path: String, readOnly: Bool = false) throws -> DatabaseQueue {
        var configuration = Configuration()
        configuration.readonly = readOnly
        configuration.busyMode = busyMode
        return try DatabaseQueue(path: path, configuration: configuration)
    }

    static func configuration(isFile: Bool) -> Configuration {
        var configuration = Configuration()
        configuration.label = "ledger"
        configuration.foreignKeysEnabled = false
        configuration.busyMode = Self.busyMode
        configuration.prepareDatabase { db in
            Self.addFunctions(db)
            try db.execute(sql: "PRAGMA temp_store = FILE")
            try db.execute(sql: "PRAGMA cache_size = -2000")
            if isFile {
                try db.execute(sql: "PRAGMA journal_mode = WAL")
                // After WAL, since GRDB and SQLite builds choose NORMAL there: a journal that may forget is none.
                try db.execute(sql: "PRAGMA synchronous = FULL")
            }
        }
        return configuration
    }

    /// What statements call that SQLite does not know.
    static func addFunctions(_ db: Database) {
        db.add(
            function: DatabaseFunction("fold", argumentCount: 1, pure: true) {
                String.fromDatabaseValue($0[0]).map(folded)
            })
        MemberDigest.register(db)
        db.add(function: protection { _, _ in false })
        db.add(
            function: DatabaseFunction("fold_widely", argumentCount: 1, pure: true) {
                String.fromDatabaseValue($0[0]).map(foldedWidely)
            })
    }

    // MARK: schema version

    /// The number of the newest schema that this version of the program knows.
    public static var schemaVersion: Int { Schema.migrations.count }

    /// SQLite's version, as it is found here.
    public static var sqliteVersion: String { String(cString: sqlite3_libversion()) }

    package static func migrate(_ queue: DatabaseQueue, path: String, migrations: [String] = Schema.migrations) throws {
        let schemaVersion = migrations.count
        try queue.writeWithoutTransaction { db in
            addFunctions(db)
            let application = try Int.fetchOne(db, sql: "PRAGMA application_id") ?? 0
            let version = try Int.fetchOne(db, sql: "PRAGMA user_version") ?? 0
            let isEmpty = try Int.fetchOne(db, sql: "SELECT count(*) FROM sqlite_schema") == 0
            guard application == Schema.applicationID || isEmpty else { throw LedgerError.foreign(path) }
            guard version <= schemaVersion else { throw LedgerError.newer(path, version) }
            if version < schemaVersion {
                // All steps or none: an interrupted migration leaves the file as it was.
                try db.inTransaction(.immediate) {
                    for next in version..<schemaVersion { try db.execute(sql: migrations[next]) }
                    try db.execute(sql: "PRAGMA user_version = \(schemaVersion)")
                    try db.execute(sql: "PRAGMA application_id = \(Schema.applicationID)")
                    return .commit
                }
            }
            let isLarge = try isLarge(db)
            guard !isEmpty, try !isLarge || isCheckDue(db) else { return }
            if try String.fetchOne(db, sql: "PRAGMA integrity_check(1)") != "ok" { throw LedgerError.corrupt(path) }
            if isLarge {
                // A ledger that cannot be written to is checked each time.
                try? db.execute(
                    sql: """
                        INSERT OR REPLACE INTO learned (key, value)
                        SELECT 'checked at run', max(id) FROM runs HAVING max(id) IS NOT NULL
                        """)
            }
        }
    }

    /// Bytes above which a ledger is not read from end to end each time that it is opened.
    static let mostCheckedEachTime = 64 << 20

    static func isLarge(_ db: Database) throws -> Bool {
        let bytes = try Int.fetchOne(db, sql: "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size")
        return bytes ?? 0 > mostCheckedEachTime
    }

    /// Whether a large ledger is to be read from end to end: after a run that was cut off, and after seven others. A
    /// damaged page is found by the statement that reads it, whenever that is.
    static func isCheckDue(_ db: Database) throws -> Bool {
        try Bool.fetchOne(
            db,
            sql: """
                SELECT coalesce((SELECT finished IS NULL OR id >= 7 + (
                    SELECT CAST(value AS INTEGER) FROM learned WHERE key = 'checked at run')
                    FROM runs ORDER BY id DESC LIMIT 1), 1)
                """) ?? true
    }

    // MARK: scratch

    /// Attaches an empty scratch file for this run's reads; its content is worth nothing afterwards.
    public func attachScratch() throws {
        try detachScratch()
        var target = ":memory:"
        if let path {
            target = path + ".scratch"
            try? FileManager.default.removeItem(atPath: target)
            let descriptor = open(target, O_CREAT | O_EXCL | O_RDWR, 0o600)
            guard descriptor >= 0 else {
                throw LedgerError.io("cannot create \(target): \(String(cString: strerror(errno)))")
            }
            close(descriptor)
            scratchPath = target
        }
        try perform { db in
            try db.execute(sql: "ATTACH DATABASE ? AS scratch", arguments: [target])
            // Nobody else opens it: without locks to take, no statement asks the system for anything but pages.
            try db.execute(sql: "PRAGMA scratch.locking_mode = EXCLUSIVE")
            try db.execute(sql: "PRAGMA scratch.journal_mode = OFF")
            try db.execute(sql: "PRAGMA scratch.synchronous = OFF")
            try db.execute(sql: "PRAGMA scratch.cache_size = -4000")
            try db.execute(sql: "PRAGMA scratch.max_page_count = \(Scratch.mostBytes / Scratch.pageSize)")
            try db.execute(sql: Schema.scratch)
        }
        isScratchAttached = true
    }

    private(set) var isScratchAttached = false
    /// Numbers of the target's ids while they are staged.
    var numbers = IDNumbers()
    var isSnapshotAttached = false

    public func detachScratch() throws {
        try detachSnapshot()
        guard isScratchAttached else { return }
        isScratchAttached = false
        numbers.forget()
        try perform { try $0.execute(sql: "DETACH DATABASE scratch") }
        if let scratchPath { try? FileManager.default.removeItem(atPath: scratchPath) }
        scratchPath = nil
    }

    // MARK: access for the other files of this module

    func read<Value>(_ body: (Database) throws -> Value) throws -> Value {
        if let transaction { return try body(transaction) }
        // One connection, one thread of control: nothing could come between, and a read-only mode for each would cost
        // two statements.
        return try mapped { try queue.unsafeRead(body) }
    }

    func write<Value>(_ body: (Database) throws -> Value) throws -> Value {
        if let transaction { return try body(transaction) }
        let value = try mapped {
            try queue.write { db in
                let value = try body(db)
                try beforeCommit?()
                return value
            }
        }
        committed?()
        return value
    }

    /// Makes one transaction of all that `body` reads and writes in this ledger: one commit to the disk instead of one
    /// each.
    public func together<Value>(_ body: () throws -> Value) throws -> Value {
        if transaction != nil { return try body() }
        let value = try mapped {
            try queue.write { db in
                transaction = db
                defer { transaction = nil }
                let value = try body()
                try beforeCommit?()
                return value
            }
        }
        committed?()
        return value
    }

    /// Called after each commit: for simulations, which cut a run off there.
    package var committed: (() -> Void)?
    /// Called before each commit; what it throws keeps the commit from being made, as a disk's failure does.
    package var beforeCommit: (() throws -> Void)?

    /// This ledger as it stands, as another one in memory.
    package func copy() throws -> Ledger {
        let copy = try Ledger(blank: ())
        try mapped { try queue.backup(to: copy.queue) }
        return copy
    }

    init(blank: Void) throws {
        path = nil
        queue = try DatabaseQueue(configuration: Self.configuration(isFile: false))
    }

    /// Lets the file grow to a number of pages and no further, as a full disk does.
    package func limit(pages: Int) throws {
        try perform { try $0.execute(sql: "PRAGMA main.max_page_count = \(pages)") }
    }
    package func pages() throws -> Int { try read { try Int.fetchOne($0, sql: "PRAGMA main.page_count") ?? 0 } }

    /// Outside a transaction: ATTACH, DETACH and PRAGMA.
    func perform<Value>(_ body: (Database) throws -> Value) throws -> Value {
        try mapped { try queue.writeWithoutTransaction(body) }
    }

    func mapped<Value>(_ body: () throws -> Value) throws -> Value {
        do { return try body() } catch {
            numbers.forget()
            throw (error as? DatabaseError).map(failure) ?? error
        }
    }

    /// What an error of SQLite means for the ledger. A scratch file has no journal: once the disk was full it may read
    /// as damaged, which says nothing of the ledger itself.
    func failure(_ error: DatabaseError) -> LedgerError {
        if error.resultCode.primaryResultCode == .SQLITE_FULL, let scratchPath, Scratch.isAtBound(scratchPath) {
            return .tooMuch(scratchPath)
        }
        let found = LedgerError(error, path: path ?? "memory")
        if case .full = found { isFull = true }
        guard case .corrupt = found, isFull || isScratchAttached || isSnapshotAttached else { return found }
        let isSound = try? queue.unsafeReentrantWrite {
            try String.fetchOne($0, sql: "PRAGMA main.integrity_check(1)") == "ok"
        }
        guard isSound ?? false else { return found }
        return isFull
            ? .full(path ?? "memory")
            : .io(
                """
                the scratch file beside the ledger \(path ?? "memory") cannot be read any more, and the ledger \
                itself is sound; see that its disk has space, and run again
                """
            )
    }

    /// Whether the disk was full once.
    var isFull = false

    /// Registers the comparison that the classifier calls for records whose digests differ.
    ///
    /// - Parameter differs: the kind, desired, target, sent and read-back body; true when an operation is needed.
    public func define(differs: @escaping @Sendable (ResourceKind, String, String, String?, String?) -> Bool) throws {
        let function = DatabaseFunction("differs", argumentCount: 5, pure: true) { values in
            guard let kind = ResourceKind.fromDatabaseValue(values[0]),
                let desired = String.fromDatabaseValue(values[1]), let target = String.fromDatabaseValue(values[2])
            else { return true }
            return differs(
                kind, desired, target, String.fromDatabaseValue(values[3]), String.fromDatabaseValue(values[4]))
        }
        try perform { $0.add(function: function) }
    }

    /// Registers what tells of a folded name whether it is protected. Until then no name is.
    ///
    /// - Parameter isProtected: the kind and the name.
    public func define(isProtected: @escaping @Sendable (ResourceKind, String) -> Bool) throws {
        try perform { $0.add(function: Self.protection(isProtected)) }
    }

    fileprivate static func protection(_ isProtected: @escaping @Sendable (ResourceKind, String) -> Bool)
        -> DatabaseFunction
    {
        DatabaseFunction("is_protected", argumentCount: 2, pure: true) { values in
            guard let kind = ResourceKind.fromDatabaseValue(values[0]), let name = String.fromDatabaseValue(values[1])
            else { return false }
            return isProtected(kind, name)
        }
    }
}
