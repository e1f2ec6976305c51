import Directory
import JSON
import Jobs
import Provisioning
import Rehearsal
import SCIM
import Simulation
import Testing

@testable import Reconciliation
import Planning

@Suite struct MappingTests {
    @Test(
        "a name in Han characters begins with its surname, a Latin one ends with it",
        arguments: [
            ("陈怡", "陈", "怡"), ("欧阳敏", "欧阳", "敏"), ("諸葛亮", "諸葛", "亮"), ("司马", "司", "马"), ("欧阳", "欧", "阳"),
            ("王", "王", nil), ("张 三", "张", "三"), ("周　九", "周", "九"), ("李 四 (Li Si)", "李", "四"),
            ("张三-技术部", "张", "三"), ("【外包】李四", "李", "四"),
            ("李四（外包）", "李", "四"), ("张三丰_离职", "张", "三丰"), ("买买提·吐尔逊", "吐尔逊", "买买提"), ("买买提·吐尔逊·阿里", "吐尔逊·阿里", "买买提"),
            ("丰", "丰", nil), ("欧阳 娜娜", "欧阳", "娜娜"),
            ("Mary Smith-Jones", "Smith-Jones", "Mary"),
            ("Anna-Maria Schmidt", "Schmidt", "Anna-Maria"), ("约翰•史密斯", "史密斯", "约翰"), ("(Ops)", "Ops", nil),
            ("Ada Byrne (EU)", "Byrne", "Ada"), ("", nil, nil), ("张三/市场", "张", "三"),
            ("Ada Byrne", "Byrne", "Ada"), ("Juan  Carlos de la Cruz", "Cruz", "Juan Carlos de la"),
            (" Cher ", "Cher", nil), ("Wang 小明", "小明", "Wang"),
        ] as [(String, String?, String?)])
    func names(name: String, family: String?, given: String?) {
        let split = PersonalNames.split(name)
        #expect(split.family == family)
        #expect(split.given == given)
    }

    @Test("the short way for western names and the general one agree on every name")
    func names() {
        let parts = [
            "Ada", "O'Neill", "van der", "-", "_", ".", ",", "x/y", "\t", "  ", " ", "\r\n", "1", "Jr.", "", "a-b", "|",
            ":",
        ]
        for seed in UInt64(1)...4000 {
            var dice = SeededGenerator(seed: seed)
            let name = (0..<Int.random(in: 0...5, using: &dice)).map { _ in parts.randomElement(using: &dice) ?? "" }
                .joined(separator: Bool.random(using: &dice) ? " " : "")
            #expect(PersonalNames.split(name) == PersonalNames.general(name), "\(name.debugDescription)")
        }
    }

    @Test(
        "telephone numbers become E.164, and what is none is named",
        arguments: [
            ("86", "138 0000-0001", PhoneNumbers.Reading.number("+8613800000001")),
            ("+44", "(020) 7946 0000", .number("+4402079460000")), ("0049", "3012345", .number("+493012345")),
            (
                nil, "13800000001",
                .unreadable(
                    """
                    “13800000001” has no calling code; phoneRegion in the source, or phoneRegion: \"86\" in the \
                    job, gives it one
                    """
                )
            ),
            (nil, "tel:+86-138-0000-0001;ext=9", .number("+8613800000001")), (nil, "+1 555 0100", .number("+15550100")),
            ("86", nil, .absent), ("86", "", .absent),
            (
                "86", "call me",
                .unreadable("“call me” is no telephone number of 4 to 15 digits; correct it in the source")
            ), ("8x", "12345", .unreadable("the calling code “8x” is no number")),
            ("86", "123456789012345", .unreadable("+86123456789012345 has more than 15 digits")),
        ] as [(String?, String?, PhoneNumbers.Reading)])
    func phones(region: String?, number: String?, expected: PhoneNumbers.Reading) {
        #expect(PhoneNumbers.read(region: region, number: number) == expected)
    }

