import Directory
import Foundation
import HTTP
import Jobs
import Ledger
import Provisioning
import SCIM
import SCIMTransport

/// `check`: what both sides say, without a plan.
extension JobRun {
    /// Reaches both sides and says what they declare, for `check`; what keeps it from that is in `failure`: of two
    /// sides that refuse, the graver, and the other among the lines.
    public func check() async -> [String] {
        let target = await side { try await checkTarget() }
        let source = await side { try await checkSource() }
        let failures = [target.failure, source.failure].compactMap { $0 }.sorted { $0.exit > $1.exit }
        failure = failures.first
        return target.lines + endings.map { "target: \($0.line)" } + source.lines
            + failures.dropFirst().map(\.description)
    }

    private func side(_ body: () async throws -> [String]) async -> (lines: [String], failure: JobFailure?) {
        do {
            return (try await body(), nil)
        } catch let error as JobFailure {
            return ([], error)
        } catch let error as SCIMFailure {
            return ([], JobFailure(error, side: "target"))
        } catch let error as DirectoryFailure {
            return ([], JobFailure(error))
        } catch let error as LedgerError {
            return ([], JobFailure(.ledger, error.told(job: job.file)))
        } catch {
            return ([], JobFailure(.internalError, "\(error)"))
        }
    }

    private func checkTarget() async throws -> [String] {
        let capabilities = try await connection.capabilities(
            of: profile, overrides: job.target.capabilities)
        var lines = [
            """
            target: reached \(connection.base); PATCH \(capabilities.patch ? "yes" : "no"), filter \
            \(capabilities.filter ? "yes" : "no"), cursor \(capabilities.cursor ? "yes" : "no"), ETag \
            \(capabilities.etag ? "yes" : "no"), page \(capabilities.pageSize)
            """
        ]
        // Some platforms refuse to be told where a page starts, some servers how large it is.
        let start = ("startIndex", "1"), size = ("count", "1")
        let isSizeless = connection.dialect.has(.noCount)
        for query in isSizeless ? [[start], []] : [[start, size], [size], [start], []] {
            do {
                _ = try await connection.send(.get, ResourceKind.user.endpoint, query: query)
                if !query.contains(where: { $0.0 == size.0 }) { connection.dialect.note(.noCount) }
                break
            } catch {
                guard case .rejected = error, !query.isEmpty else { throw error }
            }
        }
        if pushed.contains(.group) {
            // What a plan could not read is told now.
            do {
                _ = try await connection.send(
                    .get, ResourceKind.group.endpoint, query: profile.listing == .none || isSizeless ? [] : [size])
            } catch {
                switch error {
                // An empty list may be said so.
                case .notFound, .rejected: break
                default: throw JobFailure(error, side: "target, groups")
                }
            }
        }
        lines.append(
            """
            target: one page of users\(pushed.contains(.group) ? " and one of groups" : "") read; the credential \
            is accepted
            """
        )
        lines += connection.dialect.all.map { "target: its own way: \($0.sentence)" }
        return lines
    }

    private func checkSource() async throws -> [String] {
        let source = try shared.directory()
        var lines: [String] = []
        if let own = try await shared.ownScope() {
            lines.append(
                """
                source: the application's provisioning scope: \
                \(EffectiveScope.words(Job.Scope(organizationalUnits: own.units, groups: .listed(own.groups))))
                """
            )
        }
        if let settings = try await source.provisioning() {
            let rules = Dictionary((tables[.user]?.attributes ?? []).map { ($0.name, $0.rule.plainFields) }) {
                first, _ in first
            }
            lines += ProvisioningComparison.lines(settings, job, rules: rules, now: surroundings.time.wall())
        }
        if let said = try await source.probe(groups: pushed.contains(.group)) {
            try await checkScope(source)
            return lines + ["source: \(said); the credential is accepted"]
        }
        let (snapshot, evidence) = try await shared.read(path: nil)
        let (users, groups) = try snapshot.count()
        if let first = evidence.violations.first { throw JobFailure(.sourceIncomplete, "source: \(first)") }
        return lines + ["source: \(users) users and \(groups) groups read (\(evidence.statement))"] + evidence.notes
    }

    /// Asks for each unit and group that the scope lists.
    private func checkScope(_ source: any DirectorySource) async throws {
        let selection = EffectiveScope(job, own: nil).selection
        for unit in selection.units ?? [] where try await source.find(unit: unit) == .some(nil) {
            throw Self.unknownInScope(unit)
        }
        for group in selection.groups ?? [] {
            if case .gone? = try await source.find(.group, group) { throw Self.unknownInScope(group) }
        }
    }

    private static func unknownInScope(_ id: String) -> JobFailure {
        JobFailure(
            .sourceIncomplete,
            """
            source: source.scope lists \(id), which the source does not have; correct the scope (it takes ids, \
            not names)
            """
        )
    }
}

/// Which job has which target, for `check`: a plan refuses the second of two.
public struct TargetOwners {
    private let folder: String
    private var owners: [String: String] = [:]

    /// - Parameter folder: the state folder, which need not be there.
    public init(folder: String) { self.folder = folder }

    /// Why a job may not have its target; nil where it may.
    public mutating func claim(_ job: Job) -> JobFailure? {
        // Of platforms that serve all tenants at one address, the name of a secret does not tell whose it is.
        let isShared = Profile.named(job.target.platform)?.credentialChoosesTenant ?? false
        guard !isShared || job.target.tenant != nil else { return nil }
        let address =
            (URLParts(job.target.baseURL)?.canonical ?? job.target.baseURL) + (job.target.tenant.map { " \($0)" } ?? "")
        if let owner = owners[address] { return JobRun.owned(job.target.baseURL, by: owner) }
        owners[address] = job.name
        // A folder that knows no target yet is not written to.
        guard FileManager.default.fileExists(atPath: folder + "/targets"),
            FileManager.default.fileExists(atPath: folder + "/.targets.key") || !isShared,
            let digest = try? JobRun.digest(job, folder: folder, environment: ProcessInfo.processInfo.environment),
            let owner = TargetRegistry(folder: folder).owner(of: digest), owner != job.name
        else { return nil }
        return JobRun.owned(job.target.baseURL, by: owner)
    }
}
