// Volumes that are mounts of their own: nothing of them stays open for long once their container has stopped.
internal import Checkpoint
internal import Core
internal import FileSource
internal import LinuxIO
internal import Logging
internal import Resolver

extension PipelineLoop {
    /// Closes what is still open on volumes that are mounts of their own, so that they can be unmounted. What is unread
    /// is announced once they are; while they stay mounted reading goes on now and then.
    func releaseMounts(_ id: String, _ now: Int64) {
        let layout = containers[id]!.container.layout
        guard layout.mounts.contains(where: { !$0.source.isEmpty }) else { return }
        let due = containers[id]!.suspended.contains { $0.nextLook <= now }
        let open = containers[id]!.draining.filter { !sources[Int($0)].isSuspended && sources[Int($0)].endSize == nil }
        guard due || !open.isEmpty else { return }
        let mounts = tailer.presentMounts()
        settleSuspended(id, mounts, now)
        // Most volumes lie on the runtime's own disk: their sources need not be asked one by one.
        guard layout.mounts.contains(where: { mounts.entry(of: $0.source)?.mountPoint == $0.source }) else { return }
        for slot in open { suspend(Int(slot), id, layout, mounts, now) }
    }

    private func suspend(
        _ slot: Int, _ id: String, _ layout: ContainerLayout, _ mounts: HostMounts, _ now: Int64
    ) {
        guard sources[slot].resumedUntil <= now, let path = tailer.resolvedPath(slot) else { return }
        guard let mount = mounts.entry(of: path), layout.mounts.contains(where: { $0.source == mount.mountPoint })
        else { return }
        sources[slot].isSuspended = true
        if tailer.presentPath(slot) == nil { return giveUp(slot, .unmounted, now) }
        tailer.suspend(slot)
        containers[id]!.suspended.append(
            ContainerState.Suspended(
                slot: Int32(slot), mount: mount, nextLook: now + PipelineLoop.mountCheck,
                pausedUntil: now + PipelineLoop.mountPause))
    }

    private func settleSuspended(_ id: String, _ mounts: HostMounts, _ now: Int64) {
        var kept: [ContainerState.Suspended] = []
        for var suspended in containers[id]!.suspended {
            let slot = Int(suspended.slot)
            guard sources[slot].isOpen, sources[slot].isSuspended else { continue }
            let present = mounts.entry(of: suspended.mount.mountPoint)
            if present != suspended.mount {
                giveUp(slot, .unmounted, now)
            } else if now >= suspended.pausedUntil {
                sources[slot].isSuspended = false
                sources[slot].resumedUntil = now + PipelineLoop.mountDrain
                enqueue(slot)
            } else {
                suspended.nextLook = now + PipelineLoop.mountCheck
                kept.append(suspended)
            }
        }
        containers[id]!.suspended = kept
    }

    /// What is unread cannot be read any more: announced, and passed.
    private func giveUp(_ slot: Int, _ reason: GapReason, _ now: Int64) {
        let size = max(tailer.presentSize(slot), ledger.reserved(slot))
        ledger.reserveGap(slot, to: size, reason: reason, now: now)
        // A row that is not stored yet cannot be kept.
        sources[slot].isReleased = tailer.presentPath(slot) != nil && !tailer.isRegistering(slot)
        finish(slot, size: size, reason: reason)
    }

    private static let mountCheck: Int64 = nanosecondsPerSecond
}
