import Foundation
import GRDB
import Planning
import SCIM

extension Ledger {
    /// The judgement, in the order of the rules: the first line that holds decides. One expression over
    /// `scratch.facts`.
    static let situationCase = """
        CASE
            WHEN protected THEN 'protected'
            WHEN linked AND on_target AND other_mark THEN 'taken'
            WHEN linked AND NOT in_source AND on_target THEN 'leaver'
            WHEN linked AND NOT in_source THEN 'gone'
            WHEN NOT in_source THEN 'unmanaged'
            WHEN collision THEN 'collision'
            WHEN unacceptable THEN 'unacceptable'
            WHEN linked AND NOT on_target THEN 'missing'
            WHEN linked AND disabled_leaver THEN 'returned'
            WHEN linked AND differs THEN 'changed'
            WHEN linked THEN 'in step'
            WHEN ext_count > 1 OR ext_linked THEN 'ambiguous'
            WHEN ext_count = 1 AND name_count > 0 AND name_target IS NOT ext_target THEN 'ambiguous'
            WHEN ext_count = 1 THEN 'known'
            WHEN name_count > 1 THEN 'ambiguous'
            WHEN name_count = 1 AND (name_marked OR name_linked) THEN 'foreign'
            WHEN name_count = 1 THEN 'existing'
            WHEN alike_target IS NOT NULL THEN 'ambiguous'
            ELSE 'absent'
        END
        """

    /// Classifies everything that is staged or linked.
    ///
    /// The look-ups name their indexes: without statistics SQLite would walk the primary key's first column, which is
    /// quadratic.
    ///
    /// - Parameter kinds: the kinds inside the full-push scope; others have no situations.
    /// - Parameter mayRename: kinds whose renames are permitted: only then does a linked account free its name.
    public func classify(kinds: [ResourceKind], mayRename: Set<ResourceKind>) throws {
        try write { db in
            try indexSource(db)
            try indexTarget(db)
            try db.execute(
                sql: """
                    DELETE FROM scratch.candidates; DELETE FROM scratch.facts; DELETE FROM scratch.situations;
                    UPDATE scratch.source AS s SET collision = 1
                    WHERE in_scope AND (
                        (SELECT count(*) FROM scratch.source o INDEXED BY source_by_key
                            WHERE o.kind = s.kind AND o.match_key = s.match_key AND o.in_scope) > 1
                        OR (SELECT count(*) FROM scratch.source o INDEXED BY source_by_external_id
                            WHERE o.kind = s.kind AND o.external_id = s.external_id AND o.in_scope) > 1);
                    """)
            for kind in kinds {
                try classify(db, kind: kind, mayRename: mayRename.contains(kind))
            }
            try db.execute(
                sql: """
                    INSERT INTO scratch.situations (kind, source, target, ext_target, name_target, situation)
                    SELECT kind, source, coalesce(target, ext_target, name_target, alike_target), ext_target,
                        coalesce(name_target, alike_target), \(Self.situationCase) FROM scratch.facts
                    """)
        }
    }

    private func classify(_ db: Database, kind: ResourceKind, mayRename: Bool) throws {
        try findCandidates(db, kind, mayRename: mayRename)
        try judgeRecords(db, kind)
        try judgeWithoutRecord(db, kind)
    }

    /// Candidates are looked for only where there is no link, or where it leads to nothing. A name whose holder this
    /// plan renames is free.
    private func findCandidates(_ db: Database, _ kind: ResourceKind, mayRename: Bool) throws {
        try db.execute(
            sql: """
                INSERT INTO scratch.candidates (kind, source, ext_count, ext_target, name_count, name_target,
                    alike_target)
                SELECT s.kind, s.n,
                    (SELECT count(*) FROM scratch.target t INDEXED BY target_by_external_id
                        WHERE t.kind = s.kind AND t.external_id = s.external_id),
                    (SELECT min(t.n) FROM scratch.target t INDEXED BY target_by_external_id
                        WHERE t.kind = s.kind AND t.external_id = s.external_id),
                    (SELECT count(*) FROM scratch.target t INDEXED BY target_by_key
                        WHERE t.kind = s.kind AND t.match_key = s.match_key AND \(Self.holdsItsName)),
                    (SELECT min(t.n) FROM scratch.target t INDEXED BY target_by_key
                        WHERE t.kind = s.kind AND t.match_key = s.match_key AND \(Self.holdsItsName)),
                    (SELECT min(t.n) FROM scratch.target t INDEXED BY target_by_wide_key
                        WHERE t.kind = s.kind AND t.wide_key = s.wide_key AND t.match_key <> s.match_key
                        AND NOT EXISTS (SELECT 1 FROM links h WHERE h.kind = t.kind AND h.target = t.n)
                        -- Whoever another record of the source is meant for is nobody's look-alike.
                        AND NOT EXISTS (SELECT 1 FROM scratch.source o INDEXED BY source_by_key
                            WHERE o.kind = t.kind AND o.match_key = t.match_key AND o.in_scope)
                        AND NOT EXISTS (SELECT 1 FROM scratch.source o INDEXED BY source_by_external_id
                            WHERE o.kind = t.kind AND o.external_id = t.external_id AND o.in_scope))
                FROM scratch.source s
                WHERE s.kind = :kind AND s.in_scope AND NOT EXISTS
                    (SELECT 1 FROM links l CROSS JOIN scratch.target o ON o.kind = l.kind AND o.n = l.target
                        WHERE l.kind = s.kind AND l.source = s.n)
                """, arguments: ["kind": kind, "mayRename": mayRename])
        try db.execute(
            sql: """
                CREATE INDEX IF NOT EXISTS scratch.candidates_by_ext ON candidates (kind, ext_target);
                CREATE INDEX IF NOT EXISTS scratch.candidates_by_name ON candidates (kind, name_target);
                """)
    }

