import Foundation
import GRDB
import Planning
import SCIM

/// Targets that cannot be listed: what was written is all that is known of them.
extension Ledger {
    /// Stages what is linked as if the target had shown it: as it was last read, else as it was last sent.
    /// Returns how many objects there are.
    ///
    /// - Parameter gone: target ids that a GET by id did not find.
    public func stageLinks(kind: ResourceKind, except gone: Set<String>, isProtected: (String) -> Bool) throws -> Int {
        try write { db in
            try db.execute(sql: "CREATE TEMP TABLE gone (target INTEGER PRIMARY KEY)")
            for id in gone {
                try db.execute(
                    sql: "INSERT INTO temp.gone VALUES (?)", arguments: [intern(db, space: kind.targetSpace, id)])
            }
            try db.execute(
                sql: """
                    INSERT OR IGNORE INTO scratch.target (kind, n, external_id, name, match_key, wide_key, body,
                        digest, active, protected)
                    SELECT l.kind, l.target, l.external_id, l.match_key, l.match_key, fold_widely(l.match_key),
                        CASE WHEN l.state = 'disabled' THEN json_set(coalesce(l.read, l.sent, '{}'), '$.active',
                            json('false')) ELSE coalesce(l.read, l.sent, '{}') END,
                        CASE WHEN l.state = 'disabled' THEN x'' WHEN l.read IS NOT NULL
                            THEN coalesce(l.read_digest, x'') ELSE coalesce(l.sent_digest, x'') END,
                        CASE WHEN l.state = 'disabled' THEN 0 ELSE json_extract(coalesce(l.read, l.sent, '{}'),
                            '$.active') END, 0
                    FROM links l WHERE l.kind = ? AND l.target NOT IN (SELECT target FROM temp.gone)
                    """, arguments: [kind])
            let count = db.changesCount
            try db.execute(sql: "DROP TABLE temp.gone")
            let rows = try Row.fetchCursor(
                db, sql: "SELECT n, name FROM scratch.target WHERE kind = ? AND NOT protected", arguments: [kind])
            var protected: [Int64] = []
            while let row = try rows.next() { if isProtected(row[1]) { protected.append(row[0]) } }
            for n in protected {
                try db.execute(
                    sql: "UPDATE scratch.target SET protected = 1 WHERE kind = ? AND n = ?", arguments: [kind, n])
            }
            return count
        }
    }

    /// Links whose object is not staged, after the record `last`, in the order in which the ledger came to know the
    /// records.
    public func linksNotStaged(kind: ResourceKind, after last: Int64, limit: Int) throws -> [(
        record: Int64, target: String
    )] {
        try read { db in
            try Row.fetchAll(
                db.cachedStatement(
                    sql: """
                        SELECT l.source, i.id FROM links l JOIN ids i ON i.n = l.target
                            WHERE l.kind = ?1 AND l.source > ?2
                        AND NOT EXISTS (SELECT 1 FROM scratch.target t WHERE t.kind = l.kind AND t.n = l.target)
                            ORDER BY l.source LIMIT ?3
                        """), arguments: [kind, last, limit]
            ).map { (record: $0[0], target: $0[1]) }
        }
    }

    /// Forgets staged objects that are not linked and carry no externalId.
    public func dropUnmarked(kind: ResourceKind) throws {
        try write { db in
            try db.execute(
                sql:
                    """
                    DELETE FROM scratch.target AS t WHERE kind = ? AND external_id IS NULL
                        AND NOT EXISTS (SELECT 1 FROM links l WHERE l.kind = t.kind AND l.target = t.n)
                    """,
                arguments: [kind])
        }
    }

    /// Members of a group that were written and that the target has taken.
    public func writtenMembers(of group: String) throws -> Set<String> {
        try read { db in
            try Set(
                String.fetchAll(
                    db.cachedStatement(
                        sql:
                            """
                            SELECT u.id FROM ids g CROSS JOIN written_members w ON w.grp = g.n
                                JOIN ids u ON u.n = w.usr WHERE g.space = 3 AND g.id = ? AND w.certain
                            """
                    ),
                    arguments: [group]))
        }
    }

    /// Members of a group of the target, as this run read them.
    public func stagedMembers(ofGroup id: String) throws -> [String] {
        try read { db in
            guard isScratchAttached else { return [] }
            return try String.fetchAll(
                db.cachedStatement(
                    sql:
                        """
                        SELECT u.id FROM ids g CROSS JOIN scratch.target_members m ON m.grp = g.n
                            CROSS JOIN ids u ON u.n = m.usr WHERE g.space = 3 AND g.id = ?
                        """
                ), arguments: [id])
        }
    }

