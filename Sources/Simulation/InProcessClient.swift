import Foundation
import Emulation
import HTTP
import HTTPTypes
import Synchronization

/// The `HTTPClient` that reaches an emulator without a network, with faults where a test wants them.
public final class InProcessClient: HTTPClient {
    /// What happens to a request, besides reaching the server.
    public enum Fault: Sendable {
        /// Never leaves.
        case notSent
        /// Is processed, and its answer is lost.
        case answerLost
        /// Is answered with this instead of being processed.
        case answered(EmulatedResponse)
        /// Does not arrive, and the client cannot know.
        case reset
        /// Arrives twice; the second answer comes back.
        case duplicated
        /// Is processed, and answered with this.
        case processed(EmulatedResponse)
        /// Is processed, and its answer is changed on the way.
        case altered(@Sendable (EmulatedResponse) -> EmulatedResponse)
        /// Is answered with success, and nothing happens. Shown: the answer is the object as it is, and where this
        /// server answers such a request without a document, the request is processed.
        case ignored(isShown: Bool)
        /// Comes just after somebody else has changed something.
        case overtaken(@Sendable (inout Landscape) -> Void)
    }

    private struct State {
        var landscape: Landscape
        var sent = 0
    }

    private let state: Mutex<State>
    private let time: Time
    /// Called after each delivery with the landscape as it then is: for simulations, which cut a run off there.
    private let delivered: Mutex<(@Sendable (Landscape) -> Void)?> = Mutex(nil)
    private let fault: @Sendable (_ request: OutgoingRequest, _ number: Int) -> Fault?

    /// - Parameter fault: asked for each request, numbered from 1.
    public convenience init(
        _ service: SCIMService, time: Time,
        fault: @escaping @Sendable (OutgoingRequest, Int) -> Fault? = { _, _ in nil }
    ) {
        self.init(Landscape(target: service), time: time, fault: fault)
    }

    /// - Parameter fault: asked for each request, numbered from 1.
    public init(
        _ landscape: Landscape, time: Time,
        fault: @escaping @Sendable (OutgoingRequest, Int) -> Fault? = { _, _ in nil }
    ) {
        state = Mutex(State(landscape: landscape))
        self.time = time
        self.fault = fault
    }

    /// The server as it stands; a copy.
    public var service: SCIMService { state.withLock { $0.landscape.target } }
    /// The directory as it stands; a copy.
    public var directory: IDaaSService? { state.withLock { $0.landscape.directory } }

    /// Everything as it stands; a copy.
    public var landscape: Landscape { state.withLock { $0.landscape } }
    public var sent: Int { state.withLock { $0.sent } }

    public func whenDelivered(_ body: (@Sendable (Landscape) -> Void)?) { delivered.withLock { $0 = body } }

    /// Changes the server behind the client's back.
    public func change<Value: Sendable>(_ body: (inout SCIMService) throws -> Value) rethrows -> Value {
        try state.withLock { state in try body(&state.landscape.target) }
    }

    public func changeLandscape(_ body: (inout Landscape) -> Void) { state.withLock { body(&$0.landscape) } }

    /// Changes the directory behind the client's back; nothing where there is none.
    public func changeDirectory(_ body: (inout IDaaSService) -> Void) {
        state.withLock { state in
            if var directory = state.landscape.directory.take() {
                body(&directory); state.landscape.directory = directory
            }
        }
    }

    public func send(_ request: OutgoingRequest) async throws(TransportError) -> IncomingResponse {
        let (path, query) = EmulatedRequest.split(target: request.head.path ?? "/")
        var headers: [String: String] = [:]
        for field in request.head.headerFields { headers[field.name.canonicalName] = field.value }
        headers["user-agent"] = headers["user-agent"] ?? "rollcall/simulation"
        let emulated = EmulatedRequest(
            method: request.head.method.rawValue, path: path, query: query, headers: headers, body: request.body,
            now: time.wall(),
            origin: "\(request.head.scheme ?? "http")://\(request.head.authority ?? "")")
        let (response, isLost): (EmulatedResponse?, Bool) = state.withLock { state in
            state.sent += 1
            return Self.deliver(emulated, fault(request, state.sent), &state.landscape)
        }
        delivered.withLock { $0 }?(landscape)
        if ProcessInfo.processInfo.environment["ROLLCALL_TELL"] == "2" {
            print(
                """
                    \(emulated.method) \(request.head.path ?? "") \
                \(String(decoding: request.body.prefix(300), as: UTF8.self)) → \(response?.status ?? 0)
                """
            )
        }
        guard let response else {
            if isLost { throw .outcomeUnknown("a fault of the simulation") }
            throw .notSent("a fault of the simulation")
        }
        if isLost { throw .outcomeUnknown("a fault of the simulation") }
        await time.sleep(time.monotonic() + min(response.delay, request.totalTimeout))
        if response.delay > request.totalTimeout {
            throw .timedOut("no whole answer within \(Int(request.totalTimeout)) s")
        }
        guard response.body.count <= request.responseLimit else { throw .tooLarge(limit: request.responseLimit) }
        var fields = HTTPFields()
        for header in response.headers {
            if let name = HTTPField.Name(header.name) { fields.append(HTTPField(name: name, value: header.value)) }
        }
        return IncomingResponse(
            head: HTTPResponse(status: .init(code: response.status), headerFields: fields), body: response.body)
    }

    /// What a server makes of a request under a fault, and whether its answer is lost.
    private static func deliver(_ emulated: EmulatedRequest, _ fault: Fault?, _ landscape: inout Landscape) -> (
        EmulatedResponse?, Bool
    ) {
        switch fault {
        case .notSent?: return (nil, false)
        case .answerLost?: return (landscape.handle(emulated), true)
        case .answered(let response)?: return (response, false)
        case .reset?: return (nil, true)
        case .duplicated?:
            _ = landscape.handle(emulated)
            return (landscape.handle(emulated), false)
        case .processed(let response)?:
            _ = landscape.handle(emulated)
            return (response, false)
        case .altered(let change)?: return (change(landscape.handle(emulated)), false)
        case .overtaken(let change)?:
            change(&landscape)
            return (landscape.handle(emulated), false)
        case .ignored(let isShown)?:
            var copy = landscape
            let answer = copy.handle(emulated)
            if answer.status >= 300 { return (answer, false) }
            if !isShown { return (EmulatedResponse(status: 204), false) }
            if answer.body.isEmpty { return (landscape.handle(emulated), false) }
            var read = emulated
            read.method = "GET"
            read.body = []
            copy = landscape
            return (copy.handle(read), false)
        case nil: return (landscape.handle(emulated), false)
        }
    }
}
