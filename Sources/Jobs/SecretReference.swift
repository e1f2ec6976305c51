import Foundation

/// Where a secret is to be found. A job file never holds the secret itself.
public enum SecretReference: Hashable, Sendable, CustomStringConvertible {
    /// `${NAME}`: an environment variable.
    case environment(String)
    /// `file:PATH`: the first line of a file; a relative path starts at the job file's folder.
    case file(String)
    /// `credential:NAME`: a file of that name in the folder that `$CREDENTIALS_DIRECTORY` names, where systemd puts
    /// what a unit loads.
    case credential(String)
    /// `{ command: [PROGRAM, ARGUMENT…] }`: what a program prints. The job file names the program, so nobody else may
    /// write that file.
    case command([String], jobFile: String)

    public init?(_ text: String, folder: String) {
        if text.hasPrefix("${"), text.hasSuffix("}") {
            let name = text.dropFirst(2).dropLast()
            guard !name.isEmpty, name.utf8.allSatisfy({ $0 == UInt8(ascii: "_") || isalnum(Int32($0)) != 0 }) else {
                return nil
            }
            self = .environment(String(name))
        } else if text.hasPrefix("file:"), text.utf8.count > 5 {
            let path = String(text.dropFirst(5))
            self = .file(path.hasPrefix("/") ? path : folder + "/" + path)
        } else if text.hasPrefix("credential:") {
            let name = text.dropFirst(11)
            guard !name.isEmpty, !name.hasPrefix("."),
                name.utf8.allSatisfy({ isalnum(Int32($0)) != 0 || "._-".utf8.contains($0) })
            else { return nil }
            self = .credential(String(name))
        } else {
            return nil
        }
    }

    public struct Missing: Error, Sendable, CustomStringConvertible {
        public let description: String
    }

    /// Why a file cannot be read, and what to do.
    private static func obstacle(_ path: String) -> String {
        var status = stat()
        guard stat(path, &status) == 0 else {
            return errno == ENOENT
                ? "is not there; create it with mode 0600" : "cannot be read: \(String(cString: strerror(errno)))"
        }
        guard status.st_mode & S_IFMT == S_IFREG else { return "is no plain file; name the file that holds the secret" }
        return "cannot be read by the user that runs this; give it to that user: chown, and mode 0600"
    }

    private static func firstLine(of path: String) throws -> String {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw Missing(description: "the secret file \(path) \(obstacle(path))")
        }
        return firstLine(String(decoding: data, as: UTF8.self))
    }

    /// A byte order mark is not part of the secret.
    private static func firstLine(_ text: String) -> String {
        String(text.unicodeScalars.first == "\u{FEFF}" ? String(text.unicodeScalars.dropFirst()) : text).split(
            separator: "\n", omittingEmptySubsequences: false
        ).first.map(String.init) ?? ""
    }

    /// The secret's value. Throws `Missing`, which names the reference and never a value.
    public func resolve(environment: [String: String]) throws -> String {
        let value: String
        switch self {
        case .environment(let name):
            guard let text = environment[name] else {
                throw Missing(
                    description:
                        """
                        the environment variable \(name) is not set; export it before the run, or write file:PATH \
                        or credential:NAME in the job
                        """
                )
            }
            value = text
        case .file(let path):
            value = try Self.firstLine(of: path)
        case .credential(let name):
            guard let folder = environment["CREDENTIALS_DIRECTORY"], !folder.isEmpty else {
                throw Missing(
                    description:
                        """
                        credential:\(name) is looked for in the folder that CREDENTIALS_DIRECTORY names, and it \
                        is not set; a unit with LoadCredential=\(name):PATH sets it
                        """
                )
            }
            value = try Self.firstLine(of: "\(folder)/\(name)")
        case .command(let arguments, let jobFile):
            if let concern = FileTrust.concern("the job file", jobFile) {
                throw Missing(description: "\(self) is not run: \(concern)")
            }
            do {
                value = Self.firstLine(
                    String(
                        decoding: try ChildProgram.run(
                            arguments, environment: ["PATH": environment["PATH"] ?? "/usr/bin:/bin"], seconds: 10,
                            limit: 64 << 10), as: UTF8.self))
            } catch { throw Missing(description: "\(self): \(error)") }
        }
        let trimmed = value.trimmingCharacters(in: .whitespacesAndNewlines)
        guard !trimmed.isEmpty else { throw Missing(description: "\(self) is empty; put the secret there") }
        // A control character would let a secret write header lines of its own.
        guard trimmed.unicodeScalars.allSatisfy({ $0.value >= 0x20 && $0.value != 0x7F }) else {
            throw Missing(description: "\(self) holds a control character; put the secret there on one line")
        }
        return trimmed
    }

    /// What is careless about where the secret is kept; nil when nothing is.
    public var concern: String? {
        var status = stat()
        // Of what a symbolic link leads to: secrets are often mounted as such.
        guard case .file(let path) = self, stat(path, &status) == 0, status.st_mode & 0o044 != 0 else { return nil }
        return "the secret file \(path) can be read by others on this machine: chmod 600 \(path)"
    }

    public var description: String {
        switch self {
        case .environment(let name): "${\(name)}"
        case .file(let path): "file:\(path)"
        case .credential(let name): "credential:\(name)"
        case .command(let arguments, _): "command: \(arguments.first ?? "")"
        }
    }
}

extension Job {
    /// Every secret that the job refers to.
    public var secrets: [SecretReference] {
        func secrets(_ authorization: Authorization) -> [SecretReference] {
            switch authorization {
            case .key(let secret): [secret]
            case .oauth(_, _, let secret, _, _): [secret]
            }
        }
        func secrets(_ value: PublicValue) -> [SecretReference] {
            if case .reference(let reference) = value { [reference] } else { [] }
        }
        var all = secrets(target.authorization)
        switch source {
        case .file: break
        case .scim(_, let authorization, _, _): all += secrets(authorization)
        case .idaas(let idaas):
            if case .key(let id, let secret, let token) = idaas.accessKey {
                all += secrets(id) + [secret] + (token.map { [$0] } ?? [])
            }
        case .idaasApplication(let idaas): all += secrets(idaas.clientID) + [idaas.clientSecret]
        }
        return all
    }

    /// The files that secrets of the job stand in.
    public var secretFiles: [String] {
        secrets.compactMap { if case .file(let path) = $0 { path } else { nil } } + [target.tls?.key].compactMap { $0 }
    }

    /// Everything that is wrong with the places of the job's secrets, all at once; what a program prints is not asked
    /// for.
    public func missingSecrets(environment: [String: String]) -> [String] {
        var seen: [String] = []
        for secret in secrets {
            if case .command = secret { continue }
            do { _ = try secret.resolve(environment: environment) } catch {
                if !seen.contains("\(error)") { seen.append("\(error)") }
            }
        }
        return seen
    }
}
