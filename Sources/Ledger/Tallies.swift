import Foundation
import GRDB
import Planning
import SCIM

extension Ledger {
    /// Planned operations by kind and verb; clearing and membership changes are counted by what they touch.
    public struct Tally: Sendable {
        public var operations: [String: Int] = [:]
        /// Source ids per limit key, for limits over several jobs.
        public var clearing = 0
        public var added = 0
        public var removed = 0

        public func count(_ kind: ResourceKind, _ verb: Verb) -> Int {
            operations["\(kind.rawValue) \(verb.rawValue)"] ?? 0
        }
    }

    public func tally() throws -> Tally {
        try read { db in
            var tally = Tally()
            let rows = try Row.fetchAll(
                db,
                sql:
                    """
                    SELECT kind, verb, count(DISTINCT coalesce(source, -draft)) FROM scratch.drafts
                        WHERE status = 'planned' AND (unit IS NULL OR unit = draft) GROUP BY kind, verb
                    """
            )
            for row in rows { tally.operations["\(row[0] as Int) \(row[1] as String)"] = row[2] }
            tally.clearing =
                try Int.fetchOne(
                    db,
                    sql: """
                        SELECT count(DISTINCT source) FROM scratch.drafts d
                            WHERE status = 'planned' AND kind = 0 AND verb IN
                            ('update', 'associate', 'dissociate', 'disable')
                        AND EXISTS (SELECT 1 FROM json_each(d.fields) f WHERE json_extract(f.value, '$.after') IS NULL)
                        """) ?? 0
            for (verb, path) in [(Verb.addMembers, \Tally.added), (.removeMembers, \Tally.removed)] {
                tally[keyPath: path] =
                    try Int.fetchOne(
                        db,
                        sql:
                            """
                            SELECT count(*) FROM scratch.draft_members m JOIN scratch.drafts d ON d.draft = m.draft
                                WHERE d.status = 'planned' AND d.verb = ?
                            """,
                        arguments: [verb]) ?? 0
            }
            return tally
        }
    }

    /// Source ids of the planned operations of a kind and some verbs: limits over several jobs count people, not
    /// operations.
    ///
    /// - Parameter isClearing: only those that take a value away.
    public func plannedSources(kind: ResourceKind, verbs: [Verb], isClearing: Bool = false) throws -> [String] {
        let clears =
            "AND EXISTS (SELECT 1 FROM json_each(d.fields) f WHERE json_extract(f.value, '$.after') IS NULL)"
        return try read { db in
            try String.fetchAll(
                db,
                sql: """
                    SELECT DISTINCT i.id FROM scratch.drafts d JOIN ids i ON i.n = d.source
                    WHERE d.status = 'planned' AND d.kind = ? AND d.verb IN (\(verbs.listed()))
                    \(isClearing ? clears : "") ORDER BY i.id
                    """,
                arguments: [kind])
        }
    }

    public func linkedSources(kind: ResourceKind) throws -> [String] {
        try read {
            try String.fetchAll(
                $0, sql: "SELECT i.id FROM links l JOIN ids i ON i.n = l.source WHERE l.kind = ? ORDER BY i.id",
                arguments: [kind])
        }
    }

    /// Links of a kind that there are, plus those that the drafts make: the base of percentages.
    public func managedBase(kind: ResourceKind) throws -> Int {
        try read { db in
            try Int.fetchOne(
                db,
                sql: """
                    SELECT (SELECT count(*) FROM links WHERE kind = ?1) +
                        (SELECT count(DISTINCT source) FROM scratch.drafts d
                    WHERE kind = ?1 AND status = 'planned' AND situation IN ('absent', 'known', 'existing')
                        AND verb <> 'none'
                        AND NOT EXISTS (SELECT 1 FROM links l WHERE l.kind = d.kind AND l.source = d.source))
                    """, arguments: [kind]) ?? 0
        }
    }

    /// Runs of the last days whose operations count against limits: no undos, none that was taken back, none that was
    /// let go.
    private static let countingRuns = """
        FROM runs r JOIN plans p ON p.run = r.id JOIN operations o ON o.plan = p.id
        WHERE r.started >= :since AND r.command <> 'undo' AND
            (:key = '' OR instr(' ' || coalesce(r.allowed, ''), ' ' || :key || '=') = 0
            AND instr(' ' || coalesce(r.allowed, '') || ' ', ' release ') = 0)
        AND o.status = 'done' AND NOT EXISTS (
            SELECT 1 FROM runs u JOIN plans pu ON pu.run = u.id
                JOIN operations ou INDEXED BY operations_by_source ON ou.plan = pu.id AND ou.kind = o.kind
                AND ou.source = o.source AND ou.status = 'done'
            WHERE u.command = 'undo' AND u.label = CAST(r.id AS TEXT))
        """

