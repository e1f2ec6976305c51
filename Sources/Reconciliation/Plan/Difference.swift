import JSON
import Ledger
import SCIM
import Planning

/// Finds the attributes in which a target object is out of step.
struct Differences: Sendable {
    let tables: [ResourceKind: MappingTable]
    /// Attributes that the target was found not to keep.
    let notKept: [ResourceKind: Set<String>]

    /// The attributes to change, in the order of their names.
    ///
    /// An attribute is in step when the target equals the desired value, or when the desired value is what was sent before and
    /// the target shows what it showed then: the target stores that value in its own way. Identity and access
    /// (`userName`, `externalId`, `active`) are held to the first form alone.
    func changes(_ kind: ResourceKind, desired: String, actual: String, sent: String?, read: String?) -> [FieldChange] {
        guard let table = tables[kind] else { return [] }
        let desired = MappingTable.values(desired)
        let actual = MappingTable.values(actual)
        let sent = MappingTable.values(sent)
        let read = MappingTable.values(read)
        return table.attributes.compactMap { attribute in
            let name = attribute.name
            guard let wanted = desired[name], notKept[kind]?.contains(name) != true else { return nil }
            let found = actual[name] ?? .null
            if table.isEqual(name, wanted, found) { return nil }
            if !attribute.isCritical, let lastSent = sent[name], let lastRead = read[name], lastSent.canonicalBytes == wanted.canonicalBytes,
                lastRead.canonicalBytes == found.canonicalBytes
            {
                return nil
            }
            let before = MappingTable.undoubted(attribute.path, found)
            return FieldChange(path: name, before: before.isNull ? nil : before.canonical, after: wanted.isNull ? nil : wanted.canonical)
        }
    }

    /// What is sent for a record that the target does not have.
    func creation(_ desired: String) -> [FieldChange] {
        MappingTable.values(desired).sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }.compactMap { name, value in
            value.isNull ? nil : FieldChange(path: name, before: nil, after: value.canonical)
        }
    }
}
