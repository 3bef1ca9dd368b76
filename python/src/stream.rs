//! Streams that this module exports.

use std::collections::VecDeque;

use arrow_array::{RecordBatch, RecordBatchReader};
use arrow_schema::{ArrowError, SchemaRef};

use crate::capsule::Request;

/// Batches that are there, as a stream.
pub(crate) struct Batches {
    schema: SchemaRef,
    batches: VecDeque<RecordBatch>,
    request: Request,
}

impl Batches {
    pub(crate) fn new(
        schema: SchemaRef,
        batches: impl IntoIterator<Item = RecordBatch>,
        request: Request,
    ) -> Batches {
        Batches { schema: request.schema(schema), batches: batches.into_iter().collect(), request }
    }
}

impl Iterator for Batches {
    type Item = Result<RecordBatch, ArrowError>;
    fn next(&mut self) -> Option<Self::Item> {
        self.batches.pop_front().map(|batch| self.request.apply(batch))
    }
}

impl RecordBatchReader for Batches {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }
}
