import HTTP
import HTTPTypes
import JSON
import SCIM

/// A SCIM server at a base URL: requests, answers and errors of RFC 7644, for the source side and the target side
/// alike.
public struct SCIMConnection: Sendable {
    public let base: URLParts
    /// What this server writes in its own way.
    public let dialect: Dialect
    let client: any HTTPClient
    /// The media type of what is sent; platforms differ in which they take.
    private let mediaType: String
    private let endsWithSlash: Bool

    /// - Parameter endsWithSlash: whether paths end with a slash; a server that redirects there is found out by itself.
    public init(
        base: URLParts, client: any HTTPClient, mediaType: String = scimMediaType, endsWithSlash: Bool = false,
        dialect: Dialect = Dialect()
    ) {
        self.dialect = dialect
        self.base = base
        self.client = client
        self.mediaType = mediaType
        self.endsWithSlash = endsWithSlash
    }

    /// A successful answer.
    public struct Answer: Sendable {
        public let status: Int
        public let body: [UInt8]
        /// The `Location` header as it came.
        public let location: String?
        /// The version of the resource as a header gives it.
        public let version: String?
        /// The server's clock when it answered, in seconds since 1970; nil when it does not say.
        public let date: Double?

        /// Whether there is a document in it: 204 and empty bodies say nothing of what was stored.
        public var hasDocument: Bool { status != 204 && !body.isEmpty }
    }

    /// Reads one resource. Throws `JSONSyntaxError` where the document is none.
    public func read<Value>(_ body: [UInt8], _ take: (ShownResource) throws -> Value) throws -> Value {
        try JSONParser.lent { try $0.parse(body) { try take(ShownResource($0, dialect)) } }
    }

    /// Sends one request. Throws `SCIMFailure` for everything but 2xx.
    ///
    /// - Parameter path: below the base URL, percent-encoded where needed.
    /// - Parameter attempts: how often it is tried at the most; nil for as often as the client does.
    public func send(
        _ method: HTTPRequest.Method, _ path: String, query: [(String, String)] = [], body: JSONValue? = nil,
        ifMatch: String? = nil, attempts: Int? = nil
    ) async throws(SCIMFailure) -> Answer {
        let isRead = method == .get
        let bytes = body?.canonicalBytes ?? []
        // As it is known now: another request may find a way out meanwhile.
        let slash = Self.slash(of: path)
        let known = [slash, .plainJSON, .acceptsJSONAlone].filter(dialect.has)
        var response = try await exchange(method, path, query, bytes, ifMatch, attempts)
        var tried: [DialectWay] = []
        // What a server refuses before it looks at what was sent is sent as it wants it, once, and remembered.
        for way in [slash, .plainJSON, .acceptsJSONAlone]
        where !known.contains(way) && wants(way, response, path, method, isSending: body != nil) {
            let second = try await exchange(method, path, query, bytes, ifMatch, attempts, as: tried + [way])
            // A redirect that leads on is found out, whatever is refused then.
            if (200..<300).contains(second.status) || way == slash && !(300..<400).contains(second.status) {
                dialect.note(way)
            }
            if !(300..<400).contains(second.status) {
                response = second
                tried.append(way)
            }
        }
        if (200..<300).contains(response.status) { tried.forEach(dialect.note) }
        let what =
            """
            \(method) \(base)\(path)\(query.isEmpty ? "" : "?")\
            \(query.map { "\($0.0)=\($0.1)" }.joined(separator: "&"))
            """
        guard (200..<300).contains(response.status) else { throw SCIMFailure(response, isRead: isRead, what: what) }
        if let status = SCIMError.statusOf(response.body) {
            dialect.note(.errorsAsSuccess)
            response.head.status = .init(code: status)
            throw SCIMFailure(response, isRead: isRead, what: what)
        }
        return Answer(
            status: response.status, body: response.body, location: response.head.headerFields[.location],
            version: response.head.headerFields[.eTag],
            date: HTTPField.Name("date").flatMap { response.head.headerFields[$0] }.flatMap { HTTPDate.seconds($0) })
    }
}

extension SCIMConnection {
    private func exchange(
        _ method: HTTPRequest.Method, _ path: String, _ query: [(String, String)], _ body: [UInt8], _ ifMatch: String?,
        _ attempts: Int?, as ways: [DialectWay] = []
    ) async throws(SCIMFailure) -> IncomingResponse {
        func goes(_ way: DialectWay) -> Bool { ways.contains(way) || dialect.has(way) }
        let slash = (endsWithSlash || goes(Self.slash(of: path))) && !path.hasSuffix("/") ? "/" : ""
        var head = base.request(method, path + slash, query: query)
        head.headerFields[.accept] = goes(.acceptsJSONAlone) ? "application/json" : "\(scimMediaType), application/json"
        if !body.isEmpty { head.headerFields[.contentType] = goes(.plainJSON) ? "application/json" : mediaType }
        if let ifMatch { head.headerFields[.ifMatch] = ifMatch }
        do { return try await client.send(OutgoingRequest(head: head, body: body, attempts: attempts)) } catch {
            throw SCIMFailure(error, isRead: method == .get)
        }
    }

    /// Servers have routes of their own for lists, for single resources and for what they say of themselves.
    private static func slash(of path: String) -> DialectWay {
        let parts = path.split(separator: "/")
        return parts.count > 1
            ? .objectSlash : ["Users", "Groups"].contains(parts.first ?? "") ? .trailingSlash : .discoverySlash
    }

