import Directory
import Foundation
import HTTP
import HTTPTypes
import JSON
import Testing
import Planning

/// The credential chain beside the official package: the same files, variables and answers in, the same key out.
@Suite struct CredentialOracleTests {
    private struct Situation {
        var name: String
        var variables: [String: String] = [:]
        var profiles: String?
        var sections: String?
        var world: [String: String] = [:]
    }

    /// What STS, the metadata service and a credentials URI answer: the same as in credentials.py.
    private struct World: HTTPClient {
        let answers: [String: String]

        private static func temporary(_ name: String) -> JSONValue {
            [
                "Code": "Success", "AccessKeyId": .string(name), "AccessKeySecret": .string("s-\(name)"),
                "SecurityToken": .string("t-\(name)"), "Expiration": "2099-01-01T00:00:00Z",
            ]
        }

        func send(_ request: OutgoingRequest) async throws(TransportError) -> IncomingResponse {
            func answer(_ status: Int, _ body: String) -> IncomingResponse {
                IncomingResponse(head: HTTPResponse(status: .init(code: status)), body: Array(body.utf8))
            }
            func header(_ name: String) -> String? { HTTPField.Name(name).flatMap { request.head.headerFields[$0] } }
            let host = request.head.authority ?? ""
            let halves = (request.head.path ?? "/").split(separator: "?", maxSplits: 1).map(String.init)
            var said: [String: String] = [:]
            for pair in ((halves.count > 1 ? halves[1] : "") + "&" + String(decoding: request.body, as: UTF8.self))
                .split(separator: "&")
            {
                let parts = pair.split(separator: "=", maxSplits: 1).map { PercentEncoding.decode($0) }
                said[parts[0]] = parts.count > 1 ? parts[1] : ""
            }
            if host == "100.100.100.200" {
                let mode = answers["metadata"] ?? "none"
                if mode == "none" { throw .notSent("nobody is there") }
                if halves[0] == "/latest/api/token" {
                    guard request.head.method == .put, header("X-aliyun-ecs-metadata-token-ttl-seconds") != nil else {
                        return answer(405, "")
                    }
                    return mode != "old" ? answer(200, "session") : answer(404, "")
                }
                if mode == "new", header("X-aliyun-ecs-metadata-token") != "session" { return answer(403, "") }
                if mode == "roleless" { return answer(404, "") }
                let folder = "/latest/meta-data/ram/security-credentials/"
                return answer(
                    200,
                    halves[0] == folder
                        ? "instance-role" : Self.temporary("ecs-" + halves[0].dropFirst(folder.count)).canonical)
            }
            if host.hasPrefix("sts") {
                if answers["sts"] == "refuses" {
                    return answer(403, #"{"Code": "NoPermission", "Message": "not allowed"}"#)
                }
                let signer = (request.head.headerFields[.authorization] ?? "").split(separator: "Credential=").last?
                    .split(separator: ",").first.map(String.init)
                let by = signer ?? said["OIDCToken"]?.trimmingCharacters(in: .whitespacesAndNewlines) ?? ""
                return answer(
                    200,
                    (["Credentials": Self.temporary("\(host)-\(said["RoleArn"] ?? "")-\(by)")] as JSONValue).canonical)
            }
            if halves[0] == "/credentials" {
                return answers["uri"] == "good" ? answer(200, Self.temporary("uri").canonical) : answer(500, "{}")
            }
            return answer(404, "")
        }
    }

    private static let keys = [
        "ALIBABA_CLOUD_ACCESS_KEY_ID": "env-id", "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "env-secret",
    ]
    private static let oidc = [
        "ALIBABA_CLOUD_OIDC_TOKEN_FILE": "HOME/token", "ALIBABA_CLOUD_ROLE_ARN": "acs:ram::1:role/a",
        "ALIBABA_CLOUD_OIDC_PROVIDER_ARN": "acs:ram::1:oidc-provider/k",
    ]
    private static let profiles = """
        {"current": "ak", "profiles": [
        {"name": "ak", "mode": "AK", "access_key_id": "cli-id", "access_key_secret": "cli-secret", "sts_token": \
        "not-of-this-mode"},
        {"name": "sts", "mode": "StsToken", "access_key_id": "sts-id", "access_key_secret": "sts-secret", \
        "sts_token": "sts-token"},
        {"name": "tokenless", "mode": "StsToken", "access_key_id": "sts-id", "access_key_secret": "sts-secret"},
        {"name": "role", "mode": "RamRoleArn", "access_key_id": "base-id", "access_key_secret": "base-secret", \
        "ram_role_arn": "arn", "ram_session_name": "s", "expired_seconds": 900},
        {"name": "short", "mode": "RamRoleArn", "access_key_id": "base-id", "access_key_secret": "base-secret", \
        "ram_role_arn": "arn", "expired_seconds": 60},
        {"name": "regional", "mode": "RamRoleArn", "access_key_id": "base-id", "access_key_secret": "base-secret", \
        "ram_role_arn": "arn", "sts_region": "cn-beijing", "enable_vpc": true},
        {"name": "chained", "mode": "ChainableRamRoleArn", "source_profile": "role", "ram_role_arn": "second"},
        {"name": "ecs", "mode": "EcsRamRole"}, {"name": "named", "mode": "EcsRamRole", "ram_role_name": "my-role"},
        {"name": "oidc", "mode": "OIDC", "ram_role_arn": "arn-o", "oidc_provider_arn": "p", "oidc_token_file": \
        "HOME/token", "role_session_name": "s"},
        {"name": "modeless", "access_key_id": "cli-id", "access_key_secret": "cli-secret"}, {"name": "odd", "mode": \
        "Telepathy"}]}
        """
    private static let sections = """
        [default]
        type = access_key
        access_key_id = ini-id # the night's
        access_key_secret = ini-secret
        [role]
        type: ram_role_arn
        access_key_id = ini-base
        access_key_secret = ini-base-secret
        role_arn = ini-arn
        role_session_name = s
        [oidc]
        type = oidc_role_arn
        role_arn = ini-oidc
        oidc_provider_arn = p
        oidc_token_file_path = HOME/token
        role_session_name = s
        [ecs]
        type = ecs_ram_role
        role_name = ini-role
        [sts]
        type = sts
        access_key_id = a
        access_key_secret = b
        security_token = c
        [typeless]
        access_key_id = a
        access_key_secret = b

        """

