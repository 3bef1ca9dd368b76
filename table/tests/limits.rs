//! Messages that claim more than their bytes pay for, and messages with bytes after them: refused through every
//! delivery, before anything is built.

// checks: rows-bounded
#![allow(unsafe_code)]
use std::sync::Arc;

use arrow_schema::{DataType, Field, Fields, Schema};
use bowstring::codec::decode::{BatchFault, FrameFault, ReadError};
use bowstring::codec::{Encoder, Plan};
use bowstring::transport::{
    Connector, Deliveries, Delivery, HandshakeConfig, Label, Sender, SenderConfig, socket_pair,
};
use bowstring::{Limits, ReceiveError, Receiver, protocol};

const DELIVERIES: [Delivery; 3] = [Delivery::Pooled, Delivery::Copied, Delivery::Sealed];

/// Returns a bare sender that greets with this schema, and a receiver of tables.
fn connect(delivery: Delivery, plan: &Plan) -> (Sender, Receiver) {
    let (here, there) = socket_pair().unwrap();
    let incoming =
        std::thread::spawn(move || Connector::new(Deliveries::only(delivery)).connect(there).unwrap());
    let mut sender = SenderConfig::new().build().unwrap();
    sender.accept(here, &HandshakeConfig::new(plan.schema_message())).unwrap();
    // SAFETY: the sender is this test's, which does not write to leased slots.
    let opened = unsafe { incoming.join().unwrap().open() }.unwrap();
    (sender, Receiver::from_opened(opened).unwrap())
}

fn put(sender: &mut Sender, bytes: &[u8]) {
    let mut loan = sender.loan(bytes.len()).unwrap();
    loan.copy_from_slice(bytes);
    loan.commit_as(bytes.len(), Label { tag: protocol::BATCH, ..Label::default() }).unwrap();
}

/// Columns whose rows take up no bytes.
fn free_types() -> [DataType; 5] {
    let item = || Arc::new(Field::new("item", DataType::Null, true));
    [
        DataType::Null,
        DataType::Struct(Fields::empty()),
        DataType::Struct(Fields::from(vec![Field::new("x", DataType::Null, true)])),
        DataType::FixedSizeBinary(0),
        DataType::FixedSizeList(item(), 1),
    ]
}

fn plan(data_type: DataType) -> Arc<Plan> {
    Plan::new(Arc::new(Schema::new(vec![Field::new("a", data_type, true)]))).unwrap()
}

/// Returns a message of an honest encoder, made to claim other rows: every number in it that is `ROWS`.
fn claiming(plan: &Arc<Plan>, rows: u64) -> Vec<u8> {
    const ROWS: u64 = 1_234_567;
    let batch = arrow_array::RecordBatch::new_empty(plan.schema().clone());
    let columns = batch.columns().iter().map(|column| {
        let empty = column.to_data();
        let data = empty.clone().into_builder().len(ROWS as usize);
        let children = empty
            .child_data()
            .iter()
            .map(|child| child.clone().into_builder().len(ROWS as usize).build().unwrap());
        arrow_array::make_array(data.child_data(children.collect()).build().unwrap())
    });
    let batch = arrow_array::RecordBatch::try_new(plan.schema().clone(), columns.collect()).unwrap();
    let mut encoder = Encoder::new(plan.clone());
    let mut memory = arrow_buffer::MutableBuffer::from_len_zeroed(encoder.encoded_len(&batch).unwrap());
    encoder.encode(&batch, memory.as_slice_mut()).unwrap();
    let mut message = memory.as_slice().to_vec();
    let mut found = 0;
    for at in (0..message.len() - 7).step_by(4) {
        if message[at..at + 8] == ROWS.to_le_bytes() {
            message[at..at + 8].copy_from_slice(&rows.to_le_bytes());
            found += 1;
        }
    }
    assert!(found >= 2, "the batch and its column say how many rows there are");
    message
}

#[test]
fn a_small_message_cannot_claim_what_a_large_one_could_not_hold() {
    for delivery in DELIVERIES {
        for data_type in free_types() {
            let plan = plan(data_type.clone());
            let (mut sender, mut receiver) = connect(delivery, &plan);
            put(&mut sender, &claiming(&plan, 10_000_000));
            for rows in [1 << 35, 1 << 40] {
                put(&mut sender, &claiming(&plan, rows));
            }
            let batch = receiver.next_batch().unwrap().unwrap().into_record_batch().unwrap();
            assert_eq!(batch.num_rows(), 10_000_000, "{data_type}");
            for (message, rows) in [(2, 1 << 35), (3, 1 << 40)] {
                let mut batch = receiver.next_batch().unwrap().unwrap();
                let Err(ReceiveError::Malformed { message: number, error }) = batch.view() else {
                    panic!("{data_type} of {rows} rows as a view, {delivery:?}");
                };
                assert_eq!(number, message);
                assert!(matches!(error, ReadError::Batch(BatchFault::TooManyRows { rows: claimed, .. })
                    if claimed >= rows));
                assert_eq!(
                    batch.into_record_batch().unwrap_err(),
                    ReceiveError::Malformed { message, error },
                    "{data_type} of {rows} rows, {delivery:?}"
                );
            }
        }
    }
}

#[test]
fn the_limit_is_the_receivers_to_set() {
    let plan = plan(DataType::Null);
    let (mut sender, mut receiver) = connect(Delivery::Pooled, &plan);
    receiver.set_limits(Limits { rows: 1 << 40, ..Limits::default() });
    put(&mut sender, &claiming(&plan, 1 << 40));
    let batch = receiver.next_batch().unwrap().unwrap().into_record_batch().unwrap();
    assert_eq!(batch.num_rows(), 1 << 40);
}

#[test]
fn bytes_behind_a_message_are_refused() {
    for delivery in DELIVERIES {
        let plan = plan(DataType::Null);
        let (mut sender, mut receiver) = connect(delivery, &plan);
        let message = claiming(&plan, 5);
        let len = message.len();
        for behind in [1, 8, 4096] {
            put(&mut sender, &[&message[..], &vec![0; behind]].concat());
        }
        put(&mut sender, &message);
        for (number, behind) in [(1, 1), (2, 8), (3, 4096)] {
            let fault = FrameFault::TrailingBytes { message: len, present: len + behind };
            let error = ReadError::Frame { at: len, fault };
            let batch = receiver.next_batch().unwrap().unwrap();
            let error = ReceiveError::Malformed { message: number, error };
            assert_eq!(batch.into_record_batch().unwrap_err(), error, "{delivery:?}");
        }
        assert_eq!(receiver.next_batch().unwrap().unwrap().into_record_batch().unwrap().num_rows(), 5);
    }
}
