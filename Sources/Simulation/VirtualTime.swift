import HTTP
import Synchronization

/// A clock that only moves when somebody sleeps: hours pass at once, and the same seed gives the same jitter.
public final class VirtualTime: Sendable {
    private struct State {
        var now: Double
        var random: SeededGenerator
    }

    private let state: Mutex<State>
    private let executor: SeededExecutor?

    /// - Parameter start: seconds since 1970.
    public init(start: Double = 1_790_000_000, seed: UInt64 = 1) {
        state = Mutex(State(now: start, random: SeededGenerator(seed: seed)))
        executor = nil
    }

    /// The clock of an executor, which sleepers share: who sleeps waits until all others wait too. What a world's clock
    /// shows is its own.
    ///
    /// - Parameter now: what it shows at first; nil for the executor's time.
    public init(_ executor: SeededExecutor, now: Double? = nil) {
        // With an executor, `now` is how far this clock is ahead.
        state = Mutex(State(now: (now ?? executor.now) - executor.now, random: SeededGenerator(seed: 0)))
        self.executor = executor
    }

    public var now: Double { (executor?.now ?? 0) + state.withLock { $0.now } }

    public func advance(by seconds: Double) { state.withLock { $0.now += seconds } }

    /// A clock of the same kind that shows another time.
    public func another(showing now: Double) -> VirtualTime {
        executor.map { VirtualTime($0, now: now) } ?? VirtualTime(start: now)
    }

    public var time: Time {
        if let executor {
            return Time(
                wall: { self.now }, monotonic: { executor.now }, sleep: { until in await executor.sleep(until: until) },
                random: { executor.chance() })
        }
        return Time(
            wall: { self.state.withLock { $0.now } },
            monotonic: { self.state.withLock { $0.now } },
            sleep: { until in self.state.withLock { $0.now = max($0.now, until) } },
            random: { self.state.withLock { Double.random(in: 0..<1, using: &$0.random) } })
    }
}

/// SplitMix64: small, fast, and the same everywhere.
public struct SeededGenerator: RandomNumberGenerator, Sendable {
    private var state: UInt64

    public init(seed: UInt64) { state = seed }

    public mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
