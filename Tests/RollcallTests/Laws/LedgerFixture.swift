import Emulation
import Foundation
import GRDB
import HTTP
import JSON
import Reconciliation
import Rehearsal
import SCIM
import Simulation

@testable import Ledger

/// A ledger that some version of the program has written, as an SQL dump, with the two sides as they then were: so that
/// a later version opens what is really out there.
///
/// A folder holds `ledger.sql`, `world.json` (the moment, the job, the directory, what the target stores) and
/// `night.txt`: what the first night of this version plans on it. `ROLLCALL_WRITE_FIXTURES=VERSION` in the environment
/// writes the folders of a version anew.
struct LedgerFixture {
    static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("Fixtures")

    let version: String
    let name: String

    private var place: URL { Self.folder.appendingPathComponent(version).appendingPathComponent(name) }

    func text(_ file: String) throws -> String {
        String(decoding: try Data(contentsOf: place.appendingPathComponent(file)), as: UTF8.self)
    }

    func write(_ file: String, _ text: String) throws {
        try Data(text.utf8).write(to: place.appendingPathComponent(file))
    }

    // MARK: writing

    /// Keeps a moment of a world.
    func keep(_ world: World, at moment: World.Moment, platform: String) throws {
        try FileManager.default.createDirectory(at: place, withIntermediateDirectories: true)
        try write("ledger.sql", try moment.ledger.queue.read(Self.dump).joined(separator: "\n") + "\n")
        let target = ResourceKind.allCases.map { kind in
            let store = moment.landscape.target.store[kind]
            return (
                kind.plural,
                JSONValue.array(
                    (store?.order ?? []).compactMap { store?[$0] }.map {
                        ["id": .string($0.id), "created": .integer(Int64($0.created)), "document": $0.document]
                    })
            )
        }
        let document: JSONValue = [
            "platform": .string(platform), "now": .integer(Int64(moment.now)), "job": .string(world.jobText),
            "directory": try JSONValue(parsing: world.directory.document()),
            "target": .object(Dictionary(target) { first, _ in first }),
        ]
        // A line for each record, so that a change of a fixture can be read.
        try write("world.json", document.canonical.replacingOccurrences(of: "},{", with: "},\n{") + "\n")
    }

    /// The database in statements, in the order of their dependence, equal for equal contents.
    static func dump(_ db: Database) throws -> [String] {
        var lines = [
            "PRAGMA user_version = \(try Int.fetchOne(db, sql: "PRAGMA user_version") ?? 0);",
            "PRAGMA application_id = \(try Int.fetchOne(db, sql: "PRAGMA application_id") ?? 0);",
        ]
        let tables = try Row.fetchAll(
            db,
            sql:
                """
                SELECT name, sql FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
                    ORDER BY name
                """
        )
        lines += tables.map { "\($0["sql"] as String);" }
        lines += try String.fetchAll(
            db, sql: "SELECT sql FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL ORDER BY name"
        ).map { "\($0);" }
        for table in tables.map({ $0["name"] as String }) {
            let columns = try db.columns(in: table).map(\.name)
            let values = columns.map { "quote(\"\($0)\")" }.joined(separator: " || ', ' || ")
            lines += try String.fetchAll(db, sql: "SELECT \(values) FROM \"\(table)\" ORDER BY 1").map {
                "INSERT INTO \(table) (\(columns.joined(separator: ", "))) VALUES (\($0));"
            }
        }
        return lines
    }

    // MARK: opening

    /// The fixture's world at its moment, with its ledger in a file of its own.
    ///
    /// - Parameter path: where the ledger's file is made; nothing may be there.
    func open(_ path: String) throws -> World {
        let queue = try DatabaseQueue(path: path)
        try queue.writeWithoutTransaction { try $0.execute(sql: text("ledger.sql")) }
        try queue.close()
        let document = try JSONValue(parsing: Array(text("world.json").utf8))
        guard let platform = Platform.all.first(where: { $0.name == document["platform"]?.string }) else {
            throw CocoaError(.coderValueNotFound)
        }
        let world = try platform.world(
            clock: VirtualTime(start: Double(document["now"]?.integer ?? 0)), ledger: try Ledger(path: path))
        world.jobText = document["job"]?.string ?? ""
        world.given = document["directory"]?.canonical
        world.client.change { service in
            for kind in ResourceKind.allCases {
                for resource in document["target"]?[kind.plural]?.array ?? [] {
                    service.put(
                        kind, resource["id"]?.string ?? "", resource["document"] ?? [:],
                        created: Double(resource["created"]?.integer ?? 0))
                }
            }
        }
        return world
    }
}
