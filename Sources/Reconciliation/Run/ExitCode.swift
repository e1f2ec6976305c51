/// The exit codes of `rollcall`; the gravest of several wins.
public enum ExitCode: Int, Hashable, Sendable, CaseIterable, Comparable {
    /// In step, or everything applied.
    case inStep = 0
    /// `plan` found changes.
    case pending = 2
    /// Applied, and some records failed or are in conflict.
    case recordsFailed = 3
    /// Held by a limit; nothing was written.
    case held = 4
    /// The source was not read completely; nothing destructive was written.
    case sourceIncomplete = 5
    /// The saved plan is stale; nothing was written.
    case stale = 6
    case usage = 64
    /// A side is unreachable.
    case unreachable = 69
    case internalError = 70
    /// The ledger cannot be read or written.
    case ledger = 74
    /// Another run holds the job's lock.
    case locked = 75
    /// Credentials are refused.
    case credentials = 77
    /// The job file is wrong.
    case jobFile = 78
    case interrupted = 130
    case terminated = 143

    /// From gravest to mildest.
    private static let order: [ExitCode] = [
        .terminated, .interrupted, .internalError, .ledger, .usage, .jobFile, .credentials, .unreachable, .locked,
        .sourceIncomplete, .held, .stale, .recordsFailed, .pending, .inStep,
    ]

    /// How a run ends that a signal asked to.
    static func stopped(by signal: Int32) -> ExitCode { signal == 2 ? .interrupted : .terminated }

    private var rank: Int { Self.order.firstIndex(of: self) ?? 0 }

    /// Milder before graver.
    public static func < (left: ExitCode, right: ExitCode) -> Bool { left.rank > right.rank }
}
