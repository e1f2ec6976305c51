import JSON
import Ledger
import Reconciliation
import Planning

/// A plan, or what became of it, as a table for a reviewer who is no programmer: RFC 4180, UTF-8, a header row.
///
/// The rows of one account share an `op`; each membership has its own. What takes access away comes first. All of it is
/// read from the ledger, so that the same plan gives the same bytes again, without a network. Cells that a spreadsheet
/// would run as a formula get an apostrophe in front.
public struct CSVReport {
    /// The columns in their order: those for a reviewer first, then, from `run` on, those that older versions had.
    enum Column: Int, CaseIterable {
        case plan, digest, op, risk, what, person
        case userName, email, group, field, before, after, why, since, due, decision
        case run, job, platform, kind, situation, action, status, sourceID, targetID, name, reason, heldBy, validUntil

        var title: String {
            switch self {
            case .userName: "user_name"
            case .sourceID: "source_id"
            case .targetID: "target_id"
            case .heldBy: "held_by"
            case .validUntil: "valid_until"
            default: "\(self)"
            }
        }
    }

    private struct Row {
        var cells = [String](repeating: "", count: Column.allCases.count)
        subscript(_ column: Column) -> String {
            get { cells[column.rawValue] }
            set { cells[column.rawValue] = newValue }
        }
    }

    /// What a row means for a person, from what takes access away to what is only listed.
    enum Risk: Int, CaseIterable { case takesAway = 1, needsYou, gives, changes, note }

    private let job: String
    private let platform: String
    private let write: (String) throws -> Void

    /// - Parameter write: takes each line with its line end.
    public init(job: String, platform: String, write: @escaping (String) throws -> Void) {
        self.job = job
        self.platform = platform
        self.write = write
    }

    public static var header: String { line(Column.allCases.map(\.title)) }

    /// What stands before the header in a file, so that a spreadsheet reads it as UTF-8.
    public static let byteOrderMark = "\u{FEFF}"

    /// Writes the rows of a plan.
    public func rows(of plan: Ledger.PlanInfo, in ledger: Ledger) throws {
        var places: [Risk: [Int]] = [:]
        try ledger.forEachOperation(plan: plan.id) { places[Self.risk($0), default: []].append($0.seq) }
        let context = try context(plan, ledger)
        for risk in Risk.allCases {
            // What an applied plan only noted is not kept, and so not listed: it would not be there the next time.
            for seq in places[risk] ?? [] where risk != .note {
                if let operation = try ledger.operation(plan: plan.id, seq: seq) { try rows(operation, risk, context) }
            }
        }
    }

    /// Writes what a plan only noted, and what the target holds beside it, while the run's reads are still attached.
    public func others(of plan: Ledger.PlanInfo, in ledger: Ledger) throws {
        let context = try context(plan, ledger)
        var noted: [Int] = []
        try ledger.forEachOperation(plan: plan.id) { if Self.risk($0) == .note { noted.append($0.seq) } }
        for seq in noted {
            if let operation = try ledger.operation(plan: plan.id, seq: seq) { try rows(operation, .note, context) }
        }
        try ledger.forEachUnmanaged { object in
            let isUser = object.kind == .user
            var cells = context.cells(risk: .note, op: "")
            cells[.what] = "left alone"
            cells[.userName] = isUser ? object.targetName ?? "" : ""
            cells[.group] = isUser ? "" : object.targetName ?? ""
            cells[.kind] = isUser ? "user" : "group"
            cells[.situation] = object.situation.description
            cells[.action] = "none"
            cells[.status] = "noted"
            cells[.targetID] = object.targetID ?? ""
            cells[.name] = object.targetName ?? ""
            cells[.reason] =
                object.situation == .protected
                ? "matches a protect pattern; never touched"
                : object.isSurvivor
                    ? "deleted by this job before and still there; left alone"
                    : "not ours: no link and no externalId of ours; left alone"
            cells[.why] = cells[.reason]
            cells[.heldBy] = object.situation == .protected ? "protect" : ""
            try put(cells)
        }
    }

    /// What stands in every row of a plan, and since when its records are as they are.
    private struct Context {
        let plan: Ledger.PlanInfo
        let ledger: Ledger
        let blank: Row
        let since: [String: String]

        func cells(risk: Risk, op: String) -> Row {
            var cells = blank
            cells[.op] = op
            cells[.risk] = String(risk.rawValue)
            return cells
        }
    }

    private func context(_ plan: Ledger.PlanInfo, _ ledger: Ledger) throws -> Context {
        var blank = Row()
        blank[.plan] = String(plan.id)
        blank[.digest] = plan.shownDigest
        blank[.run] = String(plan.run)
        blank[.job] = job
        blank[.platform] = platform
        // Only a plan that was made to be looked at waits to be applied.
        if try ledger.run(plan.run)?.command == "plan" { blank[.validUntil] = plan.validUntil ?? "" }
        return Context(plan: plan, ledger: ledger, blank: blank, since: try ledger.troublesSince(run: plan.run))
    }