    /// The facts of the source's records in scope.
    private func judgeRecords(_ db: Database, _ kind: ResourceKind) throws {
        try db.execute(
            sql: """
                INSERT INTO scratch.facts (
                    kind, source, target, ext_target, name_target, alike_target, linked, in_source, on_target,
                        protected, other_mark, collision, unacceptable, disabled_leaver, differs, ext_count,
                    ext_linked, name_count, name_marked, name_linked)
                SELECT s.kind, s.n, l.target, c.ext_target, c.name_target, c.alike_target,
                    l.source IS NOT NULL, 1, t.n IS NOT NULL,
                    CASE WHEN l.source IS NULL THEN s.protected OR coalesce(e.protected, 0) OR coalesce(m.protected, 0)
                        ELSE \(Self.isProtectedLink) END,
                    coalesce(CASE WHEN t.external_id IS NOT NULL THEN t.external_id IS NOT l.external_id
                        AND t.external_id IS NOT s.external_id
                            -- The mark of another record of this job is put right.
                            AND NOT EXISTS (SELECT 1 FROM scratch.source o INDEXED BY source_by_external_id
                                WHERE o.kind = s.kind AND o.external_id = t.external_id)
                        ELSE l.external_id IS NOT NULL AND \(Self.bearsAnotherName)
                            AND t.match_key <> s.match_key END, 0),
                    s.collision, s.problem IS NOT NULL OR l.source IS NULL
                        AND s.lacks_needed, coalesce(l.state = 'disabled', 0),
                    CASE WHEN t.n IS NULL THEN 0 WHEN s.digest = t.digest THEN 0
                        WHEN s.digest = l.sent_digest AND t.digest = l.read_digest THEN 0
                        ELSE differs(s.kind, s.body, t.body, l.sent, l.read) END,
                    coalesce(c.ext_count, 0), EXISTS (SELECT 1 FROM links x
                        WHERE x.kind = s.kind AND x.target = c.ext_target),
                    coalesce(c.name_count, 0), coalesce(m.external_id IS NOT NULL
                        AND m.external_id IS NOT s.external_id, 0),
                    EXISTS (SELECT 1 FROM links x WHERE x.kind = s.kind AND x.target = c.name_target)
                FROM scratch.source s
                LEFT JOIN links l ON l.kind = s.kind AND l.source = s.n
                LEFT JOIN scratch.target t ON t.kind = s.kind AND t.n = l.target
                LEFT JOIN scratch.candidates c ON c.kind = s.kind AND c.source = s.n
                LEFT JOIN scratch.target e ON e.kind = s.kind AND e.n = c.ext_target
                LEFT JOIN scratch.target m ON m.kind = s.kind AND m.n = c.name_target
                WHERE s.kind = :kind AND s.in_scope
                """, arguments: ["kind": kind])
    }

