//! The batches still to come, as a stream for another library.

use std::time::Duration;

use arrow_array::{RecordBatch, RecordBatchReader};
use arrow_schema::{ArrowError, SchemaRef};
use bowstring::turn::Turn;

use super::channel::{Channel, Fault, Keeping};
use crate::capsule::Request;
use crate::gil;
use crate::wait::SLICE;

pub(crate) struct Incoming {
    turn: Turn<Channel>,
    schema: SchemaRef,
    request: Request,
}

impl Incoming {
    pub(super) fn new(turn: Turn<Channel>, schema: SchemaRef, request: Request) -> Incoming {
        Incoming { turn, schema: request.schema(schema), request }
    }

    /// Tries for a slice; `None` if nothing came.
    fn attempt(&self, slice: Duration) -> Option<Option<Result<RecordBatch, ArrowError>>> {
        let mut channel = self.turn.take(slice)?;
        let outcome = channel.next_within(slice, Keeping::Quietly)?;
        Some(match outcome {
            // A library takes what it got for the whole.
            Ok(None) => channel.missing().words().map(|words| Err(ArrowError::IpcError(words))),
            Ok(Some(next)) => Some(self.request.apply(next.batch)),
            Err(Fault::Receive(error)) => Some(Err(ArrowError::IpcError(error.to_string()))),
            Err(Fault::Merge(error)) => Some(Err(ArrowError::IpcError(error.to_string()))),
            Err(Fault::SetUp(error)) => Some(Err(ArrowError::IpcError(error.to_string()))),
            Err(Fault::Choice(error)) => Some(Err(ArrowError::ComputeError(error.to_string()))),
        })
    }
}

impl Iterator for Incoming {
    type Item = Result<RecordBatch, ArrowError>;
    fn next(&mut self) -> Option<Self::Item> {
        if let Some(outcome) = self.attempt(Duration::ZERO) {
            return outcome;
        }
        loop {
            match gil::released(|| self.attempt(SLICE)) {
                Err(gil::Interrupted) => return Some(Err(ArrowError::IpcError("interrupted".into()))),
                Ok(Some(outcome)) => return outcome,
                Ok(None) => {}
            }
        }
    }
}

impl RecordBatchReader for Incoming {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }
}
