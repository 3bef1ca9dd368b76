//! Tables from end to end, both ends in this process, over each delivery.

// checks: zero-copy-tables
#![allow(unsafe_code)]

use std::sync::Arc;
use std::thread::JoinHandle;

use arrow_array::types::{Int32Type, Int64Type};
use arrow_array::{ArrayRef, DictionaryArray, Int64Array, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema};
use bowstring::transport::{
    Connector, Deliveries, Delivery, Listener, OnSlow, SenderConfig, Wait, socket_pair,
};
use bowstring::{
    BreakOff, Hints, Interrupt, Missed, ReceiveError, Receiver, ReceiverStats, SendError, Sender, SetUpError,
};

const DELIVERIES: [Delivery; 3] = [Delivery::Pooled, Delivery::Copied, Delivery::Sealed];

/// Returns a connected receiver over `delivery`, made on another thread since both sides must speak.
fn connect(sender: &mut Sender, delivery: Delivery) -> Receiver {
    let (here, there) = socket_pair().unwrap();
    let receiver = std::thread::spawn(move || {
        let incoming = Connector::new(Deliveries::only(delivery)).connect(there).unwrap();
        // SAFETY: the sender is this test's `Sender`, which does not write to leased slots.
        Receiver::from_opened(unsafe { incoming.open() }.unwrap()).unwrap()
    });
    sender.accept_socket(here).unwrap();
    receiver.join().unwrap()
}

/// Receives everything as arrays, on a thread of its own.
fn collect(mut receiver: Receiver) -> JoinHandle<(Vec<RecordBatch>, ReceiverStats)> {
    std::thread::spawn(move || {
        let mut batches = Vec::new();
        while let Some(batch) = receiver.next_batch().unwrap() {
            batches.push(batch.into_record_batch().unwrap());
        }
        assert!(receiver.next_batch().unwrap().is_none(), "the end stays the end");
        (batches, receiver.stats())
    })
}

fn numbers(range: std::ops::Range<i64>) -> RecordBatch {
    let n: ArrayRef = Arc::new(Int64Array::from_iter_values(range.clone()));
    let text: StringArray = range.map(|n| (n % 3 != 0).then(|| format!("row {n}"))).collect();
    RecordBatch::try_from_iter_with_nullable([("n", n, false), ("text", Arc::new(text) as _, true)]).unwrap()
}

fn coded(words: &[&str]) -> RecordBatch {
    let keys: DictionaryArray<Int32Type> = words.iter().copied().collect();
    let field = Field::new("word", keys.data_type().clone(), false);
    RecordBatch::try_new(Arc::new(Schema::new(vec![field])), vec![Arc::new(keys)]).unwrap()
}

use arrow_array::Array;

fn words(batch: &RecordBatch) -> Vec<String> {
    let column = batch.column(0).as_any().downcast_ref::<DictionaryArray<Int32Type>>().unwrap();
    let column = column.downcast_dict::<StringArray>().unwrap();
    column.into_iter().map(|word| word.unwrap().to_owned()).collect()
}

#[test]
fn every_delivery_hands_over_the_values_and_says_truly_where_they_lie() {
    for delivery in DELIVERIES {
        let sent: Vec<_> = (0..5).map(|i| numbers(i * 1000..(i + 1) * 1000)).collect();
        let config = SenderConfig::new().slots(8, 64 << 10);
        let mut sender = Sender::new(sent[0].schema(), config).unwrap();
        let hints = Hints { rows: Some(5000), name: Some("numbers".into()), ..Hints::default() };
        sender.set_hints(&hints);
        let receiver = connect(&mut sender, delivery);
        assert_eq!(receiver.schema(), sender.schema());
        assert_eq!(receiver.hints(), &Hints { rows_sent: Some(0), batches_sent: Some(0), ..hints });
        let received = collect(receiver);
        for batch in &sent {
            sender.send(batch).unwrap();
        }
        let stats = sender.stats();
        assert_eq!((stats.batches, stats.rows, stats.split), (5, 5000, 0));
        drop(sender);
        let (batches, stats) = received.join().unwrap();
        assert_eq!(batches, sent, "{delivery:?}");
        assert_eq!((stats.batches, stats.rows), (5, 5000), "{delivery:?}");
        // A column of numbers has one buffer, one of text with nulls has three.
        let buffer_stats = stats.buffer_stats;
        match delivery {
            Delivery::Copied => {
                assert_eq!((buffer_stats.inside, buffer_stats.outside), (0, 20));
                assert_eq!(stats.bytes_copied, stats.bytes);
                assert_eq!(stats.transport.copied, stats.bytes);
            }
            _ => {
                assert_eq!((buffer_stats.inside, buffer_stats.outside), (20, 0), "{delivery:?}");
                assert_eq!(stats.bytes_copied, 0, "{delivery:?}");
            }
        }
    }
}

