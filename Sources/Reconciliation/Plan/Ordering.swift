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
        // Waves fall towards the free end: each draft goes before the one that waits for it. Chains are short; the number of
        // drafts bounds the rounds.
        for _ in drafts.indices {
            var isSettled = true
            for index in drafts.indices where !opened.contains(index) {
                // An opened draft takes its final name last, so nothing of its ring waits for that half.
                guard let first = before(index) else { continue }
                if opened.contains(first) { continue }
                if waves[first] >= waves[index] {
                    waves[first] = waves[index] - 1
                    isSettled = false
                }
            }
            // The final half of an opened draft waits for what it takes.
            for index in opened {
                guard let first = before(index) else { continue }
                if waves[first] >= waves[index] {
                    waves[first] = waves[index] - 1
                    isSettled = false
                }
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
}
