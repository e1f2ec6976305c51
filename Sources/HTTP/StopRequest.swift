import Synchronization

/// Asks a run to come to an orderly end: what is under way is finished, and nothing new begins.
public final class StopRequest: Sendable {
    private let state = Mutex<Int32?>(nil)

    public init() {}

    public var isRequested: Bool { signal != nil }
    /// The signal that asked, such as 15.
    public var signal: Int32? { state.withLock { $0 } }

    /// The first request counts.
    public func request(signal: Int32) { state.withLock { $0 = $0 ?? signal } }
}

/// Refuses to send once a stop is requested, until it is told that what has begun may be finished.
public final class Stoppable: HTTPClient {
    private let next: any HTTPClient
    private let stop: StopRequest
    private let isFinishing = Atomic<Bool>(false)

    public init(_ next: any HTTPClient, stop: StopRequest) {
        self.next = next
        self.stop = stop
    }

    /// From here on what is sent belongs to something that has begun.
    public func finishWhatBegins() { isFinishing.store(true, ordering: .relaxed) }

    public func send(_ request: OutgoingRequest) async throws(TransportError) -> IncomingResponse {
        if stop.isRequested, !isFinishing.load(ordering: .relaxed) { throw .cancelled }
        return try await next.send(request)
    }
}
