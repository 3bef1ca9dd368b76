//! The dialect of separated values: delimiter, line ends, comments.

use memchr::memchr;

use super::records::Records;

/// Delimiters that are detected, the likeliest first.
const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];

/// Records that a delimiter is detected from.
const LOOK: usize = 200;

/// The quote.
pub(super) const QUOTE: u8 = b'"';

/// A dialect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Dialect {
    pub(super) delimiter: u8,
    /// The line end; a carriage return before a newline belongs to it.
    pub(super) newline: u8,
    pub(super) comment: Option<u8>,
}

impl Dialect {
    /// Returns the dialect of a sample. Without a given delimiter, the one that splits the lines into equally many
    /// fields.
    pub(super) fn of(sample: &[u8], delimiter: Option<u8>, comment: Option<u8>) -> Dialect {
        let newline = match (memchr(b'\n', sample), memchr(b'\r', sample)) {
            (None, Some(_)) => b'\r',
            _ => b'\n',
        };
        let with = |delimiter| Dialect { delimiter, newline, comment };
        if let Some(delimiter) = delimiter {
            return with(delimiter);
        }
        let score = |delimiter: &u8| {
            let mut records = Records::default();
            let (counts, whole) = match records.cut(sample, with(*delimiter), LOOK) {
                Ok(()) => (records.counts().collect::<Vec<_>>(), true),
                Err(_) => (records.counts().collect(), false),
            };
            let first = counts.first().copied().unwrap_or(0);
            let alike = counts.iter().filter(|count| **count == first).count();
            // All lines equal, then most lines equal, then most fields.
            (first > 1, whole && alike == counts.len(), alike, first)
        };
        // Of equal scores, the first.
        let best = DELIMITERS.iter().rev().max_by_key(|delimiter| score(delimiter)).copied();
        with(best.filter(|best| score(best).0).unwrap_or(b','))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delimiters_are_recognised() {
        for (text, delimiter) in [
            ("a,b\n1,2\n", b','),
            ("a;b\n1,5;2,5\n3,5;4\n", b';'),
            ("a\tb\n\"x,y\"\t2\n", b'\t'),
            ("a|b\n1|2\n", b'|'),
            ("a\n1\n", b','),
            ("name,note\nx,\"a;b;c\"\ny,\"d;e;f\"\n", b','),
            ("", b','),
        ] {
            assert_eq!(Dialect::of(text.as_bytes(), None, None).delimiter, delimiter, "{text:?}");
        }
        assert_eq!(Dialect::of(b"a,b\r1,2\r", None, None).newline, b'\r');
        assert_eq!(Dialect::of(b"a;b\n", Some(b','), None).delimiter, b',');
    }
}
