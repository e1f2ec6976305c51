import HTTP
import JSON
import Ledger
import Provisioning
import SCIM
import SCIMTransport

/// Asking the target for linked objects that its list did not show: a list may leave out what is there.
struct UnseenObjects {
    let ledger: Ledger
    let target: SCIMTarget
    let tables: [ResourceKind: MappingTable]
    /// Why the list is not whole; nil for one that is.
    let incomplete: String?
    /// Whether another tenant's ids are taken on for ours.
    let acceptsTargetChange: Bool

    /// What was found out.
    struct Findings {
        var notes: [String] = []
        /// Accounts that must lose access and could not be looked at: record and reason.
        var unseen: [(name: String, why: String)] = []
        /// Links that were not moved, since hardly any stands where it stood.
        var unmoved: [ResourceKind: Int] = [:]
    }

    /// So many are all asked for where the list is not whole.
    private static let fewHidden = 200

    /// Questions of one run at the most; beyond, a list that leaves out so many is not believed.
    private static let most = 2000

    func ask(_ kinds: [ResourceKind]) async throws -> Findings {
        var findings = Findings()
        for kind in kinds { try await ask(kind, &findings) }
        return findings
    }

    private func ask(_ kind: ResourceKind, _ findings: inout Findings) async throws {
        guard let table = tables[kind], try ledger.unseenCount(kind: kind) > 0 else { return }
        try ledger.indexTarget()
        let links = try ledger.linkCount(kind: kind)
        // Of those that are not shown, a list that is not whole says nothing: a few are all asked for, and of many
        // whoever must lose access.
        // A list that is whole and shows hardly any holds the plan anyway, whatever each of them would answer.
        let unseen = try ledger.unseenCount(kind: kind)
        let isMass = unseen > 5 && unseen * 10 > links && !acceptsTargetChange
        let asksAll = incomplete == nil ? !isMass : unseen <= Self.fewHidden
        var asked = 0
        var failedInARow = 0
        var missing: [Ledger.UnseenLink] = []
        var last = Int64(0)
        while case let batch = try ledger.unseenLinks(kind: kind, after: last, limit: 200), let end = batch.last {
            last = end.record
            for link in batch where asksAll || link.losesAccess {
                guard asked < Self.most else {
                    if link.losesAccess {
                        findings.unseen.append((link.source, "too many are not shown to ask for each"))
                    }
                    continue
                }
                asked += 1
                do {
                    try await look(kind, table, link, &findings)
                    failedInARow = 0
                } catch let failure as SCIMFailure {
                    failedInARow = failure.isOfThePage ? failedInARow + 1 : 0
                    // It is the target that fails, and no object.
                    if failedInARow >= Breaker.limit { throw failure }
                    switch failure {
                    case .notFound: missing.append(link)
                    case .credentials, .cancelled, .unreachable: throw failure
                    // A platform that answers no reads by id: its list is all that there is to believe.
                    case .unsupported where incomplete == nil: missing.append(link)
                    default: if link.losesAccess { findings.unseen.append((link.source, "\(failure)")) }
                    }
                }
            }
        }
        guard !missing.isEmpty else { return }
        // “Not there” is believed of a side that has answered for something that is there.
        guard try await answersForWhatIsThere(kind) else {
            findings.notes.append(
                """
                \(missing.count) \(kind.plural) are not found by their ids, and nothing else is either: that is \
                not believed
                """
            )
            for link in missing where link.losesAccess {
                findings.unseen.append((link.source, "the target finds nothing by its id"))
            }
            return
        }
        try await settle(kind, table, missing, &findings)
    }

    /// Asks for one object by its id, and stages what comes.
    private func look(
        _ kind: ResourceKind, _ table: MappingTable, _ link: Ledger.UnseenLink, _ findings: inout Findings
    ) async throws {
        do {
            let body = try await target.get(kind, link.target)
            let (actual, members) = try target.connection.read(body) {
                (table.actual($0), $0.members?.users ?? [])
            }
            guard let actual, actual.id == link.target else {
                if link.losesAccess {
                    findings.unseen.append((link.source, "another object came when \(link.target) was asked for"))
                }
                return
            }
            _ = try ledger.stage(target: [TargetReader.staged(kind, actual, table)])
            if kind == .group, target.showsMembers { try ledger.stage(targetMembers: members, of: actual.id) }
        } catch let error as JSONSyntaxError {
            if link.losesAccess { findings.unseen.append((link.source, "\(error)")) }
        }
    }

    /// A link whose object is gone and whose mark stands elsewhere moves there; the rest is absent.
    private func settle(
        _ kind: ResourceKind, _ table: MappingTable, _ missing: [Ledger.UnseenLink], _ findings: inout Findings
    ) async throws {
        let links = try ledger.linkCount(kind: kind)
        let standing = links - (try ledger.unseenCount(kind: kind))
        let mayMove = standing >= (links <= 5 ? 1 : max(5, links / 10)) || acceptsTargetChange
        var moved: [String] = []
        for link in missing {
            if let mark = link.mark {
                guard try await seekMark(mark, kind, table, link, &findings) else { continue }
                let holders = try ledger.unlinkedHolders(kind: kind, mark: mark)
                if holders.count > 1 {
                    findings.unseen.append(
                        (
                            link.source,
                            """
                            not found by its id, and \(holders.count) objects carry its externalId, such as \
                            \(holders[0].id): decide on the target which one it is
                            """
                        ))
                    continue
                }
                if let holder = holders.first {
                    if mayMove {
                        try ledger.move(kind: kind, source: link.source, to: holder.id, key: holder.key)
                        moved.append("\(link.source): \(holder.id) in the place of \(link.target)")
                        continue
                    }
                    findings.unmoved[kind, default: 0] += 1
                }
            }
            try ledger.note(absentTarget: link.target, kind: kind)
        }
        if let first = moved.first {
            findings.notes.append(
                """
                \(counted(moved.count, "\(kind.singular)")) found by the externalId under another id, and linked \
                anew (\(first)\(moved.count > 1 ? ", …" : ""))
                """
            )
        }
    }

    /// Where the list is not whole, looks for a mark elsewhere; false where nobody can tell whether it stands there:
    /// then its object is not absent.
    private func seekMark(
        _ mark: String, _ kind: ResourceKind, _ table: MappingTable, _ link: Ledger.UnseenLink,
        _ findings: inout Findings
    ) async throws -> Bool {
        guard incomplete != nil, let path = AttributePath("externalId") else { return true }
        do {
            for found in try await target.lookUp(kind, path, mark, fold: { $0 }) {
                if let actual = try target.connection.read(found.resource, { table.actual($0) }) {
                    _ = try ledger.stage(target: [TargetReader.staged(kind, actual, table)])
                }
            }
            return true
        } catch let failure as SCIMFailure {
            if failure.endsAtOnce { throw failure }
            if link.losesAccess {
                findings.unseen.append(
                    (
                        link.source,
                        "not found by its id, and whether it stands under another one cannot be told: \(failure)"
                    ))
            }
            return false
        }
    }

    private func answersForWhatIsThere(_ kind: ResourceKind) async throws -> Bool {
        if acceptsTargetChange { return true }
        for witness in [kind, kind == .user ? .group : .user] {
            // One object may be closed to a look.
            for id in try ledger.shownObjects(kind: witness, limit: 5) {
                do {
                    _ = try await target.get(witness, id)
                    return true
                } catch SCIMFailure.unsupported {
                    return incomplete == nil
                } catch let failure as SCIMFailure {
                    if failure.endsAtOnce, !failure.isForbidden { throw failure }
                }
            }
        }
        return false
    }
}
