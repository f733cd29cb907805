// JSON of a runtime: whatever strict JSON is, the reader reads as the strict reader of the tests does.
@testable internal import Discovery
internal import TestSupport

/// The first byte says which values are asked for as something else than they are; the rest is the text.
enum JSONTarget {
    static func check(_ bytes: [UInt8]) {
        let text = Array(bytes.dropFirst())
        var skipped = JSONReader(text)
        do throws(JSONFailure) {
            try skipped.skip()
            try skipped.end()
        } catch { expect(0...text.count ~= error.byte, "it fails at \(error.byte) of \(text.count)") }
        // A key that occurs twice has no strict value.
        guard let value = try? JSONValue(parsing: text) else { return }
        var walk = Walk(reader: JSONReader(text), mistakes: bytes.first ?? 0)
        do throws(JSONFailure) {
            try walk.take(value)
            try walk.reader.end()
        } catch { finding("it refuses strict JSON at byte \(error.byte)") }
    }

    /// Asks for each value of a tree that is known.
    private struct Walk {
        var reader: JSONReader
        /// Bit n: the nth value, counted by eights, is asked for as a type that it is not.
        let mistakes: UInt8
        var count: UInt8 = 0

        init(reader: JSONReader, mistakes: UInt8) {
            self.reader = reader
            self.mistakes = mistakes
        }

        mutating func take(_ value: JSONValue) throws(JSONFailure) {
            defer { count = (count + 1) & 7 }
            if mistakes & 1 << count != 0 { return try takeWrongly(value) }
            switch value {
            case .object(let members): try take(members)
            case .array(let elements): try take(elements)
            case .string(let text):
                expect(try reader.string().map { Array($0.utf8) } == Array(text.utf8), "not the text \(text)")
            case .number(let text): expect(try reader.integer() == Int64(text), "not the number \(text)")
            case .bool(let flag): expect(try reader.bool() == flag, "not \(flag)")
            case .null: expect(try reader.string() == nil, "a text that is null")
            }
        }

        private mutating func take(_ members: [String: JSONValue]) throws(JSONFailure) {
            var seen = 0
            var walk = self
            let isObject = try reader.object { key, reader throws(JSONFailure) in
                guard let value = members[key] else { finding("a key that is not there: \(key)") }
                seen += 1
                walk.reader = reader
                try walk.take(value)
                reader = walk.reader
            }
            count = walk.count
            expect(isObject && seen == members.count, "\(seen) members of \(members.count)")
        }

        private mutating func take(_ elements: [JSONValue]) throws(JSONFailure) {
            var seen = 0
            var walk = self
            let isArray = try reader.array { reader throws(JSONFailure) in
                guard seen < elements.count else { finding("more than \(seen) elements") }
                walk.reader = reader
                try walk.take(elements[seen])
                reader = walk.reader
                seen += 1
            }
            count = walk.count
            expect(isArray && seen == elements.count, "\(seen) elements of \(elements.count)")
        }

        private mutating func takeWrongly(_ value: JSONValue) throws(JSONFailure) {
            switch value {
            case .object: expect(try !reader.array { _ in }, "an object as an array")
            case .array: expect(try reader.texts().isEmpty, "an array as texts")
            case .string: expect(try reader.integer() == nil, "a text as a number")
            case .number: expect(try reader.bool() == nil, "a number as a flag")
            case .bool: expect(try !reader.object { _, _ in }, "a flag as an object")
            case .null: expect(try reader.integer() == nil, "null as a number")
            }
        }
    }
}
