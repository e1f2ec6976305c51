import Emulation
import Foundation
import HTTP
import JSON
import Planning
import Reconciliation
import Rehearsal
import SCIM
import Simulation
import Testing

/// R1, R17, R31, R40: whose an object is, on servers that answer in ways of their own.
@Suite struct OwnershipTests {
    private static let immediate =
        """
        leavers: { disable: immediately, delete: immediately }
        limits: { source.shrink: none, users.disable: none, users.delete: none, memberships.remove: none }
        """

    /// A server that answers the creates of some names with a status and a time of its own.
    private func world(_ strange: @escaping @Sendable (String) -> (status: Int, created: String)?) throws -> World {
        try World(job: World.job(Self.immediate + "\npace: { concurrency: 1 }")) { request, _ in
            guard request.head.method == .post, (request.head.path ?? "").hasSuffix("/Users"),
                let body = try? JSONValue(parsing: request.body), let name = body["userName"]?.string,
                let answer = strange(name)
            else { return nil }
            var document = body
            document["id"] = .string("u-\(name)")
            document["meta"] = ["created": .string(answer.created), "resourceType": "User"]
            return .answered(
                EmulatedResponse(
                    status: answer.status, headers: [("Date", "Mon, 21 Sep 2026 14:13:20 GMT")],
                    body: document.canonicalBytes))
        }
    }

    @Test("R31: creates that were answered as taken over before the first new account are judged by it as well")
    func judgedAfterwards() async throws {
        let world = try world { $0.hasPrefix("old") ? (201, "2019-01-01T00:00:00Z") : nil }
        world.directory.people = [.named("old1"), .named("old2"), .named("zoe")]
        let result = try await world.run()
        for name in ["old1", "old2"] {
            #expect(try world.ledger.link(kind: .user, source: "user_\(name)")?.origin == .takenOver, "\(name)")
        }
        #expect(try world.ledger.link(kind: .user, source: "user_zoe")?.origin == .created)
        #expect(result.report.details.contains { $0.contains("taken over") }, "\(result.report.details)")
    }

    @Test("R17: an answer to a write under another id moves the link, where the old id is gone, and keeps its origin")
    func movedByAnswer() async throws {
        let world = try World(job: World.job(Self.immediate))
        world.directory.people = [.named("ada"), .named("bo")]
        world.directory.teams = [Team(id: "g", name: "ops", members: ["user_ada", "user_bo"])]
        try await world.run()
        let old = try #require(world.user("ada")?["id"]?.string)
        world.client.change { $0.options.habits = [.movesOnRename] }
        world.directory.people[0].username = "ada2"
        world.directory.teams[0].members = ["user_bo"]
        let result = try await world.run()
        let link = try #require(try world.ledger.link(kind: .user, source: "user_ada"))
        #expect(link.targetID == "9" + old.dropFirst() && link.origin == .created, "\(link)")
        #expect(result.report.exit == .inStep, "\(result.report.details)")
        #expect(world.members("ops") == ["bo"])
        #expect(try await world.run().report.headline.hasPrefix("No changes."))
    }

    @Test(
        "R2, R5: what is gone while another's object has its name is not made over or beside that one",
        arguments: ["", "existing: conflict"])
    func replaced(existing: String) async throws {
        let world = try World(
            job: World.job(Self.immediate + "\n\(existing.isEmpty ? "existing: matching" : existing)"))
        world.directory.people = [.named("ada"), .named("bo")]
        try await world.run()
        let id = try #require(world.user("bo")?["id"]?.string)
        world.client.change { $0.remove(.user, id) }
        let hand = try world.plant(
            .user, ["userName": "bo", "displayName": "Another Bo", "emails": [["value": "b@other.example"]]])
        let before = world.user("bo")
        let posts = world.client.service.counters["POST /Users"] ?? 0
        let first = try await world.run()
        #expect(first.report.exit == .recordsFailed, "\(first.report.details)")
        let second = try await world.run()
        #expect(second.report.exit == .recordsFailed)
        #expect(world.user("bo") == before && (world.client.service.counters["POST /Users"] ?? 0) == posts)
        #expect(second.operations.contains { $0.targetID == hand || $0.reason.contains("of that name exists") })
        // The way out is that of any namesake.
        if existing.isEmpty {
            world.permissions.acceptAssociation = ["user:bo"]
            #expect(try await world.run().report.exit == .inStep)
            #expect(try world.ledger.link(kind: .user, source: "user_bo")?.origin == .associated)
        }
    }

