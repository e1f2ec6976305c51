import JSON

/// Alibaba Cloud IDaaS (EIAM) as a pure state machine: its management API at `/` and its developer API at `/v2/…`, as their
/// public descriptions have them. A copy is a snapshot.
public struct IDaaSService: Sendable {
    public var options: IDaaSOptions {
        didSet { visible = [:] }
    }
    public var directory: IDaaSDirectory {
        didSet { visible = [:] }
    }
    /// Requests by operation, such as `ListUsers`; of the developer API with `dev.` before it.
    public private(set) var counters: [String: Int] = [:]

    private var nonces: [String: Double] = [:]
    private var issued: [String: (application: String, expires: Double)] = [:]
    private var serial = 0
    private var lookUps = 0
    /// What each application may see, until the directory or the options change.
    private var visible: [String: [String]] = [:]

    public init(directory: IDaaSDirectory = IDaaSDirectory(), options: IDaaSOptions = IDaaSOptions()) {
        self.directory = directory
        self.options = options
    }

    public var requests: Int { counters.values.reduce(0, +) }

    /// Whether a request is for this service.
    public static func serves(_ path: String) -> Bool { path == "/" || path.isEmpty || path.hasPrefix("/v2/idaas_") }

    public mutating func handle(_ request: EmulatedRequest) -> EmulatedResponse {
        serial += 1
        let now = request.now + options.clockOffset
        var response = request.path.hasPrefix("/v2/") ? developer(request, now: now) : management(request, now: now)
        response.headers.append(("Date", EmulatedClock.httpDate(now)))
        return response
    }

    private var requestID: String {
        let digits = Array(Digest.hexadecimal("request \(serial)").prefix(32).uppercased())
        return [0..<8, 8..<12, 12..<16, 16..<20, 20..<32].map { String(digits[$0]) }.joined(separator: "-")
    }

    private var isThrottled: Bool { options.throttlesEvery.map { serial % max($0, 1) == 0 } ?? false }

    // MARK: management API

    private func refuse(_ status: Int, _ code: String, _ message: String) -> EmulatedResponse {
        .json(
            status,
            ["RequestId": .string(requestID), "HostId": "eiam.local", "Code": .string(code), "Message": .string(message), "Recommend": "https://api.alibabacloud.example/troubleshoot"],
            type: "application/json")
    }

    private func throttled(isManagement: Bool) -> EmulatedResponse {
        var response =
            isManagement
            ? refuse(400, "Throttling.User", "Request was denied due to user flow control.") : oauth(400, "Throttling.Api", "Request was denied due to api flow control.")
        response.headers.append(("x-acs-retry-after", String(options.throttleMilliseconds)))
        return response
    }

    private mutating func management(_ request: EmulatedRequest, now: Double) -> EmulatedResponse {
        let action = request.headers["x-acs-action"] ?? ""
        counters[action.isEmpty ? "unknown" : action, default: 0] += 1
        do {
            guard request.method == "GET" || request.method == "POST" else { return refuse(405, "UnsupportedHTTPMethod", "\(request.method) is not supported.") }
            try RequestSignature.verify(request, options, nonces: &nonces, now: now)
        } catch let refusal as RequestSignature.Refusal {
            return refuse(refusal.status, refusal.code, refusal.message)
        } catch {
            return refuse(500, "InternalError", "\(error)")
        }
        if isThrottled { return throttled(isManagement: true) }
        if action.hasPrefix("Get"), let spoilt = spoiltLookUp(isManagement: true) { return spoilt }
        guard request.headers["x-acs-version"] == "2021-12-01" else { return refuse(404, "InvalidVersion", "Specified parameter Version is not valid.") }
        if options.deniedActions.contains(action) { return refuse(403, "NoPermission", "You are not authorized to perform this action: eiam:\(action).") }
        var query = request.query.merging(EmulatedRequest.form(String(decoding: request.body, as: UTF8.self))) { query, _ in query }
        guard let instance = query.removeValue(forKey: "InstanceId") else { return refuse(400, "MissingParameter.InstanceId", "The specified parameter:InstanceId is required!") }
        guard instance == options.instance else { return refuse(404, "ResourceNotFound.Instance", "The specified Instance resource: \(instance) not found.") }
        return operation(action, query, origin: request.origin) ?? refuse(404, "InvalidApi.NotFound", "Specified api is not found, please check your url and method.")
    }

