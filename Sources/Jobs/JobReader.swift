import Foundation
import Yams

extension Job {
    /// Reads and validates a job file. Throws `JobFileError` with all mistakes at once; a YAML syntax error or a duplicate
    /// key comes first and alone, since nothing else can be trusted then.
    ///
    public static func read(path: String, vocabulary: JobVocabulary) throws -> Job {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw JobFileError(diagnostics: [Diagnostic(file: path, line: nil, key: "", rule: "the job file cannot be read", remedy: "check the path and its permissions")])
        }
        guard let text = String(data: data, encoding: .utf8) else {
            throw JobFileError(diagnostics: [Diagnostic(file: path, line: nil, key: "", rule: "the job file is not UTF-8", remedy: "save it as UTF-8")])
        }
        return try read(text: text, path: path, vocabulary: vocabulary)
    }

    /// Reads a job from YAML text; `path` names it in messages, and relative paths start at its folder.
    public static func read(text: String, path: String, vocabulary: JobVocabulary) throws -> Job {
        let reader = NodeReader(file: path)
        let job: Job?
        do {
            // The parser owns the anchors that nodes only refer to; it must outlive the reading.
            let parser = try Parser(yaml: text)
            job = try withExtendedLifetime(parser) {
                guard let root = try parser.singleRoot() else {
                    reader.report(nil, "", "the job file is empty", "start with “job: NAME”")
                    return nil
                }
                return JobFile(reader: reader, vocabulary: vocabulary).job(root)
            }
        } catch let error as YamlError {
            throw JobFileError(diagnostics: [diagnostic(of: error, path: path)])
        }
        guard let job, reader.diagnostics.isEmpty else {
            throw JobFileError(diagnostics: reader.diagnostics.sorted { ($0.line ?? 0) < ($1.line ?? 0) })
        }
        return job
    }

    private static func diagnostic(of error: YamlError, path: String) -> Diagnostic {
        switch error {
        case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _), .composer(_, let problem, let mark, _):
            return Diagnostic(file: path, line: mark.line, key: "", rule: "YAML: \(problem)", remedy: "correct the syntax there")
        case .duplicatedKeysInMapping(let duplicates, let context):
            return Diagnostic(
                file: path, line: context.mark.line, key: "", rule: "YAML: the key \(duplicates.map { "“\($0)”" }.joined(separator: ", ")) stands twice in one mapping", remedy: "keep one of them")
        default:
            return Diagnostic(file: path, line: nil, key: "", rule: "YAML: \(error)", remedy: "correct the syntax")
        }
    }
}

/// The grammar of a job file.
private struct JobFile {
    let reader: NodeReader
    let vocabulary: JobVocabulary
    private var platforms: [String: PlatformTerms] { vocabulary.platforms }

    private static let keys = [
        "job", "source", "target", "fullPush", "operations", "mapping", "leavers", "existing", "protect", "memberships", "limits", "pace",
    ]

    func job(_ root: Node) -> Job? {
        guard let top = reader.mapping(root, "", knows: Self.keys, required: ["job", "source", "target"]) else { return nil }
        let name = top["job"].flatMap { jobName($0) }
        let source = top["source"].flatMap { self.source($0) }
        let target = top["target"].flatMap { self.target($0) }
        let terms = target.flatMap { platforms[$0.platform] }
        let takesGroups = (target?.capabilities.groups ?? terms?.takesGroups) ?? true
        let fullPush = self.fullPush(top["fullPush"], takesGroups: takesGroups)
        let operations = self.operations(top["operations"], takesGroups: takesGroups)
        let mapping = self.mapping(top["mapping"])
        if case .idaasApplication? = source, let node = top["mapping"] { refuseLanguage(mapping, node) }
        if let known = terms?.userAttributes, let node = top["mapping"] {
            for name in (mapping[.users] ?? [:]).keys.sorted() where !known.contains(name) {
                reader.report(node, "mapping.\(name)", "does not exist on this platform", "map \(known.sorted().joined(separator: ", ")) only")
            }
        }
        let leavers = self.leavers(top["leavers"])
        let existing = self.existing(top["existing"])
        if !existing.associate, terms?.overwrites == true {
            reader.report(
                top["existing"], "existing", "cannot be conflict on \(target?.platform ?? ""): a create takes over an account of the same name, and which there are cannot be seen",
                "leave it out, and protect such names")
        }
        let protect = self.protect(top["protect"])
        let exclusive = self.memberships(top["memberships"])
        let limits = self.limits(top["limits"])
        let pace = self.pace(top["pace"], terms?.defaultPace ?? .init(requestsPerSecond: 10, concurrency: 5))
        guard let name, let source, let target else { return nil }
        return Job(
            name: name, file: reader.file, source: source, target: target, fullPush: fullPush, operations: operations, mapping: mapping,
            leavers: leavers, existing: existing, protect: protect, exclusiveMemberships: exclusive, limits: limits, pace: pace)
    }

