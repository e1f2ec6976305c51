import Rehearsal
import SCIM
import Testing

@testable import Reconciliation

/// Who loses something is named where an operator looks first.
@Suite struct TakingTests {
    @Test("16 A: a plan and a run name who loses access and why, by display name and user name, and whom a group loses")
    func named() async throws {
        let world = try World(
            job: World.job(
                """
                leavers: { disable: immediately, delete: 30d }\nlimits: { source.shrink: none, users.disable: \
                none, memberships.remove: none }
                """
            ))
        world.directory.people = ["ada", "bo", "carol", "dan"].map { .named($0) }
        world.directory.people[0].displayName = "Ada Byrne"
        world.directory.teams = [Team(id: "g", name: "On-Call", members: ["user_ada", "user_carol", "user_dan"])]
        #expect(try await world.run().report.exit == .inStep)
        world.directory.people[1].status = "disabled"
        world.directory.people.removeFirst()
        world.directory.teams[0].members = ["user_dan"]
        let plan = try await world.plan()
        #expect(
            plan.report.details.contains {
                $0.hasPrefix("takes access away: disable Ada Byrne (ada): no longer in the source")
            }, "\(plan.report.details)")
        #expect(
            plan.report.details.contains {
                $0.hasPrefix("takes access away: disable ") && $0.contains("bo")
                    && $0.contains("disabled in the source")
            })
        #expect(
            plan.report.details.contains {
                $0.hasPrefix("takes access away: members On-Call: − ") && $0.contains("Ada Byrne (ada)")
                    && $0.contains("carol")
            })
        let run = try await world.run()
        #expect(
            run.report.details.contains { $0.hasPrefix("took access away: disable Ada Byrne (ada)") },
            "\(run.report.details)")
        let quiet = try await world.plan()
        #expect(!quiet.report.details.contains { $0.contains("access away") })
    }

    @Test("16 A: a held run names whom it holds; more than fifty are counted")
    func held() async throws {
        let world = try World(job: World.job("limits: { source.shrink: none }"))
        world.directory.people = (0..<120).map { .named("person\($0)") }
        #expect(try await world.run().report.exit == .inStep)
        world.directory.people.removeLast(60)
        let run = try await world.run()
        #expect(run.report.exit == .held)
        let lines = run.report.details.filter { $0.hasPrefix("held, and not written: disable ") }
        #expect(
            lines.count == 50 && lines.allSatisfy { !$0.contains("users.disable") }
                && run.report.details.contains("… and 10 more, in the CSV"), "\(run.report.details.prefix(4))")
        #expect(world.documents(.user).allSatisfy { $0["active"] != false })
        // The morning after, status still says which limit it was, and what lets it go.
        #expect(try world.ledger.lastRun(isBaseline: false)?.summary?.contains("--allow users.disable=60") == true)
    }

    @Test("16 D: quiet nights over inert records hardly grow the ledger, and each still tells how many there are")
    func quietLedger() async throws {
        let world = try World(job: World.job())
        world.directory.people = (0..<400).map { .named("person\($0)") }
        for index in 10..<400 { world.directory.people[index].status = "disabled" }
        _ = try await world.run()
        _ = try await world.run()
        let before = try world.ledger.bytes()
        for _ in 1...20 {
            let night = try await world.run()
            #expect(
                night.report.exit == .inStep
                    && night.report.details.contains { $0.contains("390 records listed without an operation") },
                "\(night.report.details)")
        }
        // A run's own row, and what SQLite rounds up: under a kilobyte a night.
        #expect(try world.ledger.bytes() - before <= 20 * 1024)
    }
}
