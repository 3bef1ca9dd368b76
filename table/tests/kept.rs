//! Arrays that are kept leave the sender enough of its pool to go on with, and nothing of them changes.

use std::sync::Arc;
use std::time::Duration;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{ArrayRef, Int64Array, RecordBatch};
use bowstring::transport::{Deliveries, Delivery, SenderConfig, Wait, socket_pair};
use bowstring::{Keep, Kept, Merge, Receiver, Sender};

const DELIVERIES: [Delivery; 3] = [Delivery::Pooled, Delivery::Copied, Delivery::Sealed];

fn batch(value: i64) -> RecordBatch {
    let column = Arc::new(Int64Array::from_iter_values(std::iter::repeat_n(value, 500))) as ArrayRef;
    RecordBatch::try_from_iter([("n", column)]).unwrap()
}

/// A sender whose pool has room for eight batches.
fn pair(delivery: Delivery) -> (Sender, Receiver) {
    let mut sender = Sender::new(batch(0).schema(), SenderConfig::new().slots(16, 4096)).unwrap();
    sender.set_wait(Wait::sleeping(), Some(Duration::from_secs(60)));
    let (here, there) = socket_pair().unwrap();
    let receiver = Receiver::builder().deliveries(Deliveries::only(delivery));
    let receiver = receiver.connect_socket_in_background(there).unwrap();
    sender.accept_socket(here).unwrap();
    (sender, receiver.wait(Duration::from_secs(60)).unwrap().unwrap())
}

fn assert_is(kept: &Kept, value: i64) {
    assert_eq!(kept.batch, batch(value));
    let column = kept.batch.column(0).as_primitive::<Int64Type>();
    let at = column.values().as_ptr().addr();
    assert_eq!(kept.shared.contains(&at), !kept.shared.is_empty(), "lies where it is said to");
}

#[test]
fn more_than_the_pool_can_be_kept() {
    for delivery in DELIVERIES {
        for keep in [Keep::Some, Keep::All] {
            let (mut sender, mut receiver) = pair(delivery);
            let mut all = Vec::new();
            for value in 0..40 {
                sender.send(&batch(value)).unwrap();
                all.push(receiver.next_batch().unwrap().unwrap().into_kept(keep).unwrap());
            }
            (0..).zip(&all).for_each(|(value, kept)| assert_is(kept, value));
            let in_place = all.iter().filter(|kept| !kept.shared.is_empty()).count();
            let expected = match (delivery, keep) {
                // Half of the slots, of which each batch takes two.
                (Delivery::Pooled, Keep::Some) => 4..=4,
                (Delivery::Sealed, _) => 40..=40,
                _ => 0..=0,
            };
            assert!(expected.contains(&in_place), "{delivery:?} {keep:?}: {in_place}");
            let said = all.iter().filter(|kept| kept.held.is_some()).count();
            assert_eq!(
                said,
                if in_place < 40 && in_place > 0 { 40 - in_place } else { 0 },
                "{delivery:?} {keep:?}"
            );
            drop(all);
            assert_eq!((receiver.outstanding().messages(), receiver.outstanding().bytes()), (0, 0));
        }
    }
}

#[test]
fn slots_that_are_nearly_empty_count_whole() {
    let tiny = batch(7).slice(0, 1);
    let (mut sender, mut receiver) = pair(Delivery::Pooled);
    let mut all = Vec::new();
    for _ in 0..40 {
        sender.send(&tiny).unwrap();
        all.push(receiver.next_batch().unwrap().unwrap().into_kept(Keep::Some).unwrap());
    }
    assert_eq!(all.iter().filter(|kept| !kept.shared.is_empty()).count(), 8);
    assert!(all.iter().all(|kept| kept.batch == tiny));
}

#[test]
fn more_than_the_pools_of_several_senders_can_be_kept() {
    for delivery in DELIVERIES {
        let (mut senders, receivers): (Vec<_>, Vec<_>) = (0..2).map(|_| pair(delivery)).unzip();
        let mut merge = Merge::new(["a", "b"].into_iter().zip(receivers)).unwrap();
        let mut all = Vec::new();
        for value in 0..80 {
            senders[value as usize % 2].send(&batch(value)).unwrap();
            let arrived = merge.next_kept(Some(Duration::from_secs(60)), Keep::Some).unwrap().unwrap();
            assert_eq!(arrived.place as i64, value % 2);
            all.push(arrived.kept);
        }
        (0..).zip(&all).for_each(|(value, kept)| assert_is(kept, value));
        let held: usize = merge.sources().iter().map(|source| source.outstanding().messages()).sum();
        assert_eq!(held, all.iter().filter(|kept| !kept.shared.is_empty()).count(), "{delivery:?}");
        drop(all);
        assert!(merge.sources().iter().all(|source| source.outstanding().bytes() == 0));
    }
}
