import Directory
import Jobs
import Planning
import SCIM

/// How a job differs from what IDaaS' own push to the same application does.
enum ProvisioningComparison {
    /// - Parameter rules: the fields of the source that each attribute comes from, first choice first; nil for one that
    ///   no field gives alone.
    /// - Parameter now: seconds since 1970.
    static func lines(_ settings: ProvisioningSettings, _ job: Job, rules: [String: [String]?], now: Double) -> [String]
    {
        var lines = [
            """
            source: IDaaS' own push to the application is \(settings.isEnabled ? "switched on" : "switched off") (\
            \(settings.protocolType)\(settings.baseURL.map { " to \($0)" } ?? ""))
            """
        ]
        if let url = settings.baseURL, Self.trimmed(url) != Self.trimmed(job.target.baseURL) {
            lines.append("  differs: IDaaS pushes to \(url), the job writes to \(job.target.baseURL)")
        }
        lines += ResourceKind.allCases.flatMap { permissions(of: $0, settings, job) }
        lines += (settings.mapping ?? [:]).sorted { $0.key < $1.key }.compactMap { attribute, expression in
            difference(attribute, expression, rules[attribute])
        }
        if let push = settings.lastPush {
            let hours = max(0, (now - push.began) / 3600)
            let ago =
                hours < 1 ? "less than an hour ago" : hours < 48 ? "\(Int(hours)) h ago" : "\(Int(hours / 24)) days ago"
            let warning =
                settings.isEnabled
                ? ": there are two writers; switch its push off in the IDaaS console before this job runs" : ""
            lines.append("  IDaaS pushed \(ago) (\(push.status), \(push.changedUsers) users written)\(warning)")
        }
        return lines
    }

    /// How what the two may do with a kind differs.
    private static func permissions(of kind: ResourceKind, _ settings: ProvisioningSettings, _ job: Job) -> [String] {
        let singular = kind == .user ? "User" : "Group"
        var lines: [String] = []
        for verb in Permission.allCases {
            let isTheirs = settings.actions.contains { $0.hasSuffix(":\(singular):\(verb.rawValue.uppercased())") }
            let isOurs = job.operations[kind]?.contains(verb) ?? false
            if isTheirs != isOurs {
                lines.append(
                    """
                      differs: \(verb) of \(kind.plural): IDaaS \(isTheirs ? "does" : "does not"), the job \
                    \(isOurs ? "does" : "does not") (operations.\(kind.plural))
                    """
                )
            }
        }
        let isTheirs = settings.fullPushScopes.contains { $0.hasSuffix(":\(singular):PUSH") }
        let isOurs = job.fullPush.contains(kind)
        if isTheirs != isOurs {
            lines.append(
                """
                  differs: full push of \(kind.plural): IDaaS \(isTheirs ? "has" : "does not have") it, the \
                job \(isOurs ? "has" : "does not have") it (fullPush)
                """
            )
        }
        return lines
    }

    /// How the two fill an attribute differently; nil where they agree.
    ///
    /// - Parameter rule: as in `lines`; nil where the job does not send the attribute.
    private static func difference(_ attribute: String, _ expression: String, _ rule: [String]??) -> String? {
        guard let rule else {
            return """
                  differs: \(attribute): IDaaS sends \(expression), the job does not send it (mapping.\
                \(attribute))
                """
        }
        let field =
            expression.hasPrefix("user.")
                && !expression.dropFirst(5).contains { !$0.isLetter && !$0.isNumber && $0 != "_" }
            ? String(expression.dropFirst(5)) : nil
        guard let field, let fields = rule else {
            return """
                  to compare by hand: \(attribute): IDaaS sends \(expression); a plan shows which accounts \
                the job would change
                """
        }
        guard fields.first != field else { return nil }
        return """
              differs: \(attribute): IDaaS sends \(field), the job \(fields.joined(separator: ", else ")): \
            where the two are not alike, accounts would change; a plan counts them
            """
    }

    private static func trimmed(_ url: String) -> Substring { url.hasSuffix("/") ? url.dropLast() : url[...] }
}
