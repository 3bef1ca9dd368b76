//! Batches read by a separate thread, so that the caller can do other things while there are none.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};
use std::thread::{self, JoinHandle};

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use bowstring_compact::Misfit;
use rustix::event::{EventfdFlags, eventfd};

use crate::SourceError;
use crate::compact::Shared;
use crate::window::Window;

/// Batches that are read ahead.
const AHEAD: usize = 2;

/// The next item of a source.
#[derive(Debug)]
pub enum Next {
    /// A batch.
    Batch(RecordBatch),
    /// Nothing yet: see [`Waiting::ready`].
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
    compacted: Option<Shared>,
}

#[derive(Debug)]
struct Running {
    batches: Receiver<Result<RecordBatch, SourceError>>,
    ready: Arc<OwnedFd>,
    thread: JoinHandle<Window>,
}

impl Waiting {
    pub(crate) fn new(window: Window) -> Waiting {
        let (schema, rows) = (window.schema().clone(), window.rows());
        let compacted = window.compacted();
        Waiting { window: Some(window), running: None, schema, rows, compacted }
    }

    pub(crate) fn compacted(&self) -> Option<&Shared> {
        self.compacted.as_ref()
    }

    pub(crate) fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    pub(crate) fn rows(&self) -> Option<u64> {
        self.rows
    }

    /// Waits for the next batch.
    pub fn next_batch(&mut self) -> Result<Option<RecordBatch>, SourceError> {
        let Some(running) = self.running()? else { return Ok(None) };
        running.batches.recv().map_or(Ok(None), |batch| batch.map(Some))
    }

    /// Returns the next batch if there is one already, and begins to read if nobody has.
    pub fn poll_next(&mut self) -> Result<Next, SourceError> {
        let Some(running) = self.running()? else { return Ok(Next::End) };
        let mut next = running.batches.try_recv();
        if matches!(next, Err(TryRecvError::Empty)) {
            // What comes from here on makes it readable again; what came just before is found now.
            let _ = rustix::io::read(&running.ready, &mut [0; 8]);
            next = running.batches.try_recv();
        }
        match next {
            Ok(batch) => batch.map(Next::Batch),
            Err(TryRecvError::Empty) => Ok(Next::Idle),
            Err(TryRecvError::Disconnected) => Ok(Next::End),
        }
    }

    /// Returns a descriptor that is readable when a batch has come, or the end, since [`Next::Idle`].
    #[must_use]
    pub fn ready(&self) -> Option<BorrowedFd<'_>> {
        self.running.as_ref().map(|running| running.ready.as_fd())
    }

    fn running(&mut self) -> Result<Option<&Running>, SourceError> {
        if let Some(window) = self.window.take() {
            self.running = Some(start(window)?);
        }
        Ok(self.running.as_ref())
    }

    pub(crate) fn rewind(&mut self) -> Result<(), SourceError> {
        self.stop()?;
        self.window.as_mut().map_or(Ok(()), Window::rewind)
    }

    /// Goes on with the rows that did not fit, if there are any; returns the value that did not.
    pub(crate) fn widen(&mut self) -> Result<Option<Misfit>, SourceError> {
        self.stop()?;
        let Some(window) = &mut self.window else { return Ok(None) };
        let misfit = window.widen();
        if misfit.is_some() {
            (self.schema, self.rows, self.compacted) = (window.schema().clone(), None, None);
        }
        Ok(misfit)
    }

    /// Waits for the thread that reads, which ends with the next batch that nobody takes.
    fn stop(&mut self) -> Result<(), SourceError> {
        if let Some(Running { batches, thread, .. }) = self.running.take() {
            drop(batches);
            let window = thread.join();
            self.window =
                Some(window.map_err(|_| SourceError::internal("the thread that reads has broken off"))?);
        }
        Ok(())
    }
}

fn start(mut window: Window) -> Result<Running, SourceError> {
    let (give, batches) = sync_channel(AHEAD);
    let ready = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK);
    let ready = ready.map_err(|error| SourceError::host("cannot make an eventfd", &error.into()))?;
    let ready = Arc::new(ready);
    let tell = Arc::clone(&ready);
    let thread = thread::Builder::new().name("source".to_owned()).spawn(move || {
        // Told last, also where reading panics: the end is found by who wakes up.
        let _bell = Bell(tell.clone());
        let give = give;
        loop {
            match window.next() {
                Ok(Some(batch)) => {
                    if give.send(Ok(batch)).is_err() {
                        return window;
                    }
                    ring(&tell);
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
    Ok(Running { batches, ready, thread })
}

/// Makes the descriptor readable. It is full only if it is readable already.
fn ring(ready: &OwnedFd) {
    let _ = rustix::io::write(ready, &1u64.to_ne_bytes());
}

/// Rings when it goes.
struct Bell(Arc<OwnedFd>);

impl Drop for Bell {
    fn drop(&mut self) {
        ring(&self.0);
    }
}
