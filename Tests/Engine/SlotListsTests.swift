// The lists of slots keep their order, and hold each slot once.
import TestSupport
import Testing

@testable import Engine

@Suite(.ownThread) struct SlotListsTests {
    /// Against plain arrays.
    @Test(arguments: 1...20) func aSlotIsInOneListAndListsKeepTheirOrder(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var lists = SlotLists()
        var model = [[Int]](repeating: [], count: 5)
        for step in 0..<2_000 {
            let slot = random.number(0...39)
            let list = random.number(0...4)
            switch random.number(0...4) {
            case 0, 1:
                for index in model.indices { model[index].removeAll { $0 == slot } }
                model[list].append(slot)
                lists.append(slot, to: list)
            case 2:
                for index in model.indices { model[index].removeAll { $0 == slot } }
                model[list].insert(slot, at: 0)
                lists.prepend(slot, to: list)
            case 3:
                let expected = model[list].isEmpty ? nil : model[list].removeFirst()
                #expect(lists.popFirst(list) == expected, "seed \(seed), step \(step)")
            default:
                for index in model.indices { model[index].removeAll { $0 == slot } }
                lists.remove(slot)
            }
            #expect(lists.list(of: slot) == model.firstIndex { $0.contains(slot) }, "seed \(seed), step \(step)")
            #expect(model.indices.map { lists.count($0) } == model.map(\.count), "seed \(seed), step \(step)")
        }
        for index in model.indices {
            while let slot = lists.popFirst(index) { #expect(slot == model[index].removeFirst(), "seed \(seed)") }
            #expect(model[index].isEmpty && lists.isEmpty(index), "seed \(seed)")
        }
    }
}
