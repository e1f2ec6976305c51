import Foundation
import Jobs
import Ledger
import Reconciliation

/// A file for people or other programs to read: written beside its place and renamed, never through a link, never over
/// what a job reads or keeps.
final class OutputFile {
    private let handle: FileHandle
    private var buffer = Data()
    private let what: String
    /// Where it is written until it is whole, and what it is called then; nil for a pipe or a device, which is written
    /// into.
    private var place: (partial: String, path: String)?

    /// - Parameters:
    ///   - what: its name in messages, `CSV`.
    ///   - jobs: the jobs, whose files and sources it must not be.
    ///   - state: the state folder, in which it must not be.
    ///   - mode: who may read it.
    ///   - otherwise: what becomes of it where it cannot be written.
    init(
        _ path: String, what: String, jobs: [Job], state: String, mode: mode_t = 0o600,
        otherwise: String = "nothing was done"
    ) throws {
        self.what = what
        func refuse(_ why: String, as code: Reconciliation.ExitCode = .usage) -> any Error {
            writeLine("the \(what) file \(path) \(why); \(otherwise)")
            return leaving(code)
        }
        guard path != "-" else {
            handle = .standardOutput
            return
        }
        guard !Self.isOurs(path, jobs, state) else {
            throw refuse(
                "is a job file, a source or a ledger, or lies in the state folder among the ledgers; name another place"
            )
        }
        var status = stat()
        if lstat(path, &status) == 0, status.st_mode & S_IFMT != S_IFREG {
            // /dev/stdout and what a shell makes of >(…) are links to a pipe or a device.
            var target = stat()
            let leadsToStream =
                stat(path, &target) == 0 && [S_IFIFO, S_IFCHR, S_IFSOCK].contains(target.st_mode & S_IFMT)
            guard leadsToStream else { throw refuse("is a symbolic link or no file; name the file itself") }
            // Written into, not replaced.
            // Without waiting: nobody may ever read from the pipe.
            let descriptor = Foundation.open(path, O_WRONLY | O_CLOEXEC | O_NONBLOCK)
            guard descriptor >= 0 else {
                throw refuse(
                    errno == ENXIO
                        ? "is a pipe that nobody reads" : "cannot be written: \(String(cString: strerror(errno)))",
                    as: .ledger)
            }
            _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) & ~O_NONBLOCK)
            handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
            return
        }
        // Beside it, and named when it is whole: a reader never sees half of it, and another name of the same file
        // keeps what it had.
        let partial = "\(path).partial-\(getpid())"
        func create() -> Int32 { Foundation.open(partial, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode) }
        var descriptor = create()
        // Of a run of the same number that was killed, in a container each time.
        if descriptor < 0, errno == EEXIST, unlink(partial) == 0 { descriptor = create() }
        guard descriptor >= 0 else {
            throw refuse("cannot be written: \(String(cString: strerror(errno)))", as: .ledger)
        }
        fchmod(descriptor, mode)
        handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        place = (partial, path)
    }

    /// Whether a path is that of a job file, a source or a ledger, by whatever name, or lies among the ledgers.
    private static func isOurs(_ path: String, _ jobs: [Job], _ state: String) -> Bool {
        func identity(_ path: String) -> [UInt64]? {
            var status = stat()
            return stat(path, &status) == 0 ? [UInt64(status.st_dev), UInt64(status.st_ino)] : nil
        }
        let folder = (path as NSString).deletingLastPathComponent
        let isKept = [state, Ledger.copyFolder(of: "\(state)/ledger")].contains {
            identity($0).map { $0 == identity(folder.isEmpty ? "." : folder) } ?? false
        }
        let inputs = jobs.flatMap { job -> [String] in
            if case .file(let source, _) = job.source { [job.file, source] } else { [job.file] }
        }
        // A ledger by another name is one all the same.
        let ledgers = ((try? FileManager.default.contentsOfDirectory(atPath: state)) ?? []).map { "\(state)/\($0)" }
        return isKept || identity(path).map { file in (inputs + ledgers).contains { identity($0) == file } } ?? false
    }

    deinit { if let place { unlink(place.partial) } }

    /// Completes the file and gives it its name.
    func finish() {
        flush()
        guard let place else { return }
        if failure == nil {
            if rename(place.partial, place.path) == 0 {
                self.place = nil
            } else {
                failure = "the \(what) file could not be named \(place.path): \(String(cString: strerror(errno)))"
            }
        }
    }

    func write(_ line: String) {
        buffer.append(contentsOf: line.utf8)
        if buffer.count > 1 << 16 { flush() }
    }

    /// The first thing that went wrong; a report that cannot be written never stops a run.
    private(set) var failure: String?

    func flush() {
        do {
            if failure == nil { try handle.write(contentsOf: buffer) }
        } catch {
            failure =
                """
                the \(what) file could not be written to its end: \
                \((error as? CocoaError)?.localizedDescription ?? "\(error)")
                """
        }
        buffer.removeAll(keepingCapacity: true)
    }
}
