extension String {
    /// Somebody else's text as one may print it: control characters, and those that turn the direction of writing, as
    /// escapes such as `\u001b`. A name can then neither forge a line of a report nor move a terminal's cursor.
    public var visible: String {
        guard unicodeScalars.contains(where: \.isInvisible) else { return self }
        var text = ""
        for scalar in unicodeScalars {
            guard scalar.isInvisible else {
                text.unicodeScalars.append(scalar)
                continue
            }
            let digits = String(scalar.value, radix: 16)
            text += "\\u" + String(repeating: "0", count: max(0, 4 - digits.count)) + digits
        }
        return text
    }

    /// The same, but for tabs and the ends of lines: for cells, which are quoted.
    public var visibleLines: String {
        guard unicodeScalars.contains(where: \.isInvisible) else { return self }
        return unicodeScalars.map { "\n\r\t".unicodeScalars.contains($0) ? String($0) : String($0).visible }.joined()
    }

    /// Whether it holds a control character (C0 or DEL).
    public var hasControls: Bool { unicodeScalars.contains { $0.value < 0x20 || $0.value == 0x7F } }
}

extension String {
    /// Whether a reader would see another text than stands there: it holds something that is not seen, or turns the
    /// direction of writing.
    public var hasInvisibles: Bool { unicodeScalars.contains(where: \.isInvisible) }

    /// The same, but for signs of honest names: those by which some scripts join or part their letters, as Persian
    /// names do, marks of direction beside a Hebrew or Arabic name, which turn nothing round, and the soft hyphen.
    public var hasDisguise: Bool {
        unicodeScalars.contains {
            $0.isInvisible && ![0xAD, 0x061C, 0x200C, 0x200D, 0x200E, 0x200F].contains($0.value)
        }
    }
}

extension Unicode.Scalar {
    /// Whether a terminal would obey it, or show nothing for it.
    fileprivate var isInvisible: Bool {
        switch value {
        case 0..<0x20, 0x7F...0x9F, 0xAD, 0x061C, 0x180E, 0x200B...0x200F, 0x2028...0x202E, 0x2060...0x206F, 0xFEFF,
            0xFFF9...0xFFFB, 0xE0000...0xE007F:
            true
        default: false
        }
    }
}
