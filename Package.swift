// swift-tools-version: 6.2
import PackageDescription

/// Every target is compiled alike: Swift 6, strict concurrency and memory safety, warnings are errors.
let strict: [SwiftSetting] = [
    .strictMemorySafety(),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
]

/// For the rooms whose code does most of the tests' work.
///
/// The Makefile asks for it, and saves minutes; debuggers like it less: `swift build` by itself doesn't.
let optimised: [SwiftSetting] =
    Context.environment["TSUGITE_OPTIMISED_TESTS"] == nil
    ? strict : strict + [.unsafeFlags(["-O"], .when(configuration: .debug))]

/// A room of the house: one target with one job.
///
/// Arrows go down only; see ARCHITECTURE.md.
func room(_ name: String, _ dependencies: [Target.Dependency], _ settings: [SwiftSetting] = strict) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: settings)
}

func tests(_ name: String, _ dependencies: [Target.Dependency], resources: [Resource] = []) -> Target {
    .testTarget(
        name: name, dependencies: dependencies + ["TestSupport"], resources: resources, swiftSettings: strict)
}

let argumentParser = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")
let cryptoExtras = Target.Dependency.product(name: "CryptoExtras", package: "swift-crypto")
let httpClient = Target.Dependency.product(name: "AsyncHTTPClient", package: "async-http-client")
let nio = ["NIOCore", "NIOPosix", "NIOHTTP1", "NIOConcurrencyHelpers"].map {
    Target.Dependency.product(name: $0, package: "swift-nio")
}
let tls = Target.Dependency.product(name: "NIOSSL", package: "swift-nio-ssl")
let subprocess = Target.Dependency.product(name: "Subprocess", package: "swift-subprocess")

