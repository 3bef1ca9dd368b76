//! A receiver as a stream, for async programs.
//!
//! # Safety
//!
//! Tokio watches a descriptor by its number, so that number must stay open and stay the same file while it is
//! watched. Here it is an `OwnedFd` inside the `AsyncFd` itself.
#![allow(unsafe_code)]

use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use bowstring_transport::Wait;
use futures_core::Stream;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::{ReceiveError, Receiver};

/// The batches of a table as a [`Stream`]. While none comes, the task sleeps on a descriptor and blocks no thread.
///
/// An error is the last item.
#[derive(Debug)]
pub struct BatchStream {
    receiver: Receiver,
    ready: AsyncFd<OwnedFd>,
    armed: bool,
    over: bool,
}

impl Receiver {
    /// Turns the rest of the table into a stream.
    ///
    /// # Panics
    /// Outside a Tokio runtime with I/O enabled.
    pub fn into_stream(self) -> Result<BatchStream, ReceiveError> {
        let descriptor = self.pollable()?;
        // SAFETY: the `AsyncFd` owns the descriptor, and nobody else has its number: see the top of this file.
        let ready = unsafe { AsyncFd::register_with_interest(descriptor, Interest::READABLE) };
        let ready = ready.map_err(|error| ReceiveError::Runtime(std::io::Error::from(error).kind()))?;
        Ok(BatchStream { receiver: self, ready, armed: false, over: false })
    }
}

impl BatchStream {
    /// Returns the schema.
    #[must_use]
    pub fn schema(&self) -> &SchemaRef {
        self.receiver.schema()
    }

    /// Returns the receiver, for its statistics.
    #[must_use]
    pub fn receiver(&self) -> &Receiver {
        &self.receiver
    }

    /// Receives what is there already; `None` if there is nothing.
    fn take(&mut self) -> Option<Option<Result<RecordBatch, ReceiveError>>> {
        let item = match self.receiver.next_batch_with(Wait::sleeping().at_most(Duration::ZERO)) {
            Ok(Some(batch)) => Some(batch.into_record_batch()),
            Ok(None) => None,
            Err(ReceiveError::TimedOut) => return None,
            Err(error) => Some(Err(error)),
        };
        self.over = !matches!(item, Some(Ok(_)));
        Some(item)
    }
}

impl Stream for BatchStream {
    type Item = Result<RecordBatch, ReceiveError>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if this.over {
            return Poll::Ready(None);
        }
        loop {
            if std::mem::take(&mut this.armed) {
                this.receiver.disarm();
            }
            if let Some(item) = this.take() {
                return Poll::Ready(item);
            }
            this.armed = this.receiver.arm();
            if !this.armed {
                // Something has come meanwhile.
                continue;
            }
            match this.ready.poll_read_ready(context) {
                Poll::Pending => return Poll::Pending,
                // Cleared before the wake-ups are discarded, so that one that comes in between is not missed.
                Poll::Ready(Ok(mut guard)) => guard.clear_ready(),
                Poll::Ready(Err(error)) => {
                    this.over = true;
                    return Poll::Ready(Some(Err(ReceiveError::Runtime(error.kind()))));
                }
            }
        }
    }
}