    /// The facts of links whose record is not in the source, or not in scope, and of what is nobody's.
    private func judgeWithoutRecord(_ db: Database, _ kind: ResourceKind) throws {
        try db.execute(
            sql: """
                INSERT INTO scratch.facts (kind, source, target, linked, on_target, protected, other_mark,
                    disabled_leaver)
                SELECT l.kind, l.source, l.target, 1, t.n IS NOT NULL, \(Self.isProtectedLink),
                    -- Of a leaver, another record's mark says that the account is that record's by now.
                    coalesce(CASE WHEN t.external_id IS NOT NULL THEN t.external_id IS NOT l.external_id
                        ELSE l.external_id IS NOT NULL AND \(Self.bearsAnotherName) END, 0),
                    l.state = 'disabled'
                FROM links l
                LEFT JOIN scratch.target t ON t.kind = l.kind AND t.n = l.target
                WHERE l.kind = :kind AND NOT EXISTS (SELECT 1 FROM scratch.source s
                    WHERE s.kind = l.kind AND s.n = l.source AND s.in_scope)
                """, arguments: ["kind": kind])
        // Objects of the target that nobody above speaks of.
        try db.execute(
            sql: """
                INSERT INTO scratch.facts (kind, target, on_target, protected)
                SELECT t.kind, t.n, 1, t.protected
                FROM scratch.target t
                WHERE t.kind = :kind AND NOT EXISTS (SELECT 1 FROM links l WHERE l.kind = t.kind AND l.target = t.n)
                AND NOT EXISTS (SELECT 1 FROM scratch.candidates c WHERE c.kind = t.kind AND c.ext_target = t.n)
                AND NOT EXISTS (SELECT 1 FROM scratch.candidates c WHERE c.kind = t.kind AND c.name_target = t.n)
                """, arguments: ["kind": kind])
    }

    /// Whether a linked object is protected: by the name that was written last, and one that this job did not make by
    /// the name that it bears too. So neither a rename in the source nor one on the target is a way out of losing
    /// access.
    private static let isProtectedLink =
        "(is_protected(l.kind, l.match_key) OR l.origin NOT IN ('created', 'known') AND coalesce(t.protected, 0))"

    /// Whether a linked object bears a name that this job did not write. A link of which neither what was sent nor what
    /// was read is known may still have the wider key of an older version.
    private static let bearsAnotherName =
        """
        t.match_key <> l.match_key AND NOT (l.sent IS NULL AND l.read IS NULL AND t.wide_key = \
        fold_widely(l.match_key))
        """

    /// False for an object that this plan is about to give another name: one that is linked to a source record, or
    /// carries its externalId, where that record wants another name and nothing holds it.
    private static let holdsItsName = """
        NOT (:mayRename AND NOT t.protected AND (EXISTS (
            SELECT 1 FROM links h JOIN scratch.source hs ON hs.kind = h.kind AND hs.n = h.source
            WHERE h.kind = t.kind AND h.target = t.n AND hs.in_scope AND hs.match_key <> t.match_key
            AND hs.problem IS NULL AND NOT hs.lacks_needed AND NOT hs.collision AND NOT hs.protected
            AND (t.external_id IS NULL AND t.match_key = h.match_key OR t.external_id = h.external_id
                OR t.external_id = hs.external_id))
        OR EXISTS (
            SELECT 1 FROM scratch.source hs INDEXED BY source_by_external_id
            WHERE hs.kind = t.kind AND hs.external_id = t.external_id AND hs.in_scope AND hs.match_key <> t.match_key
            AND hs.problem IS NULL AND NOT hs.lacks_needed AND NOT hs.collision AND NOT hs.protected
            AND NOT EXISTS (SELECT 1 FROM links h WHERE h.kind = t.kind AND h.target = t.n)
            AND NOT EXISTS (SELECT 1 FROM links h WHERE h.kind = t.kind AND h.source = hs.n)
            AND (SELECT count(*) FROM scratch.target o WHERE o.kind = t.kind AND o.external_id = t.external_id) = 1
            AND NOT EXISTS (SELECT 1 FROM scratch.target o WHERE o.kind = t.kind AND o.match_key = hs.match_key))))
        """

    /// Active accounts that carry an externalId which no record of the source has, where others carry those of records:
    /// how many, and the names of some. None where no account is known by its mark: the marks are another owner's.
    public func orphans(_ limit: Int) throws -> (count: Int, names: [String]) {
        try read { db in
            let isKnown = try Bool.fetchOne(
                db, sql: "SELECT EXISTS (SELECT 1 FROM scratch.situations WHERE kind = 0 AND situation = 'known')")
            guard isKnown ?? false else { return (0, []) }
            let from = """
                FROM scratch.situations st JOIN scratch.target t ON t.kind = 0 AND t.n = st.target
                WHERE st.kind = 0 AND st.situation = 'unmanaged' AND t.external_id IS NOT NULL AND coalesce(t.active, 1)
                AND NOT EXISTS (SELECT 1 FROM scratch.source s INDEXED BY source_by_external_id
                    WHERE s.kind = 0 AND s.external_id = t.external_id)
                """
            return (
                try Int.fetchOne(db, sql: "SELECT count(*) \(from)") ?? 0,
                try String.fetchAll(db, sql: "SELECT t.name \(from) ORDER BY t.name LIMIT ?", arguments: [limit])
            )
        }
    }

