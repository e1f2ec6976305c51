import CCrypto
import HTTPTypes

/// Sends one request and gives its answer: the one narrow interface that transports and their decorators share.
///
/// Every status code is an answer, not an error; what is thrown says how far the request came.
public protocol HTTPClient: Sendable {
    func send(_ request: OutgoingRequest) async throws(TransportError) -> IncomingResponse
}

/// A request, its body and its bounds.
public struct OutgoingRequest: Sendable {
    public var head: HTTPRequest
    public var body: [UInt8]
    /// Seconds until the connection must stand.
    public var connectTimeout: Double
    /// Seconds until the whole answer must be here.
    public var totalTimeout: Double
    /// Bytes of body that are accepted; a larger answer is `TransportError.tooLarge`.
    public var responseLimit: Int
    /// Whether the request may hold a secret in its URL or body (a token request): it is then never logged beyond its
    /// host.
    public var isConfidential: Bool
    /// How often the request is tried at the most; nil leaves it to the client.
    public var attempts: Int?
    /// Whether it was sent before and is sent again.
    public var isRepeated = false
    /// Whom to trust and who to be in TLS, beside what the system says; nil for the system's word alone.
    public var tls: TLSFiles?

    public init(
        head: HTTPRequest, body: [UInt8] = [], connectTimeout: Double = 10, totalTimeout: Double = 60,
        responseLimit: Int = 64 << 20, isConfidential: Bool = false, attempts: Int? = nil
    ) {
        self.head = head
        self.body = body
        self.connectTimeout = connectTimeout
        self.totalTimeout = totalTimeout
        self.responseLimit = responseLimit
        self.isConfidential = isConfidential
        self.attempts = attempts
    }

    /// The URL, for messages; of a confidential request the host only.
    public var displayURL: String {
        let origin = "\(head.scheme ?? "https")://\(head.authority ?? "")"
        return isConfidential ? origin : origin + (head.path ?? "")
    }
}

/// A private authority, and a certificate of one's own, as files in PEM.
public struct TLSFiles: Hashable, Sendable {
    public var authority: String?
    public var certificate: String?
    public var key: String?

    public init(authority: String? = nil, certificate: String? = nil, key: String? = nil) {
        self.authority = authority
        self.certificate = certificate
        self.key = key
    }

    /// When the certificate of one's own ends, in seconds since 1970; nil where there is none that can be read.
    public var certificateEnd: Double? {
        guard let certificate else { return nil }
        let seconds = ccrypto_certificate_end(certificate)
        return seconds < 0 ? nil : Double(seconds)
    }
}

/// Gives the requests to one server its TLS files; those to others go as they are.
public struct TLSBound: HTTPClient {
    private let next: any HTTPClient
    private let files: TLSFiles
    private let authority: String

    public init(_ next: any HTTPClient, files: TLSFiles, authority: String) {
        self.next = next
        self.files = files
        self.authority = authority
    }

    public func send(_ request: OutgoingRequest) async throws(TransportError) -> IncomingResponse {
        guard request.head.authority == authority else { return try await next.send(request) }
        var copy = request
        copy.tls = files
        return try await next.send(copy)
    }
}

/// An answer with its whole body.
public struct IncomingResponse: Sendable {
    public var head: HTTPResponse
    public var body: [UInt8]
    /// Whether an earlier attempt at the same request may have been processed: what is gone now may be gone because of
    /// it.
    public var followsDoubt = false
    /// When the server's certificate ends, in seconds since 1970, where the connection was made for this request.
    public var certificateEnd: Double?

    public init(head: HTTPResponse, body: [UInt8] = []) {
        self.head = head
        self.body = body
    }

    /// The status code, such as 200.
    public var status: Int { head.status.code }
}

/// Everything that can keep an answer from coming: a closed set, decided at the edge.
public enum TransportError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The request never left: no address, no connection, no TLS session. It may be sent again without risk.
    case notSent(String)
    /// The connection was lost after the request may have arrived. A write may have happened.
    case outcomeUnknown(String)
    /// The transport will not do this at all: a certificate that does not verify, a protocol that is not allowed.
    case refused(String)
    /// No whole answer within the time allowed. A write may have happened.
    case timedOut(String)
    /// The answer is larger than the request allows.
    case tooLarge(limit: Int)
    /// The surrounding task was cancelled; the transfer was stopped.
    case cancelled

    public var description: String {
        switch self {
        case .notSent(let why): "no connection: \(why)"
        case .outcomeUnknown(let why): "connection lost: \(why)"
        case .refused(let why): "refused: \(why)"
        case .timedOut(let why): "timed out: \(why)"
        case .tooLarge(let limit): "the answer is larger than \(limit) bytes"
        case .cancelled: "cancelled"
        }
    }
}
