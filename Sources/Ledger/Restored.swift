import Foundation
import GRDB
import Planning
import SCIM

/// Records that an undo restored: they stay so until their source changes.
extension Ledger {
    /// Finds out which restored records stay as they are: whose source record is what it was, and in or out of scope as
    /// it was. Under another mapping than the digest was made with, nobody can tell, and they stay; but for somebody
    /// who was disabled since.
    ///
    /// - Parameter isComplete: whether absence from the source may be believed.
    /// - Parameter mapping: digest of the job's mapping.
    public func holdRestored(isComplete: Bool, mapping: String) throws {
        try write { db in
            try db.execute(
                sql: """
                    INSERT INTO scratch.restored (kind, source) SELECT o.kind, o.source FROM restored o WHERE NOT (
                        o.mapping IN ('', ?2) AND EXISTS (SELECT 1 FROM scratch.source s
                            WHERE s.kind = o.kind AND s.n = o.source AND s.digest <> o.digest)
                        OR EXISTS (SELECT 1 FROM scratch.source s WHERE s.kind = o.kind AND s.n = o.source
                            AND s.active = 0 AND NOT o.was_disabled)
                        OR EXISTS (SELECT 1 FROM scratch.source s WHERE s.kind = o.kind AND s.n = o.source
                            AND (s.in_scope AND o.was_out OR ?1 AND NOT s.in_scope AND NOT o.was_out))
                        OR ?1 AND o.digest <> x'' AND NOT EXISTS (SELECT 1 FROM scratch.source s
                            WHERE s.kind = o.kind AND s.n = o.source)
                        OR ?1 AND o.kind = 1 AND o.members <> coalesce((SELECT group_concat(usr)
                            FROM (SELECT m.usr FROM scratch.source_members m WHERE m.grp = o.source ORDER BY m.usr)),
                            ''))
                    """, arguments: [isComplete, mapping])
        }
    }

    /// Lets go of restored records that do not stay as they are, for good: when a plan is applied, and not when one is
    /// looked at.
    public func releaseRestored(mapping: String) throws {
        try write { db in
            try db.execute(
                sql: """
                    DELETE FROM restored AS o WHERE NOT EXISTS (SELECT 1 FROM scratch.restored k
                        WHERE k.kind = o.kind AND k.source = o.source);
                    """)
            try db.execute(
                sql: """
                    UPDATE restored AS o SET mapping = ?1, digest = coalesce((SELECT s.digest FROM scratch.source s
                        WHERE s.kind = o.kind AND s.n = o.source), digest) WHERE mapping NOT IN ('', ?1)
                    """, arguments: [mapping])
        }
    }

    /// Keeps the memberships of groups as they are, whose members nobody could look at; by target ids.
    public func hold(unseenGroups ids: [String]) throws {
        try write { db in
            for id in ids {
                try db.execute(
                    sql:
                        """
                        UPDATE scratch.outlook SET state = 'held'
                            WHERE kind = 1 AND state = 'present' AND target =
                            (SELECT n FROM ids WHERE space = 3 AND id = ?)
                        """,
                    arguments: [id])
            }
        }
    }

    /// Keeps the memberships of restored groups as they are, and lists those that differ from the source.
    ///
    /// - Parameter reason: why they stay, for the rows.
    public func holdRestoredGroups(wave: Int, reason: String) throws {
        try write { db in
            try db.execute(
                sql:
                    """
                    UPDATE scratch.outlook AS k SET state = 'held'
                        WHERE kind = 1 AND EXISTS (SELECT 1 FROM scratch.restored r
                        WHERE r.kind = 1 AND r.source = k.source)
                    """
            )
            try db.execute(
                sql: """
                    INSERT INTO scratch.drafts (wave, kind, verb, situation, source, target, name, status, reason,
                        held_by, fields)
                    SELECT ?, 1, ?, ?, k.source, k.target, s.name, ?, ?, ?, '[]'
                    -- From the few that were restored.
                    FROM scratch.restored r CROSS JOIN scratch.source s ON s.kind = 1 AND s.n = r.source
                    CROSS JOIN scratch.outlook k ON k.kind = 1 AND k.source = r.source
                    WHERE r.kind = 1 AND NOT EXISTS (SELECT 1 FROM scratch.drafts d INDEXED BY drafts_by_source
                        WHERE d.kind = 1 AND d.source = k.source AND d.held_by = ?6)
                    AND (EXISTS (SELECT 1 FROM scratch.target_members t
                            CROSS JOIN links u INDEXED BY links_by_target ON u.kind = 0 AND u.target = t.usr
                            WHERE t.grp = k.target AND NOT EXISTS (SELECT 1 FROM scratch.source_members m
                                WHERE m.grp = k.source AND m.usr = u.source))
                        OR EXISTS (SELECT 1 FROM scratch.source_members m
                            CROSS JOIN links u ON u.kind = 0 AND u.source = m.usr
                            WHERE m.grp = k.source AND NOT EXISTS (SELECT 1 FROM scratch.target_members t
                                WHERE t.grp = k.target AND t.usr = u.target)))
                    ORDER BY s.name
                    """,
                arguments: [wave, Verb.none, Situation.inStep, OperationStatus.held, reason, HoldReason.restored])
        }
    }
}
