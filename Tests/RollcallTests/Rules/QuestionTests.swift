import Emulation
import Foundation
import HTTP
import JSON
import Reconciliation
import Rehearsal
import SCIM
import Simulation
import Testing

/// R17, R18, R32: “not seen” is a question, not an answer. Roots 1 and 2 of what foreign servers taught, by their
/// numbers.
@Suite struct QuestionTests {
    private static let generous =
        """
        limits: { source.shrink: none, users.disable: none, users.delete: none, groups.delete: none, \
        memberships.remove: none }
        """

    private func settled(_ people: Int, groups: Int = 1, extra: String = generous) async throws -> World {
        let world = try World(job: World.job(extra))
        world.directory.people = (1...people).map { .named("person\($0)") }
        world.directory.teams = (0..<groups).map {
            Team(
                id: "group_\($0)", name: "team\($0)",
                members: [world.directory.people[$0 % people].id, world.directory.people[($0 + 1) % people].id])
        }
        #expect(try await world.run().report.exit == .inStep)
        return world
    }

    /// Gives every object of a kind that is chosen a new id, as a restored or re-imported tenant does.
    private func renumber(
        _ world: World, _ kind: ResourceKind, where isChosen: @Sendable (JSONValue) -> Bool = { _ in true }
    ) {
        world.client.change { service in
            for document in service.documents(kind) where isChosen(document) {
                guard let id = document["id"]?.string, let stored = service.store[kind]?[id] else { continue }
                let groups = service.documents(.group).filter { group in
                    group["members"]?.array?.contains { $0["value"]?.string == id } ?? false
                }.compactMap { $0["id"]?.string }
                service.remove(kind, id)
                let fresh = "9" + id.dropFirst()
                service.put(kind, fresh, stored.document, created: stored.created)
                for group in groups {
                    try? service.meddle(.group, group) {
                        $0["members"] = .array(($0["members"]?.array ?? []) + [["value": .string(fresh)]])
                    }
                }
            }
        }
    }

