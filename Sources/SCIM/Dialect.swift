import JSON
import Synchronization

/// What servers do in their own way, where RFC 7643 and RFC 7644 say another one. Each is understood or gone along
/// with, remembered for the server, and told.
public enum DialectWay: String, CaseIterable, Sendable {
    // What a server writes.
    case nestedCore, activeAsText, untypedValues, plainValues, numericIDs, numericMarks, flagsAsText, encodedLocations,
        errorsAsSuccess, membersAsLocations, noDiscovery, omitsInactive, pageTotals
    // What a server refuses.
    case wholeValues, usersByPut, groupsByPut, usersByPatch, groupsByPatch, noCount, plainJSON, acceptsJSONAlone,
        trailingSlash, objectSlash, discoverySlash, basicSecret

    /// What the server does, as a report tells it.
    public var sentence: String {
        switch self {
        case .nestedCore: "core attributes stand under their schema's URN"
        case .activeAsText: "active is written as a text or a number"
        case .untypedValues: "addresses and telephone numbers have no type"
        case .plainValues: "addresses and telephone numbers are plain texts"
        case .numericIDs: "ids are numbers"
        case .numericMarks: "externalId is a number"
        case .flagsAsText: "its configuration writes true and false as texts"
        case .encodedLocations: "its Location header is percent-encoded or has a query"
        case .errorsAsSuccess: "errors are answered with a status of success"
        case .membersAsLocations: "members are written as addresses instead of ids"
        case .omitsInactive: "active is left out of accounts that this job has disabled"
        case .pageTotals: "a list's total is the length of its page: lists are walked to an empty page"
        case .noDiscovery: "it has no service provider configuration that can be read"
        case .wholeValues:
            """
            a value filter such as emails[type eq \"work\"] is refused: the attribute is written whole, with the \
            elements that are shown
            """
        case .usersByPut: "PATCH of users is not served: they are replaced with PUT"
        case .groupsByPut: "PATCH of groups is not served: they are replaced with PUT"
        case .usersByPatch: "PUT of users is not served: they are changed with PATCH"
        case .groupsByPatch: "PUT of groups is not served: they are changed with PATCH"
        case .noCount: "a page's size is refused: count is left out"
        case .plainJSON: "the media type of SCIM is refused: application/json is sent"
        case .acceptsJSONAlone: "more than one media type to accept is refused: application/json alone is asked for"
        case .trailingSlash: "paths of lists end with a slash"
        case .objectSlash: "paths of single resources end with a slash"
        case .discoverySlash: "the path of its configuration ends with a slash"
        case .basicSecret: "the client's secret is taken as Basic authentication alone"
        }
    }

    /// Whether it is about what is sent; else about what comes.
    var isOfWriting: Bool {
        switch self {
        case .wholeValues, .usersByPut, .groupsByPut, .usersByPatch, .groupsByPatch, .noCount, .plainJSON,
            .acceptsJSONAlone, .trailingSlash, .objectSlash, .discoverySlash, .basicSecret:
            true
        default: false
        }
    }

    /// The line of a job file that says the same by hand; nil where there is nothing to say.
    public var key: String? {
        switch self {
        case .usersByPut, .groupsByPut: "target.capabilities: { patch: false }"
        case .usersByPatch, .groupsByPatch: "target.capabilities: { patch: true }"
        case .wholeValues: "target.capabilities: { valuePaths: false }"
        case .noCount: "target.capabilities: { count: false }"
        case .plainJSON, .acceptsJSONAlone: "target.mediaType: application/json"
        case .trailingSlash: "target.trailingSlash: true"
        case .basicSecret: "authorization: { oauth: { placement: basic } }"
        default: nil
        }
    }
}

/// The ways of one server: those that an earlier run has found, and those that this one meets.
public final class Dialect: Sendable {
    private struct State {
        var known: Set<DialectWay> = []
        var met: Set<DialectWay> = []
        /// The record at which a way was first suspected: a second one proves it.
        var suspected: [DialectWay: String] = [:]
        /// Records whose PATCH ended in a failure of the server, as long as none was served in this run; nil from then
        /// on.
        var failedPatches: Set<String>? = []
    }

