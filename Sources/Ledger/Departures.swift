import Foundation
import GRDB
import SCIM

/// Leavers on their way out: since when they are known to have left, and on how many days that was seen to be so.
extension Ledger {
    /// Counts this read: whoever is there again is no leaver any more, whoever is still absent is so for a day more.
    ///
    /// - Parameter day: today, as `2026-11-24`.
    /// - Parameter isComplete: whether absence may be believed; presence always is.
    /// - Parameter countsDisabled: whether users that the source disables count as absent.
    public func countDepartures(day: String, isComplete: Bool, kinds: [ResourceKind], countsDisabled: Bool) throws {
        try write { db in
            for kind in kinds {
                try db.execute(
                    sql: """
                        DELETE FROM departures AS d WHERE kind = ?1 AND EXISTS (
                            SELECT 1 FROM scratch.source s WHERE s.kind = d.kind AND s.n = d.source AND s.in_scope
                                AND NOT (?2 AND s.kind = 0 AND s.disabled))
                        """, arguments: [kind, countsDisabled])
                if isComplete {
                    try db.execute(
                        sql: "UPDATE departures SET days = days + 1, last_day = ?2 WHERE kind = ?1 AND last_day < ?2",
                        arguments: [kind, day])
                }
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
                    SELECT d.kind, d.source, ?1, 1, substr(?1, 1, 10) FROM scratch.drafts d
                        WHERE d.due IS NOT NULL AND d.held_by IS NULL AND d.source IS NOT NULL
                    """, arguments: [now])
        }
    }

    /// Accounts that, as far as this ledger knows, have access and are not to have it: the source does not have their
    /// record any more, disables it, or it is out of the scope and waits for its end; their names. And memberships that
    /// are to end and stand.
    public func accessToEnd() throws -> (accounts: [String], memberships: Int) {
        try read { db in
            (
                try String.fetchAll(
                    db,
                    sql: """
                        SELECT l.match_key FROM links l
                        LEFT JOIN versions s ON s.space = 0 AND s.n = l.source AND s.last_run IS NULL
                        -- What the target showed last; nothing where it does not show accounts.
                        LEFT JOIN versions t ON t.space = 2 AND t.n = l.target AND t.last_run IS NULL
                        WHERE l.kind = 0 AND coalesce(json_extract(t.body, '$.active'), 1) <> 0
                        AND (s.n IS NULL OR json_extract(s.body, '$.active') = 0
                            OR EXISTS (SELECT 1 FROM departures d WHERE d.kind = 0 AND d.source = l.source))
                        AND NOT (t.n IS NULL AND l.state = 'disabled')
                        ORDER BY l.match_key
                        """),
                try Int.fetchOne(
                    db,
                    sql: """
                        SELECT count(*) FROM memberships t CROSS JOIN links g ON g.kind = 1 AND g.target = t.grp
                            CROSS JOIN links u ON u.kind = 0 AND u.target = t.usr
                        WHERE t.side = 1 AND t.last_run IS NULL
                        AND NOT EXISTS (SELECT 1 FROM memberships s
                            WHERE s.side = 0 AND s.grp = g.source AND s.usr = u.source AND s.last_run IS NULL)
                        AND NOT EXISTS (SELECT 1 FROM kept_members k WHERE k.grp = t.grp AND k.usr = t.usr)
                        """) ?? 0
            )
        }
    }

    /// The e-mail addresses that leavers still hold on the target, as the target shows them, with the leaver's id; one
    /// in doubt stands in an array.
    public func forEachLeaverMail(_ body: (_ mail: String, _ source: String) -> Void) throws {
        try read { db in
            let rows = try Row.fetchCursor(
                db,
                sql: """
                    SELECT coalesce(json_extract(t.body, '$."emails[work]"[0]'),
                        json_extract(t.body, '$."emails[work]"')) AS mail, i.id FROM scratch.situations st
                        JOIN scratch.target t ON t.kind = 0 AND t.n = st.target JOIN ids i ON i.n = st.source
                    WHERE st.kind = 0 AND st.situation = 'leaver' ORDER BY i.id
                    """)
            while let row = try rows.next() { if let mail: String = row[0] { body(mail, row[1]) } }
        }
    }
}
