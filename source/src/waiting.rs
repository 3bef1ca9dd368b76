//! Batches read by a separate thread, so that the caller can do other things while there are none.

use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;

use crate::SourceError;
use crate::window::Window;

/// Batches that are read ahead.
const AHEAD: usize = 2;

/// The next item of a source.
#[derive(Debug)]
pub enum Next {
    /// A batch.
    Batch(RecordBatch),
    /// Nothing yet: the deadline passed.
    Idle,
    /// There are no more.
    End,
}

/// Batches that may be slow to come.
#[derive(Debug)]
pub struct Waiting {
    /// `None` while the thread runs.
    window: Option<Window>,
    running: Option<Running>,
    schema: SchemaRef,
    rows: Option<u64>,
}

#[derive(Debug)]
struct Running {
    batches: Receiver<Result<RecordBatch, SourceError>>,
    thread: JoinHandle<Window>,
}

impl Waiting {
    pub(crate) fn new(window: Window) -> Waiting {
        let (schema, rows) = (window.schema().clone(), window.rows());
        Waiting { window: Some(window), running: None, schema, rows }
    }

    pub(crate) fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    pub(crate) fn rows(&self) -> Option<u64> {
        self.rows
    }

    /// Waits for the next batch.
    pub fn next_batch(&mut self) -> Result<Option<RecordBatch>, SourceError> {
        match self.next_until(None)? {
            Next::Batch(batch) => Ok(Some(batch)),
            Next::Idle | Next::End => Ok(None),
        }
    }

    /// Waits for the next batch, until `deadline` if there is one.
    ///
    /// Handle signals and newcomers whenever this is [`Next::Idle`].
    pub fn next_until(&mut self, deadline: Option<Instant>) -> Result<Next, SourceError> {
        if let Some(window) = self.window.take() {
            self.running = Some(start(window)?);
        }
        let Some(running) = &self.running else { return Ok(Next::End) };
        let next = match deadline {
            None => running.batches.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(deadline) => {
                running.batches.recv_timeout(deadline.saturating_duration_since(Instant::now()))
            }
        };
        match next {
            Ok(batch) => batch.map(Next::Batch),
            Err(RecvTimeoutError::Timeout) => Ok(Next::Idle),
            Err(RecvTimeoutError::Disconnected) => Ok(Next::End),
        }
    }

    pub(crate) fn rewind(&mut self) -> Result<(), SourceError> {
        let window = match self.running.take() {
            Some(Running { batches, thread }) => {
                // It ends with the next batch that nobody takes.
                drop(batches);
                Some(
                    thread
                        .join()
                        .map_err(|_| SourceError::internal("the thread that reads has broken off"))?,
                )
            }
            None => self.window.take(),
        };
        if let Some(mut window) = window {
            window.rewind()?;
            self.window = Some(window);
        }
        Ok(())
    }
}

fn start(mut window: Window) -> Result<Running, SourceError> {
    let (give, batches) = sync_channel(AHEAD);
    let thread = thread::Builder::new().name("source".to_owned()).spawn(move || {
        loop {
            match window.next() {
                Ok(Some(batch)) => {
                    if give.send(Ok(batch)).is_err() {
                        return window;
                    }
                }
                Ok(None) => return window,
                Err(error) => {
                    let _ = give.send(Err(error));
                    return window;
                }
            }
        }
    });
    let thread = thread.map_err(|error| SourceError::host("cannot start a thread", &error))?;
    Ok(Running { batches, thread })
}
