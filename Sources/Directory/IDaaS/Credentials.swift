import Foundation
import HTTP
import JSON

/// Finds an access key where Alibaba Cloud's own tools keep it: environment variables, the CLI's profile, the credentials
/// file, in that order (the default chain of the official SDKs, without its steps that ask a network service).
public enum CredentialChain {
    public struct Missing: Error, Sendable, CustomStringConvertible {
        public let description: String
    }

    /// Throws `Missing` with every place that was looked at.
    public static func accessKey(environment: [String: String]) throws -> AccessKey {
        func value(_ name: String) -> String? { environment[name].flatMap { $0.trimmingSpaces.isEmpty ? nil : $0.trimmingSpaces } }
        if let id = value("ALIBABA_CLOUD_ACCESS_KEY_ID"), let secret = value("ALIBABA_CLOUD_ACCESS_KEY_SECRET") {
            return AccessKey(id: id, secret: Secret(secret), token: value("ALIBABA_CLOUD_SECURITY_TOKEN").map { Secret($0) }, origin: "the environment")
        }
        let home = value("HOME") ?? NSHomeDirectory()
        var looked = ["ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET are not both set"]
        if value("ALIBABA_CLOUD_CLI_PROFILE_DISABLED")?.lowercased() != "true" {
            let path = "\(home)/.aliyun/config.json"
            switch profile(path, named: value("ALIBABA_CLOUD_PROFILE")) {
            case .success(let key?): return key
            case .success(nil): looked.append("there is no \(path)")
            case .failure(let why): looked.append(why.description)
            }
        }
        let path = value("ALIBABA_CLOUD_CREDENTIALS_FILE") ?? "\(home)/.alibabacloud/credentials.ini"
        switch section(path, named: value("ALIBABA_CLOUD_PROFILE") ?? "default") {
        case .success(let key?): return key
        case .success(nil): looked.append("there is no \(path)")
        case .failure(let why): looked.append(why.description)
        }
        throw Missing(description: "no access key was found: \(looked.joined(separator: "; ")); give source.accessKey, or one of these")
    }

    /// The CLI's `config.json`: profiles by name, one of them current.
    private static func profile(_ path: String, named wanted: String?) -> Result<AccessKey?, Missing> {
        guard let data = FileManager.default.contents(atPath: path) else { return .success(nil) }
        guard let document = try? JSONValue(parsing: Array(data)) else { return .failure(Missing(description: "\(path) is not JSON")) }
        let name = wanted ?? document["current"]?.string ?? "default"
        guard let profile = document["profiles"]?.array?.first(where: { $0["name"]?.string == name }) else { return .failure(Missing(description: "\(path) has no profile “\(name)”")) }
        let mode = profile["mode"]?.string ?? "AK"
        guard ["AK", "StsToken"].contains(mode) else { return .failure(Missing(description: "the profile “\(name)” of \(path) has the mode \(mode); AK and StsToken are read")) }
        return key(
            id: profile["access_key_id"]?.string, secret: profile["access_key_secret"]?.string, token: mode == "StsToken" ? profile["sts_token"]?.string : nil,
            origin: "the profile “\(name)” of \(path)")
    }

    /// A section of `credentials.ini`.
    private static func section(_ path: String, named wanted: String) -> Result<AccessKey?, Missing> {
        guard let data = FileManager.default.contents(atPath: path) else { return .success(nil) }
        var values: [String: String] = [:]
        var current = ""
        for line in String(decoding: data, as: UTF8.self).split(whereSeparator: \.isNewline) {
            let text = String(line).trimmingSpaces
            if text.hasPrefix("#") || text.hasPrefix(";") { continue }
            if text.hasPrefix("["), text.hasSuffix("]") {
                current = String(text.dropFirst().dropLast()).trimmingSpaces
            } else if current == wanted, let sign = text.firstIndex(of: "=") {
                values[String(text[..<sign]).trimmingSpaces] = String(text[text.index(after: sign)...]).trimmingSpaces
            }
        }
        if values.isEmpty { return .failure(Missing(description: "\(path) has no section [\(wanted)]")) }
        let type = values["type"] ?? "access_key"
        guard ["access_key", "sts"].contains(type) else { return .failure(Missing(description: "the section [\(wanted)] of \(path) has the type \(type); access_key and sts are read")) }
        return key(
            id: values["access_key_id"], secret: values["access_key_secret"], token: type == "sts" ? values["security_token"] : nil, origin: "the section [\(wanted)] of \(path)")
    }

    private static func key(id: String?, secret: String?, token: String?, origin: String) -> Result<AccessKey?, Missing> {
        guard let id, let secret, !id.isEmpty, !secret.isEmpty else { return .failure(Missing(description: "\(origin) has no access_key_id or no access_key_secret")) }
        return .success(AccessKey(id: id, secret: Secret(secret), token: token.flatMap { $0.isEmpty ? nil : Secret($0) }, origin: origin))
    }
}
