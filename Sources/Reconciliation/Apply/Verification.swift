import JSON
import Ledger
import SCIM

/// Compares what was written with what the target shows afterwards, and gathers the differences for the report.
struct Verification {
    /// A write that was answered without a document: where it stands in the journal, and the object to look at.
    struct Silent {
        let plan: Int64
        let seq: Int
        let kind: Int
        let id: String
        let isMembership: Bool
        /// Attributes that were sent with another value before, or not at all.
        let fresh: Set<String>

        init(_ operation: PlannedOperation, id: String, fresh: Set<String> = []) {
            self.fresh = fresh
            plan = operation.plan
            seq = operation.seq
            kind = operation.kind
            self.id = id
            isMembership = operation.verb == .addMembers || operation.verb == .removeMembers
        }
    }

    var silent: [Silent] = []
    var notes: [String] = []
    /// Names of accounts that were there already and that a create has taken over.
    var takenOver: [String] = []
    /// Writes of which nobody knows whether they happened.
    var unknown: [String] = []

    private var tookOver: [String] {
        guard !takenOver.isEmpty else { return [] }
        let some = takenOver.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }.prefix(10).joined(separator: ", ")
        return [
            "taken over: \(takenOver.count) that were there already under the same name (\(some)\(takenOver.count > 10 ? ", …" : "")); they are never deleted unless leavers.associated says delete"
        ]
    }

    private struct Deviation: Hashable {
        let kind: ResourceKind
        let path: String
        let isMissing: Bool
    }

    private var deviations: [Deviation: (count: Int, example: String)] = [:]

    /// What is wrong with an attribute that identity or access depends on; other differences are only counted, since a
    /// target may keep a value in its own way, or not at all.
    ///
    /// - Parameter fresh: attributes that were not sent with this value before. Of these, one that still shows what it showed before was
    ///   not applied, and is tried once more; of the others the target has its own way.
    mutating func compare(_ operation: PlannedOperation, _ kind: ResourceKind, _ table: MappingTable, with actual: MappingTable.Actual, fresh: Set<String>) -> Judgement {
        let shown = MappingTable.values(actual.body)
        var complaint: String?
        var unapplied: Set<String> = []
        for field in operation.fields {
            guard let attribute = table.attribute(field.path) else { continue }
            let sent = field.after.flatMap { try? JSONValue(parsing: Array($0.utf8)) } ?? .null
            let found = shown[field.path] ?? .null
            if table.isEqual(field.path, sent, found) { continue }
            let isUnchanged = fresh.contains(field.path) && field.before.map { table.isEqual(field.path, (try? JSONValue(parsing: Array($0.utf8))) ?? .null, found) } ?? false
            if attribute.isCritical || isUnchanged {
                unapplied.insert(field.path)
                complaint = complaint ?? "the target accepted \(field.path) = \(sent.canonical) and shows \(found.canonical); it did not apply the change"
            } else {
                let key = Deviation(kind: kind, path: field.path, isMissing: found.isNull)
                let example = deviations[key]?.example ?? "\(operation.name): sent \(sent.canonical), shown \(found.canonical)"
                deviations[key] = ((deviations[key]?.count ?? 0) + 1, example)
            }
        }
        // Where identity or access was not applied, nothing of the request is believed.
        if complaint != nil { unapplied.formUnion(operation.fields.map(\.path)) }
        return Judgement(complaint: complaint, unapplied: unapplied)
    }

    /// What a target made of a write: what is wrong with it, and which attributes are to be sent again.
    struct Judgement {
        var complaint: String?
        var unapplied: Set<String> = []

        /// What was read, without what was not applied: so that the next run sees a difference there.
        func believed(_ body: String?) -> String? {
            guard !unapplied.isEmpty else { return body }
            return JSONValue.object(MappingTable.values(body).filter { !unapplied.contains($0.key) }).canonical
        }
    }

    static func complaint(_ verb: Verb, _ members: [String], present: Set<String>) -> String? {
        let wrong = members.filter { present.contains($0) != (verb == .addMembers) }
        guard let first = wrong.first else { return nil }
        return "the target accepted the change and \(wrong.count) of \(members.count) members are \(verb == .addMembers ? "not in" : "still in") the group, such as \(first)"
    }

    /// One line for each attribute that came back otherwise than it was sent.
    var report: [String] {
        deviations.sorted { ($0.key.kind.rawValue, $0.key.path) < ($1.key.kind.rawValue, $1.key.path) }.map { key, value in
            let what = key.isMissing ? "is not kept by the target" : "is stored differently by the target"
            return "\(key.kind.singular) \(key.path) \(what): \(value.count) records (\(value.example))"
        } + notes + tookOver + unknown.map { "outcome unknown, settled by the next run: \($0)" }
    }
}
