import Foundation
import GRDB

/// Targets that cannot be listed: what was written is all that is known of them.
extension Ledger {
    /// Stages what is linked as if the target had shown it: as it was last read, else as it was last sent.
    /// Returns how many objects there are.
    public func stageLinks(kind: Int) throws -> Int {
        try write { db in
            try db.execute(
                sql: """
                    INSERT OR IGNORE INTO scratch.target (kind, n, external_id, name, match_key, body, digest, active, protected)
                    SELECT l.kind, l.target, l.external_id, l.match_key, l.match_key,
                        CASE WHEN l.state = 'disabled' THEN json_set(coalesce(l.read, l.sent, '{}'), '$.active', json('false')) ELSE coalesce(l.read, l.sent, '{}') END,
                        CASE WHEN l.state = 'disabled' THEN x'' WHEN l.read IS NOT NULL THEN coalesce(l.read_digest, x'') ELSE coalesce(l.sent_digest, x'') END,
                        CASE WHEN l.state = 'disabled' THEN 0 ELSE json_extract(coalesce(l.read, l.sent, '{}'), '$.active') END, 0
                    FROM links l WHERE l.kind = ?
                    """, arguments: [kind])
            return db.changesCount
        }
    }

    /// Stages the members that were written.
    public func stageWrittenMembers() throws {
        try write { try $0.execute(sql: "INSERT OR IGNORE INTO scratch.target_members (grp, usr) SELECT grp, usr FROM written_members") }
    }

    /// Remembers a change of members that the target has taken.
    public func note(group: String, added: [String], removed: [String]) throws {
        try write { db in
            let grp = try intern(db, space: 3, group)
            for member in added { try db.execute(sql: "INSERT OR IGNORE INTO written_members (grp, usr) VALUES (?, ?)", arguments: [grp, intern(db, space: 2, member)]) }
            for member in removed { try db.execute(sql: "DELETE FROM written_members WHERE grp = ? AND usr = ?", arguments: [grp, intern(db, space: 2, member)]) }
        }
    }

    /// Forgets the members of a group, or the memberships of a user, that was deleted.
    public func forgetMembers(kind: Int, target id: String) throws {
        try write { db in
            try db.execute(
                sql: "DELETE FROM written_members WHERE \(kind == 0 ? "usr" : "grp") = (SELECT n FROM ids WHERE space = ? AND id = ?)", arguments: [kind + 2, id])
        }
    }
}
