import ArgumentParser
import Foundation
import HTTP
import Jobs
import Ledger
import Reconciliation
import SCIM

struct LedgerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ledger", abstract: "Check, copy, restore, rebuild or remove a job's ledger.",
        subcommands: [Verify.self, Origins.self, Backup.self, Restore.self, Rebuild.self, Forget.self])

    /// The ledger of a job file, locked.
    static func locked<Value>(
        _ common: CommonOptions, _ host: HostOptions, _ file: String, writes: Bool = true,
        _ body: (_ job: Job, _ path: String) async throws -> Value
    ) async throws
        -> Value
    {
        guard let job = try common.jobs([file]).first else { throw leaving(.jobFile) }
        try common.checkFolder(writes: writes)
        do {
            let lock = try JobLock(
                path: "\(common.state)/\(job.name).lock",
                holder: "process \(ProcessInfo.processInfo.processIdentifier), “rollcall ledger”")
            let path = "\(common.state)/\(job.name).sqlite"
            // A lock may not reach a host that has the ledger in use; a ledger that cannot be opened tells nothing of
            // that.
            if FileManager.default.fileExists(atPath: path) {
                do {
                    let ledger = try Ledger(path: path)
                    try ledger.take(CommonOptions.holder, now: Time.system.wall(), insists: host.acceptHostChange)
                    try ledger.letGo()
                } catch LedgerError.otherHost(let path, let host, let seconds) {
                    writeLine("\(LedgerError.otherHost(path, host: host, secondsAgo: seconds))")
                    throw leaving(.locked)
                } catch is LedgerError {}
            }
            let value = try await body(job, path)
            withExtendedLifetime(lock) {}
            return value
        } catch let held as JobLock.Held {
            writeLine("\(held)")
            throw leaving(.locked)
        } catch let error as LedgerError {
            writeLine(error.told(job: job.file))
            throw leaving(.ledger)
        }
    }

    /// Does it for each, the others also where one fails; the gravest exit code is the whole's.
    static func each(_ files: [String], _ body: (String) async throws -> Void) async throws {
        var worst: ArgumentParser.ExitCode?
        for file in files {
            do { try await body(file) } catch let code as ArgumentParser.ExitCode {
                func gravity(_ code: ArgumentParser.ExitCode) -> Reconciliation.ExitCode {
                    Reconciliation.ExitCode(rawValue: Int(code.rawValue)) ?? .internalError
                }
                worst = worst.map { max(gravity($0), gravity(code)) }.map(leaving) ?? code
            }
        }
        if let worst { throw worst }
    }

    static func existing(_ path: String) throws -> Ledger {
        guard FileManager.default.fileExists(atPath: path) else {
            throw LedgerError.io("there is no ledger \(path); correct --state, or run the job first")
        }
        return try Ledger(path: path)
    }

    struct Verify: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Read every page of a ledger, and check that its content is consistent.")

        @OptionGroup(title: "State, output and log") var common: CommonOptions
        @OptionGroup(title: "State of another host") var host: HostOptions
        @Argument(help: ArgumentHelp("Job files.", valueName: "job"), completion: .file(extensions: ["yaml", "yml"]))
        var jobs: [String]

        func run() async throws {
            try await LedgerCommand.each(jobs) { file in
                try await LedgerCommand.locked(common, host, file, writes: false) { job, path in
                    let ledger = try LedgerCommand.existing(path)
                    let findings = try ledger.verify()
                    guard findings.isEmpty else {
                        throw LedgerError.io(
                            """
                            the ledger \(path) is damaged: \(findings.joined(separator: "; ")); \
                            \(Ledger.command("ledger restore", job.file, at: path))
                            """
                        )
                    }
                    if let loss = try ledger.loss(file: job.file, now: Timestamp.text(Time.system.wall())) {
                        throw LedgerError.io(loss)
                    }
                    print(
                        """
                        \(job.name): good: \(counted(try ledger.linkCount(kind: .user), "user")) and \
                        \(counted(try ledger.linkCount(kind: .group), "group")) linked, copies kept: \
                        \(Ledger.copies(of: path, now: Timestamp.text(Time.system.wall())).count).
                        """
                    )
                }
            }
        }
    }

    struct Origins: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract:
                "Show the linked accounts and groups that this job did not make. --created corrects this list.",
            discussion:
                """
                What a job made is deleted when its record leaves; what it associated, took over or found is \
                disabled only, unless leavers.associated says delete.
                """
        )

        @OptionGroup(title: "State, output and log") var common: CommonOptions
        @OptionGroup(title: "State of another host") var host: HostOptions
        @Option(
            parsing: .upToNextOption,
            help: ArgumentHelp("Source or target ids of what this job did make.", valueName: "id"))
        var created: [String] = []
        @Argument(help: ArgumentHelp("Job file.", valueName: "job"), completion: .file(extensions: ["yaml", "yml"]))
        var job: String

        func run() async throws {
            try await LedgerCommand.locked(common, host, job) { job, path in
                let ledger = try LedgerCommand.existing(path)
                let unknown = try ledger.setCreated(created)
                guard unknown.isEmpty else {
                    writeLine(
                        """
                        no link of \(path), or more than one, has the id \(unknown.joined(separator: ", ")); what \
                        else was named is set
                        """
                    )
                    throw leaving(.usage)
                }
                let origins = try ledger.origins()
                for origin in origins {
                    print(
                        printable(
                            """
                            \(origin.origin): \(origin.kind.singular) \(origin.name) (\(origin.sourceID)), \
                            \(origin.targetID)
                            """
                        ))
                }
                print("\(job.name): \(origins.count) linked that this job did not make.")
            }
        }
    }

    struct Backup: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Write a checked copy of a ledger.")

        @OptionGroup(title: "State, output and log") var common: CommonOptions
        @OptionGroup(title: "State of another host") var host: HostOptions
        @OptionGroup(title: "Copies") var copying: CopyOptions
        @Option(help: ArgumentHelp("Where to; left out, among the copies of the state folder.", valueName: "file"))
        var to: String?
        @Argument(help: ArgumentHelp("Job file.", valueName: "job"), completion: .file(extensions: ["yaml", "yml"]))
        var job: String

        func run() async throws {
            try await LedgerCommand.locked(common, host, job) { _, path in
                let ledger = try LedgerCommand.existing(path)
                let place: String?
                if let to {
                    guard !FileManager.default.fileExists(atPath: to) else {
                        throw LedgerError.io("\(to) exists already; name another file")
                    }
                    try ledger.backUp(to: to)
                    place = to
                } else {
                    place = try ledger.keepCopy(
                        now: Timestamp.text(Time.system.wall()), run: try ledger.lastRun(isBaseline: false)?.id ?? 0,
                        keep: max(copying.copies, 1))
                }
                print(place.map { "copied and checked: \($0)" } ?? "not copied: \(path) knows nothing yet")
            }
        }
    }

    struct Restore: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Replace a ledger with a copy; the old ledger is kept under another name.",
            discussion:
                """
                The next run reads from the target the changes that runs wrote after the copy was made. If the \
                target cannot be listed, the ledger does not know these changes: look at “plan” first.
                """
        )

        @OptionGroup(title: "State, output and log") var common: CommonOptions
        @OptionGroup(title: "State of another host") var host: HostOptions
        @Option(help: ArgumentHelp("The copy; left out, the newest good one of the state folder.", valueName: "file"))
        var from: String?
        @Argument(help: ArgumentHelp("Job file.", valueName: "job"), completion: .file(extensions: ["yaml", "yml"]))
        var job: String

        func run() async throws {
            try await LedgerCommand.locked(common, host, job) { job, path in
                // The newest good one that knows something.
                let good = try Ledger.copies(of: path, now: Timestamp.text(Time.system.wall())).filter {
                    try Ledger.findings(inCopy: $0).isEmpty
                }
                guard
                    let copy = from ?? good.first(where: {
                        Ledger.contents(ofCopy: $0).map { $0.users + $0.groups > 0 } ?? false
                    }) ?? good.first
                else {
                    throw LedgerError.io(
                        """
                        there is no good copy of \(path) in \(Ledger.copyFolder(of: path)); name one with --from, \
                        or \(Ledger.command("ledger rebuild", job.file, at: path))
                        """
                    )
                }
                let known = Ledger.contents(ofCopy: copy)
                try Self.refuse(copy, known, of: job, for: path)
                let aside = try Ledger.restore(path, from: copy, now: Timestamp.text(Time.system.wall()))
                print("restored \(path) from \(copy)\(aside.map { "; the old one is \($0)" } ?? "")")
                if let known {
                    print(
                        """
                          it knows \(known.users) users and \(known.groups) groups\
                        \(known.run.map { ", and \($0)" } ?? "")
                        """
                    )
                }
                print(
                    """
                      accounts that runs since then made or associated count as associated: they are never \
                    deleted unless leavers.associated says delete
                    """
                )
            }
        }

        /// Another job's ledger would be refused by the next run, or worse, be believed: many tenants may share one
        /// address.
        private static func refuse(_ copy: String, _ known: Ledger.Contents?, of job: Job, for path: String) throws {
            if let owner = known?.job, owner != job.name {
                throw LedgerError.io(
                    """
                    \(copy) is of the job \(owner); name a copy of \(job.name), or, if the job was renamed, \
                    restore it under its old name and rename the ledger then
                    """
                )
            }
            if let target = known?.bindings["target"], let meant = URLParts(job.target.baseURL)?.description,
                target != meant
            {
                throw LedgerError.io(
                    """
                    \(copy) belongs to the target \(target), and the job \(job.name) writes to \(meant); name \
                    a copy of this job
                    """
                )
            }
            let bound =
                FileManager.default.fileExists(atPath: path)
                ? Ledger.contents(ofCopy: path)?.bindings["source"] : nil
            if let bound, let source = known?.bindings["source"], source != bound {
                throw LedgerError.io(
                    """
                    \(copy) belongs to the source \(source), and \(path) to \(bound); name a copy of this \
                    job, or remove \(path) if the job's source has changed
                    """
                )
            }
        }
    }
}
