import Foundation
import GRDB
import SCIM

/// What speaks for or against an object being of this job's making.
extension Ledger {
    /// Whether a list of this run or an earlier one has shown an object.
    public func wasListed(kind: ResourceKind, target id: String) throws -> Bool {
        try read { db in
            try Bool.fetchOne(
                db,
                sql:
                    """
                    SELECT EXISTS (SELECT 1 FROM ids i JOIN versions v ON v.space = i.space AND v.n = i.n
                        WHERE i.space = ? AND i.id = ?)
                    """,
                arguments: [kind.targetSpace, id])
                ?? false
        }
    }

    /// Whether some object of a kind was read back with an externalId: the target keeps them then.
    public func keepsMarks(kind: ResourceKind) throws -> Bool {
        try read {
            try Bool.fetchOne(
                $0,
                sql:
                    """
                    SELECT EXISTS (SELECT 1 FROM links WHERE kind = ?
                        AND json_extract(read, '$.externalId') IS NOT NULL)
                    """,
                arguments: [kind]) ?? false
        }
    }

    /// Where the object is kept that an operator let go to a record.
    public static func acceptedAssociation(_ kind: ResourceKind, _ source: String) -> String {
        "accepted association \(kind.rawValue) \(source)"
    }

    private static func sharing(_ kind: ResourceKind, _ source: String) -> String {
        "shares an account: \(kind.rawValue) \(source)"
    }

    /// Remembers that the target answered the create of a record with the account of another one.
    public func note(kind: ResourceKind, source id: String, sharesAccountOf other: String) throws {
        func digest(_ source: String) throws -> String {
            try desired(kind: kind, source: source).map { Data($0.digest).base64EncodedString() } ?? ""
        }
        let known = try JSONEncoder().encode([other, digest(id), digest(other)])
        try learn(Self.sharing(kind, id), String(decoding: known, as: UTF8.self))
    }

    /// Records that are not made, since the target made them of another record's account and neither record has changed
    /// since: source id to the other's. Those whose record has changed are forgotten.
    public func sharedAccounts(kind: ResourceKind) throws -> [String: String] {
        let prefix = Self.sharing(kind, "")
        let facts = try read {
            try Row.fetchAll(
                $0, sql: "SELECT key, value FROM learned WHERE substr(key, 1, length(?1)) = ?1 ORDER BY key",
                arguments: [prefix]
            ).map { (key: $0[0] as String, value: $0[1] as String) }
        }
        var shared: [String: String] = [:]
        for fact in facts {
            let source = String(fact.key.dropFirst(prefix.count))
            func isSame(_ id: String, _ digest: String) throws -> Bool {
                (try desired(kind: kind, source: id).map { Data($0.digest).base64EncodedString() } ?? "") == digest
            }
            guard let known = try? JSONDecoder().decode([String].self, from: Data(fact.value.utf8)), known.count == 3,
                try isSame(source, known[1]), try isSame(known[0], known[2])
            else {
                try unlearn(fact.key)
                continue
            }
            shared[source] = known[0]
        }
        return shared
    }
}

extension Ledger {
    /// Whether some account of this run's list shows if it is active.
    public func activityIsShown() throws -> Bool {
        try read {
            try Bool.fetchOne(
                $0, sql: "SELECT EXISTS (SELECT 1 FROM scratch.target WHERE kind = 0 AND active IS NOT NULL)") ?? false
        }
    }

    /// Whether `active` is a field that the target shows: some account of this run's list has it, and each one that is
    /// linked and let in.
    public func showsActivity() throws -> Bool {
        try read { db in
            try Bool.fetchOne(
                db,
                sql: """
                    SELECT EXISTS (SELECT 1 FROM scratch.target WHERE kind = 0 AND active IS NOT NULL) AND NOT EXISTS (
                        SELECT 1 FROM links l JOIN scratch.target t ON t.kind = 0 AND t.n = l.target
                            WHERE l.kind = 0 AND t.active IS NULL AND json_extract(l.sent, '$.active') = 1)
                    """) ?? false
        }
    }

    /// Staged accounts without `active` whose disabling by this job the target has answered with success, by their ids.
    public func disabledWithoutActivity() throws -> [(id: String, body: String)] {
        try read { db in
            try Row.fetchAll(
                db,
                sql: """
                    SELECT i.id, t.body FROM links l JOIN scratch.target t ON t.kind = 0 AND t.n = l.target
                        JOIN ids i ON i.n = l.target
                    WHERE l.kind = 0 AND t.active IS NULL AND (json_extract(l.sent, '$.active') = 0
                        OR l.state = 'disabled') ORDER BY i.id
                    """
            ).map { ($0[0], $0[1]) }
        }
    }

    /// Stages an account as not active.
    public func stage(inactive id: String, body: String, digest: [UInt8]) throws {
        try write { db in
            try db.execute(
                sql: "UPDATE scratch.target SET active = 0, body = ?, digest = ? WHERE kind = 0 AND n = ?",
                arguments: [body, blob(digest), intern(db, space: 2, id)])
        }
    }
}
