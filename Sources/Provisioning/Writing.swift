import HTTP
import HTTPTypes
import JSON
import SCIM
import SCIMTransport

/// Writing to the target, in the way that its server serves.
extension SCIMTarget {
    /// POST. A 2xx without an id in body or Location is malformed.
    public func create(_ kind: ResourceKind, _ changes: [Change]) async throws(SCIMFailure) -> Written {
        var body: JSONValue = ["schemas": [.string(kind.schema)]]
        for change in changes { change.path.set(change.value, in: &body) }
        let answer = try await connection.send(.post, kind.endpoint, body: body)
        let written = written(kind, answer)
        guard written.id != nil else { throw .malformed("the created resource has no id") }
        return written
    }

    /// Changes attributes: one PATCH, or GET and PUT where the server has no PATCH. With PUT the rest of the resource
    /// is sent back as it was read, so that what is not mapped stays.
    ///
    /// - Parameters:
    ///   - members: for groups: what must be seen of their members before a PUT.
    /// - isDisabled: for users: whether they are known to be disabled; a server that does not show that may take a PUT
    /// without it for access.
    public func update(
        _ kind: ResourceKind, _ id: String, _ changes: [Change], members: MembersOfPut? = nil, isDisabled: Bool = false
    ) async throws(SCIMFailure) -> Written {
        // Whoever is to lose access does not wait for a second record.
        let isUrgent = kind == .user && changes.contains { $0.path.description == "active" && $0.value == false }
        return try await fallingBack(kind, id, isUrgent: isUrgent) { byPatch throws(SCIMFailure) in
            if byPatch { return try await patch(kind, id, changes) }
            return try await replace(kind, id, members) { resource in
                if kind == .user, isDisabled, resource[resource.spelling(of: "active")] == nil {
                    resource["active"] = false
                }
                for change in changes { change.path.set(change.value, in: &resource) }
            }
        }
    }

    /// Whether objects of a kind are changed with PATCH; else they are read and replaced. Of groups it is decided when
    /// a run begins: what must be seen of their members before a PUT is gathered with the plan.
    public func patches(_ kind: ResourceKind) -> Bool {
        let dialect = connection.dialect
        switch (kind, capabilities.patch) {
        case (.user, true): return !dialect.has(.usersByPut)
        case (.user, false): return dialect.has(.usersByPatch)
        case (.group, true): return !dialect.wasKnown(.groupsByPut)
        case (.group, false): return dialect.wasKnown(.groupsByPatch)
        }
    }

    /// Changes an object in the way that the server serves. Two records at which it says that it does not serve the way
    /// prove it.
    private func fallingBack(
        _ kind: ResourceKind, _ id: String, isUrgent: Bool = false,
        _ change: (_ byPatch: Bool) async throws(SCIMFailure) -> Written
    ) async throws(SCIMFailure) -> Written {
        let byPatch = patches(kind)
        let dialect = connection.dialect
        let way: DialectWay =
            kind == .user
            ? (capabilities.patch ? .usersByPut : .usersByPatch) : (capabilities.patch ? .groupsByPut : .groupsByPatch)
        do {
            let written = try await change(byPatch)
            if byPatch { dialect.note(patchOf: id, isServed: true) }
            // One way that is served is no longer suspected not to be.
            if byPatch == capabilities.patch, !capabilities.isPatchSettled { dialect.forget(way) }
            return written
        } catch {
            if byPatch, !capabilities.isPatchSettled {
                switch error {
                case .outcomeUnknown: dialect.note(patchOf: id, isServed: false)
                // What is refused for the record's sake was understood.
                case .rejected, .conflict, .notFound: dialect.note(patchOf: id, isServed: true)
                default: break
                }
            }
            guard case .unsupported(var answer) = error, !capabilities.isPatchSettled else { throw error }
            guard byPatch == capabilities.patch else {
                // What was found out is not so any more, or never was.
                dialect.forget(way)
                if kind == .user { return try await change(!byPatch) }
                throw error
            }
            // What is proven for users needs one group only.
            let isProven =
                dialect.suspect(way, at: id) || kind == .group && dialect.has(byPatch ? .usersByPut : .usersByPatch)
            if isProven || isUrgent, kind == .user {
                // Remembered once it has gone well, at a second record.
                let written = try await change(!byPatch)
                if isProven { dialect.note(way) }
                return written
            }
            if isProven { dialect.note(way) }
            answer.detail +=
                """
                ; if the server does not serve \(byPatch ? "PATCH" : "PUT"), \(way.key ?? "") says so\
                \(isProven ? ", and the next run takes it so" : "")
                """
            throw .unsupported(answer)
        }
    }

