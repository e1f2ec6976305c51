import Foundation
import GRDB
import JSON
import Planning
import SCIM

extension Ledger {
    /// Asks `decide` about every object that is not plainly in step, unmanaged or protected, and stores what it
    /// answers.
    ///
    /// - Parameter asksForMembers: tells of leavers whether they are in a group of the target, or have members.
    /// - Parameter includesDisabled: also about records in step that the source disables: a platform may not be able
    ///   to.
    /// - Parameter linkedOnly: kinds outside the full-push scope: their records are known by their links alone.
    public func draft(
        includesDisabled: Bool = false, asksForMembers: Bool = false, linkedOnly: [ResourceKind] = [],
        _ decide: (SituationRow) throws -> (drafts: [Draft], outlook: Outlook?)
    ) throws {
        try write { db in
            // Objects in step need no decision; the bulk of a quiet night never leaves SQLite.
            try db.execute(
                sql: "DELETE FROM scratch.drafts; DELETE FROM scratch.draft_members; DELETE FROM scratch.outlook")
            try db.execute(
                sql:
                    """
                    INSERT INTO scratch.outlook (kind, source, target, state)
                        SELECT kind, source, target, 'present' FROM scratch.situations WHERE situation = 'in step'
                    """
            )
            for kind in linkedOnly { try outlookFromLinks(db, kind: kind) }
            try db.execute(sql: "CREATE INDEX IF NOT EXISTS scratch.outlook_by_target ON outlook (kind, target)")
            try db.execute(sql: "CREATE INDEX IF NOT EXISTS scratch.target_members_by_user ON target_members (usr)")
            let rows = try Row.fetchCursor(
                db,
                sql: Self.rowQuery
                    + """
                     WHERE (st.situation <> 'in step' OR s.flaw IS NOT NULL OR ? AND st.kind = 0 AND s.disabled)
                        AND NOT (st.situation IN ('unmanaged', 'protected') AND st.source IS NULL)
                        ORDER BY st.kind, si.id, ti.id
                    """,
                arguments: [includesDisabled])
            while let row = try rows.next() {
                var situation = try Self.situationRow(row)
                try learnMembers(db, &situation, ofLeavers: asksForMembers)
                let (drafts, outlook) = try decide(situation)
                if let outlook { try note(db, outlook, of: situation) }
                for draft in drafts { try insert(db, draft, situation) }
            }
        }
    }

    /// What of groups a decision needs: whether a leaver is in one, or has members; what rights an association would
    /// give.
    private func learnMembers(_ db: Database, _ situation: inout SituationRow, ofLeavers: Bool) throws {
        if ofLeavers, situation.situation == .leaver {
            let column = situation.kind == .user ? "usr" : "grp"
            situation.hasMembers =
                try Bool.fetchOne(
                    db.cachedStatement(
                        sql: "SELECT EXISTS (SELECT 1 FROM scratch.target_members WHERE \(column) = ?)"),
                    arguments: [situation.target]) ?? false
        }
        // Users come first, so that it is known by now whose accounts its members are.
        if situation.kind == .group, situation.situation == .existing { try lookAtMembers(db, &situation) }
        guard situation.kind == .user, situation.situation == .existing, situation.rights == nil else { return }
        situation.rights = try String.fetchOne(
            db.cachedStatement(
                sql: """
                    SELECT 'it is in the protected group ' || g.name
                        FROM scratch.target_members m INDEXED BY target_members_by_user
                    JOIN scratch.target g ON g.kind = 1 AND g.n = m.grp AND g.protected WHERE m.usr = ?
                        LIMIT 1
                    """), arguments: [situation.target])
    }

    private func note(_ db: Database, _ outlook: Outlook, of situation: SituationRow) throws {
        guard let source = situation.source else { return }
        try db.cachedStatement(
            sql:
                """
                INSERT OR REPLACE INTO scratch.outlook (kind, source, target, state, is_associating)
                    VALUES (?, ?, ?, ?, ?)
                """
        )
        .execute(arguments: [
            situation.kind, source,
            outlook == .present && situation.situation == .missing ? nil : situation.target, outlook,
            situation.situation == .existing,
        ])
    }

    func insert(_ db: Database, _ draft: Draft, _ row: SituationRow) throws {
        try insert(db, draft, kind: row.kind, situation: row.situation, source: row.source, target: row.target)
    }

    func insert(
        _ db: Database, _ draft: Draft, kind: ResourceKind, situation: Situation, source: Int64?, target: Int64?
    ) throws {
        try db.cachedStatement(
            sql: """
                INSERT INTO scratch.drafts (wave, kind, verb, situation, source, target, name, status, reason, held_by,
                    fields, takes, frees, takes_mail, frees_mail, due)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                """
        ).execute(arguments: [
            draft.wave, kind, draft.verb, situation, source, target, draft.name, draft.status, draft.reason,
            draft.heldBy, Self.encode(draft.fields), draft.takes, draft.frees, draft.takesMail, draft.freesMail,
            draft.due,
        ])
    }