    private let state = Mutex(State())

    /// What the job says by hand of the server, that it has a way or has it not: neither found out nor remembered.
    private let given: [DialectWay: Bool]

    public init(given: [DialectWay: Bool] = [:]) { self.given = given }

    /// Takes up what `memory` gave.
    public func restore(_ memory: String?) {
        guard let members = memory.flatMap({ try? JSONValue(parsing: Array($0.utf8)) })?.object else { return }
        state.withLock { state in
            for (name, value) in members {
                guard let way = DialectWay(rawValue: name), given[way] == nil else { continue }
                if let record = value.string { state.suspected[way] = record } else { state.known.insert(way) }
            }
        }
    }

    /// What the next run is to know.
    ///
    /// Empty where nothing is known.
    public var memory: String {
        state.withLock { state in
            var members = Dictionary(
                uniqueKeysWithValues: state.known.union(state.met).map { ($0.rawValue, JSONValue.bool(true)) })
            for (way, record) in state.suspected where members[way.rawValue] == nil {
                members[way.rawValue] = .string(record)
            }
            return JSONValue.object(members).canonical
        }
    }

    public func note(_ way: DialectWay) {
        if given[way] == nil { state.withLock { _ = $0.met.insert(way) } }
    }

    /// Whether a way that one record alone does not prove is borne out by this one as a second.
    public func suspect(_ way: DialectWay, at record: String) -> Bool {
        state.withLock { state in
            guard let first = state.suspected[way], first != record else {
                state.suspected[way] = record
                return false
            }
            return true
        }
    }

    /// A PATCH ended in a failure of the server, or was served. A failure is no proof that PATCH is not served, and a
    /// PUT could clear what a GET hides: it only makes the report name the key that says so.
    public func note(patchOf record: String, isServed: Bool) {
        state.withLock { state in
            if isServed {
                state.failedPatches = nil
            } else if state.failedPatches?.count ?? 2 < 2 {
                state.failedPatches?.insert(record)
            }
        }
    }

    /// What was suspected, or known, is not so.
    public func forget(_ way: DialectWay) {
        state.withLock { state in
            state.suspected[way] = nil
            state.met.remove(way)
            state.known.remove(way)
        }
    }

    public func has(_ way: DialectWay) -> Bool {
        given[way] ?? state.withLock { $0.met.contains(way) || $0.known.contains(way) }
    }

    /// Whether an earlier run has found it: what a run decides at its beginning.
    public func wasKnown(_ way: DialectWay) -> Bool { state.withLock { $0.known.contains(way) } }

    /// What a report tells: how the server writes, each time; how it is written to, when that was found out. nil for
    /// nothing.
    public func report(_ side: String) -> [String] {
        let (met, known, failedPatches) = state.withLock { ($0.met, $0.known, $0.failedPatches?.count ?? 0) }
        let read = DialectWay.allCases.filter { met.contains($0) && !$0.isOfWriting }
        let learned = DialectWay.allCases.filter {
            met.contains($0) && !known.contains($0) && $0.isOfWriting
        }
        var lines =
            read.isEmpty
            ? []
            : ["the \(side) writes in its own way, and is understood: \(read.map(\.sentence).joined(separator: "; "))"]
        lines += learned.map {
            """
            found out of the \(side), and done so from now on: \($0.sentence)\
            \($0.key.map { "; \($0) says it by hand" } ?? "")
            """
        }
        if failedPatches > 1, let key = DialectWay.usersByPut.key {
            lines.append(
                """
                each PATCH of the \(side) ended in a failure of the server: if it does not serve PATCH, \(key) \
                says so, and what changes is replaced with PUT
                """
            )
        }
        return lines
    }

    /// All that is known of the server, in the order of their declaration.
    public var all: [DialectWay] {
        state.withLock { state in DialectWay.allCases.filter { state.met.contains($0) || state.known.contains($0) } }
    }
}
