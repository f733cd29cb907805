// One source's turn: read, frame, encode, enter in the ledger, produce.
internal import Checkpoint
internal import Core
internal import FileSource
internal import KafkaSink
internal import LinuxIO
internal import Logging
internal import Pipeline

extension PipelineLoop {
    /// Lets a source work until its time is up, its credit is spent, or there is nothing left to read.
    func turn(_ slot: Int) {
        keepShared(slot)
        // A list may still hold the number of the slot's former source: a registering one is not read for that.
        guard sources[slot].isOpen, !sources[slot].needsRewind, !sources[slot].isSuspended, sources[slot].retryAt == 0,
            !tailer.isWaiting(slot),
            !tailer.hasEnded(slot), !tailer.isRegistering(slot)
        else { return putOff(slot, Clock.monotonic()) }
        // It was moved back while it waited for its last turn: it may go on.
        if sources[slot].isFinal, !sources[slot].isDraining, tailer.presentPath(slot) != nil {
            sources[slot].isFinal = false
        }
        if tailer.isInArchive(slot) { sources[slot].isFinal = true }
        if sources[slot].broken?.isProbed == true { return probe(slot) }
        let end = Clock.monotonic() + PipelineLoop.turnBudget
        sources[slot].isCaughtUp = false
        repeat {
            guard prepare(slot) else { return }
            let offset = ledger.reserved(slot) + sources[slot].line.scanned
            let now = Clock.monotonic()
            switch tailer.read(slot, at: offset, into: scratch, capacity: chunkSize, now: now) {
            case .bytes(let bytes, let count, let atEnd):
                let isFinal = sources[slot].isFinal && atEnd
                if count > PipelineLoop.backlogBytes { sources[slot].hasBacklog = true }
                var chunk = Chunk(bytes: bytes, count: count, offset: offset, isFinal: isFinal)
                chunk.goesOn = goesOnInNext(slot)
                if mustWait(slot, now) { return }
                inheritLines(slot, now)
                encoder.stamp(Timestamp.now())
                let shipped = ship(slot, &chunk, now)
                counters.readBytes &+= chunk.offset &- offset
                tailer.remember(slot, offset: chunk.offset, before: chunk.bytes)
                if ledger.reserved(slot) > offset { tailer.hasBegun(slot) }
                if shipped == .stopped { return }
                if shipped == .again { continue }
                let isInHole = chunk.count == 0 && sources[slot].line.isInHole
                if atEnd || isInHole && !jumpOverHole(slot, from: chunk.offset) {
                    return reachedEnd(slot, inHoleTo: isInHole ? chunk.offset : nil)
                }
            // The tailer says when it has come.
            case .pending: return
            case .endOfFile:
                // Not the end: it may have been moved or deleted. The checks of those that are to end try it again.
                if sources[slot].isFinal, tailer.isOutOfReach(slot, now: now) { return }
                if sources[slot].isFinal, sources[slot].line.hasOpenEnd {
                    // The rest was scanned before the file was known to be complete: the oversize gap, or the line, ends.
                    var chunk = Chunk(bytes: UnsafePointer(scratch), count: 0, offset: offset, isFinal: true)
                    chunk.goesOn = goesOnInNext(slot)
                    switch ship(slot, &chunk, now) {
                    case .stopped: return
                    case .again: continue
                    case .done: break
                    }
                }
                return reachedEnd(slot, inHoleTo: sources[slot].line.isInHole ? offset : nil)
            case .broken(let bytes, let count, let error):
                guard readBroken(slot, Chunk(bytes: bytes, count: count, offset: offset), error, now) else { return }
            case .truncated(let lastSize): return truncated(slot, lastSize, now)
            case .lost: return lost(slot)
            case .failed(let error): return readFailed(slot, error, now)
            }
        } while Clock.monotonic() < end
        sources[slot].hasBacklog = true
        enqueue(slot)
    }

    /// Sets the constant fields and the partition; parks the source when its topic takes nothing now.
    private func prepare(_ slot: Int) -> Bool {
        let topic = Int(sources[slot].topic)
        guard canShip(slot, topic, Clock.monotonic()) else { return false }
        if described != slot || sources[slot].partition < 0 || describedSharing != tailer.sharingVersion {
            described = slot
            describedSharing = tailer.sharingVersion
            let stream = tailer.stream(slot)
            let declared = declarations[tailer.declaration(slot)]
            _ = stream.value.write(key)
            tailer.withLivePath(slot) { path in
                encoder.describe(
                    stream: stream, file: tailer.file(slot),
                    declarationMembers: members(slot), path: path,
                    resolvedPath: declared.isOutput ? nil : tailer.resolvedPath(slot), format: declared.format)
            }
        }
        // Asked anew whenever nothing is in flight: partitions may have been added, and order is kept.
        if sources[slot].partition < 0 || ledger.inFlight(slot) == 0 {
            sources[slot].partition = producer.partition(topic, key: keyBytes)
        }
        guard producer.hasRoom(topic, partition: sources[slot].partition) else {
            park(slot, topic)
            return false
        }
        encoder.limit(record: min(recordLimit, producer.maximumValueBytes(topic)))
        return true
    }

