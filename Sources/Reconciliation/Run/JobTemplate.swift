import Provisioning

/// A commented job file for a platform: what `rollcall init` prints, and what stands in `jobs/examples`.
public enum JobTemplate {
    /// What the platform's own console gives: the address, the credential, and where to find them.
    private struct Console {
        var baseURL: String
        var authorization: String
        var notes: [String]
        var first = ""
    }

    private static func console(_ platform: String) -> Console {
        func key(_ variable: String) -> String { "  authorization: { key: \"${\(variable)}\" }" }
        switch platform {
        case "ram":
            return Console(
                baseURL: "https://scim.aliyun.com",
                authorization: """
                      authorization:
                        oauth:
                          tokenURL: https://oauth.aliyun.com/v1/token
                          clientID: "482000000000000017"
                          clientSecret: "${RAM_SCIM_CLIENT_SECRET}"
                          placement: basic
                    """,
                notes: [
                    "An OAuth server application of the RAM console with the scope /acs/scim; the id and the secret are the application's.",
                    "Users only, with user name and display name. Accounts made in the console are conflicts and are never written.",
                    "RAM cannot disable: a disabled user keeps access, unless leavers says { disabled: asLeaver }.",
                ])
        case "cloudsso":
            return Console(
                baseURL: "https://cloudsso-scim-cn-shanghai.aliyun.com/scim/v2/", authorization: key("CLOUDSSO_SCIM_KEY"),
                notes: [
                    "The address has the region of the CloudSSO directory. The key is a SCIM credential of its console, good for a year; SCIM synchronization must be on.",
                    "Existing accounts cannot be listed: the ledger is all that is known, so keep it, and say --first-run the first time.",
                    "A create takes over an account of the same name, and the report says so. User names never change.",
                ], first: " --first-run")
        case "huawei-identity-center":
            return Console(
                baseURL: "https://scim.cn-north-4.myhuaweicloud.com/TENANT/scim/v2/", authorization: key("HUAWEI_SCIM_TOKEN"),
                notes: [
                    "The address and the token come from automatic provisioning in the console.",
                    "Lists end at 50: beyond, accounts are looked up by name, and memberships are known from the ledger alone.",
                    "Every user needs an e-mail address, a given name and a family name.",
                ])
        case "tencent-identity-center":
            return Console(
                baseURL: "https://scim.tencentcloudsso.com/scim/v2", authorization: key("TENCENT_SCIM_KEY"),
                notes: [
                    "The international address is https://scim.tencentcloudssointl.com/scim/v2. The key is a SCIM key of the console; SCIM must be on.",
                    "User names never change. Group names have letters, digits and “-” only.",
                ])
        case "volcengine-identity-center":
            return Console(
                baseURL: "https://cloudidentity-scim.cn-beijing.volces.com/scim/v2/", authorization: key("VOLCENGINE_SCIM_KEY"),
                notes: [
                    "The key is a SCIM credential of the console, good for a year.",
                    "Existing accounts cannot be seen: the ledger is all that is known, so keep it, and say --first-run the first time.",
                    "A create under a taken name is a conflict. Disabling is sent and not relied on: leavers { disabled: asLeaver } deletes instead.",
                ], first: " --first-run")
        case "aws-identity-center":
            return Console(
                baseURL: "https://scim.us-east-1.amazonaws.com/TENANT/scim/v2/", authorization: key("AWS_SCIM_TOKEN"),
                notes: [
                    "The SCIM endpoint and the access token come from automatic provisioning in the console; a token is good for a year.",
                    "Every user needs a display name, a given name and a family name.",
                ])
        default:
            return Console(
                baseURL: "https://scim.target.example/v2", authorization: key("TARGET_SCIM_TOKEN"),
                notes: ["What the server can do is read from its /ServiceProviderConfig; target.capabilities overrides it."])
        }
    }

    /// The names that have a template.
    public static var platforms: [String] { Profile.all.map(\.name) }

    /// What is wrong with a platform's name, and what to do; nil for a good one.
    public static func complaint(_ platform: String) -> String? {
        if Profile.named(platform) != nil { return nil }
        if let refused = RefusedPlatform.all.first(where: { $0.name == platform }) {
            return "\(refused.displayName) has no SCIM interface: \(refused.instead) (rollcall init \(refused.alternative))"
        }
        return "there is no platform “\(platform)”; use \(platforms.joined(separator: ", "))"
    }

    /// The job file; nil for a platform that is not served.
    public static func text(_ platform: String) -> String? {
        guard let profile = Profile.named(platform) else { return nil }
        let console = console(platform)
        let kinds = profile.takesGroups ? "users, groups" : "users"
        let groups = profile.takesGroups ? "\n#   groups: [create, update, delete]" : ""
        let mapping = (profile.mapping[.user] ?? []).map { rule in
            "#   \(rule.attribute): { from: \(rule.fields[0])\(rule.part.map { ", part: \($0.rawValue)" } ?? "") }\(rule.fields.count > 1 ? "   # else \(rule.fields[1])" : "")"
        }
        return """
            # \(profile.displayName) from Alibaba Cloud IDaaS. “rollcall check FILE” reaches both sides and shows the job as it will run;
            # “rollcall plan FILE” shows what it would do, “rollcall run\(console.first) FILE” does it. What is commented out shows its default.
            #
            \(console.notes.map { "# \($0)" }.joined(separator: "\n"))

            job: \(platform)-nightly

            source:
              kind: idaas
              region: cn-hangzhou
              instance: idaas_k3mq7tzr5yx2nvbcd4wphfa6ue
              accessKey: { id: "${ALIBABA_CLOUD_ACCESS_KEY_ID}", secret: "${ALIBABA_CLOUD_ACCESS_KEY_SECRET}" }
            # scope: { organizationalUnits: [ou_…], groups: [group_…] }   # under source, indented; left out: everything readable

            target:
              platform: \(platform)
              baseURL: \(console.baseURL)
            \(console.authorization)

            # fullPush: [\(kinds)]
            # operations:
            #   users: [create, update, delete]\(groups)
            # mapping:
            \(mapping.joined(separator: "\n"))
            # leavers: { disable: immediately, delete: never }
            protect: { users: ["break-glass*"] }
            # limits: { users.delete: 5%, users.disable: 5%, users.clear: 5%\(profile.takesGroups ? ", groups.delete: 10%, memberships.remove: 10%" : ""), source.shrink: 20% }
            # pace: { requestsPerSecond: \(Int(profile.requestsPerSecond)), concurrency: \(profile.concurrency) }

            """
    }
}
