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
}
