import Foundation
import GRDB
import Planning
import SCIM

extension Ledger {
    /// Makes the drafts a stored plan, numbered in their order of sending. Equal inputs give equal rows.
    ///
    /// - Parameter inputs: digest of the job file and the profile.
    /// - Parameter digest: computes the digest of the rows.
    public func storePlan(
        run: Int64, created: String, inputs: String, digest: (PlannedOperation) -> Void, finish: () -> String
    ) throws -> Int64 {
        let plan = try write { db -> Int64 in
            // A plan that was never applied is worth keeping only while it is among the newest; one that was approved,
            // beside the run that applied it, for a month of nights.
            for (states, kept) in [("state IN ('planned', 'held')", 9), ("state LIKE 'applied by run %'", 30)] {
                let old = "SELECT id FROM plans WHERE \(states) ORDER BY id DESC LIMIT -1 OFFSET \(kept)"
                try db.execute(
                    sql: """
                        DELETE FROM operation_members WHERE plan IN (\(old));
                        DELETE FROM operations WHERE plan IN (\(old));
                        DELETE FROM plans WHERE id IN (\(old));
                        """)
            }
            let plan =
                try Int64.fetchOne(
                    db, sql: "SELECT max((SELECT coalesce(max(id), 0) FROM plans), (SELECT plan FROM numbers)) + 1")
                ?? 1
            try db.execute(
                sql: "INSERT INTO plans (id, run, created, digest, inputs, state) VALUES (?, ?, ?, '', ?, 'planned')",
                arguments: [plan, run, created, inputs])
            try db.execute(
                sql: """
                    CREATE TEMP TABLE numbered AS
                    SELECT d.draft, row_number() OVER (ORDER BY d.wave, d.kind,
                        -- What failed the last time goes last, so that it stands in nobody's way.
                        EXISTS (SELECT 1 FROM operations f INDEXED BY operations_by_source
                            WHERE f.plan = (SELECT max(id) FROM plans WHERE state IN ('applied', 'applying', 'stopped'))
                            AND f.kind = d.kind AND f.source = d.source AND f.status IN ('failed', 'sent')),
                        si.id, ti.id, d.draft) AS seq
                    FROM scratch.drafts d LEFT JOIN ids si ON si.n = d.source LEFT JOIN ids ti ON ti.n = d.target;
                    CREATE UNIQUE INDEX temp.numbered_by_draft ON numbered (draft);
                    """)
            try db.execute(
                sql: """
                    INSERT INTO operations (plan, seq, wave, kind, verb, situation, source, target, name, status,
                        reason, held_by, fields, due, unit)
                    SELECT ?, o.seq, d.wave, d.kind, d.verb, d.situation, d.source, d.target, d.name, d.status,
                        d.reason, d.held_by, d.fields, d.due,
                        (SELECT u.seq FROM temp.numbered u WHERE u.draft = d.unit)
                    FROM scratch.drafts d JOIN temp.numbered o ON o.draft = d.draft ORDER BY o.seq
                    """, arguments: [plan])
            try db.execute(
                sql: """
                    INSERT INTO operation_members (plan, seq, position, source_user, target_user)
                    SELECT ?, o.seq, m.position, m.source_user, m.target_user FROM scratch.draft_members m
                        JOIN temp.numbered o ON o.draft = m.draft
                    """, arguments: [plan])
            try db.execute(sql: "DROP TABLE temp.numbered")
            return plan
        }
        try forEachOperation(plan: plan) { digest($0) }
        try write { try $0.execute(sql: "UPDATE plans SET digest = ? WHERE id = ?", arguments: [finish(), plan]) }
        return plan
    }

    public struct PlanInfo: Sendable {
        public var id: Int64
        public var run: Int64
        public var created: String
        public var digest: String
        public var inputs: String
        public var state: PlanState
    }

    /// A stored plan: that of the number given, or the newest but for those of undos, which their command alone
    /// applies.
    public func plan(_ id: Int64?) throws -> PlanInfo? {
        try read { db in
            let row =
                if let id { try Row.fetchOne(db, sql: "SELECT * FROM plans WHERE id = ?", arguments: [id]) } else {
                    try Row.fetchOne(
                        db,
                        sql:
                            """
                            SELECT * FROM plans p WHERE NOT EXISTS (SELECT 1 FROM runs r
                                WHERE r.id = p.run AND r.command = 'undo') ORDER BY id DESC LIMIT 1
                            """
                    )
                }
            return try row.map {
                try PlanInfo(
                    id: $0["id"], run: $0["run"], created: $0["created"], digest: $0["digest"], inputs: $0["inputs"],
                    state: $0.word("state"))
            }
        }
    }

    /// The plan of a run; nil where it came to none, or where its plan was not applied and is not kept any more.
    public func plan(ofRun run: Int64) throws -> PlanInfo? {
        guard
            let id = try read({
                try Int64.fetchOne($0, sql: "SELECT max(id) FROM plans WHERE run = ?", arguments: [run])
            })
        else { return nil }
        return try plan(id)
    }

