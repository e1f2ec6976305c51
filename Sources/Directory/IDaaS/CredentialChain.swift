import Foundation
import HTTP
import HTTPTypes
import JSON
import SCIM

/// Gives the access key that signs a request.
public protocol AccessKeySource: Sendable {
    /// Throws `TransportError.refused` with `CredentialChain.refusalMark` where no key is to be had.
    func accessKey() async throws(TransportError) -> AccessKey
}

/// A key that stays.
public struct FixedAccessKey: AccessKeySource {
    private let key: AccessKey
    public init(_ key: AccessKey) { self.key = key }
    public func accessKey() async throws(TransportError) -> AccessKey { key }
}

/// Finds an access key where Alibaba Cloud's own tools find it: environment variables, a role by an OIDC token, the
/// CLI's profile, the credentials file, the role of the ECS instance, a credentials URI; the first that gives one
/// stays. A temporary key is renewed before it ends.
public actor CredentialChain: AccessKeySource {
    /// Why a place gives no key.
    public struct Missing: Error, Sendable, CustomStringConvertible {
        public let description: String
    }

    /// How the message begins that says that no key is to be had.
    public static let refusalMark = "access key:"

    /// Runs a program and gives what it printed.
    public typealias RunProcess = @Sendable (_ command: String) async throws -> [UInt8]

    private struct Found {
        var key: AccessKey
        /// On the monotonic clock: when it is renewed, and when it ends; nil for a key that stays.
        var renewal: Double?
        var end: Double?
    }

    private let places: CredentialPlaces
    private let client: any HTTPClient
    private let time: Time
    private let run: RunProcess?
    private let told: @Sendable (AccessKey) -> Void
    private var way: KeyWay?
    private var found: Found?

    /// Seconds that a metadata service may take to answer: on a machine without one, this is what the question costs.
    private static let metadataWait = 0.8
    private static let metadata = "100.100.100.200"

    /// - Parameters:
    ///   - client: sends without authorization; asks STS again where it is in trouble.
    ///   - run: for profiles whose key a program prints; nil where the job does not allow that.
    ///   - told: of each key that is found.
    public init(
        environment: [String: String], client: any HTTPClient, time: Time, run: RunProcess? = nil,
        told: @escaping @Sendable (AccessKey) -> Void = { _ in }
    ) {
        places = CredentialPlaces(environment: environment, runsProcesses: run != nil)
        self.client = client
        self.time = time
        self.run = run
        self.told = told
    }

    public func accessKey() async throws(TransportError) -> AccessKey {
        if let found, found.renewal.map({ time.monotonic() < $0 }) ?? true { return found.key }
        do {
            let next = try await way == nil ? first() : follow(way)
            found = next
            told(next.key)
            return next.key
        } catch {
            if error is CancellationError || error as? TransportError == .cancelled { throw .cancelled }
            // What is still good is used to its end.
            if let found, let end = found.end, time.monotonic() < end { return found.key }
            // A service that cannot be reached says nothing of a key.
            if let transport = error as? TransportError { throw transport }
            throw .refused("\(Self.refusalMark) \(error)")
        }
    }

    /// The first place that gives a key.
    private func first() async throws -> Found {
        var looked: [String] = []
        var outage: TransportError?
        for place in places.inOrder {
            do {
                let way = try place().get()
                let found = try await follow(way)
                self.way = way
                return found
            } catch {
                if error is CancellationError || error as? TransportError == .cancelled { throw CancellationError() }
                looked.append("\(error)")
                outage = outage ?? error as? TransportError
            }
        }
        if let outage { throw outage }
        throw Missing(
            description:
                "no access key was found: \(looked.joined(separator: "; ")); give source.accessKey, or one of these")
    }

    // MARK: ways

    private func follow(_ way: KeyWay?) async throws -> Found {
        switch way {
        case .key(let key)?: return Found(key: key)
        case .role(let role, let inner)?: return try await assume(role, with: try await follow(inner).key)
        case .oidc(let role, let provider, let file)?:
            return try await assume(role, provider: provider, tokenFile: file)
        case .instance(let role)?: return try await ofInstance(role)
        case .address(let address)?: return try await behind(address)
        case .process(let command)?: return try await printed(by: command)
        case nil: throw Missing(description: "no access key was found")
        }
    }

    private func assume(_ role: AssumedRole, with key: AccessKey) async throws -> Found {
        var query = [
            ("DurationSeconds", String(role.duration)), ("RoleArn", role.arn), ("RoleSessionName", role.session),
        ]
        if let policy = role.policy { query.append(("Policy", policy)) }
        if let id = role.externalID { query.append(("ExternalId", id)) }
        var head = HTTPRequest(
            method: .get, scheme: "https", authority: role.host, path: "/?" + ACS3Signature.canonical(query))
        head.headerFields[.accept] = "application/json"
        Self.set(&head, "x-acs-action", "AssumeRole")
        Self.set(&head, "x-acs-version", "2015-04-01")
        let signed = Signed(next: client, keys: FixedAccessKey(key), time: time)
        let response = try await signed.send(
            OutgoingRequest(head: head, responseLimit: 1 << 20, isConfidential: true, attempts: 3))
        return try temporary(
            response, inside: "Credentials", origin: "the role \(role.arn), assumed with the key of \(key.origin)")
    }

    private func assume(_ role: AssumedRole, provider: String, tokenFile: String) async throws -> Found {
        // Read each time: what mounts it renews it.
        guard let data = FileManager.default.contents(atPath: tokenFile) else {
            throw Missing(description: "the token file \(tokenFile) cannot be read")
        }
        let token = String(decoding: data, as: UTF8.self)
        let query = [
            ("Action", "AssumeRoleWithOIDC"), ("Format", "JSON"), ("Timestamp", Timestamp.text(time.wall())),
            ("Version", "2015-04-01"),
        ]
        var form = [
            ("DurationSeconds", String(role.duration)), ("OIDCProviderArn", provider), ("OIDCToken", token),
            ("RoleArn", role.arn), ("RoleSessionName", role.session),
        ]
        if let policy = role.policy { form.append(("Policy", policy)) }
        var head = HTTPRequest(
            method: .post, scheme: "https", authority: role.host, path: "/?" + ACS3Signature.canonical(query))
        head.headerFields[.accept] = "application/json"
        head.headerFields[.contentType] = "application/x-www-form-urlencoded"
        // The token in the body: a query would stand in access logs.
        let request = OutgoingRequest(
            head: head, body: Array(ACS3Signature.canonical(form).utf8), responseLimit: 1 << 20, isConfidential: true,
            attempts: 3)
        let response = try await client.send(request).hiding([Secret(token)])
        return try temporary(
            response, inside: "Credentials", origin: "the role \(role.arn), assumed with the token of \(tokenFile)")
    }

    private func ofInstance(_ wanted: String?) async throws -> Found {
        let token = try await metadataToken()
        if token == nil, places.forbidsOldMetadata {
            throw Missing(
                description:
                    "the metadata service gives no token, and ALIBABA_CLOUD_IMDSV1_DISABLED forbids to go on without")
        }
        let folder = "/latest/meta-data/ram/security-credentials/"
        var role = wanted
        if role == nil {
            let answer = try await read(folder, token)
            guard answer.status == 200 else {
                throw Missing(
                    description:
                        """
                        the metadata service at \(Self.metadata) knows no role of this instance (status \
                        \(answer.status))
                        """
                )
            }
            role = String(decoding: answer.body, as: UTF8.self).split(whereSeparator: \.isNewline).first.map(
                String.init)
        }
        guard let role, !role.isEmpty else {
            throw Missing(description: "the metadata service at \(Self.metadata) names no role")
        }
        return try temporary(
            try await read(folder + PercentEncoding.encode(role), token), inside: nil,
            origin: "the role \(role) of this ECS instance")
    }

    /// A session of the metadata service. A first question that finds nobody ends the search; one that is refused
    /// leaves the older way.
    private func metadataToken() async throws -> String? {
        do {
            let answer = try await ask(
                "/latest/api/token", method: .put, header: ("X-aliyun-ecs-metadata-token-ttl-seconds", "21600"))
            return answer.status == 200 ? String(decoding: answer.body, as: UTF8.self) : nil
        } catch {
            switch error {
            case .notSent(let why):
                throw Missing(
                    description: "no metadata service of an ECS instance answers at \(Self.metadata) (\(why))")
            case .cancelled: throw CancellationError()
            default: return nil
            }
        }
    }

    private func read(_ path: String, _ token: String?) async throws -> IncomingResponse {
        let answer = try await ask(path, method: .get, header: token.map { ("X-aliyun-ecs-metadata-token", $0) })
        guard answer.status != 200, token != nil, !places.forbidsOldMetadata else { return answer }
        return try await ask(path, method: .get, header: nil)
    }

    private func ask(_ path: String, method: HTTPRequest.Method, header: (String, String)?) async throws(TransportError)
        -> IncomingResponse
    {
        var head = HTTPRequest(method: method, scheme: "http", authority: Self.metadata, path: path)
        if let header { Self.set(&head, header.0, header.1) }
        return try await client.send(
            OutgoingRequest(
                head: head, connectTimeout: Self.metadataWait, totalTimeout: Self.metadataWait, responseLimit: 1 << 16,
                isConfidential: true, attempts: 1))
    }

    private func behind(_ address: String) async throws -> Found {
        let halves = address.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        guard let parts = URLParts(halves[0]) else {
            throw Missing(description: "ALIBABA_CLOUD_CREDENTIALS_URI is no URL")
        }
        guard parts.scheme == "https" || parts.isLoopback || parts.isLinkLocal else {
            throw Missing(
                description:
                    """
                    ALIBABA_CLOUD_CREDENTIALS_URI would bring a key over plain http from \(parts.host); https, or \
                    an address of this machine, is needed
                    """
            )
        }
        var head = parts.request(.get, "")
        if halves.count > 1 { head.path = (head.path ?? "/") + "?" + halves[1] }
        head.headerFields[.accept] = "application/json"
        return try temporary(
            try await client.send(
                OutgoingRequest(
                    head: head, connectTimeout: 5, totalTimeout: 10, responseLimit: 1 << 16, isConfidential: true,
                    attempts: 2)), inside: nil,
            origin: "ALIBABA_CLOUD_CREDENTIALS_URI")
    }

    private func printed(by command: String) async throws -> Found {
        guard let run else { throw Missing(description: "programs are not run for keys") }
        let name = command.split(separator: " ").first.map(String.init) ?? "process_command"
        let output = try await run(command)
        guard let root = try? JSONValue(parsing: output) else { throw Missing(description: "\(name) printed no JSON") }
        let mode = root["mode"]?.string ?? ""
        guard mode == "AK" || mode == "StsToken", let id = root["access_key_id"]?.string,
            let secret = root["access_key_secret"]?.string, !id.isEmpty, !secret.isEmpty
        else {
            throw Missing(description: "\(name) printed no access key: the modes AK and StsToken are read")
        }
        let token = mode == "StsToken" ? root["sts_token"]?.string : nil
        guard mode == "AK" || token?.isEmpty == false else {
            throw Missing(description: "\(name) printed the mode StsToken without an sts_token")
        }
        let key = AccessKey(
            id: id, secret: Secret(secret), token: token.map { Secret($0) }, origin: "the program \(name)")
        // One that says no end is asked again after a while.
        return until(root["expiration"]?.string, key, default: 900)
    }

    // MARK: answers

    /// What STS, the metadata service and a credentials URI answer.
    private func temporary(_ response: IncomingResponse, inside wrapper: String?, origin: String) throws -> Found {
        if response.status == 429 || response.status >= 500 {
            throw TransportError.notSent("\(origin): status \(response.status)")
        }
        guard let root = try? JSONValue(parsing: response.body) else {
            throw Missing(description: "\(origin): the answer (status \(response.status)) is not JSON")
        }
        guard response.status == 200, wrapper != nil || root["Code"]?.string == "Success" else {
            let said = [root["Code"]?.string, root["Message"]?.string].compactMap { $0 }.joined(separator: ": ")
            throw Missing(
                description: "\(origin): status \(response.status)\(said.isEmpty ? "" : " “\(said.prefix(300))”")")
        }
        let body = wrapper.flatMap { root[$0] } ?? root
        guard let id = body["AccessKeyId"]?.string, let secret = body["AccessKeySecret"]?.string,
            let token = body["SecurityToken"]?.string, !id.isEmpty, !secret.isEmpty, !token.isEmpty,
            let end = body["Expiration"]?.string
        else { throw Missing(description: "\(origin): the answer holds no temporary access key") }
        return until(end, AccessKey(id: id, secret: Secret(secret), token: Secret(token), origin: origin), default: 900)
    }

    /// A quarter of an hour before its end, and of one that lives no longer than half an hour in the middle of its
    /// life.
    private func until(_ end: String?, _ key: AccessKey, default life: Double) -> Found {
        let seconds = max(0, end.flatMap { Timestamp.seconds($0) }.map { $0 - time.wall() } ?? life)
        let now = time.monotonic()
        return Found(key: key, renewal: now + max(seconds - 900, seconds / 2), end: now + seconds)
    }

    private static func set(_ head: inout HTTPRequest, _ name: String, _ value: String) {
        if let field = HTTPField.Name(name) { head.headerFields[field] = value }
    }
}
