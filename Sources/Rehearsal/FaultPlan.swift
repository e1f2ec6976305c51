import Emulation
import HTTP
import Ledger
import SCIM
import Simulation
import Synchronization

/// What goes wrong in a night, from a seed: each request's fate depends on the seed and the request's number alone.
package struct FaultPlan: Sendable {
    package enum Kind: String, CaseIterable, Sendable {
        case lostRequest, lostAnswer, reset, duplicate, throttled, serverError, errorAfterwards, slow, truncated,
            invalid, html, wrongType, unauthorized, ignoredPatch, overtaken
    }

    package let seed: UInt64
    /// Of a thousand requests, how many something happens to.
    package let rate: Int
    package let kinds: [Kind]
    /// Which ledger write fails, and how; nil for none.
    package let ledgerFault: LedgerFault?
    private let options: ServiceOptions
    /// Whether what was last written is all that is known of the target: what it ignores is then found out by its
    /// answers alone.
    private let isBlind: Bool
    /// Whether the target never shows who is in a group.
    private let hidesMembers: Bool
    /// What did happen, by kind.
    package let fired = Fired()

    package enum LedgerFault: Sendable {
        case errorAt(commit: Int)
        case fullAfter(pages: Int)
    }

    package init(seed: UInt64, options: ServiceOptions, isBlind: Bool = false, hidesMembers: Bool = false) {
        self.hidesMembers = hidesMembers
        self.options = options
        self.isBlind = isBlind
        var dice = SeededGenerator(seed: seed &* 7919 &+ 13)
        self.seed = seed
        rate = [40, 100, 200, 400].randomElement(using: &dice) ?? 100
        // A few kinds a night: with all of them at once nothing ever gets through.
        kinds = Array(Kind.allCases.shuffled(using: &dice).prefix(Int.random(in: 1...5, using: &dice)))
        switch Int.random(in: 0..<8, using: &dice) {
        case 0: ledgerFault = .errorAt(commit: Int.random(in: 1...120, using: &dice))
        case 1: ledgerFault = .fullAfter(pages: Int.random(in: 0...6, using: &dice))
        default: ledgerFault = nil
        }
    }

    /// Whether somebody else changed what the night is compared with.
    package var meddled: Bool { fired.counts[Kind.overtaken.rawValue] != nil }

    package func fault(_ request: OutgoingRequest, _ number: Int) -> InProcessClient.Fault? {
        guard let (kind, fault) = chosen(request, number) else { return nil }
        fired.add(kind.rawValue)
        return fault
    }

    private func chosen(_ request: OutgoingRequest, _ number: Int) -> (Kind, InProcessClient.Fault)? {
        var dice = SeededGenerator(seed: seed &* 1_000_003 &+ UInt64(number))
        // Troubles come in bursts as well.
        var burst = SeededGenerator(seed: seed &* 2_000_003 &+ UInt64(number / 4))
        let isBurst = Int.random(in: 0..<1000, using: &burst) < rate / 4
        guard isBurst || Int.random(in: 0..<1000, using: &dice) < rate else { return nil }
        let kind =
            isBurst
            ? kinds.randomElement(using: &burst) ?? .lostAnswer : kinds.randomElement(using: &dice) ?? .lostAnswer
        let path = request.head.path ?? ""
        let isRead = request.head.method == .get
        switch kind {
        case .lostRequest: return (kind, .notSent)
        case .lostAnswer: return (kind, .answerLost)
        case .reset: return (kind, .reset)
        case .duplicate:
            // A server that takes two of one name makes two of one request that arrives twice: nobody can see that from
            // outside.
            if request.head.method == .post,
                !(path.contains("/Groups") ? options.uniqueGroupNames : options.uniqueUserNames)
            {
                return nil
            }
            return (kind, .duplicated)
        case .throttled:
            var response = EmulatedResponse(status: 429)
            switch Int.random(in: 0..<5, using: &dice) {
            case 0: break
            case 1: response.headers.append(("Retry-After", "0"))
            case 2: response.headers.append(("Retry-After", "99999999"))
            case 3: response.headers.append(("Retry-After", "in a while"))
            default: response.headers.append(("Retry-After", "Wed, 21 Oct 2026 07:28:00 GMT"))
            }
            return (kind, .answered(response))
        case .serverError:
            return (kind, .answered(EmulatedResponse(status: [502, 503, 504, 500].randomElement(using: &dice) ?? 503)))
        case .errorAfterwards:
            return (kind, .processed(EmulatedResponse(status: [500, 502, 504].randomElement(using: &dice) ?? 502)))
        case .slow:
            return (
                kind,
                .altered { answer in
                    var answer = answer
                    answer.delay = 120
                    return answer
                }
            )
        case .truncated:
            return (
                kind,
                isRead
                    ? .altered { with($0, Array($0.body.prefix($0.body.count / 2))) }
                    : .altered { with($0, Array($0.body.dropLast(3))) }
            )
        case .invalid: return (kind, .altered { with($0, Array("{\"id\":tru".utf8)) })
        case .html:
            return (
                kind, .altered { with($0, Array("<html><body>Please sign in</body></html>".utf8), type: "text/html") }
            )
        case .wrongType: return (kind, .altered { with($0, $0.body, type: "text/plain") })
        case .unauthorized: return (kind, .answered(EmulatedResponse(status: 401)))
        case .ignoredPatch:
            guard request.head.method == .patch, !((isBlind || hidesMembers) && path.contains("/Groups")) else {
                return nil
            }
            return (kind, .ignored(isShown: isBlind || Bool.random(using: &dice)))
        case .overtaken:
            guard !isRead else { return nil }
            let roll = Int.random(in: 0..<100, using: &dice)
            return (
                kind,
                .overtaken { landscape in
                    let users = landscape.target.documents(.user).compactMap { $0["id"]?.string }
                    guard !users.isEmpty else { return }
                    try? landscape.target.meddle(.user, users[roll % users.count]) { $0["displayName"] = "Overtaken" }
                }
            )
        }
    }
}

/// Counts what happened.
package final class Fired: Sendable {
    private let state = Mutex<[String: Int]>([:])
    package var counts: [String: Int] { state.withLock { $0 } }
    package func add(_ what: String) { state.withLock { $0[what, default: 0] += 1 } }
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
