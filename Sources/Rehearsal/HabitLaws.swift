import Emulation
import Foundation
import JSON
import Ledger
import Reconciliation
import SCIM
import Planning

/// Laws that hold on servers with habits, where “the same end” means nothing: the server itself does harm. Each asks
/// what a run did, what it left undone, and whether it said so.
extension Laws {
    /// Law 10, *evidence*. Nothing is written or deleted that the job has no evidence of: what is there carries the
    /// mark of a record of the source, was made by a run, or may be associated by the rule of the job. What the server
    /// itself overwrites in answer to a create is told.
    package static func law10(
        _ before: Picture, _ after: Picture, _ ours: Ownership, _ dice: RandomWorld, _ result: World.Result,
        rewritten: Bool
    ) -> [String] {
        let told = told(result)
        return law5(before, after, ours, dice).filter { _ in
            !(rewritten && (told.contains("taken over") || told.contains("shares an account")))
        }.map { "law 10, evidence: \($0)" }
    }

    /// Law 10 again: an account that was one record's, and stood before the run, is not another record's after it while
    /// the first is still there.
    ///
    /// - Parameter links: what was linked before, by record.
    package static func law10(
        _ links: [String: String], _ before: Picture, _ directory: TestDirectory, _ ledger: Ledger
    ) -> [String] {
        links.sorted { $0.key < $1.key }.compactMap { source, target in
            guard directory.person(source) != nil, before.users[target] != nil,
                let holder = try? ledger.holder(kind: .user, target: target), holder != source
            else { return nil }
            return "law 10, evidence: the account \(target) of \(source) has become that of \(holder)"
        }
    }

    /// Law 11, *no silent access* (R40). Whoever the source no longer lets in is, at the end of a run, without access,
    /// or the run does not end with 0 and names the record; unless the job file grants the access itself. A record that
    /// the source never showed, since it hides whom it disables, and that no run has linked, is nobody's to know.
    package static func law11(
        _ result: World.Result, _ after: Picture, _ directory: TestDirectory, _ known: Set<String>, _ ledger: Ledger,
        _ dice: RandomWorld, sourceHidesDisabled: Bool
    ) -> [String] {
        // What the job file grants: no disabling, nobody who leaves, users outside the push.
        let disables = dice.policy.contains("leavers: { disable: immediately")
        let mayUpdate = true
        let mayEnd = !dice.policy.contains("operations: {")
        guard [.inStep, .pending].contains(result.report.exit) else { return [] }
        return known.compactMap { id in
            let person = directory.person(id)
            if let person, person.status != "disabled" || !mayUpdate { return nil }
            if person == nil, !disables || !mayEnd { return nil }
            // By the link, and by the mark where there is none any more.
            let linked = (try? ledger.link(kind: .user, source: id)).flatMap {
                $0.flatMap {
                    after.users[$0.targetID].map { account in (id: account["id"]?.string ?? "", account: account) }
                }
            }
            let marked = after.users.values.first { $0["externalId"]?.string == id }.map {
                (id: $0["id"]?.string ?? "", account: $0)
            }
            guard
                let (target, account) = linked
                    ?? (known.contains(id) && !(sourceHidesDisabled && person != nil) ? marked : nil),
                account["active"] != false
            else { return nil }
            if told(result).contains(id) || result.operations.contains(where: { $0.sourceID == id && $0.verb == .none })
            {
                return nil
            }
            return
                """
                law 11, no silent access: \(id) is \(person == nil ? "gone from" : "disabled in") the source, its \
                account \(target) is active, and the run ends with \(result.report.exit)
                """
        }
    }

