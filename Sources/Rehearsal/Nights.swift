import Directory
import Emulation
import Foundation
import HTTP
import JSON
import Jobs
import Ledger
import Logging
import Planning
import Reconciliation
import SCIM
import Simulation
import Synchronization

/// Nights of a source that lies, and of ids that are used again.
extension Trial {
    /// A directory whose lists lie once: short pages, wrong totals, pages that are lost or come twice.
    static func lyingSource(_ seed: UInt64, _ clock: VirtualTime) async throws -> Outcome {
        var dice = SeededGenerator(seed: seed &* 23 &+ 3)
        var outcome = Outcome()
        let lie = Int.random(in: 0..<5, using: &dice)
        let nth = Int.random(in: 1...4, using: &dice)
        let isLying = Flag()
        let pages = Mutex(0)
        let job = """
            job: world
            source: { kind: scim, baseURL: "http://127.0.0.1:1/directory", authorization: { key: "${TOKEN}" } }
            target: { platform: generic, baseURL: "http://127.0.0.1:1/scim/v2", authorization: { key: "${TOKEN}" } }
            leavers: { disable: immediately, delete: immediately }
            limits: { source.shrink: none, users.delete: none, users.disable: none, groups.delete: none, \
            memberships.remove: none, users.clear: none }
            """
        let world = try World(job: job, seed: seed, clock: clock) { request, _ in
            guard isLying.isOn, let path = request.head.path,
                path.hasPrefix("/directory/Users") || path.hasPrefix("/directory/Groups")
            else { return nil }
            let number = pages.withLock { number in
                number += 1
                return number
            }
            guard number % 4 == nth % 4 else { return nil }
            return .altered { told($0, lie) }
        }
        let filled = try filled(&dice)
        world.client.changeLandscape { $0.platforms["/directory"] = filled }
        let first = try await world.run()
        if first.report.exit != .inStep {
            return Outcome(broken: "the first day, without a lie, ended with \(first.report.exit)")
        }
        let before = Picture(world)
        isLying.isOn = true
        for _ in 1...2 {
            let night = try await world.run()
            outcome.runs += 1
            let after = Picture(world)
            for (id, user) in before.users where after.users[id] == nil || after.users[id]?["active"] == false {
                outcome.broken.append(
                    """
                    law 2: \(user["userName"]?.string ?? id) lost its access to a source that lied (lie \(lie)): \
                    \(night.report.headline)
                    """
                )
            }
            if after.groups != before.groups {
                outcome.broken.append(
                    "law 2: a membership ended by a source that lied (lie \(lie)): \(night.report.headline)")
            }
            if !outcome.broken.isEmpty { return outcome }
        }
        if pages.withLock({ $0 }) == 0 { outcome.broken.append("nobody was lied to") }
        isLying.isOn = false
        let end = try await world.run()
        if end.report.exit != .inStep || Picture(world) != before {
            outcome.broken.append("after the lies: \(end.report.headline)")
        }
        return outcome
    }

    /// A page as a source tells it that lies.
    private static func told(_ answer: EmulatedResponse, _ lie: Int) -> EmulatedResponse {
        guard var document = try? JSONValue(parsing: answer.body), let resources = document["Resources"]?.array else {
            return answer
        }
        switch lie {
        case 0: document["Resources"] = .array(Array(resources.dropLast()))
        case 1: document["Resources"] = .array([])
        case 2: document["Resources"] = .array(resources + resources.prefix(1))
        case 3: document["totalResults"] = .integer(Int64((document["totalResults"]?.integer ?? 0) + 1))
        default: document["Resources"] = nil
        }
        var answer = answer
        answer.body = document.canonicalBytes
        return answer
    }

