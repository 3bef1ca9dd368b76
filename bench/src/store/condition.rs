//! A condition over ten million rows of a table that was opened, against DuckDB and Polars on the same bytes, each with one
//! thread, and all with the bytes mapped before; and by a process that opens the table for it, and maps its pages as it
//! comes to them. `PYTHON` names the Python that has the peers.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::Instant;

use arrow_array::{Float64Array, Int64Array, RecordBatch, StringArray};
use arrow_ipc::writer::FileWriter;
use bowstring_query::Condition;
use bowstring_store::{Put, SegmentWriter, Table};

use super::{Place, report};
use crate::Options;

const ROWS: i64 = 10_000_000;
const BATCH: i64 = 1 << 17;
const TURNS: usize = 7;

const CONDITIONS: [&str; 3] =
    ["size > 900000", "size > 100000 and backend in ('s3', 'ipfs')", "id % 7 = 3 or backend like 'd%'"];

/// Runs a condition on demand and tells how long it took, so that contenders take turns.
const PEER: &str = r#"
import sys, time
name, path = sys.argv[1:]
import pyarrow as pa
table = pa.ipc.open_file(pa.memory_map(path)).read_all()
if name == "duckdb":
    import duckdb
    db = duckdb.connect()
    db.execute("set threads = 1")
    db.register("t", table)
    count = lambda c: db.execute(f"select count(*) from t where {c}").fetchone()[0]
else:
    import polars as pl
    frame = pl.from_arrow(table)
    count = lambda c: pl.SQLContext(t=frame).execute(f"select count(*) as n from t where {c}", eager=True)["n"][0]
print("ready", flush=True)
for line in sys.stdin:
    begun = time.perf_counter_ns()
    n = count(line.strip())
    print(time.perf_counter_ns() - begun, n, flush=True)
"#;

/// Another engine, in a process of its own.
struct Peer {
    child: Child,
    says: BufReader<ChildStdout>,
}

impl Peer {
    fn start(name: &str, file: &std::path::Path) -> Option<Peer> {
        let python = std::env::var_os("PYTHON").unwrap_or_else(|| "python3".into());
        let mut command = Command::new(python);
        command.args(["-c", PEER, name]).arg(file).env("POLARS_MAX_THREADS", "1");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().ok()?;
        let says = BufReader::new(child.stdout.take()?);
        let mut peer = Peer { child, says };
        (peer.line()? == "ready").then_some(peer)
    }

    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        self.says.read_line(&mut line).ok()?;
        Some(line.trim_end().to_owned())
    }

    /// Returns the nanoseconds that it took, and how many rows it kept.
    fn count(&mut self, condition: &str) -> Option<(f64, usize)> {
        writeln!(self.child.stdin.as_mut()?, "{condition}").ok()?;
        let line = self.line()?;
        let (nanos, rows) = line.split_once(' ')?;
        Some((nanos.parse().ok()?, rows.parse().ok()?))
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn batch(start: i64) -> RecordBatch {
    let ids = start..(start + BATCH).min(ROWS);
    let size = Float64Array::from_iter_values(ids.clone().map(|n| ((n * 7919) % 1_000_000) as f64));
    let backend = ids.clone().map(|n| ["s3", "ipfs", "disk"][(n % 3) as usize]);
    let columns: [(&str, Arc<dyn arrow_array::Array>); 3] = [
        ("id", Arc::new(Int64Array::from_iter_values(ids))),
        ("size", Arc::new(size)),
        ("backend", Arc::new(StringArray::from_iter_values(backend))),
    ];
    RecordBatch::try_from_iter(columns).expect("a batch")
}

/// Returns the number of rows that the condition keeps. Columns that it does not look at are neither checked nor read.
fn count(table: &Table, condition: &str) -> usize {
    let whole = Condition::parse(condition, table.schema()).expect("a condition");
    let schema = table.schema().project(whole.columns()).expect("its columns");
    let parsed = Condition::parse(condition, &schema).expect("a condition");
    let kept = |batch| parsed.mask(&batch).expect("evaluated").true_count();
    let batches = table.batches_of(whole.columns()).expect("batches");
    batches.map(|batch| kept(batch.expect("sound"))).sum()
}

pub(super) fn run(place: &Place, options: Options) {
    let file = place.room.join("where.arrow");
    let schema = batch(0).schema();
    let mut writer = SegmentWriter::new(schema.clone()).expect("a segment");
    let out = std::fs::File::create(&file).expect("room in /dev/shm");
    let mut out = FileWriter::try_new(out, &schema).expect("a file");
    for start in (0..ROWS).step_by(BATCH as usize) {
        let batch = batch(start);
        writer.write(&batch).expect("room");
        out.write(&batch).expect("room in /dev/shm");
    }
    out.finish().expect("a file");
    let mut client = place.client();
    let segments = writer.finish().expect("sealed");
    client.put_segments("where", &segments, &Put::default()).expect("taken");
    let mut peers: Vec<(&str, Option<Peer>)> =
        ["duckdb", "polars"].map(|name| (name, Peer::start(name, &file))).into();
    for (name, _) in peers.iter().filter(|(_, peer)| peer.is_none()) {
        eprintln!("  {name}: skipped, because Python has no {name} and pyarrow (PYTHON names another)");
    }
    for condition in CONDITIONS {
        let mut times = vec![Vec::new(); 2 + peers.len()];
        let opened = client.get("where").expect("the table");
        // Its pages are mapped at the first look.
        count(&opened, condition);
        for _ in 0..TURNS {
            let begun = Instant::now();
            let kept = count(&opened, condition);
            times[0].push(begun.elapsed().as_nanos() as f64);
            let begun = Instant::now();
            assert_eq!(count(&client.get("where").expect("the table"), condition), kept);
            times[1].push(begun.elapsed().as_nanos() as f64);
            for ((_, peer), times) in peers.iter_mut().zip(&mut times[2..]) {
                if let Some((nanos, rows)) = peer.as_mut().and_then(|peer| peer.count(condition)) {
                    assert_eq!(rows, kept);
                    times.push(nanos);
                }
            }
        }
        let names = ["ours", "opening it"].into_iter().chain(peers.iter().map(|(name, _)| *name));
        let mut figures = Vec::new();
        for (name, times) in names.zip(&mut times).filter(|(_, times)| !times.is_empty()) {
            times.sort_by(f64::total_cmp);
            figures.push((name, times[times.len() / 2]));
        }
        report(options, &format!("where {condition}"), &figures);
    }
    client.remove("where", 0).expect("removed");
    let _ = std::fs::remove_file(&file);
}
