//! Separated values: cut at the ends of records by one thread, parsed by others, with inferred or given types.

mod column;
mod dialect;
mod infer;
mod records;
mod split;

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};

use arrow_array::{RecordBatch, RecordBatchOptions};
use arrow_schema::{Field, Schema, SchemaRef};

use self::column::{Fields, Unfit};
use self::dialect::Dialect;
use self::infer::{NULL_WORDS, Seen};
use self::records::{Broken, Records};
use self::split::CsvScan;
pub(crate) use self::split::{Cutting, Ends, LONGEST, Scan, Splitter};
use crate::format::FORMATS;
use crate::input::Opened;
use crate::options::{InferRows, Reading};
use crate::pipeline::{Block, Parse, Pipeline, survey};
use crate::third_party::guard;
use crate::{Batches, SourceError, schema, text};

/// The size up to which a whole file is examined before types are decided.
pub(crate) const WHOLE: u64 = 64 << 20;

/// The size of the samples of a longer file, and their number.
pub(crate) const PART: usize = 256 << 10;
pub(crate) const PARTS: u64 = 64;

/// Bytes of a block.
pub(crate) const BLOCK: usize = 1 << 20;

/// Separated values.
pub(crate) struct Csv {
    /// `Some` until the first batch is requested.
    unread: Option<(Opened, CsvScan)>,
    cutting: Cutting,
    parse: Arc<CsvParse>,
    pipeline: Option<Pipeline>,
    threads: usize,
}

/// Parses blocks into batches.
struct CsvParse {
    dialect: Dialect,
    schema: SchemaRef,
    /// The basis of the types, for people.
    basis: String,
    header: bool,
    ragged: bool,
    quoted_empty: bool,
    nulls: Vec<Vec<u8>>,
    text_nulls: Vec<Vec<u8>>,
    name: String,
    /// Memory for reuse.
    spare: Mutex<Vec<Records>>,
}

impl Csv {
    /// Opens separated values. `exact` is the schema if it is already known.
    pub(crate) fn open(
        mut opened: Opened,
        reading: &Reading,
        given: Option<&SchemaRef>,
        exact: Option<&SchemaRef>,
    ) -> Result<Csv, SourceError> {
        let name = opened.name().to_owned();
        let lower = name.to_ascii_lowercase();
        if reading.infer_rows == InferRows::All && exact.is_none() {
            opened = opened.keep()?;
        }
        let delimiter = reading.delimiter.or_else(|| lower.contains(".tsv").then_some(b'\t'));
        let lines = 1 + usize::from(reading.header);
        opened.sample(lines, reading.flush_every)?;
        let sample = unmarked(opened.complete_lines(lines)?);
        is_text(sample, reading)
            .map_err(|(why, advice)| SourceError::malformed(&name, why).advise(advice))?;
        let dialect = Dialect::of(sample, delimiter, reading.comment);
        let names = names(sample, dialect, reading.header, &name)?;
        if reading.format.is_none()
            && names.len() < 2
            && given.is_none()
            && ![".csv", ".tsv"].iter().any(|end| lower.contains(end))
        {
            return Err(SourceError::malformed(&name, "text, and no table: its first line has one field")
                .advise("say --format csv if it is a column, and --delimiter if it has others"));
        }
        let defaults = || NULL_WORDS.iter().map(|word| word.as_bytes().to_vec()).collect();
        let named = reading.null_values.as_ref();
        let named = named.map(|words| words.iter().map(|word| word.as_bytes().to_vec()).collect::<Vec<_>>());
        let nulls: Vec<Vec<u8>> = named.clone().unwrap_or_else(defaults);
        let text_nulls = named.unwrap_or_default();
        let cutting = Cutting::of(reading, names.len());
        let mut parse = CsvParse {
            dialect,
            schema: Arc::new(Schema::empty()),
            basis: "given with --schema".to_owned(),
            header: reading.header,
            ragged: reading.ragged,
            quoted_empty: reading.quoted_empty,
            nulls,
            text_nulls,
            name,
            spare: Mutex::default(),
        };
        let given_all = given.is_some_and(|given| given.fields().len() == names.len());
        parse.schema = match exact {
            Some(exact) => exact.clone(),
            None => {
                let seen = match given_all {
                    true => vec![Seen::default(); names.len()],
                    false => parse.survey(&opened, names.len(), reading)?,
                };
                let fields = names.iter().zip(&seen);
                let inferred = fields.map(|(name, seen)| Field::new(name, seen.data_type(), true));
                let schema = schema::apply(given, inferred.collect(), &parse.name, true)?;
                schema::supported(&schema, "CSV", text::has_form)?;
                schema
            }
        };
        // A `NaN` in a column that the user calls a number is a value, not null.
        if reading.null_values.is_none() && given.is_some() {
            parse.nulls.retain(|word| !word.eq_ignore_ascii_case(b"nan"));
        }
        let threads = reading.threads;
        let unread = Some((opened, CsvScan::new(dialect)));
        Ok(Csv { unread, cutting, parse: Arc::new(parse), pipeline: None, threads })
    }
}

