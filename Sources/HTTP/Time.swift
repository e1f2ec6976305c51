/// The one source of time. It is passed in wherever time matters (retry, pace, token expiry), so that tests can own it.
public struct Time: Sendable {
    /// Seconds since 1970-01-01T00:00:00Z.
    public var wall: @Sendable () -> Double
    /// Seconds on a clock that never jumps; its zero means nothing.
    public var monotonic: @Sendable () -> Double
    /// Sleeps until the monotonic clock shows at least this. Returns early when the task is cancelled.
    public var sleep: @Sendable (_ until: Double) async -> Void
    /// A number in 0..<1, for jitter.
    public var random: @Sendable () -> Double

    public init(
        wall: @escaping @Sendable () -> Double, monotonic: @escaping @Sendable () -> Double,
        sleep: @escaping @Sendable (Double) async -> Void, random: @escaping @Sendable () -> Double
    ) {
        self.wall = wall
        self.monotonic = monotonic
        self.sleep = sleep
        self.random = random
    }

    /// The wall clock as RFC 3339 in UTC, to the second: `2026-11-24T06:50:12Z`.
    public func timestamp() -> String { Time.timestamp(wall()) }

    /// Seconds since 1970 as RFC 3339 in UTC, to the second; what lies outside the years 1 to 9999 as the nearest moment in them.
    public static func timestamp(_ seconds: Double) -> String {
        let whole = Int(seconds.isFinite ? min(max(seconds, -62_135_596_800), 253_402_300_799).rounded(.down) : 0)
        let (year, month, day) = civil(fromDays: floorDivide(whole, 86400))
        let second = whole - floorDivide(whole, 86400) * 86400
        func pad(_ number: Int, _ width: Int = 2) -> String {
            let digits = String(number)
            return String(repeating: "0", count: max(0, width - digits.count)) + digits
        }
        return "\(pad(year, 4))-\(pad(month))-\(pad(day))T\(pad(second / 3600)):\(pad(second / 60 % 60)):\(pad(second % 60))Z"
    }

    /// A timestamp of RFC 3339 in UTC, fractions dropped, as seconds since 1970; nil when it is none.
    public static func seconds(_ timestamp: String) -> Double? {
        let parts = timestamp.split { "-T:.Z ".contains($0) }.prefix(6).compactMap { Int($0) }
        guard parts.count == 6, (1970...9999).contains(parts[0]), (1...12).contains(parts[1]), (1...31).contains(parts[2]), timestamp.hasSuffix("Z"), (0...24).contains(parts[3]),
            (0...59).contains(parts[4]), (0...60).contains(parts[5])
        else { return nil }
        return Double(days(year: parts[0], month: parts[1], day: parts[2]) * 86400 + parts[3] * 3600 + parts[4] * 60 + parts[5])
    }

    /// Days since 1970-01-01 of a date of the proleptic Gregorian calendar.
    package static func days(year: Int, month: Int, day: Int) -> Int {
        let shifted = month <= 2 ? year - 1 : year
        let era = floorDivide(shifted, 400)
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    private static func civil(fromDays days: Int) -> (year: Int, month: Int, day: Int) {
        let shifted = days + 719_468
        let era = floorDivide(shifted, 146_097)
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * shiftedMonth + 2) / 5 + 1)
    }

    private static func floorDivide(_ number: Int, _ by: Int) -> Int { number >= 0 ? number / by : -((-number + by - 1) / by) }
}
