//! Arbitrary types, and a list with every one.

use std::sync::Arc;

use arrow_schema::{DataType, Field, FieldRef, IntervalUnit, TimeUnit, UnionFields, UnionMode};

use super::Source;

/// Returns a field of any type, nested up to `depth` deep.
#[must_use]
pub fn field(source: &mut Source<'_>, name: &str, depth: usize) -> Field {
    let data_type = data_type(source, depth);
    let own = without_validity(&data_type);
    Field::new(name, data_type, own || source.below(3) != 0)
}

/// Returns true for types that have nulls without a validity buffer: these are always declared nullable, as in
/// arrow-rs.
fn without_validity(data_type: &DataType) -> bool {
    match data_type {
        DataType::Null | DataType::Union(..) | DataType::RunEndEncoded(..) => true,
        DataType::Dictionary(_, values) => without_validity(values),
        _ => false,
    }
}

/// Every type that has no children.
fn leaves() -> Vec<DataType> {
    use DataType::*;
    let mut all = vec![
        Int32,
        Utf8,
        Boolean,
        Null,
        Int8,
        Int16,
        Int64,
        UInt8,
        UInt16,
        UInt32,
        UInt64,
        Float16,
        Float32,
        Float64,
        Decimal32(7, 2),
        Decimal64(15, 3),
        Decimal128(30, -2),
        Decimal256(60, 7),
        Date32,
        Date64,
        Binary,
        LargeBinary,
        LargeUtf8,
        BinaryView,
        Utf8View,
        FixedSizeBinary(3),
        FixedSizeBinary(16),
    ];
    all.extend([IntervalUnit::YearMonth, IntervalUnit::DayTime, IntervalUnit::MonthDayNano].map(Interval));
    all.extend([TimeUnit::Second, TimeUnit::Millisecond].map(Time32));
    all.extend([TimeUnit::Microsecond, TimeUnit::Nanosecond].map(Time64));
    for unit in [TimeUnit::Second, TimeUnit::Millisecond, TimeUnit::Microsecond, TimeUnit::Nanosecond] {
        all.extend([Duration(unit), Timestamp(unit, None), Timestamp(unit, Some("Europe/Paris".into()))]);
    }
    all
}

/// Integers that may be the keys of a dictionary.
const KEYS: [DataType; 8] = [
    DataType::Int32,
    DataType::Int8,
    DataType::Int16,
    DataType::Int64,
    DataType::UInt8,
    DataType::UInt16,
    DataType::UInt32,
    DataType::UInt64,
];

/// Integers that may be run ends.
const RUN_ENDS: [DataType; 3] = [DataType::Int32, DataType::Int16, DataType::Int64];

/// Every type once: the leaves, and each nested type over more than one kind of child.
#[must_use]
pub fn every_type() -> Vec<DataType> {
    let mut all = leaves();
    for child in [DataType::Int32, DataType::Utf8, DataType::Utf8View, list(DataType::Boolean)] {
        all.extend(nested(&child, &DataType::Decimal256(50, 1)));
    }
    all.extend(KEYS.map(|key| dictionary(key, DataType::Utf8)));
    all.extend(RUN_ENDS.map(|ends| run_ends(ends, DataType::Utf8)));
    all
}

/// Every nested type over one child, or two where it takes more.
fn nested(child: &DataType, other: &DataType) -> Vec<DataType> {
    let c = || item(child.clone());
    let fields = || vec![Field::new("a", child.clone(), true), Field::new("b", other.clone(), true)];
    // The names that Arrow C++ gives these fields in any case.
    let pair = vec![Field::new("key", DataType::Utf8, false), Field::new("value", other.clone(), true)];
    let entries = DataType::Struct(pair.into());
    let union =
        |mode| DataType::Union(UnionFields::try_new([5, 2], fields()).expect("two ids, two fields"), mode);
    let mut all = vec![
        list(child.clone()),
        DataType::LargeList(c()),
        DataType::ListView(c()),
        DataType::LargeListView(c()),
        DataType::FixedSizeList(c(), 3),
        DataType::FixedSizeList(c(), 0),
        DataType::Struct(fields().into()),
        DataType::Map(Arc::new(Field::new("entries", entries, false)), false),
        union(UnionMode::Dense),
        union(UnionMode::Sparse),
        run_ends(DataType::Int32, child.clone()),
    ];
    all.push(dictionary(DataType::Int16, child.clone()));
    all
}

fn item(child: DataType) -> FieldRef {
    Arc::new(Field::new("item", child, true))
}

fn list(child: DataType) -> DataType {
    DataType::List(item(child))
}

fn dictionary(key: DataType, values: DataType) -> DataType {
    DataType::Dictionary(Box::new(key), Box::new(values))
}

fn run_ends(ends: DataType, values: DataType) -> DataType {
    let ends = Field::new("run_ends", ends, false);
    DataType::RunEndEncoded(Arc::new(ends), Arc::new(Field::new("values", values, true)))
}

/// Any type, nested up to `depth` deep.
#[must_use]
pub fn data_type(source: &mut Source<'_>, depth: usize) -> DataType {
    if depth == 0 || source.below(2) == 0 {
        let mut leaves = leaves();
        return leaves.swap_remove(source.below(leaves.len()));
    }
    let child = data_type(source, depth - 1);
    match source.below(8) {
        0 if !matches!(child, DataType::Dictionary(..)) => dictionary(KEYS[source.below(8)].clone(), child),
        1 => run_ends(RUN_ENDS[source.below(3)].clone(), child),
        2 => {
            let fields = (0..source.below(4)).map(|i| field(source, &format!("f{i}"), depth - 1));
            DataType::Struct(fields.collect())
        }
        _ => {
            let other = data_type(source, depth - 1);
            // The last of the nested types is a dictionary, which cannot have a dictionary below it.
            let mut all = nested(&child, &other);
            all.pop();
            all.swap_remove(source.below(all.len()))
        }
    }
}
