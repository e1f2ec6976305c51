/// What real servers do that the emulated one does not do by itself: each is one switch, with the sentence that an
/// operator could say of such a server, and where it was reported in public.
public enum Habit: String, CaseIterable, Hashable, Sendable, Codable {
    // lists
    case ignoresStartIndex = "ignores startIndex"
    case restartsPastEnd = "starts again past the end"
    case refusesPastEnd = "refuses what is past the end"
    case failsPastEnd = "fails past the end"
    case missingWhenEmpty = "404 for an empty list"
    case noTotals = "no totals"
    case pageDropsOne = "a page drops one record"
    case unsortedPages = "pages have no order"
    case badRecord = "one record makes its page fail"
    case longGroupFails = "a group list with members fails"
    case cutsMembers = "the list cuts members off"
    case hidesInactive = "inactive accounts are not listed"
    case findsNothing = "nothing is found by its id"
    // filters
    case ignoresFilters = "filters are ignored"
    case failsOnExternalID = "a filter by externalId fails"
    case showsTwice = "a filter shows one account twice"
    // identity
    case answersWithExisting = "a create answers with an account that was there"
    case dropsExternalID = "externalId is not kept"
    case nestsGroups = "groups may be members"
    // writes
    case refusesWholePatch = "one refused attribute refuses the whole PATCH"
    case refusesActiveWithOthers = "active goes alone"
    case oneMemberRefusesAll = "one refused member refuses all"
    case duplicateAs500 = "a duplicate is said as 500"
    case uniqueNameAs400 = "a duplicate is said as 400"
    case deleteDoesNothing = "DELETE answers 204 and nothing happens"
    case refusesDelete = "DELETE of what is in use is refused"
    case addReplaces = "add of members replaces them"
    case patchEmptiesGroup = "a PATCH of an attribute empties the group"
    case removeClears = "a filtered remove empties the group"
    case hidesMembers = "members are never shown"
    case showsSomeMembers = "a group shows some of its members"
    case seats = "a number of seats"
    case echoes = "a PATCH is echoed and not stored"
    case keepsHandMade = "what was made by hand refuses changes"
    case fixedMark = "externalId of a group is never replaced"
    // dialects
    case nestsCore = "core attributes stand under their URN"
    case activeAsText = "active is written as a text"
    case activeAsNumber = "active is written as a number"
    case omitsInactive = "active is left out when it is false"
    case untypedValues = "addresses have no type"
    case plainValues = "addresses are plain texts"
    case flagsAsText = "the configuration writes its flags as texts"
    case noDiscovery = "the configuration is a web page"
    case errorsAsSuccess = "errors have a status of success"
    case errorsElsewhere = "errors say why in another place"
    case encodesLocations = "Location is encoded and has a query"
    case membersAsLocations = "members are written as addresses"
    case refusesValuePaths = "a value filter in a path is refused"
    case refusesCount = "a page's size is refused"
    case servesNoPatch = "PATCH is promised and not served"
    case servesNoPut = "PUT is not served and PATCH not promised"
    case wantsPlainJSON = "only application/json is taken"
    case redirectsToSlash = "a path without a slash is redirected"
    // identity again; last, so that what seeds draw stays
    case reusesIDs = "the id of a deleted account is given again"
    case movesOnRename = "the id changes with the user name"

    /// Those that random worlds draw; what remains needs more than chance to show itself, and is provoked.
    public static let drawn = allCases.filter { ![.reusesIDs, .movesOnRename].contains($0) }

    /// What servers write in their own way, or refuse for its form.
    public static let dialects: [Habit] = [
        .nestsCore, .activeAsText, .activeAsNumber, .omitsInactive, .untypedValues, .plainValues, .flagsAsText,
        .noDiscovery, .errorsAsSuccess, .errorsElsewhere, .encodesLocations,
        .membersAsLocations, .refusesValuePaths, .refusesCount, .servesNoPatch, .servesNoPut, .wantsPlainJSON,
        .redirectsToSlash,
    ]

