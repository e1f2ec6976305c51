import HTTP
import HTTPTypes
import JSON
import SCIM

/// An Alibaba Cloud access key; with a token it is a temporary one of STS.
public struct AccessKey: Sendable {
    public var id: String
    public var secret: Secret
    public var token: Secret?
    /// Where it was found, for messages.
    public var origin: String

    public init(id: String, secret: Secret, token: Secret? = nil, origin: String) {
        self.id = id
        self.secret = secret
        self.token = token
        self.origin = origin
    }
}

/// ACS3-HMAC-SHA256, the signature of Alibaba Cloud's APIs (“Request structure and signature method V3”,
/// alibabacloud.com/help/en/sdk/product-overview/v3-request-structure-and-signature).
struct ACS3Signature: Hashable, Sendable {
    /// The hash of the canonical request, 64 hexadecimal digits.
    let requestHash: String
    /// 64 hexadecimal digits.
    let value: String
    /// The value of the Authorization header.
    let authorization: String

    /// - Parameters:
    ///   - path: begins with “/”, as it is sent.
    ///   - query: decoded names and values, in any order.
    ///   - headers: the headers to sign, `host` among them; values as they are sent.
    init(
        method: String, path: String, query: [(String, String)], headers: [(name: String, value: String)],
        body: [UInt8] = [], key: AccessKey
    ) {
        let canonicalQuery = Self.canonical(query)
        let sorted = headers.map { (name: $0.name.lowercased(), value: $0.value.trimmingSpaces) }.sorted {
            $0.name.utf8.lexicographicallyPrecedes($1.name.utf8)
        }
        let names = sorted.map(\.name).joined(separator: ";")
        let request = [
            method, path, canonicalQuery, sorted.map { "\($0.name):\($0.value)\n" }.joined(), names,
            Digest.hexadecimal(Digest.sha256(body)),
        ].joined(separator: "\n")
        requestHash = Digest.hexadecimal(request)
        value = Digest.hexadecimal(
            Digest.hmacSHA256(key: Array(key.secret.value.utf8), Array("ACS3-HMAC-SHA256\n\(requestHash)".utf8)))
        authorization = "ACS3-HMAC-SHA256 Credential=\(key.id),SignedHeaders=\(names),Signature=\(value)"
    }

    /// The query as it is signed and sent: in the order of the names' bytes, percent-encoded.
    static func canonical(_ query: [(String, String)]) -> String {
        // By the name alone: “UserIds.1” goes before “UserIds.10”, although “=” comes after “0”.
        query.map { (name: PercentEncoding.encode($0.0), value: PercentEncoding.encode($0.1)) }.sorted {
            $0.name.utf8.lexicographicallyPrecedes($1.name.utf8)
        }
        .map { "\($0.name)=\($0.value)" }.joined(separator: "&")
    }
}

/// Signs each request anew, attempt by attempt, since a nonce is good for one: below whatever repeats requests.
/// The request's `x-acs-action` header names the operation.
struct Signed: HTTPClient {
    let next: any HTTPClient
    let keys: any AccessKeySource
    let time: Time

    func send(_ request: OutgoingRequest) async throws(TransportError) -> IncomingResponse {
        let key = try await keys.accessKey()
        var copy = request
        func set(_ name: String, _ value: String) {
            if let field = HTTPField.Name(name) { copy.head.headerFields[field] = value }
        }
        let now = time.wall()
        set("x-acs-date", Timestamp.text(now))
        set(
            "x-acs-signature-nonce",
            String(Digest.hexadecimal("\(now) \(time.monotonic()) \(time.random()) \(time.random())").prefix(32)))
        set("x-acs-content-sha256", Digest.hexadecimal(Digest.sha256(request.body)))
        if let token = key.token {
            set("x-acs-security-token", token.value)
            set("x-acs-accesskey-id", key.id)
        }
        let target = (copy.head.path ?? "/").split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        let query = target.count > 1 ? String(target[1]) : ""
        var headers = [(name: "host", value: copy.head.authority ?? "")]
        for field in copy.head.headerFields where field.name.canonicalName.hasPrefix("x-acs-") || field.name == .accept
        { headers.append((field.name.canonicalName, field.value)) }
        let signature = ACS3Signature(
            method: copy.head.method.rawValue, path: String(target[0]), query: Self.pairs(query), headers: headers,
            body: request.body, key: key)
        copy.head.headerFields[.authorization] = signature.authorization
        var response = try await next.send(copy)
        // The gateway repeats what it was to sign, the temporary key's token in it.
        for secret in [key.secret, key.token].compactMap({ $0 }) { response = response.hiding([secret]) }
        return response
    }

    /// A query that this module wrote, so that every value is percent-encoded.
    private static func pairs(_ query: String) -> [(String, String)] {
        query.split(separator: "&").map { pair in
            let halves = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            return (PercentEncoding.decode(halves[0]), halves.count > 1 ? PercentEncoding.decode(halves[1]) : "")
        }
    }
}
