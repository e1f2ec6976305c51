import Foundation
import JSON
import Ledger
import Planning
import Provisioning
import SCIM
import SCIMTransport

/// Creates, and the looking for what a create may have left.
extension Sender {
    func create(_ kind: ResourceKind, _ fields: [FieldChange]) async throws(SCIMFailure) -> Performed {
        if looksFirst {
            if let found = try await ours(kind, fields) { return found }
            if let name = text(kind.nameAttribute, fields), let path = AttributePath(kind.nameAttribute),
                let holder = try await target.lookUp(kind, path, name, fold: { folded($0) }).first
            {
                return .conflict(
                    """
                    the name is held by \(holder.id ?? "an object"), which the target's list did not show; \
                    the next complete read judges it
                    """
                )
            }
        }
        func sent() -> [String] {
            fields.compactMap { $0.after.flatMap { try? JSONValue(parsing: Array($0.utf8)).string } }
        }
        for attempt in 1...max(attempts, 1) {
            do {
                let written = try await target.create(kind, changes(kind, fields))
                return .created(written)
            } catch {
                let isConflict: Bool
                if attempt == 1, Self.saysFull(error, sent: sent()) { return .full("\(error)") }
                switch error {
                case .conflict: isConflict = true
                // Some servers say a duplicate with 400 or 500, and words.
                case .rejected(let answer)
                where answer.scimType?.lowercased() == "uniqueness" || Self.saysDuplicate(answer.detail):
                    isConflict = true
                case .outcomeUnknown(let why): isConflict = Self.saysDuplicate(why)
                // What an earlier one of unknown outcome did is as open as before.
                case _ where attempt > 1:
                    return error.isFatal
                        ? .fatal(error, isOpen: true) : .unknown("an earlier attempt may have made it; then: \(error)")
                // Accepted, and no id came: what was made is looked for, and never made once more.
                case .malformed:
                    return await accepted(kind, fields, error)
                default:
                    if let parts = try await createInParts(kind, fields, refusedBy: error) { return parts }
                    throw error
                }
                do {
                    if let found = try await ours(kind, fields, byName: !isConflict) {
                        // A duplicate that a first POST is told of was there before it.
                        return Self.after(found, isOurs: !isConflict || attempt > 1)
                    }
                    if isConflict { return try await conflict(kind, fields, error) }
                } catch {
                    return error.isFatal ? .fatal(error, isOpen: !isConflict) : .unknown("\(error)")
                }
                if attempt == attempts { return .unknown("\(error)") }
            }
        }
        return .unknown("")
    }

    /// What a create made that was accepted and told no id; not known where it cannot be found now.
    private func accepted(_ kind: ResourceKind, _ fields: [FieldChange], _ failure: SCIMFailure) async -> Performed {
        do {
            guard let found = try await ours(kind, fields) else { return judge(failure) }
            return Self.after(found, isOurs: true)
        } catch {
            return error.isFatal ? .fatal(error, isOpen: true) : .unknown("\(failure); then: \(error)")
        }
    }

    /// What was found, with whether a POST of ours may have made it.
    private static func after(_ found: Performed, isOurs: Bool) -> Performed {
        guard case .found(let id, let resource, let byMark, _) = found else { return found }
        return .found(id: id, resource: resource, byMark: byMark, afterOurs: isOurs)
    }

    /// Whether a refusal is that of a quota or of seats: by its status, or by words that are none of the values that
    /// were sent.
    static func saysFull(_ failure: SCIMFailure, sent: [String]) -> Bool {
        switch failure {
        case .rejected(let answer) where answer.status == 402: true
        case .rejected(let answer) where answer.status == 403 || answer.status == 429: answer.saysFull(sent: sent)
        case .conflict(let answer): answer.saysFull(sent: sent)
        default: false
        }
    }

    /// Whether a server's words say that a unique value is taken.
    static func saysDuplicate(_ words: String) -> Bool {
        let words = words.lowercased()
        return [
            "duplicate", "already exists", "already in use", "already taken", "already been", "is taken",
            "must be unique",
            "uniqueness", "unique constraint",
        ].contains { words.contains($0) }
    }

    /// The account that an earlier POST of ours made, whether or not its answer came: by our externalId, and, where a
    /// POST of unknown outcome was sent, by its name without any owner, since a server may not keep externalIds.
    func ours(_ kind: ResourceKind, _ fields: [FieldChange], byName: Bool = false) async throws(SCIMFailure)
        -> Performed?
    {
        if let externalID = text("externalId", fields), let path = AttributePath("externalId") {
            let matches = try await target.lookUp(kind, path, externalID) { $0 }
            if matches.count > 1 {
                return .conflict("\(matches.count) objects carry its externalId; decide on the target which one stays")
            }
            if let match = matches.first, let id = match.id {
                return .found(id: id, resource: match.resource, byMark: true)
            }
        }
        let canFilterMarks = target.profile.filterable?.contains("externalId") ?? true
        guard byName || !canFilterMarks, let name = text(kind.nameAttribute, fields),
            let path = AttributePath(kind.nameAttribute)
        else { return nil }
        let holders = try await target.lookUp(kind, path, name) { folded($0) }
        // Where marks cannot be looked for, whoever bears the name shows whose it is.
        if !canFilterMarks, let mark = text("externalId", fields),
            let holder = holders.first(where: { $0.externalID == mark }), let id = holder.id
        {
            return .found(id: id, resource: holder.resource, byMark: true)
        }
        guard byName else { return nil }
        guard holders.count == 1, let holder = holders.first, holder.externalID == nil,
            let id = holder.id
        else { return nil }
        return .found(id: id, resource: holder.resource, byMark: false)
    }

    /// Another object that carries the externalId which an association is about to give: there would be two.
    func bearerOfOurMark(_ kind: ResourceKind, _ fields: [FieldChange]) async throws(SCIMFailure) -> String? {
        guard let mark = text("externalId", fields), let path = AttributePath("externalId"),
            target.profile.filterable?.contains("externalId") ?? true
        else { return nil }
        return try await target.lookUp(kind, path, mark) { $0 }.first?.id
    }

    func conflict(_ kind: ResourceKind, _ fields: [FieldChange], _ failure: SCIMFailure)
        async throws(SCIMFailure) -> Performed
    {
        if let name = text(kind.nameAttribute, fields), let path = AttributePath(kind.nameAttribute) {
            let holders = try await target.lookUp(kind, path, name) { folded($0) }
            if let holder = holders.first {
                let owner =
                    holder.externalID.map { "with the externalId “\($0)”" } ?? "without an externalId"
                return .conflict(
                    """
                    the name is held by \(holder.id ?? "an object") \(owner), which this plan had not seen; \
                    the next run judges it
                    """
                )
            }
        }
        let mail =
            fields.contains { $0.path.hasPrefix("emails") } ? "; its e-mail address may be another account's" : ""
        return .conflict("the target refuses it as a duplicate, and shows none: \(failure)\(mail)")
    }

    func text(_ name: String, _ fields: [FieldChange]) -> String? {
        fields.first { $0.path == name }?.after.flatMap { try? JSONValue(parsing: Array($0.utf8)).string }
    }

    func changes(_ kind: ResourceKind, _ fields: [FieldChange]) -> [SCIMTarget.Change] {
        fields.compactMap { field in
            AttributePath(field.path).map { path in
                SCIMTarget.Change(
                    path: path, value: field.after.flatMap { try? JSONValue(parsing: Array($0.utf8)) },
                    replacesValue: field.before != nil)
            }
        }
    }
}
