import Directory
import Foundation
import HTTP
import HTTPTypes
import JSON
import Jobs
import Synchronization
import Testing
import SCIM

/// Where an access key is looked for, and how long it is used; CommandTests compares the order with the official
/// package.
@Suite struct CredentialChainTests {
    private static func home(_ files: [String: String]) throws -> String {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
            "rollcall-home-\(ProcessInfo.processInfo.globallyUniqueString)")
        for (name, text) in files {
            let file = folder.appendingPathComponent(name)
            try FileManager.default.createDirectory(
                at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data(text.utf8).write(to: file)
        }
        return folder.path
    }

    /// Answers as it is told, and keeps what it was asked.
    private final class Scripted: HTTPClient {
        let asked = Mutex<[OutgoingRequest]>([])
        let answer: @Sendable (OutgoingRequest, Int) throws(TransportError) -> (Int, String)
        init(_ answer: @escaping @Sendable (OutgoingRequest, Int) throws(TransportError) -> (Int, String)) {
            self.answer = answer
        }
        func send(_ request: OutgoingRequest) async throws(TransportError) -> IncomingResponse {
            let count = asked.withLock { list in
                list.append(request)
                return list.count
            }
            let (status, body) = try answer(request, count)
            return IncomingResponse(head: HTTPResponse(status: .init(code: status)), body: Array(body.utf8))
        }
    }

    private final class Clock: Sendable {
        let now = Mutex(0.0)
        var time: Time {
            Time(
                wall: { 1_790_000_000 + self.now.withLock { $0 } }, monotonic: { self.now.withLock { $0 } },
                sleep: { _ in }, random: { 0.5 })
        }
        func pass(_ seconds: Double) { now.withLock { $0 += seconds } }
    }

