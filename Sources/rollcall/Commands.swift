import ArgumentParser
import Foundation
import HTTP
import Jobs
import Ledger
import Reconciliation
import Reporting
import SCIM

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
    @Flag(
        help:
            """
            In the CSV, list also what is left alone: records without an operation, and accounts of the target \
            that are not ours.
            """
    )
    var csvAll = false
    @OptionGroup var selection: SelectionOptions
    @OptionGroup(title: "Watching") var telling: TellingOptions
    @Argument(
        help: ArgumentHelp("Job files, or folders of them.", valueName: "job"),
        completion: .file(extensions: ["yaml", "yml"])) var jobs: [String]

    func run() async throws {
        try await execute(
            .plan, jobs, common, host, permissions, csv: csv, csvAll: csvAll, only: selection.only, telling: telling)
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
    @Flag(
        help:
            """
            In the CSV, list also what is left alone: records without an operation, and accounts of the target \
            that are not ours.
            """
    )
    var csvAll = false
    @Option(help: "A word that is kept with the run, such as the reason for a catch-up.")
    var label: String?
    @OptionGroup var selection: SelectionOptions
    @OptionGroup(title: "Watching") var telling: TellingOptions
    @Argument(
        help: ArgumentHelp("Job files, or folders of them.", valueName: "job"),
        completion: .file(extensions: ["yaml", "yml"])) var jobs: [String]

    func run() async throws {
        try await execute(
            .run, label: label, jobs, common, host, permissions, copies: copying.copies, csv: csv, csvAll: csvAll,
            only: selection.only, telling: telling)
    }
}

struct ApplyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "apply", abstract: "Apply exactly a saved plan, or refuse because the world moved on.",
        discussion: """
            rollcall apply nightly.yaml                                          the newest plan
            rollcall apply nightly.yaml --plan 13 --digest d:7f3a90c1d2e4f506    the one that was looked at, and no \
            other
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
    @Argument(help: ArgumentHelp("Job file.", valueName: "job"), completion: .file(extensions: ["yaml", "yml"]))
    var job: String

    func run() async throws {
        try await execute(
            .apply(plan, digest: digest), [job], common, host, permissions, maxAge: try age(), copies: copying.copies,
            csv: csv, telling: telling)
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
            Changed attributes, memberships and disabled accounts go back to what they were before the run; what it \
            created is deleted, and
            what it deleted is created again, under a new id. The same limits hold as for a run. An undo is refused \
            when later runs touched the
            same objects. What it restored stays so until its source record changes, or until “run --release” frees \
            all of it.
            """)

    @OptionGroup(title: "State, output and log") var common: CommonOptions
    @OptionGroup(title: "State of another host") var host: HostOptions
    @OptionGroup(title: "Copies") var copying: CopyOptions
    @OptionGroup(title: "What you let pass") var permissions: PermissionOptions
    @Flag(help: "Show what would be done; write nothing.")
    var dryRun = false
    @Option(help: ArgumentHelp("Write what was done as CSV; “-” is stdout.", valueName: "file"))
    var csv: String?
    @Argument(help: ArgumentHelp("Job file.", valueName: "job"), completion: .file(extensions: ["yaml", "yml"]))
    var job: String
    @Argument(help: ArgumentHelp("The run's number, as its summary and the CSV tell it.", valueName: "run")) var number:
        Int64

    func run() async throws {
        try await execute(
            .undo(run: number, writes: !dryRun), [job], common, host, permissions, copies: copying.copies, csv: csv)
    }
}

/// A number of hours or days, in seconds.
func seconds(_ text: String, _ option: String) throws -> Double {
    guard let number = Double(text.dropLast()), number > 0, number < 100_000,
        let unit = ["h": 3600.0, "d": 86400.0][String(text.suffix(1))]
    else {
        throw ValidationError("\(option) \(text): write a number of hours or days, such as 24h or 2d")
    }
    return number * unit
}

