import SCIM

extension Profile {
    /// Alibaba Cloud CloudSSO (Alibaba Cloud help, “SCIM 2.0 interfaces supported by CloudSSO”; native field rules
    /// where SCIM's are not published).
    public static let cloudSSO = Profile(
        name: "cloudsso",
        displayName: "Alibaba Cloud CloudSSO",
        // The product table: existing users are not retrievable. A client of the vendor's own lists them, 100 a page;
        // since that costs a page for each hundred on a quiet night, `readBack: list` is the job's decision, and the
        // ledger stands for the list otherwise.
        listing: .none,
        // … and are associated implicitly: a POST of the same name takes the account over.
        existing: .overwrite,
        capabilities: Capabilities(patch: true, filter: true, pageSize: 100),
        mapping: [.user: usualUserMapping, .group: usualGroupMapping],
        // CloudSSO compares without case, and IDaaS lower-cases all account values before it pushes.
        caseInsensitive: [
            .user: ["userName", "displayName", "name.givenName", "name.familyName", "emails[work]"],
            .group: ["displayName"],
        ],
        isLowercased: true,
        // Native rule: a user name is not modifiable.
        immutable: [.user: ["userName"]],
        rules: [
            .user: [
                AttributeRule("userName", isRequired: true, length: 1...64, signs: "@_-."),
                AttributeRule("name.givenName", length: 1...64), AttributeRule("name.familyName", length: 1...64),
                AttributeRule("displayName", length: 1...256), AttributeRule("emails[work]", length: 3...128),
            ],
            .group: [AttributeRule("displayName", isRequired: true, length: 1...128, signs: "_-.")],
        ],
        memberReading: [.ledger],
        lookUp: [.filter],
        // Native rule; whether a delete over SCIM empties a group by itself is not known.
        deletion: Deletion(
            groupsMustBeEmpty: true,
            refusal:
                """
                CloudSSO refuses to delete what other resources depend on; take the access assignments away in \
                its console, and the next run deletes it
                """
        ),
        requestsPerSecond: 5,
        concurrency: 2,
        mediaType: "application/json",
        assumptions: [
            Assumption(
                """
                accounts made by hand do not come back from a list; one of the same name is taken over by a \
                create, and told by an older meta.created
                """,
                found:
                    """
                    the vendor's page says that a list has all users, the product page that existing ones cannot \
                    be retrieved; which time a take-over shows is published nowhere
                    """
            ),
            Assumption(
                "objects made over SCIM are found by externalId",
                found:
                    """
                    a public client (aliyunmaker/ldap2scim) keeps and filters externalId; the page on filters is \
                    not public
                    """
            ),
            Assumption(
                "a member is removed by members[value eq “id”], at most 100 in one PATCH",
                found:
                    """
                    the public client removes all members by path and adds by value list; neither a single \
                    removal nor a limit is published
                    """
            ),
            Assumption(
                "whether a delete over SCIM takes an account out of its groups is not known",
                found:
                    """
                    the native API refuses to delete a user in a group and a group with members; memberships are \
                    taken out first
                    """
            ),
            Assumption(
                "groups of the same name are taken over as users are",
                found: "the vendor's page tells it of users alone"),
        ],
        credentialChoosesTenant: true,
        hasUniqueMails: true
    )
}
