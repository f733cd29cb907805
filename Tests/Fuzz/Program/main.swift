// The fuzzing program: `Fuzz --target=NAME`, and behind it what libFuzzer takes.
internal import CFuzzer
internal import Glibc

/// What libFuzzer calls: with the target that the command line names.
let wanted = CommandLine.arguments.compactMap { $0.hasPrefix("--target=") ? $0.dropFirst(9) : nil }.first ?? ""
guard let target = FuzzTargets.all[String(wanted)] else {
    print(FuzzTargets.all.keys.sorted().joined(separator: "\n"))
    exit(CommandLine.arguments.contains("--targets") ? 0 : 2)
}
FuzzTargets.chosen = target
var count = CommandLine.argc
var arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = CommandLine.unsafeArgv
exit(
    LLVMFuzzerRunDriver(&count, &arguments) { bytes, length in
        FuzzTargets.chosen(Array(UnsafeBufferPointer(start: bytes, count: length)))
        return 0
    })
