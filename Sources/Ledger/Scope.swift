import Foundation
import GRDB
import Planning
import SCIM

/// Which of the staged source records a job is about.
public struct ScopeSelection: Hashable, Sendable {
    /// nil for no choice by unit.
    public var units: [String]?
    public var includesUnitsBelow = true
    /// nil for no choice by group.
    public var groups: [String]?
    /// Whether every group is in scope, whoever is in it.
    public var allGroups = false
    /// Whether users that the source disables are out of scope.
    public var isEnabledOnly = false

    public init() {}

    /// Whether the groups in scope are those that it names, and no others.
    public var namesGroups: Bool { groups != nil || units != nil && !allGroups }
}

extension Ledger {
    /// Marks who is in scope: members of the units and of the listed groups; listed groups, or all.
    /// Returns the listed ids that the source does not know.
    public func apply(scope: ScopeSelection) throws -> [String] {
        try write { db in
            try db.execute(sql: "DELETE FROM scratch.scope_units; DELETE FROM scratch.scope_groups;")
            let unknown = try select(db, scope)
            if scope.isEnabledOnly {
                try db.execute(sql: "UPDATE scratch.source SET in_scope = 0 WHERE kind = 0 AND disabled")
            }
            return unknown
        }
    }

    private func select(_ db: Database, _ scope: ScopeSelection) throws -> [String] {
        var unknown: [String] = []
        if scope.units == nil, scope.groups == nil { return [] }
        // Without units or listed groups every user is in scope, so only a list takes anybody out.
        try db.execute(sql: "UPDATE scratch.source SET in_scope = 0")
        for unit in scope.units ?? [] {
            let isKnown =
                try Bool.fetchOne(
                    db,
                    sql:
                        """
                        SELECT EXISTS (SELECT 1 FROM scratch.units WHERE id = ?1 OR parent = ?1)
                            OR EXISTS (SELECT 1 FROM scratch.source_units WHERE unit = ?1)
                        """,
                    arguments: [unit]) ?? false
            if !isKnown { unknown.append(unit) }
            let below =
                scope.includesUnitsBelow ? "UNION SELECT u.id FROM scratch.units u JOIN below b ON u.parent = b.id" : ""
            try db.execute(
                sql:
                    """
                    INSERT OR IGNORE INTO scratch.scope_units WITH RECURSIVE below (id) AS (SELECT ? \(below))
                        SELECT id FROM below
                    """,
                arguments: [unit])
        }
        try db.execute(
            sql:
                """
                UPDATE scratch.source SET in_scope = 1 WHERE kind = 0
                    AND n IN (SELECT usr FROM scratch.source_units
                    WHERE unit IN (SELECT unit FROM scratch.scope_units))
                """
        )
        for group in scope.groups ?? [] {
            let n = try Int64.fetchOne(
                db,
                sql:
                    """
                    SELECT s.n FROM ids i CROSS JOIN scratch.source s ON s.kind = 1 AND s.n = i.n
                        WHERE i.space = 1 AND i.id = ?
                    """,
                arguments: [group])
            guard let n else {
                unknown.append(group)
                continue
            }
            try db.execute(sql: "INSERT OR IGNORE INTO scratch.scope_groups VALUES (?)", arguments: [n])
            try db.execute(sql: "UPDATE scratch.source SET in_scope = 1 WHERE kind = 1 AND n = ?", arguments: [n])
            try db.execute(
                sql:
                    """
                    UPDATE scratch.source SET in_scope = 1 WHERE kind = 0
                        AND n IN (SELECT usr FROM scratch.source_members WHERE grp = ?)
                    """,
                arguments: [n])
        }
        if scope.allGroups { try db.execute(sql: "UPDATE scratch.source SET in_scope = 1 WHERE kind = 1") }
        return unknown
    }

    /// The scope's units with those below, and its groups, as they were resolved.
    public func resolvedScope() throws -> (units: Set<String>, groups: Set<String>) {
        try read { db in
            (
                try Set(String.fetchAll(db, sql: "SELECT unit FROM scratch.scope_units")),
                try Set(String.fetchAll(db, sql: "SELECT i.id FROM scratch.scope_groups g JOIN ids i ON i.n = g.grp"))
            )
        }
    }

    // MARK: who is missing

    /// Says which run is the baseline of this one: the last that was applied on a complete read.
    public func set(baseline run: Int64?) throws {
        try write { db in
            try db.execute(sql: "DELETE FROM scratch.baseline")
            if let run { try db.execute(sql: "INSERT INTO scratch.baseline VALUES (?)", arguments: [run]) }
        }
    }

    /// Whether an interval of the history covers the baseline.
    static func coversBaseline(_ row: String) -> String {
        """
        (SELECT \(row).first_run <= b.run AND (\(row).last_run IS NULL OR \(row).last_run >= b.run)
            FROM scratch.baseline b)
        """
    }

