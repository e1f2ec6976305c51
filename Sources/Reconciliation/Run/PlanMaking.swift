import Directory
import Foundation
import HTTP
import JSON
import Jobs
import Ledger
import Logging
import Planning
import Provisioning
import SCIM
import SCIMTransport

/// The plan of a night, as values: each is made of the one before.
///
///     open → Opened → read → BothRead → remember → classify → Classified → decide → judge
///
/// What is found on the way and told at the end stands in the run. Nothing here writes to a side.
struct Opened {
    let target: SCIMTarget
    /// The last run that was applied on a complete read of the source; nil before the first.
    let baseline: Ledger.RunRecord?
}

/// Both sides as they were read: the rows are in the ledger's scratch file, and here is what may be believed of them.
struct BothRead {
    let target: SCIMTarget
    let baseline: Ledger.RunRecord?
    let reader: SourceReader
    let scope: EffectiveScope
    /// What the source has lost because of a scope that changed, by what is counted.
    let lossByScope: SourceCount
    let source: Reading
    let targetReading: Reading
}

/// Each record in its situation, and how differences are found.
struct Classified {
    let read: BothRead
    let differences: Differences
}

extension JobRun {
    /// Reads both sides and stores a plan. What keeps it from that is in `failure`.
    public func prepare() async { await prepare { try await makePlan() } }

    /// Stores a plan that takes back what a run did. What keeps it from that is in `failure`.
    func prepare(undoing run: Int64) async { await prepare { try await makeUndo(of: run) } }

    func prepare(_ make: () async throws -> Void) async {
        do {
            try await make()
        } catch let error as JobFailure {
            failure = error
        } catch let error as LedgerError {
            failure = JobFailure(error, of: job)
        } catch let error as SCIMFailure {
            failure = JobFailure(error, side: "target")
        } catch let error as DirectoryFailure {
            failure = JobFailure(error)
        } catch is CancellationError {
            failure = JobFailure(.interrupted, "stopped")
        } catch {
            failure = JobFailure(.internalError, "\(error)")
        }
        if let signal = surroundings.stop.signal, failure?.exit == .interrupted {
            failure = JobFailure(
                .stopped(by: signal), "stopped by a signal while planning; no operation of this run was sent")
        }
    }

    /// From two sides to a stored plan.
    func makePlan() async throws {
        try refuseUnmeantFirstRun()
        let read = try await readBoth(try await open())
        try remember(read)
        let classified = try classify(read)
        try decide(classified)
        if pushed.contains(.group) { try await decideMemberships(classified) }
        try judge(read)
    }

    /// Asks the target what it can do, settles what an interrupted run left, and makes room for what is read.
    func open() async throws -> Opened {
        let target = try await openTarget()
        try ledger.attachScratch()
        return Opened(target: target, baseline: try ledger.lastRun(isBaseline: true))
    }

    /// Asks the target what it can do, and settles what an interrupted run left.
    func openTarget() async throws -> SCIMTarget {
        let capabilities = try await connection.capabilities(
            of: profile, overrides: job.target.capabilities)
        let target = SCIMTarget(connection: connection, profile: profile, capabilities: capabilities)
        self.target = target
        try await settleInterrupted(target)
        return target
    }

    func settleInterrupted(_ target: SCIMTarget) async throws {
        let open = try ledger.unsettled()
        guard !open.isEmpty else { return }
        guard command != "plan" else {
            notes.append(
                """
                an interrupted run left \(counted(open.count, "operation")) whose outcome is unknown; the next \
                run settles them first
                """
            )
            return
        }
        let applier = Applier(
            ledger: ledger, run: id, target: target, tables: tables, concurrency: job.pace.concurrency,
            attempts: surroundings.retry.attempts, stop: surroundings.stop,
            now: surroundings.time.wall,
            progress: { [progress] sent, _ in progress("operations of an interrupted run settled", sent) })
        applier.noHandMade = job.target.noHandMade
        applier.isExclusive = job.exclusiveMemberships
        try await applier.settle(open)
        if let fatal = applier.fatal { throw JobFailure(fatal, side: "target") }
        if applier.breaker.isOpen {
            throw JobFailure(
                .unreachable,
                "target: fails again and again while what an interrupted run left is settled: \(applier.breaker.reason)"
            )
        }
        notes.append("settled \(counted(open.count, "operation")) of an interrupted run")
        hasSettled = true
        notes += applier.verification.report
    }

    /// Puts the drafts in their order, counts them for the gate, and stores them as this run's plan.
    func store(inputs: String) throws {
        try Ordering(ledger: ledger).arrange()
        try countForGate()
        let hash = PlanDigest(inputs: inputs)
        plan = try ledger.storePlan(
            run: id, created: surroundings.timestamp, inputs: inputs, digest: { hash.add($0) }, finish: { hash.value })
        if let plan {
            log(
                "plan made",
                [
                    "plan": .stringConvertible(plan), "digest": "\(PlanDigest.shown(hash.value))",
                    "operations": .stringConvertible(try ledger.plannedCount(plan: plan)),
                ])
        }
    }

    /// Stores the plan and holds it against the limits.
    func judge(_ read: BothRead) throws {
        try noteUnknownNames()
        try store(inputs: inputs)
        try judgeMissing()
        heldByScope = try ledger.drafts(heldBy: .scopeChange)
        if heldByScope > 0 {
            lettingGo.insert("--accept-scope-change")
            notes.append(
                """
                the scope changed since the last applied run, from \(read.baseline?.scope ?? "") to \
                \(read.scope.text): \(counted(heldByScope, "leaver")) held until --accept-scope-change
                """
            )
        }
        let gate = Gate(allowed: permissions.allow)
        let exceeded = gate.judge(job: job.name, limits: job.limits, gateCounts)
        breaches += exceeded.map(\.description)
        lettingGo.formUnion(exceeded.map(\.words))
        let noted = try ledger.notedRecords(limit: 3)
        if noted.count > 0 {
            notes.append(
                counted(noted.count, "source record")
                    + " without a clear status, and active is left alone: \(noted.examples.joined(separator: "; "))")
        }
    }

    /// A name that somebody wrote down and that is no record's does nothing: a slip, or a record that is gone.
    func noteUnknownNames() throws {
        let said: [(String, Set<String>)] = [
            ("--retry", permissions.retry.subtracting(["all"])), ("--accept-takeback", permissions.acceptTakeback),
            ("existing: { decline }", job.existing.decline),
            ("existing: { accept }", Set(job.existing.accept.values.flatMap(\.keys))),
        ]
        for (what, names) in said {
            let unknown = try ledger.unknown(names.sorted())
            if !unknown.isEmpty {
                notes.append(
                    """
                    \(what) names what is no record's name or source id: \(unknown.prefix(5).joined(separator: ", "))\
                    \(unknown.count > 5 ? ", …" : "")
                    """
                )
            }
        }
    }

    /// Requests that an update costs on this target.
    var requestsPerUpdate: Int { target?.requestsPerUpdate ?? 1 }
}
