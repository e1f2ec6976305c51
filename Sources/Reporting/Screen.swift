import Foundation
import Reconciliation
import SCIM

/// A report as lines for people: what takes access away first, then what is made, what is changed, and what waits for
/// somebody.
public struct Screen: Sendable {
    /// Columns of the terminal; nil for a file or a pipe, where no line is cut.
    public var width: Int?
    public var isColoured: Bool
    /// Whether only what is new is told, and nothing of a night that needs nobody.
    public var isQuiet: Bool
    /// Where times are shown as they are; nil for UTC.
    public var timezone: TimeZone?
    /// Makes an option the whole command that an operator types; nil where only the option is told.
    public var command: (@Sendable (String) -> String)?
    /// The command that shows all rows of a plan, from its number.
    public var showing: (@Sendable (Int64) -> String)?

    public init(width: Int? = nil, isColoured: Bool = false, isQuiet: Bool = false) {
        self.width = width
        self.isColoured = isColoured
        self.isQuiet = isQuiet
    }

    /// The same for a job, which may name a timezone.
    public func at(_ timezone: String?) -> Screen {
        var copy = self
        copy.timezone = timezone.flatMap { TimeZone(identifier: $0) }
        return copy
    }

    /// All lines of a report. None for a quiet night that is not to be told.
    public func lines(_ report: JobReport) -> [String] {
        if isQuiet, report.exit == .inStep { return report.urgent.flatMap { told(safe($0), indent: 4) } }
        var lines = told(headline(report), indent: 2)
        for hold in report.holds { lines += told("  " + safe(hold), indent: 4) }
        for section in report.sections { lines += self.lines(section, report.plan) }
        for note in report.notes where !note.isEmpty { lines += told("  " + safe(note), indent: 4) }
        return lines
    }

    /// What a line names may be anybody's text: signs that a terminal would obey are shown as what they are.
    private func safe(_ text: String) -> String {
        let text = text.visible
        return text.count > 4000 ? text.prefix(4000) + "…" : text
    }

    private func headline(_ report: JobReport) -> String {
        guard let verdict = report.verdict else { return safe(report.headline) }
        let colour: Colour =
            switch verdict {
            case .ok: .green
            case .attention, .held: .yellow
            case .failed: .red
            }
        return "\(painted(verdict.rawValue, colour)). \(safe(report.headline))"
    }

    /// Why a row is there. An option that lets it go becomes the command that can be typed.
    func detail(_ row: ReportSection.Row, plan: Int64?) -> String {
        if row.isFolded, let place = row.detail.range(of: "--detail all"), let all = plan.flatMap({ showing?($0) }) {
            return row.detail.replacingCharacters(in: place, with: "“\(all)”")
        }
        guard let option = row.lettingGo, let command else { return row.detail }
        let typed = command(option)
        guard let place = row.detail.range(of: option) else { return "\(row.detail). If this is meant: \(typed)" }
        return row.detail.replacingCharacters(in: place, with: "“\(typed)”")
    }

    private func lines(_ section: ReportSection, _ plan: Int64?) -> [String] {
        var rows = section.rows
        var known = 0
        if isQuiet, [.needsYou, .held].contains(section.kind) {
            known = rows.filter(\.isKnown).reduce(0) { $0 + $1.records }
            rows.removeAll(where: \.isKnown)
        }
        let rest = section.count - section.rows.count
        guard !rows.isEmpty || known > 0 || rest > 0 else { return [] }
        var lines = ["\(painted(section.title, .bold)):"]
        for limit in section.limits { lines += wrapped("    " + safe(limit), indent: 6) }
        for row in rows {
            let colour: Colour =
                switch row.mark {
                case .more: .green
                case .other: .yellow
                case .less: .red
                case .attention: .magenta
                }
            let head = "  \(painted(row.mark.rawValue, colour)) \(row.what) \(safe(row.whom))"
            lines += wrapped(row.detail.isEmpty ? head : "\(head): \(safe(detail(row, plan: plan)))", indent: 6)
        }
        if known > 0 { lines.append("  … \(known == 1 ? "one that was" : "\(known) that were") told before") }
        if rest > 0 {
            let all = plan.flatMap { showing?($0) } ?? "--detail all, or --csv FILE"
            lines += wrapped("  … and \(rest) more: \(all)", indent: 4)
        }
        return lines
    }

