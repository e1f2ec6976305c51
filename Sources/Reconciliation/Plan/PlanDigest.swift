import JSON
import Ledger

/// The digest of a plan's rows: equal plans have equal digests, in every process.
package final class PlanDigest {
    private var chain: String

    init(inputs: String) { chain = inputs }

    func add(_ operation: PlannedOperation) { chain = Digest.hexadecimal(chain + Self.line(operation)) }

    var value: String { chain }

    /// What an operation is, in one line, without what changes from run to run.
    package static func line(_ operation: PlannedOperation) -> String {
        let fields = operation.fields.map { "\($0.path): \($0.before ?? "–") → \($0.after ?? "–")" }.joined(separator: ", ")
        let members = operation.members.map { "\($0.sourceID ?? "")/\($0.targetID ?? "")" }.joined(separator: ",")
        return
            "\(operation.verb.rawValue) \(operation.kind == 0 ? "user" : "group") \(operation.name) [\(operation.situation.rawValue), \(operation.sourceID ?? "–"), \(operation.targetID ?? "–"), wave \(operation.wave), \(operation.status.rawValue)] \(fields) \(members)"
    }
}
