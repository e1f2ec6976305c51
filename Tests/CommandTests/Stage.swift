import Foundation
import JSON

/// A sandbox beside a job that reads a directory file, and a hand that types what the program says.
struct Stage {
    let server: ServerProcess
    let place: Workplace

    /// - Parameter extra: lines of the job, in the place of the limits that let one account be disabled.
    init(_ arguments: [String] = [], extra: String = "limits: { source.shrink: none, users.disable: 1 }") throws {
        server = try ServerProcess.sandbox(arguments)
        place = try Workplace()
        try place.writeJob(server.base, extra: extra)
        try write(people: 1...6)
    }

    func write(people: ClosedRange<Int>, named: String = "Person", groups: [JSONValue]? = nil) throws {
        let users: [JSONValue] = people.map {
            [
                "userId": .string("user_\($0)"), "username": .string("person\($0)"),
                "displayName": .string("\(named) \($0)"), "email": .string("person\($0)@corp.example"),
                "status": "enabled", "organizationalUnits": .array([.string($0 > 3 ? "sales" : "works")]),
            ]
        }
        var directory: [String: JSONValue] = ["users": .array(users)]
        directory["organizationalUnits"] = [
            ["organizationalUnitId": "works"], ["organizationalUnitId": "sales"],
        ]
        if let groups { directory["groups"] = .array(groups) }
        try place.write("directory.json", JSONValue.object(directory).canonical)
    }

    /// The commands that an output tells an operator to type, as a shell reads them.
    func commands(in output: String) -> [String] {
        output.matches(of: #/rollcall (apply|run|ledger|status|plan|show|undo) [^;)”\n]*/#).map { String($0.output.0) }
    }

    /// Types a command into a shell, with the program on its path.
    func type(_ command: String) throws -> Program.Result {
        try Program.run(
            URL(fileURLWithPath: "/bin/sh"), ["-c", command],
            environment: ["SANDBOX_TOKEN": "correct horse battery", "PATH": "\(Program.products.path):/usr/bin:/bin"],
            in: place.folder)
    }
}
