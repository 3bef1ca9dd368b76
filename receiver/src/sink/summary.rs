//! The summary of a table by column: nulls, least, greatest, mean, distinct values.

mod distinct;
mod statistics;

use std::io::{self, Write};

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use bowstring_cli::text;

use self::statistics::Statistics;
use super::cell;
use super::table::render::{Cell, Column, Grid};
use super::{End, Sink};
use crate::failure::Failure;
use crate::output::Output;
use crate::screen::Screen;

/// The summary of a table so far.
pub(super) struct Summary {
    schema: SchemaRef,
    rows: u64,
    batches: u64,
    columns: Vec<Statistics>,
}

impl Summary {
    pub(super) fn new(schema: &SchemaRef) -> Summary {
        let columns = schema.fields().iter().map(|field| Statistics::new(field.data_type())).collect();
        Summary { schema: schema.clone(), rows: 0, batches: 0, columns }
    }

    pub(super) fn rows(&self) -> u64 {
        self.rows
    }

    pub(super) fn add(&mut self, batch: &RecordBatch) {
        self.rows += batch.num_rows() as u64;
        self.batches += 1;
        for (statistics, column) in self.columns.iter_mut().zip(batch.columns()) {
            statistics.add(column);
        }
    }

    /// Shows a line for each column, and one for all.
    pub(super) fn show(&self, out: &mut impl Write, screen: Screen, end: End) -> io::Result<()> {
        let heading = |name: &str, right| Column { name: name.to_owned(), under: None, right, rigid: false };
        let columns = vec![
            heading("column", false),
            heading("type", false),
            heading("nulls", true),
            heading("least", true),
            heading("greatest", true),
            heading("mean", true),
            heading("distinct", true),
        ];
        let rows: Vec<Vec<Cell>> = self
            .schema
            .fields()
            .iter()
            .zip(&self.columns)
            .map(|(field, statistics)| {
                let mut row = vec![plain(text::escaped(field.name()))];
                row.push(plain(text::escaped(&field.data_type().to_string())));
                row.push(plain(text::grouped(statistics.nulls())));
                row.extend(statistics.extremes().map(|extreme| {
                    extreme.and_then(|array| cell::cells(array, 1).pop()).unwrap_or_else(nothing)
                }));
                row.push(statistics.mean().map_or_else(nothing, |mean| plain(short(mean))));
                row.push(statistics.distinct().map_or_else(nothing, |count| plain(about(count))));
                row
            })
            .collect();
        if !rows.is_empty() {
            Grid { columns, rows: &rows }.render(out, screen)?;
        }
        let columns = text::count(self.columns.len() as u64, "column", "columns");
        let whole = if end == End::BrokenOff { ", and then it broke off" } else { "" };
        let rows = text::count(self.rows, "row", "rows");
        let batches = text::count(self.batches, "batch", "batches");
        writeln!(out, "{rows}, {columns}, {batches}{whole}")
    }
}

fn plain(text: String) -> Cell {
    Cell { text, null: false }
}

fn nothing() -> Cell {
    Cell { text: "–".to_owned(), null: true }
}

/// Returns a number with six significant digits, as far as they mean something.
fn short(value: f64) -> String {
    let magnitude = value.abs();
    if value == 0.0 || (1e-4..1e15).contains(&magnitude) {
        let digits = if magnitude == 0.0 { 0 } else { (5 - magnitude.log10().floor() as i32).clamp(0, 9) };
        let text = format!("{value:.*}", digits as usize);
        if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
    } else {
        format!("{value:.5e}")
    }
}

/// Returns an estimate, marked as one where it is.
fn about(count: u64) -> String {
    if count > distinct::SURE { format!("≈{}", text::grouped(count)) } else { text::grouped(count) }
}

/// The sink of `--summary`.
pub(super) struct SummaryTable {
    summary: Summary,
    screen: Screen,
    output: Output,
}

impl SummaryTable {
    pub(super) fn new(output: Output, schema: &SchemaRef, screen: Screen) -> SummaryTable {
        SummaryTable { summary: Summary::new(schema), screen, output }
    }
}

impl Sink for SummaryTable {
    fn write(&mut self, batch: &RecordBatch) -> Result<(), Failure> {
        self.summary.add(batch);
        Ok(())
    }

    fn finish(mut self: Box<Self>, end: End) -> Result<(), Failure> {
        let watch = self.output.watch();
        self.summary.show(&mut self.output, self.screen, end).map_err(|error| watch.explain(error))?;
        self.output.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_are_short() {
        let cases = [
            (0.0, "0"),
            (1.0, "1"),
            (-2.5, "-2.5"),
            (100.0, "100"),
            (123_456.7, "123457"),
            (0.000_123_456_7, "0.000123457"),
            (1e300, "1.00000e300"),
            (f64::NAN, "NaN"),
        ];
        for (value, text) in cases {
            assert_eq!(short(value), text);
        }
    }
}