    private mutating func operation(_ action: String, _ query: [String: String], origin: String) -> EmulatedResponse? {
        switch action {
        case "ListUsers": return page(.users, users(matching: query), query, isManagement: true, name: "Users")
        case "ListGroups": return page(.groups, groups(matching: query), query, isManagement: true, name: "Groups")
        case "ListOrganizationalUnits": return page(.units, units(matching: query), query, isManagement: true, name: "OrganizationalUnits")
        case "ListUsersForGroup":
            guard let group = query["GroupId"] else { return refuse(400, "MissingParameter.GroupId", "The specified parameter:GroupId is required!") }
            guard directory.groups[group] != nil else { return missing("Group", group) }
            return page(.members, { $0.listedMembers(group) }, query, isManagement: true, name: "Users", group: group)
        case "ListGroupsForUser":
            guard let user = query["UserId"], directory.users[user] != nil else { return missing("User", query["UserId"] ?? "") }
            return page(.groups, { $0.directory.groups(of: user) }, query, isManagement: true, name: "Groups")
        case "GetUser": return single("User", query["UserId"], directory.users) { IDaaSRecords(directory: directory, options: options).whole(user: $0, isManagement: true) }
        case "GetGroup": return single("Group", query["GroupId"], directory.groups) { IDaaSRecords(directory: directory, options: options).group($0) }
        case "GetOrganizationalUnit":
            return single("OrganizationalUnit", query["OrganizationalUnitId"].map(unaliased), directory.units) {
                IDaaSRecords(directory: directory, options: options).unit($0, isManagement: true)
            }
        case "GetRootOrganizationalUnit":
            return single("OrganizationalUnit", directory.root, directory.units) { IDaaSRecords(directory: directory, options: options).unit($0, isManagement: true) }
        case "GetApplicationProvisioningScope", "GetApplicationProvisioningConfig":
            guard let id = query["ApplicationId"], let application = options.applications[id] else { return missing("Application", query["ApplicationId"] ?? "") }
            return action == "GetApplicationProvisioningScope" ? scope(of: application, isManagement: true) : config(of: id, application, origin)
        default: return nil
        }
    }

    private func missing(_ type: String, _ id: String) -> EmulatedResponse { refuse(404, "ResourceNotFound.\(type)", "The specified \(type) resource: \(id) not found.") }

    private func single(_ type: String, _ id: String?, _ store: [String: JSONValue], _ render: (String) -> JSONValue) -> EmulatedResponse {
        guard let id else { return refuse(400, "MissingParameter.\(type)Id", "The specified parameter:\(type)Id is required!") }
        guard store[id] != nil else { return missing(type, id) }
        return .json(200, ["RequestId": .string(requestID), .init(type): IDaaSRecords.upperCamel(render(id))], type: "application/json")
    }

    private func array(_ name: String, _ query: [String: String]) -> [String]? {
        let values = (1...200).compactMap { query["\(name).\($0)"] }
        return values.isEmpty ? nil : values
    }

    /// The ids that a query selects; asked again after a fault has changed the directory.
    private typealias Selection = (IDaaSService) -> [String]