let package = Package(
    name: "tsugite",
    products: [
        .executable(name: "tsugite", targets: ["tsugite"]),
        .executable(name: "tsugite-channel", targets: ["tsugite-channel"]),
        .executable(name: "tsugited", targets: ["tsugited"]),
        .library(name: "ProcessPatcher", targets: ["ProcessPatcher"]),
        .library(name: "KernelPatcher", targets: ["KernelPatcher"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.30.0"),
    ],
    targets: [
        .target(name: "CLinux"),
        .systemLibrary(name: "CZlib", providers: [.apt(["zlib1g-dev"])]),
        .systemLibrary(name: "CZstd", providers: [.apt(["libzstd-dev"])]),
        .systemLibrary(name: "CDwarf", providers: [.apt(["libdw-dev"])]),
        .systemLibrary(name: "CLzma", providers: [.apt(["liblzma-dev"])]),
        .systemLibrary(name: "CLz4", providers: [.apt(["liblz4-dev"])]),
        room("Findings", []),
        room("Linux", ["CLinux", "Findings"], optimised),
        room("ELF", ["Linux", "Findings"], optimised),
        .target(
            name: "CompressedSections", dependencies: ["ELF", "Linux", "CZlib", "CZstd"], swiftSettings: strict,
            // Archives, so that the command starts without looking for two more libraries.
            // Hidden, so that a shared library that has libz as well never meets these.
            linkerSettings: [
                .unsafeFlags([
                    "-Xlinker", "-l:libz.a", "-Xlinker", "-l:libzstd.a",
                    "-Xlinker", "--exclude-libs=libz.a:libzstd.a",
                ])
            ]),
        room("LivePatch", ["ELF", "Findings", crypto], optimised),
        .target(
            name: "KernelImage", dependencies: ["ELF", "Linux", "Findings", "CZlib", "CZstd", "CLzma", "CLz4"],
            swiftSettings: optimised,
            // Archives, for the same reason.
            linkerSettings: [
                .unsafeFlags([
                    "-Xlinker", "-l:libz.a", "-Xlinker", "-l:libzstd.a", "-Xlinker", "-l:liblzma.a",
                    "-Xlinker", "-l:liblz4.a",
                    "-Xlinker", "--exclude-libs=libz.a:libzstd.a:liblzma.a:liblz4.a",
                ])
            ]),
        .target(
            name: "PatchBuilder", dependencies: ["KernelImage", "LivePatch", "ELF", "Linux", "Findings", crypto],
            // What fixes include goes with the program.
            resources: [.embedInCode("Hooks/tsugite-patch.h")], swiftSettings: strict),
        room("KernelPatcher", ["KernelImage", "LivePatch", "ELF", "Linux", "Findings"]),
        .target(
            name: "ProcessPatcher", dependencies: ["LivePatch", "ELF", "Linux", "Findings", "CDwarf"],
            swiftSettings: optimised,
            // Archives here too: of libdw only the call frame information is needed.
            linkerSettings: [
                .unsafeFlags([
                    "-Xlinker", "-l:libdw.a", "-Xlinker", "-l:libelf.a", "-Xlinker", "-l:libz.a",
                    "-Xlinker", "--exclude-libs=libdw.a:libelf.a:libz.a",
                ])
            ]),
        room("Channel", ["Linux", "Findings", crypto, cryptoExtras]),
        room("Client", ["Channel", "KernelPatcher", "ProcessPatcher", "LivePatch", "ELF", "Linux", "Findings"]),
        room("Console", ["Findings", argumentParser]),
        room("ChannelHTTP", ["Channel", "Findings", httpClient, tls] + nio),
        .executableTarget(
            name: "tsugite",
            dependencies: [
                "Console", "Client", "Channel", "PatchBuilder", "ProcessPatcher", "KernelPatcher", "KernelImage",
                "LivePatch",
                "ELF", "Linux",
                "Findings",
                argumentParser,
            ],
            swiftSettings: strict),
        // Networks stay out of the command that changes processes: HTTP and TLS cost it memory at every start.
        .executableTarget(
            name: "tsugite-channel",
            dependencies: [
                "Console", "Channel", "ChannelHTTP", "LivePatch", "ELF", "Linux", "Findings", argumentParser,
            ],
            swiftSettings: strict),

        .executableTarget(
            name: "tsugited",
            dependencies: ["Console", "ProcessPatcher", "LivePatch", "ELF", "Linux", "Findings", argumentParser],
            swiftSettings: strict),
        .executableTarget(
            name: "comparing", dependencies: ["PatchBuilder", "ELF", "Linux"], path: "Benchmarks/Comparing",
            swiftSettings: strict),

        room("TestSupport", ["Linux", "ELF", "CompressedSections", "LivePatch", "ProcessPatcher", "Channel"]),
        tests("LinuxTests", ["Linux", "Findings"]),
        tests("ELFTests", ["ELF", "CompressedSections", "Linux"]),
        tests("LivePatchTests", ["LivePatch", "ELF", "Linux", "Findings"]),
        tests("PatchBuilderTests", ["PatchBuilder", "KernelImage", "LivePatch", "ELF", "Linux", "Findings"]),
        tests(
            "ProcessPatcherTests",
            ["tsugite", "tsugited", "ProcessPatcher", "LivePatch", "ELF", "Linux", "Findings"]),
        tests(
            "ChannelTests", ["tsugite-channel", "Channel", "ChannelHTTP", "Linux", "Findings"],
            resources: [.copy("Interop")]),
        tests(
            "ClientTests",
            ["Client", "Channel", "KernelPatcher", "ProcessPatcher", "LivePatch", "Linux", "Findings"]),
        tests(
            "EndToEnd",
            [
                "tsugite", "tsugite-channel", "ProcessPatcher", "Channel", "Findings", "Linux", "LivePatch", "ELF",
                argumentParser,
            ]),
        tests("KernelImageTests", ["KernelImage", "ELF", "Linux", "Findings"]),
        tests("KernelPatcherTests", ["KernelPatcher", "KernelImage", "LivePatch", "ELF", "Linux", "Findings"]),
    ],
    swiftLanguageModes: [.v6]
)

// libFuzzer brings its own `main`, so the targets are there only for `Fuzz/run`.
if Context.environment["TSUGITE_FUZZ"] != nil {
    let parsers: [(name: String, dependencies: [Target.Dependency])] = [
        ("ELF", ["ELF", "TestSupport"]), ("PatchFile", ["LivePatch", "Linux"]), ("Diff", ["PatchBuilder"]),
        ("Channel", ["Channel"]),
        ("KernelImage", ["KernelImage", "ELF"]),
        ("KernelState", ["KernelPatcher", "LivePatch", "ELF", "PatchBuilder"]),
    ]
    for parser in parsers {
        package.targets.append(
            .executableTarget(
                name: "Fuzz" + parser.name, dependencies: parser.dependencies, path: "Fuzz/" + parser.name,
                exclude: ["seeds"], swiftSettings: strict + [.unsafeFlags(["-parse-as-library"])]))
    }
}
