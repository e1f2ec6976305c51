import CCurl

/// Dates of HTTP headers (RFC 9110, section 5.6.7), in all three of their forms.
public enum HTTPDate {
    /// `Sun, 06 Nov 1994 08:49:37 GMT` in seconds since 1970; nil for what is no date from 1970 on.
    public static func seconds(_ text: String) -> Double? {
        // Each form begins with a day of the week. The parser would also take numbers for dates.
        guard text.first?.isLetter == true else { return nil }
        let seconds = curl_getdate(text, nil)
        return seconds < 0 ? nil : Double(seconds)
    }
}
