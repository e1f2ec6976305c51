import Foundation
import GRDB
import Planning

extension Ledger {
    /// Drafts the membership changes as operations of at most `chunk` members. “Of ours” includes what this very plan
    /// links.
    package func draftMemberships(
        _ policy: MembershipPolicy, chunk: Int, addWave: Int, removeWave: Int, addHeldBy: HoldReason?,
        removeHeldBy: HoldReason?, addReason: String, removeReason: String
    ) throws {
        try write { db in
            try noteEvenGroups(db)
            try draftChunks(
                db, Self.additions(policy), verb: .addMembers, chunk: chunk, wave: addWave, heldBy: addHeldBy,
                reason: addReason)
            try draftChunks(
                db, Self.removals(policy), verb: .removeMembers, chunk: chunk, wave: removeWave, heldBy: removeHeldBy,
                reason: removeReason)
        }
    }

    /// Notes the groups of which each wanted member is there, and those in which nobody else is: of the first nothing
    /// is added, of the second nobody is removed, whatever the policy. Nearly all of them are both, and then the
    /// memberships are walked through once. Where two records would be one account, nothing is counted.
    private func noteEvenGroups(_ db: Database) throws {
        try db.execute(sql: "DELETE FROM scratch.even_groups")
        try db.execute(
            sql: """
                INSERT INTO scratch.even_groups (source, has_all, has_no_other)
                SELECT source, wanted = there, shown = there FROM (
                    SELECT g.source, count(*) AS wanted,
                        total(EXISTS (SELECT 1 FROM scratch.target_members t
                            WHERE t.grp = g.target AND t.usr = u.target)) AS there,
                        (SELECT count(*) FROM scratch.target_members t WHERE t.grp = g.target) AS shown
                    FROM scratch.outlook g CROSS JOIN scratch.source_members m ON m.grp = g.source
                    CROSS JOIN scratch.outlook u ON u.kind = 0 AND u.source = m.usr AND u.state = 'present'
                    WHERE g.kind = 1 AND g.state = 'present' GROUP BY g.source)
                WHERE NOT EXISTS (SELECT 1 FROM scratch.outlook INDEXED BY outlook_by_target
                    WHERE kind = 0 AND target IS NOT NULL GROUP BY target HAVING count(*) > 1)
                """)
    }

    /// What the policy adds, in the order of the source's ids.
    private static func additions(_ policy: MembershipPolicy) -> String {
        let judgement = policy.additions { fact in
            switch fact {
            case .group: "g.state"
            case .member: "u.state"
            case .isThere: "EXISTS (SELECT 1 FROM scratch.target_members t WHERE t.grp = g.target AND t.usr = u.target)"
            default: "1"
            }
        }
        return """
            SELECT m.grp AS grp, g.target AS grp_target, m.usr AS usr, u.target AS usr_target, gs.name AS grp_name
            FROM scratch.outlook g CROSS JOIN scratch.source gs ON gs.kind = 1 AND gs.n = g.source
            CROSS JOIN scratch.source_members m ON m.grp = g.source
            CROSS JOIN scratch.outlook u ON u.kind = 0 AND u.source = m.usr
            WHERE g.kind = 1
            AND NOT EXISTS (SELECT 1 FROM scratch.even_groups e WHERE e.source = g.source AND e.has_all)
            AND \(judgement)
            ORDER BY (SELECT id FROM ids WHERE n = m.grp), (SELECT id FROM ids WHERE n = m.usr)
            """
    }

    /// What the policy removes, in the order of the ids.
    private static func removals(_ policy: MembershipPolicy) -> String {
        func isDeleted(_ kind: Int, _ source: String) -> String {
            """
            EXISTS (SELECT 1 FROM scratch.drafts d INDEXED BY drafts_by_source
                WHERE d.kind = \(kind) AND d.source = \(source) AND d.verb = 'delete' AND d.status = 'planned')
            """
        }
        let judgement = policy.removals { fact in
            switch fact {
            case .group: "g.state"
            case .member: "u.state"
            case .isWanted: "(m.grp IS NOT NULL)"
            case .isThere: "1"
            case .groupIsAssociating: "g.is_associating"
            case .groupHasLeft:
                """
                EXISTS (SELECT 1 FROM scratch.situations st INDEXED BY situations_by_source
                    WHERE st.kind = 1 AND st.source = g.source AND st.situation = 'leaver')
                """
            case .groupIsDeleted: isDeleted(1, "g.source")
            case .isKept: "EXISTS (SELECT 1 FROM kept_members k WHERE k.grp = t.grp AND k.usr = t.usr)"
            case .memberIsDeleted: isDeleted(0, "u.source")
            case .memberIsProtected: "coalesce(tu.protected, 0)"
            // An object that carries the mark of a member is that member, under an id that nobody could make sure of.
            // But not where that member has another account which is there: then it is a copy.
            case .memberIsMarked:
                """
                EXISTS (SELECT 1 FROM scratch.source w INDEXED BY source_by_external_id
                    JOIN scratch.source_members wm ON wm.grp = g.source AND wm.usr = w.n
                WHERE w.kind = 0 AND w.external_id = tu.external_id
                AND NOT EXISTS (SELECT 1 FROM links lw JOIN scratch.target x ON x.kind = 0 AND x.n = lw.target
                    WHERE lw.kind = 0 AND lw.source = w.n AND lw.target <> t.usr))
                """
            }
        }
        return """
            SELECT g.source AS grp, t.grp AS grp_target, u.source AS usr, t.usr AS usr_target,
                coalesce(gs.name, gt.name) AS grp_name
            FROM scratch.outlook g
            LEFT JOIN scratch.source gs ON gs.kind = 1 AND gs.n = g.source
            LEFT JOIN scratch.target gt ON gt.kind = 1 AND gt.n = g.target
            CROSS JOIN scratch.target_members t ON t.grp = g.target
            LEFT JOIN scratch.outlook u INDEXED BY outlook_by_target ON u.kind = 0 AND u.target = t.usr
            LEFT JOIN scratch.target tu ON tu.kind = 0 AND tu.n = t.usr
            LEFT JOIN scratch.source_members m ON m.grp = g.source AND m.usr = u.source
            WHERE g.kind = 1
            AND NOT EXISTS (SELECT 1 FROM scratch.even_groups e WHERE e.source = g.source AND e.has_no_other)
            AND \(judgement)
            ORDER BY (SELECT id FROM ids WHERE n = g.source), (SELECT id FROM ids WHERE n = t.usr)
            """
    }

