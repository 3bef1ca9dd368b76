//! Every kind of input: what comes out is what went in, whatever it came in.

use std::sync::Arc;

use arrow_array::types::Int32Type;
use arrow_array::{
    Array as _, ArrayRef, BooleanArray, Date32Array, DictionaryArray, Float64Array, Int64Array, RecordBatch,
    StringArray,
};
use arrow_ipc::CompressionType;
use arrow_ipc::writer::{FileWriter, IpcWriteOptions, StreamWriter};
use bowstring::arrow_schema::{Field, Schema};
use libtest_mimic::Failed;
use parquet::arrow::ArrowWriter;

use crate::Needs::{Nothing, Receiver};
use crate::Test;
use crate::run::Programs;

pub(crate) const TESTS: &[Test] = &[
    ("every format, from a file and through a pipe", Receiver, every_format),
    ("compressed Arrow", Receiver, compressed),
    ("dictionaries that change", Receiver, dictionaries),
    ("rows and batches are chosen", Receiver, chosen),
    ("the demonstration is the same however it is cut", Receiver, demo),
    ("several inputs are one table", Receiver, several),
    ("types are given", Receiver, given_types),
    ("inputs that are malformed, and which", Nothing, malformed),
    ("JSON arrays, pretty-printed objects, other delimiters", Receiver, other_forms),
    ("nothing is dropped or misread in silence", Receiver, nothing_in_silence),
];

/// Returns a file of four rows: a number, and text in a dictionary, both with metadata.
pub(crate) fn with_metadata() -> Result<Vec<u8>, Failed> {
    let n: ArrayRef = Arc::new(Int64Array::from_iter_values(0..4));
    let city: DictionaryArray<Int32Type> =
        [Some("Ulm"), Some("Bonn"), None, Some("Ulm")].into_iter().collect();
    let fields = [
        Field::new("n", n.data_type().clone(), false).with_metadata([("unit", "m")]),
        Field::new("city", city.data_type().clone(), true),
    ];
    let schema = Arc::new(Schema::new_with_metadata(fields.to_vec(), [("origin", "north")]));
    let mut writer = FileWriter::try_new(Vec::new(), &schema)?;
    writer.write(&RecordBatch::try_new(schema, vec![n, Arc::new(city)])?)?;
    Ok(writer.into_inner()?)
}

/// Rows `range`, of types that CSV and JSON infer as they are here.
fn rows(range: std::ops::Range<i64>) -> RecordBatch {
    let text: StringArray = range.clone().map(|n| Some(format!("row {n}, \"quoted\""))).collect();
    let half = Float64Array::from_iter(range.clone().map(|n| (n % 7 != 0).then_some(n as f64 + 0.5)));
    let even = BooleanArray::from_iter(range.clone().map(|n| Some(n % 2 == 0)));
    let n: ArrayRef = Arc::new(Int64Array::from_iter_values(range));
    RecordBatch::try_from_iter_with_nullable([
        ("n", n, true),
        ("text", Arc::new(text) as _, true),
        ("half", Arc::new(half) as _, true),
        ("even", Arc::new(even) as _, true),
    ])
    .unwrap()
}

pub(crate) fn batches() -> Vec<RecordBatch> {
    (0..5).map(|i| rows(i * 100..(i + 1) * 100)).collect()
}

pub(crate) fn file(batches: &[RecordBatch], options: IpcWriteOptions) -> Vec<u8> {
    let mut writer = FileWriter::try_new_with_options(Vec::new(), &batches[0].schema(), options).unwrap();
    batches.iter().for_each(|batch| writer.write(batch).unwrap());
    writer.finish().unwrap();
    writer.into_inner().unwrap()
}

pub(crate) fn stream(batches: &[RecordBatch], options: IpcWriteOptions) -> Vec<u8> {
    let mut writer = StreamWriter::try_new_with_options(Vec::new(), &batches[0].schema(), options).unwrap();
    batches.iter().for_each(|batch| writer.write(batch).unwrap());
    writer.into_inner().unwrap()
}

