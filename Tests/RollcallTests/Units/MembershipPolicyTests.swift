import GRDB
import Planning
import Testing

/// What is decided about a membership: the rules as rows, and the SQL beside the function over the whole truth table.
@Suite struct MembershipPolicyTests {
    private typealias Facts = MembershipPolicy.Facts

    private func facts(
        _ group: Outlook?, _ member: Outlook?, wanted: Bool = false, there: Bool = false,
        _ more: (inout Facts) -> Void = { _ in }
    ) -> Facts {
        var facts = Facts()
        (facts.group, facts.member, facts.isWanted, facts.isThere) = (group, member, wanted, there)
        more(&facts)
        return facts
    }

    @Test("R13: a membership is added between ends that are there, and removed because the source does not have it")
    func rules() {
        let policy = MembershipPolicy()
        #expect(policy.adds(facts(.present, .present, wanted: true)))
        #expect(!policy.adds(facts(.present, .held, wanted: true)))
        #expect(!policy.adds(facts(.held, .present, wanted: true)))
        #expect(!policy.adds(facts(.present, .present, wanted: true, there: true)))
        #expect(policy.removes(facts(.present, .present, there: true)))
        #expect(!policy.removes(facts(.present, .present, wanted: true, there: true)))
        // A record that is held keeps what it has; a leaver loses it, and so it does in a group that left and is kept.
        #expect(!policy.removes(facts(.present, .held, there: true)))
        #expect(policy.removes(facts(.present, .leaving, wanted: true, there: true)))
        #expect(!policy.removes(facts(.held, .leaving, there: true)))
        #expect(policy.removes(facts(.held, .leaving, there: true) { $0.groupHasLeft = true }))
        // Who was in it before an association stays, and whoever is nobody's.
        #expect(!policy.removes(facts(.present, .present, there: true) { $0.isKept = true }))
        #expect(!policy.removes(facts(.present, .present, there: true) { $0.groupIsAssociating = true }))
        #expect(!policy.removes(facts(.present, nil, there: true)))
    }

    @Test("R13: memberships: exclusive removes whoever the source does not name, but for what is protected or marked")
    func exclusive() {
        let policy = MembershipPolicy(isExclusive: true)
        #expect(policy.removes(facts(.present, nil, there: true)))
        #expect(policy.removes(facts(.present, .present, there: true) { $0.isKept = true }))
        #expect(!policy.removes(facts(.present, nil, there: true) { $0.memberIsProtected = true }))
        #expect(!policy.removes(facts(.present, nil, there: true) { $0.memberIsMarked = true }))
        #expect(!policy.removes(facts(.held, nil, there: true)))
    }

    @Test("where a platform wants it, a group is emptied before it is deleted, and a leaver taken from every group")
    func deletions() {
        let policy = MembershipPolicy(emptiesGroups: true, freesLeavers: true)
        #expect(policy.removes(facts(.leaving, nil, there: true) { $0.groupIsDeleted = true }))
        #expect(!policy.removes(facts(.leaving, nil, there: true)))
        let kept = facts(.present, .leaving, there: true) {
            $0.isKept = true
            $0.memberIsDeleted = true
        }
        #expect(policy.removes(kept) && !MembershipPolicy().removes(kept))
    }

    @Test("the SQL decides as the function does, over the whole truth table")
    func table() throws {
        let outlooks: [Outlook?] = [nil, .present, .held, .leaving]
        let flags = MembershipPolicy.Fact.allCases.filter { $0 != .group && $0 != .member }
        let database = try DatabaseQueue()
        try database.write { db in
            let columns = MembershipPolicy.Fact.allCases.map(\.rawValue)
            try db.execute(
                sql: "CREATE TABLE facts (n INTEGER PRIMARY KEY, \(columns.map { "[\($0)]" }.joined(separator: ", ")))")
            var all: [Facts] = []
            let marks = String(repeating: ", ?", count: columns.count)
            for group in outlooks {
                for member in outlooks {
                    for bits in 0..<(1 << flags.count) {
                        func bit(_ fact: MembershipPolicy.Fact) -> Bool {
                            flags.firstIndex(of: fact).map { bits >> $0 & 1 == 1 } ?? false
                        }
                        var facts = facts(group, member, wanted: bit(.isWanted), there: bit(.isThere))
                        facts.groupIsAssociating = bit(.groupIsAssociating)
                        facts.groupHasLeft = bit(.groupHasLeft)
                        facts.groupIsDeleted = bit(.groupIsDeleted)
                        facts.isKept = bit(.isKept)
                        facts.memberIsDeleted = bit(.memberIsDeleted)
                        facts.memberIsProtected = bit(.memberIsProtected)
                        facts.memberIsMarked = bit(.memberIsMarked)
                        try db.execute(
                            sql: "INSERT INTO facts VALUES (\(all.count)\(marks))",
                            arguments: StatementArguments(
                                [group?.rawValue.databaseValue ?? .null, member?.rawValue.databaseValue ?? .null]
                                    + flags.map { bit($0).databaseValue }))
                        all.append(facts)
                    }
                }
            }
            #expect(all.count == 16 * 512)
            for rules in 0..<8 {
                let policy = MembershipPolicy(
                    isExclusive: rules & 1 != 0, emptiesGroups: rules & 2 != 0, freesLeavers: rules & 4 != 0)
                for (expression, judged) in [
                    (policy.additions { "[\($0.rawValue)]" }, policy.adds),
                    (policy.removals { "[\($0.rawValue)]" }, policy.removes),
                ] {
                    let found = try Set(Int.fetchAll(db, sql: "SELECT n FROM facts WHERE \(expression)"))
                    let meant = Set(all.indices.filter { judged(all[$0]) })
                    #expect(
                        found == meant && !meant.isEmpty,
                        "\(policy): \(found.symmetricDifference(meant).first.map { all[$0] }.debugDescription)")
                }
            }
        }
    }
}
