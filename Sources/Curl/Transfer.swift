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

    /// Leaves the handle to libcurl, which did not give it back, with all that it points to, for as long as the program
    /// runs.
    func abandon() {
        handle = nil
        headers = nil
        _ = Unmanaged.passRetained(self)
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
        let scheme = head.scheme ?? "https"
        let url = "\(scheme)://\(head.authority ?? "")\(head.path ?? "/")"
        guard let parts = URLParts("\(scheme)://\(head.authority ?? "")"),
            ccurl_leads_to(url, scheme, parts.authority.hasPrefix("[") ? "[\(parts.host)]" : parts.host) != 0
        else {
            finish(.failure(.refused("libcurl reads this address as another place (\(head.authority ?? ""))")))
            return nil
        }
        // A setting that is not taken would send something else than what is meant.
        var isConfigured = true
        func set(_ code: CURLcode) { if code != CURLE_OK { isConfigured = false } }
        func set(_ option: CURLoption, _ value: Int) { set(ccurl_set_long(easy, option, value)) }
        func set(_ option: CURLoption, _ value: String) { set(ccurl_set_string(easy, option, value)) }
        set(CURLOPT_URL, url)
        set(CURLOPT_PROTOCOLS_STR, "http,https")
        set(ccurl_secure(easy, scheme == "http" && (parts.isLoopback || parts.isLinkLocal) ? 1 : 0))
        set(CURLOPT_FOLLOWLOCATION, 0)
        set(CURLOPT_NOSIGNAL, 1)
        set(CURLOPT_SSL_VERIFYPEER, 1)
        set(CURLOPT_SSL_VERIFYHOST, 2)
        // Where the TLS library cannot tell of certificates, nothing is told of their end.
        if scheme == "https" { _ = ccurl_set_long(easy, CURLOPT_CERTINFO, 1) }
        if let tls = request.tls {
            if let authority = tls.authority { set(CURLOPT_CAINFO, authority) }
            if let certificate = tls.certificate { set(CURLOPT_SSLCERT, certificate) }
            if let key = tls.key { set(CURLOPT_SSLKEY, key) }
        }
        set(CURLOPT_HTTP_VERSION, Int(CURL_HTTP_VERSION_2TLS))
        set(CURLOPT_PIPEWAIT, 1)
        set(CURLOPT_TCP_NODELAY, 1)
        set(CURLOPT_CONNECTTIMEOUT_MS, Int(request.connectTimeout * 1000))
        set(CURLOPT_TIMEOUT_MS, Int(request.totalTimeout * 1000))
        set(CURLOPT_ACCEPT_ENCODING, "")
        set(CURLOPT_USERAGENT, userAgent)
        set(
            ccurl_set_callbacks(
                easy, Self.receiveHeader, Self.receiveBody, Self.sendBody, Unmanaged.passUnretained(self).toOpaque()))

        for code in setMethod(easy) { set(code) }

        if let list = headerList() { set(ccurl_set_list(easy, CURLOPT_HTTPHEADER, list)) } else { isConfigured = false }
        guard isConfigured else {
            finish(.failure(.notSent("libcurl does not take what this request needs (\(head.authority ?? ""))")))
            return nil
        }
        return easy
    }

    private func setMethod(_ easy: UnsafeMutableRawPointer) -> [CURLcode] {
        let method = request.head.method
        var codes: [CURLcode] = []
        if !request.body.isEmpty || method == .post {
            codes.append(ccurl_set_long(easy, CURLOPT_POST, 1))
            codes.append(ccurl_set_size(easy, CURLOPT_POSTFIELDSIZE_LARGE, curl_off_t(request.body.count)))
        }
        if method != .get || !request.body.isEmpty {
            codes.append(ccurl_set_string(easy, CURLOPT_CUSTOMREQUEST, method.rawValue))
        }
        // On a kept connection that has died libcurl sends a request without a body once more by itself: a delete that
        // was done would find nothing to delete.
        if method == .delete {
            codes.append(ccurl_set_long(easy, CURLOPT_FRESH_CONNECT, 1))
            // Else each delete would leave a connection more that waits.
            codes.append(ccurl_set_long(easy, CURLOPT_FORBID_REUSE, 1))
        }
        return codes
    }

    /// The request's headers as libcurl wants them; nil where it has no memory.
    private func headerList() -> UnsafeMutablePointer<curl_slist>? {
        // A 100-continue round trip would double the latency of each write.
        for line in ["Expect:"] + request.head.headerFields.map({ "\($0.name.rawName): \($0.value)" }) {
            guard let longer = curl_slist_append(headers, line) else { return nil }
            headers = longer
        }
        return headers
    }

    /// Called on the engine's thread when libcurl is done with the transfer.
    func complete(_ code: CURLcode) {
        guard let handle else {
            return finish(.failure(.outcomeUnknown("libcurl does not give the transfer back")))
        }
        var status = 0
        var requestBytes = 0
        // What is not known counts as no status, and as sent.
        if ccurl_get_long(handle, CURLINFO_RESPONSE_CODE, &status) != CURLE_OK { status = 0 }
        if ccurl_get_long(handle, CURLINFO_REQUEST_SIZE, &requestBytes) != CURLE_OK { requestBytes = 1 }
        let end = ccurl_certificate_end(handle)
        finish(
            result(code, status: status, isConnected: requestBytes > 0).map { answer in
                var answer = answer
                answer.certificateEnd = end < 0 ? nil : Double(end)
                return answer
            })
    }

    private func result(_ code: CURLcode, status: Int, isConnected: Bool) -> Result<IncomingResponse, TransportError> {
        if code == CURLE_OK {
            guard (100..<1000).contains(status) else { return .failure(.outcomeUnknown("the answer has no status")) }
            return .success(
                IncomingResponse(head: HTTPResponse(status: .init(code: status), headerFields: fields), body: body))
        }
        if isTooLarge { return .failure(.tooLarge(limit: request.responseLimit)) }
        let why = String(cString: curl_easy_strerror(code))
        switch code {
        case CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_RESOLVE_PROXY, CURLE_COULDNT_CONNECT, CURLE_SSL_CONNECT_ERROR,
            CURLE_PROXY:
            return .failure(.notSent("\(why) (\(request.head.authority ?? ""))"))
        case CURLE_PEER_FAILED_VERIFICATION, CURLE_UNSUPPORTED_PROTOCOL, CURLE_URL_MALFORMAT, CURLE_SSL_CACERT_BADFILE,
            CURLE_SSL_CERTPROBLEM,
            CURLE_SSL_ISSUER_ERROR, CURLE_SSL_CIPHER:
            return .failure(.refused("\(why) (\(request.head.authority ?? ""))"))
        case CURLE_OPERATION_TIMEDOUT:
            // Nothing left while no connection stood.
            if !isConnected {
                return .failure(
                    .notSent("no connection within \(Int(request.connectTimeout)) s (\(request.head.authority ?? ""))"))
            }
            return .failure(
                .timedOut("no whole answer within \(Int(request.totalTimeout)) s (\(request.head.authority ?? ""))"))
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
            transfer.fields.append(
                HTTPField(name: name, value: String(line[line.index(after: colon)...]).trimmingSpaces))
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
