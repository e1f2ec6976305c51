import HTTPTypes
import Logging
import Synchronization

/// What answers tell beside what was asked: what the servers' clocks say of this machine's, by their `Date`, and until
/// when the servers' certificates are good.
public final class Witness: Sendable {
    private let offsets = Mutex<(least: Double, any: Bool)>((0, false))
    private let ends = Mutex<[String: Double]>([:])

    public init() {}

    /// How far this machine's clock is from the server's that agrees with it best, in seconds; nil while no server has
    /// told its time.
    public var offset: Double? { offsets.withLock { $0.any ? $0.least : nil } }

    /// When the certificate of each server ends, in seconds since 1970, by host and port.
    public var certificateEnds: [String: Double] { ends.withLock { $0 } }

    /// Behind one name there may be several servers: the certificate that ends first counts.
    package func note(certificateOf authority: String, end: Double) {
        ends.withLock { $0[authority] = min($0[authority] ?? end, end) }
    }

    func note(server: Double, here: Double) {
        offsets.withLock { state in
            let offset = here - server
            if !state.any || abs(offset) < abs(state.least) { state = (offset, true) }
        }
    }
}

/// Counts requests and logs each at debug level: method, URL, status, bytes, milliseconds. Never a header, never a
/// body.
public final class Traced: HTTPClient {
    private let next: any HTTPClient
    private let time: Time
    private let log: Logger
    private let total = Atomic<Int>(0)
    private let repeated = Atomic<Int>(0)
    private let refusedForNow = Atomic<Int>(0)
    private let witness: Witness?

    /// - Parameter witness: told of the time of each answer.
    public init(_ next: any HTTPClient, time: Time, log: Logger, witness: Witness? = nil) {
        self.witness = witness
        self.next = next
        self.time = time
        self.log = log
    }

    /// Requests sent so far, repeated ones included.
    public var requests: Int { total.load(ordering: .relaxed) }

    /// Of these, those that were sent again.
    public var retries: Int { repeated.load(ordering: .relaxed) }
    /// Answers 429 and 503.
    public var throttled: Int { refusedForNow.load(ordering: .relaxed) }

    public func send(_ request: OutgoingRequest) async throws(TransportError) -> IncomingResponse {
        total.add(1, ordering: .relaxed)
        if request.isRepeated { repeated.add(1, ordering: .relaxed) }
        let start = time.monotonic()
        func note(_ outcome: String, _ bytes: Int) {
            log.debug(
                "request",
                metadata: [
                    "method": "\(request.head.method)", "url": "\(request.displayURL)", "outcome": "\(outcome)",
                    "bytes": "\(bytes)",
                    "ms": "\(Int((time.monotonic() - start) * 1000))",
                ])
        }
        do {
            let response = try await next.send(request)
            note(String(response.status), response.body.count)
            if response.status == 429 || response.status == 503 { refusedForNow.add(1, ordering: .relaxed) }
            if let witness,
                let date = HTTPField.Name("date").flatMap({ response.head.headerFields[$0] }).flatMap({
                    HTTPDate.seconds($0)
                })
            {
                witness.note(server: date, here: time.wall())
            }
            if let end = response.certificateEnd {
                witness?.note(certificateOf: request.head.authority ?? "", end: end)
            }
            return response
        } catch {
            note(error.description, 0)
            throw error
        }
    }
}
