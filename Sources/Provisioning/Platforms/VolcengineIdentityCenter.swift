import SCIM

extension Profile {
    /// Volcengine Cloud Identity Center (Volcengine documents 7165/1554519, “SCIM 2.0 interfaces”; native field rules where SCIM's
    /// are not published).
    public static let volcengineIdentityCenter = Profile(
        name: "volcengine-identity-center",
        displayName: "Volcengine Cloud Identity Center",
        takesGroups: true,
        // The product table: existing users are not retrieved, not modified, not associated. What SCIM itself made is visible.
        listing: .none,
        listCap: nil,
        filterable: nil,
        existing: .never,
        // The native user has no active flag; `active` is sent and not relied on.
        hasActiveFlag: false,
        capabilities: Capabilities(patch: true, filter: true, pageSize: 100),
        mapping: [.user: usualUserMapping, .group: usualGroupMapping],
        userAttributes: nil,
        caseInsensitive: [.user: ["userName", "emails[work]"], .group: []],
        isLowercased: false,
        immutable: [:],
        rules: [
            .user: [AttributeRule("userName", isRequired: true, length: 1...54), AttributeRule("displayName", length: 1...64), AttributeRule("emails[work]", length: 3...128)],
            // The tighter of the two native limits that a SCIM displayName may fall under.
            .group: [AttributeRule("displayName", isRequired: true, length: 1...63)],
        ],
        cutNameFrom: nil,
        memberRemoval: .pathFilter,
        memberChunk: 100,
        memberReading: [.ledger],
        lookUp: [.filter],
        deletion: Deletion(usersMustLeaveGroups: true),
        protected: [:],
        // One writer at a time: public clients of the native API serialise their calls, since the server does.
        requestsPerSecond: 5,
        concurrency: 1,
        pageSize: 100,
        mediaType: "application/json",
        needsOAuth: false,
        assumptions: [
            "only what was made over SCIM is visible; a create under the name of another account is refused with 409, for good",
            "objects made over SCIM are found by externalId",
            "`active` is sent and not relied on: who is disabled in the source keeps access unless leavers.disabled says asLeaver",
            "a member is removed by members[value eq “id”], at most 100 in one PATCH",
            "users leave their groups before they are deleted",
            "group names have at most 63 characters",
        ],
        credentialChoosesTenant: true
    )
}
