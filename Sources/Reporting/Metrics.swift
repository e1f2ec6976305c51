import Foundation
import HTTP
import Reconciliation
import SCIM

/// Numbers of runs as a textfile for Prometheus' node exporter. Labels are the job, under a name that a scrape does not
/// use itself, and closed sets, never people.
public enum Metrics {
    /// A job's report, and when a run of it last went well, in seconds since 1970.
    public typealias Entry = (report: JobReport, lastSuccess: Double?)

    private struct Family: Sendable {
        let name: String
        let help: String
        let samples: @Sendable (Entry) -> [(labels: [(String, String)], value: Double?)]
    }

    private static func plain(_ name: String, _ help: String, _ value: @escaping @Sendable (Entry) -> Double?) -> Family
    {
        Family(name: name, help: help, samples: { [([], value($0))] })
    }

    /// Whether a run came to all leavers: what is held, or was not read, is not counted, and is not nothing.
    private static func knowsLeavers(_ entry: Entry) -> Bool {
        entry.report.plan != nil && ![.held, .sourceIncomplete].contains(entry.report.exit)
    }

    private static let families: [Family] = [
        plain(
            "rollcall_last_success_timestamp_seconds", "When a run of the job last ended with exit code 0; 0 for never."
        ) { $0.lastSuccess ?? 0 },
        plain("rollcall_last_run_timestamp_seconds", "When the run that is told of here began.") {
            Timestamp.seconds($0.report.figures.began)
        },
        plain("rollcall_exit_code", "The exit code of the run.") { Double($0.report.exit.rawValue) },
        plain("rollcall_run_duration_seconds", "How long the run took.") { $0.report.figures.seconds },
        plain("rollcall_run_requests", "Requests of the run to both sides.") { Double($0.report.figures.requests) },
        plain("rollcall_run_retries", "Requests that were sent again.") { Double($0.report.figures.retries) },
        plain("rollcall_run_throttled", "Answers 429 and 503.") { Double($0.report.figures.throttled) },
        plain("rollcall_in_step", "Records whose accounts are as the source has them.") {
            $0.report.plan == nil ? nil : Double($0.report.figures.inStep)
        },
        Family(
            name: "rollcall_operations",
            help: "Operations of the run, by what is done and what became of it; memberships one by one.",
            samples: { entry in
                entry.report.figures.operations.sorted { $0.key < $1.key }.flatMap { verb, byStatus in
                    byStatus.sorted { $0.key < $1.key }.map {
                        ([("verb", verb), ("status", $0.key)], Double($0.value))
                    }
                }
            }),
        Family(
            name: "rollcall_held", help: "What is held, by what holds it.",
            samples: { entry in
                entry.report.figures.held.sorted { $0.key < $1.key }.map { ([("reason", $0.key)], Double($0.value)) }
            }),
        plain("rollcall_conflicts", "Records in conflict.") { Double($0.report.figures.conflicts) },
        plain("rollcall_failed", "Operations that failed.") { Double($0.report.figures.failed) },
        plain("rollcall_survivors", "Accounts that still stand after their deletion was accepted.") {
            $0.report.figures.survivors.map { Double($0) }
        },
        plain("rollcall_leavers_waiting", "Leavers whose term runs; not told of a run that did not judge them all.") {
            knowsLeavers($0) ? Double($0.report.figures.leaversWaiting) : nil
        },
        plain(
            "rollcall_leavers_with_access",
            "Leavers that have access until their term ends, or until it is ended by hand."
        ) { knowsLeavers($0) ? Double($0.report.figures.leaversWithAccess) : nil },
        plain("rollcall_next_leaver_timestamp_seconds", "When the next term of a leaver ends.") {
            $0.report.figures.nextLeaver.flatMap { Timestamp.seconds("\($0)T00:00:00Z") }
        },
        Family(
            name: "rollcall_limit_used", help: "What a limit counted, in the run and in the last seven days.",
            samples: { entry in
                entry.report.figures.limits.sorted { $0.key < $1.key }.flatMap { key, use in
                    [([("limit", key), ("window", "run")], Double(use.run))]
                        + (use.week.map { [([("limit", key), ("window", "7d")], Double($0))] } ?? [])
                }
            }),
        Family(
            name: "rollcall_limit_allowed", help: "What a limit allows; none for a limit without a bound.",
            samples: { entry in
                entry.report.figures.limits.sorted { $0.key < $1.key }.compactMap { key, use in
                    use.allowed.map { ([("limit", key)], Double($0)) }
                }
            }),
        plain("rollcall_source_users", "Users of the source in scope.") { $0.report.figures.users.map { Double($0) } },
        plain("rollcall_source_groups", "Groups of the source in scope.") {
            $0.report.figures.groups.map { Double($0) }
        },
        plain("rollcall_source_memberships", "Memberships of the source in scope.") {
            $0.report.figures.memberships.map { Double($0) }
        },
        plain("rollcall_ledger_bytes", "Size of the job's ledger.") {
            $0.report.figures.ledgerBytes.map { Double($0) }
        },
        plain("rollcall_credential_end_timestamp_seconds", "When the target's credential ends, as target.expires says.")
        {
            $0.report.figures.credentialEnds.flatMap { Timestamp.seconds("\($0)T00:00:00Z") }
        },
        plain(
            "rollcall_certificate_end_timestamp_seconds",
            "When the first certificate on the way to the target ends: its server's, or the one in target.tls."
        ) { $0.report.figures.certificateEnds },
    ]

    /// The whole file; what is not known of a job has no sample.
    public static func text(_ entries: [Entry]) -> String {
        var lines: [String] = []
        for family in families {
            let samples = entries.flatMap { entry in
                family.samples(entry).compactMap { sample in
                    sample.value.map {
                        "\(family.name){\(labels([("rollcall_job", entry.report.job)] + sample.labels))} \(number($0))"
                    }
                }
            }
            guard !samples.isEmpty else { continue }
            lines += ["# HELP \(family.name) \(family.help)", "# TYPE \(family.name) gauge"] + samples
        }
        return lines.map { $0 + "\n" }.joined()
    }

    private static func labels(_ pairs: [(String, String)]) -> String {
        pairs.map { name, text in
            let escaped = [("\\", "\\\\"), ("\"", "\\\""), ("\n", "\\n")].reduce(text) {
                $0.replacingOccurrences(of: $1.0, with: $1.1)
            }
            return "\(name)=\"\(escaped)\""
        }.joined(separator: ",")
    }

    private static func number(_ value: Double) -> String {
        value == value.rounded() && abs(value) < 1e15 ? String(Int64(value)) : String(value)
    }
}
