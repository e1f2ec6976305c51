import Foundation
import GRDB
import SCIM
import Planning

/// A record of the source as the job's mapping sees it.
public struct StagedSource: Sendable {
    /// 0 user, 1 group.
    public var kind: ResourceKind
    public var id: String
    public var externalID: String?
    public var name: String
    /// The name, folded by the target's case rule.
    public var matchKey: String
    /// The desired attributes as canonical JSON, by path; null where the source has no value.
    public var body: String
    /// Of the desired attributes, folded where the target compares without case.
    public var digest: [UInt8]
    /// nil when the source does not say.
    public var active: Bool?
    /// Why nothing of it may be believed.
    public var problem: String?
    /// Attributes that are left out, with the rules that they break; and whether no object can be made without them.
    public var flaw: String?
    public var lacksWhatIsNeeded: Bool
    /// Whether nobody can tell if it is let in.
    public var isStatusUnreadable: Bool
    /// What is remarkable but no obstacle.
    public var note: String?
    /// Where it stands in the source, for messages.
    public var place: String
    public var isProtected: Bool
    /// Whether the source disables it explicitly, mapped or not.
    public var isDisabled: Bool

    public init(
        kind: ResourceKind, id: String, externalID: String?, name: String, matchKey: String, body: String,
        digest: [UInt8], active: Bool?, problem: String?,
        note: String?, place: String, isProtected: Bool, isDisabled: Bool = false, flaw: String? = nil,
        lacksWhatIsNeeded: Bool = false, isStatusUnreadable: Bool = false
    ) {
        self.flaw = flaw
        self.lacksWhatIsNeeded = lacksWhatIsNeeded
        self.isStatusUnreadable = isStatusUnreadable
        self.kind = kind
        self.id = id
        self.externalID = externalID
        self.name = name
        self.matchKey = matchKey
        self.body = body
        self.digest = digest
        self.active = active
        self.problem = problem
        self.note = note
        self.place = place
        self.isProtected = isProtected
        self.isDisabled = isDisabled
    }
}

/// An object of the target, cut to the attributes that the job maps.
public struct StagedTarget: Sendable {
    public var kind: ResourceKind
    public var id: String
    public var externalID: String?
    public var name: String
    public var matchKey: String
    public var body: String
    public var digest: [UInt8]
    public var active: Bool?
    public var isProtected: Bool
    /// What shows that more hangs on it than a name; nil for nothing.
    public var rights: String?
    /// When it was made, in seconds since 1970, as it says itself.
    public var created: Double?
    /// Its e-mail addresses of any type, folded, each between line feeds; nil for none.
    public var mails: String?

    public init(
        kind: ResourceKind, id: String, externalID: String?, name: String, matchKey: String, body: String,
        digest: [UInt8], active: Bool?, isProtected: Bool, rights: String? = nil,
        created: Double? = nil,
        mails: String? = nil
    ) {
        self.mails = mails
        self.rights = rights
        self.created = created
        self.kind = kind
        self.id = id
        self.externalID = externalID
        self.name = name
        self.matchKey = matchKey
        self.body = body
        self.digest = digest
        self.active = active
        self.isProtected = isProtected
    }
}

/// What the staged source amounts to.
public struct SourceCount: Hashable, Sendable {
    public var users = 0
    public var groups = 0
    public var memberships = 0

    public init(users: Int = 0, groups: Int = 0, memberships: Int = 0) {
        self.users = users
        self.groups = groups
        self.memberships = memberships
    }
}

extension Ledger {
    /// The number of an external id; given once, kept for ever.
    /// SQLite would end a text at a NUL, and two ids would be one.
    static func withoutNUL(_ id: String) -> String {
        id.utf8.contains(0) ? id.unicodeScalars.map { $0.value == 0 ? "\\u0000" : String($0) }.joined() : id
    }

    func intern(_ db: Database, space: Int, _ id: String) throws -> Int64 {
        let id = Self.withoutNUL(id)
        let find = try db.cachedStatement(sql: "SELECT n FROM ids WHERE space = ? AND id = ?")
        if let n = try Int64.fetchOne(find, arguments: [space, id]) { return n }
        try db.cachedStatement(sql: "INSERT INTO ids (space, id) VALUES (?, ?)").execute(arguments: [space, id])
        return db.lastInsertedRowID
    }

    /// Stages source records. Returns the ids that were staged before: an id must not come twice.
    public func stage(source records: [StagedSource]) throws -> [String] {
        try write { db in
            var repeated: [String] = []
            for record in records {
                let n = try intern(db, space: record.kind.sourceSpace, record.id)
                let insert = try db.cachedStatement(
                    sql:
                        """
                        INSERT OR IGNORE INTO scratch.source (kind, n, external_id, name, match_key, wide_key,
                            body, digest, active, problem, note, place, protected, disabled, flaw, lacks_needed,
                            status_unreadable) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                        """
                )
                try insert.execute(arguments: [
                    record.kind, n, record.externalID, record.name, record.matchKey, foldedWidely(record.name),
                    record.body, blob(record.digest), record.active, record.problem, record.note,
                    record.place, record.isProtected, record.isDisabled, record.flaw, record.lacksWhatIsNeeded,
                    record.isStatusUnreadable,
                ])
                if db.changesCount == 0 { repeated.append(record.id) }
            }
            return repeated
        }
    }

    public func stage(sourceMembers members: [String], of group: String) throws {
        try stage(members, of: group, into: "source_members", userSpace: 0, groupSpace: 1)
    }

    public func stage(targetMembers members: [String], of group: String) throws {
        try stage(members, of: group, into: "target_members", userSpace: 2, groupSpace: 3)
    }

