import Foundation
import Directory
import HTTP
import Jobs
import Ledger
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
    /// Asks the run to end in an orderly way.
    public var stop = StopRequest()
    /// How many rows a report holds.
    public var detail = Detail.rows
    /// Told of progress as it comes.
    public var progress: @Sendable (RunProgress) -> Void
    /// Bytes that are free on the disk of a folder; nil where nobody knows.
    public var freeBytes: @Sendable (String) -> Int? = { folder in
        ((try? FileManager.default.attributesOfFileSystem(forPath: folder))?[.systemFreeSize] as? NSNumber)?.intValue
    }
    /// Stands in for the job's source in tests.
    public var sourceOverride: (any DirectorySource)?

    /// The moment as the ledger and reports write it: `2026-11-24T06:50:12Z`.
    public var timestamp: String { Timestamp.text(time.wall()) }
    /// The day of it: `2026-11-24`.
    public var today: String { String(timestamp.prefix(10)) }

    public init(
        time: Time, environment: [String: String], log: Logger, transport: any HTTPClient,
        retry: RetryPolicy = RetryPolicy(),
        progress: @escaping @Sendable (RunProgress) -> Void = { _ in }, sourceOverride: (any DirectorySource)? = nil
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

/// How far a job is.
public struct RunProgress: Hashable, Sendable {
    public var job: String
    /// What is being done: `operations sent`, `target users read`.
    public var what: String
    /// How many of them are done, and of how many; nil where nobody knows.
    public var count: Int
    public var total: Int?
    /// Of the operations that were sent, those that failed; and requests that were sent again.
    public var failed = 0
    public var retried = 0
}

/// Why a job cannot go on: an exit code and what to tell the operator.
public struct JobFailure: Error, Sendable, CustomStringConvertible {
    public let exit: ExitCode
    public let description: String

    public init(_ exit: ExitCode, _ description: String) {
        self.exit = exit
        self.description = description
    }

    init(_ error: LedgerError, of job: Job) {
        if case .otherHost = error {
            self.init(.locked, error.told(job: job.file))
        } else {
            self.init(.ledger, error.told(job: job.file))
        }
    }

    init(_ failure: SCIMFailure, side: String) {
        switch failure {
        case .credentials, .forbidden:
            self.init(
                .credentials,
                "\(side): the credential was refused: \(failure); \(Self.likelyCause("\(failure)", side: side))"
            )
        case .cancelled: self.init(.interrupted, "\(side): stopped")
        case .notFound: self.init(.unreachable, "\(side): \(failure); check \(side).baseURL")
        default: self.init(.unreachable, "\(side): \(failure); check \(side).baseURL, the network and the server")
        }
    }

    /// What most likely is behind a refusal, by what the server says of it, and what to do.
    static func likelyCause(_ said: String, side: String) -> String {
        let text = said.lowercased()
        func says(_ words: String...) -> Bool { words.contains { text.contains($0) } }
        if says(
            "allowlist", "whitelist", "allow list", "white list", "ip address", "ipaddress", "source ip",
            "not in the ip")
        {
            return "likely this host's address is missing from the platform's allowlist: add it there"
        }
        if says(
            "synchronization", "synchronisation", "provisioning is", "scim is not enabled", "scim is disabled",
            "scimdisabled", "scim not enabled", "not enabled", "switched off")
        {
            return "likely SCIM synchronization is switched off on the platform: switch it on in its console"
        }
        if says("expire") {
            return
                """
                likely the credential has expired: make a new one in the console, and put it where \
                \(side).authorization refers to
                """
        }
        if says("disabled", "inactive", "revoked") {
            return "likely the credential is disabled: enable it or make a new one in the console"
        }
        if text.contains("answered 403") {
            return
                """
                the credential is known and may not do this: likely SCIM synchronization is switched off there, \
                the credential lacks the permission, or this host's address is missing from an allowlist
                """
        }
        return "likely it has expired, is disabled, or is another server's: check \(side).authorization"
    }
}

extension JobFailure {
    init(_ failure: DirectoryFailure) {
        switch failure {
        case .unreachable(let why): self.init(.unreachable, "source: \(why)")
        case .credentials(let why): self.init(.credentials, "source: \(why)")
        case .broken(let why):
            self.init(.sourceIncomplete, "source: \(why); nothing is planned from a read that broke off")
        case .cancelled: self.init(.interrupted, "source: stopped")
        }
    }
}

/// Makes the stack of clients on one side: each attempt takes its turn in the pace and is counted; the token goes on
/// last, so that a renewed one is used.
struct ClientStack {
    let surroundings: Surroundings
    let gate: Stoppable

    init(surroundings: Surroundings, counted: Traced) {
        self.surroundings = surroundings
        gate = Stoppable(counted, stop: surroundings.stop)
    }

    func paced(_ pace: Job.PaceSettings, settled: Double? = nil) -> Paced {
        Paced(
            gate, pace: Pace(requestsPerSecond: pace.requestsPerSecond, concurrency: pace.concurrency),
            settled: settled, time: surroundings.time)
    }

    func retrying(_ client: any HTTPClient, _ pace: Job.PaceSettings) -> any HTTPClient {
        var policy = surroundings.retry
        policy.patience = Double(pace.patience)
        return Retrying(client, policy: policy, time: surroundings.time, log: surroundings.log, stop: surroundings.stop)
    }

    func authorized(_ authorization: Job.Authorization, _ paced: Paced, _ pace: Job.PaceSettings, _ dialect: Dialect)
        throws -> any HTTPClient
    {
        retrying(Authorized(paced, tokens: try tokens(authorization, paced, pace, dialect)), pace)
    }

    func url(_ text: String) throws -> URLParts {
        guard let parts = URLParts(text) else {
            throw JobFailure(.jobFile, "\(text) is no URL that can be used; write https://HOST/PATH")
        }
        return parts
    }

    func secret(_ reference: SecretReference) throws -> Secret {
        if let concern = reference.concern { surroundings.log.warning("\(concern)") }
        do { return Secret(try reference.resolve(environment: surroundings.environment)) } catch {
            throw JobFailure(.jobFile, "\(error)")
        }
    }

    private func tokens(
        _ authorization: Job.Authorization, _ client: any HTTPClient, _ pace: Job.PaceSettings, _ dialect: Dialect
    ) throws -> any TokenSource {
        switch authorization {
        case .key(let reference): return FixedKey(try secret(reference))
        case .oauth(let tokenURL, let clientID, let clientSecret, let scope, let placement):
            return clientCredentials(
                ClientCredentials.Settings(
                    tokenURL: try url(tokenURL), clientID: clientID, clientSecret: try secret(clientSecret),
                    scope: scope,
                    placement: placement == "form" && dialect.has(.basicSecret)
                        ? .basic : .init(rawValue: placement) ?? .form), client, pace,
                takesBasicAlone: { dialect.note(.basicSecret) })
        }
    }

    func clientCredentials(
        _ settings: ClientCredentials.Settings, _ client: any HTTPClient, _ pace: Job.PaceSettings,
        takesBasicAlone: (@Sendable () -> Void)? = nil
    ) -> any TokenSource {
        ClientCredentials(
            settings, client: retrying(client, pace), time: surroundings.time, takesBasicAlone: takesBasicAlone
        ) { body in
            try? JSONParser().parse(body) { root -> ClientCredentials.Answer? in
                if let token = root["access_token"]?.string, !token.isEmpty,
                    token.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F })
                {
                    let life = root["expires_in"]?.scalarText.flatMap { Double($0) }
                    // No token lives for a year: what says so is kept for a day.
                    return .token(token, expiresIn: life.flatMap { $0 > 0 ? min($0, 86400) : nil })
                }
                let parts = [
                    root["error"]?.string ?? root["Code"]?.string,
                    root["error_description"]?.string ?? root["Message"]?.string,
                ].compactMap { $0 }
                return parts.isEmpty ? nil : .refusal(parts.joined(separator: ": "))
            }
        }
    }
}