    /// What it does, in a sentence.
    public var sentence: String {
        switch self {
        case .ignoresStartIndex: "The first page comes for every startIndex, with the total of all."
        case .restartsPastEnd: "A startIndex beyond the last resource begins again at the first."
        case .refusesPastEnd: "A startIndex beyond the last resource is answered with 404."
        case .failsPastEnd: "A startIndex beyond the last resource is answered with 500."
        case .missingWhenEmpty: "A list that has nothing is answered with 404."
        case .noTotals: "Lists have no totalResults."
        case .pageDropsOne:
            "A resource that cannot be shown is left out of its page, and counted in the total and in the places."
        case .unsortedPages: "Each page is cut from another order, unless the list is sorted by id."
        case .badRecord: "A page with one certain resource in it is answered with 500."
        case .longGroupFails:
            "A list of groups is answered with 500 when a group has many members; without members it is answered."
        case .cutsMembers:
            "A list shows the first members of each group only, without a sign; a group by its id shows all."
        case .hidesInactive: "Accounts that are not active are left out of lists; by id they are there."
        case .findsNothing: "A GET by id is answered with 404, whoever is asked for."
        case .ignoresFilters: "A filter is ignored: everything comes."
        case .failsOnExternalID: "A filter by externalId is answered with 500."
        case .showsTwice: "A filter shows one account twice."
        case .answersWithExisting:
            "A create with a known e-mail address writes to that account and answers 201 with it."
        case .dropsExternalID: "externalId is accepted and forgotten."
        case .nestsGroups: "A group is a member of another, under an id that a user has too."
        case .refusesWholePatch: "A PATCH is refused as a whole when one of its attributes is not to be changed."
        case .refusesActiveWithOthers: "A PATCH of active together with another attribute is refused."
        case .oneMemberRefusesAll: "A change of several members is refused as a whole when one of them is refused."
        case .duplicateAs500: "A create under a taken name is answered with 500 and words."
        case .uniqueNameAs400: "A create under a taken name is answered with 400 uniqueness."
        case .deleteDoesNothing: "DELETE of a user is answered with 204, and the account stays as it was."
        case .refusesDelete: "DELETE of an account that is in a group is answered with 409."
        case .addReplaces: "Adding members replaces those that were there."
        case .patchEmptiesGroup: "A PATCH of a group's attribute drops its members."
        case .removeClears: "Removing one member by a path filter drops all members."
        case .hidesMembers: "A group never shows who is in it, neither in a list nor by its id."
        case .showsSomeMembers: "A group shows its first two members only, also by its id."
        case .echoes: "A PATCH of a user is answered with 200 and what was sent, and nothing is stored."
        case .seats: "Creates beyond a number of accounts are answered with 403 and words about a licence."
        case .keepsHandMade:
            "A change of what was made by hand, and so has no externalId, is refused with 400 and a code."
        case .fixedMark:
            "A change of a group's externalId is answered with 400 mutability, and with it the whole PATCH."
        case .nestsCore: "Attributes of the core schema stand under its URN, not at the top."
        case .activeAsText: "active is “True” or “FALSE”."
        case .activeAsNumber: "active is 1 or 0."
        case .omitsInactive: "active is shown when it is true, and left out when it is false."
        case .untypedValues: "An e-mail address has no type."
        case .plainValues: "An e-mail address is a text, not an object."
        case .flagsAsText: "supported is “true” or “False”."
        case .noDiscovery: "The service provider configuration is the page of a sign-in."
        case .errorsAsSuccess: "An error document comes with the status 200."
        case .errorsElsewhere: "An error's words stand in errors[0].errorMessage."
        case .encodesLocations: "The Location header is percent-encoded and has a query."
        case .membersAsLocations: "A member's value is the address of the account."
        case .refusesValuePaths: "A PATCH whose path has a value filter is answered with 400 invalidPath."
        case .refusesCount: "A list with count is answered with 400."
        case .servesNoPatch: "PATCH is supported by the configuration, and answered with 405."
        case .servesNoPut: "PATCH is not supported by the configuration, and PUT is answered with 405."
        case .wantsPlainJSON: "A body of another media type than application/json is answered with 415."
        case .reusesIDs: "A new resource gets the id of the one that was deleted last."
        case .movesOnRename: "A change of userName gives the account another id; the old one is 404."
        case .redirectsToSlash: "A path that does not end with a slash is answered with 308."
        }
    }

