import Jobs
import Ledger
import Provisioning
import SCIM
import Planning

/// A job as it will run, every default filled in; secrets are shown as their references.
public enum JobDescription {
    public static func lines(_ job: Job) -> [String] {
        guard let profile = Profile.named(job.target.platform) else { return [] }
        var lines = ["job: \(job.name)"]
        lines += source(job.source) + ["  scope: \(self.scope(job.source))"]
        lines += [
            "target: \(profile.displayName) at \(job.target.baseURL)",
            "  authorization: \(words(job.target.authorization))",
        ]
        if profile.listing != .pages {
            let readBack = job.target.readBack?.rawValue ?? "no; the ledger stands for what the list does not show"
            lines.append("  read back: \(readBack)")
        }
        for kind in ResourceKind.allCases {
            let verbs = Permission.allCases.filter { job.operations[kind]?.contains($0) ?? false }.map(\.rawValue)
            lines.append(
                """
                \(kind.plural): \
                \(job.fullPush.contains(kind) ? verbs.joined(separator: ", ") : "outside the full-push scope")
                """
            )
        }
        for kind in ResourceKind.allCases {
            lines.append("mapping of \(kind.plural):")
            for attribute in MappingTable(kind: kind, job: job, profile: profile).attributes {
                lines.append("  \(attribute.name) ← \(words(attribute.rule))")
            }
        }
        lines.append(
            """
            leavers: disable \(job.leavers.disable), delete \(job.leavers.delete)\
            \(job.leavers.deleteAssociated ? ", associated ones too" : "")
            """
        )
        lines += existing(job, profile)
        lines.append("memberships: \(job.exclusiveMemberships ? "exclusive" : "shared")")
        for kind in ResourceKind.allCases {
            if let patterns = job.protect[kind], !patterns.isEmpty {
                lines.append("protected \(kind.plural): \(patterns.joined(separator: ", "))")
            }
        }
        lines.append(
            "limits: "
                + LimitKey.allCases.map { "\($0.rawValue) \((job.limits[$0] ?? .unlimited).description)" }.joined(
                    separator: ", ")
                + (job.limitsLookBack ? "; what is taken counts for seven days" : "; each run by itself"))
        lines.append("pace: \(words(job.pace))")
        return lines
    }

    private static func existing(_ job: Job, _ profile: Profile) -> [String] {
        var lines: [String] = []
        switch profile.existing {
        case .associate:
            lines.append(
                """
                existing accounts: users \(job.existing.rule(.user).rawValue), groups \
                \(job.existing.rule(.group).rawValue), disabled ones \
                \(job.existing.associateDisabled ? "too" : "held")
                """
            )
            lines += ResourceKind.allCases.flatMap { kind in
                (job.existing.accept[kind] ?? [:]).sorted { $0.key < $1.key }.map {
                    "  accept: \(kind.plural) \($0.key) is \($0.value)"
                }
            }
            if !job.existing.decline.isEmpty {
                lines.append("  decline: \(job.existing.decline.sorted().joined(separator: ", "))")
            }
            if !job.existing.harmlessRoles.isEmpty {
                lines.append("  harmless roles: \(job.existing.harmlessRoles.sorted().joined(separator: ", "))")
            }
        case .overwrite: lines.append("existing accounts: taken over by a create of the same name")
        case .never:
            lines.append("existing accounts: conflict (\(profile.displayName) does not let them be associated)")
        }
        return lines
    }

    private static func source(_ source: Job.Source) -> [String] {
        switch source {
        case .file(let path, _): return ["source: file \(path)"]
        case .scim(let url, let authorization, _, let pace):
            return ["source: scim \(url)", "  authorization: \(words(authorization))", "  pace: \(words(pace))"]
        case .idaas(let idaas):
            let key =
                switch idaas.accessKey {
                case .key(let id, let secret, let token):
                    "access key \(id), secret from \(secret)\(token.map { ", token from \($0)" } ?? "")"
                case .chain(let full):
                    "access key from Alibaba Cloud's credential chain\(full ? ", programs of CLI profiles too" : "")"
                }
            return [
                "source: idaas \(idaas.instance) at \(idaas.endpoint) (management API)", "  authorization: \(key)",
                "  pace: \(words(idaas.pace))",
            ]
        case .idaasApplication(let idaas):
            return [
                "source: idaas \(idaas.instance) at \(idaas.endpoint) (developer API of \(idaas.application))",
                "  authorization: OAuth client \(idaas.clientID), secret from \(idaas.clientSecret), sent by form",
                "  pace: \(words(idaas.pace))",
            ]
        }
    }

