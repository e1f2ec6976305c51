import Directory
import HTTP
import Jobs
import JSON
import Logging
import Provisioning
import SCIM
import SCIMTransport

/// What a run needs of the world, passed in: time, the network, the environment's variables, the log.
public struct Surroundings: Sendable {
    public var time: Time
    public var environment: [String: String]
    public var log: Logger
    /// The bare transport.
    public var transport: any HTTPClient
    public var retry: RetryPolicy
    /// Told of progress as it comes: what is being done, and how many of them are done.
    public var progress: @Sendable (String, Int) -> Void
    /// Replaces a file source's document in tests.
    public var sourceOverride: (any DirectorySource)?

    public init(
        time: Time, environment: [String: String], log: Logger, transport: any HTTPClient, retry: RetryPolicy = RetryPolicy(),
        progress: @escaping @Sendable (String, Int) -> Void = { _, _ in }, sourceOverride: (any DirectorySource)? = nil
    ) {
        self.time = time
        self.environment = environment
        self.log = log
        self.transport = transport
        self.retry = retry
        self.progress = progress
        self.sourceOverride = sourceOverride
    }
}

/// Why a job cannot go on: an exit code and what to tell the operator.
public struct JobFailure: Error, Sendable, CustomStringConvertible {
    public let exit: ExitCode
    public let description: String

    public init(_ exit: ExitCode, _ description: String) {
        self.exit = exit
        self.description = description
    }

    init(_ failure: SCIMFailure, side: String) {
        switch failure {
        case .credentials: self.init(.credentials, "\(side): the credential was refused: \(failure); it may be expired, disabled or another server's: check \(side).authorization")
        case .cancelled: self.init(.interrupted, "\(side): stopped")
        case .notFound: self.init(.unreachable, "\(side): \(failure); check \(side).baseURL")
        default: self.init(.unreachable, "\(side): \(failure); check \(side).baseURL, the network and the server")
        }
    }
}

/// The clients of one job: source and target, each with its own count of requests.
struct Connections {
    let source: any DirectorySource
    let target: SCIMConnection
    let counted: Traced

    init(_ job: Job, _ surroundings: Surroundings) throws {
        let counted = Traced(surroundings.transport, time: surroundings.time, log: surroundings.log)
        self.counted = counted
        // Each attempt takes its turn in the pace and is counted; the token goes on last, so that a renewed one is used.
        func stack(_ authorization: Job.Authorization) throws -> any HTTPClient {
            let paced = Paced(counted, pace: Pace(requestsPerSecond: job.pace.requestsPerSecond, concurrency: job.pace.concurrency), time: surroundings.time)
            let authorized = Authorized(paced, tokens: try Self.tokens(authorization, paced, surroundings))
            return Retrying(authorized, policy: surroundings.retry, time: surroundings.time, log: surroundings.log)
        }
        target = SCIMConnection(base: try Self.url(job.target.baseURL), client: try stack(job.target.authorization))
        switch job.source {
        case .file(let path, _): source = surroundings.sourceOverride ?? FileSource(path: path)
        case .scim(let baseURL, let authorization, _): source = SCIMSource(connection: SCIMConnection(base: try Self.url(baseURL), client: try stack(authorization)))
        }
    }

    private static func url(_ text: String) throws -> URLParts {
        guard let parts = URLParts(text) else { throw JobFailure(.jobFile, "\(text) is no URL that can be used; write https://HOST/PATH") }
        return parts
    }

    private static func tokens(_ authorization: Job.Authorization, _ client: any HTTPClient, _ surroundings: Surroundings) throws -> any TokenSource {
        func secret(_ reference: SecretReference) throws -> Secret {
            do { return Secret(try reference.resolve(environment: surroundings.environment)) } catch { throw JobFailure(.jobFile, "\(error)") }
        }
        switch authorization {
        case .key(let reference): return FixedKey(try secret(reference))
        case .oauth(let tokenURL, let clientID, let clientSecret, let scope, let placement):
            let settings = ClientCredentials.Settings(
                tokenURL: try url(tokenURL), clientID: clientID, clientSecret: try secret(clientSecret), scope: scope, placement: .init(rawValue: placement) ?? .form)
            let retrying = Retrying(client, policy: surroundings.retry, time: surroundings.time, log: surroundings.log)
            return ClientCredentials(settings, client: retrying, time: surroundings.time) { body in
                try? JSONParser().parse(body) { root -> (token: String, expiresIn: Double?)? in
                    guard let token = root["access_token"]?.string, !token.isEmpty, token.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else { return nil }
                    let life = root["expires_in"]?.scalarText.flatMap { Double($0) }
                    return (token, life.flatMap { $0 > 0 ? $0 : nil })
                }
            }
        }
    }
}

extension JobVocabulary {
    /// What this version serves.
    public static let current = JobVocabulary(
        platforms: Dictionary(
            Profile.all.map { profile in
                (profile.name, PlatformTerms(takesGroups: profile.takesGroups, requestsPerSecond: profile.requestsPerSecond, concurrency: profile.concurrency))
            }
        ) { first, _ in first },
        attributeComplaint: { MappingTable.complaint($0, $1) },
        fieldComplaint: { DirectoryFields.complaint($0 == .users ? .user : .group, $1) })
}