    private func jobName(_ node: Node) -> String? {
        guard let text = reader.text(node, "job") else { return nil }
        let allowed = CharacterSet(charactersIn: "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")
        guard text.unicodeScalars.allSatisfy(allowed.contains), !text.hasPrefix("."), text.count <= 100 else {
            reader.report(node, "job", "names a file, so it may hold letters, digits, “.”, “_”, “-” and may not start with “.”", "choose another name")
            return nil
        }
        return text
    }

    private var folder: String {
        let folder = (reader.file as NSString).deletingLastPathComponent
        return folder.isEmpty ? "." : folder
    }

    // MARK: source

    private func source(_ node: Node) -> Job.Source? {
        guard case .mapping(let raw) = node else {
            _ = reader.mapping(node, "source", knows: [])
            return nil
        }
        let kindNode = raw.first { $0.key.scalar?.string == "kind" }?.value
        let kinds = "use idaas, idaas-application, scim or file"
        guard let kindNode else {
            reader.report(node, "source.kind", "is missing", kinds)
            return nil
        }
        switch reader.text(kindNode, "source.kind") {
        case "file":
            guard let members = reader.mapping(node, "source", knows: ["kind", "path", "scope"], required: ["path"]) else { return nil }
            let scope = self.scope(members["scope"], hasUnits: true)
            guard let path = reader.text(members["path"], "source.path") else { return nil }
            return .file(path: path.hasPrefix("/") ? path : folder + "/" + path, scope: scope)
        case "scim":
            guard let members = reader.mapping(node, "source", knows: ["kind", "baseURL", "authorization", "scope", "pace"], required: ["baseURL", "authorization"]) else { return nil }
            let scope = self.scope(members["scope"], hasUnits: false)
            let url = self.url(members["baseURL"], "source.baseURL")
            let authorization = self.authorization(members["authorization"], "source.authorization")
            let pace = self.pace(members["pace"], .init(requestsPerSecond: 10, concurrency: 5), key: "source.pace")
            guard let url, let authorization else { return nil }
            return .scim(baseURL: url, authorization: authorization, scope: scope, pace: pace)
        case "idaas": return idaas(node)
        case "idaas-application": return idaasApplication(node)
        case let kind?:
            reader.report(kindNode, "source.kind", "cannot be “\(kind)”", kinds)
            return nil
        case nil: return nil
        }
    }

    private func idaas(_ node: Node) -> Job.Source? {
        let keys = ["kind", "region", "endpoint", "instance", "application", "accessKey", "scope", "pace"]
        guard let members = reader.mapping(node, "source", knows: keys, required: ["instance"]) else { return nil }
        let endpoint = self.endpoint(members, node, host: "eiam")
        let instance = members["instance"].flatMap { reader.text($0, "source.instance") }
        let application = members["application"].flatMap { reader.text($0, "source.application") }
        let scope = self.scope(members["scope"], hasUnits: true)
        if application != nil, let node = members["scope"], !scope.hasAllUsers || scope.groups != nil {
            reader.report(node, "source.scope", "stands beside source.application, whose provisioning scope is the job's", "remove one of them; source.scope.status may stay")
        }
        var accessKey: Job.IDaaS.AccessKey?
        var isKeyGood = true
        if let key = members["accessKey"] {
            accessKey = self.accessKey(key)
            isKeyGood = accessKey != nil
        }
        let pace = self.pace(members["pace"], Self.sourcePace, key: "source.pace")
        guard let endpoint, let instance, isKeyGood else { return nil }
        return .idaas(Job.IDaaS(endpoint: endpoint, instance: instance, application: application, accessKey: accessKey, scope: scope, pace: pace))
    }

