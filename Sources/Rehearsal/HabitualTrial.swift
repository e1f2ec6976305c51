import Emulation
import Foundation
import HTTP
import JSON
import Ledger
import Reconciliation
import SCIM
import Simulation
import Synchronization

extension Trial {
    /// One world whose servers have habits, on its way through its days.
    struct HabitualTrial {
        let seed: UInt64
        let clock: VirtualTime
        var own: SeededGenerator
        var dice: RandomWorld
        let options: ServiceOptions
        let world: World
        let rarity: Habit?
        let reuses: Bool
        /// Whether the source's lists show the first members of a group only, and a newcomer comes before them.
        var cutsSource = false
        /// Whether the server deletes at first, and stops to on the third night.
        let stopsDeleting: Bool
        let nested: Set<String>?
        var ours = Ownership()
        let first: Picture
        /// Members of groups before the first run, but for nested groups, which may have the id of a user.
        let members: [String: Set<String>]
        var known: Set<String> = []
        var wanted: Set<String> = []
        var last: Picture?
        var taken: Set<String> = []
        var outcome = Outcome()

        init(_ seed: UInt64, _ clock: VirtualTime) throws {
            self.seed = seed
            self.clock = clock
            var own = SeededGenerator(seed: seed &* 15_485_863 &+ 11)
            var dice = RandomWorld(seed: seed &* 3 &+ 1_000_000, alwaysGenerous: true)
            var options = dice.options
            options.habits = Set(
                (0..<Int.random(in: 0...4, using: &own)).compactMap { _ in Habit.drawn.randomElement(using: &own) })
            // What hardly any world comes to meet by chance.
            rarity = seed % 5 == 3 ? rare[Int(seed / 5) % rare.count] : nil
            if let rarity {
                options.habits.insert(rarity)
                options.patch = true
            }
            // A rename that is repeated and not stored, where nothing but its name tells whose an account is.
            if rarity == .dropsExternalID, seed / 65 % 2 == 1 { options.habits.insert(.echoes) }
            stopsDeleting = rarity == .deleteDoesNothing && seed / 65 % 2 == 1
            if stopsDeleting {
                options.habits.remove(.deleteDoesNothing)
                dice.policy =
                    dice.policy.split(separator: "\n").filter {
                        !$0.hasPrefix("leavers:") && !$0.hasPrefix("operations:") && !$0.hasPrefix("fullPush:")
                    }.joined(separator: "\n") + "\nleavers: { disable: immediately, delete: immediately }"
            }
            // On some of the others, ids are given again.
            reuses = rarity == nil && seed % 7 == 2
            if reuses { options.habits.insert(.reusesIDs) }
            if rarity == nil, seed % 13 == 4 { options.habits.insert(.ignoresFilters) }
            // A server that ignores both is asked to do what nobody could see.
            if rarity == .deleteDoesNothing || options.habits.contains(.deleteDoesNothing) {
                options.ignoresActive = false
            }
            world = try Self.world(dice.policy, &options, seed, clock)
            world.directory = dice.directory()
            if Bool.random(using: &own) {
                var source = ServiceOptions()
                source.maxResults = Int.random(in: 2...9, using: &own)
                source.habits = Set(
                    (0..<Int.random(in: 0...4, using: &own)).compactMap { _ in ofSources.randomElement(using: &own) })
                // A long group is hardly ever drawn together with a list that cuts it off.
                cutsSource = seed % 11 == 5
                if cutsSource {
                    source.habits = [.cutsMembers]
                    let all = Set(world.directory.people.map(\.id))
                    world.directory.teams.append(Team(id: "group_long", name: "Long Team", members: all))
                }
                world.serveDirectory(source)
            }
            dice.furnish(world)
            try furnish(world, seed)
            nested = options.habits.contains(.nestsGroups) ? nest(world) : nil
            first = Picture(world)
            ours.learn(first, world.directory, dice)
            members = first.groups.filter { $0.value["externalId"] == nil }.mapValues { group in
                Set(
                    (group["members"]?.array ?? []).filter { $0["type"] != "Group" }.compactMap { $0["value"]?.string })
            }
            (self.own, self.dice, self.options) = (own, dice, options)
        }

