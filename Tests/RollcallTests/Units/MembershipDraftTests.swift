import GRDB
import Planning
import Simulation
import Testing

@testable import Ledger

/// What a ledger drafts of memberships, beside what the function decides of the same facts: random groups, members,
/// links, drafts and objects in a real scratch file's tables.
@Suite struct MembershipDraftTests {
    /// Numbers: source users 1…, source groups 11…, target users 21…, target groups 31….
    private struct World {
        var outlooks: [Int: Outlook] = [:]
        /// The object of a record, where the plan knows one.
        var objects: [Int: Int] = [:]
        var associating: Set<Int> = []
        var wanted: Set<[Int]> = []
        var there: Set<[Int]> = []
        var kept: Set<[Int]> = []
        var deleted: Set<Int> = []
        var left: Set<Int> = []
        var protected: Set<Int> = []
        /// The record whose mark an object of nobody carries.
        var marks: [Int: Int] = [:]

        static let users = 1...5, groups = 11...13, accounts = 21...26, targets = 31...33

        init(_ random: inout SeededGenerator) {
            func chance(_ of: Int) -> Bool { Int.random(in: 0..<of, using: &random) == 0 }
            for record in Array(Self.users) + Array(Self.groups) {
                if chance(6) { continue }
                outlooks[record] = chance(3) ? [.held, .leaving].randomElement(using: &random) : .present
                if !chance(6) { objects[record] = record + 20 }
                if chance(4) { associating.insert(record) }
                if outlooks[record] == .leaving, chance(2) { deleted.insert(record) }
                if outlooks[record] == .held, chance(2) { left.insert(record) }
            }
            // Half of the groups are as they are to be, but for one membership at the most.
            for group in Self.groups {
                let isEven = chance(2)
                for user in Self.users where chance(2) {
                    wanted.insert([group, user])
                    if isEven { there.insert([group + 20, user + 20]) }
                }
                for account in Self.accounts where !isEven && chance(2) || chance(12) {
                    there.formSymmetricDifference([[group + 20, account]])
                }
            }
            for membership in there where chance(5) { kept.insert(membership) }
            for account in Self.accounts where chance(6) { protected.insert(account) }
            for account in Self.accounts where holder(of: account) == nil && chance(2) {
                marks[account] = Self.users.randomElement(using: &random)
            }
        }

        func holder(of object: Int) -> Int? { outlooks.keys.filter { objects[$0] == object }.min() }

        func facts(_ group: Int?, _ member: Int?, target: Int?, account: Int?) -> MembershipPolicy.Facts {
            var facts = MembershipPolicy.Facts()
            (facts.group, facts.member) = (group.flatMap { outlooks[$0] }, member.flatMap { outlooks[$0] })
            if let group, let member { facts.isWanted = wanted.contains([group, member]) }
            if let target, let account {
                facts.isThere = there.contains([target, account])
                facts.isKept = kept.contains([target, account])
            }
            facts.groupIsAssociating = group.map(associating.contains) ?? false
            facts.groupHasLeft = group.map(left.contains) ?? false
            facts.groupIsDeleted = group.map(deleted.contains) ?? false
            facts.memberIsDeleted = member.map(deleted.contains) ?? false
            facts.memberIsProtected = account.map(protected.contains) ?? false
            if let account, let group, let marked = marks[account], wanted.contains([group, marked]) {
                // A member with another account that is there is not this one.
                facts.memberIsMarked = objects[marked] == nil || objects[marked] == account
            }
            return facts
        }

        /// Group and account or member of each membership that the policy adds, and that it removes.
        func meant(_ policy: MembershipPolicy) -> (adds: Set<[Int]>, removes: Set<[Int]>) {
            var adds: Set<[Int]> = []
            var removes: Set<[Int]> = []
            for membership in wanted {
                let (group, member) = (membership[0], membership[1])
                guard outlooks[group] != nil else { continue }
                if policy.adds(facts(group, member, target: objects[group], account: objects[member])) {
                    adds.insert(membership)
                }
            }
            for membership in there {
                let group = holder(of: membership[0]), member = holder(of: membership[1])
                guard group != nil else { continue }
                if policy.removes(facts(group, member, target: membership[0], account: membership[1])) {
                    removes.insert(membership)
                }
            }
            return (adds, removes)
        }

