import Foundation
import Rehearsal
import Testing

/// What a job costs may grow with its world, and no faster: steps of SQLite's virtual machine, counted at two sizes.
@Suite struct GrowthTests {
    /// Each dimension on each platform is `make growth`, on the release build.
    @Test(
        "twice the world is at most twice the work: a list, and a ledger that stands for what is not listed",
        arguments: [Platform.all[0], Platform.all[2]])
    func grows(_ platform: Platform) throws {
        let findings = try Growth.findings(platform, [.everything])
        #expect(findings.isEmpty, "\(findings.joined(separator: "\n"))")
    }

    /// An index, and the columns that it is made to hold instead.
    static let spoiled: [(index: String, columns: String)] = [
        ("scratch.outlook_by_target", "outlook (state)"), ("scratch.target_by_external_id", "target (protected)"),
        ("scratch.source_by_key", "source (place)"),
        ("operations_by_source", "operations (reason)"),
    ]

    @Test("a statement whose index is of no use is found", arguments: spoiled)
    func finds(_ index: String, _ columns: String) throws {
        let findings = try Growth.findings(Platform.all[0], [.everything], spoiled: [index: columns])
        #expect(
            findings.contains { $0.contains(index.replacingOccurrences(of: "scratch.", with: "")) },
            "\(index): \(findings)")
    }
}
