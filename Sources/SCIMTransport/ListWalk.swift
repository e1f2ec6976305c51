import HTTP
import JSON
import SCIM

/// Where a walk stands, and what it has found.
struct ListWalk {
    private(set) var evidence = ListEvidence()
    private(set) var isOver = false
    /// Whether only a question can tell if the list is whole: its first page came again where a further one was asked
    /// for.
    private(set) var isInDoubt = false
    /// Whether the size of a page is left to the server.
    var omitsCount = false
    /// Whether what this list declares as the total is the length of the page: it then declares nothing, and the walk
    /// ends with an empty page.
    private(set) var totalsCountPages = false
    /// Whether lists of this server were found to do so: the first page is then no end, whatever it declares. Another
    /// list of it may be honest.
    var mayDeclarePages = false
    /// Whether every page so far declared its own length.
    private var mayCountPages = true
    private var hasAskedAgain = false

    private var paging: Paging
    /// The largest page that may be asked for; halved for good where a page is too large.
    private var most: Int
    /// A page's size: what may be asked for, or what fits.
    private var pageSize: Int
    private let bounds: ListBounds
    private var size: Int
    /// Where the next page starts, from 0.
    private var start = 0
    private var cursor = ""
    private var cursors: Set<String> = []
    /// Fingerprints of the ids that came: text would be most of a large list's memory.
    private var seen: Set<Int> = []
    private var second: String?
    private var emptyInARow = 0
    /// By how many the page before was short of what was asked for.
    private var shortBefore = 0
    /// Questions that were asked to find out what makes a page fail, and where the page ends that did.
    private var isolating = 0
    /// Questions that failed one after the other: down to one resource they are few.
    private var failedInARow = 0
    private var isolatedUntil = 0

    private static let mostIsolating = 20
    private static let mostInARow = 11
    private static let mostEmpty = 10
    private static let mostWithoutTotal = 10_000

    init(_ paging: Paging, _ pageSize: Int, _ bounds: ListBounds) {
        self.paging = paging
        most = pageSize
        self.pageSize = bounds.pageSize(pageSize, bounds.bytesEach)
        self.bounds = bounds
        size = self.pageSize
    }

    /// Makes the next pages as large as fits. Where a cursor was given, its pages stay as they were asked for.
    mutating func weigh(_ bytes: Int, _ count: Int) {
        guard count > 0 else { return }
        evidence.bytes += bytes
        evidence.weighed += count
        guard paging == .index, !omitsCount else { return }
        let wanted = bounds.pageSize(most, evidence.bytesEach)
        // Some servers count pages and not places: the size changes only where a page of the new size begins.
        if start % wanted == 0 { pageSize = wanted }
        if start >= isolatedUntil { size = pageSize }
    }

    var question: [(String, String)] {
        let place = paging == .index ? ("startIndex", String(start + 1)) : ("cursor", cursor)
        return omitsCount ? [place] : [place, ("count", String(size))]
    }

    /// Attempts at a question; a piece of a page that failed gets few.
    var attempts: Int? { isolating > 0 && start < isolatedUntil ? 2 : nil }

    /// What the first page that said a total declared.
    private var firstTotal: Int?
    private var number: Int { evidence.pages + 1 }
    private var hasAll: Bool { evidence.declaredTotal.map { evidence.resources >= $0 } ?? false }

    /// What one page brought.
    struct Arrivals {
        var new = 0
        /// Of those, elements without an id.
        var unnamed = 0
        var repeated: [String] = []

        mutating func note(_ id: String?, _ walk: inout ListWalk) {
            guard let id else {
                new += 1
                unnamed += 1
                return
            }
            var hasher = Hasher()
            hasher.combine(id)
            if walk.seen.insert(hasher.finalize()).inserted {
                new += 1
                if walk.evidence.resources + new == 2 { walk.second = id }
            } else {
                repeated.append(id)
            }
        }
    }

    // MARK: pages that come

