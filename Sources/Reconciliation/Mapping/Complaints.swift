import JSON
import SCIM

/// What is wrong with a value that a record gives an attribute.
extension MappingTable {
    /// All that is wrong with a value at once: a record is corrected once.
    func complaints(of attribute: AttributeMapping, _ value: String?, _ unreadablePhone: String?) -> [String] {
        var complaints: [String] = []
        if let text = value, text.hasControls {
            complaints.append("\(attribute.name): holds a control character")
        } else if let text = value, attribute.name == kind.nameAttribute, text.hasInvisibles {
            complaints.append(
                """
                \(attribute.name): “\(text.visible)” holds what nobody sees, so that two names may look \
                alike; take it out in the source
                """
            )
        } else if let text = value, text.hasDisguise, Self.isShownAsName(attribute.name) {
            complaints.append(
                """
                \(attribute.name): “\(text.visible)” holds what hides signs or turns them round, so that a reader \
                sees another name; take it out in the source
                """
            )
        }
        if let count = value?.utf8.count, count > Self.longest {
            complaints.append(
                """
                \(attribute.name): has \(count) bytes, and no directory means more than \(Self.longest); \
                correct it in the source
                """
            )
        }
        if attribute.isCritical, !attribute.isRequired, value == nil {
            complaints.append("\(attribute.name): has no value, and the target requires one")
        }
        complaints += rules.filter { $0.attribute == attribute.name }.compactMap { $0.complaint(value) }
        if value == nil, let why = unreadablePhone, attribute.rule.reads("phone") { complaints.append(why) }
        return complaints
    }

    /// Whether people read an attribute as a person's name.
    private static func isShownAsName(_ attribute: String) -> Bool {
        attribute.hasPrefix("name.") || ["displayName", "nickName"].contains(attribute)
    }
}
