import Foundation
import JSON
import SCIM

/// How one platform behaves, as data: a profile says what is special, and the rest is as RFC 7644 has it. Its digest is
/// part of every plan: a plan that was made under another profile is stale.
public struct Profile: Hashable, Codable, Sendable {
    /// The name in job files.
    public var name: String
    /// The name for people: the product page's own.
    public var displayName: String
    /// Whether groups exist there.
    public var takesGroups = true
    /// What can be read of the accounts that are there.
    public var listing: Listing
    /// A list that ends at this many is cut off; nil where lists are whole.
    public var listCap: Int?
    /// Attributes that can be filtered by; nil for any.
    public var filterable: Set<String>?
    /// How an account that is there already becomes ours.
    public var existing: Existing
    public var hasActiveFlag = true
    /// What the server can do, where that is a fact of the platform; nil asks the server.
    public var capabilities: Capabilities?
    /// Where each attribute comes from unless the job says otherwise.
    public var mapping: [ResourceKind: [DefaultMapping]]
    /// Attributes of users that exist there, where those are few; nil for any.
    public var userAttributes: Set<String>?
    /// Attributes that the platform compares without case, by path.
    public var caseInsensitive: [ResourceKind: Set<String>]
    /// Whether every value of a user is sent in lower case, but externalId.
    public var isLowercased = false
    /// Attributes that are set once and never changed: a difference is reported, never sent.
    public var immutable: [ResourceKind: Set<String>] = [:]
    /// What the platform asks of values; all of it is judged while planning.
    public var rules: [ResourceKind: [AttributeRule]]
    /// A suffix that the platform shows behind names and that is cut before they are compared, from this text on.
    public var cutNameFrom: String?
    /// How a member is removed. A fact, never tried in another form: a server may take the wrong form for “all”.
    public var memberRemoval = MemberRemoval.pathFilter
    /// Members in one PATCH at the most.
    public var memberChunk = 100
    /// How members are read, in the order of trying; what worked is remembered.
    public var memberReading: [MemberReading]
    /// How a single account is looked up, in the order of trying.
    public var lookUp: [LookUp]
    /// What must be done before something can be deleted.
    public var deletion = Deletion()
    /// Glob patterns of names that are never touched.
    public var protected: [ResourceKind: [String]] = [:]
    public var requestsPerSecond: Double
    public var concurrency: Int
    /// Resources a page where the server does not say.
    public var pageSize = 100
    /// The media type of what is sent.
    public var mediaType = scimMediaType
    /// Whether a token has to come from an OAuth client.
    public var needsOAuth = false
    /// What was taken for granted where no document says.
    public var assumptions: [Assumption] = []
    /// Whether one address serves all tenants, and the credential says which.
    public var credentialChoosesTenant = false
    /// Multi-valued attributes of which the platform keeps one element: it is replaced whole.
    public var singleValued: Set<String> = []
    /// Whether an e-mail address is one account's alone.
    public var hasUniqueMails = false
    /// What helps where the platform refuses a record with a certain code: the code, and a sentence for the operator.
    public var advice: [String: String] = [:]

    public enum Listing: String, Hashable, Codable, Sendable {
        /// All of them, page by page.
        case pages
        /// One page without paging.
        case single
        /// None: the ledger is all that is known, and drift cannot be seen.
        case none
    }

    public enum Existing: String, Hashable, Codable, Sendable {
        /// Found by look-up or list, and changed like any other.
        case associate
        /// A create of the same name takes the account over.
        case overwrite
        /// Seen, and never written.
        case never
    }

    /// A default rule of the mapping: the first of the fields that has a value.
    public struct DefaultMapping: Hashable, Codable, Sendable {
        public var attribute: String
        public var fields: [String]
        public var part: Part?

        public enum Part: String, Hashable, Codable, Sendable { case given, family }

        public init(_ attribute: String, _ fields: String..., part: Part? = nil) {
            self.attribute = attribute
            self.fields = fields
            self.part = part
        }
    }

    /// What a platform asks of an attribute's value.
    public struct AttributeRule: Hashable, Codable, Sendable {
        public var attribute: String
        public var isRequired: Bool
        /// Characters (Unicode scalars) at the least and at the most.
        public var length: ClosedRange<Int>?
        /// Characters beside ASCII letters and digits; nil for any character.
        public var signs: String?
        /// Characters that are refused.
        public var refusedSigns: String

        public init(
            _ attribute: String, isRequired: Bool = false, length: ClosedRange<Int>? = nil, signs: String? = nil,
            refusedSigns: String = ""
        ) {
            self.attribute = attribute
            self.isRequired = isRequired
            self.length = length
            self.signs = signs
            self.refusedSigns = refusedSigns
        }

        /// How a job gets rid of a sign without a change of the source.
        private static func help(_ attribute: String, _ sign: Unicode.Scalar) -> String {
            let other =
                attribute == "displayName" ? "another field, such as groupExternalId of a group" : "another field"
            let part = sign == "@" ? "part: local, " : ""
            return
                """
                mapping.\(attribute) with \(part)replace: { from: \"\(sign)\", to: \"-\" } or \(other) helps, or \
                correct it in the source
                """
        }

