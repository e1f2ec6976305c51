import JSON
import SCIM

/// The attributes of an object as the ledger keeps them: one JSON object, with a value by attribute.
package enum Body {
    /// A stored body as a value by attribute.
    package static func values(_ body: String?) -> [String: JSONValue] {
        guard let body else { return [:] }
        return (try? JSONValue(parsing: Array(body.utf8)))?.object ?? [:]
    }

    /// How the ledger keeps the value of an element of which nobody knows whether a write replaced it: equal to
    /// nothing, and yet there.
    package static func doubted(_ path: AttributePath?, _ value: JSONValue) -> JSONValue? {
        guard path?.type != nil, !value.isNull else { return nil }
        return value.array == nil ? .array([value]) : value
    }

    /// The value that a doubted one was before the write; any other as it is.
    package static func undoubted(_ path: AttributePath?, _ value: JSONValue) -> JSONValue {
        guard path?.type != nil, let array = value.array, array.count == 1 else { return value }
        return array[0]
    }
}

/// What is compared of an attribute, and how.
package struct ComparedAttribute: Hashable, Sendable {
    /// As job files write it; the key in stored bodies.
    package var name: String
    package var path: AttributePath
    /// Whether the target compares it without case.
    package var isCaseInsensitive: Bool
    /// Whether it may never be learned as “not kept”: identity and access depend on it.
    package var isCritical: Bool

    package init(name: String, path: AttributePath, isCaseInsensitive: Bool = false, isCritical: Bool = false) {
        self.name = name
        self.path = path
        self.isCaseInsensitive = isCaseInsensitive
        self.isCritical = isCritical
    }

    /// Whether a target shows a name or a mark with something of its own around it: `corp\\ada` and `scim:ada` for
    /// `ada`, another case, no blank at the end. What another sign sets apart is another name, such as `ada.smith`.
    package func isDecoration(of sent: JSONValue, _ shown: JSONValue) -> Bool {
        guard isCritical, let sent = sent.string, let shown = shown.string else { return false }
        let bare = folded(Self.trimmed(sent)), whole = folded(Self.trimmed(shown))
        guard !bare.isEmpty, whole != bare else { return !bare.isEmpty }
        func isFree(_ character: Character?) -> Bool { character.map { "\\/@:|".contains($0) } ?? false }
        return whole.hasSuffix(bare) && isFree(whole.dropLast(bare.count).last)
            || whole.hasPrefix(bare) && isFree(whole.dropFirst(bare.count).first)
    }

    private static func trimmed(_ text: String) -> String {
        let bare = text.drop { $0.isWhitespace }
        return String(bare.reversed().drop { $0.isWhitespace }.reversed())
    }

    package func isEqual(_ left: JSONValue, _ right: JSONValue) -> Bool {
        if isCaseInsensitive, let a = left.string, let b = right.string {
            return Array(folded(a).utf8) == Array(folded(b).utf8)
        }
        return left.canonicalBytes == right.canonicalBytes
    }
}
