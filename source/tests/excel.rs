//! Generated workbooks are read with the types of their cells.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};

use arrow_array::RecordBatch;
use arrow_cast::display::array_value_to_string;
use bowstring_source::options::SourceOptions;
use bowstring_source::{Kind, Source, SourceError, open};
use rust_xlsxwriter::{ExcelDateTime, Format, Workbook};

fn workbook(test: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("bowstring-excel-{test}-{}.xlsx", std::process::id()));
    let mut book = Workbook::new();
    let sheet = book.add_worksheet().set_name("trips").unwrap();
    let date = Format::new().set_num_format("yyyy-mm-dd");
    let time = Format::new().set_num_format("yyyy-mm-dd hh:mm:ss.000");
    let long = Format::new().set_num_format("[h]:mm:ss");
    for (column, name) in ["id", "price", "day", "at", "long", "ok", "note", "mixed"].iter().enumerate() {
        sheet.write(0, column as u16, *name).unwrap();
    }
    for row in 1..=3_u32 {
        sheet.write(row, 0, row).unwrap();
        sheet.write(row, 1, f64::from(row) + 0.25).unwrap();
        let day = ExcelDateTime::from_ymd(2024, 2, 28 + row as u8 % 2).unwrap();
        sheet.write_with_format(row, 2, &day, &date).unwrap();
        let at = ExcelDateTime::from_ymd(1999, 12, 31).unwrap().and_hms_milli(23, 59, 59, 125).unwrap();
        sheet.write_with_format(row, 3, &at, &time).unwrap();
        sheet.write_with_format(row, 4, 1.25, &long).unwrap();
        sheet.write(row, 5, row == 2).unwrap();
    }
    sheet.write(1, 6, "a").unwrap();
    sheet.write(3, 6, "01").unwrap();
    sheet.write(1, 7, 1).unwrap();
    sheet.write(2, 7, "x").unwrap();
    let other = book.add_worksheet().set_name("other").unwrap();
    other.write(0, 0, "n").unwrap();
    other.write(1, 0, 7).unwrap();
    book.save(&path).unwrap();
    path
}

fn read(path: &Path, change: impl Fn(&mut SourceOptions)) -> Result<RecordBatch, SourceError> {
    let mut options = SourceOptions::new(vec![path.to_owned()]);
    change(&mut options);
    let (inputs, reading, choice) = options.resolve()?;
    let Source::Batches(mut batches) = open(&inputs, &reading, choice)? else { panic!("a file has batches") };
    Ok(batches.next_batch()?.unwrap())
}

fn row(batch: &RecordBatch, row: usize) -> Vec<String> {
    batch.columns().iter().map(|column| array_value_to_string(column, row).unwrap()).collect()
}

#[test]
fn cells_have_their_types() {
    let path = workbook("types");
    let batch = read(&path, |_| {}).unwrap();
    let types: Vec<_> = batch.schema().fields().iter().map(|field| field.data_type().to_string()).collect();
    let expected = ["Int64", "Float64", "Date32", "Timestamp(ms)", "Duration(ms)", "Boolean", "Utf8", "Utf8"];
    assert_eq!(types, expected);
    assert_eq!(batch.num_rows(), 3);
    let first = ["1", "1.25", "2024-02-29", "1999-12-31T23:59:59.125", "PT108000S", "false", "a", "1"];
    assert_eq!(row(&batch, 0), first);
    assert_eq!(row(&batch, 1)[5..], ["true", "", "x"]);
    assert!(batch.column(6).is_null(1));
    std::fs::remove_file(path).unwrap();
}

#[test]
fn a_sheet_is_chosen_by_name_or_number() {
    let path = workbook("sheets");
    for sheet in ["other", "2"] {
        let batch = read(&path, |options| options.sheet = Some(sheet.to_owned())).unwrap();
        assert_eq!((batch.num_columns(), row(&batch, 0)), (1, vec!["7".to_owned()]), "{sheet}");
    }
    let error = read(&path, |options| options.sheet = Some("third".to_owned())).unwrap_err();
    assert_eq!(error.kind, Kind::Usage);
    assert_eq!(error.advice.as_deref(), Some("its sheets: trips, other"));
    let batch = read(&path, |options| {
        options.sheet = Some("other".to_owned());
        options.no_header = true;
    });
    assert_eq!(row(&batch.unwrap(), 0), ["n"]);
    let batch = read(&path, |options| options.schema = Some("id decimal(5,1), price text".to_owned()));
    assert_eq!(row(&batch.unwrap(), 0)[..2], ["1.0", "1.25"]);
    std::fs::remove_file(path).unwrap();
}

#[test]
fn a_broken_workbook_is_refused() {
    let path = workbook("broken");
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    assert_eq!(read(&path, |_| {}).unwrap_err().kind, Kind::Malformed);
    std::fs::remove_file(path).unwrap();
}