    static func encode(_ fields: [FieldChange]) -> String {
        JSONValue.array(
            fields.map { field in
                var members: [String: JSONValue] = ["path": .string(field.path)]
                if let before = field.before { members["before"] = .string(before) }
                if let after = field.after { members["after"] = .string(after) }
                return .object(members)
            }
        ).canonical
    }

    static func decode(_ text: String) -> [FieldChange] {
        if text == "[]" { return [] }
        return (try? JSONValue(parsing: Array(text.utf8)))?.array?.compactMap { field in
            field["path"]?.string.map {
                FieldChange(path: $0, before: field["before"]?.string, after: field["after"]?.string)
            }
        } ?? []
    }

    /// Fills the outlook of a kind outside the full-push scope from its links: members then resolve through links only.
    func outlookFromLinks(_ db: Database, kind: ResourceKind) throws {
        try db.execute(
            sql: """
                INSERT OR REPLACE INTO scratch.outlook (kind, source, target, state)
                SELECT l.kind, l.source, l.target, 'present' FROM links l
                    JOIN scratch.source s ON s.kind = l.kind AND s.n = l.source AND s.in_scope WHERE l.kind = ?
                """, arguments: [kind])
    }

    /// How many are in a group of the target, and one of them that the source does not have in its record.
    func lookAtMembers(_ db: Database, _ row: inout SituationRow) throws {
        row.memberCount =
            try Int.fetchOne(
                db.cachedStatement(sql: "SELECT count(*) FROM scratch.target_members WHERE grp = ?"),
                arguments: [row.target]) ?? 0
        row.foreignMember = try String.fetchOne(
            db.cachedStatement(
                sql: """
                    SELECT coalesce((SELECT name FROM scratch.target t WHERE t.kind = 0 AND t.n = m.usr),
                        (SELECT id FROM ids WHERE n = m.usr)) FROM scratch.target_members m WHERE m.grp = ?1
                    AND NOT EXISTS (SELECT 1 FROM scratch.outlook o INDEXED BY outlook_by_target
                        JOIN scratch.source_members s ON s.grp = ?2 AND s.usr = o.source
                        WHERE o.kind = 0 AND o.target = m.usr AND o.state = 'present') ORDER BY m.usr LIMIT 1
                    """), arguments: [row.target, row.source])
    }

    // MARK: order

    /// A draft that gives a name away or takes one that another linked object holds.
    public struct Renaming: Sendable {
        public var draft: Int64
        public var kind: ResourceKind
        public var wave: Int
        public var takes: String?
        public var frees: String?
        public var takesMail: String?
        public var freesMail: String?
        public var sourceID: String
    }

    /// Drafts that take a name or address which another draft frees, and those that free one; in the order of their
    /// source ids.
    public func renamings() throws -> [Renaming] {
        try read { db in
            try Row.fetchAll(
                db,
                sql: """
                    SELECT d.draft, d.kind, d.wave, d.takes, d.frees, d.takes_mail, d.frees_mail, i.id
                        FROM scratch.drafts d JOIN ids i ON i.n = d.source
                    WHERE d.status = 'planned' AND (d.frees IS NOT NULL OR d.frees_mail IS NOT NULL
                        OR d.takes IS NOT NULL AND EXISTS (
                            SELECT 1 FROM scratch.drafts f INDEXED BY drafts_by_freed
                                WHERE f.frees = d.takes AND f.kind = d.kind AND f.status = 'planned')
                        OR d.takes_mail IS NOT NULL AND EXISTS (
                            SELECT 1 FROM scratch.drafts f INDEXED BY drafts_by_freed_mail
                                WHERE f.frees_mail = d.takes_mail AND f.kind = d.kind AND f.status = 'planned'))
                    ORDER BY d.kind, i.id, d.draft
                    """
            ).map {
                try Renaming(
                    draft: $0[0], kind: $0.word(1), wave: $0[2], takes: $0[3], frees: $0[4], takesMail: $0[5],
                    freesMail: $0[6], sourceID: $0[7])
            }
        }
    }

    public func move(draft: Int64, toWave wave: Int) throws {
        try write {
            try $0.execute(sql: "UPDATE scratch.drafts SET wave = ? WHERE draft = ?", arguments: [wave, draft])
        }
    }

