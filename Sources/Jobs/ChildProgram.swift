import Foundation

/// Runs another program: an argument list without a shell, an environment of PATH alone unless more is given, bounds on
/// time and output.
public enum ChildProgram {
    public struct Failure: Error, Sendable, CustomStringConvertible {
        public let description: String
    }

    /// Blocks until the program has ended, at most `seconds`; it and its children are ended then.
    ///
    /// - Parameters:
    ///   - arguments: the program first: a path, or a name that is looked for in PATH.
    ///   - input: on its standard input.
    ///   - limit: bytes of standard output that are read.
    /// - Returns: its standard output. Throws `Failure` where it cannot be run, ends with another status than 0, takes
    ///   too long or prints too much.
    public static func run(
        _ arguments: [String], environment: [String: String], input: [UInt8] = [], seconds: Double, limit: Int
    ) throws -> [UInt8] {
        guard let name = arguments.first, !name.isEmpty else { throw Failure(description: "no program is named") }
        guard let path = find(name, in: environment["PATH"] ?? "/usr/bin:/bin") else {
            throw Failure(description: "\(name) is not there, or may not be run by this user")
        }
        var output = try Pipe()
        var errors = try Pipe()
        let source = try file(input)
        defer { close(source) }
        let child = try spawn(path, arguments, environment, source, output.writing, errors.writing)
        output.closeWriting()
        errors.closeWriting()
        let deadline = Self.now() + seconds
        var printed: [UInt8] = []
        var said: [UInt8] = []
        var failure: Failure?
        var open = [(output.reading, true), (errors.reading, false)]
        while !open.isEmpty, failure == nil {
            var polled = open.map { pollfd(fd: $0.0, events: Int16(POLLIN), revents: 0) }
            let wait = deadline - Self.now()
            guard wait > 0 else {
                failure = Failure(description: "\(name) took longer than \(Int(seconds)) seconds and was ended")
                break
            }
            guard poll(&polled, nfds_t(polled.count), Int32(wait * 1000) + 1) >= 0 || errno == EINTR else {
                throw Failure(description: "\(name): \(String(cString: strerror(errno)))")
            }
            for (descriptor, isOutput) in open.enumerated().filter({ polled[$0.offset].revents != 0 }).map(\.element) {
                var buffer = [UInt8](repeating: 0, count: 16384)
                let count = read(descriptor, &buffer, buffer.count)
                if count < 0, errno == EINTR || errno == EAGAIN { continue }
                if count <= 0 {
                    open.removeAll { $0.0 == descriptor }
                } else if isOutput {
                    printed += buffer[..<count]
                    if printed.count > limit {
                        failure = Failure(description: "\(name) printed more than \(limit) bytes")
                    }
                } else if said.count < 4096 {
                    said += buffer[..<count]
                }
            }
        }
        let status = end(child, by: failure == nil ? deadline : 0)
        if let failure { throw failure }
        guard let status else {
            throw Failure(description: "\(name) took longer than \(Int(seconds)) seconds and was ended")
        }
        if let why = complaint(status, said) { throw Failure(description: "\(name) \(why)") }
        return printed
    }

    /// How a program ended that did not end with 0, with the first line of what it said.
    private static func complaint(_ status: Int32, _ said: [UInt8]) -> String? {
        // WIFSIGNALED and WEXITSTATUS are macros.
        let code = status & 0x7F == 0 ? Int(status >> 8) & 0xFF : 128 + Int(status & 0x7F)
        guard code != 0 else { return nil }
        let words =
            String(decoding: said.prefix(300), as: UTF8.self).split(whereSeparator: \.isNewline).first.map {
                ": \($0)"
            } ?? ""
        return "ended with \(code)\(words)"
    }

    /// The same, aside, so that no thread of the task pool waits.
    public static func run(
        aside arguments: [String], environment: [String: String], input: [UInt8] = [], seconds: Double, limit: Int
    ) async throws -> [UInt8] {
        try await withCheckedThrowingContinuation { continuation in
            Thread.detachNewThread {
                continuation.resume(
                    with: Result {
                        try run(arguments, environment: environment, input: input, seconds: seconds, limit: limit)
                    })
            }
        }
    }

