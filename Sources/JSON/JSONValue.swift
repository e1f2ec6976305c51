/// A JSON document as a Swift value: for building requests, for small documents, and for emulators.
/// Pages of a directory are read through `JSONView` instead.
public enum JSONValue: Hashable, Sendable {
    case null
    case bool(Bool)
    case integer(Int64)
    case number(Double)
    case string(String)
    case array([JSONValue])
    case object([String: JSONValue])

    public init(_ view: JSONView) {
        switch view.kind {
        case .null: self = .null
        case .bool: self = .bool(view.bool ?? false)
        case .integer: self = .integer(view.integer)
        case .number: self = .number(view.number)
        case .string: self = .string(view.string ?? "")
        case .array:
            var elements: [JSONValue] = []
            view.forEachElement { elements.append(JSONValue($0)) }
            self = .array(elements)
        case .object:
            var members: [String: JSONValue] = [:]
            view.forEachMember { members[$0] = JSONValue($1) }
            self = .object(members)
        }
    }

    /// Parses one document; throws `JSONSyntaxError`.
    public init(parsing bytes: [UInt8]) throws {
        self = try Self.plain(bytes) ?? JSONParser.lent { try $0.parse(bytes) { JSONValue($0) } }
    }

    /// A text without escapes, a truth value or null: what most of the ledger's values are, and what needs no parser.
    private static func plain(_ bytes: [UInt8]) -> JSONValue? {
        switch bytes.first {
        case UInt8(ascii: "\""):
            let inner = bytes.dropFirst().dropLast()
            guard bytes.count > 1, bytes.last == UInt8(ascii: "\""),
                inner.allSatisfy({ $0 >= 0x20 && $0 < 0x80 && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\") })
            else { return nil }
            return .string(String(decoding: inner, as: UTF8.self))
        case UInt8(ascii: "t") where bytes.elementsEqual("true".utf8): return .bool(true)
        case UInt8(ascii: "f") where bytes.elementsEqual("false".utf8): return .bool(false)
        case UInt8(ascii: "n") where bytes.elementsEqual("null".utf8): return .null
        default: return nil
        }
    }

    public var string: String? { if case .string(let text) = self { text } else { nil } }
    public var bool: Bool? { if case .bool(let flag) = self { flag } else { nil } }
    public var array: [JSONValue]? { if case .array(let elements) = self { elements } else { nil } }
    public var object: [String: JSONValue]? { if case .object(let members) = self { members } else { nil } }
    public var isNull: Bool { self == .null }

    public var integer: Int? {
        switch self {
        case .integer(let number): Int(number)
        case .string(let text): Int(text)
        default: nil
        }
    }

    /// A member of an object; setting nil removes it. Setting on anything but an object makes it one.
    public subscript(_ name: String) -> JSONValue? {
        get { object?[name] }
        set {
            var members = object ?? [:]
            members[name] = newValue
            self = .object(members)
        }
    }
}

extension JSONValue: ExpressibleByStringLiteral, ExpressibleByBooleanLiteral, ExpressibleByIntegerLiteral,
    ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
    public init(stringLiteral value: String) { self = .string(value) }
    public init(booleanLiteral value: Bool) { self = .bool(value) }
    public init(integerLiteral value: Int64) { self = .integer(value) }
    public init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
    public init(dictionaryLiteral elements: (String, JSONValue)...) {
        self = .object(Dictionary(elements) { _, last in last })
    }
}
