import GRDB
import Planning
import SCIM

// The words of a plan as columns: each is its raw value.
extension ResourceKind: DatabaseValueConvertible {}
extension Verb: DatabaseValueConvertible {}
extension Situation: DatabaseValueConvertible {}
extension OperationStatus: DatabaseValueConvertible {}
extension Outlook: DatabaseValueConvertible {}
extension HoldReason: DatabaseValueConvertible {}
extension LinkOrigin: DatabaseValueConvertible {}
extension LinkStatus: DatabaseValueConvertible {}
extension Fate: DatabaseValueConvertible {}

extension PlanState: DatabaseValueConvertible {
    public var databaseValue: DatabaseValue { description.databaseValue }
    public static func fromDatabaseValue(_ value: DatabaseValue) -> PlanState? {
        String.fromDatabaseValue(value).flatMap { PlanState($0) }
    }
}

extension ResourceKind {
    /// The space of ids of its records in the source.
    var sourceSpace: Int { rawValue }
    /// The space of ids of its objects on the target.
    var targetSpace: Int { rawValue + 2 }
}

extension Sequence {
    /// As a list of SQL: `0, 1`. Of words of the program alone, never of what came from outside.
    func listed<Word: RawRepresentable>() -> String where Element == Word, Word.RawValue == Int {
        map { String($0.rawValue) }.joined(separator: ", ")
    }
    /// As a list of SQL: `'disable', 'delete'`.
    func listed<Word: RawRepresentable>() -> String where Element == Word, Word.RawValue == String {
        map { "'\($0.rawValue)'" }.joined(separator: ", ")
    }
}

extension Statement {
    /// What `read` makes of each row, while the row stands: a copy of it looks its columns up one by one.
    func all<Value>(_ arguments: StatementArguments, _ read: (Row) throws -> Value) throws -> [Value] {
        let rows = try Row.fetchCursor(self, arguments: arguments)
        var values: [Value] = []
        while let row = try rows.next() { values.append(try read(row)) }
        return values
    }

    /// What `read` makes of the first row; nil where there is none.
    func first<Value>(_ arguments: StatementArguments, _ read: (Row) throws -> Value) throws -> Value? {
        let rows = try Row.fetchCursor(self, arguments: arguments)
        // The row stands as long as its cursor does.
        return try withExtendedLifetime(rows) { try rows.next().map(read) }
    }
}

extension Row {
    /// A word of the program in a column. A ledger that holds another one there was written by another version, or by
    /// other hands.
    func word<Word: DatabaseValueConvertible>(_ column: String) throws -> Word {
        guard let word = Word.fromDatabaseValue(self[column]) else {
            throw LedgerError.unknownWord("\(self[column] as DatabaseValue)", of: "\(Word.self)")
        }
        return word
    }

    /// The same, by the column's place.
    func word<Word: DatabaseValueConvertible>(_ place: Int) throws -> Word {
        guard let word = Word.fromDatabaseValue(self[place]) else {
            throw LedgerError.unknownWord("\(self[place] as DatabaseValue)", of: "\(Word.self)")
        }
        return word
    }

    /// The same, of a column that may hold none.
    func wordIfAny<Word: DatabaseValueConvertible>(_ column: String) throws -> Word? {
        (self[column] as DatabaseValue).isNull ? nil : try word(column)
    }
}
