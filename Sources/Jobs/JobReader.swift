import Foundation
import Yams
import Planning
import SCIM

extension Job {
    /// Reads and validates a job file. Throws `JobFileError` with all mistakes at once; a YAML syntax error or a
    /// duplicate key comes first and alone, since nothing else can be trusted then.
    ///
    public static func read(path: String, vocabulary: JobVocabulary) throws -> Job {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw JobFileError(diagnostics: [
                Diagnostic(
                    file: path, line: nil, key: "", rule: "the job file cannot be read",
                    remedy: "check the path and its permissions")
            ])
        }
        guard let text = String(data: data, encoding: .utf8) else {
            throw JobFileError(diagnostics: [
                Diagnostic(
                    file: path, line: nil, key: "", rule: "the job file is not UTF-8", remedy: "save it as UTF-8")
            ])
        }
        // Editors on some systems begin a file with a byte order mark.
        return try read(
            text: text.unicodeScalars.first == "\u{FEFF}" ? String(text.unicodeScalars.dropFirst()) : text, path: path,
            vocabulary: vocabulary)
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

    static func diagnostic(of error: YamlError, path: String) -> Diagnostic {
        switch error {
        case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
            .composer(_, let problem, let mark, _):
            return Diagnostic(
                file: path, line: mark.line, key: "", rule: "YAML: \(problem)", remedy: "correct the syntax there")
        case .duplicatedKeysInMapping(let duplicates, let context):
            return Diagnostic(
                file: path, line: context.mark.line, key: "",
                rule:
                    "YAML: the key \(duplicates.map { "“\($0)”" }.joined(separator: ", ")) stands twice in one mapping",
                remedy: "keep one of them")
        default:
            // What it tells of the place has lines of its own.
            let rule = "\(error)".split(separator: "\n").first.map(String.init) ?? ""
            return Diagnostic(file: path, line: nil, key: "", rule: "YAML: \(rule)", remedy: "correct the syntax")
        }
    }
}

/// The grammar of a job file.
struct JobFile {
    let reader: NodeReader
    let vocabulary: JobVocabulary
    var platforms: [String: PlatformTerms] { vocabulary.platforms }

    static let keys = [
        "job", "source", "target", "fullPush", "operations", "mapping", "leavers", "existing", "protect", "memberships",
        "limits", "pace", "phoneRegion", "after", "timezone", "state",
    ]

