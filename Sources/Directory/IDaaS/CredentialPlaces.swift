import Foundation
import HTTP
import JSON

/// A way to an access key.
indirect enum KeyWay {
    case key(AccessKey)
    /// A role that is assumed with another key (STS AssumeRole).
    case role(AssumedRole, with: KeyWay)
    /// A role that is assumed with a token in a file, as Kubernetes mounts it (STS AssumeRoleWithOIDC).
    case oidc(AssumedRole, provider: String, tokenFile: String)
    /// The role of the ECS instance, from its metadata service; nil for the role that the service names.
    case instance(role: String?)
    /// A key behind a URL.
    case address(String)
    /// A program that prints the key as JSON.
    case process(String)
}

/// A role to be assumed.
struct AssumedRole {
    var arn: String
    var session: String
    /// Seconds.
    var duration: Int
    var policy: String?
    var externalID: String?
    /// The host of STS.
    var host: String
}

/// Where Alibaba Cloud's tools keep access keys, and in which order they look: the default chain of their SDKs
/// (alibabacloud-credentials 1.0.12).
struct CredentialPlaces {
    /// What a place holds: a way to a key, or why there is none.
    typealias Place = Result<KeyWay, CredentialChain.Missing>

    let environment: [String: String]
    let runsProcesses: Bool
    private let home: String

    init(environment: [String: String], runsProcesses: Bool) {
        self.environment = environment
        self.runsProcesses = runsProcesses
        home = environment["HOME"].flatMap { $0.isEmpty ? nil : $0 } ?? NSHomeDirectory()
    }

    /// Every place, in order; files are read when their turn comes.
    var inOrder: [() -> Place] {
        var places: [() -> Place] = [variables]
        if value("ALIBABA_CLOUD_OIDC_TOKEN_FILE") != nil, value("ALIBABA_CLOUD_ROLE_ARN") != nil,
            value("ALIBABA_CLOUD_OIDC_PROVIDER_ARN") != nil
        {
            places.append(tokenFile)
        }
        places += [commandLineProfile, credentialsFile]
        if !hasNoInstance { places.append { .success(.instance(role: value("ALIBABA_CLOUD_ECS_METADATA"))) } }
        if let address = value("ALIBABA_CLOUD_CREDENTIALS_URI") { places.append { .success(.address(address)) } }
        return places
    }

    var forbidsOldMetadata: Bool { value("ALIBABA_CLOUD_IMDSV1_DISABLED")?.lowercased() == "true" }
    private var hasNoInstance: Bool { value("ALIBABA_CLOUD_ECS_METADATA_DISABLED")?.lowercased() == "true" }

    private func value(_ name: String) -> String? {
        environment[name].flatMap { $0.trimmingSpaces.isEmpty ? nil : $0.trimmingSpaces }
    }

    private func missing(_ why: String) -> Place { .failure(CredentialChain.Missing(description: why)) }

    // MARK: places

    private func variables() -> Place {
        guard let id = value("ALIBABA_CLOUD_ACCESS_KEY_ID"), let secret = value("ALIBABA_CLOUD_ACCESS_KEY_SECRET")
        else {
            return missing("ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET are not both set")
        }
        return .success(
            .key(
                AccessKey(
                    id: id, secret: Secret(secret), token: value("ALIBABA_CLOUD_SECURITY_TOKEN").map { Secret($0) },
                    origin: "the environment")))
    }

    private func tokenFile() -> Place {
        do {
            return try .success(
                oidc([:], names: ("role", "provider", "token", "session"), origin: "ALIBABA_CLOUD_OIDC_TOKEN_FILE"))
        } catch { return .failure(error) }
    }

    /// The CLI's `config.json`: profiles by name, one of them current.
    private func commandLineProfile() -> Place {
        if value("ALIBABA_CLOUD_CLI_PROFILE_DISABLED")?.lowercased() == "true" {
            return missing("the CLI's profiles are switched off by ALIBABA_CLOUD_CLI_PROFILE_DISABLED")
        }
        let path = "\(home)/.aliyun/config.json"
        guard let data = FileManager.default.contents(atPath: path) else { return missing("there is no \(path)") }
        guard let document = try? JSONValue(parsing: Array(data)) else { return missing("\(path) is not JSON") }
        guard let name = value("ALIBABA_CLOUD_PROFILE") ?? document["current"]?.string, !name.isEmpty else {
            return missing("\(path) names no current profile")
        }
        do { return .success(try profile(name, document["profiles"]?.array ?? [], path, after: [])) } catch {
            return .failure(error)
        }
    }

