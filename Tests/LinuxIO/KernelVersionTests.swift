// The kernel's version, as distributions write it.
import LinuxIO
import Testing

struct KernelVersionTests {
    @Test(arguments: [("6.1.0-18-amd64", 6, 1), ("5.15.0", 5, 15), ("6.18.44-fc", 6, 18), ("7-rc1", 7, 0), ("", 0, 0)])
    func readsTheRelease(release: String, major: Int, minor: Int) {
        let version = KernelVersion(release: release)
        #expect(version.major == major && version.minor == minor)
    }

    @Test func compares() {
        let version = KernelVersion(release: "6.5.1")
        #expect(
            version.isAtLeast(6, 5) && version.isAtLeast(5, 19) && !version.isAtLeast(6, 6) && !version.isAtLeast(7, 0))
        #expect(KernelVersion.current.major >= 3)
    }
}
