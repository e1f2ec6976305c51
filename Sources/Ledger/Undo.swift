import Foundation
import GRDB

/// What an undo needs: what a run did, what was there before it, and who touched the same objects since.
extension Ledger {
    /// The plan that a run applied; nil for a run that is unknown or wrote nothing.
    public func appliedPlan(ofRun run: Int64) throws -> PlanInfo? {
        try read { db in
            try Row.fetchOne(
                db,
                sql:
                    "SELECT * FROM plans p WHERE p.run = ? AND EXISTS (SELECT 1 FROM operations o WHERE o.plan = p.id AND o.verb <> 'none' AND o.status IN ('done', 'failed', 'sent')) ORDER BY p.id DESC",
                arguments: [run]
            ).map { PlanInfo(id: $0["id"], run: $0["run"], created: $0["created"], digest: $0["digest"], inputs: $0["inputs"], state: $0["state"]) }
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
        public var isUndone: Bool
    }

    /// The last runs that wrote something, newest first: those that can be taken back.
    public func lastWriting(_ limit: Int) throws -> [WritingRun] {
        try read { db in
            try Row.fetchAll(
                db,
                sql: """
                    SELECT r.*, (SELECT count(*) FROM operations o WHERE o.plan = p.id AND o.status = 'done' AND o.verb NOT IN ('none', 'link', 'unlink')) AS done,
                        EXISTS (SELECT 1 FROM runs u JOIN plans q ON q.run = u.id WHERE u.command = 'undo' AND u.label = CAST(r.id AS TEXT) AND q.state = 'applied') AS is_undone
                    FROM runs r JOIN plans p ON p.run = r.id
                    WHERE EXISTS (SELECT 1 FROM operations o WHERE o.plan = p.id AND o.verb NOT IN ('none', 'link', 'unlink') AND o.status IN ('done', 'failed', 'sent'))
                    ORDER BY r.id DESC LIMIT ?
                    """, arguments: [limit]
            ).map {
                WritingRun(id: $0["id"], command: $0["command"], label: $0["label"], started: $0["started"], exit: $0["exit"], done: $0["done"], isUndone: $0["is_undone"])
            }
        }
    }

    /// Objects of a plan that later runs have touched, by name, with the run: undoing the plan would undo those as well.
    public func touchedSince(plan: Int64, exceptUndoOf run: Int64) throws -> [(name: String, run: Int64)] {
        try read { db in
            try Row.fetchAll(
                db,
                sql: """
                    SELECT DISTINCT o.name, l.run FROM operations o CROSS JOIN plans p JOIN runs r ON r.id = p.run
                    JOIN operations l INDEXED BY operations_by_source ON l.plan = p.id AND l.kind = o.kind AND l.source = o.source
                    WHERE o.plan = ?1 AND p.id > ?1 AND o.verb <> 'none' AND o.status IN ('done', 'failed') AND l.verb NOT IN ('none', 'link', 'unlink') AND l.status IN ('done', 'sent')
                    AND NOT (r.command = 'undo' AND r.label = ?2)
                    -- What was itself taken back, and the taking back, count for nothing.
                    AND NOT EXISTS (SELECT 1 FROM runs u JOIN plans q ON q.run = u.id WHERE u.command = 'undo' AND q.state = 'applied' AND (u.label = CAST(r.id AS TEXT) OR u.id = r.id))
                    ORDER BY o.name, l.run
                    """, arguments: [plan, String(run)]
            ).map { (name: $0[0], run: $0[1]) }
        }
    }

    /// The attributes that an object of the target had at the beginning of a run; canonical JSON by path.
    public func targetVersion(kind: Int, target id: String, run: Int64) throws -> String? {
        try read { db in
            try String.fetchOne(
                db,
                sql: """
                    SELECT v.body FROM versions v JOIN ids i ON i.n = v.n WHERE v.space = ?1 AND i.space = ?1 AND i.id = ?2 AND v.first_run <= ?3 AND (v.last_run IS NULL OR v.last_run >= ?3)
                    ORDER BY v.first_run DESC LIMIT 1
                    """, arguments: [kind + 2, id, run])
        }
    }

    /// Who was in a group of the target at the beginning of a run: the member's target id, and the source record that it is or was linked to.
    public func targetMembers(of group: String, run: Int64, plan: Int64) throws -> [(source: String?, target: String)] {
        try read { db in
            try Row.fetchAll(
                db,
                sql: """
                    SELECT si.id, ui.id FROM memberships m JOIN ids g ON g.n = m.grp AND g.space = 3 AND g.id = ?1 JOIN ids ui ON ui.n = m.usr
                    LEFT JOIN links l ON l.kind = 0 AND l.target = m.usr
                    LEFT JOIN operations d ON d.plan = ?3 AND d.kind = 0 AND d.target = m.usr AND d.verb = 'delete'
                    LEFT JOIN ids si ON si.n = coalesce(l.source, d.source)
                    WHERE m.side = 1 AND m.first_run <= ?2 AND (m.last_run IS NULL OR m.last_run >= ?2) ORDER BY ui.id
                    """, arguments: [group, run, plan]
            ).map { (source: $0[0], target: $0[1]) }
        }
    }

    /// What the target shows of an object now: its attributes, and whose mark it carries; nil when it is not there.
    public func staged(kind: Int, target id: String) throws -> (body: String, externalID: String?, isProtected: Bool)? {
        try read { db in
            try Row.fetchOne(
                db, sql: "SELECT t.body, t.external_id, t.protected FROM scratch.target t JOIN ids i ON i.n = t.n WHERE t.kind = ?1 AND i.space = ?1 + 2 AND i.id = ?2", arguments: [kind, id]
            ).map { (body: $0[0], externalID: $0[1], isProtected: $0[2]) }
        }
    }

    /// An object of the target that bears a name or carries a mark; nil when there is none.
    public func stagedHolder(kind: Int, key: String?, externalID: String?) throws -> (id: String, key: String)? {
        try read { db in
            try Row.fetchOne(
                db, sql: "SELECT i.id, t.match_key FROM scratch.target t JOIN ids i ON i.n = t.n WHERE t.kind = ?1 AND (t.match_key = ?2 OR t.external_id = ?3) ORDER BY i.id",
                arguments: [kind, key, externalID]
            ).map { (id: $0[0], key: $0[1]) }
        }
    }

    /// Who is in a group of the target now, by target id.
    public func stagedMembers(of group: String) throws -> Set<String> {
        try read { db in
            try Set(String.fetchAll(db, sql: "SELECT u.id FROM scratch.target_members m JOIN ids g ON g.n = m.grp JOIN ids u ON u.n = m.usr WHERE g.space = 3 AND g.id = ?", arguments: [group]))
        }
    }

    /// Drafts one operation of an undo.
    public func draft(_ draft: Draft, kind: Int, situation: Situation, source: String?, target: String?, members: [(source: String?, target: String?)] = []) throws {
        try write { db in
            let source = try source.map { try intern(db, space: kind, $0) }
            let target = try target.map { try intern(db, space: kind + 2, $0) }
            try insert(db, draft, kind: kind, situation: situation, source: source, target: target)
            let number = db.lastInsertedRowID
            for (position, member) in members.enumerated() {
                try db.cachedStatement(sql: "INSERT INTO scratch.draft_members (draft, position, source_user, target_user) VALUES (?, ?, ?, ?)")
                    .execute(arguments: [number, position, try member.source.map { try intern(db, space: 0, $0) }, try member.target.map { try intern(db, space: 2, $0) }])
            }
        }
    }

    // MARK: what was restored stays as it is

    private static let memberDigest = "coalesce((SELECT group_concat(usr) FROM (SELECT m.usr FROM memberships m WHERE m.side = 0 AND m.grp = o.source AND m.last_run IS NULL ORDER BY m.usr)), '')"

    /// Remembers that a plan restores its records: until their source record changes, later runs leave them alone.
    ///
    /// - Parameter undone: the plan that is taken back: who was a leaver in it was out of scope, or absent.
    public func restrain(plan: Int64, undone: Int64) throws {
        try write { db in
            try db.execute(
                sql: """
                    INSERT OR REPLACE INTO restored (kind, source, digest, members, was_out, mapping)
                    SELECT DISTINCT o.kind, o.source,
                        coalesce((SELECT v.digest FROM versions v WHERE v.space = o.kind AND v.n = o.source AND v.last_run IS NULL), x''),
                        CASE WHEN o.kind = 1 THEN \(Self.memberDigest) ELSE '' END,
                        EXISTS (SELECT 1 FROM operations u WHERE u.plan = ?2 AND u.kind = o.kind AND u.source = o.source AND u.situation = 'leaver')
                            OR EXISTS (SELECT 1 FROM restored p WHERE p.kind = o.kind AND p.source = o.source AND p.was_out),
                        coalesce((SELECT value FROM learned WHERE key = 'mapping'), '')
                    FROM operations o WHERE o.plan = ?1 AND o.source IS NOT NULL AND o.verb <> 'none'
                    """, arguments: [plan, undone])
            // Whoever leaves once more begins a new term.
            try db.execute(sql: "DELETE FROM departures AS d WHERE EXISTS (SELECT 1 FROM restored r WHERE r.kind = d.kind AND r.source = d.source)")
        }
    }

    public func releaseAllRestored() throws { try write { try $0.execute(sql: "DELETE FROM restored") } }

    /// Finds out which restored records stay as they are: whose source record is what it was, and in or out of scope as it was. Under
    /// another mapping than the digest was made with, nobody can tell, and they stay.
    ///
    /// - Parameter isComplete: whether absence from the source may be believed.
    /// - Parameter mapping: digest of the job's mapping.
    public func holdRestored(isComplete: Bool, mapping: String) throws {
        try write { db in
            try db.execute(
                sql: """
                    INSERT INTO scratch.restored (kind, source) SELECT o.kind, o.source FROM restored o WHERE NOT (
                        o.mapping IN ('', ?2) AND EXISTS (SELECT 1 FROM scratch.source s WHERE s.kind = o.kind AND s.n = o.source AND s.digest <> o.digest)
                        OR EXISTS (SELECT 1 FROM scratch.source s WHERE s.kind = o.kind AND s.n = o.source AND (s.in_scope AND o.was_out OR ?1 AND NOT s.in_scope AND NOT o.was_out))
                        OR ?1 AND o.digest <> x'' AND NOT EXISTS (SELECT 1 FROM scratch.source s WHERE s.kind = o.kind AND s.n = o.source)
                        OR ?1 AND o.kind = 1 AND o.members <> coalesce((SELECT group_concat(usr) FROM (SELECT m.usr FROM scratch.source_members m WHERE m.grp = o.source ORDER BY m.usr)), ''))
                    """, arguments: [isComplete, mapping])
        }
    }

    /// Lets go of restored records that do not stay as they are, for good: when a plan is applied, and not when one is looked at.
    public func releaseRestored(mapping: String) throws {
        try write { db in
            try db.execute(
                sql: """
                    DELETE FROM restored AS o WHERE NOT EXISTS (SELECT 1 FROM scratch.restored k WHERE k.kind = o.kind AND k.source = o.source);
                    """)
            try db.execute(
                sql: """
                    UPDATE restored AS o SET mapping = ?1, digest = coalesce((SELECT s.digest FROM scratch.source s WHERE s.kind = o.kind AND s.n = o.source), digest) WHERE mapping NOT IN ('', ?1)
                    """, arguments: [mapping])
        }
    }

    /// Keeps the memberships of restored groups as they are.
    public func holdRestoredGroups() throws {
        try write { db in
            try db.execute(sql: "UPDATE scratch.outlook AS k SET state = 'held' WHERE kind = 1 AND EXISTS (SELECT 1 FROM scratch.restored r WHERE r.kind = 1 AND r.source = k.source)")
        }
    }
}