#[test]
fn a_view_reads_in_place_and_counts_once() {
    let batch = numbers(0..100);
    let mut sender = Sender::new(batch.schema(), SenderConfig::new()).unwrap();
    let mut receiver = connect(&mut sender, Delivery::Pooled);
    sender.send(&batch).unwrap();
    let mut got = receiver.next_batch().unwrap().unwrap();
    let shared = got.shared_addresses();
    let view = got.view().unwrap();
    let column = view.column(0).unwrap().as_slice::<i64>().unwrap();
    assert!(shared.contains(&column.as_ptr().addr()));
    assert_eq!(column.iter().sum::<i64>(), 4950);
    let view = got.full_view().unwrap();
    assert_eq!(view.column(1).unwrap().as_bytes().unwrap().str(1), Some("row 1"));
    assert_eq!(got.into_record_batch().unwrap(), batch);
    let stats = receiver.stats();
    assert_eq!((stats.rows, stats.buffer_stats.inside), (100, 4), "three looks count once");
}

#[test]
fn arrays_keep_their_slots_and_give_them_back_from_any_thread() {
    let batch = numbers(0..100);
    let mut sender = Sender::new(batch.schema(), SenderConfig::new().slots(2, 64 << 10)).unwrap();
    let mut receiver = connect(&mut sender, Delivery::Pooled);
    sender.send(&batch).unwrap();
    sender.send(&batch).unwrap();
    let first = receiver.next_batch().unwrap().unwrap().into_record_batch().unwrap();
    let second = receiver.next_batch().unwrap().unwrap().into_record_batch().unwrap();
    sender.set_wait(Wait::sleeping(), Some(std::time::Duration::from_millis(1)));
    assert_eq!(sender.send(&batch), Err(SendError::TimedOut), "both slots are held");
    let column = second.column(0).clone();
    drop(second);
    assert_eq!(sender.send(&batch), Err(SendError::TimedOut), "a single column holds its slot too");
    sender.set_wait(Wait::sleeping(), None);
    std::thread::scope(|scope| {
        scope.spawn(|| drop(column));
        sender.send(&batch).unwrap();
    });
    assert_eq!(first, batch);
}

#[test]
fn a_batch_larger_than_the_pool_comes_in_slices() {
    for delivery in [Delivery::Pooled, Delivery::Copied] {
        let batch = numbers(0..20_000);
        let mut sender = Sender::new(batch.schema(), SenderConfig::new().slots(4, 16 << 10)).unwrap();
        let mut receiver = connect(&mut sender, delivery);
        let rows = std::thread::spawn(move || {
            let mut rows = Vec::new();
            while let Some(mut batch) = receiver.next_batch().unwrap() {
                let view = batch.view().unwrap();
                rows.extend_from_slice(view.column(0).unwrap().as_slice::<i64>().unwrap());
            }
            rows
        });
        sender.send(&batch).unwrap();
        let stats = sender.stats();
        assert_eq!((stats.rows, stats.split), (20_000, 1));
        assert!(stats.batches > 10 && stats.transport.high_water <= 4);
        drop(sender);
        assert!(rows.join().unwrap().into_iter().eq(0..20_000));
    }
}

