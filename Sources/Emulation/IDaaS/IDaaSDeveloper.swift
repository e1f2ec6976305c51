import JSON

/// The developer API: tokens, and what an application may see.
extension IDaaSService {
    // MARK: developer API

    func oauth(_ status: Int, _ code: String, _ message: String) -> EmulatedResponse {
        .json(
            status, ["error": .string(code), "error_description": .string(message), "request_id": .string(requestID)],
            type: "application/json")
    }

    /// Makes every issued token worthless.
    public mutating func revokeTokens() { issued = [:] }

    mutating func developer(_ request: EmulatedRequest, now: Double) -> EmulatedResponse {
        let parts = request.path.split(separator: "/").map(String.init)
        guard parts.count >= 4 else { return oauth(404, "InvalidApi.NotFound", "no such path") }
        let (instance, id, rest) = (parts[1], parts[2], Array(parts[3...]))
        let isToken = rest == ["oauth2", "token"]
        let operation = isToken ? "GenerateToken" : Self.operationName(rest)
        counters["dev.\(operation)", default: 0] += 1
        guard instance == options.instance else {
            return oauth(404, "instance_not_found", "Instance id not found: \(instance)")
        }
        guard let application = options.applications[id] else {
            return oauth(404, "application_not_found", "Application id not found: \(id)")
        }
        guard application.isEnabled else { return oauth(403, "application_disabled", "Application is disabled") }
        if isThrottled { return throttled(isManagement: false) }
        if isToken { return token(request, id, application, now) }
        guard let header = request.headers["authorization"], header.hasPrefix("Bearer "),
            let issue = issued[String(header.dropFirst(7))], issue.expires > now
        else {
            return oauth(400, "invalid_token", "Access token is not valid")
        }
        guard issue.application == id else {
            return oauth(400, "invalid_request", "Access token application id not match")
        }
        guard application.isAPIEnabled else {
            return oauth(403, "application_api_disabled", "Application api invoke disabled")
        }
        let needed =
            rest[0] == "organizationalUnits"
            ? "urn:alibaba:idaas:scope:organizational_unit:read_all" : "urn:alibaba:idaas:scope:user:read_all"
        guard rest[0] == "provisioningScope" || application.grantScopes.contains(needed) else {
            return oauth(403, "permission_denied", "Require scopes: [\(needed)]")
        }
        guard request.method == "GET" else { return oauth(405, "invalid_request", "method not allowed") }
        if rest.count == 2, let spoilt = spoiltLookUp(isManagement: false) { return spoilt }
        return read(rest, request, id, application) ?? oauth(404, "InvalidApi.NotFound", "no such path")
    }

