//! One JSON object a line, its values in the forms of `FORMATS.md`. Columns that are null are named all the same, so that every line has the same keys.

use std::io::Write;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, RecordBatch};
use arrow_cast::display::ArrayFormatter;
use arrow_json::WriterBuilder;
use arrow_json::writer::{
    Encoder, EncoderFactory, EncoderOptions, LineDelimited, NullableEncoder, Writer, make_encoder,
};
use arrow_schema::{ArrowError, FieldRef};

use super::form::{Moments, OPTIONS, is_moment};
use super::{End, Sink};
use crate::failure::Failure;
use crate::output::{Output, Watch};

/// Writes JSON lines.
#[derive(Debug)]
pub(super) struct Json {
    writer: Writer<Output, LineDelimited>,
    watch: Watch,
}

impl Json {
    pub(super) fn new(output: Output) -> Json {
        let watch = output.watch();
        Json { writer: lines(output), watch }
    }
}

fn lines<W: Write>(output: W) -> Writer<W, LineDelimited> {
    let nulls = Arc::new(Forms);
    WriterBuilder::new().with_explicit_nulls(true).with_encoder_factory(nulls).build(output)
}

/// Writes values in the forms of `FORMATS.md`.
///
/// A dictionary's row is null if its key is, or if the value is that the key leads to. Left to itself, `arrow-json`
/// asks the keys alone: it writes a null string as an empty one, and panics over a dictionary of nulls.
#[derive(Debug)]
struct Forms;

impl EncoderFactory for Forms {
    fn make_default_encoder<'a>(
        &self,
        field: &'a FieldRef,
        array: &'a dyn Array,
        options: &'a EncoderOptions,
    ) -> Result<Option<NullableEncoder<'a>>, ArrowError> {
        if is_moment(array.data_type()) {
            let encoder = Texts { moments: Moments::new(array)?, text: String::new() };
            return Ok(Some(NullableEncoder::new(Box::new(encoder), array.nulls().cloned())));
        }
        if array.data_type().is_floating() {
            let values = ArrayFormatter::try_new(array, &OPTIONS)?;
            let encoder = Floats { values, text: String::new() };
            return Ok(Some(NullableEncoder::new(Box::new(encoder), array.nulls().cloned())));
        }
        let Some(dictionary) = array.as_any_dictionary_opt() else { return Ok(None) };
        // Where there are no values, every row is null and no key is asked for.
        let empty = dictionary.values().is_empty();
        let keys = if empty { Vec::new() } else { dictionary.normalized_keys() };
        let values = make_encoder(field, dictionary.values().as_ref(), options)?;
        Ok(Some(NullableEncoder::new(Box::new(Entries { keys, values }), dictionary.logical_nulls())))
    }
}

/// The rows of a dictionary column, those that are not null.
struct Entries<'a> {
    keys: Vec<usize>,
    values: NullableEncoder<'a>,
}

impl Encoder for Entries<'_> {
    fn encode(&mut self, row: usize, out: &mut Vec<u8>) {
        self.values.encode(self.keys[row], out);
    }
}

/// Dates, times and durations.
struct Texts<'a> {
    moments: Moments<'a>,
    text: String,
}

impl Encoder for Texts<'_> {
    fn encode(&mut self, row: usize, out: &mut Vec<u8>) {
        self.text.clear();
        self.moments.write(row, &mut self.text);
        out.push(b'"');
        out.extend_from_slice(self.text.as_bytes());
        out.push(b'"');
    }
}

/// Floats. JSON has no `NaN` and no infinities, so these are text.
struct Floats<'a> {
    values: ArrayFormatter<'a>,
    text: String,
}

impl Encoder for Floats<'_> {
    fn encode(&mut self, row: usize, out: &mut Vec<u8>) {
        self.text.clear();
        // A string takes everything.
        let _ = self.values.value(row).write(&mut self.text);
        let finite = self.text.bytes().any(|byte| byte.is_ascii_digit());
        let quote: &[u8] = if finite { b"" } else { b"\"" };
        out.extend_from_slice(quote);
        out.extend_from_slice(self.text.as_bytes());
        out.extend_from_slice(quote);
    }
}

impl Sink for Json {
    fn write(&mut self, batch: &RecordBatch) -> Result<(), Failure> {
        self.writer.write(batch).map_err(|error| self.watch.explain(error))?;
        // Whoever reads along sees what has come.
        self.writer.get_mut().flush().map_err(|error| self.watch.explain(error))
    }

    fn repeats_names(&self) -> bool {
        true
    }

    fn finish(mut self: Box<Self>, end: End) -> Result<(), Failure> {
        if end == End::BrokenOff {
            return Ok(());
        }
        self.writer.finish().map_err(|error| self.watch.explain(error))?;
        self.writer.into_inner().finish()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use arrow_array::types::Int8Type;
    use arrow_array::{ArrayRef, DictionaryArray, Int8Array, NullArray, StringArray, StructArray};

    use super::*;

    fn coded(keys: [Option<i8>; 3], values: ArrayRef) -> ArrayRef {
        Arc::new(DictionaryArray::<Int8Type>::try_new(Int8Array::from(keys.to_vec()), values).unwrap())
    }

    #[test]
    fn a_key_that_leads_to_a_null_is_a_null() {
        let keys = [Some(0), Some(1), None];
        let words = coded(keys, Arc::new(StringArray::from(vec![Some("a"), None])));
        let inside = StructArray::try_from(vec![("inner", Arc::clone(&words))]).unwrap();
        let batch = RecordBatch::try_from_iter([
            ("words", words),
            ("nulls", coded(keys, Arc::new(NullArray::new(2)))),
            ("nothing", coded([None; 3], Arc::new(StringArray::new_null(0)))),
            ("inside", Arc::new(inside) as ArrayRef),
        ]);
        let mut writer = lines(Vec::new());
        writer.write(&batch.unwrap()).unwrap();
        writer.finish().unwrap();
        let line = |word| {
            format!(r#"{{"words":{word},"nulls":null,"nothing":null,"inside":{{"inner":{word}}}}}"#) + "\n"
        };
        let expected = [r#""a""#, "null", "null"].map(line).concat();
        assert_eq!(String::from_utf8(writer.into_inner()).unwrap(), expected);
    }
}
