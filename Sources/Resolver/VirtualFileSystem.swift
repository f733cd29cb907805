// File systems whose files the kernel makes up, told by their magic numbers.
internal import LinuxIO

/// f_type of statfs(2) (linux/magic.h): file systems that no declaration reaches, whatever a label says.
enum VirtualFileSystem {
    private static let names: [UInt64: String] = [
        0x9FA0: "procfs", 0x6265_6572: "sysfs", 0x27_E0EB: "cgroup", 0x6367_7270: "cgroup2", 0x6462_6720: "debugfs",
        0x7472_6163: "tracefs", 0x7363_6673: "securityfs", 0x6265_6570: "configfs", 0xCAFE_4A11: "bpf",
        0x6165_676C: "pstore", 0xDE5E_81E4: "efivarfs", 0xF97C_FF8C: "selinuxfs", 0x4341_5D53: "smackfs",
        0x1CD1: "devpts", 0x1980_0202: "mqueue", 0x9584_58F6: "hugetlbfs", 0x6E73_6673: "nsfs",
        0x4249_4E4D: "binfmt_misc", 0x6573_5543: "fusectl", 0x6759_6969: "rpc_pipefs", 0x6E66_7364: "nfsd",
        0x0765_5821: "resctrl",
    ]
    static let tmpfs: UInt64 = 0x0102_1994

    /// Its name when the descriptor lies on one.
    static func name(of descriptor: PathDescriptor) -> String? {
        descriptor.fileSystemType.flatMap { names[$0] }
    }

    static func refusal(_ what: String, _ type: String) -> String {
        "\(what) is in \(type), which holds no logs: declare a path in a volume or in the container's own file system"
    }
}
