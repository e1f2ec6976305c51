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

    @Test("12, 1.4: an undo says where an account is that has another id by now, and takes it back after the next run")
    func moved() async throws {
        let world = try World()
        world.directory.people = ["ada", "bo"].map { .named($0) }
        world.directory.teams = [Team(id: "group_1", name: "Ops", members: ["user_bo"])]
        try await world.run()
        let run = try world.lastRun()
        let ada = try #require(world.user("ada"))
        let old = try #require(ada["id"]?.string)
        world.client.change { $0.remove(.user, old) }
        let moved = try world.plant(.user, ada)
        #expect(moved != old)
        let early = try await world.invoke(.undo(run: run, writes: false))
        #expect(
            early.operations.contains { $0.name == "ada" && $0.reason.contains("is \(moved) by now") },
            "\(early.operations.map(\.reason))")
        try await world.run()
        // Somebody else has come into the group since.
        let group = try #require(world.group("Ops"))
        let stranger = try world.plant(.user, ["userName": "stranger", "active": true])
        world.client.change {
            try? $0.meddle(.group, group["id"]?.string ?? "") {
                $0["members"] = .array((group["members"]?.array ?? []) + [["value": .string(stranger)]])
            }
        }
        let undone = try await world.invoke(.undo(run: run, writes: true))
        #expect(
            world.user("ada") == nil && world.user("bo") == nil && world.group("Ops") == nil,
            "\(undone.report.details) \(undone.report.headline)")
        #expect(
            undone.operations.contains {
                $0.verb == .delete && $0.reason.contains("1 member that this job did not put there end with it")
            }, "\(undone.operations.map(\.reason))")
    }
}
