import Directory
import Emulation

import Rehearsal
import SCIM
import Testing

@testable import Provisioning

// What another platform and another source would bring, and nothing more: a profile with the rules of its emulator, and
// a `DirectorySource`. The suites run on them as on those that are served.

extension Profile {
    /// A platform of the toy shop: three members in a PATCH, pages of seven, and what others have in part.
    static let toy = Profile(
        name: "toy-shop", displayName: "Toy Shop", listing: .pages, filterable: ["id"], existing: .associate,
        mapping: Profile.generic.mapping,
        caseInsensitive: [.user: ["userName", "emails[work]"], .group: []],
        rules: [
            .user: [
                AttributeRule("userName", isRequired: true, length: 1...40, signs: ".-_@"),
                AttributeRule("displayName", length: 1...90),
            ],
            .group: [AttributeRule("displayName", isRequired: true, length: 1...30)],
        ],
        memberChunk: 3, memberReading: [.byID], lookUp: [.scan],
        deletion: Deletion(groupsMustBeEmpty: true, usersMustLeaveGroups: true), requestsPerSecond: 50, concurrency: 2,
        pageSize: 7, mediaType: "application/json", singleValued: ["emails", "phoneNumbers"], hasUniqueMails: true)
}

extension VendorRules {
    static let toy: VendorRules = {
        var rules = VendorRules()
        rules.path = "/toys/scim"
        rules.filterable = ["id"]
        rules.mostMemberChanges = 3
        rules.singleValues = true
        rules.hasUniqueMails = true
        rules.groupsMustBeEmpty = true
        rules.usersMustLeaveGroups = true
        rules.userNameSigns = ".-_@"
        rules.longestUserName = 40
        return rules
    }()
}

extension Platform {
    static let toy = Platform(name: "toy-shop", rules: .toy)
    /// Those that are served, and the toy.
    static let tested = all + [toy]
}

/// Serves the toy platform while a test runs.
struct ToyShop: SuiteTrait, TestTrait, TestScoping {
    var isRecursive: Bool { true }

    func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
    ) async throws { try await Profile.$guests.withValue([.toy], operation: function) }
}

extension Trait where Self == ToyShop {
    static var withToys: ToyShop { ToyShop() }
}

/// A register on paper: it says how many lines it has, and each line is a user or a group.
struct ToySource: DirectorySource {
    struct Register: Sendable {
        var lines: [String] = []
        /// As it stands on the last line.
        var count = 0
    }

    let identity = "toy register"
    let readsEverything = true
    let register: Register

    init(_ directory: TestDirectory) {
        var lines = directory.people.map { person in
            [
                "user", person.id, person.username ?? "", person.displayName ?? "", person.email ?? "",
                person.status ?? "",
            ]
            .joined(separator: "\t")
        }
        lines += directory.teams.map { team in
            (["group", team.id, team.name] + team.members.sorted()).joined(separator: "\t")
        }
        register = Register(lines: lines, count: lines.count)
    }

    init(_ register: Register) { self.register = register }

    func read(_ wish: ReadWish, into sink: any DirectorySink) async throws -> ReadEvidence {
        var evidence = ReadEvidence(statement: "a register of \(register.count) lines, read to the last")
        for (number, line) in register.lines.enumerated() {
            let parts = line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
            let isUser = parts[0] == "user"
            var fields = [isUser ? "userId" : "groupId": parts[1], isUser ? "username" : "groupName": parts[2]]
            if isUser {
                for (name, value) in zip(["displayName", "email", "status"], parts.dropFirst(3)) where !value.isEmpty {
                    fields[name] = value
                }
            }
            let record = DirectoryRecord(
                kind: isUser ? .user : .group, id: parts[1], fields: fields,
                members: isUser ? [] : Array(parts.dropFirst(3)), place: "line \(number + 1)")
            if try sink.add(record) == .contradicting { evidence.violate("the id \(record.id) stands twice") }
        }
        if register.lines.count != register.count {
            evidence.violate("\(register.lines.count) lines came, and the register has \(register.count)")
        }
        return evidence
    }
}

/// A source of another kind through a whole life: what comes, what changes, what leaves, and a read that is not whole.
@Suite(.withToys) struct ToyTests {
    @Test(
        "15 C: a toy source and a toy platform need nothing that is not theirs",
        arguments: [Platform.toy, Platform.all[0]])
    func life(platform: Platform) async throws {
        let world = try platform.world(Platform.deleting)
        world.otherSource = { ToySource($0) }
        world.directory.people = ["ada", "bo", "cy", "di"].map { .named($0) }
        world.directory.teams = [Team(id: "g", name: "Team-A", members: ["user_ada", "user_bo", "user_cy", "user_di"])]
        #expect(try await world.run().report.exit == .inStep)
        #expect(world.members("Team-A") == ["ada", "bo", "cy", "di"])
        world.directory.people[0].displayName = "Another Name"
        world.directory.people[1].status = "disabled"
        world.directory.people.removeLast()
        world.directory.teams[0].members = ["user_ada"]
        // Half a register ends nobody's access.
        let whole = ToySource(world.directory).register
        world.otherSource = { _ in ToySource(.init(lines: Array(whole.lines.dropLast(2)), count: whole.count)) }
        let before = world.documents(.user).count
        let half = try await world.run()
        #expect(
            half.report.exit == .sourceIncomplete && world.documents(.user).count == before, "\(half.report.headline)")
        world.otherSource = { ToySource($0) }
        // Where nobody can be asked for, absence is believed on the third day.
        for _ in 1...4 { _ = try await world.run() }
        #expect(world.user("ada")?["displayName"] == "Another Name" && world.user("bo")?["active"] == false)
        #expect(world.members("Team-A") == ["ada"] && world.user("di")?["active"] != true)
        #expect(try await world.run().report.headline.hasPrefix("No changes."))
    }

    @Test("a platform that is no guest any more is not served")
    func gone() {
        #expect(Profile.named("toy-shop") != nil)
        #expect(Profile.$guests.withValue([]) { Profile.named("toy-shop") } == nil)
    }
}
