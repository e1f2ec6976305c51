// Not all of Foundation: the sandbox does without the tables of ICU, which are half of a program's size.
#if canImport(FoundationEssentials)
    import FoundationEssentials
    import Glibc
#else
    import Foundation
#endif

/// Moments as SCIM, the ledger and reports write them: RFC 3339 in UTC.
public enum Timestamp {
    /// Seconds since 1970 to the second, `2026-11-24T06:50:12Z`; what lies outside the years 1601 to 9999 as the
    /// nearest moment in them.
    public static func text(_ seconds: Double) -> String {
        let whole = seconds.isFinite ? min(max(seconds, -11_644_473_600), 253_402_300_799).rounded(.down) : 0
        return Date(timeIntervalSince1970: whole).formatted(.iso8601)
    }

    /// Seconds since 1970 of a moment of the years 1970 to 9999, fractions dropped; nil for what is none. Every account
    /// of a target has one, so it is read byte by byte.
    public static func seconds(_ text: String) -> Double? {
        var text = text
        return text.withUTF8 { bytes -> Double? in
            guard bytes.count >= 20, bytes[bytes.count - 1] == UInt8(ascii: "Z") else { return nil }
            for (place, sign) in zip([4, 7, 13, 16], "--::".utf8) where bytes[place] != sign { return nil }
            guard bytes[10] == UInt8(ascii: "T") || bytes[10] == UInt8(ascii: " ") else { return nil }
            let fraction = bytes[19..<bytes.count - 1]
            if let point = fraction.first {
                guard point == UInt8(ascii: "."), fraction.count > 1, fraction.dropFirst().allSatisfy(isDigit) else {
                    return nil
                }
            }
            func number(_ places: Range<Int>) -> Int32? {
                bytes[places].allSatisfy(isDigit) ? bytes[places].reduce(0) { $0 * 10 + Int32($1 - 0x30) } : nil
            }
            guard let year = number(0..<4), let month = number(5..<7), let day = number(8..<10),
                let hour = number(11..<13),
                let minute = number(14..<16), let second = number(17..<19), year >= 1970,
                hour < 24 || hour == 24 && minute == 0 && second == 0, minute < 60,
                second <= 60
            else { return nil }
            var parts = tm()
            (parts.tm_year, parts.tm_mon, parts.tm_mday) = (year - 1900, month - 1, day)
            // A leap second is the second before it.
            (parts.tm_hour, parts.tm_min, parts.tm_sec) = (hour % 24, minute, min(second, 59))
            // The end of a day is the beginning of the next.
            let seconds = timegm(&parts) + (hour == 24 ? 86400 : 0)
            // The library takes the 30th of February for the 2nd of March.
            return parts.tm_mon == month - 1 && parts.tm_mday == day ? Double(seconds) : nil
        }
    }

    /// A text for people whose moments are shown as they are in a timezone, with its offset:
    /// `2026-11-24T14:50:12+08:00`.
    public static func local(_ text: String, _ zone: TimeZone) -> String {
        guard text.contains("Z") else { return text }
        let style = Date.ISO8601FormatStyle(timeZoneSeparator: .colon, timeZone: zone)
        return text.replacing(#/\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/#) { found in
            seconds(String(found.0)).map { Date(timeIntervalSince1970: $0).formatted(style) } ?? String(found.0)
        }
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }
}
