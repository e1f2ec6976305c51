import SCIM

/// When operations are sent, in the order that loses nothing: what frees a name may be moved before these.
package enum Wave {
    package static let forget = 50
    /// Before all that gives: what takes access away waits for nothing.
    package static let disableUsers = 90
    package static let createUsers = 100
    package static let changeUsers = 200
    package static let createGroups = 300
    package static let changeGroups = 400
    package static let addMembers = 500
    package static let removeMembers = 600
    package static let deleteGroups = 700
    package static let deleteUsers = 900
    /// Rows that report and are never sent.
    package static let report = 1000

    /// A change of `active` is sent before the rest of its record, which the target may refuse.
    package static let enableUsers = changeUsers - 1
    /// After the account has become ours.
    package static let disableAssociated = changeUsers + 1

    package static func create(_ kind: ResourceKind) -> Int { kind == .user ? createUsers : createGroups }
    package static func change(_ kind: ResourceKind) -> Int { kind == .user ? changeUsers : changeGroups }
    package static func delete(_ kind: ResourceKind) -> Int { kind == .user ? deleteUsers : deleteGroups }
}
