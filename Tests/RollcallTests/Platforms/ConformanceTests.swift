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

/// One suite for every platform: what a reconciliation must do there, or refuse by design. A new platform is one more
/// value.
@Suite(.withToys) struct ConformanceTests {
    /// What became of a case, for the matrix.
    func tell(_ platform: Platform, _ what: String, _ how: String = "passes") {
        print("matrix: \(what) · \(platform.name) · \(how)")
    }

    func people(_ count: Int) -> [Person] { (0..<count).map { .named("person\($0)") } }

    @Test("a first run creates, and a second one has nothing to do", arguments: Platform.tested)
    func firstRun(platform: Platform) async throws {
        let world = try platform.world()
        world.directory.people = people(5)
        if platform.hasGroups {
            world.directory.teams = [
                Team(id: "g", name: "Team-A", members: ["user_person0", "user_person1"]),
                Team(id: "e", name: "Empty", members: []),
            ]
        }
        let result = try await world.run()
        #expect(result.report.exit == .inStep, "\(result.told)")
        #expect(world.documents(.user).count == 5)
        if platform.hasGroups {
            #expect(world.members("Team-A") == ["person0", "person1"] && world.members("Empty").isEmpty)
        }
        let before = world.client.service.requests
        let quiet = try await world.plan()
        #expect(quiet.report.headline.hasPrefix("No changes."), "\(quiet.told)")
        if !platform.isListed {
            #expect(world.client.service.requests - before <= 2)
            #expect(quiet.told.contains("not verified: 7"), "\(quiet.told)")
        }
        tell(platform, "first run, second run", platform.isListed ? "passes" : "passes, not verified")
    }

