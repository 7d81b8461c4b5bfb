import Linux

/// What a process had mapped when it was read: a value to look addresses up in.
struct AddressSpace: Sendable {
    /// All mappings, ascending, not overlapping.
    let mappings: [MemoryMapping]
    /// Where the main thread's stack lies.
    let mainStack: Int?

    /// Takes the mappings as `/proc/PID/maps` lists them.
    init(_ mappings: [MemoryMapping]) {
        self.mappings = mappings
        mainStack = mappings.firstIndex { $0.name == "[stack]" }
    }

    /// The mapping that holds an address.
    func mapping(at address: RemoteAddress) -> MemoryMapping? {
        index(of: address).map { mappings[$0] }
    }

    /// The position of the mapping that holds an address.
    func index(of address: RemoteAddress) -> Int? {
        var low = 0
        var high = mappings.count
        while low < high {
            let middle = (low + high) / 2
            if mappings[middle].area.end <= address { low = middle + 1 } else { high = middle }
        }
        return low < mappings.count && mappings[low].area.contains(address) ? low : nil
    }

    /// The stack that a thread is on, if it is its own: the main thread's, or the one that the C library made for
    /// it, which holds its thread control block too.
    ///
    /// Signal handlers on an alternate stack and coroutines are elsewhere. The answer is the part above the stack
    /// pointer that can hold frames.
    func ownStack(sp: RemoteAddress, threadPointer: RemoteAddress) -> RemoteRange? {
        guard let index = index(of: sp) else { return nil }
        let area = mappings[index].area
        guard area.permissions.contains(.write) else { return nil }
        let top: RemoteAddress
        if index == mainStack {
            top = area.end
        } else if area.contains(threadPointer), sp < threadPointer {
            top = threadPointer
        } else {
            return nil
        }
        let start = sp.alignedDown(to: 8)
        return RemoteRange(start: start, count: (top.rawValue - start.rawValue) & ~7)
    }
}