    /// A linked record that is not in this read, or is in it and out of the scope.
    public typealias MissingRecord = (id: String, isRead: Bool)

    /// Linked records that this read does not show, or shows outside the scope, in the order of their ids: before any
    /// of them is called a leaver, somebody should ask for it by name.
    ///
    /// - Parameter exceptDisabled: passes over those that are out of scope because they are disabled.
    /// - Parameter dueSince: those that this job has disabled count as well, if they left before this moment: their
    ///   deletion is due.
    public func missingFromSource(kind: ResourceKind, exceptDisabled: Bool, dueSince: String? = nil, limit: Int) throws
        -> [MissingRecord]
    {
        try read { db in
            try Row.fetchAll(
                db,
                sql: """
                    SELECT i.id, s.n IS NOT NULL FROM links l JOIN ids i ON i.n = l.source
                        LEFT JOIN scratch.source s ON s.kind = l.kind AND s.n = l.source
                    WHERE l.kind = ?1 AND (l.state = 'active' OR EXISTS
                        (SELECT 1 FROM departures d WHERE d.kind = l.kind AND d.source = l.source AND d.since <= ?4))
                        AND (s.n IS NULL OR NOT s.in_scope AND NOT (?3 AND s.disabled)) ORDER BY i.id LIMIT ?2
                    """, arguments: [kind, limit, exceptDisabled, dueSince]
            ).map { (id: $0[0], isRead: $0[1]) }
        }
    }

    /// The units that were there at the baseline, each with the one above it.
    public func unitsAtBaseline() throws -> [(id: String, parent: String?)] {
        try read { db in
            try Row.fetchAll(
                db,
                sql: """
                    SELECT i.id, json_extract(v.body, '$.parent') FROM versions v JOIN ids i ON i.n = v.n
                    WHERE v.space = 4 AND \(Self.coversBaseline("v")) ORDER BY i.id
                    """
            ).map { (id: $0[0], parent: $0[1]) }
        }
    }

    /// What the source has less because the scope is another: linked users and groups that are there outside it or may
    /// be, and the memberships that such groups had at the baseline.
    ///
    /// - Parameter namesGroups: whether the scope names its groups, so that others are out of it unread.
    public func lossByScope(namesGroups: Bool) throws -> SourceCount {
        try read { db in
            func count(_ kind: ResourceKind) throws -> Int {
                try Int.fetchOne(
                    db,
                    sql: """
                        SELECT count(*) FROM links l WHERE l.kind = ?1
                            AND (EXISTS (SELECT 1 FROM scratch.source s
                            WHERE s.kind = l.kind AND s.n = l.source AND NOT s.in_scope)
                        OR EXISTS (SELECT 1 FROM scratch.absences a
                            WHERE a.kind = l.kind AND a.n = l.source AND a.by_scope)
                        OR ?2 AND l.kind = 1 AND NOT EXISTS (SELECT 1 FROM scratch.scope_groups g
                            WHERE g.grp = l.source))
                        """, arguments: [kind, namesGroups]) ?? 0
            }
            let memberships = try Int.fetchOne(
                db,
                sql: """
                    SELECT count(*) FROM memberships m WHERE m.side = 0 AND \(Self.coversBaseline("m"))
                    AND (EXISTS (SELECT 1 FROM scratch.source s WHERE s.kind = 1 AND s.n = m.grp AND NOT s.in_scope)
                        OR EXISTS (SELECT 1 FROM scratch.absences a WHERE a.kind = 1 AND a.n = m.grp AND a.by_scope)
                        OR ?1 AND NOT EXISTS (SELECT 1 FROM scratch.scope_groups g WHERE g.grp = m.grp))
                    """, arguments: [namesGroups])
            return SourceCount(users: try count(.user), groups: try count(.group), memberships: memberships ?? 0)
        }
    }

    /// Drafts that are held by something.
    public func drafts(heldBy: HoldReason) throws -> Int {
        try read {
            try Int.fetchOne($0, sql: "SELECT count(*) FROM scratch.drafts WHERE held_by = ?", arguments: [heldBy]) ?? 0
        }
    }

    /// Stages a record that is there and outside the scope: a leaver with a reason, not somebody who is gone.
    public func stage(outOfScope record: StagedSource, units: [String]) throws {
        _ = try stage(source: [record])
        try write { db in
            let n = try intern(db, space: record.kind.sourceSpace, record.id)
            try db.execute(sql: "DELETE FROM scratch.source_units WHERE usr = ?", arguments: [n])
            try db.execute(
                sql: "UPDATE scratch.source SET in_scope = 0 WHERE kind = ? AND n = ?", arguments: [record.kind, n])
            for unit in units {
                try db.execute(
                    sql: "INSERT OR IGNORE INTO scratch.source_units (usr, unit) VALUES (?, ?)", arguments: [n, unit])
            }
        }
    }

