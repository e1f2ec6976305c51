import Foundation
import GRDB
import GRDBSQLite
import Planning
import SCIM

/// What a ledger is bound to, and what it has learned.
extension Ledger {
    // MARK: binding

    /// Refuses a value that is another than the one that the ledger is bound to: a ledger speaks of one source and one
    /// target.
    ///
    /// - Parameter canonical: makes one spelling of all that mean the same; the value is kept as it was first written.
    public func check(binding key: String, _ value: String, canonical: (String) -> String = { $0 }) throws {
        let known = try read {
            try String.fetchOne($0, sql: "SELECT value FROM binding WHERE key = ?", arguments: [key])
        }
        guard known == nil || known == value || known.map(canonical) == canonical(value) else {
            throw LedgerError.boundElsewhere(path ?? "memory", key: key, known: known ?? "", now: value)
        }
    }

    /// Binds this ledger to what another one speaks of, if that is bound: so that nothing, a credential least of all,
    /// is sent to an address that is another than the job's ledger knows.
    public func bind(like other: Ledger) throws {
        let known = try other.read { try Row.fetchAll($0, sql: "SELECT key, value FROM binding") }
        for row in known { try bind(row[0], row[1]) }
    }

    /// Whether another ledger speaks of the same source and the same target.
    public func isBoundLike(_ other: Ledger) throws -> Bool {
        func bindings(_ ledger: Ledger) throws -> [String] {
            try ledger.read { try String.fetchAll($0, sql: "SELECT key || ' ' || value FROM binding ORDER BY key") }
        }
        return try bindings(self) == bindings(other)
    }

    /// Binds the ledger to a value, if it is not bound yet: once both sides have been read, so that a slip in a first
    /// job file binds nothing.
    public func bind(_ key: String, _ value: String) throws {
        try write {
            try $0.execute(sql: "INSERT OR IGNORE INTO binding (key, value) VALUES (?, ?)", arguments: [key, value])
        }
    }

    public func fact(_ key: String) throws -> String? {
        try read {
            try String.fetchOne($0.cachedStatement(sql: "SELECT value FROM learned WHERE key = ?"), arguments: [key])
        }
    }

    /// Remembers what was found out about the target, such as how its members can be read.
    public func learn(_ key: String, _ value: String) throws {
        try write {
            try $0.execute(sql: "INSERT OR REPLACE INTO learned (key, value) VALUES (?, ?)", arguments: [key, value])
        }
    }

    public func unlearn(_ key: String) throws {
        if try fact(key) != nil {
            try write { try $0.execute(sql: "DELETE FROM learned WHERE key = ?", arguments: [key]) }
        }
    }
}
