//! A Parquet batch is about as long as a block of text, whatever a row is.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs::File;
use std::sync::Arc;

use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use bowstring_source::options::SourceOptions;
use bowstring_source::{Source, open};
use parquet::arrow::ArrowWriter;

/// Writes a table and reads it again; returns the rows of each batch.
fn rows(test: &str, table: &RecordBatch, asked: Option<u64>) -> Vec<usize> {
    let path = std::env::temp_dir().join(format!("bowstring-blocks-{test}-{}.parquet", std::process::id()));
    let mut writer = ArrowWriter::try_new(File::create(&path).unwrap(), table.schema(), None).unwrap();
    writer.write(table).unwrap();
    writer.close().unwrap();
    let options = SourceOptions { batch_rows: asked, ..SourceOptions::new(vec![path.clone()]) };
    let (inputs, reading, choice) = options.resolve().unwrap();
    let Source::Batches(mut batches) = open(&inputs, &reading, choice).unwrap() else {
        panic!("a file has batches")
    };
    let (mut rows, mut read) = (Vec::new(), 0);
    while let Some(batch) = batches.next_batch().unwrap() {
        assert_eq!(batch.columns(), table.slice(read, batch.num_rows()).columns());
        read += batch.num_rows();
        rows.push(batch.num_rows());
    }
    std::fs::remove_file(&path).unwrap();
    assert_eq!(read, table.num_rows());
    rows
}

fn table(columns: Vec<ArrayRef>) -> RecordBatch {
    let named = columns.into_iter().enumerate().map(|(at, column)| (format!("c{at}"), column));
    RecordBatch::try_from_iter(named).unwrap()
}

#[test]
fn long_text_comes_in_few_rows() {
    // In the file, each text is there once.
    let texts = ["a".repeat(10_000), "b".repeat(10_000)];
    let texts: ArrayRef =
        Arc::new(StringArray::from_iter_values((0..3000).map(|row| &texts[row % texts.len()])));
    let rows = rows("text", &table(vec![texts]), None);
    assert!(rows.iter().all(|rows| *rows <= 110), "{rows:?}");
}

#[test]
fn many_columns_come_in_few_rows_unless_more_are_asked_for() {
    let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(0..3000));
    let wide = table(vec![numbers; 500]);
    let most = |asked| rows("wide", &wide, asked).into_iter().max();
    assert!(most(None) <= Some(270));
    assert_eq!(most(Some(3000)), Some(3000));
}
