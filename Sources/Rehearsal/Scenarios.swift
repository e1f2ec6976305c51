import Directory
import Emulation
import Foundation
import HTTP
import JSON
import Jobs
import Ledger
import Logging
import Reconciliation
import SCIM
import Simulation
import Synchronization
import Planning

/// Nights of one kind each, small and random: what a law forbids that the mixed worlds would seldom meet.
extension Trial {
    /// Everything that one seed stands for: a random world with faults; of every fourth seed also one of the scenarios,
    /// in turn.
    package static func all(seed: UInt64) throws -> Outcome {
        var outcome = try faulty(seed: seed)
        outcome.add(try habitual(seed: seed))
        if seed % 4 == 0 {
            let (name, scenario) = scenarios[Int(seed / 4) % scenarios.count]
            let executor = SeededExecutor(seed: seed)
            var one = try executor.run { try await scenario(seed, VirtualTime(executor)) }
            one.broken = one.broken.map { "\(name): \($0)" }
            outcome.add(one)
        }
        return outcome
    }

    typealias Scenario = @Sendable (UInt64, VirtualTime) async throws -> Outcome

    static let scenarios: [(String, Scenario)] = [
        ("holds", holds), ("sum of jobs", sumOfJobs), ("lying source", lyingSource), ("reused ids", reusedIDs),
        ("terms", terms), ("ignored active", ignoredActive), ("undo", undo),
        ("platform", platformFaults), ("edges of limits", edges),
    ]

    static func people(_ count: Int, from first: Int = 0) -> [Person] {
        (first..<first + count).map { .named("person\($0)") }
    }

    /// A limit lets as many go as it says, and not one more; not in a week either; and what is cleared counts as
    /// cleared, whatever clears it.
    static func edges(_ seed: UInt64, _ clock: VirtualTime) async throws -> Outcome {
        var outcome = Outcome()
        let world = try World(
            job: World.job(
                "limits: { source.shrink: none, users.disable: 6, users.clear: 3, memberships.remove: none }"),
            seed: seed, clock: clock)
        world.directory.people = people(40)
        for index in 30..<40 { world.directory.people[index].email = nil }
        for index in 30..<34 {
            var document: JSONValue = [
                "userName": .string(world.directory.people[index].username ?? ""), "displayName": "Was here",
            ]
            document["emails"] = [["value": .string("old\(index)@corp.example"), "type": "work"]]
            try world.plant(.user, document)
        }
        let clearing = try await world.run()
        outcome.runs += 1
        if clearing.report.exit != .held {
            outcome.broken.append(
                "R8, R24: four associations that clear an address passed a limit of three: \(clearing.report.headline)")
        }
        world.permissions.allow = [.usersClear: 4]
        guard try await world.run().report.exit == .inStep else {
            return Outcome(broken: "R24: what was allowed was not done")
        }
        world.permissions.allow = [:]
        let together = seed / 4 % 2 == 0
        for index in 0..<(together ? 7 : 4) { world.directory.people[index].status = "disabled" }
        let first = try await world.run()
        if first.report.exit != (together ? .held : .inStep) {
            outcome.broken.append(
                "R24: \(together ? "seven" : "four") disablings with a limit of six ended with \(first.report.exit)")
        }
        for index in 0..<7 { world.directory.people[index].status = "disabled" }
        let second = try await world.run()
        if second.report.exit != .held {
            outcome.broken.append(
                "R24: seven disablings within a week with a limit of six ended with \(second.report.exit)")
        }
        world.directory.people[6].status = "enabled"
        let third = try await world.run()
        if third.report.exit != .inStep {
            outcome.broken.append(
                "R24: six disablings with a limit of six ended with \(third.report.exit): \(third.report.details)")
        }
        outcome.runs += 5
        return outcome
    }

