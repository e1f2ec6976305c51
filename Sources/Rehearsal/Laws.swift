import Planning
import Emulation
import Foundation
import JSON
import Ledger
import Reconciliation
import SCIM

/// What the target held at a moment, by id.
package struct Picture: Equatable {
    package var users: [String: JSONValue] = [:]
    package var groups: [String: JSONValue] = [:]

    package init(_ world: World) {
        for user in world.documents(.user) { users[user["id"]?.string ?? ""] = Self.stripped(user) }
        for group in world.documents(.group) {
            let id = group["id"]?.string ?? ""
            var document = Self.stripped(group)
            // As the server holds them, whether or not it shows them.
            let stored = world.client.service.store[.group]?[id]?.document["members"]?.array ?? []
            document["members"] =
                stored.isEmpty
                ? nil
                : .array(
                    stored.map { ["value": $0["value"] ?? .null] }.sorted {
                        ($0["value"]?.string ?? "") < ($1["value"]?.string ?? "")
                    })
            groups[id] = document
        }
    }

    /// Without what the server derives: `meta` and the `groups` of a user.
    private static func stripped(_ document: JSONValue) -> JSONValue {
        var document = document
        document["meta"] = nil
        document["groups"] = nil
        if let members = document["members"]?.array {
            document["members"] = .array(members.sorted { ($0["value"]?.string ?? "") < ($1["value"]?.string ?? "") })
        }
        return document
    }
}

/// Whose objects a run may write, worked out from the outside: not from the ledger.
package struct Ownership {
    package var created: Set<String> = []
    package var marked: Set<String> = []
    package var associable: Set<String> = []

    package mutating func learn(_ picture: Picture, _ directory: TestDirectory, _ dice: RandomWorld) {
        let ids = Set(directory.people.map(\.id) + directory.teams.map(\.id))
        let userNames = Set(directory.people.compactMap { $0.username.map(fold) })
        let groupNames = Set(directory.teams.map { fold($0.name) })
        if dice.policy.contains("existing: conflict") { return learnMarks(picture, ids) }
        let takesDisabled = dice.policy.contains("disabled: associate")
        for (id, document) in picture.users.merging(picture.groups, uniquingKeysWith: { first, _ in first }) {
            if let mark = document["externalId"]?.string {
                if ids.contains(mark) { marked.insert(id) }
            } else if let name = document["userName"]?.string {
                // A disabled one is held, unless the job says otherwise or its person is disabled as well.
                let isWanted =
                    takesDisabled || document["active"] != false
                    || directory.people.contains { $0.status == "disabled" && $0.username.map(fold) == fold(name) }
                if userNames.contains(fold(name)), isWanted, !dice.matches || isEvident(document, name, directory) {
                    associable.insert(id)
                }
            } else if let name = document["displayName"]?.string, groupNames.contains(fold(name)) {
                associable.insert(id)
            }
        }
    }

    package init() {}

    /// R5, in the laws' own way: of a namesake more agrees than the name, and it has no right.
    private func isEvident(_ document: JSONValue, _ name: String, _ directory: TestDirectory) -> Bool {
        if document["roles"] != nil || ["admin", "administrator"].contains(fold(name)) { return false }
        let mails = (document["emails"]?.array ?? []).compactMap { $0["value"]?.string.map(fold) }
        return directory.people.contains { person in
            guard person.username.map(fold) == fold(name) else { return false }
            return mails.isEmpty
                ? person.displayName == document["displayName"]?.string
                : person.email.map { mails.contains(fold($0)) } ?? true
        }
    }

    private mutating func learnMarks(_ picture: Picture, _ ids: Set<String>) {
        for (id, document) in picture.users.merging(picture.groups, uniquingKeysWith: { first, _ in first }) {
            if let mark = document["externalId"]?.string, ids.contains(mark) { marked.insert(id) }
        }
    }

    /// What a run has made is ours.
    package mutating func add(_ before: Picture, _ after: Picture) {
        created.formUnion(Set(after.users.keys).subtracting(before.users.keys))
        created.formUnion(Set(after.groups.keys).subtracting(before.groups.keys))
    }

    /// Accounts of a picture that nobody of the source was ever linked to, or could be.
    package func strangers(of picture: Picture) -> Set<String> {
        Set(picture.users.keys).subtracting(associable).subtracting(marked)
    }

    package func mayWrite(_ id: String) -> Bool {
        created.contains(id) || marked.contains(id) || associable.contains(id)
    }
}

/// Case folding of its own, so that the laws do not agree with the code's.
package func fold(_ text: String) -> String {
    text.lowercased(with: Locale(identifier: "en_US_POSIX")).precomposedStringWithCanonicalMapping
}

/// What looks alike, in the laws' own way.
package func alike(_ text: String) -> String {
    fold(
        (text as NSString).folding(options: [.caseInsensitive, .widthInsensitive], locale: nil).replacingOccurrences(
            of: "ß", with: "ss"))
}

