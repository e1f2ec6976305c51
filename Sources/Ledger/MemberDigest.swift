import GRDB
import GRDBSQLite
import JSON

/// `members_digest(usr)`: an aggregate function that is equal for equal sets of members alone. SHA-256 over their
/// numbers in the order in which they come, which is that of the index; should the order ever be another, the set
/// counts as changed, and is looked at.
enum MemberDigest {
    private final class Numbers {
        var bytes: [UInt8] = []
    }

    private static let transient = unsafeBitCast(-1, to: sqlite3_destructor_type.self)

    /// As a C function: it is called for each membership of a run, twice, and an array of values for each would cost
    /// more than the rest.
    static func register(_ db: Database) {
        sqlite3_create_function_v2(
            db.sqliteConnection, "members_digest", 1, SQLITE_UTF8 | SQLITE_DETERMINISTIC, nil, nil,
            { context, _, values in
                guard let value = values?[0], let numbers = MemberDigest.numbers(context) else { return }
                withUnsafeBytes(of: sqlite3_value_int64(value).littleEndian) {
                    numbers.takeUnretainedValue().bytes.append(contentsOf: $0)
                }
            },
            { context in
                guard let numbers = MemberDigest.numbers(context) else { return sqlite3_result_error_nomem(context) }
                let text = Digest.hexadecimal(Array(Digest.sha256(numbers.takeRetainedValue().bytes).prefix(16)))
                sqlite3_result_text(context, text, Int32(text.utf8.count), MemberDigest.transient)
            }, nil)
    }

    /// What has been gathered for one group; made at its first member, and given up by the end of the group.
    private static func numbers(_ context: OpaquePointer?) -> Unmanaged<Numbers>? {
        guard
            let place = sqlite3_aggregate_context(context, Int32(MemoryLayout<UnsafeMutableRawPointer?>.size))?
                .assumingMemoryBound(to: UnsafeMutableRawPointer?.self)
        else { return nil }
        if let known = place.pointee { return Unmanaged.fromOpaque(known) }
        let made = Unmanaged.passRetained(Numbers())
        place.pointee = made.toOpaque()
        return made
    }
}
