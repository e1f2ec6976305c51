import Foundation
import Testing

/// TLS as a company really has it: an authority of its own, certificates that end, servers that speak what is too old.
@Suite struct CertificateTests {
    /// An authority, a server's certificate and a client's, in a folder; good for so many days.
    private static func certify(_ place: Workplace, serverDays: Int = 90, clientDays: Int = 90) throws {
        func openssl(_ arguments: String) throws {
            let result = try Program.run(
                URL(fileURLWithPath: "/usr/bin/env"), ["openssl"] + arguments.split(separator: " ").map(String.init),
                in: place.folder)
            try #require(result.exit == 0, "\(arguments): \(result.everything)")
        }
        let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"
        try place.write("server.ext", "subjectAltName = DNS:localhost\n")
        try openssl(
            """
            req -x509 \(key) -days 365 -subj /CN=Authority.example -keyout ca.key -out ca.pem
            """)
        for (name, days) in [("server", serverDays), ("client", clientDays)] {
            try openssl("req \(key) -subj /CN=\(name).example -keyout \(name).key -out \(name).csr")
            try openssl(
                """
                x509 -req -in \(name).csr -CA ca.pem -CAkey ca.key -CAcreateserial -days \(days) \
                -extfile server.ext -out \(name).pem
                """)
            try FileManager.default.setAttributes(
                [.posixPermissions: 0o600], ofItemAtPath: place.folder.appendingPathComponent("\(name).key").path)
        }
    }

    private static func front(_ server: ServerProcess, _ place: Workplace, version: String = "1.3", wantsClient: Bool)
        throws -> ServerProcess
    {
        func path(_ name: String) -> String { place.folder.appendingPathComponent(name).path }
        return try ServerProcess(
            URL(fileURLWithPath: "/usr/bin/env"),
            [
                "python3", Program.foreign.appendingPathComponent("tls.py").path,
                server.origin.replacingOccurrences(of: "http://", with: ""), path("server.pem"), path("server.key"),
                version,
            ] + (wantsClient ? [path("ca.pem")] : []))
    }

    private static func writeJob(_ place: Workplace, _ base: String, tls: String) throws {
        try place.writeJob(base)
        let text = try place.read("job.yaml")
        try place.write(
            "job.yaml", text.replacingOccurrences(of: "  baseURL:", with: "\(tls)  baseURL:"))
    }

    @Test(
        """
        13 D4: a private authority and a certificate of one's own: with both the run is done, without either nothing \
        is sent, and no key log is written
        """
    )
    func mutual() throws {
        let server = try ServerProcess.sandbox()
        defer { server.stop() }
        let place = try Workplace()
        try Self.certify(place)
        let front = try Self.front(server, place, wantsClient: true)
        defer { front.stop() }
        try place.write("directory.json", Workplace.directory(3))

        try Self.writeJob(place, front.base, tls: "")
        let stranger = try place.rollcall("run", "job.yaml")
        #expect(stranger.exit == 69 && stranger.everything.contains("certificate"), "\(stranger.everything)")

        try Self.writeJob(place, front.base, tls: "  tls: { ca: ca.pem }\n")
        let nameless = try place.rollcall("run", "job.yaml")
        #expect(nameless.exit == 69, "\(nameless.everything)")

        try Self.writeJob(
            place, front.base, tls: "  tls: { ca: ca.pem, certificate: client.pem, key: \"file:client.key\" }\n")
        let done = try place.rollcall(
            "run", "job.yaml",
            environment: [
                "SSLKEYLOGFILE": place.folder.appendingPathComponent("keys.log").path
            ])
        #expect(done.exit == 0 && done.output.contains("created"), "\(done.everything)")
        #expect(front.output.contains("spoke TLSv1.3"))
        #expect(!FileManager.default.fileExists(atPath: place.folder.appendingPathComponent("keys.log").path))
        #expect(!done.output.contains("ends on"), "\(done.output)")
        // The certificate of another host, though the authority is the job's own.
        try Self.writeJob(
            place, front.base.replacingOccurrences(of: "localhost", with: "127.0.0.1"),
            tls: "  tls: { ca: ca.pem, certificate: client.pem, key: \"file:client.key\" }\n")
        let other = try place.rollcall("run", "job.yaml")
        #expect(other.exit == 69, "\(other.everything)")
    }

    @Test("13 D4: TLS below 1.2 is not spoken, though the system's configuration allows it")
    func old() throws {
        let server = try ServerProcess.sandbox()
        defer { server.stop() }
        let place = try Workplace()
        try Self.certify(place)
        let front = try Self.front(server, place, version: "1.1", wantsClient: false)
        defer { front.stop() }
        try place.write("directory.json", Workplace.directory(3))
        try Self.writeJob(place, front.base, tls: "  tls: { ca: ca.pem }\n")
        try place.write(
            "openssl.cnf",
            """
            openssl_conf = all
            [all]
            ssl_conf = tls
            [tls]
            system_default = lax
            [lax]
            MinProtocol = TLSv1
            CipherString = ALL:@SECLEVEL=0

            """)
        let lax = ["OPENSSL_CONF": place.folder.appendingPathComponent("openssl.cnf").path]
        let result = try place.rollcall("check", "job.yaml", environment: lax)
        #expect(result.exit == 69, "\(result.everything)")
        #expect(front.output.contains("refused") && !front.output.contains("spoke"), "\(front.output)")
        // With the same configuration, a program that asks for no more does speak it: the test would see it.
        let port = front.base.split(separator: ":")[2].prefix { $0 != "/" }
        _ = try Program.run(
            URL(fileURLWithPath: "/usr/bin/env"), ["openssl", "s_client", "-tls1_1", "-connect", "localhost:\(port)"],
            environment: lax, seconds: 10)
        for _ in 0..<300 where !front.output.contains("spoke") { Thread.sleep(forTimeInterval: 0.01) }
        #expect(front.output.contains("spoke TLSv1.1"), "\(front.output)")
    }

    @Test("14 C: the end of a certificate, the target's and one's own, is told a month before, and is in the metrics")
    func ends() throws {
        let server = try ServerProcess.sandbox()
        defer { server.stop() }
        let place = try Workplace()
        try Self.certify(place, serverDays: 20, clientDays: 5)
        let front = try Self.front(server, place, wantsClient: true)
        defer { front.stop() }
        try place.write("directory.json", Workplace.directory(3))
        try Self.writeJob(
            place, front.base, tls: "  tls: { ca: ca.pem, certificate: client.pem, key: \"file:client.key\" }\n")
        let check = try place.rollcall("check", "job.yaml")
        #expect(check.output.contains("the certificate of localhost:") && check.output.contains("in 19 days"))
        let run = try place.rollcall("run", "job.yaml", "--metrics", "rollcall.prom")
        #expect(
            run.output.contains("the certificate of localhost:") && run.output.contains("in 19 days")
                && run.output.contains("the certificate in target.tls.certificate") && run.output.contains("in 4 days"),
            "\(run.everything)")
        let quiet = try place.rollcall("run", "job.yaml", "--quiet")
        #expect(quiet.output.contains("in 4 days") && !quiet.output.contains("in 19 days"), "\(quiet.everything)")
        let line = try place.read("rollcall.prom").split(separator: "\n").first {
            $0.hasPrefix("rollcall_certificate_end_timestamp_seconds{")
        }
        let end = line.flatMap { Double($0.split(separator: " ").last ?? "") } ?? 0
        #expect(abs(end - Date().timeIntervalSince1970 - 5 * 86400) < 3600, "\(line ?? "no line")")
    }
}
