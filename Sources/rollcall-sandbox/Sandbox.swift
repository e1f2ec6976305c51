import ArgumentParser
import Emulation
import HTTPTypes
import Hummingbird
import JSON
import Logging
import SCIM

#if canImport(FoundationEssentials)
    import FoundationEssentials
    import Glibc
#else
    import Foundation
#endif

/// A SCIM server, and IDaaS beside it, on loopback: for demos, tests and clients that we did not write.
@main
struct Sandbox: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rollcall-sandbox",
        abstract: "A SCIM 2.0 server (RFC 7644), and Alibaba Cloud IDaaS as its directory, in memory, on loopback.",
        discussion: """
            SCIM is at http://127.0.0.1:PORT/scim/v2. With --directory, the management API and the developer API of \
            IDaaS are at http://127.0.0.1:PORT; the access key is in ALIBABA_CLOUD_ACCESS_KEY_ID and \
            ALIBABA_CLOUD_ACCESS_KEY_SECRET, the application's secret in SANDBOX_APPLICATION_SECRET. With --port 0 a \
            free port is taken; the line “READY base=…” tells which. GET /sandbox/requests counts what came.
            """)

    @Option(help: "Port on 127.0.0.1; 0 takes a free one.")
    var port = 8480
    @Option(
        help: ArgumentHelp(
            """
            Accounts that are there at the start: {\"users\": […], \"groups\": […]} of SCIM resources; members of \
            groups may be named by userName.
            """,
            valueName: "file"))
    var seed: String?
    @Option(help: ArgumentHelp("Environment variable that holds the bearer token.", valueName: "name"))
    var tokenVariable = "SANDBOX_TOKEN"
    @Option(
        help: ArgumentHelp(
            "OAuth client id; its secret is in the environment variable SANDBOX_CLIENT_SECRET.", valueName: "id"))
    var client: String?
    @Option(help: "Resources in one page at the most.")
    var pageSize = 200
    @Flag(help: "Offer cursors (RFC 9865).")
    var cursor = false
    @Flag(help: "Answer PATCH with 501.")
    var noPatch = false
    @Flag(help: "Answer filters with 501.")
    var noFilter = false

    @Option(
        help: ArgumentHelp("Serve IDaaS with this directory: a document as a file source reads it.", valueName: "file"))
    var directory: String?
    @Option(help: "The IDaaS instance.")
    var instance = IDaaSOptions().instance
    @Option(help: "The IDaaS application; it may see everything.")
    var application = "app_m3kq7tzr5yx2nvbcd4wphfa6ue"
    @Flag(
        help:
            """
            Serve the six platforms too, each with its own rules, at http://127.0.0.1:PORT/NAME: ram, cloudsso, \
            huawei-identity-center and so on; their token is the sandbox's.
            """
    )
    var platforms = false
    @Option(
        help: ArgumentHelp("Accounts that the platforms have at the start: by platform, as --seed.", valueName: "file"))
    var platformSeed: String?
    @Option(help: "Records in one page of IDaaS at the most.")
    var directoryPageSize = 100
    @Flag(help: "Page the users of IDaaS by number only, as older regions do.")
    var noTokens = false
    @Option(
        help: ArgumentHelp(
            """
            A fault of IDaaS, such as lostPage:users:2 or truncated:members:1:3 (three times). Kinds: \
            \(IDaaSFault.Kind.allCases.map(\.rawValue).joined(separator: ", ")). May be repeated.
            """,
            valueName: "kind:list:page"))
    var fault: [String] = []

    func validate() throws {
        _ = try faults()
        if directory == nil, !fault.isEmpty {
            throw ValidationError("--fault is a fault of IDaaS: add --directory FILE")
        }
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
            say("no \(tokenVariable) in the environment: every request is accepted", STDERR_FILENO)
        }
        var service = SCIMService(options: options)
        if let seed { try SeedFile.plant(path: seed, into: &service) }
        var landscape = Landscape(target: service, directory: try idaas(environment))
        if platforms { landscape.platforms = try vendors(options, environment) }
        let host = Host(landscape)
        let responder = CallbackResponder { (request: Request, context: BasicRequestContext) in
            try await host.respond(to: request)
        }
        var logger = Logger(label: "sandbox")
        logger.logLevel = .error
        let application = Application(
            responder: responder, configuration: .init(address: .hostname("127.0.0.1", port: port)),
            onServerRunning: { channel in
                let actual = channel.localAddress?.port ?? port
                say("READY base=http://127.0.0.1:\(actual)/scim/v2", STDOUT_FILENO)
            }, logger: logger)
        try await application.runService()
    }
}

extension Sandbox {
    /// One server for each platform, with the sandbox's token, and with an OAuth client for those that want one.
    private func vendors(_ options: ServiceOptions, _ environment: [String: String]) throws -> [String: SCIMService] {
        var servers: [String: SCIMService] = [:]
        let seeds = try platformSeed.map { try SeedFile.read($0) }
        for (platform, rules) in VendorRules.byPlatform {
            var vendor = ServiceOptions.vendor(rules)
            vendor.tokens = options.tokens
            vendor.clients = ["sandbox": options.tokens.first ?? ""]
            var service = SCIMService(
                prefix: "/\(platform)\(rules.path == VendorRules().path ? "" : rules.path)", options: vendor)
            if let seeds, let document = seeds[platform] {
                try SeedFile.plant(document, path: platformSeed ?? "", into: &service)
            }
            servers["/\(platform)"] = service
        }
        return servers
    }

