// Batches that are no larger than their topic takes.
internal import Core
internal import KafkaSink
internal import Pipeline

extension PipelineLoop {
    /// Makes records of a chunk, `maximum` at most, and no more than fit the partition of the source now: a batch that is
    /// full without a record means that none does.
    func encode(_ slot: Int, _ topic: Int, _ chunk: inout Chunk, maximum: Int) -> EncodingOutcome {
        let room = producer.room(topic, partition: sources[slot].partition)
        guard room < .max else {
            return encoder.encode(
                &chunk, line: &sources[slot].line, into: &writers[topic].space, batch: &batch, maximum: maximum)
        }
        // The encoded size of a record is known when it has been made: one by one, the one too many is taken back.
        let isEmpty = producer.isEmpty(topic, partition: sources[slot].partition)
        var left = room
        while true {
            let before = (chunk, sources[slot].line, writers[topic].space, batch.count)
            let outcome = encoder.encode(
                &chunk, line: &sources[slot].line, into: &writers[topic].space, batch: &batch,
                maximum: min(maximum, batch.count + 1))
            guard batch.count > before.3 else { return outcome }
            let slotOfBatch = batch.slots[batch.count - 1]
            if slotOfBatch.payload != nil {
                left -= slotOfBatch.length + Producer.keyedRecordOverhead
                // A record that is larger than the room of an empty partition is sent all the same: alone.
                if left < 0, !(isEmpty && before.3 == 0) {
                    (chunk, sources[slot].line, writers[topic].space) = (before.0, before.1, before.2)
                    batch.removeLast(keeping: before.3)
                    return .batchFull
                }
            }
            guard outcome == .batchFull, batch.count < maximum, !batch.isFull else { return outcome }
        }
    }
}