    /// A resource as it stands, before it is written anew. That it cannot be read says nothing of how it is written.
    private func current(_ kind: ResourceKind, _ id: String) async throws(SCIMFailure) -> SCIMConnection.Answer {
        do { return try await connection.send(.get, place(kind, id)) } catch {
            if case .unsupported(let answer) = error { throw .rejected(answer) }
            throw error
        }
    }

    /// One PATCH that names only what changes. Where value filters are refused, or an element could not be named by
    /// one, the attribute is written whole: then what is there is read first, so that the other elements stay.
    private func patch(_ kind: ResourceKind, _ id: String, _ changes: [Change]) async throws(SCIMFailure) -> Written {
        let dialect = connection.dialect
        let isWhole =
            !isVendor && (dialect.has(.wholeValues) || dialect.has(.untypedValues) || dialect.has(.plainValues))
        let whole = changes.filter {
            $0.path.type != nil && (isWhole || profile.singleValued.contains($0.path.attribute))
        }
        var operations = changes.filter { change in !whole.contains { $0.path == change.path } }.compactMap {
            $0.path.patch($0.value, replacing: $0.replacesValue)
        }
        if !whole.isEmpty { operations += try await wholly(kind, id, whole) }
        // Everything that was to be taken away is away already.
        if operations.isEmpty { return Written(id: id, resource: nil) }
        do {
            return written(kind, try await connection.send(.patch, place(kind, id), body: patchDocument(operations)))
        } catch {
            guard case .rejected(let answer) = error, answer.scimType != "noTarget", whole.isEmpty, changes.count == 1,
                let change = changes.first, change.path.type != nil, !isVendor
            else {
                throw error
            }
            let again: [JSONValue]
            do { again = try await wholly(kind, id, changes, isRefused: true) } catch let second {
                if second.isFatal { throw second } else { throw error }
            }
            if again.isEmpty { throw error }
            let result = written(kind, try await connection.send(.patch, place(kind, id), body: patchDocument(again)))
            if dialect.suspect(.wholeValues, at: id) { dialect.note(.wholeValues) }
            return result
        }
    }

    /// A vendor's way of writing is known.
    private var isVendor: Bool { profile.capabilities != nil }

    /// The operations that write attributes whole, each element beside the changed one as it is shown.
    ///
    /// - Parameter isRefused: whether this server has just refused to find an element by a filter.
    private func wholly(_ kind: ResourceKind, _ id: String, _ changes: [Change], isRefused: Bool = false)
        async throws(SCIMFailure) -> [JSONValue]
    {
        var operations: [JSONValue] = []
        var open: [Change] = []
        for change in changes {
            // Where there is only ever one, nothing is beside it.
            guard profile.singleValued.contains(change.path.attribute) else { open.append(change); continue }
            let path = JSONValue.string(change.path.whole)
            if let value = change.value {
                operations.append([
                    "op": "replace", "path": path,
                    "value": [["value": value, "type": .string(change.path.type ?? "work"), "primary": true]],
                ])
            } else if change.replacesValue {
                operations.append(["op": "remove", "path": path])
            }
        }
        if open.isEmpty { return operations }
        let before: JSONValue
        do { before = try JSONValue(parsing: try await current(kind, id).body) } catch let failure as SCIMFailure {
            throw failure
        } catch { throw .malformed("\(error)") }
        for name in Set(open.map(\.path.whole)).sorted() {
            let parts = open.filter { $0.path.whole == name }
            let shown = parts[0].path.elements(in: before)
            // An account whose elements have types is changed by them, where the server lets that be.
            let hasTypes = shown.contains { $0[$0.spelling(of: "type")]?.string?.isEmpty == false }
            if hasTypes || shown.isEmpty, !isRefused, !connection.dialect.has(.wholeValues) {
                operations += parts.compactMap { $0.path.patch($0.value, replacing: $0.replacesValue) }
                continue
            }
            guard !shown.isEmpty || !parts.contains(where: \.replacesValue) else {
                throw .rejected(
                    SCIMError(
                        status: 0,
                        detail:
                            "\(Self.notSent) \(name) would be written whole, and the server does not show what is in it"
                    ))
            }
            var after = before
            for part in parts { part.path.set(part.value, in: &after) }
            let values = parts[0].path.elements(in: after)
            if values != shown {
                operations.append(
                    values.isEmpty
                        ? ["op": "remove", "path": .string(name)]
                        : ["op": "replace", "path": .string(name), "value": .array(values)])
            }
        }
        return operations
    }