    func job(_ root: Node) -> Job? {
        guard let top = reader.mapping(root, "", knows: Self.keys, required: ["job", "source", "target"]) else {
            return nil
        }
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
            for name in (mapping[.user] ?? [:]).keys.sorted() where !known.contains(name) {
                reader.report(
                    node, "mapping.\(name)", "does not exist on this platform",
                    "map \(known.sorted().joined(separator: ", ")) only")
            }
        }
        let leavers = self.leavers(top["leavers"])
        let existing = self.existing(top["existing"])
        if existing.rule(.user) == .conflict, terms?.overwrites == true {
            reader.report(
                top["existing"], "existing",
                """
                cannot be conflict on \(target?.platform ?? ""): a create takes over an account of the same name, \
                and which there are cannot be seen
                """,
                "leave it out, and protect such names")
        }
        let protect = self.protect(top["protect"])
        let exclusive = self.memberships(top["memberships"])
        let limits = self.limits(top["limits"])
        let pace = self.pace(top["pace"], terms?.defaultPace ?? .init(requestsPerSecond: 10, concurrency: 5))
        let phoneRegion = self.phoneRegion(top["phoneRegion"])
        let timezone = self.timezone(top["timezone"])
        guard let name, let source, let target else { return nil }
        var job = Job(
            name: name, file: reader.file, source: source, target: target, fullPush: fullPush, operations: operations,
            mapping: mapping,
            leavers: leavers, existing: existing, protect: protect, exclusiveMemberships: exclusive, limits: limits,
            pace: pace)
        job.phoneRegion = phoneRegion
        job.timezone = timezone
        job.state = top["state"].flatMap { reader.text($0, "state") }.map {
            $0.hasPrefix("/") || folder == "." ? $0 : folder + "/" + $0
        }
        if let node = top["after"] { job.after = reader.texts(node, "after") ?? [] }
        if case .mapping(let members)? = top["limits"], let window = members["window"] {
            job.limitsLookBack = reader.word(window, "limits.window", WindowWord.self) != .run
        }
        if case .mapping(let members)? = top["source"], let word = members["lookUps"] {
            job.asksSource = reader.word(word, "source.lookUps", LookUpsWord.self) != .some(.none)
        }
        return job
    }

    enum LookUpsWord: String, CaseIterable { case byID, none }

    enum WindowWord: String, CaseIterable {
        case week = "7d"
        case run
    }

    func jobName(_ node: Node) -> String? {
        guard let text = reader.text(node, "job") else { return nil }
        let allowed = CharacterSet(charactersIn: "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")
        guard !text.isEmpty, text.unicodeScalars.allSatisfy(allowed.contains), !text.hasPrefix("."), text.count <= 100
        else {
            reader.report(
                node, "job",
                "names a file: it holds 1 to 100 letters, digits, “.”, “_”, “-”, and may not start with “.”",
                "choose another name")
            return nil
        }
        return text
    }

    var folder: String {
        let folder = (reader.file as NSString).deletingLastPathComponent
        return folder.isEmpty ? "." : folder
    }

    // MARK: permissions

    func phoneRegion(_ node: Node?) -> String? {
        guard let node, let text = reader.text(node, "phoneRegion") else { return nil }
        let digits = text.hasPrefix("+") ? String(text.dropFirst()) : text
        if (1...4).contains(digits.utf8.count), digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
            !digits.hasPrefix("0")
        {
            return digits
        }
        reader.report(node, "phoneRegion", "is no calling code", "write the digits of one, such as \"86\"")
        return nil
    }

    func timezone(_ node: Node?) -> String? {
        guard let node, let text = reader.text(node, "timezone") else { return nil }
        // The library takes abbreviations too, and some mean several places.
        if TimeZone.knownTimeZoneIdentifiers.contains(text) || text == "UTC" { return text }
        reader.report(node, "timezone", "is no timezone", "write a name of the tz database, such as Asia/Shanghai")
        return nil
    }

    func fullPush(_ node: Node?, takesGroups: Bool) -> Set<ResourceKind> {
        guard let node else { return takesGroups ? [.user, .group] : [.user] }
        var kinds: Set<ResourceKind> = []
        let words = reader.texts(node, "fullPush") ?? []
        if words.isEmpty { reader.report(node, "fullPush", "lists nothing", "list users, groups or both") }
        for word in words {
            switch word {
            case "organizationalUnits", "organizational-units", "organizations":
                reader.report(
                    node, "fullPush", "organizational units are never provisioned: SCIM has no such resource",
                    "list users and groups; scope by units under source.scope")
            case "groups" where !takesGroups:
                reader.report(node, "fullPush", "this target takes no groups", "list users only")
            default:
                if let kind = ResourceKind(plural: word) {
                    kinds.insert(kind)
                } else {
                    reader.report(node, "fullPush", "cannot hold “\(word)”", "list users, groups or both")
                }
            }
        }
        return kinds
    }

    func operations(_ node: Node?, takesGroups: Bool) -> [ResourceKind: Set<Permission>] {
        var operations: [ResourceKind: Set<Permission>] = [
            .user: Set(Permission.allCases), .group: Set(Permission.allCases),
        ]
        guard let node, let members = reader.mapping(node, "operations", knows: ResourceKind.allCases.map(\.plural))
        else { return operations }
        for kind in ResourceKind.allCases {
            guard let list = members[kind.plural] else { continue }
            let key = "operations.\(kind.plural)"
            if kind == .group, !takesGroups {
                reader.report(list, key, "this target takes no groups", "remove it")
                continue
            }
            operations[kind] = Set(
                (reader.texts(list, key) ?? []).compactMap { word in
                    if let verb = Permission(rawValue: word) { return verb }
                    reader.report(list, key, "cannot hold “\(word)”", "use create, update, delete")
                    return nil
                })
        }
        return operations
    }

    func leavers(_ node: Node?) -> Leavers {
        var leavers = Leavers()
        guard let node,
            let members = reader.mapping(node, "leavers", knows: ["disable", "delete", "disabled", "associated"])
        else { return leavers }
        leavers.disable = when(members["disable"], "leavers.disable") ?? leavers.disable
        leavers.delete = when(members["delete"], "leavers.delete") ?? leavers.delete
        if case .days(let disable) = leavers.disable, case .days(let delete) = leavers.delete, disable >= delete {
            reader.report(
                members["disable"], "leavers.disable", "comes no sooner than leavers.delete, so it would never happen",
                "let it come first, or say never")
        }
        if let word = members["disabled"] {
            leavers.disabledAsLeaver = reader.word(word, "leavers.disabled", DisabledWord.self) == .asLeaver
        }
        if let word = members["associated"] {
            leavers.deleteAssociated = reader.word(word, "leavers.associated", AssociatedWord.self) == .delete
        }
        return leavers
    }

    enum DisabledWord: String, CaseIterable { case keep, asLeaver }
    enum AssociatedWord: String, CaseIterable { case keep, delete }

    func when(_ node: Node?, _ key: String) -> Leavers.When? {
        guard let text = reader.text(node, key) else { return nil }
        switch text {
        case "immediately": return .immediately
        case "never": return .never
        default:
            if let days = Int(text.hasSuffix("d") ? String(text.dropLast()) : text), (1...3650).contains(days) {
                return .days(days)
            }
            reader.report(
                node, key, "cannot be “\(text)”",
                "use immediately, never or a number of days from 1 to 3650, such as 30d")
            return nil
        }
    }

    func existing(_ node: Node?) -> Existing {
        var existing = Existing()
        guard let node else { return existing }
        existing.isSaid = true
        func rule(_ node: Node?, _ key: String) -> Existing.Rule? {
            node.flatMap { reader.word($0, key, Existing.Rule.self) }
        }
        if case .scalar = node {
            let word = rule(node, "existing")
            for kind in ResourceKind.allCases { existing.rules[kind] = word }
            return existing
        }
        guard
            let members = reader.mapping(
                node, "existing", knows: ["users", "groups", "disabled", "harmlessRoles", "accept", "decline"])
        else { return existing }
        for kind in ResourceKind.allCases {
            existing.rules[kind] = rule(members[kind.plural], "existing.\(kind.plural)")
        }
        if let disabled = members["disabled"] {
            existing.associateDisabled =
                reader.word(disabled, "existing.disabled", DisabledExistingWord.self) == .associate
        }
        existing.harmlessRoles = Set(
            (reader.texts(members["harmlessRoles"], "existing.harmlessRoles") ?? []).map { $0.lowercased() })
        existing.decline = Set(reader.texts(members["decline"], "existing.decline") ?? [])
        if let accept = members["accept"].flatMap({
            reader.mapping($0, "existing.accept", knows: ResourceKind.allCases.map(\.plural))
        }) {
            for kind in ResourceKind.allCases {
                let key = "existing.accept.\(kind.plural)"
                guard let names = accept[kind.plural].flatMap({ reader.mapping($0, key, knows: nil) }) else { continue }
                for (name, _, value) in names.members {
                    existing.accept[kind, default: [:]][name] = reader.text(value, "\(key).\(name)")
                }
            }
        }
        for name in existing.decline.sorted() where existing.accept.values.contains(where: { $0[name] != nil }) {
            reader.report(
                members["decline"], "existing.decline", "lists “\(name)”, which existing.accept lets go",
                "keep one of them")
        }
        return existing
    }

    enum DisabledExistingWord: String, CaseIterable { case hold, associate }

    func protect(_ node: Node?) -> [ResourceKind: [String]] {
        var protect: [ResourceKind: [String]] = [:]
        guard let node, let members = reader.mapping(node, "protect", knows: ResourceKind.allCases.map(\.plural)) else {
            return protect
        }
        for kind in ResourceKind.allCases {
            protect[kind] = members[kind.plural].flatMap { reader.texts($0, "protect.\(kind.plural)") }
        }
        return protect
    }

    func memberships(_ node: Node?) -> Bool {
        guard let node else { return false }
        return reader.word(node, "memberships", MembershipWord.self) == .exclusive
    }

    enum MembershipWord: String, CaseIterable { case shared, exclusive }

    // MARK: numbers

    func limits(_ node: Node?) -> [LimitKey: Limit] {
        var limits = Job.defaultLimits
        guard let node,
            let members = reader.mapping(node, "limits", knows: LimitKey.allCases.map(\.rawValue) + ["window"])
        else { return limits }
        for (name, _, value) in members.members where name != "window" {
            guard let key = LimitKey(rawValue: name), let text = reader.text(value, "limits.\(name)") else { continue }
            if text == "none" {
                limits[key] = .unlimited
            } else if text.hasSuffix("%"),
                let percent = reader.decimal(text.dropLast().trimmingCharacters(in: .whitespaces)), percent <= 100
            {
                limits[key] = .percent(percent)
            } else if text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let count = Int(text) {
                limits[key] = .count(count)
            } else {
                reader.report(
                    value, "limits.\(name)", "“\(text)” is not a valid limit",
                    """
                    write a count such as 25, a percentage such as 5%, 0 to allow nothing, or the word none to set \
                    no limit
                    """
                )
            }
        }
        return limits
    }

    func pace(_ node: Node?, _ defaults: Job.PaceSettings, key: String = "pace") -> Job.PaceSettings {
        var pace = defaults
        guard let node,
            let members = reader.mapping(node, key, knows: ["requestsPerSecond", "concurrency", "patience"])
        else { return pace }
        pace.requestsPerSecond =
            members["requestsPerSecond"].flatMap { reader.number($0, "\(key).requestsPerSecond", in: 0.01...100_000) }
            ?? pace.requestsPerSecond
        pace.concurrency =
            members["concurrency"].flatMap { reader.integer($0, "\(key).concurrency", in: 1...256) } ?? pace.concurrency
        pace.patience =
            members["patience"].flatMap { reader.integer($0, "\(key).patience", in: 10...86_400) } ?? pace.patience
        return pace
    }
}
