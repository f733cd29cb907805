// Random damage to the reference file: never a crash, never a failure without a place.
import Configuration
import Glibc
import TestSupport
import Testing

@Suite struct MutationTests {
    private static func reference() throws -> [UInt8] {
        let path = #filePath.split(separator: "/").dropLast(3).reduce("") { $0 + "/" + $1 } + "/config/longshore.yaml"
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        try #require(descriptor >= 0)
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 64 << 10)
        let count = read(descriptor, &bytes, bytes.count)
        try #require(count > 0 && count < bytes.count)
        return Array(bytes[..<count])
    }

    static func damage(_ bytes: inout [UInt8], _ generator: inout SeededGenerator) {
        let tokens = [
            "{", "}", "[", "]", ": ", "\n", "\t", "- ", "&a ", "*a", "!t ", "${", "'", "\"", "\u{FEFF}", "---\n",
        ]
        for _ in 0..<Int.random(in: 1...4, using: &generator) {
            let place = Int.random(in: 0..<bytes.count, using: &generator)
            let end = min(bytes.count, place + Int.random(in: 1...40, using: &generator))
            switch Int.random(in: 0..<5, using: &generator) {
            case 0: bytes[place] = UInt8.random(in: .min ... .max, using: &generator)
            case 1: bytes.removeSubrange(place..<end)
            case 2: bytes.insert(contentsOf: bytes[place..<end], at: Int.random(in: 0..<place + 1, using: &generator))
            case 3: bytes.insert(contentsOf: tokens.randomElement(using: &generator)!.utf8, at: place)
            default: bytes[place] = UInt8.random(in: 0x20...0x7E, using: &generator)
            }
        }
    }

    @Test func aDamagedFileIsRefusedWithAPlaceOrStillPrintsAsItself() throws {
        let seed = UInt64.random(in: .min ... .max)
        var generator = SeededGenerator(seed: seed)
        let reference = try MutationTests.reference()
        let fixture = Fixture()
        let printed = Fixture()
        var refused = 0
        for round in 0..<2000 {
            var bytes = reference
            MutationTests.damage(&bytes, &generator)
            fixture.write("longshore.yaml", bytes)
            switch fixture.load() {
            case .refused(let problems):
                refused += 1
                #expect(!problems.isEmpty, "seed \(seed), round \(round)")
                for problem in problems {
                    #expect(
                        problem.line >= 1 && problem.column >= 1 && problem.file == fixture.main,
                        "seed \(seed), round \(round): \(problem)")
                }
            case .loaded(let configuration):
                printed.write("longshore.yaml", ConfigurationLoader.effectiveText(configuration))
                #expect(printed.load() == .loaded(configuration), "seed \(seed), round \(round)")
            }
        }
        #expect(refused > 200 && refused < 2000, "seed \(seed): \(refused) of 2000 refused, the damage tests nothing")
    }
}
