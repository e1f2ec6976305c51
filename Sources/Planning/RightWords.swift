/// Words that many systems give to accounts that may do everything.
package enum RightWords {
    private static let words: Set<String> = ["admin", "administrator", "administrators", "root", "owner"]

    /// One of them in a name; nil for none. Words end at anything but letters.
    package static func word(in name: String) -> String? {
        name.split { !$0.isLetter }.map { $0.lowercased() }.first(where: words.contains)
    }
}
