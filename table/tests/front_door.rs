//! The interface that most programs use: names, and batches from an iterator.
#![allow(unsafe_code)]

use std::sync::Arc;
use std::time::Duration;

use arrow_array::{ArrayRef, Int64Array, RecordBatch, RecordBatchReader};
use bowstring::transport::{Deliveries, Delivery};
use bowstring::{ReceiveError, Receiver, SendError, Sender, SetUpError};

fn batch(values: std::ops::Range<i64>) -> RecordBatch {
    let column = Arc::new(Int64Array::from_iter_values(values)) as ArrayRef;
    RecordBatch::try_from_iter([("n", column)]).unwrap()
}

/// Returns a path that no other test uses.
fn path(test: &str) -> String {
    let path = std::env::temp_dir().join(format!("bowstring-front-door-{}-{test}.sock", std::process::id()));
    path.to_str().unwrap().to_owned()
}

fn values(batch: &RecordBatch) -> Vec<i64> {
    let column = batch.column(0).as_any().downcast_ref::<Int64Array>().unwrap();
    column.values().to_vec()
}

#[test]
fn a_receiver_is_an_iterator_of_every_batch_in_order() {
    for delivery in [Delivery::Pooled, Delivery::Copied, Delivery::Sealed] {
        let path = path(&format!("iterator-{delivery:?}"));
        let mut sender = Sender::bind(&path, batch(0..1).schema()).unwrap();
        let sending = std::thread::spawn(move || {
            // Waits for the receiver that comes below.
            (0..50).try_for_each(|n| sender.send(&batch(n * 10..n * 10 + 10)))
        });
        let receiver = Receiver::builder().deliveries(Deliveries::only(delivery)).connect(&path);
        let mut receiver = receiver.unwrap();
        assert_eq!(receiver.delivery(), delivery);
        let mut all = Vec::new();
        for batch in &mut receiver {
            all.extend(values(&batch.unwrap()));
        }
        sending.join().unwrap().unwrap();
        assert_eq!(all, (0..500).collect::<Vec<i64>>(), "{delivery:?}");
    }
}

#[test]
fn batches_of_the_same_user_are_read_in_place() {
    let path = path("in-place");
    let mut sender = Sender::bind(&path, batch(0..1).schema()).unwrap();
    let sending = std::thread::spawn(move || sender.send(&batch(0..1000)));
    let mut receiver = Receiver::connect(&path).unwrap();
    assert_eq!(receiver.next().unwrap().unwrap().num_rows(), 1000);
    sending.join().unwrap().unwrap();
    let stats = receiver.stats();
    assert_eq!((receiver.delivery(), stats.bytes_copied), (Delivery::Pooled, 0));
}

#[test]
fn a_receiver_is_a_reader_of_the_schema_that_the_sender_has() {
    fn rows(reader: impl RecordBatchReader) -> usize {
        assert_eq!(reader.schema(), batch(0..1).schema());
        reader.map(|batch| batch.unwrap().num_rows()).sum()
    }
    let path = path("reader");
    let mut sender = Sender::bind(&path, batch(0..1).schema()).unwrap();
    let sending = std::thread::spawn(move || sender.send(&batch(0..7)));
    let receiver = Receiver::connect(&path).unwrap();
    assert_eq!(rows(receiver), 7);
    sending.join().unwrap().unwrap();
}

#[test]
fn the_error_of_a_broken_table_is_the_last_item() {
    let path = path("broken");
    let mut sender = Sender::bind(&path, batch(0..1).schema()).unwrap();
    let sending = std::thread::spawn(move || {
        sender.send(&batch(0..7)).unwrap();
        sender.abandon();
    });
    let mut receiver = Receiver::connect(&path).unwrap();
    let items: Vec<_> = receiver.by_ref().collect();
    sending.join().unwrap();
    let [Ok(whole), Err(error)] = items.as_slice() else { panic!("{items:?}") };
    assert_eq!(values(whole), (0..7).collect::<Vec<i64>>());
    assert!(ReceiveError::of(error).is_some(), "{error:?}");
    assert!(receiver.next().is_none());
}

#[test]
fn nobody_there_says_so_and_names_the_socket() {
    let path = path("nobody");
    let error = Receiver::connect(&path).unwrap_err();
    assert!(matches!(&error, SetUpError::Address { error, .. } if error.nobody_listens()), "{error:?}");
    assert!(error.to_string().contains(&path), "{error}");
    assert!(matches!(Receiver::connect("two words"), Err(SetUpError::Address { .. })));
}

#[test]
fn a_first_batch_that_nobody_comes_for_times_out() {
    let path = path("lonely");
    let schema = batch(0..1).schema();
    let mut sender = Sender::builder(schema).timeout(Duration::from_millis(20)).bind(&path).unwrap();
    assert_eq!(sender.send(&batch(0..7)), Err(SendError::TimedOut));
}

#[test]
fn a_receiver_waits_for_its_sender_to_appear() {
    let path = path("late");
    let there = path.clone();
    let receiving = std::thread::spawn(move || {
        let mut receiver =
            Receiver::builder().wait_for_sender(Duration::from_secs(30)).connect(&there).unwrap();
        receiver.next().unwrap().unwrap().num_rows()
    });
    let mut sender = Sender::bind(&path, batch(0..1).schema()).unwrap();
    sender.send(&batch(0..7)).unwrap();
    assert_eq!(receiving.join().unwrap(), 7);
}

#[cfg(feature = "ffi")]
#[test]
fn a_receiver_becomes_a_c_stream() {
    use arrow_array::ffi_stream::RecordBatchStreamReader;
    let path = path("ffi");
    let mut sender = Sender::bind(&path, batch(0..1).schema()).unwrap();
    let sending = std::thread::spawn(move || sender.send(&batch(0..7)));
    let stream = Receiver::connect(&path).unwrap().into_ffi_stream();
    let rows: Vec<_> =
        RecordBatchStreamReader::try_new(stream).unwrap().map(|b| values(&b.unwrap())).collect();
    sending.join().unwrap().unwrap();
    assert_eq!(rows.concat(), (0..7).collect::<Vec<i64>>());
}
