import Foundation
import JSON
import Ledger
import SCIM
import Planning

/// Compares what was written with what the target shows afterwards, and gathers the differences for the report.
struct Verification {
    /// A write that was answered without a document: where it stands in the journal, and the object to look at.
    struct Silent {
        let plan: Int64
        let seq: Int
        let kind: ResourceKind
        let id: String
        let isMembership: Bool
        /// The attributes that were written: of an operation, some may have been refused.
        let paths: Set<String>
        /// How often each attribute was accepted with this very value before, and not applied.
        let tries: [String: Int]

        init(_ operation: PlannedOperation, id: String, tries: [String: Int] = [:]) {
            self.tries = tries
            paths = Set(operation.fields.map(\.path))
            plan = operation.plan
            seq = operation.seq
            kind = operation.kind
            self.id = id
            isMembership = operation.verb == .addMembers || operation.verb == .removeMembers
        }
    }

    var silent: [Silent] = []
    var notes: [String] = []
    /// Names of accounts that were there already and that a create has taken over.
    var takenOver: [String] = []
    /// How many creates may have taken over what was there.
    var perhapsTakenOver = 0
    /// Writes of which nobody knows whether they happened.
    var unknown: [String] = []

    private var tookOver: [String] {
        guard !takenOver.isEmpty else { return perhaps }
        let some = takenOver.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }.prefix(10).joined(separator: ", ")
        return [
            """
            taken over: \(takenOver.count) that were there already under the same name (\(some)\
            \(takenOver.count > 10 ? ", …" : "")); they are never deleted unless leavers.associated says delete
            """
        ] + perhaps
    }

    private var perhaps: [String] {
        perhapsTakenOver == 0
            ? []
            : [
                """
                \(perhapsTakenOver) made, or taken over: this platform does not tell which, so they count as \
                taken over and are never deleted unless leavers.associated says delete; where nobody makes \
                accounts by hand, target.noHandMade: true says so
                """
            ]
    }

    /// Whether an attribute is known to change when it is written, by kind and path: the target has shown it as it was
    /// sent.
    var applies: [String: Bool] = [:]

    /// Kinds whose objects, some of them, have shown an externalId.
    var keepsMarks: Set<ResourceKind> = []

    /// Attributes that some object of the target has, by kind and path: what one may have, another may get.
    var carried: Set<String> = []

    /// In how many runs the same value is sent to a target that accepts it and shows what it showed before. Where the
    /// target is known to apply the attribute, it was a mishap; where not, the target may have its own way, or not keep
    /// the attribute at all.
    private func mostTries(_ name: String, wasThere: Bool) -> Int {
        applies[name] ?? false ? (wasThere ? 5 : 3) : wasThere || carried.contains(name) ? 2 : 1
    }

    private struct Deviation: Hashable {
        let kind: ResourceKind
        let path: String
        let isMissing: Bool
    }

    private var deviations: [Deviation: (count: Int, example: String)] = [:]

    /// What is wrong with an attribute that identity or access depends on; other differences are only counted, since a
    /// target may keep a value in its own way, or not at all.
    ///
    /// - Parameter tries: how often an attribute was accepted with this value before, and not applied. One that still
    ///   shows what it showed before is sent again in the next runs; after some of them the target has its own way.
    mutating func compare(
        _ operation: PlannedOperation, _ kind: ResourceKind, _ table: MappingTable, with actual: MappingTable.Actual,
        tries: [String: Int]
    ) -> Judgement {
        let shown = Body.values(actual.body)
        var complaint: String?
        var unapplied: Set<String> = []
        var ignored: Set<String> = []
        var applied: [String] = []
        for field in operation.fields {
            let attribute = table.attribute(field.path)
            // Access is looked at whether or not the job maps it: leavers are disabled all the same.
            guard attribute != nil || field.path == "active" else { continue }
            let sent = field.after.flatMap { try? JSONValue(parsing: Array($0.utf8)) } ?? .null
            let found = shown[field.path] ?? (field.path == "active" ? actual.active.map { .bool($0) } : nil) ?? .null
            if table.isEqual(field.path, sent, found) {
                if !sent.isNull { applied.append(field.path) }
                continue
            }
            let before = field.before.flatMap { try? JSONValue(parsing: Array($0.utf8)) } ?? .null
            let isUnchanged = operation.verb != .create && table.isEqual(field.path, before, found)
            // A target that only trims or folds has its own way, and it shows at once.
            let isSpelling =
                sent.string.map { folded($0.trimmingCharacters(in: .whitespaces)) }
                == (found.string.map { folded($0.trimmingCharacters(in: .whitespaces)) } ?? "")
            let isIgnored =
                isUnchanged && !isSpelling
                && (tries[field.path] ?? 0) + 1 < mostTries("\(kind.singular) \(field.path)", wasThere: !before.isNull)
            // A server that has never shown an externalId does not keep them, and an account without one is the account
            // all the same.
            let isMarkNotKept = field.path == "externalId" && found.isNull && !keepsMarks.contains(kind)
            let isDecorated = !isUnchanged && attribute?.compared.isDecoration(of: sent, found) ?? false
            if (attribute?.isCritical ?? true) && !isMarkNotKept && !isDecorated || isIgnored {
                unapplied.insert(field.path)
                if isIgnored { ignored.insert(field.path) }
                complaint =
                    complaint
                        ?? """
                        the target accepted \(field.path) = \(sent.canonical) and \(Self.shown(found)); it did not \
                        apply the change
                        """
            } else {
                let key = Deviation(kind: kind, path: field.path, isMissing: found.isNull)
                let example =
                    deviations[key]?.example ?? "\(operation.name): sent \(sent.canonical), shown \(found.canonical)"
                deviations[key] = ((deviations[key]?.count ?? 0) + 1, example)
            }
        }
        // Where identity or access was not applied, nothing of the request is believed.
        if complaint != nil { unapplied.formUnion(operation.fields.map(\.path)) }
        let nameBefore = operation.fields.first { $0.path == kind.nameAttribute }?.before.flatMap {
            try? JSONValue(parsing: Array($0.utf8)).string
        }.map(folded)
        let isAccessIgnored = operation.fields.contains {
            $0.path == "active" && $0.after != nil && $0.after != actual.active.map { $0 ? "true" : "false" }
        }
        return Judgement(
            complaint: complaint, unapplied: unapplied, ignored: ignored, applied: applied, nameBefore: nameBefore,
            isAccessIgnored: isAccessIgnored)
    }

    /// What a target made of a write: what is wrong with it, and which attributes are to be sent again.
    struct Judgement {
        var complaint: String?
        var unapplied: Set<String> = []
        /// Of these, the ones that show what they showed before.
        var ignored: Set<String> = []
        /// Attributes that are shown as they were sent.
        var applied: [String] = []
        /// The name before the write, folded.
        var nameBefore: String?
        /// Whether the account is not as active as it was to be.
        var isAccessIgnored = false

        /// Makes a link say what is believed of the object.
        func correct(
            _ link: inout LinkState, _ kind: ResourceKind, _ actual: MappingTable.Actual?, _ situation: Situation
        ) {
            guard !unapplied.isEmpty, let actual else { return }
            // Whoever could not be disabled is no disabled leaver yet, and whoever could not be enabled still is one.
            if isAccessIgnored, situation == .leaver { link.status = .active }
            if isAccessIgnored, situation == .returned { link.status = .disabled }
            // What is shown is what the target has: so the next run sees the difference, and what there is to replace.
            let shown = Body.values(actual.body)
            link.sent =
                JSONValue.object(
                    Body.values(link.sent).merging(unapplied.map { ($0, shown[$0] ?? .null) }) { _, last in last }
                ).canonical
            link.sentDigest = nil
            // A name that the target did not take on is not the one to know the object by.
            if unapplied.contains(kind.nameAttribute), actual.matchKey == nameBefore { link.matchKey = actual.matchKey }
        }
    }

    private static func shown(_ value: JSONValue) -> String {
        value.isNull ? "does not show it" : "shows \(value.canonical)"
    }

    static func complaint(_ verb: Verb, _ members: [String], present: Set<String>) -> String? {
        let wrong = members.filter { present.contains($0) != (verb == .addMembers) }
        guard let first = wrong.first else { return nil }
        return
            """
            the target accepted the change and \(wrong.count) of \(members.count) members are \
            \(verb == .addMembers ? "not in" : "still in") the group, such as \(first); where the target never \
            does it, change that there by hand, or leave groups out of the job: fullPush: [users]
            """
    }

    /// Attributes that were sent with a value and shown without one.
    var missing: [(kind: ResourceKind, path: String)] { deviations.keys.filter(\.isMissing).map { ($0.kind, $0.path) } }

    /// One line for each attribute that came back otherwise than it was sent.
    var report: [String] {
        deviations.sorted { ($0.key.kind.rawValue, $0.key.path) < ($1.key.kind.rawValue, $1.key.path) }.map {
            key, value in
            let what = key.isMissing ? "is not kept by the target" : "is stored differently by the target"
            return "\(key.kind.singular) \(key.path) \(what): \(counted(value.count, "record")) (\(value.example))"
        } + notes + tookOver + unknown.map { "outcome unknown, settled by the next run: \($0)" }
    }
}
