import Foundation
import GRDB
import Planning
import SCIM

/// What an undo needs: what a run did, what was there before it, and who touched the same objects since.
extension Ledger {
    /// The plan that a run applied; nil for a run that is unknown or wrote nothing.
    public func appliedPlan(ofRun run: Int64) throws -> PlanInfo? {
        try read { db in
            try Row.fetchOne(
                db,
                sql:
                    """
                    SELECT * FROM plans p WHERE p.run = ? AND EXISTS
                        (SELECT 1 FROM operations o WHERE o.plan = p.id AND o.verb <> 'none'
                        AND o.status IN ('done', 'failed', 'sent')) ORDER BY p.id DESC
                    """,
                arguments: [run]
            ).map {
                try PlanInfo(
                    id: $0["id"], run: $0["run"], created: $0["created"], digest: $0["digest"], inputs: $0["inputs"],
                    state: $0.word("state"))
            }
        }
    }

    /// A run that wrote to the target.
    public struct WritingRun: Sendable {
        public var id: Int64
        public var command: String
        public var label: String?
        public var started: String
        /// nil for a run that was killed.
        public var exit: Int?
        /// Operations that were done.
        public var done: Int
        public var undo: Undo?

        /// What became of the run since.
        public enum Undo: Hashable, Sendable {
            /// All of it was taken back, by that run.
            case whole(Int64)
            /// That run did not come to its end, or could not take back all of it.
            case part(Int64)
        }

        public var isUndone: Bool { if case .whole = undo { true } else { false } }
    }

    /// The last runs that wrote something, newest first: those that can be taken back.
    public func lastWriting(_ limit: Int) throws -> [WritingRun] {
        try read { db in
            let standing = try Self.standingUndos(db)
            func undo(of run: Int64) throws -> WritingRun.Undo? {
                if let undo = standing.first(where: { $0.of == run }) {
                    let isPart =
                        try Bool.fetchOne(
                            db, sql: "SELECT EXISTS (SELECT 1 FROM operations WHERE plan = ? AND status <> 'done')",
                            arguments: [undo.plan]) ?? false
                    return isPart ? .part(undo.run) : .whole(undo.run)
                }
                // One that was stopped or killed, and not taken back itself.
                let begun = try Int64.fetchAll(
                    db,
                    sql:
                        """
                        SELECT u.id FROM runs u JOIN plans q ON q.run = u.id
                            WHERE u.command = 'undo' AND u.label = CAST(? AS TEXT)
                            AND q.state IN ('applying', 'stopped') ORDER BY u.id DESC
                        """,
                    arguments: [run])
                return begun.first { id in !standing.contains { $0.of == id } }.map { .part($0) }
            }
            return try Row.fetchAll(
                db,
                sql: """
                    SELECT r.*, (SELECT count(*) FROM operations o
                        WHERE o.plan = p.id AND o.status = 'done' AND o.verb NOT IN ('none', 'link', 'unlink')) AS done
                    FROM runs r JOIN plans p ON p.run = r.id
                    WHERE EXISTS (SELECT 1 FROM operations o WHERE o.plan = p.id
                        AND o.verb NOT IN ('none', 'link', 'unlink') AND o.status IN ('done', 'failed', 'sent'))
                    ORDER BY r.id DESC LIMIT ?
                    """, arguments: [limit]
            ).map {
                WritingRun(
                    id: $0["id"], command: $0["command"], label: $0["label"], started: $0["started"], exit: $0["exit"],
                    done: $0["done"], undo: try undo(of: $0["id"]))
            }
        }
    }

    /// The run that a plan takes back; nil for a plan of any other kind.
    public func undone(by plan: PlanInfo) throws -> Int64? {
        try read {
            try Int64.fetchOne(
                $0, sql: "SELECT CAST(label AS INTEGER) FROM runs WHERE id = ? AND command = 'undo'",
                arguments: [plan.run])
        }
    }

