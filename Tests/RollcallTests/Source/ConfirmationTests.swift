import Emulation
import Foundation
import JSON
import Jobs
import Ledger
import Logging
import Planning
import Rehearsal
import SCIM
import Simulation
import Testing

@testable import Reconciliation

/// What is missing is asked for by name before it counts as gone.
extension CompletenessTests {
    // MARK: asking by name

    @Test(
        "somebody whom the list leaves out, while totals agree, is found by name and not disabled",
        arguments: [Reader.byNumber, .application])
    func hiddenByMovement(reader: Reader) async throws {
        let world = try IDaaS.world(reader)
        try await world.run()
        // One goes from the front and one comes to the end between pages: the sixteenth person is on neither page.
        world.client.changeDirectory { $0.options.faults = [IDaaSFault(.swap, .users, page: 4, times: Int.max)] }
        let result = try await world.plan()
        #expect(result.report.exit == .sourceIncomplete && result.told.contains("asked for by name"), "\(result.told)")
        #expect(result.takingAway.isEmpty)
        // Once: the next read is whole.
        let calm = try IDaaS.world(reader)
        try await calm.run()
        calm.client.changeDirectory { $0.options.faults = [IDaaSFault(.swap, .users, page: 4, times: 1)] }
        let after = try await calm.plan()
        #expect(after.report.exit == .pending, "\(after.told)")
        #expect(after.takingAway.filter { $0.verb == .disable }.map(\.sourceID) == ["user_00000"])
    }

    @Test("somebody made by a run that was no baseline is asked for by name like everybody else")
    func madeOnABadNight() async throws {
        let world = try IDaaS.world(.byNumber)
        try await world.run()
        world.client.changeDirectory { service in
            service.directory.put(user: IDaaS.person(30, unit: "ou_dev"))
            service.options.faults = [IDaaSFault(.totalDrift, .users, page: 2, times: Int.max)]
        }
        #expect(try await world.run().report.exit == .sourceIncomplete)
        #expect(world.user("person00030") != nil)
        // The new one stands at the head of the second page when one goes from the first and another comes to the end.
        world.client.changeDirectory { service in
            service.options.faults = []
            for number in 0..<19 { service.directory.remove(user: "user_\(IDaaS.padded(number))") }
            for number in 31..<36 { service.directory.put(user: IDaaS.person(number, unit: "ou_dev")) }
            service.options.faults = [IDaaSFault(.swap, .users, page: 2, times: Int.max)]
        }
        #expect(world.client.directory?.directory.userOrder[5] == "user_00030")
        let result = try await world.plan()
        #expect(unjustified(result, world).isEmpty, "\(result.told)")
        #expect(world.client.directory?.counters["GetUser"] ?? 0 > 0, "\(result.told)")
    }

