import Foundation
import Rehearsal
import Testing

/// A bounded part of what `make simulate` does: faults and kills under the laws.
@Suite struct SimulationTests {
    @Test("a seed replays a run to the byte, with several requests under way at once")
    func replay() async throws {
        for seed in [3, 8, 21, 34] as [UInt64] {
            let first = try Trial.trace(seed: seed)
            #expect(first.count > 20)
            // On another thread as well.
            let second = try await withCheckedThrowingContinuation { continuation in
                Thread { continuation.resume(with: Result { try Trial.trace(seed: seed) }) }.start()
            }
            #expect(first == second, "seed \(seed)")
        }
        #expect(try Trial.trace(seed: 3) != Trial.trace(seed: 8))
    }

    @Test("random worlds with faults and a kill reach the end of the unbroken run", arguments: 0..<4)
    func faulty(part: UInt64) throws {
        for seed in 1 + part * 14...14 + part * 14 {
            let outcome = try Trial.all(seed: seed)
            #expect(outcome.broken.isEmpty, "seed \(seed): \(outcome.broken.joined(separator: " · "))")
        }
    }

    @Test(
        "seeds that found something once",
        arguments: [
            406, 477, 1652, 1784, 2263, 2991, 3229, 3260, 3762, 3995, 4761, 4883, 4920, 4963, 5272, 6008, 7620, 12728,
            17816, 18373, 19544,
        ] as [UInt64])
    func found(seed: UInt64) throws {
        let outcome = try Trial.all(seed: seed)
        #expect(outcome.broken.isEmpty, "\(outcome.broken.joined(separator: " · "))")
    }

    @Test("killed at every request and every ledger write of a day", arguments: [Platform.all[0], Platform.all[2]])
    func exhaustive(_ platform: Platform) throws {
        let outcome = try Trial.exhaustive(platform)
        #expect(outcome.runs > 40)
        #expect(outcome.broken.isEmpty, "\(outcome.broken.joined(separator: " · "))")
    }

    @Test("a first sync to a server that throttles and fails ends well, with at most 32 % more requests")
    func throttled() throws {
        let (with, without, outcome) = try Trial.throttled(seed: 1, users: 400)
        #expect(outcome.broken.isEmpty, "\(outcome.broken)")
        #expect(with > without)
    }

    @Test("what every kind of run did is taken back on every platform", arguments: Platform.all)
    func undo(_ platform: Platform) throws {
        for seed in 1...4 as ClosedRange<UInt64> {
            let outcome = try Trial.undo(platform, seed: seed)
            #expect(outcome.broken.isEmpty, "seed \(seed): \(outcome.broken.joined(separator: " · "))")
        }
    }
}