    func stage(_ members: [String], of group: String, into table: String, userSpace: Int, groupSpace: Int)
        throws
    {
        guard !members.isEmpty else { return }
        try write { db in
            let grp = try intern(db, space: groupSpace, group)
            let list = IDNumbers.list(
                try members.map { member in
                    try numbers.number(userSpace, member) { try intern(db, space: userSpace, member) }
                })
            try db.cachedStatement(
                sql: "INSERT OR IGNORE INTO scratch.\(table) (grp, usr) SELECT ?, value FROM json_each(?)"
            ).execute(arguments: [grp, list])
        }
    }

    /// Stages target objects; of an id that comes twice the first stays. Returns the repeated ids.
    public func stage(target objects: [StagedTarget]) throws -> [String] {
        try write { db in
            var repeated: [String] = []
            for object in objects {
                let n = try numbers.number(object.kind.targetSpace, object.id) {
                    try intern(db, space: object.kind.targetSpace, object.id)
                }
                let insert = try db.cachedStatement(
                    sql:
                        """
                        INSERT OR IGNORE INTO scratch.target (kind, n, external_id, name, match_key, wide_key,
                            body, digest, active, protected, rights, created, mails)
                            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                        """
                )
                try insert.execute(arguments: [
                    object.kind, n, object.externalID, object.name, object.matchKey, foldedWidely(object.name),
                    object.body, blob(object.digest), object.active, object.isProtected,
                    object.rights, object.created, object.mails,
                ])
                if db.changesCount == 0 { repeated.append(object.id) }
            }
            return repeated
        }
    }

    /// Remembers of a staged group what hangs on it beside its users.
    public func note(rights: String, ofGroup id: String) throws {
        try write {
            try $0.execute(
                sql: "UPDATE scratch.target SET rights = ? WHERE kind = 1 AND n = ?",
                arguments: [rights, intern($0, space: 3, id)])
        }
    }

    /// Forgets the staged objects of a kind, before they are read again; of groups, their members too.
    public func forgetStaged(kind: ResourceKind) throws {
        try write { db in
            try db.execute(sql: "DELETE FROM scratch.target WHERE kind = ?", arguments: [kind])
            if kind == .group { try db.execute(sql: "DELETE FROM scratch.target_members") }
        }
    }

    func blob(_ bytes: [UInt8]) -> Data { Data(bytes) }

    /// Whether a group of the target is linked, or bears the name or externalId of a source group: whether its members
    /// matter.
    public func concerns(targetGroup id: String) throws -> Bool {
        try write { db in
            try indexSource(db)
            return try Bool.fetchOne(
                db.cachedStatement(
                    sql: """
                        SELECT EXISTS (SELECT 1 FROM ids i CROSS JOIN links l INDEXED BY links_by_target ON l.kind = 1
                            AND l.target = i.n WHERE i.space = 3 AND i.id = ?1)
                        OR EXISTS (SELECT 1 FROM ids i CROSS JOIN scratch.target t ON t.kind = 1 AND t.n = i.n
                            CROSS JOIN scratch.source s INDEXED BY source_by_key ON s.kind = 1
                                AND s.match_key = t.match_key WHERE i.space = 3 AND i.id = ?1)
                        OR EXISTS (SELECT 1 FROM ids i CROSS JOIN scratch.target t ON t.kind = 1 AND t.n = i.n
                            CROSS JOIN scratch.source s INDEXED BY source_by_external_id ON s.kind = 1
                                AND s.external_id = t.external_id WHERE i.space = 3 AND i.id = ?1)
                        """), arguments: [id]) ?? false
        }
    }

    // MARK: evidence

    /// What is staged and in scope.
    public func sourceCount() throws -> SourceCount {
        try read { db in
            SourceCount(
                users: try Int.fetchOne(db, sql: "SELECT count(*) FROM scratch.source WHERE kind = 0 AND in_scope")
                    ?? 0,
                groups: try Int.fetchOne(db, sql: "SELECT count(*) FROM scratch.source WHERE kind = 1 AND in_scope")
                    ?? 0,
                memberships: try Int.fetchOne(
                    db,
                    sql:
                        """
                        SELECT count(*) FROM scratch.source s CROSS JOIN scratch.source_members m ON m.grp = s.n
                            WHERE s.kind = 1 AND s.in_scope
                        """
                ) ?? 0)
        }
    }

    /// Users in scope of whom nobody can tell whether they are let in.
    public func unreadableStatuses() throws -> (count: Int, example: String) {
        try read { db in
            let condition = "FROM scratch.source s WHERE s.kind = 0 AND s.in_scope AND s.status_unreadable"
            return (
                try Int.fetchOne(db, sql: "SELECT count(*) \(condition)") ?? 0,
                try String.fetchOne(
                    db, sql: "SELECT (SELECT id FROM ids WHERE n = s.n) || ' (' || s.place || ')' \(condition) LIMIT 1")
                    ?? ""
            )
        }
    }

    /// Records whose status says nothing, in scope: their `active` is left alone.
    public func notedRecords(limit: Int) throws -> (count: Int, examples: [String]) {
        try read { db in
            (
                try Int.fetchOne(db, sql: "SELECT count(*) FROM scratch.source WHERE in_scope AND note IS NOT NULL")
                    ?? 0,
                try String.fetchAll(
                    db,
                    sql:
                        """
                        SELECT i.id || ' (' || s.place || '): ' || s.note FROM scratch.source s
                            JOIN ids i ON i.n = s.n WHERE s.in_scope AND s.note IS NOT NULL ORDER BY s.kind, i.id
                            LIMIT ?
                        """,
                    arguments: [limit])
            )
        }
    }
}
