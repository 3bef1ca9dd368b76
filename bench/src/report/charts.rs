//! The charts of a record.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::bars::{self, Bar, Group};
use super::lines::{self, Line, Scale};
use super::machine;

/// Returns the charts of a record's directory, with their names; charts without figures are left out.
pub(super) fn draw(directory: &Path) -> Vec<(&'static str, String)> {
    let machine = fs::read_to_string(directory.join("machine.json")).unwrap_or_default();
    let machine = machine::line(&serde_json::from_str(&machine).unwrap_or_default());
    let [handoff, stream, codec] = ["handoff", "stream", "codec"].map(|bench| Record::read(directory, bench));
    let charts = [
        ("latency", latency(&handoff, &machine)),
        ("throughput", throughput(&stream, &machine)),
        ("in-place", in_place(&stream, &machine)),
        ("memory", memory(&stream, &machine)),
        ("codec", codec_against_arrow(&codec, &machine)),
    ];
    charts.into_iter().filter_map(|(name, chart)| Some((name, chart?))).collect()
}

/// The output of a bench, a JSON object per line.
struct Record(Vec<Value>);

impl Record {
    fn read(directory: &Path, bench: &str) -> Record {
        let text = fs::read_to_string(directory.join(bench).with_extension("jsonl")).unwrap_or_default();
        Record(text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect())
    }

    /// Returns the line of a case, by its `bench` or its `case`.
    fn find(&self, case: &str) -> Option<&Value> {
        self.0.iter().find(|line| line["bench"] == case || line["case"] == case)
    }

    /// Returns a figure of a case, by its path.
    fn figure(&self, case: &str, path: &str) -> Option<f64> {
        self.find(case)?.pointer(path)?.as_f64()
    }
}

/// `2.2×`.
fn times(ratio: f64) -> String {
    if ratio >= 10.0 { format!("{ratio:.0}×") } else { format!("{ratio:.1}×") }
}

/// `0.97×`.
fn share(ratio: f64) -> String {
    format!("{ratio:.2}×")
}

fn latency(record: &Record, machine: &str) -> Option<String> {
    let sizes = ["64B", "1KiB", "4KiB", "64KiB", "1MiB", "4MiB"];
    let values = |case: &str, path: &str| -> Vec<Option<f64>> {
        sizes.iter().map(|size| record.figure(&format!("handoff/{case}/{size}"), path)).collect()
    };
    let ratios = values("spin", "/over_floor");
    let line = |name: &str, colour, look, values| Line {
        name: name.into(),
        colour,
        look,
        values,
        notes: Vec::new(),
    };
    let lines = vec![
        line("sequenced packets", 4, "", values("spin", "/peers/seqpacket")),
        line("pipe", 3, "", values("spin", "/peers/pipe")),
        line("iceoryx2 0.10", 2, "", values("spin", "/peers/iceoryx2")),
        line("floor", 0, "dashed", values("spin", "/floor")),
        Line {
            notes: ratios.iter().map(|ratio| ratio.map_or(String::new(), times)).collect(),
            ..line("Bowstring", 1, "ours", values("spin", "/ours"))
        },
        line("…payload untouched", 5, "dashed", values("spin-untouched", "/ours")),
    ];
    let chart = lines::Chart {
        title: "One message to another process, every byte written and read".into(),
        subtitle: "One way, median; × is over the floor, which does as much with nothing around it.",
        machine: machine.into(),
        across: "size of the message",
        upwards: "time (each line of the grid is ten times the last)",
        scale: Scale::Tenfold,
        places: ["64 B", "1 KiB", "4 KiB", "64 KiB", "1 MiB", "4 MiB"].map(String::from).into(),
        lines,
        unit: nanoseconds,
    };
    record.find("handoff/spin/64B").map(|_| chart.draw())
}

fn nanoseconds(value: f64) -> String {
    match value {
        v if v >= 1e6 => format!("{:.0} ms", v / 1e6),
        v if v >= 1e3 => format!("{:.0} µs", v / 1e3),
        v => format!("{v:.0} ns"),
    }
}

const SIZES: [(&str, &str); 3] = [("64KiB", "64 KiB"), ("1MiB", "1 MiB"), ("16MiB", "16 MiB")];

/// Returns a group of bars for each size of a case, with the values at the paths.
fn groups(record: &Record, case: &str, bars: &[(usize, &str)]) -> Vec<Group> {
    let group = |(size, name): (&str, &str)| {
        let case = format!("stream/{case}/{size}");
        let floor = record.figure(&case, "/floor")?;
        let bar = |(colour, path): &(usize, &str)| {
            let value = record.figure(&case, path)?;
            let is_ours = matches!(colour, 1 | 5);
            Some(Bar {
                colour: *colour,
                value,
                note: if is_ours { share(value / floor) } else { String::new() },
            })
        };
        Some(Group { name: format!("batches of {name}"), bars: bars.iter().filter_map(bar).collect() })
    };
    SIZES.into_iter().filter_map(group).collect()
}

