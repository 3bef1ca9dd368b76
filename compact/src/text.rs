//! Forms of text that a smaller type holds, and that come back exactly.

use arrow_schema::{DataType, TimeUnit};

/// The one form that all texts of a column have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// `true` or `false`.
    Bool,
    /// `2026-01-31`.
    Date,
    /// `23:59:59`, with as many digits behind a point as the unit has.
    Time(TimeUnit),
    /// A date and a time, with this between them, and behind them a `Z` or not.
    Timestamp(TimeUnit, u8, bool),
}

impl Form {
    /// Returns the form of a text and its value, if it has a form.
    pub(crate) fn of(text: &str) -> Option<(Form, i64)> {
        let bytes = text.as_bytes();
        match bytes {
            b"true" => Some((Form::Bool, 1)),
            b"false" => Some((Form::Bool, 0)),
            _ if bytes.len() < 8 => None,
            [.., b':', _, _, b':', _, _] | [_, _, b':', _, _, b':', ..] if bytes[2] == b':' => {
                let (unit, value) = time(bytes)?;
                Some((Form::Time(unit), value))
            }
            _ => {
                let (date_part, rest) = bytes.split_at_checked(10)?;
                let days = date(date_part)?;
                let Some((between, rest)) = rest.split_first() else { return Some((Form::Date, days)) };
                if !matches!(between, b'T' | b' ') {
                    return None;
                }
                let (rest, zulu) = match rest.split_last() {
                    Some((b'Z', rest)) => (rest, true),
                    _ => (rest, false),
                };
                let (unit, of_day) = time(rest)?;
                let value = days.checked_mul(86_400 * scale(unit))?.checked_add(of_day)?;
                Some((Form::Timestamp(unit, *between, zulu), value))
            }
        }
    }

    pub(crate) fn data_type(self) -> DataType {
        match self {
            Form::Bool => DataType::Boolean,
            Form::Date => DataType::Date32,
            Form::Time(unit @ (TimeUnit::Second | TimeUnit::Millisecond)) => DataType::Time32(unit),
            Form::Time(unit) => DataType::Time64(unit),
            Form::Timestamp(unit, _, zulu) => DataType::Timestamp(unit, zulu.then(|| "UTC".into())),
        }
    }

    /// Bits of a value.
    pub(crate) fn width(self) -> u64 {
        match self {
            Form::Bool => 1,
            Form::Date | Form::Time(TimeUnit::Second | TimeUnit::Millisecond) => 32,
            _ => 64,
        }
    }

    /// Writes a value in this form.
    pub(crate) fn write(self, value: i64) -> String {
        match self {
            Form::Bool => if value == 0 { "false" } else { "true" }.to_owned(),
            Form::Date => write_date(value),
            Form::Time(unit) => write_time(unit, value),
            Form::Timestamp(unit, between, zulu) => {
                let day = 86_400 * scale(unit);
                let (date, time) = (value.div_euclid(day), value.rem_euclid(day));
                let zone = if zulu { "Z" } else { "" };
                format!("{}{}{}{zone}", write_date(date), char::from(between), write_time(unit, time))
            }
        }
    }
}

fn scale(unit: TimeUnit) -> i64 {
    match unit {
        TimeUnit::Second => 1,
        TimeUnit::Millisecond => 1_000,
        TimeUnit::Microsecond => 1_000_000,
        TimeUnit::Nanosecond => 1_000_000_000,
    }
}

fn digits(bytes: &[u8]) -> Option<i64> {
    bytes
        .iter()
        .try_fold(0, |number, byte| byte.is_ascii_digit().then(|| number * 10 + i64::from(byte - b'0')))
}

/// Days since 1970-01-01 of `YYYY-MM-DD`.
fn date(bytes: &[u8]) -> Option<i64> {
    if bytes[4] != b'-' || bytes[7] != b'-' {
        return None;
    }
    let (year, month, day) = (digits(&bytes[..4])?, digits(&bytes[5..7])?, digits(&bytes[8..])?);
    let days = days_of(year, month, day);
    // What is no day of the calendar comes back as another.
    (civil_of(days) == (year, month, day)).then_some(days)
}

