import Foundation
import Jobs

/// What runs jobs every night in Kubernetes: for each a claim and a CronJob.
extension Schedules {
    static func kubernetes(_ jobs: [Job], _ time: (hour: Int, minute: Int), image: String) -> String {
        jobs.map { job in
            let name = resourceName(job)
            let minute = time.hour * 60 + time.minute + delay(job)
            return [
                claim(job, name), cronJob(name, "\(minute % 60) \(minute / 60 % 24) * * *"),
                container(job, name, image), volumes(name),
            ].joined(separator: "\n")
        }.joined(separator: "\n---\n")
    }

    /// Names there are lower case, digits and hyphens.
    private static func resourceName(_ job: Job) -> String {
        "rollcall-"
            + String(job.name.lowercased().map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "-" }.prefix(40))
            .trimmingCharacters(in: CharacterSet(charactersIn: "-"))
            // Names that differ in signs alone stay two.
            + (job.name.allSatisfy { $0.isASCII && ($0.isLowercase || $0.isNumber || $0 == "-") }
                ? ""
                : "-"
                    + String(
                        job.name.utf8.reduce(UInt32(2_166_136_261)) { ($0 ^ UInt32($1)) &* 16_777_619 }, radix: 16))
    }

    private static func claim(_ job: Job, _ name: String) -> String {
        """
        # kubectl create configmap \(name) --from-file=\(path(job))
        # kubectl create secret generic \(name)\(loaded(job).map { " --from-file=\($0)=PATH" }.joined())
        ---
        apiVersion: v1
        kind: PersistentVolumeClaim
        metadata:
          name: \(name)
        spec:
          # One node at a time, and no network file system: SQLite's log needs the locks of a local one.
          accessModes: [ReadWriteOnce]
          resources:
            requests:
              storage: 5Gi
        ---
        """
    }

    private static func cronJob(_ name: String, _ schedule: String) -> String {
        """
        apiVersion: batch/v1
        kind: CronJob
        metadata:
          name: \(name)
        spec:
          timeZone: Etc/UTC
          schedule: "\(schedule)"
          concurrencyPolicy: Forbid
          startingDeadlineSeconds: 21600
          successfulJobsHistoryLimit: 3
          failedJobsHistoryLimit: 7
          jobTemplate:
            spec:
              backoffLimit: 0
              activeDeadlineSeconds: 21600
              template:
                spec:
                  restartPolicy: Never
                  automountServiceAccountToken: false
                  securityContext:
                    runAsNonRoot: true
                    runAsUser: 10001
                    runAsGroup: 10001
                    fsGroup: 10001
                    seccompProfile:
                      type: RuntimeDefault
        """
    }

    private static func container(_ job: Job, _ name: String, _ image: String) -> String {
        let file = URL(fileURLWithPath: job.file).lastPathComponent
        return """
                      containers:
                        - name: rollcall
                          image: \(image)
                          args: [run, --state, /state, --progress, never, /jobs/\(file)]
                          env:
                            # One name for every pod of this job, so that a new one is not taken for another
                            # machine.
                            - name: ROLLCALL_HOST
                              value: \(name)
                            - name: CREDENTIALS_DIRECTORY
                              value: /credentials
                            - name: TMPDIR
                              value: /state
                            - name: SQLITE_TMPDIR
                              value: /state
                          securityContext:
                            allowPrivilegeEscalation: false
                            readOnlyRootFilesystem: true
                            capabilities:
                              drop: [ALL]
                          resources:
                            requests:
                              cpu: 100m
                              memory: 128Mi
                            limits:
                              # 100,000 users with 1,000,000 memberships took 290 MB.
                              memory: 512Mi
                          volumeMounts:
                            - name: state
                              mountPath: /state
                            - name: jobs
                              mountPath: /jobs
                              readOnly: true
                            - name: credentials
                              mountPath: /credentials
                              readOnly: true
            """
    }

    private static func volumes(_ name: String) -> String {
        """
                  volumes:
                    - name: state
                      persistentVolumeClaim:
                        claimName: \(name)
                    - name: jobs
                      configMap:
                        name: \(name)
                    - name: credentials
                      secret:
                        secretName: \(name)
                        defaultMode: 0440
                        optional: true
        """
    }
}