        /// Where filters are ignored, a page is all that a look-up sees: it counts once a create's answer is lost.
        private static func world(
            _ job: String, _ options: inout ServiceOptions, _ seed: UInt64, _ clock: VirtualTime
        ) throws -> World {
            guard options.habits.contains(.ignoresFilters) else {
                return try World(job: job, options: options, seed: seed, clock: clock)
            }
            (options.uniqueGroupNames, options.maxResults) = (false, 1)
            return try World(job: job, options: options, seed: seed, clock: clock, fault: loseOneCreate())
        }

        /// Loses the answer to the second create of a group.
        private static func loseOneCreate() -> @Sendable (OutgoingRequest, Int) -> InProcessClient.Fault? {
            let creates = Mutex(0)
            return { request, _ in
                guard request.head.method == .post, request.head.path?.hasSuffix("/Groups") == true else { return nil }
                let number = creates.withLock { number in
                    number += 1
                    return number
                }
                return number == 2 ? .answerLost : nil
            }
        }

        /// A plan and a run, judged; false where there is nothing more to see.
        mutating func spend(_ round: Int) async throws -> Bool {
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
            let links = try linked()
            let result = try await world.run()
            outcome.runs += 2
            let isMute = [options.habits, world.sourceOptions?.habits ?? []].contains(where: RandomWorld.isMute)
            if isMute, result.report.exit == .unreachable { return false }
            var broken: [String] = []
            if ![.inStep, .recordsFailed, .held, .sourceIncomplete].contains(result.report.exit) {
                broken.append("ended with \(result.report.exit): \(result.report.details)")
            }
            let after = Picture(world)
            broken += Laws.law10(
                before, after, ours, dice, result,
                rewritten: world.client.service.met[.answersWithExisting] ?? 0 > rewritten)
            broken += Laws.law10(links, before, world.directory, world.ledger)
            ours.add(before, after)
            try learnAnswers(result, before)
            broken += judge(round, plan, result, before, after)
            broken += Laws.law13(world.client.sent - sent, world)
            let made = Trial.twins(world).subtracting(twins)
            if !made.isEmpty { broken.append("law 4: created twice: \(made.sorted().joined(separator: ", "))") }
            last = after
            taken.formUnion(result.operations.filter { $0.situation == .taken }.compactMap(\.targetID))
            let habits = options.habits.union(world.sourceOptions?.habits ?? []).map(\.rawValue).sorted().joined(
                separator: ", ")
            outcome.broken += broken.map { "habits (\(habits)), round \(round): \($0)" }
            return outcome.broken.isEmpty
        }

        private func linked() throws -> [String: String] {
            var links: [String: String] = [:]
            for person in world.directory.people {
                links[person.id] = try world.ledger.link(kind: .user, source: person.id)?.targetID
            }
            return links
        }

        /// An account with which the server answered a create, told: the record's from now on.
        private mutating func learnAnswers(_ result: World.Result, _ before: Picture) throws {
            for operation in result.operations where operation.verb == .create && operation.kind == .user {
                if let source = operation.sourceID,
                    let id = try world.ledger.link(kind: .user, source: source)?.targetID, before.users[id] != nil
                {
                    ours.associable.insert(id)
                }
            }
        }

