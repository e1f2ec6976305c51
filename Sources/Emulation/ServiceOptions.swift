/// How an emulated server behaves, beyond what RFC 7644 fixes: switches for the kinds of server that exist.
public struct ServiceOptions: Sendable {
    public var patch = true
    public var filter = true
    public var cursor = false
    public var etag = true
    /// Resources in one page at the most; a larger `count` gets fewer.
    public var maxResults = 200
    /// Static bearer tokens that are accepted; empty and no clients: no authorization is asked for.
    public var tokens: Set<String> = []
    /// OAuth clients, id to secret, for `POST /oauth/token`.
    public var clients: [String: String] = [:]
    /// Seconds that an issued token is good for.
    public var tokenLife = 3600.0
    /// Whether PATCH answers 204 instead of the resource.
    public var answersPatchWithNoContent = false
    /// Top-level attributes that are accepted and forgotten.
    public var dropped: Set<String> = []
    /// Attributes whose values are stored in lower case.
    public var lowercased: Set<String> = []
    /// Whether a PATCH or PUT that sets `active` is accepted without effect.
    public var ignoresActive = false
    /// Whether DELETE of a user only sets `active` to false.
    public var deleteDeactivates = false
    /// Where DELETE does nothing, whether that is so of groups too.
    public var groupsOutliveDelete = false
    /// Whether a list of groups leaves their members out; GET by id shows them.
    public var listsWithoutMembers = false
    /// Whether user names are unique; RFC 7643 asks for it, and not every server keeps to it.
    public var uniqueUserNames = true
    /// Whether group names are unique.
    public var uniqueGroupNames = true
    /// Whether no two users may have one e-mail address.
    public var uniqueMails = false
    /// Whether a member must be a resource of this server; RFC 7643 does not ask for it.
    public var checksMembers = false
    /// Seconds until what was created can be read; writes by id reach it at once.
    public var visibleAfter = 0.0
    /// Names (userName or displayName) that are refused with 400.
    public var refused: Set<String> = []
    /// What it does as certain real servers do.
    public var habits: Set<Habit> = []
    /// Resources that whole lists leave out without a sign; by their ids they are there.
    public var leftOut: Set<String> = []
    /// What a vendor's server asks beyond that.
    public var vendor = VendorRules()

    public init() {}
}
