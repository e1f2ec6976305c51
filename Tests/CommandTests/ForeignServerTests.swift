import Foundation
import JSON
import Testing

/// SCIM servers of other people as the target: the oracle that does not share our mistakes.
@Suite(.serialized) struct ForeignServerTests {
    private static let token = "foreign-token"

    /// A directory of 500 users and 20 groups of 150, and its next day.
    private struct Company {
        var users: [(id: String, name: String, display: String)]
        var groups: [(id: String, name: String, members: [Int])]

        init() {
            users = (0..<500).map { ("user_\($0)", "person\($0)", "Person \($0) Example") }
            groups = (0..<20).map { group in
                ("group_\(group)", "Team \(group)", (0..<150).map { (group * 37 + $0 * 3) % 500 }.sorted())
            }
        }

        /// 20 users change, 5 leave, 3 groups are renamed, 100 memberships move.
        mutating func nextDay() {
            for index in 0..<20 { users[index].display = "Changed \(index)" }
            for index in 0..<3 { groups[index].name += " renamed" }
            let gone = Set(20..<25)
            for index in groups.indices { groups[index].members.removeAll { gone.contains($0) } }
            var moved = 0
            for group in 0..<20 {
                let other = (group + 7) % 20
                for member in groups[group].members
                where moved < (group + 1) * 5 && !groups[other].members.contains(member) {
                    groups[group].members.removeAll { $0 == member }
                    groups[other].members.append(member)
                    moved += 1
                }
            }
            #expect(moved == 100)
            leavers = gone
        }

        private var leavers: Set<Int> = []

        var document: String {
            let people: [JSONValue] = users.enumerated().compactMap { index, user in
                leavers.contains(index)
                    ? nil
                    : [
                        "userId": .string(user.id), "username": .string(user.name),
                        "displayName": .string(user.display), "email": .string("\(user.name)@corp.example"),
                        "status": "enabled",
                        "phoneRegion": "86", "phoneNumber": .string("138\(10_000_000 + index)"),
                    ]
            }
            let teams: [JSONValue] = groups.map { group in
                [
                    "groupId": .string(group.id), "groupName": .string(group.name),
                    "members": .array(group.members.sorted().map { .string(users[$0].id) }),
                ]
            }
            return (["users": .array(people), "groups": .array(teams)] as JSONValue).canonical
        }
    }

    /// Speaks to the server without our own client.
    private func curl(_ method: String, _ url: String, _ body: JSONValue? = nil) throws -> JSONValue {
        var arguments = [
            "--silent", "--max-time", "20", "-X", method, "-H", "Authorization: Bearer \(Self.token)", "-H",
            "Content-Type: application/scim+json", url,
        ]
        if let body { arguments += ["--data-binary", body.canonical] }
        let result = try Program.run(URL(fileURLWithPath: "/usr/bin/curl"), arguments)
        return (try? JSONValue(parsing: Array(result.output.utf8))) ?? .null
    }