    @Test("R40: a second account with a leaver's mark is named every night, and none while the record is let in")
    func strays() async throws {
        let world = try World(job: World.job(Self.immediate))
        world.directory.people = [.named("ada"), .named("bo")]
        try await world.run()
        let second = try world.plant(.user, ["userName": "bo.second", "externalId": "user_bo", "active": true])
        #expect(try await world.run().report.exit == .inStep)
        world.directory.people.removeLast()
        for _ in 0..<2 {
            let result = try await world.run()
            #expect(
                result.report.exit == .recordsFailed
                    && result.report.details.contains { $0.contains("bo.second") && $0.contains("linked to none") },
                "\(result.report.details)")
        }
        world.client.change { $0.remove(.user, second) }
        #expect(try await world.run().report.exit == .inStep)
    }

    @Test("R4: a create that is answered with a protected account does not make it the record's")
    func protectedAnswer() async throws {
        let glass = "glass-id"
        let world = try World(
            job: World.job(Self.immediate + "\nprotect: { users: [\"break-glass*\"] }")
        ) { request, _ in
            guard request.head.method == .post, String(decoding: request.body, as: UTF8.self).contains("\"bo\"") else {
                return nil
            }
            return .answered(
                EmulatedResponse(
                    status: 200, body: Array(#"{"id":"\#(glass)","userName":"break-glass-7","active":true}"#.utf8)))
        }
        world.client.change { $0.put(.user, glass, ["userName": "break-glass-7", "active": true], created: 0) }
        world.directory.people = [.named("ada"), .named("bo")]
        let id = try #require(world.user("break-glass-7")?["id"]?.string)
        #expect(id == glass)
        for _ in 0..<2 {
            let result = try await world.run()
            #expect(result.report.exit == .recordsFailed, "\(result.report.details)")
            #expect(try world.ledger.link(kind: .user, source: "user_bo") == nil)
        }
        world.directory.people.removeLast()
        try await world.run()
        #expect(world.user("break-glass-7")?["active"] != false)
    }

    @Test("R39: a group whose delete was accepted and not done is no success")
    func standingGroup() async throws {
        let world = try World(
            job: World.job(
                """
                leavers: { delete: immediately }
                limits: { source.shrink: none, groups.delete: none, memberships.remove: none }
                """))
        world.directory.people = [.named("ada")]
        world.directory.teams = [
            Team(id: "g", name: "ops", members: ["user_ada"]), Team(id: "h", name: "dev", members: ["user_ada"]),
        ]
        try await world.run()
        world.client.change {
            $0.options.habits = [.deleteDoesNothing]
            $0.options.groupsOutliveDelete = true
        }
        world.directory.teams.removeLast()
        let result = try await world.run()
        #expect(
            result.report.exit == .recordsFailed
                && result.operations.contains { $0.verb == .delete && $0.status == .failed },
            "\(result.report.details)")
    }

    @Test("R30: memberships that an undo gave back are listed each night, and cost no exit")
    func restoredMemberships() async throws {
        let world = try World(job: World.job(Self.immediate))
        world.directory.people = [.named("ada"), .named("bo")]
        world.directory.teams = [Team(id: "g", name: "ops", members: ["user_ada", "user_bo"])]
        try await world.run()
        world.directory.teams[0].members = ["user_ada"]
        try await world.run()
        #expect(world.members("ops") == ["ada"])
        _ = try await world.invoke(.undo(run: try world.lastRun(), writes: true))
        #expect(world.members("ops") == ["ada", "bo"])
        for _ in 0..<2 {
            let night = try await world.run()
            #expect(night.report.exit == .inStep)
            #expect(
                night.operations.contains {
                    $0.name == "ops" && $0.status == .held && $0.heldBy == .restored && $0.reason.contains("undo")
                }, "\(night.operations)")
        }
    }

    @Test("R1: an address alone links nothing that was there; one that is no account's is none")
    func locations() async throws {
        for location in ["/scim/v2/Users/boss", "/scim/v2/AsyncJobs/7"] {
            let world = try World(job: World.job(Self.immediate)) { request, _ in
                guard request.head.method == .post, String(decoding: request.body, as: UTF8.self).contains("\"ada\"")
                else { return nil }
                return .processed(EmulatedResponse(status: 201, headers: [("Location", location)]))
            }
            world.client.change { $0.put(.user, "boss", ["userName": "boss", "active": true], created: 0) }
            world.directory.people = [.named("ada"), .named("bo")]
            world.directory.teams = [Team(id: "g", name: "ops", members: ["user_ada", "user_bo"])]
            _ = try await world.run()
            #expect(!world.members("ops").contains("boss"), "\(location)")
            #expect(try world.ledger.link(kind: .user, source: "user_ada")?.targetID != "boss", "\(location)")
            let second = try await world.run()
            #expect(second.report.exit == .inStep, "\(location): \(second.report.details)")
            #expect(world.members("ops") == ["ada", "bo"], "\(location)")
            #expect(world.documents(.user).count == 3)
        }
    }

    @Test("R31: an answer that shows an id alone is looked at, and the account counts as made, with its groups")
    func partialAnswers() async throws {
        let world = try World(job: World.job(Self.immediate)) { request, _ in
            guard request.head.method == .post, (request.head.path ?? "").hasSuffix("/Users") else { return nil }
            return .altered { answer in
                var answer = answer
                if let id = (try? JSONValue(parsing: answer.body))?["id"]?.string {
                    answer.body = Array(#"{"id":"\#(id)"}"#.utf8)
                }
                return answer
            }
        }
        world.directory.people = [.named("ada"), .named("bo")]
        world.directory.teams = [Team(id: "g", name: "ops", members: ["user_ada", "user_bo"])]
        let result = try await world.run()
        #expect(result.report.exit == .inStep, "\(result.report.details)")
        #expect(world.members("ops") == ["ada", "bo"])
        #expect(try await world.run().report.headline.hasPrefix("No changes."))
    }

    @Test(
        """
        R9: a name and a mark that a server shows with something of its own around them are in step, and losing \
        access works; what another hand makes of them is seen
        """,
        arguments: [
            (#""externalId":"user_"#, #""externalId":"scim:user_"#), (#""userName":""#, #""userName":"corp\\"#),
            (#""displayName":"ops "#, #""displayName":"ops"#),
        ])
    func decorations(plain: String, decorated: String) async throws {
        let world = try World(job: World.job(Self.immediate)) { request, _ in
            .altered { answer in
                var answer = answer
                let text = String(decoding: answer.body, as: UTF8.self)
                answer.body = Array(text.replacingOccurrences(of: plain, with: decorated).utf8)
                return answer
            }
        }
        world.directory.people = [.named("ada"), .named("bo"), .named("carol")]
        world.directory.teams = [Team(id: "g", name: "ops ", members: ["user_ada", "user_bo"])]
        let first = try await world.run()
        #expect(first.report.exit == .inStep, "\(first.report.details)")
        let second = try await world.run()
        #expect(second.report.headline.hasPrefix("No changes."), "\(second.report.details)")
        #expect(world.documents(.group).first?["members"]?.array?.count == 2)
        world.directory.people.remove(at: 1)
        world.directory.teams[0].members.remove("user_bo")
        world.directory.people[0].displayName = "Another Name"
        let third = try await world.run()
        #expect(third.report.exit == .inStep, "\(third.report.details)")
        #expect(world.user("bo") == nil && world.user("ada")?["displayName"] == "Another Name")
        // Another hand gives the account another name: that is no decoration of ours.
        let id = try #require(world.user("ada")?["id"]?.string)
        world.client.change { service in
            try? service.meddle(.user, id) { $0["userName"] = "ada.smith" }
        }
        let fourth = try await world.run()
        #expect(world.user("ada") != nil, "\(fourth.report.details)")
    }

    @Test("R31: two newcomers with one mailbox, on a server that answers 201 with the first one's account, share it")
    func oneMailboxInOneRun() async throws {
        let world = try World(job: World.job(Self.immediate + "\npace: { concurrency: 1 }"))
        world.client.change { $0.options.habits = [.answersWithExisting] }
        world.directory.people = [.named("ada"), .named("bo")]
        for index in 0..<2 { world.directory.people[index].email = "both@corp.example" }
        let result = try await world.run()
        #expect(result.report.exit == .recordsFailed, "\(result.report.details)")
        #expect(
            result.operations.contains { $0.reason.contains("shares an account with") },
            "\(result.operations.map(\.reason))")
        let links = try ["ada", "bo"].compactMap { try world.ledger.link(kind: .user, source: "user_\($0)") }
        #expect(links.count == 1)
    }

    @Test("R40: a stray is told under --known-conflicts-ok as well; a rename by hand is no decoration")
    func noFlagHides() async throws {
        let world = try World(job: World.job(Self.immediate))
        world.directory.people = [.named("ada"), .named("bo")]
        try await world.run()
        try world.plant(.user, ["userName": "bo.second", "externalId": "user_bo", "active": true])
        world.directory.people.removeLast()
        world.permissions.knownConflictsAreFine = true
        for _ in 0..<3 { #expect(try await world.run().report.exit == .recordsFailed) }
        let id = try #require(world.user("ada")?["id"]?.string)
        for name in ["ada.smith", "ada-old", "x-ada"] {
            world.client.change { service in try? service.meddle(.user, id) { $0["userName"] = .string(name) } }
            try await world.run()
            #expect(world.user("ada") != nil, "\(name)")
        }
    }
}
