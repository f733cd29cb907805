// Stub until the resolver is merged.
package import CLinux
package import LinuxIO
package struct HostMounts: Sendable {
    package struct Entry: Hashable, Sendable {
        package let id: UInt64; package let device: UInt64; package let mountPoint: RawPath; package let type: String
    }
    package static func read() -> HostMounts { HostMounts() }
    package func entry(of path: RawPath) -> Entry? { nil }
}
package final class LocatedFile {
    package let status = clinux_stat()
    package let isLowerLayer = false
    package let mount: Int? = nil
    package func openForReading() -> Result<Int32, SystemError> { fatalError() }
    package var descriptorPath: RawPath { [] }
}
package enum Location {
    case found(LocatedFile), missing(SystemError), refused(reason: String), network(HostMounts.Entry)
}
package enum ListOutcome { case listed, missing(SystemError), refused(String), network(HostMounts.Entry) }
package struct ContainerView {
    package init(layout: ContainerLayout, policy: ResolverPolicy, mounts: HostMounts) {
        self.layout = layout; self.mounts = mounts
    }
    package var layout: ContainerLayout
    package var mounts: HostMounts
    package func locate(_ path: RawPath, follow: Bool = true, allowsNetwork: Bool = false) -> Location { fatalError() }
    package func forEachEntry(
        in path: RawPath, allowsNetwork: Bool = false,
        _ body: (UnsafeBufferPointer<UInt8>, _ type: UInt8, _ inode: UInt64) -> Bool
    ) -> ListOutcome { fatalError() }
}
extension HostMounts { package init(text: [UInt8]) {} }
extension ContainerView { package func mountIndex(of path: RawPath) -> Int? { nil } }
