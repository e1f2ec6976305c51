import Planning
import Emulation
import Foundation
import HTTP
import JSON
import Reconciliation
import Rehearsal
import SCIM
import Simulation
import Testing

@testable import Ledger

/// R22, R31: an object is ours only by evidence. Root 1 of what foreign servers taught, by its numbers.
@Suite struct EvidenceTests {
    @Test(
        "1.1: a namesake that somebody made while a POST was lost is no evidence: it is neither taken nor deleted",
        arguments: ["", "existing: conflict"])
    func namesake(_ existing: String) async throws {
        let lost = Switch()
        let world = try World(
            job: World.job(
                """
                limits: { source.shrink: none, users.delete: none, users.disable: none }\nleavers: { delete: \
                immediately }\n\(existing)
                """
            )
        ) { request, _ in
            guard lost.isOn, request.head.method == .post else { return nil }
            return .answered(EmulatedResponse(status: 500))
        }
        world.directory.people = [.named("ada"), .named("bo")]
        try await world.run()
        world.directory.people.append(.named("carol"))
        lost.isOn = true
        _ = try await world.run()
        lost.isOn = false
        let hand = try world.plant(
            .user, ["userName": "carol", "displayName": "Carol by hand", "emails": [["value": "c@other.example"]]])
        let before = world.user("carol")
        let result = try await world.run()
        let link = try world.ledger.link(kind: .user, source: "user_carol")
        // Whatever becomes of it, it is not of our making.
        #expect(link == nil || link?.origin == .associated, "\(link?.origin.description ?? "")")
        if !existing.isEmpty {
            #expect(world.user("carol") == before && link == nil)
            #expect(result.report.exit == .recordsFailed)
        }
        world.directory.people.removeAll { $0.username == "carol" }
        _ = try await world.run()
        #expect(world.user("carol")?["id"]?.string == hand)
    }

