import Emulation
import Foundation
import JSON
import Jobs
import Ledger
import Rehearsal
import SCIM
import Simulation
import Testing

@testable import Reconciliation
import Planning

/// Each rule of a reconciliation, by its number.
@Suite struct RuleTests {
    func crowd(_ count: Int) -> [Person] { (0..<count).map { .named("person\($0)") } }

    @Test("R1: an account is ours by link or by our externalId; nothing else is written")
    func r1() async throws {
        let world = try World()
        world.directory.people = [.named("ada")]
        let pushed = try world.plant(.user, ["userName": "ada", "externalId": "user_ada", "displayName": "As pushed"])
        let stranger = try world.plant(
            .user, ["userName": "zoe", "externalId": "elsewhere", "displayName": "Not ours"])
        let before = Picture(world).users[stranger]
        let result = try await world.run()
        #expect(result.report.exit == .inStep)
        #expect(result.situation("ada") == .known)
        #expect(world.user("ada")?["id"]?.string == pushed)
        #expect(world.user("ada")?["displayName"] == "Ada Example")
        #expect(Picture(world).users[stranger] == before)
    }

    @Test(
        """
        R2: the first line of the judgement that holds decides; externalId goes before name, and their \
        disagreement is ambiguous
        """
    )
    func r2() async throws {
        let world = try World()
        world.directory.people = [.named("ada"), .named("bo")]
        try world.plant(.user, ["userName": "ada"])
        try world.plant(.user, ["userName": "old-ada", "externalId": "user_ada"])
        try world.plant(.user, ["userName": "former-bo", "externalId": "user_bo"])
        let result = try await world.run()
        #expect(result.situation("ada") == .ambiguous)
        #expect(result.operations.first { $0.name == "ada" }?.reason.contains("externalId points to") == true)
        #expect(result.situation("bo") == .known)
        #expect(world.user("bo") != nil)
        #expect(world.user("ada")?["externalId"] == nil)
        #expect(result.report.exit == .recordsFailed)
    }

    @Test("R2: several objects of one name are ambiguous")
    func r2several() async throws {
        var options = ServiceOptions()
        options.uniqueGroupNames = false
        let world = try World(options: options)
        world.directory.people = [.named("ada")]
        world.directory.teams = [Team(id: "group_1", name: "Ops", members: [])]
        try world.plant(.group, ["displayName": "Ops"])
        try world.plant(.group, ["displayName": "OPS"])
        #expect(try await world.run().situation("Ops") == .ambiguous)
    }

