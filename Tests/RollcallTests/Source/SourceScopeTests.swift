import Directory
import Emulation
import Foundation
import HTTP
import JSON
import Jobs
import Ledger
import Logging
import Rehearsal
import SCIM
import Simulation
import Testing

@testable import Reconciliation

/// What a scope means: units, groups, the application's own, and a scope that changes.
extension SourceTests {
    // MARK: scope

    private func names(_ world: World) -> Set<String> {
        Set(world.documents(.user).filter { $0["active"] != false }.compactMap { $0["userName"]?.string })
    }
    private func people(_ numbers: some Sequence<Int>) -> Set<String> {
        Set(numbers.map { "person\(IDaaS.padded($0))" })
    }

    @Test(
        "units with those below or alone, whether the service's unit lists are deep or not", arguments: Reader.allCases,
        [false, true])
    func units(reader: Reader, isDeep: Bool) async throws {
        for (scope, expected) in [
            ("organizationalUnits: [ou_dev]", people((0..<24).filter { $0 % 3 != 2 })),
            ("organizationalUnits: [ou_dev], recursive: false", people((0..<24).filter { $0 % 3 == 0 })),
            ("organizationalUnits: [ou_lab]", people((0..<24).filter { $0 % 3 == 1 })),
            ("groups: [group_b]", people(21..<24)),
            ("organizationalUnits: [ou_lab], groups: [group_a]", people((0..<24).filter { $0 % 3 == 1 || $0 < 11 })),
        ] {
            let world = try IDaaS.world(reader, source: "  scope: { \(scope) }")
            world.client.changeDirectory { $0.options.unitListsAreDeep = isDeep }
            let result = try await world.run()
            #expect(result.report.exit == .inStep, "\(scope): \(result.told)")
            #expect(names(world) == expected, "\(scope)")
            #expect(world.documents(.group).count == (scope.contains("group_") ? 1 : 0), "\(scope)")
            let quiet = try await world.plan()
            #expect(quiet.report.headline.hasPrefix("No changes."), "\(scope): \(quiet.told)")
        }
    }

