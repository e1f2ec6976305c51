import Emulation
import JSON
import Reconciliation
import SCIM
import Simulation

/// An eventful day on one platform: killed at every moment, or with faults.
extension Trial {
    /// A day with everything in it, on one platform: killed after each ledger write and each delivery of its run, and
    /// also before each delivery that follows a write. Each time the next runs must reach the end of the unbroken one.
    package static func exhaustive(_ platform: Platform, seed: UInt64 = 1) throws -> Outcome {
        let executor = SeededExecutor(seed: seed)
        return try executor.run { try await exhaustive(platform, seed, VirtualTime(executor)) }
    }

    private static func exhaustive(_ platform: Platform, _ seed: UInt64, _ clock: VirtualTime) async throws -> Outcome {
        var outcome = Outcome()
        let world = try await eventful(platform, seed, clock)
        outcome.runs += 1
        let start = try world.moment()
        let unbroken = try World(world, at: start)
        let watch = Watch(unbroken)
        _ = try await unbroken.run()
        watch.end()
        // What the first night could not do for good reason, the second may.
        let end = try await unbroken.run()
        let expected = story(unbroken)
        outcome.runs += 2
        if ![.inStep, .recordsFailed].contains(end.report.exit) {
            outcome.broken.append(
                "\(platform.name): the unbroken day ends with \(end.report.exit): \(end.report.details)")
        }
        for (number, moment) in watch.moments.enumerated() {
            // Started again at once, a minute or a day later.
            let next = try World(world, at: moment, gap: [1, 60, 86400][number % 3])
            var last = try await next.run()
            outcome.runs += 1
            if story(next) != expected || last.report.exit != end.report.exit {
                last = try await next.run()
                outcome.runs += 1
            }
            outcome.fired["kill", default: 0] += 1
            outcome.broken += try Laws.settled(last, next.ledger).map {
                "\(platform.name), killed at moment \(number + 1): \($0)"
            }
            judge(next, expected, last, end.report.exit, "\(platform.name), killed at moment \(number + 1)", &outcome)
            let again = try await next.plan()
            outcome.broken += Laws.law1(last, again).map { "\(platform.name), killed at moment \(number + 1): \($0)" }
        }
        return outcome
    }

    /// A world on a platform, after a quiet day, with everything about to happen at once: creates, an account that is
    /// there already, changes, a ring of names, a disabling, leavers, memberships.
    private static func eventful(_ platform: Platform, _ seed: UInt64, _ clock: VirtualTime) async throws -> World {
        let world = try platform.world(
            Platform.deleting + "\npace: { requestsPerSecond: 100, concurrency: 3 }", seed: seed, clock: clock)
        world.directory.people = ["ada", "bo", "chen", "dara", "elif"].map { .named($0) }
        if platform.hasGroups {
            world.directory.teams = [
                Team(id: "group_1", name: "ops", members: ["user_ada", "user_chen"]),
                Team(id: "group_2", name: "dev", members: ["user_dara", "user_elif"]),
            ]
        }
        try world.plant(.user, platform.stranger("eve"))
        try await world.run()
        try world.plant(.user, platform.stranger("fay"))
        let swapped: [Person] =
            platform.mayRename
            ? [.named("bo", id: "user_ada"), .named("ada", id: "user_bo")]
            : [.named("ada", displayName: "ada anew"), .named("bo")]
        world.directory.people =
            swapped + [
                .named("chen", status: "disabled"), .named("fay"), .named("newcomer"),
                .named("elif", displayName: "elif anew"),
            ]
        if platform.hasGroups {
            world.directory.teams = [
                Team(id: "group_1", name: "ops-2", members: ["user_bo", "user_fay", "user_newcomer"]),
                Team(id: "group_3", name: "new", members: ["user_ada", "user_elif"]),
            ]
        }
        return world
    }

    /// The eventful day on a platform, with faults; then days without.
    static func platformFaults(_ seed: UInt64, _ clock: VirtualTime) async throws -> Outcome {
        var outcome = Outcome()
        let platform = Platform.all[Int(seed / 32) % Platform.all.count]
        let world = try await eventful(platform, seed, clock)
        let plan = FaultPlan(
            seed: seed, options: world.client.service.options, isBlind: !platform.isListed,
            hidesMembers: platform.hidesMembers)
        let start = try world.moment()
        let unbroken = try World(world, at: start)
        _ = try await unbroken.run()
        let exit = try await unbroken.run().report.exit
        let expected = story(unbroken)
        let night = try World(world, at: start) { request, number in plan.fault(request, number) }
        _ = try await night.run()
        outcome.fired.merge(plan.fired.counts, uniquingKeysWith: +)
        outcome.runs += 4
        let next = try World(world, at: try night.moment(), gap: 60)
        var last = try await next.run()
        for _ in 1...3 where story(next) != expected || last.report.exit != exit {
            last = try await next.run()
            outcome.runs += 1
        }
        let what = "\(platform.name), faults \(plan.kinds.map(\.rawValue).joined(separator: ", ")) at \(plan.rate) ‰"
        if plan.meddled {
            if !twins(next).isEmpty { outcome.broken.append("law 4: \(what): created twice: \(twins(next).sorted())") }
        } else {
            judge(next, expected, last, exit, what, &outcome)
        }
        outcome.broken += try Laws.settled(last, next.ledger).map { "\(what): \($0)" }
        outcome.broken += Laws.law1(last, try await next.plan()).map { "\(what): \($0)" }
        return outcome
    }
}