    /// Undos that stand: applied, and not taken back themselves.
    static func standingUndos(_ db: Database) throws -> [(run: Int64, of: Int64, plan: Int64)] {
        var undone: Set<Int64> = []
        // Newest first: whatever a standing undo took back does not stand.
        return try Row.fetchAll(
            db,
            sql:
                """
                SELECT u.id, CAST(u.label AS INTEGER), q.id FROM runs u JOIN plans q ON q.run = u.id
                    WHERE u.command = 'undo' AND u.label IS NOT NULL AND q.state = 'applied'
                    -- One that found nothing to take back took nothing back.
                    AND EXISTS (SELECT 1 FROM operations o WHERE o.plan = q.id AND o.verb <> 'none')
                    ORDER BY u.id DESC
                """
        ).compactMap { row in
            let undo = (run: row[0] as Int64, of: row[1] as Int64, plan: row[2] as Int64)
            guard !undone.contains(undo.run) else { return nil }
            undone.insert(undo.of)
            return undo
        }
    }

    /// The newest run, where it did not come to its end; nil when it did. Asked by who holds the job's lock.
    public func interruptedRun() throws -> (id: Int64, command: String, started: String)? {
        try read { db in
            try Row.fetchOne(
                db,
                sql: "SELECT id, command, started FROM runs WHERE finished IS NULL AND id = (SELECT max(id) FROM runs)"
            ).map { (id: $0[0], command: $0[1], started: $0[2]) }
        }
    }

    /// Objects of a plan that later runs have touched, by name, with the run: undoing the plan would undo those as
    /// well.
    ///
    /// What was itself taken back, and the taking back, count for nothing; not so what could not be taken back.
    public func touchedSince(plan: Int64, exceptUndoOf run: Int64) throws -> [(name: String, run: Int64)] {
        try read { db in
            let undos = try Self.standingUndos(db).map { "[\($0.run),\($0.of),\($0.plan)]" }.joined(separator: ",")
            func mayBeDone(_ row: String) -> String {
                "(\(row).status IN ('done', 'sent') OR \(row).status = 'failed' AND \(row).may_be_done)"
            }
            func isLater(_ row: String) -> String {
                """
                p.id > :plan AND r.id = p.run AND NOT (r.command = 'undo' AND r.label = :run) AND NOT EXISTS (
                    SELECT 1 FROM undos u WHERE u.run = r.id OR u.of_run = r.id AND NOT EXISTS (
                        SELECT 1 FROM operations x INDEXED BY operations_by_source
                            WHERE x.plan = u.plan AND x.kind = \(row).kind AND x.source = \(row).source
                            AND x.status <> 'done'))
                """
            }
            // Joined in this order: else SQLite walks all rows of all later plans for each row of this one.
            return try Row.fetchAll(
                db,
                sql: """
                    WITH undos (run, of_run, plan) AS MATERIALIZED
                        (SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]'), json_extract(value, '$[2]')
                        FROM json_each(:undos))
                    SELECT o.name, r.id FROM operations o CROSS JOIN plans p CROSS JOIN runs r
                        CROSS JOIN operations l INDEXED BY operations_by_source
                    WHERE o.plan = :plan AND \(isLater("o")) AND l.plan = p.id AND l.kind = o.kind
                        AND l.source = o.source
                    AND o.verb <> 'none' AND \(mayBeDone("o")) AND l.verb NOT IN ('none', 'link', 'unlink')
                        AND \(mayBeDone("l"))
                    -- Whoever was created, or made ours, and then put into a group: that would end with the account, or
                    -- be nobody's to take back.
                    UNION SELECT o.name, r.id FROM plans p CROSS JOIN runs r CROSS JOIN operations l
                        CROSS JOIN operation_members m CROSS JOIN operations o INDEXED BY operations_by_source
                    WHERE l.plan = p.id AND l.verb = 'add members' AND \(mayBeDone("l")) AND m.plan = l.plan
                        AND m.seq = l.seq AND m.status IS NOT 'failed'
                    AND o.plan = :plan AND o.kind = 0 AND o.source = m.source_user
                        AND o.verb IN ('create', 'associate') AND \(mayBeDone("o")) AND \(isLater("l"))
                    ORDER BY 1, 2
                    """, arguments: ["plan": plan, "run": String(run), "undos": "[\(undos)]"]
            ).map { (name: $0[0], run: $0[1]) }
        }
    }

