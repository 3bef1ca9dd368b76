//! Every sink over every delivery, with the real program: the values that come out are those that went in.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::io::Cursor;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_cast::cast;
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use libtest_mimic::Trial;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use support::{Room, expect_code, flat_table, nested, read, trial, whole};

const DELIVERIES: [&str; 3] = ["pooled", "copied", "sealed"];

/// A sink: what to say, and how to read what comes out.
struct Sink {
    name: &'static str,
    args: &'static [&'static str],
    /// The file written, if it is one.
    file: Option<&'static str>,
    read: fn(&[u8], &SchemaRef) -> Vec<RecordBatch>,
    /// True if dictionaries come back as such.
    keeps_dictionaries: bool,
    nests: bool,
}

const SINKS: [Sink; 8] = [
    Sink {
        name: "arrow",
        file: Some("x.arrow"),
        read: ipc_file,
        keeps_dictionaries: true,
        nests: true,
        args: &[],
    },
    Sink {
        name: "arrows",
        file: Some("x.arrows"),
        read: ipc_stream,
        keeps_dictionaries: true,
        nests: true,
        args: &[],
    },
    Sink {
        name: "arrows to stdout",
        file: None,
        read: ipc_stream,
        keeps_dictionaries: true,
        nests: true,
        args: &["-o", "-", "--format", "arrows"],
    },
    Sink {
        name: "parquet",
        file: Some("x.parquet"),
        read: parquet,
        keeps_dictionaries: true,
        nests: true,
        args: &[],
    },
    Sink {
        name: "csv file",
        file: Some("x.csv"),
        read: csv,
        keeps_dictionaries: false,
        nests: false,
        args: &[],
    },
    Sink { name: "csv", file: None, read: csv, keeps_dictionaries: false, nests: false, args: &["--csv"] },
    Sink {
        name: "jsonl file",
        file: Some("x.jsonl"),
        read: json,
        keeps_dictionaries: false,
        nests: true,
        args: &[],
    },
    Sink { name: "json", file: None, read: json, keeps_dictionaries: false, nests: true, args: &["--json"] },
];

fn main() {
    let mut trials = Vec::new();
    for sink in SINKS {
        let sink: &'static Sink = Box::leak(Box::new(sink));
        for delivery in DELIVERIES {
            trials.push(trial(format!("{} {delivery}", sink.name), move || {
                comes_out_as_it_went_in(sink, delivery, &flat_table());
                if sink.nests {
                    comes_out_as_it_went_in(sink, delivery, &[nested(0, 100), nested(100, 50)]);
                }
                let empty = flat_table()[0].slice(0, 0);
                comes_out_as_it_went_in(sink, delivery, &[empty]);
            }));
        }
    }
    trials.extend(DELIVERIES.map(measuring));
    trials.push(trial("the table fits, escapes and sums up", the_table));
    trials.push(trial("a table without batches has its schema everywhere", no_batches));
    support::main(trials);
}

fn comes_out_as_it_went_in(sink: &Sink, delivery: &str, batches: &[RecordBatch]) {
    let room = Room::new();
    let mut args: Vec<String> = ["--delivery", delivery].map(str::to_owned).into();
    args.extend(sink.args.iter().map(|&arg| arg.to_owned()));
    if let Some(file) = sink.file {
        args.extend(["-o".to_owned(), room.file(file).into_os_string().into_string().unwrap()]);
    }
    let output = room.run(batches, &args);
    expect_code(&output, 0);
    let bytes = match sink.file {
        Some(file) => {
            assert_eq!(room.names(), [file], "nothing else is left behind");
            assert!(output.stdout.is_empty());
            read(&room.file(file))
        }
        None => output.stdout,
    };
    let expected = whole(batches);
    let expected = if sink.keeps_dictionaries { expected } else { unpacked(&expected) };
    let mut found = (sink.read)(&bytes, &expected.schema());
    if found.is_empty() {
        found.push(RecordBatch::new_empty(expected.schema()));
    }
    // Each delivery and format splits batches as it likes.
    assert_eq!(whole(&found).columns(), expected.columns());
    assert_eq!(found[0].schema().fields(), expected.schema().fields());
}

/// Returns the batch without dictionaries.
fn unpacked(batch: &RecordBatch) -> RecordBatch {
    let plain = |field: &Arc<Field>| match field.data_type() {
        DataType::Dictionary(_, values) => {
            Arc::new(field.as_ref().clone().with_data_type(values.as_ref().clone()))
        }
        _ => field.clone(),
    };
    let fields: Vec<_> = batch.schema().fields().iter().map(plain).collect();
    let columns =
        batch.columns().iter().zip(&fields).map(|(column, field)| cast(column, field.data_type()).unwrap());
    let columns = columns.collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap()
}

fn ipc_file(bytes: &[u8], _: &SchemaRef) -> Vec<RecordBatch> {
    let reader = arrow_ipc::reader::FileReader::try_new(Cursor::new(bytes), None).unwrap();
    reader.map(Result::unwrap).collect()
}

