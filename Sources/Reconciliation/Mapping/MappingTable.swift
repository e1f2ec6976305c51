import Directory
import Foundation
import HTTP
import Jobs
import JSON
import Ledger
import Provisioning
import SCIM
import Planning

/// The mapping of one kind: the attributes that are compared and written, in the order of their names' bytes.
struct MappingTable: Hashable, Sendable {
    /// Bytes that a value of a record may have.
    static let longest = 8 << 10

    let kind: ResourceKind
    let attributes: [AttributeMapping]
    private let byName: [String: AttributeMapping]
    private let protected: GlobPatterns
    let rules: [Profile.AttributeRule]
    private let isLowercased: Bool
    private let cutNameFrom: String?
    private let harmlessRoles: Set<String>
    /// The calling code of telephone numbers that have none.
    private let phoneRegion: String?
    private let protectedGroups: GlobPatterns

    /// The platform's default mapping with the job's overrides.
    init(kind: ResourceKind, job: Job, profile: Profile) {
        self.kind = kind
        var rules = Dictionary((profile.mapping[kind] ?? []).map { ($0.attribute, ValueRule($0)) }) { first, _ in first
        }
        for (name, rule) in job.mapping[kind] ?? [:] { rules[name] = rule.map { ValueRule($0) } }
        let insensitive = profile.caseInsensitive[kind] ?? []
        let required = Set((profile.rules[kind] ?? []).filter(\.isRequired).map(\.attribute))
        attributes = rules.compactMap { name, rule in
            AttributePath(name).map { path in
                AttributeMapping(
                    compared: ComparedAttribute(
                        name: name, path: path, isCaseInsensitive: insensitive.contains(name),
                        isCritical: [kind.nameAttribute, "externalId", "active"].contains(name)),
                    rule: rule, isRequired: required.contains(name),
                    isImmutable: profile.immutable[kind]?.contains(name) ?? false)
            }
        }.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
        byName = Dictionary(attributes.map { ($0.name, $0) }) { first, _ in first }
        self.rules = profile.rules[kind] ?? []
        isLowercased = profile.isLowercased && kind == .user
        cutNameFrom = profile.cutNameFrom
        func patterns(_ kind: ResourceKind) -> GlobPatterns {
            GlobPatterns((profile.protected[kind] ?? []) + (job.protect[kind] ?? []))
        }
        protected = patterns(kind)
        protectedGroups = patterns(.group)
        harmlessRoles = job.existing.harmlessRoles
        phoneRegion = job.phoneRegion
    }

    func attribute(_ name: String) -> AttributeMapping? { byName[name] }

    func isProtected(_ name: String) -> Bool { protected.matches(name) }

    /// What is wrong with the name of a target attribute in a job file; nil for a good one.
    static func complaint(_ kind: ResourceKind, _ name: String) -> String? {
        guard let path = AttributePath(name) else { return "“\(name)” is no attribute path" }
        let reserved = ["id", "meta", "schemas", "members", "groups", "password"]
        if path.schema == nil, reserved.contains(path.attribute.lowercased()) { return "“\(name)” cannot be mapped" }
        // SCIM ignores case in names; two spellings would be two rules for one attribute.
        let known = (Profile.generic.mapping[kind] ?? []).map(\.attribute).first {
            $0.lowercased() == name.lowercased()
        }
        if let known { return known == name ? nil : "“\(name)” is spelled \(known)" }
        guard path.schema == nil else { return nil }
        // A slip would be written to every account, and what it should have been would go on as it was.
        let core = CoreSchema.attributes(kind)
        guard let parts = core[path.attribute] else {
            let near =
                core.keys.sorted().first { $0.lowercased() == path.attribute.lowercased() }
                ?? core.keys.sorted().first { NodeReader.isNear($0, path.attribute) }
            return
                """
                “\(name)” is no attribute of SCIM's core schema\
                \(near.map { "; did you mean “\($0)”?" } ?? ", and one of an extension begins with its URN")
                """
        }
        if let part = path.subAttribute, !parts.contains(part) {
            return
                """
                “\(path.attribute)” has no part “\(part)”\
                \(parts.isEmpty ? "" : "; it has \(parts.joined(separator: ", "))")
                """
        }
        return nil
    }

