/// Finds a secret in somebody else's bytes however it is written there: as it stands, with JSON's escapes, percent-encoded, or in base64.
struct SecretPattern {
    private static let stars = Array("***".utf8)
    private let needles: [[UInt8]]
    private let starts: [Bool]

    /// - Parameter shortest: bytes of a secret that is looked for: what is shorter stands in any text.
    init(_ secret: Secret, shortest: Int = 4) {
        let plain = Array(secret.value.utf8)
        var needles = plain.count >= shortest ? [plain] : []
        // Basic authentication encodes what is percent-encoded already.
        let encoded = Array(PercentEncoding.encode(secret.value).utf8)
        for bytes in encoded == plain ? [plain] : [plain, encoded] where plain.count >= max(8, shortest) {
            // The characters that the secret alone decides, wherever it begins in what was encoded.
            for offset in 0..<3 {
                let text = Base64.encode(Array(repeating: 0, count: offset) + bytes)
                let first = (offset * 8 + 5) / 6
                let core = Array(text.utf8)[first..<(offset + bytes.count) * 8 / 6]
                needles.append(Array(core))
                let safe = core.map { $0 == UInt8(ascii: "+") ? UInt8(ascii: "-") : $0 == UInt8(ascii: "/") ? UInt8(ascii: "_") : $0 }
                if safe != Array(core) { needles.append(safe) }
            }
        }
        self.needles = needles
        var starts = Array(repeating: false, count: 256)
        for needle in needles { starts[Int(needle[0])] = true }
        starts[Int(UInt8(ascii: "\\"))] = !needles.isEmpty
        starts[Int(UInt8(ascii: "%"))] = !needles.isEmpty
        starts[Int(UInt8(ascii: "&"))] = !needles.isEmpty
        self.starts = starts
    }

    /// The bytes with stars in the secret's place; nil where it does not occur.
    func hide(_ body: [UInt8]) -> [UInt8]? {
        guard let shortest = needles.map(\.count).min(), body.count >= shortest else { return nil }
        var found: [Range<Int>] = []
        body.withUnsafeBufferPointer { bytes in
            var place = 0
            while place < bytes.count {
                if starts[Int(bytes[place])], let end = needles.lazy.compactMap({ Self.match($0, bytes, place) }).first {
                    found.append(place..<end)
                    place = end
                } else {
                    place += 1
                }
            }
        }
        if found.isEmpty { return nil }
        var hidden: [UInt8] = []
        var written = 0
        for range in found {
            hidden += body[written..<range.lowerBound] + Self.stars
            written = range.upperBound
        }
        return hidden + body[written...]
    }

    /// Where a needle ends that begins at a place, each of its bytes in any spelling; nil for none.
    private static func match(_ needle: [UInt8], _ bytes: UnsafeBufferPointer<UInt8>, _ start: Int) -> Int? {
        var place = start
        for wanted in needle {
            guard place < bytes.count else { return nil }
            if bytes[place] == wanted, wanted != UInt8(ascii: "%") || hex(bytes, place + 1, 2) != Int(wanted), wanted != UInt8(ascii: "&") || entity(wanted, bytes, place) == nil {
                place += 1
            } else if bytes[place] == UInt8(ascii: "%"), hex(bytes, place + 1, 2) == Int(wanted) {
                place += 3
            } else if bytes[place] == UInt8(ascii: "\\") {
                // Escaped once, or again with the text that it stands in.
                var next = place
                while next < bytes.count, bytes[next] == UInt8(ascii: "\\") { next += 1 }
                if next < bytes.count, bytes[next] == UInt8(ascii: "u"), hex(bytes, next + 1, 4) == Int(wanted) {
                    place = next + 5
                } else if next < bytes.count, bytes[next] == wanted, wanted == UInt8(ascii: "/") || wanted == UInt8(ascii: "\"") {
                    place = next + 1
                } else {
                    return nil
                }
            } else if bytes[place] == UInt8(ascii: "&"), let end = entity(wanted, bytes, place) {
                place = end
            } else {
                return nil
            }
        }
        return place
    }

    private static let entities: [(name: [UInt8], byte: UInt8)] = [
        ("&amp;", "&"), ("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&#39;", "'"), ("&#34;", "\""), ("&#x27;", "'"), ("&#x2F;", "/"), ("&#43;", "+"), ("&#61;", "="),
    ]
    .map { (Array($0.0.utf8), $0.1.utf8.first ?? 0) }

    /// Where an entity of HTML for a byte ends; nil for none.
    private static func entity(_ wanted: UInt8, _ bytes: UnsafeBufferPointer<UInt8>, _ start: Int) -> Int? {
        entities.first { $0.byte == wanted && start + $0.name.count <= bytes.count && bytes[start..<start + $0.name.count].elementsEqual($0.name) }.map { start + $0.name.count }
    }

    private static func hex(_ bytes: UnsafeBufferPointer<UInt8>, _ start: Int, _ count: Int) -> Int? {
        guard start + count <= bytes.count else { return nil }
        var value = 0
        for place in start..<start + count {
            switch bytes[place] {
            case 0x30...0x39: value = value << 4 | Int(bytes[place] - 0x30)
            case 0x41...0x46: value = value << 4 | Int(bytes[place] - 0x37)
            case 0x61...0x66: value = value << 4 | Int(bytes[place] - 0x57)
            default: return nil
            }
        }
        return value
    }
}
