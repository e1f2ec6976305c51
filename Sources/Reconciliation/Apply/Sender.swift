import Foundation
import JSON
import Ledger
import Provisioning
import SCIM
import SCIMTransport
import Planning

/// Sends one operation. Knows nothing of the ledger, so that operations can be sent side by side.
struct Sender: Sendable {
    let target: SCIMTarget
    let tables: [ResourceKind: MappingTable]
    /// POSTs of one create at the most: a further one only after a look-up that found nothing.
    var attempts = 2
    /// Whether the target's list was not whole: what the plan takes for absent is then looked for before it is created.
    var looksFirst = false
    /// Whether the plan rests on what was last written: each object is then looked at before it is ended or renamed.
    var looksBefore = false
    /// Waits for some seconds.
    var pause: @Sendable (Double) async -> Void = { _ in }

    /// - Parameter targetID: the object that is written; nil for a create.
    /// - Parameter members: target ids, for membership operations.
    /// - Parameter mark: the externalId that the link says the object carries.
    /// - Parameter isDisabled: whether the account is known to be disabled.
    /// - Parameter care: what must be true of a group's members before and after; nil where nothing of it can be seen.
    /// - Parameter looksAfterDelete: whether an accepted delete is believed only after a look.
    func perform(
        _ operation: PlannedOperation, targetID: String?, members: [String], mark: String? = nil,
        care: GroupCare? = nil, isDisabled: Bool = false, looksAfterDelete: Bool = false
    ) async -> Performed {
        let kind = operation.kind
        let performed = await perform(
            operation, kind, targetID: targetID, members: members, mark: mark, care: care, isDisabled: isDisabled)
        if looksAfterDelete, case .done(let id, _) = performed {
            return await deleted(kind, id, orElse: changes(kind, operation.fields))
        }
        guard let care, care.looksAfterwards, let targetID else { return performed }
        return await compared(performed, targetID, care)
    }

    func perform(
        _ operation: PlannedOperation, _ kind: ResourceKind, targetID: String?, members: [String], mark: String?,
        care: GroupCare?, isDisabled: Bool
    ) async -> Performed {
        do {
            if let targetID, let why = try await objection(operation, kind, targetID, mark) { return why }
            switch operation.verb {
            case .create:
                return try await create(kind, operation.fields)
            case .update, .associate, .dissociate, .disable:
                guard let targetID else { return .failed("has no account to write to") }
                let changes = changes(kind, operation.fields)
                if changes.isEmpty { return .done(id: targetID, resource: nil) }
                if looksFirst, operation.verb == .associate,
                    let other = try await bearerOfOurMark(kind, operation.fields), other != targetID
                {
                    return .conflict(
                        """
                        the externalId is carried by \(other), which the target's list did not show; the next \
                        complete read judges it
                        """
                    )
                }
                let performed = try await update(
                    kind, targetID, changes, isAssociating: operation.verb == .associate, care, isDisabled)
                return await moved(performed, kind, from: targetID, mark: mark)
            case .addMembers, .removeMembers:
                guard let targetID else { return .failed("the group could not be made, or made ours") }
                return try await changeMembers(of: targetID, members, isAdding: operation.verb == .addMembers, care)
            case .delete:
                guard let targetID else { return .gone }
                return try await delete(kind, targetID, orElse: changes(kind, operation.fields))
            case .link, .unlink, .none:
                return .done(id: targetID ?? "", resource: nil)
            }
        } catch {
            return judge(error)
        }
    }

    /// Where the target is not listed, one look goes before what ends or renames: the object may be gone, or somebody
    /// else's by now.
    func objection(_ operation: PlannedOperation, _ kind: ResourceKind, _ id: String, _ mark: String?)
        async throws(SCIMFailure) -> Performed?
    {
        let renames = operation.verb == .update && operation.fields.contains { $0.path == kind.nameAttribute }
        guard looksBefore, operation.verb == .delete || operation.verb == .disable || renames else { return nil }
        let body: [UInt8]
        do {
            body = try await target.get(kind, id)
        } catch {
            switch error {
            case .notFound: return .gone
            // A platform that does not answer reads is believed to be as the ledger says.
            case .unsupported, .rejected: return nil
            // One account may be closed to SCIM where the credential is good; several in a row open the breaker.
            case .forbidden:
                return .failed("\(id) may not be looked at before it is ended or renamed: \(error)", as: .forbidden)
            default: throw error
            }
        }
        guard let mark, let found = try? target.connection.read(body, { $0.externalID }), found != mark else {
            return nil
        }
        return .failed("\(id) carries the externalId “\(found)” and not ours any more: it may belong to somebody else")
    }

