import Foundation
import GRDB
import Planning
import GRDBSQLite

/// The bound of the files that hold what a run reads: beyond it, a side that never ends would fill the disk on which
/// the ledgers are.
enum Scratch {
    /// Fifty times what a million users with ten million memberships take.
    static let mostBytes = 64 << 30
    static let pageSize = 4096

    /// Whether a file has grown to the bound, so that it is not the disk that is full.
    static func isAtBound(_ path: String, bytes: Int = mostBytes) -> Bool {
        let size = (try? FileManager.default.attributesOfItem(atPath: path)[.size] as? Int) ?? 0
        return size >= bytes - 16 * pageSize
    }
}

/// Why a ledger cannot be used, and what to do.
public enum LedgerError: Error, Sendable, CustomStringConvertible {
    case foreign(String)
    case newer(String, Int)
    /// Of an older version, where it may not be brought up to date.
    case older(String)
    case corrupt(String)
    case boundElsewhere(String, key: String, known: String, now: String)
    case io(String)
    /// The disk has no space left.
    case full(String)
    /// A scratch file has reached its bound.
    case tooMuch(String)
    /// A column holds a word that this version does not know, of that type of words.
    case unknownWord(String, of: String)
    case otherHost(String, host: String, secondsAgo: Int)

    init(_ error: DatabaseError, path: String) {
        switch error.resultCode.primaryResultCode {
        case .SQLITE_CORRUPT: self = .corrupt(path)
        case .SQLITE_NOTADB: self = .foreign(path)
        case .SQLITE_FULL: self = .full(path)
        // So said where the space for what a log needs in memory cannot be had.
        case .SQLITE_IOERR where error.extendedResultCode == .SQLITE_IOERR_SHMSIZE: self = .full(path)
        case .SQLITE_BUSY:
            self = .io(
                """
                the ledger \(path) was kept locked by another program for more than 30 s; find out which (a \
                backup, a replication?), and run again: nothing is lost
                """
            )
        case .SQLITE_CANTOPEN, .SQLITE_READONLY, .SQLITE_PERM:
            self = .io(
                """
                the ledger \(path) cannot be used: \(error.message ?? "no permission"); it, and the folder that \
                it is in, must be readable and writable by the user that runs this
                """
            )
        default:
            self = .io(
                "the ledger \(path) cannot be used: \(error.message ?? "SQLite error \(error.resultCode.rawValue)")")
        }
    }

    /// An error of a scratch file: it has no journal and is worth nothing, so nothing that is wrong with it is wrong
    /// with the ledger.
    init(scratch error: DatabaseError, path: String) {
        self =
            error.resultCode.primaryResultCode == .SQLITE_FULL
            ? Scratch.isAtBound(path) ? .tooMuch(path) : .full(path)
            : .io(
                """
                the scratch file \(path) cannot be used: \
                \(error.message ?? "SQLite error \(error.resultCode.rawValue)"); see that its disk has space, and run \
                again
                """
            )
    }

    public var description: String { told(job: "JOB") }

    /// The same, with commands that can be pasted.
    ///
    /// - Parameter job: the job's file.
    public func told(job: String) -> String {
        switch self {
        case .foreign(let path):
            """
            \(path) is not a Rollcall ledger, or is damaged from its first bytes: \
            “\(Ledger.command("ledger restore", job, at: path))” puts a copy in its place and sets it aside; if it is \
            another program's file, choose another --state folder
            """
        case .newer(let path, let version):
            """
            the ledger \(path) has schema \(version), this version of rollcall knows \(Ledger.schemaVersion); run \
            the newer rollcall
            """
        case .corrupt(let path):
            """
            the ledger \(path) is damaged: \(Ledger.command("ledger restore", job, at: path)); with no \
            good copy, \(Ledger.command("ledger rebuild", job, at: path))
            """
        case .boundElsewhere(let path, let key, let known, let now):
            """
            the ledger \(path) belongs to the \(key) \(known), and the job now names \(now); give the job another \
            name, or use another --state folder (a ledger that is worth nothing yet may be deleted; if it was \
            restored from another job's copy, the right one stands beside it as .before-…)
            """
        case .older(let path):
            """
            the ledger \(path) is of an older version of rollcall; the next run, or \
            “\(Ledger.command("status", job, at: path))”, brings it up to date, and a copy from before is kept
            """
        case .io(let message): message
        case .full(let path):
            """
            the disk of \(path), or that of temporary files, is full; the ledger is not damaged by that, and what \
            was sent is in its journal: make space, and run again
            """
        case .tooMuch(let path):
            """
            the scratch file \(path) has reached \(Scratch.mostBytes >> 30) GiB, which is the most that one run \
            may read: see whether a side repeats itself or shows more than it should, or give the job a smaller \
            scope; nothing was decided from what was read so far
            """
        case .unknownWord(let word, let words):
            """
            the ledger holds “\(word)” where a \(words) stands, which this version does not know: another version or \
            other hands wrote it; use that version, or put a copy back
            """
        case .otherHost(let path, let host, let seconds):
            """
            the ledger \(path) is in use by the host \(host), which gave a sign \(seconds / 60) minutes ago; wait \
            for it (after an hour without a sign it counts as gone), or, if it certainly is no more, say \
            --accept-host-change once
            """
        }
    }
}
