import HTTPTypes

/// A value that must not be shown: it prints as stars, everywhere.
public struct Secret: Hashable, Sendable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    package let value: String

    public init(_ value: String) { self.value = value }

    public var description: String { "***" }
    public var debugDescription: String { "***" }
    public var customMirror: Mirror { Mirror(self, children: []) }
}

/// Where the bearer token of a request comes from.
public protocol TokenSource: Sendable {
    /// A token that is good now. Throws what kept it from coming.
    func token() async throws(TransportError) -> Secret
    /// The server refused this token: the next `token()` must be another one. False when there can be no other.
    func refused(_ token: Secret) async -> Bool
}

/// A key that is given once and never changes.
public struct FixedKey: TokenSource {
    private let key: Secret

    public init(_ key: Secret) { self.key = key }

    public func token() async throws(TransportError) -> Secret { key }
    public func refused(_ token: Secret) async -> Bool { false }
}

/// Adds `Authorization: Bearer …`; after a 401 it asks for a new token and sends the request once more.
/// A request that was answered 401 was not processed, so this is safe for POST as well.
public struct Authorized: HTTPClient {
    private let next: any HTTPClient
    private let tokens: any TokenSource

    public init(_ next: any HTTPClient, tokens: any TokenSource) {
        self.next = next
        self.tokens = tokens
    }

    public func send(_ request: OutgoingRequest) async throws(TransportError) -> IncomingResponse {
        let token = try await tokens.token()
        let response = try await next.send(request.bearing(token))
        guard response.status == 401, await tokens.refused(token) else { return response.hiding(token) }
        let fresh = try await tokens.token()
        return try await next.send(request.bearing(fresh)).hiding(fresh)
    }
}

extension IncomingResponse {
    /// Some servers repeat the credential in what they answer; it must not reach a message, the ledger or a report.
    package func hiding(_ secret: Secret) -> IncomingResponse {
        let needle = Array(secret.value.utf8)
        guard status >= 400, needle.count >= 4, body.firstRange(of: needle) != nil else { return self }
        var copy = self
        copy.body = []
        var rest = body[...]
        while let found = rest.firstRange(of: needle) {
            copy.body += rest[..<found.lowerBound] + Array("***".utf8)
            rest = rest[found.upperBound...]
        }
        copy.body += rest
        return copy
    }
}

extension OutgoingRequest {
    fileprivate func bearing(_ token: Secret) -> OutgoingRequest {
        var copy = self
        copy.head.headerFields[.authorization] = "Bearer \(token.value)"
        return copy
    }
}
