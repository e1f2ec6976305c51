import Foundation
import JSON
import Ledger
import Rehearsal
import Reporting
import SCIM
import Testing

@testable import Reconciliation

/// What is shown, and that it can be shown again: 16.
@Suite struct SeenTests {
    private static let generous =
        """
        limits: { source.shrink: none, users.disable: none, users.delete: none, memberships.remove: none, \
        users.clear: none }
        """

    /// Forty people in a group, of whom three lose access, one is renamed, one is in conflict, and thirty are not
    /// acceptable.
    private func world(limits: String = generous) async throws -> World {
        let world = try World(job: World.job("leavers: { disable: immediately, delete: 30d }\n\(limits)"))
        world.directory.people = (0..<40).map { .named("person\($0)") }
        for index in world.directory.people.indices { world.directory.people[index].displayName = "王 \(index)" }
        world.directory.teams = [Team(id: "g", name: "On-Call", members: Set((0..<10).map { "user_person\($0)" }))]
        #expect(try await world.run().report.exit == .inStep)
        return world
    }

    /// Takes people out of the directory, and out of its groups.
    private func leave(_ world: World, _ numbers: Int...) {
        let gone = Set(numbers.map { "user_person\($0)" })
        world.directory.people.removeAll { gone.contains($0.id) }
        world.directory.teams[0].members.subtract(gone)
    }

    private func csv(_ world: World, _ plan: Int64?) throws -> String {
        var text = CSVReport.header
        let info = try #require(try world.ledger.plan(plan))
        try CSVReport(job: "world", platform: "generic") { text += $0 }.rows(of: info, in: world.ledger)
        return text
    }

    private func table(_ text: String) -> [[String: String]] {
        let lines = text.components(separatedBy: "\r\n").filter { !$0.isEmpty }.map { $0.components(separatedBy: ",") }
        return lines.dropFirst().map { Dictionary(zip(lines[0], $0)) { first, _ in first } }
    }