    // MARK: the source side

    /// What the source wants of one record: the attributes, folded keys, and what is wrong with it.
    struct Desired {
        var name = ""
        var externalID: String?
        var matchKey = ""
        var body = ""
        var digest: [UInt8] = []
        var active: Bool?
        /// Why nothing of the record may be believed.
        var problem: String?
        /// Attributes that cannot be sent as they are, each with the rule that it breaks: they are left out, and the
        /// rest goes on.
        var flaws: [String] = []
        /// Whether no object can be made of it as it is.
        var lacksWhatIsNeeded = false
        /// Whether it is not known if the record is let in.
        var isStatusUnreadable = false
        var note: String?
    }

    /// - Parameter now: seconds since 1970, for accounts that expire.
    func desired(_ record: DirectoryRecord, now: Double) -> Desired {
        var result = Desired()
        result.problem = record.problem
        let (fields, unreadablePhone) = prepared(record)
        if kind == .user { judgeStatus(fields, record.unreadable, now, &result) }
        var body: [String: JSONValue] = [:]
        var name: String?
        var mark: String?
        for attribute in attributes {
            if attribute.name == "active" {
                if result.isStatusUnreadable { continue }
                let (active, note) = Self.active(
                    attribute.rule.value(fields), expires: fields["accountExpireTime"], now: now)
                result.active = active
                result.note = note
                // Left out where the source does not say: `active` is then left alone.
                if let active { body["active"] = .bool(active) }
                continue
            }
            let value = value(of: attribute, fields, record)
            if attribute.name == kind.nameAttribute { name = value }
            if attribute.name == "externalId" { mark = value }
            let complaints =
                unreadable(attribute, record) ?? self.complaints(of: attribute, value, unreadablePhone)
            guard complaints.isEmpty else {
                // Left alone, neither set nor cleared.
                result.flaws += complaints
                if attribute.isCritical || attribute.isRequired { result.lacksWhatIsNeeded = true }
                continue
            }
            body[attribute.name] = value.map { .string($0) } ?? .null
        }
        if result.isStatusUnreadable { result.lacksWhatIsNeeded = true }
        // What holds control characters is not acceptable, and is known by a name that is nobody's: SQLite would end a
        // text at a NUL.
        func known(_ text: String?) -> String? { text.map { $0.hasControls ? $0.visible : $0 } }
        result.name = known(name) ?? ""
        result.externalID = known(mark)
        result.matchKey = folded(result.name)
        // A record without a name must not collide with others of the kind.
        if result.name.isEmpty { result.matchKey = "\u{1}\(record.id)" }
        (result.body, result.digest) = written(body)
        return result
    }

    /// A record's fields with what is made of several of them, and why there is no telephone number of it.
    private func prepared(_ record: DirectoryRecord) -> (fields: [String: String], unreadablePhone: String?) {
        var fields = record.fields
        guard kind == .user else { return (fields, nil) }
        // Made here from region and number, never taken as it comes.
        fields["phone"] = nil
        // What a SCIM source splits already is not split again.
        if let given = fields["givenName"], fields["displayName"] == nil {
            fields["displayName"] = [given, fields["familyName"]].compactMap { $0 }.joined(separator: " ")
        }
        switch PhoneNumbers.read(region: fields["phoneRegion"] ?? phoneRegion, number: fields["phoneNumber"]) {
        case .absent: break
        case .number(let number): fields["phone"] = number
        case .unreadable(let why): return (fields, "phoneNumber: \(why)")
        }
        return (fields, nil)
    }

    /// What an attribute is to be, before it is judged.
    private func value(of attribute: AttributeMapping, _ fields: [String: String], _ record: DirectoryRecord)
        -> String?
    {
        var value = attribute.rule.value(fields)
        if let split = Self.splitName(attribute, record.fields) { value = split }
        // A platform that asks for both parts gets the whole name where the other part is all there is.
        if value == nil, attribute.isRequired, attribute.rule.part == .given || attribute.rule.part == .family {
            value = attribute.rule.whole(fields)
        }
        // Never externalId: it is an id of the source's, compared as it is.
        if isLowercased, attribute.name != "externalId" { value = value?.lowercased() }
        // What follows is replaced by the platform's own: two records that differ there alone want one name.
        if attribute.name == kind.nameAttribute, let cut = cutNameFrom, let place = value?.range(of: cut) {
            value = value.map { String($0[..<place.lowerBound]) }
        }
        return value
    }

