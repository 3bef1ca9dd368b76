//! Stats for reading, and what a stranger's data may not do to a terminal.

use std::time::Duration;

pub use crate::bytes::rough as bytes;

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

/// Returns the text, escaped: see [`push_escaped`].
#[must_use]
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    push_escaped(&mut out, text);
    out
}

fn commands(c: char) -> bool {
    // In addition to control characters: line and paragraph separators, and marks that turn the direction of writing.
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{061c}' | '\u{feff}')
        || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Returns what went wrong, with the limit to raise if one was met.
#[must_use]
pub fn io_error(error: &std::io::Error) -> String {
    const EMFILE: i32 = 24;
    match error.raw_os_error() {
        Some(EMFILE) => format!("{error}: this process may open no more (see RLIMIT_NOFILE, `ulimit -n`)"),
        _ => error.to_string(),
    }
}

/// Returns a count with a comma after every three digits.
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

/// The columns that a closing line may take.
pub const LINE: usize = 80;

/// Joins the parts of a closing line, and leaves out those that do not fit [`LINE`] any more.
#[must_use]
pub fn line(parts: &[String]) -> String {
    let mut line = String::new();
    for part in parts {
        let between = if line.is_empty() { "" } else { " · " };
        // Closing lines are made of numbers and words, a column for each character.
        if line.chars().count() + between.chars().count() + part.chars().count() > LINE {
            continue;
        }
        line.push_str(between);
        line.push_str(part);
    }
    line
}

/// Returns a time in the unit that people would use, with three digits or so.
#[must_use]
pub fn time(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    match seconds {
        _ if seconds < 0.0995 => format!("{:.1} ms", seconds * 1e3),
        _ if seconds < 9.995 => format!("{seconds:.2} s"),
        _ if seconds < 120.0 => format!("{seconds:.1} s"),
        _ if seconds < 7200.0 => {
            format!("{:.0} min {:.0} s", (seconds / 60.0).floor(), seconds.rem_euclid(60.0).floor())
        }
        _ => format!(
            "{:.0} h {:.0} min",
            (seconds / 3600.0).floor(),
            (seconds / 60.0).rem_euclid(60.0).floor()
        ),
    }
}

/// Returns bytes per second.
#[must_use]
pub fn per_second(bytes: u64, taken: Duration) -> f64 {
    bytes as f64 / taken.as_secs_f64().max(1e-9)
}

/// Returns the end of a closing line: bytes, time, and the rate if there were batches.
#[must_use]
pub fn throughput(batches: u64, bytes_moved: u64, taken: Duration) -> Vec<String> {
    let mut parts = vec![bytes(bytes_moved), time(taken)];
    if batches > 0 {
        parts.push(format!("{}/s", bytes(per_second(bytes_moved, taken) as u64)));
    }
    parts
}

/// Returns the heap allocations of a hot path in words. The first batch is not counted.
#[must_use]
pub fn hot_allocations(batches: u64, allocations: u64) -> String {
    match batches {
        0 | 1 => "heap allocations not counted (a single batch warms up)".to_owned(),
        _ => format!("{} on the hot path", count(allocations, "heap allocation", "heap allocations")),
    }
}

/// Returns a count of things: `one` names one of them, `more` several.
#[must_use]
pub fn count(n: u64, one: &str, more: &str) -> String {
    format!("{} {}", grouped(n), if n == 1 { one } else { more })
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
        let seconds = |n: f64| time(Duration::from_secs_f64(n));
        assert_eq!(seconds(0.001_26), "1.3 ms");
        assert_eq!(seconds(0.0999), "0.10 s");
        assert_eq!(seconds(9.99), "9.99 s");
        assert_eq!(seconds(119.96), "120.0 s");
        assert_eq!(seconds(3725.0), "62 min 5 s");
        assert_eq!(seconds(7325.0), "2 h 2 min");
    }

    #[test]
    fn a_closing_line_is_never_too_long() {
        let parts = ["a".repeat(40), "b".repeat(30), "c".repeat(5), "d".to_owned()];
        assert_eq!(line(&parts), format!("{} · {} · d", parts[0], parts[1]));
        assert_eq!(line(&["e".repeat(80), "f".to_owned()]), "e".repeat(80));
    }
}
