import Emulation
import HTTP
import JSON
import Jobs
import Ledger
import Rehearsal
import SCIM
import Simulation
import Testing

@testable import Reconciliation

/// R30: runs are taken back newest first; what stands in an undo's way, and what counts for nothing.
@Suite struct UndoOrderTests {
    @Test("an undo refuses when later runs touched the same objects, and names them")
    func touched() async throws {
        let world = try await World.ofUndo()
        world.directory.people[0].displayName = "Another"
        try await world.run()
        let run = try world.lastRun()
        world.directory.people[0].displayName = "A third name"
        try await world.run()
        let refused = try await world.invoke(.undo(run: run, writes: true))
        #expect(refused.report.exit == .stale)
        #expect(refused.report.details.joined().contains("ada (run 3)"))
        #expect(try await world.invoke(.undo(run: 999, writes: true)).report.exit == .usage)
    }

    @Test("runs are taken back one after the other, newest first")
    func chain() async throws {
        let world = try await World.ofUndo()
        let before = Trial.story(world)
        world.directory.people[0].displayName = "Another"
        try await world.run()
        let first = try world.lastRun()
        world.directory.people[0].displayName = "A third name"
        try await world.run()
        let second = try world.lastRun()
        #expect(try await world.invoke(.undo(run: first, writes: true)).report.exit == .stale)
        #expect(try await world.invoke(.undo(run: second, writes: true)).report.exit == .inStep)
        #expect(try await world.invoke(.undo(run: first, writes: true)).report.exit == .inStep)
        #expect(Trial.story(world) == before)
    }

    @Test("an undo can be undone")
    func twice() async throws {
        let world = try await World.ofUndo()
        world.directory.people[0].displayName = "Another"
        world.directory.people.removeLast()
        try await world.run()
        let after = Trial.story(world)
        _ = try await world.invoke(.undo(run: try world.lastRun(), writes: true))
        #expect(Trial.story(world) != after)
        _ = try await world.invoke(.undo(run: try world.lastRun(), writes: true))
        #expect(Trial.story(world) == after)
    }

    @Test("an undo that was undone counts for nothing: what it took back is in force")
    func undoneUndo() async throws {
        let world = try await World.ofUndo()
        let first = try world.lastRun()
        world.directory.people[0].displayName = "Another"
        try await world.run()
        let second = try world.lastRun()
        _ = try await world.invoke(.undo(run: second, writes: true))
        _ = try await world.invoke(.undo(run: try world.lastRun(), writes: true))
        let refused = try await world.invoke(.undo(run: first, writes: false))
        #expect(
            refused.report.exit == .stale && refused.report.details.joined().contains("ada (run \(second))"),
            "\(refused.report.details)")
        #expect(try world.ledger.lastWriting(10).filter(\.isUndone).map(\.id) == [second + 1])
    }

    @Test("whoever was created, and put into a group by a later run, is not taken back before that run")
    func laterMembership() async throws {
        let refuses = Switch()
        let world = try World(job: World.job("limits: { users.delete: none, memberships.remove: none }")) {
            request, _ in
            refuses.isOn && request.head.method == .patch ? .answered(EmulatedResponse(status: 400)) : nil
        }
        world.directory.people = [.named("ada"), .named("bo")]
        world.directory.teams = [Team(id: "group_1", name: "Ops", members: ["user_ada"])]
        try await world.run()
        let before = Trial.story(world)
        world.directory.people.append(.named("dara"))
        try await world.run()
        let run = try world.lastRun()
        world.directory.teams[0].members.insert("user_dara")
        try await world.run()
        let later = try world.lastRun()
        let refused = try await world.invoke(.undo(run: run, writes: true))
        #expect(
            refused.report.exit == .stale && refused.report.details.joined().contains("dara (run \(later))"),
            "\(refused.report.details)")
        // A membership that could not be taken back stands in the way as before.
        refuses.isOn = true
        _ = try await world.invoke(.undo(run: later, writes: true))
        #expect(try await world.invoke(.undo(run: run, writes: true)).report.exit == .stale)
        #expect(try world.ledger.lastWriting(10).first { $0.id == later }?.undo == .part(later + 2))
        refuses.isOn = false
        _ = try await world.invoke(.undo(run: later, writes: true))
        _ = try await world.invoke(.undo(run: run, writes: true))
        #expect(Trial.story(world) == before)
    }

    @Test("a later run whose write got no answer stands in an undo's way like any other, in the look and in the undo")
    func laterDoubt() async throws {
        let loses = Switch()
        let world = try World(job: World.job()) { request, _ in
            loses.isOn && request.head.method == .patch ? .answerLost : nil
        }
        world.directory.people = [.named("ada"), .named("bo")]
        try await world.run()
        let run = try world.lastRun()
        world.directory.people[0].displayName = "Another"
        loses.isOn = true
        try await world.run()
        loses.isOn = false
        #expect(try await world.invoke(.undo(run: run, writes: false)).report.exit == .stale)
        #expect(try await world.invoke(.undo(run: run, writes: true)).report.exit == .stale)
        #expect(world.user("ada") != nil && world.user("bo") != nil)
    }

    @Test(
        """
        an association's memberships are taken back with it, also by a second undo, and before a later run's \
        nothing is given up
        """
    )
    func associatedMember() async throws {
        let refuses = Switch()
        let world = try World(job: World.job()) { request, _ in
            refuses.isOn && request.head.method == .patch && (request.head.path ?? "").contains("/Groups/")
                ? .answered(EmulatedResponse(status: 400)) : nil
        }
        world.directory.people = [.named("ada")]
        world.directory.teams = [Team(id: "group_1", name: "Ops", members: ["user_ada"])]
        try await world.run()
        try world.plant(.user, ["userName": "fay"])
        let before = Trial.story(world)
        world.directory.people.append(.named("fay"))
        world.directory.teams[0].members.insert("user_fay")
        try await world.run()
        let run = try world.lastRun()
        refuses.isOn = true
        #expect(try await world.invoke(.undo(run: run, writes: true)).report.exit == .recordsFailed)
        #expect(world.members("Ops") == ["ada", "fay"])
        refuses.isOn = false
        #expect(try await world.invoke(.undo(run: run, writes: true)).report.exit == .inStep)
        #expect(Trial.story(world) == before)
        world.permissions.release = true
        world.directory.teams[0].members.remove("user_fay")
        try await world.run()
        world.permissions.release = false
        let association = try world.lastRun()
        world.directory.teams[0].members.insert("user_fay")
        try await world.run()
        let refused = try await world.invoke(.undo(run: association, writes: true))
        #expect(
            refused.report.exit == .stale && refused.report.details.joined().contains("fay (run"),
            "\(refused.report.details)")
    }
}
