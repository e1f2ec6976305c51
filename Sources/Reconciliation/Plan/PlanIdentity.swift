import Ledger
import Planning
import SCIM

extension Ledger.PlanInfo {
    /// As it is shown and said.
    public var shownDigest: String { PlanDigest.shown(digest) }

    /// Until when it may be applied, unless another age is allowed: `2026-01-31T02:00:00Z`.
    public var validUntil: String? { Timestamp.seconds(created).map { Timestamp.text($0 + 86400) } }
}
