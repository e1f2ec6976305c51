import Foundation
import GRDB
import Planning

/// Since when a record is held, in conflict or failing: intervals, from the first run that met it to the last.
extension Ledger {
    /// What keeps a record from being as its source has it: a refusal stays one, whether it is tried again or put off;
    /// a limit is one whatever it holds.
    private static let cause = """
        CASE WHEN o.status = 'conflict' THEN 'conflict' WHEN o.status IN ('failed', 'skipped')
            OR o.held_by IN (\(HoldReason.allCases.filter(\.isRefusal).listed())) THEN 'refused'
        ELSE coalesce(o.held_by, o.situation) END
        """
    private static let isTrouble =
        "o.status IN ('failed', 'conflict', 'held', 'skipped') AND coalesce(o.source, o.target) IS NOT NULL"

    /// The same of one operation, with its record: what `troublesSince` is looked up by; nil for what has no record.
    public static func troubleKey(_ operation: PlannedOperation) -> String? {
        guard let id = operation.sourceID ?? operation.targetID else { return nil }
        let cause =
            switch operation.status {
            case .conflict: "conflict"
            case .failed, .skipped: "refused"
            default:
                operation.heldBy?.isRefusal ?? false
                    ? "refused" : operation.heldBy?.rawValue ?? operation.situation.rawValue
            }
        return "\(operation.kind.rawValue) \(operation.sourceID == nil ? 2 : 0) \(id) \(cause)"
    }

    /// Opens and closes intervals by what a run's plan came to. A record that this run did not try, since a limit held
    /// it or the sending ended before, is as it was before.
    ///
    /// A record for which nothing changed costs no write.
    ///
    /// - Parameter day: `2026-01-31`.
    public func recordTroubles(plan: Int64, run: Int64, day: String) throws {
        try write { db in
            try db.execute(
                sql: """
                    CREATE TEMP TABLE met AS
                    SELECT DISTINCT o.kind AS kind, coalesce(o.source, o.target) AS n, \(Self.cause) AS cause
                        FROM operations o WHERE o.plan = ?1 AND \(Self.isTrouble)
                    UNION SELECT o.kind, coalesce(o.source, o.target), '*' FROM operations o
                    WHERE o.plan = ?1 AND (o.status IN ('planned', 'sent') OR o.status = 'held'
                        AND o.held_by IN (\(HoldReason.allCases.filter(\.isOfTheRun).listed())));
                    """, arguments: [plan])
            try db.execute(sql: "CREATE INDEX temp.met_by_record ON met (kind, n, cause)")
            try db.execute(
                sql: """
                    UPDATE troubles SET last_run = (SELECT max(id) FROM runs WHERE id < ?1) WHERE last_run IS NULL
                    AND NOT EXISTS (SELECT 1 FROM temp.met m WHERE m.kind = troubles.kind AND m.n = troubles.n
                        AND m.cause IN (troubles.cause, '*'))
                    """, arguments: [run])
            try db.execute(
                sql: """
                    INSERT OR IGNORE INTO troubles (kind, n, cause, first_run, first_day, last_run)
                    SELECT m.kind, m.n, m.cause, ?1, ?2, NULL FROM temp.met m
                    WHERE m.cause <> '*' AND NOT EXISTS (SELECT 1 FROM troubles t
                        WHERE t.kind = m.kind AND t.n = m.n AND t.cause = m.cause AND t.last_run IS NULL)
                    """, arguments: [run, day])
            try db.execute(sql: "DROP TABLE temp.met")
        }
    }

    /// Since when records are as a run found them, by `troubleKey`; what was new to it is not among them.
    public func troublesSince(run: Int64) throws -> [String: String] {
        try read { db in
            var since: [String: String] = [:]
            let rows = try Row.fetchCursor(
                db,
                sql: """
                    SELECT t.kind, i.space, i.id, t.cause, t.first_run, t.first_day FROM troubles t
                        JOIN ids i ON i.n = t.n
                    WHERE t.first_run < ?1 AND (t.last_run IS NULL OR t.last_run >= ?1) ORDER BY t.first_run
                    """, arguments: [run])
            while let row = try rows.next() {
                since["\(row[0] as Int) \((row[1] as Int) < 2 ? 0 : 2) \(row[2] as String) \(row[3] as String)"] =
                    "run \(row[4] as Int64) of \(row[5] as String)"
            }
            return since
        }
    }

    /// A user as the history knows it: the mapped attributes, canonical JSON by path, as they were in a run or before
    /// it.
    ///
    /// What the source showed goes before what the target did; nil where neither showed the user.
    public func body(ofUser source: String?, target: String?, run: Int64) throws -> String? {
        try read { db in
            for (space, id) in [(0, source), (2, target)] {
                guard let id else { continue }
                let body = try String.fetchOne(
                    db.cachedStatement(
                        sql:
                            """
                            SELECT body FROM versions WHERE space = ?1
                                AND n = (SELECT n FROM ids WHERE space = ?1 AND id = ?2) AND first_run <= ?3
                                ORDER BY first_run DESC LIMIT 1
                            """
                    ),
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
                    WITH seen (usr, grp, last) AS MATERIALIZED (
                        SELECT m.usr, m.grp, coalesce(m.last_run, 9e18) FROM json_each(?1) u
                            JOIN ids i ON i.space = 0 AND i.id = u.value
                            JOIN memberships m ON m.side = 2 AND m.usr = i.n)
                    SELECT coalesce((SELECT json_extract(v.body, '$.name') FROM versions v
                        WHERE v.space = 4 AND v.n = s.grp ORDER BY v.first_run DESC LIMIT 1),
                            (SELECT id FROM ids WHERE n = s.grp)) AS name, count(DISTINCT s.usr) AS count
                    FROM seen s WHERE s.last = (SELECT max(x.last) FROM seen x WHERE x.usr = s.usr) GROUP BY s.grp
                        ORDER BY count DESC, name LIMIT 1
                    """, arguments: [list]
            ).map { ($0["name"], $0["count"]) }
        }
    }

    /// Records that are in step after a plan was applied: those that were and for which nothing is open, and those
    /// about which all was done.
    public func inStep(after plan: Int64) throws -> Int {
        try read { db in
            try Int.fetchOne(
                db,
                sql: """
                    SELECT count(*) FROM (
                        SELECT s.kind, s.source FROM scratch.situations s
                            WHERE s.situation = 'in step' AND s.source IS NOT NULL AND NOT EXISTS (
                            SELECT 1 FROM operations o INDEXED BY operations_by_source
                                WHERE o.plan = ?1 AND o.kind = s.kind AND o.source = s.source
                                AND o.status NOT IN ('done', 'noted'))
                        UNION
                        SELECT kind, source FROM operations WHERE plan = ?1 AND source IS NOT NULL GROUP BY kind, source
                        HAVING min(status IN ('done', 'noted')) AND max(status = 'done')
                            AND NOT max(situation = 'leaver' OR verb IN ('delete', 'dissociate', 'unlink')))
                    """, arguments: [plan]) ?? 0
        }
    }
}
