import JSON

/// A filter of RFC 7644, section 3.4.2.2.
public indirect enum Filter: Hashable, Sendable {
    public enum Comparison: String, Hashable, Sendable { case eq, ne, co, sw, ew, gt, ge, lt, le }

    case compare(String, Comparison, JSONValue)
    case present(String)
    case elements(String, Filter)
    case and(Filter, Filter)
    case or(Filter, Filter)
    case not(Filter)

    /// Parses the text of a `filter` parameter or of a value path's brackets. Throws `SCIMError` with `invalidFilter`.
    public init(parsing text: String) throws {
        var parser = FilterParser(text)
        self = try parser.whole()
    }

    /// `attribute eq "value"`, quoted as JSON.
    public static func equal(_ attribute: String, _ value: String) -> String {
        "\(attribute) eq \(JSONValue.string(value).canonical)"
    }

    /// Whether a resource, or an element of a multi-valued attribute, matches.
    ///
    /// - Parameter isCaseExact: whether the attribute of that name is compared with case; by RFC 7643 most are not.
    public func matches(_ resource: JSONValue, isCaseExact: (String) -> Bool) -> Bool {
        switch self {
        case .and(let left, let right):
            left.matches(resource, isCaseExact: isCaseExact) && right.matches(resource, isCaseExact: isCaseExact)
        case .or(let left, let right):
            left.matches(resource, isCaseExact: isCaseExact) || right.matches(resource, isCaseExact: isCaseExact)
        case .not(let inner): !inner.matches(resource, isCaseExact: isCaseExact)
        case .present(let path): !values(at: path, in: resource).isEmpty
        case .elements(let path, let inner):
            values(at: path, in: resource, keepingElements: true).contains {
                inner.matches($0, isCaseExact: isCaseExact)
            }
        case .compare(let path, let comparison, let operand):
            if comparison == .ne {
                !values(at: path, in: resource).contains { compare($0, .eq, operand, isCaseExact(path)) }
            } else {
                values(at: path, in: resource).contains { compare($0, comparison, operand, isCaseExact(path)) }
            }
        }
    }

    /// The values that a path names: through arrays, and through an element's `value` where a complex one is compared.
    private func values(at path: String, in resource: JSONValue, keepingElements: Bool = false) -> [JSONValue] {
        var holders = [resource]
        var names = path
        if path.lowercased().hasPrefix("urn:"), let colon = path.lastIndex(of: ":") {
            let schema = path[..<colon].lowercased()
            names = String(path[path.index(after: colon)...])
            if let members = resource.object, let member = members.first(where: { $0.key.lowercased() == schema }) {
                holders = [member.value]
            }
        }
        for name in names.split(separator: ".") {
            holders = holders.flatMap { holder -> [JSONValue] in
                guard let member = holder.object?.first(where: { $0.key.lowercased() == name.lowercased() })?.value
                else { return [] }
                return member.array ?? [member]
            }
        }
        if !keepingElements { holders = holders.map { $0["value"] ?? $0 } }
        return holders.filter { $0 != .null && $0 != .string("") }
    }

    private func compare(_ value: JSONValue, _ comparison: Comparison, _ operand: JSONValue, _ isCaseExact: Bool)
        -> Bool
    {
        if case .string(let left) = value, case .string(let right) = operand {
            let a = isCaseExact ? left : left.lowercased()
            let b = isCaseExact ? right : right.lowercased()
            return switch comparison {
            case .eq: a == b
            case .ne: a != b
            case .co: b.isEmpty || a.contains(b)
            case .sw: a.hasPrefix(b)
            case .ew: a.hasSuffix(b)
            case .gt: b.utf8.lexicographicallyPrecedes(a.utf8)
            case .ge: a == b || b.utf8.lexicographicallyPrecedes(a.utf8)
            case .lt: a.utf8.lexicographicallyPrecedes(b.utf8)
            case .le: a == b || a.utf8.lexicographicallyPrecedes(b.utf8)
            }
        }
        if let left = value.integer, let right = operand.integer {
            return switch comparison {
            case .eq: left == right
            case .ne: left != right
            case .gt: left > right
            case .ge: left >= right
            case .lt: left < right
            case .le: left <= right
            case .co, .sw, .ew: false
            }
        }
        return comparison == .eq && value == operand
    }
}

