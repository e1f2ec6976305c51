import JSON
import SCIM

/// A user or group of the source, in the field names of IDaaS' developer API.
public struct DirectoryRecord: Hashable, Sendable {
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
    /// Fields that are there and hold neither a text, a number nor a truth value: what is made of them is left alone.
    public var unreadable: Set<String> = []
    /// What nobody can read of the record as a whole; the record is then held and named.
    public var problem: String?

    public init(
        kind: ResourceKind, id: String, fields: [String: String], units: [String] = [], members: [String] = [],
        place: String, problem: String? = nil
    ) {
        self.kind = kind
        self.id = id
        self.fields = fields
        self.units = units
        self.members = members
        self.place = place
        self.problem = problem
    }
}

/// An organizational unit and the one above it.
public struct DirectoryUnit: Hashable, Sendable {
    public var id: String
    public var name: String?
    public var parent: String?

    public init(id: String, name: String? = nil, parent: String? = nil) {
        self.id = id
        self.name = name
        self.parent = parent
    }
}

/// How a document writes field names: `userId`, or `UserId` as the management API does.
enum FieldStyle: Sendable {
    case lowerCamel
    case upperCamel

    /// A field's name as the document writes it.
    func written(_ name: String) -> String {
        self == .lowerCamel ? name : name.prefix(1).uppercased() + name.dropFirst()
    }
    /// A name of the document as this project writes it.
    func read(_ name: String) -> String { self == .lowerCamel ? name : name.prefix(1).lowercased() + name.dropFirst() }
}

extension JSONView {
    /// The member that holds a field, in the document's style.
    func field(_ name: String, _ style: FieldStyle) -> JSONView? { self[style.written(name)] }
}

extension DirectoryRecord {
    /// Reads a record as IDaaS and directory files write it; nil when it has no id, or one
    /// that leads elsewhere in a path.
    ///
    /// Absent, null and empty are one; fields that no mapping can name are passed over.
    ///
    /// - Parameter unknown: told of each field that nobody knows.
    init?(
        _ kind: ResourceKind, _ view: JSONView, _ style: FieldStyle, place: String, unknown: (String) -> Void = { _ in }
    ) {
        let idField = kind == .user ? "userId" : "groupId"
        guard view.kind == .object, let id = view.field(idField, style)?.scalarText, ResourceID.isOnePart(id)
        else { return nil }
        var record = DirectoryRecord(kind: kind, id: id, fields: [idField: id], place: place)
        view.forEachMember { written, value in
            let name = style.read(written)
            let isKnown = DirectoryFields.complaint(kind, name) == nil && name != "phone"
            if !isKnown, !DirectoryFields.silent.contains(name) { unknown(name) }
            switch (name, value.kind) {
            case (idField, _), (_, .null): break
            case ("organizationalUnits", .array) where kind == .user: record.readUnits(value, style)
            case ("members", .array) where kind == .group: record.readMembers(value, style)
            case ("customFields", .array):
                value.forEachElement { field in
                    if field.isNull { return }
                    // Without its name it may be any of them.
                    guard let name = field.field("fieldName", style)?.string else {
                        record.unreadable.insert(DirectoryFields.anyCustom)
                        return
                    }
                    record.setCustom(name, field.field("fieldValue", style))
                }
            case ("customFields", .object):
                value.forEachMember { name, field in record.setCustom(name, field) }
            case ("organizationalUnits", _), ("members", _), ("customFields", _):
                record.problem = "\(name): must be a list"
            default:
                if !isKnown { break }
                if let text = value.scalarText {
                    record.set(name, text)
                } else {
                    record.unreadable.insert(name)
                }
            }
        }
        self = record
    }

    /// The record without what IDaaS shows of single records only.
    var asListed: DirectoryRecord {
        var copy = self
        copy.fields = fields.filter { !DirectoryFields.isDetail($0.key) }
        copy.units = []
        return copy
    }

    /// For times, 0 and −1 mean not set as well.
    private mutating func set(_ name: String, _ value: String?) {
        guard let value, !value.isEmpty, !(name.hasSuffix("Time") && (value == "0" || value == "-1")) else { return }
        fields[name] = value
    }

    private mutating func setCustom(_ name: String, _ value: JSONView?) {
        let field = "customFields.\(name)"
        guard let value, !value.isNull else { return }
        if let text = value.scalarText { set(field, text) } else { unreadable.insert(field) }
    }

    private mutating func readUnits(_ list: JSONView, _ style: FieldStyle) {
        list.forEachElement { element in
            guard let unit = element.scalarText ?? element.field("organizationalUnitId", style)?.scalarText else {
                return
            }
            units.append(unit)
            if element.field("primary", style)?.bool == true {
                set("organizationalUnitName", element.field("organizationalUnitName", style)?.string)
                set("primaryOrganizationalUnitId", unit)
            }
        }
    }

    private mutating func readMembers(_ list: JSONView, _ style: FieldStyle) {
        list.forEachElement { element in
            if let user = element.scalarText ?? element.field("userId", style)?.scalarText {
                members.append(user)
            } else {
                problem = "members: must be a list of user ids"
            }
        }
    }
}

/// The source fields that a mapping may name.
public enum DirectoryFields {
    public static let user = [
        "userId", "username", "displayName", "email", "phoneRegion", "phoneNumber", "phone", "status", "userExternalId",
        "description", "givenName", "familyName",
        "accountExpireTime", "preferredLanguage", "primaryOrganizationalUnitId", "organizationalUnitName",
    ]
    /// A custom field that has no name.
    public static let anyCustom = "customFields"

    public static let group = ["groupId", "groupName", "description", "groupExternalId"]

    /// Fields that the developer API delivers and that no mapping reads; they are passed over without a word.
    static let silent: Set<String> = [
        "emailVerified", "phoneNumberVerified", "lockExpireTime", "passwordExpireTime", "registerTime", "createTime",
        "updateTime", "passwordSet", "userSourceType", "userSourceId",
        "instanceId", "groups", "groupSourceType", "groupSourceId", "organizationalUnits", "customFields", "members",
    ]

    /// What is wrong with a field's name; nil for a good one.
    public static func complaint(_ kind: ResourceKind, _ field: String) -> String? {
        let known = kind == .user ? user : group
        if known.contains(field) || kind == .user && field.hasPrefix("customFields.") && field.utf8.count > 13 {
            return nil
        }
        return
            """
            the source has no field “\(field)” (it has \(known.joined(separator: ", "))\
            \(kind == .user ? ", customFields.NAME" : ""))
            """
    }

    /// Whether IDaaS gives a field only for one user at a time, so that it costs a request for each of them.
    public static func isDetail(_ field: String) -> Bool {
        ["preferredLanguage", "primaryOrganizationalUnitId", "organizationalUnitName"].contains(field)
            || field.hasPrefix("customFields.")
    }
}
