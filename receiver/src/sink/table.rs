//! The first rows as a table that fits the terminal, and the summary below it.

mod layout;
pub(crate) mod render;
mod width;

use std::io::{self, Write};

use arrow_array::RecordBatch;
use arrow_schema::{DataType, SchemaRef};
use bowstring_cli::text;

use self::render::{Cell, Column, Grid};
use super::cell;
use super::summary::Summary;
use super::{End, Sink};
use crate::failure::Failure;
use crate::output::Output;
use crate::screen::Screen;

/// Shows the first rows and sums up all of them.
pub(super) struct Table {
    schema: SchemaRef,
    head: usize,
    rows: Vec<Vec<Cell>>,
    summary: Summary,
    screen: Screen,
    output: Output,
}

impl Table {
    pub(super) fn new(output: Output, schema: &SchemaRef, head: usize, screen: Screen) -> Table {
        let summary = Summary::new(schema);
        Table { schema: schema.clone(), head, rows: Vec::new(), summary, screen, output }
    }

    fn show(&mut self, end: End) -> io::Result<()> {
        let Table { schema, rows, summary, screen, output, .. } = self;
        if !rows.is_empty() {
            let columns = schema.fields().iter().map(|field| Column {
                name: text::escaped(field.name()),
                under: Some(text::escaped(&field.data_type().to_string())),
                right: field.data_type().is_numeric(),
                rigid: field.data_type().is_primitive() || field.data_type() == &DataType::Boolean,
            });
            let grid = Grid { columns: columns.collect(), rows };
            let left_out = grid.render(output, *screen)?;
            let mut note = Vec::new();
            let all = summary.rows();
            if all > rows.len() as u64 {
                note.push(format!("{} of {}", rows.len(), text::count(all, "row", "rows")));
            }
            if left_out > 0 {
                note.push(format!(
                    "{} left out for lack of room",
                    text::count(left_out as u64, "column", "columns")
                ));
            }
            if !note.is_empty() {
                writeln!(output, "({})", note.join(", "))?;
            }
            writeln!(output)?;
        }
        summary.show(output, *screen, end)?;
        output.flush()
    }
}

impl Sink for Table {
    fn write(&mut self, batch: &RecordBatch) -> Result<(), Failure> {
        let wanted = self.head.saturating_sub(self.rows.len()).min(batch.num_rows());
        if wanted > 0 {
            let columns = batch.columns().iter().map(|column| cell::cells(column, wanted));
            let columns: Vec<Vec<Cell>> = columns.collect();
            let mut columns: Vec<_> = columns.into_iter().map(Vec::into_iter).collect();
            for _ in 0..wanted {
                self.rows.push(columns.iter_mut().map(|column| column.next().unwrap_or_default()).collect());
            }
        }
        self.summary.add(batch);
        Ok(())
    }

    fn finish(mut self: Box<Self>, end: End) -> Result<(), Failure> {
        let watch = self.output.watch();
        self.show(end).map_err(|error| watch.explain(error))?;
        self.output.finish()
    }
}
