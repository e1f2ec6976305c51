import JSON

/// A resource as a server shows it. This is the one place where a server's own way of writing becomes the shape that
/// the program knows.
/// Valid inside the closure that reads the document only.
public struct ShownResource {
    private let view: JSONView
    /// The core attributes, where they stand under their schema's URN; the others stand beside it.
    private let core: JSONView?
    private let dialect: Dialect?

    /// - Parameter dialect: told of what the server writes in its own way.
    public init(_ view: JSONView, _ dialect: Dialect? = nil) {
        self.view = view
        self.dialect = dialect
        core = [SchemaURN.user, SchemaURN.group].lazy.compactMap { view.member(ignoringCase: $0) }.first {
            $0.kind == .object
        }
        if core != nil { dialect?.note(.nestedCore) }
    }

    /// The document as it came.
    public var document: JSONValue { JSONValue(view) }

    /// A core attribute.
    public func member(_ name: String) -> JSONView? {
        let found = view.member(ignoringCase: name)
        return found?.isNull == false ? found : core?.member(ignoringCase: name) ?? found
    }

    /// The extensions, each with its URN.
    public func forEachExtension(_ body: (JSONView) throws -> Void) rethrows {
        try view.forEachMember { name, value in
            if name.lowercased().hasPrefix("urn:"), value.kind == .object { try body(value) }
        }
    }

    /// What stands under an extension's URN; the resource itself for the core schemas.
    func holder(_ schema: String) -> JSONView? {
        let isCore = [SchemaURN.user, SchemaURN.group].contains { $0.lowercased() == schema.lowercased() }
        return view.member(ignoringCase: schema) ?? (isCore ? view : nil)
    }

    /// The id, its digits as they stand where it is a number; nil where it is none.
    public var id: String? {
        guard let member = member("id"), let text = member.scalarText, ResourceID.isValid(text) else { return nil }
        if member.kind != .string { dialect?.note(.numericIDs) }
        return text
    }

    public var externalID: String? {
        guard let member = member("externalId"), let text = member.scalarText, !text.isEmpty else { return nil }
        if member.kind != .string { dialect?.note(.numericMarks) }
        return text
    }

    /// An attribute as text; numbers with their digits. nil where it is absent or empty.
    public func text(_ name: String) -> String? { member(name)?.scalarText.flatMap { $0.isEmpty ? nil : $0 } }

    public enum Access: Hashable, Sendable {
        case active(Bool)
        case absent
        /// It is there, and nobody can tell what it says.
        case unreadable(String)
    }

    public var access: Access {
        guard let member = member("active"), !member.isNull else { return .absent }
        if let value = member.lenientBool {
            if member.kind != .bool { dialect?.note(.activeAsText) }
            return .active(value)
        }
        return .unreadable(member.scalarText ?? "a list or an object")
    }

    /// When it was made, as it says itself.
    public var created: String? { member("meta")?.member(ignoringCase: "created")?.string }

    // MARK: values of several

    /// One element of `emails`, `phoneNumbers` and the like.
    public struct Element {
        public var value: JSONView
        public var type: String?
        public var isPrimary: Bool
    }

    /// The elements of a multi-valued attribute, also where there is one that is no list, and where they are plain
    /// texts.
    public func elements(_ name: String) -> [Element] { member(name).map(elements(of:)) ?? [] }

    func elements(of list: JSONView) -> [Element] {
        var found: [Element] = []
        func take(_ element: JSONView) {
            guard element.kind == .object else {
                if element.scalarText?.isEmpty == false {
                    dialect?.note(.plainValues)
                    found.append(Element(value: element, type: nil, isPrimary: false))
                }
                return
            }
            guard let value = element.member(ignoringCase: "value"), !value.isNull else { return }
            let type = element.member(ignoringCase: "type")?.string.flatMap { $0.isEmpty ? nil : $0.lowercased() }
            found.append(
                Element(
                    value: value, type: type, isPrimary: element.member(ignoringCase: "primary")?.lenientBool == true))
        }
        if list.kind == .array { list.forEachElement(take) } else { take(list) }
        return found
    }

