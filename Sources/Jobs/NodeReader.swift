import Yams

/// Walks the YAML of a job file and gathers everything that is wrong with it, instead of stopping at the first.
///
/// Scalars are read by our own rules from their text: YAML 1.1 would take `yes`, `0123` and `12:30` for something else.
package final class NodeReader {
    let file: String
    private(set) var diagnostics: [Diagnostic] = []

    init(file: String) { self.file = file }

    func report(_ node: Node?, _ key: String, _ rule: String, _ remedy: String) {
        diagnostics.append(Diagnostic(file: file, line: node?.mark?.line, key: key, rule: rule, remedy: remedy))
    }

    /// The members of a mapping. Unknown keys are reported with the known ones beside them.
    func mapping(_ node: Node, _ key: String, knows known: [String]?, required: [String] = []) -> Members? {
        guard isPlain(node, key) else { return nil }
        guard case .mapping(let mapping) = node else {
            report(node, key, "must be a mapping of keys to values", "write its keys below it, indented")
            return nil
        }
        var members: [(name: String, keyNode: Node, value: Node)] = []
        var slips: [String] = []
        for (name, value) in mapping {
            guard isPlain(name, key) else { continue }
            guard let text = name.scalar?.string else {
                report(name, key, "has a key that is no plain text", "use a plain key")
                continue
            }
            if let known, !known.contains(text) {
                slips.append(text)
                report(name, path(key, text), "is not known here", Self.suggestion(text, known))
                continue
            }
            members.append((text, name, value))
        }
        let result = Members(node: node, key: key, members: members)
        // What is told as a slip already is not missing as well.
        for name in required where result[name] == nil && !slips.contains(where: { Self.isNear($0, name) }) {
            report(node, path(key, name), "is missing", "add it")
        }
        return result
    }

    struct Members {
        let node: Node
        let key: String
        let members: [(name: String, keyNode: Node, value: Node)]

        subscript(_ name: String) -> Node? { members.first { $0.name == name }?.value }
        func path(_ name: String) -> String { key.isEmpty ? name : "\(key).\(name)" }
    }

    func path(_ key: String, _ name: String) -> String { key.isEmpty ? name : "\(key).\(name)" }

    /// A scalar's text; reported when it is none or empty.
    func text(_ node: Node?, _ key: String) -> String? {
        guard let node, isPlain(node, key) else { return nil }
        guard case .scalar(let scalar) = node else {
            report(node, key, "must be one value", "write it on one line behind the key")
            return nil
        }
        if isNull(node) {
            report(node, key, "is empty", "give it a value or remove the key")
            return nil
        }
        return scalar.string
    }

    /// A list of texts, at least one.
    func texts(_ node: Node?, _ key: String) -> [String]? {
        guard let node, isPlain(node, key) else { return nil }
        guard case .sequence(let sequence) = node else {
            report(node, key, "must be a list", "write [one, two]")
            return nil
        }
        return sequence.enumerated().compactMap { text($0.element, "\(key)[\($0.offset)]") }
    }

    func flag(_ node: Node?, _ key: String) -> Bool? {
        guard let text = text(node, key) else { return nil }
        if text == "true" || text == "false" { return text == "true" }
        report(node, key, "must be true or false, not “\(text)”", "write true or false")
        return nil
    }

    func number(_ node: Node?, _ key: String, in range: ClosedRange<Double>) -> Double? {
        guard let text = text(node, key) else { return nil }
        guard let number = decimal(text), range.contains(number) else {
            report(
                node, key,
                "must be a number from \(shown(range.lowerBound)) to \(shown(range.upperBound)), not “\(text)”",
                "correct the number")
            return nil
        }
        return number
    }

    func integer(_ node: Node?, _ key: String, in range: ClosedRange<Int>) -> Int? {
        guard let text = text(node, key) else { return nil }
        guard text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = Int(text), range.contains(number)
        else {
            report(
                node, key, "must be a whole number from \(range.lowerBound) to \(range.upperBound), not “\(text)”",
                "correct the number")
            return nil
        }
        return number
    }

    /// One of an enum's words.
    func word<Word: RawRepresentable & CaseIterable>(_ node: Node?, _ key: String, _ type: Word.Type) -> Word?
    where Word.RawValue == String {
        guard let text = text(node, key) else { return nil }
        if let word = Word(rawValue: text) { return word }
        let words = Word.allCases.map(\.rawValue)
        report(node, key, "cannot be “\(text)”", "use \(words.joined(separator: ", "))")
        return nil
    }

    /// Digits with at most one point, as people write numbers: no hexadecimal, no exponent, no infinity.
    func decimal(_ text: String) -> Double? {
        guard !text.isEmpty, text.utf8.allSatisfy({ (0x30...0x39).contains($0) || $0 == UInt8(ascii: ".") }) else {
            return nil
        }
        return Double(text)
    }

    func isNull(_ node: Node) -> Bool {
        guard case .scalar(let scalar) = node, scalar.style == .plain else { return false }
        return ["", "~", "null"].contains(scalar.string)
    }

    private func isPlain(_ node: Node, _ key: String) -> Bool {
        guard node.anchor == nil else {
            report(node, key, "uses a YAML anchor or alias", "write the value out")
            return false
        }
        return true
    }

    private func shown(_ number: Double) -> String { number == number.rounded() ? String(Int(number)) : String(number) }

    private static func suggestion(_ text: String, _ known: [String]) -> String {
        let near = known.min { distance($0, text) < distance($1, text) }
        if let near, isNear(near, text) { return "did you mean “\(near)”?" }
        return "known keys are \(known.joined(separator: ", "))"
    }

    /// Whether one word is likely a slip for the other: two letters off, and less than half of them.
    package static func isNear(_ left: String, _ right: String) -> Bool {
        distance(left, right) <= min(2, (max(left.count, right.count) - 1) / 2)
    }

    private static func distance(_ left: String, _ right: String) -> Int {
        let a = Array(left), b = Array(right)
        var row = Array(0...b.count)
        for i in 0..<a.count {
            var diagonal = row[0]
            row[0] = i + 1
            for j in 0..<b.count {
                let next = a[i] == b[j] ? diagonal : min(diagonal, row[j], row[j + 1]) + 1
                diagonal = row[j + 1]
                row[j + 1] = next
            }
        }
        return row[b.count]
    }
}
