import Emulation
import Foundation
import HTTP
import JSON
import Ledger
import Provisioning
import Simulation

/// A platform in the suite: its name, and an emulator that enforces its rules.
package struct Platform: Sendable {
    package var name: String
    package var rules: VendorRules?

    package init(name: String, rules: VendorRules?) {
        self.name = name
        self.rules = rules
    }

    package static let all = [
        Platform(name: "generic", rules: nil), Platform(name: "ram", rules: .ram),
        Platform(name: "cloudsso", rules: .cloudSSO), Platform(name: "tencent-identity-center", rules: .tencent),
        Platform(name: "volcengine-identity-center", rules: .volcengine),
        Platform(name: "huawei-identity-center", rules: .huawei), Platform(name: "aws-identity-center", rules: .aws),
        // The older service, which ends at 50 and does not know the filter over groups.
        older,
    ]
    package static let older: Platform = {
        var rules = VendorRules.aws
        rules.ignoresCursor = true
        rules.refusesGroupsFilter = true
        return Platform(name: "aws-identity-center", rules: rules)
    }()
    package static let ram = Platform(name: "ram", rules: .ram)

    package var hasGroups: Bool { rules?.hasGroups ?? true }
    package var hasActiveFlag: Bool { name != "ram" && name != "volcengine-identity-center" }
    package var mayRename: Bool { !(rules?.immutable.contains("userName") ?? false) }
    package var isLowercased: Bool { name == "ram" || name == "cloudsso" }
    package var isListed: Bool { !(rules?.hidesUnmanaged ?? false) }
    /// Whether nothing shows who is in a group.
    package var hidesMembers: Bool { Profile.named(name)?.memberReading == [.ledger] }

    package func world(
        _ extra: String = generous, noHandMade: Bool = true, seed: UInt64 = 1, clock: VirtualTime? = nil,
        ledger: Ledger? = nil,
        fault: @escaping @Sendable (OutgoingRequest, Int) -> InProcessClient.Fault? = { _, _ in nil }
    ) throws -> World {
        var options = rules.map { ServiceOptions.vendor($0) } ?? ServiceOptions()
        let needsOAuth = name == "ram"
        if needsOAuth { options.clients = ["client": "correct horse"] } else { options.tokens = ["correct horse"] }
        let authorization =
            needsOAuth
            ? """
            { oauth: { tokenURL: http://127.0.0.1:1/oauth/token, clientID: client, clientSecret: \"${TOKEN}\", \
            placement: basic } }
            """
            : "{ key: \"${TOKEN}\" }"
        // As `World.job` does, where the platform has a choice.
        let existing = extra.contains("existing:") || rules?.takesOver ?? false ? "" : "\nexisting: associate"
        let job = """
            job: world
            source: { kind: file, path: directory.json }
            target:
              platform: \(name)
              baseURL: http://127.0.0.1:1\(options.vendor.path)
              authorization: \(authorization)\(rules?.takesOver ?? false ? "\n  noHandMade: \(noHandMade)" : "")
            \(extra)\(existing)
            """
        let world = try World(job: job, options: options, seed: seed, ledger: ledger, clock: clock, fault: fault)
        world.permissions.firstRun = !isListed
        return world
    }

    package static let generous =
        """
        limits: { source.shrink: none, users.delete: none, users.disable: none, users.clear: none, groups.delete: \
        none, memberships.remove: none }
        """
    package static let deleting = generous + "\nleavers: { disable: immediately, delete: immediately }"

    /// An account that somebody else made, acceptable to the platform.
    package func stranger(_ name: String) -> JSONValue {
        [
            "userName": .string(name), "displayName": "Was here", "name": ["givenName": "Was", "familyName": "Here"],
            "emails": [["value": .string("\(name)@other.example"), "type": "work", "primary": true]],
        ]
    }
}
