import JSON
import SCIM

/// What a vendor's SCIM server does that RFC 7644 does not say: rules of the platforms, written from their documents.
public struct VendorRules: Sendable {
    /// The path before `/Users`.
    public var path = "/scim/v2"
    /// Whether there are groups at all.
    public var hasGroups = true
    /// Whether `/ServiceProviderConfig` is answered.
    public var hasConfig = true
    /// Methods that are answered with 405.
    public var refusedMethods: Set<String> = []
    /// Top-level attributes of users that are kept, beside schemas and externalId; nil for all.
    public var keptUserAttributes: Set<String>?
    /// Whether what was made outside of SCIM, and so has no externalId, can be changed over it.
    public var writesToUnmanaged = true
    /// Whether what was made outside of SCIM is invisible to it.
    public var hidesUnmanaged = false
    /// Whether a create under the name of something invisible takes that over.
    public var takesOver = false
    /// Resources that a list has at the most, without a way to the rest; nil for none.
    public var listCap: Int?
    /// Whether `startIndex` is refused.
    public var refusesStartIndex = false
    /// Whether a cursor that is asked for is ignored, as older revisions do.
    public var ignoresCursor = false
    /// Attributes that may be filtered by; nil for all.
    public var filterable: Set<String>?
    /// Whether groups never show their members.
    public var hidesMembers = false
    /// Whether `groups.value` is no filter.
    public var refusesGroupsFilter = false
    /// Member changes in one PATCH at the most.
    public var mostMemberChanges = Int.max
    /// Whether `remove` of `members` takes a list of values; replacing members is then refused.
    public var takesMemberLists = false
    /// Methods on groups that are answered with 405.
    public var refusedGroupMethods: Set<String> = []
    /// Attributes of users that must be there, as paths.
    public var requiredOfUsers: [[String]] = []
    /// Whether a user has one e-mail address and one telephone number at the most.
    public var singleValues = false
    public var needsUserAgent = false
    /// Whether two users may not share an e-mail address or an externalId, and whether a duplicate is told without a
    /// scimType.
    public var hasUniqueMails = false
    public var tersesDuplicates = false
    /// Whether lists write numbers as text.
    public var writesNumbersAsText = false
    /// Attributes that cannot be changed.
    public var immutable: Set<String> = []
    /// Ids that DELETE refuses, with the reason.
    public var undeletable: [String: String] = [:]
    public var groupsMustBeEmpty = false
    public var usersMustLeaveGroups = false
    /// Characters of a userName and of a group's name, beside letters and digits; nil for any.
    public var userNameSigns: String?
    public var groupNameSigns: String?
    public var longestUserName = Int.max
    /// What is shown behind a userName.
    public var userNameSuffix = ""
    /// Whether a token answer gives its life as text.
    public var tellsLifeAsText = false

    public init() {}

    /// Alibaba Cloud RAM.
    public static let ram: VendorRules = {
        var rules = VendorRules()
        rules.hasGroups = false
        rules.hasConfig = false
        rules.refusedMethods = ["PATCH"]
        rules.keptUserAttributes = ["userName", "displayName"]
        rules.writesToUnmanaged = false
        rules.userNameSigns = ".-_"
        rules.longestUserName = 64
        rules.tellsLifeAsText = true
        return rules
    }()

    /// Alibaba Cloud CloudSSO.
    public static let cloudSSO: VendorRules = {
        var rules = VendorRules()
        rules.hidesUnmanaged = true
        rules.takesOver = true
        rules.groupsMustBeEmpty = true
        rules.immutable = ["userName"]
        rules.hasUniqueMails = true
        rules.userNameSigns = "@_-."
        rules.groupNameSigns = "_-."
        rules.longestUserName = 64
        return rules
    }()

    /// Volcengine Cloud Identity Center.
    public static let volcengine: VendorRules = {
        var rules = VendorRules()
        rules.hidesUnmanaged = true
        rules.usersMustLeaveGroups = true
        rules.longestUserName = 54
        return rules
    }()

    /// Huawei Cloud IAM Identity Center.
    public static let huawei: VendorRules = {
        var rules = VendorRules()
        rules.path = "/0a4f9c1de2b84c7ea5d36f80b1c92e47/scim/v2"
        rules.listCap = 50
        rules.refusesStartIndex = true
        rules.filterable = ["username", "displayname", "id"]
        rules.hidesMembers = true
        rules.refusedGroupMethods = ["PUT"]
        rules.mostMemberChanges = 100
        rules.requiredOfUsers = [["displayName"], ["name", "familyName"], ["name", "givenName"], ["emails"]]
        rules.singleValues = true
        rules.hasUniqueMails = true
        rules.tersesDuplicates = true
        rules.userNameSigns = "_+=,.@-"
        rules.longestUserName = 128
        rules.writesNumbersAsText = true
        return rules
    }()