    private var keyBytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: key, count: 32) }

    enum Shipping {
        /// What is left of the chunk waits for more.
        case done
        /// Some of it is to be read again from where the source stands now.
        case again
        /// The source is parked, or its records failed.
        case stopped
    }

    /// Makes records of a chunk and produces them.
    func ship(_ slot: Int, _ chunk: inout Chunk, _ now: Int64) -> Shipping {
        let topic = Int(sources[slot].topic)
        while true {
            let credit = credit(topic, sources[slot].partition, hasBacklog: sources[slot].hasBacklog, now)
            guard credit > 0 else {
                park(slot, topic)
                return .stopped
            }
            let outcome = encode(slot, topic, &chunk, maximum: credit)
            if outcome == .batchFull, batch.count == 0 {
                park(slot, topic)
                return .stopped
            }
            if batch.isFull { sources[slot].hasBacklog = true }
            flush(slot, topic, now)
            if sources[slot].needsRewind { return .stopped }
            switch outcome {
            case .needsInput: return .done
            case .readAgain: return .again
            case .batchFull: continue
            case .needsArena(let bytes):
                releaseWriter(topic)
                guard isWithinShare(topic, bytes, now) else {
                    park(slot, topic)
                    return .stopped
                }
                guard takeArena(topic, atLeast: bytes) else {
                    parkOnMemory(slot)
                    return .stopped
                }
            }
        }
    }

    /// Enters the batch in the ledger and hands it to the producer.
    private func flush(_ slot: Int, _ topic: Int, _ now: Int64) {
        guard batch.count > 0 else { return }
        let arena = writers[topic].arena ?? ArenaIndex(raw: -1)
        let count = ledger.reserve(slot, batch, arena: arena, now: now, opaques: opaques)
        counters.unparsedLines &+= UInt64(batch.unparsed)
        counters.readRecords &+= UInt64(count)
        if count > 0 {
            arenas.hold(arena, count: count)
            trimAt = now + PipelineLoop.trimAfter
            producer.announceFlight(topic, ofSuspect: sources[slot].suspectUntil != nil)
            producer.produce(
                topic, partition: sources[slot].partition, key: keyBytes, batch: batch, opaques: opaques, now: now
            ) { rejected in
                ledger.complete(rejected, arenas: &arenas, now: now)
            }
            takeFailures(now)
        }
        batch.removeAll()
    }

    private func takeArena(_ topic: Int, atLeast bytes: Int) -> Bool {
        var taken = arenas.take(atLeast: bytes, owner: topic)
        if taken == nil {
            // What other topics hold and do not use goes first.
            for other in writers.indices { releaseWriter(other) }
            taken = arenas.take(atLeast: bytes, owner: topic)
        }
        guard let arena = taken else { return false }
        let base = arenas.base(arena)
        writers[topic] = TopicWriter(arena: arena, space: ArenaSpace(next: base, end: base + arenas.capacity(arena)))
        return true
    }

    /// Gives up a topic's place in its arena; the arena lives on while records in it are in flight.
    func releaseWriter(_ topic: Int) {
        if let arena = writers[topic].arena { arenas.release(arena) }
        writers[topic] = TopicWriter()
    }

    /// Everything there was has been read; `holeEnd`: it ends there with NULs.
    private func reachedEnd(_ slot: Int, inHoleTo holeEnd: UInt64?) {
        sources[slot].isCaughtUp = true
        sources[slot].hasBacklog = false
        sources[slot].problem = nil
        if sources[slot].isFinal {
            // The file stays open until all of it is acknowledged: a record that fails is read again.
            // Until then its successor must not wait for the next look at files without a name.
            if ledger.counts(slot).committed != ledger.reserved(slot) || sources[slot].line.hasPendingEntries {
                handOver(slot)
            } else {
                announceArchiveDamage(slot)
                // Its file stays where it is: whoever follows it next continues where this ends.
                sources[slot].isReleased = sources[slot].isDraining && tailer.presentPath(slot) != nil
                if !sources[slot].isReleased { skipLastHole(slot) }
                finish(slot, size: ledger.reserved(slot), reason: .deleted)
            }
            return
        }
        if let holeEnd { leaveHole(slot, at: holeEnd) }
        handOver(slot)
    }

    func readFailed(_ slot: Int, _ error: SystemError, _ now: Int64) {
        sources[slot].problem = "\(error.reason): it is tried again"
        sources[slot].retryAt = now + options.readRetry
        retrying.append(Int32(slot))
        logger.warning("cannot read a file; it is tried again", metadata: ["error": "\(error)"])
    }
}
