import Foundation

// The only file of Sources that may ask the machine for the time, for sleep or for randomness.

extension Time {
    /// The machine's clocks and its random numbers.
    public static let system = Time(
        wall: { Date().timeIntervalSince1970 },
        monotonic: { Double(DispatchTime.now().uptimeNanoseconds) / 1e9 },
        sleep: { until in
            let seconds = until - Double(DispatchTime.now().uptimeNanoseconds) / 1e9
            if seconds > 0 { try? await Task.sleep(for: .seconds(seconds)) }
        },
        random: { Double.random(in: 0..<1) }
    )
}
