import JSON

/// A request as an emulator sees it: whoever serves it, over HTTP or in process, makes one of these.
public struct EmulatedRequest: Sendable {
    public var method: String
    /// Percent-decoded, without the query.
    public var path: String
    public var query: [String: String]
    /// By lower-case name.
    public var headers: [String: String]
    public var body: [UInt8]
    /// Seconds since 1970: emulators have no clock of their own.
    public var now: Double
    /// Where the emulator is reached, for `meta.location`: `http://127.0.0.1:8480`.
    public var origin: String

    public init(
        method: String, path: String, query: [String: String] = [:], headers: [String: String] = [:],
        body: [UInt8] = [], now: Double = 0, origin: String = "http://127.0.0.1"
    ) {
        self.method = method
        self.path = path
        self.query = query
        self.headers = headers
        self.body = body
        self.now = now
        self.origin = origin
    }

    /// Splits a request target such as `/scim/v2/Users?filter=…` and decodes it.
    public static func split(target: String) -> (path: String, query: [String: String]) {
        let parts = target.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        return (decode(parts.first ?? "", plusIsSpace: false), parts.count > 1 ? form(String(parts[1])) : [:])
    }

    /// Decodes `application/x-www-form-urlencoded` text.
    public static func form(_ text: String) -> [String: String] {
        var pairs: [String: String] = [:]
        for pair in text.split(separator: "&") {
            let halves = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            pairs[decode(halves[0], plusIsSpace: true)] = halves.count > 1 ? decode(halves[1], plusIsSpace: true) : ""
        }
        return pairs
    }

    private static func decode(_ text: Substring, plusIsSpace: Bool) -> String {
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%"), rest.count >= 2, let high = hex(rest[rest.startIndex]),
                let low = hex(rest[rest.startIndex + 1])
            {
                bytes.append(high << 4 | low)
                rest = rest.dropFirst(2)
            } else {
                bytes.append(plusIsSpace && byte == UInt8(ascii: "+") ? 0x20 : byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func hex(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 0x30...0x39: byte - 0x30
        case 0x41...0x46: byte - 0x41 + 10
        case 0x61...0x66: byte - 0x61 + 10
        default: nil
        }
    }
}

public struct EmulatedResponse: Sendable {
    public var status: Int
    public var headers: [(name: String, value: String)]
    public var body: [UInt8]
    /// Seconds that the answer takes: whoever serves it waits, or gives up.
    public var delay = 0.0

    public init(status: Int, headers: [(name: String, value: String)] = [], body: [UInt8] = []) {
        self.status = status
        self.headers = headers
        self.body = body
    }

    static func json(
        _ status: Int, _ value: JSONValue, type: String = "application/scim+json",
        headers: [(name: String, value: String)] = []
    ) -> EmulatedResponse {
        EmulatedResponse(status: status, headers: [("Content-Type", type)] + headers, body: value.canonicalBytes)
    }
}
