/// What a job says of its target in the place of `/ServiceProviderConfig`, and of what would be found out; nil leaves
/// it to the server.
public struct CapabilityOverrides: Hashable, Sendable {
    public var patch: Bool?
    public var filter: Bool?
    public var cursor: Bool?
    public var etag: Bool?
    public var groups: Bool?
    /// Whether a path may name one element of an attribute, such as `emails[type eq "work"]`.
    public var valuePaths: Bool?
    /// Whether a page's size may be asked for.
    public var count: Bool?
    public var pageSize: Int?

    public init(patch: Bool? = nil, filter: Bool? = nil, cursor: Bool? = nil, etag: Bool? = nil, pageSize: Int? = nil) {
        self.patch = patch
        self.filter = filter
        self.cursor = cursor
        self.etag = etag
        self.pageSize = pageSize
    }

    /// The ways of the server that these settle: whether it has each.
    public var ways: [DialectWay: Bool] {
        [.wholeValues: valuePaths.map { !$0 }, .noCount: count.map { !$0 }].compactMapValues { $0 }
    }
}
