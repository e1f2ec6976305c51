import Foundation
import HTTP
import Reconciliation
import Synchronization

/// Progress on stderr: one line that changes at a terminal, else a line a minute.
final class ProgressMeter: Sendable {
    private struct State {
        /// When a job's part began, by job and what is done.
        var began: [String: (time: Double, count: Int)] = [:]
        var shown = -Double.infinity
    }

    private let isTerminal: Bool
    private let state: Mutex<State>
    private let clock: @Sendable () -> Double

    /// - Parameter clock: seconds that only grow.
    init(isTerminal: Bool, clock: @escaping @Sendable () -> Double = { Time.system.monotonic() }) {
        self.isTerminal = isTerminal
        self.clock = clock
        var state = State()
        // A run that ends within the first minute says nothing.
        if !isTerminal { state.shown = clock() }
        self.state = Mutex(state)
    }

    func show(_ progress: RunProgress) {
        let now = clock()
        let line = state.withLock { state -> String? in
            let key = "\(progress.job) \(progress.what)"
            let began = state.began[key] ?? (now, progress.count)
            state.began[key] = began
            guard now - state.shown >= (isTerminal ? 0.2 : 60) else { return nil }
            state.shown = now
            return Self.line(
                progress, rate: now > began.time ? Double(progress.count - began.count) / (now - began.time) : nil)
        }
        guard let line else { return }
        writeError(isTerminal ? "\r\u{1B}[K\(printable(line))\r" : printable(line) + "\n")
    }

    /// `nightly: operations sent: 1121/5100 (22 %) 241/s, 16 s left, 0 failed, 3 retried`.
    ///
    /// - Parameter rate: how many a second; nil where it is not known yet.
    static func line(_ progress: RunProgress, rate: Double?) -> String {
        var text = "\(progress.job): \(progress.what): \(progress.count)"
        if let total = progress.total, total > 0 { text += "/\(total) (\(progress.count * 100 / total) %)" }
        if let rate, rate > 0 {
            text += rate < 10 ? " \(String(format: "%.1f", rate))/s" : " \(Int(rate))/s"
            if let total = progress.total, total > progress.count {
                let left = Int((Double(total - progress.count) / rate).rounded(.up))
                text += ", \(left < 120 ? "\(left) s" : left < 7200 ? "\(left / 60) min" : "\(left / 3600) h") left"
            }
        }
        if progress.total != nil { text += ", \(progress.failed) failed, \(progress.retried) retried" }
        return text
    }
}
