import SCIM

/// The situations of which every object is in exactly one.
public enum Situation: String, Hashable, Sendable, CaseIterable, CustomStringConvertible {
    case inStep = "in step"
    case changed
    case missing
    case known
    case existing
    case foreign
    case absent
    case leaver
    case protected
    case taken
    case ambiguous
    case unmanaged
    case collision
    case unacceptable
    case gone
    case returned

    public var description: String { rawValue }
}

/// One classified object, with what is needed to decide on it and to speak of it.
public struct SituationRow: Sendable {
    public var kind: ResourceKind
    public var situation: Situation
    public var sourceID: String?
    public var targetID: String?
    /// The object that carries our externalId, and the one that bears the name, when they were looked for.
    public var externalIDMatch: String?
    public var nameMatch: String?
    public var sourceName: String?
    public var targetName: String?
    /// The name of that object, folded: another than the record's where the two only look alike.
    public var nameMatchKey: String?
    /// The externalId of the object that bears the name: whose it is.
    public var nameMatchExternalID: String?
    public var targetExternalID: String?
    public var desired: String?
    public var desiredKey: String?
    public var desiredActive: Bool?
    public var actual: String?
    public var actualKey: String?
    public var actualActive: Bool?
    public var problem: String?
    /// Attributes of the record that are left out, with the rules that they break; and whether no object can be made
    /// without them.
    public var flaw: String?
    public var lacksWhatIsNeeded = false
    /// Whether nobody can tell if the record is let in.
    public var isStatusUnreadable = false
    public var place: String?
    /// Whether the name that the source gives the record is protected.
    public var isNameProtected: Bool = false
    public var isLinked: Bool = false
    public var origin: LinkOrigin?
    public var status: LinkStatus?
    public var sent: String?
    public var read: String?
    /// Another source record that wants the same key or externalId.
    public var rival: String?
    /// The source record that is linked to the object that bears the name.
    public var nameHolder: String?
    /// Whether the source still has the record, out of scope.
    public var isOutOfScope: Bool = false
    /// Whether the source disables the record explicitly, mapped or not.
    public var isDisabled: Bool = false
    /// What a leaver left, in words; nil when only its absence is known.
    public var departure: String?
    /// Whether a record that was not read may be missing because of a changed scope.
    public var isAbsentByScope: Bool = false
    /// Whether its absence is not believed yet; and whether the source, asked for it, said that it is not there.
    public var isUnconfirmed: Bool = false
    public var isConfirmedGone: Bool = false
    /// Whether the target, asked by id, says that the linked object is not there.
    public var isGoneFromTarget: Bool = false
    /// Whether this job deleted the object before and it is still there.
    public var isSurvivor: Bool = false
    /// Since when it is known that the record left, and on how many days complete reads have not shown it.
    public var leftSince: String?
    public var leftDays: Int = 0
    /// Whether an undo restored the record, and the source has not changed it since.
    public var isRestored: Bool = false
    /// What is remarkable about the source record, such as that it has no status.
    public var note: String?
    /// Whether a leaver is in a group of the target, or has members; asked for where a delete depends on it.
    public var hasMembers = false
    /// What the object of the target shows of rights, or of more that hangs on it.
    public var rights: String?
    /// E-mail addresses of the object, of any type, folded, each between line feeds.
    public var mails: String?
    /// Of a group that is there and nobody owns: how many members it has, and one that is not to be among the record's.
    public var memberCount = 0
    public var foreignMember: String?
    /// The object that the operator once let go for this record.
    public var acceptedTarget: String?
    /// The numbers of both in the ledger.
    package var source: Int64?
    package var target: Int64?

    public init(kind: ResourceKind, situation: Situation) {
        self.kind = kind
        self.situation = situation
    }
}
