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

/// Who has access is never taken for granted: not after a write that was ignored, not behind a hold, not where one
/// object is closed.
@Suite struct AccessTests {
    private static let generous =
        """
        limits: { source.shrink: none, users.delete: none, users.disable: none, users.clear: none, groups.delete: \
        none, memberships.remove: none }
        """

    private func sets(_ active: Bool, _ request: OutgoingRequest) -> Bool {
        let body = String(decoding: request.body, as: UTF8.self)
        return request.head.method == .patch && body.contains("active") && body.contains("\(active)")
    }

    @Test(
        """
        R40: a PUT of a disabled account says that it is disabled, also where the server leaves active out when \
        it is false
        """
    )
    func putOfDisabled() async throws {
        let world = try World(
            job: World.job(Self.generous),
            options: {
                var options = ServiceOptions()
                options.patch = false
                options.habits = [.omitsInactive]
                return options
            }())
        world.directory.people = ["ada", "bo"].map { .named($0) }
        try await world.run()
        world.directory.people[0].status = "disabled"
        #expect(try await world.run().report.exit == .inStep)
        world.directory.people[0].displayName = "Another Name"
        #expect(try await world.run().report.exit == .inStep)
        #expect(world.user("ada")?["active"] == false && world.user("ada")?["displayName"] == "Another Name")
    }

