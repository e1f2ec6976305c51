import Foundation
import GRDB
import JSON
import Planning
import SCIM

/// Drafts that are held: one, with what waits for it.
extension Ledger {
    // MARK: holding

    /// Drafts that are planned, of some kinds and verbs, one at a time, in the order in which they were made.
    public func forEachPlannedDraft(kind: ResourceKind, verbs: [Verb], _ body: (PlannedDraft) throws -> Void) throws {
        let list = verbs.listed()
        let drafts = try read { db in
            try Row.fetchAll(
                db,
                sql:
                    """
                    SELECT d.draft, d.verb, i.id, d.name, d.fields FROM scratch.drafts d
                        JOIN ids i ON i.n = d.source WHERE d.status = 'planned' AND d.kind = ?
                        AND d.verb IN (\(list)) ORDER BY d.draft
                    """,
                arguments: [kind])
        }
        for row in drafts {
            let verb: Verb = try row.word(1)
            try body(
                PlannedDraft(
                    draft: row[0], kind: kind, verb: verb, sourceID: row[2], name: row[3], fields: Self.decode(row[4])))
        }
    }

    public struct PlannedDraft: Sendable {
        public var draft: Int64
        public var kind: ResourceKind
        public var verb: Verb
        public var sourceID: String
        public var name: String
        public var fields: [FieldChange]
    }

    /// The planned drafts of a record, with that verb.
    public func plannedDrafts(kind: ResourceKind, source id: String, verb: Verb) throws -> [PlannedDraft] {
        try read { db in
            try Row.fetchAll(
                db.cachedStatement(
                    sql: """
                        SELECT d.draft, d.name, d.fields FROM ids i
                            JOIN scratch.drafts d INDEXED BY drafts_by_source ON d.kind = ?1 AND d.source = i.n
                        WHERE i.space = ?1 AND i.id = ?2 AND d.verb = ?3 AND d.status = 'planned' ORDER BY d.draft
                        """), arguments: [kind, id, verb]
            ).map {
                PlannedDraft(
                    draft: $0[0], kind: kind, verb: verb, sourceID: id, name: $0[1], fields: Self.decode($0[2]))
            }
        }
    }

    /// The members that a draft adds or removes, by source id, else by target id.
    public func members(ofDraft draft: Int64) throws -> [String] {
        try read { db in
            try String.fetchAll(
                db.cachedStatement(
                    sql:
                        """
                        SELECT coalesce(s.id, t.id) FROM scratch.draft_members m
                            LEFT JOIN ids s ON s.n = m.source_user LEFT JOIN ids t ON t.n = m.target_user
                            WHERE m.draft = ? ORDER BY 1
                        """
                ),
                arguments: [draft])
        }
    }

    /// Holds a draft, and with a record that does not become ours its memberships.
    public func hold(draft: Int64, by: HoldReason, reason: String) throws {
        try write { db in
            // Who waits for a value that is not freed now waits as well, and who waits for that one.
            var open = try Row.fetchAll(
                db, sql: "SELECT frees, frees_mail, kind FROM scratch.drafts WHERE draft = ?", arguments: [draft])
            while let freed = open.popLast() {
                if freed["frees"] as String? == nil, freed["frees_mail"] as String? == nil { continue }
                let waiting = try Row.fetchAll(
                    db,
                    sql:
                        """
                        SELECT draft, frees, frees_mail, kind FROM scratch.drafts
                            WHERE status = 'planned' AND kind = ?3 AND draft <> ?4
                            AND (takes = ?1 OR takes_mail = ?2)
                        """,
                    arguments: [freed["frees"], freed["frees_mail"], freed["kind"], draft])
                for row in waiting {
                    try db.execute(
                        sql: """
                            UPDATE scratch.drafts SET status = 'held', held_by = ?2,
                                reason = reason || '; held: it waits for a value whose holder keeps it (' || ?3 || ')',
                                due = NULL WHERE draft = ?1
                            """, arguments: [row["draft"], by, reason])
                    try db.execute(
                        sql: """
                            UPDATE scratch.outlook SET state = 'held'
                                WHERE state = 'present' AND (kind, source) IN
                                (SELECT kind, source FROM scratch.drafts
                                WHERE draft = ? AND verb IN ('create', 'associate'))
                            """, arguments: [row["draft"]])
                    open.append(row)
                }
            }
            try db.execute(
                sql: """
                    UPDATE scratch.drafts SET status = 'held', held_by = ?2, reason = reason || '; held: ' || ?3,
                        takes = NULL, frees = NULL, takes_mail = NULL, frees_mail = NULL, due = NULL WHERE draft = ?1
                    """, arguments: [draft, by, reason])
            // With an association, all that would be written to what is not ours yet.
            try db.execute(
                sql: """
                    UPDATE scratch.drafts SET status = 'held', held_by = ?2, reason = reason || '; held: ' || ?3,
                        due = NULL WHERE status = 'planned' AND situation = 'existing'
                    AND (kind, source) IN (SELECT kind, source FROM scratch.drafts
                        WHERE draft = ?1 AND verb = 'associate')
                    """, arguments: [draft, by, reason])
            try db.execute(
                sql: """
                    UPDATE scratch.outlook SET state = 'held' WHERE state = 'present'
                        AND (kind, source) IN (SELECT kind, source FROM scratch.drafts
                        WHERE draft = ? AND verb IN ('create', 'associate'))
                    """, arguments: [draft])
        }
    }
}