    private static func temporary(_ name: String, until end: Double) -> String {
        #"""
        {"Code": "Success", "AccessKeyId": "\#(name)", "AccessKeySecret": "s", "SecurityToken": "t", \#
        "Expiration": "\#(Timestamp.text(end))"}
        """#
    }

    @Test(
        """
        13 C: a temporary key is renewed a quarter of an hour before it ends, and used to its end where it cannot \
        be renewed
        """
    )
    func renewal() async throws {
        let clock = Clock()
        let server = Scripted { request, count in
            if request.head.path == "/latest/api/token" { return (200, "session") }
            return count < 5
                ? (200, Self.temporary("key\(count)", until: 1_790_000_000 + clock.now.withLock { $0 } + 3600))
                : (500, "{}")
        }
        let chain = CredentialChain(
            environment: ["HOME": "/nonexistent", "ALIBABA_CLOUD_ECS_METADATA": "role"], client: server,
            time: clock.time)
        #expect(try await chain.accessKey().id == "key2")
        clock.pass(2690)
        #expect(try await chain.accessKey().id == "key2")
        clock.pass(20)
        #expect(try await chain.accessKey().id == "key4")
        clock.pass(3000)
        #expect(try await chain.accessKey().id == "key4", "the service is in trouble, and the key still good")
        clock.pass(700)
        await #expect { try await chain.accessKey() } throws: { "\($0)".contains("status 500") }
    }

    @Test(
        """
        13 C: a machine without a metadata service is asked once, for less than a second, over no proxy; nothing \
        found names every place
        """
    )
    func missing() async throws {
        let place = try Self.home([
            ".aliyun/config.json":
                #"{"current": "a", "profiles": [{"name": "a", "mode": "OAuth", "access_key_secret": "cli-secret"}]}"#
        ])
        defer { try? FileManager.default.removeItem(atPath: place) }
        let server = Scripted { _, _ throws(TransportError) in throw .notSent("no route") }
        let chain = CredentialChain(environment: ["HOME": place], client: server, time: Clock().time)
        await #expect { try await chain.accessKey() } throws: { error in
            let text = "\(error)"
            return ["ALIBABA_CLOUD_ACCESS_KEY_ID", "mode OAuth", "credentials.ini", "100.100.100.200"].allSatisfy {
                text.contains($0)
            } && !text.contains("cli-secret")
        }
        let asked = server.asked.withLock { $0 }
        #expect(
            asked.count == 1 && asked.allSatisfy { $0.connectTimeout < 1 && $0.totalTimeout < 1 && $0.attempts == 1 })
        #expect(
            URLParts("http://100.100.100.200")?.isLinkLocal == true
                && URLParts("http://169.254.1.1")?.isLinkLocal == true
                && URLParts("http://100.100.100.20")?.isLinkLocal == false)
    }

    @Test("13 C: a key never comes over plain http from another machine")
    func plain() async throws {
        let server = Scripted { _, _ in (200, Self.temporary("key", until: 1_900_000_000)) }
        let environment = [
            "HOME": "/nonexistent", "ALIBABA_CLOUD_ECS_METADATA_DISABLED": "true",
            "ALIBABA_CLOUD_CREDENTIALS_URI": "http://keys.corp.example/k",
        ]
        await #expect {
            try await CredentialChain(environment: environment, client: server, time: Clock().time).accessKey()
        } throws: { "\($0)".contains("plain http") }
        #expect(server.asked.withLock { $0.isEmpty })
    }

    @Test("13 C: AssumeRole is signed with the profile's key, and what an OIDC role sends stands in the body")
    func roles() async throws {
        let profile =
            #"""
            {"name": "a", "mode": "RamRoleArn", "access_key_id": "LTAI5base", "access_key_secret": "base", \#
            "ram_role_arn": "acs:ram::1:role/x", "external_id": "e"}
            """#
        let place = try Self.home([
            ".aliyun/config.json": #"{"current": "a", "profiles": [\#(profile)]}"#, "token": "the-oidc-token",
        ])
        defer { try? FileManager.default.removeItem(atPath: place) }
        let server = Scripted { _, _ in (200, #"{"Credentials": \#(Self.temporary("key", until: 1_900_000_000))}"#) }
        _ = try await CredentialChain(environment: ["HOME": place], client: server, time: Clock().time).accessKey()
        let oidc = [
            "ALIBABA_CLOUD_OIDC_TOKEN_FILE": "\(place)/token", "ALIBABA_CLOUD_ROLE_ARN": "r",
            "ALIBABA_CLOUD_OIDC_PROVIDER_ARN": "p",
        ]
        _ = try await CredentialChain(
            environment: oidc.merging(["HOME": place]) { $1 }, client: server, time: Clock().time
        ).accessKey()
        let asked = server.asked.withLock { $0 }
        #expect(
            asked.count == 2
                && asked.allSatisfy {
                    $0.head.authority == "sts.aliyuncs.com" && $0.head.scheme == "https" && $0.isConfidential
                })
        #expect(asked[0].head.headerFields[.authorization]?.hasPrefix("ACS3-HMAC-SHA256 Credential=LTAI5base,") == true)
        #expect(
            asked[0].head.path?.contains("ExternalId=e&RoleArn=acs%3Aram%3A%3A1%3Arole%2Fx&RoleSessionName=rollcall")
                == true)
        #expect(
            asked[1].head.method == .post && asked[1].head.path?.contains("the-oidc-token") == false
                && String(decoding: asked[1].body, as: UTF8.self).contains("OIDCToken=the-oidc-token"))
    }

    @Test("13 C: a profile's program is run with accessKey: { chain: full } alone, without a shell, within bounds")
    func programs() async throws {
        let profile =
            #"""
            {"name": "a", "mode": "External", "process_command": "printf '%s' '{\"mode\": \"AK\", \#
            \"access_key_id\": \"printed\", \"access_key_secret\": \"s\"}'"}
            """#
        let place = try Self.home([".aliyun/config.json": #"{"current": "a", "profiles": [\#(profile)]}"#])
        defer { try? FileManager.default.removeItem(atPath: place) }
        let server = Scripted { _, _ throws(TransportError) in throw .notSent("no route") }
        let environment = ["HOME": place, "PATH": "/usr/bin:/bin"]
        await #expect {
            try await CredentialChain(environment: environment, client: server, time: Clock().time).accessKey()
        } throws: { "\($0)".contains("chain: full") }
        let chain = CredentialChain(
            environment: environment, client: server, time: Clock().time,
            run: {
                try await ChildProgram.run(
                    aside: ChildProgram.arguments(of: $0), environment: ["PATH": "/usr/bin:/bin"], seconds: 10,
                    limit: 65536)
            })
        #expect(try await chain.accessKey().id == "printed")
    }

    @Test("a program gets what it is given and nothing else; its status, its time and its output are bounded")
    func childProgram() throws {
        let path = ["PATH": "/usr/bin:/bin"]
        func run(_ script: String, input: String = "", seconds: Double = 10, limit: Int = 1000) throws -> String {
            String(
                decoding: try ChildProgram.run(
                    ["sh", "-c", script], environment: path, input: Array(input.utf8), seconds: seconds, limit: limit),
                as: UTF8.self)
        }
        #expect(try run("cat", input: "given") == "given")
        #expect(
            try run("env | grep -v -e ^PATH= -e ^PWD= -e ^_= -e ^SHLVL= -e ^OLDPWD= ; ls /proc/self/fd | wc -l")
                == "4\n", "no variable and no open file goes along")
        #expect { try run("echo no such secret >&2; exit 3") } throws: {
            "\($0)".contains("ended with 3: no such secret")
        }
        #expect { try run("head -c 2000 /dev/zero") } throws: { "\($0)".contains("more than 1000 bytes") }
        let began = Date()
        #expect { try run("sleep 30 & sleep 30", seconds: 0.3) } throws: { "\($0)".contains("took longer") }
        #expect(Date().timeIntervalSince(began) < 5)
        #expect { try ChildProgram.run(["no-such-program"], environment: path, seconds: 1, limit: 10) } throws: {
            "\($0)".contains("not there")
        }
        #expect(ChildProgram.arguments(of: #"a 'b c' "d \" e" f\ g ''"#) == ["a", "b c", "d \" e", "f g", ""])
    }
}
