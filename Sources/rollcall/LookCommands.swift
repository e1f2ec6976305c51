import ArgumentParser
import Foundation
import HTTP
import Jobs
import Planning
import Ledger
import Reconciliation
import Reporting
import SCIM

struct CheckCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Check job files, credentials and both sides; write nothing.",
        discussion: """
            The report shows the verdict first. The answers of both sides follow. The job comes last, with every \
            default filled in. Each secret is shown as its reference.

            rollcall check nightly.yaml
            rollcall check --offline jobs/*.yaml      in a repository's CI: the files alone, without secrets
            """)

    @OptionGroup(title: "State, output and log") var common: CommonOptions
    @Flag(help: "Look at the job files alone: no network, no secret.")
    var offline = false
    @Argument(
        help: ArgumentHelp("Job files, or folders of them.", valueName: "job"),
        completion: .file(extensions: ["yaml", "yml"])) var jobs: [String]

    func run() async throws {
        Hardening.begin()
        let jobs = try common.jobs(jobs)
        var code = Reconciliation.ExitCode.inStep
        var owners = TargetOwners(folder: common.state)
        for job in jobs {
            var lines: [String] = []
            do {
                if let failure = owners.claim(job) { throw failure }
                if !offline {
                    // Nothing of a check is kept: its ledger is in memory.
                    let surroundings = common.surroundings()
                    let ledger = try Ledger()
                    let path = "\(common.state)/\(job.name).sqlite"
                    // No credential goes to an address that is another than the job's ledger knows.
                    var older: String?
                    if FileManager.default.fileExists(atPath: path) {
                        do { try ledger.bind(like: Ledger(reading: path)) } catch let error as LedgerError {
                            guard case .older = error, let known = Ledger.contents(ofCopy: path) else { throw error }
                            for (key, value) in known.bindings { try ledger.bind(key, value) }
                            older = error.told(job: job.file)
                        }
                    }
                    let run = try JobRun(
                        job: job, ledger: ledger, command: "check", label: nil, permissions: Permissions(),
                        surroundings: surroundings,
                        pool: SourcePool([job], surroundings: surroundings))
                    lines = await run.check() + [older.map { "ledger: \($0)" }].compactMap { $0 }
                    if let failure = run.failure { throw failure }
                }
                print("\(job.name): good\(offline ? ", as far as the file tells" : "").")
            } catch let failure as JobFailure {
                writeLine("\(job.name): \(failure)")
                if !offline {
                    for missing in job.missingSecrets(environment: ProcessInfo.processInfo.environment)
                    where !failure.description.contains(missing) { writeLine("\(job.name): \(missing)") }
                }
                code = max(code, failure.exit)
            } catch LedgerError.boundElsewhere(_, let key, let known, let now) {
                let path = "\(common.state)/\(job.name).sqlite"
                writeLine("\(job.name): \(LedgerError.boundElsewhere(path, key: key, known: known, now: now))")
                code = max(code, .ledger)
            } catch let failure as LedgerError {
                writeLine("\(job.name): \(failure)")
                code = max(code, .ledger)
            }
            for line in lines { print(printable("  \(line)")) }
            for concern in FileTrust.concerns(job, state: common.state) {
                writeLine("warning: \(job.name): \(concern)")
            }
            for line in JobDescription.lines(job) { print(printable(line)) }
        }
        if code != .inStep { throw leaving(code) }
    }
}

