// Waking up: eventfd and epoll, inotify names, threads.
import CLinux
import Glibc
import LinuxIO
import Synchronization
import TestSupport
import Testing

@Suite struct EventTests {
    @Test func `a signal from another thread wakes the waiting loop`() throws {
        let epoll = try Epoll()
        let event = try EventDescriptor()
        try epoll.add(event.raw, tag: 42)
        #expect(epoll.wait(milliseconds: 0) == 0)
        let thread = try Thread(name: "signaller") { event.signal() }
        #expect(epoll.wait(milliseconds: 30_000) == 1)
        #expect(epoll.tag(0) == 42)
        thread.join()
        // Level-triggered: it stays ready until drained, however often it was signalled.
        event.signal()
        #expect(epoll.wait(milliseconds: 0) == 1)
        event.drain()
        #expect(epoll.wait(milliseconds: 0) == 0)
        event.drain()
        #expect(epoll.wait(milliseconds: 0) == 0)
    }

    @Test func `more ready descriptors than one wait gives are all served`() throws {
        let epoll = try Epoll()
        let events = try (0..<100).map { _ in try EventDescriptor() }
        for (index, event) in events.enumerated() {
            try epoll.add(event.raw, tag: UInt64(index))
            event.signal()
        }
        var seen: Set<UInt64> = []
        for _ in 0..<10 where seen.count < 100 {
            let count = epoll.wait(milliseconds: 0)
            #expect(count <= 64)
            for index in 0..<count {
                seen.insert(epoll.tag(index))
                events[Int(epoll.tag(index))].drain()
            }
        }
        #expect(seen.count == 100)
    }

    @Test func `adding a descriptor twice is an error with its errno`() throws {
        let epoll = try Epoll()
        let event = try EventDescriptor()
        try epoll.add(event.raw, tag: 1)
        do throws(SystemError) {
            try epoll.add(event.raw, tag: 2)
            Issue.record("it was added twice")
        } catch { #expect(error == SystemError("epoll_ctl", errno: EEXIST)) }
    }

    @Test func `inotify gives names of any bytes, and the cookies of a rename`() throws {
        let directory = try TemporaryDirectory()
        let path = Array(directory.path.utf8) + [0x2F]
        let inotify = try Inotify()
        let epoll = try Epoll()
        try epoll.add(inotify.raw, tag: 1)
        let hadEvents = inotify.drain { _ in } != .nothing
        #expect(!hadEvents)
        let mask = UInt32(IN_CREATE | IN_MOVED_FROM | IN_MOVED_TO)
        let watch = try inotify.add(Array(directory.path.utf8), mask: mask).get()
        let names: [RawPath] = [
            [0x61], [0xFF, 0x0A, 0xC3], Array("日志\n".utf8), [UInt8](repeating: 0x62, count: 255),
            [UInt8](repeating: 0x63, count: 16), (1...255).map { UInt8($0) }.filter { $0 != 0x2F },
        ]
        for name in names { close(FileSystem.withCString(path + name) { creat($0, 0o600) }) }
        let renamed = FileSystem.withCString(path + names[0]) { old in
            FileSystem.withCString(path + [0xFE]) { rename(old, $0) }
        }
        try #require(renamed == 0)
        #expect(epoll.wait(milliseconds: 30_000) == 1)
        var created: [RawPath] = []
        var moves: [(RawPath, UInt32)] = []
        while inotify.drain({ event in
            #expect(event.watch == watch)
            if event.mask & UInt32(IN_CREATE) != 0 {
                created.append(Array(event.name))
            } else {
                moves.append((Array(event.name), event.cookie))
            }
        }) != .nothing {}
        #expect(created == names)
        #expect(moves.map(\.0) == [names[0], [0xFE]])
        #expect(moves.count == 2 && moves[0].1 == moves[1].1 && moves[0].1 != 0)
        inotify.remove(watch)
        var last: UInt32 = 0
        _ = inotify.drain { last = $0.mask }
        #expect(last & UInt32(IN_IGNORED) != 0)
    }

    @Test func `a watch on what is not there is an error`() throws {
        let inotify = try Inotify()
        guard case .failure(let error) = inotify.add(Array("/nowhere/at/all".utf8), mask: UInt32(IN_CREATE)) else {
            throw FixtureError("it is watched")
        }
        #expect(error.errno == ENOENT)
    }

    @Test(arguments: [("pipeline", "pipeline"), ("a name too long to show", "a name too long"), ("日志日志日志", "日志日志日")])
    func `a thread has its name, blocks signals and is over after join`(name: String, shown: String) throws {
        let seen = Mutex<(name: String, blocksTerminate: Bool)>(("", false))
        let thread = try Thread(name: name) {
            let comm = (try? readWholeFile("/proc/thread-self/comm")) ?? []
            var mask = sigset_t()
            pthread_sigmask(SIG_BLOCK, nil, &mask)
            let text = String(decoding: comm.dropLast(), as: UTF8.self)
            let blocks = sigismember(&mask, SIGTERM) == 1
            seen.withLock { $0 = (text, blocks) }
        }
        thread.join()
        #expect(seen.withLock { $0.name } == shown)
        #expect(seen.withLock { $0.blocksTerminate })
        thread.join()
    }

    @Test func `a released descriptor stays open, any other is closed`() throws {
        let kept: Int32
        do {
            let owned = FileDescriptor(owning: dup(0))
            kept = owned.release()
        }
        #expect(fcntl(kept, F_GETFD) >= 0)
        close(kept)
    }

    @Test func `an interrupted call is repeated and any other failure says what to look at`() throws {
        var calls = 0
        let result = try retryingInterrupts("read") { () -> Int in
            calls += 1
            errno = EINTR
            return calls < 3 ? -1 : 7
        }
        #expect(result == 7 && calls == 3)
        do throws(SystemError) {
            try retryingInterrupts("open", "/x") { () -> Int32 in
                errno = ENOSPC
                return -1
            }
            Issue.record("a failure was swallowed")
        } catch { #expect(error.description == "open /x: No space left on device") }
    }
}
