// swift-tools-version: 6.2
// The rooms of Longshore and who may know whom: ARCHITECTURE.md explains every line of this graph.
import PackageDescription

let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .treatAllWarnings(as: .error),
]

func room(_ name: String, knows dependencies: [Target.Dependency]) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: strict)
}

func tests(_ name: String, of dependencies: [Target.Dependency], resources: [Resource] = []) -> Target {
    .testTarget(
        name: name + "Tests", dependencies: dependencies, path: "Tests/" + name, resources: resources,
        swiftSettings: strict)
}

let log: Target.Dependency = .product(name: "Logging", package: "swift-log")
let signals: Target.Dependency = .product(name: "UnixSignals", package: "swift-service-lifecycle")
let http: [Target.Dependency] = [
    .product(name: "NIOCore", package: "swift-nio"),
    .product(name: "NIOPosix", package: "swift-nio"),
    .product(name: "NIOHTTP1", package: "swift-nio"),
]

/// Serves the file systems of tests that hang: a program, because a process cannot outlive its own hanging requests.
let fuseServer: Target = .executableTarget(name: "FuseServer", path: "Tests/FuseServer")

let package = Package(
    name: "longshore",
    products: [.executable(name: "longshore", targets: ["longshore"])],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", exact: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio", exact: "2.101.2"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", exact: "2.13.0"),
    ],
    targets: [
        // C libraries, each behind a module map of its own.
        .target(name: "CLinux"),
        .systemLibrary(name: "CRdKafka", pkgConfig: "rdkafka", providers: [.apt(["librdkafka-dev"])]),
        .systemLibrary(name: "CSQLite", pkgConfig: "sqlite3", providers: [.apt(["libsqlite3-dev"])]),
        .systemLibrary(name: "CYAML", pkgConfig: "yaml-0.1", providers: [.apt(["libyaml-dev"])]),
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        .systemLibrary(name: "CCrypto", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(name: "CNgHTTP2", pkgConfig: "libnghttp2", providers: [.apt(["libnghttp2-dev"])]),

        // Rooms, leaves first.
        room("Core", knows: []),
        room("LinuxIO", knows: ["Core", "CLinux"]),
        room("Configuration", knows: ["Core", "CYAML"]),
        room("Pipeline", knows: ["Core"]),
        room("Resolver", knows: ["LinuxIO", "CLinux"]),
        room("FileSource", knows: ["Core", "LinuxIO", "Resolver", "CLinux", "CZlib", "CCrypto"]),
        room("Discovery", knows: ["Core", "CNgHTTP2"] + http),
        room("KafkaSink", knows: ["Core", "LinuxIO", "CRdKafka"]),
        room("Checkpoint", knows: ["Core", "LinuxIO", "CLinux", "CSQLite"]),
        room(
            "Engine",
            knows: ["Core", "LinuxIO", "Resolver", "FileSource", "Pipeline", "KafkaSink", "Checkpoint", "CLinux", log]),
        room("Verify", knows: ["Core", "KafkaSink"]),
        room("Telemetry", knows: ["Core", "LinuxIO", log]),
        room("Admin", knows: ["Core", "LinuxIO"] + http),
        room(
            "Agent",
            knows: [
                "Core", "LinuxIO", "CLinux", "Configuration", "Admin", "Telemetry", "Discovery", "Resolver", "Engine",
                "FileSource", "Pipeline", "KafkaSink", "Checkpoint", "Verify", log, signals,
            ]),
        .executableTarget(
            name: "longshore",
            dependencies: [
                "Agent", "Admin", "Configuration", "Core", "Verify",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: strict),

        // Tests: one folder per room; Scenarios run the daemon itself against real components.
        .target(
            name: "TestSupport", dependencies: ["Core", "Discovery", "LinuxIO", "CRdKafka", "CLinux"],
            path: "Tests/TestSupport",
            swiftSettings: strict),
        fuseServer,
        tests("Core", of: ["Core", "TestSupport"]),
        tests("LinuxIO", of: ["LinuxIO", "TestSupport"]),
        tests("Configuration", of: ["Configuration", "TestSupport"]),
        tests("Pipeline", of: ["Pipeline", "Core", "TestSupport"]),
        tests("Resolver", of: ["Resolver", "Core", "LinuxIO", "TestSupport", "CLinux"]),
        tests("FileSource", of: ["FileSource", "Resolver", "Core", "TestSupport"]),
        tests("Discovery", of: ["Discovery", "Core", "LinuxIO", "CNgHTTP2", "TestSupport", log]),
        tests("KafkaSink", of: ["KafkaSink", "Core", "TestSupport"]),
        tests("Checkpoint", of: ["Checkpoint", "Core", "TestSupport", "CSQLite"]),
        tests(
            "Engine",
            of: [
                "Engine", "Core", "LinuxIO", "Checkpoint", "FileSource", "Resolver", "KafkaSink", "Pipeline",
                "TestSupport", log,
            ]),
        tests("Verify", of: ["Verify", "KafkaSink", "Core", "TestSupport"]),
        tests("Telemetry", of: ["Telemetry", "Core", "TestSupport", log]),
        tests(
            "Agent",
            of: [
                "Agent", "Configuration", "Discovery", "Engine", "FileSource", "Resolver", "Core", "TestSupport", log,
            ]),
        tests("Admin", of: ["Admin", "Core", "TestSupport", log]),
        tests("Torture", of: ["Checkpoint", "Core", "TestSupport", "LinuxIO", "CLinux"]),
        tests("Scenarios", of: ["Core", "TestSupport", "LinuxIO", "CLinux"]),
    ]
)