struct StatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Show what is known of each job: last run, links, open operations.",
        discussion: """
            rollcall status                                    every job of the state folder
            rollcall status --max-age 26h nightly.yaml         exit 3 when no run was applied in the last 26 hours
            """)

    @OptionGroup(title: "State, output and log") var common: CommonOptions
    @Option(
        help: ArgumentHelp(
            "Exit with 3 when the last applied run of a job is older than this, in hours (26h) or days (2d).",
            valueName: "age"))
    var maxAge: String?
    @Argument(
        help: ArgumentHelp(
            "Job files, or folders of them; left out, every ledger of the state folder.", valueName: "job"),
        completion: .file(extensions: ["yaml", "yml"])) var jobs: [String] =
            []

    func validate() throws { _ = try maxAge.map { try seconds($0, "--max-age") } }

    func run() async throws {
        let oldest = try maxAge.map { Time.system.wall() - (try seconds($0, "--max-age")) }
        var overdue: [String] = []
        let given = try common.jobs(jobs, sharesState: false)
        var names = given.map(\.name)
        for folder in Set(given.map { common.state(of: $0) } + (given.isEmpty ? [common.state] : [])).sorted() {
            try common.checkFolder(folder, writes: false)
        }
        if jobs.isEmpty {
            let files = (try? FileManager.default.contentsOfDirectory(atPath: common.state)) ?? []
            names = files.filter { $0.hasSuffix(".sqlite") }.map { String($0.dropLast(7)) }.sorted {
                $0.utf8.lexicographicallyPrecedes($1.utf8)
            }
        }
        if names.isEmpty { print("No ledger in \(common.state).") }
        var isWhole = true
        for name in names {
            let job = given.first { $0.name == name }
            let path = "\(common.state(of: job))/\(name).sqlite"
            let screen = common.screen(onError: false, of: job)
            guard FileManager.default.fileExists(atPath: path) else {
                print(neverRun(name, job, path))
                if oldest != nil { overdue.append("\(name): never applied") }
                continue
            }
            do {
                let (ledger, isGoing) = try open(name, path)
                for line in try StatusReport.lines(name, ledger, isGoing: isGoing, screen) {
                    for part in screen.told(printable(line), indent: 4) { print(part) }
                }
                let last = try ledger.lastApplied()
                if let oldest, last.flatMap({ Timestamp.seconds($0) }) ?? 0 < oldest {
                    overdue.append(
                        last.map { "\(name): last applied \($0), longer ago than \(maxAge ?? "")" }
                            ?? "\(name): never applied")
                }
            } catch let error as LedgerError {
                writeLine("\(name): \(error.told(job: job?.file ?? "JOB"))")
                isWhole = false
            }
        }
        for line in overdue { writeLine("overdue: \(line); look at what schedules it") }
        if !isWhole { throw leaving(.ledger) }
        if !overdue.isEmpty { throw leaving(.recordsFailed) }
    }

    private func neverRun(_ name: String, _ job: Job?, _ path: String) -> String {
        guard let (copy, known) = Ledger.bestCopy(of: path, now: Timestamp.text(Time.system.wall())) else {
            return "\(name): never run (no \(path))"
        }
        return """
            \(name): no \(path), and a copy of it: \(copy), with \(known.users) users and \
            \(known.groups) groups; to put it back: \
            \(Ledger.command("ledger restore", job?.file ?? "JOB", at: path))
            """
    }

    /// Opens a ledger; where a run has it, to be read only, and says how far that is.
    private func open(_ name: String, _ path: String) throws -> (ledger: Ledger, isGoing: Bool) {
        do {
            // Asked, and let go at once: a status must not stand in a run's way.
            _ = try JobLock(
                path: path.replacingOccurrences(of: ".sqlite", with: ".lock"),
                holder: "“rollcall status”, process \(ProcessInfo.processInfo.processIdentifier)")
            return (try Ledger(path: path), false)
        } catch let held as JobLock.Held {
            print("\(name): \(held)")
            let ledger = try Ledger(reading: path)
            if let progress = try ledger.progress(), progress.all > 0 {
                print(
                    """
                    \(name): plan \(progress.plan) is being applied: \(progress.settled) of \
                    \(progress.all) operations settled (\(progress.settled * 100 / progress.all) %)
                    """
                )
            }
            return (ledger, true)
        }
    }
}

struct ShowCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Show a plan or a run again, from the ledger: no network, nothing is written.",
        discussion:
            """
            Without a number, the newest plan. What a run did is kept for good. A saved plan is kept while it is \
            among the newest ten, and, if “apply” applied it, among the newest thirty of these.
            """
    )

    @OptionGroup(title: "State, output and log") var common: CommonOptions
    @Option(help: ArgumentHelp("The plan's number.", valueName: "number"))
    var plan: Int64?
    @Option(help: ArgumentHelp("The run's number.", valueName: "number"))
    var run: Int64?
    @Option(help: ArgumentHelp("Write it as CSV, the same bytes as then; “-” is stdout.", valueName: "file"))
    var csv: String?
    @Argument(help: ArgumentHelp("Job file.", valueName: "job"), completion: .file(extensions: ["yaml", "yml"]))
    var job: String

    func validate() throws {
        if plan != nil, run != nil {
            throw ValidationError("--plan and --run: say one of them; a run has one plan, and shows it")
        }
    }

    func run() async throws {
        guard let job = try common.jobs([job]).first else { throw leaving(.jobFile) }
        try common.checkFolder(writes: false)
        let path = "\(common.state)/\(job.name).sqlite"
        do {
            let ledger = try Ledger(reading: path)
            guard let info = try run.map({ try ledger.plan(ofRun: $0) }) ?? ledger.plan(plan) else {
                let what =
                    run.map { "run \($0) has no plan that is kept" } ?? plan.map { "there is no plan \($0)" }
                    ?? "there is no plan"
                writeLine(
                    """
                    \(job.name): \(what); “\(Ledger.command("status", job.file, at: path))” lists the \
                    last runs
                    """
                )
                throw leaving(.usage)
            }
            if let csv {
                let output = try OutputFile(csv, what: "CSV", jobs: [job], state: common.state)
                output.write((csv == "-" ? "" : CSVReport.byteOrderMark) + CSVReport.header)
                try CSVReport(job: job.name, platform: job.target.platform, write: output.write).rows(
                    of: info, in: ledger)
                output.finish()
                if let failure = output.failure {
                    writeLine("\(failure)")
                    throw leaving(.ledger)
                }
            }
            guard csv != "-" else { return }
            let screen = common.screen(onError: false, of: job)
            for line in screen.lines(try JobReport.stored(job.name, info, in: ledger, detail: common.detail)) {
                print(line)
            }
        } catch let error as LedgerError {
            writeLine(error.told(job: job.file))
            throw leaving(.ledger)
        }
    }
}

struct InitCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "init", abstract: "Print a commented job file for a platform.")

    @Argument(help: "The platform's name, as “rollcall platforms” shows it.") var platform: String

    func run() throws {
        guard let text = JobTemplate.text(platform) else {
            writeLine(JobTemplate.complaint(platform) ?? "")
            throw leaving(.jobFile)
        }
        print(text, terminator: "")
    }
}

struct PlatformsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "platforms", abstract: "Show what each platform can do.")

    @Flag(help: "Also list the assumptions that no document confirms.")
    var assumptions = false

    func run() { for line in PlatformTable.lines(assumptions: assumptions) { print(line) } }
}
