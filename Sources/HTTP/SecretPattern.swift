import Foundation

/// Finds a secret in somebody else's bytes however it is written there: as it stands, with JSON's escapes,
/// percent-encoded, or in base64.
struct SecretPattern {
    private static let stars = Array("***".utf8)
    private let needles: [[UInt8]]

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
                let safe = core.map {
                    $0 == UInt8(ascii: "+") ? UInt8(ascii: "-") : $0 == UInt8(ascii: "/") ? UInt8(ascii: "_") : $0
                }
                if safe != Array(core) { needles.append(safe) }
            }
        }
        self.needles = needles
    }

    /// The bytes with stars in the secret's place; nil where it does not occur.
    func hide(_ body: [UInt8]) -> [UInt8]? {
        guard let shortest = needles.map(\.count).min(), body.count >= shortest else { return nil }
        let found = body.withUnsafeBufferPointer { bytes in plain(bytes) + escaped(bytes) }.sorted {
            $0.lowerBound < $1.lowerBound
        }
        if found.isEmpty { return nil }
        var hidden: [UInt8] = []
        var written = 0
        for range in found where range.upperBound > written {
            if range.lowerBound >= written { hidden += body[written..<range.lowerBound] + Self.stars }
            written = range.upperBound
        }
        return hidden + body[written...]
    }

    /// Where it stands as it is: what nearly every answer is looked through for, by the C library's search.
    private func plain(_ bytes: UnsafeBufferPointer<UInt8>) -> [Range<Int>] {
        guard let base = bytes.baseAddress else { return [] }
        var found: [Range<Int>] = []
        for needle in needles {
            var start = 0
            while start + needle.count <= bytes.count,
                let hit = memchr(base + start, Int32(needle[0]), bytes.count - needle.count + 1 - start)
            {
                let place = UnsafeRawPointer(hit) - UnsafeRawPointer(base)
                start = place + 1
                guard memcmp(base + place, needle, needle.count) == 0 else { continue }
                found.append(place..<place + needle.count)
                start = place + needle.count
            }
        }
        return found
    }

    /// Where a part of it is escaped: looked for around each escape of a character that secrets have.
    private func escaped(_ bytes: UnsafeBufferPointer<UInt8>) -> [Range<Int>] {
        guard let base = bytes.baseAddress, let longest = needles.map(\.count).max() else { return [] }
        var found: [Range<Int>] = []
        for sign in [UInt8(ascii: "\\"), UInt8(ascii: "%"), UInt8(ascii: "&")] {
            var start = 0
            while start < bytes.count, let hit = memchr(base + start, Int32(sign), bytes.count - start) {
                let place = UnsafeRawPointer(hit) - UnsafeRawPointer(base)
                start = place + 1
                // Of letters that no secret has, such as a name's in Han characters, nothing is looked for.
                if sign == UInt8(ascii: "\\"), place + 3 < bytes.count, bytes[place + 1] == UInt8(ascii: "u"),
                    bytes[place + 2] != UInt8(ascii: "0") || bytes[place + 3] != UInt8(ascii: "0")
                {
                    continue
                }
                for first in max(0, place - longest)...place {
                    if let end = needles.lazy.compactMap({ Self.match($0, bytes, first) }).first {
                        found.append(first..<end)
                        start = max(start, end)
                        break
                    }
                }
            }
        }
        return found
    }

    /// Where a needle ends that begins at a place, each of its bytes in any spelling; nil for none.
    private static func match(_ needle: [UInt8], _ bytes: UnsafeBufferPointer<UInt8>, _ start: Int) -> Int? {
        var place = start
        for wanted in needle {
            guard place < bytes.count else { return nil }
            if bytes[place] == wanted, wanted != UInt8(ascii: "%") || hex(bytes, place + 1, 2) != Int(wanted),
                wanted != UInt8(ascii: "&") || entity(wanted, bytes, place) == nil
            {
                place += 1
            } else if bytes[place] == UInt8(ascii: "%"), hex(bytes, place + 1, 2) == Int(wanted) {
                place += 3
            } else if bytes[place] == UInt8(ascii: "\\") {
                // Escaped once, or again with the text that it stands in.
                var next = place
                while next < bytes.count, bytes[next] == UInt8(ascii: "\\") { next += 1 }
                if next < bytes.count, bytes[next] == UInt8(ascii: "u"), hex(bytes, next + 1, 4) == Int(wanted) {
                    place = next + 5
                } else if next < bytes.count, bytes[next] == wanted,
                    wanted == UInt8(ascii: "/") || wanted == UInt8(ascii: "\"")
                {
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
        ("&amp;", "&"), ("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&plus;", "+"),
        ("&sol;", "/"), ("&equals;", "="), ("&colon;", ":"), ("&period;", "."), ("&lowbar;", "_"), ("&hyphen;", "-"),
        ("&dash;", "-"), ("&num;", "#"), ("&excl;", "!"), ("&dollar;", "$"), ("&percnt;", "%"), ("&ast;", "*"),
        ("&commat;", "@"), ("&Hat;", "^"), ("&comma;", ","), ("&semi;", ";"), ("&quest;", "?"), ("&bsol;", "\\"),
        ("&lpar;", "("), ("&rpar;", ")"), ("&grave;", "`"), ("&vert;", "|"), ("&lcub;", "{"), ("&rcub;", "}"),
        ("&lsqb;", "["), ("&rsqb;", "]"),
    ]
    .map { (Array($0.0.utf8), $0.1.utf8.first ?? 0) }

    /// Where an entity of HTML for a byte ends, named or a number in any padding; nil for none.
    private static func entity(_ wanted: UInt8, _ bytes: UnsafeBufferPointer<UInt8>, _ start: Int) -> Int? {
        guard start + 2 < bytes.count, bytes[start] == UInt8(ascii: "&") else { return nil }
        guard bytes[start + 1] == UInt8(ascii: "#") else {
            return entities.first {
                $0.byte == wanted && start + $0.name.count <= bytes.count
                    && bytes[start..<start + $0.name.count].elementsEqual($0.name)
            }.map { start + $0.name.count }
        }
        let isHexadecimal = bytes[start + 2] | 0x20 == UInt8(ascii: "x")
        var place = start + (isHexadecimal ? 3 : 2)
        let first = place
        var value = 0
        while place < bytes.count, place - first < 16,
            let digit = hex(bytes, place, 1).flatMap({ isHexadecimal || $0 < 10 ? $0 : nil })
        {
            value = min(value * (isHexadecimal ? 16 : 10) + digit, 1 << 20)
            place += 1
        }
        guard place > first, value == Int(wanted) else { return nil }
        return place < bytes.count && bytes[place] == UInt8(ascii: ";") ? place + 1 : place
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
