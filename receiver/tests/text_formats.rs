//! Every type through every text format: written as `receiver` does, read as `sender` does, and compared.
//!
//! The outcome is the table in `FORMATS.md`, which must be true: `BOWSTRING_BLESS=1` writes it anew.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float16Type, Float32Type, Float64Type};
use arrow_array::*;
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef};
use arrow_select::concat::concat_batches;
use arrow_select::take::take;
use bowstring_codec::testing::{Source, batch_of, every_type};
use bowstring_receiver::keep::{KeepOptions, keep};
use bowstring_source::SourceError;
use bowstring_source::options::SourceOptions;
use clap::Parser;

#[derive(Parser)]
struct Options {
    #[command(flatten)]
    keep: KeepOptions,
}

/// The directory of a test's files, which goes with it.
struct Files(PathBuf);

impl Files {
    fn new(test: &str) -> Files {
        let path = std::env::temp_dir().join(format!("bowstring-text-{test}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Files(path)
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn write(batch: &RecordBatch, path: &Path) -> Result<u64, String> {
    let _ = fs::remove_file(path);
    let options = Options::try_parse_from(["test", "-o", path.to_str().unwrap()]).unwrap();
    keep(&options.keep, batch.schema_ref(), [Ok::<_, ArrowError>(batch.clone())]).map_err(|error| error.what)
}

/// Reads a file, with the types from an Arrow file if there is one.
fn read(path: &Path, schema: Option<&Path>) -> Result<RecordBatch, SourceError> {
    let mut options = SourceOptions::new(vec![path.to_owned()]);
    options.schema = schema.map(|path| path.to_str().unwrap().to_owned());
    options.quoted_empty = true;
    let (inputs, reading, choice) = options.resolve()?;
    let mut source = bowstring_source::open(&inputs, &reading, choice)?;
    let schema = source.schema();
    let bowstring_source::Source::Batches(batches) = &mut source else { panic!("a file has batches") };
    let mut all = Vec::new();
    while let Some(batch) = batches.next_batch()? {
        all.push(batch);
    }
    Ok(concat_batches(&schema, &all).unwrap())
}

/// Compares values; any NaN equals any other.
fn same(a: &ArrayRef, b: &ArrayRef) -> bool {
    if let (Some(x), Some(y)) = (a.as_any_dictionary_opt(), b.as_any_dictionary_opt()) {
        let rows = |array: &dyn AnyDictionaryArray| take(array.values(), array.keys(), None).unwrap();
        return a.data_type() == b.data_type() && same(&rows(x), &rows(y));
    }
    macro_rules! floats {
        ($type:ty) => {{
            let bits = |array: &ArrayRef| -> Vec<_> {
                let values = array.as_primitive::<$type>().iter();
                values.map(|value| value.map(|v| if v.is_nan() { None } else { Some(v.to_bits()) })).collect()
            };
            bits(a) == bits(b)
        }};
    }
    a.data_type() == b.data_type()
        && match a.data_type() {
            DataType::Float16 => floats!(Float16Type),
            DataType::Float32 => floats!(Float32Type),
            DataType::Float64 => floats!(Float64Type),
            _ => a == b,
        }
}

/// The fate of a column on its way through a format.
fn outcome(batch: &RecordBatch, extension: &str, files: &Files) -> String {
    let (path, types) = (files.0.join(format!("x.{extension}")), files.0.join("types.arrow"));
    if let Err(refused) = write(batch, &path) {
        let why = refused.rsplit(": ").next().unwrap_or_default().to_owned();
        return format!("refused: {why}");
    }
    write(batch, &types).unwrap();
    if read(&path, None).is_ok_and(|read| same(read.column(1), batch.column(1))) {
        return "kept".to_owned();
    }
    match read(&path, Some(&types)) {
        Ok(read) if same(read.column(1), batch.column(1)) => "kept with `--schema`".to_owned(),
        Ok(_) => "not kept: values differ".to_owned(),
        Err(error) => format!("not kept: {}", error.what.replace(&format!("{}: ", path.display()), "")),
    }
}

/// Returns a batch of numbered rows with a column of this type.
fn numbered(values: ArrayRef) -> RecordBatch {
    let id: ArrayRef = Arc::new(Int64Array::from_iter_values(0..values.len() as i64));
    let field = Field::new("c", values.data_type().clone(), true);
    let schema = Schema::new(vec![Field::new("id", DataType::Int64, true), field]);
    RecordBatch::try_new(Arc::new(schema), vec![id, values]).unwrap()
}

#[test]
fn every_type_through_every_text_format() {
    let files = Files::new("all");
    let mut rows = String::new();
    for (i, data_type) in every_type().into_iter().enumerate() {
        let schema: SchemaRef = Arc::new(Schema::new(vec![Field::new("c", data_type.clone(), true)]));
        let bytes: Vec<u8> = (0..250u8).map(|byte| byte.wrapping_mul(2 * i as u8 + 1)).collect();
        let batch = numbered(batch_of(&mut Source::new(&bytes), &schema, 100).column(0).clone());
        let [csv, json] = ["csv", "jsonl"].map(|extension| outcome(&batch, extension, &files));
        let name = data_type.to_string().replace('|', "\\|");
        rows.push_str(&format!("| `{name}` | {csv} | {json} |\n"));
    }
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("FORMATS.md");
    let text = fs::read_to_string(&page).unwrap();
    let head = "| type | CSV | JSON |\n|---|---|---|\n";
    let (before, table) = text.split_once(head).unwrap();
    if std::env::var_os("BOWSTRING_BLESS").is_some() {
        fs::write(&page, format!("{before}{head}{rows}")).unwrap();
    } else {
        assert_eq!(table, rows, "FORMATS.md is stale: BOWSTRING_BLESS=1 writes it anew");
    }
}

#[test]
fn values_that_are_easily_lost() {
    let files = Files::new("edges");
    let zone = |unit: TimestampMillisecondArray| -> ArrayRef { Arc::new(unit.with_timezone("Europe/Paris")) };
    let decimal = Decimal128Array::from(vec![i128::MAX / 2, -1, 0, 10_i128.pow(37)]);
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Float64Array::from(vec![
            f64::NAN,
            f64::INFINITY,
            f64::NEG_INFINITY,
            -0.0,
            5e-324,
            f64::MAX,
        ])),
        Arc::new(Float32Array::from(vec![f32::NAN, f32::INFINITY, 0.1, f32::MIN_POSITIVE, f32::MAX])),
        Arc::new(Int64Array::from(vec![i64::MIN, i64::MAX, (1 << 53) + 1])),
        Arc::new(UInt64Array::from(vec![u64::MAX, (1 << 53) + 1])),
        Arc::new(decimal.with_precision_and_scale(38, 10).unwrap()),
        Arc::new(BinaryArray::from(vec![Some(&b"\0\xff"[..]), None])),
        Arc::new(StringArray::from(vec![
            Some(""),
            None,
            Some("NaN"),
            Some("null"),
            Some(" a,\"b\"\r\n\n"),
            Some("#x"),
            Some("01"),
        ])),
        Arc::new(DurationNanosecondArray::from(vec![-1, i64::MIN, i64::MAX, 1_500_000_000])),
        Arc::new(DurationSecondArray::from(vec![-1, i64::MIN, i64::MAX, 86_400])),
        Arc::new(TimestampNanosecondArray::from(vec![-1, i64::MIN, i64::MAX])),
        Arc::new(TimestampSecondArray::from(vec![i64::MIN, i64::MAX, 253_402_300_800])),
        zone(TimestampMillisecondArray::from(vec![-2_500_000_000_000, 1_698_541_200_001, i64::MAX])),
        Arc::new(Date32Array::from(vec![20_200_101, i32::MIN, i32::MAX, -719_529, 2_932_897])),
        Arc::new(Date64Array::from(vec![i64::MIN, i64::MAX, 1, 86_400_000])),
        Arc::new(Time32SecondArray::from(vec![0, 86_399])),
        Arc::new(Time64NanosecondArray::from(vec![0, 86_399_999_999_999])),
    ];
    for column in columns {
        for extension in ["csv", "jsonl"] {
            let outcome = outcome(&numbered(column.clone()), extension, &files);
            assert!(outcome.starts_with("kept"), "{} {extension}: {outcome}", column.data_type());
        }
    }
}

/// Whole numbers beyond 64 bits stay what they are where types are inferred.
#[test]
fn whole_numbers_of_any_length_are_inferred_without_loss() {
    let files = Files::new("big");
    let path = files.0.join("x.jsonl");
    for (text, data_type, values) in [
        ("{\"a\":1}\n{\"a\":18446744073709551615}", DataType::UInt64, ["1", "18446744073709551615"]),
        ("{\"a\":1}\n{\"a\":18446744073709551616}", DataType::Utf8, ["1", "18446744073709551616"]),
        ("{\"a\":-1}\n{\"a\":9223372036854775808}", DataType::Utf8, ["-1", "9223372036854775808"]),
        ("{\"a\":9007199254740993}\n{\"a\":2}", DataType::Int64, ["9007199254740993", "2"]),
    ] {
        fs::write(&path, text).unwrap();
        let batch = read(&path, None).unwrap();
        assert_eq!(batch.column(0).data_type(), &data_type, "{text}");
        let texts = arrow_cast::cast(batch.column(0), &DataType::Utf8).unwrap();
        assert_eq!(texts.as_string::<i32>().iter().flatten().collect::<Vec<_>>(), values, "{text}");
    }
    // A fraction is not cut off for a type that has none, and what is too large is not infinite.
    for (text, types) in
        [("{\"a\":1.5}", "a int64"), ("{\"a\":1e400}", "a float64"), ("{\"a\":300}", "a int8")]
    {
        fs::write(&path, text).unwrap();
        assert!(read(&path, Some(Path::new(types))).is_err(), "{text}");
    }
}