    /// Source ids of whom runs since a moment have taken something that is still taken: who is enabled again, or has an
    /// account again, is not among them.
    ///
    /// - Parameter notAllowed: leaves out runs in which the operator raised this limit; empty for none.
    public func taken(kind: ResourceKind, verbs: [Verb], isClearing: Bool, since: String, notAllowed key: String) throws
        -> [String]
    {
        let list = verbs.listed()
        let isBack: String
        if isClearing {
            isBack = "AND EXISTS (SELECT 1 FROM json_each(o.fields) f WHERE json_extract(f.value, '$.after') IS NULL)"
        } else if verbs.contains(.delete) {
            isBack = "AND NOT EXISTS (SELECT 1 FROM links l WHERE l.kind = o.kind AND l.source = o.source)"
        } else {
            isBack =
                """
                AND NOT EXISTS (SELECT 1 FROM links l JOIN scratch.target t ON t.kind = l.kind AND t.n = l.target
                    WHERE l.kind = o.kind AND l.source = o.source AND coalesce(t.active, 1))
                """
        }
        return try read { db in
            try String.fetchAll(
                db,
                sql:
                    """
                    SELECT DISTINCT (SELECT id FROM ids WHERE n = o.source) \(Self.countingRuns) AND o.kind = :kind
                        AND o.source IS NOT NULL AND o.verb IN (\(list)) \(isBack)
                    """,
                arguments: ["since": since, "key": key, "kind": kind])
        }
    }

    /// Memberships that runs since a moment have ended and that are not there again.
    public func removedMemberships(since: String, notAllowed key: String) throws -> Int {
        try read { db in
            try Int.fetchOne(
                db,
                sql: """
                    SELECT count(*) FROM (SELECT DISTINCT o.target AS grp, m.target_user AS usr
                        FROM (SELECT o.plan, o.seq, o.target \(Self.countingRuns) AND o.verb = 'remove members') o
                    JOIN operation_members m ON m.plan = o.plan AND m.seq = o.seq AND m.status IS NOT 'failed') x
                    WHERE NOT EXISTS (SELECT 1 FROM scratch.target_members t WHERE t.grp = x.grp AND t.usr = x.usr)
                    """, arguments: ["since": since, "key": key]) ?? 0
        }
    }

    /// Holds planned operations of some verbs of a plan.
    public func hold(plan: Int64, kind: ResourceKind, verbs: [Verb], by: HoldReason, reason: String) throws {
        let list = verbs.listed()
        try write {
            try $0.execute(
                sql:
                    """
                    UPDATE operations SET status = 'held', held_by = ?, reason = reason || '; held: ' || ?
                        WHERE plan = ? AND kind = ? AND verb IN (\(list)) AND status = 'planned'
                    """,
                arguments: [by, reason, plan, kind])
            guard verbs.contains(.associate) else { return }
            try $0.execute(
                sql:
                    """
                    UPDATE operations SET status = 'held', held_by = ?, reason = reason || '; held: ' || ?
                        WHERE plan = ? AND kind = ? AND situation = 'existing' AND status = 'planned'
                    """,
                arguments: [by, reason, plan, kind])
        }
    }

    /// What the source wants of a record: canonical JSON, its SHA-256, the mark and the folded name.
    public typealias DesiredRecord = (body: String, digest: [UInt8], externalID: String?, matchKey: String)

    /// What the source wants of a record, from this run's reading; nil when none was read.
    public func desired(kind: ResourceKind, source id: String) throws -> DesiredRecord? {
        try read { db in
            guard isScratchAttached else { return nil }
            return try Row.fetchOne(
                db.cachedStatement(
                    sql:
                        """
                        SELECT s.body, s.digest, s.external_id, s.match_key FROM scratch.source s
                            JOIN ids i ON i.n = s.n WHERE s.kind = ?1 AND i.space = ?1 AND i.id = ?2
                        """
                ),
                arguments: [kind, id]
            ).map { (body: $0[0], digest: Array($0[1] as Data), externalID: $0[2], matchKey: $0[3]) }
        }
    }

