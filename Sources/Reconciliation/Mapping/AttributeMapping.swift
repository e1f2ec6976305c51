import Directory
import Jobs
import JSON
import Planning
import Provisioning
import SCIM

/// One target attribute and where its value comes from.
struct AttributeMapping: Hashable, Sendable, CustomStringConvertible {
    var compared: ComparedAttribute
    var rule: ValueRule
    var isRequired: Bool
    /// Whether the target takes it once and never changes it.
    var isImmutable: Bool

    var name: String { compared.name }
    var path: AttributePath { compared.path }
    var isCritical: Bool { compared.isCritical }

    /// What the digest of a mapping is made of, which ledgers keep: spelled as it was before the members that are
    /// compared became a value of their own.
    var description: String {
        """
        AttributeMapping(name: \(String(reflecting: name)), path: \(String(reflecting: path)), \
        rule: \(String(reflecting: rule)), isCaseInsensitive: \(compared.isCaseInsensitive), \
        isCritical: \(isCritical), isRequired: \(isRequired), isImmutable: \(isImmutable))
        """
    }
}

/// How a value comes about.
struct ValueRule: Hashable, Sendable {
    /// Source fields, the first that has a value counts.
    var fields: [String] = []
    var template: String?
    var fallback: String?
    var isLowercased = false
    var part: Job.MappingRule.Part?
    var replacement: Job.MappingRule.Replacement?

    init(_ fields: String..., part: Job.MappingRule.Part? = nil) {
        self.fields = fields
        self.part = part
    }

    /// A rule of the platform's default mapping.
    init(_ rule: Profile.DefaultMapping) {
        fields = rule.fields
        part = rule.part.map { $0 == .given ? .given : .family }
    }

    init(_ rule: Job.MappingRule) {
        fields = rule.from.map { [$0] } ?? []
        template = rule.template
        fallback = rule.fallback
        isLowercased = rule.lowercase
        part = rule.part
        replacement = rule.replacement
    }

    /// The fields whose value is sent as it is, first choice first; nil where the value is made of them.
    var plainFields: [String]? {
        fields.isEmpty || template != nil || part != nil || replacement != nil || isLowercased ? nil : fields
    }

    /// The value of which a name's part is one.
    func whole(_ fields: [String: String]) -> String? {
        var rule = self
        rule.part = nil
        return rule.value(fields)
    }

    /// Whether a field of the source goes into the value.
    func reads(_ field: String) -> Bool {
        fields.contains(field) || template.map { Job.MappingRule.places($0)?.contains(field) ?? false } ?? false
    }

    /// Whether a field would decide the value of a record that lacks it: no field before it has one.
    func reads(_ field: String, of fields: [String: String]) -> Bool {
        guard let place = self.fields.firstIndex(of: field) else { return reads(field) }
        return self.fields[..<place].allSatisfy { fields[$0] == nil }
    }

    /// Whether a part of a name, made of the displayName or in its place, comes of a field.
    func isMade(of field: String, where fields: [String: String]) -> Bool {
        let own = part == .given ? "givenName" : part == .family ? "familyName" : nil
        if own == field { return true }
        return fields["displayName"] == nil && (own.map { fields[$0] == nil } ?? true)
    }

    /// Whether it reads a custom field that a record does not have.
    func lacksCustom(_ fields: [String: String]) -> Bool {
        (self.fields + (template.flatMap { Job.MappingRule.places($0) } ?? [])).contains {
            $0.hasPrefix("customFields.") && fields[$0] == nil
        }
    }

    /// The value for a record's fields; nil for none.
    func value(_ fields: [String: String]) -> String? {
        var value: String?
        if let template {
            value = Self.fill(template, fields)
        } else {
            for field in self.fields where value == nil { value = fields[field] }
        }
        switch part {
        case .given: value = value.flatMap { PersonalNames.split($0).given }
        case .family: value = value.flatMap { PersonalNames.split($0).family }
        // Before the “@” of an address; what is none is taken whole.
        case .local:
            value = value.map { text in text.lastIndex { $0 == "@" || $0 == "＠" }.map { String(text[..<$0]) } ?? text }
        case nil: break
        }
        if let replacement { value = value?.replacing(replacement.from, with: replacement.to) }
        if value?.isEmpty ?? true { value = fallback }
        return isLowercased ? value?.lowercased() : value
    }

    private static func fill(_ template: String, _ fields: [String: String]) -> String? {
        var text = ""
        var name: String?
        for character in template {
            if character == "{" {
                name = ""
            } else if character == "}", let field = name {
                guard let value = fields[field] else { return nil }
                text += value
                name = nil
            } else if name != nil {
                name?.append(character)
            } else {
                text.append(character)
            }
        }
        return text
    }
}

extension MappingTable {
    /// Whether two values of an attribute count as equal at the target. Bytes count, not canonical equivalence.
    func isEqual(_ name: String, _ left: JSONValue, _ right: JSONValue) -> Bool {
        attribute(name)?.compared.isEqual(left, right) ?? (left.canonicalBytes == right.canonicalBytes)
    }

    /// Whether a target body has the desired values of what identity and access depend on.
    func agreesOnCriticals(_ desired: String?, _ actual: String) -> Bool {
        guard let desired else { return false }
        let wanted = Body.values(desired)
        let found = Body.values(actual)
        return attributes.allSatisfy { attribute in
            guard attribute.isCritical, let value = wanted[attribute.name] else { return true }
            return isEqual(attribute.name, value, found[attribute.name] ?? .null)
        }
    }
}
