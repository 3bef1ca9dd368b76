//! This project's contenders: a table's sender and its receiver, in each way of using them.
#![allow(unsafe_code)]

use arrow_array::types::Int64Type;
use bowstring::codec::{Encoder, Plan, Shape};
use bowstring::transport::{Connector, Deliveries, Delivery, Opened, SenderConfig, Wait};
use bowstring::{Batch, TableReceiver, TableSender};

use super::turns::{End, Gives, Link, Takes};
use super::work::{self, Work};

struct Giver {
    sender: TableSender,
    work: &'static Work,
    /// Of batches that are produced in place.
    shape: Option<Shape>,
}

fn giver(
    link: &Link,
    work: &'static Work,
    config: SenderConfig,
    delivery: Delivery,
    wait: Wait,
) -> Option<Box<dyn Gives>> {
    let config = config.deliveries(Deliveries::only(delivery));
    let mut sender = TableSender::new(work.batch.schema(), config).expect("a schema that can be sent");
    sender.set_wait(wait, None);
    sender.accept_socket(link.packets(End::Gives)).expect("the two processes meet");
    let shape = || sender.shape(work.batch.num_rows(), |_| 0).expect("a shape that fits memory");
    let shape = work.is_produced().then(shape);
    Some(Box::new(Giver { sender, work, shape }))
}

/// Configures a pool for as many batches as the floor's ring holds.
fn fitting(work: &Work) -> SenderConfig {
    let plan = Plan::new(work.batch.schema()).expect("a schema that can be planned");
    let len = Encoder::new(plan).encoded_len(&work.batch).expect("a batch of the plan");
    SenderConfig::new().slots(work.slots() as u32, len.next_multiple_of(4096))
}

pub(super) fn pooled(link: &Link, work: &'static Work) -> Option<Box<dyn Gives>> {
    giver(link, work, fitting(work), Delivery::Pooled, Wait::spinning())
}

pub(super) fn pooled_asleep(link: &Link, work: &'static Work) -> Option<Box<dyn Gives>> {
    giver(link, work, fitting(work), Delivery::Pooled, Wait::sleeping())
}

/// With the default pool: large batches go in slices.
pub(super) fn default_pool(link: &Link, work: &'static Work) -> Option<Box<dyn Gives>> {
    giver(link, work, SenderConfig::new(), Delivery::Pooled, Wait::spinning())
}

pub(super) fn copied(link: &Link, work: &'static Work) -> Option<Box<dyn Gives>> {
    giver(link, work, fitting(work), Delivery::Copied, Wait::spinning())
}

pub(super) fn sealed(link: &Link, work: &'static Work) -> Option<Box<dyn Gives>> {
    giver(link, work, SenderConfig::new(), Delivery::Sealed, Wait::spinning())
}

impl Gives for Giver {
    fn give(&mut self, number: u64) {
        let rows = self.work.batch.num_rows();
        let sent = match &self.shape {
            None => self.sender.send(&self.work.batch),
            Some(shape) => self.sender.build(shape, |fields| {
                for _ in 0..work::COLUMNS {
                    let mut column = fields.fixed::<Int64Type>()?;
                    column.fill_with(rows, |row| work::value(row, number))?;
                    column.finish()?;
                }
                Ok(rows)
            }),
        };
        sent.expect("a receiver");
    }
}

/// The way in which a taker reads a batch.
type Look = fn(Batch<'_>) -> (u64, usize);

struct Taker {
    receiver: TableReceiver,
    wait: Wait,
    look: Look,
    rows: usize,
}

fn taker(link: &Link, work: &Work, delivery: Delivery, wait: Wait, look: Look) -> Option<Box<dyn Takes>> {
    let meeting = Connector::new(Deliveries::only(delivery));
    let incoming = meeting.connect(link.packets(End::Takes)).expect("the two processes meet");
    let receiver = match delivery {
        Delivery::Pooled => {
            // SAFETY: the other process runs `giver`, which leaves published slots alone.
            let receiver = unsafe { incoming.pooled() }.expect("pooled delivery");
            TableReceiver::from_opened(Opened::Pooled(receiver))
        }
        _ => TableReceiver::open(incoming),
    };
    let receiver = receiver.expect("a table");
    Some(Box::new(Taker { receiver, wait, look, rows: work.batch.num_rows() }))
}

/// As a view of the memory it came in, checked in full.
fn view(mut batch: Batch<'_>) -> (u64, usize) {
    let view = batch.full_view().expect("our own batch");
    (view.columns().flat_map(|column| column.buffers()).fold(0, add), view.num_rows())
}

/// The same with only the structure checked.
fn structure(mut batch: Batch<'_>) -> (u64, usize) {
    let view = batch.view().expect("our own batch");
    (view.columns().flat_map(|column| column.buffers()).fold(0, add), view.num_rows())
}

fn add(total: u64, buffer: &[u8]) -> u64 {
    total.wrapping_add(work::sum(buffer))
}

/// As Arrow arrays over the memory it came in.
fn arrays(batch: Batch<'_>) -> (u64, usize) {
    let batch = batch.into_record_batch().expect("our own batch");
    (work::sum_batch(&batch), batch.num_rows())
}

pub(super) fn views(link: &Link, work: &Work) -> Option<Box<dyn Takes>> {
    taker(link, work, Delivery::Pooled, Wait::spinning(), view)
}

pub(super) fn structures(link: &Link, work: &Work) -> Option<Box<dyn Takes>> {
    taker(link, work, Delivery::Pooled, Wait::spinning(), structure)
}

pub(super) fn views_asleep(link: &Link, work: &Work) -> Option<Box<dyn Takes>> {
    taker(link, work, Delivery::Pooled, Wait::sleeping(), view)
}

pub(super) fn record_batches(link: &Link, work: &Work) -> Option<Box<dyn Takes>> {
    taker(link, work, Delivery::Pooled, Wait::spinning(), arrays)
}

pub(super) fn copied_views(link: &Link, work: &Work) -> Option<Box<dyn Takes>> {
    taker(link, work, Delivery::Copied, Wait::spinning(), view)
}

pub(super) fn sealed_views(link: &Link, work: &Work) -> Option<Box<dyn Takes>> {
    taker(link, work, Delivery::Sealed, Wait::spinning(), view)
}

impl Takes for Taker {
    fn take(&mut self) -> u64 {
        let (mut total, mut rows) = (0_u64, 0);
        // One that was sent in slices is taken as a whole.
        while rows < self.rows {
            let batch = self.receiver.next_batch_with(self.wait).expect("a sender").expect("a batch");
            let (sum, more) = (self.look)(batch);
            total = total.wrapping_add(sum);
            rows += more;
        }
        total
    }
}
