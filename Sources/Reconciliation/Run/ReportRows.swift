import JSON
import Ledger
import SCIM
import Planning

/// How many rows of a plan a report holds.
public enum Detail: String, Hashable, Sendable, CaseIterable {
    case none, rows, all

    /// Rows of a section at the most.
    public var most: Int {
        switch self {
        case .none: 0
        case .rows: 50
        case .all: .max
        }
    }
}

/// A part of a report: what is told of many records, in the order in which it matters.
public struct ReportSection: Hashable, Sendable {
    public enum Kind: Int, Hashable, Sendable, CaseIterable, Comparable {
        /// What a run did not come to; what is held by a limit or a permission; what needs somebody.
        case notSent, takesAway, held, creates, changes, needsYou

        public static func < (left: Kind, right: Kind) -> Bool { left.rawValue < right.rawValue }
    }

    /// One record, or several that are alike.
    public struct Row: Hashable, Sendable {
        public enum Mark: String, Hashable, Sendable { case more = "+", other = "~", less = "-", attention = "!" }

        public var mark: Mark
        /// `disable`, `user`, `members`, `conflict`.
        public var what: String
        /// Display name and user name of a person, the name of a group.
        public var whom: String
        /// Fields, members, or the reason.
        public var detail: String
        /// Whether the run before told it already.
        public var isKnown = false
        /// How many records it tells of.
        public var records = 1
        /// What lets it go if it is meant, as it is typed behind a command.
        public var lettingGo: String?
        /// Whether it stands for records whose reasons differ: `--detail all` lists them.
        public var isFolded = false
    }

    public var kind: Kind
    /// What it is called: of a plan, of a run that has written, or of one that was held.
    public var title: String
    public var rows: [Row] = []
    /// Rows that there would be, with those that are left out.
    public var count = 0
    /// Limits that count what is in it, with their use.
    public var limits: [String] = []
}

/// Gathers what a plan or a run does, as rows for people. Names are looked up in the ledger once it is not being read
/// any more.
struct ReportRows {
    private let most: Int
    private let isWriting: Bool
    private let run: Int64
    /// Since when records are as they are, by record and cause.
    private let since: [String: String]
    private var operations: [ReportSection.Kind: [PlannedOperation]] = [:]
    private var counts: [ReportSection.Kind: Int] = [:]
    /// What needs somebody, by its cause and whether it is known; the causes in their order.
    private var causes: [String: Cause] = [:]
    private var order: [String] = []
    private var newCauses = 0
    /// Accounts that are held, which would lose access: their source ids.
    private var heldUsers: [String] = []

    private struct Cause {
        var first: PlannedOperation
        var others: [PlannedOperation] = []
        var count = 1
        var since: String?
        /// Whether its records have reasons that differ in their values.
        var hasOthersReasons = false
    }

    /// Names that stand for many that are alike.
    private static let mostNames = 5
    private static let mostFields = 3
    private static let mostCauses = 2000
    /// Rows of one kind of hold whose values differ; the others are one row.
    private static let mostAlike = 5
    private static let mostHeld = 5000

    /// - Parameter run: the run that the plan is of.
    /// - Parameter isWriting: whether the operations are those of a run; else of a plan.
    /// - Parameter since: since when a record is as an operation finds it, by `Ledger.troubleKey`; nothing for what is
    ///   new.
    init(_ detail: Detail, run: Int64, isWriting: Bool, since: [String: String]) {
        most = detail.most
        self.run = run
        self.isWriting = isWriting
        self.since = since
    }

    mutating func add(_ operation: PlannedOperation) {
        if operation.needsAttention { return addCause(operation) }
        guard let kind = section(operation) else { return }
        counts[kind, default: 0] += 1
        if kind == .held, operation.kind == .user, Self.takesAway(operation), let source = operation.sourceID,
            heldUsers.count < Self.mostHeld
        {
            heldUsers.append(source)
        }
        guard operations[kind]?.count ?? 0 >= most else { return operations[kind, default: []].append(operation) }
        // Who loses access, or keeps it, is never hidden behind what is only made or changed.
        if kind == .held || kind == .notSent, Self.takesAway(operation),
            let place = operations[kind]?.lastIndex(where: { !Self.takesAway($0) })
        {
            operations[kind]?[place] = operation
        }
    }

    private mutating func addCause(_ operation: PlannedOperation) {
        counts[.needsYou, default: 0] += 1
        let known = Ledger.troubleKey(operation).flatMap { since[$0] }
        let key = "\(operation.status) \(operation.verb) \(operation.kind) \(known ?? "new") \(operation.cause)"
        if causes[key] != nil {
            causes[key]?.count += 1
            if causes[key]?.others.count ?? 0 < Self.mostNames - 1 { causes[key]?.others.append(operation) }
        } else if most == .max || (known == nil ? newCauses : order.count - newCauses) < Self.mostCauses {
            causes[key] = Cause(first: operation, since: known)
            order.append(key)
            if known == nil { newCauses += 1 }
        }
    }

    private static func takesAway(_ operation: PlannedOperation) -> Bool {
        [.delete, .disable, .removeMembers].contains(operation.verb)
            || operation.verb == .update && operation.endsAccess
    }