pub(crate) fn parquet(batches: &[RecordBatch]) -> Vec<u8> {
    let mut writer = ArrowWriter::try_new(Vec::new(), batches[0].schema(), None).unwrap();
    batches.iter().for_each(|batch| writer.write(batch).unwrap());
    writer.into_inner().unwrap()
}

/// Returns the same rows as CSV, by hand.
pub(crate) fn csv(range: std::ops::Range<i64>) -> String {
    let line = |n: i64| {
        let half = if n % 7 == 0 { String::new() } else { format!("{}", n as f64 + 0.5) };
        format!("{n},\"row {n}, \"\"quoted\"\"\",{half},{}\n", n % 2 == 0)
    };
    format!("n,text,half,even\n{}", range.map(line).collect::<String>())
}

/// Returns the same rows as the receiver writes them.
pub(crate) fn json(range: std::ops::Range<i64>) -> String {
    let line = |n: i64| {
        let half = if n % 7 == 0 { "null".to_owned() } else { format!("{}", n as f64 + 0.5) };
        let even = n % 2 == 0;
        format!("{{\"n\":{n},\"text\":\"row {n}, \\\"quoted\\\"\",\"half\":{half},\"even\":{even}}}\n")
    };
    range.map(line).collect()
}

pub(crate) fn same(found: String, expected: &str) -> Result<(), Failed> {
    match found == expected {
        true => Ok(()),
        false => {
            let at = found.lines().zip(expected.lines()).position(|(a, b)| a != b);
            let (a, b) = (found.lines().count(), expected.lines().count());
            Err(format!("{a} lines for {b}; the first that differs: {at:?}\n{found:.300}").into())
        }
    }
}

pub(crate) const TO_JSON: [&str; 4] = ["--", "receiver", "--json", "--quiet"];

fn every_format(programs: &Programs) -> Result<(), Failed> {
    let (batches, plain) = (batches(), IpcWriteOptions::default());
    let marked = [b"\xef\xbb\xbf", csv(0..500).as_bytes()].concat();
    for (name, bytes) in [
        ("x.arrow", file(&batches, plain.clone())),
        ("x.feather", file(&batches, plain.clone())),
        ("x.arrows", stream(&batches, plain)),
        ("x.parquet", parquet(&batches)),
        ("x.csv", csv(0..500).into_bytes()),
        ("marked.csv", marked),
        ("x.jsonl", json(0..500).into_bytes()),
    ] {
        programs.write(name, &bytes)?;
        for delivery in ["pooled", "copied", "sealed"] {
            let arguments = [&[name, "--delivery", delivery, "--quiet"][..], &TO_JSON].concat();
            same(programs.send(&arguments)?.ok()?, &json(0..500))
                .map_err(|e| format!("{name} {delivery}: {}", e.message().unwrap_or_default()))?;
        }
        let piped = programs.send_piped(&[&["-"][..], &TO_JSON].concat(), &bytes)?;
        same(piped.ok()?, &json(0..500))
            .map_err(|e| format!("{name} piped: {}", e.message().unwrap_or_default()))?;
    }
    Ok(())
}

fn compressed(programs: &Programs) -> Result<(), Failed> {
    for codec in [CompressionType::LZ4_FRAME, CompressionType::ZSTD] {
        let options = IpcWriteOptions::default().try_with_compression(Some(codec))?;
        programs.write("x.arrow", file(&batches(), options.clone()))?;
        programs.write("x.arrows", stream(&batches(), options))?;
        for name in ["x.arrow", "x.arrows"] {
            same(programs.send(&[&[name][..], &TO_JSON].concat())?.ok()?, &json(0..500))?;
        }
    }
    Ok(())
}

