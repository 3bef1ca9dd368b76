//! `receiver --inspect`: what it shows, and that nobody notices.

use libtest_mimic::Failed;
use serde_json::Value;

use crate::Needs::Receiver;
use crate::Test;
use crate::run::{Programs, finish};

pub(crate) const TESTS: &[Test] = &[
    ("inspect: a sender that waits goes on waiting", Receiver, waiting),
    ("inspect: batches that are kept, and nobody loses any", Receiver, kept),
    ("inspect: a started receiver may look and leave", Receiver, started),
    ("inspect: options that do not go with it", Receiver, usage),
];

fn inspect(programs: &Programs, arguments: &[&str]) -> Result<Value, Failed> {
    let arguments = [&["--socket", "s", "--json"], arguments].concat();
    let out = finish(programs.receiver(&arguments).spawn()?)?.ok()?;
    Ok(serde_json::from_str(&out)?)
}

fn waiting(programs: &Programs) -> Result<(), Failed> {
    for delivery in ["pooled", "sealed"] {
        let (sender, _said) = programs.listen(&["demo:1000", "--socket", "s", "--delivery", delivery])?;
        for _ in 0..2 {
            let look = inspect(programs, &["--inspect"])?;
            assert_eq!(
                (&look["rows"], &look["rows_sent"], &look["seen"]),
                (&1000.into(), &0.into(), &Value::Null)
            );
            assert_eq!(look["columns"][0]["name"], "id");
        }
        // The first receiver gets everything.
        let rows = finish(programs.receiver(&["--socket", "s", "--count"]).spawn()?)?.ok()?;
        assert_eq!(rows, "1000\n");
        finish(sender)?.code(0)?;
    }
    Ok(())
}

fn kept(programs: &Programs) -> Result<(), Failed> {
    // A file with metadata of its schema and of a column.
    let table = crate::inputs::with_metadata()?;
    programs.write("x.arrow", table)?;
    for delivery in ["pooled", "sealed"] {
        let arguments = ["x.arrow", "--repeat", "0", "--rate", "100", "--keep", "1", "--socket", "s"];
        let (mut sender, _said) = programs.listen(&[&arguments[..], &["--delivery", delivery]].concat())?;
        let mut other = programs.receiver(&["--socket", "s", "--null"]).spawn()?;
        programs.until_sending("./s")?;
        let look = inspect(programs, &["--inspect=1", "--idle", "60"])?;
        assert_eq!((&look["seen"]["batches"], &look["seen"]["rows"]), (&1.into(), &4.into()), "{look}");
        assert!(look["seen"]["before"]["rows"].as_u64().is_some_and(|rows| rows >= 8), "{look}");
        assert_eq!(
            (&look["metadata"]["origin"], &look["columns"][0]["metadata"]["unit"]),
            (&"north".into(), &"m".into())
        );
        // Four words of eight bytes; three keys of four and a null among them, whose dictionary has two values.
        let column = |at: usize, what: &str| look["columns"][at][what].as_u64();
        assert_eq!((column(0, "bytes"), column(0, "nulls")), (Some(32), Some(0)), "{look}");
        assert_eq!(column(1, "nulls"), Some(1), "{look}");
        assert_eq!(
            (&look["dictionaries"][0]["column"], &look["dictionaries"][0]["values"]),
            (&"city".into(), &2.into())
        );
        let arguments = ["--socket", "s", "--inspect", "--idle", "60"];
        let text = finish(programs.receiver(&arguments).spawn()?)?.ok()?;
        for words in
            ["origin = north", "n: unit = m", "city: 2 values of Utf8", "looked at 1 batch of 4 rows"]
        {
            assert!(text.contains(words), "{words:?} is not in {text}");
        }
        // Both go on.
        assert!(sender.try_wait()?.is_none() && other.try_wait()?.is_none());
        for mut child in [sender, other] {
            child.kill()?;
            child.wait()?;
        }
    }
    Ok(())
}

fn started(programs: &Programs) -> Result<(), Failed> {
    let arguments = ["demo:1000", "--repeat", "0", "--", "receiver", "--inspect=2", "--json"];
    let look: Value = serde_json::from_str(&programs.send(&arguments)?.ok()?)?;
    assert_eq!((&look["seen"]["batches"], &look["seen"]["rows"]), (&2.into(), &2000.into()));
    assert_eq!(look["seen"]["before"]["rows"], 0);
    Ok(())
}

fn usage(programs: &Programs) -> Result<(), Failed> {
    for other in [&["--csv"][..], &["--count"], &["--limit", "1"], &["--columns", "a"], &["--verbose"]] {
        let arguments = [&["--inspect"], other].concat();
        finish(programs.receiver(&arguments).spawn()?)?.code(2)?.says("cannot be used with")?;
    }
    finish(programs.receiver(&["nobody", "--inspect", "--wait", "0"]).spawn()?)?
        .code(6)?
        .says("nobody sends nobody")?;
    Ok(())
}