    /// Active accounts that carry the mark of a record for which this job has made or associated an account, are linked
    /// to none, and belong to nobody whom the source lets in: their names and ids. They may be a second account, or one
    /// that came back after its link was dropped.
    public func strays() throws -> [(name: String, id: String)] {
        try read { db in
            try Row.fetchAll(
                db,
                sql: """
                    SELECT t.name, ti.id FROM scratch.situations st
                    JOIN scratch.target t ON t.kind = 0 AND t.n = st.target JOIN ids ti ON ti.n = t.n
                    JOIN ids k ON k.space = 0 AND k.id = t.external_id
                    WHERE st.kind = 0 AND st.situation = 'unmanaged' AND coalesce(t.active, 1)
                    AND NOT EXISTS (SELECT 1 FROM scratch.source s WHERE s.kind = 0 AND s.n = k.n
                        AND NOT coalesce(s.disabled, 0) AND coalesce(s.active, 1))
                    AND NOT EXISTS (SELECT 1 FROM tombstones d WHERE d.kind = 0 AND d.target = t.n)
                    -- Not as a look-up of each by its number: that would walk the list for each.
                    AND +k.n IN (SELECT o.source FROM operations o WHERE o.kind = 0 AND o.status = 'done'
                        AND o.verb IN ('create', 'associate', 'link'))
                    ORDER BY t.name, ti.id
                    """
            ).map { (name: $0[0], id: $0[1]) }
        }
    }

    /// How many objects are in each situation, by kind and situation.
    public func situationCounts() throws -> [(kind: ResourceKind, situation: Situation, count: Int)] {
        try read { db in
            try Row.fetchAll(
                db,
                sql:
                    """
                    SELECT kind, situation, count(*) FROM scratch.situations GROUP BY kind, situation
                        ORDER BY kind, situation
                    """
            ).map { row in
                try (kind: row.word(0), situation: row.word(1), count: row[2])
            }
        }
    }

    /// Linked objects that the target no longer shows, and all links, of the kinds given.
    public func missingLinks(kinds: [ResourceKind]) throws -> (missing: Int, links: Int) {
        try read { db in
            let list = kinds.listed()
            return (
                try Int.fetchOne(
                    db,
                    sql:
                        """
                        SELECT count(*) FROM links l WHERE l.kind IN (\(list))
                            AND NOT EXISTS (SELECT 1 FROM scratch.target t WHERE t.kind = l.kind AND t.n = l.target)
                        """
                ) ?? 0,
                try Int.fetchOne(db, sql: "SELECT count(*) FROM links WHERE kind IN (\(list))") ?? 0
            )
        }
    }