    @Test(
        """
        16 A: sections in the order of what matters, a headline that counts disables by themselves, and a result \
        in the past with its verdict
        """
    )
    func sections() async throws {
        let world = try await world()
        leave(world, 1, 2)
        world.directory.people[0].status = "disabled"
        world.directory.people[5].displayName = "Renamed 王"
        world.directory.people.append(.named("newcomer"))
        _ = try world.plant(.user, ["userName": "taken", "externalId": "hr-77"])
        world.directory.people.append(.named("taken"))
        let plan = try await world.plan()
        let number = try #require(plan.report.plan)
        #expect(
            plan.report.headline.hasPrefix("Plan \(number): 1 to create, ")
                && plan.report.headline.contains(", 3 to disable, 0 to delete; ")
                && plan.report.headline.contains("; 1 needs you. "),
            "\(plan.report.headline)")
        #expect(
            plan.report.verdict == nil
                && plan.report.sections.map(\.kind) == [.takesAway, .creates, .changes, .needsYou])
        let lines = Screen().lines(plan.report)
        #expect(lines.contains { $0.hasPrefix("  - disable 王 1 (person1): no longer in the source") }, "\(lines)")
        #expect(
            lines.contains {
                $0.hasPrefix("  - members On-Call: − ") && $0.contains("王 1 (person1)") && $0.contains("王 2 (person2)")
            })
        #expect(lines.contains { $0.hasPrefix("  ~ user ") && $0.contains("displayName 王 7 → Renamed 王") }, "\(lines)")
        #expect(lines.contains { $0.hasPrefix("  ! conflict user ") && $0.contains("hr-77") }, "\(lines)")
        let run = try await world.run()
        #expect(
            run.report.verdict == .attention && run.report.headline.contains(": 1 created, ")
                && run.report.headline.contains(", 3 disabled, 0 deleted; "), "\(run.report.headline)")
        #expect(run.report.sections.first?.title == "Took access away")
        // The night after, the conflict is known, and nothing else is left.
        let quiet = try await world.run()
        let known = Screen(isQuiet: true).lines(quiet.report)
        #expect(
            quiet.report.sections.map(\.kind) == [.needsYou]
                && quiet.report.sections[0].rows[0].detail.contains("; since run "), "\(quiet.report.sections)")
        #expect(known.contains("  … one that was told before") && !known.contains { $0.contains("hr-77") }, "\(known)")
    }

    @Test("16 A: equal causes are one row, with the first names and how many there are")
    func folded() async throws {
        let world = try await world()
        for number in 0..<40 {
            var person = Person.named("late\(number)")
            person.username = "administrator"
            world.directory.people.append(person)
        }
        let plan = try await world.plan()
        let needs = try #require(plan.report.sections.first { $0.kind == .needsYou })
        #expect(
            needs.rows.count <= 2
                && needs.rows.contains { $0.whom.hasPrefix("39 users ") && $0.whom.contains(" and 34 more") },
            "\(needs.rows)")
    }

    @Test("16 A: holds of one kind whose values differ are five rows, and one for the others")
    func foldedAlike() async throws {
        let world = try World(job: World.job("existing: matching"))
        for number in 0..<40 {
            world.directory.people.append(.named("late\(number)"))
            try world.plant(.user, ["userName": .string("late\(number)"), "displayName": .string("Other \(number)")])
        }
        let plan = try await world.plan()
        let needs = try #require(plan.report.sections.first { $0.kind == .needsYou })
        #expect(
            needs.rows.count == 6 && needs.rows[5].whom.hasPrefix("35 users ") && needs.rows[5].records == 35
                && needs.rows[5].whom.hasSuffix(" and 30 more") && needs.rows[5].detail.contains("--detail all"),
            "\(needs.rows)")
    }

    @Test("16 A: a held run names whom it holds, the limit with its use, and what they have in common")
    func held() async throws {
        let world = try await world(limits: "limits: { source.shrink: none, users.disable: 2 }")
        leave(world, 1, 2, 3, 4)
        let run = try await world.run()
        #expect(
            run.report.verdict == .held && run.report.headline.contains("wrote nothing, and no account was changed"),
            "\(run.report.headline)")
        let lines = Screen().lines(run.report)
        #expect(lines[0].hasPrefix("HELD. Run 2 wrote nothing"))
        #expect(
            lines.contains("Held, and not written:")
                && lines.contains { $0.contains("users.disable: 4 in this run, at most 2") }, "\(lines)")
    }

    @Test(
        """
        16 A: lines wrap at blanks where the terminal ends, Han counts double, and what anybody wrote cannot \
        steer the terminal
        """
    )
    func wrapped() {
        var report = JobReport(
            job: "j", plan: 1, exit: .pending, headline: "Plan 1: 一二三 to create",
            notes: ["a " + String(repeating: "word ", count: 40), "evil \u{1B}[2J\u{202E}"], requests: 0)
        report.sections = [
            ReportSection(
                kind: .creates, title: "Creates",
                rows: [.init(mark: .more, what: "user", whom: String(repeating: "欧阳敏 ", count: 20), detail: "x")],
                count: 1)
        ]
        let lines = Screen(width: 60, isColoured: true).lines(report)
        #expect(lines.allSatisfy { Screen.columns($0) <= 60 }, "\(lines)")
        #expect(!lines.contains { $0.contains("\u{1B}[2J") || $0.contains("\u{202E}") })
        #expect(Screen(width: nil).lines(report).count == 5)
        #expect(Screen.columns("欧阳敏 x") == 8 && Screen.columns("\u{1B}[31m-\u{1B}[0m") == 1)
    }

    @Test(
        """
        16 C: what takes access away comes first, fields of one account share an op, each membership has its own, \
        and a member row names group and person
        """
    )
    func spreadsheet() async throws {
        let world = try await world()
        leave(world, 1, 20)
        world.directory.people.append(.named("newcomer"))
        let plan = try await world.plan()
        let rows = table(try csv(world, plan.report.plan))
        #expect(rows.map { $0["risk"] ?? "" } == rows.map { $0["risk"] ?? "" }.sorted())
        let first = rows.prefix { $0["risk"] == "1" }
        #expect(Set(first.compactMap { $0["what"] }) == ["disable", "remove member"])
        #expect(
            first.contains {
                $0["what"] == "remove member" && $0["group"] == "On-Call" && $0["person"] == "王 1"
                    && $0["user_name"] == "person1"
            }, "\(first)")
        #expect(
            first.contains { $0["what"] == "disable" && $0["person"] == "王 20" && $0["due"]?.hasPrefix("20") ?? false })
        let create = rows.filter { $0["what"] == "create" }
        #expect(
            create.count > 3 && Set(create.compactMap { $0["op"] }).count == 1
                && create.allSatisfy { $0["op"]?.hasPrefix("p\(plan.report.plan ?? 0)-") ?? false })
        #expect(rows.allSatisfy { $0["digest"]?.hasPrefix("d:") ?? false && $0["plan"] == "\(plan.report.plan ?? 0)" })
    }

    @Test("16 C, D: the same plan is the same table after ten more nights in which the names have changed")
    func again() async throws {
        let world = try await world()
        leave(world, 1)
        world.directory.people[3].displayName = "Changed"
        let night = try await world.run()
        let then = try csv(world, night.report.plan)
        for day in 0..<10 {
            for index in 0..<5 { world.directory.people[index].displayName = "Day \(day) \(index)" }
            if day == 4 { leave(world, 39) }
            _ = try await world.run()
        }
        #expect(try csv(world, night.report.plan) == then)
        let stored = try JobReport.stored(
            "world", try #require(try world.ledger.plan(night.report.plan)), in: world.ledger, detail: .rows)
        #expect(
            stored.sections.map(\.rows) == night.report.sections.map(\.rows) && stored.verdict == night.report.verdict)
    }

    @Test("16 B: a conflict is an interval: it keeps its first day while it lasts, ends, and begins anew")
    func intervals() async throws {
        let world = try await world()
        let id = try world.plant(.user, ["userName": "taken", "externalId": "hr-77"])
        world.directory.people.append(.named("taken"))
        func since() async throws -> String? {
            let run = try await world.run()
            let operation = try #require(run.operations.first { $0.name == "taken" })
            let since = try world.ledger.troublesSince(
                run: run.report.plan.flatMap { try? world.ledger.plan($0)?.run } ?? 0)
            return Ledger.troubleKey(operation).flatMap { since[$0] }.map { String($0.prefix { $0 != "o" }.dropLast()) }
        }
        #expect(try await since() == nil)
        #expect(try await since() == "run 2")
        #expect(try await since() == "run 2")
        try world.client.change { service in try service.meddle(.user, id) { $0["externalId"] = "user_taken" } }
        #expect(try await world.run().report.exit == .inStep)
        #expect(try await world.run().report.exit == .inStep)
        try world.client.change { service in try service.meddle(.user, id) { $0["externalId"] = "hr-77" } }
        #expect(try await since() == nil)
        #expect(try await since() == "run 7")
    }

    @Test("16 E: a name in a flag or in the job that is no record's is told, one that is says nothing")
    func unknownNames() async throws {
        let world = try World(
            job: World.job("existing: { users: matching, decline: [person1, nobody, user_person2] }", existing: nil))
        world.directory.people = (0..<4).map { .named("person\($0)") }
        world.permissions.retry = ["PERSON0", "persn3"]
        world.permissions.acceptTakeback = ["user_person1"]
        let told = try await world.run().report.details.filter { $0.contains("no record's name or source id") }
        #expect(
            told == [
                "--retry names what is no record's name or source id: persn3",
                "existing: { decline } names what is no record's name or source id: nobody",
            ], "\(told)")
    }

    @Test("14 C: a disk that has less room than a run may need is told before it is full, also on a quiet night")
    func disk() async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("rollcall-disk-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let world = try World(ledger: Ledger(path: folder.appendingPathComponent("world.sqlite").path))
        world.directory.people = (0..<5).map { .named("person\($0)") }
        #expect(try await world.run().report.exit == .inStep)
        world.freeBytes = 1 << 40
        #expect(try await !world.run().report.details.contains { $0.contains("make space") })
        world.freeBytes = 5_000
        let quiet = try await world.run()
        #expect(
            quiet.report.exit == .inStep
                && Screen(isQuiet: true).lines(quiet.report).contains {
                    $0.contains("has 0 MB free, and this run may need 1 MB")
                }, "\(quiet.report.details)")
    }

    @Test("16 B: a plan that is not the one that was looked at is not applied, and nobody is touched")
    func digest() async throws {
        let world = try await world()
        world.directory.people[3].displayName = "Changed"
        let plan = try await world.plan()
        let digest = try #require(plan.report.digest)
        // On the same day.
        world.clock.advance(by: -86400)
        let wrong = try await world.invoke(.apply(plan.report.plan, digest: "d:0123456789abcdef"))
        #expect(
            wrong.report.exit == .stale
                && wrong.report.details.contains { $0.contains(digest) && $0.contains("d:0123456789abcdef") },
            "\(wrong.report)")
        // What moved is told attribute by attribute.
        world.clock.advance(by: -86400)
        world.directory.people[3].displayName = "Changed again"
        let stale = try await world.invoke(.apply(plan.report.plan, digest: digest))
        #expect(
            stale.report.details.contains {
                $0.contains("update user person3: displayName would now become Changed again, approved was Changed")
            }, "\(stale.report.details)")
        world.directory.people[3].displayName = "Changed"
        world.clock.advance(by: -86400)
        #expect(try await world.invoke(.apply(plan.report.plan, digest: digest)).report.exit == .inStep)
        #expect(world.user("person3")?["displayName"] == "Changed")
        world.clock.advance(by: -86400)
        let twice = try await world.invoke(.apply(plan.report.plan, digest: digest))
        #expect(
            twice.report.exit == .stale && twice.report.details.contains { $0.contains("is applied by run ") },
            "\(twice.report.details)")
    }
}
