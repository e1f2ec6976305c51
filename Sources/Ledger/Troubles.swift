import Foundation
import GRDB

/// Since when a record is held, in conflict or failing: intervals, from the first run that met it to the last.
extension Ledger {
    /// What an operation is to its interval: the same thing in the same way.
    private static let cause = "o.status || ' ' || o.verb || ' ' || coalesce(o.held_by, o.situation)"
    private static let isTrouble = "o.status IN ('failed', 'conflict', 'held', 'skipped') AND coalesce(o.source, o.target) IS NOT NULL"

    /// Opens and closes intervals by what a run's plan came to.
    ///
    /// A record for which nothing changed costs no write.
    ///
    /// - Parameter day: `2026-01-31`.
    public func recordTroubles(plan: Int64, run: Int64, day: String) throws {
        try write { db in
            try db.execute(
                sql: """
                    CREATE TEMP TABLE met AS SELECT DISTINCT o.kind AS kind, coalesce(o.source, o.target) AS n, \(Self.cause) AS cause FROM operations o
                    WHERE o.plan = ? AND \(Self.isTrouble);
                    """, arguments: [plan])
            try db.execute(sql: "CREATE INDEX temp.met_by_record ON met (kind, n, cause)")
            try db.execute(
                sql: """
                    UPDATE troubles SET last_run = (SELECT max(id) FROM runs WHERE id < ?1) WHERE last_run IS NULL
                    AND NOT EXISTS (SELECT 1 FROM temp.met m WHERE m.kind = troubles.kind AND m.n = troubles.n AND m.cause = troubles.cause)
                    """, arguments: [run])
            try db.execute(
                sql: """
                    INSERT OR IGNORE INTO troubles (kind, n, cause, first_run, first_day, last_run)
                    SELECT m.kind, m.n, m.cause, ?1, ?2, NULL FROM temp.met m
                    WHERE NOT EXISTS (SELECT 1 FROM troubles t WHERE t.kind = m.kind AND t.n = m.n AND t.cause = m.cause AND t.last_run IS NULL)
                    """, arguments: [run, day])
            try db.execute(sql: "DROP TABLE temp.met")
            // A year and more is history that nobody asks for.
            try db.execute(sql: "DELETE FROM troubles WHERE last_run IS NOT NULL AND last_run < ? - 1000", arguments: [run])
        }
    }

    /// The run, and its day, since which an operation's record is as this operation finds it; nil for what was new to its run.
    ///
    /// - Parameter run: the run of the operation.
    public func troubleSince(_ operation: PlannedOperation, run: Int64) throws -> (run: Int64, day: String)? {
        guard let id = operation.sourceID ?? operation.targetID else { return nil }
        let space = operation.kind + (operation.sourceID == nil ? 2 : 0)
        let cause = "\(operation.status.rawValue) \(operation.verb.rawValue) \(operation.heldBy ?? operation.situation.rawValue)"
        return try read { db in
            try Row.fetchOne(
                db.cachedStatement(
                    sql: """
                        SELECT first_run, first_day FROM troubles
                        WHERE kind = ? AND n = (SELECT n FROM ids WHERE space = ? AND id = ?) AND cause = ? AND first_run < ? AND (last_run IS NULL OR last_run >= ?)
                        ORDER BY first_run DESC LIMIT 1
                        """), arguments: [operation.kind, space, id, cause, run, run]
            ).map { ($0[0], $0[1]) }
        }
    }

    /// A user as the history knows it: the mapped attributes, canonical JSON by path, as they were in a run or before it.
    ///
    /// What the source showed goes before what the target did; nil where neither showed the user.
    public func body(ofUser source: String?, target: String?, run: Int64) throws -> String? {
        try read { db in
            for (space, id) in [(0, source), (2, target)] {
                guard let id else { continue }
                let body = try String.fetchOne(
                    db.cachedStatement(
                        sql: "SELECT body FROM versions WHERE space = ?1 AND n = (SELECT n FROM ids WHERE space = ?1 AND id = ?2) AND first_run <= ?3 ORDER BY first_run DESC LIMIT 1"),
                    arguments: [space, id, run])
                if let body { return body }
            }
            return nil
        }
    }

    /// The unit in which most of some users of the source were last seen; nil where no unit is known.
    ///
    /// - Parameter users: source ids.
    public func commonUnit(of users: [String]) throws -> (name: String, count: Int)? {
        let list = String(decoding: try JSONEncoder().encode(users), as: UTF8.self)
        return try read { db in
            try Row.fetchOne(
                db,
                sql: """
                    SELECT coalesce((SELECT json_extract(v.body, '$.name') FROM versions v WHERE v.space = 4 AND v.n = m.grp ORDER BY v.first_run DESC LIMIT 1),
                            (SELECT id FROM ids WHERE n = m.grp)) AS name, count(DISTINCT m.usr) AS count
                    FROM json_each(?1) u JOIN ids i ON i.space = 0 AND i.id = u.value JOIN memberships m ON m.side = 2 AND m.usr = i.n
                    WHERE m.first_run = (SELECT max(x.first_run) FROM memberships x WHERE x.side = 2 AND x.usr = m.usr AND x.grp = m.grp)
                    GROUP BY m.grp ORDER BY count DESC, name LIMIT 1
                    """, arguments: [list]
            ).map { ($0["name"], $0["count"]) }
        }
    }

    /// Records that a plan has brought in step: all that was to be done about them was done, and they stay.
    public func broughtInStep(plan: Int64) throws -> Int {
        try read { db in
            try Int.fetchOne(
                db,
                sql: """
                    SELECT count(*) FROM (
                        SELECT 1 FROM operations WHERE plan = ? AND source IS NOT NULL AND verb <> 'none' GROUP BY kind, source
                        HAVING min(status = 'done') AND NOT max(situation IN ('leaver', 'in step') OR verb IN ('delete', 'dissociate', 'unlink')))
                    """, arguments: [plan]) ?? 0
        }
    }
}
