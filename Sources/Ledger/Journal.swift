import Foundation
import GRDB
import Planning
import SCIM

/// What is known of an account after a write: for its link.
public struct LinkState: Sendable {
    public var kind: ResourceKind
    public var sourceID: String
    public var targetID: String
    /// created, known, associated, taken over or found. A link that exists keeps the origin that it has.
    public var origin: LinkOrigin
    /// active, or disabled for a leaver that this job disabled.
    public var status: LinkStatus
    public var externalID: String?
    public var matchKey: String
    /// The attributes as they were sent, and as they were read back; canonical JSON by path.
    public var sent: String?
    public var sentDigest: [UInt8]?
    public var read: String?
    public var readDigest: [UInt8]?

    public init(
        kind: ResourceKind, sourceID: String, targetID: String, origin: LinkOrigin, status: LinkStatus = .active,
        externalID: String?, matchKey: String, sent: String?, sentDigest: [UInt8]?,
        read: String?, readDigest: [UInt8]?
    ) {
        self.kind = kind
        self.sourceID = sourceID
        self.targetID = targetID
        self.origin = origin
        self.status = status
        self.externalID = externalID
        self.matchKey = matchKey
        self.sent = sent
        self.sentDigest = sentDigest
        self.read = read
        self.readDigest = readDigest
    }
}

/// What became of an operation.
public struct Outcome: Sendable {
    public var status: OperationStatus
    /// Replaces the operation's reason when set: what the target said.
    public var reason: String?
    public var link: LinkChange?
    /// Members that did not make it, by position, with the reason.
    public var leftOut: [Int: String]
    /// Whether all other members did, although the operation as a whole is not done.
    public var othersAreDone = false
    /// Whether something may have changed although the status says failed: an undo then looks at what the target shows.
    public var mayBeDone: Bool
    public var fate: Fate?

    public enum LinkChange: Sendable {
        case set(LinkState)
        /// Forgets the link; a tombstone says that this job deleted the account.
        case drop(hasTombstone: Bool)
    }

    public init(
        status: OperationStatus, reason: String? = nil, link: LinkChange? = nil, leftOut: [Int: String] = [:],
        mayBeDone: Bool = false, fate: Fate? = nil
    ) {
        self.status = status
        self.reason = reason
        self.link = link
        self.leftOut = leftOut
        self.mayBeDone = mayBeDone
        self.fate = fate
    }
}

extension Ledger {
    /// Marks operations as sent. A request leaves only after this is on disk.
    ///
    /// - Parameter now: seconds since 1970.
    public func markSent(_ operations: [PlannedOperation], now: Double) throws {
        try write { db in
            for operation in operations {
                try db.cachedStatement(
                    sql: "UPDATE operations SET status = 'sent', sent_at = ? WHERE plan = ? AND seq = ?"
                ).execute(arguments: [now, operation.plan, operation.seq])
                if operation.kind == .group, operation.verb == .associate { try keepMembers(db, of: operation) }
            }
        }
    }

    /// Records what became of an operation, and what it means for its link, in one transaction.
    public func settle(_ operation: PlannedOperation, _ outcome: Outcome, run: Int64) throws {
        try write { try settle($0, operation, outcome, run: run) }
    }

    func settle(_ db: Database, _ operation: PlannedOperation, _ outcome: Outcome, run: Int64) throws {
        try db.cachedStatement(
            sql:
                """
                UPDATE operations SET status = ?, reason = coalesce(?, reason), run = ?, may_be_done = ?, fate = ?
                    WHERE plan = ? AND seq = ?
                """
        )
        .execute(arguments: [
            outcome.status, outcome.reason, run, outcome.mayBeDone, outcome.fate, operation.plan, operation.seq,
        ])
        switch outcome.link {
        case .set(let link): try set(db, link, run: run)
        case .drop(let hasTombstone): try drop(db, operation, hasTombstone: hasTombstone, run: run)
        case nil: break
        }
        for (position, reason) in outcome.leftOut {
            try db.execute(
                sql:
                    """
                    UPDATE operation_members SET status = 'failed', reason = ?
                        WHERE plan = ? AND seq = ? AND position = ?
                    """,
                arguments: [reason, operation.plan, operation.seq, position])
        }
        if outcome.othersAreDone {
            try db.execute(
                sql:
                    """
                    UPDATE operation_members SET status = 'done' WHERE plan = ? AND seq = ? AND status IS NULL
                    """,
                arguments: [operation.plan, operation.seq])
        }
    }

