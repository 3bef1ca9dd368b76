//! A generated table: its columns are computed in the memory that receivers read.
//!
//! Every value follows from the number of its row, so any part of the table is the same however it is cut.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::types::{Float64Type, Int32Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{ArrayRef, StringArray};
use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};
use bowstring::codec::build::{Fields, Variable};
use bowstring::codec::{BuildError, Shape};
use bowstring::{SendError, TableSender};

const CITIES: [&str; 8] =
    ["Amsterdam", "Bergen", "Cádiz", "Dakar", "Edinburgh", "Fukuoka", "Göteborg", "Hanoi"];

const NOTES: [&str; 4] = ["", "paid", "to be checked", "returned ↩"];

/// The first moment: 2026-01-01T00:00:00Z, in microseconds.
const EPOCH: i64 = 1_767_225_600_000_000;

/// Bytes of a name.
const NAME: usize = 13;

/// A generated table.
#[derive(Debug)]
pub struct Demo {
    rows: Range<u64>,
    next: u64,
    batch_rows: usize,
    shape: Option<Shape>,
}

impl Demo {
    pub(crate) fn new(rows: Range<u64>, batch_rows: usize) -> Demo {
        Demo { next: rows.start, rows, batch_rows, shape: None }
    }

    pub(crate) fn schema(&self) -> SchemaRef {
        let coded = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
        let moment = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
        Arc::new(Schema::new(vec![
            Field::new("id", DataType::Int64, false),
            Field::new("at", moment, false),
            Field::new("price", DataType::Float64, true),
            Field::new("city", coded, false),
            Field::new("name", DataType::Utf8, false),
            Field::new("note", DataType::Utf8, true),
            Field::new("express", DataType::Boolean, false),
        ]))
    }

    pub(crate) fn rows(&self) -> u64 {
        self.rows.end - self.rows.start
    }

    pub(crate) fn rewind(&mut self) {
        self.next = self.rows.start;
    }

    /// Builds the next batch and sends it; returns false if there was none.
    pub fn send(&mut self, sender: &mut TableSender) -> Result<bool, SendError> {
        let left = self.rows.end - self.next;
        if left == 0 {
            return Ok(false);
        }
        let shape = match &self.shape {
            Some(shape) => shape,
            None => {
                let cities: ArrayRef = Arc::new(StringArray::from_iter_values(CITIES));
                sender.set_dictionary(0, &cities)?;
                let most = sender.longest_message().unwrap_or(usize::MAX);
                self.shape.insert(shape(
                    sender,
                    self.batch_rows.min(usize::try_from(left).unwrap_or(usize::MAX)),
                    most,
                )?)
            }
        };
        let rows = usize::try_from(left).map_or(shape.rows(), |left| left.min(shape.rows()));
        let first = self.next;
        sender.build(shape, |fields| fill(fields, first, rows))?;
        self.next += rows as u64;
        Ok(true)
    }
}

/// Returns the shape of batches of `rows` rows, or of as many as a message has room for.
fn shape(sender: &TableSender, rows: usize, most: usize) -> Result<Shape, BuildError> {
    let mut rows = rows.max(1);
    loop {
        let shape = sender.shape(rows, |field: Variable<'_>| match field.path {
            "name" => NAME * field.rows,
            // The longest of the notes for each row.
            "note" => 13 * field.rows,
            _ => 0,
        })?;
        if shape.len() <= most || rows == 1 {
            return Ok(shape);
        }
        rows = rows.div_ceil(2);
    }
}

fn fill(fields: &mut Fields<'_>, first: u64, rows: usize) -> Result<usize, BuildError> {
    let at = |row: usize| first + row as u64;
    let mut ids = fields.fixed::<Int64Type>()?;
    ids.fill_with(rows, |row| at(row) as i64)?;
    ids.finish()?;
    let mut moments = fields.fixed::<TimestampMicrosecondType>()?;
    moments.fill_with(rows, |row| EPOCH.wrapping_add((at(row) as i64).wrapping_mul(1_000)))?;
    moments.finish()?;
    let mut prices = fields.fixed::<Float64Type>()?;
    prices.fill_with(rows, |row| (mix(at(row)) % 10_000) as f64 / 100.0)?;
    for row in (0..rows).filter(|&row| at(row) % 11 == 10) {
        prices.set_null(row)?;
    }
    prices.finish()?;
    let mut cities = fields.keys::<Int32Type>(CITIES.len())?;
    cities.fill_with(rows, |row| (mix(at(row)) >> 32) as i32 & 7)?;
    cities.finish()?;
    let mut names = fields.strings()?;
    for row in 0..rows {
        let mut name = *b"item-00000000";
        names.push(hex(&mut name, mix(at(row)) as u32))?;
    }
    names.finish();
    let mut notes = fields.strings()?;
    for row in 0..rows {
        match NOTES.get(at(row) as usize % 5) {
            Some(note) => notes.push(note)?,
            None => notes.push_null()?,
        }
    }
    notes.finish();
    let mut express = fields.booleans()?;
    for row in 0..rows {
        express.push(mix(at(row)).is_multiple_of(3))?;
    }
    express.finish();
    Ok(rows)
}

/// Writes a number in the last eight places of a name.
fn hex(name: &mut [u8; NAME], number: u32) -> &str {
    for (place, digit) in name[5..].iter_mut().zip((0..8).rev()) {
        *place = b"0123456789abcdef"[(number >> (4 * digit)) as usize & 15];
    }
    // All of it is ASCII.
    str::from_utf8(name).unwrap_or_default()
}

/// SplitMix64 by Steele and others: pseudo-random numbers.
fn mix(n: u64) -> u64 {
    let n = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ (n >> 31)
}