    // MARK: words

    private enum Colour: String { case bold = "1", red = "31", green = "32", yellow = "33", magenta = "35" }

    private func painted(_ text: String, _ colour: Colour) -> String {
        isColoured ? "\u{1B}[\(colour.rawValue)m\(text)\u{1B}[0m" : text
    }

    /// A line of the program's own words: its moments are shown as they are in the timezone. Rows show values of
    /// records, which stay as they are sent.
    public func told(_ text: String, indent: Int) -> [String] {
        wrapped(timezone.map { Timestamp.local(text, $0) } ?? text, indent: indent)
    }

    /// Breaks a line at blanks where the terminal ends; what follows is indented. Signs that are two columns wide count
    /// double. A command stays in one piece, longer than the terminal where it must be: broken, it could not be pasted.
    public func wrapped(_ text: String, indent: Int) -> [String] {
        guard let width, width >= 40, Self.columns(text) > width else { return [text] }
        var lines: [String] = []
        var line = ""
        var columns = 0
        for (index, word) in Self.words(text).enumerated() {
            let length = Self.columns(word)
            if index > 0 {
                if columns + 1 + length > width, columns > indent {
                    lines.append(line)
                    line = String(repeating: " ", count: indent)
                    columns = indent
                } else {
                    line += " "
                    columns += 1
                }
            }
            line += word
            columns += length
        }
        lines.append(line)
        return lines
    }

    /// The words of a line; a command, in quotation marks or to the end of the line, is one.
    private static func words(_ text: String) -> [Substring] {
        var words: [Substring] = []
        var rest = text[...]
        while let start = ["“rollcall ", ": rollcall "].compactMap({ rest.range(of: $0) }).min(by: {
            $0.lowerBound < $1.lowerBound
        }) {
            let isQuoted = rest[start.lowerBound] == "“"
            let place = isQuoted ? start.lowerBound : rest.index(start.lowerBound, offsetBy: 2)
            let before = rest[..<place]
            words += before.split(separator: " ", omittingEmptySubsequences: false).dropLast(before.last == " " ? 1 : 0)
            let end = rest[place...].firstIndex { isQuoted ? $0 == "”" : ";,)".contains($0) }
            // What stands behind it without a blank belongs to it: a full stop, a bracket.
            let stop = end.flatMap { rest[$0...].firstIndex(of: " ") } ?? rest.endIndex
            words.append(rest[place..<stop])
            rest = stop < rest.endIndex ? rest[rest.index(after: stop)...] : rest[stop...]
            if rest.isEmpty { return words }
        }
        return words + rest.split(separator: " ", omittingEmptySubsequences: false)
    }

    /// Columns that a terminal needs for a text: none for a colour, two for Han and the like.
    package static func columns(_ text: some StringProtocol) -> Int {
        var isEscape = false
        return text.unicodeScalars.reduce(0) { sum, scalar in
            if scalar == "\u{1B}" { isEscape = true }
            if isEscape {
                if scalar == "m" { isEscape = false }
                return sum
            }
            return sum + (isWide(scalar) ? 2 : scalar.properties.generalCategory == .nonspacingMark ? 0 : 1)
        }
    }

    /// East Asian Width W and F (Unicode TR 11), in the ranges that names are written in.
    private static func isWide(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x1100...0x115F, 0x2E80...0x303E, 0x3041...0xA4CF, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE30...0xFE6F,
            0xFF00...0xFF60, 0xFFE0...0xFFE6, 0x1F300...0x1F9FF, 0x20000...0x3FFFD:
            true
        default: false
        }
    }
}
