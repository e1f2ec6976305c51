import JSON
import SCIM

/// PATCH as RFC 7644, section 3.5.2 describes it, on a resource as a value.
struct Patcher {
    let schemas: ResourceSchemas

    /// Applies all operations or none. Throws `SCIMError`.
    func apply(_ document: JSONValue, to resource: JSONValue) throws -> JSONValue {
        guard let operations = document["Operations"]?.array ?? document["operations"]?.array, !operations.isEmpty
        else {
            throw SCIMError(status: 400, scimType: "invalidSyntax", detail: "a PATCH needs Operations")
        }
        guard document["schemas"]?.array?.contains(.string(SchemaURN.patchOp)) == true else {
            throw SCIMError(status: 400, scimType: "invalidValue", detail: "schemas must name \(SchemaURN.patchOp)")
        }
        var result = resource
        for operation in operations { try apply(operation, &result) }
        return result
    }

    private enum Verb: String { case add, replace, remove }

    private func apply(_ operation: JSONValue, _ resource: inout JSONValue) throws {
        guard let verb = operation["op"]?.string.flatMap({ Verb(rawValue: $0.lowercased()) }) else {
            throw SCIMError(status: 400, scimType: "invalidSyntax", detail: "op must be add, replace or remove")
        }
        let value = operation["value"]
        guard let text = operation["path"]?.string, !text.isEmpty else {
            if verb == .remove { throw SCIMError(status: 400, scimType: "noTarget", detail: "remove needs a path") }
            guard let members = value?.object else {
                throw ResourceSchemas.invalid("without a path the value must be an object")
            }
            for (name, value) in members { try write(verb, Path(name), value, &resource) }
            return
        }
        let path = try Path(parsing: text)
        if verb == .remove { return try remove(path, &resource) }
        guard let value else { throw ResourceSchemas.invalid("\(verb.rawValue) needs a value") }
        try write(verb, path, value, &resource)
    }

    /// `attribute`, `attribute.part`, `attribute[filter]`, `attribute[filter].part`, each with an extension's URN
    /// before it.
    struct Path {
        var text: String
        var schema: String?
        var attribute: String
        var filter: Filter?
        var part: String?

        /// A member's name in a value without a path: an attribute, or an extension's URN.
        init(_ name: String) {
            text = name
            attribute = name
        }

        init(parsing text: String) throws {
            self.text = text
            var rest = text[...]
            let head = text.prefix { $0 != "[" }
            if head.lowercased().hasPrefix("urn:") {
                // The URN ends at the last colon; a URN of its own names the whole extension.
                guard let colon = head.lastIndex(of: ":") else { throw Self.wrong(text) }
                schema = String(head[..<colon])
                rest = text[text.index(after: colon)...]
            }
            if let open = rest.firstIndex(of: "[") {
                guard let close = rest.lastIndex(of: "]"), open < close else { throw Self.wrong(text) }
                attribute = String(rest[..<open])
                filter = try Filter(parsing: String(rest[rest.index(after: open)..<close]))
                let tail = rest[rest.index(after: close)...]
                if !tail.isEmpty {
                    guard tail.hasPrefix("."), tail.count > 1 else { throw Self.wrong(text) }
                    part = String(tail.dropFirst())
                }
            } else if schema == nil, let dot = rest.firstIndex(of: ".") {
                attribute = String(rest[..<dot])
                part = String(rest[rest.index(after: dot)...])
            } else if let dot = rest.firstIndex(of: "."), !head.hasSuffix(":2.0:User"),
                rest.allSatisfy({ !$0.isNumber })
            {
                attribute = String(rest[..<dot])
                part = String(rest[rest.index(after: dot)...])
            } else {
                attribute = String(rest)
            }
            guard !attribute.isEmpty else { throw Self.wrong(text) }
        }

        static func wrong(_ text: String) -> SCIMError {
            SCIMError(status: 400, scimType: "invalidPath", detail: "cannot read the path \(text)")
        }
    }