    private static func profile(_ name: String, _ more: [String: String] = [:]) -> [String: String] {
        more.merging(["ALIBABA_CLOUD_PROFILE": name]) { $1 }
    }

    private static let situations: [Situation] = [
        Situation(name: "nothing anywhere"),
        Situation(name: "variables", variables: keys, profiles: profiles, sections: sections),
        Situation(
            name: "variables with a token",
            variables: keys.merging(["ALIBABA_CLOUD_SECURITY_TOKEN": "env-token"]) { $1 }, profiles: profiles),
        Situation(
            name: "half of the variables", variables: ["ALIBABA_CLOUD_ACCESS_KEY_ID": "env-id"], profiles: profiles),
        Situation(
            name: "an empty secret",
            variables: ["ALIBABA_CLOUD_ACCESS_KEY_ID": "env-id", "ALIBABA_CLOUD_ACCESS_KEY_SECRET": ""],
            sections: sections),
        Situation(name: "an OIDC role", variables: oidc, profiles: profiles),
        Situation(name: "variables before an OIDC role", variables: keys.merging(oidc) { $1 }),
        Situation(
            name: "an OIDC role that STS refuses", variables: oidc, profiles: profiles, world: ["sts": "refuses"]),
        Situation(
            name: "an OIDC role in a region",
            variables: oidc.merging([
                "ALIBABA_CLOUD_STS_REGION": "cn-hangzhou", "ALIBABA_CLOUD_VPC_ENDPOINT_ENABLED": "true",
            ]) { $1 }),
        Situation(
            name: "an OIDC token that is not there",
            variables: oidc.merging(["ALIBABA_CLOUD_OIDC_TOKEN_FILE": "HOME/nowhere"]) { $1 }, sections: sections),
        Situation(
            name: "an OIDC role without a provider", variables: oidc.filter { !$0.key.hasSuffix("PROVIDER_ARN") },
            sections: sections),
        Situation(name: "the current profile", profiles: profiles, sections: sections),
        Situation(name: "a profile with a token", variables: profile("sts"), profiles: profiles),
        Situation(name: "a profile without its token", variables: profile("tokenless"), profiles: profiles),
        Situation(name: "a profile with a role", variables: profile("role"), profiles: profiles),
        Situation(name: "a profile with a role for too short", variables: profile("short"), profiles: profiles),
        Situation(name: "a profile with a role in a region", variables: profile("regional"), profiles: profiles),
        Situation(name: "a role over a role", variables: profile("chained"), profiles: profiles),
        Situation(
            name: "a profile of the instance", variables: profile("ecs"), profiles: profiles, world: ["metadata": "new"]
        ),
        Situation(
            name: "a profile of the instance's named role", variables: profile("named"), profiles: profiles,
            world: ["metadata": "both"]),
        Situation(
            name: "a profile of an instance without metadata",
            variables: profile("named", ["ALIBABA_CLOUD_ECS_METADATA_DISABLED": "true"]), profiles: profiles,
            world: ["metadata": "both"]),
        Situation(name: "a profile with OIDC", variables: profile("oidc"), profiles: profiles),
        Situation(name: "a profile without a mode", variables: profile("modeless"), profiles: profiles),
        Situation(
            name: "a profile of a mode that nobody knows", variables: profile("odd"), profiles: profiles,
            world: ["metadata": "new"]),
        Situation(
            name: "a profile that is not there", variables: profile("lost"), profiles: profiles, sections: sections),
        Situation(
            name: "profiles without a current one",
            profiles:
                #"{"profiles": [{"name": "default", "mode": "AK", "access_key_id": "a", "access_key_secret": "b"}]}"#),
        Situation(name: "profiles that are no JSON", profiles: "current: ak", sections: sections),
        Situation(
            name: "profiles switched off", variables: ["ALIBABA_CLOUD_CLI_PROFILE_DISABLED": "true"],
            profiles: profiles, sections: sections),
        Situation(name: "the credentials file", sections: sections),
        Situation(
            name: "the credentials file in another place",
            variables: ["ALIBABA_CLOUD_CREDENTIALS_FILE": "HOME/other.ini"], sections: nil, world: ["other": "yes"]),
        Situation(name: "a section with a role", variables: profile("role"), sections: sections),
        Situation(name: "a section with OIDC", variables: profile("oidc"), sections: sections),
        Situation(
            name: "a section of the instance", variables: profile("ecs"), sections: sections, world: ["metadata": "new"]
        ),
        Situation(
            name: "a section of a type that is not read", variables: profile("sts"), sections: sections,
            world: ["metadata": "old"]),
        Situation(name: "a section without a type", variables: profile("typeless"), sections: sections),
        Situation(name: "the instance", world: ["metadata": "new"]),
        Situation(name: "the instance, the old way", world: ["metadata": "old"]),
        Situation(
            name: "the old way where it is forbidden", variables: ["ALIBABA_CLOUD_IMDSV1_DISABLED": "true"],
            world: ["metadata": "old"]),
        Situation(
            name: "the instance's role by name", variables: ["ALIBABA_CLOUD_ECS_METADATA": "given-role"],
            world: ["metadata": "new"]),
        Situation(
            name: "an instance without a role",
            variables: ["ALIBABA_CLOUD_CREDENTIALS_URI": "http://127.0.0.1:9/credentials"],
            world: ["metadata": "roleless", "uri": "good"]),
        Situation(
            name: "an instance that is not asked", variables: ["ALIBABA_CLOUD_ECS_METADATA_DISABLED": "true"],
            world: ["metadata": "new"]),
        Situation(
            name: "a credentials URI",
            variables: ["ALIBABA_CLOUD_CREDENTIALS_URI": "http://127.0.0.1:9/credentials?a=b"], world: ["uri": "good"]),
        Situation(
            name: "a credentials URI in trouble",
            variables: ["ALIBABA_CLOUD_CREDENTIALS_URI": "http://127.0.0.1:9/credentials"], world: ["uri": "bad"]),
        Situation(
            name: "the instance before a credentials URI",
            variables: ["ALIBABA_CLOUD_CREDENTIALS_URI": "http://127.0.0.1:9/credentials"],
            world: ["metadata": "new", "uri": "good"]),
    ]

    @Test("13 C: the chain chooses the key that alibabacloud-credentials chooses, in every situation of the table")
    func oracle() async throws {
        let place = FileManager.default.temporaryDirectory.appendingPathComponent(
            "rollcall-chain-\(ProcessInfo.processInfo.globallyUniqueString)")
        defer { try? FileManager.default.removeItem(at: place) }
        var lines: [String] = []
        var ours: [String] = []
        for (index, situation) in Self.situations.enumerated() {
            let home = place.appendingPathComponent("\(index)")
            func put(_ name: String, _ text: String) throws {
                let file = home.appendingPathComponent(name)
                try FileManager.default.createDirectory(
                    at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
                try Data(text.replacingOccurrences(of: "HOME", with: home.path).utf8).write(to: file)
            }
            try put("token", "the-oidc-token\n")
            if let text = situation.profiles { try put(".aliyun/config.json", text) }
            if let text = situation.sections { try put(".alibabacloud/credentials.ini", text) }
            if situation.world["other"] != nil {
                try put("other.ini", Self.sections.replacingOccurrences(of: "ini-id", with: "other-id"))
            }
            var environment = situation.variables.mapValues { $0.replacingOccurrences(of: "HOME", with: home.path) }
            environment["HOME"] = home.path
            lines.append(
                ([
                    "environment": .object(environment.mapValues { .string($0) }),
                    "world": .object(situation.world.mapValues { .string($0) }),
                ] as JSONValue).canonical)
            let chain = CredentialChain(
                environment: environment, client: World(answers: situation.world), time: .system)
            do {
                let key = try await chain.accessKey()
                ours.append("\(key.id) \(key.secret.value) \(key.token?.value ?? "-")")
            } catch { ours.append("none") }
        }
        let input = place.appendingPathComponent("situations")
        try Data((lines.joined(separator: "\n") + "\n").utf8).write(to: input)
        let result = try Program.run(
            URL(fileURLWithPath: "/bin/bash"),
            [
                "-c", "bash \"$0\" credentials < \"$1\"", Program.foreign.appendingPathComponent("serve.sh").path,
                input.path,
            ], seconds: 300)
        let theirs = result.output.split(separator: "\n").map(String.init)
        try #require(theirs.count == ours.count, "\(result.error.suffix(500))")
        for (index, situation) in Self.situations.enumerated() {
            #expect(ours[index] == theirs[index], "\(situation.name)")
        }
        // A table in which nobody finds anything proves nothing.
        #expect(Set(theirs).count > 15 && theirs.filter { $0 == "none" }.count < theirs.count / 2, "\(theirs)")
    }
}
