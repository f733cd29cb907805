// Paths as lists of components, and which path lies below which.
internal import LinuxIO

/// Paths inside this room have no `//`, no `.` and no slash at the end: the root is the empty path.
extension [UInt8] {
    static let slash = UInt8(ascii: "/")

    /// Components but for empty ones and `.`; `..` stays.
    var components: [ArraySlice<UInt8>] { split(separator: Self.slash).filter { !$0.elementsEqual(".".utf8) } }

    init(components: some Sequence<ArraySlice<UInt8>>) {
        self = []
        for component in components { append(component: component) }
    }

    /// Without `//`, `.` and a slash at the end, `..` resolved by its text alone: for paths that hold no links.
    var normalized: RawPath {
        var kept: [ArraySlice<UInt8>] = []
        for component in components {
            if component.isParent { _ = kept.popLast() } else { kept.append(component) }
        }
        return RawPath(components: kept)
    }

    mutating func append(component: some Collection<UInt8>) {
        append(Self.slash)
        append(contentsOf: component)
    }

    func appending(component: some Collection<UInt8>) -> RawPath {
        var path = self
        path.append(component: component)
        return path
    }

    mutating func removeLastComponent() { removeSubrange((lastIndex(of: Self.slash) ?? 0)...) }

    /// Equal to `ancestor`, or below it with a `/` as boundary.
    func isWithin(_ ancestor: RawPath) -> Bool {
        count >= ancestor.count && (count == ancestor.count || self[ancestor.count] == Self.slash)
            && starts(with: ancestor)
    }

    /// As the outside writes it: `/` for the root.
    var orRoot: RawPath { isEmpty ? [Self.slash] : self }
}

extension ArraySlice<UInt8> {
    var isParent: Bool { elementsEqual("..".utf8) }
}
