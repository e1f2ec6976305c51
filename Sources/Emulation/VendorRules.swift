import JSON
import SCIM

/// What a vendor's SCIM server does that RFC 7644 does not say: rules of the platforms, written from their documents.
public struct VendorRules: Sendable {
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
        rules.immutable = ["userName"]
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

    /// Tencent Cloud Identity Center.
    public static let tencent: VendorRules = {
        var rules = VendorRules()
        rules.immutable = ["userName"]
        rules.groupsMustBeEmpty = true
        rules.usersMustLeaveGroups = true
        rules.userNameSigns = "+=,.@-_"
        rules.groupNameSigns = "-"
        rules.longestUserName = 64
        return rules
    }()

    /// What is wrong with a document; nil for a good one.
    func complaint(_ kind: ResourceKind, _ document: JSONValue, was current: JSONValue?) -> SCIMError? {
        let name = document[kind.nameAttribute]?.string ?? ""
        if let signs = kind == .user ? userNameSigns : groupNameSigns, name.contains(where: { !($0.isASCII && ($0.isLetter || $0.isNumber)) && !signs.contains($0) }) {
            return SCIMError(status: 400, scimType: "invalidValue", detail: "\(kind.nameAttribute) has characters that are not allowed")
        }
        if kind == .user, name.count > longestUserName { return SCIMError(status: 400, scimType: "invalidValue", detail: "userName is too long") }
        if let current {
            for attribute in immutable where kind == .user && current[attribute] != document[attribute] {
                return SCIMError(status: 400, scimType: "mutability", detail: "\(attribute) cannot be changed")
            }
            if !writesToUnmanaged, current["externalId"]?.string == nil { return SCIMError(status: 403, detail: "user is not managed by SCIM") }
        }
        return nil
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
        if rules.keptUserAttributes != nil { options.lowercased = ["userName"] }
        return options
    }
}
