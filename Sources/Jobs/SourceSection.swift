import Foundation
import Yams

/// The grammar of `source`.
extension JobFile {
    func source(_ node: Node) -> Job.Source? {
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
            guard let members = reader.mapping(node, "source", knows: ["kind", "path", "scope"], required: ["path"])
            else { return nil }
            let scope = self.scope(members["scope"], hasUnits: true)
            guard let path = reader.text(members["path"], "source.path") else { return nil }
            return .file(path: path.hasPrefix("/") ? path : folder + "/" + path, scope: scope)
        case "scim":
            guard
                let members = reader.mapping(
                    node, "source", knows: ["kind", "baseURL", "authorization", "scope", "pace", "lookUps"],
                    required: ["baseURL", "authorization"])
            else { return nil }
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

    func idaas(_ node: Node) -> Job.Source? {
        let keys = ["kind", "region", "endpoint", "instance", "application", "accessKey", "scope", "pace", "lookUps"]
        guard let members = reader.mapping(node, "source", knows: keys, required: ["instance"]) else { return nil }
        let endpoint = self.endpoint(members, node, host: "eiam")
        let instance = members["instance"].flatMap { reader.text($0, "source.instance") }
        let application = members["application"].flatMap { reader.text($0, "source.application") }
        let scope = self.scope(members["scope"], hasUnits: true)
        if application != nil, let node = members["scope"], !scope.hasAllUsers || scope.groups != nil {
            reader.report(
                node, "source.scope", "stands beside source.application, whose provisioning scope is the job's",
                "remove one of them; source.scope.status may stay")
        }
        let accessKey = members["accessKey"].map { self.accessKey($0) } ?? .chain(full: false)
        let pace = self.pace(members["pace"], Self.sourcePace, key: "source.pace")
        guard let endpoint, let instance, let accessKey else { return nil }
        return .idaas(
            Job.IDaaS(
                endpoint: endpoint, instance: instance, application: application, accessKey: accessKey, scope: scope,
                pace: pace))
    }

    func idaasApplication(_ node: Node) -> Job.Source? {
        let keys = ["kind", "region", "endpoint", "instance", "application", "client", "scope", "pace", "lookUps"]
        guard
            let members = reader.mapping(node, "source", knows: keys, required: ["instance", "application", "client"])
        else { return nil }
        let endpoint = self.endpoint(members, node, host: "eiam-developerapi")
        let instance = members["instance"].flatMap { reader.text($0, "source.instance") }
        let application = members["application"].flatMap { reader.text($0, "source.application") }
        let scope = self.scope(members["scope"], hasUnits: true)
        let client = members["client"].flatMap {
            reader.mapping($0, "source.client", knows: ["id", "secret"], required: ["secret"])
        }
        // IDaaS uses the application's id as the client's.
        let id = client?["id"].flatMap { publicValue($0, "source.client.id") } ?? application.map { .literal($0) }
        let secret = client?["secret"].flatMap { self.secret($0, "source.client.secret") }
        let pace = self.pace(members["pace"], Self.sourcePace, key: "source.pace")
        guard let endpoint, let instance, let application, let id, let secret else { return nil }
        return .idaasApplication(
            Job.IDaaSApplication(
                endpoint: endpoint, instance: instance, application: application, clientID: id, clientSecret: secret,
                scope: scope, pace: pace))
    }

    /// No rates are published for IDaaS; this is where a careful client begins.
    static let sourcePace = Job.PaceSettings(requestsPerSecond: 5, concurrency: 2)

    func accessKey(_ node: Node) -> Job.IDaaS.AccessKey? {
        if let chain = reader.mapping(node, "source.accessKey", knows: ["id", "secret", "token", "chain"]),
            let word = chain["chain"]
        {
            guard chain.members.count == 1, reader.text(word, "source.accessKey.chain") == "full" else {
                reader.report(
                    word, "source.accessKey.chain", "takes the word full, alone",
                    """
                    write accessKey: { chain: full } to let a CLI profile run its process_command, or leave \
                    accessKey out
                    """
                )
                return nil
            }
            return .chain(full: true)
        }
        guard
            let members = reader.mapping(
                node, "source.accessKey", knows: ["id", "secret", "token"], required: ["id", "secret"])
        else { return nil }
        let id = members["id"].flatMap { publicValue($0, "source.accessKey.id") }
        let secret = members["secret"].flatMap { self.secret($0, "source.accessKey.secret") }
        let token = members["token"].flatMap { self.secret($0, "source.accessKey.token") }
        guard let id, let secret, members["token"] == nil || token != nil else { return nil }
        return .key(id: id, secret: secret, token: token)
    }

    func publicValue(_ node: Node, _ key: String) -> Job.PublicValue? {
        guard let text = reader.text(node, key) else { return nil }
        if let reference = SecretReference(text, folder: folder) { return .reference(reference) }
        guard text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: ",") }), !text.hasPrefix("${") else {
            reader.report(node, key, "is no id", "write the id, or \"${NAME}\" for an environment variable")
            return nil
        }
        return .literal(text)
    }

    /// The URL of an API: by region as Alibaba Cloud names its hosts, or as it is given.
    func endpoint(_ members: NodeReader.Members, _ node: Node, host: String) -> String? {
        switch (members["region"], members["endpoint"]) {
        case (let region?, nil):
            guard let name = reader.text(region, "source.region") else { return nil }
            guard !name.isEmpty,
                name.utf8.allSatisfy({
                    (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == UInt8(ascii: "-")
                })
            else {
                reader.report(
                    region, "source.region", "“\(name)” is no region id",
                    "write one such as cn-hangzhou, or give source.endpoint")
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

    func scope(_ node: Node?, hasUnits: Bool) -> Job.Scope {
        var scope = Job.Scope()
        guard let node,
            let members = reader.mapping(
                node, "source.scope", knows: ["organizationalUnits", "recursive", "groups", "status"])
        else { return scope }
        if members.members.isEmpty {
            reader.report(
                node, "source.scope", "is empty", "list organizationalUnits or groups, or remove it to read everything")
        }
        if let units = members["organizationalUnits"] {
            if !hasUnits {
                reader.report(
                    units, "source.scope.organizationalUnits", "a SCIM source has no organizational units",
                    "scope by groups")
            } else {
                scope.organizationalUnits = nonEmpty(units, "source.scope.organizationalUnits")
            }
        }
        if let recursive = members["recursive"] {
            scope.isRecursive = reader.flag(recursive, "source.scope.recursive") ?? true
            if members["organizationalUnits"] == nil {
                reader.report(
                    recursive, "source.scope.recursive", "says nothing without organizationalUnits",
                    "list them, or remove it")
            }
        }
        if let status = members["status"] {
            scope.isEnabledOnly = reader.word(status, "source.scope.status", StatusWord.self) == .enabled
        }
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

    func nonEmpty(_ node: Node, _ key: String) -> [String]? {
        guard let list = reader.texts(node, key) else { return nil }
        if list.isEmpty {
            reader.report(
                node, key, "is an empty list, which would put everybody out of scope",
                "list at least one id, or remove the key")
        }
        return list
    }
}
