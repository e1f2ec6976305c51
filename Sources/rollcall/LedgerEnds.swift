import ArgumentParser
import Foundation
import HTTP
import Jobs
import Planning
import Ledger
import Reconciliation
import SCIM

/// The end of a ledger, and a new one in the place of one that is lost.
extension LedgerCommand {
    struct Forget: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Remove a job's ledger and its copies, after showing their content.",
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
                try judge(job, path, copies)
                guard yes == job.name else {
                    if let yes { writeLine("--yes \(yes): the job's name is \(job.name)") }
                    print(
                        """
                          nothing is removed yet: \
                        “\(Ledger.command("ledger forget", job.file, at: path, "--yes \(job.name)"))” removes it and \
                        its copies; the accounts on the target stay as they are
                        """
                    )
                    if yes != nil { throw leaving(.usage) }
                    return
                }
                try remove(job, path, copies)
            }
        }

        /// Shows what would be lost, and refuses while somebody would keep access by it.
        private func judge(_ job: Job, _ path: String, _ copies: [String]) throws {
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
            // Where the ledger was lost and made anew, its copies alone know who is to lose access.
            if !acceptAccess, try ledger.linkCount(kind: .user) + ledger.linkCount(kind: .group) == 0,
                let (copy, known) = Ledger.bestCopy(of: path, now: Timestamp.text(Time.system.wall())),
                known.users + known.groups > 0
            {
                writeLine(
                    """
                    nothing is removed: this ledger knows nothing, and its copy \(copy) knows \
                    \(counted(known.users, "user")) and \(counted(known.groups, "group")). “\
                    \(Ledger.command("ledger restore", job.file, at: path))” puts it back; \
                    --accept-access removes all the same
                    """
                )
                throw leaving(.recordsFailed)
            }
            let open = try ledger.unsettled().count
            guard open == 0 else {
                writeLine(
                    """
                    nothing is removed: \(counted(open, "operation")) of an interrupted run to be \
                    settled; “\(Ledger.command("run", job.file, at: path))” settles them
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
                    and nobody else would end them: “\(Ledger.command("run", job.file, at: path))” \
                    does, or tells what keeps it; if they are to stay, add \
                    --accept-access
                    """
                )
                throw leaving(.recordsFailed)
            }
        }

        private func remove(_ job: Job, _ path: String, _ copies: [String]) throws {
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

    struct Rebuild: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a new ledger from the source and the target; the old ledger is kept under another name.",
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
            Hardening.begin()
            try await LedgerCommand.locked(common, host, job) { job, path in
                let fresh = path + ".rebuilding"
                for end in ["", "-wal", "-shm"] { try? FileManager.default.removeItem(atPath: fresh + end) }
                let copy =
                    FileManager.default.fileExists(atPath: path) && (try? Ledger(path: path).isBlank()) == false
                    ? nil : Ledger.bestCopy(of: path, now: Timestamp.text(Time.system.wall()))
                let made = try await make(job, fresh, like: path)
                let aside = try Ledger.replace(path, with: fresh, now: Timestamp.text(Time.system.wall()))
                print(
                    """
                    rebuilt \(path): \(made.linked) accounts and groups linked\
                    \(aside.map { "; the old one is \($0)" } ?? "")
                    """
                )
                if made.forgotten > 0, let aside {
                    let back = Ledger.command("ledger restore", job.file, at: path, "--from \(shellWord(aside))")
                    print(
                        """
                          \(made.forgotten) links of the old ledger are not in it, such as those of leavers: their \
                        accounts stay as they are from now on; “\(back)” goes back
                        """
                    )
                }
                if let (copy, known) = copy {
                    print(
                        """
                          there is a copy that knows more, \(copy), with \(known.users) users and \(known.groups) \
                        groups: “\(Ledger.command("ledger restore", job.file, at: path, "--from \(shellWord(copy))"))” \
                        puts it back
                        """
                    )
                }
                if made.known == made.linked { return }
                print(
                    """
                      \(made.linked - (made.known ?? 0)) of them count as associated, since the old ledger does not \
                    tell that they were created: they are never deleted unless leavers.associated says delete
                    """
                )
            }
        }

        /// Makes the new ledger from both sides: how many are linked in it, of how many the old one tells whose work
        /// they are, and how many of the old one's links it lacks.
        private func make(_ job: Job, _ fresh: String, like path: String) async throws -> (
            linked: Int, known: Int?, forgotten: Int
        ) {
            let ledger = try Ledger(path: fresh)
            let isThere = FileManager.default.fileExists(atPath: path)
            if isThere, let old = try? Ledger(reading: path) { try ledger.bind(like: old) }
            let linked: Int
            do {
                linked = try await Rebuilding.rebuild(job, ledger, surroundings: common.surroundings())
            } catch let failure as JobFailure {
                writeLine("\(failure)")
                throw leaving(failure.exit)
            }
            var known: Int?
            var forgotten = 0
            if isThere, let old = try? Ledger(path: path), (try? old.isBoundLike(ledger)) == true {
                known = try? ledger.adopt(old)
                forgotten = (try? old.linkCount(kind: .user) + old.linkCount(kind: .group) - (known ?? 0)) ?? 0
            }
            let findings = try ledger.verify()
            guard findings.isEmpty else {
                throw LedgerError.io("the new ledger is not good: \(findings.joined(separator: "; "))")
            }
            return (linked, known, forgotten)
        }
    }
}
