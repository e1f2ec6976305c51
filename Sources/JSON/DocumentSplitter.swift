/// Cuts one large JSON document `{"name": [element, …], …}` into its elements while it streams by, so that a directory
/// file never stands in memory as a whole.
///
/// It tracks only quotes and depth; each element is then parsed, and so checked, by `JSONParser`. What stands between
/// the elements is checked here: anything but the outer object, its names and its arrays is an error with a line
/// number.
public struct DocumentSplitter {
    public struct Element: Sendable {
        /// The member of the outer object whose array the element stands in.
        public let member: String
        /// The element's JSON text.
        public let bytes: [UInt8]
        /// The line of the file on which it begins, from 1.
        public let line: Int
    }

    private enum State {
        case start, beforeName, name, afterName, beforeArray, beforeElement, element, afterElement, afterArray, end
    }

    /// The largest element that is read: 64 MiB.
    public static let elementLimit = 64 << 20

    private var state = State.start
    private var line = 1
    private var name: [UInt8] = []
    private var member = ""
    private var seen: Set<String> = []
    private var element: [UInt8] = []
    private var elementLine = 1
    private var depth = 0
    private var inString = false
    private var escaped = false
    private var mayClose = true
    /// Bytes of a byte order mark that came; 3 once the document itself has begun.
    private var markBytes = 0

    public init() {}

    /// The members of the outer object that were met so far.
    public var members: Set<String> { seen }

    /// Takes the next block of the file and hands out the elements that it completes.
    public mutating func feed(_ block: [UInt8], _ emit: (Element) throws -> Void) throws {
        try block.withUnsafeBufferPointer { block in
            var place = 0
            while place < block.count {
                if state == .element {
                    place = try stretch(block, from: place, emit)
                    continue
                }
                let byte = block[place]
                place += 1
                if markBytes < 3, byte == Self.mark[markBytes], state == .start {
                    // A byte order mark before the document.
                    markBytes += 1
                    continue
                }
                if state == .start, markBytes > 0, markBytes < 3 {
                    throw JSONSyntaxError("the document does not begin with “{”")
                }
                markBytes = 3
                try step(byte, emit)
                if byte == 0x0A { line += 1 }
            }
        }
    }

    private static let mark: [UInt8] = [0xEF, 0xBB, 0xBF]

    /// Takes what a block has of an element, in one stretch: nearly all of a file is elements. Returns where it ends.
    private mutating func stretch(
        _ block: UnsafeBufferPointer<UInt8>, from start: Int, _ emit: (Element) throws -> Void
    ) throws -> Int {
        var place = start
        var depth = depth
        var inString = inString
        var escaped = escaped
        var lines = 0
        scan: while place < block.count {
            let byte = block[place]
            place += 1
            if byte == 0x0A { lines += 1 }
            if inString {
                if escaped {
                    escaped = false
                } else if byte == UInt8(ascii: "\\") {
                    escaped = true
                } else if byte == UInt8(ascii: "\"") {
                    inString = false
                    if depth == 0 { break scan }
                }
            } else {
                switch byte {
                case UInt8(ascii: "\""): inString = true
                case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
                case UInt8(ascii: "}"), UInt8(ascii: "]"):
                    depth -= 1
                    if depth == 0 { break scan }
                default: break
                }
            }
        }
        element.append(contentsOf: block[start..<place])
        (self.depth, self.inString, self.escaped) = (depth, inString, escaped)
        line += lines
        if element.count > Self.elementLimit { throw fail("an element of “\(member)” is larger than 64 MiB") }
        if depth == 0, !inString {
            try emit(Element(member: member, bytes: element, line: elementLine))
            state = .afterElement
        }
        return place
    }

    /// Must be called at the end of the file: a document that ends early is an error, never a short directory.
    public func finish() throws {
        if state == .start { throw fail("the document is empty") }
        guard state == .end else { throw fail("the document ends before its last bracket: it is cut off") }
    }

    private mutating func step(_ byte: UInt8, _ emit: (Element) throws -> Void) throws {
        let isSpace = byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09
        switch state {
        case .start:
            if byte == UInt8(ascii: "{") { state = .beforeName } else if !isSpace { throw fail("expected “{”") }
        case .beforeName:
            if byte == UInt8(ascii: "\"") {
                name = [byte]
                escaped = false
                state = .name
            } else if byte == UInt8(ascii: "}"), mayClose {
                state = .end
            } else if !isSpace {
                throw fail("expected a name in quotes")
            }
        case .name:
            name.append(byte)
            if escaped {
                escaped = false
            } else if byte == UInt8(ascii: "\\") {
                escaped = true
            } else if byte == UInt8(ascii: "\"") {
                member = try JSONParser().parse(name) { $0.string ?? "" }
                guard seen.insert(member).inserted else { throw fail("the name “\(member)” stands twice") }
                state = .afterName
            }
        case .afterName:
            if byte == UInt8(ascii: ":") {
                state = .beforeArray
            } else if !isSpace {
                throw fail("expected “:” after “\(member)”")
            }
        case .beforeArray:
            if byte == UInt8(ascii: "[") {
                state = .beforeElement
                mayClose = true
            } else if !isSpace {
                throw fail("“\(member)” must be a list, “[…]”")
            }
        case .beforeElement:
            if isSpace { return }
            if byte == UInt8(ascii: "]"), mayClose {
                state = .afterArray
                return
            }
            guard byte == UInt8(ascii: "{") || byte == UInt8(ascii: "\"") else {
                throw fail("expected an object in “\(member)”")
            }
            element = [byte]
            elementLine = line
            depth = byte == UInt8(ascii: "{") ? 1 : 0
            inString = byte == UInt8(ascii: "\"")
            escaped = false
            state = .element
        case .element: break  // `stretch` takes what is in it.
        case .afterElement:
            if byte == UInt8(ascii: ",") {
                state = .beforeElement
                mayClose = false
            } else if byte == UInt8(ascii: "]") {
                state = .afterArray
            } else if !isSpace {
                throw fail("expected “,” or “]” in “\(member)”")
            }
        case .afterArray:
            if byte == UInt8(ascii: ",") {
                state = .beforeName
                mayClose = false
            } else if byte == UInt8(ascii: "}") {
                state = .end
            } else if !isSpace {
                throw fail("expected “,” or “}” after “\(member)”")
            }
        case .end:
            if !isSpace { throw fail("something follows the end of the document") }
        }
    }

    private func fail(_ what: String) -> JSONSyntaxError { JSONSyntaxError("line \(line): \(what)") }
}
