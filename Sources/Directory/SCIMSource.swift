import HTTP
import JSON
import SCIM
import SCIMTransport

/// A directory behind SCIM 2.0, such as the one that IDaaS itself serves.
public struct SCIMSource: DirectorySource {
    private let connection: SCIMConnection
    private let pageSize: Int

    public init(connection: SCIMConnection, pageSize: Int = 100) {
        self.connection = connection
        self.pageSize = pageSize
    }

    public var identity: String { "scim \(connection.base)" }
    public var readsEverything: Bool { true }
    public var hasLookUps: Bool { true }
    public var mayCutMembers: Bool { true }

    /// One group by its id: a list may show the first of its members only.
    public func members(of group: String) async throws -> (members: [String], violations: [String])? {
        let body: [UInt8]
        do {
            body = try await connection.send(.get, "/Groups/\(PercentEncoding.encode(group))").body
        } catch {
            if case .notFound = error { return ([], ["the group \(group) is in the list, and is not found by its id"]) }
            throw Self.failure(error, connection)
        }
        do {
            var nested: [String] = []
            let record = try connection.read(body) { view in self.group(view, &nested) }
            guard let record, record.id == group else {
                return ([], ["asked for the group \(group), another resource came"])
            }
            return (Set(record.members).sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }, [])
        } catch let error as JSONSyntaxError {
            throw DirectoryFailure.broken("\(connection.base): \(group): \(error)")
        }
    }

    public func read(_ wish: ReadWish, into sink: any DirectorySink) async throws -> ReadEvidence {
        do {
            var evidence = ReadEvidence(statement: "as many resources as declared, the same total on every page")
            try await readUsers(&evidence, sink)
            try await readGroups(&evidence, sink)
            if let member = try sink.unknownMembers(of: nil, after: "", limit: 1).first {
                evidence.violate(
                    """
                    \(member) is a member of a group and no user; take it out of the group's members or put the \
                    user back
                    """
                )
            }
            evidence.notes += connection.dialect.report("source")
            return evidence
        } catch let failure as SCIMFailure {
            throw Self.failure(failure, connection)
        }
    }

    private static func failure(_ failure: SCIMFailure, _ connection: SCIMConnection) -> DirectoryFailure {
        switch failure {
        case .credentials(let why), .forbidden(let why):
            .credentials(
                """
                the credential was refused: \(why); it may be expired, disabled or another server's: check \
                source.authorization
                """
            )
        case .malformed, .tooLarge: .broken(failure.description)
        case .cancelled: .cancelled
        default: .unreachable("\(connection.base): \(failure); check source.baseURL, the network and the server")
        }
    }

    /// One GET by id: only 404 says that somebody is gone.
    public func find(_ kind: ResourceKind, _ id: String) async throws -> Finding? {
        let body: [UInt8]
        do {
            body = try await connection.send(.get, "\(kind.endpoint)/\(PercentEncoding.encode(id))").body
        } catch {
            if case .notFound = error { return .gone }
            throw Self.failure(error, connection)
        }
        do {
            var nested: [String] = []
            return try connection.read(body) { view -> Finding? in
                guard view.id == id else {
                    throw DirectoryFailure.broken("\(connection.base): asked for \(id), another resource came")
                }
                return .there(
                    Sighting(
                        record: kind == .user
                            ? user(id, view)
                            : group(view, &nested)
                                ?? DirectoryRecord(kind: kind, id: id, fields: [:], place: "resource \(id)")))
            }
        } catch let error as JSONSyntaxError {
            throw DirectoryFailure.broken("\(connection.base): \(id): \(error)")
        }
    }

    private func readUsers(_ evidence: inout ReadEvidence, _ sink: any DirectorySink) async throws {
        var nameless = 0
        var contradicting: String?
        let take: (ShownResource) throws -> Void = { view in
            guard let id = view.id else {
                nameless += 1
                return
            }
            // Whatever comes twice alike is the walk's to judge.
            if try sink.add(user(id, view)) == .contradicting { contradicting = id }
        }
        let list: ListEvidence
        do {
            list = try await connection.list(
                "/Users", paging: .index, pageSize: pageSize, bounds: ListBounds(isolates: true), take)
        } catch SCIMFailure.notFound(let answer) {
            // That nobody is there may be said with a 404, where another answer shows that the address is right.
            guard (try? await connection.send(.get, "/ServiceProviderConfig")) != nil else {
                throw SCIMFailure.notFound(answer)
            }
            return
        }
        for violation in list.violations { evidence.violate("users: \(violation)") }
        if let contradicting { evidence.violate("users: the id \(contradicting) came twice, with different contents") }
        if nameless > 0 { evidence.violate("users: \(nameless) resources have no id") }
    }

    private func user(_ id: String, _ view: ShownResource) -> DirectoryRecord {
        var record = DirectoryRecord(kind: .user, id: id, fields: ["userId": id], place: "resource \(id)")
        func set(_ field: String, _ value: String?) { if let value, !value.isEmpty { record.fields[field] = value } }
        func read(_ field: String, _ value: JSONView?) {
            guard let value, !value.isNull else { return }
            if let text = value.scalarText { set(field, text) } else { record.unreadable.insert(field) }
        }
        read("username", view.member("userName"))
        read("displayName", view.member("displayName"))
        read("userExternalId", view.member("externalId"))
        read("preferredLanguage", view.member("preferredLanguage"))
        let name = view.member("name")
        if let name, name.kind != .object, name.holdsSomething {
            record.unreadable.formUnion(["givenName", "familyName"])
        }
        read("givenName", name?.member(ignoringCase: "givenName"))
        read("familyName", name?.member(ignoringCase: "familyName"))
        for (field, attribute) in [("email", "emails"), ("phoneNumber", "phoneNumbers")] {
            let elements = view.elements(attribute)
            if elements.isEmpty, view.member(attribute)?.holdsUnreadableElement ?? false {
                record.unreadable.insert(field)
            }
            read(field, Self.preferred(elements))
        }
        switch view.access {
        case .active(let active): record.fields["status"] = active ? "enabled" : "disabled"
        case .absent: break
        // What is there and cannot be read holds its record: it may say that nobody is to come in.
        case .unreadable(let text): record.fields["status"] = text.isEmpty ? "nothing" : text
        }
        return record
    }

    /// Of a multi-valued attribute: the primary value, else that of type work, else the first.
    private static func preferred(_ values: [ShownResource.Element]) -> JSONView? {
        (values.first(where: \.isPrimary) ?? values.first { $0.type == "work" } ?? values.first)?.value
    }

    private func readGroups(_ evidence: inout ReadEvidence, _ sink: any DirectorySink) async throws {
        var groups: [DirectoryRecord] = []
        var nested: [String] = []
        var nameless = 0
        var isBare = false
        let take: (ShownResource) throws -> Void = { view in
            if let group = self.group(view, &nested) { groups.append(group) } else { nameless += 1 }
        }
        var list: ListEvidence
        do {
            list = try await connection.list(
                "/Groups", paging: .index, pageSize: pageSize,
                bounds: ListBounds(mayBeMissing: true, isolates: false), take)
        } catch let failure as SCIMFailure where failure.isOfThePage {
            // One long group may be what makes its page fail: then each is asked for by its id.
            (groups, nested, nameless, isBare) = ([], [], 0, true)
            list = try await connection.list(
                "/Groups", paging: .index, pageSize: pageSize, query: [("excludedAttributes", "members")],
                bounds: ListBounds(mayBeMissing: true, isolates: true), take)
            evidence.notes.append(
                """
                the source's list of groups fails where it shows their members (\(failure)): each of \(groups.count) \
                is asked for by its id
                """)
        }
        if nameless > 0 { evidence.violate("groups: \(nameless) resources have no id") }
        for violation in list.violations { evidence.violate("groups: \(violation)") }
        // IDaaS leaves members out of its list: where no group shows any, each is asked for by id.
        let hasMembers = !isBare && groups.contains { !$0.members.isEmpty }
        for group in groups {
            var group = group
            if !hasMembers {
                do { group = try await whole(group, &nested) } catch let failure as SCIMFailure {
                    if case .malformed = failure { throw failure }
                    guard !failure.endsTheRead else { throw failure }
                    evidence.violate("groups: \(group.id) is in the list, and who is in it cannot be read: \(failure)")
                    _ = try sink.add(group)
                    continue
                }
            } else {
                // What a list shows of a group is a piece of it until the group was asked for.
                try sink.note(pages: 2, ofGroup: group.id)
            }
            if try sink.add(group) == .contradicting {
                evidence.violate("groups: the id \(group.id) came twice, with different contents")
            }
        }
        if let first = nested.first {
            evidence.violate(
                """
                groups: \(nested.count) nested groups, such as in \(first), are not expanded; flatten them in the \
                source
                """
            )
        }
    }

    /// A group as it is shown by its id.
    private func whole(_ group: DirectoryRecord, _ nested: inout [String]) async throws -> DirectoryRecord {
        let answer = try await connection.send(.get, "/Groups/\(PercentEncoding.encode(group.id))")
        do {
            return try connection.read(answer.body) { self.group($0, &nested) } ?? group
        } catch let error as JSONSyntaxError {
            throw SCIMFailure.malformed("group \(group.id): \(error)")
        }
    }

    private func group(_ view: ShownResource, _ nested: inout [String]) -> DirectoryRecord? {
        guard let id = view.id else { return nil }
        var record = DirectoryRecord(kind: .group, id: id, fields: ["groupId": id], place: "resource \(id)")
        for (field, attribute) in [("groupName", "displayName"), ("groupExternalId", "externalId")] {
            guard let value = view.member(attribute), !value.isNull else { continue }
            guard let text = value.scalarText else {
                record.unreadable.insert(field)
                continue
            }
            if !text.isEmpty { record.fields[field] = text }
        }
        if let list = view.member("members"), list.kind != .array, list.holdsSomething {
            record.problem = "members: must be a list of members"
        }
        if let members = view.members {
            record.members = members.users
            var count = 0
            view.member("members")?.forEachElement { if !$0.isNull { count += 1 } }
            // Whom nobody can name may be somebody who is to stay.
            if count > members.users.count + members.groups.count {
                record.problem = "members: one of them has no id that can be read"
            }
            nested += members.groups.map { _ in id }
        }
        return record
    }
}

