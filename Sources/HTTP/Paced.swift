/// Keeps to a number of requests a second and a number of requests at once.
public struct Paced: HTTPClient {
    private let next: any HTTPClient
    private let gate: PaceGate

    public init(_ next: any HTTPClient, pace: Pace, time: Time) {
        self.next = next
        gate = PaceGate(pace: pace, time: time)
    }

    public func send(_ request: OutgoingRequest) async throws(TransportError) -> IncomingResponse {
        await gate.enter()
        let result: Result<IncomingResponse, TransportError>
        do { result = .success(try await next.send(request)) } catch { result = .failure(error) }
        await gate.leave()
        return try result.get()
    }
}

public struct Pace: Hashable, Sendable {
    /// Requests that may start in a second, evenly spaced.
    public var requestsPerSecond: Double
    /// Requests in flight at once.
    public var concurrency: Int

    public init(requestsPerSecond: Double, concurrency: Int) {
        self.requestsPerSecond = requestsPerSecond
        self.concurrency = concurrency
    }
}

private actor PaceGate {
    private let pace: Pace
    private let time: Time
    private var inFlight = 0
    private var waiting: [CheckedContinuation<Void, Never>] = []
    private var nextStart = -Double.infinity

    init(pace: Pace, time: Time) {
        self.pace = pace
        self.time = time
    }

    func enter() async {
        if inFlight < pace.concurrency {
            inFlight += 1
        } else {
            // `leave` hands its place over, so the count stays.
            await withCheckedContinuation { waiting.append($0) }
        }
        let start = max(time.monotonic(), nextStart)
        nextStart = start + 1 / pace.requestsPerSecond
        await time.sleep(start)
    }

    func leave() {
        if waiting.isEmpty { inFlight -= 1 } else { waiting.removeFirst().resume() }
    }
}