    /// The element of a type. Where no element has one, the primary or only one is meant.
    func element(of list: JSONView, type: String) -> JSONView? {
        let all = elements(of: list)
        if let match = all.first(where: { $0.type == type.lowercased() }) { return match.value }
        guard !all.isEmpty, all.allSatisfy({ $0.type == nil }) else { return nil }
        dialect?.note(.untypedValues)
        return (all.first(where: \.isPrimary) ?? (all.count == 1 ? all.first : nil))?.value
    }

    // MARK: members

    /// Who is in a group.
    public struct Members: Hashable, Sendable {
        public var users: [String] = []
        /// Groups that are members of the group.
        public var groups: [String] = []

        public init(users: [String] = [], groups: [String] = []) {
            self.users = users
            self.groups = groups
        }
    }

    /// nil where the attribute is absent: a group may have members that are not shown.
    public var members: Members? {
        guard let list = member("members") else { return nil }
        var found = Members()
        // Where the ids themselves are addresses, a member's is whole.
        let cuts = id?.contains("://") == false
        list.forEachElement { element in
            // Some name a member by its address alone.
            let named =
                element.kind == .object
                ? element.member(ignoringCase: "value")?.scalarText ?? element.member(ignoringCase: "$ref")?.string
                : element.scalarText
            guard var id = named else { return }
            let location = id
            if cuts, let last = Self.idInLocation(id) {
                dialect?.note(.membersAsLocations)
                id = last
            }
            guard ResourceID.isValid(id) else { return }
            if Self.isGroup(
                type: element.member(ignoringCase: "type")?.string,
                reference: element.member(ignoringCase: "$ref")?.string ?? (id == location ? nil : location))
            {
                found.groups.append(id)
            } else {
                found.users.append(id)
            }
        }
        return found
    }

    /// The id in a member's value that is the address of a resource; nil where it is none.
    public static func idInLocation(_ text: String) -> String? {
        text.hasPrefix("https://") || text.hasPrefix("http://") ? ResourceID.inLocation(text) : nil
    }

    /// Whether a member is a group itself, by what the server says of it.
    public static func isGroup(type: String?, reference: String?) -> Bool {
        if let type, !type.isEmpty { return type.lowercased() == "group" }
        return reference?.lowercased().split(separator: "/").dropLast().last == "groups"
    }
}

/// What may be an id: it becomes a part of a path.
public enum ResourceID {
    /// More bytes than any service's ids have.
    public static let mostBytes = 8192

    public static func isValid(_ text: String) -> Bool {
        isOnePart(text) && !text.unicodeScalars.contains { $0.value < 0x20 }
    }

    /// Whether a path with this part leads to one place below: an empty id, `.` and `..` would be another place.
    public static func isOnePart(_ text: String) -> Bool {
        !text.isEmpty && text != "." && text != ".." && text.utf8.count <= mostBytes
    }

    /// The id in a `Location`: its last part, without a query, percent-encoding undone.
    ///
    /// - Parameter collection: what stands before the id, such as `Users`; an address of anything else has none, such
    ///   as that of a task that is to do the work.
    public static func inLocation(_ location: String, _ dialect: Dialect? = nil, of collection: String? = nil)
        -> String?
    {
        let path = location.prefix { $0 != "?" && $0 != "#" }
        let parts = path.split(separator: "/")
        guard let last = parts.last.map(String.init) else { return nil }
        if let collection, parts.count > 1, parts[parts.count - 2].lowercased() != collection.lowercased() {
            return nil
        }
        var bytes: [UInt8] = []
        let given = Array(last.utf8)
        var place = 0
        while place < given.count {
            if given[place] == UInt8(ascii: "%"), place + 2 < given.count,
                let value = UInt8(String(decoding: given[place + 1...place + 2], as: UTF8.self), radix: 16)
            {
                bytes.append(value)
                place += 3
            } else {
                bytes.append(given[place])
                place += 1
            }
        }
        let id = String(decoding: bytes, as: UTF8.self)
        if path.count < location.count || bytes.count < given.count { dialect?.note(.encodedLocations) }
        // The address of the list has no id in it.
        return isValid(id) && !["users", "groups"].contains(id.lowercased()) ? id : nil
    }
}
