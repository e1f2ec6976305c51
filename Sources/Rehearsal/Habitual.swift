import Emulation
import Foundation
import HTTP
import JSON
import Ledger
import Reconciliation
import SCIM
import Simulation

extension Trial {
    /// Habits of servers that are read, in lists and look-ups.
    private static let ofSources: [Habit] = [
        .ignoresStartIndex, .restartsPastEnd, .refusesPastEnd, .failsPastEnd, .missingWhenEmpty, .noTotals,
        .pageDropsOne, .unsortedPages, .badRecord, .longGroupFails, .cutsMembers,
        .hidesInactive, .findsNothing, .hidesMembers, .showsSomeMembers, .nestsCore, .activeAsText, .activeAsNumber,
        .untypedValues, .plainValues, .membersAsLocations, .refusesCount,
        .redirectsToSlash,
    ]

    /// Habits that need more than a request to show themselves: somebody deleted, a second attribute beside active, a
    /// member that stays.
    private static let rare: [Habit] = [
        .answersWithExisting, .dropsExternalID, .refusesActiveWithOthers, .deleteDoesNothing, .refusesDelete,
        .addReplaces, .patchEmptiesGroup, .removeClears, .hidesMembers, .showsSomeMembers,
        .refusesValuePaths, .removeClears, .refusesDelete,
    ]

    /// Habits that are met wherever there is something to show: of a service that shows it.
    private static func metByShowing(_ service: SCIMService, _ count: (Habit) -> Void) {
        let groups = service.store[.group]
        let hasMembers = groups?.order.contains { !(groups?[$0]?.document["members"]?.array ?? []).isEmpty } ?? false
        for habit in [Habit.hidesMembers, .showsSomeMembers] where service.options.habits.contains(habit) && hasMembers
        { count(habit) }
        if service.options.habits.contains(.dropsExternalID), service.counters["POST /Users"] ?? 0 > 0 {
            count(.dropsExternalID)
        }
    }

    /// One random world whose servers, the target's and where there is one the source's, have zero to four habits each:
    /// two days and a quiet night, without faults. What comes of it is judged by the laws that hold on any server.
    package static func habitual(seed: UInt64) throws -> Outcome {
        let executor = SeededExecutor(seed: seed)
        return try executor.run { try await habitual(seed, VirtualTime(executor)) }
    }