    private func idaasApplication(_ node: Node) -> Job.Source? {
        let keys = ["kind", "region", "endpoint", "instance", "application", "client", "scope", "pace"]
        guard let members = reader.mapping(node, "source", knows: keys, required: ["instance", "application", "client"]) else { return nil }
        let endpoint = self.endpoint(members, node, host: "eiam-developerapi")
        let instance = members["instance"].flatMap { reader.text($0, "source.instance") }
        let application = members["application"].flatMap { reader.text($0, "source.application") }
        let scope = self.scope(members["scope"], hasUnits: true)
        let client = members["client"].flatMap { reader.mapping($0, "source.client", knows: ["id", "secret"], required: ["secret"]) }
        // IDaaS uses the application's id as the client's.
        let id = client?["id"].flatMap { publicValue($0, "source.client.id") } ?? application.map { .literal($0) }
        let secret = client?["secret"].flatMap { self.secret($0, "source.client.secret") }
        let pace = self.pace(members["pace"], Self.sourcePace, key: "source.pace")
        guard let endpoint, let instance, let application, let id, let secret else { return nil }
        return .idaasApplication(Job.IDaaSApplication(endpoint: endpoint, instance: instance, application: application, clientID: id, clientSecret: secret, scope: scope, pace: pace))
    }

    /// No rates are published for IDaaS; this is where a careful client begins.
    private static let sourcePace = Job.PaceSettings(requestsPerSecond: 5, concurrency: 2)

    private func accessKey(_ node: Node) -> Job.IDaaS.AccessKey? {
        guard let members = reader.mapping(node, "source.accessKey", knows: ["id", "secret", "token"], required: ["id", "secret"]) else { return nil }
        let id = members["id"].flatMap { publicValue($0, "source.accessKey.id") }
        let secret = members["secret"].flatMap { self.secret($0, "source.accessKey.secret") }
        let token = members["token"].flatMap { self.secret($0, "source.accessKey.token") }
        guard let id, let secret, members["token"] == nil || token != nil else { return nil }
        return Job.IDaaS.AccessKey(id: id, secret: secret, token: token)
    }

