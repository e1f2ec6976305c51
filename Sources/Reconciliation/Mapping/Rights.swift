import JSON
import Provisioning
import Planning
import SCIM

/// What an object of the target shows of rights: somebody who owns the tenant is not to be taken for an employee of the
/// same name.
enum Rights {
    private static let flags = ["admin", "isAdmin", "owner", "isOwner", "superuser", "isSuperuser"]
    private static let types: Set<String> = ["superuser", "superadmin", "admin", "administrator", "owner", "root"]

    /// - Parameter harmless: roles and entitlements that give no right worth a question; folded.
    static func ofUser(_ user: ShownResource, harmless: Set<String>, protectedGroups: GlobPatterns) -> String? {
        for name in ["roles", "entitlements"] {
            var found: String?
            user.member(name)?.forEachElement { element in
                let texts = [
                    element.string, element.member(ignoringCase: "value")?.scalarText,
                    element.member(ignoringCase: "display")?.string,
                ].compactMap { $0 }.filter { !$0.isEmpty }
                if found == nil, let text = texts.first, harmless.isDisjoint(with: texts.map { $0.lowercased() }) {
                    found = text
                }
            }
            if let text = user.member(name)?.string, !text.isEmpty, !harmless.contains(text.lowercased()) {
                found = text
            }
            if let found { return "\(name): \(found.visible)" }
        }
        if let flag = flag({ user.member($0) }) { return "\(flag): true" }
        var extensionFlag: String?
        user.forEachExtension { values in
            if extensionFlag == nil { extensionFlag = flag { values.member(ignoringCase: $0) } }
        }
        if let extensionFlag { return "\(extensionFlag): true" }
        if let type = user.text("userType"), !harmless.contains(type.lowercased()),
            types.contains(type.lowercased()) || RightWords.word(in: type) != nil
        {
            return "userType: \(type.visible)"
        }
        var group: String?
        user.member("groups")?.forEachElement { element in
            if group == nil, let name = element.member(ignoringCase: "display")?.string, protectedGroups.matches(name) {
                group = name
            }
        }
        return group.map { "it is in the protected group \($0.visible)" }
    }

    private static func flag(_ member: (String) -> JSONView?) -> String? {
        flags.first { member($0)?.lenientBool == true }
    }

    static func ofGroup(_ group: ShownResource) -> String? {
        let count = group.members?.groups.count ?? 0
        return count == 0 ? nil : "\(counted(count, "group")) among its members"
    }
}
