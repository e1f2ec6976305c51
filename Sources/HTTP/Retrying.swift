import HTTPTypes
import Logging
import Synchronization

/// Sends a request again when that is both safe and promising.
///
/// Safe: anything but POST, and a POST that certainly was not processed (never sent, or answered 429).
/// A POST whose outcome is unknown is the caller's to settle by looking, never ours to repeat.
/// Promising: 429, 502, 503, 504, a 500 to a GET, and a lost connection.
public struct Retrying: HTTPClient {
    private let next: any HTTPClient
    private let time: Time
    private let policy: RetryPolicy
    private let log: Logger
    private let stop: StopRequest?
    private let progress = Progress()

    /// - Parameter stop: once it is requested, nothing is tried again.
    public init(
        _ next: any HTTPClient, policy: RetryPolicy = RetryPolicy(), time: Time, log: Logger, stop: StopRequest? = nil
    ) {
        self.stop = stop
        self.next = next
        self.policy = policy
        self.time = time
        self.log = log
    }

    public func send(_ request: OutgoingRequest) async throws(TransportError) -> IncomingResponse {
        let isPOST = request.head.method == .post
        progress.begin(time.monotonic())
        defer { progress.end(time.monotonic()) }
        var followsDoubt = false
        var request = request
        for attempt in 1... {
            request.isRepeated = attempt > 1
            let reason: String
            let last: Result<IncomingResponse, TransportError>
            var serverWish: Double?
            do {
                var response = try await next.send(request)
                response.followsDoubt = followsDoubt
                let isThrottled = response.status == 429
                // A 500 may have done half of a write; of a read it is a hiccup like the others.
                let isPassing =
                    [502, 503, 504].contains(response.status) || request.head.method == .get && response.status == 500
                if !isThrottled, response.status < 500 { progress.note(time.monotonic()) }
                guard isThrottled || !isPOST && isPassing, mayTryAgain(attempt, request, isThrottled: isThrottled)
                else {
                    return response
                }
                serverWish = RetryPolicy.retryAfter(response.head.headerFields[.retryAfter], now: time.wall())
                reason = "status \(response.status)"
                followsDoubt = followsDoubt || isPassing
                last = .success(response)
            } catch {
                let isSafe: Bool
                switch error {
                case .notSent: isSafe = true
                case .outcomeUnknown, .timedOut: isSafe = !isPOST
                case .refused, .tooLarge, .cancelled: isSafe = false
                }
                // What certainly never left says nothing of an earlier attempt, which may have been processed.
                let whole =
                    if case .notSent(let why) = error, followsDoubt, request.head.method != .get {
                        TransportError.outcomeUnknown("an earlier attempt may have been processed; then: \(why)")
                    } else { error }
                guard isSafe, mayTryAgain(attempt, request) else { throw whole }
                reason = error.description
                if case .notSent = error {} else { followsDoubt = true }
                last = .failure(whole)
            }
            let pause = policy.pause(afterAttempt: attempt, serverWish: serverWish, random: time.random())
            // A side that has given nothing for so long keeps the other jobs waiting.
            guard progress.idle(time.monotonic()) + pause <= policy.patience else {
                log.warning(
                    "given up",
                    metadata: [
                        "url": "\(request.displayURL)", "reason": "\(reason)", "seconds": "\(Int(policy.patience))",
                    ])
                return try last.get()
            }
            await rest(pause, attempt, reason, request)
            if Task.isCancelled { throw .cancelled }
            if stop?.isRequested ?? false { return try last.get() }
        }
        throw .cancelled  // not reached: the loop above returns or throws
    }

    /// Waits before the next attempt.
    private func rest(_ pause: Double, _ attempt: Int, _ reason: String, _ request: OutgoingRequest) async {
        log.info(
            "trying again",
            metadata: [
                "method": "\(request.head.method)", "url": "\(request.displayURL)", "reason": "\(reason)",
                "attempt": "\(attempt)", "seconds": "\((pause * 10).rounded() / 10)",
            ])
        let until = time.monotonic() + pause
        // In short steps, so that a stop is noticed.
        while time.monotonic() < until, !(stop?.isRequested ?? false) {
            await time.sleep(stop == nil ? until : min(until, time.monotonic() + 1))
        }
    }

    /// A side that says “later” is waited for as long as the patience lasts, however often it says so.
    private func mayTryAgain(_ attempt: Int, _ request: OutgoingRequest, isThrottled: Bool = false) -> Bool {
        // Of a create it may be that there are no seats, which no patience mends.
        let isPOST = request.head.method == .post
        let most = isThrottled ? (isPOST ? max(policy.attempts, 8) : .max) : policy.attempts
        return attempt < min(most, request.attempts ?? .max) && !(stop?.isRequested ?? false)
    }
}

/// When the requests that pass here were last answered with more than “later”. The caller's own work counts as
/// progress.
final class Progress: Sendable {
    private struct State {
        var last: Double?
        var running = 0
        var ended: Double?
    }

    private let state = Mutex(State())

    func begin(_ now: Double) {
        state.withLock { state in
            // Between requests the caller worked.
            if state.running == 0 { state.last = (state.last ?? now) + (state.ended.map { now - $0 } ?? 0) }
            state.running += 1
        }
    }

    func note(_ now: Double) { state.withLock { $0.last = now } }

    func end(_ now: Double) {
        state.withLock { state in
            state.running -= 1
            state.ended = now
        }
    }

    /// Seconds without an answer.
    func idle(_ now: Double) -> Double { state.withLock { now - ($0.last ?? now) } }
}

/// How often, and how long between.
public struct RetryPolicy: Hashable, Sendable {
    /// Requests sent at the most, the first included, where the answer is not “later”.
    public var attempts: Int
    /// Seconds before the second attempt; doubled for each further one.
    public var base: Double
    /// Seconds between two attempts at the most, whatever a server wishes.
    public var ceiling: Double
    /// Seconds without any answer but 429 and 5xx after which nothing is tried again.
    public var patience = 600.0

    public init(attempts: Int = 5, base: Double = 0.5, ceiling: Double = 60) {
        self.attempts = attempts
        self.base = base
        self.ceiling = ceiling
    }

    /// Seconds to wait: what the server wishes if it says so, else exponential with full jitter on the upper half.
    func pause(afterAttempt attempt: Int, serverWish: Double?, random: Double) -> Double {
        let backoff = min(ceiling, base * Double(1 << min(attempt - 1, 16)))
        let jittered = backoff * (0.5 + random / 2)
        guard let serverWish else { return jittered }
        return min(ceiling, max(serverWish, 0) + base * random)
    }

    /// Retry-After in seconds (RFC 9110, section 10.2.3): a number of seconds or an HTTP date; nil when it is neither.
    package static func retryAfter(_ field: String?, now: Double) -> Double? {
        guard let text = field?.trimmingSpaces, !text.isEmpty else { return nil }
        if text.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }) { return Double(text) }
        return HTTPDate.seconds(text).map { max(0, $0 - now) }
    }
}

extension String {
    package var trimmingSpaces: String {
        var view = Substring(self)
        while let first = view.first, first.isWhitespace { view.removeFirst() }
        while let last = view.last, last.isWhitespace { view.removeLast() }
        return String(view)
    }
}
