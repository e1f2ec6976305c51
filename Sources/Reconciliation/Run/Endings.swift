import Foundation
import HTTP
import Jobs
import SCIM

extension Job.Target {
    /// The files of TLS, as a transport takes them; nil where the job names none.
    var tlsFiles: TLSFiles? {
        tls.map { TLSFiles(authority: $0.authority, certificate: $0.certificate, key: $0.key) }
    }
}

/// What ends by itself on a day that is known, and is told before it does.
extension JobRun {
    /// The certificates that this run met: that of each server on the target's side, and the one of its own.
    var certificates: [(what: String, remedy: String, end: Double)] {
        var found = witness.certificateEnds.sorted { $0.key < $1.key }.map { authority, end in
            (
                "the certificate of \(authority)", "the people who run it must renew it, or every run will end with 69",
                end
            )
        }
        if let end = job.target.tlsFiles?.certificateEnd {
            found.append(
                ("the certificate in target.tls.certificate", "put a new one and its key in its place", end))
        }
        return found
    }

    /// What ends within thirty days: the target's credential, and certificates, which are urgent from the last two
    /// weeks on: many are renewed by a program, and late.
    var endings: [(line: String, isUrgent: Bool)] {
        let now = surroundings.time.wall()
        func days(_ end: Double) -> Int { Int(((end - now) / 86400).rounded(.down)) }
        var found: [(line: String, isUrgent: Bool)] = []
        if let day = job.target.expires, let end = Timestamp.seconds("\(day)T00:00:00Z"), days(end) < 30 {
            let line =
                days(end) < 0
                ? """
                the target's credential ended on \(day), as target.expires says; when a new one is in place, correct \
                target.expires
                """
                : """
                the target's credential ends on \(day), in \(counted(days(end), "day")): make a new one in the \
                platform's console, put it where target.authorization refers to, and correct target.expires
                """
            found.append((line, true))
        }
        for (what, remedy, end) in certificates where days(end) < 30 {
            let day = Timestamp.text(end).prefix(10)
            let when =
                days(end) < 0 ? "ended on \(day)" : "ends on \(day), in \(counted(days(end), "day"))"
            found.append(("\(what) \(when): \(remedy)", days(end) < 14))
        }
        return found
    }

    /// Tells of them in the report, and of the urgent ones also where a report is to be quiet.
    func noteEndings() {
        notes += endings.map(\.line)
        urgent += endings.filter(\.isUrgent).map(\.line)
    }
}
