import Foundation
import Rehearsal
import SCIM
import Testing

@testable import Reconciliation

/// Names, addresses and telephone numbers as directories really hold them, on every platform: what is held is held by
/// the plan and says what helps;
/// nothing is found out by a refusal.
@Suite struct ConventionTests {
    /// 300 invented people: every family name with every way to write a display name, and a telephone number, an
    /// address or a user name of some custom.
    private static let people: [Person] = {
        let families = ["张", "李", "欧阳", "诸葛", "王", "司马"]
        let givens = ["三", "思源", "伟", "晓明", "丽华"]
        let forms: [(String, String) -> String] = [
            { $0 + $1 }, { "\($0) \($1)" }, { "\($0)\u{3000}\($1)" }, { "\($0)\($1)-技术部" }, { "【外包】\($0)\($1)" },
            { "\($0)\($1)（外包）" }, { "\($0)\($1)_离职" }, { _, given in given },
            { "\($0)\($1) (Zhang San)" }, { _, given in "买买提·\(given)" },
        ]
        let phones = [nil, "13800000000", "+86 138 0000 0000", "010-8888 8888", "x1"]
        var people: [Person] = []
        for (number, family) in families.enumerated() {
            for (index, given) in givens.enumerated() {
                for (kind, form) in forms.enumerated() {
                    let count = people.count
                    // Numbers with zeros, dots, capitals, an address as the name.
                    let name = [
                        "p\(count)", String(format: "%06d", count), "wei.zhang\(count)", "Li_Si\(count)",
                        "user\(count)@corp.example",
                    ][(number + index + kind) % 5]
                    var email: String? = "mail\(count)@corp.example"
                    if count % 50 == 7 { email = "shared\(count / 50 % 3)@corp.example" }
                    if count % 60 == 11 { email = "wide\(count)＠corp.example" }
                    if count % 45 == 13 { email = nil }
                    let phone = phones[count % 5].map {
                        $0 == "x1"
                            ? $0 : $0.hasSuffix("0000") ? String($0.dropLast(4)) + String(format: "%04d", count) : $0
                    }
                    people.append(
                        Person(
                            id: "user_\(count)", username: name, displayName: form(family, given), email: email,
                            phone: phone, status: "enabled"))
                }
            }
        }
        return people
    }()

