// Container records of the store: any bytes are refused, or a record that is stored as the same bytes again.
@testable internal import Discovery

/// The input is a stored record.
enum RecordsTarget {
    static func check(_ bytes: [UInt8]) {
        guard let record = ContainerRecordCodec.decode(bytes) else { return }
        checkRoundTrip(record)
    }

    static func checkRoundTrip(_ record: ContainerRecord) {
        let stored = ContainerRecordCodec.encode(record)
        expect(!stored.isEmpty, "it cannot be stored: \(record)")
        guard let again = ContainerRecordCodec.decode(stored) else { finding("it cannot be read again: \(record)") }
        expect(again == record && ContainerRecordCodec.encode(again) == stored, "it changes in the store: \(record)")
    }
}
