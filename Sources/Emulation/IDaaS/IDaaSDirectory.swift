import JSON

/// What an instance of IDaaS holds: users, groups, units and applications, in the order in which its lists show them.
public struct IDaaSDirectory: Sendable {
    /// Documents in the field names of the developer API, without what is derived.
    public private(set) var users: [String: JSONValue] = [:]
    public private(set) var groups: [String: JSONValue] = [:]
    public private(set) var units: [String: JSONValue] = [:]
    public private(set) var userOrder: [String] = []
    public private(set) var groupOrder: [String] = []
    public private(set) var unitOrder: [String] = []
    /// Members of a group, in the order of its list.
    public private(set) var members: [String: [String]] = [:]
    /// Units of a user; the first is the primary one.
    public private(set) var unitsOfUser: [String: [String]] = [:]
    public private(set) var root: String

    /// The order of a thing's creation: what a page token refers to.
    private(set) var ordinals: [String: Int] = [:]
    private var nextOrdinal = 1
    private(set) var isInOrderOfCreation = true

    public init(root: String = "ou_root2345abcdefghijklmnopq") {
        self.root = root
        put(unit: ["organizationalUnitId": .string(root), "organizationalUnitName": "Root"])
    }

    /// Reads a directory file: the same document that a file source reads. Throws what is wrong with it, in words.
    public init(document: JSONValue) throws {
        let units = document["organizationalUnits"]?.array ?? []
        let top = units.first { $0["parentId"]?.string == nil }?["organizationalUnitId"]?.string
        self.init(root: top ?? "ou_root2345abcdefghijklmnopq")
        for unit in units {
            guard unit["organizationalUnitId"]?.string != nil else {
                throw JSONSyntaxError("an organizational unit has no organizationalUnitId")
            }
            put(unit: unit)
        }
        for user in document["users"]?.array ?? [] {
            guard user["userId"]?.string != nil else { throw JSONSyntaxError("a user has no userId") }
            put(user: user)
        }
        for group in document["groups"]?.array ?? [] {
            guard group["groupId"]?.string != nil else { throw JSONSyntaxError("a group has no groupId") }
            put(group: group)
        }
    }

    private mutating func count(_ id: String) {
        guard ordinals[id] == nil else { return }
        ordinals[id] = nextOrdinal
        nextOrdinal += 1
    }

    // MARK: changes

    /// Creates a user or replaces its document; its units are `organizationalUnits`, ids or objects, else the root.
    public mutating func put(user document: JSONValue, first: Bool = false) {
        guard let id = document["userId"]?.string else { return }
        var units = (document["organizationalUnits"]?.array ?? []).compactMap {
            $0.string ?? $0["organizationalUnitId"]?.string
        }
        if let primary = (document["organizationalUnits"]?.array ?? []).first(where: { $0["primary"]?.bool == true })?[
            "organizationalUnitId"]?.string
        {
            units = [primary] + units.filter { $0 != primary }
        }
        var document = document
        document["organizationalUnits"] = nil
        unitsOfUser[id] = units.isEmpty ? [root] : units
        if users.updateValue(document, forKey: id) == nil {
            if first { userOrder.insert(id, at: 0) } else { userOrder.append(id) }
            if first || ordinals[id] != nil { isInOrderOfCreation = false }
        }
        count(id)
    }

    public mutating func change(user id: String, _ body: (inout JSONValue) -> Void) {
        guard var document = users[id] else { return }
        body(&document)
        users[id] = document
    }

    public mutating func move(user id: String, to units: [String]) { if users[id] != nil { unitsOfUser[id] = units } }

    public mutating func remove(user id: String) {
        guard users.removeValue(forKey: id) != nil else { return }
        userOrder.removeAll { $0 == id }
        unitsOfUser[id] = nil
        for group in groupOrder { members[group]?.removeAll { $0 == id } }
    }

    /// Creates a group or replaces its document; `members` are user ids.
    public mutating func put(group document: JSONValue) {
        guard let id = document["groupId"]?.string else { return }
        members[id] = (document["members"]?.array ?? []).compactMap { $0.string ?? $0["userId"]?.string }
        var document = document
        document["members"] = nil
        if groups.updateValue(document, forKey: id) == nil {
            groupOrder.append(id)
            if ordinals[id] != nil { isInOrderOfCreation = false }
        }
        count(id)
    }

    public mutating func remove(group id: String) {
        groups[id] = nil
        members[id] = nil
        groupOrder.removeAll { $0 == id }
    }

    public mutating func set(members ids: [String], of group: String) {
        if groups[group] != nil { members[group] = ids }
    }

    public mutating func put(unit document: JSONValue) {
        guard let id = document["organizationalUnitId"]?.string else { return }
        var document = document
        if id != root, document["parentId"]?.string == nil { document["parentId"] = .string(root) }
        if units.updateValue(document, forKey: id) == nil { unitOrder.append(id) }
        count(id)
    }

    /// Removes a unit; whoever was in it alone comes to the root.
    public mutating func remove(unit id: String) {
        units[id] = nil
        unitOrder.removeAll { $0 == id }
        for user in userOrder {
            guard let held = unitsOfUser[user], held.contains(id) else { continue }
            let rest = held.filter { $0 != id }
            unitsOfUser[user] = rest.isEmpty ? [root] : rest
        }
    }

    // MARK: questions

    /// A unit and all below it.
    func subtree(_ unit: String) -> Set<String> {
        var seen: Set<String> = []
        var open = [unit]
        while let id = open.popLast() {
            guard units[id] != nil, seen.insert(id).inserted else { continue }
            open += unitOrder.filter { units[$0]?["parentId"]?.string == id }
        }
        return seen
    }

    func groups(of user: String) -> [String] { groupOrder.filter { members[$0]?.contains(user) ?? false } }
}
