import ArgumentParser
import Foundation
import Jobs

enum ScheduleFormat: String, ExpressibleByArgument, CaseIterable { case cron, systemd, kubernetes }

struct ScheduleCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "schedule", abstract: "Print what runs jobs every night: for cron, systemd or Kubernetes.",
        discussion:
            """
            Nothing is installed: what is printed says where it goes. Secrets that a job takes as credential:NAME \
            are loaded from /etc/rollcall/credentials/NAME.
            """
    )

    @Option(help: "cron, systemd or kubernetes.")
    var format: ScheduleFormat
    @Option(
        help: ArgumentHelp(
            "Folder of the ledgers; left out, what the jobs say under state, else /var/lib/rollcall.",
            valueName: "dir"))
    var state: String?
    @Option(
        help: ArgumentHelp(
            """
            When the jobs run, by the clock of the machine, of Kubernetes in UTC; each some minutes later, by its \
            name.
            """,
            valueName: "hh:mm"))
    var at = "02:00"
    @Option(help: ArgumentHelp("The user that runs them.", valueName: "name"))
    var user = "rollcall"
    @Option(help: ArgumentHelp("The program.", valueName: "path"))
    var program = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? "/usr/bin/rollcall"
    @Option(
        help: ArgumentHelp(
            "Folder of the metrics, for cron and systemd: each job writes rollcall-NAME.prom there.", valueName: "dir"))
    var metrics: String?
    @Option(help: ArgumentHelp("The container's image, for Kubernetes.", valueName: "image"))
    var image = "registry.example/rollcall:\(rollcallVersion)"
    @Argument(
        help: ArgumentHelp("Job files, or folders of them.", valueName: "job"),
        completion: .file(extensions: ["yaml", "yml"])) var jobs: [String]

    func validate() throws { _ = try time() }

    private func time() throws -> (hour: Int, minute: Int) {
        let parts = at.split(separator: ":", omittingEmptySubsequences: false).map { Int($0) }
        guard parts.count == 2, let hour = parts[0], let minute = parts[1], (0..<24).contains(hour),
            (0..<60).contains(minute)
        else {
            throw ValidationError("--at \(at): write hours and minutes, such as 02:00")
        }
        return (hour, minute)
    }

    func run() throws {
        var common = CommonOptions()
        common.givenState = state
        let jobs = try common.jobs(jobs)
        let state = state ?? jobs.first?.state.map { URL(fileURLWithPath: $0).standardizedFileURL.path }
        let time = try time()
        for job in jobs { for line in Schedules.lacks(job, format) { writeLine("\(job.name): \(line)") } }
        if format == .systemd, let state, ["/home/", "/root/"].contains(where: state.hasPrefix) {
            writeLine("\(state): the unit does not see home folders: move the ledgers, or set ProtectHome=no in it")
        }
        let setting = Schedules.Setting(
            state: state ?? Schedules.usualState, user: user, program: program, metrics: metrics)
        // A crontab ends a command at “%”, systemd takes it for a name of its own, and both part words at blanks.
        for path in jobs.map(Schedules.path) + [setting.state, setting.program, metrics ?? ""]
        where path.unicodeScalars.contains(where: { !Schedules.isPlain($0) }) {
            throw ValidationError(
                """
                \(path.visible): a scheduler reads blanks, quotes and “%” in a path in ways of its own: give it a path \
                of letters, digits and “/._-+@:,”
                """
            )
        }
        switch format {
        case .cron: print(Schedules.cron(jobs, time, setting))
        case .systemd: print(Schedules.systemd(jobs, time, setting))
        case .kubernetes: print(Schedules.kubernetes(jobs, time, image: image))
        }
    }
}

/// The texts of the three schedulers.
enum Schedules {
    /// Minutes by which a job starts later than asked: not all at once, and every night at the same time.
    static func delay(_ job: Job) -> Int { job.name.utf8.reduce(7) { ($0 &* 31 &+ Int($1)) % 9973 } % 30 }

    static func isPlain(_ scalar: Unicode.Scalar) -> Bool {
        scalar.properties.isAlphabetic || ("0"..."9").contains(scalar) || "/._-+@:,".unicodeScalars.contains(scalar)
    }

    static func path(_ job: Job) -> String { URL(fileURLWithPath: job.file).standardizedFileURL.path }

    static func loaded(_ job: Job) -> [String] {
        var seen: Set<String> = []
        return job.secrets.compactMap {
            if case .credential(let name) = $0, seen.insert(name).inserted { name } else { nil }
        }
    }

    /// Where a scheduled job finds what it needs.
    struct Setting {
        var state: String
        var user: String
        var program: String
        var metrics: String?

        func run(_ job: Job) -> String {
            """
            \(program) run --state \(state) --progress never\
            \(metrics.map { " --metrics \($0)/rollcall-\(job.name).prom" } ?? "") \(Schedules.path(job))
            """
        }
    }

    /// What a job needs that a scheduler does not give it by itself.
    static func lacks(_ job: Job, _ format: ScheduleFormat) -> [String] {
        var lines: [String] = []
        let variables = job.secrets.compactMap { if case .environment(let name) = $0 { "${\(name)}" } else { nil } }
        if !variables.isEmpty {
            lines.append(
                """
                the job takes \(Set(variables).sorted().joined(separator: ", ")) from the environment, which \
                \(format.rawValue) does not have: write \(format == .cron ? "file:PATH" : "credential:NAME") in \
                the job
                """
            )
        }
        if format == .kubernetes, case .file = job.source {
            lines.append(
                "the job reads a directory file, which the pod does not have: mount it, and name it by its path there")
        }
        if format == .cron, job.secrets.contains(where: { if case .credential = $0 { true } else { false } }) {
            lines.append(
                "the job takes a credential that systemd loads, which cron does not: write file:PATH in the job")
        }
        if format == .kubernetes, job.secrets.contains(where: { if case .file = $0 { true } else { false } }) {
            lines.append(
                "the job takes a secret from a file, which the pod does not have: write credential:NAME in the job")
        }
        if format == .systemd, path(job).hasPrefix("/home/") || path(job).hasPrefix("/root/") {
            lines.append(
                "the job file lies in a home folder, which the unit does not see: put it into /etc/rollcall/jobs.d")
        }
        return lines
    }

