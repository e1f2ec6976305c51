/// What real servers do that the emulated one does not do by itself: each is one switch, with the sentence that an operator could say of
/// such a server, and where it was reported in public.
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

    /// What it does, in a sentence.
    public var sentence: String {
        switch self {
        case .ignoresStartIndex: "The first page comes for every startIndex, with the total of all."
        case .restartsPastEnd: "A startIndex beyond the last resource begins again at the first."
        case .refusesPastEnd: "A startIndex beyond the last resource is answered with 404."
        case .failsPastEnd: "A startIndex beyond the last resource is answered with 500."
        case .missingWhenEmpty: "A list that has nothing is answered with 404."
        case .noTotals: "Lists have no totalResults."
        case .pageDropsOne: "A resource that cannot be shown is left out of its page, and counted in the total and in the places."
        case .unsortedPages: "Each page is cut from another order, unless the list is sorted by id."
        case .badRecord: "A page with one certain resource in it is answered with 500."
        case .longGroupFails: "A list of groups is answered with 500 when a group has many members; without members it is answered."
        case .cutsMembers: "A list shows the first members of each group only, without a sign; a group by its id shows all."
        case .hidesInactive: "Accounts that are not active are left out of lists; by id they are there."
        case .ignoresFilters: "A filter is ignored: everything comes."
        case .failsOnExternalID: "A filter by externalId is answered with 500."
        case .showsTwice: "A filter shows one account twice."
        case .answersWithExisting: "A create with a known e-mail address writes to that account and answers 201 with it."
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
        }
    }

    /// Where it was reported: product, and the thread's number.
    public var source: String {
        switch self {
        case .ignoresStartIndex: "better-auth#10398, SCIMReferenceCode#83"
        case .restartsPastEnd: "SCIMMY#21, product-is#13752"
        case .refusesPastEnd, .failsPastEnd, .missingWhenEmpty, .hidesInactive: "several products"
        case .noTotals: "product-is#23484"
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
        }
    }
}
