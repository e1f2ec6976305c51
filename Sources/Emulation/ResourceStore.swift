import JSON
import SCIM

/// The resources of one kind, in the order of their creation, with the look-ups that a server answers quickly.
public struct ResourceStore: Sendable {
    public struct Resource: Sendable {
        public let id: String
        /// Without `id`, `meta` and what is derived.
        public var document: JSONValue
        public let created: Double
        public var modified: Double
        public var version: Int

        public var etag: String { "W/\"\(version)\"" }
    }

    public private(set) var order: [String] = []
    private var resources: [String: Resource] = [:]
    private var byName: [String: [String]] = [:]
    private var byExternalID: [String: [String]] = [:]
    private var byMail: [String: [String]] = [:]
    /// For groups: which groups a member is in.
    private var memberships: [String: Set<String>] = [:]

    public subscript(_ id: String) -> Resource? { resources[id] }
    public var count: Int { order.count }

    func id(named name: String) -> String? { byName[name.lowercased()]?.first }

    func id(marked externalID: String) -> String? { byExternalID[externalID]?.first }

    /// Whether somebody else than `id` has an e-mail address, whatever its case.
    func isHeld(mail: String, except id: String?) -> Bool { byMail[mail.lowercased()]?.contains { $0 != id } ?? false }

    mutating func insert(_ resource: Resource, kind: ResourceKind) {
        order.append(resource.id)
        resources[resource.id] = resource
        index(resource, kind, isAdding: true)
    }

    mutating func replace(_ resource: Resource, kind: ResourceKind) {
        if let old = resources[resource.id] { index(old, kind, isAdding: false) }
        resources[resource.id] = resource
        index(resource, kind, isAdding: true)
    }

    mutating func remove(_ id: String) {
        guard let old = resources.removeValue(forKey: id) else { return }
        index(old, old.document["userName"] == nil ? .group : .user, isAdding: false)
        if let place = order.firstIndex(of: id) { order.remove(at: place) }
    }

    mutating func removeMember(_ member: String, now: Double) {
        for group in memberships[member] ?? [] {
            guard var resource = resources[group] else { continue }
            let kept = resource.document["members"]?.array?.filter { $0["value"]?.string != member } ?? []
            resource.document["members"] = kept.isEmpty ? nil : .array(kept)
            resource.version += 1
            resource.modified = max(now, resource.modified)
            resources[group] = resource
        }
        memberships[member] = nil
    }

    func groups(of member: String) -> [Resource] {
        (memberships[member] ?? []).sorted().compactMap { resources[$0] }
    }

    private mutating func index(_ resource: Resource, _ kind: ResourceKind, isAdding: Bool) {
        func change(_ index: inout [String: [String]], _ key: String) {
            if isAdding {
                index[key, default: []].append(resource.id)
            } else {
                index[key]?.removeAll { $0 == resource.id }
            }
            if index[key]?.isEmpty == true { index[key] = nil }
        }
        change(&byName, (resource.document[kind.nameAttribute]?.string ?? "").lowercased())
        if let externalID = resource.document["externalId"]?.string { change(&byExternalID, externalID) }
        for mail in resource.document["emails"]?.array ?? [] {
            if let address = mail["value"]?.string { change(&byMail, address.lowercased()) }
        }
        for member in resource.document["members"]?.array ?? [] {
            guard let id = member["value"]?.string else { continue }
            if isAdding {
                memberships[id, default: []].insert(resource.id)
            } else {
                memberships[id]?.remove(resource.id)
            }
        }
    }

    /// Ids for `userName eq`, `displayName eq` of groups and `externalId eq`, without looking at every resource.
    func shortcut(_ filter: Filter, kind: ResourceKind) -> [String]? {
        guard case .compare(let path, .eq, .string(let value)) = filter else { return nil }
        switch path.lowercased() {
        case kind.nameAttribute.lowercased(): return byName[value.lowercased()] ?? []
        case "externalid": return byExternalID[value] ?? []
        case "id": return resources[value] == nil ? [] : [value]
        default: return nil
        }
    }
}