    @Test(
        "who enters is created, who leaves is a leaver, and the reason says what was left", arguments: Reader.allCases)
    func entersAndLeaves(reader: Reader) async throws {
        let world = try IDaaS.world(reader, source: "  scope: { organizationalUnits: [ou_dev], groups: [group_b] }")
        try await world.run()
        world.client.changeDirectory { service in
            service.directory.move(user: "user_00003", to: ["ou_ops"])
            service.directory.move(user: "user_00005", to: ["ou_lab"])
            service.directory.set(members: ["user_00021", "user_00022"], of: "group_b")
            service.directory.remove(user: "user_00004")
        }
        let result = try await world.run()
        func reason(_ name: String) -> String { result.operation(.disable, "person\(name)")?.reason ?? "none" }
        #expect(reason("00003").hasPrefix("left organizational unit R&D"), "\(reason("00003"))")
        #expect(reason("00023").hasPrefix("left group Team B"), "\(reason("00023"))")
        #expect(
            reason("00004").hasPrefix(
                reader == .application ? "no longer in the application's provisioning scope" : "no longer in the source"
            ), "\(reason("00004"))")
        #expect(result.operation(.create, "person00005") != nil)
        #expect(result.report.exit == .inStep, "\(result.told)")
        #expect(try await world.plan().report.headline.hasPrefix("No changes."))
        // Back in the unit, it is the same account again.
        let before = world.user("person00003")?["id"]
        world.client.changeDirectory { $0.directory.move(user: "user_00003", to: ["ou_dev"]) }
        try await world.run()
        #expect(world.user("person00003")?["id"] == before && world.user("person00003")?["active"] == true)
    }

    @Test("disabled users are out of a scope of enabled ones, and who says nothing stays")
    func status() async throws {
        let world = try IDaaS.world(.byToken, source: "  scope: { status: enabled }")
        try await world.run()
        world.client.changeDirectory { service in
            service.directory.change(user: "user_00001") { $0["status"] = "disabled" }
            service.directory.change(user: "user_00002") { $0["status"] = "frozen" }
        }
        let result = try await world.run()
        #expect(
            result.operation(.disable, "person00001")?.reason.contains("source.scope.status is enabled") == true,
            "\(result.operations)")
        #expect(world.user("person00002")?["active"] == true)
    }

    @Test(
        """
        a scope that changed holds the leavers that it causes, in plan and run, night after night, until it is \
        accepted
        """,
        arguments: Reader.allCases)
    func changedScope(reader: Reader) async throws {
        let world = try IDaaS.world(reader, source: "  scope: { organizationalUnits: [ou_dev, ou_ops] }")
        try await world.run()
        world.jobText = IDaaS.job(reader, source: "  scope: { organizationalUnits: [ou_dev] }")
        world.client.changeDirectory { $0.directory.remove(user: "user_00000") }
        for _ in 1...3 {
            let result = try await world.run()
            let held = result.operations.filter { $0.heldBy == .scopeChange }.compactMap(\.sourceID)
            // Where gone and out of sight are one, who is gone is held as well.
            #expect(Set(held).isSuperset(of: (0..<8).map { "user_\(IDaaS.padded($0 * 3 + 2))" }), "\(result.told)")
            #expect(names(world).isSuperset(of: people((0..<8).map { $0 * 3 + 2 })))
        }
        world.permissions.acceptScopeChange = true
        try await world.run()
        #expect(names(world) == people((1..<24).filter { $0 % 3 != 2 }))
    }

    @Test(
        "with an application given, its provisioning scope is the job's, and its change in IDaaS is a change of scope")
    func applicationScope() async throws {
        let world = try IDaaS.world(.byToken, source: "  application: \(IDaaS.application)")
        world.client.changeDirectory { service in
            service.options.applications[IDaaS.application]?.units = ["ou_lab"]
            service.options.applications[IDaaS.application]?.groups = ["group_b"]
        }
        let first = try await world.run()
        #expect(first.report.exit == .inStep, "\(first.told)")
        #expect(names(world) == people((0..<24).filter { $0 % 3 == 1 || $0 > 20 }))
        world.client.changeDirectory { $0.options.applications[IDaaS.application]?.groups = [] }
        let second = try await world.run()
        #expect(second.operations.contains { $0.heldBy == .scopeChange } && second.takingAway.isEmpty, "\(second.told)")
        world.client.changeDirectory { $0.options.applications[IDaaS.application]?.units = [] }
        let empty = try await world.run()
        #expect(empty.report.exit == .sourceIncomplete && empty.told.contains("no user in scope"), "\(empty.told)")
    }

    @Test("an application's scope that shrank in IDaaS holds who is out of its sight", arguments: [Reader.application])
    func applicationSight(reader: Reader) async throws {
        let world = try IDaaS.world(reader)
        world.client.changeDirectory { service in
            service.options.applications[IDaaS.application]?.units = ["ou_dev", "ou_ops"]
            service.options.applications[IDaaS.application]?.groups = ["group_b"]
        }
        try await world.run()
        world.client.changeDirectory { $0.options.applications[IDaaS.application]?.units = ["ou_dev"] }
        for _ in 1...2 {
            let result = try await world.run()
            #expect(
                result.takingAway.isEmpty && result.operations.contains { $0.heldBy == .scopeChange }, "\(result.told)")
        }
        world.permissions.acceptScopeChange = true
        #expect(try await !world.run().takingAway.isEmpty)
    }

    @Test("who leaves by scope leaves the groups that stay behind, too, and a held change of scope is told")
    func leavesGroups() async throws {
        let world = try IDaaS.world(.byToken)
        try await world.run()
        world.jobText = IDaaS.job(.byToken, source: "  scope: { groups: [group_b] }")
        let held = try await world.run()
        #expect(held.report.exit == .recordsFailed && held.told.contains("--accept-scope-change"), "\(held.told)")
        #expect(world.members("Team A").count == 11)
        world.permissions.acceptScopeChange = true
        let result = try await world.run()
        #expect(result.report.exit == .inStep, "\(result.told)")
        #expect(world.members("Team A").isEmpty && world.members("Team B").count == 3)
        #expect(try await world.plan().report.headline.hasPrefix("No changes."))
    }
}