    private func put(_ row: Row) throws { try write(Self.line(row.cells)) }

    static func risk(_ operation: PlannedOperation) -> Risk {
        if operation.status == .noted { return .note }
        switch operation.verb {
        case .delete, .disable, .removeMembers: return .takesAway
        case .update where operation.endsAccess: return .takesAway
        case .associate, .dissociate: return .needsYou
        case .none: return operation.status == .held || operation.status == .conflict ? .needsYou : .note
        default: break
        }
        if [.conflict, .failed, .skipped].contains(operation.status) || operation.status == .held { return .needsYou }
        switch operation.verb {
        case .create, .addMembers: return .gives
        case .update where operation.fields.contains(where: { $0.enables }): return .gives
        case .link, .unlink: return .note
        default: return .changes
        }
    }

    private static func what(_ operation: PlannedOperation) -> String {
        switch operation.verb {
        case .addMembers: "add member"
        case .removeMembers: "remove member"
        case .none: operation.status == .noted ? "left alone" : operation.status.description
        case .update where operation.endsAccess: "disable"
        case .update where operation.fields.contains { $0.enables }: "enable"
        case .update: "change"
        default: operation.verb.description
        }
    }

    private func rows(_ operation: PlannedOperation, _ risk: Risk, _ context: Context) throws {
        let isUser = operation.kind == .user
        let op = "p\(operation.plan)-\(operation.seq)"
        var cells = context.cells(risk: risk, op: op)
        cells[.what] = Self.what(operation)
        if isUser {
            let person = KnownUser(operation.sourceID, operation.targetID, context.plan.run, context.ledger)
            cells[.person] = person.displayName ?? ""
            cells[.userName] = operation.name
            cells[.email] = person.mail ?? ""
        } else {
            cells[.group] = operation.name
        }
        cells[.why] = operation.cause
        cells[.since] = Ledger.troubleKey(operation).flatMap { context.since[$0] } ?? ""
        cells[.due] = operation.due ?? ""
        cells[.kind] = isUser ? "user" : "group"
        cells[.situation] = operation.situation.description
        cells[.action] = operation.verb.description
        cells[.status] = operation.status.description
        cells[.sourceID] = operation.sourceID ?? ""
        cells[.targetID] = operation.targetID ?? ""
        cells[.name] = operation.name
        cells[.reason] = operation.reason
        cells[.heldBy] = operation.heldBy?.description ?? ""
        switch operation.verb {
        case .addMembers, .removeMembers:
            for member in operation.members {
                var row = cells
                let person = KnownUser(member.sourceID, member.targetID, context.plan.run, context.ledger)
                let id = member.sourceID ?? member.targetID ?? ""
                row[.op] = "\(op).\(member.position)"
                row[.person] = person.displayName ?? ""
                row[.userName] = person.userName ?? id
                row[.email] = person.mail ?? ""
                row[.field] = "members"
                row[operation.verb == .addMembers ? .after : .before] = id
                if let status = member.status { row[.status] = status }
                if let reason = member.reason { (row[.reason], row[.why]) = (reason, reason) }
                try put(row)
            }
        default:
            if operation.fields.isEmpty { try put(cells) }
            for field in operation.fields {
                var row = cells
                row[.field] = field.path
                row[.before] = Self.plain(field.before) ?? ""
                row[.after] = Self.plain(field.after) ?? ""
                try put(row)
            }
        }
    }

    /// A stored value for people: a string without its quotes.
    static func plain(_ canonical: String?) -> String? {
        guard let canonical else { return nil }
        return (try? JSONValue(parsing: Array(canonical.utf8)))?.string ?? canonical
    }

    package static func line(_ cells: [String]) -> String { cells.map(cell).joined(separator: ",") + "\r\n" }

    /// Also where a reader takes “;” or a tab for the end of a cell, no cell begins as a formula.
    private static func defused(_ text: String) -> String {
        let ends = ";\t\n\r".unicodeScalars
        guard text.unicodeScalars.contains(where: ends.contains) else { return text }
        var safe = String.UnicodeScalarView()
        var isAfterEnd = false
        for scalar in text.unicodeScalars {
            if isAfterEnd, "=+-@|%＝＋－＠".unicodeScalars.contains(scalar) { safe.append("'") }
            if ends.contains(scalar) {
                isAfterEnd = true
            } else if !scalar.properties.isWhitespace, scalar != "\"" {
                isAfterEnd = false
            }
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
        guard text.unicodeScalars.contains(where: { $0 == "," || $0 == "\"" || $0 == "\n" || $0 == "\r" }) else {
            return text
        }
        var quoted = ""
        for scalar in text.unicodeScalars {
            if scalar == "\"" { quoted.unicodeScalars.append("\"") }
            quoted.unicodeScalars.append(scalar)
        }
        return "\"\(quoted)\""
    }
}
