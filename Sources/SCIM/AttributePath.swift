import JSON

/// A place for one value in a resource, as job files name it: `displayName`, `name.familyName`, `emails[work]`,
/// `urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department`.
///
/// `emails[work]` means: the `value` of the element of `emails` whose `type` is `work`.
public struct AttributePath: Hashable, Sendable, CustomStringConvertible {
    /// The extension schema's URN; nil for a core attribute.
    public let schema: String?
    public let attribute: String
    /// The `type` of the element of a multi-valued attribute.
    public let type: String?
    public let subAttribute: String?

    /// The members of a group.
    public init(members: Void) {
        schema = nil
        attribute = "members"
        type = nil
        subAttribute = nil
    }

    /// nil when `text` has another form.
    public init?(_ text: String) {
        var rest = text[...]
        if text.lowercased().hasPrefix("urn:") {
            guard let colon = text.lastIndex(of: ":") else { return nil }
            schema = String(text[..<colon])
            rest = text[text.index(after: colon)...]
        } else {
            schema = nil
        }
        if let bracket = rest.firstIndex(of: "[") {
            guard rest.hasSuffix("]") else { return nil }
            type = String(rest[rest.index(after: bracket)..<rest.index(before: rest.endIndex)])
            attribute = String(rest[..<bracket])
            subAttribute = nil
            guard let type, Self.isName(type) else { return nil }
        } else {
            type = nil
            let parts = rest.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
            guard (1...2).contains(parts.count) else { return nil }
            attribute = parts[0]
            subAttribute = parts.count == 2 ? parts[1] : nil
            if let subAttribute, !Self.isName(subAttribute) { return nil }
        }
        guard Self.isName(attribute) else { return nil }
    }

    private static func isName(_ text: String) -> Bool {
        guard let first = text.utf8.first, UInt8(ascii: "a")...UInt8(ascii: "z") ~= first | 0x20 else { return false }
        return text.utf8.allSatisfy { byte in
            UInt8(ascii: "a")...UInt8(ascii: "z") ~= byte | 0x20 || UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte
                || byte == UInt8(ascii: "_") || byte == UInt8(ascii: "-")
        }
    }

    public var description: String {
        let prefix = schema.map { $0 + ":" } ?? ""
        if let type { return "\(prefix)\(attribute)[\(type)]" }
        return prefix + attribute + (subAttribute.map { "." + $0 } ?? "")
    }

    /// The whole attribute, as a PATCH names it.
    public var whole: String { (schema.map { $0 + ":" } ?? "") + attribute }

    /// The elements of the attribute, names in any case.
    public func elements(in resource: JSONValue) -> [JSONValue] {
        var holder = schema.map { resource[resource.spelling(of: $0)] ?? .object([:]) } ?? resource
        if schema == nil, !holder.has(attribute) {
            for urn in [SchemaURN.user, SchemaURN.group] {
                if let core = resource[resource.spelling(of: urn)], core.has(attribute) { holder = core }
            }
        }
        let found = holder[holder.spelling(of: attribute)]
        return found?.array ?? (found.map { $0.isNull ? [] : [$0] } ?? [])
    }

    /// Puts elements in the attribute's place, wherever the resource has it.
    public func setElements(_ elements: [JSONValue], in resource: inout JSONValue) {
        // An empty list says that there are none; without it, a server may keep those that were.
        let value = JSONValue.array(elements)
        for urn in [SchemaURN.user, SchemaURN.group].map({ resource.spelling(of: $0) })
        where schema == nil && !resource.has(attribute) && resource[urn]?.has(attribute) ?? false {
            var core = resource[urn] ?? .object([:])
            core[core.spelling(of: attribute)] = value
            resource[urn] = core
            return
        }
        resource[resource.spelling(of: attribute)] = value
    }

    // MARK: reading

    /// The value in a resource; nil when it is absent, null or empty.
    public func value(in resource: ShownResource) -> JSONValue? {
        guard
            let found = schema.map({ resource.holder($0)?.member(ignoringCase: attribute) })
                ?? resource.member(attribute)
        else { return nil }
        let leaf: JSONView?
        if let type {
            leaf = resource.element(of: found, type: type)
        } else if let subAttribute {
            leaf = found.member(ignoringCase: subAttribute)
        } else {
            leaf = found
        }
        guard let leaf else { return nil }
        let value = JSONValue(leaf)
        return value == .null || value == .string("") || value == .array([]) ? nil : value
    }

    /// The value as text, numbers with their digits.
    public func text(in resource: ShownResource) -> String? {
        switch value(in: resource) {
        case .string(let text): text
        case .integer(let number): String(number)
        default: nil
        }
    }

    // MARK: writing