    /// Law 12, *no silent loss*. A member that was in a group, that the source has there or that is nobody's of the
    /// source, and that no operation takes out, is still in it; or the run does not end with 0.
    package static func law12(
        _ before: Picture, _ after: Picture, _ directory: TestDirectory, _ result: World.Result, strangers: Set<String>,
        _ dice: RandomWorld
    ) -> [String] {
        guard result.report.exit == .inStep else { return [] }
        let removed = Set(
            result.operations.filter { $0.verb == .removeMembers }.flatMap { operation in
                operation.members.compactMap { $0.targetID.map { "\(operation.targetID ?? "") \($0)" } }
            })
        func members(_ group: JSONValue) -> Set<String> {
            Set((group["members"]?.array ?? []).compactMap { $0["value"]?.string })
        }
        return before.groups.flatMap { id, group -> [String] in
            guard let still = after.groups[id] else { return [] }
            return members(group).subtracting(members(still)).compactMap { member -> String? in
                guard after.users[member] != nil, let user = before.users[member], !removed.contains("\(id) \(member)")
                else { return nil }
                let mark = user["externalId"]?.string
                let isWanted =
                    mark.map { mark in
                        directory.teams.contains { $0.id == group["externalId"]?.string && $0.members.contains(mark) }
                    } ?? false
                let isStranger = strangers.contains(member) && mark == nil && !dice.policy.contains("exclusive")
                return isWanted || isStranger
                    ? """
                    law 12, no silent loss: \(user["userName"]?.string ?? member) is not in \
                    \(group["displayName"]?.string ?? id) any more, nothing took it out, and the run ends with 0
                    """
                    : nil
            }
        }
    }

    /// R13: an associated group keeps whom it had: a member from before any run, whom the source never had there,
    /// stays.
    ///
    /// - Parameter first: the members of groups before the first run, by group.
    /// - Parameter wanted: `group user` pairs, by source ids, that the source ever had.
    package static func keptMembers(
        _ first: [String: Set<String>], _ before: Picture, _ after: Picture, wanted: Set<String>, gone: Set<String>
    ) -> [String] {
        first.flatMap { id, members -> [String] in
            guard let group = after.groups[id] else { return [] }
            let now = Set((group["members"]?.array ?? []).compactMap { $0["value"]?.string })
            // By hand, anybody may be taken out.
            let had = Set((before.groups[id]?["members"]?.array ?? []).compactMap { $0["value"]?.string })
            return members.intersection(had).subtracting(now).compactMap { member -> String? in
                guard let user = after.users[member] else { return nil }
                let mark = user["externalId"]?.string ?? ""
                if gone.contains(mark) || wanted.contains("\(group["externalId"]?.string ?? "") \(mark)") { return nil }
                return
                    """
                    R13: \(user["userName"]?.string ?? member) was in \(group["displayName"]?.string ?? id) \
                    before it was associated, and was taken out
                    """
            }
        }
    }

    /// Law 13, *bounded*. A run sends no more requests than a function of the world's size allows, whatever the servers
    /// answer.
    package static func law13(_ requests: Int, _ world: World) -> [String] {
        let size =
            world.directory.people.count + world.directory.teams.count + world.documents(.user).count
            + world.documents(.group).count
        // Lists to the end and once more, each object by its id, looked up, written, halved and read back; walks that
        // isolate one record ask twenty questions more, each three times.
        let most = 400 + 80 * (size + 1)
        return requests > most ? ["law 13, bounded: \(requests) requests for \(size) objects"] : []
    }

