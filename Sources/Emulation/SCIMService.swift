import JSON
import SCIM

/// A SCIM 2.0 server as a pure state machine: a request in, an answer out, nothing else. A copy is a snapshot.
public struct SCIMService: Sendable {
    public var options: ServiceOptions
    /// Requests by method and kind of path, such as `GET /Users`.
    public internal(set) var counters: [String: Int] = [:]
    /// How often a habit made an answer another than it would have been.
    public internal(set) var met: [Habit: Int] = [:]
    public internal(set) var store: [ResourceKind: ResourceStore]
    var issued: [String: Double] = [:]
    var serial = 0
    /// The resource that was deleted last, whoever did it.
    var lastRemoved: [ResourceKind: String] = [:]
    let prefix: String

    /// - Parameter prefix: the path before `/Users`; nil for the vendor's own.
    public init(prefix: String? = nil, options: ServiceOptions = ServiceOptions()) {
        self.prefix = prefix ?? options.vendor.path
        self.options = options
        store = [.user: ResourceStore(), .group: ResourceStore()]
    }

    public var requests: Int { counters.values.reduce(0, +) }

    public mutating func handle(_ request: EmulatedRequest) -> EmulatedResponse {
        var response = refusedForItsForm(request) ?? spoken(answer(undressed(request)), to: undressed(request))
        response.headers.append(("Date", EmulatedClock.httpDate(request.now)))
        return response
    }

    mutating func answer(_ request: EmulatedRequest) -> EmulatedResponse {
        if request.path == "/oauth/token" || request.path == "\(prefix)/oauth/token" { return issueToken(request) }
        guard request.path == prefix || request.path.hasPrefix(prefix + "/") else {
            return error(SCIMError(status: 404, detail: "no such path"))
        }
        let parts = request.path.dropFirst(prefix.count).split(separator: "/").map(String.init)
        counters["\(request.method) /\(parts.first ?? "")", default: 0] += 1
        let isDiscovery = ["ServiceProviderConfig", "Schemas", "ResourceTypes"].contains(parts.first ?? "")
        if !isDiscovery, !isAuthorized(request) {
            var refusal = error(SCIMError(status: 401, detail: "the bearer token is missing or wrong"))
            refusal.headers.append(("WWW-Authenticate", "Bearer"))
            return refusal
        }
        let rules = options.vendor
        if rules.needsUserAgent, request.headers["user-agent"] == nil {
            return error(SCIMError(status: 403, detail: "a User-Agent is needed"))
        }
        if parts.first == "Groups", rules.refusedGroupMethods.contains(request.method) {
            return error(SCIMError(status: 405, detail: "\(request.method) is not supported"))
        }
        if rules.refusedMethods.contains(request.method) {
            return error(SCIMError(status: 405, detail: "\(request.method) is not supported"))
        }
        if !rules.hasGroups && parts.first == "Groups" || !rules.hasConfig && parts.first == "ServiceProviderConfig" {
            return error(SCIMError(status: 404, detail: "no such path"))
        }
        do {
            switch (request.method, parts.first ?? "", parts.count) {
            case ("GET", "ServiceProviderConfig", 1): return .json(200, serviceProviderConfig(request))
            case ("GET", "Schemas", _), ("GET", "ResourceTypes", _): return try discovery(parts, request)
            case (_, "ServiceProviderConfig", _), (_, "Schemas", _), (_, "ResourceTypes", _):
                throw SCIMError(status: 405, detail: "\(request.method) is not allowed here")
            case ("POST", ".search", 1): return try list(ResourceKind.allCases, try search(request))
            case ("POST", "Users", 2) where parts[1] == ".search": return try list([.user], try search(request))
            case ("POST", "Groups", 2) where parts[1] == ".search": return try list([.group], try search(request))
            case (_, "Users", 1), (_, "Users", 2):
                return try resource(.user, parts.count == 2 ? parts[1] : nil, request)
            case (_, "Groups", 1), (_, "Groups", 2):
                return try resource(.group, parts.count == 2 ? parts[1] : nil, request)
            case (_, "Me", _), (_, "Bulk", _), (_, ".search", _):
                throw SCIMError(status: 501, detail: "not implemented")
            default: throw SCIMError(status: 404, detail: "no such path")
            }
        } catch let failure as SCIMError {
            return error(failure)
        } catch {
            return self.error(SCIMError(status: 400, scimType: "invalidSyntax", detail: "\(error)"))
        }
    }

    func error(_ error: SCIMError) -> EmulatedResponse { .json(error.status, error.document) }

