import Dispatch
import Foundation
import HTTP

/// What a process that holds secrets does without.
enum Hardening {
    /// No core dump: it would hold the credentials.
    static func begin() {
        var none = rlimit(rlim_cur: 0, rlim_max: 0)
        _ = setrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &none)
    }
}

/// SIGINT and SIGTERM: the first asks the run to end in an orderly way, the second ends the program at once. The
/// journal is good either way.
enum Signals {
    static let stopRequest = StopRequest()

    // Dispatch wants them kept; nothing touches them again.
    nonisolated(unsafe) private static let sources: [any DispatchSourceSignal] = [SIGINT, SIGTERM].map { number in
        signal(number, SIG_IGN)
        let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
        source.setEventHandler {
            if stopRequest.isRequested { _exit(128 + number) }
            stopRequest.request(signal: number)
            writeError("stopping: what is under way is finished first; once more ends at once\n")
        }
        source.activate()
        return source
    }

    /// Begins to listen.
    static func listen() { _ = sources }
}
