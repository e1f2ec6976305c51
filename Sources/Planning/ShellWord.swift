import Foundation

/// A word as a shell takes it for one.
package func shellWord(_ word: String) -> String {
    let isPlain =
        !word.isEmpty
        && word.utf8.allSatisfy {
            (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0)
                || "@%+=:,./_-".utf8.contains($0)
        }
    return isPlain ? word : "'\(word.replacingOccurrences(of: "'", with: "'\\''"))'"
}

/// An option with its value, as a shell and the program take it: a value that begins with a dash would be read as
/// another option, were it a word of its own.
package func shellOption(_ option: String, _ value: String) -> String {
    "\(option)\(value.hasPrefix("-") ? "=" : " ")\(shellWord(value))"
}