    /// What a limit, or the loss of a part of the source, holds stays held, night after night, until it is allowed or
    /// its cause is gone.
    static func holds(_ seed: UInt64, _ clock: VirtualTime) async throws -> Outcome {
        var dice = SeededGenerator(seed: seed &* 17 &+ 1)
        var outcome = Outcome()
        let count = Int.random(in: 24...40, using: &dice)
        let kind = Int.random(in: 0..<5, using: &dice)
        let policies = [
            1: "leavers: { disable: immediately, delete: immediately }",
            4: "limits: { users.disable: none, memberships.remove: none }",
        ]
        let world = try World(job: World.job(policies[kind] ?? ""), seed: seed, clock: clock)
        world.directory.people = people(count)
        world.directory.teams = [
            Team(id: "group_1", name: "Ops", members: Set(world.directory.people.map(\.id))),
            Team(id: "group_2", name: "Dev", members: ["user_person0"]),
        ]
        _ = try await world.run()
        // A third of a source is more than it may lose at once, whatever else is allowed.
        let gone = kind == 4 ? count / 3 : Int.random(in: 6...11, using: &dice)
        switch kind {
        case 0, 1, 4:
            let leaving = Set(world.directory.people.suffix(gone).map(\.id))
            world.directory.people.removeAll { leaving.contains($0.id) }
            world.directory.teams[0].members.subtract(leaving)
        case 2:
            for index in world.directory.people.indices.suffix(gone) {
                world.directory.people[index].status = "disabled"
            }
        default: world.directory.teams[0].members = Set(world.directory.people.dropLast(gone).map(\.id))
        }
        let before = Picture(world)
        for night in 1...3 {
            let result = try await world.run()
            outcome.runs += 1
            if Picture(world) != before {
                outcome.broken.append(
                    """
                    law 3, R12: night \(night): \(gone) of \(count) (kind \(kind)) were to be held, and something \
                    was written: \(result.report.headline)
                    """
                )
            }
            if result.report.exit != .held {
                outcome.broken.append(
                    """
                    R12: night \(night) ended with \(result.report.exit) and not with a hold: \
                    \(result.report.headline)
                    """
                )
            }
            if !outcome.broken.isEmpty { return outcome }
        }
        for key in [LimitKey.usersDisable, .usersDelete, .membershipsRemove, .sourceShrink] {
            world.permissions.allow[key] = gone * 2
        }
        let allowed = try await world.run()
        if allowed.report.exit != .inStep {
            outcome.broken.append("what was allowed was not done: \(allowed.report.headline) \(allowed.report.details)")
        }
        return outcome
    }

    /// Three jobs of one invocation, none of which is over its limit, and their sum is.
    static func sumOfJobs(_ seed: UInt64, _ clock: VirtualTime) async throws -> Outcome {
        var dice = SeededGenerator(seed: seed &* 19 &+ 2)
        var outcome = Outcome()
        let size = Int.random(in: 12...20, using: &dice)
        var directory = TestDirectory()
        directory.people = people(size * 3)
        for number in 0..<3 {
            directory.teams.append(
                Team(
                    id: "group_\(number)", name: "Team \(number)",
                    members: Set(directory.people[number * size..<(number + 1) * size].map(\.id))))
        }
        var landscape = Landscape(target: SCIMService())
        for number in 0..<3 { landscape.platforms["/t\(number)"] = SCIMService(prefix: "/t\(number)") }
        let client = InProcessClient(landscape, time: clock.time)
        let ledgers = try (0..<3).map { _ in try Ledger() }
        let jobs = try (0..<3).map(oneOfThree)
        func run(_ permissions: Permissions = Permissions()) async throws -> [JobReport] {
            try await night(Array(zip(jobs, ledgers)).map { ($0, $1) }, directory, client, clock, permissions)
        }
        _ = try await run()
        let leavers = Int.random(in: 3...5, using: &dice)
        for number in 0..<3 {
            let leaving = Set(directory.people[number * size..<number * size + leavers].map(\.id))
            directory.teams[number].members.subtract(leaving)
        }
        let gone = Set(directory.people.map(\.id)).subtracting(
            directory.teams.reduce(into: Set()) { $0.formUnion($1.members) })
        directory.people.removeAll { gone.contains($0.id) }
        let before = (0..<3).map { client.landscape.platforms["/t\($0)"]?.documents(.user) }
        for night in 1...2 {
            let reports = try await run()
            outcome.runs += 3
            if (0..<3).map({ client.landscape.platforms["/t\($0)"]?.documents(.user) }) != before {
                outcome.broken.append(
                    """
                    law 3: night \(night): three times \(leavers) of \(size) leavers were written without \
                    \(3 * leavers) of \(3 * size) being judged together
                    """
                )
            }
            if reports.contains(where: { $0.exit != .held }) {
                outcome.broken.append("law 3: not all three jobs were held: \(reports.map(\.exit))")
            }
        }
        var permissions = Permissions()
        permissions.allow[.usersDisable] = leavers * 3
        permissions.allow[.membershipsRemove] = leavers * 3
        let reports = try await run(permissions)
        if reports.contains(where: { $0.exit != .inStep }) {
            outcome.broken.append(
                "what was allowed for the sum was not done: \(reports.map { "\($0.exit) \($0.details)" })")
        }
        return outcome
    }

    private static func oneOfThree(_ number: Int) throws -> Job {
        try Job.read(
            text: """
                job: job\(number)
                source: { kind: file, path: directory.json, scope: { groups: [group_\(number)] } }
                target: { platform: generic, baseURL: "http://127.0.0.1:1/t\(number)", authorization: { key: \
                "${TOKEN}" } }
                limits: { source.shrink: none }
                """, path: "job\(number).yaml", vocabulary: .current)
    }

