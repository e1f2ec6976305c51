import SCIM

/// Where the items of a read go: the snapshot. It remembers what came, so that readers need no memory of their own.
public protocol DirectorySink: AnyObject {
    /// Takes a user or group.
    func add(_ record: DirectoryRecord) throws -> Arrival
    /// Takes members of a group, by user id; returns how many of them had not come before.
    func add(members: [String], of group: String) throws -> Int
    func add(_ unit: DirectoryUnit) throws
    /// Puts a user into a unit; false when it was there already.
    func place(user: String, inUnit unit: String) throws -> Bool
    /// Users that are both in a unit and in one below it, after `last` in the order of their bytes.
    func users(inUnitAndBelow unit: String, after last: String, limit: Int) throws -> [String]
    /// Takes a user out of a unit again.
    func displace(user: String, fromUnit unit: String) throws
    /// Tells in how many pages a group's members came.
    func note(pages: Int, ofGroup group: String) throws
    /// Members that name no user, after `last` in the order of their bytes; of the groups given, or of all.
    func unknownMembers(of groups: [String]?, after last: String, limit: Int) throws -> [String]
    /// Ids of users, after `last` in the order of their bytes.
    func users(after last: String, limit: Int) throws -> [String]
    /// Puts a fuller record in the place of one that came.
    func replace(_ record: DirectoryRecord) throws
}

/// What a record's id said when the record came.
public enum Arrival: Sendable {
    case new
    /// It came before, with the same content.
    case repeated
    /// It came before with other content; the newer of the two stays.
    case contradicting
    /// It has no id, so that nobody can tell whose it is.
    case nameless
}

/// What a read must bring: the union of what the jobs want that share it. A reader may bring more.
public struct ReadWish: Hashable, Sendable {
    public enum Groups: Hashable, Sendable {
        case none
        case listed(Set<String>)
        case all
    }

    /// Whether every readable user is wanted.
    public var allUsers = false
    /// Units whose users are wanted, with those of the units below.
    public var units: Set<String> = []
    /// Units of which somebody wants those alone that are in them directly.
    public var unitsAlone: Set<String> = []
    public var groups = Groups.none
    /// Groups whose members are wanted as users.
    public var groupsOfUsers: Set<String> = []
    /// Whether fields are wanted that lists do not carry.
    public var details = false

    public init() {}

    public mutating func formUnion(_ other: ReadWish) {
        allUsers = allUsers || other.allUsers
        units.formUnion(other.units)
        unitsAlone.formUnion(other.unitsAlone)
        groupsOfUsers.formUnion(other.groupsOfUsers)
        details = details || other.details
        switch (groups, other.groups) {
        case (.all, _), (_, .none): break
        case (.none, _), (_, .all): groups = other.groups
        case (.listed(let mine), .listed(let theirs)): groups = .listed(mine.union(theirs))
        }
    }
}

/// Units and groups that a source keeps to by itself.
public struct DirectoryScope: Hashable, Sendable {
    public var units: [String]
    public var groups: [String]

    public init(units: [String], groups: [String]) {
        self.units = units
        self.groups = groups
    }
}

/// Why a read of the source is believed to be whole, or what speaks against it.
public struct ReadEvidence: Sendable {
    /// In words, for the report: “one document, read to its end”.
    public var statement: String
    /// Rules that the read broke; empty for a complete one.
    public var violations: [String]
    /// Ids of units and groups that were asked for and cannot be had, and why: a matter of whoever lists them.
    public var refusals: [String: DirectoryFailure] = [:]
    /// What is remarkable and no obstacle, such as a field that nobody knows.
    public var notes: [String] = []
    /// Whether another read may go better: what moves while it is read may stand still the next time.
    public var mayPass = false

    public init(statement: String, violations: [String] = []) {
        self.statement = statement
        self.violations = violations
    }

    /// Adds a violation, unless it is there already or there are many.
    public mutating func violate(_ rule: String, mayPass: Bool = false) {
        if violations.isEmpty { self.mayPass = mayPass } else { self.mayPass = self.mayPass && mayPass }
        if violations.count < 10, !violations.contains(rule) { violations.append(rule) }
    }
}

/// One record, looked up by its id.
public struct Sighting: Sendable {
    public var record: DirectoryRecord
    /// Ids of the groups that a user is in.
    /// nil where the answer does not say.
    public var groups: [String]?

