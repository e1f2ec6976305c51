import ArgumentParser
import Foundation
import Jobs
import Reconciliation
import Planning

/// Which of several jobs are meant.
struct SelectionOptions: ParsableArguments {
    @Option(parsing: .upToNextOption, help: ArgumentHelp("Of the jobs, only those of these names.", valueName: "name"))
    var only: [String] = []
}

/// Whom a run tells how it went, beside the terminal.
struct TellingOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Write the numbers of the run for Prometheus' textfile collector.", valueName: "file"))
    var metrics: String?
    @Option(
        help: ArgumentHelp(
            """
            A URL to request at the start (/start behind it) and at the end (/ and the exit code), for a service \
            that reports a missing run. Write a reference: ${NAME}, file:PATH or credential:NAME.
            """,
            valueName: "reference"))
    var ping: String?

    func validate() throws {
        if let ping, SecretReference(ping, folder: ".") == nil {
            throw ValidationError(
                "--ping takes a reference to the URL, which is a secret: ${NAME}, file:PATH or credential:NAME")
        }
    }
}

/// What an operator allows for one invocation.
struct PermissionOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Raise a limit to a number for this invocation, such as users.delete=25. May be repeated.",
            valueName: "limit=n"))
    var allow: [String] = []
    @Flag(help: "Continue although many linked objects are missing on the target.")
    var acceptTargetChange = false
    @Option(
        help: ArgumentHelp(
            """
            Take back an account whose externalId was changed: give the name or source id of its record. May be \
            repeated.
            """,
            valueName: "name"))
    var acceptTakeback: [String] = []
    @Option(
        help: ArgumentHelp(
            """
            Associate the existing account or group with the record of that name: user:NAME, group:NAME, or @FILE \
            with one of them on each line. To choose one object, write the target's id behind the name, after a \
            space. May be repeated.
            """,
            valueName: "name"))
    var acceptAssociation: [String] = []
    @Option(
        help: ArgumentHelp(
            """
            Try again at once the operations that the target refused several times: give a record's name or source \
            id, or all. May be repeated.
            """,
            valueName: "name"))
    var retry: [String] = []
    @Flag(help: "Apply the leaver rules to records that are out of scope only because the scope changed.")
    var acceptScopeChange = false
    @Flag(help: "Continue although the source now has no group or no membership, and had some before.")
    var acceptSourceChange = false
    @Flag(
        help:
            """
            Accept that the ledger is empty, although the target cannot be listed or copies of an older ledger exist.
            """
    )
    var firstRun = false
    @Flag(help: "Let the source change again every object that an undo restored.")
    var release = false
    @Flag(help: "Do not exit with 3 for conflicts and holds that the last run already reported.")
    var knownConflictsOk = false

    /// The same options, as they are typed.
    var words: String { words(without: []) }

    /// - Parameter given: `--allow LIMIT=NUMBER` that stands already; the same limits are left out.
    func words(without given: [String]) -> String {
        let limits = allow.filter { text in !given.contains { $0.hasPrefix("--allow \(text.prefix { $0 != "=" })=") } }
        return limits.map { " --allow \($0)" }.joined()
            + (acceptTargetChange && !given.contains("--accept-target-change") ? " --accept-target-change" : "")
            + (acceptScopeChange ? " --accept-scope-change" : "")
            + retry.map { " " + shellOption("--retry", $0) }.joined()
            + acceptTakeback.map { " " + shellOption("--accept-takeback", $0) }.joined()
            + acceptAssociation.map { " --accept-association \(shellWord($0))" }.joined()
            + (acceptSourceChange ? " --accept-source-change" : "") + (firstRun ? " --first-run" : "")
            + (release ? " --release" : "")
    }

    func validate() throws { _ = try parsed() }

    /// Reads `user:NAME` and `group:NAME`, one by one or from files.
    private static func associations(_ given: [String]) throws -> Set<String> {
        var accepted: Set<String> = []
        for text in given {
            var lines = [(place: text, text: text)]
            if text.hasPrefix("@") {
                let path = String(text.dropFirst())
                guard let data = FileManager.default.contents(atPath: path),
                    let content = String(data: data, encoding: .utf8)
                else {
                    throw ValidationError("--accept-association \(text): the file \(path) cannot be read as UTF-8 text")
                }
                lines = content.replacingOccurrences(of: "\r\n", with: "\n").split(
                    separator: "\n", omittingEmptySubsequences: false
                ).enumerated().map {
                    ("\(path), line \($0.offset + 1)", $0.element.trimmingCharacters(in: .whitespacesAndNewlines))
                }
                lines.removeAll { $0.text.isEmpty || $0.text.hasPrefix("#") }
            }
            for line in lines {
                guard ["user:", "group:"].contains(where: { line.text.hasPrefix($0) && line.text.count > $0.count })
                else {
                    throw ValidationError(
                        """
                        --accept-association, \(line.place): write user:NAME or group:NAME, and the target's id \
                        behind a space if it is to be that one
                        """
                    )
                }
                accepted.insert(line.text)
            }
        }
        return accepted
    }

    func parsed() throws -> Permissions {
        var permissions = Permissions()
        for text in allow {
            let halves = text.split(separator: "=", omittingEmptySubsequences: false)
            guard halves.count == 2, let key = LimitKey(rawValue: String(halves[0])), let number = Int(halves[1]),
                number >= 0
            else {
                let names = LimitKey.allCases.map(\.rawValue)
                let near =
                    names.first { NodeReader.isNear($0, String(halves.first ?? "")) && $0 != halves.first ?? "" }.map {
                        "did you mean \($0)? "
                    } ?? ""
                throw ValidationError(
                    "--allow \(text): \(near)Write LIMIT=NUMBER, where LIMIT is one of \(names.joined(separator: ", "))"
                )
            }
            permissions.allow[key] = number
        }
        permissions.acceptTargetChange = acceptTargetChange
        permissions.acceptScopeChange = acceptScopeChange
        permissions.acceptTakeback = Set(acceptTakeback)
        permissions.retry = Set(retry)
        permissions.acceptAssociation = try Self.associations(acceptAssociation)
        permissions.acceptSourceChange = acceptSourceChange
        permissions.firstRun = firstRun
        permissions.knownConflictsAreFine = knownConflictsOk
        permissions.release = release
        return permissions
    }
}
