import Emulation
import Foundation
import JSON
import Jobs
import Ledger
import Rehearsal
import SCIM
import Simulation
import Testing

@testable import Reconciliation

/// R22, R23 and R28: outcomes that nobody knows, forms of a request, and names in their order.
extension RuleTests {
    @Test("R22: a create of unknown outcome is looked up before anything is sent again", arguments: [true, false])
    func r22(filters: Bool) async throws {
        var options = ServiceOptions()
        options.filter = filters
        let world = try World(options: options) { request, _ in
            request.head.method == .post && String(decoding: request.body, as: UTF8.self).contains("\"ada\"")
                ? .answerLost : nil
        }
        world.directory.people = [.named("ada"), .named("bo")]
        let result = try await world.run()
        #expect(result.report.exit == .inStep)
        #expect(world.documents(.user).filter { $0["userName"] == "ada" }.count == 1)
        #expect(world.client.service.counters["POST /Users"] == 2)
        #expect(try world.ledger.link(kind: .user, source: "user_ada") != nil)
        #expect(try await world.plan().report.headline.hasPrefix("No changes."))
    }

    @Test("R22: a create that never arrived is sent again, and a 409 is looked up before it is a conflict")
    func r22conflict() async throws {
        let world = try World { request, number in
            // A colleague takes the name between the plan and the write.
            if request.head.method == .post, String(decoding: request.body, as: UTF8.self).contains("\"bo\"") {
                return .answered(
                    EmulatedResponse(
                        status: 409, body: Array("{\"scimType\":\"uniqueness\",\"detail\":\"taken\"}".utf8)))
            }
            return nil
        }
        world.directory.people = [.named("ada"), .named("bo")]
        let result = try await world.run()
        #expect(result.operation(.create, "bo")?.status == .conflict)
        #expect(result.operation(.create, "ada")?.status == .done)
        #expect(result.report.exit == .recordsFailed)
    }

    @Test("R22: what a killed run left without an outcome is settled first by the next one, and nothing is made twice")
    func r22settled() async throws {
        let isDown = Switch()
        isDown.isOn = true
        let world = try World { request, _ in
            guard isDown.isOn else { return nil }
            // The create arrives, and then the network is gone: neither its answer nor a look-up comes through.
            if request.head.method == .post, String(decoding: request.body, as: UTF8.self).contains("\"ada\"") {
                return .answerLost
            }
            return (request.head.path ?? "").contains("filter=") ? .notSent : nil
        }
        world.directory.people = [.named("ada"), .named("bo")]
        #expect(try await world.run().report.exit == .recordsFailed)
        #expect(try world.ledger.unsettled().map(\.name) == ["ada"])
        let dry = try await world.plan()
        #expect(dry.report.details.contains { $0.contains("interrupted run left 1 operation whose") })
        #expect(try world.ledger.unsettled().count == 1)
        isDown.isOn = false
        let next = try await world.run()
        #expect(next.report.exit == .inStep)
        #expect(next.report.details.contains { $0.contains("settled 1 operation of an interrupted run") })
        #expect(try world.ledger.unsettled().isEmpty)
        #expect(try world.ledger.link(kind: .user, source: "user_ada")?.origin == .created)
        #expect(world.documents(.user).filter { $0["userName"] == "ada" }.count == 1)
    }

    @Test("R23: members are removed by a path filter, and a refusal is not answered with another form")
    func r23() async throws {
        let forms = Recorder()
        let world = try World { request, _ in
            let body = String(decoding: request.body, as: UTF8.self)
            guard request.head.method == .patch, body.contains("\"remove\""), body.contains("members") else {
                return nil
            }
            forms.add(body)
            return .answered(EmulatedResponse(status: 400, body: Array("{\"detail\":\"no\"}".utf8)))
        }
        world.directory.people = crowd(3)
        world.directory.teams = [
            Team(id: "group_1", name: "Ops", members: ["user_person0", "user_person1", "user_person2"])
        ]
        try await world.run()
        world.directory.teams[0].members = ["user_person0"]
        let result = try await world.run()
        #expect(result.report.exit == .recordsFailed)
        // Halved, since one member may be what is refused, and always in the one form.
        #expect(forms.all.count == 3)
        #expect(forms.all.allSatisfy { $0.contains("members[value eq \\\"") })
        #expect(world.members("Ops").count == 3)
    }

