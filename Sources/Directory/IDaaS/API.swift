import HTTP
import HTTPTypes

/// A list of IDaaS.
enum IDaaSList: Hashable, Sendable {
    case users
    case usersOfUnit(String)
    /// At most 100 users, by id.
    case usersByID([String])
    case groups
    case groupsByID([String])
    case members(String)
    /// All units, or those directly below one.
    case units(below: String?)

    /// What both APIs call the operation.
    var operation: String {
        switch self {
        case .users, .usersOfUnit, .usersByID: "ListUsers"
        case .groups, .groupsByID: "ListGroups"
        case .members: "ListUsersForGroup"
        case .units: "ListOrganizationalUnits"
        }
    }

    /// For messages.
    var name: String {
        switch self {
        case .users: "users"
        case .usersOfUnit(let unit): "users of organizational unit \(unit)"
        case .usersByID: "users by id"
        case .groups: "groups"
        case .groupsByID: "groups by id"
        case .members(let group): "members of group \(group)"
        case .units(let parent): parent.map { "organizational units below \($0)" } ?? "organizational units"
        }
    }
}

/// A single thing of IDaaS.
enum IDaaSObject: Hashable, Sendable {
    case user(String)
    case group(String)
    case unit(String)
    case provisioningScope
    case provisioningConfig
    /// IDaaS' own mapping of attributes for the application.
    case profileMapping
    /// The newest pushes to the application, since a time in milliseconds.
    case pushes(since: Int)

    /// What both APIs call the operation.
    var operation: String {
        switch self {
        case .user: "GetUser"
        case .group: "GetGroup"
        case .unit: "GetOrganizationalUnit"
        case .provisioningScope: "GetApplicationProvisioningScope"
        case .provisioningConfig: "GetApplicationProvisioningConfig"
        case .profileMapping: "GetApplicationUserProfileMapping"
        case .pushes: "ListSynchronizationJobs"
        }
    }
}

/// Which page of a list.
enum IDaaSPage: Hashable, Sendable {
    case first
    case number(Int)
    case token(String)
}

/// How one of the two APIs words what is asked of it. Pages are of 100, the most that either gives.
protocol IDaaSAPI: Sendable {
    var style: FieldStyle { get }
    /// Whether the API shows an application's scope only, so that gone and hidden are one.
    var isApplication: Bool { get }
    /// What the source is, for the ledger.
    var identity: String { get }
    /// The request for a page; nil where the API has no such list.
    func request(_ list: IDaaSList, _ page: IDaaSPage) -> HTTPRequest?
    /// Nil where the API has no such object.
    func request(_ object: IDaaSObject) -> HTTPRequest?
    /// The member of a page that holds its items.
    func items(_ list: IDaaSList) -> String
    /// The member that wraps a single object; nil where it stands at the top.
    func wrapper(_ object: IDaaSObject) -> String?
}

private let pageSize = "100"

/// The management API, version 2021-12-01: the whole instance, RPC style, signed with an access key.
/// Reads go by GET, so that a repeated one is never a second write.
struct ManagementAPI: IDaaSAPI {
    let endpoint: URLParts
    let instance: String
    /// The application whose provisioning scope is read; nil for none.
    let application: String?

    let style = FieldStyle.upperCamel
    let isApplication = false
    var identity: String { "idaas \(instance)" }

    func request(_ list: IDaaSList, _ page: IDaaSPage) -> HTTPRequest? {
        var query: [(String, String)] = []
        switch list {
        case .users: break
        case .usersOfUnit(let unit): query.append(("OrganizationalUnitId", unit))
        case .usersByID(let ids): query += ids.enumerated().map { ("UserIds.\($0.offset + 1)", $0.element) }
        case .groups: break
        case .groupsByID(let ids): query += ids.enumerated().map { ("GroupIds.\($0.offset + 1)", $0.element) }
        case .members(let group): query.append(("GroupId", group))
        case .units(let parent): if let parent { query.append(("ParentId", parent)) }
        }
        let hasTokens: Bool
        switch list {
        case .users, .usersOfUnit, .usersByID: hasTokens = true
        default: hasTokens = false
        }
        switch page {
        case .first:
            query += [("PageNumber", "1"), ("PageSize", pageSize)]
            // A service that pages by token ignores the two above, one that does not know tokens ignores this.
            if hasTokens { query.append(("MaxResults", pageSize)) }
        case .number(let number): query += [("PageNumber", String(number)), ("PageSize", pageSize)]
        case .token(let token): query += [("NextToken", token), ("MaxResults", pageSize)]
        }
        return request(list.operation, query)
    }

