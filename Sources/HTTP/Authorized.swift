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
    /// What else must not be shown: earlier tokens, and what tokens are got with.
    var others: [Secret] { get async }
}

extension TokenSource {
    public var others: [Secret] { get async { [] } }
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
        guard response.status == 401, await tokens.refused(token) else {
            return response.hiding([token] + (await tokens.others))
        }
        let fresh = try await tokens.token()
        return try await next.send(request.bearing(fresh)).hiding([fresh, token] + (await tokens.others))
    }
}

extension IncomingResponse {
    /// Some servers repeat the credential in what they answer; it must not reach a message, the ledger, a cursor or a
    /// report.
    package func hiding(_ secrets: [Secret]) -> IncomingResponse {
        var copy = self
        for secret in Set(secrets) {
            // A word of everyday in the place of a key stands in names too, and what is blanked there would be
            // believed.
            let pattern = SecretPattern(secret, shortest: status >= 400 ? 4 : 16)
            if let hidden = pattern.hide(copy.body) { copy.body = hidden }
            for field in copy.head.headerFields {
                guard let hidden = pattern.hide(Array(field.value.utf8)) else { continue }
                copy.head.headerFields[field.name] = String(decoding: hidden, as: UTF8.self)
            }
        }
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