    private func users(matching query: [String: String]) -> Selection {
        let names = ["UsernameStartsWith", "DisplayNameStartsWith", "Email", "PhoneRegion", "PhoneNumber", "UserExternalId", "Status", "OrganizationalUnitId"]
        let ids = array("UserIds", query)
        guard ids != nil || names.contains(where: { query[$0] != nil }) else { return { $0.directory.userOrder } }
        return { service in
            let directory = service.directory
            let units = query["OrganizationalUnitId"].map { unit -> Set<String> in
                let unit = service.unaliased(unit)
                return service.options.unitListsAreDeep ? directory.subtree(unit) : [unit]
            }
            let wanted = ids.map { Set($0) }
            return directory.userOrder.filter { id in
                guard let user = directory.users[id] else { return false }
                func text(_ name: String) -> String { user[name]?.string ?? "" }
                if let wanted, !wanted.contains(id) { return false }
                if let units, units.isDisjoint(with: directory.unitsOfUser[id] ?? []) { return false }
                if let start = query["UsernameStartsWith"], !text("username").hasPrefix(start) { return false }
                if let start = query["DisplayNameStartsWith"], !text("displayName").hasPrefix(start) { return false }
                for (name, field) in [("Email", "email"), ("PhoneRegion", "phoneRegion"), ("PhoneNumber", "phoneNumber"), ("UserExternalId", "userExternalId"), ("Status", "status")] {
                    if let value = query[name], text(field) != value { return false }
                }
                return true
            }
        }
    }

    private func groups(matching query: [String: String]) -> Selection {
        let ids = array("GroupIds", query).map { Set($0) }
        return { service in
            if service.options.hidesGroups { return [] }
            return service.directory.groupOrder.filter { id in
                let name = service.directory.groups[id]?["groupName"]?.string ?? ""
                if let ids, !ids.contains(id) { return false }
                if let exact = query["GroupName"], name != exact { return false }
                if let start = query["GroupNameStartsWith"], !name.hasPrefix(start) { return false }
                return true
            }
        }
    }

    private func units(matching query: [String: String]) -> Selection {
        { service in
            let parent = query["ParentId"].map(service.unaliased)
            let ids = service.array("OrganizationalUnitIds", query).map { Set($0) }
            if service.options.hidesUnits { return [] }
            return service.directory.unitOrder.filter { id in
                if let parent, service.directory.units[id]?["parentId"]?.string != parent { return false }
                return ids.map { $0.contains(id) } ?? true
            }
        }
    }

    /// `ou_root` stands for the root, whatever its id.
    private func unaliased(_ unit: String) -> String { unit == "ou_root" ? directory.root : unit }

    private func listedMembers(_ group: String) -> [String] {
        if options.hidesMembers { return [] }
        let isGhostly = options.faults.contains { $0.kind == .unknownMember && $0.times > 0 }
        return (directory.members[group] ?? []) + (isGhostly && group == directory.groupOrder.first ? ["user_ghost2345abcdefghijklmnop"] : [])
    }

    // MARK: pages

