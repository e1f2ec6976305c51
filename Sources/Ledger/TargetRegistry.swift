import Foundation

/// Which job of a state folder owns which target: two jobs on one target would undo each other's work.
///
/// A text file in the folder, a line for each target: a digest of the target, a tab, the job's name. Other jobs'
/// ledgers are not opened for it, since closing one would drop the locks that this process holds on it.
public struct TargetRegistry: Sendable {
    private let path: String
    /// Held for moments. No job may have this name: a job “targets” has a lock of its own.
    private let lock: String

    /// - Parameter folder: the state folder.
    public init(folder: String) { (path, lock) = (folder + "/targets", folder + "/.targets.lock") }

    /// The job that owns a target, as long as its ledger is there; nil when nobody does.
    ///
    /// - Parameter target: digest of the target's address and of where its credential is found.
    public func owner(of target: String) -> String? {
        guard let job = entries()[target] else { return nil }
        let folder = (path as NSString).deletingLastPathComponent
        return FileManager.default.fileExists(atPath: "\(folder)/\(job).sqlite") ? job : nil
    }

    /// Remembers that a job owns a target. Returns the other job that owns it already, if there is one.
    public func claim(_ target: String, for job: String) throws -> String? {
        let file = self.lock
        let lock = open(file, O_CREAT | O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard lock >= 0 else { throw LedgerError.io("cannot create \(file): \(String(cString: strerror(errno)))") }
        defer { close(lock) }
        guard flock(lock, LOCK_EX) == 0 else {
            throw LedgerError.io("cannot lock \(file): \(String(cString: strerror(errno)))")
        }
        if let owner = owner(of: target), owner != job { return owner }
        var entries = entries()
        guard entries[target] != job else { return nil }
        entries[target] = job
        try store(entries)
        return nil
    }

    /// Forgets what a job owned.
    public func release(_ job: String) throws {
        let file = self.lock
        let lock = open(file, O_CREAT | O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard lock >= 0 else { throw LedgerError.io("cannot create \(file): \(String(cString: strerror(errno)))") }
        defer { close(lock) }
        guard flock(lock, LOCK_EX) == 0 else {
            throw LedgerError.io("cannot lock \(file): \(String(cString: strerror(errno)))")
        }
        let entries = entries()
        guard entries.values.contains(job) else { return }
        try store(entries.filter { $0.value != job })
    }

    private func store(_ entries: [String: String]) throws {
        let lines = entries.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }.map {
            "\($0.key)\t\($0.value)\n"
        }.joined()
        do {
            try Data(lines.utf8).write(to: URL(fileURLWithPath: path), options: .atomic)
        } catch {
            throw LedgerError.io("cannot write \(path): \(error.localizedDescription)")
        }
        chmod(path, 0o600)
    }

    /// A random key of this folder, made when it is first asked for: digests of credentials under it say nothing
    /// elsewhere.
    public func key() throws -> [UInt8] {
        let file = (path as NSString).deletingLastPathComponent + "/.targets.key"
        if let data = FileManager.default.contents(atPath: file), data.count == 32 { return Array(data) }
        guard let chance = FileHandle(forReadingAtPath: "/dev/urandom"), let bytes = try? chance.read(upToCount: 32),
            bytes.count == 32
        else { throw LedgerError.io("no random bytes for \(file)") }
        let descriptor = open(file, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0o600)
        // Another run was first.
        if descriptor < 0, errno == EEXIST, let data = FileManager.default.contents(atPath: file), data.count == 32 {
            return Array(data)
        }
        guard descriptor >= 0, bytes.withUnsafeBytes({ write(descriptor, $0.baseAddress, 32) }) == 32 else {
            throw LedgerError.io("cannot create \(file): \(String(cString: strerror(errno)))")
        }
        close(descriptor)
        return Array(bytes)
    }

    private func entries() -> [String: String] {
        guard let data = FileManager.default.contents(atPath: path) else { return [:] }
        var entries: [String: String] = [:]
        for line in String(decoding: data, as: UTF8.self).split(separator: "\n") {
            let halves = line.split(separator: "\t").map(String.init)
            if halves.count == 2 { entries[halves[0]] = halves[1] }
        }
        return entries
    }
}
