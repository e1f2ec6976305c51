import JSON
import SCIM

/// How an emulated server behaves, beyond what RFC 7644 fixes: switches for the kinds of server that exist.
public struct ServiceOptions: Sendable {
    public var patch = true
    public var filter = true
    public var cursor = false
    public var etag = true
    /// Resources in one page at the most; a larger `count` gets fewer.
    public var maxResults = 200
    /// Static bearer tokens that are accepted; empty and no clients: no authorization is asked for.
    public var tokens: Set<String> = []
    /// OAuth clients, id to secret, for `POST /oauth/token`.
    public var clients: [String: String] = [:]
    /// Seconds that an issued token is good for.
    public var tokenLife = 3600.0
    /// Whether PATCH answers 204 instead of the resource.
    public var answersPatchWithNoContent = false
    /// Top-level attributes that are accepted and forgotten.
    public var dropped: Set<String> = []
    /// Attributes whose values are stored in lower case.
    public var lowercased: Set<String> = []
    /// Whether a PATCH or PUT that sets `active` is accepted without effect.
    public var ignoresActive = false
    /// Whether DELETE of a user only sets `active` to false.
    public var deleteDeactivates = false
    /// Whether a list of groups leaves their members out; GET by id shows them.
    public var listsWithoutMembers = false
    /// Whether user names are unique; RFC 7643 asks for it, and not every server keeps to it.
    public var uniqueUserNames = true
    /// Whether group names are unique.
    public var uniqueGroupNames = true
    /// Whether no two users may have one e-mail address.
    public var uniqueMails = false
    /// Whether a member must be a resource of this server; RFC 7643 does not ask for it.
    public var checksMembers = false
    /// Seconds until what was created can be read; writes by id reach it at once.
    public var visibleAfter = 0.0
    /// Names (userName or displayName) that are refused with 400.
    public var refused: Set<String> = []
    /// What a vendor's server asks beyond that.
    public var vendor = VendorRules()

    public init() {}
}

/// A SCIM 2.0 server as a pure state machine: a request in, an answer out, nothing else. A copy is a snapshot.
public struct SCIMService: Sendable {
    public var options: ServiceOptions
    /// Requests by method and kind of path, such as `GET /Users`.
    public private(set) var counters: [String: Int] = [:]
    public private(set) var store: [ResourceKind: ResourceStore]
    private var issued: [String: Double] = [:]
    private var serial = 0
    private let prefix: String

    /// - Parameter prefix: the path before `/Users`, such as `/scim/v2`.
    public init(prefix: String = "/scim/v2", options: ServiceOptions = ServiceOptions()) {
        self.prefix = prefix
        self.options = options
        store = [.user: ResourceStore(), .group: ResourceStore()]
    }

    public var requests: Int { counters.values.reduce(0, +) }

    public mutating func handle(_ request: EmulatedRequest) -> EmulatedResponse {
        var response = answer(request)
        response.headers.append(("Date", EmulatedClock.httpDate(request.now)))
        return response
    }

