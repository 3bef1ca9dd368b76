//! The memory that tables take: one table with several readers, and a long stream through a small pool.
//!
//! # Safety
//!
//! Senders declared honest are this bench's own, which leave published slots alone.
#![allow(unsafe_code)]

use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use arrow_array::types::Int64Type;
use arrow_array::{ArrayRef, Int64Array, RecordBatch};
use arrow_ipc::reader::StreamReader;
use arrow_ipc::writer::StreamWriter;
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use bowstring::transport::{Connector, Deliveries, Delivery, Opened, SenderConfig};
use bowstring::{TableReceiver, TableSender};

use super::work;
use crate::Options;
use crate::handoff::process::{fork, pin, socket_pair, wait};

/// Rows of the table that is read by several: 32 MiB.
const TABLE_ROWS: usize = 4 << 20;
const TABLE_MIB: f64 = 32.0;
const READERS: [usize; 4] = [1, 2, 4, 8];

/// Rows of a batch of the long stream: 1 MiB.
const BATCH_ROWS: usize = 1 << 17;
/// Batches of the long stream: 10 GB and a little.
const BATCHES: usize = 9600;
/// Slots of the long stream's pool, each of 64 KiB: 64 MiB.
const SLOTS: u32 = 1 << 10;
/// Batches between two measurements of memory.
const EVERY: usize = 400;

/// The way in which readers get a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Ours(Delivery),
    Socket,
}

pub(super) fn run(options: Options) {
    for readers in READERS {
        let name = format!("memory/{readers}-readers");
        if options.wants(&name) {
            let ours = |delivery| table_taken(readers, Way::Ours(delivery));
            let (pooled, copied) = (ours(Delivery::Pooled), ours(Delivery::Copied));
            let (sealed, socket) = (ours(Delivery::Sealed), table_taken(readers, Way::Socket));
            report_readers(&name, [pooled, sealed, copied, socket], options);
        }
    }
    if options.wants("memory/10GB") {
        long_stream(options);
    }
}

fn report_readers(name: &str, [pooled, sealed, copied, socket]: [f64; 4], options: Options) {
    if options.json {
        println!(
            "{{\"bench\":\"stream/{name}\",\"unit\":\"MiB\",\"ours\":{pooled:.1},\"floor\":{TABLE_MIB:.1},\"peers\":{{\"arrow-ipc, socket\":{socket:.1}}},\"also\":{{\"ours, sealed delivery\":{sealed:.1},\"ours, copied delivery\":{copied:.1}}},\"over_floor\":{:.2}}}",
            pooled / TABLE_MIB
        );
        return;
    }
    println!("{name}: MiB that a table of {TABLE_MIB} takes in all processes together");
    for (way, taken) in
        [("pooled", pooled), ("sealed", sealed), ("copied", copied), ("arrow-ipc, socket", socket)]
    {
        println!("  {way:22} {taken:>7.1}  {:>6.2}×", taken / TABLE_MIB);
    }
}

fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![Field::new("n", DataType::Int64, false)]))
}

/// Returns the MiB that a table takes in this process and `readers` others that all hold it, by their proportional
/// set sizes.
fn table_taken(readers: usize, way: Way) -> f64 {
    let sockets: Vec<[OwnedFd; 2]> = (0..readers).map(|_| socket_pair(kind(way))).collect();
    let signals: Vec<[OwnedFd; 2]> = (0..readers).map(|_| socket_pair(libc::SOCK_STREAM)).collect();
    let children: Vec<i32> = sockets
        .iter()
        .zip(&signals)
        .map(|([_, theirs], [_, signal])| {
            fork(|| hold(way, theirs.try_clone().expect("a descriptor"), signal))
        })
        .collect();
    let mut signals: Vec<UnixStream> = signals.into_iter().map(|[ours, _]| UnixStream::from(ours)).collect();
    let everybody = || children.iter().map(|child| *child as u32).chain([std::process::id()]);
    signals.iter_mut().for_each(hear);
    let before: f64 = everybody().map(|pid| mib_of(pid, "smaps_rollup", "Pss:")).sum();
    signals.iter_mut().for_each(tell);
    let ours: Vec<OwnedFd> = sockets.into_iter().map(|[ours, _]| ours).collect();
    // Kept until memory was measured: it is the sender's own share.
    let _sender = match way {
        Way::Ours(delivery) => Some(send(delivery, ours)),
        Way::Socket => {
            send_over_sockets(ours);
            None
        }
    };
    signals.iter_mut().for_each(hear);
    let after: f64 = everybody().map(|pid| mib_of(pid, "smaps_rollup", "Pss:")).sum();
    signals.iter_mut().for_each(tell);
    children.into_iter().for_each(wait);
    after - before
}

fn kind(way: Way) -> i32 {
    if way == Way::Socket { libc::SOCK_STREAM } else { libc::SOCK_SEQPACKET }
}

/// One reader: gets the table, reads all of it, and holds it until signalled.
fn hold(way: Way, socket: OwnedFd, signal: &OwnedFd) {
    let mut signal = UnixStream::from(signal.try_clone().expect("a descriptor"));
    tell(&mut signal);
    hear(&mut signal);
    let mut receiver = None;
    let batch = match way {
        Way::Ours(delivery) => receiver
            .insert(receive(delivery, socket))
            .next_batch()
            .expect("a sender")
            .expect("a table")
            .into_record_batch(),
        Way::Socket => {
            let mut reader = StreamReader::try_new(UnixStream::from(socket), None).expect("a schema");
            Ok(reader.next().expect("a table").expect("a table that arrow-ipc reads"))
        }
    };
    let batch = batch.expect("our own table");
    std::hint::black_box(work::sum_batch(&batch));
    tell(&mut signal);
    hear(&mut signal);
}