    @Test("R28: what frees a name goes before what takes it, in chains and rings, and a leaver's name is never reused")
    func r28() async throws {
        let world = try World()
        world.directory.people = ["a", "b", "c", "d", "e"].map { .named($0) }
        try await world.run()
        let ids = Dictionary(world.documents(.user).map { ($0["externalId"]?.string ?? "", $0["id"]?.string ?? "") }) {
            first, _ in first
        }
        // a → b → c → a is a ring; d moves away and a newcomer takes its name; e leaves and another newcomer wants it.
        for (index, name) in ["b", "c", "a", "d2"].enumerated() { world.directory.people[index].username = name }
        world.directory.people.removeLast()
        world.directory.people += [.named("d", id: "user_new"), .named("E", id: "user_newer")]
        let result = try await world.run()
        for (source, name) in [("user_a", "b"), ("user_b", "c"), ("user_c", "a"), ("user_d", "d2")] {
            #expect(world.user(name)?["id"]?.string == ids[source], "\(source)")
        }
        #expect(world.user("d")?["externalId"] == "user_new")
        #expect(result.situation("E") == .foreign)
        #expect(
            result.operations.first { $0.name == "E" }?.reason.hasPrefix(
                "the name is still that of the user \(ids["user_e"] ?? "?"), which is linked to user_e;") == true)
        #expect(result.operations.filter { $0.unit != nil }.count == 2)
        #expect(result.operations.allSatisfy { $0.status != .failed })
    }

    @Test("R28: an e-mail address is freed before somebody else takes it, also across creates, changes and names")
    func r28mail() async throws {
        var options = ServiceOptions()
        options.uniqueMails = true
        let world = try World(options: options)
        world.directory.people = ["a", "b", "c", "d"].map { .named($0) }
        try await world.run()
        // z first in every other order: a chain of addresses against the order of ids, a cleared one for a newcomer,
        // and two that swap names while a third takes the address of one of them.
        world.directory.people[0].email = "b@corp.example"
        world.directory.people[1].email = "fresh@corp.example"
        world.directory.people[2].email = nil
        world.directory.people[3].username = "c"
        world.directory.people[2].username = "d"
        var newcomer = Person.named("n")
        newcomer.email = "C@corp.example"
        world.directory.people.append(newcomer)
        let result = try await world.run()
        #expect(result.report.exit == .inStep, "\(result.report.details)")
        #expect(try await world.plan().report.headline.hasPrefix("No changes."))
        // A ring of addresses is opened by an address that nobody has.
        world.directory.people[0].email = "fresh@corp.example"
        world.directory.people[1].email = "b@corp.example"
        #expect(try await world.run().report.exit == .inStep)
        #expect(try await world.plan().report.headline.hasPrefix("No changes."))
    }

    @Test("R28: a ring that was cut in the middle is finished first by the next run")
    func r28cut() async throws {
        let isCut = Switch()
        let world = try World { request, _ in
            guard isCut.isOn, request.head.method == .patch,
                !String(decoding: request.body, as: UTF8.self).contains("rollcall-")
            else { return nil }
            return .notSent
        }
        world.directory.people = [.named("a"), .named("b")]
        try await world.run()
        world.directory.people[0].username = "b"
        world.directory.people[1].username = "a"
        isCut.isOn = true
        #expect(try await world.run().report.exit == .recordsFailed)
        #expect(world.documents(.user).contains { $0["userName"]?.string?.hasPrefix("rollcall-") == true })
        isCut.isOn = false
        try await world.run()
        #expect(world.user("b")?["externalId"] == "user_a")
        #expect(world.user("a")?["externalId"] == "user_b")
        #expect(try await world.plan().report.headline.hasPrefix("No changes."))
    }
}
