//! Excel and OpenDocument workbooks: one sheet, read as a whole.
//!
//! Cells have types of their own; a column with cells of different types is text. Empty cells and errors such as
//! `#N/A` are null.

use std::collections::HashSet;
use std::fs::File;
use std::io::BufReader;
use std::os::unix::fs::FileExt;

use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions, StringArray};
use arrow_schema::{DataType, Field, SchemaRef, TimeUnit};
use calamine::{Data, Ods, Range, Reader, Xls, Xlsx};

use crate::input::Opened;
use crate::options::Reading;
use crate::third_party::guard;
use crate::{Batches, SourceError, schema, text};

/// The most cells of a sheet, empty ones between others included.
const MOST_CELLS: u64 = 64 << 20;

/// A sheet of a workbook.
#[derive(Debug)]
pub(crate) struct Excel {
    batch: RecordBatch,
    next: usize,
    batch_rows: usize,
}

impl Excel {
    pub(crate) fn open(
        opened: Opened,
        reading: &Reading,
        given: Option<&SchemaRef>,
    ) -> Result<Excel, SourceError> {
        let name = opened.name().to_owned();
        let file = opened.file()?;
        let mut first = [0; 64];
        let known = file.read_at(&mut first, 0).map_err(|error| SourceError::input(&name, &error))?;
        let first = &first[..known];
        let file = BufReader::new(file);
        let range = guard(&name, "Excel", || match first.get(38..46) {
            _ if first.starts_with(&[0xd0, 0xcf]) => sheet::<Xls<_>>(file, reading, &name, |_, _| Ok(())),
            Some(b"applicat") => sheet::<Ods<_>>(file, reading, &name, |_, _| Ok(())),
            _ => sheet::<Xlsx<_>>(file, reading, &name, |book, sheet| bounded(book, sheet, &name)),
        })?;
        let (schema, columns, rows) = columns(&range, reading.header, given, &name)?;
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let batch = RecordBatch::try_new_with_options(schema, columns, &options)
            .map_err(|error| SourceError::malformed(&name, error))?;
        Ok(Excel { batch, next: 0, batch_rows: reading.batch_rows })
    }
}

/// Reads the requested sheet, or the first.
fn sheet<B: Reader<BufReader<File>>>(
    file: BufReader<File>,
    reading: &Reading,
    name: &str,
    check: impl Fn(&mut B, &str) -> Result<(), SourceError>,
) -> Result<Range<Data>, SourceError> {
    let failed = |error: B::Error| SourceError::malformed(name, format!("{error:?}"));
    let mut book = B::new(file).map_err(failed)?;
    let names = book.sheet_names();
    let wanted = reading.sheet.as_deref().unwrap_or("1");
    let by_number = || wanted.parse::<usize>().ok().and_then(|number| names.get(number.checked_sub(1)?));
    let Some(sheet) = names.iter().find(|name| *name == wanted).or_else(by_number) else {
        let what = format!("{name} has no sheet {wanted:?}");
        return Err(SourceError::usage(what).advise(format!("its sheets: {}", names.join(", "))));
    };
    check(&mut book, sheet)?;
    book.worksheet_range(sheet).map_err(failed)
}

/// Refuses a sheet whose corners are too far apart: the library allocates every cell between them.
fn bounded(book: &mut Xlsx<BufReader<File>>, sheet: &str, name: &str) -> Result<(), SourceError> {
    let failed = |error| SourceError::malformed(name, error);
    let mut cells = book.worksheet_cells_reader(sheet).map_err(failed)?;
    let (mut rows, mut columns) = (0_u64, 0_u64);
    while let Some(cell) = cells.next_cell().map_err(failed)? {
        let (row, column) = cell.get_position();
        (rows, columns) = (rows.max(u64::from(row) + 1), columns.max(u64::from(column) + 1));
        if rows * columns > MOST_CELLS {
            let why = format!("sheet {sheet:?} has more than {MOST_CELLS} cells, empty ones included");
            return Err(SourceError::malformed(name, why));
        }
    }
    Ok(())
}

type Columns = (SchemaRef, Vec<ArrayRef>, usize);

