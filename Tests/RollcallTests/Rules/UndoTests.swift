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

/// R30: what a run did is taken back by a plan like any other.
@Suite struct UndoTests {
    @Test(
        "a day of every kind is taken back: created ones go, deleted ones come back under a new id, with their groups")
    func everything() async throws {
        let world = try await World.ofUndo()
        let bo = world.user("bo")?["id"]?.string
        try world.plant(.user, ["userName": "fay", "displayName": "Was here"])
        let before = Trial.story(world)
        world.directory.people = [
            .named("ada", displayName: "Another"), .named("chen", status: "disabled"), .named("fay"), .named("new"),
        ]
        world.directory.teams = [
            Team(id: "group_1", name: "Ops 2", members: ["user_ada", "user_new", "user_fay"]),
            Team(id: "group_2", name: "Dev", members: ["user_chen"]),
        ]
        #expect(try await world.run().report.exit == .inStep)
        #expect(Trial.story(world) != before)
        let run = try world.lastRun()
        let look = try await world.invoke(.undo(run: run, writes: false))
        #expect(look.report.exit == .pending)
        #expect(
            look.operation(.delete, "new") != nil && look.operation(.create, "bo") != nil
                && look.operation(.dissociate, "fay") != nil)
        let undone = try await world.invoke(.undo(run: run, writes: true))
        #expect(undone.report.exit == .inStep, "\(undone.report.details)")
        #expect(undone.report.details.contains { $0.contains("1 deleted object created again, each under a new id") })
        #expect(Trial.story(world) == before)
        #expect(try world.ledger.lastWriting(10).first { $0.id == run }?.undo == .whole(try world.lastRun()))
        #expect(world.user("bo")?["id"]?.string != bo)
        // It stays, until its source record changes.
        let next = try await world.run()
        #expect(next.planned.isEmpty && next.operations.contains { $0.heldBy == .restored && $0.name == "bo" })
        #expect(Trial.story(world) == before)
        world.directory.people[0].displayName = "A third name"
        try await world.run()
        #expect(world.user("ada")?["displayName"] == "A third name")
        #expect(world.user("new") == nil)
        world.permissions.release = true
        try await world.run()
        #expect(world.user("new") != nil && world.user("bo") == nil && world.members("Ops 2") == ["ada", "new", "fay"])
    }

    @Test(
        "a deleted account whose delete got no answer is created again; one that was gone when the delete came is told")
    func doubtful() async throws {
        for (losesAnswer, isBack) in [(true, true), (false, false)] {
            let fails = Switch()
            let world = try World(
                job: World.job(
                    """
                    leavers: { disable: immediately, delete: immediately }\nlimits: { users.delete: none, \
                    source.shrink: none }
                    """
                )
            ) { request, _ in
                guard fails.isOn, request.head.method == .delete else { return nil }
                return losesAnswer ? .answerLost : .answered(EmulatedResponse(status: 404))
            }
            world.directory.people = [.named("ada"), .named("bo"), .named("chen")]
            try await world.run()
            world.directory.people.removeAll { $0.id == "user_bo" }
            fails.isOn = true
            try await world.run()
            fails.isOn = false
            let run = try world.lastRun()
            if losesAnswer { #expect(world.user("bo") == nil) }
            let undone = try await world.invoke(.undo(run: run, writes: true))
            if isBack {
                #expect(world.user("bo") != nil, "\(undone.report.details)")
            } else {
                #expect(
                    undone.operations.contains { $0.name == "bo" && $0.reason.contains("cannot be restored") },
                    "\(undone.operations.map(\.reason))")
            }
        }
    }

    @Test(
        """
        what was restored is let go when its record leaves the scope, and stays when somebody looks at a plan \
        with another mapping
        """
    )
    func letGo() async throws {
        let world = try World(
            job: World.job().replacingOccurrences(
                of: "path: directory.json", with: "path: directory.json, scope: { groups: [group_1] }"))
        world.directory.people = [.named("ada"), .named("bo"), .named("chen"), .named("dara")]
        world.directory.teams = [
            Team(id: "group_1", name: "Ops", members: ["user_ada", "user_bo", "user_chen", "user_dara"])
        ]
        try await world.run()
        world.directory.people[0].displayName = "Another"
        try await world.run()
        _ = try await world.invoke(.undo(run: try world.lastRun(), writes: true))
        #expect(world.user("ada")?["displayName"] != "Another")
        let job = world.jobText
        world.jobText = job + "\nmapping: { title: { from: username } }"
        #expect(try await world.plan().report.exit == .pending)
        world.jobText = job
        #expect(try await world.run().operations.contains { $0.name == "ada" && $0.heldBy == .restored })
        #expect(world.user("ada")?["displayName"] != "Another")
        world.directory.teams[0].members.remove("user_ada")
        try await world.run()
        #expect(world.user("ada")?["active"] == false)
    }

    @Test("what somebody changed since is left alone and told, the rest is restored")
    func changedSince() async throws {
        let world = try await World.ofUndo()
        world.directory.people[0].displayName = "Another"
        world.directory.people[1].displayName = "Another too"
        try await world.run()
        let run = try world.lastRun()
        let ada = try #require(world.user("ada")?["id"]?.string)
        try world.client.change { try $0.meddle(.user, ada) { $0["displayName"] = "By hand" } }
        let undone = try await world.invoke(.undo(run: run, writes: true))
        #expect(undone.report.exit == .recordsFailed)
        #expect(undone.report.details.joined().contains("somebody changed it since"))
        #expect(world.user("ada")?["displayName"] == "By hand")
        #expect(world.user("bo")?["displayName"] == "Bo Example")
    }

    @Test("an undo passes the gate: more deletes than the limit hold it")
    func gate() async throws {
        let world = try World(job: World.job("limits: { users.delete: 2 }"))
        world.directory.people = [.named("ada"), .named("bo"), .named("chen")]
        try await world.run()
        let run = try world.lastRun()
        let held = try await world.invoke(.undo(run: run, writes: true))
        #expect(held.report.exit == .held)
        #expect(world.documents(.user).count == 3)
        world.permissions.allow = [.usersDelete: 3]
        #expect(try await world.invoke(.undo(run: run, writes: true)).report.exit == .inStep)
        #expect(world.documents(.user).isEmpty)
    }

    @Test("a killed undo is finished by the next one, and no run in between takes it back")
    func killed() async throws {
        let cut = Switch()
        let world = try World(job: World.job("limits: { users.delete: none }")) { request, _ in
            cut.isOn && request.head.method == .delete && (request.head.path ?? "").hasSuffix("3") ? .notSent : nil
        }
        world.directory.people = [.named("ada"), .named("bo"), .named("chen")]
        try await world.run()
        let run = try world.lastRun()
        cut.isOn = true
        _ = try await world.invoke(.undo(run: run, writes: true))
        cut.isOn = false
        #expect(world.documents(.user).count == 1)
        try await world.run()
        #expect(world.documents(.user).count == 1)
        #expect(try await world.invoke(.undo(run: run, writes: true)).report.exit == .inStep)
        #expect(world.documents(.user).isEmpty)
    }

    @Test("a name that somebody else has by now is never taken over; a failed operation is not taken back")
    func taken() async throws {
        let refuses = Switch()
        let world = try World(
            job: World.job(
                """
                leavers: { disable: immediately, delete: immediately }\nlimits: { users.delete: none, \
                users.disable: none, users.clear: none, source.shrink: none }
                """
            )
        ) {
            request, _ in
            refuses.isOn && request.head.method == .patch ? .answered(EmulatedResponse(status: 400)) : nil
        }
        world.directory.people = [.named("ada"), .named("bo"), .named("chen")]
        try await world.run()
        world.directory.people.removeAll { $0.id == "user_bo" }
        world.directory.people[1].status = "disabled"
        refuses.isOn = true
        try await world.run()
        refuses.isOn = false
        let run = try world.lastRun()
        // chen is disabled by hand, and another bo arrives.
        let chen = try #require(world.user("chen")?["id"]?.string)
        try world.client.change { try $0.meddle(.user, chen) { $0["active"] = false } }
        world.directory.people.append(.named("bo", id: "user_newbo"))
        try await world.run()
        let bo = try #require(world.user("bo")?["id"]?.string)
        let undone = try await world.invoke(.undo(run: run, writes: true))
        #expect(undone.report.exit == .recordsFailed)
        #expect(
            undone.report.details.joined().contains("its name or externalId is by now that of the object \(bo)"),
            "\(undone.report.details)")
        #expect(world.user("bo")?["externalId"] == "user_newbo")
        #expect(world.user("chen")?["active"] == false)
    }

    @Test("a look with --release releases nothing, and after an undo a leaver's term begins anew")
    func release() async throws {
        let world = try World(
            job: World.job(
                """
                leavers: { disable: immediately, delete: 3d }\nlimits: { users.delete: none, users.disable: none, \
                source.shrink: none }
                """
            ))
        world.directory.people = [.named("ada"), .named("bo")]
        try await world.run()
        world.directory.people.removeLast()
        try await world.run()
        _ = try await world.invoke(.undo(run: try world.lastRun(), writes: true))
        #expect(world.user("bo")?["active"] == true)
        world.permissions.release = true
        try await world.plan()
        world.permissions.release = false
        for _ in 1...6 { try await world.run() }
        #expect(world.user("bo")?["active"] == true)
        world.permissions.release = true
        try await world.run()
        #expect(world.user("bo")?["active"] == false)
        world.permissions.release = false
        for _ in 1...2 { try await world.run() }
        #expect(world.user("bo") != nil)
        try await world.run()
        #expect(world.user("bo") == nil)
    }

    @Test("an association that enabled an account is given up, and the account is disabled again")
    func enablingAssociation() async throws {
        let world = try World(job: World.job(existing: "{ users: associate, disabled: associate }"))
        world.directory.people = [.named("ada")]
        try world.plant(.user, ["userName": "ada", "active": false])
        let before = Trial.story(world)
        try await world.run()
        #expect(world.user("ada")?["active"] == true)
        let run = try world.lastRun()
        #expect(try await world.invoke(.undo(run: run, writes: true)).report.exit == .inStep)
        #expect(Trial.story(world) == before)
        #expect(try world.ledger.link(kind: .user, source: "user_ada") == nil)
        // And back again, in one.
        _ = try await world.invoke(.undo(run: try world.lastRun(), writes: true))
        #expect(world.user("ada")?["active"] == true && world.user("ada")?["externalId"] == "user_ada")
        #expect(try world.ledger.link(kind: .user, source: "user_ada")?.origin == .associated)
    }

    @Test(
        "what was in doubt goes back to what it was, also where the ledger stands for the target",
        arguments: ["cloudsso", "volcengine-identity-center"])
    func doubted(name: String) async throws {
        let loses = Switch()
        let platform = try #require(Platform.all.first { $0.name == name })
        let world = try platform.world { request, _ in loses.isOn && request.head.method == .patch ? .answerLost : nil }
        world.directory.people = [.named("ada"), .named("bo")]
        world.directory.people[0].email = "old@corp.example"
        world.directory.teams = [Team(id: "group_1", name: "ops", members: ["user_bo"])]
        try await world.run()
        let before = Trial.story(world)
        world.directory.people[0].email = "new@corp.example"
        world.directory.people[0].displayName = "another"
        world.directory.teams[0].name = "operations"
        loses.isOn = true
        try await world.run()
        loses.isOn = false
        #expect(Trial.story(world) != before)
        let run = try world.lastRun()
        let doubtful = try World(world, at: try world.moment())
        _ = try await doubtful.invoke(.undo(run: run, writes: true))
        #expect(Trial.story(doubtful) == before)
        // Sent once more, what it was before is one address, in words and on the wire.
        let again = try await world.run()
        let field = again.operation(.update, "ada")?.fields.first { $0.path == "emails[work]" }
        #expect(field?.before == "\"old@corp.example\"", "\(field.debugDescription)")
        _ = try await world.invoke(.undo(run: try world.lastRun(), writes: true))
        #expect(
            world.user("ada")?["emails"]?.array?.compactMap { $0["value"]?.string } == ["old@corp.example"],
            "\(world.user("ada")?.canonical ?? "")")
    }

    @Test("what is not linked any more is told, and not left out in silence")
    func notLinked() async throws {
        let world = try await World.ofUndo()
        world.directory.people[0].displayName = "Another"
        world.directory.people[1].displayName = "Also another"
        try await world.run()
        let run = try world.lastRun()
        let id = try #require(world.user("bo")?["id"]?.string)
        world.client.change { $0.remove(.user, id) }
        world.directory.people.remove(at: 1)
        world.directory.teams[0].members.remove("user_bo")
        try await world.run()
        let undone = try await world.invoke(.undo(run: run, writes: true))
        #expect(
            undone.operations.contains {
                $0.name == "bo" && $0.heldBy == .notRestorable && $0.reason.contains("not linked any more")
            }, "\(undone.operations.map(\.reason))")
    }

    @Test("somebody who was disabled since is disabled, whatever became of the mapping meanwhile")
    func disabledSince() async throws {
        let world = try await World.ofUndo()
        world.directory.people[0].displayName = "Another"
        try await world.run()
        _ = try await world.invoke(.undo(run: try world.lastRun(), writes: true))
        world.jobText += "\nmapping: { title: { from: displayName } }"
        world.directory.people[0].status = "disabled"
        try await world.run()
        #expect(world.user("ada")?["active"] == false)
    }

    @Test(
        "R28: an undo frees an e-mail address before somebody else takes it",
        arguments: ["aws-identity-center", "huawei-identity-center"])
    func addresses(name: String) async throws {
        let platform = try #require(Platform.all.first { $0.name == name })
        let world = try platform.world(Platform.deleting)
        world.directory.people = [.named("ada"), .named("old")]
        world.directory.people[1].email = "desk@corp.example"
        try await world.run()
        let before = Trial.story(world)
        world.directory.people.removeLast()
        try await world.run()
        world.directory.people[0].email = "desk@corp.example"
        var dara = Person.named("dara")
        dara.email = "ada@corp.example"
        world.directory.people.append(dara)
        try await world.run()
        let last = try world.lastRun()
        for run in [last, last - 1] {
            let undone = try await world.invoke(.undo(run: run, writes: true))
            #expect(undone.report.exit == .inStep, "\(undone.report.details) \(undone.operations.map(\.reason))")
        }
        #expect(Trial.story(world) == before)
    }
}

extension World {
    /// Three people, two of them in a group, and no limits: the world before a day that is taken back.
    static func ofUndo() async throws -> World {
        let world = try World(
            job: World.job(
                """
                leavers: { disable: immediately, delete: immediately }\nlimits: { users.delete: none, \
                users.disable: none, users.clear: none, source.shrink: none, memberships.remove: none, \
                groups.delete: none }
                """
            ))
        world.directory.people = [.named("ada"), .named("bo"), .named("chen")]
        world.directory.teams = [Team(id: "group_1", name: "Ops", members: ["user_ada", "user_bo"])]
        try await world.run()
        return world
    }

    func lastRun() throws -> Int64 { try #require(try ledger.lastRun(isBaseline: false)?.id) }
}