    /// Members that a plan has put into a group, each operation of it being done.
    public func addedMembers(plan: Int64, group id: String) throws -> [String] {
        try read { db in
            try String.fetchAll(
                db.cachedStatement(
                    sql: """
                        SELECT t.id FROM ids g CROSS JOIN links lg INDEXED BY links_by_target ON lg.kind = 1
                            AND lg.target = g.n
                        CROSS JOIN operations o INDEXED BY operations_by_source ON o.plan = ?1 AND o.kind = 1
                            AND o.source = lg.source
                        CROSS JOIN operation_members m ON m.plan = o.plan AND m.seq = o.seq
                            CROSS JOIN links lu ON lu.kind = 0 AND lu.source = m.source_user
                            CROSS JOIN ids t ON t.n = lu.target
                        WHERE g.space = 3 AND g.id = ?2 AND o.verb = 'add members' AND o.status = 'done'
                        """), arguments: [plan, id])
        }
    }

    /// Members of a group that were written, or may have been, and that the target has never shown.
    public func unseenMembers(ofGroup id: String) throws -> [String] {
        let isWanted = """
            EXISTS (
                SELECT 1 FROM links lg INDEXED BY links_by_target
                CROSS JOIN links lu INDEXED BY links_by_target ON lu.kind = 0 AND lu.target = w.usr
                CROSS JOIN scratch.source_members s ON s.grp = lg.source AND s.usr = lu.source
                WHERE lg.kind = 1 AND lg.target = w.grp)
            """
        return try read { db in
            try String.fetchAll(
                db.cachedStatement(
                    sql: """
                        SELECT u.id FROM ids g CROSS JOIN written_members w ON w.grp = g.n
                            CROSS JOIN ids u ON u.n = w.usr WHERE g.space = 3 AND g.id = ?
                        AND NOT EXISTS (SELECT 1 FROM memberships m
                            WHERE m.side = 1 AND m.grp = w.grp AND m.usr = w.usr)
                        -- Of an addition of which nobody knows whether it arrived, only while it is wanted.
                        AND (w.certain OR \(isScratchAttached ? isWanted : "1"))
                        """), arguments: [id])
        }
    }

    /// Forgets additions that the target has refused.
    public func forgetUncertain(group: String, members: [String]) throws {
        try write { db in
            for member in members {
                try db.execute(
                    sql:
                        """
                        DELETE FROM written_members WHERE NOT certain
                            AND grp = (SELECT n FROM ids WHERE space = 3 AND id = ?)
                            AND usr = (SELECT n FROM ids WHERE space = 2 AND id = ?)
                        """,
                    arguments: [group, member])
            }
        }
    }

    /// Groups that have lost members over a kind of change, at a target of these abilities.
    public func losses(_ verb: Verb, key: String) throws -> Int {
        try read {
            try Int.fetchOne(
                $0.cachedStatement(sql: "SELECT count(*) FROM learned WHERE key >= ? AND key < ? AND value = ?"),
                // “!” follows the space.
                arguments: ["loses members: \(verb): ", "loses members: \(verb):!", key]) ?? 0
        }
    }

    /// Learned, with the group's id behind it, of a group that did not show a member whom it had just taken.
    public static let hidingFact = "hides members: "

    /// Forgets what groups have lost or hidden: of those that records of these names or ids are linked to, or of all.
    public func forgetLosses(ofGroups names: Set<String>?) throws {
        try write { db in
            guard let names else {
                return try db.execute(
                    sql: """
                        DELETE FROM learned WHERE key >= 'loses members: ' AND key < 'loses members:!';
                        DELETE FROM learned WHERE key >= 'hides members: ' AND key < 'hides members:!'
                        """)
            }
            for name in names {
                try db.execute(
                    sql: """
                        DELETE FROM learned WHERE key IN (SELECT v.column1 || t.id
                            FROM (VALUES ('loses members: update: '), ('loses members: add members: '),
                                ('loses members: remove members: '), ('\(Self.hidingFact)')) v, links l
                            JOIN ids s ON s.n = l.source JOIN ids t ON t.n = l.target
                                WHERE l.kind = 1 AND (s.id = ?1 OR l.match_key = ?2))
                        """, arguments: [name, folded(name)])
            }
        }
    }

    /// Whether more of the same kind about a record waits in a plan.
    public func hasMore(_ operation: PlannedOperation) throws -> Bool {
        try read { db in
            try Bool.fetchOne(
                db.cachedStatement(
                    sql: """
                        SELECT EXISTS (SELECT 1 FROM ids i
                            JOIN operations o INDEXED BY operations_by_source ON o.plan = ?1 AND o.kind = ?2
                            AND o.source = i.n
                        WHERE i.space = ?2 AND i.id = ?3 AND o.verb = ?4 AND o.seq > ?5 AND o.status = 'planned')
                        """),
                arguments: [operation.plan, operation.kind, operation.sourceID, operation.verb, operation.seq]) ?? false
        }
    }

    /// Memberships that were written and that the target has taken.
    public func writtenMembershipCount() throws -> Int {
        try read { try Int.fetchOne($0, sql: "SELECT count(*) FROM written_members WHERE certain") ?? 0 }
    }

