import JSON

/// Pages of lists, in both ways of paging, and what goes wrong with them.
extension IDaaSService {
    // MARK: pages

    mutating func page(
        _ list: IDaaSFault.List, _ select: Selection, _ query: [String: String], isManagement: Bool, name: String,
        group: String? = nil
    ) -> EmulatedResponse {
        func parameter(_ name: String) -> String? {
            query[isManagement ? name : name.prefix(1).lowercased() + name.dropFirst()]
        }
        // By token: users of the management API where it knows tokens, groups and members of the developer API.
        let takesTokens =
            isManagement ? list == .users && options.pagesUsersByToken : list == .groups || list == .members
        let isByToken =
            takesTokens && (!isManagement || parameter("MaxResults") != nil || parameter("NextToken") != nil)
        guard let asked = (isByToken ? parameter("MaxResults") : parameter("PageSize")).map({ Int($0) }) ?? 20,
            asked > 0
        else { return invalid(isByToken ? "MaxResults" : "PageSize", isManagement) }
        if options.refusesLargePages, asked > options.mostPerPage {
            return invalid(isByToken ? "MaxResults" : "PageSize", isManagement)
        }
        let size = min(asked, options.mostPerPage)
        var number = 1
        var after = 0
        let token = isByToken ? parameter("NextToken") : nil
        if let token, !token.isEmpty {
            // Position and number of the page, which faults are counted by.
            let parts = token.dropFirst(2).split(separator: "x").compactMap { Int($0, radix: 16) }
            guard token.hasPrefix("NT"), parts.count == 2 else { return invalid("NextToken", isManagement) }
            (after, number) = (parts[0], parts[1])
        } else if !isByToken, let text = parameter("PageNumber") {
            guard let given = Int(text), given > 0 else { return invalid("PageNumber", isManagement) }
            number = given
        }
        let faults = take(list, number)
        if let refusal = refused(faults, isManagement, hasToken: token != nil) { return refusal }
        for fault in faults { disturb(fault, list, group) }

        let all = select(self)
        var (shown, next) = cut(all, list, isByToken: isByToken, after: after, number: number, size: size)
        if faults.contains(.lostPage) { shown = [] }
        if faults.contains(.repeatedToken) {
            if isByToken {
                next = token ?? next
            } else if number > 1 {
                shown = Array(all.dropFirst((number - 2) * size).prefix(size))
            }
        }
        var items = shown.map { render(list, $0, isManagement) }
        if faults.contains(.contradiction), number > 1, let first = all.first, list == .users || list == .groups {
            var copy = render(list, first, isManagement)
            copy[list == .users ? "displayName" : "description"] = "Not what it was"
            items.append(copy)
        }
        var document: JSONValue = ["totalCount": .integer(Int64(all.count + (faults.contains(.totalDrift) ? 1 : 0)))]
        document[isManagement ? name.prefix(1).lowercased() + name.dropFirst() : "data"] = .array(items)
        if isByToken {
            document["maxResults"] = .integer(Int64(size))
            if let next { document["nextToken"] = .string(next) } else if !isManagement { document["nextToken"] = "" }
        }
        return answered(document, faults, isManagement)
    }

    /// What of a list is on a page, and the token of the next one.
    private func cut(
        _ all: [String], _ list: IDaaSFault.List, isByToken: Bool, after: Int, number: Int, size: Int
    ) -> (shown: [String], next: String?) {
        guard isByToken else { return (Array(all.dropFirst((number - 1) * size).prefix(size)), nil) }
        let shown =
            list == .members ? Array(all.dropFirst(after).prefix(size)) : Array(created(after: after, all).prefix(size))
        guard let last = shown.last else { return (shown, nil) }
        let place = list == .members ? after + shown.count : directory.ordinals[last] ?? 0
        let isEnd = list == .members ? place >= all.count : created(after: place, all).isEmpty
        return (shown, isEnd ? nil : "NT\(String(place, radix: 16))x\(String(number + 1, radix: 16))")
    }

    /// The refusal that faults make of a request for a page; nil where it is answered.
    private mutating func refused(_ faults: Set<IDaaSFault.Kind>, _ isManagement: Bool, hasToken: Bool)
        -> EmulatedResponse?
    {
        if faults.contains(.serverError) {
            return isManagement
                ? refuse(500, "InternalError", "The request processing has failed due to some unknown error.")
                : oauth(503, "ServiceUnavailable", "try later")
        }
        if faults.contains(.throttled) { return throttled(isManagement: isManagement) }
        guard faults.contains(.expiredToken) else { return nil }
        if !isManagement {
            issued = [:]
            return oauth(400, "invalid_token", "Access token is not valid")
        }
        return hasToken ? invalid("NextToken", isManagement) : nil
    }

