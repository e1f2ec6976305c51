/// Telephone numbers as E.164 writes them.
enum PhoneNumbers {
    enum Reading: Hashable, Sendable {
        case absent
        case number(String)
        /// What is wrong.
        case unreadable(String)
    }

    /// `+` with calling code and number. Without a region the digits stand alone, as the directory has them.
    ///
    /// - Parameter region: the calling code, such as `86`, with or without `+` or `00`.
    static func read(region: String?, number: String?) -> Reading {
        guard let number, !number.isEmpty else { return .absent }
        let compact = number.filter { !" -().\u{00A0}".contains($0) }
        let isInternational = compact.hasPrefix("+")
        let digits = isInternational ? String(compact.dropFirst()) : compact
        guard isDigits(digits), (4...15).contains(digits.utf8.count) else { return .unreadable("“\(number)” is no telephone number of 4 to 15 digits") }
        if isInternational { return .number("+" + digits) }
        guard let region, !region.isEmpty else { return .number(digits) }
        var code = region.filter { !" -".contains($0) }
        if code.hasPrefix("+") { code.removeFirst() } else if code.hasPrefix("00") { code.removeFirst(2) }
        guard isDigits(code), (1...6).contains(code.utf8.count) else { return .unreadable("the calling code “\(region)” is no number") }
        guard code.utf8.count + digits.utf8.count <= 15 else { return .unreadable("+\(code)\(digits) has more than 15 digits") }
        return .number("+\(code)\(digits)")
    }

    private static func isDigits(_ text: String) -> Bool { !text.isEmpty && text.utf8.allSatisfy { (0x30...0x39).contains($0) } }
}