/// The unit and the value of `HH:MM:SS`, `HH:MM:SS.mmm`, and so on.
fn time(bytes: &[u8]) -> Option<(TimeUnit, i64)> {
    let (clock, rest) = bytes.split_at_checked(8)?;
    if clock[2] != b':' || clock[5] != b':' {
        return None;
    }
    let (hour, minute, second) = (digits(&clock[..2])?, digits(&clock[3..5])?, digits(&clock[6..])?);
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let (unit, fraction) = match rest {
        [] => (TimeUnit::Second, 0),
        [b'.', fraction @ ..] => {
            let unit = match fraction.len() {
                3 => TimeUnit::Millisecond,
                6 => TimeUnit::Microsecond,
                9 => TimeUnit::Nanosecond,
                _ => return None,
            };
            (unit, digits(fraction)?)
        }
        _ => return None,
    };
    Some((unit, (hour * 3600 + minute * 60 + second) * scale(unit) + fraction))
}

fn write_date(days: i64) -> String {
    let (year, month, day) = civil_of(days);
    format!("{year:04}-{month:02}-{day:02}")
}

fn write_time(unit: TimeUnit, value: i64) -> String {
    let (seconds, fraction) = (value / scale(unit), value % scale(unit));
    let clock = format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    match unit {
        TimeUnit::Second => clock,
        TimeUnit::Millisecond => format!("{clock}.{fraction:03}"),
        TimeUnit::Microsecond => format!("{clock}.{fraction:06}"),
        TimeUnit::Nanosecond => format!("{clock}.{fraction:09}"),
    }
}

/// Days since 1970-01-01 of a day in the Gregorian calendar (Howard Hinnant's `days_from_civil`).
fn days_of(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// The day in the Gregorian calendar (Howard Hinnant's `civil_from_days`).
fn civil_of(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, of_year - (153 * shifted + 2) / 5 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_a_form_is_written_back_exactly() {
        for text in [
            "true",
            "false",
            "1970-01-01",
            "0001-01-01",
            "9999-12-31",
            "2000-02-29",
            "00:00:00",
            "23:59:59.999",
            "12:00:00.000001",
            "12:00:00.100000000",
            "2026-01-31T01:02:03",
            "1969-12-31 23:59:59.999",
            "2026-01-31T01:02:03.000Z",
            "2026-01-31 01:02:03.123456Z",
            "2026-01-31T01:02:03.123456789",
        ] {
            let (form, value) = Form::of(text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!(form.write(value), text);
        }
        assert_eq!(Form::of("1970-01-02"), Some((Form::Date, 1)));
        assert_eq!(Form::of("00:00:01.500"), Some((Form::Time(TimeUnit::Millisecond), 1500)));
        assert_eq!(
            Form::of("1970-01-02T00:00:01Z"),
            Some((Form::Timestamp(TimeUnit::Second, b'T', true), 86_401))
        );
    }

    #[test]
    fn everything_else_stays_text() {
        for text in [
            "",
            "True",
            "TRUE",
            "1",
            "1999-02-29",
            "2000-13-01",
            "2000-00-10",
            "2000-1-01",
            "20000101",
            "24:00:00",
            "12:60:00",
            "12:00:60",
            "12:00",
            "12:00:00.5",
            "12:00:00.",
            "2026-01-31T",
            "2026-01-31T01:02",
            "2026-01-31_01:02:03",
            "2026-01-31T01:02:03+01:00",
            "+026-01-31",
            "2026-01-31 ",
            "٢٠٢٦-01-31",
            "9999-12-31T23:59:59.999999999",
            "12:00:00Z",
        ] {
            assert_eq!(Form::of(text), None, "{text}");
        }
    }

    #[test]
    fn the_calendar_goes_there_and_back() {
        for days in (-719_162..2_932_896).step_by(97) {
            let (year, month, day) = civil_of(days);
            assert_eq!(days_of(year, month, day), days);
        }
    }
}
