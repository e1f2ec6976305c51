import JSON

/// Alibaba Cloud IDaaS (EIAM) as a pure state machine: its management API at `/` and its developer API at `/v2/…`, as
/// their public descriptions have them. A copy is a snapshot.
public struct IDaaSService: Sendable {
    public var options: IDaaSOptions {
        didSet { visible = [:] }
    }
    public var directory: IDaaSDirectory {
        didSet { visible = [:] }
    }
    /// Requests by operation, such as `ListUsers`; of the developer API with `dev.` before it.
    public internal(set) var counters: [String: Int] = [:]

    var nonces: [String: Double] = [:]
    var issued: [String: (application: String, expires: Double)] = [:]
    var serial = 0
    var lookUps = 0
    /// What each application may see, until the directory or the options change.
    var visible: [String: [String]] = [:]

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

    var requestID: String {
        let digits = Array(Digest.hexadecimal("request \(serial)").prefix(32).uppercased())
        return [0..<8, 8..<12, 12..<16, 16..<20, 20..<32].map { String(digits[$0]) }.joined(separator: "-")
    }

    var isThrottled: Bool { options.throttlesEvery.map { serial % max($0, 1) == 0 } ?? false }

    // MARK: management API

    func refuse(_ status: Int, _ code: String, _ message: String) -> EmulatedResponse {
        .json(
            status,
            [
                "RequestId": .string(requestID), "HostId": "eiam.local", "Code": .string(code),
                "Message": .string(message), "Recommend": "https://api.alibabacloud.example/troubleshoot",
            ],
            type: "application/json")
    }

    func throttled(isManagement: Bool) -> EmulatedResponse {
        var response =
            isManagement
            ? refuse(400, "Throttling.User", "Request was denied due to user flow control.")
            : oauth(400, "Throttling.Api", "Request was denied due to api flow control.")
        response.headers.append(("x-acs-retry-after", String(options.throttleMilliseconds)))
        return response
    }

    mutating func management(_ request: EmulatedRequest, now: Double) -> EmulatedResponse {
        let action = request.headers["x-acs-action"] ?? ""
        counters[action.isEmpty ? "unknown" : action, default: 0] += 1
        do {
            guard request.method == "GET" || request.method == "POST" else {
                return refuse(405, "UnsupportedHTTPMethod", "\(request.method) is not supported.")
            }
            try RequestSignature.verify(request, options, nonces: &nonces, now: now)
        } catch let refusal as RequestSignature.Refusal {
            return refuse(refusal.status, refusal.code, refusal.message)
        } catch {
            return refuse(500, "InternalError", "\(error)")
        }
        if isThrottled { return throttled(isManagement: true) }
        if action.hasPrefix("Get"), let spoilt = spoiltLookUp(isManagement: true) { return spoilt }
        guard request.headers["x-acs-version"] == "2021-12-01" else {
            return refuse(404, "InvalidVersion", "Specified parameter Version is not valid.")
        }
        if options.deniedActions.contains(action) {
            return refuse(403, "NoPermission", "You are not authorized to perform this action: eiam:\(action).")
        }
        var query = request.query.merging(EmulatedRequest.form(String(decoding: request.body, as: UTF8.self))) {
            query, _ in query
        }
        guard let instance = query.removeValue(forKey: "InstanceId") else {
            return refuse(400, "MissingParameter.InstanceId", "The specified parameter:InstanceId is required!")
        }
        guard instance == options.instance else {
            return refuse(404, "ResourceNotFound.Instance", "The specified Instance resource: \(instance) not found.")
        }
        return operation(action, query, origin: request.origin)
            ?? refuse(404, "InvalidApi.NotFound", "Specified api is not found, please check your url and method.")
    }

