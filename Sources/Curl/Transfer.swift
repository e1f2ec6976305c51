import CCurl
import Foundation
import HTTP
import HTTPTypes
import Synchronization

/// One request on its way through libcurl.
///
/// `@unchecked Sendable`: after `init`, every member but `outcome` is touched by the engine's thread alone;
/// `outcome` is behind a mutex.
final class Transfer: @unchecked Sendable {
    private enum Outcome {
        case waiting
        case listening(@Sendable (Result<IncomingResponse, TransportError>) -> Void)
        case finished
    }

    private let request: OutgoingRequest
    private let userAgent: String
    private let outcome = Mutex(Outcome.waiting)

    private(set) var handle: UnsafeMutableRawPointer?
    private var headers: UnsafeMutablePointer<curl_slist>?
    private var sent = 0
    private var fields = HTTPFields()
    private var body: [UInt8] = []
    private var isTooLarge = false

    init(_ request: OutgoingRequest, userAgent: String) {
        self.request = request
        self.userAgent = userAgent
    }

    func onFinish(_ body: @escaping @Sendable (Result<IncomingResponse, TransportError>) -> Void) {
        let isOver = outcome.withLock { state in
            if case .finished = state { return true }
            state = .listening(body)
            return false
        }
        // Cancelled before it began.
        if isOver { body(.failure(.cancelled)) }
    }

    /// Tells the waiting task, once; what comes later is dropped.
    func finish(_ result: Result<IncomingResponse, TransportError>) {
        let listener: (@Sendable (Result<IncomingResponse, TransportError>) -> Void)? = outcome.withLock { state in
            defer { state = .finished }
            if case .listening(let body) = state { return body }
            return nil
        }
        release()
        listener?(result)
    }

    private func release() {
        if let handle { curl_easy_cleanup(handle) }
        handle = nil
        curl_slist_free_all(headers)
        headers = nil
    }

    /// A configured easy handle; nil when the transfer is finished already.
    func prepare() -> UnsafeMutableRawPointer? {
        if outcome.withLock({ if case .finished = $0 { true } else { false } }) { return nil }
        guard let easy = curl_easy_init() else {
            finish(.failure(.notSent("libcurl has no memory for a transfer")))
            return nil
        }
        handle = easy
        let head = request.head
        ccurl_set_string(easy, CURLOPT_URL, "\(head.scheme ?? "https")://\(head.authority ?? "")\(head.path ?? "/")")
        ccurl_set_string(easy, CURLOPT_PROTOCOLS_STR, "http,https")
        ccurl_set_long(easy, CURLOPT_FOLLOWLOCATION, 0)
        ccurl_set_long(easy, CURLOPT_NOSIGNAL, 1)
        ccurl_set_long(easy, CURLOPT_SSL_VERIFYPEER, 1)
        ccurl_set_long(easy, CURLOPT_SSL_VERIFYHOST, 2)
        ccurl_set_long(easy, CURLOPT_HTTP_VERSION, Int(CURL_HTTP_VERSION_2TLS))
        ccurl_set_long(easy, CURLOPT_PIPEWAIT, 1)
        ccurl_set_long(easy, CURLOPT_TCP_NODELAY, 1)
        ccurl_set_long(easy, CURLOPT_CONNECTTIMEOUT_MS, Int(request.connectTimeout * 1000))
        ccurl_set_long(easy, CURLOPT_TIMEOUT_MS, Int(request.totalTimeout * 1000))
        ccurl_set_string(easy, CURLOPT_ACCEPT_ENCODING, "")
        ccurl_set_string(easy, CURLOPT_USERAGENT, userAgent)
        ccurl_set_callbacks(easy, Self.receiveHeader, Self.receiveBody, Self.sendBody, Unmanaged.passUnretained(self).toOpaque())

        if !request.body.isEmpty {
            ccurl_set_long(easy, CURLOPT_POST, 1)
            ccurl_set_size(easy, CURLOPT_POSTFIELDSIZE_LARGE, curl_off_t(request.body.count))
        } else if head.method == .post {
            ccurl_set_long(easy, CURLOPT_POST, 1)
            ccurl_set_size(easy, CURLOPT_POSTFIELDSIZE_LARGE, 0)
        }
        if head.method != .get || !request.body.isEmpty { ccurl_set_string(easy, CURLOPT_CUSTOMREQUEST, head.method.rawValue) }

        // A 100-continue round trip would double the latency of each write.
        headers = curl_slist_append(nil, "Expect:")
        for field in head.headerFields {
            headers = curl_slist_append(headers, "\(field.name.rawName): \(field.value)")
        }
        ccurl_set_list(easy, CURLOPT_HTTPHEADER, headers)
        return easy
    }