    /// Where a path leads: the extension (nil for core) and the attribute's definition.
    private func resolve(_ path: Path) throws -> (schema: String?, attribute: AttributeDefinition?) {
        let whole = path.schema.map { "\($0):\(path.attribute)" } ?? path.attribute
        if let schema = schemas.extensions.first(where: { $0.id.lowercased() == whole.lowercased() }) {
            return (schema.id, nil)
        }
        if let name = path.schema, name.lowercased() != schemas.core.id.lowercased() {
            guard let schema = schemas.extensions.first(where: { $0.id.lowercased() == name.lowercased() }),
                let attribute = schema.attribute(path.attribute)
            else { throw Path.wrong(path.text) }
            return (schema.id, attribute)
        }
        if path.attribute.lowercased() == "externalid" {
            return (nil, AttributeDefinition(name: "externalId", isCaseExact: true))
        }
        if ["id", "meta", "schemas"].contains(path.attribute.lowercased()) {
            return (nil, AttributeDefinition(name: path.attribute, mutability: "readOnly"))
        }
        guard let attribute = schemas.core.attribute(path.attribute) else { throw Path.wrong(path.text) }
        return (nil, attribute)
    }

    private func write(_ verb: Verb, _ path: Path, _ value: JSONValue, _ resource: inout JSONValue) throws {
        if path.filter == nil, path.part == nil, path.schema == nil, path.attribute.contains("."),
            !path.attribute.lowercased().hasPrefix("urn:")
        {
            return try write(verb, Path(parsing: path.attribute), value, &resource)
        }
        let (schema, attribute) = try resolve(path)
        guard let attribute else {
            // Clients repeat the envelope inside an extension; it says nothing there.
            for (name, inner) in value.object ?? [:] where name.lowercased() != "schemas" {
                try write(verb, Path(parsing: "\(schema ?? ""):\(name)"), inner, &resource)
            }
            return
        }
        if attribute.mutability == "readOnly" {
            // Sent back in a value without a path they are ignored; named by a path they are refused.
            if ["id", "schemas", "meta", "groups"].contains(path.text.lowercased()),
                path.text == attribute.name || attribute.name.lowercased() == path.text.lowercased()
            {
                if path.text.lowercased() == "schemas" { return }
                throw SCIMError(status: 400, scimType: "mutability", detail: "\(attribute.name) is read-only")
            }
            return
        }
        var holder = schema.map { resource[$0] ?? .object([:]) } ?? resource
        if attribute.isMultiValued, path.filter != nil || path.part != nil {
            try writeElements(verb, path, attribute, value, &holder)
        } else if attribute.isMultiValued {
            let fresh = try ResourceSchemas.clean(value, attribute)?.array ?? []
            holder[attribute.name] = Self.optional(
                verb == .replace ? fresh : merge(holder[attribute.name]?.array ?? [], fresh))
        } else if let name = path.part {
            guard let part = attribute.part(name) else { throw Path.wrong(path.text) }
            guard part.mutability != "readOnly" else {
                throw SCIMError(status: 400, scimType: "mutability", detail: "\(path.text) is read-only")
            }
            var complex = holder[attribute.name] ?? .object([:])
            complex[part.name] = try ResourceSchemas.clean(value, part)
            holder[attribute.name] = complex.object?.isEmpty == true ? nil : complex
        } else if attribute.kind == .complex, let members = holder[attribute.name]?.object {
            let fresh = try ResourceSchemas.clean(value, attribute)?.object ?? [:]
            holder[attribute.name] = .object(members.merging(fresh) { _, new in new })
        } else {
            let clean = try ResourceSchemas.clean(value, attribute)
            if clean == nil, attribute.isRequired { throw ResourceSchemas.invalid("\(attribute.name) is required") }
            holder[attribute.name] = clean
        }
        store(holder, schema, &resource)
    }

    private func store(_ holder: JSONValue, _ schema: String?, _ resource: inout JSONValue) {
        guard let schema else {
            resource = holder
            return
        }
        resource[schema] = holder.object?.isEmpty == true ? nil : holder
    }

    private static func optional(_ elements: [JSONValue]) -> JSONValue? { elements.isEmpty ? nil : .array(elements) }

    /// Adds elements that are not there; a new primary value takes the mark from the old one.
    private func merge(_ old: [JSONValue], _ fresh: [JSONValue]) -> [JSONValue] {
        var result = old
        if fresh.contains(where: { $0["primary"] == true }) { result = result.map { clearPrimary($0) } }
        for element in fresh where !result.contains(element) {
            // The same value again is the same element (members, and addresses of a type).
            if let value = element["value"],
                let place = result.firstIndex(where: {
                    $0["value"] == value && ($0["type"] == element["type"] || element["type"] == nil)
                })
            {
                result[place] = .object((result[place].object ?? [:]).merging(element.object ?? [:]) { _, new in new })
            } else {
                result.append(element)
            }
        }
        return result
    }

