import Foundation
import Jobs
import Rehearsal
import Testing

@testable import Reconciliation

@Suite struct JobTests {
    private func read(_ text: String) throws -> Job {
        try Job.read(text: text, path: "jobs/x.yaml", vocabulary: .current)
    }

    private func mistakes(_ text: String) -> [String] {
        do {
            _ = try read(text)
            return []
        } catch let error as JobFileError { return error.diagnostics.map(\.description) } catch { return ["\(error)"] }
    }

    private static let good = """
        job: nightly
        source: { kind: file, path: directory.json }
        target:
          platform: generic
          baseURL: https://scim.example/v2/
          authorization: { key: "${TOKEN}" }

        """

    @Test("a name is not let go and declined at once")
    func acceptAndDecline() throws {
        #expect {
            try read(Self.good + "\nexisting: { accept: { users: { ada: \"17\" } }, decline: [ada, bo] }")
        } throws: {
            let text = "\($0)"
            return text.contains("existing.decline") && text.contains("lists “ada”") && !text.contains("“bo”")
        }
    }

    @Test("what is left out has careful defaults")
    func defaults() throws {
        let job = try read(Self.good)
        #expect(job.fullPush == [.user, .group])
        #expect(job.operations == [.user: [.create, .update, .delete], .group: [.create, .update, .delete]])
        #expect(job.leavers.disable == .immediately && job.leavers.delete == .days(30) && !job.leavers.deleteAssociated)
        #expect(
            job.limits[.usersDelete] == .percent(5) && job.limits[.groupsDelete] == .percent(10)
                && job.limits[.usersClear] == .percent(5))
        #expect(job.limits[.usersCreate] == nil)
        #expect(job.existing.rule(.user) == .matching && !job.existing.associateDisabled && !job.exclusiveMemberships)
        #expect(job.source == .file(path: "jobs/directory.json", scope: .init()))
        #expect(job.pace.requestsPerSecond == 10 && job.pace.concurrency == 5)
    }

    @Test("every mistake is told at once, with its line, key, rule and remedy")
    func all() {
        let found = mistakes(
            """
            job: a/b
            sauce: { kind: file }
            source: { kind: file, path: d.json, scope: { groups: [] } }
            target:
              platform: generic
              baseURL: http://scim.example/v2
              authorization: { key: hunter2 }
              capabilities: { patch: yes }
            fullPush: [users, organizationalUnits]
            leavers: { delete: soon }
            limits: { users.delete: many, users.vanish: 3 }
            mapping:
              userName: { from: login }
              displayName: { template: "{username" }
              id: { from: userId }
            pace: { requestsPerSecond: 0x10 }
            timezone: CST
            """)
        let expected = [
            (1, "job"), (2, "sauce"), (3, "source.scope.groups"), (6, "target.baseURL"),
            (7, "target.authorization.key"), (8, "target.capabilities.patch"), (9, "fullPush"),
            (10, "leavers.delete"), (11, "limits.users.delete"), (11, "limits.users.vanish"),
            (13, "mapping.userName.from"), (14, "mapping.displayName.template"), (15, "mapping.id"),
            (16, "pace.requestsPerSecond"), (17, "timezone"),
        ]
        for (line, key) in expected {
            #expect(
                found.contains { $0.hasPrefix("jobs/x.yaml:\(line): \(key): ") && $0.contains("; ") },
                "\(line) \(key) in \(found)")
        }
        #expect(found.count == expected.count)
        // The literal may be a secret.
        #expect(!found.joined().contains("hunter2"))
    }

    @Test("a syntax error and a duplicate key come first and alone")
    func syntax() {
        #expect(mistakes("job: x\n  sauce: [\nfoo").count == 1)
        let twice = mistakes("job: x\nwrong: 1\njob: y\n")
        #expect(twice.count == 1 && twice[0].contains("stands twice"))
        #expect(mistakes("").count == 1)
        #expect(mistakes("job: x\nsource: &a { kind: file, path: p }\ntarget: *a\n").contains { $0.contains("anchor") })
    }

    @Test(
        "scalars are read by our own rules, not as YAML 1.1 does",
        arguments: [
            ("job: yes", true), ("job: 0123", true), ("job: 12:30", false), ("job: ~", false), ("job: [a]", false),
            ("job: \"\"", false),
        ])
    func scalars(line: String, isGood: Bool) throws {
        let text = Self.good.replacingOccurrences(of: "job: nightly", with: line)
        #expect(mistakes(text).isEmpty == isGood, "\(mistakes(text))")
        if line == "job: 0123" { #expect(try read(text).name == "0123") }
        if line == "job: yes" { #expect(try read(text).name == "yes") }
    }

    @Test(
        "impossible combinations are refused",
        arguments: [
            ("groups for a target without groups", "target.capabilities", "fullPush: [users, groups]"),
            ("units of a SCIM source", "source.scope.organizationalUnits", ""),
        ])
    func impossible(what: String, key: String, extra: String) {
        let text =
            key.hasPrefix("source")
            ? Self.good.replacingOccurrences(
                of: "{ kind: file, path: directory.json }",
                with:
                    """
                    { kind: scim, baseURL: \"https://idp.example/scim\", authorization: { key: \"${T}\" }, scope: \
                    { organizationalUnits: [ou_1] } }
                    """
            )
            : Self.good + "  capabilities: { groups: false }\n" + extra
        #expect(mistakes(text).count == 1, "\(what): \(mistakes(text))")
    }

    private func idaas(_ lines: String, kind: String = "idaas") -> String {
        Self.good.replacingOccurrences(
            of: "{ kind: file, path: directory.json }", with: "{ kind: \(kind), instance: idaas_x, \(lines) }")
    }

    @Test("IDaaS is named by region or endpoint, with a key, a client, or neither")
    func idaasSources() throws {
        let plain = try read(idaas("region: cn-hangzhou"))
        guard case .idaas(let source) = plain.source else { return #expect(Bool(false), "\(plain.source)") }
        #expect(
            source.endpoint == "https://eiam.cn-hangzhou.aliyuncs.com" && source.accessKey == .chain(full: false)
                && source.application == nil)
        #expect(source.pace.requestsPerSecond == 5 && source.pace.concurrency == 2)
        let client = try read(
            idaas(
                """
                region: cn-hangzhou, application: app_x, client: { secret: \"${S}\" }, scope: { \
                organizationalUnits: [ou_1], recursive: false }
                """,
                kind: "idaas-application"))
        guard case .idaasApplication(let application) = client.source else {
            return #expect(Bool(false), "\(client.source)")
        }
        #expect(
            application.endpoint == "https://eiam-developerapi.cn-hangzhou.aliyuncs.com"
                && application.clientID == .literal("app_x"))
        #expect(!application.scope.isRecursive && plain.source.origin != client.source.origin)
    }

    @Test(
        "mistakes about IDaaS are told",
        arguments: [
            ("", "idaas", "source.region"),
            ("region: cn-hangzhou, endpoint: https://e.example", "idaas", "source.endpoint"),
            ("region: CN/x", "idaas", "source.region"),
            ("region: r, accessKey: { id: x, secret: literal }", "idaas", "source.accessKey.secret"),
            ("region: r, accessKey: { id: x }", "idaas", "source.accessKey.secret"),
            ("region: r, application: app_x, scope: { groups: all }", "idaas", "source.scope"),
            ("region: r, scope: { recursive: false }", "idaas", "source.scope.recursive"),
            ("region: r, scope: { status: disabled }", "idaas", "source.scope.status"),
            ("endpoint: http://e.example", "idaas", "source.endpoint"),
            ("region: r, application: app_x", "idaas-application", "source.client"),
            ("region: r, client: { secret: \"${S}\" }", "idaas-application", "source.application"),
            ("region: r, pace: { concurrency: 0 }", "idaas", "source.pace.concurrency"),
        ])
    func idaasMistakes(lines: String, kind: String, key: String) {
        let found = mistakes(idaas(lines, kind: kind))
        #expect(found.count == 1 && found[0].contains(": \(key): "), "\(found)")
    }

    @Test("the developer API has no language to map")
    func language() {
        let text =
            idaas("region: r, application: app_x, client: { secret: \"${S}\" }", kind: "idaas-application")
            + "mapping: { preferredLanguage: { from: preferredLanguage } }\n"
        #expect(mistakes(text).count == 1 && mistakes(text)[0].contains("developer API"), "\(mistakes(text))")
    }

    @Test("secrets come from the environment or a file, on one line, and are never repeated")
    func secrets() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
            "rollcall-\(ProcessInfo.processInfo.globallyUniqueString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try Data("from file\nsecond line\n".utf8).write(to: folder.appendingPathComponent("key"))
        #expect(try SecretReference("file:key", folder: folder.path)?.resolve(environment: [:]) == "from file")
        #expect(try SecretReference("${A_1}", folder: ".")?.resolve(environment: ["A_1": " v "]) == "v")
        for bad in ["", "plain", "${}", "${A-B}", "$A", "file:"] {
            #expect(SecretReference(bad, folder: ".") == nil, "\(bad)")
        }
        for value in [nil, "", "a\u{7}b", "a\r\nX-Evil: 1"] {
            #expect(throws: SecretReference.Missing.self) {
                try SecretReference("${A}", folder: ".")?.resolve(environment: value.map { ["A": $0] } ?? [:])
            }
        }
    }

    @Test("a key that is not known is told with the one that it is likely a slip for, and with no other")
    func slipsOfKeys() {
        for (key, meant) in [("leaver", "did you mean “leavers”?"), ("name", "known keys are job, ")] {
            let error = #expect(throws: JobFileError.self, "\(key)") {
                try Job.read(text: World.job("\(key): 1"), path: "world.yaml", vocabulary: .current)
            }
            let lines = error?.diagnostics.map { "\($0)" } ?? []
            #expect(lines.contains { $0.contains("\(key): is not known here; \(meant)") }, "\(lines)")
        }
    }

    @Test("a slip in a mapped attribute is told with what was meant, and what is an extension's needs its URN")
    func slips() throws {
        for (name, meant) in [
            ("displayNam", "did you mean “displayName”?"), ("name.givnName", "it has formatted, familyName, givenName"),
            ("department", "begins with its URN"), ("USERNAME", "is spelled userName"),
        ] {
            let text = World.job("mapping: { \(name): { from: username } }")
            let error = #expect(throws: JobFileError.self, "\(name)") {
                try Job.read(text: text, path: "world.yaml", vocabulary: .current)
            }
            #expect(
                error?.diagnostics.contains { "\($0)".contains(meant) } == true,
                "\(name): \(error?.diagnostics.map { "\($0)" } ?? [])")
        }
        for name in [
            "title", "\"emails[home]\"", "name.middleName",
            "\"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department\"",
        ] {
            _ = try Job.read(
                text: World.job("mapping: { \(name): { from: username } }"), path: "world.yaml", vocabulary: .current)
        }
    }
}
