import CSimdJSON
import Synchronization

/// A document that could not be read as JSON.
public struct JSONSyntaxError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What is wrong, in simdjson's words or ours.
    public let description: String

    public init(_ description: String) { self.description = description }
}

/// Reads JSON documents through simdjson's DOM parser without building a tree in Swift.
///
/// One parser serves any number of documents, one at a time, and reuses its memory. The DOM parser is used rather than
/// the On-Demand one because it checks the whole document: On-Demand accepts errors in parts that nobody reads.
/// An object that carries a name twice is refused.
public final class JSONParser {
    private let handle: OpaquePointer

    public init() { handle = csimdjson_parser_create() }

    deinit { csimdjson_parser_destroy(handle) }

    private static let idle = Mutex<[Lent]>([])

    /// A parser between two small documents. `@unchecked Sendable`: whoever has taken it out of the list has it alone.
    private struct Lent: @unchecked Sendable { let parser: JSONParser }

    /// Lends a parser for small documents: making one costs more than reading what it is to read. One that has read a
    /// large document keeps its memory, and is not kept.
    package static func lent<Result>(_ body: (JSONParser) throws -> Result) rethrows -> Result {
        let parser = idle.withLock { $0.popLast() }?.parser ?? JSONParser()
        defer {
            if parser.largest <= mostKept {
                let lent = Lent(parser: parser)
                idle.withLock { if $0.count < 64 { $0.append(lent) } }
            }
        }
        return try body(parser)
    }

    private static let mostKept = 64 << 10
    /// Bytes of the largest document that it has read.
    private var largest = 0

    /// Parses `bytes` as one document and hands its root to `body`. The view is valid inside `body` only.
    public func parse<Result>(_ bytes: [UInt8], _ body: (JSONView) throws -> Result) throws -> Result {
        try bytes.withUnsafeBytes { try parse($0, body) }
    }

    /// Parses UTF-8 text as one document and hands its root to `body`.
    public func parse<Result>(_ text: String, _ body: (JSONView) throws -> Result) throws -> Result {
        try parse(Array(text.utf8), body)
    }

    /// What a document is that is no JSON at all, in words that help: a proxy, a login page, a cut answer.
    private static func plain(_ buffer: UnsafeRawBufferPointer) -> String? {
        func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }
        guard let first = buffer.first(where: { !isSpace($0) && $0 != 0xEF && $0 != 0xBB && $0 != 0xBF }),
            let last = buffer.last(where: { !isSpace($0) })
        else { return nil }
        if first == UInt8(ascii: "<") {
            return "it is a web page, not JSON: a proxy, a login page or another server answers there"
        }
        let isOpen =
            first == UInt8(ascii: "{") && last != UInt8(ascii: "}")
            || first == UInt8(ascii: "[") && last != UInt8(ascii: "]")
        return isOpen ? "the document is cut off: it ends before its last bracket" : nil
    }

    private func parse<Result>(_ buffer: UnsafeRawBufferPointer, _ body: (JSONView) throws -> Result) throws -> Result {
        var root = csimdjson_value(document: nil, index: 0)
        let start = buffer.baseAddress?.assumingMemoryBound(to: CChar.self)
        guard let start, !buffer.isEmpty else { throw JSONSyntaxError("the document is empty") }
        largest = max(largest, buffer.count)
        if let complaint = csimdjson_parse(handle, start, buffer.count, &root) {
            throw JSONSyntaxError(Self.plain(buffer) ?? String(cString: complaint))
        }
        return try withExtendedLifetime(self) { try body(JSONView(value: root)) }
    }
}

/// A value inside a document that a `JSONParser` holds: two words, no copy. Valid inside the parse closure only.
public struct JSONView {
    let value: csimdjson_value

    public enum Kind: Sendable { case null, bool, integer, number, string, array, object }

    public var kind: Kind {
        switch csimdjson_kind_of(value) {
        case CSIMDJSON_BOOL: .bool
        case CSIMDJSON_INT: .integer
        case CSIMDJSON_UINT, CSIMDJSON_DOUBLE: .number
        case CSIMDJSON_STRING: .string
        case CSIMDJSON_ARRAY: .array
        case CSIMDJSON_OBJECT: .object
        default: .null
        }
    }

    public var isNull: Bool { kind == .null }
    public var bool: Bool? { kind == .bool ? csimdjson_bool(value) : nil }

    public var string: String? {
        guard kind == .string else { return nil }
        var count = 0
        let start = csimdjson_string(value, &count)
        return start.map { text(UnsafeRawPointer($0), count) }
    }

