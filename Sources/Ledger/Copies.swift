import Foundation
import GRDB
import Planning
import SCIM
import Synchronization

/// The copies that are kept of a ledger, one after each run.
extension Ledger {
    /// Where the copies of a ledger are kept.
    public static func copyFolder(of path: String) -> String {
        ((path as NSString).deletingLastPathComponent as NSString).appendingPathComponent("copies")
    }

    /// The copies of a ledger, newest first. A stamp that lies in the future is that of a wrong clock, and comes last.
    ///
    /// - Parameter now: RFC 3339, in UTC.
    public static func copies(of path: String, now: String) -> [String] {
        let folder = copyFolder(of: path)
        let job = ((path as NSString).lastPathComponent as NSString).deletingPathExtension
        let files = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        // The stamp has a fixed length, so that a job “a” does not own the copies of a job “a.b”.
        let ours = files.filter {
            $0.hasPrefix(job + ".") && $0.hasSuffix(".sqlite") && $0.utf8.count == job.utf8.count + stampLength + 8
        }.sorted { $1.utf8.lexicographicallyPrecedes($0.utf8) }
        // The stamp's last second is still now.
        let limit = "\(job).\(stamp(now))~"
        func isPast(_ name: String) -> Bool { name.utf8.lexicographicallyPrecedes(limit.utf8) }
        return (ours.filter(isPast) + ours.filter { !isPast($0) }).map { "\(folder)/\($0)" }
    }

    static func stamp(_ time: String) -> String { time.filter { $0.isNumber || $0 == "T" || $0 == "Z" } }

    private static let stampLength = "20261124T021500Z-000001".utf8.count

    /// Whether this ledger knows nothing that would be lost with it: a copy of it must not take the place of a better
    /// one.
    public func isBlank() throws -> Bool {
        try ResourceKind.allCases.allSatisfy { try linkCount(kind: $0) == 0 } && lastRun(isBaseline: true) == nil
    }

    /// The name of the job that wrote last.
    public static let jobFact = "job"

    /// What a copy knows: links, the last run, and whose it is.
    public typealias Contents = (users: Int, groups: Int, run: String?, job: String?, bindings: [String: String])

    /// What the copy of a ledger knows; nil when it cannot be read.
    public static func contents(ofCopy path: String) -> Contents? {
        guard let queue = try? openFile(path, readOnly: true) else { return nil }
        defer { try? queue.close() }
        return try? queue.read { db in
            let bindings = try Row.fetchAll(db, sql: "SELECT key, value FROM binding").map {
                ($0[0] as String, $0[1] as String)
            }
            return (
                try Int.fetchOne(db, sql: "SELECT count(*) FROM links WHERE kind = 0") ?? 0,
                try Int.fetchOne(db, sql: "SELECT count(*) FROM links WHERE kind = 1") ?? 0,
                try String.fetchOne(
                    db,
                    sql:
                        """
                        SELECT 'run ' || id || ' of ' || started FROM runs WHERE finished IS NOT NULL
                            ORDER BY id DESC LIMIT 1
                        """
                ),
                try String.fetchOne(db, sql: "SELECT value FROM learned WHERE key = ?", arguments: [jobFact]),
                Dictionary(bindings) { first, _ in first }
            )
        }
    }

    /// The newest copy that knows something, and what it knows; nil when there is none.
    public static func bestCopy(of path: String, now: String) -> (
        copy: String, known: (users: Int, groups: Int, run: String?, job: String?, bindings: [String: String])
    )? {
        for copy in copies(of: path, now: now) {
            if let known = contents(ofCopy: copy), known.users + known.groups > 0 { return (copy, known) }
        }
        return nil
    }

    /// Where this ledger knows nothing, and there is a copy of one that did: what to do, in words.
    ///
    /// - Parameter file: the job's file, as its user names it.
    public func loss(file: String, now: String) throws -> String? {
        guard let path, try isBlank(), let (copy, known) = Self.bestCopy(of: path, now: now) else { return nil }
        return
            """
            the ledger \(path) knows nothing, and there is a copy of an earlier one: \(copy), with \(known.users) \
            users and \(known.groups) groups; to put it back: \
            \(Self.command("ledger restore", file, at: path))
            """
    }

    /// Makes a copy after a run, and lets go of the oldest beyond `keep`. Returns its path; nil for a ledger that knows
    /// nothing.
    ///
    /// - Parameter now: RFC 3339, in UTC.
    public func keepCopy(now: String, run: Int64, keep: Int) throws -> String? {
        guard let path, keep > 0, try !isBlank() else { return nil }
        let folder = Self.copyFolder(of: path)
        do {
            try FileManager.default.createDirectory(
                atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        } catch {
            throw LedgerError.io("cannot create \(folder): \(error.localizedDescription)")
        }
        let job = ((path as NSString).lastPathComponent as NSString).deletingPathExtension
        let number = String(run % 1_000_000)
        let stamp = Self.stamp(now) + "-" + String(repeating: "0", count: 6 - number.count) + number
        let destination = "\(folder)/\(job).\(stamp).sqlite"
        // What a killed run has begun: this one has the job's lock, so nobody else is at it.
        for name in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        where name.hasPrefix("\(job).") && name.dropFirst(job.count + 1 + stamp.count).hasPrefix(".sqlite.part-") {
            unlink("\(folder)/\(name)")
        }
        try backUp(to: destination)
        for old in Self.copies(of: path, now: now).filter({ $0 != destination }).dropFirst(keep - 1) { unlink(old) }
        return destination
    }

    /// The folder that a command about this job takes without `--state`; nil where that is not the same everywhere,
    /// since a variable names it.
    public static var usualFolder: String? {
        get { usual.withLock { $0 } }
        set { usual.withLock { $0 = newValue } }
    }

    private static let usual = Mutex<String?>("snapshots")

    /// ` --state DIR`, as a command about a ledger needs it to be pasted; empty for the folder that is taken without
    /// it.
    public static func stateOption(of path: String) -> String {
        let folder = (path as NSString).deletingLastPathComponent
        return folder == usualFolder || folder.isEmpty ? "" : " " + shellOption("--state", folder)
    }

    /// A whole command about a job and its ledger, as an operator types it.
    ///
    /// - Parameter doing: `ledger restore`.
    /// - Parameter file: the job's file.
    /// - Parameter path: the ledger's, nil in memory.
    /// - Parameter rest: what follows the job's file, as it is typed.
    public static func command(_ doing: String, _ file: String, at path: String?, _ rest: String = "") -> String {
        "rollcall \(doing) \(shellWord(file))\(rest.isEmpty ? "" : " \(rest)")\(path.map(stateOption) ?? "")"
    }
}
