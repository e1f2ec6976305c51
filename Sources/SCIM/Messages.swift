import JSON

/// An error answer of RFC 7644, section 3.12.
public struct SCIMError: Error, Hashable, Sendable {
    /// The HTTP status code; 0 where this program refuses to send a request.
    public var status: Int
    public var scimType: String?
    public var detail: String
    /// Whether an earlier attempt at the same request may have been processed.
    public var followsDoubt = false
    /// The request that it answers, as a person would look for it: of a read, whose query may be what is refused.
    public var request: String?

    public init(status: Int, scimType: String? = nil, detail: String) {
        self.status = status
        self.scimType = scimType
        self.detail = detail
    }

    /// Reads whatever a server answered: a SCIM error, another JSON document, HTML. Its text is cut to 300 characters.
    public init(status: Int, body: [UInt8]) {
        self.status = status
        let parsed = try? JSONParser().parse(body) { root in
            (root.member(ignoringCase: "scimType")?.string.flatMap { $0.isEmpty ? nil : $0 }, Self.words(root))
        }
        scimType = parsed?.0
        let text = parsed?.1 ?? (parsed == nil ? Self.plainText(body) : "")
        detail = String(text.prefix(300))
    }

    /// Whether the words speak of a quota or of seats.
    ///
    /// - Parameter sent: values that were sent: what a server only repeats says nothing.
    public func saysFull(sent: [String] = []) -> Bool {
        var words = "\(scimType ?? "") \(detail)"
        for value in sent where value.count > 2 { words = Self.without(value, words) }
        words = words.lowercased()
        return [
            "quota", "seat", "licence", "license", "limitexceeded", "limit exceeded", "limit reached",
            "exceeds the limit", "maximum number", "upgrade your plan", "too many users", "user limit",
        ]
        .contains { words.contains($0) }
    }

    /// Whether the words speak of the rate of requests.
    public var speaksOfRequests: Bool {
        let words = detail.lowercased()
        return ["request", "rate", "throttl", "per second", "per minute", "api "].contains { words.contains($0) }
    }

    private static func without(_ value: String, _ text: String) -> String {
        text.lowercased().split(separator: value.lowercased()).joined(separator: " ")
    }

    /// Where servers put the reason, the most telling first.
    private static let places = [
        "detail", "message", "errorMessage", "error_description", "errorSummary", "description", "reason", "title",
        "error", "errors", "Errors", "fault",
    ]

    /// The words of an error document, wherever they are: a text, a list of them, or texts by the field that they
    /// complain of. nil for none.
    private static func words(_ view: JSONView, depth: Int = 0) -> String? {
        guard depth < 6 else { return nil }
        switch view.kind {
        case .null: return nil
        case .array:
            var found: [String] = []
            view.forEachElement { if found.count < 10, let text = words($0, depth: depth + 1) { found.append(text) } }
            return found.isEmpty ? nil : found.joined(separator: "; ")
        case .object:
            for place in places {
                if let text = view.member(ignoringCase: place).flatMap({ words($0, depth: depth + 1) }) { return text }
            }
            // A map of complaints by field.
            var found: [String] = []
            view.forEachMember { name, value in
                guard found.count < 10,
                    !["schemas", "status", "scimtype", "code", "timestamp", "path", "requestid"].contains(
                        name.lowercased()), let text = words(value, depth: depth + 1)
                else {
                    return
                }
                found.append("\(name): \(text)")
            }
            return found.isEmpty ? nil : found.joined(separator: "; ")
        default: return view.scalarText.flatMap { $0.isEmpty ? nil : $0 }
        }
    }

    /// What an error document says its status is, where one came with a status of success; nil where it is none.
    public static func statusOf(_ body: [UInt8]) -> Int? {
        // Resources are larger, or name no such schema.
        guard body.count < 65536 else { return nil }
        return
            (try? JSONParser().parse(body) { root -> Int? in
                var isError = false
                root.member(ignoringCase: "schemas")?.forEachElement {
                    if $0.string?.lowercased() == SchemaURN.error.lowercased() { isError = true }
                }
                guard isError, let status = root.member(ignoringCase: "status")?.lenientInteger,
                    (400...599).contains(status)
                else { return nil }
                return status
            }) ?? nil
    }

    /// The words of an HTML or text body, without its tags and line breaks.
    private static func plainText(_ body: [UInt8]) -> String {
        var words = ""
        var isTag = false
        for character in String(decoding: body.prefix(4096), as: UTF8.self) {
            if character == "<" {
                isTag = true
            } else if character == ">" {
                isTag = false
                words.append(" ")
            } else if !isTag {
                words.append(character.isNewline ? " " : character)
            }
        }
        return words.split(separator: " ", omittingEmptySubsequences: true).joined(separator: " ")
    }

    /// The message as a server sends it.
    public var document: JSONValue {
        var body: JSONValue = [
            "schemas": [.string(SchemaURN.error)], "status": .string(String(status)), "detail": .string(detail),
        ]
        if let scimType { body["scimType"] = .string(scimType) }
        return body
    }
}

/// One page of a list (RFC 7644, section 3.4.2; RFC 9865 for cursors), read leniently: numbers may be strings.
public struct ListPage {
    public var totalResults: Int?
    public var startIndex: Int?
    public var itemsPerPage: Int?
    public var nextCursor: String?
    public var count = 0

    /// Reads the envelope and hands each resource to `body`. Throws `JSONSyntaxError` when it is no list.
    public init(_ root: JSONView, _ body: (JSONView) throws -> Void) throws {
        guard root.kind == .object else { throw JSONSyntaxError("a list answer is not an object") }
        totalResults = root.member(ignoringCase: "totalResults")?.lenientInteger
        startIndex = root.member(ignoringCase: "startIndex")?.lenientInteger
        itemsPerPage = root.member(ignoringCase: "itemsPerPage")?.lenientInteger
        if let cursor = root.member(ignoringCase: "nextCursor")?.string, !cursor.isEmpty { nextCursor = cursor }
        let resources = root.member(ignoringCase: "Resources")
        guard resources == nil || resources?.kind == .array || resources?.isNull == true else {
            throw JSONSyntaxError("“Resources” is not a list")
        }
        guard resources != nil || totalResults != nil else {
            throw JSONSyntaxError("a list answer has neither “Resources” nor “totalResults”")
        }
        var seen = 0
        try resources?.forEachElement { element in
            seen += 1
            try body(element)
        }
        count = seen
    }
}

/// A PATCH request's body.
public func patchDocument(_ operations: [JSONValue]) -> JSONValue {
    ["schemas": [.string(SchemaURN.patchOp)], "Operations": .array(operations)]
}
