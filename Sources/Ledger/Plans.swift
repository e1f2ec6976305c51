import Foundation
import GRDB

/// An operation on its way into a plan, as policy decided it.
public struct Draft: Sendable {
    /// When it is sent: lower waves first; operations of one wave may run side by side.
    public var wave: Int
    public var verb: Verb
    public var status: OperationStatus
    public var reason: String
    public var heldBy: String?
    public var fields: [FieldChange]
    /// The folded unique names that it takes and frees, if it changes one.
    public var takes: String?
    public var frees: String?
    public var name: String

    public init(wave: Int, verb: Verb, status: OperationStatus, reason: String, heldBy: String? = nil, fields: [FieldChange] = [], takes: String? = nil, frees: String? = nil, name: String) {
        self.wave = wave
        self.verb = verb
        self.status = status
        self.reason = reason
        self.heldBy = heldBy
        self.fields = fields
        self.takes = takes
        self.frees = frees
        self.name = name
    }
}

/// What an operation does; the CSV's `action`.
public enum Verb: String, Hashable, Sendable, CaseIterable {
    case create
    case update
    case associate
    /// Remembers an account that carries our externalId and needs no change: no request.
    case link
    /// Forgets an account that is gone: no request.
    case unlink
    case addMembers = "add members"
    case removeMembers = "remove members"
    case disable
    case delete
    /// Nothing is to be done; the row reports.
    case none
}

public enum OperationStatus: String, Hashable, Sendable, CaseIterable {
    case planned, sent, done, failed, held, conflict, skipped
    /// Listed, with nothing to do about it.
    case noted
}

/// One attribute that an operation changes. Values are canonical JSON; nil for none.
public struct FieldChange: Hashable, Sendable, Codable {
    public var path: String
    public var before: String?
    public var after: String?

    public init(path: String, before: String?, after: String?) {
        self.path = path
        self.before = before
        self.after = after
    }
}

/// A row of a plan, which is also its place in the journal.
public struct PlannedOperation: Sendable {
    public var plan: Int64
    public var seq: Int
    public var wave: Int
    public var kind: Int
    public var verb: Verb
    public var situation: Situation
    public var sourceID: String?
    public var targetID: String?
    public var name: String
    public var status: OperationStatus
    public var reason: String
    public var heldBy: String?
    public var fields: [FieldChange]
    public var unit: Int?
    /// For membership operations.
    public var members: [Member]

    public struct Member: Sendable {
        public var position: Int
        public var sourceID: String?
        public var targetID: String?
        public var name: String?
        public var status: String?
        public var reason: String?
        /// Whether an operation of the same plan on the member's own account came to nothing.
        public var isTroubled: Bool
    }
}

/// What becomes of a source record in a plan.
public enum Outlook: String, Sendable { case present, held, leaving }

extension Ledger {
    /// Asks `decide` about every object that is not plainly in step, unmanaged or protected, and stores what it answers.
    public func draft(_ decide: (SituationRow) throws -> (drafts: [Draft], outlook: Outlook?)) throws {
        try write { db in
            // Objects in step need no decision; the bulk of a quiet night never leaves SQLite.
            try db.execute(sql: "DELETE FROM scratch.drafts; DELETE FROM scratch.draft_members; DELETE FROM scratch.outlook")
            try db.execute(
                sql: "INSERT INTO scratch.outlook (kind, source, target, state) SELECT kind, source, target, 'present' FROM scratch.situations WHERE situation = 'in step'")
            let rows = try Row.fetchCursor(
                db, sql: Self.rowQuery + " WHERE st.situation <> 'in step' AND NOT (st.situation IN ('unmanaged', 'protected') AND st.source IS NULL) ORDER BY st.kind, si.id, ti.id")
            while let row = try rows.next() {
                guard let situation = Self.situationRow(row) else { continue }
                let (drafts, outlook) = try decide(situation)
                if let outlook, let source = situation.source {
                    try db.cachedStatement(sql: "INSERT OR REPLACE INTO scratch.outlook (kind, source, target, state, is_associating) VALUES (?, ?, ?, ?, ?)")
                        .execute(arguments: [
                            situation.kind, source, outlook == .present && situation.situation == .missing ? nil : situation.target, outlook.rawValue, situation.situation == .existing,
                        ])
                }
                for draft in drafts { try insert(db, draft, situation) }
            }
        }
    }