fn dictionaries(programs: &Programs) -> Result<(), Failed> {
    let coded = |words: &[&str]| {
        let words: DictionaryArray<Int32Type> = words.iter().copied().collect();
        RecordBatch::try_from_iter([("word", Arc::new(words) as ArrayRef)]).unwrap()
    };
    let batches = [coded(&["a", "b"]), coded(&["a", "b", "c"]), coded(&["z", "a"]), coded(&["z", "a"])];
    programs.write("x.arrows", stream(&batches, IpcWriteOptions::default()))?;
    let expected: String = ["a", "b", "a", "b", "c", "z", "a", "z", "a"]
        .iter()
        .map(|w| format!("{{\"word\":\"{w}\"}}\n"))
        .collect();
    for delivery in ["pooled", "copied", "sealed"] {
        same(
            programs.send(&[&["x.arrows", "--delivery", delivery][..], &TO_JSON].concat())?.ok()?,
            &expected,
        )?;
    }
    Ok(())
}

fn chosen(programs: &Programs) -> Result<(), Failed> {
    let batches = batches();
    programs.write("x.arrow", file(&batches, IpcWriteOptions::default()))?;
    programs.write("x.arrows", stream(&batches, IpcWriteOptions::default()))?;
    programs.write("x.parquet", parquet(&batches))?;
    programs.write("x.csv", csv(0..500))?;
    for name in ["x.arrow", "x.arrows", "x.parquet", "x.csv"] {
        for (choice, range) in [
            ("150..317", 150..317),
            ("..3", 0..3),
            ("499..", 499..500),
            ("100..200", 100..200),
            ("600..700", 0..0),
        ] {
            let found = programs.send(&[&[name, "--rows", choice][..], &TO_JSON].concat())?.ok()?;
            same(found, &json(range))
                .map_err(|e| format!("{name} {choice}: {}", e.message().unwrap_or_default()))?;
        }
    }
    for name in ["x.arrow", "x.arrows"] {
        let third = programs.send(&[&[name, "--batch", "3"][..], &TO_JSON].concat())?.ok()?;
        same(third, &json(300..400))?;
        programs.send(&[&[name, "--batch", "5"][..], &TO_JSON].concat())?.code(2)?.says("no batch 5")?;
    }
    programs.send(&[&["x.csv", "--batch", "1"][..], &TO_JSON].concat())?.code(2)?.says("--rows")?;
    let cut = programs.send(&[&["x.arrow", "--batch-rows", "30", "-v"][..], &TO_JSON].concat())?.code(0)?;
    cut.says("20 batches")?;
    let twice = programs.send(&[&["x.arrow", "--repeat", "2", "--rows", "1..3"][..], &TO_JSON].concat())?;
    same(twice.ok()?, &json(1..3).repeat(2))
}

fn demo(programs: &Programs) -> Result<(), Failed> {
    let whole = programs.send(&[&["demo:1000"][..], &TO_JSON].concat())?.ok()?;
    assert_eq!(whole.lines().count(), 1000);
    for batch in ["1", "7", "999", "1000", "5000"] {
        let cut = programs.send(&[&["demo:1000", "--batch-rows", batch][..], &TO_JSON].concat())?;
        same(cut.ok()?, &whole)?;
    }
    let part = programs.send(&[&["demo:1000", "--rows", "200..203"][..], &TO_JSON].concat())?.ok()?;
    let expected: Vec<_> = whole.lines().skip(200).take(3).collect();
    assert_eq!(part.lines().collect::<Vec<_>>(), expected);
    assert_eq!(programs.send(&[&["demo:0"][..], &TO_JSON].concat())?.ok()?, "");
    Ok(())
}

fn several(programs: &Programs) -> Result<(), Failed> {
    programs.write("a.csv", csv(0..100))?;
    programs.write("b.arrow", file(&[rows(100..200)], IpcWriteOptions::default()))?;
    programs.write("c.parquet", parquet(&[rows(200..300)]))?;
    let inputs = ["a.csv", "b.arrow", "c.parquet"];
    same(programs.send(&[&inputs[..], &TO_JSON].concat())?.ok()?, &json(0..300))?;
    let part = programs.send(&[&inputs[..], &["--rows", "90..210"], &TO_JSON].concat())?;
    same(part.ok()?, &json(90..210))?;
    programs.write("d.csv", "n,words\n1,x\n")?;
    let ended = programs.send(&[&["a.csv", "d.csv"][..], &TO_JSON].concat())?;
    ended.code(3)?.says("2 columns, and a.csv has 4")?;
    programs.write("e.csv", "n,text,half,even\nx,y,1.5,true\n")?;
    let ended = programs.send(&[&["a.csv", "e.csv"][..], &TO_JSON].concat())?;
    ended.code(3)?.says("column \"n\" of Utf8, where a.csv has \"n\" of Int64")?;
    Ok(())
}

