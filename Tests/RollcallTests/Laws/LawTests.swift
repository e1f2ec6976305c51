import Emulation
import Foundation
import HTTP
import JSON
import Ledger
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
            if first != second { broken.append("law 9: two plans of the same inputs differ: \(difference(first, second))") }
        }

        // Most worlds see two days, some a week.
        for round in 1...(seed % 16 == 0 ? 7 : 2) {
            let before = Picture(world)
            everOurs.learn(before, world.directory, dice)
            let result = try await world.run()
            let after = Picture(world)
            everOurs.created.formUnion(Set(after.users.keys).subtracting(before.users.keys))
            everOurs.created.formUnion(Set(after.groups.keys).subtracting(before.groups.keys))
            broken += Laws.law5(before, after, everOurs, dice).map { "round \(round): \($0)" }
            broken += Laws.takingAway(before, after, world.directory, dice).map { "round \(round): \($0)" }
            broken += Laws.law7(result, after, world.directory, dice, before, newcomers: Set(world.directory.people.map(\.id)).subtracting(met)).map { "round \(round): \($0)" }
            // A server that does what it is told is never accused of not doing it.
            if !dice.options.ignoresActive {
                broken += result.operations.filter { $0.reason.contains("did not apply") }.map { "round \(round): \(PlanDigest.line($0)) was applied, and is called not applied: \($0.reason)" }
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

    private static func plan(_ world: World, _ dice: RandomWorld, _ shuffle: SeededGenerator?) async throws -> [String] {
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
        print("——— target before"); for (_, document) in before.users.merging(before.groups, uniquingKeysWith: { first, _ in first }).sorted(by: { $0.key < $1.key }) { print(document.canonical) }
        print("——— run: \(run.report.headline)"); for line in run.report.details { print("  \(line)") }
        for operation in run.operations { print("\(PlanDigest.line(operation)) — \(operation.reason)") }
        print("——— plan: \(again.report.headline)"); for operation in again.operations { print(PlanDigest.line(operation)) }
    }

    private static func difference(_ left: [String], _ right: [String]) -> String {
        zip(left, right).first { $0 != $1 }.map { "\($0.0) | \($0.1)" } ?? "\(left.count) and \(right.count) rows"
    }
}

/// What the target held at a moment, by id.
struct Picture: Equatable {
    var users: [String: JSONValue] = [:]
    var groups: [String: JSONValue] = [:]

    init(_ world: World) {
        for user in world.documents(.user) { users[user["id"]?.string ?? ""] = Self.stripped(user) }
        for group in world.documents(.group) { groups[group["id"]?.string ?? ""] = Self.stripped(group) }
    }

    /// Without what the server derives: `meta` and the `groups` of a user.
    private static func stripped(_ document: JSONValue) -> JSONValue {
        var document = document
        document["meta"] = nil
        document["groups"] = nil
        if let members = document["members"]?.array { document["members"] = .array(members.sorted { ($0["value"]?.string ?? "") < ($1["value"]?.string ?? "") }) }
        return document
    }
}

/// Whose objects a run may write, worked out from the outside: not from the ledger.
struct Ownership {
    var created: Set<String> = []
    var marked: Set<String> = []
    var associable: Set<String> = []

    mutating func learn(_ picture: Picture, _ directory: TestDirectory, _ dice: RandomWorld) {
        let ids = Set(directory.people.map(\.id) + directory.teams.map(\.id))
        let userNames = Set(directory.people.compactMap { $0.username.map(fold) })
        let groupNames = Set(directory.teams.map { fold($0.name) })
        for (id, document) in picture.users.merging(picture.groups, uniquingKeysWith: { first, _ in first }) {
            if let mark = document["externalId"]?.string {
                if ids.contains(mark) { marked.insert(id) }
            } else if let name = document["userName"]?.string {
                if userNames.contains(fold(name)) { associable.insert(id) }
            } else if let name = document["displayName"]?.string, groupNames.contains(fold(name)) {
                associable.insert(id)
            }
        }
    }

    func mayWrite(_ id: String) -> Bool { created.contains(id) || marked.contains(id) || associable.contains(id) }
}

/// Case folding of its own, so that the laws do not agree with the code's.
func fold(_ text: String) -> String {
    (text as NSString).folding(options: [.caseInsensitive], locale: Locale(identifier: "en_US_POSIX")).replacingOccurrences(of: "ß", with: "ss").precomposedStringWithCanonicalMapping
}

enum Laws {
    /// After a finished run the next plan holds nothing but retries of what was reported.
    static func law1(_ run: World.Result, _ again: World.Result) -> [String] {
        guard [.inStep, .recordsFailed].contains(run.report.exit) else { return [] }
        let reported = Set(run.operations.filter { [.failed, .held, .conflict, .skipped, .sent].contains($0.status) }.map { "\($0.kind) \($0.sourceID ?? "")" })
        // A membership waits for its user; a user's failure is thus its groups' as well.
        let isTroubled = run.operations.contains { [.failed, .skipped, .sent].contains($0.status) || $0.status == .conflict && $0.verb != .none }
        return again.planned.filter { operation in
            if reported.contains("\(operation.kind) \(operation.sourceID ?? "")") { return false }
            // A membership waits for its user.
            if !operation.members.isEmpty, operation.members.allSatisfy({ reported.contains("0 \($0.sourceID ?? "")") }) { return false }
            if isTroubled, operation.verb == .addMembers || operation.verb == .removeMembers { return false }
            return true
        }.map { "law 1: the second plan still holds \(PlanDigest.line($0)) after \(run.report.headline)" }
    }

    /// What is not ours is never written.
    static func law5(_ before: Picture, _ after: Picture, _ ours: Ownership, _ dice: RandomWorld) -> [String] {
        var broken: [String] = []
        for (old, new) in [(before.users, after.users), (before.groups, after.groups)] {
            for (id, document) in old {
                let name = document["userName"]?.string ?? document["displayName"]?.string ?? ""
                // A server takes a deleted user out of its groups by itself.
                if !ours.mayWrite(id), new[id].map({ without(before, after, $0) }) != without(before, after, document) {
                    broken.append("law 5: \(id) (\(name)) is not ours and was changed to \(new[id]?.canonical ?? "nothing")")
                }
                let isProtected = dice.protectsAdministrators && (document["userName"] != nil ? fold(name).hasPrefix("adm") : fold(name) == "board")
                if isProtected, new[id] != document { broken.append("R4: the protected \(name) was changed") }
            }
        }
        return broken
    }

    private static func without(_ before: Picture, _ after: Picture, _ document: JSONValue) -> JSONValue {
        var document = document
        let members = document["members"]?.array?.filter { member in
            let id = member["value"]?.string ?? ""
            return before.users[id] == nil || after.users[id] != nil
        }
        document["members"] = members?.isEmpty == false ? members.map { .array($0) } : nil
        return document
    }

    /// R7, R11, R13, R16: nothing is taken away but for a reason that the source gives.
    static func takingAway(_ before: Picture, _ after: Picture, _ directory: TestDirectory, _ dice: RandomWorld) -> [String] {
        var broken: [String] = []
        let names = Dictionary(grouping: directory.people.compactMap { $0.username.map(fold) }) { $0 }
        for (id, document) in before.users {
            let person = document["externalId"]?.string.flatMap { directory.person($0) }
            if document["active"] == true, after.users[id]?["active"] == false, let person, person.status != "disabled" {
                broken.append("R7: \(person.id) was disabled although its status is \(person.status ?? "absent")")
            }
            if after.users[id] == nil, let person { broken.append("R13: \(person.id) is in the source and its account was deleted") }
        }
        for (id, group) in before.groups {
            guard let still = after.groups[id] else { continue }
            let gone = members(group).subtracting(members(still))
            for member in gone {
                guard let user = before.users[member], after.users[member] != nil, let mark = user["externalId"]?.string, let person = directory.person(mark) else { continue }
                let team = directory.teams.first { $0.id == group["externalId"]?.string }
                let isHeld = person.username.map { (names[fold($0)]?.count ?? 0) > 1 || dice.protectsAdministrators && fold($0).hasPrefix("adm") } ?? true
                if isHeld || person.phone == "x1" { broken.append("R13: the held member \(person.id) was removed from \(group["displayName"]?.string ?? "")") }
                if let team, team.members.contains(person.id) { broken.append("R13: \(person.id) was removed from \(team.name), where the source has it") }
            }
        }
        return broken
    }

    private static func members(_ group: JSONValue) -> Set<String> { Set((group["members"]?.array ?? []).compactMap { $0["value"]?.string }) }

    /// One bad record never stops the others: every record that nothing speaks against has its account.
    static func law7(_ result: World.Result, _ after: Picture, _ directory: TestDirectory, _ dice: RandomWorld, _ before: Picture, newcomers: Set<String>) -> [String] {
        guard [.inStep, .recordsFailed].contains(result.report.exit) else { return [] }
        let wanted = Dictionary(grouping: directory.people.compactMap { $0.username.map(fold) }) { $0 }
        let taken = Set(before.users.values.compactMap { $0["userName"]?.string.map(fold) })
        let marks = Set(before.users.values.compactMap { $0["externalId"]?.string })
        let held = Set(after.users.values.compactMap { $0["externalId"]?.string })
        return directory.people.compactMap { person in
            guard newcomers.contains(person.id), let name = person.username, person.status != "disabled", person.phone != "x1", wanted[fold(name)]?.count == 1, !taken.contains(fold(name)),
                !marks.contains(person.id),
                !dice.options.refused.contains(name), !(dice.protectsAdministrators && fold(name).hasPrefix("adm"))
            else { return nil }
            // The server's idea of equal names is lower case alone.
            return held.contains(person.id) ? nil : "law 7: nothing speaks against \(person.id) (\(name)), and it has no account: \(result.report.headline)"
        }
    }
}