    /// Says more of linked records that are not staged.
    ///
    /// - Parameter isByScope: whether a changed scope may be why.
    /// - Parameter isUnconfirmed: whether their absence is not believed yet.
    public func note(
        absent ids: [String], kind: ResourceKind, reason: String, isByScope: Bool, isUnconfirmed: Bool = false
    ) throws {
        try write { db in
            for id in ids {
                try db.cachedStatement(
                    sql:
                        """
                        INSERT OR REPLACE INTO scratch.absences (kind, n, reason, by_scope, is_unconfirmed)
                            VALUES (?, ?, ?, ?, ?)
                        """
                )
                .execute(arguments: [kind, intern(db, space: kind.sourceSpace, id), reason, isByScope, isUnconfirmed])
            }
        }
    }

    /// What a leaver left: the name of a unit, or of a group of the scope, that it was in at the baseline and is not in
    /// now.
    static let departure = """
        CASE WHEN st.situation = 'leaver' AND st.kind = 0 AND s.n IS NOT NULL AND NOT s.in_scope THEN coalesce((
            SELECT 'left organizational unit ' || coalesce((
                SELECT json_extract(v.body, '$.name') FROM versions v WHERE v.space = 4 AND v.n = m.grp
                    ORDER BY v.first_run DESC LIMIT 1), ui.id)
            FROM memberships m INDEXED BY memberships_of_units JOIN ids ui ON ui.n = m.grp
                JOIN scratch.scope_units su ON su.unit = ui.id
            WHERE m.side = 2 AND m.usr = st.source AND \(coversBaseline("m"))
            AND NOT EXISTS (SELECT 1 FROM scratch.source_units c WHERE c.usr = st.source AND c.unit = ui.id)
                ORDER BY ui.id LIMIT 1
        ), (
            SELECT 'left group ' || coalesce((SELECT g.name FROM scratch.source g WHERE g.kind = 1 AND g.n = sg.grp),
                gi.id)
            FROM scratch.scope_groups sg CROSS JOIN memberships m ON m.side = 0 AND m.grp = sg.grp
                AND m.usr = st.source JOIN ids gi ON gi.n = sg.grp
            WHERE \(coversBaseline("m")) AND NOT EXISTS (SELECT 1 FROM scratch.source_members c
                WHERE c.grp = sg.grp AND c.usr = st.source) ORDER BY gi.id LIMIT 1
        ), CASE WHEN s.disabled THEN 'disabled in the source, and source.scope.status is enabled' END)
        WHEN st.situation = 'leaver' THEN (SELECT a.reason FROM scratch.absences a
            WHERE a.kind = st.kind AND a.n = st.source) END
        """

    /// Remembers, for this plan, that the source says of a record that it is not there.
    public func note(goneSource id: String, kind: ResourceKind) throws {
        try write {
            try $0.cachedStatement(sql: "INSERT OR IGNORE INTO scratch.gone_sources (kind, n) VALUES (?, ?)").execute(
                arguments: [kind, intern($0, space: kind.sourceSpace, id)])
        }
    }

    /// Groups whose members came in several pages and from which this plan takes somebody.
    public func groupsLosingMembers() throws -> [String] {
        try read { db in
            try String.fetchAll(
                db,
                sql: """
                    SELECT DISTINCT i.id FROM scratch.drafts d JOIN ids i ON i.n = d.source AND i.space = 1
                        JOIN scratch.long_groups p ON p.grp = d.source
                    WHERE d.kind = 1 AND d.verb = 'remove members' AND d.status = 'planned' ORDER BY i.id
                    """)
        }
    }

    /// Forgets the drafts of memberships, before they are made anew.
    public func dropMembershipDrafts() throws {
        try write { db in
            try db.execute(
                sql:
                    """
                    DELETE FROM scratch.draft_members WHERE draft IN
                        (SELECT draft FROM scratch.drafts WHERE verb IN ('add members', 'remove members'))
                    """
            )
            try db.execute(sql: "DELETE FROM scratch.drafts WHERE verb IN ('add members', 'remove members')")
        }
    }

    /// Holds what takes members from a group.
    public func holdRemovals(fromGroup id: String, by: HoldReason, reason: String) throws {
        try write { db in
            try db.execute(
                sql: """
                    UPDATE scratch.drafts INDEXED BY drafts_by_source
                        SET status = 'held', held_by = ?, reason = reason || '; held: ' || ?
                    WHERE kind = 1 AND verb = 'remove members' AND status = 'planned'
                        AND source = (SELECT n FROM ids WHERE space = 1 AND id = ?)
                    """, arguments: [by, reason, id])
        }
    }
}
