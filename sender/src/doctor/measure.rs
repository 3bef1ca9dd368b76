//! Measures this host's speed, and the share of it that a table reaches.
//!
//! The floor is what two threads do with a cache line, and one with two pieces of memory. What is measured against it runs
//! between two threads of this process over the very channels that two processes use. Both are taken in turns, since a
//! host is not equally fast at all times, and the median of the rounds is reported.
//!
//! # Safety
//!
//! To read in place, a receiver must take its sender for honest. Here the sender is this file, which never writes to a
//! message that it has committed.
#![allow(unsafe_code)]

use std::hint::{black_box, spin_loop};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use arrow_array::{ArrayRef, Int64Array, RecordBatch};
use bowstring::transport::{
    Connector, Deliveries, Delivery, HandshakeConfig, Opened, PooledReceiver, Sender, SenderConfig, Wait,
    socket_pair,
};
use bowstring::{TableReceiver, TableSender};
use bowstring_cli::text;
use serde_json::{Value, json};

use crate::failure::{Exit, Failure};

/// Bytes of a batch.
const BATCH: usize = 1 << 20;

/// Batches, or messages, of a round.
const BATCHES: u64 = 256;
const PINGS: u64 = 20_000;

/// The measurements: medians.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Measured {
    /// Nanoseconds, one way: a cache line that two threads write in turns.
    line: f64,
    /// The same for messages of 64 bytes.
    message: f64,
    /// Bytes a second: memory copied into a ring of buffers and added up.
    copy: f64,
    /// The same for batches, encoded by one thread and added up by another.
    table: f64,
    rounds: usize,
}

impl Measured {
    pub(crate) fn lines(&self) -> String {
        let rate = |bytes: f64| format!("{}/s", text::bytes(bytes as u64));
        format!(
            "\nmeasured in {} rounds, between two threads:\n\
             hand-off            {:6.0} ns one way for 64 bytes, {:.1} × a bare cache line's {:.0} ns\n\
             tables              {:>9} for batches of 1 MiB, {:.2} × one thread's copy and sum, {}\n",
            self.rounds,
            self.message,
            self.message / self.line,
            self.line,
            rate(self.table),
            self.table / self.copy,
            rate(self.copy),
        )
    }

    pub(crate) fn object(&self) -> Value {
        json!({
            "rounds": self.rounds,
            "line_nanoseconds": self.line,
            "message_nanoseconds": self.message,
            "copy_bytes_per_second": self.copy,
            "table_bytes_per_second": self.table,
        })
    }
}

