import Foundation
import GRDB
import SCIM

/// A ledger that was made anew from what both sides show.
extension Ledger {
    /// Keeps those in linked groups whom the staged source does not list: they may have been there before the groups
    /// were ours.
    public func keepUnlistedMembers() throws {
        try write { db in
            try db.execute(
                sql: """
                    INSERT OR IGNORE INTO kept_members (grp, usr)
                    SELECT t.grp, t.usr FROM scratch.target_members t JOIN links g ON g.kind = 1 AND g.target = t.grp
                        WHERE NOT EXISTS (
                        SELECT 1 FROM scratch.source_members m JOIN links u ON u.kind = 0 AND u.source = m.usr
                            WHERE m.grp = g.source AND u.target = t.usr)
                    """)
        }
    }

    /// Takes over what an older ledger knows of the links that this one has too: how they came to be, whose members
    /// stay, who is on the way out, and which users an undo restored. Returns how many links it knew.
    public func adopt(_ old: Ledger) throws -> Int {
        let links = try old.read { db in
            try Row.fetchAll(
                db,
                sql:
                    """
                    SELECT l.kind, s.id, t.id, l.origin, l.state, d.since, d.days, d.last_day, r.digest, r.was_out,
                        r.mapping, r.was_disabled FROM links l JOIN ids s ON s.n = l.source
                        JOIN ids t ON t.n = l.target LEFT JOIN departures d ON d.kind = l.kind
                        AND d.source = l.source LEFT JOIN restored r ON r.kind = l.kind AND r.source = l.source
                        AND l.kind = 0
                    """
            )
        }
        let kept = try Dictionary(
            grouping: old.read {
                try Row.fetchAll(
                    $0, sql: "SELECT g.id, u.id FROM kept_members k JOIN ids g ON g.n = k.grp JOIN ids u ON u.n = k.usr"
                )
            }
        ) { $0[0] as String }
        return try write { db in
            var known = 0
            for row in links {
                let kind: ResourceKind = try row.word(0)
                let source = try intern(db, space: kind.sourceSpace, row[1]),
                    target = try intern(db, space: kind.targetSpace, row[2])
                try db.execute(
                    sql: "UPDATE links SET origin = ?, state = ? WHERE kind = ? AND source = ? AND target = ?",
                    arguments: [row[3], row[4], kind, source, target])
                guard db.changesCount == 1 else { continue }
                known += 1
                try adopt(db, row, kind, source)
                guard kind == .group else { continue }
                // Of a group that the old ledger knew, it also knew who was there before.
                try db.execute(sql: "DELETE FROM kept_members WHERE grp = ?", arguments: [target])
                for pair in kept[row[2]] ?? [] {
                    try db.execute(
                        sql: "INSERT OR IGNORE INTO kept_members (grp, usr) VALUES (?, ?)",
                        arguments: [target, intern(db, space: 2, pair[1])])
                }
            }
            return known
        }
    }

    /// What the older ledger knows of a record: that it left, and that an undo restored it.
    private func adopt(_ db: Database, _ row: Row, _ kind: ResourceKind, _ source: Int64) throws {
        if row[5] as String? != nil {
            try db.execute(
                sql:
                    """
                    INSERT OR REPLACE INTO departures (kind, source, since, days, last_day)
                        VALUES (?, ?, ?, ?, ?)
                    """,
                arguments: [kind, source, row[5], row[6], row[7]])
        }
        if row[8] as Data? != nil {
            try db.execute(
                sql:
                    """
                    INSERT OR REPLACE INTO restored (kind, source, digest, members, was_out, mapping,
                        was_disabled) VALUES (?, ?, ?, '', ?, ?, ?)
                    """,
                arguments: [kind, source, row[8], row[9], row[10], row[11]])
        }
    }
}
