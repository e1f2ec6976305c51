import Foundation

/// Whether files that decide what a run does may be written by another user than the one that runs it.
public enum FileTrust {
    /// What is wrong with a file or folder, and what to do; nil for a good one, and for one that is not there.
    ///
    /// Root's files are trusted by all, and so is what lies on a file system that is mounted read-only; a group is
    /// trusted where it is the owner's own and has no other member, as many systems make one, or where nobody but this
    /// process is known to have it, as in a container.
    public static func concern(_ what: String, _ path: String, user: uid_t = geteuid()) -> String? {
        var status = stat()
        // Of what a symbolic link leads to: secrets are often mounted as such.
        guard stat(path, &status) == 0, !isReadOnly(path) else { return nil }
        if status.st_uid != user, status.st_uid != 0 {
            let owner = name(of: status.st_uid)
            return
                """
                \(what) \(path) belongs to the user \(owner), which could change what \(name(of: user)) would do: \
                run as \(owner), or give it to \(name(of: user)): chown
                """
        }
        if status.st_mode & 0o002 != 0 {
            // In a sticky folder nobody replaces another user's files.
            return status.st_mode & (S_IFMT | S_ISVTX) == S_IFDIR | S_ISVTX
                ? nil : "\(what) \(path) can be written by everybody on this machine: chmod go-w \(path)"
        }
        if status.st_mode & 0o020 != 0, !isPrivate(group: status.st_gid, of: status.st_uid) {
            return "\(what) \(path) can be written by its group: chmod g-w \(path)"
        }
        return nil
    }

    private static func name(of user: uid_t) -> String {
        getpwuid(user).map { String(cString: $0.pointee.pw_name) } ?? "with the number \(user)"
    }

    private static func isReadOnly(_ path: String) -> Bool {
        var status = statvfs()
        return statvfs(path, &status) == 0 && status.f_flag & UInt(ST_RDONLY) != 0
    }

    private static func isPrivate(group: gid_t, of user: uid_t) -> Bool {
        if group == getegid(), group != 0, getgrgid(group) == nil { return true }
        guard let account = getpwuid(user), account.pointee.pw_gid == group, let entry = getgrgid(group) else {
            return false
        }
        let members = entry.pointee.gr_mem
        return strcmp(entry.pointee.gr_name, account.pointee.pw_name) == 0
            && (members == nil || members?.pointee == nil)
    }

    /// Every concern about what a job's run rests on.
    public static func concerns(_ job: Job, state: String) -> [String] {
        var places = [
            ("the job file", job.file),
            ("the folder of the job file", URL(fileURLWithPath: job.file).deletingLastPathComponent().path),
        ]
        places += job.secretFiles.map { ("the secret file", $0) }
        places += ["", "-wal"].map { ("the ledger", "\(state)/\(job.name).sqlite\($0)") }
        return places.compactMap { concern($0.0, $0.1) }
    }
}