    @Test(
        "1.3: after a restored tenant with new ids nothing is made twice: held at first, then found by the externalId")
    func restored() async throws {
        let world = try await settled(8, groups: 8)
        renumber(world, .user)
        renumber(world, .group)
        let held = try await world.run()
        #expect(
            held.report.exit == .held
                && held.report.details.contains { $0.contains("target.missing: 8 of 8 linked users") },
            "\(held.report.details)")
        #expect(world.documents(.group).count == 8 && world.documents(.user).count == 8)
        world.permissions.acceptTargetChange = true
        let result = try await world.run()
        #expect(result.report.exit == .inStep, "\(result.report.details)")
        #expect(world.documents(.group).count == 8 && world.documents(.user).count == 8)
        world.permissions.acceptTargetChange = false
        #expect(try await world.plan().report.headline.hasPrefix("No changes."))
    }

    @Test(
        """
        1.3: an account that an administrator made again is found by the externalId, and no 409 comes night after \
        night
        """
    )
    func remade() async throws {
        let world = try await settled(10)
        renumber(world, .user) { $0["userName"] == "person4" }
        let result = try await world.run()
        #expect(result.report.exit == .inStep, "\(result.report.details)")
        #expect(result.report.details.contains { $0.contains("under another id, and linked anew") })
        #expect(world.documents(.user).count == 10)
        #expect(try await world.plan().report.headline.hasPrefix("No changes."))
    }

    @Test(
        """
        1.4: an account whose id changes and whose person leaves is disabled under its new id, also where names \
        are not unique
        """
    )
    func movedLeaver() async throws {
        let world = try await settled(10)
        world.client.change { $0.options.uniqueUserNames = false }
        renumber(world, .user) { $0["userName"] == "person4" || $0["userName"] == "person5" }
        world.directory.people.removeAll { $0.username == "person4" }
        _ = try await world.run()
        #expect(world.documents(.user).filter { $0["userName"] == "person4" }.allSatisfy { $0["active"] == false })
        #expect(world.documents(.user).count == 10)
        #expect(world.user("person5")?["active"] == true)
        // Its term goes on there.
        let next = try await world.plan()
        #expect(
            next.operations.contains { $0.name == "person4" && $0.reason.contains("to be deleted on") },
            "\(next.operations.map { $0.reason })")
    }

    @Test("2.3: a kind that shows nothing at all for one night is not believed, however small its part is")
    func emptyKind() async throws {
        let world = try await settled(100, groups: 8)
        let gone = Switch()
        let night = try World(world, at: try world.moment()) { request, _ in
            guard gone.isOn, request.head.path?.contains("/Groups") ?? false, request.head.method == .get else {
                return nil
            }
            return .answered(
                EmulatedResponse(
                    status: 200, headers: [("Content-Type", "application/scim+json")],
                    body: (["totalResults": 0, "Resources": []] as JSONValue).canonicalBytes))
        }
        gone.isOn = true
        let result = try await night.run()
        #expect(result.report.exit == .held, "\(result.report.details)")
        #expect(night.documents(.group).count == 8)
        gone.isOn = false
        #expect(try await night.run().report.exit == .inStep)
        #expect(night.documents(.group).count == 8 && night.members("team0").count == 2)
    }

    @Test(
        "2.4: whoever an incomplete list does not show is disabled all the same, and named where nobody could look",
        arguments: [false, true])
    func incompleteList(isClosed: Bool) async throws {
        let world = try await settled(20)
        let hidden = try #require(world.user("person7")?["id"]?.string)
        let night = try World(world, at: try world.moment()) { request, _ in
            guard request.head.method == .get, let path = request.head.path else { return nil }
            if path.hasSuffix("/\(hidden)") {
                return isClosed
                    ? .answered(
                        EmulatedResponse(
                            status: 403, headers: [("Content-Type", "application/scim+json")],
                            body: (["detail": "closed"] as JSONValue).canonicalBytes)) : nil
            }
            guard path.contains("/Users?") else { return nil }
            return .altered { response in
                var response = response
                guard var document = try? JSONValue(parsing: response.body) else { return response }
                document["Resources"] = .array(
                    (document["Resources"]?.array ?? []).filter { $0["id"]?.string != hidden })
                response.body = document.canonicalBytes
                return response
            }
        }
        night.directory.people.removeAll { $0.username == "person7" }
        let result = try await night.run()
        if isClosed {
            #expect(result.report.exit == .recordsFailed)
            #expect(
                result.report.details.contains {
                    $0.contains("must lose access, and could not be looked at") && $0.contains("user_person7")
                }, "\(result.report.details)")
        } else {
            #expect(night.user("person7")?["active"] == false, "\(result.report.details)")
        }
    }

    @Test(
        """
        2.5: a disabled account that lists do not show is still there: it is deleted in time, and it is the same \
        account when the person comes back
        """
    )
    func hiddenInactive() async throws {
        let world = try await settled(10, extra: Self.generous + "\nleavers: { disable: immediately, delete: 2d }")
        world.client.change { $0.options.habits = [.hidesInactive] }
        let id = try #require(world.user("person4")?["id"]?.string)
        let person = try #require(world.directory.person("user_person4"))
        world.directory.people.removeAll { $0.id == person.id }
        _ = try await world.run()
        #expect(world.user("person4")?["active"] == false)
        let quiet = try await world.run()
        #expect(quiet.planned.isEmpty && quiet.report.exit == .inStep, "\(quiet.report.details)")
        // Back in time: the same account.
        let back = try World(world, at: try world.moment())
        back.directory.people.append(person)
        #expect(try await back.run().report.exit == .inStep)
        #expect(back.user("person4")?["active"] == true && back.user("person4")?["id"]?.string == id)
        // Not back: deleted when its days are over.
        for _ in 1...4 { _ = try await world.run() }
        #expect(world.user("person4") == nil)
    }

    @Test("R17: what a list leaves out after it was written is asked for by its id, and not called failed")
    func writtenAndNotListed() async throws {
        let world = try await settled(30)
        world.client.change {
            $0.options.answersPatchWithNoContent = true
            $0.options.habits = [.pageDropsOne]
        }
        for index in world.directory.people.indices { world.directory.people[index].displayName = "Changed \(index)" }
        let result = try await world.run()
        #expect(!result.operations.contains { $0.status == .failed }, "\(result.report.details)")
        #expect(world.documents(.user).allSatisfy { $0["displayName"]?.string?.hasPrefix("Changed") ?? false })
    }

    private static let deleting = generous + "\nleavers: { delete: immediately }"

    @Test(
        """
        R39, 2.7: a DELETE that is answered with 204 and does nothing leaves nobody active, not for one night, \
        and is told
        """
    )
    func survivor() async throws {
        let world = try await settled(6, extra: Self.deleting)
        world.client.change { $0.options.habits = [.deleteDoesNothing] }
        world.directory.people.removeAll { $0.username == "person4" }
        let first = try await world.run()
        #expect(world.user("person4")?["active"] == false && first.report.exit == .recordsFailed)
        #expect(
            first.operation(.delete, "person4")?.reason.contains(
                "answered the delete with success and still shows the account; it was disabled instead") == true,
            "\(first.report.details)")
        let second = try await world.run()
        // The account is not active any more: what is accepted is believed, and the next list tells that it stands.
        #expect(second.operation(.delete, "person4")?.status == .done, "\(second.report.details)")
        let third = try await world.run()
        #expect(
            third.report.details.contains { $0.contains("that this job deleted still stand, inactive") },
            "\(third.report.details)")
    }

    @Test("R39, 2.7: one delete of an active account is looked at; where it is gone, no later one is")
    func deletesThatAreDone() async throws {
        let world = try await settled(6, extra: Self.deleting)
        var costs: [Int] = []
        for name in ["person4", "person3"] {
            let before = world.client.service.counters["GET /Users"] ?? 0
            world.directory.people.removeAll { $0.username == name }
            #expect(try await world.run().report.exit == .inStep)
            #expect(world.user(name) == nil)
            costs.append((world.client.service.counters["GET /Users"] ?? 0) - before)
        }
        #expect(costs[0] == costs[1] + 1, "\(costs)")
    }

    @Test("R39: a server that stops to delete is found out by its next list")
    func deletesNoMore() async throws {
        let world = try await settled(7, extra: Self.deleting)
        world.directory.people.removeAll { $0.username == "person3" }
        _ = try await world.run()
        world.client.change { $0.options.habits = [.deleteDoesNothing] }
        world.directory.people.removeAll { $0.username == "person4" }
        _ = try await world.run()
        let second = try await world.run()
        #expect(world.user("person4")?["active"] == false)
        #expect(second.report.exit == .recordsFailed)
        #expect(
            second.report.details.contains {
                $0.contains("that this job deleted still stand, and are active: user_person4")
            }, "\(second.report.details)")
        // Inactive, it is told once more and not again.
        _ = try await world.run()
        let later = try await world.run()
        #expect(later.report.exit == .inStep, "\(later.report.details)")
    }

    @Test(
        "R16, 2.8: where a delete is refused the account is disabled, and the report says so",
        arguments: [403, 405, 409, 500])
    func refusedDelete(status: Int) async throws {
        let world = try await settled(6, extra: Self.deleting)
        // Also where a write is answered without a document, and looked at afterwards.
        world.client.change { $0.options.answersPatchWithNoContent = status == 409 }
        let night = try World(world, at: try world.moment()) { request, _ in
            request.head.method == .delete
                ? .answered(EmulatedResponse(status: status, body: Array("{\"detail\":\"in use\"}".utf8))) : nil
        }
        night.directory.people.removeAll { $0.username == "person4" }
        let result = try await night.run()
        #expect(night.user("person4")?["active"] == false, "\(result.report.details)")
        #expect(result.report.exit == .recordsFailed)
        #expect(result.operation(.delete, "person4")?.reason.contains("it was disabled instead") == true)
        #expect(try night.ledger.link(kind: .user, source: "user_person4")?.status == .disabled)
    }

    @Test("2.9: a delete of ours that was answered with 502 is ours, and can be taken back")
    func ownDelete() async throws {
        let world = try await settled(6, extra: Self.deleting)
        let first = Switch()
        first.isOn = true
        let night = try World(world, at: try world.moment()) { request, _ in
            guard request.head.method == .delete, first.isOn else { return nil }
            first.isOn = false
            return .processed(EmulatedResponse(status: 502))
        }
        night.directory.people.removeAll { $0.username == "person4" }
        let result = try await night.run()
        #expect(night.user("person4") == nil && result.report.exit == .inStep)
        _ = try await night.invoke(.undo(run: try night.ledger.plan(result.report.plan)?.run ?? 0, writes: true))
        #expect(night.user("person4")?["active"] == true)
    }

    @Test(
        "R7, 2.10: an expiry in any form ends access, and one that cannot be read makes no account",
        arguments: ["2026-01-31T00:00:00+08:00", "2026-01-31", "2026-01-31 12:00:00Z", "1769800000000", "1769800000"])
    func expiry(_ text: String) async throws {
        let world = try World(job: World.job(Self.generous))
        func document(_ expiry: String?, _ name: String) -> String {
            let field = expiry.map { ", \"accountExpireTime\": \"\($0)\"" } ?? ""
            return
                """
                {\"users\": [{\"userId\": \"user_ada\", \"username\": \"ada\", \"status\": \"enabled\"\(field)}, \
                {\"userId\": \"user_bo\", \"username\": \"bo\", \"status\": \"enabled\"\(name)}], \"groups\": []}
                """
        }
        _ = try await world.invoke(.run, document: document(nil, ""))
        _ = try await world.invoke(.run, document: document(text, ""))
        #expect(world.user("ada")?["active"] == false && world.user("bo")?["active"] == true)
        let other = try World(job: World.job(Self.generous))
        let result = try await other.invoke(.run, document: document(nil, ", \"accountExpireTime\": \"soon\""))
        #expect(other.user("bo") == nil && result.report.exit == .recordsFailed)
        #expect(result.operations.contains { $0.reason.contains("“soon” is neither") })
    }
}