/// Skips the byte order mark that some editors write.
pub(crate) fn unmarked(text: &[u8]) -> &[u8] {
    text.strip_prefix(&[0xef, 0xbb, 0xbf]).unwrap_or(text)
}

/// Returns the names of the columns.
fn names(sample: &[u8], dialect: Dialect, header: bool, name: &str) -> Result<Vec<String>, SourceError> {
    let mut records = Records::default();
    records.cut(sample, dialect, 1).map_err(|broken| {
        let line = 1 + newlines(sample, dialect, broken.at());
        broken_quote(name, broken, line)
    })?;
    if records.len() == 0 {
        return Err(SourceError::malformed(name, "it has no line"));
    }
    let cells = records.record(0).iter().enumerate();
    let named = |(column, cell): (usize, &records::Cell)| match header {
        true => String::from_utf8_lossy(cell.raw(sample)).replace("\"\"", "\""),
        false => format!("column_{}", column + 1),
    };
    Ok(cells.map(named).collect())
}

fn newlines(text: &[u8], dialect: Dialect, until: usize) -> u64 {
    memchr::memchr_iter(dialect.newline, &text[..until]).count() as u64
}

fn broken_quote(name: &str, broken: Broken, line: u64) -> SourceError {
    let what = match broken {
        Broken::Open(_) => format!("the quote that opens in line {line} is never closed"),
        Broken::Behind(_) => {
            format!("line {line}: behind the quote that closes a field stands text; a quote may be missing")
        }
    };
    SourceError::malformed(name, what).advise("close it, or double it if it belongs to the text")
}

/// Checks that it is text at all; the last character of the sample may be cut. Otherwise returns the reason and
/// advice.
fn is_text(sample: &[u8], reading: &Reading) -> Result<(), (String, &'static str)> {
    if matches!(sample, [0xff, 0xfe, ..] | [0xfe, 0xff, ..]) {
        return Err((
            "text in UTF-16".to_owned(),
            "convert it, as in `iconv -f utf16 -t utf8 FILE | sender -`",
        ));
    }
    match std::str::from_utf8(sample) {
        Err(error) if error.error_len().is_some() => Err(match reading.format {
            None => ("its format is not recognised: it is no text in UTF-8 either".to_owned(), FORMATS),
            Some(_) => {
                let at = error.valid_up_to();
                (
                    format!("no text in UTF-8, from byte {at} on"),
                    "convert it, as in `iconv -f latin1 -t utf8 FILE | sender -`",
                )
            }
        }),
        _ => Ok(()),
    }
}

