import ArgumentParser
import Emulation
import Foundation
import HTTPTypes
import Hummingbird
import JSON
import Logging
import SCIM

/// A SCIM server on loopback for demos, tests and clients that we did not write.
@main
struct Sandbox: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rollcall-sandbox",
        abstract: "A SCIM 2.0 server (RFC 7644) in memory, on loopback.",
        discussion: "Base URL http://127.0.0.1:PORT/scim/v2. With --port 0 a free port is taken; the line “READY base=…” tells which.")

    @Option(help: "Port on 127.0.0.1; 0 takes a free one.")
    var port = 8480
    @Option(help: ArgumentHelp("Accounts that are there at the start: {\"users\": […], \"groups\": […]} of SCIM resources; members of groups may be named by userName.", valueName: "file"))
    var seed: String?
    @Option(help: ArgumentHelp("Environment variable that holds the bearer token.", valueName: "name"))
    var tokenVariable = "SANDBOX_TOKEN"
    @Option(help: ArgumentHelp("OAuth client id; its secret is in the environment variable SANDBOX_CLIENT_SECRET.", valueName: "id"))
    var client: String?
    @Option(help: "Resources in one page at the most.")
    var pageSize = 200
    @Flag(help: "Offer cursors (RFC 9865).")
    var cursor = false
    @Flag(help: "Answer PATCH with 501.")
    var noPatch = false
    @Flag(help: "Answer filters with 501.")
    var noFilter = false

    func validate() throws {
        guard (0...65535).contains(port) else { throw ValidationError("--port must be from 0 to 65535") }
    }

    func run() async throws {
        let environment = ProcessInfo.processInfo.environment
        var options = ServiceOptions()
        options.patch = !noPatch
        options.filter = !noFilter
        options.cursor = cursor
        options.maxResults = pageSize
        if let token = environment[tokenVariable], !token.isEmpty { options.tokens = [token] }
        if let client { options.clients = [client: environment["SANDBOX_CLIENT_SECRET"] ?? ""] }
        if options.tokens.isEmpty, options.clients.isEmpty {
            FileHandle.standardError.write(Data("no \(tokenVariable) in the environment: every request is accepted\n".utf8))
        }
        var service = SCIMService(options: options)
        if let seed { try SeedFile.plant(path: seed, into: &service) }
        let host = Host(service)
        let responder = CallbackResponder { (request: Request, context: BasicRequestContext) in
            try await host.respond(to: request)
        }
        var logger = Logger(label: "sandbox")
        logger.logLevel = .error
        let application = Application(
            responder: responder, configuration: .init(address: .hostname("127.0.0.1", port: port)),
            onServerRunning: { channel in
                let actual = channel.localAddress?.port ?? port
                FileHandle.standardOutput.write(Data("READY base=http://127.0.0.1:\(actual)/scim/v2\n".utf8))
            }, logger: logger)
        try await application.runService()
    }
}

/// Owns the emulator while requests come side by side.
private actor Host {
    private var service: SCIMService

    init(_ service: SCIMService) { self.service = service }

    func respond(to request: Request) async throws -> Response {
        let body = try await request.body.collect(upTo: 16 << 20)
        let (path, query) = EmulatedRequest.split(target: request.head.path ?? "/")
        var headers: [String: String] = [:]
        for field in request.headers { headers[field.name.canonicalName] = field.value }
        let answer = service.handle(
            EmulatedRequest(
                method: request.method.rawValue, path: path, query: query, headers: headers, body: Array(body.readableBytesView), now: Date().timeIntervalSince1970,
                origin: "http://\(request.head.authority ?? "127.0.0.1")"))
        var fields = HTTPFields()
        for header in answer.headers { if let name = HTTPField.Name(header.name) { fields.append(HTTPField(name: name, value: header.value)) } }
        return Response(status: .init(code: answer.status), headers: fields, body: answer.body.isEmpty ? ResponseBody() : ResponseBody(byteBuffer: ByteBuffer(bytes: answer.body)))
    }
}

/// Reads the accounts that are there at the start.
private enum SeedFile {
    struct Wrong: Error, CustomStringConvertible { let description: String }

    static func plant(path: String, into service: inout SCIMService) throws {
        guard let data = FileManager.default.contents(atPath: path) else { throw Wrong(description: "the seed file \(path) cannot be read") }
        let document = try JSONValue(parsing: Array(data))
        var ids: [String: String] = [:]
        do {
            for user in document["users"]?.array ?? [] {
                let id = try service.plant(.user, user)
                if let name = user["userName"]?.string { ids[name] = id }
            }
            for group in document["groups"]?.array ?? [] {
                var group = group
                let members = (group["members"]?.array ?? []).map { member -> JSONValue in
                    let name = member.string ?? member["value"]?.string ?? ""
                    return ["value": .string(ids[name] ?? name)]
                }
                group["members"] = members.isEmpty ? nil : .array(members)
                try service.plant(.group, group)
            }
        } catch let error as SCIMError {
            throw Wrong(description: "\(path): \(error.detail)")
        }
    }
}