    static let rowQuery = """
        SELECT st.kind, st.situation, si.id AS source_id, ti.id AS target_id, ei.id AS ext_id, ni.id AS name_id,
            s.name AS source_name, t.name AS target_name, m.match_key AS name_key, m.external_id AS name_external_id,
                t.external_id AS target_external_id,
            s.body AS desired, s.note, s.match_key AS desired_key, s.active AS desired_active,
            t.body AS actual, t.match_key AS actual_key, t.active AS actual_active, s.problem, s.flaw,
                coalesce(s.lacks_needed, 0) AS lacks_needed, coalesce(s.status_unreadable, 0) AS status_unreadable,
                s.place,
            coalesce(s.protected, 0) AS is_name_protected, l.source IS NOT NULL AS is_linked, l.origin, l.state,
                l.sent, l.read,
            CASE WHEN st.situation = 'collision' THEN (
                SELECT min(ri.id) FROM ids ri WHERE ri.n IN (
                    SELECT r.n FROM scratch.source r INDEXED BY source_by_key
                        WHERE r.kind = st.kind AND r.match_key = s.match_key AND r.n <> st.source AND r.in_scope
                    UNION SELECT r.n FROM scratch.source r INDEXED BY source_by_external_id
                    WHERE r.kind = st.kind AND r.external_id = s.external_id AND r.n <> st.source
                        AND r.in_scope)) END AS rival,
            CASE WHEN st.name_target IS NOT NULL THEN (
                SELECT hi.id FROM links h JOIN ids hi ON hi.n = h.source
                    WHERE h.kind = st.kind AND h.target = st.name_target) END AS name_holder,
            s.n IS NOT NULL AND NOT s.in_scope AS is_out_of_scope, coalesce(s.disabled, 0) AS is_disabled,
            \(departure) AS departure,
            EXISTS (SELECT 1 FROM scratch.absences a WHERE a.kind = st.kind AND a.n = st.source
                AND a.by_scope) AS is_absent_by_scope,
            EXISTS (SELECT 1 FROM scratch.absences a WHERE a.kind = st.kind AND a.n = st.source
                AND a.is_unconfirmed) AS is_unconfirmed,
            EXISTS (SELECT 1 FROM scratch.gone_sources g WHERE g.kind = st.kind
                AND g.n = st.source) AS is_confirmed_gone,
            EXISTS (SELECT 1 FROM scratch.absent_targets x WHERE x.kind = st.kind
                AND x.n = st.target) AS is_gone_from_target,
            EXISTS (SELECT 1 FROM tombstones d WHERE d.kind = st.kind AND d.target = st.target) AS is_survivor,
            EXISTS (SELECT 1 FROM scratch.restored re WHERE re.kind = st.kind AND re.source = st.source) AS is_restored,
            dp.since AS left_since, coalesce(dp.days, 0) AS left_days, st.source, st.target, t.rights, t.mails,
            CASE WHEN st.situation = 'existing' THEN (SELECT value FROM learned
                WHERE key = 'accepted association ' || st.kind || ' ' || si.id) END AS accepted_target
        FROM scratch.situations st
        LEFT JOIN departures dp ON dp.kind = st.kind AND dp.source = st.source
        LEFT JOIN scratch.source s ON s.kind = st.kind AND s.n = st.source
        LEFT JOIN scratch.target t ON t.kind = st.kind AND t.n = st.target
        LEFT JOIN scratch.target m ON m.kind = st.kind AND m.n = st.name_target
        LEFT JOIN links l ON l.kind = st.kind AND l.source = st.source
        LEFT JOIN ids si ON si.n = st.source
        LEFT JOIN ids ti ON ti.n = st.target
        LEFT JOIN ids ei ON ei.n = st.ext_target
        LEFT JOIN ids ni ON ni.n = st.name_target
        """

    static func situationRow(_ row: Row) throws -> SituationRow {
        var result = SituationRow(kind: try row.word("kind"), situation: try row.word("situation"))
        result.sourceID = row["source_id"]
        result.targetID = row["target_id"]
        result.externalIDMatch = row["ext_id"]
        result.nameMatch = row["name_id"]
        result.sourceName = row["source_name"]
        result.targetName = row["target_name"]
        result.nameMatchKey = row["name_key"]
        result.nameMatchExternalID = row["name_external_id"]
        result.targetExternalID = row["target_external_id"]
        result.desired = row["desired"]
        result.desiredKey = row["desired_key"]
        result.desiredActive = row["desired_active"]
        result.actual = row["actual"]
        result.actualKey = row["actual_key"]
        result.actualActive = row["actual_active"]
        result.problem = row["problem"]
        result.flaw = row["flaw"]
        result.lacksWhatIsNeeded = row["lacks_needed"]
        result.isStatusUnreadable = row["status_unreadable"]
        result.place = row["place"]
        result.isNameProtected = row["is_name_protected"]
        result.isLinked = row["is_linked"]
        result.origin = try row.wordIfAny("origin")
        result.status = try row.wordIfAny("state")
        result.sent = row["sent"]
        result.read = row["read"]
        result.rival = row["rival"]
        result.nameHolder = row["name_holder"]
        result.isOutOfScope = row["is_out_of_scope"] ?? false
        result.isDisabled = row["is_disabled"]
        result.departure = row["departure"]
        result.isAbsentByScope = row["is_absent_by_scope"]
        result.isUnconfirmed = row["is_unconfirmed"]
        result.isConfirmedGone = row["is_confirmed_gone"]
        result.isGoneFromTarget = row["is_gone_from_target"]
        result.isSurvivor = row["is_survivor"]
        result.leftSince = row["left_since"]
        result.leftDays = row["left_days"]
        result.isRestored = row["is_restored"]
        result.note = row["note"]
        result.rights = row["rights"]
        result.mails = row["mails"]
        result.acceptedTarget = row["accepted_target"]
        result.source = row["source"]
        result.target = row["target"]
        return result
    }

    /// Objects of the target that are not ours, for the report. Not stored: there may be as many as the target has.
    public func forEachUnmanaged(_ body: (SituationRow) throws -> Void) throws {
        try write { try indexSource($0) }
        try read { db in
            let rows = try Row.fetchCursor(
                db,
                sql: Self.rowQuery
                    + " WHERE st.situation IN ('unmanaged', 'protected') AND st.source IS NULL ORDER BY st.kind, ti.id")
            while let row = try rows.next() {
                try body(Self.situationRow(row))
            }
        }
    }
}
