/// How the members of a group are treated where the group can only be replaced as a whole.
public struct MembersOfPut: Sendable {
    /// Members that are known to be there, and that the server must show: what it does not show, a PUT would drop.
    public var known: Set<String>
    /// Whether what is known is sent all the same: the job says that nobody else is to be in its groups.
    public var isExclusive: Bool

    public init(known: Set<String>, isExclusive: Bool) {
        self.known = known
        self.isExclusive = isExclusive
    }
}
