/// The attributes of RFC 7643, section 4, that a client may write.
public enum CoreSchema {
    /// The attributes of a kind, with the parts of those that are complex and have one value.
    public static func attributes(_ kind: ResourceKind) -> [String: [String]] { kind == .user ? users : groups }

    private static let users: [String: [String]] = [
        "userName": [],
        "name": ["formatted", "familyName", "givenName", "middleName", "honorificPrefix", "honorificSuffix"],
        "displayName": [], "nickName": [], "profileUrl": [], "title": [],
        "userType": [], "preferredLanguage": [], "locale": [], "timezone": [], "active": [], "emails": [],
        "phoneNumbers": [], "ims": [], "photos": [], "addresses": [], "entitlements": [],
        "roles": [], "x509Certificates": [], "externalId": [],
    ]
    private static let groups: [String: [String]] = ["displayName": [], "externalId": []]
}
