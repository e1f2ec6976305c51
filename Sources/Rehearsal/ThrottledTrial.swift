import Emulation
import HTTP
import Reconciliation
import Simulation

extension Trial {
    /// A first sync of many users against a server that answers a tenth of the requests with 429 and a twentieth with
    /// 502 to 504, compared with the same without. Ten tries a request, virtual clock.
    package static func throttled(seed: UInt64, users: Int = 5000) throws -> (
        requests: Int, without: Int, outcome: Outcome
    ) {
        func requests(_ isThrottled: Bool) throws -> (Int, ExitCode, [String], Int) {
            let executor = SeededExecutor(seed: seed)
            return try executor.run {
                let fault: @Sendable (OutgoingRequest, Int) -> InProcessClient.Fault? = { _, number in
                    var dice = SeededGenerator(seed: seed &* 104_729 &+ UInt64(number))
                    let roll = Int.random(in: 0..<1000, using: &dice)
                    if roll < 100 {
                        return .answered(
                            EmulatedResponse(status: 429, headers: roll % 2 == 0 ? [("Retry-After", "1")] : []))
                    }
                    guard roll < 150 else { return nil }
                    let error = EmulatedResponse(status: 502 + roll % 3)
                    // Half of them before the work was done, half after it.
                    return roll % 2 == 0 ? .answered(error) : .processed(error)
                }
                let job = World.job(
                    "limits: { source.shrink: none }\npace: { requestsPerSecond: 1000, concurrency: 10 }")
                let world = try World(job: job, seed: seed, clock: VirtualTime(executor)) { request, number in
                    isThrottled ? fault(request, number) : nil
                }
                world.retry = RetryPolicy(attempts: 10, base: 0.5)
                world.directory.people = people(users)
                let result = try await world.run()
                return (world.client.sent, result.report.exit, result.report.details, world.documents(.user).count)
            }
        }
        let (without, _, _, _) = try requests(false)
        let (with, exit, details, made) = try requests(true)
        var outcome = Outcome()
        outcome.runs = 2
        if exit != .inStep { outcome.broken.append("the first sync ended with \(exit): \(details.prefix(5))") }
        if made != users { outcome.broken.append("\(made) users were made, and \(users) were to be") }
        if Double(with) > Double(without) * 1.32 {
            outcome.broken.append("\(with) requests, \(without) without faults: more than 32 % more")
        }
        return (with, without, outcome)
    }
}
