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
    private let path: String
    private let open: @Sendable () throws -> Blocks

    public init(path: String) {
        self.path = path
        identity = "file \(URL(fileURLWithPath: path).standardizedFileURL.path)"
        open = {
            guard let handle = FileHandle(forReadingAtPath: path) else {
                throw DirectoryFailure.unreachable("the directory file \(path) cannot be opened; check source.path and its permissions")
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

    public func read(_ deliver: (DirectoryItem) throws -> Void) async throws -> ReadEvidence {
        var evidence = ReadEvidence(statement: "one document, read to its end")
        var splitter = DocumentSplitter()
        var unknown: [String: Int] = [:]
        let parser = JSONParser()
        let next = try open()
        do {
            while let block = try next() {
                try splitter.feed(block) { element in
                    guard let kind = Self.members[element.member] else {
                        throw JSONSyntaxError("line \(element.line): “\(element.member)” is not known here; a directory file holds users, groups and organizationalUnits")
                    }
                    do {
                        try parser.parse(element.bytes) { view in try item(kind, view, element.line, &evidence, &unknown).map(deliver) }
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
            evidence.notes.append("\(path), line \(line): nobody knows the field “\(field)”; it is passed over, here and elsewhere")
        }
        if !splitter.members.contains("users") { evidence.violations.append("\(path) has no “users”") }
        return evidence
    }

    private enum Member { case user, group, unit }
    private static let members: [String: Member] = ["users": .user, "groups": .group, "organizationalUnits": .unit]

    private func item(_ member: Member, _ view: JSONView, _ line: Int, _ evidence: inout ReadEvidence, _ unknown: inout [String: Int]) throws -> DirectoryItem? {
        let place = "line \(line)"
        let idField = member == .user ? "userId" : member == .group ? "groupId" : "organizationalUnitId"
        guard view.kind == .object, let id = view[idField]?.scalarText, !id.isEmpty else {
            // Without an id nobody can tell whose record it is, so nobody may be called absent.
            if evidence.violations.count < 10 { evidence.violations.append("\(path), \(place): a record has no \(idField); give it one") }
            return nil
        }
        if member == .unit { return .unit(id: id, parent: view["parentId"]?.string) }
        var record = DirectoryRecord(kind: member == .user ? .user : .group, id: id, fields: [idField: id], place: place)
        view.forEachMember { name, value in
            if name == "phone" || DirectoryFields.complaint(record.kind, name) != nil, !DirectoryFields.silent.contains(name), unknown[name] == nil, unknown.count < 20 { unknown[name] = line }
            switch (name, value.kind) {
            case (idField, _), (_, .null): break
            case ("organizationalUnits", .array):
                value.forEachElement { if let unit = $0.string ?? $0["organizationalUnitId"]?.string { record.units.append(unit) } }
            case ("members", .array):
                value.forEachElement { element in
                    if let user = element.string ?? element["userId"]?.string {
                        record.members.append(user)
                    } else {
                        record.problem = "members: must be a list of user ids"
                    }
                }
            case ("customFields", .array):
                value.forEachElement { field in
                    if let name = field["fieldName"]?.string, let text = field["fieldValue"]?.scalarText, !text.isEmpty { record.fields["customFields.\(name)"] = text }
                }
            case ("customFields", .object):
                value.forEachMember { name, field in
                    if let text = field.scalarText, !text.isEmpty { record.fields["customFields.\(name)"] = text }
                }
            default:
                if let text = value.scalarText {
                    if !text.isEmpty { record.fields[name] = text }
                } else if DirectoryFields.complaint(record.kind, name) == nil || ["members", "organizationalUnits", "customFields"].contains(name) {
                    record.problem = "\(name): must be \(["members", "organizationalUnits", "customFields"].contains(name) ? "a list" : "text")"
                }
            }
        }
        return .record(record)
    }
}