    private func answered(_ page: JSONValue, _ faults: Set<IDaaSFault.Kind>, _ isManagement: Bool) -> EmulatedResponse {
        var document = page
        if isManagement { document["requestId"] = .string(requestID) }
        var response = EmulatedResponse.json(
            200, isManagement ? IDaaSRecords.upperCamel(document) : document, type: "application/json")
        if faults.contains(.truncated) { response.body = Array(response.body.prefix(response.body.count / 2)) }
        if faults.contains(.slow) { response.delay = 120 }
        return response
    }

    /// What of a list was created after a place in the order of creation, in that order: what a token stands for.
    func created(after ordinal: Int, _ all: [String]) -> ArraySlice<String> {
        func place(_ id: String) -> Int { directory.ordinals[id] ?? 0 }
        guard directory.isInOrderOfCreation else {
            return all.filter { place($0) > ordinal }.sorted { place($0) < place($1) }[...]
        }
        var (low, high) = (0, all.count)
        while low < high {
            let middle = (low + high) / 2
            if place(all[middle]) <= ordinal { low = middle + 1 } else { high = middle }
        }
        return all[low...]
    }

    func invalid(_ name: String, _ isManagement: Bool) -> EmulatedResponse {
        isManagement
            ? refuse(400, "InvalidParameter.\(name)", "The specified parameter:\(name) is invalid.")
            : oauth(400, "InvalidParameter.\(name)", "The specified parameter:\(name) is invalid.")
    }

    func render(_ list: IDaaSFault.List, _ id: String, _ isManagement: Bool) -> JSONValue {
        let records = IDaaSRecords(directory: directory, options: options)
        switch list {
        case .users: return records.listed(user: id, isManagement: isManagement)
        case .groups: return records.group(id)
        case .units:
            var unit = records.unit(id, isManagement: isManagement)
            if options.hidesParents { unit["parentId"] = nil }
            return unit
        case .lookUps: return .null
        case .members:
            var member: JSONValue = ["userId": .string(id)]
            if isManagement {
                member["groupMemberRelationSourceType"] = "build_in"
                member["groupMemberRelationSourceId"] = .string(options.instance)
            } else {
                member["instanceId"] = .string(options.instance)
            }
            return member
        }
    }

    // MARK: faults

    /// The faults of a page, each counted down.
    mutating func take(_ list: IDaaSFault.List, _ page: Int) -> Set<IDaaSFault.Kind> {
        var kinds: Set<IDaaSFault.Kind> = []
        for index in options.faults.indices
        where options.faults[index].list == list && options.faults[index].page == page
            && options.faults[index].times > 0
        {
            kinds.insert(options.faults[index].kind)
            if options.faults[index].times != Int.max, options.faults[index].kind != .unknownMember {
                options.faults[index].times -= 1
            }
        }
        return kinds
    }

    /// What goes wrong with a look-up; nil for nothing.
    mutating func spoiltLookUp(isManagement: Bool) -> EmulatedResponse? {
        lookUps += 1
        let faults = take(.lookUps, lookUps)
        if faults.contains(.truncated) {
            return EmulatedResponse(
                status: 200, headers: [("Content-Type", "application/json")],
                body: Array("{\"User\":{\"UserId\":\"us".utf8))
        }
        if faults.contains(.serverError) {
            return isManagement
                ? refuse(500, "InternalError", "The request processing has failed.")
                : oauth(500, "Internal Server Error", "try later")
        }
        if faults.contains(.throttled) { return throttled(isManagement: isManagement) }
        return nil
    }

    /// Changes the directory under the reader's eyes.
    mutating func disturb(_ fault: IDaaSFault.Kind, _ list: IDaaSFault.List, _ group: String?) {
        let comes = fault == .insert || fault == .swap
        let goes = fault == .delete || fault == .swap
        guard comes || goes else { return }
        let id = "new\(serial)"
        switch list {
        case .users:
            if goes, let first = directory.userOrder.first { directory.remove(user: first) }
            if comes {
                directory.put(
                    user: [
                        "userId": .string("user_\(id)"), "username": .string(id), "displayName": "New Comer",
                        "status": "enabled",
                    ], first: fault == .insert)
            }
        case .groups:
            if goes, let first = directory.groupOrder.first { directory.remove(group: first) }
            if comes { directory.put(group: ["groupId": .string("group_\(id)"), "groupName": .string(id)]) }
        case .members:
            guard let group, var members = directory.members[group] else { return }
            if goes, !members.isEmpty { members.removeFirst() }
            if comes, let outsider = directory.userOrder.first(where: { !members.contains($0) }) {
                if fault == .insert { members.insert(outsider, at: 0) } else { members.append(outsider) }
            }
            directory.set(members: members, of: group)
        case .units:
            if goes, let first = directory.unitOrder.first(where: { $0 != directory.root }) {
                directory.remove(unit: first)
            }
            if comes {
                directory.put(unit: [
                    "organizationalUnitId": .string("ou_\(id)"), "organizationalUnitName": .string(id),
                ])
            }
        case .lookUps: break
        }
    }
}
