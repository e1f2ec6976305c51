/// Dates as servers write them.
package enum EmulatedClock {
    /// Seconds since 1970 of midnight.
    static func seconds(year: Int, month: Int, day: Int) -> Double {
        var days = 0
        for past in 1970..<max(year, 1970) { days += isLeap(past) ? 366 : 365 }
        for past in 1..<month { days += length(past, year) }
        return Double((days + day - 1) * 86400)
    }

    /// `Sun, 06 Nov 1994 08:49:37 GMT`.
    package static func httpDate(_ seconds: Double) -> String {
        let date = civil(seconds)
        let weekday = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"][date.days % 7]
        let name = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"][date.month - 1]
        return "\(weekday), \(two(date.day)) \(name) \(date.year) \(date.clock) GMT"
    }

    /// `1994-11-06T08:49:37Z`.
    static func timestamp(_ seconds: Double) -> String {
        let date = civil(seconds)
        return "\(date.year)-\(two(date.month))-\(two(date.day))T\(date.clock)Z"
    }

    private static func civil(_ seconds: Double) -> (days: Int, year: Int, month: Int, day: Int, clock: String) {
        let whole = Int(seconds.rounded(.down))
        var days = whole / 86400
        let rest = whole % 86400
        var year = 1970
        while days >= (isLeap(year) ? 366 : 365) {
            days -= isLeap(year) ? 366 : 365
            year += 1
        }
        var month = 1
        while days >= length(month, year) {
            days -= length(month, year)
            month += 1
        }
        return (whole / 86400, year, month, days + 1, "\(two(rest / 3600)):\(two(rest / 60 % 60)):\(two(rest % 60))")
    }

    private static func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
    private static func isLeap(_ year: Int) -> Bool { year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) }
    private static func length(_ month: Int, _ year: Int) -> Int {
        [31, isLeap(year) ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1]
    }
}
