import HTTP
import Jobs
import JSON
import Ledger
import Provisioning
import SCIM
import SCIMTransport
import Planning

/// What became of a read of one side.
struct Reading {
    /// Why the read is not complete; nil for a proven one.
    var incomplete: String?
    /// The evidence, in words.
    var statement = ""
    /// Whether it has none of a kind of which the last applied run had some: `--accept-source-change` is about that.
    var isEmptied = false
    /// Resources that carry each attribute, by kind and name.
    var carried: [ResourceKind: [String: Int]] = [:]
    var resources: [ResourceKind: Int] = [:]
    var pages = 0
    /// Objects that could not be looked at: what was last written stands for them.
    var unverified = 0
    /// Memberships of which the same is true.
    var unverifiedMembers = 0
    /// Whether all members of the groups that matter were read, whoever they are.
    var membersAreWhole = false
    /// What is remarkable and no obstacle.
    var notes: [String] = []
    /// Groups whose members could not be looked at, with the reason: nobody comes into them or leaves them.
    var unseenGroups: [(id: String, why: String)] = []
    /// Objects that this job deleted and that still stand, active.
    var survivors = 0
    /// Records that must lose access whose accounts could not be looked at, with the reason.
    var unseenAccounts: [(name: String, why: String)] = []
    /// Why groups were not read, where users were: this run leaves groups and memberships alone.
    var closedGroups: String?
}

/// Reads the target into the ledger's scratch.
struct TargetReader {
    let ledger: Ledger
    let target: SCIMTarget
    let tables: [ResourceKind: MappingTable]
    let readBack: Job.Target.ReadBack?
    /// Seconds since 1970.
    let now: Double
    let progress: @Sendable (String, Int) -> Void

    func read(_ kinds: [ResourceKind]) async throws -> Reading {
        var reading = Reading()
        var violations: [String] = []
        do {
            if target.profile.listing == .none {
                // What was written is the ground; what is read back replaces it.
                try ledger.stageWrittenMembers()
                for kind in kinds {
                    // A list that shows what SCIM made may still leave some out: whoever it leaves out is asked for.
                    // Groups are few, and only by its id does one show its members.
                    if readBack == .list, kind == .user {
                        reading.resources[kind] = try await read(kind, &reading, &violations).resources
                        // What nobody marked is not seen on such a platform: a create decides whose it is.
                        try ledger.dropUnmarked(kind: kind)
                    }
                    try await stageUnlisted(kind, &reading)
                }
                reading.incomplete = violations.isEmpty ? nil : violations.joined(separator: "; ")
                return reading
            }
            for kind in kinds {
                let evidence: ListEvidence
                do {
                    evidence = try await read(kind, &reading, &violations)
                } catch let failure as SCIMFailure where kind == .group && reading.pages > 0 && failure.isOfOneList {
                    // Users are done all the same: nobody keeps access since groups cannot be read.
                    try ledger.forgetStaged(kind: .group)
                    reading.closedGroups = "\(failure)"
                    break
                }
                if kind == .user { try readOmitted() }
                if isCut(evidence) {
                    try await lookUpUnlinked(kind)
                    try await stageUnlisted(kind, &reading)
                } else {
                    violations += evidence.violations.map { "\(kind.plural): \($0)" }
                }
                reading.pages += evidence.pages
                reading.resources[kind] = evidence.resources
            }
            if kinds.contains(.group), reading.closedGroups == nil {
                if target.profile.memberReading.contains(.ledger) { try ledger.stageWrittenMembers() }
                if target.showsMembers, !target.profile.memberReading.contains(.ledger) {
                    try ledger.stageUncertainMembers()
                }
                if target.showsMembers { try await askForGroups(try ledger.groupsToAsk(.target), &reading) }
                if target.profile.memberReading.contains(.byFilter) {
                    try await readMembersByFilter(usersAreRead: kinds.contains(.user), &reading)
                }
            }
        } catch let failure as SCIMFailure {
            throw JobFailure(failure, side: "target")
        }
        reading.incomplete = violations.isEmpty ? nil : violations.joined(separator: "; ")
        return reading
    }

