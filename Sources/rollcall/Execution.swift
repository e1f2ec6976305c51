import ArgumentParser
import Foundation
import HTTP
import Jobs
import Planning
import Ledger
import Reconciliation
import Reporting
import SCIM

/// One call of `plan`, `run`, `apply` or `undo` at the command line: what it opens, what it asks of the jobs, and what
/// it tells, in this order.
struct Execution {
    let command: Invocation.Command
    let jobs: [Job]
    let common: CommonOptions
    let permissions: PermissionOptions
    let csv: String?
    /// The command as it was typed.
    let word: String
    let began = Timestamp.text(Time.system.wall())
    /// The jobs with their ledgers, which are locked.
    let entries: [OpenJob]

    static func run(
        _ command: Invocation.Command, label: String? = nil, _ paths: [String], _ common: CommonOptions,
        _ host: HostOptions, _ permissions: PermissionOptions,
        maxAge: Double = 86400, copies: Int = 0, csv: String?, csvAll: Bool = false, only: [String] = [],
        telling: TellingOptions = TellingOptions.none
    ) async throws {
        let jobs = try common.jobs(paths, only: only)
        Signals.listen()
        Hardening.begin()
        if let csv, csv != "-", let metrics = telling.metrics,
            URL(fileURLWithPath: csv).standardized == URL(fileURLWithPath: metrics).standardized
        {
            writeLine("--csv and --metrics name one file, \(csv): nothing was done")
            throw leaving(.usage)
        }
        let execution = try Execution(command, jobs, common, host, permissions, csv: csv)
        let output = try csv.map { try OutputFile($0, what: "CSV", jobs: jobs, state: common.state) }
        output?.write((csv == "-" ? "" : CSVReport.byteOrderMark) + CSVReport.header)
        // Numbers that cannot be written keep nobody's access standing.
        let metrics = telling.metrics.flatMap {
            try? OutputFile(
                $0, what: "metrics", jobs: jobs, state: common.state, mode: 0o644, otherwise: "no numbers are written")
        }
        let ping = telling.ping.map { Ping($0, environment: ProcessInfo.processInfo.environment) }
        await ping?.send("/start")
        var allowed = try permissions.parsed()
        allowed.maxAge = maxAge
        let invocation = Invocation(
            command, permissions: allowed, label: label, surroundings: common.surroundings())
        var (reports, failure) = try await execution.invoke(invocation, output, csvAll: csvAll)
        let uncopied = command.writes ? execution.keepCopies(copies) : [:]
        let failures =
            [failure.map { $0.told(job: jobs.count == 1 ? jobs[0].file : "JOB") }, output?.failure].compactMap { $0 }
            + uncopied.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)" }
        // One result for all that tell of it: the first line, the numbers, the program behind, the ledger.
        for index in reports.indices where output?.failure != nil || uncopied[reports[index].job] != nil {
            reports[index].exit = max(reports[index].exit, .ledger)
            guard let plan = reports[index].plan else { continue }
            try? execution.entries.first { $0.job.name == reports[index].job }?.ledger.correct(
                exit: Int(reports[index].exit.rawValue), ofPlan: plan)
        }
        if common.progress == .auto, isatty(2) == 1 { writeError("\r\u{1B}[K") }
        execution.tell(reports)
        var code = reports.map(\.exit).max() ?? .inStep
        for failure in failures { writeLine(failure) }
        if !failures.isEmpty { code = max(code, .ledger) }
        if let metrics { execution.write(metrics, reports, code) }
        if command.writes { await execution.runAfter(reports) }
        await ping?.send("/\(code.rawValue)")
        if code != .inStep { throw leaving(code) }
    }

    private init(
        _ command: Invocation.Command, _ jobs: [Job], _ common: CommonOptions, _ host: HostOptions,
        _ permissions: PermissionOptions, csv: String?
    ) throws {
        self.command = command
        self.jobs = jobs
        self.common = common
        self.permissions = permissions
        self.csv = csv
        word =
            switch command {
            case .plan: "plan"
            case .run: "run"
            case .apply: "apply"
            case .undo: "undo"
            }
        entries = try common.open(jobs, command: word, writes: command.writes, host)
    }

    /// Runs the jobs. A ledger that fails ends them: what was done is told and copied all the same.
    private func invoke(_ invocation: Invocation, _ output: OutputFile?, csvAll: Bool) async throws -> (
        [JobReport], LedgerError?
    ) {
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
            failure = error
        }
        withExtendedLifetime(entries) { output?.finish() }
        return (reports, failure)
    }

    /// Copies the ledgers; what kept it from that, by job.
    private func keepCopies(_ copies: Int) -> [String: String] {
        var failures: [String: String] = [:]
        for entry in entries {
            do {
                _ = try entry.ledger.keepCopy(
                    now: Timestamp.text(Time.system.wall()), run: try entry.ledger.lastRun(isBaseline: false)?.id ?? 0,
                    keep: copies)
            } catch {
                failures[entry.job.name] = "no copy of the ledger was made: \(error)"
            }
        }
        return failures
    }

    // MARK: telling

    /// With the CSV on stdout the summary must not stand in it.
    private func say(_ line: String) { if csv == "-" { writeLine(line) } else { print(printable(line)) } }

    private func tell(_ reports: [JobReport]) {
        for report in reports {
            // Of several jobs each line says whose it is.
            let name = reports.count == 1 ? "" : "\(report.job): "
            // What holds a saved plan or an undo is looked at in another plan.
            let screen = common.screen(
                onError: csv == "-", of: jobs.first { $0.name == report.job }, doing: word == "run" ? "run" : "plan",
                given: permissions.words)
            let lines = screen.lines(report)
            for line in lines { if csv == "-" { writeError(name + line + "\n") } else { print(name + line) } }
            for line in nextSteps(report) { say("\(name)  \(line)") }
            guard let entry = entries.first(where: { $0.job.name == report.job && $0.isNew }) else { continue }
            // A first try that came to nothing leaves nothing: a ledger that knows nothing would look like a job that
            // is not run.
            if report.plan == nil, (try? entry.ledger.isBlank()) == true {
                entry.remove()
            } else if !lines.isEmpty {
                say("\(name)  This ledger is new: \(entry.path)")
            }
        }
        // A limit's number is that of the whole command, whichever job it holds.
        let held = reports.filter { $0.exit != .inStep && !$0.lettingGo.isEmpty }.sorted { $0.exit > $1.exit }
        let words = Self.largest(
            held.flatMap { report in report.lettingGo.filter { report.exit == .held || $0.hasPrefix("--allow ") } })
        if jobs.count > 1, let one = held.first, !words.isEmpty {
            say(letsGo(jobs.map { shellWord($0.file) }.joined(separator: " "), one, words))
        }
        if reports.count > 1, !(common.quiet && reports.allSatisfy { $0.exit == .inStep }) {
            for line in JobTable.lines(reports) { say(line) }
        }
    }

    private func file(of report: JobReport) -> String {
        shellWord(jobs.first { $0.name == report.job }?.file ?? "JOB")
    }

    /// The whole commands that a report leads to.
    private func nextSteps(_ report: JobReport) -> [String] {
        let file = file(of: report)
        var steps: [String] = []
        if case .plan = command, let plan = report.plan, report.exit == .pending {
            let zone = jobs.first { $0.name == report.job }?.timezone.flatMap { TimeZone(identifier: $0) }
            let until =
                report.planned.flatMap { Timestamp.seconds($0) }.map { Timestamp.text($0 + 86400) }.map { moment in
                    " before \(zone.map { Timestamp.local(moment, $0) } ?? moment)"
                } ?? ""
            steps.append(
                """
                To apply exactly this plan\(until): rollcall apply \(file) --plan \(plan)\
                \(report.digest.map { " --digest \($0)" } ?? "")\(common.stateWords)\(permissions.words)
                """
            )
        }
        // What a limit holds stands below all jobs.
        let words = Self.largest(report.lettingGo).filter { jobs.count == 1 || !$0.hasPrefix("--allow ") }
        if jobs.count == 1 || report.exit != .held, report.exit != .inStep, !words.isEmpty {
            steps.append(letsGo(file, report, words))
        }
        return steps
    }

    /// Of what several jobs need under one limit, the most.
    private static func largest(_ words: [String]) -> Set<String> {
        var most: [Substring: (number: Int, word: String)] = [:]
        var others: Set<String> = []
        for word in words {
            guard let sign = word.lastIndex(of: "="), let number = Int(word[word.index(after: sign)...]) else {
                others.insert(word)
                continue
            }
            if number > most[word[..<sign]]?.number ?? -1 { most[word[..<sign]] = (number, word) }
        }
        return others.union(most.values.map(\.word))
    }

    /// The command that lets go what is held, for jobs as they were named together: what one holds holds all of them.
    private func letsGo(_ files: String, _ report: JobReport, _ words: Set<String>) -> String {
        let doing =
            switch command {
            case .undo(let run, _): "undo \(files) \(run)"
            // The plan that was looked at, and no other.
            case .apply(let plan?, let digest) where report.exit == .held && !report.figures.hasWritten:
                "apply \(files) --plan \(plan)\(digest.map { " --digest \($0)" } ?? "")"
            // A saved plan is applied once.
            case .apply: "plan \(files)"
            default: "run \(files)"
            }
        let sorted = words.sorted()
        // What was allowed already, and is not enough, is said anew.
        return """
            If this is meant: rollcall \(doing) \(sorted.joined(separator: " "))\(common.stateWords)\
            \(permissions.words(without: sorted))
            """
    }

    private func write(_ metrics: OutputFile, _ reports: [JobReport], _ code: Reconciliation.ExitCode) {
        // A job without a report is told of as well: its numbers must not vanish when something is wrong.
        let silent = jobs.filter { job in !reports.contains { $0.job == job.name } }.map {
            JobReport.withoutPlan($0.name, code, [], began: began)
        }
        metrics.write(
            Metrics.text(
                (reports + silent).map { report in
                    let ledger = entries.first { $0.job.name == report.job }?.ledger
                    let success = (try? ledger?.lastSuccess()).flatMap { $0 }
                    return (report, success.flatMap { Timestamp.seconds($0) })
                }))
        metrics.finish()
        if let failure = metrics.failure { writeLine("\(failure)") }
    }

    private func runAfter(_ reports: [JobReport]) async {
        for report in reports {
            guard let job = jobs.first(where: { $0.name == report.job }), !job.after.isEmpty,
                let failure = await AfterRun.run(job, report, command: word, csv: csv)
            else { continue }
            writeLine("\(job.name): after: \(failure)")
        }
    }
}