#[test]
fn one_row_too_large_is_named() {
    let long = "x".repeat(100_000);
    let column: ArrayRef = Arc::new(StringArray::from(vec!["short", &long]));
    let batch = RecordBatch::try_from_iter([("text", column)]).unwrap();
    let mut sender = Sender::new(batch.schema(), SenderConfig::new().slots(4, 16 << 10)).unwrap();
    let _receiver = connect(&mut sender, Delivery::Pooled);
    let error = sender.send(&batch).unwrap_err();
    assert!(matches!(error, SendError::TooLarge { row: Some(1), most: 32_768, .. }), "{error}");
}

#[test]
fn dictionaries_are_sent_once_grown_and_replaced_and_who_joins_late_has_them() {
    for delivery in DELIVERIES {
        let first = coded(&["a", "b", "a"]);
        let config = SenderConfig::new();
        let mut sender = Sender::new(first.schema(), config).unwrap();
        let early = connect(&mut sender, delivery);
        let (early_delivery, early) = (early.delivery(), collect(early));
        sender.send(&first).unwrap();
        sender.send(&first).unwrap();
        assert_eq!(sender.stats().dictionaries, 1, "the very same dictionary goes once");
        sender.send(&coded(&["a", "b", "c"])).unwrap();
        assert_eq!(sender.stats().dictionaries, 2, "one more value goes as an addition");
        let late = collect(connect(&mut sender, delivery));
        assert_eq!(sender.stats().dictionaries, 3, "whole, and to the newcomer alone");
        sender.send(&coded(&["a", "b", "c", "c"])).unwrap();
        assert_eq!(sender.stats().dictionaries, 3);
        sender.send(&coded(&["z", "b"])).unwrap();
        drop(sender);
        let (batches, stats) = early.join().unwrap();
        let expected: [&[&str]; 5] =
            [&["a", "b", "a"], &["a", "b", "a"], &["a", "b", "c"], &["a", "b", "c", "c"], &["z", "b"]];
        assert_eq!(batches.iter().map(words).collect::<Vec<_>>(), expected, "{early_delivery:?}");
        assert_eq!(stats.dictionaries, 3);
        let copied = if delivery == Delivery::Sealed { 0 } else { stats.dictionary_bytes };
        assert_eq!(stats.dictionary_bytes_copied, copied, "{delivery:?}");
        let (batches, stats) = late.join().unwrap();
        assert_eq!(batches.iter().map(words).collect::<Vec<_>>(), expected[3..]);
        assert_eq!(stats.dictionaries, 2);
    }
}

#[test]
fn a_receiver_that_skips_never_misses_a_dictionary() {
    let mut sender = Sender::new(coded(&["a"]).schema(), SenderConfig::new().slots(32, 4096)).unwrap();
    sender.set_on_slow(OnSlow::Skip { quota: 2 });
    let mut receiver = connect(&mut sender, Delivery::Pooled);
    // A batch takes a slot, a dictionary another: the second batch is skipped, its dictionary is not.
    sender.send(&coded(&["a"])).unwrap();
    sender.send(&coded(&["b"])).unwrap();
    assert_eq!(sender.stats().skipped, 1);
    let first = receiver.next_batch().unwrap().unwrap().into_record_batch().unwrap();
    assert_eq!(words(&first), ["a"]);
    drop(first);
    // It has room again now, and reads with the dictionary that came meanwhile.
    assert!(matches!(
        receiver.next_batch_with(Wait::sleeping().at_most(std::time::Duration::ZERO)),
        Err(ReceiveError::TimedOut)
    ));
    assert_eq!(receiver.missed_so_far(), 0, "no gap has shown yet");
    sender.send(&coded(&["b"])).unwrap();
    assert_eq!(words(&receiver.next_batch().unwrap().unwrap().into_record_batch().unwrap()), ["b"]);
    assert_eq!(receiver.missed_so_far(), 1);
    // One that takes nothing more is cut off rather than misled.
    for word in ["c", "d", "e", "f", "g"] {
        let _ = sender.send(&coded(&[word]));
    }
    let mut seen = Vec::new();
    let end = loop {
        match receiver.next_batch() {
            Ok(Some(batch)) => seen.extend(words(&batch.into_record_batch().unwrap())),
            other => break other.map(|_| ()),
        }
    };
    assert_eq!(end, Err(ReceiveError::CutOff));
    assert_eq!(seen, ["c"]);
}

