import ArgumentParser
import Foundation

@main
struct Rollcall: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rollcall",
        abstract: "Keeps the accounts of a cloud platform in step with a directory.",
        discussion: """
            A job file names a directory and a target. “plan” shows what a run would do and writes nothing; “run” does it;
            “apply” does exactly what a saved plan shows, or refuses.

            Exit codes: 0 in step or applied · 2 changes pending · 3 some records failed, are in conflict or are held for you to decide · 4 held by a limit ·
            5 source incomplete · 6 plan is stale · 64 usage · 69 a side is unreachable · 70 internal error · 74 ledger ·
            75 another run is going · 77 credentials refused · 78 job file wrong · 130 and 143 stopped by a signal.
            """,
        version: rollcallVersion,
        subcommands: [
            PlanCommand.self, ApplyCommand.self, RunCommand.self, UndoCommand.self, CheckCommand.self, StatusCommand.self, LedgerCommand.self, PlatformsCommand.self, InitCommand.self,
            ScheduleCommand.self,
        ]
    )
}

let rollcallVersion = "0.2.0"
