// Random files in random pieces: the records cover the file exactly and say what the contract promises.
import Core
import Pipeline
import TestSupport
import Testing

@Suite struct EncoderPropertyTests {
    /// Beside the message a record of the driver needs this much; less leaves no room for a message.
    static let smallestRecord = 760

    private func randomFile(_ generator: inout SeededGenerator, _ limits: FramingLimits) -> [UInt8] {
        var content: [UInt8] = generator.once(in: 4) ? [0xEF, 0xBB, 0xBF] : []
        for _ in 0..<generator.number(0...14) {
            let base = [0, 1, limits.line, 2 * limits.line, limits.lineTotal, 3 * limits.lineTotal]
                .randomElement(using: &generator)!
            content += generator.bytes(max(0, base + generator.number(-5...5)))
            content += generator.once(in: 3) ? [0x0D, 0x0A] : [0x0A]
        }
        if generator.once(in: 2) { content += generator.bytes(generator.number(0...2 * limits.lineTotal)) }
        return content
    }

    private func randomLimits(_ generator: inout SeededGenerator, record: Int) -> FramingLimits {
        let line = generator.number(8...70)
        return FramingLimits(line: line, lineTotal: line + generator.number(0...3 * line), record: record)
    }

    /// Lines with runs of NULs before, in and behind them, of lengths around those that matter.
    private func randomHoles(_ generator: inout SeededGenerator, _ limits: FramingLimits) -> [UInt8] {
        var content: [UInt8] = generator.once(in: 4) ? [0xEF, 0xBB, 0xBF] : []
        for _ in 0..<generator.number(1...12) {
            let base = [1, 40, limits.line - 512, limits.line, limits.lineTotal].randomElement(using: &generator)!
            content += generator.bytes(max(0, base + generator.number(-5...5)))
            let run = [0, 1, 511, 512, 513, 1024, limits.line, 2 * limits.line].randomElement(using: &generator)!
            content += [UInt8](repeating: 0, count: max(0, run + generator.number(-2...2)))
            if generator.once(in: 2) { content += generator.once(in: 3) ? [0x0D, 0x0A] : [0x0A] }
        }
        return content
    }

    @Test(arguments: 0..<4) func `files with holes are covered by records and skipped bytes`(part: UInt64) {
        for seed in part * 150 + 1...part * 150 + 150 {
            var generator = SeededGenerator(seed: seed)
            let line = generator.number(1024...1600)
            let limits = FramingLimits(line: line, lineTotal: line + generator.number(0...3 * line), record: 1 << 20)
            check(randomHoles(&generator, limits), limits, seed, &generator)
        }
    }

    private func check(seed: UInt64, record: Int) {
        var generator = SeededGenerator(seed: seed)
        let limits = randomLimits(&generator, record: record)
        check(randomFile(&generator, limits), limits, seed, &generator)
    }

    private func check(
        _ content: [UInt8], _ limits: FramingLimits, _ seed: UInt64, _ generator: inout SeededGenerator
    ) {
        let isFinal = generator.once(in: 2)
        var driver = EncoderDriver(content, limits, isFinal: isFinal, seed: seed)
        driver.run()
        if let problem = driver.problem { Issue.record("seed \(seed): \(problem)") }
        let model = FramingModel(content, limits, isFinal: isFinal)
        var check = RecordCheck(model, driver.shipped, mayCutSmaller: limits.record < 10_000)
        if let difference = check.difference() {
            Issue.record("seed \(seed), \(limits), final \(isFinal): \(difference)")
        }
        if driver.trailing != model.trailing {
            Issue.record("seed \(seed): \(driver.trailing) bytes skipped at the end, not \(model.trailing)")
        }
        checkResuming(driver, seed, &generator)
    }

    /// A restart behind any record gives the same rest, byte by byte.
    private func checkResuming(_ driver: EncoderDriver, _ seed: UInt64, _ generator: inout SeededGenerator) {
        guard !driver.shipped.isEmpty else { return }
        for _ in 0..<3 {
            let index = generator.number(0...driver.shipped.count - 1)
            var resumed = EncoderDriver(
                driver.content, driver.limits, isFinal: driver.isFinal, seed: generator.next(),
                from: driver.points[index])
            resumed.run()
            if let problem = resumed.problem { Issue.record("seed \(seed), resumed after \(index): \(problem)") }
            if resumed.shipped != Array(driver.shipped[(index + 1)...]) {
                Issue.record("seed \(seed): resumed after record \(index) at \(driver.points[index].offset) it differs")
            }
        }
    }

    @Test(arguments: 0..<4) func `random files become exactly the records of the contract`(part: UInt64) {
        for seed in part * 150 + 1...part * 150 + 150 { check(seed: seed, record: 1 << 20) }
    }

    @Test(arguments: 0..<4) func `records too large for Kafka are cut and still cover the file`(part: UInt64) {
        for seed in part * 100 + 1...part * 100 + 100 {
            check(seed: seed, record: EncoderPropertyTests.smallestRecord + Int(seed % 90))
        }
    }

    @Test(arguments: 0..<4) func `random bytes with tiny limits are always covered`(part: UInt64) {
        let limits = FramingLimits(line: 16, lineTotal: 64, record: EncoderPropertyTests.smallestRecord)
        for seed in part * 1250 + 1...part * 1250 + 1250 {
            var generator = SeededGenerator(seed: seed)
            let content = (0..<generator.number(0...160)).map { _ in
                // Line feeds in some blobs only, so that there are long lines too.
                UInt8(truncatingIfNeeded: seed % 3 == 0 ? generator.number(0...255) : generator.number(11...255))
            }
            var driver = EncoderDriver(content, limits, isFinal: true, seed: seed)
            driver.run()
            if let problem = driver.problem { Issue.record("seed \(seed): \(problem)") }
            var check = RecordCheck(FramingModel(content, limits, isFinal: true), driver.shipped, mayCutSmaller: true)
            if let difference = check.difference() { Issue.record("seed \(seed): \(difference)") }
        }
    }

    @Test func `limits that leave a record no room still come to an end and cover the file`() {
        for record in [-100, 0, 1, 5, 6, 100, 400, 640, 700] {
            for seed: UInt64 in 1...20 {
                var generator = SeededGenerator(seed: seed)
                let limits = randomLimits(&generator, record: record)
                let content = randomFile(&generator, limits)
                var driver = EncoderDriver(content, limits, isFinal: true, seed: seed)
                driver.run()
                if let problem = driver.problem { Issue.record("seed \(seed), record \(record): \(problem)") }
                var at: UInt64 = 0
                for shipped in driver.shipped {
                    let before = content[Int(at)..<Int(shipped.start)]
                    #expect(
                        shipped.start >= at && (at == 0 || before.allSatisfy { $0 == 0 }),
                        "seed \(seed), record \(record)")
                    at = shipped.end
                }
                #expect(at + driver.trailing == UInt64(content.count), "seed \(seed), record \(record)")
            }
        }
    }
}
