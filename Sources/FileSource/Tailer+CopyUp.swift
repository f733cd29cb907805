// Files of an image that are written to: overlayfs copies them up, and their generation goes on in the copy.
internal import CLinux
internal import Core
internal import Glibc
internal import LinuxIO
internal import Resolver

extension Tailer {
    /// A file that was opened in a container's upper layer may be overlayfs's copy of one in a lower layer that a slot of
    /// the declaration follows. Where its content fits, the slot goes on in it, and owns the descriptor. Nil: it is a file
    /// of its own.
    func goOnInUpperLayer(
        _ path: ViewPath, _ descriptor: Int32, _ status: clinux_stat, _ declaration: Int32, _ now: Int64
    ) -> Int32? {
        guard let lower = copiedUp(path, descriptor, status) else { return nil }
        for slot in slots(of: lower) where files[Int(slot)].identity.born == lower.born_ns {
            guard !parts(slot, from: declaration, now), files[Int(slot)].declaration == declaration,
                files[Int(slot)].phase != .ended, fits(slot, descriptor, status)
            else { continue }
            move(slot, to: descriptor, status)
            return slot
        }
        return nil
    }

    /// The generation of the store that a file in a container's upper layer continues, which was in a lower layer when
    /// the last run ended.
    func takeLower(
        _ path: ViewPath, _ descriptor: Int32, _ status: clinux_stat, _ identity: FileIdentity, _ declaration: Int32
    ) -> GenerationRecord? {
        guard !known.isEmpty, let lower = copiedUp(path, descriptor, status) else { return nil }
        let former = FileIdentity(fileSystem: identity.fileSystem, inode: lower.inode, born: lower.born_ns)
        let (fitting, others) = takeKnown(former, declaration, status.size, onlyOwn: true) {
            EvidenceReader.fits(descriptor, size: status.size, committed: $0.counts.committed, $0.evidence)
        }
        for other in others { giveUp(other.record, other.reason) }
        return fitting
    }

    /// Status of the file in a lower layer that overlayfs made this one of; nil when it made it of none, or that cannot
    /// be told: the mark needs CAP_SYS_ADMIN, the file that it names CAP_DAC_READ_SEARCH and one file system for both.
    private func copiedUp(_ path: ViewPath, _ descriptor: Int32, _ status: clinux_stat) -> clinux_stat? {
        guard let layers = views[Int(path.view)].container?.layout.layers, layers.count > 1,
            let mark = FileSystem.attribute("trusted.overlay.origin", descriptor: descriptor),
            let origin = CopyUpOrigin(mark), let lower = origin.status(near: descriptor), lower.device == status.device
        else { return nil }
        return lower
    }

    /// Containers of one image share its files. From now on this declaration has a copy of its own, which is shipped as
    /// such from its beginning: what was read for all of them does not say whose it is. True when the slot is the
    /// others' now.
    private func parts(_ slot: Int32, from declaration: Int32, _ now: Int64) -> Bool {
        guard let others = sharers[slot] else { return false }
        if files[Int(slot)].declaration == declaration { return handOver(slot, now) }
        guard others.contains(declaration) else { return false }
        let rest = others.filter { $0 != declaration }
        sharers[slot] = rest.isEmpty ? nil : rest
        sharingVersion += 1
        return true
    }

    /// The head of the copy, and the bytes before what was read last, are those that the slot knows.
    private func fits(_ slot: Int32, _ descriptor: Int32, _ status: clinux_stat) -> Bool {
        let file = files[Int(slot)]
        guard status.size >= file.size, EvidenceReader.headFits(descriptor, file.evidence) else { return false }
        return !file.hasAnchor || EvidenceReader.tail(descriptor, before: file.anchorEnd) == file.anchor
    }
}

/// overlayfs's mark on a copy: which file of a lower layer it was made of (struct ovl_fb of fs/overlayfs/overlayfs.h).
struct CopyUpOrigin {
    private let type: Int32
    private let handle: [UInt8]

    private static let headerSize = 21
    private static let magic: UInt8 = 0xFB
    private static let bigEndian: UInt8 = 1
    private static let anyEndian: UInt8 = 2
    private static let pathUpper: UInt8 = 4

    /// `mark`: version, magic, length, flags, type of the handle, UUID of the file system, handle (name_to_handle_at(2)).
    init?(_ mark: [UInt8]) {
        guard mark.count > Self.headerSize, mark[0] == 0, mark[1] == Self.magic, Int(mark[2]) == mark.count else {
            return nil
        }
        let isNative = (mark[3] & Self.bigEndian != 0) == (1.bigEndian == 1)
        guard isNative || mark[3] & Self.anyEndian != 0, mark[3] & Self.pathUpper == 0 else { return nil }
        type = Int32(mark[4])
        handle = Array(mark[Self.headerSize...])
    }

    /// Status of the file that it names on the file system of an open descriptor; nil when it is not there any more, or
    /// may not be asked for. The file itself is not opened.
    func status(near descriptor: Int32) -> clinux_stat? {
        guard case .success(let raw) = FileSystem.openHandle(handle, type: type, near: descriptor) else { return nil }
        defer { close(raw) }
        return try? FileSystem.status(descriptor: raw).get()
    }
}
