import Testing

@testable import Reporting

@Suite struct ReportTests {
    @Test(
        "cells that a spreadsheet would run are defused, and the rest is quoted as RFC 4180 says",
        arguments: [
            ("plain", "plain"), ("=1+1", "'=1+1"), ("+86138", "'+86138"), ("-x", "'-x"), ("@a", "'@a"), ("\tx", "'\tx"),
            ("  =x", "'  =x"), ("a,b", "\"a,b\""), ("say \"hi\"", "\"say \"\"hi\"\"\""),
            ("two\nlines", "\"two\nlines\""), ("\r\n=x", "\"'\r\n'=x\""), ("a\n=1", "\"a\n'=1\""), ("", ""),
            ("＝x", "'＝x"), ("欧阳敏", "欧阳敏"),
            ("a;=1+1", "a;'=1+1"), ("a; \t+x", "a; \t'+x"), ("a;b-c", "a;b-c"),
            ("x;\"=y", "\"x;\"\"'=y\""), ("a\u{1b}[2Jb", "a\\u001b[2Jb"), ("a\u{202e}b\u{200b}", "a\\u202eb\\u200b"),
        ])
    func cells(text: String, cell: String) {
        #expect(CSVReport.cell(text) == cell)
    }

    @Test("16 3: a line is broken at blanks, and never within a command that an operator is to paste")
    func wrapping() {
        let screen = Screen(width: 40)
        let command = "rollcall run jobs/nightly.yaml --accept-takeback 'ada b' --state state"
        #expect(
            screen.wrapped("  ! it may be another's: “\(command)”; or leave it", indent: 4) == [
                "  ! it may be another's:", "    “\(command)”;", "    or leave it",
            ])
        #expect(
            screen.wrapped("  If this is meant, for all of them: \(command)", indent: 4) == [
                "  If this is meant, for all of them:", "    \(command)",
            ])
        #expect(
            screen.wrapped(
                "the ledger is damaged: rollcall ledger restore job.yaml; with no good copy, make one", indent: 2)
                == ["the ledger is damaged:", "  rollcall ledger restore job.yaml; with", "  no good copy, make one"])
        // Nothing is lost, whatever a line holds.
        for text in ["a “rollcall ", "“rollcall x” “rollcall y”z", ": rollcall ;", "x  y   z: rollcall a b c", ""] {
            let whole = screen.wrapped(text + String(repeating: " word", count: 12), indent: 2)
            #expect(
                whole.joined(separator: " ").split(separator: " ")
                    == (text + String(repeating: " word", count: 12)).split(separator: " "), "\(whole)")
        }
    }
}
