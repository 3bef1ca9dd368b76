//! `--compact`: smaller columns with the same values, and what does not fit a sample.

use libtest_mimic::Failed;

use crate::Needs::{Nothing, Receiver};
use crate::Test;
use crate::run::{Programs, finish};

pub(crate) const TESTS: &[Test] = &[
    ("--compact sends the same values in smaller types", Receiver, smaller),
    ("--compact over a sample refuses what does not fit", Receiver, sample),
    ("--compact-misfit widen sends every row in one of two tables", Receiver, widen),
    ("--compact over standard input needs a sample", Nothing, standard_input),
];

/// Rows of CSV: a small number, a word of three, a constant.
fn csv(rows: usize) -> String {
    let line = |n: usize| format!("{},{},always\n", n % 100, ["shipped", "delivered", "returned"][n % 3]);
    format!("n,status,source\n{}", (0..rows).map(line).collect::<String>())
}

fn smaller(programs: &Programs) -> Result<(), Failed> {
    programs.write("x.csv", csv(3000))?;
    let plain = programs.send(&["x.csv", "--", "receiver", "--json"])?.ok()?;
    for compact in ["--compact", "--compact=all", "--compact=100", "--compact=1M"] {
        let ended = programs.send(&["x.csv", compact, "--batch-rows", "70", "--", "receiver", "--json"])?;
        let ended = ended.says("compact: n")?.says("Int64 -> Int8")?.says("Dictionary(Int8, Utf8)")?;
        let ended = ended.says("RunEndEncoded")?.says("3 of 3 columns of 3000 rows")?;
        if ended.ok()? != plain {
            return Err(format!("{compact} changes values").into());
        }
    }
    let twice = programs.send(&["x.csv", "--compact=10", "--repeat", "2", "--", "receiver", "--json"])?;
    (twice.ok()? == plain.repeat(2)).then_some(()).ok_or("repeated, it is something else".into())
}

fn sample(programs: &Programs) -> Result<(), Failed> {
    programs.write("x.csv", csv(300) + "1000,shipped,always\n")?;
    let ended = programs.send(&["x.csv", "--compact=300", "--", "receiver", "--json"])?.code(3)?;
    ended.says("row 300, column \"n\": 1000 does not fit Int8, which the first 300 rows led to")?;
    programs.send(&["x.csv", "--compact", "--", "receiver", "--json"])?.code(0)?.says("Int64 -> Int16")?;
    let pipe = |sample| {
        let arguments = ["-", sample, "--", "receiver", "--json"];
        programs.send_piped(&arguments, csv(50).as_bytes())
    };
    pipe("--compact=1")?.code(3)?.says("row 2, column \"n\": 2 does not fit Boolean")?;
    pipe("--compact=1000")?.code(0)?.says("Int64 -> Int8")?;
    Ok(())
}

fn widen(programs: &Programs) -> Result<(), Failed> {
    programs.write("x.csv", csv(300) + "1000,shipped,always\n7,lost,never\n")?;
    let plain = programs.send(&["x.csv", "--", "receiver", "--json"])?.ok()?;
    let sample = ["x.csv", "--compact=250", "--compact-misfit", "widen", "--batch-rows", "70", "--quiet"];
    let receive = |name: &str| programs.receiver(&[name, "--json", "--wait", "60", "--quiet"]).spawn();
    let sender = programs.sender(&[&sample[..], &["--name", "t"]].concat()).spawn()?;
    let first = finish(receive("t")?)?.ok()?;
    let second = finish(receive("t.rest")?)?.ok()?;
    let ended = finish(sender)?.code(0)?;
    ended.says("row 300, column \"n\": 1000 does not fit Int8")?.says("at t.rest")?;
    assert_eq!((first.lines().count(), second.lines().count()), (300, 2));
    assert_eq!(first + &second, plain);
    // Where all fits there is one table.
    programs.write("y.csv", csv(300))?;
    let sender = programs.sender(&[&["y.csv"], &sample[1..], &["--socket", "s"]].concat()).spawn()?;
    let all = programs.receiver(&["./s", "--count", "--wait", "60", "--quiet"]).spawn()?;
    assert_eq!(finish(all)?.ok()?, "300\n");
    finish(sender)?.code(0)?;
    let refused =
        |more: &[&str]| programs.send(&[&["x.csv", "--compact-misfit", "widen"], more].concat())?.code(2);
    refused(&[])?.says("--compact=100000")?;
    refused(&["--compact=10", "--", "receiver"])?.says("receiver NAME.rest")?;
    refused(&["--compact=10", "--repeat", "2"])?.says("cannot be repeated")?;
    Ok(())
}

fn standard_input(programs: &Programs) -> Result<(), Failed> {
    programs.send(&["-", "--compact"])?.code(2)?.says("--compact=100000")?;
    programs.send(&["demo", "--compact"])?.code(2)?.says("needs an input")?;
    programs.send(&["x.csv", "--compact=none"])?.code(2)?.says("a number of rows")?;
    Ok(())
}
