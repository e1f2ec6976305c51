import JSON
import HTTP
import Ledger
import Planning

/// The digest of a plan's rows: equal plans have equal digests, in every process.
package final class PlanDigest {
    private var chain: String

    init(inputs: String) { chain = inputs }

    func add(_ operation: PlannedOperation) { chain = Digest.hexadecimal(chain + Self.line(operation)) }

    var value: String { chain }

    /// As it is shown and said: not a number, whatever its digits are.
    package static func shown(_ digest: String) -> String { "d:" + digest.prefix(16) }

    /// What an operation is, in one line, without what changes from run to run.
    package static func line(_ operation: PlannedOperation) -> String {
        let fields = operation.fields.map { "\($0.path): \($0.before ?? "–") → \($0.after ?? "–")" }.joined(separator: ", ")
        let members = operation.members.map { "\($0.sourceID ?? "")/\($0.targetID ?? "")" }.joined(separator: ",")
        return
            "\(operation.verb) \(operation.kind.singular) \(operation.name) [\(operation.situation), \(operation.sourceID ?? "–"), \(operation.targetID ?? "–"), wave \(operation.wave), \(operation.status)] \(fields) \(members)"
    }
}

extension Ledger.PlanInfo {
    /// As it is shown and said.
    public var shownDigest: String { PlanDigest.shown(digest) }

    /// Until when it may be applied, unless another age is allowed: `2026-01-31T02:00:00Z`.
    public var validUntil: String? { Time.seconds(created).map { Time.timestamp($0 + 86400) } }
}

extension PlannedOperation {
    /// Whether it takes access away from an account by an attribute.
    public var endsAccess: Bool { fields.contains { $0.path == "active" && $0.after == "false" } }

    /// Why it is there: of what is held for somebody to decide, what holds it; else without that, since it is told once for all that it holds.
    public var cause: String {
        guard let mark = reason.range(of: "; held: ") else { return reason }
        return String(status == .held && JobReport.needsAttention(self) ? reason[mark.upperBound...] : reason[..<mark.lowerBound])
    }
}
