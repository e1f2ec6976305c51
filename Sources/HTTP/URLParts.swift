import HTTPTypes

/// An absolute http or https URL, cut into what a request needs.
public struct URLParts: Hashable, Sendable, CustomStringConvertible {
    public var scheme: String
    /// Host and port as written.
    public var authority: String
    /// Begins with “/”; never ends with one.
    public var path: String

    /// nil unless `text` is `http(s)://host[:port][/path]` without user, query, fragment or white space.
    public init?(_ text: String) {
        guard let colon = text.range(of: "://") else { return nil }
        scheme = text[..<colon.lowerBound].lowercased()
        guard scheme == "http" || scheme == "https" else { return nil }
        let rest = text[colon.upperBound...]
        guard rest.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }), !rest.contains(where: { "?#@\\".contains($0) }) else {
            return nil
        }
        let slash = rest.firstIndex(of: "/") ?? rest.endIndex
        authority = rest[..<slash].lowercased()
        guard Self.isHost(authority) else { return nil }
        var tail = String(rest[slash...])
        while tail.hasSuffix("/") { tail.removeLast() }
        path = tail
    }

    /// Whether a host and its port are what every reader takes for the same: no empty part, no escape, a port that
    /// there is.
    private static func isHost(_ authority: String) -> Bool {
        var rest = authority[...]
        if rest.hasPrefix("[") {
            guard let end = rest.firstIndex(of: "]") else { return false }
            rest = rest[rest.index(after: end)...]
            guard rest.isEmpty || rest.hasPrefix(":") else { return false }
        } else {
            let host = rest.prefix { $0 != ":" }
            let parts = host.split(separator: ".", omittingEmptySubsequences: false)
            // One dot may stand at the end.
            let named = parts.last?.isEmpty == true && parts.count > 1 ? parts.dropLast() : parts[...]
            guard named.allSatisfy({ !$0.isEmpty }), !host.contains("%") else { return false }
            rest = rest[host.endIndex...]
        }
        guard rest.count > 1 else { return true }
        let port = rest.dropFirst()
        return port.utf8.allSatisfy { (0x30...0x39).contains($0) } && (1...65535).contains(Int(port) ?? 0)
    }

    public var host: String {
        if authority.hasPrefix("["), let end = authority.firstIndex(of: "]") {
            return String(authority[authority.index(after: authority.startIndex)..<end])
        }
        return String(authority.prefix { $0 != ":" })
    }

    /// Whether the host is this machine by name or address: plain http is allowed there only.
    public var isLoopback: Bool {
        if host == "localhost" || host == "::1" { return true }
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
    }

    /// Whether the host is an address that never leaves this machine's own link, or the metadata service of an Alibaba
    /// Cloud instance: no proxy is between them.
    public var isLinkLocal: Bool {
        let parts = host.split(separator: ".", omittingEmptySubsequences: false).map { UInt8($0) }
        guard parts.count == 4, parts.allSatisfy({ $0 != nil }) else { return false }
        return parts[0] == 169 && parts[1] == 254 || host == "100.100.100.200"
    }

    /// One spelling for all that lead to the same place: `localhost` and the loopback addresses, a trailing dot, the
    /// scheme's own port, doubled slashes.
    public var canonical: String {
        var port =
            authority.hasPrefix("[")
            ? String(authority[(authority.firstIndex(of: "]") ?? authority.startIndex)...].dropFirst())
            : String(authority[host.endIndex...])
        if port == (scheme == "https" ? ":443" : ":80") || port == ":" { port = "" }
        var name = host
        while name.hasSuffix(".") { name.removeLast() }
        if isLoopback || name == "localhost" { name = "127.0.0.1" }
        if name.contains(":") { name = "[\(name)]" }
        return "\(scheme)://\(name)\(port)\(path.split(separator: "/").map { "/" + $0 }.joined())"
    }

    public var description: String { "\(scheme)://\(authority)\(path)" }

    /// A request below this URL. `path` is appended as it stands; query values are percent-encoded.
    public func request(_ method: HTTPRequest.Method, _ path: String, query: [(String, String)] = []) -> HTTPRequest {
        var target = self.path + path
        if target.isEmpty { target = "/" }
        if !query.isEmpty {
            target += "?" + query.map { "\($0.0)=\(PercentEncoding.encode($0.1))" }.joined(separator: "&")
        }
        return HTTPRequest(method: method, scheme: scheme, authority: authority, path: target)
    }
}

/// RFC 3986 percent-encoding of everything but the unreserved characters.
public enum PercentEncoding {
    public static func encode(_ text: String) -> String {
        var out: [UInt8] = []
        let digits = Array("0123456789ABCDEF".utf8)
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"),
                UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "~"):
                out.append(byte)
            default:
                out.append(UInt8(ascii: "%"))
                out.append(digits[Int(byte >> 4)])
                out.append(digits[Int(byte & 15)])
            }
        }
        return String(decoding: out, as: UTF8.self)
    }

    /// What `encode` made back into text; a “%” without two hexadecimal digits stays.
    public static func decode(_ text: some StringProtocol) -> String {
        var out: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%"), rest.count >= 2,
                let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16)
            {
                out.append(value)
                rest = rest.dropFirst(2)
            } else {
                out.append(byte)
            }
        }
        return String(decoding: out, as: UTF8.self)
    }
}

extension String {
    fileprivate func range(of needle: String) -> Range<String.Index>? {
        var start = startIndex
        while start < endIndex {
            if self[start...].hasPrefix(needle) { return start..<index(start, offsetBy: needle.count) }
            start = index(after: start)
        }
        return nil
    }
}
