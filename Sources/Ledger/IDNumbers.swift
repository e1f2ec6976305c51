/// The numbers of ids that were asked for lately, so that SQLite is asked once for an id and not for each of its
/// memberships.
///
/// Kept are 128 bits of a hash and the number: 40 bytes an id, whatever its length. Two ids of one world share them
/// with a chance below 10⁻²⁶.
struct IDNumbers {
    private struct Key: Hashable {
        let first: Int
        let second: Int

        init(_ space: Int, _ id: String) {
            var one = Hasher()
            one.combine(space)
            one.combine(id)
            first = one.finalize()
            var other = Hasher()
            other.combine(id)
            other.combine(~space)
            second = other.finalize()
        }
    }

    private var numbers: [Key: Int64] = [:]
    /// Ids beyond this many are asked for again: memory has a bound.
    private static let most = 1_000_000

    /// The number of an id; `find` gives what is not known yet.
    mutating func number(_ space: Int, _ id: String, find: () throws -> Int64) rethrows -> Int64 {
        let key = Key(space, id)
        if let known = numbers[key] { return known }
        let number = try find()
        if numbers.count < Self.most { numbers[key] = number }
        return number
    }

    /// After a transaction that did not come to its end, what it gave a number has none any more.
    mutating func forget() { numbers = [:] }

    /// The members of one group as SQLite takes them at once: a JSON array, in the order of the table.
    static func list(_ numbers: [Int64]) -> String {
        var text: [UInt8] = [UInt8(ascii: "[")]
        text.reserveCapacity(numbers.count * 9)
        for (index, number) in numbers.sorted().enumerated() {
            if index > 0 { text.append(UInt8(ascii: ",")) }
            text += String(number).utf8
        }
        text.append(UInt8(ascii: "]"))
        return String(decoding: text, as: UTF8.self)
    }
}
