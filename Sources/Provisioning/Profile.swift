import SCIM

/// How one platform behaves, as data. Its digest is part of every plan: a plan that was made under another profile is stale.
public struct Profile: Hashable, Codable, Sendable {
    /// The name in job files.
    public var name: String
    /// The name for people.
    public var displayName: String
    /// Whether groups exist there.
    public var takesGroups: Bool
    /// Whether existing accounts can be seen, and whether they can be made ours.
    public var canList: Bool
    public var canAssociate: Bool
    public var hasActiveFlag: Bool
    /// Attributes that the platform compares without case, by path.
    public var caseInsensitive: [ResourceKind: Set<String>]
    /// Attributes without which the platform refuses a record.
    public var required: [ResourceKind: [String]]
    /// How a member is removed. A fact, never tried in another form: a server may take the wrong form for “all”.
    public var memberRemoval: MemberRemoval
    /// Members in one PATCH at the most.
    public var memberChunk: Int
    /// How members are read, in the order of trying; what worked is remembered.
    public var memberReading: [MemberReading]
    /// How a single account is looked up, in the order of trying.
    public var lookUp: [LookUp]
    /// Glob patterns of names that are never touched.
    public var protected: [ResourceKind: [String]]
    public var requestsPerSecond: Double
    public var concurrency: Int
    /// Resources a page where the server does not say.
    public var pageSize: Int
    /// What was taken for granted where no document says.
    public var assumptions: [String]

    public enum MemberRemoval: String, Hashable, Codable, Sendable { case pathFilter }
    public enum MemberReading: String, Hashable, Codable, Sendable { case inList, byID }
    public enum LookUp: String, Hashable, Codable, Sendable { case filter, scan }
}

extension Profile {
    /// The profiles that this version serves, in the order of the table.
    public static let all: [Profile] = [.generic]

    public static func named(_ name: String) -> Profile? { all.first { $0.name == name } }
}
