import ArgumentParser
import Foundation
import HTTP
import Jobs
import Ledger
import Reconciliation
import Reporting

struct PlanCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plan", abstract: "Show what a run would do; write nothing to the target.",
        discussion: """
            rollcall plan nightly.yaml                    what a run would do, who loses access first
            rollcall plan --csv plan.csv nightly.yaml     the same for a spreadsheet
            """)

    @OptionGroup(title: "State, output and log") var common: CommonOptions
    @OptionGroup(title: "State of another host") var host: HostOptions
    @OptionGroup(title: "What you let pass") var permissions: PermissionOptions
    @Option(help: ArgumentHelp("Write the plan as CSV; “-” is stdout.", valueName: "file"))
    var csv: String?
    @Flag(help: "In the CSV, list also what is left alone: records without an operation, and accounts of the target that are not ours.")
    var csvAll = false
    @OptionGroup var selection: SelectionOptions
    @OptionGroup(title: "Watching") var telling: TellingOptions
    @Argument(help: ArgumentHelp("Job files, or folders of them.", valueName: "job"), completion: .file(extensions: ["yaml", "yml"])) var jobs: [String]

    func run() async throws {
        try await execute(.plan, jobs, common, host, permissions, csv: csv, csvAll: csvAll, only: selection.only, telling: telling)
    }
}

struct RunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run", abstract: "Plan, judge, apply and verify.",
        discussion: """
            rollcall run nightly.yaml                                  every night
            rollcall run --allow users.disable=25 nightly.yaml         once, when a plan has shown that it is meant
            """)

    @OptionGroup(title: "State, output and log") var common: CommonOptions
    @OptionGroup(title: "State of another host") var host: HostOptions
    @OptionGroup(title: "Copies") var copying: CopyOptions
    @OptionGroup(title: "What you let pass") var permissions: PermissionOptions
    @Option(help: ArgumentHelp("Write what was done as CSV; “-” is stdout.", valueName: "file"))
    var csv: String?
    @Flag(help: "In the CSV, list also what is left alone: records without an operation, and accounts of the target that are not ours.")
    var csvAll = false
    @Option(help: "A word that is kept with the run, such as the reason for a catch-up.")
    var label: String?
    @OptionGroup var selection: SelectionOptions
    @OptionGroup(title: "Watching") var telling: TellingOptions
    @Argument(help: ArgumentHelp("Job files, or folders of them.", valueName: "job"), completion: .file(extensions: ["yaml", "yml"])) var jobs: [String]

    func run() async throws {
        try await execute(.run, label: label, jobs, common, host, permissions, copies: copying.copies, csv: csv, csvAll: csvAll, only: selection.only, telling: telling)
    }
}

struct ApplyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "apply", abstract: "Apply exactly a saved plan, or refuse because the world moved on.",
        discussion: """
            rollcall apply nightly.yaml                                          the newest plan
            rollcall apply nightly.yaml --plan 13 --digest d:7f3a90c1d2e4f506    the one that was looked at, and no other
            """)

    @OptionGroup(title: "State, output and log") var common: CommonOptions
    @OptionGroup(title: "State of another host") var host: HostOptions
    @OptionGroup(title: "Copies") var copying: CopyOptions
    @OptionGroup(title: "What you let pass") var permissions: PermissionOptions
    @Option(help: ArgumentHelp("How old the plan may be, in hours (24h) or days (2d).", valueName: "age"))
    var maxAge = "24h"
    @Option(help: ArgumentHelp("The plan's number, as “plan” printed it; left out, the newest.", valueName: "id"))
    var plan: Int64?
    @Option(help: ArgumentHelp("What the plan's digest must be, as “plan” and the CSV show it.", valueName: "d:…"))
    var digest: String?
    @Option(help: ArgumentHelp("Write what was done as CSV; “-” is stdout.", valueName: "file"))
    var csv: String?
    @OptionGroup(title: "Watching") var telling: TellingOptions
    @Argument(help: ArgumentHelp("Job file.", valueName: "job"), completion: .file(extensions: ["yaml", "yml"])) var job: String

    func run() async throws {
        try await execute(.apply(plan, digest: digest), [job], common, host, permissions, maxAge: try age(), copies: copying.copies, csv: csv, telling: telling)
    }

    func validate() throws {
        _ = try age()
        guard let digest else { return }
        guard digest.hasPrefix("d:"), digest.count >= 10, digest.dropFirst(2).allSatisfy({ $0.isHexDigit }) else {
            throw ValidationError("--digest \(digest): write it as “plan” shows it, such as d:7f3a90c1d2e4f506")
        }
    }

    private func age() throws -> Double { try seconds(maxAge, "--max-age") }
}