/// Converts a sheet to columns.
fn columns(
    range: &Range<Data>,
    header: bool,
    given: Option<&SchemaRef>,
    name: &str,
) -> Result<Columns, SourceError> {
    let begin = usize::from(header);
    let mut taken = HashSet::new();
    let mut fields = Vec::with_capacity(range.width());
    for column in 0..range.width() {
        let title = range.get((0, column)).filter(|_| header).and_then(value);
        let title = title.unwrap_or_else(|| format!("column_{}", column + 1));
        if !taken.insert(title.clone()) {
            return Err(SourceError::malformed(name, format!("column {title:?} is there twice"))
                .advise("--no-header reads the sheet without names"));
        }
        let cells = range.rows().skip(begin).map(|row| &row[column]);
        fields.push(Field::new(title, data_type(cells), true));
    }
    let schema = schema::apply(given, fields, name, true)?;
    schema::supported(&schema, "Excel", text::has_form)?;
    let mut columns = Vec::with_capacity(range.width());
    for (column, field) in schema.fields().iter().enumerate() {
        let texts: StringArray = range.rows().skip(begin).map(|row| value(&row[column])).collect();
        columns.push(text::parse(&texts, field.data_type()).map_err(|row| {
            let row = row.unwrap_or(0);
            let (text, data_type) = (texts.value(row), schema::named(field.data_type()));
            let what = format!("row {row}, column {:?}: {text:?} is not of type {data_type}", field.name());
            SourceError::malformed(name, what)
        })?);
    }
    Ok((schema, columns, range.height().saturating_sub(begin)))
}

/// Returns the type of all cells of a column; text if they differ.
fn data_type<'a>(cells: impl Iterator<Item = &'a Data>) -> DataType {
    let mut seen: Option<DataType> = None;
    for cell in cells {
        let one = match cell {
            Data::Empty | Data::Error(_) => continue,
            Data::Int(_) => DataType::Int64,
            // Workbooks keep every number as a float.
            Data::Float(number) if number.fract() == 0.0 && number.abs() < 9e15 => DataType::Int64,
            Data::Float(_) => DataType::Float64,
            Data::Bool(_) => DataType::Boolean,
            Data::DateTime(moment) if moment.is_duration() => DataType::Duration(TimeUnit::Millisecond),
            Data::DateTime(moment) if moment.as_f64() < 1.0 => DataType::Time32(TimeUnit::Millisecond),
            Data::DateTime(moment) if moment.as_f64().fract() == 0.0 => DataType::Date32,
            Data::DateTime(_) => DataType::Timestamp(TimeUnit::Millisecond, None),
            Data::DateTimeIso(text) if text.len() == 10 => DataType::Date32,
            Data::DateTimeIso(_) => DataType::Timestamp(TimeUnit::Millisecond, None),
            Data::DurationIso(_) => DataType::Duration(TimeUnit::Millisecond),
            Data::String(_) => return DataType::Utf8,
        };
        seen = Some(match (seen, one) {
            (None, one) => one,
            (Some(before), one) if before == one => one,
            (Some(DataType::Int64 | DataType::Float64), DataType::Int64 | DataType::Float64) => {
                DataType::Float64
            }
            (Some(DataType::Date32), DataType::Timestamp(..))
            | (Some(DataType::Timestamp(..)), DataType::Date32) => {
                DataType::Timestamp(TimeUnit::Millisecond, None)
            }
            _ => return DataType::Utf8,
        });
    }
    seen.unwrap_or(DataType::Utf8)
}

/// Returns a cell as text, if it is not empty.
fn value(cell: &Data) -> Option<String> {
    Some(match cell {
        Data::Empty | Data::Error(_) => return None,
        Data::Int(number) => number.to_string(),
        Data::Float(number) => number.to_string(),
        Data::Bool(truth) => truth.to_string(),
        Data::String(text) | Data::DateTimeIso(text) | Data::DurationIso(text) => text.clone(),
        Data::DateTime(moment) if moment.is_duration() => {
            let milliseconds = (moment.as_f64() * 86_400_000.0).round() as i64;
            let sign = if milliseconds < 0 { "-" } else { "" };
            let milliseconds = milliseconds.unsigned_abs();
            format!("{sign}PT{}.{:03}S", milliseconds / 1000, milliseconds % 1000)
        }
        Data::DateTime(moment) => {
            let (year, month, day, hour, minute, second, millisecond) = moment.to_ymd_hms_milli();
            let time = format!("{hour:02}:{minute:02}:{second:02}.{millisecond:03}");
            match moment.as_f64() {
                value if value < 1.0 => time,
                value if value.fract() == 0.0 => format!("{year:04}-{month:02}-{day:02}"),
                _ => format!("{year:04}-{month:02}-{day:02}T{time}"),
            }
        }
    })
}

impl Batches for Excel {
    fn schema(&self) -> &SchemaRef {
        self.batch.schema_ref()
    }

    fn rows(&self) -> Option<u64> {
        Some(self.batch.num_rows() as u64)
    }

    fn next(&mut self) -> Result<Option<RecordBatch>, SourceError> {
        let rows = self.batch_rows.min(self.batch.num_rows() - self.next);
        if rows == 0 {
            return Ok(None);
        }
        let batch = self.batch.slice(self.next, rows);
        self.next += rows;
        Ok(Some(batch))
    }
}
