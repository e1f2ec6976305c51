import Directory
import Emulation
import HTTP
import Foundation
import JSON
import Jobs
import Ledger
import Logging
import Provisioning
import Rehearsal
import SCIM
import Simulation
import Testing

@testable import Reconciliation

/// What can still be seen of a target that is not listed, and what a platform asks before it deletes.
@Suite struct ReadBackTests {
    private func world(_ name: String, readBack: String?) throws -> World {
        let platform = try #require(Platform.all.first { $0.name == name })
        let world = try platform.world()
        if let readBack {
            world.jobText = world.jobText.replacingOccurrences(
                of: "  platform: \(name)", with: "  platform: \(name)\n  readBack: \(readBack)")
        }
        world.directory.people = [.named("ada"), .named("bo"), .named("chen")]
        world.directory.teams = [Team(id: "group_1", name: "ops", members: ["user_ada", "user_bo"])]
        return world
    }

    @Test(
        """
        Tencent's accounts and groups that were made by hand may refuse changes: only they wait, and the report \
        says what helps
        """
    )
    func handMade() async throws {
        let platform = try #require(Platform.all.first { $0.name == "tencent-identity-center" })
        let world = try platform.world()
        world.client.change { $0.options.habits = [.keepsHandMade] }
        world.directory.people = [.named("ada"), .named("bo"), .named("chen")]
        world.directory.teams = [
            Team(id: "group_1", name: "ops", members: ["user_ada", "user_bo"]),
            Team(id: "group_2", name: "board", members: ["user_chen"]),
        ]
        _ = try world.plant(.user, platform.stranger("bo"))
        _ = try world.plant(.group, ["displayName": "board"])
        let result = try await world.run()
        #expect(result.report.exit == .recordsFailed)
        #expect(
            result.operations.contains {
                $0.name == "bo" && $0.reason.contains("ManualUserNotUpdate") && $0.reason.contains("made by hand")
            }, "\(result.report.details)")
        #expect(
            result.operations.contains { $0.name == "board" && $0.reason.contains("type Synchronized") },
            "\(result.report.details)")
        #expect(world.members("ops") == ["ada"] && world.user("chen") != nil)
        // Asked again at distances, not each night.
        var asked: [Bool] = []
        for _ in 1...8 {
            asked.append(try await world.run().operations.contains { $0.name == "bo" && $0.status == .failed })
        }
        #expect(asked.filter { $0 }.count < 6 && asked.contains(false), "\(asked)")
    }

    @Test(
        "readBack sees drift and what is gone where the ledger alone does not",
        arguments: ["cloudsso byID", "volcengine-identity-center byID", "volcengine-identity-center list"])
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

    @Test("what a read by id leaves out of a group is no proof that somebody is not in it")
    func hiddenMembers() async throws {
        let platform = try #require(Platform.all.first { $0.name == "volcengine-identity-center" })
        let world = try platform.world { request, _ in
            guard request.head.method == .get, let path = request.head.path,
                let id = path.components(separatedBy: "/Groups/").last, path.contains("/Groups/")
            else { return nil }
            return .answered(
                EmulatedResponse(
                    status: 200,
                    body: Array(
                        "{\"id\":\"\(id)\",\"displayName\":\"ops\",\"externalId\":\"group_1\",\"members\":[]}".utf8)))
        }
        world.jobText = world.jobText.replacingOccurrences(of: "  platform: ", with: "  readBack: byID\n  platform: ")
        world.directory.people = [.named("ada"), .named("bo")]
        world.directory.teams = [Team(id: "group_1", name: "ops", members: ["user_ada", "user_bo"])]
        try await world.run()
        let plan = try await world.plan()
        #expect(plan.planned.isEmpty)
        #expect(plan.report.details.contains { $0.hasPrefix("not verified: 2 memberships") })
        world.directory.teams[0].members = ["user_ada"]
        try await world.run()
        #expect(world.members("ops") == ["ada"])
    }

    @Test(
        """
        one answer that is no document leaves one account unverified, and a 404 from a server that answers \
        nothing by id is not believed
        """
    )
    func gateways() async throws {
        let mode = Recorder()
        let platform = try #require(Platform.all.first { $0.name == "cloudsso" })
        let world = try platform.world { request, _ in
            guard request.head.method == .get, (request.head.path ?? "").contains("/Users/"), let what = mode.all.last
            else { return nil }
            return .answered(
                EmulatedResponse(status: what == "html" ? 200 : 404, body: Array("<html>sign in</html>".utf8)))
        }
        world.jobText = world.jobText.replacingOccurrences(of: "  platform: ", with: "  readBack: byID\n  platform: ")
        world.directory.people = [.named("ada"), .named("bo")]
        try await world.run()
        mode.add("html")
        #expect(try await world.plan().report.details.contains { $0.hasPrefix("not verified: 2") })
        mode.add("404")
        #expect(try await world.plan().planned.isEmpty)
    }

    @Test("R21: of two jobs on one target the second is refused, in the order given", arguments: 0..<5)
    func twins(_: Int) async throws {
        let world = try World()
        world.directory.people = [.named("ada")]
        let first = try Job.read(
            text: world.jobText.replacingOccurrences(of: "job: world", with: "job: one"), path: "one.yaml",
            vocabulary: .current)
        let second = try Job.read(
            text: world.jobText.replacingOccurrences(of: "job: world", with: "job: two"), path: "two.yaml",
            vocabulary: .current)
        let document = world.directory.document()
        let surroundings = Surroundings(
            time: world.clock.time, environment: ["TOKEN": "correct horse"],
            log: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, transport: world.client,
            sourceOverride: FileSource(name: "directory.json") { document })
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
            "rollcall-twins-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let ledgers = try ["one", "two"].map { try Ledger(path: folder.appendingPathComponent("\($0).sqlite").path) }
        let reports = try await Invocation(.run, surroundings: surroundings).execute([
            (first, ledgers[0]), (second, ledgers[1]),
        ])
        #expect(reports.first { $0.job == "one" }?.exit == .inStep)
        #expect(reports.first { $0.job == "two" }?.exit == .jobFile)
    }

    @Test("readBack has no meaning where the list shows everybody, and the job file says so")
    func meaningless() throws {
        let world = try world("tencent-identity-center", readBack: "byID")
        #expect(throws: JobFileError.self) {
            try Job.read(text: world.jobText, path: "world.yaml", vocabulary: .current)
        }
    }

    @Test("Tencent: a leaver leaves an associated group before its delete, also where it was a member before")
    func keptMember() async throws {
        let platform = try #require(Platform.all.first { $0.name == "tencent-identity-center" })
        for mayChangeGroups in [true, false] {
            let world = try platform.world(
                Platform.deleting
                    + (mayChangeGroups
                        ? "" : "\noperations: { users: [create, update, delete], groups: [create, delete] }"))
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
                // It cannot leave the group, so it cannot be deleted; its access ends all the same.
                #expect(
                    result.operation(.disable, "bo")?.reason.contains("operations.groups does not list update") == true)
                #expect(world.user("bo")?["active"] == false)
                #expect(world.client.service.counters["DELETE /Users"] == nil)
                world.directory.people.append(.named("chen"))
                try await world.run()
                world.directory.people.removeLast()
                try await world.run()
                #expect(world.user("chen") == nil, "in no group")
            }
        }
    }

    @Test(
        "check names the likely cause of a refusal",
        arguments: [
            "the source IP is not in the allowlist|allowlist", "SCIM synchronization is disabled|switched off",
            "token expired|has expired", "credential disabled|is disabled",
            "no|likely it has expired",
        ])
    func cause(_ pair: String) async throws {
        let parts = pair.split(separator: "|").map(String.init)
        let world = try World { _, _ in
            .answered(EmulatedResponse(status: 401, body: Array("{\"detail\":\"\(parts[0])\"}".utf8)))
        }
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
