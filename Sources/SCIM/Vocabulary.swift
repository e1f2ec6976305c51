/// The URNs of RFC 7643 and RFC 7644.
public enum SchemaURN {
    public static let user = "urn:ietf:params:scim:schemas:core:2.0:User"
    public static let group = "urn:ietf:params:scim:schemas:core:2.0:Group"
    public static let enterpriseUser = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
    public static let listResponse = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
    public static let patchOp = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
    public static let error = "urn:ietf:params:scim:api:messages:2.0:Error"
    public static let serviceProviderConfig = "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"
    public static let resourceType = "urn:ietf:params:scim:schemas:core:2.0:ResourceType"
    public static let schema = "urn:ietf:params:scim:schemas:core:2.0:Schema"
}

/// The two kinds of resource that are provisioned. The raw value is the row value of the ledger.
public enum ResourceKind: Int, Hashable, Sendable, CaseIterable, Codable, CodingKeyRepresentable {
    case user = 0
    case group = 1

    /// Below the base URL.
    public var endpoint: String { self == .user ? "/Users" : "/Groups" }
    public var schema: String { self == .user ? SchemaURN.user : SchemaURN.group }
    /// The attribute that names a resource for people and is unique by rule or by habit.
    public var nameAttribute: String { self == .user ? "userName" : "displayName" }
    public var singular: String { self == .user ? "user" : "group" }
    public var plural: String { self == .user ? "users" : "groups" }

    /// By the word that job files use.
    public init?(plural: String) {
        guard let kind = Self.allCases.first(where: { $0.plural == plural }) else { return nil }
        self = kind
    }
}

/// The media type of RFC 7644, section 3.1.
public let scimMediaType = "application/scim+json"