    private func publicValue(_ node: Node, _ key: String) -> Job.PublicValue? {
        guard let text = reader.text(node, key) else { return nil }
        if let reference = SecretReference(text, folder: folder) { return .reference(reference) }
        guard text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: ",") }), !text.hasPrefix("${") else {
            reader.report(node, key, "is no id", "write the id, or \"${NAME}\" for an environment variable")
            return nil
        }
        return .literal(text)
    }

    /// The URL of an API: by region as Alibaba Cloud names its hosts, or as it is given.
    private func endpoint(_ members: NodeReader.Members, _ node: Node, host: String) -> String? {
        switch (members["region"], members["endpoint"]) {
        case (let region?, nil):
            guard let name = reader.text(region, "source.region") else { return nil }
            guard !name.isEmpty, name.utf8.allSatisfy({ (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == UInt8(ascii: "-") }) else {
                reader.report(region, "source.region", "“\(name)” is no region id", "write one such as cn-hangzhou, or give source.endpoint")
                return nil
            }
            return "https://\(host).\(name).aliyuncs.com"
        case (nil, let endpoint?): return url(endpoint, "source.endpoint")
        case (nil, nil):
            reader.report(node, "source.region", "is missing", "add region: cn-hangzhou (or yours), or endpoint: URL")
            return nil
        case (_?, let endpoint?):
            reader.report(endpoint, "source.endpoint", "stands beside source.region", "keep one of them")
            return nil
        }
    }

    private func scope(_ node: Node?, hasUnits: Bool) -> Job.Scope {
        var scope = Job.Scope()
        guard let node, let members = reader.mapping(node, "source.scope", knows: ["organizationalUnits", "recursive", "groups", "status"]) else { return scope }
        if members.members.isEmpty { reader.report(node, "source.scope", "is empty", "list organizationalUnits or groups, or remove it to read everything") }
        if let units = members["organizationalUnits"] {
            if !hasUnits {
                reader.report(units, "source.scope.organizationalUnits", "a SCIM source has no organizational units", "scope by groups")
            } else {
                scope.organizationalUnits = nonEmpty(units, "source.scope.organizationalUnits")
            }
        }
        if let recursive = members["recursive"] {
            scope.isRecursive = reader.flag(recursive, "source.scope.recursive") ?? true
            if members["organizationalUnits"] == nil { reader.report(recursive, "source.scope.recursive", "says nothing without organizationalUnits", "list them, or remove it") }
        }
        if let status = members["status"] { scope.isEnabledOnly = reader.word(status, "source.scope.status", StatusWord.self) == .enabled }
        if let groups = members["groups"] {
            if groups.scalar?.string == "all" {
                scope.groups = .all
            } else if let listed = nonEmpty(groups, "source.scope.groups") {
                scope.groups = .listed(listed)
            }
        }
        return scope
    }

    private enum StatusWord: String, CaseIterable { case enabled }

    private func nonEmpty(_ node: Node, _ key: String) -> [String]? {
        guard let list = reader.texts(node, key) else { return nil }
        if list.isEmpty { reader.report(node, key, "is an empty list, which would put everybody out of scope", "list at least one id, or remove the key") }
        return list
    }

    // MARK: target

    private func target(_ node: Node) -> Job.Target? {
        guard let members = reader.mapping(node, "target", knows: ["platform", "baseURL", "authorization", "capabilities", "readBack"], required: ["platform", "baseURL", "authorization"]) else {
            return nil
        }
        var platform = reader.text(members["platform"], "target.platform")
        if let name = platform, platforms[name]?.refusal != nil || platforms[name] == nil {
            let served = platforms.filter { $0.value.refusal == nil }.keys.sorted()
            reader.report(
                members["platform"], "target.platform", platforms[name].flatMap(\.refusal) ?? "“\(name)” is not served by this version",
                "use \(served.joined(separator: ", "))")
            platform = nil
        }
        let url = self.url(members["baseURL"], "target.baseURL")
        let authorization = self.authorization(members["authorization"], "target.authorization")
        let capabilities = self.capabilities(members["capabilities"])
        if let platform, let authorization, platforms[platform]?.needsOAuth == true, case .key = authorization {
            reader.report(
                members["authorization"], "target.authorization", "is a key, and \(platform) takes tokens of an OAuth client only", "write oauth: { tokenURL: …, clientID: …, clientSecret: … }")
        }
        let readBack = members["readBack"].flatMap { reader.word($0, "target.readBack", Job.Target.ReadBack.self) }
        if let platform, readBack != nil, platforms[platform]?.isListed == true {
            reader.report(members["readBack"], "target.readBack", "has no meaning on \(platform), whose lists show every account", "leave it out")
        }
        guard let platform, let url, let authorization else { return nil }
        return Job.Target(platform: platform, baseURL: url, authorization: authorization, capabilities: capabilities, readBack: readBack)
    }

    private func capabilities(_ node: Node?) -> Job.CapabilityOverrides {
        var overrides = Job.CapabilityOverrides()
        let key = "target.capabilities"
        guard let node, let members = reader.mapping(node, key, knows: ["patch", "filter", "cursor", "etag", "groups", "pageSize"]) else { return overrides }
        overrides.patch = reader.flag(members["patch"], key + ".patch")
        overrides.filter = reader.flag(members["filter"], key + ".filter")
        overrides.cursor = reader.flag(members["cursor"], key + ".cursor")
        overrides.etag = reader.flag(members["etag"], key + ".etag")
        overrides.groups = reader.flag(members["groups"], key + ".groups")
        overrides.pageSize = reader.integer(members["pageSize"], key + ".pageSize", in: 1...10000)
        return overrides
    }

    private func authorization(_ node: Node?, _ key: String) -> Job.Authorization? {
        guard let node, let members = reader.mapping(node, key, knows: ["key", "oauth"]) else { return nil }
        guard members.members.count == 1 else {
            reader.report(node, key, "needs exactly one of key and oauth", "write key: \"${NAME}\" or oauth: {…}")
            return nil
        }
        if let secret = members["key"] { return self.secret(secret, key + ".key").map { .key($0) } }
        guard let oauth = members["oauth"],
            let fields = reader.mapping(oauth, key + ".oauth", knows: ["tokenURL", "clientID", "clientSecret", "scope", "placement"], required: ["tokenURL", "clientID", "clientSecret"])
        else { return nil }
        let url = self.url(fields["tokenURL"], key + ".oauth.tokenURL")
        let id = reader.text(fields["clientID"], key + ".oauth.clientID")
        let clientSecret = fields["clientSecret"].flatMap { self.secret($0, key + ".oauth.clientSecret") }
        let scope = fields["scope"].flatMap { reader.text($0, key + ".oauth.scope") }
        let placement = fields["placement"].flatMap { reader.word($0, key + ".oauth.placement", Placement.self) } ?? .form
        guard let url, let id, let clientSecret else { return nil }
        return .oauth(tokenURL: url, clientID: id, clientSecret: clientSecret, scope: scope, placement: placement.rawValue)
    }

    private enum Placement: String, CaseIterable { case form, query, basic }

    private func secret(_ node: Node, _ key: String) -> SecretReference? {
        guard let text = reader.text(node, key) else { return nil }
        if let reference = SecretReference(text, folder: folder) { return reference }
        // The text may be a secret: it must not be repeated.
        reader.report(node, key, "must be a reference, never the secret itself", "write \"${NAME}\" for an environment variable or \"file:PATH\" for a file, and change a secret that stood here")
        return nil
    }

    private func url(_ node: Node?, _ key: String) -> String? {
        guard let node, let text = reader.text(node, key) else { return nil }
        guard let parts = URLComponents(string: text), let host = parts.host, !host.isEmpty, let scheme = parts.scheme, ["http", "https"].contains(scheme),
            parts.query == nil, parts.fragment == nil
        else {
            reader.report(node, key, "must be an absolute http(s) URL without query and fragment", "write https://HOST/PATH")
            return nil
        }
        if parts.user != nil || parts.password != nil {
            reader.report(node, key, "must not hold a user name or password", "use authorization instead")
            return nil
        }
        let loopback =
            host == "localhost" || host == "::1" || host == "[::1]" || (host.hasPrefix("127.") && host.split(separator: ".").count == 4 && host.split(separator: ".").allSatisfy { UInt8($0) != nil })
        if scheme == "http", !loopback {
            reader.report(node, key, "plain http is allowed to loopback only, since it shows the credential to the network", "use https")
            return nil
        }
        return text
    }

    // MARK: permissions

    private func fullPush(_ node: Node?, takesGroups: Bool) -> Set<Job.Kind> {
        guard let node else { return takesGroups ? [.users, .groups] : [.users] }
        var kinds: Set<Job.Kind> = []
        let words = reader.texts(node, "fullPush") ?? []
        if words.isEmpty { reader.report(node, "fullPush", "lists nothing", "list users, groups or both") }
        for word in words {
            switch word {
            case "organizationalUnits", "organizational-units", "organizations":
                reader.report(node, "fullPush", "organizational units are never provisioned: SCIM has no such resource", "list users and groups; scope by units under source.scope")
            case "groups" where !takesGroups:
                reader.report(node, "fullPush", "this target takes no groups", "list users only")
            default:
                if let kind = Job.Kind(rawValue: word) {
                    kinds.insert(kind)
                } else {
                    reader.report(node, "fullPush", "cannot hold “\(word)”", "list users, groups or both")
                }
            }
        }
        return kinds
    }

    private func operations(_ node: Node?, takesGroups: Bool) -> [Job.Kind: Set<Job.Verb>] {
        var operations: [Job.Kind: Set<Job.Verb>] = [.users: Set(Job.Verb.allCases), .groups: Set(Job.Verb.allCases)]
        guard let node, let members = reader.mapping(node, "operations", knows: Job.Kind.allCases.map(\.rawValue)) else { return operations }
        for kind in Job.Kind.allCases {
            guard let list = members[kind.rawValue] else { continue }
            let key = "operations.\(kind.rawValue)"
            if kind == .groups, !takesGroups {
                reader.report(list, key, "this target takes no groups", "remove it")
                continue
            }
            operations[kind] = Set(
                (reader.texts(list, key) ?? []).compactMap { word in
                    if let verb = Job.Verb(rawValue: word) { return verb }
                    reader.report(list, key, "cannot hold “\(word)”", "use create, update, delete")
                    return nil
                })
        }
        return operations
    }

    private func leavers(_ node: Node?) -> Job.Leavers {
        var leavers = Job.Leavers()
        guard let node, let members = reader.mapping(node, "leavers", knows: ["disable", "delete", "disabled", "associated"]) else { return leavers }
        leavers.disable = when(members["disable"], "leavers.disable") ?? leavers.disable
        leavers.delete = when(members["delete"], "leavers.delete") ?? leavers.delete
        if case .days(let disable) = leavers.disable, case .days(let delete) = leavers.delete, disable >= delete {
            reader.report(members["disable"], "leavers.disable", "comes no sooner than leavers.delete, so it would never happen", "let it come first, or say never")
        }
        if let word = members["disabled"] { leavers.disabledAsLeaver = reader.word(word, "leavers.disabled", DisabledWord.self) == .asLeaver }
        if let word = members["associated"] { leavers.deleteAssociated = reader.word(word, "leavers.associated", AssociatedWord.self) == .delete }
        return leavers
    }

    private enum DisabledWord: String, CaseIterable { case keep, asLeaver }
    private enum AssociatedWord: String, CaseIterable { case keep, delete }

    private func when(_ node: Node?, _ key: String) -> Job.Leavers.When? {
        guard let text = reader.text(node, key) else { return nil }
        switch text {
        case "immediately": return .immediately
        case "never": return .never
        default:
            if let days = Int(text.hasSuffix("d") ? String(text.dropLast()) : text), (1...3650).contains(days) { return .days(days) }
            reader.report(node, key, "cannot be “\(text)”", "use immediately, never or a number of days from 1 to 3650, such as 30d")
            return nil
        }
    }

    private func existing(_ node: Node?) -> Job.Existing {
        var existing = Job.Existing()
        guard let node else { return existing }
        if case .scalar = node {
            existing.associate = reader.word(node, "existing", ExistingWord.self) != .conflict
        } else if let members = reader.mapping(node, "existing", knows: ["disabled"]), let disabled = members["disabled"] {
            existing.associateDisabled = reader.word(disabled, "existing.disabled", DisabledExistingWord.self) == .associate
        }
        return existing
    }

    private enum ExistingWord: String, CaseIterable { case associate, conflict }
    private enum DisabledExistingWord: String, CaseIterable { case hold, associate }

    private func protect(_ node: Node?) -> [Job.Kind: [String]] {
        var protect: [Job.Kind: [String]] = [:]
        guard let node, let members = reader.mapping(node, "protect", knows: Job.Kind.allCases.map(\.rawValue)) else { return protect }
        for kind in Job.Kind.allCases { protect[kind] = members[kind.rawValue].flatMap { reader.texts($0, "protect.\(kind.rawValue)") } }
        return protect
    }

    private func memberships(_ node: Node?) -> Bool {
        guard let node else { return false }
        return reader.word(node, "memberships", MembershipWord.self) == .exclusive
    }

    private enum MembershipWord: String, CaseIterable { case shared, exclusive }

    // MARK: numbers

    private func limits(_ node: Node?) -> [Job.LimitKey: Job.Limit] {
        var limits = Job.defaultLimits
        guard let node, let members = reader.mapping(node, "limits", knows: Job.LimitKey.allCases.map(\.rawValue)) else { return limits }
        for (name, _, value) in members.members {
            guard let key = Job.LimitKey(rawValue: name), let text = reader.text(value, "limits.\(name)") else { continue }
            if text == "none" {
                limits[key] = .unlimited
            } else if text.hasSuffix("%"), let percent = reader.decimal(text.dropLast().trimmingCharacters(in: .whitespaces)), percent <= 100 {
                limits[key] = .percent(percent)
            } else if text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let count = Int(text) {
                limits[key] = .count(count)
            } else {
                reader.report(value, "limits.\(name)", "“\(text)” is no limit", "write a count such as 25, a percentage such as 5%, 0 for none allowed, or none for no limit")
            }
        }
        return limits
    }

    private func pace(_ node: Node?, _ defaults: Job.PaceSettings, key: String = "pace") -> Job.PaceSettings {
        var pace = defaults
        guard let node, let members = reader.mapping(node, key, knows: ["requestsPerSecond", "concurrency"]) else { return pace }
        pace.requestsPerSecond = members["requestsPerSecond"].flatMap { reader.number($0, "\(key).requestsPerSecond", in: 0.01...100_000) } ?? pace.requestsPerSecond
        pace.concurrency = members["concurrency"].flatMap { reader.integer($0, "\(key).concurrency", in: 1...256) } ?? pace.concurrency
        return pace
    }

    // MARK: mapping

    private func refuseLanguage(_ mapping: [Job.Kind: [String: Job.MappingRule?]], _ node: Node) {
        for (name, rule) in (mapping[.users] ?? [:]).sorted(by: { $0.key < $1.key }) {
            guard let rule, rule.from == "preferredLanguage" || rule.template.flatMap({ Job.MappingRule.places($0) })?.contains("preferredLanguage") == true else { continue }
            reader.report(node, "mapping.\(name)", "reads preferredLanguage, which the developer API does not give", "use source.kind: idaas, or another field")
        }
    }

    private func mapping(_ node: Node?) -> [Job.Kind: [String: Job.MappingRule?]] {
        guard let node, let members = reader.mapping(node, "mapping", knows: nil) else { return [:] }
        var mapping: [Job.Kind: [String: Job.MappingRule?]] = [.users: rules(members, .users)]
        if let groups = members["groups"], let fields = reader.mapping(groups, "mapping.groups", knows: nil) { mapping[.groups] = rules(fields, .groups) }
        return mapping
    }

    private func rules(_ members: NodeReader.Members, _ kind: Job.Kind) -> [String: Job.MappingRule?] {
        var rules: [String: Job.MappingRule?] = [:]
        for (name, keyNode, value) in members.members where kind == .groups || name != "groups" {
            let key = members.path(name)
            if let complaint = vocabulary.attributeComplaint(kind, name) {
                reader.report(keyNode, key, complaint, "name an attribute such as displayName, name.familyName or emails[work]")
                continue
            }
            if reader.isNull(value) {
                if ["userName", "externalId"].contains(name) || kind == .groups && name == "displayName" {
                    reader.report(keyNode, key, "cannot be left out of the mapping: accounts are recognised by it", "give it a rule")
                }
                rules[name] = .some(nil)
            } else if let rule = rule(value, key, kind) {
                rules[name] = rule
            }
        }
        return rules
    }

    private func rule(_ node: Node, _ key: String, _ kind: Job.Kind) -> Job.MappingRule? {
        guard let members = reader.mapping(node, key, knows: ["from", "default", "template", "lowercase", "part"]) else { return nil }
        var rule = Job.MappingRule()
        rule.from = members["from"].flatMap { reader.text($0, key + ".from") }
        rule.template = members["template"].flatMap { reader.text($0, key + ".template") }
        rule.fallback = members["default"].flatMap { reader.text($0, key + ".default") }
        rule.lowercase = members["lowercase"].flatMap { reader.flag($0, key + ".lowercase") } ?? false
        rule.part = members["part"].flatMap { reader.word($0, key + ".part", Job.MappingRule.Part.self) }
        if members["from"] != nil, members["template"] != nil {
            reader.report(node, key, "has both from and template", "keep one of them")
        }
        if let field = rule.from, let complaint = vocabulary.fieldComplaint(kind, field) {
            reader.report(members["from"], key + ".from", complaint, "name a field of the source record")
        }
        if let template = rule.template {
            let parts = Job.MappingRule.places(template)
            if parts == nil { reader.report(members["template"], key + ".template", "has a “{” or “}” without its partner", "write {field}") }
            for field in parts ?? [] {
                if let complaint = vocabulary.fieldComplaint(kind, field) {
                    reader.report(members["template"], key + ".template", complaint, "name a field of the source record")
                }
            }
        }
        if members["from"] == nil, members["template"] == nil, members["default"] == nil {
            reader.report(node, key, "says nowhere where its value comes from", "add from, template or default")
        }
        return rule
    }
}
