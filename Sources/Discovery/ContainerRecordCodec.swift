// Container records as the store keeps them.
internal import FoundationEssentials

/// JSON of one `ContainerRecord`, the same bytes for the same record.
package enum ContainerRecordCodec {
    package static func encode(_ record: ContainerRecord) -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        // A record holds texts, numbers and lists of them: nothing that JSON cannot say.
        return (try? encoder.encode(record)).map(Array.init) ?? []
    }

    /// Nil when the bytes are not a record of this version.
    package static func decode(_ bytes: [UInt8]) -> ContainerRecord? {
        try? JSONDecoder().decode(ContainerRecord.self, from: Data(bytes))
    }
}