    @Test(
        """
        R3: a linked object with somebody else's externalId is taken, and so is one without a mark under a name \
        that we did not write
        """
    )
    func r3() async throws {
        let world = try World()
        world.directory.people = [.named("ada"), .named("bo"), .named("chen")]
        try await world.run()
        let ids = try ["ada", "bo", "chen"].map { try #require(world.user($0)?["id"]?.string) }
        try world.client.change { service in
            try service.meddle(.user, ids[0]) { $0["externalId"] = "somebody else" }
            try service.meddle(.user, ids[1]) {
                $0["externalId"] = nil
                $0["userName"] = "robert"
            }
            try service.meddle(.user, ids[2]) { $0["externalId"] = nil }
        }
        let before = Picture(world)
        world.directory.people[0].displayName = "New Name"
        let result = try await world.run()
        #expect(result.situation("ada") == .taken)
        #expect(result.situation("bo") == .taken)
        #expect(Picture(world).users[ids[0]] == before.users[ids[0]])
        #expect(Picture(world).users[ids[1]] == before.users[ids[1]])
        // The name is still the one that we wrote: the mark was lost, and comes back.
        #expect(result.situation("chen") == .changed)
        #expect(world.user("chen")?["externalId"] == "user_chen")
    }

    @Test("R4: protected names are never associated, written or taken over")
    func r4() async throws {
        let world = try World(job: World.job("protect: { users: [\"break-glass*\"], groups: [\"Adm?ns\"] }"))
        world.directory.people = [.named("Break-Glass-1"), .named("ada")]
        world.directory.teams = [Team(id: "group_1", name: "Admins", members: ["user_ada"])]
        try world.plant(.user, ["userName": "break-glass-1"])
        try world.plant(.group, ["displayName": "Admins"])
        let before = Picture(world)
        let result = try await world.run()
        #expect(result.situation("Break-Glass-1") == .protected)
        #expect(result.situation("Admins") == .protected)
        for (id, document) in before.users { #expect(Picture(world).users[id] == document) }
        for (id, document) in before.groups { #expect(Picture(world).groups[id] == document) }
        #expect(world.user("ada") != nil)
    }

    @Test("R5: existing accounts are associated, disabled ones held, and both can be switched")
    func r5() async throws {
        for (policy, active, disabled) in [
            ("", "associated", "held"), ("existing: conflict", "conflict", "conflict"),
            ("existing: { users: associate, disabled: associate }", "associated", "associated"),
        ] {
            let world = try World(job: World.job(policy))
            world.directory.people = [.named("ada"), .named("bo")]
            try world.plant(.user, ["userName": "ADA"])
            try world.plant(.user, ["userName": "bo", "active": false])
            let result = try await world.run()
            func outcome(_ name: String) -> String {
                let row = result.operations.first { $0.name == name }
                return row?.verb == .associate && row?.status == .done ? "associated" : row?.status.rawValue ?? ""
            }
            #expect(outcome("ada") == active, "\(policy)")
            #expect(outcome("bo") == disabled, "\(policy)")
            #expect((world.user("bo")?["active"] == true) == (disabled == "associated"))
            if active == "associated" {
                #expect(try world.ledger.link(kind: .user, source: "user_ada")?.origin == .associated)
            }
        }
    }

    @Test("R6: names match by simple lower case and NFC, externalId by bytes")
    func r6() async throws {
        #expect(Array(folded("E\u{301}va").utf8) == Array(folded("Éva").utf8))
        #expect(folded("ΣΑΣ") == folded("σασ"))
        // Whatever is more than a case stays what it is.
        for (one, other) in [
            ("kadır", "kadir"), ("weiß", "weiss"), ("ſam", "sam"), ("İpek", "ipek"), ("σας", "σασ"), ("ﬁn", "fin"),
        ] {
            #expect(folded(one) != folded(other) && foldedWidely(one) == foldedWidely(other), "\(one)")
        }
        let world = try World()
        world.directory.people = [.named("ÉVA", id: "user_eva"), .named("ada")]
        try world.plant(.user, ["userName": "e\u{301}va"])
        try world.plant(.user, ["userName": "ada", "externalId": "USER_ADA"])
        let result = try await world.run()
        #expect(result.situation("ÉVA") == .existing)
        #expect(result.situation("ada") == .foreign)
        // What is called an externalId is one, and what is called an account is its id.
        let reason = result.operations.first { $0.name == "ada" }?.reason ?? ""
        let id = try #require(world.user("ada")?["id"]?.string)
        #expect(
            reason.contains("the externalId “USER_ADA”")
                && reason.hasPrefix("the account \(id) on the target has the name"), "\(reason)")
        // A name that differs in case alone is in step.
        #expect(world.user("e\u{301}va")?["externalId"] == "user_eva")
    }

    @Test(
        """
        R6, 1.5: a name that only looks like another's holds and never matches; two records that look alike are \
        two people; a rename between them is sent
        """
    )
    func r6alike() async throws {
        let world = try World()
        world.directory.people = [.named("kadır", id: "user_1"), .named("weiß", id: "user_2"), .named("ada")]
        let ids = try [
            try world.plant(.user, ["userName": "kadir", "emails": [["value": "other@corp.example"]]]),
            try world.plant(.user, ["userName": "WEISS"]),
        ]
        let before = Picture(world)
        let result = try await world.run()
        #expect(result.report.exit == .recordsFailed)
        for (name, id) in zip(["kadır", "weiß"], ids) {
            let operation = result.operations.first { $0.name == name }
            #expect(
                operation?.situation == .ambiguous && operation?.reason.contains("looks like that of \(id)") == true,
                "\(operation?.reason ?? "")")
            #expect(Picture(world).users[id] == before.users[id])
        }
        #expect(world.user("ada") != nil)

        let both = try World()
        both.directory.people = [
            .named("kadir", id: "user_1"), .named("kadır", id: "user_2"), .named("weiß", id: "user_3"),
            .named("weiss", id: "user_4"),
        ]
        #expect(try await both.run().report.exit == .inStep)
        #expect(both.documents(.user).count == 4)
        both.directory.people[3].username = "Weiẞ-2"
        both.directory.people[0].username = "kadir2"
        both.directory.people[1].username = "kadir"
        #expect(try await both.run().report.exit == .inStep)
        #expect(
            both.user("kadir")?["externalId"] == "user_2" && both.user("kadir2")?["externalId"] == "user_1"
                && both.user("Weiẞ-2")?["externalId"] == "user_4")
        #expect(try await both.plan().report.headline.hasPrefix("No changes."))
    }

