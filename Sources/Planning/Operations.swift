import SCIM

// A plan is made of operations: drafted by policy, stored, sent, settled.

/// An operation on its way into a plan, as policy decided it.
public struct Draft: Sendable {
    /// When it is sent: lower waves first; operations of one wave may run side by side.
    public var wave: Int
    public var verb: Verb
    public var status: OperationStatus
    public var reason: String
    public var heldBy: HoldReason?
    public var fields: [FieldChange]
    /// The folded unique names that it takes and frees, if it changes one.
    public var takes: String?
    public var frees: String?

    /// The same of e-mail addresses, which some targets hold to be unique.
    public var takesMail: String?
    public var freesMail: String?
    public var name: String
    /// The day on which its record is to end, as `2026-12-24`; nil for none.
    public var due: String?
    /// Whether the record has access until then.
    public var keepsAccess = false

    public init(
        wave: Int, verb: Verb, status: OperationStatus, reason: String, heldBy: HoldReason? = nil,
        fields: [FieldChange] = [], takes: String? = nil, frees: String? = nil, name: String
    ) {
        self.wave = wave
        self.verb = verb
        self.status = status
        self.reason = reason
        self.heldBy = heldBy
        self.fields = fields
        self.takes = takes
        self.frees = frees
        self.name = name
    }
}

/// What an operation does; the CSV's `action`.
public enum Verb: String, Hashable, Sendable, CaseIterable, CustomStringConvertible {
    case create
    case update
    case associate
    /// Gives an account up that was associated: its attributes go back, and the link is dropped.
    case dissociate
    /// Remembers an account that carries our externalId and needs no change: no request.
    case link
    /// Forgets an account that is gone: no request.
    case unlink
    case addMembers = "add members"
    case removeMembers = "remove members"
    case disable
    case delete
    /// Nothing is to be done; the row reports.
    case none

    public var description: String { rawValue }
}

public enum OperationStatus: String, Hashable, Sendable, CaseIterable, CustomStringConvertible {
    case planned, sent, done, failed, held, conflict, skipped
    /// Listed, with nothing to do about it.
    case noted

    public var description: String { rawValue }
}

/// What an outcome means beyond its status, where a later run decides by it.
public enum Fate: String, Hashable, Sendable, CaseIterable {
    /// A delete found nothing to delete.
    case goneAlready = "gone already"
    /// The target has no room for more of its kind: that says nothing of the record.
    case noRoom = "no room"
    /// The program kept the request back, since it could not be sent without harm.
    case withheld
}

/// One attribute that an operation changes. Values are canonical JSON; nil for none.
public struct FieldChange: Hashable, Sendable {
    public var path: String
    public var before: String?
    public var after: String?

    public init(path: String, before: String?, after: String?) {
        self.path = path
        self.before = before
        self.after = after
    }
}

/// A row of a plan, which is also its place in the journal.
public struct PlannedOperation: Sendable {
    public var plan: Int64
    public var seq: Int
    public var wave: Int
    public var kind: ResourceKind
    public var verb: Verb
    public var situation: Situation
    public var sourceID: String?
    public var targetID: String?
    public var name: String
    public var status: OperationStatus
    public var reason: String
    public var heldBy: HoldReason?
    public var fields: [FieldChange]
    public var unit: Int?
    /// Whether a failed operation may have changed something all the same.
    public var mayBeDone = false
    public var fate: Fate?
    /// When it was sent, in seconds since 1970; nil for what was not, and for what older versions sent.
    public var sentAt: Double?
    /// The day on which its record is to end, as `2026-12-24`; nil for none.
    public var due: String?
    /// For membership operations.
    public var members: [Member]

    public struct Member: Sendable {
        public var position: Int
        public var sourceID: String?
        public var targetID: String?
        public var status: String?
        public var reason: String?

        package init(position: Int, sourceID: String?, targetID: String?, status: String?, reason: String?) {
            self.position = position
            self.sourceID = sourceID
            self.targetID = targetID
            self.status = status
            self.reason = reason
        }
    }

    package init(
        plan: Int64, seq: Int, wave: Int, kind: ResourceKind, verb: Verb, situation: Situation, sourceID: String?,
        targetID: String?, name: String, status: OperationStatus, reason: String,
        heldBy: HoldReason?, fields: [FieldChange], unit: Int?, mayBeDone: Bool = false, fate: Fate? = nil,
        sentAt: Double?, due: String?, members: [Member]
    ) {
        self.plan = plan
        self.seq = seq
        self.wave = wave
        self.kind = kind
        self.verb = verb
        self.situation = situation
        self.sourceID = sourceID
        self.targetID = targetID
        self.name = name
        self.status = status
        self.reason = reason
        self.heldBy = heldBy
        self.fields = fields
        self.unit = unit
        self.mayBeDone = mayBeDone
        self.fate = fate
        self.sentAt = sentAt
        self.due = due
        self.members = members
    }
}

/// What becomes of a source record in a plan.
public enum Outlook: String, Sendable { case present, held, leaving }

extension FieldChange {
    /// Whether it takes access away.
    public var disables: Bool { path == "active" && after == "false" }
    /// Whether it gives access.
    public var enables: Bool { path == "active" && after == "true" }
}

extension PlannedOperation {
    /// Whether it means that a record is not as its source wants it, for a reason that an operator must look at.
    public var needsAttention: Bool {
        switch status {
        case .failed, .conflict, .sent, .skipped: true
        case .held: heldBy?.needsAttention ?? false
        case .planned, .done, .noted: false
        }
    }

    /// What lets it go if it is meant, as it is typed behind a command: `--retry ada`. Nil where no option does.
    public var lettingGo: String? {
        switch heldBy {
        case .restored: "--release"
        case .scopeChange: "--accept-scope-change"
        case .namesake where situation == .existing:
            "--accept-association \(shellWord("\(kind.singular):\(word)"))"
        case .putOff, .losses: shellOption("--retry", word)
        case nil where status == .conflict && situation == .taken, .keepsAccess where situation == .taken:
            shellOption("--accept-takeback", word)
        default: nil
        }
    }

    private var word: String { Self.word(name, sourceID) }

    /// What an option calls a record by: its name, or its source id where the name would mean something else.
    package static func word(_ name: String, _ sourceID: String?) -> String {
        name.isEmpty || name == "all" || name.hasPrefix("-") || name.hasPrefix("@") ? sourceID ?? name : name
    }

    /// Whether it takes access away from an account by an attribute.
    public var endsAccess: Bool { fields.contains(where: \.disables) }

    /// Why it is there: of what is held for somebody to decide, what holds it; else without that, since it is told once
    /// for all that it holds.
    public var cause: String {
        guard let mark = reason.range(of: "; held: ") else { return reason }
        return String(status == .held && needsAttention ? reason[mark.upperBound...] : reason[..<mark.lowerBound])
    }
}
