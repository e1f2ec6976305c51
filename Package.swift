// swift-tools-version: 6.1
import PackageDescription

// What is imported of other packages.
let argumentParser = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let grdb = Target.Dependency.product(name: "GRDB", package: "GRDB.swift")
let grdbSQLite = Target.Dependency.product(name: "GRDBSQLite", package: "GRDB.swift")
let httpTypes = Target.Dependency.product(name: "HTTPTypes", package: "swift-http-types")
let hummingbird = Target.Dependency.product(name: "Hummingbird", package: "hummingbird")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let yams = Target.Dependency.product(name: "Yams", package: "Yams")

let package = Package(
    name: "rollcall",
    products: [
        .executable(name: "rollcall", targets: ["rollcall"]),
        .executable(name: "rollcall-sandbox", targets: ["rollcall-sandbox"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
        .package(url: "https://github.com/apple/swift-http-types", exact: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log", exact: "1.16.2"),
        .package(url: "https://github.com/groue/GRDB.swift", exact: "7.10.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", exact: "2.28.1", traits: []),
        .package(url: "https://github.com/jpsim/Yams", exact: "6.2.2"),
    ],
    targets: [
        // C bridges
        .target(name: "CCurl", linkerSettings: [.linkedLibrary("curl")]),
        .target(name: "CSimdJSON", linkerSettings: [.linkedLibrary("simdjson")]),
        .target(name: "CCrypto", linkerSettings: [.linkedLibrary("crypto")]),

        // vocabulary and transport
        .target(name: "JSON", dependencies: ["CSimdJSON", "CCrypto"]),
        .target(name: "SCIM", dependencies: ["JSON"]),
        .target(name: "HTTP", dependencies: ["CCurl", "CCrypto", httpTypes, logging]),
        .target(name: "Curl", dependencies: ["CCurl", "HTTP", httpTypes]),
        .target(name: "SCIMTransport", dependencies: ["JSON", "SCIM", "HTTP", httpTypes]),

        // what a plan is made of, and the policy that decides it: values, and no side
        .target(name: "Planning", dependencies: ["JSON", "SCIM"]),

        // the rooms that a run passes
        .target(name: "Jobs", dependencies: ["SCIM", "Planning", yams]),
        .target(name: "Ledger", dependencies: ["JSON", "SCIM", "Planning", grdb, grdbSQLite]),
        .target(name: "Directory", dependencies: ["JSON", "SCIM", "HTTP", "SCIMTransport", httpTypes]),
        .target(name: "Provisioning", dependencies: ["JSON", "SCIM", "HTTP", "SCIMTransport", httpTypes]),
        .target(
            name: "Reconciliation",
            dependencies: [
                "JSON", "SCIM", "HTTP", "SCIMTransport", "Planning", "Jobs", "Ledger", "Directory", "Provisioning",
                logging,
            ]),
        .target(name: "Reporting", dependencies: ["JSON", "SCIM", "HTTP", "Planning", "Ledger", "Reconciliation"]),

        // the other side, for tests and demos
        .target(name: "Emulation", dependencies: ["JSON", "SCIM"]),
        .target(name: "Simulation", dependencies: ["HTTP", "Emulation", httpTypes]),
        // whole runs in one process: random worlds, faults, kills, and the laws that hold all the same
        .target(
            name: "Rehearsal",
            dependencies: [
                "JSON", "SCIM", "HTTP", "Planning", "Jobs", "Ledger", "Directory", "Provisioning", "Reconciliation",
                "Emulation", "Simulation", httpTypes, logging,
            ]),

        .executableTarget(
            name: "rollcall",
            dependencies: [
                "JSON", "SCIM", "HTTP", "Curl", "Planning", "Jobs", "Ledger", "Reconciliation", "Reporting",
                argumentParser, httpTypes, logging,
            ]),
        .executableTarget(
            name: "rollcall-sandbox",
            dependencies: ["JSON", "SCIM", "Emulation", argumentParser, httpTypes, hummingbird, logging]),
        .executableTarget(name: "rollcall-simulate", dependencies: ["Rehearsal", argumentParser]),

        // in process, against emulators
        .testTarget(
            name: "RollcallTests",
            dependencies: [
                "JSON", "SCIM", "HTTP", "Curl", "SCIMTransport", "Planning", "Jobs", "Ledger", "Directory",
                "Provisioning", "Reconciliation", "Reporting", "Emulation", "Simulation", "Rehearsal", grdb,
                httpTypes, logging,
            ], exclude: ["Fixtures"]),
        // the built programs, against the sandbox and against servers that nobody here wrote
        .testTarget(
            name: "CommandTests",
            dependencies: [
                "JSON", "HTTP", "Planning", "Directory", "rollcall", "rollcall-sandbox", "rollcall-simulate", httpTypes,
            ], exclude: ["Golden", "Foreign"]),
    ],
    swiftLanguageModes: [.v6],
    cxxLanguageStandard: .cxx17
)
