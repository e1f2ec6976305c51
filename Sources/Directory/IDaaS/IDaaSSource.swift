import HTTP
import JSON
import SCIM

/// Alibaba Cloud IDaaS (EIAM), through its management API or, for one application, its developer API.
///
/// Its lists carry no proof of their own: no order is promised, and nothing stands still while they are read. So a read
/// is believed when totals, ids, tokens and members agree; see `ListWalk` for a list and `read` for the whole.
public struct IDaaSSource: DirectorySource {
    let connection: IDaaSConnection
    var api: any IDaaSAPI { connection.api }

    /// Users asked for side by side; the pace says how many requests that makes.
    static let batch = 100
    /// Seconds by which the clocks may differ before expiry dates are no longer believed: what the signature tolerates.
    static let tolerance = 900.0

    /// The management API, signed with an access key.
    ///
    /// - Parameter client: paced transport without authorization.
    /// - Parameter application: the application whose provisioning scope is the source's; nil for none.
    public static func management(
        endpoint: URLParts, instance: String, application: String?, keys: any AccessKeySource, client: any HTTPClient,
        time: Time, retrying: (any HTTPClient) -> any HTTPClient
    ) -> IDaaSSource {
        let api = ManagementAPI(endpoint: endpoint, instance: instance, application: application)
        return IDaaSSource(
            connection: IDaaSConnection(
                api: api, client: retrying(Translated(next: Signed(next: client, keys: keys, time: time))), time: time))
    }

    /// The developer API of an application.
    ///
    /// - Parameter tokens: makes the token source for a token URL, over the client that it is to use.
    public static func application(
        endpoint: URLParts, instance: String, application: String, client: any HTTPClient, time: Time,
        tokens: (URLParts, any HTTPClient) -> any TokenSource,
        retrying: (any HTTPClient) -> any HTTPClient
    ) -> IDaaSSource {
        let api = DeveloperAPI(endpoint: endpoint, instance: instance, application: application)
        let translated = Translated(next: client)
        let source = tokens(DeveloperAPI.tokenURL(endpoint, instance: instance, application: application), translated)
        return IDaaSSource(
            connection: IDaaSConnection(api: api, client: retrying(Authorized(translated, tokens: source)), time: time))
    }

    public var identity: String { api.identity }
    public var hasLookUps: Bool { true }
    public var tellsGoneFromHidden: Bool { !api.isApplication }

    // MARK: reading

    public func read(_ wish: ReadWish, into sink: any DirectorySink) async throws -> ReadEvidence {
        var evidence = ReadEvidence(statement: "")
        let units = try await readUnits(wish, sink, &evidence)
        var said: [String] = []
        if wish.allUsers {
            var walk = ListWalk(.users, connection)
            try await walk.walk { item in try add(.user, item, sink) }
            conclude(walk, &evidence)
            said.append("\(walk.distinct) users on \(walk.pages) pages")
        }
        for unit in units {
            var walk = ListWalk(.usersOfUnit(unit), connection)
            try await walk.walk { item in
                let arrival = try wish.allUsers ? .new : add(.user, item, sink)
                guard arrival != .nameless, let user = item.field("userId", api.style)?.scalarText else {
                    return .nameless
                }
                if arrival == .contradicting { return arrival }
                return try sink.place(user: user, inUnit: unit) ? .new : .repeated
            }
            conclude(walk, &evidence)
        }
        if !units.isEmpty { said.append("the users of \(units.count) organizational units") }
        try await separateUnits(wish, sink)
        let groups = try await readGroups(wish, sink, &evidence)
        if let groups { said.append("\(groups.count) groups with their members") }
        try await resolveMembers(wish, sink, &evidence)
        if wish.details { try await readDetails(sink, &evidence) }
        let skew = connection.clockSkew
        if abs(skew) > Self.tolerance {
            evidence.violate(
                """
                the source's clock is \(IDaaSConnection.words(skew)) of this machine's, so expiry dates cannot be \
                judged; set the clock that is wrong
                """
            )
        }
        evidence.statement = "\(said.joined(separator: ", ")); totals, ids and members agree"
        return evidence
    }

    func add(_ kind: ResourceKind, _ item: JSONView, _ sink: any DirectorySink) throws -> Arrival {
        guard let record = record(kind, item) else { return .nameless }
        return try sink.add(record)
    }