private func execute(
    _ command: Invocation.Command, label: String? = nil, _ paths: [String], _ common: CommonOptions,
    _ host: HostOptions, _ permissions: PermissionOptions,
    maxAge: Double = 86400, copies: Int = 0, csv: String?, csvAll: Bool = false, only: [String] = [],
    telling: TellingOptions = TellingOptions.none
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
    let began = Timestamp.text(Time.system.wall())
    if let csv, csv != "-", let metrics = telling.metrics,
        URL(fileURLWithPath: csv).standardized == URL(fileURLWithPath: metrics).standardized
    {
        writeLine("--csv and --metrics name one file, \(csv): nothing was done")
        throw leaving(.usage)
    }
    let entries = try common.open(jobs, command: word, writes: command.writes, host)
    let output = try csv.map { try OutputFile($0, what: "CSV", jobs: jobs, state: common.state) }
    output?.write((csv == "-" ? "" : CSVReport.byteOrderMark) + CSVReport.header)
    // Numbers that cannot be written keep nobody's access standing.
    let metrics = telling.metrics.flatMap {
        try? OutputFile(
            $0, what: "metrics", jobs: jobs, state: common.state, mode: 0o644, otherwise: "no numbers are written")
    }
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
            do {
                _ = try entry.ledger.keepCopy(
                    now: Timestamp.text(Time.system.wall()), run: try entry.ledger.lastRun(isBaseline: false)?.id ?? 0,
                    keep: copies)
            } catch {
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
        let lines = screen.at(jobs.first { $0.name == report.job }?.timezone).lines(report)
        for line in lines { if csv == "-" { writeError(name + line + "\n") } else { print(name + line) } }
        if case .plan = command, let plan = report.plan, report.exit == .pending {
            let file = jobs.first { $0.name == report.job }?.file ?? "JOB"
            let until =
                report.planned.flatMap { Timestamp.seconds($0) }.map { ", until \(Timestamp.text($0 + 86400))" } ?? ""
            say(
                """
                \(name)  Apply exactly this\(until): rollcall apply \(shellWord(file)) --plan \(plan)\
                \(report.digest.map { " --digest \($0)" } ?? "")\(common.stateWords)\(permissions.words)
                """
            )
        }
        if report.exit == .held, !report.lettingGo.isEmpty,
            let file = jobs.first(where: { $0.name == report.job })?.file
        {
            let doing =
                switch command {
                case .undo(let run, _): "undo \(shellWord(file)) \(run)"
                // The plan that was looked at, and no other.
                case .apply(let plan?, let digest):
                    "apply \(shellWord(file)) --plan \(plan)\(digest.map { " --digest \($0)" } ?? "")"
                default: "run \(shellWord(file))"
                }
            // What was allowed already, and is not enough, is said anew.
            say(
                """
                \(name)  If this is meant: rollcall \(doing) \(report.lettingGo.joined(separator: " "))\
                \(common.stateWords)\(permissions.words(without: report.lettingGo))
                """
            )
        }
        if let entry = entries.first(where: { $0.job.name == report.job && $0.isNew }) {
            // A first try that came to nothing leaves nothing: a ledger that knows nothing would look like a job that
            // is not run.
            if report.plan == nil, (try? entry.ledger.isBlank()) == true {
                entry.remove()
            } else if !lines.isEmpty {
                say("\(name)  This ledger is new: \(entry.path)")
            }
        }
    }
    if reports.count > 1, !(common.quiet && reports.allSatisfy { $0.exit == .inStep }) {
        for line in JobTable.lines(reports) { say(line) }
    }
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
        let silent = jobs.filter { job in !reports.contains { $0.job == job.name } }.map {
            JobReport.withoutPlan($0.name, code, [], began: began)
        }
        metrics.write(
            Metrics.text(
                (reports + silent).map { report in
                    (
                        report,
                        (try? entries.first { $0.job.name == report.job }?.ledger.lastSuccess()).flatMap { $0 }.flatMap
                        { Timestamp.seconds($0) }
                    )
                }))
        metrics.finish()
    }
    if let failure = metrics?.failure { writeLine("\(failure)") }
    if let failure = output?.failure {
        writeLine("\(failure)")
        code = max(code, .ledger)
    }
    for report in reports {
        guard command.writes, let job = jobs.first(where: { $0.name == report.job }), !job.after.isEmpty else {
            continue
        }
        if let failure = await AfterRun.run(job, report, command: word, csv: csv) {
            writeLine("\(job.name): after: \(failure)")
        }
    }
    await ping?.send("/\(code.rawValue)")
    if code != .inStep { throw leaving(code) }
}
