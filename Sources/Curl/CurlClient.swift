import CCurl
import Foundation
import HTTP
import HTTPTypes
import Synchronization

/// HTTP over libcurl's multi interface, on a thread of its own.
///
/// Connections are kept alive and shared by all requests; HTTP/2 is used where the server offers it over TLS.
/// Certificates are always verified. Redirects are never followed: a credential goes to the host that it was given for.
/// Proxies come from the environment (`https_proxy`, `no_proxy`, …), as libcurl reads them.
/// Cancelling the task that sends stops the transfer.
public final class CurlClient: HTTPClient {
    private let engine: CurlEngine
    private let userAgent: String

    public init(userAgent: String) {
        self.userAgent = userAgent
        engine = CurlEngine()
    }

    deinit { engine.stop() }

    /// libcurl and its TLS library, as they are found here: `libcurl/8.5.0 OpenSSL/3.0.13 …`.
    public static var versions: String {
        String(cString: curl_version()).split(separator: " ").prefix(2).joined(separator: " ")
    }

    public func send(_ request: OutgoingRequest) async throws(TransportError) -> IncomingResponse {
        let transfer = Transfer(request, userAgent: userAgent)
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                transfer.onFinish { continuation.resume(returning: $0) }
                engine.submit(transfer)
            }
        } onCancel: {
            engine.cancel(transfer)
        }
        return try result.get()
    }
}

/// The thread that owns the multi handle. Everything of libcurl but `curl_multi_wakeup` is called on it alone.
///
/// `@unchecked Sendable`: `multi` is created before the thread starts, used by it alone until it ends, and is otherwise
/// passed only to `curl_multi_wakeup`, which libcurl allows from any thread; all else is behind the mutex.
private final class CurlEngine: @unchecked Sendable {
    private struct Inbox {
        var submitted: [Transfer] = []
        var cancelled: [Transfer] = []
        var isStopping = false
    }

    private static let initialised: Void = {
        // Whoever sets it would read all that is sent.
        unsetenv("SSLKEYLOGFILE")
        guard curl_global_init(Int(CURL_GLOBAL_DEFAULT)) == CURLE_OK else {
            preconditionFailure("libcurl cannot be initialised")
        }
        signal(SIGPIPE, SIG_IGN)
    }()

    /// Connections that are kept while nothing is under way on them.
    private static let mostKept = 1024
    /// Turns in a row that libcurl may fail before what is under way is given up.
    private static let mostFailures = 20

    private let multi: OpaquePointer
    private let inbox = Mutex(Inbox())

    init() {
        _ = Self.initialised
        guard let handle = curl_multi_init() else { preconditionFailure("libcurl has no memory for a multi handle") }
        multi = OpaquePointer(handle)
        // Without it, requests wait for connections of their own.
        let isMultiplexed = ccurl_multi_set_long(
            UnsafeMutableRawPointer(multi), CURLMOPT_PIPELINING, Int(CURLPIPE_MULTIPLEX))
        precondition(isMultiplexed == CURLM_OK, "libcurl takes no multiplexing")
        // By itself it keeps four for each transfer of the moment: between two bursts nearly all would be closed, and
        // each new one is a handshake of TLS. What is in use counts too, so it is more than any pace has at a time.
        // Where it takes no number, that is all that is lost.
        _ = ccurl_multi_set_long(UnsafeMutableRawPointer(multi), CURLMOPT_MAXCONNECTS, Self.mostKept)
        let thread = Thread { [self] in run() }
        thread.name = "curl"
        thread.start()
    }

    func submit(_ transfer: Transfer) {
        inbox.withLock { $0.submitted.append(transfer) }
        wake()
    }

    func cancel(_ transfer: Transfer) {
        inbox.withLock { $0.cancelled.append(transfer) }
        wake()
    }

    func stop() {
        inbox.withLock { $0.isStopping = true }
        wake()
    }

    /// Where libcurl cannot be woken, the thread looks into its inbox at its next turn, within a second.
    private func wake() { _ = curl_multi_wakeup(UnsafeMutableRawPointer(multi)) }

    /// Takes a transfer's handle away from libcurl. One that libcurl does not give back is never freed: it would be
    /// used again.
    private func remove(_ easy: UnsafeMutableRawPointer, _ transfer: Transfer?) {
        if curl_multi_remove_handle(UnsafeMutableRawPointer(multi), easy) != CURLM_OK { transfer?.abandon() }
    }

    private func run() {
        let multi = UnsafeMutableRawPointer(self.multi)
        var active: [UnsafeMutableRawPointer: Transfer] = [:]
        var failures = 0
        while true {
            let mail = inbox.withLock { inbox in
                defer {
                    inbox.submitted = []
                    inbox.cancelled = []
                }
                return inbox
            }
            for transfer in mail.submitted {
                guard let easy = transfer.prepare() else { continue }
                guard curl_multi_add_handle(multi, easy) == CURLM_OK else {
                    transfer.finish(.failure(.notSent("libcurl takes no further transfer")))
                    continue
                }
                active[easy] = transfer
            }
            for transfer in mail.cancelled {
                if let easy = transfer.handle, active.removeValue(forKey: easy) != nil { remove(easy, transfer) }
                // A transfer that is cancelled before it was submitted never starts.
                transfer.finish(.failure(.cancelled))
            }
            if mail.isStopping {
                for (easy, transfer) in active {
                    remove(easy, transfer)
                    transfer.finish(.failure(.cancelled))
                }
                // The last call: what it returns changes nothing any more.
                _ = curl_multi_cleanup(multi)
                return
            }
            var running: Int32 = 0
            var went = curl_multi_perform(multi, &running)
            var code = CURLE_OK
            while let easy = ccurl_multi_next_done(multi, &code) {
                let transfer = active.removeValue(forKey: easy)
                remove(easy, transfer)
                transfer?.complete(code)
            }
            if went == CURLM_OK,
                inbox.withLock({ $0.submitted.isEmpty && $0.cancelled.isEmpty && !$0.isStopping })
            {
                went = curl_multi_poll(multi, nil, 0, 1000, nil)
            }
            guard went != CURLM_OK else {
                failures = 0
                continue
            }
            // It may be a moment without memory: the next turn comes soon, but not at once.
            failures += 1
            Thread.sleep(forTimeInterval: 0.1)
            guard failures >= Self.mostFailures else { continue }
            giveUp(active, went)
            active = [:]
        }
    }

    /// libcurl has no way on with what is under way: each transfer ends, and none is believed to have failed.
    private func giveUp(_ active: [UnsafeMutableRawPointer: Transfer], _ code: CURLMcode) {
        let why = String(cString: curl_multi_strerror(code))
        for (easy, transfer) in active {
            remove(easy, transfer)
            transfer.finish(.failure(.outcomeUnknown("libcurl cannot go on: \(why)")))
        }
    }
}
