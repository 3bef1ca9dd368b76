//! JSON with an object a line, with types that are inferred or given.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_json::reader::infer_json_schema;
use arrow_json::{Reader, ReaderBuilder};
use arrow_schema::{Schema, SchemaRef};
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};

use crate::Batches;
use crate::SourceError;
use crate::input::{Opened, Whole};
use crate::options::Reading;
use crate::third_party::guard;

/// Rows and bytes that types are inferred from.
const SAMPLE_ROWS: usize = 10_000;
const SAMPLE_BYTES: usize = 16 << 20;

/// JSON lines.
pub(crate) struct Json {
    reader: Reader<Whole>,
    schema: SchemaRef,
    name: String,
}

impl Json {
    pub(crate) fn open(
        mut opened: Opened,
        reading: &Reading,
        given: Option<&SchemaRef>,
    ) -> Result<Json, SourceError> {
        let name = opened.name().to_owned();
        let schema = match given {
            Some(given) => given.clone(),
            None => {
                let sample = opened.sample(SAMPLE_BYTES)?;
                let sample = sample.strip_prefix(&[0xef, 0xbb, 0xbf]).unwrap_or(&sample);
                let inferred = guard(&name, "JSON", || {
                    let inferred = infer_json_schema(sample, Some(SAMPLE_ROWS));
                    inferred.map_err(|error| SourceError::malformed(&name, error))
                })?;
                Arc::new(in_order(&inferred.0, sample))
            }
        };
        let reader = guard(&name, "JSON", || {
            ReaderBuilder::new(schema.clone())
                .with_batch_size(reading.batch_rows)
                .build(opened.text()?)
                .map_err(|error| SourceError::malformed(&name, error))
        })?;
        Ok(Json { reader, schema, name })
    }
}

/// The columns in the order in which the rows of a sample first name them; inference forgets it.
fn in_order(inferred: &Schema, sample: &[u8]) -> Schema {
    let mut order = HashMap::new();
    for keys in serde_json::Deserializer::from_slice(sample).into_iter::<Keys>().take(SAMPLE_ROWS).flatten() {
        for key in keys.0 {
            let next = order.len();
            order.entry(key).or_insert(next);
        }
    }
    let mut fields = inferred.fields().to_vec();
    fields.sort_by_key(|field| order.get(field.name()).copied().unwrap_or(usize::MAX));
    Schema::new(fields)
}

/// The keys of an object, in order.
struct Keys(Vec<String>);

impl<'de> Deserialize<'de> for Keys {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Keys, D::Error> {
        struct Visit;
        impl<'de> Visitor<'de> for Visit {
            type Value = Keys;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Keys, M::Error> {
                let mut keys = Vec::new();
                while let Some((key, IgnoredAny)) = map.next_entry()? {
                    keys.push(key);
                }
                Ok(Keys(keys))
            }
        }
        deserializer.deserialize_map(Visit)
    }
}

impl std::fmt::Debug for Json {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Json").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Batches for Json {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn next(&mut self) -> Result<Option<RecordBatch>, SourceError> {
        let Json { reader, name, .. } = self;
        let advice = "types are inferred from the first rows; give them with --schema FILE if these mislead";
        guard(name, "JSON", || {
            reader.next().transpose().map_err(|error| SourceError::malformed(name, error).advise(advice))
        })
    }
}
