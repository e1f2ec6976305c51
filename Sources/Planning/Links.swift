/// How an account or a group became a record's: what may become of it when the record leaves depends on it.
public enum LinkOrigin: String, Hashable, Sendable, CaseIterable, CustomStringConvertible {
    /// This job made it.
    case created
    /// It carried the record's externalId when it was first seen.
    case known
    /// It was there, nobody owned it, and more than its name agreed, or the operator let it go.
    case associated
    /// The platform gave the record the account that bore its name (CloudSSO's overwriting).
    case takenOver = "taken over"
    /// A create was answered with it, or a lost one may have made it: nobody can tell whose making it is.
    case found

    public var description: String { rawValue }

    /// Whether this job may delete what it made.
    public var isOurs: Bool { self == .created || self == .known }
}

/// Whether a linked account was left enabled or disabled by what this job did last.
public enum LinkStatus: String, Hashable, Sendable, CaseIterable { case active, disabled }

/// What became of a plan.
public enum PlanState: Hashable, Sendable, CustomStringConvertible {
    case planned
    /// Its operations are being sent, or were when the run was cut off.
    case applying
    case applied
    /// A run began with it and gave up.
    case stopped
    /// A limit held it as a whole: nothing was written.
    case held
    /// Another run applied it, as `apply` does: this is the one that was shown.
    case appliedByRun(Int64)

    private static let words: [(PlanState, String)] = [
        (.planned, "planned"), (.applying, "applying"), (.applied, "applied"), (.stopped, "stopped"), (.held, "held"),
    ]
    private static let byRun = "applied by run "

    /// As the ledger keeps it.
    public init?(_ text: String) {
        if let state = Self.words.first(where: { $0.1 == text })?.0 {
            self = state
        } else if text.hasPrefix(Self.byRun), let run = Int64(text.dropFirst(Self.byRun.count)) {
            self = .appliedByRun(run)
        } else {
            return nil
        }
    }

    public var description: String {
        if case .appliedByRun(let run) = self { return "\(Self.byRun)\(run)" }
        return Self.words.first { $0.0 == self }?.1 ?? ""
    }
}
