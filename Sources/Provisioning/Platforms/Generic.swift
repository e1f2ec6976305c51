import SCIM

extension Profile {
    /// Any RFC 7644 server; what it can do beyond that is read from `/ServiceProviderConfig`.
    public static let generic = Profile(
        name: "generic",
        displayName: "any SCIM 2.0 server (RFC 7644)",
        listing: .pages,
        existing: .associate,
        mapping: [
            .user: usualUserMapping + [DefaultMapping("phoneNumbers[work]", "phone")], .group: usualGroupMapping,
        ],
        // RFC 7643, section 4.1.1: userName is case-insensitive; mail systems treat addresses so.
        caseInsensitive: [.user: ["userName", "emails[work]"], .group: []],
        // RFC 7643, section 8.7.1: required attributes of the core schemas.
        rules: [
            .user: [AttributeRule("userName", isRequired: true)],
            .group: [AttributeRule("displayName", isRequired: true)],
        ],
        // RFC 7644, section 3.5.2.2. The form with a value list is not in the RFC, and one server empties the group on
        // it.
        memberReading: [.inList, .byID],
        lookUp: [.filter, .scan],
        requestsPerSecond: 10,
        concurrency: 5,
        assumptions: [
            Assumption(
                "members are taken from the group list; where no group of the list shows any, each group is read by id",
                found: "RFC 7644 lets a server leave `members` out of lists; servers of both kinds were met"),
            Assumption(
                "at most 100 members go into one PATCH",
                found: "RFC 7644 names no limit; 100 is that of the platforms which publish one"),
        ]
    )
}
