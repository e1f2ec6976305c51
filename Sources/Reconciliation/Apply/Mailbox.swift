import Synchronization

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
