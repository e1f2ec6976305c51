import CCrypto

/// SHA-256 and what is built on it, through libcrypto.
public enum Digest {
    /// The 32 bytes of SHA-256 over `bytes`.
    public static func sha256(_ bytes: [UInt8]) -> [UInt8] {
        var digest = [UInt8](repeating: 0, count: 32)
        bytes.withUnsafeBytes { ccrypto_sha256($0.baseAddress, $0.count, &digest) }
        return digest
    }

    /// The 32 bytes of HMAC-SHA-256 (RFC 2104) over `bytes`.
    public static func hmacSHA256(key: [UInt8], _ bytes: [UInt8]) -> [UInt8] {
        var digest = [UInt8](repeating: 0, count: 32)
        key.withUnsafeBytes { key in
            bytes.withUnsafeBytes { bytes in
                ccrypto_hmac_sha256(key.baseAddress, key.count, bytes.baseAddress, bytes.count, &digest)
            }
        }
        return digest
    }

    /// The first 16 bytes of SHA-256 over the UTF-8 of `text`: what rows are compared by.
    public static func short(_ text: String) -> [UInt8] { Array(sha256(Array(text.utf8)).prefix(16)) }

    /// SHA-256 over the UTF-8 of `text`, as 64 hexadecimal digits.
    public static func hexadecimal(_ text: String) -> String { hexadecimal(sha256(Array(text.utf8))) }

    /// Bytes as lower-case hexadecimal digits.
    public static func hexadecimal(_ bytes: [UInt8]) -> String {
        let digits = Array("0123456789abcdef")
        return String(bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] })
    }
}
