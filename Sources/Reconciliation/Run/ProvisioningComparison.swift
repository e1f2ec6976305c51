import Directory
import Jobs

/// How a job differs from what IDaaS' own push to the same application does.
enum ProvisioningComparison {
    static func lines(_ settings: ProvisioningSettings, _ job: Job) -> [String] {
        var lines = [
            "source: IDaaS' own push to the application is \(settings.isEnabled ? "switched on" : "switched off") (\(settings.protocolType)\(settings.baseURL.map { " to \($0)" } ?? ""))"
        ]
        if let url = settings.baseURL, Self.trimmed(url) != Self.trimmed(job.target.baseURL) { lines.append("  differs: IDaaS pushes to \(url), the job writes to \(job.target.baseURL)") }
        for kind in Job.Kind.allCases {
            let singular = kind == .users ? "User" : "Group"
            for verb in Job.Verb.allCases {
                let isTheirs = settings.actions.contains { $0.hasSuffix(":\(singular):\(verb.rawValue.uppercased())") }
                let isOurs = job.operations[kind]?.contains(verb) ?? false
                if isTheirs != isOurs {
                    lines.append("  differs: \(verb.rawValue) of \(kind.rawValue): IDaaS \(isTheirs ? "does" : "does not"), the job \(isOurs ? "does" : "does not") (operations.\(kind.rawValue))")
                }
            }
            let isTheirs = settings.fullPushScopes.contains { $0.hasSuffix(":\(singular):PUSH") }
            let isOurs = job.fullPush.contains(kind)
            if isTheirs != isOurs {
                lines.append("  differs: full push of \(kind.rawValue): IDaaS \(isTheirs ? "has" : "does not have") it, the job \(isOurs ? "has" : "does not have") it (fullPush)")
            }
        }
        return lines
    }

    private static func trimmed(_ url: String) -> Substring { url.hasSuffix("/") ? url.dropLast() : url[...] }
}
