// Paths of labels: what they may be, and the patterns of files they mean.
internal import Core

/// Why one item of a label cannot be used, and what to write instead.
struct LabelFlaw: Error, Hashable {
    let message: String
    let remedy: String
}

/// One path of a declaration, in the container. Without looking into the container, its form tells what it is:
/// - with `/` at the end it is a directory: the files in it that `include` names;
/// - with `*`, `?` or `[` in the last component, or `**` for it, it is a pattern of files, and `include` does not matter;
/// - else it may be either: the file of that name, and the files that `include` names in a directory of that name.
///   Only one of the two can exist, so both are declared and the file system decides.
struct LabelPath: Hashable {
    enum Kind: Hashable { case directory, files, either }

    /// Absolute, without `//`, `/./` and a slash at the end; empty for the root.
    let path: String
    let kind: Kind

    /// `isDirectory`: it is one, whatever its form.
    static func parse(_ text: String, isDirectory: Bool = false) -> Result<LabelPath, LabelFlaw> {
        let bytes = Array(text.utf8)
        if bytes.count > LabelLimits.path {
            return .failure(
                LabelFlaw(message: "a path has more than \(LabelLimits.path) bytes", remedy: "write a shorter one"))
        }
        if LabelText.hasControl(text) {
            return .failure(
                LabelFlaw(message: "a path holds a control character", remedy: "write it without, or with ? instead"))
        }
        if bytes.first != slash {
            let remedy = "write a path in the container that begins with /"
            return .failure(LabelFlaw(message: "\(quoted(text)) is not absolute", remedy: remedy))
        }
        let components = bytes.split(separator: slash).filter { !$0.elementsEqual([dot]) }
        if let flaw = flaw(in: components, of: text) { return .failure(flaw) }
        let isNamedDirectory = isDirectory || bytes.last == slash || bytes.suffix(2).elementsEqual([slash, dot])
        let isPattern = components.last.map(GlobSyntax.isGlob) ?? false
        let path = components.map { "/" + String(decoding: $0, as: UTF8.self) }.joined()
        return .success(
            LabelPath(path: path, kind: isNamedDirectory || path.isEmpty ? .directory : isPattern ? .files : .either))
    }

    /// Patterns of files: the path itself, or joined with each of `include`, or both.
    func patterns(include: [String]) -> [String] {
        let below = include.map { path + "/" + $0 }
        return switch kind {
        case .files: [path]
        case .directory: below
        case .either: [path] + below
        }
    }
}

extension LabelPath {
    private static let slash = UInt8(ascii: "/")
    private static let dot = UInt8(ascii: ".")

    /// A pattern of `include`: relative to the directory, `**` as a component allowed.
    static func flaw(inInclude text: String) -> LabelFlaw? {
        if let flaw = commonFlaw(text) { return flaw }
        if text.utf8.first == slash {
            return LabelFlaw(
                message: "\(quoted(text)) begins with /",
                remedy: "write a file name's pattern such as *.log, or add it to .path")
        }
        let components = text.utf8.split(separator: slash, omittingEmptySubsequences: false)
        if components.contains(where: { $0.isEmpty || $0.elementsEqual([dot]) }) {
            return LabelFlaw(
                message: "\(quoted(text)) holds an empty name or .", remedy: "write a file name's pattern such as *.log"
            )
        }
        return flaw(in: components.map { Array($0)[...] }, of: text)
    }

    /// A pattern of `exclude`: without a slash for file names, or an absolute one for whole paths.
    static func flaw(inExclude text: String) -> LabelFlaw? {
        if let flaw = commonFlaw(text) { return flaw }
        if text.utf8.first == slash {
            if case .failure(let flaw) = parse(text) { return flaw }
            return nil
        }
        if text.utf8.contains(slash) {
            return LabelFlaw(
                message: "\(quoted(text)) has a / in the middle",
                remedy: "write a file name's pattern such as *.gz, or a whole path")
        }
        if text == "**" {
            return LabelFlaw(
                message: "** excludes everything", remedy: "write a pattern such as *.gz, or .enabled: false")
        }
        return flaw(in: [Array(text.utf8)[...]], of: text)
    }

    private static func commonFlaw(_ text: String) -> LabelFlaw? {
        if text.utf8.count > LabelLimits.path {
            return LabelFlaw(
                message: "a pattern has more than \(LabelLimits.path) bytes", remedy: "write a shorter one")
        }
        if LabelText.hasControl(text) {
            return LabelFlaw(
                message: "a pattern holds a control character", remedy: "write it without, or with ? instead")
        }
        return nil
    }

    private static func flaw(in components: [ArraySlice<UInt8>], of text: String) -> LabelFlaw? {
        for component in components where !component.elementsEqual([0x2A, 0x2A]) {
            if component.elementsEqual([dot, dot]) {
                return LabelFlaw(
                    message: "\(quoted(text)) holds ..",
                    remedy: "write the path as the application sees it, without /../")
            }
            if component.count > 255 {
                return LabelFlaw(
                    message: "a name in \(quoted(text)) has more than 255 bytes", remedy: "write a shorter one")
            }
            if let flaw = GlobSyntax.flaw(inComponent: String(decoding: component, as: UTF8.self)) {
                return LabelFlaw(message: flaw.message, remedy: flaw.remedy)
            }
        }
        return nil
    }
}
