import Emulation
import HTTP
import Foundation
import JSON
import Jobs
import Provisioning
import SCIM
import Simulation
import Testing

@testable import Reconciliation

/// What can still be seen of a target that is not listed, and what a platform asks before it deletes.
@Suite struct ReadBackTests {
    private func world(_ name: String, readBack: String?) throws -> World {
        let platform = try #require(Platform.all.first { $0.name == name })
        let world = try platform.world()
        if let readBack { world.jobText = world.jobText.replacingOccurrences(of: "  platform: \(name)", with: "  platform: \(name)\n  readBack: \(readBack)") }
        world.directory.people = [.named("ada"), .named("bo"), .named("chen")]
        world.directory.teams = [Team(id: "group_1", name: "ops", members: ["user_ada", "user_bo"])]
        return world
    }

    @Test("readBack sees drift and what is gone where the ledger alone does not", arguments: ["cloudsso byID", "volcengine-identity-center byID", "volcengine-identity-center list"])
    func drift(_ how: String) async throws {
        let parts = how.split(separator: " ").map(String.init)
        for readBack in [nil, parts[1]] {
            let world = try world(parts[0], readBack: readBack)
            #expect(try await world.run().report.exit == .inStep)
            let ada = try #require(world.user("ada")?["id"]?.string)
            let chen = try #require(world.user("chen")?["id"]?.string)
            try world.client.change { service in
                try service.meddle(.user, ada) { $0["displayName"] = "somebody else" }
                service.remove(.user, chen)
            }
            let plan = try await world.plan()
            if readBack == nil {
                #expect(plan.planned.isEmpty)
                #expect(plan.report.details.contains { $0.hasPrefix("not verified: 4") })
            } else {
                #expect(plan.operation(.update, "ada")?.fields.map(\.path) == ["displayName"])
                #expect(plan.situation("chen") == .missing)
                #expect(!plan.report.details.contains { $0.hasPrefix("not verified") })
                #expect(try await world.run().report.exit == .inStep)
                #expect(world.user("chen") != nil)
                #expect(try await world.plan().report.headline.hasPrefix("No changes."))
            }
        }
    }

    @Test("readBack: byID sees a member that somebody took out, where a group shows its members")
    func members() async throws {
        let world = try world("cloudsso", readBack: "byID")
        try await world.run()
        let group = try #require(world.group("ops")?["id"]?.string)
        let ada = try #require(world.user("ada")?["id"]?.string)
        try world.client.change { try $0.meddle(.group, group) { $0["members"] = [["value": .string(ada)]] } }
        #expect(try await world.plan().operation(.addMembers, "ops")?.members.compactMap(\.sourceID) == ["user_bo"])
    }

    @Test("readBack has no meaning where the list shows everybody, and the job file says so")
    func meaningless() throws {
        let world = try world("tencent-identity-center", readBack: "byID")
        #expect(throws: JobFileError.self) { try Job.read(text: world.jobText, path: "world.yaml", vocabulary: .current) }
    }

    @Test("Tencent: a leaver leaves an associated group before its delete, also where it was a member before")
    func keptMember() async throws {
        let platform = try #require(Platform.all.first { $0.name == "tencent-identity-center" })
        for mayChangeGroups in [true, false] {
            let world = try platform.world(Platform.deleting + (mayChangeGroups ? "" : "\noperations: { users: [create, update, delete], groups: [create, delete] }"))
            world.directory.people = [.named("ada"), .named("bo")]
            try await world.run()
            let ids = ["ada", "bo"].compactMap { world.user($0)?["id"]?.string }
            try world.plant(.group, ["displayName": "ops", "members": .array(ids.map { ["value": .string($0)] })])
            world.directory.teams = [Team(id: "group_1", name: "ops", members: ["user_ada"])]
            try await world.run()
            world.directory.people.removeLast()
            let result = try await world.run()
            if mayChangeGroups {
                #expect(result.report.exit == .inStep)
                #expect(world.user("bo") == nil)
                #expect(world.members("ops") == ["ada"])
            } else {
                #expect(result.operation(.delete, "bo")?.heldBy == "operations")
                #expect(world.client.service.counters["DELETE /Users"] == nil)
            }
        }
    }

    @Test(
        "check names the likely cause of a refusal",
        arguments: [
            "the source IP is not in the allowlist|allowlist", "SCIM synchronization is disabled|switched off", "token expired|has expired", "credential disabled|is disabled",
            "no|likely it has expired",
        ])
    func cause(_ pair: String) async throws {
        let parts = pair.split(separator: "|").map(String.init)
        let world = try World { _, _ in .answered(EmulatedResponse(status: 401, body: Array("{\"detail\":\"\(parts[0])\"}".utf8))) }
        world.directory.people = [.named("ada")]
        let result = try await world.plan()
        #expect(result.report.exit == .credentials)
        #expect(result.report.details.joined().contains(parts[1]), "\(result.report.details)")
    }

    @Test("the digest of a profile is the same however its sets are ordered, and another for another profile")
    func digest() {
        #expect(Set(Profile.all.map(\.canonical)).count == Profile.all.count)
        for profile in Profile.all {
            let copy = try? JSONDecoder().decode(Profile.self, from: JSONEncoder().encode(profile))
            #expect(copy?.canonical == profile.canonical)
        }
        var other = Profile.ram
        other.memberReading = [.ledger, .byID]
        var reversed = Profile.ram
        reversed.memberReading = [.byID, .ledger]
        #expect(other.canonical != reversed.canonical)
    }
}
