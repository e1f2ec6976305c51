import HTTP
import JSON
import SCIM

/// Single records, and what the application says of itself.
extension IDaaSSource {
    // MARK: single records

    /// Replaces the users' records by fuller ones.
    func readDetails(_ sink: any DirectorySink, _ evidence: inout ReadEvidence) async throws {
        var last = ""
        while case let users = try sink.users(after: last, limit: Self.batch), let end = users.last {
            last = end
            for (id, answer) in try await sightings(users) {
                switch answer {
                case .there(let sighting)?: try sink.replace(sighting.record)
                case .gone?, nil:
                    evidence.violate("\(id) was in the list of users, and is not found by itself", mayPass: true)
                }
            }
        }
    }

    /// Looks users up side by side, in the order given.
    func sightings(_ users: [String]) async throws -> [(id: String, Finding?)] {
        let found = try await withThrowingTaskGroup(of: (Int, Finding?).self) { group in
            for (index, user) in users.enumerated() { group.addTask { (index, try await find(.user, user)) } }
            var found: [Int: Finding] = [:]
            for try await (index, finding) in group { found[index] = finding }
            return found
        }
        return users.enumerated().map { ($0.element, found[$0.offset]) }
    }

    public func find(_ kind: ResourceKind, _ id: String) async throws -> Finding? {
        let object: IDaaSObject = kind == .user ? .user(id) : .group(id)
        let answer = try await connection.object(object) { view -> Sighting? in
            guard let record = record(kind, view), record.id == id else { return nil }
            var groups: [String]?
            if let list = view.field("groups", api.style), list.kind == .array {
                groups = []
                list.forEachElement {
                    if let group = $0.field("groupId", api.style)?.scalarText { groups?.append(group) }
                }
            }
            return Sighting(record: record, groups: groups)
        }
        switch answer {
        case .value(let sighting?): return .there(sighting)
        case .value(nil): throw DirectoryFailure.broken("\(object.operation): asked for \(id), another record came")
        case .refused(let error) where error.isMissingRecord: return .gone
        case .refused(let error): throw DirectoryFailure.broken("\(object.operation) of \(id): \(error)")
        case .malformed(let why): throw DirectoryFailure.broken("\(object.operation) of \(id): \(why)")
        }
    }

    public func present(_ kind: ResourceKind, _ ids: [String]) async throws -> Set<String>? {
        let list: IDaaSList = kind == .user ? .usersByID(ids) : .groupsByID(ids)
        guard ids.count <= Self.batch, api.request(list, .first) != nil else { return nil }
        var found: Set<String> = []
        var walk = ListWalk(list, connection)
        try await walk.walk { item in
            guard let id = item.field(kind == .user ? "userId" : "groupId", api.style)?.scalarText, ids.contains(id)
            else { return .nameless }
            return found.insert(id).inserted ? .new : .repeated
        }
        if let violation = walk.violations.first { throw DirectoryFailure.broken("\(list.name): \(violation)") }
        return found
    }

    // MARK: the application

    public func ownScope() async throws -> DirectoryScope? {
        guard api.request(.provisioningScope) != nil else { return nil }
        return try await asked(.provisioningScope) { view in
            DirectoryScope(
                units: Self.texts(view.field("organizationalUnitIds", api.style)),
                groups: Self.texts(view.field("groupIds", api.style)))
        }
    }

    /// One page of users and, where wanted, one of groups and one of a group's members.
    public func probe(groups: Bool) async throws -> String? {
        func page(_ list: IDaaSList, _ body: (JSONView) -> Void) async throws -> Int {
            switch try await connection.page(list, .first, number: 1, body) {
            case .value(let page): return page.total ?? page.items
            case .refused(let error): throw DirectoryFailure.broken("\(list.name): \(error)")
            case .malformed(let why): throw DirectoryFailure.broken("\(list.name): \(why)")
            }
        }
        var said = "one page of users read, \(try await page(.users) { _ in }) declared"
        if groups {
            var first: String?
            let count = try await page(.groups) { item in first = first ?? item.field("groupId", api.style)?.scalarText
            }
            said += "; one page of groups, \(count) declared"
            if let first { said += "; the members of \(first), \(try await page(.members(first)) { _ in }) declared" }
        }
        return said
    }

    public func provisioning() async throws -> ProvisioningSettings? {
        guard api.request(.provisioningConfig) != nil else { return nil }
        var settings = try await asked(.provisioningConfig) { view in
            let scim = view.field("scimProvisioningConfig", api.style)
            return ProvisioningSettings(
                isEnabled: view.field("status", api.style)?.string == "enabled",
                protocolType: view.field("provisionProtocolType", api.style)?.string ?? "",
                baseURL: scim?.field("scimBaseUrl", api.style)?.string,
                actions: Self.texts(scim?.field("provisioningActions", api.style)),
                fullPushScopes: Self.texts(scim?.field("fullPushScopes", api.style)))
        }
        // Neither is in every region, nor allowed to every key: what is not told is not compared.
        settings.mapping = try await told(.profileMapping) { view in
            var mapping: [String: String] = [:]
            view.field("applicationProfileMappingAttributes", api.style)?.forEachElement { pair in
                if let target = pair.field("targetField", api.style)?.string,
                    let expression = pair.field("sourceValueExpression", api.style)?.string
                {
                    mapping[target] = expression
                }
            }
            return mapping.isEmpty ? nil : mapping
        }
        settings.lastPush = try await told(.pushes(since: Int((connection.now - 7 * 86400) * 1000))) { view in
            var last: ProvisioningSettings.Push?
            view.field("synchronizationJobs", api.style)?.forEachElement { job in
                guard let began = job.field("startTime", api.style)?.lenientInteger.map({ Double($0) / 1000 }),
                    began > last?.began ?? 0
                else { return }
                let users = job.field("result", api.style)?.field("userStatistics", api.style)
                let changed = ["created", "updated", "deleted"].compactMap {
                    users?.field($0, api.style)?.field("success", api.style)?.lenientInteger
                }.reduce(0) {
                    $0.addingReportingOverflow($1).partialValue
                }
                last = ProvisioningSettings.Push(
                    began: began, status: job.field("status", api.style)?.string ?? "",
                    changedUsers: max(0, Int(clamping: changed)))
            }
            return last
        }
        return settings
    }

    func told<Value>(_ object: IDaaSObject, _ body: (JSONView) throws -> Value?) async throws -> Value? {
        do {
            if case .value(let value) = try await connection.object(object, body) { return value }
        } catch let failure as DirectoryFailure {
            if case .cancelled = failure { throw failure }
        }
        return nil
    }

    func asked<Value>(_ object: IDaaSObject, _ body: (JSONView) throws -> Value) async throws -> Value {
        switch try await connection.object(object, body) {
        case .value(let value): return value
        case .refused(let error):
            throw DirectoryFailure.unreachable("\(object.operation): \(error); check source.application")
        case .malformed(let why): throw DirectoryFailure.broken("\(object.operation): \(why)")
        }
    }

    static func texts(_ list: JSONView?) -> [String] {
        var texts: [String] = []
        list?.forEachElement { if let text = $0.string { texts.append(text) } }
        return Self.sorted(texts)
    }
}
