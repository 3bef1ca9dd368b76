//! Detects the format of an input from its first bytes.

use crate::options::Format;

use crate::SourceError;
use crate::input::Opened;

/// Bytes that are examined. Blank lines before JSON may take a few.
const LOOK: usize = 512;

/// Advice for an input that is not recognised.
pub(super) const FORMATS: &str =
    "say what it is with --format arrow|arrows|parquet|csv|jsonl|excel, if it is one of these";

/// Recognises the format of an input.
pub(crate) fn recognise(opened: &Opened) -> Result<Format, SourceError> {
    let first = opened.first(LOOK);
    let name = opened.name();
    of_bytes(first, name.ends_with(".arrows")).map_err(|why| {
        let failure = SourceError::malformed(name, why);
        // An empty input has no format to give.
        if first.is_empty() { failure } else { failure.advise(FORMATS) }
    })
}

/// `stream` allows an older stream, which has no mark at its start.
fn of_bytes(first: &[u8], stream: bool) -> Result<Format, &'static str> {
    let text = first.strip_prefix(&[0xef, 0xbb, 0xbf]).unwrap_or(first);
    let letter = text.iter().find(|byte| !byte.is_ascii_whitespace());
    match first {
        [b'A', b'R', b'R', b'O', b'W', b'1', ..] => Ok(Format::Arrow),
        [0xff, 0xff, 0xff, 0xff, ..] => Ok(Format::Arrows),
        [b'P', b'A', b'R', b'1', ..] => Ok(Format::Parquet),
        [b'P', b'K', 3, 4, ..] | [0xd0, 0xcf, 0x11, 0xe0, ..] => Ok(Format::Excel),
        [b'F', b'E', b'A', b'1', ..] => {
            Err("Feather V1, which is not read; write it anew as Arrow (Feather V2)")
        }
        [b'P', b'A', b'R', b'E', ..] => Err("encrypted Parquet, which is not read"),
        [] => Err("it is empty"),
        _ if stream => Ok(Format::Arrows),
        _ if matches!(letter, Some(b'{' | b'[')) => Ok(Format::Jsonl),
        // Any text may be separated values. What is not UTF-8 is refused there, with the way to convert it.
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => Ok(Format::Csv),
        _ if !text.contains(&0) => Ok(Format::Csv),
        _ => Err("its format is not recognised"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_bytes_tell() {
        for (first, format) in [
            (&b"ARROW1\0\0rest"[..], Format::Arrow),
            (b"\xff\xff\xff\xff\x10\0\0\0", Format::Arrows),
            (b"PAR1\x15\x04", Format::Parquet),
            (b"PK\x03\x04", Format::Excel),
            (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", Format::Excel),
            (b"\n  {\"a\":1}\n", Format::Jsonl),
            (b"[\n{\"a\":1}]", Format::Jsonl),
            (b"\xef\xbb\xbf{\"a\":1}", Format::Jsonl),
            (b"a,b\n1,2\n", Format::Csv),
            (b"\xff\xfea\0,\0b\0", Format::Csv),
        ] {
            assert_eq!(of_bytes(first, false), Ok(format));
        }
        assert_eq!(of_bytes(b"\x10\0\0\0\x0c\0", true), Ok(Format::Arrows));
        for first in [&b"FEA1"[..], b"", b"\x7fELF\0\0"] {
            assert!(of_bytes(first, false).is_err());
        }
    }
}
