import HTTP
import JSON
import SCIM

/// How a list is walked.
public enum Paging: Hashable, Sendable {
    /// `startIndex` and `count` (RFC 7644, section 3.4.2.4).
    case index
    /// `cursor` and `count` (RFC 9865).
    case cursor
}

/// Why a list is believed to be whole, or what speaks against it.
public struct ListEvidence: Hashable, Sendable {
    public var pages = 0
    /// Resources that came, each id once; those without an id are counted too.
    public var resources = 0
    public var declaredTotal: Int?
    /// Rules that the walk found broken, each with the page; empty for a complete list.
    public var violations: [String] = []
    /// Whether pages overlapped: an order that the server is asked to keep may cure that.
    public var overlaps = false
    /// Bytes of all pages, and resources that they held, also those that came before.
    var bytes = 0
    var weighed = 0
    /// Bytes that a resource had on an average; 0 for an empty list.
    public var bytesEach: Int { weighed > 0 ? bytes / weighed : 0 }

    public init() {}

    public var isComplete: Bool { violations.isEmpty }

    mutating func note(_ violation: String) {
        if !violations.contains(violation), violations.count < 10 { violations.append(violation) }
    }
}

/// What a list may ask beside its pages.
public struct ListBounds: Hashable, Sendable {
    /// How many resources there should be at least, as far as the caller knows.
    public var expected = 0
    /// Whether 404 on the first page means that nothing is there: the caller knows that the base URL is right.
    public var mayBeMissing = false
    /// Whether a page that fails is asked for again in smaller pieces, down to the one resource that makes it fail.
    public var isolates = true
    /// Bytes that a resource is likely to have: the first page is no larger than fits. 0 where it is not known.
    public var bytesEach = 0

    /// Bytes of a page that is worth asking for: a page is in memory as a whole, and groups may have many members.
    public static let mostPageBytes = 8 << 20

    public init(expected: Int = 0, mayBeMissing: Bool = false, isolates: Bool = true, bytesEach: Int = 0) {
        self.expected = expected
        self.mayBeMissing = mayBeMissing
        self.isolates = isolates
        self.bytesEach = bytesEach
    }

    /// Resources of a page that fits: all that may be asked for, or a whole part of it. Ten at least, since a page that
    /// one resource makes heavy is as heavy in any size.
    func pageSize(_ most: Int, _ bytesEach: Int) -> Int {
        let fits = bytesEach > 0 ? max(Self.leastPage, Self.mostPageBytes / bytesEach) : .max
        guard most > fits else { return max(1, most) }
        return most / ((most + fits - 1) / fits)
    }

    private static let leastPage = 10
}

extension SCIMConnection {
    /// Walks a whole list, page by page, whatever the server's page size is, and always comes to an end.
    ///
    /// The walk ends when as many resources came as the server declares, and the declaration must be the same on every
    /// page. It also ends with a page that brings nothing new, with a cursor that comes again, after ten empty pages,
    /// after more than is declared and a page, without a total at three times what is expected (10,000 at least), and
    /// with a refusal once what was declared has come. Whatever speaks against the list being whole is a violation. A
    /// page that is too large is asked for again with half the count; so is one that fails, down to the resource that
    /// makes it fail, which is passed over and named: by its place, where the list was walked by cursor.
    ///
    /// - Parameter body: called for each resource, also for one that came before; the view is valid inside it only.
    /// - Parameter pageDone: called after each page, to store what `body` gathered.
    public func list(
        _ path: String, paging: Paging, pageSize: Int, query: [(String, String)] = [],
        bounds: ListBounds = ListBounds(), _ body: (ShownResource) throws -> Void, pageDone: () throws -> Void = {}
    ) async throws -> ListEvidence {
        var walk = ListWalk(paging, pageSize, bounds)
        if dialect.has(.noCount) { walk.omitsCount = true }
        walk.mayDeclarePages = dialect.has(.pageTotals)
        let parser = JSONParser()
        while !walk.isOver {
            var arrivals = ListWalk.Arrivals()
            let page: ListPage
            let bytes: Int
            do {
                let answer = try await send(.get, path, query: query + walk.question, attempts: walk.attempts)
                bytes = answer.body.count
                page = try parser.parse(answer.body) { root in
                    try ListPage(root) { view in
                        let resource = ShownResource(view, dialect)
                        arrivals.note(resource.id, &walk)
                        try body(resource)
                    }
                }
            } catch let failure as SCIMFailure {
                try walk.fail(failure)
                continue
            } catch let error as JSONSyntaxError {
                try walk.fail(.malformed("\(base)\(path), page \(walk.evidence.pages + 1): \(error)"))
                continue
            }
            if walk.omitsCount { dialect.note(.noCount) }
            walk.take(page, arrivals)
            walk.weigh(bytes, page.count)
            if walk.totalsCountPages { dialect.note(.pageTotals) }
            try pageDone()
            if walk.isInDoubt { try await walk.settle(honoursStart: honoursStart(path, query)) }
        }
        return walk.closed
    }

    /// Whether a server gives the second resource when it is asked to start there.
    private func honoursStart(_ path: String, _ query: [(String, String)]) async throws -> (String) async throws -> Bool
    {
        { second in
            let answer = try await send(
                .get, path, query: query + [("startIndex", "2")] + (dialect.has(.noCount) ? [] : [("count", "1")]))
            var ids: [String] = []
            _ = try? JSONParser().parse(answer.body) { root in
                try ListPage(root) { view in if let id = ShownResource(view).id { ids.append(id) } }
            }
            return ids.first == second
        }
    }
}
