//! Cuts separated values at the ends of records, respecting quotes.

use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use memchr::{memchr, memchr_iter, memchr2};
use rustix::fd::{AsFd, OwnedFd};

use super::dialect::{Dialect, QUOTE};
use crate::SourceError;
use crate::csv::BLOCK;
use crate::input::Bytes;
use crate::options::Reading;
use crate::pipeline::{Block, Split};

/// The longest record. A longer one most likely has an unclosed quote.
pub(crate) const LONGEST: usize = 64 << 20;

/// The most cells of a block, beside its first row.
const CELLS: usize = 1 << 20;

/// Bytes to read at a time.
const READ: usize = 256 << 10;

/// Finds the ends of records in bytes that come piece by piece.
pub(crate) trait Scan: Send {
    /// Scans `bytes` from where it stopped, until `rows` rows have ended. Returns the end of the last of them.
    fn scan(&mut self, bytes: &mut [u8], rows: u64, ended: bool) -> Ends;
    /// Announces that the bytes before `len` will be gone the next time.
    fn cut(&mut self, len: usize);
    /// Returns the line in which the next row begins.
    fn next_line(&self) -> u64;
    /// Creates the error of an input that ends within a record, or of a record that is too long.
    fn unfinished(&self, name: &str, ended: bool) -> SourceError;
}

/// The result of a scan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ends {
    /// Bytes up to the end of the last whole row.
    pub(crate) len: usize,
    pub(crate) rows: u64,
    /// True if the input ended within a row that cannot end there.
    pub(crate) broken: bool,
}

/// Settings of cutting.
#[derive(Clone, Debug)]
pub(crate) struct Cutting {
    /// Bytes of a block, if rows do not end it earlier.
    pub(crate) bytes: usize,
    /// Rows of a block at most.
    pub(crate) rows: u64,
    /// The time that whole rows wait for more.
    pub(crate) flush_every: Duration,
    /// Counts the bytes read.
    pub(crate) read: Arc<AtomicU64>,
}

impl Cutting {
    /// Cuts an input whose rows have this number of columns.
    ///
    /// A row need not have a byte for each column. Unless the rows of a batch are asked for, the cells of a block are
    /// bounded too, so that a short text cannot ask for memory without end.
    pub(crate) fn of(reading: &Reading, columns: usize) -> Cutting {
        let rows = match reading.batch_rows_asked {
            true => reading.batch_rows,
            false => reading.batch_rows.min(CELLS / columns.max(1)).max(1),
        };
        Cutting {
            bytes: if reading.batch_rows_asked { LONGEST } else { BLOCK },
            rows: rows as u64,
            flush_every: reading.flush_every,
            read: reading.read.clone(),
        }
    }
}

/// Cuts an input where `S` finds ends.
pub(crate) struct Splitter<S> {
    bytes: Bytes,
    scan: S,
    cutting: Cutting,
    carry: Vec<u8>,
    row: u64,
    line: u64,
    ended: bool,
}

impl<S: Scan> Splitter<S> {
    /// The first `skipped` rows, such as a header, are not counted.
    pub(crate) fn new(bytes: Bytes, scan: S, cutting: Cutting, skipped: u64) -> Splitter<S> {
        Splitter {
            bytes,
            scan,
            cutting,
            carry: Vec::new(),
            row: 1_u64.wrapping_sub(skipped),
            line: 1,
            ended: false,
        }
    }
}

impl<S: Scan> Split for Splitter<S> {
    fn next(&mut self, stop: &OwnedFd) -> Result<Option<Block>, SourceError> {
        let mut buffer = std::mem::take(&mut self.carry);
        buffer.reserve(self.cutting.bytes.saturating_sub(buffer.len()) + READ);
        let mut found = Ends::default();
        let mut since = None;
        loop {
            let more = self.scan.scan(&mut buffer, self.cutting.rows - found.rows, self.ended);
            found = Ends { len: found.len.max(more.len), rows: found.rows + more.rows, broken: more.broken };
            if found.rows > 0 && since.is_none() {
                since = Some(Instant::now());
            }
            let full =
                found.rows >= self.cutting.rows || buffer.len() >= self.cutting.bytes && found.rows > 0;
            if full {
                break;
            }
            if self.ended {
                if found.broken {
                    return Err(self.scan.unfinished(&self.bytes.name, true));
                }
                found.len = buffer.len();
                break;
            }
            if buffer.len() - found.len > LONGEST {
                return Err(self.scan.unfinished(&self.bytes.name, false));
            }
            let patience = since
                .map(|since| (since + self.cutting.flush_every).saturating_duration_since(Instant::now()));
            let waited = self.bytes.wait(stop.as_fd(), patience);
            if is_raised(stop) {
                return Ok(None);
            }
            if !waited {
                if patience.is_some_and(|patience| patience.is_zero()) || found.rows > 0 {
                    break;
                }
                continue;
            }
            let old = buffer.len();
            buffer.resize(old + READ, 0);
            let read = self.bytes.read(&mut buffer[old..]);
            buffer.truncate(old + *read.as_ref().unwrap_or(&0));
            match read {
                Ok(0) => self.ended = true,
                Ok(read) => {
                    self.cutting.read.fetch_add(read as u64, Ordering::Relaxed);
                }
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(SourceError::input(&self.bytes.name, &error)),
            }
        }
        if found.rows == 0 && found.len == buffer.len() && buffer.iter().all(u8::is_ascii_whitespace) {
            return Ok(None);
        }
        self.carry = buffer.split_off(found.len);
        let block = Block { bytes: buffer, row: self.row, line: self.line };
        self.scan.cut(found.len);
        self.row = self.row.wrapping_add(found.rows);
        self.line = self.scan.next_line();
        Ok(Some(block))
    }
}

