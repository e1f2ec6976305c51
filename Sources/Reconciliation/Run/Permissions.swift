import Jobs
import Planning

/// What the operator allows beyond the job file, for one invocation.
public struct Permissions: Hashable, Sendable {
    public var allow: [LimitKey: Int] = [:]
    public var acceptTargetChange = false
    public var acceptScopeChange = false
    public var acceptSourceChange = false
    /// Names or source ids of records whose account carries another mark by now and is this job's all the same.
    public var acceptTakeback: Set<String> = []
    /// Names or source ids of records whose refused operations are tried at once, or `all`.
    public var retry: Set<String> = []
    /// Objects that are let go to the records of their names: `user:NAME`, `group:NAME`, each with the target's id
    /// behind a space where it is given.
    public var acceptAssociation: Set<String> = []
    /// Whether an empty ledger is meant where the target cannot be listed.
    public var firstRun = false
    public var knownConflictsAreFine = false
    /// Whether what an undo restored is the source's again.
    public var release = false
    /// Seconds after which a saved plan is too old to be applied.
    public var maxAge = 86400.0
    public init() {}
}