    // MARK: discovery

    func base(_ request: EmulatedRequest) -> String { request.origin + prefix }

    func serviceProviderConfig(_ request: EmulatedRequest) -> JSONValue {
        var config: JSONValue = [
            "schemas": [.string(SchemaURN.serviceProviderConfig)],
            "documentationUri": "https://rollcall.example/sandbox",
            "patch": ["supported": .bool(options.patch)],
            "bulk": ["supported": false, "maxOperations": 0, "maxPayloadSize": 0],
            "filter": ["supported": .bool(options.filter), "maxResults": .integer(Int64(options.maxResults))],
            "changePassword": ["supported": false], "sort": ["supported": false],
            "etag": ["supported": .bool(options.etag)],
            "authenticationSchemes": [
                [
                    "type": "oauthbearertoken", "name": "Bearer token",
                    "description": "A bearer token in the Authorization header", "primary": true,
                ]
            ],
            "meta": [
                "resourceType": "ServiceProviderConfig", "location": .string("\(base(request))/ServiceProviderConfig"),
            ],
        ]
        if options.cursor {
            config["pagination"] = [
                "cursor": true, "index": true, "defaultPaginationMethod": "cursor",
                "defaultPageSize": .integer(Int64(options.maxResults)),
                "maxPageSize": .integer(Int64(options.maxResults)),
            ]
        }
        return config
    }

    func discovery(_ parts: [String], _ request: EmulatedRequest) throws -> EmulatedResponse {
        if request.query["filter"] != nil { throw SCIMError(status: 403, detail: "discovery endpoints take no filter") }
        let documents: [(id: String, document: JSONValue)]
        if parts[0] == "Schemas" {
            documents = [SchemaDefinition.user, .group, .enterpriseUser].map { ($0.id, $0.document(base(request))) }
        } else {
            documents = ResourceKind.allCases.map { kind in
                let name = kind == .user ? "User" : "Group"
                var document: JSONValue = [
                    "schemas": [.string(SchemaURN.resourceType)], "id": .string(name), "name": .string(name),
                    "endpoint": .string(kind.endpoint), "description": .string(name),
                    "schema": .string(kind.schema),
                    "meta": [
                        "resourceType": "ResourceType", "location": .string("\(base(request))/ResourceTypes/\(name)"),
                    ],
                ]
                if kind == .user {
                    document["schemaExtensions"] = [["schema": .string(SchemaURN.enterpriseUser), "required": false]]
                }
                return (name, document)
            }
        }
        if parts.count > 1 {
            let id = parts[1...].joined(separator: "/")
            guard let found = documents.first(where: { $0.id == id }) else {
                throw SCIMError(status: 404, detail: "no such document")
            }
            return .json(200, found.document)
        }
        let count = JSONValue.integer(Int64(documents.count))
        return .json(
            200,
            [
                "schemas": [.string(SchemaURN.listResponse)], "totalResults": count, "itemsPerPage": count,
                "startIndex": 1, "Resources": .array(documents.map(\.document)),
            ])
    }

    // MARK: resources

    mutating func resource(_ kind: ResourceKind, _ id: String?, _ request: EmulatedRequest) throws -> EmulatedResponse {
        guard let id else {
            switch request.method {
            case "GET": return try list([kind], request)
            case "POST": return try create(kind, request)
            default: throw SCIMError(status: 405, detail: "\(request.method) is not allowed here")
            }
        }
        guard let current = store[kind]?[id], isVisible(current) else {
            throw SCIMError(status: 404, detail: "there is no \(kind.singular) \(id)")
        }
        if ["PUT", "PATCH", "DELETE"].contains(request.method), options.etag, let wanted = request.headers["if-match"],
            wanted != "*", wanted != current.etag
        {
            throw SCIMError(status: 412, detail: "the version is \(current.etag)")
        }
        switch request.method {
        case "GET" where options.visibleAfter > 0 && current.created + options.visibleAfter > request.now:
            throw SCIMError(status: 404, detail: "there is no \(kind.singular) \(id) yet")
        case "GET" where has(.findsNothing):
            meet(.findsNothing)
            throw SCIMError(status: 404, detail: "there is no \(kind.singular) \(id)")
        case "GET":
            if options.etag, request.headers["if-none-match"] == current.etag {
                return EmulatedResponse(status: 304, headers: [("ETag", current.etag)])
            }
            return answer(200, kind, current, request)
        case "PUT":
            try refuseHandMade(kind, current)
            return answer(
                200, kind,
                try save(kind, id, try ResourceSchemas.of(kind).normalised(try body(request)), was: current, request),
                request)
        case "PATCH": return try patch(kind, current, request)
        case "DELETE": return try delete(kind, current, request)
        default: throw SCIMError(status: 405, detail: "\(request.method) is not allowed here")
        }
    }

