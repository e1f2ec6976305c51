import JSON
import Ledger
import SCIM

/// Puts what frees a unique name before what takes it, across the usual order of operations.
struct Ordering {
    let ledger: Ledger

    func arrange() throws {
        let all = try ledger.renamings()
        for kind in ResourceKind.allCases {
            try arrange(all.filter { $0.kind == kind.rawValue }, kind)
        }
    }

    /// Each draft takes at most one name and frees at most one, so the waiting forms chains and rings. A chain is sent from
    /// its free end; a ring is opened by giving one of its members a temporary name first.
    private func arrange(_ drafts: [Ledger.Renaming], _ kind: ResourceKind) throws {
        var freeing: [String: Int] = [:]
        for (index, draft) in drafts.enumerated() {
            if let name = draft.frees { freeing[name] = index }
        }
        /// The draft that must go before the one at `index`.
        func before(_ index: Int) -> Int? {
            guard let name = drafts[index].takes, let other = freeing[name], other != index else { return nil }
            return other
        }
        var waves = drafts.map(\.wave)
        var opened: Set<Int> = []
        for start in drafts.indices {
            // Follow the chain from a draft that waits; a ring comes back to where it began.
            var path: [Int] = []
            var seen: Set<Int> = []
            var current: Int? = start
            while let index = current, seen.insert(index).inserted {
                path.append(index)
                current = opened.contains(index) ? nil : before(index)
            }
            if let index = current, let position = path.firstIndex(of: index) {
                // The members of the ring, opened at the one that comes first.
                let ring = Array(path[position...])
                guard let opener = ring.min() else { continue }
                opened.insert(opener)
            }
        }
        let edges = waiting(drafts, names: before, opened: opened)
        // Waves fall towards the free end: each draft goes before those that wait for it. The waiting has no rings any more,
        // so the number of drafts bounds the rounds.
        for _ in drafts.indices {
            var isSettled = true
            for edge in edges where waves[edge.first] >= waves[edge.then] {
                waves[edge.first] = waves[edge.then] - 1
                isSettled = false
            }
            if isSettled { break }
        }
        let floor = waves.min() ?? 0
        for (index, draft) in drafts.enumerated() where waves[index] != draft.wave { try ledger.move(draft: draft.draft, toWave: waves[index]) }
        for index in opened.sorted() {
            let draft = drafts[index]
            // Derived from the record, so that equal plans stay equal; long enough that nobody bears it.
            let temporary = JSONValue.string("rollcall-\(Digest.hexadecimal(draft.sourceID).prefix(16))").canonical
            try ledger.split(draft: draft.draft, path: kind.nameAttribute, temporary: temporary, firstWave: floor - 1)
        }
    }

    private struct Edge {
        let first: Int
        let then: Int
    }

    /// Who goes before whom: by names, whose rings were opened (nobody waits for the final half of an opened rename, since its
    /// first half has freed the name), and by e-mail addresses where that closes no ring. A ring of addresses stays: a target
    /// that refuses it says so for each record.
    private func waiting(_ drafts: [Ledger.Renaming], names before: (Int) -> Int?, opened: Set<Int>) -> [Edge] {
        var edges = drafts.indices.compactMap { index in before(index).flatMap { opened.contains($0) ? nil : Edge(first: $0, then: index) } }
        var followers: [Int: [Int]] = [:]
        for edge in edges { followers[edge.first, default: []].append(edge.then) }
        func leads(from start: Int, to goal: Int) -> Bool {
            var seen: Set<Int> = []
            var open = [start]
            while let index = open.popLast() {
                if index == goal { return true }
                if seen.insert(index).inserted { open += followers[index] ?? [] }
            }
            return false
        }
        var freeing: [String: Int] = [:]
        for (index, draft) in drafts.enumerated() { if let mail = draft.freesMail { freeing[mail] = index } }
        for (index, draft) in drafts.enumerated() {
            guard let mail = draft.takesMail, let first = freeing[mail], first != index, !leads(from: index, to: first) else { continue }
            edges.append(Edge(first: first, then: index))
            followers[first, default: []].append(index)
        }
        return edges
    }
}