    private func table(_ mapping: String = "") throws -> MappingTable {
        MappingTable(
            kind: .user, job: try Job.read(text: World.job(mapping), path: "w.yaml", vocabulary: .current),
            profile: .generic)
    }

    private func desired(_ fields: [String: String], _ mapping: String = "") throws -> (
        values: [String: JSONValue], problem: String?, note: String?
    ) {
        let result = try table(mapping).desired(
            DirectoryRecord(
                kind: .user, id: "u1", fields: fields.merging(["userId": "u1"]) { first, _ in first }, place: "line 1"),
            now: 1000)
        let complaints = [result.problem].compactMap { $0 } + result.flaws
        return (Body.values(result.body), complaints.isEmpty ? nil : complaints.joined(separator: "; "), result.note)
    }

    @Test("the default mapping fills what the directory has, and null where it has nothing")
    func defaults() throws {
        let (values, problem, _) = try desired([
            "username": "ada", "displayName": "Ada Byrne", "email": "A@corp.example", "phoneRegion": "86",
            "phoneNumber": "13800000001", "status": "enabled",
        ])
        #expect(problem == nil)
        #expect(
            values == [
                "userName": "ada", "externalId": "u1", "displayName": "Ada Byrne", "name.givenName": "Ada",
                "name.familyName": "Byrne", "active": true, "emails[work]": "A@corp.example",
                "phoneNumbers[work]": "+8613800000001",
            ])
        let (bare, _, note) = try desired(["username": "ada"])
        #expect(
            bare["displayName"] == "ada" && bare["emails[work]"] == .null && bare["name.familyName"] == .null
                && bare["active"] == nil)
        #expect(note != nil)
    }

    @Test("mapping overrides: from, default, template, lowercase, part, and none")
    func overrides() throws {
        let (values, problem, _) = try desired(
            ["username": "Ada", "displayName": "Ada Byrne", "customFields.centre": "R7"],
            """
            mapping:
              userName: { template: "{username}@Corp.Example", lowercase: true }
              title: { from: customFields.centre, default: none }
              nickName: { from: givenName, default: "-" }
              displayName: { from: displayName, part: family }
              phoneNumbers[work]: null
              "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department": { from: customFields.centre }
            """)
        #expect(problem == nil)
        #expect(
            values["userName"] == "ada@corp.example" && values["title"] == "R7" && values["nickName"] == "-"
                && values["displayName"] == "Byrne")
        #expect(values["phoneNumbers[work]"] == nil)
        #expect(values["urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department"] == "R7")
        // A template without one of its fields gives no value, never half of one.
        let (half, missing, _) = try desired([:], "mapping: { userName: { template: \"{username}@x.example\" } }")
        #expect(half["userName"] == nil && missing?.contains("userName") == true)
    }

    @Test("an account that has expired counts as disabled")
    func expiry() throws {
        #expect(
            try desired(["username": "a", "status": "enabled", "accountExpireTime": "999999"]).values["active"] == false
        )
        #expect(
            try desired(["username": "a", "status": "enabled", "accountExpireTime": "1000001"]).values["active"] == true
        )
        for never in ["0", "-1"] {
            #expect(
                try desired(["username": "a", "status": "enabled", "accountExpireTime": never]).values["active"] == true
            )
        }
    }

    @Test("paths find, set and patch values, and leave their neighbours alone")
    func paths() throws {
        let text =
            "{\"name\":{\"familyName\":\"B\",\"middleName\":\"M\"},\"emails\":[{\"type\":\"home\","
            + "\"value\":\"h\"},{\"Type\":\"WORK\",\"value\":\"w\"}],\"active\":\"True\"}"
        try JSONParser().parse(text) { root in
            let view = ShownResource(root)
            #expect(AttributePath("name.familyName")?.value(in: view) == "B")
            #expect(AttributePath("emails[work]")?.value(in: view) == "w")
            #expect(AttributePath("emails[other]")?.value(in: view) == nil)
        }
        var resource = try JSONValue(parsing: Array(text.utf8))
        try #require(AttributePath("emails[other]")).set("o", in: &resource)
        try #require(AttributePath("emails[home]")).set(nil, in: &resource)
        try #require(AttributePath("name.familyName")).set(nil, in: &resource)
        #expect(resource["emails"]?.array?.count == 2 && resource["name"] == ["middleName": "M"])
        let work = try #require(AttributePath("emails[work]"))
        #expect(
            work.patch("x", replacing: true) == [
                "op": "replace", "path": "emails[type eq \"work\"].value", "value": "x",
            ])
        #expect(
            work.patch("x", replacing: false) == [
                "op": "add", "path": "emails", "value": [["type": "work", "value": "x"]],
            ])
        #expect(work.patch(nil, replacing: true) == ["op": "remove", "path": "emails[type eq \"work\"]"])
        #expect(work.patch(nil, replacing: false) == nil)
        for bad in ["", "a.b.c", "emails[", "emails[work].value", "1a", "a b", "a[b c]", ".a"] {
            #expect(AttributePath(bad) == nil, "\(bad)")
        }
    }

    @Test(
        "filters are read and judged as RFC 7644 says",
        arguments: [
            ("userName eq \"ADA\"", true), ("externalId eq \"U1\"", false),
            ("userName sw \"a\" and not (active eq false)", true),
            ("emails[type eq \"work\" and value co \"corp\"]", true),
            ("emails.value ew \".example\"", true), ("title pr or name.familyName pr", true), ("title pr", false),
            ("userName ne \"ada\"", false),
            ("(userName eq \"x\" or userName eq \"ada\") and active eq true", true),
        ])
    func filters(text: String, matches: Bool) throws {
        let resource: JSONValue = [
            "userName": "ada", "externalId": "u1", "active": true, "name": ["familyName": "Byrne"],
            "emails": [["type": "work", "value": "ada@corp.example"]],
        ]
        #expect(try Filter(parsing: text).matches(resource) { $0 == "externalId" } == matches)
    }

    @Test(
        "what is no filter is refused",
        arguments: ["", "userName", "userName eq", "userName is \"x\"", "(a pr", "a pr)", "a eq \"x", "a pr b pr"])
    func badFilters(text: String) {
        #expect(throws: SCIMError.self) { try Filter(parsing: text) }
    }

    @Test(
        "glob patterns match folded names",
        arguments: [
            ("break-glass*", "Break-Glass-1", true), ("adm?n", "ADMIN", true), ("adm?n", "admn", false),
            ("*", "", true), ("a*c*e", "abcde", true), ("a*c", "abcd", false),
        ])
    func globs(pattern: String, name: String, matches: Bool) {
        #expect(GlobPatterns([pattern]).matches(name) == matches)
    }

    /// The shape of version 0.1.0: ledgers keep a digest of how it prints.
    private struct AttributeMapping {
        var name: String
        var path: AttributePath
        var rule: ValueRule
        var isCaseInsensitive: Bool
        var isCritical: Bool
        var isRequired: Bool
        var isImmutable: Bool
    }

    @Test("15: the digest of a mapping, which ledgers keep, is made of what it was always made of")
    func mappingText() throws {
        for profile in Profile.all {
            let job = try Job.read(text: World.job(), path: "w.yaml", vocabulary: .current)
            for kind in ResourceKind.allCases {
                for attribute in MappingTable(kind: kind, job: job, profile: profile).attributes {
                    let old = AttributeMapping(
                        name: attribute.name, path: attribute.path, rule: attribute.rule,
                        isCaseInsensitive: attribute.compared.isCaseInsensitive, isCritical: attribute.isCritical,
                        isRequired: attribute.isRequired, isImmutable: attribute.isImmutable)
                    #expect("\(attribute)" == "\(old)")
                }
            }
        }
    }
}
