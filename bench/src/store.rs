//! The store: opening tables by name, against mapping a file in /dev/shm; putting, against writing and sealing the same
//! buffers; following; conditions, against DuckDB and Polars; many processes with one table. The store is a thread of
//! this process, its clients are others or other processes.

mod condition;
mod floor;
mod follow;
mod get;
mod opens;
mod peers;
mod put;
mod relay;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use arrow_array::{Int64Array, RecordBatch};
use bowstring_store::{Client, Config, Put, SegmentWriter, Segments, Server};
use bowstring_transport::Listener;

pub(crate) use self::opens::child;
use crate::Options;

const TURNS: usize = 301;
const ROWS: usize = 1 << 14;

/// A case: its name, and what runs it.
type Case = (&'static str, fn(&Place, Options));

/// A store: its place and its thread.
struct Place {
    room: PathBuf,
    socket: PathBuf,
    thread: i32,
}

/// Runs every case.
pub(crate) fn run(options: Options) {
    let room = PathBuf::from(format!("/dev/shm/bowstring-bench-{}", std::process::id()));
    std::fs::create_dir_all(&room).expect("a directory in /dev/shm");
    let socket = room.join("store.sock");
    let listener = Listener::bind(socket.as_os_str().as_encoded_bytes()).expect("a socket");
    let config = Config { keep: 0, max_clients_of_process: 4096, ..Config::default() };
    let (mut server, _) = Server::new(listener, config).expect("a store");
    let handle = server.handle();
    let (tell, told) = std::sync::mpsc::channel();
    let serving = std::thread::spawn(move || {
        let own = std::fs::read_link("/proc/thread-self").expect("a thread");
        let number = own.file_name().and_then(|name| name.to_str()?.parse().ok());
        tell.send(number.expect("a number")).expect("somebody listens");
        server.run()
    });
    let place = Place { socket, thread: told.recv().expect("it starts"), room };
    let cases: [Case; 5] = [
        ("get", get::run),
        ("put", put::run),
        ("follow", follow::run),
        ("where", condition::run),
        ("opens", opens::run),
    ];
    for (_, run) in cases.iter().filter(|(name, _)| options.wants(name)) {
        run(&place, options);
    }
    handle.stop();
    serving.join().expect("the store's thread").expect("the store");
    let _ = std::fs::remove_dir_all(&place.room);
}

impl Place {
    fn client(&self) -> Client {
        Client::connect(&self.socket).expect("the store")
    }

    /// Returns the nanoseconds that the store's thread has run.
    fn busy(&self) -> f64 {
        let text = std::fs::read_to_string(format!("/proc/self/task/{}/schedstat", self.thread));
        let first = text.ok().and_then(|text| text.split(' ').next()?.parse().ok());
        first.unwrap_or(f64::NAN)
    }
}

fn batch(start: i64) -> RecordBatch {
    let column = Int64Array::from_iter_values(start..start + ROWS as i64);
    RecordBatch::try_from_iter([("n", Arc::new(column) as _)]).expect("a batch")
}

/// Puts a table of that size; returns its segments.
fn put(client: &mut Client, name: &str, megabytes: usize) -> Segments {
    let mut writer = SegmentWriter::new(batch(0).schema()).expect("a segment");
    for n in 0..(megabytes << 20) / (ROWS * 8) {
        writer.write(&batch((n * ROWS) as i64)).expect("room");
    }
    let segments = writer.finish().expect("sealed");
    client.put_segments(name, &segments, &Put::default()).expect("taken");
    segments
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
