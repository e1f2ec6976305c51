import Foundation
import GRDB
import SCIM

/// Links whose object the target did not show: “not seen” is a question, and these are what it is asked about.
extension Ledger {
    /// A link whose object is not staged.
    public struct UnseenLink: Sendable {
        /// The record, in the order in which the ledger came to know the records.
        public var record: Int64
        public var source: String
        public var target: String
        /// The externalId that the object should carry.
        public var mark: String?
        /// Whether the source no longer lets the record in, and the ledger does not know the account as disabled.
        public var losesAccess: Bool
    }

    public func unseenLinks(kind: ResourceKind, after last: Int64, limit: Int) throws -> [UnseenLink] {
        try read { db in
            try Row.fetchAll(
                db.cachedStatement(
                    sql: """
                        SELECT l.source, si.id, ti.id, l.external_id,
                            l.state = 'active' AND (s.n IS NULL OR NOT s.in_scope OR s.active IS 0 OR s.disabled)
                                FROM links l
                        JOIN ids si ON si.n = l.source JOIN ids ti ON ti.n = l.target
                            LEFT JOIN scratch.source s ON s.kind = l.kind AND s.n = l.source
                        WHERE l.kind = ?1 AND l.source > ?2 AND NOT EXISTS
                            (SELECT 1 FROM scratch.target t WHERE t.kind = l.kind AND t.n = l.target) ORDER BY l.source
                            LIMIT ?3
                        """), arguments: [kind, last, limit]
            ).map { UnseenLink(record: $0[0], source: $0[1], target: $0[2], mark: $0[3], losesAccess: $0[4]) }
        }
    }

    public func unseenCount(kind: ResourceKind) throws -> Int {
        try read { db in
            try Int.fetchOne(
                db,
                sql:
                    """
                    SELECT count(*) FROM links l WHERE kind = ?
                        AND NOT EXISTS (SELECT 1 FROM scratch.target t WHERE t.kind = l.kind AND t.n = l.target)
                    """,
                arguments: [kind]) ?? 0
        }
    }

    /// Remembers, for this plan, that the target says of an object that it is not there.
    public func note(absentTarget id: String, kind: ResourceKind) throws {
        try write {
            try $0.execute(
                sql: "INSERT OR IGNORE INTO scratch.absent_targets (kind, n) VALUES (?, ?)",
                arguments: [kind, intern($0, space: kind.targetSpace, id)])
        }
    }

    /// Links again what this job has deleted and what still stands, active, with its mark (or, where it never had one,
    /// with its name): it is a leaver once more. What stands inactive is left alone. Returns both, by record.
    public func linkSurvivors(kind: ResourceKind) throws -> (active: [String], inactive: [String]) {
        try write { db in
            let rows = try Row.fetchAll(
                db,
                sql: """
                    SELECT d.source, d.target, i.id, coalesce(t.active, 1), t.external_id, t.match_key, l.source
                        FROM tombstones d JOIN scratch.target t ON t.kind = d.kind AND t.n = d.target
                    JOIN ids i ON i.n = d.source LEFT JOIN links l ON l.kind = d.kind AND l.target = d.target
                        AND l.source = d.source
                    WHERE d.kind = ? AND (d.external_id = t.external_id OR d.external_id IS NULL
                        AND t.external_id IS NULL AND d.match_key = t.match_key)
                    AND (l.source IS NOT NULL OR NOT EXISTS (SELECT 1 FROM links o
                        WHERE o.kind = d.kind AND (o.source = d.source OR o.target = d.target)))
                    AND NOT EXISTS (SELECT 1 FROM scratch.source s
                        WHERE s.kind = d.kind AND s.n = d.source AND s.in_scope) ORDER BY i.id, d.run DESC
                    """, arguments: [kind])
            var found = (active: [String](), inactive: [String]())
            for row in rows {
                guard row[3] as Bool else {
                    if row[6] as Int64? == nil { found.inactive.append(row[2]) }
                    continue
                }
                // Of several that one record once had, one at a time.
                if found.active.last == row[2] { continue }
                found.active.append(row[2])
                guard row[6] as Int64? == nil else { continue }
                try db.execute(
                    sql:
                        """
                        INSERT OR IGNORE INTO links (kind, source, target, origin, state, external_id, match_key,
                            run) SELECT ?, ?, ?, 'created', 'active', ?, ?, coalesce(max(id), 0) FROM runs
                        """,
                    arguments: [kind, row[0], row[1], row[4], row[5]])
            }
            return found
        }
    }