    /// Where it was reported: product, and the thread's number.
    public var source: String {
        switch self {
        case .ignoresStartIndex: "better-auth#10398, SCIMReferenceCode#83"
        case .restartsPastEnd: "SCIMMY#21, product-is#13752"
        case .refusesPastEnd, .failsPastEnd, .missingWhenEmpty, .hidesInactive, .findsNothing: "several products"
        case .noTotals: "product-is#23484"
        case .nestsCore: "laravel-scim-server#28, snipe-it#12642"
        case .activeAsText, .activeAsNumber: "SCIMReferenceCode#21, snipe-it#13855"
        case .omitsInactive: "laravel-scim-server#114"
        case .untypedValues: "zitadel#9690"
        case .plainValues: "product-is#7304"
        case .flagsAsText, .noDiscovery: "keycloak#49841, better-auth#10413"
        case .errorsAsSuccess, .errorsElsewhere: "FusionAuth#3307, laravel-scim-server#114"
        case .encodesLocations, .membersAsLocations: "several products"
        case .refusesValuePaths, .refusesCount: "several products"
        case .servesNoPatch, .servesNoPut: "keycloak#46216, django-scim2"
        case .wantsPlainJSON: "azure-docs#116775, harness#39517"
        case .redirectsToSlash: "django-scim2"
        case .reusesIDs: "SQLite's documentation of AUTOINCREMENT: servers over a table without it"
        case .movesOnRename: "servers whose id is the user name or the address"
        case .pageDropsOne: "workplace-platform-samples#24, product-is#27973"
        case .unsortedPages: "uaa#164, snipe-it#19343"
        case .badRecord: "product-is#11226, rancher#52996"
        case .longGroupFails: "FusionAuth#3307, product-is#8876"
        case .cutsMembers: "product-is#7211, FusionAuth#2784"
        case .ignoresFilters: "authentik#25837, SCIMReferenceCode#44"
        case .failsOnExternalID: "product-is#11182"
        case .showsTwice: "product-is#3563"
        case .answersWithExisting: "sourcegraph#49016, snipe-it#13854"
        case .dropsExternalID: "langwatch#6974, scimmy#57"
        case .nestsGroups: "RFC 7643, section 4.2"
        case .refusesWholePatch: "rancher#55220, cloudflare-docs#32040"
        case .refusesActiveWithOthers: "AWS developer guide, patchuser"
        case .oneMemberRefusesAll: "fleet#52600"
        case .duplicateAs500: "FusionAuth#1776, sourcegraph#48353"
        case .uniqueNameAs400: "keycloak-scim-server#109"
        case .deleteDoesNothing: "better-auth#10421"
        case .refusesDelete: "probo#1277, grist-core#1540"
        case .addReplaces: "litellm#34162, agent-bom#3533"
        case .patchEmptiesGroup: "langwatch#7131"
        case .removeClears: "product-is#11678"
        case .hidesMembers: "authentik#25003"
        case .showsSomeMembers: "several products"
        case .echoes: "keycloak-scim-server#107"
        case .seats: "RAM, securecodinghub's guide"
        case .keepsHandMade: "Tencent's SDK: ManualUserNotUpdate, ManualGroupNotUpdate"
        case .fixedMark: "scimmy#57, keycloak#51155"
        }
    }
}
