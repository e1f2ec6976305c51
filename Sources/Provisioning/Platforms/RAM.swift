import SCIM

extension Profile {
    /// Alibaba Cloud RAM. Its SCIM interface knows four attributes of users, PUT, and no groups (Alibaba Cloud help,
    /// “Synchronize accounts to RAM based on SCIM”).
    public static let ram = Profile(
        name: "ram",
        displayName: "Alibaba Cloud RAM",
        takesGroups: false,
        listing: .pages,
        // The product table: existing users are retrieved, not modified, not associated. Those made in the console
        // carry no externalId, and a write to them is refused.
        existing: .never,
        // RAM users have no enabled or disabled state; `active` changes nothing.
        hasActiveFlag: false,
        // PATCH is not documented, so it is never sent; /ServiceProviderConfig is not either.
        capabilities: Capabilities(patch: false, filter: true, pageSize: 100),
        mapping: [
            .user: [
                DefaultMapping("userName", "username"), DefaultMapping("externalId", "userId"),
                DefaultMapping("displayName", "displayName", "username"),
            ], .group: [],
        ],
        // Mail and phone cannot be mapped there, and `active` does not exist.
        userAttributes: ["userName", "externalId", "displayName"],
        // RAM compares without case, and IDaaS lower-cases all account values before it pushes.
        caseInsensitive: [.user: ["userName", "displayName"]],
        isLowercased: true,
        // The name part of a RAM user's name, by the native API; displayName by that of 2015-05-01.
        rules: [
            .user: [
                AttributeRule("userName", isRequired: true, length: 1...64, signs: ".-_"),
                AttributeRule("displayName", length: 1...128),
            ]
        ],
        // The native name is NAME@ALIAS.onaliyun.com; the bare one is sent.
        cutNameFrom: "@",
        memberReading: [],
        lookUp: [.filter],
        deletion: Deletion(
            refusal:
                """
                RAM refuses to delete a user who has access keys, policies, groups, a console login or an MFA \
                device; remove them in the RAM console, and the next run deletes the user
                """
        ),
        requestsPerSecond: 5,
        concurrency: 2,
        // The vendor's samples; whether application/scim+json is taken is not documented.
        mediaType: "application/json",
        needsOAuth: true,
        assumptions: [
            Assumption(
                "users are listed without a filter by startIndex and count",
                found:
                    """
                    the documentation shows a filter alone; Okta's guide to RAM switches the import of users on, \
                    which needs such a list
                    """
            ),
            Assumption(
                "a second POST of an externalId is answered with 409, as one of a name is",
                found: "RAM's own API answers 409 EntityAlreadyExists.User for a name; of SCIM nothing is published"),
            Assumption(
                """
                a POST of a name that was deleted within 30 days, and is in the recycle bin, is answered like any \
                other
                """,
                found:
                    """
                    help page “Deactivate and delete a RAM user”: deleted users keep name and id for 30 days; a \
                    POST of such a name is not mentioned
                    """
            ),
            Assumption(
                "writes are sent as application/json",
                found: "the SCIM page's samples do so; application/scim+json is not mentioned"),
        ],
        credentialChoosesTenant: true
    )
}
