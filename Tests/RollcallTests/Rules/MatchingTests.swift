import Emulation
import Foundation
import HTTP
import JSON
import Reconciliation
import Rehearsal
import SCIM
import Simulation
import Testing

/// R5: what is there and nobody owns becomes a record's where more than the name agrees. 1.6.
@Suite struct MatchingTests {
    private static let generous = "limits: { source.shrink: none, users.disable: none, users.delete: none }"

    private func world(_ extra: String = generous) throws -> World { try World(job: World.job(extra, existing: nil)) }

    /// What became of a namesake.
    private func outcome(_ result: World.Result, _ name: String) -> String {
        let rows = result.operations.filter { $0.name == name }
        if let row = rows.first(where: { $0.verb == .associate }) { return row.status.rawValue }
        return rows.first.map { "\($0.status) \($0.heldBy?.description ?? "")" } ?? "none"
    }

    @Test(
        "a user is associated where a further value agrees and none differs",
        arguments: [
            ("emails", true, nil), ("untyped", true, nil),
            ("other type", false, "its e-mail address is zoe@home.example there"),
            ("other mail", false, "emails[work] is \"zoe@other.example\" there"),
            ("nothing", false, "nothing else can be compared"), ("names", true, nil),
            ("other names", false, "and displayName is"),
        ] as [(String, Bool, String?)])
    func user(what: String, isAssociated: Bool, reason: String?) async throws {
        let world = try world()
        world.directory.people = [.named("zoe", displayName: "Zoe Example"), .named("bo")]
        var document: JSONValue = ["userName": "ZOE"]
        switch what {
        case "emails": document["emails"] = [["value": "Zoe@Corp.example", "type": "work"]]
        case "other mail":
            document["emails"] = [["value": "zoe@other.example", "type": "work"]]
            document["displayName"] = "Zoe Example"
        case "untyped": document["emails"] = [["value": "zoe@corp.example"]]
        case "other type": document["emails"] = [["value": "zoe@home.example", "type": "home"]]
        case "names", "other names":
            document["displayName"] = what == "names" ? "Zoe Example" : "Zoe Other"
            document["name"] = ["givenName": "Zoe", "familyName": "Example"]
        default: break
        }
        try world.plant(.user, document)
        let before = world.documents(.user)
        let result = try await world.run()
        #expect(
            outcome(result, "zoe") == (isAssociated ? "done" : "held existing.matching"),
            "\(result.operations.map { $0.reason })")
        #expect(result.report.exit == (isAssociated ? .inStep : .recordsFailed))
        if let reason {
            #expect(
                result.operations.contains {
                    $0.reason.contains(reason) && $0.reason.contains("--accept-association user:zoe")
                }, "\(result.operations.map { $0.reason })")
            #expect(world.documents(.user)[0] == before[0])
        }
        #expect(world.user("bo") != nil)
    }

    @Test("a telephone agrees by its digits where there is no address on both sides")
    func telephone() async throws {
        for (there, isAssociated) in [("+86 138-0000-0001", true), ("+86 13900000001", false)] {
            let world = try world(Self.generous + "\nmapping: { \"phoneNumbers[work]\": { from: phone } }")
            var zoe = Person.named("zoe")
            zoe.phone = "13800000001"
            world.directory.people = [zoe]
            try world.plant(.user, ["userName": "zoe", "phoneNumbers": [["value": .string(there), "type": "work"]]])
            #expect(outcome(try await world.run(), "zoe") == (isAssociated ? "done" : "held existing.matching"))
        }
    }

    @Test(
        """
        1.6: an account with a right is nobody's by its name and address alone, and neither is one whose name \
        says that it has
        """,
        arguments: ["roles", "entitlements", "admin", "isAdmin", "owner", "superuser", "userType", "group", "name"])
    func rights(what: String) async throws {
        let world = try world(Self.generous + "\nprotect: { groups: [\"Board*\"] }")
        let name = what == "name" ? "site-admin" : "zoe"
        world.directory.people = [.named(name)]
        var document: JSONValue = [
            "userName": .string(name), "emails": [["value": .string("\(name)@corp.example"), "type": "work"]],
        ]
        switch what {
        case "roles", "entitlements": document[what] = [["value": "billing"]]
        case "userType": document[what] = "Account Owner"
        case "name", "group": break
        default: break
        }
        let id = try world.plant(.user, document)
        if ["admin", "isAdmin", "owner", "superuser"].contains(what) {
            // Beside what the emulator's schema knows, as servers do.
            world.client.change { service in
                guard var stored = service.store[.user]?[id] else { return }
                if what == "isAdmin" {
                    stored.document["urn:example:scim:User"] = [what: true]
                } else {
                    stored.document[what] = true
                }
                service.put(.user, id, stored.document, created: stored.created)
            }
        }
        if what == "group" {
            try world.plant(.group, ["displayName": "Board of Directors", "members": [["value": .string(id)]]])
        }
        let before = world.documents(.user)
        let result = try await world.run()
        #expect(outcome(result, name) == "held existing.matching", "\(result.operations.map { $0.reason })")
        #expect(world.documents(.user) == before && result.report.exit == .recordsFailed)
        // The old way is still there for whoever asks for it.
        world.jobText = World.job(Self.generous + "\nexisting: associate")
        #expect(outcome(try await world.run(), name) == "done")
    }

    @Test("roles that the job calls harmless give no right")
    func harmless() async throws {
        let world = try world(Self.generous + "\nexisting: { harmlessRoles: [Member] }")
        world.directory.people = [.named("zoe")]
        try world.plant(
            .user,
            [
                "userName": "zoe", "emails": [["value": "zoe@corp.example", "type": "work"]],
                "roles": [["value": "member"]],
            ])
        #expect(outcome(try await world.run(), "zoe") == "done")
    }

    @Test(
        """
        1.6: a group is associated where it has members and all of them are among the record's, those that this \
        plan associates among them
        """,
        arguments: [
            ("some", true, nil), ("none", false, "has no member"), ("a stranger", false, "stranger is in it"),
            ("a group", false, "1 group among its members"),
        ] as [(String, Bool, String?)])
    func group(what: String, isAssociated: Bool, reason: String?) async throws {
        let world = try world()
        world.directory.people = [.named("zoe"), .named("bo")]
        world.directory.teams = [Team(id: "group_ops", name: "Ops", members: ["user_zoe", "user_bo"])]
        let zoe = try world.plant(
            .user, ["userName": "zoe", "emails": [["value": "zoe@corp.example", "type": "work"]]])
        let stranger = try world.plant(.user, ["userName": "stranger"])
        var members: [JSONValue] = what == "none" ? [] : [["value": .string(zoe)]]
        if what == "a stranger" { members.append(["value": .string(stranger)]) }
        if what == "a group" { members.append(["value": "g-1", "type": "Group"]) }
        try world.plant(
            .group, members.isEmpty ? ["displayName": "Ops"] : ["displayName": "Ops", "members": .array(members)])
        let result = try await world.run()
        #expect(
            outcome(result, "Ops") == (isAssociated ? "done" : "held existing.matching"),
            "\(result.operations.map { $0.reason })")
        if let reason {
            #expect(result.operations.contains { $0.reason.contains(reason) }, "\(result.operations.map { $0.reason })")
        }
        #expect(world.members("Ops").contains("bo") == isAssociated)
    }

    @Test(
        """
        a held namesake is let go by name once, also by a run that was broken off, or bound to one object by the \
        job file; or declined for good
        """
    )
    func ways() async throws {
        let world = try world()
        world.directory.people = [.named("zoe"), .named("bo"), .named("carol"), .named("dana")]
        var ids: [String: String] = [:]
        for name in ["zoe", "bo", "carol", "dana"] { ids[name] = try world.plant(.user, ["userName": .string(name)]) }
        let held = try await world.run()
        #expect(
            held.report.exit == .recordsFailed
                && held.report.details.contains {
                    $0.contains("4 namesakes held") && $0.contains("existing: associate")
                }, "\(held.report.details)")
        #expect(try await !world.run().report.details.contains { $0.contains("namesakes held") })
        world.permissions.acceptAssociation = ["user:zoe", "user:dana someone-else"]
        world.jobText = World.job(
            Self.generous
                + "\nexisting: { accept: { users: { bo: \(ids["bo"] ?? "") , dana: another } }, decline: [carol] }")
        let result = try await world.run()
        #expect(outcome(result, "zoe") == "done" && outcome(result, "bo") == "done")
        #expect(outcome(result, "carol") == "noted ", "\(outcome(result, "carol"))")
        #expect(
            result.report.details.contains {
                $0.contains("names what is not associated in this plan: user:dana someone-else")
            }, "\(result.report.details)")
        // Bound to another object than the one that bears the name.
        #expect(outcome(result, "dana") == "held existing.matching")
        world.permissions.acceptAssociation = []
        world.directory.people.removeAll { $0.username == "dana" }
        let last = try await world.plan()
        #expect(last.report.exit == .inStep && last.planned.isEmpty, "\(last.report.headline) \(last.report.details)")
    }

    @Test("an association that was let go and failed is not asked for again")
    func letGoOnce() async throws {
        let refuses = Switch()
        let world = try World(job: World.job(Self.generous, existing: nil)) { request, _ in
            request.head.method == .patch && refuses.isOn
                ? .answered(
                    EmulatedResponse(
                        status: 400, headers: [("Content-Type", "application/scim+json")], body: Array("{}".utf8)))
                : nil
        }
        world.directory.people = [.named("zoe")]
        try world.plant(.user, ["userName": "zoe"])
        world.permissions.acceptAssociation = ["user:zoe"]
        refuses.isOn = true
        #expect(try await world.run().report.exit == .recordsFailed)
        world.permissions.acceptAssociation = []
        refuses.isOn = false
        #expect(outcome(try await world.run(), "zoe") == "done")
    }

    @Test("R6: a look-alike that is declined is another person, and the record gets an account of its own")
    func lookAlike() async throws {
        let world = try world()
        world.directory.people = [.named("weiß")]
        try world.plant(.user, ["userName": "weiss"])
        #expect(try await world.run().report.exit == .recordsFailed)
        #expect(world.documents(.user).count == 1)
        world.jobText = World.job(Self.generous + "\nexisting: { decline: [weiß] }")
        #expect(try await world.run().report.exit == .inStep)
        #expect(world.user("weiß") != nil && world.user("weiss")?["externalId"] == nil)
    }

    @Test(
        "R1, R5: an account whose association is held by a limit, or refused, is not disabled either",
        arguments: [true, false])
    func heldAssociation(byLimit: Bool) async throws {
        let refuses = Switch()
        let world = try World(
            job: World.job(
                "limits: { source.shrink: none, users.disable: none\(byLimit ? ", users.associate: 0" : "") }")
        ) { request, _ in
            guard refuses.isOn, request.head.method == .patch,
                String(decoding: request.body, as: UTF8.self).contains("externalId")
            else { return nil }
            return .answered(
                EmulatedResponse(
                    status: 409, headers: [("Content-Type", "application/scim+json")],
                    body: Array("{\"detail\":\"taken\"}".utf8)))
        }
        refuses.isOn = !byLimit
        world.directory.people = [.named("zoe", status: "disabled"), .named("bo")]
        try world.plant(.user, ["userName": "zoe", "active": true])
        let before = world.user("zoe")
        let result = try await world.run()
        #expect(result.report.exit == .recordsFailed, "\(result.report.details)")
        #expect(world.user("zoe") == before && world.user("bo") != nil)
        #expect(try world.ledger.link(kind: .user, source: "user_zoe") == nil)
    }

    @Test("R5: membership in a protected group is a right, whether or not the account shows its groups")
    func protectedMembership() async throws {
        let world = try World(job: World.job(Self.generous + "\nprotect: { groups: [\"Owners\"] }", existing: nil)) {
            request, _ in
            guard request.head.method == .get, request.head.path?.contains("/Users") ?? false else { return nil }
            return .altered { response in
                var response = response
                guard var document = try? JSONValue(parsing: response.body) else { return response }
                document["Resources"] = .array(
                    (document["Resources"]?.array ?? []).map { user in
                        var user = user
                        user["groups"] = nil
                        return user
                    })
                response.body = document.canonicalBytes
                return response
            }
        }
        world.directory.people = [.named("zoe")]
        let zoe = try world.plant(
            .user, ["userName": "zoe", "emails": [["value": "zoe@corp.example", "type": "work"]]])
        try world.plant(.group, ["displayName": "Owners", "members": [["value": .string(zoe)]]])
        #expect(outcome(try await world.run(), "zoe") == "held existing.matching")
    }

    @Test("one namesake that is held keeps nobody else from being disabled")
    func guarded() async throws {
        let world = try world()
        world.directory.people = [.named("zoe"), .named("bo")]
        try await world.run()
        try world.plant(.user, ["userName": "owner", "roles": [["value": "owner"]]])
        world.directory.people.append(.named("owner"))
        world.directory.people[0].status = "disabled"
        let result = try await world.run()
        #expect(world.user("zoe")?["active"] == false && result.report.exit == .recordsFailed)
        #expect(world.user("owner")?["externalId"] == nil)
    }
}
