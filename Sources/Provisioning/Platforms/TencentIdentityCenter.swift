import SCIM

extension Profile {
    /// Tencent Cloud Identity Center, which the product page calls Group Management (Tencent Cloud documents 850/112576
    /// and 1031/66370, “SCIM 2.0 API”; native field rules where SCIM's are not published).
    public static let tencentIdentityCenter = Profile(
        name: "tencent-identity-center",
        displayName: "Tencent Cloud Group Management",
        listing: .pages,
        existing: .associate,
        // Its /ServiceProviderConfig, which is the same for everybody: patch, filter, pages of 100, no ETag.
        capabilities: Capabilities(patch: true, filter: true, pageSize: 100),
        mapping: [.user: usualUserMapping, .group: usualGroupMapping],
        caseInsensitive: [.user: ["userName", "emails[work]"], .group: []],
        // Console, native API and the product page agree: userName cannot be changed.
        immutable: [.user: ["userName"]],
        rules: [
            .user: [
                AttributeRule("userName", isRequired: true, length: 1...64, signs: "+=,.@-_"),
                AttributeRule("name.givenName", length: 1...64), AttributeRule("name.familyName", length: 1...64),
                AttributeRule("displayName", length: 1...256), AttributeRule("emails[work]", length: 3...128),
            ],
            // The API's text allows letters, digits and “-” alone.
            .group: [AttributeRule("displayName", isRequired: true, length: 1...128, signs: "-")],
        ],
        memberReading: [.inList, .byID],
        lookUp: [.filter, .scan],
        // Native rules that are safe to obey over SCIM: DeleteGroupNotAllowExistUser, UserAlreadyExistsGroup.
        deletion: Deletion(
            groupsMustBeEmpty: true, usersMustLeaveGroups: true,
            refusal:
                """
                Tencent refuses to delete what is still in groups, authorised or made by hand in the console; \
                take that away there, and the next run deletes it
                """
        ),
        requestsPerSecond: 5,
        concurrency: 2,
        mediaType: "application/json",
        assumptions: [
            Assumption(
                "users are found by userName and externalId, groups by displayName",
                found:
                    """
                    documents 850/112576 and 1031/66370: filters are supported, 100 results; which attributes is \
                    not said
                    """
            ),
            Assumption(
                "members are in the group list or in a group by id",
                found: "the same documents follow RFC 7644 and show no group with members"),
            Assumption(
                "a member is removed by members[value eq “id”], at most 100 in one PATCH",
                found:
                    """
                    not published; error codes of SDK 3.1.193 show that a limit exists \
                    (GroupUserCountOverUpperLimit), without its number
                    """
            ),
            Assumption(
                "users leave their groups before they are deleted",
                found:
                    """
                    SDK 3.1.193, native API: UserAlreadyExistsGroup and DeleteGroupNotAllowExistUser; whether \
                    SCIM does it by itself is not said
                    """
            ),
            Assumption(
                "a refusal to change what was made by hand concerns that record alone",
                found:
                    """
                    SDK 3.1.193: ManualUserNotUpdate and ManualGroupNotUpdate exist; the product page says that \
                    existing users can be modified
                    """
            ),
        ],
        credentialChoosesTenant: true,
        hasUniqueMails: true,
        advice: [
            "ManualUserNotUpdate":
                """
            the account was made by hand, and Tencent lets it be changed in the console alone: delete it \
            there, and the next run makes it, or leave it to the console with existing: conflict
            """,
            "ManualGroupNotUpdate":
                """
            the group was made by hand: make a group of the type Synchronized in the console, or delete this \
            one, and the next run makes it
            """,
            "GroupTypeUserTypeNotMatch":
                "a group that SCIM fills is of the type Synchronized, and takes only members that SCIM made",
        ]
    )
}
