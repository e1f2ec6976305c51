import ArgumentParser
import Foundation
import Rehearsal
import Synchronization

/// Simulates whole runs with faults and kills, as many as one likes. A seed replays a run to the byte.
struct Simulate: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rollcall-simulate", abstract: "Runs jobs against emulators with faults and kills, and judges each by the laws.")

    @Option(help: ArgumentHelp("Seeds of random worlds: a number, or FIRST-LAST.", valueName: "seeds"))
    var seeds = "1-200"
    @Flag(help: "Also kill at every request and every ledger write of a day on each platform.")
    var exhaustive = false
    @Flag(help: "End at the first broken law.")
    var untilBroken = false

    func run() throws {
        let halves = seeds.split(separator: "-").compactMap { UInt64($0) }
        guard let first = halves.first, let last = halves.last, halves.count <= 2, first <= last else { throw ValidationError("--seeds \(seeds): write a number, or FIRST-LAST") }
        let total = Mutex(Simulation.Outcome())
        let next = Mutex(first)
        let stops = untilBroken
        @Sendable func tell(_ what: String, _ outcome: Simulation.Outcome) {
            for line in outcome.broken { print("\(what): \(line)") }
            total.withLock { $0.add(outcome) }
        }
        if exhaustive {
            for platform in Platform.all {
                let outcome = try Simulation.exhaustive(platform)
                print("\(platform.name): killed at every moment, \(outcome.runs) runs, \(outcome.broken.count) laws broken")
                tell(platform.name, outcome)
            }
        }
        let threads = (0..<ProcessInfo.processInfo.activeProcessorCount).map { _ in
            let done = DispatchSemaphore(value: 0)
            Thread {
                while true {
                    let seed = next.withLock { number -> UInt64? in
                        guard number <= last, !(stops && total.withLock { !$0.broken.isEmpty }) else { return nil }
                        number += 1
                        return number - 1
                    }
                    guard let seed else { break }
                    var outcome = Simulation.Outcome()
                    do { outcome = try Simulation.all(seed: seed) } catch { outcome.broken = ["the simulation itself failed: \(error)"] }
                    tell("seed \(seed)", outcome)
                }
                done.signal()
            }.start()
            return done
        }
        for thread in threads { thread.wait() }
        let sum = total.withLock { $0 }
        for (name, count) in sum.excepted.sorted(by: { $0.key < $1.key }) { print("excepted: \(name): \(count)") }
        print("rollcall-simulate --seeds \(seeds)\(exhaustive ? " --exhaustive" : ""): \(next.withLock { $0 } - first) worlds, \(sum.runs) runs, \(sum.broken.count) laws broken")
        if !sum.broken.isEmpty { throw ExitCode(1) }
    }
}

Simulate.main()
