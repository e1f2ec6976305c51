import HTTP
import SCIM

/// When an account expires, in any of the forms that a source uses: milliseconds or seconds since 1970, or RFC 3339,
/// with an offset or without a time of day.
enum Expiry: Hashable {
    case never
    /// Seconds since 1970.
    case at(Double)
    case unreadable

    init(_ text: String) {
        let text = text.trimmingSpaces
        if let number = Double(text) {
            // Beyond the year 9999, in milliseconds, nobody means a date.
            guard number.isFinite, number > 0, number < 2.6e14 else {
                // The largest 64-bit number is how Active Directory says never.
                self = number == 0 || number == -1 || text == String(Int64.max) ? .never : .unreadable
                return
            }
            // IDaaS writes milliseconds. Ten digits are seconds, from 2001 on: as milliseconds they were long ago.
            self = .at((1e9..<1e11).contains(number) ? number : number / 1000)
            return
        }
        if text.isEmpty {
            self = .never
        } else if let seconds = Self.seconds(text) {
            self = .at(seconds)
        } else {
            self = .unreadable
        }
    }

    private static func seconds(_ text: String) -> Double? {
        let text = text.replacing(" ", with: "T")
        if text.utf8.count == 10 { return Timestamp.seconds(text + "T00:00:00Z") }
        if text.hasSuffix("Z") { return Timestamp.seconds(text) }
        // 2026-12-24T08:00:00+08:00, +0800
        guard let sign = text.lastIndex(where: { $0 == "+" || $0 == "-" }),
            text.distance(from: text.startIndex, to: sign) > 10
        else { return nil }
        let digits = text[text.index(after: sign)...].filter { $0 != ":" }
        guard digits.count == 4, digits.allSatisfy(\.isNumber), let hours = Double(digits.prefix(2)),
            let minutes = Double(digits.suffix(2)), hours <= 14, minutes < 60,
            let local = Timestamp.seconds(text[..<sign] + "Z")
        else { return nil }
        return local - (text[sign] == "+" ? 1 : -1) * (hours * 3600 + minutes * 60)
    }
}
