/// How the members of a group are treated where the group can only be replaced as a whole.
public struct MembersOfPut: Sendable {
    /// Members that are known to be there, and that the server must show: what it does not show, a PUT would drop.
    public var known: Set<String>
    /// Whether what is known is sent all the same: the job says that nobody else is to be in its groups.
    public var isExclusive: Bool

    /// Whether the group may have members that nobody has ever seen: it was there before, and no group of this server
    /// has shown one.
    public var mayHide: Bool

    public init(known: Set<String>, isExclusive: Bool, mayHide: Bool = false) {
        self.known = known
        self.isExclusive = isExclusive
        self.mayHide = mayHide
    }
}