    /// The attributes that an object of the target had at the beginning of a run; canonical JSON by path.
    public func targetVersion(kind: ResourceKind, target id: String, run: Int64) throws -> String? {
        try read { db in
            try String.fetchOne(
                db,
                sql: """
                    SELECT v.body FROM versions v JOIN ids i ON i.n = v.n
                        WHERE v.space = ?1 AND i.space = ?1 AND i.id = ?2 AND v.first_run <= ?3
                        AND (v.last_run IS NULL OR v.last_run >= ?3)
                    ORDER BY v.first_run DESC LIMIT 1
                    """, arguments: [kind.targetSpace, id, run])
        }
    }

    /// Who was in a group of the target at the beginning of a run: the member's target id, and the source record that
    /// it is or was linked to.
    public func targetMembers(of group: String, run: Int64) throws -> [(source: String?, target: String)] {
        try read { db in
            try Row.fetchAll(
                db,
                sql: """
                    SELECT si.id, ui.id FROM memberships m JOIN ids g ON g.n = m.grp AND g.space = 3 AND g.id = ?1
                        JOIN ids ui ON ui.n = m.usr
                    LEFT JOIN links l ON l.kind = 0 AND l.target = m.usr
                    LEFT JOIN tombstones d ON d.kind = 0 AND d.target = m.usr AND d.run = ?2
                    LEFT JOIN ids si ON si.n = coalesce(l.source, d.source)
                    WHERE m.side = 1 AND m.first_run <= ?2 AND (m.last_run IS NULL OR m.last_run >= ?2) ORDER BY ui.id
                    """, arguments: [group, run]
            ).map { (source: $0[0], target: $0[1]) }
        }
    }

    /// What the target shows of an object now: its attributes, and whose mark it carries; nil when it is not there.
    public func staged(kind: ResourceKind, target id: String) throws -> (
        body: String, active: Bool?, externalID: String?, isProtected: Bool
    )? {
        try read { db in
            try Row.fetchOne(
                db.cachedStatement(
                    sql:
                        """
                        SELECT t.body, t.active, t.external_id, t.protected FROM ids i
                            CROSS JOIN scratch.target t ON t.kind = ?1 AND t.n = i.n
                            WHERE i.space = ?1 + 2 AND i.id = ?2
                        """
                ),
                arguments: [kind, id]
            ).map { (body: $0[0], active: $0[1], externalID: $0[2], isProtected: $0[3]) }
        }
    }

    /// Makes the staged target quick to look into.
    public func indexTarget() throws { try write { try indexTarget($0) } }

    func indexTarget(_ db: Database) throws {
        try db.execute(
            sql:
                """
                CREATE INDEX IF NOT EXISTS scratch.target_by_key ON target (kind, match_key); CREATE INDEX IF NOT
                    EXISTS scratch.target_by_external_id ON target (kind, external_id); CREATE INDEX IF NOT
                    EXISTS scratch.target_by_wide_key ON target (kind, wide_key);
                """
        )
    }

    /// An object of the target that bears a name or carries a mark; nil when there is none. `indexTarget` goes before.
    public func stagedHolder(kind: ResourceKind, key: String?, externalID: String?) throws -> (id: String, key: String)?
    {
        try read { db in
            try Row.fetchOne(
                db.cachedStatement(
                    sql: """
                        SELECT i.id, f.match_key FROM (
                            SELECT n, match_key FROM scratch.target INDEXED BY target_by_key
                                WHERE kind = ?1 AND match_key = ?2
                            UNION SELECT n, match_key FROM scratch.target INDEXED BY target_by_external_id
                                WHERE kind = ?1 AND external_id = ?3) f
                        JOIN ids i ON i.n = f.n ORDER BY i.id
                        """), arguments: [kind, key, externalID]
            ).map { (id: $0[0], key: $0[1]) }
        }
    }

