import Ledger
import SCIM

/// Who loses something in a run, by name: what an operator asks first.
struct Takings {
    private var operations: [PlannedOperation] = []
    private var count = 0

    /// Lines that are shown; the CSV has all of them.
    private static let most = 50
    /// Members of one group that are named.
    private static let mostMembers = 5

    mutating func add(_ operation: PlannedOperation) {
        guard Self.deed(operation) != nil, Self.when(operation) != nil else { return }
        count += 1
        if count <= Self.most { operations.append(operation) }
    }

    /// One line for each; the names are looked up in the ledger, once it is not being read any more.
    func told(_ ledger: Ledger) -> [String] {
        let lines = operations.map { line($0, ledger) }
        return count > Self.most ? lines + ["… and \(count - Self.most) more that lose something, in the CSV"] : lines
    }

    private func line(_ operation: PlannedOperation, _ ledger: Ledger) -> String {
        let deed = Self.deed(operation) ?? "", when = Self.when(operation) ?? ""
        let kind = ResourceKind(rawValue: operation.kind) ?? .user
        let whom: String
        if operation.verb == .removeMembers {
            let members = operation.members.prefix(Self.mostMembers).map { Self.person($0.sourceID, $0.targetID, ledger) }
            let rest = operation.members.count - members.count
            whom = "\(members.joined(separator: ", "))\(rest > 0 ? " and \(rest) more" : "") out of \(operation.name)"
        } else {
            whom = kind == .user ? "\(kind.singular) \(Self.person(operation.sourceID, operation.targetID, ledger, known: operation.name))" : "\(kind.singular) \(operation.name)"
        }
        return "\(when): \(deed) \(whom)\(operation.verb == .removeMembers ? "" : ": \(Self.cause(operation))")"
    }

    private static func deed(_ operation: PlannedOperation) -> String? {
        switch operation.verb {
        case .delete: "delete"
        case .disable: "disable"
        case .update where operation.fields.contains { $0.path == "active" && $0.after == "false" }: "disable"
        case .removeMembers: "take"
        default: nil
        }
    }

    /// Why, without what holds it: that is told once for all of them.
    private static func cause(_ operation: PlannedOperation) -> String {
        operation.reason.range(of: "; held: ").map { String(operation.reason[..<$0.lowerBound]) } ?? operation.reason
    }

    /// Failures are told by themselves.
    private static func when(_ operation: PlannedOperation) -> String? {
        switch operation.status {
        case .planned: "takes away"
        case .done: "took away"
        case .held where !JobReport.needsAttention(operation): "held, would take away"
        default: nil
        }
    }

    /// `Greta Holm (greta)`, or what is known of the name.
    private static func person(_ source: String?, _ target: String?, _ ledger: Ledger, known: String? = nil) -> String {
        let link = source.flatMap { try? ledger.link(kind: ResourceKind.user.rawValue, source: $0) }
        let values = MappingTable.values(link?.sent ?? link?.read)
        let name = known ?? values["userName"]?.string ?? link?.matchKey ?? source ?? target ?? "?"
        guard let display = values["displayName"]?.string, !display.isEmpty, display != name else { return name }
        return "\(display) (\(name))"
    }
}
