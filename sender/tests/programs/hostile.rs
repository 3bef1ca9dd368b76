//! Inputs that nobody vouches for: whatever they hold, both programs end by themselves and with a code that is documented.

use std::fs;
use std::path::{Path, PathBuf};

use arrow_ipc::writer::IpcWriteOptions;
use libtest_mimic::Failed;

use crate::Needs::{ArrowData, Receiver};
use crate::Test;
use crate::inputs;
use crate::run::{Ended, Programs, arrow_data};

pub(crate) const TESTS: &[Test] = &[
    ("every golden file of Arrow is sent, or refused for a reason that is known", ArrowData, golden),
    ("nothing in Arrow's fuzz corpus breaks it", ArrowData, crashers),
    ("damaged Arrow, Parquet, CSV and JSON", Receiver, damaged),
];

/// Whole; malformed; of a type that this output cannot have.
const SENT: i32 = 0;
const MALFORMED: i32 = 3;
const UNWRITABLE: i32 = 8;

/// The sinks that an input is fed to: one that only looks, and one that makes something of every value.
const SINKS: [&str; 2] = ["--null", "--json"];

/// Feeds an input to a sink. Whatever comes of it, it must be an end that is documented.
fn feed(programs: &Programs, input: &str, format: Option<&str>, sink: &str) -> Result<Ended, Failed> {
    let format = format.map_or(vec![], |format| vec!["--format", format]);
    let arguments = [&[input, "--quiet"], &format[..], &["--", "receiver", sink, "--quiet"]].concat();
    let ended = programs.send(&arguments)?;
    let documented =
        matches!(ended.code, Some(SENT | MALFORMED)) || ended.code == Some(UNWRITABLE) && sink != "--null";
    if !documented || ended.err.contains("panicked") || ended.code != Some(SENT) && ended.err.is_empty() {
        return Err(format!("{input} to {sink}: {:?} {:.500}", ended.code, ended.err).into());
    }
    Ok(ended)
}

fn files(directory: &Path) -> Result<Vec<PathBuf>, Failed> {
    let entries = fs::read_dir(directory)?.map(|entry| entry.map(|entry| entry.path()));
    let mut files = entries.collect::<Result<Vec<_>, _>>()?;
    files.sort();
    Ok(files)
}

fn golden(programs: &Programs) -> Result<(), Failed> {
    let root = arrow_data().ok_or("no data")?.join("arrow-ipc-stream/integration");
    let (mut sent, mut wrong) = (0, Vec::new());
    for path in files(&root)?.iter().map(|version| files(version)).collect::<Result<Vec<_>, _>>()?.concat() {
        if !path.extension().is_some_and(|end| end == "stream" || end == "arrow_file") {
            continue;
        }
        let name = path.display().to_string();
        for sink in SINKS {
            let ended = feed(programs, &name, None, sink)?;
            match ended.code == Some(MALFORMED) {
                false => sent += 1,
                true if is_refused_rightly(&name, &ended.err) => {}
                true => wrong.push(format!("{name} to {sink}: {}", ended.err)),
            }
        }
    }
    match (sent, wrong.is_empty()) {
        (1.., true) => Ok(()),
        _ => Err(format!("{sent} were sent; {wrong:#?}").into()),
    }
}

/// The other byte order, and unions as they were until Arrow 1.0, which could be null themselves.
fn is_refused_rightly(name: &str, said: &str) -> bool {
    name.contains("bigendian") && said.contains("endian") || name.contains("union") && name.contains("/0.")
}

fn crashers(programs: &Programs) -> Result<(), Failed> {
    let root = arrow_data().ok_or("no data")?;
    let mut seen = 0;
    for (directory, format) in [("arrow-ipc-stream", "arrows"), ("arrow-ipc-file", "arrow")] {
        for path in files(&root.join(directory))?.iter().filter(|path| path.is_file()) {
            let name = path.display().to_string();
            // As what it is, and as what it is taken for.
            for format in [Some(format), None] {
                for sink in SINKS {
                    feed(programs, &name, format, sink)?;
                }
            }
            seen += 1;
        }
    }
    if seen == 0 { Err("no file was tried".into()) } else { Ok(()) }
}

/// Cuts, flipped bits and noise, the same in every run.
fn damaged(programs: &Programs) -> Result<(), Failed> {
    let (batches, plain) = (inputs::batches(), IpcWriteOptions::default());
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    for (name, format, bytes) in [
        ("x.arrow", "arrow", inputs::file(&batches, plain.clone())),
        ("x.arrows", "arrows", inputs::stream(&batches, plain)),
        ("x.parquet", "parquet", inputs::parquet(&batches)),
        ("x.csv", "csv", inputs::csv(0..500).into_bytes()),
        ("x.jsonl", "jsonl", inputs::json(0..500).into_bytes()),
    ] {
        for round in 0..24 {
            let bytes = match round % 4 {
                0 => bytes[..dice.below(bytes.len())].to_vec(),
                1 => dice.noise(4096),
                // Noise with the right ends, so that what recognises it goes on reading.
                2 => {
                    let noise = dice.noise(2048);
                    [&bytes[..8.min(bytes.len())], &noise, &bytes[bytes.len() - 64..]].concat()
                }
                _ => {
                    let mut bytes = bytes.clone();
                    for _ in 0..=round {
                        let at = dice.below(bytes.len());
                        bytes[at] ^= 1 << dice.below(8);
                    }
                    bytes
                }
            };
            programs.write(name, &bytes)?;
            let fed = SINKS.iter().try_for_each(|sink| feed(programs, name, Some(format), sink).map(drop));
            fed.map_err(|e| format!("round {round}: {}", e.message().unwrap_or_default()))?;
        }
    }
    Ok(())
}

/// Numbers that look random.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    fn noise(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.next() as u8).collect()
    }
}
