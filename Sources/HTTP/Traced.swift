import HTTPTypes
import Logging
import Synchronization

/// Counts requests and logs each at debug level: method, URL, status, bytes, milliseconds. Never a header, never a body.
public final class Traced: HTTPClient {
    private let next: any HTTPClient
    private let time: Time
    private let log: Logger
    private let total = Atomic<Int>(0)

    public init(_ next: any HTTPClient, time: Time, log: Logger) {
        self.next = next
        self.time = time
        self.log = log
    }

    /// Requests sent so far, repeated ones included.
    public var requests: Int { total.load(ordering: .relaxed) }

    public func send(_ request: OutgoingRequest) async throws(TransportError) -> IncomingResponse {
        total.add(1, ordering: .relaxed)
        let start = time.monotonic()
        func note(_ outcome: String, _ bytes: Int) {
            log.debug(
                "request",
                metadata: [
                    "method": "\(request.head.method)", "url": "\(request.displayURL)", "outcome": "\(outcome)", "bytes": "\(bytes)",
                    "ms": "\(Int((time.monotonic() - start) * 1000))",
                ])
        }
        do {
            let response = try await next.send(request)
            note(String(response.status), response.body.count)
            return response
        } catch {
            note(error.description, 0)
            throw error
        }
    }
}