    mutating func take(_ page: ListPage, _ arrivals: Arrivals) {
        failedInARow = 0
        evidence.pages += 1
        evidence.resources += arrivals.new
        judgeTotals(page, arrivals)
        if let total = page.totalResults, !totalsCountPages {
            if let declared = evidence.declaredTotal, declared != total, evidence.isComplete {
                evidence.note("page \(evidence.pages) declares \(total) in all, an earlier page \(declared)")
            }
            evidence.declaredTotal = total
        }
        // What has no id is nobody's: past its end, a server may fill its pages with it.
        let hasNobodyNew = arrivals.new == 0 || evidence.pages > 1 && arrivals.new == arrivals.unnamed
        if page.count > 0, hasNobodyNew { return endWithNothingNew(arrivals) }
        if let first = arrivals.repeated.first {
            evidence.overlaps = true
            let count = arrivals.repeated.count
            let what = count == 1 ? "the id \(first)" : "\(count) ids, such as \(first),"
            evidence.note("page \(evidence.pages) brings \(what) again: the server's pages overlap")
        }
        switch paging {
        case .cursor: takeCursor(page)
        case .index: takeIndex(page, arrivals)
        }
        if !isOver { judgeSize() }
    }

    /// Two pages of different resources, each of which declares its own length, show what this list's totals are; of a
    /// server that is known for it, an empty page that declares nothing does.
    private mutating func judgeTotals(_ page: ListPage, _ arrivals: Arrivals) {
        guard let total = page.totalResults else { return }
        mayCountPages = mayCountPages && total == page.count
        if totalsCountPages, !mayCountPages {
            totalsCountPages = false
            evidence.note(
                """
                page \(evidence.pages) declares \(total) in all, and the pages before it their own length: the \
                server's totals cannot be trusted
                """
            )
        } else if mayCountPages, evidence.pages == 2, paging == .index,
            page.count > 0 ? arrivals.new == page.count : mayDeclarePages
        {
            totalsCountPages = true
            evidence.declaredTotal = nil
        }
    }

    /// A server that ignores where a page starts, or begins again past the end.
    private mutating func endWithNothingNew(_ arrivals: Arrivals) {
        isOver = true
        if hasAll, evidence.pages == 2, paging == .index, second != nil {
            isInDoubt = true
        } else if !hasAll || evidence.pages == 2 {
            evidence.note(
                """
                page \(evidence.pages) brings nothing new: the server does not go on where it is asked to, and \
                whether there are more, nobody can tell
                """
            )
        }
    }

    /// - Parameter honoursStart: asks for one resource, from the second on.
    mutating func settle(honoursStart: (String) async throws -> Bool) async throws {
        isInDoubt = false
        guard let second, try await !honoursStart(second) else { return }
        evidence.note(
            """
            page 2 brings nothing new: the server does not go on where it is asked to, and whether there are \
            more, nobody can tell
            """
        )
    }

    private mutating func takeCursor(_ page: ListPage) {
        emptyInARow = page.count == 0 ? emptyInARow + 1 : 0
        guard let next = page.nextCursor, emptyInARow <= Self.mostEmpty else {
            if emptyInARow > Self.mostEmpty {
                evidence.note("\(emptyInARow) pages in a row are empty, and there is still a cursor")
            }
            isOver = true
            return
        }
        guard next != cursor, cursors.insert(next).inserted else {
            evidence.note("page \(evidence.pages) names the cursor of an earlier page")
            isOver = true
            return
        }
        cursor = next
        size = pageSize
    }

    private mutating func takeIndex(_ page: ListPage, _ arrivals: Arrivals) {
        guard page.count > 0 else {
            // Where nothing but an empty page tells the end, one that comes too early is asked for once more: it may be
            // a moment's slip.
            if evidence.declaredTotal == nil, evidence.resources < bounds.expected, !hasAskedAgain {
                hasAskedAgain = true
            } else {
                isOver = true
            }
            return
        }
        // The page before lacked as many as this one repeats: the server counts places, and drops what it cannot show.
        let countsPlaces = shortBefore > 0 && arrivals.repeated.count == shortBefore
        if countsPlaces {
            evidence.note("the page before page \(evidence.pages) lacks \(shortBefore) that its total counts")
        }
        start += countsPlaces ? size : page.count
        shortBefore = max(0, size - page.count)
        if start >= isolatedUntil { size = pageSize }
        guard let declared = evidence.declaredTotal, start >= declared else { return }
        // Some servers declare the length of the page as the total. One that was caught is walked to an empty page.
        let isSuspicious =
            evidence.pages == 1
            && (mayDeclarePages || omitsCount && bounds.expected == 0 || page.count >= pageSize
                || declared < bounds.expected)
        if start > declared, evidence.isComplete {
            evidence.note(
                """
                page \(evidence.pages) brought more than the \(declared) that are declared in all: the server's \
                totals cannot be trusted
                """
            )
        }
        if !isSuspicious, evidence.isComplete || evidence.overlaps { isOver = true }
    }

