import ArgumentParser
import Foundation
import Rehearsal

/// Simulates whole runs with faults and kills, as many as one likes. A seed replays a run to the byte.
struct Simulate: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rollcall-simulate",
        abstract: "Runs jobs against emulators with faults and kills, and judges each by the laws.",
        discussion:
            "With ROLLCALL_TELL=1 in the environment, each run tells its operations and what the target then holds.")

    @Option(help: ArgumentHelp("Seeds of random worlds: a number, or FIRST-LAST.", valueName: "seeds"))
    var seeds = "1-200"
    @Flag(help: "Also kill at every request and every ledger write of a day on each platform.")
    var exhaustive = false
    @Option(
        help: ArgumentHelp(
            "Seeds of first syncs of 5,000 users to a server that throttles and fails.", valueName: "seeds"))
    var throttled: String?
    @Flag(help: "Only judge how the ledger's work grows when the world doubles, on each platform.")
    var growth = false
    @Flag(
        help:
            """
            Only give jobs and readers answers whose numbers, lengths and dates are extreme, in the worlds of the \
            seeds.
            """
    )
    var hostile = false
    @Option(
        help: ArgumentHelp(
            "With --hostile: a folder of recorded answers, NAME.jsonl, that are turned and given too.",
            valueName: "folder"))
    var answers: String?
    @Flag(help: "End at the first broken law.")
    var untilBroken = false
    @Flag(help: .hidden)
    var worker = false
    @Option(help: ArgumentHelp("Only print how the night of a seed went: equal for equal seeds.", valueName: "seed"))
    var trace: UInt64?

    private static func range(_ text: String) throws -> ClosedRange<UInt64> {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        let halves = parts.compactMap { UInt64($0) }
        guard let first = halves.first, let last = halves.last, halves.count == parts.count, halves.count <= 2,
            first <= last
        else { throw ValidationError("\(text): write a number, or FIRST-LAST") }
        return first...last
    }

    func run() throws {
        if let trace { return try Trial.trace(seed: trace).forEach { print($0) } }
        if growth { return try judgeGrowth() }
        let range = try Self.range(seeds)
        if hostile { return try fuzz(range) }
        var total = Trial.Outcome()
        if exhaustive { try killAtEveryMoment(&total) }
        for seed in try throttled.map(Self.range).map(Array.init) ?? [] { try throttle(seed, &total) }
        // A process for each core: threads of one process would wait for SQLite's allocator.
        let cores = UInt64(ProcessInfo.processInfo.activeProcessorCount)
        let isAlone = worker || range.count < 8 || cores < 2 || untilBroken
        let worlds = try isAlone ? visit(range, &total) : share(range, cores, &total)
        if worker {
            let told = try JSONEncoder().encode(
                Told(worlds: worlds, runs: total.runs, excepted: total.excepted, fired: total.fired))
            print("worker: \(String(decoding: told, as: UTF8.self))")
        } else {
            conclude(worlds, &total)
        }
        if !total.broken.isEmpty { throw ExitCode(1) }
    }

    private func add(_ what: String, _ outcome: Trial.Outcome, _ total: inout Trial.Outcome) {
        for line in outcome.broken { print("\(what): \(line)") }
        total.add(outcome)
    }

    private func killAtEveryMoment(_ total: inout Trial.Outcome) throws {
        for platform in Platform.all {
            let outcome = try Trial.exhaustive(platform)
            print(
                """
                \(platform.name): killed at every moment, \(outcome.runs) runs, \(outcome.broken.count) laws \
                broken
                """
            )
            add(platform.name, outcome, &total)
        }
    }

    private func throttle(_ seed: UInt64, _ total: inout Trial.Outcome) throws {
        let (with, without, outcome) = try Trial.throttled(seed: seed)
        let more = (with * 1000 / without - 1000)
        print(
            "throttled, seed \(seed): \(with) requests, \(without) without faults: \(more / 10).\(more % 10) % more"
        )
        add("throttled, seed \(seed)", outcome, &total)
    }

    /// Goes through the worlds one after the other; how many there were.
    private func visit(_ range: ClosedRange<UInt64>, _ total: inout Trial.Outcome) throws -> Int {
        var worlds = 0
        for seed in range {
            var outcome = Trial.Outcome()
            do { outcome = try Trial.all(seed: seed) } catch {
                outcome.broken = ["the simulation itself failed: \(error)"]
            }
            worlds += 1
            add("seed \(seed)", outcome, &total)
            if untilBroken, !total.broken.isEmpty { break }
        }
        return worlds
    }

    /// Shares the worlds among processes; how many there were.
    private func share(_ range: ClosedRange<UInt64>, _ cores: UInt64, _ total: inout Trial.Outcome) throws -> Int {
        var worlds = 0
        let size = (UInt64(range.count) + cores - 1) / cores
        let parts = stride(from: range.lowerBound, through: range.upperBound, by: Int(size)).map {
            $0...min($0 + size - 1, range.upperBound)
        }
        let workers = try parts.map(Self.start)
        for (part, worker) in zip(parts, workers) {
            let lines = String(decoding: worker.output.readDataToEndOfFile(), as: UTF8.self).split(separator: "\n")
                .map(String.init)
            worker.process.waitUntilExit()
            var outcome = Trial.Outcome()
            guard let last = lines.last, last.hasPrefix("worker: "),
                let told = try? JSONDecoder().decode(Told.self, from: Data(last.dropFirst(8).utf8)),
                told.worlds == part.count
            else {
                for line in lines { print(line) }
                outcome.broken = ["the worker ended early with \(worker.process.terminationStatus)"]
                add("seeds \(part)", outcome, &total)
                continue
            }
            worlds += told.worlds
            outcome.runs = told.runs
            outcome.excepted = told.excepted
            outcome.fired = told.fired
            for line in lines.dropLast() { print(line) }
            outcome.broken = lines.dropLast()
            total.add(outcome)
        }
        return worlds
    }

    /// Judges the whole: of many worlds each kind of trouble must have been in some, and only few may be excused.
    private func conclude(_ worlds: Int, _ total: inout Trial.Outcome) {
        let fired = total.fired.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }
        print("happened: \(fired.joined(separator: ", "))")
        if worlds >= 600 {
            let wanted = FaultPlan.Kind.allCases.map(\.rawValue) + ["kill", "ledger error", "full disk"]
            add("seeds \(seeds)", Trial.Outcome(notHappened: wanted.filter { total.fired[$0] == nil }), &total)
        }
        if worlds >= 5000 {
            let rare = Trial.habitsToMeet.filter { total.fired[$0] ?? 0 < 20 }.map {
                "\($0), met \(total.fired[$0] ?? 0) times of 20"
            }
            add("seeds \(seeds)", Trial.Outcome(notHappened: rare), &total)
        }
        if total.fired["kill"] ?? 0 >= 50, total.excepted.values.reduce(0, +) * 50 > total.fired["kill"] ?? 0 {
            add("seeds \(seeds)", Trial.Outcome(notHappened: ["fewer excuses: \(total.excepted)"]), &total)
        }
        for (name, count) in total.excepted.sorted(by: { $0.key < $1.key }) { print("excepted: \(name): \(count)") }
        let flags = (exhaustive ? " --exhaustive" : "") + (throttled.map { " --throttled \($0)" } ?? "")
        print(
            """
            rollcall-simulate --seeds \(seeds)\(flags): \(worlds) worlds, \(total.runs) runs, \
            \(total.broken.count) laws broken
            """
        )
    }

    private func fuzz(_ range: ClosedRange<UInt64>) throws {
        var total = Hostile.Outcome()
        let recordings = try answers.map { folder in
            try FileManager.default.contentsOfDirectory(atPath: folder).filter { $0.hasSuffix(".jsonl") }.sorted().map {
                (name: $0, text: try String(contentsOfFile: "\(folder)/\($0)", encoding: .utf8))
            }
        }
        if recordings?.isEmpty ?? false { throw ValidationError("\(answers ?? ""): no recorded answers there") }
        for seed in range {
            var outcomes = [("", try Hostile.trial(seed: seed))]
            for recording in recordings ?? [] {
                outcomes.append(("\(recording.name), ", try Hostile.replay(recording.text, seed: seed)))
            }
            for (name, outcome) in outcomes {
                for line in outcome.broken { print("\(name)seed \(seed): \(line)") }
                total.runs += outcome.runs
                total.answers += outcome.answers
                total.broken += outcome.broken
            }
        }
        print(
            """
            rollcall-simulate --hostile --seeds \(seeds): \(total.answers) answers turned, \(total.runs) runs, \
            \(total.broken.count) broke
            """
        )
        if !total.broken.isEmpty { throw ExitCode(1) }
    }

    private func judgeGrowth() throws {
        var findings: [String] = []
        for platform in Platform.all {
            findings += try Growth.findings(platform)
            if !platform.isListed { findings += try Growth.findings(platform, [.everything], readsBack: true) }
        }
        for finding in findings { print(finding) }
        print(
            """
            growth: \(Platform.all.count) platforms, each of \
            \(Growth.Dimension.allCases.map(\.rawValue).joined(separator: ", ")) doubled: \(findings.count) grow too \
            fast
            """
        )
        if !findings.isEmpty { throw ExitCode(1) }
    }

    /// What a worker tells at its end.
    private struct Told: Codable {
        var worlds: Int
        var runs: Int
        var excepted: [String: Int]
        var fired: [String: Int]
    }

    private static func start(_ part: ClosedRange<UInt64>) throws -> (process: Process, output: FileHandle) {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        process.arguments = ["--worker", "--seeds", "\(part.lowerBound)-\(part.upperBound)"]
        let pipe = Pipe()
        process.standardOutput = pipe
        try process.run()
        return (process, pipe.fileHandleForReading)
    }
}

Simulate.main()