    /// Adds and removes members of a group by their target ids.
    ///
    /// - Parameter known: what must be seen of the group's members before a PUT.
    public func changeMembers(of id: String, add: [String], remove: [String], members known: MembersOfPut? = nil)
        async throws(SCIMFailure) -> Written
    {
        try await fallingBack(.group, id) { byPatch throws(SCIMFailure) in
            try await change(membersOf: id, add, remove, known, byPatch)
        }
    }

    private func change(
        membersOf id: String, _ add: [String], _ remove: [String], _ known: MembersOfPut?, _ byPatch: Bool
    ) async throws(SCIMFailure) -> Written {
        if byPatch {
            var operations: [JSONValue] = []
            if !add.isEmpty {
                operations.append(["op": "add", "path": "members", "value": .array(add.map { ["value": .string($0)] })])
            }
            switch profile.memberRemoval {
            case .valueList where !remove.isEmpty:
                operations.append([
                    "op": "remove", "path": "members", "value": .array(remove.map { ["value": .string($0)] }),
                ])
            case .valueList: break
            case .pathFilter:
                operations += remove.map {
                    ["op": "remove", "path": .string("members[value eq \(JSONValue.string($0).canonical)]")]
                }
            }
            do {
                return written(
                    .group, try await connection.send(.patch, place(.group, id), body: patchDocument(operations)))
            } catch {
                // In another form a server may take it for all members: only the whole group is another way.
                guard case .rejected(var answer) = error, !remove.isEmpty, profile.memberRemoval == .pathFilter,
                    !isVendor, answer.status == 400
                else { throw error }
                answer.detail +=
                    """
                    \(answer.detail.isEmpty ? "" : "; ")if the server understands no filter in a path, \
                    target.capabilities: { patch: false } sends groups as a whole
                    """
                throw .rejected(answer)
            }
        }
        let leaving = Set(remove)
        return try await replace(.group, id, known) { resource in
            var members = Self.members.elements(in: resource)
            members.removeAll { member in
                !Self.isGroup(member) && Self.id(member, resource).map(leaving.contains) ?? false
            }
            let present = Set(members.compactMap { Self.id($0, resource) })
            members += add.filter { !present.contains($0) }.map { ["value": .string($0)] }
            Self.members.setElements(members, in: &resource)
        }
    }

    /// A member's id, also one that is a number.
    private static func id(_ member: JSONValue, _ group: JSONValue) -> String? {
        let value = member[member.spelling(of: "value")]
        guard let text = value?.string ?? value?.integer.map(String.init) ?? member.string else { return nil }
        let isAddress = group[group.spelling(of: "id")]?.string?.contains("://") ?? false
        return isAddress ? text : ShownResource.idInLocation(text) ?? text
    }

    private static let members = AttributePath(members: ())

    /// A member without what the server adds to it.
    private static func writable(_ member: JSONValue) -> JSONValue {
        var member = member
        guard member.object != nil else { return member }
        member[member.spelling(of: "display")] = nil
        // Where nothing else says what it is, the address does.
        if member[member.spelling(of: "value")] != nil, member[member.spelling(of: "type")] != nil {
            member[member.spelling(of: "$ref")] = nil
        }
        return member
    }

    static func isGroup(_ member: JSONValue) -> Bool {
        ShownResource.isGroup(
            type: member[member.spelling(of: "type")]?.string,
            reference: member[member.spelling(of: "$ref")]?.string ?? member[member.spelling(of: "value")]?.string)
    }

