import SCIM

/// A user or group of the source, in the field names of IDaaS' developer API.
public struct DirectoryRecord: Sendable {
    public var kind: ResourceKind
    /// The id that never changes: `userId` or `groupId`.
    public var id: String
    /// Scalar fields as text; absent, null and empty are all absent. Custom fields as `customFields.NAME`.
    public var fields: [String: String]
    /// Ids of the organizational units of a user.
    public var units: [String]
    /// Ids of the users in a group.
    public var members: [String]
    /// Where the record stands, for messages: `line 12`.
    public var place: String
    /// A field that cannot be read, and why; the record is then held and named.
    public var problem: String?

    public init(kind: ResourceKind, id: String, fields: [String: String], units: [String] = [], members: [String] = [], place: String, problem: String? = nil) {
        self.kind = kind
        self.id = id
        self.fields = fields
        self.units = units
        self.members = members
        self.place = place
        self.problem = problem
    }
}

/// What a source delivers, in any order.
public enum DirectoryItem: Sendable {
    case record(DirectoryRecord)
    /// An organizational unit and the one above it.
    case unit(id: String, parent: String?)
}

/// Why a read of the source is believed to be whole, or what speaks against it.
public struct ReadEvidence: Hashable, Sendable {
    /// In words, for the report: “one document, read to its end”.
    public var statement: String
    /// Rules that the read broke; empty for a complete one.
    public var violations: [String]
    /// What is remarkable and no obstacle, such as a field that nobody knows.
    public var notes: [String] = []

    public init(statement: String, violations: [String] = []) {
        self.statement = statement
        self.violations = violations
    }
}

/// The source side: reads every user and group once.
public protocol DirectorySource: Sendable {
    /// What the source is, for the ledger's binding: another value is another source.
    var identity: String { get }
    /// Hands every item to `deliver`. Throws `DirectoryFailure` when the read breaks off.
    func read(_ deliver: (DirectoryItem) throws -> Void) async throws -> ReadEvidence
}

/// Why a source could not be read to its end.
public enum DirectoryFailure: Error, Sendable, CustomStringConvertible {
    /// It cannot be reached.
    case unreachable(String)
    case credentials(String)
    /// It was reached, and what came is cut off or malformed: nothing can be said about who is not in it.
    case broken(String)

    public var description: String {
        switch self {
        case .unreachable(let why), .credentials(let why), .broken(let why): why
        }
    }
}

/// The source fields that a mapping may name.
public enum DirectoryFields {
    public static let user = [
        "userId", "username", "displayName", "email", "phoneRegion", "phoneNumber", "phone", "status", "userExternalId", "description", "givenName", "familyName",
        "preferredLanguage", "accountExpireTime",
    ]
    public static let group = ["groupId", "groupName", "description", "groupExternalId"]

    /// Fields that the developer API delivers and that no mapping reads; they are passed over without a word.
    static let silent: Set<String> = [
        "emailVerified", "phoneNumberVerified", "lockExpireTime", "passwordExpireTime", "registerTime", "createTime", "updateTime", "passwordSet", "userSourceType", "userSourceId",
        "instanceId", "primaryOrganizationalUnitId", "groups", "groupSourceType", "groupSourceId", "organizationalUnits", "customFields", "members",
    ]

    /// What is wrong with a field's name; nil for a good one.
    public static func complaint(_ kind: ResourceKind, _ field: String) -> String? {
        let known = kind == .user ? user : group
        if known.contains(field) || kind == .user && field.hasPrefix("customFields.") && field.utf8.count > 13 { return nil }
        return "the source has no field “\(field)” (it has \(known.joined(separator: ", "))\(kind == .user ? ", customFields.NAME" : ""))"
    }
}
