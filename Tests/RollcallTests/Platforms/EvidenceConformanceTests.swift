import Emulation
import Foundation
import HTTP
import JSON
import Jobs
import Ledger
import Rehearsal
import SCIM
import Simulation
import Testing

@testable import Reconciliation

/// What an empty ledger, a list that is cut and an answer that is lost prove on each platform.
extension ConformanceTests {
    @Test(
        "an empty ledger on a target that cannot be listed is refused until it is meant",
        arguments: Platform.tested.filter { !$0.isListed })
    func emptyLedger(platform: Platform) async throws {
        let world = try platform.world()
        world.permissions.firstRun = false
        world.directory.people = people(2)
        let result = try await world.run()
        #expect(
            result.report.exit == .jobFile && result.told.contains("--first-run") && world.documents(.user).isEmpty,
            "\(result.told)")
        #expect(try await world.plan().report.exit == .pending)
        world.permissions.firstRun = true
        #expect(try await world.run().report.exit == .inStep)
        world.permissions.firstRun = false
        #expect(try await world.run().report.headline.hasPrefix("No changes."))
    }

    @Test(
        "what is not listed is looked at once before it is disabled: gone, or somebody else's by now",
        arguments: Platform.tested.filter { !$0.isListed })
    func oneLook(platform: Platform) async throws {
        let world = try platform.world(Platform.deleting)
        world.directory.people = people(3)
        try await world.run()
        let taken = try #require(world.user("person1")?["id"]?.string)
        let gone = try #require(world.user("person2")?["id"]?.string)
        try world.client.change { service in
            try service.meddle(.user, taken) { $0["externalId"] = "somebody else's" }
            service.remove(.user, gone)
        }
        world.directory.people.removeLast(2)
        let result = try await world.run()
        #expect(result.report.exit == .recordsFailed && result.told.contains("somebody else"), "\(result.told)")
        #expect(world.user("person1") != nil)
    }

    @Test("CloudSSO: what was taken over is disabled when it leaves, and deleted only if the job says so")
    func takenOverLeaves() async throws {
        let platform = Platform(name: "cloudsso", rules: .cloudSSO)
        let world = try platform.world(Platform.deleting)
        world.directory.people = people(3)
        try world.plant(.user, ["userName": "person0"])
        try await world.run()
        world.directory.people.removeFirst(2)
        let result = try await world.run()
        #expect(result.report.exit == .inStep, "\(result.told)")
        #expect(world.user("person0")?["active"] == false && world.user("person1") == nil)
        #expect(try await world.plan().report.headline.hasPrefix("No changes."))
    }

    @Test("an answer to a create that is lost is looked for, and nobody is made twice", arguments: Platform.tested)
    func lostAnswer(platform: Platform) async throws {
        let counter = Counter()
        let world = try platform.world(fault: { request, _ in
            request.head.method == .post && request.head.path?.hasSuffix("/Users") == true && counter.next() == 2
                ? .answerLost : nil
        })
        world.directory.people = people(4)
        let first = try await world.run()
        let second = try await world.run()
        #expect(world.documents(.user).count == 4, "\(first.told) \(second.told)")
        #expect(try await world.plan().report.headline.hasPrefix("No changes."), "\(second.told)")
        tell(platform, "lost answer to a create")
    }

    @Test(
        "beyond 50 a list that ends there is not believed: accounts are looked up by name, and nobody is made twice",
        arguments: [Platform(name: "huawei-identity-center", rules: .huawei), .older])
    func cutLists(platform: Platform) async throws {
        let world = try platform.world()
        world.directory.people = people(120)
        for number in 100..<170 {
            try world.plant(
                .user,
                [
                    "userName": .string("person\(number)"), "displayName": "Made by hand",
                    "name": ["givenName": "Made", "familyName": "by hand"],
                    "emails": [["type": "work", "value": .string("hand\(number)@corp.example"), "primary": true]],
                ])
        }
        let first = try await world.run()
        #expect(first.report.exit == .inStep && world.documents(.user).count == 170, "\(first.told)")
        #expect(first.operations.filter { $0.verb == .associate }.count == 20)
        let before = world.client.service.requests
        let quiet = try await world.plan()
        #expect(
            quiet.report.headline.hasPrefix("No changes.") && quiet.told.contains("not verified: "), "\(quiet.told)")
        #expect(world.client.service.requests - before < 10 + 120)
        world.directory.people.removeFirst(2)
        world.directory.people[0].displayName = "Another Name"
        let last = try await world.run()
        #expect(
            last.report.exit == .inStep && world.user("person2")?["displayName"] == "Another Name"
                && world.user("person0")?["active"] == false, "\(last.told)")
    }

    @Test("CloudSSO: a take-over whose answer is lost is still a take-over, and is never deleted")
    func lostTakeOver() async throws {
        let platform = Platform(name: "cloudsso", rules: .cloudSSO)
        let counter = Counter()
        let world = try platform.world(
            Platform.deleting, noHandMade: false,
            fault: { request, _ in
                request.head.method == .post && request.head.path?.hasSuffix("/Users") == true && counter.next() == 1
                    ? .answerLost : nil
            })
        world.directory.people = people(3)
        let id = try world.plant(.user, ["userName": "person0"])
        try await world.run()
        try await world.run()
        #expect(world.client.service.store[.user]?[id]?.document["externalId"] == "user_person0")
        world.directory.people.removeFirst()
        try await world.run()
        #expect(world.client.service.store[.user]?[id]?.document["active"] == false)
    }

    @Test(
        """
        where the ledger stands for the target, protect patterns hold for leavers, and an unknown outcome is sent \
        again
        """,
        arguments: Platform.tested.filter { !$0.isListed })
    func ledgerAlone(platform: Platform) async throws {
        let counter = Counter()
        let loses = Switch()
        let world = try platform.world(
            Platform.deleting,
            fault: { request, _ in
                loses.isOn && request.head.method == .patch && counter.next() == 1 ? .answerLost : nil
            })
        world.directory.people = people(4)
        try await world.run()
        world.directory.people[1].displayName = "changed name"
        loses.isOn = true
        try await world.run()
        // The source takes it back before the next run: what arrived must not stay.
        world.directory.people[1].displayName = Person.named("person1").displayName
        try await world.run()
        #expect(world.user("person1")?["displayName"]?.string?.lowercased() == "person1 example")
        world.jobText += "\nprotect: { users: [\"person0\"] }"
        world.directory.people.removeFirst()
        let result = try await world.run()
        #expect(world.user("person0") != nil && world.user("person0")?["active"] != false, "\(result.told)")
    }

    @Test(
        """
        Huawei, beyond the cut: an account that became somebody else's is not ended, and a refused member keeps \
        nobody's removal away
        """
    )
    func beyondTheCut() async throws {
        let platform = Platform(name: "huawei-identity-center", rules: .huawei)
        let world = try platform.world(Platform.deleting)
        world.directory.people = people(80)
        world.directory.teams = [
            Team(id: "g", name: "Team-A", members: ["user_person70", "user_person71", "user_person72"])
        ]
        try await world.run()
        let order = world.client.service.store[.user]?.order ?? []
        let last = try #require(order.last)
        let mark = try #require(world.client.service.store[.user]?[last]?.document["externalId"]?.string)
        try world.client.change { service in try service.meddle(.user, last) { $0["externalId"] = "somebody else's" } }
        world.directory.people.removeAll { $0.id == mark }
        world.directory.teams[0].members = ["user_person70"]
        let result = try await world.run()
        #expect(
            result.told.contains("somebody else") && world.client.service.store[.user]?[last] != nil, "\(result.told)")
        #expect(world.members("Team-A").isSubset(of: ["person70"]), "\(world.members("Team-A"))")
    }

    @Test("AWS: an empty answer proves no filter, and with groups alone memberships are read over the linked users")
    func unprovenFilter() async throws {
        let platform = Platform(name: "aws-identity-center", rules: .aws)
        let world = try platform.world()
        world.directory.people = people(6)
        world.directory.teams = [Team(id: "g", name: "Team-A", members: ["user_person0", "user_person1"])]
        try await world.run()
        #expect(try world.ledger.fact("groups.value") == nil)
        #expect(try await world.plan().report.headline.hasPrefix("No changes."))
        #expect(try world.ledger.fact("groups.value") == "agrees")
        world.jobText += "\nfullPush: [groups]"
        let quiet = try await world.plan()
        #expect(quiet.report.headline.hasPrefix("No changes."), "\(quiet.told)")
        world.directory.teams[0].members = ["user_person0"]
        try await world.run()
        #expect(world.members("Team-A") == ["person0"])
    }
}