    @Test(
        "500 users, 20 groups and 3,000 memberships, a day of changes, and in step each time",
        arguments: ["strict", "cursor", "minimal", "django", "flask"])
    func inStep(name: String) throws {
        let server = try ServerProcess.foreign(name, token: Self.token)
        defer { server.stop() }
        let place = try Workplace()
        try place.writeJob(server.base)
        var company = Company()
        try place.write("directory.json", company.document)

        let user = "urn:ietf:params:scim:schemas:core:2.0:User"
        let existing = try curl(
            "POST", "\(server.base)/Users",
            [
                "schemas": [.string(user)], "userName": "person7", "displayName": "Was here before", "active": true,
                "emails": [["value": "person7@corp.example", "type": "work"]],
            ])
        let stranger = try curl(
            "POST", "\(server.base)/Users",
            ["schemas": [.string(user)], "userName": "stranger", "displayName": "Stranger", "active": true])
        let existingID = try #require(existing["id"]?.string)
        let strangerID = try #require(stranger["id"]?.string)
        let before = try curl("GET", "\(server.base)/Users/\(strangerID)")

        func rollcall(_ arguments: String...) throws -> Program.Result {
            try Program.rollcall(arguments + ["job.yaml"], environment: ["SANDBOX_TOKEN": Self.token], in: place.folder)
        }
        let first = try rollcall("run")
        #expect(first.exit == 0, "\(first.everything)")
        #expect(first.output.hasPrefix("OK. Run 1: 519 created,"), "\(first.output)")
        #expect(first.output.contains("1 existing account associated, 3000 memberships added"))
        let quiet = try rollcall("plan")
        #expect(quiet.exit == 0 && quiet.output.hasPrefix("No changes. 520 in step."), "\(quiet.everything)")

        company.nextDay()
        try place.write("directory.json", company.document)
        let second = try rollcall("run", "--csv", "run.csv")
        #expect(second.exit == 0, "\(second.everything)")
        let rows = try place.read("run.csv").components(separatedBy: "\r\n")
        #expect(rows.filter { $0.contains(",user,changed,update,done,") && $0.contains(",displayName,") }.count == 20)
        #expect(rows.filter { $0.contains(",leaver,disable,done,") }.count == 5)
        #expect(rows.filter { $0.contains(",group,changed,update,done,") }.count == 3)
        #expect(rows.filter { $0.contains(",add members,done,") }.count == 100)
        let again = try rollcall("plan")
        #expect(again.exit == 0 && again.output.hasPrefix("No changes. 515 in step."), "\(again.everything)")

        // Seen with other eyes: the stranger is untouched, the existing account is ours, a leaver is disabled, a team
        // is right.
        #expect(try curl("GET", "\(server.base)/Users/\(strangerID)") == before)
        #expect(try curl("GET", "\(server.base)/Users/\(existingID)")["externalId"] == "user_7")
        // What a server does not keep is said in one line, and once.
        if name == "django" {
            #expect(
                first.output.contains("is not kept by the target") || first.output.contains("is stored differently"),
                "\(first.output)")
            // After two runs that sent it in vain.
            #expect(!quiet.output.contains("does not keep") && again.output.contains("does not keep user displayName"))
            #expect(try !rollcall("plan").output.contains("does not keep"))
        }
    }

    @Test(
        "a server whose totals are the lengths of its pages is understood, not harmed, and in step on the third night")
    func old() throws {
        let server = try ServerProcess.foreign("old", token: Self.token)
        defer { server.stop() }
        let place = try Workplace()
        try place.writeJob(server.base)
        var company = Company()
        try place.write("directory.json", company.document)
        let user = "urn:ietf:params:scim:schemas:core:2.0:User"
        let stranger = try curl(
            "POST", "\(server.base)/Users",
            ["schemas": [.string(user)], "userName": "stranger", "displayName": "Stranger", "active": true])
        let strangerID = try #require(stranger["id"]?.string)
        let before = try curl("GET", "\(server.base)/Users/\(strangerID)")
        func rollcall(_ arguments: String...) throws -> Program.Result {
            try Program.rollcall(arguments + ["job.yaml"], environment: ["SANDBOX_TOKEN": Self.token], in: place.folder)
        }
        #expect(try rollcall("run").exit == 0)
        let quiet = try rollcall("plan")
        #expect(quiet.exit == 0 && quiet.output.hasPrefix("No changes. 520 in step."), "\(quiet.everything)")
        #expect(quiet.output.contains("a list's total is the length of its page"), "\(quiet.everything)")
        company.nextDay()
        try place.write("directory.json", company.document)
        let second = try rollcall("run")
        #expect(second.exit == 0 && !second.output.contains("failed"), "\(second.everything)")
        let last = try rollcall("plan")
        #expect(last.exit == 0 && last.output.hasPrefix("No changes. 515 in step."), "\(last.everything)")
        #expect(try curl("GET", "\(server.base)/Users/\(strangerID)") == before)
        // Nobody was created twice.
        for name in ["person0", "person499"] {
            let found = try curl("GET", "\(server.base)/Users?filter=userName%20eq%20%22\(name)%22")
            #expect(found["Resources"]?.array?.count == 1)
        }
    }

    /// Forty people in four teams, and their next day.
    private func smallCompany(_ isNextDay: Bool) -> String {
        let gone: Set<Int> = isNextDay ? [20, 21] : []
        let people: [JSONValue] = (0..<40).filter { !gone.contains($0) }.map {
            [
                "userId": .string("user_\($0)"), "username": .string("person\($0)"),
                "displayName": .string(isNextDay && $0 < 3 ? "Changed \($0)" : "Person \($0) Example"),
                "email": .string("person\($0)@corp.example"), "status": "enabled",
            ]
        }
        let teams: [JSONValue] = (0..<4).map { team in
            let members = (0..<40).filter { ($0 * 7 + team * 3) % 4 == 0 && !gone.contains($0) }
            return [
                "groupId": .string("g\(team)"),
                "groupName": .string("Team \(team)" + (isNextDay && team == 0 ? " renamed" : "")),
                "members": .array(members.map { .string("user_\($0)") }),
            ]
        }
        return (["users": .array(people), "groups": .array(teams)] as JSONValue).canonical
    }

    @Test(
        """
        13: a server on which most PATCHes are 501 and groups keep their members: users are in step, and for the \
        rest the report names the key that ends it
        """
    )
    func glue() throws {
        let server = try ServerProcess.foreign("glue", token: Self.token)
        defer { server.stop() }
        let place = try Workplace()
        try place.writeJob(server.base)
        func run() throws -> Program.Result {
            try Program.rollcall(["run", "job.yaml"], environment: ["SANDBOX_TOKEN": Self.token], in: place.folder)
        }
        try place.write("directory.json", smallCompany(false))
        #expect(try run().exit == 0)
        #expect(try run().output.hasPrefix("OK. No changes. 44 in step."))
        try place.write("directory.json", smallCompany(true))
        var rows: [[Substring]] = []
        for _ in 1...3 {
            let night = try run()
            #expect(night.exit == 3, "\(night.everything)")
            rows.append(
                night.output.split(separator: "\n").filter { $0.contains("! failed ") }.map {
                    $0.split(separator: "; since run ")[0]
                })
        }
        #expect(
            rows[1] == rows[2]
                && rows[2].allSatisfy { $0.contains("(remove members)") && $0.contains("fullPush: [users]") }, "\(rows)"
        )
        try place.writeJob(server.base, extra: "fullPush: [users]")
        let last = try run()
        #expect(last.exit == 0 && last.output.hasPrefix("OK. No changes."), "\(last.everything)")
        let person = try curl("GET", "\(server.base)/Users?filter=userName%20eq%20%22person0%22")
        #expect(person["Resources"]?.array?.count == 1)
    }

    @Test(
        "13: killed in the middle against a server that nobody here wrote, it goes on, and nobody is made twice",
        arguments: ["strict", "cursor", "minimal", "django", "old", "flask", "glue"])
    func killed(name: String) throws {
        let server = try ServerProcess.foreign(name, token: Self.token)
        defer { server.stop() }
        let place = try Workplace()
        try place.writeJob(server.base)
        // Slow enough to be met.
        try place.write(
            "slow.yaml",
            try place.read("job.yaml").replacingOccurrences(
                of: "requestsPerSecond: 2000", with: "requestsPerSecond: 25"))
        try place.write("directory.json", smallCompany(false))
        let first = Process()
        first.executableURL = Program.products.appendingPathComponent("rollcall")
        first.arguments = ["run", "slow.yaml"]
        first.currentDirectoryURL = place.folder
        first.environment = ProcessInfo.processInfo.environment.merging(["SANDBOX_TOKEN": Self.token]) { _, new in new }
        first.standardOutput = FileHandle.nullDevice
        first.standardError = FileHandle.nullDevice
        try first.run()
        func made() throws -> [String] {
            (try curl("GET", "\(server.base)/Users?startIndex=1&count=50")["Resources"]?.array ?? []).compactMap {
                $0["userName"]?.string
            }.filter { $0.hasPrefix("person") }
        }
        for _ in 0..<100 where first.isRunning {
            if try made().count >= 10 { break } else { Thread.sleep(forTimeInterval: 0.1) }
        }
        kill(first.processIdentifier, SIGKILL)
        first.waitUntilExit()
        let before = try made().count
        #expect((10..<40).contains(before), "\(before) were made when it was killed")
        let next = try Program.rollcall(
            ["run", "job.yaml"], environment: ["SANDBOX_TOKEN": Self.token], in: place.folder)
        #expect(next.exit == 0, "\(next.everything)")
        let names = try made()
        #expect(Set(names).count == 40 && names.count == 40, "\(names.count) accounts for \(Set(names).count) people")
    }
}
