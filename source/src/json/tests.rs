//! The quick ways against the general ones: over random objects, plain and otherwise, right and wrong.

use arrow_json::reader::infer_json_schema_from_iterator;
use arrow_schema::{DataType, Field, Schema, TimeUnit};
use serde_json::Value;

use super::big::{self, Big};
use super::look::Look;
use super::*;
use crate::csv::Ends;

/// A generator that begins the same each time.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end as u64) as usize
    }

    fn one<'a>(&mut self, of: &[&'a [u8]]) -> &'a [u8] {
        of[self.below(of.len())]
    }
}

const KEYS: &[&[u8]] = &[b"a", b"b", b"c", b"d", b"e"];
const ODD_KEYS: &[&[u8]] = &[b"a", b"b", b"z", b"\\u0061", "é".as_bytes(), b"\xff", b"a\tb", b""];

const VALUES: &[&[u8]] = &[
    b"null",
    b"true",
    b"false",
    b"0",
    b"1",
    b"-1",
    b"12",
    b"1.0",
    b"-12.5",
    b"0.1",
    b"1e3",
    b"1E+2",
    b"25e-1",
    b"999999999999999",
    b"99999999999999.9",
    b"123456789012345678",
    b"9223372036854775807",
    b"-9223372036854775808",
    b"\"\"",
    b"\"x\"",
    b"\"12\"",
    b"\"1e2\"",
    b"\"a longer text, of more than four words\"",
    "\"é😀\"".as_bytes(),
    b"\"2026-01-02T03:04:05Z\"",
    b"\"a\\\"b\\\\\"",
    b"\"\\u00e9\\n\"",
    b"\"\\ud83d\\ude00\"",
];

const ODD_VALUES: &[&[u8]] = &[
    b"-0",
    b"-0.0",
    b"01",
    b"1.",
    b".5",
    b"-.5",
    b"-",
    b"1e",
    b"1e400",
    b"1-2",
    b"+1",
    b"NaN",
    b"9223372036854775808",
    b"-9223372036854775809",
    b"18446744073709551615",
    b"18446744073709551616",
    b"0.12345678901234567",
    b"1.5e-400",
    b"\"-0\"",
    b"\" 1\"",
    b"\"inf\"",
    b"\"nan\"",
    b"\"\\ud83d\"",
    b"\"\\ud83dx\"",
    b"\"\\ude00\"",
    b"\"\\x\"",
    b"\"\\u12\"",
    b"\"a\tb\"",
    b"\"a\nb\"",
    b"\"\xc3\"",
    b"\"\xa9\"",
    b"\"}{][|\"",
    b"{}",
    b"[]",
    b"{\"x\":1}",
    b"[1,null]",
    b"nul",
    b"truex",
    b"\"open",
    b"",
];

/// Makes objects; `odd` in 1000 of their parts are not plain, or wrong.
fn objects(random: &mut Random, odd: usize) -> Vec<u8> {
    let mut text = Vec::new();
    let (colon, comma, newline): (&[u8], &[u8], &[u8]) =
        [(b":" as &[u8], b"," as &[u8], b"\n" as &[u8]), (b": ", b", ", b"\r\n"), (b" :\t", b",\n  ", b"")]
            [random.below(3)];
    for _ in 0..=random.below(5) {
        text.push(b'{');
        let mut first = true;
        for key in KEYS {
            if random.below(4) == 0 {
                continue;
            }
            let mut part = |plain: &'static [u8], others: &[&'static [u8]]| match random.below(1000) < odd {
                true => random.one(others),
                false => plain,
            };
            let between = part(if first { b"" } else { comma }, &[b",,", b"", b" ", b"x"]);
            let key = part(key, ODD_KEYS);
            let colon = part(colon, &[b"", b"::", b" "]);
            text.extend([between, b"\"", key, b"\"", colon].concat());
            let values = if random.below(1000) < odd { ODD_VALUES } else { VALUES };
            text.extend(random.one(values));
            first = false;
        }
        let ends: &[&[u8]] = &[b",}", b"", b"}}", b"] }", b"},"];
        text.extend(if random.below(1000) < odd { random.one(ends) } else { b"}" });
        text.extend(newline);
    }
    text
}

