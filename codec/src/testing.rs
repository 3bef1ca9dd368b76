//! Arbitrary schemas and batches, for tests and fuzzers.
//!
//! A batch is made from a string of bytes: the bytes decide types, lengths, slicing and the places of nulls, and seed
//! the values. So the same generator serves `proptest`, whose shrunken bytes give simpler batches, and a fuzzer.

mod agree;
mod arrays;
pub mod fuzz;
mod heavy;
mod source;
mod touch;
mod types;

use std::sync::Arc;

use arrow_array::{RecordBatch, RecordBatchOptions};
use arrow_schema::{Schema, SchemaRef};
use proptest::prelude::{Strategy, any};

pub use self::agree::assert_agree;
pub use self::arrays::array;
pub use self::heavy::heavy;
pub use self::source::Source;
pub use self::touch::{touch, touch_column, touch_full};
pub use self::types::{data_type, every_type, field};

/// Returns a schema of up to four columns, nested up to four deep.
#[must_use]
pub fn schema(source: &mut Source<'_>) -> SchemaRef {
    let columns = source.below(5);
    let fields: Vec<_> = (0..columns).map(|i| field(source, &format!("c{i}"), 4)).collect();
    Arc::new(Schema::new(fields))
}

/// Returns a batch of a schema: of up to 40 rows, with nulls where allowed, and with slices at every level.
#[must_use]
pub fn batch(source: &mut Source<'_>, schema: &SchemaRef) -> RecordBatch {
    let rows = source.below(41);
    batch_of(source, schema, rows)
}

/// Returns a batch of a schema and a number of rows.
///
/// # Panics
///
/// If the generator is wrong.
#[must_use]
pub fn batch_of(source: &mut Source<'_>, schema: &SchemaRef, rows: usize) -> RecordBatch {
    let columns =
        schema.fields().iter().map(|f| array(source, f.data_type(), f.is_nullable(), rows)).collect();
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(schema.clone(), columns, &options)
        .expect("arrays are made for their fields")
}

/// Returns one to three batches of one arbitrary schema.
pub fn batches() -> impl Strategy<Value = Vec<RecordBatch>> {
    proptest::collection::vec(any::<u8>(), 0..600).prop_map(|bytes| batches_from(&bytes))
}

/// Returns one to three batches of one schema, decided by the bytes.
#[must_use]
pub fn batches_from(bytes: &[u8]) -> Vec<RecordBatch> {
    let mut source = Source::new(bytes);
    let schema = schema(&mut source);
    (0..=source.below(3)).map(|_| batch(&mut source, &schema)).collect()
}
