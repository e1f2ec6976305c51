import JSON

/// One list, walked page by page, and what the walk proves.
struct ListWalk {
    /// Pages that arrived.
    private(set) var pages = 0
    /// Items that came, repeated ones included, and distinct ones.
    private(set) var items = 0
    private(set) var distinct = 0
    private(set) var total: Int?
    /// The rules that the walk broke, each with its page.
    private(set) var violations: [String] = []

    private let list: IDaaSList
    private let connection: IDaaSConnection

    /// No directory has more pages; a service that never ends is cut off.
    private static let mostPages = 1_000_000

    init(_ list: IDaaSList, _ connection: IDaaSConnection) {
        self.list = list
        self.connection = connection
    }

    /// Walks the list to its end. Throws `DirectoryFailure` where the source stops answering; all else is a violation.
    ///
    /// - Parameter body: takes an item and says how it arrived in this list.
    mutating func walk(_ body: (JSONView) throws -> Arrival) async throws {
        var page = IDaaSPage.first
        var tokens: Set<String> = []
        for number in 1...Self.mostPages {
            guard let came = try await fetch(page, number, body) else { return }
            pages = number
            items += came.items
            if let declared = came.total {
                if let total, total != declared {
                    violate(number, "declares \(declared) in all, an earlier page \(total)")
                }
                total = declared
            } else {
                violate(number, "declares no total")
            }
            let isWhole = total.map { items >= $0 } ?? (came.items == 0)
            if came.items == 0, !isWhole {
                violate(number, "is empty, and \(items) of \(total.map(String.init) ?? "?") came before it")
            }
            // Whatever its tokens say: a list that gives nothing more, or more than it can have, has no end of its own.
            if came.items == 0 { break }
            if let total, items > total + 1000 {
                violate(number, "brings \(items) of the \(total) that are declared in all")
                break
            }
            if let token = came.next {
                guard tokens.insert(token).inserted else {
                    violate(number, "repeats the token of an earlier page")
                    break
                }
                page = .token(token)
            } else if came.isByToken {
                break
            } else if isWhole {
                break
            } else {
                page = .number(number + 1)
            }
        }
        if let total, total != distinct {
            violations.append(
                "\(list.name): \(distinct) came on \(pages) page\(pages == 1 ? "" : "s"), \(total) were declared")
        }
    }

    private mutating func fetch(_ page: IDaaSPage, _ number: Int, _ body: (JSONView) throws -> Arrival) async throws
        -> IDaaSConnection.Page?
    {
        var why = ""
        for _ in 1...IDaaSConnection.attempts {
            var nameless = 0
            var twice: String?
            var changed: String?
            var fresh = 0
            let answer = try await connection.page(list, page, number: number) { item in
                switch try body(item) {
                case .new: fresh += 1
                case .repeated: twice = Self.id(item, connection.api.style)
                case .contradicting: changed = Self.id(item, connection.api.style)
                case .nameless: nameless += 1
                }
            }
            switch answer {
            case .value(let came):
                distinct += fresh
                if let twice { violate(number, "repeats \(twice)") }
                if let changed { violate(number, "has \(changed) with another content than before") }
                if nameless > 0 { violate(number, "has \(nameless) without an id that can be one") }
                return came
            case .malformed(let reason): why = "cannot be read: \(reason)"
            case .refused(let error):
                why = "was refused: \(error)"
                // A first page of everything that is refused is no moving list; a group may be gone since it was
                // listed.
                if number == 1, list == .users || list == .groups {
                    throw DirectoryFailure.broken("\(list.name), page 1 \(why)")
                }
            }
            if case .refused = answer { break }
        }
        violate(number, why)
        return nil
    }

    private mutating func violate(_ page: Int, _ rule: String) {
        if violations.count < 5 { violations.append("\(list.name), page \(page): \(rule)") }
    }

    private static func id(_ item: JSONView, _ style: FieldStyle) -> String {
        for name in ["userId", "groupId", "organizationalUnitId"] {
            if let id = item.field(name, style)?.string { return id }
        }
        return "a record"
    }
}