    private func draftChunks(
        _ db: Database, _ sql: String, verb: Verb, chunk: Int, wave: Int, heldBy: HoldReason?, reason: String
    ) throws {
        let rows = try Row.fetchCursor(db, sql: sql)
        var current: (group: Int64, draft: Int64, count: Int)?
        while let row = try rows.next() {
            let group: Int64 = row["grp"]
            if current == nil || current?.group != group || (current?.count ?? 0) >= chunk {
                let target: Int64? = row["grp_target"]
                let name: String = row["grp_name"]
                try db.cachedStatement(
                    sql:
                        """
                        INSERT INTO scratch.drafts (wave, kind, verb, situation, source, target, name, status,
                            reason, held_by, fields) VALUES (?, 1, ?, ?, ?, ?, ?, ?, ?, ?, '[]')
                        """
                ).execute(arguments: [
                    wave, verb, Situation.changed, group, target, name, heldBy == nil ? OperationStatus.planned : .held,
                    reason, heldBy,
                ])
                current = (group, db.lastInsertedRowID, 0)
            }
            guard let place = current else { continue }
            let usr: Int64? = row["usr"]
            let usrTarget: Int64? = row["usr_target"]
            try db.cachedStatement(
                sql: "INSERT INTO scratch.draft_members (draft, position, source_user, target_user) VALUES (?, ?, ?, ?)"
            )
            .execute(arguments: [place.draft, place.count, usr, usrTarget])
            current?.count += 1
        }
    }

    /// Memberships of linked groups whose member this job does not know.
    public func strangersInGroups() throws -> Int {
        try read { db in
            try Int.fetchOne(
                db,
                sql: """
                    SELECT count(*) FROM links lg CROSS JOIN scratch.target_members t ON t.grp = lg.target
                    WHERE lg.kind = 1 AND NOT EXISTS (SELECT 1 FROM links lu WHERE lu.kind = 0 AND lu.target = t.usr)
                    """) ?? 0
        }
    }

    /// Memberships of linked groups, and of members whom this job knows, that were there before an association.
    public func keptInGroups() throws -> Int {
        try read { db in
            try Int.fetchOne(
                db,
                sql: """
                    SELECT count(*) FROM kept_members k JOIN scratch.target_members t ON t.grp = k.grp AND t.usr = k.usr
                    WHERE EXISTS (SELECT 1 FROM links lg WHERE lg.kind = 1 AND lg.target = k.grp)
                    AND EXISTS (SELECT 1 FROM links lu WHERE lu.kind = 0 AND lu.target = k.usr)
                    """) ?? 0
        }
    }

    /// Linked groups of the target that have groups among their members.
    public func nestingGroups() throws -> Int {
        try read {
            try Int.fetchOne(
                $0,
                sql:
                    """
                    SELECT count(*) FROM links l JOIN scratch.target t ON t.kind = 1 AND t.n = l.target
                        WHERE l.kind = 1 AND t.rights IS NOT NULL
                    """
            ) ?? 0
        }
    }

    /// Memberships that the target holds between linked ends, plus those that the drafts add: the base of their limits.
    ///
    /// - Parameter strangers: memberships of linked groups whose member is not linked.
    public func managedMemberships(strangers: Int) throws -> Int {
        try read { db in
            try Int.fetchOne(
                db,
                sql: """
                    SELECT (SELECT count(*) FROM links lg CROSS JOIN scratch.target_members t ON t.grp = lg.target
                        WHERE lg.kind = 1) - \(strangers)
                    + (SELECT count(*) FROM scratch.draft_members m JOIN scratch.drafts d ON d.draft = m.draft
                        WHERE d.verb = 'add members')
                    """) ?? 0
        }
    }

    /// Memberships that end because their group is deleted.
    public func membershipsEndingWithGroups() throws -> Int {
        try read { db in
            try Int.fetchOne(
                db,
                sql:
                    """
                    SELECT count(*) FROM scratch.drafts d JOIN scratch.target_members t ON t.grp = d.target
                        WHERE d.kind = 1 AND d.verb = 'delete' AND d.status = 'planned'
                    """
            ) ?? 0
        }
    }
}
