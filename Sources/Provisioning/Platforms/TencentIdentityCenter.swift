import SCIM

extension Profile {
    /// Tencent Cloud Identity Center, which the product page calls Group Management
    /// (Tencent Cloud documents 850/112576 and 1031/66370, “SCIM 2.0 API”; native field rules where SCIM's are not published).
    public static let tencentIdentityCenter = Profile(
        name: "tencent-identity-center",
        displayName: "Tencent Cloud Group Management",
        takesGroups: true,
        listing: .pages,
        listCap: nil,
        filterable: nil,
        existing: .associate,
        hasActiveFlag: true,
        // Its /ServiceProviderConfig, which is the same for everybody: patch, filter, pages of 100, no ETag.
        capabilities: Capabilities(patch: true, filter: true, pageSize: 100),
        mapping: [.user: usualUserMapping, .group: usualGroupMapping],
        userAttributes: nil,
        caseInsensitive: [.user: ["userName", "emails[work]"], .group: []],
        isLowercased: false,
        // Console, native API and the product page agree: userName cannot be changed.
        immutable: [.user: ["userName"]],
        rules: [
            .user: [
                AttributeRule("userName", isRequired: true, length: 1...64, signs: "+=,.@-_"), AttributeRule("name.givenName", length: 1...64), AttributeRule("name.familyName", length: 1...64),
                AttributeRule("displayName", length: 1...256), AttributeRule("emails[work]", length: 3...128),
            ],
            // The API's text allows letters, digits and “-” alone.
            .group: [AttributeRule("displayName", isRequired: true, length: 1...128, signs: "-")],
        ],
        cutNameFrom: nil,
        memberRemoval: .pathFilter,
        memberChunk: 100,
        memberReading: [.inList, .byID],
        lookUp: [.filter, .scan],
        // Native rules that are safe to obey over SCIM: DeleteGroupNotAllowExistUser, UserAlreadyExistsGroup.
        deletion: Deletion(
            groupsMustBeEmpty: true, usersMustLeaveGroups: true,
            refusal: "Tencent refuses to delete what is still in groups, authorised or made by hand in the console; take that away there, and the next run deletes it"),
        protected: [:],
        requestsPerSecond: 5,
        concurrency: 2,
        pageSize: 100,
        mediaType: "application/json",
        needsOAuth: false,
        assumptions: [
            "users are found by userName and externalId, groups by displayName",
            "members are in the group list or in a group by id",
            "a member is removed by members[value eq “id”], at most 100 in one PATCH",
            "users leave their groups before they are deleted",
            "a refusal to change what was made by hand concerns that record alone",
        ],
        credentialChoosesTenant: true,
        hasUniqueMails: true
    )
}