fn given_types(programs: &Programs) -> Result<(), Failed> {
    programs.write("x.csv", "at,amount,kind\n2026-01-02,1,a\n2026-01-03,,b\n")?;
    programs.write("types.txt", "# comment\nat: date\namount float64\nkind dictionary\n")?;
    let expected = "{\"at\":\"2026-01-02\",\"amount\":1.0,\"kind\":\"a\"}\n\
                    {\"at\":\"2026-01-03\",\"amount\":null,\"kind\":\"b\"}\n";
    same(programs.send(&[&["x.csv", "--schema", "types.txt"][..], &TO_JSON].concat())?.ok()?, expected)?;
    let dates: ArrayRef = Arc::new(Date32Array::from(vec![1]));
    let like = RecordBatch::try_from_iter([("at", dates)])?;
    programs.write("like.arrow", file(&[like], IpcWriteOptions::default()))?;
    programs.write("y.jsonl", "{\"at\":\"2026-01-02\"}\n")?;
    let typed = programs.send(&[&["y.jsonl", "--schema", "like.arrow"][..], &TO_JSON].concat())?;
    same(typed.ok()?, "{\"at\":\"2026-01-02\"}\n")?;
    programs.write("bad.txt", "at date\nprice money\n")?;
    let ended = programs.send(&["x.csv", "--schema", "bad.txt", "--", "receiver"])?;
    ended.code(3)?.says("line 2")?;
    programs.write("nested.txt", "at date\namount Struct(\"a\": Int64)\nkind utf8\n")?;
    let ended = programs.send(&["x.csv", "--schema", "nested.txt", "--", "receiver"])?;
    ended.code(2)?.says("column \"amount\"")?;
    Ok(())
}

fn malformed(programs: &Programs) -> Result<(), Failed> {
    let whole = file(&batches(), IpcWriteOptions::default());
    for (name, bytes, says) in [
        ("empty.csv", &b""[..], "it is empty"),
        ("old.feather", b"FEA1....", "Feather V1"),
        ("x.csv.gz", b"\x1f\x8b\x08\0\0\0\0\0", "compressed data ends too early"),
        ("noise", b"\0\x01\x02\x03\0\0\0\0", "not recognised"),
        ("cut.arrow", &whole[..whole.len() / 2], "cut.arrow"),
        ("cut.parquet", b"PAR1\0\0\0\0PAR1", "cut.parquet"),
    ] {
        programs.write(name, bytes)?;
        programs.send(&[name, "--", "receiver"])?.code(3)?.says(says)?;
    }
    let ended = programs.send(&["not-there.arrow", "--", "receiver"])?;
    ended.code(2)?.says("cannot read not-there.arrow")?;
    programs.send(&[".", "--", "receiver"])?.code(2)?.says("directory")?;
    Ok(())
}

fn other_forms(programs: &Programs) -> Result<(), Failed> {
    let (a, b) = ("{\"a\":1,\"b\":\"x,]\\\"\"}", "{\"a\":2,\"b\":null}");
    let expected = format!("{a}\n{b}\n");
    for (name, text) in [
        ("array.json", format!("[{a},\n{b}]")),
        ("pretty.json", "[\n  {\n    \"a\": 1,\n    \"b\": \"x,]\\\"\"\n  },\n  {\"a\": 2}\n]\n".to_owned()),
        ("objects.json", format!("{a}{b}")),
        ("plain.csv", "a,b\n1,\"x,]\"\"\"\n2,\n".to_owned()),
        ("semicolons.csv", "a;b\n1;\"x,]\"\"\"\n2;\n".to_owned()),
        ("tabs.csv", "a\tb\n1\t\"x,]\"\"\"\n2\t\n".to_owned()),
        ("bars.csv", "a|b\r\n1|\"x,]\"\"\"\r\n2|\r\n".to_owned()),
    ] {
        programs.write(name, &text)?;
        for threads in ["1", "3"] {
            let arguments = [&[name, "--threads", threads][..], &TO_JSON].concat();
            same(programs.send(&arguments)?.ok()?, &expected)
                .map_err(|e| format!("{name}: {}", e.message().unwrap_or_default()))?;
        }
        let piped = programs.send_piped(&[&["-"][..], &TO_JSON].concat(), text.as_bytes())?;
        same(piped.ok()?, &expected)?;
    }
    Ok(())
}