impl CsvParse {
    /// Examines the fields of the requested part of the input.
    fn survey(
        &mut self,
        opened: &Opened,
        columns: usize,
        reading: &Reading,
    ) -> Result<Vec<Seen>, SourceError> {
        let mut seen = vec![Seen::default(); columns];
        let mut records = Records::default();
        let rows = match reading.infer_rows {
            InferRows::Rows(rows) => Some(rows),
            _ => None,
        };
        let whole = match (reading.infer_rows, opened.len()) {
            (InferRows::All, _) => true,
            (InferRows::Auto, Some(len)) => opened.can_be_read_again() && len <= WHOLE,
            // Compressed: its content is only known once it was read.
            (InferRows::Auto, None) => false,
            (InferRows::Rows(_), _) => opened.can_be_read_again(),
        };
        if whole && opened.can_be_read_again() && !opened.is_known_whole() {
            let cutting = Cutting {
                bytes: BLOCK,
                rows: rows.unwrap_or(u64::MAX),
                flush_every: reading.flush_every,
                read: Arc::new(AtomicU64::new(0)),
            };
            let skipped = u64::from(self.header);
            let mut split = Splitter::new(opened.reopened()?, CsvScan::new(self.dialect), cutting, skipped);
            let parse = &*self;
            let looks = survey(&mut split, reading.threads, rows, |block| {
                let mut seen = vec![Seen::default(); columns];
                let mut records = Records::default();
                let bytes = parse.cut(&block, &mut records)?;
                let left = rows.map_or(usize::MAX, |rows| rows.saturating_sub(block.row.max(1) - 1) as usize);
                parse.look(bytes, &records, left, &mut seen);
                Ok(seen)
            })?;
            for look in &looks {
                seen.iter_mut().zip(look).for_each(|(seen, look)| seen.join(look));
            }
        } else {
            let sample = opened.first(usize::MAX);
            let sample = unmarked(match opened.is_known_whole() {
                true => sample,
                false => {
                    memchr::memrchr(self.dialect.newline, sample).map_or(sample, |end| &sample[..end + 1])
                }
            });
            // The sample may end within quotes; what comes before is examined.
            let _ = records.cut(sample, self.dialect, rows.map_or(usize::MAX, |rows| rows as usize + 1));
            if self.header {
                records.drop_first();
            }
            self.look(sample, &records, usize::MAX, &mut seen);
            if let (InferRows::Auto, Some(len)) = (reading.infer_rows, opened.len())
                && !opened.is_known_whole()
            {
                for part in 1..PARTS {
                    let from = len / PARTS * part;
                    let part =
                        opened.part(from, PART).map_err(|error| SourceError::input(&self.name, &error))?;
                    let newline = self.dialect.newline;
                    let (begin, end) = (memchr::memchr(newline, &part), memchr::memrchr(newline, &part));
                    let (Some(begin), Some(end)) = (begin, end) else { continue };
                    // If it begins within quotes the fields make no sense, and the part is ignored.
                    let part = &part[begin + 1..end.max(begin) + 1];
                    if records.cut(part, self.dialect, usize::MAX).is_ok()
                        && records.counts().all(|count| count == columns)
                    {
                        self.look(part, &records, usize::MAX, &mut seen);
                    }
                }
            }
        }
        self.basis = match (opened.is_known_whole() || whole && rows.is_none(), rows) {
            (true, _) => "inferred from all rows".to_owned(),
            (false, Some(rows)) => format!("inferred from the first {rows} rows"),
            (false, None) if opened.len().is_some() => "inferred from samples of the file".to_owned(),
            (false, None) => "inferred from the first rows".to_owned(),
        };
        Ok(seen)
    }

    fn look(&self, block: &[u8], records: &Records, most: usize, seen: &mut [Seen]) {
        for record in 0..records.len().min(most) {
            for (seen, cell) in seen.iter_mut().zip(records.record(record)) {
                seen.look(*cell, block, |text| self.nulls.iter().any(|null| null == text));
            }
        }
    }

