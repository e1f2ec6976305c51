import JSON
import Ledger

/// The plan as a table that a reviewer can read: RFC 4180, UTF-8, a header row.
///
/// One row per operation; a creation shows the whole record in `after`; a change of attributes has one row per attribute, a change of members one per member.
/// Objects of the target that are not ours are listed too. Cells that a spreadsheet would run as a formula get an
/// apostrophe in front.
public struct CSVReport {
    public static let columns = [
        "run", "job", "platform", "kind", "situation", "action", "status", "source_id", "target_id", "name", "field", "before", "after", "reason", "held_by",
    ]

    private let job: String
    private let platform: String
    private let run: Int64
    private let write: (String) throws -> Void

    /// - Parameter write: takes each line with its line end.
    public init(job: String, platform: String, run: Int64, write: @escaping (String) throws -> Void) {
        self.job = job
        self.platform = platform
        self.run = run
        self.write = write
    }

    public static var header: String { line(columns) }

    /// Writes the rows of a plan, and of what the target holds beside it, while the run's reads are still attached.
    public func rows(of plan: Int64, in ledger: Ledger) throws {
        // Who looks at a first run wants to see first which existing accounts it would make its own.
        let isFirst = try ledger.lastRun(isBaseline: true) == nil
        if isFirst { try ledger.forEachOperation(plan: plan) { if $0.verb == .associate { try rows($0) } } }
        try ledger.forEachOperation(plan: plan) { if !isFirst || $0.verb != .associate { try rows($0) } }
        try ledger.forEachUnmanaged { object in
            let reason =
                object.situation == .protected
                ? "matches a protect pattern; never touched"
                : object.isSurvivor ? "deleted by this job before and still there; left alone" : "not ours: no link and no externalId of ours; left alone"
            try write(
                Self.line([
                    String(run), job, platform, object.kind == 0 ? "user" : "group", object.situation.rawValue, "none", "noted", "", object.targetID ?? "", object.targetName ?? "", "", "", "",
                    reason, object.situation == .protected ? "protect" : "",
                ]))
        }
    }

    private func rows(_ operation: PlannedOperation) throws {
        switch operation.verb {
        case .addMembers:
            for member in operation.members {
                try row(operation, field: "members", after: member.sourceID ?? member.targetID, reason: member.reason, status: member.status)
            }
        case .removeMembers:
            for member in operation.members {
                try row(operation, field: "members", before: member.sourceID ?? member.targetID, reason: member.reason, status: member.status)
            }
        case .update, .associate, .dissociate, .disable:
            if operation.fields.isEmpty { try row(operation) }
            for field in operation.fields { try row(operation, field: field.path, before: Self.plain(field.before), after: Self.plain(field.after)) }
        case .create:
            // One row, with everything that will be written.
            let attributes = operation.fields.compactMap { field in field.after.flatMap { try? JSONValue(parsing: Array($0.utf8)) }.map { (field.path, $0) } }
            try row(operation, after: JSONValue.object(Dictionary(attributes) { first, _ in first }).canonical)
        default: try row(operation)
        }
    }

    private func row(_ operation: PlannedOperation, field: String = "", before: String? = nil, after: String? = nil, reason: String? = nil, status: String? = nil) throws {
        try write(
            Self.line([
                String(run), job, platform, operation.kind == 0 ? "user" : "group", operation.situation.rawValue, operation.verb.rawValue, status ?? operation.status.rawValue,
                operation.sourceID ?? "", operation.targetID ?? "", operation.name, field, before ?? "", after ?? "", reason ?? operation.reason, operation.heldBy ?? "",
            ]))
    }

    /// A stored value for people: a string without its quotes.
    static func plain(_ canonical: String?) -> String? {
        guard let canonical else { return nil }
        return (try? JSONValue(parsing: Array(canonical.utf8)))?.string ?? canonical
    }

    package static func line(_ cells: [String]) -> String { cells.map(cell).joined(separator: ",") + "\r\n" }

    /// Also where a reader takes “;” or a tab for the end of a cell, no cell begins as a formula.
    private static func defused(_ text: String) -> String {
        guard text.unicodeScalars.contains(where: { $0 == ";" || $0 == "\t" }) else { return text }
        var safe = String.UnicodeScalarView()
        var isAfterEnd = false
        for scalar in text.unicodeScalars {
            if isAfterEnd, "=+-@|%＝＋－＠".unicodeScalars.contains(scalar) { safe.append("'") }
            if scalar == ";" || scalar == "\t" { isAfterEnd = true } else if !scalar.properties.isWhitespace, scalar != "\"" { isAfterEnd = false }
            safe.append(scalar)
        }
        return String(safe)
    }

    package static func cell(_ text: String) -> String {
        var text = text.visibleLines
        // Spreadsheets also strip leading white space before they look for a formula.
        let first = text.unicodeScalars.first { !$0.properties.isWhitespace || $0 == "\t" || $0 == "\r" || $0 == "\n" }
        if let first, "=+-@\t\r\n|%＝＋－＠".unicodeScalars.contains(first) { text = "'" + text }
        text = defused(text)
        guard text.unicodeScalars.contains(where: { $0 == "," || $0 == "\"" || $0 == "\n" || $0 == "\r" }) else { return text }
        var quoted = ""
        for scalar in text.unicodeScalars {
            if scalar == "\"" { quoted.unicodeScalars.append("\"") }
            quoted.unicodeScalars.append(scalar)
        }
        return "\"\(quoted)\""
    }
}
