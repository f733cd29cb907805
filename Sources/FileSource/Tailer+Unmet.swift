// Generations of the store that were not met again yet: what came after them in their streams waits for them.
internal import Core

extension Tailer {
    /// A generation of the store is to be met again. One that was let go had been read to its end.
    func noteUnmet(_ record: GenerationRecord) {
        if record.detached == 0 { unmet[record.stream, default: 0] += 1 }
    }

    /// Generations of the store were met, or are not looked for any more.
    func noteMet(_ records: [GenerationRecord]) {
        for record in records where record.detached == 0 {
            guard let count = unmet[record.stream] else { continue }
            unmet[record.stream] = count > 1 ? count - 1 : nil
            if count == 1 { heldBack.removeValue(forKey: record.stream)?.forEach(letGo) }
        }
    }

    /// A generation that is met while others of its stream are not, in the first look at its view, is not read before that
    /// look is over, or they are met: its directory is listed in no order, and the file of one that came before may be gone,
    /// so that it goes on in an archive.
    func holdBackForUnmet(_ slot: Int32) {
        guard unmet[files[Int(slot)].stream] != nil, declarations[Int(files[Int(slot)].declaration)].isFirstWalk else {
            return
        }
        files[Int(slot)].isHeldBack = true
        heldBack[files[Int(slot)].stream, default: []].append(slot)
    }

    /// The first look at a view is over: what was not met is given up, or searched for in archives.
    func letGoHeldBack(of view: Int32) {
        for (stream, slots) in heldBack {
            let rest = slots.filter { declarations[Int(files[Int($0)].declaration)].view != view }
            guard rest.count < slots.count else { continue }
            heldBack[stream] = rest.isEmpty ? nil : rest
            for slot in slots where !rest.contains(slot) { letGo(slot) }
        }
    }

    private func letGo(_ slot: Int32) {
        // One that was freed meanwhile is not held back any more, whoever has it now.
        guard files[Int(slot)].isHeldBack else { return }
        files[Int(slot)].isHeldBack = false
        markReady(slot)
    }
}
