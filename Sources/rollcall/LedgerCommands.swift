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
    private static func locked<Value>(
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
            writeLine("\(error)")
            throw leaving(.ledger)
        }
    }

    /// Does it for each, the others also where one fails; the gravest exit code is the whole's.
    private static func each(_ files: [String], _ body: (String) async throws -> Void) async throws {
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

    private static func existing(_ path: String) throws -> Ledger {
        guard FileManager.default.fileExists(atPath: path) else {
            throw LedgerError.io("there is no ledger \(path); correct --state, or run the job first")
        }
        return try Ledger(path: path)
    }

    struct Verify: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Read every page of a ledger, and check that it agrees with itself.")

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
                            the ledger \(path) is damaged: \(findings.joined(separator: "; ")); rollcall ledger \
                            restore \(job.file)\(Ledger.stateOption(of: path))
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
                "Show which linked accounts and groups this job did not make, and set right what it made after all.",
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
            abstract: "Put a copy in the place of a ledger; the old one is set aside.",
            discussion:
                """
                What runs wrote since the copy is read from the target by the next run. Where the target cannot \
                be listed, it is not known any more: look at “plan” first.
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
                        or rollcall ledger rebuild \(job.file)
                        """
                    )
                }
                let known = Ledger.contents(ofCopy: copy)
                // Another job's ledger would be refused by the next run, or worse, be believed: many tenants may share
                // one address.
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
    }

    struct Forget: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Remove a job's ledger and its copies, after showing what they know.",
            discussion:
                """
                The accounts on the target stay as they are, and nobody looks after them any more. It is refused \
                while an interrupted run is not settled, and while accounts or memberships stand that are to end.
                """
        )

        @OptionGroup(title: "State, output and log") var common: CommonOptions
        @OptionGroup(title: "State of another host") var host: HostOptions
        @Flag(help: "Remove it although accounts or memberships stand that are to end: nobody ends them any more.")
        var acceptAccess = false
        @Option(help: ArgumentHelp("The job's name once more: without it nothing is removed.", valueName: "name"))
        var yes: String?
        @Argument(help: ArgumentHelp("Job file.", valueName: "job"), completion: .file(extensions: ["yaml", "yml"]))
        var job: String

        func run() async throws {
            try await LedgerCommand.locked(common, host, job) { job, path in
                let copies = Ledger.copies(of: path, now: Timestamp.text(Time.system.wall()))
                do {
                    let ledger = try LedgerCommand.existing(path)
                    print(
                        """
                        \(job.name): \(counted(try ledger.linkCount(kind: .user), "user")) and \
                        \(counted(try ledger.linkCount(kind: .group), "group")) linked, \
                        \(copies.count == 1 ? "1 copy" : "\(copies.count) copies"); \(path)
                        """
                    )
                    if let last = try ledger.lastRun(isBaseline: false) {
                        print(printable("  last run: \(last.id) of \(last.started): \(last.summary ?? "")"))
                    }
                    let open = try ledger.unsettled().count
                    guard open == 0 else {
                        writeLine(
                            """
                            nothing is removed: \(counted(open, "operation")) of an interrupted run to be \
                            settled; rollcall run \(shellWord(job.file))\(common.stateWords) settles them
                            """
                        )
                        throw leaving(.recordsFailed)
                    }
                    let (accounts, memberships) = try ledger.accessToEnd()
                    guard acceptAccess || accounts.isEmpty && memberships == 0 else {
                        let names = accounts.prefix(5).joined(separator: ", ") + (accounts.count > 5 ? ", …" : "")
                        let what = [
                            accounts.isEmpty ? nil : "\(counted(accounts.count, "account")) (\(names))",
                            memberships == 0 ? nil : counted(memberships, "membership"),
                        ].compactMap { $0 }.joined(separator: " and ")
                        writeLine(
                            """
                            nothing is removed: as far as this ledger knows, \(what) should be ended and stand, \
                            and nobody else would end them: rollcall run \(shellWord(job.file))\
                            \(common.stateWords) does, or tells what keeps it; if they are to stay, add \
                            --accept-access
                            """
                        )
                        throw leaving(.recordsFailed)
                    }
                }
                guard yes == job.name else {
                    if let yes { writeLine("--yes \(yes): the job's name is \(job.name)") }
                    print(
                        """
                          nothing is removed yet: rollcall ledger forget \(shellWord(job.file))\
                        \(common.stateWords) --yes \(job.name) removes it and its copies; the accounts on the \
                        target stay as they are
                        """
                    )
                    if yes != nil { throw leaving(.usage) }
                    return
                }
                try TargetRegistry(folder: common.state).release(job.name)
                for file in ["", "-wal", "-shm", ".scratch"].map({ path + $0 }) + copies
                where FileManager.default.fileExists(atPath: file) {
                    guard unlink(file) == 0 else {
                        throw LedgerError.io("cannot remove \(file): \(String(cString: strerror(errno)))")
                    }
                }
                print("  removed, with \(copies.count == 1 ? "1 copy" : "\(copies.count) copies")")
                let aside = ((try? FileManager.default.contentsOfDirectory(atPath: common.state)) ?? []).filter {
                    $0.hasPrefix("\(job.name).sqlite.before-")
                }.sorted()
                if !aside.isEmpty {
                    print("  what was set aside before is still there: \(aside.joined(separator: ", "))")
                }
            }
        }
    }

    struct Rebuild: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a new ledger from what both sides show; the old one is set aside.",
            discussion:
                """
                Accounts that carry the externalId of a source record are linked; nothing is written to the \
                target. Leavers cannot be recognised any more.
                """
        )

        @OptionGroup(title: "State, output and log") var common: CommonOptions
        @OptionGroup(title: "State of another host") var host: HostOptions
        @Argument(help: ArgumentHelp("Job file.", valueName: "job"), completion: .file(extensions: ["yaml", "yml"]))
        var job: String

        func run() async throws {
            Signals.listen()
            try await LedgerCommand.locked(common, host, job) { job, path in
                let fresh = path + ".rebuilding"
                for end in ["", "-wal", "-shm"] { try? FileManager.default.removeItem(atPath: fresh + end) }
                let linked: Int
                var known: Int?
                var forgotten = 0
                let copy =
                    FileManager.default.fileExists(atPath: path) && (try? Ledger(path: path).isBlank()) == false
                    ? nil : Ledger.bestCopy(of: path, now: Timestamp.text(Time.system.wall()))
                do {
                    let ledger = try Ledger(path: fresh)
                    do {
                        linked = try await Rebuilding.rebuild(job, ledger, surroundings: common.surroundings())
                    } catch let failure as JobFailure {
                        writeLine("\(failure)")
                        throw leaving(failure.exit)
                    }
                    if FileManager.default.fileExists(atPath: path), let old = try? Ledger(path: path),
                        (try? old.isBoundLike(ledger)) == true
                    {
                        known = try? ledger.adopt(old)
                        forgotten = (try? old.linkCount(kind: .user) + old.linkCount(kind: .group) - (known ?? 0)) ?? 0
                    }
                    let findings = try ledger.verify()
                    guard findings.isEmpty else {
                        throw LedgerError.io("the new ledger is not good: \(findings.joined(separator: "; "))")
                    }
                }
                let aside = try Ledger.replace(path, with: fresh, now: Timestamp.text(Time.system.wall()))
                print(
                    """
                    rebuilt \(path): \(linked) accounts and groups linked\
                    \(aside.map { "; the old one is \($0)" } ?? "")
                    """
                )
                if forgotten > 0, let aside {
                    print(
                        """
                          \(forgotten) links of the old ledger are not in it, such as those of leavers: their \
                        accounts stay as they are from now on; “rollcall ledger restore --from \(aside)” goes back
                        """
                    )
                }
                if let (copy, known) = copy {
                    print(
                        """
                          there is a copy that knows more, \(copy), with \(known.users) users and \(known.groups) \
                        groups: “rollcall ledger restore” puts it back
                        """
                    )
                }
                if let known, known == linked { return }
                print(
                    """
                      \(linked - (known ?? 0)) of them count as associated, since the old ledger does not tell \
                    that they were created: they are never deleted unless leavers.associated says delete
                    """
                )
            }
        }
    }
}