    /// Deletes, or takes access away where the target does not delete.
    func delete(_ kind: ResourceKind, _ id: String, orElse disabling: [SCIMTarget.Change])
        async throws(SCIMFailure) -> Performed
    {
        do {
            return try await target.delete(kind, id) ? .done(id: id, resource: nil) : .gone
        } catch {
            let isOpen: Bool
            switch error {
            case .conflict, .rejected, .unsupported: isOpen = false
            // A 500 may be how the target says that the account is in use.
            case .outcomeUnknown: isOpen = true
            default: throw error
            }
            let why =
                "the target refuses to delete it: \(error)\(target.profile.deletion.refusal.map { "; \($0)" } ?? "")"
            guard !disabling.isEmpty else {
                if isOpen { throw error }
                return .failed(why, as: error.isForbidden ? .forbidden : .refused)
            }
            do {
                return .disabledInstead(
                    resource: try await target.update(kind, id, disabling).resource, "\(why); it was disabled instead")
            } catch SCIMFailure.notFound where isOpen {
                // What was not known to be deleted is not there.
                return .done(id: id, resource: nil)
            } catch {
                // The target as a whole, or nobody knows: not a matter of this record.
                if error.isFatal { throw error }
                if case .outcomeUnknown = error { throw error }
                return .failed(
                    "\(why); nor does it let it be disabled (\(error)): it has access",
                    as: error.isForbidden ? .forbidden : .doubtful)
            }
        }
    }

    /// Looks whether an object whose delete was accepted is gone: an answer may say so where nothing happened, and the
    /// access would stay. An account that stands is disabled. It is asked for twice: a server may answer with what
    /// it had a moment ago.
    func deleted(_ kind: ResourceKind, _ id: String, orElse disabling: [SCIMTarget.Change]) async -> Performed {
        for attempt in 1...2 {
            if attempt == 2 { await pause(3) }
            do {
                let shown = try await target.get(kind, id)
                // A server that keeps what it deleted, without access, has done what matters; the next read names it.
                if kind == .user, case .active(false)? = try? target.connection.read(shown, { $0.access }) {
                    return .done(id: id, resource: nil)
                }
            } catch {
                switch error {
                case .notFound: return .kept(.done(id: id, resource: nil))
                // A server that does not let itself be asked is believed; the next list tells.
                case .forbidden, .unsupported, .rejected, .malformed: return .done(id: id, resource: nil)
                // One that fails has said nothing: the journal keeps the delete open, and the next run settles it.
                default:
                    return .unknown(
                        "the target answered the delete with success, and the look afterwards failed: \(error)")
                }
            }
        }
        guard kind == .user else {
            let why = "the target answered the delete with success and still shows the group"
            return .failed("\(why): its members keep what it gives", as: .doubtful)
        }
        let why = "the target answered the delete with success and still shows the account"
        do {
            return .disabledInstead(
                resource: try await target.update(kind, id, disabling).resource, "\(why); it was disabled instead")
        } catch {
            if case .notFound = error { return .kept(.done(id: id, resource: nil)) }
            if error.isFatal { return .fatal(error, isOpen: true) }
            if case .outcomeUnknown(let reason) = error { return .unknown("\(why); then: \(reason)") }
            return .failed(
                "\(why); nor does it let it be disabled (\(error)): it has access",
                as: error.isForbidden ? .forbidden : .doubtful)
        }
    }

