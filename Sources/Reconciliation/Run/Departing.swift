import Ledger

/// Leavers that wait for their end, for the summary.
struct Departing {
    private var count = 0
    private var keepsAccess = 0
    private var next: (day: String, name: String)?

    mutating func add(_ drafts: [Draft]) {
        for draft in drafts where draft.keepsAccess || draft.due != nil {
            if draft.keepsAccess { keepsAccess += 1 }
            guard let day = draft.due else { continue }
            count += 1
            if next.map({ day < $0.day }) ?? true { next = (day, draft.name) }
        }
    }

    var notes: [String] {
        var notes: [String] = []
        if count > 0, let next { notes.append("\(counted(count, "leaver")) waiting for the end of the term, the next on \(next.day) (\(next.name))") }
        if keepsAccess > 0 { notes.append("\(counted(keepsAccess, "leaver")) with access until then, or until somebody ends it") }
        return notes
    }
}