/// Measures for about this long, at least two rounds.
pub(crate) fn measure(time: Duration) -> Result<Measured, Failure> {
    let begun = Instant::now();
    let mut rounds: [Vec<f64>; 4] = Default::default();
    while rounds[0].len() < 2 || begun.elapsed() < time {
        let results = [line(), message()?, copy(), table()?];
        rounds.iter_mut().zip(results).for_each(|(round, result)| round.push(result));
    }
    let count = rounds[0].len();
    let [line, message, copy, table] = rounds.map(median);
    Ok(Measured { line, message, copy, table, rounds: count })
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Nanoseconds, one way, that a cache line takes between two threads.
fn line() -> f64 {
    #[repr(align(128))]
    struct Line(AtomicU64);
    let lines = [Line(AtomicU64::new(0)), Line(AtomicU64::new(0))];
    let [ping, pong] = &lines;
    let await_at_least = |line: &Line, n| {
        while line.0.load(Ordering::Acquire) < n {
            spin_loop();
        }
    };
    thread::scope(|scope| {
        scope.spawn(|| {
            (1..=PINGS).for_each(|n| {
                await_at_least(ping, n);
                pong.0.store(n, Ordering::Release);
            });
        });
        let begun = Instant::now();
        (1..=PINGS).for_each(|n| {
            ping.0.store(n, Ordering::Release);
            await_at_least(pong, n);
        });
        begun.elapsed().as_nanos() as f64 / (2 * PINGS) as f64
    })
}

fn failed(error: impl std::fmt::Display) -> Failure {
    Failure::new(Exit::Other, format!("cannot measure: {error}"))
}

fn sockets() -> Result<(OwnedFd, OwnedFd), Failure> {
    socket_pair().map_err(failed)
}

/// Returns a receiver at the other end of `socket`, opened for reading in place.
fn meet(socket: OwnedFd) -> Result<Opened, Failure> {
    let incoming = Connector::new(Deliveries::only(Delivery::Pooled)).connect(socket).map_err(failed)?;
    // SAFETY: the sender is this file's: see its head.
    unsafe { incoming.open() }.map_err(failed)
}

/// Returns a sender and a receiver that have met.
fn channel() -> Result<(Sender, PooledReceiver), Failure> {
    let (here, there) = sockets()?;
    let mut sender = SenderConfig::new().build().map_err(failed)?;
    let receiver = thread::scope(|scope| {
        let receiver = scope.spawn(|| meet(there));
        sender.accept(here, &HandshakeConfig::new(b"")).map_err(failed)?;
        receiver.join().map_err(|_| failed("a thread broke off"))?
    })?;
    match receiver {
        Opened::Pooled(receiver) => Ok((sender, receiver)),
        _ => Err(failed("pooled delivery was not agreed to")),
    }
}

/// Nanoseconds, one way, that a message of 64 bytes takes between two threads.
fn message() -> Result<f64, Failure> {
    let (mut ping, heard_ping) = channel()?;
    let (mut pong, heard_pong) = channel()?;
    let wait = Wait::spinning();
    thread::scope(|scope| {
        let echo = scope.spawn(move || -> Result<(), Failure> {
            for _ in 0..PINGS {
                let lease = heard_ping.recv_with(wait).map_err(failed)?;
                pong.send(&lease).map_err(failed)?;
            }
            Ok(())
        });
        let begun = Instant::now();
        let message = [7; 64];
        for _ in 0..PINGS {
            ping.send(&message).map_err(failed)?;
            black_box(heard_pong.recv_with(wait).map_err(failed)?[63]);
        }
        let time = begun.elapsed();
        echo.join().map_err(|_| failed("a thread broke off"))??;
        Ok(time.as_nanos() as f64 / (2 * PINGS) as f64)
    })
}

fn sum(values: &[i64]) -> i64 {
    values.iter().fold(0, |sum, value| sum.wrapping_add(*value))
}

/// Bytes a second that one thread copies into a ring of buffers and adds up.
fn copy() -> f64 {
    let source: Vec<i64> = (0..(BATCH / 8) as i64).collect();
    let mut ring = vec![0_i64; source.len() * 8];
    let begun = Instant::now();
    for _ in 0..BATCHES / 8 {
        for buffer in ring.chunks_exact_mut(source.len()) {
            buffer.copy_from_slice(black_box(&source));
            black_box(sum(buffer));
        }
    }
    (BATCHES as usize * BATCH) as f64 / begun.elapsed().as_secs_f64()
}

/// Bytes a second of batches that one thread encodes and another adds up in place.
fn table() -> Result<f64, Failure> {
    let column: ArrayRef = Arc::new(Int64Array::from_iter_values(0..(BATCH / 8) as i64));
    let batch = RecordBatch::try_from_iter([("n", column)]).map_err(failed)?;
    let (here, there) = sockets()?;
    let config = SenderConfig::new().slots(64, 128 << 10);
    let mut sender = TableSender::new(batch.schema(), config).map_err(failed)?;
    thread::scope(|scope| {
        let receiving = scope.spawn(|| -> Result<(), Failure> {
            let mut receiver = TableReceiver::from_opened(meet(there)?).map_err(failed)?;
            while let Some(mut batch) = receiver.next_batch().map_err(failed)? {
                let view = batch.view().map_err(failed)?;
                let column = view.column(0).and_then(|column| column.as_slice::<i64>());
                black_box(sum(column.unwrap_or_default()));
            }
            Ok(())
        });
        sender.accept_socket(here).map_err(failed)?;
        let begun = Instant::now();
        for _ in 0..BATCHES {
            sender.send(&batch).map_err(failed)?;
        }
        drop(sender);
        receiving.join().map_err(|_| failed("a thread broke off"))??;
        Ok((BATCHES as usize * BATCH) as f64 / begun.elapsed().as_secs_f64())
    })
}
