// First-in first-out lists of slots, each slot in one list at most, without allocating in steady state.

/// Slots in the order in which they get their turn, in numbered lists (0, 1, ...) that come to be when they are used. All
/// lists together hold a slot once: memory is bounded by the highest slot. Owned by the pipeline thread.
struct SlotLists {
    private struct Link {
        var next: Int32 = -1
        var previous: Int32 = -1
        var list: Int32 = -1
    }
    private struct Ends {
        var first: Int32 = -1
        var last: Int32 = -1
        var count = 0
    }
    private var links: [Link] = []
    private var lists: [Ends] = []

    func isEmpty(_ list: Int) -> Bool { count(list) == 0 }
    func count(_ list: Int) -> Int { list < lists.count ? lists[list].count : 0 }

    /// The list that holds the slot; nil: none does.
    func list(of slot: Int) -> Int? {
        guard slot < links.count, links[slot].list >= 0 else { return nil }
        return Int(links[slot].list)
    }

    /// Puts a slot at the end of a list, taking it out of the one that holds it.
    mutating func append(_ slot: Int, to list: Int) {
        makeRoom(slot, list)
        let last = lists[list].last
        links[slot] = Link(next: -1, previous: last, list: Int32(list))
        if last < 0 { lists[list].first = Int32(slot) } else { links[Int(last)].next = Int32(slot) }
        lists[list].last = Int32(slot)
        lists[list].count += 1
    }

    /// Puts a slot at the beginning of a list, taking it out of the one that holds it.
    mutating func prepend(_ slot: Int, to list: Int) {
        makeRoom(slot, list)
        let first = lists[list].first
        links[slot] = Link(next: first, previous: -1, list: Int32(list))
        if first < 0 { lists[list].last = Int32(slot) } else { links[Int(first)].previous = Int32(slot) }
        lists[list].first = Int32(slot)
        lists[list].count += 1
    }

    mutating func popFirst(_ list: Int) -> Int? {
        guard list < lists.count, lists[list].first >= 0 else { return nil }
        let slot = Int(lists[list].first)
        remove(slot)
        return slot
    }

    /// Takes the slot out of the list that holds it, if one does.
    mutating func remove(_ slot: Int) {
        guard let list = list(of: slot) else { return }
        let link = links[slot]
        if link.previous < 0 { lists[list].first = link.next } else { links[Int(link.previous)].next = link.next }
        if link.next < 0 { lists[list].last = link.previous } else { links[Int(link.next)].previous = link.previous }
        lists[list].count -= 1
        links[slot] = Link()
    }

    private mutating func makeRoom(_ slot: Int, _ list: Int) {
        while links.count <= slot { links.append(Link()) }
        while lists.count <= list { lists.append(Ends()) }
        remove(slot)
    }
}
