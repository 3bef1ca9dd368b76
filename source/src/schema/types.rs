//! Names of types: Arrow's, SQL's, and the short forms of other tools.

use arrow_schema::{DataType, IntervalUnit, TimeUnit};

/// The types, for people to choose from.
pub(crate) const NAMES: &str = "\
bool; int8 to int64 (i8, tinyint, smallint, int, bigint); uint8 to uint64 (u8); float16, float32, float64 (f64, real, \
double); decimal(P,S), decimal256(P,S); string (text, varchar), large_string, string_view, category; binary, \
large_binary, binary_view, fixed_size_binary[N]; date, date64; time32[s|ms], time64[us|ns]; timestamp[s|ms|us|ns], with a \
zone as in timestamp[us, UTC]; duration[s|ms|us|ns]; interval; list<T>; and everything as Arrow writes it, such as \
Struct(\"a\": Int64)";

const SIMPLE: &[(&str, DataType)] = &[
    ("null", DataType::Null),
    ("bool", DataType::Boolean),
    ("boolean", DataType::Boolean),
    ("int8", DataType::Int8),
    ("i8", DataType::Int8),
    ("tinyint", DataType::Int8),
    ("int16", DataType::Int16),
    ("i16", DataType::Int16),
    ("smallint", DataType::Int16),
    ("short", DataType::Int16),
    ("int32", DataType::Int32),
    ("i32", DataType::Int32),
    ("int", DataType::Int32),
    ("integer", DataType::Int32),
    ("int64", DataType::Int64),
    ("i64", DataType::Int64),
    ("bigint", DataType::Int64),
    ("long", DataType::Int64),
    ("uint8", DataType::UInt8),
    ("u8", DataType::UInt8),
    ("utinyint", DataType::UInt8),
    ("uint16", DataType::UInt16),
    ("u16", DataType::UInt16),
    ("usmallint", DataType::UInt16),
    ("uint32", DataType::UInt32),
    ("u32", DataType::UInt32),
    ("uinteger", DataType::UInt32),
    ("uint64", DataType::UInt64),
    ("u64", DataType::UInt64),
    ("ubigint", DataType::UInt64),
    ("float16", DataType::Float16),
    ("f16", DataType::Float16),
    ("halffloat", DataType::Float16),
    ("float32", DataType::Float32),
    ("f32", DataType::Float32),
    ("float", DataType::Float32),
    ("real", DataType::Float32),
    ("float64", DataType::Float64),
    ("f64", DataType::Float64),
    ("double", DataType::Float64),
    ("double precision", DataType::Float64),
    ("string", DataType::Utf8),
    ("str", DataType::Utf8),
    ("utf8", DataType::Utf8),
    ("text", DataType::Utf8),
    ("varchar", DataType::Utf8),
    ("char", DataType::Utf8),
    ("large_string", DataType::LargeUtf8),
    ("large_utf8", DataType::LargeUtf8),
    ("string_view", DataType::Utf8View),
    ("utf8_view", DataType::Utf8View),
    ("binary", DataType::Binary),
    ("bytes", DataType::Binary),
    ("bytea", DataType::Binary),
    ("blob", DataType::Binary),
    ("varbinary", DataType::Binary),
    ("large_binary", DataType::LargeBinary),
    ("binary_view", DataType::BinaryView),
    ("date", DataType::Date32),
    ("date32", DataType::Date32),
    ("date32[day]", DataType::Date32),
    ("date64", DataType::Date64),
    ("date64[ms]", DataType::Date64),
    ("time", DataType::Time64(TimeUnit::Microsecond)),
    ("interval", DataType::Interval(IntervalUnit::MonthDayNano)),
    ("timestamp", DataType::Timestamp(TimeUnit::Microsecond, None)),
    ("datetime", DataType::Timestamp(TimeUnit::Microsecond, None)),
    ("duration", DataType::Duration(TimeUnit::Microsecond)),
];