    /// The name parts of a source that has them, where the mapping is the default one.
    private static func splitName(_ attribute: AttributeMapping, _ fields: [String: String]) -> String? {
        guard attribute.rule.fields == ["displayName"], let part = attribute.rule.part else { return nil }
        return part == .given ? fields["givenName"] : fields["familyName"]
    }

    /// Whether the source disables a user explicitly, mapped or not.
    static func isDisabled(_ record: DirectoryRecord, now: Double) -> Bool {
        active(record.fields["status"], expires: record.fields["accountExpireTime"], now: now).0 == false
    }

    /// Whether it can be told if a record is let in. What is explicitly disabled, or has expired, is out, whatever else
    /// cannot be read.
    private func judgeStatus(
        _ fields: [String: String], _ unreadable: Set<String>, _ now: Double, _ result: inout Desired
    ) {
        let rule = attribute("active")?.rule
        let text = rule.map { $0.value(fields) } ?? fields["status"]
        let lost = unreadable.filter { field in
            field == "accountExpireTime" || rule.map { $0.reads(field, of: fields) } ?? (field == "status")
        }
        // What is explicit, or has expired, is out; a default in the place of what cannot be read says nothing.
        let isDefault = lost.contains { $0 != "accountExpireTime" }
        if Self.active(isDefault ? nil : text, expires: fields["accountExpireTime"], now: now).0 == false { return }
        for field in lost.sorted() {
            result.isStatusUnreadable = true
            result.flaws.append("\(field): \(Self.noScalar), so whether the record is let in cannot be told")
        }
        if let expiry = fields["accountExpireTime"], case .unreadable = Expiry(expiry) {
            result.isStatusUnreadable = true
            result.flaws.append(
                """
                accountExpireTime: “\(expiry.visible)” is neither milliseconds since 1970 nor a time such as \
                2026-12-24T00:00:00Z, so whether the account has expired cannot be told
                """
            )
        }
        if case .unreadable(let text) = Self.status(text) {
            result.isStatusUnreadable = true
            result.flaws.append(
                """
                \(rule?.fields.first ?? "status"): “\(text.visible)” is neither enabled nor disabled, so whether \
                the record is let in cannot be told
                """
            )
        }
    }

    private static let noScalar = "holds neither a text, a number nor a truth value"

    /// What is to be said of an attribute that is made of fields which cannot be read; nil where all can be.
    private func unreadable(_ attribute: AttributeMapping, _ record: DirectoryRecord) -> [String]? {
        guard !record.unreadable.isEmpty else { return nil }
        let rule = attribute.rule
        let lost = record.unreadable.filter { field in
            switch field {
            // Parts that a source has are taken before the split, and stand for a name that it has not.
            case "givenName", "familyName":
                rule.reads(field, of: record.fields)
                    || rule.reads("displayName") && rule.isMade(of: field, where: record.fields)
            case DirectoryFields.anyCustom: rule.lacksCustom(record.fields)
            case "phoneRegion", "phoneNumber": rule.reads("phone") || rule.reads(field, of: record.fields)
            default: rule.reads(field, of: record.fields)
            }
        }
        return lost.isEmpty ? nil : lost.sorted().map { "\(attribute.name): the source's \($0) \(Self.noScalar)" }
    }

    private static let noStatus = "has no status; active is left alone"

    /// Only an explicit “disabled”, or an expiry that has passed, says false. What says nothing leaves `active` alone.
    private static func active(_ status: String?, expires: String?, now: Double) -> (Bool?, String?) {
        if let text = expires, case .at(let seconds) = Expiry(text), seconds < now { return (false, nil) }
        switch Self.status(status) {
        case .enabled: return (true, nil)
        case .disabled: return (false, nil)
        case .absent: return (nil, noStatus)
        case .unreadable: return (nil, nil)
        }
    }