    /// Law 14, *plan and run agree*. What a run wrote stood in a plan that was made just before from the same world,
    /// and what stood in the plan was written, or the run says why not.
    ///
    /// - Parameter isLinked: whether the ledger links an operation's record to its object in the end: what an
    ///   interrupted run left open may be settled by the run, where the plan's look was shown less.
    package static func law14(
        _ plan: World.Result, _ run: World.Result, isLinked: (PlannedOperation) -> Bool = { _ in false }
    ) -> [String] {
        guard plan.report.plan != nil, run.report.plan != nil,
            [.inStep, .recordsFailed, .sourceIncomplete].contains(run.report.exit)
        else { return [] }
        func name(_ operation: PlannedOperation) -> String {
            """
            \(operation.verb) \(operation.kind) \(operation.sourceID ?? operation.targetID ?? "") \
            \(operation.fields.map(\.path).joined(separator: ",")) \
            \(operation.members.map { $0.sourceID ?? $0.targetID ?? "" }.joined(separator: ","))
            """
        }
        let planned = Set(plan.planned.map(name))
        let wrote = run.operations.filter {
            $0.verb != .none && [.done, .failed, .sent, .conflict, .skipped].contains($0.status)
        }
        var broken = wrote.filter { !planned.contains(name($0)) }.map {
            "law 14, plan and run agree: the run sent what the plan had not: \(PlanDigest.line($0))"
        }
        let ran = Set(wrote.map(name))
        broken += plan.planned.filter { !ran.contains(name($0)) && !($0.verb == .link && isLinked($0)) }.map {
            "law 14, plan and run agree: the plan had, and the run did not try: \(PlanDigest.line($0))"
        }
        return broken
    }

    /// Law 15, *told once, and true*. What a run calls done shows on the target; what it tells, it tells in one line.
    package static func law15(_ result: World.Result, _ after: Picture) -> [String] {
        var broken = result.operations.compactMap { operation -> String? in
            guard operation.kind == .user, operation.status == .done, let id = operation.targetID,
                let account = after.users[id]
            else { return nil }
            guard let access = operation.fields.first(where: { $0.path == "active" })?.after, operation.verb != .create,
                operation.verb != .delete
            else { return nil }
            // A later operation of the same run may have said otherwise.
            let last = result.operations.last {
                $0.targetID == id && $0.status == .done && $0.fields.contains { $0.path == "active" }
            }
            guard last?.seq == operation.seq, account["active"]?.canonical != access else { return nil }
            return
                """
                law 15, told and true: \(PlanDigest.line(operation)) is called done, and the account shows active \
                \(account["active"]?.canonical ?? "nothing")
                """
        }
        let lines = result.report.details
        for line in Set(lines) where lines.filter({ $0 == line }).count > 1 {
            broken.append("law 15, told once: said twice: \(line)")
        }
        return broken
    }

    /// Law 15 again, of a plan: what is to be created again, since it is gone, does not stand on the target.
    package static func law15(_ plan: World.Result, _ now: Picture, _ ledger: Ledger) -> [String] {
        plan.planned.compactMap { operation in
            guard operation.verb == .create, operation.situation == .missing, let source = operation.sourceID,
                let id = (try? ledger.link(kind: operation.kind, source: source))??.targetID,
                (operation.kind == .user ? now.users : now.groups)[id] != nil
            else { return nil }
            return "law 15, told and true: \(PlanDigest.line(operation)), and \(id) stands on the target"
        }
    }

    /// Law 15 again, of what is called another's: an account that nobody has renamed or marked since the last run, and
    /// that no run has called so before, is still whose it was.
    ///
    /// - Parameter told: accounts that were called so before.
    package static func law15(
        _ result: World.Result, since last: Picture, _ now: Picture, told: Set<String>
    ) -> [String] {
        result.operations.compactMap { operation in
            guard operation.kind == .user, operation.situation == .taken, let id = operation.targetID,
                !told.contains(id), let was = last.users[id], let account = now.users[id],
                was["userName"] == account["userName"], was["externalId"] == account["externalId"]
            else { return nil }
            return
                "law 15, told and true: \(PlanDigest.line(operation)), and nobody has touched \(id) since the last run"
        }
    }

    /// Law 16, *nothing in the way*. On a server without habits, which refuses no value, no name is refused as taken:
    /// whom it belongs to is known before it is asked for, and names that change hands are given one after the other.
    package static func law16(_ result: World.Result, _ directory: TestDirectory) -> [String] {
        result.operations.filter { $0.status == .failed && $0.reason.contains("409") }.map {
            "law 16, nothing in the way: \(PlanDigest.line($0)) — \($0.reason)"
        }
    }

    private static func told(_ result: World.Result) -> String { result.report.details.joined(separator: "\n") }
}