    func set(_ db: Database, _ link: LinkState, run: Int64) throws {
        let source = try intern(db, space: link.kind.sourceSpace, link.sourceID)
        let target = try intern(db, space: link.kind.targetSpace, link.targetID)
        let isNew =
            try Int64.fetchOne(
                db.cachedStatement(sql: "SELECT target FROM links WHERE kind = ? AND source = ?"),
                arguments: [link.kind, source]) != target
        if isNew {
            try db.cachedStatement(sql: "DELETE FROM links WHERE kind = ? AND source = ?").execute(arguments: [
                link.kind, source,
            ])
        }
        // An id that the target gives out anew is another object: whoever was linked to it before is not there any
        // more.
        try db.cachedStatement(sql: "DELETE FROM links WHERE kind = ? AND target = ? AND source <> ?").execute(
            arguments: [link.kind, target, source])
        try db.cachedStatement(
            sql: """
                INSERT INTO links (kind, source, target, origin, state, external_id, match_key, sent, sent_digest,
                    read, read_digest, run) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                ON CONFLICT (kind, source) DO UPDATE SET state = excluded.state, external_id = excluded.external_id,
                    match_key = excluded.match_key,
                    sent = excluded.sent, sent_digest = excluded.sent_digest, read = excluded.read,
                        read_digest = excluded.read_digest, run = excluded.run
                """
        ).execute(arguments: [
            link.kind, source, target, link.origin, link.status, link.externalID, link.matchKey, link.sent,
            link.sentDigest.map(blob), link.read, link.readDigest.map(blob), run,
        ])
        try db.cachedStatement(sql: "DELETE FROM tombstones WHERE kind = ? AND target = ?").execute(arguments: [
            link.kind, target,
        ])
    }

    /// What a group holds when it is associated, and the source does not know of, is not this job's to remove. Noted
    /// before the request leaves, so that a kill in between forgets nobody.
    func keepMembers(_ db: Database, of operation: PlannedOperation) throws {
        guard isScratchAttached, let sourceID = operation.sourceID, let targetID = operation.targetID else { return }
        try db.execute(
            sql: """
                INSERT OR IGNORE INTO kept_members (grp, usr)
                SELECT t.grp, t.usr FROM scratch.target_members t WHERE t.grp = ?1 AND NOT EXISTS (
                    SELECT 1 FROM scratch.source_members m JOIN links l ON l.kind = 0 AND l.source = m.usr
                        WHERE m.grp = ?2 AND l.target = t.usr)
                """, arguments: [try intern(db, space: 3, targetID), try intern(db, space: 1, sourceID)])
    }

    func drop(_ db: Database, _ operation: PlannedOperation, hasTombstone: Bool, run: Int64) throws {
        guard let sourceID = operation.sourceID else { return }
        let source = try intern(db, space: operation.kind.sourceSpace, sourceID)
        if hasTombstone {
            try db.execute(
                sql:
                    """
                    INSERT OR REPLACE INTO tombstones (kind, target, source, run, external_id, match_key)
                        SELECT kind, target, source, ?, external_id, match_key FROM links
                        WHERE kind = ? AND source = ?
                    """,
                arguments: [run, operation.kind, source])
        }
        if operation.kind == .group {
            try db.execute(
                sql: "DELETE FROM kept_members WHERE grp IN (SELECT target FROM links WHERE kind = 1 AND source = ?)",
                arguments: [source])
        }
        try db.execute(sql: "DELETE FROM links WHERE kind = ? AND source = ?", arguments: [operation.kind, source])
        try db.execute(
            sql: "DELETE FROM departures WHERE kind = ? AND source = ?", arguments: [operation.kind, source])
    }