    static func operationName(_ path: [String]) -> String {
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

    mutating func token(
        _ request: EmulatedRequest, _ id: String, _ application: IDaaSApplicationSettings, _ now: Double
    ) -> EmulatedResponse {
        var fields = EmulatedRequest.form(String(decoding: request.body, as: UTF8.self)).merging(request.query) {
            body, _ in body
        }
        if let header = request.headers["authorization"], header.hasPrefix("Basic "),
            let text = Base64Decoder.decode(String(header.dropFirst(6)))
        {
            let halves = text.split(separator: ":", maxSplits: 1).map(String.init)
            if halves.count == 2 { (fields["client_id"], fields["client_secret"]) = (halves[0], halves[1]) }
        }
        guard request.method == "POST" else { return oauth(405, "invalid_request", "method not allowed") }
        let type = fields["grant_type"] ?? ""
        guard type == "client_credentials", application.isAPIEnabled else {
            return oauth(400, "invalid_grant", "Invalid or not supported grant_type: \(type)")
        }
        guard fields["client_id"] == id, fields["client_secret"] == application.secret else {
            return oauth(400, "invalid_client", "Client authentication failed")
        }
        let token = "AT\(Digest.hexadecimal("\(id) \(serial) \(now)").prefix(40))"
        issued[token] = (id, now + options.tokenLife)
        return .json(
            200,
            [
                "token_type": "Bearer", "access_token": .string(token),
                "expires_in": .integer(Int64(options.tokenLife)),
                "expires_at": .integer(Int64(now + options.tokenLife)), "id_token": .null,
            ],
            type: "application/json")
    }

    mutating func read(
        _ path: [String], _ request: EmulatedRequest, _ id: String, _ application: IDaaSApplicationSettings
    ) -> EmulatedResponse? {
        let query = request.query
        let records = IDaaSRecords(directory: directory, options: options)
        let groups = Set(application.groups ?? directory.groupOrder)
        let units = (application.units ?? [directory.root]).reduce(into: Set<String>()) {
            $0.formUnion(directory.subtree($1))
        }
        func gone(_ type: String, _ id: String) -> EmulatedResponse {
            oauth(404, "ResourceNotFound.\(type)", "The specified \(type) resource: \(id) not found.")
        }
        switch (path[0], path.count) {
        case ("users", 1): return users(query, id, application, units)
        case ("users", 2):
            guard directory.users[path[1]] != nil, visibleUsers(id, application).contains(path[1]) else {
                return gone("User", path[1])
            }
            return .json(200, records.whole(user: path[1], isManagement: false), type: "application/json")
        case ("groups", 1):
            return page(
                .groups,
                { service in
                    service.options.hidesGroups
                        ? [] : service.directory.groupOrder.filter { application.groups == nil || groups.contains($0) }
                }, query, isManagement: false,
                name: "data")
        case ("groups", 2):
            guard directory.groups[path[1]] != nil, groups.contains(path[1]) else { return gone("Group", path[1]) }
            return .json(200, records.group(path[1]), type: "application/json")
        case ("groups", 4) where path[2] == "actions" && path[3] == "listUsersForGroup":
            guard directory.groups[path[1]] != nil, groups.contains(path[1]) else { return gone("Group", path[1]) }
            return page(
                .members, { $0.listedMembers(path[1]) }, query, isManagement: false, name: "data", group: path[1])
        case ("organizationalUnits", 1): return childUnits(query, units)
        case ("organizationalUnits", 2):
            let unit = unaliased(path[1])
            guard directory.units[unit] != nil else { return gone("OrganizationalUnit", unit) }
            guard units.contains(unit) else {
                return oauth(
                    400, "OrganizationUnitIdNotInScopes", "organizationUnitId : \(unit) not in provisioning scope!")
            }
            return .json(200, records.unit(unit, isManagement: false), type: "application/json")
        case ("provisioningScope", 1): return scope(of: application, isManagement: false)
        default: return nil
        }
    }

    private mutating func users(
        _ query: [String: String], _ id: String, _ application: IDaaSApplicationSettings, _ units: Set<String>
    ) -> EmulatedResponse {
        if let unit = query["organizationalUnitId"] {
            let unit = unaliased(unit)
            guard units.contains(unit) else {
                return oauth(
                    400, "OrganizationUnitIdNotInScopes", "organizationUnitId : \(unit) not in provisioning scope!")
            }
            let wanted = options.unitListsAreDeep ? directory.subtree(unit) : [unit]
            return page(
                .users,
                { service in
                    service.directory.userOrder.filter {
                        !wanted.isDisjoint(with: service.directory.unitsOfUser[$0] ?? [])
                    }
                }, query, isManagement: false, name: "data")
        }
        _ = visibleUsers(id, application)
        let select: Selection = { service in
            var copy = service
            return copy.visibleUsers(id, application).filter { !service.options.leftOut.contains($0) }
        }
        return page(.users, select, query, isManagement: false, name: "data")
    }

    private mutating func childUnits(_ query: [String: String], _ units: Set<String>) -> EmulatedResponse {
        guard let parent = query["parentId"].map(unaliased) else {
            return oauth(400, "MissingParameter.ParentId", "The specified parameter:parentId is required!")
        }
        guard units.contains(parent) else {
            return oauth(
                400, "OrganizationUnitIdNotInScopes", "organizationUnitId : \(parent) not in provisioning scope!")
        }
        return page(
            .units,
            { service in
                service.options.hidesUnits
                    ? []
                    : service.directory.unitOrder.filter {
                        service.directory.units[$0]?["parentId"]?.string == parent
                    }
            }, query, isManagement: false,
            name: "data")
    }

    mutating func visibleUsers(_ id: String, _ application: IDaaSApplicationSettings) -> [String] {
        if application.units == nil { return directory.userOrder }
        if let known = visible[id] { return known }
        let units = (application.units ?? []).reduce(into: Set<String>()) { $0.formUnion(directory.subtree($1)) }
        let members = (application.groups ?? directory.groupOrder).reduce(into: Set<String>()) {
            $0.formUnion(directory.members[$1] ?? [])
        }
        let users = directory.userOrder.filter {
            members.contains($0) || !units.isDisjoint(with: directory.unitsOfUser[$0] ?? [])
        }
        visible[id] = users
        return users
    }

    // MARK: applications

    func scope(of application: IDaaSApplicationSettings, isManagement: Bool) -> EmulatedResponse {
        let units = application.units ?? [directory.root]
        let groups = application.groups ?? directory.groupOrder
        var scope: JSONValue = [
            "organizationalUnitIds": .array(units.map { .string($0) }), "groupIds": .array(groups.map { .string($0) }),
        ]
        guard isManagement else { return .json(200, scope, type: "application/json") }
        scope["maxQuota"] = 1000
        scope["usedQuota"] = .integer(Int64(units.count + groups.count))
        return .json(
            200, ["RequestId": .string(requestID), "ApplicationProvisioningScope": IDaaSRecords.upperCamel(scope)],
            type: "application/json")
    }

    func config(of id: String, _ application: IDaaSApplicationSettings, _ origin: String) -> EmulatedResponse {
        func urns(_ names: [String]) -> JSONValue { .array(names.map { .string("urn:alibaba:idaas:app:scim:\($0)") }) }
        let config: JSONValue = [
            "InstanceId": .string(options.instance), "ApplicationId": .string(id), "ProvisionProtocolType": "scim2",
            "Status": application.isPushEnabled ? "enabled" : "disabled",
            "ConfigOperateMode": "standard", "ProvisionPassword": false,
            "ScimProvisioningConfig": [
                "ScimBaseUrl": .string(application.pushURL.isEmpty ? origin + "/scim/v2" : application.pushURL),
                "AuthnConfiguration": [
                    "AuthnMode": "oauth2", "GrantType": "bearer_token", "AuthnParam": ["AccessToken": "k52x****"],
                ],
                "ProvisioningActions": urns(application.pushActions), "FullPushScopes": urns(application.fullPush),
            ],
        ]
        return .json(
            200, ["RequestId": .string(requestID), "ApplicationProvisioningConfig": config], type: "application/json")
    }

    func mapping(of id: String, _ application: IDaaSApplicationSettings) -> EmulatedResponse {
        let pairs: [JSONValue] = application.mapping.sorted { $0.key < $1.key }.map {
            [
                "TargetField": .string($0.key), "SourceValueExpression": .string($0.value),
                "ExpressionMappingType": "expression",
            ]
        }
        return .json(
            200,
            [
                "RequestId": .string(requestID),
                "ApplicationUserProfileMapping": [
                    "ApplicationId": .string(id), "UserMappingIdentityName": "userName",
                    "ApplicationProfileMappingAttributes": .array(pairs),
                ],
            ], type: "application/json")
    }

    func pushes(of id: String, _ application: IDaaSApplicationSettings, since: Double) -> EmulatedResponse {
        let pushes = application.pushes.filter { $0 * 1000 >= since }
        let jobs: [JSONValue] = pushes.map { began in
            [
                "SynchronizationJobId": .string("sync_\(Int(began))"), "TargetType": "application",
                "TargetId": .string(id), "Direction": "egress", "TriggerType": "auto", "Status": "success",
                "StartTime": .integer(Int64(began * 1000)), "EndTime": .integer(Int64(began * 1000) + 5000),
                "Result": [
                    "UserStatistics": [
                        "Created": ["Total": 2, "Success": 2, "Failed": 0, "Skipped": 0],
                        "Updated": ["Total": 1, "Success": 1, "Failed": 0, "Skipped": 0],
                    ]
                ],
            ]
        }
        return .json(
            200,
            [
                "RequestId": .string(requestID), "TotalCount": .integer(Int64(jobs.count)),
                "SynchronizationJobs": .array(jobs),
            ], type: "application/json")
    }
}
