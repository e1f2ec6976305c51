import Emulation
import Foundation
import HTTP
import JSON
import Ledger
import Planning
import Reconciliation
import SCIM
import Simulation
import Synchronization

/// Keeps what a kill would leave at each moment of a run, or at one of them.
///
/// `@unchecked Sendable`: a simulated run is on one thread.
final class Watch: @unchecked Sendable {
    private let world: World
    private var dice: SeededGenerator?
    private var seen = 0
    private let onlyWhileApplying: Bool
    private(set) var moments: [World.Moment] = []
    /// Moments that could not be copied.
    private(set) var failed = 0

    /// - Parameter dice: chooses one moment, each as likely as the others; nil keeps all.
    /// - Parameter onlyWhileApplying: whether moments count only from the first write on.
    init(_ world: World, choosingBy dice: SeededGenerator? = nil, onlyWhileApplying: Bool = false) {
        self.world = world
        self.dice = dice
        self.onlyWhileApplying = onlyWhileApplying
        world.ledger.committed = { [unowned self] in note() }
        world.client.whenDelivered { [unowned self] _ in note() }
    }

    private func note() {
        if onlyWhileApplying, (try? world.ledger.plan(nil))?.state != .applying { return }
        seen += 1
        if var dice {
            let isChosen = Int.random(in: 0..<seen, using: &dice) == 0
            self.dice = dice
            if isChosen { keep { moments = [$0] } }
        } else {
            keep { moments.append($0) }
        }
    }

    private func keep(_ body: (World.Moment) -> Void) {
        do { body(try world.moment()) } catch { failed += 1 }
    }

    func end() {
        world.ledger.committed = nil
        world.client.whenDelivered(nil)
    }
}
