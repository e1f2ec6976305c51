import Emulation
import Foundation
import HTTP
import JSON
import Rehearsal
import Simulation
import Testing

@testable import Reconciliation
@testable import SCIM

/// What comes in a shape that nobody expected, from either side: 13.
@Suite struct OddShapeTests {
    private func directory(_ users: [JSONValue]) -> String { (["users": .array(users)] as JSONValue).canonical }

    private func user(_ name: String, _ other: [String: JSONValue] = [:]) -> JSONValue {
        var fields: [String: JSONValue] = [
            "userId": .string("user_\(name)"), "username": .string(name), "displayName": .string(name.capitalized),
            "email": .string("\(name)@corp.example"), "status": "enabled",
        ]
        fields.merge(other) { $1 }
        return .object(fields)
    }

    private static let odd: [JSONValue] = [[:], ["x": 1], [], ["ada@corp.example"], [["value": "x"]]]

    @Test(
        "13 B: a field of a wrong shape leaves its attribute as it is, and the rest of the record goes on",
        arguments: odd)
    func field(value: JSONValue) async throws {
        let world = try World()
        world.given = directory([user("ada"), user("bo"), user("cy"), user("di")])
        #expect(try await world.run().report.exit == .inStep)
        world.given = directory([
            user("ada", ["email": value, "displayName": "Ada Byrne"]),
            user("bo", ["email": value, "status": "disabled"]),
            user("cy", ["status": value, "displayName": "Cyrus"]),
            user("di", ["username": value, "displayName": "Diana"]),
            user("new", ["displayName": value]),
        ])
        let night = try await world.run()
        #expect(night.report.exit == .recordsFailed, "\(night.report.headline)")
        // The address stays, the name goes on.
        #expect(world.user("ada")?["displayName"] == "Ada Byrne")
        #expect(world.user("ada")?["emails"]?.array?.first?["value"] == "ada@corp.example")
        #expect(world.user("bo")?["active"] == false)
        // Of a status that nobody can read, nothing is concluded.
        #expect(world.user("cy")?["active"] == true)
        #expect(world.user("di")?["active"] == true && world.user("di")?["userName"] == "di")
        // What stands before the unreadable field decides.
        #expect(!night.operations.contains { $0.reason.contains("displayName: the source's username") })
        #expect(world.user("new") != nil && world.user("new")?["displayName"] == nil)
        let told = night.operations.map(\.reason).joined(separator: "\n")
        for words in [
            "emails[work]: the source's email holds neither", "status: holds neither",
            "userName: the source's username",
            "displayName: the source's displayName",
        ] { #expect(told.contains(words), "\(words): \(told)") }
    }

    @Test("13 B: attributes of a SCIM source in a wrong shape clear nothing", arguments: odd.dropLast(2))
    func source(value: JSONValue) async throws {
        let isOdd = Switch()
        let places = Counter()
        let world = try World { request, _ in
            guard isOdd.isOn, request.head.path?.hasPrefix("/directory/Users") == true else { return nil }
            return .altered { answer in
                guard var document = try? JSONValue(parsing: answer.body),
                    let resources = document["Resources"]?.array
                else { return answer }
                document["Resources"] = .array(
                    resources.map { resource in
                        var resource = resource
                        for name in ["displayName", "name", "externalId"] { resource[name] = value }
                        resource["emails"] =
                            places.next() % 2 == 0 ? [["type": "work", "value": value]] : [["address": "ada"]]
                        return resource
                    })
                var answer = answer
                answer.body = document.canonicalBytes
                return answer
            }
        }
        world.serveDirectory()
        world.directory.people = ["ada", "bo"].map { .named($0) }
        #expect(try await world.run().report.exit == .inStep)
        let before = Picture(world)
        isOdd.isOn = true
        let night = try await world.run()
        #expect(Picture(world).users == before.users, "\(night.report.headline)")
        #expect(night.report.exit == .recordsFailed, "\(night.report.headline)")
    }

    @Test("13 D7: what nobody mapped may be as long as it wants, on both sides")
    func unmapped() async throws {
        let long = JSONValue.string(String(repeating: "x", count: 100_000))
        let world = try World()
        world.given = directory([user("ada", ["photo": long, "notes": [long, long]])])
        #expect(try await world.run().report.exit == .inStep)
        world.client.change { service in
            for id in service.store[.user]?.order ?? [] { try? service.meddle(.user, id) { $0["photo"] = long } }
        }
        let night = try await world.run()
        #expect(night.report.exit == .inStep && night.operations.allSatisfy { $0.status != .planned })
        #expect(world.user("ada")?["photo"] == long)
    }

    @Test(
        "13 B: a look-up that a server refuses is made in its list, and a lost create is found there",
        arguments: [400, 403, 405, 500, 501])
    func lookUps(status: Int) async throws {
        let posts = Counter()
        let world = try World { request, _ in
            if request.head.path?.contains("filter=") == true {
                return .answered(EmulatedResponse(status: status))
            }
            guard request.head.method == .post, posts.next() == 1 else { return nil }
            return .answerLost
        }
        world.directory.people = ["ada", "bo", "cy"].map { .named($0) }
        _ = try await world.run()
        let second = try await world.run()
        #expect(second.report.exit == .inStep, "\(second.report.headline) \(second.report.details)")
        #expect(world.documents(.user).count == 3)
        #expect(try await world.run().report.headline == "No changes. 3 in step.")
    }

    @Test("13 B: where PATCH is not served for groups alone, groups are replaced and users still patched")
    func perKind() async throws {
        let methods = Recorder()
        let world = try World { request, _ in
            let path = request.head.path ?? ""
            methods.add("\(request.head.method.rawValue) \(path.contains("/Groups") ? "group" : "user")")
            guard request.head.method == .patch, path.contains("/Groups/") else { return nil }
            return .answered(EmulatedResponse(status: 405))
        }
        world.directory.people = ["ada", "bo"].map { .named($0) }
        world.directory.teams = ["one", "two", "three"].map {
            Team(id: "group_\($0)", name: $0, members: ["user_ada"])
        }
        for _ in 1...3 { _ = try await world.run() }
        world.directory.people[0].displayName = "Another"
        for index in world.directory.teams.indices { world.directory.teams[index].members = ["user_bo"] }
        let before = methods.all.count
        let night = try await world.run()
        #expect(night.report.exit == .inStep, "\(night.report.headline) \(night.report.details)")
        let sent = methods.all.dropFirst(before)
        #expect(sent.contains("PATCH user") && !sent.contains("PUT user"))
        #expect(sent.contains("PUT group") && !sent.contains("PATCH group"))
        for name in ["one", "two", "three"] { #expect(world.members(name) == ["bo"]) }
    }

    @Test(
        "13 A: where a platform keeps one address alone it is replaced whole, as the primary one",
        arguments: Platform.all.filter { $0.rules?.singleValues ?? false })
    func primary(platform: Platform) async throws {
        let world = try platform.world()
        world.directory.people = ["ada"].map { .named($0) }
        _ = try await world.run()
        for address in ["ada@corp.example", "ada.byrne@corp.example"] {
            world.directory.people[0].email = address
            let night = try await world.run()
            #expect(night.report.exit == .inStep, "\(night.report.headline)")
            let shown = world.documents(.user).first?["emails"]?.array
            #expect(shown?.count == 1 && shown?[0]["primary"] == true, "\(shown ?? [])")
            #expect(shown?[0]["value"] == .string(address), "\(shown ?? [])")
        }
    }

    @Test("13 B: each way of writing is told once, with the key that says it by hand, and remembered")
    func ways() {
        for way in DialectWay.allCases where way.isOfWriting {
            let dialect = Dialect()
            dialect.note(way)
            let told = dialect.report("target")
            #expect(told.count == 1 && told[0].contains(way.sentence), "\(way): \(told)")
            if let key = way.key { #expect(told[0].hasSuffix("; \(key) says it by hand"), "\(told)") }
            let next = Dialect()
            next.restore(dialect.memory)
            next.note(way)
            #expect(next.has(way) && next.report("target").isEmpty, "\(way)")
        }
    }

    @Test("13 D1: numbers of any size and kind are read within bounds, or not at all")
    func numbers() throws {
        let parser = JSONParser()
        let most = 1 << 53
        for (text, number) in [
            ("12", 12), ("-3", -3), (#""50""#, 50), (#""-1""#, -1), ("\(most)", most), ("-\(most)", -most),
            ("\(most + 1)", nil), ("9223372036854775807", nil), ("-9223372036854775808", nil),
            ("9223372036854775808", nil), ("18446744073709551616", nil), ("1e308", nil), ("0.5", nil),
            (#""9223372036854775808""#, nil), (#""1e3""#, nil), (#""""#, nil), ("true", nil), ("[]", nil),
            ("null", nil), ("\"\(String(repeating: "9", count: 400))\"", nil),
        ] as [(String, Int?)] {
            let read = try? parser.parse(Array("{\"n\":\(text)}".utf8), { $0["n"]?.lenientInteger })
            #expect(read == number, "\(text)")
        }
    }

    @Test(
        "13 D1: a directory file that was turned, cut or spoiled ends in an exit code, and takes nobody's access for it"
    )
    func spoiledFiles() async throws {
        let good = directory((0..<6).map { user("person\($0)") })
        let parts = [
            #""userId""#, #""username""#, "enabled", "@", "{", "}", "[", "]", ",", ":", "\"", "\u{0}", "\u{FEFF}",
            "\\u0000",
            "99999999999999999999", "null",
        ]
        var seen: Set<ExitCode> = []
        for seed in UInt64(1)...80 {
            var dice = SeededGenerator(seed: seed)
            let world = try World()
            world.given = good
            #expect(try await world.run().report.exit == .inStep)
            var bytes = Array(good.utf8)
            for _ in 0...Int.random(in: 0...3, using: &dice) {
                let place = Int.random(in: 0..<bytes.count, using: &dice)
                let length = min(Int.random(in: 1...60, using: &dice), bytes.count - place)
                switch Int.random(in: 0..<4, using: &dice) {
                case 0: bytes.removeSubrange(place..<place + length)
                case 1: bytes.insert(contentsOf: bytes[place..<place + length], at: place)
                case 2: bytes.insert(contentsOf: Array((parts.randomElement(using: &dice) ?? "").utf8), at: place)
                default: bytes = Array(bytes.prefix(max(place, 1)))
                }
            }
            world.given = String(decoding: bytes, as: UTF8.self)
            let night = try await world.run()
            seen.insert(night.report.exit)
            #expect(night.report.exit != .internalError, "seed \(seed): \(night.report.details)")
            // What is no document at all ends nobody's access.
            if (try? JSONValue(parsing: bytes)) == nil {
                #expect(
                    world.documents(.user).count { $0["active"] == true } == 6, "seed \(seed): \(night.report.headline)"
                )
            }
        }
        #expect(seen.count >= 3, "\(seen)")
    }

    @Test("13 D3: a target that repeats the credential, in any spelling and place, is not repeated in anything")
    func echo() async throws {
        let secret = "Zk9/corr+ct=horse\"7f3a"
        let json = JSONValue.string(secret).canonical.dropFirst().dropLast()
        let forms = [
            secret, json.replacingOccurrences(of: "/", with: "\\/"),
            json.replacingOccurrences(of: "+", with: "\\u002B"),
            PercentEncoding.encode(secret), Data(secret.utf8).base64EncodedString(),
            Data("client:\(secret)".utf8).base64EncodedString(),
            secret.map { "&#\($0.unicodeScalars.first?.value ?? 0);" }.joined(),
            secret.replacingOccurrences(of: "\"", with: "&quot;").replacingOccurrences(of: "/", with: "&sol;"),
        ]
        for form in forms {
            var options = ServiceOptions()
            options.tokens = [secret]
            let world = try World(options: options) { request, _ in
                if request.head.method == .post, String(decoding: request.body, as: UTF8.self).contains("bo@") {
                    return .answered(
                        EmulatedResponse(
                            status: 400,
                            body: Array((["detail": .string("bad: Bearer \(form)")] as JSONValue).canonical.utf8)))
                }
                guard request.head.method == .get, request.head.path?.contains("/Users?") == true else { return nil }
                return .altered { answer in
                    guard var page = try? JSONValue(parsing: answer.body), let resources = page["Resources"]?.array
                    else {
                        return answer
                    }
                    page["Resources"] = .array(
                        resources.map {
                            var resource = $0
                            resource["displayName"] = .string("is \(form)")
                            return resource
                        })
                    var answer = answer
                    answer.body = page.canonicalBytes
                    return answer
                }
            }
            world.environment["TOKEN"] = secret
            world.directory.people = ["ada", "bo"].map { .named($0) }
            var told = ""
            for _ in 1...2 {
                let night = try await world.run()
                told += "\(night.report) \(night.operations)"
            }
            // What is masked of a base64 of more is what the secret alone decides.
            #expect(told.contains("bad: Bearer ") && told.contains("***") && told.contains("is "), "\(form): \(told)")
            for form in forms + [String(json)] { #expect(!told.contains(form), "\(form)") }
        }
    }

    @Test("13 B: a leaver that is back with a status in a wrong shape is not let in, nor into a group", arguments: odd)
    func returned(value: JSONValue) async throws {
        for job in [World.job(), World.job() + "\nmapping: { active: null }"] {
            let world = try World(job: job)
            func document(_ users: [JSONValue], _ members: [JSONValue]) -> String {
                ([
                    "users": .array(users),
                    "groups": [["groupId": "g", "groupName": "Ops", "members": .array(members)]],
                ]
                    as JSONValue).canonical
            }
            world.given = document([user("ada"), user("bo")], ["user_ada", "user_bo"])
            _ = try await world.run()
            world.given = document([user("bo")], ["user_bo"])
            _ = try await world.run()
            #expect(world.user("ada")?["active"] == false)
            world.given = document(
                [user("ada", ["status": value, "displayName": "Another Name"]), user("bo")], ["user_ada", "user_bo"])
            for _ in 1...3 {
                let night = try await world.run()
                #expect(
                    world.user("ada")?["active"] == false && world.members("Ops") == ["bo"], "\(night.report.headline)")
            }
            world.given = document([user("ada"), user("bo")], ["user_ada", "user_bo"])
            _ = try await world.run()
            #expect(world.user("ada")?["active"] == true && world.members("Ops") == ["ada", "bo"])
        }
    }

    @Test("13 B: a default never stands for a status in a wrong shape", arguments: odd)
    func defaults(value: JSONValue) async throws {
        let world = try World(job: World.job() + "\nmapping: { active: { from: status, default: disabled } }")
        world.given = directory([user("ada"), user("bo")])
        _ = try await world.run()
        world.given = directory([user("ada", ["status": value]), user("bo")])
        let night = try await world.run()
        #expect(world.user("ada")?["active"] == true && night.report.exit == .recordsFailed, "\(night.report.headline)")
    }

    @Test("13 A: what a SCIM source shows as nothing is nothing, and who is in a group by no readable id holds it")
    func emptied() async throws {
        let shown = Recorder()
        let world = try World { request, _ in
            guard let form = shown.all.last, request.head.path?.hasPrefix("/directory/") == true else { return nil }
            return .altered { answer in
                let text = String(decoding: answer.body, as: UTF8.self)
                let parts = form.split(separator: "|").map(String.init)
                var answer = answer
                answer.body = Array(text.replacing(try! Regex(parts[0]), with: parts[1]).utf8)
                return answer
            }
        }
        world.serveDirectory()
        world.directory.people = ["ada", "bo"].map { .named($0) }
        world.directory.teams = [Team(id: "g", name: "Ops", members: ["user_ada", "user_bo"])]
        #expect(try await world.run().report.exit == .inStep)
        // A member whom nobody can name is not one that has left.
        shown.add(#"\{[^{}]*"value":"user_bo"[^{}]*\}|{"value":{"id":"user_bo"}}"#)
        let broken = try await world.run()
        #expect(broken.report.exit != .inStep && world.members("Ops") == ["ada", "bo"], "\(broken.report.headline)")
        // Addresses without a value are none, in any spelling.
        for (number, form) in [
            #""emails":\[[^\]]*\]|"emails":[{"type":"work","value":null}]"#,
            #""emails":\[[^\]]*\]|"emails":[{"type":"work","primary":true}]"#, #""emails":\[[^\]]*\]|"emails":[""]"#,
            #""emails":\[[^\]]*\]|"name":[],"emails":[]"#,
        ].enumerated() {
            shown.add("nothing at all|x")
            world.directory.people[0].displayName = "Ada \(number)"
            #expect(try await world.run().report.exit == .inStep)
            #expect(world.user("ada")?["emails"]?.array?.first?["value"] == "ada@corp.example")
            shown.add(form)
            let night = try await world.run()
            #expect(world.user("ada")?["emails"] == nil, "\(form): \(night.report.headline) \(night.report.details)")
            #expect(night.report.exit == .inStep, "\(form): \(night.report.headline) \(night.report.details)")
        }
    }
}
