/// What holds an operation; the CSV's `held_by`.
public enum HoldReason: String, Hashable, Sendable, CaseIterable, CustomStringConvertible {
    /// An undo restored the record, and its source has not changed since.
    case restored = "undo"
    /// An undo cannot put it back as it was.
    case notRestorable = "not restorable"
    /// The name matches a `protect` pattern.
    case protected = "protect"
    /// Several objects may be the record's.
    case ambiguous
    /// Two records of the source want one name or one externalId.
    case collision
    /// The record breaks a rule of the platform, so that no object can be made of it.
    case unacceptable
    /// One attribute of it breaks a rule of the platform; the rest goes on.
    case attribute
    /// The platform never changes what differs.
    case immutable
    /// The target answered the record's create with another record's account.
    case sharedAccount = "shared account"
    /// Its e-mail address is still that of a leaver.
    case recycledMail = "recycled e-mail"
    /// Its new name is still another object's.
    case keptName = "kept name"
    /// A namesake of which more than the name should agree.
    case namesake = "existing.matching"
    /// A namesake that is disabled on the target.
    case disabledNamesake = "existing.disabled"
    /// `operations` does not permit it.
    case operations
    /// The source was not proven to be read whole.
    case sourceIncomplete = "source incomplete"
    /// The source is much smaller than before.
    case sourceSize = "source size"
    /// The source could not be asked for a record that it does not show.
    case unconfirmed = "unconfirmed absence"
    /// The scope changed since the last applied run.
    case scopeChange = "scope change"
    /// The target does not show the object and does not say that it is gone.
    case targetIncomplete = "target incomplete"
    /// The source's list of a group's members was not read twice alike: its removals wait.
    case groupUnproven = "group unproven"
    /// The target refused it in several runs; it is tried again at distances.
    case putOff = "put off"
    /// Groups of the target lost members over such a change.
    case losses
    /// A limit on what is given.
    case giving = "limit on giving"
    /// A limit on what is taken away, or another breach: the whole plan is held.
    case limit
    /// A conflict about an account that the source no longer lets in, and that has access: no flag hides it.
    case keepsAccess = "keeps access"

    public var description: String { rawValue }

    /// Whether an operator has to look at what it holds. What is left waits for nothing but its time, or is the job's
    /// own will.
    public var needsAttention: Bool {
        switch self {
        case .ambiguous, .collision, .unacceptable, .attribute, .sharedAccount, .recycledMail, .namesake,
            .disabledNamesake, .putOff, .losses, .giving, .unconfirmed,
            .scopeChange, .targetIncomplete, .groupUnproven, .notRestorable:
            true
        case .restored, .protected, .immutable, .keptName, .operations, .sourceIncomplete, .sourceSize, .limit,
            .keepsAccess:
            false
        }
    }

    /// Whether it says nothing of the record: the run could not go on with it, whatever it is.
    public var isOfTheRun: Bool {
        switch self {
        case .limit, .giving, .sourceSize, .sourceIncomplete, .targetIncomplete, .operations, .restored, .scopeChange,
            .groupUnproven:
            true
        case .notRestorable, .protected, .ambiguous, .collision, .unacceptable, .attribute, .immutable, .sharedAccount,
            .recycledMail, .keptName, .namesake, .disabledNamesake,
            .unconfirmed, .putOff, .losses, .keepsAccess:
            false
        }
    }

    /// Whether it is a refusal of the target that is not tried again for a while.
    public var isRefusal: Bool { self == .putOff || self == .losses }
}