/// Opens sources.
struct SourceConnections {
    private let stack: ClientStack

    init(surroundings: Surroundings, counted: Traced) {
        stack = ClientStack(surroundings: surroundings, counted: counted)
    }

    func source(_ source: Job.Source) throws -> any DirectorySource {
        let surroundings = stack.surroundings
        switch source {
        case .file(let path, _): return FileSource(path: path)
        case .scim(let baseURL, let authorization, _, let pace):
            let dialect = Dialect()
            return SCIMSource(
                connection: SCIMConnection(
                    base: try stack.url(baseURL),
                    client: try stack.authorized(authorization, stack.paced(pace), pace, dialect), dialect: dialect))
        case .idaas(let idaas):
            return IDaaSSource.management(
                endpoint: try stack.url(idaas.endpoint), instance: idaas.instance, application: idaas.application,
                keys: try keys(idaas), client: stack.paced(idaas.pace),
                time: surroundings.time, retrying: { stack.retrying($0, idaas.pace) })
        case .idaasApplication(let idaas):
            let id = try value(idaas.clientID)
            let secret = try stack.secret(idaas.clientSecret)
            return IDaaSSource.application(
                endpoint: try stack.url(idaas.endpoint), instance: idaas.instance, application: idaas.application,
                client: stack.paced(idaas.pace), time: surroundings.time,
                // In the form's body: a query would stand in access logs.
                tokens: {
                    stack.clientCredentials(
                        ClientCredentials.Settings(tokenURL: $0, clientID: id, clientSecret: secret, placement: .form),
                        $1, idaas.pace)
                },
                retrying: { stack.retrying($0, idaas.pace) })
        }
    }

