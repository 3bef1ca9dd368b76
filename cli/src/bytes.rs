//! Numbers of bytes, as people write and read them.
//!
//! One rule for all programs, that of SI and IEC: `k`, `M`, `G`, `T` count by 1000, with or without a `B` behind them, and
//! `Ki`, `Mi`, `Gi`, `Ti` by 1024. Reports count by 1000; requested sizes are shown as they can be given again.

/// From the largest down.
const UNITS: [(&str, u64); 8] = [
    ("ti", 1 << 40),
    ("t", 1_000_000_000_000),
    ("gi", 1 << 30),
    ("g", 1_000_000_000),
    ("mi", 1 << 20),
    ("m", 1_000_000),
    ("ki", 1 << 10),
    ("k", 1000),
];

/// Reads a number of bytes: `64KiB`, `1.5GB`, `16M`, `4096`.
pub fn parse(text: &str) -> Result<u64, String> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.' && c != '_').unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let number: f64 = number.replace('_', "").parse().map_err(|_| "not a number of bytes".to_owned())?;
    let unit = unit.trim().to_ascii_lowercase();
    let letters = unit.strip_suffix('b').unwrap_or(&unit);
    let scale = match letters {
        "" => 1,
        letters => {
            UNITS.iter().find(|(name, _)| *name == letters).map(|(_, scale)| *scale).ok_or_else(|| {
                format!("{:?} is no unit of bytes: B, kB, MB, GB, TB, KiB, MiB, GiB, TiB", text[end..].trim())
            })?
        }
    };
    let bytes = number * scale as f64;
    // Beyond this a float does not count single bytes any more, and no host has the memory.
    if (0.0..=9e15).contains(&bytes) { Ok(bytes as u64) } else { Err("too many bytes".to_owned()) }
}

/// A number of bytes with three digits or so: `12 MB`.
#[must_use]
pub fn rough(n: u64) -> String {
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

/// The same number as it can be said on a command line: `64KiB`, and digits where no unit divides it.
#[must_use]
pub fn exact(n: u64) -> String {
    match UNITS.iter().find(|(_, scale)| n >= *scale && n.is_multiple_of(*scale)) {
        Some((unit, scale)) => {
            let letter = if *unit == "k" { "k".to_owned() } else { unit[..1].to_ascii_uppercase() };
            format!("{}{letter}{}B", n / scale, &unit[1..])
        }
        None => n.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_read() {
        assert_eq!(parse("64KiB"), Ok(65536));
        assert_eq!(parse("1.5GB"), Ok(1_500_000_000));
        assert_eq!(parse("4096"), Ok(4096));
        assert_eq!(parse("4096 B"), Ok(4096));
        assert_eq!(parse("1_000 kb"), Ok(1_000_000));
        for wrong in ["", "MB", "-1", "1e3", "9 parsecs", "1.2.3", "9999999999999999999999"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_letter_means_the_same_with_and_without_its_b() {
        for (unit, scale) in UNITS {
            assert_eq!(parse(&format!("3{unit}")), Ok(3 * scale));
            assert_eq!(parse(&format!("3 {unit}B")), Ok(3 * scale));
            assert_eq!(parse(&format!("3{}", unit.to_ascii_uppercase())), Ok(3 * scale));
        }
    }

    #[test]
    fn bytes_are_said_so_that_they_can_be_said_again() {
        for (n, text) in
            [(65536, "64KiB"), (2 << 20, "2MiB"), (1500, "1500"), (16_000_000, "16MB"), (3000, "3kB")]
        {
            assert_eq!((exact(n), parse(text)), (text.to_owned(), Ok(n)));
        }
    }

    #[test]
    fn rough_figures_are_for_reading() {
        let cases =
            [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (999_999, "1.0 MB"), (12_345_678, "12 MB")];
        for (n, text) in cases {
            assert_eq!(rough(n), text);
        }
    }
}
