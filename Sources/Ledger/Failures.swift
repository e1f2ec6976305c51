import Foundation
import GRDB
import Planning
import SCIM

/// What fails in the same way run after run.
extension Ledger {
    public struct Failure: Hashable, Sendable {
        public var kind: ResourceKind
        public var sourceID: String
        public var verb: Verb
        /// What was sent: another value is tried at once.
        public var value: String
        /// How the target refused it, without what changes from answer to answer.
        public var said: String
        /// Applied runs in which it failed so.
        public var runs: Int
        /// The first day, and the day on which it is tried again.
        public var since: String
        public var next: String

        public init(
            kind: ResourceKind, sourceID: String, verb: Verb, value: String, said: String, runs: Int, since: String,
            next: String
        ) {
            self.kind = kind
            self.sourceID = sourceID
            self.verb = verb
            self.value = value
            self.said = said
            self.runs = runs
            self.since = since
            self.next = next
        }
    }

    /// Failures that came in so many runs at least.
    public func failures(leastRuns: Int) throws -> [Failure] {
        try read { db in
            try Row.fetchAll(
                db,
                sql:
                    """
                    SELECT f.kind, i.id, f.verb, f.value, f.said, f.runs, f.since, f.next FROM failures f
                        JOIN ids i ON i.n = f.source WHERE f.runs >= ? ORDER BY f.kind, i.id, f.verb
                    """,
                arguments: [leastRuns]
            ).compactMap { row in
                try Failure(
                    kind: row.word(0), sourceID: row[1], verb: row.word(2), value: row[3], said: row[4], runs: row[5],
                    since: row[6], next: row[7])
            }
        }
    }

    public func failure(kind: ResourceKind, source id: String, verb: Verb, value: String) throws -> Failure? {
        try read { db in
            try Row.fetchOne(
                db.cachedStatement(
                    sql:
                        """
                        SELECT f.value, f.said, f.runs, f.since, f.next FROM ids i
                            JOIN failures f ON f.kind = ?1 AND f.source = i.n AND f.verb = ?3 AND f.value = ?4
                            WHERE i.space = ?1 AND i.id = ?2
                        """
                ),
                arguments: [kind, id, verb, value]
            ).map {
                Failure(
                    kind: kind, sourceID: id, verb: verb, value: $0[0], said: $0[1], runs: $0[2], since: $0[3],
                    next: $0[4])
            }
        }
    }

    public func keep(_ failure: Failure) throws {
        try write { db in
            try db.cachedStatement(
                sql:
                    """
                    INSERT OR REPLACE INTO failures (kind, source, verb, value, said, runs, since, next)
                        VALUES (?, ?, ?, ?, ?, ?, ?, ?)
                    """
            ).execute(arguments: [
                failure.kind, intern(db, space: failure.kind.sourceSpace, failure.sourceID), failure.verb,
                failure.value, failure.said, failure.runs, failure.since, failure.next,
            ])
        }
    }

    public func forgetFailure(kind: ResourceKind, source id: String, verb: Verb, value: String) throws {
        try write { db in
            try db.cachedStatement(
                sql:
                    """
                    DELETE FROM failures WHERE kind = ?1 AND source =
                        (SELECT n FROM ids WHERE space = ?1 AND id = ?2) AND verb = ?3 AND value = ?4
                    """
            )
            .execute(arguments: [kind, id, verb, value])
        }
    }

    /// Forgets what has not been tried since a day: the record was changed, or is no more.
    public func forgetFailures(before day: String) throws {
        try write { try $0.execute(sql: "DELETE FROM failures WHERE next < ?", arguments: [day]) }
    }

    public var hasFailures: Bool {
        get throws { try read { try Bool.fetchOne($0, sql: "SELECT EXISTS (SELECT 1 FROM failures)") ?? false } }
    }

    /// Says more of an operation that was settled.
    public func append(reason: String, plan: Int64, seq: Int) throws {
        try write {
            try $0.execute(
                sql: "UPDATE operations SET reason = reason || ? WHERE plan = ? AND seq = ?",
                arguments: [reason, plan, seq])
        }
    }
}
