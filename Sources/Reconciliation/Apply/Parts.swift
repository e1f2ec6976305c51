import Planning
import Provisioning
import SCIM
import SCIMTransport

/// A record's parts have fates of their own (R33): what a target refuses of a new account keeps nobody from having it.
extension Sender {
    /// Makes an account without what the target refuses of it: without the attributes that its words name, or with the
    /// name, the mark and the status alone. What was left out differs the next night, and is sent then. nil where the
    /// refusal is not about an attribute that could be left out.
    func createInParts(_ kind: ResourceKind, _ fields: [FieldChange], refusedBy failure: SCIMFailure)
        async throws(SCIMFailure) -> Performed?
    {
        guard case .rejected(let answer) = failure, ![0, 401, 402, 403, 429].contains(answer.status),
            !Self.saysDuplicate(answer.detail)
        else { return nil }
        let essential = [kind.nameAttribute, "externalId", "active"]
        let optional = fields.filter { !essential.contains($0.path) }
        let named = optional.filter { Self.isNamed($0.path, in: answer.detail) }
        let choices = [named, optional].filter { !$0.isEmpty }
        for leftOut in named.count == optional.count ? choices.suffix(1) : choices[...] {
            let paths = Set(leftOut.map(\.path))
            let written: SCIMTarget.Written
            do {
                written = try await target.create(kind, changes(kind, fields.filter { !paths.contains($0.path) }))
            } catch {
                switch error {
                case .rejected, .conflict, .unsupported: continue
                case .outcomeUnknown(let why): return .unknown(why)
                default: throw error
                }
            }
            // What it is, is judged first; the next run sends the others.
            let those = paths.count == 1 ? leftOut[0].path : "\(paths.count) attributes, such as \(leftOut[0].path)"
            return .createdInParts(
                written, refused: paths, "without \(those), which the next run sends by themselves: \(failure)")
        }
        return nil
    }

    /// Whether a server's words name an attribute: `phoneNumbers[work]` by “phone number”, “phoneNumbers” and alike.
    static func isNamed(_ path: String, in words: String) -> Bool {
        let letters = words.lowercased().filter(\.isLetter)
        guard let path = AttributePath(path) else { return false }
        let leaf = (path.subAttribute ?? path.attribute).lowercased()
        let singular = leaf.hasSuffix("s") ? String(leaf.dropLast()) : leaf
        return singular.count > 3 && letters.contains(singular)
    }

    /// R17: what an answer shows under another id has moved there, where the old id is gone. What carries another's
    /// mark is not it.
    func moved(_ performed: Performed, _ kind: ResourceKind, from id: String, mark: String?) async -> Performed {
        let resource: [UInt8]?
        switch performed {
        case .done(_, let answer), .writtenInParts(_, let answer, _, _): resource = answer
        default: return performed
        }
        guard let resource, let shown = try? target.connection.read(resource, { ($0.id, $0.externalID) }),
            let other = shown.0, other != id, shown.1 == nil || mark == nil || shown.1 == mark
        else { return performed }
        do {
            _ = try await target.get(kind, id)
            return performed
        } catch {
            guard case .notFound = error else { return performed }
        }
        switch performed {
        case .writtenInParts(_, let resource, let refused, let why):
            return .writtenInParts(id: other, resource: resource, refused: refused, why)
        default: return .done(id: other, resource: resource)
        }
    }
}