/// Parses a type.
pub(crate) fn parse_type(text: &str) -> Result<DataType, String> {
    let lower = text.trim().to_ascii_lowercase();
    if let Some((_, data_type)) = SIMPLE.iter().find(|(name, _)| *name == lower) {
        return Ok(data_type.clone());
    }
    if let Some(data_type) = with_arguments(text.trim(), &lower) {
        return Ok(data_type);
    }
    text.trim().parse().map_err(|_| {
        let word = lower.split(['(', '[', '<']).next().unwrap_or_default();
        let known = SIMPLE.iter().map(|(name, _)| *name);
        let others = ["decimal(10,2)", "category", "timestamp[us, UTC]", "list<int64>"];
        match nearest(word, known.chain(others)) {
            Some(near) => format!("{text:?} is not a type: is {near:?} meant?"),
            None => format!("{text:?} is not a type"),
        }
    })
}

/// Parses types with arguments in brackets.
fn with_arguments(text: &str, lower: &str) -> Option<DataType> {
    match lower {
        "category" | "dictionary" | "enum" => {
            return Some(DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8)));
        }
        "timestamptz" | "timestamp with time zone" => {
            return Some(DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())));
        }
        _ => {}
    }
    if let Some(item) = lower.strip_suffix("[]") {
        return Some(DataType::new_list(parse_type(&text[..item.len()]).ok()?, true));
    }
    let open = lower.find(['(', '[', '<'])?;
    let inside = lower[open + 1..].strip_suffix([')', ']', '>'])?;
    // A zone keeps its case.
    let inside_as_is = &text[open + 1..text.len() - 1];
    let mut arguments = inside.split(',').map(str::trim);
    let (first, second) = (arguments.next()?, arguments.next());
    let unit = |unit: &str| match unit {
        "s" | "second" => Some(TimeUnit::Second),
        "ms" | "millisecond" => Some(TimeUnit::Millisecond),
        "us" | "µs" | "microsecond" => Some(TimeUnit::Microsecond),
        "ns" | "nanosecond" => Some(TimeUnit::Nanosecond),
        _ => None,
    };
    Some(match &lower[..open] {
        "varchar" | "char" | "string" | "character varying" => {
            first.parse::<u32>().ok()?;
            DataType::Utf8
        }
        "fixed_size_binary" | "fixedsizebinary" => {
            DataType::FixedSizeBinary(first.parse().ok().filter(|len| *len >= 0)?)
        }
        "list" => DataType::new_list(parse_type(inside_as_is).ok()?, true),
        "large_list" => DataType::new_large_list(parse_type(inside_as_is).ok()?, true),
        "timestamp" => {
            let zone = inside_as_is.split_once(',').map(|(_, zone)| zone.trim());
            let zone = zone.map(|zone| zone.strip_prefix("tz=").unwrap_or(zone).trim_matches(['"', '\'']));
            // Arrow parses its own format.
            if zone.is_some_and(|zone| zone.contains('(') || zone == "None") {
                return None;
            }
            DataType::Timestamp(unit(first)?, zone.map(Into::into))
        }
        "time32" => DataType::Time32(unit(first).filter(|unit| *unit <= TimeUnit::Millisecond)?),
        "time64" => DataType::Time64(unit(first).filter(|unit| *unit > TimeUnit::Millisecond)?),
        "duration" => DataType::Duration(unit(first)?),
        decimal @ ("decimal" | "numeric" | "decimal32" | "decimal64" | "decimal128" | "decimal256") => {
            let precision: u8 = first.parse().ok()?;
            let scale: i8 = second.map_or(Ok(0), str::parse).ok()?;
            let within = |most: u8| (1..=most).contains(&precision) && scale <= precision as i8;
            match decimal {
                "decimal32" if within(9) => DataType::Decimal32(precision, scale),
                "decimal64" if within(18) => DataType::Decimal64(precision, scale),
                "decimal" | "numeric" | "decimal128" if within(38) => DataType::Decimal128(precision, scale),
                "decimal" | "numeric" | "decimal256" if within(76) => DataType::Decimal256(precision, scale),
                _ => return None,
            }
        }
        _ => return None,
    })
}

