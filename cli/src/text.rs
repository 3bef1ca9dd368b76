//! Stats for reading, and what a stranger's data may not do to a terminal.

/// Appends `text` with everything escaped that could move the cursor, change colours or reorder what stands beside it.
pub fn push_escaped(out: &mut String, text: &str) {
    for c in text.chars() {
        match commands(c) {
            // `\n`, `\r` and `\t`, and `\u{…}` for the others.
            true => out.extend(c.escape_default()),
            false => out.push(c),
        }
    }
}

/// The text, escaped: see [`push_escaped`].
#[must_use]
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    push_escaped(&mut out, text);
    out
}

fn commands(c: char) -> bool {
    // Besides the control characters: line and paragraph separators, and what turns the direction of writing.
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{061c}' | '\u{feff}')
        || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A count with a comma after every three digits.
#[must_use]
pub fn grouped(n: u64) -> String {
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

/// A count of things: `one` names one of them, `more` several.
#[must_use]
pub fn count(n: u64, one: &str, more: &str) -> String {
    format!("{} {}", grouped(n), if n == 1 { one } else { more })
}

/// A number of bytes, with three digits or so.
#[must_use]
pub fn bytes(n: u64) -> String {
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
        let hostile = "é\u{1b}[31mb\r\n\t\u{7}\u{9b}\u{202e}\u{2066}\u{2028}z";
        let escaped = escaped(hostile);
        assert_eq!(escaped, r"é\u{1b}[31mb\r\n\t\u{7}\u{9b}\u{202e}\u{2066}\u{2028}z");
        assert!(!escaped.chars().any(commands));
    }

    #[test]
    fn figures_are_for_reading() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(1_000_000), "1,000,000");
        assert_eq!(grouped(u64::MAX), "18,446,744,073,709,551,615");
        assert_eq!(count(1, "batch", "batches"), "1 batch");
        assert_eq!(count(0, "batch", "batches"), "0 batches");
        assert_eq!(count(2000, "batch", "batches"), "2,000 batches");
        assert_eq!(bytes(0), "0 B");
        assert_eq!(bytes(999), "999 B");
        assert_eq!(bytes(1000), "1.0 kB");
        assert_eq!(bytes(999_999), "1.0 MB");
        assert_eq!(bytes(12_345_678), "12 MB");
    }
}
