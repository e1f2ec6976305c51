import SCIM

extension Profile {
    /// Huawei Cloud IAM Identity Center (support.huaweicloud.com, api-identitycenter, SCIM; the official SDK's models and notes).
    public static let huaweiIdentityCenter = Profile(
        name: "huawei-identity-center",
        displayName: "Huawei Cloud IAM Identity Center",
        takesGroups: true,
        // Lists end at 50 and know no startIndex; beyond, each account is looked up by its name.
        listing: .single,
        listCap: 50,
        filterable: ["userName", "displayName", "id"],
        existing: .associate,
        hasActiveFlag: true,
        capabilities: Capabilities(patch: true, filter: true, pageSize: 50),
        mapping: [.user: usualUserMapping, .group: usualGroupMapping],
        userAttributes: nil,
        // profileUrl is accepted and never shown, which the run finds out by itself where a job maps it.
        caseInsensitive: [.user: ["userName", "emails[work]"], .group: []],
        isLowercased: false,
        immutable: [:],
        rules: [
            .user: [
                AttributeRule("userName", isRequired: true, length: 2...128, signs: "_+=,.@-"), AttributeRule("displayName", isRequired: true, length: 1...1024),
                AttributeRule("name.familyName", isRequired: true, length: 1...1024), AttributeRule("name.givenName", isRequired: true, length: 1...1024),
                AttributeRule("emails[work]", isRequired: true, length: 3...1024),
            ],
            .group: [AttributeRule("displayName", isRequired: true, length: 1...1024)],
        ],
        cutNameFrom: nil,
        memberRemoval: .pathFilter,
        memberChunk: 100,
        // Lists and single groups show no members, and no filter knows them.
        memberReading: [.ledger],
        lookUp: [.filter],
        deletion: Deletion(),
        protected: [:],
        requestsPerSecond: 5,
        concurrency: 2,
        pageSize: 50,
        mediaType: "application/json",
        needsOAuth: false,
        assumptions: [
            "a list of 50 is cut off, whatever total it declares",
            "userName is unique without case",
            "a member is removed by members[value eq “id”], as the SDK's note implies; the form with a value list is never tried",
            "nothing must be emptied before it is deleted",
        ],
        singleValued: ["emails", "phoneNumbers", "addresses", "roles"],
        hasUniqueMails: true
    )
}
