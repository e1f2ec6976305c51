import Curl
import Foundation
import HTTP
import HTTPTypes
import JSON
import Jobs
import Reconciliation

extension TellingOptions {
    /// Nobody is told.
    static var none: TellingOptions {
        var none = TellingOptions()
        none.metrics = nil
        none.ping = nil
        return none
    }
}

/// Asks a URL at the start and at the end of a run. Its failure never fails a run.
struct Ping {
    private let url: String?

    init(_ reference: String, environment: [String: String]) {
        do { url = try SecretReference(reference, folder: ".")?.resolve(environment: environment) } catch {
            writeLine("ping: \(error)")
            url = nil
        }
    }

    /// - Parameter end: is put behind the URL's path.
    func send(_ end: String) async {
        guard let url else { return }
        guard let parts = URLParts(url), parts.scheme == "https" || parts.isLoopback else {
            return writeLine("ping: the URL is no https URL without query; nobody is told")
        }
        // Confidential: the URL is what lets somebody else report for us.
        let request = OutgoingRequest(
            head: parts.request(.get, end), connectTimeout: 5, totalTimeout: 5, responseLimit: 1 << 16,
            isConfidential: true, attempts: 1)
        do {
            let response = try await CurlClient(userAgent: "rollcall/\(rollcallVersion)").send(request)
            if response.status >= 300 { writeLine("ping: \(request.displayURL) answered \(response.status)") }
        } catch { writeLine("ping: \(request.displayURL): \(error)") }
    }
}

/// The program that a job names under `after`, run with the result as JSON on its standard input.
enum AfterRun {
    /// What it is told. People are in it by the names that the report's lines hold, at most ten.
    private struct Result: Encodable {
        var job: String
        var command: String
        var exit: Int
        var headline: String
        var details: [String]
        var csv: String?
        var figures: RunFigures
    }

    /// What went wrong; nil when nothing did.
    static func run(_ job: Job, _ report: JobReport, command: String, csv: String?) async -> String? {
        if let concern = FileTrust.concern("the job file", job.file) { return "not run: \(concern)" }
        let path = csv.flatMap { $0 == "-" ? nil : URL(fileURLWithPath: $0).standardizedFileURL.path }
        let result = Result(
            job: report.job, command: command, exit: report.exit.rawValue, headline: printable(report.headline),
            details: report.details.filter { !$0.isEmpty }.map(printable), csv: path,
            figures: report.figures)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        do {
            let input = Array(try encoder.encode(result)) + [0x0A]
            var environment = ["PATH": ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"]
            // So that it may have a secret of its own.
            environment["CREDENTIALS_DIRECTORY"] = ProcessInfo.processInfo.environment["CREDENTIALS_DIRECTORY"]
            _ = try await ChildProgram.run(
                aside: job.after, environment: environment, input: input, seconds: 30, limit: 64 << 10)
            return nil
        } catch { return "\(error)" }
    }
}

/// Several jobs in one table.
enum JobTable {
    static func lines(_ reports: [JobReport]) -> [String] {
        func count(_ report: JobReport, _ verb: String) -> String {
            // What was done, of a plan what it would do; what is held has a column of its own.
            let wanted = report.isResult ? "done" : "planned"
            return String(report.figures.operations[verb]?[wanted] ?? 0)
        }
        let rows =
            [
                [
                    "job", "exit", "in step", "create", "change", "disable", "delete", "held", "conflicts", "failed",
                    "requests",
                ]
            ]
            + reports.map { report in
                [
                    report.job, String(report.exit.rawValue), String(report.figures.inStep), count(report, "create"),
                    count(report, "update"), count(report, "disable"), count(report, "delete"),
                ]
                    + [
                        String(report.figures.held.values.reduce(0, +)), String(report.figures.conflicts),
                        String(report.figures.failed), String(report.requests),
                    ]
            }
        let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            row.enumerated().map { column, cell in
                let pad = String(repeating: " ", count: widths[column] - cell.count)
                return column == 0 ? cell + pad : pad + cell
            }.joined(separator: "  ")
        }
    }
}