    private func profile(_ name: String, _ profiles: [JSONValue], _ path: String, after earlier: Set<String>)
        throws(CredentialChain.Missing) -> KeyWay
    {
        let origin = "the profile “\(name)” of \(path)"
        guard !earlier.contains(name) else {
            throw CredentialChain.Missing(description: "\(origin) leads back to itself by its source_profile")
        }
        guard let profile = profiles.first(where: { $0["name"]?.string == name }) else {
            throw CredentialChain.Missing(description: "\(path) has no profile “\(name)”")
        }
        let fields = Self.fields(profile)
        let isInner: Bool? = if case .bool(let flag)? = profile["enable_vpc"] { flag } else { nil }
        switch profile["mode"]?.string ?? "" {
        case "AK": return .key(try key(fields, token: false, origin))
        case "StsToken": return .key(try key(fields, token: true, origin))
        case "RamRoleArn":
            return .role(
                try role(fields, ("ram_role_arn", "ram_session_name"), isInner, origin),
                with: .key(try key(fields, token: false, origin)))
        case "ChainableRamRoleArn":
            guard let source = fields["source_profile"] else {
                throw CredentialChain.Missing(description: "\(origin) has no source_profile")
            }
            return .role(
                try role(fields, ("ram_role_arn", "ram_session_name"), isInner, origin),
                with: try self.profile(source, profiles, path, after: earlier.union([name])))
        case "EcsRamRole":
            if hasNoInstance {
                throw CredentialChain.Missing(
                    description:
                        "\(origin) asks the metadata service, which ALIBABA_CLOUD_ECS_METADATA_DISABLED switches off")
            }
            return .instance(role: fields["ram_role_name"] ?? value("ALIBABA_CLOUD_ECS_METADATA"))
        case "OIDC":
            return try oidc(
                fields, isInner, names: ("ram_role_arn", "oidc_provider_arn", "oidc_token_file", "role_session_name"),
                origin: origin)
        case "External":
            guard let command = fields["process_command"] else {
                throw CredentialChain.Missing(description: "\(origin) has no process_command")
            }
            guard runsProcesses else {
                throw CredentialChain.Missing(
                    description:
                        "\(origin) runs a program, which a job does with source.accessKey: { chain: full } alone")
            }
            return .process(command)
        case let mode where ["CloudSSO", "OAuth"].contains(mode):
            throw CredentialChain.Missing(
                description: "\(origin) has the mode \(mode), whose sign-in in a browser no scheduled job can renew")
        case let mode:
            throw CredentialChain.Missing(description: "\(origin) has the mode “\(mode)”, which is not known")
        }
    }

    /// What a profile says, as texts.
    private static func fields(_ profile: JSONValue) -> [String: String] {
        var fields: [String: String] = [:]
        for (key, value) in profile.object ?? [:] {
            if let text = value.string, !text.isEmpty {
                fields[key] = text
            } else if let number = value.integer {
                fields[key] = String(number)
            }
        }
        return fields
    }