#[test]
fn batches_are_built_in_place_with_a_dictionary_set_beforehand() {
    let coded_type = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
    let schema = Schema::new(vec![
        Field::new("square", DataType::Int64, false),
        Field::new("parity", coded_type, false),
    ]);
    let mut sender = Sender::new(Arc::new(schema), SenderConfig::new()).unwrap();
    let receiver = collect(connect(&mut sender, Delivery::Pooled));
    let values: ArrayRef = Arc::new(StringArray::from(vec!["even", "odd"]));
    sender.set_dictionary(0, &values).unwrap();
    sender.set_dictionary(0, &values).unwrap();
    let wrong: ArrayRef = Arc::new(Int64Array::from(vec![1]));
    assert!(matches!(sender.set_dictionary(0, &wrong), Err(SendError::Encode(_))));
    assert!(matches!(sender.set_dictionary(1, &values), Err(SendError::Encode(_))));
    let shape = sender.shape(10, |_| 0).unwrap();
    sender
        .build(&shape, |fields| {
            let (mut squares, mut parity) = (fields.fixed::<Int64Type>()?, fields.keys::<Int32Type>(2)?);
            squares.fill_with(7, |row| (row * row) as i64)?;
            parity.fill_with(7, |row| row as i32 % 2)?;
            squares.finish()?;
            parity.finish()?;
            Ok(7)
        })
        .unwrap();
    drop(sender);
    let (batches, stats) = receiver.join().unwrap();
    assert_eq!((stats.rows, stats.dictionaries), (7, 1));
    let squares = batches[0].column(0).as_any().downcast_ref::<Int64Array>().unwrap();
    assert_eq!(squares.values(), &[0, 1, 4, 9, 16, 25, 36]);
    assert_eq!(words(&batches[0].project(&[1]).unwrap())[..3], ["even", "odd", "even"]);
}

#[test]
fn newcomers_are_let_in_while_the_sender_waits_for_room() {
    let path = std::env::temp_dir().join(format!("bowstring-table-{}.sock", std::process::id()));
    let path = path.as_os_str().as_encoded_bytes().to_owned();
    let batch = numbers(0..100);
    let mut sender = Sender::new(batch.schema(), SenderConfig::new().slots(2, 64 << 10)).unwrap();
    sender.listen(Listener::bind(&path).unwrap());
    let mut first = connect(&mut sender, Delivery::Pooled);
    sender.send(&batch).unwrap();
    sender.send(&batch).unwrap();
    std::thread::scope(|scope| {
        // The pool is full, and only this thread makes room, after the other receiver was accepted.
        scope.spawn(move || {
            let late = Connector::new(Deliveries::ANY).connect(&path[..]).unwrap();
            let mut late = Receiver::open(late).unwrap();
            assert_eq!(first.next_batch().unwrap().unwrap().into_record_batch().unwrap().num_rows(), 100);
            assert_eq!(late.next_batch().unwrap().unwrap().into_record_batch().unwrap().num_rows(), 100);
        });
        sender.send(&batch).unwrap();
    });
}

#[test]
fn waits_end_when_interrupted_and_tell_who_is_gone() {
    let batch = numbers(0..100);
    let mut sender = Sender::new(batch.schema(), SenderConfig::new().slots(1, 64 << 10)).unwrap();
    let interrupt = Interrupt::default();
    sender.interrupt_by(interrupt.clone());
    assert_eq!(sender.send(&batch), Err(SendError::NoReceiver(None)));
    let receiver = connect(&mut sender, Delivery::Pooled);
    sender.send(&batch).unwrap();
    interrupt.set();
    assert_eq!(sender.send(&batch), Err(SendError::Interrupted));
    assert!(matches!(sender.wait_for_receivers(2, None), Err(SetUpError::Interrupted)));
    drop(receiver);
    assert!(matches!(sender.send(&batch), Err(SendError::NoReceiver(Some(_)) | SendError::Interrupted)));
}

