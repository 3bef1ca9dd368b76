//! A sender in an async program.

use std::future::poll_fn;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;

use arrow_array::{ArrayRef, Int64Array, RecordBatch};
use bowstring::transport::{Deliveries, Delivery, End};
use bowstring::{BatchSink, ReceiveError, Receiver, SendError, Sender};
use futures_sink::Sink;

/// More than the pool below, or a socket, has room for.
const BATCHES: i64 = 100;

/// Names the socket for the child that plays a receiver.
const CHILD: &str = "BOWSTRING_SINK_CHILD";

fn batch(n: i64) -> RecordBatch {
    RecordBatch::try_from_iter([("n", Arc::new(Int64Array::from(vec![n; 100])) as ArrayRef)]).unwrap()
}

fn numbers(receiver: Receiver) -> Vec<i64> {
    let number =
        |batch: RecordBatch| batch.column(0).as_any().downcast_ref::<Int64Array>().unwrap().value(99);
    receiver.map(|batch| number(batch.unwrap())).collect()
}

fn path(test: &str) -> PathBuf {
    std::env::temp_dir().join(format!("bowstring-sink-{}-{test}.sock", std::process::id()))
}

fn sink(path: &Path) -> BatchSink {
    Sender::builder(batch(0).schema()).slots(4, 4096).bind(path).unwrap().into_sink().unwrap()
}

fn run<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

/// Sends until a batch has to wait for room, which `pending` reports each time, or an error.
async fn send_all(sink: &mut BatchSink, mut pending: impl FnMut()) -> Result<(), SendError> {
    for n in 0..BATCHES {
        poll_fn(|context| {
            let ready = Pin::new(&mut *sink).poll_ready(context);
            if ready.is_pending() {
                pending();
            }
            ready
        })
        .await?;
        Pin::new(&mut *sink).start_send(batch(n))?;
    }
    Ok(())
}

async fn close(sink: &mut BatchSink) {
    poll_fn(|context| Pin::new(&mut *sink).poll_close(context)).await.unwrap();
}

/// The receiver starts to read only once another task of the executor has run while the sink was waiting.
#[test]
fn a_slow_receiver_gets_every_batch_while_the_executor_is_free_for_others() {
    for delivery in [Delivery::Pooled, Delivery::Copied, Delivery::Sealed] {
        let path = path(&format!("slow-{delivery:?}"));
        let mut sink = sink(&path);
        let receiver = Receiver::builder().deliveries(Deliveries::only(delivery)).connect(&path).unwrap();
        let (go, gone) = mpsc::channel();
        let receiving = std::thread::spawn(move || {
            gone.recv().unwrap();
            numbers(receiver)
        });
        run(async {
            let waits = Arc::new(AtomicBool::new(false));
            let other = tokio::spawn({
                let waits = waits.clone();
                async move {
                    while !waits.load(Ordering::Relaxed) {
                        tokio::task::yield_now().await;
                    }
                    go.send(()).unwrap();
                }
            });
            send_all(&mut sink, || waits.store(true, Ordering::Relaxed)).await.unwrap();
            assert!(waits.load(Ordering::Relaxed), "the pool holds {BATCHES} batches");
            other.await.unwrap();
            close(&mut sink).await;
        });
        assert_eq!(receiving.join().unwrap(), (0..BATCHES).collect::<Vec<i64>>(), "{delivery:?}");
        assert!(!path.exists(), "closing removes the path");
    }
}

/// Batches before the first receiver wait for it, closing included.
#[test]
fn closing_waits_for_a_first_receiver() {
    let path = path("first");
    let mut sink = sink(&path);
    let receiving = run(async {
        Pin::new(&mut sink).start_send(batch(7)).unwrap();
        let mut receiving = None;
        poll_fn(|context| {
            let closed = Pin::new(&mut sink).poll_close(context);
            if closed.is_pending() && receiving.is_none() {
                let path = path.clone();
                receiving = Some(std::thread::spawn(move || numbers(Receiver::connect(&path).unwrap())));
            }
            closed
        })
        .await
        .unwrap();
        receiving.expect("closing waits")
    });
    assert_eq!(receiving.join().unwrap(), [7]);
    let after = Pin::new(&mut sink).start_send(batch(8));
    assert_eq!(after.unwrap_err(), SendError::NoReceiver(None));
}

/// Starts a process that takes one batch and keeps it, so that the pool fills up, until it is killed.
fn stuck_receiver(path: &Path) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "child", "--nocapture"]).env(CHILD, path).stdin(Stdio::piped());
    command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

#[test]
fn child() {
    let Some(path) = std::env::var_os(CHILD) else { return };
    let mut receiver = Receiver::builder().deliveries(Deliveries::SLOTS).connect(path).unwrap();
    let _kept = receiver.next();
    eprintln!("kept");
    let _ = std::io::stdin().read_line(&mut String::new());
}

#[test]
fn a_dead_receiver_ends_the_wait() {
    let path = path("dead");
    let mut sink = sink(&path);
    let mut child = stuck_receiver(&path);
    let error = run(async {
        Pin::new(&mut sink).start_send(batch(0)).unwrap();
        let mut said = String::new();
        BufReader::new(child.stderr.take().unwrap()).read_line(&mut said).unwrap();
        assert_eq!(said, "kept\n");
        send_all(&mut sink, || child.kill().unwrap()).await.unwrap_err()
    });
    child.wait().unwrap();
    assert_eq!(error, SendError::NoReceiver(Some(End::Crashed)));
}

/// A part of the table must not pass for the whole.
#[test]
fn dropping_a_sink_before_it_is_closed_abandons_the_table() {
    let path = path("dropped");
    let mut sink = sink(&path);
    let mut receiver = Receiver::connect(&path).unwrap();
    Pin::new(&mut sink).start_send(batch(1)).unwrap();
    drop(sink);
    let end = loop {
        match receiver.next_batch() {
            Ok(Some(_)) => {}
            Ok(None) => panic!("a part passes for the whole"),
            Err(error) => break error,
        }
    };
    assert_eq!(end, ReceiveError::Crashed);
}
