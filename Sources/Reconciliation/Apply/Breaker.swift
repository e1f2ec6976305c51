import SCIMTransport

/// Stops a target that fails again and again, whatever the record: going on would only try its patience, and the
/// operator's.
struct Breaker {
    /// Failures in a row that open it.
    static let limit = 5
    /// How often in a row it is closed again within one wave, where the target still answers: so many records may be
    /// bad together.
    static let patience = 3

    private var inARow = 0
    private var openings = 0
    private(set) var isOpen = false
    /// What the target said last.
    private(set) var reason = ""

    /// Counts what concerns the target; any answer about a record shows that the target is well.
    mutating func note(_ performed: Performed) {
        switch performed {
        case .unknown(let why): fail(why)
        case .fatal(let failure, _) where !failure.endsAtOnce: fail("\(failure)")
        case .fatal: break
        // One record may be closed to SCIM; five in a row look like the credential.
        case .failed(let why, .forbidden): fail(why)
        default: (inARow, openings) = (0, 0)
        }
    }

    /// Whether to try on in the same wave, the target being well: closes it then.
    mutating func triesOn() -> Bool {
        guard openings < Self.patience else { return false }
        openings += 1
        (inARow, isOpen) = (0, false)
        return true
    }

    private mutating func fail(_ why: String) {
        inARow += 1
        reason = why
        if inARow >= Self.limit { isOpen = true }
    }
}

extension SCIMFailure {
    /// Whether a request was answered with 403.
    var isForbidden: Bool {
        switch self {
        case .forbidden: true
        case .rejected(let error): error.status == 403
        default: false
        }
    }

    /// Whether this program refused to send it.
    var wasNeverSent: Bool { if case .rejected(let error) = self { error.status == 0 } else { false } }

    /// Whether nothing more is to be sent after the first such failure.
    var endsAtOnce: Bool {
        switch self {
        case .credentials, .forbidden, .cancelled: true
        default: false
        }
    }
}
