import ArgumentParser
import Curl
import Foundation
import HTTP
import JSON
import Jobs
import Planning
import Ledger
import Logging
import Reconciliation
import Reporting
import SCIM
import Synchronization

enum LogFormat: String, ExpressibleByArgument, CaseIterable { case text, json }
enum ProgressMode: String, ExpressibleByArgument, CaseIterable { case auto, never }
enum ColourMode: String, ExpressibleByArgument, CaseIterable { case auto, always, never }
extension Detail: ExpressibleByArgument {}
extension Logger.Level: @retroactive ExpressibleByArgument {}

/// What a command takes that has ledgers for itself.
struct HostOptions: ParsableArguments {
    @Flag(help: "Take over a ledger that another host had in use. Only for a host that no longer exists.")
    var acceptHostChange = false
}

/// What a command takes after which ledgers are copied.
struct CopyOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Number of checked copies of each ledger to keep in the folder “copies” of the state folder; 0 for none.",
            valueName: "n"))
    var copies = 3

    func validate() throws {
        if copies < 0 { throw ValidationError("--copies \(copies): write a number of copies, 0 for none") }
    }
}

/// What every command takes.
struct CommonOptions: ParsableArguments {
    static let usualState: String = {
        let given = ProcessInfo.processInfo.environment["ROLLCALL_STATE"] ?? ""
        return given.isEmpty ? "snapshots" : given
    }()

    @Option(
        name: .customLong("state"),
        help: ArgumentHelp(
            """
            Folder of the ledgers. Default: the key state of the job, else the variable ROLLCALL_STATE, else \
            “snapshots”.
            """,
            valueName: "dir"))
    var givenState: String?

    /// The folder that the jobs of this command name: known once they are read, and the same for every part of it.
    private static let stateOfJobs = Mutex<String?>(nil)

    /// The folder of the ledgers.
    var state: String { givenState ?? Self.stateOfJobs.withLock { $0 } ?? Self.usualState }

    @Option(help: "How the log on stderr is written: text or json.")
    var logFormat = LogFormat.text

    @Option(help: "Lowest level to log: trace, debug, info, notice, warning, error or critical.")
    var logLevel = Logger.Level.warning

    @Option(help: "Progress on stderr: auto (one line at a terminal, else a line a minute) or never.")
    var progress = ProgressMode.auto

    @Option(help: "Rows of single records: none, rows (50 of a kind) or all.")
    var detail = Detail.rows

    @Option(help: "Colour: auto (at a terminal, unless NO_COLOR is set), always or never.")
    var color = ColourMode.auto

    @Flag(
        help: "Print nothing when nothing needs you. Otherwise print new rows, and count known rows in one line.")
    var quiet = false

    /// The option that names the state folder, as it is typed behind a command; empty for the usual one.
    var stateWords: String {
        Ledger.stateOption(of: "\(state)/ledger")
    }

    /// What a command about a job takes without the option.
    static func usualFolder(_ job: Job?) -> String? {
        job?.state ?? (ProcessInfo.processInfo.environment["ROLLCALL_STATE"]?.isEmpty == false ? nil : usualState)
    }

    /// How reports look here.
    ///
    /// - Parameter onError: whether they go to stderr.
    func screen(onError: Bool) -> Screen {
        let descriptor: Int32 = onError ? 2 : 1
        let isTerminal = isatty(descriptor) == 1
        var size = winsize()
        let columns =
            isTerminal && ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 0 ? Int(size.ws_col) : nil
        let wantsNone = !(ProcessInfo.processInfo.environment["NO_COLOR"] ?? "").isEmpty
        return Screen(
            width: isTerminal ? columns ?? 80 : nil,
            isColoured: color == .always || color == .auto && isTerminal && !wantsNone, isQuiet: quiet)
    }

