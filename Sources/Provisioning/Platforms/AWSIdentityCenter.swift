import SCIM

extension Profile {
    /// AWS IAM Identity Center (docs.aws.amazon.com/singlesignon/latest/developerguide, SCIM; public clients where that
    /// is silent).
    public static let awsIdentityCenter = Profile(
        name: "aws-identity-center",
        displayName: "AWS IAM Identity Center",
        // Cursors of RFC 9865. Older revisions of the service ignore them and end at 50.
        listing: .pages,
        listCap: 50,
        existing: .associate,
        capabilities: Capabilities(patch: true, filter: true, cursor: true, pageSize: 100),
        mapping: [
            .user: usualUserMapping + [DefaultMapping("phoneNumbers[work]", "phone")], .group: usualGroupMapping,
        ],
        caseInsensitive: [.user: ["userName", "emails[work]"], .group: []],
        // Four attributes are required. A 400 says the same of every cause, so all of it is judged before.
        rules: [
            .user: [
                AttributeRule("userName", isRequired: true, length: 1...128, refusedSigns: " <>;:%"),
                AttributeRule("displayName", isRequired: true, length: 1...1024, refusedSigns: "<>;:%"),
                AttributeRule("name.givenName", isRequired: true, length: 1...1024, refusedSigns: "<>;:%"),
                AttributeRule("name.familyName", isRequired: true, length: 1...1024, refusedSigns: "<>;:%"),
                AttributeRule("externalId", length: 1...256, refusedSigns: ":"),
            ],
            .group: [AttributeRule("displayName", isRequired: true, length: 1...1024, refusedSigns: "<>;:%")],
        ],
        // What public clients send; replacing members, or removing all at once, is refused.
        memberRemoval: .valueList,
        memberReading: [.byFilter],
        lookUp: [.filter, .scan],
        protected: [
            .user: ["Administrator", "AWSAdministrators"],
            .group: [
                "AWSControlTower*", "AWSAdministrators", "AWSAccountFactory", "AWSAuditAccountAdmins",
                "AWSLogArchiveAdmins", "AWSLogArchiveViewers", "AWSSecurityAuditors",
                "AWSSecurityAuditPowerUsers", "AWSServiceCatalogAdmins",
            ],
        ],
        requestsPerSecond: 10,
        concurrency: 5,
        assumptions: [
            Assumption("userName is compared without case", found: "the developer guide is silent"),
            Assumption(
                """
                groups.value finds the users of a group, once it agreed with members.value for a member and for \
                somebody who is none
                """,
                found:
                    """
                    the developer guide lists both filters and describes the result of neither; public tools use \
                    members.value
                    """
            ),
            Assumption(
                "a list without a cursor that ends at 50 is cut off",
                found: "the developer guide gives 50 results without a cursor, and no total beyond"),
            Assumption(
                "a value list that happens to name every member may be removed",
                found: "the developer guide refuses a removal of all members at once; public tools remove by value list"
            ),
        ],
        singleValued: ["emails", "phoneNumbers", "addresses", "roles"],
        hasUniqueMails: true
    )
}