        func fill(_ db: Database) throws {
            func insert(_ table: String, _ columns: String, _ values: [DatabaseValueConvertible?]) throws {
                let marks = values.map { _ in "?" }.joined(separator: ", ")
                try db.execute(
                    sql: "INSERT INTO \(table) (\(columns)) VALUES (\(marks))", arguments: StatementArguments(values))
            }
            for (space, numbers) in [(0, Self.users), (1, Self.groups), (2, Self.accounts), (3, Self.targets)] {
                for n in numbers {
                    try insert("ids", "n, space, id", [n, space, "id\(n)"])
                    if space < 2 {
                        try insert(
                            "scratch.source",
                            "kind, n, external_id, name, match_key, wide_key, body, digest, place, protected",
                            [space, n, "mark\(n)", "name\(n)", "name\(n)", "name\(n)", "{}", "", "", false])
                    } else {
                        try insert(
                            "scratch.target",
                            "kind, n, external_id, name, match_key, wide_key, body, digest, protected",
                            [
                                space - 2, n, marks[n].map { "mark\($0)" }, "name\(n)", "name\(n)", "name\(n)", "{}",
                                "", protected.contains(n),
                            ])
                    }
                }
            }
            for (record, outlook) in outlooks {
                let kind = record > 10 ? 1 : 0
                try insert(
                    "scratch.outlook", "kind, source, target, state, is_associating",
                    [kind, record, objects[record], outlook.rawValue, associating.contains(record)])
                if let object = objects[record] {
                    try insert(
                        "links", "kind, source, target, origin, match_key, run",
                        [kind, record, object, "created", "name\(record)", 1])
                }
                if deleted.contains(record) {
                    try insert(
                        "scratch.drafts", "wave, kind, verb, situation, source, target, name, status, reason, fields",
                        [9, kind, "delete", "leaver", record, objects[record], "", "planned", "", "[]"])
                }
                if left.contains(record) {
                    try insert(
                        "scratch.situations", "kind, source, target, situation",
                        [kind, record, objects[record], "leaver"])
                }
            }
            for one in wanted { try insert("scratch.source_members", "grp, usr", one) }
            for one in there { try insert("scratch.target_members", "grp, usr", one) }
            for one in kept { try insert("kept_members", "grp, usr", one) }
        }
    }

    @Test("R13: what the ledger drafts of memberships is what the function decides, over random worlds")
    func drafts() throws {
        var added = 0
        var removed = 0
        var even = 0
        for seed in 1...150 as ClosedRange<UInt64> {
            var random = SeededGenerator(seed: seed)
            let world = World(&random)
            let ledger = try Ledger()
            try ledger.attachScratch()
            try ledger.write { db in
                try world.fill(db)
                try db.execute(
                    sql: """
                        CREATE INDEX scratch.outlook_by_target ON outlook (kind, target);
                        CREATE INDEX IF NOT EXISTS scratch.source_by_external_id ON source (kind, external_id);
                        """)
            }
            for rules in 0..<8 {
                let policy = MembershipPolicy(
                    isExclusive: rules & 1 != 0, emptiesGroups: rules & 2 != 0, freesLeavers: rules & 4 != 0)
                try ledger.draftMemberships(
                    policy, chunk: 2, addWave: 1, removeWave: 2, addHeldBy: nil, removeHeldBy: nil, addReason: "",
                    removeReason: "")
                even += try ledger.read {
                    try Int.fetchOne($0, sql: "SELECT count(*) FROM scratch.even_groups WHERE has_no_other") ?? 0
                }
                let (adds, removes) = try ledger.read { db in
                    func drafted(_ verb: Verb, _ columns: String) throws -> Set<[Int]> {
                        let rows = try Row.fetchAll(
                            db,
                            sql: """
                                SELECT \(columns) FROM scratch.drafts d JOIN scratch.draft_members m USING (draft)
                                    WHERE d.verb = ?
                                """, arguments: [verb])
                        let all = rows.map { [$0[0] as Int, $0[1] as Int] }
                        #expect(Set(all).count == all.count, "seed \(seed): a membership is drafted twice")
                        return Set(all)
                    }
                    return (
                        try drafted(.addMembers, "d.source, m.source_user"),
                        try drafted(.removeMembers, "d.target, m.target_user")
                    )
                }
                let meant = world.meant(policy)
                #expect(adds == meant.adds, "seed \(seed), \(policy): \(adds.symmetricDifference(meant.adds))")
                #expect(
                    removes == meant.removes, "seed \(seed), \(policy): \(removes.symmetricDifference(meant.removes))")
                added += adds.count
                removed += removes.count
                try ledger.dropMembershipDrafts()
            }
            try ledger.detachScratch()
        }
        #expect(added > 500 && removed > 500 && even > 50, "\(added), \(removed), \(even)")
    }

    @Test("R13: where two records would be one account, a stranger is not overlooked for the count")
    func doubled() throws {
        let ledger = try Ledger()
        try ledger.attachScratch()
        try ledger.write { db in
            var random = SeededGenerator(seed: 1)
            var world = World(&random)
            (world.outlooks, world.objects) = ([1: .present, 2: .present, 3: .present, 11: .present], [11: 31])
            (world.wanted, world.there) = ([[11, 1], [11, 2]], [[31, 21], [31, 23]])
            (world.kept, world.associating, world.deleted, world.left) = ([], [], [], [])
            try world.fill(db)
            // Both wanted records are 21; 23 is another's, and not wanted.
            try db.execute(
                sql: """
                    UPDATE scratch.outlook SET target = CASE source WHEN 3 THEN 23 ELSE 21 END WHERE kind = 0;
                    CREATE INDEX scratch.outlook_by_target ON outlook (kind, target);
                    CREATE INDEX IF NOT EXISTS scratch.source_by_external_id ON source (kind, external_id);
                    """)
        }
        try ledger.draftMemberships(
            MembershipPolicy(), chunk: 100, addWave: 1, removeWave: 2, addHeldBy: nil, removeHeldBy: nil,
            addReason: "", removeReason: "")
        let removed = try ledger.read {
            try Int.fetchAll($0, sql: "SELECT target_user FROM scratch.draft_members ORDER BY target_user")
        }
        #expect(removed == [23], "\(removed)")
    }
}