    /// Where the target is known to leave `active` out of accounts that are not active: of those that this job has
    /// disabled it says so.
    func readOmitted() throws {
        guard target.connection.dialect.has(.omitsInactive), let table = tables[.user], try ledger.showsActivity()
        else { return }
        for account in try ledger.disabledWithoutActivity() {
            let (body, digest) = table.inactive(account.body)
            try ledger.stage(inactive: account.id, body: body, digest: digest)
        }
    }

    /// Whether a list ended where the platform cuts lists off.
    func isCut(_ evidence: ListEvidence) -> Bool {
        if target.profile.listing == .single, let total = evidence.declaredTotal, total > evidence.resources {
            return true
        }
        guard let cap = target.profile.listCap,
            evidence.resources == cap || target.profile.listing == .single && evidence.resources >= cap
        else { return false }
        // With cursors a list that came in one page of the cap's length may be whole; without a next cursor nobody can
        // tell.
        return evidence.pages == 1
    }

    /// Looks the records up that have no account of ours yet, one by one by name: where lists are cut off.
    func lookUpUnlinked(_ kind: ResourceKind) async throws {
        guard let table = tables[kind], let path = AttributePath(kind.nameAttribute) else { return }
        var last = Int64(0)
        while case let names = try ledger.unlinkedNames(kind: kind, after: last, limit: 100), let end = names.last {
            last = end.record
            for name in names.map(\.name) {
                for found in try await target.lookUp(kind, path, name, fold: { folded($0) }) {
                    let actual = try target.connection.read(found.resource) { table.actual($0) }
                    if let actual { _ = try ledger.stage(target: [Self.staged(kind, actual, table)]) }
                }
            }
        }
    }

    /// Stages what is linked and was not shown: as a GET by id shows it where the job wants that, else as the ledger
    /// has it.
    func stageUnlisted(_ kind: ResourceKind, _ reading: inout Reading) async throws {
        guard let table = tables[kind] else { return }
        let gone = readBack == nil ? [] : try await readByID(kind, table, &reading)
        for id in gone { try ledger.note(absentTarget: id, kind: kind) }
        reading.unverified += try ledger.stageLinks(kind: kind, except: gone) { table.isProtected($0) }
        if kind == .group, readBack == nil { reading.unverifiedMembers = try ledger.writtenMembershipCount() }
    }

    /// Reads what is linked and not staged, one by one. Returns the ids that are not there any more.
    ///
    /// A platform may not answer such reads, or answer them all alike: “not there” is believed once it has shown one
    /// object of the kind by its id, and what it shows of members once that held somebody of whom it is known that he
    /// is in.
    func readByID(_ kind: ResourceKind, _ table: MappingTable, _ reading: inout Reading) async throws -> Set<
        String
    > {
        var gone: Set<String> = []
        // Who is in no list and is not found by id either is not there.
        var hasAnswered = try reading.resources[kind] ?? 0 > 0 || ledger.fact("byID.\(kind.singular)") != nil
        var showsMembers = try ledger.fact("byID.members") != nil
        var last = Int64(0)
        var count = 0
        while case let batch = try ledger.linksNotStaged(kind: kind, after: last, limit: 100), let end = batch.last {
            last = end.record
            for id in batch.map(\.target) {
                do {
                    let body = try await target.get(kind, id)
                    let (actual, members) = try target.connection.read(body) { (table.actual($0), $0.members?.users) }
                    guard let actual, actual.id == id else { continue }
                    if !hasAnswered { try ledger.learn("byID.\(kind.singular)", "answers") }
                    hasAnswered = true
                    for name in actual.carried { reading.carried[kind, default: [:]][name, default: 0] += 1 }
                    _ = try ledger.stage(target: [Self.staged(kind, actual, table)])
                    guard kind == .group else { continue }
                    let written = try ledger.writtenMembers(of: id)
                    if let members, !written.isDisjoint(with: members), !showsMembers {
                        showsMembers = true
                        try ledger.learn("byID.members", "answers")
                    }
                    if let members, showsMembers {
                        try ledger.restage(targetMembers: members, of: id)
                    } else {
                        reading.unverifiedMembers += written.count
                    }
                } catch let failure as SCIMFailure {
                    switch failure {
                    case .notFound: gone.insert(id)
                    case .rejected, .unsupported, .malformed, .tooLarge: continue
                    // One account may be closed to SCIM where the credential is good.
                    case .forbidden where hasAnswered: continue
                    default: throw failure
                    }
                } catch is JSONSyntaxError {
                    continue
                }
            }
            count += batch.count
            progress("target \(kind.plural) read back", count)
        }
        return hasAnswered ? gone : []
    }

