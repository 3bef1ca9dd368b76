//! A served sender between calls, over real sockets.

use std::sync::Arc;

use arrow_array::{ArrayRef, Int64Array};
use bowstring_transport::{Connector, Deliveries, Delivery, SenderConfig};

use super::*;
use crate::Receiver;

const LONG: Duration = Duration::from_secs(60);

fn batch(first: i64) -> RecordBatch {
    let column = Arc::new(Int64Array::from_iter_values(first..first + 100)) as ArrayRef;
    RecordBatch::try_from_iter([("n", column)]).unwrap()
}

fn serve(name: &str, room: usize) -> (Served, Vec<u8>) {
    let path = std::env::temp_dir().join(format!("bowstring-{name}-{}.sock", std::process::id()));
    let path = path.as_os_str().as_encoded_bytes().to_vec();
    let sender = Sender::new(batch(0).schema(), SenderConfig::new().slots(8, 4096)).unwrap();
    (Served::new(sender, Some(Listener::bind(&path).unwrap()), room).unwrap(), path)
}

fn connect(path: &[u8], delivery: Delivery) -> Receiver {
    let meeting = Connector::new(Deliveries::only(delivery)).patience(LONG);
    Receiver::open(meeting.connect(path).unwrap()).unwrap()
}

fn first(receiver: &mut Receiver) -> Option<i64> {
    let batch = receiver.next_batch().unwrap()?.into_record_batch().unwrap();
    let column = batch.column(0).as_any().downcast_ref::<Int64Array>().unwrap();
    Some(column.value(0))
}

#[test]
fn receivers_come_and_go_while_the_program_does_nothing() {
    let (served, path) = serve("idle", 0);
    for delivery in [Delivery::Copied, Delivery::Sealed, Delivery::Copied] {
        // Connecting succeeds only because the thread replies.
        drop(connect(&path, delivery));
    }
    drop(served);
    assert!(Connector::new(Deliveries::ANY).connect(&path[..]).is_err());
}

#[test]
fn what_is_sent_before_anybody_is_there_waits_in_order_and_survives_the_end() {
    for delivery in [Delivery::Copied, Delivery::Sealed] {
        let (served, path) = serve("early", 1 << 20);
        // More than the pool holds, so that it is handed over while it is received.
        for i in 0..100 {
            served.send(&batch(i), Some(LONG)).unwrap();
        }
        served.finish();
        assert!(!served.is_finished());
        let mut receiver = connect(&path, delivery);
        for i in 0..100 {
            assert_eq!(first(&mut receiver), Some(i));
        }
        assert_eq!(first(&mut receiver), None);
        assert!(served.wait_finished(LONG));
    }
}

#[test]
fn a_full_waiting_room_is_a_wait_with_an_end() {
    let (served, path) = serve("full", 0);
    // One batch may always wait.
    served.send(&batch(0), None).unwrap();
    let refused = served.send(&batch(1), Some(Duration::from_millis(1)));
    assert_eq!(refused, Err(SendError::TimedOut));
    let interrupt = Interrupt::default();
    interrupt.set();
    assert_eq!(served.send_unless(&batch(1), None, &interrupt), Err(SendError::Interrupted));
    let receiving = std::thread::spawn(move || {
        let mut receiver = connect(&path, Delivery::Copied);
        [first(&mut receiver), first(&mut receiver), first(&mut receiver)]
    });
    served.send(&batch(2), None).unwrap();
    drop(served);
    assert_eq!(receiving.join().unwrap(), [Some(0), Some(2), None]);
}

#[test]
fn dropping_ends_the_table_for_who_is_there() {
    let (served, path) = serve("drop", 0);
    let mut receiver = connect(&path, Delivery::Copied);
    served.send(&batch(7), Some(LONG)).unwrap();
    drop(served);
    assert_eq!(first(&mut receiver), Some(7));
    assert_eq!(first(&mut receiver), None);
}

#[test]
fn a_sender_that_was_given_up_is_no_end_of_the_table() {
    let (served, path) = serve("abandon", 0);
    let mut receiver = connect(&path, Delivery::Copied);
    served.take(LONG).unwrap().keep().abandon();
    drop(served);
    assert_eq!(receiver.next_batch().map(drop), Err(crate::ReceiveError::Crashed));
}