    /// Changes attributes together; when the target refuses that, by halves, so that one that is refused keeps none of
    /// the others.
    func update(
        _ kind: ResourceKind, _ id: String, _ changes: [SCIMTarget.Change], isAssociating: Bool, _ care: GroupCare?,
        _ isDisabled: Bool
    ) async throws(SCIMFailure) -> Performed {
        func isOfTheRecord(_ failure: SCIMFailure) -> Bool {
            switch failure {
            // What this program did not send (status 0) is known for the whole.
            case .rejected(let answer): answer.status != 401 && answer.status != 403 && answer.status != 0
            // Another object has a value of it: whose that one is, the next run judges.
            case .conflict: !isAssociating
            default: false
            }
        }
        let first: SCIMFailure
        do {
            return .done(
                id: id,
                resource: try await target.update(kind, id, changes, members: care?.put, isDisabled: isDisabled)
                    .resource)
        } catch {
            // An association that only lacks its mark is one all the same: the server does not let it be set.
            let isMarkAlone = isAssociating && changes.map(\.path.description) == ["externalId"]
            guard isOfTheRecord(error), changes.count > 1 || isMarkAlone else { throw error }
            first = error
            if isMarkAlone {
                return .writtenInParts(
                    id: id, resource: nil, refused: ["externalId"], Self.partly(1, of: 1, "externalId", first))
            }
        }
        var refused: [String] = []
        var last = first
        var resource: [UInt8]?
        var hasTaken = false
        var pending = [Array(changes[..<(changes.count / 2)]), Array(changes[(changes.count / 2)...])]
        while let part = pending.popLast() {
            do {
                resource = try await target.update(kind, id, part, members: care?.put, isDisabled: isDisabled).resource
                hasTaken = true
            } catch {
                guard isOfTheRecord(error) else {
                    if hasTaken, error.isFatal { return .fatal(error, isOpen: true) }
                    if hasTaken { return .unknown("a part of the attributes was written; then: \(error)") }
                    throw error
                }
                last = error
                if part.count == 1 {
                    refused += part.map(\.path.description)
                } else {
                    pending += [Array(part[..<(part.count / 2)]), Array(part[(part.count / 2)...])]
                }
            }
        }
        guard let one = refused.first else { return .done(id: id, resource: resource) }
        // Nothing of it was taken: it is as it was.
        let isOnlyMark = isAssociating && refused == ["externalId"]
        guard refused.count < changes.count || isOnlyMark else { throw first }
        return .writtenInParts(
            id: id, resource: resource, refused: Set(refused), Self.partly(refused.count, of: changes.count, one, last))
    }

    static func partly(_ count: Int, of all: Int, _ one: String, _ failure: SCIMFailure) -> String {
        """
        the target refuses \(count) of \(all) attributes, such as \(one)\
        \(all > count ? ", and took the others" : ""): \(failure)
        """
    }

    /// Looks whether a group still has whom it must have. What is missing is asked for twice, since a server may answer
    /// with what it had a moment ago.
    func compared(_ performed: Performed, _ group: String, _ care: GroupCare) async -> Performed {
        func missing(_ resource: [UInt8]?) -> [String]? {
            guard let resource, let shown = try? target.connection.read(resource, { $0.members.map { Set($0.users) } })
            else { return nil }
            return care.stays.filter { !shown.contains($0) }.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        }
        let id: String
        let answer: [UInt8]?
        switch performed {
        case .done(let done, let resource): (id, answer) = (done, resource)
        // A part of it went through, and may have done the same harm.
        case .partly, .writtenInParts: (id, answer) = (group, nil)
        default: return performed
        }
        let first = missing(answer)
        if let first, first.isEmpty { return .kept(performed) }
        if first == nil, care.mayTrust { return performed }
        for attempt in 1...2 {
            if attempt == 2 { await pause(3) }
            // Whoever cannot be looked at is not called lost.
            guard let body = try? await target.get(.group, group) else { return performed }
            // A group without the attribute is one without members, when it is asked for by its id.
            let gone = missing(body) ?? care.stays.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
            if gone.isEmpty {
                if case .done = performed { return .kept(.done(id: id, resource: body)) }
                return .kept(performed)
            }
            if attempt == 2 { return .lost(resource: body, missing: gone) }
        }
        return performed
    }

    func judge(_ failure: SCIMFailure) -> Performed {
        switch failure {
        case .notFound: .gone
        case .conflict: .conflict("the target refuses it as a duplicate: \(failure)")
        case .outcomeUnknown(let why): .unknown(why)
        // A stop leaves it open whether the request came through; the others mean that it did not.
        case .unreachable, .failing, .timedOut, .credentials, .cancelled: .fatal(failure, isOpen: failure == .cancelled)
        case .rejected, .unsupported, .forbidden:
            .failed(
                "the target refuses it: \(failure)\(advice(failure))",
                as: failure.isForbidden ? .forbidden : failure.wasNeverSent ? .withheld : .refused)
        case .malformed, .tooLarge:
            .failed("the target accepted it, and its answer cannot be read: \(failure)", as: .doubtful)
        }
    }

    /// What helps against a refusal whose code the platform's profile knows.
    func advice(_ failure: SCIMFailure) -> String {
        let words = "\(failure)"
        return target.profile.advice.sorted { $0.key < $1.key }.first { words.contains($0.key) }.map { "; \($0.value)" }
            ?? ""
    }
}
