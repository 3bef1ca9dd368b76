//! A block of text, cut into records and fields.
//!
//! A quote is special only at the beginning of a field. After the closing quote there must be a delimiter or the end
//! of the line: anything else means that a quote is missing somewhere, and is an error.

use memchr::memchr;

use super::dialect::{Dialect, QUOTE};

/// A field: its place in its block, and how it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cell {
    start: u32,
    len: u32,
}

const QUOTED: u32 = 1 << 31;
const ESCAPED: u32 = 1 << 30;

impl Cell {
    fn new(start: usize, end: usize, marks: u32) -> Cell {
        // A block is far shorter than a cell can represent.
        Cell { start: start as u32, len: (end - start) as u32 | marks }
    }

    /// Returns the bytes, without the quotes around them; quotes within are still double.
    pub(super) fn raw(self, block: &[u8]) -> &[u8] {
        let start = self.start as usize;
        &block[start..start + (self.len & !(QUOTED | ESCAPED)) as usize]
    }

    pub(super) fn is_quoted(self) -> bool {
        self.len & QUOTED != 0
    }

    pub(super) fn is_escaped(self) -> bool {
        self.len & ESCAPED != 0
    }

    pub(super) fn start(self) -> usize {
        self.start as usize
    }
}

/// Misplaced quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Broken {
    /// The quote at this byte is not closed.
    Open(usize),
    /// There is more text after the quoted field that begins at this byte.
    Behind(usize),
}

impl Broken {
    /// Returns the byte at which the field begins.
    pub(super) fn at(self) -> usize {
        let (Broken::Open(at) | Broken::Behind(at)) = self;
        at
    }
}

/// The fields of a block, record by record.
#[derive(Debug, Default)]
pub(super) struct Records {
    cells: Vec<Cell>,
    /// For each record, the index of its first cell; and the total number of cells at the end.
    begins: Vec<u32>,
}

impl Records {
    /// Cuts a block into at most `most` records. Skips blank lines and comments.
    pub(super) fn cut(&mut self, block: &[u8], dialect: Dialect, most: usize) -> Result<(), Broken> {
        self.cells.clear();
        self.begins.clear();
        self.begins.push(0);
        let (delimiter, newline) = (dialect.delimiter, dialect.newline);
        let mut at = 0;
        while at < block.len() && self.begins.len() <= most {
            match block[at] {
                byte if byte == newline || byte == b'\r' => {
                    at += 1;
                    continue;
                }
                byte if Some(byte) == dialect.comment => {
                    at = memchr(newline, &block[at..]).map_or(block.len(), |end| at + end + 1);
                    continue;
                }
                _ => {}
            }
            // One field per iteration.
            loop {
                let (cell, end) = match block.get(at) {
                    Some(&QUOTE) => quoted(block, at, dialect)?,
                    _ => {
                        let rest = &block[at..];
                        let len = rest.iter().position(|byte| *byte == delimiter || *byte == newline);
                        let end = at + len.unwrap_or(rest.len());
                        let cut = usize::from(
                            end > at && block[end - 1] == b'\r' && block.get(end) != Some(&delimiter),
                        );
                        (Cell::new(at, end - cut, 0), end)
                    }
                };
                self.cells.push(cell);
                at = end + 1;
                // The end of a block is the end of a record too.
                if block.get(end) != Some(&delimiter) {
                    break;
                }
            }
            self.begins.push(self.cells.len() as u32);
        }
        Ok(())
    }

    pub(super) fn len(&self) -> usize {
        self.begins.len().saturating_sub(1)
    }

    /// Returns the fields of a record.
    pub(super) fn record(&self, record: usize) -> &[Cell] {
        &self.cells[self.begins[record] as usize..self.begins[record + 1] as usize]
    }

    /// Returns the number of fields of each record.
    pub(super) fn counts(&self) -> impl Iterator<Item = usize> {
        self.begins.windows(2).map(|pair| (pair[1] - pair[0]) as usize)
    }

    /// Pads records that are too short with nulls.
    pub(super) fn pad(&mut self, columns: usize) {
        if self.counts().all(|count| count == columns) {
            return;
        }
        let mut cells = Vec::with_capacity(self.len() * columns);
        for record in 0..self.len() {
            let found = self.record(record);
            cells.extend(found.iter().take(columns));
            cells.extend(std::iter::repeat_n(Cell { start: 0, len: 0 }, columns.saturating_sub(found.len())));
        }
        self.begins = (0..=self.len()).map(|record| (record * columns) as u32).collect();
        self.cells = cells;
    }

    /// Drops the first record.
    pub(super) fn drop_first(&mut self) {
        if self.begins.len() > 1 {
            self.begins.remove(0);
        }
    }

    /// Returns all cells from the first record on, if each record has `columns` of them.
    pub(super) fn cells(&self) -> &[Cell] {
        &self.cells[self.begins.first().map_or(0, |first| *first as usize)..]
    }
}

/// Returns the field whose opening quote is at `at`, and its end.
fn quoted(block: &[u8], at: usize, dialect: Dialect) -> Result<(Cell, usize), Broken> {
    let mut from = at + 1;
    let mut marks = QUOTED;
    loop {
        let Some(quote) = memchr(QUOTE, &block[from..]).map(|found| from + found) else {
            return Err(Broken::Open(at));
        };
        let cell = || Cell::new(at + 1, quote, marks);
        match block.get(quote + 1) {
            Some(&QUOTE) => {
                marks |= ESCAPED;
                from = quote + 2;
            }
            None => return Ok((cell(), quote + 1)),
            Some(&byte) if byte == dialect.delimiter || byte == dialect.newline => {
                return Ok((cell(), quote + 1));
            }
            Some(&b'\r') if matches!(block.get(quote + 2), None | Some(&b'\n')) => {
                return Ok((cell(), quote + 2));
            }
            Some(_) => return Err(Broken::Behind(at)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMMA: Dialect = Dialect { delimiter: b',', newline: b'\n', comment: Some(b'#') };

    fn cut(text: &str) -> Result<Vec<Vec<String>>, Broken> {
        let mut records = Records::default();
        records.cut(text.as_bytes(), COMMA, usize::MAX)?;
        let cell = |cell: &Cell| String::from_utf8_lossy(cell.raw(text.as_bytes())).into_owned();
        Ok((0..records.len()).map(|record| records.record(record).iter().map(cell).collect()).collect())
    }

    #[test]
    fn records_and_fields() {
        assert_eq!(cut("a,b\n1,2\n"), Ok(vec![vec!["a".into(), "b".into()], vec!["1".into(), "2".into()]]));
        assert_eq!(cut("a,\r\n,b"), Ok(vec![vec!["a".into(), "".into()], vec!["".into(), "b".into()]]));
        assert_eq!(cut("\n# no\n\"x\ny\",\"\"\"\"\r\n"), Ok(vec![vec!["x\ny".into(), "\"\"".into()]]));
        assert_eq!(cut("5\" pipe,6\n"), Ok(vec![vec!["5\" pipe".into(), "6".into()]]));
        assert_eq!(cut("a,\"b\nc,d\n"), Err(Broken::Open(2)));
        assert_eq!(cut("a,\"b\nc,\"d\"\n"), Err(Broken::Behind(2)));
    }
}
