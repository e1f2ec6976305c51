/// Something that goes wrong with one page of a list.
public struct IDaaSFault: Hashable, Sendable {
    public enum List: String, Hashable, Sendable, CaseIterable {
        case users, groups, members, units
        /// Single records, asked for by id; their “page” is how many-th of them it is.
        case lookUps
    }

    public enum Kind: String, Hashable, Sendable, CaseIterable {
        /// Before the page is served, a record comes to the front of the list.
        case insert
        /// Before the page is served, the first record of the list goes.
        case delete
        /// Both: the first goes and another comes to the end, so that totals agree.
        case swap
        /// The page declares one more than there are.
        case totalDrift
        /// The page is empty.
        case lostPage
        /// The page's token is the one that it was asked with; without tokens, the page before comes again.
        case repeatedToken
        /// The token is not taken any more: the page's, or the bearer's.
        case expiredToken
        /// The document is cut in half.
        case truncated
        case serverError
        /// The answer takes longer than anybody waits.
        case slow
        case throttled
        /// A member that is no user.
        case unknownMember
        /// A record that came before comes again with another content.
        case contradiction
    }

    public var list: List
    /// From 1.
    public var page: Int
    public var kind: Kind
    /// How often it happens; `Int.max` for ever.
    public var times: Int

    public init(_ kind: Kind, _ list: List, page: Int, times: Int = 1) {
        self.kind = kind
        self.list = list
        self.page = page
        self.times = times
    }
}

/// How an instance behaves beyond what is documented, and what is wrong with it.
public struct IDaaSOptions: Sendable {
    public var instance = "idaas_k3mq7tzr5yx2nvbcd4wphfa6ue"
    /// Access keys, id to secret; empty: none is good.
    public var accessKeys: [String: String] = [:]
    /// STS tokens that go with a key, by key id; a key that is here needs its token.
    public var securityTokens: [String: String] = [:]
    /// Management actions that are denied.
    public var deniedActions: Set<String> = []
    /// Whether ListUsers takes NextToken; older regions ignore it.
    public var pagesUsersByToken = true
    /// Records in a page at the most; a larger size is cut down.
    public var mostPerPage = 100
    /// Whether a larger size is refused instead.
    public var refusesLargePages = false
    /// Whether a unit's list of users holds those of the units below.
    public var unitListsAreDeep = false
    /// Whether records vary in how they write nothing, as the vendor's do.
    public var variesRecords = true
    /// Fields that no record shows.
    public var omittedFields: Set<String> = []
    /// Whether groups, and members, are hidden: a right that was lost shows as an empty list.
    public var hidesGroups = false
    public var hidesMembers = false
    /// Users that whole lists leave out without a sign; by their ids they are there.
    public var leftOut: Set<String> = []
    /// Whether the list of units is empty, and whether it leaves out who is above whom.
    public var hidesUnits = false
    public var hidesParents = false
    /// Seconds that the service's clock is ahead.
    public var clockOffset = 0.0
    /// Seconds that a bearer token is good for.
    public var tokenLife = 1200.0
    /// Every how many-th request is throttled, and for how long in milliseconds; nil for none.
    public var throttlesEvery: Int?
    public var throttleMilliseconds = 100
    public var faults: [IDaaSFault] = []
    public var applications: [String: IDaaSApplicationSettings] = [:]

    public init() {}
}

/// An application of an instance.
public struct IDaaSApplicationSettings: Sendable {
    public var secret: String
    public var isEnabled = true
    /// Whether the developer API is open to it.
    public var isAPIEnabled = true
    public var grantScopes: Set<String> = [
        "urn:alibaba:idaas:scope:user:read_all", "urn:alibaba:idaas:scope:organizational_unit:read_all",
    ]
    /// What it is provisioned with, and may see; nil for the root and every group.
    public var units: [String]?
    public var groups: [String]?
    public var isPushEnabled = true
    /// Empty: the SCIM server at the same address.
    public var pushURL = "https://target.example/scim/v2"
    public var pushActions = ["User:CREATE", "User:UPDATE", "User:DELETE"]
    public var fullPush = ["User:PUSH"]
    /// Its own mapping: expressions by target attribute.
    public var mapping = ["externalId": "user.userId", "userName": "user.username", "displayName": "user.displayName"]
    /// When IDaaS pushed, in seconds since 1970.
    public var pushes: [Double] = []

    public init(secret: String) { self.secret = secret }
}
