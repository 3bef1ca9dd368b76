//! The hot path allocates nothing: counted by the allocator, on both sides.

// checks: table-heap-free
#![allow(unsafe_code)]

use std::sync::Arc;

use arrow_array::types::Int64Type;
use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema};
use bowstring::allocations::{self, Counting};
use bowstring::transport::{Connector, Deliveries, Delivery, SenderConfig, socket_pair};
use bowstring::{Receiver, Sender};
use bowstring_codec::testing::{self, Source};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn batch() -> RecordBatch {
    let text: StringArray = (0..1000).map(|n| (n % 3 != 0).then(|| format!("row {n}"))).collect();
    let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(0..1000));
    RecordBatch::try_from_iter([("n", numbers), ("text", Arc::new(text))]).unwrap()
}

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

#[test]
fn sending_and_viewing_take_no_heap_from_the_second_batch_on() {
    for delivery in [Delivery::Pooled, Delivery::Copied, Delivery::Sealed] {
        let batch = batch();
        let mut sender = Sender::new(batch.schema(), SenderConfig::new()).unwrap();
        let mut receiver = connect(&mut sender, delivery);
        for round in 0..20 {
            let ((), sent) = allocations::count(|| sender.send(&batch).unwrap());
            let ((), received) = allocations::count(|| {
                let mut batch = receiver.next_batch().unwrap().unwrap();
                let view = batch.full_view().unwrap();
                assert_eq!(view.column(0).unwrap().as_slice::<i64>().unwrap()[999], 999);
            });
            assert!(
                round == 0 || (sent, received) == (0, 0),
                "{delivery:?}: {sent} sent, {received} received"
            );
        }
        // The counters of the ends agree.
        assert_eq!(sender.stats().hot_allocations, 0);
        assert_eq!(receiver.stats().hot_allocations, 0);
        // And the counter does count: arrays are heap objects.
        sender.send(&batch).unwrap();
        receiver.next_batch().unwrap().unwrap().into_record_batch().unwrap();
        assert!(receiver.stats().array_allocations > 0);
    }
}

/// Returns a batch of 50 rows with one column.
fn of_type(data_type: DataType) -> RecordBatch {
    let bytes: Vec<u8> = (0..200_u8).map(|i| i.wrapping_mul(7)).collect();
    let schema = Arc::new(Schema::new(vec![Field::new("c", data_type, true)]));
    testing::batch_of(&mut Source::new(&bytes), &schema, 50)
}

#[test]
fn every_type_goes_through_every_delivery_without_heap() {
    let types = testing::every_type();
    for delivery in [Delivery::Pooled, Delivery::Copied, Delivery::Sealed] {
        for data_type in &types {
            let batch = of_type(data_type.clone());
            let mut sender = Sender::new(batch.schema(), SenderConfig::new().slots(8, 64 << 10)).unwrap();
            let mut receiver = connect(&mut sender, delivery);
            for round in 0..5 {
                let ((), sent) = allocations::count(|| sender.send(&batch).unwrap());
                let (touched, received) = allocations::count(|| {
                    let mut batch = receiver.next_batch().unwrap().unwrap();
                    testing::touch(&batch.full_view().unwrap())
                });
                std::hint::black_box(touched);
                assert!(
                    round == 0 || (sent, received) == (0, 0),
                    "{delivery:?}, {data_type}: {sent} sent, {received} received"
                );
            }
            assert_eq!((sender.stats().hot_allocations, receiver.stats().hot_allocations), (0, 0));
        }
    }
    println!("{} types in each delivery without heap", types.len());
}

#[test]
fn building_in_place_takes_no_heap() {
    let batch = batch().project(&[0]).unwrap();
    let mut sender = Sender::new(batch.schema(), SenderConfig::new()).unwrap();
    let mut receiver = connect(&mut sender, Delivery::Pooled);
    let shape = sender.shape(1000, |_| 0).unwrap();
    for _ in 0..20 {
        let ((), count) = allocations::count(|| {
            sender
                .build(&shape, |fields| {
                    let mut numbers = fields.fixed::<Int64Type>()?;
                    numbers.fill_with(1000, |row| row as i64)?;
                    numbers.finish()?;
                    Ok(1000)
                })
                .unwrap();
        });
        assert_eq!(count, 0);
        assert_eq!(receiver.next_batch().unwrap().unwrap().view().unwrap().num_rows(), 1000);
    }
}
