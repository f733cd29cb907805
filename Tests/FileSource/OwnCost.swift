// What a test itself costs: CPU time and memory, to be compared before and after.
import Core
import Glibc
import TestSupport

/// CPU nanoseconds of the calling thread (clock_gettime(2)).
func threadTime() -> Int64 {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return Int64(time.tv_sec) * nanosecondsPerSecond + Int64(time.tv_nsec)
}

/// Resident bytes of the process (proc(5), statm).
func residentBytes() throws -> Int {
    let fields = String(decoding: try readWholeFile("/proc/self/statm"), as: UTF8.self).split(separator: " ")
    return Int(fields[1])! * 4096
}