private struct FilterParser {
    private enum Token: Equatable { case word(String), text(JSONValue), open, close, openBracket, closeBracket }
    private var tokens: [Token] = []
    private var position = 0
    private let source: String
    private var failure: SCIMError?

    init(_ text: String) {
        source = text
        do { tokens = try Self.tokens(of: text) } catch {
            failure = SCIMError(status: 400, scimType: "invalidFilter", detail: "cannot read the filter: \(text)")
        }
    }

    private static func tokens(of text: String) throws -> [Token] {
        var tokens: [Token] = []
        let bytes = Array(text.utf8)
        var index = 0
        while index < bytes.count {
            let byte = bytes[index]
            switch byte {
            case 0x20, 0x09: index += 1
            case UInt8(ascii: "("): tokens.append(.open); index += 1
            case UInt8(ascii: ")"): tokens.append(.close); index += 1
            case UInt8(ascii: "["): tokens.append(.openBracket); index += 1
            case UInt8(ascii: "]"): tokens.append(.closeBracket); index += 1
            case UInt8(ascii: "\""):
                var end = index + 1
                while end < bytes.count, bytes[end] != byte { end += bytes[end] == UInt8(ascii: "\\") ? 2 : 1 }
                guard end < bytes.count else { throw JSONSyntaxError("open quote") }
                tokens.append(.text(try JSONValue(parsing: Array(bytes[index...end]))))
                index = end + 1
            default:
                var end = index
                while end < bytes.count,
                    ![
                        0x20, 0x09, UInt8(ascii: "("), UInt8(ascii: ")"), UInt8(ascii: "["), UInt8(ascii: "]"),
                        UInt8(ascii: "\""),
                    ].contains(bytes[end])
                { end += 1 }
                tokens.append(.word(String(decoding: bytes[index..<end], as: UTF8.self)))
                index = end
            }
        }
        return tokens
    }

    mutating func whole() throws -> Filter {
        if let failure { throw failure }
        let filter = try disjunction()
        guard position == tokens.count else { throw wrong() }
        return filter
    }

    private mutating func disjunction() throws -> Filter {
        var left = try conjunction()
        while takeWord("or") { left = .or(left, try conjunction()) }
        return left
    }

    private mutating func conjunction() throws -> Filter {
        var left = try term()
        while takeWord("and") { left = .and(left, try term()) }
        return left
    }

    private mutating func term() throws -> Filter {
        if takeWord("not") {
            guard take(.open) else { throw wrong() }
            let inner = try disjunction()
            guard take(.close) else { throw wrong() }
            return .not(inner)
        }
        if take(.open) {
            let inner = try disjunction()
            guard take(.close) else { throw wrong() }
            return inner
        }
        guard case .word(let path)? = next() else { throw wrong() }
        if take(.openBracket) {
            let inner = try disjunction()
            guard take(.closeBracket) else { throw wrong() }
            return .elements(path, inner)
        }
        guard case .word(let verb)? = next() else { throw wrong() }
        if verb.lowercased() == "pr" { return .present(path) }
        guard let comparison = Filter.Comparison(rawValue: verb.lowercased()) else { throw wrong() }
        switch next() {
        case .text(let value)?: return .compare(path, comparison, value)
        case .word("true")?: return .compare(path, comparison, true)
        case .word("false")?: return .compare(path, comparison, false)
        case .word("null")?: return .compare(path, comparison, .null)
        case .word(let number)?:
            guard let whole = Int64(number) else { throw wrong() }
            return .compare(path, comparison, .integer(whole))
        default: throw wrong()
        }
    }

    private mutating func next() -> Token? {
        guard position < tokens.count else { return nil }
        defer { position += 1 }
        return tokens[position]
    }

    private mutating func take(_ token: Token) -> Bool {
        guard position < tokens.count, tokens[position] == token else { return false }
        position += 1
        return true
    }

    private mutating func takeWord(_ word: String) -> Bool {
        guard position < tokens.count, case .word(let text) = tokens[position], text.lowercased() == word else {
            return false
        }
        position += 1
        return true
    }

    private func wrong() -> SCIMError {
        SCIMError(status: 400, scimType: "invalidFilter", detail: "cannot read the filter: \(source)")
    }
}
