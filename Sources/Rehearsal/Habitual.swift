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
    static let ofSources: [Habit] = [
        .ignoresStartIndex, .restartsPastEnd, .refusesPastEnd, .failsPastEnd, .missingWhenEmpty, .noTotals,
        .pageDropsOne, .unsortedPages, .badRecord, .longGroupFails, .cutsMembers,
        .hidesInactive, .findsNothing, .hidesMembers, .showsSomeMembers, .nestsCore, .activeAsText, .activeAsNumber,
        .untypedValues, .plainValues, .membersAsLocations, .refusesCount,
        .redirectsToSlash,
    ]

    /// Habits of servers whose lists are whole, however they end.
    static let wholeLists = Set(Habit.allCases).subtracting([
        .ignoresStartIndex, .restartsPastEnd, .missingWhenEmpty, .noTotals, .pageDropsOne, .unsortedPages,
        .badRecord, .longGroupFails, .cutsMembers, .refusesCount, .hidesInactive, .findsNothing, .errorsAsSuccess,
    ])

    /// Habits that need more than a request to show themselves: somebody deleted, a second attribute beside active, a
    /// member that stays.
    static let rare: [Habit] = [
        .answersWithExisting, .dropsExternalID, .refusesActiveWithOthers, .deleteDoesNothing, .refusesDelete,
        .addReplaces, .patchEmptiesGroup, .removeClears, .hidesMembers, .showsSomeMembers,
        .refusesValuePaths, .removeClears, .refusesDelete,
    ]

    /// Habits that are met wherever there is something to show: of a service that shows it.
    static func metByShowing(_ service: SCIMService, _ count: (Habit) -> Void) {
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
        var trial = try HabitualTrial(seed, clock)
        for round in 1...4 {
            guard try await trial.spend(round) else { break }
            // The third night is quiet, and so is the fourth.
            if round < 3 { trial.change(round) }
        }
        trial.count()
        return trial.outcome
    }

    /// What random worlds hardly ever have: a group that was made by hand under the name of a team, with an account in
    /// it whose person the team has not; and, where a list leaves one account out, that account with the mark of a
    /// record, on a server that may take every name twice.
    static func furnish(_ world: World, _ seed: UInt64) throws {
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
    static func provoke(_ habit: Habit, _ world: World, _ round: Int, _ dice: inout SeededGenerator) {
        func team(_ fits: (Team) -> Bool) -> Int? {
            world.directory.teams.indices.filter { fits(world.directory.teams[$0]) }.randomElement(using: &dice)
        }
        switch habit {
        case .answersWithExisting:
            // A newcomer, whose address an account that was made by hand has; then another one, with a colleague's.
            let shared = round > 1 ? world.directory.people.compactMap(\.email).randomElement(using: &dice) : nil
            let mail = shared ?? "new\(round)@corp.example"
            if shared == nil {
                _ = try? world.plant(
                    .user,
                    ["userName": .string("by-hand-\(round)"), "emails": [["value": .string(mail), "type": "work"]]])
            }
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
        case .dropsExternalID:
            let named = world.directory.people.indices.filter { world.directory.people[$0].status == "enabled" }
            guard let index = named.randomElement(using: &dice) else { return }
            world.directory.people[index].username = "renamed\(round)"
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
    static func rename(_ world: World, _ outcome: inout Outcome, _ dice: inout SeededGenerator) -> (
        old: String, fresh: String
    )? {
        guard
            let id = world.documents(.user).filter({ $0["externalId"] != nil }).compactMap({ $0["id"]?.string })
                .randomElement(using: &dice)
        else { return nil }
        let fresh = "9" + id.dropFirst()
        outcome.fired["an id that changes", default: 0] += 1
        world.client.change { $0.move(id, to: fresh) }
        return (id, fresh)
    }

    /// Whether a server takes members out of groups by itself.
    static func loses(_ habit: Habit) -> Bool {
        [.addReplaces, .patchEmptiesGroup, .removeClears].contains(habit)
    }

    /// Puts a group into another one, under an id that a user has too. Returns the id.
    static func nest(_ world: World) -> Set<String>? {
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
