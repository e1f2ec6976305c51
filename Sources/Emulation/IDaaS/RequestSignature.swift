import JSON

/// Verifies ACS3-HMAC-SHA256 as the gateway does: the query decoded and encoded again, the headers that the client says
/// it signed, a window of 15 minutes, each nonce once.
struct RequestSignature {
    struct Refusal: Error {
        var status: Int
        var code: String
        var message: String
    }

    private static let required = [
        "host", "x-acs-action", "x-acs-version", "x-acs-date", "x-acs-signature-nonce", "x-acs-content-sha256",
    ]

    /// What the `Authorization` header says.
    private struct Claim {
        var id: String
        var names: [String]
        var signature: String
    }

    /// - Parameter nonces: those that were used, with when; old ones are forgotten.
    static func verify(_ request: EmulatedRequest, _ options: IDaaSOptions, nonces: inout [String: Double], now: Double)
        throws
    {
        let claim = try claim(request)
        try judgeHeaders(request, claim)
        guard let secret = options.accessKeys[claim.id] else {
            throw Refusal(
                status: 404, code: "InvalidAccessKeyId.NotFound", message: "Specified access key is not found.")
        }
        if let token = options.securityTokens[claim.id], request.headers["x-acs-security-token"] != token {
            throw Refusal(
                status: 400, code: "InvalidSecurityToken.Malformed",
                message: "The specified SecurityToken is malformed.")
        }
        try judgeDate(request, now)
        try judgeSignature(request, claim, secret)
        guard let nonce = value("x-acs-signature-nonce", request), nonces[nonce] == nil else {
            throw Refusal(
                status: 400, code: "SignatureNonceUsed", message: "Specified signature nonce was used already.")
        }
        if nonces.count > 100_000 { nonces = nonces.filter { $0.value > now - 1800 } }
        nonces[nonce] = now
    }

    private static func value(_ name: String, _ request: EmulatedRequest) -> String? {
        name == "host" ? host(request) : request.headers[name]
    }

    private static func claim(_ request: EmulatedRequest) throws -> Claim {
        guard let header = request.headers["authorization"] else {
            throw Refusal(status: 400, code: "MissingParameter", message: "Authorization is mandatory for this action.")
        }
        guard header.hasPrefix("ACS3-HMAC-SHA256 ") else {
            throw Refusal(
                status: 400, code: "IncompleteSignature", message: "The signature algorithm is not supported.")
        }
        var parts: [String: String] = [:]
        for part in header.dropFirst(17).split(separator: ",") {
            let halves = part.split(separator: "=", maxSplits: 1).map(String.init)
            if halves.count == 2 { parts[halves[0].filter { $0 != " " }] = halves[1] }
        }
        guard let id = parts["Credential"], let names = parts["SignedHeaders"]?.split(separator: ";").map(String.init),
            let signature = parts["Signature"]
        else {
            throw Refusal(
                status: 400, code: "IncompleteSignature",
                message: "The request signature does not conform to Aliyun standards.")
        }
        return Claim(id: id, names: names, signature: signature)
    }

    private static func judgeHeaders(_ request: EmulatedRequest, _ claim: Claim) throws {
        for name in required {
            guard value(name, request) != nil else {
                throw Refusal(status: 400, code: "MissingParameter", message: "\(name) is mandatory for this action.")
            }
            guard claim.names.contains(name) else {
                throw Refusal(status: 400, code: "IncompleteSignature", message: "\(name) must be signed.")
            }
        }
        for name in request.headers.keys where name.hasPrefix("x-acs-") && !claim.names.contains(name) {
            throw Refusal(status: 400, code: "IncompleteSignature", message: "\(name) must be signed.")
        }
    }

    private static func judgeDate(_ request: EmulatedRequest, _ now: Double) throws {
        guard let date = value("x-acs-date", request).flatMap(seconds) else {
            throw Refusal(
                status: 400, code: "InvalidTimeStamp.Format",
                message: "Specified time stamp or date value is not well formatted.")
        }
        guard abs(date - now) <= 900 else {
            throw Refusal(
                status: 400, code: "InvalidTimeStamp.Expired", message: "Specified time stamp or date value is expired."
            )
        }
    }

    private static func judgeSignature(_ request: EmulatedRequest, _ claim: Claim, _ secret: String) throws {
        let digest = value("x-acs-content-sha256", request) ?? ""
        guard hex(Digest.sha256(request.body)) == digest else {
            throw Refusal(
                status: 400, code: "SignatureDoesNotMatch",
                message: "Specified x-acs-content-sha256 is not matched with the body.")
        }
        let lines = claim.names.map { "\($0):\(trimmed(value($0, request) ?? ""))\n" }.joined()
        let canonical = [
            request.method, request.path.isEmpty ? "/" : request.path, query(request.query), lines,
            claim.names.joined(separator: ";"), digest,
        ].joined(separator: "\n")
        let toSign = "ACS3-HMAC-SHA256\n" + hex(Digest.sha256(Array(canonical.utf8)))
        guard hex(Digest.hmacSHA256(key: Array(secret.utf8), Array(toSign.utf8))) == claim.signature else {
            throw Refusal(
                status: 400, code: "SignatureDoesNotMatch",
                message:
                    "Specified signature is not matched with our calculation. server string to sign is:\(canonical)")
        }
    }

    private static func host(_ request: EmulatedRequest) -> String? {
        request.headers["host"]
            ?? request.origin.split(separator: "/", omittingEmptySubsequences: true).last.map(String.init)
    }

    private static func query(_ query: [String: String]) -> String {
        // By the name alone: “=” must not take part in the order.
        query.sorted { encoded($0.key).utf8.lexicographicallyPrecedes(encoded($1.key).utf8) }.map {
            "\(encoded($0.key))=\(encoded($0.value))"
        }.joined(separator: "&")
    }

    private static func encoded(_ text: String) -> String {
        let digits = Array("0123456789ABCDEF")
        return text.utf8.reduce(into: "") { out, byte in
            let character = Character(UnicodeScalar(byte))
            if character.isASCII, character.isLetter || character.isNumber || "-_.~".contains(character) {
                out.append(character)
            } else {
                out += "%\(digits[Int(byte >> 4)])\(digits[Int(byte & 15)])"
            }
        }
    }

    private static func hex(_ bytes: [UInt8]) -> String { Digest.hexadecimal(bytes) }

    private static func trimmed(_ text: String) -> Substring {
        var view = Substring(text)
        while view.first == " " { view.removeFirst() }
        while view.last == " " { view.removeLast() }
        return view
    }

    /// `2026-01-15T08:30:00Z` in seconds since 1970.
    private static func seconds(_ text: String) -> Double? {
        let parts = text.split { "-T:Z".contains($0) }.compactMap { Int($0) }
        guard parts.count == 6, text.count == 20, (1...12).contains(parts[1]), (1...31).contains(parts[2]) else {
            return nil
        }
        return EmulatedClock.seconds(year: parts[0], month: parts[1], day: parts[2])
            + Double(parts[3] * 3600 + parts[4] * 60 + parts[5])
    }
}
