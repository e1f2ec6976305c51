/// All that is emulated at one address: SCIM servers, each at a path of its own, and IDaaS beside them where there is
/// one.
public struct Landscape: Sendable {
    /// The server at the plain path.
    public var target: SCIMService
    /// Servers of platforms, by the path that they are at: `/ram`.
    public var platforms: [String: SCIMService] = [:]
    public var directory: IDaaSService?

    public init(target: SCIMService, directory: IDaaSService? = nil) {
        self.target = target
        self.directory = directory
    }

    public mutating func handle(_ request: EmulatedRequest) -> EmulatedResponse {
        if directory != nil, IDaaSService.serves(request.path) {
            return directory?.handle(request) ?? EmulatedResponse(status: 404)
        }
        let head = "/" + (request.path.split(separator: "/").first ?? "")
        if let answer = platforms[head]?.handle(request) { return answer }
        return target.handle(request)
    }
}

extension VendorRules {
    /// The rules of each platform, by its name in job files.
    public static let byPlatform: [(platform: String, rules: VendorRules)] = [
        ("ram", .ram), ("cloudsso", .cloudSSO), ("huawei-identity-center", .huawei),
        ("tencent-identity-center", .tencent), ("volcengine-identity-center", .volcengine),
        ("aws-identity-center", .aws),
    ]
}
