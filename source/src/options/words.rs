//! Values of options, as they are written on the command line.

use bowstring_compact::OnMisfit;

use super::{InferRows, Range};
use crate::compact::Sample;

pub(super) fn infer_rows(text: &str) -> Result<InferRows, String> {
    match text {
        "auto" => Ok(InferRows::Auto),
        "all" => Ok(InferRows::All),
        _ => match text.replace('_', "").parse() {
            Ok(rows) if rows > 0 => Ok(InferRows::Rows(rows)),
            _ => Err("a number of rows, `all` or `auto`".to_owned()),
        },
    }
}

/// Parses rows as people write them: `1_000`, `100M`.
pub(super) fn demo_rows(text: &str) -> Option<u64> {
    let text = text.replace('_', "");
    let (digits, scale) = match text.as_bytes().last()? {
        b'k' | b'K' => (&text[..text.len() - 1], 1000),
        b'm' | b'M' => (&text[..text.len() - 1], 1_000_000),
        b'g' | b'G' | b'b' | b'B' => (&text[..text.len() - 1], 1_000_000_000),
        _ => (&text[..], 1),
    };
    digits.parse::<u64>().ok()?.checked_mul(scale)
}

pub(super) fn sample(text: &str) -> Result<Sample, String> {
    match text {
        "all" => Ok(Sample::All),
        _ => match demo_rows(text) {
            Some(rows) if rows > 0 => Ok(Sample::Rows(rows)),
            _ => Err("a number of rows, or `all`".to_owned()),
        },
    }
}

pub(super) fn misfit(text: &str) -> Result<OnMisfit, String> {
    match text {
        "error" => Ok(OnMisfit::Error),
        "widen" => Ok(OnMisfit::Widen),
        _ => Err("`error` or `widen`".to_owned()),
    }
}

pub(super) fn range(text: &str) -> Result<Range, String> {
    let (start, end) = text.split_once("..").ok_or("not of the form A..B")?;
    let number = |text: &str| text.replace('_', "").parse().map_err(|_| format!("{text:?} is not a number"));
    let start = if start.is_empty() { 0 } else { number(start)? };
    let end = if end.is_empty() { None } else { Some(number(end)?) };
    match end.is_some_and(|end| end < start) {
        true => Err("the end is before the start".to_owned()),
        false => Ok(Range { start, end }),
    }
}

pub(super) fn delimiter(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        b"\\t" => Ok(b'\t'),
        [byte] if byte.is_ascii() => Ok(*byte),
        _ => Err("it must be one ASCII character, or \\t".to_owned()),
    }
}
