import JSON
import Ledger
import Provisioning
import SCIM
import SCIMTransport
import Planning

/// What a killed run left, before anything else happens.
extension Applier {
    /// Settles what a killed run left: operations whose outcome nobody knows, and the rest of a unit that it began.
    ///
    /// What decides whose an account is (a create, an association) is looked for now. Everything else is read with the
    /// rest of the target in a moment and planned anew where it was not done: it is then sent again with this run's
    /// proofs, limits and permissions, and not with those of a night that is over.
    func settle(_ operations: [PlannedOperation]) async throws {
        for operation in operations where isGoing {
            switch (operation.verb, operation.status) {
            case (.create, .sent): try await settleCreate(operation)
            case (.associate, .sent): try await settleAssociation(operation)
            case (.update, .sent) where operation.unit != nil && operation.unit != operation.seq:
                try await settleFirstHalf(operation)
            case (_, .sent):
                try doubt(operation)
                try ledger.settle(
                    operation,
                    Outcome(
                        status: .failed,
                        reason:
                            """
                            an interrupted run sent this, and its outcome was not known: planned anew where it is \
                            still wanted
                            """,
                        mayBeDone: true), run: run)
            default: try await send([operation])
            }
        }
        if isGoing { try await rollBack() }
        if isGoing { try await readBack() }
    }

    /// The first half of a ring: whether the temporary value stands decides what the second half comes to.
    func settleFirstHalf(_ operation: PlannedOperation) async throws {
        let kind = operation.kind
        if let id = operation.targetID, let table = tables[kind], let body = try? await target.get(kind, id),
            let actual = try? target.connection.read(body, { table.actual($0) })
        {
            let shown = Body.values(actual.body)
            if operation.fields.allSatisfy({ field in shown[field.path]?.canonical == field.after }) {
                return try recordWrite(operation, kind, id: id, resource: body, origin: .created)
            }
        }
        try ledger.settle(
            operation,
            Outcome(
                status: .failed,
                reason:
                    """
                    an interrupted run sent this, and the target does not show it: planned anew where it is still \
                    wanted
                    """,
                mayBeDone: true), run: run)
    }

    func settleAssociation(_ operation: PlannedOperation) async throws {
        let kind = operation.kind
        guard let id = operation.targetID else { return }
        let outcome: Result<[UInt8], SCIMFailure>
        do { outcome = .success(try await target.get(kind, id)) } catch { outcome = .failure(error) }
        switch outcome {
        case .failure(let failure) where failure.isFatal && !failure.isForbidden: fatal = failure
        case .failure(let failure):
            try ledger.settle(
                operation,
                Outcome(
                    status: .failed,
                    reason: "an interrupted run sent this association, and the account cannot be read: \(failure)",
                    mayBeDone: true), run: run)
        case .success(let resource):
            let mark = try? target.connection.read(resource) { AttributePath("externalId")?.value(in: $0)?.canonical }
            if let mark, mark == operation.fields.first(where: { $0.path == "externalId" })?.after {
                try recordWrite(operation, kind, id: id, resource: resource, origin: .associated, isFound: true)
            } else {
                try ledger.settle(
                    operation,
                    Outcome(
                        status: .failed,
                        reason:
                            """
                            an interrupted run sent this association, and the account does not carry our mark: \
                            planned anew
                            """,
                        mayBeDone: true), run: run)
            }
        }
    }

    func settleCreate(_ operation: PlannedOperation) async throws {
        let kind = operation.kind
        let found: Performed?
        do {
            found = try await sender.ours(kind, operation.fields, byName: true)
        } catch {
            // A server that can tell nobody whether one object is there has no say in what becomes of the others.
            if error.isOfThePage, await target.ailment() == nil {
                return try ledger.settle(
                    operation,
                    Outcome(
                        status: .failed,
                        reason:
                            """
                            an interrupted run sent this create, and whether it was made cannot be told (\
                            \(error)): looked for again before it is made
                            """,
                        mayBeDone: true),
                    run: run)
            }
            fatal = error
            return
        }
        if let found {
            try record(operation, found, leftOut: [:], members: [])
        } else {
            try ledger.settle(
                operation,
                Outcome(
                    status: .failed,
                    reason: "an interrupted run sent this create, and the target does not show it: planned anew",
                    mayBeDone: true), run: run)
        }
    }
}
