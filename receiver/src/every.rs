//! `--every`: how long a window of aggregates is.

use std::time::Duration;

/// The length of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Every {
    Rows(u64),
    Time(Duration),
}

/// Reads a length: `10000rows`, `1s`, `500ms`, `2m`.
pub(crate) fn parse(text: &str) -> Result<Every, String> {
    let wrong = || "rows or a time, such as 10000rows, 1s, 500ms or 2m".to_owned();
    if let Some(rows) = text.strip_suffix("rows") {
        return match rows.trim().replace('_', "").parse() {
            Ok(rows) if rows > 0 => Ok(Every::Rows(rows)),
            _ => Err(wrong()),
        };
    }
    let (number, unit) = match text {
        _ if text.ends_with("ms") => (&text[..text.len() - 2], 0.001),
        _ if text.ends_with('s') => (&text[..text.len() - 1], 1.0),
        _ if text.ends_with('m') => (&text[..text.len() - 1], 60.0),
        _ => return Err(wrong()),
    };
    let number: f64 = number.parse().map_err(|_| wrong())?;
    match Duration::try_from_secs_f64(number * unit) {
        Ok(time) if time >= Duration::from_millis(1) => Ok(Every::Time(time)),
        _ => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_and_times() {
        assert_eq!(parse("10_000rows"), Ok(Every::Rows(10_000)));
        assert_eq!(parse("1.5s"), Ok(Every::Time(Duration::from_millis(1500))));
        assert_eq!((parse("500ms"), parse("2m")), (parse("0.5s"), parse("120s")));
        for text in ["", "10", "rows", "0rows", "-1s", "0s", "nans", "1h"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