    @Test(
        "a group of exactly a hundred: three nights with nothing to do are alike, and each costs what the list costs",
        arguments: Platform.tested.filter(\.hasGroups))
    func quietHundred(platform: Platform) async throws {
        let world = try platform.world()
        world.directory.people = people(120)
        world.directory.teams = [
            Team(id: "g", name: "Team-A", members: Set((0..<100).map { "user_person\($0)" })),
            Team(id: "h", name: "Team-B", members: Set((0..<101).map { "user_person\($0)" })),
        ]
        #expect(try await world.run().report.exit == .inStep)
        // What is learned of members is learned on the second night.
        #expect(try await world.run().report.exit == .inStep)
        var costs: [Int] = []
        for _ in 1...3 {
            let before = world.client.service.requests
            let night = try await world.run()
            #expect(night.report.exit == .inStep && night.report.headline.hasPrefix("No changes"), "\(night.told)")
            costs.append(world.client.service.requests - before)
        }
        #expect(
            Set(costs).count == 1 && world.members("Team-A").count == 100 && world.members("Team-B").count == 101,
            "\(costs)")
        tell(platform, "three quiet nights with a group of 100", "\(costs[0]) requests")
    }

    @Test(
        "existing accounts are associated where the platform can, else they are conflicts and stay as they are",
        arguments: Platform.tested)
    func existing(platform: Platform) async throws {
        let world = try platform.world()
        world.directory.people = people(10)
        for number in 0..<20 {
            try world.plant(
                .user,
                [
                    "userName": .string("person\(number + 7)"), "displayName": "Made by hand",
                    "name": ["givenName": "Made", "familyName": "by hand"],
                    "emails": [["type": "work", "value": .string("hand\(number)@corp.example"), "primary": true]],
                ])
        }
        let before = Picture(world)
        let result = try await world.run()
        let after = Picture(world)
        let changed = before.users.filter { after.users[$0.key] != $0.value }.count
        if platform.rules?.takesOver ?? false {
            #expect(
                result.report.exit == .inStep && changed == 3 && result.told.contains("taken over: 3"), "\(result.told)"
            )
            #expect(world.documents(.user).count == 27)
            tell(platform, "existing accounts", "takes over")
        } else if platform.rules?.hidesUnmanaged ?? false {
            #expect(result.report.exit == .recordsFailed && changed == 0, "\(result.told)")
            #expect(result.operations.filter { $0.verb == .create && $0.status == .conflict }.count == 3)
            tell(platform, "existing accounts", "conflicts by design")
            return
        } else if platform.rules?.writesToUnmanaged ?? true {
            #expect(result.report.exit == .inStep && changed == 3, "\(result.told)")
            tell(platform, "existing accounts", "associates")
        } else {
            #expect(result.report.exit == .recordsFailed && changed == 0, "\(result.told)")
            #expect(result.operations.filter { $0.situation == .existing && $0.status == .conflict }.count == 3)
            tell(platform, "existing accounts", "conflicts by design")
        }
        #expect(
            before.users.filter { Int($0.value["userName"]?.string?.dropFirst(6) ?? "") ?? 0 > 9 }.allSatisfy {
                after.users[$0.key] == $0.value
            })
        #expect(try await world.plan().planned.isEmpty)
    }

    @Test("an account that carries our externalId is linked, whoever made it", arguments: Platform.tested)
    func known(platform: Platform) async throws {
        let world = try platform.world()
        world.directory.people = people(2)
        let id = try world.plant(
            .user,
            [
                "userName": "person0", "externalId": "user_person0", "displayName": "Pushed",
                "name": ["givenName": "By", "familyName": "Push"],
                "emails": [["type": "work", "value": "pushed@corp.example", "primary": true]],
            ])
        let result = try await world.run()
        #expect(
            result.report.exit == .inStep && world.user("person0")?["id"]?.string == id
                && world.documents(.user).count == 2, "\(result.told)")
        tell(platform, "known by externalId")
    }

    @Test(
        "a rename, and two who swap their names: sent, or reported where names never change; never a second account",
        arguments: Platform.tested)
    func renames(platform: Platform) async throws {
        let world = try platform.world()
        world.directory.people = people(3)
        try await world.run()
        let ids = (0..<3).compactMap { world.user("person\($0)")?["id"]?.string }
        world.directory.people[0].username = "renamed"
        (world.directory.people[1].username, world.directory.people[2].username) = ("person2", "person1")
        let result = try await world.run()
        #expect(world.documents(.user).count == 3)
        if platform.mayRename {
            #expect(result.report.exit == .inStep, "\(result.told)")
            #expect(
                [world.user("renamed"), world.user("person2"), world.user("person1")].map { $0?["id"]?.string }
                    == ids.map { Optional($0) })
            #expect(try await world.plan().report.headline.hasPrefix("No changes."))
            tell(platform, "rename, swap")
        } else {
            #expect(result.operations.filter { $0.heldBy == .immutable }.count == 3, "\(result.told)")
            #expect((0..<3).map { world.user("person\($0)")?["id"]?.string } == ids.map { Optional($0) })
            // What else changes goes on.
            world.directory.people[0].displayName = "Another Name"
            try await world.run()
            #expect(
                world.user("person0")?["displayName"]?.string
                    == (platform.isLowercased ? "another name" : "Another Name"))
            tell(platform, "rename, swap", "reported by design")
        }
    }

    @Test("a new person under the name of somebody's account is held, never given it", arguments: Platform.tested)
    func recycled(platform: Platform) async throws {
        let world = try platform.world(Platform.generous + "\nleavers: { disable: never, delete: never }")
        world.directory.people = people(2)
        try await world.run()
        world.directory.people[0] = .named("person0", id: "user_somebody_else")
        let result = try await world.run()
        #expect(result.operations.contains { $0.situation == .foreign }, "\(result.told)")
        #expect(world.user("person0")?["externalId"] == "user_person0" && world.documents(.user).count == 2)
        tell(platform, "recycled name")
    }

    @Test(
        "disabled and enabled again it is the same account; where there is no flag, access remains and is reported",
        arguments: Platform.tested)
    func deactivation(platform: Platform) async throws {
        let world = try platform.world()
        world.directory.people = people(2)
        try await world.run()
        let id = world.user("person0")?["id"]
        world.directory.people[0].status = "disabled"
        let result = try await world.run()
        if platform.hasActiveFlag {
            #expect(world.user("person0")?["active"] == false)
            world.directory.people[0].status = "enabled"
            try await world.run()
            #expect(world.user("person0")?["active"] == true && world.user("person0")?["id"] == id)
            tell(platform, "deactivate, reactivate")
        } else {
            #expect(
                world.user("person0") != nil
                    && result.operations.contains { $0.status == .noted && $0.reason.contains("access remains") },
                "\(result.operations)")
            world.directory.people.append(.named("newcomer", status: "disabled"))
            try await world.run()
            #expect(world.user("newcomer") == nil)
            world.jobText = world.jobText.replacingOccurrences(
                of: Platform.generous,
                with: Platform.generous + "\nleavers: { delete: immediately, disabled: asLeaver }")
            try await world.run()
            #expect(world.user("person0") == nil && world.user("person1") != nil)
            tell(platform, "deactivate, reactivate", "no flag by design: access remains, or leaves")
        }
    }

    @Test(
        "a group is renamed, emptied, filled with 101, and deleted with what the platform asks for first",
        arguments: Platform.tested)
    func groups(platform: Platform) async throws {
        guard platform.hasGroups else {
            let text = try platform.world("fullPush: [users, groups]").jobText
            #expect { try Job.read(text: text, path: "job.yaml", vocabulary: .current) } throws: {
                "\($0)".contains("takes no groups")
            }
            return tell(platform, "groups", "refused by design")
        }
        let world = try platform.world(Platform.deleting)
        world.directory.people = people(103)
        let all = Set(world.directory.people.map(\.id))
        world.directory.teams = [
            Team(id: "g", name: "Team-A", members: []),
            Team(id: "h", name: "Team-B", members: all.subtracting(["user_person101", "user_person102"])),
        ]
        #expect(try await world.run().report.exit == .inStep)
        #expect(world.members("Team-B").count == 101 && world.members("Team-A").isEmpty)
        let id = world.group("Team-B")?["id"]
        world.directory.teams = [
            Team(id: "g", name: "Team-A", members: ["user_person102"]), Team(id: "h", name: "Team-C", members: all),
        ]
        #expect(try await world.run().report.exit == .inStep)
        #expect(world.members("Team-C").count == 103 && world.group("Team-C")?["id"] == id)
        world.directory.teams = [Team(id: "g", name: "Team-A", members: ["user_person0"])]
        world.directory.people.removeLast(2)
        let result = try await world.run()
        #expect(result.report.exit == .inStep, "\(result.told)")
        #expect(world.group("Team-C") == nil && world.user("person102") == nil && world.documents(.user).count == 101)
        #expect(try await world.plan().report.headline.hasPrefix("No changes."))
        tell(platform, "groups")
    }

    @Test(
        "what a platform refuses is found while planning, all of it at once, and the others go on",
        arguments: Platform.tested)
    func validation(platform: Platform) async throws {
        let world = try platform.world()
        let longest = String(repeating: "x", count: min(platform.rules?.longestUserName ?? 64, 128))
        var bad = Person.named("with space")
        bad.displayName = String(repeating: "长", count: 1100)
        world.directory.people = [
            .named(longest), .named("aa", displayName: "李雷"), bad, .named(longest + "y", id: "user_long"),
        ]
        let result = try await world.run()
        #expect(world.user(longest) != nil && world.user("aa")?["displayName"] == "李雷", "\(result.told)")
        if platform.rules == nil {
            #expect(result.report.exit == .inStep && world.documents(.user).count == 4)
            tell(platform, "validation", "no rules")
        } else {
            // Where the name is good and displayName is not needed, an account is made without it.
            let isOptional = platform.name == "volcengine-identity-center"
            #expect(
                result.report.exit == .recordsFailed && world.documents(.user).count == (isOptional ? 3 : 2),
                "\(result.told)")
            let reasons = result.operations.filter { $0.heldBy == .unacceptable || $0.heldBy == .attribute }.map(
                \.reason)
            #expect(
                reasons.contains { $0.contains("displayName") }
                    && reasons.contains { $0.contains("\(longest.count + 1) characters") }, "\(reasons)")
            if platform.rules?.userNameSigns != nil {
                #expect(reasons.contains { $0.contains("userName: ") && $0.contains("displayName: ") }, "\(reasons)")
            }
            tell(platform, "validation")
        }
    }

    @Test(
        "a change of case alone is a change, or none where the platform has lower case only", arguments: Platform.tested
    )
    func caseOnly(platform: Platform) async throws {
        let world = try platform.world()
        world.directory.people = [.named("ada", displayName: "Ada Byrne")]
        try await world.run()
        world.directory.people[0].displayName = "ADA BYRNE"
        let result = try await world.run()
        if platform.isLowercased {
            #expect(
                result.report.headline.hasPrefix("No changes.") && world.user("ada")?["displayName"] == "ada byrne",
                "\(result.told)")
            tell(platform, "case-only change", "lower case by design")
        } else {
            #expect(world.user("ada")?["displayName"] == "ADA BYRNE")
            tell(platform, "case-only change")
        }
        world.directory.people[0].username = "Ada"
        #expect(try await world.run().report.headline.hasPrefix("No changes."))
    }

    @Test("RAM: a user with access keys is not deleted, the reason and the remedy are told, and the others go on")
    func deletionRefused() async throws {
        let platform = Platform.ram
        let world = try platform.world(Platform.deleting)
        world.directory.people = people(3)
        try await world.run()
        let id = try #require(world.user("person0")?["id"]?.string)
        world.client.change {
            $0.options.vendor.undeletable[id] =
                "DeleteConflict.User.AccessKey: remove the access keys of the user first"
        }
        world.directory.people.removeFirst(2)
        let result = try await world.run()
        #expect(
            result.report.exit == .recordsFailed && result.told.contains("DeleteConflict.User.AccessKey")
                && result.told.contains("remove them in the RAM console"), "\(result.told)")
        #expect(world.user("person0") != nil && world.user("person1") == nil)
    }

    @Test("RAM shows names with the account's domain, and they are compared without it")
    func domain() async throws {
        let platform = Platform.ram
        let world = try platform.world()
        world.client.change { $0.options.vendor.userNameSuffix = "@orchid.onaliyun.com" }
        world.directory.people = people(3)
        #expect(try await world.run().report.exit == .inStep)
        #expect(try await world.plan().report.headline.hasPrefix("No changes."))
        world.directory.people[0].displayName = "Another Name"
        let result = try await world.run()
        #expect(result.report.exit == .inStep, "\(result.told)")
        #expect(try await world.plan().report.headline.hasPrefix("No changes."))
    }

    @Test(
        "a key for RAM, an attribute that RAM does not have, and platforms without SCIM are refused with what to do",
        arguments: ["huawei-iam", "tencent-cam", "volcengine-iam", "aws-iam"])
    func refused(name: String) throws {
        let good = try Platform.all[0].world().jobText
        let text = good.replacingOccurrences(of: "platform: generic", with: "platform: \(name)")
        #expect { try Job.read(text: text, path: "job.yaml", vocabulary: .current) } throws: {
            "\($0)".contains("has no SCIM interface") && "\($0)".contains("use the")
        }
        let key =
            good.replacingOccurrences(of: "platform: generic", with: "platform: ram")
            + "\nmapping:\n  emails[work]: { from: email }\n"
        #expect { try Job.read(text: key, path: "job.yaml", vocabulary: .current) } throws: {
            "\($0)".contains("OAuth client only") && "\($0)".contains("does not exist on this platform")
        }
    }

    @Test("the template of each platform is a good job", arguments: JobTemplate.platforms)
    func templates(name: String) throws {
        let text = try #require(JobTemplate.text(name))
        let job = try Job.read(text: text, path: "job.yaml", vocabulary: .current)
        #expect(job.target.platform == name)
    }
}
