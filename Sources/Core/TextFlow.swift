// Paragraphs of text, wrapped at a width.

/// Breaks text at spaces. Widths are columns of a terminal.
package enum TextFlow {
    /// Lines of `text`: the first begins with `lead`, the others with as many spaces. A word that is wider than a line
    /// stands on one of its own, whole, so that paths and labels can be copied.
    package static func lines(_ text: String, lead: String, width: Int) -> [String] {
        let indent = String(repeating: " ", count: TextTable.width(lead))
        var lines: [String] = []
        var line = lead
        var used = indent.count
        var isEmpty = true
        for word in text.split(separator: " ") {
            let wide = TextTable.width(String(word))
            if !isEmpty, used + 1 + wide > width {
                lines.append(line)
                line = indent
                used = indent.count
                isEmpty = true
            }
            if !isEmpty {
                line += " "
                used += 1
            }
            line += word
            used += wide
            isEmpty = false
        }
        return lines + [line]
    }
}
