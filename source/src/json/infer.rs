//! The types of JSON columns, inferred from its rows.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use arrow_json::reader::infer_json_schema_from_iterator;
use arrow_schema::{ArrowError, Field, Schema, SchemaRef};
use rustix::event::{EventfdFlags, eventfd};
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;

use super::big::{self, Big};
use super::look::Look;
use super::scan::JsonScan;
use crate::SourceError;
use crate::csv::{BLOCK, Cutting, LONGEST, Scan, Splitter, WHOLE, unmarked};
use crate::input::Opened;
use crate::options::{InferRows, Reading};
use crate::pipeline::Split;
use crate::third_party::guard;

/// Rows that types are inferred from if an input cannot be examined as a whole.
const SAMPLE_ROWS: u64 = 10_000;

/// Returns the schema of the examined rows, and which rows these are.
pub(super) fn infer(
    opened: &mut Opened,
    reading: &Reading,
    name: &str,
    given: Option<&SchemaRef>,
) -> Result<(Schema, String), SourceError> {
    let small = opened.len().is_some_and(|len| len <= WHOLE);
    let again = opened.can_be_read_again() && !opened.is_known_whole();
    let rows = match reading.infer_rows {
        InferRows::All => u64::MAX,
        InferRows::Rows(rows) => rows,
        InferRows::Auto if small || opened.is_known_whole() => u64::MAX,
        InferRows::Auto => SAMPLE_ROWS,
    };
    let bytes = match again {
        true => opened.reopened()?,
        false => crate::input::Bytes::known(whole_objects(opened)?, name),
    };
    let read = Arc::new(AtomicU64::new(0));
    let cutting = Cutting { bytes: BLOCK, rows: u64::MAX, flush_every: reading.flush_every, read };
    let whole = again || opened.is_known_whole();
    let mut split = Splitter::new(bytes, JsonScan::new(whole), cutting, 0);
    let stop = eventfd(0, EventfdFlags::CLOEXEC)
        .map_err(|error| SourceError::host("cannot make an event", &error.into()))?;
    let mut order = HashMap::new();
    let mut big = Big::default();
    let (mut failure, mut seen, mut all) = (None, 0, true);
    let mut values = Vec::<Value>::new().into_iter();
    let next = || {
        loop {
            if let Some(mut value) = values.next() {
                // A given type is not inferred, nor refused if it could not be.
                for field in given.iter().flat_map(|given| given.fields()) {
                    if let Some(value) = value.get_mut(field.name()) {
                        *value = Value::Null;
                    }
                }
                big.look(&value);
                return Some(Ok(value));
            }
            if seen >= rows {
                all = false;
                return None;
            }
            let block = match split.next(&stop) {
                Ok(Some(block)) => block,
                Ok(None) => return None,
                Err(error) => {
                    failure = Some(error);
                    return None;
                }
            };
            let bytes = if block.line == 1 { unmarked(&block.bytes) } else { &block.bytes };
            let mut number = |key: &str| {
                let next = order.len();
                if !order.contains_key(key) {
                    order.insert(key.to_owned(), next);
                }
            };
            if let Some(look) = Look::at(bytes, rows - seen) {
                look.names().for_each(number);
                seen += look.rows;
                values = look.examples().into_iter();
                continue;
            }
            let quoted = big::quote(bytes);
            let bytes = quoted.as_deref().unwrap_or(bytes);
            let read: Result<Vec<Value>, _> =
                serde_json::Deserializer::from_slice(bytes).into_iter().collect();
            // A JSON value does not keep the order of its fields.
            for keys in serde_json::Deserializer::from_slice(bytes).into_iter::<Keys>().flatten() {
                keys.0.iter().for_each(|key| number(key));
            }
            match read {
                Ok(mut read) => {
                    read.truncate(usize::try_from(rows - seen).unwrap_or(usize::MAX));
                    seen += read.len() as u64;
                    values = read.into_iter();
                }
                Err(error) => {
                    let line = block.line + error.line() as u64 - 1;
                    let why = format!("line {line}: {error}");
                    failure = Some(SourceError::malformed(name, why));
                    return None;
                }
            }
        }
    };
    let mut next = next;
    let inferred = guard(name, "JSON", || {
        infer_json_schema_from_iterator(std::iter::from_fn(&mut next))
            .map_err(|error: ArrowError| SourceError::malformed(name, error))
    });
    if let Some(failure) = failure {
        return Err(failure);
    }
    let mut fields = inferred?.fields().to_vec();
    for field in &mut fields {
        if let Some(data_type) = big.data_type(field.name()) {
            *field = Arc::new(field.as_ref().clone().with_data_type(data_type));
        }
    }
    fields.sort_by_key(|field: &Arc<Field>| order.get(field.name()).copied().unwrap_or(usize::MAX));
    let basis = match all && whole {
        true => "inferred from all rows".to_owned(),
        false => format!("inferred from the first {seen} rows"),
    };
    Ok((Schema::new(fields), basis))
}

/// Returns the objects that are known whole, at least one: it may be longer than a sample.
fn whole_objects(opened: &mut Opened) -> Result<Vec<u8>, SourceError> {
    let mut scan = JsonScan::new(false);
    let mut known = Vec::new();
    loop {
        known.extend_from_slice(&opened.first(usize::MAX)[known.len()..]);
        if opened.is_known_whole() {
            return Ok(opened.first(usize::MAX).to_vec());
        }
        let found = scan.scan(&mut known, u64::MAX, false);
        if found.rows > 0 || known.len() >= LONGEST {
            known.truncate(found.len);
            return Ok(known);
        }
        opened.more()?;
    }
}

/// Returns the keys of an object, in order.
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