    public init(record: DirectoryRecord, groups: [String]? = nil) {
        self.record = record
        self.groups = groups
    }
}

/// What a look-up by id says.
public enum Finding: Sendable {
    case there(Sighting)
    case gone
}

/// The source side: reads users and groups, and looks single ones up.
public protocol DirectorySource: Sendable {
    /// What the source is, for the ledger's binding: another value is another source.
    var identity: String { get }
    /// Hands what is wished for to the sink, in any order. Throws `DirectoryFailure` when the read breaks off.
    func read(_ wish: ReadWish, into sink: any DirectorySink) async throws -> ReadEvidence

    /// The scope that the source keeps to by itself; nil for none.
    func ownScope() async throws -> DirectoryScope?
    /// Whether a read brings everything, whatever was wished for.
    var readsEverything: Bool { get }
    /// Whether single records can be looked up.
    var hasLookUps: Bool { get }
    /// Whether a record that is gone from the source can be told from one that only left its scope.
    var tellsGoneFromHidden: Bool { get }
    /// Looks one record up. nil where the source has no look-ups: its reads are one document.
    func find(_ kind: ResourceKind, _ id: String) async throws -> Finding?
    /// Which of some records are there, asked for together; nil where the source has no such question.
    func present(_ kind: ResourceKind, _ ids: [String]) async throws -> Set<String>?
    /// Whether a group that is read by its id may show more members than the list did.
    var mayCutMembers: Bool { get }
    /// A unit by its id; `.some(nil)` for one that does not exist or cannot be seen, nil where the source has no
    /// look-ups.
    func find(unit id: String) async throws -> DirectoryUnit??
    /// The members of a group, read anew; nil where a group comes in one piece. Violations tell what the reading broke.
    func members(of group: String) async throws -> (members: [String], violations: [String])?
    /// Reads a little of everything, to see that it can be read; says what it saw. nil where only a whole read can
    /// tell.
    func probe(groups: Bool) async throws -> String?
    /// What the source says of its own provisioning, for `check`; nil where it has none.
    func provisioning() async throws -> ProvisioningSettings?
}

extension DirectorySource {
    public func ownScope() async throws -> DirectoryScope? { nil }
    public var readsEverything: Bool { false }
    public var hasLookUps: Bool { false }
    public var tellsGoneFromHidden: Bool { true }
    public func find(_ kind: ResourceKind, _ id: String) async throws -> Finding? { nil }
    public func present(_ kind: ResourceKind, _ ids: [String]) async throws -> Set<String>? { nil }
    public var mayCutMembers: Bool { false }
    public func find(unit id: String) async throws -> DirectoryUnit?? { nil }
    public func members(of group: String) async throws -> (members: [String], violations: [String])? { nil }
    public func probe(groups: Bool) async throws -> String? { nil }
    public func provisioning() async throws -> ProvisioningSettings? { nil }
}

/// How the source's own push to an application is set.
public struct ProvisioningSettings: Hashable, Sendable {
    public var isEnabled: Bool
    /// `scim2` or `idaas_callback`.
    public var protocolType: String
    public var baseURL: String?
    /// As IDaaS writes them: `urn:alibaba:idaas:app:scim:User:CREATE`. An open set.
    public var actions: [String]
    public var fullPushScopes: [String]
    /// Expressions such as `user.displayName`, by the attribute that they are sent as; nil where the source does not
    /// tell.
    public var mapping: [String: String]?
    /// The newest push of the last seven days; nil where there was none, or the source does not tell.
    public var lastPush: Push?

    public struct Push: Hashable, Sendable {
        /// Seconds since 1970.
        public var began: Double
        /// `success`, `partial_success`, `failed`, `running`, `pending`.
        public var status: String
        /// How many users it created, changed and deleted with success.
        public var changedUsers: Int
    }
}

/// Why a source could not be read to its end.
public enum DirectoryFailure: Error, Sendable, CustomStringConvertible {
    /// It cannot be reached.
    case unreachable(String)
    /// The credential is refused, or may not do what is asked.
    case credentials(String)
    /// It was reached, and what came is cut off or malformed: nothing can be said about who is not in it.
    case broken(String)
    case cancelled

    public var description: String {
        switch self {
        case .unreachable(let why), .credentials(let why), .broken(let why): why
        case .cancelled: "stopped"
        }
    }
}
