import Synchronization

/// Gathers what a fault saw.
final class Recorder: Sendable {
    private let texts = Mutex<[String]>([])
    func add(_ text: String) { texts.withLock { $0.append(text) } }
    var all: [String] { texts.withLock { $0 } }
}

/// Turns a fault on and off.
final class Switch: Sendable {
    private let state = Mutex(false)
    var isOn: Bool {
        get { state.withLock { $0 } }
        set { state.withLock { $0 = newValue } }
    }
}

/// Counts.
final class Counter: Sendable {
    private let state = Mutex(0)
    func next() -> Int {
        state.withLock { number in
            number += 1
            return number
        }
    }
}