    private func value(_ value: Job.PublicValue) throws -> String {
        do { return try value.resolve(environment: stack.surroundings.environment) } catch {
            throw JobFailure(.jobFile, "\(error)")
        }
    }

    private func keys(_ idaas: Job.IDaaS) throws -> any AccessKeySource {
        switch idaas.accessKey {
        case .key(let id, let secret, let token):
            return FixedAccessKey(
                AccessKey(
                    id: try value(id), secret: try stack.secret(secret), token: try token.map(stack.secret),
                    origin: "source.accessKey"))
        case .chain(let full):
            let (environment, log) = (stack.surroundings.environment, stack.surroundings.log)
            let run: CredentialChain.RunProcess = {
                try await ChildProgram.run(
                    aside: ChildProgram.arguments(of: $0),
                    environment: ["PATH": environment["PATH"] ?? "/usr/bin:/bin", "HOME": environment["HOME"] ?? "/"],
                    seconds: 10, limit: 64 << 10)
            }
            return CredentialChain(
                environment: environment, client: stack.retrying(stack.paced(idaas.pace), idaas.pace),
                time: stack.surroundings.time, run: full ? run : nil,
                told: { log.info("access key found", metadata: ["id": "\($0.id)", "origin": "\($0.origin)"]) })
        }
    }
}

extension JobVocabulary {
    /// What this version serves.
    public static var current: JobVocabulary { Profile.guests.isEmpty ? usual : serving(Profile.served) }

    private static let usual = serving(Profile.all)

    private static func serving(_ profiles: [Profile]) -> JobVocabulary {
        JobVocabulary(
            platforms: Dictionary(
                profiles.map { profile in
                    (
                        profile.name,
                        PlatformTerms(
                            takesGroups: profile.takesGroups, requestsPerSecond: profile.requestsPerSecond,
                            concurrency: profile.concurrency, needsOAuth: profile.needsOAuth,
                            userAttributes: profile.userAttributes, isListed: profile.listing == .pages,
                            overwrites: profile.existing == .overwrite)
                    )
                }
                    + RefusedPlatform.all.map { platform in
                        (
                            platform.name,
                            PlatformTerms(
                                takesGroups: true, requestsPerSecond: 1, concurrency: 1,
                                refusal: "\(platform.displayName) has no SCIM interface: \(platform.instead)")
                        )
                    }
            ) { first, _ in first },
            attributeComplaint: { MappingTable.complaint($0, $1) },
            fieldComplaint: { DirectoryFields.complaint($0, $1) })
    }
}
