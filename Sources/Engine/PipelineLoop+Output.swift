// The end of a container's output: its runtime may still write it down when the container has ended.
internal import Core
internal import FileSource
internal import LinuxIO

extension PipelineLoop {
    /// A runtime that keeps a log open for longer after the container's end writes nothing more of it.
    private static let outputPatience: Int64 = 10 * nanosecondsPerSecond

    /// The runtime has a log of the container open for writing. Docker tells of the end two seconds after it at the latest,
    /// whether all was written or not; containerd when it has seen it.
    func hasOpenOutput(_ state: ContainerState) -> Bool {
        state.views.contains { view in
            declarations[view].isOutput
                && tailer.slots(ofContainerOf: view).contains { slot in
                    slot < sources.count && sources[slot].isOpen && tailer.hasWriter(slot) == true
                }
        }
    }

    /// Drains the output once it is written down.
    func endOutput(_ id: String, since: Int64, _ now: Int64) {
        guard let state = containers[id], now - since >= PipelineLoop.outputPatience || !hasOpenOutput(state) else {
            return
        }
        containers[id]!.waitsForOutput = false
        tailer.handleEvents(now: now)
        for view in state.views where declarations[view].isOutput { tailer.retire(containerOf: view, true, now: now) }
        collectNews(now)
        drainSlots(id)
    }
}
