import Emulation
import Foundation
import JSON
import Jobs
import Ledger
import Logging
import Rehearsal
import SCIM
import Simulation
import Testing

@testable import Reconciliation
import Planning

/// A read is believed only when it is proven, and nothing is taken away from anybody without that. A failure prints its
/// seed.
@Suite struct CompletenessTests {
    /// A world in step, with one person who really left and one membership that really ended since.
    func inStep(_ reader: Reader, source: String = "") async throws -> World {
        let world = try IDaaS.world(reader, source: source)
        #expect(try await world.run().report.exit == .inStep)
        world.client.changeDirectory { service in
            service.directory.remove(user: "user_00023")
            service.directory.set(members: (0..<10).map { "user_\(IDaaS.padded($0))" }, of: "group_a")
        }
        return world
    }

    /// What is wrong with what a plan takes away: everything that the directory does not say.
    func unjustified(_ result: World.Result, _ world: World) -> [String] {
        guard let directory = world.client.directory?.directory else { return ["no directory"] }
        if result.report.exit == .sourceIncomplete, !result.takingAway.isEmpty {
            return ["\(result.takingAway.map { PlanDigest.line($0) }) after an incomplete read"]
        }
        return result.takingAway.compactMap { operation in
            let line = PlanDigest.line(operation)
            switch operation.verb {
            case .removeMembers:
                let group = operation.sourceID ?? ""
                let wrong = operation.members.compactMap(\.sourceID).filter {
                    directory.members[group]?.contains($0) ?? false
                }
                return wrong.isEmpty ? nil : "\(line) takes \(wrong)"
            case .disable: return wanted(operation.sourceID ?? "", directory, world) ? line : nil
            case .delete where operation.kind == .user:
                return wanted(operation.sourceID ?? "", directory, world) ? line : nil
            case .delete: return directory.groups[operation.sourceID ?? ""] == nil ? nil : line
            default: return line
            }
        }
    }

    static let scope = "  scope: { organizationalUnits: [ou_dev, ou_ops], groups: [group_b] }"

    /// Whether the directory has a user, in the scope where the world has one: worked out from the outside.
    func wanted(_ user: String, _ directory: IDaaSDirectory, _ world: World) -> Bool {
        guard let units = directory.unitsOfUser[user] else { return false }
        guard world.jobText.contains("ou_dev") else { return true }
        if directory.members["group_b"]?.contains(user) ?? false { return true }
        return units.contains { unit in
            var next: String? = unit
            for _ in 0..<9 {
                if next == "ou_dev" || next == "ou_ops" { return true }
                next = next.flatMap { directory.units[$0]?["parentId"]?.string }
            }
            return false
        }
    }

