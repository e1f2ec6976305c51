import JSON
import SCIM
import SCIMTransport

/// What a server can do: its `/ServiceProviderConfig` (RFC 7643, section 5), overridden by the job where it says
/// otherwise.
public struct Capabilities: Hashable, Codable, Sendable {
    public var patch = true
    public var filter = true
    public var cursor = false
    public var etag = false
    /// Resources asked for in one page.
    public var pageSize: Int
    /// Whether the vendor or the job says how things are changed: then nothing is found out.
    public var isPatchSettled = false

    public init(patch: Bool = true, filter: Bool = true, cursor: Bool = false, etag: Bool = false, pageSize: Int) {
        self.patch = patch
        self.filter = filter
        self.cursor = cursor
        self.etag = etag
        self.pageSize = pageSize
    }
}

extension SCIMConnection {
    /// What the platform is known to do, else what `/ServiceProviderConfig` says. A server without one is taken to do
    /// what RFC 7644 requires, and PATCH and filters.
    public func capabilities(of profile: Profile, overrides: CapabilityOverrides) async throws(SCIMFailure)
        -> Capabilities
    {
        var found = profile.capabilities ?? Capabilities(pageSize: profile.pageSize)
        do {
            guard profile.capabilities == nil else {
                var settled = found.overridden(by: overrides)
                settled.isPatchSettled = true
                return settled
            }
            let answer = try await send(.get, "/ServiceProviderConfig")
            try JSONParser().parse(answer.body) { root in
                func truth(_ member: JSONView?) -> Bool? {
                    if member?.lenientBool != nil, member?.kind != .bool { dialect.note(.flagsAsText) }
                    return member?.lenientBool
                }
                func flag(_ name: String) -> Bool? {
                    root.member(ignoringCase: name).flatMap { truth($0.member(ignoringCase: "supported")) ?? truth($0) }
                }
                // An empty document, or one of something else, says nothing.
                let isOne = ["patch", "filter", "bulk", "authenticationSchemes"].contains {
                    root.member(ignoringCase: $0) != nil
                }
                if !isOne { dialect.note(.noDiscovery) }
                found.patch = flag("patch") ?? true
                found.filter = flag("filter") ?? true
                found.etag = flag("etag") ?? false
                found.cursor = truth(root.member(ignoringCase: "pagination")?.member(ignoringCase: "cursor")) ?? false
                let pagination = root.member(ignoringCase: "pagination")?.member(ignoringCase: "maxPageSize")?
                    .lenientInteger
                let most =
                    pagination ?? root.member(ignoringCase: "filter")?.member(ignoringCase: "maxResults")?
                    .lenientInteger ?? 0
                // Larger pages are fewer requests; beyond a thousand the gain is small and the documents are large.
                if most > 0 { found.pageSize = min(most, 1000) }
            }
        } catch let failure as SCIMFailure {
            switch failure {
            // What a server does not show, shows to others, or fails to show is taken as absent: a list tells whether
            // the credential is good, and how the server is.
            case .notFound, .unsupported, .rejected, .forbidden, .conflict, .failing, .credentials, .malformed,
                .tooLarge:
                dialect.note(.noDiscovery)
            default: throw failure
            }
        } catch {
            // A web page in its place.
            dialect.note(.noDiscovery)
        }
        return found.overridden(by: overrides)
    }
}

extension Capabilities {
    fileprivate func overridden(by overrides: CapabilityOverrides) -> Capabilities {
        var found = self
        found.patch = overrides.patch ?? found.patch
        found.isPatchSettled = overrides.patch != nil
        found.filter = overrides.filter ?? found.filter
        found.cursor = overrides.cursor ?? found.cursor
        found.etag = overrides.etag ?? found.etag
        found.pageSize = overrides.pageSize ?? found.pageSize
        return found
    }
}