    /// How the reports of a job look here, with its commands.
    ///
    /// - Parameter doing: what an option is given to, so that it lets something go.
    /// - Parameter given: options that are given again.
    func screen(onError: Bool, of job: Job?, doing: String = "plan", given: String = "") -> Screen {
        var screen = screen(onError: onError).at(job?.timezone)
        guard let job else { return screen }
        // Said in any case where jobs name several folders.
        let folder = state(of: job)
        let state = folder == Self.usualFolder(job) ? "" : " " + shellOption("--state", folder)
        let file = shellWord(job.file)
        screen.command = { "rollcall \(doing) \(file) \($0)\(state)\(given)" }
        screen.showing = { "rollcall show \(file) --plan \($0) --detail all\(state)" }
        return screen
    }

    func surroundings() -> Surroundings {
        let format = logFormat
        let level = logLevel
        var log = Logger(label: "rollcall") { _ in StandardErrorLog(format: format) }
        log.logLevel = level
        let meter = progress == .auto ? ProgressMeter(isTerminal: isatty(2) == 1) : nil
        var surroundings = Surroundings(
            time: .system, environment: ProcessInfo.processInfo.environment, log: log,
            transport: CurlClient(userAgent: "rollcall/\(rollcallVersion)"),
            progress: { meter?.show($0) })
        surroundings.stop = Signals.stopRequest
        surroundings.detail = detail
        return surroundings
    }

