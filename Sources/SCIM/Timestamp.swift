import Foundation

/// Moments as SCIM, the ledger and reports write them: RFC 3339 in UTC.
public enum Timestamp {
    /// Seconds since 1970 to the second, `2026-11-24T06:50:12Z`; what lies outside the years 1601 to 9999 as the
    /// nearest moment in them.
    public static func text(_ seconds: Double) -> String {
        let whole = seconds.isFinite ? min(max(seconds, -11_644_473_600), 253_402_300_799).rounded(.down) : 0
        return Date(timeIntervalSince1970: whole).formatted(.iso8601)
    }

    /// Seconds since 1970 of a moment of the years 1970 to 9999, fractions dropped; nil for what is none.
    public static func seconds(_ text: String) -> Double? {
        // The shape is checked here: the parser of the library takes a part of a text, and days that a month does not
        // have.
        guard let found = text.wholeMatch(of: #/((?:19[7-9]|[2-9]\d\d)\d-\d\d-\d\d)[T ](\d\d:\d\d:)(\d\d)(?:\.\d+)?Z/#)
        else { return nil }
        // A leap second is the second before it.
        let second = found.3 == "60" ? "59" : found.3
        guard let date = try? Date("\(found.1)T\(found.2)\(second)Z", strategy: .iso8601),
            self.text(date.timeIntervalSince1970).hasPrefix(found.1)
        else { return nil }
        return date.timeIntervalSince1970
    }
}