fn receive(delivery: Delivery, socket: OwnedFd) -> TableReceiver {
    let incoming = Connector::new(Deliveries::only(delivery)).connect(socket).expect("a sender");
    let receiver = match delivery {
        Delivery::Pooled => {
            // SAFETY: the sender is this bench, which leaves published slots alone.
            let receiver = unsafe { incoming.pooled() }.expect("pooled delivery");
            TableReceiver::from_opened(Opened::Pooled(receiver))
        }
        _ => TableReceiver::open(incoming),
    };
    receiver.expect("a table")
}

/// Builds the table in place, and sends it to everybody.
fn send(delivery: Delivery, sockets: Vec<OwnedFd>) -> TableSender {
    let shape = |sender: &TableSender| sender.shape(TABLE_ROWS, |_| 0).expect("a shape that fits memory");
    // Only for its length.
    let sealed = SenderConfig::new().deliveries(Deliveries::SEALED);
    let len = shape(&TableSender::new(schema(), sealed).expect("a schema that can be sent")).len();
    let config =
        SenderConfig::new().slots(1, len.next_multiple_of(4096)).deliveries(Deliveries::only(delivery));
    let mut sender = TableSender::new(schema(), config).expect("a schema that can be sent");
    for socket in sockets {
        sender.accept_socket(socket).expect("a receiver");
    }
    produce(&mut sender, TABLE_ROWS, 0);
    sender
}

fn produce(sender: &mut TableSender, rows: usize, number: usize) {
    let shape = sender.shape(rows, |_| 0).expect("a shape that fits memory");
    let sent = sender.build(&shape, |fields| {
        let mut column = fields.fixed::<Int64Type>()?;
        column.fill_with(rows, |row| (row + number) as i64)?;
        column.finish()?;
        Ok(rows)
    });
    sent.expect("receivers");
}

/// Writes to every reader in turn, and drops the batch, like a server that has no more use for it.
fn send_over_sockets(sockets: Vec<OwnedFd>) {
    let column = Arc::new(Int64Array::from_iter_values(0..TABLE_ROWS as i64)) as ArrayRef;
    let batch = RecordBatch::try_from_iter([("n", column)]).expect("one column");
    for socket in sockets {
        let mut writer = StreamWriter::try_new(UnixStream::from(socket), &batch.schema()).expect("a reader");
        writer.write(&batch).expect("a reader");
        writer.finish().expect("a reader");
    }
}

fn tell(to: &mut UnixStream) {
    to.write_all(b"!").expect("the other process lives");
}

fn hear(from: &mut UnixStream) {
    from.read_exact(&mut [0]).expect("the other process lives");
}

/// Returns a figure of a process in MiB, by its name in one of the kernel's files.
fn mib_of(pid: u32, file: &str, name: &str) -> f64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/{file}")).expect("a process that lives");
    let line = text.lines().find_map(|line| line.strip_prefix(name)).expect("a kernel that says");
    let kib = line.trim().trim_end_matches(" kB").parse::<f64>().expect("a number");
    kib / 1024.0
}

/// The smallest and largest value seen.
#[derive(Clone, Copy)]
struct Range {
    least: f64,
    most: f64,
}

impl Range {
    const NONE: Range = Range { least: f64::INFINITY, most: 0.0 };

    fn see(&mut self, figure: f64) {
        *self = Range { least: self.least.min(figure), most: self.most.max(figure) };
    }
}

/// Streams 10 GB and measures the resident memory of both processes, from the second time on: by then every slot has
/// been read once.
fn long_stream(options: Options) {
    let [ours, theirs] = socket_pair(libc::SOCK_SEQPACKET);
    let child = fork(|| {
        pin(1);
        let mut receiver = receive(Delivery::Pooled, theirs.try_clone().expect("a descriptor"));
        while let Some(mut batch) = receiver.next_batch().expect("a sender") {
            let view = batch.view().expect("our own batch");
            let total = view.columns().flat_map(|column| column.buffers()).map(work::sum).max();
            std::hint::black_box(total);
        }
    });
    let config = SenderConfig::new().slots(SLOTS, 64 << 10);
    let mut sender = TableSender::new(schema(), config).expect("a schema that can be sent");
    sender.accept_socket(ours).expect("a receiver");
    let (mut sending, mut receiving) = (Range::NONE, Range::NONE);
    for number in 1..=BATCHES {
        produce(&mut sender, BATCH_ROWS, number);
        if number % EVERY == 0 && number > EVERY {
            sending.see(mib_of(std::process::id(), "status", "VmRSS:"));
            receiving.see(mib_of(child as u32, "status", "VmRSS:"));
        }
    }
    let gigabytes = sender.stats().bytes as f64 / 1e9;
    drop(sender);
    wait(child);
    if options.json {
        println!(
            "{{\"bench\":\"stream/memory/10GB\",\"unit\":\"MiB\",\"gigabytes\":{gigabytes:.1},\"pool\":64,\"sender\":[{:.1},{:.1}],\"receiver\":[{:.1},{:.1}]}}",
            sending.least, sending.most, receiving.least, receiving.most
        );
        return;
    }
    println!("memory/10GB: {gigabytes:.1} GB through a pool of 64 MiB; resident, least and most");
    println!("  sender                 {:>7.1} – {:.1} MiB", sending.least, sending.most);
    println!("  receiver               {:>7.1} – {:.1} MiB", receiving.least, receiving.most);
}