extension JSONView {
    /// Whether it is there and not empty: a list or an object that nobody can read is no absence.
    fileprivate var holdsSomething: Bool {
        var isEmpty = true
        switch kind {
        case .null: break
        case .array: forEachElement { if !$0.isNull { isEmpty = false } }
        case .object: forEachMember { _, value in if !value.isNull { isEmpty = false } }
        default: return scalarText?.isEmpty == false
        }
        return !isEmpty
    }

    /// Whether a multi-valued attribute has an element whose value is there and is none: an element without a value, or
    /// with an empty one, is an absence.
    fileprivate var holdsUnreadableElement: Bool {
        switch kind {
        case .array:
            var isFound = false
            forEachElement { if $0.kind == .array ? $0.holdsSomething : $0.holdsUnreadableElement { isFound = true } }
            return isFound
        case .object:
            if let value = member(ignoringCase: "value") { return !value.isNull && value.scalarText == nil }
            var isFound = false
            forEachMember { name, value in
                if !["type", "primary", "display"].contains(name.lowercased()), !value.isNull { isFound = true }
            }
            return isFound
        default: return false
        }
    }
}

extension SCIMFailure {
    /// Whether nothing more of a source can be read after such a failure; else it is that of one resource.
    fileprivate var endsTheRead: Bool {
        switch self {
        case .credentials, .cancelled, .unreachable: true
        default: false
        }
    }
}
