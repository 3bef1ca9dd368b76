//! Parquet's INTERVAL keeps its months, which the `parquet` crate drops.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::{Int32Type, IntervalMonthDayNanoType};
use bowstring_source::options::{Range, SourceOptions};
use bowstring_source::{Source, SourceError, open};
use parquet::data_type::Int32Type as ParquetInt32;
use parquet::data_type::{ByteArray, FixedLenByteArray, FixedLenByteArrayType};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

const FLAT: &str = "message m { REQUIRED INT32 id; OPTIONAL FIXED_LEN_BYTE_ARRAY (12) span (INTERVAL); }";
const NESTED: &str = "message m { REQUIRED INT32 id; REQUIRED group s { OPTIONAL FIXED_LEN_BYTE_ARRAY (12) span (INTERVAL); } }";

/// Months, days, milliseconds; the second row is null.
const SPANS: [[u32; 3]; 3] = [[1, 2, 3500], [14, 0, 0], [0, 0, u32::MAX]];

/// A file of two row groups as DuckDB writes it, without an Arrow schema.
fn file(test: &str, schema: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("bowstring-interval-{test}-{}.parquet", std::process::id()));
    let schema = Arc::new(parse_message_type(schema).unwrap());
    let properties = Arc::new(WriterProperties::builder().build());
    let mut writer = SerializedFileWriter::new(File::create(&path).unwrap(), schema, properties).unwrap();
    for _ in 0..2 {
        let mut group = writer.next_row_group().unwrap();
        let mut column = group.next_column().unwrap().unwrap();
        column.typed::<ParquetInt32>().write_batch(&[1, 2, 3, 4], None, None).unwrap();
        column.close().unwrap();
        let spans = SPANS.map(|span| {
            let bytes: Vec<u8> = span.iter().flat_map(|part| part.to_le_bytes()).collect();
            FixedLenByteArray::from(ByteArray::from(bytes))
        });
        let mut column = group.next_column().unwrap().unwrap();
        column.typed::<FixedLenByteArrayType>().write_batch(&spans, Some(&[1, 0, 1, 1]), None).unwrap();
        column.close().unwrap();
        group.close().unwrap();
    }
    writer.close().unwrap();
    path
}

fn read(path: PathBuf, change: impl Fn(&mut SourceOptions)) -> Result<Vec<RecordBatch>, SourceError> {
    let mut options = SourceOptions::new(vec![path]);
    change(&mut options);
    let (inputs, reading, choice) = options.resolve()?;
    let source = open(&inputs, &reading, choice)?;
    let schema = source.schema();
    let Source::Batches(mut batches) = source else { panic!("a file has batches") };
    let mut read = Vec::new();
    while let Some(batch) = batches.next_batch()? {
        assert_eq!(batch.schema(), schema);
        read.push(batch);
    }
    Ok(read)
}

/// Months, days and nanoseconds.
type Span = (i32, i32, i64);

fn values(batches: &[RecordBatch]) -> Vec<(i32, Option<Span>)> {
    let rows = batches.iter().flat_map(|batch| {
        let ids = batch.column(0).as_primitive::<Int32Type>().values().to_vec();
        let spans = batch.column(1).as_primitive::<IntervalMonthDayNanoType>().iter().collect::<Vec<_>>();
        ids.into_iter().zip(spans).collect::<Vec<_>>()
    });
    rows.map(|(id, span)| (id, span.map(|span| (span.months, span.days, span.nanoseconds)))).collect()
}

#[test]
fn months_days_and_milliseconds_arrive() {
    let path = file("flat", FLAT);
    let one = [
        (1, Some((1, 2, 3_500_000_000))),
        (2, None),
        (3, Some((14, 0, 0))),
        (4, Some((0, 0, i64::from(u32::MAX) * 1_000_000))),
    ];
    let all = [one, one].concat();
    assert_eq!(values(&read(path.clone(), |_| {}).unwrap()), all);
    // In batches that end elsewhere than row groups do, and from the middle on.
    assert_eq!(values(&read(path.clone(), |options| options.batch_rows = Some(3)).unwrap()), all);
    let part = read(path.clone(), |options| options.rows = Some(Range { start: 3, end: Some(7) }));
    assert_eq!(values(&part.unwrap()), all[3..7]);
    std::fs::remove_file(path).unwrap();
}

#[test]
fn further_down_they_are_refused_and_not_cut() {
    let path = file("nested", NESTED);
    let error = read(path.clone(), |_| {}).unwrap_err();
    assert!(error.what.contains("\"s\"") && error.what.contains("intervals"), "{}", error.what);
    std::fs::remove_file(path).unwrap();
}