    private mutating func patch(
        _ kind: ResourceKind, _ current: ResourceStore.Resource, _ request: EmulatedRequest
    ) throws -> EmulatedResponse {
        guard options.patch else { throw SCIMError(status: 501, detail: "PATCH is not supported") }
        try refuseHandMade(kind, current)
        let schemas = ResourceSchemas.of(kind)
        let document = kind == .group ? try options.vendor.groupPatch(try body(request)) : try body(request)
        try refuseByHabit(kind, patch: document)
        var patched = try Patcher(schemas: schemas).apply(
            document, to: habitualBase(kind, current.document, patch: document))
        if kind == .group { patched = patchedByHabit(patched, patch: document) }
        if kind == .user, has(.echoes) {
            meet(.echoes)
            var echo = current
            echo.document = try accepted(kind, try schemas.normalised(patched), except: current.id)
            return answer(200, kind, echo, request)
        }
        let saved = try save(kind, current.id, try schemas.normalised(patched), was: current, request)
        if options.answersPatchWithNoContent || kind == .group && options.vendor.hidesMembers {
            return EmulatedResponse(status: 204, headers: [("ETag", saved.etag)])
        }
        return answer(200, kind, saved, request)
    }

    func duplicate(_ detail: String) -> SCIMError {
        if has(.duplicateAs500) {
            return SCIMError(status: 500, detail: "duplicate key value violates unique constraint: \(detail)")
        }
        if has(.uniqueNameAs400) { return SCIMError(status: 400, scimType: "uniqueness", detail: detail) }
        return plainDuplicate(detail)
    }

    func plainDuplicate(_ detail: String) -> SCIMError {
        options.vendor.tersesDuplicates
            ? SCIMError(status: 409, detail: "Refused to create a new, duplicate resource.")
            : SCIMError(status: 409, scimType: "uniqueness", detail: detail)
    }

    func isVisible(_ resource: ResourceStore.Resource) -> Bool {
        !options.vendor.hidesUnmanaged || resource.document["externalId"]?.string != nil
    }

    func refusal(toDelete kind: ResourceKind, _ current: ResourceStore.Resource) -> SCIMError? {
        let rules = options.vendor
        if let why = rules.undeletable[current.id] { return SCIMError(status: 409, detail: why) }
        if !rules.writesToUnmanaged, current.document["externalId"]?.string == nil {
            return SCIMError(status: 403, detail: "user is not managed by SCIM")
        }
        if kind == .group, rules.groupsMustBeEmpty, current.document["members"]?.array?.isEmpty == false {
            return SCIMError(status: 400, detail: "DeleteGroupNotAllowExistUser: remove the members first")
        }
        if kind == .user, rules.usersMustLeaveGroups, store[.group]?.groups(of: current.id).isEmpty == false {
            return SCIMError(status: 400, detail: "UserAlreadyExistsGroup: remove the user from its groups first")
        }
        return nil
    }

    func body(_ request: EmulatedRequest) throws -> JSONValue {
        do { return try JSONValue(parsing: request.body) } catch {
            throw SCIMError(status: 400, scimType: "invalidSyntax", detail: "the body is no JSON: \(error)")
        }
    }

    mutating func create(_ kind: ResourceKind, _ request: EmulatedRequest) throws -> EmulatedResponse {
        let given = try ResourceSchemas.of(kind).normalised(try body(request))
        if let complaint = options.vendor.complaint(kind, given, was: nil) { throw complaint }
        if options.vendor.takesOver, let name = given[kind.nameAttribute]?.string,
            let id = store[kind]?.id(named: name), let current = store[kind]?[id], !isVisible(current)
        {
            return answer(201, kind, try save(kind, id, given, was: current, request), request)
        }
        if kind == .user, has(.answersWithExisting), let id = holder(ofMailIn: given), let current = store[kind]?[id] {
            meet(.answersWithExisting)
            var merged = current.document
            for (name, value) in given.object ?? [:] { merged[name] = value }
            return answer(201, kind, try save(kind, id, merged, was: current, request), request)
        }
        try refuseCreateByHabit(kind)
        let document: JSONValue
        do { document = try accepted(kind, given, except: nil) } catch let error as SCIMError {
            if error.status == 500 {
                meet(.duplicateAs500)
            } else if error.status == 400, error.scimType == "uniqueness" {
                meet(.uniqueNameAs400)
            }
            throw error
        }
        let id = nextID(kind)
        let stored = ResourceStore.Resource(
            id: id, document: document, created: request.now, modified: request.now, version: 1)
        store[kind]?.insert(stored, kind: kind)
        return answer(201, kind, stored, request)
    }