fn schemas() -> Vec<SchemaRef> {
    let types = [
        DataType::Int64,
        DataType::Int16,
        DataType::Float64,
        DataType::Boolean,
        DataType::Utf8,
        DataType::Null,
        DataType::Timestamp(TimeUnit::Second, Some("UTC".into())),
        DataType::Dictionary(Box::new(DataType::Int8), Box::new(DataType::Utf8)),
        DataType::Decimal128(10, 2),
    ];
    let schema = |begin: usize| {
        let field = |(at, key): (usize, &&[u8])| {
            let data_type = types[(begin * 5 + at * at) % types.len()].clone();
            Field::new(str::from_utf8(key).unwrap(), data_type, begin % 3 != 2 || at > 0)
        };
        Arc::new(Schema::new(KEYS.iter().enumerate().map(field).collect::<Vec<_>>()))
    };
    let texts = KEYS.iter().map(|key| Field::new(str::from_utf8(key).unwrap(), DataType::Utf8, true));
    (0..types.len()).map(schema).chain([Arc::new(Schema::new(texts.collect::<Vec<_>>()))]).collect()
}

#[test]
fn what_is_decoded_quickly_is_what_the_general_decoder_reads() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut quick = [0; 2];
    let schemas = schemas();
    for round in 0..12_000 {
        let odd = [0, 30][round % 2];
        let text = objects(&mut random, odd);
        let schema = &schemas[random.below(schemas.len())];
        let flat = Flat::new(schema).unwrap();
        let Some(batch) = flat.decode(&text) else { continue };
        quick[round % 2] += 1;
        let general =
            JsonParse { flat: None, schema: schema.clone(), basis: String::new(), name: "x".to_owned() };
        let read = general.decode(&text, text.len()).map(Option::unwrap);
        assert_eq!(Ok(batch), read, "{}\n{schema}", text.escape_ascii());
    }
    assert!(quick.iter().all(|quick| *quick > 100), "{quick:?}");
}

#[test]
fn plain_objects_of_any_values_are_decoded_quickly_as_text() {
    let mut random = Random(1);
    let flat = Flat::new(schemas().last().unwrap()).unwrap();
    for _ in 0..1000 {
        let text = objects(&mut random, 0);
        assert!(flat.decode(&text).is_some(), "{}", text.escape_ascii());
    }
}

/// Returns what types are inferred from rows.
fn types(rows: &[Value]) -> Option<(Schema, Vec<Option<DataType>>)> {
    let mut big = Big::default();
    rows.iter().for_each(|row| big.look(row));
    let schema = infer_json_schema_from_iterator(rows.iter().map(Ok)).ok()?;
    let mut fields = schema.fields().to_vec();
    fields.sort_by(|a, b| a.name().cmp(b.name()));
    let bigs = fields.iter().map(|field| big.data_type(field.name())).collect();
    Some((Schema::new(fields), bigs))
}

#[test]
fn what_is_inferred_from_a_look_is_what_is_inferred_from_all_values() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut quick = 0;
    for round in 0..12_000 {
        let text = objects(&mut random, [0, 30][round % 2]);
        let Some(look) = Look::at(&text, u64::MAX) else { continue };
        quick += 1;
        let quoted = big::quote(&text);
        let values = serde_json::Deserializer::from_slice(quoted.as_deref().unwrap_or(&text)).into_iter();
        let values = values.collect::<Result<Vec<Value>, _>>();
        let values = values.unwrap_or_else(|error| panic!("{error}: {}", text.escape_ascii()));
        assert_eq!(look.rows, values.len() as u64);
        assert_eq!(types(&look.examples()), types(&values), "{}", text.escape_ascii());
    }
    assert!(quick > 6_000, "{quick}");
    let look = Look::at(b"{\"b\":1,\"a\":-0}{\"c\":null,\"a\":1}{", 2).unwrap();
    assert_eq!((look.rows, look.names().collect::<Vec<_>>()), (2, vec!["b", "a", "c"]));
}

/// Scans `step` bytes at a time, and returns the ends of the rows and what is left of the text.
fn scanned(text: &[u8], step: usize, quick: bool) -> (Vec<(usize, u64)>, bool, Vec<u8>) {
    let mut scan = JsonScan::new(true);
    let (mut text, mut seen, mut found) = (text.to_vec(), 0, Ends::default());
    let mut ends = Vec::new();
    while seen < text.len() && !found.broken {
        seen = (seen + step).min(text.len());
        let ended = seen == text.len();
        loop {
            if !quick {
                scan.forget_lines();
            }
            found = scan.scan(&mut text[..seen], 1, ended);
            if found.rows == 0 {
                break;
            }
            ends.push((found.len, scan.next_line()));
        }
    }
    (ends, found.broken, text)
}

#[test]
fn objects_end_where_they_end_byte_by_byte() {
    let mut random = Random(7);
    for round in 0..10_000 {
        let mut text = objects(&mut random, [0, 30][round % 2]);
        if round % 3 == 0 {
            text = [b"[", text.as_slice(), b"]"].concat();
        }
        let step = 1 + random.below(text.len());
        assert_eq!(
            scanned(&text, step, true),
            scanned(&text, text.len(), false),
            "{step} bytes at a time: {}",
            text.escape_ascii()
        );
    }
}
