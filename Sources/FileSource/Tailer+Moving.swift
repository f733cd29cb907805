// A generation that goes on in another file: a copy that was made of it, or the copy in a container's upper layer.
internal import CLinux
internal import Core
internal import Glibc
internal import LinuxIO

extension Tailer {
    /// The slot's generation goes on in the file that is open as `descriptor`, which the slot owns from now on: up to the
    /// slot's offset both have the same content, which the caller has made sure of. The store hears of it by `takeMoved`.
    /// Its name stays what it is; the caller gives or takes it.
    func move(_ slot: Int32, to descriptor: Int32, _ status: clinux_stat) {
        let index = Int(slot)
        closeDescriptor(index)
        removeWatch(index)
        untrack(slot)
        files[index].descriptor = descriptor
        files[index].device = status.device
        files[index].identity = self.identity(descriptor, status)
        files[index].size = status.size
        files[index].grew = false
        files[index].isCut = false
        track(slot)
        moved.append(index)
        markReady(slot)
    }

    /// Slots whose generations go on in another file since the last call: their rows are to be stored anew.
    package func takeMoved() -> [Int] {
        defer { moved.removeAll() }
        return moved
    }
}
