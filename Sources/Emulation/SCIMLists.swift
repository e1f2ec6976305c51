import JSON
import SCIM

/// Lists: filters, sorting, pages by index and by cursor.
extension SCIMService {
    /// A search request's body as the query of a list (RFC 7644, section 3.4.3).
    func search(_ request: EmulatedRequest) throws -> EmulatedRequest {
        var copy = request
        for (name, value) in try body(request).object ?? [:] {
            if let text = value.string { copy.query[name] = text }
            if let number = value.integer { copy.query[name] = String(number) }
            if let names = value.array { copy.query[name] = names.compactMap(\.string).joined(separator: ",") }
        }
        copy.query["schemas"] = nil
        return copy
    }

    mutating func list(_ kinds: [ResourceKind], _ request: EmulatedRequest) throws -> EmulatedResponse {
        var request = request
        var found = try selected(kinds, &request)
        let isWhole = request.query["filter"] == nil
        if options.vendor.refusesStartIndex, request.query["startIndex"] != nil {
            throw SCIMError(status: 400, detail: "startIndex is not supported")
        }
        if let cap = options.vendor.listCap ?? (options.vendor.ignoresCursor ? 50 : nil) {
            found = Array(found.prefix(cap))
        }
        let count = min(max(try Self.number("count", request) ?? options.maxResults, 0), options.maxResults)
        let total = found.count
        if total == 0, isWhole, has(.missingWhenEmpty) {
            meet(.missingWhenEmpty)
            throw SCIMError(status: 404, detail: "nothing was found")
        }
        var document: JSONValue = [
            "schemas": [.string(SchemaURN.listResponse)], "totalResults": .integer(Int64(total)),
        ]
        let start = try habitualStart(start(request, count: count, total: total, &document), total: total)
        if isWhole, has(.unsortedPages), request.query["sortBy"] != "id", start > 0, total > count {
            meet(.unsortedPages)
            found = Array(found.dropFirst(1)) + found.prefix(1)
        }
        var places = Array(found.dropFirst(start).prefix(count))
        if isWhole { try judgeByHabit(&places, request) }
        let page = shown(places, request)
        document["itemsPerPage"] = .integer(Int64(page.count))
        if options.vendor.writesNumbersAsText {
            document["itemsPerPage"] = .string(String(page.count))
            document["startIndex"] = "1"
        }
        // With cursors no total is told.
        if options.cursor, options.vendor.takesMemberLists, request.query["cursor"] != nil {
            document["totalResults"] = nil
        }
        if has(.noTotals) {
            meet(.noTotals)
            document["totalResults"] = nil
        }
        document["Resources"] = .array(page)
        return .json(200, document)
    }

    /// What a request selects, as this server's habits have it; its filter is gone where it is ignored.
    private mutating func selected(_ kinds: [ResourceKind], _ request: inout EmulatedRequest) throws
        -> [(kind: ResourceKind, id: String)]
    {
        let isFiltered = request.query["filter"]?.isEmpty == false
        if isFiltered, has(.failsOnExternalID), request.query["filter"]?.lowercased().hasPrefix("externalid") == true {
            meet(.failsOnExternalID)
            throw SCIMError(status: 500, detail: "an unexpected error occurred")
        }
        if isFiltered, has(.ignoresFilters) {
            meet(.ignoresFilters)
            request.query["filter"] = nil
        }
        var found: [(kind: ResourceKind, id: String)] = []
        for kind in kinds {
            found += try ids(kind, request).filter {
                options.visibleAfter == 0 || (store[kind]?[$0]?.created ?? 0) + options.visibleAfter <= request.now
            }.map { (kind, $0) }
        }
        let isWhole = request.query["filter"] == nil
        if isWhole, !options.leftOut.isEmpty { found.removeAll { options.leftOut.contains($0.id) } }
        if isWhole, has(.hidesInactive) {
            let shown = found.filter { store[$0.kind]?[$0.id]?.document["active"] != false }
            if shown.count < found.count { meet(.hidesInactive) }
            found = shown
        }
        if isFiltered, !isWhole, has(.showsTwice), let first = found.first {
            meet(.showsTwice)
            found.append(first)
        }
        return found
    }

    private static func number(_ name: String, _ request: EmulatedRequest) throws -> Int? {
        guard let text = request.query[name] else { return nil }
        guard let number = Int(text) else {
            throw SCIMError(status: 400, scimType: "invalidValue", detail: "\(name) must be a number")
        }
        return number
    }

    /// Where the page begins, from zero; the document then says where, or how to go on.
    private func start(_ request: EmulatedRequest, count: Int, total: Int, _ document: inout JSONValue) throws -> Int {
        guard options.cursor, let cursor = request.query["cursor"] else {
            let start = max(try Self.number("startIndex", request) ?? 1, 1) - 1
            document["startIndex"] = .integer(Int64(start + 1))
            return start
        }
        guard let position = cursor.isEmpty ? 0 : Int(cursor.dropFirst()) else {
            throw SCIMError(status: 400, scimType: "invalidCursor", detail: "the cursor is unknown")
        }
        if position + count < total { document["nextCursor"] = .string("c\(position + count)") }
        return position
    }

    private mutating func shown(_ places: [(kind: ResourceKind, id: String)], _ request: EmulatedRequest) -> [JSONValue]
    {
        var isCut = false
        let page = places.compactMap { entry -> JSONValue? in
            guard let resource = store[entry.kind]?[entry.id] else { return nil }
            var document = rendered(entry.kind, resource, request)
            if options.listsWithoutMembers { document["members"] = nil }
            if has(.cutsMembers), let members = document["members"]?.array, members.count > 2 {
                isCut = true
                document["members"] = .array(Array(members.prefix(2)))
            }
            return document
        }
        if isCut { meet(.cutsMembers) }
        return page
    }

    /// The ids that a request's filter selects, in the order of creation.
    func ids(_ kind: ResourceKind, _ request: EmulatedRequest) throws -> [String] {
        func visible(_ ids: [String]) -> [String] { ids.filter { id in store[kind]?[id].map(isVisible) ?? false } }
        guard let text = request.query["filter"], !text.isEmpty else { return visible(store[kind]?.order ?? []) }
        guard options.filter else { throw SCIMError(status: 501, detail: "filters are not supported") }
        let filter = try Filter(parsing: text)
        if let known = options.vendor.filterable, case .compare(let path, _, _) = filter,
            !known.contains(path.lowercased())
        {
            throw SCIMError(status: 400, scimType: "invalidFilter", detail: "filtering by \(path) is not supported")
        }
        if case .compare(let path, .eq, .string(let value)) = filter {
            if kind == .user, path.lowercased() == "groups.value" {
                guard !options.vendor.refusesGroupsFilter else {
                    throw SCIMError(status: 400, scimType: "invalidFilter", detail: "groups.value is not supported")
                }
                return (store[.group]?[value]?.document["members"]?.array ?? []).compactMap { $0["value"]?.string }
            }
            if kind == .group, path.lowercased() == "members.value" {
                return (store[.group]?.groups(of: value) ?? []).map(\.id)
            }
        }
        if let shortcut = store[kind]?.shortcut(filter, kind: kind) { return visible(shortcut) }
        let schemas = ResourceSchemas.of(kind)
        let whole = EmulatedRequest(method: "GET", path: "", origin: request.origin)
        return visible(store[kind]?.order ?? []).filter { id in
            guard let resource = store[kind]?[id] else { return false }
            return filter.matches(rendered(kind, resource, whole), isCaseExact: schemas.isCaseExact)
        }
    }
}
