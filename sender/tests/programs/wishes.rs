//! The sender learns which columns and rows receivers want.

use std::fmt::Write;
use std::fs;

use libtest_mimic::Failed;
use serde_json::Value;

use crate::Needs::Receiver;
use crate::Test;
use crate::run::{Programs, finish};

pub(crate) const TESTS: &[Test] = &[
    ("columns that nobody reads are not sent", Receiver, columns),
    ("the columns of several receivers", Receiver, several),
    ("no more rows are read than are wanted", Receiver, rows),
    ("a condition may use any column", Receiver, condition),
];

const ROWS: usize = 20_000;

impl Programs {
    /// Writes a table of a number and a long text.
    fn table(&self) -> Result<(), Failed> {
        let mut table = "n,text\n".to_owned();
        for row in 0..ROWS {
            writeln!(table, "{row},the long text of row {row}")?;
        }
        Ok(fs::write(self.path("x.csv"), table)?)
    }

    /// Sends the table to a receiver with these arguments; returns what it wrote, and the sender's report.
    fn told(&self, arguments: &[&str]) -> Result<(String, Value), Failed> {
        let sender = ["x.csv", "--report", "json", "--report-to", "s.json", "--", "receiver", "--quiet"];
        let ended = self.send(&[&sender[..], arguments].concat())?;
        let report = fs::read_to_string(self.path("s.json"))?;
        Ok((ended.ok()?, serde_json::from_str(&report)?))
    }
}

fn columns(programs: &Programs) -> Result<(), Failed> {
    programs.table()?;
    let (all, whole) = programs.told(&["--csv"])?;
    let (numbers, narrow) = programs.told(&["--csv", "--columns", "n"])?;
    let firsts: Vec<_> = all.lines().filter_map(|line| line.split(',').next()).collect();
    assert!(numbers.lines().eq(firsts), "{numbers:.100}");
    for report in [&whole, &narrow] {
        assert_eq!((&report["rows"], &report["ending"]), (&ROWS.into(), &"whole".into()), "{report}");
    }
    let bytes = |report: &Value| report["bytes"].as_u64().unwrap_or_default();
    // Eight bytes a row of more than forty.
    assert!(bytes(&narrow) * 4 < bytes(&whole) && bytes(&narrow) > 0, "{narrow} {whole}");
    let (turned, _) = programs.told(&["--csv", "--columns", "text,n", "--limit", "2"])?;
    assert_eq!(turned, "text,n\nthe long text of row 0,0\nthe long text of row 1,1\n");
    // A column that is not there is named, as ever.
    let ended = programs.send(&["x.csv", "--", "receiver", "--columns", "m"])?.code(2)?;
    assert!(ended.err.contains("no column m") || ended.err.contains("\"m\""), "{}", ended.err);
    Ok(())
}

fn several(programs: &Programs) -> Result<(), Failed> {
    programs.table()?;
    let (sender, _said) =
        programs.listen(&["x.csv", "--receivers", "2", "--report", "json", "--report-to", "s.json"])?;
    let wants = [&["--csv", "--columns", "n"][..], &["--csv"]];
    let receivers = wants.map(|wants| programs.receiver(&[wants, &["--quiet"]].concat()).spawn());
    let [numbers, all] = receivers.map(|receiver| finish(receiver?)?.ok());
    let (numbers, all) = (numbers?, all?);
    assert_eq!((numbers.lines().count(), all.lines().count()), (ROWS + 1, ROWS + 1));
    assert_eq!(all.lines().last(), Some(&*format!("{0},the long text of row {0}", ROWS - 1)));
    assert_eq!(numbers.lines().last(), Some(&*(ROWS - 1).to_string()));
    finish(sender)?.code(0)?;
    Ok(())
}

fn rows(programs: &Programs) -> Result<(), Failed> {
    programs.table()?;
    let (out, report) = programs.told(&["--csv", "--limit", "10"])?;
    assert_eq!(out.lines().count(), 11);
    assert_eq!((&report["rows"], &report["ending"]), (&10.into(), &"enough".into()), "{report}");
    // More than there are: that is all.
    let (out, report) = programs.told(&["--csv", "--limit", "1000000"])?;
    assert_eq!(out.lines().count(), ROWS + 1);
    assert_eq!((&report["rows"], &report["ending"]), (&ROWS.into(), &"whole".into()), "{report}");
    // The most that anybody wants.
    let (sender, _said) =
        programs.listen(&["x.csv", "--receivers", "2", "--report", "json", "--report-to", "s.json"])?;
    let receivers = ["10", "25"].map(|limit| programs.receiver(&["--count", "--limit", limit, "-q"]).spawn());
    let [few, many] = receivers.map(|receiver| finish(receiver?)?.ok());
    assert_eq!((&*few?, &*many?), ("10\n", "25\n"));
    finish(sender)?.code(0)?;
    let report: Value = serde_json::from_str(&fs::read_to_string(programs.path("s.json"))?)?;
    assert_eq!((&report["rows"], &report["ending"]), (&25.into(), &"enough".into()), "{report}");
    Ok(())
}

fn condition(programs: &Programs) -> Result<(), Failed> {
    programs.table()?;
    let arguments = ["--csv", "--columns", "n", "--where", "text like '%row 19999'", "--limit", "1"];
    let (out, _) = programs.told(&arguments)?;
    assert_eq!(out, "n\n19999\n");
    Ok(())
}
