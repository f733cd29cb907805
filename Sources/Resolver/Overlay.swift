// Directories merged from the layers of an overlay file system.
internal import CLinux
internal import Glibc
internal import LinuxIO

/// The marks overlayfs leaves in its layers (Documentation/filesystems/overlayfs). Reading them needs CAP_SYS_ADMIN.
enum Overlay {
    /// Nothing of the layers below shows through this directory.
    static func isOpaque(_ directory: PathDescriptor) -> Bool {
        directory.attribute("trusted.overlay.opaque")?.first == UInt8(ascii: "y")
            || isRenamed(directory)
    }

    /// What is below it has another name there, where we do not look.
    static func isRenamed(_ file: PathDescriptor) -> Bool {
        file.attribute("trusted.overlay.redirect") != nil
    }

    /// Its bytes are still in a lower layer (mount option metacopy).
    static func isMetadataOnly(_ file: PathDescriptor) -> Bool {
        file.attribute("trusted.overlay.metacopy") != nil
    }
}

extension Position {
    /// What `name` is in this merged directory: the topmost layer that has it decides, directories are merged. nil: none
    /// has it, or a higher one says that it was deleted.
    func child(_ name: ArraySlice<UInt8>, place: RawPath, layerCount: Int) throws(Stop) -> Position? {
        var merged: Position?
        for part in parts {
            let handle: PathDescriptor
            switch part.handle.open(Array(name), resolve: PathDescriptor.strict) {
            case .success(let opened): handle = opened
            case .failure(let error) where error.errno == ENOENT: continue
            case .failure(let error) where error.errno == EXDEV:
                throw .refused(
                    "\(printable(place)) is a mount of the host inside a layer of the container, which the container does "
                        + "not see: write logs to a named volume")
            case .failure(let error): throw .missing(error, at: place)
            }
            let status = try Stop.unwrap(handle.status, at: place)
            let isLowest = part.layer == layerCount - 1
            if status.isWhiteout { break }
            // Asked only where something would show through: most directories are in one layer.
            if let above = merged?.parts.last, Overlay.isOpaque(above.handle) { break }
            guard status.isDirectory else {
                if merged != nil { break }
                if status.isRegular && !isLowest && Overlay.isMetadataOnly(handle) {
                    if Overlay.isRenamed(handle) {
                        throw .refused(
                            "\(printable(place)) was renamed by overlayfs with metacopy: write logs to a named volume")
                    }
                    continue
                }
                return Position(
                    parts: [Part(handle: handle, layer: part.layer)], base: .layers, status: status, hostPath: nil)
            }
            let next = Part(handle: handle, layer: part.layer)
            if merged == nil {
                merged = Position(parts: [next], base: .layers, status: status, hostPath: nil)
            } else {
                merged?.parts.append(next)
            }
        }
        return merged
    }
}
