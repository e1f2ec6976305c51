import CCurl

/// Dates of HTTP headers (RFC 9110, section 5.6.7), in all three of their forms.
public enum HTTPDate {
    /// `Sun, 06 Nov 1994 08:49:37 GMT` in seconds since 1970; nil for what is no date from 1970 on.
    public static func seconds(_ text: String) -> Double? {
        // Each form begins with a day of the week, and is of Greenwich. The parser would also take numbers for dates,
        // and guess what an abbreviation of a timezone means.
        guard text.first?.isLetter == true, text.hasSuffix(" GMT") || text.last?.isNumber == true,
            !text.contains("+"), text.dropFirst(3).filter(\.isLetter).count <= (text.hasSuffix(" GMT") ? 12 : 3)
        else { return nil }
        let seconds = curl_getdate(text, nil)
        return seconds < 0 ? nil : Double(seconds)
    }
}