fn ipc_stream(bytes: &[u8], _: &SchemaRef) -> Vec<RecordBatch> {
    let reader = arrow_ipc::reader::StreamReader::try_new(Cursor::new(bytes), None).unwrap();
    reader.map(Result::unwrap).collect()
}

fn parquet(bytes: &[u8], _: &SchemaRef) -> Vec<RecordBatch> {
    let bytes = bytes::Bytes::copy_from_slice(bytes);
    let reader = ParquetRecordBatchReaderBuilder::try_new(bytes).unwrap().build().unwrap();
    reader.map(Result::unwrap).collect()
}

fn csv(bytes: &[u8], schema: &SchemaRef) -> Vec<RecordBatch> {
    let header: Vec<&str> = str::from_utf8(bytes).unwrap().lines().next().unwrap().split(',').collect();
    assert_eq!(header, schema.fields().iter().map(|field| field.name().as_str()).collect::<Vec<_>>());
    let reader = arrow_csv::ReaderBuilder::new(schema.clone()).with_header(true).build(Cursor::new(bytes));
    reader.unwrap().map(Result::unwrap).collect()
}

fn json(bytes: &[u8], schema: &SchemaRef) -> Vec<RecordBatch> {
    let reader = arrow_json::ReaderBuilder::new(schema.clone()).build(Cursor::new(bytes));
    reader.unwrap().map(Result::unwrap).collect()
}

/// `--count`, `--null`, `--null --touch`, at both levels of checking.
fn measuring(delivery: &'static str) -> Trial {
    trial(format!("measuring {delivery}"), move || {
        let run = |args: &[&str]| {
            let output = Room::new().run(&flat_table(), ["--delivery", delivery].iter().chain(args));
            expect_code(&output, 0);
            String::from_utf8(output.stdout).unwrap()
        };
        for level in ["structure", "full"] {
            assert_eq!(run(&["--validate", level, "--count"]), "2000\n");
            assert_eq!(run(&["--validate", level, "--null"]), "");
        }
        let sum = run(&["--null", "--touch"]);
        assert_ne!(sum.trim().parse::<u64>().unwrap(), 0);
        assert_eq!(sum, run(&["--null", "--touch", "--validate", "structure"]));
    })
}

fn the_table() {
    let hostile = "\u{1b}[2Jgone\u{202e}\r\n";
    let column: arrow_array::StringArray = std::iter::repeat_n(Some(hostile), 50).collect();
    let mut columns: Vec<(String, arrow_array::ArrayRef)> = vec![(format!("a{hostile}"), Arc::new(column))];
    for number in 0..30 {
        let values = arrow_array::Int64Array::from_iter_values((0..50).map(|n| n * 1_000_000 + number));
        columns.push((format!("column {number}"), Arc::new(values)));
    }
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let room = Room::new();
    let mut sender = room.sender(&batch.schema());
    let child = room.receiver(["--table", "--head", "3"]).env("COLUMNS", "70").spawn().unwrap();
    sender.wait_for_receivers(1, None).unwrap();
    sender.send(&batch).unwrap();
    drop(sender);
    let output = child.wait_with_output().unwrap();
    expect_code(&output, 0);
    let shown = String::from_utf8(output.stdout).unwrap();
    for line in shown.lines() {
        assert!(line.chars().count() <= 70, "{line}");
        assert!(!line.contains(['\u{1b}', '\u{202e}', '\r']), "{line:?}");
    }
    assert!(shown.contains("3 of 50 rows, "), "{shown}");
    assert!(shown.contains("left out for lack of room"), "{shown}");
    assert!(shown.contains("50 rows, 31 columns, 1 batch"), "{shown}");
    // Least, greatest, mean and distinct values of column 29.
    let summed = shown.lines().find(|line| line.trim_start().starts_with("column 29"));
    let summed = summed.unwrap_or_else(|| panic!("{shown}"));
    for figure in ["29", "49000029", "24500029", "50"] {
        assert!(summed.split_whitespace().any(|word| word == figure), "{figure}: {summed}");
    }
}

fn no_batches() {
    let schema = flat_table()[0].schema();
    for name in ["x.arrow", "x.arrows", "x.parquet", "x.csv"] {
        let room = Room::new();
        let mut sender = room.sender(&schema);
        let child = room.receiver(["-o".into(), room.file(name)]).spawn().unwrap();
        sender.wait_for_receivers(1, None).unwrap();
        drop(sender);
        expect_code(&child.wait_with_output().unwrap(), 0);
        let bytes = read(&room.file(name));
        let found = match name {
            "x.arrow" => arrow_ipc::reader::FileReader::try_new(Cursor::new(bytes), None).unwrap().schema(),
            "x.arrows" => {
                arrow_ipc::reader::StreamReader::try_new(Cursor::new(bytes), None).unwrap().schema()
            }
            "x.csv" => {
                assert_eq!(bytes, b"id,price,name,view,flag,at,amount,city\n");
                continue;
            }
            _ => {
                let path = std::fs::File::open(room.file(name)).unwrap();
                ParquetRecordBatchReaderBuilder::try_new(path).unwrap().schema().clone()
            }
        };
        assert_eq!(found.fields(), schema.fields(), "{name}");
    }
}
