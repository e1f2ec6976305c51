import Foundation
import GRDB
import Planning
import SCIM

/// The runs of a job, each with what it came to.
extension Ledger {
    // MARK: runs

    public func beginRun(command: String, label: String?, started: String) throws -> Int64 {
        try write { db in
            let id =
                try Int64.fetchOne(
                    db, sql: "SELECT max((SELECT coalesce(max(id), 0) FROM runs), (SELECT run FROM numbers)) + 1") ?? 1
            try db.execute(
                sql: "INSERT INTO runs (id, command, label, started) VALUES (?, ?, ?, ?)",
                arguments: [id, command, label, started])
            return id
        }
    }

    public struct RunRecord: Sendable {
        public var id: Int64
        public var command: String
        public var label: String?
        public var started: String
        public var finished: String?
        public var exit: Int?
        public var summary: String?
        public var isBaseline: Bool
        public var count: SourceCount
        public var scope: String?
    }

    /// Completes a run's row. A baseline is a run that passed the gate and was applied: later runs are measured against
    /// it.
    public func finishRun(
        _ id: Int64, finished: String, exit: Int, summary: String, sourceComplete: Bool?, targetComplete: Bool?,
        isBaseline: Bool, count: SourceCount?, scope: String, allowed: String?,
        requests: Int
    ) throws {
        try write { db in
            try db.execute(
                sql: """
                    UPDATE runs SET finished = ?, exit = ?, summary = ?, source_complete = ?, target_complete = ?,
                        is_baseline = ?, users = ?, groups = ?, memberships = ?, scope = ?,
                    allowed = ?, requests = ? WHERE id = ?
                    """,
                arguments: [
                    finished, exit, summary, sourceComplete, targetComplete, isBaseline, count?.users, count?.groups,
                    count?.memberships, scope, allowed, requests, id,
                ])
        }
    }

    /// Puts right the exit of the run that made a plan by what failed behind it, such as its copy.
    public func correct(exit: Int, ofPlan plan: Int64) throws {
        try write {
            try $0.execute(
                sql: "UPDATE runs SET exit = ? WHERE id = (SELECT run FROM plans WHERE id = ?)",
                arguments: [exit, plan])
        }
    }

    /// Marks a run whose clock is in doubt.
    public func setDoubtful(run id: Int64) throws {
        try write { try $0.execute(sql: "UPDATE runs SET doubtful = 1 WHERE id = ?", arguments: [id]) }
    }

    /// Takes the doubt in a run back.
    public func endDoubt(run id: Int64) throws {
        try write { try $0.execute(sql: "UPDATE runs SET doubtful = 0 WHERE id = ?", arguments: [id]) }
    }

    /// The days of doubtful runs since the last that was not, and whether each is later than the one before.
    public func doubtfulDays() throws -> (days: Int, inOrder: Bool) {
        try read { db in
            let days = try String.fetchAll(
                db,
                sql:
                    """
                    SELECT DISTINCT substr(started, 1, 10) FROM runs
                        WHERE doubtful AND id > coalesce((SELECT max(id) FROM runs
                        WHERE NOT doubtful AND finished IS NOT NULL), 0) ORDER BY id
                    """
            )
            return (days.count, days == days.sorted())
        }
    }

    /// The largest sizes of the source in the baselines since a moment, the last baseline among them; from the last one
    /// on in which the operator accepted a smaller source, and only those of the same scope.
    public func largestBaseline(since: String, like last: RunRecord) throws -> SourceCount {
        try read { db in
            try Row.fetchOne(
                db,
                sql: """
                    SELECT max(users), max(groups), max(memberships) FROM runs
                        WHERE is_baseline AND scope IS ?3 AND (id = ?1 OR started >= ?2 AND id >= coalesce((
                        SELECT max(id) FROM runs WHERE is_baseline AND
                            (instr(' ' || coalesce(allowed, ''), ' source.shrink=') > 0
                            OR instr(' ' || coalesce(allowed, '') || ' ', ' accept-source-change ') > 0
                                OR instr(' ' || coalesce(allowed, '') || ' ', ' accept-scope-change ') > 0)), 0))
                    """, arguments: [last.id, since, last.scope]
            ).map { SourceCount(users: $0[0] ?? 0, groups: $0[1] ?? 0, memberships: $0[2] ?? 0) } ?? last.count
        }
    }

    /// The newest run, or the newest baseline.
    public func lastRun(isBaseline: Bool) throws -> RunRecord? {
        try read { db in
            try Row.fetchOne(
                db,
                sql:
                    """
                    SELECT * FROM runs WHERE finished IS NOT NULL \(isBaseline ? "AND is_baseline" : "")
                        ORDER BY id DESC LIMIT 1
                    """
            ).map(Self.record)
        }
    }

    /// A run by its number, also one that did not come to its end.
    public func run(_ id: Int64) throws -> RunRecord? {
        try read { db in try Row.fetchOne(db, sql: "SELECT * FROM runs WHERE id = ?", arguments: [id]).map(Self.record)
        }
    }

    static func record(_ row: Row) -> RunRecord {
        RunRecord(
            id: row["id"], command: row["command"], label: row["label"], started: row["started"],
            finished: row["finished"], exit: row["exit"], summary: row["summary"],
            isBaseline: row["is_baseline"],
            count: SourceCount(
                users: row["users"] ?? 0, groups: row["groups"] ?? 0, memberships: row["memberships"] ?? 0),
            scope: row["scope"])
    }

    /// How far the plan is that is being applied: operations that were sent and settled, and all of them; nil while
    /// none is.
    public func progress() throws -> (plan: Int64, settled: Int, all: Int)? {
        try read { db in
            try Row.fetchOne(
                db,
                sql: """
                    SELECT p.id, sum(o.status IN ('done', 'failed', 'skipped')), count(*) FROM plans p
                    JOIN operations o ON o.plan = p.id AND o.verb <> 'none'
                        AND o.status IN ('planned', 'sent', 'done', 'failed', 'skipped')
                    WHERE p.id = (SELECT max(id) FROM plans) AND p.state = 'applying' GROUP BY p.id
                    """
            ).map { ($0[0], $0[1], $0[2]) }
        }
    }

    /// When a run that may write last ended with exit code 0; nil when none has.
    public func lastSuccess() throws -> String? {
        try read {
            try String.fetchOne(
                $0, sql: "SELECT max(finished) FROM runs WHERE exit = 0 AND command IN ('run', 'apply')")
        }
    }

    /// When a run that may write last came to its end with what it could do: exit code 0 or 3.
    public func lastApplied() throws -> String? {
        try read {
            try String.fetchOne(
                $0, sql: "SELECT max(finished) FROM runs WHERE exit IN (0, 3) AND command IN ('run', 'apply')")
        }
    }

    /// The newest runs with which an operator let something pass: limits, accept flags, releases, with who did it and
    /// why.
    public func overrides(_ limit: Int) throws -> [(run: Int64, started: String, words: String, label: String?)] {
        try read {
            try Row.fetchAll(
                $0,
                sql: "SELECT id, started, allowed, label FROM runs WHERE allowed IS NOT NULL ORDER BY id DESC LIMIT ?",
                arguments: [limit]
            ).map { ($0[0], $0[1], $0[2], $0[3]) }
        }
    }
}
