import JSON
import SCIM

/// What habits make of requests.
extension SCIMService {
    func has(_ habit: Habit) -> Bool { options.habits.contains(habit) }

    mutating func meet(_ habit: Habit) { met[habit, default: 0] += 1 }

    /// The resource that some habits choose: the same for as long as it is there.
    public func victim(_ kind: ResourceKind) -> String? { store[kind]?.order.first { $0.hasSuffix("3") } }

    /// Where a page starts, from 0.
    mutating func habitualStart(_ start: Int, total: Int) throws -> Int {
        guard start > 0 else { return start }
        if has(.ignoresStartIndex) {
            meet(.ignoresStartIndex)
            return 0
        }
        guard start >= total else { return start }
        if has(.restartsPastEnd) {
            meet(.restartsPastEnd)
            return 0
        }
        if has(.refusesPastEnd) {
            meet(.refusesPastEnd)
            throw SCIMError(status: 404, detail: "there is no such page")
        }
        if has(.failsPastEnd) {
            meet(.failsPastEnd)
            throw SCIMError(status: 500, detail: "index out of range")
        }
        return start
    }

    /// Drops what a page cannot show, or fails because of it.
    mutating func judgeByHabit(_ places: inout [(kind: ResourceKind, id: String)], _ request: EmulatedRequest) throws {
        if let place = places.firstIndex(where: { $0.id == victim($0.kind) }) {
            if has(.badRecord), places[place].kind == .user {
                meet(.badRecord)
                throw SCIMError(status: 500, detail: "a value cannot be rendered")
            }
            if has(.pageDropsOne) {
                meet(.pageDropsOne)
                places.remove(at: place)
            }
        }
        if has(.longGroupFails), !(request.query["excludedAttributes"]?.contains("members") ?? false),
            places.contains(where: {
                $0.kind == .group && store[.group]?[$0.id]?.document["members"]?.array?.count ?? 0 > 3
            })
        {
            meet(.longGroupFails)
            throw SCIMError(status: 500, detail: "the query took too long")
        }
    }

    /// The account that has an e-mail address of a document.
    func holder(ofMailIn document: JSONValue) -> String? {
        let mails = Set((document["emails"]?.array ?? []).compactMap { $0["value"]?.string?.lowercased() })
        guard !mails.isEmpty else { return nil }
        return store[.user]?.order.first { id in
            (store[.user]?[id]?.document["emails"]?.array ?? []).contains {
                mails.contains($0["value"]?.string?.lowercased() ?? "")
            }
        }
    }

    /// The attributes that a PATCH names.
    private static func names(_ patch: JSONValue) -> [String] {
        (patch["Operations"]?.array ?? []).flatMap { operation -> [String] in
            if let path = operation["path"]?.string { return [String(path.prefix { $0 != "[" && $0 != "." })] }
            return (operation["value"]?.object ?? [:]).keys.sorted()
        }
    }

    static func touchesMembers(_ patch: JSONValue) -> Bool { names(patch).contains("members") }

    /// Refuses what a habit refuses of a PATCH.
    mutating func refuseByHabit(_ kind: ResourceKind, patch: JSONValue) throws {
        let names = Self.names(patch)
        if kind == .user, has(.refusesWholePatch), names.contains("userName") {
            meet(.refusesWholePatch)
            throw SCIMError(status: 400, scimType: "mutability", detail: "userName cannot be changed")
        }
        if kind == .user, has(.refusesActiveWithOthers), names.contains("active"), names.count > 1 {
            meet(.refusesActiveWithOthers)
            throw SCIMError(status: 400, detail: "active must be changed alone")
        }
        if kind == .group, has(.fixedMark), names.contains("externalId") {
            meet(.fixedMark)
            throw SCIMError(status: 400, scimType: "mutability", detail: "externalId cannot be replaced")
        }
        if kind == .group, has(.oneMemberRefusesAll), Self.touchesMembers(patch), let victim = victim(.user),
            patch.canonical.contains(victim)
        {
            meet(.oneMemberRefusesAll)
            throw SCIMError(status: 400, detail: "\(victim) cannot be changed")
        }
    }

    /// Refuses a change of what nobody made over SCIM.
    mutating func refuseHandMade(_ kind: ResourceKind, _ current: ResourceStore.Resource) throws {
        guard has(.keepsHandMade), current.document["externalId"] == nil else { return }
        meet(.keepsHandMade)
        throw SCIMError(
            status: 400,
            detail: "FailedOperation.Manual\(kind == .user ? "User" : "Group")NotUpdate: it was made in the console")
    }

    /// What habits make of a group that was patched.
    mutating func patchedByHabit(_ patched: JSONValue, patch: JSONValue) -> JSONValue {
        guard patched["members"]?.array?.isEmpty == false else { return patched }
        let removes = (patch["Operations"]?.array ?? []).contains {
            $0["op"]?.string?.lowercased() == "remove" && $0["path"]?.string?.hasPrefix("members[") ?? false
        }
        let habit: Habit? =
            has(.patchEmptiesGroup) && !Self.touchesMembers(patch)
            ? .patchEmptiesGroup : has(.removeClears) && removes ? .removeClears : nil
        guard let habit else { return patched }
        meet(habit)
        var emptied = patched
        emptied["members"] = nil
        return emptied
    }

    /// What a group shows of its members.
    func shownByHabit(_ group: JSONValue) -> JSONValue {
        var group = group
        if has(.hidesMembers) { group["members"] = nil }
        if has(.showsSomeMembers), let members = group["members"]?.array {
            group["members"] = .array(Array(members.prefix(2)))
        }
        return group
    }

    /// Accounts that there is room for.
    static let seats = 6

    mutating func refuseCreateByHabit(_ kind: ResourceKind) throws {
        guard kind == .user, has(.seats), store[.user]?.order.count ?? 0 >= Self.seats else { return }
        meet(.seats)
        throw SCIMError(status: 403, detail: "your licence has \(Self.seats) seats, and all are in use")
    }

    /// What a PATCH is applied to.
    mutating func habitualBase(_ kind: ResourceKind, _ document: JSONValue, patch: JSONValue) -> JSONValue {
        let adds = (patch["Operations"]?.array ?? []).contains {
            $0["op"]?.string?.lowercased() == "add" && $0["path"]?.string == "members"
        }
        guard kind == .group, has(.addReplaces), adds, document["members"]?.array?.isEmpty == false else {
            return document
        }
        meet(.addReplaces)
        var document = document
        document["members"] = nil
        return document
    }
}
