import JSON
import SCIM

/// The digest of a plan's rows: equal plans have equal digests, in every process.
package final class PlanDigest {
    private var chain: String

    package init(inputs: String) { chain = inputs }

    package func add(_ operation: PlannedOperation) { chain = Digest.hexadecimal(chain + Self.text(operation)) }

    package var value: String { chain }

    /// All that an operation is, without what changes from run to run: each part with its length, so that no name can
    /// look like another row.
    package static func text(_ operation: PlannedOperation) -> String {
        var text = ""
        func add(_ part: String?) { text += part.map { "\($0.utf8.count):\($0)" } ?? "-" }
        for part in [operation.verb.rawValue, operation.kind.singular, operation.name, operation.situation.rawValue] {
            add(part)
        }
        add(operation.sourceID)
        add(operation.targetID)
        for part in ["\(operation.wave)", operation.status.rawValue] { add(part) }
        add("\(operation.fields.count)")
        for field in operation.fields {
            add(field.path)
            add(field.before)
            add(field.after)
        }
        for member in operation.members {
            add(member.sourceID)
            add(member.targetID)
        }
        return text
    }

    /// As it is shown and said: not a number, whatever its digits are.
    package static func shown(_ digest: String) -> String { "d:" + digest.prefix(16) }

    /// What an operation is, in one line for people, without what changes from run to run.
    package static func line(_ operation: PlannedOperation) -> String {
        let fields = operation.fields.map { "\($0.path): \($0.before ?? "–") → \($0.after ?? "–")" }.joined(
            separator: ", ")
        let members = operation.members.map { "\($0.sourceID ?? "")/\($0.targetID ?? "")" }.joined(separator: ",")
        return
            """
            \(operation.verb) \(operation.kind.singular) \(operation.name) [\(operation.situation), \
            \(operation.sourceID ?? "–"), \(operation.targetID ?? "–"), wave \(operation.wave), \
            \(operation.status)] \(fields) \(members)
            """
    }
}
