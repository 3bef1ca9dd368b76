//! Kept messages reach receivers that connect later: first the last messages, then everything, without gap or
//! repetition.

// checks: history

use std::sync::Arc;
use std::thread::JoinHandle;

use arrow_array::cast::AsArray;
use arrow_array::types::{Int32Type, Int64Type};
use arrow_array::{ArrayRef, DictionaryArray, Int32Array, Int64Array, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema};
use bowstring::transport::{Connector, Deliveries, Delivery, SenderConfig, socket_pair};
use bowstring::{Receiver, Sender};

const DELIVERIES: [Delivery; 3] = [Delivery::Pooled, Delivery::Copied, Delivery::Sealed];

/// Returns a row of the batch with this number: its number, and a word of a dictionary that grows at odd numbers and
/// is replaced at every fourth.
fn row(number: i64) -> (i64, String) {
    (number, format!("{}-{}", number / 4, number % 4))
}

fn batch(number: i64) -> RecordBatch {
    let words: StringArray = (0..=number % 4).map(|word| Some(format!("{}-{word}", number / 4))).collect();
    let words =
        DictionaryArray::<Int32Type>::new(Int32Array::from(vec![(number % 4) as i32]), Arc::new(words));
    let numbers = Arc::new(Int64Array::from(vec![number])) as ArrayRef;
    RecordBatch::try_from_iter([("n", numbers), ("w", Arc::new(words) as ArrayRef)]).unwrap()
}

fn rows(batch: &RecordBatch) -> (i64, String) {
    let words = batch.column(1).as_dictionary::<Int32Type>();
    let words = words.downcast_dict::<StringArray>().unwrap();
    (batch.column(0).as_primitive::<Int64Type>().value(0), words.into_iter().next().flatten().unwrap().into())
}

/// Returns a receiver that takes everything, on its own thread.
fn join(sender: &mut Sender, delivery: Delivery) -> JoinHandle<Vec<(i64, String)>> {
    let (here, there) = socket_pair().unwrap();
    let receiving = std::thread::spawn(move || {
        let incoming = Connector::new(Deliveries::only(delivery)).connect(there).unwrap();
        // SAFETY: the sender is this test's, which does not write to leased slots.
        #[allow(unsafe_code)]
        let opened = unsafe { incoming.open() }.unwrap();
        let receiver = Receiver::from_opened(opened).unwrap();
        receiver.map(|batch| rows(&batch.unwrap())).collect()
    });
    sender.accept_socket(here).unwrap();
    receiving
}

fn expected(numbers: std::ops::Range<i64>) -> Vec<(i64, String)> {
    numbers.map(row).collect()
}

#[test]
fn who_comes_late_gets_what_is_kept_and_then_everything() {
    for first in DELIVERIES {
        for second in DELIVERIES {
            for keep in [1, 3, 40] {
                let config = SenderConfig::new().slots(8, 4096);
                let mut sender = Sender::new(batch(0).schema(), config).unwrap();
                sender.set_keep(keep);
                let oldest = |sent: i64| (sent - keep as i64).max(0);
                (0..30).for_each(|number| sender.send(&batch(number)).unwrap());
                let one = join(&mut sender, first);
                (30..50).for_each(|number| sender.send(&batch(number)).unwrap());
                let two = join(&mut sender, second);
                (50..60).for_each(|number| sender.send(&batch(number)).unwrap());
                drop(sender);
                assert_eq!(one.join().unwrap(), expected(oldest(30)..60), "{first:?}, keep {keep}");
                assert_eq!(two.join().unwrap(), expected(oldest(50)..60), "{second:?}, keep {keep}");
            }
        }
    }
}

#[test]
fn without_a_receiver_nothing_is_kept_unless_asked_for() {
    let mut sender = Sender::new(batch(0).schema(), SenderConfig::new()).unwrap();
    assert!(sender.send(&batch(0)).is_err());
    sender.set_keep(1);
    sender.send(&batch(0)).unwrap();
    let one = join(&mut sender, Delivery::Sealed);
    drop(sender);
    assert_eq!(one.join().unwrap(), expected(0..1));
}

#[test]
fn what_is_built_in_place_is_kept_too() {
    let schema = Arc::new(Schema::new(vec![Field::new("n", DataType::Int64, false)]));
    for delivery in DELIVERIES {
        let mut sender = Sender::new(schema.clone(), SenderConfig::new().slots(4, 4096)).unwrap();
        sender.set_keep(2);
        let shape = sender.shape(3, |_| 0).unwrap();
        let build = |sender: &mut Sender, number: i64| {
            sender
                .build(&shape, |fields| {
                    let mut numbers = fields.fixed::<Int64Type>()?;
                    numbers.fill_with(3, |row| number * 10 + row as i64)?;
                    numbers.finish()?;
                    Ok(3)
                })
                .unwrap();
        };
        let join = |sender: &mut Sender| {
            let (here, there) = socket_pair().unwrap();
            let receiving = std::thread::spawn(move || {
                let incoming = Connector::new(Deliveries::only(delivery)).connect(there).unwrap();
                let receiver = Receiver::open(incoming).unwrap();
                let numbers = receiver.map(|batch| batch.unwrap());
                numbers
                    .flat_map(|b| b.column(0).as_primitive::<Int64Type>().values().to_vec())
                    .collect::<Vec<_>>()
            });
            sender.accept_socket(here).unwrap();
            receiving
        };
        (0..3).for_each(|number| build(&mut sender, number));
        let one = join(&mut sender);
        build(&mut sender, 3);
        let two = join(&mut sender);
        drop(sender);
        assert_eq!(one.join().unwrap(), [10, 11, 12, 20, 21, 22, 30, 31, 32], "{delivery:?}");
        assert_eq!(two.join().unwrap(), [20, 21, 22, 30, 31, 32], "{delivery:?}");
    }
}
