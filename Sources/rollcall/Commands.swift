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
            rollcall plan nightly.yaml                    the changes of a run, lost access first
            rollcall plan --csv plan.csv nightly.yaml     the same for a spreadsheet
            """)

    @OptionGroup(title: "State, output and log") var common: CommonOptions
    @OptionGroup(title: "State of another host") var host: HostOptions
    @OptionGroup(title: "Permissions for this command") var permissions: PermissionOptions
    @Option(help: ArgumentHelp("Write the plan as CSV; “-” is stdout.", valueName: "file"))
    var csv: String?
    @Flag(
        help:
            """
            In the CSV, also list records without an operation, and accounts of the target that do not belong to \
            this job.
            """
    )
    var csvAll = false
    @OptionGroup var selection: SelectionOptions
    @OptionGroup(title: "Watching") var telling: TellingOptions
    @Argument(
        help: ArgumentHelp("Job files, or folders of them.", valueName: "job"),
        completion: .file(extensions: ["yaml", "yml"])) var jobs: [String]

    func run() async throws {
        try await Execution.run(
            .plan, jobs, common, host, permissions, csv: csv, csvAll: csvAll, only: selection.only, telling: telling)
    }
}

struct RunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run", abstract: "Plan, judge, apply and verify.",
        discussion: """
            rollcall run nightly.yaml                                  every night
            rollcall run --allow users.disable=25 nightly.yaml         once, after a plan showed the change
            """)

    @OptionGroup(title: "State, output and log") var common: CommonOptions
    @OptionGroup(title: "State of another host") var host: HostOptions
    @OptionGroup(title: "Copies") var copying: CopyOptions
    @OptionGroup(title: "Permissions for this command") var permissions: PermissionOptions
    @Option(help: ArgumentHelp("Write what was done as CSV; “-” is stdout.", valueName: "file"))
    var csv: String?
    @Flag(
        help:
            """
            In the CSV, also list records without an operation, and accounts of the target that do not belong to \
            this job.
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
        try await Execution.run(
            .run, label: label, jobs, common, host, permissions, copies: copying.copies, csv: csv, csvAll: csvAll,
            only: selection.only, telling: telling)
    }
}

struct ApplyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "apply", abstract: "Apply exactly a saved plan, or refuse it when it is stale.",
        discussion: """
            rollcall apply nightly.yaml                                          the newest plan
            rollcall apply nightly.yaml --plan 13 --digest d:7f3a90c1d2e4f506    only this plan
            """)

    @OptionGroup(title: "State, output and log") var common: CommonOptions
    @OptionGroup(title: "State of another host") var host: HostOptions
    @OptionGroup(title: "Copies") var copying: CopyOptions
    @OptionGroup(title: "Permissions for this command") var permissions: PermissionOptions
    @Option(help: ArgumentHelp("How old the plan may be, in hours (24h) or days (2d).", valueName: "age"))
    var maxAge = "24h"
    @Option(help: ArgumentHelp("The plan's number, as “plan” printed it; left out, the newest.", valueName: "id"))
    var plan: Int64?
    @Option(help: ArgumentHelp("The digest that the plan must have, as “plan” and the CSV show it.", valueName: "d:…"))
    var digest: String?
    @Option(help: ArgumentHelp("Write what was done as CSV; “-” is stdout.", valueName: "file"))
    var csv: String?
    @OptionGroup(title: "Watching") var telling: TellingOptions
    @Argument(help: ArgumentHelp("Job file.", valueName: "job"), completion: .file(extensions: ["yaml", "yml"]))
    var job: String

    func run() async throws {
        try await Execution.run(
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
            Changed attributes, memberships and disabled accounts go back to their state before the run. The undo \
            deletes the objects that the run created. It creates again, under a new id, the objects that the run \
            deleted. An undo has the same limits as a run. An undo is refused when later runs changed the same \
            objects. A restored object stays as it is until its source record changes, or until “run --release” \
            releases all restored objects.
            """)

    @OptionGroup(title: "State, output and log") var common: CommonOptions
    @OptionGroup(title: "State of another host") var host: HostOptions
    @OptionGroup(title: "Copies") var copying: CopyOptions
    @OptionGroup(title: "Permissions for this command") var permissions: PermissionOptions
    @Flag(help: "Show what would be done; write nothing.")
    var dryRun = false
    @Option(help: ArgumentHelp("Write what was done as CSV; “-” is stdout.", valueName: "file"))
    var csv: String?
    @Argument(help: ArgumentHelp("Job file.", valueName: "job"), completion: .file(extensions: ["yaml", "yml"]))
    var job: String
    @Argument(help: ArgumentHelp("The run's number, as its summary and the CSV tell it.", valueName: "run")) var number:
        Int64

    func run() async throws {
        try await Execution.run(
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
