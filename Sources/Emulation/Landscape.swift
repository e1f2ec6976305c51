/// All that is emulated at one address: a SCIM server, and IDaaS beside it where there is one.
public struct Landscape: Sendable {
    public var target: SCIMService
    public var directory: IDaaSService?

    public init(target: SCIMService, directory: IDaaSService? = nil) {
        self.target = target
        self.directory = directory
    }

    public mutating func handle(_ request: EmulatedRequest) -> EmulatedResponse {
        if directory != nil, IDaaSService.serves(request.path) { return directory?.handle(request) ?? EmulatedResponse(status: 404) }
        return target.handle(request)
    }
}
