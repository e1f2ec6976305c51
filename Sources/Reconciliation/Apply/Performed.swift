import SCIM
import SCIMTransport
import Provisioning

/// What a request brought about, before it is judged.
enum Performed: Sendable {
    /// The target did it; `resource` is what it answered, nil when it said nothing.
    case done(id: String, resource: [UInt8]?)
    /// The target answered a create; whether it made the account, or took one that was there, its answer may tell.
    case created(SCIMTarget.Written)
    /// An account was found where one was to be created: by our externalId, or by its name alone. `afterOurs`: a POST
    /// of this run went before, whose outcome its answer did not tell.
    case found(id: String, resource: [UInt8], byMark: Bool, afterOurs: Bool = false)
    /// The target refused to delete the account, which was disabled in its place.
    case disabledInstead(resource: [UInt8]?, String)
    /// The object is not there.
    case gone
    /// The target refused this record, or nobody can read what it answered.
    case failed(String, as: Failing = .refused)
    /// The target refused some of the members, and took the others.
    case partly(refused: Set<String>, String)
    /// The target refused some of the attributes, by path, and took the others.
    case writtenInParts(id: String, resource: [UInt8]?, refused: Set<String>, String)
    /// The target made it, and refused some of its attributes, by path.
    case createdInParts(SCIMTarget.Written, refused: Set<String>, String)
    /// The target makes no more of this kind: a quota, or a number of seats.
    case full(String)
    /// The same, and a look afterwards agreed: all members that had to stay are there, or what was deleted is not.
    indirect case kept(Performed)
    /// The change went through, and members that had to stay are gone.
    case lost(resource: [UInt8], missing: [String])
    /// The name is taken by somebody who is not ours.
    case conflict(String)
    /// Nobody can tell; the journal keeps it for the next run.
    case unknown(String)
    /// The side as a whole does not work. Open: an earlier request of the operation may have been processed all the
    /// same.
    case fatal(SCIMFailure, isOpen: Bool)

    /// Whether the operation did not come to what it was to come to.
    var isFailure: Bool {
        switch self {
        case .done, .created, .found: false
        case .kept(let inner): inner.isFailure
        default: true
        }
    }

    enum Failing: Sendable {
        /// Nothing was changed.
        case refused
        /// Nothing was changed; the record may be closed to SCIM, or the credential as a whole.
        case forbidden
        /// Nothing was sent: it could not be without harm.
        case withheld
        /// Something may have been changed.
        case doubtful
    }
}
