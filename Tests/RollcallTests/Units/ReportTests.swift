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
}
