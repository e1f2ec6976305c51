import CCrypto

/// SHA-256, through libcrypto.
public enum Digest {
    /// The 32 bytes of SHA-256 over `bytes`.
    public static func sha256(_ bytes: [UInt8]) -> [UInt8] {
        var digest = [UInt8](repeating: 0, count: 32)
        bytes.withUnsafeBytes { ccrypto_sha256($0.baseAddress, $0.count, &digest) }
        return digest
    }

    /// The first 16 bytes of SHA-256 over the UTF-8 of `text`: what rows are compared by.
    public static func short(_ text: String) -> [UInt8] { Array(sha256(Array(text.utf8)).prefix(16)) }

    /// SHA-256 over the UTF-8 of `text`, as 64 hexadecimal digits.
    public static func hexadecimal(_ text: String) -> String {
        let digits = Array("0123456789abcdef")
        return String(sha256(Array(text.utf8)).flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] })
    }
}