    /// A directory of some people, who are all in one group.
    private static func filled(_ dice: inout SeededGenerator) throws -> SCIMService {
        var options = ServiceOptions()
        options.maxResults = 5
        var directory = SCIMService(prefix: "/directory", options: options)
        var ids: [String] = []
        for person in people(Int.random(in: 8...16, using: &dice)) {
            ids.append(
                try directory.plant(
                    .user,
                    [
                        "userName": .string(person.username ?? ""), "displayName": .string(person.displayName ?? ""),
                        "active": true,
                    ], now: 1_700_000_000))
        }
        _ = try directory.plant(
            .group, ["displayName": "Ops", "members": .array(ids.map { ["value": .string($0)] })], now: 1_700_000_000)
        return directory
    }

    /// A target that gives out its ids anew: what bears a known id is a stranger.
    static func reusedIDs(_ seed: UInt64, _ clock: VirtualTime) async throws -> Outcome {
        var dice = SeededGenerator(seed: seed &* 29 &+ 4)
        var outcome = Outcome()
        let count = Int.random(in: 2...9, using: &dice)
        let isMarked = Bool.random(using: &dice)
        let world = try World(
            job: World.job(
                """
                leavers: { disable: immediately, delete: immediately }\nlimits: { users.delete: none, \
                users.disable: none, source.shrink: none }
                """
            ), seed: seed, clock: clock)
        world.directory.people = people(count)
        _ = try await world.run()
        world.client.change { service in
            service = SCIMService(options: service.options)
            for number in 0..<count + 2 {
                var document: JSONValue = [
                    "userName": .string("stranger\(number)"), "displayName": "Stranger", "active": true,
                ]
                if isMarked { document["externalId"] = .string("other_\(number)") }
                _ = try? service.plant(.user, document, now: 1_700_000_000)
            }
        }
        let strangers = Picture(world)
        // Some have left as well: a delete by id would end a stranger.
        world.directory.people.removeLast()
        world.directory.people[0].displayName = "Another Name"
        world.permissions.acceptTargetChange = Bool.random(using: &dice)
        for _ in 1...2 {
            let result = try await world.run()
            outcome.runs += 1
            let after = Picture(world)
            for (id, document) in strangers.users where after.users[id] != document {
                outcome.broken.append(
                    """
                    law 5: \(id) is a stranger's by now and was changed to \
                    \(after.users[id]?.canonical ?? "nothing"): \(result.report.headline)
                    """
                )
            }
        }
        outcome.add(try await survivors(seed, clock))
        return outcome
    }

    /// Whoever was deleted and is put back by hand, from a bin or a copy, has access for one day.
    private static func survivors(_ seed: UInt64, _ clock: VirtualTime) async throws -> Outcome {
        var dice = SeededGenerator(seed: seed &* 31 &+ 5)
        var outcome = Outcome()
        let job = """
            leavers: { disable: immediately, delete: immediately }
            limits: { users.delete: none, users.disable: none, source.shrink: none }
            """
        var options = ServiceOptions()
        if Bool.random(using: &dice) { options.habits = [.deleteDoesNothing] }
        let world = try World(job: World.job(job), options: options, seed: seed, clock: clock)
        world.directory.people = people(Int.random(in: 3...9, using: &dice))
        _ = try await world.run()
        let before = Picture(world).users
        world.directory.people.removeLast(Int.random(in: 1...2, using: &dice))
        _ = try await world.run()
        let gone = before.filter { Picture(world).users[$0.key]?["active"] != true }
        if gone.isEmpty { outcome.broken.append("R15: nobody who left is without access") }
        for night in 1...2 {
            let now = world.clock.now
            world.client.change { service in
                for (id, document) in gone {
                    service.remove(.user, id)
                    service.put(.user, id, document, created: now)
                }
            }
            let result = try await world.run()
            outcome.runs += 1
            for id in gone.keys where Picture(world).users[id]?["active"] == true {
                outcome.broken.append(
                    "R39: night \(night): \(id) was deleted, was put back, and has access: \(result.report.headline)")
            }
        }
        outcome.runs += 2
        return outcome
    }
}
