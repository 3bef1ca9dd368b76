//! Parquet by several threads.

use libtest_mimic::Failed;
use parquet::arrow::ArrowWriter;

use crate::Needs::Receiver;
use crate::Test;
use crate::inputs::{TO_JSON, batches, json, same};
use crate::run::Programs;

pub(crate) const TESTS: &[Test] =
    &[("Parquet columns are read by several threads, in order", Receiver, columns)];

fn columns(programs: &Programs) -> Result<(), Failed> {
    // A row group for each batch, and columns below a struct and a list.
    let lines = (0..500).map(|n| format!("{{\"a\":{n},\"b\":{{\"c\":[{n},1],\"d\":\"x{n}\"}},\"e\":[]}}\n"));
    programs.write("nested.jsonl", lines.collect::<String>())?;
    programs.send(&["nested.jsonl", "--", "receiver", "-o", "nested.parquet"])?.code(0)?;
    let mut writer = ArrowWriter::try_new(Vec::new(), batches()[0].schema(), None)?;
    for batch in batches() {
        writer.write(&batch)?;
        writer.flush()?;
    }
    programs.write("groups.parquet", writer.into_inner()?)?;
    let nested = programs.send(&[&["nested.jsonl"][..], &TO_JSON].concat())?.ok()?;
    for threads in ["1", "2", "3", "9"] {
        let read = |more: &[&str]| {
            programs.send(&[more, &["--threads", threads, "--batch-rows", "70"], &TO_JSON].concat())
        };
        same(read(&["groups.parquet"])?.ok()?, &json(0..500))?;
        same(read(&["groups.parquet", "--rows", "130..420"])?.ok()?, &json(130..420))?;
        same(read(&["groups.parquet", "--repeat", "2"])?.ok()?, &json(0..500).repeat(2))?;
        same(read(&["nested.parquet"])?.ok()?, &nested)?;
    }
    // One that is wrong in the middle of a column says so, whoever reads it, and ends all.
    let mut wrong = std::fs::read(programs.path("groups.parquet"))?;
    let page = wrong.windows(8).position(|bytes| bytes == b"row 250,").ok_or("no such text")?;
    wrong[page - 60..page].fill(0xFF);
    programs.write("wrong.parquet", &wrong)?;
    for threads in ["1", "3"] {
        programs.send(&["wrong.parquet", "--threads", threads, "--", "receiver", "--count"])?.code(3)?;
    }
    Ok(())
}
