import Emulation
import Foundation
import HTTP
import HTTPTypes
import JSON
import Simulation
import Testing

@testable import Directory

/// The signature of Alibaba Cloud's APIs, against vectors that the vendor publishes and that its own SDK computes.
@Suite struct SignatureTests {
    private static let key = AccessKey(
        id: "LTAI5tEXAMPLEKEYID0000", secret: Secret("EXAMPLEsecret0000000000000000"), origin: "test")
    private static let instance = ("InstanceId", "idaas_abcdefgh234567ijklmnop2345")

    private func headers(
        _ host: String, _ action: String, version: String = "2021-12-01", date: String = "2026-01-15T08:30:00Z",
        nonce: String = "0123456789abcdef0123456789abcdef"
    ) -> [(
        name: String, value: String
    )] {
        [
            ("host", host), ("x-acs-action", action),
            ("x-acs-content-sha256", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            ("x-acs-date", date),
            ("x-acs-signature-nonce", nonce), ("x-acs-version", version),
        ]
    }

    @Test("a POST of ListUsers by page")
    func page() {
        let signature = ACS3Signature(
            method: "POST", path: "/", query: [("PageSize", "100"), Self.instance, ("PageNumber", "1")],
            headers: headers("eiam.cn-hangzhou.aliyuncs.com", "ListUsers"), key: Self.key)
        #expect(signature.requestHash == "e1bb240dd547c63861bb40fb283f5abd4f854b7183504dfe16c9ee205b103f2b")
        #expect(signature.value == "00192157e24a0f90a5a4bfef22d8ec81e160b781301a4d568e2c74f979507164")
        #expect(
            signature.authorization
                == """
                ACS3-HMAC-SHA256 \
                Credential=LTAI5tEXAMPLEKEYID0000,SignedHeaders=host;x-acs-action;x-acs-content-sha256;x-acs-date;\
                x-acs-signature-nonce;x-acs-version,Signature=\
                00192157e24a0f90a5a4bfef22d8ec81e160b781301a4d568e2c74f979507164
                """
        )
    }

    @Test("a GET with a port, arrays, Han characters, and every sign that forms encode otherwise")
    func query() {
        let query = [
            Self.instance, ("MaxResults", "100"), ("UserIds.2", "user_bbb"), ("UserIds.1", "user_aaa"),
            ("UsernameStartsWith", "张 三+~*/"),
        ]
        #expect(
            ACS3Signature.canonical(query)
                == "InstanceId=idaas_abcdefgh234567ijklmnop2345&MaxResults=100&UserIds.1=user_aaa&UserIds.2=user_bbb"
                + "&UsernameStartsWith=%E5%BC%A0%20%E4%B8%89%2B~%2A%2F"
        )
        let signature = ACS3Signature(
            method: "GET", path: "/", query: query, headers: headers("127.0.0.1:18080", "ListUsers"), key: Self.key)
        #expect(signature.requestHash == "6b24dc163e1c54655f18f3480a370c5463c20fc199dd63e0cb99b1978f599555")
        #expect(signature.value == "df33f31a2c050f368b345cce69382ee1e85915897cb03d5a9a0566f62e962dbd")
    }

    @Test("a POST with a temporary key")
    func temporary() {
        let extra = [
            (name: "x-acs-accesskey-id", value: "LTAI5tEXAMPLEKEYID0000"),
            (name: "x-acs-security-token", value: "CAISexampleSTStoken=="),
        ]
        let signature = ACS3Signature(
            method: "POST", path: "/",
            query: [("GroupId", "group_xyz"), Self.instance, ("PageNumber", "1"), ("PageSize", "100")],
            headers: headers("eiam.cn-hangzhou.aliyuncs.com", "ListUsersForGroup") + extra, key: Self.key)
        #expect(signature.requestHash == "570091e5e4f27fb7fd5ef1d2c40867038354e6f9b1f420155379a465a5940b4d")
        #expect(signature.value == "8b29bd09a4ff9699edaa88f2396e53106fc8fc0b333f9552b8bd6910da26d9c1")
    }

    @Test("the vendor's own published vector")
    func published() {
        let query = [("ImageId", "win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd"), ("RegionId", "cn-shanghai")]
        let signature = ACS3Signature(
            method: "POST", path: "/", query: query,
            headers: headers(
                "ecs.cn-shanghai.aliyuncs.com", "RunInstances", version: "2014-05-26", date: "2023-10-26T10:22:32Z",
                nonce: "3156853299f313e23d1673dc12e1703d"),
            key: AccessKey(id: "YourAccessKeyId", secret: Secret("YourAccessKeySecret"), origin: "test"))
        #expect(signature.requestHash == "7ea06492da5221eba5297e897ce16e55f964061054b7695beedaac1145b1e259")
        #expect(signature.value == "06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0")
    }

    @Test("names are sorted without their values: UserIds.1 before UserIds.10 before UserIds.2")
    func order() {
        #expect(
            ACS3Signature.canonical([("UserIds.2", "b"), ("UserIds.10", "j"), ("UserIds.1", "a")])
                == "UserIds.1=a&UserIds.10=j&UserIds.2=b")
    }

    @Test("each attempt is signed anew, and no attempt's nonce comes again")
    func nonces() async throws {
        let clock = VirtualTime()
        var options = IDaaSOptions()
        options.accessKeys = [Self.key.id: Self.key.secret.value]
        options.throttlesEvery = 2
        let client = InProcessClient(
            Landscape(target: SCIMService(), directory: IDaaSService(options: options)), time: clock.time)
        let url = try #require(URLParts("http://127.0.0.1:1"))
        let source = IDaaSSource.management(
            endpoint: url, instance: options.instance, application: nil, keys: FixedAccessKey(Self.key), client: client,
            time: clock.time
        ) {
            Retrying($0, policy: RetryPolicy(), time: clock.time, log: .init(label: "test"))
        }
        for _ in 1...5 {
            guard case .gone? = try await source.find(.user, "user_nobody") else {
                Issue.record("a user that does not exist was found")
                return
            }
        }
        #expect(client.directory?.counters["GetUser"] ?? 0 > 5)
    }

    @Test(
        "13 D1: a pause of any length that IDaaS asks for is taken as seconds, and ends nothing",
        arguments: [("1", "1"), ("1500", "2"), ("2000", "2"), ("9223372036854775807", "9223372036854776"), ("-1", nil)]
            as [(String, String?)])
    func pauses(milliseconds: String, seconds: String?) async throws {
        let client = Translated(next: ScriptedClient([.status(429, ["x-acs-retry-after": milliseconds])]))
        let response = try await client.send(
            OutgoingRequest(head: HTTPRequest(method: .get, scheme: "https", authority: "x.example", path: "/")))
        #expect(response.head.headerFields[.retryAfter] == seconds)
    }
}
