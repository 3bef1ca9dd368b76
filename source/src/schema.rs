//! Types that the user gave: an Arrow file of any kind, or lines of text.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;
use std::sync::Arc;

use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};
use bowstring::codec::read::{IoFileReader, IoReader};

use crate::error::{SourceError, name};

/// Reads a schema from a file.
pub(crate) fn read(path: &Path) -> Result<SchemaRef, SourceError> {
    let name = name(path);
    let open = || File::open(path).map(BufReader::new).map_err(|error| SourceError::input(&name, &error));
    let mut first = [0; 6];
    let mut file = open()?;
    let known = file.read_exact(&mut first).is_ok();
    let failed = |error| SourceError::arrow(&name, &error);
    match &first {
        b"ARROW1" if known => Ok(IoFileReader::new(open()?).map_err(failed)?.schema().clone()),
        [0xff, 0xff, 0xff, 0xff, ..] if known => Ok(IoReader::new(open()?).map_err(failed)?.schema().clone()),
        _ => {
            let mut text = String::new();
            open()?.read_to_string(&mut text).map_err(|error| SourceError::input(&name, &error))?;
            parse(&text).map_err(|(line, why)| {
                let what = format!("line {line}: {why}");
                SourceError::malformed(&name, what).advise("a line is `name type` or `name type not null`")
            })
        }
    }
}

/// Reads lines of `name type`, or `name type not null`. Blank lines, and those that begin with `#`, say nothing.
fn parse(text: &str) -> Result<SchemaRef, (usize, String)> {
    let mut fields = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let wrong = |why: String| (index + 1, why);
        let (line, nullable) = match line.strip_suffix("not null") {
            Some(rest) => (rest.trim_end(), false),
            None => (line, true),
        };
        let (name, data_type) =
            line.split_once([' ', '\t', ':']).ok_or_else(|| wrong("no type".to_owned()))?;
        let data_type = data_type.trim_start_matches([' ', '\t', ':']);
        fields.push(Field::new(name, parse_type(data_type).map_err(wrong)?, nullable));
    }
    if fields.is_empty() { Err((1, "no columns".to_owned())) } else { Ok(Arc::new(Schema::new(fields))) }
}

/// A type as Arrow writes it, or by one of the short names that people use.
fn parse_type(text: &str) -> Result<DataType, String> {
    Ok(match text.to_ascii_lowercase().as_str() {
        "bool" | "boolean" => DataType::Boolean,
        "int8" => DataType::Int8,
        "int16" => DataType::Int16,
        "int32" | "int" => DataType::Int32,
        "int64" | "bigint" | "long" => DataType::Int64,
        "uint8" => DataType::UInt8,
        "uint16" => DataType::UInt16,
        "uint32" => DataType::UInt32,
        "uint64" => DataType::UInt64,
        "float32" | "float" => DataType::Float32,
        "float64" | "double" => DataType::Float64,
        "string" | "utf8" | "text" => DataType::Utf8,
        "date" | "date32" => DataType::Date32,
        "timestamp" => DataType::Timestamp(TimeUnit::Microsecond, None),
        "category" | "dictionary" => {
            DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8))
        }
        _ => text.parse().map_err(|_| format!("{text:?} is no type"))?,
    })
}

/// Sees that a format has a form for every type.
pub(crate) fn supported(
    schema: &Schema,
    format: &str,
    has_form: impl Fn(&DataType) -> bool,
) -> Result<(), SourceError> {
    match schema.fields().iter().find(|field| !has_form(field.data_type())) {
        None => Ok(()),
        Some(field) => {
            let (name, data_type) = (field.name(), field.data_type());
            Err(SourceError::usage(format!("column {name:?}: {format} has no form for {data_type}")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_columns() {
        let schema =
            parse("# trips\nid int64 not null\n\nprice: double\nat Timestamp(Second, None)\n").unwrap();
        assert_eq!(
            *schema,
            Schema::new(vec![
                Field::new("id", DataType::Int64, false),
                Field::new("price", DataType::Float64, true),
                Field::new("at", DataType::Timestamp(TimeUnit::Second, None), true),
            ])
        );
        assert_eq!(parse("id int64\nprice money").unwrap_err().0, 2);
        assert_eq!(parse("id").unwrap_err(), (1, "no type".to_owned()));
        assert_eq!(parse("\n").unwrap_err(), (1, "no columns".to_owned()));
    }
}