    /// The files that paths name: a folder stands for the job files in it, in the order of their names.
    private func files(_ paths: [String]) throws -> [String] {
        try paths.flatMap { path -> [String] in
            var isFolder: ObjCBool = false
            guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), isFolder.boolValue else {
                return [path]
            }
            let names = ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).filter {
                ($0.hasSuffix(".yaml") || $0.hasSuffix(".yml")) && !$0.hasPrefix(".")
            }
            guard !names.isEmpty else {
                writeLine("\(path): the folder has no job file, a name that ends in .yaml or .yml")
                throw leaving(.jobFile)
            }
            return names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }.map {
                "\(path.hasSuffix("/") ? String(path.dropLast()) : path)/\($0)"
            }
        }
    }

    /// Reads the job files; all their mistakes are told together. Throws `ExitCode` 78.
    ///
    /// - Parameter only: the names of the jobs that are meant; empty for all.
    /// - Parameter sharesState: whether they must name one state folder.
    func jobs(_ paths: [String], only: [String] = [], sharesState: Bool = true) throws -> [Job] {
        var jobs: [Job] = []
        var isWrong = false
        for path in try files(paths) {
            do {
                jobs.append(try Job.read(path: path, vocabulary: .current))
            } catch let error as JobFileError {
                isWrong = true
                for diagnostic in error.diagnostics { writeLine("\(diagnostic)") }
            }
        }
        let names = Dictionary(grouping: jobs, by: \.name).filter { $0.value.count > 1 }
        for (name, twins) in names.sorted(by: { $0.key < $1.key }) {
            isWrong = true
            writeLine(
                """
                \(twins.map(\.file).joined(separator: ", ")): job: the name “\(name)” is used twice; each job has \
                a ledger of its own, so give each its own name
                """
            )
        }
        for name in only where !jobs.contains(where: { $0.name == name }) {
            isWrong = true
            writeLine("--only \(name): no job has that name; there are \(jobs.map(\.name).joined(separator: ", "))")
        }
        if !only.isEmpty { jobs = jobs.filter { only.contains($0.name) } }
        // However it is spelled, and from wherever it is meant.
        let folders = Dictionary(grouping: jobs) { job in
            job.state.map { URL(fileURLWithPath: $0).standardizedFileURL.resolvingSymlinksInPath().path }
        }
        if givenState == nil, sharesState, folders.count > 1 {
            isWrong = true
            let said = folders.compactMap { folder, jobs in
                jobs.first.map { "\($0.file) \(folder.map { "names \($0)" } ?? "names none")" }
            }
            writeLine(
                """
                state: \(said.sorted().joined(separator: ", ")); the jobs of one command share one state folder: \
                write the same in each, run them in commands of their own, or say --state
                """
            )
        }
        if isWrong { throw leaving(.jobFile) }
        if sharesState, let folder = jobs.first?.state { Self.stateOfJobs.withLock { $0 = folder } }
        let usual = Set(jobs.map(Self.usualFolder))
        Ledger.usualFolder = usual.count > 1 ? nil : Self.usualFolder(jobs.first)
        return jobs
    }

    /// The folder of a job's ledger, where jobs need not share one.
    func state(of job: Job?) -> String { givenState ?? job?.state ?? state }

    /// This machine, and this boot of its kernel: containers of one kernel share its locks. Where each run is a new
    /// machine, as a pod is, the variable ROLLCALL_HOST gives them one name.
    static var holder: Ledger.Holder {
        let given = ProcessInfo.processInfo.environment["ROLLCALL_HOST"]?.filter { $0 != "\t" && $0 != "\n" } ?? ""
        var name = [CChar](repeating: 0, count: 256)
        gethostname(&name, 255)
        let host = String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let boot = (try? String(contentsOfFile: "/proc/sys/kernel/random/boot_id", encoding: .utf8))?
            .trimmingCharacters(in: .whitespacesAndNewlines)
        return Ledger.Holder(host: given.isEmpty ? host : given, boot: boot ?? host)
    }

    /// Whoever may write in the state folder decides what the next run believes.
    ///
    /// - Parameter writes: whether the command writes to a target or a ledger: it then refuses what others could
    ///   change.
    func checkFolder(_ given: String? = nil, writes: Bool) throws {
        let state = given ?? state
        for folder in [state, Ledger.copyFolder(of: "\(state)/ledger")] {
            var status = stat()
            // Of what a symbolic link leads to. The folder of copies is made with the first of them.
            guard stat(folder, &status) == 0 else {
                if folder != state, errno == ENOENT { continue }
                writeLine(
                    "the state folder \(folder) cannot be used: \(String(cString: strerror(errno))); correct --state")
                throw leaving(.ledger)
            }
            guard status.st_mode & S_IFMT == S_IFDIR else {
                writeLine("\(folder) is no folder; correct --state")
                throw leaving(.ledger)
            }
            guard access(folder, R_OK | X_OK) == 0 else {
                writeLine(
                    """
                    the state folder \(folder) cannot be read: \(String(cString: strerror(errno))); run as the \
                    user that it belongs to
                    """
                )
                throw leaving(.ledger)
            }
            if let concern = FileTrust.concern("the state folder", folder) {
                // What everybody may write is not even read.
                let refuses = writes || status.st_mode & 0o002 != 0
                writeLine(
                    """
                    \(refuses ? "" : "warning: ")\(concern); whoever may write there decides what the next run \
                    believes
                    """
                )
                if refuses { throw leaving(.ledger) }
            }
        }
    }

    /// Locks and opens the ledgers of jobs. Throws `ExitCode` 74 or 75.
    func open(_ jobs: [Job], command: String, writes: Bool, _ host: HostOptions) throws -> [OpenJob] {
        var opening = "JOB"
        do {
            try FileManager.default.createDirectory(
                atPath: state, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
            try checkFolder(writes: writes)
            for job in jobs {
                for concern in FileTrust.concerns(job, state: state) {
                    writeLine("\(writes ? "" : "warning: ")\(job.name): \(concern)")
                    if writes { throw leaving(.ledger) }
                }
            }
            // In one order, so that of two invocations over the same jobs one gets them all.
            let opened = try jobs.sorted { $0.name < $1.name }.map { job in
                opening = job.file
                let holder =
                    """
                    process \(ProcessInfo.processInfo.processIdentifier) on \(ProcessInfo.processInfo.hostName), \
                    since \(Timestamp.text(Time.system.wall())), “rollcall \(command) \(job.file)”
                    """
                let lock = try JobLock(path: "\(state)/\(job.name).lock", holder: holder)
                let path = "\(state)/\(job.name).sqlite"
                let isNew = !FileManager.default.fileExists(atPath: path)
                let ledger = try Ledger(path: path)
                try ledger.take(Self.holder, now: Time.system.wall(), insists: host.acceptHostChange)
                return OpenJob(
                    job: job, ledger: ledger, lock: lock, isNew: isNew,
                    path: URL(fileURLWithPath: path).standardizedFileURL.path)
            }
            return jobs.compactMap { job in opened.first { $0.job.name == job.name } }
        } catch let held as JobLock.Held {
            writeLine("\(held); nothing was done, and no account was changed")
            throw leaving(.locked)
        } catch let error as LedgerError {
            writeLine(error.told(job: opening))
            if case .otherHost = error { throw leaving(.locked) }
            throw leaving(.ledger)
        } catch let code as ArgumentParser.ExitCode {
            throw code
        } catch {
            writeLine("the state folder \(state) cannot be used: \(error.localizedDescription)")
            throw leaving(.ledger)
        }
    }
}