    private func clearPrimary(_ element: JSONValue) -> JSONValue {
        guard element["primary"] == true else { return element }
        var copy = element
        copy["primary"] = false
        return copy
    }

    private func writeElements(
        _ verb: Verb, _ path: Path, _ attribute: AttributeDefinition, _ value: JSONValue, _ holder: inout JSONValue
    ) throws {
        var elements = holder[attribute.name]?.array ?? []
        let matching = elements.indices.filter {
            path.filter?.matches(elements[$0], isCaseExact: { attribute.part($0)?.isCaseExact ?? false }) ?? true
        }
        if matching.isEmpty {
            guard let made = path.filter.flatMap({ element(satisfying: $0, attribute) }) else {
                throw SCIMError(status: 400, scimType: "noTarget", detail: "nothing matches \(path.text)")
            }
            guard verb == .add else {
                throw SCIMError(status: 400, scimType: "noTarget", detail: "nothing matches \(path.text)")
            }
            elements.append(try changed(made, path, attribute, value))
        }
        for index in matching {
            let new = try changed(elements[index], path, attribute, value)
            if new["primary"] == true, elements[index]["primary"] != true {
                elements = elements.map { clearPrimary($0) }
            }
            elements[index] = new
        }
        holder[attribute.name] = Self.optional(elements)
    }

    private func changed(_ element: JSONValue, _ path: Path, _ attribute: AttributeDefinition, _ value: JSONValue)
        throws -> JSONValue
    {
        var element = element
        if let name = path.part {
            guard let part = attribute.part(name) else { throw Path.wrong(path.text) }
            element[part.name] = try ResourceSchemas.clean(value, part)
            return element
        }
        let fresh = try ResourceSchemas.cleanOne(value, attribute)?.object ?? [:]
        return .object((element.object ?? [:]).merging(fresh) { _, new in new })
    }

    /// The element that `type eq "work"` describes, to be added.
    private func element(satisfying filter: Filter, _ attribute: AttributeDefinition) -> JSONValue? {
        switch filter {
        case .compare(let name, .eq, let value): attribute.part(name).map { .object([$0.name: value]) }
        case .and(let left, let right):
            element(satisfying: left, attribute).flatMap { first in
                element(satisfying: right, attribute).map {
                    .object((first.object ?? [:]).merging($0.object ?? [:]) { old, _ in old })
                }
            }
        default: nil
        }
    }

    private func remove(_ path: Path, _ resource: inout JSONValue) throws {
        let (schema, attribute) = try resolve(path)
        guard let attribute else {
            if let schema { resource[schema] = nil }
            return
        }
        guard attribute.mutability != "readOnly" else {
            throw SCIMError(status: 400, scimType: "mutability", detail: "\(attribute.name) is read-only")
        }
        if attribute.isRequired, path.part == nil, path.filter == nil {
            throw SCIMError(status: 400, scimType: "mutability", detail: "\(attribute.name) is required")
        }
        var holder = schema.map { resource[$0] ?? .object([:]) } ?? resource
        if attribute.isMultiValued, path.filter != nil || path.part != nil {
            let elements = holder[attribute.name]?.array ?? []
            let matches: (JSONValue) -> Bool = {
                path.filter?.matches($0, isCaseExact: { attribute.part($0)?.isCaseExact ?? false }) ?? true
            }
            guard elements.contains(where: matches) || attribute.name == "members" else {
                throw SCIMError(status: 400, scimType: "noTarget", detail: "nothing matches \(path.text)")
            }
            let kept = elements.compactMap { element -> JSONValue? in
                guard matches(element) else { return element }
                guard let name = path.part, let part = attribute.part(name) else { return nil }
                var copy = element
                copy[part.name] = nil
                return copy.object?.isEmpty == true ? nil : copy
            }
            holder[attribute.name] = Self.optional(kept)
        } else if let name = path.part, let part = attribute.part(name) {
            var complex = holder[attribute.name] ?? .object([:])
            complex[part.name] = nil
            holder[attribute.name] = complex.object?.isEmpty == true ? nil : complex
        } else {
            holder[attribute.name] = nil
        }
        store(holder, schema, &resource)
    }
}