    @Test("a day without faults: who left is disabled, what ended is removed", arguments: Reader.allCases)
    func quiet(reader: Reader) async throws {
        let world = try await inStep(reader)
        let result = try await world.plan()
        #expect(
            result.takingAway.map(\.verb).sorted { $0.rawValue < $1.rawValue } == [
                .disable, .removeMembers, .removeMembers,
            ], "\(result.told)")
        #expect(unjustified(result, world).isEmpty)
    }

    @Test(
        "every fault on every page, once and for ever: nothing is taken away that the directory has",
        arguments: Reader.allCases, IDaaSFault.Kind.allCases)
    func everyFault(reader: Reader, kind: IDaaSFault.Kind) async throws {
        var met = 0
        for list in [IDaaSFault.List.users, .groups, .members] {
            for page in 1...(list == .users ? 5 : list == .members ? 2 : 1) {
                // A member that does not exist is there until somebody takes it out.
                for times in kind == .unknownMember ? [Int.max] : [1, Int.max] {
                    let world = try await inStep(reader)
                    world.client.changeDirectory {
                        $0.options.faults = [IDaaSFault(kind, list, page: page, times: times)]
                    }
                    let what =
                        """
                        \(reader.rawValue) \(kind.rawValue) \(list.rawValue) page \(page) \
                        \(times == 1 ? "once" : "for ever")
                        """
                    let result = try await world.plan()
                    #expect(unjustified(result, world).isEmpty, "\(what): \(unjustified(result, world))")
                    guard [.sourceIncomplete, .unreachable, .credentials].contains(result.report.exit) else { continue }
                    met += 1
                    // The run says which rule was broken, and on which page.
                    let names =
                        list == .members
                        ? ["members", "is a member"] : kind == .unknownMember ? ["is a member"] : [list.rawValue]
                    #expect(names.contains(where: result.told.contains), "\(what): \(result.told)")
                    if [.lostPage, .truncated, .repeatedToken, .serverError, .slow].contains(kind) {
                        #expect(result.told.contains("page \(page)"), "\(what): \(result.told)")
                    }
                    #expect(times == Int.max, "\(what) was not read again: \(result.told)")
                }
            }
        }
        // A switch that does nothing would test nothing. Pages by number have no token to expire.
        if !(kind == .expiredToken && reader == .byNumber) {
            #expect(met > 0, "\(reader.rawValue) \(kind.rawValue) never broke a read")
        }
    }

    @Test(
        "every fault, in a job with a scope: lists of units, their users, and single records too",
        arguments: Reader.allCases, IDaaSFault.Kind.allCases)
    func everyFaultInAScope(reader: Reader, kind: IDaaSFault.Kind) async throws {
        for list in IDaaSFault.List.allCases {
            for page in 1...2 {
                for times in kind == .unknownMember ? [Int.max] : [1, Int.max] {
                    let world = try await inStep(reader, source: Self.scope)
                    world.client.changeDirectory {
                        $0.options.faults = [IDaaSFault(kind, list, page: page, times: times)]
                    }
                    for night in 1...2 {
                        let result = try await world.plan()
                        let wrong = unjustified(result, world)
                        #expect(
                            wrong.isEmpty,
                            """
                            \(reader.rawValue) \(kind.rawValue) \(list.rawValue) page \(page) \
                            \(times == 1 ? "once" : "for ever"), night \(night): \(wrong)
                            """
                        )
                    }
                }
            }
        }
    }

    @Test("two faults at once, by chance, over several nights", arguments: 0..<4)
    func pairs(shard: Int) async throws {
        let chosen = ProcessInfo.processInfo.environment["ROLLCALL_SEED"].flatMap { UInt64($0) }
        for seed in chosen.map({ shard == 0 ? [$0] : [] }) ?? (1...15).map({ UInt64($0 * 4 + shard) }) {
            var random = SeededGenerator(seed: seed)
            let reader = Reader.allCases[Int.random(in: 0..<3, using: &random)]
            let world = try await inStep(reader, source: Bool.random(using: &random) ? Self.scope : "")
            let faults = (0..<2).map { _ in
                IDaaSFault(
                    IDaaSFault.Kind.allCases[Int.random(in: 0..<IDaaSFault.Kind.allCases.count, using: &random)],
                    IDaaSFault.List.allCases[Int.random(in: 0..<IDaaSFault.List.allCases.count, using: &random)],
                    page: Int.random(in: 1...5, using: &random), times: Bool.random(using: &random) ? 1 : Int.max)
            }
            for night in 1...2 {
                world.client.changeDirectory { $0.options.faults = faults }
                let plan = try await world.plan()
                #expect(
                    unjustified(plan, world).isEmpty,
                    "seed \(seed), night \(night), \(reader.rawValue), \(faults): \(unjustified(plan, world))")
                let run = try await world.run()
                #expect(
                    unjustified(run, world).isEmpty,
                    "seed \(seed), night \(night), \(reader.rawValue), \(faults): \(unjustified(run, world))")
            }
            world.client.changeDirectory { $0.options.faults = [] }
            // Faults that change the directory may have emptied a group for good, or taken one from the application's
            // scope.
            world.permissions.acceptSourceChange = true
            world.permissions.acceptScopeChange = true
            let last = try await world.run()
            #expect([.inStep, .recordsFailed].contains(last.report.exit), "seed \(seed): \(last.told)")
            let quiet = try await world.plan()
            #expect(
                quiet.report.headline.hasPrefix("No changes."),
                "seed \(seed), \(reader.rawValue), \(faults): \(quiet.told) after \(last.told)")
        }
    }

    // MARK: complete, but wrong

    func twoNights(
        _ reader: Reader, _ what: String, _ harm: @escaping (inout IDaaSService) -> Void, source: String = "",
        _ extra: String = ""
    ) async throws -> [World.Result] {
        let world = try IDaaS.world(reader, extra, source: source)
        #expect(try await world.run().report.exit == .inStep, "\(what)")
        let before = Picture(world)
        world.client.changeDirectory(harm)
        var results: [World.Result] = []
        for night in 1...2 {
            let result = try await world.run()
            results.append(result)
            let after = Picture(world)
            for (id, user) in before.users {
                #expect(after.users[id]?["active"] == user["active"], "\(what), night \(night): \(result.told)")
                #expect(after.users[id]?["emails"] == user["emails"], "\(what), night \(night): \(result.told)")
            }
            for (id, group) in before.groups {
                let members = Set<JSONValue>(group["members"]?.array ?? [])
                let still = Set<JSONValue>(after.groups[id]?["members"]?.array ?? [])
                #expect(members.isSubset(of: still), "\(what), night \(night): \(result.told)")
            }
        }
        return results
    }

    @Test("the right to read groups or members is lost: an empty list is not believed", arguments: Reader.allCases)
    func lostRights(reader: Reader) async throws {
        for result in try await twoNights(reader, "no groups", { $0.options.hidesGroups = true }) {
            #expect(result.report.exit == .sourceIncomplete, "\(result.told)")
        }
        for result in try await twoNights(reader, "no members", { $0.options.hidesMembers = true }) {
            #expect(result.report.exit == .sourceIncomplete, "\(result.told)")
        }
    }

    @Test(
        "the right to read units is lost, or who is above whom: nobody below a unit leaves for it",
        arguments: Reader.allCases)
    func lostUnits(reader: Reader) async throws {
        let scope = "  scope: { organizationalUnits: [ou_dev] }"
        for harm in [{ $0.options.hidesUnits = true }, { $0.options.hidesParents = true }]
            as [@Sendable (inout IDaaSService) -> Void]
        {
            _ = try await twoNights(reader, "units", harm, source: scope, IDaaS.generous)
        }
        let world = try IDaaS.world(reader, source: scope)
        try await world.run()
        world.client.changeDirectory { $0.options.hidesUnits = true }
        let result = try await world.run()
        #expect(
            result.report.exit == .sourceIncomplete && result.told.contains("organizational unit"), "\(result.told)")
    }

    @Test("a gateway that repeats what it was sent gives no secret away")
    func echo() async throws {
        let world = try IDaaS.world(.byToken)
        world.jobText = world.jobText.replacingOccurrences(
            of: "secret: \"${KEY_SECRET}\"", with: "secret: \"${KEY_SECRET}\", token: \"${STS}\"")
        world.environment["STS"] = "CAIS-very-secret"
        world.environment["KEY_SECRET"] = "not-the-secret"
        let result = try await world.run()
        #expect(
            result.report.exit == .credentials && result.told.contains("server string to sign")
                && !result.told.contains("CAIS-very-secret"), "\(result.told)")
    }

    @Test("the status field goes from every record: active is left alone, and said so", arguments: Reader.allCases)
    func lostStatus(reader: Reader) async throws {
        for result in try await twoNights(reader, "no status", { $0.options.omittedFields = ["status"] }) {
            #expect(result.told.contains("without a clear status"), "\(result.told)")
        }
    }

    @Test(
        "the e-mail field goes from every record: that is a lost right, held by users.clear", arguments: Reader.allCases
    )
    func lostMail(reader: Reader) async throws {
        for result in try await twoNights(reader, "no e-mail", { $0.options.omittedFields = ["email"] }) {
            #expect(result.report.exit == .held && result.told.contains("users.clear"), "\(result.told)")
        }
    }

    @Test("a unit or a group of the scope is deleted: the source is incomplete", arguments: Reader.allCases)
    func lostScope(reader: Reader) async throws {
        let scope = "  scope: { organizationalUnits: [ou_dev, ou_ops], groups: [group_a] }"
        for result in try await twoNights(reader, "no unit", { $0.directory.remove(unit: "ou_ops") }, source: scope) {
            #expect(result.report.exit == .sourceIncomplete && result.told.contains("ou_ops"), "\(result.told)")
        }
        for result in try await twoNights(reader, "no group", { $0.directory.remove(group: "group_a") }, source: scope)
        {
            #expect(result.report.exit == .sourceIncomplete && result.told.contains("group_a"), "\(result.told)")
        }
    }

    @Test("the clock of the source is off: expiry dates are not believed, and a signature is not accepted")
    func clock() async throws {
        let expires: (inout IDaaSService) -> Void = { service in
            service.options.clockOffset = -40 * 86400
            // By our clock they expired; by the service's they have a month.
            for user in service.directory.userOrder {
                service.directory.change(user: user) {
                    $0["accountExpireTime"] = .integer(1_790_000_000_000 - 10 * 86_400_000)
                }
            }
        }
        for result in try await twoNights(.application, "clock", expires, IDaaS.generous) {
            #expect(result.report.exit == .sourceIncomplete && result.told.contains("clock"), "\(result.told)")
        }
        for result in try await twoNights(.byToken, "clock", expires, IDaaS.generous) {
            #expect(
                result.report.exit == .credentials && result.told.contains("clock is off")
                    && result.told.contains("h behind"), "\(result.told)")
        }
    }

    @Test(
        "a source that lost more than a fifth is held, night after night, until it is allowed",
        arguments: Reader.allCases)
    func shrink(reader: Reader) async throws {
        let world = try IDaaS.world(
            reader, "limits: { users.disable: none, memberships.remove: none }", directory: IDaaS.company(40))
        #expect(try await world.run().report.exit == .inStep)
        world.client.changeDirectory { service in
            for number in 0..<9 { service.directory.remove(user: "user_\(IDaaS.padded(number + 20))") }
        }
        for _ in 1...2 {
            let result = try await world.run()
            #expect(
                result.report.exit == .held
                    && result.told.contains("source.shrink: the source has 31 users in scope, 40")
                    && result.told.contains("--allow source.shrink=9"), "\(result.told)")
        }
        world.permissions.allow = [.sourceShrink: 9]
        #expect(try await world.run().report.exit == .inStep)
        world.permissions.allow = [:]
        #expect(try await world.plan().report.headline.hasPrefix("No changes."))
    }
}
