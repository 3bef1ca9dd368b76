//! Figures for reading, and what a stranger's data may not do to a terminal.

/// The text with everything escaped that could command a terminal.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        let commands = c.is_control()
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{061c}' | '\u{feff}')
            || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        match commands {
            true => out.extend(c.escape_default()),
            false => out.push(c),
        }
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

/// A number of bytes as people write it: `64KiB`, `1.5GB`, `4096`. A bare `K`, `M` or `G` counts by 1024.
pub(crate) fn parse_bytes(text: &str) -> Result<u64, String> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.' && c != '_').unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let number: f64 = number.replace('_', "").parse().map_err(|_| "not a number of bytes".to_owned())?;
    let scale: u64 = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kb" => 1000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "k" | "ki" | "kib" => 1 << 10,
        "m" | "mi" | "mib" => 1 << 20,
        "g" | "gi" | "gib" => 1 << 30,
        other => return Err(format!("{other:?} is no unit of bytes")),
    };
    let bytes = number * scale as f64;
    // Beyond this a float does not count single bytes any more, and no host has the memory.
    if (0.0..=9e15).contains(&bytes) { Ok(bytes as u64) } else { Err("too many bytes".to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_read_and_written() {
        assert_eq!(parse_bytes("64KiB"), Ok(65536));
        assert_eq!(parse_bytes("1.5GB"), Ok(1_500_000_000));
        assert_eq!(parse_bytes("4096"), Ok(4096));
        assert_eq!(parse_bytes("1_000 kb"), Ok(1_000_000));
        for wrong in ["", "MB", "-1", "1e3", "9 parsecs", "1.2.3", "9999999999999999999999"] {
            assert!(parse_bytes(wrong).is_err(), "{wrong}");
        }
        assert_eq!(
            (bytes(999), bytes(1000), bytes(12_345_678)),
            ("999 B".into(), "1.0 kB".into(), "12 MB".into())
        );
        assert_eq!(grouped(1_000_000), "1,000,000");
    }

    #[test]
    fn nothing_commands_a_terminal() {
        assert_eq!(escaped("a\u{1b}[31m\u{202e}é"), "a\\u{1b}[31m\\u{202e}é");
    }
}