    private func insert(_ db: Database, _ draft: Draft, _ row: SituationRow) throws {
        try db.cachedStatement(
            sql: """
                INSERT INTO scratch.drafts (wave, kind, verb, situation, source, target, name, status, reason, held_by, fields, takes, frees)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                """
        ).execute(arguments: [
            draft.wave, row.kind, draft.verb.rawValue, row.situation.rawValue, row.source, row.target, draft.name, draft.status.rawValue, draft.reason,
            draft.heldBy, Self.encode(draft.fields), draft.takes, draft.frees,
        ])
    }

    static func encode(_ fields: [FieldChange]) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return (try? encoder.encode(fields)).map { String(decoding: $0, as: UTF8.self) } ?? "[]"
    }

    static func decode(_ text: String) -> [FieldChange] { (try? JSONDecoder().decode([FieldChange].self, from: Data(text.utf8))) ?? [] }

    /// Fills the outlook of a kind outside the full-push scope from its links: members then resolve through links only.
    public func outlookFromLinks(kind: Int) throws {
        try write { db in
            try db.execute(
                sql: """
                    INSERT OR REPLACE INTO scratch.outlook (kind, source, target, state)
                    SELECT l.kind, l.source, l.target, 'present' FROM links l JOIN scratch.source s ON s.kind = l.kind AND s.n = l.source AND s.in_scope WHERE l.kind = ?
                    """, arguments: [kind])
        }
    }

    // MARK: memberships

    /// Drafts the membership changes as operations of at most `chunk` members.
    ///
    /// A membership is added when the source has it and both ends are present; it is removed only from a group of ours, for a
    /// user of ours whose record is present or leaving, because the source does not have it. A user that is held keeps what
    /// it has, and a group that is associated keeps who was in it. “Of ours” includes what this very plan links.
    public func draftMemberships(
        chunk: Int, isExclusive: Bool, addWave: Int, removeWave: Int, addHeldBy: String?, removeHeldBy: String?, addReason: String, removeReason: String
    ) throws {
        try write { db in
            try db.execute(sql: "CREATE INDEX IF NOT EXISTS scratch.outlook_by_target ON outlook (kind, target)")
            let additions = """
                SELECT m.grp AS grp, g.target AS grp_target, m.usr AS usr, u.target AS usr_target, gs.name AS grp_name
                FROM scratch.source_members m
                JOIN scratch.outlook g ON g.kind = 1 AND g.source = m.grp AND g.state = 'present'
                JOIN scratch.outlook u ON u.kind = 0 AND u.source = m.usr AND u.state = 'present'
                JOIN scratch.source gs ON gs.kind = 1 AND gs.n = m.grp
                JOIN ids gi ON gi.n = m.grp JOIN ids ui ON ui.n = m.usr
                WHERE NOT EXISTS (SELECT 1 FROM scratch.target_members t WHERE t.grp = g.target AND t.usr = u.target)
                ORDER BY gi.id, ui.id
                """
            try draftChunks(db, additions, verb: .addMembers, chunk: chunk, wave: addWave, heldBy: addHeldBy, reason: addReason)
            // Exclusive means: whoever the source does not name goes, also those that were there before an association.
            let strangers = isExclusive ? "OR u.source IS NULL AND NOT coalesce(tu.protected, 0)" : ""
            let oldMembersStay =
                isExclusive
                ? "" : "AND NOT g.is_associating AND NOT EXISTS (SELECT 1 FROM kept_members k WHERE k.grp = t.grp AND k.usr = t.usr)"
            let removals = """
                SELECT g.source AS grp, t.grp AS grp_target, u.source AS usr, t.usr AS usr_target, gs.name AS grp_name
                FROM scratch.target_members t
                JOIN scratch.outlook g ON g.kind = 1 AND g.target = t.grp AND g.state = 'present'
                JOIN scratch.source gs ON gs.kind = 1 AND gs.n = g.source
                LEFT JOIN scratch.outlook u ON u.kind = 0 AND u.target = t.usr
                LEFT JOIN scratch.target tu ON tu.kind = 0 AND tu.n = t.usr
                LEFT JOIN scratch.source_members m ON m.grp = g.source AND m.usr = u.source
                JOIN ids gi ON gi.n = g.source JOIN ids ti ON ti.n = t.usr
                WHERE (u.state = 'leaving' OR u.state = 'present' AND m.grp IS NULL \(strangers)) \(oldMembersStay)
                ORDER BY gi.id, ti.id
                """
            try draftChunks(db, removals, verb: .removeMembers, chunk: chunk, wave: removeWave, heldBy: removeHeldBy, reason: removeReason)
        }
    }

    private func draftChunks(_ db: Database, _ sql: String, verb: Verb, chunk: Int, wave: Int, heldBy: String?, reason: String) throws {
        let rows = try Row.fetchCursor(db, sql: sql)
        var current: (group: Int64, draft: Int64, count: Int)?
        while let row = try rows.next() {
            let group: Int64 = row["grp"]
            if current == nil || current?.group != group || (current?.count ?? 0) >= chunk {
                let target: Int64? = row["grp_target"]
                let name: String = row["grp_name"]
                try db.cachedStatement(
                    sql: "INSERT INTO scratch.drafts (wave, kind, verb, situation, source, target, name, status, reason, held_by, fields) VALUES (?, 1, ?, ?, ?, ?, ?, ?, ?, ?, '[]')"
                ).execute(arguments: [
                    wave, verb.rawValue, Situation.changed.rawValue, group, target, name, (heldBy == nil ? OperationStatus.planned : .held).rawValue, reason, heldBy,
                ])
                current = (group, db.lastInsertedRowID, 0)
            }
            guard let place = current else { continue }
            let usr: Int64? = row["usr"]
            let usrTarget: Int64? = row["usr_target"]
            try db.cachedStatement(sql: "INSERT INTO scratch.draft_members (draft, position, source_user, target_user) VALUES (?, ?, ?, ?)")
                .execute(arguments: [place.draft, place.count, usr, usrTarget])
            current?.count += 1
        }
    }

    /// Memberships of linked groups whose member this job does not know, and memberships kept from before an association.
    public func membershipsNotOurs() throws -> Int {
        try read { db in
            try Int.fetchOne(
                db,
                sql: """
                    SELECT count(*) FROM scratch.target_members t JOIN links lg ON lg.kind = 1 AND lg.target = t.grp
                    WHERE NOT EXISTS (SELECT 1 FROM links lu WHERE lu.kind = 0 AND lu.target = t.usr)
                    OR EXISTS (SELECT 1 FROM kept_members k WHERE k.grp = t.grp AND k.usr = t.usr)
                    """) ?? 0
        }
    }

    /// Memberships that the target holds between linked ends, plus those that the drafts add: the base of their limits.
    public func managedMemberships() throws -> Int {
        try read { db in
            try Int.fetchOne(
                db,
                sql: """
                    SELECT (SELECT count(*) FROM scratch.target_members t JOIN links lg ON lg.kind = 1 AND lg.target = t.grp JOIN links lu ON lu.kind = 0 AND lu.target = t.usr)
                    + (SELECT count(*) FROM scratch.draft_members m JOIN scratch.drafts d ON d.draft = m.draft WHERE d.verb = 'add members')
                    """) ?? 0
        }
    }

    /// Memberships that end because their group is deleted.
    public func membershipsEndingWithGroups() throws -> Int {
        try read { db in
            try Int.fetchOne(
                db, sql: "SELECT count(*) FROM scratch.drafts d JOIN scratch.target_members t ON t.grp = d.target WHERE d.kind = 1 AND d.verb = 'delete' AND d.status = 'planned'") ?? 0
        }
    }

    // MARK: order

    /// A draft that gives a name away or takes one that another linked object holds.
    public struct Renaming: Sendable {
        public var draft: Int64
        public var kind: Int
        public var wave: Int
        public var takes: String?
        public var frees: String?
        public var sourceID: String
    }

    /// Drafts that take a name which another draft frees, and those that free one; in the order of their source ids.
    public func renamings() throws -> [Renaming] {
        try read { db in
            try Row.fetchAll(
                db,
                sql: """
                    SELECT d.draft, d.kind, d.wave, d.takes, d.frees, i.id FROM scratch.drafts d JOIN ids i ON i.n = d.source
                    WHERE d.status = 'planned' AND (d.frees IS NOT NULL OR d.takes IS NOT NULL AND EXISTS (
                        SELECT 1 FROM scratch.drafts f INDEXED BY drafts_by_freed WHERE f.frees = d.takes AND f.kind = d.kind AND f.status = 'planned'))
                    ORDER BY d.kind, i.id, d.draft
                    """
            ).map { Renaming(draft: $0[0], kind: $0[1], wave: $0[2], takes: $0[3], frees: $0[4], sourceID: $0[5]) }
        }
    }

    public func move(draft: Int64, toWave wave: Int) throws {
        try write { try $0.execute(sql: "UPDATE scratch.drafts SET wave = ? WHERE draft = ?", arguments: [wave, draft]) }
    }

    /// Splits a rename in two, by way of a temporary name, to break a cycle. Both halves are one unit of the journal.
    public func split(draft: Int64, path: String, temporary: String, firstWave: Int) throws {
        try write { db in
            guard let row = try Row.fetchOne(db, sql: "SELECT * FROM scratch.drafts WHERE draft = ?", arguments: [draft]) else { return }
            let fields = Self.decode(row["fields"])
            guard let change = fields.first(where: { $0.path == path }) else { return }
            let first = [FieldChange(path: path, before: change.before, after: temporary)]
            let second = fields.map { $0.path == path ? FieldChange(path: path, before: temporary, after: $0.after) : $0 }
            try db.execute(
                sql: """
                    INSERT INTO scratch.drafts (wave, kind, verb, situation, source, target, name, status, reason, held_by, fields, unit)
                    SELECT ?, kind, verb, situation, source, target, name, status, 'a cycle of names: goes through a temporary name first', held_by, ?, draft FROM scratch.drafts WHERE draft = ?
                    """, arguments: [firstWave, Self.encode(first), draft])
            try db.execute(sql: "UPDATE scratch.drafts SET fields = ?, unit = draft WHERE draft = ?", arguments: [Self.encode(second), draft])
        }
    }

    // MARK: limits

    /// Planned operations by kind and verb; clearing and membership changes are counted by what they touch.
    public struct Tally: Sendable {
        public var operations: [String: Int] = [:]
        /// Source ids per limit key, for limits over several jobs.
        public var clearing = 0
        public var added = 0
        public var removed = 0

        public func count(_ kind: Int, _ verb: Verb) -> Int { operations["\(kind) \(verb.rawValue)"] ?? 0 }
    }

    public func tally() throws -> Tally {
        try read { db in
            var tally = Tally()
            let rows = try Row.fetchAll(db, sql: "SELECT kind, verb, count(*) FROM scratch.drafts WHERE status = 'planned' AND (unit IS NULL OR unit = draft) GROUP BY kind, verb")
            for row in rows { tally.operations["\(row[0] as Int) \(row[1] as String)"] = row[2] }
            tally.clearing =
                try Int.fetchOne(
                    db,
                    sql: """
                        SELECT count(DISTINCT source) FROM scratch.drafts d WHERE status = 'planned' AND kind = 0 AND verb IN ('update', 'associate', 'disable')
                        AND EXISTS (SELECT 1 FROM json_each(d.fields) f WHERE json_extract(f.value, '$.after') IS NULL)
                        """) ?? 0
            for (verb, path) in [(Verb.addMembers, \Tally.added), (.removeMembers, \Tally.removed)] {
                tally[keyPath: path] =
                    try Int.fetchOne(
                        db, sql: "SELECT count(*) FROM scratch.draft_members m JOIN scratch.drafts d ON d.draft = m.draft WHERE d.status = 'planned' AND d.verb = ?",
                        arguments: [verb.rawValue]) ?? 0
            }
            return tally
        }
    }

    /// Source ids of the planned operations of a kind and some verbs: limits over several jobs count people, not operations.
    ///
    /// - Parameter isClearing: only those that take a value away.
    public func plannedSources(kind: Int, verbs: [Verb], isClearing: Bool = false) throws -> [String] {
        try read { db in
            try String.fetchAll(
                db,
                sql: """
                    SELECT DISTINCT i.id FROM scratch.drafts d JOIN ids i ON i.n = d.source
                    WHERE d.status = 'planned' AND d.kind = ? AND d.verb IN (\(verbs.map { "'\($0.rawValue)'" }.joined(separator: ",")))
                    \(isClearing ? "AND EXISTS (SELECT 1 FROM json_each(d.fields) f WHERE json_extract(f.value, '$.after') IS NULL)" : "") ORDER BY i.id
                    """,
                arguments: [kind])
        }
    }

    public func linkedSources(kind: Int) throws -> [String] {
        try read { try String.fetchAll($0, sql: "SELECT i.id FROM links l JOIN ids i ON i.n = l.source WHERE l.kind = ? ORDER BY i.id", arguments: [kind]) }
    }

    /// Links of a kind that there are, plus those that the drafts make: the base of percentages.
    public func managedBase(kind: Int) throws -> Int {
        try read { db in
            try Int.fetchOne(
                db,
                sql: """
                    SELECT (SELECT count(*) FROM links WHERE kind = ?1) + (SELECT count(DISTINCT source) FROM scratch.drafts
                    WHERE kind = ?1 AND status = 'planned' AND situation IN ('absent', 'known', 'existing') AND verb <> 'none')
                    """, arguments: [kind]) ?? 0
        }
    }

    /// What the source wants of a record, from this run's reading; nil when none was read.
    public func desired(kind: Int, source id: String) throws -> (body: String, digest: [UInt8], externalID: String?, matchKey: String)? {
        try read { db in
            guard isScratchAttached else { return nil }
            return try Row.fetchOne(
                db.cachedStatement(sql: "SELECT s.body, s.digest, s.external_id, s.match_key FROM scratch.source s JOIN ids i ON i.n = s.n WHERE s.kind = ?1 AND i.space = ?1 AND i.id = ?2"),
                arguments: [kind, id]
            ).map { (body: $0[0], digest: Array($0[1] as Data), externalID: $0[2], matchKey: $0[3]) }
        }
    }

    /// Marks all that is planned in a plan as held.
    public func hold(plan: Int64, by: String, reason: String) throws {
        try write { db in
            try db.execute(sql: "UPDATE operations SET status = 'held', held_by = ?, reason = reason || '; held: ' || ? WHERE plan = ? AND status = 'planned'", arguments: [by, reason, plan])
            try db.execute(sql: "UPDATE plans SET state = 'held' WHERE id = ?", arguments: [plan])
        }
    }

    /// Sums of a stored plan by kind, verb and status.
    public func planCounts(plan: Int64) throws -> [(kind: Int, verb: Verb, status: OperationStatus, situation: Situation, count: Int)] {
        try read { db in
            try Row.fetchAll(
                db, sql: "SELECT kind, verb, status, situation, count(*) FROM operations WHERE plan = ? AND (unit IS NULL OR unit = seq) GROUP BY kind, verb, status, situation ORDER BY 1, 2, 3, 4",
                arguments: [plan]
            ).compactMap { row in
                guard let verb = Verb(rawValue: row[1]), let status = OperationStatus(rawValue: row[2]), let situation = Situation(rawValue: row[3]) else { return nil }
                return (kind: row[0], verb: verb, status: status, situation: situation, count: row[4])
            }
        }
    }

    public func memberCount(plan: Int64, verb: Verb) throws -> Int {
        try read {
            try Int.fetchOne(
                $0,
                sql: "SELECT count(*) FROM operation_members m JOIN operations o ON o.plan = m.plan AND o.seq = m.seq WHERE o.plan = ? AND o.verb = ? AND o.status <> 'held'",
                arguments: [plan, verb.rawValue]) ?? 0
        }
    }

    public func linkCount(kind: Int) throws -> Int {
        try read { try Int.fetchOne($0, sql: "SELECT count(*) FROM links WHERE kind = ?", arguments: [kind]) ?? 0 }
    }

    // MARK: storing

    /// Makes the drafts a stored plan, numbered in their order of sending. Equal inputs give equal rows.
    ///
    /// - Parameter inputs: digest of the job file and the profile.
    /// - Parameter digest: computes the digest of the rows.
    public func storePlan(run: Int64, created: String, inputs: String, digest: (PlannedOperation) -> Void, finish: () -> String) throws -> Int64 {
        let plan = try write { db -> Int64 in
            // A plan that was never applied is worth keeping only while it is among the newest.
            try db.execute(
                sql: """
                    DELETE FROM operation_members WHERE plan IN (SELECT id FROM plans WHERE state IN ('planned', 'held') ORDER BY id DESC LIMIT -1 OFFSET 9);
                    DELETE FROM operations WHERE plan IN (SELECT id FROM plans WHERE state IN ('planned', 'held') ORDER BY id DESC LIMIT -1 OFFSET 9);
                    DELETE FROM plans WHERE id IN (SELECT id FROM plans WHERE state IN ('planned', 'held') ORDER BY id DESC LIMIT -1 OFFSET 9);
                    """)
            let plan = try (Int64.fetchOne(db, sql: "SELECT max(id) FROM plans") ?? 0) + 1
            try db.execute(sql: "INSERT INTO plans (id, run, created, digest, inputs, state) VALUES (?, ?, ?, '', ?, 'planned')", arguments: [plan, run, created, inputs])
            try db.execute(
                sql: """
                    CREATE TEMP TABLE numbered AS
                    SELECT d.draft, row_number() OVER (ORDER BY d.wave, d.kind, si.id, ti.id, d.draft) AS seq
                    FROM scratch.drafts d LEFT JOIN ids si ON si.n = d.source LEFT JOIN ids ti ON ti.n = d.target;
                    CREATE UNIQUE INDEX temp.numbered_by_draft ON numbered (draft);
                    """)
            try db.execute(
                sql: """
                    INSERT INTO operations (plan, seq, wave, kind, verb, situation, source, target, name, status, reason, held_by, fields, unit)
                    SELECT ?, o.seq, d.wave, d.kind, d.verb, d.situation, d.source, d.target, d.name, d.status, d.reason, d.held_by, d.fields,
                        (SELECT u.seq FROM temp.numbered u WHERE u.draft = d.unit)
                    FROM scratch.drafts d JOIN temp.numbered o ON o.draft = d.draft ORDER BY o.seq
                    """, arguments: [plan])
            try db.execute(
                sql: """
                    INSERT INTO operation_members (plan, seq, position, source_user, target_user)
                    SELECT ?, o.seq, m.position, m.source_user, m.target_user FROM scratch.draft_members m JOIN temp.numbered o ON o.draft = m.draft
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
        /// planned, applying, applied, held.
        public var state: String
    }

    /// A stored plan: that of the number given, or the newest that awaits being applied.
    public func plan(_ id: Int64?) throws -> PlanInfo? {
        try read { db in
            let row =
                if let id { try Row.fetchOne(db, sql: "SELECT * FROM plans WHERE id = ?", arguments: [id]) } else {
                    try Row.fetchOne(db, sql: "SELECT * FROM plans ORDER BY id DESC LIMIT 1")
                }
            return row.map { PlanInfo(id: $0["id"], run: $0["run"], created: $0["created"], digest: $0["digest"], inputs: $0["inputs"], state: $0["state"]) }
        }
    }

    public func setPlan(_ id: Int64, state: String) throws {
        try write { try $0.execute(sql: "UPDATE plans SET state = ? WHERE id = ?", arguments: [state, id]) }
    }

    public func remove(plan: Int64) throws {
        try write { db in
            for table in ["operation_members", "operations"] { try db.execute(sql: "DELETE FROM \(table) WHERE plan = ?", arguments: [plan]) }
            try db.execute(sql: "DELETE FROM plans WHERE id = ?", arguments: [plan])
        }
    }

    private static let operationQuery = """
        SELECT o.*, si.id AS source_id, ti.id AS target_id FROM operations o
        LEFT JOIN ids si ON si.n = o.source LEFT JOIN ids ti ON ti.n = o.target
        """

    private func operation(_ db: Database, _ row: Row) throws -> PlannedOperation {
        var members: [PlannedOperation.Member] = []
        let verb = Verb(rawValue: row["verb"]) ?? .none
        if verb == .addMembers || verb == .removeMembers {
            let plan: Int64 = row["plan"]
            let seq: Int = row["seq"]
            members = try Row.fetchAll(
                db.cachedStatement(
                    sql: """
                        SELECT m.position, s.id AS source_id, CASE WHEN m.source_user IS NULL THEN t.id ELSE lt.id END AS target_id, m.status, m.reason,
                            EXISTS (SELECT 1 FROM operations f INDEXED BY operations_by_source WHERE f.plan = m.plan AND f.kind = 0 AND f.source = m.source_user
                                AND f.status IN ('failed', 'conflict', 'sent', 'skipped')) AS is_troubled
                        FROM operation_members m
                        LEFT JOIN ids s ON s.n = m.source_user LEFT JOIN ids t ON t.n = m.target_user
                        LEFT JOIN links l ON l.kind = 0 AND l.source = m.source_user LEFT JOIN ids lt ON lt.n = l.target
                        WHERE m.plan = ? AND m.seq = ? ORDER BY m.position
                        """), arguments: [plan, seq]
            ).map {
                PlannedOperation.Member(
                    position: $0["position"], sourceID: $0["source_id"], targetID: $0["target_id"], name: nil, status: $0["status"], reason: $0["reason"], isTroubled: $0["is_troubled"])
            }
        }
        return PlannedOperation(
            plan: row["plan"], seq: row["seq"], wave: row["wave"], kind: row["kind"], verb: verb, situation: Situation(rawValue: row["situation"]) ?? .unmanaged,
            sourceID: row["source_id"], targetID: row["target_id"], name: row["name"], status: OperationStatus(rawValue: row["status"]) ?? .planned, reason: row["reason"],
            heldBy: row["held_by"], fields: Self.decode(row["fields"]), unit: row["unit"], members: members)
    }

    /// All rows of a plan, in order.
    public func forEachOperation(plan: Int64, _ body: (PlannedOperation) throws -> Void) throws {
        try read { db in
            let rows = try Row.fetchCursor(db, sql: Self.operationQuery + " WHERE o.plan = ? ORDER BY o.seq", arguments: [plan])
            while let row = try rows.next() { try body(try operation(db, row)) }
        }
    }

    /// The next planned rows of a plan, all of one wave, after `seq`.
    public func nextPlanned(plan: Int64, after seq: Int, limit: Int) throws -> [PlannedOperation] {
        try read { db in
            let wave = try Int.fetchOne(
                db.cachedStatement(sql: "SELECT wave FROM operations WHERE plan = ? AND seq > ? AND status = 'planned' ORDER BY seq LIMIT 1"), arguments: [plan, seq])
            guard let wave else { return [] }
            return try Row.fetchAll(
                db.cachedStatement(sql: Self.operationQuery + " WHERE o.plan = ? AND o.seq > ? AND o.wave = ? AND o.status = 'planned' ORDER BY o.seq LIMIT ?"), arguments: [plan, seq, wave, limit]
            ).map { try operation(db, $0) }
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
                        UNION SELECT r.plan, r.seq FROM operations r INDEXED BY operations_in_units WHERE r.unit IS NOT NULL AND r.status = 'planned' AND EXISTS (
                            SELECT 1 FROM operations f INDEXED BY operations_in_units WHERE f.plan = r.plan AND f.unit = r.unit AND f.seq < r.seq AND f.status IN ('sent', 'done'))
                    ) open ON open.plan = o.plan AND open.seq = o.seq
                    ORDER BY o.plan, o.seq
                    """
            ).map { try operation(db, $0) }
        }
    }

    /// How many rows of a plan have each status.
    public func statusCounts(plan: Int64) throws -> [OperationStatus: Int] {
        try read { db in
            var counts: [OperationStatus: Int] = [:]
            for row in try Row.fetchAll(db, sql: "SELECT status, count(*) FROM operations WHERE plan = ? GROUP BY status", arguments: [plan]) {
                if let status = OperationStatus(rawValue: row[0]) { counts[status] = row[1] }
            }
            return counts
        }
    }

    /// Whether the newest finished plan before this one reported the same conflict.
    public func wasReported(_ operation: PlannedOperation) throws -> Bool {
        try read { db in
            try Bool.fetchOne(
                db,
                sql: """
                    SELECT EXISTS (SELECT 1 FROM operations o JOIN ids i ON i.n = o.source
                    WHERE o.plan = (SELECT max(id) FROM plans WHERE id < ? AND state = 'applied') AND o.kind = ? AND i.id = ? AND o.situation = ? AND o.status IN ('conflict', 'held'))
                    """, arguments: [operation.plan, operation.kind, operation.sourceID, operation.situation.rawValue]) ?? false
        }
    }

    /// Members of a group among the linked accounts, for messages: target ids with the name they bear in the source.
    public func name(kind: Int, source id: String) throws -> String? {
        try read { try String.fetchOne($0, sql: "SELECT s.name FROM scratch.source s JOIN ids i ON i.n = s.n WHERE s.kind = ? AND i.id = ?", arguments: [kind, id]) }
    }
}
