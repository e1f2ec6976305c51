import JSON
import SCIM

/// Servers that write in their own way, or refuse a request for its form: applied to what goes in and what comes out.
extension SCIMService {
    /// An answer to a request that is refused for its form alone; nil where it is looked at.
    mutating func refusedForItsForm(_ request: EmulatedRequest) -> EmulatedResponse? {
        guard !options.habits.isDisjoint(with: Habit.dialects) else { return nil }
        if has(.redirectsToSlash), !request.path.hasSuffix("/") {
            meet(.redirectsToSlash)
            return EmulatedResponse(status: 308, headers: [("Location", request.origin + request.path + "/")])
        }
        let sends = ["POST", "PUT", "PATCH"].contains(request.method)
        if has(.wantsPlainJSON), sends, request.headers["content-type"]?.hasPrefix("application/json") != true {
            meet(.wantsPlainJSON)
            return EmulatedResponse(status: 415)
        }
        if has(.refusesCount), request.method == "GET", request.query["count"] != nil {
            meet(.refusesCount)
            return error(SCIMError(status: 400, detail: "count is not a parameter"))
        }
        if request.method == "PATCH", has(.servesNoPatch) {
            meet(.servesNoPatch)
            return error(SCIMError(status: 405, detail: "PATCH is not allowed"))
        }
        if request.method == "PUT", has(.servesNoPut) {
            meet(.servesNoPut)
            return error(SCIMError(status: 405, detail: "PUT is not allowed"))
        }
        if request.method == "PATCH", has(.refusesValuePaths), let document = try? body(request),
            (document["Operations"]?.array ?? []).contains(where: { $0["path"]?.string?.contains("[type") == true })
        {
            meet(.refusesValuePaths)
            return error(
                SCIMError(status: 400, scimType: "invalidPath", detail: "a filter in a path is not understood"))
        }
        return nil
    }

    /// A request as a server without such ways would have got it.
    func undressed(_ request: EmulatedRequest) -> EmulatedRequest {
        var copy = request
        if has(.redirectsToSlash), copy.path.hasSuffix("/") { copy.path.removeLast() }
        guard !options.habits.isDisjoint(with: Habit.dialects), ["POST", "PUT", "PATCH"].contains(request.method),
            let document = try? body(request)
        else { return copy }
        if request.method == "PATCH" {
            var changed = document
            changed["Operations"] = .array(
                (document["Operations"]?.array ?? []).map { operation in
                    var copy = operation
                    if let path = operation["path"]?.string, let value = operation["value"] {
                        copy["value"] = Self.plainly([path: value])[path]
                    }
                    return copy
                })
            copy.body = changed.canonicalBytes
        } else {
            copy.body = Self.plainly(document).canonicalBytes
        }
        return copy
    }

    /// What came in the server's own way of writing, as the store keeps it.
    private static func plainly(_ document: JSONValue) -> JSONValue {
        var plain = document
        for urn in [SchemaURN.user, SchemaURN.group] {
            for (name, value) in plain[urn]?.object ?? [:] { plain[name] = value }
            plain[urn] = nil
        }
        if let text = plain["active"]?.string { plain["active"] = .bool(text.lowercased() == "true") }
        if let number = plain["active"]?.integer { plain["active"] = .bool(number == 1) }
        for name in ["emails", "phoneNumbers"] {
            if let elements = plain[name]?.array {
                plain[name] = .array(elements.map { $0.string == nil ? $0 : ["value": $0] })
            }
        }
        if let members = plain["members"]?.array {
            plain["members"] = .array(
                members.map {
                    var member = $0
                    if let place = member["value"]?.string, place.hasPrefix("http"),
                        let id = place.split(separator: "/").last
                    {
                        member["value"] = .string(String(id))
                    }
                    return member
                })
        }
        return plain
    }

