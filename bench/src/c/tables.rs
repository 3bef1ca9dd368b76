//! A table of one column of 64-bit numbers there, and one row of it back.
#![allow(unsafe_code)]

use std::ffi::CString;
use std::sync::Arc;
use std::time::Duration;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Int64Array, RecordBatch};
use arrow_schema::{DataType, Field, Schema};
use bowstring::transport::{Connector, Deliveries, Delivery, Endpoint, Listener, Opened, SenderConfig};
use bowstring::{TableReceiver, TableSender};

use super::{Played, library};
use crate::handoff::process::Pair;
use crate::handoff::{End, Load, PingPong};

/// Room for four batches, in slots of the usual size, for either language.
const SLOT: usize = 64 << 10;

fn slots(load: Load) -> u32 {
    (4 * (load.len / SLOT + 1)) as u32
}

/// The abstract names that the two ends listen at, this end's first.
fn names(end: End, pair: &Pair) -> [String; 2] {
    let name = |end| format!("{}-{end:?}", pair.name);
    match end {
        End::Asks => [name(End::Asks), name(End::Answers)],
        End::Answers => [name(End::Answers), name(End::Asks)],
    }
}

pub(super) fn c(end: End, pair: &Pair, load: Load) -> Option<Box<dyn PingPong>> {
    let names = names(end, pair).map(|name| CString::new(format!("@{name}")).expect("no zeroes"));
    let library = library::load();
    let asks = i32::from(end == End::Asks);
    let at = library.open_tables(asks, [&names[0], &names[1]], load.len / 8, slots(load), SLOT);
    Some(Box::new(Played { at, functions: &library.tables }))
}

struct Rust {
    sender: TableSender,
    receiver: TableReceiver,
    batch: RecordBatch,
}

pub(super) fn rust(end: End, pair: &Pair, load: Load) -> Option<Box<dyn PingPong>> {
    let [own, others] = names(end, pair);
    let schema = Arc::new(Schema::new(vec![Field::new("n", DataType::Int64, false)]));
    let values = Int64Array::from_iter_values(0..(load.len / 8) as i64);
    let batch = RecordBatch::try_new(schema.clone(), vec![Arc::new(values)]).expect("a batch of the schema");
    let config = SenderConfig::new().slots(slots(load), SLOT).deliveries(Deliveries::only(Delivery::Pooled));
    let mut sender = TableSender::new(schema, config).expect("a schema that can be sent");
    sender.listen(Listener::bind_abstract(own.as_bytes()).expect("a name that is free"));
    if end == End::Asks {
        sender.wait_for_receivers(1, None).expect("the other end comes");
    }
    let receiver = connect(&others);
    if end == End::Answers {
        sender.wait_for_receivers(1, None).expect("the other end comes");
    }
    Some(Box::new(Rust { sender, receiver, batch }))
}

fn connect(name: &str) -> TableReceiver {
    let socket = loop {
        match Endpoint::Abstract(name.as_bytes()).open(Duration::from_secs(2)) {
            Ok(socket) => break socket,
            // The other end is about to listen.
            Err(_) => std::thread::sleep(Duration::from_millis(1)),
        }
    };
    let incoming = Connector::new(Deliveries::only(Delivery::Pooled)).connect(socket);
    // SAFETY: the other process runs this same code, which leaves published slots alone.
    let receiver = unsafe { incoming.expect("the two ends meet").pooled() }.expect("pooled delivery");
    TableReceiver::from_opened(Opened::Pooled(receiver)).expect("a table")
}

impl Rust {
    fn take(&mut self) {
        let batch = self.receiver.next_batch().expect("a batch").expect("no end");
        let batch = batch.into_record_batch().expect("our own batch");
        let values = batch.column(0).as_primitive::<Int64Type>().values();
        std::hint::black_box(values.iter().fold(0_i64, |sum, value| sum.wrapping_add(*value)));
    }
}

impl PingPong for Rust {
    fn ping(&mut self) {
        self.sender.send(&self.batch).expect("a receiver");
        self.take();
    }
    fn pong(&mut self) {
        self.take();
        self.sender.send(&self.batch.slice(0, 1)).expect("a receiver");
    }
}