    @Test(
        "R7: only an explicit disabled disables; a status that says nothing leaves active alone and is reported",
        arguments: ["", nil])
    func r7(status: String?) async throws {
        let world = try World()
        world.directory.people = [.named("ada"), .named("bo")]
        try await world.run()
        world.directory.people[0].status = status
        world.directory.people[1].status = "disabled"
        let result = try await world.run()
        #expect(world.user("ada")?["active"] == true)
        #expect(world.user("bo")?["active"] == false)
        #expect(result.report.details.contains { $0.contains("active is left alone") && $0.contains("user_ada") })
    }

    @Test(
        """
        R7: a status that is there and unreadable makes no account and enables none; the rest of the record goes \
        on, and it is named
        """
    )
    func r7unreadable() async throws {
        let world = try World()
        world.directory.people = [.named("ada"), .named("bo"), .named("carol")]
        world.directory.teams = [Team(id: "group_ops", name: "ops", members: ["user_bo"])]
        world.directory.people[2].status = "disabled"
        world.directory.people.append(.named("dora"))
        try await world.run()
        world.directory.people[3].status = "disabled"
        try await world.run()
        for index in [0, 2, 3] { world.directory.people[index].status = "locked" }
        world.directory.people[0].displayName = "Another Name"
        world.directory.teams[0].members = ["user_ada"]
        let result = try await world.run()
        #expect(
            world.user("ada")?["active"] == true && world.user("ada")?["displayName"] == "Another Name"
                && world.members("ops") == ["ada"])
        #expect(world.user("carol") == nil && world.user("dora")?["active"] == false)
        #expect(
            result.report.exit == .recordsFailed
                && result.report.details.contains { $0.contains("status: “locked”") && $0.contains("user_ada") },
            "\(result.report.details)")
        // Six of nine are no slip of single records.
        world.directory.people += (0..<5).map { .named("new\($0)", status: "locked") }
        #expect(try await world.run().report.exit == .sourceIncomplete)
    }

    @Test(
        "R7: whoever is disabled, or has expired, is out, whatever else of the record cannot be read",
        arguments: [("disabled", "soon"), ("left", "2020-01-01")])
    func r7certain(status: String, expiry: String) async throws {
        let world = try World(job: World.job())
        func document(_ status: String, _ expiry: String) -> String {
            """
            {\"users\": [{\"userId\": \"user_ada\", \"username\": \"ada\", \"status\": \"\(status)\", \
            \"accountExpireTime\": \"\(expiry)\"}, {\"userId\": \"user_bo\", \"username\": \"bo\", \"status\": \
            \"enabled\"}], \"groups\": []}
            """
        }
        _ = try await world.invoke(.run, document: document("enabled", "0"))
        #expect(world.user("ada")?["active"] == true)
        _ = try await world.invoke(.run, document: document(status, expiry))
        #expect(world.user("ada")?["active"] == false)
    }

    @Test(
        """
        R33: an attribute that breaks a rule keeps neither its record nor its memberships; what cannot be done \
        without it is held
        """
    )
    func r33attribute() async throws {
        let world = try World()
        world.directory.people = [.named("ada"), .named("bo"), .named("carol")]
        world.directory.people[0].phone = "x1"
        world.directory.people[1].username = "b\u{7}o"
        world.directory.teams = [Team(id: "group_ops", name: "ops", members: ["user_ada", "user_bo", "user_carol"])]
        let result = try await world.run()
        #expect(
            world.user("ada") != nil && world.documents(.user).count == 2 && world.members("ops") == ["ada", "carol"])
        #expect(
            result.report.exit == .recordsFailed
                && result.report.details.contains { $0.contains("phoneNumber: ") && $0.contains("all else goes on") },
            "\(result.report.details)")
        // A telephone that was good stays what it was.
        world.directory.people[0].phone = "13800000001"
        try await world.run()
        #expect(world.user("ada")?["phoneNumbers"] != nil)
        world.directory.people[0].phone = "x1"
        world.directory.people[0].displayName = "Another Name"
        world.directory.teams[0].members = ["user_carol"]
        _ = try await world.run()
        #expect(
            world.user("ada")?["phoneNumbers"] != nil && world.user("ada")?["displayName"] == "Another Name"
                && world.members("ops") == ["carol"])
    }

    @Test("R8: a value that the source lost is cleared, against a limit of its own; what is not mapped stays")
    func r8() async throws {
        let world = try World(job: World.job(""))
        world.directory.people = crowd(40)
        try await world.run()
        let id = try #require(world.user("person0")?["id"]?.string)
        try world.client.change { try $0.meddle(.user, id) { $0["title"] = "Boss" } }
        world.directory.people[0].email = nil
        #expect(try await world.run().report.exit == .inStep)
        #expect(world.user("person0")?["emails"] == nil)
        #expect(world.user("person0")?["title"] == "Boss")
        for index in world.directory.people.indices { world.directory.people[index].email = nil }
        let held = try await world.run()
        #expect(held.report.exit == .held)
        #expect(
            held.report.details.contains {
                $0.contains("users.clear: 39 planned") && $0.contains("--allow users.clear=39")
            })
        #expect(world.user("person1")?["emails"] != nil)
    }

    @Test("R9: what the target never keeps is said once and left out; active is never learned so")
    func r9() async throws {
        var options = ServiceOptions()
        options.dropped = ["phoneNumbers"]
        let world = try World(options: options)
        world.directory.people = [.named("ada"), .named("bo")]
        for index in world.directory.people.indices { world.directory.people[index].phone = "13800000001" }
        let first = try await world.run()
        #expect(first.report.details.contains { $0.contains("phoneNumbers[work] is not kept") })
        let quiet = try await world.plan()
        #expect(
            quiet.report.headline.hasPrefix("No changes.")
                && !quiet.report.details.contains { $0.contains("does not keep") })
        // Once may be a mishap.
        var carol = Person.named("carol")
        carol.phone = "13800000001"
        world.directory.people.append(carol)
        try await world.run()
        let second = try await world.plan()
        #expect(second.report.headline.hasPrefix("No changes."))
        #expect(second.report.details.contains { $0.contains("does not keep user phoneNumbers[work]") })
        try await world.run()
        #expect(!(try await world.plan()).report.details.contains { $0.contains("does not keep") })

        world.client.change { $0.options.ignoresActive = true }
        world.directory.people[0].status = "disabled"
        for _ in 1...2 {
            let run = try await world.run()
            #expect(run.report.exit == .recordsFailed)
            #expect(run.operation(.disable, "ada")?.status == .failed)
            #expect(run.operation(.disable, "ada")?.reason.contains("did not apply") == true)
        }
        world.client.change { $0.options.ignoresActive = false }
        #expect(try await world.run().report.exit == .inStep)
        #expect(world.user("ada")?["active"] == false)
    }

    @Test("R10: a disabled source user without an account is not created")
    func r10() async throws {
        let world = try World()
        world.directory.people = [.named("ada", status: "disabled"), .named("bo")]
        let result = try await world.run()
        #expect(world.user("ada") == nil)
        #expect(result.operations.first { $0.name == "ada" }?.status == .noted)
        #expect(result.report.exit == .inStep)
        #expect(try await world.plan().report.headline.hasPrefix("No changes."))
    }
}
