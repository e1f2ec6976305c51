import Foundation
import GRDB

/// One host at a time.
extension Ledger {
    /// Who has the ledger: a lock of the file system may not reach other hosts.
    public struct Holder: Sendable {
        /// The host's name, and what tells one boot of one kernel from all others.
        public var host: String
        public var boot: String

        public init(host: String, boot: String) {
            self.host = host
            self.boot = boot
        }
    }

    /// Seconds after which a holder that gave no sign is taken for dead.
    static let patience = 3600.0

    /// Says that this host works with the ledger. Throws `LedgerError.otherHost` when another one does.
    ///
    /// - Parameter now: seconds since 1970.
    public func take(_ holder: Holder, now: Double, insists: Bool = false) throws {
        self.holder = holder
        if !insists,
            let known = try fact("holder")?.split(separator: "\t", omittingEmptySubsequences: false).map(String.init),
            known.count == 3, let seen = Double(known[2]),
            known[0] != holder.host, known[1] != holder.boot, abs(now - seen) < Self.patience
        {
            self.holder = nil
            throw LedgerError.otherHost(path ?? "memory", host: known[0], secondsAgo: Int(abs(now - seen)))
        }
        try beat(now: now)
    }

    /// Gives a sign of life.
    ///
    /// Throws `LedgerError.otherHost` when somebody else took the ledger meanwhile, and what is under way rests on what
    /// was.
    public func beat(now: Double) throws {
        if let loss { throw loss }
        guard let holder, now - lastBeat >= 30 else { return }
        if lastBeat > -.infinity {
            let known = try fact("holder")?.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
            if known.map({ $0.count == 3 && $0[0] != holder.host && $0[1] != holder.boot }) ?? true {
                let loss = LedgerError.otherHost(
                    path ?? "memory", host: known?[0] ?? "another, which has let go of it again", secondsAgo: 0)
                // From now on every sign of life says so, and the sign is the other's.
                self.loss = loss
                throw loss
            }
        }
        lastBeat = now
        try learn("holder", "\(holder.host)\t\(holder.boot)\t\(Int(now))")
    }

    /// Says that the work is over.
    public func letGo() throws {
        guard holder != nil else { return }
        holder = nil
        if loss == nil { try unlearn("holder") }
    }
}