    private static func habitual(_ seed: UInt64, _ clock: VirtualTime) async throws -> Outcome {
        var outcome = Outcome()
        var own = SeededGenerator(seed: seed &* 15_485_863 &+ 11)
        var dice = RandomWorld(seed: seed &* 3 &+ 1_000_000, alwaysGenerous: true)
        var options = dice.options
        options.habits = Set(
            (0..<Int.random(in: 0...4, using: &own)).compactMap { _ in Habit.drawn.randomElement(using: &own) })
        // What hardly any world comes to meet by chance.
        let rarity = seed % 5 == 3 ? rare[Int(seed / 5) % rare.count] : nil
        if let rarity {
            options.habits.insert(rarity)
            options.patch = true
        }
        // On some of the others, ids are given again.
        let reuses = rarity == nil && seed % 7 == 2
        if reuses { options.habits.insert(.reusesIDs) }
        // A server that ignores both is asked to do what nobody could see.
        if options.habits.contains(.deleteDoesNothing) { options.ignoresActive = false }
        let world = try World(job: dice.policy, options: options, seed: seed, clock: clock)
        world.directory = dice.directory()
        if Bool.random(using: &own) {
            var source = ServiceOptions()
            source.maxResults = Int.random(in: 2...9, using: &own)
            source.habits = Set(
                (0..<Int.random(in: 0...4, using: &own)).compactMap { _ in ofSources.randomElement(using: &own) })
            world.serveDirectory(source)
        }
        dice.furnish(world)
        try furnish(world, seed)
        let nested = options.habits.contains(.nestsGroups) ? nest(world) : nil
        var ours = Ownership()
        let first = Picture(world)
        ours.learn(first, world.directory, dice)
        var known: Set<String> = []
        var wanted: Set<String> = []
        // A nested group may have the id of a user.
        let members = Dictionary(
            first.groups.filter { $0.value["externalId"] == nil }.map {
                (
                    $0.key,
                    Set(
                        ($0.value["members"]?.array ?? []).filter { $0["type"] != "Group" }.compactMap {
                            $0["value"]?.string
                        })
                )
            }
        ) { one, _ in one }
        var last: Picture?
        var taken: Set<String> = []
        for round in 1...4 {
            let before = Picture(world)
            ours.learn(before, world.directory, dice)
            known.formUnion(world.directory.people.map(\.id))
            for team in world.directory.teams { wanted.formUnion(team.members.map { "\(team.id) \($0)" }) }
            let twins = twins(world)
            let plan = try await world.plan()
            if Picture(world) != before { outcome.broken.append("round \(round): a plan wrote to the target") }
            outcome.broken += Laws.law15(plan, before, world.ledger).map { "round \(round): \($0)" }
            let sent = world.client.sent
            // On the same day as its plan.
            clock.advance(by: -86400)
            let rewritten = world.client.service.met[.answersWithExisting] ?? 0
            let result = try await world.run()
            let after = Picture(world)
            outcome.runs += 2
            var broken: [String] = []
            let isMute = [options.habits, world.sourceOptions?.habits ?? []].contains(where: RandomWorld.isMute)
            if isMute, result.report.exit == .unreachable { break }
            if ![.inStep, .recordsFailed, .held, .sourceIncomplete].contains(result.report.exit) {
                broken.append("ended with \(result.report.exit): \(result.report.details)")
            }
            broken += Laws.law10(
                before, after, ours, dice, result,
                rewritten: world.client.service.met[.answersWithExisting] ?? 0 > rewritten)
            ours.add(before, after)
            // An account with which the server answered a create, told: the record's from now on.
            for operation in result.operations where operation.verb == .create && operation.kind == .user {
                if let source = operation.sourceID,
                    let id = try world.ledger.link(kind: .user, source: source)?.targetID, before.users[id] != nil
                {
                    ours.associable.insert(id)
                }
            }
            // What an answer shows and nobody stored is seen by the next night.
            let isEchoed = options.habits.contains(.echoes) && round < 4
            if !options.ignoresActive, !isEchoed {
                broken += Laws.law11(
                    result, after, world.directory, known, world.ledger, dice,
                    sourceHidesDisabled: world.sourceOptions?.habits.contains(.hidesInactive) ?? false)
            }
            // What a server empties that shows its groups in part or not at all, nobody can see: what is not shown is
            // added again the next night.
            let isUnseen =
                options.habits.contains(where: Self.loses)
                && !options.habits.isDisjoint(with: [.showsSomeMembers, .hidesMembers])
            broken += Laws.law12(before, after, world.directory, result, strangers: ours.strangers(of: first), dice)
                .filter { !isUnseen || !$0.contains(" any more, nothing took it out") }
            broken += Laws.law13(world.client.sent - sent, world)
            broken += Laws.law14(plan, result)
            if let last, !options.habits.contains(.answersWithExisting) {
                broken += Laws.law15(result, since: last, before, told: taken)
            }
            last = after
            taken.formUnion(result.operations.filter { $0.situation == .taken }.compactMap(\.targetID))
            if !isEchoed { broken += Laws.law15(result, after) }
            let made = Self.twins(world).subtracting(twins)
            if !made.isEmpty { broken.append("law 4: created twice: \(made.sorted().joined(separator: ", "))") }
            if !dice.policy.contains("exclusive"), !options.habits.contains(where: Self.loses) {
                let here = Set(world.directory.people.filter { $0.status != "disabled" }.map(\.id))
                broken += Laws.keptMembers(members, before, after, wanted: wanted, gone: known.subtracting(here))
            }
            // Nobody leaves because a list left somebody out.
            broken += Laws.takingAway(before, after, world.directory, dice, strangers: []).filter { line in
                // Of whom a list leaves out, nobody knows that another record has the same name.
                if line.contains("the held member"), world.sourceOptions?.leftOut.isEmpty == false { return false }
                // Nor who else is in a group that never shows all of its members, or any.
                if world.sourceOptions?.habits.isDisjoint(with: [.showsSomeMembers, .hidesMembers]) == false,
                    line.hasPrefix("R13")
                {
                    return false
                }
                return !options.habits.contains { Self.loses($0) } || !line.hasPrefix("R13")
            }
            if options.habits.isEmpty, options.refused.isEmpty { broken += Laws.law16(result, world.directory) }
            if let nested,
                !nested.isDisjoint(
                    with: Set(
                        result.operations.filter { $0.verb == .removeMembers }.flatMap {
                            $0.members.compactMap(\.targetID)
                        })), round == 1
            {
                broken.append("1.8: a nested group was removed as if it were a user")
            }
            let habits = options.habits.union(world.sourceOptions?.habits ?? []).map(\.rawValue).sorted().joined(
                separator: ", ")
            outcome.broken += broken.map { "habits (\(habits)), round \(round): \($0)" }
            if !outcome.broken.isEmpty { break }
            // The third night is quiet, and so is the fourth.
            guard round < 3 else { continue }
            dice.change(&world.directory)
            dice.meddle(world)
            if let rarity { provoke(rarity, world, round, &own) }
            if reuses {
                var others = SeededGenerator(seed: seed &* 49_979_687 &+ UInt64(round))
                provoke(.reusesIDs, world, round, &others)
            }
            // Somebody puts everybody into a group of his own: what is deleted then is in use.
            if options.habits.contains(.refusesDelete) {
                try? world.plant(
                    .group,
                    [
                        "displayName": .string("Kept \(round)"),
                        "members": .array(world.documents(.user).compactMap { $0["id"] }.map { ["value": $0] }),
                    ])
            }
            if Int.random(in: 0..<6, using: &own) == 0, let (old, fresh) = rename(world, &outcome, &own) {
                if ours.created.contains(old) { ours.created.insert(fresh) }
                if ours.associable.contains(old) { ours.associable.insert(fresh) }
                if ours.marked.contains(old) { ours.marked.insert(fresh) }
            }
            // A list that looks whole and is not.
            if world.sourceOptions != nil, Int.random(in: 0..<3, using: &own) == 0,
                let person = world.directory.people.randomElement(using: &own)
            {
                world.sourceOptions?.leftOut = [person.id]
                outcome.fired["source habit: leaves somebody out", default: 0] += 1
            }
        }
        for (habit, count) in world.client.service.met {
            outcome.fired["habit: \(habit.rawValue)", default: 0] += count
        }
        for (habit, count) in world.source?.met ?? [:] {
            outcome.fired["source habit: \(habit.rawValue)", default: 0] += count
        }
        metByShowing(world.client.service) { outcome.fired["habit: \($0.rawValue)", default: 0] += 1 }
        if let source = world.source {
            metByShowing(source) { outcome.fired["source habit: \($0.rawValue)", default: 0] += 1 }
        }
        if nested != nil { outcome.fired["habit: \(Habit.nestsGroups.rawValue)", default: 0] += 1 }
        return outcome
    }

