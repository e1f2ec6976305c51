import Foundation
import GRDB
import SCIM

/// What lists show of groups' members, and what is to be asked because of it.
extension Ledger {
    /// A side of memberships.
    public enum MemberSide: Int, Sendable { case source = 0, target = 1 }

    /// Numbers at which servers like to end a list of members.
    private static let roundCaps = [10, 20, 25, 50, 100, 200, 250, 500, 1000, 1500, 2000, 2500, 5000, 10000]

    /// Groups that are asked for by their ids: what the list shows of them changed, and is as long as the longest that
    /// the list ever showed, of a round number, or down to one; and those that were once found cut. A quiet night asks
    /// for none.
    public func groupsToAsk(_ side: MemberSide) throws -> [String] {
        try write { db in
            try indexSource(db)
            let table = side == .source ? "scratch.source_members" : "scratch.target_members"
            let concerned =
                side == .source
                ? "EXISTS (SELECT 1 FROM scratch.source s WHERE s.kind = 1 AND s.n = m.grp AND s.in_scope)"
                : """
                (EXISTS (SELECT 1 FROM links l WHERE l.kind = 1 AND l.target = m.grp)
                    OR EXISTS (SELECT 1 FROM scratch.target t JOIN scratch.source s INDEXED BY source_by_key
                    ON s.kind = 1 AND s.match_key = t.match_key AND s.in_scope WHERE t.kind = 1 AND t.n = m.grp))
                """
            let longest = "longest group shown: \(side.rawValue)"
            let known =
                try String.fetchOne(db, sql: "SELECT value FROM learned WHERE key = ?", arguments: [longest]).flatMap {
                    Int($0)
                } ?? 0
            let most = max(
                known,
                try Int.fetchOne(
                    db, sql: "SELECT coalesce(max(c), 0) FROM (SELECT count(*) AS c FROM \(table) GROUP BY grp)") ?? 0)
            let rows = try Row.fetchAll(
                db,
                sql: """
                    SELECT i.id, coalesce(k.is_cut, 0) FROM (SELECT grp, count(*) AS count,
                        members_digest(usr) AS digest FROM \(table) GROUP BY grp) m
                    JOIN ids i ON i.n = m.grp LEFT JOIN shown_members k ON k.side = \(side.rawValue) AND k.grp = m.grp
                    WHERE \(concerned) AND (coalesce(k.is_cut, 0) OR k.digest IS NOT m.digest AND m.count > 1
                        AND (m.count = ?1 OR m.count IN (\(Self.roundCaps.map(String.init).joined(separator: ","))))
                        OR k.digest IS NOT m.digest AND m.count = 1 AND k.count > 1) ORDER BY i.id
                    """, arguments: [most])
            let isConcerned =
                side == .source
                ? "SELECT 1 FROM scratch.source s WHERE s.kind = 1 AND s.n = k.grp AND s.in_scope"
                : "SELECT 1 FROM links l WHERE l.kind = 1 AND l.target = k.grp"
            // What was found cut is asked for also where the list shows nobody of it.
            let silent = try String.fetchAll(
                db,
                sql: """
                    SELECT i.id FROM shown_members k JOIN ids i ON i.n = k.grp
                        WHERE k.side = \(side.rawValue) AND k.is_cut
                        AND NOT EXISTS (SELECT 1 FROM \(table) x WHERE x.grp = k.grp)
                    AND EXISTS (\(isConcerned))
                    ORDER BY i.id
                    """)
            if most > known {
                try db.execute(
                    sql: "INSERT OR REPLACE INTO learned (key, value) VALUES (?, ?)",
                    arguments: [longest, String(most)])
            }
            return rows.map { $0[0] } + silent
        }
    }

    /// Keeps what the lists of this run showed: of one group before what is read by its id takes its place, or of all
    /// that are left.
    ///
    /// - Parameter except: groups that were asked for in vain, and those that were kept already.
    public func noteShownMembers(_ side: MemberSide, only: String? = nil, except: Set<String> = []) throws {
        try write { db in
            try db.execute(
                sql: "CREATE TEMP TABLE IF NOT EXISTS not_noted (grp INTEGER PRIMARY KEY); DELETE FROM temp.not_noted")
            for group in except {
                try db.execute(
                    sql: "INSERT OR IGNORE INTO temp.not_noted VALUES (?)",
                    arguments: [intern(db, space: side == .source ? 1 : 3, group)])
            }
            let one = try only.map { try intern(db, space: side == .source ? 1 : 3, $0) }
            let table = side == .source ? "scratch.source_members" : "scratch.target_members"
            let concerned =
                side == .source
                ? "SELECT n FROM scratch.source WHERE kind = 1 AND in_scope" : "SELECT target FROM links WHERE kind = 1"
            try db.execute(
                sql: """
                    INSERT INTO shown_members (side, grp, digest, count)
                    SELECT \(side.rawValue), grp, members_digest(usr), count(*) FROM \(table)
                    WHERE grp IN (\(concerned)) AND (?1 IS NULL OR grp = ?1)
                        AND grp NOT IN (SELECT grp FROM temp.not_noted) GROUP BY grp
                    ON CONFLICT (side, grp) DO UPDATE SET digest = excluded.digest, count = excluded.count
                        WHERE digest <> excluded.digest
                    """, arguments: [one])
        }
    }