    private func section(_ operation: PlannedOperation) -> ReportSection.Kind? {
        switch operation.verb {
        case .link, .unlink: return nil
        case .none: return operation.status == .held ? .held : nil
        // The second half of a rename by way of a temporary name is the same change.
        case .update where operation.unit != nil && operation.unit != operation.seq: return nil
        default: break
        }
        switch operation.status {
        case .held: return .held
        case .planned where isWriting: return .notSent
        case .planned, .done: break
        default: return nil
        }
        if Self.takesAway(operation) { return .takesAway }
        return operation.verb == .create ? .creates : .changes
    }

    // MARK: what is told

    /// - Parameter limits: lines of limits that count what is taken away.
    func sections(_ ledger: Ledger, limits: [String]) -> [ReportSection] {
        var limits = limits
        return ReportSection.Kind.allCases.compactMap { kind in
            guard let count = counts[kind], count > 0 else { return nil }
            var section = ReportSection(kind: kind, title: title(kind))
            section.count = count
            if kind == .needsYou {
                let (rows, told) = causeRows(ledger)
                section.rows = rows
                section.count = rows.count + (count - told)
            } else {
                let all = operations[kind] ?? []
                section.rows = (all.filter(Self.takesAway) + all.filter { !Self.takesAway($0) }).map {
                    var row = row($0, kind, ledger)
                    row.isKnown = kind == .held && Ledger.troubleKey($0).flatMap { since[$0] } != nil
                    row.lettingGo = kind == .held ? $0.lettingGo : nil
                    return row
                }
            }
            // What is planned is counted; what was done stands in the rows.
            if kind == .held || kind == .takesAway && !isWriting {
                section.limits = limits
                limits = []
            }
            if kind == .held, let common = common(ledger) { section.limits.append(common) }
            return section
        }
    }

    private func title(_ kind: ReportSection.Kind) -> String {
        switch kind {
        case .notSent: "Not sent, and unchanged"
        case .takesAway: isWriting ? "Took access away" : "Takes access away"
        case .held: "Held, and not written"
        case .creates: isWriting ? "Created" : "Creates"
        case .changes: isWriting ? "Changed" : "Changes"
        case .needsYou: "Needs you"
        }
    }

    /// What most of those that are held have in common.
    private func common(_ ledger: Ledger) -> String? {
        guard heldUsers.count > 2, heldUsers.count < Self.mostHeld, let unit = try? ledger.commonUnit(of: heldUsers),
            unit.count * 2 > heldUsers.count
        else { return nil }
        return "\(unit.count) of the \(heldUsers.count) accounts that are held were last seen in the unit \(unit.name)"
    }

    private func row(_ operation: PlannedOperation, _ section: ReportSection.Kind, _ ledger: Ledger)
        -> ReportSection.Row
    {
        let kind = operation.kind
        switch operation.verb {
        case .removeMembers:
            return .init(
                mark: .less, what: "members", whom: operation.name,
                detail: "\(members(operation, ledger, "−")): \(operation.cause)")
        case .addMembers:
            return .init(mark: .other, what: "members", whom: operation.name, detail: members(operation, ledger, "+"))
        case .create:
            let mail = operation.fields.first { $0.path == "emails[work]" }.flatMap { Self.plain($0.after) } ?? ""
            return .init(mark: .more, what: kind.singular, whom: name(operation, ledger), detail: mail)
        case .delete, .disable:
            return .init(
                mark: .less, what: operation.verb.description, whom: whom(operation, kind, ledger),
                detail: operation.cause)
        case .update where operation.endsAccess:
            return .init(mark: .less, what: "disable", whom: whom(operation, kind, ledger), detail: operation.cause)
        case .none:
            // Two records may have one name.
            let id = operation.sourceID.map { " (\($0))" } ?? ""
            return .init(
                mark: .attention, what: kind.singular, whom: name(operation, ledger) + id, detail: operation.cause)
        case .associate:
            return .init(
                mark: .other, what: "associate", whom: whom(operation, kind, ledger),
                detail: Self.fields(operation.fields.filter { $0.path != "externalId" }))
        default:
            return .init(
                mark: .other, what: kind.singular, whom: name(operation, ledger), detail: Self.fields(operation.fields))
        }
    }

    private func whom(_ operation: PlannedOperation, _ kind: ResourceKind, _ ledger: Ledger) -> String {
        kind == .user ? name(operation, ledger) : "group \(operation.name)"
    }

    private func members(_ operation: PlannedOperation, _ ledger: Ledger, _ sign: String) -> String {
        let named = operation.members.prefix(Self.mostNames).map { person($0.sourceID, $0.targetID, ledger) }
        let rest = operation.members.count - named.count
        return "\(sign) \(named.joined(separator: ", "))\(rest > 0 ? " and \(rest) more" : "")"
    }