    private mutating func answer(_ request: EmulatedRequest) -> EmulatedResponse {
        if request.path == "/oauth/token" || request.path == "\(prefix)/oauth/token" { return issueToken(request) }
        guard request.path == prefix || request.path.hasPrefix(prefix + "/") else { return error(SCIMError(status: 404, detail: "no such path")) }
        let parts = request.path.dropFirst(prefix.count).split(separator: "/").map(String.init)
        counters["\(request.method) /\(parts.first ?? "")", default: 0] += 1
        let isDiscovery = ["ServiceProviderConfig", "Schemas", "ResourceTypes"].contains(parts.first ?? "")
        if !isDiscovery, !isAuthorized(request) {
            var refusal = error(SCIMError(status: 401, detail: "the bearer token is missing or wrong"))
            refusal.headers.append(("WWW-Authenticate", "Bearer"))
            return refusal
        }
        let rules = options.vendor
        if rules.needsUserAgent, request.headers["user-agent"] == nil { return error(SCIMError(status: 403, detail: "a User-Agent is needed")) }
        if parts.first == "Groups", rules.refusedGroupMethods.contains(request.method) { return error(SCIMError(status: 405, detail: "\(request.method) is not supported")) }
        if rules.refusedMethods.contains(request.method) { return error(SCIMError(status: 405, detail: "\(request.method) is not supported")) }
        if !rules.hasGroups && parts.first == "Groups" || !rules.hasConfig && parts.first == "ServiceProviderConfig" { return error(SCIMError(status: 404, detail: "no such path")) }
        do {
            switch (request.method, parts.first ?? "", parts.count) {
            case ("GET", "ServiceProviderConfig", 1): return .json(200, serviceProviderConfig(request))
            case ("GET", "Schemas", _), ("GET", "ResourceTypes", _): return try discovery(parts, request)
            case (_, "ServiceProviderConfig", _), (_, "Schemas", _), (_, "ResourceTypes", _): throw SCIMError(status: 405, detail: "\(request.method) is not allowed here")
            case ("POST", ".search", 1): return try list(ResourceKind.allCases, try search(request))
            case ("POST", "Users", 2) where parts[1] == ".search": return try list([.user], try search(request))
            case ("POST", "Groups", 2) where parts[1] == ".search": return try list([.group], try search(request))
            case (_, "Users", 1), (_, "Users", 2): return try resource(.user, parts.count == 2 ? parts[1] : nil, request)
            case (_, "Groups", 1), (_, "Groups", 2): return try resource(.group, parts.count == 2 ? parts[1] : nil, request)
            case (_, "Me", _), (_, "Bulk", _), (_, ".search", _): throw SCIMError(status: 501, detail: "not implemented")
            default: throw SCIMError(status: 404, detail: "no such path")
            }
        } catch let failure as SCIMError {
            return error(failure)
        } catch {
            return self.error(SCIMError(status: 400, scimType: "invalidSyntax", detail: "\(error)"))
        }
    }

    private func error(_ error: SCIMError) -> EmulatedResponse { .json(error.status, error.document) }

    // MARK: authorization

    private func isAuthorized(_ request: EmulatedRequest) -> Bool {
        if options.tokens.isEmpty, options.clients.isEmpty { return true }
        guard let header = request.headers["authorization"], header.hasPrefix("Bearer ") else { return false }
        let token = String(header.dropFirst(7))
        return options.tokens.contains(token) || (issued[token] ?? 0) > request.now
    }

    private mutating func issueToken(_ request: EmulatedRequest) -> EmulatedResponse {
        counters["POST /oauth/token", default: 0] += 1
        var fields = EmulatedRequest.form(String(decoding: request.body, as: UTF8.self)).merging(request.query) { body, _ in body }
        if let header = request.headers["authorization"], header.hasPrefix("Basic "), let text = Base64Decoder.decode(String(header.dropFirst(6))) {
            let halves = text.split(separator: ":", maxSplits: 1).map(String.init)
            if halves.count == 2 { (fields["client_id"], fields["client_secret"]) = (EmulatedRequest.form("a=\(halves[0])")["a"], EmulatedRequest.form("a=\(halves[1])")["a"]) }
        }
        func refuse(_ status: Int, _ code: String) -> EmulatedResponse { .json(status, ["error": .string(code)], type: "application/json") }
        guard request.method == "POST" else { return refuse(405, "invalid_request") }
        guard fields["grant_type"] == "client_credentials" else { return refuse(400, "unsupported_grant_type") }
        guard let id = fields["client_id"], let secret = options.clients[id], secret == fields["client_secret"] else { return refuse(401, "invalid_client") }
        serial += 1
        let token = "issued-\(serial)-\(Digest.hexadecimal("\(id) \(serial)").prefix(24))"
        issued[token] = request.now + options.tokenLife
        return .json(
            200, ["access_token": .string(token), "token_type": "Bearer", "expires_in": options.vendor.tellsLifeAsText ? .string(String(Int(options.tokenLife))) : .integer(Int64(options.tokenLife))],
            type: "application/json")
    }

    /// Makes every issued token worthless, as a server does that restarts.
    public mutating func revokeTokens() { issued.removeAll() }

    // MARK: discovery

    private func base(_ request: EmulatedRequest) -> String { request.origin + prefix }

