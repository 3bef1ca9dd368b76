//! Checks that a format has a table's types, before anything is written.

use arrow_array::timezone::Tz;
use arrow_schema::{DataType, Field, IntervalUnit, Schema};
use bowstring_cli::args::Format;

use crate::failure::Failure;

/// Refuses a schema that the format has no place for, and says which column it is.
pub(super) fn check(schema: &Schema, format: Format) -> Result<(), Failure> {
    let check: fn(&Field, &str) -> Result<(), Misfit> = match format {
        Format::Arrow | Format::Arrows => return Ok(()),
        Format::Csv => csv,
        Format::Jsonl => json,
        Format::Parquet => parquet,
    };
    for field in schema.fields() {
        check(field, field.name()).map_err(|Misfit { column, data_type, why }| Failure::Unsupported {
            column,
            data_type: data_type.to_string(),
            format,
            why,
        })?;
    }
    Ok(())
}

/// A field that a format has no place for.
#[derive(Debug)]
struct Misfit {
    /// Names from the column down, joined by dots.
    column: String,
    data_type: DataType,
    why: &'static str,
}

fn misfit(path: &str, data_type: &DataType, why: &'static str) -> Result<(), Misfit> {
    Err(Misfit { column: path.to_owned(), data_type: data_type.clone(), why })
}

fn csv(field: &Field, path: &str) -> Result<(), Misfit> {
    match field.data_type() {
        nested if nested.is_nested() => misfit(path, nested, "a cell holds one value"),
        runs if is_over_runs(runs) => misfit(path, runs, RUNS),
        time if !is_on_a_clock(time) => misfit(path, time, "its time zone is not known here"),
        _ => Ok(()),
    }
}

fn json(field: &Field, path: &str) -> Result<(), Misfit> {
    match field.data_type() {
        union @ DataType::Union(..) => {
            misfit(path, union, "JSON does not say which of its types a value has")
        }
        map @ DataType::Map(entries, _) => {
            let DataType::Struct(fields) = entries.data_type() else {
                return misfit(path, map, "its entries are no struct");
            };
            let key = fields.first().map(|key| key.data_type());
            if !matches!(key, Some(DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)) {
                return misfit(path, map, "keys of JSON objects are text");
            }
            below(field, path, json)
        }
        time if !is_on_a_clock(time) => misfit(path, time, "its time zone is not known here"),
        runs if is_over_runs(runs) => misfit(path, runs, RUNS),
        _ => below(field, path, json),
    }
}

const RUNS: &str = "runs below a dictionary or other runs have no text";

/// Returns true for dictionaries and runs whose values are runs: Arrow cannot look up a null in them.
fn is_over_runs(data_type: &DataType) -> bool {
    let values = match data_type {
        DataType::Dictionary(_, values) => values,
        DataType::RunEndEncoded(_, values) => values.data_type(),
        _ => return false,
    };
    matches!(values, DataType::RunEndEncoded(..)) || is_over_runs(values)
}

/// Returns true if a type's values can be told as times of day, if it says that they are such.
fn is_on_a_clock(data_type: &DataType) -> bool {
    match data_type {
        DataType::Timestamp(_, Some(zone)) => zone.parse::<Tz>().is_ok(),
        DataType::Dictionary(_, values) => is_on_a_clock(values),
        _ => true,
    }
}

fn parquet(field: &Field, path: &str) -> Result<(), Misfit> {
    match field.data_type() {
        union @ DataType::Union(..) => misfit(path, union, "Parquet has no unions"),
        empty @ DataType::Struct(fields) if fields.is_empty() => {
            misfit(path, empty, "Parquet has no structs without fields")
        }
        empty @ DataType::FixedSizeBinary(0) => misfit(path, empty, "Parquet has no values without bytes"),
        decimal @ (DataType::Decimal32(precision, scale)
        | DataType::Decimal64(precision, scale)
        | DataType::Decimal128(precision, scale)
        | DataType::Decimal256(precision, scale))
            if u8::try_from(*scale).map_or(true, |scale| scale > *precision) =>
        {
            misfit(path, decimal, "Parquet's decimals have a scale between 0 and their precision")
        }
        interval @ DataType::Interval(IntervalUnit::MonthDayNano) => {
            misfit(path, interval, "Parquet's intervals have no nanoseconds")
        }
        _ => below(field, path, parquet),
    }
}

/// Asks the same of the fields that lie below.
fn below(field: &Field, path: &str, check: fn(&Field, &str) -> Result<(), Misfit>) -> Result<(), Misfit> {
    let child = |field: &Field| check(field, &format!("{path}.{}", field.name()));
    match field.data_type() {
        DataType::List(item)
        | DataType::LargeList(item)
        | DataType::ListView(item)
        | DataType::LargeListView(item)
        | DataType::FixedSizeList(item, _)
        | DataType::Map(item, _)
        | DataType::RunEndEncoded(_, item) => child(item),
        DataType::Struct(fields) => fields.iter().try_for_each(|field| child(field)),
        DataType::Dictionary(_, values) => {
            check(&Field::new(field.name(), values.as_ref().clone(), true), path)
        }
        _ => Ok(()),
    }
}