struct UndoCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "undo", abstract: "Take back what a run did.",
        discussion: """
            Changed attributes, memberships and disabled accounts go back to what they were before the run; what it created is deleted, and
            what it deleted is created again, under a new id. The same limits hold as for a run. An undo is refused when later runs touched the
            same objects. What it restored stays so until its source record changes, or until “run --release” frees all of it.
            """)

    @OptionGroup(title: "State, output and log") var common: CommonOptions
    @OptionGroup(title: "State of another host") var host: HostOptions
    @OptionGroup(title: "Copies") var copying: CopyOptions
    @OptionGroup(title: "What you let pass") var permissions: PermissionOptions
    @Flag(help: "Show what would be done; write nothing.")
    var dryRun = false
    @Option(help: ArgumentHelp("Write what was done as CSV; “-” is stdout.", valueName: "file"))
    var csv: String?
    @Argument(help: ArgumentHelp("Job file.", valueName: "job"), completion: .file(extensions: ["yaml", "yml"])) var job: String
    @Argument(help: ArgumentHelp("The run's number, as its summary and the CSV tell it.", valueName: "run")) var number: Int64

    func run() async throws {
        try await execute(.undo(run: number, writes: !dryRun), [job], common, host, permissions, copies: copying.copies, csv: csv)
    }
}

/// A number of hours or days, in seconds.
private func seconds(_ text: String, _ option: String) throws -> Double {
    guard let number = Double(text.dropLast()), number > 0, number < 100_000, let unit = ["h": 3600.0, "d": 86400.0][String(text.suffix(1))] else {
        throw ValidationError("\(option) \(text): write a number of hours or days, such as 24h or 2d")
    }
    return number * unit
}

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
            "A URL that is asked at the start (/start behind it) and at the end (/ and the exit code), for a service that misses a run which does not come: a reference, ${NAME}, file:PATH or credential:NAME.",
            valueName: "reference"))
    var ping: String?

    func validate() throws {
        if let ping, SecretReference(ping, folder: ".") == nil { throw ValidationError("--ping takes a reference to the URL, which is a secret: ${NAME}, file:PATH or credential:NAME") }
    }
}

