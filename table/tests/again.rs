//! A receiver that outlives its sender: the name is taken up again, and nothing is lost or counted in silence.

// checks: reconnect

use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;
use std::time::Duration;

use arrow_array::{ArrayRef, Float64Array, Int64Array, RecordBatch};
use bowstring::transport::{Deliveries, Delivery, Listener};
use bowstring::{BreakOff, Missed, ReceiveError, Receiver, ReceiverBuilder, Sender, SetUpError};

const DELIVERIES: [Delivery; 3] = [Delivery::Pooled, Delivery::Copied, Delivery::Sealed];

fn batch(values: std::ops::Range<i64>) -> RecordBatch {
    let column = Arc::new(Int64Array::from_iter_values(values)) as ArrayRef;
    RecordBatch::try_from_iter([("n", column)]).unwrap()
}

/// Returns a path that no other test uses.
fn path(test: &str) -> String {
    let path = std::env::temp_dir().join(format!("bowstring-again-{}-{test}.sock", std::process::id()));
    path.to_str().unwrap().to_owned()
}

fn builder(delivery: Delivery) -> ReceiverBuilder {
    Receiver::builder().deliveries(Deliveries::only(delivery)).wait_for_sender(Duration::from_secs(60))
}

fn gone(receiver: &mut Receiver) -> ReceiveError {
    let error = receiver.next().unwrap().unwrap_err();
    let error = ReceiveError::of(&error).unwrap().clone();
    assert!(error.is_gone(), "{error}");
    error
}

#[test]
fn the_next_sender_is_received_from_its_first_batch_for_this_receiver() {
    for delivery in DELIVERIES {
        let path = path(&format!("next-{delivery:?}"));
        let mut sender = Sender::bind(&path, batch(0..1).schema()).unwrap();
        let sending = std::thread::spawn(move || {
            sender.send(&batch(0..10)).unwrap();
            sender.abandon_with(BreakOff::Interrupted, "");
        });
        let mut receiver = builder(delivery).connect(&path).unwrap();
        let kept = receiver.next().unwrap().unwrap();
        sending.join().unwrap();
        assert!(matches!(gone(&mut receiver), ReceiveError::BrokenOff { .. }));
        assert!(receiver.next().is_none(), "an error is the last item");

        // Somebody else has had five rows of the next one.
        let mut sender = Sender::bind(&path, batch(0..1).schema()).unwrap();
        let other = std::thread::spawn({
            let path = path.clone();
            move || {
                builder(delivery)
                    .connect(&path)
                    .unwrap()
                    .map(|batch| batch.unwrap().num_rows())
                    .sum::<usize>()
            }
        });
        sender.send(&batch(0..5)).unwrap();
        let sending = std::thread::spawn(move || {
            sender.wait_for_receivers(2, None).unwrap();
            sender.send(&batch(5..12)).unwrap();
        });
        let missed = builder(delivery).reconnect(&path, &mut receiver).unwrap();
        assert_eq!(missed, Missed { batches: 1, rows: 5 }, "{delivery:?}");
        assert_eq!(receiver.next().unwrap().unwrap(), batch(5..12));
        assert!(receiver.next().is_none());
        sending.join().unwrap();
        assert_eq!(other.join().unwrap(), 12);
        // Counts go on, and what came from the first is still there.
        let stats = receiver.stats();
        assert_eq!((stats.batches, stats.rows, stats.transport.messages), (2, 17, 2), "{delivery:?}");
        assert_eq!(kept, batch(0..10));
        drop(kept);
        assert_eq!(receiver.outstanding().messages(), 0);
    }
}