    /// DELETE. Whether it was there: a resource that is gone already is as good as deleted.
    @discardableResult
    public func delete(_ kind: ResourceKind, _ id: String) async throws(SCIMFailure) -> Bool {
        do {
            _ = try await connection.send(.delete, place(kind, id))
            return true
        } catch {
            // Gone after an attempt that may have been processed: it was ours.
            if case .notFound(let answer) = error { return answer.followsDoubt }
            throw error
        }
    }

    /// Members that go into one request: with PUT the whole group is sent, so all of them.
    public var memberChunk: Int { patches(.group) ? profile.memberChunk : .max }

    /// Requests that an update costs.
    public var requestsPerUpdate: Int { patches(.user) ? 1 : 2 }

    /// How the reason begins of what this program keeps back.
    private static let notSent = "not sent:"

    private func replace(_ kind: ResourceKind, _ id: String, _ known: MembersOfPut?, _ edit: (inout JSONValue) -> Void)
        async throws(SCIMFailure) -> Written
    {
        let current = try await current(kind, id)
        var resource: JSONValue
        do { resource = try JSONValue(parsing: current.body) } catch { throw .malformed("\(error)") }
        let shown = resource[resource.spelling(of: "meta")]?["version"].flatMap {
            $0.isNull ? nil : $0.string ?? $0.canonical
        }
        let version = capabilities.etag ? shown ?? current.version : nil
        // The bare name goes back, not the form that the platform shows.
        if let cut = profile.cutNameFrom.flatMap(\.first), let name = resource[kind.nameAttribute]?.string {
            resource[kind.nameAttribute] = .string(String(name.prefix { $0 != cut }))
        }
        if let known {
            let members = Self.members.elements(in: resource)
            let shown = Set(members.compactMap { Self.id($0, resource) })
            let hidden = known.known.subtracting(shown)
            if known.mayHide, shown.isEmpty, !known.isExclusive {
                throw .rejected(
                    SCIMError(
                        status: 0,
                        detail:
                            """
                            \(Self.notSent) this server takes groups only as a whole, and none of its groups has \
                            ever shown a member, so that whoever is in it may be dropped; memberships: exclusive \
                            says that nobody else is to be in the job's groups
                            """
                    ))
            }
            if known.isExclusive {
                Self.members.setElements(members + hidden.sorted().map { ["value": .string($0)] }, in: &resource)
            } else if let one = hidden.min() {
                throw .rejected(
                    SCIMError(
                        status: 0,
                        detail:
                            """
                            \(Self.notSent) this server takes groups only as a whole, and does not show \
                            \(hidden.count) of the members that are in it, such as \(one), so that they would be \
                            dropped; memberships: exclusive says that nobody else is to be in the job's groups
                            """
                    ))
            }
        }
        edit(&resource)
        // What a client cannot write; a server may refuse it, or take it for a wish.
        for name in ["id", "meta"] + (kind == .user ? ["groups"] : []) { resource[resource.spelling(of: name)] = nil }
        let members = kind == .group ? Self.members.elements(in: resource) : []
        if !members.isEmpty { Self.members.setElements(members.map(Self.writable), in: &resource) }
        return written(kind, try await connection.send(.put, place(kind, id), body: resource, ifMatch: version))
    }

    func place(_ kind: ResourceKind, _ id: String) -> String { "\(kind.endpoint)/\(PercentEncoding.encode(id))" }

    private func written(_ kind: ResourceKind, _ answer: SCIMConnection.Answer) -> Written {
        let collection = kind.endpoint.split(separator: "/").last.map(String.init)
        let fromLocation = answer.location.flatMap { ResourceID.inLocation($0, connection.dialect, of: collection) }
        var written: Written
        if answer.hasDocument, let id = try? connection.read(answer.body, { $0.id }) {
            written = Written(id: id, resource: answer.body)
            // What was made in the future is as doubtful as what was made before. Two minutes are more than any request
            // takes, and less than any account that was there before is old.
            if let created = Self.created(answer.body), let now = answer.date {
                written.age = abs(now - created) > 120 ? .older : .fresh
            }
        } else {
            written = Written(id: fromLocation, resource: nil)
        }
        written.status = answer.status
        return written
    }

    /// When a resource was made, in seconds since 1970, as it says itself; nil when it does not.
    public static func created(_ resource: [UInt8]) -> Double? {
        (try? JSONParser().parse(resource) { ShownResource($0).created.flatMap { Timestamp.seconds($0) } }) ?? nil
    }
}
