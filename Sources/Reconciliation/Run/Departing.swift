import Ledger
import Planning

/// Leavers that wait for their end, for the summary.
struct Departing {
    private struct Waiting {
        var count = 0
        var next: (day: String, name: String)?

        mutating func add(_ day: String, _ name: String) {
            count += 1
            if next.map({ day < $0.day }) ?? true { next = (day, name) }
        }
    }

    /// All of them, and those whose term has begun in an earlier run.
    private var all = Waiting()
    private var begun = Waiting()
    private var keepsAccess = 0

    mutating func add(_ drafts: [Draft], hasBegun: Bool) {
        for draft in drafts where draft.keepsAccess || draft.due != nil {
            if draft.keepsAccess { keepsAccess += 1 }
            guard let day = draft.due else { continue }
            all.add(day, draft.name)
            if hasBegun { begun.add(day, draft.name) }
        }
    }

    /// How many wait, the day on which the next term ends, and how many have access until then.
    ///
    /// - Parameter isHeld: whether nothing is written, so that no term begins.
    func figures(isHeld: Bool) -> (waiting: Int, next: String?, withAccess: Int) {
        let waiting = isHeld ? begun : all
        return (waiting.count, waiting.next?.day, keepsAccess)
    }

    /// - Parameter isHeld: whether nothing is written, so that no term begins.
    func notes(isHeld: Bool) -> [String] {
        let waiting = isHeld ? begun : all
        var notes: [String] = []
        if let next = waiting.next {
            notes.append(
                """
                \(counted(waiting.count, "leaver")) waiting for the end of the term, the next on \(next.day) (\
                \(next.name))
                """
            )
        }
        if keepsAccess > 0 {
            notes.append("\(counted(keepsAccess, "leaver")) with access until then, or until somebody ends it")
        }
        return notes
    }
}
