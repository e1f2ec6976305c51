import Emulation
import Simulation
import Rehearsal
import Testing

@testable import Reconciliation

/// R30, R32: an undo and what the target's list does not show.
@Suite struct UndoUnseenTests {
    @Test("12, 2.5: a disabling is taken back where the target lists active accounts alone")
    func hidden() async throws {
        var options = ServiceOptions()
        options.habits = [.hidesInactive]
        let world = try World(options: options)
        world.directory.people = ["ada", "bo", "cy"].map { .named($0) }
        world.directory.teams = [Team(id: "group_1", name: "Ops", members: ["user_ada", "user_bo"])]
        try await world.run()
        world.directory.people[1].status = "disabled"
        world.directory.teams[0].members = ["user_ada"]
        let day = try await world.run()
        #expect(day.report.exit == .inStep, "\(day.report.details)")
        #expect(world.user("bo")?["active"] == false && world.members("Ops") == ["ada"])
        let undone = try await world.invoke(.undo(run: try world.lastRun(), writes: true))
        #expect(undone.report.exit == .inStep, "\(undone.report.details) \(undone.operations.map(\.reason))")
        #expect(world.user("bo")?["active"] == true && world.members("Ops") == ["ada", "bo"])
    }

    @Test("one hidden account that nobody may look at keeps no other from being taken back, and is told")
    func closed() async throws {
        let closed = Recorder()
        var options = ServiceOptions()
        options.habits = [.hidesInactive]
        let world = try World(options: options) { request, _ in
            guard request.head.method == .get, let id = closed.all.first,
                request.head.path?.hasSuffix("/Users/\(id)") == true
            else { return nil }
            return .answered(EmulatedResponse(status: 403))
        }
        world.directory.people = ["ada", "bo", "cy"].map { .named($0) }
        try await world.run()
        for index in 0...1 { world.directory.people[index].status = "disabled" }
        #expect(try await world.run().report.exit == .inStep)
        closed.add(try #require(world.user("ada")?["id"]?.string))
        let undone = try await world.invoke(.undo(run: try world.lastRun(), writes: true))
        #expect(undone.report.exit == .recordsFailed && world.user("bo")?["active"] == true)
        #expect(
            world.user("ada")?["active"] == false
                && undone.operations.contains { $0.name == "ada" && $0.reason.contains("a look fails") },
            "\(undone.operations.map(\.reason))")
    }
}