    // MARK: cron

    static func cron(_ jobs: [Job], _ time: (hour: Int, minute: Int), _ setting: Setting) -> String {
        var lines = [
            "# /etc/cron.d/rollcall",
            "# What a run prints goes to MAILTO; a run that ends well prints its summary as well.", "MAILTO=root", "",
        ]
        for job in jobs {
            let minute = time.hour * 60 + time.minute + delay(job)
            lines.append("\(minute % 60) \(minute / 60 % 24) * * * \(setting.user) \(setting.run(job))")
        }
        // A job that does not run cannot say so.
        lines.append(
            """
            0 8 * * * \(setting.user) \(setting.program) status --state \(setting.state) --max-age 26h \
            \(jobs.map { path($0) }.joined(separator: " ")) > /dev/null
            """
        )
        return lines.joined(separator: "\n")
    }

    // MARK: systemd

    static func systemd(_ jobs: [Job], _ time: (hour: Int, minute: Int), _ setting: Setting) -> String {
        jobs.map { job in
            let loads =
                loaded(job).map { "LoadCredential=\($0):/etc/rollcall/credentials/\($0)\n" }.joined()
                + (job.after.isEmpty
                    ? ""
                    : """
                    # Of the program that “after” names, where it has secrets:\n# \
                    LoadCredential=robot-url:/etc/rollcall/credentials/robot-url\n# \
                    LoadCredential=robot-secret:/etc/rollcall/credentials/robot-secret\n
                    """)
                + (setting.metrics.map { "ReadWritePaths=\($0)\n" } ?? "")
            return """
                # /etc/systemd/system/rollcall-\(job.name).service
                [Unit]
                Description=Rollcall, job \(job.name)
                Documentation=man:rollcall(1)
                Wants=network-online.target
                After=network-online.target
                OnFailure=rollcall-failed@%n.service

                [Service]
                Type=oneshot
                ExecStart=\(setting.run(job))
                \(hardening(state: setting.state, user: setting.user))
                \(loads)
                # /etc/systemd/system/rollcall-\(job.name).timer
                [Unit]
                Description=Rollcall, job \(job.name), every night

                [Timer]
                OnCalendar=*-*-* \(String(format: "%02d:%02d", time.hour, time.minute)):00
                RandomizedDelaySec=30min
                FixedRandomDelay=true
                Persistent=true

                [Install]
                WantedBy=timers.target

                """
        }.joined(separator: "\n")
            + watch(jobs, setting)
                + """

                # systemctl daemon-reload && systemctl enable --now rollcall-watch.timer \
                \(jobs.map { "rollcall-\($0.name).timer" }.joined(separator: " "))
                # By hand, as the unit runs it, here a look at the plan:
                \(jobs.map { byHand($0, setting) }.joined(separator: "\n"))
                """
    }

    /// Where the package's watch looks for the ledgers.
    static let usualState = "/var/lib/rollcall"

    /// What lets the package's watch look into another folder than its own: where each job has its ledger, the job
    /// itself says.
    private static func watch(_ jobs: [Job], _ setting: Setting) -> String {
        guard setting.state != usualState, let first = jobs.first else { return "" }
        return """

            # /etc/systemd/system/rollcall-watch.service.d/\(first.name).conf
            [Service]
            ReadWritePaths=\(setting.state)

            """
    }

    /// A command about a job as the service's user, with the secrets that the service has.
    private static func byHand(_ job: Job, _ setting: Setting) -> String {
        let loads = loaded(job).map { " --property=LoadCredential=\($0):/etc/rollcall/credentials/\($0)" }.joined()
        return
            """
            # systemd-run --pty --wait --collect --uid=\(setting.user)\(loads) \(setting.program) plan --state \
            \(setting.state) \(path(job))
            """
    }

    /// What a service does without. It needs the network, its job files, its credentials and the state folder; nothing
    /// else.
    static func hardening(state: String, user: String) -> String {
        """
        User=\(user)
        Group=\(user)
        UMask=0077
        TimeoutStartSec=6h
        LimitCORE=0
        MemoryMax=1G
        # Scratch files beside the ledgers: they are as large, and as private.
        Environment=TMPDIR=\(state) SQLITE_TMPDIR=\(state)
        ReadWritePaths=\(state)
        ProtectSystem=strict
        ProtectHome=yes
        PrivateTmp=yes
        PrivateDevices=yes
        PrivateUsers=yes
        ProtectClock=yes
        ProtectControlGroups=yes
        ProtectHostname=yes
        ProtectKernelLogs=yes
        ProtectKernelModules=yes
        ProtectKernelTunables=yes
        ProtectProc=invisible
        NoNewPrivileges=yes
        CapabilityBoundingSet=
        AmbientCapabilities=
        LockPersonality=yes
        MemoryDenyWriteExecute=yes
        RemoveIPC=yes
        RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
        RestrictNamespaces=yes
        RestrictRealtime=yes
        RestrictSUIDSGID=yes
        SystemCallArchitectures=native
        SystemCallFilter=@system-service
        SystemCallFilter=~@privileged @resources
        SystemCallErrorNumber=EPERM
        """
    }
}
