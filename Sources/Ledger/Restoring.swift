import Foundation
import GRDB
import SCIM

/// A ledger in the place of another: put back from a copy, or made anew.
extension Ledger {
    /// Puts a copy in the place of a ledger, which is set aside and not lost. Nobody may have the ledger open. Returns
    /// where the old one is; nil when there was none.
    public static func restore(_ path: String, from copy: String, now: String) throws -> String? {
        let findings = try findings(inCopy: copy)
        guard findings.isEmpty else {
            throw LedgerError.io("the copy \(copy) is not good: \(findings.joined(separator: "; ")); choose another")
        }
        let fresh = path + ".restoring"
        do {
            // Not a copy of the file: what a killed run left beside it belongs to it.
            let source = try openFile(copy)
            defer { try? source.close() }
            try Self.write(source, to: fresh)
            // What runs did since the copy is not known any more. Opened as any ledger is, so that an older copy is
            // brought up to date.
            try Ledger(path: fresh).learn(Self.restoredFact, now)
        } catch let error as DatabaseError {
            throw LedgerError(error, path: copy)
        }
        return try replace(path, with: fresh, now: now)
    }

    /// Makes a closed ledger give other numbers to runs and plans than the one in whose place it comes: somebody may
    /// have such a number in a mail, and would undo or apply something else by it. Of one that cannot be read nobody
    /// knows them; a thousand are more than a copy is behind.
    private static func skipNumbers(of old: String, in fresh: String) throws {
        // What was given, and what an earlier restoring skipped; older ledgers have skipped none.
        func given(_ db: Database) throws -> (run: Int64, plan: Int64) {
            func highest(_ table: String, _ column: String) throws -> Int64 {
                let skipped =
                    try db.tableExists("numbers") ? Int64.fetchOne(db, sql: "SELECT \(column) FROM numbers") ?? 0 : 0
                return max(try Int64.fetchOne(db, sql: "SELECT max(id) FROM \(table)") ?? 0, skipped)
            }
            return (try highest("runs", "run"), try highest("plans", "plan"))
        }
        var known: (run: Int64, plan: Int64)?
        if FileManager.default.fileExists(atPath: old), let queue = try? openFile(old) {
            known = try? queue.read(given)
            try? queue.close()
        }
        do {
            let queue = try openFile(fresh)
            defer { try? queue.close() }
            try queue.write { db in
                let own = try given(db)
                // One that has given fewer than the copy was begun anew in between.
                let floor =
                    known.flatMap { $0.run >= own.run && $0.plan >= own.plan ? $0 : nil } ?? (
                        own.run + 1000, own.plan + 1000
                    )
                try db.execute(
                    sql: "UPDATE numbers SET run = max(run, ?), plan = max(plan, ?)", arguments: [floor.0, floor.1])
            }
        } catch let error as DatabaseError {
            throw LedgerError(error, path: fresh)
        }
    }

    /// Puts a closed ledger in the place of another, which gets a new name. Nobody may have either open. Killed at any
    /// moment, it leaves the one or the other in place: a run that finds no ledger would take itself for the first.
    /// Returns where the old one is; nil when there was none.
    public static func replace(_ path: String, with fresh: String, now: String) throws -> String? {
        func failed(_ what: String) -> LedgerError {
            LedgerError.io("cannot \(what): \(String(cString: strerror(errno)))")
        }
        var aside: String?
        settleLog(path)
        try skipNumbers(of: path, in: fresh)
        if FileManager.default.fileExists(atPath: path) {
            let stem = "\(path).before-\(stamp(now))"
            // Two in one second are two.
            let names = [stem] + (2...99).map { "\(stem)-\($0)" }
            guard
                let name = names.first(where: { name in
                    ["", "-wal", "-shm"].allSatisfy { !FileManager.default.fileExists(atPath: name + $0) }
                })
            else {
                throw LedgerError.io(
                    "cannot set \(path) aside: there are \(names.count) of that second already; move some away")
            }
            // A log that could not be settled belongs to the old file, and would be the ruin of the new one.
            for end in ["-wal", "-shm"] where FileManager.default.fileExists(atPath: path + end) {
                guard rename(path + end, name + end) == 0 else { throw failed("set \(path + end) aside") }
            }
            // A second name first, where the file system knows such.
            guard Foundation.link(path, name) == 0 || errno != EEXIST && rename(path, name) == 0 else {
                throw failed("set \(path) aside as \(name)")
            }
            aside = name
        }
        settleLog(fresh)
        guard rename(fresh, path) == 0 else { throw failed("put \(fresh) in the place of \(path)") }
        return aside
    }

    /// Brings what a killed run left in the log into the file, as far as it can be read.
    private static func settleLog(_ path: String) {
        guard FileManager.default.fileExists(atPath: path), let queue = try? openFile(path) else { return }
        try? queue.writeWithoutTransaction { try $0.execute(sql: "PRAGMA wal_checkpoint(TRUNCATE)") }
        try? queue.close()
    }

    /// Stands in a ledger that was put back from a copy, until a run has been applied: what carries our mark and is not
    /// linked may have been associated since the copy, so it counts as associated, and is never deleted rather than
    /// wrongly.
    public static let restoredFact = "restored from a copy"

    /// Whether some object carries the mark of a source record and is not linked yet, or may be there and was not seen.
    /// Asked before the staged reads are let go.
    ///
    /// - Parameter seesAll: whether the target shows all that it has.
    public func hasUnlinkedMarks(kinds: [ResourceKind], seesAll: Bool) throws -> Bool {
        let list = kinds.listed()
        return try write { db in
            try indexSource(db)
            return try Bool.fetchOne(
                db,
                sql: """
                    SELECT EXISTS (SELECT 1 FROM scratch.target t
                        WHERE t.kind IN (\(list)) AND NOT EXISTS (SELECT 1 FROM links l
                        WHERE l.kind = t.kind AND l.target = t.n)
                        AND EXISTS (SELECT 1 FROM scratch.source s INDEXED BY source_by_external_id
                            WHERE s.kind = t.kind AND s.external_id = t.external_id AND s.in_scope AND NOT s.protected))
                    OR NOT ? AND EXISTS (SELECT 1 FROM scratch.source s
                        WHERE s.kind IN (\(list)) AND s.in_scope AND NOT s.protected AND NOT s.collision
                        AND s.problem IS NULL
                        AND s.active IS NOT 0 AND NOT EXISTS (SELECT 1 FROM links l
                            WHERE l.kind = s.kind AND l.source = s.n))
                    """, arguments: [seesAll]) ?? false
        }
    }

    /// Keeps those in groups that are recognised by their mark whom the source does not list: they may have been there
    /// before.
    public func keepMembersOfKnownGroups() throws {
        try write { db in
            try db.execute(
                sql: """
                    CREATE INDEX IF NOT EXISTS scratch.situations_by_target ON situations (kind, target);
                    INSERT OR IGNORE INTO kept_members (grp, usr)
                    SELECT t.grp, t.usr FROM scratch.situations g JOIN scratch.target_members t ON t.grp = g.target
                        WHERE g.kind = 1 AND g.situation = 'known' AND NOT EXISTS (
                        SELECT 1 FROM scratch.situations u INDEXED BY situations_by_target
                            CROSS JOIN scratch.source_members m ON m.grp = g.source AND m.usr = u.source
                        WHERE u.kind = 0 AND u.target = t.usr)
                    """)
        }
    }
}