/// Returns a type in the syntax of this module, for errors and advice.
pub(crate) fn named(data_type: &DataType) -> String {
    let unit = |unit: &TimeUnit| match unit {
        TimeUnit::Second => "s",
        TimeUnit::Millisecond => "ms",
        TimeUnit::Microsecond => "us",
        TimeUnit::Nanosecond => "ns",
    };
    match data_type {
        DataType::Boolean => "bool".to_owned(),
        DataType::Utf8 => "string".to_owned(),
        DataType::Date32 => "date".to_owned(),
        DataType::Timestamp(of, None) => format!("timestamp[{}]", unit(of)),
        DataType::Timestamp(of, Some(zone)) => format!("timestamp[{}, {zone}]", unit(of)),
        DataType::Duration(of) => format!("duration[{}]", unit(of)),
        DataType::Decimal128(precision, scale) => format!("decimal({precision},{scale})"),
        other => match SIMPLE.iter().find(|(_, simple)| simple == other) {
            Some((name, _)) => (*name).to_owned(),
            None => other.to_string(),
        },
    }
}

/// Returns the candidate that a word most likely means, if one is close.
pub(crate) fn nearest<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let near = candidates.map(|candidate| (distance(word, candidate), candidate));
    let (distance, candidate) = near.min_by_key(|(distance, _)| *distance)?;
    (distance <= (word.len() / 3).max(1)).then_some(candidate)
}

/// Returns the edit distance of two words.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.to_lowercase().chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.to_lowercase().chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.iter().enumerate() {
            let changed = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn familiar_names_are_types() {
        for (text, expected) in [
            ("i64", DataType::Int64),
            ("VARCHAR", DataType::Utf8),
            ("varchar(30)", DataType::Utf8),
            ("double precision", DataType::Float64),
            ("timestamp[us, UTC]", DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))),
            (
                "timestamp[ns, tz=Europe/Berlin]",
                DataType::Timestamp(TimeUnit::Nanosecond, Some("Europe/Berlin".into())),
            ),
            ("timestamp[ms]", DataType::Timestamp(TimeUnit::Millisecond, None)),
            ("Timestamp(Second, None)", DataType::Timestamp(TimeUnit::Second, None)),
            ("timestamptz", DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))),
            ("decimal(10,2)", DataType::Decimal128(10, 2)),
            ("numeric(50, 2)", DataType::Decimal256(50, 2)),
            ("Decimal128(10, 2)", DataType::Decimal128(10, 2)),
            ("duration[ns]", DataType::Duration(TimeUnit::Nanosecond)),
            ("time64[us]", DataType::Time64(TimeUnit::Microsecond)),
            ("fixed_size_binary[16]", DataType::FixedSizeBinary(16)),
            ("list<int64>", DataType::new_list(DataType::Int64, true)),
            ("int64[]", DataType::new_list(DataType::Int64, true)),
        ] {
            assert_eq!(parse_type(text), Ok(expected), "{text}");
        }
        for (text, near) in
            [("intt64", "int64"), ("strng", "string"), ("tmestamp", "timestamp"), ("boolen", "bool")]
        {
            assert!(parse_type(text).unwrap_err().contains(near), "{text}: {:?}", parse_type(text));
        }
        for text in ["money", "decimal(99,2)", "time32[ns]", "fixed_size_binary[-1]", ""] {
            assert!(parse_type(text).is_err(), "{text}");
        }
        for (_, data_type) in SIMPLE {
            assert_eq!(parse_type(&named(data_type)).as_ref(), Ok(data_type));
        }
    }
}