    private func serviceProviderConfig(_ request: EmulatedRequest) -> JSONValue {
        var config: JSONValue = [
            "schemas": [.string(SchemaURN.serviceProviderConfig)], "documentationUri": "https://rollcall.example/sandbox",
            "patch": ["supported": .bool(options.patch)], "bulk": ["supported": false, "maxOperations": 0, "maxPayloadSize": 0],
            "filter": ["supported": .bool(options.filter), "maxResults": .integer(Int64(options.maxResults))], "changePassword": ["supported": false], "sort": ["supported": false],
            "etag": ["supported": .bool(options.etag)],
            "authenticationSchemes": [["type": "oauthbearertoken", "name": "Bearer token", "description": "A bearer token in the Authorization header", "primary": true]],
            "meta": ["resourceType": "ServiceProviderConfig", "location": .string("\(base(request))/ServiceProviderConfig")],
        ]
        if options.cursor {
            config["pagination"] = [
                "cursor": true, "index": true, "defaultPaginationMethod": "cursor", "defaultPageSize": .integer(Int64(options.maxResults)), "maxPageSize": .integer(Int64(options.maxResults)),
            ]
        }
        return config
    }

    private func discovery(_ parts: [String], _ request: EmulatedRequest) throws -> EmulatedResponse {
        if request.query["filter"] != nil { throw SCIMError(status: 403, detail: "discovery endpoints take no filter") }
        let documents: [(id: String, document: JSONValue)]
        if parts[0] == "Schemas" {
            documents = [SchemaDefinition.user, .group, .enterpriseUser].map { ($0.id, $0.document(base(request))) }
        } else {
            documents = ResourceKind.allCases.map { kind in
                let name = kind == .user ? "User" : "Group"
                var document: JSONValue = [
                    "schemas": [.string(SchemaURN.resourceType)], "id": .string(name), "name": .string(name), "endpoint": .string(kind.endpoint), "description": .string(name),
                    "schema": .string(kind.schema), "meta": ["resourceType": "ResourceType", "location": .string("\(base(request))/ResourceTypes/\(name)")],
                ]
                if kind == .user { document["schemaExtensions"] = [["schema": .string(SchemaURN.enterpriseUser), "required": false]] }
                return (name, document)
            }
        }
        if parts.count > 1 {
            let id = parts[1...].joined(separator: "/")
            guard let found = documents.first(where: { $0.id == id }) else { throw SCIMError(status: 404, detail: "no such document") }
            return .json(200, found.document)
        }
        let count = JSONValue.integer(Int64(documents.count))
        return .json(200, ["schemas": [.string(SchemaURN.listResponse)], "totalResults": count, "itemsPerPage": count, "startIndex": 1, "Resources": .array(documents.map(\.document))])
    }

    // MARK: resources

    private mutating func resource(_ kind: ResourceKind, _ id: String?, _ request: EmulatedRequest) throws -> EmulatedResponse {
        guard let id else {
            switch request.method {
            case "GET": return try list([kind], request)
            case "POST": return try create(kind, request)
            default: throw SCIMError(status: 405, detail: "\(request.method) is not allowed here")
            }
        }
        guard let current = store[kind]?[id], isVisible(current) else { throw SCIMError(status: 404, detail: "there is no \(kind.singular) \(id)") }
        if ["PUT", "PATCH", "DELETE"].contains(request.method), options.etag, let wanted = request.headers["if-match"], wanted != "*", wanted != current.etag {
            throw SCIMError(status: 412, detail: "the version is \(current.etag)")
        }
        switch request.method {
        case "GET" where current.created + options.visibleAfter > request.now: throw SCIMError(status: 404, detail: "there is no \(kind.singular) \(id) yet")
        case "GET":
            if options.etag, request.headers["if-none-match"] == current.etag { return EmulatedResponse(status: 304, headers: [("ETag", current.etag)]) }
            return answer(200, kind, current, request)
        case "PUT":
            return answer(200, kind, try save(kind, id, try ResourceSchemas.of(kind).normalised(try body(request)), was: current, request), request)
        case "PATCH":
            guard options.patch else { throw SCIMError(status: 501, detail: "PATCH is not supported") }
            let schemas = ResourceSchemas.of(kind)
            let document = kind == .group ? try options.vendor.groupPatch(try body(request)) : try body(request)
            let patched = try Patcher(schemas: schemas).apply(document, to: current.document)
            let saved = try save(kind, id, try schemas.normalised(patched), was: current, request)
            if options.answersPatchWithNoContent || kind == .group && options.vendor.hidesMembers { return EmulatedResponse(status: 204, headers: [("ETag", saved.etag)]) }
            return answer(200, kind, saved, request)
        case "DELETE":
            if let refusal = refusal(toDelete: kind, current) { throw refusal }
            if kind == .user, options.deleteDeactivates {
                var document = current.document
                document["active"] = false
                _ = try save(kind, id, document, was: current, request)
            } else {
                store[kind]?.remove(id)
                if kind == .user { store[.group]?.removeMember(id, now: request.now) }
            }
            return EmulatedResponse(status: 204)
        default: throw SCIMError(status: 405, detail: "\(request.method) is not allowed here")
        }
    }

