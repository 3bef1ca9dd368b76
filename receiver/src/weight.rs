//! Bytes and nulls by column, and the dictionaries that columns refer to.

use std::collections::BTreeMap;

use arrow_array::{Array, RecordBatch};
use arrow_data::ArrayData;
use arrow_schema::{DataType, Field, Schema};

/// The size of some batches, column by column.
#[derive(Debug)]
pub(crate) struct Weights {
    pub(crate) columns: Vec<Weight>,
    /// As they were last, by the names of their fields, joined by dots.
    pub(crate) dictionaries: BTreeMap<String, Dictionary>,
}

/// A column's share.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Weight {
    /// Bytes of its buffers, without those of dictionaries.
    pub(crate) bytes: u64,
    /// Rows that are null, with those whose dictionary value is.
    pub(crate) nulls: u64,
}

/// A dictionary's values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Dictionary {
    pub(crate) values: u64,
    pub(crate) bytes: u64,
    pub(crate) value_type: String,
}

impl Weights {
    /// Returns the weights of no batch.
    pub(crate) fn new(schema: &Schema) -> Weights {
        let columns = vec![Weight::default(); schema.fields().len()];
        Weights { columns, dictionaries: BTreeMap::new() }
    }

    /// Adds a batch of the schema, whose buffers are those of its message.
    pub(crate) fn add(&mut self, batch: &RecordBatch) {
        for ((column, field), weight) in
            batch.columns().iter().zip(batch.schema_ref().fields()).zip(&mut self.columns)
        {
            weight.nulls += column.logical_null_count() as u64;
            weight.bytes += weigh(&column.to_data(), field, field.name(), &mut self.dictionaries);
        }
    }
}

/// Returns the bytes of an array's buffers, and notes the dictionaries in it.
fn weigh(data: &ArrayData, field: &Field, path: &str, found: &mut BTreeMap<String, Dictionary>) -> u64 {
    let nulls = data.nulls().map_or(0, |nulls| nulls.buffer().len());
    let own = data.buffers().iter().map(|buffer| buffer.len()).sum::<usize>() + nulls;
    if let (DataType::Dictionary(_, value_type), [values]) = (field.data_type(), data.child_data()) {
        let of_values = Field::new(field.name(), value_type.as_ref().clone(), true);
        let bytes = weigh(values, &of_values, &format!("{path}.values"), found);
        let (values, value_type) = (values.len() as u64, value_type.to_string());
        found.insert(path.to_owned(), Dictionary { values, bytes, value_type });
        return own as u64;
    }
    let children = children(field).into_iter().zip(data.child_data());
    let below = children.map(|(child, data)| weigh(data, child, &format!("{path}.{}", child.name()), found));
    own as u64 + below.sum::<u64>()
}

/// Returns the fields below a field, in the order of its array's children.
fn children(field: &Field) -> Vec<&Field> {
    match field.data_type() {
        DataType::List(item)
        | DataType::LargeList(item)
        | DataType::ListView(item)
        | DataType::LargeListView(item)
        | DataType::FixedSizeList(item, _)
        | DataType::Map(item, _) => vec![item],
        DataType::RunEndEncoded(ends, values) => vec![ends, values],
        DataType::Struct(fields) => fields.iter().map(|field| field.as_ref()).collect(),
        DataType::Union(fields, _) => fields.iter().map(|(_, field)| field.as_ref()).collect(),
        _ => Vec::new(),
    }
}