    /// An integer, also one that is written as a string: some servers do so (`"itemsPerPage": "50"`). nil beyond 2⁵³:
    /// nothing is counted so far, and what is computed with it must not overflow.
    public var lenientInteger: Int? {
        let number: Int? =
            switch kind {
            case .integer: Int(csimdjson_int(value))
            case .string: string.flatMap { Int($0) }
            default: nil
            }
        return number.flatMap { (-Self.most...Self.most).contains($0) ? $0 : nil }
    }

    private static let most = 1 << 53

    /// A truth value as servers write it: also as a text in any case, as 1 and 0, and those as text. nil for anything
    /// else.
    public var lenientBool: Bool? {
        switch kind {
        case .bool: bool
        case .integer: csimdjson_int(value) == 1 ? true : csimdjson_int(value) == 0 ? false : nil
        case .string:
            switch string?.trimmedASCII.lowercased() {
            case "true", "1": true
            case "false", "0": false
            default: nil
            }
        default: nil
        }
    }

    /// The scalar as text: a string as it stands, a number or boolean as JSON writes it; nil for null, arrays and
    /// objects.
    public var scalarText: String? {
        switch kind {
        case .string: string
        case .integer: String(csimdjson_int(value))
        case .number, .bool: JSONValue(self).canonical
        case .null, .array, .object: nil
        }
    }

    /// The member of exactly that name.
    public subscript(_ name: String) -> JSONView? {
        var name = name
        return name.withUTF8 { utf8 in
            var found = csimdjson_value(document: nil, index: 0)
            let isThere = utf8.withMemoryRebound(to: CChar.self) { characters in
                csimdjson_member(value, characters.baseAddress, characters.count, &found)
            }
            return isThere ? JSONView(value: found) : nil
        }
    }

    /// The member of that name, ASCII case ignored, as SCIM compares attribute names (RFC 7643, section 2.1).
    public func member(ignoringCase name: String) -> JSONView? {
        if let exact = self[name] { return exact }
        guard kind == .object else { return nil }
        // Byte by byte: a text for each name of a large page would cost more than all else.
        var walk = csimdjson_walk_start(value)
        var key: UnsafePointer<CChar>?
        var count = 0
        var child = csimdjson_value(document: nil, index: 0)
        var name = name
        return name.withUTF8 { wanted in
            while csimdjson_walk_next(&walk, &key, &count, &child) {
                guard count == wanted.count, let key else { continue }
                if (0..<count).allSatisfy({ Self.folded(UInt8(bitPattern: key[$0])) == Self.folded(wanted[$0]) }) {
                    return JSONView(value: child)
                }
            }
            return nil
        }
    }

    private static func folded(_ byte: UInt8) -> UInt8 {
        UInt8(ascii: "A")...UInt8(ascii: "Z") ~= byte ? byte | 0x20 : byte
    }

    /// Calls `body` for each element of an array, in order; does nothing for other kinds.
    public func forEachElement(_ body: (JSONView) throws -> Void) rethrows {
        guard kind == .array else { return }
        try walk { _, child in try body(child) }
    }

    /// Calls `body` for each member of an object, in document order; does nothing for other kinds.
    public func forEachMember(_ body: (String, JSONView) throws -> Void) rethrows {
        guard kind == .object else { return }
        try walk { key, child in try body(key, child) }
    }

    private func walk(_ body: (String, JSONView) throws -> Void) rethrows {
        var walk = csimdjson_walk_start(value)
        var key: UnsafePointer<CChar>?
        var keyCount = 0
        var child = csimdjson_value(document: nil, index: 0)
        while csimdjson_walk_next(&walk, &key, &keyCount, &child) {
            let name = key.map { text(UnsafeRawPointer($0), keyCount) } ?? ""
            try body(name, JSONView(value: child))
        }
    }

    private func text(_ start: UnsafeRawPointer, _ count: Int) -> String {
        String(decoding: UnsafeRawBufferPointer(start: start, count: count), as: UTF8.self)
    }

    package var integer: Int64 { csimdjson_int(value) }
    package var number: Double {
        csimdjson_kind_of(value) == CSIMDJSON_UINT ? Double(csimdjson_uint(value)) : csimdjson_double(value)
    }
}

extension String {
    /// Without blanks and tabs at both ends.
    fileprivate var trimmedASCII: Substring {
        var view = self[...]
        while let first = view.first, first == " " || first == "\t" { view.removeFirst() }
        while let last = view.last, last == " " || last == "\t" { view.removeLast() }
        return view
    }
}
