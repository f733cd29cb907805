// swift-tools-version: 6.2
// What it costs to make records of lines, in each form in which a file holds them. A package of its own, so that nothing
// else has to be built; `Rooms/` are links to the sources.
import PackageDescription

let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6), .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"), .enableUpcomingFeature("InternalImportsByDefault"),
    .treatAllWarnings(as: .error),
]

let package = Package(
    name: "entries",
    targets: [
        .target(name: "Core", path: "Rooms/Core", swiftSettings: strict),
        .target(name: "Pipeline", dependencies: ["Core"], path: "Rooms/Pipeline", swiftSettings: strict),
        .executableTarget(
            name: "entries", dependencies: ["Core", "Pipeline"], path: "Program", swiftSettings: strict),
    ]
)