    /// Cuts a command line into arguments, as a shell does with quotation marks and backslashes, without anything else
    /// that a shell does.
    public static func arguments(of line: String) -> [String] {
        var arguments: [String] = []
        var current: String?
        var quote: Character?
        var isEscaped = false
        for sign in line {
            if isEscaped {
                current = (current ?? "") + String(sign)
                isEscaped = false
            } else if sign == "\\", quote != "'" {
                isEscaped = true
            } else if let open = quote {
                if sign == open { quote = nil } else { current = (current ?? "") + String(sign) }
            } else if sign == "'" || sign == "\"" {
                quote = sign
                current = current ?? ""
            } else if sign.isWhitespace {
                if let word = current { arguments.append(word) }
                current = nil
            } else {
                current = (current ?? "") + String(sign)
            }
        }
        if let current { arguments.append(current) }
        return arguments
    }

    // MARK: parts

    private struct Pipe: ~Copyable {
        let reading: Int32
        private(set) var writing: Int32

        init() throws {
            var ends: [Int32] = [-1, -1]
            guard pipe(&ends) == 0 else {
                throw Failure(description: "no pipe is to be had: \(String(cString: strerror(errno)))")
            }
            for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
            reading = ends[0]
            writing = ends[1]
        }

        mutating func closeWriting() {
            if writing >= 0 { close(writing) }
            writing = -1
        }

        deinit {
            close(reading)
            if writing >= 0 { close(writing) }
        }
    }

    private static func now() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    private static func find(_ name: String, in path: String) -> String? {
        if name.contains("/") { return access(name, X_OK) == 0 ? name : nil }
        return path.split(separator: ":").map { "\($0)/\(name)" }.first { access($0, X_OK) == 0 }
    }

    /// A file without a name: a program that reads nothing it blocks nobody.
    private static func file(_ bytes: [UInt8]) throws -> Int32 {
        guard !bytes.isEmpty else {
            let null = open("/dev/null", O_RDONLY | O_CLOEXEC)
            guard null >= 0 else { throw Failure(description: "/dev/null cannot be opened") }
            return null
        }
        var name = Array((NSTemporaryDirectory() + "/rollcall-input-" + String(repeating: "X", count: 6)).utf8CString)
        let file = mkstemp(&name)
        guard file >= 0 else {
            throw Failure(description: "no temporary file for the input: \(String(cString: strerror(errno)))")
        }
        unlink(name)
        _ = fcntl(file, F_SETFD, FD_CLOEXEC)
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { write(file, $0.baseAddress, $0.count) }
            guard count > 0 else {
                close(file)
                throw Failure(description: "the input cannot be written: \(String(cString: strerror(errno)))")
            }
            rest = rest.dropFirst(count)
        }
        lseek(file, 0, SEEK_SET)
        return file
    }

    private static func spawn(
        _ path: String, _ arguments: [String], _ environment: [String: String], _ input: Int32, _ output: Int32,
        _ errors: Int32
    ) throws -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        for (from, to) in [(input, 0), (output, 1), (errors, 2)] as [(Int32, Int32)] {
            posix_spawn_file_actions_adddup2(&actions, from, to)
        }
        // No file of this process, a lock or a ledger, goes along.
        for name in (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? [] {
            if let descriptor = Int32(name), descriptor > 2, case let flags = fcntl(descriptor, F_GETFD), flags >= 0,
                flags & FD_CLOEXEC == 0
            {
                posix_spawn_file_actions_addclose(&actions, descriptor)
            }
        }
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // A group of its own, which can be ended whole, and the signals' own meanings.
        var signals = sigset_t()
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        for number in [SIGINT, SIGTERM, SIGPIPE] { sigaddset(&signals, number) }
        posix_spawnattr_setsigdefault(&attributes, &signals)
        posix_spawnattr_setpgroup(&attributes, 0)
        posix_spawnattr_setflags(
            &attributes, Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK))
        func strings(_ texts: [String]) -> [UnsafeMutablePointer<CChar>?] { texts.map { strdup($0) } + [nil] }
        let argv = strings(arguments)
        let envp = strings(environment.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" })
        defer { for text in argv + envp { free(text) } }
        var child: pid_t = 0
        let code = posix_spawn(&child, path, &actions, &attributes, argv, envp)
        guard code == 0 else { throw Failure(description: "\(path) cannot be run: \(String(cString: strerror(code)))") }
        return child
    }

    /// Waits for its end; what goes on after the deadline is ended. nil then.
    private static func end(_ child: pid_t, by deadline: Double) -> Int32? {
        var status: Int32 = 0
        while now() < deadline {
            let ended = waitpid(child, &status, WNOHANG)
            if ended == child { return status }
            if ended < 0, errno != EINTR { return nil }
            usleep(2000)
        }
        kill(-child, SIGKILL)
        while waitpid(child, &status, 0) < 0, errno == EINTR {}
        return nil
    }
}