        private func judge(
            _ round: Int, _ plan: World.Result, _ result: World.Result, _ before: Picture, _ after: Picture
        ) -> [String] {
            var broken: [String] = []
            // What an answer shows and nobody stored is seen by the next night.
            let isEchoed = options.habits.contains(.echoes) && round < 4 || stopsDeleting && round == 3
            if !options.ignoresActive, !isEchoed {
                broken += Laws.law11(
                    result, after, world.directory, known, world.ledger, dice,
                    sourceHidesDisabled: world.sourceOptions?.habits.contains(.hidesInactive) ?? false)
            }
            broken += judgeMembers(result, before, after)
            broken += Laws.law14(plan, result) { [ledger = world.ledger] operation in
                guard let source = operation.sourceID else { return false }
                let link = try? ledger.link(kind: operation.kind, source: source)
                return link?.targetID == operation.targetID
            }
            if let last, !options.habits.contains(.answersWithExisting) {
                broken += Laws.law15(result, since: last, before, told: taken)
            }
            if !isEchoed { broken += Laws.law15(result, after) }
            if options.habits.isSubset(of: Trial.wholeLists) {
                broken += result.report.notes.filter { $0.hasPrefix("target incomplete") }.map {
                    "law 15: a list that is whole is called otherwise: \($0)"
                }
            }
            if options.habits.isEmpty, options.refused.isEmpty { broken += Laws.law16(result, world.directory) }
            let removed = result.operations.filter { $0.verb == .removeMembers }.flatMap {
                $0.members.compactMap(\.targetID)
            }
            if let nested, !nested.isDisjoint(with: removed), round == 1 {
                broken.append("1.8: a nested group was removed as if it were a user")
            }
            return broken
        }

        private func judgeMembers(_ result: World.Result, _ before: Picture, _ after: Picture) -> [String] {
            // What a server empties that shows its groups in part or not at all, nobody can see: what is not shown is
            // added again the next night.
            let isLosing = options.habits.contains(where: Trial.loses)
            let isUnseen = isLosing && !options.habits.isDisjoint(with: [.showsSomeMembers, .hidesMembers])
            var broken = Laws.law12(
                before, after, world.directory, result, strangers: ours.strangers(of: first), dice
            ).filter { !isUnseen || !$0.contains(" any more, nothing took it out") }
            if !dice.policy.contains("exclusive"), !isLosing {
                let here = Set(world.directory.people.filter { $0.status != "disabled" }.map(\.id))
                broken += Laws.keptMembers(members, before, after, wanted: wanted, gone: known.subtracting(here))
            }
            // Nobody leaves because a list left somebody out.
            let source = world.sourceOptions
            broken += Laws.takingAway(before, after, world.directory, dice, strangers: []).filter { line in
                // Of whom a list leaves out, nobody knows that another record has the same name.
                if line.contains("the held member"), source?.leftOut.isEmpty == false { return false }
                // Nor who else is in a group that never shows all of its members, or any.
                if source?.habits.isDisjoint(with: [.showsSomeMembers, .hidesMembers]) == false,
                    line.hasPrefix("R13")
                {
                    return false
                }
                return !isLosing || !line.hasPrefix("R13")
            }
            return broken
        }

        /// What happens between two nights.
        mutating func change(_ round: Int) {
            dice.change(&world.directory)
            dice.meddle(world)
            if stopsDeleting, round == 2 { world.client.change { $0.options.habits.insert(.deleteDoesNothing) } }
            if let rarity { provoke(rarity, world, round, &own) }
            if reuses {
                var others = SeededGenerator(seed: seed &* 49_979_687 &+ UInt64(round))
                provoke(.reusesIDs, world, round, &others)
            }
            if cutsSource, let team = world.directory.teams.firstIndex(where: { $0.id == "group_long" }) {
                world.directory.people.append(.named("anew\(round)", id: "a_new\(round)"))
                world.directory.teams[team].members.insert("a_new\(round)")
            }
            // Somebody puts everybody into a group of his own: what is deleted then is in use.
            if options.habits.contains(.refusesDelete) {
                _ = try? world.plant(
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

        /// Counts which habits were met.
        mutating func count() {
            for (side, service) in [("habit", world.client.service), ("source habit", world.source)] {
                guard let service else { continue }
                for (habit, count) in service.met { outcome.fired["\(side): \(habit.rawValue)", default: 0] += count }
                metByShowing(service) { outcome.fired["\(side): \($0.rawValue)", default: 0] += 1 }
            }
            if nested != nil { outcome.fired["habit: \(Habit.nestsGroups.rawValue)", default: 0] += 1 }
        }
    }
}
