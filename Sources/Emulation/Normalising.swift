import JSON
import SCIM

extension ResourceSchemas {
    /// A resource as it will be stored: names in the schema's spelling, read-only and unknown attributes dropped, types
    /// checked.
    /// Throws `SCIMError`.
    func normalised(_ input: JSONValue) throws -> JSONValue {
        guard let members = input.object else {
            throw SCIMError(status: 400, scimType: "invalidSyntax", detail: "the body is no object")
        }
        var output: [String: JSONValue] = [:]
        var schemas = [core.id]
        for (name, value) in members {
            if name.lowercased() == "externalid" {
                if value.isNull { continue }
                guard let text = value.string else { throw Self.invalid("externalId must be a string") }
                output["externalId"] = .string(text)
            } else if let attribute = core.attribute(name) {
                if attribute.mutability == "readOnly" { continue }
                if let clean = try Self.clean(value, attribute) { output[attribute.name] = clean }
            } else if let schema = extensions.first(where: { $0.id.lowercased() == name.lowercased() }) {
                var part: [String: JSONValue] = [:]
                for (inner, value) in value.object ?? [:] {
                    if let attribute = schema.attribute(inner), attribute.mutability != "readOnly",
                        let clean = try Self.clean(value, attribute)
                    {
                        part[attribute.name] = clean
                    }
                }
                if !part.isEmpty {
                    output[schema.id] = .object(part)
                    schemas.append(schema.id)
                }
            }
        }
        for attribute in core.attributes where attribute.isRequired {
            guard let text = output[attribute.name]?.string, !text.isEmpty else {
                throw Self.invalid("\(attribute.name) is required")
            }
        }
        output["schemas"] = .array(schemas.map { .string($0) })
        return .object(output)
    }

    /// A value checked against its definition; nil when it says nothing.
    static func clean(_ value: JSONValue, _ attribute: AttributeDefinition) throws -> JSONValue? {
        if value.isNull { return nil }
        if attribute.isMultiValued {
            let elements = try (value.array ?? [value]).compactMap { try cleanOne($0, attribute) }
            guard elements.filter({ $0["primary"] == true }).count <= 1 else {
                throw invalid("\(attribute.name) has more than one primary value")
            }
            return elements.isEmpty ? nil : .array(elements)
        }
        return try cleanOne(value, attribute)
    }

    static func cleanOne(_ value: JSONValue, _ attribute: AttributeDefinition) throws -> JSONValue? {
        if value.isNull { return nil }
        switch attribute.kind {
        case .complex:
            guard let members = value.object else {
                // A bare string for a multi-valued attribute means its value.
                if case .string = value, attribute.part("value") != nil { return ["value": value] }
                throw invalid("\(attribute.name) must be an object")
            }
            var output: [String: JSONValue] = [:]
            for (name, value) in members {
                guard let part = attribute.part(name), part.mutability != "readOnly",
                    let clean = try cleanOne(value, part)
                else { continue }
                output[part.name] = clean
            }
            return output.isEmpty ? nil : .object(output)
        case .boolean:
            if case .bool = value { return value }
            if let text = value.string?.lowercased(), text == "true" || text == "false" { return .bool(text == "true") }
            throw invalid("\(attribute.name) must be true or false")
        case .integer:
            guard case .integer = value else { throw invalid("\(attribute.name) must be a whole number") }
            return value
        case .string, .reference, .dateTime, .binary:
            guard case .string = value else { throw invalid("\(attribute.name) must be a string") }
            return value
        }
    }

    static func invalid(_ detail: String) -> SCIMError {
        SCIMError(status: 400, scimType: "invalidValue", detail: detail)
    }
}
