import Foundation
import JSON
import SCIM

/// A directory in a JSON file: `{"users": […], "groups": [{…, "members": ["user_…"]}]}`, read in blocks of 1 MiB.
///
/// Its proof of completeness is the document itself: read to its last bracket, every id once.
public struct FileSource: DirectorySource {
    /// Gives the next block of the document; nil at its end.
    public typealias Blocks = () throws -> [UInt8]?

    public let identity: String
    public let readsEverything = true
    private let path: String
    private let open: @Sendable () throws -> Blocks

    public init(path: String) {
        self.path = path
        identity = "file \(URL(fileURLWithPath: path).standardizedFileURL.path)"
        open = {
            guard let handle = FileHandle(forReadingAtPath: path) else {
                throw DirectoryFailure.unreachable(
                    "the directory file \(path) cannot be opened; check source.path and its permissions")
            }
            return {
                let block = try handle.read(upToCount: 1 << 20)
                return block.flatMap { $0.isEmpty ? nil : Array($0) }
            }
        }
    }

    /// A document that is in memory already.
    public init(name: String, document: @escaping @Sendable () -> [UInt8]) {
        path = name
        identity = "file \(name)"
        open = {
            var rest: [UInt8]? = document()
            return {
                defer { rest = nil }
                return rest
            }
        }
    }

    public func read(_ wish: ReadWish, into sink: any DirectorySink) async throws -> ReadEvidence {
        var evidence = ReadEvidence(statement: "one document, read to its end")
        var splitter = DocumentSplitter()
        var unknown: [String: Int] = [:]
        let parser = JSONParser()
        let next = try open()
        do {
            while let block = try next() {
                try splitter.feed(block) { element in
                    guard let kind = Self.members[element.member] else {
                        throw JSONSyntaxError(
                            """
                            line \(element.line): “\(element.member)” is not known here; a directory file holds \
                            users, groups and organizationalUnits
                            """
                        )
                    }
                    do {
                        try parser.parse(element.bytes) { view in
                            try deliver(kind, view, element.line, to: sink, &evidence, &unknown)
                        }
                    } catch let error as JSONSyntaxError {
                        throw JSONSyntaxError("line \(element.line): in “\(element.member)”: \(error)")
                    }
                }
            }
            try splitter.finish()
        } catch let error as JSONSyntaxError {
            throw DirectoryFailure.broken("\(path): \(error)")
        } catch let error as CocoaError {
            throw DirectoryFailure.unreachable("\(path): \(error.localizedDescription)")
        }
        for (field, line) in unknown.sorted(by: { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }) {
            evidence.notes.append(
                "\(path), line \(line): nobody knows the field “\(field)”; it is passed over, here and elsewhere")
        }
        if !splitter.members.contains("users") { evidence.violate("\(path) has no “users”") }
        if let member = try sink.unknownMembers(of: nil, after: "", limit: 1).first {
            evidence.violate(
                """
                \(path): \(member) is a member of a group and no user; take it out of the group's members or put \
                the user back
                """
            )
        }
        return evidence
    }

    private enum Member { case user, group, unit }
    private static let members: [String: Member] = ["users": .user, "groups": .group, "organizationalUnits": .unit]

    private func deliver(
        _ member: Member, _ view: JSONView, _ line: Int, to sink: any DirectorySink, _ evidence: inout ReadEvidence,
        _ unknown: inout [String: Int]
    ) throws {
        let place = "line \(line)"
        if member == .unit {
            if let id = view["organizationalUnitId"]?.scalarText, !id.isEmpty {
                return try sink.add(
                    DirectoryUnit(
                        id: id, name: view["organizationalUnitName"]?.string, parent: view["parentId"]?.scalarText))
            }
            return evidence.violate("\(path), \(place): a record has no organizationalUnitId; give it one")
        }
        let kind: ResourceKind = member == .user ? .user : .group
        let record = DirectoryRecord(kind, view, .lowerCamel, place: place) { field in
            if unknown[field] == nil, unknown.count < 20 { unknown[field] = line }
        }
        guard let record else {
            // Without an id nobody can tell whose record it is, so nobody may be called absent.
            return evidence.violate(
                """
                \(path), \(place): a record has no \(kind == .user ? "userId" : "groupId") that can be an id (not \
                empty, no dots alone, at most 8 KiB); give it one
                """)
        }
        if try sink.add(record) != .new {
            evidence.violate("\(path), \(place): the id \(record.id) stands twice; keep one of the records")
        }
    }
}
