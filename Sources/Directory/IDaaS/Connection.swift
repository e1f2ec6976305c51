import HTTP
import HTTPTypes
import JSON
import Synchronization

/// One of IDaaS' APIs at an endpoint: asks for pages and objects, and judges what comes.
final class IDaaSConnection: Sendable {
    let api: any IDaaSAPI
    private let client: any HTTPClient
    private let time: Time
    /// Seconds since 1970.
    var now: Double { time.wall() }
    /// How far the service's clock is ahead of ours, in seconds, at the most.
    private let skew = Mutex(0.0)

    init(api: any IDaaSAPI, client: any HTTPClient, time: Time) {
        self.api = api
        self.client = client
        self.time = time
    }

    /// Seconds by which the service's clock differs from ours, by its Date headers; 0 while it gave none.
    var clockSkew: Double { skew.withLock { $0 } }

    /// What cannot be read is asked for this often.
    static let attempts = 3

    /// What a page says of itself.
    struct Page {
        var items = 0
        var total: Int?
        var next: String?
        /// Whether the service pages this list by token.
        var isByToken = false
    }

    /// What came in the place of a page or an object.
    enum Answer<Value> {
        case value(Value)
        /// The service refuses this request alone.
        case refused(IDaaSError)
        /// The document cannot be read.
        case malformed(String)
    }

    /// Asks for one page. Throws `DirectoryFailure` where the source as a whole does not answer.
    ///
    /// - Parameter number: the page's place in the walk from 1, for messages.
    func page(_ list: IDaaSList, _ page: IDaaSPage, number: Int, _ body: (JSONView) throws -> Void) async throws
        -> Answer<Page>
    {
        guard let head = api.request(list, page) else { return .malformed("\(list.operation) has no such list") }
        let what = "\(list.operation), \(list.name), page \(number)"
        return try await send(head, list.operation, what) { root in
            var result = Page()
            guard root.kind == .object, let items = root[api.items(list)] else {
                // IDaaS leaves an empty list out; a page that does not even state a total is none.
                guard root.kind == .object, root.field("totalCount", api.style) != nil else {
                    throw JSONSyntaxError("the page has neither \(api.items(list)) nor a total")
                }
                return describe(root, &result)
            }
            guard items.kind == .array || items.isNull else { throw JSONSyntaxError("\(api.items(list)) is no list") }
            try items.forEachElement { item in
                result.items += 1
                try body(item)
            }
            return describe(root, &result)
        }
    }

    private func describe(_ root: JSONView, _ page: inout Page) -> Page {
        page.total = root.field("totalCount", api.style)?.lenientInteger
        page.next = root.field("nextToken", api.style)?.string.flatMap { $0.isEmpty ? nil : $0 }
        let echoed = root.field("maxResults", api.style).map { !$0.isNull } ?? false
        page.isByToken = page.next != nil || echoed
        return page
    }

    /// Asks for one object and hands it to `body`. Throws `DirectoryFailure` where the source as a whole does not
    /// answer.
    func object<Value>(_ object: IDaaSObject, _ body: (JSONView) throws -> Value) async throws -> Answer<Value> {
        guard let head = api.request(object) else { return .malformed("\(object.operation) is not possible here") }
        var answer = Answer<Value>.malformed("")
        for _ in 1...Self.attempts {
            answer = try await send(head, object.operation, object.operation) { root in
                guard let wrapper = api.wrapper(object) else { return try body(root) }
                guard let inner = root[wrapper] else { throw JSONSyntaxError("the answer has no \(wrapper)") }
                return try body(inner)
            }
            guard case .malformed = answer else { break }
        }
        return answer
    }

    private func send<Value>(
        _ head: HTTPRequest, _ operation: String, _ what: String, _ body: (JSONView) throws -> Value
    ) async throws -> Answer<Value> {
        let response: IncomingResponse
        do {
            response = try await client.send(OutgoingRequest(head: head))
        } catch {
            throw failure(error, what)
        }
        observe(response)
        guard response.status == 200 else {
            let error = IDaaSError(response)
            if let verdict = error.verdict(operation, isApplication: api.isApplication) {
                var why = "\(what): \(error); \(verdict.remedy)"
                if error.code.hasPrefix("InvalidTimeStamp"), abs(clockSkew) > 60 {
                    why += " (the service's clock is \(Self.words(clockSkew)) of this one)"
                }
                throw verdict.isCredential ? DirectoryFailure.credentials(why) : .unreachable(why)
            }
            return .refused(error)
        }
        do {
            return .value(try JSONParser().parse(response.body, body))
        } catch let error as JSONSyntaxError {
            return .malformed("\(error)")
        }
    }

    private func failure(_ error: any Error, _ what: String) -> DirectoryFailure {
        guard let error = error as? TransportError else { return .unreachable("\(what): \(error)") }
        switch error {
        case .cancelled: return .cancelled
        case .refused(let why) where why.hasPrefix(CredentialChain.refusalMark): return .credentials(why)
        case .refused(let why) where why.hasPrefix(ClientCredentials.refusalMark):
            // The code of a refused token request stands in its message, the first word that is one.
            let verdict = why.split { " :,“”".contains($0) }.lazy.compactMap {
                IDaaSError(code: String($0)).verdict("GenerateToken", isApplication: true)
            }.first
            guard let verdict else { return .credentials("\(why); check source.client") }
            return verdict.isCredential
                ? .credentials("\(why); \(verdict.remedy)") : .unreachable("\(why); \(verdict.remedy)")
        default: return .unreachable("\(what): \(error); check source.region or source.endpoint, and the network")
        }
    }

    private func observe(_ response: IncomingResponse) {
        guard
            let date = HTTPField.Name("date").flatMap({ response.head.headerFields[$0] }).flatMap({
                HTTPDate.seconds($0)
            })
        else { return }
        let difference = date - time.wall()
        skew.withLock { if abs(difference) > abs($0) { $0 = difference } }
    }

    /// `60 min ahead`, `2 h behind`.
    static func words(_ skew: Double) -> String {
        let minutes = Int((abs(skew) / 60).rounded())
        return "\(minutes < 180 ? "\(minutes) min" : "\(minutes / 60) h") \(skew > 0 ? "ahead" : "behind")"
    }
}
