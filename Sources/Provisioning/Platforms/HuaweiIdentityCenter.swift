import SCIM

extension Profile {
    /// Huawei Cloud IAM Identity Center (support.huaweicloud.com, api-identitycenter, SCIM; the official SDK's models
    /// and notes).
    public static let huaweiIdentityCenter = Profile(
        name: "huawei-identity-center",
        displayName: "Huawei Cloud IAM Identity Center",
        // Lists end at 50 and know no startIndex; beyond, each account is looked up by its name.
        listing: .single,
        listCap: 50,
        filterable: ["userName", "displayName", "id"],
        existing: .associate,
        capabilities: Capabilities(patch: true, filter: true, pageSize: 50),
        mapping: [.user: usualUserMapping, .group: usualGroupMapping],
        // profileUrl is accepted and never shown, which the run finds out by itself where a job maps it.
        caseInsensitive: [.user: ["userName", "emails[work]"], .group: []],
        rules: [
            .user: [
                AttributeRule("userName", isRequired: true, length: 2...128, signs: "_+=,.@-"),
                AttributeRule("displayName", isRequired: true, length: 1...1024),
                AttributeRule("name.familyName", isRequired: true, length: 1...1024),
                AttributeRule("name.givenName", isRequired: true, length: 1...1024),
                AttributeRule("emails[work]", isRequired: true, length: 3...1024),
            ],
            .group: [AttributeRule("displayName", isRequired: true, length: 1...1024)],
        ],
        // Lists and single groups show no members, and no filter knows them.
        memberReading: [.ledger],
        lookUp: [.filter],
        requestsPerSecond: 5,
        concurrency: 2,
        pageSize: 50,
        mediaType: "application/json",
        assumptions: [
            Assumption(
                "a list of 50 is cut off, whatever total it declares",
                found:
                    """
                    SDK huaweicloudsdkidentitycenterscim 3.1.219: at most 50, no startIndex; what the total says \
                    beyond 50 is not described
                    """
            ),
            Assumption(
                "userName is unique without case",
                found: "not described by the SDK or the API pages; it is so in AWS, after which the service is built"),
            Assumption(
                """
                a member is removed by members[value eq “id”], as the SDK's note implies; the form with a value \
                list is never tried
                """,
                found: "SDK 3.1.219: `value` is left out of a removal; the API page SCIMPatchGroup does not repeat it"),
            Assumption(
                "nothing must be emptied before it is deleted",
                found:
                    """
                    the API pages name no precondition; the user guide says that a deletion removes all data and \
                    access
                    """
            ),
        ],
        singleValued: ["emails", "phoneNumbers", "addresses", "roles"],
        hasUniqueMails: true
    )
}
