import Ledger
import Planning

/// Shell patterns on names, compared folded: `*` any run of characters, `?` one character.
struct GlobPatterns: Hashable, Sendable {
    private let patterns: [[Character]]

    init(_ patterns: [String]) { self.patterns = patterns.map { Array(folded($0)) } }

    func matches(_ name: String) -> Bool {
        guard !patterns.isEmpty else { return false }
        let text = Array(folded(name))
        return patterns.contains { Self.match($0, text) }
    }

    private static func match(_ pattern: [Character], _ text: [Character]) -> Bool {
        var p = 0
        var t = 0
        var star: (p: Int, t: Int)?
        while t < text.count {
            if p < pattern.count, pattern[p] == "*" {
                star = (p, t)
                p += 1
            } else if p < pattern.count, pattern[p] == "?" || pattern[p] == text[t] {
                p += 1
                t += 1
            } else if let last = star {
                p = last.p + 1
                t = last.t + 1
                star = (last.p, t)
            } else {
                return false
            }
        }
        return pattern[p...].allSatisfy { $0 == "*" }
    }
}