    mutating func operation(_ action: String, _ query: [String: String], origin: String) -> EmulatedResponse? {
        switch action {
        case "ListUsers": return page(.users, users(matching: query), query, isManagement: true, name: "Users")
        case "ListGroups": return page(.groups, groups(matching: query), query, isManagement: true, name: "Groups")
        case "ListOrganizationalUnits":
            return page(.units, units(matching: query), query, isManagement: true, name: "OrganizationalUnits")
        case "ListUsersForGroup":
            guard let group = query["GroupId"] else {
                return refuse(400, "MissingParameter.GroupId", "The specified parameter:GroupId is required!")
            }
            guard directory.groups[group] != nil else { return missing("Group", group) }
            return page(.members, { $0.listedMembers(group) }, query, isManagement: true, name: "Users", group: group)
        case "ListGroupsForUser":
            guard let user = query["UserId"], directory.users[user] != nil else {
                return missing("User", query["UserId"] ?? "")
            }
            return page(.groups, { $0.directory.groups(of: user) }, query, isManagement: true, name: "Groups")
        case "GetUser":
            return single("User", query["UserId"], directory.users) {
                IDaaSRecords(directory: directory, options: options).whole(user: $0, isManagement: true)
            }
        case "GetGroup":
            return single("Group", query["GroupId"], directory.groups) {
                IDaaSRecords(directory: directory, options: options).group($0)
            }
        case "GetOrganizationalUnit":
            return single("OrganizationalUnit", query["OrganizationalUnitId"].map(unaliased), directory.units) {
                IDaaSRecords(directory: directory, options: options).unit($0, isManagement: true)
            }
        case "GetRootOrganizationalUnit":
            return single("OrganizationalUnit", directory.root, directory.units) {
                IDaaSRecords(directory: directory, options: options).unit($0, isManagement: true)
            }
        case "GetApplicationProvisioningScope", "GetApplicationProvisioningConfig":
            guard let id = query["ApplicationId"], let application = options.applications[id] else {
                return missing("Application", query["ApplicationId"] ?? "")
            }
            return action == "GetApplicationProvisioningScope"
                ? scope(of: application, isManagement: true) : config(of: id, application, origin)
        case "GetApplicationUserProfileMapping":
            guard let id = query["ApplicationId"], let application = options.applications[id] else {
                return missing("Application", query["ApplicationId"] ?? "")
            }
            return mapping(of: id, application)
        case "ListSynchronizationJobs":
            guard let id = query["TargetIds.1"], let application = options.applications[id] else {
                return missing("Application", query["TargetIds.1"] ?? "")
            }
            return pushes(of: id, application, since: query["StartTime"].flatMap { Double($0) } ?? 0)
        default: return nil
        }
    }

    func missing(_ type: String, _ id: String) -> EmulatedResponse {
        refuse(404, "ResourceNotFound.\(type)", "The specified \(type) resource: \(id) not found.")
    }

    func single(_ type: String, _ id: String?, _ store: [String: JSONValue], _ render: (String) -> JSONValue)
        -> EmulatedResponse
    {
        guard let id else {
            return refuse(400, "MissingParameter.\(type)Id", "The specified parameter:\(type)Id is required!")
        }
        guard store[id] != nil else { return missing(type, id) }
        return .json(
            200, ["RequestId": .string(requestID), .init(type): IDaaSRecords.upperCamel(render(id))],
            type: "application/json")
    }

    func array(_ name: String, _ query: [String: String]) -> [String]? {
        let values = (1...200).compactMap { query["\(name).\($0)"] }
        return values.isEmpty ? nil : values
    }

    /// The ids that a query selects; asked again after a fault has changed the directory.
    typealias Selection = (IDaaSService) -> [String]

    /// What a list of all users shows.
    var listedUsers: [String] {
        options.leftOut.isEmpty ? directory.userOrder : directory.userOrder.filter { !options.leftOut.contains($0) }
    }

    func users(matching query: [String: String]) -> Selection {
        let names = [
            "UsernameStartsWith", "DisplayNameStartsWith", "Email", "PhoneRegion", "PhoneNumber", "UserExternalId",
            "Status", "OrganizationalUnitId",
        ]
        let ids = array("UserIds", query)
        guard ids != nil || names.contains(where: { query[$0] != nil }) else { return { $0.listedUsers } }
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
                for (name, field) in [
                    ("Email", "email"), ("PhoneRegion", "phoneRegion"), ("PhoneNumber", "phoneNumber"),
                    ("UserExternalId", "userExternalId"), ("Status", "status"),
                ] {
                    if let value = query[name], text(field) != value { return false }
                }
                return true
            }
        }
    }

    func groups(matching query: [String: String]) -> Selection {
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

    func units(matching query: [String: String]) -> Selection {
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
    func unaliased(_ unit: String) -> String { unit == "ou_root" ? directory.root : unit }

    func listedMembers(_ group: String) -> [String] {
        if options.hidesMembers { return [] }
        let isGhostly = options.faults.contains { $0.kind == .unknownMember && $0.times > 0 }
        return (directory.members[group] ?? [])
            + (isGhostly && group == directory.groupOrder.first ? ["user_ghost2345abcdefghijklmnop"] : [])
    }
}