    private mutating func judgeSize() {
        if let declared = evidence.declaredTotal {
            // A total that grows with each page is none.
            let first = firstTotal ?? declared
            firstTotal = first
            let most = min(declared + max(pageSize, 1), 2 * first + 10 * max(pageSize, 100))
            guard evidence.resources > most else { return }
            evidence.note("\(evidence.resources) came of \(first) that are declared in all, and there is no end")
        } else {
            guard evidence.resources >= max(Self.mostWithoutTotal, 3 * bounds.expected) else { return }
            evidence.note("\(evidence.resources) came, and neither a total nor an end")
        }
        isOver = true
    }

    // MARK: pages that fail

    /// Decides what a failed page means: the end, a smaller question, or the end of the whole read, which is thrown.
    mutating func fail(_ failure: SCIMFailure) throws(SCIMFailure) {
        if failure == .tooLarge, size > 1 {
            size /= 2
            most = size
            pageSize = size
            return
        }
        if isEnd(failure) {
            isOver = true
            return
        }
        // A server may have its own size of a page, and refuse to be told one.
        if case .rejected = failure, evidence.pages == 0, start == 0, !omitsCount {
            omitsCount = true
            return
        }
        guard failure.isOfThePage, bounds.isolates else { throw failure }
        guard isolating < Self.mostIsolating else {
            // What came is what can be seen; a server that gave nothing at all has failed.
            guard evidence.pages > 0 else { throw failure }
            evidence.note(
                """
                all from place \(start + 1) on is not seen: \(isolating) questions did not find each resource \
                that makes its page fail (\(failure))
                """
            )
            isOver = true
            return
        }
        isolating += 1
        failedInARow += 1
        // So many halvings reach one resource from a page of a thousand: it is the server that fails.
        if failedInARow > Self.mostInARow {
            // Without a total, it may be how this server says that nothing more is there.
            guard evidence.pages > 0, evidence.declaredTotal == nil else { throw failure }
            evidence.note("all behind place \(start) fails (\(failure)), and no page declared how many there are")
            isOver = true
            return
        }
        if paging == .index { isolatedUntil = max(isolatedUntil, start + size) }
        // Where the server alone says how long a page is, no smaller one can be asked for.
        if size > 1, !omitsCount {
            size /= 2
            return
        }
        if paging == .cursor {
            // A cursor leads past nothing, a place does.
            paging = .index
            start = evidence.resources
        }
        evidence.note("the resource at place \(start + 1) makes its page fail (\(failure)), and is passed over")
        start += 1
        // Whatever else is bad is found by itself.
        size = max(1, min(pageSize, isolatedUntil - start))
        if let declared = evidence.declaredTotal, start >= declared { isOver = true }
    }

    /// Whether a refusal is how this server says that nothing more is there.
    private mutating func isEnd(_ failure: SCIMFailure) -> Bool {
        switch failure {
        // Behind a resource that was passed over, nothing more is there.
        case .notFound where evidence.pages == 0: return bounds.mayBeMissing || start > 0
        case .notFound, .failing: break
        case .rejected(let error) where error.status == 400 || error.status == 416: break
        default: return false
        }
        guard evidence.pages > 0 else { return false }
        if hasAll { return true }
        // Past what is declared, by its places, or behind a short page where nothing is: the end, and not all came. A
        // failure before that may be one resource's.
        let isPast = evidence.declaredTotal.map { start >= $0 } ?? (shortBefore > 0)
        guard isPast || !failure.isOfThePage else { return false }
        let known =
            evidence.declaredTotal.map { "only \(evidence.resources) of \($0) came before it" }
            ?? "no page declared how many there are"
        evidence.note("page \(number) was refused (\(failure)), and \(known)")
        return true
    }

    /// Judges the walk at its end.
    var closed: ListEvidence {
        var copy = evidence
        if let declared = evidence.declaredTotal, declared != evidence.resources {
            copy.note("\(evidence.resources) resources came, \(declared) were declared")
        }
        return copy
    }
}

extension SCIMFailure {
    /// Whether a failure may be that of one list, on a server that answers others.
    public var isOfOneList: Bool {
        switch self {
        case .failing, .malformed, .tooLarge, .unsupported, .rejected, .forbidden: true
        default: false
        }
    }

    /// Whether a failure may be that of one page, or of one resource in it.
    public var isOfThePage: Bool {
        switch self {
        case .failing, .timedOut, .malformed: true
        default: false
        }
    }
}
