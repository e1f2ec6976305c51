import HTTP
import JSON
import SCIM
import SCIMTransport

/// The target side: one SCIM target, driven by a profile and by what the server says of itself.
public struct SCIMTarget: Sendable {
    public let connection: SCIMConnection
    public let profile: Profile
    public let capabilities: Capabilities

    public init(connection: SCIMConnection, profile: Profile, capabilities: Capabilities) {
        self.connection = connection
        self.profile = profile
        self.capabilities = capabilities
    }

    /// What a write brought back.
    public struct Written: Sendable {
        init(id: String?, resource: [UInt8]?) {
            self.id = id
            self.resource = resource
        }

        /// The resource's id, where the answer tells.
        public let id: String?
        /// Whether the resource is older than the request that was to make it, by the answer's own clock.
        public var age = Age.unknown
        /// The answer's status: 201 says that something was made.
        public var status = 0
        /// The resource as the target now shows it; nil when the answer has none, such as 204.
        public let resource: [UInt8]?
    }

    /// How old a resource is that was to be made.
    public enum Age: Sendable {
        case fresh, older
        /// It does not tell.
        case unknown
    }

    /// One attribute to set, or to take out (nil).
    public struct Change: Sendable {
        public let path: AttributePath
        public let value: JSONValue?
        /// Whether the target has a value there now.
        public let replacesValue: Bool

        public init(path: AttributePath, value: JSONValue?, replacesValue: Bool) {
            self.path = path
            self.value = value
            self.replacesValue = replacesValue
        }
    }

    // MARK: reading

    /// Hands every resource of a kind to `body`.
    ///
    /// - Parameter query: asked for beside the page, such as an order.
    public func list(
        _ kind: ResourceKind, bounds: ListBounds = ListBounds(), query: [(String, String)] = [],
        _ body: (ShownResource) throws -> Void, pageDone: () throws -> Void = {}
    ) async throws
        -> ListEvidence
    {
        if profile.listing == .single {
            var evidence = ListEvidence()
            let answer = try await connection.send(.get, kind.endpoint)
            let page: ListPage
            do {
                page = try JSONParser().parse(answer.body) { root in
                    try ListPage(root) { try body(ShownResource($0, connection.dialect)) }
                }
            } catch let error as JSONSyntaxError {
                throw SCIMFailure.malformed("\(connection.base)\(kind.endpoint): \(error)")
            }
            evidence.pages = 1
            evidence.resources = page.count
            evidence.declaredTotal = page.totalResults
            try pageDone()
            return evidence
        }
        return try await connection.list(
            kind.endpoint, paging: capabilities.cursor ? .cursor : .index, pageSize: capabilities.pageSize,
            query: query, bounds: bounds, body, pageDone: pageDone)
    }

    /// Whether the server answers at its base URL: then a list that is not found is one that has nothing.
    public func answersDiscovery() async -> Bool {
        guard profile.capabilities == nil else { return false }
        return (try? await connection.send(.get, "/ServiceProviderConfig")) != nil
    }

    /// What a read of the target comes to; nil where it is answered, be it with a refusal of this one request.
    public func ailment() async -> SCIMFailure? {
        do {
            let isSizeless = profile.listing == .single || connection.dialect.has(.noCount)
            _ = try await connection.send(
                .get, ResourceKind.user.endpoint, query: isSizeless ? [] : [("count", "1")])
        } catch {
            // One resource may make its page fail, on a server that is well.
            if error.isOfThePage, await answersDiscovery() { return nil }
            return error.isFatal ? error : nil
        }
        return nil
    }

    /// One resource by its id.
    public func get(_ kind: ResourceKind, _ id: String) async throws(SCIMFailure) -> [UInt8] {
        try await connection.send(.get, place(kind, id)).body
    }

    /// An object that was looked up.
    public struct Found: Sendable {
        public let id: String?
        public let externalID: String?
        /// The resource as the target shows it.
        public let resource: [UInt8]
    }

    /// The resources whose attribute has a value: by filter where the server has filters, else by
    /// reading the list. What the server returns is checked: an answer to a filter that has others and not the one
    /// asked for says that the server ignores filters, and nothing of who is there. Throws where nothing can be told.
    ///
    /// - Parameter fold: how values of the attribute are compared.
    public func lookUp(
        _ kind: ResourceKind, _ path: AttributePath, _ value: String, fold: @escaping @Sendable (String) -> String
    ) async throws(SCIMFailure) -> [Found] {
        var refusal: SCIMFailure?
        for way in profile.lookUp {
            var found: [Found] = []
            var seen: Set<String> = []
            var others = 0
            let take: (ShownResource) -> Void = { resource in
                guard let text = path.text(in: resource), fold(text) == fold(value) else { return others += 1 }
                // A server may show one account twice, since its name is also its address.
                if let id = resource.id, !seen.insert(id).inserted { return }
                found.append(
                    Found(
                        id: resource.id, externalID: resource.externalID, resource: resource.document.canonicalBytes))
            }
            do {
                switch way {
                case .filter:
                    guard capabilities.filter, profile.filterable?.contains(path.description) ?? true else { continue }
                    let answer = try await connection.send(
                        .get, kind.endpoint, query: [("filter", Filter.equal(path.description, value))])
                    let page = try JSONParser().parse(answer.body) { root in
                        try ListPage(root) { take(ShownResource($0, connection.dialect)) }
                    }
                    if found.isEmpty, others > 0 || page.totalResults ?? 0 > 0, profile.lookUp.contains(.scan) {
                        continue
                    }
                case .scan:
                    let evidence = try await list(kind, take)
                    if found.isEmpty, !evidence.isComplete {
                        throw SCIMFailure.malformed(
                            """
                            whether \(path) “\(value)” is there cannot be told: \
                            \(evidence.violations.first ?? "the list is not whole")
                            """
                        )
                    }
                }
                return found
            } catch let failure as SCIMFailure {
                switch failure {
                case .unsupported, .rejected: continue
                // A filter may be what the server cannot do.
                case .failing, .notFound: refusal = failure
                case .forbidden where way == .filter: refusal = failure
                default: throw failure
                }
            } catch {
                throw .malformed("\(error)")
            }
        }
        if let refusal { throw refusal }
        return []
    }

    /// The ids of the resources of a kind that a filter selects, page by page.
    public func ids(_ kind: ResourceKind, filter: String) async throws -> [String] {
        var ids: [String] = []
        let evidence = try await connection.list(
            kind.endpoint, paging: capabilities.cursor ? .cursor : .index, pageSize: capabilities.pageSize,
            query: [("filter", filter)]
        ) { resource in
            if let id = resource.id { ids.append(id) }
        }
        // A service that ignores the cursor says a total, and ends at its cap.
        if capabilities.cursor, evidence.declaredTotal != nil, let cap = profile.listCap, ids.count >= cap {
            throw SCIMFailure.unsupported(
                SCIMError(status: 501, detail: "the list of \(kind.plural) for \(filter) is cut off at \(cap)"))
        }
        return ids
    }

    /// Whether what is written to a group's members can be seen in the group.
    public var showsMembers: Bool { profile.memberReading.contains(.inList) || profile.memberReading.contains(.byID) }
}
