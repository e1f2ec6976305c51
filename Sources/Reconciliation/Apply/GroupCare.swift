import Provisioning

/// What a change of a group must not do: R35.
struct GroupCare: Sendable {
    /// Members that are there and must still be there afterwards, by target id.
    var stays: [String] = []
    /// Whether that is looked at, where the answer does not show it.
    var looksAfterwards = false
    /// Whether the target is known to keep members over such a change: then only an answer that shows them is compared.
    var mayTrust = false
    /// Whether removals are sent one by one, each looked at.
    var isOneByOne = false
    /// Whether the group did not show a member whom it had just taken.
    var isHiding = false
    /// Members that were put in before this change, and that the group has never shown.
    var earlier: Set<String> = []
    /// What a server without PATCH must show before the whole group is sent back.
    var put: MembersOfPut?
}
