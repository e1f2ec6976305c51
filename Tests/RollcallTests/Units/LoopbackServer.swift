import Emulation
import Foundation
import Synchronization

/// A server of a few lines on loopback, for what a well-behaved server does not do: it closes, stalls, lies and counts.
final class LoopbackServer: Sendable {
    enum Reply: Sendable {
        case bytes([UInt8], closes: Bool)
        /// Closes without an answer.
        case hangUp
        /// Says nothing for that many seconds.
        case silence(Double)
    }

    struct Seen: Sendable {
        var connection: Int
        var head: String
        var body: [UInt8]
    }

    let port: UInt16
    private let listener: Int32
    private let seen = Mutex<[Seen]>([])
    private let connections = Atomic<Int>(0)
    private let answer: @Sendable (Seen) -> Reply

    init(_ answer: @escaping @Sendable (Seen) -> Reply) throws {
        self.answer = answer
        listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let descriptor = listener
        let isBound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, length) == 0 && listen(descriptor, 64) == 0
                    && getsockname(descriptor, $0, &length) == 0
            }
        }
        guard isBound else { throw POSIXError(.EADDRINUSE) }
        port = UInt16(bigEndian: address.sin_port)
        let thread = Thread { [self] in
            while true {
                let connection = accept(listener, nil, nil)
                guard connection >= 0 else { return }
                let number = connections.add(1, ordering: .relaxed).newValue
                let worker = Thread { [self] in serve(connection, number) }
                worker.start()
            }
        }
        thread.start()
    }

    /// The sandbox's emulator behind this server.
    static func emulating(_ service: SCIMService) throws -> LoopbackServer {
        let state = Shared(service)
        return try LoopbackServer { seen in
            let lines = seen.head.components(separatedBy: "\r\n")
            let words = lines[0].split(separator: " ").map(String.init)
            var headers: [String: String] = [:]
            for line in lines.dropFirst() {
                if let colon = line.firstIndex(of: ":") {
                    headers[line[..<colon].lowercased()] = line[line.index(after: colon)...].trimmingCharacters(
                        in: .whitespaces)
                }
            }
            let (path, query) = EmulatedRequest.split(target: words[1])
            let response = state.service.withLock {
                $0.handle(
                    EmulatedRequest(
                        method: words[0], path: path, query: query, headers: headers, body: seen.body,
                        now: 1_790_000_000, origin: "http://\(headers["host"] ?? "")"))
            }
            var head = "HTTP/1.1 \(response.status) Status\r\nContent-Length: \(response.body.count)\r\n"
            for header in response.headers { head += "\(header.name): \(header.value)\r\n" }
            return .bytes(Array((head + "\r\n").utf8) + response.body, closes: false)
        }
    }

    private final class Shared: Sendable {
        let service: Mutex<SCIMService>
        init(_ service: SCIMService) { self.service = Mutex(service) }
    }

    func stop() {
        shutdown(listener, Int32(SHUT_RDWR))
        close(listener)
    }

    var requests: [Seen] { seen.withLock { $0 } }
    var base: String { "http://127.0.0.1:\(port)" }

    private func serve(_ connection: Int32, _ number: Int) {
        defer { close(connection) }
        var buffer: [UInt8] = []
        while let request = read(connection, number, &buffer) {
            seen.withLock { $0.append(request) }
            switch answer(request) {
            case .hangUp: return
            case .silence(let seconds):
                Thread.sleep(forTimeInterval: seconds)
                return
            case .bytes(let bytes, let closes):
                var rest = bytes[...]
                while !rest.isEmpty {
                    let written = rest.withUnsafeBytes {
                        send(connection, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
                    }
                    guard written > 0 else { return }
                    rest = rest.dropFirst(written)
                }
                if closes { return }
            }
        }
    }

    private func read(_ connection: Int32, _ number: Int, _ buffer: inout [UInt8]) -> Seen? {
        var chunk = [UInt8](repeating: 0, count: 65536)
        while true {
            if let end = buffer.firstRange(of: Array("\r\n\r\n".utf8)) {
                let head = String(decoding: buffer[..<end.lowerBound], as: UTF8.self)
                let length =
                    head.lowercased().components(separatedBy: "content-length: ").dropFirst().first.flatMap {
                        Int($0.prefix { $0.isNumber })
                    } ?? 0
                if buffer.count >= end.upperBound + length {
                    let body = Array(buffer[end.upperBound..<(end.upperBound + length)])
                    buffer.removeFirst(end.upperBound + length)
                    return Seen(connection: number, head: head, body: body)
                }
            }
            let count = recv(connection, &chunk, chunk.count, 0)
            guard count > 0 else { return nil }
            buffer.append(contentsOf: chunk[..<count])
        }
    }
}