    /// What random worlds hardly ever have: a group that was made by hand under the name of a team, with an account in
    /// it whose person the team has not; and, where a list leaves one account out, that account with the mark of a
    /// record, on a server that may take every name twice.
    private static func furnish(_ world: World, _ seed: UInt64) throws {
        var own = SeededGenerator(seed: seed &* 32_452_843 &+ 17)
        if Int.random(in: 0..<3, using: &own) == 0, let team = world.directory.teams.randomElement(using: &own),
            !world.documents(.group).contains(where: { $0["displayName"]?.string.map(fold) == fold(team.name) })
        {
            let outsider = world.directory.people.filter {
                !team.members.contains($0.id) && $0.username != nil && $0.status == "enabled"
            }.randomElement(using: &own)
            if let outsider,
                !world.documents(.user).contains(where: {
                    $0["externalId"]?.string == outsider.id
                        || $0["userName"]?.string.map(fold) == outsider.username.map(fold)
                })
            {
                let id = try world.plant(
                    .user,
                    ["userName": .string(outsider.username ?? ""), "externalId": .string(outsider.id), "active": true])
                _ = try? world.plant(.group, ["displayName": .string(team.name), "members": [["value": .string(id)]]])
            }
        }
        guard !world.client.service.options.habits.isDisjoint(with: [.pageDropsOne, .badRecord]),
            Bool.random(using: &own)
        else { return }
        world.client.change { service in
            service.options.uniqueUserNames = false
            guard let id = service.victim(.user), var stored = service.store[.user]?[id],
                let person = world.directory.people.randomElement(using: &own)
            else { return }
            guard !service.documents(.user).contains(where: { $0["externalId"]?.string == person.id }) else { return }
            stored.document["externalId"] = .string(person.id)
            service.remove(.user, id)
            service.put(.user, id, stored.document, created: stored.created)
        }
    }