#[test]
fn a_served_sender_that_keeps_never_waits_and_its_last_batches_survive_the_end() {
    for delivery in [Delivery::Copied, Delivery::Sealed] {
        let path = std::env::temp_dir().join(format!("bowstring-keep-{}.sock", std::process::id()));
        let path = path.as_os_str().as_encoded_bytes().to_vec();
        let mut sender = Sender::new(batch(0).schema(), SenderConfig::new().slots(8, 4096)).unwrap();
        // More than the pool holds, so that a newcomer is given it while it reads.
        sender.set_keep(50);
        let served = Served::new(sender, Some(Listener::bind(&path).unwrap()), 0).unwrap();
        (0..100).for_each(|i| served.send(&batch(i), Some(LONG)).unwrap());
        assert_eq!(served.take(LONG).unwrap().waiting(), 50);
        served.finish();
        let mut receiver = connect(&path, delivery);
        for i in 50..100 {
            assert_eq!(first(&mut receiver), Some(i), "{delivery:?}");
        }
        assert_eq!(first(&mut receiver), None);
        assert!(served.wait_finished(LONG));
    }
}

#[test]
fn the_table_does_not_end_before_its_last_kept_message_has_found_room() {
    // One of these numbers fills the receiver's queue, and its last message waits for room.
    for kept in 1..=40 {
        let path = std::env::temp_dir().join(format!("bowstring-last-{}.sock", std::process::id()));
        let path = path.as_os_str().as_encoded_bytes().to_vec();
        let mut sender = Sender::new(batch(0).schema(), SenderConfig::new().slots(8, 4096)).unwrap();
        sender.set_keep(kept);
        let served = Served::new(sender, Some(Listener::bind(&path).unwrap()), 0).unwrap();
        (0..kept as i64).for_each(|i| served.send(&batch(i), Some(LONG)).unwrap());
        served.finish();
        let mut receiver = connect(&path, Delivery::Sealed);
        // It reads nothing before it was sent all that there is room for.
        while !served.is_finished()
            && let Some(serving) = served.take(Duration::from_millis(100))
            && serving.sender.newcomers() > 0
            && serving.sender.is_finished()
        {}
        for i in 0..kept as i64 {
            assert_eq!(first(&mut receiver), Some(i), "of {kept}");
        }
        assert_eq!(first(&mut receiver), None, "of {kept}");
        assert!(served.wait_finished(LONG));
    }
}

#[test]
fn a_batch_that_waits_and_cannot_be_sent_is_reported_and_holds_up_nothing() {
    let path = std::env::temp_dir().join(format!("bowstring-hopeless-{}.sock", std::process::id()));
    let path = path.as_os_str().as_encoded_bytes().to_vec();
    let text = |len: usize| {
        let column = Arc::new(arrow_array::StringArray::from(vec!["x".repeat(len)])) as ArrayRef;
        RecordBatch::try_from_iter([("text", column)]).unwrap()
    };
    let sender = Sender::new(text(1).schema(), SenderConfig::new().slots(8, 4096)).unwrap();
    let served = Served::new(sender, Some(Listener::bind(&path).unwrap()), 1 << 20).unwrap();
    assert!(matches!(served.send(&batch(0), None), Err(SendError::Encode(_))), "of another schema");
    for len in [1, 1 << 16, 2] {
        served.send(&text(len), None).unwrap();
    }
    let mut receiver = connect(&path, Delivery::Copied);
    let mut next =
        || receiver.next_batch().map(|batch| batch.map(|batch| batch.into_record_batch().unwrap()));
    assert_eq!(next(), Ok(Some(text(1))));
    assert_eq!(next(), Ok(Some(text(2))));
    assert!(matches!(served.send(&text(3), None), Err(SendError::TooLarge { .. })));
    served.send(&text(4), None).unwrap();
    assert_eq!(next(), Ok(Some(text(4))));
    served.finish();
    assert!(matches!(next(), Err(crate::ReceiveError::BrokenOff { .. })), "it is not whole");
}