    func record(_ kind: ResourceKind, _ item: JSONView) -> DirectoryRecord? {
        let id = item.field(kind == .user ? "userId" : "groupId", api.style)?.scalarText ?? ""
        return DirectoryRecord(kind, item, api.style, place: "\(kind == .user ? "user" : "group") \(id)")
    }

    func conclude(_ walk: ListWalk, _ evidence: inout ReadEvidence) {
        for violation in walk.violations { evidence.violate(violation, mayPass: true) }
    }

    // MARK: units

    /// The units whose users are to be read, with those below; puts the tree into the sink.
    ///
    /// A tree that lacks a unit hides everybody in it, so it is proven as the lists of users are.
    func readUnits(_ wish: ReadWish, _ sink: any DirectorySink, _ evidence: inout ReadEvidence) async throws
        -> [String]
    {
        let roots = Self.sorted(wish.units.union(wish.unitsAlone))
        guard !roots.isEmpty else { return [] }
        var children: [String: [String]] = [:]
        var parents: [String: String?] = [:]
        func take(_ unit: DirectoryUnit) throws -> Arrival {
            guard parents.updateValue(unit.parent, forKey: unit.id) == nil else { return .repeated }
            if let parent = unit.parent { children[parent, default: []].append(unit.id) }
            try sink.add(unit)
            return .new
        }
        func takeItem(_ item: JSONView) throws -> Arrival { try unit(item).map(take) ?? .nameless }
        // The whole tree in one list where there is one, else level by level.
        let hasOneList = api.request(.units(below: nil), .first) != nil
        if hasOneList {
            var walk = ListWalk(.units(below: nil), connection)
            try await walk.walk(takeItem)
            conclude(walk, &evidence)
            // Only the root has nothing above it.
            if parents.values.filter({ $0 == nil }).count > 1 {
                evidence.violate("organizational units: more than one shows no unit above it", mayPass: true)
            }
        }
        for root in roots where parents[root] == nil {
            do {
                guard case let found?? = try await find(unit: root) else {
                    evidence.refusals[root] = .broken(
                        "source.scope lists \(root), which the source does not have; correct the scope")
                    continue
                }
                if hasOneList, found.parent != nil {
                    evidence.violate(
                        """
                        organizational units: the list leaves out \(root), which is there when it is asked for by name
                        """,
                        mayPass: true)
                }
                _ = try take(found)
            } catch let failure as DirectoryFailure {
                if case .credentials = failure { evidence.refusals[root] = failure } else { throw failure }
            }
        }
        var wanted: Set<String> = []
        var open = roots.filter { parents[$0] != nil }
        while let unit = open.popLast() {
            guard wanted.insert(unit).inserted else { continue }
            // A unit that is wished for alone is read with those below it too: see `separateUnits`.
            if !hasOneList {
                var walk = ListWalk(.units(below: unit), connection)
                try await walk.walk(takeItem)
                conclude(walk, &evidence)
            }
            open += children[unit] ?? []
        }
        return Self.sorted(wanted)
    }

    static func sorted(_ ids: some Sequence<String>) -> [String] {
        ids.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }

    func unit(_ item: JSONView) -> DirectoryUnit? {
        guard let id = item.field("organizationalUnitId", api.style)?.scalarText, !id.isEmpty else { return nil }
        let parent = item.field("parentId", api.style)?.string
        return DirectoryUnit(
            id: id, name: item.field("organizationalUnitName", api.style)?.string,
            parent: parent?.isEmpty == true ? nil : parent)
    }

    public func find(unit id: String) async throws -> DirectoryUnit?? {
        switch try await connection.object(.unit(id), { unit($0) }) {
        case .value(let unit?): return .some(unit)
        case .refused(let error) where error.isMissingRecord: return .some(nil)
        case .value(nil):
            throw DirectoryFailure.broken("\(IDaaSObject.unit(id).operation) of \(id): the answer has no id")
        case .refused(let error): throw DirectoryFailure.broken("\(IDaaSObject.unit(id).operation) of \(id): \(error)")
        case .malformed(let why): throw DirectoryFailure.broken("\(IDaaSObject.unit(id).operation) of \(id): \(why)")
        }
    }