    private mutating func page(_ list: IDaaSFault.List, _ select: Selection, _ query: [String: String], isManagement: Bool, name: String, group: String? = nil) -> EmulatedResponse {
        func parameter(_ name: String) -> String? { query[isManagement ? name : name.prefix(1).lowercased() + name.dropFirst()] }
        // By token: users of the management API where it knows tokens, groups and members of the developer API.
        let takesTokens = isManagement ? list == .users && options.pagesUsersByToken : list == .groups || list == .members
        let isByToken = takesTokens && (!isManagement || parameter("MaxResults") != nil || parameter("NextToken") != nil)
        guard let asked = (isByToken ? parameter("MaxResults") : parameter("PageSize")).map({ Int($0) }) ?? 20, asked > 0 else { return invalid(isByToken ? "MaxResults" : "PageSize", isManagement) }
        if options.refusesLargePages, asked > options.mostPerPage { return invalid(isByToken ? "MaxResults" : "PageSize", isManagement) }
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
        if faults.contains(.serverError) {
            return isManagement ? refuse(500, "InternalError", "The request processing has failed due to some unknown error.") : oauth(503, "ServiceUnavailable", "try later")
        }
        if faults.contains(.throttled) { return throttled(isManagement: isManagement) }
        if faults.contains(.expiredToken) {
            if !isManagement {
                issued = [:]
                return oauth(400, "invalid_token", "Access token is not valid")
            }
            if token != nil { return invalid("NextToken", isManagement) }
        }
        for fault in faults { disturb(fault, list, group) }

        let all = select(self)
        var shown: [String]
        if isByToken, list != .members {
            shown = Array(created(after: after, all).prefix(size))
        } else {
            let start = isByToken ? after : (number - 1) * size
            shown = Array(all.dropFirst(start).prefix(size))
        }
        var next: String?
        if isByToken, let last = shown.last {
            let place = list == .members ? after + shown.count : directory.ordinals[last] ?? 0
            let isEnd = list == .members ? place >= all.count : created(after: place, all).isEmpty
            if !isEnd { next = "NT\(String(place, radix: 16))x\(String(number + 1, radix: 16))" }
        }
        if faults.contains(.lostPage) { shown = [] }
        if faults.contains(.repeatedToken) {
            if isByToken { next = token ?? next } else if number > 1 { shown = Array(all.dropFirst((number - 2) * size).prefix(size)) }
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
        if isManagement { document["requestId"] = .string(requestID) }
        var response = EmulatedResponse.json(200, isManagement ? IDaaSRecords.upperCamel(document) : document, type: "application/json")
        if faults.contains(.truncated) { response.body = Array(response.body.prefix(response.body.count / 2)) }
        if faults.contains(.slow) { response.delay = 120 }
        return response
    }

    /// What of a list was created after a place in the order of creation, in that order: what a token stands for.
    private func created(after ordinal: Int, _ all: [String]) -> ArraySlice<String> {
        func place(_ id: String) -> Int { directory.ordinals[id] ?? 0 }
        guard directory.isInOrderOfCreation else { return all.filter { place($0) > ordinal }.sorted { place($0) < place($1) }[...] }
        var (low, high) = (0, all.count)
        while low < high {
            let middle = (low + high) / 2
            if place(all[middle]) <= ordinal { low = middle + 1 } else { high = middle }
        }
        return all[low...]
    }

    private func invalid(_ name: String, _ isManagement: Bool) -> EmulatedResponse {
        isManagement ? refuse(400, "InvalidParameter.\(name)", "The specified parameter:\(name) is invalid.") : oauth(400, "InvalidParameter.\(name)", "The specified parameter:\(name) is invalid.")
    }

    private func render(_ list: IDaaSFault.List, _ id: String, _ isManagement: Bool) -> JSONValue {
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
    private mutating func take(_ list: IDaaSFault.List, _ page: Int) -> Set<IDaaSFault.Kind> {
        var kinds: Set<IDaaSFault.Kind> = []
        for index in options.faults.indices where options.faults[index].list == list && options.faults[index].page == page && options.faults[index].times > 0 {
            kinds.insert(options.faults[index].kind)
            if options.faults[index].times != Int.max, options.faults[index].kind != .unknownMember { options.faults[index].times -= 1 }
        }
        return kinds
    }

    /// What goes wrong with a look-up; nil for nothing.
    private mutating func spoiltLookUp(isManagement: Bool) -> EmulatedResponse? {
        lookUps += 1
        let faults = take(.lookUps, lookUps)
        if faults.contains(.truncated) { return EmulatedResponse(status: 200, headers: [("Content-Type", "application/json")], body: Array("{\"User\":{\"UserId\":\"us".utf8)) }
        if faults.contains(.serverError) { return isManagement ? refuse(500, "InternalError", "The request processing has failed.") : oauth(500, "Internal Server Error", "try later") }
        if faults.contains(.throttled) { return throttled(isManagement: isManagement) }
        return nil
    }

    /// Changes the directory under the reader's eyes.
    private mutating func disturb(_ fault: IDaaSFault.Kind, _ list: IDaaSFault.List, _ group: String?) {
        let comes = fault == .insert || fault == .swap
        let goes = fault == .delete || fault == .swap
        guard comes || goes else { return }
        let id = "new\(serial)"
        switch list {
        case .users:
            if goes, let first = directory.userOrder.first { directory.remove(user: first) }
            if comes { directory.put(user: ["userId": .string("user_\(id)"), "username": .string(id), "displayName": "New Comer", "status": "enabled"], first: fault == .insert) }
        case .groups:
            if goes, let first = directory.groupOrder.first { directory.remove(group: first) }
            if comes { directory.put(group: ["groupId": .string("group_\(id)"), "groupName": .string(id)]) }
        case .members:
            guard let group, var members = directory.members[group] else { return }
            if goes, !members.isEmpty { members.removeFirst() }
            if comes, let outsider = directory.userOrder.first(where: { !members.contains($0) }) { if fault == .insert { members.insert(outsider, at: 0) } else { members.append(outsider) } }
            directory.set(members: members, of: group)
        case .units:
            if goes, let first = directory.unitOrder.first(where: { $0 != directory.root }) { directory.remove(unit: first) }
            if comes { directory.put(unit: ["organizationalUnitId": .string("ou_\(id)"), "organizationalUnitName": .string(id)]) }
        case .lookUps: break
        }
    }

    // MARK: developer API

    private func oauth(_ status: Int, _ code: String, _ message: String) -> EmulatedResponse {
        .json(status, ["error": .string(code), "error_description": .string(message), "request_id": .string(requestID)], type: "application/json")
    }

    /// Makes every issued token worthless.
    public mutating func revokeTokens() { issued = [:] }

    private mutating func developer(_ request: EmulatedRequest, now: Double) -> EmulatedResponse {
        let parts = request.path.split(separator: "/").map(String.init)
        guard parts.count >= 4 else { return oauth(404, "InvalidApi.NotFound", "no such path") }
        let (instance, id, rest) = (parts[1], parts[2], Array(parts[3...]))
        let isToken = rest == ["oauth2", "token"]
        let operation = isToken ? "GenerateToken" : Self.operationName(rest)
        counters["dev.\(operation)", default: 0] += 1
        guard instance == options.instance else { return oauth(404, "instance_not_found", "Instance id not found: \(instance)") }
        guard let application = options.applications[id] else { return oauth(404, "application_not_found", "Application id not found: \(id)") }
        guard application.isEnabled else { return oauth(403, "application_disabled", "Application is disabled") }
        if isThrottled { return throttled(isManagement: false) }
        if isToken { return token(request, id, application, now) }
        guard let header = request.headers["authorization"], header.hasPrefix("Bearer "), let issue = issued[String(header.dropFirst(7))], issue.expires > now else {
            return oauth(400, "invalid_token", "Access token is not valid")
        }
        guard issue.application == id else { return oauth(400, "invalid_request", "Access token application id not match") }
        guard application.isAPIEnabled else { return oauth(403, "application_api_disabled", "Application api invoke disabled") }
        let needed = rest[0] == "organizationalUnits" ? "urn:alibaba:idaas:scope:organizational_unit:read_all" : "urn:alibaba:idaas:scope:user:read_all"
        guard rest[0] == "provisioningScope" || application.grantScopes.contains(needed) else { return oauth(403, "permission_denied", "Require scopes: [\(needed)]") }
        guard request.method == "GET" else { return oauth(405, "invalid_request", "method not allowed") }
        if rest.count == 2, let spoilt = spoiltLookUp(isManagement: false) { return spoilt }
        return read(rest, request, id, application) ?? oauth(404, "InvalidApi.NotFound", "no such path")
    }

    private static func operationName(_ path: [String]) -> String {
        switch (path.first ?? "", path.count) {
        case ("users", 1): "ListUsers"
        case ("users", 2): "GetUser"
        case ("groups", 1): "ListGroups"
        case ("groups", 2): "GetGroup"
        case ("groups", _): "ListUsersForGroup"
        case ("users", _): "ListGroupsForUser"
        case ("organizationalUnits", 1): "ListOrganizationalUnits"
        case ("organizationalUnits", _): "GetOrganizationalUnit"
        case ("provisioningScope", _): "GetApplicationProvisioningScope"
        default: "unknown"
        }
    }

    private mutating func token(_ request: EmulatedRequest, _ id: String, _ application: IDaaSApplicationSettings, _ now: Double) -> EmulatedResponse {
        var fields = EmulatedRequest.form(String(decoding: request.body, as: UTF8.self)).merging(request.query) { body, _ in body }
        if let header = request.headers["authorization"], header.hasPrefix("Basic "), let text = Base64Decoder.decode(String(header.dropFirst(6))) {
            let halves = text.split(separator: ":", maxSplits: 1).map(String.init)
            if halves.count == 2 { (fields["client_id"], fields["client_secret"]) = (halves[0], halves[1]) }
        }
        guard request.method == "POST" else { return oauth(405, "invalid_request", "method not allowed") }
        let type = fields["grant_type"] ?? ""
        guard type == "client_credentials", application.isAPIEnabled else { return oauth(400, "invalid_grant", "Invalid or not supported grant_type: \(type)") }
        guard fields["client_id"] == id, fields["client_secret"] == application.secret else { return oauth(400, "invalid_client", "Client authentication failed") }
        let token = "AT\(Digest.hexadecimal("\(id) \(serial) \(now)").prefix(40))"
        issued[token] = (id, now + options.tokenLife)
        return .json(
            200,
            ["token_type": "Bearer", "access_token": .string(token), "expires_in": .integer(Int64(options.tokenLife)), "expires_at": .integer(Int64(now + options.tokenLife)), "id_token": .null],
            type: "application/json")
    }

    private mutating func read(_ path: [String], _ request: EmulatedRequest, _ id: String, _ application: IDaaSApplicationSettings) -> EmulatedResponse? {
        let query = request.query
        let records = IDaaSRecords(directory: directory, options: options)
        let groups = Set(application.groups ?? directory.groupOrder)
        let units = (application.units ?? [directory.root]).reduce(into: Set<String>()) { $0.formUnion(directory.subtree($1)) }
        func gone(_ type: String, _ id: String) -> EmulatedResponse { oauth(404, "ResourceNotFound.\(type)", "The specified \(type) resource: \(id) not found.") }
        switch (path[0], path.count) {
        case ("users", 1):
            if let unit = query["organizationalUnitId"] {
                let unit = unaliased(unit)
                guard units.contains(unit) else { return oauth(400, "OrganizationUnitIdNotInScopes", "organizationUnitId : \(unit) not in provisioning scope!") }
                let wanted = options.unitListsAreDeep ? directory.subtree(unit) : [unit]
                return page(.users, { service in service.directory.userOrder.filter { !wanted.isDisjoint(with: service.directory.unitsOfUser[$0] ?? []) } }, query, isManagement: false, name: "data")
            }
            _ = visibleUsers(id, application)
            let select: Selection = { service in
                var copy = service
                return copy.visibleUsers(id, application)
            }
            return page(.users, select, query, isManagement: false, name: "data")
        case ("users", 2):
            guard directory.users[path[1]] != nil, visibleUsers(id, application).contains(path[1]) else { return gone("User", path[1]) }
            return .json(200, records.whole(user: path[1], isManagement: false), type: "application/json")
        case ("groups", 1):
            return page(
                .groups, { service in service.options.hidesGroups ? [] : service.directory.groupOrder.filter { application.groups == nil || groups.contains($0) } }, query, isManagement: false,
                name: "data")
        case ("groups", 2):
            guard directory.groups[path[1]] != nil, groups.contains(path[1]) else { return gone("Group", path[1]) }
            return .json(200, records.group(path[1]), type: "application/json")
        case ("groups", 4) where path[2] == "actions" && path[3] == "listUsersForGroup":
            guard directory.groups[path[1]] != nil, groups.contains(path[1]) else { return gone("Group", path[1]) }
            return page(.members, { $0.listedMembers(path[1]) }, query, isManagement: false, name: "data", group: path[1])
        case ("organizationalUnits", 1):
            guard let parent = query["parentId"].map(unaliased) else { return oauth(400, "MissingParameter.ParentId", "The specified parameter:parentId is required!") }
            guard units.contains(parent) else { return oauth(400, "OrganizationUnitIdNotInScopes", "organizationUnitId : \(parent) not in provisioning scope!") }
            return page(
                .units, { service in service.options.hidesUnits ? [] : service.directory.unitOrder.filter { service.directory.units[$0]?["parentId"]?.string == parent } }, query, isManagement: false,
                name: "data")
        case ("organizationalUnits", 2):
            let unit = unaliased(path[1])
            guard directory.units[unit] != nil else { return gone("OrganizationalUnit", unit) }
            guard units.contains(unit) else { return oauth(400, "OrganizationUnitIdNotInScopes", "organizationUnitId : \(unit) not in provisioning scope!") }
            return .json(200, records.unit(unit, isManagement: false), type: "application/json")
        case ("provisioningScope", 1): return scope(of: application, isManagement: false)
        default: return nil
        }
    }

    private mutating func visibleUsers(_ id: String, _ application: IDaaSApplicationSettings) -> [String] {
        if application.units == nil { return directory.userOrder }
        if let known = visible[id] { return known }
        let units = (application.units ?? []).reduce(into: Set<String>()) { $0.formUnion(directory.subtree($1)) }
        let members = (application.groups ?? directory.groupOrder).reduce(into: Set<String>()) { $0.formUnion(directory.members[$1] ?? []) }
        let users = directory.userOrder.filter { members.contains($0) || !units.isDisjoint(with: directory.unitsOfUser[$0] ?? []) }
        visible[id] = users
        return users
    }

    // MARK: applications

    private func scope(of application: IDaaSApplicationSettings, isManagement: Bool) -> EmulatedResponse {
        let units = application.units ?? [directory.root]
        let groups = application.groups ?? directory.groupOrder
        var scope: JSONValue = ["organizationalUnitIds": .array(units.map { .string($0) }), "groupIds": .array(groups.map { .string($0) })]
        guard isManagement else { return .json(200, scope, type: "application/json") }
        scope["maxQuota"] = 1000
        scope["usedQuota"] = .integer(Int64(units.count + groups.count))
        return .json(200, ["RequestId": .string(requestID), "ApplicationProvisioningScope": IDaaSRecords.upperCamel(scope)], type: "application/json")
    }

    private func config(of id: String, _ application: IDaaSApplicationSettings, _ origin: String) -> EmulatedResponse {
        func urns(_ names: [String]) -> JSONValue { .array(names.map { .string("urn:alibaba:idaas:app:scim:\($0)") }) }
        let config: JSONValue = [
            "InstanceId": .string(options.instance), "ApplicationId": .string(id), "ProvisionProtocolType": "scim2", "Status": application.isPushEnabled ? "enabled" : "disabled",
            "ConfigOperateMode": "standard", "ProvisionPassword": false,
            "ScimProvisioningConfig": [
                "ScimBaseUrl": .string(application.pushURL.isEmpty ? origin + "/scim/v2" : application.pushURL),
                "AuthnConfiguration": ["AuthnMode": "oauth2", "GrantType": "bearer_token", "AuthnParam": ["AccessToken": "k52x****"]],
                "ProvisioningActions": urns(application.pushActions), "FullPushScopes": urns(application.fullPush),
            ],
        ]
        return .json(200, ["RequestId": .string(requestID), "ApplicationProvisioningConfig": config], type: "application/json")
    }
}
