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
    public var resources = 0
    public var declaredTotal: Int?
    /// Rules that the walk found broken, each with the page; empty for a complete list.
    public var violations: [String] = []

    public init() {}

    public var isComplete: Bool { violations.isEmpty }
}

extension SCIMConnection {
    /// Walks a whole list, page by page, whatever the server's page size is.
    ///
    /// The walk ends when as many resources came as the server declares, and the declaration must be the same on every page;
    /// an id that comes twice, a total that moves, or a total that a further page disproves, is a violation.
    /// A page beyond the response bound is asked for again with half the count, down to 1.
    ///
    /// - Parameter expected: how many resources there should be at least, as far as the caller knows. A total below it is
    ///   not taken at its word: one more page tells whether it is only the length of the first.
    /// - Parameter body: called for each resource; the view is valid inside it only.
    /// - Parameter pageDone: called after each page, to store what `body` gathered.
    public func list(
        _ path: String, paging: Paging, pageSize: Int, query: [(String, String)] = [], expected: Int = 0, _ body: (JSONView) throws -> Void, pageDone: () throws -> Void = {}
    ) async throws -> ListEvidence {
        var evidence = ListEvidence()
        var size = pageSize
        var cursor = ""
        let parser = JSONParser()
        // A server that never ends is cut off: no directory has this many pages.
        for _ in 0..<1_000_000 {
            var parameters = query
            switch paging {
            case .index: parameters.append(("startIndex", String(evidence.resources + 1)))
            case .cursor: parameters.append(("cursor", cursor))
            }
            parameters.append(("count", String(size)))
            let answer: Answer
            do {
                answer = try await send(.get, path, query: parameters)
            } catch {
                guard error == .tooLarge, size > 1 else { throw error }
                size /= 2
                continue
            }
            let page: ListPage
            do {
                page = try parser.parse(answer.body) { root in try ListPage(root, body) }
            } catch let error as JSONSyntaxError {
                throw SCIMFailure.malformed("\(base)\(path), page \(evidence.pages + 1): \(error)")
            }
            evidence.pages += 1
            evidence.resources += page.count
            if let total = page.totalResults {
                if let declared = evidence.declaredTotal, declared != total, evidence.isComplete {
                    evidence.note("page \(evidence.pages) declares \(total) in all, an earlier page \(declared)")
                }
                evidence.declaredTotal = total
            }
            try pageDone()
            if page.count == 0 { break }
            switch paging {
            case .cursor:
                guard let next = page.nextCursor else { return evidence.closed() }
                if next == cursor { throw SCIMFailure.malformed("\(base)\(path), page \(evidence.pages): the cursor stands still") }
                cursor = next
            case .index:
                if let declared = evidence.declaredTotal, evidence.resources >= declared {
                    // Some servers declare the length of the page as the total. One that was caught is walked to an empty page.
                    let isSuspicious = evidence.pages == 1 && (page.count >= size || declared < expected)
                    if evidence.resources > declared, evidence.isComplete {
                        evidence.note("page \(evidence.pages) brought more than the \(declared) that are declared in all: the server's totals cannot be trusted")
                    }
                    if !isSuspicious, evidence.isComplete { return evidence.closed() }
                }
            }
        }
        return evidence.closed()
    }
}

extension ListEvidence {
    mutating func note(_ violation: String) {
        if !violations.contains(violation), violations.count < 10 { violations.append(violation) }
    }

    /// Judges the walk at its end.
    fileprivate func closed() -> ListEvidence {
        var copy = self
        if let declaredTotal, declaredTotal != resources {
            copy.note("\(resources) resources came, \(declaredTotal) were declared")
        }
        return copy
    }
}
