import ArgumentParser
import Curl
import Foundation
import Jobs
import Ledger

@main
struct Rollcall: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rollcall",
        abstract: "Keeps the accounts of a cloud platform in step with a directory.",
        discussion: """
            A job file names a directory and a target. “plan” shows the changes of a run and writes nothing to \
            the target. “run” makes the changes. “apply” makes exactly the changes of a saved plan, or refuses.

            Exit codes: 0 in step or applied · 2 changes pending · 3 some records failed, are in conflict or are held \
            for you to decide · 4 held by a limit ·
            5 source incomplete · 6 plan is stale · 64 usage · 69 a side is unreachable · 70 internal error · 74 \
            ledger ·
            75 another run is going · 77 credentials refused · 78 job file wrong · 130 and 143 stopped by a signal.
            """,
        version: rollcallVersionLine,
        subcommands: [
            PlanCommand.self, ApplyCommand.self, RunCommand.self, UndoCommand.self, ShowCommand.self, CheckCommand.self,
            StatusCommand.self, LedgerCommand.self, PlatformsCommand.self,
            InitCommand.self,
            ScheduleCommand.self,
        ]
    )

    static func main() async {
        // What is nearly a command is told so, before its words are taken for too many arguments.
        let names = configuration.subcommands.compactMap { $0.configuration.commandName } + ["help"]
        if let word = CommandLine.arguments.dropFirst().first, !word.hasPrefix("-"), !names.contains(word) {
            let near = names.first { NodeReader.isNear($0, word) }.map { ": did you mean “\($0)”?" } ?? ""
            writeLine("rollcall has no command “\(word)”\(near); the commands are \(names.joined(separator: ", "))")
            Foundation.exit(64)
        }
        await main(nil)
    }
}

let rollcallVersion = "0.2.0"

/// The version, the schema of ledgers, and the libraries that are linked or found.
let rollcallVersionLine =
    "\(rollcallVersion) (ledger schema \(Ledger.schemaVersion), \(CurlClient.versions), SQLite \(Ledger.sqliteVersion))"