    public func setPlan(_ id: Int64, state: PlanState) throws {
        try write { try $0.execute(sql: "UPDATE plans SET state = ? WHERE id = ?", arguments: [state, id]) }
    }

    /// The last operation of a wave.
    public func lastOperation(plan: Int64, wave: Int) throws -> Int? {
        try read {
            try Int.fetchOne(
                $0, sql: "SELECT max(seq) FROM operations WHERE plan = ? AND wave = ?", arguments: [plan, wave])
        }
    }

    /// Operations of a plan that were not sent.
    public func plannedCount(plan: Int64) throws -> Int {
        try read {
            try Int.fetchOne(
                $0, sql: "SELECT count(*) FROM operations WHERE plan = ? AND status = 'planned'", arguments: [plan])
                ?? 0
        }
    }

    public func remove(plan: Int64) throws {
        try write { db in
            for table in ["operation_members", "operations"] {
                try db.execute(sql: "DELETE FROM \(table) WHERE plan = ?", arguments: [plan])
            }
            try db.execute(sql: "DELETE FROM plans WHERE id = ?", arguments: [plan])
            // Somebody may have its number in a file: it is not given again.
            try db.execute(sql: "UPDATE numbers SET plan = max(plan, ?)", arguments: [plan])
        }
    }

    private static let operationQuery = """
        SELECT o.*, si.id AS source_id, ti.id AS target_id FROM operations o
        LEFT JOIN ids si ON si.n = o.source LEFT JOIN ids ti ON ti.n = o.target
        """

    private func operation(_ db: Database, _ row: Row) throws -> PlannedOperation {
        var members: [PlannedOperation.Member] = []
        let verb: Verb = try row.word("verb")
        if verb == .addMembers || verb == .removeMembers {
            let plan: Int64 = row["plan"]
            let seq: Int = row["seq"]
            members = try db.cachedStatement(
                sql: """
                    SELECT m.position, s.id AS source_id, CASE WHEN m.source_user IS NULL THEN t.id
                            -- Whoever is to be made again is not where the link still points, unless this run
                            -- has made and linked the account, whatever it could not give it.
                            WHEN EXISTS (SELECT 1 FROM operations f INDEXED BY operations_by_source
                                WHERE f.plan = m.plan AND f.kind = 0 AND f.source = m.source_user
                                AND f.verb = 'create' AND f.status <> 'done' AND f.run IS NOT l.run) THEN NULL
                            ELSE lt.id END AS target_id, m.status, m.reason
                    FROM operation_members m
                    LEFT JOIN ids s ON s.n = m.source_user LEFT JOIN ids t ON t.n = m.target_user
                    LEFT JOIN links l ON l.kind = 0 AND l.source = m.source_user LEFT JOIN ids lt ON lt.n = l.target
                    WHERE m.plan = ? AND m.seq = ? ORDER BY m.position
                    """
            ).all([plan, seq]) {
                PlannedOperation.Member(
                    position: $0["position"], sourceID: $0["source_id"], targetID: $0["target_id"],
                    status: $0["status"], reason: $0["reason"])
            }
        }
        return PlannedOperation(
            plan: row["plan"], seq: row["seq"], wave: row["wave"], kind: try row.word("kind"), verb: verb,
            situation: try row.word("situation"),
            sourceID: row["source_id"], targetID: row["target_id"], name: row["name"], status: try row.word("status"),
            reason: row["reason"],
            heldBy: try row.wordIfAny("held_by"), fields: Self.decode(row["fields"]), unit: row["unit"],
            mayBeDone: row["may_be_done"], fate: try row.wordIfAny("fate"), sentAt: row["sent_at"],
            due: row["due"], members: members)
    }

    /// All rows of a plan, in order.
    public func forEachOperation(plan: Int64, _ body: (PlannedOperation) throws -> Void) throws {
        try read { db in
            let rows = try Row.fetchCursor(
                db, sql: Self.operationQuery + " WHERE o.plan = ? ORDER BY o.seq", arguments: [plan])
            while let row = try rows.next() { try body(try operation(db, row)) }
        }
    }

    /// Rows of a plan after `seq`, in order.
    public func operations(plan: Int64, after seq: Int, limit: Int) throws -> [PlannedOperation] {
        try operations("", "o.plan = ? AND o.seq > ? ORDER BY o.seq LIMIT ?", [plan, seq, limit])
    }

    /// The parts of one unit, in order.
    public func operations(plan: Int64, unit: Int) throws -> [PlannedOperation] {
        try operations("INDEXED BY operations_in_units", "o.plan = ? AND o.unit = ? ORDER BY o.seq", [plan, unit])
    }

    /// All that a plan does about one source record, in order.
    public func operations(plan: Int64, kind: ResourceKind, source: String) throws -> [PlannedOperation] {
        try operations(
            "INDEXED BY operations_by_source",
            "o.plan = ? AND o.kind = ? AND o.source = (SELECT n FROM ids WHERE space = ? AND id = ?) ORDER BY o.seq",
            [plan, kind, kind, source])
    }

