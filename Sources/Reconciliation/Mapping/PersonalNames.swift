/// Splits a display name into family and given name, as directories with one name field leave it to their readers.
/// Never changes the display name itself.
enum PersonalNames {
    /// By these rules, each applied where it fits:
    ///
    /// - blanks of any width are one blank;
    /// - brackets of any kind are left aside with what is in them: 【外包】李四, 李四 (Li Si);
    /// - behind a name in Han characters, what follows a dash, an underscore, a slash or a stop is left aside: 张三-技术部,
    ///   张三丰_离职;
    /// - a name with a middle dot is split there: 买买提·吐尔逊 has the given name 买买提;
    /// - a name in Han characters begins with its surname: the part before a blank, else two characters when they are a
    ///   compound surname, else one;
    /// - any other name ends with it: the family name is what follows the last blank; a single word is a family name.
    static func split(_ displayName: String) -> (family: String?, given: String?) {
        plain(displayName) ?? general(displayName)
    }

    /// The same for most names of a western directory, without a look at each character: ASCII without brackets. nil
    /// for any other.
    private static func plain(_ displayName: String) -> (family: String?, given: String?)? {
        guard displayName.utf8.allSatisfy({ $0 < 0x80 && !"()[]{}<>".utf8.contains($0) }) else { return nil }
        let words = displayName.utf8.split(whereSeparator: { $0 == 0x20 || (0x09...0x0D).contains($0) })
        guard let last = words.last else { return (nil, nil) }
        let family = String(Substring(last))
        return (family, words.count > 1 ? words.dropLast().map { String(Substring($0)) }.joined(separator: " ") : nil)
    }

    static func general(_ displayName: String) -> (family: String?, given: String?) {
        let name = essence(displayName)
        guard !name.isEmpty else { return (nil, nil) }
        let dotted = name.split(whereSeparator: { middleDots.contains($0) }).map {
            $0.split(separator: " ").joined(separator: " ")
        }.filter { !$0.isEmpty }
        if dotted.count > 1, let given = dotted.first { return (dotted[1...].joined(separator: "·"), given) }
        let words = name.split(separator: " ").map(String.init)
        if words.allSatisfy(isHan) {
            if words.count > 1 { return (words[0], words[1...].joined()) }
            let characters = Array(name)
            let length = characters.count > 2 && compoundSurnames.contains(String(characters[..<2])) ? 2 : 1
            return (String(characters[..<length]), characters.count > length ? String(characters[length...]) : nil)
        }
        guard let space = name.lastIndex(of: " ") else { return (name, nil) }
        return (String(name[name.index(after: space)...]), String(name[..<space]))
    }

    /// The name without what stands around it.
    private static func essence(_ displayName: String) -> String {
        func folded(_ text: some StringProtocol) -> String {
            text.split(whereSeparator: { $0.isWhitespace }).joined(separator: " ")
        }
        var plain = ""
        var depth = 0
        for character in displayName {
            if brackets.opening.contains(character) {
                depth += 1
                plain.append(" ")
            } else if brackets.closing.contains(character) {
                depth = max(0, depth - 1)
                plain.append(" ")
            } else if depth == 0 {
                plain.append(character)
            }
        }
        plain = folded(plain)
        // Nothing but brackets: they are the name.
        if plain.isEmpty {
            plain = folded(displayName.filter { !brackets.opening.contains($0) && !brackets.closing.contains($0) })
        }
        if let sign = plain.firstIndex(where: { tails.contains($0) }) {
            let head = folded(plain[..<sign])
            if !head.isEmpty, head.split(separator: " ").allSatisfy({ isHan(String($0)) }) { return head }
        }
        return plain
    }

    private static let brackets = (opening: Set("(（[【〔［{｛<《〈「『"), closing: Set(")）]】〕］}｝>》〉」』"))
    private static let middleDots: Set<Character> = ["·", "•", "・", "‧", "･", "∙"]
    private static let tails: Set<Character> = [
        "-", "_", "－", "＿", "—", "–", "/", "／", "|", "｜", ".", ",", "，", "、", ":", "：",
    ]

    /// Whether every character is a Han ideograph: the unified block, its extensions, and the compatibility block.
    private static func isHan(_ name: String) -> Bool {
        name.unicodeScalars.allSatisfy { scalar in
            switch scalar.value {
            case 0x3007, 0x3400...0x4DBF, 0x4E00...0x9FFF, 0xF900...0xFAFF, 0x20000...0x323AF: true
            default: false
            }
        }
    }

    /// Compound surnames in use, simplified and traditional. A two-character name is read as one and one even so.
    private static let compoundSurnames: Set<String> = [
        "欧阳", "歐陽", "司马", "司馬", "上官", "诸葛", "諸葛", "夏侯", "东方", "東方", "皇甫", "尉迟", "尉遲", "公孙", "公孫", "慕容", "令狐", "宇文",
        "长孙", "長孫",
        "司徒", "司空", "端木", "百里", "南宫", "南宮", "独孤", "獨孤", "轩辕", "軒轅", "西门", "西門", "闻人", "聞人", "澹台", "澹臺", "公冶", "太史",
        "申屠", "仲孙",
        "仲孫", "钟离", "鍾離", "呼延", "东郭", "東郭", "赫连", "赫連", "拓跋", "濮阳", "濮陽", "淳于", "单于", "單于", "万俟", "公羊", "梁丘", "左丘",
        "东门", "東門",
        "第五", "谷梁", "穀梁", "宰父", "段干", "巫马", "巫馬", "乐正", "樂正", "漆雕", "壤驷", "公良", "夹谷", "颛孙", "顓孫", "鲜于", "鮮于", "闾丘",
        "閭丘", "亓官",
        "子车", "子車", "拓拔", "完颜", "完顏", "纳兰", "納蘭", "耶律", "叶赫", "葉赫", "那拉",
    ]
}
