//! Plain objects, decoded straight into the arrays of their columns.
//!
//! This is the quick way. It decodes what [`plain`] reads, where each column has a type that it knows and each object
//! names a column once at most; otherwise it gives up, and the general decoder starts over.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{Array, ArrayRef, BooleanArray, NullArray, PrimitiveArray, RecordBatch, StringArray};
use arrow_buffer::{BooleanBufferBuilder, NullBuffer, NullBufferBuilder, OffsetBuffer};
use arrow_cast::{CastOptions, cast_with_options};
use arrow_schema::{DataType, Schema, SchemaRef};

use super::plain::{self, Objects, Value, unescape};
use super::values;
use crate::text;

/// A decoder of plain objects of one schema.
#[derive(Debug)]
pub(super) struct Flat {
    schema: SchemaRef,
    kinds: Vec<Kind>,
    index: HashMap<Vec<u8>, usize>,
}

/// The values of a column, as JSON has them.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Integers,
    Floats,
    Booleans,
    Texts,
    Nulls,
}

impl Kind {
    fn of(data_type: &DataType) -> Option<Kind> {
        Some(match data_type {
            // A smaller type holds a part of the same integers.
            DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::Int64 => Kind::Integers,
            DataType::Float64 => Kind::Floats,
            DataType::Boolean => Kind::Booleans,
            DataType::Null => Kind::Nulls,
            DataType::Utf8 => Kind::Texts,
            other if values::is_written_as_text(other) => Kind::Texts,
            _ => return None,
        })
    }
}

impl Flat {
    /// Returns a decoder, unless a column needs the general one.
    pub(super) fn new(schema: &SchemaRef) -> Option<Flat> {
        let fields = schema.fields();
        let kinds: Vec<_> = fields.iter().map(|field| Kind::of(field.data_type())).collect::<Option<_>>()?;
        let index: HashMap<_, _> =
            fields.iter().enumerate().map(|(at, field)| (field.name().as_bytes().to_vec(), at)).collect();
        let nameable = index.len() == kinds.len() && !kinds.is_empty();
        nameable.then(|| Flat { schema: schema.clone(), kinds, index })
    }

    /// Decodes objects, or gives up.
    pub(super) fn decode(&self, bytes: &[u8]) -> Option<RecordBatch> {
        let columns = self.kinds.iter().map(|kind| Column::new(*kind)).collect();
        let mut rows = Rows { flat: self, columns, row: 0, filled: 0, next: 0 };
        plain::read(bytes, &mut rows)?;
        let fields = self.schema.fields().iter();
        let arrays = fields.zip(rows.columns).map(|(field, column)| {
            let array = column.finish(rows.row, field.data_type())?;
            (field.is_nullable() || array.logical_null_count() == 0).then_some(array)
        });
        RecordBatch::try_new(self.schema.clone(), arrays.collect::<Option<_>>()?).ok()
    }

    fn name(&self, column: usize) -> &[u8] {
        let schema: &Schema = &self.schema;
        schema.fields().get(column).map_or(b"", |field| field.name().as_bytes())
    }
}

/// Columns that are being filled.
struct Rows<'a> {
    flat: &'a Flat,
    columns: Vec<Column>,
    row: usize,
    /// The columns that this row has a value of.
    filled: usize,
    /// The column that comes next if the fields are in order.
    next: usize,
}

impl Objects for Rows<'_> {
    fn value(&mut self, key: &[u8], value: Value<'_>) -> Option<()> {
        let mut at = self.next;
        if at >= self.columns.len() || self.flat.name(at) != key {
            at = *self.flat.index.get(key)?;
        }
        let column = &mut self.columns[at];
        // Of a field that is named twice, the last value counts.
        if column.nulls.len() != self.row {
            return None;
        }
        column.push(value)?;
        self.next = at + 1;
        self.filled += 1;
        Some(())
    }

    fn end(&mut self) -> Option<()> {
        if self.filled < self.columns.len() {
            for column in self.columns.iter_mut().filter(|column| column.nulls.len() == self.row) {
                column.push(Value::Null)?;
            }
        }
        (self.filled, self.next) = (0, 0);
        self.row += 1;
        Some(())
    }
}

/// A column that is being filled.
struct Column {
    values: Values,
    nulls: NullBufferBuilder,
    /// A text without its escapes.
    scratch: Vec<u8>,
}

enum Values {
    Integers(Vec<i64>),
    Floats(Vec<f64>),
    Booleans(BooleanBufferBuilder),
    Texts { ends: Vec<i32>, bytes: Vec<u8> },
    Nulls,
}

