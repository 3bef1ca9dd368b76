//! Hints that a sender gives about its table, and a receiver may ignore: lines of `key=value` after the schema.

use std::fmt::Write;

/// Hints about a table. None is binding.
///
/// ```
/// use bowstring::Hints;
/// let hints = Hints { rows: Some(1000), name: Some("trips".into()), ..Hints::default() };
/// assert_eq!(Hints::parse(hints.lines().as_bytes()), hints);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hints {
    /// Total rows that will come, if known.
    pub rows: Option<u64>,
    /// The name of the table.
    pub name: Option<String>,
    /// Rows that were sent before this greeting. A sender fills this in itself.
    pub rows_sent: Option<u64>,
    /// Batches that were sent before this greeting. A sender fills this in itself.
    pub batches_sent: Option<u64>,
}

impl Hints {
    /// Returns the hints as lines. Control characters, which would end a line, become spaces.
    #[must_use]
    pub fn lines(&self) -> String {
        let mut lines = String::new();
        if let Some(rows) = self.rows {
            let _ = writeln!(lines, "rows={rows}");
        }
        if let Some(rows) = self.rows_sent {
            let _ = writeln!(lines, "rows-sent={rows}");
        }
        if let Some(batches) = self.batches_sent {
            let _ = writeln!(lines, "batches-sent={batches}");
        }
        if let Some(name) = &self.name {
            let name: String = name.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
            let _ = writeln!(lines, "name={name}");
        }
        lines
    }

    /// Parses lines; ignores unknown keys and malformed values.
    #[must_use]
    pub fn parse(lines: &[u8]) -> Hints {
        let mut hints = Hints::default();
        for (key, value) in pairs(lines) {
            match key {
                "rows" => hints.rows = value.parse().ok(),
                "rows-sent" => hints.rows_sent = value.parse().ok(),
                "batches-sent" => hints.batches_sent = value.parse().ok(),
                "name" => hints.name = Some(value.chars().filter(|c| !c.is_control()).collect()),
                _ => {}
            }
        }
        hints
    }
}

/// Returns the pairs in lines of `key=value`, such as the greeting of a receiver; skips any other line.
pub fn pairs(lines: &[u8]) -> impl Iterator<Item = (&str, &str)> {
    lines.split(|&byte| byte == b'\n').filter_map(|line| str::from_utf8(line).ok()?.split_once('='))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nonsense_is_no_hint_and_names_stay_on_their_line() {
        let parsed = Hints::parse(b"rows=many\nname=a=b\n\xff=1\nfuture=7\n\nrows");
        assert_eq!(parsed, Hints { name: Some("a=b".into()), ..Hints::default() });
        let hints = Hints { name: Some("x\nrows=9".into()), ..Hints::default() };
        assert_eq!(Hints::parse(hints.lines().as_bytes()).rows, None);
    }
}