#[test]
fn other_columns_are_refused_by_name_and_the_receiver_stays_as_it_was() {
    let path = path("columns");
    let mut sender = Sender::bind(&path, batch(0..1).schema()).unwrap();
    let sending = std::thread::spawn(move || {
        sender.send(&batch(0..10)).unwrap();
        sender.abandon();
    });
    let mut receiver = builder(Delivery::Pooled).connect(&path).unwrap();
    assert_eq!(receiver.next().unwrap().unwrap(), batch(0..10));
    sending.join().unwrap();
    gone(&mut receiver);
    let floats = Arc::new(Float64Array::from(vec![1.0])) as ArrayRef;
    let other = RecordBatch::try_from_iter([("n", floats)]).unwrap();
    let mut sender = Sender::bind(&path, other.schema()).unwrap();
    let accepting = std::thread::spawn(move || sender.wait_for_receivers(1, None));
    let error = builder(Delivery::Pooled).reconnect(&path, &mut receiver).unwrap_err();
    assert!(matches!(error, SetUpError::Schema(_)), "{error}");
    assert!(error.to_string().ends_with("column \"n\" is of Float64, where Int64 was expected"), "{error}");
    accepting.join().unwrap().unwrap();
    assert_eq!((receiver.stats().rows, receiver.schema()), (10, &batch(0..1).schema()));
}

/// A sender that is about to end may let a receiver connect, and then hang up.
#[test]
fn who_hangs_up_is_not_the_next_sender() {
    let path = path("hang-up");
    let mut sender = Sender::bind(&path, batch(0..1).schema()).unwrap();
    let sending = std::thread::spawn(move || {
        sender.send(&batch(0..10)).unwrap();
        sender.abandon();
    });
    let mut receiver = builder(Delivery::Pooled).connect(&path).unwrap();
    assert_eq!(receiver.next().unwrap().unwrap().num_rows(), 10);
    gone(&mut receiver);
    sending.join().unwrap();
    let dying = Listener::bind(std::path::Path::new(&path).as_os_str().as_bytes()).unwrap();
    let waiting = std::thread::spawn({
        let path = path.clone();
        move || {
            builder(Delivery::Pooled).reconnect(&path, &mut receiver).unwrap();
            receiver.map(|batch| batch.unwrap().num_rows()).sum::<usize>()
        }
    });
    // It has connected, and greets a sender that never looks.
    let mut polled = [rustix::event::PollFd::new(&dying, rustix::event::PollFlags::IN)];
    rustix::event::poll(&mut polled, None).unwrap();
    drop(dying);
    let mut sender = Sender::bind(&path, batch(0..1).schema()).unwrap();
    sender.send(&batch(0..3)).unwrap();
    drop(sender);
    assert_eq!(waiting.join().unwrap(), 3);
}

#[test]
fn a_connection_in_the_background_can_be_waited_for_and_given_up() {
    for delivery in DELIVERIES {
        let path = path(&format!("background-{delivery:?}"));
        let connecting = builder(delivery).connect_in_background(&path).unwrap();
        assert!(connecting.wait(Duration::ZERO).is_none(), "nobody is there");
        let mut sender = Sender::bind(&path, batch(0..1).schema()).unwrap();
        let sending = std::thread::spawn(move || sender.send(&batch(0..3)));
        let mut receiver = connecting.wait(Duration::from_secs(60)).unwrap().unwrap();
        sending.join().unwrap().unwrap();
        assert_eq!(receiver.next().unwrap().unwrap(), batch(0..3));
        assert!(receiver.next().is_none());
    }
    // Given up in the middle of a handshake: the other side sees that nobody is there any more.
    let path = path("given-up");
    let listener = Listener::bind(std::path::Path::new(&path).as_os_str().as_bytes()).unwrap();
    let connecting = builder(Delivery::Pooled).connect_in_background(&path).unwrap();
    let mut polled = [rustix::event::PollFd::new(&listener, rustix::event::PollFlags::IN)];
    rustix::event::poll(&mut polled, None).unwrap();
    let socket = listener.accept_socket().unwrap().unwrap();
    drop(connecting);
    let mut polled = [rustix::event::PollFd::new(&socket, rustix::event::PollFlags::RDHUP)];
    rustix::event::poll(&mut polled, None).unwrap();
    assert!(polled[0].revents().contains(rustix::event::PollFlags::RDHUP));
}