fn is_raised(stop: &OwnedFd) -> bool {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut [PollFd::new(stop, PollFlags::IN)], Some(&now)).is_ok_and(|ready| ready > 0)
}

/// Finds the ends of records of separated values.
#[derive(Debug)]
pub(super) struct CsvScan {
    dialect: Dialect,
    /// The positions at which to continue and at which the record begins.
    at: usize,
    begin: usize,
    quoted: bool,
    /// The current line, and the line of the opening quote.
    line: u64,
    opened: u64,
    /// The line where the record begins.
    begins: u64,
}

impl CsvScan {
    pub(super) fn new(dialect: Dialect) -> CsvScan {
        CsvScan { dialect, at: 0, begin: 0, quoted: false, line: 1, opened: 1, begins: 1 }
    }
}

impl Scan for CsvScan {
    fn scan(&mut self, bytes: &mut [u8], rows: u64, ended: bool) -> Ends {
        let Dialect { delimiter, newline, comment } = self.dialect;
        let mut found = Ends::default();
        while found.rows < rows && self.at < bytes.len() {
            if self.quoted {
                let Some(quote) = memchr(QUOTE, &bytes[self.at..]).map(|quote| self.at + quote) else {
                    self.line += memchr_iter(newline, &bytes[self.at..]).count() as u64;
                    self.at = bytes.len();
                    break;
                };
                self.line += memchr_iter(newline, &bytes[self.at..quote]).count() as u64;
                self.at = quote;
                match bytes.get(quote + 1) {
                    Some(&QUOTE) => self.at = quote + 2,
                    None if !ended => break,
                    _ => {
                        self.quoted = false;
                        self.at = quote + 1;
                    }
                }
                continue;
            }
            let commented =
                self.at == self.begin && comment.is_some() && bytes.get(self.at).copied() == comment;
            let next = match commented {
                true => memchr(newline, &bytes[self.at..]),
                false => memchr2(newline, QUOTE, &bytes[self.at..]),
            };
            let Some(next) = next.map(|next| self.at + next) else {
                // A comment is recognised only from its beginning.
                if !commented {
                    self.at = bytes.len();
                }
                break;
            };
            self.at = next + 1;
            if bytes[next] == QUOTE {
                if next == self.begin || bytes[next - 1] == delimiter {
                    self.quoted = true;
                    self.opened = self.line;
                }
                continue;
            }
            self.line += 1;
            let blank = bytes[self.begin..next].iter().all(|byte| *byte == b'\r');
            found.rows += u64::from(!blank && !commented);
            self.begin = self.at;
            self.begins = self.line;
            found.len = self.at;
        }
        if ended && found.rows < rows && self.begin < bytes.len() && !self.quoted {
            let last = &bytes[self.begin..];
            let none =
                last.iter().all(|byte| *byte == b'\r') || comment.is_some_and(|comment| last[0] == comment);
            found.rows += u64::from(!none);
            found.len = bytes.len();
            self.begin = bytes.len();
            self.at = bytes.len();
        }
        found.broken = ended && self.quoted;
        found
    }

    fn cut(&mut self, len: usize) {
        self.at -= len;
        self.begin -= len;
    }

    fn next_line(&self) -> u64 {
        self.begins
    }

    fn unfinished(&self, name: &str, ended: bool) -> SourceError {
        let line = self.opened;
        let what = match (self.quoted, ended) {
            (true, true) => format!("the quote that opens in line {line} is never closed"),
            (true, false) => {
                format!("the quote that opens in line {line} is not closed within {} MiB", LONGEST >> 20)
            }
            (false, _) => format!("line {} is longer than {} MiB", self.line, LONGEST >> 20),
        };
        SourceError::malformed(name, what).advise("close it, or double it if it belongs to the text")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMMA: Dialect = Dialect { delimiter: b',', newline: b'\n', comment: Some(b'#') };

    #[test]
    fn ends_are_found_however_the_bytes_come() {
        let text = b"a,b\n\"x\n\"\"y\",2\n\n# \"no\n5\" pipe,3\r\nlast,4";
        for step in 1..text.len() {
            let mut scan = CsvScan::new(COMMA);
            let (mut rows, mut seen) = (0, 0);
            while seen < text.len() {
                seen = (seen + step).min(text.len());
                let mut bytes = text[..seen].to_vec();
                rows += scan.scan(&mut bytes, 100, seen == text.len()).rows;
            }
            assert_eq!((rows, scan.line), (4, 7), "{step} bytes at a time");
        }
    }

    #[test]
    fn an_open_quote_is_known_by_its_line() {
        let mut scan = CsvScan::new(COMMA);
        assert!(scan.scan(&mut b"a\n1,2\n3,\"x\n4,5\n".to_vec(), 100, true).broken);
        assert!(scan.unfinished("x.csv", true).what.contains("line 3"));
    }
}