    /// Indexes are named: without statistics SQLite would walk the whole plan.
    private func operations(_ index: String, _ condition: String, _ arguments: StatementArguments) throws
        -> [PlannedOperation]
    {
        try read { db in
            try db.cachedStatement(
                sql: """
                    SELECT o.*, si.id AS source_id, ti.id AS target_id FROM operations o \(index)
                    LEFT JOIN ids si ON si.n = o.source LEFT JOIN ids ti ON ti.n = o.target WHERE \(condition)
                    """
            ).all(arguments) { try operation(db, $0) }
        }
    }

    /// One row of a plan.
    public func operation(plan: Int64, seq: Int) throws -> PlannedOperation? {
        try read { db in
            try db.cachedStatement(sql: Self.operationQuery + " WHERE o.plan = ? AND o.seq = ?")
                .first([plan, seq]) { try operation(db, $0) }
        }
    }

    /// The next planned rows of a plan, all of one wave, after `seq`.
    public func nextPlanned(plan: Int64, after seq: Int, limit: Int) throws -> [PlannedOperation] {
        try read { db in
            let wave = try Int.fetchOne(
                db.cachedStatement(
                    sql:
                        """
                        SELECT wave FROM operations WHERE plan = ? AND seq > ? AND status = 'planned' ORDER BY seq
                            LIMIT 1
                        """
                ), arguments: [plan, seq])
            guard let wave else { return [] }
            return try db.cachedStatement(
                sql: Self.operationQuery
                    + """
                     WHERE o.plan = ? AND o.seq > ? AND o.wave = ? AND o.status = 'planned' ORDER BY o.seq
                        LIMIT ?
                    """
            ).all([plan, seq, wave, limit]) { try operation(db, $0) }
        }
    }

    /// Operations that a killed run left with an unknown outcome, and the rest of units that it began; oldest first.
    public func unsettled() throws -> [PlannedOperation] {
        try read { db in
            try Row.fetchAll(
                db,
                sql: Self.operationQuery + """
                     JOIN (
                        SELECT plan, seq FROM operations INDEXED BY operations_open WHERE status = 'sent'
                        UNION SELECT r.plan, r.seq FROM operations r INDEXED BY operations_in_units
                            WHERE r.unit IS NOT NULL AND r.status = 'planned' AND EXISTS (
                            SELECT 1 FROM operations f INDEXED BY operations_in_units
                                WHERE f.plan = r.plan AND f.unit = r.unit AND f.seq < r.seq
                                AND f.status IN ('sent', 'done'))
                    ) open ON open.plan = o.plan AND open.seq = o.seq
                    ORDER BY o.plan, o.seq
                    """
            ).map { try operation(db, $0) }
        }
    }

    /// Whether the newest finished plan before this one reported the same conflict.
    public func wasReported(_ operation: PlannedOperation) throws -> Bool {
        try read { db in
            try Bool.fetchOne(
                db,
                sql: """
                    SELECT EXISTS (SELECT 1 FROM operations o INDEXED BY operations_by_source
                    WHERE o.plan = (SELECT max(id) FROM plans WHERE id < ?1 AND state = 'applied') AND o.kind = ?2
                        AND o.source = (SELECT n FROM ids WHERE space = ?2 AND id = ?3)
                    AND o.situation = ?4 AND o.status IN ('conflict', 'held'))
                    """, arguments: [operation.plan, operation.kind, operation.sourceID, operation.situation]) ?? false
        }
    }

    /// Forgets what an applied plan only noted: it was told, and would stand in the ledger for ever, night after night.
    /// The leavers that wait are kept for the newest plan alone.
    public func forgetNotes(plan: Int64) throws {
        try write { db in
            try db.execute(
                sql: "DELETE FROM operations WHERE plan = ? AND status = 'noted' AND due IS NULL", arguments: [plan])
            try db.execute(
                sql:
                    """
                    DELETE FROM operations WHERE plan = (SELECT max(id) FROM plans
                        WHERE id < ? AND state = 'applied') AND status = 'noted'
                    """,
                arguments: [plan])
        }
    }

    /// Leavers whose term runs, as the newest applied plan knows them; the next first.
    public func leaversDue(_ limit: Int) throws -> (count: Int, next: [(name: String, due: String)]) {
        try read { db in
            let condition =
                """
                FROM operations WHERE plan = (SELECT max(id) FROM plans WHERE state = 'applied')
                    AND due IS NOT NULL AND verb <> 'delete'
                """
            return (
                try Int.fetchOne(db, sql: "SELECT count(*) \(condition)") ?? 0,
                try Row.fetchAll(
                    db, sql: "SELECT name, due \(condition) ORDER BY due, name LIMIT ?", arguments: [limit]
                ).map { ($0[0], $0[1]) }
            )
        }
    }

    /// Bytes of the ledger, its free pages included.
    package func bytes() throws -> Int {
        try read {
            try (Int.fetchOne($0, sql: "PRAGMA page_count") ?? 0) * (Int.fetchOne($0, sql: "PRAGMA page_size") ?? 0)
        }
    }
}