    /// An answer in the server's own way of writing.
    mutating func spoken(_ response: EmulatedResponse, to request: EmulatedRequest) -> EmulatedResponse {
        guard !options.habits.isDisjoint(with: Habit.dialects) else { return response }
        var copy = response
        if request.path.hasSuffix("/ServiceProviderConfig") { return configuration(copy) }
        if copy.status >= 400 { return failure(copy, to: request) }
        if has(.encodesLocations), let place = copy.headers.firstIndex(where: { $0.name == "Location" }) {
            meet(.encodesLocations)
            copy.headers[place].value = copy.headers[place].value.replacing("-", with: "%2D") + "?view=full"
        }
        guard !copy.body.isEmpty, var document = try? JSONValue(parsing: copy.body) else { return copy }
        if let resources = document["Resources"]?.array {
            document["Resources"] = .array(resources.map { dressed($0) })
        } else if document["id"] != nil {
            document = dressed(document)
        }
        copy.body = document.canonicalBytes
        return copy
    }

    private mutating func configuration(_ response: EmulatedResponse) -> EmulatedResponse {
        if has(.noDiscovery) {
            meet(.noDiscovery)
            return EmulatedResponse(
                status: 200, headers: [("Content-Type", "text/html")],
                body: Array("<!doctype html><title>Sign in</title>".utf8))
        }
        guard var document = try? JSONValue(parsing: response.body) else { return response }
        // What the configuration promises is not what is served.
        if has(.servesNoPatch) { document["patch"] = ["supported": true] }
        if has(.servesNoPut) { document["patch"] = ["supported": false] }
        if has(.flagsAsText) {
            meet(.flagsAsText)
            for (name, value) in document.object ?? [:] {
                if let flag = value["supported"]?.bool {
                    document[name] = ["supported": .string(flag ? "true" : "False")]
                }
            }
        }
        var copy = response
        copy.body = document.canonicalBytes
        return copy
    }

    private mutating func failure(_ response: EmulatedResponse, to request: EmulatedRequest) -> EmulatedResponse {
        guard let document = try? JSONValue(parsing: response.body) else { return response }
        if has(.errorsElsewhere) {
            meet(.errorsElsewhere)
            return EmulatedResponse(
                status: response.status,
                body: JSONValue.object(["errors": [["errorMessage": document["detail"] ?? .null]]]).canonicalBytes)
        }
        // A transport's refusals keep their status.
        if has(.errorsAsSuccess), [400, 404, 409].contains(response.status) {
            meet(.errorsAsSuccess)
            var copy = response
            copy.status = 200
            return copy
        }
        return response
    }

    private mutating func dressed(_ resource: JSONValue) -> JSONValue {
        var document = resource
        let isUser = document["userName"] != nil
        if isUser, let active = document["active"]?.bool {
            if has(.omitsInactive), !active {
                meet(.omitsInactive)
                document["active"] = nil
            } else if has(.activeAsText) {
                meet(.activeAsText)
                document["active"] = active ? "True" : "FALSE"
            } else if has(.activeAsNumber) {
                meet(.activeAsNumber)
                document["active"] = active ? 1 : 0
            }
        }
        for name in ["emails", "phoneNumbers"] {
            guard let elements = document[name]?.array else { continue }
            if has(.plainValues), elements.count == 1 {
                meet(.plainValues)
                document[name] = .array(elements.map { $0["value"] ?? .null })
            } else if has(.untypedValues), elements.count == 1 {
                meet(.untypedValues)
                document[name] = .array(
                    elements.map {
                        var element = $0
                        element["type"] = nil
                        return element
                    })
            }
        }
        if has(.membersAsLocations), let members = document["members"]?.array {
            meet(.membersAsLocations)
            document["members"] = .array(
                members.map {
                    var member = $0
                    if let id = member["value"]?.string {
                        member["value"] = .string(
                            "https://scim.example/v2/\(member["type"] == "Group" ? "Groups" : "Users")/\(id)")
                    }
                    return member
                })
        }
        if has(.nestsCore) {
            meet(.nestsCore)
            let urn = isUser ? SchemaURN.user : SchemaURN.group
            var nested: JSONValue = .object([:])
            for (name, value) in document.object ?? [:]
            where !["id", "schemas", "meta", "externalId", "groups"].contains(name) && !name.hasPrefix("urn:") {
                nested[name] = value
                document[name] = nil
            }
            document[urn] = nested
        }
        return document
    }
}
