// swift-tools-version: 6.1
import PackageDescription

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
        .target(
            name: "HTTP",
            dependencies: [
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Logging", package: "swift-log"),
            ]),
        .target(name: "Curl", dependencies: ["HTTP", "CCurl"]),

        .target(name: "SCIMTransport", dependencies: ["SCIM", "HTTP", "JSON"]),

        // the rooms that a run passes
        .target(name: "Jobs", dependencies: [.product(name: "Yams", package: "Yams")]),
        .target(
            name: "Ledger", dependencies: [.product(name: "GRDB", package: "GRDB.swift"), .product(name: "GRDBSQLite", package: "GRDB.swift")]),
        .target(name: "Directory", dependencies: ["SCIMTransport", "SCIM", "HTTP", "JSON"]),
        .target(name: "Provisioning", dependencies: ["SCIMTransport", "SCIM", "HTTP", "JSON"]),
        .target(
            name: "Reconciliation",
            dependencies: ["Jobs", "Directory", "Provisioning", "Ledger", "SCIMTransport", "SCIM", "HTTP", "JSON"]),
        .target(name: "Reporting", dependencies: ["Reconciliation", "Ledger", "JSON", "HTTP"]),

        // the other side, for tests and demos
        .target(name: "Emulation", dependencies: ["SCIM", "JSON"]),
        .target(name: "Simulation", dependencies: ["HTTP", "Emulation"]),
        // whole runs in one process: random worlds, faults, kills, and the laws that hold all the same
        .target(name: "Rehearsal", dependencies: ["Reconciliation", "Simulation"]),

        .executableTarget(
            name: "rollcall",
            dependencies: [
                "Reconciliation", "Reporting", "Curl",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ]),
        .executableTarget(
            name: "rollcall-sandbox",
            dependencies: [
                "Emulation",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Hummingbird", package: "hummingbird"),
            ]),

        .executableTarget(
            name: "rollcall-simulate",
            dependencies: ["Rehearsal", .product(name: "ArgumentParser", package: "swift-argument-parser")]),

        // in process, against emulators
        .testTarget(
            name: "RollcallTests",
            dependencies: ["Reconciliation", "Reporting", "Rehearsal", "Curl", .product(name: "GRDB", package: "GRDB.swift")],
            exclude: ["Fixtures"]),
        // the built programs, against the sandbox and against servers that nobody here wrote
        .testTarget(name: "CommandTests", dependencies: ["rollcall", "rollcall-sandbox", "rollcall-simulate", "Directory", "HTTP", "JSON"], exclude: ["Golden", "Foreign"]),
    ],
    swiftLanguageModes: [.v6],
    cxxLanguageStandard: .cxx17
)
