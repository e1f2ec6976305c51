import Emulation
import Foundation
import HTTP
import JSON
import Ledger
import SCIM
import Simulation

import Reconciliation

/// Random directories, servers, policies and mischief, all from one seed.
package struct RandomWorld {
    package var random: SeededGenerator
    package var policy: String
    package let options: ServiceOptions
    package let protectsAdministrators: Bool
    package let isGenerous: Bool
    /// Whether more than a name must agree before an account is associated.
    package let matches: Bool

    /// - Parameter alwaysGenerous: without limits: what they hold depends on how far a broken night came.
    /// - Parameter hasHabits: whether the server of some worlds has habits.
    package init(seed: UInt64, alwaysGenerous: Bool = false, hasHabits: Bool = false) {
        random = SeededGenerator(seed: seed)
        var options = Self.server(&random)
        // Every fifth world has a server with habits. Drawn by themselves, so that a seed's other draws stay as they
        // were.
        if hasHabits, [1, 9].contains(seed % 10) {
            var own = SeededGenerator(seed: seed &* 7_919 &+ 3)
            for _ in 0..<Int.random(in: 1...3, using: &own) {
                if let habit = Self.habits.randomElement(using: &own) { options.habits.insert(habit) }
            }
            // There would be no night.
            if Self.isMute(options.habits) { options.habits.remove(.badRecord) }
        }
        self.options = options

        var choice = SeededGenerator(seed: seed &* 104_729 &+ 7)
        matches = Bool.random(using: &choice)
        protectsAdministrators = Bool.random(using: &random)
        let mayBeGenerous = Int.random(in: 0..<4, using: &random) > 0
        isGenerous = mayBeGenerous || alwaysGenerous
        var lines: [String] = []
        if isGenerous {
            lines.append(
                """
                limits: { users.delete: none, users.disable: none, users.clear: none, groups.delete: none, \
                memberships.remove: none, source.shrink: none }
                """
            )
        }
        if protectsAdministrators { lines.append("protect: { users: [\"adm*\"], groups: [\"Board\"] }") }
        let disable = ["immediately", "never"].randomElement(using: &random) ?? "never"
        let delete = ["immediately", "never", "never"].randomElement(using: &random) ?? "never"
        lines.append(
            """
            leavers: { disable: \(disable), delete: \(delete)\
            \(Bool.random(using: &random) ? ", associated: delete" : "") }
            """
        )
        switch Int.random(in: 0..<4, using: &random) {
        case 0: lines.append("existing: conflict")
        case 1:
            lines.append(
                matches
                    ? "existing: { disabled: associate }"
                    : "existing: { users: associate, groups: associate, disabled: associate }")
        default: if !matches { lines.append("existing: associate") }
        }
        switch Int.random(in: 0..<6, using: &random) {
        case 0: lines.append("fullPush: [users]")
        case 1: lines.append("operations: { users: [create, update], groups: [create, update] }")
        case 2: lines.append("memberships: exclusive")
        default: break
        }
        policy = World.job(lines.joined(separator: "\n"), existing: nil)
    }

    private static func server(_ random: inout SeededGenerator) -> ServiceOptions {
        var options = ServiceOptions()
        options.maxResults = Int.random(in: 1...9, using: &random)
        options.patch = Int.random(in: 0..<4, using: &random) > 0
        options.filter = Int.random(in: 0..<4, using: &random) > 0
        options.cursor = Int.random(in: 0..<4, using: &random) == 0
        options.etag = Bool.random(using: &random)
        options.answersPatchWithNoContent = Bool.random(using: &random)
        options.uniqueGroupNames = Int.random(in: 0..<3, using: &random) > 0
        if Int.random(in: 0..<5, using: &random) == 0 {
            options.dropped = [["displayName", "phoneNumbers", "name"].randomElement(using: &random) ?? "name"]
        }
        if Int.random(in: 0..<5, using: &random) == 0 { options.lowercased = ["userName"] }
        if Int.random(in: 0..<8, using: &random) == 0 { options.ignoresActive = true }
        if Int.random(in: 0..<8, using: &random) == 0 { options.deleteDeactivates = true }
        if Int.random(in: 0..<4, using: &random) == 0 {
            options.refused = [names[Int.random(in: 0..<names.count, using: &random)]]
        }
        // A user without displayName is no group: dropping it would break groups.
        if options.dropped.contains("displayName") { options.dropped = ["title", "phoneNumbers"] }
        return options
    }

    /// Whether a server may come to answer nothing but failures: each page is one with the record that makes it fail,
    /// or there is no other.
    static func isMute(_ habits: Set<Habit>) -> Bool {
        habits.contains(.badRecord) && !habits.isDisjoint(with: [.ignoresStartIndex, .failsPastEnd, .restartsPastEnd])
    }

    /// Habits under which the laws hold as they are.
    package static let habits: [Habit] = [
        .restartsPastEnd, .refusesPastEnd, .failsPastEnd, .missingWhenEmpty, .unsortedPages, .badRecord, .pageDropsOne,
        .ignoresStartIndex, .longGroupFails, .hidesInactive, .ignoresFilters,
        .failsOnExternalID, .showsTwice, .refusesActiveWithOthers, .refusesDelete, .duplicateAs500, .uniqueNameAs400,
        .noTotals,
    ]

    package static let names = [
        "ada", "Bo", "chen", "dara", "elif", "farid", "greta", "hugo", "ines", "admin", "administrator", "straße",
        "STRASSE", "Éva", "E\u{301}va",
    ]
    private static let teamNames = ["Engineering", "engineering", "Board", "Finance", "On Call", "Ops"]

    package mutating func chance(_ one: Int) -> Bool { Int.random(in: 0..<one, using: &random) == 0 }

    package mutating func person(_ number: Int) -> Person {
        let username = chance(12) ? nil : Self.names.randomElement(using: &random)
        return Person(
            id: "user_\(number)", username: username,
            displayName: chance(6)
                ? nil : ["Ada Byrne", "欧阳敏", "Bo", "Chen  Yi", "=cmd()"].randomElement(using: &random),
            email: chance(4) ? nil : "\(number)@corp.example",
            phone: chance(3) ? ["13800000001", "x1"].randomElement(using: &random) : nil,
            status: ["enabled", "enabled", "enabled", "enabled", "disabled", nil, "locked"].randomElement(
                using: &random) ?? nil)
    }

    package mutating func directory() -> TestDirectory {
        var directory = TestDirectory()
        let count = Int.random(in: 1...9, using: &random)
        directory.people = (0..<count).map { person($0) }
        let teams = Int.random(in: 0...3, using: &random)
        directory.teams = (0..<teams).map { number in
            Team(
                id: "group_\(number)", name: Self.teamNames.randomElement(using: &random) ?? "Ops",
                members: Set(directory.people.map(\.id).filter { _ in Bool.random(using: &random) }))
        }
        return directory
    }

    /// Accounts of others, and accounts that look like ours.
    package mutating func furnish(_ world: World) {
        for number in 0..<Int.random(in: 0...4, using: &random) {
            var document: JSONValue = [
                "userName": .string(Self.names.randomElement(using: &random) ?? "x"), "displayName": "Was here",
                "title": "Boss",
            ]
            switch Int.random(in: 0..<4, using: &random) {
            case 0: document["externalId"] = .string("user_\(Int.random(in: 0..<9, using: &random))")
            case 1: document["externalId"] = .string("other_\(number)")
            default: break
            }
            if chance(4) { document["active"] = false }
            if matches {
                // Drawn by the number, so that the other draws of a seed stay as they were: some are the person's own,
                // some show a right.
                var own = SeededGenerator(seed: UInt64(number) &* 7_919 &+ UInt64(world.directory.people.count))
                if Int.random(in: 0..<3, using: &own) > 0,
                    let person = world.directory.people.first(where: { $0.username == document["userName"]?.string }),
                    let mail = person.email
                {
                    document["emails"] = [["value": .string(mail), "type": "work"]]
                }
                if Int.random(in: 0..<4, using: &own) == 0 { document["roles"] = [["value": "owner"]] }
            }
            _ = try? world.plant(.user, document)
        }
        let users = world.documents(.user).compactMap { $0["id"]?.string }
        for _ in 0..<Int.random(in: 0...2, using: &random) {
            var document: JSONValue = ["displayName": .string(Self.teamNames.randomElement(using: &random) ?? "x")]
            let members = users.filter { _ in Bool.random(using: &random) }
            if !members.isEmpty { document["members"] = .array(members.map { ["value": .string($0)] }) }
            if chance(3) { document["externalId"] = .string("group_\(Int.random(in: 0..<3, using: &random))") }
            _ = try? world.plant(.group, document)
        }
    }

    /// A day in the directory.
    package mutating func change(_ directory: inout TestDirectory) {
        for _ in 0..<Int.random(in: 0...4, using: &random) {
            guard !directory.people.isEmpty else { break }
            let index = Int.random(in: 0..<directory.people.count, using: &random)
            switch Int.random(in: 0..<9, using: &random) {
            case 0: directory.people[index].username = Self.names.randomElement(using: &random)
            case 1: directory.people[index].displayName = "Renamed Person"
            case 2: directory.people[index].status = ["enabled", "disabled", nil].randomElement(using: &random) ?? nil
            case 3: directory.people[index].email = nil
            case 4 where directory.people.count > 1:
                let gone = directory.people.remove(at: index).id
                for team in directory.teams.indices { directory.teams[team].members.remove(gone) }
            case 5:
                let fresh = person(Int.random(in: 0..<14, using: &random))
                if directory.person(fresh.id) == nil { directory.people.append(fresh) }
            case 6:
                // Two swap their names.
                let other = Int.random(in: 0..<directory.people.count, using: &random)
                let name = directory.people[index].username
                directory.people[index].username = directory.people[other].username
                directory.people[other].username = name
            case 7 where !directory.teams.isEmpty:
                let team = Int.random(in: 0..<directory.teams.count, using: &random)
                directory.teams[team].members = Set(
                    directory.people.map(\.id).filter { _ in Bool.random(using: &random) })
            case 8 where !directory.teams.isEmpty:
                let team = Int.random(in: 0..<directory.teams.count, using: &random)
                if chance(3) {
                    directory.teams.remove(at: team)
                } else {
                    directory.teams[team].name = Self.teamNames.randomElement(using: &random) ?? "Ops"
                }
            default: break
            }
        }
    }

    /// A day on the target: somebody works by hand.
    package mutating func meddle(_ world: World) {
        for _ in 0..<Int.random(in: 0...2, using: &random) {
            let users = world.documents(.user).compactMap { $0["id"]?.string }
            let groups = world.documents(.group).compactMap { $0["id"]?.string }
            guard let user = users.randomElement(using: &random) else { return }
            let name = Self.names.randomElement(using: &random) ?? "x"
            let kind = Int.random(in: 0..<6, using: &random)
            world.client.change { service in
                switch kind {
                case 0: service.remove(.user, user)
                case 1: try? service.meddle(.user, user) { $0["displayName"] = "Meddled" }
                case 2: try? service.meddle(.user, user) { $0["active"] = false }
                case 3: try? service.meddle(.user, user) { $0["userName"] = .string(name) }
                case 4: try? service.meddle(.user, user) { $0["externalId"] = nil }
                default:
                    if let group = groups.first {
                        try? service.meddle(.group, group) { $0["members"] = [["value": .string(user)]] }
                    }
                }
            }
        }
    }
}