    /// Cuts a block into records, without the header.
    fn cut<'a>(&self, block: &'a Block, records: &mut Records) -> Result<&'a [u8], SourceError> {
        let bytes = if block.line == 1 { unmarked(&block.bytes) } else { &block.bytes };
        records.cut(bytes, self.dialect, usize::MAX).map_err(|broken| {
            broken_quote(&self.name, broken, block.line + newlines(bytes, self.dialect, broken.at()))
        })?;
        if self.header && block.row == 0 {
            records.drop_first();
        }
        Ok(bytes)
    }

    fn batch(&self, block: &Block, records: &mut Records) -> Result<RecordBatch, SourceError> {
        let bytes = self.cut(block, records)?;
        let columns = self.schema.fields().len();
        let line = |at: usize| block.line + newlines(bytes, self.dialect, at);
        if self.ragged && records.counts().all(|count| count <= columns) {
            records.pad(columns);
        }
        if let Some((row, count)) = records.counts().enumerate().find(|(_, count)| *count != columns) {
            let line = line(records.record(row)[0].start());
            let counted =
                |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
            let (fields, table) = (counted(count, "field"), counted(columns, "column"));
            let what = format!("line {line} has {fields}, and the table has {table}");
            let first = self.schema.fields().first();
            let is_comment =
                self.dialect.comment.is_none() && first.is_some_and(|f| f.name().starts_with('#'));
            return Err(SourceError::malformed(&self.name, what).advise(match count < columns {
                _ if is_comment => "--comment '#' passes over lines that begin with it",
                true => "--ragged fills what is missing with nulls; --delimiter says what separates fields",
                false => "--delimiter says what separates fields; fields that contain it must be quoted",
            }));
        }
        let fields = Fields {
            block: bytes,
            cells: records.cells(),
            columns,
            nulls: &self.nulls,
            text_nulls: &self.text_nulls,
            quoted_empty: self.quoted_empty,
        };
        let first = block.row + u64::from(self.header && block.row == 0);
        let mut arrays = Vec::with_capacity(columns);
        for (column, field) in self.schema.fields().iter().enumerate() {
            let array = fields.array(column, field).map_err(|Unfit(row)| {
                let cell = records.record(row)[column];
                self.unfit(field, cell.raw(bytes), first + row as u64, line(cell.start()))
            })?;
            if !field.is_nullable() && array.null_count() > 0 {
                let row = (0..array.len()).find(|row| array.is_null(*row)).unwrap_or(0);
                let (row, line) = (first + row as u64, line(records.record(row)[column].start()));
                let what =
                    format!("row {row} (line {line}): column {:?} is null, and must not be", field.name());
                return Err(SourceError::malformed(&self.name, what));
            }
            arrays.push(array);
        }
        let options = RecordBatchOptions::new().with_row_count(Some(records.len()));
        RecordBatch::try_new_with_options(self.schema.clone(), arrays, &options)
            .map_err(|error| SourceError::malformed(&self.name, error))
    }

    /// Creates the error of a field that does not fit its column's type.
    fn unfit(&self, field: &Field, cell: &[u8], row: u64, line: u64) -> SourceError {
        if str::from_utf8(cell).is_err() {
            let what = format!("row {row} (line {line}): column {:?} is no text in UTF-8", field.name());
            return SourceError::malformed(&self.name, what)
                .advise("convert it, as in `iconv -f latin1 -t utf8 FILE | sender -`");
        }
        let text: String = String::from_utf8_lossy(cell).chars().take(40).collect();
        let (found, expected) = (schema::named(&infer::type_of(cell)), schema::named(field.data_type()));
        let what = format!(
            "row {row} (line {line}), column {:?}: {text:?} is {found}, and the column is {expected} ({})",
            field.name(),
            self.basis
        );
        SourceError::malformed(&self.name, what).advise(match self.basis.starts_with("inferred") {
            true => format!(
                "--infer-rows all looks at all rows first; or give the type with --schema '{} {found}'",
                field.name()
            ),
            false => {
                format!("give another type with --schema, or name what is null with --null-values '{text}'")
            }
        })
    }
}

impl Parse for CsvParse {
    fn parse(&self, block: Block) -> Result<RecordBatch, SourceError> {
        let mut spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner);
        let mut records = spare.pop().unwrap_or_default();
        drop(spare);
        let batch = guard(&self.name, "CSV", || self.batch(&block, &mut records));
        self.spare.lock().unwrap_or_else(PoisonError::into_inner).push(records);
        batch
    }
}

impl std::fmt::Debug for Csv {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Csv").field("name", &self.parse.name).finish_non_exhaustive()
    }
}

impl Batches for Csv {
    fn schema(&self) -> &SchemaRef {
        &self.parse.schema
    }

    fn next(&mut self) -> Result<Option<RecordBatch>, SourceError> {
        if let Some((opened, scan)) = self.unread.take() {
            let split =
                Splitter::new(opened.bytes(), scan, self.cutting.clone(), u64::from(self.parse.header));
            self.pipeline = Some(Pipeline::start(split, self.parse.clone(), self.threads)?);
        }
        let Some(pipeline) = &mut self.pipeline else { return Ok(None) };
        loop {
            match pipeline.next()? {
                Some(batch) if batch.num_rows() == 0 => {}
                batch => return Ok(batch),
            }
        }
    }
}
