import JSON

/// How records look on the wire: what lists carry, what single records carry, and the ways in which nothing is written.
struct IDaaSRecords: Sendable {
    let directory: IDaaSDirectory
    let options: IDaaSOptions

    /// A user as a list shows it.
    func listed(user id: String, isManagement: Bool) -> JSONValue {
        guard let document = directory.users[id] else { return .null }
        let hash = Self.hash(id)
        var record: [String: JSONValue] = [
            "userId": .string(id), "instanceId": .string(options.instance), "userExternalId": .string(id),
            "userSourceType": hash % 7 == 0 ? "idp_auto_build" : "build_in",
            "userSourceId": .string(options.instance), "passwordSet": .bool(hash % 2 == 0),
            "registerTime": 1_719_800_000_000, "createTime": 1_719_800_000_000, "updateTime": 1_736_900_000_123,
        ]
        if isManagement { record["passwordExpireTime"] = -1 }
        for name in [
            "username", "displayName", "email", "phoneRegion", "phoneNumber", "status", "description", "userExternalId",
            "accountExpireTime",
        ] {
            let value = document[name] ?? .null
            if value != .null, value != .string("") {
                record[name] = value
            } else if record[name] == nil {
                record[name] = nothing(name, hash)
            }
        }
        if record["email"]?.string?.isEmpty == false { record["emailVerified"] = true }
        if record["phoneNumber"]?.string?.isEmpty == false { record["phoneNumberVerified"] = .bool(hash % 3 == 0) }
        // One sample of the vendor's shows the calling code as a number.
        if options.variesRecords, hash % 5 == 0, let code = record["phoneRegion"]?.string.flatMap({ Int64($0) }) {
            record["phoneRegion"] = .integer(code)
        }
        for name in options.omittedFields { record[name] = nil }
        return .object(record)
    }

    /// A user as it is shown by itself.
    func whole(user id: String, isManagement: Bool) -> JSONValue {
        guard let document = directory.users[id] else { return .null }
        var record = listed(user: id, isManagement: isManagement)
        let units = directory.unitsOfUser[id] ?? []
        record["primaryOrganizationalUnitId"] = units.first.map { .string($0) }
        record["organizationalUnits"] = .array(
            units.enumerated().map { index, unit in
                [
                    "organizationalUnitId": .string(unit),
                    "organizationalUnitName": directory.units[unit]?["organizationalUnitName"] ?? .null,
                    "primary": .bool(index == 0),
                ]
            })
        record["groups"] = .array(
            directory.groups(of: id).map { group in
                [
                    "groupId": .string(group), "groupName": directory.groups[group]?["groupName"] ?? .null,
                    "description": directory.groups[group]?["description"] ?? "",
                ]
            })
        let custom = document["customFields"]
        let fields =
            custom?.array
            ?? (custom?.object ?? [:]).sorted { $0.key < $1.key }.map {
                ["fieldName": .string($0.key), "fieldValue": $0.value]
            }
        if !fields.isEmpty {
            record["customFields"] = .array(fields)
        } else {
            record["customFields"] = nothing("customFields", Self.hash(id))
        }
        if isManagement {
            record["preferredLanguage"] = document["preferredLanguage"] ?? nothing("preferredLanguage", Self.hash(id))
        }
        for name in options.omittedFields { record[name] = nil }
        return record
    }

    func group(_ id: String) -> JSONValue {
        guard let document = directory.groups[id] else { return .null }
        var record: JSONValue = [
            "groupId": .string(id), "groupName": document["groupName"] ?? .null,
            "groupExternalId": document["groupExternalId"] ?? .string(id), "groupSourceType": "build_in",
            "groupSourceId": .string(options.instance), "createTime": 1_719_800_000_000,
            "updateTime": 1_719_800_000_000, "instanceId": .string(options.instance),
        ]
        record["description"] = document["description"] ?? nothing("description", Self.hash(id))
        return record
    }

    func unit(_ id: String, isManagement: Bool) -> JSONValue {
        guard let document = directory.units[id] else { return .null }
        var record: JSONValue = [
            "organizationalUnitId": .string(id),
            "organizationalUnitName": document["organizationalUnitName"] ?? .string(id),
            "organizationalUnitExternalId": .string(id),
            "organizationalUnitSourceType": "build_in", "organizationalUnitSourceId": .string(options.instance),
            "instanceId": .string(options.instance), "createTime": 1_719_800_000_000,
            "updateTime": 1_719_800_000_000,
        ]
        if let parent = document["parentId"] { record["parentId"] = parent }
        if isManagement {
            record["leaf"] = .bool(!directory.unitOrder.contains { directory.units[$0]?["parentId"]?.string == id })
        }
        return record
    }

    /// Absent, null or empty: which one is not documented, so all three occur.
    private func nothing(_ name: String, _ hash: UInt64) -> JSONValue? {
        guard options.variesRecords else { return nil }
        switch (hash &+ UInt64(name.utf8.count)) % 3 {
        case 0: return nil
        case 1: return .null
        default:
            return name.hasSuffix("Time") ? .integer(hash % 2 == 0 ? 0 : -1) : name == "customFields" ? .array([]) : ""
        }
    }

    /// FNV-1a: the same for the same id, everywhere.
    static func hash(_ text: String) -> UInt64 {
        text.utf8.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
    }

    /// The management API's spelling of names, all the way down.
    static func upperCamel(_ value: JSONValue) -> JSONValue {
        switch value {
        case .object(let members):
            .object(
                Dictionary(members.map { ($0.key.prefix(1).uppercased() + $0.key.dropFirst(), upperCamel($0.value)) }) {
                    first, _ in first
                })
        case .array(let elements): .array(elements.map(upperCamel))
        default: value
        }
    }
}
