// What standard output is connected to.
internal import Glibc

/// How to print on standard output.
struct Terminal {
    /// It is a terminal, and NO_COLOR is not set.
    let colours: Bool
    /// Columns (ioctl_tty(2), TIOCGWINSZ); nil where lines may be of any length.
    let width: Int?

    static var ofOutput: Terminal {
        guard isatty(STDOUT_FILENO) == 1 else { return Terminal(colours: false, width: nil) }
        var size = winsize()
        let isKnown = ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 0
        return Terminal(
            colours: getenv("NO_COLOR").map { $0.pointee == 0 } ?? true, width: isKnown ? Int(size.ws_col) : nil)
    }
}
