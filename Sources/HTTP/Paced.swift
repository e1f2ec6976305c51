/// Keeps to a number of requests a second and a number of requests at once, and to fewer where the server asks for
/// that.
///
/// Each 429 halves the rate, once for all requests that were under way; each quiet stretch gives a part of it back.
public struct Paced: HTTPClient {
    private let next: any HTTPClient
    private let gate: PaceGate

    /// - Parameter settled: the rate at which an earlier run came through, in requests a second; nil for the pace
    ///   itself.
    public init(_ next: any HTTPClient, pace: Pace, settled: Double? = nil, time: Time) {
        self.next = next
        gate = PaceGate(pace: pace, settled: settled, time: time)
    }

    public func send(_ request: OutgoingRequest) async throws(TransportError) -> IncomingResponse {
        let start = await gate.enter()
        let result: Result<IncomingResponse, TransportError>
        do { result = .success(try await next.send(request)) } catch { result = .failure(error) }
        let status: Int? = if case .success(let response) = result { response.status } else { nil }
        await gate.leave(start, isThrottled: status == 429)
        return try result.get()
    }

    /// The rate that the server has let pass lately, in requests a second; nil where it is the pace itself.
    public var settledRate: Double? { get async { await gate.settledRate } }
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
    private var rate: Double
    /// When the rate was last changed.
    private var changed = -Double.infinity

    init(pace: Pace, settled: Double?, time: Time) {
        self.pace = pace
        self.time = time
        rate = min(pace.requestsPerSecond, max(settled ?? .infinity, pace.requestsPerSecond * Self.floor))
    }

    /// Never slower than this part of the pace.
    private static let floor = 1.0 / 16
    /// Seconds without a 429 after which a tenth of the pace is given back.
    private static let recovery = 10.0

    /// When the request may leave.
    func enter() async -> Double {
        if inFlight < pace.concurrency {
            inFlight += 1
        } else {
            // `leave` hands its place over, so the count stays.
            await withCheckedContinuation { waiting.append($0) }
        }
        let now = time.monotonic()
        if !changed.isFinite { changed = now }
        if rate < pace.requestsPerSecond, now - changed >= Self.recovery {
            rate = min(pace.requestsPerSecond, rate + pace.requestsPerSecond / 10)
            changed = now
        }
        let start = max(now, nextStart)
        nextStart = start + 1 / rate
        await time.sleep(start)
        return start
    }

    func leave(_ start: Double, isThrottled: Bool) {
        // Whoever left before the last change speaks of the rate before it.
        if isThrottled, start >= changed {
            rate = max(rate / 2, pace.requestsPerSecond * Self.floor)
            changed = time.monotonic()
        }
        if waiting.isEmpty { inFlight -= 1 } else { waiting.removeFirst().resume() }
    }

    var settledRate: Double? { rate < pace.requestsPerSecond ? rate : nil }
}