/// A job whose ledger is open and locked.
final class OpenJob {
    let job: Job
    let ledger: Ledger
    let lock: JobLock
    let isNew: Bool
    let path: String

    /// Removes a ledger that knows nothing, and its lock.
    func remove() {
        for name in ["", "-wal", "-shm"].map({ path + $0 }) + [String(path.dropLast(".sqlite".count)) + ".lock"] {
            unlink(name)
        }
    }

    init(job: Job, ledger: Ledger, lock: JobLock, isNew: Bool, path: String) {
        self.job = job
        self.ledger = ledger
        self.lock = lock
        self.isNew = isNew
        self.path = path
    }

    deinit { try? ledger.letGo() }
}

func leaving(_ code: Reconciliation.ExitCode) -> ArgumentParser.ExitCode {
    ArgumentParser.ExitCode(Int32(code.rawValue))
}

/// Whoever reads stderr may be gone before the run is over, such as a `tee` that the same Ctrl-C ended: that is no
/// reason to stop.
func writeError(_ text: String) { try? FileHandle.standardError.write(contentsOf: Data(text.utf8)) }

/// A line of a report. What it names may be anybody's text.
func printable(_ line: String) -> String {
    let most = 4000
    let text = line.visible
    return text.count > most ? text.prefix(most) + "…" : text
}

/// A line on stderr.
func writeLine(_ line: String) { writeError(printable(line) + "\n") }

/// The log on stderr: a line a message, as text or as JSON.
struct StandardErrorLog: LogHandler {
    let format: LogFormat
    var logLevel = Logger.Level.info
    var metadata: Logger.Metadata = [:]

    private static func typed(_ value: Logger.Metadata.Value) -> JSONValue {
        guard case .stringConvertible(let value) = value else { return .string("\(value)".visible) }
        switch value {
        case let value as Bool: return .bool(value)
        case let value as any BinaryInteger: return JSONValue(integerLiteral: Int64(value))
        case let value as Double where value.isFinite: return (try? JSONValue(parsing: Array("\(value)".utf8))) ?? .null
        default: return .string("\(value)".visible)
        }
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let all = metadata.merging(event.metadata ?? [:]) { _, new in new }.sorted { $0.key < $1.key }
        switch format {
        case .text:
            let pairs = all.map { " \($0.key)=\($0.value)" }.joined()
            writeLine("\(Timestamp.text(Time.system.wall())) \(event.level) \(event.message)\(pairs)")
        case .json:
            // Sorted keys, and numbers as numbers: for programs.
            var fields: [String: JSONValue] = [:]
            for (key, value) in all { fields[key] = Self.typed(value) }
            fields["time"] = .string(Timestamp.text(Time.system.wall()))
            fields["level"] = .string("\(event.level)")
            fields["message"] = .string("\(event.message)".visible)
            writeError(JSONValue.object(fields).canonical + "\n")
        }
    }
}
