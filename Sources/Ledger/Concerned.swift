import Foundation
import GRDB
import Planning
import SCIM

/// Targets whose lists are cut off, or whose members are read by filter.
extension Ledger {
    /// Names of records in scope that have no link and that no staged object bears, each once, after the record `last`.
    public func unlinkedNames(kind: ResourceKind, after last: Int64, limit: Int) throws -> [(
        record: Int64, name: String
    )] {
        try write { db in
            try indexSource(db)
            try indexTarget(db)
            return try Row.fetchAll(
                db.cachedStatement(
                    sql: """
                        SELECT s.n, s.name FROM scratch.source s WHERE s.kind = ?1 AND s.in_scope AND s.problem IS NULL
                            AND s.n > ?2
                        AND NOT EXISTS (SELECT 1 FROM links l WHERE l.kind = s.kind AND l.source = s.n)
                        AND NOT EXISTS (SELECT 1 FROM scratch.target t INDEXED BY target_by_key
                            WHERE t.kind = s.kind AND t.match_key = s.match_key)
                        AND NOT EXISTS (SELECT 1 FROM scratch.source o INDEXED BY source_by_key
                            WHERE o.kind = s.kind AND o.match_key = s.match_key AND o.name = s.name AND o.in_scope
                            AND o.n < s.n)
                        ORDER BY s.n LIMIT ?3
                        """), arguments: [kind, last, limit]
            ).map { (record: $0[0], name: $0[1]) }
        }
    }

    /// Objects of the target that are linked, or bear the name or externalId of a source record in scope.
    private static let concerned = """
        FROM scratch.target t JOIN ids i ON i.n = t.n WHERE t.kind = :kind
            AND (EXISTS (SELECT 1 FROM links l WHERE l.kind = t.kind AND l.target = t.n)
        OR EXISTS (SELECT 1 FROM scratch.source s INDEXED BY source_by_key
            WHERE s.kind = t.kind AND s.match_key = t.match_key AND s.in_scope)
        OR EXISTS (SELECT 1 FROM scratch.source s INDEXED BY source_by_external_id
            WHERE s.kind = t.kind AND s.external_id = t.external_id AND s.in_scope))
        """

    func indexSource(_ db: Database) throws {
        try db.execute(
            sql:
                """
                CREATE INDEX IF NOT EXISTS scratch.source_by_key ON source (kind, match_key); CREATE INDEX IF NOT
                    EXISTS scratch.source_by_external_id ON source (kind, external_id);
                """
        )
    }

    /// Those objects after the object `last`, in the order in which the ledger came to know them.
    ///
    /// - Parameter isRead: whether objects of the kind were read; else those that are linked count.
    public func concernedTargets(kind: ResourceKind, isRead: Bool, after last: Int64, limit: Int) throws -> [(
        object: Int64, id: String
    )] {
        try write { db in
            try indexSource(db)
            let sql =
                isRead
                ? "SELECT t.n, i.id \(Self.concerned) AND t.n > :last ORDER BY t.n LIMIT :limit"
                : """
                SELECT l.target, i.id FROM links l INDEXED BY links_by_target JOIN ids i ON i.n = l.target
                    WHERE l.kind = :kind AND l.target > :last ORDER BY l.target LIMIT :limit
                """
            return try Row.fetchAll(
                db.cachedStatement(sql: sql), arguments: ["kind": kind, "last": last, "limit": limit]
            ).map { (object: $0[0], id: $0[1]) }
        }
    }

    /// One of them that is not among some.
    public func concernedTarget(kind: ResourceKind, isRead: Bool, exceptAmong some: [String]) throws -> String? {
        let few = Set(some)
        return try concernedTargets(kind: kind, isRead: isRead, after: 0, limit: few.count + 1).first {
            !few.contains($0.id)
        }?.id
    }

    /// Requests that reading all memberships costs: over the groups, by how many members they should have, and over the
    /// users.
    public func membershipReadCost(pageSize: Int, usersAreRead: Bool) throws -> (groups: Int, users: Int) {
        try write { db in
            try indexSource(db)
            let users =
                try usersAreRead
                ? Int.fetchOne(db, sql: "SELECT count(*) \(Self.concerned)", arguments: ["kind": 0]) ?? 0
                : Int.fetchOne(db, sql: "SELECT count(*) FROM links WHERE kind = 0") ?? 0
            let groups = try Int.fetchOne(db, sql: "SELECT count(*) \(Self.concerned)", arguments: ["kind": 1]) ?? 0
            let further =
                try Int.fetchOne(
                    db,
                    sql:
                        """
                        SELECT coalesce(sum((c - 1) / ?1), 0) FROM
                            (SELECT count(*) AS c FROM scratch.source_members GROUP BY grp)
                        """,
                    arguments: [max(pageSize, 1)]) ?? 0
            return (groups + further, users)
        }
    }

    public func forgetStagedMembers() throws { try write { try $0.execute(sql: "DELETE FROM scratch.target_members") } }
}
