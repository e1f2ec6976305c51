import Foundation
import GRDB

/// Looking after a ledger: checks, copies, and the way back from one.
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
                "SELECT count(*) FROM links l WHERE NOT EXISTS (SELECT 1 FROM ids i WHERE i.n = l.source) OR NOT EXISTS (SELECT 1 FROM ids i WHERE i.n = l.target)")
            try count("operations belong to no plan", "SELECT count(*) FROM operations o WHERE NOT EXISTS (SELECT 1 FROM plans p WHERE p.id = o.plan)")
            try count("records have two current versions", "SELECT count(*) FROM (SELECT 1 FROM versions WHERE last_run IS NULL GROUP BY space, n HAVING count(*) > 1)")
            try count("intervals of the history end before they begin", "SELECT count(*) FROM versions WHERE last_run IS NOT NULL AND last_run < first_run - 1")
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
        guard findings.isEmpty else { throw LedgerError.io("the copy \(partial) is not good: \(findings.joined(separator: "; "))") }
        guard rename(partial, destination) == 0 else { throw LedgerError.io("cannot name the copy \(destination): \(String(cString: strerror(errno)))") }
    }

    /// Writes what a database holds into a new file that stands alone: without a log beside it, and without a holder.
    private static func write(_ source: DatabaseQueue, to path: String) throws {
        // Never a folder, and never what a link leads to.
        unlink(path)
        let descriptor = open(path, O_CREAT | O_EXCL | O_RDWR, 0o600)
        guard descriptor >= 0 else { throw LedgerError.io("cannot create \(path): \(String(cString: strerror(errno)))") }
        close(descriptor)
        let copy = try DatabaseQueue(path: path)
        try source.backup(to: copy)
        try copy.writeWithoutTransaction { db in
            try db.execute(sql: "PRAGMA journal_mode = DELETE")
            try db.execute(sql: "DELETE FROM learned WHERE key = 'holder'")
        }
        try copy.close()
    }

    /// What is wrong with a file that should be the copy of a ledger.
    public static func findings(inCopy path: String) throws -> [String] {
        var configuration = Configuration()
        configuration.readonly = true
        do {
            let queue = try DatabaseQueue(path: path, configuration: configuration)
            defer { try? queue.close() }
            return try queue.read { db in
                guard try Int.fetchOne(db, sql: "PRAGMA application_id") == Schema.applicationID else { return ["it is no Rollcall ledger"] }
                guard try Int.fetchOne(db, sql: "PRAGMA user_version") ?? 0 <= schemaVersion else { return ["it was written by a newer rollcall"] }
                return try String.fetchAll(db, sql: "PRAGMA integrity_check(5)").filter { $0 != "ok" }
            }
        } catch let error as DatabaseError {
            return ["it cannot be read: \(error.message ?? "SQLite error \(error.resultCode.rawValue)")"]
        }
    }

    // MARK: copies of each run

    /// Where the copies of a ledger are kept.
    public static func copyFolder(of path: String) -> String { ((path as NSString).deletingLastPathComponent as NSString).appendingPathComponent("copies") }

    /// The copies of a ledger, newest first. A stamp that lies in the future is that of a wrong clock, and comes last.
    ///
    /// - Parameter now: RFC 3339, in UTC.
    public static func copies(of path: String, now: String) -> [String] {
        let folder = copyFolder(of: path)
        let job = ((path as NSString).lastPathComponent as NSString).deletingPathExtension
        let files = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        // The stamp has a fixed length, so that a job “a” does not own the copies of a job “a.b”.
        let ours = files.filter { $0.hasPrefix(job + ".") && $0.hasSuffix(".sqlite") && $0.utf8.count == job.utf8.count + stampLength + 8 }.sorted { $1.utf8.lexicographicallyPrecedes($0.utf8) }
        // The stamp's last second is still now.
        let limit = "\(job).\(stamp(now))~"
        func isPast(_ name: String) -> Bool { name.utf8.lexicographicallyPrecedes(limit.utf8) }
        return (ours.filter(isPast) + ours.filter { !isPast($0) }).map { "\(folder)/\($0)" }
    }

    private static func stamp(_ time: String) -> String { time.filter { $0.isNumber || $0 == "T" || $0 == "Z" } }

    private static let stampLength = "20261124T021500Z-000001".utf8.count

    /// Whether this ledger knows nothing that would be lost with it: a copy of it must not take the place of a better one.
    public func isBlank() throws -> Bool { try linkCount(kind: 0) == 0 && linkCount(kind: 1) == 0 && lastRun(isBaseline: true) == nil }

    /// The name of the job that wrote last.
    public static let jobFact = "job"

    /// What the copy of a ledger knows; nil when it cannot be read.
    public static func contents(ofCopy path: String) -> (users: Int, groups: Int, run: String?, job: String?, bindings: [String: String])? {
        var configuration = Configuration()
        configuration.readonly = true
        guard let queue = try? DatabaseQueue(path: path, configuration: configuration) else { return nil }
        defer { try? queue.close() }
        return try? queue.read { db in
            let bindings = try Row.fetchAll(db, sql: "SELECT key, value FROM binding").map { ($0[0] as String, $0[1] as String) }
            return (
                try Int.fetchOne(db, sql: "SELECT count(*) FROM links WHERE kind = 0") ?? 0, try Int.fetchOne(db, sql: "SELECT count(*) FROM links WHERE kind = 1") ?? 0,
                try String.fetchOne(db, sql: "SELECT 'run ' || id || ' of ' || started FROM runs WHERE finished IS NOT NULL ORDER BY id DESC LIMIT 1"),
                try String.fetchOne(db, sql: "SELECT value FROM learned WHERE key = ?", arguments: [jobFact]),
                Dictionary(bindings) { first, _ in first }
            )
        }
    }

    /// Makes a copy after a run, and lets go of the oldest beyond `keep`. Returns its path; nil for a ledger that knows nothing.
    ///
    /// - Parameter now: RFC 3339, in UTC.
    public func keepCopy(now: String, run: Int64, keep: Int) throws -> String? {
        guard let path, keep > 0, try !isBlank() else { return nil }
        let folder = Self.copyFolder(of: path)
        do {
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        } catch {
            throw LedgerError.io("cannot create \(folder): \(error.localizedDescription)")
        }
        let job = ((path as NSString).lastPathComponent as NSString).deletingPathExtension
        let number = String(run % 1_000_000)
        let stamp = Self.stamp(now) + "-" + String(repeating: "0", count: 6 - number.count) + number
        let destination = "\(folder)/\(job).\(stamp).sqlite"
        try backUp(to: destination)
        for old in Self.copies(of: path, now: now).filter({ $0 != destination }).dropFirst(keep - 1) { unlink(old) }
        return destination
    }

    /// Puts a copy in the place of a ledger, which is set aside and not lost. Nobody may have the ledger open. Returns where the
    /// old one is; nil when there was none.
    public static func restore(_ path: String, from copy: String, now: String) throws -> String? {
        let findings = try findings(inCopy: copy)
        guard findings.isEmpty else { throw LedgerError.io("the copy \(copy) is not good: \(findings.joined(separator: "; ")); choose another") }
        let fresh = path + ".restoring"
        do {
            // Not a copy of the file: what a killed run left beside it belongs to it.
            let source = try DatabaseQueue(path: copy)
            defer { try? source.close() }
            try Self.write(source, to: fresh)
            // What runs did since the copy is not known any more. Opened as any ledger is, so that an older copy is brought up to date.
            try Ledger(path: fresh).learn(Self.restoredFact, now)
        } catch let error as DatabaseError {
            throw LedgerError(error, path: copy)
        }
        return try replace(path, with: fresh, now: now)
    }

    /// Makes a closed ledger give other numbers to runs and plans than the one in whose place it comes: somebody may have such a number in
    /// a mail, and would undo or apply something else by it. Of one that cannot be read nobody knows them; a thousand are more than a copy
    /// is behind.
    private static func skipNumbers(of old: String, in fresh: String) throws {
        let sql = "SELECT coalesce((SELECT max(id) FROM runs), 0), coalesce((SELECT max(id) FROM plans), 0)"
        var known: (run: Int64, plan: Int64)?
        if FileManager.default.fileExists(atPath: old), let queue = try? DatabaseQueue(path: old) {
            known = try? queue.read { try Row.fetchOne($0, sql: sql).map { ($0[0], $0[1]) } }
            try? queue.close()
        }
        do {
            let queue = try DatabaseQueue(path: fresh)
            defer { try? queue.close() }
            try queue.write { db in
                let own = try Row.fetchOne(db, sql: sql).map { (run: $0[0] as Int64 + 1000, plan: $0[1] as Int64 + 1000) }
                try db.execute(sql: "UPDATE numbers SET run = max(run, ?), plan = max(plan, ?)", arguments: [known?.run ?? own?.run, known?.plan ?? own?.plan])
            }
        } catch let error as DatabaseError {
            throw LedgerError(error, path: fresh)
        }
    }

    /// Puts a closed ledger in the place of another, which gets a new name. Nobody may have either open. Killed at any moment, it
    /// leaves the one or the other in place: a run that finds no ledger would take itself for the first. Returns where the old one
    /// is; nil when there was none.
    public static func replace(_ path: String, with fresh: String, now: String) throws -> String? {
        func failed(_ what: String) -> LedgerError { LedgerError.io("cannot \(what): \(String(cString: strerror(errno)))") }
        var aside: String?
        settleLog(path)
        try skipNumbers(of: path, in: fresh)
        if FileManager.default.fileExists(atPath: path) {
            let stem = "\(path).before-\(now.filter { $0.isNumber || $0 == "T" || $0 == "Z" })"
            // Two in one second are two.
            let names = [stem] + (2...99).map { "\(stem)-\($0)" }
            guard let name = names.first(where: { name in ["", "-wal", "-shm"].allSatisfy { !FileManager.default.fileExists(atPath: name + $0) } }) else {
                throw LedgerError.io("cannot set \(path) aside: there are \(names.count) of that second already; move some away")
            }
            // A log that could not be settled belongs to the old file, and would be the ruin of the new one.
            for end in ["-wal", "-shm"] where FileManager.default.fileExists(atPath: path + end) {
                guard rename(path + end, name + end) == 0 else { throw failed("set \(path + end) aside") }
            }
            // A second name first, where the file system knows such.
            guard Foundation.link(path, name) == 0 || errno != EEXIST && rename(path, name) == 0 else { throw failed("set \(path) aside as \(name)") }
            aside = name
        }
        settleLog(fresh)
        guard rename(fresh, path) == 0 else { throw failed("put \(fresh) in the place of \(path)") }
        return aside
    }

    /// Brings what a killed run left in the log into the file, as far as it can be read.
    private static func settleLog(_ path: String) {
        guard FileManager.default.fileExists(atPath: path), let queue = try? DatabaseQueue(path: path) else { return }
        try? queue.writeWithoutTransaction { try $0.execute(sql: "PRAGMA wal_checkpoint(TRUNCATE)") }
        try? queue.close()
    }

    /// Stands in a ledger that was put back from a copy, until a run has been applied: what carries our mark and is not linked may
    /// have been associated since the copy, so it counts as associated, and is never deleted rather than wrongly.
    public static let restoredFact = "restored from a copy"

    /// Whether some object carries the mark of a source record and is not linked yet, or may be there and was not seen. Asked before
    /// the staged reads are let go.
    ///
    /// - Parameter seesAll: whether the target shows all that it has.
    public func hasUnlinkedMarks(kinds: [Int], seesAll: Bool) throws -> Bool {
        let list = kinds.map(String.init).joined(separator: ",")
        return try write { db in
            try indexSource(db)
            return try Bool.fetchOne(
                db,
                sql: """
                    SELECT EXISTS (SELECT 1 FROM scratch.target t WHERE t.kind IN (\(list)) AND NOT EXISTS (SELECT 1 FROM links l WHERE l.kind = t.kind AND l.target = t.n)
                        AND EXISTS (SELECT 1 FROM scratch.source s INDEXED BY source_by_external_id WHERE s.kind = t.kind AND s.external_id = t.external_id))
                    OR NOT ? AND EXISTS (SELECT 1 FROM scratch.source s WHERE s.kind IN (\(list)) AND s.in_scope AND NOT EXISTS (SELECT 1 FROM links l WHERE l.kind = s.kind AND l.source = s.n))
                    """, arguments: [seesAll]) ?? false
        }
    }

    /// Keeps those in groups that are recognised by their mark whom the source does not list: they may have been there before.
    public func keepMembersOfKnownGroups() throws {
        try write { db in
            try db.execute(
                sql: """
                    CREATE INDEX IF NOT EXISTS scratch.situations_by_target ON situations (kind, target);
                    INSERT OR IGNORE INTO kept_members (grp, usr)
                    SELECT t.grp, t.usr FROM scratch.situations g JOIN scratch.target_members t ON t.grp = g.target WHERE g.kind = 1 AND g.situation = 'known' AND NOT EXISTS (
                        SELECT 1 FROM scratch.situations u INDEXED BY situations_by_target CROSS JOIN scratch.source_members m ON m.grp = g.source AND m.usr = u.source
                        WHERE u.kind = 0 AND u.target = t.usr)
                    """)
        }
    }

    // MARK: made anew

    /// Keeps those in linked groups whom the staged source does not list: they may have been there before the groups were ours.
    public func keepUnlistedMembers() throws {
        try write { db in
            try db.execute(
                sql: """
                    INSERT OR IGNORE INTO kept_members (grp, usr)
                    SELECT t.grp, t.usr FROM scratch.target_members t JOIN links g ON g.kind = 1 AND g.target = t.grp WHERE NOT EXISTS (
                        SELECT 1 FROM scratch.source_members m JOIN links u ON u.kind = 0 AND u.source = m.usr WHERE m.grp = g.source AND u.target = t.usr)
                    """)
        }
    }

    /// Takes over what an older ledger knows of the links that this one has too: how they came to be, whose members stay, who is
    /// on the way out, and which users an undo restored. Returns how many links it knew.
    public func adopt(_ old: Ledger) throws -> Int {
        let links = try old.read { db in
            try Row.fetchAll(
                db,
                sql:
                    "SELECT l.kind, s.id, t.id, l.origin, l.state, d.since, d.days, d.last_day, r.digest, r.was_out, r.mapping, r.was_disabled FROM links l JOIN ids s ON s.n = l.source JOIN ids t ON t.n = l.target LEFT JOIN departures d ON d.kind = l.kind AND d.source = l.source LEFT JOIN restored r ON r.kind = l.kind AND r.source = l.source AND l.kind = 0"
            )
        }
        let kept = try Set(
            old.read { try Row.fetchAll($0, sql: "SELECT g.id, u.id FROM kept_members k JOIN ids g ON g.n = k.grp JOIN ids u ON u.n = k.usr").map { ["\($0[0] as String)", "\($0[1] as String)"] } })
        return try write { db in
            var known = 0
            for row in links {
                let kind: Int = row[0]
                let source = try intern(db, space: kind, row[1]), target = try intern(db, space: kind + 2, row[2])
                try db.execute(sql: "UPDATE links SET origin = ?, state = ? WHERE kind = ? AND source = ? AND target = ?", arguments: [row[3], row[4], kind, source, target])
                guard db.changesCount == 1 else { continue }
                known += 1
                if row[5] as String? != nil {
                    try db.execute(sql: "INSERT OR REPLACE INTO departures (kind, source, since, days, last_day) VALUES (?, ?, ?, ?, ?)", arguments: [kind, source, row[5], row[6], row[7]])
                }
                if row[8] as Data? != nil {
                    try db.execute(
                        sql: "INSERT OR REPLACE INTO restored (kind, source, digest, members, was_out, mapping, was_disabled) VALUES (?, ?, ?, '', ?, ?, ?)",
                        arguments: [kind, source, row[8], row[9], row[10], row[11]])
                }
                guard kind == 1 else { continue }
                // Of a group that the old ledger knew, it also knew who was there before.
                try db.execute(sql: "DELETE FROM kept_members WHERE grp = ?", arguments: [target])
                for pair in kept where pair[0] == row[2] as String {
                    try db.execute(sql: "INSERT OR IGNORE INTO kept_members (grp, usr) VALUES (?, ?)", arguments: [target, intern(db, space: 2, pair[1])])
                }
            }
            return known
        }
    }

    // MARK: one host at a time

    /// Who has the ledger: a lock of the file system may not reach other hosts.
    public struct Holder: Sendable {
        /// The host's name, and what tells one boot of one kernel from all others.
        public var host: String
        public var boot: String

        public init(host: String, boot: String) {
            self.host = host
            self.boot = boot
        }
    }

    /// Seconds after which a holder that gave no sign is taken for dead.
    static let patience = 3600.0

    /// Says that this host works with the ledger. Throws `LedgerError.otherHost` when another one does.
    ///
    /// - Parameter now: seconds since 1970.
    public func take(_ holder: Holder, now: Double, insists: Bool = false) throws {
        self.holder = holder
        if !insists, let known = try fact("holder")?.split(separator: "\t", omittingEmptySubsequences: false).map(String.init), known.count == 3, let seen = Double(known[2]),
            known[0] != holder.host, known[1] != holder.boot, abs(now - seen) < Self.patience
        {
            self.holder = nil
            throw LedgerError.otherHost(path ?? "memory", host: known[0], secondsAgo: Int(abs(now - seen)))
        }
        try beat(now: now)
    }

    /// Gives a sign of life.
    ///
    /// Throws `LedgerError.otherHost` when somebody else took the ledger meanwhile, and what is under way rests on what was.
    public func beat(now: Double) throws {
        if let loss { throw loss }
        guard let holder, now - lastBeat >= 30 else { return }
        if lastBeat > -.infinity {
            let known = try fact("holder")?.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
            if known.map({ $0.count == 3 && $0[0] != holder.host && $0[1] != holder.boot }) ?? true {
                let loss = LedgerError.otherHost(path ?? "memory", host: known?[0] ?? "another, which has let go of it again", secondsAgo: 0)
                // From now on every sign of life says so, and the sign is the other's.
                self.loss = loss
                throw loss
            }
        }
        lastBeat = now
        try learn("holder", "\(holder.host)\t\(holder.boot)\t\(Int(now))")
    }

    /// Says that the work is over.
    public func letGo() throws {
        guard holder != nil else { return }
        holder = nil
        if loss == nil { try unlearn("holder") }
    }
}