    private func idaas(_ environment: [String: String]) throws -> IDaaSService? {
        guard let directory else { return nil }
        let document = try SeedFile.read(directory)
        var options = IDaaSOptions()
        options.instance = instance
        options.mostPerPage = directoryPageSize
        options.pagesUsersByToken = !noTokens
        options.faults = try faults()
        if let id = environment["ALIBABA_CLOUD_ACCESS_KEY_ID"],
            let secret = environment["ALIBABA_CLOUD_ACCESS_KEY_SECRET"]
        {
            options.accessKeys[id] = secret
            if let token = environment["ALIBABA_CLOUD_SECURITY_TOKEN"], !token.isEmpty {
                options.securityTokens[id] = token
            }
        }
        if let secret = environment["SANDBOX_APPLICATION_SECRET"], !secret.isEmpty {
            var settings = IDaaSApplicationSettings(secret: secret)
            // The SCIM server beside it, at whatever port that is.
            settings.pushURL = ""
            options.applications[application] = settings
        }
        if options.accessKeys.isEmpty {
            say(
                """
                no ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET in the environment: IDaaS' \
                management API refuses everybody
                """, STDERR_FILENO)
        }
        if options.applications.isEmpty {
            say(
                "no SANDBOX_APPLICATION_SECRET in the environment: IDaaS' developer API knows no application",
                STDERR_FILENO)
        }
        return IDaaSService(directory: try IDaaSDirectory(document: document), options: options)
    }

    private func faults() throws -> [IDaaSFault] {
        try fault.map { text in
            let parts = text.split(separator: ":").map(String.init)
            guard parts.count == 3 || parts.count == 4, let kind = IDaaSFault.Kind(rawValue: parts[0]),
                let list = IDaaSFault.List(rawValue: parts[1]), let page = Int(parts[2]), page > 0,
                let times = parts.count == 4 ? Int(parts[3]) : 1
            else {
                let kinds = IDaaSFault.Kind.allCases.map(\.rawValue).joined(separator: ", ")
                throw ValidationError(
                    """
                    --fault \(text): write KIND:LIST:PAGE[:TIMES]; kinds are \(kinds); lists are \
                    \(IDaaSFault.List.allCases.map(\.rawValue).joined(separator: ", "))
                    """
                )
            }
            return IDaaSFault(kind, list, page: page, times: times)
        }
    }
}

/// One line, at once: a script waits for it.
private func say(_ line: String, _ descriptor: Int32) {
    var line = line + "\n"
    line.withUTF8 { _ = write(descriptor, $0.baseAddress, $0.count) }
}

/// Owns the emulators while requests come side by side.
private actor Host {
    private var landscape: Landscape

    init(_ landscape: Landscape) { self.landscape = landscape }

    func respond(to request: Request) async throws -> Response {
        let body = try await request.body.collect(upTo: 16 << 20)
        let (path, query) = EmulatedRequest.split(target: request.head.path ?? "/")
        if path == "/sandbox/requests" { return counters() }
        var headers: [String: String] = [:]
        for field in request.headers { headers[field.name.canonicalName] = field.value }
        let answer = landscape.handle(
            EmulatedRequest(
                method: request.method.rawValue, path: path, query: query, headers: headers,
                body: Array(body.readableBytesView), now: Date().timeIntervalSince1970,
                origin: "http://\(request.head.authority ?? "127.0.0.1")"))
        if answer.delay > 0 { try await Task.sleep(for: .seconds(answer.delay)) }
        var fields = HTTPFields()
        for header in answer.headers {
            if let name = HTTPField.Name(header.name) { fields.append(HTTPField(name: name, value: header.value)) }
        }
        return Response(
            status: .init(code: answer.status), headers: fields,
            body: answer.body.isEmpty ? ResponseBody() : ResponseBody(byteBuffer: ByteBuffer(bytes: answer.body)))
    }

    private func counters() -> Response {
        var counts = landscape.target.counters.merging(landscape.directory?.counters ?? [:]) { $0 + $1 }
        for (path, service) in landscape.platforms {
            for (name, count) in service.counters { counts["\(path) \(name)"] = count }
        }
        let document = JSONValue.object(counts.mapValues { .integer(Int64($0)) })
        return Response(
            status: .ok, headers: [.contentType: "application/json"],
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: document.canonicalBytes)))
    }
}

/// Reads the accounts that are there at the start.
private enum SeedFile {
    struct Wrong: Error, CustomStringConvertible { let description: String }

    static func read(_ path: String) throws -> JSONValue {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw Wrong(description: "the file \(path) cannot be read")
        }
        do { return try JSONValue(parsing: Array(data)) } catch { throw Wrong(description: "\(path): \(error)") }
    }

    static func plant(path: String, into service: inout SCIMService) throws {
        try plant(try read(path), path: path, into: &service)
    }

    static func plant(_ document: JSONValue, path: String, into service: inout SCIMService) throws {
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