    /// The link of a source record.
    public func link(kind: ResourceKind, source id: String) throws -> LinkState? {
        try read { db in
            try db.cachedStatement(
                sql: """
                    SELECT l.*, t.id AS target_id FROM links l JOIN ids s ON s.n = l.source
                        JOIN ids t ON t.n = l.target
                    WHERE l.kind = ?1 AND s.space = ?1 AND s.id = ?2
                    """
            ).first([kind, id]) { row in
                try LinkState(
                    kind: kind, sourceID: id, targetID: row["target_id"], origin: row.word("origin"),
                    status: row.word("state"), externalID: row["external_id"], matchKey: row["match_key"],
                    sent: row["sent"], sentDigest: (row["sent_digest"] as Data?).map(Array.init), read: row["read"],
                    readDigest: (row["read_digest"] as Data?).map(Array.init))
            }
        }
    }

    /// Clears kept memberships that the source has by now: they are this job's from here on.
    public func releaseKeptMembers() throws {
        try write { db in
            try db.execute(
                sql: """
                    DELETE FROM kept_members AS k WHERE EXISTS (
                        SELECT 1 FROM links lg JOIN links lu ON lu.kind = 0 AND lu.target = k.usr
                        JOIN scratch.source_members m ON m.grp = lg.source AND m.usr = lu.source
                        WHERE lg.kind = 1 AND lg.target = k.grp)
                    """)
        }
    }

    // MARK: attributes that the target does not keep

    /// Whether links show that an attribute was sent with a value and read back without one, and never with one.
    public func wasNeverReadBack(kind: ResourceKind, path: String) throws -> Bool {
        let key = "$.\"\(path)\""
        return try read { db in
            try Bool.fetchOne(
                db,
                sql: """
                    SELECT EXISTS (SELECT 1 FROM links WHERE kind = ?1 AND read IS NOT NULL
                        AND json_extract(sent, ?2) IS NOT NULL AND json_extract(read, ?2) IS NULL)
                    AND NOT EXISTS (SELECT 1 FROM links WHERE kind = ?1 AND json_extract(read, ?2) IS NOT NULL)
                    """, arguments: [kind, key]) ?? false
        }
    }

    /// Remembers in which run an attribute was first found not to be shown; nil forgets it. It counts as not kept once
    /// two applied runs have sent it in vain.
    public func setNotKept(kind: ResourceKind, path: String, run: Int64?) throws -> (isNotKept: Bool, isNews: Bool) {
        try write { db in
            guard let run else {
                try db.execute(sql: "DELETE FROM attributes WHERE kind = ? AND path = ?", arguments: [kind, path])
                return (false, false)
            }
            let sent =
                try String.fetchOne(
                    db, sql: "SELECT value FROM learned WHERE key = ?", arguments: [Self.sentInVain(kind, path)]
                ).flatMap { Int($0) } ?? 0
            guard sent > 1 else { return (false, false) }
            try db.execute(
                sql: "INSERT OR IGNORE INTO attributes (kind, path, not_kept_run) VALUES (?, ?, ?)",
                arguments: [kind, path, run])
            return (true, db.changesCount > 0)
        }
    }

    static func sentInVain(_ kind: ResourceKind, _ path: String) -> String {
        "sent in vain: \(kind.rawValue) \(path)"
    }

    /// Counts an applied run that sent an attribute and was shown none.
    public func noteSentInVain(kind: ResourceKind, path: String) throws {
        let key = Self.sentInVain(kind, path)
        try learn(key, String((try fact(key).flatMap { Int($0) } ?? 0) + 1))
    }
}
