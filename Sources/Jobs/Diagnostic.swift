/// One thing that is wrong with a job file: where, which rule, and what to do.
public struct Diagnostic: Hashable, Sendable, CustomStringConvertible {
    public var file: String
    /// From 1; nil when the file as a whole is meant.
    public var line: Int?
    /// The key with its parents, such as `target.baseURL`; empty for the file as a whole.
    public var key: String
    public var rule: String
    public var remedy: String

    public var description: String {
        let place = line.map { "\(file):\($0)" } ?? file
        return "\(place): \(key.isEmpty ? "" : key + ": ")\(rule); \(remedy)"
    }
}

/// A job file that cannot be used, with everything that is wrong with it, in the order of its lines.
public struct JobFileError: Error, Sendable, CustomStringConvertible {
    public let diagnostics: [Diagnostic]

    public var description: String { diagnostics.map(\.description).joined(separator: "\n") }
}