    @Test(
        """
        R9: a disable that the target accepts and ignores fails every night until it is done, also where the \
        ledger stands for the target
        """
    )
    func ignoredDisable() async throws {
        for platform in Platform.all where platform.hasActiveFlag {
            let ignores = Switch()
            let world = try platform.world { request, _ in
                ignores.isOn && sets(false, request) ? .ignored(isShown: true) : nil
            }
            world.directory.people = [.named("ada"), .named("bo")]
            try await world.run()
            world.directory.people.removeLast()
            ignores.isOn = true
            for night in 1...3 {
                let result = try await world.run()
                #expect(
                    result.report.exit == .recordsFailed && result.operation(.disable, "bo")?.status == .failed,
                    "\(platform.name), night \(night): \(result.report.details)")
            }
            ignores.isOn = false
            #expect(try await world.run().report.exit == .inStep)
            #expect(world.user("bo")?["active"] == false, "\(platform.name)")
        }
    }

    @Test(
        """
        whoever comes back is enabled again, also when the first attempt was ignored, and where the job does not \
        map active
        """
    )
    func ignoredEnable() async throws {
        for (mapping, status) in [("", nil as String?), ("\nmapping: { active: null }", "enabled")] {
            let ignores = Switch()
            let world = try World(job: World.job(Self.generous + mapping)) { request, _ in
                ignores.isOn && sets(true, request) ? .ignored(isShown: true) : nil
            }
            world.directory.people = [.named("ada", status: status), .named("bo", status: status)]
            try await world.run()
            world.directory.people.removeLast()
            try await world.run()
            #expect(world.user("bo")?["active"] == false)
            world.directory.people.append(.named("bo", status: status))
            ignores.isOn = true
            #expect(try await world.run().report.exit == .recordsFailed)
            ignores.isOn = false
            #expect(try await world.run().report.exit == .inStep)
            #expect(world.user("bo")?["active"] == true, "mapping “\(mapping)”")
            #expect(try await world.plan().report.headline.hasPrefix("No changes."))
        }
    }

    @Test("whoever comes back disabled, where the job does not map active, is enabled when the source enables")
    func backDisabled() async throws {
        let world = try World(job: World.job(Self.generous + "\nmapping: { active: null }"))
        world.directory.people = [.named("ada"), .named("bo")]
        try await world.run()
        world.directory.people.removeLast()
        try await world.run()
        var bo = Person.named("bo", status: "disabled")
        bo.displayName = "Bo B."
        world.directory.people.append(bo)
        for _ in 1...2 { try await world.run() }
        #expect(world.user("bo")?["active"] == false && world.user("bo")?["displayName"] == "Bo B.")
        world.directory.people[1].status = "enabled"
        try await world.run()
        #expect(world.user("bo")?["active"] == true)
        #expect(try await world.plan().report.headline.hasPrefix("No changes."))
    }

    @Test("what nobody may read back is not taken for done", arguments: ["generic", "huawei-identity-center"])
    func unreadable(name: String) async throws {
        let isListed = name == "generic"
        let closed = Switch()
        let platform = try #require(Platform.all.first { $0.name == name })
        let world = try platform.world { request, _ in
            guard closed.isOn, (request.head.path ?? "").contains("/Users/") else { return nil }
            return request.head.method == .get
                ? .answered(EmulatedResponse(status: 403)) : sets(false, request) ? .ignored(isShown: false) : nil
        }
        world.directory.people = [.named("ada"), .named("bo")]
        try await world.run()
        world.directory.people.removeLast()
        closed.isOn = true
        let night = try await world.run()
        let why = night.operation(.disable, "bo")?.reason ?? ""
        // The list may tell what the object itself does not.
        #expect(
            night.report.exit == .recordsFailed && why.contains(isListed ? "shows true" : "lets nobody look"),
            "\(night.report.details)")
        closed.isOn = false
        #expect(try await world.run().report.exit == .inStep)
        #expect(world.user("bo")?["active"] == false)
    }

    @Test(
        "one account that may not be looked at keeps neither the others nor the run's end away",
        arguments: ["cloudsso", "volcengine-identity-center"])
    func closedAccount(name: String) async throws {
        let closed = Switch()
        let platform = try #require(Platform.all.first { $0.name == name })
        let world = try platform.world(Platform.deleting) { request, _ in
            closed.isOn && request.head.method == .get && (request.head.path ?? "").contains("/Users/")
                && (request.head.path ?? "").hasSuffix("1") ? .answered(EmulatedResponse(status: 403)) : nil
        }
        world.directory.people = (0..<4).map { .named("person\($0)") }
        try await world.run()
        world.directory.people = []
        world.directory.people = [.named("person3")]
        closed.isOn = true
        let night = try await world.run()
        #expect(night.report.exit == .recordsFailed, "\(night.report.details)")
        #expect(["person0", "person1", "person2"].filter { world.user($0) != nil }.count == 1)
        closed.isOn = false
        #expect(try await world.run().report.exit == .inStep)
    }

    @Test("R27: a delete that waits for a permission is listed each night, also once its account is disabled")
    func listedDelete() async throws {
        let platform = try #require(Platform.all.first { $0.name == "tencent-identity-center" })
        let world = try platform.world(
            Platform.deleting + "\noperations: { users: [create, update, delete], groups: [create, delete] }")
        world.directory.people = [.named("ada"), .named("bo")]
        try await world.run()
        let ids = ["ada", "bo"].compactMap { world.user($0)?["id"]?.string }
        try world.plant(.group, ["displayName": "ops", "members": .array(ids.map { ["value": .string($0)] })])
        world.directory.people.removeLast()
        for _ in 1...3 {
            try await world.run()
            #expect(world.user("bo")?["active"] == false)
        }
        let night = try await world.run()
        let delete = try #require(night.operation(.delete, "bo"))
        #expect(
            delete.status == .held && delete.heldBy == .operations && delete.reason.contains("groups"),
            "\(delete.reason)")
    }

    @Test("R17: a recycled address never delays somebody's own disabling")
    func recycledAndDisabled() async throws {
        let world = try World(job: World.job(Self.generous))
        var old = Person.named("old")
        old.email = "desk@corp.example"
        world.directory.people = [.named("ada"), old]
        try await world.run()
        world.directory.people.removeLast()
        try await world.run()
        // The push has made an account for somebody new, who gets the leaver's address, and is disabled.
        try world.plant(.user, ["userName": "fay", "externalId": "user_fay", "active": true])
        var fay = Person.named("fay", status: "disabled")
        fay.email = "desk@corp.example"
        world.directory.people.append(fay)
        let night = try await world.run()
        #expect(night.operations.contains { $0.name == "fay" && $0.heldBy == .recycledMail })
        #expect(world.user("fay")?["active"] == false)
        // The hold of the address does not release itself, also when she is enabled, until the leaver's account is
        // gone.
        for status in ["disabled", "enabled"] {
            world.directory.people[world.directory.people.count - 1].status = status
            let next = try await world.run()
            #expect(
                next.operations.contains { $0.name == "fay" && $0.heldBy == .recycledMail }
                    && next.report.exit == .recordsFailed, "\(next.report.details)")
            #expect(world.user("fay")?["emails"] == nil && world.user("fay")?["active"] == .bool(status == "enabled"))
        }
        // Also not when she leaves, and comes back disabled; and she is put into no group meanwhile.
        let fayAgain = world.directory.people.removeLast()
        try await world.run()
        world.directory.people.append(fayAgain)
        world.directory.people[world.directory.people.count - 1].status = "disabled"
        world.directory.teams = [Team(id: "group_1", name: "Ops", members: ["user_ada", "user_fay"])]
        for _ in 1...2 { try await world.run() }
        world.directory.people[world.directory.people.count - 1].status = "enabled"
        try await world.run()
        #expect(
            world.user("fay")?["emails"] == nil && world.user("fay")?["active"] == true
                && world.members("Ops") == ["ada"])
        let id = try #require(world.user("old")?["id"]?.string)
        world.client.change { $0.remove(.user, id) }
        #expect(try await world.run().report.exit == .inStep)
        try await world.run()
        #expect(world.user("fay")?["emails"] != nil && world.members("Ops") == ["ada", "fay"])
    }

    @Test("somebody new who gets an address only later does not get a leaver's")
    func laterAddress() async throws {
        let world = try World(job: World.job(Self.generous))
        world.directory.people = [.named("ada"), .named("old"), .named("dara")]
        world.directory.people[1].email = "desk@corp.example"
        world.directory.people[2].email = nil
        try await world.run()
        world.directory.people.remove(at: 1)
        world.directory.people[1].email = "desk@corp.example"
        let night = try await world.run()
        #expect(
            night.operations.contains { $0.name == "dara" && $0.heldBy == .recycledMail }
                && world.user("dara")?["emails"] == nil)
        // Whoever had an address of his own may take over another.
        world.directory.people[0].email = "desk@corp.example"
        world.directory.people.removeLast()
        try await world.run()
        #expect(world.user("ada")?["emails"]?.array?.first?["value"] == "desk@corp.example")
    }

    @Test("members of which a part was added before the target failed are not “not done”")
    func partlyAdded() async throws {
        let refuses = Switch()
        let counter = Counter()
        let world = try World(job: World.job(Self.generous)) { request, _ in
            guard refuses.isOn, request.head.method == .patch, (request.head.path ?? "").contains("/Groups/") else {
                return nil
            }
            switch counter.next() {
            case 1: return .answered(EmulatedResponse(status: 400))
            case 2: return nil
            default: return .answered(EmulatedResponse(status: 429))
            }
        }
        world.directory.people = (0..<4).map { .named("person\($0)") }
        world.directory.teams = [Team(id: "group_1", name: "Ops", members: [])]
        try await world.run()
        let before = Trial.story(world)
        world.directory.teams[0].members = Set(world.directory.people.map(\.id))
        refuses.isOn = true
        let night = try await world.run()
        #expect(world.members("Ops").count == 2)
        #expect(night.operation(.addMembers, "Ops")?.status == .sent, "\(night.report.details)")
        refuses.isOn = false
        let run = try #require(try world.ledger.lastRun(isBaseline: false)?.id)
        _ = try await world.invoke(.undo(run: run, writes: true))
        #expect(Trial.story(world) == before)
    }

    @Test(
        "R40: groups that cannot be read keep nobody's access; they are left alone, told, and 69",
        arguments: [500, 501, 403])
    func closedGroups(status: Int) async throws {
        let closed = Switch()
        let world = try World(
            job: World.job(
                "limits: { source.shrink: none, users.disable: none, users.delete: none, memberships.remove: none }")
        ) { request, _ in
            guard closed.isOn, (request.head.path ?? "").contains("/Groups") else { return nil }
            return .answered(EmulatedResponse(status: status))
        }
        world.directory.people = [.named("ada"), .named("bo")]
        world.directory.teams = [Team(id: "g", name: "ops", members: ["user_ada", "user_bo"])]
        try await world.run()
        closed.isOn = true
        world.directory.people.removeLast()
        world.directory.teams[0].members = ["user_ada"]
        let night = try await world.run()
        #expect(world.user("bo")?["active"] == false, "\(night.report.details)")
        #expect(
            night.report.exit == .unreachable
                && night.report.details.contains { $0.contains("the groups cannot be read") },
            "\(night.report.details)")
        #expect(world.members("ops") == ["ada", "bo"])
        closed.isOn = false
        let next = try await world.run()
        #expect(next.report.exit == .inStep && world.members("ops") == ["ada"], "\(next.report.details)")
    }
}
