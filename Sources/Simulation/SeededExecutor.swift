import Foundation
import Synchronization

/// Runs tasks one at a time on one thread, in an order that a seed decides, under a clock of its own: the same seed
/// gives the same run, to the byte, in any process.
///
/// `@unchecked Sendable`: its state is behind a lock; jobs run on the one thread that called `run`.
public final class SeededExecutor: TaskExecutor, @unchecked Sendable {
    private struct State {
        var jobs: [UnownedJob] = []
        var sleepers: [(until: Double, number: Int, continuation: CheckedContinuation<Void, Never>)] = []
        var slept = 0
        var now: Double
        var dice: SeededGenerator
        var isDone = false
    }

    private let condition = NSCondition()
    private var state: State

    /// - Parameter start: seconds since 1970.
    public init(seed: UInt64, start: Double = 1_790_000_000) {
        state = State(now: start, dice: SeededGenerator(seed: seed))
    }

    public func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        condition.lock()
        state.jobs.append(job)
        condition.signal()
        condition.unlock()
    }

    public var now: Double {
        condition.lock()
        defer { condition.unlock() }
        return state.now
    }

    /// A number in 0..<1.
    public func chance() -> Double {
        condition.lock()
        defer { condition.unlock() }
        return Double.random(in: 0..<1, using: &state.dice)
    }

    public func sleep(until: Double) async {
        await withCheckedContinuation { continuation in
            condition.lock()
            state.slept += 1
            state.sleepers.append((until, state.slept, continuation))
            condition.signal()
            condition.unlock()
        }
    }

    /// Runs `body` and everything that it starts, on the calling thread, until `body` has returned.
    public func run<Value: Sendable>(_ body: @escaping @Sendable () async throws -> Value) throws -> Value {
        let result = Mutex<Result<Value, any Error>?>(nil)
        condition.lock()
        state.isDone = false
        condition.unlock()
        let task = Task(executorPreference: self) {
            let value: Result<Value, any Error>
            do { value = .success(try await body()) } catch { value = .failure(error) }
            result.withLock { $0 = value }
            self.end()
        }
        defer { _ = task }
        while let job = next() { job.runSynchronously(on: asUnownedTaskExecutor()) }
        guard let outcome = result.withLock({ $0 }) else { throw CancellationError() }
        return try outcome.get()
    }

    private func end() {
        condition.lock()
        state.isDone = true
        condition.signal()
        condition.unlock()
    }

    /// The next job; when nobody can go on, the clock moves to whoever wakes first. nil when the body has ended.
    private func next() -> UnownedJob? {
        condition.lock()
        defer { condition.unlock() }
        while true {
            if !state.jobs.isEmpty {
                return state.jobs.remove(
                    at: state.jobs.count == 1 ? 0 : Int.random(in: 0..<state.jobs.count, using: &state.dice))
            }
            if state.isDone { return nil }
            if let first = state.sleepers.indices.min(by: {
                (state.sleepers[$0].until, state.sleepers[$0].number) < (
                    state.sleepers[$1].until, state.sleepers[$1].number
                )
            }) {
                let sleeper = state.sleepers.remove(at: first)
                state.now = max(state.now, sleeper.until)
                condition.unlock()
                sleeper.continuation.resume()
                condition.lock()
                continue
            }
            // Nobody outside should be needed; whoever waits for something that never comes would wait for ever.
            guard condition.wait(until: Date(timeIntervalSinceNow: 30)) else {
                preconditionFailure("nobody can go on: a task waits for what never comes")
            }
        }
    }
}
