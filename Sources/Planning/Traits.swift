import SCIM

/// What a platform can do, as far as a decision depends on it.
package struct PlatformTraits: Sendable {
    /// What becomes of an account of the same name that is there.
    package enum Namesakes: Sendable {
        /// Found by look-up or list, and changed like any other.
        case associate
        /// A create takes it over.
        case overwrite
        /// Seen, and never written.
        case never
    }

    package var displayName: String
    package var hasActiveFlag: Bool
    package var namesakes: Namesakes
    /// A user is deleted only when it is in no group.
    package var usersMustLeaveGroups: Bool
    /// A group is deleted only when nobody is in it.
    package var groupsMustBeEmpty: Bool
    /// Attributes that are taken once and never changed.
    package var immutable: [ResourceKind: Set<String>]

    package init(
        displayName: String, hasActiveFlag: Bool = true, namesakes: Namesakes = .associate,
        usersMustLeaveGroups: Bool = false, groupsMustBeEmpty: Bool = false,
        immutable: [ResourceKind: Set<String>] = [:]
    ) {
        self.displayName = displayName
        self.hasActiveFlag = hasActiveFlag
        self.namesakes = namesakes
        self.usersMustLeaveGroups = usersMustLeaveGroups
        self.groupsMustBeEmpty = groupsMustBeEmpty
        self.immutable = immutable
    }
}

/// What a job permits and wants, as far as a decision depends on it.
package struct PlanTerms: Sendable {
    /// The kinds that a run may touch at all.
    package var fullPush: Set<ResourceKind>
    package var operations: [ResourceKind: Set<Permission>]
    package var leavers: Leavers
    package var existing: Existing

    package init(
        fullPush: Set<ResourceKind> = Set(ResourceKind.allCases),
        operations: [ResourceKind: Set<Permission>] = [
            .user: Set(Permission.allCases), .group: Set(Permission.allCases),
        ],
        leavers: Leavers = Leavers(), existing: Existing = Existing()
    ) {
        self.fullPush = fullPush
        self.operations = operations
        self.leavers = leavers
        self.existing = existing
    }
}

/// What a run found out about its two sides, as far as a decision depends on it. As it stands: both read whole, and
/// nothing remarkable.
package struct Findings: Sendable {
    /// Why nothing may be taken away in this run; nil when the source read is proven complete.
    package var incompleteSource: String?
    /// Why “missing” is not believed; nil when the target read is complete.
    package var incompleteTarget: String?
    /// Whether leavers that a changed scope causes are held.
    package var holdsScopeLeavers = false
    /// Why the source's size is not believed: then nobody is made, and nothing ends because of absence.
    package var sizeHold: String?
    /// Names or source ids of records whose account is this job's whatever mark it carries.
    package var takesBack: Set<String> = []
    /// Whether this machine's clock is in doubt: then no term ends.
    package var isClockDoubtful = false
    /// Seconds since 1970.
    package var now: Double
    /// Who of the leavers still holds an e-mail address on the target; addresses folded.
    package var leaverMails: [String: String] = [:]
    /// Records whose create the target answered with another record's account, by source id, with that record.
    package var sharedAccounts: [ResourceKind: [String: String]] = [:]
    /// Whether the target shows of its accounts if they are active.
    package var activityIsShown = false

    package init(now: Double) { self.now = now }
}