fn nothing_in_silence(programs: &Programs) -> Result<(), Failed> {
    // Far behind the rows that types were once inferred from.
    let late = format!("{}{{\"n\":1,\"late\":true}}\n", "{\"n\":1}\n".repeat(100_000));
    programs.write("late.jsonl", &late)?;
    let all = programs.send(&[&["late.jsonl"][..], &TO_JSON].concat())?.ok()?;
    assert!(all.ends_with("{\"n\":1,\"late\":true}\n"), "{:.200}", &all[all.len() - 50..]);
    let ended = programs.send(&["late.jsonl", "--infer-rows", "10", "--", "receiver", "--null"])?;
    ended.code(3)?.says("late")?.says("row 100001")?.says("--infer-rows")?;
    let changes = format!("n\n{}oops\n", "1\n".repeat(200_000));
    programs.write("changes.csv", &changes)?;
    let ended = programs.send(&["changes.csv", "--infer-rows", "10", "--", "receiver", "--null"])?;
    ended
        .code(3)?
        .says("row 200001")?
        .says("\"oops\" is string, and the column is int64")?
        .says("--infer-rows")?;
    let all = programs.send(&[&["changes.csv"][..], &TO_JSON].concat())?.ok()?;
    assert!(all.ends_with("{\"n\":\"oops\"}\n"));
    for (text, says) in [
        ("a,b\n1,\"x\n2,y\n", "quote that opens in line 2"),
        ("a,b\n1,\"x\n2,\"y\"\n", "line 2"),
        ("a,b\n1,2\n3\n", "line 3 has 1 field, and the table has 2 columns"),
        ("a,b\n1,2\n3,4,5\n", "line 3 has 3 fields"),
        ("a\n1\n2,3\n", "line 3 has 2 fields, and the table has 1 column\n"),
        ("#no\na,b\n1,2\n", "--comment"),
    ] {
        programs.write("x.csv", text)?;
        programs.send(&["x.csv", "--", "receiver", "--null"])?.code(3)?.says(says)?;
    }
    for (text, options, expected) in [
        ("a,b\n01234,NA\n5,2\n", &[][..], "{\"a\":\"01234\",\"b\":null}\n{\"a\":\"5\",\"b\":2}\n"),
        ("a,b\n1,-\n2,3\n", &["--null-values", "-"], "{\"a\":1,\"b\":null}\n{\"a\":2,\"b\":3}\n"),
        ("#no\na,b\n1,2\n#no\n", &["--comment", "#"], "{\"a\":1,\"b\":2}\n"),
        ("a,b\n1,\"\"\n2,\n", &["--quoted-empty"], "{\"a\":1,\"b\":\"\"}\n{\"a\":2,\"b\":null}\n"),
        ("a,b\n1,x\n2\n", &["--ragged"], "{\"a\":1,\"b\":\"x\"}\n{\"a\":2,\"b\":null}\n"),
        ("a,b\n1,2\n", &["--schema", "b decimal(5,2)"], "{\"a\":1,\"b\":2.00}\n"),
    ] {
        programs.write("x.csv", text)?;
        let ended = programs.send(&[&["x.csv"][..], options, &TO_JSON].concat())?;
        same(ended.ok()?, expected).map_err(|e| format!("{text}: {}", e.message().unwrap_or_default()))?;
    }
    programs.send(&["x.csv", "--schema", "b intt64", "--", "receiver"])?.code(2)?.says("\"int64\"")?;
    Ok(())
}