    static func staged(_ kind: ResourceKind, _ actual: MappingTable.Actual, _ table: MappingTable) -> StagedTarget {
        StagedTarget(
            kind: kind, id: actual.id, externalID: actual.externalID, name: actual.name, matchKey: actual.matchKey,
            body: actual.body, digest: actual.digest,
            active: actual.active, isProtected: table.isProtected(actual.name), rights: actual.rights,
            created: actual.created, mails: actual.mails)
    }

    /// Reads the list of a kind. Where pages overlap, the server is asked once whether it can keep an order, and that
    /// is remembered; where groups cannot be listed with their members, they are listed without, and each is asked for.
    func read(_ kind: ResourceKind, _ reading: inout Reading, _ violations: inout [String]) async throws
        -> ListEvidence
    {
        let order = "order.\(kind.plural)"
        let withoutMembers = "groups.list"
        let known = try ledger.fact(order)
        let sorted = [("sortBy", "id")]
        let isBare =
            try kind == .group && target.showsMembers
            && ledger.fact(withoutMembers).flatMap { Double($0) }.map { now - $0 < Self.bareFor } ?? false
        var evidence: ListEvidence
        do {
            evidence = try await walk(
                kind, &reading, &violations, query: known == "id" ? sorted : [], isBare: isBare,
                isolates: kind == .user || isBare || !target.showsMembers)
        } catch let failure as SCIMFailure where failure.isOfThePage && kind == .group && target.showsMembers && !isBare
        {
            // One long group may be what makes its page fail.
            try ledger.forgetStaged(kind: kind)
            evidence = try await walk(
                kind, &reading, &violations, query: known == "id" ? sorted : [], isBare: true, isolates: true)
            try ledger.learn(withoutMembers, String(Int(now)))
            reading.notes.append(
                "the list of groups fails with their members (\(failure)): each group is asked for by its id")
        } catch SCIMFailure.notFound(let answer) where kind == .user {
            // The server answers otherwise, so nothing is there; whether that is believed of what is linked is judged
            // as for any list.
            guard await target.answersDiscovery() else { throw SCIMFailure.notFound(answer) }
            evidence = ListEvidence()
            evidence.pages = 1
            reading.carried[kind] = [:]
        } catch SCIMFailure.rejected where known == "id" {
            try ledger.unlearn(order)
            try ledger.forgetStaged(kind: kind)
            return try await read(kind, &reading, &violations)
        }
        guard evidence.overlaps, known == nil, target.profile.listing == .pages, !target.capabilities.cursor else {
            return evidence
        }
        return try await walkSorted(kind, &reading, &violations, isBare: isBare)
    }

    /// The list once more, asked for by id, since its pages overlap: whether that helps is remembered.
    private func walkSorted(
        _ kind: ResourceKind, _ reading: inout Reading, _ violations: inout [String], isBare: Bool
    ) async throws -> ListEvidence {
        let order = "order.\(kind.plural)"
        try ledger.forgetStaged(kind: kind)
        do {
            let again = try await walk(
                kind, &reading, &violations, query: [("sortBy", "id")], isBare: isBare, isolates: true)
            if again.isComplete {
                try ledger.learn(order, "id")
                reading.notes.append(
                    """
                    the pages of \(kind.plural) overlap unless they are sorted by id: so they are asked for from \
                    now on
                    """
                )
            } else if again.overlaps {
                try ledger.learn(order, "of no use")
            }
            return again
        } catch let failure as SCIMFailure {
            // A server may refuse to sort in any way, and its list is what it was.
            if failure.endsAtOnce { throw failure }
            try ledger.learn(order, "of no use")
            try ledger.forgetStaged(kind: kind)
            return try await walk(kind, &reading, &violations, query: [], isBare: isBare, isolates: true)
        }
    }

