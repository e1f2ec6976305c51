import JSON
import SCIM

/// Whether an object that nobody owns is a record's: a name alone is little evidence, and whoever chooses the names of
/// the source could take any account of the target by it.
package struct Associations: Sendable {
    /// The names of the attributes of users that the job maps, in their order.
    let userAttributes: [String]
    /// What the operator lets go in this run, such as `user:ada`.
    let accepted: Set<String>
    /// Whether the target shows the members of groups whole.
    let showsMembers: Bool
    /// Groups whose members could not be looked at.
    let unseenGroups: Set<String>
    /// Whether no group could be read, so that nobody can tell which accounts have a right by one.
    let groupsAreClosed: Bool

    package init(
        userAttributes: [String], accepted: Set<String> = [], showsMembers: Bool = true,
        unseenGroups: Set<String> = [], groupsAreClosed: Bool = false
    ) {
        self.groupsAreClosed = groupsAreClosed
        self.userAttributes = userAttributes
        self.accepted = accepted
        self.showsMembers = showsMembers
        self.unseenGroups = unseenGroups
    }

    /// How an operator may call a record: `user:ada`, by its name or its source id.
    package static func names(_ row: SituationRow) -> [String] {
        let kind = row.kind
        return [row.sourceName, row.sourceID].compactMap { $0 }.map { "\(kind.singular):\($0)" }
    }

    /// Whether the operator or the job file lets the record have this very object.
    func isAccepted(_ kind: ResourceKind, _ row: SituationRow, _ existing: Existing) -> Bool {
        guard let target = row.targetID else { return false }
        if row.acceptedTarget == target { return true }
        let bound = existing.accept[kind] ?? [:]
        return isLetGo(row) || [row.sourceName, row.sourceID].compactMap { $0 }.contains { bound[$0] == target }
    }

    /// Whether the operator lets the record have this very object in this run.
    package func isLetGo(_ row: SituationRow) -> Bool {
        guard let target = row.targetID else { return false }
        return Self.names(row).contains { accepted.contains($0) || accepted.contains("\($0) \(target)") }
    }

    /// Why an object of the same name may be another's; nil where enough agrees.
    func doubt(_ kind: ResourceKind, _ row: SituationRow) -> String? {
        if let word = RightWords.word(in: row.sourceName ?? "") { return "the name holds the word “\(word)”" }
        if groupsAreClosed { return "the groups cannot be read tonight, and one of them may give it a right" }
        if let rights = row.rights {
            return "the one on the target shows \(kind == .user ? "a right (\(rights))" : rights)"
        }
        return kind == .user ? userDoubt(row) : groupDoubt(row)
    }

    private func userDoubt(_ row: SituationRow) -> String? {
        let wanted = Body.values(row.desired), found = Body.values(row.actual)
        let names = userAttributes
        /// Whether a value agrees: nil where a side has none.
        func agrees(_ name: String, _ fold: (String) -> String) -> Bool? {
            guard let left = wanted[name]?.string, let right = found[name]?.string, !left.isEmpty, !right.isEmpty else {
                return nil
            }
            return fold(left) == fold(right)
        }
        func difference(_ name: String) -> String {
            """
            \(name) is \(found[name]?.canonical ?? "null") there and \(wanted[name]?.canonical ?? "null") in the \
            source
            """
        }
        let mails = names.filter { $0.hasPrefix("emails") }
        // An address that is left out is none that could be compared: what else agrees is no substitute for it.
        if let there = row.mails, let flaw = row.flaw, mails.contains(where: { flaw.contains("\($0): ") }) {
            return
                """
                its e-mail address is \(there.split(separator: "\n").joined(separator: ", ")) there, and the \
                record's cannot be used
                """
        }
        if let other = mails.first(where: { agrees($0, folded) == false }) { return difference(other) }
        if mails.contains(where: { agrees($0, folded) == true }) { return nil }
        // An address without a type, or of another one, is one that both sides have.
        if let there = row.mails, let own = mails.lazy.compactMap({ wanted[$0]?.string }).first(where: { !$0.isEmpty })
        {
            if there.contains("\n\(folded(own))\n") { return nil }
            return
                """
                its e-mail address is \(there.split(separator: "\n").joined(separator: ", ")) there and \(own) in \
                the source
                """
        }
        // Without an address on both sides: the telephone, and without that the names of a person.
        let phones = names.filter { $0.hasPrefix("phoneNumbers") && agrees($0, Self.digits) != nil }
        if let phone = phones.first { return agrees(phone, Self.digits) == true ? nil : difference(phone) }
        let person = ["displayName", "name.givenName", "name.familyName"]
        if let other = person.first(where: { agrees($0, { $0 }) == false }) {
            return "no e-mail address can be compared, and \(difference(other))"
        }
        return person.allSatisfy { agrees($0, { $0 }) == true }
            ? nil : "nothing else can be compared: no e-mail address, telephone number or full name is on both sides"
    }

    private static func digits(_ text: String) -> String { text.filter(\.isNumber) }

    private func groupDoubt(_ row: SituationRow) -> String? {
        guard showsMembers, !(row.targetID.map(unseenGroups.contains) ?? true) else {
            return "its members cannot be seen"
        }
        if row.memberCount == 0 { return "it has no member, so nothing but the name agrees" }
        return row.foreignMember.map { "\($0) is in it, and in the source is not" }
    }
}
