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

    public func read(_ deliver: (DirectoryItem) throws -> Void) async throws -> ReadEvidence {
        do {
            var evidence = ReadEvidence(statement: "as many resources as declared, the same total on every page")
            try await readUsers(&evidence, deliver)
            try await readGroups(&evidence, deliver)
            return evidence
        } catch let failure as SCIMFailure {
            switch failure {
            case .credentials(let why): throw DirectoryFailure.credentials(why)
            case .malformed, .tooLarge: throw DirectoryFailure.broken(failure.description)
            default: throw DirectoryFailure.unreachable("\(connection.base): \(failure)")
            }
        }
    }

    private func readUsers(_ evidence: inout ReadEvidence, _ deliver: (DirectoryItem) throws -> Void) async throws {
        var nameless = 0
        let list = try await connection.list("/Users", paging: .index, pageSize: pageSize) { view in
            guard let id = view.member(ignoringCase: "id")?.scalarText else {
                nameless += 1
                return
            }
            try deliver(.record(user(id, view)))
        }
        evidence.violations += list.violations.map { "users: \($0)" }
        if nameless > 0 { evidence.violations.append("users: \(nameless) resources have no id") }
    }

    private func user(_ id: String, _ view: JSONView) -> DirectoryRecord {
        var record = DirectoryRecord(kind: .user, id: id, fields: ["userId": id], place: "resource \(id)")
        func set(_ field: String, _ value: String?) { if let value, !value.isEmpty { record.fields[field] = value } }
        set("username", view.member(ignoringCase: "userName")?.string)
        set("displayName", view.member(ignoringCase: "displayName")?.string)
        set("userExternalId", view.member(ignoringCase: "externalId")?.string)
        set("preferredLanguage", view.member(ignoringCase: "preferredLanguage")?.string)
        let name = view.member(ignoringCase: "name")
        set("givenName", name?.member(ignoringCase: "givenName")?.string)
        set("familyName", name?.member(ignoringCase: "familyName")?.string)
        set("email", Self.preferred(view.member(ignoringCase: "emails")))
        set("phoneNumber", Self.preferred(view.member(ignoringCase: "phoneNumbers")))
        if let active = view.member(ignoringCase: "active")?.bool { record.fields["status"] = active ? "enabled" : "disabled" }
        return record
    }

    /// Of a multi-valued attribute: the primary value, else that of type work, else the first.
    private static func preferred(_ values: JSONView?) -> String? {
        var best: (rank: Int, value: String)?
        values?.forEachElement { element in
            guard let value = element.member(ignoringCase: "value")?.string ?? element.string else { return }
            let rank = element.member(ignoringCase: "primary")?.bool == true ? 2 : element.member(ignoringCase: "type")?.string?.lowercased() == "work" ? 1 : 0
            if rank > best?.rank ?? -1 { best = (rank, value) }
        }
        return best?.value
    }

    private func readGroups(_ evidence: inout ReadEvidence, _ deliver: (DirectoryItem) throws -> Void) async throws {
        var groups: [DirectoryRecord] = []
        var nested: [String] = []
        var nameless = 0
        let list = try await connection.list("/Groups", paging: .index, pageSize: pageSize) { view in
            if let group = group(view, &nested) { groups.append(group) } else { nameless += 1 }
        }
        if nameless > 0 { evidence.violations.append("groups: \(nameless) resources have no id") }
        evidence.violations += list.violations.map { "groups: \($0)" }
        // IDaaS leaves members out of its list: where no group shows any, each is asked for by id.
        let hasMembers = groups.contains { !$0.members.isEmpty }
        for group in groups {
            var group = group
            if !hasMembers {
                let answer = try await connection.send(.get, "/Groups/\(PercentEncoding.encode(group.id))")
                do {
                    if let full = try JSONParser().parse(answer.body, { view in self.group(view, &nested) }) { group = full }
                } catch let error as JSONSyntaxError {
                    throw SCIMFailure.malformed("group \(group.id): \(error)")
                }
            }
            try deliver(.record(group))
        }
        if let first = nested.first { evidence.violations.append("groups: \(nested.count) nested groups, such as in \(first), are not expanded; flatten them in the source") }
    }

    private func group(_ view: JSONView, _ nested: inout [String]) -> DirectoryRecord? {
        guard let id = view.member(ignoringCase: "id")?.scalarText else { return nil }
        var record = DirectoryRecord(kind: .group, id: id, fields: ["groupId": id], place: "resource \(id)")
        if let name = view.member(ignoringCase: "displayName")?.string, !name.isEmpty { record.fields["groupName"] = name }
        if let external = view.member(ignoringCase: "externalId")?.string, !external.isEmpty { record.fields["groupExternalId"] = external }
        view.member(ignoringCase: "members")?.forEachElement { member in
            if member.member(ignoringCase: "type")?.string?.lowercased() == "group" {
                nested.append(id)
            } else if let user = member.member(ignoringCase: "value")?.scalarText {
                record.members.append(user)
            }
        }
        return record
    }
}