#[test]
fn a_greeting_that_is_no_schema_and_a_message_that_is_no_batch_are_errors() {
    use bowstring::transport::{HandshakeConfig, Label};
    let greet = |greeting: &[u8]| {
        let (here, there) = socket_pair().unwrap();
        let incoming = std::thread::spawn(move || Connector::new(Deliveries::SLOTS).connect(there).unwrap());
        let mut sender = SenderConfig::new().build().unwrap();
        sender.accept(here, &HandshakeConfig::new(greeting)).unwrap();
        (sender, incoming.join().unwrap())
    };
    for greeting in [&b""[..], b"hello", &[0xff; 64]] {
        let (_sender, incoming) = greet(greeting);
        assert!(matches!(Receiver::open(incoming), Err(SetUpError::Greeting(_))));
    }
    let plan = bowstring::codec::Plan::new(numbers(0..1).schema()).unwrap();
    let (mut sender, incoming) = greet(plan.schema_message());
    let mut receiver = Receiver::open(incoming).unwrap();
    let mut put = |tag, bytes: &[u8]| {
        let mut loan = sender.loan(bytes.len()).unwrap();
        loan.copy_from_slice(bytes);
        loan.commit_as(bytes.len(), Label { tag, ..Label::default() }).unwrap();
    };
    put(7, b"");
    put(1, b"garbage!");
    put(2, plan.schema_message());
    put(2, &[0; 200]);
    assert!(matches!(receiver.next_batch(), Err(ReceiveError::UnknownTag { message: 1, tag: 7 })));
    assert!(matches!(receiver.next_batch(), Err(ReceiveError::Malformed { message: 2, .. })));
    for message in [3, 4] {
        let mut batch = receiver.next_batch().unwrap().unwrap();
        assert!(matches!(batch.view(), Err(ReceiveError::Malformed { message: m, .. }) if m == message));
        let error = batch.into_record_batch().unwrap_err();
        assert!(matches!(error, ReceiveError::Malformed { message: m, .. } if m == message), "{error}");
    }
    assert_eq!(receiver.stats().rows, 0);
}

#[test]
fn a_latecomer_knows_what_went_before_it() {
    for delivery in DELIVERIES {
        let batch = numbers(0..10);
        let mut sender = Sender::new(batch.schema(), SenderConfig::new().slots(8, 64 << 10)).unwrap();
        let first = connect(&mut sender, delivery);
        assert_eq!(first.missed_before(), Missed::default(), "{delivery:?}");
        let first = collect(first);
        for _ in 0..3 {
            sender.send(&batch).unwrap();
        }
        let late = connect(&mut sender, delivery);
        assert_eq!(late.missed_before(), Missed { batches: 3, rows: 30 }, "{delivery:?}");
        let late = collect(late);
        sender.send(&batch).unwrap();
        drop(sender);
        assert_eq!(first.join().unwrap().1.rows, 40, "{delivery:?}");
        assert_eq!(late.join().unwrap().1.rows, 10, "{delivery:?}");
    }
}

#[test]
fn a_sender_that_breaks_off_says_why() {
    // Cut between characters after 96 bytes.
    let long = "é".repeat(100);
    for (how, said, heard) in [
        (BreakOff::Failed, "line 7: not a number", "line 7: not a number"),
        (BreakOff::Interrupted, "", ""),
        (BreakOff::Failed, &*long, &long[..96]),
    ] {
        for delivery in DELIVERIES {
            let batch = numbers(0..10);
            let mut sender = Sender::new(batch.schema(), SenderConfig::new().slots(8, 64 << 10)).unwrap();
            let mut receiver = connect(&mut sender, delivery);
            sender.send(&batch).unwrap();
            sender.abandon_with(how, said);
            assert!(receiver.next_batch().unwrap().is_some(), "{delivery:?}: what was committed comes first");
            for _ in 0..2 {
                let end = receiver.next_batch().expect_err("it did not end well");
                assert_eq!(end, ReceiveError::BrokenOff { how, reason: heard.into() }, "{delivery:?}");
            }
        }
    }
}
