//! Types given by the user: an Arrow file of any kind, lines of text, or text on the command line.

mod types;

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;
use std::sync::Arc;

use arrow_schema::{DataType, Field, Schema, SchemaRef};
use bowstring::codec::read::{IoFileReader, IoReader};

pub(crate) use self::types::{NAMES, named, nearest, parse_type};
use crate::SourceError;
use crate::error::name;

/// Advice about the syntax of types.
const FORM: &str = "columns are `name type` or `name type not null`, in lines or after commas; \
                    types are listed under --schema in --help";

/// Reads types from a file, or from the text itself if there is no such file and it looks like types.
pub(crate) fn read(given: &str) -> Result<SchemaRef, SourceError> {
    let path = Path::new(given);
    if !path.exists() && given.trim().contains([' ', ':', '\n']) {
        return parse(given).map_err(|(_, why)| SourceError::usage(format!("--schema: {why}")).advise(FORM));
    }
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
                SourceError::malformed(&name, format!("line {line}: {why}")).advise(FORM)
            })
        }
    }
}

/// Parses `name type`, or `name type not null`, one per line or separated by commas.
///
/// Ignores blank lines, and those that begin with `#`. A name with spaces is in double quotes.
fn parse(text: &str) -> Result<SchemaRef, (usize, String)> {
    let mut fields: Vec<Field> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if line.trim_start().starts_with('#') {
            continue;
        }
        for part in parts(line) {
            let part = part.trim();
            if part.is_empty() {
                continue;
            }
            let wrong = |why: String| (index + 1, why);
            let (name, rest) = match part.strip_prefix('"').and_then(|rest| rest.split_once('"')) {
                Some((name, rest)) => (name, rest),
                None => part
                    .split_once([' ', '\t', ':'])
                    .ok_or_else(|| wrong(format!("no type for column {part:?}")))?,
            };
            let rest = rest.trim_matches([' ', '\t', ':']);
            let lower = rest.to_ascii_lowercase();
            let (data_type, nullable) = match lower.strip_suffix("not null") {
                Some(before) => (rest[..before.len()].trim_end(), false),
                None => (rest, true),
            };
            if fields.iter().any(|field| field.name() == name) {
                return Err(wrong(format!("column {name:?} is there twice")));
            }
            fields.push(Field::new(name, parse_type(data_type).map_err(wrong)?, nullable));
        }
    }
    if fields.is_empty() { Err((1, "no columns".to_owned())) } else { Ok(Arc::new(Schema::new(fields))) }
}

/// Splits at commas outside brackets and quotes.
fn parts(line: &str) -> Vec<&str> {
    let (mut depth, mut quoted, mut begin) = (0_u32, false, 0);
    let mut parts = Vec::new();
    for (at, byte) in line.bytes().enumerate() {
        match byte {
            b'"' => quoted = !quoted,
            b'(' | b'[' | b'<' | b'{' if !quoted => depth += 1,
            b')' | b']' | b'>' | b'}' if !quoted => depth = depth.saturating_sub(1),
            b',' if !quoted && depth == 0 => {
                parts.push(&line[begin..at]);
                begin = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&line[begin..]);
    parts
}

/// Returns the columns of an input with the types that were given for some of them, or for all.
///
/// Given columns are matched by name. If the numbers are equal and the names differ, they name the columns in order,
/// provided that `by_place` allows it.
pub(crate) fn apply(
    given: Option<&SchemaRef>,
    mut inferred: Vec<Field>,
    input: &str,
    by_place: bool,
) -> Result<SchemaRef, SourceError> {
    let Some(given) = given else { return Ok(Arc::new(Schema::new(inferred))) };
    let place = |fields: &[Field], name: &str| fields.iter().position(|field| field.name() == name);
    let missing = given.fields().iter().find(|field| place(&inferred, field.name()).is_none());
    if let Some(missing) = missing {
        if by_place && given.fields().len() == inferred.len() {
            return Ok(given.clone());
        }
        // An object's field may be missing from all examined rows.
        if !by_place {
            let new = given.fields().iter().filter(|field| place(&inferred, field.name()).is_none());
            let new: Vec<Field> = new.map(|field| field.as_ref().clone()).collect();
            inferred.extend(new);
        } else {
            let names: Vec<_> = inferred.iter().map(|field| field.name().as_str()).collect();
            let what = format!("{input} has no column {:?}, which --schema names", missing.name());
            let near = nearest(missing.name(), names.iter().copied());
            return Err(SourceError::usage(what).advise(match near {
                Some(near) => format!("is {near:?} meant? its columns: {}", names.join(", ")),
                None => format!("its columns: {}", names.join(", ")),
            }));
        }
    }
    for field in given.fields() {
        if let Some(at) = place(&inferred, field.name()) {
            inferred[at] = field.as_ref().clone();
        }
    }
    Ok(Arc::new(Schema::new_with_metadata(inferred, given.metadata().clone())))
}

/// Checks that a format supports every type.
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
    use arrow_schema::TimeUnit;

    use super::*;

    #[test]
    fn columns_are_lines_or_stand_between_commas() {
        let expected = Schema::new(vec![
            Field::new("id", DataType::Int64, false),
            Field::new("price", DataType::Decimal128(10, 2), true),
            Field::new("at", DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())), true),
            Field::new("first name", DataType::Utf8, true),
        ]);
        for text in [
            "# trips\nid int64 not null\n\nprice: decimal(10,2)\nat Timestamp(Microsecond, Some(\"UTC\"))\n\"first name\" text",
            "id bigint NOT NULL, price numeric(10, 2), at timestamp[us, UTC], \"first name\" varchar(20)",
        ] {
            assert_eq!(*parse(text).unwrap(), expected, "{text}");
        }
        assert_eq!(parse("id int64\nprice money").unwrap_err().0, 2);
        assert_eq!(parse("id").unwrap_err(), (1, "no type for column \"id\"".to_owned()));
        assert_eq!(parse("\n").unwrap_err(), (1, "no columns".to_owned()));
        assert!(parse("a int, a int").is_err());
    }

    #[test]
    fn a_part_of_the_columns_is_enough() {
        let inferred = || vec![Field::new("a", DataType::Int64, true), Field::new("b", DataType::Utf8, true)];
        let given = parse("b date").unwrap();
        let both = apply(Some(&given), inferred(), "x.csv", true).unwrap();
        assert_eq!(both.field(0).data_type(), &DataType::Int64);
        assert_eq!(both.field(1).data_type(), &DataType::Date32);
        let error = apply(Some(&parse("bb date").unwrap()), inferred(), "x.csv", true).unwrap_err();
        assert!(error.advice.unwrap().contains("\"b\""));
        let renamed = parse("x int, y text").unwrap();
        assert_eq!(apply(Some(&renamed), inferred(), "x.csv", true).unwrap(), renamed);
    }
}