    /// Whether a group's list was once found cut.
    public func isCut(_ side: MemberSide, group id: String) throws -> Bool {
        try read { db in
            try Bool.fetchOne(
                db,
                sql:
                    """
                    SELECT k.is_cut FROM ids i JOIN shown_members k ON k.side = ?1 AND k.grp = i.n
                        WHERE i.space = ?2 AND i.id = ?3
                    """,
                arguments: [side.rawValue, side == .source ? 1 : 3, id]) ?? false
        }
    }

    /// Remembers that a group by its id shows more members than its list.
    public func noteCut(_ side: MemberSide, group id: String, isCut: Bool) throws {
        try write { db in
            try db.execute(
                sql: """
                    INSERT INTO shown_members (side, grp, digest, count, is_cut) VALUES (?1, ?2, '', 0, ?3)
                        ON CONFLICT (side, grp) DO UPDATE SET is_cut = ?3 WHERE is_cut <> ?3
                    """, arguments: [side.rawValue, intern(db, space: side == .source ? 1 : 3, id), isCut])
        }
    }

    /// Members of a group of the source, as they are staged.
    public func stagedSourceMembers(ofGroup id: String) throws -> [String] {
        try read { db in
            try String.fetchAll(
                db.cachedStatement(
                    sql:
                        """
                        SELECT u.id FROM ids g CROSS JOIN scratch.source_members m ON m.grp = g.n
                            CROSS JOIN ids u ON u.n = m.usr WHERE g.space = 1 AND g.id = ?
                        """
                ), arguments: [id])
        }
    }

    /// Groups of the target to which the last applied plan has added members that its list still does not show.
    public func groupsWithRepeatedAdditions() throws -> [String] {
        try read { db in
            try String.fetchAll(
                db,
                sql: """
                    SELECT DISTINCT t.id FROM scratch.drafts d JOIN scratch.draft_members m ON m.draft = d.draft
                        JOIN ids t ON t.n = d.target
                    WHERE d.kind = 1 AND d.verb = 'add members' AND d.status = 'planned'
                        AND (d.source, m.source_user) IN (
                        SELECT o.source, om.source_user FROM operations o
                            JOIN operation_members om ON om.plan = o.plan AND om.seq = o.seq
                        WHERE o.plan = (SELECT max(id) FROM plans WHERE state = 'applied') AND o.kind = 1
                            AND o.verb = 'add members' AND o.status = 'done') ORDER BY t.id
                    """)
        }
    }

    // MARK: a source that cannot be asked

    /// Of records that a read does not show: those that were not absent on enough days, this one among them.
    public func unconfirmed(kind: ResourceKind, _ ids: [String], day: String, least: Int) throws -> [String] {
        try read { db in
            try ids.filter { id in
                let known = try Row.fetchOne(
                    db.cachedStatement(
                        sql:
                            """
                            SELECT u.days, u.last_day FROM ids i JOIN unconfirmed u ON u.kind = ?1
                                AND u.source = i.n WHERE i.space = ?1 AND i.id = ?2
                            """
                    ), arguments: [kind, id])
                let days = known.map { ($0[0] as Int) + (($0[1] as String) == day ? 0 : 1) } ?? 1
                return days < least
            }
        }
    }

    /// Counts this day for linked records that a complete read does not show, and forgets who is there again.
    ///
    /// - Parameter day: today, as `2026-11-24`.
    public func countUnconfirmed(kinds: [ResourceKind], day: String) throws {
        try write { db in
            for kind in kinds {
                try db.execute(
                    sql:
                        """
                        DELETE FROM unconfirmed AS u WHERE kind = ?
                            AND EXISTS (SELECT 1 FROM scratch.source s WHERE s.kind = u.kind AND s.n = u.source)
                        """,
                    arguments: [kind])
                try db.execute(
                    sql: """
                        INSERT INTO unconfirmed (kind, source, days, last_day)
                        SELECT l.kind, l.source, 1, ?2 FROM links l
                            WHERE l.kind = ?1 AND NOT EXISTS (SELECT 1 FROM scratch.source s
                            WHERE s.kind = l.kind AND s.n = l.source)
                        ON CONFLICT (kind, source) DO UPDATE SET days = days + 1, last_day = ?2 WHERE last_day <> ?2
                        """, arguments: [kind, day])
            }
        }
    }
}
