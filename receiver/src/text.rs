//! Text for terminals: what a stranger's data may not do to one, and how wide it is.

use unicode_width::UnicodeWidthChar;

/// Appends `text` with everything escaped that could move the cursor, change colours or reorder what stands beside it.
pub(crate) fn push_escaped(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if is_unsafe(c) => out.extend(c.escape_unicode()),
            c => out.push(c),
        }
    }
}

/// The text, escaped: see [`push_escaped`].
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    push_escaped(&mut out, text);
    out
}

fn is_unsafe(c: char) -> bool {
    // Besides the control characters: line and paragraph separators, and what turns the direction of writing.
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{061c}')
        || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// Terminal cells that the text takes.
pub(crate) fn width(text: &str) -> usize {
    text.chars().map(char_width).sum()
}

fn char_width(c: char) -> usize {
    c.width().unwrap_or(0)
}

/// The text cut to `most` cells, with an ellipsis if anything was cut.
pub(crate) fn cut(text: &str, most: usize) -> String {
    if width(text) <= most {
        return text.to_owned();
    }
    let mut out = String::new();
    let mut room = most.saturating_sub(1);
    for c in text.chars() {
        let Some(left) = room.checked_sub(char_width(c)) else { break };
        out.push(c);
        room = left;
    }
    if most > 0 {
        out.push('…');
    }
    out
}

/// A count with a comma after every three digits.
pub(crate) fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() * 4 / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A number of bytes, with three digits or so.
pub(crate) fn bytes(n: u64) -> String {
    let (mut value, mut unit) = (n as f64, "B");
    for next in ["kB", "MB", "GB", "TB", "PB"] {
        if value < 999.5 {
            break;
        }
        (value, unit) = (value / 1000.0, next);
    }
    match unit {
        "B" => format!("{n} B"),
        _ if value < 9.95 => format!("{value:.1} {unit}"),
        _ => format!("{value:.0} {unit}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_commands_a_terminal_gets_through() {
        let hostile = "a\u{1b}[31mb\r\n\t\u{7}\u{9b}\u{202e}\u{2066}\u{2028}z";
        let escaped = escaped(hostile);
        assert_eq!(escaped, r"a\u{1b}[31mb\r\n\t\u{7}\u{9b}\u{202e}\u{2066}\u{2028}z");
        assert!(!escaped.chars().any(is_unsafe));
    }

    #[test]
    fn cutting_counts_cells_and_not_letters() {
        assert_eq!(cut("abcdef", 6), "abcdef");
        assert_eq!(cut("abcdefg", 6), "abcde…");
        // Each of these takes two cells; a half of one cannot be shown.
        assert_eq!(cut("数据传输", 6), "数据…");
        assert_eq!(width(&cut("数据传输", 6)), 5);
        assert_eq!(cut("abc", 0), "");
        // A letter with an accent that is a character of its own.
        assert_eq!(width("e\u{301}"), 1);
    }

    #[test]
    fn figures_are_for_reading() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(1_000_000), "1,000,000");
        assert_eq!(grouped(u64::MAX), "18,446,744,073,709,551,615");
        assert_eq!(bytes(0), "0 B");
        assert_eq!(bytes(999), "999 B");
        assert_eq!(bytes(1000), "1.0 kB");
        assert_eq!(bytes(999_999), "1.0 MB");
        assert_eq!(bytes(12_345_678), "12 MB");
    }
}