    func request(_ object: IDaaSObject) -> HTTPRequest? {
        switch object {
        case .user(let id): return request(object.operation, [("UserId", id)])
        case .group(let id): return request(object.operation, [("GroupId", id)])
        case .unit(let id): return request(object.operation, [("OrganizationalUnitId", id)])
        case .provisioningScope, .provisioningConfig, .profileMapping:
            return application.map { request(object.operation, [("ApplicationId", $0)]) }
        case .pushes(let since):
            return application.map {
                request(
                    object.operation,
                    [
                        ("TargetType", "application"), ("TargetIds.1", $0), ("Direction", "egress"),
                        ("StartTime", String(since)), ("PageNumber", "1"), ("PageSize", pageSize),
                    ])
            }
        }
    }

    private func request(_ action: String, _ query: [(String, String)]) -> HTTPRequest {
        var head = HTTPRequest(
            method: .get, scheme: endpoint.scheme, authority: endpoint.authority,
            path: "\(endpoint.path)/?" + ACS3Signature.canonical([("InstanceId", instance)] + query))
        head.headerFields[.accept] = "application/json"
        if let name = HTTPField.Name("x-acs-action") { head.headerFields[name] = action }
        if let name = HTTPField.Name("x-acs-version") { head.headerFields[name] = "2021-12-01" }
        return head
    }

    func items(_ list: IDaaSList) -> String {
        switch list {
        case .users, .usersOfUnit, .usersByID, .members: "Users"
        case .groups, .groupsByID: "Groups"
        case .units: "OrganizationalUnits"
        }
    }

    func wrapper(_ object: IDaaSObject) -> String? {
        switch object {
        case .profileMapping: "ApplicationUserProfileMapping"
        case .pushes: nil
        case .user: "User"
        case .group: "Group"
        case .unit: "OrganizationalUnit"
        case .provisioningScope: "ApplicationProvisioningScope"
        case .provisioningConfig: "ApplicationProvisioningConfig"
        }
    }
}

/// The developer API, version 2022-02-25: what one application may see, REST style, with a bearer token.
struct DeveloperAPI: IDaaSAPI {
    let endpoint: URLParts
    let instance: String
    let application: String

    let style = FieldStyle.lowerCamel
    let isApplication = true
    var identity: String { "idaas \(instance) as seen by \(application)" }

    private var base: String { "/v2/\(PercentEncoding.encode(instance))/\(PercentEncoding.encode(application))" }

    /// Where tokens come from.
    static func tokenURL(_ endpoint: URLParts, instance: String, application: String) -> URLParts {
        var url = endpoint
        url.path += "/v2/\(PercentEncoding.encode(instance))/\(PercentEncoding.encode(application))/oauth2/token"
        return url
    }

    func request(_ list: IDaaSList, _ page: IDaaSPage) -> HTTPRequest? {
        switch list {
        case .users: return numbered("/users", page)
        case .usersOfUnit(let unit): return numbered("/users", page, [("organizationalUnitId", unit)])
        case .groups: return byToken("/groups", page)
        case .members(let group):
            return byToken("/groups/\(PercentEncoding.encode(group))/actions/listUsersForGroup", page)
        case .units(let parent?): return numbered("/organizationalUnits", page, [("parentId", parent)])
        case .units(nil), .usersByID, .groupsByID: return nil
        }
    }

    private func numbered(_ path: String, _ page: IDaaSPage, _ query: [(String, String)] = []) -> HTTPRequest {
        var number = 1
        if case .number(let given) = page { number = given }
        return get(path, query + [("pageNumber", String(number)), ("pageSize", pageSize)])
    }

    private func byToken(_ path: String, _ page: IDaaSPage) -> HTTPRequest {
        var query = [("maxResults", pageSize)]
        if case .token(let token) = page { query.append(("nextToken", token)) }
        return get(path, query)
    }

    private func get(_ path: String, _ query: [(String, String)] = []) -> HTTPRequest {
        var head = endpoint.request(.get, base + path, query: query)
        head.headerFields[.accept] = "application/json"
        return head
    }

    func request(_ object: IDaaSObject) -> HTTPRequest? {
        switch object {
        case .user(let id): get("/users/\(PercentEncoding.encode(id))")
        case .group(let id): get("/groups/\(PercentEncoding.encode(id))")
        case .unit(let id): get("/organizationalUnits/\(PercentEncoding.encode(id))")
        case .provisioningScope: get("/provisioningScope")
        case .provisioningConfig, .profileMapping, .pushes: nil
        }
    }

    func items(_ list: IDaaSList) -> String { "data" }
    func wrapper(_ object: IDaaSObject) -> String? { nil }
}
