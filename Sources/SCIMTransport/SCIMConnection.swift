import HTTP
import HTTPTypes
import JSON
import SCIM

/// A SCIM server at a base URL: requests, answers and errors of RFC 7644, for the source side and the target side alike.
public struct SCIMConnection: Sendable {
    public let base: URLParts
    /// What this server writes in its own way.
    public let dialect = Dialect()
    let client: any HTTPClient
    /// The media type of what is sent; platforms differ in which they take.
    private let mediaType: String

    public init(base: URLParts, client: any HTTPClient, mediaType: String = scimMediaType) {
        self.base = base
        self.client = client
        self.mediaType = mediaType
    }

    /// A successful answer.
    public struct Answer: Sendable {
        public let status: Int
        public let body: [UInt8]
        /// The `Location` header as it came.
        public let location: String?
        /// The server's clock when it answered, in seconds since 1970; nil when it does not say.
        public let date: Double?

        /// Whether there is a document in it: 204 and empty bodies say nothing of what was stored.
        public var hasDocument: Bool { status != 204 && !body.isEmpty }
    }

    /// Reads one resource. Throws `JSONSyntaxError` where the document is none.
    public func read<Value>(_ body: [UInt8], _ take: (ShownResource) throws -> Value) throws -> Value { try JSONParser().parse(body) { try take(ShownResource($0, dialect)) } }

    /// Sends one request. Throws `SCIMFailure` for everything but 2xx.
    ///
    /// - Parameter path: below the base URL, percent-encoded where needed.
    /// - Parameter attempts: how often it is tried at the most; nil for as often as the client does.
    public func send(
        _ method: HTTPRequest.Method, _ path: String, query: [(String, String)] = [], body: JSONValue? = nil, ifMatch: String? = nil, attempts: Int? = nil
    ) async throws(SCIMFailure) -> Answer {
        var head = base.request(method, path, query: query)
        head.headerFields[.accept] = "\(scimMediaType), application/json"
        if body != nil { head.headerFields[.contentType] = mediaType }
        if let ifMatch { head.headerFields[.ifMatch] = ifMatch }
        let isRead = method == .get
        let response: IncomingResponse
        do {
            response = try await client.send(OutgoingRequest(head: head, body: body?.canonicalBytes ?? [], attempts: attempts))
        } catch {
            throw SCIMFailure(error, isRead: isRead)
        }
        guard (200..<300).contains(response.status) else { throw SCIMFailure(response, isRead: isRead, what: "\(method) \(base)\(path)") }
        return Answer(
            status: response.status, body: response.body, location: response.head.headerFields[.location],
            date: HTTPField.Name("date").flatMap { response.head.headerFields[$0] }.flatMap { HTTPDate.seconds($0) })
    }
}

/// Every way in which a SCIM request can fail: a closed set, decided here, so that nobody upstream looks at status codes.
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
        case .refused(let why): self = why.hasPrefix(ClientCredentials.refusalMark) ? .credentials(why) : .unreachable(why)
        case .timedOut where isRead: self = .timedOut(error.description)
        case .outcomeUnknown, .timedOut: self = isRead ? .unreachable(error.description) : .outcomeUnknown(error.description)
        case .tooLarge: self = .tooLarge
        case .cancelled: self = .cancelled
        }
    }

    init(_ response: IncomingResponse, isRead: Bool, what: String) {
        var error = SCIMError(status: response.status, body: response.body)
        error.followsDoubt = response.followsDoubt
        switch response.status {
        case 401: self = .credentials("\(what) answered 401: \(error.detail)")
        case 403 where isRead: self = .forbidden("\(what) answered 403: \(error.detail)")
        case 404, 410: self = .notFound(error)
        case 405, 501: self = .unsupported(error)
        case 409: self = .conflict(error)
        case 429: self = .unreachable("\(what) still answered 429 (too many requests) after the last attempt")
        case 500...599:
            self =
                isRead
                ? .failing(SCIMError(status: error.status, scimType: error.scimType, detail: "\(what): \(error.detail)")) : .outcomeUnknown("the server answered \(error.status) \(error.detail)")
        case 300...399: self = .unreachable("\(what) answered \(error.status): redirects are not followed; correct the base URL")
        default: self = .rejected(error)
        }
    }

    public var description: String {
        switch self {
        case .unreachable(let why), .timedOut(let why): why
        case .credentials(let why), .forbidden(let why): why
        case .outcomeUnknown(let why): "outcome unknown: \(why)"
        case .conflict(let error), .notFound(let error), .unsupported(let error), .rejected(let error), .failing(let error):
            "status \(error.status)\(error.scimType.map { " " + $0 } ?? "")\(error.detail.isEmpty ? "" : ": " + error.detail)"
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