    /// Who is in a group of the target now, by target id.
    public func stagedMembers(of group: String) throws -> Set<String> {
        try read { db in
            try Set(
                String.fetchAll(
                    db,
                    sql:
                        """
                        SELECT u.id FROM ids g CROSS JOIN scratch.target_members m ON m.grp = g.n
                            JOIN ids u ON u.n = m.usr WHERE g.space = 3 AND g.id = ?
                        """,
                    arguments: [group]))
        }
    }

    /// Drafts one operation of an undo.
    public func draft(
        _ draft: Draft, kind: ResourceKind, situation: Situation, source: String?, target: String?,
        members: [(source: String?, target: String?)] = []
    ) throws {
        try write { db in
            let source = try source.map { try intern(db, space: kind.sourceSpace, $0) }
            let target = try target.map { try intern(db, space: kind.targetSpace, $0) }
            try insert(db, draft, kind: kind, situation: situation, source: source, target: target)
            let number = db.lastInsertedRowID
            for (position, member) in members.enumerated() {
                try db.cachedStatement(
                    sql:
                        """
                        INSERT INTO scratch.draft_members (draft, position, source_user, target_user)
                            VALUES (?, ?, ?, ?)
                        """
                )
                .execute(arguments: [
                    number, position, try member.source.map { try intern(db, space: 0, $0) },
                    try member.target.map { try intern(db, space: 2, $0) },
                ])
            }
        }
    }

    // MARK: what was restored stays as it is

    static let restoredMembers =
        """
        coalesce((SELECT group_concat(usr) FROM (SELECT m.usr FROM memberships m WHERE m.side = 0 AND m.grp = \
        o.source AND m.last_run IS NULL ORDER BY m.usr)), '')
        """

    /// Remembers that a plan restores its records: until their source record changes, later runs leave them alone.
    ///
    /// - Parameter undone: the plan that is taken back: who was a leaver in it was out of scope, or absent.
    public func restrain(plan: Int64, undone: Int64) throws {
        try write { db in
            try db.execute(
                sql: """
                    INSERT OR REPLACE INTO restored (kind, source, digest, members, was_out, was_disabled, mapping)
                    SELECT DISTINCT o.kind, o.source,
                        coalesce((SELECT v.digest FROM versions v WHERE v.space = o.kind AND v.n = o.source
                            AND v.last_run IS NULL), x''),
                        CASE WHEN o.kind = 1 THEN \(Self.restoredMembers) ELSE '' END,
                        EXISTS (SELECT 1 FROM operations u INDEXED BY operations_by_source
                            WHERE u.plan = ?2 AND u.kind = o.kind AND u.source = o.source AND u.situation = 'leaver')
                            OR EXISTS (SELECT 1 FROM restored p WHERE p.kind = o.kind AND p.source = o.source
                                AND p.was_out),
                        coalesce((SELECT json_extract(v.body, '$.active') = 0 FROM versions v
                            WHERE v.space = o.kind AND v.n = o.source AND v.last_run IS NULL), 0),
                        coalesce((SELECT value FROM learned WHERE key = 'mapping'), '')
                    FROM operations o WHERE o.plan = ?1 AND o.source IS NOT NULL AND o.verb <> 'none'
                    """, arguments: [plan, undone])
            // Whoever leaves once more begins a new term.
            try db.execute(
                sql:
                    """
                    DELETE FROM departures AS d WHERE EXISTS (SELECT 1 FROM restored r
                        WHERE r.kind = d.kind AND r.source = d.source)
                    """
            )
        }
    }
}
