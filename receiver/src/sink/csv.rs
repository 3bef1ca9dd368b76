//! Comma-separated values, with a header line, in the forms of `FORMATS.md`.
//!
//! Null is nothing between commas; text without letters is `""`. `NaN` stands in quotes, as many readers take it for
//! null without.

use std::io::Write;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_cast::cast;
use arrow_cast::display::ArrayFormatter;
use arrow_schema::{ArrowError, DataType, SchemaRef};

use super::form::{Moments, OPTIONS, is_moment};
use super::{End, Sink};
use crate::failure::Failure;
use crate::output::{Output, Watch};

/// Bytes that are gathered before they are written.
const GATHERED: usize = 1 << 16;

/// Writes CSV.
#[derive(Debug)]
pub(super) struct Csv {
    output: Output,
    watch: Watch,
}

impl Csv {
    pub(super) fn new(mut output: Output, schema: &SchemaRef) -> Result<Csv, Failure> {
        let watch = output.watch();
        let mut header = String::new();
        for (place, field) in schema.fields().iter().enumerate() {
            header.push_str(if place > 0 { "," } else { "" });
            cell(field.name(), field.name().is_empty(), &mut header);
        }
        header.push('\n');
        output.write_all(header.as_bytes()).map_err(|error| watch.explain(error))?;
        Ok(Csv { output, watch })
    }
}

impl Sink for Csv {
    fn write(&mut self, batch: &RecordBatch) -> Result<(), Failure> {
        rows(batch, &mut self.output).map_err(|error| self.watch.explain(error))?;
        // Whoever reads along sees what has come.
        self.output.flush().map_err(|error| self.watch.explain(error))
    }

    fn finish(self: Box<Self>, end: End) -> Result<(), Failure> {
        match end {
            End::Whole | End::Partial(_) => self.output.finish(),
            End::BrokenOff => Ok(()),
        }
    }
}

/// Writes the rows of a batch.
fn rows<W: Write>(batch: &RecordBatch, output: &mut W) -> Result<(), ArrowError> {
    let columns = batch.columns().iter().map(plain).collect::<Result<Vec<_>, _>>()?;
    let columns = columns.iter().map(Column::new).collect::<Result<Vec<_>, _>>()?;
    let (mut lines, mut value) = (String::new(), String::new());
    for row in 0..batch.num_rows() {
        for (place, column) in columns.iter().enumerate() {
            lines.push_str(if place > 0 { "," } else { "" });
            if column.nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) {
                // A line without anything would be no row.
                lines.push_str(if columns.len() == 1 { "\"\"" } else { "" });
                continue;
            }
            value.clear();
            match &column.form {
                Form::Moments(moments) => moments.write(row, &mut value),
                Form::Plain(formatter) => formatter
                    .value(row)
                    .write(&mut value)
                    .map_err(|_| ArrowError::CsvError(format!("a value of row {row} has no form as text")))?,
            }
            let quoted = value.is_empty() || column.float && value == "NaN";
            cell(&value, quoted, &mut lines);
        }
        lines.push('\n');
        if lines.len() >= GATHERED {
            output.write_all(lines.as_bytes())?;
            lines.clear();
        }
    }
    Ok(output.write_all(lines.as_bytes())?)
}

/// Returns the values of a dictionary or of runs, one for each row.
fn plain(column: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    match column.data_type() {
        DataType::Dictionary(..) => {
            let dictionary = column.as_any_dictionary();
            plain(&arrow_select::take::take(dictionary.values(), dictionary.keys(), None)?)
        }
        DataType::RunEndEncoded(_, values) => plain(&cast(column, values.data_type())?),
        _ => Ok(column.clone()),
    }
}

struct Column<'a> {
    form: Form<'a>,
    nulls: Option<arrow_buffer::NullBuffer>,
    float: bool,
}

enum Form<'a> {
    Moments(Box<Moments<'a>>),
    Plain(ArrayFormatter<'a>),
}

impl Column<'_> {
    fn new(array: &ArrayRef) -> Result<Column<'_>, ArrowError> {
        let form = match is_moment(array.data_type()) {
            true => Form::Moments(Box::new(Moments::new(array.as_ref())?)),
            false => Form::Plain(ArrayFormatter::try_new(array.as_ref(), &OPTIONS)?),
        };
        Ok(Column { form, nulls: array.logical_nulls(), float: array.data_type().is_floating() })
    }
}

/// Appends a field, in quotes where they are needed.
fn cell(text: &str, quoted: bool, out: &mut String) {
    let special = |byte| matches!(byte, b',' | b'"' | b'\n' | b'\r');
    let edges = text.starts_with([' ', '\t', '#']) || text.ends_with([' ', '\t']);
    if !quoted && !edges && !text.bytes().any(special) {
        out.push_str(text);
        return;
    }
    out.push('"');
    for (place, part) in text.split('"').enumerate() {
        out.push_str(if place > 0 { "\"\"" } else { "" });
        out.push_str(part);
    }
    out.push('"');
}
