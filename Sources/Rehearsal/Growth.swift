import Foundation
import HTTP
import Ledger
import Reconciliation
import SCIM
import Simulation

/// How the work of a job grows with its world, in steps of SQLite's virtual machine: whatever doubles by itself may
/// double the work, and no statement may do more than that.
package enum Growth {
    /// How large a world is, and how much happens in it in a day.
    package struct Size: Hashable, Sendable {
        package var users = 160
        package var groups = 16
        package var memberships = 800
        package var changes = 20
        package var renames = 16
        package var leavers = 12

        package init() {}
    }

    package enum Dimension: String, CaseIterable, Sendable {
        case users, groups, memberships, changes, renames, leavers
        /// All at once: shows what grows with a product of two.
        case everything

        func doubled(_ size: Size) -> Size {
            func times(_ dimension: Dimension) -> Int { self == dimension || self == .everything ? 2 : 1 }
            var size = size
            size.users *= times(.users)
            size.groups *= times(.groups)
            size.memberships *= times(.memberships)
            size.changes *= times(.changes)
            size.renames *= times(.renames)
            size.leavers *= times(.leavers)
            return size
        }
    }

    /// The most that doubling may do: twice the work, and 15 % for what depends on sizes a little.
    static let most = 2.15

    /// Of one dimension alone, a statement may see what others leave over; of all together, each keeps its share.
    static let mostOfOne = 2.7

    /// Statements below this many steps are not judged by themselves.
    static let least = 3000

    /// What grows too fast when one dimension doubles, in words; empty when all is well.
    ///
    /// - Parameter readsBack: whether each object is read by its id, where the platform does not list them.
    /// - Parameter spoiled: indexes that are made useless, with the columns that they hold instead: the test of the
    ///   test.
    package static func findings(
        _ platform: Platform, _ dimensions: [Dimension] = Dimension.allCases, readsBack: Bool = false,
        spoiled: [String: String] = [:]
    ) throws -> [String] {
        let base = try work(platform, Size(), readsBack, spoiled)
        var findings: [String] = []
        for dimension in dimensions {
            for (before, after) in zip(base, try work(platform, dimension.doubled(Size()), readsBack, spoiled)) {
                func judge(_ what: String, _ first: Int, _ second: Int, _ most: Double = most) {
                    guard second >= least, Double(second) > Double(max(first, least / 2)) * most else { return }
                    findings.append(
                        """
                        \(platform.name): \(dimension.rawValue) doubled: \(before.stage): \(first) steps become \
                        \(second): \(what)
                        """
                    )
                }
                judge("in all", before.work.total, after.work.total)
                for (statement, second) in after.work.steps {
                    judge(
                        statement.split(whereSeparator: \.isWhitespace).joined(separator: " "),
                        before.work.steps[statement] ?? 0, second, dimension == .everything ? most : mostOfOne)
                }
            }
        }
        return findings.sorted()
    }

    /// The work of a first sync, of a plan with nothing to do, of a day's plan and run, and of its undo.
    private static func work(_ platform: Platform, _ size: Size, _ readsBack: Bool, _ spoiled: [String: String]) throws
        -> [(stage: String, work: WorkCount)]
    {
        let executor = SeededExecutor(seed: 1)
        return try executor.run {
            let world = try platform.world(
                Platform.deleting + "\npace: { requestsPerSecond: 1000, concurrency: 5 }", clock: VirtualTime(executor))
            if readsBack {
                world.jobText = world.jobText.replacingOccurrences(
                    of: "\n  authorization:", with: "\n  readBack: byID\n  authorization:")
            }
            world.directory = directory(size)
            if !spoiled.isEmpty {
                let ledger = world.ledger
                var isSpoiling = false
                // As soon as a table is there, and before anything is read by the index.
                ledger.committed = {
                    if isSpoiling { return }
                    isSpoiling = true
                    defer { isSpoiling = false }
                    for (index, columns) in spoiled { try? ledger.spoil(index: index, holding: columns) }
                }
            }
            var stages: [(stage: String, work: WorkCount)] = []
            func stage(_ name: String, _ command: Invocation.Command) async throws {
                let count = WorkCount()
                try world.ledger.count(count)
                let result = try await WorkCount.$ofSnapshots.withValue(count) { try await world.invoke(command) }
                try world.ledger.count(nil)
                guard result.report.exit == .inStep || result.report.exit == .pending else {
                    throw JobFailure(
                        .internalError,
                        """
                        \(platform.name), \(name): \(result.report.exit) \(result.report.headline) \
                        \(result.report.details.prefix(3))
                        """
                    )
                }
                stages.append((name, count))
            }
            try await stage("first sync", .run)
            world.permissions.firstRun = false
            try await stage("nothing to do", .plan)
            day(&world.directory, size, platform)
            try await stage("a day's plan", .plan)
            try await stage("a day", .run)
            try await stage("undo", .undo(run: try world.ledger.lastWriting(1).first?.id ?? 0, writes: true))
            return stages
        }
    }

    private static func directory(_ size: Size) -> TestDirectory {
        var directory = TestDirectory()
        directory.people = Trial.people(size.users)
        directory.teams = (0..<size.groups).map { Team(id: "group_\($0)", name: "team\($0)", members: []) }
        for number in 0..<size.memberships {
            // Everybody in turn, each time in another group.
            let (round, user) = number.quotientAndRemainder(dividingBy: size.users)
            directory.teams[(user + round) % size.groups].members.insert(directory.people[user].id)
        }
        return directory
    }

    private static func day(_ directory: inout TestDirectory, _ size: Size, _ platform: Platform) {
        for index in 0..<size.changes { directory.people[index].displayName = "Another Name" }
        if platform.mayRename {
            // Names go round in rings of four.
            let renamed = Array(size.changes..<size.changes + size.renames)
            for ring in stride(from: 0, to: renamed.count - 3, by: 4).map({ Array(renamed[$0..<$0 + 4]) }) {
                let names = ring.map { directory.people[$0].username }
                for (place, index) in ring.enumerated() { directory.people[index].username = names[(place + 1) % 4] }
            }
        }
        // As many come as leave.
        directory.people.insert(contentsOf: Trial.people(size.leavers, from: size.users + 1), at: 0)
        let leavers = Set(directory.people.suffix(size.leavers).map(\.id))
        directory.people.removeLast(size.leavers)
        for index in directory.teams.indices { directory.teams[index].members.subtract(leavers) }
        directory.teams.removeLast(size.groups / 8)
    }
}
