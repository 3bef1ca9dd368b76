//! Speeds and times, as they are written on the command line.

use std::time::Duration;

use super::Speed;

/// Reads a speed: `2x`, `0.5x`, `max`.
pub(crate) fn speed(text: &str) -> Result<Speed, String> {
    if text == "max" {
        return Ok(Speed(None));
    }
    let number: f64 = text.strip_suffix('x').unwrap_or(text).parse().map_err(|_| WRONG_SPEED)?;
    let thousandths = (number * 1000.0).round();
    if !(1.0..=1e9).contains(&thousandths) {
        return Err(WRONG_SPEED.to_owned());
    }
    Ok(Speed(Some(thousandths as u32)))
}

const WRONG_SPEED: &str = "a factor from 0.001x to 1000000x, or `max`";

/// Reads a time: seconds, or a number with `ms`, `s`, `m` or `h`.
pub(crate) fn time(text: &str) -> Result<Duration, String> {
    let (number, unit) = match text {
        _ if text.ends_with("ms") => (&text[..text.len() - 2], 0.001),
        _ if text.ends_with('s') => (&text[..text.len() - 1], 1.0),
        _ if text.ends_with('m') => (&text[..text.len() - 1], 60.0),
        _ if text.ends_with('h') => (&text[..text.len() - 1], 3600.0),
        _ => (text, 1.0),
    };
    let wrong = || "a time after the beginning, such as 90, 1.5s, 20m or 2h".to_owned();
    let number: f64 = number.parse().map_err(|_| wrong())?;
    Duration::try_from_secs_f64(number * unit).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speeds_and_times() {
        for (text, expected) in [("2x", Some(2000)), ("0.5", Some(500)), ("max", None)] {
            assert_eq!(speed(text), Ok(Speed(expected)));
        }
        for wrong in ["0", "-1x", "fast", "", "nan", "inf"] {
            assert!(speed(wrong).is_err(), "{wrong}");
        }
        assert_eq!(time("1.5"), Ok(Duration::from_millis(1500)));
        assert_eq!(time("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(time("2m"), time("120s"));
        assert_eq!(time("1h"), time("60m"));
        for wrong in ["", "s", "-1s", "soon", "nan"] {
            assert!(time(wrong).is_err(), "{wrong}");
        }
    }
}
