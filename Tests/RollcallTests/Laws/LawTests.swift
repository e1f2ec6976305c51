import Planning
import Emulation
import Foundation
import HTTP
import JSON
import Ledger
import Rehearsal
import SCIM
import Simulation
import Testing

@testable import Reconciliation

/// The laws, each over random worlds. A failure prints the seed; `ROLLCALL_SEED=n` replays that world alone, and
/// `ROLLCALL_WORLDS=n` sets how many are tried.
@Suite struct LawTests {
    private static let shards = 8

    /// Seeds of one shard: together they are 2,000 or as many as the environment asks for.
    private static func seeds(_ shard: Int) -> [UInt64] {
        let environment = ProcessInfo.processInfo.environment
        if let seed = environment["ROLLCALL_SEED"].flatMap({ UInt64($0) }) { return shard == 0 ? [seed] : [] }
        let worlds = environment["ROLLCALL_WORLDS"].flatMap { Int($0) } ?? 2000
        return (1...max(worlds, 1)).filter { $0 % shards == shard }.map { UInt64($0) }
    }

    @Test("Laws 1, 5, 7 and 9 hold in random worlds", arguments: 0..<LawTests.shards)
    func laws(shard: Int) async throws {
        for seed in Self.seeds(shard) {
            let broken = try await Self.violations(seed: seed)
            #expect(broken.isEmpty, "seed \(seed): \(broken.joined(separator: " · "))")
            if !broken.isEmpty { return }
        }
    }

    static func violations(seed: UInt64) async throws -> [String] {
        var dice = RandomWorld(seed: seed)
        let world = try World(job: dice.policy, options: dice.options, seed: seed)
        world.directory = dice.directory()
        dice.furnish(world)
        var broken: [String] = []
        var everOurs = Ownership()
        var met: Set<String> = []

        // Law 9: the same inputs in another order, in a fresh ledger, make the same plan.
        if seed % 4 == 0 {
            let first = try await plan(world, dice, nil)
            let second = try await plan(world, dice, SeededGenerator(seed: seed &* 31))
            if first != second {
                broken.append("law 9: two plans of the same inputs differ: \(difference(first, second))")
            }
        }

        // Most worlds see two days, some a week.
        for round in 1...(seed % 16 == 0 ? 7 : 2) {
            let before = Picture(world)
            everOurs.learn(before, world.directory, dice)
            let result = try await world.run()
            let after = Picture(world)
            // Whatever the world is like, a run ends in one of the ways that it may.
            if ![.inStep, .recordsFailed, .held, .sourceIncomplete].contains(result.report.exit) {
                broken.append("round \(round): ended with \(result.report.exit): \(result.report.details)")
            }
            everOurs.created.formUnion(Set(after.users.keys).subtracting(before.users.keys))
            everOurs.created.formUnion(Set(after.groups.keys).subtracting(before.groups.keys))
            broken += Laws.law5(before, after, everOurs, dice).map { "round \(round): \($0)" }
            broken += Laws.takingAway(before, after, world.directory, dice).map { "round \(round): \($0)" }
            broken += Laws.law7(
                result, after, world.directory, dice, before,
                newcomers: Set(world.directory.people.map(\.id)).subtracting(met)
            ).map { "round \(round): \($0)" }
            // A server that does what it is told is never accused of not doing it.
            if !dice.options.ignoresActive {
                broken += result.operations.filter { $0.reason.contains("did not apply") }.map {
                    "round \(round): \(PlanDigest.line($0)) was applied, and is called not applied: \($0.reason)"
                }
            }
            let again = try await world.plan()
            if ProcessInfo.processInfo.environment["ROLLCALL_SEED"] != nil { tell(world, before, result, again) }
            broken += Laws.law1(result, again).map { "round \(round): \($0)" }
            if Picture(world) != after { broken.append("round \(round): a plan wrote to the target") }
            if !broken.isEmpty { return broken }
            met.formUnion(world.directory.people.map(\.id))
            dice.change(&world.directory)
            dice.meddle(world)
        }
        return broken
    }

    private static func plan(_ world: World, _ dice: RandomWorld, _ shuffle: SeededGenerator?) async throws -> [String]
    {
        let twin = try World(job: dice.policy, options: dice.options)
        let service = world.client.service
        twin.client.change { $0 = service }
        twin.directory = world.directory
        twin.shuffle = shuffle
        return try await twin.plan().operations.map { PlanDigest.line($0) }
    }

    /// A replayed seed tells its story.
    private static func tell(_ world: World, _ before: Picture, _ run: World.Result, _ again: World.Result) {
        print("——— source"); for person in world.directory.people { print(person.json.canonical) }
        for team in world.directory.teams { print(team.json.canonical) }
        print("——— target before");
        for (_, document) in before.users.merging(before.groups, uniquingKeysWith: { first, _ in first }).sorted(by: {
            $0.key < $1.key
        }) { print(document.canonical) }
        print("——— run: \(run.report.headline)"); for line in run.report.details { print("  \(line)") }
        for operation in run.operations { print("\(PlanDigest.line(operation)) — \(operation.reason)") }
        print("——— plan: \(again.report.headline)");
        for operation in again.operations { print(PlanDigest.line(operation)) }
    }

    private static func difference(_ left: [String], _ right: [String]) -> String {
        zip(left, right).first { $0 != $1 }.map { "\($0.0) | \($0.1)" } ?? "\(left.count) and \(right.count) rows"
    }
}
