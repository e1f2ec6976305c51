import Foundation
import Synchronization

/// The programs as they were built, run as a user runs them.
enum Program {
    /// The folder of the built products: where this test bundle lies.
    static let products = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
    static let repository = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()
    static let foreign = repository.appendingPathComponent("Tests/CommandTests/Foreign")

    struct Result {
        var exit: Int32
        var output: String
        var error: String
        var everything: String { output + error }
    }

    /// Runs `rollcall` with arguments; ends it after two minutes.
    static func rollcall(_ arguments: [String], environment: [String: String] = [:], in folder: URL? = nil) throws
        -> Result
    {
        try run(products.appendingPathComponent("rollcall"), arguments, environment: environment, in: folder)
    }

    static func run(
        _ executable: URL, _ arguments: [String], environment: [String: String] = [:], in folder: URL? = nil,
        seconds: Double = 120
    ) throws -> Result {
        let process = Process()
        process.executableURL = executable
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { _, new in new }
        if let folder { process.currentDirectoryURL = folder }
        // Files rather than pipes: nothing fills up.
        let place = FileManager.default.temporaryDirectory.appendingPathComponent(
            "rollcall-out-\(ProcessInfo.processInfo.globallyUniqueString)")
        let out = place.appendingPathExtension("out")
        let err = place.appendingPathExtension("err")
        for file in [out, err] { _ = FileManager.default.createFile(atPath: file.path, contents: nil) }
        defer { for file in [out, err] { try? FileManager.default.removeItem(at: file) } }
        process.standardOutput = try FileHandle(forWritingTo: out)
        process.standardError = try FileHandle(forWritingTo: err)
        process.standardInput = FileHandle.nullDevice
        try process.run()
        let deadline = Date().addingTimeInterval(seconds)
        while process.isRunning, Date() < deadline { Thread.sleep(forTimeInterval: 0.01) }
        if process.isRunning { kill(process.processIdentifier, SIGKILL) }
        for _ in 0..<200 where process.isRunning { Thread.sleep(forTimeInterval: 0.01) }
        guard !process.isRunning else {
            throw ServerProcess.Failure(description: "\(executable.lastPathComponent) \(arguments) does not end")
        }
        return Result(
            exit: process.terminationReason == .exit ? process.terminationStatus : 128 + process.terminationStatus,
            output: String(decoding: try Data(contentsOf: out), as: UTF8.self),
            error: String(decoding: try Data(contentsOf: err), as: UTF8.self))
    }
}

/// A server in a process of its own, stopped by its id when the test is done with it.
final class ServerProcess {
    let base: String
    /// The base without its path.
    var origin: String { base.replacingOccurrences(of: "/scim/v2", with: "") }
    private let process: Process
    private let log: URL

    /// Starts a program that prints `READY base=…`, and waits for that line.
    init(_ executable: URL, _ arguments: [String], environment: [String: String] = [:], seconds: Double = 90) throws {
        log = FileManager.default.temporaryDirectory.appendingPathComponent(
            "rollcall-server-\(ProcessInfo.processInfo.globallyUniqueString).log")
        _ = FileManager.default.createFile(atPath: log.path, contents: nil)
        process = Process()
        process.executableURL = executable
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { _, new in new }
        process.standardOutput = try FileHandle(forWritingTo: log)
        process.standardError = try FileHandle(forWritingTo: log)
        process.standardInput = FileHandle.nullDevice
        try process.run()
        let deadline = Date().addingTimeInterval(seconds)
        var ready: String?
        while ready == nil, process.isRunning, Date() < deadline {
            Thread.sleep(forTimeInterval: 0.05)
            let text = String(decoding: try Data(contentsOf: log), as: UTF8.self)
            ready = text.split(separator: "\n").first { $0.hasPrefix("READY base=") }.map {
                String($0.dropFirst("READY base=".count))
            }
        }
        guard let ready else {
            let text = (try? Data(contentsOf: log)).map { String(decoding: $0, as: UTF8.self) } ?? ""
            if process.isRunning { kill(process.processIdentifier, SIGKILL) }
            throw Failure(
                description: "\(executable.lastPathComponent) \(arguments) did not come up: \(text.suffix(2000))")
        }
        base = ready
    }

