/// What is decided about a membership: one pure function, and beside it the same as SQL, since ten million memberships
/// are judged where they are. A test holds the two together over the whole truth table.
package struct MembershipPolicy: Sendable {
    /// Whether members that the source does not name are removed, whoever put them there.
    package var isExclusive: Bool
    /// Whether everybody is taken from a group before it is deleted.
    package var emptiesGroups: Bool
    /// Whether a user who is to be deleted is taken from every group first, also from one that it was in before an
    /// association.
    package var freesLeavers: Bool

    package init(isExclusive: Bool = false, emptiesGroups: Bool = false, freesLeavers: Bool = false) {
        self.isExclusive = isExclusive
        self.emptiesGroups = emptiesGroups
        self.freesLeavers = freesLeavers
    }

    /// A user in a group: as the source wants it, as the target shows it, or both.
    package struct Facts: Hashable, Sendable {
        /// What becomes of the group's record; nil where it is not this job's.
        package var group: Outlook?
        /// What becomes of the member's record; nil where it is not this job's.
        package var member: Outlook?
        package var isWanted = false
        package var isThere = false
        /// Whether this plan associates the group: who is in it was there before.
        package var groupIsAssociating = false
        /// Whether the group's record has left the source, and the group is kept.
        package var groupHasLeft = false
        /// Whether this plan deletes the group.
        package var groupIsDeleted = false
        /// Whether the membership was there before the group was associated.
        package var isKept = false
        /// Whether this plan deletes the member.
        package var memberIsDeleted = false
        package var memberIsProtected = false
        /// Whether the member is nobody's, and carries the mark of a record that is to be in the group.
        package var memberIsMarked = false

        package init() {}
    }

    /// A membership is added where the source has it, the target has not, and both ends are there.
    package func adds(_ facts: Facts) -> Bool {
        facts.group == .present && facts.member == .present && facts.isWanted && !facts.isThere
    }

    /// A membership is removed from a group of ours, for a user of ours, because the source does not have it. A record
    /// that is held keeps what it has, and a group that is associated keeps who was in it.
    package func removes(_ facts: Facts) -> Bool {
        guard facts.isThere else { return false }
        let leaves = facts.member == .leaving
        let goes =
            switch facts.group {
            case .present:
                leaves || facts.member == .present && !facts.isWanted
                    || isExclusive && facts.member == nil && !facts.memberIsProtected && !facts.memberIsMarked
            // Of a group that left and is kept, only the leavers.
            case .held: leaves && facts.groupHasLeft
            case .leaving, nil: false
            }
        let stays =
            !isExclusive && (facts.groupIsAssociating || facts.isKept)
            && !(freesLeavers && leaves && facts.memberIsDeleted)
        return goes && !stays || emptiesGroups && facts.group == .leaving && facts.groupIsDeleted
    }

    // MARK: the same in SQL

    /// One of `Facts`, for which SQL has an expression: 0 and 1, an `Outlook`'s word, or NULL.
    package enum Fact: String, CaseIterable, Sendable {
        case group, member, isWanted, isThere, groupIsAssociating, groupHasLeft, groupIsDeleted, isKept
        case memberIsDeleted, memberIsProtected, memberIsMarked
    }

    /// `adds`, over expressions.
    package func additions(_ sql: (Fact) -> String) -> String {
        """
        (\(sql(.group)) = 'present' AND \(sql(.member)) = 'present' AND \(sql(.isWanted)) AND NOT \(sql(.isThere)))
        """
    }

    /// `removes`, over expressions. What costs a look-up stands behind what does not.
    package func removals(_ sql: (Fact) -> String) -> String {
        let strangers =
            isExclusive
            ? """
            OR \(sql(.member)) IS NULL AND NOT \(sql(.memberIsProtected)) AND NOT \(sql(.memberIsMarked))
            """ : ""
        return """
            (\(sql(.isThere)) AND (\(sql(.group)) = 'present' AND (\(sql(.member)) = 'leaving'
                    OR \(sql(.member)) = 'present' AND NOT \(sql(.isWanted)) \(strangers))
                OR \(sql(.group)) = 'held' AND \(sql(.member)) = 'leaving' AND \(sql(.groupHasLeft)))
                AND (\(isExclusive) OR NOT \(sql(.groupIsAssociating)) AND NOT \(sql(.isKept))
                    OR \(freesLeavers) AND \(sql(.member)) = 'leaving' AND \(sql(.memberIsDeleted)))
            OR \(sql(.isThere)) AND \(emptiesGroups) AND \(sql(.group)) = 'leaving' AND \(sql(.groupIsDeleted)))
            """
    }
}
