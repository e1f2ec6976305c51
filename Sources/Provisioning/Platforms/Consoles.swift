/// What a platform's own console gives: the address and the credential, and where to find them. For job templates.
public struct PlatformConsole: Hashable, Sendable {
    public var platform: String
    /// As its console shows it, for somebody invented.
    public var baseURL: String
    /// The lines of a job file that say how to authenticate, two spaces indented.
    public var authorization: String
    public var notes: [String]

    public static func named(_ platform: String) -> PlatformConsole? { all.first { $0.platform == platform } }

    private static func key(_ variable: String) -> String { "  authorization: { key: \"${\(variable)}\" }" }

    private static let all = [
        PlatformConsole(
            platform: "ram",
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
                """
                Outside mainland China: https://scim.alibabacloud.com, and https://oauth.alibabacloud.com/v1/token \
                for the token.
                """,
                """
                An OAuth server application of the RAM console with the scope /acs/scim; the id and the secret \
                are the application's.
                """,
                """
                Users only, with user name and display name. Accounts made in the console are conflicts and are \
                never written.
                """,
                "RAM cannot disable: a disabled user keeps access, unless leavers says { disabled: asLeaver }.",
            ]),
        PlatformConsole(
            platform: "cloudsso",
            baseURL: "https://cloudsso-scim-cn-shanghai.aliyun.com/scim/v2/", authorization: key("CLOUDSSO_SCIM_KEY"),
            notes: [
                """
                The address has the region of the CloudSSO directory; for a directory outside mainland China copy \
                it from the console. The key is a SCIM credential of its console, good for a year; SCIM \
                synchronization must be on.
                """,
                """
                Existing accounts cannot be listed: the ledger is all that is known, so keep it, and say \
                --first-run the first time.
                """,
                "A create takes over an account of the same name, and the report says so. User names never change.",
            ]),
        PlatformConsole(
            platform: "huawei-identity-center",
            baseURL: "https://scim.cn-north-4.myhuaweicloud.com/TENANT/scim/v2/",
            authorization: key("HUAWEI_SCIM_TOKEN"),
            notes: [
                "The address and the token come from automatic provisioning in the console.",
                """
                Lists end at 50: beyond, accounts are looked up by name, and memberships are known from the \
                ledger alone.
                """,
                "Every user needs an e-mail address, a given name and a family name.",
            ]),
        PlatformConsole(
            platform: "tencent-identity-center",
            baseURL: "https://scim.tencentcloudsso.com/scim/v2", authorization: key("TENCENT_SCIM_KEY"),
            notes: [
                """
                The international address is https://scim.tencentcloudssointl.com/scim/v2. The key is a SCIM key \
                of the console; SCIM must be on.
                """,
                "User names never change. Group names have letters, digits and “-” only.",
            ]),
        PlatformConsole(
            platform: "volcengine-identity-center",
            baseURL: "https://cloudidentity-scim.cn-beijing.volces.com/scim/v2/",
            authorization: key("VOLCENGINE_SCIM_KEY"),
            notes: [
                "The key is a SCIM credential of the console, good for a year.",
                """
                Existing accounts cannot be seen: the ledger is all that is known, so keep it, and say \
                --first-run the first time.
                """,
                """
                A create under a taken name is a conflict. Disabling is sent and not relied on: leavers { \
                disabled: asLeaver } deletes instead.
                """,
            ]),
        PlatformConsole(
            platform: "aws-identity-center",
            baseURL: "https://scim.us-east-1.amazonaws.com/TENANT/scim/v2/", authorization: key("AWS_SCIM_TOKEN"),
            notes: [
                """
                The SCIM endpoint and the access token come from automatic provisioning in the console; the host \
                may end in .api.aws. A token is good for a year.
                """,
                "Every user needs a display name, a given name and a family name.",
            ]),
        PlatformConsole(
            platform: "generic",
            baseURL: "https://scim.target.example/v2", authorization: key("TARGET_SCIM_TOKEN"),
            notes: ["What the server can do is read from its /ServiceProviderConfig; target.capabilities overrides it."]
        ),
    ]
}