    /// Seconds for which groups are listed without their members once a list with them has failed.
    static let bareFor = 7 * 86400.0

    /// How many bytes a group had, with its members, when the target's groups were listed last; before that, as if a
    /// page held a hundred.
    static let bytesOfGroup = "bytes of a group"
    static let bytesOfUnknownGroup = ListBounds.mostPageBytes / 100

    /// Nobody would be recognized, and everybody made anew.
    private func nothingNamed(_ kind: ResourceKind, _ count: Int) -> JobFailure {
        JobFailure(
            .unreachable,
            """
            target: none of the \(counted(count, kind.singular)) that its list shows has a \
            \(kind.nameAttribute): what it writes is not understood, and nothing is sent; look at one with \
            curl \(target.connection.base)\(kind.endpoint)?count=1, and report what it shows
            """
        )
    }

    /// - Parameter isBare: whether groups are listed without their members.
    func walk(
        _ kind: ResourceKind, _ reading: inout Reading, _ violations: inout [String], query: [(String, String)],
        isBare: Bool, isolates: Bool
    ) async throws -> ListEvidence {
        guard let table = tables[kind] else { preconditionFailure("no mapping for \(kind)") }
        var page: [StagedTarget] = []
        var members: [(group: String, members: [String])] = []
        var memberless: [String] = []
        var hasMembers = false
        var carried: [String: Int] = [:]
        var nameless = 0
        var named = 0
        var count = 0
        // That nothing is there may be said with a 404, where another answer has shown that the address is right.
        var bounds = ListBounds(
            expected: try ledger.linkCount(kind: kind), mayBeMissing: kind == .group && reading.pages > 0,
            isolates: isolates)
        let weighs = kind == .group && !isBare && target.showsMembers
        let known = try ledger.fact(Self.bytesOfGroup).flatMap { Int($0) }
        if weighs { bounds.bytesEach = known ?? Self.bytesOfUnknownGroup }
        let evidence = try await target.list(
            kind, bounds: bounds, query: query + (isBare ? [("excludedAttributes", "members")] : [])
        ) { resource in
            guard let actual = table.actual(resource) else {
                nameless += 1
                return
            }
            if !actual.name.isEmpty { named += 1 }
            for name in actual.carried { carried[name, default: 0] += 1 }
            page.append(Self.staged(kind, actual, table))
            if kind == .group, target.showsMembers {
                let ids = resource.members?.users ?? []
                if ids.isEmpty { memberless.append(actual.id) } else { members.append((actual.id, ids)) }
            }
        } pageDone: {
            _ = try ledger.stage(target: page)
            for entry in members { try ledger.stage(targetMembers: entry.members, of: entry.group) }
            hasMembers = hasMembers || !members.isEmpty
            count += page.count
            page.removeAll(keepingCapacity: true)
            members.removeAll(keepingCapacity: true)
            progress("target \(kind.plural) read", count)
        }
        // What is much the same is not written anew.
        if weighs, evidence.bytesEach > 0, known.map({ abs($0 - evidence.bytesEach) * 4 > $0 }) ?? true {
            try ledger.learn(Self.bytesOfGroup, String(evidence.bytesEach))
        }
        if nameless > 0 { violations.append("\(kind.plural): \(nameless) resources have no id") }
        if count > 0, named == 0 { throw nothingNamed(kind, count) }
        reading.carried[kind] = carried
        if kind == .group, target.showsMembers {
            try await readMembersByID(memberless, listShowsMembers: hasMembers, isBare: isBare, &reading)
        }
        return evidence
    }
}
