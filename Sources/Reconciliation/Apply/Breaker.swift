import SCIMTransport

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