    /// Splits a change in two, by way of temporary values, to open a ring. Both halves are one unit of the journal.
    ///
    /// - Parameter temporaries: by path, as canonical JSON.
    public func split(draft: Int64, temporaries: [String: String], firstWave: Int) throws {
        try write { db in
            guard
                let row = try Row.fetchOne(db, sql: "SELECT * FROM scratch.drafts WHERE draft = ?", arguments: [draft])
            else { return }
            let fields = Self.decode(row["fields"])
            let first = fields.filter { temporaries[$0.path] != nil }.map {
                FieldChange(path: $0.path, before: $0.before, after: temporaries[$0.path])
            }
            guard !first.isEmpty else { return }
            let second = fields.map { field in
                temporaries[field.path].map { FieldChange(path: field.path, before: $0, after: field.after) } ?? field
            }
            try db.execute(
                sql: """
                    INSERT INTO scratch.drafts (wave, kind, verb, situation, source, target, name, status, reason,
                        held_by, fields, unit)
                    SELECT ?, kind, verb, situation, source, target, name, status,
                        'a ring of unique values: goes through a temporary one first', held_by, ?, draft
                        FROM scratch.drafts WHERE draft = ?
                    """, arguments: [firstWave, Self.encode(first), draft])
            try db.execute(
                sql: "UPDATE scratch.drafts SET fields = ?, unit = draft WHERE draft = ?",
                arguments: [Self.encode(second), draft])
        }
    }

    /// A draft that gives an object a name which another object of the target keeps.
    public struct BlockedName: Sendable {
        public var draft: Int64
        public var kind: ResourceKind
        /// The object that bears the name, by the target's id.
        public var bearer: String
        /// The source record that the bearer is linked to.
        public var holder: String?
    }

    /// Renames to a name that an object bears which no draft renames, and those that wait for such a rename.
    public func blockedNames() throws -> [BlockedName] {
        try read { db in
            try Row.fetchAll(
                db,
                sql: """
                    WITH RECURSIVE blocked (draft, kind, frees, target, bearer) AS (
                        SELECT d.draft, d.kind, d.frees, d.target, t.n FROM scratch.drafts d INDEXED BY drafts_by_taken
                        CROSS JOIN scratch.target t INDEXED BY target_by_key ON t.kind = d.kind
                            AND t.match_key = d.takes AND t.n <> d.target
                        WHERE d.takes IS NOT NULL AND d.status = 'planned' AND d.verb = 'update' AND NOT EXISTS (
                            SELECT 1 FROM scratch.drafts f INDEXED BY drafts_by_freed
                                WHERE f.frees = d.takes AND f.kind = d.kind AND f.status = 'planned')
                        UNION
                        SELECT d.draft, d.kind, d.frees, d.target, b.target FROM blocked b
                        CROSS JOIN scratch.drafts d INDEXED BY drafts_by_taken ON d.takes = b.frees AND d.kind = b.kind
                        WHERE d.takes IS NOT NULL AND d.status = 'planned')
                    SELECT b.draft, b.kind, i.id, h.id FROM blocked b JOIN ids i ON i.n = b.bearer
                    LEFT JOIN links l ON l.kind = b.kind AND l.target = b.bearer LEFT JOIN ids h ON h.n = l.source
                    GROUP BY b.draft ORDER BY b.draft
                    """
            ).map { try BlockedName(draft: $0[0], kind: $0.word(1), bearer: $0[2], holder: $0[3]) }
        }
    }

    /// Takes the name out of a change, which goes on with what else it has, and tells of it as a conflict; a create is
    /// held.
    ///
    /// - Parameter wave: of the line that says why.
    public func withhold(name path: String, draft: Int64, by: HoldReason, reason: String, wave: Int) throws {
        let row = try read {
            try Row.fetchOne($0, sql: "SELECT verb, fields FROM scratch.drafts WHERE draft = ?", arguments: [draft])
        }
        guard let row else { return }
        guard row["verb"] == Verb.update else { return try hold(draft: draft, by: by, reason: reason) }
        let rest = Self.decode(row["fields"]).filter { $0.path != path }
        try write { db in
            try db.execute(
                sql: """
                    INSERT INTO scratch.drafts (wave, kind, verb, situation, source, target, name, status, reason,
                        held_by, fields)
                    SELECT ?, kind, 'none', situation, source, target, name, 'conflict', ?, ?, '[]' FROM scratch.drafts
                        WHERE draft = ?
                    """, arguments: [wave, reason, by, draft])
            if rest.isEmpty {
                try db.execute(sql: "DELETE FROM scratch.drafts WHERE draft = ?", arguments: [draft])
            } else {
                try db.execute(
                    sql: "UPDATE scratch.drafts SET fields = ?, takes = NULL, frees = NULL WHERE draft = ?",
                    arguments: [Self.encode(rest), draft])
            }
        }
    }
}