    private func duplicate(_ detail: String) -> SCIMError {
        options.vendor.tersesDuplicates ? SCIMError(status: 409, detail: "Refused to create a new, duplicate resource.") : SCIMError(status: 409, scimType: "uniqueness", detail: detail)
    }

    private func isVisible(_ resource: ResourceStore.Resource) -> Bool { !options.vendor.hidesUnmanaged || resource.document["externalId"]?.string != nil }

    private func refusal(toDelete kind: ResourceKind, _ current: ResourceStore.Resource) -> SCIMError? {
        let rules = options.vendor
        if let why = rules.undeletable[current.id] { return SCIMError(status: 409, detail: why) }
        if !rules.writesToUnmanaged, current.document["externalId"]?.string == nil { return SCIMError(status: 403, detail: "user is not managed by SCIM") }
        if kind == .group, rules.groupsMustBeEmpty, current.document["members"]?.array?.isEmpty == false {
            return SCIMError(status: 400, detail: "DeleteGroupNotAllowExistUser: remove the members first")
        }
        if kind == .user, rules.usersMustLeaveGroups, store[.group]?.groups(of: current.id).isEmpty == false {
            return SCIMError(status: 400, detail: "UserAlreadyExistsGroup: remove the user from its groups first")
        }
        return nil
    }

    private func body(_ request: EmulatedRequest) throws -> JSONValue {
        do { return try JSONValue(parsing: request.body) } catch { throw SCIMError(status: 400, scimType: "invalidSyntax", detail: "the body is no JSON: \(error)") }
    }

    private mutating func create(_ kind: ResourceKind, _ request: EmulatedRequest) throws -> EmulatedResponse {
        let given = try ResourceSchemas.of(kind).normalised(try body(request))
        if let complaint = options.vendor.complaint(kind, given, was: nil) { throw complaint }
        if options.vendor.takesOver, let name = given[kind.nameAttribute]?.string, let id = store[kind]?.id(named: name), let current = store[kind]?[id], !isVisible(current) {
            return answer(201, kind, try save(kind, id, given, was: current, request), request)
        }
        let document = try accepted(kind, given, except: nil)
        serial += 1
        let digits = String(serial, radix: 16)
        let id = "2819c223-7f76-453a-919d-" + String(repeating: "0", count: max(0, 12 - digits.count)) + digits
        let stored = ResourceStore.Resource(id: id, document: document, created: request.now, modified: request.now, version: 1)
        store[kind]?.insert(stored, kind: kind)
        return answer(201, kind, stored, request)
    }

    private mutating func save(_ kind: ResourceKind, _ id: String, _ document: JSONValue, was current: ResourceStore.Resource, _ request: EmulatedRequest) throws -> ResourceStore.Resource {
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
        return new
    }

