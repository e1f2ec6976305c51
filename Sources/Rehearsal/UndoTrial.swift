import Planning
import Emulation
import JSON
import Reconciliation
import SCIM
import Simulation

extension Trial {
    /// A day with everything in it on one platform, taken back: the target is as it was, but for the ids of what was
    /// deleted and what the run says that it cannot restore; and it stays so.
    static func undo(_ seed: UInt64, _ clock: VirtualTime) async throws -> Outcome {
        let platform = Platform.all[Int(seed / 32) % Platform.all.count]
        return try await undo(platform, seed, clock)
    }

    package static func undo(_ platform: Platform, seed: UInt64) throws -> Outcome {
        let executor = SeededExecutor(seed: seed)
        return try executor.run { try await undo(platform, seed, VirtualTime(executor)) }
    }

    private static func undo(_ platform: Platform, _ seed: UInt64, _ clock: VirtualTime) async throws -> Outcome {
        var dice = SeededGenerator(seed: seed &* 41 &+ 7)
        var outcome = Outcome()
        let world = try platform.world(Platform.deleting, seed: seed, clock: clock)
        world.directory.people = people(6)
        let ids = world.directory.people.map(\.id)
        if platform.hasGroups {
            world.directory.teams = [
                Team(id: "group_1", name: "ops", members: [ids[0], ids[1], ids[2]]),
                Team(id: "group_2", name: "dev", members: [ids[3], ids[4]]),
                Team(id: "group_3", name: "gone", members: [ids[1], ids[5]]),
            ]
        }
        _ = try await world.run()
        try world.plant(.user, platform.stranger("person8"))
        let before = story(world)
        spendDay(world, platform, ids, &dice)
        // Every third day is one of faults, and every third is killed: the undo then finds writes of which nobody knows
        // the outcome.
        let first = try world.ledger.lastWriting(1).first?.id ?? 0
        let start = try world.moment()
        let plan = FaultPlan(
            seed: seed, options: world.client.service.options, isBlind: !platform.isListed,
            hidesMembers: platform.hidesMembers)
        let trouble = ["a quiet day", "a day of faults", "a killed day"][Int(seed % 3)]
        var day = try World(world, at: start) { request, number in
            trouble == "a day of faults" && !plan.kinds.contains(.overtaken) ? plan.fault(request, number) : nil
        }
        let watch = Watch(day, choosingBy: SeededGenerator(seed: seed &* 59 &+ 3), onlyWhileApplying: true)
        let report = try await day.run().report
        watch.end()
        outcome.fired.merge(plan.fired.counts, uniquingKeysWith: +)
        if trouble == "a killed day", let moment = watch.moments.first {
            day = try World(world, at: moment, gap: 60)
        } else {
            day = try World(world, at: try day.moment())
        }
        return try await undo(
            day, after: first, platform, before, wasWhole: trouble == "a quiet day",
            "\(platform.name), \(trouble): \(report.headline)", outcome)
    }

    /// What may happen in a day; each with even odds, so that every seed is another day.
    private static func spendDay(
        _ world: World, _ platform: Platform, _ ids: [String], _ dice: inout SeededGenerator
    ) {
        func happens() -> Bool { Bool.random(using: &dice) }
        if happens() { world.directory.people.append(.named("person7")) }
        // On some platforms an account that is there is associated, on others it is taken over or in conflict.
        let isMet = happens()
        if isMet { world.directory.people.append(.named("person8")) }
        if happens() { world.directory.people[0].displayName = "Another Name" }
        if happens(), platform.mayRename { world.directory.people[1].username = "renamed" }
        if happens() { world.directory.people[2].status = "disabled" }
        if happens(), platform.mayRename {
            (world.directory.people[3].username, world.directory.people[4].username) = ("person4", "person3")
        }
        if happens() {
            world.directory.people.removeAll { $0.id == ids[5] }
            for index in world.directory.teams.indices { world.directory.teams[index].members.remove(ids[5]) }
        }
        if platform.hasGroups {
            if happens() {
                world.directory.teams[0].members = isMet ? [ids[0], ids[3], "user_person8"] : [ids[0], ids[3]]
            }
            if happens() { world.directory.teams[1].name = "dev-2" }
            if happens() { world.directory.teams.removeLast() }
            if happens() { world.directory.teams.append(Team(id: "group_4", name: "new", members: [ids[0]])) }
        }
    }

    /// Takes back the last run of a world, and holds what comes of it against what was before.
    private static func undo(
        _ world: World, after first: Int64, _ platform: Platform, _ before: [String], wasWhole: Bool, _ what: String,
        _ sofar: Outcome
    ) async throws -> Outcome {
        var outcome = sofar
        // None where the day was killed before its first write.
        let number = try world.ledger.lastWriting(1).first { $0.id > first }?.id ?? 0
        world.permissions.firstRun = false
        let undone = try await world.invoke(.undo(run: number, writes: true))
        outcome.runs += 3
        guard undone.report.plan != nil else {
            // Nothing was written, so there was nothing to take back.
            if story(world) != before { outcome.broken.append("undo: \(what): refused: \(undone.report.details)") }
            return outcome
        }
        let after = story(world)
        let admitted = Set(undone.operations.filter { $0.reason.hasPrefix("cannot be restored") }.map(\.name))
        // What a record that is admitted would be, and its place in groups, is left out; the rest must be as it was.
        func known(_ lines: [String]) -> Set<String> { Set(without(admitted, lines)) }
        let more = known(after).subtracting(known(before)).sorted(),
            less = known(before).subtracting(known(after)).sorted()
        if !more.isEmpty || !less.isEmpty {
            outcome.broken.append(
                """
                undo: \(what): has \(more.prefix(3)) and lacks \(less.prefix(3)); \(undone.report.headline) \
                \(undone.operations.map { PlanDigest.line($0) + " — " + $0.reason })
                """
            )
        }
        // It stays so, and a second undo finds nothing to do.
        // But for members who leave as leavers of their own.
        func records(_ result: World.Result) -> Set<String> {
            Set(
                result.operations.filter {
                    $0.status == .done && ![.none, .link, .unlink, .removeMembers].contains($0.verb)
                }.map { "\($0.kind) \($0.sourceID ?? "")" })
        }
        let next = try await world.run()
        // What the day did not come to was not taken back, and is done now.
        if wasWhole ? story(world) != after : !records(next).isDisjoint(with: records(undone)) {
            outcome.broken.append(
                "R30: \(what): the next run took the undo back: \(next.operations.map { PlanDigest.line($0) })")
        }
        let then = story(world)
        let again = try await world.invoke(.undo(run: number, writes: true))
        if story(world) != then {
            outcome.broken.append(
                "undo: \(what): a second undo changed something: \(again.operations.map { PlanDigest.line($0) })")
        }
        // Released, the source's will is done again.
        world.permissions.release = true
        let released = try await world.run()
        world.permissions.release = false
        outcome.broken += Laws.law1(released, try await world.plan()).map { "undo: \(what): released: \($0)" }
        return outcome
    }
}
