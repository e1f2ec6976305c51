import Foundation
import GRDB

/// Leavers on their way out: since when they are known to have left, and on how many days that was seen to be so.
extension Ledger {
    /// Counts this read: whoever is there again is no leaver any more, whoever is still absent is so for a day more.
    ///
    /// - Parameter day: today, as `2026-11-24`.
    /// - Parameter isComplete: whether absence may be believed; presence always is.
    /// - Parameter countsDisabled: whether users that the source disables count as absent.
    public func countDepartures(day: String, isComplete: Bool, kinds: [Int], countsDisabled: Bool) throws {
        try write { db in
            for kind in kinds {
                try db.execute(
                    sql: """
                        DELETE FROM departures AS d WHERE kind = ?1 AND EXISTS (
                            SELECT 1 FROM scratch.source s WHERE s.kind = d.kind AND s.n = d.source AND s.in_scope AND NOT (?2 AND s.kind = 0 AND s.disabled))
                        """, arguments: [kind, countsDisabled])
                if isComplete { try db.execute(sql: "UPDATE departures SET days = days + 1, last_day = ?2 WHERE kind = ?1 AND last_day < ?2", arguments: [kind, day]) }
            }
        }
    }

    /// Starts the clock of those whose end the applied plan announced.
    ///
    /// - Parameter now: RFC 3339, in UTC.
    public func recordDepartures(now: String) throws {
        try write { db in
            try db.execute(
                sql: """
                    INSERT OR IGNORE INTO departures (kind, source, since, days, last_day)
                    SELECT d.kind, d.source, ?1, 1, substr(?1, 1, 10) FROM scratch.drafts d WHERE d.due IS NOT NULL AND d.held_by IS NULL AND d.source IS NOT NULL
                    """, arguments: [now])
        }
    }

    /// Accounts that are to lose their access and, as far as this ledger knows, have it: of leavers, of records that are out of the scope and wait for their
    /// end, and those for which the newest plan could not end it; their names.
    public func accountsToEnd() throws -> [String] {
        try read { db in
            // What the target showed last; nothing where it does not show accounts.
            let hasAccess = "coalesce((SELECT json_extract(v.body, '$.active') FROM versions v WHERE v.space = 2 AND v.n = l.target AND v.last_run IS NULL), 1) <> 0"
            return try String.fetchAll(
                db,
                sql: """
                    SELECT DISTINCT l.match_key FROM links l WHERE l.kind = 0 AND \(hasAccess) AND (
                        l.state = 'active' AND NOT EXISTS (SELECT 1 FROM versions v WHERE v.space = 0 AND v.n = l.source AND v.last_run IS NULL)
                        OR l.state = 'active' AND EXISTS (SELECT 1 FROM departures d WHERE d.kind = 0 AND d.source = l.source)
                        OR EXISTS (
                            SELECT 1 FROM operations o INDEXED BY operations_by_source
                            WHERE o.plan = (SELECT max(p.id) FROM plans p JOIN runs r ON r.id = p.run WHERE r.command <> 'plan' AND r.finished IS NOT NULL) AND o.kind = 0 AND o.source = l.source
                            AND o.status NOT IN ('done', 'noted')
                            AND (o.verb IN ('disable', 'delete') OR EXISTS (SELECT 1 FROM json_each(o.fields) f WHERE json_extract(f.value, '$.path') = 'active' AND json_extract(f.value, '$.after') = 'false'))))
                    ORDER BY l.match_key
                    """)
        }
    }

    /// The e-mail addresses that leavers still hold on the target, as the target shows them, with the leaver's id; one in doubt stands in an array.
    public func forEachLeaverMail(_ body: (_ mail: String, _ source: String) -> Void) throws {
        try read { db in
            let rows = try Row.fetchCursor(
                db,
                sql: """
                    SELECT coalesce(json_extract(t.body, '$."emails[work]"[0]'), json_extract(t.body, '$."emails[work]"')) AS mail, i.id FROM scratch.situations st JOIN scratch.target t ON t.kind = 0 AND t.n = st.target JOIN ids i ON i.n = st.source
                    WHERE st.kind = 0 AND st.situation = 'leaver' ORDER BY i.id
                    """)
            while let row = try rows.next() { if let mail: String = row[0] { body(mail, row[1]) } }
        }
    }
}