    @Test("who is hidden from a unit's list is confirmed by name, also where another job's read covers everybody")
    func sharedAndHidden() async throws {
        let clock = VirtualTime()
        let client = InProcessClient(
            Landscape(
                target: SCIMService(),
                directory: IDaaSService(directory: IDaaS.company(), options: IDaaS.options(.byNumber))),
            time: clock.time)
        let surroundings = Surroundings(
            time: clock.time, environment: IDaaS.environment,
            log: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, transport: client)
        let jobs = try [
            IDaaS.job(.byNumber, name: "all", "fullPush: [groups]"),
            IDaaS.job(.byNumber, name: "ops", source: "  scope: { organizationalUnits: [ou_ops] }"),
        ].map {
            try Job.read(text: $0, path: "job.yaml", vocabulary: .current)
        }
        let entries = try jobs.map { ($0, try Ledger()) }
        _ = try await Invocation(.run, surroundings: surroundings).execute(entries)
        // Between the pages of the unit's list its first member goes and another comes: the sixth is on neither page.
        client.changeDirectory { $0.options.faults = [IDaaSFault(.swap, .users, page: 2, times: Int.max)] }
        var taken: [PlannedOperation] = []
        _ = try await Invocation(.plan, surroundings: surroundings).execute(entries) { run in
            guard let plan = run.plan else { return }
            try run.ledger.forEachOperation(plan: plan) {
                if $0.verb == .disable, $0.status == .planned { taken.append($0) }
            }
        }
        let directory = client.directory?.directory
        #expect(
            taken.allSatisfy { directory?.unitsOfUser[$0.sourceID ?? ""]?.contains("ou_ops") != true },
            "\(taken.map { PlanDigest.line($0) })")
    }

    @Test("a scope that grew hides no loss: what shrank later is held all the same")
    func widenedScope() async throws {
        let limits = "limits: { users.disable: none, memberships.remove: none }"
        let world = try IDaaS.world(
            .byToken, limits, source: "  scope: { organizationalUnits: [ou_dev] }", directory: IDaaS.company(60))
        try await world.run()
        world.jobText = IDaaS.job(.byToken, source: "  scope: { organizationalUnits: [ou_dev, ou_ops] }", limits)
        #expect(try await world.run().report.exit == .inStep)
        world.client.changeDirectory { service in
            for number in 0..<20 { service.directory.remove(user: "user_\(IDaaS.padded(number))") }
        }
        let result = try await world.run()
        // Whoever was asked for and is gone leaves, and nothing else happens.
        #expect(result.report.exit == .held && result.told.contains("source.shrink"), "\(result.told)")
    }

    @Test("R32: missing users are all asked for, a hundred in one question, with somebody who is there among them")
    func confirmations() async throws {
        let world = try IDaaS.world(.byToken, directory: IDaaS.company(450), page: 100)
        try await world.run()
        world.client.changeDirectory { service in
            for number in 200..<210 { service.directory.remove(user: "user_\(IDaaS.padded(number))") }
        }
        var before = world.client.directory?.counters ?? [:]
        #expect(try await world.plan().takingAway.filter { $0.verb == .disable }.count == 10)
        #expect((world.client.directory?.counters["GetUser"] ?? 0) == (before["GetUser"] ?? 0))
        #expect((world.client.directory?.counters["ListUsers"] ?? 0) - (before["ListUsers"] ?? 0) == 5 + 1)
        world.client.changeDirectory { service in
            for number in 210..<420 { service.directory.remove(user: "user_\(IDaaS.padded(number))") }
        }
        before = world.client.directory?.counters ?? [:]
        #expect(try await world.plan().takingAway.filter { $0.verb == .disable }.count == 220)
        #expect((world.client.directory?.counters["GetUser"] ?? 0) == (before["GetUser"] ?? 0))
        #expect((world.client.directory?.counters["ListUsers"] ?? 0) - (before["ListUsers"] ?? 0) == 3 + 3)
    }

    @Test("a look-up that is denied is no reason to call somebody gone")
    func deniedLookUp() async throws {
        let world = try IDaaS.world(.byToken)
        try await world.run()
        world.client.changeDirectory { service in
            service.directory.remove(user: "user_00007")
            service.options.deniedActions = ["GetUser"]
        }
        let result = try await world.run()
        #expect(
            result.report.exit == .sourceIncomplete && result.takingAway.isEmpty && result.told.contains("user_00007")
                && result.told.contains("eiam:GetUser"), "\(result.told)")
    }

    @Test("a group of more than a page loses a member only after it was read twice alike", arguments: Reader.allCases)
    func groupsTwice(reader: Reader) async throws {
        let world = try IDaaS.world(reader)
        try await world.run()
        world.client.changeDirectory { service in
            // Eleven are in three pages; while they are read, one leaves and one joins, so a live member is unseen.
            service.options.faults = [IDaaSFault(.swap, .members, page: 2, times: Int.max)]
        }
        let result = try await world.plan()
        #expect(unjustified(result, world).isEmpty, "\(result.told)")
        #expect(result.takingAway.allSatisfy { $0.sourceID != "group_a" })
        #expect(
            result.operations.contains { $0.verb == .removeMembers && $0.heldBy == .groupUnproven }
                || result.report.exit == .sourceIncomplete, "\(result.told)")
        // At rest: one request a page more, for that group alone, and the member goes.
        let calm = try IDaaS.world(reader)
        try await calm.run()
        calm.client.changeDirectory {
            $0.directory.set(members: (0..<10).map { "user_\(IDaaS.padded($0))" }, of: "group_a")
        }
        let name = reader == .application ? "dev.ListUsersForGroup" : "ListUsersForGroup"
        let before = calm.client.directory?.counters[name] ?? 0
        let after = try await calm.plan()
        #expect(after.takingAway.flatMap(\.members).map(\.sourceID) == ["user_00010"], "\(after.told)")
        #expect((calm.client.directory?.counters[name] ?? 0) - before == 2 + 1 + 2)
    }
}
