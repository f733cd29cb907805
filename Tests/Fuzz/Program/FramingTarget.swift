// Framing: any bytes in any pieces become exactly the records of the contract, as the model says it slowly.
internal import Core
internal import Pipeline
@testable internal import PipelineTests
internal import TestSupport

/// Seven bytes choose the limits and how the file is read; the rest is its content, where 0xF8 N X stands for N times
/// eight X: long lines and holes from small inputs.
enum FramingTarget {
    /// What a test file may have: beyond it nothing new happens.
    private static let largest = 16 << 10
    /// Beside the message a record of the driver needs this much; less leaves no room for a message.
    private static let smallestRecord = 760

    static func check(_ bytes: [UInt8]) {
        var input = FuzzBytes(bytes)
        let line = input.below(2) == 0 ? 8 + input.below(63) : 1024 + input.below(256)
        let total = line + input.below(4) * line + input.below(8)
        let record = [1 << 20, smallestRecord + input.below(90), 5 * input.below(160)][input.below(3)]
        let limits = FramingLimits(line: line, lineTotal: total, record: record)
        let isFinal = input.below(2) == 0
        let seed = input.number(2)
        let content = expanded(input.rest)
        var driver = EncoderDriver(content, limits, isFinal: isFinal, seed: seed)
        driver.run()
        if let problem = driver.problem { finding("\(limits): \(problem)") }
        checkCover(driver)
        guard record >= smallestRecord else { return }
        let model = FramingModel(content, limits, isFinal: isFinal)
        // A hole ends a line only where a piece is looked at as a whole: smaller pieces find it elsewhere.
        if record < 1 << 20, line >= 512 { return checkPayloads(driver) }
        var check = RecordCheck(model, driver.shipped, mayCutSmaller: record < 1 << 20)
        if let difference = check.difference() { finding("\(limits), final \(isFinal): \(difference)") }
        expect(driver.trailing == UInt64(model.trailing), "\(driver.trailing) NULs at the end, not \(model.trailing)")
        checkResuming(driver, seed)
    }

    private static func expanded(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
        var content: [UInt8] = []
        var rest = bytes
        while let byte = rest.popFirst(), content.count < largest {
            if byte == 0xF8, let count = rest.popFirst(), let filling = rest.popFirst() {
                content += [UInt8](repeating: filling, count: 8 * Int(count))
            } else {
                content.append(byte)
            }
        }
        return content
    }

    /// Records and skipped bytes follow each other without overlap, to the end of a file that is over.
    private static func checkCover(_ driver: EncoderDriver) {
        var at = 0
        for shipped in driver.shipped {
            expect(
                shipped.start >= at && shipped.end > shipped.start, "range \(shipped.start)..<\(shipped.end) at \(at)")
            let skipped = driver.content[at..<Int(shipped.start)]
            let isMark = at == 0 && skipped.starts(with: [0xEF, 0xBB, 0xBF])
            expect(skipped.dropFirst(isMark ? 3 : 0).allSatisfy { $0 == 0 }, "skipped before \(shipped.start)")
            at = Int(shipped.end)
        }
        expect(at + Int(driver.trailing) <= driver.content.count, "more than the file has")
        if driver.isFinal { expect(at + Int(driver.trailing) == driver.content.count, "ends at \(at)") }
    }

    /// Each record is strict JSON that says its own range.
    private static func checkPayloads(_ driver: EncoderDriver) {
        for record in driver.shipped where record.kind != .oversizeGap {
            guard let fields = try? RecordFields(parsing: record.payload) else {
                finding("no JSON: \(String(decoding: record.payload, as: UTF8.self))")
            }
            expect(
                fields.offset == record.start && fields.byteCount == record.end - record.start,
                "it says another range than \(record.start)..<\(record.end)")
        }
    }

    /// A restart behind any record gives the same rest, byte by byte.
    private static func checkResuming(_ driver: EncoderDriver, _ seed: UInt64) {
        guard !driver.shipped.isEmpty else { return }
        let index = Int(seed % UInt64(driver.shipped.count))
        var resumed = EncoderDriver(
            driver.content, driver.limits, isFinal: driver.isFinal, seed: seed ^ 0x5555, from: driver.points[index])
        resumed.run()
        if let problem = resumed.problem { finding("resumed behind record \(index): \(problem)") }
        expect(resumed.shipped == Array(driver.shipped[(index + 1)...]), "resumed behind record \(index) it differs")
    }
}
