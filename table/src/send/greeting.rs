//! The greeting for a newcomer: the schema message, the hints, and how much was sent before it connected.

/// Digits of the largest count.
const DIGITS: usize = 20;

/// A greeting whose counts are kept up to date in place, without the heap.
#[derive(Debug)]
pub(super) struct Greeting {
    bytes: Vec<u8>,
    /// The offsets of the digits of `rows-sent` and `batches-sent`.
    rows_at: usize,
    batches_at: usize,
}

impl Greeting {
    /// Appends the counts to `greeting`.
    pub(super) fn new(greeting: &[u8]) -> Greeting {
        let mut bytes = greeting.to_vec();
        let mut line = |key: &[u8]| {
            bytes.extend_from_slice(key);
            let at = bytes.len();
            bytes.extend_from_slice(&[b'0'; DIGITS]);
            bytes.push(b'\n');
            at
        };
        let rows_at = line(b"rows-sent=");
        let batches_at = line(b"batches-sent=");
        Greeting { bytes, rows_at, batches_at }
    }

    /// Returns the greeting for a receiver that connects after this many rows and batches.
    pub(super) fn after(&mut self, rows: u64, batches: u64) -> &[u8] {
        for (at, mut count) in [(self.rows_at, rows), (self.batches_at, batches)] {
            for digit in self.bytes[at..at + DIGITS].iter_mut().rev() {
                *digit = b'0' + (count % 10) as u8;
                count /= 10;
            }
        }
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Hints;

    #[test]
    fn the_counts_are_those_of_now() {
        let hints = Hints { rows: Some(7), name: Some("n".into()), ..Hints::default() };
        let mut greeting = Greeting::new(hints.lines().as_bytes());
        for (rows, batches) in [(0, 0), (u64::MAX, 12), (3, 1)] {
            let expected = Hints { rows_sent: Some(rows), batches_sent: Some(batches), ..hints.clone() };
            assert_eq!(Hints::parse(greeting.after(rows, batches)), expected);
        }
    }
}
