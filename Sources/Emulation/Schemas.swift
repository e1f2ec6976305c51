import JSON
import SCIM

/// An attribute definition of RFC 7643, section 7.
struct AttributeDefinition: Sendable {
    enum Kind: String, Sendable { case string, boolean, complex, reference, dateTime, binary, integer }

    var name: String
    var kind: Kind = .string
    var isMultiValued = false
    var isRequired = false
    var isCaseExact = false
    var mutability = "readWrite"
    var returned = "default"
    var uniqueness = "none"
    var canonical: [String] = []
    var referenceTypes: [String] = []
    var parts: [AttributeDefinition] = []

    func part(_ name: String) -> AttributeDefinition? { parts.first { $0.name.lowercased() == name.lowercased() } }

    var document: JSONValue {
        var document: JSONValue = [
            "name": .string(name), "type": .string(kind.rawValue), "multiValued": .bool(isMultiValued),
            "required": .bool(isRequired), "mutability": .string(mutability),
            "returned": .string(returned), "description": .string(name),
        ]
        if kind == .complex {
            document["subAttributes"] = .array(parts.map(\.document))
        } else {
            document["caseExact"] = .bool(isCaseExact)
            document["uniqueness"] = .string(uniqueness)
        }
        if !canonical.isEmpty { document["canonicalValues"] = .array(canonical.map { .string($0) }) }
        if kind == .reference { document["referenceTypes"] = .array(referenceTypes.map { .string($0) }) }
        return document
    }
}

struct SchemaDefinition: Sendable {
    var id: String
    var name: String
    var attributes: [AttributeDefinition]

    func attribute(_ name: String) -> AttributeDefinition? {
        attributes.first { $0.name.lowercased() == name.lowercased() }
    }

    func document(_ base: String) -> JSONValue {
        [
            "schemas": [.string(SchemaURN.schema)], "id": .string(id), "name": .string(name),
            "description": .string(name), "attributes": .array(attributes.map(\.document)),
            "meta": ["resourceType": "Schema", "location": .string("\(base)/Schemas/\(id)")],
        ]
    }

    /// `value`, `display`, `type`, `primary`: the usual parts of a multi-valued attribute (RFC 7643, section 2.4).
    private static func plural(
        _ name: String, types: [String] = [], value: AttributeDefinition.Kind = .string, references: [String] = []
    ) -> AttributeDefinition {
        AttributeDefinition(
            name: name, kind: .complex, isMultiValued: true,
            parts: [
                AttributeDefinition(
                    name: "value", kind: value, isCaseExact: value != .string, referenceTypes: references),
                AttributeDefinition(name: "display"),
                AttributeDefinition(name: "type", canonical: types),
                AttributeDefinition(name: "primary", kind: .boolean),
            ])
    }

    static let user = SchemaDefinition(
        id: SchemaURN.user, name: "User",
        attributes: [
            AttributeDefinition(name: "userName", isRequired: true, uniqueness: "server"),
            AttributeDefinition(
                name: "name", kind: .complex,
                parts: ["formatted", "familyName", "givenName", "middleName", "honorificPrefix", "honorificSuffix"].map
                { AttributeDefinition(name: $0) }),
            AttributeDefinition(name: "displayName"), AttributeDefinition(name: "nickName"),
            AttributeDefinition(name: "profileUrl", kind: .reference, isCaseExact: true, referenceTypes: ["external"]),
            AttributeDefinition(name: "title"), AttributeDefinition(name: "userType"),
            AttributeDefinition(name: "preferredLanguage"), AttributeDefinition(name: "locale"),
            AttributeDefinition(name: "timezone"), AttributeDefinition(name: "active", kind: .boolean),
            AttributeDefinition(name: "password", mutability: "writeOnly", returned: "never"),
            plural("emails", types: ["work", "home", "other"]),
            plural("phoneNumbers", types: ["work", "home", "mobile", "fax", "pager", "other"]),
            plural("ims", types: ["aim", "gtalk", "icq", "xmpp", "msn", "skype", "qq", "yahoo"]),
            plural("photos", types: ["photo", "thumbnail"], value: .reference, references: ["external"]),
            AttributeDefinition(
                name: "addresses", kind: .complex, isMultiValued: true,
                parts: ["formatted", "streetAddress", "locality", "region", "postalCode", "country"].map {
                    AttributeDefinition(name: $0)
                } + [
                    AttributeDefinition(name: "type", canonical: ["work", "home", "other"]),
                    AttributeDefinition(name: "primary", kind: .boolean),
                ]),
            AttributeDefinition(
                name: "groups", kind: .complex, isMultiValued: true, mutability: "readOnly",
                parts: [
                    AttributeDefinition(name: "value", mutability: "readOnly"),
                    AttributeDefinition(
                        name: "$ref", kind: .reference, isCaseExact: true, mutability: "readOnly",
                        referenceTypes: ["Group"]),
                    AttributeDefinition(name: "display", mutability: "readOnly"),
                    AttributeDefinition(name: "type", mutability: "readOnly", canonical: ["direct", "indirect"]),
                ]),
            plural("entitlements"), plural("roles"), plural("x509Certificates", value: .binary),
        ])

    static let enterpriseUser = SchemaDefinition(
        id: SchemaURN.enterpriseUser, name: "EnterpriseUser",
        attributes: ["employeeNumber", "costCenter", "organization", "division", "department"].map {
            AttributeDefinition(name: $0)
        } + [
            AttributeDefinition(
                name: "manager", kind: .complex,
                parts: [
                    AttributeDefinition(name: "value"),
                    AttributeDefinition(name: "$ref", kind: .reference, isCaseExact: true, referenceTypes: ["User"]),
                    AttributeDefinition(name: "displayName", mutability: "readOnly"),
                ])
        ])

    static let group = SchemaDefinition(
        id: SchemaURN.group, name: "Group",
        attributes: [
            AttributeDefinition(name: "displayName", isRequired: true),
            AttributeDefinition(
                name: "members", kind: .complex, isMultiValued: true,
                parts: [
                    AttributeDefinition(name: "value", isCaseExact: true, mutability: "immutable"),
                    AttributeDefinition(
                        name: "$ref", kind: .reference, isCaseExact: true, mutability: "immutable",
                        referenceTypes: ["User", "Group"]),
                    AttributeDefinition(name: "type", mutability: "immutable", canonical: ["User", "Group"]),
                    AttributeDefinition(name: "display", mutability: "readOnly"),
                ]),
        ])
}

/// The schemas of one kind of resource: core and extensions.
struct ResourceSchemas: Sendable {
    let core: SchemaDefinition
    let extensions: [SchemaDefinition]

    static func of(_ kind: ResourceKind) -> ResourceSchemas {
        kind == .user
            ? ResourceSchemas(core: .user, extensions: [.enterpriseUser])
            : ResourceSchemas(core: .group, extensions: [])
    }

    /// Whether values at a path are compared with case.
    func isCaseExact(_ path: String) -> Bool {
        var names = path
        if let colon = path.lastIndex(of: ":") { names = String(path[path.index(after: colon)...]) }
        let parts = names.split(separator: ".").map(String.init)
        guard let first = parts.first else { return false }
        if ["id", "externalId", "meta"].contains(where: { $0.lowercased() == first.lowercased() }) { return true }
        let attribute = core.attribute(first) ?? extensions.lazy.compactMap { $0.attribute(first) }.first
        guard let attribute else { return false }
        if parts.count > 1 { return attribute.part(parts[1])?.isCaseExact ?? false }
        return attribute.kind == .complex ? attribute.part("value")?.isCaseExact ?? false : attribute.isCaseExact
    }
}
