import JSON
import SCIM

/// Who may ask: static tokens, and tokens that an OAuth client gets.
extension SCIMService {
    func isAuthorized(_ request: EmulatedRequest) -> Bool {
        if options.tokens.isEmpty, options.clients.isEmpty { return true }
        guard let header = request.headers["authorization"], header.hasPrefix("Bearer ") else { return false }
        let token = String(header.dropFirst(7))
        return options.tokens.contains(token) || (issued[token] ?? 0) > request.now
    }

    mutating func issueToken(_ request: EmulatedRequest) -> EmulatedResponse {
        counters["POST /oauth/token", default: 0] += 1
        var fields = EmulatedRequest.form(String(decoding: request.body, as: UTF8.self)).merging(request.query) {
            body, _ in body
        }
        if let header = request.headers["authorization"], header.hasPrefix("Basic "),
            let text = Base64Decoder.decode(String(header.dropFirst(6)))
        {
            let halves = text.split(separator: ":", maxSplits: 1).map(String.init)
            if halves.count == 2 {
                (fields["client_id"], fields["client_secret"]) = (
                    EmulatedRequest.form("a=\(halves[0])")["a"], EmulatedRequest.form("a=\(halves[1])")["a"]
                )
            }
        }
        func refuse(_ status: Int, _ code: String) -> EmulatedResponse {
            .json(status, ["error": .string(code)], type: "application/json")
        }
        guard request.method == "POST" else { return refuse(405, "invalid_request") }
        guard fields["grant_type"] == "client_credentials" else { return refuse(400, "unsupported_grant_type") }
        guard let id = fields["client_id"], let secret = options.clients[id], secret == fields["client_secret"] else {
            return refuse(401, "invalid_client")
        }
        serial += 1
        let token = "issued-\(serial)-\(Digest.hexadecimal("\(id) \(serial)").prefix(24))"
        issued[token] = request.now + options.tokenLife
        return .json(
            200,
            [
                "access_token": .string(token), "token_type": "Bearer",
                "expires_in": options.vendor.tellsLifeAsText
                    ? .string(String(Int(options.tokenLife))) : .integer(Int64(options.tokenLife)),
            ],
            type: "application/json")
    }

    /// Makes every issued token worthless, as a server does that restarts.
    public mutating func revokeTokens() { issued.removeAll() }
}
