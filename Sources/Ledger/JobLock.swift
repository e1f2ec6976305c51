import Foundation

/// The lock that keeps a second run of a job away: `flock` on a file, released by the system when its holder dies.
public final class JobLock {
    private let descriptor: Int32

    public struct Held: Error, Sendable, CustomStringConvertible {
        /// Who holds it, since when, as the holder wrote it.
        public let holder: String
        public var description: String { "another run is going: \(holder)" }
    }

    /// Takes the lock or throws `Held` at once.
    ///
    /// - Parameter holder: who takes it, for the one who is refused: process, host, time, command.
    public init(path: String, holder: String) throws {
        descriptor = open(path, O_CREAT | O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else {
            throw LedgerError.io(
                """
                cannot create the lock \(path): \(String(cString: strerror(errno))); the folder must be there and \
                writable by the user that runs this
                """
            )
        }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            var buffer = [UInt8](repeating: 0, count: 1024)
            let count = pread(descriptor, &buffer, buffer.count, 0)
            close(descriptor)
            throw Held(
                holder: count > 0
                    ? String(decoding: buffer.prefix(count), as: UTF8.self) : "its holder has not said who it is")
        }
        ftruncate(descriptor, 0)
        let text = Array(holder.utf8)
        _ = pwrite(descriptor, text, text.count, 0)
    }

    deinit {
        // The file stays, empty: removing it would let a third run lock a file that has no name any more.
        ftruncate(descriptor, 0)
        close(descriptor)
    }
}