    /// Whether the target said in this run that an object is not there: an id that it gives out anew is another object.
    public func isAbsent(target id: String, kind: ResourceKind) throws -> Bool {
        try read { db in
            guard isScratchAttached else { return false }
            return try Bool.fetchOne(
                db,
                sql:
                    """
                    SELECT EXISTS (SELECT 1 FROM ids i JOIN scratch.absent_targets a ON a.kind = ?1 AND a.n = i.n
                        WHERE i.space = ?1 + 2 AND i.id = ?2)
                    """,
                arguments: [kind, id]) ?? false
        }
    }

    /// Linked objects that may bear a temporary value: by name, or by e-mail address.
    public func temporaryValues(kinds: [ResourceKind]) throws -> [(kind: ResourceKind, source: String, text: String)] {
        try write { db in
            try indexTarget(db)
            return try kinds.flatMap { kind in
                try Row.fetchAll(
                    db,
                    sql: """
                        SELECT t.kind, i.id, t.name FROM scratch.target t INDEXED BY target_by_key
                            JOIN links l ON l.kind = t.kind AND l.target = t.n JOIN ids i ON i.n = l.source
                        WHERE t.kind = ?1 AND t.match_key >= 'rollcall-' AND t.match_key < 'rollcall.'
                        UNION ALL SELECT t.kind, i.id, coalesce(json_extract(t.body, '$."emails[work]"'), '')
                            FROM scratch.target t JOIN links l ON l.kind = t.kind AND l.target = t.n
                            JOIN ids i ON i.n = l.source
                        WHERE t.kind = ?1 AND t.body LIKE '%@rollcall.invalid%'
                        """, arguments: [kind]
                ).map { try (kind: $0.word(0), source: $0[1], text: $0[2]) }
            }
        }
    }

    /// The ids of some records that this read of the source showed, as witnesses.
    public func shownRecords(kind: ResourceKind, limit: Int) throws -> [String] {
        try read { db in
            try String.fetchAll(
                db,
                sql: "SELECT i.id FROM scratch.source s JOIN ids i ON i.n = s.n WHERE s.kind = ? ORDER BY s.n LIMIT ?",
                arguments: [kind, limit])
        }
    }

    /// The ids of some objects that the target showed, as witnesses.
    public func shownObjects(kind: ResourceKind, limit: Int) throws -> [String] {
        try read { db in
            try String.fetchAll(
                db,
                sql: "SELECT i.id FROM scratch.target t JOIN ids i ON i.n = t.n WHERE t.kind = ? ORDER BY t.n LIMIT ?",
                arguments: [kind, limit])
        }
    }

    /// The objects that carry a mark and are linked to no record, as far as they are staged. `indexTarget` goes before.
    public func unlinkedHolders(kind: ResourceKind, mark: String) throws -> [(id: String, key: String)] {
        try read { db in
            try Row.fetchAll(
                db.cachedStatement(
                    sql: """
                        SELECT i.id, t.match_key FROM scratch.target t INDEXED BY target_by_external_id
                            JOIN ids i ON i.n = t.n WHERE t.kind = ?1 AND t.external_id = ?2
                        AND NOT EXISTS (SELECT 1 FROM links l WHERE l.kind = t.kind AND l.target = t.n) ORDER BY i.id
                        """), arguments: [kind, mark]
            ).map { (id: $0[0], key: $0[1]) }
        }
    }

    /// Lets a record's link point to the object that now carries its mark. Under another name than the job wrote,
    /// nobody can tell how the object came to be: it then counts as associated.
    public func move(kind: ResourceKind, source id: String, to target: String, key: String) throws {
        try write { db in
            let n = try intern(db, space: kind.targetSpace, target)
            try db.execute(
                sql: """
                    UPDATE links SET target = ?1, origin = CASE WHEN match_key = ?2
                        OR origin NOT IN ('created', 'known') THEN origin
                        ELSE 'associated' END, read = NULL, read_digest = NULL
                    WHERE kind = ?3 AND source = (SELECT n FROM ids WHERE space = ?3 AND id = ?4)
                    """, arguments: [n, key, kind, id])
        }
    }
}
