import JSON
import SCIM

/// What a resource looks like in an answer, and what tests plant and look at.
extension SCIMService {
    // MARK: answers

    func rendered(_ kind: ResourceKind, _ resource: ResourceStore.Resource, _ request: EmulatedRequest) -> JSONValue {
        var document = resource.document
        let location = "\(base(request))\(kind.endpoint)/\(resource.id)"
        document["id"] = .string(resource.id)
        if kind == .user, !options.vendor.userNameSuffix.isEmpty, let name = document["userName"]?.string {
            document["userName"] = .string(name + options.vendor.userNameSuffix)
        }
        var meta: JSONValue = [
            "resourceType": .string(kind == .user ? "User" : "Group"),
            "created": .string(EmulatedClock.timestamp(resource.created)),
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
                        [
                            "value": .string(group.id), "$ref": .string("\(base(request))/Groups/\(group.id)"),
                            "display": group.document["displayName"] ?? .null, "type": "direct",
                        ]
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
        if kind == .group { document = shownByHabit(document) }
        if options.vendor.hidesMembers {
            document["members"] = kind == .group ? .array([]) : nil
            document["groups"] = nil
        }
        return project(document, request)
    }

    /// `attributes` and `excludedAttributes` (RFC 7644, section 3.9).
    func project(_ document: JSONValue, _ request: EmulatedRequest) -> JSONValue {
        func names(_ key: String) -> [String]? {
            request.query[key]?.split(separator: ",").map { $0.trimmed.lowercased() }
        }
        let always: Set<String> = ["id", "schemas"]
        if let wanted = names("attributes") {
            let tops = Set(wanted.map { Self.top($0) })
            return .object(
                (document.object ?? [:]).filter {
                    always.contains($0.key.lowercased()) || tops.contains($0.key.lowercased())
                })
        }
        if let unwanted = names("excludedAttributes") ?? names("excludedattributes") {
            let tops = Set(
                unwanted.filter { !$0.dropFirst(4).contains(".") || $0.hasPrefix("urn:") }.map { Self.top($0) })
            return .object(
                (document.object ?? [:]).filter {
                    always.contains($0.key.lowercased()) || !tops.contains($0.key.lowercased())
                })
        }
        return document
    }

    static func top(_ path: String) -> String {
        if path.hasPrefix("urn:") {
            let core = SchemaURN.user.lowercased() + ":"
            let group = SchemaURN.group.lowercased() + ":"
            for prefix in [core, group] where path.hasPrefix(prefix) {
                return String(path.dropFirst(prefix.count).prefix { $0 != "." })
            }
            let enterprise = SchemaURN.enterpriseUser.lowercased()
            if path.hasPrefix(enterprise) { return enterprise }
        }
        return String(path.prefix { $0 != "." })
    }

    func answer(_ status: Int, _ kind: ResourceKind, _ resource: ResourceStore.Resource, _ request: EmulatedRequest)
        -> EmulatedResponse
    {
        var headers = [(name: "Location", value: "\(base(request))\(kind.endpoint)/\(resource.id)")]
        if options.etag { headers.append(("ETag", resource.etag)) }
        return .json(status, rendered(kind, resource, request), headers: headers)
    }

    // MARK: for tests and seeds

    /// Every resource of a kind as clients see it, in the order of creation.
    public func documents(_ kind: ResourceKind) -> [JSONValue] {
        (store[kind]?.order ?? []).compactMap { id in
            store[kind]?[id].map { rendered(kind, $0, EmulatedRequest(method: "GET", path: "")) }
        }
    }

    /// Puts a resource there as somebody else would have; returns its id. Throws what the server would refuse.
    @discardableResult
    public mutating func plant(_ kind: ResourceKind, _ document: JSONValue, now: Double = 0) throws -> String {
        // A console asks for less than the SCIM interface, and takes nothing over.
        let (rules, refused) = (options.vendor, options.refused)
        defer { (options.vendor, options.refused) = (rules, refused) }
        options.refused = []
        options.vendor.requiredOfUsers = []
        options.vendor.takesOver = false
        let response = try create(
            kind, EmulatedRequest(method: "POST", path: "", body: document.canonicalBytes, now: now))
        return try JSONValue(parsing: response.body)["id"]?.string ?? ""
    }

    /// Puts a resource back as it was stored, under its own id, unchecked: a server that goes on from a kept state.
    public mutating func put(_ kind: ResourceKind, _ id: String, _ document: JSONValue, created: Double) {
        store[kind]?.insert(
            ResourceStore.Resource(id: id, document: document, created: created, modified: created, version: 1),
            kind: kind)
        // The next id is none of those that are there.
        if let number = id.split(separator: "-").last.flatMap({ Int($0, radix: 16) }) { serial = max(serial, number) }
    }

    /// Changes a resource as somebody else would.
    public mutating func meddle(_ kind: ResourceKind, _ id: String, _ change: (inout JSONValue) -> Void) throws {
        guard let current = store[kind]?[id] else { return }
        var document = current.document
        change(&document)
        _ = try save(kind, id, document, was: current, EmulatedRequest(method: "PUT", path: "", now: current.modified))
    }

    mutating func delete(
        _ kind: ResourceKind, _ current: ResourceStore.Resource, _ request: EmulatedRequest
    ) throws -> EmulatedResponse {
        if let refusal = refusal(toDelete: kind, current) { throw refusal }
        if kind == .user, has(.refusesDelete), store[.group]?.groups(of: current.id).isEmpty == false {
            meet(.refusesDelete)
            throw SCIMError(status: 409, detail: "the user is in use")
        }
        if kind == .user || options.groupsOutliveDelete, has(.deleteDoesNothing) {
            meet(.deleteDoesNothing)
            return EmulatedResponse(status: 204)
        }
        if kind == .user, options.deleteDeactivates {
            var document = current.document
            document["active"] = false
            _ = try save(kind, current.id, document, was: current, request)
        } else {
            store[kind]?.remove(current.id)
            lastRemoved[kind] = current.id
            if kind == .user { store[.group]?.removeMember(current.id, now: request.now) }
        }
        return EmulatedResponse(status: 204)
    }

    /// Gives an account another id, as a first login or an import does; its mark and its groups stay.
    public mutating func move(_ id: String, to fresh: String) {
        guard let stored = store[.user]?[id] else { return }
        let groups = (store[.group]?.order ?? []).filter { group in
            (store[.group]?[group]?.document["members"]?.array ?? []).contains { $0["value"]?.string == id }
        }
        remove(.user, id)
        put(.user, fresh, stored.document, created: stored.created)
        for group in groups {
            guard var document = store[.group]?[group] else { continue }
            document.document["members"] = .array(
                (document.document["members"]?.array ?? []).filter { $0["value"]?.string != id } + [
                    ["value": .string(fresh), "type": "User"]
                ])
            remove(.group, group)
            put(.group, group, document.document, created: document.created)
        }
    }

    public mutating func remove(_ kind: ResourceKind, _ id: String) {
        store[kind]?.remove(id)
        lastRemoved[kind] = id
        if kind == .user { store[.group]?.removeMember(id, now: 0) }
    }
}

extension Substring {
    var trimmed: Substring {
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