fn throughput(record: &Record, machine: &str) -> Option<String> {
    let groups = groups(
        record,
        "copied",
        &[
            (0, "/floor"),
            (1, "/ours"),
            (5, "/also/ours, default pool"),
            (2, "/peers/iceoryx2 + arrow-ipc"),
            (3, "/peers/arrow-ipc, socket"),
            (4, "/peers/memfd per batch"),
        ],
    );
    let legend = [
        (0, "memcpy into a ring"),
        (1, "Bowstring"),
        (5, "…default pool"),
        (2, "iceoryx2 + arrow-ipc"),
        (3, "arrow-ipc, socket"),
        (4, "memfd per batch"),
    ];
    let chart = bars::Chart {
        title: "A finished RecordBatch to another process, and summed there".into(),
        subtitle: "GB/s of eight int64 columns, median; × is over the floor, the same copy and sum.",
        machine: machine.into(),
        upwards: "GB/s",
        legend: legend.map(|(colour, name)| (colour, name.into())).into(),
        groups,
        mark: None,
    };
    (!chart.groups.is_empty()).then(|| chart.draw())
}

fn in_place(record: &Record, machine: &str) -> Option<String> {
    let bars = [(0, "/floor"), (1, "/ours"), (2, "/also/one process")];
    let legend = [
        (0, "the same loops over a bare ring"),
        (1, "Bowstring, built in the slot"),
        (2, "one process, ordinary memory"),
    ];
    let chart = bars::Chart {
        title: "A batch computed where another process reads it, and summed there".into(),
        subtitle: "GB/s of eight int64 columns, median; × is over the bare ring.",
        machine: machine.into(),
        upwards: "GB/s",
        legend: legend.map(|(colour, name)| (colour, name.into())).into(),
        groups: groups(record, "in-place", &bars),
        mark: None,
    };
    (!chart.groups.is_empty()).then(|| chart.draw())
}

fn memory(record: &Record, machine: &str) -> Option<String> {
    let readers = [1, 2, 4, 8];
    let line = |name: &str, colour, look: &'static str, path: &str| {
        let case = |readers: &i32| format!("stream/memory/{readers}-readers");
        let values: Vec<_> = readers.iter().map(|n| record.figure(&case(n), path)).collect();
        let table = |n: &i32| record.figure(&case(n), "/floor");
        let notes = readers.iter().zip(&values).map(|(n, value)| Some(times((*value)? / table(n)?)));
        let notes = if colour == 1 { notes.map(Option::unwrap_or_default).collect() } else { Vec::new() };
        Line { name: name.into(), colour, look, values, notes }
    };
    let chart = lines::Chart {
        title: "Memory that one table of 32 MiB takes, sender and all readers together".into(),
        subtitle: "Proportional set sizes summed; × is over the table itself.",
        machine: machine.into(),
        across: "readers that hold the table",
        upwards: "MiB",
        scale: Scale::Linear,
        places: readers.map(|n| n.to_string()).into(),
        lines: vec![
            line("Bowstring, copied", 4, "", "/also/ours, copied delivery"),
            line("arrow-ipc, socket", 3, "", "/peers/arrow-ipc, socket"),
            line("Bowstring, pooled", 1, "ours", "/ours"),
            line("Bowstring, sealed", 5, "dashed", "/also/ours, sealed delivery"),
        ],
        unit: |value| format!("{value:.0}"),
    };
    record.find("stream/memory/8-readers").map(|_| chart.draw())
}

fn codec_against_arrow(record: &Record, machine: &str) -> Option<String> {
    let ways = [
        ("encode", "write"),
        ("decode/view", "read, as\na view"),
        ("decode/record-batch", "read, as a\nRecordBatch"),
    ];
    let kinds = [("int64", 1), ("mixed", 2), ("strings", 3)];
    let group = |(way, name): &(&str, &str)| {
        let bar = |(kind, colour): &(&str, usize)| {
            let value = record.figure(&format!("{way}/{kind}/8"), "/ratio")?;
            Some(Bar { colour: *colour, value, note: String::new() })
        };
        Group { name: (*name).into(), bars: kinds.iter().filter_map(bar).collect() }
    };
    let chart = bars::Chart {
        title: "What a small batch costs: times as fast as arrow-ipc 60.1".into(),
        subtitle: "Eight columns of eight rows; 0 allocations to write one or to view it.",
        machine: machine.into(),
        upwards: "times as fast",
        legend: vec![(1, "int64".into()), (2, "ten types".into()), (3, "strings".into())],
        groups: ways.iter().map(group).collect(),
        mark: Some((1.0, "arrow-ipc")),
    };
    record.find("encode/int64/8").map(|_| chart.draw())
}