    /// Called on the engine's thread when libcurl is done with the transfer.
    func complete(_ code: CURLcode) {
        guard let handle else { return }
        var status = 0
        ccurl_get_long(handle, CURLINFO_RESPONSE_CODE, &status)
        var requestBytes = 0
        ccurl_get_long(handle, CURLINFO_REQUEST_SIZE, &requestBytes)
        finish(result(code, status: status, isConnected: requestBytes > 0))
    }

    private func result(_ code: CURLcode, status: Int, isConnected: Bool) -> Result<IncomingResponse, TransportError> {
        if code == CURLE_OK {
            guard (100..<1000).contains(status) else { return .failure(.outcomeUnknown("the answer has no status")) }
            return .success(IncomingResponse(head: HTTPResponse(status: .init(code: status), headerFields: fields), body: body))
        }
        if isTooLarge { return .failure(.tooLarge(limit: request.responseLimit)) }
        let why = String(cString: curl_easy_strerror(code))
        switch code {
        case CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_RESOLVE_PROXY, CURLE_COULDNT_CONNECT, CURLE_SSL_CONNECT_ERROR, CURLE_PROXY:
            return .failure(.notSent("\(why) (\(request.head.authority ?? ""))"))
        case CURLE_PEER_FAILED_VERIFICATION, CURLE_UNSUPPORTED_PROTOCOL, CURLE_URL_MALFORMAT, CURLE_SSL_CACERT_BADFILE, CURLE_SSL_CERTPROBLEM,
            CURLE_SSL_ISSUER_ERROR, CURLE_SSL_CIPHER:
            return .failure(.refused("\(why) (\(request.head.authority ?? ""))"))
        case CURLE_OPERATION_TIMEDOUT:
            // Nothing left while no connection stood.
            if !isConnected { return .failure(.notSent("no connection within \(Int(request.connectTimeout)) s (\(request.head.authority ?? ""))")) }
            return .failure(.timedOut("no whole answer within \(Int(request.totalTimeout)) s (\(request.head.authority ?? ""))"))
        default:
            return .failure(.outcomeUnknown("\(why) (\(request.head.authority ?? ""))"))
        }
    }

    // MARK: libcurl's callbacks, on the engine's thread

    private static let receiveHeader: ccurl_transfer = { bytes, size, count, context in
        guard let bytes, let context else { return 0 }
        let transfer = Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue()
        let line = String(decoding: UnsafeRawBufferPointer(start: bytes, count: size * count), as: UTF8.self)
        if line.hasPrefix("HTTP/") {
            // A new header block (after 1xx): what came before is not the answer's.
            transfer.fields = HTTPFields()
        } else if let colon = line.firstIndex(of: ":"), let name = HTTPField.Name(String(line[..<colon])) {
            let value = line[line.index(after: colon)...].trimmingCharacters(in: .whitespacesAndNewlines)
            transfer.fields.append(HTTPField(name: name, value: value))
        }
        return size * count
    }

    private static let receiveBody: ccurl_transfer = { bytes, size, count, context in
        guard let bytes, let context else { return 0 }
        let transfer = Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue()
        guard transfer.body.count + size * count <= transfer.request.responseLimit else {
            transfer.isTooLarge = true
            return 0
        }
        transfer.body.append(contentsOf: UnsafeRawBufferPointer(start: bytes, count: size * count))
        return size * count
    }

    private static let sendBody: ccurl_transfer = { bytes, size, count, context in
        guard let bytes, let context else { return 0 }
        let transfer = Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue()
        let chunk = transfer.request.body[transfer.sent...].prefix(size * count)
        chunk.withUnsafeBytes { source in
            UnsafeMutableRawBufferPointer(start: bytes, count: size * count).copyMemory(from: source)
        }
        transfer.sent += chunk.count
        return chunk.count
    }
}
