//! The store: opening tables by name, compared with opening a file in /dev/shm and reading its first page; putting,
//! compared with writing and sealing; following. The store is a thread of this process, its clients are others.

use std::fs::File;
use std::io::Write;
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use arrow_array::{Array, Int64Array, RecordBatch};
use bowstring_store::{Client, Config, Event, Put, SegmentWriter, Server};
use bowstring_transport::Listener;
use bowstring_transport::region::{Appender, FrozenView};

use crate::Options;

const TURNS: usize = 301;
const ROWS: usize = 1 << 14;

/// Runs every case.
pub(crate) fn run(options: Options) {
    let room = PathBuf::from(format!("/dev/shm/bowstring-bench-{}", std::process::id()));
    std::fs::create_dir_all(&room).expect("a directory in /dev/shm");
    let socket = room.join("store.sock");
    let listener = Listener::bind(socket.as_os_str().as_encoded_bytes()).expect("a socket");
    let (mut server, _) = Server::new(listener, Config::default()).expect("a store");
    let handle = server.handle();
    let serving = std::thread::spawn(move || server.run());
    if options.wants("get") {
        gets(&room, &socket, options);
    }
    if options.wants("put") {
        puts(&socket, options);
    }
    if options.wants("follow") {
        follow(&socket, options);
    }
    handle.stop();
    serving.join().expect("the store's thread").expect("the store");
    let _ = std::fs::remove_dir_all(&room);
}

fn batch(start: i64) -> RecordBatch {
    let column = Int64Array::from_iter_values(start..start + ROWS as i64);
    RecordBatch::try_from_iter([("n", Arc::new(column) as _)]).expect("a batch")
}

/// Returns the first value of a table, read through the arrays.
fn first(client: &mut Client, name: &str) -> i64 {
    let table = client.get(name).expect("the table");
    let batch = table.batches().expect("batches").next().expect("a batch").expect("sound");
    batch.column(0).as_any().downcast_ref::<Int64Array>().map_or(-1, |column| column.value(0))
}

fn gets(room: &Path, socket: &Path, options: Options) {
    for megabytes in [1_usize, 64, 1024] {
        let (name, file) = (format!("t{megabytes}"), room.join(format!("floor-{megabytes}")));
        let batches = (megabytes << 20) / (ROWS * 8);
        let mut writer = SegmentWriter::new(batch(0).schema()).expect("a segment");
        for n in 0..batches {
            writer.write(&batch((n * ROWS) as i64)).expect("room");
        }
        let segments = writer.finish().expect("sealed");
        let mut client = Client::connect(socket).expect("the store");
        client.put_segments(&name, &segments, &Put::default()).expect("taken");
        // The floor: a file with the same bytes, opened and read.
        let segment = &segments.list[0];
        let bytes = FrozenView::attach_lazily(segment.fd.as_fd(), segment.len as usize).expect("ours");
        File::create(&file).and_then(|mut file| file.write_all(&bytes)).expect("room in /dev/shm");
        let body = bytes.len() / batches - ROWS * 8;
        let floor = || {
            let mut page = [0; 4096];
            File::open(&file).and_then(|file| file.read_exact_at(&mut page, 0)).expect("a page");
            i64::from_le_bytes(page[body..body + 8].try_into().expect("eight bytes"))
        };
        let connect = || first(&mut Client::connect(socket).expect("the store"), &name);
        let case = format!("get, {megabytes} MiB");
        let [new, open, floor] = turns([
            &mut || assert_eq!(connect(), 0),
            &mut || assert_eq!(first(&mut client, &name), 0),
            &mut || assert_eq!(floor(), 0),
        ]);
        report(
            options,
            &case,
            &[("connect to first value", new), ("open connection", open), ("a file's first page", floor)],
        );
        let _ = std::fs::remove_file(&file);
        client.remove(&name, 0).expect("removed");
    }
}

fn puts(socket: &Path, options: Options) {
    let batches: Vec<RecordBatch> = (0..512).map(|n| batch(n * ROWS as i64)).collect();
    let bytes = vec![7_u8; ROWS * 8];
    let mut client = Client::connect(socket).expect("the store");
    let [ours, floor] = turns_of(
        15,
        [
            &mut || {
                client.put("put", &batches).expect("taken");
            },
            &mut || {
                let mut file = Appender::create(c"floor").expect("a file");
                for _ in 0..512 {
                    file.append(&bytes).expect("room");
                }
                drop(file.freeze().expect("sealed"));
            },
        ],
    );
    report(options, "put, 64 MiB", &[("put", ours), ("write and seal", floor)]);
}

fn follow(socket: &Path, options: Options) {
    let mut client = Client::connect(socket).expect("the store");
    client.put("ticks", &[batch(0).slice(0, 16)]).expect("taken");
    let (tell, seen) = mpsc::channel();
    for _ in 0..8 {
        let (tell, socket) = (tell.clone(), socket.to_owned());
        std::thread::spawn(move || {
            let mut follower =
                Client::connect(&socket).and_then(|c| c.follow("ticks", None)).expect("the table");
            while let Ok(Some(Event::Rows(_))) = follower.next_event(None) {
                if tell.send(Instant::now()).is_err() {
                    return;
                }
            }
        });
    }
    (0..8).for_each(|_| {
        let _ = seen.recv();
    });
    let more = batch(0).slice(0, 16);
    let mut last = Vec::new();
    for _ in 0..TURNS {
        // Long enough for all to fall asleep.
        std::thread::sleep(Duration::from_millis(2));
        let begun = Instant::now();
        client.append("ticks", std::slice::from_ref(&more)).expect("taken");
        let latest = (0..8).filter_map(|_| seen.recv().ok()).max().unwrap_or(begun);
        last.push((latest - begun).as_nanos() as f64);
    }
    last.sort_by(f64::total_cmp);
    report(options, "follow, 8 asleep", &[("append to the last of them", last[TURNS / 2])]);
}

/// Runs contenders in turns; returns the median of each, in nanoseconds.
fn turns<const N: usize>(work: [&mut dyn FnMut(); N]) -> [f64; N] {
    turns_of(TURNS, work)
}

fn turns_of<const N: usize>(turns: usize, mut work: [&mut dyn FnMut(); N]) -> [f64; N] {
    let mut times: [Vec<f64>; N] = std::array::from_fn(|_| Vec::with_capacity(turns));
    for _ in 0..turns {
        for (work, times) in work.iter_mut().zip(&mut times) {
            let begun = Instant::now();
            work();
            times.push(begun.elapsed().as_nanos() as f64);
        }
    }
    times.map(|mut times| {
        times.sort_by(f64::total_cmp);
        times[turns / 2]
    })
}

fn report(options: Options, case: &str, figures: &[(&str, f64)]) {
    if options.json {
        let fields: Vec<String> = figures
            .iter()
            .map(|(name, ns)| format!("\"{}_ns\":{ns:.0}", name.replace([' ', '\''], "_")))
            .collect();
        println!("{{\"bench\":\"store\",\"case\":\"{case}\",{}}}", fields.join(","));
        return;
    }
    let fields: Vec<String> =
        figures.iter().map(|(name, ns)| format!("{name} {:.1} µs", ns / 1000.0)).collect();
    println!("  {case:18} {}", fields.join("   "));
}