    /// A section of `credentials.ini`.
    private func credentialsFile() -> Place {
        let path = value("ALIBABA_CLOUD_CREDENTIALS_FILE") ?? "\(home)/.alibabacloud/credentials.ini"
        let name = value("ALIBABA_CLOUD_PROFILE") ?? "default"
        guard let data = FileManager.default.contents(atPath: path) else { return missing("there is no \(path)") }
        var fields: [String: String]?
        var current = ""
        for line in String(decoding: data, as: UTF8.self).split(whereSeparator: \.isNewline) {
            let text = String(line).trimmingSpaces
            if text.isEmpty || text.hasPrefix("#") || text.hasPrefix(";") { continue }
            if text.hasPrefix("["), text.hasSuffix("]") {
                current = String(text.dropFirst().dropLast())
                if current == name { fields = fields ?? [:] }
            } else if current == name, let sign = text.firstIndex(where: { $0 == "=" || $0 == ":" }) {
                let value = text[text.index(after: sign)...].prefix { $0 != "#" }
                fields?[String(text[..<sign]).trimmingSpaces.lowercased()] = String(value).trimmingSpaces
            }
        }
        guard let fields = fields?.filter({ !$0.value.isEmpty }) else {
            return missing("\(path) has no section [\(name)]")
        }
        let origin = "the section [\(name)] of \(path)"
        do {
            switch fields["type"] ?? "" {
            case "access_key": return .success(.key(try key(fields, token: false, origin)))
            case "ram_role_arn":
                return .success(
                    .role(
                        try role(
                            fields.filter { $0.key != "external_id" }, ("role_arn", "role_session_name"), nil, origin),
                        with: .key(try key(fields, token: false, origin))))
            case "oidc_role_arn":
                return .success(
                    try oidc(
                        fields, nil,
                        names: ("role_arn", "oidc_provider_arn", "oidc_token_file_path", "role_session_name"),
                        origin: origin))
            case "ecs_ram_role":
                if hasNoInstance {
                    return missing(
                        "\(origin) asks the metadata service, which ALIBABA_CLOUD_ECS_METADATA_DISABLED switches off")
                }
                return .success(.instance(role: fields["role_name"] ?? value("ALIBABA_CLOUD_ECS_METADATA")))
            case let type:
                return missing(
                    """
                    \(origin) has the type “\(type)”; access_key, ram_role_arn, oidc_role_arn and ecs_ram_role \
                    are read
                    """
                )
            }
        } catch { return .failure(error) }
    }

    // MARK: parts

    private func key(_ fields: [String: String], token: Bool, _ origin: String) throws(CredentialChain.Missing)
        -> AccessKey
    {
        guard let id = fields["access_key_id"], let secret = fields["access_key_secret"] else {
            throw CredentialChain.Missing(description: "\(origin) has no access_key_id or no access_key_secret")
        }
        guard !token || fields["sts_token"] != nil else {
            throw CredentialChain.Missing(description: "\(origin) has no sts_token")
        }
        return AccessKey(
            id: id, secret: Secret(secret), token: token ? fields["sts_token"].map { Secret($0) } : nil, origin: origin)
    }

    private func role(
        _ fields: [String: String], _ names: (arn: String, session: String), _ isInner: Bool?, _ origin: String
    ) throws(CredentialChain.Missing) -> AssumedRole {
        guard let arn = fields[names.arn] ?? value("ALIBABA_CLOUD_ROLE_ARN") else {
            throw CredentialChain.Missing(description: "\(origin) has no \(names.arn)")
        }
        let duration = fields["expired_seconds"].flatMap { Int($0) } ?? 3600
        guard duration >= 900 else {
            throw CredentialChain.Missing(
                description: "\(origin) has expired_seconds: \(duration); STS takes 900 and more")
        }
        let prefix =
            isInner ?? (value("ALIBABA_CLOUD_VPC_ENDPOINT_ENABLED")?.lowercased() == "true") ? "sts-vpc" : "sts"
        let region = fields["sts_region"] ?? value("ALIBABA_CLOUD_STS_REGION")
        return AssumedRole(
            arn: arn, session: fields[names.session] ?? value("ALIBABA_CLOUD_ROLE_SESSION_NAME") ?? "rollcall",
            duration: duration, policy: fields["policy"], externalID: fields["external_id"],
            host: region.map { "\(prefix).\($0).aliyuncs.com" } ?? "sts.aliyuncs.com")
    }

    private func oidc(
        _ fields: [String: String], _ isInner: Bool? = nil,
        names: (arn: String, provider: String, file: String, session: String), origin: String
    ) throws(CredentialChain.Missing) -> KeyWay {
        let role = try role(fields, (names.arn, names.session), isInner, origin)
        guard let provider = fields[names.provider] ?? value("ALIBABA_CLOUD_OIDC_PROVIDER_ARN") else {
            throw CredentialChain.Missing(description: "\(origin) has no \(names.provider)")
        }
        guard let file = fields[names.file] ?? value("ALIBABA_CLOUD_OIDC_TOKEN_FILE") else {
            throw CredentialChain.Missing(description: "\(origin) has no \(names.file)")
        }
        return .oidc(role, provider: provider, tokenFile: file)
    }
}