    /// One invocation of several jobs, and a day.
    private static func night(
        _ entries: [Invocation.Entry], _ directory: TestDirectory, _ client: InProcessClient, _ clock: VirtualTime,
        _ permissions: Permissions
    ) async throws -> [JobReport] {
        let document = directory.document()
        var log = Logger(label: "simulation") { _ in SwiftLogNoOpLogHandler() }
        log.logLevel = .critical
        let surroundings = Surroundings(
            time: clock.time, environment: ["TOKEN": "correct horse"], log: log, transport: client,
            sourceOverride: FileSource(name: "directory.json") { document })
        let reports = try await Invocation(.run, permissions: permissions, surroundings: surroundings).execute(entries)
        clock.advance(by: 86400)
        return reports
    }

    /// Comings and goings over two weeks: nobody is deleted before the day, and who comes back has the same account.
    static func terms(_ seed: UInt64, _ clock: VirtualTime) async throws -> Outcome {
        var dice = SeededGenerator(seed: seed &* 31 &+ 5)
        var outcome = Outcome()
        let days = Int.random(in: 2...5, using: &dice)
        let world = try World(
            job: World.job(
                """
                leavers: { disable: immediately, delete: \(days)d }\nlimits: { users.delete: none, users.disable: \
                none, source.shrink: none }
                """
            ), seed: seed, clock: clock)
        let all = people(6)
        world.directory.people = all
        _ = try await world.run()
        var ids: [String: String] = [:]
        // Nights in a row on which somebody was seen to be absent, the first included.
        var absent: [String: Int] = [:]
        for night in 1...14 {
            let present = Set(
                all.filter { person in
                    let was = world.directory.person(person.id) != nil
                    return Int.random(in: 0..<5, using: &dice) == 0 ? !was : was
                }.map(\.id) + ["user_person0"])
            world.directory.people = all.filter { present.contains($0.id) }
            let before = Picture(world)
            for document in before.users.values {
                if let mark = document["externalId"]?.string { ids[mark] = document["id"]?.string }
            }
            let result = try await world.run()
            outcome.runs += 1
            let after = Picture(world)
            for person in all {
                let isPresent = present.contains(person.id)
                absent[person.id] = isPresent ? 0 : (absent[person.id] ?? 0) + 1
                let account = after.users.values.first { $0["externalId"]?.string == person.id }
                let had = before.users.values.contains { $0["externalId"]?.string == person.id }
                let broken =
                    isPresent
                    ? ofPresent(account, had: had, known: ids[person.id])
                    : ofAbsent(account, had: had, nights: absent[person.id] ?? 0, days: days)
                outcome.broken += broken.map { "night \(night): \(person.id) \($0): \(result.report.headline)" }
            }
            if !outcome.broken.isEmpty { return outcome }
        }
        return outcome
    }

    private static func ofPresent(_ account: JSONValue?, had: Bool, known: String?) -> [String] {
        var broken: [String] = []
        if account?["active"] == false || account == nil { broken.append("is there and has no access") }
        if had, let known, account?["id"]?.string != known { broken.append("came back to another account") }
        return broken
    }

    /// The first night's clock starts that night; so the term ends on the night after `days` more.
    private static func ofAbsent(_ account: JSONValue?, had: Bool, nights: Int, days: Int) -> [String] {
        var broken: [String] = []
        if had, account == nil, nights <= max(days, 2) {
            broken.append("was deleted after \(nights) nights, and the term is \(days) days (R15)")
        }
        if !had, account != nil { broken.append("is not in the source, and an account was created") }
        if account?["active"] == true { broken.append("left, and its account is active") }
        if nights > max(days, 2) + 1, account != nil {
            broken.append("is \(nights) nights gone, and its account is still there (R15)")
        }
        return broken
    }

    /// A target that takes `active: false` and does nothing: each night says so, and none calls it not kept.
    static func ignoredActive(_ seed: UInt64, _ clock: VirtualTime) async throws -> Outcome {
        var dice = SeededGenerator(seed: seed &* 37 &+ 6)
        var outcome = Outcome()
        var options = ServiceOptions()
        options.ignoresActive = true
        options.answersPatchWithNoContent = Bool.random(using: &dice)
        options.dropped = Bool.random(using: &dice) ? ["active"] : []
        let world = try World(
            job: World.job("limits: { users.disable: none, source.shrink: none }"), options: options, seed: seed,
            clock: clock)
        world.directory.people = people(4)
        _ = try await world.run()
        let leaves = Bool.random(using: &dice)
        if leaves { world.directory.people.removeLast() } else { world.directory.people[3].status = "disabled" }
        // More nights than anything else is tried in.
        for night in 1...7 {
            let result = try await world.run()
            outcome.runs += 1
            if result.report.exit != .recordsFailed {
                outcome.broken.append(
                    """
                    R9: night \(night): active: false was ignored, and the run ended with \(result.report.exit): \
                    \(result.report.headline)
                    """
                )
            }
        }
        return outcome
    }
}

/// A switch that a fault looks at.
final class Flag: Sendable {
    let state = Mutex(false)
    var isOn: Bool {
        get { state.withLock { $0 } }
        set { state.withLock { $0 = newValue } }
    }
}
