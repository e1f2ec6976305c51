import Foundation
import GRDB
import Planning
import SCIM

/// How links came about, and whether older versions knew it rightly.
extension Ledger {
    public struct Origin: Hashable, Sendable {
        public var kind: ResourceKind
        public var sourceID: String
        public var targetID: String
        public var name: String
        public var origin: LinkOrigin
        public var reason: String
    }

    private static let toBeLookedAt = "origins"

    /// Puts right how a link came about.
    public func correct(origin: LinkOrigin, kind: ResourceKind, source id: String) throws {
        try write { db in
            let source = try intern(db, space: kind.sourceSpace, id)
            try db.execute(
                sql: "UPDATE links SET origin = ? WHERE kind = ? AND source = ?", arguments: [origin, kind, source])
        }
    }

    /// Links that an older version calls created, and that were there before: the history showed them before their
    /// create's run, they say so themselves, or another run than the create's settled it. They are called found from
    /// now on. Once, after a migration; nil later.
    ///
    /// - Parameter grace: seconds by which an object may be older than its create's run.
    public func correctOrigins(grace: Double = 600) throws -> [Origin]? {
        guard try fact(Self.toBeLookedAt) != nil else { return nil }
        return try write { db in
            let rows = try Row.fetchAll(
                db,
                sql: """
                    SELECT l.kind, l.source, si.id AS source_id, ti.id AS target_id, l.match_key, c.run AS settled,
                        c.made AS made,
                        EXISTS (SELECT 1 FROM versions v WHERE v.space = l.kind + 2 AND v.n = l.target
                            AND v.first_run < c.made AND (v.last_run IS NULL OR v.last_run >= c.made - 1)) AS was_shown,
                        coalesce(t.created < CAST(strftime('%s', r.started) AS REAL) - ?1, 0) AS is_older
                    FROM links l JOIN ids si ON si.n = l.source JOIN ids ti ON ti.n = l.target
                    JOIN (SELECT o.kind, o.source, o.run, p.run AS made, max(o.plan) FROM operations o
                        JOIN plans p ON p.id = o.plan WHERE o.verb = 'create' AND o.status = 'done'
                        GROUP BY o.kind, o.source) c
                        ON c.kind = l.kind AND c.source = l.source
                    JOIN runs r ON r.id = c.made LEFT JOIN scratch.target t ON t.kind = l.kind AND t.n = l.target
                    WHERE l.origin = 'created' ORDER BY l.kind, si.id
                    """, arguments: [grace])
            var found: [Origin] = []
            for row in rows {
                let made: Int64 = row["made"], settled: Int64? = row["settled"]
                let reason: String
                if row["was_shown"] {
                    reason = "the target's list showed it before"
                } else if row["is_older"] {
                    reason = "it is older than its create"
                } else if let settled, settled != made {
                    reason = "run \(settled) found it after run \(made) had sent its create"
                } else {
                    continue
                }
                found.append(
                    Origin(
                        kind: try row.word("kind"), sourceID: row["source_id"], targetID: row["target_id"],
                        name: row["match_key"], origin: .found, reason: reason))
                try db.execute(
                    sql: "UPDATE links SET origin = 'found' WHERE kind = ? AND source = ?",
                    arguments: [row["kind"] as Int, row["source"] as Int64])
            }
            try db.execute(sql: "DELETE FROM learned WHERE key = ?", arguments: [Self.toBeLookedAt])
            return found
        }
    }

    /// Links that this job did not make, by kind and record.
    public func origins() throws -> [Origin] {
        try read { db in
            try Row.fetchAll(
                db,
                sql: """
                    SELECT l.kind, si.id, ti.id, l.match_key, l.origin FROM links l JOIN ids si ON si.n = l.source
                        JOIN ids ti ON ti.n = l.target
                    WHERE l.origin <> 'created' ORDER BY l.kind, l.origin, si.id
                    """
            ).map {
                try Origin(
                    kind: $0.word(0), sourceID: $0[1], targetID: $0[2], name: $0[3], origin: $0.word(4), reason: "")
            }
        }
    }

    /// Calls links created, by source or target id. Returns the ids that name no link, or more than one: of those, none
    /// is set.
    public func setCreated(_ ids: [String]) throws -> [String] {
        let named =
            """
            source IN (SELECT n FROM ids WHERE space IN (0, 1) AND id = ?1) OR target IN (SELECT n FROM ids WHERE \
            space IN (2, 3) AND id = ?1)
            """
        return try write { db in
            try ids.filter { id in
                guard try Int.fetchOne(db, sql: "SELECT count(*) FROM links WHERE \(named)", arguments: [id]) == 1
                else { return true }
                try db.execute(sql: "UPDATE links SET origin = 'created' WHERE \(named)", arguments: [id])
                return false
            }
        }
    }
}
