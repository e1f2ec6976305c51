import JSON
import Ledger
import Planning
import SCIM

/// Puts what frees a unique value before what takes it, across the usual order of operations: names and e-mail
/// addresses together, since a target may hold both to be unique.
struct Ordering {
    let ledger: Ledger

    func arrange() throws {
        try withholdBlockedNames()
        let all = try ledger.renamings()
        for kind in ResourceKind.allCases { try arrange(all.filter { $0.kind == kind }, kind) }
    }

    /// A name that another object keeps is not asked for: the target would refuse it every night, or give two objects
    /// one name.
    private func withholdBlockedNames() throws {
        for blocked in try ledger.blockedNames() {
            let kind = blocked.kind
            let holder = blocked.holder.map { "which is linked to \($0)" } ?? "which no record is linked to"
            try ledger.withhold(
                name: kind.nameAttribute, draft: blocked.draft, by: .keptName,
                reason:
                    """
                    its new name is still that of the \(kind.singular) \(blocked.bearer), \(holder); rename or \
                    delete that one, or give this record another name
                    """,
                wave: Wave.report)
        }
    }

    private enum Value: Hashable {
        case name(String)
        case mail(String)
    }

    /// The draft `first` frees a value that `then` takes.
    private struct Edge {
        let first: Int
        let then: Int
        let value: Value
    }

    /// Of each draft, what it takes is freed by one other at the most. What waits in a ring is opened: one of the ring
    /// first gives its value up for a temporary one, and nobody waits for its second half any more.
    private func arrange(_ drafts: [Ledger.Renaming], _ kind: ResourceKind) throws {
        guard !drafts.isEmpty else { return }
        var freeing: [Value: Int] = [:]
        for (index, draft) in drafts.enumerated() {
            if let name = draft.frees { freeing[.name(name)] = index }
            if let mail = draft.freesMail { freeing[.mail(mail)] = index }
        }
        let waits = drafts.enumerated().map { index, draft in
            [draft.takes.map { Value.name($0) }, draft.takesMail.map { Value.mail($0) }].compactMap { value -> Edge? in
                guard let value, let first = freeing[value], first != index else { return nil }
                return Edge(first: first, then: index, value: value)
            }
        }
        let (edges, order, opened) = Self.open(waits)
        // Waves fall towards the free end: each draft goes before those that wait for it. Whoever waits comes later in
        // the order.
        var waves = drafts.map(\.wave)
        for index in order.reversed() {
            for edge in edges[index] { waves[edge.first] = min(waves[edge.first], waves[index] - 1) }
        }
        let floor = waves.min() ?? 0
        for (index, draft) in drafts.enumerated() where waves[index] != draft.wave {
            try ledger.move(draft: draft.draft, toWave: waves[index])
        }
        for (index, values) in opened.sorted(by: { $0.key < $1.key }) {
            let draft = drafts[index]
            // Derived from the record, so that equal plans stay equal; long enough that nobody bears it.
            let temporary = TemporaryValue.name(of: draft.sourceID)
            var temporaries: [String: String] = [:]
            for value in values {
                switch value {
                case .name: temporaries[kind.nameAttribute] = JSONValue.string(temporary).canonical
                case .mail: temporaries[Policy.mail] = JSONValue.string(TemporaryValue.mail(temporary)).canonical
                }
            }
            try ledger.split(draft: draft.draft, temporaries: temporaries, firstWave: floor - 1)
        }
    }

    /// Opens rings. Returns what still waits for what, an order in which whoever goes first comes first, and the values
    /// that a draft gives up for temporary ones.
    private static func open(_ waits: [[Edge]]) -> (edges: [[Edge]], order: [Int], opened: [Int: Set<Value>]) {
        var edges = waits
        var order: [Int] = []
        var opened: [Int: Set<Value>] = [:]
        enum State { case unseen, under, done }
        var states = [State](repeating: .unseen, count: waits.count)
        for start in waits.indices where states[start] == .unseen {
            // By hand: a chain may be as long as the directory.
            var path = [(index: start, next: 0)]
            states[start] = .under
            while let top = path.last {
                guard top.next < waits[top.index].count else {
                    states[top.index] = .done
                    order.append(top.index)
                    path.removeLast()
                    continue
                }
                path[path.count - 1].next += 1
                let edge = waits[top.index][top.next]
                switch states[edge.first] {
                case .unseen:
                    states[edge.first] = .under
                    path.append((edge.first, 0))
                case .under:
                    // A ring came back to where it began.
                    opened[edge.first, default: []].insert(edge.value)
                    edges[top.index].removeAll { $0.value == edge.value }
                case .done: break
                }
            }
        }
        return (edges, order, opened)
    }
}

/// Values that stand for a moment only, while a ring of unique values is opened.
enum TemporaryValue {
    private static let prefix = "rollcall-"
    private static let domain = "@rollcall.invalid"

    static func name(of source: String) -> String { prefix + Digest.hexadecimal(source).prefix(16) }
    static func mail(_ name: String) -> String { name + domain }

    /// Whether a value is of this making, whoever it stands for.
    static func isOne(_ text: String) -> Bool {
        guard text.hasPrefix(prefix) else { return false }
        let rest = text.dropFirst(prefix.count)
        let hash = rest.hasSuffix(domain) ? rest.dropLast(domain.count) : rest
        return hash.utf8.count == 16
            && hash.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
    }

    /// The same of canonical JSON.
    static func isOne(canonical: String?) -> Bool {
        canonical.flatMap { try? JSONValue(parsing: Array($0.utf8)).string }.map { isOne($0) } ?? false
    }
}