    private enum Status { case enabled, disabled, absent, unreadable(String) }

    private static func status(_ text: String?) -> Status {
        switch text {
        case "enabled", "true": .enabled
        case "disabled", "false": .disabled
        case nil, "": .absent
        case let other?: .unreadable(other)
        }
    }

    // MARK: the target side

    /// What the target holds of one resource, cut to the mapped attributes.
    struct Actual {
        var id: String
        var name: String
        var externalID: String?
        var matchKey: String
        var body: String
        var digest: [UInt8]
        var active: Bool?
        /// Mapped attributes that have a value.
        var carried: [String]
        /// What shows that more hangs on the object than a name: a right that an account has, or a group among a
        /// group's members. nil for nothing.
        var rights: String?
        /// When it was made, in seconds since 1970, as it says itself.
        var created: Double?
        /// Its e-mail addresses of any type, folded, each between line feeds; nil for none.
        var mails: String?
    }

    /// nil when the resource has no id.
    func actual(_ resource: ShownResource) -> Actual? {
        guard let id = resource.id else { return nil }
        var body: [String: JSONValue] = [:]
        var carried: [String] = []
        let active: Bool? = if case .active(let value) = resource.access { value } else { nil }
        for attribute in attributes {
            let value = attribute.path.value(in: resource)
            if value != nil { carried.append(attribute.name) }
            body[attribute.name] =
                attribute.name == "active" ? active.map { .bool($0) } ?? .null : Self.normalised(value)
        }
        var name = resource.text(kind.nameAttribute) ?? ""
        if let cut = cutNameFrom, let place = name.range(of: cut) {
            name = String(name[..<place.lowerBound])
            if body[kind.nameAttribute] != nil { body[kind.nameAttribute] = .string(name) }
        }
        let (canonical, digest) = written(body)
        return Actual(
            id: id, name: name, externalID: resource.externalID, matchKey: folded(name), body: canonical,
            digest: digest,
            active: active, carried: carried,
            rights: kind == .user
                ? Rights.ofUser(resource, harmless: harmlessRoles, protectedGroups: protectedGroups)
                : Rights.ofGroup(resource),
            created: resource.created.flatMap { Timestamp.seconds($0) },
            mails: kind == .user ? Self.mails(resource) : nil)
    }

    /// A body without one attribute, which is then neither set nor cleared, with its digest.
    func without(_ attribute: String, _ body: String) -> (body: String, digest: [UInt8]) {
        var values = Body.values(body)
        values[attribute] = nil
        return written(values)
    }

    /// A body as that of an account that is not active, with its digest.
    func inactive(_ body: String) -> (body: String, digest: [UInt8]) {
        var values = Body.values(body)
        if attribute("active") != nil { values["active"] = .bool(false) }
        return written(values)
    }

    /// Servers write addresses without a type, or as plain texts.
    private static func mails(_ resource: ShownResource) -> String? {
        let found = resource.elements("emails").compactMap { $0.value.string }.filter { !$0.isEmpty }.map { folded($0) }
        return found.isEmpty ? nil : "\n\(found.joined(separator: "\n"))\n"
    }

    /// What is mapped is text, but for `active`: a number is its digits.
    private static func normalised(_ value: JSONValue?) -> JSONValue {
        guard let value else { return .null }
        if case .integer(let number) = value { return .string(String(number)) }
        return value
    }

    // MARK: comparing

    /// A body in its canonical form, with the digest of what is compared of it.
    private func written(_ body: [String: JSONValue]) -> (body: String, digest: [UInt8]) {
        let canonical = JSONValue.object(body).canonical
        var comparable = body
        var isFolded = true
        for attribute in attributes where attribute.compared.isCaseInsensitive {
            guard let text = body[attribute.name]?.string else { continue }
            let bare = folded(text)
            // As bytes: equal texts may be other letters.
            if bare.utf8.elementsEqual(text.utf8) { continue }
            comparable[attribute.name] = .string(bare)
            isFolded = false
        }
        return (canonical, Digest.short(isFolded ? canonical : JSONValue.object(comparable).canonical))
    }
}