        /// What is wrong with a value; nil for a good one.
        public func complaint(_ value: String?) -> String? {
            guard let value, !value.isEmpty else {
                return isRequired
                    ? """
                    \(attribute): has no value, and the platform requires one; give it one in the source, or by \
                    mapping.\(attribute) with another field or a default
                    """
                    : nil
            }
            let count = value.unicodeScalars.count
            if let length, !length.contains(count) {
                return
                    """
                    \(attribute): “\(Self.shown(value))” has \(count) characters, and the platform takes \
                    \(length.lowerBound) to \(length.upperBound); correct it in the source, or let mapping.\
                    \(attribute) take another field
                    """
            }
            let allowed = signs.map { Set($0.unicodeScalars) }
            for scalar in value.unicodeScalars {
                let isPlain =
                    (0x30...0x39).contains(scalar.value) || (0x41...0x5A).contains(scalar.value)
                    || (0x61...0x7A).contains(scalar.value)
                if let allowed, !isPlain, !allowed.contains(scalar) {
                    return
                        """
                        \(attribute): “\(Self.shown(value))” has “\(scalar)”, and the platform takes letters, \
                        digits and \(signs ?? "") only; \(Self.help(attribute, scalar))
                        """
                }
                if refusedSigns.unicodeScalars.contains(scalar) {
                    return
                        """
                        \(attribute): “\(Self.shown(value))” has “\(scalar)”, which the platform refuses; \
                        \(Self.help(attribute, scalar))
                        """
                }
            }
            return nil
        }

        private static func shown(_ value: String) -> String { value.count > 40 ? value.prefix(40) + "…" : value }
    }

    public struct Deletion: Hashable, Codable, Sendable {
        /// A group is deleted only when nobody is in it.
        public var groupsMustBeEmpty: Bool
        /// A user is deleted only when it is in no group.
        public var usersMustLeaveGroups: Bool
        /// What keeps the platform from deleting somebody, and the remedy: for the report of a refusal.
        public var refusal: String?

        public init(groupsMustBeEmpty: Bool = false, usersMustLeaveGroups: Bool = false, refusal: String? = nil) {
            self.groupsMustBeEmpty = groupsMustBeEmpty
            self.usersMustLeaveGroups = usersMustLeaveGroups
            self.refusal = refusal
        }
    }

    public enum MemberRemoval: String, Hashable, Codable, Sendable {
        /// `remove` of `members[value eq "…"]`, one operation for each.
        case pathFilter
        /// `remove` of `members` with the values to remove, one operation for all. Elsewhere that empties the group.
        case valueList
    }
    public enum MemberReading: String, Hashable, Codable, Sendable {
        case inList, byID
        /// The users of a group by `groups.value`, or the groups of a user by `members.value`: whichever costs fewer
        /// requests.
        case byFilter
        /// What this job has written.
        case ledger
    }
    public enum LookUp: String, Hashable, Codable, Sendable { case filter, scan }
}

/// A platform without SCIM: it is refused, with what to use instead.
public struct RefusedPlatform: Hashable, Sendable {
    public var name: String
    public var displayName: String
    public var instead: String
    /// The platform of the same vendor that is served.
    public var alternative: String
}

extension Profile {
    /// All of the profile that decides something, as canonical JSON: equal for equal profiles, in every process. Sets
    /// are written in order; of the other lists the order has a meaning and is kept.
    public var canonical: String {
        // Words decide nothing.
        var deciding = self
        (deciding.assumptions, deciding.advice) = ([], [:])
        guard let data = try? JSONEncoder().encode(deciding), let value = try? JSONValue(parsing: Array(data)) else {
            return name
        }
        return Self.ordered(value, isSet: false).canonical
    }

    private static let sets: Set<String> = [
        "filterable", "userAttributes", "caseInsensitive", "immutable", "singleValued",
    ]

    private static func ordered(_ value: JSONValue, isSet: Bool) -> JSONValue {
        if let object = value.object {
            return .object(
                Dictionary(object.map { ($0, ordered($1, isSet: isSet || sets.contains($0))) }) { first, _ in first })
        }
        guard let array = value.array else { return value }
        let elements = array.map { ordered($0, isSet: isSet) }
        return .array(
            isSet ? elements.sorted { $0.canonical.utf8.lexicographicallyPrecedes($1.canonical.utf8) } : elements)
    }

    /// The profiles that this version serves, in the order of the table.
    public static let all: [Profile] = [
        .ram, .cloudSSO, .huaweiIdentityCenter, .tencentIdentityCenter, .volcengineIdentityCenter, .awsIdentityCenter,
        .generic,
    ]

    /// Profiles that stand beside those for a while: of a platform that is tried before it is served.
    @TaskLocal package static var guests: [Profile] = []

    public static var served: [Profile] { all + guests }

    public static func named(_ name: String) -> Profile? { served.first { $0.name == name } }

    /// What IDaaS' own push maps unless it is told otherwise, as far as it is documented.
    static let usualUserMapping = [
        DefaultMapping("userName", "username"), DefaultMapping("externalId", "userId"),
        DefaultMapping("displayName", "displayName", "username"),
        DefaultMapping("name.givenName", "displayName", part: .given),
        DefaultMapping("name.familyName", "displayName", part: .family), DefaultMapping("active", "status"),
        DefaultMapping("emails[work]", "email"),
    ]
    static let usualGroupMapping = [
        DefaultMapping("displayName", "groupName"), DefaultMapping("externalId", "groupId"),
    ]
}

/// What a profile takes for granted where no document settles it.
public struct Assumption: Hashable, Codable, Sendable {
    /// What is done as if it were so.
    public var statement: String
    /// What was found out about it, and where.
    public var found: String

    public init(_ statement: String, found: String) {
        self.statement = statement
        self.found = found
    }
}