    @Test(
        """
        13 E: 300 people in the customs of Chinese directories: the plan says who is held, by which rule, and \
        what helps; the target refuses nobody
        """,
        arguments: Platform.all)
    func customs(platform: Platform) async throws {
        #expect(Self.people.count == 300)
        let world = try platform.world()
        world.directory.people = Self.people
        let plan = try await world.plan()
        let run = try await world.run()
        let refused = run.operations.filter { [.failed, .conflict].contains($0.status) }
        #expect(refused.isEmpty, "\(platform.name): \(refused.prefix(3).map { "\($0.name): \($0.reason)" })")
        let held = run.operations.filter { $0.status == .held }
        // What helps: a key of the job, or the source.
        let helpless = held.filter { operation in
            !["mapping", "default", "in the source", "phoneRegion", "replace", "part:", "correct", "write"].contains {
                operation.reason.contains($0)
            }
        }
        #expect(helpless.isEmpty, "\(platform.name): \(helpless.prefix(5).map { "\($0.name): \($0.reason)" })")
        #expect(
            Set(plan.operations.filter { $0.status == .held }.compactMap(\.sourceID))
                == Set(held.compactMap(\.sourceID)))
        // Whoever is not held whole is there.
        let whole = held.filter { $0.reason.contains("no object") || $0.situation == .unacceptable }.compactMap(
            \.sourceID)
        #expect(
            world.documents(.user).count == 300 - Set(whole).count, "\(platform.name): \(held.prefix(3).map(\.reason))")
        let reasons = Dictionary(grouping: held) { String($0.reason.prefix(24)) }.mapValues(\.count)
        let most = reasons.sorted { $0.value > $1.value }.prefix(4)
        print(
            "conventions: \(platform.name): \(world.documents(.user).count) accounts, \(held.count) held: \(most)")
        let quiet = try await world.plan()
        #expect(quiet.operations.allSatisfy { $0.status != .planned }, "\(quiet.report.headline)")
    }

    @Test(
        """
        13 E: where an address is one account's alone, two records with one address are told in the plan; who has \
        it keeps it
        """,
        arguments: Platform.all.filter { $0.rules?.hasUniqueMails ?? false })
    func sharedAddress(platform: Platform) async throws {
        let world = try platform.world()
        world.directory.people = ["ada", "bo"].map { .named($0) }
        #expect(try await world.run().report.exit == .inStep)
        let mail = world.directory.people[0].email
        world.directory.people[1].email = mail?.uppercased()
        let plan = try await world.plan()
        let told = plan.operations.filter { $0.status == .held && $0.reason.contains("wants each address once") }
        #expect(
            Set(told.compactMap(\.sourceID)) == ["user_ada", "user_bo"]
                && told.allSatisfy { $0.reason.contains("correct one of the two") },
            "\(platform.name): \(plan.report.details)")
        let run = try await world.run()
        #expect(!run.operations.contains { $0.status == .failed || $0.status == .done }, "\(run.report.details)")
        world.directory.people[1].email = "other@corp.example"
        #expect(try await world.run().report.exit == .inStep)
        #expect(
            world.user("bo")?["emails"]?.array?.first?["value"] == "other@corp.example"
                && world.user("ada")?["emails"]?.array?.first?["value"]?.string == mail)
    }

    @Test(
        """
        13 E: an address that two records have is no reason to associate without it; a disabled record without an \
        account takes no address from anybody
        """
    )
    func sharedAddressIsNoEvidence() async throws {
        let platform = try #require(Platform.all.first { $0.name == "aws-identity-center" })
        let world = try platform.world(Platform.generous + "\nexisting: matching")
        world.directory.people = ["ada", "bo", "carol", "dan"].map { .named($0) }
        let mail = world.directory.people[0].email
        world.directory.people[1].email = mail
        // Carol left years ago and never had an account; Dan has the address now.
        world.directory.people[2].status = "disabled"
        world.directory.people[3].email = world.directory.people[2].email
        let names = world.directory.people[0].displayName ?? ""
        let words = names.split(separator: " ").map(String.init)
        try world.plant(
            .user,
            [
                "userName": "ada", "displayName": .string(names),
                "name": ["givenName": .string(words.first ?? ""), "familyName": .string(words.last ?? "")],
                "emails": [["type": "work", "value": "somebody.else@corp.example", "primary": true]],
            ])
        let run = try await world.run()
        #expect(
            run.operations.contains {
                $0.sourceID == "user_ada" && $0.status == .held
                    && $0.reason.contains("somebody.else@corp.example there")
            }, "\(run.report.details)")
        #expect(world.user("ada")?["externalId"] == nil && world.user("carol") == nil)
        #expect(world.user("dan")?["emails"]?.array?.first?["value"]?.string == world.directory.people[3].email)
    }

    @Test(
        """
        R13: in a group of exclusive memberships a copy that carries a member's mark is no member, where the \
        member's own account is there
        """
    )
    func copyOfAMember() async throws {
        let world = try World(job: World.job(Platform.generous + "\nmemberships: exclusive"))
        world.directory.people = ["ada"].map { .named($0) }
        world.directory.teams = [Team(id: "g", name: "Admins", members: ["user_ada"])]
        #expect(try await world.run().report.exit == .inStep)
        let copy = try world.plant(.user, ["userName": "ada2", "externalId": "user_ada"])
        let own = try #require(world.user("ada")?["id"]?.string)
        let group = try #require(world.documents(.group).first?["id"]?.string)
        world.client.change { service in
            var document = service.store[.group]?[group]?.document ?? [:]
            document["members"] = [["value": .string(own)], ["value": .string(copy)]]
            service.put(.group, group, document, created: 1_700_000_000)
        }
        #expect(world.members("Admins") == ["ada", "ada2"])
        _ = try await world.run()
        #expect(world.members("Admins") == ["ada"])
    }
}
