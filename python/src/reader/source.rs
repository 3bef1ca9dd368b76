//! One writer or several, as one source of batches.

use std::sync::Arc;
use std::time::Duration;

use arrow_schema::SchemaRef;
use bowstring::transport::{Delivery, Wait};
use bowstring::{
    Keep, Kept, Merge, MergeError, MergeSource, Missed, Outstanding, ReceiveError, Receiver, ReceiverStats,
};

/// The writers.
pub(super) enum Source {
    One(Box<Receiver>),
    Several(Box<Merge>),
}

/// The state of a source, for the time after it too.
#[derive(Clone)]
pub(super) struct Summary {
    pub(super) schema: SchemaRef,
    pub(super) writers: Vec<OneWriter>,
    pub(super) stats: ReceiverStats,
    pub(super) skipped: u64,
    /// Bytes of the pools.
    pub(super) pool: usize,
}

/// One of the writers.
#[derive(Clone)]
pub(super) struct OneWriter {
    pub(super) name: Option<String>,
    pub(super) pid: i32,
    pub(super) delivery: Delivery,
    pub(super) before: Missed,
    pub(super) outstanding: Arc<Outstanding>,
}

/// An error of a source.
#[derive(Debug)]
pub(super) enum SourceError {
    One(ReceiveError),
    Several(MergeError),
}

impl Source {
    pub(super) fn schema(&self) -> &SchemaRef {
        match self {
            Source::One(receiver) => receiver.schema(),
            Source::Several(merge) => merge.schema(),
        }
    }

    /// Waits up to `slice` for the next batch and returns its writer's place too. `None` if none came; `Some(Ok(None))` is
    /// the end.
    pub(super) fn next(
        &mut self,
        slice: Duration,
        keep: Keep,
    ) -> Option<Result<Option<(usize, Kept)>, SourceError>> {
        Some(match self {
            Source::One(receiver) => match receiver.next_batch_with(Wait::sleeping().at_most(slice)) {
                Err(ReceiveError::TimedOut) => return None,
                Err(error) => Err(SourceError::One(error)),
                Ok(None) => Ok(None),
                Ok(Some(batch)) => {
                    batch.into_kept(keep).map(|kept| Some((0, kept))).map_err(SourceError::One)
                }
            },
            Source::Several(merge) => match merge.next_kept(Some(slice), keep) {
                Err(MergeError::TimedOut) => return None,
                Err(error) => Err(SourceError::Several(error)),
                Ok(arrived) => Ok(arrived.map(|arrived| (arrived.place, arrived.kept))),
            },
        })
    }

    /// Returns the batches that writers skipped this reader for, as far as that is known without asking.
    pub(super) fn skipped(&self) -> u64 {
        match self {
            Source::One(receiver) => receiver.missed_so_far(),
            Source::Several(merge) => merge.sources().iter().map(MergeSource::missed_so_far).sum(),
        }
    }

    pub(super) fn summary(&self) -> Summary {
        let (schema, skipped) = (self.schema().clone(), self.skipped());
        match self {
            Source::One(receiver) => Summary {
                schema,
                writers: vec![OneWriter {
                    name: None,
                    pid: receiver.peer().pid,
                    delivery: receiver.delivery(),
                    before: receiver.missed_before(),
                    outstanding: receiver.outstanding().clone(),
                }],
                stats: receiver.stats(),
                skipped,
                pool: pool(receiver),
            },
            Source::Several(merge) => Summary {
                schema,
                writers: merge.sources().iter().map(of).collect(),
                stats: merge.stats(),
                skipped,
                pool: 0,
            },
        }
    }
}

fn of(source: &MergeSource) -> OneWriter {
    OneWriter {
        name: Some(source.name().to_owned()),
        pid: source.peer().pid,
        delivery: source.delivery(),
        before: source.missed_before(),
        outstanding: source.outstanding().clone(),
    }
}

fn pool(receiver: &Receiver) -> usize {
    let bytes = receiver.sender_stats().map_or(0, |stats| stats.slots.saturating_mul(stats.slot_size));
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

impl Summary {
    /// Returns what the writers had sent before this reader came, together.
    pub(super) fn before(&self) -> Missed {
        self.writers.iter().fold(Missed::default(), |sum, writer| Missed {
            batches: sum.batches.saturating_add(writer.before.batches),
            rows: sum.rows.saturating_add(writer.before.rows),
        })
    }

    /// Returns the delivery, or `"mixed"`.
    pub(super) fn delivery(&self) -> &'static str {
        let name = |delivery| match delivery {
            Delivery::Pooled => "pooled",
            Delivery::Copied => "copied",
            Delivery::Sealed => "sealed",
        };
        let mut writers = self.writers.iter().map(|writer| name(writer.delivery));
        let first = writers.next().unwrap_or("mixed");
        if writers.all(|other| other == first) { first } else { "mixed" }
    }
}