    /// Puts a value into a resource that is being built or edited; nil takes it out. Other elements and sub-attributes
    /// stay.
    ///
    /// Names are written as the resource spells them. Where no element has a type, the primary or only one is meant,
    /// and replaced in its place.
    public func set(_ value: JSONValue?, in resource: inout JSONValue) {
        let schema = schema.map { resource.spelling(of: $0) }
        var holder = schema == nil ? resource : (resource[schema ?? ""] ?? .object([:]))
        // The core attributes of some servers stand under their schema's URN.
        let core =
            schema == nil && !holder.has(self.attribute)
            ? [SchemaURN.user, SchemaURN.group].map { resource.spelling(of: $0) }.first {
                resource[$0]?.object != nil
            } : nil
        if let core { holder = resource[core] ?? .object([:]) }
        let attribute = holder.spelling(of: self.attribute)
        if let type {
            var elements = holder[attribute]?.array ?? (holder[attribute].map { $0.isNull ? [] : [$0] } ?? [])
            func typed(_ element: JSONValue) -> String? {
                element[element.spelling(of: "type")]?.string.flatMap { $0.isEmpty ? nil : $0.lowercased() }
            }
            var place = elements.firstIndex { typed($0) == type.lowercased() }
            if place == nil, !elements.isEmpty, elements.allSatisfy({ typed($0) == nil }) {
                place =
                    elements.firstIndex { $0[$0.spelling(of: "primary")]?.isTrue ?? false }
                    ?? (elements.count == 1 ? 0 : nil)
                // Nobody can tell which one is meant: it is left as it is, and seen to be.
                if place == nil { return }
            }
            if let value {
                if let place {
                    if elements[place].object == nil {
                        elements[place] = value
                    } else {
                        elements[place][elements[place].spelling(of: "value")] = value
                    }
                } else {
                    var element: JSONValue = ["type": .string(type), "value": value]
                    if elements.isEmpty { element["primary"] = true }
                    elements.append(element)
                }
            } else if let place {
                elements.remove(at: place)
            }
            holder[attribute] = elements.isEmpty ? nil : .array(elements)
        } else if let subAttribute {
            var complex = holder[attribute] ?? .object([:])
            complex[complex.spelling(of: subAttribute)] = value
            holder[attribute] = complex.object?.isEmpty == false ? complex : nil
        } else {
            holder[attribute] = value
        }
        if let schema {
            resource[schema] = holder.object?.isEmpty == false ? holder : nil
            var schemas = resource["schemas"]?.array ?? []
            if resource[schema] != nil, !schemas.contains(.string(schema)) {
                schemas.append(.string(schema))
                resource["schemas"] = .array(schemas)
            }
        } else if let core {
            resource[core] = holder
        } else {
            resource = holder
        }
    }

    /// The PATCH operation that gives this place a value (RFC 7644, section 3.5.2).
    ///
    /// - Parameter isThere: whether the resource has a value at this place now: a value filter must match something
    ///   to be replaced or removed, and a new element is added with its type.
    public func patch(_ value: JSONValue?, replacing isThere: Bool) -> JSONValue? {
        let prefix = schema.map { $0 + ":" } ?? ""
        if let type {
            let element = "\(prefix)\(attribute)[type eq \"\(type)\"]"
            guard let value else { return isThere ? ["op": "remove", "path": .string(element)] : nil }
            if isThere { return ["op": "replace", "path": .string(element + ".value"), "value": value] }
            return [
                "op": "add", "path": .string(prefix + attribute), "value": [["type": .string(type), "value": value]],
            ]
        }
        guard let value else { return isThere ? ["op": "remove", "path": .string(description)] : nil }
        return ["op": "replace", "path": .string(description), "value": value]
    }
}

extension JSONValue {
    /// A member's name as the object has it, ASCII case ignored; `name` itself where it has none.
    public func spelling(of name: String) -> String {
        guard let object, object[name] == nil else { return name }
        return object.keys.filter { Self.isOneName($0, name) }.min() ?? name
    }

    private static func isOneName(_ left: String, _ right: String) -> Bool {
        func lower(_ byte: UInt8) -> UInt8 { UInt8(ascii: "A")...UInt8(ascii: "Z") ~= byte ? byte | 0x20 : byte }
        return left.utf8.count == right.utf8.count && zip(left.utf8, right.utf8).allSatisfy { lower($0) == lower($1) }
    }

    /// As servers write it: true, “True”, 1.
    fileprivate var isTrue: Bool { bool ?? (string.map { ["true", "1"].contains($0.lowercased()) } ?? (integer == 1)) }

    fileprivate func has(_ name: String) -> Bool { object?[spelling(of: name)] != nil }
}