    struct Failure: Error, CustomStringConvertible { let description: String }

    /// What it has printed so far.
    var output: String { (try? Data(contentsOf: log)).map { String(decoding: $0, as: UTF8.self) } ?? "" }

    static func sandbox(
        _ arguments: [String] = [], token: String = "correct horse battery", environment: [String: String] = [:]
    ) throws -> ServerProcess {
        try ServerProcess(
            Program.products.appendingPathComponent("rollcall-sandbox"), ["--port", "0"] + arguments,
            environment: ["SANDBOX_TOKEN": token].merging(environment) { _, new in new })
    }

    /// One of the servers that nobody here wrote.
    static func foreign(_ name: String, token: String) throws -> ServerProcess {
        try ServerProcess(
            URL(fileURLWithPath: "/bin/bash"),
            [Program.foreign.appendingPathComponent("serve.sh").path, name, String(try freePort()), token], seconds: 180
        )
    }

    private static func freePort() throws -> UInt16 {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, length) == 0 && getsockname(descriptor, $0, &length) == 0
            }
        }
        guard isBound else { throw POSIXError(.EADDRINUSE) }
        return UInt16(bigEndian: address.sin_port)
    }

    /// SIGKILL: a child inherits the signal mask of the test's thread, in which SIGTERM may be blocked.
    func stop() {
        let pid = process.processIdentifier
        // One of the servers serves from a child of its own.
        let children =
            (try? String(contentsOfFile: "/proc/\(pid)/task/\(pid)/children", encoding: .utf8))?.split(separator: " ")
            .compactMap { Int32($0) } ?? []
        if process.isRunning { for victim in [pid] + children { kill(victim, SIGKILL) } }
        // Not `waitUntilExit`, which also waits for whoever inherited the process's descriptors.
        for _ in 0..<200 where process.isRunning { Thread.sleep(forTimeInterval: 0.01) }
        try? FileManager.default.removeItem(at: log)
    }
}

/// A scratch folder with a job in it.
final class Workplace {
    static let token = "correct horse battery"

    /// A directory of people, all in one group.
    static func directory(_ count: Int) -> String {
        let users = (0..<count).map {
            """
            {"userId":"user_\($0)","username":"person\($0)","displayName":"Person \($0)","status":"enabled"}
            """
        }
        let members = (0..<count).map { "\"user_\($0)\"" }.joined(separator: ",")
        let group = #"{"groupId":"g1","groupName":"All","members":[\#(members)]}"#
        return #"{"users":[\#(users.joined(separator: ",\n"))],"groups":[\#(group)]}"#
    }

    let folder: URL

    init() throws {
        folder = FileManager.default.temporaryDirectory.appendingPathComponent(
            "rollcall-test-\(ProcessInfo.processInfo.globallyUniqueString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(at: folder) }

    func write(_ name: String, _ text: String) throws {
        try FileManager.default.createDirectory(
            at: folder.appendingPathComponent(name).deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(text.utf8).write(to: folder.appendingPathComponent(name))
    }
    func read(_ name: String) throws -> String {
        String(decoding: try Data(contentsOf: folder.appendingPathComponent(name)), as: UTF8.self)
    }

    func writeJob(_ base: String, authorization: String = "{ key: \"${SANDBOX_TOKEN}\" }", extra: String = "") throws {
        try write(
            "job.yaml",
            """
            job: test
            source: { kind: file, path: directory.json }
            target:
              platform: generic
              baseURL: \(base)
              authorization: \(authorization)
            pace: { requestsPerSecond: 2000, concurrency: 5 }
            \(extra)
            """)
    }

    func rollcall(_ arguments: String..., token: String = "correct horse battery", environment: [String: String] = [:])
        throws -> Program.Result
    {
        try Program.rollcall(
            arguments, environment: ["SANDBOX_TOKEN": token].merging(environment) { _, new in new }, in: folder)
    }
}
