/// Telephone numbers as E.164 writes them.
enum PhoneNumbers {
    enum Reading: Hashable, Sendable {
        case absent
        case number(String)
        /// What is wrong.
        case unreadable(String)
    }

    /// `+` with calling code and number. A number without one is never sent bare: whoever reads it would guess the
    /// country.
    ///
    /// - Parameter region: the calling code, such as `86`, with or without `+` or `00`.
    static func read(region: String?, number: String?) -> Reading {
        guard let number, !number.isEmpty else { return .absent }
        // RFC 3966 writes tel:+86-13800000001;ext=1.
        let bare = number.lowercased().hasPrefix("tel:") ? String(number.dropFirst(4).prefix { $0 != ";" }) : number
        let compact = bare.filter { !" -().\u{00A0}\u{3000}".contains($0) }
        let isInternational = compact.hasPrefix("+")
        let digits = isInternational ? String(compact.dropFirst()) : compact
        guard isDigits(digits), (4...15).contains(digits.utf8.count) else {
            return .unreadable("“\(number)” is no telephone number of 4 to 15 digits; correct it in the source")
        }
        if isInternational { return .number("+" + digits) }
        guard let region, !region.isEmpty else {
            return .unreadable(
                """
                “\(number)” has no calling code; phoneRegion in the source, or phoneRegion: \"86\" in the job, \
                gives it one
                """
            )
        }
        var code = region.filter { !" -".contains($0) }
        if code.hasPrefix("+") { code.removeFirst() } else if code.hasPrefix("00") { code.removeFirst(2) }
        guard isDigits(code), (1...6).contains(code.utf8.count) else {
            return .unreadable("the calling code “\(region)” is no number")
        }
        guard code.utf8.count + digits.utf8.count <= 15 else {
            return .unreadable("+\(code)\(digits) has more than 15 digits")
        }
        return .number("+\(code)\(digits)")
    }

    private static func isDigits(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.allSatisfy { (0x30...0x39).contains($0) }
    }
}