    /// Applies the server's habits and checks what must be unique.
    private func accepted(_ kind: ResourceKind, _ document: JSONValue, except id: String?) throws -> JSONValue {
        var document = document
        for name in options.dropped { document[name] = nil }
        if kind == .user, let kept = options.vendor.keptUserAttributes {
            document = .object((document.object ?? [:]).filter { kept.contains($0.key) || ["schemas", "externalId"].contains($0.key) })
        }
        for name in options.lowercased { if let text = document[name]?.string { document[name] = .string(text.lowercased()) } }
        // An account is born active; a value that was taken away stays away.
        if kind == .user, id == nil, document["active"] == nil, options.vendor.keptUserAttributes == nil { document["active"] = true }
        document["password"] = nil
        let name = document[kind.nameAttribute]?.string ?? ""
        if options.refused.contains(name) { throw SCIMError(status: 400, scimType: "invalidValue", detail: "\(kind.nameAttribute) is not acceptable here") }
        if kind == .user ? options.uniqueUserNames : options.uniqueGroupNames, let other = store[kind]?.id(named: name), other != id {
            throw duplicate("\(kind.nameAttribute) is taken")
        }
        if kind == .user, options.vendor.tersesDuplicates, let mark = document["externalId"]?.string, let other = store[.user]?.id(marked: mark), other != id { throw duplicate("externalId is taken") }
        if kind == .user, options.uniqueMails {
            let mails = Set((document["emails"]?.array ?? []).compactMap { $0["value"]?.string?.lowercased() })
            for other in store[.user]?.order ?? [] where other != id {
                let held = (store[.user]?[other]?.document["emails"]?.array ?? []).compactMap { $0["value"]?.string?.lowercased() }
                if held.contains(where: mails.contains) { throw duplicate("the e-mail address is taken") }
            }
        }
        if kind == .group {
            var seen: Set<String> = []
            var members: [JSONValue] = []
            for member in document["members"]?.array ?? [] {
                guard let value = member["value"]?.string else { throw ResourceSchemas.invalid("a member needs a value") }
                let isUser = store[.user]?[value] != nil
                let isGroup = store[.group]?[value] != nil
                guard isUser || isGroup || !options.checksMembers else { throw ResourceSchemas.invalid("there is no resource \(value) to be a member") }
                var member = member
                if isUser || isGroup { member["type"] = isUser ? "User" : "Group" }
                if seen.insert(value).inserted { members.append(member) }
            }
            document["members"] = members.isEmpty ? nil : .array(members)
        }
        return document
    }

    // MARK: answers

    private func rendered(_ kind: ResourceKind, _ resource: ResourceStore.Resource, _ request: EmulatedRequest) -> JSONValue {
        var document = resource.document
        let location = "\(base(request))\(kind.endpoint)/\(resource.id)"
        document["id"] = .string(resource.id)
        if kind == .user, !options.vendor.userNameSuffix.isEmpty, let name = document["userName"]?.string { document["userName"] = .string(name + options.vendor.userNameSuffix) }
        var meta: JSONValue = [
            "resourceType": .string(kind == .user ? "User" : "Group"), "created": .string(EmulatedClock.timestamp(resource.created)),
            "lastModified": .string(EmulatedClock.timestamp(resource.modified)),
            "location": .string(location),
        ]
        if options.etag { meta["version"] = .string(resource.etag) }
        document["meta"] = meta
        if kind == .user {
            let groups = store[.group]?.groups(of: resource.id) ?? []
            if !groups.isEmpty {
                document["groups"] = .array(
                    groups.map { group in
                        ["value": .string(group.id), "$ref": .string("\(base(request))/Groups/\(group.id)"), "display": group.document["displayName"] ?? .null, "type": "direct"]
                    })
            }
        } else if let members = document["members"]?.array {
            document["members"] = .array(
                members.map { member in
                    guard member["type"] != nil else { return member }
                    var member = member
                    let endpoint = member["type"] == "Group" ? "Groups" : "Users"
                    member["$ref"] = .string("\(base(request))/\(endpoint)/\(member["value"]?.string ?? "")")
                    return member
                })
        }
        if options.vendor.hidesMembers {
            document["members"] = kind == .group ? .array([]) : nil
            document["groups"] = nil
        }
        return project(document, request)
    }

