import JSON
import Ledger
import Rehearsal
import Testing

@testable import Reconciliation

@Suite struct VisibleTextTests {
    @Test("somebody else's text forges no line and moves no cursor")
    func visible() {
        #expect("Ada Byrne, 山田".visible == "Ada Byrne, 山田")
        #expect("p1\nApplied\u{1B}[2J\u{202E}\u{9B}\0".visible == "p1\\u000aApplied\\u001b[2J\\u202e\\u009b\\u0000")
    }

    @Test("a NUL in a name or an id makes nobody of two people")
    func nul() async throws {
        let world = try World(job: World.job())
        world.directory.people = [.named("victim"), .named("a"), .named("b"), .named("c")]
        world.directory.people[1].username = "victim\u{0}z"
        world.directory.people[2].id = "user_n\u{0}1"
        world.directory.people[3].id = "user_n\u{0}2"
        let night = try await world.run()
        #expect(night.report.exit == .recordsFailed, "\(night.report.details)")
        #expect(world.user("victim") != nil && world.documents(.user).count == 1)
        #expect(
            night.operations.filter { $0.situation == .unacceptable }.map(\.name).sorted {
                $0.utf8.lexicographicallyPrecedes($1.utf8)
            } == ["b", "c", "victim\\u0000z"])
    }
}