    /// Puts the members that a read by id showed in the place of those that were written.
    public func restage(targetMembers members: [String], of group: String) throws {
        try write {
            try $0.execute(
                sql: "DELETE FROM scratch.target_members WHERE grp = ?", arguments: [intern($0, space: 3, group)])
        }
        try stage(targetMembers: members, of: group)
    }

    /// Stages the members that were written.
    public func stageWrittenMembers() throws {
        try write { db in
            try db.execute(
                sql:
                    """
                    INSERT OR IGNORE INTO scratch.target_members (grp, usr) SELECT grp, usr FROM written_members
                        WHERE certain
                    """
            )
            try stageUncertainMembers(db)
        }
    }

    /// Stages what may be in a group although the target does not show it, where it is to go.
    public func stageUncertainMembers() throws { try write { try stageUncertainMembers($0) } }

    /// Drops what was staged so of accounts that were asked for by their ids since, and are under other ids or nowhere.
    public func dropUncertainMembers() throws {
        try write { db in
            try db.execute(
                sql: """
                    DELETE FROM scratch.target_members WHERE EXISTS (
                        SELECT 1 FROM written_members w WHERE w.grp = target_members.grp AND w.usr = target_members.usr
                            AND NOT w.certain AND NOT \(Self.isThere))
                    """)
        }
    }

    /// Of a member `w`: whether it is linked, or was shown.
    private static let isThere = """
        (EXISTS (SELECT 1 FROM links l WHERE l.kind = 0 AND l.target = w.usr)
            OR EXISTS (SELECT 1 FROM scratch.target t WHERE t.kind = 0 AND t.n = w.usr))
        """

    private func stageUncertainMembers(_ db: Database) throws {
        // Of an addition whose outcome nobody knows: there when it is to be taken away, not there while it is wanted.
        // An account that is neither linked nor shown is gone, and its memberships with it.
        try db.execute(
            sql: """
                INSERT OR IGNORE INTO scratch.target_members (grp, usr) SELECT w.grp, w.usr FROM written_members w
                    WHERE NOT w.certain AND \(Self.isThere) AND NOT EXISTS (
                    SELECT 1 FROM links g JOIN links u ON u.kind = 0 AND u.target = w.usr
                        JOIN scratch.source_members m ON m.grp = g.source AND m.usr = u.source
                    WHERE g.kind = 1 AND g.target = w.grp)
                """)
    }

    /// Remembers a change of members: one that the target has taken, or additions that are about to be sent.
    ///
    /// - Parameter wasLookedAt: whether a look has shown the members not to be in: then they are uncertain, whatever
    ///   was known.
    public func note(
        group: String, added: [String], removed: [String], isCertain: Bool = true, wasLookedAt: Bool = false
    ) throws {
        try write { db in
            let grp = try intern(db, space: 3, group)
            for member in added {
                try db.execute(
                    sql:
                        """
                        INSERT INTO written_members (grp, usr, certain) VALUES (?1, ?2, ?3)
                            ON CONFLICT (grp, usr) DO UPDATE SET certain = \(wasLookedAt ? "?3" : "max(certain, ?3)")
                        """,
                    arguments: [grp, intern(db, space: 2, member), isCertain])
            }
            for member in removed {
                try db.execute(
                    sql: "DELETE FROM written_members WHERE grp = ? AND usr = ?",
                    arguments: [grp, intern(db, space: 2, member)])
            }
        }
    }

    /// Sets what is known of a record's object, since nobody knows whether a write arrived; canonical JSON by path.
    public func doubt(kind: ResourceKind, source id: String, known body: String) throws {
        try write { db in
            try db.execute(
                sql:
                    """
                    UPDATE links SET sent = ?, read = NULL, read_digest = NULL, sent_digest = NULL
                        WHERE kind = ? AND source = (SELECT n FROM ids WHERE space = ? AND id = ?)
                    """,
                arguments: [body, kind, kind, id])
        }
    }

    /// The source record that an object is linked to.
    public func holder(kind: ResourceKind, target id: String) throws -> String? {
        try read { db in
            try String.fetchOne(
                db.cachedStatement(
                    sql: """
                        SELECT s.id FROM links l JOIN ids t ON t.n = l.target JOIN ids s ON s.n = l.source
                            WHERE l.kind = ?1 AND t.space = ?1 + 2 AND t.id = ?2
                        """), arguments: [kind, id])
        }
    }

    /// Forgets the members of a group, or the memberships of a user, that was deleted.
    public func forgetMembers(kind: ResourceKind, target id: String) throws {
        try write { db in
            try db.execute(
                sql:
                    """
                    DELETE FROM written_members WHERE \(kind == .user ? "usr" : "grp") =
                        (SELECT n FROM ids WHERE space = ? AND id = ?)
                    """,
                arguments: [kind.targetSpace, id])
        }
    }
}
