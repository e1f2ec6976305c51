import Foundation
import JSON
import Jobs
import Reconciliation
import Rehearsal
import Testing

@Suite struct JSONTests {
    @Test(
        "documents that simdjson's lazy parser would let pass are refused",
        arguments: [
            "tru", "01", "[1]]]}}}", "{\"a\":1,}", "{\"a\" 1}", "", "   ", "\"\\x\"", "[1 2]", "nul", "{\"a\":1}{",
            "\u{FEFF}x",
        ])
    func refuses(text: String) {
        #expect(throws: JSONSyntaxError.self) { try JSONValue(parsing: Array(text.utf8)) }
    }

    @Test("a name that stands twice in an object is refused, at any depth")
    func duplicates() {
        #expect(throws: JSONSyntaxError.self) {
            try JSONValue(parsing: Array("{\"a\":[{\"b\":1,\"c\":2,\"b\":3}]}".utf8))
        }
        #expect(throws: Never.self) { try JSONValue(parsing: Array("{\"a\":{\"b\":1},\"b\":{\"b\":1}}".utf8)) }
    }

    @Test("the canonical form orders names by their bytes and survives a round trip")
    func canonical() throws {
        let text = "{ \"b\" : [1, 2.5, true, null], \"a\": \"\\u00e9\\n\\\"\\u0001\", \"B\": {} , \"é\":1}"
        let value = try JSONValue(parsing: Array(text.utf8))
        #expect(value.canonical == "{\"B\":{},\"a\":\"é\\n\\\"\\u0001\",\"b\":[1,2.5,true,null],\"é\":1}")
        #expect(try JSONValue(parsing: value.canonicalBytes) == value)
    }

    @Test("names are found without case, numbers may be strings")
    func lenient() throws {
        try JSONParser().parse("{\"ItemsPerPage\": \"50\", \"total\": 7}") { root in
            #expect(root.member(ignoringCase: "itemsPerPage")?.lenientInteger == 50)
            #expect(root["total"]?.lenientInteger == 7)
            #expect(root["Total"] == nil)
        }
    }

    private static let document =
        "{\"users\": [ {\"a\": \"}]\\\"{\"}, {\"b\": [1, {\"c\": \"\\\\\"}]} ],\n \"groups\":[]}\n"

    private func split(_ blocks: [[UInt8]]) throws -> [String] {
        var splitter = DocumentSplitter()
        var found: [String] = []
        for block in blocks {
            try splitter.feed(block) {
                found.append("\($0.member)@\($0.line) \(String(decoding: $0.bytes, as: UTF8.self))")
            }
        }
        try splitter.finish()
        return found
    }

    @Test("a directory file is cut into its elements wherever the blocks happen to end")
    func splitting() throws {
        let bytes = Array(Self.document.utf8)
        let whole = try split([bytes])
        #expect(whole == ["users@1 {\"a\": \"}]\\\"{\"}", "users@1 {\"b\": [1, {\"c\": \"\\\\\"}]}"])
        for cut in 1..<bytes.count { #expect(try split([Array(bytes[..<cut]), Array(bytes[cut...])]) == whole) }
    }

    @Test(
        """
        a byte order mark is passed over in directory, job and secret files, wherever the blocks end; half of one \
        is an error
        """
    )
    func byteOrderMark() throws {
        let bytes = [0xEF, 0xBB, 0xBF] + Array(#"{"users":[{"userId":"a"}]}"#.utf8)
        for size in [1, 2, 3, 4, 100] {
            var splitter = DocumentSplitter()
            var count = 0
            for start in stride(from: 0, to: bytes.count, by: size) {
                try splitter.feed(Array(bytes[start..<min(start + size, bytes.count)])) { _ in count += 1 }
            }
            try splitter.finish()
            #expect(count == 1)
        }
        var splitter = DocumentSplitter()
        #expect(throws: JSONSyntaxError.self) { try splitter.feed([0xEF, 0xBB] + Array("{}".utf8)) { _ in } }
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
            "rollcall-\(UInt64.random(in: 0...UInt64.max))")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let mark = Data([0xEF, 0xBB, 0xBF])
        try (mark + Data("s3cret\n".utf8)).write(to: folder.appendingPathComponent("secret"))
        #expect(try SecretReference("file:secret", folder: folder.path)?.resolve(environment: [:]) == "s3cret")
        let job = folder.appendingPathComponent("job.yaml")
        try (mark + Data(World.job().utf8)).write(to: job)
        #expect(try Job.read(path: job.path, vocabulary: .current).name == "world")
    }

    @Test("a directory file that is cut off anywhere is an error, never a short directory")
    func truncated() {
        let bytes = Array(Self.document.utf8)
        // The last byte is a line break behind the document.
        for length in 0..<(bytes.count - 1) {
            #expect(throws: JSONSyntaxError.self) { try split([Array(bytes[..<length])]) }
        }
    }

    @Test(
        "what does not belong between the elements is refused with its line",
        arguments: [
            "[]", "{\"users\": {}}", "{\"users\": [1]}", "{\"users\": []} x", "{\"users\": [], \"users\": []}",
            "{\"users\": [{},]}", "{\"users\": [{} {}]}",
        ])
    func malformed(text: String) {
        #expect(throws: JSONSyntaxError.self) { try split([Array(text.utf8)]) }
    }

    @Test("16 E: what is no JSON is called what it is: a web page, a document that was cut off")
    func plainWords() {
        for (text, words) in [
            ("<html><body>Welcome</body></html>", "a web page"), ("\u{FEFF}  <!DOCTYPE html>", "a web page"),
            ("{\"Users\": [{\"UserId\":", "cut off"), ("[1, 2", "cut off"),
        ] {
            #expect { try JSONParser().parse(text) { _ in } } throws: { "\($0)".contains(words) }
        }
        #expect { try JSONParser().parse("{\"a\": 1,}") { _ in } } throws: {
            !"\($0)".contains("cut off") && !"\($0)".contains("web page")
        }
    }
}
