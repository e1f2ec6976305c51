import Emulation
import HTTP
import Ledger
import SCIM
import Simulation

/// What goes wrong in a night, from a seed: each request's fate depends on the seed and the request's number alone.
package struct FaultPlan: Sendable {
    package enum Kind: String, CaseIterable, Sendable {
        case lostRequest, lostAnswer, reset, duplicate, throttled, serverError, errorAfterwards, slow, truncated, invalid, html, wrongType, unauthorized, ignoredPatch, overtaken
    }

    package let seed: UInt64
    /// Of a thousand requests, how many something happens to.
    package let rate: Int
    package let kinds: [Kind]
    /// Which ledger write fails, and how; nil for none.
    package let ledgerFault: LedgerFault?
    private let uniqueGroupNames: Bool

    package enum LedgerFault: Sendable {
        case errorAt(commit: Int)
        case fullAfter(pages: Int)
    }

    package init(seed: UInt64, options: ServiceOptions) {
        var dice = SeededGenerator(seed: seed &* 7919 &+ 13)
        self.seed = seed
        rate = [20, 60, 150, 300].randomElement(using: &dice) ?? 60
        // A few kinds a night: with all of them at once nothing ever gets through.
        kinds = Array(Kind.allCases.shuffled(using: &dice).prefix(Int.random(in: 1...5, using: &dice)))
        uniqueGroupNames = options.uniqueGroupNames
        switch Int.random(in: 0..<8, using: &dice) {
        case 0: ledgerFault = .errorAt(commit: Int.random(in: 1...120, using: &dice))
        case 1: ledgerFault = .fullAfter(pages: Int.random(in: 0...6, using: &dice))
        default: ledgerFault = nil
        }
    }

    /// Whether the night changes what it is compared with.
    package var meddles: Bool { kinds.contains(.overtaken) }

    package func fault(_ request: OutgoingRequest, _ number: Int) -> InProcessClient.Fault? {
        var dice = SeededGenerator(seed: seed &* 1_000_003 &+ UInt64(number))
        // Troubles come in bursts as well.
        var burst = SeededGenerator(seed: seed &* 2_000_003 &+ UInt64(number / 4))
        let isBurst = Int.random(in: 0..<1000, using: &burst) < rate / 4
        guard isBurst || Int.random(in: 0..<1000, using: &dice) < rate else { return nil }
        let kind = isBurst ? kinds.randomElement(using: &burst) ?? .lostAnswer : kinds.randomElement(using: &dice) ?? .lostAnswer
        let path = request.head.path ?? ""
        let isRead = request.head.method == .get
        switch kind {
        case .lostRequest: return .notSent
        case .lostAnswer: return .answerLost
        case .reset: return .reset
        case .duplicate:
            // A server that takes two groups of one name makes two of one request that arrives twice: nobody can see that from outside.
            if request.head.method == .post, path.contains("/Groups"), !uniqueGroupNames { return nil }
            return .duplicated
        case .throttled:
            var response = EmulatedResponse(status: 429)
            switch Int.random(in: 0..<5, using: &dice) {
            case 0: break
            case 1: response.headers.append(("Retry-After", "0"))
            case 2: response.headers.append(("Retry-After", "99999999"))
            case 3: response.headers.append(("Retry-After", "in a while"))
            default: response.headers.append(("Retry-After", "Wed, 21 Oct 2026 07:28:00 GMT"))
            }
            return .answered(response)
        case .serverError: return .answered(EmulatedResponse(status: [502, 503, 504, 500].randomElement(using: &dice) ?? 503))
        case .errorAfterwards: return .processed(EmulatedResponse(status: [500, 502, 504].randomElement(using: &dice) ?? 502))
        case .slow:
            return .altered { answer in
                var answer = answer
                answer.delay = 120
                return answer
            }
        case .truncated: return isRead ? .altered { with($0, Array($0.body.prefix($0.body.count / 2))) } : .altered { with($0, Array($0.body.dropLast(3))) }
        case .invalid: return .altered { with($0, Array("{\"id\":tru".utf8)) }
        case .html: return .altered { with($0, Array("<html><body>Please sign in</body></html>".utf8), type: "text/html") }
        case .wrongType: return .altered { with($0, $0.body, type: "text/plain") }
        case .unauthorized: return .answered(EmulatedResponse(status: 401))
        case .ignoredPatch: return request.head.method == .patch ? .ignored : nil
        case .overtaken:
            guard !isRead else { return nil }
            let roll = Int.random(in: 0..<100, using: &dice)
            return .overtaken { landscape in
                let users = landscape.target.documents(.user).compactMap { $0["id"]?.string }
                guard !users.isEmpty else { return }
                try? landscape.target.meddle(.user, users[roll % users.count]) { $0["displayName"] = "Overtaken" }
            }
        }
    }
}

private func with(_ response: EmulatedResponse, _ body: [UInt8], type: String? = nil) -> EmulatedResponse {
    var response = response
    response.body = body
    if let type {
        response.headers.removeAll { $0.name.lowercased() == "content-type" }
        response.headers.append(("Content-Type", type))
    }
    return response
}
