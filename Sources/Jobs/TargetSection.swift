import Foundation
import Planning
import SCIM
import Yams

/// The target of a job: where it is, how it lets the job in, and what it can do.
extension JobFile {
    // MARK: target

    func target(_ node: Node) -> Job.Target? {
        guard
            let members = reader.mapping(
                node, "target",
                knows: [
                    "platform", "baseURL", "authorization", "capabilities", "readBack", "tenant", "noHandMade",
                    "mediaType", "trailingSlash", "tls", "expires",
                ],
                required: ["platform", "baseURL", "authorization"])
        else {
            return nil
        }
        let platform = platform(members["platform"])
        let url = self.url(members["baseURL"], "target.baseURL")
        let authorization = self.authorization(members["authorization"], "target.authorization")
        let capabilities = self.capabilities(members["capabilities"])
        if let platform, let authorization, platforms[platform]?.needsOAuth == true, case .key = authorization {
            reader.report(
                members["authorization"], "target.authorization",
                "is a key, and \(platform) takes tokens of an OAuth client only",
                "write oauth: { tokenURL: …, clientID: …, clientSecret: … }")
        }
        let readBack = members["readBack"].flatMap { reader.word($0, "target.readBack", Job.Target.ReadBack.self) }
        if let platform, readBack != nil, platforms[platform]?.isListed == true {
            reader.report(
                members["readBack"], "target.readBack", "has no meaning on \(platform), whose lists show every account",
                "leave it out")
        }
        guard let platform, let url, let authorization else { return nil }
        var target = Job.Target(
            platform: platform, baseURL: url, authorization: authorization, capabilities: capabilities,
            readBack: readBack)
        if let word = members["noHandMade"] {
            target.noHandMade = reader.flag(word, "target.noHandMade") ?? false
            if platforms[platform]?.overwrites == false {
                reader.report(
                    word, "target.noHandMade",
                    "has no meaning on \(platform), where a create never takes over an account", "leave it out")
            }
        }
        target.mediaType = members["mediaType"].flatMap { mediaType($0) }
        if let node = members["tls"] { target.tls = tls(node) }
        target.expires = members["expires"].flatMap { day($0, "target.expires") }
        target.trailingSlash = members["trailingSlash"].flatMap { reader.flag($0, "target.trailingSlash") } ?? false
        target.tenant = members["tenant"].flatMap { reader.text($0, "target.tenant") }
        return target
    }

    private func platform(_ node: Node?) -> String? {
        guard let name = reader.text(node, "target.platform") else { return nil }
        if let known = platforms[name], known.refusal == nil { return name }
        let served = platforms.filter { $0.value.refusal == nil }.keys.sorted()
        reader.report(
            node, "target.platform",
            platforms[name].flatMap(\.refusal) ?? "“\(name)” is not served by this version",
            served.first { NodeReader.isNear($0, name) }.map { "did you mean “\($0)”?" }
                ?? "use \(served.joined(separator: ", "))")
        return nil
    }

    private func mediaType(_ node: Node) -> String? {
        guard let type = reader.text(node, "target.mediaType") else { return nil }
        if ["application/json", "application/scim+json"].contains(type) { return type }
        reader.report(
            node, "target.mediaType", "is no media type of SCIM", "write application/scim+json or application/json")
        return nil
    }

    private func day(_ node: Node, _ key: String) -> String? {
        guard let text = reader.text(node, key) else { return nil }
        // Not the 30th of February.
        if text.wholeMatch(of: #/20\d\d-\d\d-\d\d/#) != nil, Timestamp.seconds(text + "T00:00:00Z") != nil {
            return text
        }
        reader.report(
            node, key, "is no day", "write the day on which the credential ends, such as 2027-03-31")
        return nil
    }

    func tls(_ node: Node) -> Job.Target.TLS? {
        guard let members = reader.mapping(node, "target.tls", knows: ["ca", "certificate", "key"]) else { return nil }
        func path(_ name: String) -> String? {
            members[name].flatMap { reader.text($0, "target.tls.\(name)") }.map {
                $0.hasPrefix("/") ? $0 : folder + "/" + $0
            }
        }
        var tls = Job.Target.TLS(authority: path("ca"), certificate: path("certificate"))
        if let key = members["key"], let reference = secret(key, "target.tls.key") {
            if case .file(let path) = reference {
                tls.key = path
            } else {
                reader.report(key, "target.tls.key", "must be a file", "write \"file:PATH\"")
            }
        }
        if (tls.certificate == nil) != (members["key"] == nil) {
            reader.report(node, "target.tls", "needs certificate and key together", "add the other one")
        }
        if tls.authority == nil, tls.certificate == nil {
            reader.report(node, "target.tls", "says nothing", "add ca, or certificate and key")
        }
        return tls
    }