/// What an operator allows for one invocation.
struct PermissionOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Raise a limit to a number for this invocation, such as users.delete=25. May be repeated.", valueName: "limit=n"))
    var allow: [String] = []
    @Flag(help: "Go on although many linked objects are not on the target any more.")
    var acceptTargetChange = false
    @Option(help: ArgumentHelp("Take an account back that carries another mark by now: its record's name or source id. May be repeated.", valueName: "name"))
    var acceptTakeback: [String] = []
    @Option(
        help: ArgumentHelp(
            "Let the account or group that is there become the record's of that name: user:NAME, group:NAME, or @FILE with one of them on each line, and the target's id behind it if it is to be that one. May be repeated.",
            valueName: "name"))
    var acceptAssociation: [String] = []
    @Option(help: ArgumentHelp("Try at once what the target has refused again and again: a record's name or source id, or all. May be repeated.", valueName: "name"))
    var retry: [String] = []
    @Flag(help: "Let the leavers go that a changed scope causes.")
    var acceptScopeChange = false
    @Flag(help: "Go on although the source has no group or no membership any more, where it had some.")
    var acceptSourceChange = false
    @Flag(help: "Take an empty ledger as meant, where the target cannot be listed or copies of an older ledger are kept.")
    var firstRun = false
    @Flag(help: "Let the source decide again about everything that undos have restored.")
    var release = false
    @Flag(help: "Do not count conflicts and holds that the last run reported as failures.")
    var knownConflictsOk = false

    /// The same options, as they are typed.
    var words: String { words(without: []) }

    /// - Parameter given: `--allow LIMIT=NUMBER` that stands already; the same limits are left out.
    func words(without given: [String]) -> String {
        let limits = allow.filter { text in !given.contains { $0.hasPrefix("--allow \(text.prefix { $0 != "=" })=") } }
        return limits.map { " --allow \($0)" }.joined() + (acceptTargetChange && !given.contains("--accept-target-change") ? " --accept-target-change" : "")
            + (acceptScopeChange ? " --accept-scope-change" : "")
            + retry.map { " --retry \(shellWord($0))" }.joined() + acceptTakeback.map { " --accept-takeback \(shellWord($0))" }.joined()
            + acceptAssociation.map { " --accept-association \(shellWord($0))" }.joined()
            + (acceptSourceChange ? " --accept-source-change" : "") + (firstRun ? " --first-run" : "") + (release ? " --release" : "")
    }

    func validate() throws { _ = try parsed() }

    /// Reads `user:NAME` and `group:NAME`, one by one or from files.
    private static func associations(_ given: [String]) throws -> Set<String> {
        var accepted: Set<String> = []
        for text in given {
            var lines = [(place: text, text: text)]
            if text.hasPrefix("@") {
                let path = String(text.dropFirst())
                guard let data = FileManager.default.contents(atPath: path), let content = String(data: data, encoding: .utf8) else {
                    throw ValidationError("--accept-association \(text): the file \(path) cannot be read as UTF-8 text")
                }
                lines = content.replacingOccurrences(of: "\r\n", with: "\n").split(separator: "\n", omittingEmptySubsequences: false).enumerated().map {
                    ("\(path), line \($0.offset + 1)", $0.element.trimmingCharacters(in: .whitespacesAndNewlines))
                }
                lines.removeAll { $0.text.isEmpty || $0.text.hasPrefix("#") }
            }
            for line in lines {
                guard ["user:", "group:"].contains(where: { line.text.hasPrefix($0) && line.text.count > $0.count }) else {
                    throw ValidationError("--accept-association, \(line.place): write user:NAME or group:NAME, and the target's id behind a space if it is to be that one")
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
            guard halves.count == 2, let key = Job.LimitKey(rawValue: String(halves[0])), let number = Int(halves[1]), number >= 0 else {
                let names = Job.LimitKey.allCases.map(\.rawValue)
                let near = names.first { NodeReader.isNear($0, String(halves.first ?? "")) && $0 != halves.first ?? "" }.map { "did you mean \($0)? " } ?? ""
                throw ValidationError("--allow \(text): \(near)Write LIMIT=NUMBER, where LIMIT is one of \(names.joined(separator: ", "))")
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

private func execute(
    _ command: Invocation.Command, label: String? = nil, _ paths: [String], _ common: CommonOptions, _ host: HostOptions, _ permissions: PermissionOptions,
    maxAge: Double = 86400, copies: Int = 0, csv: String?, csvAll: Bool = false, only: [String] = [], telling: TellingOptions = TellingOptions.none
) async throws {
    let jobs = try common.jobs(paths, only: only)
    let word =
        switch command {
        case .plan: "plan"
        case .run: "run"
        case .apply: "apply"
        case .undo: "undo"
        }
    Signals.listen()
    Hardening.begin()
    let began = Time.system.timestamp()
    let entries = try common.open(jobs, command: word, writes: command.writes, host)
    let output = try csv.map { try OutputFile($0, what: "CSV", jobs: jobs, state: common.state) }
    output?.write((csv == "-" ? "" : CSVReport.byteOrderMark) + CSVReport.header)
    // Numbers that cannot be written keep nobody's access standing.
    let metrics = telling.metrics.flatMap { try? OutputFile($0, what: "metrics", jobs: jobs, state: common.state, mode: 0o644, otherwise: "no numbers are written") }
    let ping = telling.ping.map { Ping($0, environment: ProcessInfo.processInfo.environment) }
    await ping?.send("/start")
    let surroundings = common.surroundings()
    var allowed = try permissions.parsed()
    allowed.maxAge = maxAge
    let invocation = Invocation(command, permissions: allowed, label: label, surroundings: surroundings)
    var reports: [JobReport] = []
    var failure: LedgerError?
    do {
        reports = try await invocation.execute(entries.map { ($0.job, $0.ledger) }) { run in
            guard let output, let plan = try run.plan.flatMap({ try run.ledger.plan($0) }) else { return }
            let report = CSVReport(job: run.job.name, platform: run.job.target.platform, write: output.write)
            try report.rows(of: plan, in: run.ledger)
            if csvAll { try report.others(of: plan, in: run.ledger) }
        }
    } catch let error as LedgerError {
        // What was done is told and copied all the same.
        failure = error
    }
    withExtendedLifetime(entries) { output?.finish() }
    var copyFailures: [String] = []
    if command.writes {
        for entry in entries {
            do { _ = try entry.ledger.keepCopy(now: Time.system.timestamp(), run: try entry.ledger.lastRun(isBaseline: false)?.id ?? 0, keep: copies) } catch {
                copyFailures.append("\(entry.job.name): no copy of the ledger was made: \(error)")
            }
        }
    }
    if common.progress == .auto, isatty(2) == 1 { writeError("\r\u{1B}[K") }
    // With the CSV on stdout the summary must not stand in it.
    let say: (String) -> Void = { csv == "-" ? writeLine($0) : print(printable($0)) }
    let screen = common.screen(onError: csv == "-")
    for report in reports {
        // Of several jobs each line says whose it is.
        let name = reports.count == 1 ? "" : "\(report.job): "
        let lines = screen.lines(report)
        for line in lines { if csv == "-" { writeError(name + line + "\n") } else { print(name + line) } }
        if case .plan = command, let plan = report.plan, report.exit == .pending {
            let file = jobs.first { $0.name == report.job }?.file ?? "JOB"
            let until = report.planned.flatMap { Time.seconds($0) }.map { ", until \(Time.timestamp($0 + 86400))" } ?? ""
            say(
                "\(name)  Apply exactly this\(until): rollcall apply \(shellWord(file)) --plan \(plan)\(report.digest.map { " --digest \($0)" } ?? "")\(common.stateWords)\(permissions.words)")
        }
        if report.exit == .held, !report.lettingGo.isEmpty, let file = jobs.first(where: { $0.name == report.job })?.file {
            let doing = { if case .undo(let run, _) = command { "undo \(shellWord(file)) \(run)" } else { "\(command.writes ? word : "run") \(shellWord(file))" } }()
            // What was allowed already, and is not enough, is said anew.
            say("\(name)  If this is meant: rollcall \(doing) \(report.lettingGo.joined(separator: " "))\(common.stateWords)\(permissions.words(without: report.lettingGo))")
        }
        if let entry = entries.first(where: { $0.job.name == report.job && $0.isNew }) {
            // A first try that came to nothing leaves nothing: a ledger that knows nothing would look like a job that is not run.
            if report.plan == nil, (try? entry.ledger.isBlank()) == true { entry.remove() } else if !lines.isEmpty { say("\(name)  This ledger is new: \(entry.path)") }
        }
    }
    if reports.count > 1, !(common.quiet && reports.allSatisfy { $0.exit == .inStep }) { for line in JobTable.lines(reports) { say(line) } }
    var code = reports.map(\.exit).max() ?? .inStep
    if let failure {
        writeLine("\(failure)")
        code = max(code, .ledger)
    }
    for failure in copyFailures {
        writeLine("\(failure)")
        code = max(code, .ledger)
    }
    if let metrics {
        // A job without a report is told of as well: its numbers must not vanish when something is wrong.
        let silent = jobs.filter { job in !reports.contains { $0.job == job.name } }.map { JobReport.withoutPlan($0.name, code, [], began: began) }
        metrics.write(Metrics.text((reports + silent).map { report in (report, (try? entries.first { $0.job.name == report.job }?.ledger.lastSuccess()).flatMap { $0 }.flatMap { Time.seconds($0) }) }))
        metrics.finish()
    }
    if let failure = metrics?.failure { writeLine("\(failure)") }
    if let failure = output?.failure {
        writeLine("\(failure)")
        code = max(code, .ledger)
    }
    for report in reports {
        guard command.writes, let job = jobs.first(where: { $0.name == report.job }), !job.after.isEmpty else { continue }
        if let failure = await AfterRun.run(job, report, command: word, csv: csv) { writeLine("\(job.name): after: \(failure)") }
    }
    await ping?.send("/\(code.rawValue)")
    if code != .inStep { throw leaving(code) }
}

struct CheckCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Check job files, credentials and both sides; write nothing.",
        discussion: """
            The verdict comes first, then what both sides say, then the job as it will run: every default filled in, secrets as their references.

            rollcall check nightly.yaml
            rollcall check --offline jobs/*.yaml      in a repository's CI: the files alone, without secrets
            """)

    @OptionGroup(title: "State, output and log") var common: CommonOptions
    @Flag(help: "Look at the job files alone: no network, no secret.")
    var offline = false
    @Argument(help: ArgumentHelp("Job files, or folders of them.", valueName: "job"), completion: .file(extensions: ["yaml", "yml"])) var jobs: [String]

    func run() async throws {
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
                    let run = try JobRun(
                        job: job, ledger: try Ledger(), command: "check", label: nil, permissions: Permissions(), surroundings: surroundings,
                        pool: SourcePool([job], surroundings: surroundings))
                    lines = await run.check()
                    if let failure = run.failure { throw failure }
                }
                print("\(job.name): good\(offline ? ", as far as the file tells" : "").")
            } catch let failure as JobFailure {
                writeLine("\(job.name): \(failure)")
                if !offline {
                    for missing in job.missingSecrets(environment: ProcessInfo.processInfo.environment) where !failure.description.contains(missing) { writeLine("\(job.name): \(missing)") }
                }
                code = max(code, failure.exit)
            }
            for line in lines { print(printable("  \(line)")) }
            for concern in FileTrust.concerns(job, state: common.state) { writeLine("warning: \(job.name): \(concern)") }
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
            rollcall status --max-age 26h nightly.yaml         exit 3 when the job was not applied for so long
            """)

    @OptionGroup(title: "State, output and log") var common: CommonOptions
    @Option(help: ArgumentHelp("End with 3 where a job was last applied longer ago, in hours (26h) or days (2d).", valueName: "age"))
    var maxAge: String?
    @Argument(help: ArgumentHelp("Job files, or folders of them; left out, every ledger of the state folder.", valueName: "job"), completion: .file(extensions: ["yaml", "yml"])) var jobs: [String] =
        []

    func validate() throws { _ = try maxAge.map { try seconds($0, "--max-age") } }

    func run() async throws {
        let oldest = try maxAge.map { Time.system.wall() - (try seconds($0, "--max-age")) }
        var overdue: [String] = []
        var names = try common.jobs(jobs).map(\.name)
        try common.checkFolder(writes: false)
        if jobs.isEmpty {
            let files = (try? FileManager.default.contentsOfDirectory(atPath: common.state)) ?? []
            names = files.filter { $0.hasSuffix(".sqlite") }.map { String($0.dropLast(7)) }.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        }
        if names.isEmpty { print("No ledger in \(common.state).") }
        var isWhole = true
        for name in names {
            let path = "\(common.state)/\(name).sqlite"
            guard FileManager.default.fileExists(atPath: path) else {
                if let (copy, known) = Ledger.bestCopy(of: path, now: Time.system.timestamp()) {
                    print(
                        "\(name): no \(path), and a copy of it: \(copy), with \(known.users) users and \(known.groups) groups; rollcall ledger restore JOB\(Ledger.stateOption(of: path)) puts it back")
                } else {
                    print("\(name): never run (no \(path))")
                }
                if oldest != nil { overdue.append("\(name): never applied") }
                continue
            }
            do {
                let ledger: Ledger
                var isGoing = false
                do {
                    // Asked, and let go at once: a status must not stand in a run's way.
                    _ = try JobLock(path: "\(common.state)/\(name).lock", holder: "“rollcall status”, process \(ProcessInfo.processInfo.processIdentifier)")
                    ledger = try Ledger(path: path)
                } catch let held as JobLock.Held {
                    print("\(name): \(held)")
                    ledger = try Ledger(reading: path)
                    isGoing = true
                    if let progress = try ledger.progress(), progress.all > 0 {
                        print("\(name): plan \(progress.plan) is being applied: \(progress.settled) of \(progress.all) operations settled (\(progress.settled * 100 / progress.all) %)")
                    }
                }
                for line in try StatusReport.lines(name, ledger, isGoing: isGoing) { for part in common.screen(onError: false).wrapped(printable(line), indent: 4) { print(part) } }
                let last = try ledger.lastApplied()
                if let oldest, last.flatMap({ Time.seconds($0) }) ?? 0 < oldest {
                    overdue.append(last.map { "\(name): last applied \($0), longer ago than \(maxAge ?? "")" } ?? "\(name): never applied")
                }
            } catch let error as LedgerError {
                writeLine("\(name): \(error)")
                isWhole = false
            }
        }
        for line in overdue { writeLine("overdue: \(line); look at what schedules it") }
        if !isWhole { throw leaving(.ledger) }
        if !overdue.isEmpty { throw leaving(.recordsFailed) }
    }
}

struct ShowCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Show a plan or a run again, from the ledger: no network, nothing is written.",
        discussion: "Without a number, the newest plan. A plan that was not applied is kept while it is among the newest ten; one that was, with its run, for good.")

    @OptionGroup(title: "State, output and log") var common: CommonOptions
    @Option(help: ArgumentHelp("The plan's number.", valueName: "number"))
    var plan: Int64?
    @Option(help: ArgumentHelp("The run's number.", valueName: "number"))
    var run: Int64?
    @Option(help: ArgumentHelp("Write it as CSV, the same bytes as then; “-” is stdout.", valueName: "file"))
    var csv: String?
    @Argument(help: ArgumentHelp("Job file.", valueName: "job"), completion: .file(extensions: ["yaml", "yml"])) var job: String

    func validate() throws { if plan != nil, run != nil { throw ValidationError("--plan and --run: say one of them; a run has one plan, and shows it") } }

    func run() async throws {
        guard let job = try common.jobs([job]).first else { throw leaving(.jobFile) }
        try common.checkFolder(writes: false)
        let path = "\(common.state)/\(job.name).sqlite"
        do {
            let ledger = try Ledger(reading: path)
            guard let info = try run.map({ try ledger.plan(ofRun: $0) }) ?? ledger.plan(plan) else {
                let what = run.map { "run \($0) has no plan that is kept" } ?? plan.map { "there is no plan \($0)" } ?? "there is no plan"
                writeLine("\(job.name): \(what); rollcall status \(shellWord(job.file))\(common.stateWords) lists the last runs")
                throw leaving(.usage)
            }
            if let csv {
                let output = try OutputFile(csv, what: "CSV", jobs: [job], state: common.state)
                output.write((csv == "-" ? "" : CSVReport.byteOrderMark) + CSVReport.header)
                try CSVReport(job: job.name, platform: job.target.platform, write: output.write).rows(of: info, in: ledger)
                output.finish()
                if let failure = output.failure {
                    writeLine("\(failure)")
                    throw leaving(.ledger)
                }
            }
            guard csv != "-" else { return }
            for line in common.screen(onError: false).lines(try JobReport.stored(job.name, info, in: ledger, detail: common.detail)) { print(line) }
        } catch let error as LedgerError {
            writeLine("\(error)")
            throw leaving(.ledger)
        }
    }
}

struct InitCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "init", abstract: "Print a commented job file for a platform.")

    @Argument(help: "The platform's name, as “rollcall platforms” shows it.") var platform: String

    func run() throws {
        guard let text = JobTemplate.text(platform) else {
            writeError("\(JobTemplate.complaint(platform) ?? "")\n")
            throw leaving(.jobFile)
        }
        print(text, terminator: "")
    }
}

struct PlatformsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "platforms", abstract: "Show what each platform can do.")

    @Flag(help: "Also list what is taken for granted where no document says.")
    var assumptions = false

    func run() { for line in PlatformTable.lines(assumptions: assumptions) { print(line) } }
}