    /// Whether nobody can tell if a user of the source is let in.
    public func isStatusUnreadable(source id: String) throws -> Bool {
        try read { db in
            guard isScratchAttached else { return false }
            return try Bool.fetchOne(
                db.cachedStatement(
                    sql: """
                        SELECT s.status_unreadable FROM scratch.source s JOIN ids i ON i.n = s.n
                            WHERE s.kind = 0 AND i.space = 0 AND i.id = ?
                        """), arguments: [id]) ?? false
        }
    }

    /// Of names and source ids that somebody has written down, those that are no record's of the staged source and no
    /// linked one's, in their order.
    public func unknown(_ names: [String]) throws -> [String] {
        if names.isEmpty { return [] }
        let list = String(decoding: try JSONEncoder().encode(names), as: UTF8.self)
        return try read { db in
            try String.fetchAll(
                db,
                sql: """
                    SELECT v.value FROM json_each(?) v
                    WHERE NOT EXISTS (SELECT 1 FROM scratch.source s INDEXED BY source_by_key
                        WHERE s.kind IN (0, 1) AND s.match_key = fold(v.value))
                    AND NOT EXISTS (SELECT 1 FROM ids i WHERE i.space IN (0, 1) AND i.id = v.value)
                    AND fold(v.value) NOT IN (SELECT match_key FROM links)
                    """, arguments: [list])
        }
    }

    /// Staged records in scope that would give one value to an attribute which the target keeps unique, but for case;
    /// each with another of them.
    ///
    /// - Parameter attribute: a name of the mapped body, such as `emails[work]`.
    public func sharedValues(kind: ResourceKind, attribute: String) throws -> [(
        id: String, rival: String, value: String, body: String
    )] {
        try read { db in
            try Row.fetchAll(
                db,
                sql: """
                    WITH valued AS (SELECT n, body, json_extract(body, ?2) AS value FROM scratch.source
                        WHERE kind = ?1 AND in_scope AND problem IS NULL AND NOT protected
                        -- A disabled record without an account gets none.
                        AND NOT (disabled AND NOT EXISTS (SELECT 1 FROM links l
                            WHERE l.kind = ?1 AND l.source = scratch.source.n))),
                    counted AS (SELECT n, body, value, count(*) OVER same AS sharers, min(n) OVER same AS first,
                        max(n) OVER same AS last FROM valued WHERE value IS NOT NULL
                        WINDOW same AS (PARTITION BY fold(value)))
                    SELECT i.id, r.id, c.value, c.body FROM counted c JOIN ids i ON i.n = c.n
                        JOIN ids r ON r.n = CASE WHEN c.n = c.first THEN c.last ELSE c.first END
                    WHERE c.sharers > 1 ORDER BY i.id
                    """, arguments: [kind, "$.\"\(attribute)\""]
            ).map { ($0[0], $0[1], $0[2], $0[3]) }
        }
    }

    /// Gives a staged record another body, and says what was left out of it.
    ///
    /// - Parameter lacksWhatIsNeeded: whether no object can be made without that.
    public func restage(
        kind: ResourceKind, source id: String, body: String, digest: [UInt8], flaw: String, lacksWhatIsNeeded: Bool
    ) throws {
        try write { db in
            try db.cachedStatement(
                sql: """
                    UPDATE scratch.source SET body = ?, digest = ?, flaw = coalesce(flaw || '; ', '') || ?,
                        lacks_needed = lacks_needed OR ?
                    WHERE kind = ? AND n = (SELECT n FROM ids WHERE space = ? AND id = ?)
                    """
            ).execute(arguments: [body, blob(digest), flaw, lacksWhatIsNeeded, kind, kind, id])
        }
    }

    /// Marks all that is planned in a plan as held.
    public func hold(plan: Int64, by: HoldReason, reason: String) throws {
        try write { db in
            try db.execute(
                sql:
                    """
                    UPDATE operations SET status = 'held', held_by = ?, reason = reason || '; held: ' || ?
                        WHERE plan = ? AND status = 'planned'
                    """,
                arguments: [by, reason, plan])
            try db.execute(sql: "UPDATE plans SET state = 'held' WHERE id = ?", arguments: [plan])
        }
    }

    public func linkCount(kind: ResourceKind) throws -> Int {
        try read { try Int.fetchOne($0, sql: "SELECT count(*) FROM links WHERE kind = ?", arguments: [kind]) ?? 0 }
    }
}