    /// `attributes` and `excludedAttributes` (RFC 7644, section 3.9).
    private func project(_ document: JSONValue, _ request: EmulatedRequest) -> JSONValue {
        func names(_ key: String) -> [String]? { request.query[key]?.split(separator: ",").map { $0.trimmed.lowercased() } }
        let always: Set<String> = ["id", "schemas"]
        if let wanted = names("attributes") {
            let tops = Set(wanted.map { Self.top($0) })
            return .object((document.object ?? [:]).filter { always.contains($0.key.lowercased()) || tops.contains($0.key.lowercased()) })
        }
        if let unwanted = names("excludedAttributes") ?? names("excludedattributes") {
            let tops = Set(unwanted.filter { !$0.dropFirst(4).contains(".") || $0.hasPrefix("urn:") }.map { Self.top($0) })
            return .object((document.object ?? [:]).filter { always.contains($0.key.lowercased()) || !tops.contains($0.key.lowercased()) })
        }
        return document
    }

    private static func top(_ path: String) -> String {
        if path.hasPrefix("urn:") {
            let core = SchemaURN.user.lowercased() + ":"
            let group = SchemaURN.group.lowercased() + ":"
            for prefix in [core, group] where path.hasPrefix(prefix) { return String(path.dropFirst(prefix.count).prefix { $0 != "." }) }
            let enterprise = SchemaURN.enterpriseUser.lowercased()
            if path.hasPrefix(enterprise) { return enterprise }
        }
        return String(path.prefix { $0 != "." })
    }

    private func answer(_ status: Int, _ kind: ResourceKind, _ resource: ResourceStore.Resource, _ request: EmulatedRequest) -> EmulatedResponse {
        var headers = [(name: "Location", value: "\(base(request))\(kind.endpoint)/\(resource.id)")]
        if options.etag { headers.append(("ETag", resource.etag)) }
        return .json(status, rendered(kind, resource, request), headers: headers)
    }

    // MARK: lists

    /// A search request's body as the query of a list (RFC 7644, section 3.4.3).
    private func search(_ request: EmulatedRequest) throws -> EmulatedRequest {
        var copy = request
        for (name, value) in try body(request).object ?? [:] {
            if let text = value.string { copy.query[name] = text }
            if let number = value.integer { copy.query[name] = String(number) }
            if let names = value.array { copy.query[name] = names.compactMap(\.string).joined(separator: ",") }
        }
        copy.query["schemas"] = nil
        return copy
    }

    private func list(_ kinds: [ResourceKind], _ request: EmulatedRequest) throws -> EmulatedResponse {
        var found: [(kind: ResourceKind, id: String)] = []
        for kind in kinds {
            found += try ids(kind, request).filter { (store[kind]?[$0]?.created ?? 0) + options.visibleAfter <= request.now }.map { (kind, $0) }
        }
        func number(_ name: String) throws -> Int? {
            guard let text = request.query[name] else { return nil }
            guard let number = Int(text) else { throw SCIMError(status: 400, scimType: "invalidValue", detail: "\(name) must be a number") }
            return number
        }
        if options.vendor.refusesStartIndex, request.query["startIndex"] != nil { throw SCIMError(status: 400, detail: "startIndex is not supported") }
        if let cap = options.vendor.listCap ?? (options.vendor.ignoresCursor ? 50 : nil) {
            found = Array(found.prefix(cap))
        }
        let count = min(max(try number("count") ?? options.maxResults, 0), options.maxResults)
        let total = found.count
        var document: JSONValue = ["schemas": [.string(SchemaURN.listResponse)], "totalResults": .integer(Int64(total))]
        let start: Int
        if options.cursor, let cursor = request.query["cursor"] {
            guard let position = cursor.isEmpty ? 0 : Int(cursor.dropFirst()) else { throw SCIMError(status: 400, scimType: "invalidCursor", detail: "the cursor is unknown") }
            start = position
            if start + count < total { document["nextCursor"] = .string("c\(start + count)") }
        } else {
            start = max(try number("startIndex") ?? 1, 1) - 1
            document["startIndex"] = .integer(Int64(start + 1))
        }
        let page = found.dropFirst(start).prefix(count).compactMap { entry -> JSONValue? in
            guard let resource = store[entry.kind]?[entry.id] else { return nil }
            var document = rendered(entry.kind, resource, request)
            if options.listsWithoutMembers { document["members"] = nil }
            return document
        }
        document["itemsPerPage"] = .integer(Int64(page.count))
        if options.vendor.writesNumbersAsText {
            document["itemsPerPage"] = .string(String(page.count))
            document["startIndex"] = "1"
        }
        // With cursors no total is told.
        if options.cursor, options.vendor.takesMemberLists, request.query["cursor"] != nil { document["totalResults"] = nil }
        document["Resources"] = .array(page)
        return .json(200, document)
    }