    @Test(
        """
        1.1: on a server that keeps no externalId, what was made when the POST was sent is linked as found, and \
        never deleted
        """
    )
    func found() async throws {
        let lost = Switch()
        var options = ServiceOptions()
        options.habits = [.dropsExternalID]
        let world = try World(
            job: World.job(
                """
                limits: { source.shrink: none, users.delete: none, users.disable: none }\nleavers: { delete: \
                immediately }
                """
            ), options: options
        ) { request, _ in
            lost.isOn && request.head.method == .post ? .answerLost : nil
        }
        world.directory.people = [.named("ada")]
        _ = try await world.run()
        world.directory.people.append(.named("carol"))
        lost.isOn = true
        let result = try await world.run()
        #expect(world.documents(.user).count == 2)
        #expect(try world.ledger.link(kind: .user, source: "user_carol")?.origin == .found)
        #expect(
            result.operation(.create, "carol")?.reason.contains("found by its name") == true,
            "\(result.operation(.create, "carol")?.reason ?? "")")
    }

    @Test(
        """
        1.2: a POST that is answered with an account that was there takes it over, is told, and never leads to \
        its deletion
        """,
        arguments: ["", "existing: conflict"])
    func answeredWithExisting(_ existing: String) async throws {
        var options = ServiceOptions()
        options.habits = [.answersWithExisting]
        let world = try World(
            job: World.job(
                """
                limits: { source.shrink: none, users.delete: none, users.disable: none }\nleavers: { delete: \
                immediately }\n\(existing)
                """
            ), options: options)
        world.directory.people = [.named("ada"), .named("bo")]
        try await world.run()
        try world.plant(.user, ["userName": "carol.old", "emails": [["value": "carol@corp.example"]]])
        world.directory.people.append(.named("carol"))
        let result = try await world.run()
        #expect(world.documents(.user).count == 3)
        #expect(try world.ledger.link(kind: .user, source: "user_carol")?.origin == .takenOver)
        #expect(result.report.details.contains { $0.hasPrefix("taken over: 1") }, "\(result.report.details)")
        world.directory.people.removeAll { $0.username == "carol" }
        _ = try await world.run()
        #expect(world.documents(.user).count == 3)
        #expect(world.user("carol")?["active"] == false)
    }

    @Test(
        """
        1.2: two records with one mailbox never share an account: the first keeps its values, the second is held \
        until one of them changes
        """
    )
    func oneMailbox() async throws {
        var options = ServiceOptions()
        options.habits = [.answersWithExisting]
        let world = try World(options: options)
        world.directory.people = [.named("ada")]
        try await world.run()
        let ada = try #require(world.user("ada"))
        var bo = Person.named("bo")
        bo.email = "ada@corp.example"
        world.directory.people.append(bo)
        for night in 1...3 {
            let before = world.client.service.counters["POST /Users"] ?? 0
            let result = try await world.run()
            #expect(result.report.exit == .recordsFailed, "night \(night)")
            #expect(
                result.operations.contains { $0.name == "bo" && $0.reason.contains("shares an account with user_ada") },
                "\(result.operations.map { $0.reason })")
            for path in ["userName", "displayName", "externalId"] {
                #expect(
                    world.documents(.user)[0][path] == ada[path], "night \(night) \(path): \(result.report.details)")
            }
            #expect(world.documents(.user).count == 1)
            #expect(try world.ledger.link(kind: .user, source: "user_ada")?.targetID == ada["id"]?.string)
            #expect((world.client.service.counters["POST /Users"] ?? 0) - before == (night == 1 ? 1 : 0))
        }
        world.directory.people[1].email = "bo@corp.example"
        #expect(try await world.run().report.exit == .inStep)
        #expect(world.documents(.user).count == 2)
    }

    @Test(
        """
        R4, 1.7: neither a rename in the source nor one on the target to a protected name is a way out of losing \
        access
        """,
        arguments: [true, false])
    func protectedName(inSource: Bool) async throws {
        let world = try World(
            job: World.job(
                "protect: { users: [\"break-glass*\"] }\nlimits: { users.disable: none, source.shrink: none }"))
        world.directory.people = [.named("ada"), .named("bo"), .named("carol")]
        try await world.run()
        let id = try #require(world.user("carol")?["id"]?.string)
        if inSource {
            world.directory.people[2].username = "break-glass-7"
        } else {
            try world.client.change { try $0.meddle(.user, id) { $0["userName"] = "break-glass-7" } }
        }
        world.directory.people[2].status = "disabled"
        _ = try await world.run()
        let account = try #require(world.documents(.user).first { $0["id"]?.string == id })
        #expect(account["active"] == false)
        // The protected name is given to nobody.
        if inSource { #expect(account["userName"] == "carol") }
        #expect(try await world.plan().planned.isEmpty)
    }

    @Test("R4: an associated account is protected by the name that it bears, too")
    func protectedAssociated() async throws {
        let world = try World(
            job: World.job(
                "protect: { users: [\"break-glass*\"] }\nlimits: { users.disable: none, source.shrink: none }"))
        let id = try world.plant(.user, ["userName": "ada"])
        world.directory.people = [.named("ada"), .named("bo")]
        try await world.run()
        try world.client.change { try $0.meddle(.user, id) { $0["userName"] = "break-glass-7" } }
        world.directory.people[0].status = "disabled"
        let result = try await world.run()
        #expect(result.situation("ada") == .protected)
        #expect(world.user("break-glass-7")?["active"] == true)
    }

    @Test("R3, 1.7: a leaver whose mark was changed is told every night, whatever flag is said, until it is taken back")
    func takeback() async throws {
        let world = try World(job: World.job("limits: { users.disable: none, source.shrink: none }"))
        world.directory.people = [.named("ada"), .named("bo"), .named("carol")]
        try await world.run()
        let id = try #require(world.user("carol")?["id"]?.string)
        try world.client.change { try $0.meddle(.user, id) { $0["externalId"] = "hr-9" } }
        world.directory.people.removeLast()
        world.permissions.knownConflictsAreFine = true
        for _ in 1...3 {
            let result = try await world.run()
            #expect(result.report.exit == .recordsFailed)
            #expect(
                result.operations.contains {
                    $0.reason.contains("“hr-9”") && $0.reason.contains("--accept-takeback carol")
                        && $0.reason.contains("it has access")
                })
        }
        world.permissions.acceptTakeback = ["carol"]
        #expect(try await world.run().report.exit == .inStep)
        #expect(world.user("carol")?["active"] == false)
    }

    @Test("R3: a leaver's account that another record was given by its mark is nobody's to disable")
    func rehired() async throws {
        let world = try World(
            job: World.job(
                """
                limits: { users.disable: none, users.delete: none, source.shrink: none }\nleavers: { delete: \
                immediately }
                """
            ))
        world.directory.people = [.named("ada"), .named("bo")]
        try await world.run()
        let id = try #require(world.user("bo")?["id"]?.string)
        // Bo is back under a new id, and the push has given the account the new mark.
        try world.client.change { try $0.meddle(.user, id) { $0["externalId"] = "user_bo_2" } }
        world.directory.people = [.named("ada"), .named("bo", id: "user_bo_2")]
        for _ in 1...2 {
            let result = try await world.run()
            #expect(result.report.exit == .recordsFailed)
            #expect(world.user("bo")?["active"] == true && world.user("bo")?["id"]?.string == id)
        }
    }

    @Test("R3: the mark of another record of this job is put right")
    func ownMark() async throws {
        let world = try World()
        world.directory.people = [.named("ada"), .named("bo")]
        try await world.run()
        let id = try #require(world.user("ada")?["id"]?.string)
        try world.client.change { try $0.meddle(.user, id) { $0["externalId"] = "user_bo" } }
        _ = try await world.run()
        #expect(world.user("ada")?["externalId"] == "user_ada" && world.user("bo")?["externalId"] == "user_bo")
        #expect(try await world.plan().report.headline.hasPrefix("No changes."))
    }

    @Test("1.8: a group that is a member is not taken for the user of the same id")
    func nested() async throws {
        let world = try World()
        world.directory.people = [.named("ada"), .named("bo")]
        world.directory.teams = [Team(id: "group_ops", name: "ops", members: ["user_ada"])]
        try await world.run()
        let bo = try #require(world.user("bo")?["id"]?.string)
        let ops = try #require(world.group("ops")?["id"]?.string)
        // Two kinds of ids, counted each by itself.
        world.client.change { service in
            service.remove(.user, bo)
            service.put(.group, bo, ["displayName": "nested", "schemas": []], created: 1)
            service.put(
                .user, bo,
                [
                    "userName": "bo", "externalId": "user_bo", "displayName": "Bo Example", "active": true,
                    "schemas": [],
                ], created: 1)
            try? service.meddle(.group, ops) {
                $0["members"] = .array(($0["members"]?.array ?? []) + [["value": .string(bo), "type": "Group"]])
            }
        }
        let stored = world.client.service.store[.group]?[ops]?.document["members"]?.array?.count
        let night = try World(world, at: try world.moment()) { request, _ in
            guard request.head.method == .get, request.head.path?.contains("/Groups") ?? false else { return nil }
            return .altered { response in
                var response = response
                response.body = Array(
                    String(decoding: response.body, as: UTF8.self).replacingOccurrences(
                        of: "\"type\":\"User\",\"value\":\"\(bo)\"", with: "\"type\":\"Group\",\"value\":\"\(bo)\""
                    ).utf8)
                return response
            }
        }
        let result = try await night.run()
        #expect(
            !result.operations.contains { $0.verb == .removeMembers },
            "\(result.operations.map { PlanDigest.line($0) })")
        #expect(night.client.service.store[.group]?[ops]?.document["members"]?.array?.count == stored)
    }
}