    func capabilities(_ node: Node?) -> CapabilityOverrides {
        var overrides = CapabilityOverrides()
        let key = "target.capabilities"
        guard let node,
            let members = reader.mapping(
                node, key,
                knows: ["patch", "filter", "cursor", "etag", "groups", "valuePaths", "count", "pageSize"])
        else { return overrides }
        overrides.patch = reader.flag(members["patch"], key + ".patch")
        overrides.filter = reader.flag(members["filter"], key + ".filter")
        overrides.cursor = reader.flag(members["cursor"], key + ".cursor")
        overrides.etag = reader.flag(members["etag"], key + ".etag")
        overrides.groups = reader.flag(members["groups"], key + ".groups")
        overrides.valuePaths = reader.flag(members["valuePaths"], key + ".valuePaths")
        overrides.count = reader.flag(members["count"], key + ".count")
        overrides.pageSize = reader.integer(members["pageSize"], key + ".pageSize", in: 1...10000)
        return overrides
    }

    func authorization(_ node: Node?, _ key: String) -> Job.Authorization? {
        guard let node, let members = reader.mapping(node, key, knows: ["key", "oauth"]) else { return nil }
        guard members.members.count == 1 else {
            reader.report(node, key, "needs exactly one of key and oauth", "write key: \"${NAME}\" or oauth: {…}")
            return nil
        }
        if let secret = members["key"] { return self.secret(secret, key + ".key").map { .key($0) } }
        guard let oauth = members["oauth"],
            let fields = reader.mapping(
                oauth, key + ".oauth", knows: ["tokenURL", "clientID", "clientSecret", "scope", "placement"],
                required: ["tokenURL", "clientID", "clientSecret"])
        else { return nil }
        let url = self.url(fields["tokenURL"], key + ".oauth.tokenURL")
        let id = reader.text(fields["clientID"], key + ".oauth.clientID")
        let clientSecret = fields["clientSecret"].flatMap { self.secret($0, key + ".oauth.clientSecret") }
        let scope = fields["scope"].flatMap { reader.text($0, key + ".oauth.scope") }
        let placement =
            fields["placement"].flatMap { reader.word($0, key + ".oauth.placement", Placement.self) } ?? .form
        guard let url, let id, let clientSecret else { return nil }
        return .oauth(
            tokenURL: url, clientID: id, clientSecret: clientSecret, scope: scope, placement: placement.rawValue)
    }

    enum Placement: String, CaseIterable { case form, query, basic }

    func secret(_ node: Node, _ key: String) -> SecretReference? {
        if case .mapping = node {
            guard let members = reader.mapping(node, key, knows: ["command"], required: ["command"]),
                let arguments = members["command"].flatMap({ reader.texts($0, "\(key).command") }),
                !arguments.isEmpty
            else { return nil }
            return .command(arguments, jobFile: reader.file)
        }
        guard let text = reader.text(node, key) else { return nil }
        if let reference = SecretReference(text, folder: folder) { return reference }
        // The text may be a secret: it must not be repeated.
        reader.report(
            node, key, "must be a reference, never the secret itself",
            """
            write \"${NAME}\" for an environment variable, \"file:PATH\" for a file, \"credential:NAME\" for one \
            that systemd loads, or { command: [PROGRAM, ARGUMENT] }; if a real secret stood here, replace that secret
            """
        )
        return nil
    }

    func url(_ node: Node?, _ key: String) -> String? {
        guard let node, let text = reader.text(node, key) else { return nil }
        guard let parts = URLComponents(string: text), let host = parts.host, !host.isEmpty, let scheme = parts.scheme,
            ["http", "https"].contains(scheme),
            parts.query == nil, parts.fragment == nil
        else {
            reader.report(
                node, key, "must be an absolute http(s) URL without query and fragment", "write https://HOST/PATH")
            return nil
        }
        if parts.user != nil || parts.password != nil {
            reader.report(node, key, "must not hold a user name or password", "use authorization instead")
            return nil
        }
        let loopback =
            host == "localhost" || host == "::1" || host == "[::1]"
            || (host.hasPrefix("127.") && host.split(separator: ".", omittingEmptySubsequences: false).count == 4
                && host.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { UInt8($0) != nil })
        if scheme == "http", !loopback {
            reader.report(
                node, key, "http is allowed for a loopback address only, because it sends the credential unencrypted",
                "use https")
            return nil
        }
        return text
    }
}
