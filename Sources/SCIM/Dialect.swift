import Synchronization

/// What servers write in their own way, where RFC 7643 and RFC 7644 say another one. Each is understood, and told once a run.
public enum DialectWay: String, CaseIterable, Sendable {
    case nestedCore = "core attributes stand under their schema's URN"
    case activeAsText = "active is written as a text or a number"
    case untypedValues = "addresses and telephone numbers have no type"
    case plainValues = "addresses and telephone numbers are plain texts"
    case numericIDs = "ids are numbers"
    case numericMarks = "externalId is a number"
    case flagsAsText = "the service provider configuration writes true and false as texts"
    case encodedLocations = "the Location header is percent-encoded or has a query"
    case noDiscovery = "there is no service provider configuration that can be read"
}

/// The ways of one server that were met, gathered by the readers of what it says.
public final class Dialect: Sendable {
    private let ways = Mutex<Set<DialectWay>>([])

    public init() {}

    public func note(_ way: DialectWay) { ways.withLock { _ = $0.insert(way) } }

    /// In the order of their declaration.
    public var met: [DialectWay] { ways.withLock { ways in DialectWay.allCases.filter(ways.contains) } }

    public func has(_ way: DialectWay) -> Bool { ways.withLock { $0.contains(way) } }
}
