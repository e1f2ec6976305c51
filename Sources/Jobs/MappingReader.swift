import Foundation
import Yams
import SCIM

/// The grammar of `mapping`.
extension JobFile {
    func refuseLanguage(_ mapping: [ResourceKind: [String: Job.MappingRule?]], _ node: Node) {
        for (name, rule) in (mapping[.user] ?? [:]).sorted(by: { $0.key < $1.key }) {
            guard let rule,
                rule.from == "preferredLanguage"
                    || rule.template.flatMap({ Job.MappingRule.places($0) })?.contains("preferredLanguage") == true
            else { continue }
            reader.report(
                node, "mapping.\(name)", "reads preferredLanguage, which the developer API does not give",
                "use source.kind: idaas, or another field")
        }
    }

    func mapping(_ node: Node?) -> [ResourceKind: [String: Job.MappingRule?]] {
        guard let node, let members = reader.mapping(node, "mapping", knows: nil) else { return [:] }
        var mapping: [ResourceKind: [String: Job.MappingRule?]] = [.user: rules(members, .user)]
        if let groups = members["groups"], let fields = reader.mapping(groups, "mapping.groups", knows: nil) {
            mapping[.group] = rules(fields, .group)
        }
        return mapping
    }

    func rules(_ members: NodeReader.Members, _ kind: ResourceKind) -> [String: Job.MappingRule?] {
        var rules: [String: Job.MappingRule?] = [:]
        for (name, keyNode, value) in members.members where kind == .group || name != "groups" {
            let key = members.path(name)
            if let complaint = vocabulary.attributeComplaint(kind, name) {
                reader.report(
                    keyNode, key, complaint, "name an attribute such as displayName, name.familyName or emails[work]")
                continue
            }
            if reader.isNull(value) {
                if ["userName", "externalId"].contains(name) || kind == .group && name == "displayName" {
                    reader.report(
                        keyNode, key, "cannot be left out of the mapping: accounts are recognised by it",
                        "give it a rule")
                }
                rules[name] = .some(nil)
            } else if let rule = rule(value, key, kind) {
                rules[name] = rule
            }
        }
        return rules
    }

    func rule(_ node: Node, _ key: String, _ kind: ResourceKind) -> Job.MappingRule? {
        guard
            let members = reader.mapping(
                node, key, knows: ["from", "default", "template", "lowercase", "part", "replace"])
        else { return nil }
        var rule = Job.MappingRule()
        rule.from = members["from"].flatMap { reader.text($0, key + ".from") }
        rule.template = members["template"].flatMap { reader.text($0, key + ".template") }
        rule.fallback = members["default"].flatMap { reader.text($0, key + ".default") }
        rule.lowercase = members["lowercase"].flatMap { reader.flag($0, key + ".lowercase") } ?? false
        rule.part = members["part"].flatMap { reader.word($0, key + ".part", Job.MappingRule.Part.self) }
        if let node = members["replace"],
            let replace = reader.mapping(node, key + ".replace", knows: ["from", "to"], required: ["from", "to"])
        {
            let from = reader.text(replace["from"], key + ".replace.from")
            // An empty text takes it out.
            let to = replace["to"]?.scalar?.string
            if let from, let to {
                rule.replacement = .init(from: from, to: to)
            } else {
                reader.report(node, key + ".replace", "needs two texts", "write { from: \"/\", to: \"-\" }")
            }
        }
        if members["from"] != nil, members["template"] != nil {
            reader.report(node, key, "has both from and template", "keep one of them")
        }
        if let field = rule.from, let complaint = vocabulary.fieldComplaint(kind, field) {
            reader.report(members["from"], key + ".from", complaint, "name a field of the source record")
        }
        if let template = rule.template {
            let parts = Job.MappingRule.places(template)
            if parts == nil {
                reader.report(
                    members["template"], key + ".template", "has a “{” or “}” without its partner", "write {field}")
            }
            for field in parts ?? [] {
                if let complaint = vocabulary.fieldComplaint(kind, field) {
                    reader.report(
                        members["template"], key + ".template", complaint, "name a field of the source record")
                }
            }
        }
        if members["from"] == nil, members["template"] == nil, members["default"] == nil {
            reader.report(node, key, "says nowhere where its value comes from", "add from, template or default")
        }
        return rule
    }
}