    /// What is new comes first, and what was put off to a later day last; with how many records the rows tell of.
    private func causeRows(_ ledger: Ledger) -> ([ReportSection.Row], told: Int) {
        let all = order.compactMap { causes[$0] }
        let late = { (cause: Cause) in cause.first.heldBy == .putOff }
        let sorted = Self.folded(
            all.filter { $0.since == nil && !late($0) } + all.filter { $0.since != nil && !late($0) }
                + all.filter(late), isWhole: most == .max
        ).prefix(most)
        let rows = sorted.map { cause in
            let operation = cause.first
            let kind = operation.kind
            let names = ([operation] + cause.others).map { name($0, ledger) }
            let rest = cause.count - names.count
            let deed = operation.verb == .none || operation.status == .conflict ? "" : " (\(operation.verb))"
            let number = cause.count == 1 ? kind.singular : "\(cause.count) \(kind.plural)"
            let why = cause.hasOthersReasons ? Self.likeThoseAbove(operation) : operation.cause
            return ReportSection.Row(
                mark: .attention, what: operation.status == .sent ? "outcome not known:" : operation.status.description,
                whom: "\(number) \(names.joined(separator: ", "))\(rest > 0 ? " and \(rest) more" : "")\(deed)",
                detail: why + (cause.since.map { "; since \($0)" } ?? ""), isKnown: cause.since != nil,
                records: cause.count, lettingGo: cause.hasOthersReasons ? nil : operation.lettingGo,
                isFolded: cause.hasOthersReasons)
        }
        return (rows, sorted.reduce(0) { $0 + $1.count })
    }

    private static func likeThoseAbove(_ operation: PlannedOperation) -> String {
        let many =
            operation.heldBy == .namesake
            ? """
            ; to link many, write lines such as \(operation.kind.singular):\(operation.name) into a file and give it \
            as --accept-association @FILE
            """ : ""
        return "the same reason as above, with other values; --detail all lists them\(many)"
    }

    /// Causes of one kind that differ in their values alone: the first few as they are, the others as one.
    private static func folded(_ causes: [Cause], isWhole: Bool) -> [Cause] {
        guard !isWhole else { return causes }
        var told: [String: Int] = [:], rest: [String: Int] = [:]
        var folded: [Cause] = []
        for cause in causes {
            guard let hold = cause.first.heldBy else {
                folded.append(cause)
                continue
            }
            let key = "\(hold) \(cause.first.verb) \(cause.first.kind) \(cause.since ?? "new")"
            told[key, default: 0] += 1
            guard told[key, default: 0] > mostAlike else {
                folded.append(cause)
                continue
            }
            guard let place = rest[key] else {
                rest[key] = folded.count
                folded.append(cause)
                continue
            }
            folded[place].hasOthersReasons = true
            folded[place].count += cause.count
            let room = mostNames - 1 - folded[place].others.count
            folded[place].others += ([cause.first] + cause.others).prefix(max(room, 0))
        }
        return folded
    }

    // MARK: words

    /// `displayName Ada → Greta; emails[work] a@x → b@x (2 more)`.
    static func fields(_ fields: [FieldChange]) -> String {
        let told = fields.prefix(mostFields).map { field in
            let before = plain(field.before), after = plain(field.after)
            return switch (before, after) {
            case (let before?, let after?): "\(field.path) \(before) → \(after)"
            case (nil, let after?): "\(field.path) → \(after)"
            case (_, nil): "\(field.path) \(before.map { "\($0) " } ?? "")→ (cleared)"
            }
        }
        return told.joined(separator: "; ") + (fields.count > mostFields ? " (\(fields.count - mostFields) more)" : "")
    }

    static func plain(_ canonical: String?) -> String? {
        guard let canonical, let value = try? JSONValue(parsing: Array(canonical.utf8)), !value.isNull else {
            return nil
        }
        return value.string ?? canonical
    }

    private func name(_ operation: PlannedOperation, _ ledger: Ledger) -> String {
        if operation.kind == .user {
            return person(operation.sourceID, operation.targetID, ledger, known: operation.name)
        }
        // A group whose name nobody can read has its id.
        return [operation.name, operation.sourceID, operation.targetID].compactMap { $0 }.first { !$0.isEmpty } ?? "?"
    }

    /// `Greta Holm (greta)`, or what is known of the name.
    private func person(_ source: String?, _ target: String?, _ ledger: Ledger, known: String? = nil) -> String {
        let person = KnownUser(source, target, run, ledger)
        let name = [known, person.userName, source, target].compactMap { $0 }.first { !$0.isEmpty } ?? "?"
        guard let display = person.displayName, !display.isEmpty, display != name else { return name }
        return "\(display) (\(name))"
    }
}

/// Who a user is, for people: as the ledger's history knows it at a run, so that it is the same again later.
public struct KnownUser: Hashable, Sendable {
    public var displayName: String?
    public var userName: String?
    public var mail: String?

    /// - Parameter source: the id in the source.
    /// - Parameter target: the id on the target.
    public init(_ source: String?, _ target: String?, _ run: Int64, _ ledger: Ledger) {
        let values = Body.values((try? ledger.body(ofUser: source, target: target, run: run)).flatMap { $0 })
        displayName = values["displayName"]?.string
        userName = values["userName"]?.string
        mail = values["emails[work]"]?.string
    }
}
