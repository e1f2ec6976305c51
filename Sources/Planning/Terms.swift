import SCIM

// What a job says of a plan: what may be done, to whom, and how much of it.

/// What a job permits to be done to a kind; `delete` stands for a leaver's disabling too.
public enum Permission: String, Hashable, Sendable, CaseIterable { case create, update, delete }

/// What becomes of accounts whose record left.
public struct Leavers: Hashable, Sendable {
    /// When something becomes of a leaver.
    public enum When: Hashable, Sendable, CustomStringConvertible {
        case immediately
        case never
        /// Days after an applied run saw that it had left.
        case days(Int)

        public var description: String {
            switch self {
            case .immediately: "immediately"
            case .never: "never"
            case .days(let number): "\(number)d"
            }
        }
    }

    public var disable: When = .immediately
    public var delete: When = .days(30)
    /// Whether a disabled source user counts as a leaver where the platform has no active flag.
    public var disabledAsLeaver = false
    /// Whether an account that was associated or taken over, not created, may be deleted.
    public var deleteAssociated = false
    public init() {}
}

/// What becomes of accounts and groups that are there and nobody owns.
public struct Existing: Hashable, Sendable {
    public enum Rule: String, Hashable, Sendable, CaseIterable {
        /// Associated where more than the name agrees, and nothing shows a right.
        case matching
        /// Associated by the name.
        case associate
        /// None is associated.
        case conflict
    }

    public var rules: [ResourceKind: Rule] = [:]
    /// Whether one that is disabled on the target is taken, and enabled.
    public var associateDisabled = false
    /// Roles and entitlements that give no right worth a question; folded.
    public var harmlessRoles: Set<String> = []
    /// Names that are let go, with the one object of the target that is meant.
    public var accept: [ResourceKind: [String: String]] = [:]
    /// Names that are never associated.
    public var decline: Set<String> = []
    /// Whether the job file says anything of it.
    public var isSaid = false
    public init() {}

    public func rule(_ kind: ResourceKind) -> Rule { rules[kind] ?? .matching }
}

/// What a limit counts.
public enum LimitKey: String, Hashable, Sendable, CaseIterable {
    case usersCreate = "users.create"
    case usersUpdate = "users.update"
    case usersAssociate = "users.associate"
    case usersClear = "users.clear"
    case usersDisable = "users.disable"
    case usersDelete = "users.delete"
    case groupsCreate = "groups.create"
    case groupsUpdate = "groups.update"
    case groupsAssociate = "groups.associate"
    case groupsDelete = "groups.delete"
    case membershipsAdd = "memberships.add"
    case membershipsRemove = "memberships.remove"
    /// Records that the source has lost since the last applied run; users, groups and memberships apart.
    case sourceShrink = "source.shrink"
}

/// How much of what a key counts a run may do.
public enum Limit: Hashable, Sendable, CustomStringConvertible {
    /// Operations; 0 means none allowed.
    case count(Int)
    /// Percent of what is managed.
    case percent(Double)
    case unlimited

    public var description: String {
        switch self {
        case .count(let number): String(number)
        case .percent(let number): number == number.rounded() ? "\(Int(number)) %" : "\(number) %"
        case .unlimited: "none"
        }
    }

    /// Of how many it is a percentage, for people: `10 % of 17, 5 at least`; nil for a number.
    package func share(of base: Int) -> String? {
        guard case .percent(let percent) = self else { return nil }
        let isRaised = (Gate.allowance(self, base: base) ?? 0) > Int(Double(base) * percent / 100)
        return "\(self) of \(base)\(isRaised ? ", \(Gate.floor) at least" : "")"
    }

    /// What it comes to, for people: `5 % = 12`, or the number alone.
    ///
    /// - Parameter allowed: how many it allows.
    package func comes(to allowed: Int) -> String {
        if case .percent = self { "\(self) = \(allowed)" } else { "\(allowed)" }
    }
}
