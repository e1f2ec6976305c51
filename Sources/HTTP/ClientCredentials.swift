import HTTPTypes

/// Tokens by the OAuth 2.0 client credentials grant (RFC 6749, section 4.4), renewed before they expire.
public actor ClientCredentials: TokenSource {
    /// Where the client's id and secret go: servers differ.
    public enum Placement: String, Hashable, Sendable, CaseIterable { case form, query, basic }

    public struct Settings: Sendable {
        public var tokenURL: URLParts
        public var clientID: String
        public var clientSecret: Secret
        public var scope: String?
        public var placement: Placement

        public init(
            tokenURL: URLParts, clientID: String, clientSecret: Secret, scope: String? = nil,
            placement: Placement = .form
        ) {
            self.tokenURL = tokenURL
            self.clientID = clientID
            self.clientSecret = clientSecret
            self.scope = scope
            self.placement = placement
        }
    }

    /// What a token endpoint's body says.
    public enum Answer: Sendable {
        case token(String, expiresIn: Double?)
        /// The OAuth error and its description.
        case refusal(String)
    }

    /// Reads a token endpoint's body, for this module knows no JSON; nil when it says nothing.
    public typealias Decode = @Sendable ([UInt8]) -> Answer?

    /// Tokens that were given up; a server may repeat one later.
    private var past: [Secret] = []

    public var others: [Secret] { past + [settings.clientSecret] }

    private let settings: Settings
    private let client: any HTTPClient
    private let time: Time
    private let decode: Decode
    /// Told when the secret was refused in the form and taken as Basic authentication; nil where that is not tried.
    private let takesBasicAlone: (@Sendable () -> Void)?
    private var usesBasic = false
    private var current: (token: Secret, expires: Double)?

    /// - Parameter decode: reads the answer's JSON: the token, and its life in seconds if stated.
    public init(
        _ settings: Settings, client: any HTTPClient, time: Time, takesBasicAlone: (@Sendable () -> Void)? = nil,
        decode: @escaping Decode
    ) {
        self.takesBasicAlone = takesBasicAlone
        self.settings = settings
        self.client = client
        self.time = time
        self.decode = decode
    }

    public func token() async throws(TransportError) -> Secret {
        // Requests that run side by side wait for one token: a server may keep the newest alive alone.
        while isRenewing {
            await withCheckedContinuation { waiting.append($0) }
            if let failure { throw failure }
        }
        if let current, time.monotonic() < current.expires { return current.token }
        isRenewing = true
        failure = nil
        defer {
            isRenewing = false
            let all = waiting
            waiting = []
            for one in all { one.resume() }
        }
        do {
            return try await newToken()
        } catch {
            // A request that was cancelled says nothing to the others.
            if error != .cancelled { failure = error }
            throw error
        }
    }

    private func newToken() async throws(TransportError) -> Secret {
        let placement = usesBasic ? .basic : settings.placement
        do {
            return try await renew(placement)
        } catch {
            // Some servers take a client's secret in the header alone (RFC 6749, section 2.3.1, leaves the form to
            // them). Asked once.
            guard placement == .form, let takesBasicAlone, !isBasicRefused, case .refused = error else { throw error }
            let token: Secret
            do { token = try await renew(.basic) } catch let second {
                guard case .refused = second else { throw second }
                isBasicRefused = true
                throw error
            }
            usesBasic = true
            takesBasicAlone()
            return token
        }
    }

    private var isBasicRefused = false
    private var isRenewing = false
    private var waiting: [CheckedContinuation<Void, Never>] = []
    /// Why the renewal failed for which others waited.
    private var failure: TransportError?

    private func renew(_ placement: Placement) async throws(TransportError) -> Secret {
        let fresh = try await fetch(placement)
        if let current { past = ([current.token] + past).prefix(3).map { $0 } }
        current = fresh
        return fresh.token
    }

    public func refused(_ token: Secret) async -> Bool {
        if let old = current, old.token == token {
            past = ([token] + past).prefix(3).map { $0 }
            current = nil
        }
        return true
    }

    private func fetch(_ placement: Placement) async throws(TransportError) -> (token: Secret, expires: Double) {
        var form = [("grant_type", "client_credentials")]
        if let scope = settings.scope { form.append(("scope", scope)) }
        var head: HTTPRequest
        switch placement {
        case .form:
            form += [("client_id", settings.clientID), ("client_secret", settings.clientSecret.value)]
            head = settings.tokenURL.request(.post, "")
        case .query:
            form += [("client_id", settings.clientID), ("client_secret", settings.clientSecret.value)]
            head = settings.tokenURL.request(.post, "", query: form)
            form = []
        case .basic:
            head = settings.tokenURL.request(.post, "")
            let pair =
                PercentEncoding.encode(settings.clientID) + ":" + PercentEncoding.encode(settings.clientSecret.value)
            head.headerFields[.authorization] = "Basic " + Base64.encode(Array(pair.utf8))
        }
        head.headerFields[.accept] = "application/json"
        head.headerFields[.contentType] = "application/x-www-form-urlencoded"
        let body = form.map { "\($0.0)=\(PercentEncoding.encode($0.1))" }.joined(separator: "&")
        let request = OutgoingRequest(head: head, body: Array(body.utf8), responseLimit: 1 << 20, isConfidential: true)
        let response = try await client.send(request)
        // A server in trouble says nothing of the credential; the request that needed the token was never sent.
        if response.status == 429 || response.status >= 500 {
            throw .notSent("\(request.displayURL) answered \(response.status) to the token request")
        }
        let answer = decode(response.body)
        guard response.status == 200, case .token(let token, let expiresIn)? = answer else {
            var why = response.status == 200 ? "gave no access_token" : "answered \(response.status)"
            // A server may repeat what it was sent; the secret must not come back this way.
            if case .refusal(let text)? = answer {
                let hidden =
                    SecretPattern(settings.clientSecret).hide(Array(text.utf8)).map {
                        String(decoding: $0, as: UTF8.self)
                    } ?? text
                why += " “\(hidden.prefix(300))”"
            }
            throw .refused("\(Self.refusalMark) \(request.displayURL) \(why)")
        }
        // Renewed a tenth of its life early, a minute at the most; a token without a stated life is kept for five
        // minutes.
        let life = expiresIn ?? 300
        return (Secret(token), time.monotonic() + life - min(60, life / 10))
    }

    /// How the message of a refused token request begins: whoever reports it tells a refused credential from a refused
    /// connection.
    public static let refusalMark = "token request:"
}

enum Base64 {
    static func encode(_ bytes: [UInt8]) -> String {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
        var out = ""
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let chunk = bytes[start..<min(start + 3, bytes.count)]
            var word = 0
            for byte in chunk { word = word << 8 | Int(byte) }
            word <<= 8 * (3 - chunk.count)
            for position in 0..<4 {
                out.append(position <= chunk.count ? alphabet[word >> (18 - 6 * position) & 63] : "=")
            }
        }
        return out
    }
}
