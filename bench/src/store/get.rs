//! Opening a table: from connecting, and on an open connection, to its first value, whatever its size; and what others take.

use std::fs::File;
use std::io::Write;
use std::os::fd::AsFd;

use arrow_array::{Array, Int64Array, RecordBatch};
use bowstring_store::Client;
use bowstring_transport::region::FrozenView;

use super::{Place, ROWS, floor, peers, put, report, turns, turns_of};
use crate::Options;

/// Sizes of tables in MiB. Opening takes as long for each.
const SIZES: [usize; 4] = [1, 64, 1024, 4096];
/// Redis takes values of up to 512 MiB.
const LARGEST_FOR_PEERS: usize = 64;

/// Returns the MiB of memory that this machine has to spare.
fn available() -> Option<usize> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.split_whitespace().next()?.parse::<usize>().ok().map(|kib| kib >> 10)
}

/// Returns the first value of a table, read through the arrays.
fn first(client: &mut Client, name: &str) -> i64 {
    let table = client.get(name).expect("the table");
    let batch = table.batches().expect("batches").next().expect("a batch").expect("sound");
    batch.column(0).as_any().downcast_ref::<Int64Array>().map_or(-1, |column| column.value(0))
}

pub(super) fn run(place: &Place, options: Options) {
    let mut client = place.client();
    for megabytes in SIZES {
        // The table, and a copy of it as the floor's file.
        if available().is_some_and(|available| available < 3 * megabytes) {
            eprintln!(
                "  get, {megabytes} MiB: skipped, because there is less than three times as much memory"
            );
            continue;
        }
        let (name, file) = (format!("t{megabytes}"), place.room.join(format!("floor-{megabytes}")));
        let segments = put(&mut client, &name, megabytes);
        // The floor: a file with the same bytes, opened, mapped, and looked at where the first value is.
        let segment = &segments.list[0];
        let len = segment.len as usize;
        let bytes = FrozenView::attach_lazily(segment.fd.as_fd(), len).expect("ours");
        File::create(&file).and_then(|mut file| file.write_all(&bytes)).expect("room in /dev/shm");
        let body = len / ((megabytes << 20) / (ROWS * 8)) - ROWS * 8;
        drop((bytes, segments));
        let [new, open, floor] = turns([
            &mut || assert_eq!(first(&mut place.client(), &name), 0),
            &mut || assert_eq!(first(&mut client, &name), 0),
            &mut || assert_eq!(floor::first(&File::open(&file).expect("the file"), len, body), 0),
        ]);
        let mut figures =
            vec![("connect to first value", new), ("open connection", open), ("map a file", floor)];
        if megabytes <= LARGEST_FOR_PEERS {
            figures.extend(peers::get(&place.room, megabytes));
        }
        report(options, &format!("get, {megabytes} MiB"), &figures);
        let _ = std::fs::remove_file(&file);
        client.remove(&name, 0).expect("removed");
    }
    json(place, options);
}

/// The same rows as columns and as lines of JSON over the same socket, to a sum.
fn json(place: &Place, options: Options) {
    let mut client = place.client();
    drop(put(&mut client, "json", 1));
    let sum: i64 = (0..1 << 17).sum();
    let mut other = place.client();
    let of = |batch: RecordBatch| {
        let column = batch.column(0).as_any().downcast_ref::<Int64Array>();
        column.map_or(0, |column| column.values().iter().sum::<i64>())
    };
    let [shared, lines] = turns_of(
        15,
        [
            &mut || {
                let batches = client.get("json").expect("the table").batches().expect("batches");
                assert_eq!(batches.map(|batch| of(batch.expect("sound"))).sum::<i64>(), sum);
            },
            &mut || {
                let mut text = Vec::new();
                let take = |bytes: &[u8]| {
                    text.extend_from_slice(bytes);
                    Ok(())
                };
                other.get_json("json", 0, take).expect("rows");
                let lines = text.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
                let number = |line: &[u8]| {
                    let row: serde_json::Value = serde_json::from_slice(line).expect("JSON");
                    row["n"].as_i64().expect("a number")
                };
                let column: Vec<i64> = lines.map(number).collect();
                assert_eq!(column.iter().sum::<i64>(), sum);
            },
        ],
    );
    report(options, "get, 131,072 rows summed", &[("shared", shared), ("JSON lines", lines)]);
    client.remove("json", 0).expect("removed");
}
