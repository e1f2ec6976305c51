import SCIM

extension Profile {
    /// Volcengine Cloud Identity Center (Volcengine documents 7165/1554519, “SCIM 2.0 interfaces”; native field rules
    /// where SCIM's are not published).
    public static let volcengineIdentityCenter = Profile(
        name: "volcengine-identity-center",
        displayName: "Volcengine Cloud Identity Center",
        // The product table: existing users are not retrieved, not modified, not associated. What SCIM itself made is
        // visible.
        listing: .none,
        existing: .never,
        // The native user has no active flag; `active` is sent and not relied on.
        hasActiveFlag: false,
        capabilities: Capabilities(patch: true, filter: true, pageSize: 100),
        mapping: [.user: usualUserMapping, .group: usualGroupMapping],
        caseInsensitive: [.user: ["userName", "emails[work]"], .group: []],
        rules: [
            .user: [
                AttributeRule("userName", isRequired: true, length: 1...54),
                AttributeRule("displayName", length: 1...64), AttributeRule("emails[work]", length: 3...128),
            ],
            // The tighter of the two native limits that a SCIM displayName may fall under.
            .group: [AttributeRule("displayName", isRequired: true, length: 1...63)],
        ],
        memberReading: [.ledger],
        lookUp: [.filter],
        deletion: Deletion(usersMustLeaveGroups: true),
        // One writer at a time: public clients of the native API serialise their calls, since the server does.
        requestsPerSecond: 5,
        concurrency: 1,
        mediaType: "application/json",
        assumptions: [
            Assumption(
                """
                only what was made over SCIM is visible; a create under the name of another account is refused \
                with 409, for good
                """,
                found:
                    """
                    document 7165/1554519 lists all operations, the product page says that existing users can be \
                    neither retrieved nor associated; this reading fits both
                    """
            ),
            Assumption(
                "objects made over SCIM are found by externalId",
                found: "document 7165/1554519: a filter is optional; its attributes are not listed"),
            Assumption(
                """
                `active` is sent and not relied on: who is disabled in the source keeps access unless \
                leavers.disabled says asLeaver
                """,
                found: "SDK volcenginesdk-cloudidentity 5.0.54: the native user has no such flag"),
            Assumption(
                "a member is removed by members[value eq “id”], at most 100 in one PATCH",
                found: "document 7165/1554519: PATCH with add, remove and replace; paths and limits are not published"),
            Assumption("users leave their groups before they are deleted", found: "no precondition is published"),
            Assumption(
                "group names have at most 63 characters",
                found:
                    """
                    SDK 5.0.54: a group has a name of 63 and a display name of 64 characters; which one SCIM \
                    fills is not said
                    """
            ),
        ],
        credentialChoosesTenant: true
    )
}