package enum Laws {
    /// After a finished run the next plan holds nothing but retries of what was reported.
    package static func law1(_ run: World.Result, _ again: World.Result) -> [String] {
        guard [.inStep, .recordsFailed].contains(run.report.exit) else { return [] }
        let reported = Set(
            run.operations.filter { [.failed, .held, .conflict, .skipped, .sent].contains($0.status) }.map {
                "\($0.kind) \($0.sourceID ?? "")"
            })
        // A membership waits for its user; a user's failure is thus its groups' as well.
        let isTroubled = run.operations.contains {
            [.failed, .skipped, .sent].contains($0.status) || $0.status == .conflict && $0.verb != .none
        }
        let survivors = Set(
            again.planned.filter { $0.verb == .disable && $0.reason.contains("deleted before, and it still stands") }
                .compactMap(\.sourceID))
        return again.planned.filter { operation in
            if reported.contains("\(operation.kind) \(operation.sourceID ?? "")") { return false }
            // R39: what was deleted and still stands is dealt with again, night after night.
            if survivors.contains(operation.sourceID ?? "") { return false }
            // A membership waits for its user.
            if !operation.members.isEmpty, operation.members.allSatisfy({ reported.contains("0 \($0.sourceID ?? "")") })
            {
                return false
            }
            if isTroubled, operation.verb == .addMembers || operation.verb == .removeMembers { return false }
            return true
        }.map { "law 1: the second plan still holds \(PlanDigest.line($0)) after \(run.report.headline)" }
    }

    /// What is not ours is never written.
    package static func law5(_ before: Picture, _ after: Picture, _ ours: Ownership, _ dice: RandomWorld) -> [String] {
        var broken: [String] = []
        for (old, new) in [(before.users, after.users), (before.groups, after.groups)] {
            for (id, document) in old {
                let name = document["userName"]?.string ?? document["displayName"]?.string ?? ""
                // A server takes a deleted user out of its groups by itself.
                if !ours.mayWrite(id), new[id].map({ without(before, after, $0) }) != without(before, after, document) {
                    broken.append(
                        "law 5: \(id) (\(name)) is not ours and was changed to \(new[id]?.canonical ?? "nothing")")
                }
                let isProtected =
                    dice.protectsAdministrators
                    && (document["userName"] != nil ? fold(name).hasPrefix("adm") : fold(name) == "board")
                // What this job made is protected by the name that it wrote: another one, given to it by hand, is no
                // way out.
                if isProtected, !ours.created.contains(id), !ours.marked.contains(id), new[id] != document {
                    broken.append("R4: the protected \(name) was changed")
                }
            }
        }
        return broken
    }

    private static func without(_ before: Picture, _ after: Picture, _ document: JSONValue) -> JSONValue {
        var document = document
        let members = document["members"]?.array?.filter { member in
            let id = member["value"]?.string ?? ""
            return before.users[id] == nil || after.users[id] != nil
        }
        document["members"] = members?.isEmpty == false ? members.map { .array($0) } : nil
        return document
    }

    /// R7, R11, R13, R16: nothing is taken away but for a reason that the source gives.
    ///
    /// - Parameter strangers: ids of accounts that nobody of the source was ever linked to.
    package static func takingAway(
        _ before: Picture, _ after: Picture, _ directory: TestDirectory, _ dice: RandomWorld,
        strangers: Set<String> = []
    ) -> [String] {
        var broken: [String] = []
        let names = Dictionary(grouping: directory.people.compactMap { $0.username.map(fold) }) { $0 }
        for (id, document) in before.users {
            let person = document["externalId"]?.string.flatMap { directory.person($0) }
            // A mark that was put right says whose the account is; that none goes astray is law 10.
            let owner = after.users[id]?["externalId"]?.string.flatMap { directory.person($0) } ?? person
            if document["active"] == true, after.users[id]?["active"] == false, let owner, owner.status != "disabled" {
                broken.append("R7: \(owner.id) was disabled although its status is \(owner.status ?? "absent")")
            }
            if after.users[id] == nil, let person {
                broken.append("R13: \(person.id) is in the source and its account was deleted")
            }
        }
        for (id, group) in before.groups {
            guard let still = after.groups[id] else { continue }
            let gone = members(group).subtracting(members(still))
            for member in gone {
                // R13: who is not ours stays, unless the job says exclusive.
                if !dice.policy.contains("exclusive"), let stranger = before.users[member], after.users[member] != nil,
                    strangers.contains(member), stranger["externalId"] == nil
                {
                    broken.append(
                        """
                        R13: \(stranger["userName"]?.string ?? member) is not ours and was removed from \
                        \(group["displayName"]?.string ?? "")
                        """
                    )
                }
                guard let user = before.users[member], after.users[member] != nil,
                    let mark = user["externalId"]?.string, let person = directory.person(mark)
                else { continue }
                let team = directory.teams.first { $0.id == group["externalId"]?.string }
                // A rename to a protected name is held, and keeps nobody in a group.
                let isProtected = dice.protectsAdministrators && fold(user["userName"]?.string ?? "").hasPrefix("adm")
                let isHeld = isProtected || person.username.map { (names[fold($0)]?.count ?? 0) > 1 } ?? false
                if isHeld {
                    broken.append(
                        "R13: the held member \(person.id) was removed from \(group["displayName"]?.string ?? "")")
                }
                if let team, team.members.contains(person.id) {
                    broken.append("R13: \(person.id) was removed from \(team.name), where the source has it")
                }
            }
        }
        return broken
    }

    private static func members(_ group: JSONValue) -> Set<String> {
        Set((group["members"]?.array ?? []).compactMap { $0["value"]?.string })
    }

    /// R9: a run that reports all well has disabled whom the source disables.
    package static func access(_ result: World.Result, _ after: Picture, _ directory: TestDirectory, _ ledger: Ledger)
        -> [String]
    {
        guard result.report.exit == .inStep else { return [] }
        return directory.people.compactMap { person in
            guard person.status == "disabled", let link = try? ledger.link(kind: .user, source: person.id),
                let account = after.users[link.targetID]
            else { return nil }
            // An account that somebody gave a protected name is nobody's to write to any more, and the run says so.
            if result.operations.contains(where: { $0.situation == .protected && $0.sourceID == person.id }) {
                return nil
            }
            return account["active"] == true
                ? """
                R9: \(person.id) is disabled in the source, its account \(link.targetID) is active, and the run \
                says that all is well
                """
                : nil
        }
    }

    /// R10, R2: an account is made only for a record of the source that is not disabled.
    package static func creation(_ before: Picture, _ after: Picture, _ directory: TestDirectory) -> [String] {
        after.users.compactMap { id, user in
            guard before.users[id] == nil, let mark = user["externalId"]?.string else { return nil }
            guard let person = directory.person(mark) else {
                return "R2: \(mark) is not in the source, and an account was made for it"
            }
            if person.status == "locked" {
                return "R7: nobody can tell whether \(mark) is let in, and an account was made for it"
            }
            return person.status == "disabled"
                ? "R10: \(mark) is disabled in the source, and an account was made for it" : nil
        }
    }

    /// R16: what was found, and not made, is not deleted unless the job says so.
    package static func keepsFound(_ before: Picture, _ after: Picture, _ found: Set<String>, _ dice: RandomWorld)
        -> [String]
    {
        if dice.policy.contains("associated: delete") { return [] }
        return before.users.keys.filter { found.contains($0) && after.users[$0] == nil }.map {
            "R16: \($0) was associated and is deleted"
        }
    }

    /// R22: a run that ended well leaves nothing in the journal of which nobody knows the outcome.
    package static func settled(_ result: World.Result, _ ledger: Ledger) throws -> [String] {
        guard [.inStep, .recordsFailed].contains(result.report.exit) else { return [] }
        let known = Set(result.operations.filter { $0.status == .sent }.map { "\($0.plan) \($0.seq)" })
        return try ledger.unsettled().filter { !known.contains("\($0.plan) \($0.seq)") }.map {
            "R22: \($0.verb) \($0.name) of plan \($0.plan) was never settled"
        }
    }

    /// One bad record never stops the others: every record that nothing speaks against has its account.
    package static func law7(
        _ result: World.Result, _ after: Picture, _ directory: TestDirectory, _ dice: RandomWorld, _ before: Picture,
        newcomers: Set<String>
    ) -> [String] {
        guard [.inStep, .recordsFailed].contains(result.report.exit) else { return [] }
        let wanted = Dictionary(grouping: directory.people.compactMap { $0.username.map(fold) }) { $0 }
        // An account whose name only looks like the record's holds it, too.
        let taken = Set(before.users.values.compactMap { $0["userName"]?.string.map(alike) })
        let marks = Set(before.users.values.compactMap { $0["externalId"]?.string })
        let held = Set(after.users.values.compactMap { $0["externalId"]?.string })
        return directory.people.compactMap { person in
            guard newcomers.contains(person.id), let name = person.username, person.status != "disabled",
                person.status != "locked", wanted[fold(name)]?.count == 1, !taken.contains(alike(name)),
                !marks.contains(person.id),
                !dice.options.refused.contains(name), !(dice.protectsAdministrators && fold(name).hasPrefix("adm"))
            else { return nil }
            // The server's idea of equal names is lower case alone.
            return held.contains(person.id)
                ? nil
                : """
                law 7: nothing speaks against \(person.id) (\(name)), and it has no account: \
                \(result.report.headline)
                """
        }
    }
}
