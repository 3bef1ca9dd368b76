//! Numbers of bytes, as people write them.

/// Returns a number of bytes as people write it: `64KiB`, `1.5GB`, `4096`. A bare `K`, `M` or `G` counts by 1024.
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
    fn bytes_are_read() {
        assert_eq!(parse_bytes("64KiB"), Ok(65536));
        assert_eq!(parse_bytes("1.5GB"), Ok(1_500_000_000));
        assert_eq!(parse_bytes("4096"), Ok(4096));
        assert_eq!(parse_bytes("1_000 kb"), Ok(1_000_000));
        for wrong in ["", "MB", "-1", "1e3", "9 parsecs", "1.2.3", "9999999999999999999999"] {
            assert!(parse_bytes(wrong).is_err(), "{wrong}");
        }
    }
}
