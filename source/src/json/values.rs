//! JSON values by column type: integers and floats exactly, and text forms for types that JSON lacks.
//!
//! The library's own decoders truncate fractions to integers and lack dictionaries, intervals and ISO durations.

use std::sync::Arc;

use arrow_array::types::{
    ArrowPrimitiveType, Float16Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{ArrayRef, PrimitiveArray, cast::AsArray};
use arrow_buffer::{ArrowNativeType, NullBufferBuilder};
use arrow_cast::parse::Parser;
use arrow_json::reader::{ArrayDecoder, DecoderContext, DecoderFactory, Tape, TapeElement};
use arrow_schema::{ArrowError, DataType, Field, FieldRef};

use crate::text;

/// Decoders for the types that the library does not read exactly.
#[derive(Debug)]
pub(super) struct Exact;

impl DecoderFactory for Exact {
    fn make_default_decoder(
        &self,
        context: &DecoderContext,
        field: &FieldRef,
        _: bool,
    ) -> Result<Option<Box<dyn ArrayDecoder>>, ArrowError> {
        fn numbers<T: ArrowPrimitiveType + Parser>() -> Result<Option<Box<dyn ArrayDecoder>>, ArrowError> {
            Ok(Some(Box::new(Numbers::<T> { parse: number::<T> })))
        }
        fn floats<T: ArrowPrimitiveType + Parser>() -> Result<Option<Box<dyn ArrayDecoder>>, ArrowError> {
            Ok(Some(Box::new(Numbers::<T> { parse: text::float::<T> })))
        }
        match field.data_type() {
            DataType::Int8 => numbers::<Int8Type>(),
            DataType::Int16 => numbers::<Int16Type>(),
            DataType::Int32 => numbers::<Int32Type>(),
            DataType::Int64 => numbers::<Int64Type>(),
            DataType::UInt8 => numbers::<UInt8Type>(),
            DataType::UInt16 => numbers::<UInt16Type>(),
            DataType::UInt32 => numbers::<UInt32Type>(),
            DataType::UInt64 => numbers::<UInt64Type>(),
            DataType::Float16 => floats::<Float16Type>(),
            DataType::Float32 => floats::<Float32Type>(),
            DataType::Float64 => floats::<Float64Type>(),
            to if is_written_as_text(to) => {
                let strings = Arc::new(Field::new(field.name(), DataType::Utf8, true));
                let strings = context.make_builtin_decoder(&strings, true)?;
                Ok(Some(Box::new(Texts { strings, to: to.clone() })))
            }
            // A dictionary of nested values is decoded by its value type first.
            _ => Ok(None),
        }
    }
}

/// True if JSON has no form for values of the type other than text.
pub(super) fn is_written_as_text(to: &DataType) -> bool {
    let direct = matches!(
        to,
        DataType::Boolean | DataType::Null | DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View
    );
    !direct && !to.is_integer() && !to.is_floating() && text::has_form(to)
}

/// Reads numbers, and numbers in quotes.
struct Numbers<T: ArrowPrimitiveType> {
    parse: fn(&str) -> Option<T::Native>,
}

impl<T: ArrowPrimitiveType> ArrayDecoder for Numbers<T> {
    fn decode(&mut self, tape: &Tape<'_>, rows: &[u32]) -> Result<ArrayRef, ArrowError> {
        let mut values = Vec::with_capacity(rows.len());
        let mut nulls = NullBufferBuilder::new(rows.len());
        for row in rows {
            let text = match tape.get(*row) {
                TapeElement::Null => {
                    values.push(T::default_value());
                    nulls.append_null();
                    continue;
                }
                TapeElement::String(text) | TapeElement::Number(text) => tape.get_string(text),
                _ => return Err(tape.error(*row, "primitive")),
            };
            let value = (self.parse)(text).ok_or_else(|| unfit(text, &T::DATA_TYPE))?;
            values.push(value);
            nulls.append_non_null();
        }
        Ok(Arc::new(PrimitiveArray::<T>::new(values.into(), nulls.finish())))
    }
}

/// Reads values that are written as text.
struct Texts {
    strings: Box<dyn ArrayDecoder>,
    to: DataType,
}

impl ArrayDecoder for Texts {
    fn decode(&mut self, tape: &Tape<'_>, rows: &[u32]) -> Result<ArrayRef, ArrowError> {
        let strings = self.strings.decode(tape, rows)?;
        let strings = strings.as_string::<i32>();
        text::parse(strings, &self.to)
            .map_err(|row| unfit(row.map_or("a value", |row| strings.value(row)), &self.to))
    }
}

fn unfit(text: &str, data_type: &DataType) -> ArrowError {
    ArrowError::JsonError(format!("failed to parse {text:?} as {data_type}"))
}

/// Parses an integer, also as `1.0` and `1e3` if that is exact.
pub(super) fn number<T: ArrowPrimitiveType + Parser>(text: &str) -> Option<T::Native> {
    T::parse(text).or_else(|| {
        let value: f64 = text.parse().ok()?;
        // Beyond that, a float is not exact.
        if value.fract() != 0.0 || value.abs() > 9_007_199_254_740_992.0 {
            return None;
        }
        let whole = T::parse(&format!("{value:.0}"))?;
        (whole.to_i64().is_some() || whole.to_usize().is_some()).then_some(whole)
    })
}
