import Foundation
import GRDB
import Planning
import SCIM

/// The history of both sides: each version of a record and each membership with the runs that saw it.
extension Ledger {
    // MARK: history

    /// Folds the staged reads into the history. Only a complete read closes an interval: what an incomplete one does
    /// not show is not gone.
    ///
    /// - Parameter kinds: the kinds that were read from the target.
    public func recordHistory(
        run: Int64, source isSourceComplete: Bool, target isTargetComplete: Bool,
        kinds: [ResourceKind] = ResourceKind.allCases
    ) throws {
        try write { db in
            try recordUnits(db, run: run, isComplete: isSourceComplete)
            for (table, firstSpace, side, isComplete) in [
                ("source", 0, 0, isSourceComplete), ("target", 2, 1, isTargetComplete),
            ] {
                let spaces = (side == 0 ? ResourceKind.allCases.map(\.sourceSpace) : kinds.map(\.targetSpace)).map(
                    String.init
                ).joined(separator: ",")
                let gone =
                    isComplete
                    ? ""
                    : """
                    AND EXISTS (SELECT 1 FROM scratch.\(table) s
                        WHERE s.kind = v.space - \(firstSpace) AND s.n = v.n)
                    """
                try db.execute(
                    sql: """
                        UPDATE versions AS v SET last_run = ? WHERE last_run IS NULL AND space IN (\(spaces))
                        AND NOT EXISTS (SELECT 1 FROM scratch.\(table) s
                            WHERE s.kind = v.space - \(firstSpace) AND s.n = v.n AND s.digest = v.digest) \(gone)
                        """, arguments: [run - 1])
                try db.execute(
                    sql: """
                        INSERT OR REPLACE INTO versions (space, n, first_run, last_run, digest, body)
                        SELECT s.kind + \(firstSpace), s.n, ?, NULL, s.digest, s.body FROM scratch.\(table) s
                        WHERE NOT EXISTS (SELECT 1 FROM versions v WHERE v.space = s.kind + \(firstSpace) AND v.n = s.n
                            AND v.last_run IS NULL)
                        """, arguments: [run])
                try recordMembers(
                    db, run: run, side: side, table: "scratch.\(table)_members",
                    isComplete: isComplete && (side == 0 || kinds.contains(.group)))
            }
        }
    }

    /// Folds the members of groups into the history: of those groups alone whose members are others than the history
    /// holds.
    func recordMembers(_ db: Database, run: Int64, side: Int, table: String, isComplete: Bool) throws {
        try db.execute(
            sql: """
                CREATE TEMP TABLE changed_groups (grp INTEGER PRIMARY KEY, digest TEXT);
                INSERT INTO temp.changed_groups
                    SELECT grp, digest FROM (SELECT grp, members_digest(usr) AS digest FROM \(table) GROUP BY grp) s
                    WHERE NOT EXISTS (SELECT 1 FROM member_digests d
                        WHERE d.side = \(side) AND d.grp = s.grp AND d.digest = s.digest)
                """)
        if isComplete {
            try db.execute(
                sql: """
                    INSERT INTO temp.changed_groups SELECT grp, NULL FROM member_digests d WHERE side = \(side)
                        AND NOT EXISTS (SELECT 1 FROM \(table) s WHERE s.grp = d.grp)
                    """)
            try db.execute(
                sql: """
                    UPDATE memberships AS m SET last_run = ? WHERE last_run IS NULL AND side = \(side)
                        AND grp IN (SELECT grp FROM temp.changed_groups)
                        AND NOT EXISTS (SELECT 1 FROM \(table) s WHERE s.grp = m.grp AND s.usr = m.usr)
                    """, arguments: [run - 1])
        }
        try db.execute(
            sql: """
                INSERT OR REPLACE INTO memberships (side, grp, usr, first_run, last_run)
                SELECT \(side), s.grp, s.usr, ?, NULL FROM temp.changed_groups c CROSS JOIN \(table) s ON s.grp = c.grp
                WHERE NOT EXISTS (SELECT 1 FROM memberships m
                    WHERE m.side = \(side) AND m.grp = s.grp AND m.usr = s.usr AND m.last_run IS NULL)
                """, arguments: [run])
        try db.execute(
            sql: """
                INSERT OR REPLACE INTO member_digests (side, grp, digest)
                    SELECT \(side), grp, \(isComplete ? "digest" : "''") FROM temp.changed_groups
                    WHERE digest IS NOT NULL;
                DELETE FROM member_digests WHERE side = \(side)
                    AND grp IN (SELECT grp FROM temp.changed_groups WHERE digest IS NULL);
                DROP TABLE temp.changed_groups
                """)
    }

    /// The history of units: their names, and who was in them.
    func recordUnits(_ db: Database, run: Int64, isComplete: Bool) throws {
        try db.execute(
            sql: """
                INSERT OR IGNORE INTO ids (space, id) SELECT 4, unit
                    FROM (SELECT id AS unit FROM scratch.units UNION SELECT unit FROM scratch.source_units)
                    ORDER BY unit
                """)
        try db.execute(
            sql: """
                UPDATE versions AS v SET last_run = ?1 WHERE last_run IS NULL AND space = 4 AND EXISTS (
                    SELECT 1 FROM scratch.units u JOIN ids i ON i.space = 4 AND i.id = u.id
                        WHERE i.n = v.n AND v.body <> json_object('name', u.name, 'parent', u.parent))
                """, arguments: [run - 1])
        try db.execute(
            sql: """
                INSERT OR REPLACE INTO versions (space, n, first_run, last_run, digest, body)
                SELECT 4, i.n, ?1, NULL, x'', json_object('name', u.name, 'parent', u.parent) FROM scratch.units u
                    JOIN ids i ON i.space = 4 AND i.id = u.id
                WHERE NOT EXISTS (SELECT 1 FROM versions v WHERE v.space = 4 AND v.n = i.n AND v.last_run IS NULL)
                """, arguments: [run])
        if isComplete {
            try db.execute(
                sql: """
                    UPDATE memberships AS m SET last_run = ?1 WHERE last_run IS NULL AND side = 2 AND NOT EXISTS (
                        SELECT 1 FROM scratch.source_units s JOIN ids i ON i.space = 4 AND i.id = s.unit
                            WHERE s.usr = m.usr AND i.n = m.grp)
                    """, arguments: [run - 1])
        }
        try db.execute(
            sql: """
                INSERT OR REPLACE INTO memberships (side, grp, usr, first_run, last_run)
                SELECT 2, i.n, s.usr, ?1, NULL FROM scratch.source_units s JOIN ids i ON i.space = 4 AND i.id = s.unit
                WHERE NOT EXISTS (SELECT 1 FROM memberships m WHERE m.side = 2 AND m.grp = i.n AND m.usr = s.usr
                    AND m.last_run IS NULL)
                """, arguments: [run])
    }
}
