extension String {
    /// Somebody else's text as one may print it: control characters, and those that turn the direction of writing, as escapes such as
    /// `\u001b`. A name can then neither forge a line of a report nor move a terminal's cursor.
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

    /// Whether it holds a control character (C0 or DEL).
    public var hasControls: Bool { unicodeScalars.contains { $0.value < 0x20 || $0.value == 0x7F } }
}

extension Unicode.Scalar {
    /// Whether a terminal would obey it instead of showing it.
    fileprivate var isInvisible: Bool {
        switch value {
        case 0..<0x20, 0x7F...0x9F, 0x061C, 0x200E, 0x200F, 0x2028...0x202E, 0x2066...0x2069: true
        default: false
        }
    }
}
