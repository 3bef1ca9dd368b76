//! Plans that command lines lead to.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
use super::*;
use crate::args::Cli;
use clap::Parser;

fn plan(args: &[&str]) -> Result<Plan, Failure> {
    let words = ["receiver", "--socket", "s"].iter().chain(args);
    Plan::resolve(Cli::try_parse_from(words).unwrap().receive)
}

fn sink(args: &[&str]) -> SinkPlan {
    match plan(args).unwrap().handling {
        Handling::Keep(sink) => sink,
        Handling::Look { .. } => panic!("{args:?} keeps nothing"),
    }
}

#[test]
fn extensions_name_formats() {
    for (name, format) in [
        ("a.arrow", Format::Arrow),
        ("a.arrows", Format::Arrows),
        ("a.b.Parquet", Format::Parquet),
        ("dir.csv/a.jsonl", Format::Jsonl),
        ("a.CSV", Format::Csv),
    ] {
        assert_eq!(sink(&["-o", name]), SinkPlan::Write { format, path: Some(name.into()) });
    }
    assert!(matches!(plan(&["-o", "a"]), Err(Failure::Usage { .. })));
    assert!(matches!(plan(&["-o", "a.txt"]), Err(Failure::Usage { .. })));
    let said = SinkPlan::Write { format: Format::Csv, path: Some("a.txt".into()) };
    assert_eq!(sink(&["-o", "a.txt", "--format", "csv"]), said);
}

#[test]
fn unchecked_values_reach_no_sink() {
    assert!(matches!(plan(&["--validate", "structure", "--csv"]), Err(Failure::Usage { .. })));
    let handling = plan(&["--validate", "structure", "--null"]).unwrap().handling;
    assert_eq!(handling, Handling::Look { full: false, what: Look::Null });
    let handling = plan(&["--null", "--touch"]).unwrap().handling;
    assert_eq!(handling, Handling::Look { full: true, what: Look::Touch });
}

#[test]
fn several_tables_are_named_once_and_what_is_for_one_is_refused() {
    let plan = |words: &[&str]| {
        let words = ["receiver"].iter().chain(words);
        Plan::resolve(Cli::try_parse_from(words).unwrap().receive)
    };
    for words in [&["a", "b", "--record", "x"][..], &["a", "b"], &["a", "b", "--csv", "--source-column", "t"]]
    {
        let several = plan(words).unwrap().channels;
        assert_eq!(several.iter().map(|(name, _)| &name[..]).collect::<Vec<_>>(), ["a", "b"]);
    }
    assert!(plan(&["a", "--record", "x"]).unwrap().channels.is_empty());
    assert_eq!(plan(&["a", "--csv", "--source-column", "t"]).unwrap().channels.len(), 1);
    assert!(plan(&["a", "b", "--reconnect"]).unwrap().reconnect.is_some());
    for wrong in [
        &["a", "a", "--record", "x"][..],
        &["a", "a"],
        &["--source-column", "t"],
        &["a", "b", "--record", "x", "--source-column", "t"],
        &["a", "b", "--inspect"],
        &["a", "b", "--reconnect", "--record", "x"],
        &["a", "b", "--null", "--touch"],
        &["a", "b", "--null", "--validate", "structure"],
        &["a", "b", "--null", "--require-zero-copy"],
    ] {
        assert!(matches!(plan(wrong), Err(Failure::Usage { .. })), "{wrong:?}");
    }
}

#[test]
fn two_sinks_are_one_too_many() {
    for words in [["--csv", "--json"], ["--null", "--count"], ["--summary", "--table"]] {
        assert!(Cli::try_parse_from(["receiver"].iter().chain(&words)).is_err(), "{words:?}");
    }
}
