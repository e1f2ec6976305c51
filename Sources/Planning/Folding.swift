import Foundation

/// The form in which names are matched: each scalar by its simple lower case where that is one scalar, then NFC. Folded
/// once, in Swift, and compared as bytes from then on, since SQLite's own folding knows ASCII only. externalId is never
/// folded.
///
/// Whatever is more than a case stays what it is (ı, ß, ſ, İ, ς): two names that only look alike are two people.
public func folded(_ text: String) -> String {
    if text.utf8.allSatisfy({ $0 < 0x80 }) { return text.lowercased() }
    var scalars = String.UnicodeScalarView()
    for scalar in text.unicodeScalars {
        let lower = scalar.properties.lowercaseMapping.unicodeScalars
        scalars.append(lower.count == 1 ? lower[lower.startIndex] : scalar)
    }
    return String(scalars).precomposedStringWithCanonicalMapping
}

/// The form in which names look alike: full case folding and compatibility forms (NFKC). It may hold a record, and
/// never match one.
public func foldedWidely(_ text: String) -> String {
    if text.utf8.allSatisfy({ $0 < 0x80 }) { return text.lowercased() }
    // Upper, then lower: that is full folding for the letters whose capital is longer (ß, ﬁ) or shared (σ and ς, i and
    // ı).
    let wide = text.precomposedStringWithCompatibilityMapping.uppercased().lowercased()
    // The lower case of İ is an i and a dot above it.
    return wide.replacingOccurrences(of: "i\u{307}", with: "i", options: .literal)
        .precomposedStringWithCompatibilityMapping
}