    /// Whether an answer says that a request was refused for its form alone.
    private func wants(
        _ way: DialectWay, _ response: IncomingResponse, _ path: String, _ method: HTTPRequest.Method, isSending: Bool
    ) -> Bool {
        switch way {
        case .trailingSlash, .objectSlash, .discoverySlash:
            // The same place on the same origin, but for the slash. A 302 or 303 to a write may say that it was done.
            guard [301, 307, 308].contains(response.status) || method == .get && [302, 303].contains(response.status),
                !endsWithSlash, let location = response.head.headerFields[.location]
            else {
                return false
            }
            let place = location.prefix { $0 != "?" && $0 != "#" }
            let wanted = "\(base.path)\(path)/"
            if place.hasPrefix("/") { return !place.hasPrefix("//") && place == wanted[...] }
            return place.lowercased() == "\(base.scheme)://\(base.authority)\(wanted)".lowercased()
        case .plainJSON: return response.status == 415 && isSending && mediaType != "application/json"
        case .acceptsJSONAlone: return response.status == 406
        default: return false
        }
    }
}

/// Every way in which a SCIM request can fail: a closed set, decided here, so that nobody upstream looks at status
/// codes.
public enum SCIMFailure: Error, Hashable, Sendable, CustomStringConvertible {
    /// The server cannot be reached or does not work: concerns the whole run.
    case unreachable(String)
    /// A read is answered with 5xx, also after further attempts: the server as a whole, or what was asked for.
    case failing(SCIMError)
    /// A read is not answered in time, also after further attempts.
    case timedOut(String)
    /// The credential is refused: concerns the whole run.
    case credentials(String)
    /// A read was answered with 403: the credential may not do this, or one object is closed to it.
    case forbidden(String)
    /// A write may have happened, or not.
    case outcomeUnknown(String)
    /// 409: the name or another unique value is taken.
    case conflict(SCIMError)
    /// 404 or 410.
    case notFound(SCIMError)
    /// The server does not do this at all (501, 405).
    case unsupported(SCIMError)
    /// The server refuses this record.
    case rejected(SCIMError)
    /// What came is not what SCIM says.
    case malformed(String)
    /// The answer is larger than 64 MiB.
    case tooLarge
    case cancelled

    init(_ error: TransportError, isRead: Bool) {
        switch error {
        case .notSent(let why): self = .unreachable(why)
        case .refused(let why):
            self = why.hasPrefix(ClientCredentials.refusalMark) ? .credentials(why) : .unreachable(why)
        case .timedOut where isRead: self = .timedOut(error.description)
        case .outcomeUnknown, .timedOut:
            self = isRead ? .unreachable(error.description) : .outcomeUnknown(error.description)
        case .tooLarge: self = .tooLarge
        case .cancelled: self = .cancelled
        }
    }

    init(_ response: IncomingResponse, isRead: Bool, what: String) {
        var error = SCIMError(status: response.status, body: response.body)
        error.followsDoubt = response.followsDoubt
        if isRead { error.request = what }
        // A write whose answer was lost, and which was then not let in any more, may have been processed.
        if !isRead, response.followsDoubt, [401, 403, 412, 429].contains(response.status) {
            self = .outcomeUnknown(
                "an earlier attempt may have been processed; then: status \(response.status) \(error.detail)")
            return
        }
        switch response.status {
        case 401:
            self = .credentials(
                "\(what) answered 401\(error.detail.isEmpty ? ", and gives no reason" : ": " + error.detail)")
        case 403 where isRead:
            self = .forbidden(
                "\(what) answered 403\(error.detail.isEmpty ? ", and gives no reason" : ": " + error.detail)")
        case 404, 410: self = .notFound(error)
        case 405, 501: self = .unsupported(error)
        case 409: self = .conflict(error)
        // One that speaks of seats, and not of requests, is about what is made, however long one waits.
        case 429 where !isRead && error.saysFull() && !error.speaksOfRequests: self = .rejected(error)
        case 429: self = .unreachable("\(what) still answered 429 (too many requests) after the last attempt")
        case 500...599:
            self =
                isRead
                ? .failing(
                    SCIMError(status: error.status, scimType: error.scimType, detail: "\(what): \(error.detail)"))
                : .outcomeUnknown("the server answered \(error.status) \(error.detail)")
        case 300...399:
            self = .unreachable("\(what) answered \(error.status): redirects are not followed; correct the base URL")
        default: self = .rejected(error)
        }
    }

    public var description: String {
        switch self {
        case .unreachable(let why), .timedOut(let why): why
        case .credentials(let why), .forbidden(let why): why
        case .outcomeUnknown(let why): "outcome unknown: \(why)"
        case .conflict(let error), .notFound(let error), .unsupported(let error), .rejected(let error),
            .failing(let error):
            """
            \(error.request.map { $0 + " answered " } ?? "status ")\(error.status)\
            \(error.scimType.map { " " + $0 } ?? "")\
            \(error.detail.isEmpty ? ", and gives no reason" : ": " + error.detail)
            """
        case .malformed(let why): "the answer cannot be read: \(why)"
        case .tooLarge: "the answer is larger than 64 MiB"
        case .cancelled: "cancelled"
        }
    }

    /// Whether the failure concerns the whole side and not one record.
    public var isFatal: Bool {
        switch self {
        case .unreachable, .failing, .timedOut, .credentials, .forbidden, .cancelled: true
        default: false
        }
    }
}