    private mutating func nextID(_ kind: ResourceKind) -> String {
        if has(.reusesIDs), let old = lastRemoved[kind], store[kind]?[old] == nil {
            lastRemoved[kind] = nil
            meet(.reusesIDs)
            return old
        }
        serial += 1
        let digits = String(serial, radix: 16)
        return "2819c223-7f76-453a-919d-" + String(repeating: "0", count: max(0, 12 - digits.count)) + digits
    }

    mutating func save(
        _ kind: ResourceKind, _ id: String, _ document: JSONValue, was current: ResourceStore.Resource,
        _ request: EmulatedRequest
    ) throws -> ResourceStore.Resource {
        if let complaint = options.vendor.complaint(kind, document, was: current.document) { throw complaint }
        var document = try accepted(kind, document, except: id)
        if options.ignoresActive, kind == .user { document["active"] = current.document["active"] }
        var new = current
        new.document = document
        if document != current.document {
            new.modified = request.now
            new.version += 1
        }
        store[kind]?.replace(new, kind: kind)
        guard kind == .user, has(.movesOnRename), document["userName"] != current.document["userName"] else {
            return new
        }
        meet(.movesOnRename)
        let fresh = "9" + id.dropFirst()
        move(id, to: fresh)
        return store[.user]?[fresh] ?? new
    }

    /// Applies the server's habits and checks what must be unique.
    func accepted(_ kind: ResourceKind, _ document: JSONValue, except id: String?) throws -> JSONValue {
        var document = document
        for name in options.dropped { document[name] = nil }
        if has(.dropsExternalID) { document["externalId"] = nil }
        if kind == .user, let kept = options.vendor.keptUserAttributes {
            document = .object(
                (document.object ?? [:]).filter { kept.contains($0.key) || ["schemas", "externalId"].contains($0.key) })
        }
        for name in options.lowercased {
            if let text = document[name]?.string { document[name] = .string(text.lowercased()) }
        }
        // An account is born active; a value that was taken away stays away.
        if kind == .user, id == nil, document["active"] == nil, options.vendor.keptUserAttributes == nil {
            document["active"] = true
        }
        document["password"] = nil
        let name = document[kind.nameAttribute]?.string ?? ""
        if options.refused.contains(name) {
            throw SCIMError(
                status: 400, scimType: "invalidValue", detail: "\(kind.nameAttribute) is not acceptable here")
        }
        if kind == .user ? options.uniqueUserNames : options.uniqueGroupNames, let other = store[kind]?.id(named: name),
            other != id
        {
            throw duplicate("\(kind.nameAttribute) is taken")
        }
        if kind == .user, options.vendor.tersesDuplicates, let mark = document["externalId"]?.string,
            let other = store[.user]?.id(marked: mark), other != id
        {
            throw duplicate("externalId is taken")
        }
        if kind == .user, options.uniqueMails {
            let mails = (document["emails"]?.array ?? []).compactMap { $0["value"]?.string }
            if mails.contains(where: { store[.user]?.isHeld(mail: $0, except: id) ?? false }) {
                throw duplicate("the e-mail address is taken")
            }
        }
        if kind == .group {
            var seen: Set<String> = []
            var members: [JSONValue] = []
            for member in document["members"]?.array ?? [] {
                guard let value = member["value"]?.string else {
                    throw ResourceSchemas.invalid("a member needs a value")
                }
                let isUser = store[.user]?[value] != nil
                let isGroup = store[.group]?[value] != nil
                guard isUser || isGroup || !options.checksMembers else {
                    throw ResourceSchemas.invalid("there is no resource \(value) to be a member")
                }
                var member = member
                // A nested group may have the id of a user.
                let isNested = has(.nestsGroups) && member["type"] == "Group"
                if isUser || isGroup, !isNested { member["type"] = isUser ? "User" : "Group" }
                if seen.insert("\(isNested) \(value)").inserted { members.append(member) }
            }
            document["members"] = members.isEmpty ? nil : .array(members)
        }
        return document
    }
}
