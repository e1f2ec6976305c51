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
        let partial = destination + ".part"
        try? FileManager.default.removeItem(atPath: partial)
        let descriptor = open(partial, O_CREAT | O_EXCL | O_RDWR, 0o600)
        guard descriptor >= 0 else { throw LedgerError.io("cannot create \(partial): \(String(cString: strerror(errno)))") }
        close(descriptor)
        do {
            let copy = try DatabaseQueue(path: partial)
            try queue.backup(to: copy)
            // A copy stands alone: without a log beside it.
            try copy.writeWithoutTransaction { try $0.execute(sql: "PRAGMA journal_mode = DELETE") }
            try copy.close()
        } catch let error as DatabaseError {
            try? FileManager.default.removeItem(atPath: partial)
            throw LedgerError(error, path: partial)
        }
        let findings = try Self.findings(inCopy: partial)
        guard findings.isEmpty else { throw LedgerError.io("the copy \(partial) is not good: \(findings.joined(separator: "; "))") }
        guard rename(partial, destination) == 0 else { throw LedgerError.io("cannot name the copy \(destination): \(String(cString: strerror(errno)))") }
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

    /// The copies of a ledger, newest first.
    public static func copies(of path: String) -> [String] {
        let folder = copyFolder(of: path)
        let job = ((path as NSString).lastPathComponent as NSString).deletingPathExtension
        let files = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        // The stamp has a fixed length, so that a job “a” does not own the copies of a job “a.b”.
        return files.filter { $0.hasPrefix(job + ".") && $0.hasSuffix(".sqlite") && $0.utf8.count == job.utf8.count + stampLength + 8 }.sorted { $1.utf8.lexicographicallyPrecedes($0.utf8) }.map {
            "\(folder)/\($0)"
        }
    }

    private static let stampLength = "20261124T021500Z-000001".utf8.count

    /// Makes a copy after a run, and lets go of the oldest beyond `keep`. Returns its path.
    ///
    /// - Parameter now: RFC 3339, in UTC.
    public func keepCopy(now: String, run: Int64, keep: Int) throws -> String? {
        guard let path, keep > 0 else { return nil }
        let folder = Self.copyFolder(of: path)
        do {
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        } catch {
            throw LedgerError.io("cannot create \(folder): \(error.localizedDescription)")
        }
        let job = ((path as NSString).lastPathComponent as NSString).deletingPathExtension
        let number = String(run % 1_000_000)
        let stamp = now.filter { $0.isNumber || $0 == "T" || $0 == "Z" } + "-" + String(repeating: "0", count: 6 - number.count) + number
        let destination = "\(folder)/\(job).\(stamp).sqlite"
        try backUp(to: destination)
        for old in Self.copies(of: path).dropFirst(keep) { try? FileManager.default.removeItem(atPath: old) }
        return destination
    }

    /// Puts a copy in the place of a ledger, which is set aside and not lost. Nobody may have the ledger open. Returns where the
    /// old one is; nil when there was none.
    public static func restore(_ path: String, from copy: String, now: String) throws -> String? {
        let findings = try findings(inCopy: copy)
        guard findings.isEmpty else { throw LedgerError.io("the copy \(copy) is not good: \(findings.joined(separator: "; ")); choose another") }
        let fresh = path + ".restoring"
        try? FileManager.default.removeItem(atPath: fresh)
        do {
            try FileManager.default.copyItem(atPath: copy, toPath: fresh)
        } catch {
            throw LedgerError.io("cannot copy \(copy): \(error.localizedDescription)")
        }
        chmod(fresh, 0o600)
        let aside = try setAside(path, now: now)
        guard rename(fresh, path) == 0 else { throw LedgerError.io("cannot put the copy in the place of \(path): \(String(cString: strerror(errno)))") }
        return aside
    }

    /// Renames a ledger and what SQLite keeps beside it. Returns the new name; nil when there is no ledger.
    public static func setAside(_ path: String, now: String) throws -> String? {
        guard FileManager.default.fileExists(atPath: path) else { return nil }
        let aside = "\(path).before-\(now.filter { $0.isNumber || $0 == "T" || $0 == "Z" })"
        for end in ["-wal", "-shm", ""] where FileManager.default.fileExists(atPath: path + end) {
            guard rename(path + end, aside + end) == 0 else { throw LedgerError.io("cannot set \(path + end) aside: \(String(cString: strerror(errno)))") }
        }
        return aside
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
    public func beat(now: Double) throws {
        guard let holder, now - lastBeat >= 30 else { return }
        lastBeat = now
        try learn("holder", "\(holder.host)\t\(holder.boot)\t\(Int(now))")
    }

    /// Says that the work is over.
    public func letGo() throws {
        guard holder != nil else { return }
        holder = nil
        try unlearn("holder")
    }
}
