import SCIMTransport
import Synchronization

/// Stops a target that fails again and again, whatever the record: going on would only try its patience, and the operator's.
struct Breaker {
    /// Failures in a row that open it.
    static let limit = 5

    private var inARow = 0
    private(set) var isOpen = false
    /// What the target said last.
    private(set) var reason = ""

    /// Counts what concerns the target; any answer about a record shows that the target is well.
    mutating func note(_ performed: Performed) {
        switch performed {
        case .unknown(let why): fail(why)
        case .fatal(let failure, _) where !failure.endsAtOnce: fail("\(failure)")
        case .fatal: break
        default: inARow = 0
        }
    }

    private mutating func fail(_ why: String) {
        inARow += 1
        reason = why
        if inARow >= Self.limit { isOpen = true }
    }
}

extension SCIMFailure {
    /// Whether nothing more is to be sent after the first such failure.
    var endsAtOnce: Bool {
        switch self {
        case .credentials, .cancelled: true
        default: false
        }
    }
}

/// Answers on their way to the one task that settles them: whoever takes gets all that have come.
final class Mailbox<Letter: Sendable>: Sendable {
    private struct State {
        var letters: [Letter] = []
        var reader: CheckedContinuation<[Letter], Never>?
    }

    private let state = Mutex(State())

    func put(_ letter: Letter) {
        let reader = state.withLock { state -> CheckedContinuation<[Letter], Never>? in
            state.letters.append(letter)
            return state.reader.take()
        }
        reader?.resume(
            returning: state.withLock { state in
                let letters = state.letters
                state.letters = []
                return letters
            })
    }

    /// All letters that are there; waits for the first.
    func take() async -> [Letter] {
        await withCheckedContinuation { continuation in
            let letters = state.withLock { state -> [Letter] in
                if state.letters.isEmpty {
                    state.reader = continuation
                    return []
                }
                let letters = state.letters
                state.letters = []
                return letters
            }
            if !letters.isEmpty { continuation.resume(returning: letters) }
        }
    }
}
