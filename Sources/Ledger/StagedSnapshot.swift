import Foundation
import GRDB
import SCIM

/// The rows of a snapshot as the staged source of a job.
extension Ledger {
    /// Attaches a sealed snapshot for staging.
    public func attach(snapshot: Snapshot) throws {
        try perform { try $0.execute(sql: "ATTACH DATABASE ? AS snapshot", arguments: [snapshot.path]) }
        isSnapshotAttached = true
    }

    /// Where a snapshot for this ledger's job may be made.
    public var snapshotPath: String? { path.map { $0 + ".source" } }

    /// Stages the attached snapshot: every record as `map` sees it, the members, the units. What was staged before is
    /// forgotten.
    public func stageSnapshot(_ map: (Snapshot.Record) throws -> StagedSource) throws {
        try write { db in
            for table in ["source", "source_members", "source_units", "units", "absences", "long_groups"] {
                try db.execute(sql: "DELETE FROM scratch.\(table)")
            }
            try db.execute(
                sql: "INSERT OR IGNORE INTO main.ids (space, id) SELECT kind, id FROM snapshot.ids ORDER BY kind, id")
        }
        var last: Int64 = 0
        while true {
            let batch = try read { db in
                try Row.fetchAll(
                    db.cachedStatement(
                        sql:
                            """
                            SELECT r.n, i.kind, i.id, r.fields, r.problem, r.place FROM snapshot.records r
                                JOIN snapshot.ids i ON i.n = r.n WHERE r.n > ? ORDER BY r.n LIMIT 500
                            """
                    ), arguments: [last])
            }
            guard let end = batch.last else { break }
            last = end[0]
            _ = try stage(
                source: batch.map {
                    try map(Snapshot.Record(kind: $0.word(1), id: $0[2], fields: $0[3], problem: $0[4], place: $0[5]))
                })
        }
        try write { db in
            // Each id is looked up as text once, and not for each of its memberships.
            try db.execute(
                sql: """
                    DELETE FROM scratch.snapshot_numbers;
                    INSERT INTO scratch.snapshot_numbers (snapshot, n) SELECT s.n, m.n FROM snapshot.ids s
                        CROSS JOIN main.ids m ON m.space = s.kind AND m.id = s.id;
                    INSERT OR IGNORE INTO scratch.source_members (grp, usr)
                    SELECT g.n, u.n FROM snapshot.members m
                    CROSS JOIN scratch.snapshot_numbers g ON g.snapshot = m.grp
                        CROSS JOIN scratch.snapshot_numbers u ON u.snapshot = m.usr;
                    INSERT OR IGNORE INTO scratch.long_groups (grp)
                    SELECT m.n FROM snapshot.group_pages p JOIN snapshot.ids i ON i.n = p.grp
                        JOIN main.ids m ON m.space = 1 AND m.id = i.id WHERE p.pages > 1;
                    """)
            try db.execute(
                sql: "INSERT INTO scratch.units (id, name, parent) SELECT id, name, parent FROM snapshot.units")
            try db.execute(
                sql: """
                    INSERT OR IGNORE INTO scratch.source_units (usr, unit)
                    SELECT m.n, u.unit FROM snapshot.user_units u JOIN snapshot.ids i ON i.n = u.usr
                        JOIN main.ids m ON m.space = 0 AND m.id = i.id
                    """)
        }
    }

    /// Puts other members in the place of a group's: what a second reading found.
    public func restage(members: [String], of group: String) throws {
        try write { db in
            let grp = try intern(db, space: 1, group)
            try db.execute(sql: "DELETE FROM scratch.source_members WHERE grp = ?", arguments: [grp])
            for member in members {
                try db.cachedStatement(sql: "INSERT OR IGNORE INTO scratch.source_members (grp, usr) VALUES (?, ?)")
                    .execute(arguments: [grp, intern(db, space: 0, member)])
            }
        }
    }

    /// Lets go of the snapshot: a transaction reserves every attached file, so that ledgers that share it would lock
    /// each other out.
    public func detachSnapshot() throws {
        guard isSnapshotAttached else { return }
        isSnapshotAttached = false
        try perform { try $0.execute(sql: "DETACH DATABASE snapshot") }
    }
}