    /// A day on which a habit shows itself that needs more than chance: what happens is what happens in any company.
    private static func provoke(_ habit: Habit, _ world: World, _ round: Int, _ dice: inout SeededGenerator) {
        func team(_ fits: (Team) -> Bool) -> Int? {
            world.directory.teams.indices.filter { fits(world.directory.teams[$0]) }.randomElement(using: &dice)
        }
        switch habit {
        case .answersWithExisting:
            // A newcomer, whose address an account that was made by hand has.
            let mail = "new\(round)@corp.example"
            _ = try? world.plant(
                .user, ["userName": .string("by-hand-\(round)"), "emails": [["value": .string(mail), "type": "work"]]])
            world.directory.people.append(
                Person(
                    id: "user_new\(round)", username: "new\(round)", displayName: "New Person", email: mail, phone: nil,
                    status: "enabled"))
        case .reusesIDs:
            // Somebody deletes an account by hand, on the day on which a newcomer comes, before or behind its record.
            guard
                let gone = world.documents(.user).filter({ $0["externalId"] != nil }).compactMap({ $0["id"]?.string })
                    .randomElement(using: &dice)
            else { return }
            world.client.change { $0.remove(.user, gone) }
            let id = Bool.random(using: &dice) ? "user_new\(round)" : "a_user_new\(round)"
            world.directory.people.append(
                Person(
                    id: id, username: "new\(round)", displayName: "New Person", email: nil, phone: nil,
                    status: "enabled"))
        case .refusesActiveWithOthers:
            guard
                let index = world.directory.people.indices.filter({ world.directory.people[$0].status == "enabled" })
                    .randomElement(using: &dice)
            else { return }
            world.directory.people[index].status = "disabled"
            world.directory.people[index].displayName = "Renamed, and Gone"
        case .deleteDoesNothing, .refusesDelete:
            guard world.directory.people.count > 2, let person = world.directory.people.randomElement(using: &dice)
            else { return }
            world.directory.people.removeAll { $0.id == person.id }
            for team in world.directory.teams.indices { world.directory.teams[team].members.remove(person.id) }
        case .patchEmptiesGroup:
            guard let index = team({ !$0.members.isEmpty }) else { return }
            world.directory.teams[index].name = "Renamed \(round)"
        case .removeClears:
            guard let index = team({ $0.members.count > 1 }),
                let member = world.directory.teams[index].members.sorted().randomElement(using: &dice)
            else { return }
            world.directory.teams[index].members.remove(member)
        default: break
        }
    }

    /// Gives an account a new id, as a first login or an import does; its mark stays, and its groups. Returns both.
    private static func rename(_ world: World, _ outcome: inout Outcome, _ dice: inout SeededGenerator) -> (
        old: String, fresh: String
    )? {
        guard
            let id = world.documents(.user).filter({ $0["externalId"] != nil }).compactMap({ $0["id"]?.string })
                .randomElement(using: &dice)
        else { return nil }
        let fresh = "9" + id.dropFirst()
        outcome.fired["an id that changes", default: 0] += 1
        world.client.change { service in
            guard let stored = service.store[.user]?[id] else { return }
            let groups = service.documents(.group).compactMap { $0["id"]?.string }.filter { group in
                (service.store[.group]?[group]?.document["members"]?.array ?? []).contains { $0["value"]?.string == id }
            }
            service.remove(.user, id)
            service.put(.user, fresh, stored.document, created: stored.created)
            for group in groups {
                guard var document = service.store[.group]?[group] else { continue }
                document.document["members"] = .array(
                    (document.document["members"]?.array ?? []).filter { $0["value"]?.string != id } + [
                        ["value": .string(fresh), "type": "User"]
                    ])
                service.remove(.group, group)
                service.put(.group, group, document.document, created: document.created)
            }
        }
        return (id, fresh)
    }

    /// Whether a server takes members out of groups by itself.
    private static func loses(_ habit: Habit) -> Bool {
        [.addReplaces, .patchEmptiesGroup, .removeClears].contains(habit)
    }

    /// Puts a group into another one, under an id that a user has too. Returns the id.
    private static func nest(_ world: World) -> Set<String>? {
        guard let group = world.documents(.group).first?["id"]?.string,
            let user = world.documents(.user).first?["id"]?.string
        else { return nil }
        world.client.change { service in
            guard var stored = service.store[.group]?[group] else { return }
            let members = (stored.document["members"]?.array ?? []).filter { $0["value"]?.string != user }
            stored.document["members"] = .array(members + [["value": .string(user), "type": "Group"]])
            service.remove(.group, group)
            service.put(.group, group, stored.document, created: stored.created)
        }
        return [user]
    }

    /// Habits that a simulation of many seeds must have met, each so often.
    ///
    /// Not the refusal of `active` beside other attributes: what the program sends of access it sends alone, so that
    /// only values which are put back after a server gave them to another record ever meet it.
    package static let habitsToMeet: [String] =
        Habit.allCases.filter { $0 != .refusesActiveWithOthers }.map { "habit: \($0.rawValue)" }
        + ofSources.map { "source habit: \($0.rawValue)" }
}
