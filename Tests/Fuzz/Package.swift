// swift-tools-version: 6.2
// The fuzzing program, a package of its own: its flags stay out of the daemon's build, and only what it needs of the
// rooms is built. `Rooms/` are links to the sources themselves.
import PackageDescription

let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .treatAllWarnings(as: .error),
    .unsafeFlags(["-enable-testing", "-assert-config", "Debug"]),
]
/// The coverage of the rooms, and of nothing else, guides libFuzzer.
let instrumented: [SwiftSetting] = strict + [.unsafeFlags(["-sanitize=fuzzer"])]

/// A room, or those of its sources that read what comes from outside; or models and strict readers of the tests.
func room(_ name: String, knows dependencies: [Target.Dependency], isInstrumented: Bool = true) -> Target {
    .target(
        name: name, dependencies: dependencies, path: "Rooms/" + name,
        swiftSettings: isInstrumented ? instrumented : strict)
}

let package = Package(
    name: "fuzz",
    targets: [
        .systemLibrary(name: "CFuzzer", path: "CFuzzer"),
        .systemLibrary(name: "CYAML", path: "Rooms/CYAML", pkgConfig: "yaml-0.1"),
        .systemLibrary(name: "CZlib", path: "Rooms/CZlib", pkgConfig: "zlib"),
        room("Core", knows: []),
        room("Configuration", knows: ["Core", "CYAML"]),
        room("Pipeline", knows: ["Core"]),
        room("Discovery", knows: ["Core"]),
        room("FileSource", knows: ["Core", "CZlib"]),
        room("Engine", knows: ["Core"]),
        room("Agent", knows: ["Configuration", "Core", "Discovery", "FileSource"]),
        room("TestSupport", knows: ["Core"], isInstrumented: false),
        room("PipelineTests", knows: ["Core", "Pipeline", "TestSupport"], isInstrumented: false),
        .executableTarget(
            name: "Fuzz",
            dependencies: [
                "Agent", "CFuzzer", "CZlib", "Configuration", "Core", "Discovery", "Engine", "FileSource", "Pipeline",
                "PipelineTests", "TestSupport",
            ],
            path: "Program", swiftSettings: strict,
            linkerSettings: [.unsafeFlags(["-sanitize=fuzzer", "-use-ld=lld"])]),
    ]
)