    private static func scope(_ source: Job.Source) -> String {
        if case .idaas(let idaas) = source, let application = idaas.application {
            return "the provisioning scope of \(application)"
                + (idaas.scope.isEnabledOnly ? "; enabled users only" : "")
        }
        return EffectiveScope.words(source.scope)
    }

    private static func words(_ pace: Job.PaceSettings) -> String {
        let rate = pace.requestsPerSecond
        return
            """
            \(rate == rate.rounded() ? String(Int(rate)) : String(rate)) requests a second, \(pace.concurrency) \
            at once\(pace.patience == 600 ? "" : ", given up after \(pace.patience) s without progress")
            """
    }

    private static func words(_ authorization: Job.Authorization) -> String {
        switch authorization {
        case .key(let reference): "key from \(reference)"
        case .oauth(let url, let id, let reference, let scope, let placement):
            """
            OAuth client \(id) at \(url), secret from \(reference), sent by \(placement)\
            \(scope.map { ", scope \($0)" } ?? "")
            """
        }
    }

    private static func words(_ rule: ValueRule) -> String {
        var text = rule.template.map { "“\($0)”" } ?? rule.fields.joined(separator: ", else ")
        if let part = rule.part { text += " (\(part.rawValue) part)" }
        if let fallback = rule.fallback { text += text.isEmpty ? "“\(fallback)”" : ", else “\(fallback)”" }
        if rule.isLowercased { text += ", in lower case" }
        if let replacement = rule.replacement { text += ", “\(replacement.from)” replaced by “\(replacement.to)”" }
        return text
    }
}

/// The capability table.
public enum PlatformTable {
    /// - Parameter assumptions: adds what each profile takes for granted where no document says.
    public static func lines(assumptions: Bool) -> [String] {
        let header = [
            "platform", "name", "SCIM", "retrieves existing", "modifies existing", "associates existing", "groups",
            "verbs", "disables", "members a request", "pace",
        ]
        let served = Profile.all.map { profile in
            let verbs =
                profile.capabilities.map { $0.patch ? "POST PATCH DELETE" : "POST PUT DELETE" }
                ?? "POST PATCH/PUT DELETE"
            return [
                profile.name, profile.displayName, "2.0",
                profile.listing == .none
                    ? "no" : profile.listing == .single ? "first \(profile.listCap ?? 0), then by name" : "yes",
                yes(profile.existing == .associate), associates(profile.existing), yes(profile.takesGroups), verbs,
                yes(profile.hasActiveFlag),
                profile.takesGroups ? String(profile.memberChunk) : "–",
                "\(Int(profile.requestsPerSecond))/s, \(profile.concurrency) at once",
            ]
        }
        let refused = RefusedPlatform.all.map {
            [$0.name, $0.displayName, "none", "no", "no", "no", "no", "–", "–", "–", "–"]
        }
        let rows = served + refused
        let widths = header.indices.map { column in ([header] + rows).map { $0[column].count }.max() ?? 0 }
        var table = ([header] + rows).map { row in
            zip(row, widths).map { $0 + String(repeating: " ", count: $1 - $0.count) }.joined(separator: "  ")
                .trimmedEnd
        }
        table +=
            ["", "Without SCIM, and what to use instead:"] + RefusedPlatform.all.map { "  \($0.name): \($0.instead)" }
        guard assumptions else { return table }
        return table + ["", "Relied on where no document says:"]
            + Profile.all.flatMap { profile in
                profile.assumptions.flatMap { ["  \(profile.name): \($0.statement)", "    found out: \($0.found)"] }
            }
    }

    private static func associates(_ existing: Profile.Existing) -> String {
        switch existing {
        case .associate: "yes"
        case .overwrite: "by overwriting"
        case .never: "no"
        }
    }

    private static func yes(_ flag: Bool) -> String { flag ? "yes" : "no" }
}

extension String {
    fileprivate var trimmedEnd: String {
        var view = Substring(self)
        while view.last == " " { view.removeLast() }
        return String(view)
    }
}
