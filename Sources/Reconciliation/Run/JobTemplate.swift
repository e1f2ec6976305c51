import Provisioning

/// A commented job file for a platform: what `rollcall init` prints, and what stands in `jobs/examples`.
public enum JobTemplate {
    /// The names that have a template.
    public static var platforms: [String] { Profile.all.map(\.name) }

    /// What is wrong with a platform's name, and what to do; nil for a good one.
    public static func complaint(_ platform: String) -> String? {
        if Profile.named(platform) != nil { return nil }
        if let refused = RefusedPlatform.all.first(where: { $0.name == platform }) {
            return
                """
                \(refused.displayName) has no SCIM interface: \(refused.instead) (rollcall init \
                \(refused.alternative))
                """
        }
        return "there is no platform “\(platform)”; use \(platforms.joined(separator: ", "))"
    }

    /// The job file; nil for a platform that is not served.
    public static func text(_ platform: String) -> String? {
        guard let profile = Profile.named(platform), let console = PlatformConsole.named(platform) else { return nil }
        let kinds = profile.takesGroups ? "users, groups" : "users"
        let groups = profile.takesGroups ? "\n#   groups: [create, update, delete]" : ""
        // Where the list does not show everybody.
        let readBack =
            profile.listing == .pages
            ? ""
            : profile.existing == .overwrite
                ? """
                \n# readBack: list   # under target, indented: read the list (a page for each hundred accounts), \
                and so see drift; left out, the ledger stands for it
                """
                : """
                \n# readBack: byID   # under target, indented: read each account by its id, and so see drift; \
                left out, the ledger stands for it
                """
        let mapping = (profile.mapping[.user] ?? []).map { rule in
            """
            #   \(rule.attribute): { from: \(rule.fields[0])\(rule.part.map { ", part: \($0.rawValue)" } ?? "") }\
            \(rule.fields.count > 1 ? "   # else \(rule.fields[1])" : "")
            """
        }
        return """
            # \(profile.displayName) from Alibaba Cloud IDaaS. “rollcall check FILE” reaches both sides and shows the \
            job as it will run;
            # “rollcall plan FILE” shows what it would do, “rollcall run\
            \(profile.listing == .none ? " --first-run" : "") FILE” does it. What is commented out shows its default.
            #
            \(console.notes.map { "# \($0)" }.joined(separator: "\n"))

            job: \(platform)-nightly

            source:
              kind: idaas
              region: cn-hangzhou
              instance: idaas_k3mq7tzr5yx2nvbcd4wphfa6ue
              accessKey: { id: "${ALIBABA_CLOUD_ACCESS_KEY_ID}", secret: "${ALIBABA_CLOUD_ACCESS_KEY_SECRET}" }
            # scope: { organizationalUnits: [ou_…], groups: [group_…] }   # under source, indented; left out: \
            everything readable

            target:
              platform: \(platform)
              baseURL: \(console.baseURL)
            \(console.authorization)\(readBack)

            # fullPush: [\(kinds)]
            # operations:
            #   users: [create, update, delete]\(groups)
            # mapping:
            \(mapping.joined(separator: "\n"))
            # leavers: { disable: immediately, delete: 30d }
            protect: { users: ["break-glass*"] }
            # limits: { users.delete: 5%, users.disable: 5%, users.clear: 5%\
            \(profile.takesGroups ? ", groups.delete: 10%, memberships.remove: 10%" : ""), source.shrink: 20% }
            # pace: { requestsPerSecond: \(Int(profile.requestsPerSecond)), concurrency: \(profile.concurrency) }

            """
    }
}
