// A Longshore record as a consumer sees it: one flat JSON object.
internal import Core

/// The fields of one record or audit event of the contract, parsed strictly: a JSON object in valid UTF-8, no key twice.
package struct RecordFields: Sendable, Equatable {
    package let fields: [String: JSONValue]

    package init(parsing bytes: [UInt8]) throws(JSONError) {
        guard case .object(let members) = try JSONValue(parsing: bytes) else {
            throw JSONError(problem: "expected an object", byte: 0)
        }
        fields = members
    }

    package subscript(_ name: String) -> JSONValue? { fields[name] }
    package func string(_ name: String) -> String? { fields[name]?.string }
    package func uint64(_ name: String) -> UInt64? { fields[name]?.uint64 }

    package var message: String? { string("message") }
    package var fileID: String? { string("log.file.id") }
    package var streamID: String? { string("log.stream.id") }
    package var offset: UInt64? { uint64("log.file.offset") }
    package var byteCount: UInt64? { uint64("log.record.bytes") }
    package var skippedBytes: UInt64 { uint64("log.skipped.bytes") ?? 0 }
}
