import JSON
import SCIM

/// Finds the attributes in which a target object is out of step.
package struct Differences: Sendable {
    /// In the order of their names' bytes.
    let attributes: [ResourceKind: [ComparedAttribute]]
    /// Attributes that the target was found not to keep.
    let notKept: [ResourceKind: Set<String>]

    package init(attributes: [ResourceKind: [ComparedAttribute]], notKept: [ResourceKind: Set<String>] = [:]) {
        self.attributes = attributes
        self.notKept = notKept
    }

    /// Whether the job's mapping has the attribute.
    func compares(_ kind: ResourceKind, _ name: String) -> Bool {
        attributes[kind]?.contains { $0.name == name } ?? false
    }

    /// The attributes to change, in the order of their names.
    ///
    /// An attribute is in step when the target equals the desired value, or when the desired value is what was sent
    /// before and the target shows what it showed then: the target stores that value in its own way. A name or a mark
    /// is so only where it is shown with a decoration, and `active` never.
    package func changes(_ kind: ResourceKind, desired: String, actual: String, sent: String?, read: String?)
        -> [FieldChange]
    {
        guard let attributes = attributes[kind] else { return [] }
        let desired = Body.values(desired)
        let actual = Body.values(actual)
        let sent = Body.values(sent)
        let read = Body.values(read)
        return attributes.compactMap { attribute in
            let name = attribute.name
            guard let wanted = desired[name], notKept[kind]?.contains(name) != true else { return nil }
            let found = actual[name] ?? .null
            if attribute.isEqual(wanted, found) { return nil }
            if !attribute.isCritical || attribute.isDecoration(of: wanted, found), let lastSent = sent[name],
                let lastRead = read[name],
                lastSent.canonicalBytes == wanted.canonicalBytes,
                lastRead.canonicalBytes == found.canonicalBytes
            {
                return nil
            }
            let before = Body.undoubted(attribute.path, found)
            return FieldChange(
                path: name, before: before.isNull ? nil : before.canonical,
                after: wanted.isNull ? nil : wanted.canonical)
        }
    }

    /// What is sent for a record that the target does not have.
    package func creation(_ desired: String) -> [FieldChange] {
        Body.values(desired).sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }.compactMap { name, value in
            value.isNull ? nil : FieldChange(path: name, before: nil, after: value.canonical)
        }
    }
}
