// The platform's own pair of labels: a directory, and extensions of files.
internal import Core

/// Makes a declaration of the pair: directories separated by `;`, extensions by `;` or `,`. `.log`, `log` and `*.log` all
/// mean the extension; `*` is every file; without a good one it is `log`.
struct LabelPlatform {
    let name: String
    let directory: LabelEntry
    let extensions: LabelEntry?

    /// nil after a fatal problem.
    func build(_ problems: inout LabelProblems) -> LabelDeclaration? {
        var declaration = LabelDeclaration(name: name, paths: [])
        declaration.keys = [directory.key, extensions?.key].compactMap { $0 }.sorted()
        let (items, isCut) = LabelText.items(directory.value, separators: [UInt8(ascii: ";")])
        let include = include(&problems)
        let isGood = LabelPaths(items, isDirectory: true).apply(
            to: &declaration, include: include, isCut: isCut, label: directory,
            example: "write a directory in the container such as /var/log/app", &problems)
        return isGood ? declaration : nil
    }

    private func include(_ problems: inout LabelProblems) -> [String] {
        guard let extensions else { return ["*.log"] }
        let (items, isCut) = LabelText.items(extensions.value, separators: Array(";,".utf8))
        if isCut {
            problems.add(
                name, extensions, "more than \(LabelLimits.items) extensions: the rest is left out",
                "write at most \(LabelLimits.items), or *")
        }
        let patterns = items.compactMap { item -> String? in
            if item == "*" { return "*" }
            let bytes = Array(item.utf8)
            let word = bytes.drop { $0 == UInt8(ascii: "*") }.drop { $0 == UInt8(ascii: ".") }
            if !word.isEmpty, word.count < 64, word.allSatisfy(isPlain) {
                return "*." + String(decoding: word, as: UTF8.self)
            }
            problems.add(name, extensions, "\(quoted(item)) is no extension of a file", "write for example .log;out")
            return nil
        }
        return patterns.isEmpty ? ["*.log"] : patterns
    }

    private func isPlain(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
        default: "._-+~".utf8.contains(byte)
        }
    }
}