impl Column {
    fn new(kind: Kind) -> Column {
        let values = match kind {
            Kind::Integers => Values::Integers(Vec::new()),
            Kind::Floats => Values::Floats(Vec::new()),
            Kind::Booleans => Values::Booleans(BooleanBufferBuilder::new(0)),
            Kind::Texts => Values::Texts { ends: vec![0], bytes: Vec::new() },
            Kind::Nulls => Values::Nulls,
        };
        Column { values, nulls: NullBufferBuilder::new(0), scratch: Vec::new() }
    }

    fn push(&mut self, value: Value<'_>) -> Option<()> {
        match (&mut self.values, value) {
            (Values::Integers(values), Value::Null) => values.push(0),
            (Values::Integers(values), Value::Number(number)) => values.push(integer(number)?),
            (Values::Integers(values), Value::Text(text)) => {
                values.push(values::number::<Int64Type>(str::from_utf8(text).ok()?)?);
            }
            (Values::Floats(values), Value::Null) => values.push(0.0),
            (Values::Floats(values), Value::Number(number)) => values.push(float(number)?),
            (Values::Floats(values), Value::Text(text)) => {
                values.push(text::float::<Float64Type>(str::from_utf8(text).ok()?)?);
            }
            (Values::Booleans(values), Value::Null) => values.append(false),
            (Values::Booleans(values), Value::Boolean(value)) => values.append(value),
            (Values::Texts { ends, bytes }, value) => {
                match value {
                    Value::Null => {}
                    Value::Boolean(true) => bytes.extend_from_slice(b"true"),
                    Value::Boolean(false) => bytes.extend_from_slice(b"false"),
                    Value::Number(text) | Value::Text(text) => bytes.extend_from_slice(text),
                    Value::Escaped(text) => {
                        self.scratch.clear();
                        unescape(text, &mut self.scratch)?;
                        bytes.extend_from_slice(&self.scratch);
                    }
                }
                ends.push(i32::try_from(bytes.len()).ok()?);
            }
            (Values::Nulls, Value::Null) => {}
            _ => return None,
        }
        match value {
            Value::Null => self.nulls.append_null(),
            _ => self.nulls.append_non_null(),
        }
        Some(())
    }

    fn finish(mut self, rows: usize, to: &DataType) -> Option<ArrayRef> {
        let nulls: Option<NullBuffer> = self.nulls.finish();
        Some(match self.values {
            Values::Integers(values) => {
                let array: ArrayRef = Arc::new(PrimitiveArray::<Int64Type>::new(values.into(), nulls));
                let strict = CastOptions { safe: false, ..CastOptions::default() };
                if *to == DataType::Int64 { array } else { cast_with_options(&array, to, &strict).ok()? }
            }
            Values::Floats(values) => Arc::new(PrimitiveArray::<Float64Type>::new(values.into(), nulls)),
            Values::Booleans(values) => Arc::new(BooleanArray::new(values.build(), nulls)),
            Values::Texts { ends, bytes } => {
                // This checks that each text is UTF-8.
                let ends = OffsetBuffer::new(ends.into());
                let texts = StringArray::try_new(ends, bytes.into(), nulls).ok()?;
                if *to == DataType::Utf8 { Arc::new(texts) } else { text::parse(&texts, to).ok()? }
            }
            Values::Nulls => Arc::new(NullArray::new(rows)),
        })
    }
}

/// Parses an integer.
fn integer(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    // Eighteen digits never overflow.
    if digits.is_empty() || digits.len() > 18 || !digits.iter().all(u8::is_ascii_digit) {
        return values::number::<Int64Type>(str::from_utf8(text).ok()?);
    }
    let number = digits.iter().fold(0, |number: i64, digit| number * 10 + i64::from(digit - b'0'));
    Some(if negative { -number } else { number })
}

/// Parses a number with a point: exactly, if it has few digits, by one division.
fn float(text: &[u8]) -> Option<f64> {
    const TENS: [f64; 16] =
        [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];
    let general = || text::float::<Float64Type>(str::from_utf8(text).ok()?);
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    if digits.len() > 16 {
        return general();
    }
    let (mut number, mut point) = (0_u64, None);
    for (at, byte) in digits.iter().enumerate() {
        match byte {
            b'0'..=b'9' => number = number * 10 + u64::from(byte - b'0'),
            b'.' if point.is_none() => point = Some(at),
            _ => return general(),
        }
    }
    let fraction = match point {
        Some(point) if point > 0 && point + 1 < digits.len() => digits.len() - point - 1,
        None if matches!(digits.len(), 1..16) => 0,
        _ => return general(),
    };
    // Both are integers below 2^53, so their quotient is rounded once.
    let value = number as f64 / TENS[fraction];
    Some(if negative { -value } else { value })
}