    /// The ids that a request's filter selects, in the order of creation.
    private func ids(_ kind: ResourceKind, _ request: EmulatedRequest) throws -> [String] {
        let ids = (store[kind]?.order ?? []).filter { id in store[kind]?[id].map(isVisible) ?? false }
        guard let text = request.query["filter"], !text.isEmpty else { return ids }
        guard options.filter else { throw SCIMError(status: 501, detail: "filters are not supported") }
        let filter = try Filter(parsing: text)
        if let known = options.vendor.filterable, case .compare(let path, _, _) = filter, !known.contains(path.lowercased()) {
            throw SCIMError(status: 400, scimType: "invalidFilter", detail: "filtering by \(path) is not supported")
        }
        if case .compare(let path, .eq, .string(let value)) = filter {
            if kind == .user, path.lowercased() == "groups.value" {
                guard !options.vendor.refusesGroupsFilter else { throw SCIMError(status: 400, scimType: "invalidFilter", detail: "groups.value is not supported") }
                return (store[.group]?[value]?.document["members"]?.array ?? []).compactMap { $0["value"]?.string }
            }
            if kind == .group, path.lowercased() == "members.value" { return (store[.group]?.groups(of: value) ?? []).map(\.id) }
        }
        if let shortcut = store[kind]?.shortcut(filter, kind: kind) { return shortcut.filter { id in store[kind]?[id].map(isVisible) ?? false } }
        let schemas = ResourceSchemas.of(kind)
        let whole = EmulatedRequest(method: "GET", path: "", origin: request.origin)
        return ids.filter { id in
            guard let resource = store[kind]?[id] else { return false }
            return filter.matches(rendered(kind, resource, whole), isCaseExact: schemas.isCaseExact)
        }
    }

    // MARK: for tests and seeds

    /// Every resource of a kind as clients see it, in the order of creation.
    public func documents(_ kind: ResourceKind) -> [JSONValue] {
        (store[kind]?.order ?? []).compactMap { id in store[kind]?[id].map { rendered(kind, $0, EmulatedRequest(method: "GET", path: "")) } }
    }

    /// Puts a resource there as somebody else would have; returns its id. Throws what the server would refuse.
    @discardableResult
    public mutating func plant(_ kind: ResourceKind, _ document: JSONValue, now: Double = 0) throws -> String {
        // A console asks for less than the SCIM interface, and takes nothing over.
        let rules = options.vendor
        defer { options.vendor = rules }
        options.vendor.requiredOfUsers = []
        options.vendor.takesOver = false
        let response = try create(kind, EmulatedRequest(method: "POST", path: "", body: document.canonicalBytes, now: now))
        return try JSONValue(parsing: response.body)["id"]?.string ?? ""
    }

    /// Changes a resource as somebody else would.
    public mutating func meddle(_ kind: ResourceKind, _ id: String, _ change: (inout JSONValue) -> Void) throws {
        guard let current = store[kind]?[id] else { return }
        var document = current.document
        change(&document)
        _ = try save(kind, id, document, was: current, EmulatedRequest(method: "PUT", path: "", now: current.modified))
    }

    public mutating func remove(_ kind: ResourceKind, _ id: String) {
        store[kind]?.remove(id)
        if kind == .user { store[.group]?.removeMember(id, now: 0) }
    }
}

extension Substring {
    fileprivate var trimmed: Substring {
        var view = self
        while view.first == " " { view.removeFirst() }
        while view.last == " " { view.removeLast() }
        return view
    }
}

enum Base64Decoder {
    static func decode(_ text: String) -> String? {
        var bytes: [UInt8] = []
        var word = 0
        var bits = 0
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
        for byte in text.utf8 where byte != UInt8(ascii: "=") {
            guard let value = alphabet.firstIndex(of: byte) else { return nil }
            word = word << 6 | value
            bits += 6
            if bits >= 8 {
                bits -= 8
                bytes.append(UInt8(word >> bits & 255))
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