    /// Whether a unit's list of users holds those of the units below is not documented. Where a unit is wished for
    /// without them, whoever is in both lists is looked up.
    func separateUnits(_ wish: ReadWish, _ sink: any DirectorySink) async throws {
        for unit in Self.sorted(wish.unitsAlone) {
            var last = ""
            while case let users = try sink.users(inUnitAndBelow: unit, after: last, limit: Self.batch),
                let end = users.last
            {
                last = end
                for (id, answer) in try await sightings(users) {
                    guard case .there(let sighting)? = answer, sighting.record.units.contains(unit) else {
                        try sink.displace(user: id, fromUnit: unit)
                        continue
                    }
                }
            }
        }
    }

    // MARK: groups

    /// Reads the groups and their members; nil when none are wished for.
    func readGroups(_ wish: ReadWish, _ sink: any DirectorySink, _ evidence: inout ReadEvidence) async throws
        -> [String]?
    {
        var ids: [String] = []
        func take(_ item: JSONView) throws -> Arrival {
            guard let record = record(.group, item) else { return .nameless }
            let arrival = try sink.add(record)
            if arrival == .new { ids.append(record.id) }
            return arrival
        }
        switch wish.groups {
        case .none: return nil
        case .all:
            var walk = ListWalk(.groups, connection)
            try await walk.walk(take)
            conclude(walk, &evidence)
        case .listed(let listed):
            let wanted = Self.sorted(listed)
            if api.request(.groupsByID([]), .first) != nil {
                for start in stride(from: 0, to: wanted.count, by: Self.batch) {
                    var walk = ListWalk(
                        .groupsByID(Array(wanted[start..<min(start + Self.batch, wanted.count)])), connection)
                    try await walk.walk(take)
                    conclude(walk, &evidence)
                }
            } else {
                for group in wanted {
                    switch try await connection.object(.group(group), { try take($0) }) {
                    case .value, .refused: break
                    case .malformed(let why): evidence.violate("group \(group): \(why)", mayPass: true)
                    }
                }
            }
            for group in wanted where !ids.contains(group) {
                evidence.refusals[group] = .broken(
                    "source.scope lists \(group), which the source does not have; correct the scope")
            }
        }
        for group in ids {
            var walk = ListWalk(.members(group), connection)
            try await walk.walk { item in
                guard let user = item.field("userId", api.style)?.scalarText else { return .nameless }
                return try sink.add(members: [user], of: group) == 1 ? .new : .repeated
            }
            try sink.note(pages: walk.pages, ofGroup: group)
            conclude(walk, &evidence)
        }
        return ids
    }

    public func members(of group: String) async throws -> (members: [String], violations: [String])? {
        var members: Set<String> = []
        var walk = ListWalk(.members(group), connection)
        try await walk.walk { item in
            guard let user = item.field("userId", api.style)?.scalarText else { return .nameless }
            return members.insert(user).inserted ? .new : .repeated
        }
        return (Self.sorted(members), walk.violations)
    }

    /// Fetches the users that are members and were in no list. One that does not exist breaks the proof: who is a
    /// member of what is then not known.
    func resolveMembers(_ wish: ReadWish, _ sink: any DirectorySink, _ evidence: inout ReadEvidence)
        async throws
    {
        // Of users by scope, only the members of the groups that make up the scope are wanted.
        let groups = wish.allUsers ? nil : Self.sorted(wish.groupsOfUsers)
        if let groups, groups.isEmpty { return }
        var last = ""
        while case let unknown = try sink.unknownMembers(of: groups, after: last, limit: Self.batch),
            let end = unknown.last
        {
            last = end
            var missing = Set(unknown)
            if !wish.allUsers, api.request(.usersByID([]), .first) != nil {
                var walk = ListWalk(.usersByID(unknown), connection)
                var found: Set<String> = []
                try await walk.walk { item in
                    let arrival = try add(.user, item, sink)
                    if let id = item.field("userId", api.style)?.scalarText { found.insert(id) }
                    return arrival
                }
                missing.subtract(found)
            }
            for (id, answer) in try await sightings(Self.sorted(missing)) {
                switch answer {
                // As a list would have shown it: what lists do not carry is read for everybody or for nobody.
                case .there(let sighting)?: _ = try sink.add(sighting.record.asListed)
                case .gone?, nil:
                    evidence.violate(
                        """
                        \(id) is a member of a group and no user of the source (\(IDaaSObject.user(id).operation) \
                        does not find it)
                        """,
                        mayPass: true)
                }
            }
        }
    }
}