    /// AWS IAM Identity Center.
    public static let aws: VendorRules = {
        var rules = VendorRules()
        rules.refusesStartIndex = true
        rules.hidesMembers = true
        rules.refusedGroupMethods = ["PUT"]
        rules.mostMemberChanges = 100
        rules.takesMemberLists = true
        rules.requiredOfUsers = [["displayName"], ["name", "familyName"], ["name", "givenName"]]
        rules.singleValues = true
        rules.needsUserAgent = true
        rules.hasUniqueMails = true
        rules.tersesDuplicates = true
        rules.longestUserName = 128
        return rules
    }()

    /// Tencent Cloud Identity Center.
    public static let tencent: VendorRules = {
        var rules = VendorRules()
        rules.immutable = ["userName"]
        rules.groupsMustBeEmpty = true
        rules.hasUniqueMails = true
        rules.usersMustLeaveGroups = true
        rules.userNameSigns = "+=,.@-_"
        rules.groupNameSigns = "-"
        rules.longestUserName = 64
        return rules
    }()

    /// What is wrong with a document; nil for a good one.
    func complaint(_ kind: ResourceKind, _ document: JSONValue, was current: JSONValue?) -> SCIMError? {
        let name = document[kind.nameAttribute]?.string ?? ""
        if let signs = kind == .user ? userNameSigns : groupNameSigns,
            name.contains(where: { !($0.isASCII && ($0.isLetter || $0.isNumber)) && !signs.contains($0) })
        {
            return SCIMError(
                status: 400, scimType: "invalidValue",
                detail: "\(kind.nameAttribute) has characters that are not allowed")
        }
        if kind == .user {
            for path in requiredOfUsers where path.reduce(document, { $0[$1] ?? .null }).isNull {
                return Self.unparsable
            }
            if singleValues, ["emails", "phoneNumbers"].contains(where: { document[$0]?.array?.count ?? 0 > 1 }) {
                return Self.unparsable
            }
        }
        if kind == .user, name.count > longestUserName {
            return SCIMError(status: 400, scimType: "invalidValue", detail: "userName is too long")
        }
        if let current {
            for attribute in immutable where kind == .user && current[attribute] != document[attribute] {
                return SCIMError(status: 400, scimType: "mutability", detail: "\(attribute) cannot be changed")
            }
            if !writesToUnmanaged, current["externalId"]?.string == nil {
                return SCIMError(status: 403, detail: "user is not managed by SCIM")
            }
        }
        return nil
    }
}

extension VendorRules {
    private static let unparsable = SCIMError(
        status: 400, detail: "Request is unparsable, syntactically incorrect, or violates schema.")

    /// What is wrong with a PATCH of a group, and the PATCH in the form that the engine knows.
    func groupPatch(_ document: JSONValue) throws -> JSONValue {
        guard takesMemberLists || mostMemberChanges != .max else { return document }
        var operations: [JSONValue] = []
        var changes = 0
        for operation in document["Operations"]?.array ?? [] {
            let verb = operation["op"]?.string?.lowercased() ?? ""
            let path = operation["path"]?.string ?? ""
            let values = operation["value"]?.array ?? []
            if path.hasPrefix("members") { changes += max(values.count, 1) }
            guard path == "members", takesMemberLists else {
                operations.append(operation)
                continue
            }
            guard verb != "replace", !values.isEmpty else { throw Self.unparsable }
            if verb == "remove" {
                operations += values.map {
                    [
                        "op": "remove",
                        "path": .string("members[value eq \(JSONValue.string($0["value"]?.string ?? "").canonical)]"),
                    ]
                }
            } else {
                operations.append(operation)
            }
        }
        guard changes <= mostMemberChanges else { throw Self.unparsable }
        var copy = document
        copy["Operations"] = .array(operations)
        return copy
    }
}

extension ServiceOptions {
    /// A server that behaves as a vendor's.
    public static func vendor(_ rules: VendorRules) -> ServiceOptions {
        var options = ServiceOptions()
        options.vendor = rules
        options.etag = false
        options.maxResults = 100
        options.patch = !rules.refusedMethods.contains("PATCH")
        options.checksMembers = true
        options.uniqueMails = rules.hasUniqueMails
        options.cursor = rules.takesMemberLists && !rules.ignoresCursor
        if rules.hidesMembers { options.answersPatchWithNoContent = false }
        if rules.keptUserAttributes != nil { options.lowercased = ["userName"] }
        return options
    }
}
